"""The pool arbitrageur (A-13): a pool and a book that part company come together again, and nothing is lost."""

from __future__ import annotations

import pytest

from engine import InputError, _core
from engine.testing.worlds import rows_of
from engine.types import Side

SUPPLY, RICH = 10**17, 10**15
LOT, TICK = (
    10**6,
    10**4,
)  # base atoms of a lot; quote atoms of a lot at one tick: a price of 100 is one quote atom for one base atom
SHOCK = 1
THRESHOLD = 0.001


class Story:
    """Open a book at venue 0, a pool of the same coins at venue 1, and an arbitrageur with an account at each.

    The book stands around 100 ticks, `levels` of `lots` each way; the pool holds 10^12 of base at `price` ticks.
    """

    def __init__(self, price=100, *, levels=20, lots=1_000, form="product", base=RICH, quote=RICH, seed=1, **terms):
        self.native = native = _core.World(seed)
        self.quote, self.base = native.add_asset(SUPPLY), native.add_asset(SUPPLY)
        self.far = native.add_venue()
        self.market = native.add_spot(self.base, self.quote, atoms_per_tick_lot=TICK, base_atoms_per_lot=LOT)
        options = {"fee_ppm": 500, "venue": self.far}
        if form == "ranges":
            root = int((price / 100) ** 0.5 * 2**96)
            self.pool = native.add_pool("ranges", (self.base, self.quote), sqrt_price=root, tick_spacing=10, **options)
        else:
            self.pool = native.add_pool(form, (self.quote, self.base), **options)
        self.maker, self.other = (self.account(RICH, RICH) for _ in range(2))
        self.founder, self.outsider = (self.account(RICH, RICH, venue=self.far) for _ in range(2))
        self.hero = self.account(base, quote, venue=self.far)
        if form == "ranges":
            assert native.add_range(self.founder, self.pool, -5_000, 5_000, 5 * 10**12)[0] == 0
        else:
            assert native.add_coins(self.founder, self.pool, [10**10 * price, 10**12])[0] == 0
        for level in range(levels):
            for side in (Side.BUY, Side.SELL):
                native.send_order(self.maker, self.market, side, 100 - side * (level + 1), lots, at_ms=0)
        native.run(5)  # the book stands
        self.terms = {"market": self.market, "pool": self.pool, "wake_every_ms": 100, "threshold": THRESHOLD}
        self.terms |= {"other_account": self.other, **terms}

    def account(self, base, quote, *, venue=0):
        account = self.native.add_accounts(venue=venue)
        for asset, atoms in ((self.base, base), (self.quote, quote)):
            if atoms:
                self.native.deposit(account, asset, atoms)
        return account

    def maker_two(self):
        """Another trader at the book's venue."""
        return self.account(RICH, RICH)

    def begin(self, **options):
        self.number = self.native.add_agents("pool_arbitrage", self.hero, 7, start_ms=10, **self.terms, **options)
        return self

    def run(self, until_ms):
        self.native.run(until_ms, check=True)
        return self

    def touch(self):
        told = self.native.market(self.market)
        return told["best_bid"], told["best_ask"]

    def lot_costs(self):
        """What the pool takes for one lot more, and what it gives for one, in ticks, fee included."""
        native = self.native
        gives = native.pool_quote(self.pool, self.base, self.quote, LOT * 100)[1] / (100 * TICK)
        takes = LOT * 100 / native.pool_quote(self.pool, self.quote, self.base, LOT * 100)[1] * 100
        return takes, gives

    def together(self):
        """Neither way pays: beyond the threshold no lot of the pool can be sold to the bid, nor the other way."""
        bid, ask = self.touch()
        takes, gives = self.lot_costs()
        return takes > bid / (1 + THRESHOLD) * 0.9999 and gives < ask * (1 + THRESHOLD) * 1.0001

    def held(self):
        """Base and quote of both its accounts."""
        return tuple(
            sum(self.native.balance(a, asset)[0] for a in {self.hero, self.other}) for asset in (self.base, self.quote)
        )


