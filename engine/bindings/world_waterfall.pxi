# World, waterfall: how a venue liquidates and who bears what is left (section X), and ADL ranked by a Python function.

cdef dict _STAGE_SIZES = {"share": SIZE_SHARE, "tier": SIZE_TIER}
cdef dict _STAGE_ORDERS = {"market": STAGE_MARKET, "band": STAGE_BAND, "bankruptcy": STAGE_BANKRUPTCY, "fillable": STAGE_FILLABLE}
cdef dict _ADL_RULES = {
    "binance": ADL_BINANCE, "hyperliquid": ADL_HYPERLIQUID, "hyperliquid_adjusted": ADL_HYPERLIQUID_ADJUSTED, "bybit": ADL_BYBIT,
    "contracts": ADL_CONTRACTS, "pnl": ADL_PNL, "unranked": ADL_UNRANKED,
}
cdef dict _ADL_CLOSES = {"bankruptcy": 0, "mark": 1}
cdef dict _SELL_ORDERS = {"haircut_liquidity": SELL_HAIRCUT_LIQUIDITY, "pro_rata": SELL_PRO_RATA, "custom": SELL_CUSTOM}

cdef tuple CANDIDATE_COLUMNS = ("account", "position_lots", "cost_atoms", "pnl_atoms", "notional_atoms", "equity_atoms", "requirement_atoms")


