"""Venues: the part of a simulation that declares assets, venues, markets and how margin works there.

With names and units. Stands on `engine.venue_policies`, `engine.declared` and the tables of `engine.tiers`,
`engine.haircuts`, `engine.margin`.
`Simulation` inherits it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import margin
from engine.declared import Asset, Market, share_ppm
from engine.errors import InputError
from engine.haircuts import CollateralTable
from engine.margin import Ladder
from engine.schedules import named
from engine.tiers import TierTable
from engine.units import EXACT, Amount, Grid, exact, whole_steps
from engine.venue_policies import VenuePolicies, policy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from engine.declared import Plan
    from engine.policy import Policy

__all__ = ["LADDERS", "Venues", "ladder_named"]

ATOMS_MAX = 2**61
PPM = 10**6
LADDERS: dict[str, Callable[[], Ladder]] = {
    "binance-futures": margin.binance_futures,
    "binance-portfolio-margin": margin.binance_portfolio_margin,
    "bybit": margin.bybit,
    "okx": margin.okx,
    "hyperliquid": margin.hyperliquid,
    "dydx": margin.dydx,
}


def ladder_named(name: object, field: str = "ladder") -> Ladder:
    """Return a venue's ladder by its name.

    Examples
    --------
    >>> len(ladder_named("binance-portfolio-margin").boundaries)
    3
    """
    return named(LADDERS, field, name)()


class Venues(VenuePolicies):
    """Declare assets, venues and markets; for a class that has a world."""

    markets: dict[str, Market]
    ladders: dict[int, Ladder]
    plan: Plan | None

    def _new_name(self, name: object, names: Container[str]) -> None:
        if not isinstance(name, str) or not name or name in names:
            raise InputError("name", "a new, non-empty name", name)

    def _own_market(self, market: object) -> Market:
        if not isinstance(market, Market) or self.markets.get(market.name) is not market:
            raise InputError("market", "a market of this simulation", market)
        return market

    def asset(self, name: str, *, decimals: int, supply: Amount) -> Asset:
        """Declare an asset (U-4)."""
        self._new_name(name, {*self.assets, "mode"})  # `account` takes deposits by asset, and a mode
        if decimals not in range(10) or isinstance(decimals, (bool, float)):
            raise InputError("decimals", "an integer between 0 and 9", decimals)
        grid = Grid(f"1E-{decimals}")
        atoms = grid.count(supply, "supply")
        if not 1 <= atoms <= ATOMS_MAX:
            raise InputError("supply", f"1 to 2^61 atoms of {grid.step_text}", supply)
        self.assets[name] = Asset(name, self.world.add_asset(atoms), grid, atoms)
        return self.assets[name]

    def _grids(self, quote: Asset, tick: str, lot: str) -> tuple[Grid, Grid, int]:
        """Check that a tick of a lot is a whole number of quote atoms (U-5)."""
        sizes = exact(tick, "tick"), exact(lot, "lot")
        for field, size in zip(("tick", "lot"), sizes, strict=True):
            if size <= 0:
                raise InputError(field, "a positive size", size)
        worth, is_whole = whole_steps(EXACT.multiply(*sizes), quote.grid.step, "tick")
        if not is_whole:
            expected = f"tick x lot to be whole atoms of {quote.name} ({quote.grid.step_text})"
            raise InputError("tick", expected, f"{tick} x {lot}")
        return Grid(str(sizes[0])), Grid(str(sizes[1])), worth

    # ---- venues ------------------------------------------------------------------------------------------------------

    def venue(
        self,
        name: str,
        *,
        ladder: Ladder | str | None = None,
        liquidation: Policy | str | None = None,
        service_us: int = 0,
    ) -> int:
        """Open another venue, once there is an asset; venue 0, without a name, is there from the start (V-8).

        Parameters
        ----------
        name : str
            Its name.
        ladder : Ladder or str, optional
            What happens as an account's margin ratio falls (C-4): a `Ladder`, or the name of a venue's such as
            ``"binance-portfolio-margin"``. By default liquidation below the requirement.
        liquidation : Policy or str, optional
            How it liquidates (section X): a `Policy`, or the name of a venue's such as ``"binance-futures"``. By
            default a quarter of a position each second as market orders. Amounts of a policy are in the venue's unit
            of account, without one in what its first perpetual settles in.
        service_us : int
            Time that its gateway takes for a message, microseconds.

        Returns
        -------
        int
            Its number.
        """
        self._new_name(name, self.venues)
        rungs, policy = self._ladder(ladder), policy_of(liquidation)
        number = self.world.add_venue(service_us=service_us, **policy.steps)
        self.venues.append(name)
        self.own_accounts[number] = self.world.account_count - 3
        self._climb(number, rungs)
        self._liquidate(number, policy)
        for offset, what in enumerate(("fees", "insurance fund", "bad debt")):
            own = f"{what} of {name}"
            if self.accounts.is_taken(own):
                raise InputError("name", "a new, non-empty name", name)
            self.accounts.add(self.world.account_count - 3 + offset, own)
        return number

    def _ladder(self, ladder: Ladder | str | None) -> Ladder | None:
        """Return a ladder that the world takes, or refuse it."""
        if ladder is None:
            return None
        found = ladder_named(ladder) if isinstance(ladder, str) else ladder
        if not isinstance(found, Ladder):
            raise InputError("ladder", "a Ladder, or the name of one", ladder)
        last = [boundary.action == margin.MarginAction.LIQUIDATE for boundary in found.boundaries]
        if not last[-1] or any(last[:-1]):
            raise InputError("ladder", "a ladder whose last boundary, and no other, liquidates", ladder)
        return found

    def _climb(self, venue: int, ladder: Ladder | None) -> None:
        """Give a venue a ladder that `_ladder` has found good."""
        if ladder is None:
            return
        rows = [(int(each.action), each.ratio_ppm, bool(each.comparator)) for each in ladder.boundaries]
        self.world.set_ladder(venue, rows)
        self.ladders[venue] = ladder

    def collateral(
        self,
        venue: int,
        asset: Asset,
        *,
        market: Market | None = None,
        value: CollateralTable | Amount | None = None,
        loan: Amount = 0,
        lender: int | None = None,
    ) -> None:
        """Let an asset count in the unified accounts of a venue (C-3); the first one is the unit of account.

        Parameters
        ----------
        venue : int
            Where.
        asset : Asset
            Which.
        market : Market, optional
            The spot market, of this asset against the unit of account, whose index prices it; none for the unit itself.
        value : CollateralTable or number, optional
            What counts of it (`engine.haircuts`), or one share for all amounts; without it all counts.
        loan : number
            Maintenance of what is owed of it, as a share.
        lender : int, optional
            The account that lends it (L-12).

        Raises
        ------
        InputError
            Names the argument; nothing was declared.

        Examples
        --------
        >>> from engine import Simulation
        >>> from engine.haircuts import binance_pm_pro
        >>> sim = Simulation(seed=1)
        >>> usdt, pengu = (sim.asset(name, decimals=6, supply="1000000000") for name in ("USDT", "PENGU"))
        >>> spot = sim.spot("PENGU/USDT", pengu, usdt, tick="0.00001", lot="1")
        >>> sim.collateral(0, usdt)
        >>> sim.collateral(0, pengu, market=spot, value=binance_pm_pro("PENGU"))
        """
        own = self._own_asset(asset, "asset")
        unit = self.units_of_account.get(venue, own)
        if market is not None:
            self._own_market(market)
        schedule, loan_ppm = None, share_ppm(loan, "loan")
        if isinstance(value, CollateralTable):
            schedule = self.world.add_schedule(value.atoms(unit.decimals), value.value_ppm, kind="value")
        elif value is not None:
            schedule = self.world.add_schedule((0,), (share_ppm(value, "value"),), kind="value")
        if venue not in self.units_of_account:
            self._money_known(venue, own)
        number = None if market is None else market.number
        self.world.add_collateral(venue, own.number, market=number, value=schedule, loan_ppm=loan_ppm, lender=lender)
        self.units_of_account.setdefault(venue, own)

    # ---- markets -----------------------------------------------------------------------------------------------------

    def spot(
        self,
        name: str,
        base: Asset,
        quote: Asset,
        *,
        tick: str,
        lot: str,
        price_min: int = 1,
        taker_fee: Amount = 0,
        maker_fee: Amount = 0,
        venue: int = 0,
    ) -> Market:
        """Open a spot market; fees are shares of what a side receives (L-4)."""
        self._new_name(name, self.markets)
        self._own_asset(base, "base")
        price, quantity, worth = self._grids(self._own_asset(quote, "quote"), tick, lot)
        number = self.world.add_spot(
            base.number,
            quote.number,
            atoms_per_tick_lot=worth,
            base_atoms_per_lot=base.grid.count(lot, "lot"),
            price_min=price_min,
            taker_fee_ppm=share_ppm(taker_fee, "taker_fee"),
            maker_fee_ppm=share_ppm(maker_fee, "maker_fee"),
            venue=venue,
        )
        self.markets[name] = Market(name, number, price, quantity, worth, quote, base, venue)
        return self.markets[name]

    def perpetual(
        self,
        name: str,
        settle: Asset,
        *,
        tick: str,
        lot: str,
        maintenance: Amount | None = None,
        initial: Amount | None = None,
        tiers: TierTable | None = None,
        price_stale_ms: int = 0,
        taker_fee: Amount = 0,
        maker_fee: Amount = 0,
        venue: int = 0,
    ) -> Market:
        """Open a linear perpetual; rates are shares (``"0.02"`` is 2 %).

        Parameters
        ----------
        name : str
            Its name.
        settle : Asset
            In which it settles.
        tick, lot : str
            Steps of price and quantity.
        maintenance, initial : number, optional
            Maintenance and initial rate for all sizes; without an initial one new positions are not gated (C-6).
        tiers : TierTable, optional
            In place of both: the venue's table (`engine.tiers`).
        price_stale_ms : int
            A mark older than this is unknown (C-5); 0: never.
        taker_fee, maker_fee : number
            Shares of the notional (L-8).
        venue : int
            Where.

        Returns
        -------
        Market

        Raises
        ------
        InputError
            Names the argument; nothing was opened.

        Examples
        --------
        >>> from engine import Simulation
        >>> from engine.tiers import binance
        >>> sim = Simulation(seed=1)
        >>> usdt = sim.asset("USDT", decimals=6, supply="1000000000")
        >>> sim.perpetual("ATOM-PERP", usdt, tick="0.001", lot="0.01", tiers=binance("ATOMUSDT")).number
        0
        """
        self._new_name(name, self.markets)
        price, quantity, worth = self._grids(self._own_asset(settle, "settle"), tick, lot)
        self._money_known(venue, settle)
        rates = self._rates(settle, maintenance, initial, tiers)
        number = self.world.add_perpetual(
            settle.number,
            atoms_per_tick_lot=worth,
            price_stale_ms=price_stale_ms,
            taker_fee_ppm=share_ppm(taker_fee, "taker_fee"),
            maker_fee_ppm=share_ppm(maker_fee, "maker_fee"),
            venue=venue,
            **rates,
        )
        self.settles.setdefault(venue, settle)
        self.markets[name] = Market(name, number, price, quantity, worth, settle, None, venue)
        return self.markets[name]

    def breaker(self, market: Market, *, fall: Amount, within_ms: int, halt_ms: int) -> None:
        """Let a market halt after a fall: it refuses orders for a while, and cancels pass (V-9).

        Parameters
        ----------
        market : Market
            Spot or perpetual, without a breaker.
        fall : number
            How far below the highest trade price of late a trade halts it, a share.
        within_ms : int
            How long a trade counts for that price, at least, ms; up to an eighth more.
        halt_ms : int
            How long a halt is, ms.

        Raises
        ------
        InputError
            Names the argument; nothing was declared.

        Examples
        --------
        >>> from engine import Simulation
        >>> sim = Simulation(seed=1)
        >>> usdt = sim.asset("USDT", decimals=6, supply="1000000000")
        >>> perp = sim.perpetual("ATOM-PERP", usdt, tick="0.001", lot="0.01", maintenance="0.02")
        >>> sim.breaker(perp, fall="0.10", within_ms=300_000, halt_ms=300_000)
        >>> sim.world.breaker(perp)  # the reference price, and until when it is halted
        (None, None)
        """
        own, fall_ppm = self._own_market(market), share_ppm(fall, "fall")
        if not 1 <= fall_ppm < PPM:
            raise InputError("fall", "a share above 0 and below 1", fall)
        self.world.add_breaker(own.number, fall_ppm=fall_ppm, within_ms=within_ms, halt_ms=halt_ms)

    def _rates(
        self, settle: Asset, maintenance: Amount | None, initial: Amount | None, tiers: TierTable | None
    ) -> dict[str, int]:
        """Return a perpetual's requirements as the core takes them: one rate, or the numbers of schedules."""
        if (tiers is None) == (maintenance is None):
            raise InputError("maintenance", "one of maintenance and tiers", "both" if tiers is not None else "neither")
        if tiers is None:
            maintenance_ppm = share_ppm(maintenance, "maintenance")  # type: ignore[arg-type]  # it is given: seen above
            if initial is None:
                return {"maintenance_ppm": maintenance_ppm}
            initial_ppm = share_ppm(initial, "initial")
            if initial_ppm < maintenance_ppm:
                raise InputError("initial", f"at least the maintenance rate {maintenance}", initial)
            return {"maintenance_ppm": maintenance_ppm, "initial": self.world.add_schedule((0,), (initial_ppm,))}
        if not isinstance(tiers, TierTable):
            raise InputError("tiers", 'a table of engine.tiers such as binance("ATOMUSDT")', tiers)
        if initial is not None:
            raise InputError("initial", "nothing: the table has initial rates", initial)
        floors = tiers.atoms(settle.decimals)
        return {
            "maintenance": self.world.add_schedule(floors, tiers.maintenance_ppm),
            "initial": self.world.add_schedule(floors, tiers.initial_ppm),
        }
