"""The waterfall by hand: shares, values, scores and short stories, in the reference alone (X-4 .. X-12, L-14)."""

from __future__ import annotations

import pytest

from engine.errors import InvariantError
from engine.margin import Ladder
from engine.reference.adl import Candidate, Share, ranked, score, unranked, water_fill
from engine.reference.journal import JournalKind, JournalRow
from engine.reference.margin import Health
from engine.reference.market import MarketTerms
from engine.reference.policy import Policy
from engine.reference.schedule import Schedule
from engine.reference.stage import Place, affordable_lots, stage_limit, stage_lots, value_limit
from engine.reference.transfers import TransferReason
from engine.reference.units import Held, bankruptcy_values, shares
from engine.reference.waterfall import Landmark, WaterfallWorld
from engine.reference.world import World

FLAT_5 = Schedule([0], [50_000])  # 5 % of any notional

# --- scores ---------------------------------------------------------------------------------------------------


def binance(account: int, pnl: int, wallet: int, requirement: int) -> Candidate:
    return Candidate(account, -1, -1, pnl, 1, wallet + pnl, requirement, wallet)


def test_binance_ranks_by_profit_on_the_wallet_times_risk():
    s1 = binance(1, 500_000, 100_000, 20_000)
    s2 = binance(2, 2_000_000, 5_000_000, 60_000)
    s3 = binance(3, 50_000, 10_000, 4_000)
    assert score("binance", s1) == 166_666_665  # 5 x floor(20 / 600 in ppb)
    assert score("binance", s2) == 3_428_571  # 0.4 x 60 / 7,000
    assert score("binance", s3) == 333_333_330  # 5 x 4 / 60
    assert ranked("binance", [s1, s2, s3]) == [3, 1, 2]


def short(account: int, lots: int, entry: int, equity: int, mark: int = 106_400) -> Candidate:
    return Candidate(account, -lots, -lots * entry, lots * (entry - mark), lots * mark, equity, 0, 0)


