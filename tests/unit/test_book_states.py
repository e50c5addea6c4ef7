"""What may be combined (M-5), which commands a state takes (M-30), auctions (M-31), marks (M-32); on both engines."""

from __future__ import annotations

from itertools import product

import pytest
from bookkit import amounts, applied, cancels, fills, queue, rejected

from engine.reference.digest import DigestKind, digest_of
from engine.testing.strategies import Row
from engine.types import (
    CommandKind,
    MarketState,
    OrderFlag,
    OrderType,
    RejectReason,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

BUY, SELL = Side.BUY, Side.SELL
OPEN, CANCEL_ONLY, HALTED, AUCTION = MarketState

# M-5, cell by cell: "-" illegal; "o" legal; "r" legal, and with post-only and a display too, for what is left rests.
LEGAL = """
             DEFAULT  GTC  IOC  FOK  GTT
LIMIT           r      r    o    o    r
MARKET          o      -    o    o    -
STOP            o      -    o    o    o
STOP_LIMIT      r      r    o    o    r
"""


def table_cells():
    """(order type, time in force) -> letter, read from the drawing."""
    header, *lines = LEGAL.strip().splitlines()
    columns = header.split()
    for line in lines:
        name, *letters = line.split()
        for column, letter in zip(columns, letters, strict=True):
            yield (OrderType[name], TimeInForce[column]), letter


CELLS = dict(table_cells())
POST_ONLY, REDUCE_ONLY, ON_MARK = 1, 2, 4
DISPLAYS = (0, 2)


def is_legal(order_type, time_in_force, flags, display):
    letter = CELLS[order_type, time_in_force]
    if letter == "-" or (letter == "o" and (flags & POST_ONLY or display)):
        return False
    return not (flags & ON_MARK and order_type in (OrderType.LIMIT, OrderType.MARKET))


ALL_CELLS = list(product(OrderType, TimeInForce, range(8), DISPLAYS))
LEGAL_CELLS = [cell for cell in ALL_CELLS if is_legal(*cell)]
ILLEGAL_CELLS = [cell for cell in ALL_CELLS if not is_legal(*cell)]


def cell_row(order_type, time_in_force, flags, display):
    """A buy of 4 lots that no other rule refuses: see `cell_book`."""
    price = 50 if time_in_force == TimeInForce.FOK else 40  # fill-or-kill must reach the ask, post-only must not
    return Row(
        CommandKind.PLACE,
        BUY,
        price,
        4,
        order_type,
        time_in_force,
        0,
        7,
        flags=flags,
        display_lots=display,
        stop_ticks=60,
        time_ms=9,
    )


def cell_book(book_class):
    """Ten lots ask 50, and owner 0 is short."""
    book = book_class(owners=1)
    book.limit(SELL, 50, 10, order_id=1)
    book.set_position(0, -20)
    return book


def cell_id(cell):
    order_type, time_in_force, flags, display = cell
    return f"{OrderType(order_type).name}-{TimeInForce(time_in_force).name}-{flags}-{display}"


class TestCombinations:
    def test_m5_the_table_has_both_kinds(self):
        assert len(ALL_CELLS) == 4 * 5 * 8 * 2
        # LIMIT: 3 cells r with 8 forms without ON_MARK, 2 cells o with 2; MARKET: 3 x 2; STOP: 4 x 4;
        # STOP_LIMIT: 3 x 16 + 2 x 4.
        assert len(LEGAL_CELLS) == (3 * 8 + 2 * 2) + 3 * 2 + 4 * 4 + (3 * 16 + 2 * 4)

    @pytest.mark.parametrize("cell", LEGAL_CELLS, ids=cell_id)
    def test_m5_a_legal_cell(self, book_class, cell):
        assert applied(cell_book(book_class), [cell_row(*cell)])[:3:2] == (1, [])

    @pytest.mark.parametrize("cell", ILLEGAL_CELLS, ids=cell_id)
    def test_m5_an_illegal_cell(self, book_class, cell):
        book = cell_book(book_class)
        before = book.digest()
        assert applied(book, [cell_row(*cell)])[:3] == (0, [], [(0, RejectReason.ILLEGAL_COMBINATION)])
        assert book.digest() == before

    @pytest.mark.parametrize("order_type", list(OrderType))
    @pytest.mark.parametrize("mode", list(SelfTradePrevention))
    def test_m5_self_trade_prevention_goes_with_everything(self, book_class, order_type, mode):
        row = cell_row(order_type, TimeInForce.DEFAULT, 0, 0)._replace(self_trade_prevention=mode)
        assert applied(cell_book(book_class), [row])[:3:2] == (1, [])

    @pytest.mark.parametrize("display", [-1, 5, 2**63 - 1, -(2**63)])
    def test_m5_any_display_counts_as_one(self, book_class, display):
        row = cell_row(OrderType.MARKET, TimeInForce.IOC, 0, display)
        assert applied(cell_book(book_class), [row]).rejects == [(0, RejectReason.ILLEGAL_COMBINATION)]

    @pytest.mark.parametrize(
        ("order_type", "rests"), [(OrderType.LIMIT, True), (OrderType.MARKET, False), (OrderType.STOP_LIMIT, True)]
    )
    def test_m5_what_is_left_out(self, book_class, order_type, rests):
        # Nothing asks below 50: a limit of 40 rests if it is good till cancelled, the 20 - 10 of a market order go.
        book = cell_book(book_class)
        book.limit(BUY, 50, 1)
        row = cell_row(order_type, TimeInForce.DEFAULT, 0, 0)._replace(qty_lots=20, stop_ticks=45)
        assert applied(book, [row]).accepted_count == 1
        assert (queue(book, 40) == [(7, 20)]) == rests

    def test_m5_what_a_type_has_no_use_for_is_not_looked_at(self, book_class):
        book, plain = (book_class(price_min=10, price_max=20, notional_max=100) for _ in range(2))
        odd = {"price_ticks": -5, "stop_ticks": 99, "time_ms": -1}
        market = Row(CommandKind.PLACE, BUY, 0, 50, OrderType.MARKET, 0, -1, 1)
        limit = Row(CommandKind.PLACE, BUY, 10, 5, OrderType.LIMIT, 0, -1, 2)
        stop = Row(CommandKind.PLACE, BUY, 0, 50, OrderType.STOP, 0, -1, 3, stop_ticks=15)
        rows = [
            market._replace(**odd),
            limit._replace(stop_ticks=99, time_ms=-1),
            stop._replace(price_ticks=-5, time_ms=-1),
        ]
        assert applied(book, rows) == applied(plain, [market, limit, stop])
        assert book.digest() == plain.digest()
        assert plain.stop_count == plain.order_count == 1

    @pytest.mark.parametrize("flags", [8, 9, 128, 255])
    def test_m10_unknown_flags(self, book_class, flags):
        row = cell_row(OrderType.LIMIT, TimeInForce.GTC, flags, 0)
        assert applied(cell_book(book_class), [row]).rejects == [(0, RejectReason.BAD_FLAGS)]

    @pytest.mark.parametrize("mode", [5, 255])
    def test_m10_unknown_self_trade_prevention(self, book_class, mode):
        assert rejected(book_class().limit(BUY, 5, 1, self_trade_prevention=mode)) == (
            RejectReason.BAD_SELF_TRADE_PREVENTION
        )


class TestCheckOrder:
    """M-10, the later half: each case spoils one thing and everything that is looked at after it."""

    def test_m10_combination_then_state_then_price(self, book_class):
        book = book_class(price_max=100)
        book.set_state(HALTED)
        asked = {"time_in_force": TimeInForce.IOC, "post_only": True}
        assert rejected(book.limit(BUY, 101, 0, **asked)) == RejectReason.ILLEGAL_COMBINATION
        assert rejected(book.limit(BUY, 101, 0)) == RejectReason.MARKET_STATE
        book.set_state(OPEN)
        assert rejected(book.limit(BUY, 101, 0)) == RejectReason.PRICE_OUT_OF_BOUNDS

    def test_m10_notional_trigger_display_expiry_owner_name(self, book_class):
        book = book_class(slots=1, owners=1, price_max=100, notional_max=200)
        book.stop(BUY, 100, 2**61 - 1, slot_id=0)
        spoiled = {"display_lots": 99, "time_in_force": TimeInForce.GTT, "expires_ms": 0, "owner": 5, "slot_id": 9}

        def reason(trigger=101, qty=2, **mended):
            return rejected(book.stop(BUY, trigger, qty, price_ticks=100, **{**spoiled, **mended}))

        assert reason(qty=3) == RejectReason.NOTIONAL_OUT_OF_BOUNDS
        assert reason() == RejectReason.TRIGGER_OUT_OF_BOUNDS
        assert reason(100) == RejectReason.DISPLAY_OUT_OF_BOUNDS
        assert reason(100, display_lots=2) == RejectReason.EXPIRY_NOT_AHEAD
        good = {"display_lots": 2, "expires_ms": 1}
        assert reason(100, **good) == RejectReason.OWNER_OUT_OF_RANGE
        assert reason(100, **good, owner=0) == RejectReason.SLOT_OUT_OF_RANGE
        assert reason(100, **good, owner=0, slot_id=0) == RejectReason.SLOT_IN_USE
        assert reason(100, **good, owner=0, slot_id=None) == RejectReason.SIDE_FULL

    def test_m10_nothing_to_reduce_then_room_then_post_only(self, book_class):
        book = book_class(owners=1)
        book.limit(BUY, 1, 2**61, order_id=1)
        book.limit(SELL, 2, 1)
        asked = {"owner": 0, "reduce_only": True, "post_only": True}
        assert rejected(book.limit(BUY, 2, 1, **asked)) == RejectReason.NOTHING_TO_REDUCE
        book.set_position(0, -1)
        assert rejected(book.limit(BUY, 2, 1, **asked)) == RejectReason.SIDE_FULL
        book.cancel(order_id=1)
        assert rejected(book.limit(BUY, 2, 1, **asked)) == RejectReason.POST_ONLY_WOULD_CROSS
        assert book.limit(BUY, 1, 1, **asked).accepted

    def test_m26_a_waiting_stop_may_have_nothing_to_reduce(self, book_class):
        assert amounts(book_class(owners=1).stop(BUY, 9, 1, owner=0, reduce_only=True)) == (0, 1, 0)


class TestStates:
    # M-30: which kinds each state takes, written out.
    ALWAYS = {CommandKind.CLEAR, CommandKind.MARK, CommandKind.POSITION, CommandKind.CLOCK, CommandKind.STATE}
    TAKING_OFF = {CommandKind.REDUCE, CommandKind.CANCEL, CommandKind.CANCEL_OWNER}
    LEGAL_KINDS = {
        OPEN: set(CommandKind),
        CANCEL_ONLY: ALWAYS | TAKING_OFF,
        HALTED: ALWAYS,
        AUCTION: set(CommandKind),
    }

    @pytest.mark.parametrize("state", list(MarketState))
    @pytest.mark.parametrize("kind", list(CommandKind))
    def test_m30_every_kind(self, book_class, state, kind):
        book = book_class(owners=1)
        book.limit(BUY, 5, 3, order_id=1, owner=0)
        assert amounts(book.set_state(state)) == (0, 0, 0)
        assert book.state == state
        before = book.digest()
        name = 2 if kind == CommandKind.PLACE else 1
        qty = 0 if kind == CommandKind.STATE else 1
        result = applied(book, [Row(kind, BUY, 6, qty, OrderType.LIMIT, 0, 0, name, time_ms=1)])
        if kind in self.LEGAL_KINDS[state]:
            assert result.rejects == []
        else:
            assert result.rejects == [(0, RejectReason.MARKET_STATE)]
            assert book.digest() == before

    @pytest.mark.parametrize("state", list(MarketState))
    @pytest.mark.parametrize("order_type", list(OrderType))
    @pytest.mark.parametrize("time_in_force", [TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTT])
    def test_m30_every_order(self, book_class, state, order_type, time_in_force):
        if CELLS[order_type, time_in_force] == "-":
            return
        book = cell_book(book_class)
        book.set_state(state)
        result = applied(book, [cell_row(order_type, time_in_force, 0, 0)])
        is_stop = order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
        lasts = order_type == OrderType.LIMIT and time_in_force in (TimeInForce.GTC, TimeInForce.GTT)
        if state == OPEN or (state == AUCTION and (is_stop or lasts)):
            assert result.rejects == []
        else:
            assert result.rejects == [(0, RejectReason.MARKET_STATE)]

    @pytest.mark.parametrize(
        ("value", "fits"), [(-1, False), (0, True), (3, True), (4, False), (256, False), (2**62, False)]
    )
    def test_m31_the_four_states(self, book_class, value, fits):
        result = applied(book_class(), [Row(CommandKind.STATE, 0, 0, value, 0, 0, 0, 0)])
        assert result.rejects == ([] if fits else [(0, RejectReason.BAD_STATE)])

    def test_m31_by_the_scalar_method(self, book_class):
        book = book_class()
        assert book.state == OPEN
        result = book.set_state(4)
        assert (rejected(result), result.id, book.state) == (RejectReason.BAD_STATE, -1, OPEN)

    def test_d2_words(self, book_class):
        book = book_class()
        assert book.digest() == digest_of(DigestKind.BOOK, [-2, -2, 2**40, 0, 0])
        book.set_state(HALTED)
        assert book.digest() == digest_of(DigestKind.BOOK, [-2, -2, 2**40, 0, 0, -5, HALTED, 2**40, 0, 0])
        book.set_state(OPEN)
        book.set_mark(7)
        assert book.digest() == digest_of(DigestKind.BOOK, [-2, -2, 2**40, 0, 0, -5, OPEN, 7, 0, 0])

    def test_d2_terms_of_an_order(self, book_class):
        book = book_class(owners=2)
        book.set_state(OPEN)
        book.limit(BUY, 9, 5, order_id=1, owner=1, post_only=True, self_trade_prevention=2)
        book.limit(BUY, 8, 5, order_id=2, display_lots=2, time_in_force=TimeInForce.GTT, expires_ms=6)
        book.limit(BUY, 7, 5, order_id=3)
        words = [9, 5, 1, 1, -3, OrderFlag.POST_ONLY + 256 * 2, 0, 0, -1]
        words += [8, 2, 2, -1, -3, 0, 2, 3, 6]
        words += [7, 5, 3, -1, -2, -2, 2**40, 0, 0]
        assert book.digest() == digest_of(DigestKind.BOOK, map(int, words))


class TestAuction:
    def crossed(self, book_class):
        """A bid of 101 over an ask of 100."""
        book = book_class()
        book.set_state(AUCTION)
        assert amounts(book.limit(SELL, 100, 3, order_id=1)) == (0, 3, 0)
        assert amounts(book.limit(BUY, 101, 4, order_id=2)) == (0, 4, 0)
        return book

    def test_m31_nothing_trades_and_the_book_may_cross(self, book_class):
        book = self.crossed(book_class)
        assert (book.best_bid, book.best_ask, book.trade_count) == (101, 100, 0)
        book.check_invariants()

    def test_m31_a_replace_does_not_trade_either(self, book_class):
        book = self.crossed(book_class)
        assert amounts(book.replace(105, 9, order_id=2)) == (0, 9, 0)
        assert (book.best_bid, fills(book)) == (105, [])

    @pytest.mark.parametrize(("bid", "opens"), [(99, True), (100, False), (101, False)])
    def test_m31_a_crossed_or_locked_book_does_not_open(self, book_class, bid, opens):
        book = self.crossed(book_class)
        book.replace(bid, 4, order_id=2)
        before = book.digest()
        result = book.set_state(OPEN)
        if opens:
            assert (amounts(result), book.state) == ((0, 0, 0), OPEN)
        else:
            assert (rejected(result), book.digest()) == (RejectReason.BOOK_CROSSED, before)

    def test_m31_a_crossed_book_may_be_halted_and_cleaned_up(self, book_class):
        book = self.crossed(book_class)
        book.set_state(HALTED)
        assert rejected(book.set_state(OPEN)) == RejectReason.BOOK_CROSSED
        book.set_state(CANCEL_ONLY)
        book.check_invariants()
        book.cancel(order_id=2)
        assert book.set_state(OPEN).accepted

    def test_m11_after_the_auction_the_book_is_not_crossed(self, book_class):
        book = self.crossed(book_class)
        book.cancel(order_id=1)
        book.set_state(OPEN)
        assert amounts(book.limit(SELL, 101, 5)) == (4, 1, 0)
        assert (book.best_bid, book.best_ask) == (None, 101)

    def test_m31_at_one_price_the_queue_shows_the_bids(self, book_class):
        book = self.crossed(book_class)
        book.replace(100, 4, order_id=2)
        assert queue(book, 100) == [(2, 4)]
        book.cancel(order_id=2)
        assert queue(book, 100) == [(1, 3)]

    def test_m24_a_stop_that_is_reached_waits_for_the_opening(self, book_class):
        book = book_class()
        book.limit(SELL, 100, 2)
        book.limit(BUY, 100, 1)
        book.set_state(AUCTION)
        book.stop(BUY, 100, 3, order_id=5)
        assert (book.stop_count, fills(book)) == (1, [])
        book.set_state(OPEN)
        assert [fill[1:] for fill in fills(book)] == [(5, 100, 1)]
        assert [row[:2] for row in cancels(book)] == [(5, 2)]


class TestMark:
    @pytest.mark.parametrize(("price", "fits"), [(9, False), (10, True), (20, True), (21, False)])
    def test_m32_a_mark_lies_within_the_price_bounds(self, book_class, price, fits):
        book = book_class(price_min=10, price_max=20)
        result = book.set_mark(price)
        assert result.id == -1
        if fits:
            assert (amounts(result), book.mark_price) == ((0, 0, 0), price)
        else:
            assert (rejected(result), book.mark_price) == (RejectReason.PRICE_OUT_OF_BOUNDS, None)
