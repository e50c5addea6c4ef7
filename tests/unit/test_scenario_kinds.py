"""Every kind of population, every rule of a maker and every kind of venue is built from a file and runs."""

from __future__ import annotations

import pytest
from scenariokit import SMALL, changed

from engine import InputError
from engine.lineage import LandmarkKind
from engine.scenario import Scenario
from engine.scenario.crowds import POPULATION_KINDS
from engine.scenario.populations import BUILDERS

BRINGS = 'brings = { EUR = "1M", COIN = "100k" }\n'

# One population of each kind that SMALL has not; each acts within ten seconds.
KINDS = {
    "zero-intelligence": 'market = "COIN/EUR"\nlimit_rates = ["2/s", "1/s"]\nmarket_rate = "1/s"\n'
    'cancel_rates = ["0.1/s", "0.1/s"]\nqty = "integers(1, 50)"\n',
    "poisson-orders": 'market = "COIN/EUR"\nrate = "5/s"\nside = "buy"\nqty = 10\n',
    "hawkes-orders": 'market = "COIN-PERP"\nmu = "2/s"\nalpha = "1/s"\nbeta = "2/s"\nqty = "uniform(1, 20)"\n',
    "momentum": 'market = "COIN-PERP"\nlookback = "1s"\nthreshold = "0.1%"\nhold = "1s"\nqty = "integers(5, 10)"\n'
    'wake_every = "100ms"\n',
    "crowd": 'on = { COIN-PERP = 1 }\nnotional = "pareto(20, 2)"\nleverage = "uniform(2, 4)"\n'
    'rest = ["shorts"]\nlong = 0.9\n'
    'stop_loss = { distance = "uniform(0.1%, 1%)" }\n',
    "arbitrageur": 'on = ["COIN/EUR", "COIN-PERP"]\nthreshold = "5bps"\nqty = "1 COIN"\n'
    'wake_every = "exponential(50ms)"\n',
    "value": 'market = "COIN/EUR"\nfair = "uniform(10.5, 11)"\nthreshold = "1%"\nqty = "100 EUR"\n'
    'wake_every = "200ms"\n',
    "hedgers": 'on = ["COIN/EUR", "COIN-PERP"]\nqty = "5 COIN"\nrest = "opener"\nreact = "50ms"\ntolerance = 2\n',
    "bots": 'lender = "pool"\non = "COIN/EUR"\nevery = "exponential(100ms)"\nleast_gain = "10bps"\n',
    "loopers": 'lender = "pool"\non = "COIN/EUR"\nltv = "uniform(0.5%, 1%)"\nloops = 2\nstart = "3s"\n',
    "pool-arbitrageurs": 'pool = "pool"\non = "COIN/EUR"\nthreshold = "10bps"\nmost = "uniform(10, 20)"\n',
    "python": 'on = ["COIN/EUR"]\nagent = "scenarioagents:Buyer"\nparameters = { lots = 5 }\n',
}


# A lender that sees a fall which the book does not see, and loops that do not stand it.
LENDER = """
[oracles.lender]
kind = "oracle"
market = "COIN/EUR"
sources = [{ kind = "path", at = ["0ms", "2s"], prices = ["10.000", "8.500"] }]

[lenders.pool]
form = "aave"
collateral = { COIN = { ltv = "75%", threshold = "78%", bonus = "5%" } }
borrow = { EUR = "free" }
oracle = { COIN = { market = "COIN/EUR" } }
supplied = { opener = "50k EUR" }

[populations.weak]
kind = "loopers"
count = 5
lender = "pool"
on = "COIN/EUR"
ltv = "75%"
built = true
brings = { COIN = "100" }
"""


# A pool that is dearer than the book.
POOL = """
[pools.pool]
form = "product"
assets = ["COIN", "EUR"]
supplied = { opener = { COIN = "1000", EUR = "11000" } }
"""


def with_kind(kind, more="", count=2):
    link = 'link = { base = "1ms", jitter = "exponential(2ms)" }'
    head = f'\n[populations.new]\nkind = "{kind}"\ncount = {count}\n{link}\n'
    head = (LENDER if kind in ("bots", "loopers") else POOL if kind == "pool-arbitrageurs" else "") + head
    return SMALL + head + more + ("" if kind == "crowd" else BRINGS)  # its members bring their margin


def ran(scenario, until_ms=10_000):
    sim = scenario.simulation()
    sim.world.run(until_ms)
    sim.world.check_invariants()
    return sim


