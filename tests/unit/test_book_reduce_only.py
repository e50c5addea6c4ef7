"""Positions and reduce-only orders (M-26, M-27); on the reference and on native."""

from __future__ import annotations

import pytest
from bookkit import amounts, cancels, fills, hidden, queue, rejected, triggers

from engine.reference.digest import DigestKind, digest_of
from engine.types import CancelReason, MarketState, RejectReason, SelfTradePrevention, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
REDUCE_ONLY, UNFILLED = CancelReason.REDUCE_ONLY, CancelReason.UNFILLED
ME, OTHER, THIRD = 0, 1, 2
POSITION_MAX = 2**61


def held(book_class, position, **options):
    """A book that has been told my position."""
    book = book_class(owners=3, **options)
    assert amounts(book.set_position(ME, position)) == (0, 0, 0)
    return book


class TestPositions:
    def test_m26_they_are_zero_until_told_and_then_follow_the_fills(self, book_class):
        book = book_class(owners=2)
        book.limit(SELL, 100, 3, owner=OTHER)
        book.market(BUY, 1, owner=ME)
        assert (book.position(ME), book.position(OTHER)) == (0, 0)  # nobody has told the book anything
        book.set_position(ME, 10)
        book.market(BUY, 2, owner=ME)
        assert (book.position(ME), book.position(OTHER)) == (12, -2)  # from the first one on all are kept

    def test_m26_a_position_told_again_replaces_the_old_one(self, book_class):
        book = held(book_class, 10)
        book.set_position(ME, -3)
        assert book.position(ME) == -3

    def test_m26_orders_without_an_owner_have_no_position(self, book_class):
        book = held(book_class, 10)
        book.limit(SELL, 100, 3)
        book.market(BUY, 3)
        assert [book.position(owner) for owner in range(3)] == [10, 0, 0]

    def test_m26_a_trade_with_oneself_changes_nothing(self, book_class):
        book = held(book_class, 10)
        book.limit(SELL, 100, 3, owner=ME)
        book.market(BUY, 3, owner=ME)
        assert book.position(ME) == 10

    @pytest.mark.parametrize(
        ("lots", "fits"),
        [(POSITION_MAX, True), (POSITION_MAX + 1, False), (-POSITION_MAX, True), (-POSITION_MAX - 1, False)],
    )
    def test_m26_bounds(self, book_class, lots, fits):
        book = book_class(owners=1)
        before = book.digest()
        result = book.set_position(0, lots)
        assert result.id == -1
        if fits:
            assert (amounts(result), book.position(0)) == ((0, 0, 0), lots)
        else:
            assert (rejected(result), book.digest()) == (RejectReason.QTY_OUT_OF_BOUNDS, before)

    @pytest.mark.parametrize(("owner", "fits"), [(-1, False), (0, True), (1, True), (2, False)])
    def test_m26_an_owner_there_is(self, book_class, owner, fits):
        result = book_class(owners=2).set_position(owner, 2**62 if not fits else 1)  # the owner is looked at first
        assert result.accepted == fits
        assert fits or rejected(result) == RejectReason.OWNER_OUT_OF_RANGE

    def test_d2_words(self, book_class):
        book = book_class(owners=4)
        book.set_position(3, 5)
        book.set_position(1, -2)
        book.set_position(2, 9)
        book.set_position(2, 0)
        assert book.digest() == digest_of(DigestKind.BOOK, [-2, -2, 2**40, 0, 0, -6, 1, -2, 3, 5, -2])
        told_zero = book_class(owners=1)
        told_zero.set_position(0, 0)
        assert told_zero.digest() == digest_of(DigestKind.BOOK, [-2, -2, 2**40, 0, 0, -6, -2])


