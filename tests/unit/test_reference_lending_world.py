"""Lending, pools, issuers and routes in a world by hand, in the reference alone (B, I, K, Y, Z)."""

from __future__ import annotations

import random

import pytest

from engine.errors import InvariantError
from engine.margin import Ladder
from engine.reference.actions import ALL, GAS, REFUSED_BY_POOL, ActionKind, Refusal
from engine.reference.blocks import Blocks, BlockTerms
from engine.reference.issuers import Issuer, IssuerTerms
from engine.reference.journal import JournalKind, JournalRow
from engine.reference.law import Law
from engine.reference.lending import ONE
from engine.reference.lending_invariants import first_lending_broken, indexes_of
from engine.reference.lending_world import LendingWorld
from engine.reference.market import MarketTerms
from engine.reference.policy import Policy
from engine.reference.pools import ConcentratedPool, ConstantProductPool
from engine.reference.protocols import AAVE, COMET, LOAN, MORPHO, Counts, Entry, ProtocolTerms, ReserveTerms
from engine.reference.routes import Route, RouteTerms, outage_end
from engine.reference.transfers import TransferReason
from engine.reference.waterfall import Landmark
from engine.reference.world_pools import WorldPool
from engine.types import OrderType, PoolReason, Side, TimeInForce

USD, COIN, TOKEN, STAKED = range(4)
P, SELLER, ANN, BOB, EVE, POOL, WAY, VAULT, COOLING = range(3, 12)  # 0 .. 2 are the venue's own
RICH = 10**9
YEAR_MS = 365 * 86_400_000
DOLLAR = ReserveTerms(USD, (1, 1), is_lent=True)
COINS = ReserveTerms(COIN, (1, 1), market=0, own=Counts(800_000, 900_000, 50_000))  # a tick is a dollar for a coin


class Story:
    """Hold a world with a spot market and one protocol, and let accounts act in it.

    Parameters
    ----------
    form : int
        Of the protocol.
    *reserves : ReserveTerms
        Its reserves; dollars and coins by default.
    **options
        Further terms of the protocol.
    """

    def __init__(self, form=AAVE, *reserves, **options):
        markets = [MarketTerms(quote_asset=USD, atoms_per_tick_lot=1, base_asset=COIN) for _ in range(2)]
        self.world = LendingWorld([2**61] * 4, 12, markets, {P: 0, SELLER: 0}, policy=Policy(), ladder=Ladder(), seed=1)
        self.world.add_protocol(ProtocolTerms(form, P, SELLER, **options), reserves or (DOLLAR, COINS))
        for account in (ANN, BOB, EVE):
            for asset in (USD, COIN):
                self.row(JournalKind.DEPOSIT, account=account, market=asset, qty=RICH)
        self.price(100)
        self.run(0)

    def row(self, kind, at_ms=None, **words):
        """Let the world hear a row from outside, and look at all that must hold."""
        blank = dict.fromkeys(("number", "qty", "price", "account", "market", "side", "order_type", "time_in_force"), 0)
        time_ms = self.world.now_ms if at_ms is None else at_ms
        before = indexes_of(self.world)
        self.world.outside([JournalRow(**{**blank, **words}, time_ms=time_ms, kind=kind)])
        assert first_lending_broken(self.world, before) is None
        self.world.check_invariants()

    def price(self, ticks, market=0):
        self.row(JournalKind.ORACLE, account=-1, market=market, price=ticks)

    def act(self, account, kind, atoms=0, asset=USD, other=0, party=None, *, least=0, target=0):
        """Act at once; return (reason, paid, got)."""
        number = asset + (other << 16) + ((account if party is None else party) << 32)
        words = {"number": number, "qty": atoms, "price": least, "account": account, "market": target}
        self.row(JournalKind.ACTION, order_type=kind, **words)
        return self.world.acted[-1][-3:]

    def run(self, until_ms, *rows):
        self.world.run(until_ms, rows)

    @property
    def reserves(self):
        return self.world.lending.reserves

    def loan(self, account):
        return self.world.lending.loan(account, 0)

    def has(self, account, asset=USD):
        return self.world.balance(account, asset)[0]

    @property
    def landmarks(self):
        return [(mark.kind, mark.account, mark.value) for mark in self.world.landmarks]


def borrowed(form=AAVE, *reserves, coins=1_000, dollars=80_000, **options):
    """Return a story in which Eve lends a million dollars and Ann borrows against coins at 100."""
    story = Story(form, *reserves, **options)
    assert story.act(EVE, ActionKind.SUPPLY, 10**6) == (0, 10**6, 0)
    assert story.act(ANN, ActionKind.SUPPLY, coins, COIN) == (0, coins, 0)
    assert story.act(ANN, ActionKind.BORROW, dollars) == (0, 0, dollars)
    return story


