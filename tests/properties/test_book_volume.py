"""Native against reference on random flows by the ten thousand and, in the long run, by the million (section M).

The seed of the long run is new every time and printed; FIRESALE_SEED gives one that is to be run again.
"""

from __future__ import annotations

import os
import secrets

import pytest
from differential import Differential

import engine
from engine import _core
from engine.reference import OrderBook
from engine.types import CancelReason, CommandKind, RejectReason

# A debug build walks the whole book after every call.
IS_RELEASE = _core.build_flags().startswith("release")
COMMANDS = 50_000 if IS_RELEASE else 10_000
COMMANDS_LONG = 1_000_000 if IS_RELEASE else 50_000

# What no stand-alone book says: memory that runs out has tests of its own, the others are a venue's (V-2, V-3).
NOT_HERE = {RejectReason.NONE, RejectReason.NO_MEMORY, RejectReason.INSUFFICIENT_FUNDS, RejectReason.ACCOUNT_FROZEN}


def run_told(told_at_the_end, seed, commands):
    """Run a flow of that many commands; its seed and counts are printed at the end, of a flow that fails too."""
    run = Differential(engine.OrderBook, OrderBook, seed)
    try:
        return run.run(commands)
    finally:
        told_at_the_end(f"seed {seed}, {run.episodes} books", *run.counts.lines())


def test_native_agrees_with_the_reference(told_at_the_end):
    counts = run_told(told_at_the_end, 20_240_917, COMMANDS)
    assert set(counts.cancels) == set(CancelReason)
    assert set(CommandKind) <= set(counts.commands)


@pytest.mark.slow
def test_native_agrees_with_the_reference_a_million_times(told_at_the_end):
    counts = run_told(told_at_the_end, int(os.environ.get("FIRESALE_SEED") or secrets.randbits(32)), COMMANDS_LONG)
    assert set(counts.cancels) == set(CancelReason)
    assert set(counts.rejects) == set(RejectReason) - NOT_HERE
    assert set(CommandKind) <= set(counts.commands)
    assert min(counts.accepted, counts.fills, counts.triggers) > COMMANDS_LONG // 50


class WrongDigest(OrderBook):
    """Err in the digest once there is a mark and something has traded."""

    def digest(self):
        return super().digest() + (self.mark_price is not None and self.trade_count > 0)


class WrongScalar(OrderBook):
    """Err in the scalar `cancel` only, of an order with an even number of lots."""

    def cancel(self, *args, **names):
        result = super().cancel(*args, **names)
        return result._replace(cancelled_lots=result.cancelled_lots | 1) if result.accepted else result


class WrongBatch(OrderBook):
    """Err in batches of more than one command only."""

    def apply(self, commands):
        result = super().apply(commands)
        is_wrong = len(commands["kind"]) > 1 and result.fills["command"]
        return result._replace(accepted_count=result.accepted_count + 1) if is_wrong else result


@pytest.mark.parametrize(
    ("wrong", "rows"),
    [
        (WrongDigest, 3),  # two orders that meet and a mark
        (WrongScalar, 2),  # an order and its cancel
    ],
)
def test_a_book_that_errs_is_found_and_shown_with_few_commands(wrong, rows):
    with pytest.raises(AssertionError) as raised:
        Differential(wrong, OrderBook, 1).run(5000)
    lines = str(raised.value).splitlines()
    assert lines[0].startswith("seed 1, episode ")
    assert f" to {rows}:" in lines[2]
    assert sum("Row(" in line for line in lines[3:-1]) == rows


def test_an_error_of_long_batches_is_shown_as_a_batch():
    with pytest.raises(AssertionError, match=r"the last batch:\n  applied by \w+: Row\("):
        Differential(WrongBatch, OrderBook, 1).run(5000)
