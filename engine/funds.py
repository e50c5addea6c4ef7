"""Funds: the part of a simulation that opens accounts, moves their money and asks what they are worth.

With names and units. Stands on `engine.venues`. `Simulation` inherits it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.margin import AccountMode, MarginAction
from engine.schedules import whole
from engine.units import Grid
from engine.venues import Venues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine._core import ColumnTable
    from engine.declared import Asset, Market
    from engine.units import Amount

__all__ = ["Funds", "LiquidationMap", "Margin", "account_mode"]

WIDE_ASSETS = 16  # with more of them an account has a row only for what it ever had
PPM = 10**6
_RATIO_PLACES = Decimal("0.000001")
_SHARE = Grid("0.000001")


def account_mode(mode: AccountMode | str | int) -> AccountMode:
    """Return an account mode by itself, its number or its name in small letters.

    Examples
    --------
    >>> account_mode("unified").name, account_mode(1).name
    ('UNIFIED', 'ISOLATED')
    """
    try:
        return AccountMode[mode.upper()] if isinstance(mode, str) else AccountMode(mode)
    except (KeyError, ValueError):
        raise InputError("mode", "one of cash, isolated, cross, unified", mode) from None


@dataclass(frozen=True)
class Margin:
    """What an account is worth where it is tested, as its venue computes it (C-2 .. C-6).

    Parameters
    ----------
    asset : str
        In which the amounts are.
    equity, requirement, initial, notional : Decimal
        Equity, maintenance, initial requirement with the resting orders, sum of the positions at mark.
    state : str
        Where it stands: ``"free"``, or the action of the boundary that it is beyond: ``"warn"``, ``"reduce_only"``,
        ``"cancel"``, ``"liquidate"``.
    is_known : bool
        Every price is published and fresh.
    """

    asset: str
    equity: Decimal
    requirement: Decimal
    initial: Decimal
    notional: Decimal
    state: str
    is_known: bool

    @property
    def leverage(self) -> Decimal | None:
        """Notional / equity, six places, rounded half even; None without equity."""
        return (self.notional / self.equity).quantize(_RATIO_PLACES) if self.equity > 0 else None

    @property
    def ratio(self) -> Decimal | None:
        """Equity / requirement, six places, rounded half even; None where nothing is required."""
        return (self.equity / self.requirement).quantize(_RATIO_PLACES) if self.requirement else None


@dataclass(frozen=True)
class LiquidationMap:
    """How much would be liquidated at which price of a market, all other prices fixed (W-2).

    Parameters
    ----------
    market : Market
        Whose price moves.
    time_ms : int
        When it was asked.
    price_now : Decimal
        The mark (of a spot market the index) then.
    table : ColumnTable
        ``price_ticks, side, accounts, notional_atoms``; see `engine._core.World.liquidation_map`.
    """

    market: Market
    time_ms: int
    price_now: Decimal
    table: ColumnTable

    @property
    def rows(self) -> list[tuple[Decimal, str, int, Decimal]]:
        """Price, ``"below"``, ``"now"`` or ``"above"``, accounts and notional of each step that has any."""
        columns = (self.table[name].tolist() for name in self.table.names)
        words = {-1: "below", 0: "now", 1: "above"}
        return [
            (self.market.price.value(ticks), words[side], accounts, self.market.quote.grid.value(atoms))
            for ticks, side, accounts, atoms in zip(*columns, strict=True)
            if accounts
        ]

    def notional(self, side: str) -> Decimal:
        """Return the notional of all steps ``"below"`` or ``"above"``."""
        if side not in ("below", "above"):
            raise InputError("side", "below or above", side)
        picked = self.table["notional_atoms"][self.table["side"] == (-1 if side == "below" else 1)]
        return self.market.quote.grid.value(sum(picked.tolist()))


class Funds(Venues):
    """Open accounts, move money, ask for margin."""

    # ---- accounts ----------------------------------------------------------------------------------------------------

    def account(
        self,
        name: str,
        venue: int = 0,
        /,
        *,
        mode: AccountMode | str = AccountMode.CROSS,
        **deposits: Amount,
    ) -> int:
        """Open an account at a venue with deposits by asset name; returns its number.

        Parameters
        ----------
        name : str
            Its name.
        venue : int
            Where.
        mode : AccountMode or str
            ``"cash"``, ``"isolated"``, ``"cross"`` or ``"unified"`` (C-1).
        **deposits : number
            What it brings, by asset.

        Returns
        -------
        int

        Raises
        ------
        InputError
            Names the argument; nothing was opened.
        """
        self._new_account_name(name)
        chosen = account_mode(mode)
        brought: list[tuple[Asset, int]] = []
        for asset_name, amount in deposits.items():
            if asset_name not in self.assets:
                raise InputError(asset_name, "one of the assets " + ", ".join(self.assets), amount)
            asset = self.assets[asset_name]
            atoms = asset.atoms(amount, asset_name)
            if not 1 <= atoms <= asset.supply_atoms - self.world.net_deposits(asset.number):
                raise InputError(asset_name, "a positive amount that the asset's supply has left", amount)
            brought.append((asset, atoms))
        narrow = len(self.assets) > WIDE_ASSETS
        number = self.world.add_accounts(1, venue=venue, narrow=narrow, mode=int(chosen))
        self.accounts.add(number, name)
        for asset, atoms in brought:
            self.world.deposit(number, asset.number, atoms)
        return number

    def open_accounts(
        self, name: str, count: int, venue: int = 0, *, mode: AccountMode | str = AccountMode.CROSS
    ) -> range:
        """Open very many accounts under one name, each with as little memory as it needs; returns their numbers.

        They are called ``NAME 0``, ``NAME 1`` and so on. Deposits and positions come as columns, by `World.deposits`
        and `World.open_trades`.
        """
        self._new_account_name(name)
        first = self.world.add_accounts(count, venue=venue, narrow=True, mode=int(account_mode(mode)))
        self.accounts.add_block(first, count, name)
        return range(first, first + count)

    def _new_account_name(self, name: object) -> None:
        if not isinstance(name, str) or not name or self.accounts.is_taken(name):
            raise InputError("name", "a new, non-empty name", name)

    # ---- money -------------------------------------------------------------------------------------------------------

    def deposit(self, account: int, asset: Asset, amount: Amount) -> None:
        """Bring an amount in from outside."""
        self._moved(self.world.deposit, account, asset, amount)

    def withdraw(self, account: int, asset: Asset, amount: Amount) -> None:
        """Take an amount out: what is free, and no more than leaves the initial requirement (C-6).

        Raises
        ------
        InputError
            Says what was expected; nothing has moved.

        Examples
        --------
        >>> from engine import Simulation
        >>> sim = Simulation(seed=1)
        >>> usdt = sim.asset("USDT", decimals=6, supply="1000")
        >>> account = sim.account("saver", USDT="10")
        >>> sim.withdraw(account, usdt, "2.5")
        >>> sim.world.balance(account, usdt.number)
        (7500000, 0)
        """
        self._moved(self.world.withdraw, account, asset, amount)

    def borrow(self, account: int, asset: Asset, amount: Amount) -> None:
        """Borrow of the venue's lender against a unified account's collateral (L-12); refused as `withdraw` is."""
        self._moved(self.world.borrow, account, asset, amount)

    def repay(self, account: int, asset: Asset, amount: Amount) -> None:
        """Pay back what is owed (L-12); refused as `withdraw` is."""
        self._moved(self.world.repay, account, asset, amount)

    def add_margin(self, account: int, market: Market, amount: Amount) -> None:
        """Move an amount from the balance to an isolated position, or back if it is negative (L-11)."""
        own = self._own_market(market)
        with _Told("atoms", "amount", amount):
            self.world.add_margin(account, own.number, own.quote.atoms(amount))

    def _moved(self, move: Callable[[int, int, int], None], account: int, asset: Asset, amount: Amount) -> None:
        own = self._own_asset(asset, "asset")
        with _Told("atoms", "amount", amount):
            move(account, own.number, own.atoms(amount))

    def set_leverage(self, account: int, leverage: int, market: Market | None = None) -> None:
        """Choose a leverage of 1 to 1000 for an account, or one isolated position; 0 takes it back (C-6)."""
        number = None if market is None else self._own_market(market).number
        self.world.set_leverage(account, leverage, market=number)

    # ---- margin ------------------------------------------------------------------------------------------------------

    def margin(self, account: int, asset: Asset | None = None, *, market: Market | None = None) -> Margin:
        """Return what an account is worth where it is tested (C-2, C-3).

        Parameters
        ----------
        account : int
            Whose.
        asset : Asset, optional
            Of a cross account the settlement asset, if it has positions in several.
        market : Market, optional
            Of an isolated account the market, if it has positions in several.

        Returns
        -------
        Margin

        Raises
        ------
        InputError
            It has nothing there that is tested, or several and neither is named.

        Examples
        --------
        >>> from engine import Simulation
        >>> sim = Simulation(seed=1)
        >>> usdt = sim.asset("USDT", decimals=6, supply="1000000")
        >>> perp = sim.perpetual("ATOM-PERP", usdt, tick="0.001", lot="0.01", maintenance="0.02")
        >>> long, short = (sim.account(name, USDT="100") for name in ("long", "short"))
        >>> sim.world.open_trade(perp, long, short, perp.lots("100"), perp.ticks("4"))
        >>> sim.publish(perp, "3.5")
        >>> told = sim.margin(long)
        >>> print(told.equity, told.notional, told.leverage, told.ratio, told.state)
        50.000000 350.000000 7.000000 7.142857 free
        """
        health = self.world.margin(
            account,
            asset=None if asset is None else self._own_asset(asset, "asset").number,
            market=None if market is None else self._own_market(market).number,
        )
        unit = next(each for each in self.assets.values() if each.number == health.asset)
        value = unit.grid.value
        return Margin(
            unit.name,
            value(health.equity),
            value(health.requirement),
            value(health.initial),
            value(health.notional),
            MarginAction(health.action).name.lower() if health.action else "free",
            health.is_known,
        )

    # ---- what if -----------------------------------------------------------------------------------------------------

    def liquidation_map(
        self, market: Market, *, low: Amount = "0.5", high: Amount = "0.5", steps: int = 50
    ) -> LiquidationMap:
        """Return how much would be liquidated at which price of a market, all other prices fixed (W-2).

        Parameters
        ----------
        market : Market
            A perpetual, whose mark is moved; or a spot market whose index prices collateral, and that is moved.
        low, high : number
            How far down and up, as shares of the price now.
        steps : int
            Steps each way.

        Returns
        -------
        LiquidationMap

        Raises
        ------
        InputError
            The market has no such price yet, or nothing is tested by it.

        Notes
        -----
        O(accounts in the market x log(range)), exact.

        Examples
        --------
        >>> from engine import Simulation
        >>> sim = Simulation(seed=1)
        >>> usdt = sim.asset("USDT", decimals=6, supply="1000000")
        >>> perp = sim.perpetual("ATOM-PERP", usdt, tick="0.001", lot="0.01", maintenance="0.02")
        >>> long, short = (sim.account(name, USDT="100") for name in ("long", "short"))
        >>> sim.world.open_trade(perp, long, short, perp.lots("100"), perp.ticks("4"))
        >>> sim.publish(perp, "4")
        >>> for price, side, accounts, notional in sim.liquidation_map(perp, steps=10).rows:
        ...     print(price, side, accounts, notional)
        3.000 below 1 306.100000
        5.000 above 1 490.200000
        """
        own = self._own_market(market)
        table = self.world.liquidation_map(
            own.number, low_ppm=_ppm(low, "low"), high_ppm=_ppm(high, "high"), steps=steps
        )
        price = self.world.market(own.number)["index" if own.base is not None else "mark"]
        assert price is not None  # the world has refused a market without one
        return LiquidationMap(own, self.world.now_ms, own.price.value(price), table)

    def liquidation_maps(
        self, market: Market, *, every_ms: int, until_ms: int, **options: Any
    ) -> Iterator[LiquidationMap]:
        """Run, and yield the map of a market at each step of a cadence, from now on: a table over time.

        Parameters
        ----------
        market : Market
            As for `liquidation_map`.
        every_ms, until_ms : int
            Cadence and last time, ms.
        **options
            Those of `liquidation_map`.
        """
        step_ms = whole(every_ms, "every_ms", 1, 2**50)
        while True:
            yield self.liquidation_map(market, **options)
            if self.world.now_ms >= until_ms:
                return
            self.world.run(min(self.world.now_ms + step_ms, until_ms))


def _ppm(share: Amount, field: str) -> int:
    return _SHARE.count(share, field)


class _Told:
    """Name the argument that a person gave in what the world refuses."""

    def __init__(self, theirs: str, ours: str, was: object) -> None:
        self.theirs, self.ours, self.was = theirs, ours, was

    def __enter__(self) -> None:
        return

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, InputError) and error.field == self.theirs:
            raise InputError(self.ours, error.expected, self.was) from None
