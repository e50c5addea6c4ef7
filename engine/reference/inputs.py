"""The border: turn what a caller gives into plain integers, or refuse it (U-7).

Stands on `engine.errors` and numpy.

Promises: nothing passes that is not an integer of the column's type; the error names the argument or column. Whether
the *value* is legal is not decided here: that is a reject.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from engine.errors import InputError


class IntRange(NamedTuple):
    """Bound an integer argument, both ends included."""

    low: int
    high: int


INT8 = IntRange(-(2**7), 2**7 - 1)
UINT8 = IntRange(0, 2**8 - 1)
INT16 = IntRange(-(2**15), 2**15 - 1)
INT32 = IntRange(-(2**31), 2**31 - 1)
INT64 = IntRange(-(2**63), 2**63 - 1)


def checked_int(field: str, value: object, bounds: IntRange) -> int:
    """Return `value` as an int within `bounds`, or raise `InputError` naming `field`.

    Anything with ``__index__`` passes, numpy integers and enums included; a bool does not, for True is no quantity.
    """
    expected = f"an integer in {bounds.low} .. {bounds.high}"
    if isinstance(value, (bool, np.bool_)):
        raise InputError(field, expected, value)
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # that it may fail is the point
    except TypeError:
        raise InputError(field, expected, repr(value) if isinstance(value, str) else value) from None
    if not bounds.low <= number <= bounds.high:
        raise InputError(field, expected, number)
    return number


def checked_column(field: str, array: object, dtype: str) -> list[int]:
    """Return a column as plain ints, or raise `InputError` naming `field`.

    The type must be exactly `dtype` in native byte order, the shape one row of numbers, the memory contiguous: the
    native engine reads such a column in place, and the twin refuses what the native engine must refuse.
    """
    expected = f"a contiguous one-dimensional numpy array of {dtype}"
    if not isinstance(array, np.ndarray):
        raise InputError(field, expected, f"{type(array).__name__}")
    if array.dtype != np.dtype(dtype):
        raise InputError(field, expected, f"dtype {array.dtype.str} ({array.dtype})")
    if array.ndim != 1:
        raise InputError(field, expected, f"{array.ndim} dimensions")
    if not array.flags.c_contiguous:
        raise InputError(field, expected, f"strides {array.strides}")
    return [int(number) for number in array.tolist()]


def checked_columns(
    commands: object, *, required: Mapping[str, str], optional: Mapping[str, str], names: Mapping[str, str]
) -> dict[str, list[int]]:
    """Return the columns of a batch as lists of equal length, or raise `InputError` naming the first bad one.

    Parameters
    ----------
    commands : Mapping of str to numpy array
        The batch. Nothing is written to it and nothing of it is kept.
    required, optional, names : Mapping of str to dtype name
        The columns that must, may, and may at most once be there.
    """
    if not isinstance(commands, Mapping):
        raise InputError("commands", "a mapping of column names to numpy arrays", type(commands).__name__)
    dtypes = {**required, **optional, **names}
    for field in commands:
        if field not in dtypes:
            raise InputError(str(field), f"one of the columns {', '.join(dtypes)}", "an unknown column")
    for field in required:
        if field not in commands:
            raise InputError(field, "a column", "missing")
    naming = [field for field in names if field in commands]
    if len(naming) > 1:
        raise InputError(naming[1], f"at most one naming column of {', '.join(names)}", f"given beside {naming[0]}")
    columns = {field: checked_column(field, commands[field], dtypes[field]) for field in dtypes if field in commands}
    length = len(columns[next(iter(required))])
    for field, column in columns.items():
        if len(column) != length:
            raise InputError(field, f"{length} rows, as the first column has", f"{len(column)} rows")
    return columns
