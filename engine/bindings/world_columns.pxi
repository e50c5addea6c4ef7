# World, columns: deposits, balanced trades and marks for very many accounts in one call.

cdef int64_t wrong_mark(State* state, const int64_t* times_ms, const uint16_t* markets, const int64_t* ticks, int64_t count) noexcept nogil:
    """The first row of mark_rounds that is refused, `count` if none is. O(rows)."""
    cdef int64_t i, least_ms = state.now_ms
    for i in range(count):
        if not least_ms <= times_ms[i] <= TIME_MAX >> 1 or not 1 <= ticks[i] <= PRICE_MOST or markets[i] >= state.markets.count \
                or market_at(state, markets[i]).kind != MARKET_PERPETUAL:
            return i
        least_ms = times_ms[i]
    return count


cdef enum:
    WRITE_AHEAD = 6              # rows between the stages of write_ahead


# Fetch what the writes to `accounts` after row i will read, stage by stage, each behind what the one before has brought: the account's
# rows; its unit, balance and first position; that one's triggers and the next position; their neighbours. Rows may be wrong yet. O(1).
cdef inline void write_ahead(State* state, const int32_t* accounts, int64_t i, int64_t count) noexcept nogil:
    cdef int64_t stage, row
    cdef int side
    cdef Account* account
    cdef Holding* holding
    cdef Trigger* trigger
    for stage in range(1, 5):
        row = i + stage * WRITE_AHEAD
        if row >= count or not 0 <= accounts[row] < <int64_t>state.ledger.account_count:
            continue
        account = account_at(&state.accounts, <uint32_t>accounts[row])
        if stage == 4:
            prefetch(account)
            prefetch(purse_at(&state.ledger, <uint32_t>accounts[row]))
            continue
        if account.holdings == NIL:
            continue
        holding = holding_at(&state.accounts, account.holdings)
        if stage == 3:
            prefetch(holding)
            prefetch(balance_row(&state.ledger, purse_at(&state.ledger, <uint32_t>accounts[row]).first))
            if account.units != NIL:
                prefetch(unit_of_state(state, account.units))
            continue
        for side in range(2):
            if holding.trigger[side] == NIL:
                continue
            trigger = trigger_at(&state.risk.triggers, holding.trigger[side])
            if stage == 2:
                prefetch(trigger)
                continue
            if trigger.next != NIL:
                prefetch(trigger_at(&state.risk.triggers, trigger.next))
            if trigger.prev != NIL:
                prefetch(trigger_at(&state.risk.triggers, trigger.prev))
        if stage == 2 and holding.next_of_account != NIL:
            prefetch(holding_at(&state.accounts, holding.next_of_account))
    keep()