def placed(sim, population):
    """Return how many orders the members of a population have sent."""
    members = {number for number, name in sim.accounts.items() if name.split(" ")[0] == population}
    journal = sim.world.journal()
    return sum(
        kind == 3 and account in members
        for kind, account in zip(journal["kind"].tolist(), journal["account"].tolist(), strict=True)
    )


class TestKinds:
    def test_every_kind_has_a_builder_and_a_file_here(self):
        assert set(BUILDERS) == set(POPULATION_KINDS)
        here = {name for name in POPULATION_KINDS if f'kind = "{name}"' in SMALL} | set(KINDS)
        assert here | {"borrowers"} == set(POPULATION_KINDS)  # which do nothing: test_scenario_populations.py

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_acts_and_is_the_same_when_it_is_written_and_read(self, kind):
        scenario = Scenario.from_toml(with_kind(kind, KINDS[kind]))
        sim = ran(scenario)
        assert placed(sim, "new") > 0
        again = ran(Scenario.from_toml(scenario.to_toml()))
        assert again.world.digest() == sim.world.digest()

    def test_an_array_of_python_agents_acts_together(self):
        text = with_kind("python", 'on = ["COIN/EUR"]\nagent = "scenarioagents:Crowd"\n', count=5)
        assert placed(ran(Scenario.from_toml(text), 3_500), "new") == 15  # five members, three seconds

    @pytest.mark.parametrize(
        ("agent", "parameters", "said"),
        [
            ("scenarioagents:Nobody", "{}", "populations.new.agent: expected a class that can be imported"),
            ("no_such_module:Buyer", "{}", "populations.new.agent: expected a class that can be imported"),
            ("scenarioagents:Buyer", "{ loots = 5 }", "populations.new.parameters: expected what scenarioagents:Buyer"),
        ],
    )
    def test_a_python_agent_that_cannot_be_made_is_told(self, agent, parameters, said):
        text = with_kind("python", f'on = ["COIN/EUR"]\nagent = "{agent}"\nparameters = {parameters}\n')
        with pytest.raises(InputError, match=said):
            Scenario.from_toml(text).simulation()


class TestMakers:
    """SMALL falls at five seconds: makers with a rule leave then, and quote until then."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"leaves.volatility": "0.3%", "leaves.drawdown": "0%"},
            {"leaves.inventory": "20%", "leaves.drawdown": "0%"},
            {"leaves.margin_ratio": "50%", "leaves.drawdown": "0%", "brings": {"EUR": "50k", "COIN": "1M"}},
            {"leaves.latency": "4ms", "leaves.drawdown": "0%"},
            {"leaves.drawdown": "uniform(0.3%, 0.6%)", "leaves.sides": "both"},
            {"leaves.drawdown": "0.5%", "mass_quotes": True},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_every_rule_fires(self, changes):
        scenario = Scenario.from_toml(SMALL).but({f"populations.makers.{path}": each for path, each in changes.items()})
        sim = ran(scenario, 20_000)
        kinds = sim.world.landmarks()["kind"].tolist()
        assert kinds.count(LandmarkKind.WITHDRAWAL) > 0

    def test_sides_both_takes_the_asks_off_too(self):
        def asks(sides):
            scenario = Scenario.from_toml(SMALL).but({"populations.makers.leaves.sides": sides})
            sim = ran(scenario, 6_500)
            makers = {number for number, name in sim.accounts.items() if name.startswith("makers")}
            return sum(order.owner in makers and order.side < 0 for m in (0, 1) for order in sim.world.orders(m))

        assert asks("bids") > asks("both") == 0

    def test_mass_quotes_are_one_message(self):
        one, many = (
            ran(Scenario.from_toml(SMALL).but({"populations.makers.mass_quotes": mass}), 3_000).world.counts()
            for mass in (True, False)
        )
        assert one["mass_quotes"] > many["mass_quotes"] == 0
        assert one["orders"] > 0

    def test_they_come_back_with_less_and_wider(self):
        changes = {"returns.after": "2s", "returns.size": "25%", "returns.spread": 3, "returns.spread_decay": "1s"}
        scenario = Scenario.from_toml(SMALL).but({f"populations.makers.{path}": each for path, each in changes.items()})
        kinds = ran(scenario, 20_000).world.landmarks()["kind"].tolist()
        assert kinds.count(LandmarkKind.RETURN) > 0

    def test_avellaneda_stoikov_quotes(self):
        stoikov = (
            'mode = "avellaneda-stoikov"\nrisk_aversion = 0.01\ndecay = 0.2\nsigma = 4\nhorizon = "10s"\nsize = 100\n'
        )
        sim = ran(Scenario.from_toml(with_kind("market-maker", f'on = ["COIN/EUR"]\n{stoikov}')))
        assert placed(sim, "new") > 0

    @pytest.mark.parametrize("field", ["risk_aversion", "decay", "sigma", "horizon"])
    def test_avellaneda_stoikov_needs_its_four_parameters(self, field):
        given = {"risk_aversion": 0.01, "decay": 0.2, "sigma": 4, "horizon": "10s"}
        given.pop(field)
        changes = {"populations.makers.mode": "avellaneda-stoikov"}
        changes |= {f"populations.makers.{name}": value for name, value in given.items()}
        with pytest.raises(InputError, match=f"populations.makers.{field}: expected a value"):
            Scenario.from_toml(SMALL).but(changes)

    def test_what_a_maker_sees_may_be_late(self):
        late = {"populations.makers.picture": {"base": "20ms", "jitter": "lognormal(5ms, 0.5)"}}
        sims = [ran(Scenario.from_toml(SMALL).but(each), 8_000) for each in ({}, late)]
        assert sims[0].world.digest() != sims[1].world.digest()


TWO = """
[venues.dex]
liquidation = { stage = "50%", stage_min = 1, every = "2s" }
gateway = { service = "500us" }

