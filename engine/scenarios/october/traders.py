"""Who trades without leverage: makers, stale orders, noise, arbitrageurs, buyers of the dip; and the opening of books.

Makers quote groups of markets under one risk budget, so a fall in one of them empties all. Half of a market's usual
depth is quoted by makers with a unified account (collateral that may fall), half by makers with money of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.scenarios.october.assets import BETAS
from engine.scenarios.october.draft import money
from engine.scenarios.october.markets import PEGGED, pegged_price, perp_name, spot_name
from engine.scenarios.october.shock import SPOT_PART, sold_of

if TYPE_CHECKING:
    from engine.scenarios.october.assets import Coin
    from engine.scenarios.october.draft import Draft

__all__ = ["add_arbitrage", "add_buyers", "add_makers", "add_noise", "add_stale", "open_books"]

LEVELS = 5
SPOT_DEPTH = 0.3  # of the perpetual's: unverified
OUTAGE = ("21:18", "21:51")  # internal transfers were down (RULEBOOK 9 row 30)


def asset_of(market: str) -> str:
    """Return the asset of a market's name."""
    return market.partition("/")[0].partition("-")[0]


def books(draft: Draft) -> list[tuple[str, str, float, float, str]]:
    """Return (market, venue, price, usual depth within 1 %, asset) of every book but the chain's."""
    found = []
    for coin in draft.coins:
        found.append((spot_name(coin.name), "binance", float(coin.opening), SPOT_DEPTH * coin.depth, coin.name))
    for venue in ("binance", "bybit", "dex"):
        for coin in draft.listed(venue):
            depth = draft.share(venue) * coin.depth
            found.append((perp_name(coin.name, venue), venue, float(coin.opening), depth, coin.name))
    return found


def open_books(draft: Draft) -> None:
    """Open every book with a small order each side: makers quote around what they see."""
    by_venue: dict[str, list[dict[str, Any]]] = {}
    for market, said in draft.sections["markets"].items():
        price, tick = float(said["price"]), float(said["tick"])
        digits = max(0, len(said["tick"].partition(".")[2]))
        for side, away in (("buy", -2 * tick), ("sell", 2 * tick)):
            row = {"market": market, "side": side, "price": f"{price + away:.{digits}f}", "quantity": said["lot"]}
            by_venue.setdefault(said["venue"], []).append(row)
    for venue, rows in by_venue.items():
        brings = {"USDT": "100000", "USDC": "100000"}
        for row in rows:
            said = draft.sections["markets"][row["market"]]
            if said["kind"] == "spot":
                brings[said["base"]] = said["lot"]
        draft.add("events", f"opening {venue}", kind="orders", brings=brings, rows=rows)


# ---- makers ----------------------------------------------------------------------------------------------------------


def add_makers(draft: Draft) -> None:
    """Add the makers of each group of markets of a venue, unified and plain."""
    for venue in ("binance", "bybit", "dex"):
        own = [book for book in books(draft) if book[1] == venue]
        for number, group in enumerate(_groups(draft, own)):
            for form in ("unified", "plain", "small") if venue == "binance" else ("plain", "small"):
                _makers(draft, venue, number, group, form)
    for market, venue, base, price, depth in _pegged_books(draft):
        _pegged_makers(draft, market, venue, base, price, depth)


def _groups(draft: Draft, own: list[Any]) -> list[list[Any]]:
    """Split a venue's books into groups: each major alone with its perpetual, then altcoins by rank."""
    by_coin: dict[str, list[Any]] = {}
    for book in own:
        by_coin.setdefault(book[4], []).append(book)
    names = list(by_coin)
    majors, others = names[:3], names[3:]
    sets = [[name] for name in majors] + [
        others[at : at + draft.size.group] for at in range(0, len(others), draft.size.group)
    ]
    return [[book for name in each for book in by_coin[name]] for each in sets if each]


def _pace_ms(draft: Draft, rank: int) -> int:
    """Mean pause of a maker's looks: longer in smaller markets, so that messages fall by Zipf's law."""
    pace = draft.size.pace * max(rank, 1) ** -draft["pace_tail"]
    return round(1000 / max(pace, draft["pace_least"]))


