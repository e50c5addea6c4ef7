"""Where the native world and the rules once parted: the smallest story of each, kept as a named example."""

from __future__ import annotations

import pytest

from engine import InputError
from engine.reference.market import EXPOSURE_MAX
from engine.testing.worlds import TwinWorld, landmark_rows
from engine.types import Side

BUY, SELL = Side.BUY, Side.SELL
QUOTE, BASE = 0, 1
PUBLICATION, LIQUIDATION, STEP = 4, 5, 6
ALL_PPM = 10**6


def quoted(twin, market, bid, ask, lots=1_000, *, mark_every_ms=10):
    """Let a rich account stand on both sides, and mark the market."""
    maker = twin.account(*[10**6] * len(twin.supplies))
    twin.native.add_mark(market, every_ms=mark_every_ms, lag_ms=0)
    twin.native.send_order(maker, market, BUY, bid, lots, at_ms=1)
    twin.native.send_order(maker, market, SELL, ask, lots, at_ms=1)
    return maker


@pytest.mark.parametrize("bidders", [2, 129])  # beyond the bound; beyond int64
def test_u10_a_limit_sell_below_the_bids_counts_for_what_it_gets(bidders):
    twin = TwinWorld()
    twin.asset()
    market, seller = twin.perpetual(0), twin.account(1)
    price, lots = 2**31 - 1, 2**25  # just within the bound for each bidder
    for _ in range(bidders):
        twin.native.send_order(twin.account(1), market, BUY, price, lots, at_ms=1)
    twin.native.send_order(seller, market, SELL, 1, bidders * lots, at_ms=2)
    twin.native.run(3, check=True)
    assert 0 <= -twin.native.position(seller, market)[1] <= EXPOSURE_MAX
    assert twin.disagreements() == []


def test_u10_the_smaller_of_two_market_buys_is_not_the_one_refused():
    traded = []
    for lots in (2**49, 2**50):
        twin = TwinWorld()
        twin.asset()
        market = twin.perpetual(0, price_max=100)
        account, other = twin.account(1), twin.account(1)
        twin.native.open_trade(market, account, other, 2**55, 1)  # half of the bound is left
        twin.native.send_order(other, market, SELL, 1, 2**50, at_ms=1)
        twin.native.send_order(account, market, BUY, None, lots, at_ms=2)
        twin.native.run(3, check=True)
        traded.append(twin.native.position(account, market)[0] - 2**55)
    assert traded == [2**49, 2**50]


def test_u10_an_opening_trade_counts_what_rests():
    twin = TwinWorld()
    twin.asset()
    market, account, other = twin.perpetual(0), twin.account(1), twin.account(1)
    twin.native.send_order(account, market, BUY, 1, EXPOSURE_MAX, at_ms=1)
    twin.native.run(1)
    with pytest.raises(InputError):
        twin.native.open_trade(market, account, other, EXPOSURE_MAX, 1)


