"""A whale's two layers of debt: built, held, called, unwound, lost; checked after every event."""

from __future__ import annotations

import pytest

from engine import InputError, Side, Simulation
from engine.whale import Whale

MILLION = 10**6
CALL, LIQUIDATE = 750_000, 830_000  # ppm of the lender


class Sea:
    """A lender of USDT against COIN, a protocol that lends USDT against USDe, the token's market, and a whale.

    COIN is 10 at first; 1,000,000 USDe are offered at 1.0000 and as many are bid for at `bid`.
    """

    def __init__(self, *, coins="16666.666667", bid="0.9999", is_priced=True, **options):
        self.sim = sim = Simulation(seed=1)
        world = sim.world
        self.usdt, self.coin, self.usde = (
            sim.asset(name, decimals=6, supply="1e11") for name in ("USDT", "COIN", "USDe")
        )
        self.spot = sim.spot("COIN/USDT", self.coin, self.usdt, tick="0.01", lot="0.01")
        self.peg = sim.spot("USDe/USDT", self.usde, self.usdt, tick="0.0001", lot="0.01")
        self.lender = world.add_protocol("loan", call_ppm=CALL, liquidation_ppm=LIQUIDATE, sale_ms=1_000)
        # a tick is 0.01 USDT a coin
        pawn = {"market": self.spot, "series": "index", "terms": (700_000, 830_000, 0), "sale_market": self.spot}
        world.add_reserve(self.lender, self.coin.number, price=(10_000, MILLION), **pawn)  # a tick is 0.01 USDT a coin
        world.add_reserve(self.lender, self.usdt.number, price=(1, 1), lent=True)
        self.loops_at = world.add_protocol("aave")
        world.add_reserve(self.loops_at, self.usde.number, price=(1, 1), terms=(800_000, 830_000, 40_000))
        world.add_reserve(self.loops_at, self.usdt.number, price=(1, 1), lent=True)
        self.bank = sim.account("bank", USDT="1e8", USDe="1e7", COIN="1e6")
        for protocol in (self.lender, self.loops_at):
            assert world.act(self.bank, "supply", protocol, 10**7 * MILLION, asset=self.usdt.number)[0] == 0
        self.me = sim.account("whale", COIN=coins)
        self.whale = Whale(self.lender, self.loops_at, coins=[self.spot], token=self.peg, **options)
        if is_priced:
            self.price("10")
        sim.place(self.bank, self.peg, Side.SELL, "1.0000", "1000000", at_ms=0)
        self.bid(bid)
        sim.place(self.bank, self.spot, Side.BUY, "1", "500000", at_ms=0)
        sim.add(self.whale, self.me)

    def price(self, price):
        self.sim.publish(self.spot, price, "index")

    def bid(self, price):
        self.sim.place(self.bank, self.peg, Side.BUY, price, "1000000", at_ms=self.sim.world.now_ms)

    def run(self, ms):
        self.sim.run(until_ms=self.sim.world.now_ms + ms, check=True)
        return self

    def has(self, asset):
        return self.sim.world.balance(self.me, asset.number)[0]

    def loan(self, protocol):
        return self.sim.world.loan(self.me, protocol)

    @property
    def looped(self):
        """USDe at the loop and USDT owed there."""
        assets = self.loan(self.loops_at)["assets"]
        return assets.get(self.usde.number, (0, 0))[0], assets.get(self.usdt.number, (0, 0))[1]


# RULEBOOK 6: 100,000 to begin with, loan-to-value 80 %: total and debt after k steps.
LOOPS = [
    (0, 100_000, 0),
    (1, 180_000, 80_000),
    (2, 244_000, 144_000),
    (3, 295_200, 195_200),
    (4, 336_160, 236_160),
    (5, 368_928, 268_928),
]


class TestBuilding:
    @pytest.mark.parametrize(("loops", "total", "debt"), LOOPS)
    def test_the_loop_table(self, loops, total, debt):
        # The coins are worth 166,666.67; 60 % of them is 100,000. Without slippage all of the money is spent.
        sea = Sea(loops=loops, slippage=0).run(5_000)
        assert sea.whale.phase == "hold"
        first = sea.loan(sea.lender)
        assert abs(first["debt_value"] - 100_000 * MILLION) <= 2
        held, owed = sea.looped
        assert abs(held - total * MILLION) <= MILLION // 10  # lots are of 0.01
        assert abs(owed - debt * MILLION) <= MILLION // 10
        assert sea.whale.refused == 0

    def test_what_it_keeps_stays_cash(self):
        sea = Sea(loops=1, slippage=0, keep="0.25").run(5_000)
        assert abs(sea.has(sea.usdt) - 25_000 * MILLION) <= 2
        assert abs(sea.looped[0] - 135_000 * MILLION) <= MILLION // 10

    def test_without_a_price_it_waits(self):
        sea = Sea(slippage=0, is_priced=False).run(5_000)
        assert (sea.whale.phase, sea.whale.refused) == ("build", 0)
        assert sea.loan(sea.lender)["debt_value"] in (0, None)
        sea.price("10")
        sea.run(5_000)
        assert sea.whale.phase == "hold"

    def test_a_fork_goes_on_as_the_original(self):
        sea = Sea(loops=4)
        sea.run(7)
        twin = sea.sim.fork()
        for sim in (twin, sea.sim):
            sim.run(until_ms=5_000, check=True)
        assert twin.world.digest() == sea.sim.world.digest()
        assert sea.whale.phase == "hold"


