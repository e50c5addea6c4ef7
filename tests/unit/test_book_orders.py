"""Fill-or-kill, post-only, orders with an expiry, icebergs (M-19 .. M-22); on the reference and on native."""

from __future__ import annotations

import pytest
from bookkit import LOTS_LIMIT, amounts, cancels, fills, hidden, queue, rejected

from engine.types import CancelReason, MarketState, RejectReason, SelfTradePrevention, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
GTC, IOC, FOK, GTT = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTT
TIME_MAX = 2**62


class TestFillOrKill:
    def ladder(self, book_class):
        """Asks of 3 at 100 and 4 at 101."""
        book = book_class(owners=3)
        book.limit(SELL, 100, 3, order_id=1, owner=1)
        book.limit(SELL, 101, 4, order_id=2, owner=2)
        return book

    @pytest.mark.parametrize(
        ("limit", "qty", "fits"), [(100, 3, True), (100, 4, False), (101, 7, True), (101, 8, False)]
    )
    def test_m19_all_of_it_up_to_the_limit_or_nothing(self, book_class, limit, qty, fits):
        book = self.ladder(book_class)
        before = book.digest()
        result = book.limit(BUY, limit, qty, time_in_force=FOK)
        if fits:
            assert amounts(result) == (qty, 0, 0)
            assert cancels(book) == []
        else:
            assert rejected(result) == RejectReason.FOK_NOT_FILLABLE
            assert fills(book) == []
            assert book.digest() == before

    @pytest.mark.parametrize(("qty", "fits"), [(7, True), (8, False)])
    def test_m19_a_market_order_counts_the_whole_side(self, book_class, qty, fits):
        assert self.ladder(book_class).market(BUY, qty, time_in_force=FOK).accepted == fits

    def test_m19_on_an_empty_book(self, book_class):
        book = book_class()
        assert rejected(book.market(SELL, 1, time_in_force=FOK)) == RejectReason.FOK_NOT_FILLABLE
        assert rejected(book.limit(SELL, 5, 1, time_in_force=FOK)) == RejectReason.FOK_NOT_FILLABLE

    @pytest.mark.parametrize(("qty", "fits"), [(10, True), (11, False)])
    def test_m19_hidden_lots_count(self, book_class, qty, fits):
        book = book_class()
        book.limit(SELL, 100, 10, display_lots=3)
        assert book.market(BUY, qty, time_in_force=FOK).accepted == fits

    def own_in_the_middle(self, book_class):
        """At 100: an iceberg 2 of 6 of another, 3 of one's own, 4 of another; at 101 5 of another."""
        book = book_class(owners=2)
        book.limit(SELL, 100, 6, order_id=1, owner=1, display_lots=2)
        book.limit(SELL, 100, 3, order_id=2, owner=0)
        book.limit(SELL, 100, 4, order_id=3, owner=1)
        book.limit(SELL, 101, 5, order_id=4, owner=1)
        return book

    @pytest.mark.parametrize(
        ("mode", "fillable"),
        [
            (SelfTradePrevention.NONE, 6 + 3 + 4 + 5),
            (SelfTradePrevention.CANCEL_MAKER, 6 + 4 + 5),  # one's own 3 go
            # The first slice only: what it hides comes behind one's own order.
            (SelfTradePrevention.CANCEL_TAKER, 2),
            (SelfTradePrevention.CANCEL_BOTH, 2),
            (SelfTradePrevention.DECREMENT, 2),
        ],
    )
    def test_m19_own_orders_count_as_the_mode_says(self, book_class, mode, fillable):
        book = self.own_in_the_middle(book_class)
        before = book.digest()
        asked = {"time_in_force": FOK, "owner": 0, "self_trade_prevention": mode}
        assert rejected(book.limit(BUY, 101, fillable + 1, **asked)) == RejectReason.FOK_NOT_FILLABLE
        assert book.digest() == before  # one's own makers stand untouched
        assert amounts(book.limit(BUY, 101, fillable, **asked)) == (fillable, 0, 0)

    def test_m19_an_order_without_an_owner_has_no_own_orders(self, book_class):
        book = book_class(owners=1)
        book.limit(SELL, 100, 3)
        assert book.market(BUY, 3, time_in_force=FOK, self_trade_prevention=SelfTradePrevention.CANCEL_TAKER).accepted

    def test_m19_reduce_only_lots_never_count(self, book_class):
        book = book_class(owners=2)
        book.set_position(1, 5)
        book.limit(SELL, 100, 5, owner=1, reduce_only=True)
        book.limit(SELL, 100, 2)
        assert rejected(book.market(BUY, 3, time_in_force=FOK)) == RejectReason.FOK_NOT_FILLABLE
        # Counted or not, they trade in their turn.
        assert amounts(book.market(BUY, 2, time_in_force=FOK, order_id=9)) == (2, 0, 0)
        assert fills(book) == [(0, 9, 100, 2)]


