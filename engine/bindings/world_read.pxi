# World, reading: balances, books, tables, landmarks, memory, digest.


# The slabs of a world by name, in the order of world_slab.
cdef tuple _SLAB_NAMES = (
    "pages", "levels", "nodes", "orders", "cold", "heads", "assets", "balances", "accounts", "holdings", "landmarks", "causes", "chunks", "rare",
    "far", "markets", "publications", "oracles", "venues", "agents", "laws", "notices", "extras", "reduce_only_positions", "free_slots",
    "mass_quotes", "quotes", "watchers", "replays", "replay_rows", "purses", "desks", "triggers", "series", "trigger_roots", "trigger_pages", "tiers", "schedules",
    "units", "margin_rules", "collateral", "terms", "due", "sources", "cells", "points", "fundings", "crowds", "plans", "top_ups", "fired_plans", "policies", "runs", "sell_order", "roster",
    "protocols", "reserves", "loans", "loan_entries", "protocol_watchers", "loans_due", "priced_reserves", "loan_triggers", "loan_series", "loan_trigger_roots",
    "loan_trigger_pages", "pools", "product_pools", "stable_pools", "range_pools", "range_ticks", "pool_shares", "range_positions", "issuers", "routes",
    "transits", "outages", "listed", "chains", "actions", "margin_sums", "margin_shares", "later", "breakers", "shock", "noise", "maker", "flow", "point", "momentum", "arbitrage", "value", "python", "hedge",
    "bot", "looper", "pool_arbitrage",
)


cdef class _WorldReading(_WorldCallers):
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
                desk_read(&state.accounts, slot).orders_sent)

    def in_liquidation(self, account):
        """Return whether an account is being liquidated."""
        cdef State* state = self.enter()
        return account_at(&state.accounts, self.account_number(account)).liquidation != 0

    def market(self, market):
        """Return one market's state.

        Returns
        -------
        dict
            ``best_bid, best_ask, last, index, mark, oracle`` (ticks or None), ``index_ms, mark_ms, oracle_ms`` (when they were published, or
            None), ``clearing`` (atoms), ``trades``, ``traded_lots``, ``orders`` (resting), ``arrived`` and ``cancelled`` (orders so far);
            of its terms ``quote_asset`` and ``atoms_per_tick_lot``.
        """
        cdef State* state = self.enter()
        return market_state(market_at(state, self.market_number(market)))

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
        """Return the prices so far; `kind` 1 index, 2 mark, 3 oracle, and if recorded 4 last, 5 mid."""
        return self.lend("prices")

    def samples(self):
        """Return the samples table so far; a price of 2**40 means that there was none."""
        return self.lend("samples")

    def landmarks(self):
        """Return a copy of the landmarks so far as columns; row 0 is the background (rules G-1, G-4).

        Returns
        -------
        ColumnTable
            ``id`` (the row), ``time_ms``, ``kind``, ``market``, ``number``, ``account`` (-1 nobody), ``parent``, ``generation``, ``value``, and
            of a publication's mover ``mover_time_ms``, ``mover_kind`` (0 without), ``mover_account``, ``mover_number``, ``mover_cause``.
        """
        return landmark_table(&self.enter().lineage)

    def causes(self):
        """Return a copy of the causes table (rule G-6): ``child``, ``parent``, ``weight_ppm``, in the order of the children."""
        return cause_table(&self.enter().lineage)

    def memory(self):
        """Return what the world's state takes, tables apart: each slab's rows (used so far, freed ones too) and the bytes of one.

        Returns
        -------
        dict
            By name: ``balances, accounts, holdings, desks, purses, orders, markets, ...``, each (rows, bytes per row). O(1).
        """
        cdef int i
        self.enter()
        return {name: (world_slab(&self.world, i).count, world_slab(&self.world, i).stride) for i, name in enumerate(_SLAB_NAMES)}

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
