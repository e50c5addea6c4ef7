# Published: the landmark of the publication that a series shows now (G-15).
#
# Stands on: state. It is made when the publication is first found to have done something.

from engine.native.types cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.prices cimport *
from engine.native.risk cimport *
from engine.native.state cimport *


cdef inline uint32_t publication_landmark(State* state, uint32_t market_id, uint32_t kind) noexcept nogil:
    """Of a market's index, mark or oracle."""
    cdef Market* market = market_at(state, market_id)
    cdef uint32_t* slot = &market.mark_landmark
    cdef Mover* mover = &market.mark_mover
    if kind == ORACLE_INDEX:
        slot, mover = &market.index_landmark, &market.index_mover
    elif kind == ORACLE_ORACLE:
        slot, mover = &market.oracle_landmark, &market.oracle_mover
    if slot[0] == 0:
        slot[0] = venue_landmark(state, LANDMARK_PUBLICATION, market_id, -1, mover.cause, published_ticks(market, kind))
        landmark_at(&state.lineage, slot[0]).mover = mover[0]
    return slot[0]


cdef inline uint32_t series_landmark(State* state, uint32_t series) noexcept nogil:
    """Of a series that margin units wait on."""
    return publication_landmark(state, series >> 1, ORACLE_INDEX if series & SERIES_INDEX else ORACLE_MARK)