def _leaves(draft: Draft) -> dict[str, Any] | None:
    if not draft.has("makers-withdraw"):
        return None
    return {
        "drawdown": f"{draft['leave_fall']:.4f}",
        "within": "1s",
        "margin_ratio": f"{draft['leave_margin']:.3f}",
        "adl": True,
        "sides": "both",
    }


def _returns(draft: Draft) -> dict[str, Any]:
    """How makers come back: after 5 to 15 minutes, a quarter of their size at five times the spread (RULEBOOK 8)."""
    recovery = f"{draft['recovery']:.0f}min"
    return {
        "after": "uniform(5min, 15min)",
        "size": "25%",
        "size_recovery": recovery,
        "spread": 5,
        "spread_decay": recovery,
    }


def _makers(draft: Draft, venue: str, number: int, group: list[Any], form: str) -> None:
    rank = next(coin.rank for coin in draft.coins if coin.name == group[0][4])
    count = draft.size.makers if form != "small" else 1
    part = {"unified": draft["unified_depth"], "plain": 1.0, "small": draft["small_depth"]}[form]
    if form == "plain":
        part -= draft["small_depth"] + (draft["unified_depth"] if venue == "binance" else 0.0)
    least = min(depth for _, _, _, depth, _ in group)
    total = sum(depth for _, _, _, depth, _ in group) * part / count
    kind = next(coin.kind for coin in draft.coins if coin.name == group[0][4])
    pace_ms = max(1, _pace_ms(draft, rank)) if form != "small" else 400
    sizes: dict[int, list[str]] = {}
    for market, _, _, depth, _ in group:
        sizes.setdefault(round(depth * part / count / LEVELS), []).append(market)
    assert least > 0
    leaves = _leaves(draft) if form != "small" else None  # nobody watches these, and they are always there
    if leaves is not None:
        leaves["within"] = f"{min(max(1000, 3 * pace_ms), round(12 * pace_ms))}ms"
    for place, (size, markets) in enumerate(sizes.items()):
        draft.add(
            "populations",
            f"makers {form} {venue} {number}.{place}",
            kind="market-maker",
            count=count,
            venue=venue,
            margin="unified" if form == "unified" else "cross",
            on=markets,
            levels=LEVELS,
            tolerance=draft.size.tolerance,
            size=money(size),
            half_spread={"major": "2bps", "large": "4bps", "alt": "8bps"}[kind],
            spacing={"major": "18bps", "large": "19bps", "alt": "20bps"}[kind],
            skew="20bps",
            anchor="3%",
            fair_tau="45min",
            wake_every=f"uniform({round(0.8 * pace_ms)}ms, {round(1.2 * pace_ms) + 1}ms)",
            inventory_max=draft["maker_inventory"] if form != "small" else 20_000,
            mass_quotes=True,
            link={"base": "2ms", "jitter": "lognormal(6ms, 0.6)"},
            leaves=leaves,
            returns=_returns(draft),
            brings=_capital(draft, form, markets, total, venue),
        )


def _capital(draft: Draft, form: str, markets: list[str], total: float, venue: str) -> dict[str, str]:
    """Return what a maker brings: base to sell, and money, or collateral that may fall, behind it."""
    brings: dict[str, str] = {}
    for market in markets:
        said = draft.sections["markets"][market]
        if said["kind"] == "spot":
            base = 10 * total / len(markets) / float(said["price"])
            brings[said["base"]] = f"{round(base)}" if base > 10 else f"{base:.3f}"
    if form == "small":
        total *= 100
        brings = {asset: f"{100 * float(amount):.3f}" for asset, amount in brings.items()}
    if form != "unified" or not draft.has("unified"):
        brings["USDT"] = money(20 * total, "")
        return brings
    worth = draft["maker_equity"] * LEVELS * total
    brings["USDT"] = money(0.5 * worth, "")
    for name, part in (("USDe", 0.2), ("WBETH", 0.2), ("BNSOL", 0.1)):
        if name in draft.sections["assets"]:
            brings[name] = f"{worth * part / float(pegged_price(draft, name)):.3f}"
    return brings


