"""Interest on what unified accounts lack, by its rule (L-13), native and replayed."""

from __future__ import annotations

import pytest
from worldkit import BASE, LIQUIDATION, QUOTE, agree, journal, landmarks, opened

from engine import InputError, _core
from engine.reference.world import JournalKind

HOUR = 3_600_000
PPB = 10**9
INSURANCE = 1
INTEREST_MOVEMENT = 12


class Loans:
    """Hold unified accounts of dollars; `owing` lacks 1,000,001 atoms of them and has base to show for it."""

    def __init__(self, *, lent, rate=10_000_000, every_ms=HOUR):
        self.twin = opened()
        self.native = self.twin.native
        self.spot = self.twin.spot(BASE, QUOTE)
        self.market = self.twin.perpetual(QUOTE, maintenance_ppm=0)
        self.lender = self.twin.account(10**9)
        terms = {"loan_rate_ppb": rate, "loan_every_ms": every_ms, "loan_ppm": 50_000}
        self.native.add_collateral(0, QUOTE, lender=self.lender if lent else None, **terms)
        self.native.add_collateral(0, BASE, market=self.spot)
        self.owing, self.rich = (self.native.add_accounts(mode=3) for _ in range(2))
        self.native.publish(self.spot, 1_000, "index")
        self.native.publish(self.market, 1_000, "mark")
        for account in (self.owing, self.rich):
            self.native.deposit(account, BASE, 10**6)
        self.native.open_trade(self.market, self.owing, self.rich, 1, 1_000_001)
        self.native.open_trade(self.market, self.rich, self.owing, 1, 1)  # a loss of 1,000,000 is realised
        self.native.open_trade(self.market, self.owing, self.rich, 1, 2)
        self.native.open_trade(self.market, self.rich, self.owing, 1, 1)
        assert self.atoms(self.owing) == -1_000_001

    def atoms(self, account):
        return self.native.balance(account, QUOTE)[0]

    def owed(self, account):
        return self.native.owed(account, QUOTE)


