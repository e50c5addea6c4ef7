"""Where the native world and the rules part, one smallest story each; a story moves to its section once it holds.

All are strict: a story that begins to hold fails here, so that it cannot be forgotten.
"""

from __future__ import annotations

import pytest

from engine import InputError, _core
from engine.testing.worlds import TwinWorld
from engine.types import Side

BUY, SELL = Side.BUY, Side.SELL
LIQUIDATION = 5
BAD_DEBT = 2
ALL_PPM = 10**6


def differs(reason):
    return pytest.mark.xfail(strict=True, reason=reason)


def quoted(twin, market, bid, ask, lots=1_000):
    """Let a rich account stand on both sides, and mark the market every 10 ms."""
    maker = twin.account(*[10**6] * len(twin.supplies))
    twin.native.add_mark(market, every_ms=10, lag_ms=0)
    twin.native.send_order(maker, market, BUY, bid, lots, at_ms=1)
    twin.native.send_order(maker, market, SELL, ask, lots, at_ms=1)
    return maker


@differs("L-10, X-5: a position without a mark counts as flat, so its holder's debt is written off")
def test_l10_an_account_that_holds_an_unmarked_position_is_not_flat():
    twin = TwinWorld(stage_ppm=ALL_PPM, stage_interval_ms=10)
    twin.asset()
    marked, unmarked = twin.perpetual(0), twin.perpetual(0)
    maker = quoted(twin, marked, 79, 81)
    account = twin.account(10)
    twin.native.open_trade(marked, account, maker, 10, 100)
    twin.native.run(15)  # sold all at 79; the account is 200 under water
    twin.native.open_trade(unmarked, account, maker, 5, 100)
    twin.native.run(100)
    assert twin.native.position(account, unmarked)[0] == 5
    assert twin.native.balance(BAD_DEBT, 0)[0] == 0


@differs("X-2, X-4: with one unmarked position an account leaves liquidation while it breaches")
def test_x4_only_a_healthy_account_leaves_liquidation():
    twin = TwinWorld(stage_ppm=100_000, stage_interval_ms=10)
    twin.asset()
    marked, unmarked = twin.perpetual(0), twin.perpetual(0)
    maker = quoted(twin, marked, 79, 81)
    account = twin.account(1)
    twin.native.open_trade(marked, account, maker, 10, 100)
    twin.native.run(15)
    assert twin.native.in_liquidation(account)
    twin.native.open_trade(unmarked, account, maker, 1, 100)
    twin.native.run(25)
    assert twin.native.in_liquidation(account)


@differs("X-4: a stage above the market's qty_max is refused by U-2 at every step, and nothing is ever reduced")
def test_x4_a_position_above_qty_max_is_reduced():
    twin = TwinWorld(stage_ppm=ALL_PPM, stage_interval_ms=10)
    twin.asset()
    market = twin.perpetual(0, qty_max=10)
    maker = quoted(twin, market, 89, 91, lots=10)
    account = twin.account(1)
    for _ in range(5):
        twin.native.open_trade(market, account, maker, 10, 100)
    twin.native.run(100)
    assert twin.native.position(account, market)[0] < 50


@differs("X-2: while an account is liquidated in one settlement asset, its breach in another is not found")
def test_x2_a_breach_in_each_settlement_asset_is_found():
    twin = TwinWorld(stage_ppm=1, stage_interval_ms=10**6)
    twin.asset(), twin.asset()
    markets = [twin.perpetual(asset) for asset in (0, 1)]
    account = twin.account(101, 101)
    for market in markets:
        maker = quoted(twin, market, 89, 91)
        twin.native.open_trade(market, account, maker, 10, 100)
    twin.native.run(1_000)
    assert {row[2] for row in twin.native.landmarks() if row[1] == LIQUIDATION} == set(markets)


@differs("X-1: at a negative mark notional and maintenance are negative; the account counts as flat, never breaches")
def test_x2_a_long_under_water_at_a_negative_mark_is_found():
    twin = TwinWorld()
    twin.asset()
    market = twin.perpetual(0, price_min=-100)
    maker = quoted(twin, market, -20, -18)
    account = twin.account(10)  # equity at -19: 10 - 10 x (50 + 19)
    twin.native.open_trade(market, account, maker, 10, 50)
    twin.native.run(100)
    assert any(row[1] == LIQUIDATION and row[4] == account for row in twin.native.landmarks())


@differs("L-8: at a negative price the notional is negative, and the fees account pays the traders")
def test_l8_fees_are_never_paid_out():
    twin = TwinWorld()
    twin.asset()
    market = twin.perpetual(0, price_min=-100, maker_fee_ppm=100_000, taker_fee_ppm=100_000)
    for account, side in ((twin.account(100), SELL), (twin.account(100), BUY)):
        twin.native.send_order(account, market, side, -10, 5, at_ms=0)
    twin.native.run(1)
    assert twin.native.balance(0, 0)[0] > 0


@differs("V-1: at a negative price the seller pays, and nothing checks that he can")
def test_v1_a_spot_trade_at_a_negative_price_is_covered():
    twin = TwinWorld()
    twin.asset(), twin.asset()
    market = twin.spot(1, 0, price_min=-100)
    seller, buyer = twin.account(0, 100), twin.account()
    twin.native.send_order(buyer, market, BUY, -10, 5, at_ms=0)
    twin.native.send_order(seller, market, SELL, None, 5, at_ms=1)
    twin.native.run(1)
    assert twin.native.balance(seller, 0)[0] >= 0


