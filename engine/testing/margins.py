"""Worlds of margin units beside a full scan by the reference: rules C-1 .. C-6, E-1 .. E-4, L-11, L-12.

Stands on `worlds` and the reference's `margin`, `unified` and `margin_ladder`.

::

    native: triggers -> units that are due -> states      scan: every unit, at all prices, in plain integers -> states
                                                 |______ compared after every millisecond ______|

Promises: the scan reads positions, balances and prices, and nothing that the native risk index has made of them; the
corners are those of the native bands, their evaluation is the reference's. Differences come back in words.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.margin import AccountMode, Ladder, MarginAction
from engine.reference.ledger import PPM, ceil_div
from engine.reference.margin import (
    Health,
    Holding,
    NewOrder,
    initial_requirement,
    open_loss,
    requirement,
    with_order,
)
from engine.reference.margin import health as own_health
from engine.reference.margin_ladder import next_state, surplus
from engine.reference.unified import UnifiedAsset, unified_health, unified_requirement
from engine.testing.worlds import TwinWorld, rows_of
from engine.types import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.margin import Boundary
    from engine.reference.schedule import Schedule

    Series = tuple[int, str]  # (market, "mark" or "index")
    Prices = Mapping[Series, int | None]

NO_MARKET = 2**16 - 1


class NoRequirement:
    """Be the initial schedule of a market that has none: a chosen leverage may still ask for something (C-6)."""

    def requirement(self, v: int, /) -> int:
        """Return nothing, whatever the notional."""
        del v
        return 0


class Perpetual(NamedTuple):
    """Hold what the scan needs of a perpetual's terms."""

    asset: int
    atoms_per_tick_lot: int
    maintenance: Schedule
    initial: Schedule | None
    stale_ms: int


class Collateral(NamedTuple):
    """Hold what the scan needs of an asset that counts."""

    market: int | None
    value: Schedule | None
    loan_ppm: int
    lender: int | None


class Unit(NamedTuple):
    """Hold what a unit has, apart from prices; `holdings` by market, `assets` for UNIFIED only."""

    mode: AccountMode
    account: int
    asset: int
    money: int
    holdings: dict[int, Holding]
    balances: dict[int, tuple[int, int]]  # UNIFIED: (atoms, owed) by asset

    @property
    def is_flat(self) -> bool:
        """Tell whether there is neither position nor liability."""
        owes = any(owed > 0 or atoms < 0 for atoms, owed in self.balances.values())
        return not owes and not any(holding.position_lots for holding in self.holdings.values())


