# World, what if: at which prices of one market who would be liquidated, all other prices fixed (C-8, W-1, W-2).

cdef enum:
    WHATIF_BLOCK = 512           # units between two looks at Ctrl-C
    WHATIF_PPM_MOST = 100000000  # 100 times the price now
    WHATIF_STEPS_MOST = 100000

cdef tuple WHATIF_NAMES = ("account", "lots", "below_ticks", "above_ticks", "below_atoms", "above_atoms", "is_now")
cdef tuple WHATIF_DTYPES = ("i4", "i8", "i8", "i8", "i8", "i8", "u1")
cdef uint8_t WHATIF_WIDTHS[7]
WHATIF_WIDTHS[:] = [4, 8, 8, 8, 8, 8, 1]
cdef tuple MAP_NAMES = ("price_ticks", "side", "accounts", "notional_atoms")
cdef tuple MAP_DTYPES = ("i8", "i1", "i8", "i8")
cdef uint8_t MAP_WIDTHS[4]
MAP_WIDTHS[:] = [8, 1, 8, 8]

# A range of prices around the one now, and its steps.
cdef struct WhatIfRange:
    int64_t now_ticks
    int64_t low_ticks
    int64_t high_ticks
    int64_t steps                # each way


cdef void write_whatif(State* state, Table* table, int64_t row, Holding* holding, WhatIf* found) noexcept nogil:
    put4(table, row, 0, holding.account)
    put8(table, row, 1, holding.position_lots)
    put8(table, row, 2, found.below_ticks)
    put8(table, row, 3, found.above_ticks)
    put8(table, row, 4, found.below_atoms)
    put8(table, row, 5, found.above_atoms)
    put1(table, row, 6, found.is_now)


cdef int64_t map_row(WhatIfRange* area, int64_t ticks) noexcept nogil:
    """The row of a price: ascending, the price now in the middle; a row's price is the far end of its step."""
    if ticks < area.now_ticks:
        return area.steps - ceil_div((area.now_ticks - ticks) * area.steps, area.now_ticks - area.low_ticks)
    return area.steps + ceil_div((ticks - area.now_ticks) * area.steps, area.high_ticks - area.now_ticks)


cdef int64_t map_ticks(WhatIfRange* area, int64_t row) noexcept nogil:
    """The price of a row."""
    if row < area.steps:
        return area.now_ticks - floor_div((area.now_ticks - area.low_ticks) * (area.steps - row), area.steps)
    return area.now_ticks + floor_div((area.high_ticks - area.now_ticks) * (row - area.steps), area.steps)


cdef void map_add(Table* table, int64_t row, int64_t atoms) noexcept nogil:
    """One account more in a row."""
    (<int64_t*>table_cell(table, row, 2))[0] += 1
    (<int64_t*>table_cell(table, row, 3))[0] = add_saturating((<int64_t*>table_cell(table, row, 3))[0], atoms)


cdef void map_note(State* state, Table* table, WhatIfRange* area, Market* market, Holding* holding, WhatIf* found) noexcept nogil:
    if found.is_now:
        map_add(table, area.steps, abs64(notional_atoms(market, holding.position_lots, area.now_ticks)))
        return
    if found.below_ticks != WHATIF_NONE:
        map_add(table, map_row(area, found.below_ticks), found.below_atoms)
    if found.above_ticks != WHATIF_NONE:
        map_add(table, map_row(area, found.above_ticks), found.above_atoms)


