# World, replay: recorded orders and cancels as columns.

cdef dict _REPLAY_COLUMNS = {
    "time_ms": "int64", "kind": "uint8", "account": "int32", "market": "int32", "side": "int8", "price_ticks": "int32", "qty_lots": "int64",
    "is_market": "uint8", "immediate": "uint8", "ref": "int32",
}


cdef class _WorldReplay(_WorldHolders):
    """Put recorded data into a world."""

    def add_replay(self, columns):
        """Merge recorded orders and cancels into the run (rule T-6).

        Parameters
        ----------
        columns : mapping of str to array, each of shape (n,)
            ``time_ms`` int64 (ascending, from now on), ``kind`` uint8 (1 PLACE, 2 CANCEL), ``account``, ``market`` int32, ``side`` int8,
            ``price_ticks`` int32 (of a market order not looked at), ``qty_lots`` int64; of PLACE ``is_market``, ``immediate`` uint8; of CANCEL ``ref`` int32, the row that placed the
            order (its other columns are not looked at). The last three may be left out: limit orders, GTC, no cancels.

        Returns
        -------
        int
            Rows taken.

        Raises
        ------
        InputError
            Names the column; nothing was added. What the rules refuse is refused on arrival, as for any order.

        Notes
        -----
        O(n), 48 bytes a row; they are state, and in a snapshot.
        """
        cdef State* state = self.enter()
        cdef dict held = {}
        cdef int64_t n = -1, i
        if not hasattr(columns, "keys"):
            raise bad_input("columns", "a mapping from column names to arrays", type(columns).__name__)
        for name in columns.keys():
            if name not in _REPLAY_COLUMNS:
                raise bad_input(str(name), "one of the columns " + ", ".join(_REPLAY_COLUMNS), "an unknown column")
        for name, dtype in _REPLAY_COLUMNS.items():
            if name in columns:
                held[name] = border_column(columns[name], name, dtype, n)
                n = (<Column>held[name]).length
            elif name not in ("is_market", "immediate", "ref"):
                raise bad_input(name, f"a column of {dtype}", "nothing")
        if n >= NIL >> 1:
            raise bad_input("time_ms", "fewer than 2**31 rows", n)
        cdef bytes buffer = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>(n * sizeof(ReplayRow)))
        cdef ReplayRow* rows = <ReplayRow*>PyBytes_AS_STRING(buffer)
        memset(rows, 0, <size_t>n * sizeof(ReplayRow))
        self.fill_replay(rows, n, held)
        if n == 0:
            return 0
        if slab_reserve(&state.replay_rows, <uint32_t>n) or slab_reserve(&state.replays, 1):
            raise MemoryError("World.add_replay: no memory")
        cdef uint32_t number = slab_take(&state.replays)
        cdef Replay* replay = replay_at(state, number)
        replay.first = state.replay_rows.count
        replay.count = <uint32_t>n
        replay.next = 0
        memcpy(slab_at(&state.replay_rows, replay.first), rows, <size_t>n * sizeof(ReplayRow))
        state.replay_rows.count += <uint32_t>n
        replay_expect(state, number)
        return n

    cdef int fill_replay(self, ReplayRow* rows, int64_t n, dict held) except -1:
        """Check every row and write it."""
        cdef State* state = &self.world.state
        cdef const int64_t* time_ms = <const int64_t*>(<Column>held["time_ms"]).data
        cdef const uint8_t* kind = <const uint8_t*>(<Column>held["kind"]).data
        cdef const int32_t* account = <const int32_t*>(<Column>held["account"]).data
        cdef const int32_t* market = <const int32_t*>(<Column>held["market"]).data
        cdef const int8_t* side = <const int8_t*>(<Column>held["side"]).data
        cdef const int32_t* price = <const int32_t*>(<Column>held["price_ticks"]).data
        cdef const int64_t* qty = <const int64_t*>(<Column>held["qty_lots"]).data
        cdef const uint8_t* is_market = <const uint8_t*>(<Column>held["is_market"]).data if "is_market" in held else NULL
        cdef const uint8_t* immediate = <const uint8_t*>(<Column>held["immediate"]).data if "immediate" in held else NULL
        cdef const int32_t* ref = <const int32_t*>(<Column>held["ref"]).data if "ref" in held else NULL
        cdef time_ms_t before = state.now_ms
        cdef int64_t i
        for i in range(n):
            if time_ms[i] < before or time_ms[i] > TIME_MAX >> 1:
                raise bad_input("time_ms", f"times from {state.now_ms} ms on that never fall", f"{time_ms[i]} in row {i}")
            before = rows[i].time_ms = time_ms[i]
            rows[i].kind = kind[i]
            if kind[i] == KIND_CANCEL:
                if ref == NULL or not 0 <= ref[i] < i or kind[ref[i]] != KIND_PLACE:
                    raise bad_input("ref", "an earlier row that places", f"{'nothing' if ref == NULL else ref[i]} in row {i}")
                rows[i].ref = ref[i]
                continue
            if kind[i] != KIND_PLACE:
                raise bad_input("kind", "1 (PLACE) or 2 (CANCEL)", f"{kind[i]} in row {i}")
            if side[i] != SIDE_BUY and side[i] != SIDE_SELL:
                raise bad_input("side", "BUY (1) or SELL (-1)", f"{side[i]} in row {i}")
            rows[i].account = self.trader_number(account[i])
            rows[i].market = <uint16_t>self.market_number(market[i])
            self.check_venue(<uint32_t>account[i], rows[i].market)
            rows[i].side = side[i]
            rows[i].price_ticks = price[i]
            rows[i].qty_lots = qty[i]
            if is_market != NULL and is_market[i]:
                rows[i].flags = ORDER_IS_MARKET
                rows[i].price_ticks = 0          # as `send_order` writes it into the journal
            elif immediate != NULL and immediate[i]:
                rows[i].flags = ORDER_IS_IOC
        return 0
