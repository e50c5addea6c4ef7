"""Keyed random draws: R-1 .. R-5."""

from __future__ import annotations

import math

import pytest

from engine import InputError, _core
from engine.reference import fmath, rng

ONES = 2**32 - 1
GOLDEN_KEY = 0x27E772868846CC53


class TestPhilox:
    # The known answers for philox4x32-10 that Random123 publishes.
    @pytest.mark.parametrize(
        ("counter", "key", "words"),
        [
            ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
            ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
            (
                (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
                (0xA4093822, 0x299F31D0),
                (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
            ),
        ],
    )
    def test_r1_known_answers(self, counter, key, words):
        assert rng.philox4x32(counter, key) == words

    def test_r3_counter_and_words(self):
        key, time_ms, k = 0x0123456789ABCDEF, 0x1122334455667788, 5
        w0, w1, _, _ = rng.philox4x32((0x55667788, 0x11223344, 5, 0), (0x89ABCDEF, 0x01234567))
        assert rng.bits64(key, time_ms, k) == w0 | w1 << 32

    def test_r3_draws_differ_by_each_part(self):
        draws = [rng.bits64(key, time_ms, k) for key in (1, 2**32) for time_ms in (0, 1, 2**32) for k in (0, 1)]
        assert len(set(draws)) == len(draws)


class TestKeys:
    def test_r2_fnv1a64_known_answers(self):
        assert rng.fnv1a64(b"") == 0xCBF29CE484222325
        assert rng.fnv1a64(b"a") == 0xAF63DC4C8601EC8C
        assert rng.fnv1a64(b"foobar") == 0x85944171F73967E8

    def test_r2_mix64_is_splitmix64(self):
        # The first outputs of splitmix64 with seed 0 are mix64(G), mix64(2 G).
        assert rng.mix64(rng.GOLDEN) == 0xE220A8397B1DCDAF
        assert rng.mix64(2 * rng.GOLDEN) == 0x6E789E6AA1B965F4
        assert rng.mix64(0) == 0

    def test_r2_keys_are_chained(self):
        member = rng.mix64(rng.fnv1a64("Märkte".encode()) + 3 * rng.GOLDEN)
        assert rng.id_key("Märkte", 3) == member
        stream = rng.mix64(rng.mix64(42 + rng.GOLDEN) ^ member)
        assert rng.stream_of(42, member) == stream
        assert rng.key_of(stream, 7) == rng.mix64(stream + 7 * rng.GOLDEN)

    def test_r2_golden_key(self):
        # Computed once by the reference.
        assert rng.key_of(rng.stream_of(20251010, rng.id_key("holders", 12)), 1) == GOLDEN_KEY

    def test_r2_every_part_changes_the_key(self):
        keys = {
            rng.key_of(rng.stream_of(seed, rng.id_key(name, ordinal)), purpose)
            for seed in (0, 1)
            for name in ("a", "b")
            for ordinal in (0, 1)
            for purpose in (0, 1)
        }
        assert len(keys) == 16


class TestLaws:
    def test_r4_uniform01_is_never_0_and_never_1(self):
        # The middles of 2^52 equal cells: 53 bits, so no product and no sum is rounded.
        assert rng.uniform01(0) == rng.uniform01(2**12 - 1) == 2.0**-53
        assert rng.uniform01(2**12) == 3 * 2.0**-53
        assert rng.uniform01(2**64 - 1) == 1.0 - 2.0**-53
        assert rng.uniform01(2**63) == 0.5 + 2.0**-53

    @pytest.mark.parametrize("n", [1, 2, 10, 2**63, 2**64])
    def test_r4_integer_below_reaches_both_ends(self, n):
        assert rng.integer_below(0, n) == 0
        assert rng.integer_below(2**64 - 1, n) == n - 1

    def test_r5_formulas(self):
        bits = rng.bits64(1, 2, 3)
        u = rng.uniform01(bits)
        assert rng.uniform(bits, 2.0, 5.0) == 2.0 + 3.0 * u
        assert rng.exponential(bits, 4.0) == -4.0 * fmath.log(u)
        assert rng.pareto(bits, 2.0, 1.5) == 2.0 * fmath.exp(-fmath.log(u) / 1.5)
        assert rng.lognormal(bits, 3.0, 0.5) == 3.0 * fmath.exp(0.5 * fmath.normal_quantile(u))
        assert rng.integers(bits, -3, 3) == -3 + (bits * 7 >> 64)

    def test_r5_integers_reach_both_ends(self):
        assert {rng.integers(rng.bits64(9, 0, k), -1, 1) for k in range(50)} == {-1, 0, 1}
        assert rng.integers(2**64 - 1, 5, 5) == 5

    @pytest.mark.parametrize(("x", "n"), [(0.5, 1), (-0.5, 0), (1.49, 1), (2.5, 3), (-2.5, -2), (-2.51, -3)])
    def test_r5_round_half_up(self, x, n):
        assert rng.round_half_up(x) == n

    def test_r5_moments(self):
        count = 4000
        bits = [rng.bits64(20251010, 0, k) for k in range(count)]
        # Bands of four standard errors: the seed is fixed, so this cannot flake.
        assert abs(sum(map(rng.uniform01, bits)) / count - 0.5) < 4 * math.sqrt(1 / 12 / count)
        assert abs(sum(rng.exponential(b, 1.0) for b in bits) / count - 1.0) < 4 / math.sqrt(count)
        logs = [fmath.log(rng.lognormal(b, 1.0, 1.0)) for b in bits]
        assert abs(sum(logs) / count) < 4 / math.sqrt(count)
        # P(pareto(1, 2) > 2) = 2^-2
        tail = sum(rng.pareto(b, 1.0, 2.0) > 2.0 for b in bits) / count
        assert abs(tail - 0.25) < 4 * math.sqrt(0.25 * 0.75 / count)


class TestNativeInput:
    @pytest.mark.parametrize("population", [5, None, b"makers", "\ud800"])
    def test_u7_a_population_is_a_string(self, population):
        with pytest.raises(InputError) as caught:
            _core.member_key(population, 0)
        assert caught.value.field == "population"

    @pytest.mark.parametrize("ordinal", [-1, 1.0, True, None, "1", 2**63])
    def test_u7_an_ordinal_is_an_integer(self, ordinal):
        with pytest.raises(InputError) as caught:
            _core.member_key("makers", ordinal)
        assert caught.value.field == "ordinal"

    GOOD = {"law": "uniform", "first": 0.0, "second": 1.0, "seed": 1, "population": "p", "count": 1, "k": 0}

    @pytest.mark.parametrize(
        ("field", "bad"),
        [
            ("law", ["gauss", "", None, 5]),
            ("first", ["x", "1", None, True, float("nan"), float("inf"), 2.0**1023]),
            ("second", ["x", "1", None, True, float("nan"), -float("inf")]),
            ("seed", [1.0, "1", None]),
            ("population", [5, None]),
            ("count", [-1, 1.0, 2**31]),
            ("k", [-1, 2**32]),
        ],
    )
    def test_u7_arguments_of_a_law(self, field, bad):
        assert len(_core.draw_law(**self.GOOD)) == 1
        for value in bad:
            with pytest.raises(InputError) as caught:
                _core.draw_law(**{**self.GOOD, field: value})
            assert caught.value.field == field
