"""Policies: presets, what is refused, and that a simulation and a scenario hand them to the world."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine import InputError, Policy, Simulation, liquidation
from engine.adl import ADL_RULES
from engine.liquidation import POLICIES, policy_named, staged


def by_account(columns):
    """Rank by account: a rule that can be pickled."""
    return columns["account"].argsort()


class TestPolicy:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("stage", "1.1"),
            ("stage", "x"),
            ("stage_lots_min", 0),
            ("every", 0),
            ("every", "1"),
            ("every", "0.5ms"),
            ("step_least", -1),
            ("step_most", "0.0000000001"),
            ("large", None),
            ("whole_for", -1),
            ("size", "half"),
            ("tiers_down", 0),
            ("order", "limit"),
            ("is_fok", 1),
            ("is_fok", True),  # of a market order
            ("band", "0.01"),  # of no band
            ("spread", "1.5"),
            ("steps_most", 65_536),
            ("takeover", -1),
            ("takeover", "0.0000001"),
            ("takeover", "1.000001"),
            ("tier_least", True),
            ("takes_over", None),
            ("fee", 2),
            ("fund_most", "all"),
            ("adl", "lifo"),
            ("adl", "pnl"),  # nothing makes it due
            ("close", "entry"),
            ("cancels_orders", 0),
            ("rank_for", "never"),
            ("shares_losses", "yes"),
            ("backstop_least", True),
            ("unwind_every", 0),
            ("unwind", 0),
            ("unwind_band", "1.01"),
            ("sells", "lifo"),
            ("sell_order", ("USDT",)),  # not custom
            ("sell_order", "USDT"),
        ],
    )
    def test_bad_values_are_named(self, field, value):
        with pytest.raises(InputError) as caught:
            Policy(**{field: value})
        assert caught.value.field == field

    def test_what_contradicts_itself_is_named(self):
        for field, values in (
            ("step_most", {"step_least": 10, "step_most": 9}),
            ("spread", {"order": "fillable"}),
            ("takes_over", {"steps_most": 1}),
            ("sell_order", {"sells": "custom"}),
            ("sell_order[1]", {"sells": "custom", "sell_order": ["A", "A"]}),
        ):
            with pytest.raises(InputError) as caught:
                Policy(**values)
            assert caught.value.field == field

    def test_equal_numbers_make_equal_policies(self):
        assert Policy(stage=0.25, every="1s") == Policy() == liquidation.plain()
        assert hash(Policy(stage=0.5)) == hash(Policy(stage="0.50"))
        assert Policy(stage=0.5) != Policy()

    @pytest.mark.parametrize("name", POLICIES)
    def test_what_is_shown_makes_it_again(self, name):
        policy = policy_named(name)
        again = eval(repr(policy), {"Policy": Policy})  # our own text
        assert again == policy
        assert policy.is_takeover_due == (name not in {"noted", "plain", "staged"})

    def test_but_changes_and_refuses(self):
        assert liquidation.dydx().but(adl="pnl").adl == "pnl"
        with pytest.raises(InputError, match="stages: expected a field of Policy"):
            Policy().but(stages=1)

    def test_names_that_there_are_not(self):
        with pytest.raises(InputError, match="liquidation: expected one of plain, noted, staged, binance-futures"):
            Simulation(seed=1, liquidation="binance")
        with pytest.raises(InputError, match="liquidation: expected a Policy, or the name of one"):
            Simulation(seed=1, liquidation=1)

    def test_staged_makes_due_what_it_is_given(self):
        assert staged(adl="bybit").takeover == 0
        assert staged(takes_over=True, steps_most=3).takeover is None
        assert staged(band="0.02").order == "band"

    def test_amounts_become_atoms_or_are_refused(self):
        told = Policy(step_least="0.01", fund_most=5).arguments(2, {})
        assert (told["stage_atoms_min"], told["fund_most"]) == (1, 500)
        for decimals, policy, field in (
            (1, Policy(step_least="0.01"), "step_least"),
            (9, Policy(large=2**40), "large"),
            (2, Policy(sells="custom", sell_order=["X"]), "sell_order[0]"),
        ):
            with pytest.raises(InputError) as caught:
                policy.arguments(decimals, {"USDT": 0})
            assert caught.value.field == field


class TestRules:
    def test_every_rule_has_a_name_that_a_policy_takes(self):
        for name in ADL_RULES:
            assert Policy(takeover=0, adl=name).adl == name
        assert Policy(takeover=0, adl=by_account).adl is by_account


def venue_world(policy="hyperliquid"):
    """Open a second venue with a policy, a perpetual and two accounts there."""
    sim = Simulation(seed=1)
    usdt = sim.asset("USDT", decimals=6, supply="100000000000")
    venue = sim.venue("dex", liquidation=policy)
    perp = sim.perpetual("COIN-PERP", usdt, tick="0.01", lot="0.01", maintenance="0.02", venue=venue)
    return sim, usdt, venue, perp, sim.account("trader", venue, USDT="1000"), sim.account("vault", venue, USDT="5000")


class TestSimulation:
    def test_the_fund_of_a_venue_is_its_own(self):
        sim, usdt, venue, *_ = venue_world()
        sim.fund(venue, usdt, "1.5")
        assert (sim.insurance_fund(venue, usdt), sim.insurance_fund(0, usdt)) == (Decimal("1.5"), 0)
        assert sim.accounts[sim.own_accounts[venue] + 1] == "insurance fund of dex"
        assert sim.world.balance(sim.own_accounts[venue] + 1, usdt.number)[0] == 1_500_000

    def test_what_is_no_fund_is_refused(self):
        sim, usdt, venue, *_ = venue_world()
        before = sim.world.digest()
        for field, act in (
            ("venue", lambda: sim.fund(2, usdt, 1)),
            ("venue", lambda: sim.insurance_fund(True, usdt)),
            ("amount", lambda: sim.fund(venue, usdt, 0)),
            ("amount", lambda: sim.fund(venue, usdt, "100000000000")),
            ("amount", lambda: sim.fund(venue, usdt, "0.0000001")),
            ("asset", lambda: sim.fund(venue, "USDT", 1)),
        ):
            with pytest.raises(InputError) as caught:
                act()
            assert caught.value.field == field
        assert sim.world.digest() == before

    def test_a_fund_is_there_with_the_first_account(self):
        sim = Simulation(seed=1)
        usdt = sim.asset("USDT", decimals=6, supply=1)
        with pytest.raises(InputError, match="venue: expected a venue with accounts"):
            sim.fund(0, usdt, 1)

    def test_a_backstop_is_declared_and_kept(self):
        sim, _, venue, _, _, vault = venue_world()
        sim.backstop(venue, vault)
        for copy in (sim.fork(), Simulation.restore(sim.snapshot())):
            assert copy.backstops == {venue: vault}
            assert copy.policies == sim.policies == {0: Policy(), venue: liquidation.hyperliquid()}
            copy.run(until_ms=10, check=True)

    def test_what_is_no_backstop_is_refused(self):
        sim, _, venue, _, trader, vault = venue_world()
        for field, act in (
            ("venue", lambda: sim.backstop(0, vault)),  # plain: takes nothing over
            ("venue", lambda: sim.backstop(5, vault)),
            ("account", lambda: sim.backstop(venue, sim.own_accounts[venue] + 1)),
            ("account", lambda: sim.backstop(venue, 99)),
            ("account", lambda: sim.backstop(venue, True)),
        ):
            with pytest.raises(InputError) as caught:
                act()
            assert caught.value.field == field
        assert sim.backstops == {}
        assert trader not in sim.backstops.values()

    def test_a_rule_of_python_is_kept_or_refused(self):
        sim, *_ = venue_world(Policy(takeover=0, adl=by_account))
        assert Simulation.restore(sim.snapshot()).policies[1].adl is by_account
        sim, *_ = venue_world(Policy(takeover=0, adl=lambda columns: []))
        with pytest.raises(InputError, match="adl: expected a rule of auto-deleveraging that can be pickled"):
            sim.snapshot()

    def test_an_amount_needs_money_of_the_same_decimals(self):
        sim, _, venue, *_ = venue_world()
        other = Simulation(seed=1, liquidation="dydx")
        usdt, coin = (other.asset(name, decimals=d, supply=10**9) for name, d in (("USDT", 6), ("COIN", 8)))
        sizes = {"tick": "0.01", "lot": "0.01", "maintenance": "0.02"}
        other.perpetual("A", usdt, **sizes)
        with pytest.raises(InputError, match="asset: expected an asset of 6 decimals like USDT"):
            other.perpetual("B", coin, **sizes)
        assert list(other.markets) == ["A"]
        assert sim.settles[venue].name == "USDT"
