"""ATOM/USDT, 10 October 2025: the flash crash, replayed, countered and grown from mechanisms.

Three parts on one seed:

- *exact*: the levels of the 71 real prints as stale bids among 500 decoys; the real sell of 9,695.33 ATOM sent as a
  market order and as a limit at 0.001 IOC. Nothing is free here: fills must equal the prints.
- *same sell, makers there*: the same bids and the same sell, with makers' quotes at usual depth above them.
- *endogenous*: leveraged longs, makers who cancel their bids when the price falls too fast, stale bids, an outside
  sale; and the same seed with makers who stay.

Stands on `engine.simulation`. Sources: prints and clock, yanagihalab/atom-flash-crash-research (CC BY 4.0); usual depth
within 1 % of about 2.5 M USDT, CoinDesk Research, November 2025 (as quoted for ATOM's group); the price of about 4 USDT
before the fall is public record. Everything marked "chosen" below is a parameter, not a measurement: the endogenous
part shows a mechanism, it is no fit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from engine import _core
from engine.scenarios.atom_prints import PRINTS
from engine.simulation import Simulation
from engine.types import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.simulation import Market

SUMMARY = (
    "one 9,695 ATOM market sell walks an emptied book to 0.001; "
    "then the same fall grown from makers who leave and longs who are liquidated"
)
DEFAULT_SEED = 20251010
START = "2025-10-10T21:18:00Z"
TIMELINE_PART = "endogenous"

# The sell (figures of the source above).
SELL_QUANTITY = "9695.33"
SELL_LIMIT = "0.001"
DECOYS = 500

# Usual depth on one side within 1 % of the mid, USDT.
USUAL_DEPTH = 2_500_000
PRICE_BEFORE = "4.000"
PRICE_AT_SELL = "1.700"  # between the first print, 1.688, and what the makers of part two quote around

# Chosen: the endogenous part.
MAKERS = 8
LEVELS = 5
DRAWDOWN = 0.005  # a maker leaves when the price has fallen 0.5 % within a second
LATENCY_MEDIAN_MS = 12.0
SKEW = 0.05  # a full inventory moves a maker's quotes by 5 %
INVENTORY_LEVELS = 6  # a full inventory is that many of its quotes
RETURN_AFTER_MS = 100_000
LONGS = 1_200
LEVERAGE = (2.0, 12.0)
MARK_EVERY_MS = 1_000
STAGE = "0.1"
LONG_NOTIONAL_MIN = 1_500.0  # USDT, the least of a Pareto law with exponent 1.4
STAGE_LOTS_MIN = 50_000  # 50 ATOM
STALE_NOTIONAL_MIN = 6_000.0
STALE_BIDS = 260
SHOCK_AT_MS = 60_000
SHOCK_QUANTITY = 250_000  # ATOM, over 2 s, on the perpetual; a quarter of it on the spot market
DURATION_MS = 300_000


@dataclass
class Part:
    """One simulation of the scenario and what it is there for."""

    name: str
    simulation: Simulation
    market: Market
    until_ms: int
    extra: dict[str, object] = field(default_factory=dict)

    @property
    def low_ticks(self) -> int | None:
        """Lowest trade price on the part's market, ticks."""
        trades = self.simulation.world.trades()
        prices = trades["price_ticks"][trades["market"] == self.market.number]
        return int(prices.min()) if len(prices) else None

    @property
    def low(self) -> Decimal | None:
        """Lowest trade price on the part's market, USDT."""
        ticks = self.low_ticks
        return None if ticks is None else self.market.price.value(ticks)


def _spot_world(seed: int) -> tuple[Simulation, Market]:
    """Open ATOM/USDT alone; price 0 is inside the bounds so that a decoy can lie below the tick floor's prints."""
    sim = Simulation(seed=seed)
    usdt = sim.asset("USDT", decimals=6, supply="10000000000")
    atom = sim.asset("ATOM", decimals=3, supply="10000000000")
    return sim, sim.spot("ATOM/USDT", atom, usdt, tick="0.001", lot="0.001", price_min=0)


def _shuffled(seed: int, count: int, purpose: str) -> list[int]:
    """Return 0 .. count - 1 in an order drawn by the seed (keyed like every other draw)."""
    keys = [_core.draw(seed, _core.member_key(purpose, i), 1, 0, 0) for i in range(count)]
    return sorted(range(count), key=keys.__getitem__)


