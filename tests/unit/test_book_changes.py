"""Taking off and changing: reduce, replace, cancel_owner, clear (M-15 .. M-18); on the reference and on native."""

from __future__ import annotations

import pytest
from bookkit import LOTS_LIMIT, amounts, cancels, fills, hidden, queue, rejected, stop_ids

from engine.testing.views import book_view, row_view
from engine.types import CancelReason, MarketState, RejectReason, SelfTradePrevention, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
GENERATION = 2**32  # M-7


def two_bids(book_class, **options):
    """Bids at 100: 5 (id 1), 4 (id 2)."""
    book = book_class(owners=2, **options)
    book.limit(BUY, 100, 5, order_id=1, owner=0)
    book.limit(BUY, 100, 4, order_id=2, owner=1)
    return book


class TestReduce:
    def test_m15_it_keeps_its_place(self, book_class):
        book = two_bids(book_class)
        result = book.reduce(2, order_id=1)
        assert (amounts(result), result.id) == ((0, 3, 2), 1)
        assert queue(book, 100) == [(1, 3), (2, 4)]
        assert cancels(book) == []  # M-33: the row itself names what left

    @pytest.mark.parametrize(
        ("lots", "reason"),
        [
            (-1, RejectReason.QTY_NOT_POSITIVE),
            (0, RejectReason.QTY_NOT_POSITIVE),
            (6, RejectReason.REDUCE_TOO_LARGE),
            (2**63 - 1, RejectReason.REDUCE_TOO_LARGE),
        ],
    )
    def test_m15_refused(self, book_class, lots, reason):
        book = two_bids(book_class)
        before = book.digest()
        result = book.reduce(lots, order_id=1)
        assert (rejected(result), result.id, book.digest()) == (reason, 1, before)

    def test_m15_all_that_is_open_ends_the_order(self, book_class):
        book = two_bids(book_class)
        assert amounts(book.reduce(5, order_id=1)) == (0, 0, 5)
        assert rejected(book.reduce(1, order_id=1)) == RejectReason.UNKNOWN_ORDER
        assert book.limit(BUY, 99, 1, order_id=1).accepted

    def test_m15_hidden_lots_go_first(self, book_class):
        book = book_class()
        book.limit(SELL, 100, 7, display_lots=3, order_id=1)  # 3 shown, 4 hidden
        book.limit(SELL, 100, 1, order_id=2)
        for lots, shown, rest in ((3, 3, 1), (2, 2, 0), (1, 1, 0)):
            assert amounts(book.reduce(lots, order_id=1)) == (0, shown + rest, lots)
            assert (queue(book, 100), hidden(book)[1]) == ([(1, shown), (2, 1)], rest)
            book.check_invariants()
        assert rejected(book.reduce(2, order_id=1)) == RejectReason.REDUCE_TOO_LARGE

    def test_m15_a_waiting_stop(self, book_class):
        book = book_class()
        book.stop(BUY, 100, 5, order_id=1)
        assert amounts(book.reduce(2, order_id=1)) == (0, 3, 2)
        assert rejected(book.reduce(4, order_id=1)) == RejectReason.REDUCE_TOO_LARGE
        assert amounts(book.reduce(3, order_id=1)) == (0, 0, 3)
        assert book.stop_count == 0

    def test_m15_the_first_check_that_fails(self, book_class):
        book = book_class(slots=1)
        assert rejected(book.reduce(0, slot_id=1)) == RejectReason.SLOT_OUT_OF_RANGE
        assert rejected(book.reduce(0, slot_id=0)) == RejectReason.UNKNOWN_ORDER
        book.set_state(MarketState.HALTED)
        assert rejected(book.reduce(0, slot_id=1)) == RejectReason.MARKET_STATE

    def test_m15_by_handle(self, book_class):
        book = book_class()
        handle = book.limit(BUY, 5, 2).id
        assert amounts(book.reduce(1, handle)) == (0, 1, 1)
        assert amounts(book.reduce(1, handle)) == (0, 0, 1)
        assert book.limit(BUY, 5, 1).id == handle + GENERATION


