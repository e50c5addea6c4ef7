"""The tables of a run: every row of a small story, what is on, and that recording changes nothing."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import numpy as np
import pytest
from worldkit import BAD_DEBT, BASE, BUY, FEES, PERCENT, QUOTE, SELL, cancel, opened, place

from engine import InputError, _core
from engine.simulation import Simulation
from engine.tables import Tables
from engine.testing.worlds import landmark_rows, rows_of, small_world
from engine.types import OrderType, RejectReason, TimeInForce

NONE = 2**40  # D-2: no price
ARRIVED, CANCELLED, MISSED = 1, 2, 3
DEPOSIT, BASE_LEG, QUOTE_LEG, FEE, REALISED, WRITE_OFF, OPENING = range(1, 8)
INDEX, MARK, LAST, MID = 1, 2, 4, 5
OUTSIDE, CLEARING, NO_MARKET = -1, -2, 65535
END_MS = 3_500
EVERYTHING = {
    "orders": True,
    "quotes": True,
    "quote_sizes": True,
    "last": True,
    "mid_every_ms": 10,
    "depth_every_ms": 50,
    "samples_every_ms": 40,
    "accounts_every_ms": 100,
    "accounts": "all",
    "movements": True,
    "actions": True,
}


def rows(table, *names):
    return list(zip(*(table[name].tolist() for name in names or table.names), strict=True))


def recorded(world, name, *names):
    return rows(world.native.table(name), *names)


@pytest.fixture
def spot():
    """Open a spot market with a maker and a taker; every switch that has no cadence is on before the first deposit."""
    twin = opened()
    twin.native.record(orders=True, quotes=True, last=True, movements=True)
    twin.maker, twin.taker = twin.account(10_000, 100), twin.account(10_000, 100)
    twin.market = twin.spot(BASE, QUOTE, maker_fee_ppm=PERCENT, taker_fee_ppm=2 * PERCENT)
    return twin


class TestOrders:
    def test_an_order_rests_trades_and_is_cancelled(self, spot):
        ticket = place(spot, spot.maker, spot.market, BUY, 100, 10)
        place(spot, spot.taker, spot.market, SELL, 100, 4)
        cancel(spot, ticket)
        limit, gtc, no_tif = OrderType.LIMIT, TimeInForce.GTC, 0
        assert recorded(spot, "orders") == [
            # time, number, price, qty, filled, leaves, account, cause, market, kind, side, type, tif, reject
            (1, 1, 100, 10, 0, 10, spot.maker, 0, 0, ARRIVED, BUY, limit, gtc, 0),
            (2, 1, 100, 4, 4, 0, spot.taker, 0, 0, ARRIVED, SELL, limit, gtc, 0),
            (3, 1, 100, 6, 0, 0, spot.maker, 0, 0, CANCELLED, BUY, limit, no_tif, 0),
        ]

    def test_a_market_order_has_no_price(self, spot):
        place(spot, spot.maker, spot.market, BUY, 100, 3)
        place(spot, spot.taker, spot.market, SELL, None, 5)
        row = recorded(spot, "orders", "price_ticks", "qty_lots", "filled_lots", "leaves_lots", "order_type")[1]
        assert row == (NONE, 5, 3, 0, OrderType.MARKET)  # the two lots that the book could not give are cancelled

    def test_a_refused_order_says_why(self, spot):
        place(spot, spot.maker, spot.market, BUY, 100, 101)  # 10,100 atoms, and 10,000 are there
        names = ("kind", "qty_lots", "filled_lots", "leaves_lots", "reject_reason")
        assert recorded(spot, "orders", *names) == [(ARRIVED, 101, 0, 0, RejectReason.INSUFFICIENT_FUNDS)]

    def test_a_cancel_that_overtakes_its_order_names_it(self, spot):
        ticket = spot.native.send_order(spot.maker, spot.market, BUY, 100, 10, at_ms=5)
        spot.native.send_cancel(ticket, at_ms=2)
        spot.native.run(3)
        names = ("time_ms", "kind", "account", "number", "market", "price_ticks", "qty_lots", "side")
        assert recorded(spot, "orders", *names) == [(2, MISSED, spot.maker, 1, 0, 100, 10, BUY)]

    def test_a_cancel_of_an_order_that_is_gone_names_nobody(self, spot):
        ticket = place(spot, spot.maker, spot.market, BUY, 100, 10)
        cancel(spot, ticket)
        cancel(spot, ticket)
        names = ("time_ms", "kind", "account", "number", "market", "price_ticks")
        assert recorded(spot, "orders", *names)[2] == (3, MISSED, -1, -1, NO_MARKET, NONE)

    def test_every_order_and_cancel_of_a_run_has_a_row(self):
        twin = small_world()
        twin.native.record(orders=True)
        twin.native.run(END_MS)
        counts, table = twin.native.counts(), twin.native.table("orders")
        kinds = Counter(table["kind"].tolist())
        assert kinds[ARRIVED] == counts["orders"]
        assert kinds[CANCELLED] == counts["cancels"]
        assert kinds[MISSED] == counts["cancel_misses"]
        reasons = Counter(table["reject_reason"].tolist())
        assert {reason: n for reason, n in reasons.items() if reason} == counts["rejects"]
        taken = table["filled_lots"].sum()
        assert taken == twin.native.trades()["qty_lots"].sum()
        # orig = filled + leaves + cancelled, over a whole life: what rested was traded, cancelled or still rests.
        rested = table["leaves_lots"].sum()
        cancelled = table["qty_lots"][table["kind"] == CANCELLED].sum()
        resting = sum(order.leaves_lots for market in (0, 1) for order in map(_Resting, twin.native.orders(market)))
        assert rested == taken + cancelled + resting


class _Resting:
    def __init__(self, row):
        self.leaves_lots = row[3]


class TestQuotesAndPrices:
    def test_a_row_when_a_best_price_changes(self, spot):
        first = place(spot, spot.maker, spot.market, BUY, 100, 10)
        place(spot, spot.maker, spot.market, BUY, 99, 5)  # behind the best: no row
        place(spot, spot.maker, spot.market, SELL, 102, 7)
        place(spot, spot.taker, spot.market, SELL, 100, 4)  # takes lots, the price stays: no row
        cancel(spot, first)
        assert recorded(spot, "quotes") == [
            (1, 100, 10, NONE, 0, 0, 0),
            (3, 100, 10, 102, 7, 0, 0),
            (5, 99, 5, 102, 7, 0, 0),
        ]

    def test_and_when_the_lots_there_change_if_that_is_wanted(self, spot):
        spot.native.record(quote_sizes=True)
        place(spot, spot.maker, spot.market, BUY, 100, 10)
        place(spot, spot.maker, spot.market, BUY, 99, 5)
        place(spot, spot.taker, spot.market, SELL, 100, 4)
        assert recorded(spot, "quotes", "time_ms", "bid_ticks", "bid_lots") == [(1, 100, 10), (3, 100, 6)]

    def test_last_has_a_row_when_it_changes(self, spot):
        place(spot, spot.maker, spot.market, BUY, 100, 10)
        place(spot, spot.maker, spot.market, BUY, 99, 10)
        for qty in (4, 4, 4):  # at 100; at 100 again; at 100 and 99
            place(spot, spot.taker, spot.market, SELL, 99, qty)
        assert recorded(spot, "prices", "time_ms", "price_ticks", "kind") == [(3, 100, LAST), (5, 99, LAST)]

    def test_mid_comes_at_its_cadence_and_none_is_a_row_too(self, spot):
        spot.native.record(mid_every_ms=2)
        place(spot, spot.maker, spot.market, BUY, 99, 10)
        place(spot, spot.maker, spot.market, SELL, 102, 10)
        spot.native.run(5)
        assert recorded(spot, "prices", "time_ms", "price_ticks", "kind") == [
            (0, NONE, MID),
            (2, 100, MID),  # (99 + 102) / 2, rounded down
            (4, 100, MID),
        ]

    def test_the_published_series_are_there_without_a_switch(self):
        twin = small_world()
        twin.native.run(1_000)
        assert set(twin.native.table("prices")["kind"].tolist()) == {INDEX, MARK}

    def test_the_quotes_of_a_run_are_its_touch(self):
        """Follow every event: the last quotes row of a market is its touch, always."""
        twin = small_world()
        twin.native.record(quotes=True, quote_sizes=True)
        while twin.native.run(END_MS, events=25) == 25:
            table = twin.native.table("quotes")
            for market in (0, 1):
                bids, asks = twin.native.depth(market, 1)
                best = [(*(bids[0] if bids else (NONE, 0)), *(asks[0] if asks else (NONE, 0)))]
                on_market = np.flatnonzero(table["market"] == market)[-1:]
                names = ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots")
                seen = [tuple(int(table[name][row]) for name in names) for row in on_market]
                assert seen == best or (not seen and best == [(NONE, 0, NONE, 0)])


class TestCadences:
    def test_depth_shows_the_best_levels_of_each_side(self, spot):
        spot.native.record(depth_every_ms=4, depth_levels=2)
        for price, qty in ((100, 1), (99, 2), (98, 3)):
            place(spot, spot.maker, spot.market, BUY, price, qty)
        place(spot, spot.maker, spot.market, SELL, 101, 4)
        spot.native.run(7)
        assert recorded(spot, "depth") == [
            (4, 1, 100, 0, 0, BUY),  # time, lots, price, market, level, side
            (4, 2, 99, 0, 1, BUY),
            (4, 4, 101, 0, 0, SELL),
        ]

    def test_accounts_show_balance_and_margin(self):
        twin = opened()
        market = twin.perpetual(QUOTE, maintenance_ppm=5 * PERCENT)
        long, short, idle = twin.account(1_000), twin.account(5_000, 7), twin.account(300)
        twin.native.open_trade(market, long, short, 10, 100)
        twin.native.record(accounts_every_ms=2)
        twin.native.run(1)
        names = (
            "account",
            "asset",
            "balance_atoms",
            "equity_atoms",
            "maintenance_atoms",
            "notional_atoms",
            "has_marks",
        )
        assert recorded(twin, "accounts", *names) == [
            (long, QUOTE, 1_000, 1_000, 0, 0, 0),  # no mark yet: equity is the balance
            (short, QUOTE, 5_000, 5_000, 0, 0, 0),
            (short, BASE, 7, 7, 0, 0, 1),
        ]
        place(twin, idle, market, BUY, 90, 1)
        twin.native.add_mark(market, every_ms=10, lag_ms=0)
        twin.native.record(accounts="all")
        place(twin, short, market, SELL, 90, 1)
        twin.native.run(twin.native.now_ms + 20)
        wanted = {
            long: (1_000, 1_000 + 10 * (90 - 100), 45, 900),  # 10 x 90 = 900, of which 5 %
            short: (5_000, 5_000 + 10 * (100 - 90), 50, 990),  # one lot more, sold at the mark
            idle: (300, 300, 5, 90),  # ceil(90 x 5 %)
        }
        table = twin.native.table("accounts")
        last = table["time_ms"] == table["time_ms"].max()
        seen = {
            row[0]: row[2:6]
            for row, is_last in zip(rows(table, *names), last.tolist(), strict=True)
            if is_last and row[1] == QUOTE
        }
        assert seen == wanted

    def test_a_cadence_looks_at_its_multiples(self):
        twin = small_world()
        twin.native.run(130)
        twin.native.record(samples_every_ms=50)
        twin.native.run(260)
        twin.native.record(samples_every_ms=100)  # the pending look at 300 is the new cadence's, not the old one's too
        twin.native.run(500)
        twin.native.record(samples_every_ms=0)
        twin.native.run(700)
        times = twin.native.samples()["time_ms"].tolist()
        assert times == [150, 150, 200, 200, 250, 250, 300, 300, 400, 400, 500, 500]  # two markets

    def test_a_cadence_set_again_to_what_it_is_adds_no_look(self):
        twin = small_world(depth_every_ms=100)
        for _ in range(3):
            twin.native.record(samples_every_ms=100)
        twin.native.run(250)
        assert twin.native.samples()["time_ms"].tolist() == [0, 0, 100, 100, 200, 200]


def replayed(balances, clearing, table):
    """Apply movement rows to (account, asset) balances and the markets' clearing accounts."""
    for payer, receiver, asset, market, atoms in rows(table, "payer", "receiver", "asset", "market", "atoms"):
        assert atoms > 0
        for account, change in ((payer, -atoms), (receiver, atoms)):
            if account == CLEARING:
                clearing[market] += change
            elif account != OUTSIDE:
                balances[account, asset] += change
    return balances, clearing