@pytest.mark.parametrize(
    ("form", "price"),
    [(form, price) for form in ("product", "ranges") for price in (80, 95, 105, 125)]
    + [("stable", 95), ("stable", 105)],
)
def test_a13_a_pool_and_a_book_come_together_and_the_hero_gains(form, price):
    story = Story(price if form != "stable" else 100, form=form, levels=40, lots=20_000)
    if form == "stable":  # it leans: what is plenty there is cheap
        sold, bought = (story.base, story.quote) if price < 100 else (story.quote, story.base)
        assert story.native.act(story.outsider, "swap", story.pool, 96 * 10**10, asset=sold, other=bought)[0] == 0
    before = story.held()
    assert not story.together()
    story.begin().run(20_000)
    assert story.together()
    base, quote = (now - then for now, then in zip(story.held(), before, strict=True))
    assert abs(base) < LOT * story.native.pool(story.pool)["swap_count"]  # flat: less than a lot a swap is left
    assert quote + base * 1 > 0


def test_a13_within_the_threshold_it_does_nothing():
    story = Story(100).begin().run(5_000)
    assert story.native.pool(story.pool)["swap_count"] == 0
    assert story.native.counts()["trades"] == 0


@pytest.mark.parametrize("price", [90, 110])
def test_a13_the_last_lot_pays_and_one_more_would_not(price):
    story = Story(price, levels=1, lots=10**8, threshold=0.01)
    sells = price < 100
    at = story.touch()[0 if sells else 1]
    worth = at * TICK
    before = story.native.snapshot()
    story.begin().run(300)
    names = ("kind", "account", "qty", "price")
    table = story.native.journal()
    rows = [row for row in zip(*(table[name].tolist() for name in names), strict=True) if row[0] == 19]
    (swap,) = [row for row in rows if row[1] == story.hero][:1]
    given = round(worth / 1.01) if sells else LOT
    sold, bought = (story.quote, story.base) if sells else (story.base, story.quote)
    fresh = _core.World.restore(before)
    count, rest = divmod(swap[2], given)
    assert (rest, count > 100) == (0, True)
    got = [fresh.pool_quote(story.pool, sold, bought, (count + more) * given)[1] for more in (-1, 0, 1)]
    least = LOT if sells else round(worth * 1.01)
    assert got[1] - got[0] >= least > got[2] - got[1]
    assert swap[3] == got[1]  # least: without slippage all that it saw


class TestBounds:
    def first_lots(self, story):
        """Lots of its first order in the book."""
        story.begin().run(250)
        table = story.native.journal()
        names = ("kind", "account", "qty", "side", "price")
        rows = zip(*(table[name].tolist() for name in names), strict=True)
        return next(row[2:] for row in rows if row[0] == 3 and row[1] == story.terms["other_account"])

    def test_a13_no_more_than_stands_at_the_touch(self):
        assert self.first_lots(Story(90, lots=7)) == (7, Side.SELL, 99)
        assert self.first_lots(Story(110, lots=7)) == (7, Side.BUY, 101)

    def test_a13_no_more_than_atoms_max(self):
        assert self.first_lots(Story(90, atoms_max=5 * LOT + 999)) == (5, Side.SELL, 99)
        assert self.first_lots(Story(110, atoms_max=5 * LOT + 999)) == (5, Side.BUY, 101)

    def test_a13_no_more_than_its_own_account_can_give(self):
        assert self.first_lots(Story(110, base=4 * LOT, quote=0)) == (4, Side.BUY, 101)
        lots, side, price = self.first_lots(Story(90, base=0, quote=4_000_000))
        assert (side, price) == (Side.SELL, 99)
        assert lots == 4  # 4 steps of 989,011 quote atoms, and a lot of base costs 900,000 there

    def test_a13_no_more_than_the_other_account_can_bear(self):
        for price, deposits, expected in (
            (90, (3 * LOT + 5, 0), (3, Side.SELL, 99)),
            (110, (0, 3_100_000), (3, Side.BUY, 101)),
        ):
            story = Story(price)
            story.terms["other_account"] = story.other = story.account(*deposits)
            assert self.first_lots(story) == expected

    def test_a13_with_nothing_it_stays_away(self):
        for price, base, quote in ((90, RICH, 0), (110, 0, RICH)):
            story = Story(price, base=base, quote=quote).begin().run(2_000)
            assert story.native.pool(story.pool)["swap_count"] == 0

    def test_a13_one_account_at_one_venue_needs_no_inventory_of_what_it_buys(self):
        story = Story(90)
        here = story.native.add_pool("product", (story.base, story.quote), fee_ppm=500)
        assert story.native.add_coins(story.maker, here, [10**12, 9 * 10**11])[0] == 0
        story.hero = story.account(0, 10**14)
        story.terms |= {"pool": here, "other_account": -1}
        story.pool, story.other = here, story.hero
        story.begin().run(20_000)
        assert story.together()
        assert story.held()[1] > 10**14

    def test_a13_other_assets_may_stand_for_the_markets(self):
        story = Story(100)
        native = story.native
        dollars, late = story.quote, native.account_count
        pool = native.add_pool("product", (dollars, story.base), fee_ppm=500, venue=story.far)
        assert native.account_count == late + 1
        assert native.add_coins(story.founder, pool, [10**12, 2 * 10**12])[0] == 0  # base is half as dear: 50 ticks
        story.terms |= {"pool": pool, "base": story.quote, "quote": story.base}
        story.pool = pool
        story.begin().run(2_000)  # the dollar stands for base: it costs two base atoms, and the book pays 0.99
        assert native.pool(pool)["swap_count"] > 0
        native.check_invariants()


