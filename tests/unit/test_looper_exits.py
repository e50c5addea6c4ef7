"""Loopers to the atom (A-12): lots of a loop, the way out at several prices, empty books, pools, the landmark."""

from __future__ import annotations

import pytest
from lendkit import BUY, COIN, DOLLAR, SELL, TICKS, Town

from engine import _core
from engine.forest import LandmarkKind
from engine.testing.worlds import landmark_rows

HELD, OWED = 368_928, 268_928  # RULEBOOK 6: five loops of 100,000 at 80 %


class Street(Town):
    """A deep ask at 1, a bid as the story says, and one who loops five times, looking every second."""

    def __init__(self, form="aave", *, bid=9_999, terms=(900_000, 920_000, 40_000), ask=TICKS, **options):
        super().__init__(form, terms=terms, bank=10**7, **options)
        self.world.record(actions=True)
        self.maker = self.trader(usd=10**8, coin=10**8)
        if bid:
            self.quote(BUY, bid)
        self.quote(SELL, ask)
        self.passes(5)

    def quote(self, side, ticks, coins=10**7):
        return self.world.send_order(self.maker, self.market, side, ticks, coins, at_ms=self.world.now_ms)

    def looper(self, **parameters):
        account = self.trader(coin=100_000)
        terms = {"market": self.market, "protocol": self.protocol, "every_ms": 1_000, "slippage_ppm": 0, **parameters}
        self.world.add_agents("looper", account, account, **terms)
        return account

    def stage(self, account):
        return self.world.loopers([account])[account]["stage"]

    def owing(self, account):
        assets = self.loan(account)["assets"]
        return assets.get(self.coin, (0, 0))[0], assets.get(self.usd, (0, 0))[1]

    def has_both(self, account):
        return self.has(account, self.coin), self.has(account, self.usd)

    def totals(self):
        """All coins and dollars of the world, atoms."""
        everybody = range(self.world.account_count)
        return [sum(self.has(account, asset) for account in everybody) for asset in (self.coin, self.usd)]

    def kinds(self, account):
        table = self.world.table("actions")
        rows = zip(table["kind"].tolist(), table["account"].tolist(), strict=True)
        return [kind for kind, who in rows if who == account]


SUPPLY, WITHDRAW, BORROW, REPAY, SWAP = 1, 2, 3, 4, 10