def books_of(native, assets=2, markets=2):
    balances = {(a, s): native.balance(a, s)[0] for a in range(native.account_count) for s in range(assets)}
    return balances, {m: native.market(m)["clearing"] for m in range(markets)}


class TestMovements:
    def test_l3_l4_a_spot_trade_is_two_legs_and_two_fees(self, spot):
        place(spot, spot.maker, spot.market, BUY, 100, 50)
        place(spot, spot.taker, spot.market, SELL, 100, 50)
        maker, taker = spot.maker, spot.taker
        assert recorded(spot, "movements") == [
            # time, atoms, payer, receiver, asset, market, kind
            (0, 10_000, OUTSIDE, maker, QUOTE, NO_MARKET, DEPOSIT),
            (0, 100, OUTSIDE, maker, BASE, NO_MARKET, DEPOSIT),
            (0, 10_000, OUTSIDE, taker, QUOTE, NO_MARKET, DEPOSIT),
            (0, 100, OUTSIDE, taker, BASE, NO_MARKET, DEPOSIT),
            (2, 50, taker, maker, BASE, 0, BASE_LEG),
            (2, 5_000, maker, taker, QUOTE, 0, QUOTE_LEG),
            (2, 1, maker, FEES, BASE, 0, FEE),  # ceil(50 x 1 %)
            (2, 100, taker, FEES, QUOTE, 0, FEE),  # 5,000 x 2 %
        ]

    def test_l6_realised_pnl_moves_against_clearing_and_the_write_off_against_bad_debt(self):
        twin = opened(stage_ppm=1_000_000, stage_interval_ms=50)
        twin.native.record(movements=True)
        market = twin.perpetual(QUOTE, maintenance_ppm=5 * PERCENT)
        long, short, third = twin.account(100), twin.account(10_000), twin.account(10_000)
        twin.native.open_trade(market, long, short, 10, 100)
        twin.native.open_trade(market, short, third, 4, 80)  # the short closes four: gains 4 x 20
        place(twin, third, market, BUY, 70, 20)
        twin.native.add_mark(market, every_ms=10, lag_ms=0)
        place(twin, short, market, SELL, 70, 1)
        twin.native.run(200, check=True)
        kinds = ("kind", "payer", "receiver", "atoms", "market")
        moves = [row for row in recorded(twin, "movements", *kinds) if row[0] not in (DEPOSIT, FEE)]
        assert (OPENING, CLEARING, short, 80, market) in moves
        assert (REALISED, long, CLEARING, 300, market) in moves  # ten lots from 100 down to 70
        assert (WRITE_OFF, BAD_DEBT, long, 200, NO_MARKET) in moves
        assert replayed(*empty(twin.native, markets=1), twin.native.table("movements")) == books_of(
            twin.native, markets=1
        )

    def test_l2_movements_replayed_give_every_balance(self):
        twin = small_world()
        before = books_of(twin.native)
        twin.native.record(movements=True)
        twin.native.run(2 * END_MS, check=True)
        table = twin.native.table("movements")
        assert set(table["kind"].tolist()) >= {BASE_LEG, QUOTE_LEG, FEE, REALISED, WRITE_OFF}
        assert replayed(*before, table) == books_of(twin.native)


