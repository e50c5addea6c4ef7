# The border: Python values become C values here, or InputError is raised and nothing has been written.

cimport cython
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_ND, PyBUF_SIMPLE, PyBUF_STRIDES, PyBuffer_FillInfo, PyBuffer_Release,
    PyObject_CheckBuffer, PyObject_GetBuffer,
)
from cpython.exc cimport PyErr_CheckSignals
from cpython.pycapsule cimport PyCapsule_GetPointer
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact

from engine.native.types cimport *

cdef extern from "stdint.h":
    const int64_t INT64_MAX_ "INT64_MAX"
    const int64_t INT64_MIN_ "INT64_MIN"

cdef object _input_error = ValueError
cdef object _invariant_error = RuntimeError
cdef object _agent_error = RuntimeError
cdef object _fill_record = tuple
cdef object _order_record = tuple
cdef object _cancel_record = tuple
cdef object _trigger_record = tuple
cdef object _stop_record = tuple


def install(input_error, invariant_error, agent_error, fill_record, order_record, cancel_record, trigger_record, stop_record):
    """Register the package's exceptions and records; called once by the package, so that this module imports nothing of it.

    Parameters
    ----------
    input_error : type
        Called with (field, expected, was).
    invariant_error : type
        Called with (message).
    agent_error : type
        Called with (name, number, time_ms, error).
    fill_record, order_record, cancel_record, trigger_record, stop_record : type
        Named tuples of what `OrderBook` hands out.
    """
    global _input_error, _invariant_error, _agent_error, _fill_record, _order_record, _cancel_record, _trigger_record, _stop_record
    _input_error = input_error
    _invariant_error = invariant_error
    _agent_error = agent_error
    _fill_record = fill_record._make
    _order_record = order_record._make
    _cancel_record = cancel_record._make
    _trigger_record = trigger_record._make
    _stop_record = stop_record._make


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


cdef int border_bool(object value, str field) except -1:
    """A flag: True or False, nothing else."""
    if value is False:
        return 0
    if value is True:
        return 1
    raise bad_input(field, "True or False", value)


# ---- columns ----

cdef extern from *:
    """
    #include <stdint.h>
    /* The Arrow C data interface, as its specification lays it down. */
    struct engine_arrow_schema {
        const char *format, *name, *metadata;
        int64_t flags, n_children;
        struct engine_arrow_schema **children, *dictionary;
        void (*release)(struct engine_arrow_schema *);
        void *private_data;
    };
    struct engine_arrow_array {
        int64_t length, null_count, offset, n_buffers, n_children;
        const void **buffers;
        struct engine_arrow_array **children, *dictionary;
        void (*release)(struct engine_arrow_array *);
        void *private_data;
    };
    """
    ctypedef struct ArrowSchema "struct engine_arrow_schema":
        const char* format
        int64_t n_children
        ArrowSchema* dictionary
        void* release
    ctypedef struct ArrowArray "struct engine_arrow_array":
        int64_t length
        int64_t null_count
        int64_t offset
        int64_t n_buffers
        const void** buffers
        void* release

cdef class Column:
    """One input column: memory that is checked and held for the length of a call."""

    cdef Py_buffer view
    cdef bint held
    cdef const void* data
    cdef int64_t length
    cdef object keeper           # what owns the memory, where it is no buffer

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)


# Per dtype: letters of the buffer protocol, bytes, letter of Arrow, letter of the array interface.
cdef dict _FORMATS = {
    "uint8": ("B", 1, "C", "u"), "int8": ("b", 1, "c", "i"), "int16": ("h", 2, "s", "i"), "int32": ("i", 4, "i", "i"),
    "int64": ("lq", 8, "l", "i"), "uint16": ("H", 2, "S", "u"),
}


cdef Column border_column(object value, str field, str dtype, int64_t length):
    """Hold a one-dimensional contiguous column of exactly `dtype`; `length` -1 takes any. Nothing is copied."""
    cdef Column column
    cdef str expected = f"a one-dimensional contiguous array of {dtype} in this machine's byte order"
    if PyObject_CheckBuffer(value):
        column = column_of_buffer(value, field, dtype, expected)
    elif hasattr(type(value), "__arrow_c_array__"):      # the type's: asking the value may run a stranger's code, which may raise
        column = column_of_arrow(value, field, dtype, expected)
    elif hasattr(type(value), "__array_interface__") or "__array_interface__" in getattr(value, "__dict__", ()):
        column = column_of_interface(value, field, dtype, expected)
    else:
        raise bad_input(field, expected, type(value).__name__)
    if length >= 0 and column.length != length:
        raise bad_input(field, f"{length} rows, as the first column has", column.length)
    return column


