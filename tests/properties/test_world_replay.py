"""Random small worlds: they conserve, repeat themselves, and the reference agrees with them (J-2, L-2, L-7, V-1).

A world is drawn as a `Plan`, so that it can be built again, with other options, from the same data.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import _core
from engine.reference.market import EXPOSURE_MAX
from engine.reference.world import JournalKind
from engine.testing.worlds import TwinWorld, landmark_rows, rows_of
from engine.types import RejectReason, Side

END_MS = 1_200
PRICE = 100
PRICE_MIN, PRICE_MAX = 60, 160
QTY_MAX, NOTIONAL_MAX = 400, 120_000
QUOTE, BASE = 0, 1


class Outside(NamedTuple):
    """One order from outside, and perhaps its cancel."""

    trader: int
    market: int
    side: int
    price: int | None
    qty: int
    at_ms: int
    immediate: bool
    cancel_at_ms: int | None


class Plan(NamedTuple):
    seed: int
    spots: int
    worth: int  # atoms_per_tick_lot of every market
    base_atoms_per_lot: int
    maker_fee_ppm: int
    taker_fee_ppm: int
    maintenance_ppm: int
    stage_ppm: int
    stage_lots_min: int
    stage_interval_ms: int
    every_ms: int
    lag_ms: int
    makers: list[float]  # drawdown of each
    leverages: list[int]  # of the longs
    noise_gap_ms: int
    shock_lots: int
    wealth: int  # quote atoms of a trader: from a pauper's to plenty
    orders: list[Outside]
    service_us: int = 0  # of the gateway
    mass_quotes: int = 0
    picture_law: tuple | None = None
    slow_ms: int = 0
    crowd: tuple[str, ...] = ()  # behaviours beside makers, noise and the shock
    has_other_venue: bool = False
    breaker: tuple[int, int, int] | None = None  # of every market: fall (ppm), window and halt (ms)


# Mostly near the touch, sometimes a bound, sometimes beyond one.
prices = st.one_of(
    st.integers(PRICE - 8, PRICE + 8),
    st.sampled_from([None, PRICE_MIN, PRICE_MAX]),
    st.sampled_from([PRICE_MIN - 1, PRICE_MAX + 1, -(2**31), 2**31 - 1]),
)
quantities = st.one_of(
    st.integers(1, 60),
    st.integers(1, QTY_MAX),
    st.sampled_from([0, -1, QTY_MAX + 1, 2**61, 2**63 - 1, -(2**63)]),
)
fees = st.sampled_from([0, 1, 137, 5_000, 333_333])


@st.composite
def outside(draw):
    at_ms = draw(st.integers(0, END_MS))
    return Outside(
        trader=draw(st.integers(0, 3)),
        market=draw(st.integers(0, 2)),
        side=draw(st.sampled_from([Side.BUY, Side.SELL])),
        price=draw(prices),
        qty=draw(quantities),
        at_ms=at_ms,
        immediate=draw(st.booleans()),
        cancel_at_ms=draw(st.none() | st.integers(0, END_MS)),
    )


plans = st.builds(
    Plan,
    seed=st.integers(0, 2**64 - 1),
    spots=st.integers(1, 2),
    worth=st.sampled_from([1, 3, 1_000]),
    base_atoms_per_lot=st.sampled_from([1, 7]),
    maker_fee_ppm=fees,
    taker_fee_ppm=fees,
    maintenance_ppm=st.sampled_from([0, 1, 20_000, 100_001]),
    stage_ppm=st.sampled_from([1, 100_000, 333_333, 1_000_000]),
    stage_lots_min=st.sampled_from([1, 5, 1_000]),
    stage_interval_ms=st.sampled_from([1, 10, 120]),
    every_ms=st.sampled_from([1, 20, 100]),
    lag_ms=st.sampled_from([0, 1, 30]),
    makers=st.lists(st.sampled_from([0.0, 0.01, 0.05]), max_size=3),
    leverages=st.lists(st.integers(1, 40), max_size=8),
    noise_gap_ms=st.sampled_from([5, 40, 400]),
    shock_lots=st.integers(5, 3_000),
    wealth=st.sampled_from([0, 1_000, 10**5, 10**9]),
    orders=st.lists(outside(), max_size=40),
    service_us=st.sampled_from([0, 0, 700, 9_000]),
    mass_quotes=st.integers(0, 1),
    picture_law=st.sampled_from([None, ("exponential", 3.0), ("lognormal", 4.0, 1.0)]),
    slow_ms=st.sampled_from([0, 25]),
    crowd=st.lists(st.sampled_from(["point", "flow", "momentum", "arbitrage", "value"]), max_size=4).map(tuple),
    has_other_venue=st.booleans(),
    breaker=st.none() | st.tuples(st.sampled_from([1, 10_000, 60_000]), st.integers(1, 300), st.integers(1, 200)),
)


def add_crowd(plan: Plan, twin: TwinWorld, markets: list[int], venue: int = 0) -> None:
    """Add the drawn behaviours, all on a pair of markets."""
    way = {"latency_ms": 0, "latency_law": ("exponential", 4.0), "picture_law": plan.picture_law}
    trading = {"qty_min": 1, "qty_max": 20}
    pause = {"wake_every_ms": 25, "threshold": 0.02, "qty_lots": 15}
    terms = {
        "point": {"mu": 0.01, "alpha": 0.02, "beta": 0.05, **trading},
        "flow": {
            "market_rate": 0.01,
            "limit_rates": [0.02, 0.02, 0.01],
            "cancel_rates": [0.01, 0.005, 0.001],
            "anchor_ticks": PRICE,
            **trading,
        },
        "momentum": {"lookback_ms": 60, "hold_ms": 90, **pause},
        "arbitrage": {"other": markets[-1], "inventory_max": 60, **pause},
        "value": {"fair_ticks": PRICE, "inventory_max": 60, **pause},
    }
    for ordinal, kind in enumerate(plan.crowd):
        key = _core.member_key(kind, ordinal + 100 * venue)
        account = twin.account(10**8, 10**6, venue=venue)
        twin.native.add_agents(kind, account, key, market=markets[0], **terms[kind], **way)


def add_other_venue(plan: Plan, twin: TwinWorld, terms: dict) -> None:
    """Open a second venue with a gateway, a spot and a perpetual market, a maker on both, a crowd and a long."""
    venue = twin.venue(stage_ppm=500_000, stage_interval_ms=15, service_us=plan.service_us // 2)
    markets = [
        twin.spot(BASE, QUOTE, base_atoms_per_lot=plan.base_atoms_per_lot, venue=venue, **terms),
        twin.perpetual(QUOTE, maintenance_ppm=plan.maintenance_ppm, venue=venue, **terms),
    ]
    twin.native.add_index(markets[1], markets[0], every_ms=plan.every_ms, lag_ms=0)
    twin.native.add_mark(markets[1], every_ms=plan.every_ms, lag_ms=plan.lag_ms)
    standing = twin.account(10**10, 10**9, venue=venue)
    for market in markets:
        for side in (Side.BUY, Side.SELL):
            twin.native.send_order(standing, market, side, PRICE - 2 * side, 60, at_ms=0)
            twin.native.send_order(standing, market, side, PRICE - 20 * side, 60, at_ms=0)
    account = twin.account(10**8, 10**6, venue=venue)
    key = _core.member_key("makers there", 0)
    rules = {"drawdown": 0.02, "window_ms": 300, "return_after_ms": 200, "mass_quotes": 1 - plan.mass_quotes}
    maker = twin.native.add_agents("maker", account, key, wake_every_ms=30, half_spread=0.02, **rules)
    for market in markets:
        twin.native.add_quotes(maker, market, 25)
    long = twin.account(max(1, 50 * PRICE * plan.worth // 20), venue=venue)
    twin.native.open_trade(markets[1], long, standing, 50, PRICE)
    noisy, key = twin.account(10**8, 10**6, venue=venue), _core.member_key("noise there", 0)
    twin.native.add_agents("noise", noisy, key, market=markets[1], mean_gap_ms=60.0, qty_min=1, qty_max=9, latency_ms=3)
    seller, selling = twin.account(10**8, 10**6, venue=venue), {"market": markets[1], "side": Side.SELL}
    twin.native.add_agents("shock", seller, 0, qty_lots=plan.shock_lots, start_ms=300, slices=4, every_ms=11, **selling)
    add_crowd(plan, twin, markets, venue)


def built(plan: Plan, **options) -> TwinWorld:
    """Build a plan's world; nothing has run yet."""
    twin = TwinWorld(
        plan.seed,
        stage_ppm=plan.stage_ppm,
        stage_lots_min=plan.stage_lots_min,
        stage_interval_ms=plan.stage_interval_ms,
        **options,
    )
    native = twin.native
    twin.asset(10**13), twin.asset(10**13)
    terms = {
        "worth": plan.worth,
        "price_min": PRICE_MIN,
        "price_max": PRICE_MAX,
        "qty_max": QTY_MAX,
        "notional_max": NOTIONAL_MAX * plan.worth,
        "maker_fee_ppm": plan.maker_fee_ppm,
        "taker_fee_ppm": plan.taker_fee_ppm,
    }
    markets = [twin.spot(BASE, QUOTE, base_atoms_per_lot=plan.base_atoms_per_lot, **terms) for _ in range(plan.spots)]
    perpetual = twin.perpetual(QUOTE, maintenance_ppm=plan.maintenance_ppm, **terms)
    markets.append(perpetual)
    for market in markets if plan.breaker is not None else ():
        twin.breaker(market, **dict(zip(("fall_ppm", "within_ms", "halt_ms"), plan.breaker, strict=True)))
    native.set_gateway(0, plan.service_us)
    native.add_index(perpetual, markets[0], every_ms=plan.every_ms, lag_ms=plan.lag_ms)
    native.add_mark(perpetual, every_ms=plan.every_ms, lag_ms=plan.lag_ms)
    standing = twin.account(10**11, 10**9)
    for market in markets:
        for level in range(20):
            native.send_order(standing, market, Side.BUY, PRICE - 1 - 2 * level, 30, at_ms=0)
            native.send_order(standing, market, Side.SELL, PRICE + 1 + 2 * level, 30, at_ms=0)
    for ordinal, drawdown in enumerate(plan.makers):
        maker = native.add_agents(
            "maker",
            twin.account(10**8, 10**6),
            _core.member_key("makers", ordinal),
            wake_every_ms=40,
            window_ms=400,
            return_after_ms=300,
            latency_ms=0,
            latency_law=("lognormal", 6.0, 0.7),
            half_spread=0.01,
            spacing=0.01,
            levels=2,
            anchor=0.3,
            fair_tau_ms=2_000.0,
            drawdown=drawdown,
            return_size=0.5,
            mass_quotes=plan.mass_quotes,
            picture_law=plan.picture_law,
            slow_ms=plan.slow_ms,
        )
        for market in markets:
            native.add_quotes(maker, market, 25)
    short = twin.account(10**10)
    for leverage in plan.leverages:
        long = twin.account(max(1, 50 * PRICE * plan.worth // leverage))
        native.open_trade(perpetual, long, short, 50, PRICE)
    native.add_agents(
        "shock",
        twin.account(10**9),
        0,
        market=perpetual,
        side=Side.SELL,
        qty_lots=plan.shock_lots,
        start_ms=300,
        slices=5,
        every_ms=37,
    )
    noisy = twin.account(10**8, 10**6)
    for ordinal, market in enumerate(markets):
        key = _core.member_key("noise", ordinal)
        native.add_agents(
            "noise",
            noisy,
            key,
            market=market,
            mean_gap_ms=float(plan.noise_gap_ms),
            qty_min=1,
            qty_max=20,
            latency_ms=3,
        )
    add_crowd(plan, twin, markets)
    if plan.has_other_venue:
        add_other_venue(plan, twin, terms)
    traders = [twin.account(plan.wealth, plan.wealth) for _ in range(4)]
    for order in plan.orders:
        ticket = native.send_order(
            traders[order.trader],
            markets[order.market % len(markets)],
            order.side,
            order.price,
            order.qty,
            at_ms=order.at_ms,
            immediate=order.immediate,
        )
        if order.cancel_at_ms is not None:
            native.send_cancel(ticket, at_ms=order.cancel_at_ms)
    return twin


def ran(plan: Plan, **options) -> TwinWorld:
    twin = built(plan, **options)
    twin.native.run(END_MS)
    return twin


# A plain plan that is known to liquidate, so that no run of this file is without a cascade.
CASCADE = Plan(
    seed=7,
    spots=1,
    worth=3,
    base_atoms_per_lot=7,
    maker_fee_ppm=137,
    taker_fee_ppm=5_000,
    maintenance_ppm=20_000,
    stage_ppm=333_333,
    stage_lots_min=5,
    stage_interval_ms=10,
    every_ms=20,
    lag_ms=1,
    makers=[0.01, 0.05],
    leverages=[2, 3, 4, 5, 6, 8, 10, 20],
    noise_gap_ms=40,
    shock_lots=500,
    wealth=10**5,
    orders=[
        *(
            Outside(trader, 0, Side.BUY, price, 10, 50 * trader, False, 600)
            for trader in range(4)
            for price in (99, 59)
        ),
        # Nearly all of its quote is promised; it buys the perpetual's book up and sells back at a loss (V-6).
        Outside(3, 0, Side.BUY, 80, 350, 190, False, None),
        Outside(3, 1, Side.BUY, None, 400, 200, False, None),
        Outside(3, 1, Side.SELL, None, 400, 201, False, None),
    ],
)


# The same with breakers that halt it again and again, but leave it the cascade.
HALTING = CASCADE._replace(breaker=(60_000, 100, 20))

# The same with everything that a plan may have beside it.
CROWDED = CASCADE._replace(
    service_us=700,
    mass_quotes=1,
    picture_law=("exponential", 3.0),
    slow_ms=25,
    crowd=("point", "flow", "momentum", "arbitrage", "value"),
    has_other_venue=True,
)


@given(plan=plans, at_ms=st.integers(0, END_MS))
@example(plan=CASCADE, at_ms=300)
@example(plan=CROWDED, at_ms=300)
def test_j4_narrow_accounts_reach_the_state_of_wide_ones(plan, at_ms):
    wide, narrow = ran(plan), built(plan, narrow=True)
    narrow.native.run(at_ms)
    narrow.native = _core.World.restore(narrow.native.snapshot())  # lists survive as rows do (J-3)
    narrow.native.run(END_MS, check=True)
    assert narrow.native.digest() == wide.native.digest()
    assert narrow.native.counts() == wide.native.counts()


@given(plan=plans)
@example(plan=CROWDED)
def test_j2_the_reference_agrees_with_narrow_accounts(plan):
    twin = ran(plan, narrow=True)
    twin.native.check_invariants()
    assert twin.disagreements() == []


def test_the_crowded_plan_trades_and_pays_fees_at_both_venues():
    twin = ran(CROWDED)
    native, own = twin.native, twin.venue_accounts[1]
    traded = [native.market(market)["trades"] for market in range(4)]
    assert min(traded) >= 10
    assert native.balance(0, QUOTE)[0] > 0
    assert native.balance(own, QUOTE)[0] > 0
    assert {row[2] for row in landmark_rows(native) if row[1] == 5} == {1, 3}  # liquidations at both


def test_the_plain_plan_has_everything_in_it():
    native = ran(CASCADE).native
    assert {row[1] for row in landmark_rows(native)} >= {
        1,
        2,
        4,
        5,
        6,
    }  # shock, withdrawal, publication, liquidation, step
    assert RejectReason.PRICE_OUT_OF_BOUNDS in native.counts()["rejects"]
    assert native.counts()["cancels"] > 0
    journal = native.journal()
    columns = (journal[name].tolist() for name in ("time_ms", "kind", "account", "price"))
    rows = list(zip(*columns, strict=True))
    loss = rows.index((201, JournalKind.PLACE, native.account_count - 1, 0))
    assert rows[loss + 1] == (201, JournalKind.CANCEL, native.account_count - 1, 80)


def test_v9_the_plan_with_breakers_halts_and_liquidates():
    native = ran(HALTING).native
    assert {5, 6, 14} <= {row[1] for row in landmark_rows(native)}  # liquidation, step, halt
    assert native.counts()["rejects"][RejectReason.MARKET_HALTED] > 10


@given(plan=plans)
@example(plan=CASCADE)
@example(plan=CROWDED)
@example(plan=HALTING)
def test_j2_the_reference_replays_the_journal_to_the_same_state(plan):
    twin = built(plan)
    # L-2, L-7, V-1 and the books are walked after every event.
    twin.native.run(END_MS, check=True)
    assert twin.disagreements() == []


@given(plan=plans)
@example(plan=CASCADE)
@example(plan=CROWDED)
def test_the_same_plan_gives_the_same_digest_whatever_is_recorded(plan):
    wanted = ran(plan).native
    silent = ran(plan, record_trades=False, record_journal=False).native
    assert silent.digest() == wanted.digest()
    assert silent.counts() == wanted.counts()
    assert rows_of(silent.landmarks()) == rows_of(wanted.landmarks())


@given(plan=plans, pieces=st.lists(st.integers(1, 200), min_size=1, max_size=5))
@example(plan=CASCADE, pieces=[1])
@example(plan=CROWDED, pieces=[7])
@example(plan=HALTING, pieces=[7])
def test_j3_in_pieces_and_through_snapshots_it_is_the_same_run(plan, pieces):
    wanted = ran(plan).native
    native = built(plan).native
    for events in (*pieces, *pieces):
        ahead = native.run(END_MS, events=events)
        native = _core.World.restore(native.snapshot())
        if ahead < events:
            break
    step = pieces[0]
    while native.run(END_MS, events=step) == step:
        pass
    assert native.digest() == wanted.digest()
    assert native.counts() == wanted.counts()
    assert rows_of(native.landmarks()) == rows_of(wanted.landmarks())


@given(plan=plans, until=st.integers(0, END_MS))
@example(plan=CASCADE, until=400)
@example(plan=CROWDED, until=600)
def test_j2_at_any_moment_the_journal_so_far_is_enough(plan, until):
    twin = built(plan)
    twin.native.run(until)
    assert twin.disagreements() == []


@pytest.mark.parametrize("events", range(150, 1_500, 90))
def test_x5_no_step_ever_flips_a_position(events):
    twin = built(CASCADE)
    twin.native.run(END_MS, events=events)
    longs = [account for account in range(twin.native.account_count) if twin.native.in_liquidation(account)]
    for account in longs:
        assert 0 <= twin.native.position(account, 1)[0] <= 50


# Orders so large that the exposure bound decides; sells below the bids are named examples of their own
# (tests/unit/test_world_stories.py).
big_lots = st.one_of(
    st.integers(2**50, 2**57),
    st.builds(lambda part, off: EXPOSURE_MAX // part + off, st.integers(1, 30), st.integers(-1, 1)),
)
big_orders = st.tuples(
    st.integers(0, 2),  # account
    st.one_of(
        st.tuples(st.just(Side.BUY), st.integers(6, 10)),
        st.tuples(st.just(Side.SELL), st.integers(10, 14)),
        st.tuples(st.sampled_from([Side.BUY, Side.SELL]), st.none()),
    ),
    big_lots,
    st.booleans(),  # cancelled in the next millisecond but one
)


@given(worth=st.sampled_from([1, 3]), orders=st.lists(big_orders, min_size=1, max_size=25))
def test_u10_the_reference_refuses_the_same_large_orders(worth, orders):
    twin = TwinWorld()
    twin.asset()
    market = twin.perpetual(QUOTE, worth=worth, price_max=14)
    accounts = [twin.account(10**6) for _ in range(3)]
    for at_ms, (account, (side, price), qty, leaves) in enumerate(orders):
        ticket = twin.native.send_order(accounts[account], market, side, price, qty, at_ms=at_ms)
        if leaves:
            twin.native.send_cancel(ticket, at_ms=at_ms + 2)
    twin.native.run(len(orders) + 2, check=True)
    assert twin.disagreements() == []


@given(plan=plans)
@example(plan=CASCADE)
@example(plan=CROWDED)
def test_l10_nobody_stays_flat_and_below_zero(plan):
    twin = ran(plan)
    native = twin.native
    trades = native.trades()
    names = ("time_ms", "maker_account", "taker_account")
    # A write-off comes in the millisecond after the trade.
    pending = {
        account
        for row in zip(*(trades[name].tolist() for name in names), strict=True)
        for account in row[1:]
        if row[0] == END_MS
    }
    venues_own = {
        first + which for first in twin.venue_accounts for which in range(3)
    }  # a venue's bad debt is below zero
    for account in set(range(native.account_count)) - venues_own:
        perpetuals = [plan.spots] + [plan.spots + 2] * plan.has_other_venue
        is_flat = all(native.position(account, market)[0] == 0 for market in perpetuals)
        if is_flat and not native.in_liquidation(account) and account not in pending:
            assert native.balance(account, QUOTE)[0] >= 0


@given(plan=plans)
@example(plan=CROWDED)
def test_n1_n3_the_orders_of_an_agent_reach_a_market_in_the_order_in_which_it_sent_them(plan):
    native = ran(plan).native
    # Outside orders (the last four accounts) come when they are told to, the engine's for a liquidated account at once.
    exempt = {row[4] for row in landmark_rows(native) if row[1] == 5}
    exempt |= set(range(native.account_count - 4, native.account_count))
    journal, numbers = native.journal(), {}
    names = ("kind", "account", "market", "number")
    for kind, account, market, number in zip(*(journal[name].tolist() for name in names), strict=True):
        if kind == JournalKind.PLACE and account not in exempt:
            assert number > numbers.get((account, market), 0)
            numbers[account, market] = number
    assert numbers
