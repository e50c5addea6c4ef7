"""The synthetic dollar's hedger and the arbitrageur of its token, in a world that is checked after every event."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import InputError, Side, Simulation
from engine.policy import Policy
from engine.synthetic import HOUR_MS, MintArbitrageur, SyntheticDollar

MILLION = 10**6
CAP, CLOSED, NO_CASH = 9, 8, 10


class Town:
    """A coin at 100 with a perpetual, an issuer of USDe with its hedger, a listed user, and a street that trades."""

    def __init__(
        self, *, funding=False, reserve="0", policy=None, terms=None, is_quoted=True, is_priced=True, **options
    ):
        self.sim = sim = Simulation(seed=1, liquidation=policy)
        self.usdt, self.coin = (sim.asset(name, decimals=6, supply="1e11") for name in ("USDT", "COIN"))
        self.usde, self.susde = (sim.asset(name, decimals=6, supply="1e10") for name in ("USDe", "sUSDe"))
        self.spot = sim.spot("COIN/USDT", self.coin, self.usdt, tick="0.01", lot="0.01")
        self.perp = sim.perpetual("COIN-PERP", self.usdt, tick="0.01", lot="0.01", maintenance="0.005")
        self.peg = sim.spot("USDe/USDT", self.usde, self.usdt, tick="0.0001", lot="1")
        sim.collateral(0, self.usdt)
        sim.collateral(0, self.coin, market=self.spot)
        if funding:
            rates = {"interest_ppb": 10**7, "clamp_ppb": 10**7}  # 1 % for 8 hours
            sim.world.add_funding(self.perp, every_ms=HOUR_MS, impact_atoms=10**9, sample_ms=60_000, **rates)
        self.desk = sim.account("desk", mode="unified", **({"USDT": reserve} if reserve != "0" else {}))
        self.user, self.street = sim.account("user", USDT="1000000"), sim.account("street", USDT="1e9", COIN="1e7")
        self.issuer = sim.issuer("dollar", self.usdt, self.usde, account=self.desk, staked=self.susde, **(terms or {}))
        self.dollar = SyntheticDollar(self.issuer, self.spot, self.perp, every_ms=1_000, **{"band": 0, **options})
        if is_priced:
            self.price("100")
        if is_quoted:
            self.quote("100")
        sim.add(self.dollar, self.desk)

    def price(self, price):
        for market, series in ((self.spot, "index"), (self.perp, "index"), (self.perp, "mark")):
            self.sim.publish(market, price, series)

    def quote(self, price, lots="200000"):
        """The street trades both ways at one price, an order of either side each time."""
        at_ms = self.sim.world.now_ms + 1
        for market in (self.spot, self.perp):
            tick = market.ticks(price)
            for side, ticks in ((Side.BUY, tick - 1), (Side.SELL, tick)):
                self.sim.world.send_order(self.street, market, side, ticks, market.lots(lots), at_ms=at_ms)

    def act(self, kind, amount, *, by=None):
        return self.sim.world.act(self.user if by is None else by, kind, self.issuer, self.usdt.atoms(amount))

    def run(self, ms):
        self.sim.run(until_ms=self.sim.world.now_ms + ms, check=True)
        return self

    @property
    def hedge(self):
        """Coin and perpetual, lots."""
        lots = self.has(self.coin, self.desk) // 10_000
        return lots, self.sim.world.position(self.desk, self.perp)[0]

    def has(self, asset, account):
        return self.sim.world.balance(account, asset.number)[0]

    def value(self):
        """Backing and liabilities, atoms."""
        lots, cost, _ = self.sim.world.position(self.desk, self.perp)
        worth = self.sim.world.market(self.perp)["mark"] * self.perp.atoms_per_tick_lot
        told = self.sim.world.issuer(self.issuer)
        backing = (
            self.has(self.usdt, self.desk) + self.has(self.coin, self.desk) * worth // 10_000 + lots * worth - cost
        )
        return backing, told["supply"]


class TestHedge:
    def test_a_mint_becomes_coin_and_short(self):
        town = Town()
        assert town.act("mint", 100_000)[0] == 0
        assert town.run(20_000).hedge == (99_999, -99_999)
        assert town.has(town.usdt, town.desk) == MILLION  # of what a lot costs at its limit, 1.005, less is left
        supply = town.sim.world.issuer(town.issuer)
        assert supply["supply"] == supply["minted"] - supply["redeemed"] == 100_000 * MILLION

    def test_cash_is_kept_and_a_redemption_is_the_reverse(self):
        town = Town(cash_share="0.2")
        town.act("mint", 100_000)
        town.run(20_000)
        coin, short = town.hedge
        assert coin == -short
        assert abs(coin - 80_000) < 50
        assert town.act("redeem", 30_000)[0] == NO_CASH
        assert town.act("redeem", 15_000)[0] == 0
        town.run(20_000)
        coin, short = town.hedge
        assert coin == -short
        assert abs(coin - 68_000) < 50  # 80 % of 85,000
        assert town.act("redeem", 15_000)[0] == 0

    def test_within_the_band_it_does_nothing(self):
        town = Town(band="0.01")
        town.act("mint", 100_000)
        town.run(20_000)
        before = town.hedge
        assert before[0] < 99_900  # half a per cent was kept back for the limit: within the band it stays
        town.act("mint", 400)
        assert town.run(20_000).hedge == before
        town.act("mint", 400)
        assert town.run(20_000).hedge != before

    @settings(max_examples=15)
    @given(st.lists(st.integers(6_000, 16_000), min_size=1, max_size=6))
    def test_the_backing_keeps_its_value_whatever_the_coin_does(self, path):
        town = Town(cash_share="0.5")
        town.act("mint", 100_000)
        town.run(20_000)
        before = town.value()
        dust = town.has(town.coin, town.desk) % 10_000
        assert dust == 0
        for ticks in path:
            town.price(f"{ticks / 100}")
            town.run(500)
            assert town.value() == before

    def test_one_order_at_a_time_and_none_beyond_its_most(self):
        town = Town(lots_most=7_000)
        town.act("mint", 100_000)
        town.run(2_000)
        lots = town.sim.world.trades()["qty_lots"].tolist()
        assert max(lots) == 7_000
        assert town.run(60_000).hedge == (99_999, -99_999)

    def test_with_nobody_to_trade_with_it_waits(self):
        town = Town(is_quoted=False)
        town.act("mint", 100_000)
        assert town.run(20_000).hedge == (0, 0)
        assert town.sim.world.counts()["orders"] == 0
        town.quote("100")
        assert town.run(20_000).hedge == (99_999, -99_999)

    def test_without_a_mark_it_waits(self):
        town = Town(is_priced=False)
        town.act("mint", 100_000)
        assert town.run(20_000).hedge == (0, 0)
        assert town.dollar.reserve is None
        town.price("100")
        assert town.run(20_000).hedge == (99_999, -99_999)

    def test_a_fork_trades_on_as_the_original(self):
        town = Town(cash_share="0.1")
        town.act("mint", 100_000)
        town.run(1_003)
        twin = town.sim.fork()
        for sim in (twin, town.sim):
            sim.world.act(town.user, "mint", town.issuer, 50_000 * MILLION)
            sim.run(until_ms=30_000, check=True)
        assert twin.world.digest() == town.sim.world.digest()
        assert town.hedge[0] > 100_000


class TestRewards:
    def test_funding_goes_to_the_vault_and_the_reserve_keeps_its_share(self):
        town = Town(funding=True, reserve="1000", cash_share="0.2", rewards_every_ms=4 * HOUR_MS, rewards_share="0.75")
        town.act("mint", 100_000)
        town.act("stake", 60_000)
        town.sim.run(until_ms=10_000, check=True)
        backing, supply = town.value()
        town.sim.run(until_ms=4 * HOUR_MS - 1_000)
        earned = town.value()[0] - town.value()[1] - (backing - supply)
        assert earned > 0
        town.sim.run(until_ms=4 * HOUR_MS + 10_000, check=True)
        told = town.sim.world.issuer(town.issuer)
        assert told["vault_atoms"] == 60_000 * MILLION + town.dollar.rewarded
        assert town.dollar.rewarded > 0
        # Of the gain since the start three quarters went to the vault; what remains is the reserve's.
        backing, supply = town.value()
        assert supply == told["minted"] - told["redeemed"] == 100_000 * MILLION + town.dollar.rewarded
        gain = town.dollar.reserve + town.dollar.rewarded - 1_000 * MILLION
        assert abs(town.dollar.rewarded - gain * 3 // 4) <= 1
        assert town.sim.world.act(town.user, "unstake", town.issuer, 60_000 * MILLION)[2] == told["vault_atoms"]

    def test_a_loss_is_the_reserves_and_nothing_is_minted(self):
        town = Town(funding=True, reserve="1000", cash_share="0.2", rewards_every_ms=HOUR_MS)
        town.act("mint", 100_000)
        town.sim.run(until_ms=60_000, check=True)
        start = town.dollar.reserve
        town.sim.world.withdraw(town.desk, town.usdt.number, 500 * MILLION)  # a loss, more than an hour's funding
        town.sim.run(until_ms=HOUR_MS + 60_000)
        assert start == 1_000 * MILLION
        assert town.dollar.reserve < start
        assert town.dollar.rewarded == 0


class TestDeleveraging:
    """A long goes bankrupt, and the hedge is what its venue closes it against."""

    def opened(self, **options):
        town = Town(policy=Policy(takeover=0, adl="hyperliquid_adjusted"), cash_share="0.1", reserve="10000", **options)
        sim = town.sim
        town.bear, town.gambler = sim.account("bear", USDT="1e8"), sim.account("gambler", USDT="200")
        town.act("mint", 100_000)
        town.run(20_000)
        town.price("101")
        sim.world.open_trade(town.perp, town.gambler, town.bear, 20_000, 10_100)  # 200 coins, a margin of 1 each
        town.before = town.hedge
        town.price("99.50")
        town.run(10_000)
        assert town.dollar.taken == 20_000
        assert sim.world.position(town.gambler, town.perp)[0] == 0
        return town

    def test_it_stays_naked_and_loses_what_the_coin_falls(self):
        town = self.opened(reopens=False)
        coin, short = town.hedge
        assert short == town.before[1] + 20_000
        assert coin - town.dollar.naked == -short
        at_adl = town.value()[0]
        town.price("89.50")
        town.run(10_000)
        assert at_adl - town.value()[0] == town.dollar.naked * 10 * MILLION // 100
        assert 19_990 < town.dollar.naked <= 20_000  # what the deleveraging cost was raised by selling some of it

    def test_naked_coin_is_sold_first(self):
        town = self.opened(reopens=False, band="0.002")
        town.quote("99.50")
        assert town.act("redeem", 8_000)[0] == 0
        town.run(10_000)
        coin, short = town.hedge
        assert short == town.before[1] + 20_000  # no short was bought back
        assert coin < town.before[0]
        assert town.dollar.naked == coin + short

    def test_it_sells_the_short_again(self):
        town = self.opened(reopens=True)
        assert town.hedge[0] == -town.hedge[1]
        assert town.dollar.naked == 0
        at_adl = town.value()[0]
        town.price("80")
        town.run(500)
        assert town.value()[0] == at_adl


class TestArbitrage:
    """USDe at 0.98 is bought and redeemed, at 1.02 minted and sold."""

    def opened(self, *, terms=None, **options):
        town = Town(terms={"listed": None, **(terms or {})}, cash_share="0.5")
        sim = town.sim
        town.arb = MintArbitrageur(town.issuer, town.peg, **options)
        town.arbs = sim.account("arbitrageur", USDT="10000")
        town.act("mint", 500_000)
        town.run(20_000)
        sim.add(town.arb, town.arbs, watches=[town.peg], latency_ms=3)
        return town

    def peg(self, town, side, price, quantity):
        town.sim.place(town.user, town.peg, side, price, quantity, at_ms=town.sim.world.now_ms + 1)
        return town.run(1_000)

    def test_below_it_buys_and_redeems(self):
        town = self.opened(edge="0.005")
        self.peg(town, Side.SELL, "0.9800", "30000")
        assert town.sim.world.market(town.peg)["best_ask"] is None
        assert town.arb.redeemed == 30_000 * MILLION
        assert town.has(town.usdt, town.arbs) == (10_000 + 600) * MILLION
        assert town.has(town.usde, town.arbs) == 0

    def test_above_it_mints_and_sells(self):
        town = self.opened(edge="0.005")
        self.peg(town, Side.BUY, "1.0200", "30000")
        assert town.sim.world.market(town.peg)["best_bid"] is None
        assert town.arb.minted == 30_000 * MILLION
        assert town.has(town.usdt, town.arbs) == (10_000 + 600) * MILLION

    @pytest.mark.parametrize(("side", "price"), [(Side.SELL, "0.9960"), (Side.BUY, "1.0040")])
    def test_within_its_edge_it_does_nothing(self, side, price):
        town = self.opened(edge="0.005")
        self.peg(town, side, price, "100")
        assert town.has(town.usdt, town.arbs) == 10_000 * MILLION
        assert town.arb.minted == town.arb.redeemed == town.arb.refused == 0

    def test_a_cap_makes_it_wait_for_the_next_window(self):
        town = self.opened(terms={"redeem_cap": "5000", "cap_ms": 100_000}, retry_ms=10_000)
        self.peg(town, Side.SELL, "0.9000", "8000")
        assert town.arb.redeemed == 5_000 * MILLION
        assert town.arb.refused >= 1
        assert town.has(town.usde, town.arbs) == 3_000 * MILLION
        town.sim.run(until_ms=115_000, check=True)
        assert town.arb.redeemed == 8_000 * MILLION

    def test_an_outage_leaves_the_price_where_it_is(self):
        town = self.opened(terms={"outages": [(20_500, 40_000)]}, retry_ms=5_000)
        self.peg(town, Side.BUY, "1.0500", "1000")
        assert (town.arb.minted, town.arb.refused) == (1_000 * MILLION, 0)
        town.run(500)
        self.peg(town, Side.BUY, "1.0500", "1000")
        assert (town.arb.minted, town.arb.refused) == (1_000 * MILLION, 1)
        town.sim.run(until_ms=50_000, check=True)
        assert town.arb.minted == 2_000 * MILLION

    def test_who_is_not_listed_is_refused(self):
        town = self.opened(terms={"listed": [3]})
        self.peg(town, Side.BUY, "1.0500", "10")
        assert (town.arb.minted, town.arb.refused) == (0, 1)

    def test_what_it_cannot_sell_it_redeems(self):
        town = self.opened(edge="0.001")
        sim, at_ms = town.sim, town.sim.world.now_ms + 1
        ticket = sim.place(town.user, town.peg, Side.BUY, "1.0500", "100", at_ms=at_ms)
        sim.cancel(ticket, at_ms=at_ms + 8)  # it saw the bid, and minted
        town.run(1_000)
        assert (town.arb.minted, town.arb.redeemed) == (100 * MILLION, 100 * MILLION)
        assert town.has(town.usdt, town.arbs) == 10_000 * MILLION


BAD_DOLLARS = [
    ({"issuer": 0}, "issuer"),
    ({"spot": "peg"}, None),
    ({"spot": "perp"}, "spot"),
    ({"perp": "spot"}, "perp"),
    ({"every_ms": 0}, "every_ms"),
    ({"cash_share": 2}, "cash_share"),
    ({"slippage": -1}, "slippage"),
    ({"lots_most": 0}, "lots_most"),
    ({"reopens": 1}, "reopens"),
    ({"rewards_every_ms": -1}, "rewards_every_ms"),
    ({"band": "x"}, "band"),
]


class TestInput:
    @pytest.mark.parametrize(("wrong", "field"), BAD_DOLLARS)
    def test_the_hedger_names_the_argument(self, wrong, field):
        town = Town()
        terms = {"issuer": town.issuer, "spot": town.spot, "perp": town.perp}
        terms.update(
            {
                key: getattr(town, value) if isinstance(value, str) and key in terms else value
                for key, value in wrong.items()
            }
        )
        with pytest.raises(InputError) as caught:
            SyntheticDollar(terms.pop("issuer"), terms.pop("spot"), terms.pop("perp"), **terms)
        assert caught.value.field == (field or "perp")  # lots of another size

    def test_the_arbitrageur_names_the_argument(self):
        town = Town()
        for arguments, options, field in (
            ((0, town.peg), {}, "issuer"),
            ((town.issuer, town.spot), {}, "market"),
            ((town.issuer, town.peg), {"edge": "2"}, "edge"),
            ((town.issuer, town.peg), {"lots_most": 0}, "lots_most"),
            ((town.issuer, town.peg), {"retry_ms": 0}, "retry_ms"),
        ):
            with pytest.raises(InputError) as caught:
                MintArbitrageur(*arguments, **options)
            assert caught.value.field == field
