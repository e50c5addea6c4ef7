# Loan clock: interest of a whole protocol at its cadence (phase 3), so that time alone can make a loan liquidatable (Y-17).
#
# Stands on: loan_arming.

from engine.native.types cimport *
from engine.native.arith cimport *
from engine.native.loan cimport *
from engine.native.loan_arming cimport *
from engine.native.loans cimport *
from engine.native.state cimport *


# O(reserves), and the loans that wait for an index.
cdef inline void protocol_accrues(State* state, uint32_t number) noexcept nogil:
    cdef Protocol* protocol = protocol_at(&state.lending, number)
    cdef uint32_t i
    venue_schedule(state, state.now_ms + protocol.accrue_ms, PHASE_FUNDING, EVENT_ACCRUE, number, 0, 0)
    venue_journal(state, JOURNAL_ACCRUE, number, -1, 0, 0, 0, 0, 0, 0)
    for i in range(protocol.reserve_first, protocol.reserve_first + protocol.reserve_count):
        reserve_accrue(state, i)
        reserve_rerate(state, i)
