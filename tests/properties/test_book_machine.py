"""Native and reference books agree after every step of random walks (section M, U-2, U-3, U-7).

The walk of the reference beside itself shows that the machine holds where nothing is wrong, and that the reference is
deterministic.
"""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from engine.reference import OrderBook
from engine.testing.machines import BookMachine


def test_books_agree_step_by_step(book_class, engine_name):
    machine = type("Machine", (BookMachine,), {"candidate": staticmethod(book_class)})
    count = 120 if engine_name == "native" else 15
    run_state_machine_as_test(machine, settings=settings(max_examples=count))


class PlainBook:
    """A book that shows only what a plain one has: no stops, no marks, no tables but fills."""

    SHOWN = frozenset(
        {"limit", "market", "cancel", "apply", "last_fills", "best_bid", "best_ask", "last_price"}
        | {"trade_count", "traded_lots", "order_count", "depth", "queue", "orders"}
    )

    def __init__(self, book):
        self.book = book

    def __getattr__(self, name):
        if name not in self.SHOWN:
            raise AttributeError(name)
        return getattr(self.book, name)


@pytest.mark.parametrize("features", [frozenset(), frozenset({"slot_ids", "handles", "batches", "bounds"})])
def test_a_plain_book_can_be_walked(book_class, features):
    def plain(**options):
        return PlainBook(book_class(**options))

    machine = type("Machine", (BookMachine,), {"candidate": staticmethod(plain), "features": features})
    run_state_machine_as_test(machine, settings=settings(max_examples=10))


@pytest.mark.parametrize("lost", ["qty_lots", "owner"])
def test_a_book_that_errs_is_found(lost):
    class Wrong(OrderBook):
        def last_cancels(self):
            return [cancel._replace(**{lost: cancel[2] + 1}) for cancel in super().last_cancels()]

    machine = type("Machine", (BookMachine,), {"candidate": staticmethod(Wrong)})
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=settings(max_examples=200, database=None, phases=[Phase.generate]))