class TestInterest:
    def test_l13_owed_to_the_lender_rounded_up_and_compounding(self):
        world = Loans(lent=True)
        world.native.run(HOUR, check=True)
        assert world.owed(world.owing) == 10_001  # 1 % of 1,000,001: 10,000.01
        assert world.owed(world.lender) == -10_001
        assert (world.atoms(world.owing), world.atoms(world.lender)) == (-1_000_001, 10**9)
        world.native.run(2 * HOUR, check=True)
        assert world.owed(world.owing) == 10_001 + 10_101  # of 1,010,002
        assert journal(world.twin, JournalKind.INTEREST) == [
            (HOUR, world.owing, world.lender, 0, 10_000_000, 10_001),
            (2 * HOUR, world.owing, world.lender, 0, 10_000_000, 10_101),
        ]
        agree(world.twin)

    def test_l13_without_a_lender_the_insurance_fund_gets_atoms(self):
        world = Loans(lent=False)
        world.native.record(movements=True)
        world.native.run(HOUR, check=True)
        assert (world.atoms(world.owing), world.owed(world.owing)) == (-1_010_002, 0)
        assert world.atoms(INSURANCE) == 10_001
        moved = world.native.table("movements")
        assert [moved[name].tolist() for name in ("payer", "receiver", "atoms", "kind")] == [
            [world.owing],
            [INSURANCE],
            [10_001],
            [INTEREST_MOVEMENT],
        ]
        agree(world.twin)

    def test_l13_a_loan_grows(self):
        world = Loans(lent=True)
        world.native.deposit(world.owing, QUOTE, 2_000_000)
        world.native.borrow(world.owing, QUOTE, 500_000)
        world.native.run(3 * HOUR, check=True)
        assert world.owed(world.owing) == 515_151  # 505,000; 510,050; 515,150.5
        assert world.owed(world.lender) == -515_151
        world.native.repay(world.owing, QUOTE, 515_151)
        world.native.run(9 * HOUR, check=True)
        assert world.owed(world.owing) == world.owed(world.lender) == 0

    def test_l13_who_lacks_nothing_pays_nothing_and_no_other_mode_does(self):
        world = Loans(lent=True)
        cross = world.twin.account(1_000)
        world.native.open_trade(world.market, cross, world.rich, 1, 5_000)
        world.native.open_trade(world.market, world.rich, cross, 1, 1)  # under water, and no unified account
        assert world.atoms(cross) < 0
        world.native.run(HOUR, check=True)
        assert {row[1] for row in journal(world.twin, JournalKind.INTEREST)} == {world.owing}
        agree(world.twin)

    def test_l13_a_breach_is_found_in_the_same_millisecond(self):
        world = Loans(lent=True, rate=PPB)
        world.native.open_trade(world.market, world.owing, world.rich, 1, 1_000)
        # 10^9 of base; the debt doubles each hour from 1,000,001 and needs 5 % on top: 2^9 is 512 M, 2^10 too much.
        world.native.run(9 * HOUR, check=True)
        assert world.native.margin(world.owing).state == 0
        world.native.run(10 * HOUR, check=True)
        assert landmarks(world.twin, LIQUIDATION)[0][:2] == (10 * HOUR, world.owing)

    def test_l13_held_at_the_bound(self):
        world = Loans(lent=True, rate=PPB)
        world.native.set_policy(0, stage_ppm=0)  # nobody covers what is owed
        world.native.run(80 * HOUR, check=True)  # it would pass 2^61 after 41 hours
        assert world.owed(world.owing) == 2**61 == -world.owed(world.lender)
        assert len(journal(world.twin, JournalKind.INTEREST)) == 42
        agree(world.twin)

    def test_l13_each_venue_charges_its_own(self):
        world = Loans(lent=False)
        other = world.twin.venue()
        lender = world.twin.account(10**6, venue=other)
        world.native.add_collateral(other, QUOTE, lender=lender, loan_rate_ppb=10_000_000, loan_every_ms=HOUR)
        owing = world.native.add_accounts(venue=other, mode=3)
        world.native.deposit(owing, QUOTE, 10**6)
        world.native.borrow(owing, QUOTE, 1_000)
        world.native.run(HOUR, check=True)
        assert (world.owed(owing), world.owed(lender)) == (1_010, -1_010)
        assert world.native.margin(owing).equity == 10**6 - 10
        charged = journal(world.twin, JournalKind.INTEREST)
        assert [row[1:3] for row in charged] == [(world.owing, INSURANCE), (owing, lender)]

    def test_l13_a_unified_lender_gains_what_the_borrower_loses(self):
        twin = opened()
        spot, native = twin.spot(BASE, QUOTE), twin.native
        market = twin.perpetual(BASE, maintenance_ppm=10_000)
        native.add_collateral(0, QUOTE)
        lender = native.add_accounts(mode=3, narrow=True)  # of base it has never had an atom
        terms = {"loan_rate_ppb": 10_000_000, "loan_every_ms": 100}
        native.add_collateral(0, BASE, market=spot, lender=lender, **terms)
        owing, other = native.add_accounts(mode=3), twin.account(0, 10**6)
        native.deposit(owing, QUOTE, 10**9)
        native.publish(spot, 1_000, "index")
        native.publish(market, 100)
        native.open_trade(market, owing, other, 1, 20_100)
        native.open_trade(market, other, owing, 1, 100)
        native.run(99, check=True)
        assert native.balance(owing, BASE)[0] == -20_000
        native.run(100, check=True)
        assert (native.owed(owing, BASE), native.owed(lender, BASE)) == (200, -200)
        assert native.margin(owing).equity == 10**9 - 20_200 * 1_000
        assert native.margin(lender).equity == 200 * 1_000
        agree(twin)

    def test_j3_before_interest(self):
        world = Loans(lent=True)
        copy = _core.World.restore(world.native.snapshot())
        for native in (world.native, copy):
            native.run(5 * HOUR, check=True)
        assert copy.digest() == world.native.digest()
        assert copy.owed(world.owing, QUOTE) == world.owed(world.owing) > 0

    @pytest.mark.parametrize(
        ("field", "value"),
        [("loan_rate_ppb", -1), ("loan_rate_ppb", PPB + 1), ("loan_every_ms", 0), ("loan_every_ms", 2**60)],
    )
    def test_wrong_terms_of_a_loan(self, field, value):
        twin = opened()
        with pytest.raises(InputError, match=field):
            twin.native.add_collateral(0, QUOTE, **{field: value})