def test_j1_the_journal_tells_which_orders_are_exempt_from_the_exposure_bound():
    twin = TwinWorld(stage_ppm=ALL_PPM, stage_interval_ms=10)
    twin.asset()
    market = twin.perpetual(0)
    short, long = twin.account(1), twin.account(1)
    twin.native.open_trade(market, long, short, EXPOSURE_MAX // 2 + 1, 1)
    quoted(twin, market, 1, 4)
    twin.native.run(12)  # a mark of 2; the engine's order is as large as the position: more than the bound together
    assert twin.native.in_liquidation(short)
    assert twin.disagreements() == []


def test_v6_a_loss_in_an_opening_trade_cancels_too():
    twin = TwinWorld()
    twin.asset(), twin.asset()
    spot, perpetual = twin.spot(BASE, QUOTE), twin.perpetual(QUOTE)
    account, rich = twin.account(1_000), twin.account(10**6, 10**6)
    twin.native.send_order(account, spot, BUY, 100, 10, at_ms=1)  # all of its 1,000 is promised
    twin.native.run(1)
    twin.native.open_trade(perpetual, account, rich, 10, 200)
    twin.native.open_trade(perpetual, rich, account, 10, 100)  # loses 1,000
    twin.native.send_order(rich, spot, SELL, None, 10, at_ms=2)
    twin.native.run(100)
    assert twin.native.position(account, perpetual)[0] == 0
    assert twin.native.balance(account, QUOTE)[0] >= 0


def test_l10_a_debt_is_written_off_when_no_position_settles_in_its_asset_any_more():
    twin = TwinWorld(stage_ppm=ALL_PPM, stage_interval_ms=10)
    twin.asset(), twin.asset()
    lost, kept = twin.perpetual(0), twin.perpetual(1)
    makers = [quoted(twin, market, 79, 81) for market in (lost, kept)]
    account = twin.account(10, 10**6)
    twin.native.open_trade(lost, account, makers[0], 10, 100)
    twin.native.open_trade(kept, account, makers[1], 10, 80)
    twin.native.run(100)  # sold in the first; 200 under water there, while the second is kept
    assert twin.native.position(account, lost)[0] == 0
    assert twin.native.position(account, kept)[0] == 10
    assert twin.native.balance(account, 0)[0] == 0
    assert twin.native.balance(2, 0)[0] == -200  # bad debt
    assert twin.disagreements() == []


def test_x2_a_write_off_that_comes_too_late_leaves_the_liquidation_alone():
    twin = TwinWorld(stage_ppm=100_000, stage_interval_ms=10)
    twin.asset()
    market = twin.perpetual(0)
    maker = quoted(twin, market, 79, 81, mark_every_ms=1)
    account = twin.account(10)
    for side in (BUY, SELL):  # it loses 200 in 2 ms, by itself; the write-off is due in 3 ms, phase 6
        twin.native.send_order(account, market, side, None, 100, at_ms=2)
    twin.native.run(2)
    twin.native.open_trade(market, account, maker, 100, 100)  # found in 3 ms, phase 4
    twin.native.run(60)
    rows = landmark_rows(twin.native)
    assert [row[0] for row in rows if row[1] == LIQUIDATION] == [3]  # and again in 4 ms: two chains of steps
    assert [row[0] for row in rows if row[1] == STEP] == [3, 13, 23, 33, 43, 53]


def test_g4_a_quiet_interval_falls_back_to_the_last_mover():
    twin = TwinWorld()
    twin.asset(), twin.asset()
    spot, perpetual = twin.spot(BASE, QUOTE), twin.perpetual(QUOTE)
    native = twin.native
    native.add_index(perpetual, spot, every_ms=50, lag_ms=0)
    native.add_mark(perpetual, every_ms=100, lag_ms=0)
    account, last_mover = twin.account(10**9, 10**6), twin.account(10**9)
    for side in (SELL, BUY):
        native.send_order(account, perpetual, side, 110, 1, at_ms=1)  # last 110
    native.send_order(account, perpetual, SELL, 110, 1, at_ms=2)
    native.send_order(account, perpetual, BUY, 60, 1, at_ms=2)
    native.send_cancel(native.send_order(account, perpetual, BUY, 80, 1, at_ms=2), at_ms=3)  # a fall, from 95 to 85
    native.send_order(last_mover, perpetual, BUY, 70, 1, at_ms=4)  # a rise, to 90
    native.send_order(account, spot, SELL, 101, 1, at_ms=1)
    native.send_order(account, spot, BUY, 59, 1, at_ms=1)
    best = native.send_order(account, spot, BUY, 99, 1, at_ms=1)  # index 100: the median of 100, 90, 110
    native.send_cancel(best, at_ms=140)  # index 80 from 150 on: the median is the mid, 90
    native.run(100)
    assert native.market(perpetual)["mark"] == 100
    native.open_trade(perpetual, twin.account(50), account, 10, 100)
    native.run(200)
    assert native.market(perpetual)["mark"] == 90
    mover = next(row[8] for row in landmark_rows(native) if row[1] == PUBLICATION)
    assert mover[:3] == (4, 1, last_mover)