@differs("L-5: no rule bounds a position, and four openings of 2^61 lots overflow int64")
def test_l5_positions_do_not_overflow():
    twin = TwinWorld()
    twin.asset()
    market, long, short = twin.perpetual(0), twin.account(1), twin.account(1)
    for _ in range(4):
        try:
            twin.native.open_trade(market, long, short, 2**61, 1)
        except InputError:  # to refuse them is a way to hold the rule
            break
    assert twin.native.position(long, market)[0] > 0
    assert twin.disagreements() == []


@differs("L-10, V-1: a perpetual's loss takes reserved quote; the trade then leaves a flat account below 0 for good")
def test_v1_a_reservation_stays_covered():
    twin = TwinWorld()
    twin.asset(), twin.asset()
    spot, perpetual = twin.spot(1, 0), twin.perpetual(0)
    maker, account = twin.account(10**6, 10**6), twin.account(1_000)
    send = twin.native.send_order
    send(account, spot, BUY, 100, 10, at_ms=0)  # all of its 1,000 is promised
    send(maker, perpetual, SELL, 200, 10, at_ms=1)
    send(account, perpetual, BUY, 200, 10, at_ms=2)
    send(maker, perpetual, BUY, 100, 10, at_ms=3)
    send(account, perpetual, SELL, None, 10, at_ms=4)  # loses 1,000
    send(maker, spot, SELL, None, 10, at_ms=5)
    twin.native.run(1_000)
    assert twin.native.position(account, perpetual)[0] == 0
    assert twin.native.balance(account, 0)[0] >= 0


@differs("L-1, L-10: the venue's own accounts may trade; the bad-debt account then writes off its debt to itself")
def test_l10_the_bad_debt_account_is_no_trader():
    twin = TwinWorld(stage_ppm=ALL_PPM, stage_interval_ms=10)
    twin.asset()
    market = twin.perpetual(0)
    maker = quoted(twin, market, 79, 81)
    with pytest.raises(InputError):
        twin.native.open_trade(market, BAD_DEBT, maker, 10, 100)


@differs("add_shock: `slices` is documented as the number of orders, and ten lots in six slices come as five orders")
def test_a_shock_has_as_many_orders_as_slices():
    twin = TwinWorld()
    twin.asset()
    market = twin.perpetual(0)
    twin.native.add_shock(twin.account(1), market, SELL, 10, at_ms=1, slices=6)
    twin.native.run(100)
    assert twin.native.counts()["orders"] == 6


@differs("U-7: a snapshot of the wrong type raises TypeError")
@pytest.mark.parametrize("data", [bytearray(10), None, "snapshot"])
def test_u7_a_snapshot_of_the_wrong_type_is_an_input_error(data):
    with pytest.raises(InputError):
        _core.World.restore(data)


@differs("U-7: the text arguments of the draws raise TypeError, and a NaN parameter draws NaN")
@pytest.mark.parametrize(
    "call",
    [
        lambda: _core.member_key(5, 0),
        lambda: _core.draw_law("uniform", "x", 1.0, 1, "p", 1, 0),
        lambda: _core.draw_law("uniform", float("nan"), 1.0, 1, "p", 1, 0),
    ],
)
def test_u7_bad_arguments_of_the_draws_are_input_errors(call):
    with pytest.raises(InputError):
        call()


@differs('P-1: a maker takes the sentinel of "no price" (2^40) for a price, and quotes at the market\'s bound')
def test_p1_a_maker_that_sees_no_price_does_not_quote_at_the_bound():
    twin = TwinWorld()
    twin.asset()
    market = twin.perpetual(0)
    static = twin.account(10**6)
    for side, price in ((BUY, 998), (SELL, 1_002)):
        ticket = twin.native.send_order(static, market, side, price, 10, at_ms=0)
        twin.native.send_cancel(ticket, at_ms=1)
    maker = twin.native.add_maker(
        twin.account(10**9),
        1,
        wake_every_ms=20,
        window_ms=200,
        return_after_ms=600,
        latency_median_ms=40.0,
        latency_sigma=0.0,
        half_spread=0.002,
        spacing=0.0,
        levels=1,
        anchor=0.3,
        fair_tau_ms=1_000.0,
        drawdown=0.0,
        return_size=1.0,
    )
    twin.native.add_quote(maker, market, 5)
    twin.native.run(200)
    # It looked once at 1,000 and then at an empty book without a trade.
    assert max(twin.native.journal()["price"].tolist()) < 2_000


def start_noise(native, account, market):
    native.add_noise(account, 1, market, mean_gap_ms=1.0, qty_min=1, qty_max=1, latency_ms=1, start_ms=-1)


@differs("U-7: the error names the helper's argument, not the caller's")
@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("start_ms", start_noise),
        ("buyer", lambda native, account, market: native.open_trade(market, 99, account, 1, 1)),
        ("seller", lambda native, account, market: native.open_trade(market, account, 99, 1, 1)),
    ],
)
def test_u7_the_error_names_the_argument_that_was_given(field, call):
    twin = TwinWorld()
    twin.asset()
    market, account = twin.perpetual(0), twin.account(1)
    with pytest.raises(InputError) as caught:
        call(twin.native, account, market)
    assert caught.value.field == field
