"""D-1 .. D-3: golden digests, and what must change them; books and queues run on the reference and on native."""

from __future__ import annotations

import pytest

from engine.reference.digest import DigestKind, digest_of, mixed
from engine.types import Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL


def filled_book(book_class, *, order=(1, 2)):
    """Two makers at one price and a bid, after one trade; the first of `order` is the older maker."""
    book = book_class(slots=3, owners=2)
    for slot_id in order:
        book.limit(SELL, 101, 5, slot_id=slot_id, owner=1)
    book.limit(BUY, 99, 7, order_id=-4)
    book.limit(BUY, 98, 1)
    book.limit(SELL, 99, 3, time_in_force=TimeInForce.IOC)
    return book


class TestWords:
    def test_d1_by_hand(self):
        h = 0xCBF29CE484222325
        for word in (1, 2, 2**64 - 1):  # version, kind, and -1 in two's complement
            h = (h ^ word) * 0x9E3779B97F4A7C15 % 2**64
            h ^= h >> 32
        assert digest_of(DigestKind.QUEUE, [-1]) == h

    def test_d1_order_and_length_count(self):
        assert digest_of(DigestKind.BOOK, [1, 2]) != digest_of(DigestKind.BOOK, [2, 1])
        assert digest_of(DigestKind.BOOK, []) != digest_of(DigestKind.BOOK, [0])
        assert digest_of(DigestKind.BOOK, []) != digest_of(DigestKind.QUEUE, [])

    def test_d1_words_are_taken_mod_2_64(self):
        assert mixed(5, -1) == mixed(5, 2**64 - 1)
        assert mixed(5, 2**64) == mixed(5, 0)


class TestBook:
    def test_d2_words(self, book_class):
        words = [99, 4, -4, -1, 98, 1, 1, -1, -2]  # bids: order id -4 (it holds engine slot 0), then handle 1
        words += [101, 5, 1, 1, 101, 5, 2, 1, -2]  # asks, the older first
        words += [99, 1, 3]  # last price, trades, lots
        assert filled_book(book_class).digest() == digest_of(DigestKind.BOOK, words)

    def test_d2_golden(self, book_class):
        assert book_class().digest() == GOLDEN["empty book"]
        assert filled_book(book_class).digest() == GOLDEN["filled book"]

    def test_d2_no_price_is_a_word_of_its_own(self, book_class):
        assert book_class().digest() == digest_of(DigestKind.BOOK, [-2, -2, 2**40, 0, 0])

    def test_d2_swapping_two_makers_at_one_price_changes_it(self, book_class):
        assert filled_book(book_class, order=(1, 2)).digest() != filled_book(book_class, order=(2, 1)).digest()

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda book: book.limit(BUY, 98, 1),
            lambda book: book.cancel(slot_id=1),
            lambda book: book.market(BUY, 1),
        ],
        ids=["place", "cancel", "trade"],
    )
    def test_d2_every_effect_changes_it(self, book_class, spoil):
        book = filled_book(book_class)
        before = book.digest()
        assert spoil(book).accepted
        assert book.digest() != before

    def test_d2_owner_and_name_count(self, book_class):
        digests = set()
        for names in ({"owner": 0}, {"owner": 1}, {"order_id": 5}, {"slot_id": 1}, {"order_id": 6}):
            book = book_class(slots=2, owners=2)
            book.limit(BUY, 5, 1, **names)
            digests.add(book.digest())
        assert len(digests) == 5

    def test_d2_looking_changes_nothing(self, book_class):
        book = filled_book(book_class)
        before = book.digest()
        book.depth(3)
        book.orders()
        book.queue(101)
        book.last_fills()
        book.check_invariants()
        assert book.digest() == before


class TestQueue:
    def test_d3_words(self, queue_class):
        queue = queue_class(3)
        queue.schedule(9, -5)
        queue.schedule(4, 6, priority=2)
        queue.schedule(4, 7, priority=-2)
        queue.schedule(3, 8)
        queue.pop()
        words = [3, 4, 4, -2, 7, 4, 2, 6, 9, 0, -5]
        assert queue.digest() == digest_of(DigestKind.QUEUE, words)
        assert queue.digest() == GOLDEN["queue"]

    def test_d3_empty(self, queue_class):
        assert queue_class().digest() == digest_of(DigestKind.QUEUE, [0, 0])

    def test_d3_a_cancelled_event_leaves_only_its_count(self, queue_class):
        queue = queue_class()
        queue.cancel(queue.schedule(5))
        assert queue.digest() == digest_of(DigestKind.QUEUE, [0, 1])


# Computed once by the reference: version 1 of the digest never changes.
GOLDEN = {
    "empty book": 0x67171682741F180D,
    "filled book": 0xD32D3260DF23034A,
    "queue": 0x05FA84BF9DAD6293,
}
