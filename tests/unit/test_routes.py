"""Routes: what a transfer takes, when it arrives, and what it is refused for (K-1 .. K-5)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import InputError, Simulation, _core
from engine.margin import MarginAction
from engine.reference.law import Law
from engine.reference.rng import bits64, fnv1a64, key_of, mix64, stream_of

SEED, NAME = 11, "bridge"
TRANSFER = 14  # purpose
ARRIVAL, MARGIN, ACTION = 22, 12, 19  # of the journal
DONE, LACKING, NOTHING, BELOW, BOUND, NO_SUCH, CLOSED, CAP = 0, 2, 4, 5, 6, 7, 8, 9
USD, OTHER = 0, 1
FULL = 10**6


class Bridge:
    """Two venues and a route of USD from the first to the second; `here` has a million."""

    def __init__(self, seed=SEED, **terms):
        self.world = _core.World(seed)
        for _ in range(2):
            self.world.add_asset(2**60)
        self.far = self.world.add_venue()
        self.here = self.world.add_accounts()
        self.there, self.second = (self.world.add_accounts(1, venue=self.far) for _ in range(2))
        self.world.deposit(self.here, USD, FULL)
        self.number = self.world.add_route(USD, 0, self.far, key=NAME, **{"least_ms": 100, **terms})

    def send(self, atoms, *, party=None, **options):
        return self.world.act(
            self.here, "transfer", self.number, atoms, party=self.there if party is None else party, **options
        )

    def told(self):
        return self.world.route(self.number)

    def has(self, account, asset=USD):
        return self.world.balance(account, asset)[0]

    def at(self, time_ms):
        self.world.run(time_ms, check=True)
        return self

    def arrivals(self):
        table = self.world.journal()
        rows = zip(*(table[name].tolist() for name in ("kind", "time_ms", "account", "qty", "side")), strict=True)
        return [row[1:] for row in rows if row[0] == ARRIVAL]


class TestTransfer:
    """K-1: who, how much, in which order it is looked at."""

    def test_k1_fee_to_the_venue_and_the_rest_on_its_way(self):
        bridge = Bridge(fee_atoms=10)
        assert bridge.send(1_000) == (DONE, 1_000, 990)
        assert (bridge.has(bridge.here), bridge.has(0), bridge.has(bridge.there)) == (FULL - 1_000, 10, 0)
        assert (bridge.told()["on_way"], bridge.told()["on_way_atoms"]) == (1, 990)
        assert bridge.has(bridge.told()["account"]) == 990
        assert bridge.at(99).has(bridge.there) == 0
        assert bridge.at(100).has(bridge.there) == 990
        assert bridge.arrivals() == [(100, bridge.there, 990, 0)]
        assert (bridge.told()["on_way"], bridge.told()["transfers"]) == (0, 1)

    def test_k1_within_a_venue_the_receiver_may_be_oneself(self):
        world = Bridge().world
        inner = world.add_route(USD, 0, 0, key="inner", least_ms=0)
        account = 6
        assert world.balance(account, USD) == (FULL, 0)
        assert world.act(account, "transfer", inner, 5) == (DONE, 5, 5)
        assert world.balance(account, USD) == (FULL - 5, 0)
        world.run(1, check=True)  # at least 1 ms
        assert world.balance(account, USD) == (FULL, 0)

    @pytest.mark.parametrize(
        ("atoms", "options", "reason"),
        [
            (0, {}, NOTHING),
            (10, {}, NOTHING),
            (11, {}, DONE),
            (500, {"least": 491}, BELOW),
            (500, {"least": 490}, DONE),
            (1_011, {}, CAP),
            (1_010, {}, DONE),
            (FULL + 1, {}, CAP),
        ],
    )
    def test_k1_bounds(self, atoms, options, reason):
        bridge = Bridge(fee_atoms=10, cap_atoms=1_000)
        before = bridge.world.digest()
        got = bridge.send(atoms, **options)
        assert got == ((DONE, atoms, atoms - 10) if reason == DONE else (reason, 0, 0))
        assert (bridge.world.digest() == before) == (reason != DONE)

    def test_k1_the_order_of_refusals(self):
        # Each line mends the first thing that is wrong; what comes next is refused then.
        bridge = Bridge(fee_atoms=10, cap_atoms=100, outages=[(50, 60)])
        bridge.at(55)
        far_account = bridge.there
        assert bridge.world.act(far_account, "transfer", bridge.number, 0, party=far_account)[0] == NO_SUCH
        assert bridge.send(5, party=bridge.here)[0] == NO_SUCH
        assert bridge.send(5, least=1)[0] == NOTHING
        assert bridge.send(FULL + 1, least=FULL)[0] == BELOW
        assert bridge.send(FULL + 1)[0] == CLOSED
        bridge.at(60)
        assert bridge.send(FULL + 1)[0] == CAP
        open_bridge = Bridge()
        assert open_bridge.send(FULL + 1)[0] == LACKING
        assert open_bridge.send(FULL)[0] == DONE

    def test_k1_nobody_else_uses_its_account(self):
        bridge = Bridge()
        held, world = bridge.told()["account"], bridge.world
        for misuse in (
            lambda: world.deposit(held, USD, 1),
            lambda: world.withdraw(held, USD, 1),
            lambda: world.act(held, "transfer", bridge.number, 1, party=bridge.there),
            lambda: bridge.send(1, party=held),
        ):
            with pytest.raises(InputError):
                misuse()

    def test_k1_a_route_that_is_not_there(self):
        bridge = Bridge()
        assert bridge.world.act(bridge.here, "transfer", 1, 5, party=bridge.there)[0] == NO_SUCH

    def test_k1_two_to_the_61_is_an_amount_and_not_all(self):
        bridge = Bridge()
        assert bridge.send(2**61)[0] == LACKING

    def test_k1_what_is_reserved_does_not_leave(self):
        bridge = Bridge()
        world = bridge.world
        spot = world.add_spot(OTHER, USD, atoms_per_tick_lot=1, base_atoms_per_lot=1)
        world.send_order(bridge.here, spot, 1, 100, 9_000, at_ms=1)  # reserves 900,000
        bridge.at(1)
        assert bridge.send(100_001)[0] == LACKING
        assert bridge.send(100_000)[0] == DONE


def due(seed, law, account, sent_ms, k, least_ms=100):
    """When a transfer arrives, from the rule alone."""
    stream = stream_of(seed, mix64(fnv1a64(NAME.encode())))
    return sent_ms + max(1, least_ms + Law(*law).ms(bits64(key_of(stream, TRANSFER), sent_ms, k, account)))


class TestDelay:
    """K-2: least time, draw, nobody overtakes."""

    LAW = ("lognormal", 200.0, 1.0)

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_k2_each_takes_what_its_draw_says(self, seed):
        bridge = Bridge(seed, law=self.LAW)
        expected = []
        for sent_ms in (0, 7, 20_000):
            bridge.at(sent_ms)
            for k in range(2):  # two in one millisecond, for two parties
                party = (bridge.there, bridge.second)[k]
                assert bridge.send(1 + k, party=party)[0] == DONE
                expected.append((due(seed, self.LAW, bridge.here, sent_ms, k), party, 1 + k, 0))
        bridge.at(10**6)
        last = {}
        held = []
        for time_ms, party, atoms, side in expected:  # FIFO for a party
            last[party] = max(last.get(party, 0), time_ms)
            held.append((last[party], party, atoms, side))
        assert sorted(bridge.arrivals()) == sorted(held)

    def test_k2_for_a_party_nothing_overtakes(self):
        bridge = Bridge(law=("exponential", 500.0))
        for k in range(200):
            bridge.at(5 * k)
            bridge.send(1 + k, party=(bridge.there, bridge.second)[k & 1])
        bridge.at(10**6)
        arrived = bridge.arrivals()
        assert len(arrived) == 200
        for party, first in ((bridge.there, 1), (bridge.second, 2)):
            assert [atoms for _, account, atoms, _ in arrived if account == party] == list(range(first, 201, 2))
        # Between parties it may, or the law would do nothing.
        assert [atoms for _, _, atoms, _ in arrived] != sorted(atoms for _, _, atoms, _ in arrived)

    def test_k2_a_fork_with_another_seed_draws_anew(self):
        bridge = Bridge(law=self.LAW)
        same, other = bridge.world.fork(), bridge.world.fork(seed=99)
        worlds = (bridge.world, same, other)
        for world in worlds:
            world.act(bridge.here, "transfer", bridge.number, 5, party=bridge.there)
        times = []
        for world in worlds:
            world.run(10**6, check=True)
            table = world.journal()
            times.append(table["time_ms"][table["kind"] == ARRIVAL].tolist())
        assert times[0] == times[1] == [due(SEED, self.LAW, bridge.here, 0, 0)]
        assert times[2] == [due(99, self.LAW, bridge.here, 0, 0)] != times[0]


class TestOutagesAndCaps:
    """K-3."""

    def test_k3_in_an_outage_nothing_leaves_and_nothing_arrives(self):
        bridge = Bridge(outages=[(150, 400), (400, 450), (600, 700)])
        for sent_ms, reason in ((0, DONE), (60, DONE), (149, DONE), (150, CLOSED), (449, CLOSED), (450, DONE)):
            bridge.at(sent_ms)
            assert bridge.send(1 + sent_ms)[0] == reason
            assert bridge.told()["is_out"] == (reason == CLOSED)
        bridge.at(2_000)
        # 0 arrives before the first window, 60 and 149 at the end of the second one.
        assert [(at, atoms) for at, _, atoms, _ in bridge.arrivals()] == [(100, 1), (450, 61), (450, 150), (550, 451)]

    def test_k3_a_cap_is_of_a_window_and_without_fees(self):
        bridge = Bridge(fee_atoms=1, cap_atoms=100, cap_ms=1_000)
        assert bridge.at(999).send(102)[0] == CAP
        assert bridge.send(61)[0] == DONE
        assert bridge.told()["cap_left"] == 40
        assert bridge.send(42)[0] == CAP
        assert bridge.told()["cap_left"] == 40
        assert bridge.send(41)[0] == DONE
        assert bridge.send(2)[0] == CAP
        assert bridge.at(1_000).told()["cap_left"] == 100
        assert bridge.send(101)[0] == DONE

    @settings(max_examples=25)
    @given(st.lists(st.tuples(st.integers(0, 700), st.integers(1, 400)), max_size=30), st.integers(1, 900))
    def test_k3_never_more_than_the_cap_in_a_window(self, sends, cap):
        bridge = Bridge(cap_atoms=cap, cap_ms=500)
        left = {}
        for pause_ms, atoms in sends:
            bridge.at(bridge.world.now_ms + pause_ms)
            window = bridge.world.now_ms // 500
            fits = left.get(window, 0) + atoms <= cap
            assert bridge.send(atoms)[0] == (DONE if fits else CAP)
            left[window] = left.get(window, 0) + atoms * fits
        bridge.at(bridge.world.now_ms + 100)
        assert bridge.has(bridge.there) == sum(left.values()) == FULL - bridge.has(bridge.here)


class TestState:
    """J-3, J-4: what is on its way is part of the world."""

    def test_a_snapshot_keeps_what_is_on_its_way(self):
        bridge = Bridge(law=("uniform", 0.0, 500.0), cap_atoms=1_000, outages=[(300, 350)])
        for _ in range(20):
            bridge.send(7)
        bridge.at(120)
        copy = _core.World.restore(bridge.world.snapshot())
        assert copy.route(0) == bridge.told()
        for world in (copy, bridge.world):
            world.act(bridge.here, "transfer", bridge.number, 11, party=bridge.there)
            world.run(5_000, check=True)
        assert copy.digest() == bridge.world.digest()
        assert bridge.has(bridge.there) == 151

    def test_the_digest_sees_who_it_is_for(self):
        digests = set()
        for party in ("there", "second"):
            bridge = Bridge()
            bridge.send(7, party=getattr(bridge, party))
            digests.add(bridge.world.digest())
        assert len(digests) == 2

    def test_a_world_without_routes_has_the_digest_it_had(self):
        world = _core.World(1)
        world.add_asset(10)
        before = world.digest()
        assert _core.World.restore(world.snapshot()).digest() == before

    def test_movements_say_what_moved(self):
        bridge = Bridge(fee_atoms=3)
        bridge.world.record(movements=True)
        bridge.send(10)
        bridge.at(100)
        table = bridge.world.table("movements")
        names = ("payer", "receiver", "atoms", "kind")
        held = bridge.told()["account"]
        assert list(zip(*(table[name].tolist() for name in names), strict=True)) == [
            (bridge.here, 0, 3, 21),
            (bridge.here, held, 7, 21),
            (held, bridge.there, 7, 21),
        ]


class TestMargin:
    """B-7, E-4: what leaves and what arrives is seen by margin in the same event."""

    def test_what_a_position_needs_does_not_leave_and_money_that_arrives_saves_it(self):
        world = _core.World(SEED)
        world.add_asset(2**60)
        perp = world.add_perpetual(
            0, atoms_per_tick_lot=1, maintenance_ppm=50_000, initial=world.add_schedule((0,), (100_000,))
        )
        long, short, bank = (world.add_accounts() for _ in range(3))
        inner = world.add_route(0, 0, 0, key="inner", least_ms=500)
        for account in (long, short, bank):
            world.deposit(account, 0, 10_000)
        world.publish(perp, 1_000)
        world.open_trade(perp, long, short, 50, 1_000)  # initial 5,000, maintenance 2,500
        assert world.act(long, "transfer", inner, 5_001, party=bank)[0] == LACKING
        assert world.act(long, "transfer", inner, 5_000, party=bank)[0] == DONE
        world.publish(perp, 955)
        world.run(1, check=True)  # equity 2,750 against 2,388
        assert not world.in_liquidation(long)
        assert world.act(bank, "transfer", inner, 2_000, party=long)[0] == DONE
        world.run(600, check=True)
        world.publish(perp, 920)
        world.run(601, check=True)  # equity 3,000: without what came it would be 1,000
        assert not world.in_liquidation(long)


def column(values, dtype):
    return np.array(values, dtype=dtype)


class Holder:
    """A long at another venue than the reserve that tops it up."""

    def __init__(self, mode, *, reserve=100_000, **terms):
        self.world = _core.World(SEED, stage_ppm=0)
        self.world.add_asset(2**60)
        self.far = self.world.add_venue(stage_ppm=0)
        rungs = [(int(MarginAction.WARN), 2_000_000, True), (int(MarginAction.LIQUIDATE), 1_000_000, False)]
        self.world.set_ladder(self.far, rungs)
        self.perp = self.world.add_perpetual(0, atoms_per_tick_lot=1, maintenance_ppm=50_000, venue=self.far)
        self.reserve = self.world.add_accounts()
        self.other = self.world.add_accounts(1, venue=self.far)
        self.member = self.world.add_accounts(1, venue=self.far, mode=mode)
        self.world.deposit(self.reserve, 0, reserve)
        self.world.deposit(self.other, 0, 10**9)
        self.world.deposit(self.member, 0, 10_500)  # just above twice the 5,000 that are required
        self.world.publish(self.perp, 1_000)
        self.world.open_trade(self.perp, self.member, self.other, 100, 1_000)
        self.number = self.world.add_route(0, 0, self.far, key="wire", least_ms=200, **terms)
        crowd = self.world.add_crowd(
            "holders", self.member, 1, top_up_after_ms=50, reserve=self.reserve, route=self.number
        )
        self.world.add_top_ups(crowd, column([self.member], np.int32), column([4_000], np.int64), 3)

    def equity(self):
        return self.world.margin(self.member, market=self.perp).equity

    def fall(self, ticks, at_ms):
        self.world.run(at_ms, check=True)
        self.world.publish(self.perp, ticks)


class TestTopUps:
    """K-5: a top-up over a route comes later, and at the route's terms."""

    @pytest.mark.parametrize("mode", [1, 2])
    def test_k5_it_comes_after_its_pause_and_the_way(self, mode):
        holder = Holder(mode, fee_atoms=100)
        holder.fall(990, 1_000)  # equity 9,500, warned at 9,900, looked at 1 ms later
        holder.world.run(1_051, check=True)
        assert holder.world.route(holder.number)["on_way_atoms"] == 3_900
        assert holder.world.crowd_counts()["top_ups"] == 0
        holder.world.run(1_251, check=True)
        assert holder.equity() == 9_500 + 3_900
        assert holder.world.crowd_counts()["top_ups"] == 1
        kinds = holder.world.journal()["kind"].tolist()
        assert kinds[-2:] == ([ARRIVAL, MARGIN] if mode == 1 else [ACTION, ARRIVAL])
        holder.world.run(5_000, check=True)
        assert holder.world.crowd_counts()["top_ups"] == 1  # it stands well again

    @pytest.mark.parametrize("mode", [1, 2])
    def test_k5_none_follows_while_one_is_on_its_way_and_then_the_next_does(self, mode):
        holder = Holder(mode)
        holder.fall(945, 1_000)  # equity 5,000, warned at 9,450: one is too little
        holder.fall(944, 1_100)
        holder.world.run(1_250, check=True)
        assert holder.world.route(holder.number)["transfers"] == 1
        holder.world.run(1_251, check=True)
        assert holder.equity() == 4_900 + 4_000
        holder.world.run(1_500, check=True)
        assert holder.world.crowd_counts()["top_ups"] == 1
        holder.world.run(1_501, check=True)  # 50 + 200 after the first one came
        assert holder.equity() == 4_900 + 8_000
        holder.world.run(5_000, check=True)
        assert holder.world.route(holder.number)["transfers"] == holder.world.crowd_counts()["top_ups"] == 2

    @pytest.mark.parametrize(
        "terms", [{"cap_atoms": 3_999}, {"outages": [(900, 2_000)]}, {"fee_atoms": 4_000}], ids=["cap", "outage", "fee"]
    )
    def test_k5_what_the_route_refuses_is_missing(self, terms):
        holder = Holder(2, **terms)
        holder.fall(990, 1_000)
        holder.world.run(3_000, check=True)
        counts = holder.world.crowd_counts()
        assert (counts["top_ups"], counts["missing"]) == (0, 1)
        assert holder.world.balance(holder.reserve, 0) == (100_000, 0)

    def test_k5_too_late_for_a_liquidation_it_stays_on_the_balance(self):
        holder = Holder(2)
        holder.fall(990, 1_000)
        holder.fall(930, 1_100)  # equity 3,500 of 4,650: liquidated while 4,000 are on their way
        holder.world.run(1_101, check=True)
        assert holder.world.in_liquidation(holder.member)
        before = holder.world.balance(holder.member, 0)[0]
        holder.world.run(1_260, check=True)
        assert holder.world.balance(holder.member, 0)[0] == before + 4_000
        assert holder.world.crowd_counts()["top_ups"] == 0


