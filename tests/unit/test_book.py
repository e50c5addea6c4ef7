"""The book, rule by rule; every test runs on the reference and on the native engine."""

from __future__ import annotations

import numpy as np
import pytest
from bookkit import LOTS_LIMIT, amounts, fills, rejected

from engine.testing.strategies import Row, columns
from engine.testing.views import FILL_COLUMNS, REJECT_COLUMNS, apply_view, columns_view, row_view, rows_view
from engine.types import CommandKind, OrderType, RejectReason, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
IOC, GTC = TimeInForce.IOC, TimeInForce.GTC
GENERATION = 2**32  # M-7: what one more generation adds to a handle


def place_row(side, price, qty, name=0, *, order_type=OrderType.LIMIT, time_in_force=0, owner=-1):
    return Row(CommandKind.PLACE, side, price, qty, order_type, time_in_force, owner, name)


def applied(book, rows, naming="order_id"):
    """Accepted count, fills and rejects of a batch; the other tables have tests of their own."""
    return apply_view(book.apply(columns(rows, naming)))[:3]


class TestEmptyBook:
    def test_has_no_prices(self, book_class):
        book = book_class()
        assert (book.best_bid, book.best_ask, book.last_price) == (None, None, None)
        assert (book.trade_count, book.traded_lots, book.order_count) == (0, 0, 0)
        assert list(map(list, book.depth())) == [[], []]
        assert list(book.orders()) == []
        assert list(book.last_fills()) == []
        assert list(book.queue(1)) == []
        book.check_invariants()


class TestPriceTimePriority:
    def test_m1_best_price_first(self, book_class):
        book = book_class()
        for price in (103, 101, 102):
            book.limit(SELL, price, 1, order_id=price)
        assert amounts(book.market(BUY, 3)) == (3, 0, 0)
        assert [row[2] for row in fills(book)] == [101, 102, 103]

    def test_m1_best_bid_first(self, book_class):
        book = book_class()
        for price in (98, 100, 99):
            book.limit(BUY, price, 1, order_id=price)
        book.market(SELL, 3)
        assert [row[2] for row in fills(book)] == [100, 99, 98]

    def test_m1_oldest_first_inside_a_price(self, book_class):
        book = book_class()
        for order_id in (7, 3, 5):
            book.limit(SELL, 100, 2, order_id=order_id)
        book.limit(BUY, 100, 5, order_id=1)
        assert fills(book) == [(7, 1, 100, 2), (3, 1, 100, 2), (5, 1, 100, 1)]

    @pytest.mark.parametrize("side", [BUY, SELL])
    @pytest.mark.parametrize("step", [1, 255, 256, 257, 2**16, 2**24])
    def test_m1_prices_are_met_in_order_however_far_apart(self, book_class, side, step):
        book = book_class()
        prices = [step * i for i in range(1, 8)][:: 1 if side == BUY else -1]  # from the best to the worst
        for price in prices[::2] + prices[1::2]:
            book.limit(-side, price, 1)
        for price in prices[:3]:
            assert (book.best_bid, book.best_ask) == ((None, price) if side == BUY else (price, None))
            book.market(side, 1)
        book.market(side, 9)
        assert [fill[2] for fill in fills(book)] == prices[3:]

    def test_m1_a_partial_fill_keeps_its_place(self, book_class):
        book = book_class()
        book.limit(SELL, 100, 4, order_id=1)
        book.limit(SELL, 100, 4, order_id=2)
        book.market(BUY, 1)
        assert rows_view(book.queue(100)) == [(1, 3), (2, 4)]
        book.market(BUY, 4, order_id=9)
        assert fills(book) == [(1, 9, 100, 3), (2, 9, 100, 1)]

    def test_m1_a_cancel_in_the_middle_keeps_the_others_in_order(self, book_class):
        book = book_class()
        for order_id in (1, 2, 3):
            book.limit(BUY, 100, 1, order_id=order_id)
        book.cancel(order_id=2)
        book.limit(BUY, 100, 1, order_id=2)
        assert rows_view(book.queue(100)) == [(1, 1), (3, 1), (2, 1)]

    @pytest.mark.parametrize(("maker_side", "maker", "taker"), [(SELL, 100, 105), (BUY, 100, 95)])
    def test_m2_the_trade_price_is_the_makers(self, book_class, maker_side, maker, taker):
        book = book_class()
        book.limit(maker_side, maker, 1, order_id=1)
        book.limit(-maker_side, taker, 1, order_id=2)
        assert fills(book) == [(1, 2, 100, 1)]
        assert book.last_price == 100