# --- Y-17, Y-18 -----------------------------------------------------------------------------------------------------


def test_y18_a_loan_goes_to_its_loan_to_value_ratio_and_not_an_atom_further():
    story = borrowed(dollars=79_999)  # 1,000 coins at 100, 80 %
    assert story.act(ANN, ActionKind.BORROW, 2)[0] == Refusal.UNHEALTHY
    assert story.act(ANN, ActionKind.BORROW, 1) == (0, 0, 1)
    assert story.has(ANN) == RICH + 80_000
    assert story.has(P) == 10**6 - 80_000


def test_y18_aave_lets_collateral_go_down_to_health_one_and_a_comet_to_the_room():
    aave, comet = borrowed(dollars=72_000), borrowed(COMET, dollars=72_000)
    # 72,000 at 90 % need 800 coins at 100, at 80 % they need 900.
    assert aave.act(ANN, ActionKind.WITHDRAW, 201, COIN)[0] == Refusal.UNHEALTHY
    assert aave.act(ANN, ActionKind.WITHDRAW, 200, COIN) == (0, 0, 200)
    assert comet.act(ANN, ActionKind.WITHDRAW, 101, COIN)[0] == Refusal.UNHEALTHY
    assert comet.act(ANN, ActionKind.WITHDRAW, 100, COIN) == (0, 0, 100)


def test_y17_interest_grows_at_the_rate_that_stood_and_only_where_somebody_acts():
    curve = (50_000, 10**6, 0, 0)  # 5 % whatever is lent
    story = borrowed(AAVE, DOLLAR._replace(curve=curve, reserve_ppm=100_000), COINS)
    story.row(JournalKind.INDEX, at_ms=YEAR_MS, account=-1, market=1, price=1)  # time passes
    assert story.reserves[0].debts == 80_000
    assert story.act(BOB, ActionKind.SUPPLY, 10) == (0, 10, 0)
    assert (story.reserves[0].debts, story.reserves[0].kept) == (84_000, 400)
    assert story.reserves[0].borrow_index == 105 * ONE // 100
    assert story.reserves[1].accrued_ms == 0  # coins were not named


def test_y18_repaying_is_cut_to_what_is_owed_and_may_be_done_for_others():
    story = borrowed()
    assert story.act(BOB, ActionKind.REPAY, 30_000, party=ANN) == (0, 30_000, 0)
    assert story.act(ANN, ActionKind.REPAY, ALL) == (0, 50_000, 0)
    assert not story.loan(ANN).owes
    assert story.act(ANN, ActionKind.REPAY, ALL)[0] == Refusal.NOTHING


def test_y18_withdrawals_of_all_of_nothing_of_more_and_of_what_is_lent():
    story = borrowed()
    assert story.act(BOB, ActionKind.WITHDRAW, ALL)[0] == Refusal.NOTHING
    assert story.act(BOB, ActionKind.WITHDRAW, 5)[0] == Refusal.SHORT
    assert story.act(EVE, ActionKind.WITHDRAW, ALL)[0] == Refusal.NO_CASH
    assert story.act(EVE, ActionKind.WITHDRAW, 920_000) == (0, 0, 920_000)
    assert story.act(ANN, ActionKind.WITHDRAW, 10**6, TOKEN)[0] == Refusal.NO_SUCH


def test_y18_caps_modes_and_unknown_prices():
    capped = Story(AAVE, DOLLAR._replace(supply_cap=100, borrow_cap=50), COINS._replace(stale_ms=10))
    assert capped.act(EVE, ActionKind.SUPPLY, 101)[0] == Refusal.CAP
    assert capped.act(EVE, ActionKind.SUPPLY, 100)[0] == 0
    assert capped.act(ANN, ActionKind.SUPPLY, 100, COIN)[0] == 0
    assert capped.act(ANN, ActionKind.BORROW, 51)[0] == Refusal.CAP
    assert capped.act(ANN, ActionKind.BORROW, 50)[0] == 0
    assert capped.act(ANN, ActionKind.MODE, 1)[0] == Refusal.CLOSED  # dollars are in no mode
    capped.run(11)
    assert capped.act(ANN, ActionKind.WITHDRAW, 1, COIN)[0] == Refusal.UNKNOWN_PRICE
    assert capped.act(ANN, ActionKind.REPAY, 50)[0] == 0  # what is repaid needs no price
    assert capped.act(ANN, ActionKind.WITHDRAW, 1, COIN)[0] == 0


