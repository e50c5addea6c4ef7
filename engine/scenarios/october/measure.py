"""What a run of the day shows: the scorecard's statistics, read off its tables.

Times are minutes after 20:45. `None`: the run cannot tell, since a table is not recorded, or has not come so far.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.bearing import WaterfallKind
from engine.lineage import LandmarkKind
from engine.protocols import ACTIONS
from engine.scenarios.generated import plain
from engine.scenarios.october.markets import PEGGED, perp_name, spot_name
from engine.tables import NO_NUMBER, NO_PRICE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.part import Part
    from engine.scenarios.october.assets import Coin

    Array = np.ndarray[Any, Any]

__all__ = ["Day", "statistics"]

LIQUIDATED = ACTIONS.index("liquidate") + 1  # kind of the table `actions`
MINUTE = 60_000
MINUTES = 106  # of the whole day, with the one in which it ends
QUIET_MS = 600_000
VENUES = ("binance", "bybit", "dex", "chain")  # in the order in which they are declared
FUND = 1_230.0  # of the first venue before, M USD (RULEBOOK 9 row 28)


def clock(text: str) -> int:
    """Return a clock time in ms after 20:45."""
    hours, minutes = text.split(":")
    return ((int(hours) - 20) * 60 + int(minutes) - 45) * MINUTE


class Day:
    """A run's tables, each read once, by market's name."""

    def __init__(self, part: Part, coins: list[Coin], grain: float) -> None:
        self.simulation, self.coins, self.grain = part.simulation, coins, grain
        self.world = part.simulation.world
        self.numbers = {name: market.number for name, market in self.simulation.markets.items()}
        listed = self.simulation.markets.values()  # in the order of their numbers
        names = [*VENUES][: len(self.simulation.venues)]
        self.venues = np.array([names[market.venue] for market in listed])
        self.is_perpetual = np.array([market.base is None for market in listed])
        self.worth = np.array([float(market.atoms_per_tick_lot) for market in listed])

    @cached_property
    def told(self) -> frozenset[str]:
        """The tables that have something to tell: those that are recorded, and samples from the second round on."""
        recorded = self.world.recording()
        told = {name for name in ("trades", "waterfall", "actions") if recorded[name]}
        # The first round is taken before anybody has quoted.
        return frozenset(told | ({"samples"} if len(self.samples["time_ms"]) > 1 else set()))

    @cached_property
    def trades(self) -> dict[int, Array]:
        """Rows of the trades by market."""
        markets = self.world.trades()["market"]
        order = np.argsort(markets, kind="stable")
        bounds = np.searchsorted(markets[order], np.arange(len(self.numbers) + 1))
        return {number: order[bounds[number] : bounds[number + 1]] for number in range(len(self.numbers))}

    @cached_property
    def traded(self) -> dict[str, Array]:
        """Price and time of the trades: a table of many chunks is joined once."""
        table = self.world.trades()
        return {name: table[name] for name in ("price_ticks", "time_ms")}

    def low(self, market: str) -> tuple[float, float] | None:
        """Lowest trade price, in units, and its minute."""
        if market not in self.numbers:
            return None
        rows = self.trades[self.numbers[market]]
        if not len(rows):
            return None
        prices = self.traded["price_ticks"][rows]
        at = int(prices.argmin())
        grid = self.simulation.markets[market].price
        return int(prices[at]) * float(grid.step), float(self.traded["time_ms"][rows[at]]) / MINUTE

    @cached_property
    def samples(self) -> dict[str, Array]:
        """The samples, market by time, as matrices by column."""
        table, count = self.world.samples(), len(self.numbers)
        whole = len(table["time_ms"]) // count * count
        return {name: table[name][:whole].reshape(-1, count) for name in table.names}

    def series(self, market: str, column: str) -> Array:
        """One column of a market's samples; prices that are not there are NaN."""
        values = self.samples[column][:, self.numbers[market]].astype(np.float64)
        return np.where(values == NO_PRICE, np.nan, values)

    @cached_property
    def times(self) -> Array:
        """Times of the samples, ms."""
        return self.samples["time_ms"][:, 0]

    @cached_property
    def liquidated(self) -> dict[str, Array]:
        """What liquidations closed: fills of their orders, and positions taken over; time, USD, venue, side, account.

        A venue reports both as liquidations.
        """
        trades, marks = self.world.trades(), self.world.landmarks()
        cause = trades["cause"]
        rows = np.flatnonzero(
            (marks["kind"][cause] == LandmarkKind.STEP)
            & (marks["account"][cause] == trades["taker_account"])
            & self.is_perpetual[trades["market"]]
        )
        market = trades["market"][rows]
        filled = {
            "time_ms": trades["time_ms"][rows],
            "usd": trades["qty_lots"][rows] * trades["price_ticks"][rows] * self.worth[market] / 1e6,
            "market": market,
            "venue": self.venues[market],
            "is_long": trades["aggressor_side"][rows] < 0,
            "account": trades["taker_account"][rows],
        }
        taken = self.moved(WaterfallKind.TAKEOVER)
        return {name: np.concatenate([filled[name], taken[name]]) for name in filled}

    def moved(self, kind: WaterfallKind) -> dict[str, Array]:
        """Positions that were taken over or deleveraged: time, USD at mark, venue, side, account."""
        table = self.world.table("waterfall")
        rows = np.flatnonzero((table["kind"] == kind) & (table["market"] != NO_NUMBER))
        market = table["market"][rows]
        return {
            "time_ms": table["time_ms"][rows],
            "usd": np.abs(table["qty_lots"][rows]) * table["mark_ticks"][rows] * self.worth[market] / 1e6,
            "market": market,
            "venue": self.venues[market],
            "is_long": table["qty_lots"][rows] > 0,
            "account": table["account"][rows],
        }

    def moved_at(self, kind: WaterfallKind, venue: str) -> tuple[Array, float]:
        """Times of such moves at a venue, and their sum, M USD."""
        rows = self.moved(kind)
        here = rows["venue"] == venue
        return rows["time_ms"][here], float(rows["usd"][here].sum()) / 1e6


