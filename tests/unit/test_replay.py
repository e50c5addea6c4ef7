"""Replayed columns: T-6."""

from __future__ import annotations

import numpy as np
import pytest
from agentkit import Quoter, Scripted, add
from worldkit import BASE, BUY, CANCEL_ROW, PLACE_ROW, QUOTE, SELL, agree, journal, opened

from engine import CommandKind, InputError, OrderBook, OrderType, TimeInForce, _core
from engine.testing.worlds import rows_of, small_world

DTYPES = {
    "time_ms": np.int64,
    "kind": np.uint8,
    "account": np.int32,
    "market": np.int32,
    "side": np.int8,
    "price_ticks": np.int32,
    "qty_lots": np.int64,
    "is_market": np.uint8,
    "immediate": np.uint8,
    "ref": np.int32,
}
PLACE, CANCEL = int(CommandKind.PLACE), int(CommandKind.CANCEL)


def place(time_ms, account, side, price, lots, *, market=0, is_market=0, immediate=0):
    return (time_ms, PLACE, account, market, side, price, lots, is_market, immediate, 0)


def cancel(time_ms, ref):
    # What a cancel does not need is not looked at.
    return (time_ms, CANCEL, -1, -1, 0, 0, 0, 0, 0, ref)


def columns(*rows):
    """Return rows as the columns of `add_replay`."""
    values = list(zip(*rows, strict=True)) if rows else [[] for _ in DTYPES]
    return {name: np.array(column, dtype) for (name, dtype), column in zip(DTYPES.items(), values, strict=True)}


def spot(accounts=2, **options):
    """Open a spot market and rich accounts 3, 4, ..."""
    twin = opened(**options)
    twin.spot(BASE, QUOTE)
    for _ in range(accounts):
        twin.account(10**12, 10**12)
    return twin


def send_one_by_one(native, flow):
    tickets = []
    for row in range(len(flow["time_ms"])):
        value = {name: int(column[row]) for name, column in flow.items()}
        tickets.append(None)
        if value["kind"] == CANCEL:
            native.send_cancel(tickets[value["ref"]], at_ms=value["time_ms"])
            continue
        price = None if value["is_market"] else value["price_ticks"]
        tickets[-1] = native.send_order(
            value["account"],
            value["market"],
            value["side"],
            price,
            value["qty_lots"],
            at_ms=value["time_ms"],
            immediate=bool(value["immediate"]),
        )


