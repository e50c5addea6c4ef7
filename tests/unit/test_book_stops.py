"""Stops: when they are reached, in what order they fire, how they run (M-24, M-25); on the reference and on native."""

from __future__ import annotations

import pytest
from bookkit import LOTS_LIMIT, amounts, applied, cancels, fills, queue, rejected, stop_ids, triggers

from engine.reference.digest import DigestKind, digest_of
from engine.testing.strategies import Row
from engine.testing.views import row_view, rows_view
from engine.types import CancelReason, CommandKind, MarketState, OrderFlag, OrderType, RejectReason, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
IOC, FOK, GTT, GTC = TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTT, TimeInForce.GTC
UNFILLED, STOP_REFUSED = CancelReason.UNFILLED, CancelReason.STOP_REFUSED
NONE = RejectReason.NONE


def trade_at(book, price, side=BUY):
    """Make one trade of one lot at a price, with a taker of the given side; both orders have id 1000 and 1001."""
    book.limit(-side, price, 1, order_id=1000)
    return book.limit(side, price, 1, order_id=1001)


def last_at(book_class, price, **options):
    """A book whose last price is known, and nothing else."""
    book = book_class(**options)
    trade_at(book, price)
    return book


class TestReached:
    def test_m24_a_stop_waits_and_is_no_order_of_the_book(self, book_class):
        book = book_class(owners=2)
        result = book.stop(BUY, 100, 3, order_id=1, owner=1)
        assert amounts(result) == (0, 3, 0)
        assert (book.order_count, book.stop_count) == (0, 1)
        assert [list(side) for side in book.depth()] == [[], []]
        stop = book.stops()[0]
        assert row_view(stop) == (1, BUY, 100, OrderType.STOP, 0, 3, 1, False, False)
        assert (stop.id, stop.stop_ticks, stop.leaves_lots, stop.on_mark, stop.is_fired) == (1, 100, 3, False, False)
        book.check_invariants()

    @pytest.mark.parametrize(
        ("side", "traded", "fires"),
        [(BUY, 99, False), (BUY, 100, True), (BUY, 101, True), (SELL, 101, False), (SELL, 100, True), (SELL, 99, True)],
    )
    def test_m24_a_buy_at_or_above_a_sell_at_or_below(self, book_class, side, traded, fires):
        book = book_class()
        book.stop(side, 100, 3, order_id=1)
        trade_at(book, traded)
        assert triggers(book) == ([(1, NONE)] if fires else [])
        assert book.stop_count == (0 if fires else 1)

    @pytest.mark.parametrize(
        ("side", "mark", "fires"),
        [(BUY, 99, False), (BUY, 100, True), (SELL, 101, False), (SELL, 100, True)],
    )
    def test_m24_on_the_mark(self, book_class, side, mark, fires):
        book = last_at(book_class, 100)  # the last price reaches it, and that says nothing
        book.stop(side, 100, 3, order_id=1, on_mark=True)
        assert (triggers(book), book.mark_price) == ([], None)
        book.set_mark(mark)
        assert book.mark_price == mark
        assert triggers(book) == ([(1, NONE)] if fires else [])

    def test_m24_a_stop_on_last_does_not_look_at_the_mark(self, book_class):
        book = book_class()
        book.stop(BUY, 100, 3)
        book.set_mark(100)
        assert book.stop_count == 1

    @pytest.mark.parametrize("side", [BUY, SELL])
    def test_m24_nothing_is_reached_before_the_first_trade_and_the_first_mark(self, book_class, side):
        book = book_class(price_min=-5)
        for on_mark in (False, True):
            for price in (-5, 0, 5):
                book.stop(side, price, 1, on_mark=on_mark)
        assert book.stop_count == 6

    @pytest.mark.parametrize(("trigger", "fits"), [(9, False), (10, True), (20, True), (21, False)])
    def test_m24_the_trigger_lies_within_the_price_bounds(self, book_class, trigger, fits):
        book = book_class(price_min=10, price_max=20)
        result = book.stop(SELL, trigger, 1)
        if fits:
            assert amounts(result) == (0, 1, 0)
        else:
            assert rejected(result) == RejectReason.TRIGGER_OUT_OF_BOUNDS

    @pytest.mark.parametrize(("side", "reached", "not_reached"), [(BUY, 100, 101), (SELL, 100, 99)])
    def test_m24_one_that_is_reached_already_fires_at_once(self, book_class, side, reached, not_reached):
        book = last_at(book_class, 100)
        book.limit(-side, 100, 2, order_id=1)
        assert amounts(book.stop(side, not_reached, 2, order_id=2)) == (0, 2, 0)
        assert triggers(book) == []
        # The result says what was placed; the firing is a command of its own.
        assert amounts(book.stop(side, reached, 2, order_id=3)) == (0, 2, 0)
        assert (triggers(book), fills(book)) == ([(3, NONE)], [(1, 3, 100, 2)])

    def test_m24_a_placed_stop_on_the_mark_that_is_reached(self, book_class):
        book = book_class()
        book.set_mark(100)
        book.stop(SELL, 100, 2, order_id=1, on_mark=True)
        assert triggers(book) == [(1, NONE)]


