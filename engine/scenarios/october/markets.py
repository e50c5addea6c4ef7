"""Venues, markets and oracles of the day, as sections of a scenario.

::

    binance    spot and perpetuals in one book of accounts, unified margin; indexes are its own books
    bybit      perpetuals, USDe
    dex        perpetuals: an oracle each 3 s, a small backstop, auto-deleveraging
    chain      a spot book of ETH and of USDe; a lending protocol and a pool stand there

Sources of rules: RULEBOOK 1 to 5. A venue has one ladder and one policy, so accounts of futures are tested on the
ladder of portfolio margin: it warns them, and liquidates at the same ratio (decision 31).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.scenarios.october.draft import money

if TYPE_CHECKING:
    from engine.scenarios.october.assets import Coin
    from engine.scenarios.october.draft import Draft

__all__ = [
    "PEGGED",
    "declare_markets",
    "declare_oracles",
    "declare_venues",
    "pegged",
    "pegged_price",
    "perp_name",
    "spot_name",
]

STABLE_SUPPLY = "2000bn"

# name: asset that it follows, conversion rate, depth within 1 % (M USD). Rates are quotients of the day's highs
# (RULEBOOK 9 rows 5, 6, 14): computed. Depths: unverified; of USDe "only tens of millions" (RULEBOOK 6).
PEGGED: dict[str, tuple[str, str, float]] = {
    "USDe": ("USDT", "1", 12.0),
    "WBETH": ("ETH", "1.0771", 4.0),
    "BNSOL": ("SOL", "1.0724", 2.0),
}
PEGGED_GRID = {"USDe": ("0.0001", "1"), "WBETH": ("0.1", "0.001"), "BNSOL": ("0.1", "0.01")}  # tick, lot

LADDER = [
    {"action": "warn", "ratio": "150%"},
    {"action": "reduce-only", "ratio": "120%"},
    {"action": "cancel", "ratio": "105%"},
    {"action": "liquidate", "ratio": "100%"},
]

# floors in USD of one real account, maintenance, initial (RULEBOOK 1.1). Altcoins have the table of ATOM.
TIERS: dict[str, tuple[list[float], list[str], list[str]]] = {
    "major": (
        [0, 50e3, 600e3, 3e6, 12e6, 70e6, 100e6, 230e6],
        ["0.4%", "0.5%", "0.65%", "1%", "2%", "2.5%", "5%", "10%"],
        ["0.8%", "1%", "1.3333%", "2%", "4%", "5%", "10%", "20%"],
    ),
    "alt": (
        [0, 10e3, 50e3, 80e3, 200e3, 600e3, 2e6, 4e6],
        ["0.6%", "1%", "1.5%", "2%", "2.5%", "5%", "10%", "12.5%"],
        ["1.3333%", "2%", "2.5%", "4%", "5%", "10%", "20%", "25%"],
    ),
}
# Maintenance is half of the initial rate at a tier's greatest leverage (RULEBOOK 1.1).
DEX_TIERS: dict[str, tuple[list[float], list[str], list[str]]] = {
    "BTC": ([0, 150e6], ["1.25%", "2.5%"], ["2.5%", "5%"]),
    "ETH": ([0, 100e6], ["2%", "3.3333%"], ["4%", "6.6667%"]),
    "SOL": ([0, 70e6], ["2.5%", "5%"], ["5%", "10%"]),
    "alt": ([0, 20e6], ["5%", "10%"], ["10%", "20%"]),
}


def spot_name(coin: str) -> str:
    """Name of an asset's spot market at the first venue."""
    return f"{coin}/USDT"


def perp_name(coin: str, venue: str) -> str:
    """Name of an asset's perpetual at a venue."""
    return f"{coin}-PERP" if venue == "binance" else f"{coin}-{venue.upper()}"


