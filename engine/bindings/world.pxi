# World: the simulator's state and its clock, by numbers. engine/simulation.py gives it names and units.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memset

from engine.native.kernel cimport *
from engine.native.snapshot cimport *
from engine.native.verify cimport *

cdef uint8_t TRADE_WIDTHS[TRADE_COLUMNS]
TRADE_WIDTHS[:] = [4, 8, 8, 4, 8, 4, 4, 8, 4, 2, 1]
cdef uint8_t JOURNAL_WIDTHS[JOURNAL_COLUMNS]
JOURNAL_WIDTHS[:] = [8, 8, 8, 8, 4, 2, 1, 1, 1, 1]
cdef uint8_t PRICE_WIDTHS[PRICE_COLUMNS]
PRICE_WIDTHS[:] = [8, 8, 4, 2, 1]
cdef uint8_t DEPTH_WIDTHS[DEPTH_COLUMNS]
DEPTH_WIDTHS[:] = [8, 8, 8, 8, 8, 8, 8, 8, 2]
cdef tuple TRADE_NAMES = ("number", "maker_order", "taker_order", "price_ticks", "qty_lots", "maker_account", "taker_account",
                          "time_ms", "cause", "market", "aggressor_side")
cdef tuple TRADE_DTYPES = ("i4", "i8", "i8", "i4", "i8", "i4", "i4", "i8", "u4", "u2", "i1")
cdef tuple JOURNAL_NAMES = ("time_ms", "number", "qty", "price", "account", "market", "kind", "side", "order_type", "time_in_force")
cdef tuple JOURNAL_DTYPES = ("i8", "i8", "i8", "i8", "i4", "u2", "u1", "i1", "u1", "u1")
cdef tuple PRICE_NAMES = ("time_ms", "price_ticks", "cause", "market", "kind")
cdef tuple PRICE_DTYPES = ("i8", "i8", "u4", "u2", "u1")
cdef tuple DEPTH_NAMES = ("time_ms", "best_bid", "best_ask", "last", "index", "mark", "bid_lots_1pct", "ask_lots_1pct", "market")
cdef tuple DEPTH_DTYPES = ("i8", "i8", "i8", "i8", "i8", "i8", "i8", "i8", "u2")

cdef enum:
    POLL_EVENTS = 4096           # events between two looks at Ctrl-C
    TABLE_SHIFT = 13             # rows of a table's chunk: 8,192

