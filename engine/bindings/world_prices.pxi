# World, prices: indexes, marks and oracles, and values from outside. What a source may say is in the tables below.

from engine.native.pool_price cimport *
from engine.native.pools cimport *

cdef dict _SOURCE_KINDS = {
    "mid": SOURCE_MID, "last": SOURCE_LAST, "index": SOURCE_INDEX, "oracle": SOURCE_ORACLE, "twap": SOURCE_TWAP, "path": SOURCE_PATH,
    "fixed": SOURCE_FIXED, "pool": SOURCE_POOL,
}
cdef dict _FACTOR_KINDS = {name: kind for name, kind in _SOURCE_KINDS.items() if kind < SOURCE_TWAP}
cdef dict _SERIES = {"index": ORACLE_INDEX, "mark": ORACLE_MARK, "oracle": ORACLE_ORACLE}
cdef dict _MARK_RULES = {"median": RULE_MARK, "basis": RULE_BASIS, "hyperliquid": RULE_HYPERLIQUID}
cdef dict _COMBINES = {"mean": RULE_MEAN, "median": RULE_MEDIAN_OF}
cdef tuple _SOURCE_KEYS = ("kind", "market", "weight", "numerator", "denominator", "growth_ppb", "growth_every_ms", "growth_from_ms", "stale_ms",
                           "window_ms", "ticks", "time_ms", "price_ticks", "factor", "pool", "sold", "bought", "atoms")
cdef int64_t _RATIO_MOST = 0x7FFFFFFF


cdef int border_word_of(object value, str field, dict words) except -1:
    """The number that a word of a table stands for."""
    if not isinstance(value, str) or value not in words:
        raise bad_input(field, "one of " + ", ".join(words), value)
    return words[value]


