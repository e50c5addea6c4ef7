# World, breakers: which markets halt after a fall, and where they stand.


cdef class _WorldBreakers(_WorldFunding):
    """Declare circuit breakers, and read them."""

    def add_breaker(self, market, *, fall_ppm, within_ms, halt_ms):
        """Let a market halt after a fall: it refuses orders for a while, and cancels pass (rule V-9).

        Parameters
        ----------
        market : int
            A market without a breaker.
        fall_ppm : int
            The fall of a trade below the reference price that halts, ppm, 1 .. 999,999.
        within_ms : int
            How long a trade counts for the reference price at least, ms: the highest trade price of so long, and of up to an eighth more.
        halt_ms : int
            How long a halt is, ms.

        Raises
        ------
        InputError
            Names the field; nothing has changed.

        Notes
        -----
        O(1) here and a trade. Trades before it do not count.
        """
        cdef State* state = self.enter()
        cdef uint32_t number = self.market_number(market)
        cdef int64_t fall = border_int(fall_ppm, "fall_ppm", 1, BREAKER_ONE_PPM - 1)
        cdef time_ms_t within = border_int(within_ms, "within_ms", 1, _MS_MOST)
        cdef time_ms_t halt = border_int(halt_ms, "halt_ms", 1, _MS_MOST)
        cdef slot_t slot
        if market_at(state, number).breaker != NIL:
            raise bad_input("market", "one without a breaker", market)
        if slab_reserve(&state.breakers, 1):
            raise MemoryError("World.add_breaker: no memory")
        slot = slab_take(&state.breakers)
        breaker_init(breaker_at(state, slot), fall, within, halt)
        market_at(state, number).breaker = slot

    def breaker(self, market):
        """Return where a market's breaker stands (rule V-9).

        Parameters
        ----------
        market : int
            Which.

        Returns
        -------
        reference_ticks : int or None
            The highest trade price that counts now, ticks; None without one, or without a breaker.
        halted_until_ms : int or None
            When orders are taken again, ms; None if it is not halted.
        """
        cdef State* state = self.enter()
        cdef Market* row = market_at(state, self.market_number(market))
        cdef Breaker* breaker
        cdef int64_t reference
        if row.breaker == NIL:
            return None, None
        breaker = breaker_at(state, row.breaker)
        reference = breaker_reference(breaker, state.now_ms)
        return None if reference == BREAKER_NONE else reference, breaker.until_ms if breaker_is_halted(breaker, state.now_ms) else None