def _pegged_books(draft: Draft) -> list[tuple[str, str, str, float, float]]:
    found = [
        (spot_name(name), "binance", name, float(pegged_price(draft, name)), depth * 1e6)
        for name, (_, _, depth) in PEGGED.items()
        if name in draft.sections["assets"]
    ]
    found.append(("USDe-BYBIT", "bybit", "USDe", 1.0, draft["bybit_usde_depth"] * 1e6))
    found.append(("USDe-CHAIN", "chain", "USDe", 1.0, draft["chain_usde_depth"] * 1e6))
    found.append(("ETH-CHAIN", "chain", "ETH", 0.93 * 4393.63, draft["chain_eth_depth"] * 1e6))
    return found


def _pegged_makers(draft: Draft, market: str, venue: str, base: str, price: float, depth: float) -> None:
    """Add makers of a token's book: they stay, and stop to bid once they hold as much as they can."""
    quote = draft.sections["markets"][market]["quote"]
    size = depth / 3 / LEVELS
    draft.add(
        "populations",
        f"makers {market}",
        kind="market-maker",
        count=3,
        venue=venue,
        on=[market],
        levels=LEVELS,
        size=f"{round(size)} {quote}",
        half_spread="2bps",
        spacing="18bps",
        skew="20bps",
        anchor="5%",
        fair_tau="60min",
        wake_every="uniform(1500ms, 3s)",
        inventory_max=draft["pegged_inventory"],
        mass_quotes=True,
        link={"base": "2ms", "jitter": "lognormal(6ms, 0.6)"},
        returns=_returns(draft),
        brings={quote: f"{round(10 * depth)}", base: f"{10 * depth / price:.3f}"},
    )


# ---- stale orders, noise ---------------------------------------------------------------------------------------------


def add_stale(draft: Draft) -> None:
    """Add orders that nobody withdraws: thin, from 2 % below the opening price down to a few per cent of it."""
    rows = [(market, venue, price, depth) for market, venue, price, depth, _ in books(draft)]
    rows += [(market, venue, price, depth) for market, venue, _, price, depth in _pegged_books(draft)]
    for market, venue, price, depth in rows:
        said = draft.sections["markets"][market]
        count = draft.size.stale
        major = asset_of(market) in ("BTC", "ETH", "SOL")
        each = depth * draft["stale_majors" if major else "stale_depth"] * 95 / count
        if major:
            _walls(draft, market, venue, price, depth, "walls", "uniform(2.5%, 18%)", 16)
        elif draft.has("stale-bids") and market in ("USDe/USDT", "USDe-BYBIT"):
            _walls(draft, market, venue, price, depth, "usde_bids", "uniform(5%, 45%)", 24)
        elif draft.has("stale-bids") and not market.startswith("USDe"):
            _walls(draft, market, venue, price, depth, "deep_bids", "uniform(55%, 93%)", 24)
        brings = {said.get("quote", "USDT"): money(3 * each * count, "")}
        if said["kind"] == "spot":
            brings[said["base"]] = f"{3 * each * count / price:.3f}"
        if not draft.has("stale-bids"):
            count, each = 2, each * 1e-3
        draft.add(
            "populations",
            f"stale {market}",
            kind="stale",
            venue=venue,
            market=market,
            count=count,
            distance="uniform(2%, 97%)",
            asks_farther="1%",
            notional=f"pareto({each * 0.4:.2f}, 1.667, max={each * 40:.2f})",
            brings=brings,
        )


def _walls(draft: Draft, market: str, venue: str, price: float, depth: float, name: str, distance: str, count: int) -> None:
    """Add resting bids in a band, and asks as far above; few and of unequal size, so there are gaps."""
    said = draft.sections["markets"][market]
    whole = depth * draft[name]
    brings = {said.get("quote", "USDT"): money(3 * whole, "")}
    if said["kind"] == "spot":
        brings[said["base"]] = f"{3 * whole / price:.3f}"
    draft.add(
        "populations",
        f"{name.replace('_', ' ')} {market}",
        kind="stale",
        venue=venue,
        market=market,
        count=count,
        distance=distance,
        asks_farther="1%",
        notional=f"pareto({whole / count * 0.4:.2f}, 1.667, max={whole / count * 6:.2f})",
        brings=brings,
    )


def add_noise(draft: Draft) -> None:
    """Add traders who buy and sell at random, by market: a small part of its depth each time."""
    for market, venue, price, depth, asset in books(draft):
        rank = next(coin.rank for coin in draft.coins if coin.name == asset)
        every = 2.5 * _pace_ms(draft, rank)
        _noise(draft, market, venue, price, depth, every)
    for market, venue, _, price, depth in _pegged_books(draft):
        _noise(draft, market, venue, price, depth, 5000.0)