class TestLimitOrders:
    def test_m3_what_is_left_rests_behind(self, book_class):
        book = book_class()
        book.limit(SELL, 100, 3, order_id=1)
        book.limit(BUY, 100, 5, order_id=2)
        result = book.limit(BUY, 100, 4, order_id=3)
        assert amounts(result) == (0, 4, 0)
        assert rows_view(book.queue(100)) == [(2, 2), (3, 4)]
        assert (book.best_bid, book.best_ask) == (100, None)

    @pytest.mark.parametrize(("side", "resting", "trades", "rests"), [(BUY, 100, 100, 99), (SELL, 100, 100, 101)])
    def test_m3_it_crosses_at_its_limit_and_not_one_tick_beyond(self, book_class, side, resting, trades, rests):
        book = book_class()
        book.limit(-side, resting, 1)
        assert amounts(book.limit(side, rests, 1)) == (0, 1, 0)
        assert amounts(book.limit(side, trades, 1)) == (1, 0, 0)

    def test_m3_it_stops_at_its_limit(self, book_class):
        book = book_class()
        for price in (100, 101, 102):
            book.limit(SELL, price, 2)
        assert amounts(book.limit(BUY, 101, 9)) == (4, 5, 0)
        assert (book.best_bid, book.best_ask) == (101, 102)

    def test_m4_ioc_never_rests(self, book_class):
        book = book_class()
        book.limit(SELL, 100, 3)
        assert amounts(book.limit(BUY, 100, 5, time_in_force=IOC)) == (3, 0, 2)
        assert amounts(book.limit(BUY, 100, 5, time_in_force=IOC)) == (0, 0, 5)
        assert book.order_count == 0

    def test_m4_ioc_that_does_not_cross_is_cancelled_whole(self, book_class):
        book = book_class()
        book.limit(SELL, 101, 3)
        assert amounts(book.limit(BUY, 100, 5, time_in_force=IOC)) == (0, 0, 5)
        assert book.trade_count == 0

    @pytest.mark.parametrize("side", [BUY, SELL])
    def test_m4_a_market_order_on_an_empty_book_is_accepted_and_cancelled(self, book_class, side):
        book = book_class()
        assert amounts(book.market(side, 5)) == (0, 0, 5)
        assert book.order_count == 0

    def test_m4_a_market_order_has_no_limit(self, book_class):
        book = book_class()
        book.limit(SELL, 2**31 - 1, 2)
        assert amounts(book.market(BUY, 5)) == (2, 0, 3)

    def test_m11_never_crossed_or_locked(self, book_class):
        book = book_class()
        book.limit(SELL, 101, 1)
        book.limit(BUY, 101, 3)
        book.limit(SELL, 100, 1)
        assert (book.best_bid, book.best_ask) == (101, None)
        book.check_invariants()

    def test_m23_without_prevention_an_owner_trades_with_itself(self, book_class):
        book = book_class(owners=1)
        book.limit(SELL, 100, 1, owner=0)
        book.limit(BUY, 100, 1, owner=0)
        assert row_view(book.last_fills()[0])[4:] == (0, 0)


class TestCombinations:
    def test_m5_a_market_orders_price_is_not_looked_at(self, book_class):
        book = book_class(price_min=10, price_max=20, notional_max=100)
        row = place_row(BUY, -5, 50, order_type=OrderType.MARKET)
        assert applied(book, [row]) == (1, [], [])