[markets.COIN-DEX]
kind = "spot"
venue = "dex"
base = "COIN"
quote = "EUR"
tick = "0.01"
lot = "0.01"
price = "10.00"
maker_fee = "1bps"
taker_fee = "5bps"

[markets.COIN-SWAP]
kind = "perp"
venue = "dex"
settle = "EUR"
tick = "0.01"
lot = "0.01"
price = "10.00"
maintenance = "5%"

[oracles.swap-index]
kind = "index"
market = "COIN-SWAP"
source = "COIN-DEX"

[oracles.swap-mark]
kind = "mark"
market = "COIN-SWAP"

[populations.dex-makers]
kind = "market-maker"
count = 2
on = ["COIN-DEX", "COIN-SWAP"]
size = "5k EUR"
half_spread = "20bps"
brings = { EUR = "10M", COIN = "1M" }

[populations.between]
kind = "arbitrageur"
on = ["COIN/EUR", "COIN-DEX"]
threshold = "15bps"
qty = "5 COIN"
brings = { EUR = "1M", COIN = "100k" }

[populations.sellers]
kind = "account"
venue = "dex"
brings = { EUR = "10M" }

[populations.buyers]
kind = "holders"
count = 20
long = "COIN-SWAP"
notional = "2k"
leverage = "uniform(12, 19)"
rest = "sellers"

[events.dex-fall]
kind = "shock"
market = "COIN-SWAP"
at = "4s"
sell = "2M EUR"
over = "4s"
brings = { EUR = "10M" }