class TestOrder:
    def waiting(self, book_class, ids_and_terms):
        book = book_class()
        for order_id, (side, trigger, on_mark) in ids_and_terms.items():
            book.stop(side, trigger, 1, order_id=order_id, on_mark=on_mark)
        return book

    def test_m25_buys_by_rising_sells_by_falling_trigger_then_by_placing(self, book_class):
        buys = self.waiting(book_class, {i: (BUY, price, False) for i, price in enumerate((102, 101, 102, 100, 101))})
        assert stop_ids(buys) == [3, 1, 4, 0, 2]
        trade_at(buys, 102)
        assert [row[0] for row in triggers(buys)] == [3, 1, 4, 0, 2]
        sells = self.waiting(book_class, {i: (SELL, price, False) for i, price in enumerate((100, 101, 100, 102, 101))})
        trade_at(sells, 100)
        assert [row[0] for row in triggers(sells)] == [3, 1, 4, 0, 2]

    @pytest.mark.parametrize(("taker", "want"), [(BUY, [2, 1]), (SELL, [1, 2])])
    def test_m25_after_a_buyers_trades_the_sells_first_else_the_buys(self, book_class, taker, want):
        book = self.waiting(book_class, {1: (BUY, 100, False), 2: (SELL, 100, False)})
        trade_at(book, 100, side=taker)
        assert [row[0] for row in triggers(book)] == want

    @pytest.mark.parametrize("taker", [BUY, SELL])
    def test_m25_all_between_the_first_and_the_last_trade_price_is_reached(self, book_class, taker):
        # One sweep from 100 to 102, or down: the sell is reached at its low end, the buy at its high end.
        terms = {1: (SELL, 100, False), 2: (SELL, 99, False), 3: (BUY, 102, False), 4: (BUY, 103, False)}
        book = self.waiting(book_class, terms)
        for price in (100, 101, 102):
            book.limit(-taker, price, 1)
        book.market(taker, 3)
        assert book.last_price == (102 if taker == BUY else 100)
        assert sorted(row[0] for row in triggers(book)) == [1, 3]

    def test_m25_on_last_before_on_mark_and_buys_first_when_a_book_opens(self, book_class):
        book = last_at(book_class, 100)
        book.set_mark(100)
        book.set_state(MarketState.AUCTION)
        terms = {1: (SELL, 100, True), 2: (BUY, 100, True), 3: (SELL, 100, False), 4: (BUY, 100, False)}
        for order_id, (side, trigger, on_mark) in terms.items():
            book.stop(side, trigger, 1, order_id=order_id, on_mark=on_mark)
        assert (triggers(book), stop_ids(book)) == ([], [4, 3, 2, 1])
        book.set_state(MarketState.OPEN)
        assert [row[0] for row in triggers(book)] == [4, 3, 2, 1]

    def test_m25_a_new_mark_fires_the_buys_first(self, book_class):
        book = self.waiting(book_class, {1: (SELL, 100, True), 2: (BUY, 100, True)})
        book.set_mark(100)
        assert [row[0] for row in triggers(book)] == [2, 1]

    def test_m25_what_a_fired_stop_reaches_joins_behind_those_fired_before(self, book_class):
        book = book_class()
        book.limit(SELL, 101, 1, order_id=11)
        book.limit(SELL, 105, 1, order_id=12)
        book.stop(BUY, 100, 1, order_id=1)  # takes 101, which reaches stop 3
        book.stop(BUY, 100, 1, order_id=2)  # takes 105
        book.stop(BUY, 101, 9, order_id=3)
        trade_at(book, 100)
        assert [row[0] for row in triggers(book)] == [1, 2, 3]
        assert fills(book)[1:] == [(11, 1, 101, 1), (12, 2, 105, 1)]
        assert cancels(book) == [(3, 9, UNFILLED)]


