"""Order ids of every make (M-6): a hundred thousand places and cancels each behave as a dict does.

Ids come as strides, in clusters, at random, negative, backwards, and one after the other far beyond the capacity. Where
ids collided in the map, a hundred thousand of them took minutes (multiples of 2^28, until the map took the upper half
of its product).
"""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine import _core
from engine.testing.views import columns_view
from engine.types import CommandKind, RejectReason, Side

# A sanitized build takes ten times as long a command.
IDS = 100_000 if _core.build_flags().startswith("release") else 10_000
PIECE = 10_000  # commands of a batch
INT64 = np.iinfo(np.int64)
WINDOW = 1000  # open orders at a time where ids run on

PLACE, CANCEL = int(CommandKind.PLACE), int(CommandKind.CANCEL)


def strided(stride):
    return np.arange(IDS, dtype=np.int64) * stride


def symbols_and_numbers():
    symbols, numbers = np.divmod(np.arange(IDS, dtype=np.int64), 2500)
    return symbols << 20 | numbers


IDS_BY_MAKE = {
    **{f"stride 2^{k}": strided(2**k) for k in (0, 1, 6, 12, 16, 20, 28, 32, 44)},
    **{f"stride 2^{k} - 1": strided(2**k - 1) for k in (6, 12, 16, 32, 46)},
    "clusters": symbols_and_numbers(),
    "clusters, interleaved": symbols_and_numbers().reshape(-1, 2500).T.ravel(),
    "random": np.random.default_rng(1).integers(INT64.min, INT64.max, size=IDS, endpoint=True),
    "negative": -1 - np.arange(IDS, dtype=np.int64),
    "backwards": np.arange(IDS, dtype=np.int64)[::-1].copy(),
    "ends of int64": np.concatenate([INT64.min + np.arange(IDS // 2), INT64.max - np.arange(IDS // 2)]),
}


def applied(book, kinds, ids):
    """Apply places (a lot of a bid each) and cancels in batches; return the reasons by command, 0 where accepted."""
    reasons = np.zeros(len(ids), dtype=np.int64)
    for start in range(0, len(ids), PIECE):
        piece = slice(start, start + PIECE)
        count = len(ids[piece])
        result = book.apply(
            {
                "kind": kinds[piece].astype(np.uint8),
                "side": np.full(count, Side.BUY, dtype=np.int8),
                "price_ticks": np.full(count, 7, dtype=np.int32),
                "qty_lots": np.ones(count, dtype=np.int64),
                "order_id": np.ascontiguousarray(ids[piece]),
            }
        )
        for command, reason in columns_view(result.rejects, ("command", "reason")):
            reasons[start + command] = reason
    return reasons


def foretold(opened, kinds, ids):
    """What a dict says: `opened` holds the open ids, in the order of placing."""
    reasons = []
    for kind, name in zip(kinds.tolist(), ids.tolist(), strict=True):
        if kind == PLACE:
            reasons.append(RejectReason.DUPLICATE_ORDER_ID if name in opened else RejectReason.NONE)
            opened[name] = None
        else:
            reasons.append(RejectReason.NONE if name in opened else RejectReason.UNKNOWN_ORDER)
            opened.pop(name, None)
    return np.array(reasons, dtype=np.int64)


def check(book, opened, kinds, ids):
    """Apply commands and compare: the reasons, and what stands in the queue."""
    want = foretold(opened, kinds, ids)
    np.testing.assert_array_equal(applied(book, kinds, ids), want)
    assert [order.id for order in book.orders()] == list(opened)
    assert book.order_count == len(opened)


@pytest.mark.parametrize("make", IDS_BY_MAKE)
def test_m06_ids_behave_as_in_a_dict(make):
    ids = IDS_BY_MAKE[make]
    count, rng = len(ids), np.random.default_rng(2)
    book, opened = engine.OrderBook(), {}
    check(book, opened, np.full(count, PLACE), ids)
    check(book, opened, np.full(count // 2, CANCEL), rng.permutation(ids)[: count // 2])
    # Now half of the ids are open: places and cancels of them all, some twice, so each reason comes up.
    mixed = rng.choice(ids, size=count)
    check(book, opened, rng.choice([PLACE, CANCEL], size=count), mixed)
    # What never was open is not found, near the open ones or far.
    strangers = np.setdiff1d(np.concatenate([ids[:1000] + 1, ids[:1000] ^ 2**40]), ids)
    check(book, opened, np.full(len(strangers), CANCEL), strangers)
    left = np.array(list(opened), dtype=np.int64)
    check(book, opened, np.full(len(left), CANCEL), left[::-1])
    assert book.order_count == 0
    book.check_invariants()


@pytest.mark.parametrize("make", IDS_BY_MAKE)
def test_m06_ids_may_run_on_far_beyond_the_capacity(make):
    """Each id is placed once and cancelled WINDOW places later: what is gone slows nothing and is not found."""
    ids = IDS_BY_MAKE[make]
    book, opened = engine.OrderBook(orders=WINDOW), {}
    commands = np.concatenate([ids, ids])
    kinds = np.repeat([PLACE, CANCEL], len(ids))
    due = np.concatenate([2 * np.arange(len(ids)), 2 * (np.arange(len(ids)) + WINDOW) + 1])
    order = np.argsort(due)
    check(book, opened, kinds[order], commands[order])
    assert book.order_count == 0
    # A dead id is free again.
    check(book, opened, np.full(WINDOW, PLACE), ids[:WINDOW])
    book.check_invariants()


def test_m06_scalar_calls_find_ids_of_every_make():
    book, opened = engine.OrderBook(), set()
    for ids in IDS_BY_MAKE.values():
        for name in ids[:: len(ids) // 20].tolist():
            result = book.limit(Side.BUY, 7, 1, order_id=name)
            assert result.accepted == (name not in opened)
            opened.add(name)
    for name in opened:
        assert book.cancel(order_id=name).accepted
        assert book.cancel(order_id=name).reject_reason == RejectReason.UNKNOWN_ORDER
    assert book.order_count == 0
