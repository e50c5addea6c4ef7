# World, agents and outside orders.


cdef class _WorldAgents(_WorldDeclaring):
    """Put agents and outside orders into a world."""

    def add_maker(self, account, key, *, wake_every_ms, window_ms, return_after_ms, latency_median_ms, latency_sigma, half_spread,
                  spacing, levels, anchor, fair_tau_ms, drawdown, return_size, skew=0.0, start_ms=None):
        """Add a market maker; `add_quote` gives it markets.

        Parameters
        ----------
        account : int
            Its account.
        key : int
            Its `member_key`.
        wake_every_ms : int
            Mean time between looks, ms.
        window_ms, drawdown : int, float
            It withdraws its bids when a price has fallen by this share within the window; 0.0: never.
        return_after_ms, return_size : int, float
            When it comes back after a withdrawal, and with which share of its quantity.
        latency_median_ms, latency_sigma : float
            Lognormal law of each message's way to the state.
        half_spread, spacing : float
            Distance of the best quote from its centre, and between levels, as shares of the price.
        levels : int
            Quotes on each side, 1 .. 8.
        anchor, fair_tau_ms : float
            Weight of its slow fair value in the centre, and that value's memory, ms.
        skew : float
            How far its centre moves against a full inventory, as a share of the price.
        start_ms : int, optional
            First look; now by default.

        Returns
        -------
        int
            The maker's number.
        """
        cdef State* state = self.enter()
        cdef Maker row
        memset(&row, 0, sizeof(Maker))
        row.account = <int32_t>self.trader_number(account)
        row.stream = stream_of(state.seed, border_word(key, "key"))
        row.wake_every_ms = border_int(wake_every_ms, "wake_every_ms", 1, TIME_MAX >> 20)
        row.window_ms = border_int(window_ms, "window_ms", 1, row.wake_every_ms * (MAKER_SAMPLES >> 1))
        row.return_after_ms = border_int(return_after_ms, "return_after_ms", 1, TIME_MAX >> 20)
        row.latency_median_ms = border_float(latency_median_ms, "latency_median_ms", 1e-3, 1e9)
        row.latency_sigma = border_float(latency_sigma, "latency_sigma", 0.0, 10.0)
        row.half_spread = border_float(half_spread, "half_spread", 0.0, 0.5)
        row.spacing = border_float(spacing, "spacing", 0.0, 0.5)
        row.level_count = <int32_t>border_int(levels, "levels", 1, MAKER_LEVELS_MAX)
        row.anchor = border_float(anchor, "anchor", 0.0, 1.0)
        row.fair_tau_ms = border_float(fair_tau_ms, "fair_tau_ms", 1.0, 1e12)
        row.drawdown = border_float(drawdown, "drawdown", 0.0, 1.0)
        row.return_size = border_float(return_size, "return_size", 0.0, 1.0)
        row.skew = border_float(skew, "skew", 0.0, 0.5)
        row.quotes = NIL
        cdef int64_t first = self.start_time(start_ms)
        cdef Slab* makers = &self.world.makers.makers
        if slab_reserve(makers, 1):
            raise MemoryError("World.add_maker: no memory")
        cdef uint32_t number = slab_take(makers)
        maker_at(&self.world.makers, number)[0] = row
        venue_schedule(state, first, PHASE_OBSERVERS, EVENT_MAKER, number, 0, 0)
        return number

    def add_quote(self, maker, market, qty_lots, *, inventory_max=1 << 61):
        """Let a maker quote on a market.

        Parameters
        ----------
        maker, market : int
            Numbers.
        qty_lots : int
            Lots at each level.
        inventory_max : int
            Lots bought (sold) since its first look at which it stops to bid (offer).
        """
        cdef State* state = self.enter()
        cdef Makers* makers = &self.world.makers
        cdef uint32_t number = <uint32_t>border_int(maker, "maker", 0, <int64_t>makers.makers.count - 1), slot, last
        cdef uint32_t market_ = self.market_number(market)
        cdef qty_t qty = border_int(qty_lots, "qty_lots", 1, market_at(state, market_).book.qty_max)
        cdef qty_t inventory = border_int(inventory_max, "inventory_max", 1, <int64_t>1 << 61)
        if slab_reserve(&makers.quotes, 1):
            raise MemoryError("World.add_quote: no memory")
        slot = slab_take(&makers.quotes)
        cdef Quote* quote = quote_at(makers, slot)
        memset(quote, 0, sizeof(Quote))
        memset(quote.order, 0xFF, sizeof(quote.order))
        quote.market = market_
        quote.qty_lots = qty
        quote.inventory_max = inventory
        quote.next = NIL
        if maker_at(makers, number).quotes == NIL:
            maker_at(makers, number).quotes = slot
        else:
            last = maker_at(makers, number).quotes
            while quote_at(makers, last).next != NIL:
                last = quote_at(makers, last).next
            quote_at(makers, last).next = slot

    def add_noise(self, account, key, market, *, mean_gap_ms, qty_min, qty_max, latency_ms, start_ms=None):
        """Add a noise trader: market orders on a random side at exponential times.

        Parameters
        ----------
        account, key, market : int
            Its account, `member_key` and market.
        mean_gap_ms : float
            Mean time between orders, ms.
        qty_min, qty_max : int
            Bounds of the uniform quantity, lots.
        latency_ms : int
            Way to the state, ms.
        start_ms : int, optional
            When it starts to wait for its first order.
        """
        cdef State* state = self.enter()
        cdef Noise row
        cdef Slab* noise = &self.world.takers.noise
        row.account = <int32_t>self.trader_number(account)
        row.stream = stream_of(state.seed, border_word(key, "key"))
        row.market = self.market_number(market)
        row.mean_gap_ms = border_float(mean_gap_ms, "mean_gap_ms", 1.0, 1e12)
        row.qty_min = border_int(qty_min, "qty_min", 1, market_at(state, row.market).book.qty_max)
        row.qty_max = border_int(qty_max, "qty_max", row.qty_min, market_at(state, row.market).book.qty_max)
        row.latency_ms = border_int(latency_ms, "latency_ms", 1, TIME_MAX >> 20)
        cdef int64_t first = self.start_time(start_ms)
        if slab_reserve(noise, 1):
            raise MemoryError("World.add_noise: no memory")
        cdef uint32_t number = slab_take(noise)
        noise_at(&self.world.takers, number)[0] = row
        venue_schedule(state, first, PHASE_OBSERVERS, EVENT_NOISE, number, 0, 0)

    def add_shock(self, account, market, side, qty_lots, *, at_ms, slices=1, every_ms=1):
        """Schedule an outside shock: market orders of equal size over a time.

        Parameters
        ----------
        account, market : int
            Who trades, where.
        side : Side
            BUY or SELL.
        qty_lots : int
            In all, lots.
        at_ms : int
            First order, ms.
        slices, every_ms : int
            How many orders, and the time between them, ms.
        """
        cdef State* state = self.enter()
        cdef Shock row
        cdef Slab* shocks = &self.world.takers.shocks
        memset(&row, 0, sizeof(Shock))
        row.account = <int32_t>self.trader_number(account)
        row.market = self.market_number(market)
        row.side = self.side_of(side)
        row.left_lots = border_int(qty_lots, "qty_lots", 1, <int64_t>1 << 61)
        row.every_ms = border_int(every_ms, "every_ms", 1, TIME_MAX >> 20)
        row.slices_left = border_int(slices, "slices", 1, row.left_lots)
        cdef int64_t first = self.future_time(at_ms)
        if slab_reserve(shocks, 1):
            raise MemoryError("World.add_shock: no memory")
        cdef uint32_t number = slab_take(shocks)
        shock_at(&self.world.takers, number)[0] = row
        venue_schedule(state, first, PHASE_EXTERNAL, EVENT_SHOCK, number, 0, 0)

    cdef int8_t side_of(self, object side) except 0:
        cdef int64_t number = border_int(side, "side", -1, 1)
        if number == 0:
            raise bad_input("side", "BUY (1) or SELL (-1)", side)
        return <int8_t>number

    def send_order(self, account, market, side, price_ticks, qty_lots, *, at_ms, immediate=False):
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
        if price_ticks is None:
            flags = ORDER_IS_MARKET
        else:
            price = <price_t>border_int(price_ticks, "price_ticks", -0x80000000, 0x7FFFFFFF)
            if immediate:
                flags = ORDER_IS_IOC
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