def _place_prints(sim: Simulation, market: Market, seed: int, *, decoys: int) -> None:
    """Place the prints' levels and the decoys in drawn order, each arriving at a millisecond of its own.

    Prints that share a price keep their order; decoys at a print's price come after every print.
    """
    stale = sim.account("stale bids", USDT="1000000")
    other = sim.account("decoys", USDT="1000000", ATOM="1000000")
    order = _shuffled(seed, len(PRINTS), "prints")
    by_price: dict[str, list[int]] = {}
    for i, (price, _) in enumerate(PRINTS):
        by_price.setdefault(price, []).append(i)
    taken = dict.fromkeys(by_price, 0)
    for at_ms, i in enumerate(order):
        price = PRINTS[i][0]
        nth = by_price[price][taken[price]]  # the next of this price, whichever of them was drawn
        taken[price] += 1
        sim.place(stale, market, Side.BUY, price, PRINTS[nth][1], at_ms=2 * at_ms + 1)
    kinds = ("other side", "below", "same price, later", "cancelled")
    for at, i in enumerate(_shuffled(seed, decoys, "decoys")):
        kind = kinds[i % 4] if i else "cancelled"
        if kind == "other side":
            sim.place(other, market, Side.SELL, market.price.value(1700 + i), "1", at_ms=2 * at)
        elif kind == "below":
            sim.place(other, market, Side.BUY, "0", "1", at_ms=2 * at)
        elif kind == "same price, later":
            sim.place(other, market, Side.BUY, PRINTS[-1][0], "1", at_ms=2 * len(PRINTS) + 2 * at)
        else:
            ticket = sim.place(other, market, Side.BUY, PRINTS[i % len(PRINTS)][0], "1", at_ms=2 * at)
            sim.cancel(ticket, at_ms=2 * at + 1)


def _prints_equal(part: Part) -> int:
    """Count the prints that the fills equal, in order, in price and quantity; 0 if there are more fills than prints."""
    trades = part.simulation.world.trades()
    fills = list(zip(trades["price_ticks"].tolist(), trades["qty_lots"].tolist(), strict=True))
    prints = [(part.market.ticks(price), part.market.lots(quantity)) for price, quantity in PRINTS]
    if len(fills) != len(prints):
        return 0
    return sum(fill == real for fill, real in zip(fills, prints, strict=True))


def exact_part(seed: int, *, as_limit: bool) -> Part:
    """Build the replay of the real sell, as a market order or as a limit at the floor, IOC."""
    sim, market = _spot_world(seed)
    _place_prints(sim, market, seed, decoys=DECOYS)
    seller = sim.account("seller", ATOM=SELL_QUANTITY)
    at_ms = 2 * (len(PRINTS) + DECOYS) + 10
    price = SELL_LIMIT if as_limit else None
    sim.place(seller, market, Side.SELL, price, SELL_QUANTITY, at_ms=at_ms, immediate=as_limit)
    return Part("exact-limit" if as_limit else "exact", sim, market, at_ms + 10)


def _add_makers(
    sim: Simulation, markets: list[Market], price: str, *, leaves: bool, usual_depth: int, start_ms: int = 0
) -> None:
    """Add the makers, their quotes together as deep as usual within 1 % of the price."""
    for ordinal in range(MAKERS):
        account = sim.account(f"maker {ordinal}", USDT="100000000", ATOM="40000000")
        maker = sim.world.add_agents(
            "maker",
            account,
            _core.member_key("makers", ordinal),
            wake_every_ms=150,
            window_ms=1000,
            return_after_ms=RETURN_AFTER_MS,
            latency_ms=0,
            latency_law=("lognormal", LATENCY_MEDIAN_MS, 0.6),
            half_spread=0.0008,
            spacing=0.0016,
            levels=LEVELS,
            anchor=0.25,
            fair_tau_ms=120_000.0,
            drawdown=DRAWDOWN if leaves else 0.0,
            return_size=0.25,
            skew=SKEW,
            start_ms=start_ms,
        )
        for market in markets:
            lots = market.lots_worth(usual_depth / (MAKERS * LEVELS), market.ticks(price))
            sim.world.add_quotes(maker, market.number, lots, inventory_max=INVENTORY_LEVELS * lots)


def same_sell_part(seed: int) -> Part:
    """Build the counterfactual: the same bids and the same sell, with the makers' quotes still there."""
    sim, market = _spot_world(seed)
    _place_prints(sim, market, seed, decoys=0)
    opener = sim.account("opener", USDT="100", ATOM="100")
    sim.place(opener, market, Side.BUY, "1.699", "1", at_ms=0)
    sim.place(opener, market, Side.SELL, "1.701", "1", at_ms=0)
    _add_makers(sim, [market], PRICE_AT_SELL, leaves=True, usual_depth=USUAL_DEPTH, start_ms=2 * len(PRINTS))
    seller = sim.account("seller", ATOM=SELL_QUANTITY)
    sim.place(seller, market, Side.SELL, None, SELL_QUANTITY, at_ms=5_000)
    return Part("same-sell", sim, market, 10_000)


def _add_stale(sim: Simulation, market: Market, population: str) -> None:
    """Add stale bids that never cancel, the prints' levels and chosen ones of 0.2 to 3.9 USDT, and stale asks above."""
    account = sim.account(f"{population}", USDT="1000000000", ATOM="100000000")
    for price, quantity in PRINTS:
        sim.place(account, market, Side.BUY, price, quantity, at_ms=0)
    distance = sim.draw("uniform", 0.0, 1.0, population, STALE_BIDS, 0)
    notional = sim.draw("pareto", STALE_NOTIONAL_MIN, 1.5, population, STALE_BIDS, 1)
    for u, worth in zip(distance, notional, strict=True):
        bid = max(1, int(3_900 * (1.0 - 0.95 * u)))
        for side, ticks in ((Side.BUY, bid), (Side.SELL, 8_100 - bid)):
            lots = market.lots_worth(min(worth, 60_000.0), ticks)
            sim.world.send_order(account, market.number, side, ticks, lots, at_ms=0)


