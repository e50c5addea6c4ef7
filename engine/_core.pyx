# The one compiled module: thin classes over the kernels of engine/native. Nothing clever happens here.
#
# Each binding file turns Python objects into checked C values, calls a kernel without the GIL, and turns the outcome
# into Python objects. Errors become exceptions in bindings/border.pxi and nowhere else.

cdef extern from *:
    """
    #ifndef ENGINE_SOURCE_DIGEST
    #define ENGINE_SOURCE_DIGEST ""
    #endif
    #ifndef ENGINE_BUILD_FLAGS
    #define ENGINE_BUILD_FLAGS ""
    #endif
    #ifndef ENGINE_DEBUG
    #define ENGINE_DEBUG 0
    #endif
    """
    const char* ENGINE_SOURCE_DIGEST
    const char* ENGINE_BUILD_FLAGS
    const bint ENGINE_DEBUG


def source_digest():
    """Return the digest of the sources that this module was built from.

    Returns
    -------
    str
        SHA-256 in hexadecimal, as `engine._build.source_digest` computes it.
    """
    return ENGINE_SOURCE_DIGEST.decode("ascii")


def build_flags():
    """Return the mode and compiler flags of this build.

    Returns
    -------
    str
        For example ``"release -O3 -ffp-contract=off"``.
    """
    return ENGINE_BUILD_FLAGS.decode("ascii")


include "bindings/border.pxi"
include "bindings/table.pxi"
include "bindings/book_results.pxi"
include "bindings/book_lists.pxi"
include "bindings/book_batch.pxi"
include "bindings/book.pxi"
include "bindings/queue.pxi"
include "bindings/rng.pxi"
include "bindings/triggers.pxi"
include "bindings/planted.pxi"
include "bindings/schedule.pxi"
include "bindings/lending.pxi"
include "bindings/lending_liquidation.pxi"
include "bindings/pools.pxi"
include "bindings/pools_stable.pxi"
include "bindings/pools_ranges.pxi"
include "bindings/world.pxi"