BAD_ROUTES = [
    ({"asset": 9}, "asset"),
    ({"venue": 5}, "venue"),
    ({"to_venue": -1}, "to_venue"),
    ({"key": ""}, "key"),
    ({"key": 3}, "key"),
    ({"least_ms": -1}, "least_ms"),
    ({"law": ("gauss", 1.0)}, "law"),
    ({"fee_atoms": 2**61 + 1}, "fee_atoms"),
    ({"cap_atoms": -1}, "cap_atoms"),
    ({"cap_ms": 0}, "cap_ms"),
    ({"outages": [(5, 5)]}, "outages[0].to_ms"),
    ({"outages": [(5, 9), (8, 10)]}, "outages[1].from_ms"),
]


class TestInput:
    @pytest.mark.parametrize(("wrong", "field"), BAD_ROUTES)
    def test_bad_input_names_the_field_and_opens_nothing(self, wrong, field):
        world = Bridge().world
        before = world.account_count
        terms = {"asset": USD, "venue": 0, "to_venue": 1, "key": "x", "least_ms": 1, **wrong}
        with pytest.raises(InputError) as caught:
            world.add_route(terms.pop("asset"), terms.pop("venue"), terms.pop("to_venue"), **terms)
        assert caught.value.field == field
        assert world.account_count == before
        with pytest.raises(InputError):
            world.route(1)

    def test_a_crowds_route_ends_at_its_members(self):
        holder = Holder(2)
        back = holder.world.add_route(0, holder.far, 0, key="back", least_ms=1)
        late = holder.world.add_accounts(1, venue=holder.far)
        for terms, field in (
            ({"reserve": holder.reserve, "route": back}, "route"),
            ({"route": holder.number}, "reserve"),
            ({"reserve": holder.reserve, "route": 7}, "route"),
        ):
            with pytest.raises(InputError) as caught:
                holder.world.add_crowd("late", late, 1, **terms)
            assert caught.value.field == field

    def test_simulation_speaks_in_units(self):
        sim = Simulation(seed=1)
        usdt = sim.asset("USDT", decimals=2, supply="1000")
        far = sim.venue("far")
        route = sim.route("wire", usdt, 0, far, least_ms=5, fee="0.5", cap="10")
        told = sim.world.route(route)
        assert (told["fee_atoms"], told["cap_left"], told["asset"]) == (50, 1_000, usdt.number)
        assert sim.accounts[route.account] == "on its way over wire"
        for wrong, field in (({"fee": "0.001"}, "fee"), ({"cap": "x"}, "cap")):
            with pytest.raises(InputError) as caught:
                sim.route("other", usdt, 0, far, least_ms=5, **wrong)
            assert caught.value.field == field
        with pytest.raises(InputError):
            sim.route("wire", usdt, 0, far, least_ms=5)
        assert sim.fork().routes == {"wire": route}