class TestPostOnly:
    @pytest.mark.parametrize(("side", "crosses", "rests"), [(BUY, 100, 99), (SELL, 100, 101)])
    def test_m20_refused_where_it_would_trade(self, book_class, side, crosses, rests):
        book = book_class()
        book.limit(-side, 100, 1)
        before = book.digest()
        assert rejected(book.limit(side, crosses, 5, post_only=True)) == RejectReason.POST_ONLY_WOULD_CROSS
        assert book.digest() == before
        assert amounts(book.limit(side, rests, 5, post_only=True)) == (0, 5, 0)

    def test_m20_own_liquidity_counts(self, book_class):
        book = book_class(owners=1)
        book.limit(SELL, 100, 1, owner=0)
        asked = {"owner": 0, "post_only": True, "self_trade_prevention": SelfTradePrevention.CANCEL_MAKER}
        assert rejected(book.limit(BUY, 100, 1, **asked)) == RejectReason.POST_ONLY_WOULD_CROSS

    def test_m20_in_an_auction_it_is_not_tested(self, book_class):
        book = book_class()
        book.limit(SELL, 100, 1)
        book.set_state(MarketState.AUCTION)
        assert amounts(book.limit(BUY, 100, 1, post_only=True)) == (0, 1, 0)

    def test_m20_an_order_at_rest_is_taken_like_any_other(self, book_class):
        book = book_class()
        book.limit(BUY, 100, 2, post_only=True, order_id=1)
        assert amounts(book.market(SELL, 2)) == (2, 0, 0)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_m33_what_ioc_and_market_orders_leave_is_told(book_class, side):
    book = book_class(owners=1)
    book.limit(-side, 100, 2)
    assert amounts(book.limit(side, 100, 5, time_in_force=IOC, owner=0, order_id=7)) == (2, 0, 3)
    assert cancels(book) == [(7, 3, CancelReason.UNFILLED)]
    assert amounts(book.market(side, 4, order_id=8)) == (0, 0, 4)
    assert cancels(book) == [(8, 4, CancelReason.UNFILLED)]


@pytest.mark.parametrize("naming", [{}, {"order_id": 7}])
@pytest.mark.parametrize("terms", [{"post_only": True}, {"time_in_force": FOK}, {"reduce_only": True}])
def test_u7_an_order_that_is_refused_last_uses_no_slot(book_class, naming, terms):
    book = book_class()
    book.limit(SELL, 100, 1)
    assert not book.limit(BUY, 100, 2, **terms, **naming).accepted
    assert book.limit(BUY, 99, 1).id == 1  # the handle after the first


