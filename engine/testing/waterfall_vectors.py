"""Run one vector of a kind of the liquidation waterfall: by the closed forms, and on a native world.

Stands on `engine.adl`, `engine.bankruptcy`, the grids of `margin_vectors`, and `waterfall_worlds`.

What a kind is run on. By closed forms, exactly: all. On a world of one account that is liquidated, where it can be
liquidated at all and the engine has the rule: ``perp_bankruptcy_quote`` (X-7: the limit of a step at bankruptcy, and of
an account that is worth less than nothing the value of an auto-deleveraged part), ``perp_fillable_price`` (the limit of
a step, X-5), ``perp_liquidation_fill`` (a step, its fee and the fund, X-10 and X-14; of a whole position), ``perp_adl``
(X-12), ``perp_socialised_loss`` (X-10).

Promises: a grid is chosen so fine that every number and every result is whole on it. What was not run on the world, and
what was compared less than exactly, is said in the outcome's note.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any

from engine.adl import hyperliquid_score, shared_loss, taken_in_order
from engine.bankruptcy import bankruptcy_quote, fillable_price, liquidation_fill
from engine.testing.margin_vectors import Compared, Grid, Outcome, denominator, rational
from engine.testing.waterfall_worlds import ADL, ALL_PPM, FUND, FUND_PAYS, REST, RICH, SHARE, LiquidationWorld

if TYPE_CHECKING:
    from collections.abc import Callable

    Vector = dict[str, Any]
    World = Callable[..., Any]

__all__ = ["WATERFALL_KINDS", "waterfall_outcome"]

EXPOSURE_MAX = 2**54  # below U-10: what money is lost on purpose costs twice


def _grid(lots: int, ticks: int, *numbers: Fraction) -> Grid | None:
    """Return a grid on which all numbers are whole atoms; None if they do not fit the engine."""
    atoms = lcm(lots * ticks, denominator(numbers))
    if max((abs(number) for number in numbers), default=0) * atoms > EXPOSURE_MAX:
        return None
    return Grid(lots, ticks, atoms)


def _whole(number: Fraction) -> int:
    if number.denominator != 1:
        raise ValueError(f"{number} is not whole on its grid")
    return number.numerator


def _by_account(columns: dict[str, Any]) -> Any:
    """Rank candidates by account: a rule of Python."""
    return columns["account"].argsort(kind="stable")


class _Given:
    """Hold what three kinds give: one position, the money beside it, and a price."""

    def __init__(self, given: dict[str, Any], price: str) -> None:
        self.quote = rational(given["quote_balance"])
        self.position = rational(given["position"])
        self.price = rational(given[price])
        self.notional = self.position * self.price
        self.equity = self.quote + self.notional
        self.side = 1 if self.position > 0 else -1

    def is_liquidated_at(self, ratio: Fraction) -> bool:
        """Tell whether equity is below so much of the notional."""
        return self.equity < abs(self.notional) * ratio

    def opened(
        self, world: World, grid: Grid, maintenance_ppm: int, **policy: Any
    ) -> tuple[LiquidationWorld, int, int, int]:
        """Open account and counterparty at the price; returns the world, both, and the price in ticks."""
        stage = LiquidationWorld(world, grid.atoms_per_tick_lot, maintenance_ppm, **policy)
        account, other = stage.account(), stage.account(RICH)
        stage.begin()
        ticks = grid.ticks_of(self.price)
        stage.set_balance(account, other, _whole(self.equity * grid.atoms))
        return stage, account, other, ticks


# --- perp_bankruptcy_quote ------------------------------------------------------------------------------------------


def quote_outcome(vector: Vector, world: World | None) -> Outcome:
    """Compare the quote of closing a part so that its share of the collateral is used up."""
    given, compared = vector["input"], Compared(vector["expect"])
    has, delta = _Given(given, "oracle"), rational(given["delta"])
    ratio = rational(given["maintenance_ratio"]) or Fraction(1)  # by notional where nothing is required
    required = abs(has.notional) * ratio
    if not has.position or delta * has.position >= 0 or abs(delta) > abs(has.position):
        return Outcome([f"delta: expected one that reduces {has.position}, was {delta}"])
    was = bankruptcy_quote(-delta * has.price, has.equity, abs(delta) * has.price * ratio, required)
    compared.exactly("bankruptcy_quote_delta", was)
    if world is None or compared.lines:
        return compared.outcome()
    grid = _grid(lcm(has.position.denominator, delta.denominator), has.price.denominator, has.quote, has.notional, was)
    if grid is None or not has.is_liquidated_at(Fraction(1)):
        return compared.outcome("by closed form only: no world liquidates it")
    if has.equity < 0:
        compared.exactly("bankruptcy_quote_delta", Fraction(_native_quote(has, delta, world, grid), grid.atoms))
    ticks = denominator([has.price, was / delta])
    grid = _grid(has.position.denominator, ticks, has.quote, has.notional)
    if was / delta < 0 and grid is not None:  # else its price is no price, or does not fit
        limit = Fraction(_native_limit(has, world, grid), grid.ticks)
        compared.exactly("bankruptcy_quote_delta", -delta * limit)
    return compared.outcome()


def _native_limit(has: _Given, world: World, grid: Grid) -> int:
    """Liquidate the account by an order at its bankruptcy price; nobody is there to trade."""
    stage, account, other, ticks = has.opened(world, grid, ALL_PPM, order="bankruptcy")
    stage.opened(account, other, grid.lots_of(has.position), ticks)
    stage.run(ticks)
    return stage.placed_ticks(account)[0]


def _native_quote(has: _Given, delta: Fraction, world: World, grid: Grid) -> int:
    """Liquidate the account into two holders of the other side; the first has exactly the part."""
    policy = {"takeover_ppm": ALL_PPM, "adl": _by_account, "close": "bankruptcy"}
    stage, account, first, ticks = has.opened(world, grid, ALL_PPM, **policy)
    second = stage.account(RICH)
    part, lots = grid.lots_of(abs(delta)), grid.lots_of(abs(has.position))
    stage.opened(account, first, has.side * part, ticks)
    stage.opened(account, second, has.side * (lots - part), ticks)
    stage.run(ticks)
    closed = [row.atoms for row in stage.rows(ADL) if row.account == account and row.counterparty == first]
    if len(closed) != 1:
        raise ValueError(f"expected one row of auto-deleveraging, was {len(closed)}")
    return closed[0]


# --- perp_fillable_price --------------------------------------------------------------------------------------------


def fillable_outcome(vector: Vector, world: World | None) -> Outcome:
    """Compare the worst price at which an account is liquidated."""
    given, compared = vector["input"], Compared(vector["expect"])
    has, ratio = _Given(given, "oracle"), rational(given["maintenance_ratio"])
    adjustment, spread = rational(given["bankruptcy_adjustment"]), rational(given["spread_to_maintenance"])
    health = has.equity / (abs(has.notional) * ratio)
    was = fillable_price(has.position, has.price, ratio, health, spread=spread, adjustment=adjustment)
    compared.exactly("fillable_price", was)
    if world is None or compared.lines:
        return compared.outcome()
    ppm = [number * ALL_PPM for number in (ratio, spread, health)]
    grid = _grid(has.position.denominator, denominator([has.price, was]), has.quote, has.notional)
    if adjustment != 1 or not has.is_liquidated_at(ratio) or was <= 0 or not spread or grid is None:
        return compared.outcome(
            "by closed form only: the engine's adjustment is 1, and it liquidates below requirement"
        )
    if any(number.denominator != 1 for number in ppm):
        return compared.outcome("by closed form only: ratio, spread or health is no whole ppm")
    policy = {"order": "fillable", "spread_ppm": int(ppm[1]), "stage_ppm": ALL_PPM}
    stage, account, other, ticks = has.opened(world, grid, int(ppm[0]), **policy)
    stage.opened(account, other, grid.lots_of(has.position), ticks)
    stage.run(ticks)
    compared.exactly("fillable_price", Fraction(stage.placed_ticks(account)[0], grid.ticks))
    return compared.outcome()


# --- perp_liquidation_fill ------------------------------------------------------------------------------------------


def fill_outcome(vector: Vector, world: World | None) -> Outcome:
    """Compare money, position and insurance fund after a fill."""
    given, compared = vector["input"], Compared(vector["expect"])
    has, quantity = _Given(given, "fill_price"), rational(given["fill_qty"])
    fee, fund = rational(given["max_liquidation_fee"]), rational(given["insurance_fund"])
    was = liquidation_fill(has.quote, has.position, has.price, quantity, fee=fee, fund=fund)
    compared.exactly("cash_after", was.cash)
    compared.exactly("position_after", was.position)
    compared.exactly("insurance_delta", was.fund)
    if world is None or compared.lines:
        return compared.outcome()
    numbers = (has.quote, has.notional, has.notional * fee, fund)
    grid = _grid(has.position.denominator, has.price.denominator, *numbers)
    if quantity != -has.position or not has.is_liquidated_at(Fraction(1)):
        return compared.outcome("by closed form only: the fund pays an account that is flat")
    if grid is None or (fee * ALL_PPM).denominator != 1:
        return compared.outcome("by closed form only: the fee is no whole ppm, or the numbers do not fit")
    stage, account, other, ticks = has.opened(world, grid, ALL_PPM, stage_ppm=ALL_PPM, fee_ppm=int(fee * ALL_PPM))
    if fund:
        stage.world.deposit(FUND, stage.asset, _whole(fund * grid.atoms))
    lots = grid.lots_of(has.position)
    stage.opened(account, other, lots, ticks)
    stage.rest(other, lots, ticks)
    stage.run(ticks)
    held, cost = stage.position(account)
    compared.exactly("cash_after", Fraction(stage.balance(account) - cost, grid.atoms))
    compared.exactly("position_after", Fraction(held, grid.lots))
    compared.exactly("insurance_delta", Fraction(stage.balance(FUND), grid.atoms) - fund)
    return compared.outcome()


# --- perp_adl -------------------------------------------------------------------------------------------------------


class _Holder:
    """Hold an account of an auto-deleveraging."""

    def __init__(self, row: dict[str, Any], mark: Fraction) -> None:
        self.name = row["id"]
        self.cash, self.position, self.entry = (rational(row[name]) for name in ("cash", "pos", "entry"))
        self.equity = self.cash + self.position * (mark - self.entry)
        self.mark = mark

    def score(self) -> Fraction:
        """Return its score, the short's profit ratio the other way round."""
        return hyperliquid_score(self.position, self.mark, self.entry, self.equity, adjusted=True)