cdef dict _FAULT_TEXTS = {
    FAULT_NO_MEMORY: "no memory", FAULT_BOOK: "a book is inconsistent", FAULT_CONSERVATION: "an asset's balances do not sum to its deposits (L-2)",
    FAULT_POSITIONS: "positions or costs of a market do not sum to zero (L-7)", FAULT_EVENT: "an event that nothing handles",
    FAULT_RESERVED: "a reserved amount that is not what the orders reserve (V-1)",
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


@cython.final
cdef class World:
    """World(seed, *, stage_ppm=250000, stage_lots_min=1, stage_interval_ms=1000, depth_every_ms=0, record_trades=True, record_journal=True)

    Hold and run one simulated world, everything named by its number.

    Parameters
    ----------
    seed : int
        Key of every random draw (rule R-2).
    stage_ppm : int
        Share of a position that a liquidation step closes, ppm (rule X-4).
    stage_lots_min : int
        Least lots of a step.
    stage_interval_ms : int
        Time between steps, ms.
    depth_every_ms : int
        Cadence of the depth table, ms; 0 switches it off.
    record_trades, record_journal : bool
        Whether these tables are written; neither changes the run.

    Notes
    -----
    Assets are declared first, then accounts and markets, then what lives on them. Accounts 0, 1, 2 are the venue's: fees, insurance fund,
    bad debt. `engine.Simulation` is the same with names and units.
    """

    cdef WorldData world
    cdef bint busy

    def __cinit__(self, seed=None, *, stage_ppm=250000, stage_lots_min=1, stage_interval_ms=1000, depth_every_ms=0,
                  record_trades=True, record_journal=True):
        cdef Venue* venue = &self.world.venue
        memset(&self.world, 0, sizeof(self.world))
        if seed is None:             # restore() fills it in
            return
        venue.seed = border_word(seed, "seed")
        venue.stage_ppm = border_int(stage_ppm, "stage_ppm", 1, 1000000)
        venue.stage_lots_min = border_int(stage_lots_min, "stage_lots_min", 1, INT64_MAX_)
        venue.stage_interval_ms = border_int(stage_interval_ms, "stage_interval_ms", 1, TIME_MAX >> 20)
        venue.depth_every_ms = border_int(depth_every_ms, "depth_every_ms", 0, TIME_MAX >> 20)
        venue.records_trades = bool(record_trades)
        venue.records_journal = bool(record_journal)
        venue.phase = 0
        if pools_init(&venue.pools, 0, 0, TRADE_WIDTHS, TRADE_COLUMNS, TABLE_SHIFT) or lineage_init(&venue.lineage):
            raise MemoryError("World: no memory")
        ledger_init(&venue.ledger)
        accounts_init(&venue.accounts)
        queue_init(&venue.queue, 0, PHASE_ORDERS, False)
        slab_init(&venue.markets, sizeof(Market), 0)
        slab_init(&venue.publications, sizeof(Publication), sizeof(Publication) - 4)
        slab_init(&venue.oracles, sizeof(Oracle), 0)
        slab_init(&self.world.makers.makers, sizeof(Maker), 0)
        slab_init(&self.world.makers.quotes, sizeof(Quote), 0)
        slab_init(&self.world.takers.shocks, sizeof(Shock), 0)
        slab_init(&self.world.takers.noise, sizeof(Noise), 0)
        table_init(&venue.journal, JOURNAL_WIDTHS, JOURNAL_COLUMNS, TABLE_SHIFT)
        table_init(&venue.prices, PRICE_WIDTHS, PRICE_COLUMNS, TABLE_SHIFT)
        table_init(&venue.depth, DEPTH_WIDTHS, DEPTH_COLUMNS, TABLE_SHIFT)
        if venue.depth_every_ms:
            venue_schedule(venue, 0, PHASE_OBSERVERS, EVENT_SAMPLE_DEPTH, 0, 0, 0)

    def __init__(self, seed, *, stage_ppm=250000, stage_lots_min=1, stage_interval_ms=1000, depth_every_ms=0,
                 record_trades=True, record_journal=True):
        if seed is None:
            raise bad_input("seed", "an integer", seed)

    def __dealloc__(self):
        world_release(&self.world)

    cdef Venue* enter(self) except NULL:
        if self.busy:
            raise RuntimeError("World is running in another call (it is not re-entrant)")
        if self.world.venue.fault:
            self.raise_fault()
        return &self.world.venue

    cdef int raise_fault(self) except -1:
        cdef int fault = self.world.venue.fault
        text = _FAULT_TEXTS.get(fault, "an unknown fault")
        if fault == FAULT_NO_MEMORY:
            raise MemoryError(f"World at {self.world.venue.now_ms} ms: {text}; it refuses to go on")
        raise _invariant_error(f"World at {self.world.venue.now_ms} ms: {text}; it refuses to go on. {self.counts()!r}")

    # ---- declaring ----

    def add_asset(self, supply_max):
        """Declare an asset.

        Parameters
        ----------
        supply_max : int
            Most atoms that may ever be deposited, 1 .. 2**61 (rule U-4).

        Returns
        -------
        int
            Its number.
        """
        cdef Venue* venue = self.enter()
        cdef atoms_t supply = border_int(supply_max, "supply_max", 1, <int64_t>1 << 61)
        cdef uint32_t asset
        if venue.ledger.account_count:
            raise bad_input("supply_max", "assets declared before the first account", f"{venue.ledger.account_count} accounts")
        if slab_reserve(&venue.ledger.assets, 1):
            raise MemoryError("World.add_asset: no memory")
        asset = slab_take(&venue.ledger.assets)
        asset_at(&venue.ledger, asset).supply_max = supply
        asset_at(&venue.ledger, asset).net_deposits = 0
        return asset

    cdef uint32_t new_accounts(self, uint32_t count) except? 0xFFFFFFFF:
        cdef Venue* venue = &self.world.venue
        cdef uint32_t first = venue.ledger.account_count, i, account
        if slab_reserve(&venue.accounts.accounts, count) or ledger_add_accounts(&venue.ledger, count) \
                or pools_add_owners(&venue.pools, <int32_t>venue.ledger.account_count):
            venue.fault = FAULT_NO_MEMORY
            self.raise_fault()
        for i in range(count):
            account = slab_take(&venue.accounts.accounts)
            account_at(&venue.accounts, account).holdings = NIL
        return first

    def add_accounts(self, count=1):
        """Open accounts.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        int
            Number of the first; the others follow.
        """
        cdef Venue* venue = self.enter()
        cdef uint32_t wanted = <uint32_t>border_int(count, "count", 1, 1 << 30)
        if venue.ledger.assets.count == 0:
            raise bad_input("count", "at least one asset declared before", "none")
        if venue.ledger.account_count == 0:
            self.new_accounts(SYSTEM_ACCOUNTS)
        if venue.ledger.account_count + <int64_t>wanted > 0x7FFFFFFE:
            raise bad_input("count", "fewer than 2**31 accounts in all", count)
        return self.new_accounts(wanted)

    cdef uint32_t account_number(self, object account) except? 0xFFFFFFFF:
        return <uint32_t>border_int(account, "account", 0, <int64_t>self.world.venue.ledger.account_count - 1)

    cdef uint32_t trader_number(self, object account, str field="account") except? 0xFFFFFFFF:
        """An account that may trade: not one of the venue's own (V-7)."""
        return <uint32_t>border_int(account, field, SYSTEM_ACCOUNTS, <int64_t>self.world.venue.ledger.account_count - 1)

    cdef uint32_t asset_number(self, object asset, str field) except? 0xFFFFFFFF:
        return <uint32_t>border_int(asset, field, 0, <int64_t>self.world.venue.ledger.assets.count - 1)

    cdef uint32_t market_number(self, object market, str field="market") except? 0xFFFFFFFF:
        return <uint32_t>border_int(market, field, 0, <int64_t>self.world.venue.markets.count - 1)

    cdef int64_t future_time(self, object at_ms, str field="at_ms") except? -1:
        return border_int(at_ms, field, self.world.venue.now_ms, TIME_MAX >> 1)

    cdef int64_t start_time(self, object start_ms) except? -1:
        return self.world.venue.now_ms if start_ms is None else self.future_time(start_ms, "start_ms")

    cdef Market* new_market(self, uint32_t kind, uint32_t quote, object atoms_per_tick_lot, object bounds, object maker_fee_ppm,
                            object taker_fee_ppm) except NULL:
        cdef Venue* venue = &self.world.venue
        cdef Market* market
        price_min, price_max, qty_max, notional_max = bounds
        cdef price_t low = <price_t>border_int(price_min, "price_min", 1 if kind == MARKET_PERPETUAL else 0, 0x7FFFFFFF)   # U-9
        cdef price_t high = <price_t>border_int(price_max, "price_max", low, 0x7FFFFFFF)
        cdef qty_t most = border_int(qty_max, "qty_max", 1, <int64_t>1 << 61)
        cdef int64_t worth = border_int(atoms_per_tick_lot, "atoms_per_tick_lot", 1, <int64_t>1 << 40)
        cdef int64_t notional = border_int(notional_max, "notional_max", 1, <int64_t>1 << 61)
        cdef int64_t maker_fee = border_int(maker_fee_ppm, "maker_fee_ppm", 0, 1000000)
        cdef int64_t taker_fee = border_int(taker_fee_ppm, "taker_fee_ppm", 0, 1000000)
        if venue.markets.count >= 0xFFFF:
            raise bad_input("market", "at most 65,535 markets", "another one")
        if slab_reserve(&venue.markets, 1):
            raise MemoryError("World: no memory for another market")
        cdef uint32_t number = slab_take(&venue.markets)
        market = market_at(venue, number)
        memset(market, 0, sizeof(Market))
        market_init(market, number)
        market.kind = kind
        market.quote_asset = quote
        market.atoms_per_tick_lot = worth
        market.book.price_min = low
        market.book.price_max = high
        market.book.qty_max = most
        market.book.notional_max = max(1, notional // worth)
        market.maker_fee_ppm = maker_fee
        market.taker_fee_ppm = taker_fee
        return market

    def add_spot(self, base, quote, *, atoms_per_tick_lot, base_atoms_per_lot, price_min=1, price_max=0x7FFFFFFF, qty_max=1 << 61,
                 notional_max=1 << 61, maker_fee_ppm=0, taker_fee_ppm=0):
        """Open a spot market.

        Parameters
        ----------
        base, quote : int
            Asset numbers.
        atoms_per_tick_lot : int
            Quote atoms that one lot is worth at one tick (rule U-5).
        base_atoms_per_lot : int
            Base atoms of one lot.
        price_min, price_max, qty_max, notional_max : int
            Bounds: ticks, ticks, lots, quote atoms (rule U-2).
        maker_fee_ppm, taker_fee_ppm : int
            Fees on what a side receives (rule L-4).

        Returns
        -------
        int
            The market's number.
        """
        self.enter()
        cdef uint32_t base_ = self.asset_number(base, "base"), quote_ = self.asset_number(quote, "quote")
        cdef int64_t per_lot = border_int(base_atoms_per_lot, "base_atoms_per_lot", 1, <int64_t>1 << 40)
        if base_ == quote_:
            raise bad_input("quote", "another asset than the base", quote)
        cdef Market* market = self.new_market(MARKET_SPOT, quote_, atoms_per_tick_lot, (price_min, price_max, qty_max, notional_max),
                                              maker_fee_ppm, taker_fee_ppm)
        market.base_asset = base_
        market.base_atoms_per_lot = per_lot
        return market.book.ladder[0].tag >> 1

    def add_perpetual(self, settle, *, atoms_per_tick_lot, maintenance_ppm, price_min=1, price_max=0x7FFFFFFF, qty_max=1 << 61,
                      notional_max=1 << 61, maker_fee_ppm=0, taker_fee_ppm=0):
        """Open a perpetual market, linear, settled in one asset.

        Parameters
        ----------
        settle : int
            Asset number of collateral and PnL.
        atoms_per_tick_lot, price_min, price_max, qty_max, notional_max : int
            As for `add_spot`.
        maintenance_ppm : int
            Maintenance margin rate, ppm of the notional (rule X-1).
        maker_fee_ppm, taker_fee_ppm : int
            Fees on the notional (rule L-8).

        Returns
        -------
        int
            The market's number.
        """
        self.enter()
        cdef uint32_t settle_ = self.asset_number(settle, "settle")
        cdef int64_t maintenance = border_int(maintenance_ppm, "maintenance_ppm", 0, 1000000)
        cdef Market* market = self.new_market(MARKET_PERPETUAL, settle_, atoms_per_tick_lot,
                                              (price_min, price_max, qty_max, notional_max), maker_fee_ppm, taker_fee_ppm)
        market.maintenance_ppm = maintenance
        return market.book.ladder[0].tag >> 1

    def deposit(self, account, asset, atoms):
        """Bring atoms in from outside.

        Parameters
        ----------
        account, asset : int
            Where to and of what.
        atoms : int
            Amount, at least 1; net deposits never exceed the asset's supply.
        """
        cdef Venue* venue = self.enter()
        cdef uint32_t account_ = self.account_number(account), asset_ = self.asset_number(asset, "asset")
        cdef atoms_t amount = border_int(atoms, "atoms", 1, <int64_t>1 << 61)
        if ledger_deposit(&venue.ledger, account_, asset_, amount):
            room = asset_at(&venue.ledger, asset_).supply_max - asset_at(&venue.ledger, asset_).net_deposits
            raise bad_input("atoms", f"at most the {room} atoms that the asset's supply has left", atoms)
        venue_journal(venue, JOURNAL_DEPOSIT, asset_, <int32_t>account_, 0, 0, 0, 0, 0, amount)

    def open_trade(self, market, buyer, seller, qty_lots, price_ticks):
        """Open a position as a balanced trade outside the book, without fees (rule L-9).

        Parameters
        ----------
        market : int
            A perpetual.
        buyer, seller : int
            Two accounts.
        qty_lots, price_ticks : int
            Lots and price.
        """
        cdef Venue* venue = self.enter()
        cdef uint32_t market_ = self.market_number(market)
        cdef Market* row = market_at(venue, market_)
        cdef uint32_t buyer_ = self.trader_number(buyer, "buyer"), seller_ = self.trader_number(seller, "seller")
        cdef qty_t qty = border_int(qty_lots, "qty_lots", 1, row.book.qty_max)
        cdef int64_t price = border_int(price_ticks, "price_ticks", row.book.price_min, row.book.price_max)
        if row.kind != MARKET_PERPETUAL:
            raise bad_input("market", "a perpetual", f"spot market {market}")
        if buyer_ == seller_:
            raise bad_input("seller", "another account than the buyer", seller)
        if abs(qty * <object>price) > row.book.notional_max:
            raise bad_input("qty_lots", f"a notional of at most {row.book.notional_max} tick-lots", qty_lots)
        for account, number in (("buyer", buyer_), ("seller", seller_)):
            lots, cost, _ = self.position(number, market)
            if abs(lots) + qty > EXPOSURE_MAX or abs(cost) + qty * <object>price * row.atoms_per_tick_lot > EXPOSURE_MAX:
                raise bad_input("qty_lots", f"a position of the {account} within {EXPOSURE_MAX} lots and atoms (U-10)", qty_lots)
        if holding_of(&venue.accounts, row, buyer_, market_) == NIL or holding_of(&venue.accounts, row, seller_, market_) == NIL:
            raise MemoryError("World.open_trade: no memory")
        settle_side(venue, row, buyer_, market_, 1, qty, price, 0)
        settle_side(venue, row, seller_, market_, -1, qty, price, 0)
        venue_journal(venue, JOURNAL_OPEN, market_, <int32_t>buyer_, seller_, 0, 0, 0, price, qty)

    cdef int new_oracle(self, uint32_t kind, uint32_t market, uint32_t source, object every_ms, object lag_ms) except -1:
        cdef Venue* venue = &self.world.venue
        cdef time_ms_t every = border_int(every_ms, "every_ms", 1, TIME_MAX >> 20)
        cdef time_ms_t lag = border_int(lag_ms, "lag_ms", 0, TIME_MAX >> 20)
        if slab_reserve(&venue.oracles, 1):
            raise MemoryError("World: no memory for another oracle")
        cdef uint32_t number = slab_take(&venue.oracles)
        cdef Oracle* oracle = oracle_at(venue, number)
        oracle.kind = kind
        oracle.market = market
        oracle.source = source
        oracle.every_ms = every
        oracle.lag_ms = lag
        venue_schedule(venue, venue.now_ms, PHASE_PRICES, EVENT_SAMPLE_PRICE, number, 0, 0)
        return 0

    def add_index(self, market, source, *, every_ms, lag_ms):
        """Publish the mid of another market as this market's index (rule P-3).

        Parameters
        ----------
        market, source : int
            Whose index, and the market that is sampled.
        every_ms, lag_ms : int
            Cadence of the samples, and from sample to publication, ms.
        """
        self.enter()
        self.new_oracle(ORACLE_INDEX, self.market_number(market), self.market_number(source, "source"), every_ms, lag_ms)

    def add_mark(self, market, *, every_ms, lag_ms):
        """Publish the median of index, own mid and own last as this market's mark (rule P-3).

        Parameters
        ----------
        market : int
            A perpetual.
        every_ms, lag_ms : int
            As for `add_index`.
        """
        cdef Venue* venue = self.enter()
        cdef uint32_t number = self.market_number(market)
        if market_at(venue, number).kind != MARKET_PERPETUAL:
            raise bad_input("market", "a perpetual", f"spot market {market}")
        self.new_oracle(ORACLE_MARK, number, number, every_ms, lag_ms)

    # ---- agents ----

    def add_maker(self, account, key, *, wake_every_ms, window_ms, return_after_ms, latency_median_ms, latency_sigma, half_spread,
                  spacing, levels, anchor, fair_tau_ms, drawdown, return_size, skew=0.0, start_ms=None):
        """Add a market maker; `add_quote` gives it markets.

        Parameters
        ----------
        account : int
            Its account.
        key : int
            Its `member_key`.
        wake_every_ms : int
            Mean time between looks, ms.
        window_ms, drawdown : int, float
            It withdraws its bids when a price has fallen by this share within the window; 0.0: never.
        return_after_ms, return_size : int, float
            When it comes back after a withdrawal, and with which share of its quantity.
        latency_median_ms, latency_sigma : float
            Lognormal law of each message's way to the venue.
        half_spread, spacing : float
            Distance of the best quote from its centre, and between levels, as shares of the price.
        levels : int
            Quotes on each side, 1 .. 8.
        anchor, fair_tau_ms : float
            Weight of its slow fair value in the centre, and that value's memory, ms.
        skew : float
            How far its centre moves against a full inventory, as a share of the price.
        start_ms : int, optional
            First look; now by default.

        Returns
        -------
        int
            The maker's number.
        """
        cdef Venue* venue = self.enter()
        cdef Maker row
        memset(&row, 0, sizeof(Maker))
        row.account = <int32_t>self.trader_number(account)
        row.stream = stream_of(venue.seed, border_word(key, "key"))
        row.wake_every_ms = border_int(wake_every_ms, "wake_every_ms", 1, TIME_MAX >> 20)
        row.window_ms = border_int(window_ms, "window_ms", 1, row.wake_every_ms * (MAKER_SAMPLES >> 1))
        row.return_after_ms = border_int(return_after_ms, "return_after_ms", 1, TIME_MAX >> 20)
        row.latency_median_ms = border_float(latency_median_ms, "latency_median_ms", 1e-3, 1e9)
        row.latency_sigma = border_float(latency_sigma, "latency_sigma", 0.0, 10.0)
        row.half_spread = border_float(half_spread, "half_spread", 0.0, 0.5)
        row.spacing = border_float(spacing, "spacing", 0.0, 0.5)
        row.level_count = <int32_t>border_int(levels, "levels", 1, MAKER_LEVELS_MAX)
        row.anchor = border_float(anchor, "anchor", 0.0, 1.0)
        row.fair_tau_ms = border_float(fair_tau_ms, "fair_tau_ms", 1.0, 1e12)
        row.drawdown = border_float(drawdown, "drawdown", 0.0, 1.0)
        row.return_size = border_float(return_size, "return_size", 0.0, 1.0)
        row.skew = border_float(skew, "skew", 0.0, 0.5)
        row.quotes = NIL
        cdef int64_t first = self.start_time(start_ms)
        cdef Slab* makers = &self.world.makers.makers
        if slab_reserve(makers, 1):
            raise MemoryError("World.add_maker: no memory")
        cdef uint32_t number = slab_take(makers)
        maker_at(&self.world.makers, number)[0] = row
        venue_schedule(venue, first, PHASE_OBSERVERS, EVENT_MAKER, number, 0, 0)
        return number

    def add_quote(self, maker, market, qty_lots, *, inventory_max=1 << 61):
        """Let a maker quote on a market.

        Parameters
        ----------
        maker, market : int
            Numbers.
        qty_lots : int
            Lots at each level.
        inventory_max : int
            Lots bought (sold) since its first look at which it stops to bid (offer).
        """
        cdef Venue* venue = self.enter()
        cdef Makers* makers = &self.world.makers
        cdef uint32_t number = <uint32_t>border_int(maker, "maker", 0, <int64_t>makers.makers.count - 1), slot, last
        cdef uint32_t market_ = self.market_number(market)
        cdef qty_t qty = border_int(qty_lots, "qty_lots", 1, market_at(venue, market_).book.qty_max)
        cdef qty_t inventory = border_int(inventory_max, "inventory_max", 1, <int64_t>1 << 61)
        if slab_reserve(&makers.quotes, 1):
            raise MemoryError("World.add_quote: no memory")
        slot = slab_take(&makers.quotes)
        cdef Quote* quote = quote_at(makers, slot)
        memset(quote, 0, sizeof(Quote))
        memset(quote.order, 0xFF, sizeof(quote.order))
        quote.market = market_
        quote.qty_lots = qty
        quote.inventory_max = inventory
        quote.next = NIL
        if maker_at(makers, number).quotes == NIL:
            maker_at(makers, number).quotes = slot
        else:
            last = maker_at(makers, number).quotes
            while quote_at(makers, last).next != NIL:
                last = quote_at(makers, last).next
            quote_at(makers, last).next = slot

    def add_noise(self, account, key, market, *, mean_gap_ms, qty_min, qty_max, latency_ms, start_ms=None):
        """Add a noise trader: market orders on a random side at exponential times.

        Parameters
        ----------
        account, key, market : int
            Its account, `member_key` and market.
        mean_gap_ms : float
            Mean time between orders, ms.
        qty_min, qty_max : int
            Bounds of the uniform quantity, lots.
        latency_ms : int
            Way to the venue, ms.
        start_ms : int, optional
            When it starts to wait for its first order.
        """
        cdef Venue* venue = self.enter()
        cdef Noise row
        cdef Slab* noise = &self.world.takers.noise
        row.account = <int32_t>self.trader_number(account)
        row.stream = stream_of(venue.seed, border_word(key, "key"))
        row.market = self.market_number(market)
        row.mean_gap_ms = border_float(mean_gap_ms, "mean_gap_ms", 1.0, 1e12)
        row.qty_min = border_int(qty_min, "qty_min", 1, market_at(venue, row.market).book.qty_max)
        row.qty_max = border_int(qty_max, "qty_max", row.qty_min, market_at(venue, row.market).book.qty_max)
        row.latency_ms = border_int(latency_ms, "latency_ms", 1, TIME_MAX >> 20)
        cdef int64_t first = self.start_time(start_ms)
        if slab_reserve(noise, 1):
            raise MemoryError("World.add_noise: no memory")
        cdef uint32_t number = slab_take(noise)
        noise_at(&self.world.takers, number)[0] = row
        venue_schedule(venue, first, PHASE_OBSERVERS, EVENT_NOISE, number, 0, 0)

    def add_shock(self, account, market, side, qty_lots, *, at_ms, slices=1, every_ms=1):
        """Schedule an outside shock: market orders of equal size over a time.

        Parameters
        ----------
        account, market : int
            Who trades, where.
        side : Side
            BUY or SELL.
        qty_lots : int
            In all, lots.
        at_ms : int
            First order, ms.
        slices, every_ms : int
            How many orders, and the time between them, ms.
        """
        cdef Venue* venue = self.enter()
        cdef Shock row
        cdef Slab* shocks = &self.world.takers.shocks
        memset(&row, 0, sizeof(Shock))
        row.account = <int32_t>self.trader_number(account)
        row.market = self.market_number(market)
        row.side = self.side_of(side)
        row.left_lots = border_int(qty_lots, "qty_lots", 1, <int64_t>1 << 61)
        row.every_ms = border_int(every_ms, "every_ms", 1, TIME_MAX >> 20)
        row.slices_left = border_int(slices, "slices", 1, row.left_lots)
        cdef int64_t first = self.future_time(at_ms)
        if slab_reserve(shocks, 1):
            raise MemoryError("World.add_shock: no memory")
        cdef uint32_t number = slab_take(shocks)
        shock_at(&self.world.takers, number)[0] = row
        venue_schedule(venue, first, PHASE_EXTERNAL, EVENT_SHOCK, number, 0, 0)

    cdef int8_t side_of(self, object side) except 0:
        cdef int64_t number = border_int(side, "side", -1, 1)
        if number == 0:
            raise bad_input("side", "BUY (1) or SELL (-1)", side)
        return <int8_t>number

    def send_order(self, account, market, side, price_ticks, qty_lots, *, at_ms, immediate=False):
        """Send an order from outside.

        Parameters
        ----------
        account, market : int
            Sender and market.
        side : Side
            BUY or SELL.
        price_ticks : int or None
            Limit, ticks; None is a market order.
        qty_lots : int
            Lots.
        at_ms : int
            When it arrives, ms.
        immediate : bool
            IOC instead of GTC.

        Returns
        -------
        int
            Ticket for `send_cancel`. What the rules refuse on arrival is counted in `counts`.
        """
        cdef Venue* venue = self.enter()
        cdef uint32_t account_ = self.trader_number(account), market_ = self.market_number(market), flags = 0
        cdef int8_t side_ = self.side_of(side)
        cdef price_t price = 0
        cdef qty_t qty = border_int(qty_lots, "qty_lots", INT64_MIN_, INT64_MAX_)
        cdef int64_t due = self.future_time(at_ms)
        if price_ticks is None:
            flags = ORDER_IS_MARKET
        else:
            price = <price_t>border_int(price_ticks, "price_ticks", -0x80000000, 0x7FFFFFFF)
            if immediate:
                flags = ORDER_IS_IOC
        cdef slot_t slot = venue_send(venue, account_, market_, side_, flags, price, qty, due, 0)
        if venue.fault:
            self.raise_fault()
        return (<int64_t>cold_at(&venue.pools, slot).generation << 32) | slot

    def send_cancel(self, ticket, *, at_ms):
        """Send a cancel from outside.

        Parameters
        ----------
        ticket : int
            From `send_order`.
        at_ms : int
            When it arrives, ms. If the order is gone by then it is a miss (rule V-5).
        """
        cdef Venue* venue = self.enter()
        cdef int64_t name = border_int(ticket, "ticket", 0, INT64_MAX_)
        if <uint32_t>name >= venue.pools.orders.count:
            raise bad_input("ticket", "a ticket from send_order", ticket)
        venue_schedule(venue, self.future_time(at_ms), PHASE_ORDERS, EVENT_CANCEL, <uint32_t>name, <uint32_t>(name >> 32), 0)

    # ---- running ----

    def run(self, until_ms, *, check=False, events=None):
        """Run events until a time.

        Parameters
        ----------
        until_ms : int
            Last time, ms, included.
        check : bool
            Walk and check the whole world after every event (O(state) each).
        events : int, optional
            Stop after this many events instead.

        Returns
        -------
        int
            Events that ran.

        Raises
        ------
        InvariantError
            A check failed or an inner fault came up; the world refuses to go on.
        KeyboardInterrupt
            Ctrl-C: the world stands between two events and can go on.
        """
        cdef Venue* venue = self.enter()
        cdef int64_t until = border_int(until_ms, "until_ms", venue.now_ms, TIME_MAX >> 1)
        cdef int64_t most = INT64_MAX_ if events is None else border_int(events, "events", 0, INT64_MAX_)
        cdef int64_t total = 0, ran, block
        cdef bint checks = bool(check)
        cdef int64_t step = 1 if checks else POLL_EVENTS
        self.busy = True
        try:
            while total < most:
                block = min(step, most - total)
                with nogil:
                    ran = kernel_run(&self.world, until, block)
                    if checks and venue.fault == FAULT_NONE:
                        venue.fault = world_verify(&self.world)
                total += ran
                if venue.fault:
                    self.raise_fault()
                PyErr_CheckSignals()
                if ran < block:
                    break
        finally:
            self.busy = False
        return total

    # ---- reading ----

    @property
    def now_ms(self):
        """The clock, ms."""
        return self.world.venue.now_ms

    @property
    def account_count(self):
        """Accounts, the venue's three included."""
        return self.world.venue.ledger.account_count

    def counts(self):
        """Return what has happened so far.

        Returns
        -------
        dict
            ``events, orders, cancels, cancel_misses, trades, pending`` and ``rejects`` by reason number.
        """
        cdef Venue* venue = &self.world.venue
        cdef uint32_t m
        trades = 0
        for m in range(venue.markets.count):
            trades += market_at(venue, m).book.trade_count
        return {
            "events": venue.event_count, "orders": venue.order_count, "cancels": venue.cancel_count,
            "cancel_misses": venue.cancel_miss_count, "trades": trades, "pending": venue.queue.pending_count,
            "rejects": {reason: venue.reject_count[reason] for reason in range(32) if venue.reject_count[reason]},
        }

    def balance(self, account, asset):
        """Return (atoms, reserved) of an account in an asset."""
        cdef Venue* venue = self.enter()
        cdef Balance* row = balance_at(&venue.ledger, self.account_number(account), self.asset_number(asset, "asset"))
        return row.atoms, row.reserved

    def net_deposits(self, asset):
        """Return deposits minus withdrawals of an asset, atoms."""
        cdef Venue* venue = self.enter()
        return asset_at(&venue.ledger, self.asset_number(asset, "asset")).net_deposits

    def position(self, account, market):
        """Return (position_lots, cost_atoms, orders_sent) of an account in a market."""
        cdef Venue* venue = self.enter()
        cdef slot_t slot = holding_find(&venue.accounts, self.account_number(account), self.market_number(market))
        if slot == NIL:
            return 0, 0, 0
        return (holding_at(&venue.accounts, slot).position_lots, holding_at(&venue.accounts, slot).cost_atoms,
                holding_at(&venue.accounts, slot).orders_sent)

    def in_liquidation(self, account):
        """Return whether an account is being liquidated."""
        cdef Venue* venue = self.enter()
        return account_at(&venue.accounts, self.account_number(account)).liquidation != 0

    def market(self, market):
        """Return one market's state.

        Returns
        -------
        dict
            ``best_bid, best_ask, last, index, mark`` (ticks or None), ``clearing`` (atoms), ``trades``, ``traded_lots``, ``orders``.
        """
        cdef Venue* venue = self.enter()
        cdef Market* row = market_at(venue, self.market_number(market))
        prices = {
            "best_bid": book_best(&row.book, 0), "best_ask": book_best(&row.book, 1), "last": row.book.last_price,
            "index": row.index_ticks, "mark": row.mark_ticks,
        }
        result = {name: None if value == NO_PRICE else value for name, value in prices.items()}
        result["clearing"] = row.clearing
        result["trades"] = row.book.trade_count
        result["traded_lots"] = row.book.traded_lots
        result["orders"] = row.book.ladder[0].order_count + row.book.ladder[1].order_count
        return result

    def depth(self, market, levels=10):
        """Return (bids, asks) of a market, each (price_ticks, qty_lots), best first."""
        cdef Venue* venue = self.enter()
        cdef Market* row = market_at(venue, self.market_number(market))
        cdef int64_t most = border_int(levels, "levels", 0, INT64_MAX_)
        return book_depth_list(&venue.pools, &row.book, 0, most), book_depth_list(&venue.pools, &row.book, 1, most)

    def orders(self, market):
        """Return every resting order of a market: (number, side, price_ticks, leaves_lots, account), priority order."""
        cdef Venue* venue = self.enter()
        cdef Market* row = market_at(venue, self.market_number(market))
        return book_order_list(&venue.pools, &row.book, 0) + book_order_list(&venue.pools, &row.book, 1)

    def trades(self):
        """Return the trades so far, in order, as columns (prices in ticks, quantities in lots, `cause` a landmark)."""
        return lend_table(self, &self.enter().pools.fills, TRADE_NAMES, TRADE_DTYPES)

    def journal(self):
        """Return the journal so far (rule J-1)."""
        return lend_table(self, &self.enter().journal, JOURNAL_NAMES, JOURNAL_DTYPES)

    def prices(self):
        """Return the publications so far; `kind` 1 index, 2 mark."""
        return lend_table(self, &self.enter().prices, PRICE_NAMES, PRICE_DTYPES)

    def depth_samples(self):
        """Return the depth table so far; a price of 2**40 means that there was none."""
        return lend_table(self, &self.enter().depth, DEPTH_NAMES, DEPTH_DTYPES)

    def landmarks(self):
        """Return the landmarks so far; row 0 is the background.

        Returns
        -------
        list of tuple
            (time_ms, kind, market, number, account, parent, generation, value, mover), the mover (time_ms, kind, account, number, cause) or None.
        """
        cdef Venue* venue = self.enter()
        cdef uint32_t i
        cdef Landmark* row
        rows = []
        for i in range(venue.lineage.landmarks.count):
            row = landmark_at(&venue.lineage, i)
            mover = None
            if row.mover.kind:
                mover = (row.mover.time_ms, row.mover.kind, row.mover.account, row.mover.number, row.mover.cause)
            rows.append((row.time_ms, row.kind, row.market, row.number, row.account, row.parent, row.generation, row.value, mover))
        return rows

    def causes(self):
        """Return the rows (child, parent, weight_ppm) of the causes table (rule G-6)."""
        cdef Venue* venue = self.enter()
        cdef uint32_t i
        cdef CauseRow* row
        rows = []
        for i in range(venue.lineage.causes.count):
            row = <CauseRow*>slab_at(&venue.lineage.causes, i)
            rows.append((row.child, row.parent, row.weight_ppm))
        return rows

    def digest(self):
        """Return the state digest (rule J-4), 64 bits."""
        self.enter()
        return world_digest(&self.world)

    def check_invariants(self):
        """Walk the whole world and raise InvariantError naming the first broken invariant; it then refuses to go on."""
        cdef Venue* venue = self.enter()
        venue.fault = world_verify(&self.world)
        if venue.fault:
            self.raise_fault()

    # ---- snapshot and fork ----

    def snapshot(self):
        """Return the whole state as bytes (rule J-3); output tables are not part of it.

        Notes
        -----
        O(state).
        """
        cdef Venue* venue = self.enter()
        venue.pools.cold.count = venue.pools.orders.count
        cdef uint64_t size = snapshot_bytes(&self.world)
        cdef bytes data = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
        snapshot_save(&self.world, PyBytes_AS_STRING(data))
        return data

    @staticmethod
    def restore(data):
        """Make a world from a snapshot; it runs on as the original does.

        Parameters
        ----------
        data : bytes
            From `snapshot`, of the same build.

        Returns
        -------
        World

        Raises
        ------
        InputError
            Says why the bytes are no snapshot of this build.
        """
        cdef World world = World.__new__(World)
        cdef int fault
        if not isinstance(data, bytes):
            raise bad_input("data", "bytes from World.snapshot", type(data).__name__)
        fault = snapshot_load(&world.world, PyBytes_AS_STRING(data), <uint64_t>PyBytes_GET_SIZE(data))
        if fault == SNAPSHOT_NO_MEMORY:
            raise MemoryError("World.restore: no memory")
        if fault:
            raise bad_input("data", "a snapshot of this build", _SNAPSHOT_TEXTS[fault])
        return world

    def fork(self, *, seed=None):
        """Copy the world; the copy and the original go on independently.

        Parameters
        ----------
        seed : int, optional
            New key of the draws from now on; without it the copy repeats the original.

        Returns
        -------
        World
        """
        cdef World copy = World.restore(self.snapshot())
        if seed is not None:
            copy.reseed(border_word(seed, "seed"))
        return copy

    cdef int reseed(self, uint64_t seed) except -1:
        """Change the key of every draw from now on: stream = mix64(mix64(seed + G) ^ id_key) (R-2)."""
        cdef Venue* venue = &self.world.venue
        cdef uint64_t change = mix64(venue.seed + GOLDEN) ^ mix64(seed + GOLDEN)
        cdef uint32_t i
        for i in range(self.world.makers.makers.count):
            maker_at(&self.world.makers, i).stream = mix64(unmix64(maker_at(&self.world.makers, i).stream) ^ change)
        for i in range(self.world.takers.noise.count):
            noise_at(&self.world.takers, i).stream = mix64(unmix64(noise_at(&self.world.takers, i).stream) ^ change)
        venue.seed = seed
        return 0
