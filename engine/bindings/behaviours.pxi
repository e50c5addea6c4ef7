# Behaviours: what can be said of each, as a table of fields: name, place in its record, kind, bounds, default.
#
# `World.add_agents` fills whole columns by it, so that a population costs one call and a new behaviour costs a table.

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memset

from engine.native.adl cimport python_asked
from engine.native.bankruptcy cimport *
from engine.native.breaker cimport *
from engine.native.crowd cimport *
from engine.native.funding cimport *
from engine.native.funds cimport *
from engine.native.health cimport *
from engine.native.interest cimport *
from engine.native.kernel cimport *
from engine.native.law cimport *
from engine.native.link cimport *
from engine.native.opening cimport *
from engine.native.policy cimport *
from engine.native.ranking cimport *
from engine.native.replay cimport *
from engine.native.settle cimport *
from engine.native.snapshot cimport *
from engine.native.unit cimport *
from engine.native.state cimport *
from engine.native.venue cimport *
from engine.native.verify cimport *
from engine.native.whatif cimport *

cdef enum FieldKind:
    FIELD_FLOAT = 0
    FIELD_INT = 1                # int64
    FIELD_MARKET = 2             # uint32, a market's number
    FIELD_SIDE = 3               # int8

cdef double _HUGE = 1e18
cdef int64_t _MS_MOST = TIME_MAX >> 20
cdef int64_t _LOTS_MOST = <int64_t>1 << 61
_MISSING = object()


def _float(name, size_t place, double low, double high, default=_MISSING):
    return name, place, FIELD_FLOAT, low, high, default


def _int(name, size_t place, low, high, default=_MISSING):
    return name, place, FIELD_INT, low, high, default


def _market(name, size_t place):
    return name, place, FIELD_MARKET, 0, 0, _MISSING


