"""Properties of margin and funding: nothing is left over, rounding makes no money, prices are the first that breach."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st
from marginkit import PPM, Tiers, held

from engine.margin import Boundary, Comparator, Ladder, MarginAction, liquidation_price
from engine.reference.funding import funding_payments, funding_rate_ppb
from engine.reference.ledger import Position
from engine.reference.liquidation_price import bankruptcy_price_ticks, health_at_mark, liquidation_price_ticks
from engine.reference.margin import (
    Health,
    NewOrder,
    equity,
    initial_requirement,
    only_reduces,
    open_loss,
    order_is_affordable,
    requirement,
)
from engine.reference.margin_ladder import state, surplus
from engine.reference.unified import UnifiedAsset, unified_health, unified_order_is_affordable
from engine.testing import vectors

ACCOUNTS = 3
RATES = st.one_of(st.integers(0, PPM), st.sampled_from([0, 4_000, 50_000, PPM // 3, PPM - 1, PPM]))


@st.composite
def schedules(draw, *, floor_max=200):
    """Tiers with small floors and rates in any order: what holds for them holds for those of section S."""
    floors = sorted(draw(st.sets(st.integers(1, floor_max), max_size=3)))
    return Tiers(tuple((floor, draw(RATES)) for floor in [0, *floors]))


@st.composite
def boundaries(draw):
    ratio = draw(st.one_of(st.integers(1, 3 * PPM), st.sampled_from([PPM, 1_050_000, 666_667])))
    return Boundary(MarginAction.LIQUIDATE, ratio, draw(st.sampled_from(Comparator)))


@st.composite
def ladders(draw):
    ratios = draw(st.lists(st.integers(1, 3 * PPM), min_size=1, max_size=4, unique=True))
    actions = sorted(draw(st.sampled_from(MarginAction)) for _ in ratios)
    return Ladder(
        tuple(
            Boundary(action, ratio, draw(st.sampled_from(Comparator)))
            for action, ratio in zip(actions, sorted(ratios, reverse=True), strict=True)
        )
    )


@st.composite
def holdings(draw, *, initial=False):
    return held(
        draw(st.integers(-12, 12)),
        draw(st.integers(1, 60)),
        draw(st.integers(1, 60)),
        w=draw(st.integers(1, 3)),
        tiers=draw(schedules()),
        initial_ppm=draw(RATES) if initial else None,
        bid_lots=draw(st.integers(0, 5)) if initial else 0,
        ask_lots=draw(st.integers(0, 5)) if initial else 0,
        leverage=draw(st.integers(0, 20)) if initial else 0,
    )


# ---- L-5, L-6, C-7: positions ----------------------------------------------------------------------------------------

TRADES = st.lists(
    st.tuples(st.integers(0, ACCOUNTS - 1), st.integers(1, ACCOUNTS - 1), st.integers(1, 9), st.integers(1, 99)),
    max_size=25,
)


class Venue:
    """Positions and balances of a few accounts, and the clearing account of their market."""

    def __init__(self):
        self.positions = [Position() for _ in range(ACCOUNTS)]
        self.balances = [0] * ACCOUNTS
        self.clearing = 0

    def side(self, account, sign, qty, price):
        realised = self.positions[account].trade(sign, qty, price)
        self.balances[account] += realised
        self.clearing -= realised
        return realised

    def trade(self, buyer, seller, qty, price):
        self.side(buyer, 1, qty, price)
        self.side(seller, -1, qty, price)

    def flattened(self, price):
        for account in range(1, ACCOUNTS):
            lots = self.positions[account].position_lots
            if lots > 0:
                self.trade(0, account, lots, price)
            elif lots < 0:
                self.trade(account, 0, -lots, price)


def traded(trades):
    venue = Venue()
    for buyer, step, qty, price in trades:
        venue.trade(buyer, (buyer + step) % ACCOUNTS, qty, price)
    return venue


@given(TRADES, st.integers(1, 99))
def test_closing_to_flat_leaves_no_residue(trades, price):
    venue = traded(trades)
    venue.flattened(price)
    assert all(position == Position(0, 0) for position in venue.positions)
    assert venue.clearing == 0  # L-7: no costs are left to stand against it
    assert sum(venue.balances) == 0


@given(TRADES)
def test_balances_and_clearing_are_constant_whatever_is_rounded(trades):
    venue = Venue()
    for buyer, step, qty, price in trades:
        venue.trade(buyer, (buyer + step) % ACCOUNTS, qty, price)
        assert sum(position.position_lots for position in venue.positions) == 0
        assert venue.clearing + sum(position.cost_atoms for position in venue.positions) == 0
        assert venue.clearing + sum(venue.balances) == 0


@given(TRADES, st.integers(1, 30), st.integers(1, 99))
def test_a_close_never_realises_more_than_its_share(trades, qty, price):
    for account, position in enumerate(traded(trades).positions):
        lots = position.position_lots
        if not lots:
            continue
        venue, sign = traded(trades), 1 if lots > 0 else -1
        closed = min(qty, abs(lots))
        exact = sign * closed * price - Fraction(position.cost_atoms * closed, abs(lots))
        assert 0 <= exact - venue.side(account, -sign, closed, price) < 1


@given(TRADES, st.integers(1, 99))
def test_a_flip_is_a_close_and_an_opening(trades, price):
    for account, position in enumerate(traded(trades).positions):
        lots = position.position_lots
        if not lots:
            continue
        once, twice, sign = traded(trades), traded(trades), 1 if lots > 0 else -1
        once.side(account, -sign, abs(lots) + 3, price)
        twice.side(account, -sign, abs(lots), price)
        assert twice.positions[account] == Position(0, 0)
        twice.side(account, -sign, 3, price)
        assert once.balances == twice.balances
        assert once.positions[account] == twice.positions[account] == Position(-sign * 3, -sign * 3 * price)


def exact_accounting(fills):
    """Position, entry and realised PnL by average entry in exact fractions: a second way to the same numbers."""
    held_, entry, realised = Fraction(0), Fraction(0), Fraction(0)
    for side, quantity, price in fills:
        change = quantity if side == "buy" else -quantity
        if held_ * change >= 0:
            entry = (entry * held_ + change * price) / (held_ + change)
        else:
            closed = min(abs(change), abs(held_))
            realised += closed * (price - entry) * (1 if held_ > 0 else -1)
            entry = price if abs(change) > abs(held_) else entry
        held_ += change
        entry = entry if held_ else Fraction(0)
    return {"position": str(held_), "entry": str(entry), "realized": str(realised)}


FRACTIONS = st.fractions(Fraction(1, 12), 40, max_denominator=12)
ENGINES = [vectors.engine_of(reference=False), vectors.engine_of(reference=True)]


def agrees(kind, given_, expect):
    """Check that a vector passes on both engines."""
    vector = {"kind": kind, "input": given_, "expect": expect}
    return [vectors.vector_differences(engine, vector) for engine in ENGINES] == [[], []]


@given(st.lists(st.tuples(st.sampled_from(["buy", "sell"]), FRACTIONS, FRACTIONS), min_size=1, max_size=6))
@example([("buy", Fraction(a, b), Fraction(c, d)) for a, b, c, d in [(80, 11, 1, 6), (123, 7, 11, 10), (168, 5, 1, 2)]])
def test_a_native_position_is_the_exact_one(fills):
    written = [[side, str(quantity), str(price)] for side, quantity, price in fills]
    assert agrees("perp_position_accounting", {"fills": written}, exact_accounting(fills))


SIGNED = FRACTIONS | FRACTIONS.map(lambda value: -value)
SHARES = st.fractions(0, 1, max_denominator=40)


@given(SIGNED | st.just(Fraction(0)), st.lists(st.tuples(SIGNED, FRACTIONS, FRACTIONS, SHARES), max_size=3))
def test_a_native_account_has_the_exact_equity(cash, rows):
    worth = sum((lots * (mark - entry) for lots, entry, mark, _ in rows), cash)
    needed = sum((abs(lots) * mark * ratio for lots, _, mark, ratio in rows), Fraction(0))
    names = [str(number) for number in range(len(rows))]
    account = {
        "cash": str(cash),
        "pos": {name: [str(row[0]), str(row[1])] for name, row in zip(names, rows, strict=True)},
    }
    columns = {
        name: {each: str(row[place]) for each, row in zip(names, rows, strict=True)}
        for name, place in (("marks", 2), ("maintenance_ratio", 3))
    }
    expect = {"equity": str(worth), "maintenance": str(needed), "liquidatable": worth < needed}
    assert agrees("perp_margin_check", {"account": account, **columns}, expect)


@given(SIGNED, SIGNED, FRACTIONS, FRACTIONS, SHARES.filter(lambda ratio: ratio < 1))
def test_a_native_position_has_the_exact_liquidation_price(cash, lots, entry, mark, ratio):
    # cash + lots * (p - entry) = |lots| * p * ratio
    price = (lots * entry - cash) / (lots - abs(lots) * ratio)
    names = ("cash", "position", "entry", "mark", "maintenance_ratio")
    written = dict(zip(names, map(str, (cash, lots, entry, mark, ratio)), strict=True))
    assert agrees("perp_liq_price", written, {"liq_price": str(price) if price > 0 else None})


# ---- C-2 .. C-4 ------------------------------------------------------------------------------------------------------


@given(st.integers(-3_000, 3_000), st.lists(holdings(), max_size=3))
def test_equity_is_exact_and_a_requirement_never_too_small(money, held_):
    exact = sum(
        (each.position_lots * each.mark_ticks * each.atoms_per_tick_lot - each.cost_atoms for each in held_), money
    )
    assert equity(money, held_) == exact
    needed = sum(
        (each.maintenance.exact(abs(each.position_lots) * each.mark_ticks * each.atoms_per_tick_lot) for each in held_),
        Fraction(0),
    )
    assert 0 <= requirement(held_) - needed < len(held_) or requirement(held_) == needed == 0


@given(st.integers(-3_000, 3_000), st.integers(0, 3_000), boundaries())
@example(2, 1, Boundary(MarginAction.LIQUIDATE, 1_050_000, Comparator.AT_OR_BELOW))
def test_a_surplus_says_what_the_ratio_says(worth, required, boundary):
    left, right = worth * PPM, boundary.ratio_ppm * required
    beyond = left < right if boundary.comparator == Comparator.BELOW or not required else left <= right
    assert (surplus(Health(worth, required), boundary) < 0) == beyond


@given(st.integers(-300, 3_000), st.integers(0, 900), ladders())
def test_boundaries_are_passed_one_after_the_other(worth, required, ladder):
    surpluses = [surplus(Health(worth, required), boundary) for boundary in ladder.boundaries]
    beyond = [each < 0 for each in surpluses]
    assert beyond == sorted(beyond, reverse=True)
    assert state(Health(worth, required), ladder) == sum(beyond)


@given(st.integers(-300, 3_000), st.integers(0, 900), st.integers(0, 50), ladders())
def test_more_money_or_less_to_keep_never_makes_it_worse(worth, required, step, ladder):
    now = state(Health(worth, required), ladder)
    assert state(Health(worth + step, required), ladder) <= now
    assert state(Health(worth, max(required - step, 0)), ladder) <= now
    assert state(Health(worth - step, required), ladder) >= now


@st.composite
def unified_accounts(draw, *, initial=False):
    assets = [
        UnifiedAsset(
            balance_atoms=draw(st.integers(-400, 2_000)),
            owed_atoms=draw(st.integers(0, 400)),
            holdings=tuple(draw(st.lists(holdings(initial=initial), max_size=2))),
            is_unit=is_unit,
            index_ticks=draw(st.integers(1, 40)),
            atoms_per_tick_lot=draw(st.integers(1, 3)),
            base_atoms_per_lot=draw(st.integers(1, 7)),
            haircut=draw(st.one_of(st.none(), schedules(floor_max=3_000))),
            loan_ppm=draw(RATES),
        )
        for is_unit in [True, *[False] * draw(st.integers(0, 2))]
    ]
    return draw(st.permutations(assets))


@given(unified_accounts())
def test_a_unified_account_is_rounded_against_itself(assets):
    worth, needed = Fraction(0), Fraction(0)
    roundings = 0
    for asset in assets:
        price = (
            Fraction(1)
            if asset.is_unit
            else Fraction(asset.index_ticks * asset.atoms_per_tick_lot, asset.base_atoms_per_lot)
        )
        value = (asset.balance_atoms - asset.owed_atoms + equity(0, asset.holdings)) * price
        worth += asset.haircut.exact(value) if value > 0 and asset.haircut else value
        needed += requirement(asset.holdings) * price
        needed += (asset.owed_atoms + max(0, -asset.balance_atoms)) * price * asset.loan_ppm / PPM
        roundings += 2
    was = unified_health(assets)
    assert 0 <= worth - was.equity_atoms < roundings
    assert 0 <= was.requirement_atoms - needed < roundings


# ---- C-8 -------------------------------------------------------------------------------------------------------------


def first_by_walking(health_at, mark, last, boundary):
    step = 1 if last >= mark else -1
    for price in range(mark, last + step, step):
        if surplus(health_at(price), boundary) < 0:
            return price
    return None


@given(st.integers(-2_000, 2_000), st.lists(holdings(), min_size=1, max_size=3), st.data(), boundaries())
def test_the_liquidation_price_is_the_first_that_breaches(money, held_, data, boundary):
    index = data.draw(st.integers(0, len(held_) - 1))
    lots, mark = held_[index].position_lots, held_[index].mark_ticks
    last = 1 if lots > 0 else 90
    health_at = health_at_mark(money, held_, index)
    assert liquidation_price_ticks(health_at, mark, last, boundary) == first_by_walking(health_at, mark, last, boundary)
    bankrupt = [
        price
        for price in range(mark, last + (1 if last >= mark else -1), 1 if last >= mark else -1)
        if health_at(price).equity_atoms < 0
    ]
    assert bankruptcy_price_ticks(health_at, mark, last) == (bankrupt[0] if bankrupt else None)


@given(unified_accounts(), boundaries(), st.data())
def test_so_it_is_in_a_unified_account(assets, boundary, data):
    places = [(i, j) for i, asset in enumerate(assets) for j in range(len(asset.holdings))]
    if not places:
        return
    i, j = data.draw(st.sampled_from(places))
    one = assets[i].holdings[j]
    last = 1 if one.position_lots > 0 else 90

    def health_at(price):
        moved = list(assets[i].holdings)
        moved[j] = replace(one, mark_ticks=price)
        return unified_health([*assets[:i], replace(assets[i], holdings=tuple(moved)), *assets[i + 1 :]])

    was = liquidation_price_ticks(health_at, one.mark_ticks, last, boundary)
    assert was == first_by_walking(health_at, one.mark_ticks, last, boundary)


@given(
    st.integers(1, 40) | st.integers(-40, -1),
    st.integers(1, 2_000),
    st.integers(0, 60_000),
    st.lists(st.tuples(st.integers(1, 40_000), st.integers(0, PPM // 2)), max_size=3, unique_by=lambda row: row[0]),
    st.integers(0, PPM // 2),
)
def test_the_closed_form_is_the_same_price(lots, entry, money, more, first):
    """With rates that rise, as venues have them, the first tick that breaches is the first past the closed form."""
    rates = sorted([first, *(rate for _, rate in more)])
    tiers = Tiers(tuple(zip([0, *sorted(floor for floor, _ in more)], rates, strict=True)))
    health_at = health_at_mark(money, [held(lots, entry, entry, tiers=tiers)], 0)
    boundary = Boundary(MarginAction.LIQUIDATE, PPM)
    exact = liquidation_price(lots, entry, money, [(floor, Fraction(rate, PPM)) for floor, rate in tiers.rows])
    was = liquidation_price_ticks(health_at, entry, 1 if lots > 0 else 10**6, boundary)
    if surplus(health_at(entry), boundary) < 0:
        assert was == entry
    elif lots > 0:
        assert was == (None if exact is None or exact <= 1 else -(-exact // 1) - 1)
    else:
        assert was == exact // 1 + 1
    if exact is not None:
        assert money + lots * (exact - entry) == tiers.exact(abs(lots) * exact)


# ---- C-6 -------------------------------------------------------------------------------------------------------------

ORDERS = st.builds(NewOrder, st.sampled_from([1, -1]), st.integers(1, 15), st.integers(1, 60))


@given(st.integers(-500, 3_000), st.lists(holdings(initial=True), min_size=1, max_size=3), ORDERS)
def test_an_order_is_accepted_for_exactly_one_of_two_reasons(money, held_, order):
    market = held_[0]
    grown = replace(
        market,
        bid_lots=market.bid_lots + order.qty_lots * (order.side > 0),
        ask_lots=market.ask_lots + order.qty_lots * (order.side < 0),
    )
    left = equity(money, held_) - sum(initial_requirement(each) for each in [grown, *held_[1:]])
    enough = left - open_loss(market, order) >= 0
    reduces = initial_requirement(grown) <= initial_requirement(market)
    assert order_is_affordable(money, held_, 0, order) == (enough or reduces)
    assert only_reduces(market, order) == reduces


@given(st.integers(-500, 3_000), holdings(initial=True), ORDERS)
def test_an_accepted_order_that_fills_at_its_limit_is_still_covered(money, market, order):
    alone = replace(market, bid_lots=0, ask_lots=0)
    if only_reduces(alone, order) or not order_is_affordable(money, [alone], 0, order):
        return
    position = Position(alone.position_lots, alone.cost_atoms)
    realised = position.trade(order.side, order.qty_lots, order.limit_ticks * alone.atoms_per_tick_lot)
    after = replace(alone, position_lots=position.position_lots, cost_atoms=position.cost_atoms)
    assert equity(money + realised, [after]) >= initial_requirement(after)


@given(unified_accounts(initial=True), ORDERS, st.data())
def test_a_unified_account_of_one_asset_takes_the_orders_of_a_cross_unit(assets, order, data):
    unit = next(asset for asset in assets if asset.is_unit)
    if not unit.holdings:
        return
    index = data.draw(st.integers(0, len(unit.holdings) - 1))
    alone = replace(unit, haircut=None, loan_ppm=0)
    was = unified_order_is_affordable([alone], 0, index, order)
    assert was == order_is_affordable(alone.balance_atoms - alone.owed_atoms, alone.holdings, index, order)


# ---- F ---------------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(-1_000, 1_000), max_size=6),
    st.integers(1, 10_000),
    st.integers(1, 99),
    st.integers(-(10**9), 10**9),
)
def test_funding_sums_to_nothing_and_the_pool_never_pays(lots, price, w, rate):
    positions = [*lots, -sum(lots)]
    changes, pool = funding_payments(positions, price, w, rate)
    assert sum(changes) + pool == 0
    assert 0 <= pool < len(positions)
    for held_, change in zip(positions, changes, strict=True):
        assert 0 <= -Fraction(held_ * price * w * rate, 10**9) - change < 1


@given(st.integers(-(10**9), 10**9), st.integers(1, 24), st.integers(0, 10**8))
def test_a_rate_rises_with_the_premium_and_keeps_its_cap(premium, hours, cap):
    interval = hours * 3_600_000
    rate = funding_rate_ppb(premium, interval, cap_ppb=cap)
    assert -cap <= rate <= cap
    assert rate <= funding_rate_ppb(premium + 1_000, interval, cap_ppb=cap)
    exact = Fraction((premium + min(max(100_000 - premium, -500_000), 500_000)) * hours, 8)
    assert abs(funding_rate_ppb(premium, interval) - exact) <= Fraction(1, 2)
