"""The face of the lending side: blocks, lenders, actions, loans, bots, loopers, exits, with names and units."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from engine import ActionReason, Agent, InputError, Side, Simulation, Terms, illusion, integers, lending, uniform
from engine.lineage import LandmarkKind, Lineage
from engine.loops import loop_multiple
from engine.prices import Last
from engine.protocols import Acted, Price, terms_ppm

TERMS = Terms("0.8", "0.83", "0.05")
NO_FEE = lending.AaveMarket("own", 800_000, 830_000, 50_000, "made up", fee_ppm=0)


def street(form="aave", *, oracle="own", **options):
    """A spot market at 10 with bids of 100 coins each 0.10 down, and a lender of dollars against the coin."""
    sim = Simulation(seed=3)
    usd, coin = (sim.asset(name, decimals=4, supply="1000000000") for name in ("USD", "COIN"))
    eth = sim.asset("ETH", decimals=9, supply="1000000")
    spot = sim.spot("COIN/USD", coin, usd, tick="0.01", lot="0.01")
    bidder = sim.account("bidder", USD="10000000", COIN="100000")
    for step in range(50):
        sim.place(bidder, spot, Side.BUY, f"{10 - 0.1 * step:.2f}", "100", at_ms=0)
    sim.place(bidder, spot, Side.SELL, "10.01", "50000", at_ms=0)
    sim.oracle(spot, Last(spot), every_ms=100)
    sim.publish(spot, "10", "oracle")
    options.setdefault("collateral", {"COIN": TERMS})
    options.setdefault("borrow", {"USD": None})
    options.setdefault("oracle", {"COIN": spot if oracle == "own" else oracle})
    lender = sim.lending("lender", form, **options)
    bank = sim.account("bank", USD="1000000")
    assert sim.act(bank, "supply", lender, "500000 USD").is_done
    return sim, spot, lender, (usd, coin, eth)


def sell(sim, spot, quantity, at_ms):
    seller = sim.account(f"seller at {at_ms}", COIN=quantity)
    sim.place(seller, spot, Side.SELL, None, quantity, at_ms=at_ms)


class TestDeclaring:
    def test_a_lender_knows_its_assets_and_modes(self):
        modes = {"stable": {"COIN": ("0.9", "0.93"), "USD": None}}
        _, _, lender, (usd, coin, _) = street(modes=modes)
        assert (lender.form, lender.collateral, lender.lent, lender.assets) == ("aave", (coin,), (usd,), (coin, usd))
        assert lender.modes == {"stable": 1}
        assert lender.mode_name(1) == "stable"
        assert lender.mode_name(0) is None

    def test_a_mode_counts_for_who_is_in_it(self):
        sim, _, lender, _ = street(modes={"stable": {"COIN": ("0.9", "0.93"), "USD": None}})
        who = sim.account("who", COIN="100")
        assert sim.act(who, "supply", lender, "100 COIN").is_done
        assert sim.act(who, "borrow", lender, "801 USD").reason is ActionReason.UNHEALTHY
        assert sim.act(who, "mode", lender, mode="stable").is_done
        assert sim.act(who, "borrow", lender, "900 USD").is_done
        assert sim.loan(who, lender).mode == "stable"
        assert sim.act(who, "mode", lender).reason is ActionReason.UNHEALTHY  # outside it 83 % count

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"form": "bank"}, "form"),
            ({"venue": 7}, "venue"),
            ({"collateral": {"GOLD": TERMS}}, "collateral"),
            ({"collateral": {"COIN": ("0.9", "0.8")}}, "collateral.COIN"),
            ({"collateral": {"COIN": lending.comet()}}, "collateral.COIN"),
            ({"borrow": {}}, "borrow"),
            ({"borrow": {"USD": 5}}, "borrow.USD"),
            ({"oracle": {}}, "oracle.COIN"),
            ({"oracle": {"COIN": "-1"}}, "oracle.COIN"),
            ({"oracle": {"COIN": 1, "GOLD": 1}}, "oracle"),
            ({"modes": {"one": {"ETH": None}}}, "modes.one"),
            ({"modes": {"one": {"USD": None}, "two": {"USD": None}}}, "modes.two"),
            ({"supply_caps": {"ETH": 1}}, "supply_caps"),
            ({"kept": "1.1"}, "kept"),
            ({"accrue_every": "soon"}, "accrue_every"),
            ({"stale": 1.5}, "stale"),
            ({"call": "0.7"}, "rules"),
            ({"form": "loan"}, "sells_on.COIN"),
            ({"form": "comet", "borrow": {"USD": None, "ETH": None}}, "borrow"),
            ({"form": "morpho", "oracle": {"COIN": 10, "USD": 2}}, "oracle.USD"),
            ({"collateral": {"COIN": lending.aave("USDe"), "ETH": NO_FEE}}, "collateral"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_refused_by_its_field_and_leaves_nothing(self, options, field):
        sim, _, _, _ = street()
        before, accounts = sim.world.digest(), sim.world.account_count
        given = {"collateral": {"COIN": TERMS}, "borrow": {"USD": None}, "oracle": {"COIN": 10, "ETH": 10}}
        if "COIN" in options.get("collateral", {"COIN": 1}) and "oracle" not in options:
            given["oracle"] = {"COIN": 10, "ETH": 10} if "ETH" in options.get("collateral", {}) else {"COIN": 10}
        with pytest.raises(InputError) as caught:
            sim.lending("other", **(given | options))
        assert caught.value.field == field
        assert (sim.world.digest(), sim.world.account_count, list(sim.lenders)) == (before, accounts, ["lender"])

    def test_prices_are_exact_and_in_lowest_terms(self):
        sim, spot, _, (usd, coin, _) = street()
        assert Price.of("9.5", "COIN").ratio(coin, 4, "COIN") == (19, 2)
        assert Price.of((spot, "oracle"), "COIN").ratio(coin, 4, "COIN") == (1, 100)  # a tick is a cent
        assert Price.of(spot, "COIN").series == "oracle"
        eth = sim.assets["ETH"]
        assert Price.of(1, "ETH").ratio(eth, usd.decimals, "ETH") == (1, 10**5)
        with pytest.raises(InputError, match="one of oracle, index, mark"):
            Price.of((spot, "last"), "COIN")

    def test_presets_say_terms(self):
        assert terms_ppm(TERMS, "COIN") == (800_000, 830_000, 50_000)
        assert terms_ppm(lending.loan("Binance 2020"), "BNB") == (750_000, 830_000, 0)  # no source says the initial LTV

    def test_a_snapshot_and_a_fork_keep_the_lenders(self):
        sim, _, lender, _ = street()
        for copy in (Simulation.restore(sim.snapshot()), sim.fork()):
            assert copy.lenders == {"lender": lender}
            assert copy.lender("lender") == sim.lender("lender")


class TestActing:
    def test_amounts_are_as_people_write_them(self):
        sim, _, lender, (_, coin, _) = street()
        who = sim.account("who", COIN="100")
        done = [
            sim.act("who", "supply", lender, "60 COIN"),
            sim.act(who, "supply", "lender", "0.04k", asset=coin),
            sim.act(who, "borrow", lender, "100 USD"),
            sim.act(who, "repay", lender, "all USD"),
            sim.act(who, "withdraw", lender, "all COIN"),
        ]
        assert [(each.paid, each.got) for each in done] == [(60, 0), (40, 0), (0, 100), (100, 0), (0, 100)]
        assert all(each.is_done for each in done)
        assert sim.world.balance(who, coin.number) == (coin.atoms(100), 0)
        assert sim.loans(lender).keys() == {next(n for n, name in sim.accounts.items() if name == "bank")}

    @pytest.mark.parametrize(
        ("words", "field"),
        [
            (("who", "steal", "lender", "1 COIN"), "kind"),
            (("who", "supply", "bank", "1 COIN"), "lender"),
            (("nobody", "supply", "lender", "1 COIN"), "account"),
            (("who", "supply", "lender", "1 GOLD"), "amount"),
            (("who", "supply", "lender", "much COIN"), "amount"),
            (("who", "supply", "lender", "5"), "amount"),
            (("who", "supply", "lender", "0.00001 COIN"), "amount"),
        ],
    )
    def test_what_cannot_be_is_refused_by_its_field(self, words, field):
        sim, _, _, _ = street()
        sim.account("who", COIN="100")
        before = sim.world.digest()
        with pytest.raises(InputError) as caught:
            sim.act(*words)
        assert (caught.value.field, sim.world.digest()) == (field, before)

    def test_what_the_rules_refuse_is_an_outcome_with_a_reason(self):
        sim, _, lender, _ = street(supply_caps={"COIN": 50})
        who = sim.account("who", COIN="100")
        nothing = Decimal(0)
        for kind, amount, reason in (
            ("supply", "101 COIN", ActionReason.LACKING),
            ("supply", "60 COIN", ActionReason.CAP),
            ("supply", "0 COIN", ActionReason.NOTHING),
            ("withdraw", "1 COIN", ActionReason.SHORT),
            ("borrow", "1 COIN", ActionReason.CLOSED),  # it is not lent
            ("borrow", "1000000 USD", ActionReason.NO_CASH),
            ("supply", "1 ETH", ActionReason.NO_SUCH),
        ):
            assert sim.act(who, kind, lender, amount) == Acted(kind, reason, nothing, nothing), (kind, amount)

    def test_a_liquidation_by_hand_repays_debt_and_gets_collateral(self):
        sim, _, lender, (_, coin, _) = street(oracle="10")
        who, hunter = sim.account("who", COIN="100"), sim.account("hunter", USD="1000")
        sim.act(who, "supply", lender, "100 COIN")
        sim.act(who, "borrow", lender, "800 USD")
        words = {"other": coin, "party": "who"}
        assert sim.act(hunter, "liquidate", lender, "100 USD", **words).reason is ActionReason.HEALTHY
        sim, spot, lender, (_, coin, _) = street()
        who, hunter = sim.account("who", COIN="100"), sim.account("hunter", USD="1000")
        sim.act(who, "supply", lender, "100 COIN")
        sim.act(who, "borrow", lender, "800 USD")
        sim.publish(spot, "9.5", "oracle")
        sim.run(until_ms=1)
        done = sim.act(hunter, "liquidate", lender, "100 USD", other=coin, party="who")
        assert (done.paid, round(done.got, 2)) == (100, Decimal("11.00"))  # 100 / 9.5 * 1.05, less a tenth of the bonus
        assert done.got == coin.grid.value(sim.world.balance(hunter, coin.number)[0])
        assert sim.lender("lender").liquidations == 1
        assert sim.lender("lender").repaid_value == 100


class TestReading:
    def test_a_loan_in_units(self):
        sim, spot, lender, _ = street()
        who = sim.account("who", COIN="100")
        sim.act(who, "supply", lender, "100 COIN")
        assert sim.loan(who, lender).health is None  # without a debt
        sim.act(who, "borrow", lender, "500 USD")
        loan = sim.loan(who, lender)
        assert (loan.supplied, loan.owed) == ({"COIN": Decimal(100)}, {"USD": Decimal(500)})
        assert (loan.collateral_value, loan.debt_value, loan.room) == (1000, 500, 300)
        assert (loan.health, loan.leverage, loan.level, loan.mode) == (Decimal("1.66"), 2, 0, None)
        sim.publish(spot, "6", "oracle")
        sim.run(until_ms=1)
        assert sim.loan(who, lender).level == 1
        assert sim.lender("lender").work == 1

    def test_an_unknown_price_is_none(self):
        sim, spot, _, _ = street()
        lender = sim.lending(
            "other", collateral={"COIN": TERMS}, borrow={"USD": None}, oracle={"COIN": (spot, "index")}
        )
        who = sim.account("who", COIN="100")
        sim.act(who, "supply", lender, "100 COIN")
        loan = sim.loan(who, lender)
        assert (loan.collateral_value, loan.debt_value, loan.room, loan.health, loan.leverage) == (None,) * 5

    def test_a_reserve_in_units_with_interest(self):
        fiftieth_of_a_year_ms = 365 * 24 * 3600 * 1000 // 50
        sim, _, lender, _ = street(borrow={"USD": ("0.1", "1", "0", "0")}, oracle="10", kept="0.1")
        who = sim.account("who", COIN="1000")
        sim.act(who, "supply", lender, "1000 COIN")
        sim.act(who, "borrow", lender, "5000 USD")
        usd = sim.lender("lender").reserves["USD"]
        assert (usd.supplied, usd.borrowed, usd.cash) == (500_000, 5_000, 495_000)
        assert (usd.rate, usd.utilisation, usd.deficit) == (Decimal("0.1"), Decimal("0.01"), 0)
        sim.run(until_ms=fiftieth_of_a_year_ms)
        sim.act(who, "repay", lender, "1 USD")
        usd = sim.lender("lender").reserves["USD"]
        assert round(usd.borrowed, 2) == 5_009
        assert round(usd.kept, 2) == 1
        assert round(usd.supplied, 2) == 500_009


class TestBlocks:
    def test_prices_are_those_of_a_million_units_of_gas(self):
        sim, _, _, (_, _, eth) = street()
        sim.blocks(0, every="2s", gas_asset=eth, gas_limit=1_000_000, base_price="0.02", base_least="0.01")
        assert {key: sim.world.blocks(0)[key] for key in ("every_ms", "base_price")} == {
            "every_ms": 2_000,
            "base_price": 20,
        }
        assert sim.gas_assets == {0: eth}

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"every": "never"}, "every"),
            ({"every": 0}, "every"),
            ({"gas_limit": 5}, "gas_limit"),
            ({"base_price": "0.0000001"}, "base_price"),
            ({"gas_asset": "ETH"}, "gas_asset"),
            ({"base_price": "0.01", "base_least": "0.02"}, "base_least"),
        ],
    )
    def test_what_cannot_be_is_refused_by_its_field(self, options, field):
        sim, _, _, (_, _, eth) = street()
        before = sim.world.blocks(0)
        with pytest.raises(InputError) as caught:
            sim.blocks(0, **({"gas_asset": eth} | options))
        assert (caught.value.field, sim.world.blocks(0), sim.gas_assets) == (field, before, {})

    def test_an_agent_acts_through_them_and_hears_what_became_of_it(self):
        sim, spot, lender, (usd, coin, eth) = street()
        sim.blocks(0, every="2s", gas_asset=eth, base_price="0.02")

        class Borrower(Agent):
            def __init__(self):
                self.told, self.levels = [], []

            def on_start(self, context):
                context.send_action("supply", lender.number, coin.atoms(100), asset=coin.number)
                context.send_action("borrow", lender.number, usd.atoms(790), asset=usd.number)

            def on_action(self, context, notice):
                self.told.append((notice.kind, context.time_ms, notice.paid, notice.got, notice.reason))
                self.health = context.loan(context.account, lender.number)["health_ppm"]

            def on_loan(self, context, protocol, level):
                self.levels.append((protocol, level))

        agent, who = Borrower(), sim.account("who", COIN="100", ETH="1")
        sim.add(agent, who, latency_ms=5)
        sim.record(actions=True)
        sim.run(until_ms=3_000)
        supplied, borrowed = coin.atoms(100), usd.atoms(790)
        assert agent.told == [("supply", 2_005, supplied, 0, 0), ("borrow", 2_005, 0, borrowed, 0)]
        assert agent.health == 1_050_632  # 830 / 790
        gas = sim.tables.actions["gas_atoms"].tolist()
        assert gas == [200_000 * 20] * 2  # B-4
        assert eth.atoms(1) - sum(gas) == sim.world.balance(who, eth.number)[0]
        sell(sim, spot, "600", 4_000)
        sim.run(until_ms=6_000)
        assert agent.levels == [(lender.number, 1)]


class TestPopulations:
    def test_loops_that_are_built_have_the_closed_forms_leverage(self):
        sim, spot, lender, _ = street()
        loopers = sim.loopers(
            "loopers", 3, lender, spot, built=True, built_at=10, brings={"COIN": [10, 20, 30]}, loops=4, ltv="0.7"
        )
        for account, own in zip(loopers, (10, 20, 30), strict=True):
            loan = sim.loan(account, lender)
            assert loan.supplied["COIN"] == own * loop_multiple("0.7", 4)
            assert loan.leverage == round(Decimal(float(loop_multiple("0.7", 4))), 6)
        sim.run(until_ms=1_000)
        assert {each.stage for each in sim.looper_states(loopers).values()} == {"holds"}
        assert [sim.accounts[account] for account in loopers] == ["loopers 0", "loopers 1", "loopers 2"]

    def test_a_looper_builds_in_the_book_what_the_closed_form_says(self):
        sim, spot, lender, _ = street()
        (looper,) = sim.loopers("looper", 1, lender, spot, brings={"COIN": 1_000}, loops=3, ltv="0.5", slippage="0.001")
        sim.run(until_ms=1_000)
        assert sim.looper_states([looper])[looper].steps == 3
        found = float(sim.loan(looper, lender).supplied["COIN"])
        # It buys a tick above 10, and its limit keeps a little back.
        assert found == pytest.approx(1_000 * float(loop_multiple("0.5", 3)), rel=2e-3)

    def test_parameters_are_drawn_by_name_and_ordinal(self):
        def ltvs(sim, name):
            lender, spot = sim.lenders["lender"], sim.markets["COIN/USD"]
            brings = {"COIN": uniform(5, 15)}
            accounts = sim.loopers(
                name,
                8,
                lender,
                spot,
                built=True,
                built_at=10,
                brings=brings,
                loops=integers(1, 4),
                ltv=uniform(0.4, 0.7),
            )
            return [sim.loan(account, lender).leverage for account in accounts]

        first, other, again = street()[0], street()[0], street()[0]
        drawn = ltvs(first, "loopers")
        assert len(set(drawn)) == 8
        assert ltvs(again, "loopers") == drawn
        assert ltvs(other, "others") != drawn

    def test_bots_repay_what_falls_and_sell_it(self):
        sim, spot, lender, _ = street()
        who = sim.account("who", COIN="1000")
        sim.act(who, "supply", lender, "1000 COIN")
        sim.act(who, "borrow", lender, "7900 USD")
        bots = sim.bots("bots", 2, lender, spot, every="50ms", least_gain="0.001", brings={"USD": 5_000})
        sell(sim, spot, "600", 1_000)
        sim.run(until_ms=20_000)
        states = sim.bot_states(bots)
        assert sum(each.won for each in states.values()) >= 1
        assert sum(each.repaid for each in states.values()) == sim.lender("lender").repaid_value > 0
        assert all(each.unsold < Decimal("0.01") for each in states.values())
        lineage = Lineage(sim)
        step = lineage.of_kind(LandmarkKind.STEP)[0]
        assert step.parent == lineage.of_kind(LandmarkKind.LIQUIDATION)[0].id
        first = lineage.why(step.id)[0]
        assert "STEP of who (lender, repaid " in first
        assert first.endswith(" USD)")
        sim.world.check_invariants()

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"every": "soon"}, "every"),
            ({"every": ["1s"]}, "every"),
            ({"tip": "1.5"}, "tip"),
            ({"gas_asset_price": 4_000}, "gas_asset_price"),  # there are no blocks
            ({"flee_health": 1}, "flee_health"),
            ({"brings": {"GOLD": 1}}, "brings"),
            ({"pool": 0}, "pool"),
        ],
    )
    def test_what_cannot_be_is_refused_by_its_field(self, options, field):
        sim, spot, lender, _ = street()
        with pytest.raises(InputError) as caught:
            sim.bots("bots", 2, lender, spot, **options)
        assert caught.value.field == field
        assert sim.world.accounts_of("bot") == []


class TestExits:
    def test_illusion_and_cover_over_time(self):
        sim, spot, lender, _ = street()
        sim.loopers(
            "loopers", 2, lender, spot, built=True, built_at=10, brings={"COIN": 100}, loops=4, ltv="0.7", every="10s"
        )
        sell(sim, spot, "150", 500)
        samples = list(sim.exits(lender, spot, every_ms=400, until_ms=1_000))
        assert [each.time_ms for each in samples] == [0, 400, 800, 1_000]
        before, after = samples[1], samples[2]
        assert float(before.illusion) == pytest.approx(float(loop_multiple("0.7", 4)), rel=1e-6)
        assert (before.bid, before.loans, before.work) == (10, 2, 0)
        # 100 coins each at 10.00, 9.90 and 9.80 within 2 %, against the debt at 10.
        assert before.cover == Fraction(2970) / (Fraction(before.debt) / 10)
        assert before.cover == illusion.exit_cover(["10", "9.9", "9.8"], [100] * 3, Fraction(before.debt) / 10)
        assert after.bid == Decimal("9.90")
        assert after.illusion > before.illusion  # the same debt against less
        assert after.gross < before.gross

    def test_nobody_who_owes_and_no_bid(self):
        sim, spot, lender, _ = street()
        (sample,) = sim.exits(lender, spot, every_ms=1, until_ms=0)
        assert (sample.loans, sample.illusion, sample.cover) == (0, None, None)
