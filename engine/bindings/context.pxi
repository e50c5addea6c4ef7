# Contexts: what a Python agent sees and does while it is called.
#
# A context acts within its agent's callback only, and only by messages over its links: nothing that it does touches a book before the
# callback has returned, so no agent sees a half-changed book and none can re-enter one.


cdef dict market_state(Market* row):
    """What `World.market` says of a market."""
    prices = {
        "best_bid": book_best(&row.book, 0), "best_ask": book_best(&row.book, 1), "last": row.book.last_price,
        "index": row.index_ticks, "mark": row.mark_ticks, "oracle": row.oracle_ticks,
    }
    result = {name: None if value == NO_PRICE else value for name, value in prices.items()}
    for name, time_ms in (("index_ms", row.index_ms), ("mark_ms", row.mark_ms), ("oracle_ms", row.oracle_ms)):
        result[name] = None if time_ms < 0 else time_ms
    result["clearing"] = row.clearing
    result["trades"] = row.book.trade_count
    result["traded_lots"] = row.book.traded_lots
    result["orders"] = row.book.ladder[0].order_count + row.book.ladder[1].order_count
    result["arrived"] = row.order_count
    result["cancelled"] = row.cancel_count
    result["quote_asset"] = row.quote_asset
    result["atoms_per_tick_lot"] = row.atoms_per_tick_lot
    return result


@cython.final
@cython.freelist(256)
cdef class SentOrder:
    """An order of a Python agent, as far as the agent has been told (rule N-4).

    Attributes
    ----------
    market, side, price_ticks, qty_lots : int
        As sent; the price of a market order is 0.
    number : int
        Its number, per account and market from 1.
    leaves_lots : int
        What is open, in flight or resting; 0 once a fill, refusal or cancel of all of it has been heard of.
    """

    cdef readonly int64_t number
    cdef readonly int64_t qty_lots
    cdef readonly int64_t leaves_lots
    cdef readonly int64_t price_ticks
    cdef readonly int market
    cdef readonly int side
    cdef uint32_t slot
    cdef uint32_t generation

    @property
    def is_open(self):
        """Whether something of it may still trade, as far as is known."""
        return self.leaves_lots > 0

    def __repr__(self):
        return (f"SentOrder(number={self.number}, market={self.market}, side={self.side}, price_ticks={self.price_ticks}, "
                f"qty_lots={self.qty_lots}, leaves_lots={self.leaves_lots})")

    def __reduce__(self):
        # What an agent keeps goes into a snapshot with it (J-3).
        return _sent_order, (self.number, self.qty_lots, self.leaves_lots, self.price_ticks, self.market, self.side, self.slot, self.generation)


def _sent_order(number, qty_lots, leaves_lots, price_ticks, market, side, slot, generation):
    cdef SentOrder order = SentOrder.__new__(SentOrder)
    order.number, order.qty_lots, order.leaves_lots, order.price_ticks = number, qty_lots, leaves_lots, price_ticks
    order.market, order.side, order.slot, order.generation = market, side, slot, generation
    return order


@cython.final
@cython.freelist(64)
cdef class AgentNotice:
    """What a Python agent is told.

    Attributes
    ----------
    kind : int
        1 fill, 2 refused, 3 taken off, 6 liquidation has begun, 8 the venue moved a position (L-14).
    time_ms : int
        When it happened, ms; it is heard of later.
    order : SentOrder or None
        The agent's order, already brought up to date.
    market, side, price_ticks, lots : int
        Where, and of a fill or a transfer the agent's side, price and quantity.
    reason : int
        `RejectReason` of a refusal; of a transfer 1 to the backstop, 2 by ADL, 3 what nobody else took.
    cause : int
        Landmark behind it, 0 background.
    """

    cdef readonly int64_t time_ms
    cdef readonly int64_t lots
    cdef readonly int64_t price_ticks
    cdef readonly object order
    cdef readonly int kind
    cdef readonly int market
    cdef readonly int side
    cdef readonly int reason
    cdef readonly int64_t cause

    def __repr__(self):
        return (f"AgentNotice(kind={self.kind}, time_ms={self.time_ms}, market={self.market}, side={self.side}, "
                f"price_ticks={self.price_ticks}, lots={self.lots}, reason={self.reason}, order={self.order!r})")

    def __reduce__(self):
        return _agent_notice, (self.time_ms, self.lots, self.price_ticks, self.order, self.kind, self.market, self.side, self.reason, self.cause)


