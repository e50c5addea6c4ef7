# Shock: an outside amount, sold or bought over a time in equal slices (phase 1).
#
# Stands on: agent. It is an external input and a root of the lineage: its orders arrive in the millisecond in which they are sent.

from engine.native.types cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.lineage cimport *
from engine.native.market cimport *
from engine.native.slab cimport *
from engine.native.state cimport *
from engine.native.venue cimport *

cdef struct Shock:
    qty_t left_lots              # still to trade
    int64_t slices_left          # orders still to send
    time_ms_t every_ms           # between orders
    uint32_t market
    int8_t side
    uint8_t pad[3]


cdef inline Shock* shock_at(State* state, uint32_t row) noexcept nogil:
    return <Shock*>(rows_of(state, BEHAVIOUR_SHOCK).base) + row


# One slice: a market order that arrives in this millisecond, and the next slice. O(1).
cdef inline void shock_fire(State* state, uint32_t number) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Shock* shock = shock_at(state, agent.row)
    cdef qty_t qty
    if shock.left_lots <= 0:
        return
    qty = ceil_div(shock.left_lots, shock.slices_left)
    if agent.landmark == 0:
        agent.landmark = venue_landmark(state, LANDMARK_SHOCK, shock.market, agent.account, 0, shock.left_lots)
    shock.left_lots -= qty
    shock.slices_left -= 1
    venue_send(state, agent.account, shock.market, shock.side, ORDER_IS_MARKET, 0, qty, state.now_ms, agent.landmark)
    if shock.left_lots > 0:
        venue_schedule(state, state.now_ms + shock.every_ms, PHASE_EXTERNAL, EVENT_WAKE, number, 1, agent.landmark)