def empty(native, assets=2, markets=2):
    balances, clearing = books_of(native, assets, markets)
    return dict.fromkeys(balances, 0), dict.fromkeys(clearing, 0)


class TestRecording:
    @pytest.mark.parametrize("switch", [*EVERYTHING, "all of them"])
    def test_no_switch_changes_the_run(self, switch):
        plain = small_world().native
        plain.run(END_MS)
        other = small_world().native
        needs = {"quote_sizes": {"quotes": True}}.get(switch, {})
        other.record(**(EVERYTHING if switch == "all of them" else {switch: EVERYTHING[switch], **needs}))
        other.run(END_MS, check=True)
        assert other.digest() == plain.digest()
        assert landmark_rows(other) == landmark_rows(plain)
        assert rows(other.trades()) == rows(plain.trades())
        assert rows(other.journal()) == rows(plain.journal())

    @pytest.mark.parametrize("cadence", [1, 7, 1_000])
    def test_no_cadence_changes_the_run(self, cadence):
        plain = small_world().native
        plain.run(END_MS)
        other = small_world().native
        other.record(**{name: cadence for name in EVERYTHING if name.endswith("_ms")})
        other.run(END_MS)
        assert other.digest() == plain.digest()

    def test_rows_stand_in_the_order_of_happening(self):
        twin = small_world()
        twin.native.record(**EVERYTHING)
        twin.native.run(END_MS)
        assert set(twin.native.table_names()) == {
            "trades", "orders", "quotes", "depth", "samples", "prices", "accounts", "movements", "actions", "journal",
        }  # fmt: skip
        for name in twin.native.table_names():
            times = twin.native.table(name)["time_ms"]
            assert len(times) > 50 or name == "actions"  # of which this world has none
            assert (np.diff(times) >= 0).all()

    def test_what_is_off_has_no_rows_and_no_name(self):
        twin = small_world()
        twin.native.run(500)
        assert twin.native.table_names() == ["trades", "prices", "journal"]
        assert [len(twin.native.table(name)) for name in ("orders", "quotes", "depth", "accounts", "movements")] == [
            0
        ] * 5

    def test_switches_are_told_and_stay_until_they_are_named(self):
        world = small_world().native
        world.record(orders=True, depth_every_ms=500, depth_levels=3)
        world.record(movements=True)
        assert world.recording() == {
            "trades": True, "journal": True, "orders": True, "quotes": False, "quote_sizes": False, "last": False,
            "mid_every_ms": 0, "depth_every_ms": 500, "depth_levels": 3, "samples_every_ms": 0, "accounts_every_ms": 0,
            "accounts": "positions", "movements": True, "waterfall": False, "actions": False,
        }  # fmt: skip

    def test_recording_may_begin_and_end_in_the_middle(self):
        twin = small_world()
        twin.native.run(1_000)
        twin.native.record(orders=True, trades=False)
        twin.native.run(1_200)
        twin.native.record(orders=False, trades=True)
        twin.native.run(2_000)
        orders, trades = twin.native.table("orders")["time_ms"], twin.native.trades()["time_ms"]
        assert orders.min() > 1_000
        assert orders.max() <= 1_200
        assert len(trades)
        assert not ((trades > 1_000) & (trades <= 1_200)).any()

    def test_j3_a_fork_keeps_the_switches_and_starts_with_empty_tables(self):
        original = small_world().native
        original.record(**EVERYTHING)
        original.run(1_800)
        marks = {name: len(original.table(name)) for name in original.table_names()}
        fork = original.fork()
        assert fork.recording() == original.recording()
        assert all(len(fork.table(name)) == 0 for name in marks)
        fork.run(END_MS)
        original.run(END_MS)
        assert fork.digest() == original.digest()
        for name, first in marks.items():
            if name not in ("quotes", "prices"):  # a fork writes the touch and the last that it finds, once a market
                assert rows(fork.table(name)) == rows(original.table(name))[first:], name

    @pytest.mark.parametrize(
        ("switches", "field"),
        [
            ({"orders": 1}, "orders"),
            ({"trades": "yes"}, "trades"),
            ({"depth_every_ms": -1}, "depth_every_ms"),
            ({"depth_every_ms": 1.5}, "depth_every_ms"),
            ({"mid_every_ms": True}, "mid_every_ms"),
            ({"depth_levels": 0}, "depth_levels"),
            ({"depth_levels": 65_536}, "depth_levels"),
            ({"accounts": "some"}, "accounts"),
            ({"quote_sizes": True}, "quote_sizes"),
        ],
    )
    def test_u7_a_bad_switch_changes_nothing(self, switches, field):
        world = small_world().native
        before = world.recording()
        with pytest.raises(InputError) as caught:
            world.record(**{"movements": True, **switches})
        assert caught.value.field == field
        assert world.recording() == before

    def test_u7_a_table_that_there_is_not(self):
        with pytest.raises(InputError, match="name: expected one of trades, orders"):
            small_world().native.table("fills")
        with pytest.raises(InputError, match="name: expected one of"):
            small_world().native.table(3)


