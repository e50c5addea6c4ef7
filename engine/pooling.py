"""Pooling: the part of a simulation that opens pools, adds to them and swaps (Z-16, Z-17).

With names and units. Stands on `engine.lenders`. `engine.borrowers` inherits it, for bots and loopers trade in pools.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING, Any

from engine.declared import Asset, share_ppm
from engine.errors import InputError
from engine.lenders import Lenders
from engine.margin import fraction
from engine.protocols import ALL, Acted, unknown
from engine.schedules import whole
from engine.types import ActionReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.units import Amount

__all__ = ["Pool", "PoolState", "Pooling"]

FORMS = ("product", "stable", "ranges")
SHARES_MAX = 2**61


@dataclass(frozen=True)
class Pool:
    """A pool: its number in the world, its coins and the account of its balances."""

    name: str
    number: int
    venue: int
    form: str
    assets: tuple[Asset, ...]
    account: int

    def __index__(self) -> int:
        """Stand for the pool's number wherever the core wants one."""
        return self.number


@dataclass(frozen=True)
class PoolState:
    """What a pool is now.

    Parameters
    ----------
    balances : mapping of str to Decimal
        By asset.
    prices : mapping of str to Fraction
        By asset what a unit of the first one costs in it, at the margin and without fee; empty for an empty pool.
    shares, swaps : int
        Shares of all (of ranges the liquidity that is active), and swaps so far.
    """

    balances: Mapping[str, Decimal]
    prices: Mapping[str, Fraction]
    shares: int
    swaps: int