class TestReplace:
    def test_m16_same_price_and_less_keeps_its_place(self, book_class):
        book = two_bids(book_class)
        result = book.replace(100, 3, order_id=1)
        assert (amounts(result), result.id) == ((0, 3, 0), 1)
        assert (queue(book, 100), cancels(book)) == ([(1, 3), (2, 4)], [])

    @pytest.mark.parametrize("qty", [5, 6])
    def test_m16_same_price_and_not_less_goes_to_the_back(self, book_class, qty):
        book = two_bids(book_class)
        assert amounts(book.replace(100, qty, order_id=1)) == (0, qty, 0)
        assert (queue(book, 100), cancels(book)) == ([(2, 4), (1, qty)], [])

    def test_m16_another_price_with_less_goes_to_the_back(self, book_class):
        book = two_bids(book_class)
        book.limit(BUY, 101, 1, order_id=3)
        book.replace(101, 2, order_id=1)
        assert (queue(book, 101), queue(book, 100)) == ([(3, 1), (1, 2)], [(2, 4)])

    def test_m16_it_may_trade(self, book_class):
        book = two_bids(book_class)
        book.limit(SELL, 102, 3, order_id=3)
        assert amounts(book.replace(102, 7, order_id=1)) == (3, 4, 0)
        assert fills(book) == [(3, 1, 102, 3)]
        assert queue(book, 102) == [(1, 4)]
        book.limit(SELL, 103, 9, order_id=4)
        assert amounts(book.replace(103, 9, order_id=1)) == (9, 0, 0)
        assert rejected(book.cancel(order_id=1)) == RejectReason.UNKNOWN_ORDER

    def test_m16_name_owner_slot_and_handle_stay(self, book_class):
        book = book_class(owners=2)
        handle = book.limit(BUY, 100, 5, owner=1).id
        assert book.replace(99, 6, handle).id == handle
        assert row_view(book.orders()[0]) == (handle, 1, 99, 6, 1, 0)
        assert book.limit(BUY, 5, 1).id == 1  # the next fresh slot: none was given back
        book.limit(SELL, 98, 6)
        assert rejected(book.cancel(handle)) == RejectReason.UNKNOWN_ORDER

    def test_m16_an_iceberg_shows_its_display_again(self, book_class):
        book = book_class()
        book.limit(BUY, 100, 7, display_lots=3, order_id=1)
        book.market(SELL, 2)  # 1 shown, 4 hidden
        assert amounts(book.replace(100, 4, order_id=1)) == (0, 4, 0)  # less: as by reduce
        assert (queue(book, 100), hidden(book)) == ([(1, 1)], {1: 3})
        book.replace(100, 4, order_id=1)  # the same: placed anew
        assert (queue(book, 100), hidden(book)) == ([(1, 3)], {1: 1})
        book.replace(99, 2, order_id=1)
        assert (queue(book, 99), hidden(book)) == ([(1, 2)], {1: 0})

    @pytest.mark.parametrize(("qty", "fits"), [(30_000, True), (30_001, False)])
    def test_m16_slices(self, book_class, qty, fits):
        book = book_class()
        book.limit(BUY, 100, 3, display_lots=3, order_id=1)
        assert book.replace(100, qty, order_id=1).accepted == fits
        assert fits or rejected(book.replace(101, qty, order_id=1)) == RejectReason.DISPLAY_OUT_OF_BOUNDS

    def test_m16_an_expiry_stays(self, book_class):
        book = book_class()
        book.limit(BUY, 100, 3, time_in_force=TimeInForce.GTT, expires_ms=5, order_id=1)
        book.replace(99, 4, order_id=1)
        book.advance(5)
        assert cancels(book) == [(1, 4, CancelReason.EXPIRED)]

    def test_m16_post_only_stays(self, book_class):
        book = book_class()
        book.limit(BUY, 99, 3, post_only=True, order_id=1)
        book.limit(SELL, 101, 1)
        before = book.digest()
        assert rejected(book.replace(101, 3, order_id=1)) == RejectReason.POST_ONLY_WOULD_CROSS
        assert book.digest() == before
        assert book.replace(100, 3, order_id=1).accepted

    def test_m16_room_is_counted_without_the_old_lots(self, book_class):
        book = book_class()
        book.limit(BUY, 1, LOTS_LIMIT - 3, order_id=1)
        book.limit(BUY, 1, 3, order_id=2)
        assert rejected(book.replace(1, 4, order_id=2)) == RejectReason.SIDE_FULL
        assert book.replace(1, 3, order_id=2).accepted
        book.check_invariants()

    def test_m16_nothing_to_reduce_never_stands_in_the_way_of_what_rests(self, book_class):
        book = book_class(owners=1)
        book.set_position(0, 4)
        book.limit(SELL, 100, 4, owner=0, reduce_only=True, order_id=1)
        assert amounts(book.replace(101, 4, order_id=1)) == (0, 4, 0)

    def test_m16_a_stop_cannot_be_replaced(self, book_class):
        book = book_class()
        book.stop(BUY, 100, 3, price_ticks=99, order_id=1)
        assert rejected(book.replace(98, 3, order_id=1)) == RejectReason.STOP_WAITING
        assert rejected(book.replace(98, 0, order_id=1)) == RejectReason.STOP_WAITING

    def test_m16_a_fired_stop_limit_can(self, book_class):
        book = book_class()
        book.stop(BUY, 100, 3, price_ticks=99, order_id=1)
        book.limit(SELL, 100, 1)
        book.limit(BUY, 100, 1)
        assert amounts(book.replace(98, 5, order_id=1)) == (0, 5, 0)

    @pytest.mark.parametrize(
        ("price", "qty", "reason"),
        [
            (201, 0, RejectReason.PRICE_OUT_OF_BOUNDS),
            (0, 0, RejectReason.PRICE_OUT_OF_BOUNDS),
            (200, 0, RejectReason.QTY_NOT_POSITIVE),
            (200, 51, RejectReason.QTY_OUT_OF_BOUNDS),
            (200, 21, RejectReason.NOTIONAL_OUT_OF_BOUNDS),  # 200 x 21 = 4200
        ],
    )
    def test_m16_refused(self, book_class, price, qty, reason):
        book = two_bids(book_class, price_max=200, qty_max=50, notional_max=4000)
        before = book_view(book)
        result = book.replace(price, qty, order_id=1)
        assert (rejected(result), result.id) == (reason, 1)
        assert book_view(book) == before

    def test_m16_the_first_check_that_fails(self, book_class):
        book = book_class(slots=1)
        assert rejected(book.replace(0, 0, slot_id=1)) == RejectReason.SLOT_OUT_OF_RANGE
        assert rejected(book.replace(0, 0, slot_id=0)) == RejectReason.UNKNOWN_ORDER
        book.set_state(MarketState.CANCEL_ONLY)
        assert rejected(book.replace(0, 0, slot_id=1)) == RejectReason.MARKET_STATE

    def test_m23_the_owner_may_meet_himself_in_a_replace(self, book_class):
        book = book_class(owners=1)
        book.limit(BUY, 99, 3, owner=0, order_id=1, self_trade_prevention=SelfTradePrevention.CANCEL_TAKER)
        book.limit(SELL, 101, 3, owner=0, order_id=2)
        assert amounts(book.replace(101, 5, order_id=1)) == (0, 0, 5)
        assert cancels(book) == [(1, 5, CancelReason.SELF_TRADE)]
        assert queue(book, 101) == [(2, 3)]

    def test_m9_neither_replace_nor_firing_changes_an_owners_order(self, book_class):
        book = book_class(owners=1)
        book.stop(BUY, 100, 1, price_ticks=90, owner=0, order_id=1)
        book.limit(BUY, 91, 1, owner=0, order_id=2)
        book.limit(BUY, 92, 1, owner=0, order_id=3)
        book.replace(93, 2, order_id=2)
        book.limit(SELL, 100, 1)
        book.limit(BUY, 100, 1)  # fires the stop, which rests now
        assert book.stop_count == 0
        book.cancel_owner(0)
        assert [row[0] for row in cancels(book)] == [3, 2, 1]


