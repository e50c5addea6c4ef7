"""What the tests of the pools share: pools of both engines in one state, and the exact curve of StableSwap."""

from __future__ import annotations

import importlib

MODULES = {"reference": "engine.reference.pools", "native": "engine._core"}
STABLE, PRODUCT, RANGES = "StableSwapPool", "ConstantProductPool", "ConcentratedPool"


def swap_fields(outcome):
    return outcome.amount_in, outcome.amount_out, outcome.fee, int(outcome.reason)


def share_fields(outcome):
    return outcome.shares, outcome.amounts, outcome.fees, int(outcome.reason)


def fields(outcome):
    return share_fields(outcome) if hasattr(outcome, "shares") else swap_fields(outcome)


class Pair:
    """A pool of each engine; every call goes to both, must do the same, and leave the same state."""

    def __init__(self, name, *args, **kwargs):
        self.pools = [getattr(importlib.import_module(module), name)(*args, **kwargs) for module in MODULES.values()]

    def __getattr__(self, method):
        reference, native = self.pools

        def both(*args, **kwargs):
            first, second = (getattr(pool, method)(*args, **kwargs) for pool in (reference, native))
            if hasattr(first, "reason"):
                first, second = fields(first), fields(second)
            assert first == second, (method, args, kwargs)
            assert reference.digest() == native.digest()
            assert reference.balances == native.balances
            return first

        return both

    @property
    def balances(self):
        return self.pools[1].balances

    @property
    def shares(self):
        return self.pools[1].shares

    def digest(self):
        return self.pools[1].digest()


def curve_side(xs, amplification, d):
    """The StableSwap equation, all on one side, over a common denominator: its sign is that of D less the exact D."""
    n, product = len(xs), 1
    for x in xs:
        product *= x * n
    ann = amplification * n
    return (ann - 1) * d * product + d ** (n + 1) - ann * sum(xs) * product


def exact_invariant(xs, amplification):
    """The exact D of StableSwap, rounded down, by bisection."""
    low, high = 0, sum(xs) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if curve_side(xs, amplification, middle) <= 0 else (low, middle)
    return low


def risen(before, after, amplification):
    """Whether the exact D has not fallen, to 64 bits behind the point."""
    scale = 2**64
    return exact_invariant([x * scale for x in after], amplification) >= exact_invariant(
        [x * scale for x in before], amplification
    )
