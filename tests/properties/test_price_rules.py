"""An index of any sources, bounds and outages is that of the reference, to the last tick (P-5 .. P-13, P-16)."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pricekit import Tape, follow_index
from worldkit import agree

from engine.reference.prices import IndexRule, Sender

MARKET, OTHER = 2, 3  # the perpetuals of a Tape
SERIES = st.sampled_from(["mid", "last", "index", "oracle"])
RATIOS = st.one_of(st.just(1), st.integers(1, 30), st.integers(2**30, 2**31 - 1))
UNTIL_MS = 160


@st.composite
def sources(draw):
    """Draw one source as the core takes it."""
    kind = draw(st.one_of(SERIES, st.sampled_from(["twap", "path", "fixed"])))
    spec = {"kind": kind, "weight": draw(st.one_of(st.integers(1, 5), st.just(10**6)))}
    if kind == "fixed":
        spec["ticks"] = draw(st.integers(900, 1_100))
    elif kind == "path":
        times = sorted(draw(st.lists(st.integers(0, UNTIL_MS), min_size=1, max_size=6)))
        prices = draw(st.lists(st.integers(900, 1_100), min_size=len(times), max_size=len(times)))
        spec |= {"time_ms": np.array(times, np.int64), "price_ticks": np.array(prices, np.int64)}
    else:
        spec["market"] = draw(st.sampled_from([0, 1, OTHER]))
    if kind == "twap":
        spec["window_ms"] = draw(st.integers(1, 60))
    if draw(st.booleans()):
        spec["stale_ms"] = draw(st.one_of(st.none(), st.integers(0, 40)))
    if draw(st.integers(0, 3)) == 0:
        spec["factor"] = (draw(SERIES), draw(st.sampled_from([0, 1, OTHER])))
        spec["denominator"] = draw(st.sampled_from([1, 1_000, 970]))
    elif draw(st.integers(0, 3)) == 0:
        spec |= {"numerator": draw(RATIOS), "denominator": draw(RATIOS)}
    if draw(st.integers(0, 3)) == 0:
        spec |= {"growth_ppb": draw(st.sampled_from([1, 10**6, 10**9])), "growth_every_ms": draw(st.integers(1, 50))}
        spec["growth_from_ms"] = draw(st.integers(0, 100))
    return spec


RULES = st.builds(
    IndexRule,
    is_median=st.booleans(),
    outlier_ppm=st.sampled_from([0, 0, 1, 10_000, 40_000, 10**6]),
    clamp_ppm=st.sampled_from([0, 0, 1, 5_000, 10**6]),
    floor_ticks=st.sampled_from([1, 1, 985, 2**31 - 1]),
)
SENDERS = st.sampled_from([Sender(), Sender(1), Sender(3_000), Sender(10_000, 30), Sender(10**6, 25)])


# Ends of windows in order, each window one millisecond at least; two may meet.
OUTAGES = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 40)), max_size=4).map(
    lambda gaps: [
        (end - length, end)
        for end, length in zip(
            accumulate(gap + length for gap, length in gaps), (each[1] for each in gaps), strict=True
        )
    ]
)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(sources(), min_size=1, max_size=7),
    RULES,
    SENDERS,
    st.integers(1, 9),
    st.integers(1, 9),
    OUTAGES,
)
def test_native_is_reference(seed, specs, rule, sender, every_ms, sample_every_ms, outages):
    tape = Tape(seed, busy=0.4)
    tape.native.add_oracle(OTHER, 1, every_ms=13)
    tape.native.add_index(OTHER, 0, every_ms=11, lag_ms=0)
    published, wanted = follow_index(
        tape, MARKET, specs, rule, sender,
        every_ms=every_ms, sample_every_ms=sample_every_ms, until_ms=UNTIL_MS,
        outages=outages,
    )  # fmt: skip
    assert published == wanted
    assert all(1 <= ticks <= 2**31 - 1 for _, ticks in published)
    agree(tape.twin)