class TestCancelOwner:
    def test_m17_the_newest_first_stops_too(self, book_class):
        book = book_class(owners=2)
        book.limit(BUY, 100, 5, order_id=1, owner=0, display_lots=2)
        book.limit(BUY, 100, 1, order_id=2, owner=1)
        book.stop(SELL, 90, 3, order_id=3, owner=0)
        book.limit(SELL, 101, 4, order_id=4, owner=0)
        book.limit(SELL, 101, 4, order_id=5)
        result = book.cancel_owner(0)
        assert (amounts(result), result.id) == ((0, 0, 5 + 3 + 4), -1)
        assert cancels(book) == [(4, 4, CancelReason.OWNER), (3, 3, CancelReason.OWNER), (1, 5, CancelReason.OWNER)]
        assert (book.order_count, book.stop_count) == (2, 0)
        assert amounts(book.cancel_owner(0)) == (0, 0, 0)
        book.check_invariants()

    def test_m9_a_filled_order_is_no_order_of_its_owner_any_more(self, book_class):
        book = book_class(slots=3, owners=1)
        for slot_id in range(3):
            book.limit(SELL, 100 + slot_id, 5, slot_id=slot_id, owner=0)
        book.market(BUY, 2 * 5)
        assert amounts(book.cancel_owner(0)) == (0, 0, 5)
        assert cancels(book) == [(2, 5, CancelReason.OWNER)]
        assert book.order_count == 0
        book.check_invariants()

    @pytest.mark.parametrize(("owner", "fits"), [(-2, False), (-1, False), (0, True), (1, True), (2, False)])
    def test_m17_owner_range(self, book_class, owner, fits):
        book = book_class(owners=2)
        book.limit(BUY, 100, 5)
        result = book.cancel_owner(owner)
        assert result.accepted == fits
        assert fits or (rejected(result), result.id) == (RejectReason.OWNER_OUT_OF_RANGE, -1)
        assert book.order_count == 1

    def test_m7_slots_come_back_in_the_order_of_taking_off(self, book_class):
        book = book_class(owners=1)
        handles = [book.limit(BUY, 5, 1, owner=0).id for _ in range(3)]
        book.cancel_owner(0)  # 2, 1, 0
        assert [book.limit(BUY, 5, 1).id - GENERATION for _ in range(3)] == handles


