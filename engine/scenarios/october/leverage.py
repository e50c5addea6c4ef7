"""Who has borrowed: crowds with leverage and those on the other side, unified accounts, loans, loopers, and their venues' own.

Longs are heavy in accounts and leverage; each is matched by a declared short: carry traders who hold spot, the synthetic
dollar's hedge, low-leverage speculators (one population a venue, `shorts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.scenarios.october.draft import money
from engine.scenarios.october.markets import pegged_price, perp_name, spot_name
from engine.scenarios.october.shock import sold_of
from engine.scenarios.october.traders import buyers_interest

if TYPE_CHECKING:
    from engine.scenarios.october.draft import Draft

__all__ = ["add_crowds", "add_lending", "add_treasury", "add_unified"]

GROUP = 14  # collateral of a lender: it has 16 reserves at most (Y-15)
TAIL, WORTH_MOST = 1.4, 60.0  # largest position of a crowd, of its least: Pareto without an end would be one account


def add_treasury(draft: Draft) -> None:
    """Add who lends at the first venue, the vault, and those who are short."""
    draft.add("populations", "treasury", kind="account", venue="binance", brings={"USDT": "200bn"})
    draft.add("populations", "vault", kind="account", venue="dex", brings={"USDT": money((1 if draft.has("ring-fenced") else 10) * draft["vault"] * 1e6, "")})
    for venue in ("binance", "bybit", "dex"):
        count = max(20, min(200, draft.size.accounts // 100))
        equity = _interest(draft, venue) * draft["shorts_equity"] / count
        draft.add(
            "populations", f"shorts {venue}", kind="account", venue=venue, count=count, brings={"USDT": money(equity, "")}
        )


def _levered(draft: Draft, venue: str) -> dict[str, float]:
    """Return the open interest of each perpetual that is the crowd's: less what sellers and buyers of the dip have."""
    found = {}
    for coin in draft.listed(venue):
        market, share = perp_name(coin.name, venue), draft.share(venue)
        others = buyers_interest(draft, market, venue, share * coin.depth)
        if venue == "binance":
            others += 1.05 * sold_of(draft, coin)
        found[market] = max(0.1 * share * coin.interest, share * coin.interest - others)
    return found


def _interest(draft: Draft, venue: str) -> float:
    return sum(_levered(draft, venue).values())


def _pareto_mean(alpha: float, most: float) -> float:
    """Return the mean of Pareto's law from 1 on, cut at `most`."""
    return float(alpha / (alpha - 1) * (1 - most ** (1 - alpha)) + most ** (1 - alpha))


def add_crowds(draft: Draft) -> None:
    """Add the leveraged accounts of each venue: sizes by Pareto's law, leverage lognormal, one to three positions."""
    venues = ("binance", "bybit", "dex")
    whole = sum(_interest(draft, venue) for venue in venues)
    for venue in venues:
        interest = _interest(draft, venue)
        count = max(50, round(draft.size.accounts * interest / whole))
        # Of the positions a share is short and meets longs of the same crowd; what longs are more, `shorts` take.
        mean = interest / draft["crowd_long"] / (count * 2.0)
        least = mean / _pareto_mean(TAIL, WORTH_MOST)
        draft.add(
            "populations",
            f"crowd {venue}",
            kind="crowd",
            venue=venue,
            count=count,
            on=_levered(draft, venue),
            positions="integers(1, 3)",
            long=f"{draft['crowd_long']:.4f}",
            notional=f"pareto({least:.2f}, {TAIL}, max={least * WORTH_MOST:.2f})",
            leverage=f"lognormal({draft['leverage_' + venue]:.3f}, {draft['leverage_sigma']:.3f}, max=50)",
            rest=[f"shorts {venue}"],
            stop_loss={"share": f"{draft['stops']:.3f}", "distance": "uniform(4%, 40%)"},
        )


