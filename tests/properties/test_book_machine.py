"""Native and reference books agree after every step of random walks (M-1 .. M-13, U-2, U-3, U-7).

The walk of the reference beside itself shows that the machine holds where nothing is wrong, and that the reference is
deterministic.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from engine.testing.machines import BookMachine


def test_books_agree_step_by_step(book_class, engine_name):
    machine = type("Machine", (BookMachine,), {"candidate": staticmethod(book_class)})
    count = 120 if engine_name == "native" else 15
    run_state_machine_as_test(machine, settings=settings(max_examples=count))