class TestNames:
    def test_m6_slot_id_stands_in_fills_and_is_free_again(self, book_class):
        book = book_class(slots=2)
        assert book.limit(SELL, 100, 1, slot_id=1).id == 1
        assert rejected(book.limit(SELL, 100, 1, slot_id=1)) == RejectReason.SLOT_IN_USE
        book.market(BUY, 1, slot_id=0)
        assert fills(book) == [(1, 0, 100, 1)]
        assert book.limit(SELL, 100, 1, slot_id=1).accepted
        assert amounts(book.cancel(slot_id=1)) == (0, 0, 1)
        assert book.limit(SELL, 100, 1, slot_id=1).accepted

    @pytest.mark.parametrize(("slot_id", "fits"), [(-1, False), (0, True), (1, True), (2, False), (2**31 - 1, False)])
    def test_m6_slot_range(self, book_class, slot_id, fits):
        book = book_class(slots=2)
        result = book.limit(BUY, 5, 1, slot_id=slot_id)
        assert result.id == slot_id
        if fits:
            assert amounts(result) == (0, 1, 0)
        else:
            assert rejected(result) == RejectReason.SLOT_OUT_OF_RANGE
            assert rejected(book.cancel(slot_id=slot_id)) == RejectReason.SLOT_OUT_OF_RANGE

    def test_m6_a_slot_in_use_is_refused_to_an_order_that_would_not_rest(self, book_class):
        book = book_class(slots=1)
        book.limit(SELL, 100, 1, slot_id=0)
        assert rejected(book.market(BUY, 1, slot_id=0)) == RejectReason.SLOT_IN_USE

    @pytest.mark.parametrize("order_id", [-(2**63), -1, 0, 2**63 - 1])
    def test_m6_any_int64_is_an_order_id(self, book_class, order_id):
        book = book_class()
        assert book.limit(BUY, 5, 1, order_id=order_id).id == order_id
        assert rejected(book.limit(BUY, 5, 1, order_id=order_id)) == RejectReason.DUPLICATE_ORDER_ID
        assert rejected(book.market(BUY, 1, order_id=order_id)) == RejectReason.DUPLICATE_ORDER_ID
        assert amounts(book.cancel(order_id=order_id)) == (0, 0, 1)
        assert book.limit(BUY, 5, 1, order_id=order_id).accepted

    @pytest.mark.parametrize("stride", [64, 2**12, 2**31, 2**32, 2**58])
    def test_m6_ids_with_the_same_low_bits_are_told_apart(self, book_class, stride):
        book = book_class()
        ids = [5 + stride * i for i in range(20)]
        for order_id in ids:
            assert book.limit(BUY, 5, 1, order_id=order_id).accepted
        for order_id in ids:
            assert rejected(book.limit(BUY, 5, 1, order_id=order_id)) == RejectReason.DUPLICATE_ORDER_ID
        for order_id in ids[::-1]:
            assert amounts(book.cancel(order_id=order_id)) == (0, 0, 1)

    def test_m12_ids_of_one_batch_are_found_afterwards_however_many(self, book_class):
        book = book_class()
        ids = [i * 0x9E3779B1 % 2**32 for i in range(300)]  # all over the place, and more than a small table holds
        rows = [place_row(BUY, 5, 1, order_id) for order_id in ids]
        assert book.apply(columns(rows, "order_id")).accepted_count == len(ids)
        for order_id in ids:
            assert rejected(book.limit(BUY, 5, 1, order_id=order_id)) == RejectReason.DUPLICATE_ORDER_ID
            assert amounts(book.cancel(order_id=order_id)) == (0, 0, 1)

    def test_m6_the_three_ways_are_three_spaces(self, book_class):
        book = book_class(slots=1)
        assert book.limit(BUY, 5, 1).id == 0  # the first handle
        assert book.limit(BUY, 5, 2, slot_id=0).id == 0
        assert book.limit(BUY, 5, 3, order_id=0).id == 0
        assert amounts(book.cancel(slot_id=0)) == (0, 0, 2)
        assert amounts(book.cancel(order_id=0)) == (0, 0, 3)
        assert amounts(book.cancel(0)) == (0, 0, 1)

    def test_m7_fresh_slots_count_up_and_the_callers_are_apart(self, book_class):
        book = book_class(slots=10)
        book.limit(BUY, 5, 1, slot_id=3)
        assert [book.limit(BUY, 5, 1).id for _ in range(3)] == [0, 1, 2]

    def test_m7_slots_come_back_last_in_first_out_with_a_new_generation(self, book_class):
        book = book_class()
        handles = [book.limit(BUY, 5, 1).id for _ in range(3)]
        book.cancel(handles[0])
        book.cancel(handles[2])
        assert book.limit(BUY, 5, 1).id == GENERATION + 2
        assert book.limit(BUY, 5, 1).id == GENERATION + 0
        assert book.limit(BUY, 5, 1).id == 3

    def test_m7_an_order_that_does_not_rest_gives_its_slot_back_at_once(self, book_class):
        book = book_class()
        assert book.market(BUY, 1).id == 0
        assert book.market(BUY, 1).id == GENERATION
        assert book.limit(BUY, 5, 1).id == 2 * GENERATION

    def test_m7_the_taker_takes_its_slot_before_it_matches(self, book_class):
        book = book_class()
        assert book.limit(SELL, 5, 1).id == 0
        assert book.limit(SELL, 5, 1).id == 1
        # Both makers end in this command; their slots come too late for the taker, whose own comes back last.
        assert book.market(BUY, 2).id == 2
        assert book.limit(BUY, 5, 1).id == GENERATION + 2
        assert book.limit(BUY, 5, 1).id == GENERATION + 1
        assert book.limit(BUY, 5, 1).id == GENERATION + 0

    def test_m7_order_ids_use_engine_slots_and_have_no_handle(self, book_class):
        book = book_class()
        book.limit(BUY, 5, 1, order_id=77)
        assert rejected(book.cancel(0)) == RejectReason.UNKNOWN_ORDER
        assert book.limit(BUY, 5, 1).id == 1
        book.cancel(order_id=77)
        assert book.limit(BUY, 5, 1).id == 0  # the slot comes back, and no handle has died

    def test_m8_a_stale_handle_is_unknown(self, book_class):
        book = book_class()
        first = book.limit(BUY, 5, 1).id
        book.cancel(first)
        second = book.limit(BUY, 5, 1).id
        assert second == first + GENERATION
        assert rejected(book.cancel(first)) == RejectReason.UNKNOWN_ORDER
        assert amounts(book.cancel(second)) == (0, 0, 1)

    @pytest.mark.parametrize("handle", [-(2**63), -1, 0, 1, 2**31, 2**32, 2**63 - 1])
    def test_m8_unknown_handles(self, book_class, handle):
        book = book_class(slots=2)
        book.limit(BUY, 5, 1, slot_id=0)
        before = book.digest()
        result = book.cancel(handle)
        assert rejected(result) == RejectReason.UNKNOWN_ORDER
        assert result.id == handle
        assert book.digest() == before

    def test_m8_ended_orders_are_unknown(self, book_class):
        book = book_class(slots=1)
        book.limit(SELL, 5, 1, slot_id=0)
        book.limit(SELL, 5, 1, order_id=9)
        book.market(BUY, 2)
        assert rejected(book.cancel(slot_id=0)) == RejectReason.UNKNOWN_ORDER
        assert rejected(book.cancel(order_id=9)) == RejectReason.UNKNOWN_ORDER

    def test_m8_a_cancel_gives_what_is_left(self, book_class):
        book = book_class()
        book.limit(SELL, 5, 4, order_id=9)
        book.market(BUY, 1)
        result = book.cancel(order_id=9)
        assert amounts(result) == (0, 0, 3)
        assert result.id == 9
        assert list(book.last_fills()) == []

    @pytest.mark.parametrize(("owner", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
    def test_m9_owner_range(self, book_class, owner, fits):
        book = book_class(owners=2)
        result = book.limit(BUY, 5, 1, owner=owner)
        if fits:
            assert amounts(result) == (0, 1, 0)
            assert row_view(book.orders()[0]) == (0, 1, 5, 1, owner, 0)
        else:
            assert rejected(result) == RejectReason.OWNER_OUT_OF_RANGE
            assert result.id == -1

    def test_m9_owners_stand_in_fills(self, book_class):
        book = book_class(owners=3)
        book.limit(SELL, 5, 1, order_id=1, owner=2)
        book.limit(SELL, 5, 1, order_id=2)
        book.market(BUY, 2, order_id=3, owner=0)
        assert rows_view(book.last_fills()) == [(1, 3, 5, 1, 2, 0), (2, 3, 5, 1, -1, 0)]


class TestBounds:
    @pytest.mark.parametrize(("price", "fits"), [(-4, False), (-3, True), (0, True), (7, True), (8, False)])
    @pytest.mark.parametrize("side", [BUY, SELL])
    def test_u2_price(self, book_class, side, price, fits):
        book = book_class(price_min=-3, price_max=7)
        result = book.limit(side, price, 1)
        if fits:
            assert amounts(result) == (0, 1, 0)
        else:
            assert rejected(result) == RejectReason.PRICE_OUT_OF_BOUNDS

    def test_u2_the_whole_of_int32(self, book_class):
        book = book_class(price_min=-(2**31), price_max=2**31 - 1)
        book.limit(BUY, -(2**31), 1)
        book.limit(SELL, 2**31 - 1, 1)
        assert (book.best_bid, book.best_ask) == (-(2**31), 2**31 - 1)
        assert amounts(book.limit(SELL, -(2**31), 2)) == (1, 1, 0)
        assert book.best_ask == -(2**31)
        book.check_invariants()

    @pytest.mark.parametrize(
        ("qty", "reason"),
        [
            (-(2**63), RejectReason.QTY_NOT_POSITIVE),
            (0, RejectReason.QTY_NOT_POSITIVE),
            (1, RejectReason.NONE),
            (10, RejectReason.NONE),
            (11, RejectReason.QTY_OUT_OF_BOUNDS),
            (2**63 - 1, RejectReason.QTY_OUT_OF_BOUNDS),
        ],
    )
    def test_u2_quantity(self, book_class, qty, reason):
        for send in (lambda book: book.limit(BUY, 5, qty), lambda book: book.market(BUY, qty)):
            assert send(book_class(qty_max=10)).reject_reason == reason

    @pytest.mark.parametrize(("price", "qty", "fits"), [(5, 4, True), (7, 3, False), (-5, 4, True), (-7, 3, False)])
    def test_u2_notional(self, book_class, price, qty, fits):
        book = book_class(price_min=-10, price_max=10, notional_max=20)
        result = book.limit(BUY, price, qty)
        assert result.accepted == fits
        if not fits:
            assert rejected(result) == RejectReason.NOTIONAL_OUT_OF_BOUNDS

    def test_u2_the_product_does_not_wrap(self, book_class):
        book = book_class(price_min=-(2**31))
        # 2^31 x 2^61 = 2^92, whose low 64 bits are 0.
        assert rejected(book.limit(BUY, -(2**31), LOTS_LIMIT)) == RejectReason.NOTIONAL_OUT_OF_BOUNDS
        # 2^31 - 1 and (2^64 + ...) / (2^31 - 1): a product just above 2^64.
        qty = 2**64 // (2**31 - 1) + 1
        assert rejected(book.limit(BUY, 2**31 - 1, qty)) == RejectReason.NOTIONAL_OUT_OF_BOUNDS

    @pytest.mark.parametrize("side", [BUY, SELL])
    def test_u3_a_side_is_full_at_its_limit(self, book_class, side):
        book = book_class()
        assert book.limit(side, 1, LOTS_LIMIT - 1).accepted
        before = book.digest()
        assert rejected(book.limit(side, 1, 2)) == RejectReason.SIDE_FULL
        assert book.digest() == before
        assert book.limit(side, 1, 1).accepted
        assert rejected(book.limit(side, 1, 1)) == RejectReason.SIDE_FULL
        # IOC cannot rest, so there is room for it.
        assert amounts(book.limit(side, 1, 1, time_in_force=IOC)) == (0, 0, 1)
        book.check_invariants()


class TestCheckOrder:
    """M-10: the first check that fails is the reason. Each row spoils everything from one check on."""

    ROTTEN = {
        "kind": 11,
        "side": 0,
        "order_type": 0,
        "time_in_force": 5,
        "flags": 8,
        "self_trade_prevention": 5,
        "price_ticks": 0,
        "qty_lots": 0,
        "owner": 7,
        "name": 99,
    }
    CASES = (
        ("kind", RejectReason.BAD_KIND),
        ("side", RejectReason.BAD_SIDE),
        ("order_type", RejectReason.BAD_ORDER_TYPE),
        ("time_in_force", RejectReason.BAD_TIME_IN_FORCE),
        ("flags", RejectReason.BAD_FLAGS),
        ("self_trade_prevention", RejectReason.BAD_SELF_TRADE_PREVENTION),
        ("price_ticks", RejectReason.PRICE_OUT_OF_BOUNDS),
        ("qty_lots", RejectReason.QTY_NOT_POSITIVE),
        ("owner", RejectReason.OWNER_OUT_OF_RANGE),
        ("name", RejectReason.SLOT_OUT_OF_RANGE),
    )

    @pytest.mark.parametrize(("first", "reason"), CASES)
    def test_m10_place(self, book_class, first, reason):
        book = book_class(slots=2)
        fields = [case[0] for case in self.CASES]
        spoiled = {field: self.ROTTEN[field] for field in fields[fields.index(first) :]}
        row = place_row(BUY, 5, 1)._replace(**spoiled)
        before = book.digest()
        assert applied(book, [row], "slot_id") == (0, [], [(0, reason)])
        assert book.digest() == before

    def test_m10_combination_before_quantity(self, book_class):
        row = place_row(BUY, 5, 0, order_type=OrderType.MARKET, time_in_force=GTC)
        _, _, rejects = applied(book_class(), [row])
        assert rejects == [(0, RejectReason.ILLEGAL_COMBINATION)]

    def test_m10_quantity_bound_before_notional_before_owner(self, book_class):
        book = book_class(qty_max=10, notional_max=20)
        assert rejected(book.limit(BUY, 5, 11, owner=9)) == RejectReason.QTY_OUT_OF_BOUNDS
        assert rejected(book.limit(BUY, 5, 10, owner=9)) == RejectReason.NOTIONAL_OUT_OF_BOUNDS
        assert rejected(book.limit(BUY, 5, 4, owner=9)) == RejectReason.OWNER_OUT_OF_RANGE

    def test_m10_name_before_room(self, book_class):
        book = book_class(slots=1)
        book.limit(BUY, 1, LOTS_LIMIT, slot_id=0)
        book.limit(SELL, 2, 1, order_id=1)
        assert rejected(book.limit(BUY, 1, 1, slot_id=0)) == RejectReason.SLOT_IN_USE
        assert rejected(book.limit(BUY, 1, 1, order_id=1)) == RejectReason.DUPLICATE_ORDER_ID
        assert rejected(book.limit(BUY, 1, 1)) == RejectReason.SIDE_FULL

    def test_m10_a_cancel_looks_at_its_name_only(self, book_class):
        book = book_class(slots=1)
        book.limit(BUY, 5, 1, slot_id=0)
        row = Row(CommandKind.CANCEL, 0, 0, 0, 0, 9, 99, 0)
        assert applied(book, [row], "slot_id") == (1, [], [])
        assert book.order_count == 0

    @pytest.mark.parametrize("side", [0, 2, -2, 127, -128])
    def test_bad_side(self, book_class, side):
        assert rejected(book_class().limit(side, 5, 1)) == RejectReason.BAD_SIDE
        assert rejected(book_class().market(side, 1)) == RejectReason.BAD_SIDE

    def test_bad_time_in_force(self, book_class):
        assert rejected(book_class().limit(BUY, 5, 1, time_in_force=5)) == RejectReason.BAD_TIME_IN_FORCE


class TestBatches:
    def test_columns_and_indexes(self, book_class):
        book = book_class(owners=2)
        flow = [
            place_row(SELL, 100, 2, 1, owner=0),
            place_row(BUY, 100, 0, 2),
            place_row(BUY, 100, 3, 3, owner=1),
            Row(CommandKind.CANCEL, 0, 0, 0, 0, 0, 0, 4),
            Row(CommandKind.CANCEL, 0, 0, 0, 0, 0, 0, 3),
        ]
        result = book.apply(columns(flow, "order_id"))
        assert result.accepted_count == 3
        assert columns_view(result.fills, FILL_COLUMNS) == [(2, 1, 3, 100, 2, 0, 1)]
        assert columns_view(result.rejects, REJECT_COLUMNS) == [
            (1, RejectReason.QTY_NOT_POSITIVE),
            (3, RejectReason.UNKNOWN_ORDER),
        ]

    def test_columns_left_out_have_defaults(self, book_class):
        book = book_class()
        required = {
            "kind": np.array([1, 2], dtype=np.uint8),
            "side": np.array([1, 1], dtype=np.int8),
            "price_ticks": np.array([5, 5], dtype=np.int32),
            "qty_lots": np.array([3, 3], dtype=np.int64),
        }
        # Without a naming column orders are named by handle, and a cancel names nothing.
        assert apply_view(book.apply(required))[:3] == (1, [], [(1, RejectReason.UNKNOWN_ORDER)])
        assert rows_view(book.orders()) == [(0, 1, 5, 3, -1, 0)]
        assert amounts(book.cancel(0)) == (0, 0, 3)

    def test_a_handle_column_names_cancels_only(self, book_class):
        book = book_class()
        handle = book.limit(BUY, 5, 1).id
        flow = [place_row(BUY, 6, 1, name=12345), Row(CommandKind.CANCEL, 0, 0, 0, 0, 0, 0, handle)]
        assert applied(book, flow, "handle") == (2, [], [])
        assert rows_view(book.orders()) == [(1, 1, 6, 1, -1, 0)]

    def test_an_empty_batch_changes_nothing(self, book_class):
        book = book_class()
        before = book.digest()
        assert applied(book, []) == (0, [], [])
        assert book.digest() == before


class TestViews:
    def test_depth_and_orders(self, book_class):
        book = book_class(owners=1)
        for side, price, qty in ((BUY, 98, 1), (BUY, 99, 2), (BUY, 99, 3), (SELL, 101, 4), (SELL, 103, 5)):
            book.limit(side, price, qty, owner=0)
        assert [rows_view(side) for side in book.depth()] == [[(99, 5), (98, 1)], [(101, 4), (103, 5)]]
        assert [rows_view(side) for side in book.depth(1)] == [[(99, 5)], [(101, 4)]]
        assert [rows_view(side) for side in book.depth(levels=0)] == [[], []]
        assert rows_view(book.orders()) == [
            (1, 1, 99, 2, 0, 0),
            (2, 1, 99, 3, 0, 0),
            (0, 1, 98, 1, 0, 0),
            (3, -1, 101, 4, 0, 0),
            (4, -1, 103, 5, 0, 0),
        ]
        assert rows_view(book.queue(99)) == [(1, 2), (2, 3)]
        assert rows_view(book.queue(103)) == [(4, 5)]
        assert rows_view(book.queue(100)) == []

    def test_fields_have_names(self, book_class):
        book = book_class()
        book.limit(SELL, 5, 3, order_id=8)
        order = book.orders()[0]
        assert (order.id, order.side, order.price_ticks, order.leaves_lots, order.owner) == (8, -1, 5, 3, -1)
        assert order.hidden_lots == 0
        result = book.market(BUY, 1, order_id=9)
        assert (result.id, result.filled_lots, result.leaves_lots, result.cancelled_lots) == (9, 1, 0, 0)
        fill = book.last_fills()[0]
        assert (fill.maker_id, fill.taker_id, fill.price_ticks, fill.qty_lots) == (8, 9, 5, 1)
        assert (fill.maker_owner, fill.taker_owner) == (-1, -1)

    def test_counters(self, book_class):
        book = book_class()
        book.limit(SELL, 5, 3)
        book.limit(SELL, 6, 3)
        book.market(BUY, 5)
        assert (book.trade_count, book.traded_lots, book.last_price, book.order_count) == (2, 5, 6, 1)

    def test_last_fills_belong_to_the_last_scalar_command(self, book_class):
        book = book_class()
        book.limit(SELL, 5, 3, order_id=1)
        book.market(BUY, 1)
        assert len(book.last_fills()) == 1
        book.limit(BUY, 5, 0)  # a reject has no fills
        assert list(book.last_fills()) == []

    def test_d2_traded_lots_count_mod_2_64(self, book_class):
        # U-2 bounds an order, not the sum of all trades: nine orders of 2^61 lots are more than 64 bits hold.
        book = book_class()
        for _ in range(9):
            book.limit(SELL, 1, LOTS_LIMIT)
            book.market(BUY, LOTS_LIMIT)
        assert book.traded_lots == 9 * LOTS_LIMIT - 2**64
        book.check_invariants()


class TestMemory:
    def test_u7_a_reject_uses_no_slot(self, book_class):
        book = book_class()
        book.limit(BUY, 5, 0)
        assert book.limit(BUY, 5, 1).id == 0

    def test_many_orders_come_and_go(self, book_class):
        book = book_class()
        count = 3000
        rows = [place_row(BUY if i % 2 else SELL, 500 - i % 7 if i % 2 else 501 + i % 7, 2, i) for i in range(count)]
        assert book.apply(columns(rows, "order_id")).accepted_count == count
        assert book.order_count == count
        assert amounts(book.market(BUY, count)) == (count, 0, 0)  # all asks: count / 2 orders of 2 lots
        assert book.best_ask is None
        book.check_invariants()
        cancels = [Row(CommandKind.CANCEL, 0, 0, 0, 0, 0, 0, i) for i in range(count)]
        assert book.apply(columns(cancels, "order_id")).accepted_count == count // 2
        assert book.order_count == 0
        book.check_invariants()
