"""Shapley shares by sampled orders: known games, efficiency, antithetic pairs, errors; and Student's law."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest

from engine.attribution import coalitions, sampled_orders, shapley_of_seed, shares
from engine.errors import InputError, InvariantError
from engine.intervals import paired_difference, student_quantile, student_within

LINKS = ("shock", "makers", "longs", "loops", "unified", "book")
WORTH = dict(zip(LINKS, (40.1, 20.2, 10.3, 0.0, -3.7, 1e-9), strict=True))


def valued(game, orders):
    return {coalition: game(coalition) for coalition in coalitions(orders)}


def sampled(game, seed=1, pairs=1, links=LINKS):
    orders = sampled_orders(links, seed, pairs)
    return shapley_of_seed(orders, valued(game, orders))


def exact(game, links):
    """Return the shares over all orders: the definition."""
    orders = list(itertools.permutations(links))
    return shapley_of_seed(orders, valued(game, orders))


class TestKnownGames:
    def test_of_an_additive_game_one_pair_gives_each_its_own_worth(self):
        # Of whole numbers the sums of floats are exact, of others they are rounded, and the shares with them.
        found = sampled(lambda coalition: float(sum(LINKS.index(link) + 1 for link in coalition)))
        assert found == {link: place + 1 for place, link in enumerate(LINKS)}
        rounded = sampled(lambda coalition: math.fsum(WORTH[link] for link in coalition))
        for link, share in rounded.items():
            assert abs(share - Fraction(WORTH[link])) < Fraction(1, 10**12)

    def test_of_pairs_one_pair_of_orders_is_exact(self):
        # A game whose links join only two by two: whoever comes second in an order comes first in its reverse.
        def game(coalition):
            return float(
                sum(a * b for a, b in itertools.combinations([LINKS.index(each) + 1 for each in coalition], 2))
            )

        for seed in range(5):
            assert sampled(game, seed) == exact(game, LINKS)

    def test_equal_players_of_a_symmetric_game_come_to_equal_shares(self):
        def game(coalition):
            return float(len(coalition) ** 3)

        assert exact(game, LINKS[:4]) == dict.fromkeys(LINKS[:4], Fraction(16))
        found = shares(LINKS[:4], [sampled(game, seed, 4, LINKS[:4]) for seed in range(200)])
        for share in found:
            assert abs(share.share - 16) < 4 * share.error < 4

    def test_a_dummy_carries_nothing_in_any_order(self):
        found = sampled(lambda coalition: float(len(coalition - {"loops"}) ** 2), pairs=3)
        assert found["loops"] == 0
        assert all(found[link] > 0 for link in LINKS if link != "loops")

    def test_sampling_converges_to_the_definition_within_its_error(self):
        def game(coalition):
            return 50.0 * ("shock" in coalition) * ("makers" in coalition) * ("longs" in coalition) + len(coalition)

        wanted = exact(game, LINKS)
        for share in shares(LINKS, [sampled(game, seed) for seed in range(400)]):
            assert abs(share.share - float(wanted[share.link])) <= 4 * share.error
        assert math.isclose(float(wanted["shock"]), 50 / 3 + 1)


class TestEfficiency:
    @pytest.mark.parametrize("seed", range(20))
    def test_the_shares_of_a_seed_add_up_exactly(self, seed):
        def game(coalition):
            return math.sin(seed + math.fsum(hash_of(link) for link in coalition)) * 1e6 + 0.1

        def hash_of(link):
            return LINKS.index(link) * 1.37

        found = sampled(game, seed, 2)
        assert sum(found.values()) == Fraction(game(frozenset(LINKS))) - Fraction(game(frozenset()))

    def test_orders_of_different_links_are_found_out(self):
        game = {frozenset(): 0.0, frozenset("a"): 1.0, frozenset("ab"): 3.0, frozenset("b"): 1.0}
        with pytest.raises(InvariantError):
            shapley_of_seed([("a", "b"), ("a",)], game)


class TestOrders:
    def test_pairs_are_antithetic_and_keyed_by_the_seed_alone(self):
        orders = sampled_orders(LINKS, 7, 3)
        assert len(orders) == 6
        for one, two in itertools.pairwise(orders[::2]):
            assert one != two
        for one, reverse in zip(orders[::2], orders[1::2], strict=True):
            assert one == reverse[::-1]
            assert sorted(one) == sorted(LINKS)
        assert orders == sampled_orders(LINKS, 7, 3)
        assert orders[:2] == sampled_orders(LINKS, 7, 1)
        assert orders != sampled_orders(LINKS, 8, 3)

    def test_every_order_of_three_comes_about_as_often(self):
        counts = {}
        for seed in range(1200):
            order = sampled_orders("abc", seed, 1)[0]
            counts[order] = counts.get(order, 0) + 1
        assert len(counts) == 6
        assert all(140 < count < 260 for count in counts.values())  # 200 each, standard deviation 13

    def test_one_pair_walks_through_twelve_coalitions(self):
        walked = coalitions(sampled_orders(LINKS, 1, 1))
        assert len(walked) == len(set(walked)) == 12
        assert {frozenset(), frozenset(LINKS)} <= set(walked)

    @pytest.mark.parametrize(
        ("links", "pairs", "field"), [((), 1, "links"), (("a", "a"), 1, "links"), (("a",), 0, "pairs")]
    )
    def test_what_is_no_game_is_refused(self, links, pairs, field):
        with pytest.raises(InputError) as error:
            sampled_orders(links, 1, pairs)
        assert error.value.field == field


class TestErrors:
    def test_the_error_is_that_of_the_mean_over_seeds(self):
        found = shares(["a"], [{"a": Fraction(value)} for value in (1, 2, 3, 6)])
        assert found[0].share == 3
        assert math.isclose(found[0].error, math.sqrt(14 / 3 / 4))

    def test_one_seed_has_no_error_and_none_no_share(self):
        assert shares(["a"], [{"a": Fraction(2)}])[0].to_json() == {"share": 2.0, "error": None}
        assert shares(["a"], [])[0].to_json() == {"share": None, "error": None}


class TestStudent:
    @pytest.mark.parametrize(
        ("degrees", "quantile"),
        # Abramowitz and Stegun, table 26.10
        [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (7, 2.365), (10, 2.228), (30, 2.042), (120, 1.980)],
    )
    def test_quantiles_are_those_of_the_table(self, degrees, quantile):
        assert abs(student_quantile(0.95, degrees) - quantile) < 0.0006
        assert math.isclose(student_within(student_quantile(0.95, degrees), degrees), 0.95, rel_tol=1e-12)

    @pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 4.0])
    def test_two_degrees_have_a_closed_form(self, t):
        assert math.isclose(student_within(t, 2), t / math.sqrt(2 + t * t), rel_tol=1e-14)
        assert math.isclose(student_within(t, 1), 2 / math.pi * math.atan(t), rel_tol=1e-14)

    @pytest.mark.parametrize(("level", "degrees", "field"), [(0, 3, "level"), (1, 3, "level"), (0.9, 0, "degrees")])
    def test_what_is_no_quantile_is_refused(self, level, degrees, field):
        with pytest.raises(InputError) as error:
            student_quantile(level, degrees)
        assert error.value.field == field


class TestPairs:
    def test_the_interval_is_that_of_the_differences(self):
        found = paired_difference([10, 20, 30, 40], [9, 18, 27, 36])
        assert (found.pairs, found.base, found.changed, found.mean) == (4, 25, 22.5, -2.5)
        half = 3.182446 * math.sqrt(5 / 3) / 2
        assert math.isclose(found.low, -2.5 - half, rel_tol=1e-6)
        assert math.isclose(found.high, -2.5 + half, rel_tol=1e-6)
        assert (found.same_sign, found.is_told) == (1, True)

    def test_what_a_run_cannot_tell_leaves_its_pair_out(self):
        found = paired_difference([1, None, 3, 4], [2, 5, None, 5])
        assert (found.pairs, found.base, found.mean, found.low, found.high) == (2, 2.5, 1, 1, 1)
        nothing = paired_difference([None], [1])
        assert (nothing.pairs, nothing.mean, nothing.is_told) == (0, None, False)

    def test_one_pair_has_no_interval(self):
        found = paired_difference([1], [3])
        assert (found.mean, found.low, found.is_told) == (2, None, False)

    def test_the_sign_is_counted_with_that_of_the_mean(self):
        assert paired_difference([0] * 4, [5, 5, -1, 0]).same_sign == 0.5
        assert paired_difference([0] * 2, [0, 0]).same_sign == 1
        assert not paired_difference([0] * 2, [0, 0]).is_told
