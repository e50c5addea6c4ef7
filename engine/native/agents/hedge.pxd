# Hedger: lots of one market against opposite lots of a perpetual; when one leg is taken from it, it trades again (A-9).
#
#   hears that a leg has changed -> the legs differ by the tolerance? -> waits -> rehedges that leg, or unwinds the other
#
# Stands on: agent. It knows of its legs what notices have told it since its first look, and has one order on its way at most: while it
# knows of one that has not ended it sends no other, so that it never trades a difference twice.

from engine.native.types cimport *
from engine.native.agent cimport *
from engine.native.arith cimport *
from engine.native.book cimport NO_PRICE
from engine.native.link cimport *
from engine.native.orders cimport cold_at
from engine.native.rng cimport round_half_up
from engine.native.slab cimport *
from engine.native.state cimport *

cdef enum HedgeMode:
    HEDGE_REOPENS = 0            # it trades the leg that was taken
    HEDGE_UNWINDS = 1            # it trades the other leg

cdef struct Hedge:
    time_ms_t react_ms           # mean pause between hearing of a difference and trading it
    double lots_ratio            # lots of the other market that offset a lot of the first
    int64_t mode                 # HedgeMode
    qty_t tolerance_lots         # of the other market: it acts on a difference so large
    qty_t known_lots[2]          # of each leg, as it has been told since its first look
    qty_t open_lots              # untraded lots of its order, 0: none is on its way
    time_ms_t looked_ms          # its first look
    int64_t number               # of its order, in that market
    int64_t other_account        # holds the second leg
    uint32_t market              # first leg: spot, or a perpetual
    uint32_t other               # second leg, a perpetual
    uint32_t taken               # leg that was changed last by others than itself: 0, or 1
    uint32_t traded              # leg of its order
    uint32_t cause               # of that change; its orders carry it (G-5)
    uint32_t has_looked
    uint32_t is_waiting          # a wake is on its way
    uint32_t pad


cdef inline Hedge* hedge_at(State* state, uint32_t row) noexcept nogil:
    return <Hedge*>(rows_of(state, BEHAVIOUR_HEDGE).base) + row


cdef inline qty_t hedge_gap(Hedge* row) noexcept nogil:
    """Lots of the other market by which the legs differ: above 0, it is long."""
    return round_half_up(<double>row.known_lots[0] * row.lots_ratio) + row.known_lots[1]


cdef inline void hedge_consider(State* state, Agent* agent, Hedge* row, uint32_t number) noexcept nogil:
    """Ask to be woken if the legs differ and nothing is under way."""
    if not row.is_waiting and row.open_lots == 0 and abs64(hedge_gap(row)) >= row.tolerance_lots:
        row.is_waiting = 1
        agent_sleep(state, agent, number, row.react_ms)


# Trade the difference in one of the legs, as far as one order may go; what is left it trades later. O(markets of the account).
cdef inline void hedge_trade(State* state, Agent* agent, Hedge* row) noexcept nogil:
    cdef uint32_t leg = row.taken if row.mode == HEDGE_REOPENS else 1 - row.taken
    cdef uint32_t market = row.other if leg else row.market
    cdef uint32_t account = <uint32_t>(row.other_account if leg else agent.account)
    cdef qty_t gap = hedge_gap(row), lots
    cdef slot_t slot
    lots = abs64(gap)
    if not leg:
        lots = round_half_up(<double>lots / row.lots_ratio)
        if round_half_up(<double>lots * row.lots_ratio) > abs64(gap):
            lots -= 1                    # beyond the gap it would trade back and forth for ever
    lots = min64(lots, market_at(state, market).book.qty_max)
    if lots < 1:
        return
    slot = agent_take_for(state, agent, account, market, SIDE_SELL if gap > 0 else SIDE_BUY, NO_PRICE, lots,
                          picture_left_ms(state, agent, market), row.cause)
    if slot == NIL:
        return
    row.open_lots = lots
    row.number = cold_at(&state.pools, slot).id
    row.traded = leg


# It wakes: look at what it holds, the first time; else trade the difference if there is one still. O(markets of the account).
cdef inline void hedge_wake(State* state, uint32_t number) noexcept nogil:
    cdef Agent* agent = agent_at(state, number)
    cdef Hedge* row = hedge_at(state, agent.row)
    row.is_waiting = 0
    if not row.has_looked:
        row.has_looked = 1
        row.looked_ms = state.now_ms
        row.taken = 1
        row.known_lots[0] = lots_held(state, <uint32_t>agent.account, row.market)
        row.known_lots[1] = lots_held(state, <uint32_t>row.other_account, row.other)
        hedge_consider(state, agent, row, number)
    elif row.open_lots == 0 and abs64(hedge_gap(row)) >= row.tolerance_lots:
        hedge_trade(state, agent, row)


# A notice reaches it (phase 9): lots have moved, or its order has ended. What happened up to its first look it has seen. O(1).
cdef inline void hedge_hear(State* state, Notice* notice) noexcept nogil:
    cdef Agent* agent = agent_at(state, notice.agent)
    cdef Hedge* row = hedge_at(state, agent.row)
    cdef uint32_t leg = notice.market == row.other
    cdef bint is_own = row.open_lots > 0 and leg == row.traded and notice.number == row.number and notice.kind != NOTICE_TRANSFER
    if not row.has_looked or notice.time_ms <= row.looked_ms or (not leg and notice.market != row.market):
        return
    if moves_lots(notice):
        row.known_lots[leg] += notice.side * notice.lots
        if is_own:
            row.open_lots -= notice.lots
        else:
            row.taken = leg
            row.cause = notice.cause
    elif is_own and (notice.kind == NOTICE_CANCEL or notice.kind == NOTICE_REJECT):
        row.open_lots = 0
    hedge_consider(state, agent, row, notice.agent)
