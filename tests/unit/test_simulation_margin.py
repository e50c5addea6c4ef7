"""Margin by name and unit: ladders, tiers, collateral, modes, money and maps of a Simulation."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine import AccountMode, Boundary, CollateralTable, InputError, Ladder, MarginAction, Simulation, haircuts, tiers
from engine.names import AccountNames

D = Decimal


def market_world(**options):
    """Open USDT and COIN, a spot market and a perpetual at a venue with Binance's portfolio margin."""
    sim = Simulation(seed=1, liquidation="noted")
    usdt, coin = (sim.asset(name, decimals=6, supply="100000000000") for name in ("USDT", "COIN"))
    venue = sim.venue("cex", ladder=options.pop("ladder", "binance-portfolio-margin"), liquidation="noted")
    spot = sim.spot("COIN/USDT", coin, usdt, tick="0.01", lot="0.001", venue=venue)
    rates = options or {"tiers": tiers.binance("ATOMUSDT")}
    perp = sim.perpetual("COIN-PERP", usdt, tick="0.01", lot="0.01", venue=venue, **rates)
    return sim, venue, usdt, coin, spot, perp


def opened(sim, perp, long, short, lots, price):
    sim.world.open_trade(perp, long, short, perp.lots(lots), perp.ticks(price))


def refused(sim, field, act):
    before = sim.world.digest(), sim.world.account_count, len(sim.markets), sim.venues[:], dict(sim.ladders)
    with pytest.raises(InputError) as caught:
        act()
    assert caught.value.field == field
    assert (sim.world.digest(), sim.world.account_count, len(sim.markets), sim.venues, sim.ladders) == before


class TestLadders:
    def test_c4_a_ladder_by_name_says_the_state_by_name(self):
        sim, venue, _, _, _, perp = market_world(maintenance="0.10")
        long, short = sim.account("long", venue, USDT="200"), sim.account("short", venue, USDT="100000")
        opened(sim, perp, long, short, "10", "100")
        # 10 coins at 100 - x: equity 200 - 10 x, requirement 100 - x.
        for price, equity, state in (
            ("99", "190", "free"),
            ("94", "140", "warn"),  # 140 / 94 = 1.489
            ("91", "110", "reduce_only"),  # 110 / 91 = 1.209, at or below 1.2 is not yet
            ("90.8", "108", "reduce_only"),
            ("88", "80", "liquidate"),
        ):
            sim.publish(perp, price)
            sim.run(until_ms=sim.world.now_ms + 1)
            told = sim.margin(long)
            assert told.equity == D(equity)
            if price != "91":
                assert told.state == state
        assert told.requirement == D("88")
        assert told.notional == D("880")
        assert (told.leverage, told.ratio) == (D("11.000000"), D("0.909091"))
        assert told.asset == "USDT"

    def test_c4_a_ladder_of_ones_own(self):
        ladder = Ladder((Boundary(MarginAction.CANCEL, 3_000_000), Boundary(MarginAction.LIQUIDATE, 1_000_000)))
        sim, venue, _, _, _, perp = market_world(ladder=ladder, maintenance="0.10")
        assert sim.ladders[venue] == ladder
        long, short = sim.account("long", venue, USDT="250"), sim.account("short", venue, USDT="100000")
        opened(sim, perp, long, short, "10", "100")
        sim.publish(perp, "100")
        sim.run(until_ms=1)
        assert sim.margin(long).state == "cancel"

    @pytest.mark.parametrize(
        "ladder",
        [
            "binance",
            5,
            Ladder((Boundary(MarginAction.WARN, 1_000_000),)),
            Ladder((Boundary(MarginAction.LIQUIDATE, 2_000_000), Boundary(MarginAction.LIQUIDATE, 1_000_000))),
        ],
    )
    def test_what_is_no_ladder(self, ladder):
        sim = Simulation(seed=1)
        sim.asset("USDT", decimals=6, supply="1000")
        refused(sim, "ladder", lambda: sim.venue("cex", ladder=ladder))
        with pytest.raises(InputError, match="ladder"):
            Simulation(seed=1, ladder=ladder)

    def test_it_is_known_after_a_snapshot_and_in_a_fork(self):
        sim, venue, usdt, coin, spot, _ = market_world()
        sim.collateral(venue, usdt)
        sim.collateral(venue, coin, market=spot, value="0.8")
        sim.open_accounts("many", 1_000, venue)
        for copy in (Simulation.restore(sim.snapshot()), sim.fork()):
            assert copy.ladders == sim.ladders
            assert copy.units_of_account == {venue: usdt}
            assert copy.accounts[copy.world.account_count - 1] == "many 999"
            copy.account("other", venue)
            assert "other" not in sim.accounts.values()


