"""Loans and loops: those of the first venue, sold in its own books at its own index, and the protocol on the chain.

The first venue lends against altcoins (the first layer of the story), and against WBETH, BNSOL and USDe; loops there
leave once their token has fallen. On the chain stand loans against ETH and loops of USDe, bots, and a pool of stables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.scenarios.october.markets import pegged, pegged_price, spot_name

if TYPE_CHECKING:
    from engine.scenarios.october.draft import Draft

__all__ = ["add_lending"]

GROUP = 14  # collateral of a lender: it has 16 reserves at most (Y-15)


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
    assets = pegged(draft)
    for name, pace in (("desk", draft["sale_every"]), ("desk of USDe", draft["usde_sale_every"])):
        _lender(
            draft,
            name,
            assets,
            ltv="86%",
            call="88%",
            sale=f"{draft['sale_part']:.3f}",
            pause_ms=1000 * pace,
            cash="10bn",
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
        brings = {asset: _around(worth, 3) for asset, worth in each.items()}
        _borrowers(draft, name, "binance", lender, count, f"uniform({draft['desk_ltv_low']:.3f}, 0.86)", brings)


def _lender(
    draft: Draft, name: str, assets: list[str], *, ltv: str, call: str, sale: str, pause_ms: float, cash: str
) -> None:
    """A lender of money at the first venue: it values collateral at that venue's index and sells it in its books."""
    draft.add(
        "lenders",
        name,
        form="loan",
        venue="binance",
        collateral={asset: {"ltv": ltv, "threshold": "91%"} for asset in assets},
        borrow={"USDT": "free"},
        oracle={asset: {"market": spot_name(asset), "series": "index"} for asset in assets} | {"USDT": "1"},
        sells_on={asset: spot_name(asset) for asset in assets},
        call=call,
        liquidation="91%",
        sale=sale,
        sale_every=f"{pause_ms:.0f}ms",
        supplied={"treasury": f"{cash} USDT"},
    )


def _borrowers(
    draft: Draft, name: str, venue: str, lender: str, count: int, ltv: str, brings: dict[str, str], borrow: str = "USDT"
) -> None:
    draft.add(
        "populations",
        f"borrowers {name}",
        kind="borrowers",
        venue=venue,
        count=count,
        lender=lender,
        borrow=borrow,
        ltv=ltv,
        brings=brings,
    )


def _around(amount: float, digits: int) -> str:
    """A law of amounts: half to one and a half of it."""
    return f"uniform({0.5 * amount:.{digits}f}, {1.5 * amount:.{digits}f})"


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
            brings={asset: _around(each, 4)},
        )


def _margin_loans(draft: Draft) -> None:
    """Loans at the first venue against altcoins, which it sells in its own spot books: the first layer of the story."""
    alts = [coin for coin in draft.coins if coin.kind != "major"]
    for number in range(0, len(alts), GROUP):
        group = alts[number : number + GROUP]
        name = f"margin {number // GROUP}"
        names = [coin.name for coin in group]
        _lender(draft, name, names, ltv="82%", call="85%", sale="25%", pause_ms=draft["margin_every"], cash="1bn")
        for coin in group:
            count = max(4, min(40, draft.size.accounts // 4000))
            each = draft["margin_loans"] * coin.interest / count / coin.price
            ltv = f"uniform({draft['margin_ltv_low']:.3f}, 0.82)"
            _borrowers(draft, coin.name, "binance", name, count, ltv, {coin.name: _around(each, 4)})


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
    eth = draft.coin("ETH")
    worth = draft["aave_eth"] * 1e6 / count / (eth.high * draft["open_majors"])
    _borrowers(draft, "ETH", "chain", "aave", count, "uniform(0.3, 0.78)", {"ETH": _around(worth, 3)}, borrow="USDC")
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
            brings={"USDe": _around(each, 2)},
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
