# World, state: the slabs, faults and counts.


cdef enum:
    POLL_EVENTS = 4096           # events between two looks at Ctrl-C
    TABLE_SHIFT = 13             # rows of a table's chunk: 8,192

cdef dict _FAULT_TEXTS = {
    FAULT_NO_MEMORY: "no memory", FAULT_BOOK: "a book is inconsistent", FAULT_CONSERVATION: "an asset's balances do not sum to its deposits (L-2)",
    FAULT_POSITIONS: "positions or costs of a market do not sum to zero (L-7)", FAULT_EVENT: "an event that nothing handles",
    FAULT_RESERVED: "a reserved amount that is not what the orders reserve (V-1)", FAULT_ROWS: "an account's rows of balances are out of order (L-1)",
    FAULT_WORKING: "an account's resting lots or atoms are not those of its orders (U-10)",
    FAULT_MARGIN: "a unit whose state, or whose triggers, are not what its evaluation says (C-4, E-1)",
    FAULT_LENDING: "a reserve owes more than it has, or a loan's level or triggers are not what its evaluation says (Y-20, Y-21)",
    FAULT_POOLS: "a pool's balances are not what its account has (Z-16)",
    FAULT_ISSUERS: "what is on its way, or a token's supply, is not what routes and issuers say (K-1, I-3)",
}
cdef dict _SNAPSHOT_TEXTS = {
    SNAPSHOT_SHORT: "it is too short", SNAPSHOT_FOREIGN: "it is no snapshot of this engine", SNAPSHOT_OTHER_VERSION: "it has another snapshot version",
    SNAPSHOT_OTHER_LAYOUT: "it was written by a build with another layout", SNAPSHOT_LENGTH: "its length does not agree with its content",
    SNAPSHOT_DAMAGED: "its checksum does not agree with its content",
}