cdef AgentNotice notice_told(Notice* notice, SentOrder order):
    """The notice as a Python agent gets it."""
    cdef AgentNotice told = AgentNotice.__new__(AgentNotice)
    told.time_ms = notice.time_ms
    told.kind = notice.kind
    told.market = notice.market
    told.side = notice.side
    told.lots = notice.lots
    told.price_ticks = notice.price_ticks
    told.reason = notice.reason
    told.cause = notice.cause
    told.order = order
    return told


def _agent_notice(time_ms, lots, price_ticks, order, kind, market, side, reason, cause):
    cdef AgentNotice notice = AgentNotice.__new__(AgentNotice)
    notice.time_ms, notice.lots, notice.price_ticks, notice.order = time_ms, lots, price_ticks, order
    notice.kind, notice.market, notice.side, notice.reason, notice.cause = kind, market, side, reason, cause
    return notice


@cython.final
@cython.freelist(64)
cdef class ActionNotice:
    """What became of an action of a Python agent (rule B-8).

    Attributes
    ----------
    number : int
        As `Context.act` returned it.
    time_ms : int
        When it was executed, ms; it is heard of later.
    kind : str
        ``supply``, ``swap``, ...
    target, party, asset, other : int
        As sent.
    paid, got : int
        Atoms that it took and gave; 0 if it was refused.
    reason : int
        0 done, else an `ActionReason`.
    cause : int
        Landmark that it made, else the one that it carried; 0 background.
    """

    cdef readonly int64_t number
    cdef readonly int64_t time_ms
    cdef readonly int64_t paid
    cdef readonly int64_t got
    cdef readonly int64_t cause
    cdef readonly str kind
    cdef readonly int target
    cdef readonly int party
    cdef readonly int asset
    cdef readonly int other
    cdef readonly int reason

    def __repr__(self):
        return f"ActionNotice(number={self.number}, kind={self.kind!r}, target={self.target}, reason={self.reason}, paid={self.paid}, got={self.got})"

    def __reduce__(self):
        return _action_notice, (self.number, self.time_ms, self.paid, self.got, self.cause, self.kind, self.target, self.party, self.asset,
                                self.other, self.reason)


def _action_notice(number, time_ms, paid, got, cause, kind, target, party, asset, other, reason):
    cdef ActionNotice told = ActionNotice.__new__(ActionNotice)
    told.number, told.time_ms, told.paid, told.got, told.cause, told.kind = number, time_ms, paid, got, cause, kind
    told.target, told.party, told.asset, told.other, told.reason = target, party, asset, other, reason
    return told


cdef dict _ACTION_KIND_NAMES = {number: name for name, number in _ACTION_NAMES.items()}


cdef ActionNotice action_told(Notice* notice):
    return _action_notice(notice.number, notice.time_ms, notice.leaves_lots, notice.lots, notice.cause, _ACTION_KIND_NAMES[notice.side],
                          notice.market, notice.slot, notice.generation & 0xFFFF, notice.generation >> 16, notice.reason)