class TestDefending:
    def test_cash_answers_a_call_and_the_loop_stays(self):
        sea = Sea(loops=3, slippage=0, keep="0.3", safe_ltv="0.6").run(5_000)
        looped = sea.looped
        sea.price("7.90")  # 100,000 of 131,667: 76 %
        sea.run(5_000)
        assert (sea.whale.calls, sea.whale.phase, sea.whale.sold_lots) == (1, "hold", 0)
        assert sea.looped == looped
        loan = sea.loan(sea.lender)
        assert loan["level"] == 0
        assert abs(loan["debt_value"] - loan["collateral_value"] * 6 // 10) <= 2
        assert sea.has(sea.usdt) > 0

    def test_without_cash_the_loop_is_unwound_and_the_lender_repaid(self):
        sea = Sea(loops=3, slippage=0, bid="0.9990").run(5_000)
        sea.price("7.90")
        sea.run(60_000)
        assert sea.whale.calls == 1
        assert sea.whale.phase == "hold"
        assert sea.looped[1] == 0
        loan = sea.loan(sea.lender)
        assert loan["level"] == 0
        assert loan["debt_value"] <= loan["collateral_value"] * 65 // 100 + 2
        # The loop's debt came first, then what the lender needed; what was not needed is still USDe.
        sold = sea.whale.sold_lots * 10_000
        assert sold * 999 // 1_000 >= (195_200 + 14_416) * MILLION
        assert abs(sea.looped[0] + sea.has(sea.usde) + sold - 295_200 * MILLION) <= MILLION // 10

    def test_the_first_layers_call_sells_the_token(self):
        calm, called = Sea(loops=5, bid="0.9950"), Sea(loops=5, bid="0.9950")
        for sea in (calm, called):
            sea.run(5_000)
        called.price("7.90")
        for sea in (calm, called):
            sea.run(60_000)
        last = [sea.sim.world.market(sea.peg)["last"] for sea in (calm, called)]
        assert last == [10_000, 9_950]

    def test_a_fall_too_fast_is_a_forced_sale(self):
        sea = Sea(loops=2, slippage=0).run(5_000)
        sea.price("7.00")  # 100,000 of 116,667: 86 %
        sea.run(60_000)
        assert sea.sim.world.protocol(sea.lender)["liquidations"] >= 1
        assert sea.loan(sea.lender)["assets"].get(sea.coin.number, (0, 0))[0] < 16_666 * MILLION

    def test_with_nobody_to_buy_the_token_it_is_spent_or_waits(self):
        sea = Sea(loops=0, slippage=0, bid="0.0001").run(5_000)
        sea.price("7.90")
        sea.run(60_000)  # it sold 100,000 USDe for ten dollars
        assert sea.whale.phase == "spent"
        assert sea.loan(sea.lender)["level"] == 1

    def test_it_flees_when_the_loops_health_is_thin(self):
        sea = Sea(loops=3, slippage=0, flee_health="1.10").run(60_000)  # health is 1.25 or so: it stays
        assert sea.whale.sold_lots == 0
        thin = Sea(loops=3, slippage=0, flee_health="1.30").run(60_000)
        assert thin.looped[1] == 0
        assert thin.whale.sold_lots > 0


BAD = [
    ({"coins": []}, "coins"),
    ({"coins": ["x"]}, "coins"),
    ({"token": 1}, "token"),
    ({"lender_ltv": 2}, "lender_ltv"),
    ({"loop_ltv": -1}, "loop_ltv"),
    ({"safe_ltv": "x"}, "safe_ltv"),
    ({"loops": -1}, "loops"),
    ({"keep": 2}, "keep"),
    ({"flee_health": -1}, "flee_health"),
    ({"slippage": 3}, "slippage"),
    ({"every_ms": 0}, "every_ms"),
]


@pytest.mark.parametrize(("wrong", "field"), BAD)
def test_bad_input_names_the_argument(wrong, field):
    sea = Sea()
    terms = {"coins": [sea.spot], "token": sea.peg, **wrong}
    with pytest.raises(InputError) as caught:
        Whale(sea.lender, sea.loops_at, **terms)
    assert caught.value.field == field