def statistics(day: Day) -> dict[str, float | None]:
    """Return every statistic of the scorecard that the run's tables can tell."""
    found: dict[str, float | None] = {}
    for needs, measure in _MEASURES:
        if needs <= day.told:
            found |= measure(day)
    return plain(found)


def _of_known(law: Callable[[Array], Any], values: Array) -> float:
    """Return a law of the values that are there, NaN of none."""
    known = values[~np.isnan(values)]
    return float(law(known)) if len(known) else math.nan


def _ratio(a: float, b: float) -> float:
    """Return a / b, NaN if b is 0."""
    return float(a) / float(b) if b else math.nan


# ---- prices, times ---------------------------------------------------------------------------------------------------


def _falls(day: Day) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    by_name = {coin.name: coin for coin in day.coins}
    for name in ("BTC", "ETH", "SOL"):
        low = day.low(spot_name(name))
        found[f"fall_{name.lower()}"] = None if low is None else 100 * (1 - low[0] / by_name[name].high)
    lows = [(coin, day.low(spot_name(coin.name))) for coin in day.coins if coin.kind != "major"]
    falls = np.array([100 * (1 - low[0] / coin.high) for coin, low in lows if low is not None])
    minutes = np.array([low[1] for _, low in lows if low is not None])
    if len(falls):
        found |= {"alts_median": float(np.median(falls)), "low_alts": float(np.median(minutes))}
        found |= {f"alts_beyond_{bound}": 100 * float(np.mean(falls > bound)) for bound in (50, 80, 90)}
    btc = day.low(spot_name("BTC"))
    if btc is not None:
        found["low_btc"] = btc[1]
    return found


def _btc_path(day: Day) -> dict[str, float | None]:
    index = day.series(spot_name("BTC"), "index")
    if np.isnan(index).all():
        return {}
    at = int(np.nanargmin(index))
    ten, hour = (int(np.searchsorted(day.times, day.times[at] + ms)) for ms in (-10 * MINUTE, 60 * MINUTE))
    opening = index[1]
    return {
        "btc_ten_minutes": 100 * (1 - float(index[at] / index[max(ten, 1)])),
        "btc_after_hour": 100 * (1 - float(index[min(hour, len(index) - 1)] / opening)),
    }


# ---- depth -----------------------------------------------------------------------------------------------------------


