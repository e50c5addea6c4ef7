# World, tables: which are on, showing them, and taking their oldest chunks out of memory.

from engine.native.columns cimport *
from engine.native.recorder cimport *
from engine.native.rows cimport *
from engine.native.samples cimport *

cdef enum:
    ROWS_RESIDENT = 1 << 17      # default of World.spill: with every table on some 70 MB, and 100 ms to close after Ctrl-C


cdef bint border_switch(object value, str field, bint now) except? 1:
    """True or False, and None for what it is now."""
    if value is None:
        return now
    if not isinstance(value, bool):
        raise bad_input(field, "True or False", value)
    return value


cdef class _WorldTables(_WorldState):
    """Record tables, show them, spill them."""

    cdef dict lent               # by table: weak references to the ColumnTables that show its chunks
    cdef object store            # engine.spill.Store once `spill` was called
    cdef bint spills             # rows still go there
    cdef int64_t rows_resident
    cdef int64_t rows_written    # of all tables, at the last look

    def record(self, *, trades=None, journal=None, orders=None, quotes=None, quote_sizes=None, last=None, mid_every_ms=None,
               depth_every_ms=None, depth_levels=None, samples_every_ms=None, accounts_every_ms=None, accounts=None,
               movements=None, waterfall=None, actions=None):
        """Say which tables are written from now on; what is not named stays as it is.

        Parameters
        ----------
        trades, journal : bool
            On at the start.
        orders : bool
            A row when an order arrives, is cancelled, or is missed by a cancel.
        quotes : bool
            A row when a market's best bid or ask changes.
        quote_sizes : bool
            And when the lots at a best price change.
        last : bool
            A row of kind 4 in ``prices`` when the last price changes.
        mid_every_ms : int
            Cadence of rows of kind 5 (mid) in ``prices``, ms; here and below 0 is off.
        depth_every_ms, depth_levels : int
            Cadence of ``depth``, and how many best levels a side (10 until said otherwise).
        samples_every_ms : int
            Cadence of ``samples``, the touch and prices of each market; `World`'s own ``depth_every_ms``.
        accounts_every_ms : int
            Cadence of ``accounts``.
        accounts : str
            ``"positions"``, accounts that hold one (the start), or ``"all"``.
        movements : bool
            A row for each move of atoms in the ledger.
        waterfall : bool
            A row for what happens in liquidations (rule X-15).
        actions : bool
            A row for each action that is executed, done or refused (rule B-6).

        Raises
        ------
        InputError
            A value of the wrong kind; nothing has changed.

        Notes
        -----
        Recording changes no run: the digest is the same. A cadence looks in phase 9, at its whole multiples.
        The columns are in ``docs/tables.md``.
        """
        cdef State* state = self.enter()
        cdef Recorder* recorder = &state.recorder
        cdef uint32_t touch = 0
        cdef bint trades_ = border_switch(trades, "trades", state.records_trades)
        cdef bint journal_ = border_switch(journal, "journal", state.records_journal)
        cdef bint orders_ = border_switch(orders, "orders", recorder.records_orders)
        cdef bint movements_ = border_switch(movements, "movements", recorder.records_movements)
        cdef bint waterfall_ = border_switch(waterfall, "waterfall", recorder.records_waterfall)
        cdef bint actions_ = border_switch(actions, "actions", recorder.records_actions)
        touch |= TOUCH_PRICES * border_switch(quotes, "quotes", (recorder.touch & TOUCH_PRICES) != 0)
        touch |= TOUCH_LOTS * border_switch(quote_sizes, "quote_sizes", (recorder.touch & TOUCH_LOTS) != 0)
        touch |= TOUCH_LAST * border_switch(last, "last", (recorder.touch & TOUCH_LAST) != 0)
        cdef time_ms_t mid_ = self.cadence(mid_every_ms, "mid_every_ms", SAMPLE_MID)
        cdef time_ms_t depth_ = self.cadence(depth_every_ms, "depth_every_ms", SAMPLE_LEVELS)
        cdef time_ms_t samples_ = self.cadence(samples_every_ms, "samples_every_ms", SAMPLE_SUMMARY)
        cdef time_ms_t accounts_ = self.cadence(accounts_every_ms, "accounts_every_ms", SAMPLE_ACCOUNTS)
        cdef uint32_t levels = recorder.depth_levels
        cdef bint all_accounts = recorder.all_accounts
        if depth_levels is not None:
            levels = <uint32_t>border_int(depth_levels, "depth_levels", 1, 65535)
        if accounts is not None:
            if accounts not in ("positions", "all"):
                raise bad_input("accounts", "'positions' or 'all'", accounts)
            all_accounts = accounts == "all"
        if touch & TOUCH_LOTS and not touch & TOUCH_PRICES:
            raise bad_input("quote_sizes", "quotes to be recorded too", "quotes=False")
        state.records_trades = trades_
        state.records_journal = journal_
        recorder.records_orders = orders_
        recorder.records_movements = movements_
        recorder.records_waterfall = waterfall_
        recorder.records_actions = actions_
        recorder.touch = touch
        recorder.depth_levels = levels
        recorder.all_accounts = all_accounts
        sample_every(state, SAMPLE_MID, mid_)
        sample_every(state, SAMPLE_LEVELS, depth_)
        sample_every(state, SAMPLE_SUMMARY, samples_)
        sample_every(state, SAMPLE_ACCOUNTS, accounts_)

    cdef time_ms_t cadence(self, object every_ms, str field, int kind) except? -1:
        if every_ms is None:
            return self.world.state.recorder.every_ms[kind]
        return border_int(every_ms, field, 0, TIME_MAX >> 20)

    def recording(self):
        """Return what `record` has set, by the names of its parameters."""
        cdef State* state = self.enter()
        cdef Recorder* recorder = &state.recorder
        return {
            "trades": bool(state.records_trades), "journal": bool(state.records_journal), "orders": bool(recorder.records_orders),
            "quotes": (recorder.touch & TOUCH_PRICES) != 0, "quote_sizes": (recorder.touch & TOUCH_LOTS) != 0,
            "last": (recorder.touch & TOUCH_LAST) != 0, "mid_every_ms": recorder.every_ms[SAMPLE_MID],
            "depth_every_ms": recorder.every_ms[SAMPLE_LEVELS], "depth_levels": recorder.depth_levels,
            "samples_every_ms": recorder.every_ms[SAMPLE_SUMMARY], "accounts_every_ms": recorder.every_ms[SAMPLE_ACCOUNTS],
            "accounts": "all" if recorder.all_accounts else "positions", "movements": bool(recorder.records_movements), "waterfall": bool(recorder.records_waterfall),
            "actions": bool(recorder.records_actions),
        }

    cdef set recorded_tables(self):
        """The names of the tables that are on; ``prices`` is always."""
        cdef State* state = &self.world.state
        cdef Recorder* recorder = &state.recorder
        switches = {
            "trades": state.records_trades, "journal": state.records_journal, "orders": recorder.records_orders,
            "quotes": recorder.touch & TOUCH_PRICES, "depth": recorder.every_ms[SAMPLE_LEVELS],
            "samples": recorder.every_ms[SAMPLE_SUMMARY], "accounts": recorder.every_ms[SAMPLE_ACCOUNTS],
            "movements": recorder.records_movements, "waterfall": recorder.records_waterfall, "actions": recorder.records_actions, "prices": True,
        }
        return {name for name, is_on in switches.items() if is_on}

    def table_names(self):
        """Return the names of the tables that are recorded or have rows, in a fixed order."""
        cdef State* state = self.enter()
        recorded = self.recorded_tables()
        return [name for name in _WORLD_TABLES if name in recorded or world_table(state, name).row_count]

    def table(self, name):
        """Return a table as it stands; rows written later do not appear in it.

        Parameters
        ----------
        name : str
            ``trades``, ``orders``, ``quotes``, ``depth``, ``samples``, ``prices``, ``accounts``, ``movements``, ``waterfall``, ``actions`` or ``journal``; the
            columns are in ``docs/tables.md``.

        Returns
        -------
        ColumnTable
            In the order of happening; empty if the table is off.
        """
        if name not in _WORLD_TABLES:
            raise bad_input("name", "one of " + ", ".join(_WORLD_TABLES), name)
        return self.lend(name)

    def table_memory(self):
        """Return by table's name (rows, rows in memory, bytes in memory)."""
        cdef State* state = self.enter()
        cdef Table* table
        memory = {}
        for name in _WORLD_TABLES:
            table = world_table(state, name)
            memory[name] = (table.row_count, table.row_count - (table.spilled_count << table.shift),
                            ((table.chunk_count - table.spilled_count) << table.shift) * table.row_bytes)
        return memory

    cdef ColumnTable lend(self, str name):
        """Show a table and remember who looks at its chunks."""
        cdef Table* table = world_table(self.enter(), name)
        cdef ColumnTable shown
        names, dtypes, nulls = _WORLD_TABLES[name]
        shown = lend_table(self, table, names, dtypes, nulls)
        if table.spilled_count:
            shown.past = self.store.past(name, table.spilled_count << table.shift)
        self.remember(name, shown)
        return shown

    cdef int remember(self, str name, ColumnTable shown) except -1:
        import weakref
        if self.lent is None:
            self.lent = {}
        alive = [seen for seen in self.lent.get(name, ()) if seen() is not None]
        self.lent[name] = [*alive, weakref.ref(shown)]
        return 0

    def spill(self, folder, *, rows_resident=ROWS_RESIDENT):
        """Keep memory flat: tables hand their oldest rows to Parquet files as the run goes.

        Parameters
        ----------
        folder : str or path-like
            Made if need be. Each table that has rows or is recorded becomes ``NAME.parquet`` in it when the spill is closed; until
            then it stands there under a temporary name.
        rows_resident : int
            Rows of a table that may stay in memory, at least 1; what is taken out is always whole chunks of 8,192 rows, looked
            at every 4,096 events.

        Returns
        -------
        engine.spill.Spill
            To be closed, or used in a ``with``: then the files are whole after an exception or Ctrl-C too. A spill that is never
            closed leaves no file.

        Raises
        ------
        InputError
            The world has a spill already, or a value is of the wrong kind.
        ImportError
            pyarrow (extra ``data``) is not installed.

        Notes
        -----
        Reading changes not: a table shows its spilled rows first, from the file. Views that were taken before stay valid, and
        keep their chunks in memory. The digest is the same.
        """
        from engine.spill import Spill, Store
        self.enter()
        cdef int64_t rows = border_int(rows_resident, "rows_resident", 1, INT64_MAX_ >> 1)
        if self.store is not None:
            raise bad_input("folder", "one spill for a world", f"a second one; the first is {self.store.folder}")
        self.store = Store(folder)
        self.rows_resident = rows
        self.spills = True
        return Spill(self, self.store)

    def close_spill(self):
        """End the spill: write what is in memory as the last row groups and give the files their names. Rows stay readable."""
        cdef State* state = &self.world.state
        cdef Table* table
        if self.store is None:
            return
        if self.busy:
            raise RuntimeError("World is running in another call (it is not re-entrant)")
        recorded = self.recorded_tables()
        errors = []
        for name in _WORLD_TABLES:
            table = world_table(state, name)
            if (self.spills or self.store.is_open(name)) and (name in recorded or table.row_count):
                names, dtypes, nulls = _WORLD_TABLES[name]
                tail = lend_chunks(self, table, table.spilled_count, table.chunk_count - table.spilled_count, names, dtypes, nulls)
                try:
                    self.store.finish(name, table.spilled_count << table.shift, tail)
                except OSError as error:
                    errors.append(error)
        self.spills = False
        if errors:
            raise errors[0]

    def spilled_files(self, folder):
        """Return the names of the tables that a closed spill has left as files in a folder."""
        return [] if self.store is None else self.store.finished_in(folder)

    cdef int64_t next_step(self, int64_t step, bint checks) except -1:
        """Events until the next look: fewer where few events write many rows (accounts at a short cadence)."""
        cdef State* state = &self.world.state
        cdef int64_t before = self.rows_written
        self.rows_written = sum([world_table(state, name).row_count for name in _WORLD_TABLES])
        if self.rows_written - before > self.rows_resident:
            return max(1, step >> 2)
        return 1 if checks else min(step << 1, POLL_EVENTS)

    cdef int spill_full(self) except -1:
        """Hand the oldest full chunks of every table that has too many to the store."""
        cdef State* state = &self.world.state
        cdef Table* table
        cdef int64_t full
        for name in _WORLD_TABLES:
            table = world_table(state, name)
            full = table_full_chunks(table)
            if full << table.shift > self.rows_resident:
                self.spill_chunks(name, table, full - (self.rows_resident >> (table.shift + 1)))
                PyErr_CheckSignals()         # several tables may be full at once
        return 0

    cdef int spill_chunks(self, str name, Table* table, int64_t count) except -1:
        """Write `count` chunks and take them out of the table; whoever looks at one keeps it."""
        cdef ColumnTable shown, seen
        cdef SpilledChunk chunk
        cdef int64_t i, first = table.spilled_count
        names, dtypes, nulls = _WORLD_TABLES[name]
        shown = lend_chunks(self, table, first, count, names, dtypes, nulls)
        chunks = [SpilledChunk.__new__(SpilledChunk) for i in range(count)]
        self.store.append(name, first << table.shift, shown)
        watchers = [shown]
        if self.lent is not None:
            watchers += [seen for seen in [reference() for reference in self.lent.get(name, ())] if seen is not None]
        for seen in watchers:
            # A table lent after chunk `first` was written looks at all that it counts, from its own first one in memory on.
            seen.kept += chunks[:max(0, seen.table.chunk_count - first)] if seen is not shown else chunks
        for i in range(count):
            chunk = chunks[i]
            chunk.data = table_spill_chunk(table)
        return 0