cdef double border_float(object value, str field, double low, double high) except? -1.0:
    """A finite number between two bounds, both included."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(value, (bool, str)) or not low <= number <= high:
        raise bad_input(field, f"a number between {low} and {high}", value)
    return number


cdef class _WorldState:
    """Own one world's slabs; refuse a second user and a faulty world."""

    cdef WorldData world
    cdef bint busy

    def __cinit__(self, seed=None, *, stage_ppm=250000, stage_lots_min=1, stage_interval_ms=1000, depth_every_ms=0,
                  record_trades=True, record_journal=True):
        cdef State* state = &self.world.state
        memset(&self.world, 0, sizeof(self.world))
        if seed is None:             # restore() fills it in
            return
        state.seed = border_word(seed, "seed")
        cdef time_ms_t samples_every_ms = border_int(depth_every_ms, "depth_every_ms", 0, TIME_MAX >> 20)
        state.records_trades = bool(record_trades)
        state.records_journal = bool(record_journal)
        state.phase = 0
        if pools_init(&state.pools, 0, 0, TRADE_WIDTHS, TRADE_COLUMNS, TABLE_SHIFT) or lineage_init(&state.lineage):
            raise MemoryError("World: no memory")
        ledger_init(&state.ledger)
        accounts_init(&state.accounts)
        risk_init(&state.risk)
        crowds_init(&state.crowds)
        queue_init(&state.queue, 0, PHASE_ORDERS, False)
        slab_init(&state.markets, sizeof(Market), 0)
        slab_init(&state.fundings, sizeof(Funding), 0)
        slab_init(&state.publications, sizeof(Publication), sizeof(Publication) - 4)
        slab_init(&state.oracles, sizeof(Oracle), 0)
        feeds_init(&state.feeds)
        slab_init(&state.venues, sizeof(Venue), 0)
        slab_init(&state.policies, sizeof(Policy), 0)
        slab_init(&state.runs, sizeof(Run), 0)
        slab_init(&state.sell_order, 4, 0)
        slab_init(&state.roster, 4, 0)
        lending_init(&state.lending)
        pools_begin(&state.amm)
        issuers_begin(&state.issuers)
        slab_init(&state.chains, sizeof(Chain), 0)
        slab_init(&state.actions, sizeof(Action), <uint32_t><size_t>&(<Action*>NULL).next)
        slab_init(&state.breakers, sizeof(Breaker), 0)
        slab_init(&state.agents, sizeof(Agent), 0)
        slab_init(&state.laws, sizeof(Law), 0)
        slab_init(&state.notices, sizeof(Notice), 0)
        slab_init(&state.mass_quotes, sizeof(MassQuote), 0)
        slab_init(&state.quotes, sizeof(Quote), 0)
        slab_init(&state.watchers, sizeof(Watcher), 0)
        slab_init(&state.replays, sizeof(Replay), 0)
        slab_init(&state.replay_rows, sizeof(ReplayRow), 0)
        for behaviour, size, _, _ in _BEHAVIOURS.values():
            slab_init(&state.rows[<int>behaviour], size, 0)
        self.new_venue(stage_ppm, stage_lots_min, stage_interval_ms, 0)
        table_init(&state.journal, JOURNAL_WIDTHS, JOURNAL_COLUMNS, TABLE_SHIFT)
        table_init(&state.prices, PRICE_WIDTHS, PRICE_COLUMNS, TABLE_SHIFT)
        table_init(&state.depth, DEPTH_WIDTHS, DEPTH_COLUMNS, TABLE_SHIFT)
        recorder_open(&state.recorder)
        sample_every(state, SAMPLE_SUMMARY, samples_every_ms)

    cdef uint32_t new_venue(self, object stage_ppm, object stage_lots_min, object stage_interval_ms, object service_us) except? 0xFFFFFFFF:
        cdef State* state = &self.world.state
        cdef Venue row
        cdef Policy policy
        memset(&row, 0, sizeof(Venue))
        memset(&policy, 0, sizeof(Policy))
        policy.takeover_ppm = -1
        policy.unwind_ms = 1000
        policy.unwind_ppm = 250000
        policy.unwind_band_ppm = 10000
        policy.backstop = policy.first_sold = NIL
        policy.stage_ppm = border_int(stage_ppm, "stage_ppm", 0, 1000000)
        policy.stage_lots_min = border_int(stage_lots_min, "stage_lots_min", 1, INT64_MAX_)
        policy.interval_ms = border_int(stage_interval_ms, "stage_interval_ms", 1, TIME_MAX >> 20)
        row.service_us = border_int(service_us, "service_us", 0, 1000000000)
        row.has_gateway = row.service_us > 0
        if state.venues.count >= VENUES_MAX:
            raise bad_input("venue", f"at most {VENUES_MAX} venues", "another one")
        if slab_reserve(&state.venues, 1) or slab_reserve(&state.risk.rules, 1) or slab_reserve(&state.policies, 1) or slab_reserve(&state.chains, 1):
            raise MemoryError("World: no memory for another venue")
        cdef uint32_t number = slab_take(&state.venues)
        venue_at(state, number)[0] = row
        policy_at(state, slab_take(&state.policies))[0] = policy
        slab_take(&state.chains)
        memset(chain_at(state, number), 0, sizeof(Chain))
        chain_at(state, number).first = chain_at(state, number).last = NIL
        rules_begin(rules_at(&state.risk, slab_take(&state.risk.rules)))
        return number

    def __dealloc__(self):
        world_release(&self.world)

    cdef State* enter(self) except NULL:
        if self.busy:
            raise RuntimeError("World is running in another call (it is not re-entrant)")
        if self.world.state.fault:
            self.raise_fault()
        return &self.world.state

    cdef int raise_fault(self) except -1:
        cdef int fault = self.world.state.fault
        text = _FAULT_TEXTS.get(fault, "an unknown fault")
        if fault == FAULT_NO_MEMORY:
            raise MemoryError(f"World at {self.world.state.now_ms} ms: {text}; it refuses to go on")
        raise _invariant_error(f"World at {self.world.state.now_ms} ms: {text}; it refuses to go on. {self.counts()!r}")

    def counts(self):
        """Return what has happened so far.

        Returns
        -------
        dict
            ``events, orders, cancels, cancel_misses, mass_quotes, notices, trades, forced, pending``; `forced` are the orders of liquidations. And ``rejects`` by reason number.
        """
        cdef State* state = &self.world.state
        cdef uint32_t m
        trades = 0
        for m in range(state.markets.count):
            trades += market_at(state, m).book.trade_count
        return {
            "events": state.event_count, "orders": state.order_count, "cancels": state.cancel_count,
            "cancel_misses": state.cancel_miss_count, "mass_quotes": state.mass_quote_count, "notices": state.notice_count,
            "trades": trades, "forced": state.forced_count, "pending": state.queue.pending_count,
            "rejects": {reason: state.reject_count[reason] for reason in range(64) if state.reject_count[reason]},
        }