class TestTiers:
    def test_s4_a_table_is_maintenance_and_initial(self):
        sim, venue, _, _, _, perp = market_world()
        long, short = sim.account("long", venue, USDT="30000"), sim.account("short", venue, USDT="10000000")
        opened(sim, perp, long, short, "1000", "60")
        sim.publish(perp, "60")
        told = sim.margin(long)
        # 60,000 in the third bracket: 1.5 % less 290; initial rates 1 / 75, 1 / 50, 1 / 40, rounded up to ppm.
        assert told.requirement == D("610")
        assert told.initial == (D("10000") * D("0.013334") + D("40000") * D("0.02") + D("10000") * D("0.025"))

    def test_rates_may_gate_or_not(self):
        for rates, expected in (
            ({"maintenance": "0.02"}, "1200"),
            ({"maintenance": "0.02", "initial": "0.05"}, "3000"),
        ):
            sim, venue, _, _, _, perp = market_world(**rates)
            long, short = sim.account("long", venue, USDT="30000"), sim.account("short", venue, USDT="10000000")
            opened(sim, perp, long, short, "1000", "60")
            sim.publish(perp, "60")
            assert sim.margin(long).initial == D(expected)

    @pytest.mark.parametrize(
        ("field", "rates"),
        [
            ("maintenance", {}),
            ("maintenance", {"maintenance": "0.02", "tiers": tiers.flat("0.02")}),
            ("maintenance", {"maintenance": "1.5"}),
            ("initial", {"maintenance": "0.02", "initial": "0.01"}),
            ("initial", {"tiers": tiers.flat("0.02"), "initial": "0.04"}),
            ("tiers", {"tiers": "binance:ATOMUSDT"}),
            ("price_stale_ms", {"maintenance": "0.02", "price_stale_ms": -1}),
        ],
    )
    def test_what_is_no_requirement(self, field, rates):
        sim, _, usdt, *_ = market_world()
        refused(sim, field, lambda: sim.perpetual("NEW", usdt, tick="0.01", lot="0.01", **rates))

    def test_c5_a_stale_mark_is_unknown(self):
        sim, venue, _, _, _, perp = market_world(maintenance="0.02", price_stale_ms=100)
        long, short = sim.account("long", venue, USDT="1000"), sim.account("short", venue, USDT="1000")
        opened(sim, perp, long, short, "1", "60")
        assert not sim.margin(long).is_known
        sim.publish(perp, "60")
        assert sim.margin(long).is_known
        sim.run(until_ms=101)
        assert not sim.margin(long).is_known


