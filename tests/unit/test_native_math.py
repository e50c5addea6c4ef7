"""The kernel's exp, log, quantile and draws have the reference's bits (R-1 .. R-6)."""

from __future__ import annotations

import math
import random
import struct

import pytest

from engine import InputError, _core
from engine.reference import fmath, rng

COUNT = 20_000
PURPOSE_POPULATION = 1


def bits(x: float) -> bytes:
    """Return the bits of a double; every NaN is one and the same."""
    return b"nan" if math.isnan(x) else struct.pack("<d", x)


def differing(native, reference, arguments):
    return [x for x in arguments if bits(native(x)) != bits(reference(x))]


def any_double(source: random.Random) -> float:
    return struct.unpack("<d", source.randbytes(8))[0]


TINY, LEAST, HUGE = 2.2250738585072014e-308, 5e-324, 1.7976931348623157e308
SPECIAL = [
    0.0, -0.0, 1.0, -1.0, 0.5, 2.0, math.e, LEAST, -LEAST, TINY, -TINY, TINY / 2, HUGE, -HUGE, math.inf, -math.inf,
    math.nan, 1.0 - 2**-53, 1.0 + 2**-52, fmath.EXP_ARGUMENT_MAX, fmath.EXP_ARGUMENT_MIN, -708.0, -745.0, 709.0, 710.0,
    math.log(2) / 2, -math.log(2) / 2, fmath.SQRT_HALF, 2 * fmath.SQRT_HALF, fmath.QUANTILE_TAIL,
    1 - fmath.QUANTILE_TAIL, 2**-53, 2**-54,
]  # fmt: skip


def neighbours(x: float) -> list[float]:
    return [math.nextafter(x, -math.inf), x, math.nextafter(x, math.inf)]


class TestFunctions:
    @pytest.mark.parametrize("name", ["exp", "log", "quantile"])
    def test_r6_special_arguments(self, name):
        native = getattr(_core, name)
        reference = fmath.normal_quantile if name == "quantile" else getattr(fmath, name)
        assert differing(native, reference, [y for x in SPECIAL for y in neighbours(x)]) == []

    def test_r6_exp(self):
        source = random.Random(1)
        arguments = [source.uniform(-750, 712) for _ in range(COUNT)] + [source.gauss(0, 1) for _ in range(COUNT)]
        assert differing(_core.exp, fmath.exp, arguments) == []

    def test_r6_log(self):
        source = random.Random(2)
        arguments = [abs(any_double(source)) for _ in range(COUNT)] + [source.random() for _ in range(COUNT)]
        assert differing(_core.log, fmath.log, arguments) == []

    def test_r6_quantile(self):
        source = random.Random(3)
        arguments = [source.random() for _ in range(COUNT)] + [source.random() ** 20 for _ in range(COUNT // 4)]
        assert differing(_core.quantile, fmath.normal_quantile, arguments) == []

    def test_r6_any_bits_at_all(self):
        source = random.Random(4)
        arguments = [any_double(source) for _ in range(COUNT)]
        for native, reference in (
            (_core.exp, fmath.exp),
            (_core.log, fmath.log),
            (_core.quantile, fmath.normal_quantile),
        ):
            assert differing(native, reference, arguments) == []


class TestDraws:
    def test_r2_member_keys(self):
        for population in ("", "makers", "Märkte", "a" * 300, "\0"):
            for ordinal in (0, 1, 7, 2**32, 2**63 - 1):
                assert _core.member_key(population, ordinal) == rng.id_key(population, ordinal)

    def test_r1_r3_draws(self):
        source = random.Random(5)
        edges = [0, 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1]
        for _ in range(2_000):
            seed, key = source.getrandbits(64), source.getrandbits(64)
            purpose = source.choice([1, 2, 3, 4, 5, 2**40])
            time_ms = source.choice([*edges, source.getrandbits(40)])
            k = source.choice([0, 1, 2**32 - 1, source.getrandbits(32)])
            stream = rng.stream_of(seed, key)
            assert _core.draw(seed, key, purpose, time_ms, k) == rng.bits64(rng.key_of(stream, purpose), time_ms, k)

    @pytest.mark.parametrize(
        ("law", "first", "second"),
        [
            ("uniform", 3.0, 20.0),
            ("uniform", -1e300, 1e300),
            ("lognormal", 8.0, 0.5),
            ("lognormal", 1e-3, 10.0),
            ("pareto", 5.0, 1.1),
            ("exponential", 200.0, 0.0),
        ],
    )
    def test_r4_r5_laws(self, law, first, second):
        seed, population, count, k = 2**64 - 5, "longs", 1_500, 3
        native = _core.draw_law(law, first, second, seed, population, count, k)
        parameters = (first,) if law == "exponential" else (first, second)
        for ordinal, number in enumerate(native):
            stream = rng.stream_of(seed, rng.id_key(population, ordinal))
            drawn = rng.bits64(rng.key_of(stream, PURPOSE_POPULATION), 0, k)
            assert bits(number) == bits(getattr(rng, law)(drawn, *parameters))

    def test_r5_a_longer_population_begins_with_the_shorter_one(self):
        assert _core.draw_law("uniform", 0, 1, 1, "p", 50, 0)[:10] == _core.draw_law("uniform", 0, 1, 1, "p", 10, 0)

    def test_u7_bad_arguments_are_named(self):
        for call, field in (
            (lambda: _core.member_key("p", -1), "ordinal"),
            (lambda: _core.draw(1.5, 0, 1, 0, 0), "seed"),
            (lambda: _core.draw(1, True, 1, 0, 0), "key"),
            (lambda: _core.draw(1, 1, -1, 0, 0), "purpose"),
            (lambda: _core.draw(1, 1, 1, -1, 0), "time_ms"),
            (lambda: _core.draw(1, 1, 1, 0, 2**32), "k"),
            (lambda: _core.draw_law("normal", 0, 1, 1, "p", 1, 0), "law"),
            (lambda: _core.draw_law("uniform", 0, 1, 1, "p", -1, 0), "count"),
        ):
            with pytest.raises(InputError) as caught:
                call()
            assert caught.value.field == field