def adl_outcome(vector: Vector, world: World | None) -> Outcome:
    """Compare who is closed, by how much, in order, and what nobody takes."""
    given, compared = vector["input"], Compared(vector["expect"])
    mark, quantity = rational(given["mark"]), rational(given["quantity_to_deleverage"])
    side = 1 if given["counter_side"] == "long" else -1
    rows = [_Holder(row, mark) for row in given["accounts"]]
    # who has lost everything is no candidate.
    held = sorted((row for row in rows if row.position * side > 0 and row.equity > 0), key=lambda row: row.name)
    ranked = sorted(held, key=lambda row: -row.score())
    taken, left = taken_in_order(quantity, [abs(row.position) for row in ranked])
    was = [[row.name, lots] for row, lots in zip(ranked, taken, strict=True) if lots]
    _compare_closed(compared, was, left)
    if world is None or compared.lines or not quantity:
        return compared.outcome()
    numbers = [number for row in held for number in (row.cash, row.position * row.entry, row.position * mark)]
    lots_of_1 = denominator([quantity, *(row.position for row in held)])
    grid = _grid(lots_of_1, denominator([mark, *(row.entry for row in held)]), quantity * mark, *numbers)
    if grid is None:
        return compared.outcome("by closed form only: the numbers do not fit")
    _compare_closed(compared, *_native_closed(held, quantity * side, mark, world, grid))
    return compared.outcome()