@pytest.fixture
def sim():
    sim = Simulation(seed=1)
    sim.record(orders=True, quotes=True, last=True, movements=True, samples_every_ms=5)
    usdt = sim.asset("USDT", decimals=6, supply="1000000000")
    atom = sim.asset("ATOM", decimals=3, supply="1000000000")
    sim.spot("OTHER/USDT", sim.asset("OTHER", decimals=0, supply=10), usdt, tick="0.5", lot="1")
    sim.market = sim.spot("ATOM/USDT", atom, usdt, tick="0.001", lot="0.1")
    maker, taker = sim.account("maker", USDT="100"), sim.account("taker", ATOM="5")
    sim.place(maker, sim.market, BUY, "4.001", "5", at_ms=1)
    sim.place(taker, sim.market, SELL, None, "2", at_ms=2)
    sim.run(until_ms=5)
    return sim


class TestTables:
    def test_every_table_has_a_name(self, sim):
        tables = sim.tables
        assert (
            tables.names == list(tables) == ["trades", "orders", "quotes", "samples", "prices", "movements", "journal"]
        )
        for name in (*tables, "depth", "accounts"):
            assert rows(getattr(tables, name)) == rows(sim.world.table(name))
        assert rows_of(tables.landmarks) == rows_of(sim.world.landmarks())

    def test_values_in_units_are_the_floats_that_people_write(self, sim):
        trades = sim.tables.scaled("trades")
        assert trades["price"].tolist() == [4.001]
        assert trades["qty"].tolist() == [2.0]
        assert "price_ticks" not in trades
        assert trades["maker_account"].tolist() == sim.tables.trades["maker_account"].tolist()

    def test_exact_values_are_decimals_and_none_is_none(self, sim):
        quotes = sim.tables.scaled("quotes", exact=True)
        assert quotes["bid"].tolist() == [Decimal("4.001")]
        assert quotes["ask"].tolist() == [None]
        assert sim.tables.scaled("quotes")["ask"].tolist() == pytest.approx([np.nan], nan_ok=True)

    def test_each_row_is_scaled_by_its_own_market_or_asset(self, sim):
        samples = sim.tables.scaled("samples", exact=True)
        at_5 = samples["time_ms"] == 5
        assert samples["best_bid"][at_5].tolist() == [None, Decimal("4.001")]  # the other market has no orders
        assert samples["bid_qty_1pct"][at_5].tolist() == [Decimal(0), Decimal("3.0")]
        moves = sim.tables.scaled("movements", exact=True)
        legs = [(int(kind), amount) for kind, amount in zip(moves["kind"], moves["amount"], strict=True)]
        assert legs == [
            (DEPOSIT, Decimal(100)), (DEPOSIT, Decimal(5)), (BASE_LEG, Decimal(2)), (QUOTE_LEG, Decimal("8.002")),
        ]  # fmt: skip

    def test_what_has_no_units_is_refused(self, sim):
        with pytest.raises(InputError, match="name: expected a table whose columns have units"):
            sim.tables.scaled("journal")
        with pytest.raises(InputError, match="markets: expected numbers that occur"):
            Tables(sim.world).scaled("trades")
        with pytest.raises(InputError, match="assets: expected numbers that occur"):
            Tables(sim.world).scaled("movements")

    def test_a_plain_world_has_tables_too(self):
        twin = small_world()
        twin.native.run(500)
        assert rows(Tables(twin.native).trades) == rows(twin.native.trades())
        assert isinstance(Tables(twin.native)["orders"], _core.ColumnTable)
