"""What a margin unit is worth and what it needs: rules C-2 and C-6 for cross and isolated units.

Stands on `ledger` (`ceil_div`). `unified` has C-3, `margin_ladder` C-4 and C-5, `liquidation_price` C-8.

::

    unit = money (a balance, or an isolated position's margin) + holdings
    equity      = money + sum of (position_lots * mark * w - cost)                             exact
    requirement = sum of ceil(maintenance(|position_lots| * mark * w))                         up, against the account
    initial     = sum of ceil(initial(the larger of |q + bids|, |q - asks| * mark * w))        up, against the account

Promises: pure functions of plain integers; nothing overflows, every rounding is a `ceil` and against the account (U-6).
A holding without a mark makes its unit unknown (C-5): ask `is_known` first, all else here needs the mark.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from engine.errors import InputError
from engine.reference.ledger import ceil_div

if TYPE_CHECKING:
    from collections.abc import Sequence


class Requirement(Protocol):
    """Be a schedule that takes a notional to a margin: continuous, piecewise linear (section S)."""

    def requirement(self, v: int, /) -> int:
        """Return the margin of a notional, atoms, rounded up."""
        ...


class Value(Protocol):
    """Be a schedule that takes an amount to what counts of it: continuous, piecewise linear (section S)."""

    def value(self, v: int, /) -> int:
        """Return what counts of an amount, atoms, rounded down."""
        ...


class Health(NamedTuple):
    """Hold what decides about a margin unit, atoms of its settlement asset (UNIFIED: of the unit of account)."""

    equity_atoms: int
    requirement_atoms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Hold a perpetual position and the account's resting orders beside it, with the terms of their market.

    Parameters
    ----------
    position_lots : int
        Lots, long above 0.
    cost_atoms : int
        Signed cost of what is open (L-5), atoms.
    mark_ticks : int or None
        The mark; None if it is unknown or stale.
    atoms_per_tick_lot : int
        The market's w (U-5).
    maintenance, initial : Requirement
        The market's schedules; `initial` may be left out where no order is tested.
    bid_lots, ask_lots : int
        Resting lots of the account.
    leverage : int
        Chosen by the account, at least 1; 0 if none was.

    Examples
    --------
    >>> class Twentieth:
    ...     def requirement(self, v):
    ...         return -(-v // 20)
    >>> market = {"mark_ticks": 90, "atoms_per_tick_lot": 1, "maintenance": Twentieth()}
    >>> holding = Holding(position_lots=-3, cost_atoms=-300, **market)
    >>> unrealised(holding), maintenance_requirement(holding)  # 5 % of 270 is 13.5
    (30, 14)
    """

    position_lots: int = 0
    cost_atoms: int = 0
    mark_ticks: int | None
    atoms_per_tick_lot: int
    maintenance: Requirement
    initial: Requirement | None = None
    bid_lots: int = 0
    ask_lots: int = 0
    leverage: int = 0


@dataclass(frozen=True, slots=True)
class NewOrder:
    """Hold an order that C-6 tests; an order without a limit has `limit_ticks` None."""

    side: int
    qty_lots: int
    limit_ticks: int | None = None


def notional(holding: Holding, lots: int) -> int:
    """Return what lots are worth at the mark, atoms."""
    if holding.mark_ticks is None:
        raise InputError("mark_ticks", "a mark (C-5)", None)
    return lots * holding.mark_ticks * holding.atoms_per_tick_lot


def is_known(holdings: Sequence[Holding]) -> bool:
    """Tell whether every position has a mark (C-5)."""
    return all(holding.mark_ticks is not None for holding in holdings if holding.position_lots)


# --- C-2 ------------------------------------------------------------------------------------------------------------


def unrealised(holding: Holding) -> int:
    """Return the unrealised PnL of a position, atoms: exact."""
    if not holding.position_lots:
        return -holding.cost_atoms  # a flat position has no cost (L-6)
    return notional(holding, holding.position_lots) - holding.cost_atoms