cdef class _ContextBase:
    """What single and array contexts share: the clock, waking, looking."""

    cdef _WorldAgents world
    cdef uint32_t first          # number of its (first) agent
    cdef int64_t count           # agents
    cdef bint is_called
    cdef bint is_ended           # it is told of the end: it looks, and sends nothing any more
    cdef bint sees_late          # it woke: its messages leave when the picture has arrived (N-2)
    cdef uint32_t draws
    cdef int64_t drawn_ms

    def __reduce__(self):
        raise TypeError("a context belongs to its world and cannot be kept or pickled: keep orders and numbers instead")

    cdef State* act(self) except NULL:
        """The state, for a context whose agent is being called."""
        if not self.is_called:
            raise RuntimeError("a context acts only while its agent is called")
        return &self.world.world.state

    cdef State* send(self) except NULL:
        """The state, for a context whose agent may send messages and ask to be woken."""
        cdef State* state = self.act()
        if self.is_ended:
            raise RuntimeError("the run has ended: an agent may look, and sends nothing any more")
        return state

    cdef State* of_world(self) except NULL:
        """The state, for what may be read at any time."""
        if self.world is None:
            raise RuntimeError("contexts are made by the engine")
        return &self.world.world.state

    cdef time_ms_t left_ms(self, State* state, Agent* agent, uint32_t market):
        return picture_left_ms(state, agent, market) if self.sees_late else state.now_ms

    @property
    def time_ms(self):
        """The clock, ms."""
        return self.of_world().now_ms

    def touch(self, market):
        """Return (best bid, best ask) of a market, ticks, None for an empty side. O(1)."""
        cdef State* state = self.act()
        cdef Market* row = market_at(state, self.world.market_number(market))
        cdef int64_t bid = book_best(&row.book, 0), ask = book_best(&row.book, 1)
        return None if bid == NO_PRICE else bid, None if ask == NO_PRICE else ask

    def book(self, market):
        """Return a market's prices and sizes, as `World.market`."""
        return market_state(market_at(self.act(), self.world.market_number(market)))

    def depth(self, market, levels=10):
        """Return (bids, asks) of a market, each (price_ticks, qty_lots), best first."""
        cdef State* state = self.act()
        cdef Market* row = market_at(state, self.world.market_number(market))
        cdef int64_t most = border_int(levels, "levels", 0, INT64_MAX_)
        return book_depth_list(&state.pools, &row.book, 0, most), book_depth_list(&state.pools, &row.book, 1, most)

    def wake_in(self, ms):
        """Be woken after a time, ms, at least 1."""
        cdef State* state = self.send()
        agent_wake_at(state, self.first, state.now_ms + border_int(ms, "ms", 1, TIME_MAX >> 20), 1)

    def wake_at(self, time_ms):
        """Be woken at a time, ms, later than now."""
        cdef State* state = self.send()
        agent_wake_at(state, self.first, border_int(time_ms, "time_ms", state.now_ms + 1, TIME_MAX >> 1), 1)

    def loan(self, account, protocol):
        """Return what an account has at a protocol, as `World.loan`."""
        self.act()
        return self.world.loan_told(account, protocol)

    def loans(self, protocol):
        """Return every loan of a protocol as columns, as `World.loans`."""
        self.act()
        return self.world.loans_told(protocol)

    def reserve(self, protocol, asset):
        """Return what a reserve is now, as `World.reserve`."""
        self.act()
        return self.world.reserve_told(protocol, asset)

    def route(self, route):
        """Return what a route is and did, as `World.route`."""
        self.act()
        return self.world.route_told(route)

    def issuer(self, issuer):
        """Return what an issuer is and did, as `World.issuer`."""
        self.act()
        return self.world.issuer_told(issuer)

    cdef uint32_t next_draw(self, State* state):
        """The how-manieth draw of this millisecond comes next."""
        if self.drawn_ms != state.now_ms:
            self.drawn_ms = state.now_ms
            self.draws = 0
        self.draws += 1
        return self.draws - 1