def _compare_closed(compared: Compared, closed: list[list[Any]], left: Fraction) -> None:
    compared.exactly("deleveraged", [[name, str(lots)] for name, lots in closed])
    compared.exactly("unfilled", left)


def _native_closed(
    held: list[_Holder], quantity: Fraction, mark: Fraction, world: World, grid: Grid
) -> tuple[list[list[Any]], Fraction]:
    """Liquidate an account of the other side that lacks an atom.

    Longs and shorts match (L-9): somebody rich balances them. If he is a candidate his score is next to nothing, so he
    takes what the others leave.
    """
    policy = {"takeover_ppm": ALL_PPM, "adl": "hyperliquid_adjusted", "close": "mark"}
    stage = LiquidationWorld(world, grid.atoms_per_tick_lot, 0, **policy)
    numbers = [stage.account(_whole(row.cash * grid.atoms)) for row in held if row.cash >= 0]
    if len(numbers) < len(held):
        raise ValueError("expected money of at least 0")
    bankrupt, rich = stage.account(), stage.account(RICH)
    stage.begin()
    for number, row in zip(numbers, held, strict=True):
        stage.opened(number, rich, grid.lots_of(row.position), grid.ticks_of(row.entry))
    ticks = grid.ticks_of(mark)
    stage.opened(bankrupt, rich, -grid.lots_of(quantity), ticks)
    stage.lose(bankrupt, rich, 1)
    stage.run(ticks)
    names = dict(zip(numbers, (row.name for row in held), strict=True))
    rows = [row for row in stage.rows(ADL, REST) if row.account == bankrupt]
    met = [row for row in rows if row.counterparty in names]
    closed = [[names[row.counterparty], Fraction(abs(row.qty_lots), grid.lots)] for row in met]
    left = sum(abs(row.qty_lots) for row in rows if row.counterparty not in names)
    return closed, Fraction(left, grid.lots)


