"""Pools in a world (Z-16 .. Z-18): what they take and pay is what the readable pools do, and their accounts say so."""

from __future__ import annotations

import doctest
import random
import re
from pathlib import Path

import numpy as np
import pytest

from engine import InputError, _core
from engine.reference import pools as reference
from engine.reference.digest import DigestKind, digest_of
from engine.testing.worlds import rows_of

SUPPLY, RICH = 10**17, 10**15
POOL_ROW, ACTION_ROW, POOL_MOVEMENT = 23, 19, 20
# Reasons of B-6; a pool's are those of Z-2 + 32.
LACKING, FROZEN, NOTHING, BOUND, NO_SUCH, CLOSED, UNKNOWN_PRICE = 2, 3, 4, 6, 7, 8, 11
EMPTY, BEYOND_POOL, NOTHING_OUT, BELOW_MINIMUM, SHARES_SHORT = 33, 34, 35, 36, 38
FORMS = ("product", "stable", "ranges", "three")


class Story:
    """Open a world of four assets with one pool and two accounts, and the readable pool that must do the same."""

    def __init__(self, form, *, fee_ppm=3_000, **options):
        self.native = _core.World(1, **options)
        self.assets = [self.native.add_asset(SUPPLY) for _ in range(4)]
        count = 3 if form == "three" else 2
        self.coins = self.assets[:count][::-1]  # a coin's number is not its asset's
        if form == "product":
            self.pool = self.native.add_pool("product", self.coins, fee_ppm=fee_ppm)
            self.twin = reference.ConstantProductPool(fee_ppm)
        elif form == "ranges":
            terms = {"fee_ppm": fee_ppm, "tick_spacing": 10}
            self.pool = self.native.add_pool("ranges", self.coins, sqrt_price=reference.sqrt_price_at(7), **terms)
            self.twin = reference.ConcentratedPool(reference.sqrt_price_at(7), **terms)
        else:
            scales = (1, 1, 10)[:count]
            self.pool = self.native.add_pool(
                "stable", self.coins, fee_ppm=fee_ppm, amplification=200, scales=scales if form == "three" else None
            )
            self.twin = reference.StableSwapPool(200, fee_ppm, scales)
        self.form = form
        self.accounts = [self.native.add_accounts() for _ in range(2)]
        for account in self.accounts:
            for asset in self.assets:
                self.native.deposit(account, asset, RICH)

    def balances(self, account):
        return [self.native.balance(account, asset)[0] for asset in self.coins]

    def told(self):
        return self.native.pool(self.pool)

    def act(self, account, kind, atoms=0, **options):
        return self.native.act(account, kind, self.pool, atoms, **options)

    def swap(self, account, sold, bought, atoms, least=0):
        return self.act(account, "swap", atoms, asset=self.coins[sold], other=self.coins[bought], least=least)

    def fill(self):
        """Give the pool its first liquidity, of the first account, in both engines."""
        account = self.accounts[0]
        if self.form == "ranges":
            for lower, upper in ((-1_000, 1_000), (-100, 50), (0, 10)):
                assert self.native.add_range(account, self.pool, lower, upper, 10**12)[0] == 0
                self.twin.add(lower, upper, 10**12, account)
        else:
            amounts = [10**12, 10**12, 10**11][: len(self.coins)]
            assert self.native.add_coins(account, self.pool, amounts)[0] == 0
            self.twin.add(amounts)
        return self

    def agree(self):
        """The pool is its twin, its account has its balances, and what the others have is the rest."""
        self.native.check_invariants()
        told = self.told()
        assert told["balances"] == self.twin.balances == tuple(self.balances(told["account"]))
        for coin in range(1, len(self.coins)):
            price = self.twin.price(0, coin)
            assert (None if told["prices"] is None else told["prices"][coin]) == price
        for coin, asset in enumerate(self.coins):
            held = sum(self.native.balance(account, asset)[0] for account in self.accounts)
            assert held == 2 * RICH - told["balances"][coin]
        if self.form != "ranges":
            assert told["shares"] == self.twin.shares
            locked = 1_000 if self.form == "product" and told["shares"] else 0
            assert sum(self.native.pool_shares(a, self.pool) for a in self.accounts) == told["shares"] - locked


