# Planted faults of a checked build: their names, and which one is planted (docs/planted-faults.md).

from libc.stdlib cimport getenv

from engine.native.planted cimport ENGINE_FAULTS, SLIP_NONE, SLIPS_END, slip_name, plant_number


def planted_faults():
    """Return the names of the faults that this build can plant.

    Returns
    -------
    tuple of str
        Empty, unless the core was built with ``FIRESALE_FAULTS=1``.
    """
    cdef int slip
    cdef list names = []
    for slip in range(SLIP_NONE + 1, SLIPS_END):
        names.append(slip_name(slip).decode("ascii"))
    return tuple(names)


def plant(name):
    """Plant one fault, in place of the one that was planted, for everything that this process does from now on.

    Parameters
    ----------
    name : str or None
        One of `planted_faults()`; None for no fault.

    Raises
    ------
    InputError
        If this build knows no such fault.
    """
    names = planted_faults()
    if name is None:
        plant_number(SLIP_NONE)
    elif name in names:
        plant_number(SLIP_NONE + 1 + <int>names.index(name))
    else:
        raise bad_input("name", "None or one of planted_faults()", name)


cdef int plant_from_environment() except -1:
    """Plant what FIRESALE_FAULT names, when the core is imported."""
    cdef const char* wanted = getenv("FIRESALE_FAULT") if ENGINE_FAULTS else NULL
    if wanted != NULL and wanted[0]:
        plant(wanted.decode())
    return 0


plant_from_environment()
