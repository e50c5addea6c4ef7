"""At which price of one market a margin unit breaches or is bankrupt, all else fixed: rule C-8.

Stands on `margin` and `margin_ladder`.

::

    mark -----------------------------> adverse side, tick by tick
    S >= 0    S >= 0    S >= 0    S < 0            the first one is the price

Promises: exactly the first tick, for any schedules: the surplus need not fall all the way, and its roundings make it
jitter. Found by leaving out whole ranges that cannot hold a breach, not by solving for a tier.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.margin import Boundary, MarginAction
from engine.reference.ledger import PPM
from engine.reference.margin import Health, equity, requirement
from engine.reference.margin_ladder import surplus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.reference.margin import Holding

_LIQUIDATION = Boundary(MarginAction.LIQUIDATE, PPM)


def liquidation_price_ticks(
    health_at: Callable[[int], Health], mark_ticks: int, last_ticks: int, boundary: Boundary = _LIQUIDATION
) -> int | None:
    """Return the first price from the mark towards the adverse side at which a unit is beyond a boundary (C-8).

    Parameters
    ----------
    health_at : callable
        Health of the unit with the mark of the one position set to a price, ticks. Towards `last_ticks` the equity must
        not rise; with the price the requirement must not fall.
    mark_ticks : int
        The first price that is looked at.
    last_ticks : int
        The last one: the market's `price_min` for a long, its `price_max` for a short.
    boundary : Boundary
        The boundary; left out, liquidation below 1.0.

    Returns
    -------
    int or None
        Ticks; None if no price in the range is beyond.

    Notes
    -----
    O(log(range) / m) looks, m the share of the equity's slope that the requirement's leaves over.

    Examples
    --------
    A long of one lot bought at 1,000 with 500; 5 % are required. At 526 equity is 26 and 27 (26.3) is:

    >>> liquidation_price_ticks(lambda price: Health(price - 500, -(-price // 20)), 1_000, 1)
    526
    """
    step = 1 if last_ticks >= mark_ticks else -1

    def first_beyond(near: int, far: int) -> int | None:
        # No price in the range has less equity than the far end, or needs more than the highest price.
        needed = health_at(max(near, far)).requirement_atoms
        if surplus(Health(health_at(far).equity_atoms, needed), boundary) >= 0:
            return None
        if near == far:
            return near if surplus(health_at(near), boundary) < 0 else None
        middle = near + step * (abs(far - near) // 2)
        found = first_beyond(near, middle)
        return found if found is not None else first_beyond(middle + step, far)

    return first_beyond(mark_ticks, last_ticks)


def bankruptcy_price_ticks(health_at: Callable[[int], Health], mark_ticks: int, last_ticks: int) -> int | None:
    """Return the first price from the mark towards the adverse side at which the equity is below 0 (C-8).

    Parameters and result as for `liquidation_price_ticks`. O(log(range)) looks.

    Examples
    --------
    >>> bankruptcy_price_ticks(lambda price: Health(price - 500, -(-price // 20)), 1_000, 1)
    499
    """
    step = 1 if last_ticks >= mark_ticks else -1
    if health_at(last_ticks).equity_atoms >= 0:
        return None
    low, high = 0, abs(last_ticks - mark_ticks)  # steps from the mark; at high the equity is below 0
    while low < high:
        middle = (low + high) // 2
        if health_at(mark_ticks + step * middle).equity_atoms < 0:
            high = middle
        else:
            low = middle + 1
    return mark_ticks + step * low


def health_at_mark(money_atoms: int, holdings: Sequence[Holding], index: int) -> Callable[[int], Health]:
    """Return the health of a cross or isolated unit as a function of one market's mark, all else fixed."""

    def health_at(mark_ticks: int) -> Health:
        moved = [*holdings[:index], replace(holdings[index], mark_ticks=mark_ticks), *holdings[index + 1 :]]
        return Health(equity(money_atoms, moved), requirement(moved))

    return health_at
