# World, margin: ladders, collateral, funds, and what a unit is worth.

cdef dict _MARGIN_ACTIONS = {1: ACTION_WARN, 2: ACTION_REDUCE_ONLY, 3: ACTION_CANCEL, 4: ACTION_LIQUIDATE}
cdef dict _FUNDS_TEXTS = {
    FUNDS_LACKING: "no more than what is free", FUNDS_FROZEN: "an account that is not in liquidation",
    FUNDS_UNKNOWN: "an account whose prices are published and fresh", FUNDS_NO_LENDER: "an asset with a lender, and a unified account that is not it",
    FUNDS_OWES_LESS: "no more than what is owed", FUNDS_NO_UNIT: "a market where the account has an isolated position", FUNDS_BOUND: "at most 2**61 owed",
}
cdef tuple UNIT_NAMES = ("unit", "account", "asset", "market", "mode", "state", "scanned_state", "is_known", "liquidation", "equity_atoms",
                         "requirement_atoms", "initial_atoms", "notional_atoms", "margin_atoms")
cdef tuple UNIT_DTYPES = ("u4", "i4", "u2", "u2", "u1", "u1", "u1", "u1", "u4", "i8", "i8", "i8", "i8", "i8")
cdef uint8_t UNIT_WIDTHS[14]
UNIT_WIDTHS[:] = [4, 4, 2, 2, 1, 1, 1, 1, 4, 8, 8, 8, 8, 8]


@cython.final
@cython.freelist(16)
cdef class MarginHealth:
    """What a margin unit is worth, as its venue computes it (rules C-2 .. C-6).

    Attributes
    ----------
    equity, requirement, initial, notional : int
        Atoms of the unit's asset: equity, maintenance, initial requirement with the resting orders, sum of |position| at mark.
    asset : int
        The unit's asset.
    state : int
        Boundaries of the venue's ladder that it stands beyond, 0 free.
    action : int
        Action of the last of them, 0 free.
    is_known : bool
        Every price is published and fresh.
    """

    cdef readonly int64_t equity, requirement, initial, notional
    cdef readonly int asset, state, action
    cdef readonly bint is_known

    def __repr__(self):
        return (f"MarginHealth(equity={self.equity}, requirement={self.requirement}, initial={self.initial}, notional={self.notional}, "
                f"state={self.state}, is_known={bool(self.is_known)})")


cdef void write_unit(State* state, Table* table, int64_t row) noexcept nogil:
    """One row of margin_units: what is stored, and what a fresh evaluation says."""
    cdef Unit* unit = unit_of_state(state, <slot_t>row)
    cdef Health health
    unit_health(state, <slot_t>row, &health)
    put4(table, row, 0, row)
    put4(table, row, 1, unit.account)
    put2(table, row, 2, unit.asset)
    put2(table, row, 3, holding_at(&state.accounts, unit.holding).market if unit.holding != NIL else <uint32_t>NO_MARKET)
    put1(table, row, 4, account_at(&state.accounts, unit.account).mode)
    put1(table, row, 5, unit.state)
    put1(table, row, 6, ladder_state(rules_of(state, unit.account), &health))
    put1(table, row, 7, health.is_known)
    put4(table, row, 8, unit.liquidation)
    put8(table, row, 9, health.equity)
    put8(table, row, 10, health.requirement)
    put8(table, row, 11, health.initial)
    put8(table, row, 12, health.notional)
    put8(table, row, 13, unit.margin_atoms)