class Pooling(Lenders):
    """Open pools and act at them; for a class that has a world."""

    pools: dict[str, Pool]

    def pool(
        self,
        name: str,
        form: str,
        assets: tuple[Asset, ...] | list[Asset],
        *,
        venue: int = 0,
        fee: Amount = "0.003",
        amplification: int | None = None,
        price: Amount | None = None,
        tick_spacing: int | None = None,
    ) -> Pool:
        """Open an empty pool (Z-5 .. Z-16).

        Parameters
        ----------
        name : str
            Its name.
        form : {"product", "stable", "ranges"}
            Constant product, StableSwap, or liquidity in ranges.
        assets : sequence of Asset
            Its coins: two, of a stable pool up to four. A stable pool counts a unit of each the same.
        venue : int
            Where.
        fee : number
            Of a swap, a share of at most 0.1.
        amplification : int, optional
            Of a stable pool; 100 by default.
        price : number, optional
            Of a pool of ranges, which needs it: what a unit of the first coin costs in the second at the start; its
            square root is rounded down.
        tick_spacing : int, optional
            Of a pool of ranges; 60 by default.

        Returns
        -------
        Pool

        Raises
        ------
        InputError
            Names the argument; nothing was opened.

        Examples
        --------
        >>> from engine import Simulation
        >>> sim = Simulation(seed=1)
        >>> usde, usdt = (sim.asset(name, decimals=6, supply="1000000000") for name in ("USDe", "USDT"))
        >>> curve = sim.pool("curve", "stable", (usde, usdt), amplification=200, fee="0.0004")
        >>> maker, trader = (sim.account(name, USDe="1000000", USDT="1000000") for name in ("maker", "trader"))
        >>> sim.add_liquidity(maker, curve, {"USDe": 500_000, "USDT": 500_000}).is_done
        True
        >>> sim.swap(trader, curve, "100000 USDe", usdt).got
        Decimal('99856.548336')
        >>> round(float(sim.pool_state("curve").prices["USDT"]), 4)
        0.9978
        """
        self._new_name(name, self.pools)
        self._new_account_name(name)
        if form not in FORMS:
            raise InputError("form", f"one of {', '.join(FORMS)}", form)
        if not isinstance(assets, (tuple, list)):
            raise InputError("assets", "a sequence of assets", assets)
        coins = tuple(self._own_asset(asset, f"assets[{place}]") for place, asset in enumerate(assets))
        given: dict[str, Any] = {"venue": venue, "fee_ppm": share_ppm(fee, "fee"), "amplification": amplification}
        if form == "stable":
            finest = max((asset.decimals for asset in coins), default=0)
            given["scales"] = tuple(10 ** (finest - asset.decimals) for asset in coins)
        if (price is None) != (form != "ranges"):
            raise InputError("price", "a first price" if price is None else "nothing but for ranges", price)
        if price is not None:
            given["sqrt_price"] = sqrt_price(price, coins)
        number = self.world.add_pool(form, [asset.number for asset in coins], tick_spacing=tick_spacing, **given)
        account = int(self.world.pool(number)["account"])
        self.accounts.add(account, name)
        self.pools[name] = Pool(name, number, venue, form, coins, account)
        return self.pools[name]

    def _own_pool(self, pool: object) -> Pool:
        if isinstance(pool, str) and pool in self.pools:
            return self.pools[pool]
        if not isinstance(pool, Pool) or self.pools.get(pool.name) != pool:
            raise InputError("pool", "a pool of this simulation", pool)
        return pool

    # ---- acting ------------------------------------------------------------------------------------------------------

    def swap(self, account: int | str, pool: Pool, amount: Amount, to: Asset, *, least: Amount = 0) -> Acted:
        """Sell an amount such as ``"100 USDe"`` in a pool now, without link, block or gas (B-8).

        Parameters
        ----------
        account : int or str
            Whose: a number, or a name.
        pool : Pool
            Where.
        amount : str
            With its asset.
        to : Asset
            What is bought.
        least : number
            What must come out at least.

        Returns
        -------
        Acted

        Raises
        ------
        InputError
            There is no such thing. What the rules refuse is told in the outcome.
        """
        own, bought = self._own_pool(pool), self._own_asset(to, "to")
        sold, atoms = self._moved_amount(amount, None)
        if sold is None or atoms == ALL:
            raise InputError("amount", 'an amount with its asset such as "100 USDe"', amount)
        reason, paid, got = self.world.act(
            self._account(account),
            "swap",
            own,
            atoms,
            asset=sold.number,
            other=bought.number,
            least=bought.atoms(least, "least"),
        )
        return Acted("swap", ActionReason(reason), sold.grid.value(paid), bought.grid.value(got))

    def add_liquidity(self, account: int | str, pool: Pool, amounts: Mapping[str, Amount]) -> Acted:
        """Add to a pool that has shares; `paid` is of its first coin, `got` in shares (Z-6, Z-10).

        Parameters
        ----------
        account, pool
            As for `swap`.
        amounts : mapping
            By asset; what is not named is 0. Of constant product no more is taken than its price lets.
        """
        own = self._own_pool(pool)
        unknown(amounts, [asset.name for asset in own.assets], "amounts", "one of the pool's assets")
        atoms = [asset.atoms(amounts.get(asset.name, 0), f"amounts.{asset.name}") for asset in own.assets]
        reason, shares, taken = self.world.add_coins(self._account(account), own, atoms)
        paid = own.assets[0].grid.value(taken[0]) if taken else Decimal(0)
        return Acted("add_liquidity", ActionReason(reason), paid, Decimal(shares))

    def remove_liquidity(self, account: int | str, pool: Pool, shares: int) -> Acted:
        """Burn shares; `paid` is in shares, `got` of the first coin (the others come too)."""
        own = self._own_pool(pool)
        number = whole(shares, "shares", 0, SHARES_MAX)
        reason, paid, got = self.world.act(self._account(account), "remove_liquidity", own, number)
        return Acted("remove_liquidity", ActionReason(reason), Decimal(paid), own.assets[0].grid.value(got))

    # ---- reading -----------------------------------------------------------------------------------------------------

    def pool_state(self, pool: Pool | str) -> PoolState:
        """Return what a pool is now. O(Newton steps)."""
        own = self._own_pool(pool)
        told: dict[str, Any] = dict(self.world.pool(own))
        first = 10 ** own.assets[0].decimals
        prices = {} if told["prices"] is None else {
            asset.name: Fraction(*ratio) * first / 10**asset.decimals
            for asset, ratio in zip(own.assets, told["prices"], strict=True)
        }  # fmt: skip
        balances = {
            asset.name: asset.grid.value(atoms) for asset, atoms in zip(own.assets, told["balances"], strict=True)
        }
        return PoolState(balances, prices, told.get("shares", told.get("liquidity", 0)), told["swap_count"])


def sqrt_price(price: Amount, coins: tuple[Asset, ...]) -> int:
    """Return the square root of a price, times 2^96, rounded down; the second coin for a unit of the first."""
    ratio = fraction(price, "price")
    if ratio <= 0 or len(coins) != 2:
        raise InputError("price", "a price above 0, and two coins", price)
    ratio *= Fraction(10 ** coins[1].decimals, 10 ** coins[0].decimals)
    return isqrt((ratio.numerator << 192) // ratio.denominator)