class TestRunning:
    def test_m25_a_stop_runs_after_the_command_that_reached_it(self, book_class):
        book = book_class()
        book.stop(BUY, 100, 3, order_id=1)
        book.limit(SELL, 100, 2, order_id=2)
        # The whole of the command comes first: its 1 and 3, though the stop was reached by the first trade.
        book.limit(SELL, 101, 3, order_id=3)
        assert amounts(book.limit(BUY, 101, 4, order_id=4)) == (4, 0, 0)
        assert fills(book) == [(2, 4, 100, 2), (3, 4, 101, 2), (3, 1, 101, 1)]
        assert cancels(book) == [(1, 2, UNFILLED)]

    def test_m25_the_result_describes_the_command_alone(self, book_class):
        book = last_at(book_class, 100)
        book.limit(SELL, 101, 1)
        book.stop(BUY, 101, 4, order_id=2)
        assert amounts(book.market(BUY, 1)) == (1, 0, 0)
        assert cancels(book) == [(2, 4, UNFILLED)]

    def test_m24_a_stop_limit_rests_at_its_limit_once_fired(self, book_class):
        book = book_class()
        book.stop(BUY, 100, 5, price_ticks=99, order_id=1)
        assert row_view(book.stops()[0])[3:5] == (OrderType.STOP_LIMIT, 99)
        trade_at(book, 100)
        assert (queue(book, 99), book.stop_count, book.order_count) == ([(1, 5)], 0, 1)
        assert cancels(book) == []

    @pytest.mark.parametrize(("tif", "reason"), [(IOC, NONE), (FOK, RejectReason.FOK_NOT_FILLABLE)])
    def test_m5_the_time_in_force_is_the_fired_orders(self, book_class, tif, reason):
        for limit in (None, 100):
            book = book_class()
            book.limit(SELL, 100, 3, order_id=2)
            book.stop(BUY, 100, 5, price_ticks=limit, time_in_force=tif, order_id=1)
            assert book.stop_count == 1  # it waits, though nothing could fill it now
            book.limit(BUY, 100, 1)
            assert triggers(book) == [(1, reason)]
            # IOC takes the 2 that are left; fill-or-kill takes nothing.
            assert cancels(book) == [(1, 3, UNFILLED) if tif == IOC else (1, 5, STOP_REFUSED)]
            assert rejected(book.cancel(order_id=1)) == RejectReason.UNKNOWN_ORDER

    def test_m25_a_refused_stop_is_cancelled(self, book_class):
        book = book_class()
        book.stop(SELL, 100, 2, price_ticks=99, post_only=True, order_id=1)  # it is not looked at while it waits
        book.limit(BUY, 99, 1)
        trade_at(book, 100)
        assert triggers(book) == [(1, RejectReason.POST_ONLY_WOULD_CROSS)]
        assert cancels(book) == [(1, 2, STOP_REFUSED)]
        assert book.best_bid == 99
        book.check_invariants()

    def test_m25_a_fired_stop_that_finds_its_side_full_is_refused(self, book_class):
        book = book_class()
        book.stop(BUY, 2, 1, price_ticks=1, order_id=1)
        book.limit(BUY, 1, LOTS_LIMIT)
        book.limit(SELL, 2, 1)
        book.market(BUY, 1)
        assert triggers(book) == [(1, RejectReason.SIDE_FULL)]
        assert cancels(book) == [(1, 1, STOP_REFUSED)]

    def test_m21_a_stop_with_an_expiry(self, book_class):
        book = book_class()
        book.stop(BUY, 100, 2, time_in_force=GTT, expires_ms=5, order_id=1)
        book.stop(BUY, 100, 2, price_ticks=99, time_in_force=GTT, expires_ms=6, order_id=2)
        book.stop(BUY, 200, 2, price_ticks=99, time_in_force=GTT, expires_ms=5, order_id=3)
        trade_at(book, 100)
        # M-5: without a limit it is IOC once fired; with one it rests until its time.
        assert (cancels(book), queue(book, 99)) == ([(1, 2, UNFILLED)], [(2, 2)])
        book.advance(5)
        assert cancels(book) == [(3, 2, CancelReason.EXPIRED)]
        book.advance(6)
        assert cancels(book) == [(2, 2, CancelReason.EXPIRED)]

    def test_m22_a_fired_iceberg_shows_a_slice(self, book_class):
        book = book_class()
        book.stop(BUY, 100, 5, price_ticks=99, display_lots=2, order_id=1)
        trade_at(book, 100)
        assert (queue(book, 99), row_view(book.orders()[0])[5]) == ([(1, 2)], 3)

    def test_m7_a_stop_keeps_its_slot_until_it_ends(self, book_class):
        book = book_class()
        first = book.stop(BUY, 100, 1).id
        assert first == 0
        assert book.limit(BUY, 5, 1).id == 1
        trade_at(book, 100)  # the stop ends unfilled, after the two orders of the trade gave their slots back
        assert book.limit(BUY, 5, 1).id == 2**32 + first
        assert rejected(book.cancel(first)) == RejectReason.UNKNOWN_ORDER

    def test_m6_a_waiting_stop_holds_its_name(self, book_class):
        book = book_class(slots=1)
        book.stop(BUY, 100, 1, slot_id=0)
        book.stop(BUY, 100, 1, order_id=7)
        assert rejected(book.limit(BUY, 5, 1, slot_id=0)) == RejectReason.SLOT_IN_USE
        assert rejected(book.stop(BUY, 5, 1, order_id=7)) == RejectReason.DUPLICATE_ORDER_ID
        assert amounts(book.cancel(slot_id=0)) == (0, 0, 1)
        assert amounts(book.cancel(order_id=7)) == (0, 0, 1)
        assert book.stop_count == 0

    @pytest.mark.parametrize(("side", "on_mark"), [(BUY, False), (SELL, False), (BUY, True), (SELL, True)])
    def test_u3_all_stops_together_have_one_room(self, book_class, side, on_mark):
        book = book_class()
        assert book.stop(side, 1, LOTS_LIMIT - 1, on_mark=on_mark, order_id=1).accepted
        for other_side, other_mark in [(side, on_mark), (-side, on_mark), (side, not on_mark)]:
            assert rejected(book.stop(other_side, 1, 2, on_mark=other_mark)) == RejectReason.SIDE_FULL
        assert book.stop(-side, 1, 1, on_mark=on_mark).accepted
        assert rejected(book.stop(side, 1, 1, on_mark=on_mark)) == RejectReason.SIDE_FULL
        assert book.limit(side, 1, LOTS_LIMIT).accepted
        book.cancel(order_id=1)
        assert book.stop(side, 1, LOTS_LIMIT - 1, on_mark=on_mark).accepted

    def test_u3_a_fired_stop_still_takes_room_until_it_has_run(self, book_class):
        book = book_class(stops_per_ms=1)
        book.stop(BUY, 100, 1, on_mark=True)
        book.stop(BUY, 100, LOTS_LIMIT - 1, on_mark=True)
        book.set_mark(100)  # fires both, runs the first
        assert book.stop_count == 1
        assert rejected(book.stop(BUY, 101, 2)) == RejectReason.SIDE_FULL
        assert book.stop(BUY, 101, 1).accepted
        book.advance(1)
        assert book.stop(BUY, 101, LOTS_LIMIT - 1).accepted

    def test_m12_a_row_of_triggers_bears_the_command_that_it_ran_after(self, book_class):
        rows = [
            Row(CommandKind.PLACE, BUY, 0, 4, OrderType.STOP, 0, -1, 1, stop_ticks=100),
            Row(CommandKind.PLACE, SELL, 100, 1, OrderType.LIMIT, 0, -1, 2),
            Row(CommandKind.PLACE, BUY, 100, 1, OrderType.LIMIT, 0, -1, 3),
        ]
        want = (3, [(2, 2, 3, 100, 1, -1, -1)], [], [(2, 1, -1, 4, UNFILLED)], [(2, 1, -1, 100, NONE)])
        assert applied(book_class(), rows) == want