[events.dex-opening]
kind = "orders"
brings = { EUR = "1000", COIN = "1000" }
rows = [
    ["0ms", "COIN-DEX", "buy", "9.99", "1"],
    ["0ms", "COIN-DEX", "sell", "10.01", "1"],
    ["0ms", "COIN-SWAP", "buy", "9.99", "1"],
    ["0ms", "COIN-SWAP", "sell", "10.01", "1"],
]
"""


@pytest.fixture(scope="module")
def two():
    return ran(Scenario.from_toml(SMALL + TWO), 20_000)


class TestVenues:
    def test_an_arbitrageur_trades_at_both_venues(self, two):
        here, there = (
            next(n for n, name in two.accounts.items() if name == each) for each in ("between", "between there")
        )
        assert two.world.balance(here, 0) != two.world.balance(there, 0)
        trades = two.world.trades()
        for account, market in ((here, "COIN/EUR"), (there, "COIN-DEX")):
            sides = (trades["taker_account"] == account) & (trades["market"] == two.markets[market].number)
            assert sides.sum() > 0

    def test_each_venue_has_its_own_accounts_and_fees(self, two):
        assert "fees of dex" in two.accounts.values()
        fees = next(number for number, name in two.accounts.items() if name == "fees of dex")
        assert two.world.balance(fees, 0)[0] > 0

    def test_each_venue_liquidates_by_its_own_rule(self, two):
        journal = two.world.landmarks()
        on_swap = journal["market"] == two.markets["COIN-SWAP"].number
        steps = journal["time_ms"][on_swap & (journal["kind"] == LandmarkKind.STEP)]
        assert len(steps) > 0
        account = journal["account"][on_swap & (journal["kind"] == LandmarkKind.STEP)]
        own = [steps[account == each] for each in set(account.tolist())]
        gaps = {int(gap) for times in own for gap in (times[1:] - times[:-1])}
        assert all(gap % 2_000 == 0 for gap in gaps)

    def test_a_gateway_makes_messages_wait(self):
        def orders_by_a_second(service):
            scenario = Scenario.from_toml(SMALL).but({"venues.cex.gateway": {"service": service}})
            return ran(scenario, 1_000).world.counts()["orders"]

        assert orders_by_a_second("20ms") < orders_by_a_second("0us")

    @pytest.mark.parametrize(
        ("path", "value", "said"),
        [
            ("populations.noise.on", ["COIN/EUR", "COIN-DEX"], r"populations.noise.on\[1\]: expected a market of cex"),
            ("populations.noise.venue", "dex", r"populations.noise.on\[0\]: expected a market of dex"),
            ("populations.noise.venue", "fex", "populations.noise.venue: expected a name of venues"),
            ("populations.buyers.rest", "shorts", "populations.buyers.rest: expected a population at dex"),
            ("populations.between.venue", "dex", r"populations.between.on\[0\]: expected a market of dex"),
            ("events.fall.account", "sellers", "events.fall.market: expected a market of dex"),
            (
                "events.dex-opening.rows[1].market",
                "COIN/EUR",
                r"dex-opening.rows\[1\].market: expected a market of dex",
            ),
        ],
    )
    def test_an_account_trades_at_its_own_venue_only(self, path, value, said):
        changes = {path: value}
        if path.endswith("account"):
            changes["events.fall.brings"] = {}
        with pytest.raises(InputError, match=said):
            Scenario.from_toml(SMALL + TWO).but(changes)


class TestToldBeforeBuilding:
    """What the world would refuse is refused when the file is read, with its place."""

    @pytest.mark.parametrize(
        ("path", "value", "said"),
        [
            (
                "populations.noise.link",
                {"jitter": "choice(1ms, 5ms)"},
                r"noise.link.jitter: expected lognormal, .*, was choice",
            ),
            (
                "populations.makers.picture",
                {"jitter": "exponential(5ms, max=9ms)"},
                "makers.picture.jitter: .* with a max",
            ),
            ("populations.noise.qty", "pareto(1, 2)", "populations.noise.qty: expected integers or uniform"),
            ("populations.makers.leaves.within", "60min", "makers.leaves.within: expected at most 16 times wake_every"),
            ("populations.makers.wake_every", "uniform(10ms, 1s)", "leaves.within: expected .*, 160ms, was 1000ms"),
            ("populations.makers.on", ["COIN-PERP"] * 2, r"populations.makers.on\[1\]: expected each market once"),
            ("markets.*.enabled", False, "markets"),
            ("oracles.index.source", "NOWHERE", "oracles.index.source: expected a name of markets"),
        ],
    )
    def test_it_is_named(self, path, value, said):
        coarse = (
            '[markets.COARSE]\nkind = "spot"\nbase = "COIN"\nquote = "EUR"\nvenue = "cex"\ntick = "0.01"\nlot = "1"\n'
        )
        with pytest.raises(InputError, match=said):
            Scenario.from_toml(SMALL + coarse).but({path: value})

    @pytest.mark.parametrize(
        ("kind", "old", "new", "said"),
        [
            ("hawkes-orders", 'alpha = "1/s"', 'alpha = "2/s"', r"new.alpha: expected less than beta \(2/s\)"),
            ("hawkes-orders", 'mu = "2/s"', 'mu = "0/s"', "new.mu: expected a positive rate"),
            ("poisson-orders", "5/s", "0/s", "new.rate: expected a positive rate"),
            ("zero-intelligence", '["0.1/s", "0.1/s"]', '["0.1/s"]', "new.cancel_rates: expected 2 rates"),
            ("zero-intelligence", "integers(1, 50)", "choice(1, 2)", "new.qty: expected integers or uniform"),
        ],
    )
    def test_parameters_that_do_not_go_together_are_named(self, kind, old, new, said):
        assert old in KINDS[kind]
        with pytest.raises(InputError, match=said):
            Scenario.from_toml(with_kind(kind, KINDS[kind].replace(old, new)))

    def test_inventory_is_a_share_of_something(self):
        text = changed(("inventory_max = 6\n", ""), ('drawdown = "0.5%"', 'inventory = "50%"'))
        with pytest.raises(InputError, match=r"populations.makers.inventory_max: expected a value"):
            Scenario.from_toml(text)

    def test_first_orders_of_zero_intelligence_need_a_price(self):
        text = with_kind("zero-intelligence", KINDS["zero-intelligence"]).replace('price = "10.000"\n', "", 1)
        with pytest.raises(InputError, match=r"markets.COIN/EUR.price: expected an opening price, which new needs"):
            Scenario.from_toml(text)