def test_y8_a_mode_counts_otherwise_and_lends_its_own_alone():
    moded = COINS._replace(mode=3, moded=Counts(950_000, 970_000, 10_000))
    story = Story(AAVE, DOLLAR, moded, ReserveTerms(TOKEN, (1, 1), is_lent=True, mode=3))
    story.row(JournalKind.DEPOSIT, account=EVE, market=TOKEN, qty=10**6)
    assert story.act(EVE, ActionKind.SUPPLY, 10**6, TOKEN)[0] == 0
    assert story.act(EVE, ActionKind.SUPPLY, 10**6)[0] == 0
    assert story.act(ANN, ActionKind.SUPPLY, 100, COIN)[0] == 0
    assert story.act(ANN, ActionKind.MODE, 3)[0] == 0
    assert story.act(ANN, ActionKind.BORROW, 1)[0] == Refusal.CLOSED
    assert story.act(ANN, ActionKind.BORROW, 9_500, TOKEN) == (0, 0, 9_500)
    assert story.act(ANN, ActionKind.MODE, 0)[0] == Refusal.UNHEALTHY


def test_b6_a_refused_action_leaves_all_but_interest_as_it_was():
    story = borrowed(AAVE, DOLLAR._replace(curve=(50_000, 10**6, 0, 0)), COINS)
    entries, balances = dict(story.loan(ANN).entries), [story.has(who) for who in (P, ANN)]
    story.row(JournalKind.INDEX, at_ms=YEAR_MS, account=-1, market=1, price=1)
    assert story.act(ANN, ActionKind.BORROW, 10**5)[0] == Refusal.UNHEALTHY
    assert story.loan(ANN).entries == entries
    assert [story.has(who) for who in (P, ANN)] == balances
    assert story.reserves[0].accrued_ms == YEAR_MS


def test_y5_nobody_gains_by_going_in_and_out():
    rng = random.Random(5)
    for _ in range(300):
        story = Story(AAVE, DOLLAR, COINS)
        dollars = story.reserves[0]
        dollars.supply_index, dollars.borrow_index = rng.randint(ONE, 3 * ONE), rng.randint(ONE, 3 * ONE)
        assert story.act(EVE, ActionKind.SUPPLY, 10**6)[0] == 0
        assert story.act(ANN, ActionKind.SUPPLY, 10**6, COIN)[0] == 0
        atoms, before = rng.randint(1, 50), story.has(ANN)
        if story.act(ANN, ActionKind.SUPPLY, atoms)[0] == 0:
            story.act(ANN, ActionKind.WITHDRAW, ALL)
        assert story.has(ANN) <= before
        before = story.has(ANN)
        assert story.act(ANN, ActionKind.BORROW, atoms)[0] == 0
        assert story.act(ANN, ActionKind.REPAY, ALL)[0] == 0
        assert story.has(ANN) <= before


# --- Y-19: Aave, Morpho -----------------------------------------------------------------------------------------------


def test_y10_a_liquidation_repays_half_and_the_fee_stays():
    story = borrowed(close_value_min=2_000)
    story.price(88)  # health 88,000 * 0.9 / 80,000 = 0.99
    # floor(40,000 / 88) = 454 coins, 476 with the bonus; ceil((476 - 453) * 10 %) = 3 of them are the protocol's.
    assert story.act(BOB, ActionKind.LIQUIDATE, ALL, USD, COIN, ANN) == (0, 40_000, 473)
    assert story.reserves[1].kept == 3
    assert story.landmarks == [("STEP", ANN, 40_000)]
    assert story.act(BOB, ActionKind.LIQUIDATE, ALL, USD, COIN, EVE)[0] == Refusal.HEALTHY
    assert story.act(BOB, ActionKind.LIQUIDATE, ALL, USD, COIN, BOB)[0] == Refusal.NO_SUCH


def test_y19_reasons_come_in_their_order():
    story = borrowed()
    assert story.act(BOB, ActionKind.LIQUIDATE, 0, USD, COIN, BOB)[0] == Refusal.NOTHING  # before NO_SUCH
    assert story.act(BOB, ActionKind.LIQUIDATE, 1, USD, USD, ANN)[0] == Refusal.HEALTHY  # before NOTHING
    story.price(50)
    assert story.act(BOB, ActionKind.LIQUIDATE, 1, USD, USD, ANN)[0] == Refusal.NOTHING
    assert story.act(BOB, ActionKind.LIQUIDATE, 100, USD, COIN, ANN, least=10**6)[0] == Refusal.BELOW_MINIMUM
    assert story.act(BOB, ActionKind.ABSORB, 0, party=ANN)[0] == Refusal.CLOSED
    assert story.act(BOB, ActionKind.LIQUIDATE, 0, USD, COIN, BOB, target=7)[0] == Refusal.NO_SUCH


