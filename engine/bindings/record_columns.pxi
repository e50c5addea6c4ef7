# Columns of a world's tables: widths for the kernels, names and dtypes for Python, and what stands for "none".

from engine.native.recorder cimport *
from engine.native.state cimport *

cdef uint8_t TRADE_WIDTHS[TRADE_COLUMNS]
TRADE_WIDTHS[:] = [4, 8, 8, 4, 8, 4, 4, 8, 4, 2, 1]
cdef uint8_t JOURNAL_WIDTHS[JOURNAL_COLUMNS]
JOURNAL_WIDTHS[:] = [8, 8, 8, 8, 4, 2, 1, 1, 1, 1]
cdef uint8_t PRICE_WIDTHS[PRICE_COLUMNS]
PRICE_WIDTHS[:] = [8, 8, 4, 2, 1]
cdef uint8_t DEPTH_WIDTHS[DEPTH_COLUMNS]
DEPTH_WIDTHS[:] = [8, 8, 8, 8, 8, 8, 8, 8, 8, 2]
cdef tuple TRADE_NAMES = ("number", "maker_order", "taker_order", "price_ticks", "qty_lots", "maker_account", "taker_account",
                          "time_ms", "cause", "market", "aggressor_side")
cdef tuple TRADE_DTYPES = ("i4", "i8", "i8", "i4", "i8", "i4", "i4", "i8", "u4", "u2", "i1")
cdef tuple JOURNAL_NAMES = ("time_ms", "number", "qty", "price", "account", "market", "kind", "side", "order_type", "time_in_force")
cdef tuple JOURNAL_DTYPES = ("i8", "i8", "i8", "i8", "i4", "u2", "u1", "i1", "u1", "u1")
cdef tuple PRICE_NAMES = ("time_ms", "price_ticks", "cause", "market", "kind")
cdef tuple PRICE_DTYPES = ("i8", "i8", "u4", "u2", "u1")
cdef tuple DEPTH_NAMES = ("time_ms", "best_bid", "best_ask", "last", "index", "mark", "bid_lots_1pct", "ask_lots_1pct", "open_lots", "market")
cdef tuple DEPTH_DTYPES = ("i8", "i8", "i8", "i8", "i8", "i8", "i8", "i8", "i8", "u2")

cdef uint8_t ORDER_WIDTHS[ORDER_COLUMNS]
ORDER_WIDTHS[:] = [8, 8, 8, 8, 8, 8, 4, 4, 2, 1, 1, 1, 1, 1]
cdef uint8_t QUOTE_WIDTHS[QUOTE_COLUMNS]
QUOTE_WIDTHS[:] = [8, 8, 8, 8, 8, 4, 2]
cdef uint8_t LEVEL_WIDTHS[LEVEL_COLUMNS]
LEVEL_WIDTHS[:] = [8, 8, 4, 2, 2, 1]
cdef uint8_t ACCOUNT_WIDTHS[ACCOUNT_COLUMNS]
ACCOUNT_WIDTHS[:] = [8, 8, 8, 8, 8, 8, 4, 4, 2, 1]
cdef uint8_t MOVEMENT_WIDTHS[MOVEMENT_COLUMNS]
MOVEMENT_WIDTHS[:] = [8, 8, 4, 4, 2, 2, 1]
cdef uint8_t WATERFALL_WIDTHS[WATERFALL_COLUMNS]
WATERFALL_WIDTHS[:] = [8, 8, 8, 8, 8, 8, 8, 4, 4, 4, 2, 2, 1]
cdef uint8_t ACTED_WIDTHS[ACTED_COLUMNS]
ACTED_WIDTHS[:] = [8, 8, 8, 8, 8, 8, 4, 4, 4, 4, 2, 2, 2, 1, 1]

cdef tuple ORDER_NAMES = ("time_ms", "number", "price_ticks", "qty_lots", "filled_lots", "leaves_lots", "account", "cause", "market",
                          "kind", "side", "order_type", "time_in_force", "reject_reason")
cdef tuple ORDER_DTYPES = ("i8", "i8", "i8", "i8", "i8", "i8", "i4", "u4", "u2", "u1", "i1", "u1", "u1", "u1")
cdef tuple QUOTE_NAMES = ("time_ms", "bid_ticks", "bid_lots", "ask_ticks", "ask_lots", "cause", "market")
cdef tuple QUOTE_DTYPES = ("i8", "i8", "i8", "i8", "i8", "u4", "u2")
cdef tuple LEVEL_NAMES = ("time_ms", "qty_lots", "price_ticks", "market", "level", "side")
cdef tuple LEVEL_DTYPES = ("i8", "i8", "i4", "u2", "u2", "i1")
cdef tuple ACCOUNT_NAMES = ("time_ms", "balance_atoms", "reserved_atoms", "equity_atoms", "maintenance_atoms", "notional_atoms",
                            "account", "liquidation", "asset", "has_marks")