class TestArriving:
    @pytest.mark.parametrize(
        ("position", "side", "reduces"),
        [(5, SELL, True), (5, BUY, False), (-5, BUY, True), (-5, SELL, False), (0, BUY, False), (0, SELL, False)],
    )
    def test_m26_it_needs_a_position_of_the_other_sign(self, book_class, position, side, reduces):
        book = held(book_class, position)
        before = book.digest()
        result = book.limit(side, 100, 2, owner=ME, reduce_only=True)
        if reduces:
            assert amounts(result) == (0, 2, 0)
        else:
            assert (rejected(result), book.digest()) == (RejectReason.NOTHING_TO_REDUCE, before)

    def test_m26_nobody_has_a_position_before_one_is_told(self, book_class):
        book = book_class(owners=2)
        book.limit(SELL, 100, 2, owner=ME)
        book.market(BUY, 2, owner=OTHER)
        assert rejected(book.market(SELL, 1, owner=OTHER, reduce_only=True)) == RejectReason.NOTHING_TO_REDUCE

    def test_m26_an_order_without_an_owner_never_has_one(self, book_class):
        book = held(book_class, 5)
        assert rejected(book.limit(SELL, 100, 2, reduce_only=True)) == RejectReason.NOTHING_TO_REDUCE

    @pytest.mark.parametrize(("qty", "cut"), [(4, 0), (5, 0), (6, 1), (9, 4)])
    def test_m26_it_is_cut_to_the_position_when_it_arrives(self, book_class, qty, cut):
        book = held(book_class, 5)
        assert amounts(book.limit(SELL, 100, qty, owner=ME, reduce_only=True, order_id=1)) == (0, qty - cut, cut)
        assert cancels(book) == ([(1, cut, REDUCE_ONLY)] if cut else [])

    def test_m26_the_cut_comes_first_then_fills_and_remainder(self, book_class):
        book = held(book_class, -5)
        book.limit(SELL, 100, 3, owner=OTHER)
        assert amounts(book.market(BUY, 9, owner=ME, reduce_only=True, order_id=1)) == (3, 0, 4 + 2)
        assert cancels(book) == [(1, 4, REDUCE_ONLY), (1, 2, UNFILLED)]
        assert book.position(ME) == -2

    @pytest.mark.parametrize(("resting", "fits"), [(5, True), (4, False)])
    def test_m19_fill_or_kill_looks_at_what_is_left_after_the_cut(self, book_class, resting, fits):
        book = held(book_class, -5)
        book.limit(SELL, 100, resting, owner=OTHER)
        result = book.market(BUY, 9, owner=ME, reduce_only=True, time_in_force=TimeInForce.FOK)
        if fits:
            assert (amounts(result), book.position(ME)) == ((5, 0, 4), 0)
        else:
            assert rejected(result) == RejectReason.FOK_NOT_FILLABLE

    def test_m10_nothing_to_reduce_comes_before_post_only(self, book_class):
        book = held(book_class, 0)
        book.limit(BUY, 100, 1)
        result = book.limit(SELL, 100, 1, owner=ME, reduce_only=True, post_only=True)
        assert rejected(result) == RejectReason.NOTHING_TO_REDUCE

    def test_m26_a_stop_is_cut_when_it_fires(self, book_class):
        book = held(book_class, 0)
        assert amounts(book.stop(SELL, 100, 8, owner=ME, reduce_only=True, order_id=1)) == (0, 8, 0)
        book.set_position(ME, 5)
        assert (cancels(book), book.stop_count) == ([], 1)  # while it waits nothing is cut
        book.limit(BUY, 100, 4, owner=OTHER, order_id=2)
        book.limit(SELL, 100, 1, owner=THIRD)
        assert fills(book)[1:] == [(2, 1, 100, 3)]
        assert cancels(book) == [(1, 3, REDUCE_ONLY), (1, 2, UNFILLED)]

    def test_m26_a_fired_stop_without_a_position_is_refused(self, book_class):
        book = held(book_class, 0)
        book.stop(SELL, 100, 8, owner=ME, reduce_only=True, order_id=1)
        book.limit(BUY, 100, 1)
        book.limit(SELL, 100, 1)
        assert triggers(book) == [(1, RejectReason.NOTHING_TO_REDUCE)]
        assert cancels(book) == [(1, 8, CancelReason.STOP_REFUSED)]

    def test_m16_a_replaced_one_is_cut_again(self, book_class):
        book = held(book_class, 5)
        book.limit(SELL, 100, 2, owner=ME, reduce_only=True, order_id=1)
        assert amounts(book.replace(101, 7, order_id=1)) == (0, 5, 2)
        assert cancels(book) == [(1, 2, REDUCE_ONLY)]