def _depth_usd(day: Day, market: str) -> Array:
    """Resting value within 1 %, both sides, each 30 s, in quote ticks x lots."""
    lots = day.series(market, "bid_lots_1pct") + day.series(market, "ask_lots_1pct")
    price = day.series(market, "last")
    every = np.unique(np.searchsorted(day.times, np.arange(MINUTE // 2, day.times[-1] + 1, MINUTE // 2)))
    every = every[every < len(lots)]
    return np.stack([day.times[every], lots[every] * price[every]])


def _depth(day: Day) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    back = []
    for coin in day.coins:
        market = perp_name(coin.name, "binance")
        if market not in day.numbers:
            continue
        times, worth = _depth_usd(day, market)
        usual = _of_known(np.median, worth[times <= QUIET_MS])
        least = _of_known(np.min, np.where(worth > 0, worth, np.nan))  # an empty book is told as no depth at all
        if coin.name in ("ETH", "SOL", "XRP", "DOGE"):
            found[f"depth_{coin.name.lower()}"] = usual / least
        thin = np.flatnonzero(worth < usual / 10)
        if coin.kind != "major" and len(thin):
            back.append(float(times[min(thin[-1] + 1, len(times) - 1)]) / MINUTE)
    found["depth_back"] = float(np.median(back)) if back else None
    return found


# ---- forced volume ---------------------------------------------------------------------------------------------------


def _reported(day: Day) -> Array:
    """What feeds show of each liquidation, USD: the first venue's has one a symbol and second (RULEBOOK 9 row 21).

    An account stands for `grain` real ones, so of the n that are liquidated in a second a real one is 1 / (n * grain).
    """
    rows = day.liquidated
    key = rows["market"].astype(np.int64) * 10**7 + rows["time_ms"] // 1000
    _, place, count = np.unique(key, return_inverse=True, return_counts=True)
    shown = 1.0 / (count[place] * day.grain)
    return rows["usd"] * np.where(rows["venue"] == "binance", np.minimum(1.0, shown), 1.0)


def _forced(day: Day) -> dict[str, float | None]:
    rows = day.liquidated
    usd, times = _reported(day), rows["time_ms"]
    total = float(usd.sum())
    if not total:
        return {}
    early = (times >= clock("20:50")) & (times < clock("21:30"))
    dex, first = rows["venue"] == "dex", rows["venue"] == "binance"
    by_minute = np.bincount(times // MINUTE, weights=usd, minlength=MINUTES)
    largest = np.bincount(rows["account"][dex], weights=usd[dex]) if dex.any() else np.zeros(1)
    return {
        "forced": total / 1e6,
        "forced_long": 100 * _part(usd[early], rows["is_long"][early]),
        "dex_share": 100 * _part(usd, dex),
        "dex_long": 100 * _part(usd[dex], rows["is_long"][dex]),
        "peak_minute": float(by_minute.argmax()),
        "peak_share": 100 * _ratio(by_minute.max(), usd[early].sum()),
        "forced_before": 100 * _part(usd[first], times[first] < clock("21:36")),
        "dex_largest": float(largest.max()) / 1e6,
    }


def _part(weights: Array, chosen: Array) -> float:
    return _ratio(weights[chosen].sum(), weights.sum())


def _interest(day: Day) -> dict[str, float | None]:
    """Open interest before and at the end, each in USD at the marks of then, as it is published."""
    worth = {
        name: day.series(name, "open_lots") * day.series(name, "mark") * day.worth[day.numbers[name]]
        for name in day.numbers
        if name.endswith(("-PERP", "-DEX", "-BYBIT")) and name != "USDe-BYBIT"
    }
    before, after = (sum(float(rows[at]) for rows in worth.values()) for at in (1, -1))
    btc = worth["BTC-PERP"]
    return {"interest_btc": 100 * (1 - _ratio(btc[-1], btc[1])), "interest_all": 100 * (1 - _ratio(after, before))}


# ---- who bore it -----------------------------------------------------------------------------------------------------


def _fund(day: Day) -> dict[str, float | None]:
    return {"fund_used": FUND - day.world.balance(1, day.simulation.assets["USDT"].number)[0] / 1e12}


def _borne(day: Day) -> dict[str, float | None]:
    times, taken = day.moved_at(WaterfallKind.TAKEOVER, "dex")
    adl_times, adl = day.moved_at(WaterfallKind.ADL, "dex")
    return {
        "dex_takeovers": taken,
        "dex_adl": adl,
        "adl_after": float(times.min() <= adl_times.min()) if len(times) and len(adl_times) else None,
    }


def _marks(day: Day) -> dict[str, float | None]:
    """Marks beside the mean trade of each minute, as the published comparison has them."""
    table, market = day.world.trades(), "SOL-DEX"
    gaps = {name: _mark_gaps(day, table, name) for name in ("BTC-DEX", "ETH-DEX", market)}
    window = slice(clock("21:13") // MINUTE, clock("21:22") // MINUTE)
    above = _of_known(np.mean, np.array([_of_known(np.mean, gap[window]) for gap in gaps.values()]))
    return {
        "mark_gap_sol": 100 * _of_known(np.max, gaps[market]),
        "mark_above": None if math.isnan(above) else float(above > 0),
    }


def _mark_gaps(day: Day, table: Any, market: str) -> Array:
    rows = day.trades[day.numbers[market]]
    minute = table["time_ms"][rows] // MINUTE
    lots, price = table["qty_lots"][rows].astype(np.float64), table["price_ticks"][rows].astype(np.float64)
    bought = np.bincount(minute, weights=lots, minlength=MINUTES)
    mean = np.bincount(minute, weights=lots * price, minlength=MINUTES) / np.where(bought > 0, bought, np.nan)
    return _minute_means(day, day.series(market, "mark")) / mean - 1


def _minute_means(day: Day, values: Array) -> Array:
    """Mean of the samples of each minute: a mark of its end would be below the minute's trades whenever it falls."""
    known = ~np.isnan(values)
    minute = day.times[known] // MINUTE
    count = np.bincount(minute, minlength=MINUTES)
    return np.bincount(minute, weights=values[known], minlength=MINUTES) / np.where(count > 0, count, np.nan)


# ---- the second phase, lending ---------------------------------------------------------------------------------------


def _pegged(day: Day) -> dict[str, float | None]:
    by_name = {coin.name: coin for coin in day.coins}
    found: dict[str, float | None] = {}
    for name, market in (("usde_low", "USDe/USDT"), ("usde_bybit", "USDe-BYBIT"), ("usde_chain", "USDe-CHAIN")):
        low = day.low(market)
        found[name] = None if low is None else 100 * low[0]
    minutes = []
    for name, key in (("WBETH", "wbeth_fall"), ("BNSOL", "bnsol_fall")):
        of, rate, _ = PEGGED[name]
        low = day.low(spot_name(name))
        if low is not None:
            found[key] = 100 * (1 - low[0] / (by_name[of].high * float(rate)))
            minutes.append(low[1])
            if name == "WBETH":
                found["wbeth_low"] = low[1]
    usde = day.low("USDe/USDT")
    minutes += [] if usde is None else [usde[1]]
    alts = [low[1] for coin in day.coins if coin.kind != "major" and (low := day.low(spot_name(coin.name)))]
    found["alts_before_pegged"] = float(np.median(alts) < min(minutes)) if alts and minutes else None
    return found


def _deviation(day: Day) -> dict[str, float | None]:
    """From when until when an own-book index of a pegged token is 5 % below what the token converts to."""
    off = np.zeros(len(day.times), dtype=bool)
    for name, (of, rate, _) in PEGGED.items():
        if spot_name(name) not in day.numbers:
            continue
        own = day.series(spot_name(name), "index") * float(day.simulation.markets[spot_name(name)].price.step)
        true = np.ones(len(own))
        if of != "USDT":
            grid = float(day.simulation.markets[spot_name(of)].price.step)
            true = day.series(spot_name(of), "index") * grid * float(rate)
        off |= own / true < 0.95
    at = np.flatnonzero(off)
    if not len(at):
        return {"deviation_begins": None, "deviation_ends": None}
    return {"deviation_begins": day.times[at[0]] / MINUTE, "deviation_ends": day.times[at[-1]] / MINUTE}


def _lending(day: Day) -> dict[str, float | None]:
    return {"aave": float(day.simulation.lender("aave").repaid_value) / 1e6}


def _lending_oracle(day: Day) -> dict[str, float | None]:
    table = day.world.table("actions")
    done = (table["kind"] == LIQUIDATED) & (table["reason"] == 0)
    usde = done & (table["other"] == day.simulation.assets["USDe"].number)
    total = float(table["paid_atoms"][done].sum())
    return {"aave_usde": float(table["paid_atoms"][usde].sum() < 0.01 * total) if total else None}


# The tables that a measure reads, and the measure.
_MEASURES: tuple[tuple[set[str], Callable[[Day], Mapping[str, float | None]]], ...] = (
    ({"trades"}, _falls),
    ({"samples"}, _btc_path),
    ({"samples"}, _depth),
    ({"trades", "waterfall"}, _forced),
    ({"samples"}, _interest),
    (set(), _fund),
    ({"waterfall"}, _borne),
    ({"trades", "samples"}, _marks),
    ({"trades"}, _pegged),
    ({"samples"}, _deviation),
    (set(), _lending),
    ({"actions"}, _lending_oracle),
)
