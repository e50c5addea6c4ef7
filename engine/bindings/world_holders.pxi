# World, holders: accounts without an agent that act when a price or their margin says so (H-1 .. H-4).

cdef dict _PLANS = {"stop": 0, "dip": PLAN_DIP}


cdef class _WorldHolders(_WorldAgents):
    """Declare crowds of holders, their plans and their top-ups."""

    def add_crowd(self, name, first, count, *, latency_ms=1, latency_law=None, top_up_state=1, top_up_after_ms=0, reserve=None, route=None):
        """Declare that accounts are the members of a crowd (rule H-1).

        Parameters
        ----------
        name : str
            Its name, key of its members' draws (R-2).
        first, count : int
            Its accounts: first and how many; behind those of the crowd before.
        latency_ms, latency_law
            The members' links, as for `add_agents`.
        top_up_state : int
            Boundaries of the venue's ladder that a unit stands beyond, at least, when its holder tops it up (rule H-4).
        top_up_after_ms : int
            From that state to the money, ms.
        reserve : int, optional
            The account that pays top-ups; without one each pays its isolated positions' from its own balance.
        route : int, optional
            The route over which the reserve's money comes, with its delay, fee, cap and outages (rule K-5); without one at once.

        Returns
        -------
        int
            Its number.
        """
        cdef State* state = self.enter()
        if not isinstance(name, str) or not name:
            raise bad_input("name", "a name", name)
        cdef bytes text = name.encode("utf-8", "surrogatepass")
        cdef uint32_t first_ = self.trader_number(first, "first")
        cdef int64_t count_ = border_int(count, "count", 1, <int64_t>state.ledger.account_count - first_)
        cdef Crowd* last = NULL
        cdef Crowd row
        if state.crowds.rows.count:
            last = crowd_at(&state.crowds, state.crowds.rows.count - 1)
            if first_ < last.first + last.count:
                raise bad_input("first", f"an account behind those of the crowd before, {last.first + last.count} or later", first)
        memset(&row, 0, sizeof(Crowd))
        row.name = fnv1a64(text, len(text))
        row.first = first_
        row.count = <uint32_t>count_
        row.base_ms = border_int(latency_ms, "latency_ms", 0, _MS_MOST)
        row.top_up_state = <uint32_t>border_int(top_up_state, "top_up_state", 1, LADDER_MOST)
        row.top_up_after_ms = border_int(top_up_after_ms, "top_up_after_ms", 0, _MS_MOST)
        row.reserve = NIL if reserve is None else self.trader_number(reserve, "reserve")
        if row.reserve != NIL and row.reserve - first_ < row.count:
            raise bad_input("reserve", "an account that is none of the crowd", reserve)
        row.route = NIL if route is None else <uint32_t>border_int(route, "route", 0, <int64_t>state.issuers.routes.count - 1)
        if row.route != NIL:
            self.check_route(&row, route)
        row.top_up_first = state.crowds.top_ups.count
        row.law = self.law_slot(latency_law, "latency_law")
        if slab_reserve(&state.crowds.rows, 1):
            raise MemoryError("World.add_crowd: no memory")
        cdef uint32_t number = slab_take(&state.crowds.rows)
        crowd_at(&state.crowds, number)[0] = row
        return number

    cdef int check_route(self, Crowd* row, object route) except -1:
        """A crowd's route begins at its reserve and ends at its members."""
        cdef State* state = &self.world.state
        cdef Route* way = route_at(&state.issuers, row.route)
        if row.reserve == NIL:
            raise bad_input("reserve", "an account that pays over the route", None)
        if account_at(&state.accounts, row.reserve).venue != way.venue or account_at(&state.accounts, row.first).venue != way.to_venue:
            raise bad_input("route", "a route from the reserve's venue to the members'", route)
        return 0

    cdef uint32_t crowd_number(self, object crowd) except? 0xFFFFFFFF:
        return <uint32_t>border_int(crowd, "crowd", 0, <int64_t>self.world.state.crowds.rows.count - 1)

    cdef int plan_check(self, uint32_t crowd, int kind, int64_t i, uint32_t account, uint32_t market, int64_t at, int64_t lots) except -1:
        """Refuse a plan of nobody, of no market, at no price or of nothing."""
        cdef State* state = &self.world.state
        cdef Crowd* row = crowd_at(&state.crowds, crowd)
        cdef Market* market_
        cdef slot_t slot
        if not row.first <= account < row.first + row.count:
            raise bad_input(f"accounts[{i}]", f"an account of the crowd, {row.first} to {row.first + row.count - 1}", account)
        if market >= state.markets.count or market_at(state, market).kind != MARKET_PERPETUAL:
            raise bad_input(f"markets[{i}]", "a perpetual", market)
        market_ = market_at(state, market)
        if market_.venue != account_at(&state.accounts, account).venue or account_at(&state.accounts, account).mode == MODE_CASH:
            raise bad_input(f"markets[{i}]", "a perpetual that the account may trade", market)
        if not market_.book.price_min <= at <= market_.book.price_max or at == TRIGGER_NONE_UP:
            raise bad_input(f"price_ticks[{i}]", f"a price within the market's bounds, {market_.book.price_min} to {market_.book.price_max}", at)
        if kind == PLAN_DIP:
            border_int(lots, f"qty_lots[{i}]", 1, market_.book.qty_max)
            return 0
        slot = holding_find(&state.accounts, account, market)
        if slot == NIL or holding_at(&state.accounts, slot).position_lots == 0:
            raise bad_input(f"accounts[{i}]", f"an account with a position in market {market}", account)
        return 0

    def add_plans(self, crowd, kind, accounts, markets, price_ticks, qty_lots=None):
        """Let members of a crowd wait for marks (rules H-2, H-3).

        Parameters
        ----------
        crowd : int
            Whose members.
        kind : str
            ``"stop"``: close the position that the account has there now, with a reduce-only market order, when the mark is at the price
            or beyond it (below for a long, above for a short). ``"dip"``: buy `qty_lots` at the market, once, when the mark is at or below it.
        accounts : numpy.ndarray of int32, shape (n,)
            Members.
        markets : numpy.ndarray of uint16, shape (n,)
            Perpetuals at their venue.
        price_ticks : numpy.ndarray of int64, shape (n,)
            Marks.
        qty_lots : numpy.ndarray of int64, shape (n,), optional
            For ``"dip"``: what is bought.

        Raises
        ------
        InputError
            Names the row; nothing was added.

        Notes
        -----
        O(n); 44 bytes each.
        """
        cdef State* state = self.enter()
        cdef uint32_t crowd_ = self.crowd_number(crowd)
        if kind not in _PLANS:
            raise bad_input("kind", "one of stop, dip", kind)
        cdef int kind_ = _PLANS[kind]
        if (qty_lots is None) != (kind_ != PLAN_DIP):
            raise bad_input("qty_lots", "lots for dip, and nothing for stop", "none" if qty_lots is None else "lots")
        cdef Column account = border_column(accounts, "accounts", "int32", -1), market = border_column(markets, "markets", "uint16", account.length)
        cdef Column price = border_column(price_ticks, "price_ticks", "int64", account.length)
        cdef Column lots = price if qty_lots is None else border_column(qty_lots, "qty_lots", "int64", account.length)
        cdef const int32_t* account_ = <const int32_t*>account.data
        cdef const uint16_t* market_ = <const uint16_t*>market.data
        cdef const int64_t* price_ = <const int64_t*>price.data
        cdef const int64_t* lots_ = <const int64_t*>lots.data
        cdef int64_t i
        for i in range(account.length):
            self.plan_check(crowd_, kind_, i, <uint32_t>account_[i], market_[i], price_[i], lots_[i])
        if account.length + state.crowds.plans.count >= 0x7FFFFFFF or slab_reserve(&state.crowds.plans, <uint32_t>account.length):
            raise MemoryError("World.add_plans: no memory")
        with nogil:
            for i in range(account.length):
                self.plan_make(crowd_, kind_, <uint32_t>account_[i], market_[i], <int32_t>price_[i], lots_[i] if kind_ == PLAN_DIP else 0)
        if state.fault:
            self.raise_fault()

    cdef void plan_make(self, uint32_t crowd, int kind, uint32_t account, uint32_t market, int32_t at, qty_t lots) noexcept nogil:
        cdef State* state = &self.world.state
        cdef uint32_t row = slab_take(&state.crowds.plans)
        cdef Plan* plan = plan_at(&state.crowds, row)
        if kind != PLAN_DIP:
            kind = PLAN_STOP_LONG if holding_at(&state.accounts, holding_find(&state.accounts, account, market)).position_lots > 0 else PLAN_STOP_SHORT
        plan.lots = lots
        plan.trigger = NIL
        plan.account = account
        plan.crowd = crowd
        plan.market = <uint16_t>market
        plan.kind = <uint16_t>kind
        if trigger_set(&state.risk.triggers, &plan.trigger, 2 * market + SERIES_MARK, TRIGGER_RISE if kind == PLAN_STOP_SHORT else TRIGGER_FALL, at,
                       <uint32_t>PLAN_TAG | row):
            state.fault = FAULT_NO_MEMORY

    def add_top_ups(self, crowd, accounts, atoms, times):
        """Let members of a crowd top up their margin (rule H-4).

        Parameters
        ----------
        crowd : int
            The last crowd that was declared, once.
        accounts : numpy.ndarray of int32, shape (n,)
            Members, ascending.
        atoms : numpy.ndarray of int64, shape (n,)
            What each brings at a time.
        times : int
            How often, 1 .. 65,535.

        Raises
        ------
        InputError
            Names the row; nothing was added.

        Notes
        -----
        O(n); 16 bytes each.
        """
        cdef State* state = self.enter()
        cdef uint32_t number = self.crowd_number(crowd), often = <uint32_t>border_int(times, "times", 1, 0xFFFF)
        cdef Crowd* row = crowd_at(&state.crowds, number)
        cdef Column account = border_column(accounts, "accounts", "int32", -1), amount = border_column(atoms, "atoms", "int64", account.length)
        cdef const int32_t* account_ = <const int32_t*>account.data
        cdef const int64_t* atoms_ = <const int64_t*>amount.data
        cdef TopUp* top_up
        cdef int64_t i, before = <int64_t>row.first - 1
        if row.top_up_count or number + 1 != state.crowds.rows.count:
            raise bad_input("crowd", "the last crowd, which has no top-ups yet", crowd)
        for i in range(account.length):
            if not before < account_[i] < <int64_t>row.first + row.count:
                raise bad_input(f"accounts[{i}]", f"accounts of the crowd, {row.first} to {row.first + row.count - 1}, ascending", account_[i])
            if row.reserve == NIL and account_at(&state.accounts, <uint32_t>account_[i]).mode != MODE_ISOLATED:
                raise bad_input(f"accounts[{i}]", "an isolated account, or a crowd with a reserve: a cross account's balance counts already", account_[i])
            border_int(atoms_[i], f"atoms[{i}]", 1, <int64_t>1 << 61)
            before = account_[i]
        if slab_reserve(&state.crowds.top_ups, <uint32_t>account.length):
            raise MemoryError("World.add_top_ups: no memory")
        row.top_up_first = state.crowds.top_ups.count
        row.top_up_count = <uint32_t>account.length
        for i in range(account.length):
            top_up = top_up_at(&state.crowds, slab_take(&state.crowds.top_ups))
            top_up.atoms = atoms_[i]
            top_up.account = <uint32_t>account_[i]
            top_up.left = <uint16_t>often
            top_up.is_coming = 0

    def crowd_counts(self):
        """Return what holders have done so far.

        Returns
        -------
        dict
            ``crowds, plans, waiting`` (plans that have not fired), ``orders`` (sent by plans), ``top_ups`` (paid), ``missing`` (for which there was too
            little).
        """
        cdef State* state = self.enter()
        cdef uint32_t i
        cdef int64_t waiting = 0
        for i in range(state.crowds.plans.count):
            waiting += plan_at(&state.crowds, i).trigger != NIL
        return {"crowds": state.crowds.rows.count, "plans": state.crowds.plans.count, "waiting": waiting,
                "orders": state.crowds.order_count, "top_ups": state.crowds.top_up_count, "missing": state.crowds.missing_count}
