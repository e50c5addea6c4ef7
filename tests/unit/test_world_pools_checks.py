"""Pools in a world: bad input is named, broken worlds are found (Z-18), and an index may read a pool (P-11)."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from worldpoolkit import FORMS, Story

from engine import InputError, InvariantError, _core


class TestInput:
    GOOD = {"form": "stable", "assets": (0, 1), "venue": 0, "fee_ppm": 5, "amplification": 7, "scales": (1, 2)}
    BAD = [
        ("form", "curve"), ("form", None), ("assets", 0), ("assets", (0,)), ("assets", (0, 1, 2, 3, 0)),
        ("assets", (0, 0)),
        ("assets[1]", (0, 4)), ("assets[0]", (-1, 1)), ("assets[1]", (0, 1.0)), ("venue", 1), ("fee_ppm", -1),
        ("fee_ppm", 100_001), ("amplification", 0), ("amplification", 10**6 + 1), ("scales", (1,)),
        ("scales", (1, 1, 1)),
        ("scales[1]", (1, 0)), ("scales", 3), ("sqrt_price", 2**96), ("tick_spacing", 10),
    ]  # fmt: skip

    @pytest.mark.parametrize(("field", "value"), BAD)
    def test_u7_add_pool_names_the_argument(self, field, value):
        story = Story("product")
        before, count = story.native.digest(), story.native.account_count
        with pytest.raises(InputError) as caught:
            story.native.add_pool(**{**self.GOOD, field.partition("[")[0]: value})
        assert caught.value.field == field
        assert (story.native.digest(), story.native.account_count) == (before, count)

    @pytest.mark.parametrize(
        ("form", "field", "options"),
        [
            ("product", "amplification", {"amplification": 5}),
            ("product", "scales", {"scales": (1, 1)}),
            ("product", "assets", {"assets": (0, 1, 2)}),
            ("ranges", "sqrt_price", {}),
            ("ranges", "sqrt_price", {"sqrt_price": 1}),
            ("ranges", "tick_spacing", {"sqrt_price": 2**96, "tick_spacing": 0}),
            ("ranges", "amplification", {"sqrt_price": 2**96, "amplification": 5}),
        ],
    )
    def test_u7_what_belongs_to_another_form_is_named(self, form, field, options):
        with pytest.raises(InputError) as caught:
            Story("product").native.add_pool(form, **{"assets": (0, 1), **options})
        assert caught.value.field == field

    def test_u7_every_call_names_its_argument(self):
        stories = {form: Story(form).fill() for form in FORMS}
        account = stories["ranges"].accounts[0]
        cases = [
            ("ranges", "add_coins", (account, 0, [1, 1]), "pool"),
            ("product", "add_coins", (account, 1, [1, 1]), "pool"),
            ("product", "add_coins", (account, 0, [1, 1, 1]), "amounts"),
            ("product", "add_coins", (account, 0, [0, 0]), "amounts"),
            ("product", "add_coins", (account, 0, [0, -1]), "amounts[1]"),
            ("product", "add_coins", (0, 0, [1, 1]), "account"),
            ("product", "add_range", (account, 0, 0, 10, 1), "pool"),
            ("ranges", "add_range", (account, 0, 5, 10, 1), "lower"),
            ("ranges", "add_range", (account, 0, 0, 15, 1), "upper"),
            ("ranges", "add_range", (account, 0, 10, 10, 1), "upper"),
            ("ranges", "add_range", (account, 0, 0, 10, 0), "liquidity"),
            ("ranges", "remove_range", (account, 0, 0, 10, -1), "liquidity"),
            ("ranges", "remove_range", (99, 0, 0, 10, 1), "account"),
            ("product", "pool_quote", (1, 0, 1, 1), "pool"),
            ("product", "pool_quote", (0, 9, 1, 1), "sold"),
            ("product", "pool_quote", (0, 0, 9, 1), "bought"),
            ("product", "pool_quote", (0, 0, 1, -1), "atoms"),
            ("product", "pool", (-1,), "pool"),
            ("ranges", "pool_shares", (account, 0), "pool"),
            ("product", "pool_ranges", (0,), "pool"),
        ]
        for form, method, arguments, field in cases:
            story = stories[form]
            before = story.native.digest()
            with pytest.raises(InputError) as caught:
                getattr(story.native, method)(*arguments)
            assert (method, arguments, caught.value.field) == (method, arguments, field)
            assert story.native.digest() == before

    def test_z16_nobody_deposits_to_or_trades_with_a_pools_account(self):
        story = Story("product").fill()
        native, closed = story.native, story.told()["account"]
        market = native.add_spot(story.coins[0], story.coins[1], atoms_per_tick_lot=1, base_atoms_per_lot=1)
        calls = [
            lambda: native.deposit(closed, 0, 5),
            lambda: native.deposits(np.array([closed], np.int32), 0, np.array([5], np.int64)),
            lambda: native.withdraw(closed, 0, 5),
            lambda: native.send_order(closed, market, 1, 5, 5, at_ms=1),
            lambda: native.act(closed, "swap", story.pool, 5, asset=0, other=1),
            lambda: native.add_agents("noise", closed, 1, market=market, mean_gap_ms=5.0, qty_min=1, qty_max=2),
        ]  # fmt: skip
        before = native.digest()
        for call in calls:
            with pytest.raises(InputError):
                call()
        assert native.digest() == before


# ---- broken worlds: a snapshot with other numbers in it, and the checksum that belongs to them ----

WORD = 2**64 - 1


def lane(h, word):
    h = (h ^ word) * 0x9E3779B97F4A7C15 & WORD
    return h ^ h >> 32


def checksum(data):
    """The snapshot's: four lanes of 64 bits over the bytes, the rest padded with zeros."""
    h = 0xCBF29CE484222325 ^ len(data)
    lanes = [h, h, h ^ WORD, h + 1 & WORD]
    whole = len(data) - len(data) % 32
    padded = data[whole:].ljust(32, b"\0")
    for words in (*struct.iter_unpack("<4Q", data[:whole]), struct.unpack("<4Q", padded)):
        lanes = [lane(value, word) for value, word in zip(lanes, words, strict=True)]
    for value in lanes[1:]:
        lanes[0] = lane(lanes[0], value)
    return lanes[0]