class TestCollateral:
    def test_c3_collateral_counts_with_its_haircut(self):
        sim, venue, usdt, coin, spot, perp = market_world()
        sim.collateral(venue, usdt)
        sim.collateral(venue, coin, market=spot, value=CollateralTable("two", (0, 1000), (900_000, 500_000), "made up"))
        maker = sim.account("maker", venue, mode="unified", USDT="100", COIN="20")
        other = sim.account("other", venue, USDT="100000")
        opened(sim, perp, maker, other, "1", "100")
        sim.publish(perp, "100")
        sim.publish(spot, "100", "index")
        assert sim.margin(maker).equity == 100 + 1000 * D("0.9") + 1000 * D("0.5")
        assert sim.margin(maker, usdt).equity == sim.margin(maker).equity

    def test_l12_loans_come_from_the_lender(self):
        sim, venue, usdt, coin, spot, _ = market_world()
        bank = sim.account("bank", venue, USDT="1000")
        sim.collateral(venue, usdt, loan="0.05", lender=bank)
        sim.collateral(venue, coin, market=spot, value="0.9")
        maker = sim.account("maker", venue, mode=AccountMode.UNIFIED, COIN="20")
        sim.publish(spot, "10", "index")
        sim.borrow(maker, usdt, "150")
        assert (sim.world.balance(maker, usdt.number)[0], sim.world.owed(maker, usdt.number)) == (
            150 * 10**6,
            150 * 10**6,
        )
        assert sim.world.balance(bank, usdt.number)[0] == 850 * 10**6
        assert sim.margin(maker).requirement == D("7.5")
        sim.repay(maker, usdt, "50")
        assert sim.world.owed(maker, usdt.number) == 100 * 10**6
        refused(sim, "amount", lambda: sim.borrow(maker, usdt, "900.01"))  # the lender has 900
        refused(sim, "amount", lambda: sim.repay(maker, usdt, "100.000001"))
        refused(sim, "amount", lambda: sim.borrow(maker, usdt, "0.0000001"))
        sim.world.check_invariants()

    @pytest.mark.parametrize(
        ("field", "options"),
        [
            ("market", {}),  # a second unit of account
            ("market", {"market": "COIN-PERP"}),
            ("value", {"market": "COIN/USDT", "value": "1.5"}),
            ("loan", {"market": "COIN/USDT", "loan": "-1"}),
            ("lender", {"market": "COIN/USDT", "lender": 99}),
        ],
    )
    def test_what_is_no_collateral(self, field, options):
        sim, venue, usdt, coin, _, _ = market_world()
        sim.collateral(venue, usdt)
        given = {**options, **({"market": sim.markets[options["market"]]} if "market" in options else {})}
        refused(sim, field, lambda: sim.collateral(venue, coin, **given))

    def test_a_unified_account_needs_a_unit(self):
        sim, venue, *_ = market_world()
        refused(sim, "mode", lambda: sim.account("maker", venue, mode="unified"))
        refused(sim, "mode", lambda: sim.account("maker", venue, mode="margin"))
        assert haircuts.flat("0.9").value_ppm == (900_000,)


class TestMoney:
    def test_c6_a_withdrawal_leaves_the_initial_margin(self):
        sim, venue, usdt, _, _, perp = market_world(maintenance="0.02", initial="0.10")
        long, short = sim.account("long", venue, USDT="500"), sim.account("short", venue, USDT="100000")
        opened(sim, perp, long, short, "10", "100")
        sim.publish(perp, "100")
        refused(sim, "amount", lambda: sim.withdraw(long, usdt, "400.000001"))
        sim.withdraw(long, usdt, "400")
        assert sim.margin(long).equity == 100
        sim.deposit(long, usdt, "1.5")
        assert sim.margin(long).equity == D("101.5")

    def test_c6_a_chosen_leverage_asks_for_more(self):
        sim, venue, _, _, _, perp = market_world(maintenance="0.02", initial="0.10")
        long, short = sim.account("long", venue, USDT="500"), sim.account("short", venue, USDT="100000")
        opened(sim, perp, long, short, "10", "100")
        sim.publish(perp, "100")
        sim.set_leverage(long, 4)
        assert sim.margin(long).initial == 250
        sim.set_leverage(long, 0)
        assert sim.margin(long).initial == 100
        refused(sim, "leverage", lambda: sim.set_leverage(long, 1001))

    def test_l11_an_isolated_position_has_money_of_its_own(self):
        sim, venue, _, _, _, perp = market_world(maintenance="0.02", initial="0.10")
        long, short = sim.account("long", venue, mode="isolated", USDT="500"), sim.account("s", venue, USDT="100000")
        opened(sim, perp, long, short, "10", "100")
        sim.publish(perp, "100")
        assert sim.margin(long, market=perp).equity == 100
        sim.add_margin(long, perp, "50")
        assert sim.margin(long, market=perp).equity == 150
        refused(sim, "amount", lambda: sim.add_margin(long, perp, "-50.01"))
        sim.add_margin(long, perp, "-50")
        refused(sim, "amount", lambda: sim.add_margin(long, perp, "400.01"))