def random_flow(n, seed=1, *, start_ms=0, accounts=(3, 4), span_ms=None, cancels=True):
    """Draw a crossing flow with market and immediate orders, refusals, cancels and late cancels."""
    draw = np.random.default_rng(seed)
    rows = np.arange(n)
    is_cancel = (rows % 3 == 2) & cancels
    earlier = (draw.random(n) * rows).astype(np.int32)
    side = np.where(draw.random(n) < 0.5, 1, -1).astype(np.int8)
    is_market = (draw.random(n) < 0.1).astype(np.uint8)
    return {
        "time_ms": start_ms + np.sort(draw.integers(0, span_ms or n // 4 + 1, n)),
        "kind": np.where(is_cancel, CANCEL, PLACE).astype(np.uint8),
        "account": draw.choice(np.array(accounts, np.int32), n),
        "market": np.zeros(n, np.int32),
        "side": side,
        "price_ticks": (1_000 - side * draw.integers(-3, 40, n)).astype(np.int32),
        "qty_lots": draw.integers(0, 100, n),
        "is_market": is_market,
        "immediate": (draw.random(n) < 0.1).astype(np.uint8),
        "ref": np.where(is_cancel, earlier - (earlier % 3 == 2), 0).astype(np.int32),
    }


class TestEqualsSending:
    def test_t6_a_replay_is_the_same_orders_sent_one_by_one(self):
        flow = random_flow(3_000)
        replayed, sent = spot(), spot()
        assert replayed.native.add_replay(flow) == 3_000
        send_one_by_one(sent.native, flow)
        for twin in (replayed, sent):
            twin.native.run(2_000)
            agree(twin)
        counts = replayed.native.counts()
        assert counts["trades"] > 500
        assert counts["cancels"] > 100
        assert counts["cancel_misses"] > 100
        assert sum(counts["rejects"].values()) > 10
        for name in ("orders", "cancels", "cancel_misses", "trades", "rejects", "pending"):
            assert counts[name] == sent.native.counts()[name]
        assert rows_of(replayed.native.trades()) == rows_of(sent.native.trades())
        assert rows_of(replayed.native.journal()) == rows_of(sent.native.journal())
        assert replayed.native.digest() == sent.native.digest()

    def test_t6_beside_agents_of_all_kinds_it_still_is(self):
        worlds = []
        for replays in (True, False):
            twin = small_world()
            add(twin, Quoter(1, 25), 10**11, 10**9, watches=[1], latency_law=("exponential", 5.0))
            first = twin.account(10**11, 10**9)
            flow = random_flow(900, start_ms=100, accounts=(first, first), span_ms=2_500)
            flow["market"][:] = 1
            if replays:
                twin.native.add_replay(flow)
            else:
                send_one_by_one(twin.native, flow)
            twin.native.run(3_000)
            agree(twin)
            worlds.append(twin.native)
        # One by one they were all sent before anything else of their millisecond, so rows may come in another order
        # there; what the replay's account did is the same where no agent acts in the same millisecond.
        placed = [
            [row for row in rows_of(world.journal()) if row[4] == first and row[6] == PLACE_ROW] for world in worlds
        ]
        assert len(placed[0]) > 500
        assert placed[0] == placed[1]

    def test_t6_200_000_rows_leave_the_book_and_the_trades_of_a_stand_alone_book(self):
        n = 200_000
        flow = random_flow(n, seed=3)
        flow["qty_lots"] += 1
        twin = spot(record_journal=False)
        twin.native.add_replay(flow)
        twin.native.run(n)
        twin.native.check_invariants()

        book = OrderBook()
        is_cancel = flow["kind"] == CANCEL
        name = np.where(is_cancel, flow["ref"], np.arange(n)).astype(np.int64)
        result = book.apply(
            {
                "kind": flow["kind"],
                "side": flow["side"],
                "price_ticks": np.where(flow["is_market"] == 1, 0, flow["price_ticks"]).astype(np.int32),
                "qty_lots": flow["qty_lots"],
                "order_type": np.where(flow["is_market"], OrderType.MARKET, OrderType.LIMIT).astype(np.uint8),
                "time_in_force": np.where(
                    flow["is_market"] | flow["immediate"], TimeInForce.IOC, TimeInForce.GTC
                ).astype(np.uint8),
                "order_id": name,
            }
        )
        trades = twin.native.trades()
        assert twin.native.depth(0, 10**6) == book.depth(10**6)
        assert len(trades) == len(result.fills) > 30_000
        assert trades["price_ticks"].tolist() == result.fills["price_ticks"].tolist()
        assert trades["qty_lots"].tolist() == result.fills["qty_lots"].tolist()


class TestOrder:
    def test_t6_within_a_millisecond_rows_keep_their_order(self):
        twin = spot()
        twin.native.add_replay(
            columns(
                place(5, 3, BUY, 90, 1), place(5, 4, BUY, 91, 2), cancel(5, 0), place(5, 3, BUY, 92, 3), cancel(5, 3)
            )
        )
        twin.native.run(10, check=True)
        assert [(row[0], row[-2]) for row in journal(twin, PLACE_ROW, CANCEL_ROW)] == [
            (5, 90),
            (5, 91),
            (5, 90),
            (5, 92),
            (5, 92),
        ]
        assert [row[2:4] for row in twin.native.orders(0)] == [(91, 2)]

    def test_t6_they_stand_behind_what_was_sent_for_their_millisecond_before(self):
        twin = spot(3)
        agent = Scripted(start=lambda agent, context: context.place(0, BUY, 1, 90))
        account = add(twin, agent, start_ms=7, latency_ms=3)
        late = Scripted(start=lambda agent, context: context.place(0, BUY, 3, 90))
        other = add(twin, late, start_ms=9, latency_ms=1, name="late")
        twin.native.send_order(4, 0, BUY, 90, 5, at_ms=10)
        twin.native.add_replay(columns(place(10, 3, BUY, 90, 2)))
        twin.native.send_order(5, 0, BUY, 90, 6, at_ms=10)  # sent after the declaration, before the millisecond
        twin.native.run(20, check=True)
        assert [row[4] for row in twin.native.orders(0)] == [4, 5, account, other, 3]

    def test_t6_two_replays_are_two_cursors(self):
        twin = spot()
        twin.native.add_replay(columns(place(5, 3, BUY, 90, 1), place(9, 3, BUY, 90, 3), cancel(20, 0)))
        twin.native.add_replay(columns(place(5, 4, BUY, 90, 2), place(7, 4, BUY, 90, 4), cancel(21, 0)))
        twin.native.run(15)
        assert [row[4] for row in twin.native.orders(0)] == [3, 4, 4, 3]
        twin.native.run(30, check=True)
        assert [row[4] for row in twin.native.orders(0)] == [4, 3]
        agree(twin)

    def test_t3a_rows_of_a_millisecond_that_has_run_arrive_in_the_next_one(self):
        twin = spot()
        twin.native.run(5)
        twin.native.add_replay(columns(place(5, 3, BUY, 90, 1), place(6, 3, BUY, 91, 1), place(8, 3, BUY, 92, 1)))
        twin.native.run(20)
        assert [(row[0], row[-2]) for row in journal(twin, PLACE_ROW)] == [(6, 90), (6, 91), (8, 92)]

    def test_t6_a_pause_costs_one_event_and_an_empty_replay_none(self):
        twin = spot()
        assert twin.native.add_replay(columns()) == 0
        assert twin.native.counts()["pending"] == 0
        twin.native.add_replay(columns(*[place(5, 3, BUY, 90, 1)] * 50, place(10**6, 3, BUY, 90, 1)))
        assert twin.native.counts()["pending"] == 1
        assert twin.native.run(10**6) == 4  # the cursor and its rows, twice


class TestMisses:
    def test_v5_a_cancel_of_what_has_traded_was_refused_or_was_cancelled_is_a_miss(self):
        twin = spot()
        twin.native.add_replay(
            columns(
                place(1, 3, BUY, 90, 5),
                place(2, 4, SELL, 90, 5),
                cancel(3, 0),
                cancel(3, 1),
                place(4, 3, BUY, 90, 0),  # refused: no lots
                cancel(4, 4),
                place(5, 3, BUY, 91, 1),
                cancel(6, 6),
                cancel(6, 6),
                place(7, 3, BUY, 99, 1, immediate=1),
                cancel(7, 9),
            )
        )
        twin.native.run(10, check=True)
        counts = twin.native.counts()
        assert (counts["cancels"], counts["cancel_misses"]) == (1, 5)
        assert sum(counts["rejects"].values()) == 1
        agree(twin)

    def test_m7_a_cancel_never_hits_the_order_that_took_the_slot(self):
        twin = spot()
        twin.native.add_replay(
            columns(place(1, 3, BUY, 90, 5), cancel(2, 0), place(3, 4, BUY, 91, 7), cancel(4, 0), cancel(5, 2))
        )
        twin.native.run(4)
        assert [row[3] for row in twin.native.orders(0)] == [7]
        twin.native.run(5, check=True)
        assert twin.native.orders(0) == []


GOOD = (place(5, 3, BUY, 90, 1), place(6, 4, SELL, 95, 1), cancel(7, 0))


def changed(name, value):
    """Return the good columns with one of them changed: a value for row 1, a function of the column, or nothing."""
    flow = columns(*GOOD)
    if value is None:
        del flow[name]
    elif callable(value):
        flow[name] = value(flow[name])
    else:
        flow[name][1] = value
    return flow


BAD = [
    ("time_ms", -1),
    ("time_ms", 4),
    ("time_ms", 2**62),
    ("kind", 0),
    ("kind", 3),
    ("account", 2),
    ("account", -1),
    ("account", 99),
    ("market", 1),
    ("market", -1),
    ("side", 0),
    ("side", 2),
    *[(name, None) for name in list(DTYPES)[:7]],
    ("ref", None),  # there is a cancel
    ("ref", lambda ref: np.array([0, 0, 2], np.int32)),
    ("ref", lambda ref: np.array([0, 0, -1], np.int32)),
    ("ref", lambda ref: np.array([0, 0, 3], np.int32)),
    *[(name, lambda column: column.astype(np.float64)) for name in DTYPES],
    *[(name, lambda column: column[:2].copy()) for name in list(DTYPES)[1:]],
    *[(name, lambda column: np.repeat(column, 2)[::2]) for name in ("time_ms", "price_ticks", "is_market")],
    ("qty_lots", lambda column: column.tolist()),
    ("price_ticks", lambda column: column.reshape(3, 1)),
    ("qty_lots", lambda column: column.astype(">i8")),
]


class TestBadColumns:
    @pytest.mark.parametrize(("name", "value"), BAD)
    def test_u7_a_bad_column_is_named_and_nothing_is_added(self, name, value):
        twin, quiet = spot(), spot()
        with pytest.raises(InputError) as caught:
            twin.native.add_replay(changed(name, value))
        assert caught.value.field == name
        assert twin.native.counts() == quiet.native.counts()
        for world in (twin, quiet):
            world.native.add_replay(columns(*GOOD))
            world.native.run(20, check=True)
        assert twin.native.digest() == quiet.native.digest()

    def test_u7_a_bad_row_is_told(self):
        with pytest.raises(InputError, match=r"side: expected .* was 0 in row 1"):
            spot().native.add_replay(changed("side", 0))

    @pytest.mark.parametrize("wrong", [None, 5, [1, 2], "columns"])
    def test_u7_columns_are_a_mapping(self, wrong):
        with pytest.raises(InputError, match="columns: expected a mapping"):
            spot().native.add_replay(wrong)

    def test_u7_an_unknown_column_is_named(self):
        with pytest.raises(InputError, match="quantity: expected one of the columns time_ms"):
            spot().native.add_replay(columns(*GOOD) | {"quantity": np.zeros(3)})

    def test_u7_a_cancel_names_a_row_that_places(self):
        with pytest.raises(InputError, match="ref: expected an earlier row that places, was 2 in row 3"):
            spot().native.add_replay(columns(*GOOD, cancel(8, 2)))

    def test_u7_the_past_is_closed(self):
        twin = spot()
        twin.native.run(6)
        with pytest.raises(InputError, match="time_ms: expected times from 6 ms on"):
            twin.native.add_replay(columns(*GOOD))

    def test_v8_a_row_stays_at_its_accounts_venue(self):
        twin = spot()
        twin.native.add_spot(BASE, QUOTE, atoms_per_tick_lot=1, base_atoms_per_lot=1, venue=twin.native.add_venue())
        with pytest.raises(InputError, match="market: expected a market at the account's venue 0"):
            twin.native.add_replay(changed("market", 1))

    def test_what_may_be_left_out_is_limit_gtc_without_cancels(self):
        flow = {name: column[:2].copy() for name, column in columns(*GOOD).items() if name in list(DTYPES)[:7]}
        twin = spot()
        assert twin.native.add_replay(flow) == 2
        twin.native.run(10, check=True)
        assert [row[2] for row in twin.native.orders(0)] == [90, 95]

    def test_the_columns_are_copied(self):
        flow = columns(*GOOD)
        twin = spot()
        twin.native.add_replay(flow)
        flow["price_ticks"][:] = 1
        twin.native.run(6)
        assert [row[2] for row in twin.native.orders(0)] == [90, 95]


class TestSnapshot:
    @pytest.mark.parametrize("events", [0, 1, 2, 77, 400, 901])
    def test_j3_a_replay_resumed_in_the_middle_is_the_straight_one(self, events):
        straight, twin = spot(), spot()
        for world in (straight, twin):
            world.native.add_replay(random_flow(1_500))
            world.native.add_replay(random_flow(500, seed=2, start_ms=60))
        straight.native.run(1_000)
        twin.native.run(1_000, events=events)
        before = twin.native.counts()["trades"]
        resumed = _core.World.restore(twin.native.snapshot())
        resumed.run(1_000)
        resumed.check_invariants()
        assert resumed.digest() == straight.native.digest()
        assert resumed.counts() == straight.native.counts()
        assert rows_of(resumed.trades()) == rows_of(straight.native.trades())[before:]