class TestClear:
    def test_m18_bids_then_asks_then_stops(self, book_class):
        book = book_class(owners=1)
        for order_id, (side, price) in enumerate(
            ((SELL, 102), (BUY, 98), (SELL, 101), (BUY, 99), (BUY, 99), (SELL, 101))
        ):
            book.limit(side, price, 1, order_id=order_id, owner=0)
        for order_id, (side, trigger, on_mark) in enumerate(
            ((SELL, 5, True), (BUY, 500, True), (SELL, 5, False), (SELL, 6, False), (BUY, 500, False)), start=10
        ):
            book.stop(side, trigger, 2, order_id=order_id, on_mark=on_mark)
        stops = stop_ids(book)
        assert stops == [14, 13, 12, 11, 10]
        result = book.clear()
        assert (amounts(result), result.id) == ((0, 0, 6 * 1 + 5 * 2), -1)
        assert [row[0] for row in cancels(book)] == [3, 4, 1, 2, 5, 0, *stops]
        assert {row[2] for row in cancels(book)} == {CancelReason.CLEARED}
        assert (book.order_count, book.stop_count) == (0, 0)
        book.check_invariants()

    def test_m18_the_rest_stays(self, book_class):
        book = book_class(owners=1)
        book.limit(SELL, 100, 3, owner=0)
        book.market(BUY, 1)
        book.set_mark(7)
        book.set_position(0, 4)
        book.advance(9)
        book.set_state(MarketState.AUCTION)
        book.clear()
        assert (book.last_price, book.mark_price, book.now_ms, book.state) == (100, 7, 9, MarketState.AUCTION)
        assert (book.position(0), book.trade_count, book.traded_lots) == (4, 1, 1)

    def test_m18_an_iceberg_goes_whole_and_fired_stops_last(self, book_class):
        book = book_class(stops_per_ms=1)
        for order_id in (1, 2):
            book.stop(BUY, 100, 1, order_id=order_id)
        book.stop(BUY, 200, 1, order_id=3)
        book.limit(SELL, 100, 1)
        book.limit(BUY, 100, 1)  # runs 1; 2 has been fired
        book.limit(BUY, 50, 9, display_lots=2, order_id=4)
        book.clear()
        assert [row[:2] for row in cancels(book)] == [(4, 9), (3, 1), (2, 1)]
        book.advance(1)
        assert list(book.last_triggers()) == []