def refusal(outcome):
    return 32 + int(outcome.reason) if outcome.reason else 0


def drawn_step(story, draw):
    """Do one drawn thing to both pools and compare what came of it."""
    account, count = draw.choice(story.accounts), len(story.coins)
    what = draw.random()
    size = draw.choice([1, 7, 10**6, 10**9, 10**11, 10**13])
    if what < 0.6:
        sold, bought = draw.sample(range(count), 2)
        outcome = story.twin.swap(sold, bought, size)
        assert story.swap(account, sold, bought, size) == (refusal(outcome), outcome.amount_in, outcome.amount_out)
    elif story.form == "ranges":
        lower, upper = sorted(draw.sample(range(-60, 60, 10), 2))
        if what < 0.8:
            outcome = story.twin.add(lower, upper, size, account)
            expected = (refusal(outcome), tuple(outcome.amounts))
            assert story.native.add_range(account, story.pool, lower, upper, size) == expected
        else:
            asked = draw.choice([0, size])
            outcome = story.twin.remove(lower, upper, asked, account)
            removed = story.native.remove_range(account, story.pool, lower, upper, asked)
            assert removed == (refusal(outcome), tuple(outcome.amounts), tuple(outcome.fees))
    elif what < 0.8:
        amounts = [draw.choice([0, size, size // 3]) for _ in story.coins]
        if any(amounts):
            outcome = story.twin.add(amounts)
            expected = (refusal(outcome), outcome.shares, tuple(outcome.amounts))
            assert story.native.add_coins(account, story.pool, amounts) == expected
    else:
        shares = min(size, story.native.pool_shares(account, story.pool))
        if shares:
            outcome = story.twin.remove(shares)
            paid, got = (outcome.shares, outcome.amounts[0]) if not outcome.reason else (0, 0)
            assert story.act(account, "remove_liquidity", shares) == (refusal(outcome), paid, got)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_z16_a_pool_of_a_world_does_what_the_readable_pool_does(form, seed):
    story, draw = Story(form, fee_ppm=draw_fee(seed)).fill(), random.Random(seed)
    story.agree()
    for _ in range(150):
        drawn_step(story, draw)
        story.agree()


def draw_fee(seed):
    return (0, 400, 3_000)[seed % 3]


class TestActions:
    def test_z16_what_an_action_pays_and_gets(self):
        story = Story("product")
        first, second = story.accounts
        # isqrt(10^6 * 2 * 10^6) = 1,414,213 shares, 1,000 of them locked
        assert story.act(first, "add_liquidity", 10**6, least=2 * 10**6) == (0, 10**6, 1_413_213)
        # 1,414,213 * 1,000 / 10^6 = 1,414 shares take 1,000 (999.8 up) of coin 0 and 2,000 of coin 1: half stays
        assert story.act(second, "add_liquidity", 1_000, least=4_000) == (0, 1_000, 1_414)
        assert story.balances(second) == [RICH - 1_000, RICH - 2_000]
        assert story.swap(second, 0, 1, 10_000, least=19_000) == (0, 10_000, 19_743)
        assert story.act(second, "remove_liquidity", 1_414, least=1_009)[:2] == (0, 1_414)
        assert story.native.pool_shares(second, story.pool) == 0
        assert story.told()["swap_count"] == 1
        story.native.check_invariants()

    def test_z16_the_quote_is_what_the_swap_gives_and_changes_nothing(self):
        for form in FORMS:
            story = Story(form).fill()
            before = story.native.digest()
            reason, got = story.native.pool_quote(story.pool, story.coins[1], story.coins[0], 10**9)
            assert story.native.digest() == before
            assert (reason, 10**9, got) == story.swap(story.accounts[1], 1, 0, 10**9)

    @pytest.mark.parametrize(
        ("kind", "atoms", "options", "reason"),
        [
            ("swap", 10, {"asset": 3, "other": 0}, NO_SUCH),
            ("swap", 10, {"asset": 0, "other": 3}, NO_SUCH),
            ("swap", 0, {"asset": 0, "other": 0}, NO_SUCH),
            ("swap", 0, {"asset": 0, "other": 1}, NOTHING),
            ("swap", 1, {"asset": 0, "other": 1}, NOTHING_OUT),
            ("swap", 2**61, {"asset": 0, "other": 1}, 32 + 5),
            ("swap", 10**9, {"asset": 0, "other": 1, "least": 10**9}, BELOW_MINIMUM),
            ("swap", RICH, {"asset": 0, "other": 1, "least": RICH}, BELOW_MINIMUM),
            ("swap", 2 * RICH, {"asset": 0, "other": 1}, LACKING),
            ("add_liquidity", 0, {}, NOTHING),
            ("add_liquidity", 0, {"least": 10**9}, NOTHING_OUT),
            ("add_liquidity", 2 * RICH, {"least": 2 * RICH}, LACKING),
            ("remove_liquidity", 0, {}, NOTHING),
            ("remove_liquidity", 5, {}, SHARES_SHORT),
        ],
    )
    def test_z16_reasons_in_their_order_and_nothing_changed(self, kind, atoms, options, reason):
        story = Story("product").fill()
        before = story.native.digest()
        assert story.act(story.accounts[1], kind, atoms, **options) == (reason, 0, 0)
        assert story.native.digest() == before

    def test_z16_what_a_form_does_not_do_is_closed(self):
        for form, kind in (("three", "add_liquidity"), ("ranges", "add_liquidity"), ("ranges", "remove_liquidity")):
            story = Story(form).fill()
            assert story.act(story.accounts[0], kind, 10, least=10) == (CLOSED, 0, 0)

    def test_z16_an_empty_pool_gives_nothing(self):
        for form in FORMS:
            story = Story(form)
            assert story.swap(story.accounts[0], 0, 1, 10) == (EMPTY, 0, 0)
        story = Story("stable")
        assert story.act(story.accounts[0], "add_liquidity", 10) == (EMPTY, 0, 0)
        assert story.told()["prices"] is None

    def test_z16_removal_below_its_least_is_refused(self):
        story = Story("product").fill()
        before = story.native.digest()
        assert story.act(story.accounts[0], "remove_liquidity", 10**6, least=10**6 + 1) == (BELOW_MINIMUM, 0, 0)
        assert story.native.digest() == before
        assert story.act(story.accounts[0], "remove_liquidity", 10**6, least=10**6) == (0, 10**6, 10**6)

    def test_b1_an_account_acts_at_its_own_venue_only(self):
        story = Story("product").fill()
        far = story.native.add_accounts(venue=story.native.add_venue())
        story.native.deposit(far, story.coins[0], 10**6)
        assert story.swap(far, 0, 1, 10**3) == (NO_SUCH, 0, 0)

    def test_b7_coins_that_are_one_accounts_collateral_are_given_one_behind_the_other(self):
        native = _core.World(1)
        usd, coin = native.add_asset(SUPPLY), native.add_asset(SUPPLY)
        whole = native.add_schedule((0,), (100_000,))
        spot = native.add_spot(coin, usd, atoms_per_tick_lot=1, base_atoms_per_lot=1)
        perp = native.add_perpetual(usd, atoms_per_tick_lot=1, maintenance_ppm=50_000, initial=whole)
        native.add_collateral(0, usd)
        native.add_collateral(0, coin, market=spot)
        pool = native.add_pool("product", (coin, usd))
        holder, other = native.add_accounts(mode=3), native.add_accounts(mode=3)
        for account in (holder, other):
            native.deposit(account, usd, 10_000)
            native.deposit(account, coin, 1_000)
        native.publish(spot, 10, "index")
        native.publish(perp, 10)
        native.open_trade(perp, holder, other, 10_000, 10)  # 100,000 of notional: 10,000 of the 20,000 must stay
        assert native.act(holder, "add_liquidity", pool, 600, least=6_000) == (LACKING, 0, 0)  # either alone would do
        assert native.act(holder, "add_liquidity", pool, 500, least=5_000)[0] == 0  # 10,000 stay, exactly
        native.check_invariants()


class TestRanges:
    def test_z17_positions_stand_in_their_order(self):
        story = Story("ranges")
        first, second = story.accounts
        keys = [(-20, 10, second), (0, 10, first), (-20, 10, first), (-20, 0, first), (10, 20, second)]
        for lower, upper, account in keys:
            assert story.native.add_range(account, story.pool, lower, upper, 10**9)[0] == 0
        assert story.native.pool_ranges(story.pool) == [(*key, 10**9) for key in sorted(keys)]
        assert story.native.remove_range(first, story.pool, 0, 10, 10**9)[0] == 0
        assert story.native.remove_range(second, story.pool, -20, 10, 10**9 - 5)[0] == 0
        keys.remove((0, 10, first))
        left = {(-20, 10, second): 5}
        assert story.native.pool_ranges(story.pool) == [(*key, left.get(key, 10**9)) for key in sorted(keys)]
        story.native.check_invariants()

    def test_z17_refusals_change_nothing(self):
        story = Story("ranges").fill()
        poor = story.native.add_accounts()
        before = story.native.digest()
        assert story.native.add_range(poor, story.pool, -10, 20, 10**9) == (LACKING, ())
        assert story.native.add_range(poor, story.pool, -400_000, 400_000, 2**61) == (LACKING, ())  # beyond the bound
        assert story.native.remove_range(poor, story.pool, -10, 20, 0) == (SHARES_SHORT, (), ())
        owner = story.accounts[0]
        assert story.native.remove_range(owner, story.pool, 0, 10, 10**12 + 1) == (SHARES_SHORT, (), ())
        assert story.native.digest() == before

    def test_z14_fees_are_paid_beside_what_is_removed(self):
        story = Story("ranges").fill()
        first, second = story.accounts
        story.swap(second, 0, 1, 10**9)
        before = story.balances(first)
        reason, amounts, fees = story.native.remove_range(first, story.pool, -100, 50, 0)
        assert (reason, amounts, fees[1]) == (0, (0, 0), 0)
        assert 0 < fees[0] <= 10**9 * 3_000 // 10**6
        assert story.balances(first) == [before[0] + fees[0], before[1]]


class TestRecords:
    def test_b9_z17_the_journal_holds_what_was_asked(self):
        story = Story("three").fill()
        account = story.accounts[0]
        story.native.add_coins(account, story.pool, [0, 2 * RICH, 3])  # refused, and there all the same
        story.swap(account, 2, 0, 77, least=5)
        ranges = story.native.add_pool("ranges", story.coins[:2], sqrt_price=2**96, tick_spacing=10)
        story.native.add_range(account, ranges, -10, 20, 999)
        story.native.remove_range(account, ranges, -10, 20, 99)
        names = ("kind", "market", "account", "order_type", "number", "price", "qty")
        table = story.native.journal()
        rows = zip(*(table[name].tolist() for name in names), strict=True)
        swapped = story.coins[2] | story.coins[0] << 16 | account << 32
        assert [row for row in rows if row[0] in (POOL_ROW, ACTION_ROW)][3:] == [
            (POOL_ROW, story.pool, account, 1, 0, 0, 0),
            (POOL_ROW, story.pool, account, 1, 1, 0, 2 * RICH),
            (POOL_ROW, story.pool, account, 1, 2, 0, 3),
            (ACTION_ROW, story.pool, account, 10, swapped, 5, 77),
            (POOL_ROW, ranges, account, 2, 20, -10, 999),
            (POOL_ROW, ranges, account, 3, 20, -10, 99),
        ]

    def test_z16_every_coin_is_a_movement(self):
        story = Story("product")
        story.native.record(movements=True)
        story.fill()
        account, pool = story.accounts[0], story.told()["account"]
        got = story.swap(account, 0, 1, 10**6)[2]
        table = story.native.table("movements")
        names = ("kind", "payer", "receiver", "asset", "atoms")
        rows = list(zip(*(table[name].tolist() for name in names), strict=True))
        assert rows == [
            (POOL_MOVEMENT, account, pool, story.coins[0], 10**12),
            (POOL_MOVEMENT, account, pool, story.coins[1], 10**12),
            (POOL_MOVEMENT, account, pool, story.coins[0], 10**6),
            (POOL_MOVEMENT, pool, account, story.coins[1], got),
        ]

    @pytest.mark.parametrize("form", FORMS)
    def test_z18_the_digest_is_that_of_the_words(self, form):
        story, draw = Story(form).fill(), random.Random(4)
        for _ in range(30):
            drawn_step(story, draw)
        native = story.native
        words = [native.now_ms, *(2 * RICH for _ in story.assets)]
        for account in range(native.account_count):
            for asset in story.assets:
                words += native.balance(account, asset)
        words += [-14, story.twin.digest()]
        if form != "ranges":
            for account in story.accounts:
                shares = native.pool_shares(account, story.pool)
                words += [-15, account, shares] if shares else []
        assert native.digest() == digest_of(DigestKind.WORLD, words)

    @pytest.mark.parametrize("form", FORMS)
    def test_j3_a_restored_world_goes_on_as_the_other(self, form):
        story, draws = Story(form).fill(), (random.Random(9), random.Random(9))
        copy = _core.World.restore(story.native.snapshot())
        assert copy.pool(story.pool) == story.told()
        original = story.native
        twin_state = story.twin
        for draw, world in zip(draws, (original, copy), strict=True):
            story.native = world
            story.twin = twin_state if world is original else Story(form).fill().twin
            for _ in range(40):
                drawn_step(story, draw)
        copy.check_invariants()
        assert copy.digest() == original.digest()
        assert original.fork(seed=3).digest() == copy.digest()


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


def test_y19_a_flash_liquidation_sells_in_the_pool_and_leaves_its_step_as_cause():
    native = _core.World(1)
    usd, coin = native.add_asset(SUPPLY), native.add_asset(SUPPLY)
    market = native.add_spot(coin, usd, atoms_per_tick_lot=1, base_atoms_per_lot=1)
    protocol = native.add_protocol("aave", accrue_ms=0)
    native.add_reserve(protocol, usd, price=(1, 1), lent=True, terms=(0, 0, 0))
    native.add_reserve(protocol, coin, price=(1, 1), market=market, terms=(750_000, 800_000, 50_000))
    pool = native.add_pool("product", (coin, usd))
    rich, borrower, bot = (native.add_accounts() for _ in range(3))
    for account, asset, atoms in ((rich, usd, 10**12), (rich, coin, 10**10), (borrower, coin, 10**6)):
        native.deposit(account, asset, atoms)
    native.publish(market, 100, "oracle")
    assert native.act(rich, "supply", protocol, 10**10, asset=usd)[0] == 0
    assert native.add_coins(rich, pool, [10**9, 90 * 10**9])[0] == 0
    assert native.act(borrower, "supply", protocol, 10**6, asset=coin)[0] == 0
    assert native.act(borrower, "borrow", protocol, 74 * 10**6, asset=usd)[0] == 0
    native.publish(market, 90, "oracle")
    native.run(5)
    before = native.balance(bot, usd)[0]
    assert before == 0
    reason, paid, got = native.act(
        bot, "flash_liquidate", protocol, 30 * 10**6, asset=usd, other=coin, party=borrower, pool=pool
    )
    assert (reason, paid) == (0, 30 * 10**6)
    assert native.balance(bot, usd)[0] == got > 0
    assert native.balance(bot, coin)[0] == 0
    steps = [place for place, row in enumerate(rows_of(native.landmarks())) if row[2] == 6]
    assert native.pool(pool)["cause"] == steps[-1]
    native.check_invariants()


def test_the_code_of_the_page_runs():
    page = (Path(__file__).resolve().parents[2] / "docs" / "pools.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    test = doctest.DocTestParser().get_doctest(block, {}, "pools.md", "pools.md", 0)
    said: list[str] = []
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)
