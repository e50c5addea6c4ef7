"""Crowds in scenarios: drawn as the reference draws them, balanced, small, and refused by name (H-1, L-9)."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from engine import InputError, tiers
from engine.reference import crowd as reference
from engine.reference import rng
from engine.scenario.holders import _counted_out, _picked, matched
from engine.scenario.problems import ScenarioError
from engine.scenario.scenario import Scenario

BYTES_PER_ACCOUNT_MAX = 300
HEAD = """
name = "crowd"
start = "2025-10-10T20:45Z"
duration = "60s"
seed = 20251010

[assets.USDT]
decimals = 6
supply = "1000bn"

[venues.cex]
ladder = "binance-portfolio-margin"

[markets.ATOM-PERP]
kind = "perp"
settle = "USDT"
tick = "0.001"
lot = "0.01"
price = "4.000"
tiers = "binance:ATOMUSDT"

[markets.BTC-PERP]
kind = "perp"
settle = "USDT"
tick = "0.1"
lot = "0.001"
price = "100000"
maintenance = "1%"

[populations.bank]
kind = "account"
brings = { USDT = "10bn" }

[populations.hedgers]
kind = "account"
count = 3
brings = { USDT = "50bn" }
"""
CROWD = """
[populations.masses]
kind = "crowd"
count = 200
on = { ATOM-PERP = 3, BTC-PERP = 1 }
positions = "integers(1, 2)"
long = "60%"
notional = "pareto(1500, 1.4)"
leverage = "lognormal(5, 0.5)"
rest = ["hedgers"]
"""
SWITCHES = """
stop_loss = { share = "30%", distance = "uniform(3%, 15%)" }
top_up = { share = "20%", amount = "20%", times = 2, after = "1s", reserve = "bank" }
dip_buy = { share = "5%", fall = "uniform(2%, 10%)", worth = "500" }
"""


def simulated(text):
    return Scenario.from_toml(text).simulation()


def members(sim, name="masses"):
    return [number for number, own in sim.accounts.items() if own.startswith(f"{name} ")]


class TestDrawn:
    TERMS = reference.CrowdTerms(
        weights=(3.0, 1.0),
        lot_atoms=(4000 * 10, 1_000_000 * 100),  # 0.001 x 0.01 is 10 atoms of USDT, 0.1 x 0.001 is 100
        long=0.6,
        positions=lambda bits: 1 + int(rng.uniform(bits, 0.0, 1.0) * 2),
        leverage=lambda bits: rng.lognormal(bits, 5.0, 0.5),
        notional_atoms=lambda bits: rng.pareto(bits, 1500.0, 1.4) * 10.0**6,
    )

    def test_h1_every_member_is_the_reference_s(self):
        sim = simulated(HEAD + CROWD)
        atom, btc = sim.markets.values()
        signs = set()
        for ordinal, account in enumerate(members(sim)):
            drawn = reference.member(20251010, "masses", ordinal, self.TERMS)
            held = {each.market: each.side * each.lots for each in drawn}
            signs.update(each.side for each in drawn)
            positions = [sim.world.position(account, market.number)[0] for market in (atom, btc)]
            assert positions == [held.get(0, 0), held.get(1, 0)]
            assert sim.world.balance(account, 0)[0] == sum(each.margin_atoms for each in drawn)
        assert signs == {1, -1}
        sim.world.check_invariants()

    def test_h1_the_rest_is_shared_evenly(self):
        sim = simulated(HEAD + CROWD)
        hedgers = [number for number, name in sim.accounts.items() if name.startswith("hedgers")]
        for market in sim.markets.values():
            gap = sum(sim.world.position(account, market.number)[0] for account in members(sim))
            parts = [-sim.world.position(account, market.number)[0] for account in hedgers]
            assert sum(parts) == gap != 0
            assert max(parts) - min(parts) <= 1

    def test_h1_matched_is_the_reference_s(self):
        draws = np.random.default_rng(5)
        for _ in range(30):
            longs = draws.integers(1, 9, draws.integers(1, 12))
            cuts = np.unique(draws.integers(1, longs.sum() + 1, 6))
            shorts = np.diff(np.concatenate([[0], cuts, [longs.sum()]]))
            shorts = shorts[shorts > 0]
            expected = reference.matched(list(enumerate(longs.tolist())), list(enumerate(shorts.tolist())))
            assert [tuple(row) for row in np.transpose(matched(longs, shorts)).tolist()] == expected

    def test_h1_another_switch_or_another_crowd_changes_no_draw(self):
        alone = simulated(HEAD + CROWD)
        beside = simulated(HEAD + CROWD.replace("masses", "others") + CROWD + SWITCHES)
        atom = alone.markets["ATOM-PERP"].number
        assert [alone.world.position(each, atom) for each in members(alone)] == [
            beside.world.position(each, atom) for each in members(beside)
        ]

    def test_isolated_positions_have_their_own_margin(self):
        sim = simulated(HEAD + CROWD + 'margin = "isolated"\n')
        atom, btc = sim.markets.values()
        seen = 0
        for ordinal, account in enumerate(members(sim)):
            for each in reference.member(20251010, "masses", ordinal, self.TERMS):
                market = (atom, btc)[each.market]
                sim.publish(market, "4" if market is atom else "100000")
                assert sim.margin(account, market=market).equity == market.quote.grid.value(each.margin_atoms)
                seen += 1
            assert sim.world.balance(account, 0)[0] == 0
        assert seen > 250
        sim.world.check_invariants()


class TestInitial:
    """H-1: nobody begins with less than the initial margin, whatever leverage he has drawn."""

    HIGH = CROWD.replace("lognormal(5, 0.5)", "lognormal(40, 1.0, max=1000)").replace("pareto(1500", "pareto(20k")
    GATED = HEAD.replace('maintenance = "1%"', 'maintenance = "1%"\ninitial = "4%"')
    PRICES = {"ATOM-PERP": "4", "BTC-PERP": "100000"}

    def terms(self, leverage=lambda bits: min(rng.lognormal(bits, 40.0, 1.0), 1000.0), *, initial=True):
        table = tiers.binance("ATOMUSDT")
        rows = list(zip(table.atoms(6), table.initial_ppm, strict=True)), [(0, 40_000)]
        return replace(
            TestDrawn.TERMS,
            leverage=leverage,
            notional_atoms=lambda bits: rng.pareto(bits, 20_000.0, 1.4) * 10.0**6,
            initial=rows if initial else (),
        )

    @staticmethod
    def deposits(sim):
        return [sim.world.balance(account, 0)[0] for account in members(sim)]

    def drawn(self, terms):
        every = [reference.member(20251010, "masses", ordinal, terms) for ordinal in range(200)]
        return [sum(each.margin_atoms for each in own) for own in every]

    def test_h1_every_deposit_is_the_reference_s(self):
        sim = simulated(self.GATED + self.HIGH)
        deposits, plain = self.deposits(sim), self.drawn(self.terms(initial=False))
        assert deposits == self.drawn(self.terms())
        binds = [more > less for more, less in zip(deposits, plain, strict=True)]
        assert 20 < sum(binds) < 180
        assert all(more >= less for more, less in zip(deposits, plain, strict=True))

    def test_h1_nobody_has_less_than_the_venue_asks_for(self):
        sim = simulated(self.GATED + self.HIGH)
        for name, price in self.PRICES.items():
            sim.publish(sim.markets[name], price)
        told = [sim.margin(account) for account in members(sim)]
        assert all(each.equity >= each.initial > 0 for each in told)
        # Against the unit only by roundings: an atom of USDT for each tier of the two positions.
        assert min(each.equity - each.initial for each in told) <= 20 * sim.assets["USDT"].grid.step

    def test_h1_a_position_of_its_own_margin_has_it_too(self):
        sim = simulated(self.GATED + self.HIGH + 'margin = "isolated"\n')
        for name, price in self.PRICES.items():
            sim.publish(sim.markets[name], price)
        seen = 0
        for account in members(sim):
            for market in sim.markets.values():
                if sim.world.position(account, market.number)[0]:
                    told = sim.margin(account, market=market)
                    assert told.equity >= told.initial > 0
                    seen += 1
        assert seen > 250

    @pytest.mark.parametrize("leverage", ["20", "uniform(2, 20)"])
    def test_h1_below_the_initial_leverage_it_changes_no_atom(self, leverage):
        gated = CROWD.replace('"lognormal(5, 0.5)"', f'"{leverage}"')
        flat = HEAD.replace(
            'tiers = "binance:ATOMUSDT"', 'tiers = { floors = ["0"], maintenance = ["2.5%"], initial = ["5%"] }'
        ).replace('maintenance = "1%"', 'maintenance = "1%"\ninitial = "5%"')  # 5 % each: a leverage of 20
        plain = HEAD.replace('tiers = "binance:ATOMUSDT"', 'maintenance = "2.5%"')
        one, other = simulated(flat + gated), simulated(plain + gated)
        assert self.deposits(one) == self.deposits(other)
        beyond = gated.replace(leverage, "21")
        more, less = (self.deposits(simulated(text + beyond)) for text in (flat, plain))
        assert all(one > other for one, other in zip(more, less, strict=True))

    def test_h1_without_a_gate_leverage_alone_counts(self):
        """A plain `maintenance` gates nothing (C-6): 10^3 times is what it says, as ever."""
        text = HEAD.replace('tiers = "binance:ATOMUSDT"', 'maintenance = "2.5%"')
        sim = simulated(text + CROWD.replace('"lognormal(5, 0.5)"', "1000"))
        for account, deposit in zip(members(sim), self.deposits(sim), strict=True):
            costs = [abs(sim.world.position(account, market.number)[1]) for market in sim.markets.values()]
            assert deposit == sum(-(-cost // 1000) for cost in costs)


class TestSwitches:
    def test_shares_of_the_members_do_what_is_declared(self):
        sim = simulated(HEAD + CROWD.replace("count = 200", "count = 20000") + SWITCHES)
        counts = sim.world.crowd_counts()
        top_ups = sim.world.memory()["top_ups"][0]
        dips = 20_000 * 0.05
        stops = 20_000 * 1.5 * 0.3  # one and a half positions each
        assert abs(counts["plans"] - stops - dips) < 5 * (stops + dips) ** 0.5
        assert abs(top_ups - 4_000) < 5 * 4_000**0.5

    def test_a_slide_fires_stops_and_calls_for_money(self):
        sim = simulated(HEAD + CROWD.replace("count = 200", "count = 2000") + SWITCHES)
        sim.publish(sim.markets["BTC-PERP"], "100000")
        for step in range(20):
            sim.run(until_ms=step * 3_000)
            sim.publish(sim.markets["ATOM-PERP"], Decimal(4) - step * Decimal("0.04"))
        sim.run(until_ms=60_000)
        counts = sim.world.crowd_counts()
        assert counts["orders"] > 200
        assert counts["top_ups"] > 10
        assert counts["missing"] == 0
        sim.world.check_invariants()


class TestMany:
    def test_a_hundred_thousand_members_with_two_positions_and_stops_for_a_third_stay_small(self):
        text = CROWD.replace("count = 200", "count = 100000").replace('"integers(1, 2)"', "2") + SWITCHES
        empty = simulated(HEAD)
        before = sum(rows * row_bytes for rows, row_bytes in empty.world.memory().values())
        started = time.perf_counter()
        sim = simulated(HEAD + text)
        print(f"100,000 members opened in {time.perf_counter() - started:.1f} s")
        memory = sim.world.memory()
        assert memory["holdings"][0] >= 200_000
        assert memory["agents"][0] == 0
        assert (
            sum(rows * row_bytes for rows, row_bytes in memory.values()) - before
        ) / 100_000 <= BYTES_PER_ACCOUNT_MAX
        assert len(sim.accounts) == len(empty.accounts) + 100_000
        assert sim.accounts[members(sim)[99_999]] == "masses 99999"


class TestRefused:
    def test_l9_nobody_takes_the_rest(self):
        with pytest.raises(InputError) as caught:
            simulated(HEAD + CROWD.replace('rest = ["hedgers"]\n', ""))
        assert caught.value.field == "populations.masses.rest"
        gaps = {}
        whole = simulated(HEAD + CROWD)
        for name, market in whole.markets.items():
            gap = sum(whole.world.position(account, market.number)[0] for account in members(whole))
            gaps[name] = f"{market.quantity.value(abs(gap))} {'short' if gap > 0 else 'long'} of {name}"
        assert caught.value.expected == f"populations that take what remains (L-9): {', '.join(gaps.values())}"

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ('rest = ["hedgers"]', 'rest = ["hedger"]', "populations.masses.rest[0]: expected a name of populations"),
            ('rest = ["hedgers"]', 'rest = ["masses"]', "populations.masses.rest[0]: expected another population"),
            ("ATOM-PERP = 3", "ATOM = 3", "populations.masses.on.ATOM: expected a name of markets"),
            ("ATOM-PERP = 3, BTC-PERP = 1", "ATOM-PERP = 0", "populations.masses.on: expected a weight above 0"),
            ("ATOM-PERP = 3", "ATOM-PERP = -3", "populations.masses.on.ATOM-PERP: expected a number"),
            ('"integers(1, 2)"', '"integers(0, 2)"', "populations.masses.positions.low: expected a number"),
            ('long = "60%"', 'long = "160%"', "populations.masses.long: expected a share"),
            ('leverage = "lognormal(5, 0.5)"', "leverage = 0", "populations.masses.leverage: expected a number"),
            (
                'reserve = "bank" }',
                'reserve = "masses" }',
                "populations.masses.top_up.reserve: expected another population",
            ),
            (', reserve = "bank" }', " }", "populations.masses.top_up.reserve: expected a population that pays"),
            ("times = 2", "times = 0", "populations.masses.top_up.times: expected at least 1"),
            (
                'share = "20%", amount',
                'share = "20%", when = "cancel", amount',
                "populations.masses.top_up.when: expected an action",
            ),
            ("count = 200", 'count = 200\nbrings = { USDT = "1" }', "populations.masses.brings: expected nothing"),
            ("count = 200", 'count = 200\nmargin = "unified"', "populations.masses.margin: expected another mode"),
            ("count = 200", 'count = 200\nmargin = "cash"', "populations.masses.margin: expected a mode that holds"),
            ("count = 200", 'count = 200\nmargin = "crossed"', "populations.masses.margin: expected one of cash"),
        ],
    )
    def test_a_mistake_is_told_where_it_stands(self, old, new, said):
        text = HEAD + CROWD + SWITCHES
        assert old in text
        with pytest.raises(ScenarioError) as caught:
            Scenario.from_toml(text.replace(old, new))
        (line,) = caught.value.lines()
        assert said in line
        assert line.split(":")[1].isdecimal()  # the line of the text

    def test_what_is_written_is_read(self):
        scenario = Scenario.from_toml(HEAD + CROWD + SWITCHES)
        again = Scenario.from_toml(scenario.to_toml())
        assert again == scenario
        assert again.simulation().world.digest() == scenario.simulation().world.digest()


@pytest.mark.parametrize("kind", ["equal", "zipf", "some are 0", "far apart"])
def test_markets_are_picked_as_if_they_were_counted_out(kind: str) -> None:
    """H-1: bisection finds what a walk from market to market finds, on the borders too."""
    rng = np.random.default_rng(20251010)
    for count in (1, 2, 7, 40):
        weights = {
            "equal": np.ones(count),
            "zipf": 1.0 / np.arange(1, count + 1),
            "some are 0": np.where(np.arange(count) % 3 == 1, 0.0, rng.random(count)),
            "far apart": 10.0 ** rng.integers(-12, 3, count),
        }[kind]
        taken: list[np.ndarray] = []
        for _ in range(min(int((weights > 0).sum()), 5)):
            uniforms = np.concatenate([rng.random(200), rng.integers(0, count, 50) / count, [0.0, 1 - 2.0**-53]])
            found = _picked(weights, taken, uniforms)
            own = np.array(taken, dtype=np.int64).reshape(len(taken), len(uniforms))
            walked = [_counted_out(weights, own[:, row], uniform) for row, uniform in enumerate(uniforms)]
            assert found.tolist() == walked
            assert (weights[found] > 0).all()
            assert (own != found).all()
            taken.append(found)