cdef class _WorldPricing(_WorldDeclaring):
    """Declare what publishes prices, and publish from outside."""

    cdef slot_t law_slot(self, object law, str field) except? 0xFFFFFFFE:
        """The slot of a law (name, a, b), made if no equal one is there; NIL for None."""
        cdef State* state = &self.world.state
        cdef uint32_t i, kind
        cdef double a, b
        cdef Law* row
        if law is None:
            return NIL
        try:
            name, first, *second = law
        except (TypeError, ValueError):
            raise bad_input(field, "None or (law, a[, b])", law) from None
        if not isinstance(name, str) or name not in _LAWS or len(second) > 1:
            raise bad_input(field, "a law of " + ", ".join(_LAWS) + " with one or two parameters", law)
        kind = _LAWS[name]
        a = border_float(first, field + " a", 0.0 if kind in (LAW_FIXED, LAW_UNIFORM) else 1e-9, 1e9)
        b = border_float(second[0] if second else 0.0, field + " b", a if kind == LAW_UNIFORM else 1e-9 if kind == LAW_PARETO else 0.0, 1e9)
        for i in range(state.laws.count):
            row = law_at(state, i)
            if row.kind == kind and row.a == a and row.b == b:
                return i
        if slab_reserve(&state.laws, 1):
            raise MemoryError("World: no memory for another law")
        i = slab_take(&state.laws)
        law_init(law_at(state, i), kind, a, b)
        return i

    cdef int read_factor(self, object given, str field, Source* row) except -1:
        """The factor of a source: None, or (kind, market)."""
        if given is None:
            return 0
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise bad_input(field, "None or (kind, market)", given)
        row.factor_kind = <uint32_t>border_word_of(given[0], field, _FACTOR_KINDS)
        row.factor_market = self.market_number(given[1], field)
        return 0

    cdef tuple read_path(self, object given, str field):
        """The two columns of a path, checked."""
        cdef Column times = border_column(given.get("time_ms"), field + ".time_ms", "int64", -1)
        cdef Column prices = border_column(given.get("price_ticks"), field + ".price_ticks", "int64", times.length)
        cdef int64_t i, before = 0
        for i in range(times.length):
            if not before <= (<const int64_t*>times.data)[i] <= TIME_MAX >> 1:
                raise bad_input(field + ".time_ms", "times from 0 on that never fall", f"{(<const int64_t*>times.data)[i]} in row {i}")
            before = (<const int64_t*>times.data)[i]
            if not is_price((<const int64_t*>prices.data)[i]):
                raise bad_input(field + ".price_ticks", f"ticks between 1 and {PRICE_MOST}", f"{(<const int64_t*>prices.data)[i]} in row {i}")
        if times.length == 0 or times.length > NIL >> 1:
            raise bad_input(field + ".time_ms", "1 to 2**31 rows", times.length)
        return times, prices

    cdef int read_pool(self, object given, str field, Source* row) except -1:
        """A pool, two of its assets, and how many atoms of the first are priced in the second."""
        cdef State* state = &self.world.state
        cdef WorldPool* pool
        cdef int sold, bought
        row.market = <uint32_t>border_int(given.get("pool"), field + ".pool", 0, <int64_t>state.amm.pools.count - 1)
        pool = world_pool_at(&state.amm, row.market)
        sold = pool_coin(pool, self.asset_number(given.get("sold"), field + ".sold"))
        bought = pool_coin(pool, self.asset_number(given.get("bought"), field + ".bought"))
        if sold < 0:
            raise bad_input(field + ".sold", "an asset of the pool", given.get("sold"))
        if bought < 0 or bought == sold:
            raise bad_input(field + ".bought", "another asset of the pool", given.get("bought"))
        row.sold, row.bought = <uint16_t>sold, <uint16_t>bought
        row.fixed_ticks = border_int(given.get("atoms", 1000000000), field + ".atoms", 1, POOL_UNIT_MAX)
        return 0

    cdef object read_source(self, object given, str field, time_ms_t window_every_ms, Source* row):
        """Check one source and write it into `row`, its memory empty. Returns the columns of a path, else None."""
        cdef object columns = None
        if not hasattr(given, "keys"):
            raise bad_input(field, "a mapping such as {'kind': 'mid', 'market': 0}", given)
        for key in given.keys():
            if key not in _SOURCE_KEYS:
                raise bad_input(f"{field}.{key}", "one of " + ", ".join(_SOURCE_KEYS), "an unknown key")
        row.kind = <uint32_t>border_word_of(given.get("kind"), field + ".kind", _SOURCE_KINDS)
        row.weight = border_int(given.get("weight", 1), field + ".weight", 1, 1000000)
        row.numerator = border_int(given.get("numerator", 1), field + ".numerator", 1, _RATIO_MOST)
        row.denominator = border_int(given.get("denominator", 1), field + ".denominator", 1, _RATIO_MOST)
        row.growth_ppb = border_int(given.get("growth_ppb", 0), field + ".growth_ppb", 0, PPB)
        row.growth_every_ms = border_int(given.get("growth_every_ms", 0), field + ".growth_every_ms", row.growth_ppb > 0, _MS_MOST)
        row.growth_from_ms = border_int(given.get("growth_from_ms", self.world.state.now_ms), field + ".growth_from_ms", 0, TIME_MAX >> 1)
        self.read_factor(given.get("factor"), field + ".factor", row)
        stale = given.get("stale_ms", 0 if row.kind in (SOURCE_MID, SOURCE_POOL) and row.factor_kind == SOURCE_NONE else None)
        row.stale_ms = -1 if stale is None else border_int(stale, field + ".stale_ms", 0, _MS_MOST)
        row.sent_ticks = row.sampled_ticks = NO_PRICE
        row.seen_ms = -1
        if row.kind <= SOURCE_TWAP:
            row.market = self.market_number(given.get("market"), field + ".market")
        if row.kind == SOURCE_TWAP:
            row.window.length = <uint32_t>ceil_div(border_int(given.get("window_ms"), field + ".window_ms", 1, _MS_MOST), window_every_ms)
            if row.window.length > WINDOW_MOST:
                raise bad_input(field + ".window_ms", f"at most {WINDOW_MOST} samples of {window_every_ms} ms", given.get("window_ms"))
        elif row.kind == SOURCE_PATH:
            columns = self.read_path(given, field)
            row.point_count = <uint32_t>(<Column>columns[0]).length
        elif row.kind == SOURCE_FIXED:
            row.fixed_ticks = border_int(given.get("ticks"), field + ".ticks", 1, PRICE_MOST)
        elif row.kind == SOURCE_POOL:
            self.read_pool(given, field, row)
        return columns

    cdef list read_sources(self, object given, time_ms_t window_every_ms, Oracle* draft, Source* rows, bint needs_one):
        """Check the sources of an oracle; of a number, the mid of that market. Returns the columns of paths by place."""
        cdef list paths = []
        cdef uint32_t i
        if not isinstance(given, (list, tuple)):
            given = [{"kind": "mid", "market": self.market_number(given, "source")}]
        if not needs_one <= len(given) <= SOURCES_MOST:
            raise bad_input("source", f"a market, or {<int>needs_one} to {SOURCES_MOST} sources", f"{len(given)} sources")
        memset(rows, 0, SOURCES_MOST * sizeof(Source))
        draft.source_count = <uint32_t>len(given)
        for i in range(draft.source_count):
            paths.append(self.read_source(given[i], f"source[{i}]", window_every_ms, &rows[i]))
            if rows[i].kind == SOURCE_TWAP:
                draft.window_every_ms = window_every_ms
        return paths

    cdef list read_outages(self, object given, Oracle* draft):
        """Check windows and count their points. Returns where they begin and end, in turn."""
        cdef list ends = []
        cdef time_ms_t begin_ms, end_ms = 0
        if not isinstance(given, (list, tuple)) or len(given) > OUTAGES_MOST:
            raise bad_input("outages", f"up to {OUTAGES_MOST} windows (from_ms, to_ms)", given)
        for place, window in enumerate(given):
            field = f"outages[{place}]"
            if not isinstance(window, (list, tuple)) or len(window) != 2:
                raise bad_input(field, "a window (from_ms, to_ms)", window)
            begin_ms = border_int(window[0], field + ".from_ms", end_ms, TIME_MAX >> 1)
            end_ms = border_int(window[1], field + ".to_ms", begin_ms + 1, TIME_MAX >> 1)
            ends += [begin_ms, end_ms]
        draft.outage_count = <uint32_t>len(ends)
        return ends

    cdef int read_clock(self, object every_ms, object lag_ms, object sample_every_ms, Oracle* draft, time_ms_t* window_every_ms) except -1:
        """Begin a draft: its cadences and its lag."""
        memset(draft, 0, sizeof(Oracle))
        draft.every_ms = border_int(every_ms, "every_ms", 1, _MS_MOST)
        draft.lag_ms = border_int(lag_ms, "lag_ms", 0, _MS_MOST)
        window_every_ms[0] = draft.every_ms if sample_every_ms is None else border_int(sample_every_ms, "sample_every_ms", 1, _MS_MOST)
        draft.sent_ticks = draft.sampled_ticks = NO_PRICE
        draft.floor_ticks = 1
        draft.law = NIL
        return 0

    cdef int open_oracle(self, Oracle* draft, Source* rows, list paths, list outages) except -1:
        """Put a checked draft with its sources into the world, and start its clock."""
        cdef State* state = &self.world.state
        cdef Feeds* feeds = &state.feeds
        cdef uint64_t cells = draft.basis.length, points = draft.outage_count
        cdef uint32_t i, number
        for i in range(draft.source_count):
            cells += rows[i].window.length
            points += rows[i].point_count
        if cells > NIL >> 1 or points > NIL >> 1 or slab_reserve(&state.oracles, 1) or slab_reserve(&feeds.sources, draft.source_count) \
                or slab_reserve(&feeds.cells, <uint32_t>cells) or slab_reserve(&feeds.points, <uint32_t>points):
            raise MemoryError("World: no memory for another oracle")
        draft.source_first = feeds.sources.count
        draft.basis.first = self.take_cells(draft.basis.length)
        for i in range(draft.source_count):
            rows[i].window.first = self.take_cells(rows[i].window.length)
            if paths[i] is not None:
                self.take_points(&rows[i], paths[i])
            source_at(feeds, slab_take(&feeds.sources))[0] = rows[i]
        self.take_outages(draft, outages)
        draft.key = member_key("oracle", draft.kind)
        number = slab_take(&state.oracles)
        oracle_at(state, number)[0] = draft[0]
        oracle_at(state, number).next_ms = venue_schedule(state, state.now_ms, PHASE_PRICES, EVENT_SAMPLE_PRICE, number, 0, 0)
        oracle_at(state, number).window_next_ms = oracle_at(state, number).next_ms
        return 0

    cdef uint32_t take_cells(self, uint32_t length):
        """Take reserved cells for a window; oracles end never, and so no cell is given back."""
        cdef uint32_t first = self.world.state.feeds.cells.count
        self.world.state.feeds.cells.count += length
        return first

    cdef void take_points(self, Source* row, tuple columns):
        """Copy the points of a path into reserved memory."""
        cdef Slab* points = &self.world.state.feeds.points
        cdef PathPoint* at
        cdef uint32_t i
        row.point_first = points.count
        points.count += row.point_count
        at = <PathPoint*>slab_at(points, row.point_first)
        for i in range(row.point_count):
            at[i].time_ms = (<const int64_t*>(<Column>columns[0]).data)[i]
            at[i].ticks = (<const int64_t*>(<Column>columns[1]).data)[i]

    cdef void take_outages(self, Oracle* draft, list ends):
        """Copy where windows begin and end into reserved memory."""
        cdef Slab* points = &self.world.state.feeds.points
        cdef PathPoint* at
        cdef uint32_t i
        if draft.outage_count == 0:
            return
        draft.outage_first = points.count
        points.count += draft.outage_count
        at = <PathPoint*>slab_at(points, draft.outage_first)
        for i in range(draft.outage_count):
            at[i].time_ms = ends[i]
            at[i].ticks = not i & 1

    cdef int add_series(self, uint32_t kind, object market, object source, object every_ms, object lag_ms, object combine, object sample_every_ms,
                        tuple bounds, tuple sending, object latency_law, object outages) except -1:
        """Declare what publishes an index or oracle series."""
        cdef Oracle draft
        cdef Source rows[SOURCES_MOST]
        cdef time_ms_t window_every_ms
        self.enter()
        self.read_clock(every_ms, lag_ms, sample_every_ms, &draft, &window_every_ms)
        draft.kind = kind
        draft.market = self.market_number(market)
        draft.rule = <uint32_t>border_word_of(combine, "combine", _COMBINES)
        paths = self.read_sources(source, window_every_ms, &draft, rows, True)
        draft.outlier_ppm = border_int(bounds[0], "outlier_ppm", 0, 1000000)
        draft.clamp_ppm = border_int(bounds[1], "clamp_ppm", 0, 1000000)
        draft.floor_ticks = border_int(bounds[2], "floor_ticks", 1, PRICE_MOST)
        draft.deviation_ppm = border_int(sending[0], "deviation_ppm", 0, 1000000)
        draft.heartbeat_ms = border_int(sending[1], "heartbeat_ms", 0, _MS_MOST)
        if draft.heartbeat_ms and not draft.deviation_ppm:
            raise bad_input("heartbeat_ms", "0 without a deviation_ppm: every sample is published", sending[1])
        ends = self.read_outages(outages, &draft)
        draft.law = self.law_slot(latency_law, "latency_law")
        return self.open_oracle(&draft, rows, paths, ends)

    def add_index(self, market, source, *, every_ms, lag_ms, combine="mean", sample_every_ms=None, outlier_ppm=0, clamp_ppm=0, floor_ticks=1,
                  deviation_ppm=0, heartbeat_ms=0, latency_law=None, outages=()):
        """Publish a market's index: the mid of another market, or what several sources give (rules P-2, P-11 .. P-13, P-16).

        Parameters
        ----------
        market : int
            Whose index.
        source : int or sequence of mapping
            The market whose mid is taken; or up to 32 sources, each with ``kind`` (``mid, last, index, oracle, twap, path, fixed, pool``) and, as its kind
            needs them, ``pool``, ``sold``, ``bought`` and ``atoms`` (10**9; what a pool prices in the asset bought), ``market``, ``window_ms`` (twap), ``ticks`` (fixed), ``time_ms`` and ``price_ticks`` (path: int64 columns); further
            ``weight`` (1), ``numerator`` and ``denominator`` (to this market's ticks), ``growth_ppb`` each ``growth_every_ms`` from
            ``growth_from_ms`` on, ``factor`` ``(kind, market)``, ``stale_ms`` (None: no limit; left out: 0 of a mid without a factor, else none).
        every_ms, lag_ms : int
            Cadence of the samples, and from sample to publication, ms.
        combine : {"mean", "median"}
            How the sources become one value, by weight.
        sample_every_ms : int, optional
            Cadence of the samples of a TWAP, ms; `every_ms` by default.
        outlier_ppm : int
            A source further than this from the median of all is left out; with several such the median is taken. 0: off.
        clamp_ppm : int
            Largest move of a publication, ppm of the one before. 0: off.
        floor_ticks : int
            Least value.
        deviation_ppm, heartbeat_ms : int
            A sample is published when it moved so far since the last one that was, or after so long. 0: every sample; never by age.
        latency_law : tuple, optional
            Law of what comes on top of `lag_ms`, as for `add_agents`.
        outages : sequence of (int, int)
            Windows [from_ms, to_ms), ms, in order and apart, in which it neither samples nor publishes.

        Notes
        -----
        Without a source that counts nothing is published; the old value stays, and `market` tells when it was published.
        """
        self.add_series(ORACLE_INDEX, market, source, every_ms, lag_ms, combine, sample_every_ms, (outlier_ppm, clamp_ppm, floor_ticks),
                        (deviation_ppm, heartbeat_ms), latency_law, outages)

    def add_oracle(self, market, source, *, every_ms, lag_ms=0, combine="mean", sample_every_ms=None, outlier_ppm=0, clamp_ppm=0, floor_ticks=1,
                   deviation_ppm=0, heartbeat_ms=0, latency_law=None, outages=()):
        """Publish a market's oracle, the series that collateral and lending read (rules P-11 .. P-13, P-16).

        Parameters
        ----------
        market, source, every_ms, lag_ms, combine, sample_every_ms, outlier_ppm, clamp_ppm, floor_ticks
            As for `add_index`.
        deviation_ppm, heartbeat_ms, latency_law, outages
            As for `add_index`.
        """
        self.add_series(ORACLE_ORACLE, market, source, every_ms, lag_ms, combine, sample_every_ms, (outlier_ppm, clamp_ppm, floor_ticks),
                        (deviation_ppm, heartbeat_ms), latency_law, outages)

    cdef uint32_t perpetual_number(self, object market) except? 0xFFFFFFFF:
        cdef uint32_t number = self.market_number(market)
        if market_at(&self.world.state, number).kind != MARKET_PERPETUAL:
            raise bad_input("market", "a perpetual", f"spot market {market}")
        return number

    def add_mark(self, market, *, every_ms, lag_ms, rule="median", window=30, sample_every_ms=None, interval_ms=0, basis_tau_ms=150000,
                 touch_tau_ms=30000, source=(), latency_law=None, outages=()):
        """Publish a market's mark by a rule (P-3, P-9, P-10, P-16).

        Parameters
        ----------
        market : int
            A perpetual.
        every_ms, lag_ms : int
            As for `add_index`.
        rule : {"median", "basis", "hyperliquid"}
            Median of index, own mid and own last; of index with funding, index with the mean basis and own last; or of oracle with the average
            basis, own touch and other perpetuals.
        window : int
            Samples of the basis, 1 to 100,000.
        sample_every_ms : int, optional
            Their cadence, or that of the averages, ms; `every_ms` by default.
        interval_ms : int
            Funding interval of "basis", ms; 0 for the market's own.
        basis_tau_ms, touch_tau_ms : int
            Time constants of the averages of "hyperliquid", ms, up to a day.
        source : sequence of mapping
            Of "hyperliquid" the other perpetuals, as for `add_index`.
        latency_law : tuple, optional
            As for `add_index`.
        outages : sequence of (int, int)
            As for `add_index`.
        """
        cdef Oracle draft
        cdef Source rows[SOURCES_MOST]
        cdef time_ms_t window_every_ms
        self.enter()
        self.read_clock(every_ms, lag_ms, sample_every_ms, &draft, &window_every_ms)
        draft.kind = ORACLE_MARK
        draft.market = self.perpetual_number(market)
        draft.rule = <uint32_t>border_word_of(rule, "rule", _MARK_RULES)
        if not isinstance(source, (list, tuple)) or (source and draft.rule != RULE_HYPERLIQUID):
            raise bad_input("source", "a list of sources with the rule hyperliquid, else nothing", source)
        paths = self.read_sources(source, window_every_ms, &draft, rows, False)
        draft.basis.length = <uint32_t>border_int(window, "window", 1, WINDOW_MOST)
        draft.interval_ms = border_int(interval_ms, "interval_ms", 0, _MS_MOST)
        draft.basis_ema.tau_ms = border_int(basis_tau_ms, "basis_tau_ms", 1, EMA_TAU_MOST)
        draft.touch_ema.tau_ms = border_int(touch_tau_ms, "touch_tau_ms", 1, EMA_TAU_MOST)
        draft.basis_ema.first_ms = draft.touch_ema.first_ms = window_every_ms
        ends = self.read_outages(outages, &draft)
        draft.law = self.law_slot(latency_law, "latency_law")
        if draft.rule != RULE_MARK:
            draft.window_every_ms = window_every_ms
        if draft.rule != RULE_BASIS:
            draft.basis.length = 0
        self.open_oracle(&draft, rows, paths, ends)

    def publish(self, market, ticks, kind="mark"):
        """Publish a price from outside, in this millisecond (rule P-14).

        Parameters
        ----------
        market : int
            A market; for a mark a perpetual.
        ticks : int
            The price, 1 to 2**31 - 1.
        kind : {"index", "mark", "oracle"}
            The series.

        Notes
        -----
        It is set at once; the margin check of a mark follows in phase 4 of this millisecond, or of the next once that phase has passed. What
        publishes the series otherwise goes on.
        """
        cdef State* state = self.enter()
        cdef uint32_t series = <uint32_t>border_word_of(kind, "kind", _SERIES)
        cdef uint32_t number = self.perpetual_number(market) if series == ORACLE_MARK else self.market_number(market)
        if publish_outside(state, number, series, border_int(ticks, "ticks", 1, PRICE_MOST)):
            raise MemoryError("World.publish: no memory")
        if state.fault:
            self.raise_fault()

    def set_funding(self, market, rate_ppb, *, next_ms, every_ms):
        """Say what a market's last funding rate was and when the next one is due; marks of rule "basis" read it (P-9).

        Parameters
        ----------
        market : int
            A perpetual.
        rate_ppb : int
            Rate of an interval, 10**-9, within one.
        next_ms : int
            When the next settlement is, ms.
        every_ms : int
            The interval, ms.
        """
        cdef State* state = self.enter()
        cdef uint32_t number = self.perpetual_number(market)
        if funding_of(state, number) != NIL:
            raise bad_input("market", "one whose funding is not settled here (add_funding)", market)
        cdef int64_t rate = border_int(rate_ppb, "rate_ppb", -PPB, PPB)
        cdef time_ms_t due_ms = self.future_time(next_ms, "next_ms")
        cdef time_ms_t interval = border_int(every_ms, "every_ms", 1, _MS_MOST)
        market_at(state, number).funding_ppb = rate
        market_at(state, number).funding_next_ms = due_ms
        market_at(state, number).funding_every_ms = interval