def _noise(draft: Draft, market: str, venue: str, price: float, depth: float, every: float) -> None:
    said = draft.sections["markets"][market]
    lot_worth = price * float(said["lot"])
    most = max(1, round(depth * draft["noise_size"] / lot_worth))
    brings = {said.get("quote", "USDT"): money(20 * depth, "")}
    if said["kind"] == "spot":
        brings[said["base"]] = f"{10 * depth / price:.3f}"
    draft.add(
        "populations",
        f"noise {market}",
        kind="noise",
        venue=venue,
        on=[market],
        every=f"{every:.0f}ms",
        qty=f"integers(1, {most})",
        slippage="50bps",
        link={"base": "5ms"},
        brings=brings,
    )


# ---- arbitrage, buyers -----------------------------------------------------------------------------------------------


def add_arbitrage(draft: Draft) -> None:
    """Add arbitrageurs: spot against perpetual, venue against venue, the tokens against what they are worth."""
    for coin in draft.listed("binance"):
        _arbitrage(draft, spot_name(coin.name), perp_name(coin.name, "binance"), coin, "8bps")
        for venue in ("bybit", "dex"):
            if coin in draft.listed(venue):
                _arbitrage(draft, perp_name(coin.name, "binance"), perp_name(coin.name, venue), coin, "8bps")
    _pegged_arbitrage(draft, "USDe/USDT", "USDe-BYBIT", draft["usde_arbitrage"])
    _pegged_arbitrage(draft, "USDe-BYBIT", "USDe-CHAIN", 0.2 * draft["usde_arbitrage"], later=1.0)
    for name in ("WBETH", "BNSOL"):
        of, rate, _ = PEGGED[name]
        if name in draft.sections["assets"]:
            _pegged_arbitrage(draft, spot_name(name), spot_name(of), draft["staking_arbitrage"] * PEGGED[name][2], rate)
    eth = next(coin for coin in draft.coins if coin.name == "ETH")
    _arbitrage(draft, spot_name("ETH"), "ETH-CHAIN", eth, "20bps", part=draft["chain_eth_depth"] * 1e6 / eth.depth)


def _arbitrage(draft: Draft, here: str, there: str, coin: Coin, threshold: str, part: float = 1.0) -> None:
    first, second = (draft.sections["markets"][market] for market in (here, there))
    depth, worth = coin.depth * part, coin.price * float(coin.lot)
    brings: dict[str, str] = {}
    for said in (first, second):
        brings[said.get("quote", "USDT")] = money(draft["arbitrage_capital"] * 40 * depth, "")
        if said["kind"] == "spot":
            brings[said["base"]] = f"{draft['arbitrage_capital'] * 10 * depth / coin.price:.3f}"
    draft.add(
        "populations",
        f"arbitrage {here} {there}",
        kind="arbitrageur",
        on=[here, there],
        count=2,
        threshold=threshold,
        qty=max(2, round(0.05 * depth / worth)),
        inventory_max=f"{max(10, round(draft['arbitrage_capital'] * 5 * depth / worth))} lots",
        wake_every="uniform(500ms, 3s)",
        link={"base": "5ms", "jitter": "lognormal(10ms, 0.6)"},
        brings=brings,
    )


def _pegged_arbitrage(draft: Draft, here: str, there: str, capital: float, rate: str = "1", later: float = 10.0) -> None:
    """Arbitrage of a token: what it can hold while transfers are down, and more once they work again."""
    first = draft.sections["markets"][here]
    worth = float(first["price"]) * float(first["lot"])
    for name, start, times in (("arbitrage", None, 1.0), ("transfers", OUTAGE[1], later)):
        brings: dict[str, str] = {}
        for market in (here, there):
            said = draft.sections["markets"][market]
            for asset, price in ((said["base"], float(said["price"])), (said["quote"], 1.0)):
                brings[asset] = f"{3 * times * capital * 1e6 / price:.3f}"
        draft.add(
            "populations",
            f"{name} {here} {there}",
            kind="arbitrageur",
            on=[here, there],
            count=2,
            start=start,
            threshold="30bps",
            qty=max(1, round(times * capital * 1e6 * 0.05 / worth)),
            inventory_max=f"{max(10, round(times * capital * 1e6 / 2 / worth))} lots",
            rate=rate,
            wake_every="uniform(1s, 3s)",
            link={"base": "5ms", "jitter": "lognormal(10ms, 0.6)"},
            brings=brings,
        )