class TestTrimming:
    def resting(self, book_class, *lots):
        """My reduce-only sells at 100, 101, ..., in this order of placing, with ids 1, 2, ...; I hold all of them."""
        book = held(book_class, sum(lots))
        for order_id, qty in enumerate(lots, start=1):
            book.limit(SELL, 99 + order_id, qty, owner=ME, reduce_only=True, order_id=order_id)
        return book

    @pytest.mark.parametrize(
        ("position", "want"),
        [
            (9, []),
            (8, [(3, 1)]),  # the newest first
            (5, [(3, 4)]),
            (4, [(3, 4), (2, 1)]),
            (0, [(3, 4), (2, 3), (1, 2)]),
            (-9, [(3, 4), (2, 3), (1, 2)]),
        ],
    )
    def test_m27_a_position_told_trims_the_newest_first(self, book_class, position, want):
        book = self.resting(book_class, 2, 3, 4)
        book.set_position(ME, position)
        assert cancels(book) == [(order_id, lots, REDUCE_ONLY) for order_id, lots in want]
        book.check_invariants()

    def test_m27_a_new_one_beside_those_that_rest_is_trimmed_itself(self, book_class):
        book = self.resting(book_class, 2, 3)
        # It is cut to the position of 5; after the command 2 + 3 + 5 rest and 5 may. The result says what came before.
        assert amounts(book.limit(SELL, 105, 6, owner=ME, reduce_only=True, order_id=9)) == (0, 5, 1)
        assert cancels(book) == [(9, 1, REDUCE_ONLY), (9, 5, REDUCE_ONLY)]
        assert book.order_count == 2

    def test_m27_a_fill_of_another_order_of_the_owner_trims(self, book_class):
        book = self.resting(book_class, 2, 3)
        book.limit(BUY, 99, 4, owner=OTHER)
        book.market(SELL, 4, owner=ME)  # not reduce-only: it takes the position to 1
        assert cancels(book) == [(2, 3, REDUCE_ONLY), (1, 1, REDUCE_ONLY)]
        assert (queue(book, 100), book.position(ME)) == ([(1, 1)], 1)

    def test_m27_an_iceberg_loses_hidden_lots_first_and_keeps_its_place(self, book_class):
        book = held(book_class, 7)
        book.limit(SELL, 100, 7, owner=ME, reduce_only=True, order_id=1, display_lots=3)
        book.limit(SELL, 100, 1, order_id=2)
        book.set_position(ME, 5)
        assert (queue(book, 100), hidden(book)[1]) == ([(1, 3), (2, 1)], 2)
        book.set_position(ME, 2)
        assert (queue(book, 100), hidden(book)[1]) == ([(1, 2), (2, 1)], 0)

    def test_m27_owners_are_taken_as_they_stand_in_the_fills_maker_before_taker(self, book_class):
        book = book_class(owners=3)
        for owner, position in ((ME, 3), (OTHER, -3), (THIRD, 3)):
            book.set_position(owner, position)
        book.limit(SELL, 110, 3, owner=ME, reduce_only=True, order_id=1)
        book.limit(BUY, 90, 3, owner=OTHER, reduce_only=True, order_id=2)
        book.limit(SELL, 110, 3, owner=THIRD, reduce_only=True, order_id=3)
        book.limit(SELL, 100, 1, owner=THIRD)
        book.limit(SELL, 100, 1, owner=ME)
        book.limit(BUY, 100, 2, owner=OTHER)  # THIRD sells one to OTHER, then I sell one
        assert cancels(book) == [(3, 1, REDUCE_ONLY), (2, 2, REDUCE_ONLY), (1, 1, REDUCE_ONLY)]

    def test_m27_the_trimmed_lots_come_behind_the_commands_own_rows(self, book_class):
        book = self.resting(book_class, 2)
        book.limit(BUY, 99, 1, owner=OTHER)
        assert amounts(book.limit(SELL, 99, 3, owner=ME, time_in_force=TimeInForce.IOC, order_id=9)) == (1, 0, 2)
        assert cancels(book) == [(9, 2, UNFILLED), (1, 1, REDUCE_ONLY)]

    def test_m27_a_cancel_or_a_mark_trims_nothing(self, book_class):
        book = self.resting(book_class, 2, 3)
        book.cancel(order_id=1)
        book.set_mark(100)
        assert (cancels(book), book.order_count) == ([], 1)

    @pytest.mark.parametrize("state", list(MarketState))
    def test_m27_in_every_state(self, book_class, state):
        book = self.resting(book_class, 2)
        book.set_state(state)
        book.set_position(ME, 0)
        assert book.order_count == 0