class TestExpiry:
    @pytest.mark.parametrize(
        ("expires", "fits"),
        [(6, False), (7, False), (8, True), (TIME_MAX, True), (TIME_MAX + 1, False), (-1, False), (2**63 - 1, False)],
    )
    def test_m21_the_expiry_lies_ahead(self, book_class, expires, fits):
        book = book_class()
        book.advance(7)
        result = book.limit(BUY, 5, 1, time_in_force=GTT, expires_ms=expires)
        if fits:
            assert amounts(result) == (0, 1, 0)
        else:
            assert rejected(result) == RejectReason.EXPIRY_NOT_AHEAD

    def test_m21_it_lives_before_its_time_and_not_at_it(self, book_class):
        book = book_class()
        book.limit(BUY, 5, 3, time_in_force=GTT, expires_ms=10, order_id=1)
        book.advance(9)
        assert (book.order_count, cancels(book)) == (1, [])
        assert amounts(book.advance(10)) == (0, 0, 0)
        assert cancels(book) == [(1, 3, CancelReason.EXPIRED)]
        assert (book.order_count, book.now_ms) == (0, 10)
        assert rejected(book.cancel(order_id=1)) == RejectReason.UNKNOWN_ORDER

    def test_m21_what_is_due_goes_by_time_then_by_order_of_placing(self, book_class):
        book = book_class()
        for order_id, expires in ((1, 9), (2, 8), (3, 9), (4, 7), (5, 11)):
            book.limit(BUY, 5, 1, time_in_force=GTT, expires_ms=expires, order_id=order_id)
        # A new price does not change the place in the order of placing, nor the expiry.
        book.replace(6, 1, order_id=1)
        book.advance(10)
        assert [row[0] for row in cancels(book)] == [4, 2, 1, 3]
        assert book.order_count == 1

    def test_m21_the_expiry_of_another_time_in_force_is_not_looked_at(self, book_class):
        book, plain = book_class(), book_class()
        assert book.limit(BUY, 5, 1, time_in_force=GTC, expires_ms=-7).accepted
        assert book.limit(BUY, 5, 1, expires_ms=3).accepted
        plain.limit(BUY, 5, 1)
        plain.limit(BUY, 5, 1)
        assert book.digest() == plain.digest()
        book.advance(3)
        assert book.order_count == 2

    @pytest.mark.parametrize("state", list(MarketState))
    def test_m21_orders_expire_in_every_state(self, book_class, state):
        book = book_class()
        book.limit(BUY, 5, 1, time_in_force=GTT, expires_ms=4)
        book.stop(BUY, 9, 1, time_in_force=GTT, expires_ms=4)
        book.set_state(state)
        assert book.advance(4).accepted
        assert (book.order_count, book.stop_count) == (0, 0)

    def test_m21_what_trades_at_once_has_nothing_left_to_expire(self, book_class):
        book = book_class()
        book.limit(SELL, 5, 1)
        assert amounts(book.limit(BUY, 5, 1, time_in_force=GTT, expires_ms=2)) == (1, 0, 0)
        book.advance(2)
        assert cancels(book) == []

    @pytest.mark.parametrize(
        ("now", "fits"), [(4, False), (5, True), (6, True), (TIME_MAX, True), (TIME_MAX + 1, False), (-1, False)]
    )
    def test_m21_the_clock_never_goes_back(self, book_class, now, fits):
        book = book_class()
        assert book.now_ms == 0
        book.advance(5)
        result = book.advance(now)
        if fits:
            assert (amounts(result), book.now_ms) == ((0, 0, 0), now)
        else:
            assert (rejected(result), book.now_ms) == (RejectReason.TIME_OUT_OF_RANGE, 5)
        assert result.id == -1

    @pytest.mark.parametrize("naming", [{}, {"order_id": 1}, {"slot_id": 0}])
    def test_m21_an_expiry_passes_the_order_that_has_its_slot_now(self, book_class, naming):
        book = book_class(slots=1)
        first = book.limit(BUY, 5, 1, time_in_force=GTT, expires_ms=3, **naming)
        assert amounts(book.cancel(**(naming or {"handle": first.id}))) == (0, 0, 1)
        book.limit(BUY, 5, 2, time_in_force=GTT, expires_ms=8, **naming)
        book.advance(7)
        assert (queue(book, 5), cancels(book)) == ([(book.orders()[0].id, 2)], [])
        book.advance(8)
        assert [row[1:] for row in cancels(book)] == [(2, CancelReason.EXPIRED)]

    def test_m21_an_iceberg_expires_whole(self, book_class):
        book = book_class()
        book.limit(SELL, 5, 7, time_in_force=GTT, expires_ms=1, display_lots=2, order_id=4)
        book.advance(1)
        assert cancels(book) == [(4, 7, CancelReason.EXPIRED)]