def add_unified(draft: Draft) -> None:
    """Add unified accounts at the first venue: long an altcoin's perpetual, margin in WBETH, BNSOL, USDe."""
    if not draft.has("unified"):
        return
    assets = [name for name in ("USDe", "WBETH", "BNSOL") if name in draft.sections["assets"]]
    coins = draft.listed("binance")[1:8]
    count = max(4, draft.size.accounts // 4000)
    for asset in assets:
        for coin in coins:
            total = draft["unified_interest"] * coin.interest / len(assets)
            draft.add(
                "populations",
                f"unified {asset} {coin.name}",
                kind="holders",
                venue="binance",
                margin="unified",
                count=count,
                long=perp_name(coin.name, "binance"),
                notional=f"uniform({total / count * 0.5:.2f}, {total / count * 1.5:.2f})",
                leverage=f"uniform(1.5, {draft['unified_leverage']:.2f})",
                deposit=asset,
                rest="shorts binance",
            )


def add_lending(draft: Draft) -> None:
    """Add the centralised lender, the protocol, the pool, and who borrows and liquidates there."""
    _desk(draft)
    _exchange_loops(draft)
    _margin_loans(draft)
    _protocol(draft)


def _desk(draft: Draft) -> None:
    """Loans at the first venue against WBETH, BNSOL and USDe at its own index, called and sold in its own books.

    Those against one staking token stand with one lender, those against USDe and WBETH together with another.
    """
    assets = [name for name in ("USDe", "WBETH", "BNSOL") if name in draft.sections["assets"]]
    for name, pace in (("desk", draft["sale_every"]), ("desk of USDe", draft["usde_sale_every"])):
        draft.add(
            "lenders",
            name,
            form="loan",
            venue="binance",
            collateral={asset: {"ltv": "86%", "threshold": "91%"} for asset in assets},
            borrow={"USDT": "free"},
            oracle={asset: {"market": spot_name(asset), "series": "index"} for asset in assets} | {"USDT": "1"},
            sells_on={asset: spot_name(asset) for asset in assets},
            call="88%",
            liquidation="91%",
            sale=f"{draft['sale_part']:.3f}",
            sale_every=f"{1000 * pace:.0f}ms",
            supplied={"treasury": "10bn USDT"},
        )
    count = max(20, min(400, draft.size.accounts // 500))
    usde = 0.0 if draft.has("loops") else 0.9  # without loops few have USDe behind a loan
    mixed = {"USDe": draft["desk_usde"] * (1 - usde), "WBETH": 0.4}
    for name, lender, parts in (
        ("WBETH", "desk", {"WBETH": 1.0}),
        ("BNSOL", "desk", {"BNSOL": 0.5}),
        ("mixed", "desk of USDe", mixed),
    ):
        if not all(asset in assets for asset in parts):
            continue
        each = {
            asset: draft["desk_loans"] * 1e6 * part / count / float(pegged_price(draft, asset))
            for asset, part in parts.items()
        }
        draft.add(
            "populations",
            f"borrowers {name}",
            kind="borrowers",
            venue="binance",
            count=count,
            lender=lender,
            borrow="USDT",
            ltv=f"uniform({draft['desk_ltv_low']:.3f}, 0.86)",
            brings={asset: f"uniform({0.5 * worth:.3f}, {1.5 * worth:.3f})" for asset, worth in each.items()},
        )


def _exchange_loops(draft: Draft) -> None:
    """Loops at the first venue's lender: once their token has fallen too far they leave, a little at a time."""
    count = max(10, min(200, draft.size.accounts // 1000))
    for asset, part, flee in (("WBETH", 1.0, 0.972), ("BNSOL", 0.5, 0.972), ("USDe", draft["desk_usde"], 0.985)):
        if asset not in draft.sections["assets"] or not draft.has("loops"):
            continue
        price = float(pegged_price(draft, asset))
        digits = 4 if asset == "USDe" else 1
        each = draft["exchange_loops"] * 1e6 * part / count / price
        draft.add(
            "populations",
            f"loops {asset}",
            kind="loopers",
            venue="binance",
            count=count,
            lender="desk",
            on=spot_name(asset),
            loops="integers(1, 3)",
            ltv="uniform(50%, 70%)",
            slippage="50%",
            every=f"uniform({draft['loops_pause']:.0f}s, {3 * draft['loops_pause']:.0f}s)",
            flee_price=f"{flee * price:.{digits}f}",
            share="10%",
            link={"base": f"{draft['loops_pause']:.0f}s", "jitter": f"exponential({draft['loops_pause']:.0f}s)"},
            built=True,
            brings={asset: f"uniform({0.5 * each:.4f}, {1.5 * each:.4f})"},
        )


def _margin_loans(draft: Draft) -> None:
    """Loans at the first venue against altcoins, which it sells in its own spot books: the first layer of the story."""
    alts = [coin for coin in draft.coins if coin.kind != "major"]
    for number in range(0, len(alts), GROUP):
        group = alts[number : number + GROUP]
        name = f"margin {number // GROUP}"
        draft.add(
            "lenders",
            name,
            form="loan",
            venue="binance",
            collateral={coin.name: {"ltv": "82%", "threshold": "91%"} for coin in group},
            borrow={"USDT": "free"},
            oracle={coin.name: {"market": spot_name(coin.name), "series": "index"} for coin in group} | {"USDT": "1"},
            sells_on={coin.name: spot_name(coin.name) for coin in group},
            call="85%",
            liquidation="91%",
            sale="25%",
            sale_every=f"{draft['margin_every']:.0f}ms",
            supplied={"treasury": "1bn USDT"},
        )
        for coin in group:
            count = max(4, min(40, draft.size.accounts // 4000))
            each = draft["margin_loans"] * coin.interest / count / coin.price
            draft.add(
                "populations",
                f"borrowers {coin.name}",
                kind="borrowers",
                venue="binance",
                count=count,
                lender=name,
                borrow="USDT",
                ltv=f"uniform({draft['margin_ltv_low']:.3f}, 0.82)",
                brings={coin.name: f"uniform({0.5 * each:.4f}, {1.5 * each:.4f})"},
            )


def _protocol(draft: Draft) -> None:
    """The protocol on the chain: loans against ETH, loops of USDe; bots; a stable pool."""
    draft.add(
        "lenders",
        "aave",
        form="aave",
        venue="chain",
        collateral={
            "ETH": {"ltv": "80%", "threshold": "83%", "bonus": "5%"},
            "USDe": {"ltv": "90%", "threshold": "93%", "bonus": "2%"},
        },
        borrow={"USDC": "aave:stablecoin"},
        oracle={"ETH": {"market": "ETH-CHAIN"}, "USDe": {"market": "USDe-CHAIN"}, "USDC": "1"},
        supplied={"savers": "20bn USDC"},
        fee="10%",
        accrue_every="1min",
    )
    draft.add("populations", "savers", kind="account", venue="chain", brings={"USDC": "21bn", "USDe": "1bn"})
    count = max(20, min(1000, draft.size.accounts // 400))
    worth = draft["aave_eth"] * 1e6 / count / (0.93 * 4393.63)
    draft.add(
        "populations",
        "borrowers ETH",
        kind="borrowers",
        venue="chain",
        count=count,
        lender="aave",
        borrow="USDC",
        ltv="uniform(0.3, 0.78)",
        brings={"ETH": f"uniform({0.5 * worth:.3f}, {1.5 * worth:.3f})"},
    )
    if draft.has("loops"):
        each = draft["loops_equity"] * 1e6 / count
        draft.add(
            "populations",
            "loops",
            kind="loopers",
            venue="chain",
            count=count,
            lender="aave",
            on="USDe-CHAIN",
            loops="integers(3, 6)",
            ltv="uniform(80%, 89%)",
            every="exponential(30s)",
            flee_health="uniform(1.0, 1.01)",
            flee_price="0.9700",
            built=True,
            brings={"USDe": f"uniform({0.5 * each:.2f}, {1.5 * each:.2f})"},
        )
    if draft.has("bots"):
        for market in ("ETH-CHAIN", "USDe-CHAIN"):
            draft.add(
                "populations",
                f"bots {market}",
                kind="bots",
                venue="chain",
                count=4,
                lender="aave",
                on=market,
                every="uniform(12s, 24s)",
                least_gain="10bps",
                least_profit="20",
                brings={"USDC": "20M"},
            )
    draft.add(
        "pools",
        "curve",
        form="stable",
        venue="chain",
        assets=["USDe", "USDC"],
        fee="1bps",
        amplification=200,
        supplied={"savers": {"USDe": "50M", "USDC": "50M"}},
    )
    draft.add(
        "populations",
        "pool arbitrage",
        kind="pool-arbitrageurs",
        venue="chain",
        pool="curve",
        on="USDe-CHAIN",
        threshold="5bps",
        most="1M",
        wake_every="uniform(12s, 24s)",
        brings={"USDC": "60M", "USDe": "60M"},
    )
