"""The border: turn what a caller gives into plain integers, or refuse it (U-7).

Stands on `engine.errors` and numpy.

Promises: nothing passes that is not an integer of the column's type; the error names the argument or column. Whether
the *value* is legal is not decided here: that is a reject.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, NamedTuple

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


def checked_flag(field: str, value: object) -> bool:
    """Return `value` if it is True or False and nothing that merely counts as such, or raise `InputError`."""
    if value is not True and value is not False:
        raise InputError(field, "True or False", value)
    return value


def checked_column(field: str, column: object, dtype: str) -> list[int]:
    """Return a column as plain ints, or raise `InputError` naming `field`.

    A column is a numpy array, or answers the buffer protocol, ``__array_interface__`` or ``__arrow_c_array__``. The
    type must be exactly `dtype` in native byte order, the shape one row of numbers, the memory contiguous: the native
    engine reads such a column in place, and the twin refuses what the native engine must refuse.
    """
    expected = f"a contiguous one-dimensional array of {dtype}"
    array = _as_array(field, column, expected)
    if array is None:
        return _arrow_ints(field, column, dtype)
    if array.dtype != np.dtype(dtype):
        raise InputError(field, expected, f"dtype {array.dtype.str} ({array.dtype})")
    if array.ndim != 1:
        raise InputError(field, expected, f"{array.ndim} dimensions")
    if not array.flags.c_contiguous:
        raise InputError(field, expected, f"strides {array.strides}")
    return [int(number) for number in array.tolist()]


def _as_array(field: str, column: Any, expected: str) -> np.ndarray[Any, Any] | None:
    """Look at a column as a numpy array, without a copy; None for one that only Arrow can read."""
    if isinstance(column, np.ndarray):
        return column
    try:
        return np.asarray(memoryview(column))
    except TypeError:
        pass  # it has no buffer
    except Exception as error:  # noqa: BLE001  # what an object says of itself may be wrong in any way
        raise InputError(field, expected, str(error)) from None
    try:
        if hasattr(column, "__array_interface__"):
            return np.asarray(_Interface(column))
        if hasattr(column, "__arrow_c_array__"):
            return None
    except Exception as error:  # noqa: BLE001
        raise InputError(field, expected, str(error)) from None
    raise InputError(field, expected, type(column).__name__)


class _Interface:
    """Show numpy the array interface of an object and nothing else of it."""

    def __init__(self, column: Any) -> None:
        self.column = column  # numpy keeps this object alive, and this one the memory
        self.__array_interface__ = column.__array_interface__


def _arrow_ints(field: str, column: Any, dtype: str) -> list[int]:
    """Read an Arrow array: exactly the type, and a number in every row."""
    import nanoarrow

    expected = f"an Arrow array of {dtype} without nulls"
    try:
        array = nanoarrow.c_array(column)
    except Exception as error:  # noqa: BLE001  # what an object says of itself may be wrong in any way
        raise InputError(field, expected, str(error)) from None
    if array.schema.format != _ARROW_FORMATS[dtype] or array.schema.dictionary is not None:
        raise InputError(field, expected, f"Arrow format {array.schema.format}")
    numbers = nanoarrow.Array(array).to_pylist()
    if None in numbers:
        raise InputError(field, expected, "a null")
    return [int(number) for number in numbers]


# The letters of the Arrow C data interface.
_ARROW_FORMATS = {"int8": "c", "uint8": "C", "int16": "s", "int32": "i", "int64": "l"}


def checked_columns(
    commands: object, *, required: Mapping[str, str], optional: Mapping[str, str], names: Mapping[str, str]
) -> dict[str, list[int]]:
    """Return the columns of a batch as lists of equal length, or raise `InputError` naming the first bad one.

    Parameters
    ----------
    commands : Mapping of str to array
        The batch. Nothing is written to it and nothing of it is kept.
    required, optional, names : Mapping of str to dtype name
        The columns that must, may, and may at most once be there.
    """
    if not isinstance(commands, Mapping):
        raise InputError("commands", "a mapping of column names to arrays", type(commands).__name__)
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