def with_other_numbers(native, shape, before, after):
    """Restore a world whose snapshot has one record changed."""
    data = native.snapshot()
    (length,) = struct.unpack_from("<Q", data, 8)  # of the world; what belongs to Python agents comes behind
    body, seal, rest = data[: length - 8], data[length - 8 : length], data[length:]
    assert struct.pack("<Q", checksum(body)) == seal
    old, new = struct.pack(shape, *before), struct.pack(shape, *after)
    assert body.count(old) == 1
    body = body.replace(old, new)
    return _core.World.restore(body + struct.pack("<Q", checksum(body)) + rest)


class TestBroken:
    """Z-18: what must not hold is found."""

    @pytest.mark.parametrize("change", [(0, 0, 0, 1), (0, 0, -1, 0), (0, 1, 0, 0)])
    def test_z18_balances_or_shares_that_are_others(self, change):
        story = Story("product").fill()
        told = story.told()
        before = (told["fee_ppm"], told["shares"], *told["balances"])
        broken = with_other_numbers(story.native, "<4q", before, [a + b for a, b in zip(before, change, strict=True)])
        with pytest.raises(InvariantError, match="Z-16"):
            broken.check_invariants()

    @pytest.mark.parametrize("shares", [0, -1, 5])
    def test_z18_shares_of_accounts_that_are_not_all(self, shares):
        story = Story("stable").fill()
        account, held = story.accounts[0], 2 * 10**12
        broken = with_other_numbers(
            story.native, "<qII", (held, story.pool, account), (held + shares if shares > 0 else shares, 0, account)
        )
        with pytest.raises(InvariantError, match="Z-16"):
            broken.check_invariants()

    @pytest.mark.parametrize(("lower", "upper", "liquidity"), [(-100, 50, 10**12 + 1), (-1_000, 1_010, 10**12)])
    def test_z18_positions_that_are_not_the_pools(self, lower, upper, liquidity):
        story = Story("ranges").fill()
        account = story.accounts[0]
        shape = "<q4Q2q2qII"  # liquidity, growth inside, owed, range, pool, account
        before = (10**12, 0, 0, 0, 0, 0, 0, lower, 50 if lower == -100 else 1_000, story.pool, account)
        broken = with_other_numbers(story.native, shape, before, (liquidity, *before[1:8], upper, *before[9:]))
        with pytest.raises(InvariantError, match="Z-16"):
            broken.check_invariants()