def test_y10_a_bare_loan_is_burned_and_booked_as_deficit():
    story = borrowed()
    story.price(50)  # 50,000 / 1.05 = 47,620 pay for all coins
    assert story.act(BOB, ActionKind.LIQUIDATE, ALL, USD, COIN, ANN)[:2] == (0, 47_620)
    assert not story.loan(ANN).is_there
    assert story.reserves[0].deficit == 80_000 - 47_620
    assert story.landmarks[-1] == ("BAD_DEBT", ANN, 32_380)
    assert story.reserves[0].supply_index == ONE


def morpho(*more, ticks):
    coins = COINS._replace(own=Counts(800_000, 860_000, 0))
    story = borrowed(MORPHO, DOLLAR, coins, *more)
    story.price(ticks)
    return story


def test_y12_suppliers_bear_a_loss_at_morpho():
    story = morpho(ticks=50)
    reason, paid, got = story.act(BOB, ActionKind.LIQUIDATE, ALL, USD, COIN, ANN)
    assert (reason, got) == (0, 1_000)
    loss = 80_000 - paid
    assert story.reserves[0].supply_index == ONE * (10**6 - loss) // 10**6
    assert story.reserves[0].deficit == 0
    assert story.act(EVE, ActionKind.WITHDRAW, ALL)[2] == 10**6 - loss


def test_y12_no_loss_is_borne_while_other_collateral_is_left():
    other = ReserveTerms(TOKEN, (1, 1), own=Counts(800_000, 860_000, 0))
    story = morpho(other, ticks=100)
    story.row(JournalKind.DEPOSIT, account=ANN, market=TOKEN, qty=10)
    assert story.act(ANN, ActionKind.SUPPLY, 10, TOKEN)[0] == 0
    story.price(50)
    assert story.act(BOB, ActionKind.LIQUIDATE, ALL, USD, COIN, ANN)[0] == 0
    assert story.reserves[0].supply_index == ONE
    assert story.loan(ANN).owes
    assert story.act(BOB, ActionKind.LIQUIDATE, ALL, USD, TOKEN, ANN)[0] == 0
    assert story.reserves[0].supply_index < ONE
    assert not story.loan(ANN).is_there


def test_y12_once_suppliers_have_lost_all_nobody_supplies_any_more():
    coins = COINS._replace(own=Counts(800_000, 860_000, 0))
    story = Story(MORPHO, DOLLAR, coins)
    assert story.act(EVE, ActionKind.SUPPLY, 8_000)[0] == 0
    assert story.act(ANN, ActionKind.SUPPLY, 100, COIN)[0] == 0
    assert story.act(ANN, ActionKind.BORROW, 8_000)[0] == 0
    story.reserves[1].terms = coins._replace(price=(1, 10_000))  # a coin is worth a hundredth of a dollar
    assert story.act(BOB, ActionKind.LIQUIDATE, ALL, USD, COIN, ANN)[0] == 0
    assert story.reserves[0].claims <= 1
    story.reserves[0].supply_index, story.reserves[0].scaled_supply = 0, 8_000
    assert story.act(BOB, ActionKind.SUPPLY, 10**6)[0] == Refusal.CLOSED


def pooled(form=AAVE, **options):
    """Return a story with a loan that can be liquidated, and a pool of coins and dollars at 95."""
    story = borrowed(form, **options)
    story.world.pools.pools.append(WorldPool(ConstantProductPool(0), POOL, (COIN, USD)))
    assert story.act(EVE, ActionKind.ADD_LIQUIDITY, 10**5, least=95 * 10**5)[0] == 0
    story.price(88)
    return story


def test_y19_a_flash_liquidation_pays_with_what_it_seizes():
    story = pooled()
    before, cash = story.has(BOB), story.has(P)
    seized = 473 + 3
    proceeds = 95 * 10**5 * 900 // (10**5 + 900) if seized > 900 else 95 * 10**5 * 473 // (10**5 + 473)
    # Nothing is near the minimum values, so all 80,000 may be repaid: 909 * 1.05 = 954 coins, 5 of them the fee.
    reason, paid, got = story.act(BOB, ActionKind.FLASH_LIQUIDATE, 40_000, USD, COIN, ANN)
    assert (reason, paid, got) == (0, 40_000, proceeds - 40_000)
    assert story.has(BOB) == before + got
    assert story.has(BOB, COIN) == RICH
    assert story.has(P) == cash + 40_000