class TestBuilding:
    def test_a12_the_loop_action_by_action(self):
        street = Street()
        account = street.looper()
        street.passes(200)
        assert street.owing(account) == (HELD * COIN, OWED * DOLLAR)
        assert street.has_both(account) == (0, 0)
        assert street.kinds(account) == [SUPPLY, *[BORROW, SUPPLY] * 5]
        lots = street.world.trades()["qty_lots"].tolist()
        assert lots == [80_000, 64_000, 51_200, 40_960, 32_768]

    @pytest.mark.parametrize("slippage", [1_000, 5_000, 49_999])
    def test_a12_what_the_limit_may_cost_is_not_spent_in_full(self, slippage):
        street = Street()
        account = street.looper(slippage_ppm=slippage)
        street.passes(200)
        held = added = 100_000 * COIN
        debt, money = 0, 0
        for _ in range(5):
            borrowed = added * 800_000 // 1_000_000  # at a price of 1
            debt, money = debt + borrowed, money + borrowed
            limit = TICKS + -(-TICKS * slippage // 1_000_000)
            added = money // (limit * 100) * COIN  # whole lots at the limit ...
            money -= added // COIN * TICKS * 100  # ... filled at the ask
            held += added
        assert street.owing(account) == (held, debt)
        assert street.has_both(account) == (0, money)

    def test_a12_the_takers_fee_is_taken_from_the_coins(self):
        town = Town("aave", bank=10**7)
        world = town.world
        market = world.add_spot(
            town.coin, town.usd, atoms_per_tick_lot=100, base_atoms_per_lot=COIN, taker_fee_ppm=1_000
        )
        maker, account = town.trader(coin=10**7), town.trader(coin=100_000)
        world.send_order(maker, market, SELL, TICKS, 10**6, at_ms=0)
        terms = {"protocol": town.protocol, "every_ms": 1_000, "slippage_ppm": 0, "loops": 1}
        world.add_agents("looper", account, 1, market=market, start_ms=5, **terms)
        town.passes(200)
        assert world.loopers([account])[account] == {"stage": "holds", "steps": 1}
        assert town.loan(account)["assets"][town.coin] == (100_000 * COIN + 80_000 * 999_000, 0)
        assert (town.has(account, town.usd), town.has(0, town.coin)) == (0, 80 * COIN)


class TestLeaving:
    @pytest.mark.parametrize("bid", [9_999, 9_900, 9_500])
    def test_a12_out_at_the_bid_to_the_atom(self, bid):
        street = Street(bid=bid)
        account = street.looper(flee_health_ppm=1_200_000)
        before = street.totals()
        street.passes(500)
        assert street.stage(account) == "holds"
        street.falls(9_500)  # 368,928 * 0.95 * 0.92 / 268,928 = 1.199
        street.passes(20_000)
        assert (street.stage(account), street.loan(account)["assets"]) == ("out", {})
        assert street.has_both(account) == (0, HELD * bid * 100 - OWED * DOLLAR)
        assert street.totals() == before
        reserve = street.reserve(street.usd)
        assert (reserve["debt"], reserve["cash"], reserve["deficit"]) == (0, 10**7 * DOLLAR, 0)

    def test_a12_it_withdraws_what_its_health_lets_it_and_no_more(self):
        street = Street()
        account = street.looper(flee_health_ppm=1_300_000)
        street.passes(20_000)
        table = street.world.table("actions")
        names = ("kind", "account", "reason", "paid_atoms", "got_atoms")
        rows = [row for row in zip(*(table[name].tolist() for name in names), strict=True) if row[1] == account]
        assert {row[2] for row in rows} == {0}  # nothing was refused
        claim, debt, cash = HELD * COIN, OWED * DOLLAR, 0
        left = [row for row in rows if row[0] in (WITHDRAW, REPAY)]
        assert [row[0] for row in left[:2]] == [WITHDRAW, REPAY]
        for kind, _, _, paid, got in left:
            if kind == WITHDRAW:
                claim -= got
                cash += got
                assert claim * 920_000 >= debt * 1_000_000
            else:
                debt -= paid
                assert paid <= cash
        assert (claim, debt) == (0, 0)
        # The first: 368,928 - 268,928 / 0.92 coins, at a health of 1.000001.
        first = HELD * COIN - OWED * DOLLAR / 0.92
        assert 0 <= first - left[0][4] < COIN

    @pytest.mark.parametrize("seen", [9_990, 9_989])
    def test_a12_the_peg_is_the_mid_to_half_a_tick(self, seen):
        # Bid 9,980 and ask 10,000: a mid of 9,990, which is not below it; a tick less on the bid is.
        street = Street(bid=2 * seen - TICKS + (seen < 9_990))
        account = street.looper(flee_ticks=9_990)
        street.passes(30_000)
        assert street.stage(account) == ("holds" if seen == 9_990 else "out")

    def test_a12_the_rate_to_the_last_part(self):
        # 5 % at the kink of 90 %: with 9,000,000 of 10,000,000 lent the rate is 5 %, and not above it.
        for more, stage in ((0, "holds"), (1, "leaves")):
            curve = {"price": (1, 1), "lent": True, "curve": (0, 900_000, 50_000, 900_000)}
            street = Street(dollar=curve, bid=None)
            account = street.looper(flee_rate_ppm=50_000, every_ms=50)
            other = street.trader(coin=2 * 10**7)
            assert street.act(other, "supply", 2 * 10**7 * COIN, asset=street.coin)[0] == 0
            street.passes(48)
            owed = street.reserve(street.usd)["debt"]
            street.act(other, "borrow", 9_000_000 * DOLLAR - owed + more * DOLLAR, asset=street.usd)
            street.passes(200)
            assert street.stage(account) == stage

    def test_a12_by_a_call_within_the_initial_ltv_it_goes_at_once(self):
        street = Street("loan", terms=(900_000, 900_000, 0), call_ppm=760_000, liquidation_ppm=950_000)
        account = street.looper()
        street.passes(500)
        assert street.stage(account) == "holds"
        street.falls(9_592)  # 268,928 / 0.76 / 368,928 = 0.95913
        street.passes(500)
        assert street.stage(account) == "holds"
        street.falls(9_591)
        street.passes(900)
        assert street.stage(account) == "out"  # told, not woken: within its second
        assert street.has_both(account) == (0, HELD * 999_900 - OWED * DOLLAR)
        rows = landmark_rows(street.world)
        [(unwind, row)] = [(at, row) for at, row in enumerate(rows) if row[1] == LandmarkKind.UNWIND]
        assert rows[row[5]][1] == LandmarkKind.MARGIN_CALL
        trades = street.world.trades()
        sold = trades["aggressor_side"] == SELL
        assert sold.any()
        assert set(trades["cause"][sold].tolist()) == {unwind}

    def test_a12_the_unwind_names_the_debt_and_whoever_moved_the_touch(self):
        street = Street(bid=None)
        account = street.looper(flee_ticks=9_990)
        street.quote(BUY, 9_999, 1_000)
        street.passes(1)
        seller = street.trader(coin=10**4)
        terms = {"market": street.market, "side": SELL, "qty_lots": 1_000}
        street.passes(500)
        street.quote(BUY, 9_900)
        street.world.add_agents("shock", seller, 9, start_ms=street.world.now_ms + 50, **terms)
        street.passes(20_000)
        rows = landmark_rows(street.world)
        [row] = [row for row in rows if row[1] == LandmarkKind.UNWIND]
        assert (row[4], row[7]) == (account, OWED * DOLLAR)
        assert rows[row[5]][1] == LandmarkKind.SHOCK
        assert street.stage(account) == "out"


class TestEmptyBooks:
    @pytest.mark.parametrize("every_ms", [100, 1_000])
    def test_a12_without_bids_it_waits_and_does_not_spin(self, every_ms):
        street = Street(bid=None)
        account = street.looper(flee_health_ppm=1_300_000, every_ms=every_ms)
        street.passes(5_000)
        assert street.stage(account) == "leaves"
        owing, both = street.owing(account), street.has_both(account)
        events = street.world.run(street.world.now_ms + 100_000, check=True)
        assert events <= 100_000 // every_ms + 1  # it wakes and does no more
        assert (street.owing(account), street.has_both(account)) == (owing, both)
        assert owing[1] == OWED * DOLLAR
        assert sum(coins for coins in (owing[0], both[0])) == HELD * COIN

    def test_a12_a_thin_bid_at_a_time_takes_it_out(self):
        street = Street(bid=None)
        account = street.looper(flee_health_ppm=1_300_000, every_ms=100)
        street.passes(1_000)
        for _ in range(50):
            street.quote(BUY, 9_999, 10_000)
            street.passes(1_000)
        assert (street.stage(account), street.loan(account)["assets"]) == ("out", {})
        trades = street.world.trades()
        sold = int(trades["qty_lots"][trades["aggressor_side"] == SELL].sum())
        # It is out when it has neither debt nor a lot of the coin: a moment without bids is no end.
        assert sold == HELD
        assert street.has_both(account) == (0, sold * 999_900 - OWED * DOLLAR)

    def test_a12_under_water_it_sells_what_it_may_and_stays(self):
        street = Street(bid=7_000)
        account = street.looper(flee_health_ppm=1_300_000)
        street.passes(60_000)
        # All its coins would bring 258,250. What a step repays sets free 0.70 / 0.92 of what that step sold: a series.
        claim, debt = street.owing(account)
        sold = (HELD - OWED / 0.92) / (1 - 0.70 / 0.92)
        assert abs(HELD - claim / COIN - sold) < 10  # steps stop below a lot
        assert street.stage(account) == "leaves"
        assert debt > 0
        assert claim * 920_000 < (debt + 2 * DOLLAR) * 1_000_000
        events = street.world.run(street.world.now_ms + 10_000, check=True)
        assert events <= 11


def swapped(sold, into, amount, fee_ppm):
    """What a pool of x * y pays (Z-5), and its balances afterwards."""
    paying = amount * (1_000_000 - fee_ppm)
    out = into * paying // (1_000_000 * sold + paying)
    return out, sold + amount, into - out


class TestPools:
    FEE = 500

    def pooled(self):
        street = Street()
        street.pool = street.world.add_pool("product", [street.coin, street.usd], fee_ppm=self.FEE)
        amounts = [10**7 * COIN, 10**7 * DOLLAR]
        assert street.world.add_coins(street.maker, street.pool, amounts)[0] == 0
        return street

    def test_a12_in_and_out_through_the_pool(self):
        street = self.pooled()
        account = street.looper(pool=street.pool, flee_health_ppm=1_200_000)
        before = street.totals()
        street.passes(200)
        x, y = 10**7 * COIN, 10**7 * DOLLAR
        held = added = 100_000 * COIN
        debt = 0
        for _ in range(5):
            borrowed = added * 800_000 // 1_000_000
            added, y, x = swapped(y, x, borrowed, self.FEE)
            held, debt = held + added, debt + borrowed
        assert street.owing(account) == (held, debt)
        assert street.has_both(account) == (0, 0)
        assert street.world.pool(street.pool)["balances"] == (x, y)
        street.falls(9_400)
        street.passes(60_000)
        assert (street.stage(account), street.loan(account)["assets"]) == ("out", {})
        coins, dollars = street.has_both(account)
        assert coins == 0
        # Fees both ways, 0.05 % of 268,928 and of 368,000, and the slope of the 100,000 that are sold on top: 1 %.
        assert 98_000 * DOLLAR < dollars < 100_000 * DOLLAR - 300 * DOLLAR
        assert street.totals() == before
        assert street.world.trades()["qty_lots"].tolist() == []
        assert street.kinds(account).count(SWAP) > 5


def test_j3_a_looper_on_its_way_out_through_an_empty_book():
    street = Street(bid=None)
    account = street.looper(flee_health_ppm=1_300_000)
    street.passes(3_000)
    copies = [_core.World.restore(street.world.snapshot()), street.world.fork()]
    order = (street.maker, street.market, BUY, 9_999, 10**7)
    at_ms = street.world.now_ms + 10
    for world in (street.world, *copies):
        world.send_order(*order, at_ms=at_ms)
        world.run(at_ms + 30_000, check=True)
        assert world.loopers([account])[account]["stage"] == "out"
        assert world.digest() == street.world.digest()