cdef tuple ACCOUNT_DTYPES = ("i8", "i8", "i8", "i8", "i8", "i8", "i4", "u4", "u2", "u1")
cdef tuple MOVEMENT_NAMES = ("time_ms", "atoms", "payer", "receiver", "asset", "market", "kind")
cdef tuple MOVEMENT_DTYPES = ("i8", "i8", "i4", "i4", "u2", "u2", "u1")
cdef tuple WATERFALL_NAMES = ("time_ms", "qty_lots", "atoms", "mark_ticks", "equity_atoms", "requirement_atoms", "notional_atoms", "account",
                              "counterparty", "landmark", "market", "asset", "kind")
cdef tuple WATERFALL_DTYPES = ("i8", "i8", "i8", "i8", "i8", "i8", "i8", "i4", "i4", "u4", "u2", "u2", "u1")
cdef tuple ACTED_NAMES = ("time_ms", "number", "atoms", "paid_atoms", "got_atoms", "gas_atoms", "account", "party", "cause", "landmark", "target",
                          "asset", "other", "kind", "reason")
cdef tuple ACTED_DTYPES = ("i8", "i8", "i8", "i8", "i8", "i8", "i4", "i4", "u4", "u4", "u2", "u2", "u2", "u1", "u1")

# A world's tables by name: names, dtypes, and by column the number that stands for "none", null in Arrow and Parquet.
cdef dict _WORLD_TABLES = {
    "trades": (TRADE_NAMES, TRADE_DTYPES, {}),
    "orders": (ORDER_NAMES, ORDER_DTYPES, {"price_ticks": NO_PRICE, "market": NO_MARKET}),
    "quotes": (QUOTE_NAMES, QUOTE_DTYPES, {"bid_ticks": NO_PRICE, "ask_ticks": NO_PRICE}),
    "depth": (LEVEL_NAMES, LEVEL_DTYPES, {}),
    "samples": (DEPTH_NAMES, DEPTH_DTYPES, dict.fromkeys(("best_bid", "best_ask", "last", "index", "mark"), NO_PRICE)),
    "prices": (PRICE_NAMES, PRICE_DTYPES, {"price_ticks": NO_PRICE}),
    "accounts": (ACCOUNT_NAMES, ACCOUNT_DTYPES, {}),
    "movements": (MOVEMENT_NAMES, MOVEMENT_DTYPES, {"market": NO_MARKET}),
    "waterfall": (WATERFALL_NAMES, WATERFALL_DTYPES, {"market": NO_MARKET, "mark_ticks": NO_PRICE}),
    "actions": (ACTED_NAMES, ACTED_DTYPES, {}),
    "journal": (JOURNAL_NAMES, JOURNAL_DTYPES, {}),
}


cdef void recorder_open(Recorder* recorder) noexcept:
    """Make a recorder of empty tables, everything off."""
    memset(recorder, 0, sizeof(Recorder))
    table_init(&recorder.orders, ORDER_WIDTHS, ORDER_COLUMNS, TABLE_SHIFT)
    table_init(&recorder.quotes, QUOTE_WIDTHS, QUOTE_COLUMNS, TABLE_SHIFT)
    table_init(&recorder.levels, LEVEL_WIDTHS, LEVEL_COLUMNS, TABLE_SHIFT)
    table_init(&recorder.accounts, ACCOUNT_WIDTHS, ACCOUNT_COLUMNS, TABLE_SHIFT)
    table_init(&recorder.movements, MOVEMENT_WIDTHS, MOVEMENT_COLUMNS, TABLE_SHIFT)
    table_init(&recorder.waterfall, WATERFALL_WIDTHS, WATERFALL_COLUMNS, TABLE_SHIFT)
    table_init(&recorder.actions, ACTED_WIDTHS, ACTED_COLUMNS, TABLE_SHIFT)
    slab_init(&recorder.seen, sizeof(TouchSeen), 0)
    recorder.depth_levels = 10


cdef Table* world_table(State* state, str name) noexcept:
    """A world's table by a name of _WORLD_TABLES."""
    if name == "trades":
        return &state.pools.fills
    if name == "orders":
        return &state.recorder.orders
    if name == "quotes":
        return &state.recorder.quotes
    if name == "depth":
        return &state.recorder.levels
    if name == "samples":
        return &state.depth
    if name == "prices":
        return &state.prices
    if name == "accounts":
        return &state.recorder.accounts
    if name == "movements":
        return &state.recorder.movements
    if name == "waterfall":
        return &state.recorder.waterfall
    if name == "actions":
        return &state.recorder.actions
    return &state.journal
