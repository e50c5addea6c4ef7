"""Pools in a world (Z-16 .. Z-18): what they take and pay is what the readable pools do, and their accounts say so."""

from __future__ import annotations

import doctest
import random
import re
from pathlib import Path

import pytest
from worldpoolkit import (
    ACTION_ROW,
    BELOW_MINIMUM,
    CLOSED,
    EMPTY,
    FORMS,
    LACKING,
    NO_SUCH,
    NOTHING,
    NOTHING_OUT,
    POOL_MOVEMENT,
    POOL_ROW,
    RICH,
    SHARES_SHORT,
    SUPPLY,
    Story,
    drawn_step,
)

from engine import _core
from engine.reference.digest import DigestKind, digest_of
from engine.testing.worlds import rows_of


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
