"""A synthetic dollar earns funding, loses a fifth of its hedge to auto-deleveraging, and then the coin falls by 10 %.

A billion tokens are minted; the issuer buys 250,000 ETH at 4,000 and sells as many perpetuals: whatever ETH does, the
backing is a billion. Longs pay funding, which goes to those who staked. Then a long of 50,000 ETH goes bankrupt at
4,000 with nobody to buy from it; its venue closes it against the best short there is, the hedge. With 50,000 ETH naked
a fall by 400 loses 20 million, 2 % of the supply; the reserve bears it. Who sells the short again at once loses little.
"""

from __future__ import annotations

from decimal import Decimal

from engine import Side, Simulation
from engine.policy import Policy
from engine.synthetic import HOUR_MS, SyntheticDollar

MINUTE_MS, WEEK_MS = 60_000, 7 * 24 * HOUR_MS
MINTED = 10**9
RESERVE = 62_000_000
NAKED = 50_000  # ETH: a fifth of the hedge


class Story:
    """The venue, its people and the dollar, with one thing left open: whether the hedge is sold again."""

    def __init__(self, *, reopens: bool) -> None:
        self.sim = sim = Simulation(seed=6, liquidation=Policy(takeover=0, adl="hyperliquid_adjusted"))
        self.usdt, self.eth = sim.asset("USDT", decimals=6, supply="1e12"), sim.asset("ETH", decimals=6, supply="1e9")
        self.usde, self.susde = (sim.asset(name, decimals=6, supply="1e11") for name in ("USDe", "sUSDe"))
        self.spot = sim.spot("ETH/USDT", self.eth, self.usdt, tick="0.01", lot="0.01")
        self.perp = sim.perpetual("ETH-PERP", self.usdt, tick="0.01", lot="0.01", maintenance="0.005")
        sim.collateral(0, self.usdt)
        sim.collateral(0, self.eth, market=self.spot)
        sim.world.add_funding(self.perp, every_ms=8 * HOUR_MS, impact_atoms=10**10, sample_ms=MINUTE_MS)

        treasury = sim.account("treasury", mode="unified", USDT=RESERVE)
        self.prime = sim.account("prime", USDT=MINTED)
        self.issuer = sim.issuer(
            "dollar",
            self.usdt,
            self.usde,
            account=treasury,
            listed=[self.prime],
            staked=self.susde,
            cooldown_ms=WEEK_MS,
        )
        self.dollar = SyntheticDollar(
            self.issuer, self.spot, self.perp, every_ms=MINUTE_MS, cash_share="0.062", band=0, reopens=reopens
        )
        self.street = sim.account("street", USDT="1e10", ETH="1e6")
        self.longs, self.bear = sim.account("longs", USDT="1e10"), sim.account("bear", USDT="1e10")
        self.gambler = sim.account("gambler", USDT=40 * NAKED)
        self.price("4000")
        sim.place(self.street, self.spot, Side.SELL, "4000", "300000", at_ms=0)
        sim.place(self.longs, self.perp, Side.BUY, "4000", "250000", at_ms=0)
        sim.place(self.street, self.perp, Side.SELL, "4001", "1000", at_ms=0)
        sim.place(self.street, self.perp, Side.BUY, "3990", "100000", at_ms=0)
        sim.add(self.dollar, treasury)
        self.rows: list[tuple[str, Decimal, Decimal, Decimal]] = []

    def price(self, price: str) -> None:
        """Publish what everything is worth."""
        for market, series in ((self.spot, "index"), (self.perp, "index"), (self.perp, "mark")):
            self.sim.publish(market, price, series)

    def act(self, kind: str, amount: int) -> tuple[int, int, int]:
        """Let the prime broker act at the issuer."""
        return self.sim.world.act(self.prime, kind, self.issuer, self.usdt.atoms(amount))

    def note(self, what: str) -> None:
        """Note the supply, the backing and the short; the supply must be what was minted less what was redeemed."""
        world, told = self.sim.world, self.sim.world.issuer(self.issuer)
        assert told["supply"] == told["minted"] - told["redeemed"]
        lots, cost, _ = world.position(self.issuer.account, self.perp)
        coin = world.balance(self.issuer.account, self.eth.number)[0]
        mark = Decimal(world.market(self.perp)["mark"]) * self.perp.price.step
        pnl = lots * mark * self.perp.quantity.step - self.usdt.grid.value(cost)
        cash = self.usdt.grid.value(world.balance(self.issuer.account, self.usdt.number)[0])
        value = cash + self.eth.grid.value(coin) * mark + pnl
        self.rows.append((what, self.usde.grid.value(told["supply"]), value, lots * self.perp.quantity.step))

    def run(self) -> None:
        """Tell it."""
        sim = self.sim
        assert self.act("mint", MINTED)[0] == 0
        sim.run(until_ms=10 * MINUTE_MS, check=True)
        assert self.act("stake", MINTED // 2)[0] == 0
        self.note("minted and hedged")
        sim.run(until_ms=24 * HOUR_MS + MINUTE_MS)
        self.note("a day of funding")
        self.price("4040")
        sim.world.open_trade(self.perp, self.gambler, self.bear, self.perp.lots(NAKED), self.perp.ticks("4040"))
        self.price("3990")  # 40 a coin were its margin: it is bankrupt at 4,000
        sim.run(until_ms=24 * HOUR_MS + 10 * MINUTE_MS, check=True)
        self.note("a fifth deleveraged")
        self.price("3600")
        sim.run(until_ms=24 * HOUR_MS + 20 * MINUTE_MS, check=True)
        self.note("10 % lower")
        sim.place(self.street, self.spot, Side.BUY, "3600", "100000", at_ms=sim.world.now_ms + 1)
        sim.place(self.street, self.perp, Side.SELL, "3600", "100000", at_ms=sim.world.now_ms + 1)
        assert self.act("redeem", 100_000_000)[0] == 10  # there is not so much cash
        assert self.act("redeem", 40_000_000)[0] == 0
        sim.run(until_ms=24 * HOUR_MS + 40 * MINUTE_MS, check=True)
        self.note("40 million redeemed")


stories = {"stays naked": Story(reopens=False), "sold again": Story(reopens=True)}
for story in stories.values():
    story.run()
print(f"{'':20} {'stays naked':^36}   {'sold again':^36}")
titles = "    supply     backing  short, ETH"
print(f"{'million USDT':20} {titles}   {titles}")
for left, right in zip(*(story.rows for story in stories.values()), strict=True):
    cells = "   ".join(f"{row[1] / 10**6:10.3f}  {row[2] / 10**6:10.3f}  {row[3]:10,.0f}" for row in (left, right))
    print(f"{left[0]:20} {cells}")

losses = {name: story.rows[1][2] - story.rows[3][2] for name, story in stories.items()}
for name, loss in losses.items():
    share = 100 * loss / stories[name].rows[3][1]
    print(f"{name}: {loss / 10**6:.3f} million lost, {share:.2f} % of the supply, to a reserve of {RESERVE // 10**6}")
assert losses == {"stays naked": NAKED * (4000 - 3600), "sold again": NAKED * (4000 - 3990)}
for name, story in stories.items():
    shorts = [row[3] for row in story.rows]
    assert story.dollar.taken == NAKED * 100  # lots of 0.01
    assert shorts[2] - shorts[1] == (NAKED if name == "stays naked" else 0)
    assert shorts[3] == shorts[2]
    assert 250_000 <= -shorts[1] < 250_100  # rewards were hedged too
income = stories["stays naked"].dollar.rewarded
yearly = 100 * 365 * income / 10**6 / MINTED
print(f"to the vault in a day: {income / 10**6:,.0f} USDe, {yearly:.2f} % of the supply a year")