def _add_longs(sim: Simulation, perp: Market) -> None:
    """Add leveraged longs and the low-leverage shorts who took the other side, opened as balanced trades (L-9)."""
    price = perp.ticks(PRICE_BEFORE)
    leverages = sim.draw("uniform", *LEVERAGE, "longs", LONGS, 0)
    notionals = sim.draw("pareto", LONG_NOTIONAL_MIN, 1.4, "longs", LONGS, 1)
    shorts = [sim.account(f"short {i}", USDT="20000000") for i in range(12)]
    for i, (leverage, notional) in enumerate(zip(leverages, notionals, strict=True)):
        lots = perp.lots_worth(min(notional, 20_000.0), price)
        margin = Decimal(lots * price) / Decimal(int(leverage * 1000)) * 1000
        account = sim.account(f"long {i}", USDT=(margin.to_integral_value() * perp.quote.grid.step))
        sim.world.open_trade(perp.number, account, shorts[i % len(shorts)], lots, price)


def endogenous_part(seed: int, *, leaves: bool) -> Part:
    """Build the cascade that grows from mechanisms; `leaves` switches the makers' withdrawal."""
    sim = Simulation(seed=seed, stage=STAGE, stage_lots_min=STAGE_LOTS_MIN, stage_interval_ms=1000, depth_every_ms=250)
    usdt = sim.asset("USDT", decimals=6, supply="100000000000")
    atom = sim.asset("ATOM", decimals=3, supply="10000000000")
    spot = sim.spot("ATOM/USDT", atom, usdt, tick="0.001", lot="0.001")
    perp = sim.perpetual("ATOM-PERP", usdt, tick="0.001", lot="0.001", maintenance="0.015", taker_fee="0.0005")
    for market in (spot, perp):
        opener = sim.account(f"opener {market.name}", USDT="1000", ATOM="1000")
        sim.place(opener, market, Side.BUY, "3.998", "10", at_ms=0)
        sim.place(opener, market, Side.SELL, "4.002", "10", at_ms=0)
        _add_stale(sim, market, f"stale {market.name}")
    sim.world.add_index(perp.number, spot.number, every_ms=1000, lag_ms=100)
    sim.world.add_mark(perp.number, every_ms=MARK_EVERY_MS, lag_ms=150)
    _add_makers(sim, [perp, spot], PRICE_BEFORE, leaves=leaves, usual_depth=USUAL_DEPTH)
    _add_longs(sim, perp)
    for market in (spot, perp):
        account = sim.account(f"noise {market.name}", USDT="10000000", ATOM="1000000")
        key = _core.member_key("noise", market.number)
        sim.world.add_agents(
            "noise", account, key, market=market.number, mean_gap_ms=250.0, qty_min=1_000, qty_max=60_000, latency_ms=6
        )
    whale = sim.account("whale", USDT="50000000", ATOM="5000000")
    shock = {"start_ms": SHOCK_AT_MS, "slices": 16, "every_ms": 125}
    sim.world.add_agents("shock", whale, 0, market=perp.number, side=Side.SELL, qty_lots=SHOCK_QUANTITY * 1000, **shock)
    sim.world.add_agents("shock", whale, 0, market=spot.number, side=Side.SELL, qty_lots=SHOCK_QUANTITY * 250, **shock)
    return Part("endogenous" if leaves else "makers-stayed", sim, perp, DURATION_MS)


def parts(seed: int) -> list[tuple[str, Callable[[], Part]]]:
    """Return the parts by name, each a function that builds it."""
    return [
        ("exact", lambda: exact_part(seed, as_limit=False)),
        ("exact-limit", lambda: exact_part(seed, as_limit=True)),
        ("same-sell", lambda: same_sell_part(seed)),
        ("endogenous", lambda: endogenous_part(seed, leaves=True)),
        ("makers-stayed", lambda: endogenous_part(seed, leaves=False)),
    ]


def figures(done: dict[str, Part]) -> dict[str, object]:
    """Return what `run.json` holds of this scenario."""
    trades = done["exact"].simulation.world.trades()
    proceeds = int(np.sum(trades["price_ticks"].astype(np.int64) * trades["qty_lots"]))
    return {
        "prints_equal": min(_prints_equal(done["exact"]), _prints_equal(done["exact-limit"])),
        "proceeds_usdt": str(Decimal(proceeds).scaleb(-6)),
        "low": {
            "exact": float(done["exact"].low or 0),
            "endogenous": float(done["endogenous"].low or 0),
            "makers_stayed": float(done["makers-stayed"].low or 0),
        },
        "low_same_sell_with_makers": float(done["same-sell"].low or 0),
    }