cdef class _WorldWhatIf(_WorldIssuers):
    """Ask what would be liquidated at which price; nothing changes."""

    cdef int whatif_range(self, object market, object low_ppm, object high_ppm, object steps, WhatIfRange* area) except -1:
        """Check the arguments of a question; returns the market's number."""
        cdef State* state = self.enter()
        cdef uint32_t number = self.market_number(market)
        cdef Market* row = market_at(state, number)
        cdef int64_t low = border_int(low_ppm, "low_ppm", 0, 1000000), high = border_int(high_ppm, "high_ppm", 0, WHATIF_PPM_MOST), far = 0
        area.steps = border_int(steps, "steps", 1, WHATIF_STEPS_MOST)
        if row.kind == MARKET_SPOT and row.collateral == NIL:
            raise bad_input("market", "a perpetual, or a spot market whose index prices collateral", market)
        area.now_ticks = row.index_ticks if row.kind == MARKET_SPOT else row.mark_ticks
        if area.now_ticks == NO_PRICE:
            raise bad_input("market", "a market whose " + ("index" if row.kind == MARKET_SPOT else "mark") + " is published", market)
        mul_div_floor(area.now_ticks, low, 1000000, &far)
        area.low_ticks = min(area.now_ticks, max(area.now_ticks - far, max(1, <int64_t>row.book.price_min)))
        mul_div_floor(area.now_ticks, high, 1000000, &far)
        area.high_ticks = max(area.now_ticks, min(area.now_ticks + far, <int64_t>row.book.price_max))
        return <int>number

    cdef int whatif_all(self, uint32_t number, WhatIfRange* area, Table* table, bint is_map) except -1:
        """Ask every unit that looks at the market; one row each, or counted in the rows of a map."""
        cdef State* state = &self.world.state
        cdef Probe probe = probe_of(state, number)
        cdef slot_t slot = market_at(state, number).holdings
        cdef WhatIf found
        cdef int64_t row = table.row_count
        cdef uint32_t asked = 0
        self.busy = True
        try:
            while slot != NIL and not state.fault:
                with nogil:
                    asked = 0
                    while slot != NIL and asked < WHATIF_BLOCK:
                        if is_exposed(state, holding_at(&state.accounts, slot)):
                            asked += 1
                            whatif_unit(state, &probe, holding_at(&state.accounts, slot), area.low_ticks, area.high_ticks, &found)
                            if is_map:
                                map_note(state, table, area, probe.market, holding_at(&state.accounts, slot), &found)
                            else:
                                row -= 1         # the market's newest holding comes first
                                write_whatif(state, table, row, holding_at(&state.accounts, slot), &found)
                        slot = holding_at(&state.accounts, slot).next_in_market
                PyErr_CheckSignals()
        finally:
            self.busy = False
        if state.fault:
            self.raise_fault()
        return 0

    def liquidation_prices(self, market, *, low_ppm=1000000, high_ppm=1000000):
        """Return for every account that a market's price can liquidate where it would be, all other prices fixed (rules C-8, W-1).

        Parameters
        ----------
        market : int
            A perpetual, whose mark is moved; or a spot market whose index prices collateral, and that is moved.
        low_ppm, high_ppm : int
            How far down and up to look, ppm of the price now.

        Returns
        -------
        ColumnTable
            ``account, lots`` (its position there); ``below_ticks, above_ticks``: the first price down and up from now at which it would be
            liquidated, -1 for none; ``below_atoms, above_atoms``: the notional of its position there (of an index: of all its positions, in
            the unit of account); ``is_now``: it is in liquidation, or beyond the boundary already. In the order in which the accounts
            came to the market.

        Raises
        ------
        InputError
            The market has no such price yet, or its index prices no collateral.

        Notes
        -----
        O(accounts in the market x log(range)). Exact: what the venue would compute at that price, all roundings included.
        """
        cdef WhatIfRange area
        cdef uint32_t number = <uint32_t>self.whatif_range(market, low_ppm, high_ppm, 1, &area)
        cdef State* state = &self.world.state
        cdef slot_t slot = market_at(state, number).holdings
        cdef int64_t count = 0
        cdef Table table
        while slot != NIL:
            count += is_exposed(state, holding_at(&state.accounts, slot))
            slot = holding_at(&state.accounts, slot).next_in_market
        open_table(&table, WHATIF_WIDTHS, 7, count)
        out = adopt_table(&table, WHATIF_NAMES, WHATIF_DTYPES)
        self.whatif_all(number, &area, &(<ColumnTable>out).table, False)
        return out

    def liquidation_map(self, market, *, low_ppm=500000, high_ppm=500000, steps=50):
        """Return how much would be liquidated at which price of a market, all other prices fixed (rule W-2).

        Parameters
        ----------
        market, low_ppm, high_ppm
            As for `liquidation_prices`.
        steps : int
            Rows on each side, 1 .. 100,000.

        Returns
        -------
        ColumnTable
            ``price_ticks, side, accounts, notional_atoms``, ascending: `steps` rows below the price now (side -1), one of the price now
            (side 0: in liquidation, or beyond the boundary already), `steps` above (side 1). A row's price is the far end of its step: it counts
            those whose first price lies there or nearer, and behind the row before. What liquidates both ways is counted on both sides.

        Raises
        ------
        InputError
            As `liquidation_prices`.

        Notes
        -----
        O(accounts in the market x log(range)).
        """
        cdef WhatIfRange area
        cdef uint32_t number = <uint32_t>self.whatif_range(market, low_ppm, high_ppm, steps, &area)
        cdef Table table
        cdef int64_t row
        open_table(&table, MAP_WIDTHS, 4, 2 * area.steps + 1)
        for row in range(table.row_count):
            put8(&table, row, 0, map_ticks(&area, row))
            put1(&table, row, 1, <uint8_t>((row > area.steps) - (row < area.steps)))
            put8(&table, row, 2, 0)
            put8(&table, row, 3, 0)
        out = adopt_table(&table, MAP_NAMES, MAP_DTYPES)
        self.whatif_all(number, &area, &(<ColumnTable>out).table, True)
        return out
