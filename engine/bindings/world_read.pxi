# World, reading: balances, books, tables, landmarks, digest.


cdef class _WorldReading(_WorldAgents):
    """Read a world; nothing here changes it."""

    @property
    def now_ms(self):
        """The clock, ms."""
        return self.world.state.now_ms

    @property
    def account_count(self):
        """Accounts, the venue's three included."""
        return self.world.state.ledger.account_count

    def balance(self, account, asset):
        """Return (atoms, reserved) of an account in an asset."""
        cdef State* state = self.enter()
        cdef Balance* row = balance_at(&state.ledger, self.account_number(account), self.asset_number(asset, "asset"))
        return row.atoms, row.reserved

    def net_deposits(self, asset):
        """Return deposits minus withdrawals of an asset, atoms."""
        cdef State* state = self.enter()
        return asset_at(&state.ledger, self.asset_number(asset, "asset")).net_deposits

    def position(self, account, market):
        """Return (position_lots, cost_atoms, orders_sent) of an account in a market."""
        cdef State* state = self.enter()
        cdef slot_t slot = holding_find(&state.accounts, self.account_number(account), self.market_number(market))
        if slot == NIL:
            return 0, 0, 0
        return (holding_at(&state.accounts, slot).position_lots, holding_at(&state.accounts, slot).cost_atoms,
                holding_at(&state.accounts, slot).orders_sent)

    def in_liquidation(self, account):
        """Return whether an account is being liquidated."""
        cdef State* state = self.enter()
        return account_at(&state.accounts, self.account_number(account)).liquidation != 0

    def market(self, market):
        """Return one market's state.

        Returns
        -------
        dict
            ``best_bid, best_ask, last, index, mark`` (ticks or None), ``clearing`` (atoms), ``trades``, ``traded_lots``, ``orders``.
        """
        cdef State* state = self.enter()
        cdef Market* row = market_at(state, self.market_number(market))
        prices = {
            "best_bid": book_best(&row.book, 0), "best_ask": book_best(&row.book, 1), "last": row.book.last_price,
            "index": row.index_ticks, "mark": row.mark_ticks,
        }
        result = {name: None if value == NO_PRICE else value for name, value in prices.items()}
        result["clearing"] = row.clearing
        result["trades"] = row.book.trade_count
        result["traded_lots"] = row.book.traded_lots
        result["orders"] = row.book.ladder[0].order_count + row.book.ladder[1].order_count
        return result

    def depth(self, market, levels=10):
        """Return (bids, asks) of a market, each (price_ticks, qty_lots), best first."""
        cdef State* state = self.enter()
        cdef Market* row = market_at(state, self.market_number(market))
        cdef int64_t most = border_int(levels, "levels", 0, INT64_MAX_)
        return book_depth_list(&state.pools, &row.book, 0, most), book_depth_list(&state.pools, &row.book, 1, most)

    def orders(self, market):
        """Return every resting order of a market: (number, side, price_ticks, leaves_lots, account), priority order."""
        cdef State* state = self.enter()
        cdef Market* row = market_at(state, self.market_number(market))
        return book_order_list(&state.pools, &row.book, 0) + book_order_list(&state.pools, &row.book, 1)

    def trades(self):
        """Return the trades so far, in order, as columns (prices in ticks, quantities in lots, `cause` a landmark)."""
        return self.lend("trades")

    def journal(self):
        """Return the journal so far (rule J-1)."""
        return self.lend("journal")

    def prices(self):
        """Return the prices so far; `kind` 1 index, 2 mark, and if recorded 4 last, 5 mid."""
        return self.lend("prices")

    def depth_samples(self):
        """Return the samples table so far; a price of 2**40 means that there was none."""
        return self.lend("samples")

    def landmarks(self):
        """Return the landmarks so far; row 0 is the background.

        Returns
        -------
        list of tuple
            (time_ms, kind, market, number, account, parent, generation, value, mover), the mover (time_ms, kind, account, number, cause) or None.
        """
        cdef State* state = self.enter()
        cdef uint32_t i
        cdef Landmark* row
        rows = []
        for i in range(state.lineage.landmarks.count):
            row = landmark_at(&state.lineage, i)
            mover = None
            if row.mover.kind:
                mover = (row.mover.time_ms, row.mover.kind, row.mover.account, row.mover.number, row.mover.cause)
            rows.append((row.time_ms, row.kind, row.market, row.number, row.account, row.parent, row.generation, row.value, mover))
        return rows

    def causes(self):
        """Return the rows (child, parent, weight_ppm) of the causes table (rule G-6)."""
        cdef State* state = self.enter()
        cdef uint32_t i
        cdef CauseRow* row
        rows = []
        for i in range(state.lineage.causes.count):
            row = <CauseRow*>slab_at(&state.lineage.causes, i)
            rows.append((row.child, row.parent, row.weight_ppm))
        return rows

    def digest(self):
        """Return the state digest (rule J-4), 64 bits."""
        self.enter()
        return world_digest(&self.world)

    def check_invariants(self):
        """Walk the whole world and raise InvariantError naming the first broken invariant; it then refuses to go on."""
        cdef State* state = self.enter()
        state.fault = world_verify(&self.world)
        if state.fault:
            self.raise_fault()
