"""A small world whose prices are stepped through, a millisecond at a time, with what its oracles saw."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from worldkit import BASE, BUY, QUOTE, SELL, opened

from engine.reference.prices import IndexRule, Sender, Source, Window, is_out

INDEX, MARK, ORACLE = 1, 2, 3
MIDDLE = 1_000


@dataclass
class Seen:
    """What a market's prices are when an oracle looks, in phase 2."""

    best_bid: int | None = None
    best_ask: int | None = None
    last: int | None = None
    last_ms: int = 0
    index: int | None = None
    index_ms: int = 0
    oracle: int | None = None
    oracle_ms: int = 0

    @property
    def mid(self) -> int | None:
        if self.best_bid is None or self.best_ask is None:
            return None
        return (self.best_bid + self.best_ask) // 2


@dataclass
class Tape:
    """Hold a spot market 0, another 1, a perpetual 2 and another 3, and one trader who moves them.

    Parameters
    ----------
    seed : int
        Of what the trader does.
    busy : float
        Share of the milliseconds in which it moves a market.
    """

    seed: int = 1
    busy: float = 0.3
    spots: list[int] = field(default_factory=list)
    perpetuals: list[int] = field(default_factory=list)

    def __post_init__(self):
        self.twin = opened()
        self.native = self.twin.native
        self.spots = [self.twin.spot(BASE, QUOTE) for _ in range(2)]
        self.perpetuals = [self.twin.perpetual(QUOTE) for _ in range(2)]
        self.markets = self.spots + self.perpetuals
        self.trader, self.other = self.twin.account(10**9, 10**6), self.twin.account(10**9, 10**6)
        self.random = random.Random(self.seed)
        self.tickets = {market: [] for market in self.markets}
        self.trades = dict.fromkeys(self.markets, 0)
        self.last_ms = dict.fromkeys(self.markets, 0)

    def quote(self, market, bid, ask, *, at_ms):
        """Take the old quotes off and put new ones in; None for an empty side."""
        for ticket in self.tickets[market]:
            self.native.send_cancel(ticket, at_ms=at_ms)
        self.tickets[market] = [
            self.native.send_order(self.trader, market, side, price, 1, at_ms=at_ms)
            for side, price in ((BUY, bid), (SELL, ask))
            if price is not None
        ]

    def trade(self, market, price, *, at_ms):
        """Trade one lot at a price between the quotes, which leaves nothing behind."""
        self.native.send_order(self.trader, market, SELL, price, 1, at_ms=at_ms)
        self.native.send_order(self.other, market, BUY, price, 1, at_ms=at_ms)

    def move(self, at_ms):
        """Move some market somewhere, or leave it with an empty side."""
        for market in self.markets:
            if self.random.random() >= self.busy:
                continue
            middle, half = MIDDLE + self.random.randint(-60, 60), self.random.randint(1, 9)
            bid = None if self.random.random() < 0.15 else middle - half
            ask = None if self.random.random() < 0.15 else middle + half
            self.quote(market, bid, ask, at_ms=at_ms)
            if self.random.random() < 0.4:
                self.trade(market, middle, at_ms=at_ms)

    def seen(self):
        """Return what each market's prices are now."""
        found = {}
        for market in self.markets:
            state = self.native.market(market)
            if state["trades"] != self.trades[market]:
                self.trades[market], self.last_ms[market] = state["trades"], self.native.now_ms
            found[market] = Seen(
                state["best_bid"],
                state["best_ask"],
                state["last"],
                self.last_ms[market],
                state["index"],
                state["index_ms"] or 0,
                state["oracle"],
                state["oracle_ms"] or 0,
            )
        return found

    def steps(self, until_ms, *, moves=True):
        """Run millisecond by millisecond; yield (now, the books before it with the published prices of it)."""
        while self.native.now_ms < until_ms:
            before = self.seen()
            now_ms = self.native.now_ms + 1
            if moves:
                self.move(now_ms)
            self.native.run(now_ms)
            for market, seen in before.items():
                state = self.native.market(market)
                seen.index, seen.index_ms = state["index"], state["index_ms"] or 0
                seen.oracle, seen.oracle_ms = state["oracle"], state["oracle_ms"] or 0
            yield now_ms, before

    def published(self, market, kind):
        """Return (time_ms, ticks) of all that was published."""
        table = self.native.prices()
        columns = (table[name].tolist() for name in ("market", "kind", "time_ms", "price_ticks"))
        return [row[2:] for row in zip(*columns, strict=True) if row[:2] == (market, kind)]