# By name: the behaviour, the size of its record, what it hears, and its fields.
cdef dict _BEHAVIOURS = {
    "maker": (BEHAVIOUR_MAKER, sizeof(Maker), HEARS_FILLS | HEARS_ENDS, (
        _int("wake_every_ms", <size_t>&(<Maker*>NULL).wake_every_ms, 1, _MS_MOST),
        _int("levels", <size_t>&(<Maker*>NULL).level_count, 1, MAKER_LEVELS_MAX, 1),
        _float("half_spread", <size_t>&(<Maker*>NULL).half_spread, 0.0, 0.5, 0.0),
        _float("spacing", <size_t>&(<Maker*>NULL).spacing, 0.0, 0.5, 0.0),
        _float("tolerance", <size_t>&(<Maker*>NULL).tolerance, 0.0, 1.0, 0.5),
        _float("anchor", <size_t>&(<Maker*>NULL).anchor, 0.0, 1.0, 0.0),
        _float("fair_tau_ms", <size_t>&(<Maker*>NULL).fair_tau_ms, 1.0, 1e12, 60000.0),
        _float("skew", <size_t>&(<Maker*>NULL).skew, 0.0, 0.5, 0.0),
        _int("mode", <size_t>&(<Maker*>NULL).mode, MODE_LADDER, MODE_STOIKOV, MODE_LADDER),
        _float("risk_aversion", <size_t>&(<Maker*>NULL).risk_aversion, 1e-12, 1e12, 0.1),
        _float("decay", <size_t>&(<Maker*>NULL).decay, 1e-12, 1e12, 1.5),
        _float("sigma", <size_t>&(<Maker*>NULL).sigma, 0.0, 1e12, 0.0),
        _float("horizon_s", <size_t>&(<Maker*>NULL).horizon_s, 0.0, 1e9, 1.0),
        _int("mass_quotes", <size_t>&(<Maker*>NULL).sends_mass_quotes, 0, 1, 0),
        _float("drawdown", <size_t>&(<Maker*>NULL).drawdown, 0.0, 1.0, 0.0),
        _float("volatility", <size_t>&(<Maker*>NULL).volatility, 0.0, _HUGE, 0.0),
        _int("window_ms", <size_t>&(<Maker*>NULL).window_ms, 1, _MS_MOST, 1000),
        _float("inventory", <size_t>&(<Maker*>NULL).inventory, 0.0, _HUGE, 0.0),
        _float("margin_ratio", <size_t>&(<Maker*>NULL).margin_ratio, 0.0, _HUGE, 0.0),
        _int("slow_ms", <size_t>&(<Maker*>NULL).latency_ms, 0, _MS_MOST, 0),
        _int("leaves_both", <size_t>&(<Maker*>NULL).leaves_both, 0, 1, 0),
        _int("leaves_adl", <size_t>&(<Maker*>NULL).leaves_adl, 0, 1, 0),
        _int("return_after_ms", <size_t>&(<Maker*>NULL).return_after_ms, 1, _MS_MOST, 1000),
        _float("return_size", <size_t>&(<Maker*>NULL).return_size, 0.0, 1.0, 1.0),
        _float("return_spread", <size_t>&(<Maker*>NULL).return_spread, 1.0, 1e6, 1.0),
        _float("spread_tau_ms", <size_t>&(<Maker*>NULL).spread_tau_ms, 0.0, 1e12, 0.0),
        _float("size_tau_ms", <size_t>&(<Maker*>NULL).size_tau_ms, 0.0, 1e12, 0.0),
    )),
    "noise": (BEHAVIOUR_NOISE, sizeof(Noise), 0, (
        _market("market", <size_t>&(<Noise*>NULL).market),
        _float("mean_gap_ms", <size_t>&(<Noise*>NULL).mean_gap_ms, 1.0, 1e12),
        _int("qty_min", <size_t>&(<Noise*>NULL).qty_min, 1, _LOTS_MOST),
        _int("qty_max", <size_t>&(<Noise*>NULL).qty_max, 1, _LOTS_MOST),
        _float("slippage", <size_t>&(<Noise*>NULL).slippage, 0.0, 1.0, 0.0),
    )),
    "point": (BEHAVIOUR_POINT, sizeof(Point), 0, (
        _market("market", <size_t>&(<Point*>NULL).market),
        _float("mu", <size_t>&(<Point*>NULL).mu, 1e-15, 1e6),
        _float("alpha", <size_t>&(<Point*>NULL).alpha, 0.0, 1e6, 0.0),
        _float("beta", <size_t>&(<Point*>NULL).beta, 1e-15, 1e6, 1.0),
        _int("side", <size_t>&(<Point*>NULL).side, -1, 1, 0),
        _int("qty_min", <size_t>&(<Point*>NULL).qty_min, 1, _LOTS_MOST),
        _int("qty_max", <size_t>&(<Point*>NULL).qty_max, 1, _LOTS_MOST),
    )),
    "flow": (BEHAVIOUR_FLOW, sizeof(Flow), 0, (
        _market("market", <size_t>&(<Flow*>NULL).market),
        _float("market_rate", <size_t>&(<Flow*>NULL).market_rate, 0.0, 1e6),
        _int("qty_min", <size_t>&(<Flow*>NULL).qty_min, 1, _LOTS_MOST),
        _int("qty_max", <size_t>&(<Flow*>NULL).qty_max, 1, _LOTS_MOST),
        _int("anchor_ticks", <size_t>&(<Flow*>NULL).anchor_ticks, -0x80000000, 0x7FFFFFFF),
    )),
    "momentum": (BEHAVIOUR_MOMENTUM, sizeof(Momentum), HEARS_FILLS, (
        _market("market", <size_t>&(<Momentum*>NULL).market),
        _int("wake_every_ms", <size_t>&(<Momentum*>NULL).wake_every_ms, 1, _MS_MOST),
        _int("lookback_ms", <size_t>&(<Momentum*>NULL).lookback_ms, 1, _MS_MOST),
        _int("hold_ms", <size_t>&(<Momentum*>NULL).hold_ms, 1, _MS_MOST),
        _float("threshold", <size_t>&(<Momentum*>NULL).threshold, 0.0, _HUGE),
        _int("qty_lots", <size_t>&(<Momentum*>NULL).qty_lots, 1, _LOTS_MOST),
    )),
    "arbitrage": (BEHAVIOUR_ARBITRAGE, sizeof(Arbitrage), HEARS_FILLS, (
        _market("market", <size_t>&(<Arbitrage*>NULL).market),
        _market("other", <size_t>&(<Arbitrage*>NULL).other),
        _int("wake_every_ms", <size_t>&(<Arbitrage*>NULL).wake_every_ms, 1, _MS_MOST),
        _float("threshold", <size_t>&(<Arbitrage*>NULL).threshold, 0.0, _HUGE),
        _float("price_ratio", <size_t>&(<Arbitrage*>NULL).price_ratio, 1e-12, 1e12, 1.0),
        _float("lots_ratio", <size_t>&(<Arbitrage*>NULL).lots_ratio, 1e-12, 1e12, 1.0),
        _int("qty_lots", <size_t>&(<Arbitrage*>NULL).qty_lots, 1, _LOTS_MOST),
        _int("inventory_max", <size_t>&(<Arbitrage*>NULL).inventory_max, 1, _LOTS_MOST, _LOTS_MOST),
        _int("other_account", <size_t>&(<Arbitrage*>NULL).other_account, -1, 0x7FFFFFFF, -1),
    )),
    "value": (BEHAVIOUR_VALUE, sizeof(Value), HEARS_FILLS | HEARS_ENDS, (
        _market("market", <size_t>&(<Value*>NULL).market),
        _int("wake_every_ms", <size_t>&(<Value*>NULL).wake_every_ms, 1, _MS_MOST),
        _float("threshold", <size_t>&(<Value*>NULL).threshold, 0.0, 1.0),
        _int("fair_ticks", <size_t>&(<Value*>NULL).fair_ticks, 1, 0x7FFFFFFF),
        _int("qty_lots", <size_t>&(<Value*>NULL).qty_lots, 1, _LOTS_MOST),
        _int("inventory_max", <size_t>&(<Value*>NULL).inventory_max, 1, _LOTS_MOST, _LOTS_MOST),
        _int("rests", <size_t>&(<Value*>NULL).rests, 0, 1, 0),
        _int("calm_ms", <size_t>&(<Value*>NULL).calm_ms, 0, _MS_MOST, 0),
    )),
    "bot": (BEHAVIOUR_BOT, sizeof(Bot), HEARS_FILLS | HEARS_ENDS | HEARS_ACKS | HEARS_ACTIONS, (
        _market("market", <size_t>&(<Bot*>NULL).market),
        _int("protocol", <size_t>&(<Bot*>NULL).protocol, 0, 65534),
        _int("pool", <size_t>&(<Bot*>NULL).pool, -1, 65534, -1),
        _int("every_ms", <size_t>&(<Bot*>NULL).every_ms, 1, _MS_MOST),
        _int("scan", <size_t>&(<Bot*>NULL).scan, 1, 1 << 20, 16),
        _int("flash", <size_t>&(<Bot*>NULL).is_flash, 0, 1, 0),
        _float("margin", <size_t>&(<Bot*>NULL).margin, 0.0, 1.0, 0.0),
        _int("least_profit", <size_t>&(<Bot*>NULL).least_profit, 0, _LOTS_MOST, 0),
        _int("tip_ppm", <size_t>&(<Bot*>NULL).tip_ppm, 0, 1000000, 0),
        _int("gas_value", <size_t>&(<Bot*>NULL).gas_value, 0, 1 << 40, 1000000),
        _int("capital", <size_t>&(<Bot*>NULL).capital, 0, _LOTS_MOST, 0),
    )),
    "looper": (BEHAVIOUR_LOOPER, sizeof(Looper), HEARS_FILLS | HEARS_ENDS | HEARS_ACKS | HEARS_ACTIONS | HEARS_LOANS, (
        _market("market", <size_t>&(<Looper*>NULL).market),
        _int("protocol", <size_t>&(<Looper*>NULL).protocol, 0, 65534),
        _int("pool", <size_t>&(<Looper*>NULL).pool, -1, 65534, -1),
        _int("loops", <size_t>&(<Looper*>NULL).loops, 0, 64, 5),
        _int("ltv_ppm", <size_t>&(<Looper*>NULL).ltv_ppm, 1, 1000000, 800000),
        _int("slippage_ppm", <size_t>&(<Looper*>NULL).slippage_ppm, 0, 1000000, 5000),
        _int("every_ms", <size_t>&(<Looper*>NULL).every_ms, 1, _MS_MOST),
        _int("flee_health_ppm", <size_t>&(<Looper*>NULL).flee_health_ppm, 0, 1000000000, 0),
        _int("flee_ticks", <size_t>&(<Looper*>NULL).flee_ticks, 0, 0x7FFFFFFF, 0),
        _int("flee_rate_ppm", <size_t>&(<Looper*>NULL).flee_rate_ppm, 0, 9000000, 0),
        _int("keep_ppm", <size_t>&(<Looper*>NULL).keep_ppm, 1000000, 1000000000, 1000001),
        _int("share_ppm", <size_t>&(<Looper*>NULL).share_ppm, 1, 1000000, 1000000),
        _int("built", <size_t>&(<Looper*>NULL).is_built, 0, 1, 0),
    )),
    "hedge": (BEHAVIOUR_HEDGE, sizeof(Hedge), HEARS_FILLS | HEARS_ENDS | HEARS_ACKS, (
        _market("market", <size_t>&(<Hedge*>NULL).market),
        _market("other", <size_t>&(<Hedge*>NULL).other),
        _int("react_ms", <size_t>&(<Hedge*>NULL).react_ms, 1, _MS_MOST),
        _int("tolerance_lots", <size_t>&(<Hedge*>NULL).tolerance_lots, 1, _LOTS_MOST, 1),
        _int("mode", <size_t>&(<Hedge*>NULL).mode, HEDGE_REOPENS, HEDGE_UNWINDS, HEDGE_REOPENS),
        _float("lots_ratio", <size_t>&(<Hedge*>NULL).lots_ratio, 1e-12, 1e12, 1.0),
        _int("other_account", <size_t>&(<Hedge*>NULL).other_account, -1, 0x7FFFFFFF, -1),
    )),
    "pool_arbitrage": (BEHAVIOUR_POOL_ARBITRAGE, sizeof(PoolArbitrage), HEARS_ACTIONS, (
        _market("market", <size_t>&(<PoolArbitrage*>NULL).market),
        _int("pool", <size_t>&(<PoolArbitrage*>NULL).pool, 0, 65534),
        _int("wake_every_ms", <size_t>&(<PoolArbitrage*>NULL).wake_every_ms, 1, _MS_MOST),
        _float("threshold", <size_t>&(<PoolArbitrage*>NULL).threshold, 0.0, 1e6),
        _int("atoms_max", <size_t>&(<PoolArbitrage*>NULL).atoms_max, 1, _LOTS_MOST, _LOTS_MOST),
        _float("slippage", <size_t>&(<PoolArbitrage*>NULL).slippage, 0.0, 1.0, 0.0),
        _int("tip", <size_t>&(<PoolArbitrage*>NULL).tip, 0, 1 << 40, 0),
        _int("base", <size_t>&(<PoolArbitrage*>NULL).base, -1, 65535, -1),
        _int("quote", <size_t>&(<PoolArbitrage*>NULL).quote, -1, 65535, -1),
        _int("other_account", <size_t>&(<PoolArbitrage*>NULL).other_account, -1, 0x7FFFFFFF, -1),
    )),
    "shock": (BEHAVIOUR_SHOCK, sizeof(Shock), 0, (
        _market("market", <size_t>&(<Shock*>NULL).market),
        ("side", <size_t>&(<Shock*>NULL).side, FIELD_SIDE, -1, 1, _MISSING),
        _int("qty_lots", <size_t>&(<Shock*>NULL).left_lots, 1, _LOTS_MOST),
        _int("slices", <size_t>&(<Shock*>NULL).slices_left, 1, _LOTS_MOST, 1),
        _int("every_ms", <size_t>&(<Shock*>NULL).every_ms, 1, _MS_MOST, 1),
    )),
}
cdef dict _LAWS = {"fixed": LAW_FIXED, "uniform": LAW_UNIFORM, "exponential": LAW_EXPONENTIAL, "lognormal": LAW_LOGNORMAL, "pareto": LAW_PARETO}
