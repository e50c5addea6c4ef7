"""Digests as literals: what a seed gives today, it gives tomorrow and on every machine.

A changed literal means that the same seed no longer gives the same run. Print today's with

    python tests/golden/test_golden_digests.py

and change one only together with its reason: a new digest version (rule D-1), or a line in CHANGELOG.md that says which
runs are others now.
"""

from __future__ import annotations

import numpy as np

from engine import OrderBook, Side, TimeInForce
from engine.reference import OrderBook as ReferenceBook
from engine.run import run_scenario
from engine.testing.worlds import small_world

FLOW_COMMANDS = 2_000
WORLD_MS = 6_000

GOLDEN = {
    "book": "34cd67429d90a516",
    "world": "2e5667a12c7104b1",
    "scenario": "a6dfb4e6e23a0e6a",
    "scenario exact": "4ae217453a89ea7e",
    "scenario exact-limit": "4ae217453a89ea7e",
    "scenario same-sell": "542781c18dd86ba5",
    "scenario endogenous": "21590f81ce30c91e",
    "scenario makers-stayed": "2be7e04abb22827d",
    "two-venues": "afdbd7e17f211b20",
    "two-venues base": "740899f0e1bb2429",
    "two-venues no-arbitrageur": "98100995f698ec39",
    "two-venues fast-gateway": "42bba406a0e3c216",
}


def flowed(book):
    """Send a fixed flow of limits, IOCs, markets and cancels around 1,000 ticks.

    Raw words of PCG64, for NumPy promises those across versions, and no distribution.
    """
    words = np.random.PCG64(20251010).random_raw(FLOW_COMMANDS).tolist()
    for order_id, word in enumerate(words, start=1):
        what, side = word & 0xF, Side.BUY if word >> 4 & 1 else Side.SELL
        price, qty = 1_000 - side * 3 + (word >> 8) % 41 - 20, 1 + (word >> 24) % 50
        if what < 10:
            book.limit(side, price, qty, order_id=order_id, owner=order_id % 7)
        elif what < 12:
            book.limit(side, price, qty, time_in_force=TimeInForce.IOC, order_id=order_id, owner=order_id % 7)
        elif what == 12:
            book.market(side, qty, order_id=order_id, owner=order_id % 7)
        else:
            book.cancel(order_id=1 + (word >> 40) % order_id)
    return book


def native_book():
    return flowed(OrderBook(owners=7))


def world():
    twin = small_world()
    twin.native.run(WORLD_MS)
    return twin.native


def scenario(name="atom-flash-crash", word="scenario"):
    result = run_scenario(name)
    parts = {f"{word} {part}": figures["digest"] for part, figures in result.measured().items()}
    return {word: result.digest, **parts}


def digests():
    return {
        "book": f"{native_book().digest():016x}",
        "world": f"{world().digest():016x}",
        **scenario(),
        **scenario("two-venues", "two-venues"),
    }


def test_book():
    book = native_book()
    assert book.trade_count > 300  # the flow is rich enough to be worth a digest
    assert book.order_count > 30
    assert f"{book.digest():016x}" == GOLDEN["book"]


def test_reference_book():
    assert f"{flowed(ReferenceBook(owners=7)).digest():016x}" == GOLDEN["book"]


def test_small_world():
    assert f"{world().digest():016x}" == GOLDEN["world"]


def test_scenario():
    got = scenario()
    assert got == {name: GOLDEN[name] for name in GOLDEN if name.startswith("scenario")}


def test_two_venues():
    got = scenario("two-venues", "two-venues")
    assert got == {name: GOLDEN[name] for name in GOLDEN if name.startswith("two-venues")}


if __name__ == "__main__":
    for name, digest in digests().items():
        print(f'    "{name}": "{digest}",')
