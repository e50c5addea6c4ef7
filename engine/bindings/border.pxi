# The border: Python values become C values here, or InputError is raised and nothing has been written.

cimport cython
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_ND, PyBUF_SIMPLE, PyBUF_STRIDES, PyBuffer_FillInfo, PyBuffer_Release,
    PyObject_CheckBuffer, PyObject_GetBuffer,
)
from cpython.exc cimport PyErr_CheckSignals
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact

from engine.native.types cimport *

cdef object _input_error = ValueError
cdef object _invariant_error = RuntimeError
cdef object _fill_record = tuple
cdef object _order_record = tuple


def install(input_error, invariant_error, fill_record, order_record):
    """Register the package's exceptions and records; called once by the package, so that this module imports nothing of it.

    Parameters
    ----------
    input_error : type
        Called with (field, expected, was).
    invariant_error : type
        Called with (message).
    fill_record, order_record : type
        Named tuples of `OrderBook.last_fills` and `OrderBook.orders`.
    """
    global _input_error, _invariant_error, _fill_record, _order_record
    _input_error = input_error
    _invariant_error = invariant_error
    _fill_record = fill_record._make
    _order_record = order_record._make


cdef object bad_input(str field, str expected, object was):
    """Build the InputError; the caller raises it."""
    if _input_error is ValueError:
        return ValueError(f"{field}: expected {expected}, was {was!r}")
    return _input_error(field, expected, was)


# An integer between two bounds. Accepts int and what answers __index__, but no bool and no float.
cdef inline int64_t border_int(object value, str field, int64_t low, int64_t high) except? -1:
    cdef int overflow = 0
    cdef int64_t number = 0
    if PyLong_CheckExact(value):
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        if not overflow and low <= number <= high:
            return number
    return border_int_slow(value, field, low, high)


cdef int64_t border_int_slow(object value, str field, int64_t low, int64_t high) except? -1:
    expected = f"an integer between {low} and {high}"
    if isinstance(value, (bool, float)):
        raise bad_input(field, expected, value)
    try:
        number = value.__index__()
    except (AttributeError, TypeError):      # an array of one float has __index__, and it raises
        raise bad_input(field, expected, value) from None
    if not low <= number <= high:
        raise bad_input(field, expected, value)
    return number


cdef class Column:
    """One input column: a buffer that is checked and held for the length of a call."""

    cdef Py_buffer view
    cdef bint held

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)


cdef dict _FORMATS = {"uint8": ("B", 1), "int8": ("b", 1), "int16": ("h", 2), "int32": ("i", 4), "int64": ("lq", 8)}


cdef Column border_column(object value, str field, str dtype, int64_t length):
    """Hold a one-dimensional contiguous column of exactly `dtype`; `length` -1 takes any."""
    cdef Column column = Column()
    cdef str expected = f"a one-dimensional contiguous array of {dtype} in this machine's byte order"
    if not PyObject_CheckBuffer(value):
        raise bad_input(field, expected, type(value).__name__)
    try:
        PyObject_GetBuffer(value, &column.view, PyBUF_FORMAT | PyBUF_ND | PyBUF_STRIDES)
    except (BufferError, ValueError, TypeError) as error:
        raise bad_input(field, expected, str(error)) from None
    column.held = True
    formats, itemsize = _FORMATS[dtype]
    given = column.view.format.decode("ascii") if column.view.format != NULL else "B"
    if column.view.ndim != 1:
        raise bad_input(field, expected, f"{column.view.ndim} dimensions")
    if given not in formats or column.view.itemsize != itemsize:
        raise bad_input(field, expected, str(getattr(value, "dtype", given)))
    if column.view.shape[0] > 1 and column.view.strides[0] != itemsize:
        raise bad_input(field, expected, f"a stride of {column.view.strides[0]} bytes")
    if length >= 0 and column.view.shape[0] != length:
        raise bad_input(field, f"{length} rows, as the first column has", column.view.shape[0])
    return column