class TestIceberg:
    @pytest.mark.parametrize(
        ("qty", "display", "fits"),
        [(5, -1, False), (5, 1, True), (5, 5, True), (5, 6, False), (5, -(2**63), False), (5, 2**63 - 1, False)],
    )
    def test_m22_between_one_lot_and_all(self, book_class, qty, display, fits):
        result = book_class().limit(BUY, 5, qty, display_lots=display)
        if fits:
            assert amounts(result) == (0, qty, 0)
        else:
            assert rejected(result) == RejectReason.DISPLAY_OUT_OF_BOUNDS

    @pytest.mark.parametrize(("qty", "fits"), [(29_999, True), (30_000, True), (30_001, False)])
    def test_m22_at_most_ten_thousand_slices(self, book_class, qty, fits):
        # 30,000 lots are 10,000 slices of 3; one more lot is a slice of its own.
        assert book_class().limit(BUY, 5, qty, display_lots=3).accepted == fits

    def test_m22_only_a_slice_shows(self, book_class):
        book = book_class()
        assert amounts(book.limit(SELL, 100, 10, display_lots=3, order_id=1)) == (0, 10, 0)
        assert [list(map(tuple, side)) for side in book.depth()] == [[], [(100, 3)]]
        assert queue(book, 100) == [(1, 3)]
        assert hidden(book) == {1: 7}
        assert book.order_count == 1

    def test_m22_each_slice_goes_to_the_back_and_is_a_fill_of_its_own(self, book_class):
        book = book_class()
        book.limit(SELL, 100, 7, display_lots=3, order_id=1)
        book.limit(SELL, 100, 2, order_id=2)
        assert amounts(book.market(BUY, 8, order_id=9)) == (8, 0, 0)
        # A slice of 3, the 2 of the other, the next slice of 3: 8 lots. The last lot shows now.
        assert fills(book) == [(1, 9, 100, 3), (2, 9, 100, 2), (1, 9, 100, 3)]
        assert queue(book, 100) == [(1, 1)]
        assert hidden(book) == {1: 0}

    def test_m22_a_slice_keeps_its_place_until_it_is_gone(self, book_class):
        book = book_class()
        book.limit(SELL, 100, 6, display_lots=3, order_id=1)
        book.limit(SELL, 100, 2, order_id=2)
        book.market(BUY, 2)
        assert queue(book, 100) == [(1, 1), (2, 2)]
        book.market(BUY, 1)
        assert queue(book, 100) == [(2, 2), (1, 3)]

    def test_m22_alone_at_its_price_it_trades_slice_by_slice(self, book_class):
        book = book_class()
        book.limit(BUY, 100, 5, display_lots=2, order_id=1)
        book.market(SELL, 9, order_id=9)
        assert fills(book) == [(1, 9, 100, 2), (1, 9, 100, 2), (1, 9, 100, 1)]
        assert book.best_bid is None

    def test_m22_as_a_taker_it_trades_like_any_order_and_shows_what_is_left(self, book_class):
        book = book_class()
        book.limit(SELL, 100, 4)
        book.limit(SELL, 100, 1)
        assert amounts(book.limit(BUY, 100, 10, display_lots=2, order_id=1)) == (5, 5, 0)
        assert [fill[3] for fill in fills(book)] == [4, 1]
        assert (queue(book, 100), hidden(book)) == ([(1, 2)], {1: 3})
        book.limit(BUY, 99, 1)
        book.limit(SELL, 100, 5)
        assert amounts(book.limit(BUY, 100, 3, display_lots=3, order_id=2)) == (0, 3, 0)
        assert hidden(book)[2] == 0

    def test_m22_what_is_left_may_be_less_than_a_slice(self, book_class):
        book = book_class()
        book.limit(SELL, 100, 4)
        book.limit(BUY, 100, 5, display_lots=3, order_id=1)
        assert (queue(book, 100), hidden(book)) == ([(1, 1)], {1: 0})

    def test_m8_a_cancel_takes_it_off_whole(self, book_class):
        book = book_class()
        book.limit(SELL, 100, 7, display_lots=3, order_id=1)
        assert amounts(book.cancel(order_id=1)) == (0, 0, 7)
        assert cancels(book) == []  # M-33: the command named it
        book.check_invariants()

    def test_u3_hidden_lots_fill_a_side(self, book_class):
        book = book_class()
        display = LOTS_LIMIT // 10_000 + 1
        assert book.limit(BUY, 1, LOTS_LIMIT - 1, display_lots=display).accepted
        assert rejected(book.limit(BUY, 1, 2)) == RejectReason.SIDE_FULL
        assert book.limit(BUY, 1, 1).accepted

    def test_d2_display_and_hidden_lots_count(self, book_class):
        digests = set()
        for display in (0, 1, 2, 5):
            book = book_class()
            book.limit(BUY, 5, 5, display_lots=display)
            digests.add(book.digest())
        assert len(digests) == 4