def test_hyperliquid_is_the_same_order_as_written_and_with_the_sides_told_apart():
    a, b, c = short(1, 10, 122_000, 600_000), short(2, 100, 118_000, 20_000_000), short(3, 50, 108_000, 250_000)
    assert [score("hyperliquid", who) // 10**6 for who in (a, b, c)] == [1_546, 479, 20_964]
    assert [score("hyperliquid_adjusted", who) // 10**6 for who in (a, b, c)] == [2_033, 589, 21_599]
    assert ranked("hyperliquid", [a, b, c]) == ranked("hyperliquid_adjusted", [a, b, c]) == [3, 1, 2]


def test_a_long_is_scored_alike_by_both_hyperliquid_rules():
    long = Candidate(1, 10, 1_000, 200, 1_200, 400, 0, 0)
    assert score("hyperliquid", long) == score("hyperliquid_adjusted", long) == 3_600_000_000  # 1.2 x 3


def test_bybit_scores_a_loss_below_nothing_and_a_tie_goes_to_the_lower_account():
    loser = Candidate(1, 10, 1_000, -100, 900, 300, 0, 0)
    assert score("bybit", loser) == -300_000_000  # -0.1 x 3
    assert ranked("bybit", [loser._replace(account=9), loser]) == [1, 9]


def test_unranked_goes_once_around_from_the_drawn_account():
    found = [short(account, 1, 1, 1) for account in (4, 7, 9)]
    assert unranked(found, 5) == [7, 9, 4]
    assert unranked(found, 10) == [4, 7, 9]


# --- pro rata -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pool", "lots", "given"),
    [
        # Caps 10, 30, 60: the first is full at 10 (30 given), the other two share 30 more: eta = 25.
        ([Share(1, 1, 10), Share(2, 1, 30), Share(3, 1, 60)], 60, {1: 10, 2: 25, 3: 25}),
        # All caps together are less than is asked: nobody takes more.
        ([Share(1, 1, 10), Share(2, 1, 30)], 60, {1: 10, 2: 30}),
        # 10 over 1 : 2 : 4 is 1.43, 2.86, 5.71; two lots are left for the first two accounts.
        ([Share(1, 1, 9), Share(2, 2, 9), Share(3, 4, 9)], 10, {1: 2, 2: 3, 3: 5}),
        # A full one gets none of what is left over: 5 over 1 : 1 : 1 with caps 1, 9, 9.
        ([Share(1, 1, 1), Share(2, 1, 9), Share(3, 1, 9)], 4, {1: 1, 2: 2, 3: 1}),
        ([], 5, {}),
    ],
)
def test_water_filling(pool, lots, given):
    assert water_fill(pool, lots) == given


# --- X-7 ------------------------------------------------------------------------------------------------------------


def test_shares_of_a_loss_are_rounded_up_and_the_last_one_takes_the_rest():
    # -10 over 15 : 5 : 1: ceil(-7.14), ceil(-2.38), and what is left.
    assert shares(-10, [15, 5, 1]) == [-7, -2, -1]


def test_closing_everything_at_its_bankruptcy_value_leaves_exactly_nothing():
    held = [Held(0, 3, 300, 15, 300), Held(1, -1, -100, 5, 100), Held(2, 2, 21, 1, 21)]
    for equity in (-10, -1, 0, 7, 500):
        values = bankruptcy_values(held, equity)
        assert sum(each.value for each in held) - sum(values) == equity


def test_without_requirements_the_notionals_weigh():
    assert bankruptcy_values([Held(0, 3, 300, 0, 300), Held(1, -1, -100, 0, 100)], -8) == [306, -98]


# --- X-5 ------------------------------------------------------------------------------------------------------------


def place(lots: int, *, mark: int = 100, worth: int = 1, requirement: int = 0, schedule: Schedule = FLAT_5) -> Place:
    terms = MarketTerms(quote_asset=0, atoms_per_tick_lot=worth, maintenance=schedule, taker_fee_ppm=1_000)
    value = lots * mark * worth
    return Place(terms, mark, Held(0, lots, value, requirement, abs(value)))


@pytest.mark.parametrize(
    ("options", "lots"),
    [
        ({"stage_ppm": 250_000}, 3),  # 2.5 of 10, up
        ({"stage_ppm": 250_000, "stage_lots_min": 4}, 4),
        ({"stage_ppm": 1, "stage_lots_min": 99}, 10),  # never more than there is
        ({"stage_ppm": 1, "large_atoms": 1_000}, 10),  # worth no more than 1,000
        ({"stage_ppm": 1, "large_atoms": 999}, 1),
        ({"stage_ppm": 1, "stage_atoms_min": 301}, 4),
        ({"stage_ppm": 1_000_000, "stage_atoms_most": 399}, 3),
        ({"stage_ppm": 1_000_000, "stage_atoms_most": 1}, 1),  # at least a lot
    ],
)
def test_share_of_a_position(options, lots):
    assert stage_lots(Policy(**options), place(10), is_whole=False) == lots


def test_after_a_part_the_rest_goes_whole():
    assert stage_lots(Policy(stage_ppm=1), place(10), is_whole=True) == 10


@pytest.mark.parametrize(("down", "lots"), [(1, 6), (2, 8), (3, 10)])
def test_down_to_a_lower_tier(down, lots):
    # Worth 1,000: the third tier, from 500 on. One tier down at most 499, so 4 lots of 100 stay; two down 249, so 2.
    schedule = Schedule([0, 250, 500], [10_000, 20_000, 30_000])
    assert stage_lots(Policy(size="tier", tiers_down=down), place(10, schedule=schedule), is_whole=False) == lots


def test_fillable_price_of_a_half_healthy_position():
    # 100.00, 1.2 % maintenance, half of it there, spread 150 %: 100 x (1 - 0.5 x 1.5 x 0.012) = 99.10
    policy = Policy(order="fillable", spread_ppm=1_500_000)
    assert stage_limit(policy, place(100, mark=10_000, requirement=12_000), Health(6_000, 12_000), 0) == 9_910
    assert stage_limit(policy, place(-100, mark=10_000, requirement=12_000), Health(6_000, 12_000), 0) == 10_090


def test_limits_round_for_the_unit_and_a_value_beyond_0_is_the_lower_bound():
    assert value_limit(place(3), 301) == 101  # at 100 it would fetch 300
    assert value_limit(place(-3), -302) == 100  # at 101 it would cost 303
    assert value_limit(place(3), -5) == value_limit(place(-3), 5) == 1


def test_a_backstop_trades_what_its_balance_can_pay_for():
    # Bought at 101 2/3, sold at 95 with a fee of 0.095: 7 + 1 a lot.
    assert affordable_lots(place(3), 305, 95, 23) == 2
    assert affordable_lots(place(3), 305, 95, -1) == 0
    assert affordable_lots(place(3), 200, 95, -1) is None  # a profit of 28 less the fee


# --- L-14 -----------------------------------------------------------------------------------------------------------


def row(time_ms: int, kind: JournalKind, account: int, market: int = 0, **words: int) -> JournalRow:
    blank = {"number": 0, "qty": 0, "price": 0, "side": 0, "order_type": 0, "time_in_force": 0}
    return JournalRow(time_ms=time_ms, kind=int(kind), account=account, market=market, **{**blank, **words})


def opened(time_ms: int, buyer: int, seller: int, lots: int, price: int) -> JournalRow:
    return row(time_ms, JournalKind.OPEN, buyer, number=seller, qty=lots, price=price)


def moved(giver: int, receiver: int, lots: int, value: int, side: int, why: TransferReason, ms: int = 0) -> JournalRow:
    words = {"number": receiver, "qty": lots, "price": value, "side": side, "order_type": int(why)}
    return row(ms, JournalKind.TRANSFER, giver, **words)


TERMS = MarketTerms(quote_asset=0, atoms_per_tick_lot=1, maintenance=FLAT_5)


def test_a_receiver_closes_first_and_opens_what_is_left():
    world = World([10**9], 6, [TERMS])
    for account in (3, 4, 5):
        world.apply(row(0, JournalKind.DEPOSIT, account, qty=1_000))
    world.apply(opened(0, 3, 5, 3, 90))  # 3 is long three at 90
    world.apply(opened(0, 5, 4, 2, 100))  # 4 is short two at 100
    world.apply(moved(3, 4, 3, 271, 1, TransferReason.ADL))
    assert world.position(3, 0) == (0, 0)
    assert world.balance(3, 0) == (1_000 + 271 - 270, 0)
    # Two of the three close the short at floor(271 * 2 / 3) = 180: 200 - 180; one lot is held for the other 91.
    assert world.position(4, 0) == (1, 91)
    assert world.balance(4, 0) == (1_020, 0)
    world.check_invariants()


@pytest.mark.parametrize(
    "wrong",
    [
        moved(3, 4, 4, 400, 1, TransferReason.ADL),  # more than it has
        moved(3, 4, 1, 100, -1, TransferReason.ADL),  # the other side
        moved(3, 3, 1, 100, 1, TransferReason.ADL),  # to itself
        moved(3, 4, 1, 100, 1, TransferReason.FUND),  # that is a payment
    ],
)
def test_what_no_transfer_can_be_is_refused(wrong):
    world = World([10**9], 6, [TERMS])
    world.apply(opened(0, 3, 5, 3, 90))
    with pytest.raises(InvariantError):
        world.apply(wrong)


# --- stories: one long of ten lots at 100 with 60, against a short with plenty ----------------------------------------

LONG, SHORT = 3, 4
OPENING = [
    row(0, JournalKind.DEPOSIT, LONG, qty=60),
    row(0, JournalKind.DEPOSIT, SHORT, qty=10_000),
    opened(0, LONG, SHORT, 10, 100),
    row(0, JournalKind.MARK, -1, price=100),
]


def story(policy: Policy, *, fund: int = 0) -> WaterfallWorld:
    world = WaterfallWorld([10**9], 5, [TERMS], policy=policy, ladder=Ladder())
    world.outside(OPENING)
    if fund:
        world.outside([row(0, JournalKind.DEPOSIT, 1, qty=fund)])
    world.run(0, [])
    assert world.landmarks == []  # 60 on a requirement of 50
    world.named.append((LONG, "LIQUIDATION", 0))
    return world


def fallen(ticks: int) -> JournalRow:
    return row(1, JournalKind.MARK, -1, price=ticks)


def sold(lots: int, ms: int = 1) -> JournalRow:
    words = {"number": 1, "qty": lots, "side": -1, "order_type": 2, "time_in_force": 2}
    return row(ms, JournalKind.PLACE, LONG, **words)


def test_a_step_sends_a_quarter_of_the_position():
    world = story(Policy())
    world.run(1, [fallen(98), sold(3)])  # 60 - 20 = 40 < 49
    assert world.landmarks == [Landmark(1, "LIQUIDATION", 0, LONG, 40), Landmark(1, "STEP", 0, LONG, 3)]


@pytest.mark.parametrize(
    "rows",
    [
        [fallen(98)],  # the order is missing
        [fallen(98), sold(4)],  # another size
        [fallen(98), sold(3), sold(3)],  # one more
        [fallen(98), sold(3), moved(LONG, 1, 1, 98, 1, TransferReason.TAKEOVER, 1)],  # nobody decided that
        [fallen(99)],  # 50 on 49.5, rounded up: nobody is liquidated, but the run has told so
    ],
)
def test_a_journal_that_the_rules_do_not_decide_on_is_refused(rows):
    with pytest.raises(InvariantError):
        story(Policy()).run(1, rows)


def test_the_fund_takes_over_at_the_bankruptcy_value():
    policy = Policy(takes_over=True, takeover_ppm=0)
    world = story(policy, fund=15)
    # 60 - 70 = -10: V = 930 + 10. The fund is worth 15, so it accepts, and has 10 less at once.
    world.run(2, [fallen(93), moved(LONG, 1, 10, 940, 1, TransferReason.TAKEOVER, 2)])
    assert world.landmarks == [Landmark(1, "LIQUIDATION", 0, LONG, -10), Landmark(2, "TAKEOVER", 0, LONG, -10)]
    assert world.position(1, 0) == (10, 940)
    assert world.balance(LONG, 0) == (0, 0)


def test_a_fund_that_has_too_little_pays_it_and_the_other_side_is_closed():
    world = story(Policy(takes_over=True, takeover_ppm=0, adl="bybit"), fund=4)
    paid = row(2, JournalKind.PAYMENT, 1, number=LONG, qty=4, order_type=int(TransferReason.FUND))
    # 6 are lacking still: the short closes at 936, 0.6 a lot worse for it than the mark.
    world.run(2, [fallen(93), paid, moved(LONG, SHORT, 10, 936, 1, TransferReason.ADL, 2)])
    assert world.landmarks[1:] == [Landmark(2, "ADL", 0, LONG, 10)]
    assert world.balance(LONG, 0) == (0, 0)
    assert world.balance(SHORT, 0) == (10_064, 0)
    assert world.position(SHORT, 0) == (0, 0)


def test_what_nobody_paid_is_shared_by_profit_or_is_bad_debt():
    for shares_losses in (True, False):
        world = story(Policy(takeover_ppm=0, shares_losses=shares_losses))
        rest = moved(LONG, 1, 10, 930, 1, TransferReason.REST, 2)  # no ADL: to the backstop at mark
        share = row(2, JournalKind.PAYMENT, SHORT, number=LONG, qty=10, order_type=int(TransferReason.SHARE))
        debt = row(2, JournalKind.WRITE_OFF, LONG, number=2, qty=10)
        world.run(2, [fallen(93), rest, share if shares_losses else debt])
        assert world.landmarks[-1] == Landmark(2, "SHARED_LOSS" if shares_losses else "BAD_DEBT", 0, LONG, 10)
        assert world.balance(LONG, 0) == (0, 0)
        world.check_invariants()