class TestBudget:
    def capped(self, book_class, count, stops_per_ms=2):
        """Stops 1 .. count that one trade at 100 reaches; two of them may run in a millisecond."""
        book = book_class(stops_per_ms=stops_per_ms)
        for order_id in range(1, count + 1):
            book.stop(BUY, 100, 1, order_id=order_id)
        return book

    def test_m25_what_is_left_over_runs_in_a_later_millisecond(self, book_class):
        book = self.capped(book_class, 5)
        trade_at(book, 100)
        assert [row[0] for row in triggers(book)] == [1, 2]
        assert [(row[0], row[8]) for row in rows_view(book.stops())] == [(3, True), (4, True), (5, True)]
        book.limit(BUY, 5, 1)  # the same millisecond: nothing more runs
        assert triggers(book) == []
        book.advance(0)
        assert triggers(book) == []
        book.advance(1)
        assert [row[0] for row in triggers(book)] == [3, 4]
        book.advance(2)
        assert [row[0] for row in triggers(book)] == [5]
        book.check_invariants()

    def test_m25_the_budget_is_one_of_the_millisecond_not_of_the_command(self, book_class):
        book = self.capped(book_class, 1)
        trade_at(book, 100)
        book.stop(BUY, 100, 1, order_id=2)
        assert [row[0] for row in triggers(book)] == [2]
        book.stop(BUY, 100, 1, order_id=3)
        assert (triggers(book), stop_ids(book)) == ([], [3])

    def test_m25_a_refused_stop_counts(self, book_class):
        book = book_class(stops_per_ms=1)
        book.stop(BUY, 100, 1, time_in_force=FOK, order_id=1)
        book.stop(BUY, 100, 1, order_id=2)
        trade_at(book, 100)
        assert triggers(book) == [(1, RejectReason.FOK_NOT_FILLABLE)]

    def test_m25_fired_stops_can_be_cancelled_reduced_and_expire(self, book_class):
        book = self.capped(book_class, 2, stops_per_ms=1)
        book.stop(BUY, 100, 3, order_id=3)
        book.stop(BUY, 100, 1, order_id=4, time_in_force=GTT, expires_ms=1)
        trade_at(book, 100)
        assert stop_ids(book) == [2, 3, 4]
        assert amounts(book.cancel(order_id=2)) == (0, 0, 1)
        assert amounts(book.reduce(2, order_id=3)) == (0, 1, 2)
        assert rejected(book.replace(5, 1, order_id=3)) == RejectReason.STOP_WAITING
        book.advance(1)
        assert cancels(book) == [(4, 1, CancelReason.EXPIRED), (3, 1, UNFILLED)]
        assert book.stop_count == 0

    @pytest.mark.parametrize("state", [MarketState.CANCEL_ONLY, MarketState.HALTED, MarketState.AUCTION])
    def test_m25_nothing_runs_unless_the_state_is_open(self, book_class, state):
        book = self.capped(book_class, 3, stops_per_ms=1)
        trade_at(book, 100)
        book.set_state(state)
        book.advance(1)
        book.set_mark(50)
        assert (triggers(book), stop_ids(book)) == ([], [2, 3])
        book.set_state(MarketState.OPEN)
        assert [row[0] for row in triggers(book)] == [2]

    def test_m25_a_mark_set_while_halted_is_seen_on_opening(self, book_class):
        book = book_class()
        book.stop(BUY, 100, 1, on_mark=True, order_id=1)
        book.set_state(MarketState.HALTED)
        book.set_mark(100)
        assert triggers(book) == []
        book.set_state(MarketState.OPEN)
        assert triggers(book) == [(1, NONE)]


