"""Ledger and venue of a world, rule by rule (L, V, U).

Every story ends with the reference replaying the journal (J-2): the literals of a story are derived from the rule, and
the twin must have come to the same state by its own arithmetic.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from worldkit import (
    BAD_DEBT,
    BAD_DEBT_LANDMARK,
    BASE,
    BUY,
    CANCEL_ROW,
    FEES,
    PERCENT,
    PLACE_ROW,
    QUOTE,
    SELL,
    agree,
    cancel,
    journal,
    landmarks,
    opened,
    place,
    rejects,
)

from engine.reference.market import EXPOSURE_MAX
from engine.testing.worlds import TwinWorld
from engine.types import RejectReason


class TestSpotSettlement:
    # A lot is 5 base atoms; at one tick it is worth 2 quote atoms.
    WORTH, PER_LOT = 2, 5

    def market(self, **terms):
        twin = opened()
        market = twin.spot(BASE, QUOTE, worth=self.WORTH, base_atoms_per_lot=self.PER_LOT, **terms)
        return twin, market, twin.account(1_000, 100), twin.account(1_000, 100)

    @pytest.mark.parametrize("taker_side", [BUY, SELL])
    def test_l3_a_trade_moves_base_and_quote(self, taker_side):
        twin, market, maker, taker = self.market()
        place(twin, maker, market, -taker_side, 10, 3)
        place(twin, taker, market, taker_side, 10, 3)
        base, quote = 3 * self.PER_LOT, 3 * 10 * self.WORTH  # 15 and 60 atoms
        buyer, seller = (taker, maker) if taker_side == BUY else (maker, taker)
        assert twin.native.balance(buyer, BASE) == (100 + base, 0)
        assert twin.native.balance(buyer, QUOTE) == (1_000 - quote, 0)
        assert twin.native.balance(seller, BASE) == (100 - base, 0)
        assert twin.native.balance(seller, QUOTE) == (1_000 + quote, 0)
        agree(twin)

    @pytest.mark.parametrize("taker_side", [BUY, SELL])
    def test_l4_fees_come_from_what_a_side_receives_rounded_up(self, taker_side):
        twin, market, maker, taker = self.market(maker_fee_ppm=1_000, taker_fee_ppm=300_000)
        place(twin, maker, market, -taker_side, 10, 3)
        place(twin, taker, market, taker_side, None, 3)
        if taker_side == BUY:
            fees = {BASE: 5, QUOTE: 1}  # taker: ceil(15 x 0.3 = 4.5); maker: ceil(60 x 0.001 = 0.06)
        else:
            fees = {BASE: 1, QUOTE: 18}  # maker: ceil(15 x 0.001 = 0.015); taker: 60 x 0.3
        buyer, seller = (taker, maker) if taker_side == BUY else (maker, taker)
        assert twin.native.balance(FEES, BASE)[0] == fees[BASE]
        assert twin.native.balance(FEES, QUOTE)[0] == fees[QUOTE]
        assert twin.native.balance(buyer, BASE)[0] == 100 + 15 - fees[BASE]
        assert twin.native.balance(seller, QUOTE)[0] == 1_000 + 60 - fees[QUOTE]
        agree(twin)

    def test_l2_an_account_that_trades_with_itself_pays_only_fees(self):
        twin, market, account, _ = self.market(taker_fee_ppm=10 * PERCENT)
        place(twin, account, market, SELL, 10, 2)
        place(twin, account, market, BUY, 10, 2)
        assert twin.native.balance(account, BASE) == (100 - 1, 0)  # the buyer is the taker: 10 % of 10 base atoms
        assert twin.native.balance(account, QUOTE) == (1_000, 0)
        agree(twin)


class TestCover:
    WORTH, PER_LOT = 2, 5

    def market(self, *deposits):
        twin = opened()
        market = twin.spot(BASE, QUOTE, worth=self.WORTH, base_atoms_per_lot=self.PER_LOT)
        return twin, market, twin.account(*deposits)

    def test_v1_a_bid_reserves_quote_until_it_trades_or_is_cancelled(self):
        twin, market, bidder = self.market(1_000)
        ticket = place(twin, bidder, market, BUY, 10, 4)
        assert twin.native.balance(bidder, QUOTE) == (1_000, 4 * 10 * self.WORTH)
        seller = twin.account(0, 100)
        place(twin, seller, market, SELL, None, 1)
        assert twin.native.balance(bidder, QUOTE) == (1_000 - 20, 60)  # one lot traded, three still promised
        cancel(twin, ticket)
        assert twin.native.balance(bidder, QUOTE) == (980, 0)
        agree(twin)

    def test_v1_an_ask_reserves_base(self):
        twin, market, asker = self.market(0, 100)
        ticket = place(twin, asker, market, SELL, 10, 4)
        assert twin.native.balance(asker, BASE) == (100, 4 * self.PER_LOT)
        cancel(twin, ticket)
        assert twin.native.balance(asker, BASE) == (100, 0)
        agree(twin)

    def test_v1_a_crossing_bid_reserves_only_what_rests_at_its_own_price(self):
        twin, market, buyer = self.market(1_000)
        seller = twin.account(0, 100)
        place(twin, seller, market, SELL, 10, 3)
        place(twin, buyer, market, BUY, 12, 5)
        assert twin.native.balance(buyer, QUOTE) == (1_000 - 3 * 10 * 2, 2 * 12 * 2)
        agree(twin)

    @pytest.mark.parametrize(("has_atoms", "rests"), [(4 * 10 * 2, True), (4 * 10 * 2 - 1, False)])
    def test_v2_a_limit_buy_needs_its_whole_reservation_free(self, has_atoms, rests):
        twin, market, buyer = self.market(has_atoms)
        before = twin.native.digest()
        place(twin, buyer, market, BUY, 10, 4)
        assert (twin.native.market(market)["orders"] == 1) is rests
        assert rejects(twin) == ({} if rests else {RejectReason.INSUFFICIENT_FUNDS: 1})
        assert twin.native.digest() != before  # the clock has moved on
        agree(twin)

    def test_v2_what_rests_already_is_not_free(self):
        twin, market, buyer = self.market(100)
        place(twin, buyer, market, BUY, 10, 3)  # 60 of 100 promised
        place(twin, buyer, market, BUY, 7, 3)  # needs 42, free 40
        assert rejects(twin) == {RejectReason.INSUFFICIENT_FUNDS: 1}
        place(twin, buyer, market, BUY, 10, 2)  # needs 40
        assert twin.native.balance(buyer, QUOTE) == (100, 100)
        agree(twin)

    @pytest.mark.parametrize(("has_atoms", "trades"), [(3 * 5, 1), (3 * 5 - 1, 0)])
    @pytest.mark.parametrize("price", [10, None])
    def test_v2_a_sell_needs_its_base(self, price, has_atoms, trades):
        twin, market, seller = self.market(0, has_atoms)
        place(twin, twin.account(1_000), market, BUY, 10, 3)
        place(twin, seller, market, SELL, price, 3, immediate=price is not None)
        assert twin.native.market(market)["trades"] == trades
        assert rejects(twin) == ({} if trades else {RejectReason.INSUFFICIENT_FUNDS: 1})
        agree(twin)

    @pytest.mark.parametrize(("has_atoms", "trades"), [(2 * 10 * 2 + 1 * 13 * 2, 2), (65, 0)])
    def test_v2_a_market_buy_needs_what_it_would_take_and_no_more(self, has_atoms, trades):
        twin, market, buyer = self.market(has_atoms)
        seller = twin.account(0, 100)
        place(twin, seller, market, SELL, 10, 2)
        place(twin, seller, market, SELL, 13, 1)
        place(twin, buyer, market, BUY, None, 50)  # the book has 3 lots, worth 66; the other 47 are not counted
        assert twin.native.market(market)["trades"] == trades
        assert twin.native.balance(buyer, QUOTE)[0] == (0 if trades else has_atoms)
        agree(twin)

    def test_v2_a_market_buy_on_an_empty_book_is_accepted_and_cancelled_whole(self):
        twin, market, pauper = self.market()
        place(twin, pauper, market, BUY, None, 7)
        assert rejects(twin) == {}
        agree(twin)

    def test_u2_the_notional_bound_of_a_world_is_in_quote_atoms(self):
        twin = opened()
        market = twin.spot(BASE, QUOTE, worth=self.WORTH, notional_max=100)
        buyer = twin.account(1_000)
        place(twin, buyer, market, BUY, 10, 5)  # 10 x 5 x 2 = 100
        place(twin, buyer, market, BUY, 51, 1)  # 102
        assert rejects(twin) == {RejectReason.NOTIONAL_OUT_OF_BOUNDS: 1}
        agree(twin)


class TestFreeOfCharge:
    def test_u9_a_spot_price_may_be_zero(self):
        twin = opened()
        market = twin.spot(BASE, QUOTE, price_min=0, maker_fee_ppm=PERCENT, taker_fee_ppm=PERCENT)
        taker, giver = twin.account(), twin.account(0, 100)
        place(twin, taker, market, BUY, 0, 10)
        assert twin.native.balance(taker, QUOTE) == (0, 0)  # it rests, and nothing is promised
        place(twin, giver, market, SELL, None, 10)
        assert twin.native.balance(taker, BASE) == (10 - 1, 0)  # ceil of 1 % of ten
        assert twin.native.balance(giver, QUOTE) == (0, 0)
        assert twin.native.balance(FEES, QUOTE) == (0, 0)
        assert twin.native.market(market)["last"] == 0
        agree(twin)


class TestExposure:
    """U-10: lots and atoms of one account in one perpetual, held and at rest, stay within 2^56."""

    def market(self, worth=1, **terms):
        twin = opened()
        market = twin.perpetual(QUOTE, worth=worth, **terms)
        return twin, market, twin.account(10**6), twin.account(10**6)

    @pytest.mark.parametrize("worth", [1, 4])
    def test_u10_resting_orders_of_both_sides_count(self, worth):
        twin, market, account, _ = self.market(worth)
        quarter = EXPOSURE_MAX // 4 // worth
        for side, price in ((BUY, 1), (BUY, 1), (SELL, 2)):
            place(twin, account, market, side, price, quarter // price)
        place(twin, account, market, BUY, 1, quarter)
        assert rejects(twin) == {}  # four quarters of the atoms are taken: an eighth of the lots at 2 is one as well
        place(twin, account, market, BUY, 1, 1)
        assert rejects(twin) == {RejectReason.NOTIONAL_OUT_OF_BOUNDS: 1}
        agree(twin)

    def test_u10_what_is_cancelled_or_traded_no_longer_rests(self):
        twin, market, account, other = self.market()
        ticket = place(twin, account, market, BUY, 1, EXPOSURE_MAX)
        cancel(twin, ticket)
        place(twin, account, market, BUY, 1, EXPOSURE_MAX)
        place(twin, other, market, SELL, 1, EXPOSURE_MAX // 2)  # half of it is a position now, the sum is the same
        place(twin, account, market, BUY, 1, 1)
        assert rejects(twin) == {RejectReason.NOTIONAL_OUT_OF_BOUNDS: 1}
        place(twin, other, market, SELL, 2, EXPOSURE_MAX // 4)  # |position| counts for it just as well
        assert twin.native.market(market)["orders"] == 2
        place(twin, other, market, BUY, 1, 1)  # even an order that would reduce
        assert rejects(twin) == {RejectReason.NOTIONAL_OUT_OF_BOUNDS: 2}
        assert twin.native.position(account, market)[0] == EXPOSURE_MAX // 2
        agree(twin)

    def test_u10_a_limit_order_counts_at_its_own_price(self):
        twin, market, account, _ = self.market()
        place(twin, account, market, BUY, 2**20, 2**36)
        place(twin, account, market, BUY, 2**20, 1)
        assert rejects(twin) == {RejectReason.NOTIONAL_OUT_OF_BOUNDS: 1}
        agree(twin)

    def test_u10_a_market_order_beyond_the_bound_at_price_max_counts_at_its_cost(self):
        twin, market, account, maker = self.market(price_max=100)
        lots = 2**52  # at price_max 100 x 2^52, more than 2^56
        place(twin, maker, market, SELL, 3, lots)
        place(twin, account, market, BUY, None, lots)
        assert twin.native.position(account, market)[:2] == (lots, 3 * lots)
        place(twin, maker, market, BUY, 2, lots)
        place(twin, account, market, SELL, None, lots)
        assert twin.native.position(account, market)[:2] == (0, 0)
        assert rejects(twin) == {}
        agree(twin)

    @pytest.mark.parametrize("side", [BUY, SELL])
    @pytest.mark.parametrize("lots", [2**49, 2**50, 2**51])
    def test_u10_a_market_order_with_half_of_the_bound_left(self, side, lots):
        # The reference must refuse the same ones.
        twin, market, account, maker = self.market(price_max=100)
        long, short = (account, maker) if side == BUY else (maker, account)
        twin.native.open_trade(market, long, short, EXPOSURE_MAX // 2, 1)
        place(twin, twin.account(1), market, -side, 1, 2**51)
        place(twin, account, market, side, None, lots)
        agree(twin)

    @pytest.mark.parametrize("side", [BUY, SELL])
    def test_u10_on_an_empty_book_only_the_lots_bind_a_market_order(self, side):
        twin, market, account, _ = self.market()
        place(twin, account, market, side, None, EXPOSURE_MAX)
        assert rejects(twin) == {}
        place(twin, account, market, side, None, EXPOSURE_MAX + 1)
        assert rejects(twin) == {RejectReason.NOTIONAL_OUT_OF_BOUNDS: 1}
        agree(twin)

    def test_u10_spot_orders_are_bound_by_their_cover(self):
        twin = TwinWorld()
        twin.asset(), twin.asset()
        market = twin.spot(BASE, QUOTE)
        rich = twin.account(2**60)
        place(twin, rich, market, BUY, 1, 2**60)
        assert rejects(twin) == {}
        agree(twin)


class TestOrders:
    def test_v4_numbers_count_per_account_and_market_from_the_sending(self):
        twin = opened()
        first, second = twin.perpetual(QUOTE), twin.perpetual(QUOTE)
        account, other = twin.account(100), twin.account(100)
        for market in (first, first, second):
            twin.native.send_order(account, market, BUY, 10, 1, at_ms=5)
        twin.native.send_order(other, first, BUY, 10, 1, at_ms=5)
        assert twin.native.position(account, first) == (0, 0, 2)  # sent; none has arrived
        assert twin.native.market(first)["orders"] == 0
        twin.native.run(5, check=True)
        ids = [(order.id, order.owner) for order in twin.native.orders(first)]
        assert ids == [(1, account), (2, account), (1, other)]
        assert [order.id for order in twin.native.orders(second)] == [1]
        agree(twin)

    def test_v4_tickets_in_flight_differ_and_a_late_one_is_stale(self):
        twin = opened()
        market, account = twin.perpetual(QUOTE), twin.account()
        tickets = [twin.native.send_order(account, market, BUY, 10, 1, at_ms=1) for _ in range(3)]
        assert len(set(tickets)) == 3
        twin.native.run(1)
        cancel(twin, tickets[1])
        again = twin.native.send_order(account, market, BUY, 11, 1, at_ms=9)
        assert again not in tickets  # the slot may be the same, its generation is not
        cancel(twin, tickets[1])
        assert twin.native.counts()["cancel_misses"] == 1
        agree(twin)

    def test_v5_a_cancel_that_finds_nothing_is_a_miss(self):
        twin = opened()
        market, maker, taker = twin.perpetual(QUOTE), twin.account(), twin.account()
        ticket = place(twin, maker, market, SELL, 10, 1)
        place(twin, taker, market, BUY, 10, 1)
        cancel(twin, ticket)  # traded
        early = twin.native.send_order(maker, market, SELL, 10, 1, at_ms=100)
        cancel(twin, early)  # still on its way
        counts = twin.native.counts()
        assert (counts["cancels"], counts["cancel_misses"], counts["rejects"]) == (0, 2, {})
        twin.native.run(100)
        assert twin.native.market(market)["orders"] == 1
        agree(twin)

    @pytest.mark.parametrize(
        ("price", "qty", "reason"),
        [
            (9, 1, RejectReason.PRICE_OUT_OF_BOUNDS),
            (21, 1, RejectReason.PRICE_OUT_OF_BOUNDS),
            (10, 0, RejectReason.QTY_NOT_POSITIVE),
            (10, -(2**63), RejectReason.QTY_NOT_POSITIVE),
            (None, 8, RejectReason.QTY_OUT_OF_BOUNDS),
            (20, 6, RejectReason.NOTIONAL_OUT_OF_BOUNDS),
        ],
    )
    def test_u7_an_illegal_order_is_a_reject_without_effect(self, price, qty, reason):
        twin = opened()
        market = twin.perpetual(QUOTE, price_min=10, price_max=20, qty_max=7, notional_max=119)
        account = twin.account(1_000)
        place(twin, account, market, BUY, price, qty)
        assert rejects(twin) == {reason: 1}
        assert twin.native.market(market)["orders"] == 0
        agree(twin)


class TestPerpetualSettlement:
    WORTH = 2

    def market(self, **terms):
        twin = opened()
        market = twin.perpetual(QUOTE, worth=self.WORTH, **terms)
        return twin, market, twin.account(10_000), twin.account(10_000)

    def trade(self, twin, market, buyer, seller, price, qty):
        place(twin, seller, market, SELL, price, qty)
        place(twin, buyer, market, BUY, price, qty)

    def test_l5_l6_costs_and_realised_pnl_round_against_both(self):
        twin, market, long, short = self.market()
        self.trade(twin, market, long, short, 100, 3)
        self.trade(twin, market, long, short, 101, 2)
        cost = 3 * 100 * 2 + 2 * 101 * 2  # 1,004
        assert twin.native.position(long, market)[:2] == (5, cost)
        assert twin.native.position(short, market)[:2] == (-5, -cost)
        self.trade(twin, market, short, long, 110, 3)
        # long: releases ceil(1004 x 3 / 5 = 602.4) = 603, gains 660 - 603; short: ceil(-602.4) = -602, -660 + 602
        assert twin.native.balance(long, QUOTE)[0] == 10_000 + 57
        assert twin.native.balance(short, QUOTE)[0] == 10_000 - 58
        assert twin.native.position(long, market)[:2] == (2, 1_004 - 603)
        assert twin.native.position(short, market)[:2] == (-2, -1_004 + 602)
        assert twin.native.market(market)["clearing"] == 58 - 57  # L-7: and the costs sum to -1
        agree(twin)

    def test_l6_a_trade_that_flips_closes_first(self):
        twin, market, long, short = self.market()
        self.trade(twin, market, long, short, 100, 3)
        self.trade(twin, market, short, long, 90, 5)
        loss = 3 * (100 - 90) * 2  # of the three lots that were closed
        assert twin.native.balance(long, QUOTE)[0] == 10_000 - loss
        assert twin.native.balance(short, QUOTE)[0] == 10_000 + loss
        assert twin.native.position(long, market)[:2] == (-2, -2 * 90 * 2)
        assert twin.native.market(market)["clearing"] == 0
        agree(twin)

    def test_l7_lots_and_costs_sum_to_zero_with_three_accounts(self):
        twin, market, long, short = self.market()
        third = twin.account(10_000)
        self.trade(twin, market, long, short, 101, 7)
        self.trade(twin, market, third, long, 97, 4)
        self.trade(twin, market, short, third, 103, 9)
        positions = [twin.native.position(account, market) for account in (long, short, third)]
        assert [position[0] for position in positions] == [3, 2, -5]
        assert sum(position[1] for position in positions) + twin.native.market(market)["clearing"] == 0
        agree(twin)

    def test_l8_fees_are_rounded_for_each_fill_and_side(self):
        twin, market, maker, taker = self.market(maker_fee_ppm=2 * PERCENT, taker_fee_ppm=10 * PERCENT)
        place(twin, maker, market, SELL, 1, 1)
        place(twin, maker, market, SELL, 1, 1)
        place(twin, taker, market, BUY, None, 2)
        # each fill is worth 1 x 1 x 2 atoms: ceil(0.2) = 1 from the taker, ceil(0.04) = 1 from the maker, twice
        assert twin.native.balance(FEES, QUOTE)[0] == 4
        assert twin.native.balance(taker, QUOTE)[0] == 10_000 - 2
        assert twin.native.balance(maker, QUOTE)[0] == 10_000 - 2
        agree(twin)

    def test_l9_initial_positions_are_balanced_and_free_of_fees(self):
        twin, market, long, short = self.market(taker_fee_ppm=50 * PERCENT)
        twin.native.open_trade(market, long, short, 4, 25)
        assert twin.native.position(long, market) == (4, 4 * 25 * 2, 0)
        assert twin.native.position(short, market) == (-4, -4 * 25 * 2, 0)
        assert twin.native.balance(long, QUOTE) == (10_000, 0)
        state = twin.native.market(market)
        assert (state["last"], state["trades"], state["clearing"]) == (None, 0, 0)
        agree(twin)


class TestUnfunded:
    """V-6: a perpetual's loss takes reserved quote; the orders that it was promised to leave at once."""

    def loss(self, *, spot_bid=10):
        """Let an account with 1,000, of which 100 x spot_bid are promised, lose 1,000 in a perpetual at 4 ms."""
        twin = opened()
        spot, perpetual = twin.spot(BASE, QUOTE), twin.perpetual(QUOTE)
        maker, account = twin.account(10**6, 10**6), twin.account(1_000)
        send = twin.native.send_order
        if spot_bid:
            send(account, spot, BUY, 100, spot_bid, at_ms=0)
        send(account, perpetual, BUY, 50, 3, at_ms=0)
        send(maker, perpetual, SELL, 200, 10, at_ms=1)
        send(account, perpetual, BUY, 200, 10, at_ms=2)
        send(maker, perpetual, BUY, 100, 10, at_ms=3)
        send(account, perpetual, SELL, None, 10, at_ms=4)
        send(maker, spot, SELL, None, 10, at_ms=5)
        return twin, spot, perpetual, account

    def test_v6_a_loss_cancels_the_orders_that_it_leaves_unfunded(self):
        twin, spot, perpetual, account = self.loss()
        twin.native.run(3, check=True)
        assert twin.native.balance(account, QUOTE) == (1_000, 1_000)
        twin.native.run(4, check=True)
        assert twin.native.balance(account, QUOTE) == (0, 0)
        assert [twin.native.market(market)["orders"] for market in (spot, perpetual)] == [0, 0]
        kinds = [row[:2] for row in journal(twin, PLACE_ROW, CANCEL_ROW) if row[0] == 4]
        assert kinds == [(4, account)] * 3  # the order, and right behind it both cancels
        twin.native.run(1_000, check=True)
        assert twin.native.balance(account, QUOTE) == (0, 0)  # the seller of 5 ms found nobody
        assert landmarks(twin, BAD_DEBT_LANDMARK) == []
        agree(twin)

    def test_v6_what_is_still_funded_stays(self):
        twin, _, perpetual, account = self.loss(spot_bid=0)
        twin.native.run(4, check=True)
        assert twin.native.balance(account, QUOTE) == (0, 0)  # 0 is not below 0
        assert twin.native.market(perpetual)["orders"] == 1
        agree(twin)

    def test_v6_the_makers_of_a_command_are_looked_at_too(self):
        twin = opened()
        spot, perpetual = twin.spot(BASE, QUOTE), twin.perpetual(QUOTE)
        rich, account = twin.account(10**6, 10**6), twin.account(1_000)
        twin.native.open_trade(perpetual, account, rich, 10, 200)
        place(twin, account, spot, BUY, 100, 10)
        place(twin, account, perpetual, SELL, 150, 10)  # a loss of 500, when it trades
        twin.native.run(10, check=True)
        place(twin, rich, perpetual, BUY, 150, 10)
        assert twin.native.balance(account, QUOTE) == (500, 0)
        assert twin.native.market(spot)["orders"] == 0
        agree(twin)

    def test_v6_l10_a_flat_account_below_zero_is_written_off_in_the_next_millisecond(self):
        twin, _, _, account = self.loss()
        late = twin.account(10**6)
        market = twin.perpetual(QUOTE, taker_fee_ppm=PERCENT)
        twin.native.run(4, check=True)
        # It has nothing left, and a fee of 1 to pay for each side of a trade with nobody's gain.
        place(twin, late, market, BUY, 100, 1)
        place(twin, late, market, SELL, 101, 1)
        start = twin.native.now_ms
        twin.native.send_order(account, market, BUY, None, 1, at_ms=start + 1)
        twin.native.send_order(account, market, SELL, None, 1, at_ms=start + 1)
        twin.native.run(start + 1, check=True)
        owes = 2 + 1 + 1  # ceil(1.01), the tick between bid and ask, ceil(1.00)
        assert twin.native.balance(account, QUOTE) == (-owes, 0)
        twin.native.run(start + 2, check=True)
        assert twin.native.balance(account, QUOTE) == (0, 0)
        assert twin.native.balance(BAD_DEBT, QUOTE) == (-owes, 0)
        assert landmarks(twin, BAD_DEBT_LANDMARK) == [(start + 2, account, owes)]
        agree(twin)


