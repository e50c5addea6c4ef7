"""Names and units over a world: bad input raises `InputError` that names the field, and the digest stays (U-7)."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from engine import InputError, RejectReason, Side
from engine.liquidation import staged
from engine.simulation import Simulation


def market_world():
    """Declare USDT (6 decimals) and ATOM (3), a spot and a perpetual market, and an account that has both."""
    sim = Simulation(seed=1)
    usdt, atom = sim.asset("USDT", decimals=6, supply="1000000"), sim.asset("ATOM", decimals=3, supply="1000000")
    sim.spot("ATOM/USDT", atom, usdt, tick="0.001", lot="0.001")
    sim.perpetual("ATOM-PERP", usdt, tick="0.001", lot="0.001", maintenance="0.02")
    sim.account("maker", USDT="1000", ATOM="1000")
    return sim


@pytest.fixture
def sim():
    return market_world()


def refused(sim, field, act):
    """Check that `act` raises InputError for `field` and leaves no trace."""
    before = (sim.world.digest(), sim.world.counts(), sim.world.account_count, dict(sim.accounts))
    names = (set(sim.assets), set(sim.markets))
    with pytest.raises(InputError) as caught:
        act()
    assert caught.value.field == field
    assert (sim.world.digest(), sim.world.counts(), sim.world.account_count, dict(sim.accounts)) == before
    assert (set(sim.assets), set(sim.markets)) == names


NOT_NUMBERS = (float("nan"), float("inf"), "abc", "", None, True, b"1", np.array([1.5]))


class TestAsset:
    @pytest.mark.parametrize("name", ["USDT", "", None, 1])
    def test_the_name_is_new_text(self, name):
        sim = Simulation(seed=1)
        sim.asset("USDT", decimals=6, supply=1)
        with pytest.raises(InputError, match="name: expected a new, non-empty name"):
            sim.asset(name, decimals=6, supply=1)
        assert list(sim.assets) == ["USDT"]

    @pytest.mark.parametrize("decimals", [-1, 10, True, 6.0, "6", None])
    def test_u4_decimals(self, decimals):
        sim = Simulation(seed=1)
        with pytest.raises(InputError, match="decimals"):
            sim.asset("USDT", decimals=decimals, supply=1)
        assert not sim.assets

    @pytest.mark.parametrize("supply", [0, -1, "0.0000001", "2305843009213.693953", 2**61, *NOT_NUMBERS])
    def test_u4_the_supply_is_whole_atoms_and_at_most_2_to_the_61(self, supply):
        sim = Simulation(seed=1)
        with pytest.raises(InputError, match="supply"):
            sim.asset("USDT", decimals=6, supply=supply)
        assert not sim.assets

    def test_u4_the_largest_supply(self):
        sim = Simulation(seed=1)
        assert sim.asset("USDT", decimals=6, supply="2305843009213.693952").supply_atoms == 2**61
        assert sim.asset("UNIT", decimals=0, supply=2**61).supply_atoms == 2**61

    def test_assets_come_before_accounts(self, sim):
        refused(sim, "supply_max", lambda: sim.asset("LATE", decimals=0, supply=1))


class TestMarket:
    @pytest.mark.parametrize("kind", ["spot", "perpetual"])
    @pytest.mark.parametrize(
        ("field", "tick", "lot"),
        [
            ("tick", "0.001", "0.0001"),  # 10^-7 USDT, a tenth of an atom
            ("tick", "0.0000015", "1"),
            ("tick", "0", "1"),
            ("lot", "1", "0"),
            ("tick", "-0.001", "-0.001"),  # the product alone would pass
            ("lot", "0.001", "-0.001"),
            *(("tick", bad, "0.001") for bad in NOT_NUMBERS),
            *(("lot", "0.001", bad) for bad in NOT_NUMBERS),
        ],
    )
    def test_u5_a_tick_of_a_lot_is_whole_atoms(self, sim, kind, field, tick, lot):
        usdt, atom = sim.assets["USDT"], sim.assets["ATOM"]
        if kind == "spot":
            refused(sim, field, lambda: sim.spot("NEW", atom, usdt, tick=tick, lot=lot))
        else:
            refused(sim, field, lambda: sim.perpetual("NEW", usdt, tick=tick, lot=lot, maintenance="0.02"))

    def test_u5_a_lot_is_whole_atoms_of_the_base(self, sim):
        usdt, atom = sim.assets["USDT"], sim.assets["ATOM"]
        refused(sim, "lot", lambda: sim.spot("NEW", atom, usdt, tick="1", lot="0.0001"))

    @pytest.mark.parametrize("name", ["ATOM/USDT", "ATOM-PERP", "", None])
    def test_the_name_is_new_text(self, sim, name):
        usdt, atom = sim.assets["USDT"], sim.assets["ATOM"]
        refused(sim, "name", lambda: sim.spot(name, atom, usdt, tick="0.001", lot="0.001"))
        refused(sim, "name", lambda: sim.perpetual(name, usdt, tick="0.001", lot="0.001", maintenance="0.02"))

    def test_assets_are_this_simulations_own(self, sim):
        usdt, atom = sim.assets["USDT"], sim.assets["ATOM"]
        foreign = market_world().assets["USDT"]
        sizes = {"tick": "0.001", "lot": "0.001"}
        refused(sim, "quote", lambda: sim.spot("NEW", atom, foreign, **sizes))
        refused(sim, "base", lambda: sim.spot("NEW", foreign, usdt, **sizes))
        refused(sim, "base", lambda: sim.spot("NEW", "ATOM", usdt, **sizes))
        refused(sim, "settle", lambda: sim.perpetual("NEW", foreign, **sizes, maintenance="0.02"))
        refused(sim, "quote", lambda: sim.spot("NEW", usdt, usdt, **sizes))

    @pytest.mark.parametrize("field", ["maintenance", "taker_fee", "maker_fee"])
    @pytest.mark.parametrize("rate", ["1.000001", "-0.000001", "0.0000001", *NOT_NUMBERS])
    def test_rates_are_shares_in_whole_ppm(self, sim, field, rate):
        rates = {"maintenance": "0.02", field: rate}
        refused(sim, field, lambda: sim.perpetual("NEW", sim.assets["USDT"], tick="0.001", lot="0.001", **rates))

    @pytest.mark.parametrize("stage", ["-0.1", "1.1", "0.0000001", *NOT_NUMBERS])
    def test_x4_the_stage_is_a_share(self, stage):
        with pytest.raises(InputError, match="stage"):
            Simulation(seed=1, liquidation=staged(stage))

    def test_u8_a_float_tick_is_its_shortest_form(self, sim):
        market = sim.spot("NEW", sim.assets["ATOM"], sim.assets["USDT"], tick=0.001, lot=0.001)
        assert market.ticks("1.688") == 1688
        assert market.atoms_per_tick_lot == 1

    def test_lots_worth(self, sim):
        market = sim.markets["ATOM/USDT"]
        assert market.lots_worth("8", 4_000) == 2_000  # 2 ATOM at 4.000 USDT
        assert market.lots_worth("0.000001", 4_000) == 1  # never nothing
        for price_ticks in (0, -1):
            with pytest.raises(InputError, match="price_ticks"):
                market.lots_worth("8", price_ticks)


class TestAccount:
    def test_unknown_asset(self, sim):
        refused(sim, "BTC", lambda: sim.account("new", USDT="1", BTC="1"))

    @pytest.mark.parametrize("amount", [0, "-1", "0.0000001", "1000000", *NOT_NUMBERS])
    def test_u4_deposits_are_positive_whole_atoms_within_the_supply(self, sim, amount):
        refused(sim, "USDT", lambda: sim.account("new", ATOM="1", USDT=amount))  # 1,000 of the million are the maker's

    @pytest.mark.parametrize("name", ["maker", "fees", "", None, 3])
    def test_the_name_is_new_text(self, sim, name):
        refused(sim, "name", lambda: sim.account(name, USDT="1"))

    def test_deposits_arrive(self, sim):
        number = sim.account("new", USDT="12.5", ATOM=3)
        assert sim.accounts[number] == "new"
        assert sim.world.balance(number, sim.assets["USDT"].number) == (12_500_000, 0)
        assert sim.world.balance(number, sim.assets["ATOM"].number) == (3_000, 0)


class TestPlace:
    def send(self, sim, **changed):
        order = {"price": "4.000", "quantity": "1", "side": Side.BUY, "at_ms": 5, "account": 3} | changed
        market = order.pop("market", sim.markets["ATOM/USDT"])
        account, side = order.pop("account"), order.pop("side")
        return sim.place(account, market, side, order.pop("price"), order.pop("quantity"), **order)

    @pytest.mark.parametrize("price", ["4.0005", 4.00001, "99999999", *(bad for bad in NOT_NUMBERS if bad is not None)])
    def test_u8_prices(self, sim, price):
        field = "price_ticks" if price == "99999999" else "price"  # on the grid, but no 32-bit tick
        refused(sim, field, lambda: self.send(sim, price=price))

    @pytest.mark.parametrize("quantity", ["0.0005", 1e-7, *NOT_NUMBERS])
    def test_u8_quantities(self, sim, quantity):
        refused(sim, "quantity", lambda: self.send(sim, quantity=quantity))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *(("account", bad) for bad in (-1, 4, True, 3.0, "maker", None)),
            *(("side", bad) for bad in (0, 2, True, "BUY", None)),
            *(("at_ms", bad) for bad in (-1, 5.0, True, None, 2**70)),
        ],
    )
    def test_u7_account_side_and_time(self, sim, field, value):
        refused(sim, field, lambda: self.send(sim, **{field: value}))

    def test_t5_nothing_is_sent_into_the_past(self, sim):
        sim.run(until_ms=10)
        refused(sim, "at_ms", lambda: self.send(sim, at_ms=9))
        refused(sim, "until_ms", lambda: sim.run(until_ms=9))

    def test_the_market_is_this_simulations_own(self, sim):
        refused(sim, "market", lambda: self.send(sim, market=market_world().markets["ATOM/USDT"]))
        refused(sim, "market", lambda: self.send(sim, market=0))

    def test_unknown_ticket(self, sim):
        refused(sim, "ticket", lambda: sim.cancel(99, at_ms=5))

    @pytest.mark.parametrize(
        ("quantity", "reason"), [("0", RejectReason.QTY_NOT_POSITIVE), ("-1", RejectReason.QTY_NOT_POSITIVE)]
    )
    def test_u7_what_only_the_rules_refuse_is_counted_as_data(self, sim, quantity, reason):
        self.send(sim, quantity=quantity)
        sim.run(until_ms=10)
        assert sim.world.counts()["rejects"] == {reason: 1}
        assert sim.world.orders(0) == []


class TestDraw:
    def test_members_of_a_population_keep_their_numbers(self):
        sim = Simulation(seed=1)
        few, many = (list(sim.draw("uniform", 2.0, 12.0, "longs", count, 0)) for count in (3, 30))
        assert few == many[:3]
        assert all(2.0 < number < 12.0 for number in many)

    def test_unknown_law(self):
        with pytest.raises(InputError, match="law"):
            Simulation(seed=1).draw("cauchy", 0.0, 1.0, "longs", 3, 0)


class TestTables:
    def test_a_table_in_a_garbage_cycle_leaves_the_world_alone(self):
        """Run it apart: when this fails, the interpreter dies."""
        program = (
            "import gc\n"
            "from engine.testing.worlds import small_world\n"
            "native = small_world().native\n"
            "native.run(3000)\n"
            "table = native.journal()\n"
            "cycle = [table]\n"
            "cycle.append(cycle)\n"
            "want = table['time_ms'].tolist()\n"
            "del table, cycle\n"
            "gc.collect()\n"
            "assert native.journal()['time_ms'].tolist() == want\n"
            "native.run(4000)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