def test_y19_a_flash_liquidation_without_profit_changes_nothing():
    story = pooled()
    story.act(EVE, ActionKind.SWAP, 10**5, COIN, USD)  # the pool pays a quarter now
    pool = story.world.pools.pools[0].pool.balances
    assert story.act(BOB, ActionKind.FLASH_LIQUIDATE, 40_000, USD, COIN, ANN)[0] == Refusal.UNPROFITABLE
    assert story.act(BOB, ActionKind.FLASH_LIQUIDATE, 40_000, USD, COIN, ANN, least=7)[0] == Refusal.NO_SUCH  # pool 7
    assert story.world.pools.pools[0].pool.balances == pool
    assert story.loan(ANN).entry(0).debt == 80_000


# --- Y-13: Compound v3 ------------------------------------------------------------------------------------------------


def test_y13_absorb_takes_all_and_the_storefront_fills_the_deficit():
    story = borrowed(COMET, target_atoms=10**6)
    assert story.act(BOB, ActionKind.ABSORB, party=ANN)[0] == Refusal.HEALTHY
    story.price(88)
    # Credit floor(88,000 * 0.95) = 83,600: 3,600 more than the debt.
    assert story.act(BOB, ActionKind.ABSORB, party=ANN) == (0, 0, 0)
    assert (story.reserves[0].deficit, story.reserves[1].kept) == (83_600, 1_000)
    assert story.loan(ANN).entries == {0: Entry(supply=3_600)}
    # The discount is 60 % of 5 %: 88 / 0.97 = 90.7 dollars a coin.
    assert story.act(BOB, ActionKind.BUY_COLLATERAL, 8_536, USD, COIN) == (0, 8_536, 100)
    assert (story.reserves[0].deficit, story.reserves[1].kept) == (75_064, 900)
    assert story.act(BOB, ActionKind.BUY_COLLATERAL, 10**6, USD, COIN)[0] == Refusal.SHORT


def test_y13_what_collateral_lacks_is_told_as_bad_debt_and_the_store_closes():
    story = borrowed(COMET, target_atoms=0)
    story.price(50)
    assert story.act(BOB, ActionKind.ABSORB, party=ANN)[0] == 0
    assert story.landmarks == [("STEP", ANN, 80_000), ("BAD_DEBT", ANN, 80_000 - 47_500)]
    assert story.act(BOB, ActionKind.BUY_COLLATERAL, 79_000, USD, COIN)[0] == Refusal.SHORT
    story.reserves[0].deficit = 0  # nothing is kept either: reserves are at their target
    story.world.ledger.move(EVE, P, USD, 80_000)
    assert story.act(BOB, ActionKind.BUY_COLLATERAL, 100, USD, COIN)[0] == Refusal.CLOSED


# --- Y-21: levels -----------------------------------------------------------------------------------------------------


def test_y21_those_that_stand_worse_fall_the_weakest_first_and_leave_when_they_are_well():
    story = borrowed()
    assert story.act(BOB, ActionKind.SUPPLY, 1_000, COIN)[0] == 0
    assert story.act(BOB, ActionKind.BORROW, 79_000)[0] == 0
    story.price(87)
    story.run(1)
    assert story.landmarks == [("LIQUIDATION", ANN, 87_000 - 80_000), ("LIQUIDATION", BOB, 87_000 - 79_000)]
    assert [loan.account for loan in story.world.lending.protocols[0].work] == [ANN, BOB]
    story.price(88)  # 79,200: enough for Bob
    story.run(2)
    assert [loan.account for loan in story.world.lending.protocols[0].work] == [ANN]
    assert story.act(ANN, ActionKind.REPAY, 10_000)[0] == 0  # seen in the same event
    assert story.world.lending.protocols[0].work == []


def test_y21_an_unknown_price_leaves_the_level_unless_nothing_is_owed():
    story = borrowed(AAVE, DOLLAR, COINS._replace(stale_ms=10))
    story.price(50)
    story.run(20)
    assert story.loan(ANN).level == 1
    story.act(BOB, ActionKind.SUPPLY, 5)
    story.run(21)
    assert story.loan(ANN).level == 1
    assert story.act(BOB, ActionKind.REPAY, ALL, party=ANN)[0] == 0
    assert story.loan(ANN).level == 0


# --- Y-14, Y-23: centralised loans ------------------------------------------------------------------------------------


