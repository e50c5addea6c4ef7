"""A unit that trades often pays from its allowance (E-7): every event is followed by the scan and the corner test."""

from __future__ import annotations

import random

import pytest

from engine import _core
from engine.types import Side

MARKETS = 6


def trading_world(seed: int, *, unified: bool, tiny: bool) -> tuple[_core.World, int, int, int, random.Random]:
    """Open a world of perpetuals with known marks, a trader with little and a counterparty with much."""
    rng = random.Random(seed)
    world = _core.World(seed, stage_ppm=0)
    cash = world.add_asset(2**60)
    tiers = world.add_schedule([0, 900, 4_000], [10_000, 30_000, 90_000])
    world.add_collateral(0, cash)
    if rng.random() < 0.5:
        world.set_ladder(0, [(1, 1_500_000, False), (2, 1_200_000, True), (4, 1_000_000, False)])
    for _ in range(MARKETS):
        world.add_perpetual(cash, atoms_per_tick_lot=1 if tiny else 1_000, maintenance=tiers, taker_fee_ppm=300)
    trader = world.add_accounts(1, mode=3 if unified else 2)
    rich = world.add_accounts(1)
    world.deposit(trader, cash, 30_000 if tiny else 30_000_000)
    world.deposit(rich, cash, 2**50)
    for market in range(MARKETS):
        world.publish(market, rng.randint(200, 500))
    world.run(1, check=True)
    return world, cash, trader, rich, rng


@pytest.mark.parametrize("unified", [False, True])
@pytest.mark.parametrize("tiny", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_e7_trades_paid_from_an_allowance_leave_every_corner_sound(seed: int, unified: bool, tiny: bool) -> None:
    world, _, trader, rich, rng = trading_world(seed, unified=unified, tiny=tiny)
    marks = [world.market(market)["mark"] for market in range(MARKETS)]
    for step in range(120):
        now = world.now_ms
        market, side = rng.randrange(MARKETS), rng.choice([Side.BUY, Side.SELL])
        price = max(2, marks[market] + rng.randint(-3, 3))
        lots = rng.randint(1, 4)
        world.send_order(rich, market, -side, price, lots, at_ms=now + 1)
        world.send_order(trader, market, side, price, lots, at_ms=now + 1, immediate=True)
        world.run(now + 2, check=True)
        if step % 5 == 4:
            moved = rng.randrange(MARKETS)
            marks[moved] = max(2, marks[moved] + rng.randint(-6, 6))
            world.publish(moved, marks[moved])
        world.run(now + 3, check=True)
    assert world.risk_counts()["spares"] > 10  # the short way was taken


def test_e7_a_maker_of_many_markets_does_not_look_at_all_of_them_for_a_fill() -> None:
    world = _core.World(1, stage_ppm=0)
    cash = world.add_asset(2**60)
    markets = [world.add_perpetual(cash, atoms_per_tick_lot=1_000, maintenance_ppm=20_000) for _ in range(200)]
    maker, taker = world.add_accounts(2), 4
    world.deposit(maker, cash, 10**12)
    world.deposit(taker, cash, 10**12)
    for market in markets:
        world.publish(market, 10_000)
        world.open_trade(market, maker, taker, 10, 10_000)
    world.run(1, check=True)
    for turn in range(4):
        for market in markets:
            world.send_order(maker, market, Side.BUY, 10_000, 2, at_ms=world.now_ms + 1)
            world.send_order(taker, market, Side.SELL, 10_000, 2, at_ms=world.now_ms + 1)
        before = world.risk_counts()
        world.run(world.now_ms + 2)
        after = world.risk_counts()
        assert after["evaluations"] - before["evaluations"] <= (2 * 3 if turn == 0 else 0)
    assert world.risk_counts()["spares"] >= 2 * (4 * 200 - 3)
