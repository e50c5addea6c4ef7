"""Python agents: when each callback is made, what a context shows and sends, what an agent knows (N-1 .. N-6)."""

from __future__ import annotations

import gc
import weakref

import pytest
from agentkit import SPOT, START_MS, Scripted, add, spot_world
from worldkit import BASE, BUY, QUOTE, SELL, agree, opened

from engine import Agent, _core
from engine.types import RejectReason

FILL, REFUSED, TAKEN_OFF, LIQUIDATION = 1, 2, 3, 6


def told(agent, kind):
    """Return (heard at, happened at, order's number, side, price, lots) of an agent's notices of a kind."""
    return [
        (when, notice.time_ms, notice.order and notice.order.number, notice.side, notice.price_ticks, notice.lots)
        for what, when, notice in (call for call in agent.heard if call[0] == kind)
    ]


class TestMoments:
    def test_start_comes_once_at_its_time_and_wakes_when_asked_for(self):
        def later(agent, context):
            if context.time_ms < 30:
                context.wake_in(5)
                context.wake_at(30)

        agent = Scripted(start=later, wake=lambda agent, context: None)
        twin = spot_world()
        add(twin, agent)
        twin.native.run(100, check=True)
        assert agent.times() == [("start", 10), ("wake", 15), ("wake", 30)]

    def test_without_a_start_it_is_called_now(self):
        twin = spot_world()
        twin.native.run(7)
        agent = Scripted()
        add(twin, agent, start_ms=None)
        twin.native.run(20)
        # T-3a: the clock stands behind everything of millisecond 7.
        assert agent.times() == [("start", 8)]

    def test_n1_a_taker_fill_is_heard_of_after_both_ways(self):
        agent = Scripted(start=lambda agent, context: context.place(SPOT, BUY, 3))
        twin = spot_world()
        add(twin, agent, latency_ms=4)
        twin.native.run(100, check=True)
        assert told(agent, "fill") == [(18, 14, 1, BUY, 101, 3)]
        assert agent.heard[-1][2].kind == FILL
        agree(twin)

    def test_n4_every_fill_of_an_order_is_told_and_the_order_counts_down(self):
        left = []
        agent = Scripted(
            start=lambda agent, context: context.place(SPOT, BUY, 15, 102),
            fill=lambda agent, context, fill: left.append((fill.order.leaves_lots, fill.order.is_open)),
        )
        twin = spot_world()
        add(twin, agent, latency_ms=2)
        twin.native.run(100, check=True)
        assert told(agent, "fill") == [(14, 12, 1, BUY, 101, 10), (14, 12, 1, BUY, 102, 5)]
        assert left == [(5, True), (0, False)]

    def test_n4_a_maker_is_told_of_its_own_side_and_price(self):
        agent = Scripted(start=lambda agent, context: context.place(SPOT, BUY, 5, 100))
        twin = spot_world()
        add(twin, agent, latency_ms=3)
        seller = twin.account(0, 100)
        for at_ms, lots in ((20, 2), (25, 3)):
            twin.native.send_order(seller, SPOT, SELL, None, lots, at_ms=at_ms)
        twin.native.run(100, check=True)
        assert told(agent, "fill") == [(23, 20, 1, BUY, 100, 2), (28, 25, 1, BUY, 100, 3)]

    def test_n4_a_cancel_of_its_own_is_confirmed(self):
        agent = Scripted(
            start=lambda agent, context: (context.place(SPOT, BUY, 5, 90), context.wake_in(10)),
            wake=lambda agent, context: context.cancel(context.orders[0]),
        )
        twin = spot_world()
        add(twin, agent, latency_ms=2)
        twin.native.run(100, check=True)
        assert told(agent, "cancel") == [(24, 22, 1, BUY, 90, 5)]
        (order,) = [notice.order for *_, notice in agent.heard[2:]]
        assert (order.leaves_lots, order.is_open, order.qty_lots) == (0, False, 5)

    def test_n4_a_refusal_says_why(self):
        agent = Scripted(start=lambda agent, context: context.place(SPOT, SELL, 5, 110))
        twin = spot_world()
        add(twin, agent, 1000, 4)
        twin.native.run(100, check=True)
        assert told(agent, "reject") == [(12, 11, 1, SELL, 110, 5)]
        notice = agent.heard[-1][2]
        assert (notice.kind, notice.reason) == (REFUSED, RejectReason.INSUFFICIENT_FUNDS)
        assert notice.order.leaves_lots == 0

    @pytest.mark.parametrize("lots", [0, -3, 2**62])
    def test_u7_a_quantity_that_the_rules_refuse_is_data_not_an_error(self, lots):
        agent = Scripted(start=lambda agent, context: context.place(SPOT, BUY, lots, 90))
        twin = spot_world()
        add(twin, agent)
        twin.native.run(100, check=True)
        assert [what for what, _ in agent.times()] == ["start", "reject"]

    @pytest.mark.parametrize(("price", "immediate", "filled"), [(None, False, 20), (101, True, 10), (100, True, 0)])
    def test_n4_what_a_market_or_ioc_order_leaves_untraded_is_told_as_taken_off(self, price, immediate, filled):
        agent = Scripted(start=lambda agent, context: context.place(SPOT, BUY, 25, price, immediate=immediate))
        twin = spot_world()
        add(twin, agent)
        twin.native.run(100, check=True)
        assert sum(row[-1] for row in told(agent, "fill")) == filled
        (cancel,) = told(agent, "cancel")
        assert (cancel[:2], cancel[-1]) == ((12, 11), 25 - filled)
        assert agent.heard[-1][2].order.is_open is False

    def test_orders_are_those_that_may_still_trade(self):
        seen = []

        def start(agent, context):
            for price in (90, 91, 101):
                context.place(SPOT, BUY, 1, price)
            seen.append([order.number for order in context.orders])
            context.wake_in(10)

        agent = Scripted(start=start, wake=lambda agent, context: seen.append([o.number for o in context.orders]))
        twin = spot_world()
        add(twin, agent)
        twin.native.run(100)
        assert seen == [[1, 2, 3], [1, 2]]

    def test_end_is_told_once_and_nothing_can_be_sent_any_more(self):
        refused = []

        def end(agent, context):
            context.touch(SPOT), context.balance(QUOTE), context.uniform()
            for send in (
                lambda: context.place(SPOT, BUY, 1, 90),
                lambda: context.cancel_all(),
                lambda: context.wake_in(1),
                lambda: context.wake_at(10**6),
            ):
                with pytest.raises(RuntimeError, match="the run has ended"):
                    send()
                refused.append(send)

        agent = Scripted(end=end)
        twin = spot_world()
        add(twin, agent)
        twin.native.run(50)
        pending = twin.native.counts()["pending"]
        twin.native.finish()
        twin.native.finish()
        assert agent.times() == [("start", 10), ("end", 50)]
        assert len(refused) == 4
        assert twin.native.counts()["pending"] == pending

    @pytest.mark.parametrize("overrides", [False, True])
    def test_what_an_agent_does_not_override_is_never_called(self, overrides, monkeypatch):
        calls = []

        def told(what):
            return lambda *_: calls.append(what)

        class Deaf(Agent):
            pass

        if overrides:
            Deaf.on_fill = told("fill")
        for name in [name for name in vars(Agent) if name.startswith("on_")]:
            method = told(name)
            method.is_default = True
            monkeypatch.setattr(Agent, name, method)
        twin = spot_world()
        account = add(twin, Deaf())
        twin.native.send_order(account, SPOT, BUY, None, 3, at_ms=20)
        twin.native.run(50)
        twin.native.finish()
        assert calls == ["fill"] * overrides