def declare_venues(draft: Draft) -> None:
    """Declare assets and venues."""
    for stable in ("USDT", "USDC"):
        draft.add("assets", stable, decimals=6, supply=STABLE_SUPPLY)
    for coin in draft.coins:
        draft.add("assets", coin.name, decimals=6, supply=f"{round(min(2e12, 1e12 / coin.price))}")
    for name in pegged(draft):
        draft.add("assets", name, decimals=6, supply="1000bn")
    unified = {"USDT": {"loan": "5%", "lender": "treasury"}}
    for name, value in {
        "BTC": "95%",
        "ETH": "95%",
        "SOL": "90%",
        "WBETH": "95%",
        "BNSOL": "95%",
        "USDe": "98%",
    }.items():
        if name in draft.sections["assets"]:
            unified[name] = {"market": spot_name(name), "value": value}
    for coin in draft.coins[3:9]:
        unified[coin.name] = {"market": spot_name(coin.name), "value": "70%"}
    staged = {"preset": "staged", "stage": "10%", "every": "1s"}
    draft.add(
        "venues",
        "binance",
        ladder=LADDER,
        liquidation=staged if not draft.has("all-at-once") else _binance(draft),
        insurance_fund=[money(draft.backing * 1.23e9)],
        collateral=unified,
    )
    draft.add(
        "venues",
        "bybit",
        liquidation=_ranked(draft, "bybit"),
        insurance_fund=[money(draft.backing * draft["bybit_fund"] * 1e6)],
    )
    draft.add("venues", "dex", liquidation=_ranked(draft, "hyperliquid"), backstop="vault", ladder="hyperliquid")
    draft.add("venues", "chain")


def _binance(draft: Draft) -> dict[str, Any]:
    return {**_ranked(draft, "binance-portfolio-margin"), "every": "1s", "fee": "0.5%"}


def _ranked(draft: Draft, preset: str) -> dict[str, Any]:
    return {"preset": preset} if draft.has("ranked-adl") else {"preset": preset, "adl": "contracts"}


def pegged(draft: Draft) -> list[str]:
    """Return the pegged tokens whose asset the scale has."""
    known = {coin.name for coin in draft.coins}
    return [name for name, (of, _, _) in PEGGED.items() if of in known or of == "USDT"]


def declare_markets(draft: Draft) -> None:
    """Declare the books: spot, the pegged tokens, perpetuals of each venue, the chain's."""
    for coin in draft.coins:
        _coin_spot(draft, spot_name(coin.name), "binance", coin, "USDT")
    for name in pegged(draft):
        tick, lot = PEGGED_GRID[name]
        _spot(draft, spot_name(name), "binance", name, "USDT", tick, lot, pegged_price(draft, name))
    for venue in ("binance", "bybit", "dex"):
        for coin in draft.listed(venue):
            _perp(draft, coin, venue)
    for venue, quote in (("bybit", "USDT"), ("chain", "USDC")):
        _spot(draft, f"USDe-{venue.upper()}", venue, "USDe", quote, *PEGGED_GRID["USDe"], "1")
    _coin_spot(draft, "ETH-CHAIN", "chain", draft.coin("ETH"), "USDC")


def _coin_spot(draft: Draft, name: str, venue: str, coin: Coin, quote: str) -> None:
    _spot(draft, name, venue, coin.name, quote, f"{coin.tick:f}", f"{coin.lot:f}", f"{coin.opening:f}")


def _spot(draft: Draft, name: str, venue: str, base: str, quote: str, tick: str, lot: str, price: str) -> None:
    draft.add(
        "markets",
        name,
        kind="spot",
        venue=venue,
        base=base,
        quote=quote,
        tick=tick,
        lot=lot,
        price=price,
        breaker=_breaker(draft),
    )


def _breaker(draft: Draft) -> dict[str, str] | None:
    """Return no breaker, as it was; or one that halts a market for five minutes."""
    return None if draft.has("no-breaker") else {"fall": "10%", "within": "5min", "halt": "5min"}


def pegged_price(draft: Draft, name: str) -> str:
    """Opening price of a pegged token, on its grid."""
    of, rate, _ = PEGGED[name]
    if of == "USDT":
        return "1"
    return f"{float(draft.coin(of).opening) * float(rate):.1f}"


