# World, declaring: assets, accounts, markets, deposits, positions.


cdef class _WorldDeclaring(_WorldTables):
    """Declare what a world consists of."""

    def add_asset(self, supply_max):
        """Declare an asset.

        Parameters
        ----------
        supply_max : int
            Most atoms that may ever be deposited, 1 .. 2**61 (rule U-4).

        Returns
        -------
        int
            Its number.
        """
        cdef State* state = self.enter()
        cdef atoms_t supply = border_int(supply_max, "supply_max", 1, <int64_t>1 << 61)
        cdef uint32_t asset
        if state.ledger.account_count:
            raise bad_input("supply_max", "assets declared before the first account", f"{state.ledger.account_count} accounts")
        if slab_reserve(&state.ledger.assets, 1):
            raise MemoryError("World.add_asset: no memory")
        asset = slab_take(&state.ledger.assets)
        asset_at(&state.ledger, asset).supply_max = supply
        asset_at(&state.ledger, asset).net_deposits = 0
        return asset

    cdef uint32_t new_accounts(self, uint32_t count, uint32_t venue, bint is_wide, uint8_t mode=MODE_CROSS) except? 0xFFFFFFFF:
        cdef State* state = &self.world.state
        cdef uint32_t first = state.ledger.account_count, i
        cdef Account* account
        if slab_reserve(&state.accounts.accounts, count) or ledger_add_accounts(&state.ledger, count, is_wide) \
                or pools_add_owners(&state.pools, <int32_t>state.ledger.account_count):
            state.fault = FAULT_NO_MEMORY
            self.raise_fault()
        for i in range(count):
            account = account_at(&state.accounts, slab_take(&state.accounts.accounts))
            memset(account, 0, sizeof(Account))
            account.holdings = account.agent = account.units = account.loans = NIL
            account.venue = <uint16_t>venue
            account.mode = mode
        return first

    def add_venue(self, *, stage_ppm=250000, stage_lots_min=1, stage_interval_ms=1000, service_us=0):
        """Open another venue; venue 0 is there from the start.

        Parameters
        ----------
        stage_ppm, stage_lots_min, stage_interval_ms : int
            Its liquidation steps, as for `World`.
        service_us : int
            Time that its gateway takes for a message, microseconds: messages queue there (rule N-3). 0: no queue.

        Returns
        -------
        int
            Its number. Three accounts are opened for it: fees, insurance fund, bad debt.
        """
        cdef State* state = self.enter()
        self.first_accounts()
        cdef uint32_t number = self.new_venue(stage_ppm, stage_lots_min, stage_interval_ms, service_us)
        venue_at(state, number).accounts = self.new_accounts(SYSTEM_ACCOUNTS, number, True, MODE_CASH)
        return number

    def set_gateway(self, venue, service_us):
        """Give a venue's gateway another speed, as in `add_venue`."""
        cdef State* state = self.enter()
        cdef int64_t service = border_int(service_us, "service_us", 0, 1000000000)
        cdef Venue* row = venue_at(state, self.venue_number(venue))
        row.service_us = service
        row.has_gateway |= service > 0

    cdef uint32_t venue_number(self, object venue) except? 0xFFFFFFFF:
        return <uint32_t>border_int(venue, "venue", 0, <int64_t>self.world.state.venues.count - 1)

    cdef int first_accounts(self) except -1:
        """Open the accounts of venue 0, before all others."""
        if self.world.state.ledger.assets.count == 0:
            raise bad_input("assets", "at least one asset declared before", "none")
        if self.world.state.ledger.account_count == 0:
            self.new_accounts(SYSTEM_ACCOUNTS, 0, True, MODE_CASH)
        return 0

    cdef int check_venue(self, uint32_t account, uint32_t market) except -1:
        """An account trades at its own venue only (V-8)."""
        cdef State* state = &self.world.state
        if account_at(&state.accounts, account).venue != market_at(state, market).venue:
            raise bad_input("market", f"a market at the account's venue {account_at(&state.accounts, account).venue}",
                            f"market {market} at venue {market_at(state, market).venue}")
        return 0

    def add_accounts(self, count=1, *, venue=0, narrow=False, mode=2):
        """Open accounts.

        Parameters
        ----------
        count : int
            How many.
        venue : int
            Where.
        narrow : bool
            Keep a row of balances only for assets that the account ever had, instead of one for each asset: for very many accounts,
            each in few assets. Nothing else differs.
        mode : int
            `AccountMode`: 0 CASH (spot only), 1 ISOLATED (each position has money of its own), 2 CROSS (positions that settle in an asset
            share its balance), 3 UNIFIED (all collateral of the venue counts) (rule C-1).

        Returns
        -------
        int
            Number of the first; the others follow.
        """
        cdef State* state = self.enter()
        cdef uint32_t wanted = <uint32_t>border_int(count, "count", 1, 1 << 30)
        cdef uint32_t venue_ = self.venue_number(venue)
        cdef bint is_wide = not border_bool(narrow, "narrow")
        cdef uint8_t mode_ = <uint8_t>border_int(mode, "mode", MODE_CASH, MODE_UNIFIED)
        self.first_accounts()
        if mode_ == MODE_UNIFIED and rules_at(&state.risk, venue_).unit_asset == NIL:
            raise bad_input("mode", "a unit of account declared at the venue before its first unified account (add_collateral)", mode)
        if state.ledger.account_count + <int64_t>wanted > 0x7FFFFFFE:
            raise bad_input("count", "fewer than 2**31 accounts in all", count)
        return self.new_accounts(wanted, venue_, is_wide, mode_)

    cdef uint32_t account_number(self, object account) except? 0xFFFFFFFF:
        return <uint32_t>border_int(account, "account", 0, <int64_t>self.world.state.ledger.account_count - 1)

    cdef uint32_t trader_number(self, object account, str field="account") except? 0xFFFFFFFF:
        """An account that may trade: not one of the venue's own (V-7)."""
        cdef State* state = &self.world.state
        cdef uint32_t number = <uint32_t>border_int(account, field, SYSTEM_ACCOUNTS, <int64_t>state.ledger.account_count - 1)
        if not is_trader(state, number):
            raise bad_input(field, "an account of a trader, not one of a venue's own", account)
        return number

    cdef uint32_t asset_number(self, object asset, str field) except? 0xFFFFFFFF:
        return <uint32_t>border_int(asset, field, 0, <int64_t>self.world.state.ledger.assets.count - 1)

    cdef uint32_t market_number(self, object market, str field="market") except? 0xFFFFFFFF:
        return <uint32_t>border_int(market, field, 0, <int64_t>self.world.state.markets.count - 1)

    cdef int64_t future_time(self, object at_ms, str field="at_ms") except? -1:
        return border_int(at_ms, field, self.world.state.now_ms, TIME_MAX >> 1)

    cdef int64_t start_time(self, object start_ms) except? -1:
        return self.world.state.now_ms if start_ms is None else self.future_time(start_ms, "start_ms")

    cdef Market* new_market(self, object venue, uint32_t kind, uint32_t quote, object atoms_per_tick_lot, object bounds, object maker_fee_ppm,
                            object taker_fee_ppm) except NULL:
        cdef State* state = &self.world.state
        cdef Market* market
        cdef uint32_t venue_ = self.venue_number(venue)
        price_min, price_max, qty_max, notional_max = bounds
        cdef price_t low = <price_t>border_int(price_min, "price_min", 1 if kind == MARKET_PERPETUAL else 0, 0x7FFFFFFF)   # U-9
        cdef price_t high = <price_t>border_int(price_max, "price_max", low, 0x7FFFFFFF)
        cdef qty_t most = border_int(qty_max, "qty_max", 1, <int64_t>1 << 61)
        cdef int64_t worth = border_int(atoms_per_tick_lot, "atoms_per_tick_lot", 1, <int64_t>1 << 40)
        cdef int64_t notional = border_int(notional_max, "notional_max", 1, <int64_t>1 << 61)
        cdef int64_t maker_fee = border_int(maker_fee_ppm, "maker_fee_ppm", 0, 1000000)
        cdef int64_t taker_fee = border_int(taker_fee_ppm, "taker_fee_ppm", 0, 1000000)
        if state.markets.count >= 0xFFFF:
            raise bad_input("market", "at most 65,535 markets", "another one")
        if slab_reserve(&state.markets, 1) or triggers_add_series(&state.risk.triggers, 2):
            raise MemoryError("World: no memory for another market")
        cdef uint32_t number = slab_take(&state.markets)
        market = market_at(state, number)
        memset(market, 0, sizeof(Market))
        market_init(market, number)
        market.kind = kind
        market.venue = venue_
        market.quote_asset = quote
        market.atoms_per_tick_lot = worth
        market.book.price_min = low
        market.book.price_max = high
        market.book.qty_max = most
        market.book.notional_max = max(1, notional // worth)
        market.maker_fee_ppm = maker_fee
        market.taker_fee_ppm = taker_fee
        return market

    def add_spot(self, base, quote, *, atoms_per_tick_lot, base_atoms_per_lot, price_min=1, price_max=0x7FFFFFFF, qty_max=1 << 61,
                 notional_max=1 << 61, maker_fee_ppm=0, taker_fee_ppm=0, venue=0):
        """Open a spot market.

        Parameters
        ----------
        base, quote : int
            Asset numbers.
        atoms_per_tick_lot : int
            Quote atoms that one lot is worth at one tick (rule U-5).
        base_atoms_per_lot : int
            Base atoms of one lot.
        price_min, price_max, qty_max, notional_max : int
            Bounds: ticks, ticks, lots, quote atoms (rule U-2).
        maker_fee_ppm, taker_fee_ppm : int
            Fees on what a side receives (rule L-4).
        venue : int
            Where.

        Returns
        -------
        int
            The market's number.
        """
        self.enter()
        cdef uint32_t base_ = self.asset_number(base, "base"), quote_ = self.asset_number(quote, "quote")
        cdef int64_t per_lot = border_int(base_atoms_per_lot, "base_atoms_per_lot", 1, <int64_t>1 << 40)
        if base_ == quote_:
            raise bad_input("quote", "another asset than the base", quote)
        cdef Market* market = self.new_market(venue, MARKET_SPOT, quote_, atoms_per_tick_lot, (price_min, price_max, qty_max, notional_max),
                                              maker_fee_ppm, taker_fee_ppm)
        market.base_asset = base_
        market.base_atoms_per_lot = per_lot
        return market.book.ladder[0].tag >> 1

    cdef slot_t requirement(self, object schedule, str field, object ppm) except? 0xFFFFFFFF:
        """A requirement's schedule: its number, or the one tier of a plain rate."""
        cdef Schedules* schedules = &self.world.state.risk.schedules
        if schedule is None:
            return schedule_from_border(schedules, (0,), (border_int(ppm, "maintenance_ppm", 0, 1000000),), "requirement")
        if ppm is not None:
            raise bad_input(field, "maintenance_ppm or a schedule", "both")
        return <slot_t>border_int(schedule, field, 0, <int64_t>schedules.rows.count - 1)

    def add_schedule(self, floors, rates_ppm, *, kind="requirement"):
        """Declare tiers of a margin requirement, or of what counts of a collateral (rules S-1 .. S-5).

        Parameters
        ----------
        floors : sequence of int or numpy.ndarray of int64
            Where the tiers begin, atoms; the first 0, rising.
        rates_ppm : sequence of int or numpy.ndarray of int64
            Their rates, ppm: not falling for a requirement, not rising for a value.
        kind : str
            ``"requirement"`` (rounded up) or ``"value"`` (rounded down).

        Returns
        -------
        int
            Its number.
        """
        self.enter()
        return schedule_from_border(&self.world.state.risk.schedules, floors, rates_ppm, kind)

    def add_perpetual(self, settle, *, atoms_per_tick_lot, maintenance_ppm=None, maintenance=None, initial=None, price_stale_ms=0, price_min=1, price_max=0x7FFFFFFF, qty_max=1 << 61,
                      notional_max=1 << 61, maker_fee_ppm=0, taker_fee_ppm=0, venue=0):
        """Open a perpetual market, linear, settled in one asset.

        Parameters
        ----------
        settle : int
            Asset number of collateral and PnL.
        atoms_per_tick_lot, price_min, price_max, qty_max, notional_max : int
            As for `add_spot`.
        maintenance_ppm : int
            Maintenance margin rate, ppm of the notional (rule C-2), where it has one tier; or else
        maintenance : int
            the number of its schedule.
        initial : int, optional
            Schedule of the initial requirement; without one new positions are not gated (rule C-6).
        price_stale_ms : int
            A mark older than this is unknown (rule C-5); 0: never.
        maker_fee_ppm, taker_fee_ppm : int
            Fees on the notional (rule L-8).
        venue : int
            Where.

        Returns
        -------
        int
            The market's number.
        """
        self.enter()
        cdef uint32_t settle_ = self.asset_number(settle, "settle")
        cdef slot_t maintenance_ = self.requirement(maintenance, "maintenance", maintenance_ppm)
        cdef slot_t initial_ = NIL if initial is None else self.requirement(initial, "initial", None)
        cdef int64_t stale = border_int(price_stale_ms, "price_stale_ms", 0, TIME_MAX >> 20)
        cdef Market* market = self.new_market(venue, MARKET_PERPETUAL, settle_, atoms_per_tick_lot,
                                              (price_min, price_max, qty_max, notional_max), maker_fee_ppm, taker_fee_ppm)
        market.maintenance = maintenance_
        market.initial = initial_
        market.price_stale_ms = stale
        market.settles = collateral_find(&self.world.state.risk, market.venue, settle_)
        return market.book.ladder[0].tag >> 1

    def deposit(self, account, asset, atoms):
        """Bring atoms in from outside.

        Parameters
        ----------
        account, asset : int
            Where to and of what.
        atoms : int
            Amount, at least 1; net deposits never exceed the asset's supply.
        """
        cdef State* state = self.enter()
        cdef uint32_t account_ = self.account_number(account), asset_ = self.asset_number(asset, "asset")
        cdef atoms_t amount = border_int(atoms, "atoms", 1, <int64_t>1 << 61)
        if account_at(&state.accounts, account_).is_closed:
            raise bad_input("account", "an account that is no pool's, route's or cooldown's", account)
        cdef int fault = funds_deposit(state, account_, asset_, amount)
        if fault == LEDGER_SUPPLY:
            room = asset_at(&state.ledger, asset_).supply_max - asset_at(&state.ledger, asset_).net_deposits
            raise bad_input("atoms", f"at most the {room} atoms that the asset's supply has left", atoms)
        if fault:
            raise MemoryError("World.deposit: no memory")
        if state.fault:
            self.raise_fault()

    def open_trade(self, market, buyer, seller, qty_lots, price_ticks):
        """Open a position as a balanced trade outside the book, without fees (rule L-9).

        Parameters
        ----------
        market : int
            A perpetual.
        buyer, seller : int
            Two accounts.
        qty_lots, price_ticks : int
            Lots and price.
        """
        cdef State* state = self.enter()
        cdef uint32_t market_ = self.market_number(market)
        cdef uint32_t buyer_ = self.trader_number(buyer, "buyer"), seller_ = self.trader_number(seller, "seller")
        cdef qty_t qty = border_int(qty_lots, "qty_lots", INT64_MIN_, INT64_MAX_)
        cdef int64_t price = border_int(price_ticks, "price_ticks", INT64_MIN_, INT64_MAX_)
        cdef bint seller_is_wrong
        cdef int fault = opening_fault(state, market_, buyer_, seller_, qty, price, &seller_is_wrong)
        if fault:
            raise self.opening_error(fault, market_, seller_is_wrong, (market, buyer, seller, qty_lots, price_ticks))
        opening_make(state, market_, buyer_, seller_, qty, price)
        openings_end(state)
        if state.fault:
            self.raise_fault()

    cdef object opening_error(self, int fault, uint32_t market, bint seller_is_wrong, tuple row):
        """The InputError of a trade that cannot be opened."""
        cdef Book* book
        side, who = ("seller", row[2]) if seller_is_wrong else ("buyer", row[1])
        if fault == OPENING_MARKET:
            return bad_input("market", "a perpetual", f"market {row[0]}")
        book = &market_at(&self.world.state, market).book
        if fault == OPENING_LOTS:
            return bad_input("qty_lots", f"1 to {book.qty_max} lots", row[3])
        if fault == OPENING_PRICE:
            return bad_input("price_ticks", f"{book.price_min} to {book.price_max} ticks", row[4])
        if fault == OPENING_NOTIONAL:
            return bad_input("qty_lots", f"a notional of at most {book.notional_max} tick-lots", row[3])
        if fault == OPENING_EXPOSURE:
            return bad_input("qty_lots", f"an exposure of the {side} within {EXPOSURE_MAX} lots and atoms (U-10)", row[3])
        if fault == OPENING_SELF:
            return bad_input("seller", "another account than the buyer", row[2])
        if fault == OPENING_VENUE:
            return bad_input(side, f"an account at the market's venue {market_at(&self.world.state, market).venue}", who)
        if fault == OPENING_CASH:
            return bad_input(side, "an account that may hold perpetuals (C-1)", who)
        return bad_input(side, "an account of a trader, not one of a venue's own", who)
