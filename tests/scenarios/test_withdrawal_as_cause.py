"""A maker takes its bids away, the mark falls without a trade, a long is liquidated: the cause is the withdrawal."""

from __future__ import annotations

import pytest

from engine import Side, _core
from engine.forest import LandmarkKind
from engine.lineage import Lineage, MoverKind
from engine.liquidation import staged
from engine.simulation import Simulation

UNTIL_MS = 900


def told(*, leaves: bool) -> Simulation:
    """Build the story and run it.

    The maker quotes 3 % around the mid of a spot market and of a perpetual. On the spot market an outsider bids 1,000
    and offers 1,002, so that the mid is 1,001 and the maker bids 970; at 550 ms the outsider takes its bid away and
    offers at 975. The mid is (970 + 975) / 2 = 972.5: the maker sees a fall of 2.8 % and, if it `leaves`, cancels its
    bids on both markets. On the perpetual its bid of 970 stands alone above 900, under an offer of 1,010: without it
    the mid falls from 990 to 955. A long of 100 lots at 990 has 10,000 and needs 9,900 (10 %) at 990; at 955 it has
    6,500 of 9,550.
    """
    sim = Simulation(seed=1, liquidation=staged("0.5", every=50))
    usd = sim.asset("USD", decimals=0, supply=10**12)
    coin = sim.asset("COIN", decimals=0, supply=10**12)
    spot = sim.spot("COIN/USD", coin, usd, tick="1", lot="1")
    perp = sim.perpetual("COIN-PERP", usd, tick="1", lot="1", maintenance="0.1")
    sim.world.add_mark(perp.number, every_ms=10, lag_ms=0)
    standing, outsider, maker = (sim.account(name, USD=10**9, COIN=10**6) for name in ("standing", "outsider", "maker"))
    sim.place(standing, perp, Side.BUY, 900, 10_000, at_ms=0)
    sim.place(standing, perp, Side.SELL, 1_010, 10_000, at_ms=0)
    sim.cancel(
        sim.place(standing, perp, Side.BUY, 990, 10, at_ms=0), at_ms=300
    )  # the maker's first look: a mid of 1,000
    bid = sim.place(outsider, spot, Side.BUY, 1_000, 10, at_ms=0)
    sim.place(outsider, spot, Side.SELL, 1_002, 10, at_ms=0)
    sim.cancel(bid, at_ms=550)
    sim.place(outsider, spot, Side.SELL, 975, 10, at_ms=550)
    number = sim.world.add_agents(
        "maker",
        maker,
        _core.member_key("makers", 0),
        wake_every_ms=20,
        window_ms=200,
        return_after_ms=10**6,
        latency_ms=0,
        latency_law=("lognormal", 0.001, 0.0),
        half_spread=0.03,
        spacing=0.0,
        levels=1,
        anchor=0.0,
        fair_tau_ms=1_000.0,
        drawdown=0.02 if leaves else 0.0,
        return_size=1.0,
    )
    for market in (spot, perp):
        sim.world.add_quotes(number, market.number, 50)
    sim.run(until_ms=540, check=True)
    long, short = sim.account("long", USD=10_000), sim.account("short", USD=10**9)
    sim.world.open_trade(perp.number, long, short, 100, sim.world.market(perp.number)["mark"])
    sim.run(until_ms=UNTIL_MS, check=True)
    return sim


@pytest.fixture(scope="module")
def story():
    return told(leaves=True)


@pytest.fixture(scope="module")
def lineage(story):
    return Lineage(story)


def test_the_mark_falls_without_a_trade_before_the_liquidation(story, lineage):
    liquidation = lineage.of_kind(LandmarkKind.LIQUIDATION)[0]
    assert story.accounts[liquidation.account] == "long"
    publication = lineage.landmark(liquidation.parent)
    assert (publication.value, liquidation.value) == (955, 6_500)
    trades = story.world.trades()
    assert len(trades) > 0
    assert (
        trades["time_ms"].min() >= liquidation.time_ms
    )  # the first trade of the whole run is a step of the liquidation


def test_g4_g5_the_publication_descends_from_the_withdrawal(lineage):
    (withdrawal,) = lineage.of_kind(LandmarkKind.WITHDRAWAL)
    publication = lineage.of_kind(LandmarkKind.PUBLICATION)[0]
    assert publication.mover is not None
    assert publication.mover.kind == MoverKind.CANCEL
    assert publication.parent == publication.mover.cause == withdrawal.id
    assert lineage.parents(publication.id) == [(withdrawal.id, 10**6)]
    assert withdrawal.parent == 0  # the outsider answers nothing


def test_g14_why_says_that_the_withdrawal_moved_the_mark_without_a_trade(lineage):
    liquidation = lineage.of_kind(LandmarkKind.LIQUIDATION)[0]
    (withdrawal,) = lineage.of_kind(LandmarkKind.WITHDRAWAL)
    first, published, last = lineage.why(liquidation.id)
    at = f"{(withdrawal.time_ms + 1) / 1000:.3f} s"  # the cancel is 1 ms on its way
    assert first.endswith("LIQUIDATION of long (COIN-PERP, equity 6500 USD)")
    assert (
        "PUBLICATION (COIN-PERP at 955), withdrawal of maker moved the mark without a trade: CANCEL of its order"
        in published
    )
    assert published.endswith(at)
    assert last == f"{withdrawal.time_ms / 1000:.3f} s  WITHDRAWAL of maker (COIN/USD at 972)"


def test_g13_the_whole_forced_volume_goes_back_to_the_withdrawal(story, lineage):
    (withdrawal,) = lineage.of_kind(LandmarkKind.WITHDRAWAL)
    assert lineage.root_shares() == {withdrawal.id: 1.0}
    assert lineage.root_shares(story.markets["COIN-PERP"]) == {withdrawal.id: 1.0}
    assert lineage.root_shares(story.markets["COIN/USD"]) == {}
    step = lineage.of_kind(LandmarkKind.STEP)[0]
    assert lineage.ancestors(step.id)[withdrawal.id] == 1.0


def test_g12_nothing_came_from_outside_so_there_is_no_amplification(story, lineage):
    found = lineage.amplification()
    perp = story.markets["COIN-PERP"].number
    assert found.ratio is None
    assert found.lots[perp].forced == sum(row.value for row in lineage.of_kind(LandmarkKind.STEP)) > 0
    assert found.lots[perp].exogenous == 0


def test_a_maker_who_stays_keeps_the_long_alive():
    lineage = Lineage(told(leaves=False))
    assert lineage.of_kind(LandmarkKind.WITHDRAWAL) == lineage.of_kind(LandmarkKind.LIQUIDATION) == []
    assert lineage.root_shares() == {}