class TestContext:
    def test_it_shows_the_books_and_its_own_account(self):
        seen = {}

        def start(agent, context):
            seen["account"] = context.account
            seen["touch"] = context.touch(SPOT)
            seen["depth"] = context.depth(SPOT), context.depth(SPOT, 1), context.depth(SPOT, 0)
            seen["book"] = context.book(SPOT)
            seen["balance"] = context.balance(QUOTE), context.balance(BASE)
            seen["position"] = context.position(SPOT)
            context.place(SPOT, BUY, 2, 95)
            context.wake_in(5)

        def wake(agent, context):
            seen["reserved"] = context.balance(QUOTE)

        twin = spot_world()
        account = add(twin, Scripted(start=start, wake=wake), 1000, 7)
        twin.native.run(10)
        full = ([(99, 10), (98, 10)], [(101, 10), (102, 10)])
        assert seen["account"] == account
        assert seen["touch"] == (99, 101)
        assert seen["depth"] == (full, ([(99, 10)], [(101, 10)]), ([], []))
        assert seen["book"] == twin.native.market(SPOT)
        assert seen["balance"] == ((1000, 0), (7, 0))
        assert seen["position"] == (0, 0)
        twin.native.run(20)
        assert seen["reserved"] == (1000, 190)

    def test_an_empty_side_has_no_touch(self):
        seen = []
        twin = spot_world(levels=())
        add(twin, Scripted(start=lambda agent, context: seen.append((context.touch(SPOT), context.depth(SPOT)))))
        twin.native.run(20)
        assert seen == [((None, None), ([], []))]

    def test_a_position_is_that_of_a_perpetual(self):
        seen = []
        twin = opened()
        market = twin.perpetual(QUOTE)
        other = twin.account(10**6)
        agent = Scripted(start=lambda agent, context: seen.append(context.position(market)))
        account = add(twin, agent, 10**6)
        twin.native.open_trade(market, account, other, 5, 100)
        twin.native.run(20)
        assert seen == [(5, 500)]

    def test_r3_uniform_is_keyed_by_agent_and_moment(self):
        drawn = []

        def draw(agent, context):
            drawn.append([context.uniform() for _ in range(3)])
            if context.time_ms < 20:
                context.wake_in(10)

        twin = spot_world(seed=5)
        add(twin, Scripted(start=draw, wake=draw))
        twin.native.run(50)
        key, purpose = _core.member_key("hero", 0), 11
        bits = [[_core.draw(5, key, purpose, at_ms, k) for k in range(3)] for at_ms in (10, 20)]
        assert drawn == [[((word >> 12) + 0.5) * 2.0**-52 for word in row] for row in bits]

    def test_n2_a_picture_delays_what_a_wake_sends_and_not_what_a_notice_does(self):
        agent = Scripted(
            start=lambda agent, context: context.place(SPOT, BUY, 1),
            fill=lambda agent, context, fill: fill.order.number == 1 and context.place(SPOT, SELL, 1),
        )
        twin = spot_world()
        add(twin, agent, latency_ms=3, picture_ms=5)
        twin.native.run(100)
        # 10 sees, 15 sends, 18 arrives, 21 hears and sends, 24 arrives.
        assert twin.native.trades()["time_ms"].tolist() == [18, 24]

    def test_n1_latency_is_drawn_from_its_law_and_a_link_is_first_in_first_out(self):
        def buy(agent, context):
            context.place(SPOT, BUY, 1)
            if context.time_ms < 24:
                context.wake_in(1)

        twin = spot_world()
        add(twin, Scripted(start=buy, wake=buy), latency_ms=2, latency_law=("uniform", 0, 10))
        twin.native.run(200, check=True)
        trades = twin.native.trades()
        assert trades["taker_order"].tolist() == list(range(1, 16))
        assert trades["time_ms"].tolist() == sorted(trades["time_ms"].tolist())
        ways = [at_ms - (9 + number) for at_ms, number in zip(trades["time_ms"], trades["taker_order"], strict=True)]
        assert len(set(ways)) > 2
        assert 2 <= min(ways) <= max(ways) <= 12

    def test_a_message_takes_at_least_a_millisecond(self):
        agent = Scripted(start=lambda agent, context: context.place(SPOT, BUY, 1))
        twin = spot_world()
        add(twin, agent, latency_ms=0)
        twin.native.run(100)
        assert told(agent, "fill") == [(11, 11, 1, BUY, 101, 1)]

    def test_cancel_all_takes_one_market_or_all(self):
        def start(agent, context):
            for market in (0, 0, 1):
                context.place(market, BUY, 1, 50)
            context.wake_at(20)
            context.wake_at(30)

        agent = Scripted(start=start, wake=lambda agent, context: context.cancel_all(*([1] * (context.time_ms == 20))))
        twin = spot_world()
        twin.spot(BASE, QUOTE)
        add(twin, agent)
        twin.native.run(25)
        assert [len(twin.native.orders(market)) for market in (0, 1)] == [6, 0]
        twin.native.run(100)
        assert len(twin.native.orders(0)) == 4
        assert twin.native.counts()["cancel_misses"] == 0
        agree(twin)

    def test_a_cancel_of_what_is_known_to_be_gone_sends_nothing(self):
        agent = Scripted(
            start=lambda agent, context: context.place(SPOT, BUY, 1),
            fill=lambda agent, context, fill: context.cancel(fill.order),
        )
        twin = spot_world()
        add(twin, agent)
        twin.native.run(100)
        assert twin.native.counts()["cancel_misses"] == 0


