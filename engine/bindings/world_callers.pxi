# World, Python agents: who they are, and calling them.


@cython.final
cdef class _Caller:
    """One Python agent or array population: the object, its context, and those of its methods that are its own."""

    cdef object agent
    cdef str name
    cdef _ContextBase context
    cdef object on_start, on_wake, on_book, on_fill, on_cancel, on_reject, on_liquidation, on_transfer, on_action, on_loan, on_end


cdef tuple _CALLBACKS = ("on_start", "on_wake", "on_book", "on_fill", "on_cancel", "on_reject", "on_liquidation", "on_transfer", "on_action",
                         "on_loan", "on_end")


cdef bint hears_transfers(object agent):
    """Whether an agent has an `on_transfer` of its own."""
    own = getattr(agent, "on_transfer", None)
    return own is not None and not getattr(getattr(own, "__func__", None), "is_default", False)


cdef class _WorldCallers(_WorldReplay):
    """Put Python agents into a world and call them."""

    cdef list callers
    cdef bint is_finished

    cdef _Caller new_caller(self, object agent, str name, uint32_t first, int64_t count, bint as_array):
        """Bind an agent's methods; what it inherits from the base class is not called."""
        cdef _Caller caller = _Caller.__new__(_Caller)
        caller.agent = agent
        caller.name = name
        caller.context = ArrayContext.__new__(ArrayContext) if as_array else Context.__new__(Context)
        caller.context.world = self
        caller.context.first = first
        caller.context.count = count
        caller.context.drawn_ms = -1
        if not as_array:
            (<Context>caller.context).open = {}
        bound = {}
        for method in _CALLBACKS:
            own = getattr(agent, method, None)
            if own is not None and not callable(own):
                raise bad_input("agent", f"a method {method}", own)
            inherited = getattr(own, "__func__", None)
            bound[method] = None if own is None or getattr(inherited, "is_default", False) else own
        caller.on_start, caller.on_wake, caller.on_book, caller.on_fill = (bound[method] for method in _CALLBACKS[:4])
        caller.on_cancel, caller.on_reject, caller.on_liquidation = (bound[method] for method in _CALLBACKS[4:7])
        caller.on_transfer, caller.on_action, caller.on_loan, caller.on_end = (bound[method] for method in _CALLBACKS[7:])
        return caller

    def add_python(self, agent, accounts, keys, *, name="", as_array=False, watches=(), start_ms=None, latency_ms=1, latency_law=None,
                   picture_ms=0, picture_law=None):
        """Add a Python agent, or a population that is stepped together.

        Parameters
        ----------
        agent : object
            With some of `on_start`, `on_wake`, `on_book`, `on_fill`, `on_cancel`, `on_reject`, `on_liquidation`, `on_transfer`, `on_action`, `on_loan`, `on_end`; see
            `engine.Agent` and `engine.ArrayAgent`.
        accounts, keys : int or sequence of int
            Account and `member_key` of the agent, or of each member.
        name : str
            Stands in errors.
        as_array : bool
            A population: one call for all of its members, with an `ArrayContext`; it hears of nothing but transfers, and of these
            only if it has an `on_transfer`.
        watches : sequence of int
            Markets whose touch it is told of (`on_book`, rule N-6).
        start_ms : int, optional
            When `on_start` is called, ms; now by default.
        latency_ms, latency_law, picture_ms, picture_law
            As for `add_agents`.

        Returns
        -------
        int
            Number of the (first) agent.
        """
        cdef State* state = self.enter()
        cdef list numbers = [self.trader_number(account, "accounts") for account in border_list(accounts)]
        cdef int64_t count = len(numbers), i
        cdef list streams = [border_word(key, "keys") for key in border_values(keys, "keys", count)]
        cdef list markets = [self.market_number(market, "watches") for market in watches]
        cdef int64_t first_ms = self.start_time(start_ms)
        cdef Agent head
        memset(&head, 0, sizeof(Agent))
        head.desk = NIL
        if not isinstance(name, str):
            raise bad_input("name", "a string", name)
        if not count or len(set(numbers)) != count or not as_array and count != 1:
            raise bad_input("accounts", "one account for an agent, different ones for an array", accounts)
        if as_array and markets:
            raise bad_input("watches", "none for an array: it hears of nothing", watches)
        if len(set(markets)) != len(markets):
            raise bad_input("watches", "markets that differ", watches)
        cdef bint hears = not as_array or hears_transfers(agent)
        if hears:
            for number_ in numbers:
                if account_at(&state.accounts, number_).agent != NIL:
                    raise bad_input("accounts", "an account without an agent that hears of fills", number_ if as_array else accounts)
        head.base_ms = border_int(latency_ms, "latency_ms", 0, _MS_MOST)
        head.picture_ms = border_int(picture_ms, "picture_ms", 0, _MS_MOST)
        head.law = self.law_slot(latency_law, "latency_law")
        head.picture_law = self.law_slot(picture_law, "picture_law")
        head.behaviour = BEHAVIOUR_PYTHON
        head.hears = HEARS_FILLS | HEARS_ENDS | HEARS_ACKS
        if as_array:
            head.hears = HEARS_TRANSFERS if hears else 0
        cdef uint32_t first = state.agents.count, number
        cdef _Caller caller = self.new_caller(agent, name, first, count, as_array)
        if not as_array:
            head.hears |= (HEARS_ACTIONS if caller.on_action is not None else 0) | (HEARS_LOANS if caller.on_loan is not None else 0)
        if slab_reserve(&state.agents, <uint32_t>count) or slab_reserve(&state.watchers, <uint32_t>len(markets)):
            raise MemoryError("World.add_python: no memory")
        if self.callers is None:
            self.callers = []
        head.row = <uint32_t>len(self.callers)
        self.callers.append(caller)
        for i in range(count):
            head.account = numbers[i]
            head.stream = stream_of(state.seed, streams[i])
            number = slab_take(&state.agents)
            agent_at(state, number)[0] = head
            if hears:
                account_at(&state.accounts, <uint32_t>head.account).agent = number
        for market in markets:
            self.new_watcher(first, numbers[0], market)
        venue_schedule(state, first_ms, PHASE_OBSERVERS, EVENT_WAKE, first, 0, 0)
        return first

    cdef int new_watcher(self, uint32_t agent, uint32_t account, uint32_t market) except -1:
        cdef State* state = &self.world.state
        cdef slot_t slot
        cdef Watcher* watcher
        if holding_open(state, account, market) == NIL:
            raise MemoryError("World.add_python: no memory")
        slot = slab_take(&state.watchers)
        watcher = watcher_at(state, slot)
        watcher.agent = agent
        watcher.market = market
        watcher.is_told = 0
        watcher.next = market_at(state, market).watchers
        market_at(state, market).watchers = slot
        return 0

    cdef int call_pending(self) except -1:
        """Call the Python agent for which the loop has stopped. An exception of its own becomes an AgentError."""
        cdef State* state = &self.world.state
        cdef Event event = self.world.call
        cdef bint is_wake = event.kind == EVENT_WAKE
        if event.kind == EVENT_ADL or event.kind == EVENT_RELIEF:
            return self.rank_pending()
        cdef uint32_t number = event.a if is_wake else notice_at(state, event.a).agent
        cdef _Caller caller = self.callers[agent_at(state, number).row]
        cdef _ContextBase context = caller.context
        cdef Notice notice
        self.world.has_call = 0
        if not is_wake:
            notice = notice_at(state, event.a)[0]
            notice_done(state, event.a)
        context.is_called = True
        context.sees_late = is_wake
        try:
            if is_wake:
                method = "on_wake" if event.b else "on_start"
                called = caller.on_wake if event.b else caller.on_start
                if called is not None:
                    called(context)
            else:
                method = "a notice"
                if isinstance(context, ArrayContext):
                    caller.on_transfer(context, <int64_t>(number - context.first), notice_told(&notice, None))
                else:
                    self.call_notice(caller, <Context>context, &notice)
        except Exception as error:
            raise _agent_error(caller.name, number, state.now_ms, error) from error
        finally:
            context.is_called = False
        return 0

    cdef int call_notice(self, _Caller caller, Context context, Notice* notice) except -1:
        """Tell a Python agent what it is told."""
        cdef AgentNotice told
        if notice.kind == NOTICE_BOOK:
            if caller.on_book is not None:
                caller.on_book(context, <int>notice.market)
            return 0
        if notice.kind == NOTICE_ACTION:
            if caller.on_action is not None:
                caller.on_action(context, action_told(notice))
            return 0
        if notice.kind == NOTICE_LOAN:
            if caller.on_loan is not None:
                caller.on_loan(context, <int>notice.market, <int>notice.side)
            return 0
        told = context.hear(notice)
        if notice.kind == NOTICE_FILL:
            called = caller.on_fill
        elif notice.kind == NOTICE_CANCEL:
            called = caller.on_cancel
        elif notice.kind == NOTICE_REJECT:
            called = caller.on_reject
        elif notice.kind == NOTICE_LIQUIDATION:
            called = caller.on_liquidation
        elif notice.kind == NOTICE_TRANSFER:
            called = caller.on_transfer
        else:
            return 0
        if called is not None:
            called(context, told)
        return 0

    def finish(self):
        """Tell every Python agent that the run has ended (`on_end`), once; they may look but send nothing any more."""
        cdef State* state = self.enter()
        cdef _Caller caller
        if self.is_finished or self.callers is None:
            return
        self.is_finished = True
        self.busy = True
        try:
            for caller in self.callers:
                if caller.on_end is None:
                    continue
                caller.context.is_called = caller.context.is_ended = True
                try:
                    caller.on_end(caller.context)
                except Exception as error:
                    raise _agent_error(caller.name, caller.context.first, state.now_ms, error) from error
                finally:
                    caller.context.is_called = caller.context.is_ended = False
        finally:
            self.busy = False

    cdef bytes pickled_callers(self):
        """The Python agents with what they know of their orders, and what their contexts drew; empty without any."""
        import pickle
        cdef _Caller caller
        rows = []
        if self.callers is None and not self.adl_functions:
            return b""
        for caller in self.callers or ():
            known = None if isinstance(caller.context, ArrayContext) else (<Context>caller.context).open
            rows.append((caller.agent, caller.name, caller.context.first, caller.context.count, known, caller.context.draws,
                         caller.context.drawn_ms))
        try:
            return pickle.dumps((rows, self.adl_functions), protocol=5)
        except Exception as error:
            raise bad_input("agents", "Python agents that pickle can keep (a snapshot and a fork hold a copy of each)",
                            f"{type(error).__name__}: {error}") from error

    cdef int unpickle_callers(self, bytes data) except -1:
        import pickle
        cdef _Caller caller
        if not data:
            return 0
        try:
            rows, self.adl_functions = pickle.loads(data)
        except Exception as error:
            raise bad_input("data", "a snapshot whose Python agents can be loaded here", f"{type(error).__name__}: {error}") from error
        self.callers = []
        for agent, name, first, count, known, draws, drawn_ms in rows:
            caller = self.new_caller(agent, name, first, count, known is None)
            caller.context.draws = draws
            caller.context.drawn_ms = drawn_ms
            if known is not None:
                (<Context>caller.context).open = known
            self.callers.append(caller)
        return 0