class TestMaps:
    def world(self):
        sim, venue, _, _, _, perp = market_world(ladder="binance-futures", maintenance="0.02")
        short = sim.account("short", venue, USDT="1000000")
        for place, money in enumerate(("100", "200", "500")):
            opened(sim, perp, sim.account(f"long {place}", venue, USDT=money), short, "10", "100")
        sim.publish(perp, "100")
        return sim, perp

    def test_w2_a_map_in_units(self):
        sim, perp = self.world()
        found = sim.liquidation_map(perp, low="0.6", steps=3)
        # 10 p - 1000 + m < 0.2 p: below 91.84, 81.63, 51.02.
        assert found.price_now == 100
        assert found.rows == [
            (D("40.00"), "below", 1, D("510.2")),
            (D("80.00"), "below", 2, D("918.3") + D("816.3")),
        ]
        assert found.notional("below") == D("2244.8")
        assert found.notional("above") == 0

    def test_w2_maps_over_time(self):
        sim, perp = self.world()
        sim.index(perp, [_path()], every_ms=1_000)
        sim.mark(perp, every_ms=1_000)
        maps = list(sim.liquidation_maps(perp, every_ms=1_000, until_ms=2_500, low="0.6", steps=3))
        assert [each.time_ms for each in maps] == [0, 1_000, 2_000, 2_500]
        assert [each.price_now for each in maps] == [100, 90, 80, 80]
        assert [sum(row[2] for row in each.rows if row[1] == "now") for each in maps] == [0, 1, 2, 2]

    @pytest.mark.parametrize(
        ("field", "options"),
        [("low_ppm", {"low": "1.1"}), ("high_ppm", {"high": "-0.1"}), ("steps", {"steps": 0}), ("low", {"low": "x"})],
    )
    def test_what_is_no_map(self, field, options):
        sim, perp = self.world()
        refused(sim, field, lambda: sim.liquidation_map(perp, **options))

    def test_a_market_must_have_its_price_and_be_tested(self):
        sim, _, _, _, spot, perp = market_world()
        refused(sim, "market", lambda: sim.liquidation_map(perp))
        refused(sim, "market", lambda: sim.liquidation_map(spot))


def _path():
    from engine.prices import Path

    return Path([0, 1_000, 2_000], ["100", "90", "80"])


class TestNames:
    def test_a_block_is_as_many_names(self):
        names = AccountNames({0: "fees"})
        names.add_block(5, 3, "many")
        names.add_block(20, 2, "more")
        assert dict(names) == {0: "fees", 5: "many 0", 6: "many 1", 7: "many 2", 20: "more 0", 21: "more 1"}
        assert len(names) == 6
        assert 8 not in names
        assert names.get(22) is None
        taken = ("fees", "many", "many 0", "many 2", "more 1")
        free = ("many 3", "many 00", "many -1", "more 2", "other 0")
        assert [names.is_taken(name) for name in (*taken, *free)] == [True] * 5 + [False] * 5

    def test_a_name_of_a_member_is_taken(self):
        sim, venue, *_ = market_world()
        sim.open_accounts("many", 3, venue)
        refused(sim, "name", lambda: sim.account("many 2", venue))
        refused(sim, "name", lambda: sim.open_accounts("many", 3, venue))
        assert sim.account("many 3", venue) == sim.world.account_count - 1
