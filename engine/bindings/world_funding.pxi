# World, funding: how a perpetual's longs and shorts pay one another.

cdef dict _FUNDING_ON = {"mark": 0, "oracle": 1}


cdef class _WorldFunding(_WorldColumns):
    """Declare funding, and read it."""

    def add_funding(self, market, *, every_ms, impact_atoms, sample_ms=5000, interest_ppb=100000, clamp_ppb=500000, cap_ppb=1000000000, on="mark",
                    first_ms=None):
        """Let a perpetual settle funding at its time, all positions at once (rules F-1 .. F-6).

        Parameters
        ----------
        market : int
            A perpetual without funding; a rate from `set_funding` stands until the first settlement.
        every_ms : int
            From one settlement to the next, ms.
        impact_atoms : int
            What a premium sample sells into the bids and buys from the asks, quote atoms.
        sample_ms : int
            Cadence of the samples, ms.
        interest_ppb : int
            Interest per 8 h, 10**-9, within one.
        clamp_ppb : int
            How far it may pull the rate from the premium, either way, 10**-9.
        cap_ppb : int
            Largest rate of one settlement, either way, 10**-9, at most one.
        on : {"mark", "oracle"}
            Price of the payments; the premium is measured against the index, or against the oracle too.
        first_ms : int, optional
            The first settlement, ms, after now; by default the next whole multiple of `every_ms`.

        Raises
        ------
        InputError
            Names the field; nothing has changed.

        Notes
        -----
        O(1) here, O(levels met) a sample, O(positions of the market) a settlement. `engine.funding` has presets.
        """
        cdef State* state = self.enter()
        cdef Funding draft
        cdef time_ms_t first
        memset(&draft, 0, sizeof(Funding))
        draft.market = self.perpetual_number(market)
        draft.every_ms = border_int(every_ms, "every_ms", 1, _MS_MOST)
        draft.impact_atoms = border_int(impact_atoms, "impact_atoms", 1, <int64_t>1 << 61)
        draft.sample_ms = border_int(sample_ms, "sample_ms", 1, _MS_MOST)
        draft.interest_ppb = border_int(interest_ppb, "interest_ppb", -PPB, PPB)
        draft.clamp_ppb = border_int(clamp_ppb, "clamp_ppb", 0, PPB)
        draft.cap_ppb = border_int(cap_ppb, "cap_ppb", 0, PPB)
        draft.on_oracle = <uint32_t>border_word_of(on, "on", _FUNDING_ON)
        first = (floor_div(state.now_ms, draft.every_ms) + 1) * draft.every_ms
        if first_ms is not None:
            first = border_int(first_ms, "first_ms", state.now_ms + 1, TIME_MAX >> 1)
        if funding_of(state, draft.market) != NIL:
            raise bad_input("market", "one without funding", market)
        if slab_reserve(&state.fundings, 1):
            raise MemoryError("World.add_funding: no memory")
        funding_begin(state, &draft, first)
        if state.fault:
            self.raise_fault()

    def funding(self, market):
        """Return the funding of a perpetual (rules F-2, F-3).

        Parameters
        ----------
        market : int
            Which.

        Returns
        -------
        rate_ppb : int
            The last settlement's rate, 10**-9; above 0 longs paid. 0 before the first.
        next_ms : int or None
            When the next one is, ms.
        pool_atoms : int
            What rounding has left in the market's pool.
        """
        cdef State* state = self.enter()
        cdef Market* row = market_at(state, self.perpetual_number(market))
        return row.funding_ppb, row.funding_next_ms if row.funding_every_ms else None, row.funding_pool