class TestKnowledge:
    def test_n4_until_the_notice_an_order_is_what_it_was_and_a_late_cancel_is_a_miss(self):
        known = []

        def wake(agent, context):
            (order,) = context.orders
            known.append((context.time_ms, order.leaves_lots))
            context.cancel(order)

        agent = Scripted(
            start=lambda agent, context: (context.place(SPOT, BUY, 4, 100), context.wake_at(17)), wake=wake
        )
        twin = spot_world()
        add(twin, agent, latency_ms=5)
        twin.native.send_order(twin.account(0, 10), SPOT, SELL, None, 4, at_ms=16)
        twin.native.run(100, check=True)
        assert known == [(17, 4)]  # traded at 16, heard of at 21
        assert agent.times("fill", "cancel") == [("fill", 21)]
        assert twin.native.counts()["cancel_misses"] == 1
        agree(twin)

    def test_n4_a_cancel_that_meets_a_half_filled_order_takes_the_rest(self):
        agent = Scripted(
            start=lambda agent, context: (context.place(SPOT, BUY, 4, 100), context.wake_at(14)),
            wake=lambda agent, context: context.cancel_all(),
        )
        twin = spot_world()
        add(twin, agent, latency_ms=3)
        twin.native.send_order(twin.account(0, 10), SPOT, SELL, None, 1, at_ms=16)
        twin.native.run(100)
        assert told(agent, "fill") == [(19, 16, 1, BUY, 100, 1)]
        assert told(agent, "cancel") == [(20, 17, 1, BUY, 100, 3)]

    def test_n6_a_watcher_is_told_of_many_changes_at_once_and_sees_the_newest_book(self):
        seen = []
        agent = Scripted(book=lambda agent, context, market: seen.append((context.time_ms, context.touch(market)[1])))
        twin = spot_world()
        add(twin, agent, latency_ms=5, watches=[SPOT])
        seller = twin.account(0, 100)
        twin.native.run(15)  # the standing book is a change of its own
        seen.clear()
        for at_ms, price in ((20, 101), (21, 100), (23, None), (40, 100)):
            side = SELL if price else BUY
            twin.native.send_order(seller if price else twin.account(10**6), SPOT, side, price, 1, at_ms=at_ms)
        twin.native.run(100)
        # 20: behind the best, no change. 21: told, on its way to 26; 23: another one tells nothing. 40: told at 45.
        assert seen == [(26, 101), (45, 100)]

    def test_n6_only_who_watches_is_told(self):
        idle, watcher = Scripted(), Scripted()
        twin = spot_world()
        twin.spot(BASE, QUOTE)
        add(twin, idle)
        add(twin, watcher, watches=[1], name="other")
        twin.native.run(15)
        twin.native.send_order(twin.account(10**6), SPOT, BUY, None, 10, at_ms=20)
        twin.native.send_order(twin.account(10**6), 1, BUY, 50, 10, at_ms=30)
        twin.native.run(100)
        assert idle.times("book") == []
        assert [call[1:] for call in watcher.heard if call[0] == "book"] == [(31, 1)]