@cython.final
cdef class Context(_ContextBase):
    """What a Python agent sees and does while it is called; made by the engine."""

    cdef dict open               # (market, number) -> SentOrder that may still trade

    @property
    def account(self):
        """The agent's account."""
        return agent_at(self.of_world(), self.first).account

    @property
    def orders(self):
        """Its orders that may still trade, as far as it knows, oldest first."""
        return list(self.open.values())

    def position(self, market):
        """Return (position_lots, cost_atoms) of its account in a market."""
        cdef State* state = self.act()
        cdef slot_t slot = holding_find(&state.accounts, <uint32_t>agent_at(state, self.first).account, self.world.market_number(market))
        if slot == NIL:
            return 0, 0
        return holding_at(&state.accounts, slot).position_lots, holding_at(&state.accounts, slot).cost_atoms

    def balance(self, asset):
        """Return (atoms, reserved) of its account in an asset."""
        cdef State* state = self.act()
        cdef Balance* row = balance_at(&state.ledger, <uint32_t>agent_at(state, self.first).account, self.world.asset_number(asset, "asset"))
        return row.atoms, row.reserved

    def uniform(self):
        """Return the next random number of this millisecond, between 0 and 1: keyed, so another agent's draws change none of it."""
        cdef State* state = self.act()
        return uniform01(draw_bits(agent_at(state, self.first).stream, PURPOSE_PYTHON, state.now_ms, self.next_draw(state)))

    def place(self, market, side, qty_lots, price_ticks=None, *, immediate=False):
        """Send an order over the link.

        Parameters
        ----------
        market : int
            Where.
        side : Side
            BUY or SELL.
        qty_lots : int
            Lots.
        price_ticks : int, optional
            Limit; without it a market order.
        immediate : bool
            IOC instead of GTC.

        Returns
        -------
        SentOrder
            What the venue refuses on arrival is told later (`on_reject`).
        """
        cdef State* state = self.send()
        cdef uint32_t market_ = self.world.market_number(market), flags = 0
        cdef Agent* agent = agent_at(state, self.first)
        cdef SentOrder order
        cdef price_t price = 0
        cdef Sender sender
        cdef int8_t side_ = self.world.side_of(side)
        cdef qty_t qty = border_int(qty_lots, "qty_lots", INT64_MIN_, INT64_MAX_)
        if price_ticks is None:
            flags = ORDER_IS_MARKET
        else:
            price = <price_t>border_int(price_ticks, "price_ticks", -0x80000000, 0x7FFFFFFF)
            if immediate:
                flags = ORDER_IS_IOC
        self.world.check_venue(<uint32_t>agent.account, market_)
        sender = sender_of(state, <uint32_t>agent.account, market_)
        if sender.desk == NIL:
            raise MemoryError("Context.place: no memory")
        order = SentOrder.__new__(SentOrder)
        order.slot = agent_send(state, agent, sender, side_, flags, price, qty,
                                self.left_ms(state, agent, market_), 0)
        if order.slot == NIL:
            raise MemoryError("Context.place: no memory")
        order.generation = cold_at(&state.pools, order.slot).generation
        order.number = cold_at(&state.pools, order.slot).id
        order.market = market_
        order.side = side_
        order.price_ticks = price
        order.qty_lots = order.leaves_lots = qty
        self.open[(<int64_t>market_ << 48) | order.number] = order
        return order

    def cancel(self, order):
        """Send a cancel of an order; if it is gone when the cancel arrives, it is a miss. One that is known to be gone sends nothing."""
        cdef State* state = self.send()
        if not isinstance(order, SentOrder):
            raise bad_input("order", "a SentOrder of this agent", order)
        self.cancel_order(state, <SentOrder>order)

    cdef int cancel_order(self, State* state, SentOrder order) except -1:
        cdef Agent* agent = agent_at(state, self.first)
        if order.leaves_lots == 0:
            return 0
        if self.open.get((<int64_t>order.market << 48) | order.number) is not order:
            raise bad_input("order", "a SentOrder of this agent", order)
        agent_cancel(state, agent, sender_of(state, <uint32_t>agent.account, order.market),
                     order.slot, order.generation, self.left_ms(state, agent, order.market), 0)
        return 0

    def cancel_all(self, market=None):
        """Send a cancel of each of its orders, on one market or on all."""
        cdef State* state = self.send()
        cdef int64_t only = -1 if market is None else <int64_t>self.world.market_number(market)
        cdef SentOrder order
        for order in list(self.open.values()):
            if only < 0 or order.market == only:
                self.cancel_order(state, order)

    def send_action(self, kind, target, atoms=0, *, asset=None, other=None, party=None, least=0, pool=0, tip=0):
        """Send an action to a protocol, a pool, an issuer or a route over the link (rules B-1 .. B-4).

        Parameters
        ----------
        kind, target, atoms, asset, other, party, least, pool
            As for `World.act`.
        tip : int
            Atoms of the venue's gas asset for a unit of gas, above the base price.

        Returns
        -------
        int
            Its number, from 1; what becomes of it is told later (`on_action`).
        """
        cdef State* state = self.send()
        cdef Agent* agent = agent_at(state, self.first)
        cdef Action action
        cdef int64_t number
        self.world.fill_action(&action, agent.account, kind, target, atoms, asset, other, party, least, pool, tip)
        number = action_send(state, self.first, &action, state.now_ms + (agent.picture_ms if self.sees_late else 0))
        if number == 0:
            raise MemoryError("Context.send_action: no memory")
        return number

    cdef AgentNotice hear(self, Notice* notice):
        """Bring the order of a notice up to date, and make the notice."""
        cdef int64_t key = (<int64_t>notice.market << 48) | notice.number
        cdef SentOrder order = None if notice.kind == NOTICE_TRANSFER else self.open.get(key)
        cdef AgentNotice told = notice_told(notice, order)
        if order is not None and notice.kind != NOTICE_ACK:
            order.leaves_lots -= notice.lots
            if notice.kind != NOTICE_FILL or order.leaves_lots <= 0:
                order.leaves_lots = 0
                del self.open[key]
        return told