cdef Column column_of_buffer(object value, str field, str dtype, str expected):
    cdef Column column = Column()
    try:
        PyObject_GetBuffer(value, &column.view, PyBUF_FORMAT | PyBUF_ND | PyBUF_STRIDES)
    except (BufferError, ValueError, TypeError) as error:
        raise bad_input(field, expected, str(error)) from None
    column.held = True
    formats, itemsize = _FORMATS[dtype][:2]
    given = column.view.format.decode("ascii", "replace") if column.view.format != NULL else "B"
    if len(given) == 2 and given[0] in "@=<":        # this machine's byte order, said (ctypes does)
        given = given[1]
    if column.view.ndim != 1:
        raise bad_input(field, expected, f"{column.view.ndim} dimensions")
    if given not in formats or column.view.itemsize != itemsize:
        raise bad_input(field, expected, str(getattr(value, "dtype", given)))
    # ctypes leaves strides out although they were asked for; that means contiguous
    if column.view.strides != NULL and column.view.shape[0] > 1 and column.view.strides[0] != itemsize:
        raise bad_input(field, expected, f"a stride of {column.view.strides[0]} bytes")
    column.data = column.view.buf
    column.length = column.view.shape[0]
    return column


cdef bint arrow_has_nulls(ArrowArray* array) noexcept:
    cdef const uint8_t* valid = <const uint8_t*>array.buffers[0]
    cdef int64_t i
    if array.null_count == 0 or valid == NULL:
        return False
    if array.null_count > 0:
        return True
    for i in range(array.offset, array.offset + array.length):      # -1: not counted yet
        if not valid[i >> 3] >> (i & 7) & 1:
            return True
    return False


cdef Column column_of_arrow(object value, str field, str dtype, str expected):
    cdef Column column = Column()
    cdef ArrowSchema* schema
    cdef ArrowArray* array
    try:
        column.keeper = value.__arrow_c_array__()
        schema_capsule, array_capsule = column.keeper
        schema = <ArrowSchema*>PyCapsule_GetPointer(schema_capsule, "arrow_schema")
        array = <ArrowArray*>PyCapsule_GetPointer(array_capsule, "arrow_array")
    except Exception as error:      # whatever a stranger's method raises
        raise bad_input(field, expected, f"{type(error).__name__}: {error}") from None
    if schema.release == NULL or array.release == NULL:
        raise bad_input(field, expected, "an Arrow array that was released")
    given = schema.format.decode("ascii", "replace")
    if given != _FORMATS[dtype][2] or schema.dictionary != NULL or array.n_buffers != 2:
        raise bad_input(field, expected, f"Arrow format {given!r}")
    if arrow_has_nulls(array):
        raise bad_input(field, expected, "an Arrow array with nulls")
    column.length = array.length
    column.data = array.buffers[1]
    if column.data != NULL:
        column.data = <const void*>(<const char*>column.data + array.offset * <int64_t>_FORMATS[dtype][1])
    return column


cdef Column column_of_interface(object value, str field, str dtype, str expected):
    cdef Column column = Column()
    column.keeper = value
    try:
        interface = value.__array_interface__
        shape, typestr, data = tuple(interface["shape"]), interface["typestr"], interface["data"]
        address = int(data[0])
        strides, itemsize = interface.get("strides"), int(_FORMATS[dtype][1])
    except Exception as error:
        raise bad_input(field, expected, f"an __array_interface__ without shape, typestr and data ({type(error).__name__})") from None
    if len(shape) != 1:
        raise bad_input(field, expected, f"{len(shape)} dimensions")
    if typestr not in (f"<{_FORMATS[dtype][3]}{itemsize}", f"|{_FORMATS[dtype][3]}{itemsize}") or (itemsize > 1 and typestr[0] != "<"):
        raise bad_input(field, expected, str(typestr))
    if strides is not None and shape[0] > 1 and tuple(strides) != (itemsize,):
        raise bad_input(field, expected, f"strides {strides}")
    column.length = border_int(shape[0], field, 0, 0x7FFFFFFFFFFFFFFF)
    column.data = <const void*><size_t>address
    return column