# --- perp_socialised_loss -------------------------------------------------------------------------------------------


def socialised_outcome(vector: Vector, world: World | None) -> Outcome:
    """Compare what the fund pays, what those with a profit pay, and what is left in the fund."""
    given, compared = vector["input"], Compared(vector["expect"])
    fund, losses = given["insurance_fund"], given["losses"]
    profits = [given["winner_pnl"][name] for name in sorted(given["winner_pnl"])]
    from_fund = min(fund, sum(losses))
    haircut = sum(shared_loss(sum(losses) - from_fund, profits))
    _compare_loss(compared, from_fund, haircut, fund - from_fund)
    if world is None or compared.lines:
        return compared.outcome()
    _compare_loss(compared, *_native_loss(fund, losses, profits, world))
    return compared.outcome()


def _compare_loss(compared: Compared, from_fund: int, haircut: int, fund_after: int) -> None:
    compared.exactly("from_fund", from_fund)
    compared.exactly("haircut_total", haircut)
    compared.exactly("fund_after", fund_after)


def _native_loss(fund: int, losses: list[int], profits: list[int], world: World) -> tuple[int, int, int]:
    """Close a long of each loser at the mark, which leaves it the loss; a short of each winner has the profit.

    An atom for a tick of a lot, one lot each. The counterparty of all is flat in the end, so that it shares nothing.
    """
    mark = 100
    stage = LiquidationWorld(world, 1, 0, stage_ppm=ALL_PPM, shares_losses=True)
    losers, winners = ([stage.account() for _ in group] for group in (losses, profits))
    hub, other = stage.account(RICH), stage.account(RICH)
    if fund:
        stage.world.deposit(FUND, stage.asset, fund)
    stage.begin()
    for group, side, amounts in ((losers, 1, losses), (winners, -1, profits)):
        for account, atoms in zip(group, amounts, strict=True):
            stage.opened(account, hub, side, mark + atoms)
    stage.opened(hub, other, -stage.position(hub)[0], mark)
    stage.rest(other, max(1, len(losses)), mark)
    stage.run(mark)
    from_fund, haircut = (sum(row.atoms for row in stage.rows(kind)) for kind in (FUND_PAYS, SHARE))
    return from_fund, haircut, stage.balance(FUND)


# --- the kinds ------------------------------------------------------------------------------------------------------

_RUNNERS: dict[str, Callable[[Vector, World | None], Outcome]] = {
    "perp_adl": adl_outcome,
    "perp_bankruptcy_quote": quote_outcome,
    "perp_fillable_price": fillable_outcome,
    "perp_liquidation_fill": fill_outcome,
    "perp_socialised_loss": socialised_outcome,
}
WATERFALL_KINDS = frozenset(_RUNNERS)


def waterfall_outcome(vector: Vector, world: World | None) -> Outcome:
    """Run one vector of a kind in `WATERFALL_KINDS`.

    Parameters
    ----------
    vector : dict
        The vector.
    world : callable or None
        What makes a native world; None: the closed forms only.

    Returns
    -------
    Outcome
        No differences when the vector passes.
    """
    return _RUNNERS[vector["kind"]](vector, world)
