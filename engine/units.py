"""Grids: prices and quantities as people write them become whole ticks, lots and atoms (U-4, U-5, U-8).

Stands on `decimal` and `engine.errors`. Promises: exact or refused. Nothing is rounded here; a value that is not on its grid
raises and names the field.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from engine.errors import InputError

Amount = int | float | str | Decimal
"""A number at the border: an integer, a decimal string, a `Decimal`, or a float whose shortest form is on the grid."""


def exact(value: Amount, field: str) -> Decimal:
    """Return a number as a `Decimal`, a float by its shortest decimal form (U-8).

    Raises
    ------
    InputError
        It is no finite number, or a bool.

    Examples
    --------
    >>> exact(0.1, "price")
    Decimal('0.1')
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise InputError(field, "a number, a decimal string or a Decimal", value)
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except InvalidOperation:
        raise InputError(field, "a decimal number", value) from None
    if not number.is_finite():
        raise InputError(field, "a finite number", value)
    return number


class Grid(NamedTuple):
    """Whole steps of one size.

    Examples
    --------
    >>> price = Grid("0.001")
    >>> price.count("1.688", "price"), price.value(1688)
    (1688, Decimal('1.688'))
    """

    step_text: str

    @property
    def step(self) -> Decimal:
        """The size of a step."""
        return Decimal(self.step_text)

    def count(self, value: Amount, field: str) -> int:
        """Return how many steps a value is.

        Raises
        ------
        InputError
            It is no number, or lies between two steps.
        """
        steps = exact(value, field) / self.step
        if steps != steps.to_integral_value():
            raise InputError(field, f"a multiple of {self.step_text}", value)
        return int(steps)

    def floor_count(self, value: Amount, field: str) -> int:
        """Return the whole steps in a value, rounded down: for amounts that come from a random law, not from a person."""
        return int(exact(value, field) // self.step)

    def value(self, count: int) -> Decimal:
        """Return the value of a number of steps."""
        return count * self.step