cdef class _WorldColumns(_WorldMargin):
    """Write to many accounts, and publish many marks, at once."""

    def deposits(self, accounts, asset, atoms):
        """Bring atoms of one asset to many accounts.

        Parameters
        ----------
        accounts : numpy.ndarray of int32, shape (n,)
            Whereto.
        asset : int
            Of what.
        atoms : numpy.ndarray of int64, shape (n,)
            Amounts, at least 1; together at most what the asset's supply has left.

        Raises
        ------
        InputError
            Names the row; nothing has moved.
        """
        cdef State* state = self.enter()
        cdef Column whom = border_column(accounts, "accounts", "int32", -1)
        cdef Column amounts = border_column(atoms, "atoms", "int64", whom.length)
        cdef const int32_t* whom_ = <const int32_t*>whom.data
        cdef const int64_t* amounts_ = <const int64_t*>amounts.data
        cdef uint32_t asset_ = self.asset_number(asset, "asset")
        cdef int64_t i, left = asset_at(&state.ledger, asset_).supply_max - asset_at(&state.ledger, asset_).net_deposits
        cdef int fault = 0
        for i in range(whom.length):
            if not 0 <= whom_[i] < <int64_t>state.ledger.account_count:
                raise bad_input(f"accounts[{i}]", f"an account below {state.ledger.account_count}", whom_[i])
            if account_at(&state.accounts, <uint32_t>whom_[i]).is_closed:
                raise bad_input(f"accounts[{i}]", "an account that is no pool's", whom_[i])
            if not 1 <= amounts_[i] <= left:
                raise bad_input(f"atoms[{i}]", f"1 to the {left} atoms that the asset's supply has left", amounts_[i])
            left -= amounts_[i]
        with nogil:
            for i in range(whom.length):
                write_ahead(state, whom_, i, whom.length)
                fault = fault or funds_deposit(state, <uint32_t>whom_[i], asset_, amounts_[i])
        if fault:
            state.fault = FAULT_NO_MEMORY
        if state.fault:
            self.raise_fault()

    def open_trades(self, markets, buyers, sellers, qty_lots, price_ticks):
        """Open positions as balanced trades outside the book, without fees (rule L-9), row by row.

        Parameters
        ----------
        markets : numpy.ndarray of uint16, shape (n,)
            Perpetuals.
        buyers, sellers : numpy.ndarray of int32, shape (n,)
            Accounts at the market's venue.
        qty_lots, price_ticks : numpy.ndarray of int64, shape (n,)
            Lots and prices.

        Raises
        ------
        InputError
            Names the row and what is wrong with it; the rows before it are open.

        Notes
        -----
        O(markets of both accounts) a row.
        """
        cdef State* state = self.enter()
        cdef Column market = border_column(markets, "markets", "uint16", -1)
        cdef Column buyer = border_column(buyers, "buyers", "int32", market.length), seller = border_column(sellers, "sellers", "int32", market.length)
        cdef Column lots = border_column(qty_lots, "qty_lots", "int64", market.length)
        cdef Column price = border_column(price_ticks, "price_ticks", "int64", market.length)
        cdef int64_t i, done = 0
        cdef int fault = OPENING_GOOD
        cdef bint seller_is_wrong = 0
        cdef const uint16_t* market_ = <const uint16_t*>market.data
        cdef const int32_t* buyer_ = <const int32_t*>buyer.data
        cdef const int32_t* seller_ = <const int32_t*>seller.data
        cdef const int64_t* lots_ = <const int64_t*>lots.data
        cdef const int64_t* price_ = <const int64_t*>price.data
        with nogil:
            for i in range(market.length):
                write_ahead(state, buyer_, i, market.length)
                write_ahead(state, seller_, i, market.length)
                fault = opening_fault(state, market_[i], <uint32_t>buyer_[i], <uint32_t>seller_[i], lots_[i], price_[i], &seller_is_wrong)
                if fault or state.fault:
                    break
                opening_make(state, market_[i], <uint32_t>buyer_[i], <uint32_t>seller_[i], lots_[i], price_[i])
                done += 1
            openings_end(state)
        if state.fault:
            self.raise_fault()
        if fault:
            error = self.opening_error(fault, market_[done], seller_is_wrong, (market_[done], buyer_[done], seller_[done], lots_[done], price_[done]))
            raise bad_input(f"{error.field}[{done}]", error.expected, error.was)

    def mark_rounds(self, times_ms, markets, price_ticks):
        """Publish marks from outside, millisecond by millisecond, and run what follows (rule P-14).

        Parameters
        ----------
        times_ms : numpy.ndarray of int64, shape (n,)
            When, not falling, from now on; what has one time is published together, in phase 2.
        markets : numpy.ndarray of uint16, shape (n,)
            Perpetuals.
        price_ticks : numpy.ndarray of int64, shape (n,)
            Marks, 1 to 2**31 - 1.

        Returns
        -------
        int
            Events that ran, up to the last of these times.

        Raises
        ------
        InputError
            Names the row; nothing was published.
        """
        cdef State* state = self.enter()
        cdef Column when = border_column(times_ms, "times_ms", "int64", -1)
        cdef Column market = border_column(markets, "markets", "uint16", when.length), price = border_column(price_ticks, "price_ticks", "int64", when.length)
        cdef const int64_t* when_ = <const int64_t*>when.data
        cdef const uint16_t* market_ = <const uint16_t*>market.data
        cdef const int64_t* price_ = <const int64_t*>price.data
        cdef int64_t i, j, ran = 0
        for i in range(state.agents.count):
            if agent_at(state, <uint32_t>i).behaviour == BEHAVIOUR_PYTHON:
                raise bad_input("times_ms", "a world without Python agents: publish and run there", "one with them")
        for i in range(state.policies.count):
            if policy_at(state, <uint32_t>i).adl == ADL_PYTHON:
                raise bad_input("times_ms", "a world without ADL by a Python function: publish and run there", f"one at venue {i}")
        i = wrong_mark(state, when_, market_, price_, when.length)
        if i < when.length:
            self.perpetual_number(market_[i])
            border_int(when_[i], f"times_ms[{i}]", state.now_ms if i == 0 else when_[i - 1], TIME_MAX >> 1)
            border_int(price_[i], f"price_ticks[{i}]", 1, PRICE_MOST)
        self.busy = True
        try:
            i = 0
            while i < when.length and not state.fault and not self.world.has_call:
                j = min(when.length, i + 65536)
                while j < when.length and when_[j] == when_[j - 1]:
                    j += 1
                with nogil:
                    ran += marks_from_outside(&self.world, when_ + i, market_ + i, price_ + i, j - i)
                i = j
                PyErr_CheckSignals()
        finally:
            self.busy = False
        if state.fault:
            self.raise_fault()
        return ran
