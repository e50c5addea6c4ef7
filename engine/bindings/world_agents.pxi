# World, agents and outside orders. What parameters a behaviour has is said in behaviours.pxi.


cdef list border_list(object value):
    """The numbers of a sequence or array, or the one number."""
    if hasattr(value, "tolist"):
        found = value.tolist()
        return found if isinstance(found, list) else [found]
    return list(value) if isinstance(value, (list, tuple, range)) else [value]


cdef list border_values(object value, str field, int64_t count):
    """A column of a population: `count` values of its own, or one for all."""
    cdef list values = border_list(value)
    if not isinstance(value, (list, tuple, range)) and getattr(value, "ndim", 0) != 1:
        return values * count
    if len(values) != count:
        raise bad_input(field, f"one value, or one for each of the {count} agents", f"{len(values)} values")
    return values


cdef class _WorldAgents(_WorldWhatIf):
    """Put agents and outside orders into a world."""

    cdef int fill_field(self, char* rows, uint32_t stride, int64_t count, tuple field, list values) except -1:
        """Check one column and write it into the records."""
        cdef str name = field[0]
        cdef size_t place = field[1]
        cdef int kind = field[2]
        cdef int64_t i
        for i in range(count):
            if kind == FIELD_FLOAT:
                (<double*>(rows + i * stride + place))[0] = border_float(values[i], name, field[3], field[4])
            elif kind == FIELD_INT:
                (<int64_t*>(rows + i * stride + place))[0] = border_int(values[i], name, field[3], field[4])
            elif kind == FIELD_MARKET:
                (<uint32_t*>(rows + i * stride + place))[0] = self.market_number(values[i], name)
            else:
                (<int8_t*>(rows + i * stride + place))[0] = self.side_of(values[i])
        return 0

    def add_agents(self, kind, accounts, keys, *, start_ms=None, latency_ms=1, latency_law=None, picture_ms=0, picture_law=None, **parameters):
        """Add a population of one behaviour.

        Parameters
        ----------
        kind : str
            ``maker``, ``noise``, ``point``, ``flow``, ``momentum``, ``arbitrage``, ``value``, ``hedge``, ``bot``, ``looper``,
            ``pool_arbitrage`` or ``shock`` (rules A-1 .. A-13).
        accounts, keys : int or sequence of int, shape (n,)
            Account and `member_key` of each; an account has one agent at most.
        start_ms : int, optional
            First wake, ms; now by default. A shock's first order.
        latency_ms : int
            Least time of a message, either way, ms (rule N-1).
        latency_law : tuple, optional
            What comes on top, drawn for each message: ``("lognormal", median, sigma)``, ``("exponential", mean)``, ``("uniform", low,
            high)``, ``("pareto", minimum, exponent)``, ``("fixed", ms)``, in ms.
        picture_ms, picture_law
            The same for the way of what an agent sees when it wakes (rule N-2).
        **parameters
            Those of the behaviour, each one value or a sequence of n. `agent_parameters` lists them.

        Returns
        -------
        int
            Number of the first; the others follow.

        Raises
        ------
        InputError
            Names the parameter; nothing was added.

        Notes
        -----
        O(n).
        """
        cdef State* state = self.enter()
        cdef list accounts_ = border_list(accounts)
        cdef int64_t count = len(accounts_), i
        cdef list keys_ = border_values(keys, "keys", count)
        if not isinstance(kind, str) or kind not in _BEHAVIOURS:
            raise bad_input("kind", "one of " + ", ".join(sorted(_BEHAVIOURS)), kind)
        behaviour, size, hears, fields = _BEHAVIOURS[kind]
        known = {field[0] for field in fields} | ({"limit_rates", "cancel_rates"} if kind == "flow" else set())
        for name in parameters:
            if name not in known:
                raise bad_input(name, f"a parameter of {kind}: " + ", ".join(sorted(known)), parameters[name])
        cdef int64_t first = self.start_time(start_ms)
        cdef Agent head
        memset(&head, 0, sizeof(Agent))
        head.desk = NIL
        head.base_ms = border_int(latency_ms, "latency_ms", 0, _MS_MOST)
        head.picture_ms = border_int(picture_ms, "picture_ms", 0, _MS_MOST)
        head.behaviour = behaviour
        head.hears = hears
        cdef list numbers = [self.trader_number(account, "accounts") for account in accounts_]
        cdef list streams = [border_word(key, "keys") for key in keys_]
        if len(set(numbers)) != count:
            raise bad_input("accounts", "accounts that differ", accounts)
        if hears:
            for number in numbers:
                if account_at(&state.accounts, number).agent != NIL:
                    raise bad_input("accounts", "accounts without an agent that hears of fills", number)
        cdef bytes buffer = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>(size * count))
        cdef char* rows = PyBytes_AS_STRING(buffer)
        cdef uint32_t stride = size
        memset(rows, 0, <size_t>(stride * count))
        for field in fields:
            value = parameters.get(field[0], field[5])
            if value is _MISSING:
                raise bad_input(field[0], f"a value (a {kind} needs it)", "none")
            self.fill_field(rows, stride, count, field, border_values(value, field[0], count))
        self.complete_rows(behaviour, rows, stride, numbers, parameters)
        for field in fields:
            if field[2] == FIELD_MARKET and field[0] != "other" and behaviour != BEHAVIOUR_POOL_ARBITRAGE:
                for i in range(count):
                    self.check_venue(numbers[i], (<uint32_t*>(rows + i * stride + <size_t>field[1]))[0])
        cdef uint32_t laws = state.laws.count
        try:
            head.law = self.law_slot(latency_law, "latency_law")
            head.picture_law = self.law_slot(picture_law, "picture_law")
        except Exception:
            state.laws.count = laws      # the first may have been made before the second was refused
            raise
        cdef Slab* slab = &state.rows[<int>behaviour]
        if slab_reserve(slab, <uint32_t>count) or slab_reserve(&state.agents, <uint32_t>count):
            raise MemoryError("World.add_agents: no memory")
        cdef uint32_t agent = state.agents.count, number_
        cdef int16_t phase = PHASE_EXTERNAL if behaviour == BEHAVIOUR_SHOCK else PHASE_OBSERVERS
        for i in range(count):
            head.account = numbers[i]
            head.stream = stream_of(state.seed, streams[i])
            head.row = slab_take(slab)
            memcpy(slab_at(slab, head.row), rows + i * stride, stride)
            number_ = slab_take(&state.agents)
            agent_at(state, number_)[0] = head
            if behaviour == BEHAVIOUR_MAKER and maker_at(state, head.row).latency_ms:
                agent_at(state, number_).hears |= HEARS_ACKS
            if hears:
                account_at(&state.accounts, <uint32_t>head.account).agent = number_
            if behaviour == BEHAVIOUR_BOT:
                self.new_protocol_watcher(number_, <uint32_t>bot_at(state, head.row).protocol)
            if behaviour == BEHAVIOUR_HEDGE:     # it hears of both legs
                account_at(&state.accounts, <uint32_t>hedge_at(state, head.row).other_account).agent = number_
            venue_schedule(state, first, phase, EVENT_WAKE, number_, 0, 0)
        return agent

    cdef int complete_rows(self, int behaviour, char* rows, uint32_t stride, list numbers, dict parameters) except -1:
        """Check what concerns several fields of a record, and fill in what is not a field."""
        cdef int64_t i
        cdef set heard = set(numbers)
        for i in range(len(numbers)):
            if behaviour == BEHAVIOUR_MAKER:
                (<Maker*>(rows + i * stride)).quotes = NIL
                if ((<Maker*>(rows + i * stride)).drawdown > 0.0 or (<Maker*>(rows + i * stride)).volatility > 0.0) \
                        and (<Maker*>(rows + i * stride)).window_ms > (<Maker*>(rows + i * stride)).wake_every_ms * (MAKER_SAMPLES >> 1):
                    raise bad_input("window_ms", f"at most {MAKER_SAMPLES >> 1} times wake_every_ms", (<Maker*>(rows + i * stride)).window_ms)
            elif behaviour == BEHAVIOUR_NOISE:
                self.check_lots((<Noise*>(rows + i * stride)).market, (<Noise*>(rows + i * stride)).qty_min, (<Noise*>(rows + i * stride)).qty_max)
            elif behaviour == BEHAVIOUR_POINT:
                self.check_lots((<Point*>(rows + i * stride)).market, (<Point*>(rows + i * stride)).qty_min, (<Point*>(rows + i * stride)).qty_max)
                if (<Point*>(rows + i * stride)).alpha >= (<Point*>(rows + i * stride)).beta:
                    raise bad_input("alpha", "less than beta (the process would explode)", (<Point*>(rows + i * stride)).alpha)
            elif behaviour == BEHAVIOUR_FLOW:
                self.check_lots((<Flow*>(rows + i * stride)).market, (<Flow*>(rows + i * stride)).qty_min, (<Flow*>(rows + i * stride)).qty_max)
                self.fill_rates(<Flow*>(rows + i * stride), parameters)
            elif behaviour == BEHAVIOUR_ARBITRAGE:
                self.complete_arbitrage(<Arbitrage*>(rows + i * stride), numbers[i])
            elif behaviour == BEHAVIOUR_HEDGE:
                self.complete_hedge(<Hedge*>(rows + i * stride), numbers[i], heard)
            elif behaviour == BEHAVIOUR_BOT:
                self.complete_lender((<Bot*>(rows + i * stride)).protocol, (<Bot*>(rows + i * stride)).pool, (<Bot*>(rows + i * stride)).market, numbers[i])
                if protocol_at(&self.world.state.lending, <uint32_t>(<Bot*>(rows + i * stride)).protocol).form not in (FORM_AAVE, FORM_MORPHO):
                    raise bad_input("protocol", "one that liquidators repay: Aave's or Morpho's", (<Bot*>(rows + i * stride)).protocol)
                if (<Bot*>(rows + i * stride)).is_flash and (<Bot*>(rows + i * stride)).pool < 0:
                    raise bad_input("flash", "a pool to sell in: a book is no part of the action", 1)
            elif behaviour == BEHAVIOUR_LOOPER:
                self.complete_lender((<Looper*>(rows + i * stride)).protocol, (<Looper*>(rows + i * stride)).pool,
                                     (<Looper*>(rows + i * stride)).market, numbers[i])
            elif behaviour == BEHAVIOUR_POOL_ARBITRAGE:
                self.complete_pool_arbitrage(<PoolArbitrage*>(rows + i * stride), numbers[i])
            elif behaviour == BEHAVIOUR_SHOCK and (<Shock*>(rows + i * stride)).slices_left > (<Shock*>(rows + i * stride)).left_lots:
                raise bad_input("slices", f"at most the {(<Shock*>(rows + i * stride)).left_lots} lots", (<Shock*>(rows + i * stride)).slices_left)
        return 0

    cdef int complete_lender(self, int64_t protocol, int64_t pool, uint32_t market, uint32_t account) except -1:
        """A protocol at the account's venue with reserves of what the market trades, and a pool of the same there."""
        cdef State* state = &self.world.state
        cdef Market* row = market_at(state, market)
        cdef Protocol* owner
        cdef WorldPool* where
        cdef uint32_t i
        if row.kind != MARKET_SPOT:
            raise bad_input("market", "a spot market: the token against what is borrowed", market)
        if protocol >= <int64_t>state.lending.protocols.count:
            raise bad_input("protocol", f"a protocol, below {state.lending.protocols.count}", protocol)
        owner = protocol_at(&state.lending, <uint32_t>protocol)
        if owner.venue != account_at(&state.accounts, account).venue:
            raise bad_input("protocol", f"a protocol at the account's venue {account_at(&state.accounts, account).venue}", protocol)
        if reserve_find(&state.lending, owner, row.base_asset) == NIL or reserve_find(&state.lending, owner, row.quote_asset) == NIL:
            raise bad_input("protocol", "a protocol with reserves of both of the market's assets", protocol)
        if pool < 0:
            return 0
        if pool >= <int64_t>state.amm.pools.count:
            raise bad_input("pool", f"a pool, below {state.amm.pools.count}", pool)
        where = world_pool_at(&state.amm, <uint32_t>pool)
        assets = {where.assets[i] for i in range(where.coin_count)}
        if where.venue != owner.venue or not {row.base_asset, row.quote_asset} <= assets:
            raise bad_input("pool", "a pool of both of the market's assets at the protocol's venue", pool)
        return 0

    cdef int new_protocol_watcher(self, uint32_t agent, uint32_t protocol) except -1:
        """Tell an agent when there is work at a protocol (Y-21)."""
        cdef State* state = &self.world.state
        cdef ProtocolWatcher* watcher
        cdef slot_t slot
        if slab_reserve(&state.lending.watchers, 1):
            raise MemoryError("World: no memory for a watcher")
        slot = slab_take(&state.lending.watchers)
        watcher = <ProtocolWatcher*>(state.lending.watchers.base) + slot
        watcher.agent = agent
        watcher.protocol = protocol
        watcher.is_told = 0
        watcher.next = protocol_at(&state.lending, protocol).watchers
        protocol_at(&state.lending, protocol).watchers = slot
        return 0

    def watch_protocol(self, account, protocol):
        """Tell a Python agent when there is work at a protocol (`on_loan` with level 0); bots watch theirs by themselves.

        Parameters
        ----------
        account, protocol : int
            The agent's account, and what it watches.
        """
        cdef State* state = self.enter()
        cdef uint32_t account_ = self.trader_number(account), protocol_ = self.protocol_number(protocol)
        if account_at(&state.accounts, account_).agent == NIL:
            raise bad_input("account", "an account with an agent", account)
        self.new_protocol_watcher(account_at(&state.accounts, account_).agent, protocol_)

    def bots(self, accounts):
        """Return what liquidation bots did, by account: actions sent, won, repaid and seized atoms, what flash liquidations earned, unsold atoms."""
        cdef State* state = self.enter()
        cdef Agent* agent
        cdef Bot* row
        rows = {}
        for account in border_list(accounts):
            number = account_at(&state.accounts, self.trader_number(account, "accounts")).agent
            if number == NIL or agent_at(state, number).behaviour != BEHAVIOUR_BOT:
                raise bad_input("accounts", "accounts of bots", account)
            agent = agent_at(state, number)
            row = bot_at(state, agent.row)
            rows[account] = {"sent": row.sent, "won": row.won, "repaid": row.repaid, "seized": row.seized, "earned": row.earned, "unsold": row.unsold}
        return rows

    def loopers(self, accounts):
        """Return where loopers stand, by account: stage ("builds", "holds", "leaves", "out") and steps built."""
        cdef State* state = self.enter()
        cdef Looper* row
        rows = {}
        for account in border_list(accounts):
            number = account_at(&state.accounts, self.trader_number(account, "accounts")).agent
            if number == NIL or agent_at(state, number).behaviour != BEHAVIOUR_LOOPER:
                raise bad_input("accounts", "accounts of loopers", account)
            row = looper_at(state, agent_at(state, number).row)
            rows[account] = {"stage": ("builds", "holds", "leaves", "out")[row.stage], "steps": row.done}
        return rows

    cdef int complete_arbitrage(self, Arbitrage* row, uint32_t account) except -1:
        """Two markets that differ, each with an account at its venue."""
        if row.market == row.other:
            raise bad_input("other", "another market than the first", row.other)
        if row.other_account < 0:
            row.other_account = account
        self.check_venue(self.trader_number(row.other_account, "other_account"), row.other)
        return 0

    cdef int complete_pool_arbitrage(self, PoolArbitrage* row, uint32_t account) except -1:
        """A pool at the account's venue that has what a spot market trades, and an account at that market's venue."""
        cdef State* state = &self.world.state
        cdef Market* market = market_at(state, row.market)
        cdef WorldPool* pool
        if market.kind != MARKET_SPOT:
            raise bad_input("market", "a spot market", row.market)
        if row.pool >= <int64_t>state.amm.pools.count:
            raise bad_input("pool", f"a pool, below {state.amm.pools.count}", row.pool)
        pool = world_pool_at(&state.amm, <uint32_t>row.pool)
        row.base = market.base_asset if row.base < 0 else row.base
        row.quote = market.quote_asset if row.quote < 0 else row.quote
        if pool_coin(pool, <uint32_t>row.base) < 0:
            raise bad_input("base", "an asset of the pool", row.base)
        if pool_coin(pool, <uint32_t>row.quote) < 0 or row.quote == row.base:
            raise bad_input("quote", "another asset of the pool", row.quote)
        if pool.venue != account_at(&state.accounts, account).venue:
            raise bad_input("pool", f"a pool at the account's venue {account_at(&state.accounts, account).venue}", f"pool {row.pool} at venue {pool.venue}")
        if row.other_account < 0:
            row.other_account = account
        self.check_venue(self.trader_number(row.other_account, "other_account"), row.market)
        return 0

    cdef int complete_hedge(self, Hedge* row, uint32_t account, set heard) except -1:
        """A perpetual against another market, each with an account at its venue that nobody else hears of."""
        cdef State* state = &self.world.state
        if row.market == row.other:
            raise bad_input("other", "another market than the first", row.other)
        if market_at(state, row.other).kind != MARKET_PERPETUAL:
            raise bad_input("other", "a perpetual: the hedge may be short", row.other)
        if row.other_account < 0:
            row.other_account = account
        self.check_venue(self.trader_number(row.other_account, "other_account"), row.other)
        if row.other_account != account:
            if row.other_account in heard or account_at(&state.accounts, <uint32_t>row.other_account).agent != NIL:
                raise bad_input("other_account", "an account without an agent that hears of fills", row.other_account)
            heard.add(row.other_account)
        return 0

    cdef int check_lots(self, uint32_t market, qty_t least, qty_t most) except -1:
        """Bounds of a quantity law: in order, and within the market's."""
        cdef qty_t bound = market_at(&self.world.state, market).book.qty_max
        if least > bound:
            raise bad_input("qty_min", f"an integer between 1 and {bound}", least)
        if not least <= most <= bound:
            raise bad_input("qty_max", f"an integer between {least} and {bound}", most)
        return 0

    cdef int fill_rates(self, Flow* flow, dict parameters) except -1:
        """The rates by distance of a flow; all agents of a population have the same."""
        cdef uint32_t i
        limits, cancels = (border_list(parameters.get(name, ())) for name in ("limit_rates", "cancel_rates"))
        if not 1 <= len(limits) <= FLOW_DISTANCES:
            raise bad_input("limit_rates", f"1 to {FLOW_DISTANCES} rates, of distances 1, 2, ...", f"{len(limits)} rates")
        if len(cancels) != len(limits):
            raise bad_input("cancel_rates", f"as many rates as limit_rates, {len(limits)}", f"{len(cancels)} rates")
        flow.distances = len(limits)
        for i in range(flow.distances):
            flow.limit_rate[i] = border_float(limits[i], "limit_rates", 0.0, 1e6)
            flow.cancel_rate[i] = border_float(cancels[i], "cancel_rates", 0.0, 1e6)
        flow_prepare(flow)
        if flow.total_rate <= 0.0:
            raise bad_input("limit_rates", "a positive rate among limit_rates and market_rate", limits)
        return 0

    def add_quotes(self, makers, market, qty_lots, *, inventory_max=1 << 61):
        """Let makers quote on a market.

        Parameters
        ----------
        makers : int or sequence of int, shape (n,)
            Numbers from `add_agents`.
        market : int
            Where.
        qty_lots, inventory_max : int or sequence of int
            Lots at each level; lots bought (sold) since its first look at which a maker stops to bid (offer).
        """
        cdef State* state = self.enter()
        cdef list numbers = border_list(makers)
        cdef uint32_t market_ = self.market_number(market)
        cdef int64_t count = len(numbers), i
        cdef list qty = [border_int(value, "qty_lots", 1, market_at(state, market_).book.qty_max) for value in border_values(qty_lots, "qty_lots", count)]
        cdef list most = [border_int(value, "inventory_max", 1, _LOTS_MOST) for value in border_values(inventory_max, "inventory_max", count)]
        for number in numbers:
            self.check_venue(agent_at(state, border_int(number, "makers", 0, <int64_t>state.agents.count - 1)).account, market_)
            number = border_int(number, "makers", 0, <int64_t>state.agents.count - 1)
            if agent_at(state, number).behaviour != BEHAVIOUR_MAKER:
                raise bad_input("makers", "numbers of makers", number)
            slot = maker_at(state, agent_at(state, number).row).quotes
            while slot != NIL:
                if quote_at(state, slot).market == market_:
                    raise bad_input("market", f"a market that maker {number} does not quote yet", market)
                slot = quote_at(state, slot).next
        if slab_reserve(&state.quotes, <uint32_t>count):
            raise MemoryError("World.add_quotes: no memory")
        for i in range(count):
            self.new_quote(numbers[i], market_, qty[i], most[i])

    cdef int new_quote(self, uint32_t number, uint32_t market, qty_t qty, qty_t inventory_max) except -1:
        cdef State* state = &self.world.state
        cdef Agent* agent = agent_at(state, number)
        cdef Sender sender = sender_of(state, <uint32_t>agent.account, market)
        cdef slot_t slot = slab_take(&state.quotes), last
        cdef Quote* quote = quote_at(state, slot)
        cdef int side, level
        if sender.desk == NIL:
            raise MemoryError("World.add_quotes: no memory")
        memset(quote, 0, sizeof(Quote))
        for side in range(2):
            for level in range(MAKER_LEVELS_MAX):
                quote.order[side][level].slot = NIL
        quote.market = market
        quote.desk = sender.desk
        quote.qty_lots = qty
        quote.inventory_max = inventory_max
        quote.next = NIL
        last = maker_at(state, agent.row).quotes
        if last == NIL:
            maker_at(state, agent.row).quotes = slot
            return 0
        while quote_at(state, last).next != NIL:
            last = quote_at(state, last).next
        quote_at(state, last).next = slot
        return 0

    @staticmethod
    def agent_parameters(kind):
        """Return the parameters of a behaviour.

        Parameters
        ----------
        kind : str
            As for `add_agents`.

        Returns
        -------
        dict of str to tuple
            (least, most, default) by name; a default of None means that it must be given. Markets and rates have None for bounds.
        """
        if not isinstance(kind, str) or kind not in _BEHAVIOURS:
            raise bad_input("kind", "one of " + ", ".join(sorted(_BEHAVIOURS)), kind)
        found = {}
        for name, _, of_kind, low, high, default in _BEHAVIOURS[kind][3]:
            bounds = (None, None) if of_kind == FIELD_MARKET else (low, high)
            found[name] = (*bounds, None if default is _MISSING else default)
        if kind == "flow":
            found["limit_rates"] = found["cancel_rates"] = (None, None, None)
        return found

    def accounts_of(self, kind):
        """Return the accounts of the agents of a behaviour, in the order in which they were added.

        Parameters
        ----------
        kind : str
            As for `add_agents`.

        Returns
        -------
        list of int
            Of a hedger with two accounts both. O(agents).
        """
        cdef State* state = self.enter()
        cdef uint32_t number
        if not isinstance(kind, str) or kind not in _BEHAVIOURS:
            raise bad_input("kind", "one of " + ", ".join(sorted(_BEHAVIOURS)), kind)
        cdef uint32_t behaviour = _BEHAVIOURS[kind][0]
        found = []
        for number in range(state.agents.count):
            if agent_at(state, number).behaviour == behaviour:
                found.append(agent_at(state, number).account)
                if behaviour == BEHAVIOUR_HEDGE and hedge_at(state, agent_at(state, number).row).other_account != found[len(found) - 1]:
                    found.append(hedge_at(state, agent_at(state, number).row).other_account)
        return found

    cdef int8_t side_of(self, object side) except 0:
        cdef int64_t number = border_int(side, "side", -1, 1)
        if number == 0:
            raise bad_input("side", "BUY (1) or SELL (-1)", side)
        return <int8_t>number

    def send_order(self, account, market, side, price_ticks, qty_lots, *, at_ms, immediate=False, reduce_only=False):
        """Send an order from outside.

        Parameters
        ----------
        account, market : int
            Sender and market.
        side : Side
            BUY or SELL.
        price_ticks : int or None
            Limit, ticks; None is a market order.
        qty_lots : int
            Lots.
        at_ms : int
            When it arrives, ms.
        immediate : bool
            IOC instead of GTC.
        reduce_only : bool
            A perpetual's: it only reduces the position, and is cut with it (rule C-7).

        Returns
        -------
        int
            Ticket for `send_cancel`. What the rules refuse on arrival is counted in `counts`.
        """
        cdef State* state = self.enter()
        cdef uint32_t account_ = self.trader_number(account), market_ = self.market_number(market), flags = 0
        cdef int8_t side_ = self.side_of(side)
        cdef price_t price = 0
        cdef qty_t qty = border_int(qty_lots, "qty_lots", INT64_MIN_, INT64_MAX_)
        cdef int64_t due = self.future_time(at_ms)
        self.check_venue(account_, market_)
        if price_ticks is None:
            flags = ORDER_IS_MARKET
        else:
            price = <price_t>border_int(price_ticks, "price_ticks", -0x80000000, 0x7FFFFFFF)
            if immediate:
                flags = ORDER_IS_IOC
        if reduce_only:
            flags |= ORDER_REDUCES
        cdef slot_t slot = venue_send(state, account_, market_, side_, flags, price, qty, due, 0)
        if state.fault:
            self.raise_fault()
        return slot_handle(&state.pools, slot)

    def send_cancel(self, ticket, *, at_ms):
        """Send a cancel from outside.

        Parameters
        ----------
        ticket : int
            From `send_order`.
        at_ms : int
            When it arrives, ms. If the order is gone by then it is a miss (rule V-5).
        """
        cdef State* state = self.enter()
        cdef int64_t name = border_int(ticket, "ticket", 0, INT64_MAX_)
        cdef uint64_t slot = 2 * <uint64_t><uint32_t>name
        if slot >= state.pools.orders.count:
            raise bad_input("ticket", "a ticket from send_order", ticket)
        venue_schedule(state, self.future_time(at_ms), PHASE_ORDERS, EVENT_CANCEL, <uint32_t>slot, <uint32_t>(name >> 32), 0)