def sold_row(at_ms, number, lots, market=0):
    words = {"order_type": int(OrderType.MARKET), "time_in_force": int(TimeInForce.IOC), "side": int(Side.SELL)}
    place = JournalRow(at_ms, number, lots, 0, SELLER, market, JournalKind.PLACE, 0, 0, 0)
    return place._replace(**words)


def sale_row(at_ms, account, side):
    return JournalRow(at_ms, 0, 0, 0, account, 0, JournalKind.SALE, side, 0, 0)


def lender(**options):
    """Return a story of a centralised loan of 60,000 on 1,000 coins, called at 75 %, liquidated at 83 %."""
    return borrowed(LOAN, DOLLAR, COINS._replace(sale_market=0), dollars=60_000, **options)


def test_y14_a_loan_is_called_and_then_liquidated_at_its_ratios():
    story = lender()
    story.price(81)
    story.run(1)
    assert story.landmarks == []
    story.price(80)  # 60,000 / 80,000 = 75 %
    story.run(2)
    assert story.landmarks == [("MARGIN_CALL", ANN, 20_000)]
    story.price(90)
    story.run(3)
    assert story.loan(ANN).level == 0  # without a landmark
    assert len(story.landmarks) == 1


def test_y23_what_a_sale_fetches_repays_and_the_rest_goes_back():
    story = lender(sale_ppm=500_000)
    order = {"account": BOB, "number": 1, "side": int(Side.BUY), "price": 70, "qty": 300}
    story.row(JournalKind.PLACE, order_type=int(OrderType.LIMIT), time_in_force=int(TimeInForce.GTC), **order)
    story.price(72)
    story.run(1, sale_row(1, ANN, 1), sold_row(1, 1, 500))
    assert (story.has(SELLER), story.has(SELLER, COIN)) == (21_000, 200)
    story.run(2, sale_row(2, ANN, -1))
    assert (story.loan(ANN).entry(0).debt, story.loan(ANN).entry(1).supply) == (39_000, 700)
    assert story.loan(ANN).level == 1  # 39,000 / 50,400: called still
    assert story.landmarks == [("LIQUIDATION", ANN, 12_000), ("STEP", ANN, 500)]


def test_y23_the_next_loan_has_its_turn_and_a_surplus_is_the_borrowers():
    story = lender()
    assert story.act(BOB, ActionKind.SUPPLY, 1_000, COIN)[0] == 0
    assert story.act(BOB, ActionKind.BORROW, 62_000)[0] == 0
    order = {"account": EVE, "number": 1, "side": int(Side.BUY), "price": 70, "qty": 1_500}
    story.row(JournalKind.PLACE, order_type=int(OrderType.LIMIT), time_in_force=int(TimeInForce.GTC), **order)
    story.price(72)
    story.run(1, sale_row(1, BOB, 1), sold_row(1, 1, 1_000))  # Bob stands worse
    story.run(2, sale_row(2, BOB, -1), sale_row(2, ANN, 1), sold_row(2, 2, 1_000))
    assert not story.loan(BOB).is_there
    assert story.has(BOB) == RICH + 62_000 + 8_000  # 70,000 fetched
    story.run(3, sale_row(3, ANN, -1))
    assert (story.loan(ANN).entry(0).debt, story.loan(ANN).entry(1).supply) == (25_000, 500)  # 69 %: well again


def test_y23_another_row_than_the_sale_decided_on_is_found_out():
    story = lender()
    story.price(72)
    with pytest.raises(InvariantError):
        story.run(1, sale_row(1, BOB, 1))


def test_y23_less_than_a_lot_is_written_off():
    story = lender()
    story.world.markets[0].terms = story.world.markets[0].terms._replace(base_atoms_per_lot=2_000)
    story.price(72)
    story.run(1)
    assert story.reserves[1].kept == 1_000
    assert story.reserves[0].deficit == 60_000
    assert story.landmarks == [("LIQUIDATION", ANN, 12_000), ("BAD_DEBT", ANN, 60_000)]
    assert story.world.lending.protocols[0].work == []


def test_y23_what_is_lent_out_waits():
    dollars = DOLLAR._replace(own=Counts(900_000, 950_000, 0))
    story = borrowed(LOAN, dollars, COINS._replace(sale_market=0, is_lent=True), dollars=60_000, sale_ms=3)
    assert story.act(BOB, ActionKind.SUPPLY, 10**6)[0] == 0
    assert story.act(BOB, ActionKind.BORROW, 1_000, COIN)[0] == 0
    story.price(72)
    story.run(1)
    assert story.act(BOB, ActionKind.REPAY, ALL, COIN)[0] == 0
    story.run(4, sale_row(4, ANN, 1), sold_row(4, 1, 1_000))
    assert story.world.lending.protocols[0].sold is not None


