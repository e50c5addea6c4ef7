"""In which state of its venue's ladder a margin unit is: rules C-4 and C-5.

Stands on `margin` and on the declarations of `engine.margin`.

::

    state        0       1       2       3          number of boundaries that the unit is beyond
    ratio   inf ....|.......|.......|....... 0      falls from left to right, so they are passed one after the other

Promises: a surplus below 0 says the same as the ratio compared by cross-multiplication, to the atom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.margin import Comparator
from engine.reference.ledger import PPM, ceil_div

if TYPE_CHECKING:
    from engine.margin import Boundary, Ladder
    from engine.reference.margin import Health


def surplus(health: Health, boundary: Boundary) -> int:
    """Return S of a boundary (C-4), atoms: the unit is beyond it exactly when S < 0.

    Equity is a whole number, so it is below a bound exactly when it is below the bound rounded up, and at or below it
    exactly when it is at or below the bound rounded down.

    Examples
    --------
    >>> from engine.margin import Boundary, Comparator, MarginAction
    >>> from engine.reference.margin import Health
    >>> surplus(Health(100, 100), Boundary(MarginAction.LIQUIDATE, 1_000_000))
    0
    >>> surplus(Health(100, 100), Boundary(MarginAction.LIQUIDATE, 1_000_000, Comparator.AT_OR_BELOW))
    -1
    """
    equity, required = health
    if required == 0:
        return equity  # nothing is required: 0 left is not beyond, whatever the comparator
    if boundary.comparator == Comparator.BELOW:
        return equity - ceil_div(required * boundary.ratio_ppm, PPM)
    return equity - required * boundary.ratio_ppm // PPM - 1


def state(health: Health, ladder: Ladder) -> int:
    """Return the number of boundaries that a unit is beyond (C-4); 0 is free."""
    return sum(surplus(health, boundary) < 0 for boundary in ladder.boundaries)


def next_state(before: int, health: Health | None, ladder: Ladder) -> int:
    """Return the state after a check: of an unknown unit it stays (C-5)."""
    return before if health is None else state(health, ladder)
