"""Grids: prices and quantities as people write them become whole ticks, lots and atoms (U-4, U-5, U-8).

Stands on `decimal` and `engine.errors`. Promises: exact or refused. Nothing is rounded here; a value that is not on its
grid raises and names the field.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, InvalidOperation
from functools import cached_property

from engine.errors import InputError

Amount = int | float | str | Decimal
"""A number at the border: an integer, a decimal string, a `Decimal`, or a float whose shortest form is on the grid."""

# Counts have 19 digits at most. Python's own context would round a value of more than 28 digits onto the grid.
EXACT = Context(prec=60, Emin=MIN_EMIN, Emax=MAX_EMAX)


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
    if isinstance(value, bool):
        raise InputError(field, "a number, no bool", value)
    try:
        if isinstance(value, float):
            number = Decimal(repr(float(value)))  # NumPy's floats are floats, but have a repr of their own
        else:
            number = Decimal(value if isinstance(value, (str, Decimal)) else operator.index(value))
    except TypeError:
        raise InputError(field, "a number, a decimal string or a Decimal", value) from None
    except InvalidOperation:
        raise InputError(field, "a decimal number", value) from None
    if not number.is_finite():
        raise InputError(field, "a finite number", value)
    return number


def whole_steps(number: Decimal, step: Decimal, field: str) -> tuple[int, bool]:
    """Return the whole steps in a number, towards zero, and whether nothing is left over.

    Raises
    ------
    InputError
        There are so many that they cannot be counted exactly.
    """
    try:
        steps, rest = EXACT.divmod(number, step)
    except InvalidOperation:
        raise InputError(field, "a number of fewer digits", number) from None
    return int(steps), not rest


@dataclass(frozen=True)
class Grid:
    """Whole steps of one size.

    Examples
    --------
    >>> price = Grid("0.001")
    >>> price.count("1.688", "price"), price.value(1688)
    (1688, Decimal('1.688'))
    """

    step_text: str

    @cached_property
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
        steps, is_whole = whole_steps(exact(value, field), self.step, field)
        if not is_whole:
            raise InputError(field, f"a multiple of {self.step_text}", value)
        return steps

    def floor_count(self, value: Amount, field: str) -> int:
        """Return the whole steps in a value, rounded down: for amounts from a random law, not from a person."""
        number = exact(value, field)
        steps, is_whole = whole_steps(number, self.step, field)
        return steps if is_whole or number > 0 else steps - 1

    def value(self, count: int) -> Decimal:
        """Return the value of a number of steps."""
        return count * self.step