# --- B-3 .. B-5 -------------------------------------------------------------------------------------------------------


def gas_row(at_ms, account, atoms):
    return JournalRow(at_ms, 0, atoms, 0, account, USD, JournalKind.PAYMENT, 0, int(TransferReason.GAS), 0)


def action_row(at_ms, account, kind, atoms):
    return JournalRow(at_ms, account << 32, atoms, 0, account, 0, JournalKind.ACTION, 0, int(kind), 0)


def test_b4_gas_is_paid_by_its_account_for_its_kind():
    story = Story()
    story.world.blocks[0] = Blocks(BlockTerms(10, USD, base_price=2), 0)
    paid, supply = 2 * GAS[ActionKind.SUPPLY], ActionKind.SUPPLY
    story.run(10, gas_row(10, EVE, paid), action_row(10, EVE, supply, 5))
    assert story.has(0) == paid
    assert story.has(EVE) == RICH - paid - 5
    with pytest.raises(InvariantError):
        story.run(20, gas_row(20, ANN, paid), action_row(20, EVE, supply, 5))
    with pytest.raises(InvariantError):
        story.run(30, gas_row(30, EVE, paid - 1), action_row(30, EVE, supply, 5))


@pytest.mark.parametrize("row", [gas_row(10, ANN, 2 * RICH), gas_row(10, ANN, 0)])
def test_b4_gas_that_nobody_can_pay_is_found_out(row):
    with pytest.raises(InvariantError):
        Story().run(10, row)


def test_b3_a_block_has_its_time_its_limit_and_its_order():
    terms = BlockTerms(10, USD, gas_most=800_000, base_price=0)
    with pytest.raises(InvariantError):
        Blocks(terms, 0).executes(15, 1, 0)
    full, rising = Blocks(terms, 0), Blocks(terms, 0)
    full.executes(10, 800_000, 0)
    with pytest.raises(InvariantError):
        full.executes(10, 1, 0)
    rising.executes(10, 100, 100)
    with pytest.raises(InvariantError):
        rising.executes(10, 100, 200)


def test_b5_the_base_price_follows_the_gas_and_rests_without_a_limit():
    blocks = Blocks(BlockTerms(10, USD, gas_most=1_000_000, base_price=80, base_least=60), 0)
    blocks.executes(10, 800_000, 800_000 * 80)
    blocks.executes(20, 500_000, 500_000 * 86)  # 80 * 300,000 / 4,000,000 = 6 more
    assert blocks.base_price == 86
    blocks.executes(40, 1, 76)  # as at its target, then an empty one: 86 - 10
    assert blocks.base_price == 76
    blocks.executes(1_000, 1, 60)
    assert blocks.base_price == 60
    rests = Blocks(BlockTerms(10, USD, base_price=80), 0)
    rests.executes(1_000, 1, 80)
    assert rests.base_price == 80


# --- Z-16, Z-17 -------------------------------------------------------------------------------------------------------