class TestDigest:
    def test_d2_words(self, book_class):
        book = book_class(owners=2, stops_per_ms=1, price_min=-5)
        book.stop(BUY, 9, 2, order_id=1)
        book.stop(SELL, 7, 3, order_id=2, owner=1, price_ticks=6, time_in_force=GTT, expires_ms=50, display_lots=2)
        book.stop(BUY, 100, 4, order_id=3, on_mark=True, reduce_only=True, self_trade_prevention=3)
        book.stop(SELL, -5, 5, order_id=4, on_mark=True, time_in_force=FOK)
        book.stop(BUY, 8, 6, order_id=5)
        book.stop(BUY, 8, 7, order_id=6)
        book.advance(40)
        trade_at(book, 8)  # fires 5, which runs, and 6, for which this millisecond has no room
        book.set_mark(20)
        words = [-2, -2, 8, 1, 1]
        words += [-4]
        words += [9, OrderType.STOP, IOC, 0, 2, 1, -1, 0, 0, -1, -2]
        words += [7, OrderType.STOP_LIMIT, GTT, 6, 3, 2, 1, 0, 2, 50, -2]
        on_mark = OrderFlag.TRIGGER_ON_MARK
        words += [100, OrderType.STOP, IOC, 0, 4, 3, -1, on_mark + OrderFlag.REDUCE_ONLY + 256 * 3, 0, -1, -2]
        words += [-5, OrderType.STOP, FOK, 0, 5, 4, -1, on_mark, 0, -1, -2]
        words += [8, OrderType.STOP, IOC, 0, 7, 6, -1, 0, 0, -1, -2]
        words += [-5, MarketState.OPEN, 20, 40, 1]
        assert book.digest() == digest_of(DigestKind.BOOK, map(int, words))

    def test_d2_what_ran_in_a_millisecond_is_said_and_forgotten(self, book_class):
        book = book_class()
        book.stop(BUY, 8, 6)
        trade_at(book, 8)
        assert book.digest() == digest_of(DigestKind.BOOK, [-2, -2, 8, 1, 1, -5, 0, 2**40, 0, 1])
        book.advance(3)
        assert book.digest() == digest_of(DigestKind.BOOK, [-2, -2, 8, 1, 1, -5, 0, 2**40, 3, 0])