cdef class _WorldMargin(_WorldPricing):
    """Declare how margin works, move money, ask what an account is worth."""

    # ---- declaring ----

    def set_ladder(self, venue, boundaries):
        """Declare what happens as an account's margin ratio falls (rule C-4).

        Parameters
        ----------
        venue : int
            Whose accounts, before any of them has a position.
        boundaries : sequence of (int, int, bool)
            ``(action, ratio_ppm, at_or_below)``, best first: ratios fall, the last action is LIQUIDATE (4). A unit is beyond one when
            ``equity * 10**6 < ratio_ppm * requirement``, or ``<=`` with at_or_below.
        """
        cdef State* state = self.enter()
        cdef uint32_t number = self.venue_number(venue), i
        cdef MarginRules rules
        cdef tuple rows
        if state.risk.units.count:
            raise bad_input("boundaries", "a ladder declared before the first position", f"{state.risk.units.count} units")
        try:
            rows = tuple([tuple(row) for row in boundaries])
        except TypeError:
            raise bad_input("boundaries", "rows of (action, ratio_ppm, at_or_below)", boundaries) from None
        if not 1 <= len(rows) <= LADDER_MOST:
            raise bad_input("boundaries", f"1 to {LADDER_MOST} of them", len(rows))
        rules = rules_at(&state.risk, number)[0]
        for i in range(<uint32_t>len(rows)):
            if len(rows[i]) != 3 or rows[i][0] not in _MARGIN_ACTIONS:
                raise bad_input(f"boundaries[{i}]", "(action 1 to 4, ratio_ppm, at_or_below)", rows[i])
            rules.boundary[i].action = _MARGIN_ACTIONS[rows[i][0]]
            rules.boundary[i].ratio_ppm = border_int(rows[i][1], f"boundaries[{i}].ratio_ppm", 1, 1000000000)
            rules.boundary[i].at_or_below = bool(rows[i][2])
            if i and (rules.boundary[i].ratio_ppm >= rules.boundary[i - 1].ratio_ppm or rules.boundary[i].action < rules.boundary[i - 1].action):
                raise bad_input(f"boundaries[{i}]", "a lower ratio than the one before, and no milder action", rows[i])
        if rules.boundary[len(rows) - 1].action != ACTION_LIQUIDATE or (len(rows) > 1 and rules.boundary[len(rows) - 2].action == ACTION_LIQUIDATE):
            raise bad_input("boundaries", "LIQUIDATE (4) last, and only there", rows[len(rows) - 1])
        rules.count = <uint32_t>len(rows)
        rules_at(&state.risk, number)[0] = rules

    def add_collateral(self, venue, asset, *, market=None, value=None, loan_ppm=0, lender=None, loan_rate_ppb=0, loan_every_ms=3600000):
        """Let an asset count in a venue's unified accounts (rule C-3).

        Parameters
        ----------
        venue, asset : int
            Where and which; the first one declared without a market is the unit of account.
        market : int, optional
            The spot market at the venue, of this asset against the unit of account, whose index prices it.
        value : int, optional
            Schedule of what counts of it, in the unit of account; without one all of it.
        loan_ppm : int
            Maintenance of what is owed of it, ppm.
        lender : int, optional
            The account that lends it (rule L-12).
        loan_rate_ppb : int
            Interest on what is owed of it, 10**-9 each interval, up to one (rule L-13).
        loan_every_ms : int
            The interval, ms: it is charged at its whole multiples.
        """
        cdef State* state = self.enter()
        cdef uint32_t venue_ = self.venue_number(venue), asset_ = self.asset_number(asset, "asset"), market_ = NIL, lender_ = NIL, i
        cdef MarginRules* rules = rules_at(&state.risk, venue_)
        cdef slot_t value_ = NIL, slot
        cdef int64_t loan = border_int(loan_ppm, "loan_ppm", 0, 1000000)
        cdef int64_t rate = border_int(loan_rate_ppb, "loan_rate_ppb", 0, PPB)
        cdef time_ms_t every_ms = border_int(loan_every_ms, "loan_every_ms", 1, _MS_MOST)
        cdef Collateral* row
        if value is not None:
            value_ = <slot_t>border_int(value, "value", 0, <int64_t>state.risk.schedules.rows.count - 1)
        if lender is not None:
            lender_ = self.trader_number(lender, "lender")
        if collateral_find(&state.risk, venue_, asset_) != NIL:
            raise bad_input("asset", "one that does not count there yet", asset)
        if market is None:
            if rules.unit_asset != NIL:
                raise bad_input("market", f"a market that prices it: the unit of account is asset {rules.unit_asset}", market)
        else:
            market_ = self.market_number(market)
            if rules.unit_asset == NIL:
                raise bad_input("market", "None: the unit of account is declared first", market)
            if market_at(state, market_).kind != MARKET_SPOT or market_at(state, market_).base_asset != asset_ \
                    or market_at(state, market_).quote_asset != rules.unit_asset or market_at(state, market_).venue != venue_:
                raise bad_input("market", "a spot market at the venue, of the asset against its unit of account", market)
        for i in range(state.ledger.account_count):
            if account_at(&state.accounts, i).venue == venue_ and account_at(&state.accounts, i).units != NIL:
                raise bad_input("asset", "collateral declared before the first position", f"account {i} has one")
        if slab_reserve(&state.risk.collateral, 1):
            raise MemoryError("World.add_collateral: no memory")
        slot = slab_take(&state.risk.collateral)
        row = collateral_at(&state.risk, slot)
        memset(row, 0, sizeof(Collateral))
        row.asset = asset_
        row.market = market_
        row.value = value_
        row.loan_ppm = loan
        row.loan_rate_ppb = rate
        row.loan_every_ms = every_ms
        row.lender = lender_
        row.holding = row.touched_next = NIL
        row.next = rules.collateral
        rules.collateral = slot
        if market_ == NIL:
            rules.unit_asset = asset_
        else:
            market_at(state, market_).collateral = slot
        for i in range(state.markets.count):
            if market_at(state, i).kind == MARKET_PERPETUAL and market_at(state, i).venue == venue_ and market_at(state, i).quote_asset == asset_:
                market_at(state, i).settles = slot
        if rate:
            interest_begin(state, slot, venue_)
        if state.fault:
            self.raise_fault()

    def set_leverage(self, account, leverage, *, market=None):
        """Choose a leverage: the initial requirement of the account, or of its isolated position, is at least notional / leverage (C-6).

        Parameters
        ----------
        account : int
            Whose.
        leverage : int
            1 to 1000; 0 takes the choice back.
        market : int, optional
            Of a position, which is made ready; without it the choice is for all units that the account has now.
        """
        cdef State* state = self.enter()
        cdef uint32_t account_ = self.trader_number(account), market_ = 0
        cdef int64_t chosen = border_int(leverage, "leverage", 0, 1000)
        cdef slot_t slot, only = NIL
        if market is not None:
            market_ = self.perpetual_number(market)
            self.check_venue(account_, market_)
            slot = holding_open(state, account_, market_)
            if slot == NIL:
                raise MemoryError("World.set_leverage: no memory")
            only = holding_at(&state.accounts, slot).unit
            if only == NIL:
                raise bad_input("account", "one that may hold perpetuals", account)
        slot = account_at(&state.accounts, account_).units
        if slot == NIL:
            raise bad_input("account", "one with a position or unified collateral, or a market: what it opens later is chosen for then", account)
        while slot != NIL:
            if only == NIL or slot == only:
                unit_of_state(state, slot).leverage_ppm = <uint32_t>(ceil_div(1000000, chosen) if chosen else 0)
                sums_forget(state, slot)
                if unit_of_state(state, slot).holding != NIL:    # it decides what money moves (L-11); of others only what is refused
                    venue_journal(state, JOURNAL_LEVERAGE, holding_at(&state.accounts, unit_of_state(state, slot).holding).market,
                                  <int32_t>account_, 0, 0, 0, 0, 0, unit_of_state(state, slot).leverage_ppm)
            slot = unit_of_state(state, slot).next
        if state.fault:
            self.raise_fault()

    # ---- money ----

    cdef int funds_done(self, int fault, str field, object was) except -1:
        if fault == FUNDS_NO_MEMORY:
            raise MemoryError("World: no memory")
        if fault:
            raise bad_input(field, _FUNDS_TEXTS[fault], was)
        if self.world.state.fault:
            self.raise_fault()
        return 0

    def withdraw(self, account, asset, atoms):
        """Take atoms out of the world: what is free, and no more than leaves the initial requirement (rule C-6).

        Raises
        ------
        InputError
            Says what was expected; nothing has moved.
        """
        cdef State* state = self.enter()
        cdef uint32_t account_ = self.trader_number(account), asset_ = self.asset_number(asset, "asset")
        self.funds_done(funds_withdraw(state, account_, asset_, border_int(atoms, "atoms", 1, <int64_t>1 << 61)), "atoms", atoms)

    def borrow(self, account, asset, atoms):
        """Borrow atoms of the venue's lender against a unified account's collateral (rule L-12); InputError as `withdraw`."""
        cdef State* state = self.enter()
        cdef uint32_t account_ = self.trader_number(account), asset_ = self.asset_number(asset, "asset")
        self.funds_done(funds_borrow(state, account_, asset_, border_int(atoms, "atoms", 1, <int64_t>1 << 61)), "atoms", atoms)

    def repay(self, account, asset, atoms):
        """Pay back what is owed (rule L-12); InputError as `withdraw`."""
        cdef State* state = self.enter()
        cdef uint32_t account_ = self.trader_number(account), asset_ = self.asset_number(asset, "asset")
        self.funds_done(funds_repay(state, account_, asset_, border_int(atoms, "atoms", 1, <int64_t>1 << 61)), "atoms", atoms)

    def add_margin(self, account, market, atoms):
        """Move atoms from the balance into the margin of an isolated position; negative takes out (rule L-11); InputError as `withdraw`."""
        cdef State* state = self.enter()
        cdef uint32_t account_ = self.trader_number(account), market_ = self.perpetual_number(market)
        self.funds_done(funds_margin(state, account_, market_, border_int(atoms, "atoms", -(<int64_t>1 << 61), <int64_t>1 << 61)), "atoms", atoms)

    def owed(self, account, asset):
        """Return what an account owes of an asset, atoms; negative for what it has lent (rule L-12)."""
        cdef State* state = self.enter()
        return balance_at(&state.ledger, self.account_number(account), self.asset_number(asset, "asset")).owed

    # ---- reading ----

    def margin(self, account, *, asset=None, market=None):
        """Evaluate a margin unit of an account at the published prices (rules C-2, C-3).

        Parameters
        ----------
        account : int
            Whose.
        asset : int, optional
            CROSS: the settlement asset; left out where the account has one unit.
        market : int, optional
            ISOLATED: the market of the position.

        Returns
        -------
        MarginHealth
        """
        cdef State* state = self.enter()
        cdef uint32_t account_ = self.account_number(account)
        cdef slot_t slot = account_at(&state.accounts, account_).units
        cdef Health health
        cdef MarginHealth out
        if market is not None:
            slot = holding_find(&state.accounts, account_, self.perpetual_number(market))
            slot = holding_at(&state.accounts, slot).unit if slot != NIL else NIL
        elif asset is not None:
            slot = unit_find(state, account_, self.asset_number(asset, "asset"))
        elif slot != NIL and unit_of_state(state, slot).next != NIL:
            raise bad_input("asset", "an asset or a market: the account has several units", None)
        if slot == NIL:
            raise bad_input("account", "an account with a position or unified collateral there", account)
        unit_health(state, slot, &health)
        out = MarginHealth.__new__(MarginHealth)
        out.equity, out.requirement, out.initial, out.notional = health.equity, health.requirement, health.initial, health.notional
        out.asset = unit_of_state(state, slot).asset
        out.state = unit_of_state(state, slot).state
        out.action = rules_of(state, account_).boundary[out.state - 1].action if out.state else ACTION_NONE
        out.is_known = health.is_known
        return out

    def margin_units(self):
        """Evaluate every unit: what is stored beside what a full scan says.

        Returns
        -------
        ColumnTable
            ``unit, account, asset, market, mode, state, scanned_state, is_known, liquidation, equity_atoms, requirement_atoms,
            initial_atoms, notional_atoms, margin_atoms``. O(positions).
        """
        cdef State* state = self.enter()
        cdef Table table
        cdef int64_t row
        open_table(&table, UNIT_WIDTHS, 14, state.risk.units.count)
        with nogil:
            for row in range(table.row_count):
                write_unit(state, &table, row)
        return adopt_table(&table, UNIT_NAMES, UNIT_DTYPES)

    def bands(self, account):
        """Return at which values an account's units are looked at again (rule E-1).

        Parameters
        ----------
        account : int
            Whose.

        Returns
        -------
        list of (int, str, int or None, int or None)
            ``(market, series, low, high)`` for each of its markets where a unit waits, by market; series ``"mark"`` (perpetual) or
            ``"index"`` (spot). It is due when the series is published at or below `low`, or at or above `high`; None: never. O(its markets).
        """
        cdef State* state = self.enter()
        cdef slot_t slot = account_at(&state.accounts, self.account_number(account)).holdings, trigger
        cdef Holding* holding
        cdef list rows = []
        cdef int side
        while slot != NIL:
            holding = holding_at(&state.accounts, slot)
            ends = [None, None]
            for side in range(2):
                trigger = holding.trigger[side]
                if trigger != NIL and trigger_at(&state.risk.triggers, trigger).bucket != NIL:
                    ends[side] = trigger_at(&state.risk.triggers, trigger).at
            if ends != [None, None]:
                series = "index" if market_at(state, holding.market).kind == MARKET_SPOT else "mark"
                rows.append((holding.market, series, ends[TRIGGER_FALL], ends[TRIGGER_RISE]))
            slot = holding.next_of_account
        return rows

    def risk_counts(self):
        """Return what the risk index has done so far.

        Returns
        -------
        dict
            ``pops`` (triggers fired), ``looks`` (triggers read to find them), ``evaluations``, ``arms`` (units whose triggers were set),
            ``spares`` (writes that an allowance paid for), ``units``, ``triggers`` (records).
        """
        cdef State* state = self.enter()
        return {
            "pops": state.risk.triggers.pop_count, "looks": state.risk.triggers.look_count, "evaluations": state.risk.evaluation_count,
            "arms": state.risk.arm_count, "spares": state.risk.spare_count, "units": state.risk.units.count,
            "triggers": state.risk.triggers.triggers.count - state.risk.triggers.triggers.free_count,
        }
