"""Populations that are stepped together: what an ArrayContext shows, sends and refuses."""

from __future__ import annotations

import numpy as np
import pytest
from agentkit import SPOT, START_MS, Crowd, Scripted, ScriptedArray, spot_world
from worldkit import BASE, BUY, QUOTE, SELL, agree

from engine import AgentError, InputError, _core
from engine.testing.worlds import rows_of, small_world

MEMBERS = 4


def keys_of(count, name="crowd"):
    return [_core.member_key(name, ordinal) for ordinal in range(count)]


def crowd(twin, agent, count=MEMBERS, deposits=(10**6, 10**6), **options):
    """Open an account for each member and add the population; returns the accounts."""
    accounts = [twin.account(*deposits) for _ in range(count)]
    options = {"start_ms": START_MS, "name": "crowd"} | options
    twin.native.add_python(agent, accounts, keys_of(count), as_array=True, **options)
    return accounts


def members(*numbers):
    return np.array(numbers, np.int64)


def sides(*numbers):
    return np.array(numbers, np.int8)


def lots(*numbers):
    return np.array(numbers, np.int64)


def prices(*numbers):
    return np.array(numbers, np.int32)


class TestMoments:
    def test_it_is_called_once_for_all_at_start_wake_and_end(self):
        agent = ScriptedArray(start=lambda agent, context: (context.wake_in(5), context.wake_at(30)))
        twin = spot_world()
        crowd(twin, agent)
        twin.native.run(50, check=True)
        twin.native.finish()
        twin.native.finish()
        assert agent.heard == [("start", 10), ("wake", 15), ("wake", 30), ("end", 50)]

    def test_at_the_end_nothing_can_be_sent(self):
        refused = []

        def end(agent, context):
            assert context.positions(SPOT).tolist() == [0] * MEMBERS
            for send in (
                lambda: context.place(SPOT, members(0), sides(1), lots(1)),
                lambda: context.cancel(SPOT, members(), members()),
                lambda: context.wake_in(1),
            ):
                with pytest.raises(RuntimeError, match="the run has ended"):
                    send()
                refused.append(send)

        twin = spot_world()
        crowd(twin, ScriptedArray(end=end))
        twin.native.finish()
        assert len(refused) == 3

    def test_its_exception_names_the_population(self):
        twin = spot_world()
        crowd(twin, ScriptedArray(start=lambda agent, context: 1 // 0))
        with pytest.raises(AgentError, match=r"agent 'crowd' \(number 0\) at 10 ms: ZeroDivisionError"):
            twin.native.run(50)
        twin.native.run(50, check=True)
        agree(twin)


class TestLooks:
    def test_it_shows_the_members_accounts_balances_and_positions_as_copies(self):
        seen = {}

        def start(agent, context):
            seen["count"], seen["accounts"] = context.count, context.accounts
            seen["touch"], seen["depth"] = context.touch(SPOT), context.depth(SPOT, 1)
            for name, values in (("quote", context.balances(QUOTE)), ("positions", context.positions(1))):
                seen[name] = values.copy()
                values[:] = -1  # a copy: the world does not see this
            seen["again"] = context.balances(QUOTE)

        twin = spot_world()
        market = twin.perpetual(QUOTE)
        accounts = crowd(twin, ScriptedArray(start=start), deposits=(500, 7))
        twin.native.open_trade(market, accounts[2], twin.account(10**6), 5, 100)
        twin.native.run(50, check=True)
        assert seen["count"] == MEMBERS
        assert (seen["accounts"].dtype, seen["accounts"].tolist()) == (np.int64, accounts)
        assert (seen["touch"], seen["depth"]) == ((99, 101), ([(99, 10)], [(101, 10)]))
        assert (seen["quote"].dtype, seen["quote"].tolist()) == (np.int64, [500] * MEMBERS)
        assert (seen["positions"].dtype, seen["positions"].tolist()) == (np.int64, [0, 0, 5, 0])
        assert seen["again"].tolist() == [500] * MEMBERS

    def test_r2_each_member_draws_what_a_single_agent_of_its_key_draws(self):
        drawn, single = [], []
        twin = spot_world(seed=9)
        crowd(twin, ScriptedArray(start=lambda agent, context: drawn.extend([context.uniform(), context.uniform()])))
        other = spot_world(seed=9)
        for key in keys_of(MEMBERS):
            agent = Scripted(start=lambda agent, context: single.append([context.uniform(), context.uniform()]))
            other.native.add_python(agent, other.account(1), key, start_ms=START_MS)
        for world in (twin, other):
            world.native.run(20)
        assert drawn[0].dtype == np.float64
        assert np.array(drawn).T.tolist() == single

    def test_u7_bad_markets_and_assets_are_named(self):
        fields = []

        def start(agent, context):
            for look in (
                lambda: context.positions(1),
                lambda: context.balances(-1),
                lambda: context.touch(1),
                lambda: context.wake_in(0),
                lambda: context.wake_at(START_MS),
            ):
                with pytest.raises(InputError) as caught:
                    look()
                fields.append(caught.value.field)

        twin = spot_world()
        crowd(twin, ScriptedArray(start=start))
        twin.native.run(50)
        assert fields == ["market", "asset", "market", "ms", "time_ms"]


class TestSends:
    def test_orders_are_those_of_single_agents_with_the_same_keys(self):
        law = {"latency_ms": 2, "latency_law": ("uniform", 0, 9), "picture_ms": 1, "picture_law": ("exponential", 3.0)}

        def together(agent, context):
            context.place(SPOT, members(0, 1, 2, 3), sides(1, -1, 1, -1), lots(3, 4, 5, 6), prices(101, 99, 97, 110))

        twin, other = spot_world(), spot_world()
        crowd(twin, ScriptedArray(start=together), **law)
        for i, (side, qty, price) in enumerate([(BUY, 3, 101), (SELL, 4, 99), (BUY, 5, 97), (SELL, 6, 110)]):
            act = Scripted(start=lambda agent, context, do=(SPOT, side, qty, price): context.place(*do))
            account = other.account(10**6, 10**6)
            other.native.add_python(act, account, keys_of(4)[i], start_ms=START_MS, **law)
        for world in (twin, other):
            world.native.run(100, check=True)
            agree(world)
        assert rows_of(twin.native.journal())[4:] != []
        assert sorted(rows_of(twin.native.journal())) == sorted(rows_of(other.native.journal()))
        assert twin.native.digest() == other.native.digest()

    @pytest.mark.parametrize(("limits", "immediate"), [(None, False), (prices(101, 101, 99), True)])
    def test_market_and_immediate_orders_leave_nothing_behind(self, limits, immediate):
        def start(agent, context):
            context.place(SPOT, members(0, 1, 2), sides(1, 1, -1), lots(7, 7, 12), limits, immediate=immediate)

        twin = spot_world()
        accounts = crowd(twin, ScriptedArray(start=start))
        twin.native.run(50, check=True)
        filled = [twin.native.balance(account, BASE)[0] - 10**6 for account in accounts]
        assert filled == ([7, 7, -12, 0] if limits is None else [7, 3, -10, 0])
        assert {row[4] for row in twin.native.orders(SPOT)}.isdisjoint(accounts)

    def test_a_member_may_stand_several_times_and_its_orders_keep_their_order(self):
        tickets = []

        def start(agent, context):
            tickets.append(
                context.place(SPOT, members(1, 1, 0, 1), sides(1, 1, 1, 1), lots(1, 2, 3, 4), prices(90, 90, 90, 90))
            )

        twin = spot_world()
        first, second, *_ = crowd(twin, ScriptedArray(start=start))
        twin.native.run(50, check=True)
        assert (tickets[0].dtype, len(set(tickets[0].tolist()))) == (np.int64, 4)
        mine = [(row[0], row[3], row[4]) for row in twin.native.orders(SPOT) if row[2] == 90]
        assert mine == [(1, 1, second), (2, 2, second), (1, 3, first), (3, 4, second)]

    def test_v5_tickets_cancel_and_one_whose_order_has_ended_is_a_miss(self):
        def start(agent, context):
            agent.tickets = context.place(SPOT, members(0, 1, 2), sides(1, 1, 1), lots(1, 2, 3), prices(90, 101, 92))
            context.wake_in(10)

        def wake(agent, context):
            if context.time_ms < 40:
                context.cancel(SPOT, members(0, 1), agent.tickets[:2])  # the second has traded
                context.wake_in(20)
            else:
                context.cancel(SPOT, members(0), agent.tickets[:1])  # and now the first is gone

        twin = spot_world()
        accounts = crowd(twin, ScriptedArray(start=start, wake=wake))
        twin.native.run(100, check=True)
        assert [row[3] for row in twin.native.orders(SPOT) if row[4] in accounts] == [3]
        counts = twin.native.counts()
        assert (counts["cancels"], counts["cancel_misses"]) == (1, 2)
        agree(twin)

    def test_an_order_on_its_way_can_be_cancelled_too(self):
        def start(agent, context):
            tickets = context.place(SPOT, members(0, 3), sides(1, -1), lots(1, 1), prices(90, 110))
            context.cancel(SPOT, members(0, 3), tickets)

        twin = spot_world()
        crowd(twin, ScriptedArray(start=start), latency_ms=5)
        twin.native.run(100, check=True)
        assert twin.native.counts()["cancels"] == 2

    def test_empty_columns_send_nothing(self):
        sent = []

        def start(agent, context):
            sent.append(context.place(SPOT, members(), sides(), lots(), prices()).tolist())
            context.cancel(SPOT, members(), members())

        twin = spot_world()
        crowd(twin, ScriptedArray(start=start))
        twin.native.run(50)
        assert sent == [[]]
        assert twin.native.counts()["orders"] == 4


GOOD = {
    "market": SPOT,
    "members": members(0, 1),
    "sides": sides(1, -1),
    "qty_lots": lots(1, 1),
    "price_ticks": prices(90, 110),
}
BAD_COLUMNS = [
    ("market", 1),
    ("market", None),
    ("members", members(0, 4)),
    ("members", members(-1, 0)),
    ("members", np.array([0, 1], np.int32)),
    ("members", np.array([0.0, 1.0])),
    ("members", [0, 1]),
    ("members", np.arange(4)[::2]),
    ("members", np.array([[0, 1]])),
    ("sides", sides(1, 0)),
    ("sides", sides(2, 1)),
    ("sides", np.array([1, -1])),
    ("sides", sides(1)),
    ("qty_lots", np.array([1.0, 2.0])),
    ("qty_lots", lots(1, 2, 3)),
    ("qty_lots", np.array([1, 2], ">i8")),
    ("price_ticks", lots(90, 110)),
    ("price_ticks", prices(90)),
    ("price_ticks", np.array([90.0, np.nan])),
]


class TestBadInput:
    @pytest.mark.parametrize(("field", "value"), BAD_COLUMNS)
    def test_u7_a_bad_column_is_named_and_nothing_is_sent(self, field, value):
        caught = []

        def start(agent, context):
            with pytest.raises(InputError) as error:
                context.place(**(GOOD | {field: value}))
            caught.append(error.value.field)

        twin, quiet = spot_world(), spot_world()
        crowd(twin, ScriptedArray(start=start))
        crowd(quiet, ScriptedArray())
        for world in (twin, quiet):
            world.native.run(50, check=True)
        assert caught == [field]
        assert twin.native.counts() == quiet.native.counts()
        assert twin.native.digest() == quiet.native.digest()

    def test_the_good_columns_of_these_tests_are_good(self):
        twin = spot_world()
        crowd(twin, ScriptedArray(start=lambda agent, context: context.place(**GOOD)))
        twin.native.run(50)
        assert twin.native.counts()["orders"] == 4 + 2

    def test_u7_tickets_must_be_of_these_members_and_this_market(self):
        refused = []

        def start(agent, context):
            here = context.place(SPOT, members(0, 1), sides(1, 1), lots(1, 1), prices(90, 91))
            there = context.place(1, members(0), sides(1), lots(1), prices(90))
            agent.calls = [
                ("tickets", SPOT, members(1, 0), here),
                ("tickets", SPOT, members(0, 0), here),
                ("tickets", SPOT, members(0), there),
                ("tickets", 1, members(0), here[:1].copy()),
                ("tickets", SPOT, members(0), members(-1)),
                ("tickets", SPOT, members(0), members(2**40 - 1)),
                ("tickets", SPOT, members(0, 1), here[:1].copy()),
                ("tickets", SPOT, members(0, 1), here.astype(np.int32)),
                ("members", SPOT, members(0, 9), here),
                ("market", 2, members(0, 1), here),
            ]
            context.wake_in(10)
            wake(agent, context)  # in flight, and then at rest

        def wake(agent, context):
            for field, *call in agent.calls:
                with pytest.raises(InputError) as error:
                    context.cancel(*call)
                assert error.value.field == field
                refused.append(field)

        twin = spot_world()
        twin.spot(BASE, QUOTE)
        crowd(twin, ScriptedArray(start=start, wake=wake))
        twin.native.run(50, check=True)
        assert len(refused) == 20
        counts = twin.native.counts()
        assert (counts["cancels"], counts["cancel_misses"], counts["orders"]) == (0, 0, 4 + 3)

    def test_v8_every_member_is_checked_for_its_venue(self):
        twin = spot_world()
        venue = twin.native.add_venue()
        here, there = twin.account(10**6), twin.native.add_accounts(venue=venue)
        refused = []

        def start(agent, context):
            with pytest.raises(InputError, match="market: expected a market at the account's venue 1"):
                context.place(SPOT, members(0, 1), sides(1, 1), lots(1, 1), prices(90, 90))
            refused.append(context.place(SPOT, members(0), sides(1), lots(1), prices(90)))

        twin.native.add_python(ScriptedArray(start=start), [here, there], [1, 2], as_array=True, start_ms=START_MS)
        twin.native.run(50, check=True)
        assert len(refused) == 1
        assert twin.native.counts()["orders"] == 4 + 1

    def test_a_kept_context_is_dead_outside_its_call(self):
        kept = []
        twin = spot_world()
        crowd(twin, ScriptedArray(start=lambda agent, context: kept.append(context)))
        twin.native.run(50)
        for use in (
            lambda: kept[0].place(**GOOD),
            lambda: kept[0].cancel(SPOT, members(), members()),
            lambda: kept[0].positions(SPOT),
            lambda: kept[0].balances(QUOTE),
            kept[0].uniform,
            lambda: kept[0].wake_in(1),
        ):
            with pytest.raises(RuntimeError, match="only while its agent is called"):
                use()


def test_j2_a_world_with_a_crowd_replays_in_the_reference_and_repeats_itself():
    digests = set()
    for _ in range(2):
        twin = small_world()
        agent = Crowd(1, pause_ms=15)
        accounts = crowd(twin, agent, 30, (10**11, 10**9), latency_law=("exponential", 6.0))
        twin.native.run(2_500)
        assert agent.calls > 100
        assert np.isin(twin.native.trades()["maker_account"], accounts).sum() > 50
        agree(twin)
        digests.add(twin.native.digest())
    assert len(digests) == 1
