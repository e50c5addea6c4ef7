"""Small worlds with lending that once came out otherwise than the rules, on both sides (Y-17 .. Y-23)."""

from __future__ import annotations

import pytest

from engine.margin import AccountMode
from engine.reference.actions import ALL, ActionKind, Refusal
from engine.reference.lending import ONE
from engine.reference.protocols import AAVE, COMET, LOAN, MORPHO, Counts, ReserveTerms
from engine.testing.lending_twin import LendingTwin

USD, COIN, OTHER = range(3)
HALF_A_YEAR = (0, 500_000, 500_000, 0)  # 50 % a year at half utilisation and more
DOLLAR = ReserveTerms(USD, (1, 1), is_lent=True)
COINS = ReserveTerms(COIN, (1, 1), market=0, own=Counts(800_000, 900_000, 50_000))


class Pair:
    """Hold both worlds: three assets, a spot market for the coins, one protocol, a lender and borrowers.

    Parameters
    ----------
    form : int
        Of the protocol.
    *reserves : ReserveTerms
        Its reserves.
    lent : int
        Dollars that the lender supplies at once.
    **options
        Further terms of the protocol.
    """

    def __init__(self, form, *reserves, lent=10**6, **options):
        self.twin = twin = LendingTwin(1)
        for _ in range(3):
            twin.asset()
        house = twin.account(10**12, 10**12, 10**12)
        twin.spot(COIN, USD)
        twin.spot(OTHER, USD)
        twin.protocol(form, reserves or (DOLLAR, COINS), **options)
        rich = (10**9, 10**9, 10**9)
        self.house, self.lender = house, twin.account(*rich, mode=AccountMode.CASH)
        self.ann, self.bob, self.eve = (twin.account(*rich, mode=AccountMode.CASH) for _ in range(3))
        twin.lenders = {self.lender, self.ann, self.bob, self.eve}
        for market in (0, 1):
            self.price(100, market)
        twin.begin()
        assert self.act(self.lender, ActionKind.SUPPLY, lent)[0] == 0

    def price(self, ticks, market=0):
        self.twin.native.publish(market, ticks, "oracle")

    def act(self, account, kind, atoms=0, asset=USD, **named):
        return self.twin.act(account, kind, 0, atoms, asset=asset, **named)

    def borrow(self, account, coins, dollars):
        assert self.act(account, ActionKind.SUPPLY, coins, COIN) == (0, coins, 0)
        assert self.act(account, ActionKind.BORROW, dollars) == (0, 0, dollars)

    def run(self, for_ms=1):
        """Run both, and demand that they agree."""
        assert self.twin.run(self.twin.native.now_ms + for_ms) == []

    def level(self, account):
        return self.twin.native.loan(account, 0)["level"]

    def reserve(self, asset=USD):
        return self.twin.native.reserve(0, asset)