def _perp(draft: Draft, coin: Coin, venue: str) -> None:
    if venue == "dex":
        floors, maintenance, initial = DEX_TIERS.get(coin.name, DEX_TIERS["alt"])
    else:
        floors, maintenance, initial = TIERS["major" if coin.kind == "major" else "alt"]
    # An account stands for `grain` real ones, and a tier's edge is theirs together.
    scaled = [f"{round(floor * draft.grain)}" for floor in floors]
    draft.add(
        "markets",
        perp_name(coin.name, venue),
        kind="perp",
        venue=venue,
        settle="USDT",
        tick=f"{coin.tick:f}",
        lot=f"{coin.lot:f}",
        price=f"{coin.opening:f}",
        taker_fee="4bps",
        breaker=_breaker(draft),
        tiers={"floors": scaled, "maintenance": maintenance, "initial": initial},
    )


# ---- oracles ---------------------------------------------------------------------------------------------------------


def declare_oracles(draft: Draft) -> None:
    """Declare indexes and marks, each with its venue's rule and clock."""
    for coin in draft.coins:
        _collateral_index(draft, spot_name(coin.name))
    for name in pegged(draft):
        _pegged_index(draft, name)
    for venue, rule in (("binance", "binance"), ("bybit", "bybit")):
        for coin in draft.listed(venue):
            market = perp_name(coin.name, venue)
            window = {"window": 30} if venue == "binance" else {"window": 300}
            others = [perp_name(coin.name, each) for each in ("bybit", "dex") if draft.lists(each, coin)]
            sources = [{"market": each} for each in (spot_name(coin.name), *others)]
            draft.add(
                "oracles",
                f"index {market}",
                kind="index",
                market=market,
                sources=sources,
                combine="median",
                every="1s",
            )
            draft.add("oracles", f"mark {market}", kind="mark", market=market, rule=rule, every="1s", **window)
    for coin in draft.listed("dex"):
        market = perp_name(coin.name, "dex")
        source, other = spot_name(coin.name), perp_name(coin.name, "binance")
        for kind in ("index", "oracle"):
            draft.add("oracles", f"{kind} {market}", kind=kind, market=market, source=source, every="3s")
        draft.add(
            "oracles",
            f"mark {market}",
            kind="mark",
            market=market,
            rule="hyperliquid",
            every="3s",
            sources=[{"market": other, "weight": 3}],
        )
    feed = {"name": "chainlink:ETH/USD", "books": {"ETH/USD": "ETH/USDT"}}
    draft.add("oracles", "oracle ETH-CHAIN", kind="oracle", market="ETH-CHAIN", feed=feed)
    draft.add("oracles", "oracle USDe-CHAIN", **_aave_usde(draft))


def _aave_usde(draft: Draft) -> dict[str, Any]:
    """Return the lending protocol's price of USDe: hard-linked to the dollar, or the first venue's own book."""
    if draft.has("hard-link"):
        return {"kind": "oracle", "market": "USDe-CHAIN", "sources": [{"kind": "fixed", "price": "1"}], "every": "12s"}
    return {"kind": "oracle", "market": "USDe-CHAIN", "source": "USDe/USDT", "every": "12s"}


def _collateral_index(draft: Draft, market: str) -> None:
    """The index of what loans and unified accounts have behind them is the venue's own book."""
    draft.add("oracles", f"index {market}", kind="index", market=market, source=market, every="1s")


def _pegged_index(draft: Draft, name: str) -> None:
    """The index of a pegged token: its own book, as it was, or its conversion rate, as it is since."""
    of, rate, _ = PEGGED[name]
    market = spot_name(name)
    said: dict[str, Any] = {"kind": "index", "market": market, "every": "1s"}
    if draft.has("own-book"):
        said["source"] = market
    elif of == "USDT":
        said["sources"] = [{"kind": "fixed", "price": "1"}]
    else:
        said["sources"] = [{"kind": "rate", "rate": rate, "market": spot_name(of)}]
    draft.add("oracles", f"index {market}", **said)
