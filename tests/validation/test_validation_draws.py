"""Draws as arrays have the bits of the engine's draws (R-1 .. R-6)."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from engine import _core
from engine.reference import rng
from engine.validation import draws
from engine.validation.clock import to_ms

SEED = 20251010


@pytest.mark.parametrize("time_ms", [0, 1, 2**31, 2**32 - 1, 2**32, 2**40 + 12345])
@pytest.mark.parametrize("purpose", [0, 1, draws.PURPOSE])
def test_r3_bits_are_those_of_the_core(time_ms, purpose):
    member = _core.member_key("makers", 7)
    key = rng.key_of(rng.stream_of(SEED, member), purpose)
    assert draws.philox_bits(key, time_ms, 0, 50).tolist() == [
        _core.draw(SEED, member, purpose, time_ms, k) for k in range(50)
    ]


def test_r3_bits_at_the_end_of_k():
    member = _core.member_key("makers", 0)
    key = rng.key_of(rng.stream_of(SEED, member), 1)
    last = 2**32 - 3
    assert draws.philox_bits(key, 0, last, 3).tolist() == [_core.draw(SEED, member, 1, 0, last + i) for i in range(3)]


@pytest.mark.parametrize("seed", [0, 1, -1, 2**64 - 1, 2**70])
def test_r2_a_stream_is_a_member_of_a_population(seed):
    member = _core.member_key("Märkte", 3)
    stream = draws.Stream(seed, "Märkte", 3)
    assert stream.bits(20).tolist() == [_core.draw(seed, member, draws.PURPOSE, 0, k) for k in range(20)]


def test_a_stream_does_not_depend_on_how_it_is_cut():
    stream = draws.Stream(SEED, "cut")
    count = draws.BLOCK + 10
    whole = stream.bits(count)
    assert whole[draws.BLOCK :].tolist() == stream.bits(10, draws.BLOCK).tolist()
    assert len(stream.bits(0)) == 0
    one_by_one = list(islice(stream.endless_uniforms(), count))
    assert one_by_one == stream.uniforms(count).tolist()
    waits = list(islice(stream.endless_waits_ms(0.5, 1000), count))
    assert waits == to_ms(stream.exponentials(count, 0.5), 1000).tolist()


def test_r6_logarithms_have_the_bits_of_the_core():
    uniforms = draws.Stream(SEED, "log").uniforms(20_000)
    edges = [2.0**-53, 1 - 2.0**-53, 0.5, 0.25, 0.7071067811865475, 0.7071067811865476, 1.0, 5e-324, 1.7e308]
    numbers = np.concatenate([uniforms, np.array(edges)])
    assert draws.log(numbers).tolist() == [_core.log(x) for x in numbers.tolist()]


def test_r5_exponentials_are_the_reference_law():
    stream = draws.Stream(SEED, "law")
    expected = [rng.exponential(bits, 2.5) for bits in stream.bits(1000).tolist()]
    assert stream.exponentials(1000, 2.5).tolist() == expected


def test_r4_uniforms_are_the_reference_law():
    stream = draws.Stream(SEED, "law")
    assert stream.uniforms(1000).tolist() == [rng.uniform01(bits) for bits in stream.bits(1000).tolist()]
