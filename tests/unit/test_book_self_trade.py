"""Self-trade prevention (M-23), mode by mode; on the reference and on native."""

from __future__ import annotations

import pytest
from bookkit import amounts, cancels, fills, hidden, queue

from engine.types import CancelReason, SelfTradePrevention, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
NONE, TAKER, MAKER, BOTH, DECREMENT = SelfTradePrevention
SELF_TRADE, UNFILLED = CancelReason.SELF_TRADE, CancelReason.UNFILLED
ME, OTHER = 0, 1


@pytest.fixture
def book(book_class):
    """Asks at 100: 2 of another (id 1), 3 of mine (id 2), 4 of another (id 3)."""
    book = book_class(owners=2)
    book.limit(SELL, 100, 2, order_id=1, owner=OTHER)
    book.limit(SELL, 100, 3, order_id=2, owner=ME)
    book.limit(SELL, 100, 4, order_id=3, owner=OTHER)
    return book


def buy(book, qty, mode, **more):
    return book.limit(BUY, 100, qty, order_id=9, owner=ME, self_trade_prevention=mode, **more)


class TestModes:
    def test_m23_none_trades_with_itself(self, book):
        assert amounts(buy(book, 6, NONE)) == (6, 0, 0)
        assert [row[0] for row in fills(book)] == [1, 2, 3]

    def test_m23_cancel_taker_stops_at_the_first_own_order(self, book):
        assert amounts(buy(book, 6, TAKER)) == (2, 0, 4)  # good till cancelled, and yet nothing rests
        assert fills(book) == [(1, 9, 100, 2)]
        assert cancels(book) == [(9, 4, SELF_TRADE)]
        assert queue(book, 100) == [(2, 3), (3, 4)]
        assert book.best_bid is None

    def test_m23_cancel_maker_takes_it_off_and_goes_on(self, book):
        assert amounts(buy(book, 8, MAKER)) == (6, 2, 0)
        assert fills(book) == [(1, 9, 100, 2), (3, 9, 100, 4)]
        assert cancels(book) == [(2, 3, SELF_TRADE)]
        assert queue(book, 100) == [(9, 2)]

    def test_m23_cancel_both(self, book):
        assert amounts(buy(book, 6, BOTH)) == (2, 0, 4)
        assert fills(book) == [(1, 9, 100, 2)]
        assert cancels(book) == [(2, 3, SELF_TRADE), (9, 4, SELF_TRADE)]
        assert queue(book, 100) == [(3, 4)]

    def test_m23_decrement_takes_the_smaller_from_both(self, book):
        # 2 trade, 3 of each go without a trade, 4 trade, 1 rests.
        assert amounts(buy(book, 10, DECREMENT)) == (2 + 4, 1, 3)
        assert fills(book) == [(1, 9, 100, 2), (3, 9, 100, 4)]
        assert cancels(book) == [(2, 3, SELF_TRADE), (9, 3, SELF_TRADE)]
        assert book.trade_count == 2

    def test_m23_decrement_may_end_the_taker(self, book):
        assert amounts(buy(book, 4, DECREMENT)) == (2, 0, 2)
        assert cancels(book) == [(2, 2, SELF_TRADE), (9, 2, SELF_TRADE)]
        assert queue(book, 100) == [(2, 1), (3, 4)]  # its order keeps its place

    def test_m33_the_takers_remainder_comes_after_the_makers(self, book):
        assert amounts(buy(book, 9, MAKER, time_in_force=TimeInForce.IOC)) == (6, 0, 3)
        assert cancels(book) == [(2, 3, SELF_TRADE), (9, 3, UNFILLED)]


class TestWhoIsMet:
    @pytest.mark.parametrize("mode", [TAKER, MAKER, BOTH, DECREMENT])
    def test_m23_an_order_that_is_not_met_stays(self, book, mode):
        assert amounts(buy(book, 2, mode)) == (2, 0, 0)  # it is filled before it comes to mine
        assert cancels(book) == []
        book.limit(SELL, 101, 5, order_id=4, owner=ME)
        book.limit(BUY, 99, 1, order_id=5, owner=ME, self_trade_prevention=mode)  # it does not cross
        assert cancels(book) == []

    @pytest.mark.parametrize("mode", [TAKER, MAKER, BOTH, DECREMENT])
    def test_m23_orders_without_an_owner_are_nobodys_own(self, book_class, mode):
        book = book_class(owners=1)
        book.limit(SELL, 100, 3)
        assert amounts(book.market(BUY, 3, self_trade_prevention=mode)) == (3, 0, 0)

    def test_m23_the_mode_is_the_incoming_orders(self, book_class):
        book = book_class(owners=1)
        book.limit(SELL, 100, 3, owner=ME, self_trade_prevention=TAKER)
        assert amounts(book.market(BUY, 3, owner=ME)) == (3, 0, 0)

    def test_m23_a_replaced_order_keeps_its_mode(self, book_class):
        book = book_class(owners=1)
        book.limit(BUY, 99, 5, order_id=1, owner=ME, self_trade_prevention=MAKER)
        book.limit(SELL, 100, 3, order_id=2, owner=ME)
        assert amounts(book.replace(100, 5, order_id=1)) == (0, 5, 0)
        assert cancels(book) == [(2, 3, SELF_TRADE)]

    def test_m23_a_fired_stop_keeps_its_mode(self, book_class):
        book = book_class(owners=2)
        book.stop(BUY, 100, 4, order_id=1, owner=ME, self_trade_prevention=BOTH)
        book.limit(SELL, 100, 1, owner=OTHER)
        book.limit(SELL, 101, 3, order_id=2, owner=ME)
        book.limit(BUY, 100, 1, owner=OTHER)
        assert cancels(book) == [(2, 3, SELF_TRADE), (1, 4, SELF_TRADE)]


class TestIcebergs:
    def own_iceberg(self, book_class):
        """At 100: an iceberg of mine, 2 of 5, and 1 of another."""
        book = book_class(owners=2)
        book.limit(SELL, 100, 5, order_id=1, owner=ME, display_lots=2)
        book.limit(SELL, 100, 1, order_id=2, owner=OTHER)
        return book

    def test_m23_a_maker_is_cancelled_whole(self, book_class):
        book = self.own_iceberg(book_class)
        assert amounts(buy(book, 1, MAKER)) == (1, 0, 0)
        assert cancels(book) == [(1, 5, SELF_TRADE)]
        book = self.own_iceberg(book_class)
        buy(book, 1, BOTH)
        assert cancels(book) == [(1, 5, SELF_TRADE), (9, 1, SELF_TRADE)]

    def test_m23_decrement_takes_slice_by_slice(self, book_class):
        book = self.own_iceberg(book_class)
        # 2 of the slice, which is shown anew behind the other; 1 trades; 2 of the next slice; 1 of the last.
        assert amounts(buy(book, 6, DECREMENT)) == (1, 0, 5)
        assert fills(book) == [(2, 9, 100, 1)]
        pairs = [(1, 2), (9, 2), (1, 2), (9, 2), (1, 1), (9, 1)]
        assert cancels(book) == [(order_id, lots, SELF_TRADE) for order_id, lots in pairs]
        assert book.order_count == 0

    def test_m23_decrement_refreshes_a_slice_that_is_gone(self, book_class):
        book = self.own_iceberg(book_class)
        buy(book, 2, DECREMENT)
        assert (queue(book, 100), hidden(book)) == ([(2, 1), (1, 2)], {2: 0, 1: 1})
        book.check_invariants()