class TestBlocks:
    def story(self, **terms):
        story = Story(90, **terms)
        story.native.set_blocks(story.far, every_ms=12_000, gas_asset=story.quote)
        return story

    def test_b3_one_swap_waits_for_the_block_and_the_order_for_the_swap(self):
        story = self.story().begin().run(11_999)
        assert story.native.blocks(story.far)["waiting"] == 1
        assert story.native.counts()["trades"] == 0
        story.run(12_000)
        assert story.native.pool(story.pool)["swap_count"] == 1
        assert story.native.counts()["trades"] == 0
        story.run(12_005)
        assert story.native.counts()["trades"] == 1

    def test_a13_a_refused_swap_costs_gas_and_no_more(self):
        story = self.story(tip=3).begin()
        before = story.held()
        story.run(1_000)
        native = story.native
        # somebody else takes the gap first
        assert native.act(story.outsider, "swap", story.pool, 6 * 10**10, asset=story.quote, other=story.base)[0] == 0
        story.run(12_050)
        assert native.counts()["trades"] == 0
        assert story.held() == (before[0], before[1] - 150_000 * 3)
        assert native.pool(story.pool)["swap_count"] == 1

    def test_a13_with_slippage_it_goes_through(self):
        story = self.story(slippage=0.5).begin().run(1_000)
        native = story.native
        assert native.act(story.outsider, "swap", story.pool, 10**9, asset=story.quote, other=story.base)[0] == 0
        story.run(12_050)
        assert native.pool(story.pool)["swap_count"] == 2
        assert native.counts()["trades"] > 0