def test_z16_swaps_shares_and_refusals_of_a_pool():
    story = pooled()
    pool = story.world.pools.pools[0]
    assert story.act(BOB, ActionKind.SWAP, 1_000, COIN, USD) == (0, 1_000, 95 * 10**5 * 1_000 // 101_000)
    assert story.act(BOB, ActionKind.SWAP, 1_000, COIN, COIN)[0] == Refusal.NO_SUCH
    least = REFUSED_BY_POOL + PoolReason.BELOW_MINIMUM
    assert story.act(BOB, ActionKind.SWAP, 1_000, COIN, USD, least=RICH)[0] == least
    assert story.act(BOB, ActionKind.SWAP, 2 * RICH, COIN, USD)[0] == Refusal.LACKING
    short = REFUSED_BY_POOL + PoolReason.SHARES_SHORT
    assert story.act(BOB, ActionKind.REMOVE_LIQUIDITY, 1)[0] == short
    shares = pool.shares[EVE]
    assert story.act(EVE, ActionKind.REMOVE_LIQUIDITY, shares)[:2] == (0, shares)
    assert pool.pool.shares == 1_000  # the locked ones


def test_z17_ranges_and_coins_at_once():
    story = Story()
    ranges = WorldPool(ConcentratedPool(2**96, 0, 1), POOL, (COIN, USD))
    story.world.pools.pools.append(ranges)
    added = {"account": EVE, "market": 0, "price": -10, "number": 10, "qty": 10**6}
    story.row(JournalKind.POOL, order_type=2, **added)
    assert ranges.pool.balances[0] > 0
    story.row(JournalKind.POOL, order_type=3, **{**added, "qty": 10**6 + 1})  # more than there is: refused
    assert ranges.pool.balances[0] > 0
    story.row(JournalKind.POOL, order_type=3, **added)
    assert ranges.pool.positions == {}
    assert max(ranges.pool.balances) <= 1  # what was rounded


# --- K, I -------------------------------------------------------------------------------------------------------------


def routed(**terms):
    story = Story()
    story.world.routes.routes.append(Route(RouteTerms(USD, 0, 0, "way", 5, **terms), WAY))
    return story


def arrival(at_ms, account, atoms, side=0):
    return JournalRow(at_ms, 0, atoms, 0, account, 0, JournalKind.ARRIVAL, side, 0, 0)


def test_k1_a_transfer_pays_its_fee_and_arrives_when_it_is_due():
    story = routed(fee_atoms=2)
    assert story.act(ANN, ActionKind.TRANSFER, 2, party=BOB)[0] == Refusal.NOTHING
    assert story.act(ANN, ActionKind.TRANSFER, 102, party=BOB) == (0, 102, 100)
    assert (story.has(0), story.has(WAY)) == (2, 100)
    story.run(5, arrival(5, BOB, 100))
    assert story.has(BOB) == RICH + 100


@pytest.mark.parametrize("row", [arrival(4, BOB, 100), arrival(5, BOB, 99), arrival(5, EVE, 100)])
def test_k2_another_arrival_is_found_out(row):
    story = routed()
    story.act(ANN, ActionKind.TRANSFER, 100, party=BOB)
    with pytest.raises(InvariantError):
        story.run(10, row)


def test_k2_k3_outages_caps_and_draws():
    assert outage_end(((5, 8), (8, 12)), 6) == 12
    story = routed(outages=((5, 8),), cap_atoms=150, cap_ms=100)
    story.act(ANN, ActionKind.TRANSFER, 100, party=BOB)
    assert story.act(ANN, ActionKind.TRANSFER, 51, party=BOB)[0] == Refusal.CAP
    assert story.world.routes.routes[0].way.rows[0].due_ms == 8
    story.run(6)
    assert story.act(ANN, ActionKind.TRANSFER, 1, party=BOB)[0] == Refusal.CLOSED
    drawn = routed(law=Law("uniform", 10.0, 1_000.0))
    for _ in range(20):
        drawn.act(ANN, ActionKind.TRANSFER, 1, party=BOB)
    due = [row.due_ms for row in drawn.world.routes.routes[0].way.rows]
    assert due == sorted(due)
    assert len(set(due)) > 1
    assert 15 <= due[0] <= due[-1] <= 1_005


def issued(**terms):
    story = Story()
    declared = IssuerTerms(USD, TOKEN, EVE, staked=STAKED, **terms)
    story.world.issuers.issuers.append(Issuer(declared, 0, VAULT, COOLING))
    return story


def test_i2_mint_and_redeem_round_against_the_account():
    story = issued(rate_ppb=3 * 10**9, mint_ppm=1_000, redeem_ppm=1_000)
    assert story.act(ANN, ActionKind.MINT, 1_000) == (0, 1_000, 333)  # floor(999 / 3)
    assert story.act(ANN, ActionKind.REDEEM, 333) == (0, 333, 998)  # floor(999 * 0.999)
    assert story.world.ledger.net_deposits[TOKEN] == 0
    assert story.act(EVE, ActionKind.REDEEM, 1)[0] == Refusal.NOT_LISTED


def test_i4_rewards_raise_what_a_share_is_worth_and_cooldowns_hold_it():
    story = issued(cooldown_ms=10)
    assert story.act(ANN, ActionKind.UNSTAKE, 1)[0] == Refusal.NOTHING
    assert story.act(ANN, ActionKind.MINT, 1_000)[0] == 0
    assert story.act(ANN, ActionKind.STAKE, 1_000) == (0, 1_000, 1_000)
    assert story.act(EVE, ActionKind.MINT, 100) == (0, 100, 100)  # a reward: its own account mints into the vault
    assert story.act(ANN, ActionKind.UNSTAKE, 500) == (0, 500, 550)
    story.run(10, arrival(10, ANN, 550, side=1))
    assert story.has(ANN, TOKEN) == 550


def test_landmarks_name_no_market_of_their_own():
    story = borrowed()
    story.price(50)
    story.run(1)
    assert story.world.landmarks == [Landmark(1, "LIQUIDATION", 0, ANN, 50_000 - 80_000)]