def equity(money_atoms: int, holdings: Sequence[Holding]) -> int:
    """Return what a cross or isolated unit is worth (C-2): its money and the unrealised PnL of its positions.

    Parameters
    ----------
    money_atoms : int
        CROSS: the balance of the settlement asset. ISOLATED: the position's own margin.
    holdings : sequence of Holding
        CROSS: all that settle in the asset. ISOLATED: the one.

    Returns
    -------
    int
        Atoms of the settlement asset, exact.
    """
    return money_atoms + sum(unrealised(holding) for holding in holdings)


def maintenance_requirement(holding: Holding) -> int:
    """Return what one position must keep, atoms, rounded up."""
    if not holding.position_lots:
        return 0
    return holding.maintenance.requirement(notional(holding, abs(holding.position_lots)))


def requirement(holdings: Sequence[Holding]) -> int:
    """Return what a unit must keep (C-2): each position's part is rounded up by itself."""
    return sum(maintenance_requirement(holding) for holding in holdings)


def health(money_atoms: int, holdings: Sequence[Holding]) -> Health | None:
    """Return equity and requirement of a cross or isolated unit, or None if it is unknown (C-5).

    Examples
    --------
    >>> health(500, [])
    Health(equity_atoms=500, requirement_atoms=0)
    """
    if not is_known(holdings):
        return None
    return Health(equity(money_atoms, holdings), requirement(holdings))


# --- C-6 ------------------------------------------------------------------------------------------------------------


def worst_lots(holding: Holding) -> int:
    """Return the largest position that the resting orders of one side can lead to, without its sign."""
    return max(abs(holding.position_lots + holding.bid_lots), abs(holding.position_lots - holding.ask_lots))


def initial_requirement(holding: Holding) -> int:
    """Return the initial margin of a market (C-6), atoms, rounded up.

    Quotes on both sides count once, and an order that reduces reserves nothing.

    Raises
    ------
    InputError
        The market has no initial schedule, or lots without a mark.
    """
    lots = worst_lots(holding)
    if not lots:
        return 0
    if holding.initial is None:
        raise InputError("initial", "a schedule", None)
    worth = notional(holding, lots)
    chosen = ceil_div(worth, holding.leverage) if holding.leverage else 0
    return max(holding.initial.requirement(worth), chosen)


def with_order(holding: Holding, order: NewOrder) -> Holding:
    """Return a holding with an order counted as resting."""
    if order.side > 0:
        return replace(holding, bid_lots=holding.bid_lots + order.qty_lots)
    return replace(holding, ask_lots=holding.ask_lots + order.qty_lots)


def open_loss(holding: Holding, order: NewOrder) -> int:
    """Return what an order loses against the mark at once if it trades at its limit (C-6), atoms."""
    if order.limit_ticks is None:
        return 0
    if holding.mark_ticks is None:
        raise InputError("mark_ticks", "a mark (C-5)", None)
    beyond_ticks = max(0, order.side * (order.limit_ticks - holding.mark_ticks))
    return beyond_ticks * order.qty_lots * holding.atoms_per_tick_lot


def only_reduces(holding: Holding, order: NewOrder) -> bool:
    """Tell whether the initial requirement of the market does not grow by an order (C-6)."""
    return initial_requirement(with_order(holding, order)) <= initial_requirement(holding)


def order_is_affordable(money_atoms: int, holdings: Sequence[Holding], index: int, order: NewOrder) -> bool:
    """Tell whether a cross or isolated unit may place an order (C-6).

    Parameters
    ----------
    money_atoms : int
        As for `equity`.
    holdings : sequence of Holding
        The unit's, all with marks.
    index : int
        The one whose market the order is for.
    order : NewOrder
        The order.

    Returns
    -------
    bool
        True at exactly 0 left, and for any order that only reduces.

    Raises
    ------
    InputError
        As `initial_requirement`.
    """
    if only_reduces(holdings[index], order):
        return True
    after = list(holdings)
    after[index] = with_order(holdings[index], order)
    initial = sum(initial_requirement(holding) for holding in after)
    return equity(money_atoms, holdings) - initial - open_loss(holdings[index], order) >= 0


def withdrawal_is_affordable(money_atoms: int, holdings: Sequence[Holding], atoms: int) -> bool:
    """Tell whether a cross or isolated unit may give atoms away (C-6)."""
    initial = sum(initial_requirement(holding) for holding in holdings)
    return equity(money_atoms - atoms, holdings) - initial >= 0