class TestCauses:
    """A maker that follows the last trade carries a shock from the bids to the asks."""

    def shocked(self):
        story = Story(100, levels=10, lots=100).begin()
        maker = {"wake_every_ms": 20, "half_spread": 0.005}
        number = story.native.add_agents("maker", story.maker_two(), 8, **maker)
        story.native.add_quotes(number, story.market, 5_000)
        shock = {"market": story.market, "side": Side.SELL, "qty_lots": 5_900, "start_ms": 500}
        story.native.add_agents("shock", story.maker_two(), 9, **shock)
        return story

    def causes(self, story, market):
        """The causes of a market's trades, in their order."""
        table = story.native.table("trades")
        return [
            cause for at, cause in zip(table["market"].tolist(), table["cause"].tolist(), strict=True) if at == market
        ]

    def shock_of(self, story):
        (shock,) = [place for place, row in enumerate(rows_of(story.native.landmarks())) if row[2] == SHOCK]
        return shock

    def test_a13_the_swap_descends_from_what_moved_the_book(self):
        story = self.shocked().run(499)
        assert story.native.pool(story.pool)["swap_count"] == 0
        while story.native.pool(story.pool)["swap_count"] == 0:
            story.run(story.native.now_ms + 1)
        assert story.native.pool(story.pool)["cause"] == self.shock_of(story)

    def test_a13_the_order_descends_from_what_moved_the_pool(self):
        # Another one carries on what the first brought into the pool, into a book where nothing else happens.
        story = self.shocked()
        native = story.native
        second = native.add_spot(story.base, story.quote, atoms_per_tick_lot=TICK, base_atoms_per_lot=LOT)
        for level in range(10):
            for side in (Side.BUY, Side.SELL):
                native.send_order(story.maker, second, side, 101 - side * (level + 1), 100_000, at_ms=20)
        carrier, at_second = story.account(RICH, RICH, venue=story.far), story.account(RICH, RICH)
        terms = story.terms | {"market": second, "other_account": at_second, "wake_every_ms": 5}
        native.add_agents("pool_arbitrage", carrier, 10, start_ms=50, **terms)
        story.run(499)
        assert self.causes(story, second) == []
        story.run(5_000)
        assert self.causes(story, second)[0] == self.shock_of(story)


@pytest.mark.parametrize("at_ms", [150, 1_234, 12_001])
def test_j3_a_snapshot_in_between_changes_nothing(at_ms):
    def story():
        made = Story(90, lots=50, slippage=0.1)
        made.native.set_blocks(made.far, every_ms=1_000, gas_asset=made.quote)
        return made.begin(latency_ms=20, picture_ms=5, latency_law=("exponential", 30.0))

    straight = story().run(15_000).native
    halfway = story().run(at_ms).native
    restored = _core.World.restore(halfway.snapshot())
    restored.run(15_000, check=True)
    assert restored.digest() == straight.digest()
    assert restored.pool(0) == straight.pool(0)


BOUNDED = ("wake_every_ms", "threshold", "atoms_max", "slippage", "tip")


@pytest.mark.parametrize("price", [80, 125])
@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.parametrize("end", [0, 1])
def test_a13_no_legal_parameter_breaks_a_world(price, name, end):
    value = _core.World.agent_parameters("pool_arbitrage")[name][end]
    story = Story(price, **{name: value})
    story.native.set_blocks(story.far, every_ms=50, gas_asset=story.quote)
    story.begin().run(2_000)
    copy = _core.World.restore(story.native.snapshot())
    copy.run(2_500, check=True)
    story.run(2_500)
    assert copy.digest() == story.native.digest()


class TestInput:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("market", 5), ("pool", 1), ("pool", -1), ("threshold", -0.1), ("slippage", 1.1), ("tip", -1),
            ("atoms_max", 0), ("base", 2), ("quote", 2), ("quote", 1), ("wake_every_ms", 0), ("other_account", 99),
        ],
    )  # fmt: skip
    def test_u7_the_parameter_is_named(self, field, value):
        story = Story()
        story.native.add_perpetual(story.quote, atoms_per_tick_lot=1, maintenance_ppm=0)
        before = story.native.digest()
        with pytest.raises(InputError) as caught:
            story.native.add_agents("pool_arbitrage", story.hero, 7, **{**story.terms, field: value})
        assert caught.value.field == field
        assert story.native.digest() == before

    def test_v8_each_account_at_its_venue(self):
        story = Story()
        perpetual = story.native.add_perpetual(story.quote, atoms_per_tick_lot=1, maintenance_ppm=0)
        for hero, terms, field in (
            (story.maker, {}, "pool"),
            (story.hero, {"other_account": story.founder}, "market"),
            (story.hero, {"other_account": -1}, "market"),
            (story.hero, {"market": perpetual}, "market"),
        ):
            with pytest.raises(InputError) as caught:
                story.native.add_agents("pool_arbitrage", hero, 7, **{**story.terms, **terms})
            assert caught.value.field == field