class TestLiquidation:
    @pytest.fixture
    def story(self):
        """A long of 20 lots at 100 with 260 behind it; at 50 ms the book falls, at 100 ms the mark finds it."""
        twin = opened(stage_ppm=10**6, stage_interval_ms=50)
        market = twin.perpetual(QUOTE, maintenance_ppm=100_000)
        twin.native.add_mark(market, every_ms=100, lag_ms=0)
        maker, short, whale = (twin.account(10**6) for _ in range(3))
        for price, lots in ((98, 10), (85, 40)):
            twin.native.send_order(maker, market, BUY, price, lots, at_ms=0)
        twin.native.send_order(maker, market, SELL, 102, 100, at_ms=0)
        agent = Scripted(
            start=lambda agent, context: context.place(market, BUY, 1, 80),
            liquidation=lambda agent, context, notice: context.place(market, BUY, 1, 80),
        )
        account = add(twin, agent, 260, latency_ms=1)
        twin.native.open_trade(market, account, short, 20, 100)
        twin.native.send_order(whale, market, SELL, None, 11, at_ms=50)
        twin.native.run(101, check=True)
        return twin, agent, account

    def test_x4_it_hears_of_its_liquidation_and_of_what_is_done_for_it(self, story):
        twin, agent, account = story
        assert twin.native.in_liquidation(account)
        assert agent.times() == [("start", 10), ("liquidation", 101), ("cancel", 101), ("fill", 101)]
        notice, cancel, fill = (call[2] for call in agent.heard[1:])
        assert (notice.kind, notice.time_ms, notice.order) == (LIQUIDATION, 100, None)
        assert notice.cause > 0
        # The engine took its order off, and sold in its name with an order that is none of the agent's.
        assert (cancel.kind, cancel.order.number, cancel.lots) == (TAKEN_OFF, 1, 1)
        assert (fill.kind, fill.order, fill.side, fill.lots) == (FILL, None, SELL, 20)

    def test_v3_in_liquidation_its_orders_are_refused(self, story):
        twin, agent, _ = story
        twin.native.run(110, check=True)
        assert [call[2].reason for call in agent.heard if call[0] == "reject"] == [RejectReason.ACCOUNT_FROZEN]
        agree(twin)


def test_a_world_and_its_agents_are_freed_though_they_know_one_another():
    twin = spot_world()
    agent = Scripted(start=lambda agent, context: setattr(agent, "kept", (context, context.place(SPOT, BUY, 1, 90))))
    add(twin, agent)
    twin.native.run(50)
    gone = weakref.ref(agent)
    del twin, agent
    gc.collect()
    assert gone() is None


def test_g5_what_a_python_agent_sends_carries_no_cause():
    twin = spot_world()
    add(twin, Scripted(start=lambda agent, context: context.place(SPOT, BUY, 1)))
    twin.native.run(50)
    assert twin.native.trades()["cause"].tolist() == [0]


def test_the_start_of_these_stories_is_after_the_book():
    twin = spot_world()
    twin.native.run(START_MS - 1)
    assert twin.native.market(SPOT)["best_bid"] == 99