class TestSource:
    """P-11: an index may read a pool."""

    def index(self, **terms):
        story = Story("product")
        market = story.native.add_spot(3, 0, atoms_per_tick_lot=1, base_atoms_per_lot=1)
        source = {"kind": "pool", "pool": story.pool, "sold": story.coins[0], "bought": story.coins[1], **terms}
        story.native.add_index(market, [source], every_ms=10, lag_ms=0)
        return story, lambda: story.native.market(market)["index"]

    def test_p11_the_price_of_so_many_atoms_rounded_down_once(self):
        story, index = self.index(atoms=10**6, numerator=2, denominator=3)
        story.native.run(10)
        assert index() is None  # an empty pool has no price
        story.act(story.accounts[0], "add_liquidity", 10**9, least=2 * 10**9)
        story.native.run(20)
        assert index() == 2 * 10**6 * 2 // 3
        story.swap(story.accounts[0], 0, 1, 10**7)
        numerator, denominator = story.told()["prices"][1]
        story.native.run(30)
        assert index() == numerator * 10**6 // denominator * 2 // 3

    @pytest.mark.parametrize("form", ["stable", "ranges"])
    def test_p11_every_form_both_ways(self, form):
        story = Story(form).fill()
        story.swap(story.accounts[1], 0, 1, 10**10)
        story.twin.swap(0, 1, 10**10)
        for sold in (0, 1):
            market = story.native.add_spot(3, 0, atoms_per_tick_lot=1, base_atoms_per_lot=1)
            source = {"kind": "pool", "pool": 0, "sold": story.coins[sold], "bought": story.coins[1 - sold]}
            story.native.add_oracle(market, [source | {"atoms": 10**9}], every_ms=10)
            story.native.run(story.native.now_ms + 10)
            numerator, denominator = story.twin.price(sold, 1 - sold)
            assert story.native.market(market)["oracle"] == numerator * 10**9 // denominator

    def test_p11_a_factor_multiplies_it(self):
        story, _ = self.index()
        story.fill()
        rate, market = (story.native.add_spot(3, 0, atoms_per_tick_lot=1, base_atoms_per_lot=1) for _ in range(2))
        story.native.publish(rate, 250, "index")
        source = {"kind": "pool", "pool": 0, "sold": story.coins[0], "bought": story.coins[1], "atoms": 1_000}
        story.native.add_oracle(market, [source | {"factor": ("index", rate), "denominator": 1_000}], every_ms=10)
        story.native.run(10)
        assert story.native.market(market)["oracle"] == 250

    @pytest.mark.parametrize(
        ("field", "value"),
        [("pool", 1), ("pool", None), ("sold", 3), ("bought", 3), ("bought", 1), ("atoms", 0), ("atoms", 2**60 + 1)],
    )
    def test_u7_a_bad_source_is_named(self, field, value):
        story = Story("product")
        market = story.native.add_spot(3, 0, atoms_per_tick_lot=1, base_atoms_per_lot=1)
        source = {"kind": "pool", "pool": 0, "sold": 1, "bought": 0, "atoms": 5, field: value}
        with pytest.raises(InputError) as caught:
            story.native.add_index(market, [source], every_ms=10, lag_ms=0)
        assert caught.value.field == f"source[0].{field}"