# ---- an index beside its reference -----------------------------------------------------------------------------------


def price_of(kind, seen, now_ms):
    """Return (ticks, age) of a market's series."""
    if kind == "mid":
        return seen.mid, 0
    if kind == "last":
        return seen.last, now_ms - seen.last_ms
    if kind == "index":
        return seen.index, now_ms - seen.index_ms
    return seen.oracle, now_ms - seen.oracle_ms


class Followed:
    """Be a source as the core takes it, with the reference's beside it."""

    def __init__(self, spec, sample_every_ms):
        self.spec = spec
        names = ("numerator", "denominator", "growth_ppb", "growth_every_ms", "growth_from_ms")
        given = {name: spec[name] for name in names if name in spec}
        no_limit = 0 if spec["kind"] == "mid" and "factor" not in spec else None
        self.source = Source(spec.get("weight", 1), stale_ms=spec.get("stale_ms", no_limit), **given)
        self.window = Window(-(-spec.get("window_ms", 1) // sample_every_ms))
        self.sampled_ms = 0

    def sample(self, now_ms, books):
        """Take a sample for a TWAP."""
        if self.spec["kind"] == "twap" and books[self.spec["market"]].mid is not None:
            self.window.add(books[self.spec["market"]].mid)
            self.sampled_ms = now_ms

    def read(self, now_ms, books):
        """Look at what the books say, and return (ticks, weight)."""
        kind = self.spec["kind"]
        if kind == "fixed":
            price, age_ms = self.spec["ticks"], 0
        elif kind == "twap":
            price, age_ms = self.window.mean(), now_ms - self.sampled_ms
        elif kind == "path":
            rows = zip(self.spec["time_ms"].tolist(), self.spec["price_ticks"].tolist(), strict=True)
            since_ms, price = ([(0, None)] + [row for row in rows if row[0] <= now_ms])[-1]
            age_ms = now_ms - since_ms
        else:
            price, age_ms = price_of(kind, books[self.spec["market"]], now_ms)
        factor, factor_age_ms = 1, 0
        if "factor" in self.spec:
            series, market = self.spec["factor"]
            factor, factor_age_ms = price_of(series, books[market], now_ms)
        self.source.look(now_ms, price, age_ms, factor, factor_age_ms)
        return self.source.read(now_ms), self.source.weight


def follow_index(tape, market, specs, rule, sender, *, every_ms, sample_every_ms, until_ms, outages=()):
    """Run an index of these sources from 0 ms on; return what was published, and what should have been."""
    rule, sender = IndexRule(**vars(rule)), Sender(sender.deviation_ppm, sender.heartbeat_ms)
    tape.native.add_index(
        market, specs, every_ms=every_ms, lag_ms=0, sample_every_ms=sample_every_ms,
        combine="median" if rule.is_median else "mean", outlier_ppm=rule.outlier_ppm, clamp_ppm=rule.clamp_ppm,
        floor_ticks=rule.floor_ticks, deviation_ppm=sender.deviation_ppm, heartbeat_ms=sender.heartbeat_ms,
        outages=outages,
    )  # fmt: skip
    sources = [Followed(spec, sample_every_ms) for spec in specs]
    wanted = []

    def look(now_ms, books):
        if is_out(outages, now_ms):
            return
        if now_ms % sample_every_ms == 0:
            for source in sources:
                source.sample(now_ms, books)
        if now_ms % every_ms == 0:
            value = rule.value([source.read(now_ms, books) for source in sources], sender.sent)
            if sender.send(value, now_ms):
                wanted.append((now_ms, value))

    books = tape.seen()
    tape.native.run(0)
    look(0, books)
    for now_ms, books in tape.steps(until_ms):
        look(now_ms, books)
    return tape.published(market, INDEX), wanted
