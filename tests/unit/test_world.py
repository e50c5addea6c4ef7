"""Ledger, venue, prices, liquidation and time of a world, rule by rule (L, V, P, X, T).

Every story ends with the reference replaying the journal (J-2): the literals of a story are derived from the rule, and
the twin must have come to the same state by its own arithmetic.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.reference.world import EXPOSURE_MAX
from engine.testing.worlds import TwinWorld
from engine.types import RejectReason, Side

BUY, SELL = Side.BUY, Side.SELL
FEES, BAD_DEBT = 0, 2  # L-1: the venue's accounts
SHOCK, WITHDRAWAL, RETURN, PUBLICATION, LIQUIDATION, STEP, BAD_DEBT_LANDMARK = range(1, 8)
PLACE_ROW, CANCEL_ROW = 3, 4
QUOTE, BASE = 0, 1
PERCENT = 10_000  # ppm


def opened(**options) -> TwinWorld:
    """Open a world with a quote and a base asset."""
    twin = TwinWorld(**options)
    assert (twin.asset(10**15), twin.asset(10**15)) == (QUOTE, BASE)
    return twin


def place(twin, account, market, side, price, qty, **options):
    """Send an order and let it arrive in the next millisecond."""
    at_ms = twin.native.now_ms + 1
    ticket = twin.native.send_order(account, market, side, price, qty, at_ms=at_ms, **options)
    twin.native.run(at_ms, check=True)
    return ticket


def cancel(twin, ticket):
    at_ms = twin.native.now_ms + 1
    twin.native.send_cancel(ticket, at_ms=at_ms)
    twin.native.run(at_ms, check=True)


def rejects(twin):
    return twin.native.counts()["rejects"]


def landmarks(twin, *kinds):
    """Return (time_ms, account, value) of the landmarks of some kinds, in order."""
    return [(row[0], row[4], row[7]) for row in twin.native.landmarks() if row[1] in kinds]


def journal(twin, *kinds):
    table = twin.native.journal()
    names = ("time_ms", "account", "number", "side", "price", "qty")
    rows = zip(table["kind"].tolist(), *(table[name].tolist() for name in names), strict=True)
    return [row[1:] for row in rows if row[0] in kinds]


def agree(twin):
    """Check the world and its reference (L-2, L-7, V-1; J-2)."""
    twin.native.check_invariants()
    assert twin.disagreements() == []


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
        twin.native.add_shock(twin.account(1), market, SELL, lots, at_ms=5, slices=slices, every_ms=3)
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


class TestPrices:
    def test_p1_p2_index_is_the_sources_mid_rounded_down_and_late(self):
        twin = opened()
        spot, perpetual = twin.spot(BASE, QUOTE), twin.perpetual(QUOTE)
        twin.native.add_index(perpetual, spot, every_ms=10, lag_ms=3)
        trader = twin.account(10_000, 1_000)
        twin.native.send_order(trader, spot, BUY, 100, 1, at_ms=1)
        ask = twin.native.send_order(trader, spot, SELL, 103, 1, at_ms=2)
        twin.native.run(12, check=True)
        assert twin.native.market(perpetual)["index"] is None  # sampled at 10, on its way
        twin.native.run(13, check=True)
        assert twin.native.market(perpetual)["index"] == 101  # (100 + 103) / 2 = 101.5
        twin.native.send_cancel(ask, at_ms=15)
        twin.native.run(60, check=True)
        # With one side empty there is no mid: nothing more is published, the old value stays.
        assert twin.native.market(perpetual)["index"] == 101
        table = twin.native.prices()
        assert (table["time_ms"].tolist(), table["price_ticks"].tolist()) == ([13], [101])
        agree(twin)

    def test_p2_the_value_is_the_samples_not_the_publications(self):
        twin = opened()
        spot, perpetual = twin.spot(BASE, QUOTE), twin.perpetual(QUOTE)
        twin.native.add_index(perpetual, spot, every_ms=10, lag_ms=5)
        trader = twin.account(10_000, 1_000)
        twin.native.send_order(trader, spot, BUY, 100, 1, at_ms=1)
        twin.native.send_order(trader, spot, SELL, 104, 1, at_ms=1)
        twin.native.send_order(trader, spot, BUY, 102, 1, at_ms=10)  # phase 8: after the sample of phase 2
        twin.native.run(30, check=True)
        table = twin.native.prices()
        assert table["time_ms"].tolist() == [15, 25]
        assert table["price_ticks"].tolist() == [102, 103]
        agree(twin)

    # (index, mid, last, mark): the middle one of three, the lower one of two, the one.
    MARKS = [
        (100, 110, 120, 110),
        (120, 100, 110, 110),
        (110, 120, 100, 110),
        (100, 120, 110, 110),
        (110, 100, 120, 110),
        (120, 110, 100, 110),
        (105, 105, 90, 105),
        (100, 110, None, 100),
        (110, 100, None, 100),
        (None, 120, 110, 110),
        (None, 110, 120, 110),
        (100, None, 120, 100),
        (100, None, None, 100),
        (None, 110, None, 110),
        (None, None, 120, 120),
    ]

    @pytest.mark.parametrize(("index", "mid", "last", "mark"), MARKS)
    def test_p3_mark_is_the_median_of_those_that_exist(self, index, mid, last, mark):
        twin = opened()
        spot, perpetual = twin.spot(BASE, QUOTE), twin.perpetual(QUOTE)
        twin.native.add_index(perpetual, spot, every_ms=20, lag_ms=0)
        twin.native.add_mark(perpetual, every_ms=20, lag_ms=0)
        trader, other = twin.account(10**6, 1_000), twin.account(10**6, 1_000)
        if last is not None:
            place(twin, trader, perpetual, SELL, last, 1)
            place(twin, other, perpetual, BUY, last, 1)
        for market, middle in ((spot, index), (perpetual, mid)):
            if middle is not None:
                place(twin, trader, market, BUY, middle - 1, 1)
                place(twin, trader, market, SELL, middle + 1, 1)
        twin.native.run(19, check=True)
        assert twin.native.market(perpetual)["mark"] is None
        twin.native.run(20, check=True)
        state = twin.native.market(perpetual)
        assert (state["index"], state["last"], state["mark"]) == (index, last, mark)
        agree(twin)

    def test_p3_without_any_component_there_is_no_mark(self):
        twin = opened()
        perpetual = twin.perpetual(QUOTE)
        twin.native.add_mark(perpetual, every_ms=5, lag_ms=1)
        twin.native.run(50, check=True)
        assert twin.native.market(perpetual)["mark"] is None
        assert len(twin.native.prices()) == 0


class Margin:
    """Hold a perpetual with a mark of 90 from 10 ms on: a bid at 89, an ask at 91, nothing traded.

    Maintenance is 10 %. A long of 10 lots at 100 has then lost 100 and needs 90.
    """

    def __init__(self, *, bid_lots=1_000, marks=1, mark_every_ms=10, **options):
        self.twin = opened(**options)
        self.markets = [self.twin.perpetual(QUOTE, maintenance_ppm=10 * PERCENT) for _ in range(marks)]
        self.market = self.markets[0]
        self.native = self.twin.native
        self.maker = self.twin.account(10**9)
        self.short = self.twin.account(10**9)
        for market in self.markets:
            self.native.add_mark(market, every_ms=mark_every_ms, lag_ms=0)
            self.bid = self.native.send_order(self.maker, market, BUY, 89, bid_lots, at_ms=1)
            self.ask = self.native.send_order(self.maker, market, SELL, 91, 1_000, at_ms=1)

    def long(self, collateral, lots=10, market=None):
        account = self.twin.account(collateral)
        self.native.open_trade(self.market if market is None else market, account, self.short, lots, 100)
        return account

    def lots(self, account, market=None):
        return self.native.position(account, self.market if market is None else market)[0]


class TestLiquidation:
    def test_x1_x2_equity_equal_to_maintenance_is_healthy(self):
        margin = Margin()
        account = margin.long(100 + 90)  # equity 190 - 100 = 90 = 10 % of 900
        margin.native.run(1_000, check=True)
        assert margin.native.market(margin.market)["mark"] == 90
        assert not margin.native.in_liquidation(account)
        assert landmarks(margin.twin, PUBLICATION, LIQUIDATION, STEP) == []
        agree(margin.twin)

    def test_x1_x2_one_atom_below_is_liquidated_in_the_marks_millisecond(self):
        margin = Margin()
        account = margin.long(100 + 90 - 1)
        margin.native.run(9, check=True)
        assert not margin.native.in_liquidation(account)
        margin.native.run(10, check=True)
        assert margin.native.in_liquidation(account)
        # P-4, X-4: publication, check, step and order are all of 10 ms.
        assert landmarks(margin.twin, PUBLICATION) == [(10, -1, 90)]
        assert landmarks(margin.twin, LIQUIDATION) == [(10, account, 89)]  # the equity that was found
        assert landmarks(margin.twin, STEP) == [(10, account, 3)]  # ceil(10 x 0.25)
        assert margin.lots(account) == 7
        agree(margin.twin)

    def test_x1_the_requirement_is_rounded_up(self):
        margin = Margin()
        market = margin.twin.perpetual(QUOTE, maintenance_ppm=10 * PERCENT + 1)
        margin.native.add_mark(market, every_ms=10, lag_ms=0)
        margin.native.send_order(margin.maker, market, BUY, 89, 1_000, at_ms=1)
        margin.native.send_order(margin.maker, market, SELL, 91, 1_000, at_ms=1)
        account = margin.long(100 + 90, market=market)  # needs ceil(900 x 0.100001 = 90.0009) = 91, has 90
        margin.native.run(10, check=True)
        assert margin.native.in_liquidation(account)
        agree(margin.twin)

    def test_x1_a_short_is_measured_by_the_same_rule(self):
        margin = Margin()
        healthy, breaching = margin.twin.account(100 + 90), margin.twin.account(100 + 90 - 1)
        for account in (healthy, breaching):
            margin.native.open_trade(margin.market, margin.short, account, 10, 80)  # at 90 it has lost 100
        margin.native.run(10, check=True)
        assert not margin.native.in_liquidation(healthy)
        assert margin.native.in_liquidation(breaching)
        assert margin.lots(breaching) == -7
        agree(margin.twin)

    def test_x1_equity_sums_over_the_positions(self):
        margin = Margin(marks=2)
        first, second = margin.markets
        account = margin.long(2 * (100 + 90) - 1, market=first)
        margin.native.open_trade(second, account, margin.short, 10, 100)
        other = margin.long(2 * (100 + 90), market=first)
        margin.native.open_trade(second, other, margin.short, 10, 100)
        margin.native.run(10, check=True)
        assert margin.native.in_liquidation(account)
        assert not margin.native.in_liquidation(other)
        agree(margin.twin)

    def test_x2_without_a_mark_nobody_is_checked(self):
        margin = Margin()
        unmarked = margin.twin.perpetual(QUOTE)
        account = margin.long(1, market=unmarked)
        margin.native.run(1_000, check=True)
        assert not margin.native.in_liquidation(account)
        agree(margin.twin)

    def test_x2_with_an_unmarked_position_a_running_liquidation_waits_an_interval(self):
        margin = Margin(stage_ppm=10 * PERCENT, stage_interval_ms=10)
        account = margin.long(1)
        margin.native.run(15, check=True)
        assert landmarks(margin.twin, STEP) == [(10, account, 1)]
        unmarked = margin.twin.perpetual(QUOTE)
        margin.native.open_trade(unmarked, account, margin.short, 1, 100)
        margin.native.run(35, check=True)
        assert margin.native.in_liquidation(account)  # it waits; it does not leave
        assert landmarks(margin.twin, STEP) == [(10, account, 1)]
        # A mark of 100 from 35 ms on: the steps go on, at the next beat.
        margin.native.add_mark(unmarked, every_ms=1, lag_ms=0)
        for side, price in ((BUY, 99), (SELL, 101)):
            margin.native.send_order(margin.maker, unmarked, side, price, 100, at_ms=35)
        margin.native.run(40, check=True)
        assert landmarks(margin.twin, STEP) == [(10, account, 1), (40, account, 1)]
        agree(margin.twin)

    def test_x2_an_account_with_an_unmarked_position_is_not_checked(self):
        margin = Margin()
        account = margin.long(1)
        unmarked = margin.twin.perpetual(QUOTE)
        margin.native.open_trade(unmarked, account, margin.short, 1, 100)
        margin.native.run(1_000, check=True)
        assert not margin.native.in_liquidation(account)
        agree(margin.twin)

    def test_x2_l10_an_account_that_holds_an_unmarked_position_is_not_flat(self):
        margin = Margin(stage_ppm=100 * PERCENT, stage_interval_ms=10)
        account = margin.long(10)
        margin.native.run(15, check=True)  # sold all at 89; the account is 100 under water
        assert (margin.lots(account), margin.native.balance(account, QUOTE)[0]) == (0, 10 - 110)
        unmarked = margin.twin.perpetual(QUOTE)
        margin.native.open_trade(unmarked, account, margin.short, 5, 100)
        margin.native.run(100, check=True)
        assert margin.lots(account, unmarked) == 5
        assert margin.native.balance(BAD_DEBT, QUOTE) == (0, 0)
        agree(margin.twin)

    def test_x2_an_account_is_in_one_liquidation_at_a_time_of_one_settlement_asset(self):
        twin = opened(stage_ppm=100 * PERCENT, stage_interval_ms=50)
        markets = [twin.perpetual(asset) for asset in (QUOTE, BASE)]
        maker, account = twin.account(10**6, 10**6), twin.account(101 + 15, 101 + 15)
        for market in markets:
            twin.native.add_mark(market, every_ms=10, lag_ms=0)
            twin.native.send_order(maker, market, BUY, 89, 1_000, at_ms=1)
            twin.native.send_order(maker, market, SELL, 91, 1_000, at_ms=1)
            twin.native.open_trade(market, account, maker, 10, 100)
        twin.native.run(59, check=True)
        found = [(row[0], row[2]) for row in twin.native.landmarks() if row[1] == LIQUIDATION]
        assert found == [(10, markets[0])]  # the other breaches just as well
        assert twin.native.position(account, markets[1])[0] == 10
        twin.native.run(200, check=True)
        # At 60 ms the first ends in phase 5, flat and with 6 left: the second is found with the next mark.
        found = [(row[0], row[2]) for row in twin.native.landmarks() if row[1] == LIQUIDATION]
        assert found == [(10, markets[0]), (70, markets[1])]
        assert [twin.native.position(account, market)[0] for market in markets] == [0, 0]
        agree(twin)

    def test_x4_a_stage_is_capped_at_qty_max(self):
        twin = opened(stage_ppm=100 * PERCENT, stage_interval_ms=10)
        market = twin.perpetual(QUOTE, qty_max=10)
        twin.native.add_mark(market, every_ms=10, lag_ms=0)
        maker, account = twin.account(10**6), twin.account(1)
        for _ in range(10):
            twin.native.send_order(maker, market, BUY, 89, 10, at_ms=1)
        twin.native.send_order(maker, market, SELL, 91, 10, at_ms=1)
        for _ in range(5):
            twin.native.open_trade(market, account, maker, 10, 100)
        twin.native.run(1_000, check=True)
        assert landmarks(twin, STEP) == [(10 * step, account, 10) for step in range(1, 6)]
        assert twin.native.position(account, market)[0] == 0
        assert rejects(twin) == {}
        agree(twin)

    def test_x3_the_worst_ratio_first_not_the_least_equity(self):
        margin = Margin()
        mild = margin.long(100 + 50)  # 50 of 900: 5.6 %
        severe = margin.long(1_000 + 400, lots=100)  # 400 of 9,000: 4.4 %
        margin.native.run(10, check=True)
        assert landmarks(margin.twin, LIQUIDATION) == [(10, severe, 400), (10, mild, 50)]
        orders = [row[1] for row in journal(margin.twin, PLACE_ROW) if row[3] == SELL and row[4] == 0]
        assert orders == [severe, mild]
        agree(margin.twin)

    def test_x3_equal_ratios_go_by_account_id(self):
        margin = Margin()
        accounts = [margin.long(100 + 50), margin.long(1_000 + 500, lots=100), margin.long(100 + 50)]
        margin.native.run(10, check=True)
        assert [account for _, account, _ in landmarks(margin.twin, LIQUIDATION)] == accounts
        agree(margin.twin)

    @pytest.mark.parametrize(
        ("options", "stages"),
        [
            ({"stage_ppm": 25 * PERCENT}, [3, 2, 2, 1, 1, 1]),  # ceil of a quarter of 10, 7, 5, 3, 2, 1
            ({"stage_ppm": 25 * PERCENT, "stage_lots_min": 4}, [4, 4, 2]),
            ({"stage_ppm": 100 * PERCENT}, [10]),
            ({"stage_ppm": 1, "stage_lots_min": 100}, [10]),
        ],
    )
    def test_x4_steps_are_staged_and_spaced(self, options, stages):
        margin = Margin(mark_every_ms=10**6, stage_interval_ms=7, **options)
        account = margin.long(100 + 5)
        margin.native.run(2 * 10**6, check=True)
        steps = landmarks(margin.twin, STEP)
        assert steps == [(10**6 + 7 * i, account, lots) for i, lots in enumerate(stages)]
        assert margin.lots(account) == 0
        agree(margin.twin)

    def test_x4_the_largest_notional_is_reduced_first_and_ties_go_to_the_lower_market(self):
        margin = Margin(marks=3, stage_ppm=100 * PERCENT, stage_interval_ms=5)
        account = margin.long(1, lots=10, market=margin.markets[0])
        margin.native.open_trade(margin.markets[2], account, margin.short, 11, 100)
        margin.native.open_trade(margin.markets[1], account, margin.short, 10, 100)
        margin.native.run(1_000, check=True)
        steps = [row[2] for row in margin.native.landmarks() if row[1] == STEP]
        assert steps == [margin.markets[2], margin.markets[0], margin.markets[1]]
        agree(margin.twin)

    def test_x4_the_next_step_sees_what_was_filled(self):
        margin = Margin(bid_lots=2, stage_ppm=50 * PERCENT, stage_interval_ms=5)
        account = margin.long(100 + 5)
        margin.native.run(16, check=True)
        # Of the first 5 lots only 2 found a buyer; the next step takes half of the 8 that are left.
        assert landmarks(margin.twin, STEP) == [(10, account, 5), (15, account, 4)]
        assert margin.lots(account) == 8
        agree(margin.twin)

    def test_x4_the_accounts_orders_are_cancelled_on_all_markets(self):
        margin = Margin()
        spot = margin.twin.spot(BASE, QUOTE)
        account = margin.long(100 + 89)
        margin.native.send_order(account, margin.market, BUY, 50, 1, at_ms=2)
        margin.native.send_order(account, spot, BUY, 9, 2, at_ms=2)
        margin.native.run(9, check=True)
        assert margin.native.balance(account, QUOTE) == (189, 18)
        margin.native.run(10, check=True)
        assert margin.native.balance(account, QUOTE)[1] == 0
        cancelled = [row[1] for row in journal(margin.twin, CANCEL_ROW) if row[0] == 10]
        assert cancelled == [account, account]
        agree(margin.twin)

    def test_x5_x6_a_step_that_finds_the_account_healthy_does_nothing(self):
        margin = Margin(stage_interval_ms=5)
        account = margin.long(100 + 89)
        margin.native.run(14, check=True)
        assert margin.native.in_liquidation(account)
        # 3 lots sold at 89 cost 3 atoms against the mark: equity 86, and 7 lots need 63 only.
        margin.native.run(15, check=True)
        assert not margin.native.in_liquidation(account)
        margin.native.run(1_000, check=True)
        assert landmarks(margin.twin, STEP) == [(10, account, 3)]
        assert margin.lots(account) == 7
        agree(margin.twin)

    @pytest.mark.parametrize(("bought_first", "engine_sells"), [(8, [2]), (10, [])])
    def test_x5_a_step_never_flips(self, bought_first, engine_sells):
        # The account's own ask at 90 trades in the step's millisecond, before the engine's order for 10 lots arrives.
        margin = Margin(stage_ppm=100 * PERCENT, mark_every_ms=10**6)
        account = margin.long(100 + 5)
        margin.native.send_order(account, margin.market, SELL, 91, bought_first, at_ms=0)
        margin.native.send_order(margin.maker, margin.market, BUY, 91, bought_first, at_ms=10**6)
        margin.native.run(10**6, check=True)
        assert landmarks(margin.twin, STEP) == [(10**6, account, 10)]
        sold = [row[5] for row in journal(margin.twin, PLACE_ROW) if row[0] == 10**6 and row[1] == account]
        assert sold == engine_sells
        assert margin.lots(account) == 0
        agree(margin.twin)

    def test_v3_an_account_in_liquidation_is_frozen_but_may_cancel(self):
        margin = Margin(stage_interval_ms=100)
        account = margin.long(100 + 5)
        margin.native.run(10, check=True)
        place(margin.twin, account, margin.market, BUY, 80, 1)
        assert rejects(margin.twin) == {RejectReason.ACCOUNT_FROZEN: 1}
        assert margin.native.market(margin.market)["orders"] == 2
        margin.native.run(10_000, check=True)
        assert not margin.native.in_liquidation(account)
        place(margin.twin, account, margin.market, BUY, 80, 1)
        assert margin.native.market(margin.market)["orders"] == 3
        assert rejects(margin.twin) == {RejectReason.ACCOUNT_FROZEN: 1}
        agree(margin.twin)

    def test_v3_an_order_on_its_way_is_refused_when_it_arrives(self):
        margin = Margin()
        account = margin.long(100 + 5)
        margin.native.send_order(account, margin.market, BUY, 80, 1, at_ms=10)  # sent long before the check
        margin.native.run(10, check=True)
        assert rejects(margin.twin) == {RejectReason.ACCOUNT_FROZEN: 1}
        agree(margin.twin)

    def test_v3_a_cancel_of_a_frozen_account_passes(self):
        margin = Margin(stage_ppm=25 * PERCENT)
        account = margin.long(100 + 5)
        ticket = margin.native.send_order(account, margin.market, SELL, 200, 1, at_ms=2)
        margin.native.send_cancel(ticket, at_ms=10)  # arrives before the engine's own cancel
        margin.native.run(10, check=True)
        counts = margin.native.counts()
        assert (counts["cancels"], counts["cancel_misses"]) == (1, 0)
        agree(margin.twin)

    def test_l10_a_flat_account_under_water_is_brought_to_exactly_zero(self):
        margin = Margin(stage_ppm=100 * PERCENT, stage_interval_ms=5)
        account = margin.long(100 + 5)
        margin.native.run(14, check=True)
        assert margin.native.balance(account, QUOTE)[0] == 105 - 110  # ten lots bought at 100 and sold at 89
        assert margin.native.in_liquidation(account)
        margin.native.run(15, check=True)
        assert margin.native.balance(account, QUOTE) == (0, 0)
        assert margin.native.balance(BAD_DEBT, QUOTE) == (-5, 0)
        assert not margin.native.in_liquidation(account)
        assert landmarks(margin.twin, BAD_DEBT_LANDMARK) == [(15, account, 5)]
        agree(margin.twin)

    def test_l10_a_flat_account_with_something_left_keeps_it(self):
        margin = Margin(stage_ppm=100 * PERCENT, stage_interval_ms=5)
        account, exact = margin.long(100 + 11), margin.long(100 + 10)
        margin.native.run(15, check=True)
        assert margin.native.balance(account, QUOTE)[0] == 111 - 110
        assert margin.native.balance(exact, QUOTE)[0] == 0
        assert margin.native.balance(BAD_DEBT, QUOTE) == (0, 0)
        assert landmarks(margin.twin, BAD_DEBT_LANDMARK) == []
        assert not margin.native.in_liquidation(account)
        assert not margin.native.in_liquidation(exact)
        agree(margin.twin)


class TestTime:
    def test_t3_an_order_for_the_running_millisecond_comes_in_the_next(self):
        twin = opened()
        market, account = twin.perpetual(QUOTE), twin.account()
        twin.native.run(5)
        twin.native.send_order(account, market, BUY, 10, 1, at_ms=5)  # millisecond 5 has had its pass
        twin.native.run(5)
        assert twin.native.market(market)["orders"] == 0
        twin.native.run(6)
        assert [row[0] for row in journal(twin, PLACE_ROW)] == [6]

    def test_t3_prices_are_sampled_once_a_millisecond(self):
        # A mark of 10 ms liquidates, the sale moves the price in phase 8, and the next mark is that of 11 ms.
        margin = Margin(bid_lots=3, mark_every_ms=1)
        margin.native.send_order(margin.maker, margin.market, BUY, 50, 1_000, at_ms=1)
        margin.native.run(1, check=True)
        account = margin.long(100 + 89)
        margin.native.run(2, check=True)
        table = margin.native.prices()
        assert (table["time_ms"].tolist(), table["price_ticks"].tolist()) == ([2], [90])
        assert margin.lots(account) == 7
        margin.native.run(3, check=True)
        # last is 89 and the mid (50 + 91) / 2 = 70: of two the lower
        assert margin.native.prices()["price_ticks"].tolist() == [90, 70]
        agree(margin.twin)

    def test_t4_a_cancel_sent_before_the_engines_order_wins(self):
        margin = Margin(stage_ppm=100 * PERCENT)
        account = margin.long(100 + 5)
        margin.native.send_cancel(margin.bid, at_ms=10)  # seq of now: before that of the step's order
        margin.native.run(10, check=True)
        assert margin.native.counts()["cancels"] == 1
        assert margin.lots(account) == 10  # nobody left to sell to
        agree(margin.twin)

    def test_t4_a_cancel_sent_after_the_engines_order_loses(self):
        margin = Margin(bid_lots=10, stage_ppm=100 * PERCENT)
        account = margin.long(100 + 5)
        while not landmarks(margin.twin, STEP):
            assert margin.native.run(10, events=1, check=True) == 1
        assert margin.native.now_ms == 10  # the world stands in phase 5 of 10 ms, the engine's order is on its way
        margin.native.send_cancel(margin.bid, at_ms=10)
        margin.native.run(10, check=True)
        counts = margin.native.counts()
        assert (counts["cancels"], counts["cancel_misses"], counts["trades"]) == (0, 1, 1)
        assert margin.lots(account) == 0
        agree(margin.twin)

    def test_t4_orders_of_one_millisecond_match_in_the_order_of_sending(self):
        twin = opened()
        market = twin.perpetual(QUOTE)
        accounts = [twin.account() for _ in range(3)]
        for account in reversed(accounts):
            twin.native.send_order(account, market, BUY, 10, 1, at_ms=4)
        twin.native.run(4, check=True)
        assert [order.owner for order in twin.native.orders(market)] == accounts[::-1]
        agree(twin)