@cython.final
cdef class ArrayContext(_ContextBase):
    """What a population that is stepped together sees and does while it is called; made by the engine."""

    @property
    def count(self):
        """Members of the population."""
        return self.count

    @property
    def accounts(self):
        """The members' accounts, int64, shape (count,), a copy."""
        import numpy
        cdef State* state = self.of_world()
        cdef int64_t i
        return numpy.array([agent_at(state, self.first + <uint32_t>i).account for i in range(self.count)], dtype=numpy.int64)

    def positions(self, market):
        """Return the members' positions in a market, lots, int64, shape (count,), a copy. O(count)."""
        cdef State* state = self.act()
        cdef uint32_t market_ = self.world.market_number(market)
        cdef int64_t i
        cdef slot_t slot
        import numpy
        values = numpy.zeros(self.count, dtype=numpy.int64)
        cdef int64_t[::1] out = values
        for i in range(self.count):
            slot = holding_find(&state.accounts, <uint32_t>agent_at(state, self.first + <uint32_t>i).account, market_)
            if slot != NIL:
                out[i] = holding_at(&state.accounts, slot).position_lots
        return values

    def balances(self, asset):
        """Return what the members own of an asset, atoms, int64, shape (count,), a copy. O(count)."""
        cdef State* state = self.act()
        cdef uint32_t asset_ = self.world.asset_number(asset, "asset")
        cdef int64_t i
        import numpy
        values = numpy.zeros(self.count, dtype=numpy.int64)
        cdef int64_t[::1] out = values
        for i in range(self.count):
            out[i] = balance_at(&state.ledger, <uint32_t>agent_at(state, self.first + <uint32_t>i).account, asset_).atoms
        return values

    def uniform(self):
        """Return a random number between 0 and 1 for each member, float64, shape (count,): each of the member's own stream. O(count)."""
        cdef State* state = self.act()
        cdef int64_t i
        cdef uint32_t k = self.next_draw(state)
        import numpy
        values = numpy.zeros(self.count)
        cdef double[::1] out = values
        for i in range(self.count):
            out[i] = uniform01(draw_bits(agent_at(state, self.first + <uint32_t>i).stream, PURPOSE_PYTHON, state.now_ms, k))
        return values

    def place(self, market, members, sides, qty_lots, price_ticks=None, *, immediate=False):
        """Send an order for each of some members, over their links.

        Parameters
        ----------
        market : int
            Where.
        members : array of int64, shape (n,)
            Who: 0 .. count - 1; a member may stand several times.
        sides : array of int8, shape (n,)
            BUY (1) or SELL (-1).
        qty_lots : array of int64, shape (n,)
            Lots.
        price_ticks : array of int32, shape (n,), optional
            Limits; without them market orders.
        immediate : bool
            IOC instead of GTC.

        Returns
        -------
        array of int64, shape (n,)
            Tickets for `cancel`.

        Notes
        -----
        Everything is checked before anything is sent. O(n).
        """
        cdef State* state = self.send()
        cdef uint32_t market_ = self.world.market_number(market), flags = ORDER_IS_MARKET, number
        cdef Column who = border_column(members, "members", "int64", -1)
        cdef int64_t n = who.length, i
        cdef Column side = border_column(sides, "sides", "int8", n), qty = border_column(qty_lots, "qty_lots", "int64", n), price = None
        cdef Sender sender
        cdef slot_t slot
        cdef Agent* agent
        import numpy
        if price_ticks is not None:
            price = border_column(price_ticks, "price_ticks", "int32", n)
            flags = ORDER_IS_IOC if immediate else 0
        for i in range(n):
            if not 0 <= (<const int64_t*>who.data)[i] < self.count:
                raise bad_input("members", f"numbers between 0 and {self.count - 1}", (<const int64_t*>who.data)[i])
            if (<const int8_t*>side.data)[i] != 1 and (<const int8_t*>side.data)[i] != -1:
                raise bad_input("sides", "BUY (1) or SELL (-1)", (<const int8_t*>side.data)[i])
            self.world.check_venue(<uint32_t>agent_at(state, self.first + <uint32_t>(<const int64_t*>who.data)[i]).account, market_)
        tickets = numpy.empty(n, dtype=numpy.int64)
        cdef int64_t[::1] out = tickets
        for i in range(n):
            number = self.first + <uint32_t>(<const int64_t*>who.data)[i]
            agent = agent_at(state, number)
            sender = sender_of(state, <uint32_t>agent.account, market_)
            slot = NIL if sender.desk == NIL else agent_send(
                state, agent, sender, (<const int8_t*>side.data)[i], flags,
                0 if price is None else (<const int32_t*>price.data)[i], (<const int64_t*>qty.data)[i], self.left_ms(state, agent, market_), 0)
            if slot == NIL:
                state.fault = FAULT_NO_MEMORY
                self.world.raise_fault()
            out[i] = slot_handle(&state.pools, slot)
        return tickets

    cdef bint is_ticket(self, State* state, int64_t name, uint32_t number, uint32_t market):
        """Whether a ticket is of an order of this agent on this market, as far as can still be said: a later order may hold its slot."""
        cdef uint64_t slot = 2 * <uint64_t><uint32_t>name
        cdef Order* order
        if name < 0 or slot >= state.pools.orders.count:
            return False
        order = order_at(&state.pools, <slot_t>slot)
        if cold_at(&state.pools, <slot_t>slot).generation != <uint32_t>(name >> 32):
            return True
        if order.owner != agent_at(state, number).account:
            return False
        if order.leaves_lots == 0:               # on its way
            return order.level == market
        return order_market(state, order) == market

    def cancel(self, market, members, tickets):
        """Send cancels.

        Parameters
        ----------
        market : int
            Where the orders are.
        members, tickets : array of int64, shape (n,)
            Whose orders, and their tickets from `place`.

        Notes
        -----
        Everything is checked before anything is sent. A ticket whose order has ended is a miss (V-5). O(n).
        """
        cdef State* state = self.send()
        cdef uint32_t market_ = self.world.market_number(market)
        cdef Column who = border_column(members, "members", "int64", -1)
        cdef int64_t n = who.length, i, name
        cdef Column named = border_column(tickets, "tickets", "int64", n)
        cdef Agent* agent
        cdef Sender sender
        for i in range(n):
            name = (<const int64_t*>named.data)[i]
            if not 0 <= (<const int64_t*>who.data)[i] < self.count:
                raise bad_input("members", f"numbers between 0 and {self.count - 1}", (<const int64_t*>who.data)[i])
            if not self.is_ticket(state, name, self.first + <uint32_t>(<const int64_t*>who.data)[i], market_):
                raise bad_input("tickets", "tickets of these members' orders on this market", name)
        for i in range(n):
            name = (<const int64_t*>named.data)[i]
            agent = agent_at(state, self.first + <uint32_t>(<const int64_t*>who.data)[i])
            sender = sender_of(state, <uint32_t>agent.account, market_)
            if sender.desk == NIL:
                raise MemoryError("ArrayContext.cancel: no memory")
            agent_cancel(state, agent, sender, 2 * <slot_t><uint32_t>name, <uint32_t>(name >> 32),
                         self.left_ms(state, agent, market_), 0)