def add_buyers(draft: Draft) -> None:
    """Add buyers of the dip: they believe in the price before the fall, and have so much. Some are quick, most are slow."""
    for market, venue, price, depth, asset in books(draft):
        kind = "majors" if next(each for each in draft.coins if each.name == asset).kind == "major" else "alts"
        least = price * float(draft.sections["markets"][market]["lot"])
        beta = BETAS.get(asset, 1.0)
        quick = (_band(2, 8, beta), 8) if kind == "majors" else (_band(10, 50), 6)
        _buyers(draft, market, venue, "buyers", depth * draft[f"buyers_{kind}"], draft[f"pause_{kind}"], *quick, least)
        low, high = (9 * draft["floor_majors"], 14 * draft["floor_majors"]) if kind == "majors" else (45, 90)
        deep = (_band(low, high, beta), 16 if kind == "majors" else 8)
        capital = deep_capital(draft, market, venue)
        _buyers(draft, market, venue, "deep buyers", capital, draft[f"pause_{kind}"], *deep, least)
        slow = ("uniform(1%, 8%)", 8) if kind == "majors" else ("uniform(5%, 40%)", 6)
        _buyers(draft, market, venue, "late buyers", depth * draft[f"late_{kind}"], 30.0, *slow, least, f"{draft['late_calm']:.0f}s")


def buyers_interest(draft: Draft, market: str, venue: str, depth: float) -> float:
    """What late and deep buyers of a perpetual are short of before: they take their profit, so open interest falls."""
    if market.endswith("/USDT"):
        return 0.0
    kind = "majors" if asset_of(market) in ("BTC", "ETH", "SOL") else "alts"
    return (depth * draft[f"late_{kind}"] + deep_capital(draft, market, venue)) * draft["buyers_short"]


def deep_capital(draft: Draft, market: str, venue: str) -> float:
    """What buyers far below have, USD: by what risk-off selling sells of the asset there."""
    coin = next(each for each in draft.coins if each.name == asset_of(market))
    part = SPOT_PART if market.endswith("/USDT") else draft.share(venue)
    return draft["deep_majors" if coin.kind == "major" else "deep_alts"] * part * sold_of(draft, coin)


def add_unlevered(draft: Draft) -> None:
    """Add the longs without leverage on the other side of those shorts: they hold."""
    for market, venue, _, depth, _ in books(draft):
        if market.endswith("/USDT"):
            continue
        kind = "majors" if asset_of(market) in ("BTC", "ETH", "SOL") else "alts"
        capital = {"late": depth * draft[f"late_{kind}"], "deep": deep_capital(draft, market, venue)}
        for name, worth in capital.items():
            whole = worth * draft["buyers_short"]
            draft.add(
                "populations",
                f"holders {name} {market}",
                kind="holders",
                venue=venue,
                count=8,
                long=market,
                notional=f"{whole / 8:.2f}",
                leverage=1,
                rest=f"{name} buyers {market}",
            )


def _band(low: float, high: float, beta: float = 1.0) -> str:
    return f"uniform({low * beta:.2f}%, {high * beta:.2f}%)"


def _buyers(
    draft: Draft, market: str, venue: str, name: str, capital: float, pause: float, threshold: str, count: int, least: float, calm: str | None = None
) -> None:
    draft.add(
        "populations",
        f"{name} {market}",
        kind="value",
        venue=venue,
        count=count,
        market=market,
        fair=draft.sections["markets"][market]["price"],
        threshold=threshold,
        qty=money(max(capital / count / 4, 2 * least), "USDT"),
        inventory_max=money(max(capital / count, 4 * least), "USDT"),
        wake_every=f"lognormal({1000 * pause:.0f}ms, 0.5)",
        brings={"USDT": money(20 * capital / count + 1000, "")},
        link={"base": "50ms"},
        rests=True,
        calm=calm,
    )