class MarginWorld(TwinWorld):
    """Be a world at one venue whose margin units are scanned.

    Parameters
    ----------
    seed : int
        Key of every draw.
    ladder : Ladder, optional
        Of the venue.
    **options : Any
        Further arguments of the world; liquidations are only noted (`stage_ppm` 0) unless they say something else.
    """

    def __init__(self, seed: int = 1, *, ladder: Ladder | None = None, **options: Any) -> None:
        super().__init__(seed, **{"stage_ppm": 0, **options})
        self.ladder = ladder or Ladder()
        self.perpetuals: dict[int, Perpetual] = {}
        self.collateral: dict[int, Collateral] = {}
        self.leverages: Counter[int] = Counter()  # by unit: chosen ones
        self.states: dict[int, int] = {}  # by unit: what the scan says
        self.left: set[int] = set()  # units that are in liquidation, by the scan
        rows = [(int(b.action), b.ratio_ppm, bool(b.comparator)) for b in self.ladder.boundaries]
        self.native.set_ladder(0, rows)

    # --- declaring ----------------------------------------------------------------------------------------------------

    def perpetual(self, settle: int, **options: Any) -> int:
        """Open a perpetual with schedules by their numbers."""
        if "maintenance" not in options:
            options["maintenance"] = self.schedule([0], [options.pop("maintenance_ppm", 50_000)])
        market = super().perpetual(settle, **options)
        self.perpetuals[market] = Perpetual(
            settle,
            options.get("worth", 1),
            self.schedules[options["maintenance"]],
            None if options.get("initial") is None else self.schedules[options["initial"]],
            options.get("price_stale_ms", 0),
        )
        return market

    def count(
        self,
        asset: int,
        market: int | None = None,
        *,
        value: int | None = None,
        loan_ppm: int = 0,
        lender: int | None = None,
    ) -> None:
        """Let an asset count in unified accounts (C-3)."""
        schedule = None if value is None else self.schedules[value]
        self.collateral[asset] = Collateral(market, schedule, loan_ppm, lender)
        self.native.add_collateral(0, asset, market=market, value=value, loan_ppm=loan_ppm, lender=lender)

    def choose(self, account: int, leverage: int, market: int | None = None) -> None:
        """Choose a leverage for all units that an account has now, or for the unit of its position in a market."""
        self.native.set_leverage(account, leverage, market=market)
        for row in self.rows():
            asset = None if market is None else self.perpetuals[market].asset
            is_there = (
                market is None or row["market"] == market or (row["market"] == NO_MARKET and row["asset"] == asset)
            )
            if row["account"] == account and (is_there or self.mode(account) is AccountMode.UNIFIED):
                self.leverages[row["unit"]] = leverage

    def mode(self, account: int) -> AccountMode:
        """Return an account's mode."""
        return AccountMode(self.modes.get(account, AccountMode.CROSS))

    # --- what is there ------------------------------------------------------------------------------------------------

    def prices(self, ahead_ms: int = 0) -> dict[Series, int | None]:
        """Return what is published; None for what is unknown, or stale so many milliseconds from now (C-5)."""
        now_ms = self.native.now_ms + ahead_ms
        found: dict[Series, int | None] = {}
        for market, terms in enumerate(self.terms):
            row = self.native.market(market)
            if terms.is_spot:
                found[market, "index"] = row["index"]
                continue
            stale_ms = self.perpetuals[market].stale_ms
            at_ms = row["mark_ms"]
            is_fresh = at_ms is not None and (not stale_ms or now_ms - at_ms <= stale_ms)
            found[market, "mark"] = row["mark"] if is_fresh else None
        return found

    def units(self) -> list[tuple[dict[str, int], Unit]]:
        """Return every unit: the native row, and what it has."""
        resting: Counter[tuple[int, int, int]] = Counter()
        for market in self.perpetuals:
            for order in self.native.orders(market):
                resting[order.owner, market, int(order.side)] += order.leaves_lots
        return [(row, self._unit(row, resting)) for row in self.rows()]

    def rows(self) -> list[dict[str, int]]:
        """Return the native units by the names of their columns."""
        table = self.native.margin_units()
        return [dict(zip(table.names, row, strict=True)) for row in rows_of(table)]

    def _unit(self, row: dict[str, int], resting: Counter[tuple[int, int, int]]) -> Unit:
        account, mode = row["account"], self.mode(row["account"])
        if mode is AccountMode.ISOLATED:
            markets = [row["market"]]
        elif mode is AccountMode.CROSS:
            markets = [market for market, terms in self.perpetuals.items() if terms.asset == row["asset"]]
        else:
            markets = [market for market, terms in self.perpetuals.items() if terms.asset in self.collateral]
        holdings = {}
        for market in markets:
            lots, cost, _ = self.native.position(account, market)
            bids, asks = resting[account, market, 1], resting[account, market, -1]
            if lots or bids or asks:
                holdings[market] = self.holding(market, lots, cost, bids, asks, self.leverages[row["unit"]])
        money = row["margin_atoms"] if mode is AccountMode.ISOLATED else self.native.balance(account, row["asset"])[0]
        balances = {}
        if mode is AccountMode.UNIFIED:
            for asset in self.collateral:
                balances[asset] = (self.native.balance(account, asset)[0], max(0, self.native.owed(account, asset)))
        return Unit(mode, account, row["asset"], money, holdings, balances)

    def holding(self, market: int, lots: int, cost: int, bids: int, asks: int, leverage: int) -> Holding:
        """Make the reference's holding, without a mark."""
        terms = self.perpetuals[market]
        return Holding(
            position_lots=lots,
            cost_atoms=cost,
            mark_ticks=None,
            atoms_per_tick_lot=terms.atoms_per_tick_lot,
            maintenance=terms.maintenance,
            initial=terms.initial or NoRequirement(),
            bid_lots=bids,
            ask_lots=asks,
            leverage=leverage,
        )

    # --- evaluating ---------------------------------------------------------------------------------------------------

    def health(self, unit: Unit, prices: Prices) -> Health | None:
        """Evaluate a unit at given prices (C-2, C-3); None if it is unknown."""
        holdings = marked(unit, prices)
        if unit.mode is not AccountMode.UNIFIED:
            return own_health(unit.money, list(holdings.values()))
        return unified_health(self.assets(unit, holdings, prices))

    def assets(self, unit: Unit, holdings: dict[int, Holding], prices: Prices) -> list[UnifiedAsset]:
        """Return what a unified account has of each asset."""
        found = []
        for asset, terms in self.collateral.items():
            atoms, owed = unit.balances[asset]
            own = tuple(holding for market, holding in holdings.items() if self.perpetuals[market].asset == asset)
            spot = None if terms.market is None else self.terms[terms.market]
            found.append(
                UnifiedAsset(
                    balance_atoms=atoms,
                    owed_atoms=owed,
                    holdings=own,
                    is_unit=spot is None,
                    index_ticks=None if terms.market is None else prices[terms.market, "index"],
                    atoms_per_tick_lot=1 if spot is None else spot.atoms_per_tick_lot,
                    base_atoms_per_lot=1 if spot is None else spot.base_atoms_per_lot,
                    haircut=terms.value,
                    loan_ppm=terms.loan_ppm,
                )
            )
        return found

    def initial(self, unit: Unit, prices: Prices) -> int:
        """Return the initial requirement of a known unit, no less than what it must keep (C-6)."""
        holdings = marked(unit, prices)
        if unit.mode is not AccountMode.UNIFIED:
            return initial_or_kept(list(holdings.values()))
        assets = self.assets(unit, holdings, prices)

        def needed(asset: UnifiedAsset) -> int:
            return initial_or_kept(asset.holdings)

        return unified_requirement(assets, needed)

    # --- C-6 ----------------------------------------------------------------------------------------------------------

    def verdict(self, row: dict[str, int], unit: Unit, market: int, order: NewOrder) -> RejectReason:
        """Say how an order that arrives in a millisecond is judged before its book sees it (C-4, C-6)."""
        if row["unit"] in self.left or self.native.in_liquidation(unit.account):
            return RejectReason.ACCOUNT_FROZEN
        prices = self.prices(1)
        held = unit.holdings.get(market) or self.holding(market, 0, 0, 0, 0, self.leverages[row["unit"]])
        state = self.states[row["unit"]]
        if state and self.ladder.boundaries[state - 1].action >= MarginAction.REDUCE_ONLY:
            resting = held.bid_lots if order.side > 0 else held.ask_lots
            if order.qty_lots > max(0, -order.side * held.position_lots - resting):
                return RejectReason.ACCOUNT_REDUCE_ONLY
        if isinstance(held.initial, NoRequirement) and not held.leverage:
            return RejectReason.NONE
        lots = worst(with_order(held, order))
        if lots <= worst(held):
            return RejectReason.NONE
        if prices[market, "mark"] is None:
            return RejectReason.INSUFFICIENT_MARGIN
        left = self.left_with(unit, prices, market, held, order)
        return RejectReason.NONE if left is not None and left >= 0 else RejectReason.INSUFFICIENT_MARGIN

    def left_with(self, unit: Unit, prices: Prices, market: int, held: Holding, order: NewOrder) -> int | None:
        """Return what would be left above the initial requirement with an order resting; None where unknown."""
        after = unit._replace(holdings={**unit.holdings, market: with_order(held, order)})
        loss = open_loss(marked(after, prices)[market], order)
        if unit.mode is AccountMode.ISOLATED:
            return self.isolated_free(unit.account, unit.asset, after) - loss
        worth = self.health(after, prices)
        asset = self.perpetuals[market].asset
        spot = self.collateral[asset].market if unit.mode is AccountMode.UNIFIED else None
        if worth is None or (spot is not None and prices[spot, "index"] is None):
            return None
        if spot is not None:
            terms, index = self.terms[spot], prices[spot, "index"]
            assert index is not None
            loss = ceil_div(loss * index * terms.atoms_per_tick_lot, terms.base_atoms_per_lot)
        return worth.equity_atoms - self.initial(after, prices) - loss

    def isolated_free(self, account: int, asset: int, changed: Unit | None = None) -> int:
        """Return what an isolated account has free of an asset beside what its resting orders will bring (L-11)."""
        atoms, reserved = self.native.balance(account, asset)
        promised = 0
        for row, unit in self.units():
            if unit.account != account or unit.asset != asset:
                continue
            market = row["market"]
            is_changed = changed is not None and market in changed.holdings
            held = (changed if is_changed and changed is not None else unit).holdings.get(market)
            mark = self.native.market(market)["mark"]
            if held is not None and mark is not None:
                promised += isolated_need(held, worst(held), mark) - isolated_need(held, abs(held.position_lots), mark)
        return atoms - reserved - promised

    # --- comparing ----------------------------------------------------------------------------------------------------

    def differences(self) -> list[str]:
        """Scan everything and say what the native world sees otherwise; to be asked when a margin check has run."""
        found: list[str] = []
        prices = self.prices()
        for row, unit in self.units():
            found += self._unit_differences(row, unit, prices)
        return found

    def _unit_differences(self, row: dict[str, int], unit: Unit, prices: Prices) -> Iterator[str]:
        number = row["unit"]
        name = f"{self.native.now_ms} ms, unit {number} ({unit.mode.name} {unit.account})"
        health = self.health(unit, prices)
        if bool(row["is_known"]) != (health is not None):
            yield f"{name}: known {bool(row['is_known'])}, by the scan {health is not None}"
        if number not in self.left:
            before = self.states.get(number, 0)
            now = 0 if health is not None and unit.is_flat else next_state(before, health, self.ladder)
            self.states[number] = now
            if now == len(self.ladder.boundaries):
                self.left.add(number)
        if (row["liquidation"] != 0) != (number in self.left):
            yield f"{name}: in liquidation {row['liquidation'] != 0}, by the scan {number in self.left}"
        if row["state"] != self.states[number]:
            yield f"{name}: state {row['state']}, by the scan {self.states[number]}; {health}"
        if health is None:
            return
        seen = (row["equity_atoms"], row["requirement_atoms"])
        if seen != tuple(health):
            yield f"{name}: (equity, requirement) {seen}, by the scan {tuple(health)}"
        if self._prices_orders(unit, prices) and row["initial_atoms"] != self.initial(unit, prices):
            yield f"{name}: initial {row['initial_atoms']}, by the scan {self.initial(unit, prices)}"

    def _prices_orders(self, unit: Unit, prices: Prices) -> bool:
        """Tell whether what an account has orders in has its mark, and its asset in a unified account its index."""
        if any(prices[market, "mark"] is None for market in unit.holdings):
            return False
        if unit.mode is not AccountMode.UNIFIED:
            return True
        markets = [self.collateral[self.perpetuals[market].asset].market for market in unit.holdings]
        return all(market is None or prices[market, "index"] is not None for market in markets)

    # --- corners ------------------------------------------------------------------------------------------------------

    def corner_differences(self, row: dict[str, int], unit: Unit, choices: Sequence[Sequence[float]]) -> list[str]:
        """Evaluate a unit inside its bands (E-2): whatever its series do there, it stays between its boundaries.

        Parameters
        ----------
        row, unit : dict, Unit
            From `units`, when a margin check has run.
        choices : sequence of sequence of float
            Points of the box: of each series, in order, 0 for the first value above the lower end .. 1 for the last
            below the upper one. All combinations of ends are tried anyway, up to five series.
        """
        if row["liquidation"]:
            return []
        prices = self.prices()
        health = self.health(unit, prices)
        if health is None or unit.is_flat:
            return []
        box = self.box(unit, prices)
        points = [*itertools.product((0.0, 1.0), repeat=len(box))] if len(box) <= 5 else []
        found: list[str] = []
        for point in [*points, *(choice[: len(box)] for choice in choices)]:
            ends = zip(box.items(), point, strict=True)
            at = {series: low + int((high - low) * place) for (series, (low, high)), place in ends}
            found += self._corner(row, unit, {**prices, **at}, at)
        return found

    def box(self, unit: Unit, prices: Prices) -> dict[Series, tuple[int, int]]:
        """Return the values of each of a unit's series that make it due nowhere; without a band a wide range."""
        bands = {(market, series): (low, high) for market, series, low, high in self.native.bands(unit.account)}
        wanted: list[Series] = [(market, "mark") for market, held in unit.holdings.items() if held.position_lots]
        if unit.mode is AccountMode.UNIFIED:
            settled = {self.perpetuals[market].asset for market, _ in wanted}
            for asset, terms in self.collateral.items():
                if terms.market is not None and (asset in settled or any(unit.balances[asset])):
                    wanted.append((terms.market, "index"))
        found = {}
        for series in wanted:
            ticks = prices[series]
            assert ticks is not None
            low, high = bands.get(series, (None, None))
            found[series] = (1 if low is None else low + 1, 3 * ticks if high is None else high - 1)
        return found

    def _corner(self, row: dict[str, int], unit: Unit, prices: Prices, at: dict[Series, int]) -> Iterator[str]:
        health = self.health(unit, prices)
        assert health is not None
        boundaries: tuple[Boundary, ...] = self.ladder.boundaries
        state = row["state"]
        worse = surplus(health, boundaries[state]) if state < len(boundaries) else 0
        better = surplus(health, boundaries[state - 1]) if state else -1
        if worse < 0 or better >= 0:
            name = f"unit {row['unit']} ({unit.mode.name}) in state {state}"
            yield f"{name} at {at}: to the worse {worse}, to the better {better}"


def initial_or_kept(holdings: Sequence[Holding]) -> int:
    """Return the initial requirement, no less than maintenance; without a mark orders reserve nothing yet."""
    known = [holding for holding in holdings if holding.mark_ticks is not None]
    return max(sum(map(initial_requirement, known)), requirement(known))


def marked(unit: Unit, prices: Prices) -> dict[int, Holding]:
    """Return a unit's holdings at given prices."""
    return {market: replace(held, mark_ticks=prices[market, "mark"]) for market, held in unit.holdings.items()}


def isolated_need(holding: Holding, qty_lots: int, price_ticks: int) -> int:
    """Return the margin that so many lots bring at a price (L-11)."""
    worth = qty_lots * price_ticks * holding.atoms_per_tick_lot
    if isinstance(holding.initial, NoRequirement) and not holding.leverage:
        return worth
    assert holding.initial is not None
    chosen = ceil_div(worth * ceil_div(PPM, holding.leverage), PPM) if holding.leverage else 0
    return max(holding.initial.requirement(worth), chosen)


def worst(holding: Holding) -> int:
    """Return the lots of a market with every order of one side filled (C-6)."""
    return max(abs(holding.position_lots + holding.bid_lots), abs(holding.position_lots - holding.ask_lots))