class TestFlow:
    @pytest.mark.parametrize(
        ("lots", "slices", "sizes"),
        [(10, 6, [2, 2, 2, 2, 1, 1]), (10, 1, [10]), (10, 10, [1] * 10), (7, 2, [4, 3]), (9, 3, [3, 3, 3])],
    )
    def test_a_shock_has_as_many_orders_as_slices(self, lots, slices, sizes):
        twin = opened()
        market = twin.perpetual(QUOTE)
        twin.native.add_agents(
            "shock", twin.account(1), 0, market=market, side=SELL, qty_lots=lots, start_ms=5, slices=slices, every_ms=3
        )
        twin.native.run(100, check=True)
        assert [row[0] for row in journal(twin, PLACE_ROW)] == [5 + 3 * i for i in range(slices)]
        assert [row[5] for row in journal(twin, PLACE_ROW)] == sizes  # ceil(what is left / slices left)
        assert twin.native.counts()["orders"] == slices
        agree(twin)

    def test_p1_a_maker_that_sees_no_price_quotes_nothing(self):
        twin = opened()
        market = twin.perpetual(QUOTE)
        static = twin.account(10**6)
        for side, price in ((BUY, 998), (SELL, 1_002)):
            ticket = twin.native.send_order(static, market, side, price, 10, at_ms=0)
            twin.native.send_cancel(ticket, at_ms=1)
        maker = twin.native.add_agents(
            "maker",
            twin.account(10**9),
            1,
            wake_every_ms=20,
            window_ms=200,
            return_after_ms=600,
            latency_ms=0,
            latency_law=("lognormal", 40.0, 0.0),
            half_spread=0.002,
            spacing=0.0,
            levels=1,
            anchor=0.3,
            fair_tau_ms=1_000.0,
            drawdown=0.0,
            return_size=1.0,
        )
        twin.native.add_quotes(maker, market, 5)
        twin.native.run(200, check=True)
        # It looked once at 1,000, and then at an empty book without a trade. Its own first quotes arrive at 40 ms.
        prices = [row[4] for row in journal(twin, PLACE_ROW)]
        assert set(prices[2:]) == {998, 1_002}
        assert max(prices) < 2_000
        agree(twin)

    def test_a_table_outlives_the_collector(self):
        # A table that died in a cycle once freed the chunks of its world.
        program = """
import gc
from engine.testing.worlds import small_world
twin = small_world(makers=1, longs=2, shock_lots=50)
twin.native.run(2_000)
for _ in range(3):
    for lent in (twin.native.trades(), twin.native.journal(), twin.native.prices()):
        cycle = [lent, lent["time_ms"]]
        cycle.append(cycle)
    del cycle, lent
    gc.collect()
assert twin.disagreements() == []
holder = [twin.native, twin.native.journal()]
holder.append(holder)
del twin, holder
gc.collect()
print("sound")
"""
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "sound\n"), done.stderr
