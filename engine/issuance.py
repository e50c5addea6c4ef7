"""Issuance: the part of a simulation that opens routes between venues and issuers of tokens (sections K and I).

With names and units. Stands on `engine.borrowers`. `Simulation` inherits it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.borrowers import Borrowers
from engine.declared import Asset, share_ppm
from engine.errors import InputError
from engine.units import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.units import Amount

__all__ = ["Issuance", "Issuer", "Route"]

DAY_MS = 86_400_000
PPB = 10**9
RATE_MOST = 2**52


@dataclass(frozen=True)
class Route:
    """A way of an asset from a venue to another: its number in the world and the account of what is on its way."""

    name: str
    number: int
    asset: Asset
    venue: int
    to_venue: int
    account: int

    def __index__(self) -> int:
        """Stand for the route's number wherever the core wants one."""
        return self.number


@dataclass(frozen=True)
class Issuer:
    """Who makes a token for backing: its number in the world, its assets and its accounts."""

    name: str
    number: int
    backing: Asset
    token: Asset
    staked: Asset | None
    venue: int
    account: int
    vault: int | None
    cooling: int | None

    def __index__(self) -> int:
        """Stand for the issuer's number wherever the core wants one."""
        return self.number


class Issuance(Borrowers):
    """Open routes and issuers; for a class that has a world."""

    routes: dict[str, Route]
    issuers: dict[str, Issuer]

    def route(
        self,
        name: str,
        asset: Asset,
        venue: int,
        to_venue: int,
        *,
        least_ms: int,
        law: tuple[str, float] | tuple[str, float, float] | None = None,
        fee: Amount = 0,
        cap: Amount = 0,
        cap_ms: int = DAY_MS,
        outages: Sequence[tuple[int, int]] = (),
    ) -> Route:
        """Open a route that carries an asset from a venue to another, or within one (K-1 .. K-4).

        Parameters
        ----------
        name : str
            Its name, key of its draws.
        asset : Asset
            What it carries.
        venue, to_venue : int
            From where, to where.
        least_ms : int
            How long a transfer is on its way at least, ms.
        law : tuple, optional
            (name, a[, b]) of what comes on top, ms, such as ``("lognormal", 600_000, 0.5)``.
        fee : number
            Of each transfer, in the asset; to the fees of `venue`.
        cap : number
            So much may leave at most in each window of `cap_ms`; 0: any.
        cap_ms : int
            Length of the cap's windows, ms.
        outages : sequence of tuple of int
            Windows (from_ms, to_ms), ascending, in which nothing leaves and nothing arrives.

        Returns
        -------
        Route

        Raises
        ------
        InputError
            Names the argument; nothing was opened.

        Notes
        -----
        O(windows).

        Examples
        --------
        >>> from engine import Simulation
        >>> sim = Simulation(seed=1)
        >>> usdt = sim.asset("USDT", decimals=6, supply="1000000")
        >>> second = sim.venue("second")
        >>> here, there = sim.account("here", USDT="100"), sim.account("there", second)
        >>> bridge = sim.route("bridge", usdt, 0, second, least_ms=60_000, fee="1")
        >>> sim.world.act(here, "transfer", bridge, usdt.atoms("50"), party=there)
        (0, 50000000, 49000000)
        >>> events = sim.run(until_ms=60_000)
        >>> sim.world.balance(there, usdt.number)
        (49000000, 0)
        """
        self._new_name(name, self.routes)
        own = self._own_asset(asset, "asset")
        transit = f"on its way over {name}"
        self._new_account_name(transit)
        number = self.world.add_route(
            own.number,
            venue,
            to_venue,
            key=name,
            least_ms=least_ms,
            law=law,
            fee_atoms=own.atoms(fee, "fee"),
            cap_atoms=own.atoms(cap, "cap"),
            cap_ms=cap_ms,
            outages=outages,
        )
        account = self.world.route(number)["account"]
        self.accounts.add(account, transit)
        self.routes[name] = Route(name, number, own, venue, to_venue, account)
        return self.routes[name]

    def issuer(
        self,
        name: str,
        backing: Asset,
        token: Asset,
        *,
        account: int,
        venue: int = 0,
        rate: Amount = 1,
        growth: Amount = 0,
        growth_ms: int = 0,
        mint_fee: Amount = 0,
        redeem_fee: Amount = 0,
        mint_cap: Amount = 0,
        redeem_cap: Amount = 0,
        cap_ms: int = DAY_MS,
        listed: Sequence[int] | None = None,
        staked: Asset | None = None,
        cooldown_ms: int = 0,
        outages: Sequence[tuple[int, int]] = (),
    ) -> Issuer:
        """Open an issuer: it makes a token for backing and destroys it again (I-1 .. I-4).

        Parameters
        ----------
        name : str
            Its name.
        backing, token : Asset
            What it takes and what it makes.
        account : int
            The trader's account that holds the backing and may trade with it.
        venue : int
            Where others act at it.
        rate : number
            Backing that a token is worth.
        growth : number
            By what share of what it is now the rate grows in each `growth_ms` from now on.
        growth_ms : int
            That interval, ms; 0: the rate stands.
        mint_fee, redeem_fee : number
            As shares; they stay with the backing.
        mint_cap, redeem_cap : number
            Tokens in each window of `cap_ms` at most; 0: any.
        cap_ms : int
            Length of the caps' windows, ms: a block's, an hour's.
        listed : sequence of int, optional
            Accounts that may mint and redeem; without it all.
        staked : Asset, optional
            What stands for staked tokens; without it there is no staking.
        cooldown_ms : int
            From unstaking to the tokens, ms.
        outages : sequence of tuple of int
            Windows (from_ms, to_ms), ascending, in which it does nothing.

        Returns
        -------
        Issuer

        Raises
        ------
        InputError
            Names the argument; nothing was opened.

        Notes
        -----
        O(windows + listed log listed).

        Examples
        --------
        >>> from engine import Simulation
        >>> sim = Simulation(seed=1)
        >>> usdt, usde = (sim.asset(name, decimals=6, supply="1000000") for name in ("USDT", "USDe"))
        >>> treasury, user = sim.account("treasury"), sim.account("user", USDT="100")
        >>> dollar = sim.issuer("dollar", usdt, usde, account=treasury, mint_fee="0.001")
        >>> sim.world.act(user, "mint", dollar, usdt.atoms("100"))
        (0, 100000000, 99900000)
        >>> sim.world.issuer(dollar)["supply"]
        99900000
        """
        self._new_name(name, self.issuers)
        backs, makes = self._own_asset(backing, "backing"), self._own_asset(token, "token")
        stands = None if staked is None else self._own_asset(staked, "staked")
        names = [f"vault of {name}", f"cooldown of {name}"]
        for own in names:
            self._new_account_name(own)
        number = self.world.add_issuer(
            backs.number,
            makes.number,
            account=account,
            venue=venue,
            rate_ppb=_rate_ppb(rate, backs, makes),
            growth_ppb=_growth_ppb(growth),
            growth_ms=growth_ms,
            mint_ppm=share_ppm(mint_fee, "mint_fee"),
            redeem_ppm=share_ppm(redeem_fee, "redeem_fee"),
            mint_cap_atoms=makes.atoms(mint_cap, "mint_cap"),
            mint_cap_ms=cap_ms,
            redeem_cap_atoms=makes.atoms(redeem_cap, "redeem_cap"),
            redeem_cap_ms=cap_ms,
            listed=listed,
            staked=None if stands is None else stands.number,
            cooldown_ms=cooldown_ms,
            outages=outages,
        )
        told = self.world.issuer(number)
        vault, cooling = told["vault"], told["cooling"]
        for own, account_ in zip(names, (vault, cooling), strict=True):
            if account_ is not None:
                self.accounts.add(account_, own)
        self.issuers[name] = Issuer(name, number, backs, makes, stands, venue, account, vault, cooling)
        return self.issuers[name]


def _rate_ppb(rate: Amount, backing: Asset, token: Asset) -> int:
    """Return what 10^9 atoms of the token are worth in atoms of the backing; exact or refused."""
    count = Grid(f"1E{token.decimals - backing.decimals - 9}").count(rate, "rate")
    if not 1 <= count <= RATE_MOST:
        raise InputError("rate", f"backing for a token: 1 to {RATE_MOST} atoms of it for 10^9 of the token", rate)
    return count


def _growth_ppb(growth: Amount) -> int:
    count = Grid("1E-9").count(growth, "growth")
    if not 0 <= count <= PPB:
        raise InputError("growth", "a share between 0 and 1", growth)
    return count