def test_y17_buying_collateral_accrues_before_it_changes_the_rate():
    pair = Pair(COMET, DOLLAR._replace(curve=HALF_A_YEAR), COINS, lent=100_000, target_atoms=10**6)
    pair.borrow(pair.bob, 2_000, 50_000)
    pair.borrow(pair.ann, 500, 40_000)
    pair.price(80)
    pair.run()
    assert pair.act(pair.eve, ActionKind.ABSORB, party=pair.ann)[0] == 0
    pair.run(365 * 86_400_000 // 2)
    assert pair.act(pair.eve, ActionKind.BUY_COLLATERAL, 5_000, other=COIN)[0] == 0
    assert pair.reserve()["borrow_index"] > ONE
    pair.run()


def test_y12_a_loan_is_bare_only_without_any_other_collateral():
    other = COINS._replace(asset=OTHER, market=1)
    pair = Pair(MORPHO, DOLLAR, COINS, other)
    assert pair.act(pair.ann, ActionKind.SUPPLY, 5, OTHER)[0] == 0
    pair.borrow(pair.ann, 1_000, 80_000)
    pair.price(60)
    pair.run()
    assert pair.act(pair.eve, ActionKind.LIQUIDATE, ALL, other=COIN, party=pair.ann)[0] == 0
    assert pair.reserve()["supply_index"] == ONE
    assert pair.act(pair.eve, ActionKind.LIQUIDATE, ALL, other=OTHER, party=pair.ann)[0] == 0
    assert pair.reserve()["supply_index"] < ONE
    pair.run()


def test_y17_a_refused_action_opens_no_loan_and_what_is_empty_accrues_nothing():
    pair = Pair(AAVE, DOLLAR._replace(curve=HALF_A_YEAR), COINS._replace(is_lent=True, curve=HALF_A_YEAR))
    assert pair.act(pair.ann, ActionKind.BORROW, 5)[0] == Refusal.UNHEALTHY
    assert pair.act(pair.ann, ActionKind.SUPPLY, 5, COIN)[0] == 0
    assert pair.act(pair.ann, ActionKind.WITHDRAW, ALL, COIN)[0] == 0
    assert pair.act(pair.eve, ActionKind.LIQUIDATE, 5, other=COIN, party=pair.ann)[0] == Refusal.NO_SUCH
    pair.run(1_000)
    assert pair.act(pair.ann, ActionKind.SUPPLY, 5)[0] == 0  # names dollars, and had coins once
    pair.run()


@pytest.mark.parametrize("atoms", [ALL, 0])
def test_y18_withdrawing_nothing_is_nothing(atoms):
    pair = Pair(AAVE)
    assert pair.act(pair.ann, ActionKind.WITHDRAW, atoms)[0] == Refusal.NOTHING
    pair.run()


def test_y18_the_mode_is_asked_before_the_health():
    pair = Pair(AAVE)
    assert pair.act(pair.ann, ActionKind.MODE, 7)[0] == 0
    assert pair.act(pair.ann, ActionKind.BORROW, 5)[0] == Refusal.CLOSED
    pair.run()


def test_y19_a_named_reserve_without_debt_is_nothing_at_morpho_too():
    pair = Pair(MORPHO)
    pair.borrow(pair.ann, 1_000, 80_000)
    pair.price(50)
    pair.run()
    assert pair.act(pair.eve, ActionKind.LIQUIDATE, 5, COIN, other=COIN, party=pair.ann)[0] == Refusal.NOTHING
    pair.run()


def test_y22_a_loan_at_its_boundary_falls_with_the_next_interest_however_small():
    dollars = DOLLAR._replace(curve=(50_000, 10**6, 0, 0))
    pair = Pair(COMET, dollars, COINS._replace(own=Counts(900_000, 900_000, 0)))
    pair.borrow(pair.ann, 1_000, 90_000)
    pair.run()
    assert pair.level(pair.ann) == 0
    assert pair.act(pair.eve, ActionKind.SUPPLY, 5)[0] == 0  # a millisecond's interest: owed + 1
    pair.run()
    assert pair.level(pair.ann) == 1


def test_y22_a_choice_of_mode_brings_interest_to_others_too():
    pair = Pair(AAVE, DOLLAR._replace(curve=(50_000, 10**6, 0, 0)), COINS._replace(own=Counts(900_000, 900_000, 0)))
    pair.borrow(pair.ann, 1_000, 90_000)
    pair.borrow(pair.bob, 1_000, 50_000)
    pair.run()
    assert pair.act(pair.bob, ActionKind.MODE, 0)[0] == 0
    pair.run()
    assert pair.level(pair.ann) == 1


def test_y21_repaid_in_full_while_its_price_is_unknown_a_loan_is_well():
    pair = Pair(AAVE, DOLLAR, COINS._replace(stale_ms=10))
    pair.borrow(pair.ann, 1_000, 80_000)
    pair.price(50)
    pair.run(20)
    assert pair.level(pair.ann) == 1
    assert pair.act(pair.ann, ActionKind.REPAY, ALL)[0] == 0
    assert pair.level(pair.ann) == 0
    pair.price(60)
    pair.run()


def test_y21_a_sale_that_begins_brings_interest_and_others_fall_in_the_next_millisecond():
    dollars = DOLLAR._replace(curve=(5_000_000, 10**6, 0, 0))
    pair = Pair(LOAN, dollars, COINS._replace(sale_market=0), sale_ms=1_000_000, sale_ppm=10_000)
    pair.borrow(pair.ann, 1_000, 80_000)
    pair.borrow(pair.bob, 1_000, 60_000)
    pair.price(85)
    pair.run(2_000_000_000)  # sales go on, a step each 1,000 s, and Bob's debt grows by a third
    assert pair.level(pair.bob) == 2
    pair.run()


def test_y17_a_settlement_accrues_what_was_sold_to_the_last_atom():
    coins = COINS._replace(sale_market=0, is_lent=True, curve=(5_000_000, 10**6, 0, 0))
    pair = Pair(LOAN, DOLLAR, coins)
    pair.borrow(pair.ann, 1_000, 80_000)
    pair.twin.native.send_order(pair.house, 0, 1, 70, 1_000, at_ms=0)
    pair.price(85)
    pair.run(10)
    assert pair.reserve(COIN)["claims"] == 0
    assert pair.reserve()["deficit"] == 10_000  # 1,000 coins fetched 70 each


def test_y23_what_is_lent_out_waits_and_nothing_is_written_off():
    other = COINS._replace(asset=OTHER, market=1, sale_market=1)
    pair = Pair(LOAN, DOLLAR, COINS._replace(sale_market=0, is_lent=True), other, sale_ms=5)
    pair.borrow(pair.ann, 1_000, 80_000)
    assert pair.act(pair.bob, ActionKind.SUPPLY, 10**6, OTHER)[0] == 0
    assert pair.act(pair.bob, ActionKind.BORROW, 1_000, COIN)[0] == 0
    pair.price(85)
    pair.run(20)
    assert (pair.level(pair.ann), pair.reserve()["deficit"]) == (2, 0)
    assert pair.act(pair.bob, ActionKind.REPAY, ALL, COIN)[0] == 0
    pair.run(20)
    assert pair.twin.reached["SALE 1"] > 0
