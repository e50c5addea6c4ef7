"""Margin of the native world against the reference, as a state machine: Hypothesis chooses what happens.

The judge after every step is `MarginWorld`: the state, equity and requirement of every unit are what the reference
computes from positions, balances and prices (C-2 .. C-6, E-1), some boxes are tried at their corners (E-2), and in the
end the reference has replayed the journal to the same digest (J-2). `test_margin_walks` walks further, by itself.
"""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from engine.testing.margin_walks import ORDINARY, TINY, Walk

DRAWS = st.integers(0, 2**32 - 1)


class Margins(RuleBasedStateMachine):
    """Publish, write, trade, jump to the end of a band; what is drawn within a step is keyed by Hypothesis too."""

    @initialize(seed=DRAWS, shape=st.sampled_from([TINY, ORDINARY]), accounts=st.integers(1, 8))
    def begin(self, seed: int, shape: Any, accounts: int) -> None:
        """Open accounts of all modes with collateral, loans and positions."""
        self.walk = Walk(seed, shape, accounts)
        assert self.walk.begun == []

    @rule(draws=DRAWS)
    def prices_move(self, draws: int) -> None:
        """Move prices for one millisecond, some after a write."""
        self.walk.rng.seed(draws)
        assert self.walk.advance() == []

    @rule(draws=DRAWS)
    def somebody_trades(self, draws: int) -> None:
        """Quote, or order and be judged."""
        self.walk.rng.seed(draws)
        assert self.walk.trade() == []

    @rule(idle_ms=st.integers(1, 30))
    def nothing_happens(self, idle_ms: int) -> None:
        """Let prices grow stale."""
        self.walk.native.run(self.walk.native.now_ms + idle_ms, check=True)
        assert self.walk.world.differences() == []

    def teardown(self) -> None:
        """Compare with the reference that has replayed the journal."""
        if hasattr(self, "walk"):
            assert self.walk.end() == []


Margins.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestMargins: Any = Margins.TestCase