cdef class _WorldWaterfall(_WorldBreakers):
    """Declare how a venue liquidates."""

    cdef dict adl_functions      # by venue: a Python function that ranks

    def set_policy(self, venue, *, stage_ppm=250000, stage_lots_min=1, interval_ms=1000, stage_atoms_min=0, stage_atoms_most=0, large_atoms=0,
                   whole_ms=0, size="share", tiers_down=1, order="market", is_fok=False, band_ppm=0, spread_ppm=0, steps_most=0,
                   takeover_ppm=None, tier_least=0, takes_over=False, backstop=None, fee_ppm=0, fund_most=0, adl=None, close="bankruptcy",
                   cancels_orders=False, rank_ms=0, shares_losses=False, under_atoms=0, unwind_ms=1000, unwind_ppm=250000,
                   unwind_band_ppm=10000, sells="haircut_liquidity", sell_order=()):
        """Say how a venue liquidates (rules X-4 .. X-14); `engine.liquidation` has presets with units.

        Parameters
        ----------
        venue : int
            Which.
        stage_ppm, stage_lots_min, stage_atoms_min, stage_atoms_most, large_atoms, whole_ms : int
            Size of a step by share, 10**-6 (0: breaches are only noted), lots, atoms, ms (X-5).
        interval_ms : int
            Time between steps.
        size : {"share", "tier"}
            How a step is sized; `tiers_down` is how many maintenance tiers a step goes down.
        order : {"market", "band", "bankruptcy", "fillable"}
            What a step sends; `band_ppm`, `spread_ppm` belong to two of them, `is_fok` makes a limit fill-or-kill.
        steps_most, takeover_ppm, tier_least : int
            When takeover is due (X-6): after so many steps (0 never), with equity below this share of the requirement (None never), in tiers
            below this one (0 none).
        takes_over : bool
            Whether a backstop takes positions (X-8).
        backstop : int, optional
            The account that does, without positions and orders; by default the insurance fund. It holds positions, but is no margin unit.
        fee_ppm : int
            Clearance fee (X-14).
        fund_most : int
            What the fund pays at most for a liquidation, atoms; 0: no bound.
        adl : str or callable, optional
            Rule of ADL (X-12), or a function of the candidates' columns that returns their indices, best first.
        close : {"bankruptcy", "mark"}
            At which value ADL closes.
        cancels_orders, shares_losses : bool
            Whether ADL takes its counterparties' orders off; whether losses are shared (X-10).
        rank_ms : int
            How long a ranking stands.
        under_atoms, unwind_ms, unwind_ppm, unwind_band_ppm : int
            When a backstop is relieved, how it trades out (X-9).
        sells : {"haircut_liquidity", "pro_rata", "custom"}
            Order in which a unified account's assets are sold (X-13); `sell_order` are asset numbers.

        Raises
        ------
        InputError
            Names the field; nothing has changed.
        """
        cdef State* state = self.enter()
        cdef uint32_t number = self.venue_number(venue), i
        cdef Policy row
        memset(&row, 0, sizeof(Policy))
        self.fill_stages(&row, stage_ppm, stage_lots_min, interval_ms, stage_atoms_min, stage_atoms_most, large_atoms, whole_ms)
        row.size = <uint8_t>border_word_of(size, "size", _STAGE_SIZES)
        row.tiers_down = <uint16_t>border_int(tiers_down, "tiers_down", 1, 64)
        row.order = <uint8_t>border_word_of(order, "order", _STAGE_ORDERS)
        row.is_fok = border_bool(is_fok, "is_fok")
        row.band_ppm = border_int(band_ppm, "band_ppm", 0, 1000000)
        row.spread_ppm = border_int(spread_ppm, "spread_ppm", 0, 1000000000)
        row.steps_most = <uint16_t>border_int(steps_most, "steps_most", 0, 65535)
        row.takeover_ppm = -1 if takeover_ppm is None else border_int(takeover_ppm, "takeover_ppm", 0, 1000000)
        row.tier_least = <uint16_t>border_int(tier_least, "tier_least", 0, 64)
        row.takes_over = border_bool(takes_over, "takes_over")
        row.fee_ppm = border_int(fee_ppm, "fee_ppm", 0, 1000000)
        row.fund_most = border_int(fund_most, "fund_most", 0, <int64_t>1 << 61)
        row.adl = ADL_NONE if adl is None else (ADL_PYTHON if callable(adl) else <uint8_t>border_word_of(adl, "adl", _ADL_RULES))
        row.closes_at_mark = <uint8_t>border_word_of(close, "close", _ADL_CLOSES)
        row.cancels_orders = border_bool(cancels_orders, "cancels_orders")
        row.rank_ms = border_int(rank_ms, "rank_ms", 0, _MS_MOST)
        row.shares_losses = border_bool(shares_losses, "shares_losses")
        row.under_atoms = border_int(under_atoms, "under_atoms", -(<int64_t>1 << 61), <int64_t>1 << 61)
        row.unwind_ms = border_int(unwind_ms, "unwind_ms", 1, _MS_MOST)
        row.unwind_ppm = border_int(unwind_ppm, "unwind_ppm", 1, 1000000)
        row.unwind_band_ppm = border_int(unwind_band_ppm, "unwind_band_ppm", 0, 1000000)
        row.sells = <uint8_t>border_word_of(sells, "sells", _SELL_ORDERS)
        row.draw_key = member_key("adl", 0)
        if (row.steps_most or row.tier_least or row.takeover_ppm >= 0) and not row.takes_over and row.adl == ADL_NONE:
            raise bad_input("takes_over", "takeover or ADL, since a takeover can come due", False)
        if row.adl == ADL_PYTHON and row.rank_ms:
            raise bad_input("rank_ms", "0 with a function, which is asked in the millisecond of need", rank_ms)
        cdef list assets = [border_int(asset, "sell_order", 0, <int64_t>state.ledger.assets.count - 1) for asset in sell_order]
        if len(set(assets)) != len(assets):
            raise bad_input("sell_order", "assets that differ", sell_order)
        row.backstop = self.backstop_number(number, backstop)
        row.first_sold = NIL
        if assets:
            if slab_reserve(&state.sell_order, <uint32_t>len(assets) + 1):
                raise MemoryError("World.set_policy: no memory")
            row.first_sold = slab_take(&state.sell_order)
            (<uint32_t*>state.sell_order.base)[row.first_sold] = <uint32_t>len(assets)
            for asset in assets:
                i = slab_take(&state.sell_order)
                (<uint32_t*>state.sell_order.base)[i] = asset
        if row.backstop != NIL:
            account_at(&state.accounts, row.backstop).mode = MODE_CASH
        policy_at(state, number)[0] = row
        if self.adl_functions is None:
            self.adl_functions = {}
        self.adl_functions.pop(number, None)
        if callable(adl):
            self.adl_functions[number] = adl

    cdef int fill_stages(self, Policy* row, object stage_ppm, object stage_lots_min, object interval_ms, object stage_atoms_min, object stage_atoms_most,
                         object large_atoms, object whole_ms) except -1:
        row.stage_ppm = border_int(stage_ppm, "stage_ppm", 0, 1000000)
        row.stage_lots_min = border_int(stage_lots_min, "stage_lots_min", 1, INT64_MAX_)
        row.interval_ms = border_int(interval_ms, "interval_ms", 1, _MS_MOST)
        row.stage_atoms_min = border_int(stage_atoms_min, "stage_atoms_min", 0, <int64_t>1 << 61)
        row.stage_atoms_most = border_int(stage_atoms_most, "stage_atoms_most", 0, <int64_t>1 << 61)
        row.large_atoms = border_int(large_atoms, "large_atoms", 0, <int64_t>1 << 61)
        row.whole_ms = border_int(whole_ms, "whole_ms", 0, _MS_MOST)
        return 0

    cdef uint32_t backstop_number(self, uint32_t venue, object backstop) except? 0xFFFFFFFE:
        """The account of a new policy's backstop, NIL for the insurance fund. It changes only while the old one holds nothing."""
        cdef State* state = &self.world.state
        cdef uint32_t number = NIL, old = policy_at(state, venue).backstop
        cdef bint is_flat
        cdef slot_t slot
        if backstop is not None:
            number = self.trader_number(backstop, "backstop")
        if number == old:
            return number
        if venue_at(state, venue).unwinds:
            raise bad_input("backstop", "the same one, while it holds positions", backstop)
        if number == NIL:
            return NIL
        slot = account_at(&state.accounts, number).holdings
        is_flat = account_at(&state.accounts, number).units == NIL and head_at(&state.pools, <int32_t>number)[0] == NIL
        while slot != NIL:
            is_flat = is_flat and holding_at(&state.accounts, slot).position_lots == 0
            slot = holding_at(&state.accounts, slot).next_of_account
        if account_at(&state.accounts, number).venue != venue or not is_flat or account_at(&state.accounts, number).agent != NIL:
            raise bad_input("backstop", f"an account of venue {venue} that has never traded and has no agent", backstop)
        return number

    def backstop(self, venue=0):
        """Return the account that takes over at a venue, and what it is worth.

        Returns
        -------
        account : int
        atoms : dict of int to int
            By asset in which it has a balance or a position settles: balance - owed + unrealised PnL; a position without a mark counts 0.
        """
        cdef State* state = self.enter()
        cdef uint32_t account = backstop_of(state, self.venue_number(venue)), asset
        cdef bint is_known = True
        worth = {}
        for asset in range(state.ledger.assets.count):
            if balance_at(&state.ledger, account, asset).atoms or not account_is_flat(state, account, asset):
                worth[asset] = asset_net(state, account, asset, &is_known)
        return account, worth

    # ---- ADL by a Python function ----

    cdef int rank_pending(self) except -1:
        """Let Python rank every side that the ADL event for which the loop has stopped needs, then let the event happen."""
        cdef State* state = &self.world.state
        cdef Event event = self.world.call
        cdef bint longs = False
        cdef uint32_t account, market
        cdef slot_t only = NIL
        self.world.has_call = 0
        if event.kind == EVENT_RELIEF:
            account = backstop_of(state, event.a)
        else:
            account, only = unit_of_state(state, event.a).account, unit_of_state(state, event.a).holding
        market = python_asked(state, account, only, &longs)
        while market != NIL:
            self.rank_side(market, longs)
            market = python_asked(state, account, only, &longs)
        kernel_dispatch(&self.world, &event)
        return 0

    cdef int rank_side(self, uint32_t market, bint longs) except -1:
        """Ask the venue's function for the order of one side's candidates; it is their ranking from now on."""
        cdef State* state = &self.world.state
        cdef Slab found
        cdef uint32_t i, venue = market_at(state, market).venue
        cdef Candidate* candidate
        cdef Holding* holding
        function = (self.adl_functions or {}).get(venue)
        if function is None:
            raise bad_input("adl", f"a function for venue {venue}: set_policy again after a restore", None)
        slab_init(&found, sizeof(Candidate), 0)
        try:
            if not candidates_collect(state, market, longs, ADL_PYTHON, &found):
                self.raise_fault()
            rows = []
            for i in range(found.count):
                candidate = <Candidate*>slab_at(&found, i)
                holding = holding_at(&state.accounts, candidate.holding)
                rows.append((holding.account, holding.position_lots, holding.cost_atoms, candidate.pnl,
                             abs64(notional_atoms(market_at(state, market), holding.position_lots, market_at(state, market).mark_ticks)),
                             candidate.equity, candidate.requirement))
            self.take_order(&found, market, longs, self.asked_order(function, rows, market))
        finally:
            slab_release(&found)
        return 0

    cdef list asked_order(self, object function, list rows, uint32_t market):
        """Call a rule; its answer as a list of different indices of the candidates."""
        import numpy
        columns = {name: numpy.array([row[i] for row in rows], dtype=numpy.int64) for i, name in enumerate(CANDIDATE_COLUMNS)}
        columns["market"] = market
        columns["mark_ticks"] = market_at(&self.world.state, market).mark_ticks
        try:
            order = [int(index) for index in function(columns)]
        except Exception as error:
            raise _agent_error("adl", -1, self.world.state.now_ms, error) from error
        if len(set(order)) != len(order) or not all(0 <= index < len(rows) for index in order):
            raise bad_input("adl", f"different indices of {len(rows)} candidates, best first", order)
        return order

    cdef int take_order(self, Slab* found, uint32_t market, bint longs, list order) except -1:
        """Hang candidates in the order given."""
        cdef Slab ranked
        slab_init(&ranked, sizeof(Candidate), 0)
        if slab_reserve(&ranked, <uint32_t>len(order)):
            raise MemoryError("World: no memory for a ranking")
        for index in order:
            (<Candidate*>slab_at(&ranked, slab_take(&ranked)))[0] = (<Candidate*>slab_at(found, <uint32_t>index))[0]
        ranking_hang(&self.world.state, market, longs, &ranked)
        slab_release(&ranked)
        return 0