class TestMet:
    def test_m27_it_never_flips_a_position_inside_one_command(self, book_class):
        # I hold 3: a plain sell of 2 stands before my reduce-only sell of 3. One buyer of 9 meets both.
        book = held(book_class, 3)
        book.limit(SELL, 100, 2, owner=ME, order_id=1)
        book.limit(SELL, 101, 3, owner=ME, reduce_only=True, order_id=2)
        assert amounts(book.limit(BUY, 101, 9, owner=OTHER, order_id=9)) == (3, 6, 0)
        assert fills(book) == [(1, 9, 100, 2), (2, 9, 101, 1)]
        assert cancels(book) == [(2, 2, REDUCE_ONLY)]
        assert book.position(ME) == 0

    def test_m27_nothing_left_ends_it_and_the_taker_goes_on(self, book_class):
        book = held(book_class, 2)
        book.limit(SELL, 100, 2, owner=ME, order_id=1)
        book.limit(SELL, 101, 2, owner=ME, reduce_only=True, order_id=2)
        book.limit(SELL, 101, 4, owner=OTHER, order_id=3)
        assert amounts(book.market(BUY, 5, order_id=9)) == (5, 0, 0)
        assert fills(book) == [(1, 9, 100, 2), (3, 9, 101, 3)]
        assert cancels(book) == [(2, 2, REDUCE_ONLY)]

    def test_m27_the_cut_comes_before_self_trade_prevention(self, book_class):
        book = held(book_class, 3)
        book.limit(SELL, 100, 2, owner=ME, order_id=1)
        book.limit(SELL, 101, 3, owner=ME, reduce_only=True, order_id=2)
        book.market(BUY, 2, owner=OTHER)  # my position is 1: the order is trimmed to it
        assert cancels(book) == [(2, 2, REDUCE_ONLY)]
        asked = {"owner": ME, "self_trade_prevention": SelfTradePrevention.CANCEL_MAKER, "order_id": 9}
        assert amounts(book.market(BUY, 4, **asked)) == (0, 0, 4)
        assert cancels(book) == [(2, 1, CancelReason.SELF_TRADE), (9, 4, UNFILLED)]

    def test_m27_an_order_that_is_not_met_waits_for_the_end_of_the_command(self, book_class):
        book = held(book_class, 3)
        book.limit(SELL, 100, 2, owner=ME, order_id=1)
        book.limit(SELL, 101, 3, owner=ME, reduce_only=True, order_id=2)
        assert amounts(book.market(BUY, 1, order_id=9)) == (1, 0, 0)
        assert cancels(book) == [(2, 1, REDUCE_ONLY)]
        assert queue(book, 101) == [(2, 2)]
