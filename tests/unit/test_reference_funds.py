"""The reference moves money that is no trade's, and names journal rows that no lawful run writes (L-10 .. L-12)."""

from __future__ import annotations

import pytest

from engine.errors import InvariantError
from engine.margin import AccountMode
from engine.reference.market import MarketTerms
from engine.reference.schedule import Schedule
from engine.reference.world import JOURNAL_COLUMNS, JournalKind, JournalRow, World
from engine.types import OrderType, Side, TimeInForce

QUOTE, COIN = 0, 1
PERPETUAL, COIN_PERPETUAL = 0, 1
BAD_DEBT = 2
ANN, BOB, ISA, UMA, CAT = range(3, 8)


def row(kind, **fields):
    return JournalRow(**{**dict.fromkeys(JOURNAL_COLUMNS, 0), "kind": kind, **fields})


def place(account, side, price, qty, number):
    terms = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC}
    return row(
        JournalKind.PLACE, account=account, side=side, price=price, qty=qty, number=number, market=PERPETUAL, **terms
    )


@pytest.fixture
def asked():
    """A world where everybody has 1,000 of both: Ann and Bob are CROSS, Isa ISOLATED, Uma UNIFIED, Cat CASH."""
    modes = {ISA: AccountMode.ISOLATED, UMA: AccountMode.UNIFIED, CAT: AccountMode.CASH}
    markets = [MarketTerms(QUOTE, 1, initial=Schedule([0], [200_000])), MarketTerms(COIN, 1)]
    world = World([10**6, 10**6], 8, markets, modes)
    for account in (ANN, BOB, ISA, UMA, CAT):
        for asset in (QUOTE, COIN):
            world.apply(row(JournalKind.DEPOSIT, account=account, market=asset, qty=1_000))
    return world


def opened(world, account, qty, price, market=PERPETUAL):
    buyer, seller = (account, BOB) if qty > 0 else (BOB, account)
    world.apply(row(JournalKind.OPEN, account=buyer, number=seller, market=market, price=price, qty=abs(qty)))


class TestMoney:
    def test_l2_a_withdrawal_leaves_the_world(self, asked):
        asked.apply(row(JournalKind.WITHDRAW, account=ANN, market=COIN, qty=400))
        assert (asked.balance(ANN, COIN), asked.ledger.net_deposits) == ((600, 0), [5_000, 4_600])
        asked.check_invariants()

    def test_l12_a_loan_and_its_repayment(self, asked):
        asked.apply(row(JournalKind.BORROW, account=UMA, market=COIN, qty=300, number=BOB))
        assert [asked.ledger.balances[account][COIN].owed for account in (UMA, BOB)] == [300, -300]
        asked.apply(row(JournalKind.REPAY, account=UMA, market=COIN, qty=100, number=BOB))
        assert [asked.balance(account, COIN)[0] for account in (UMA, BOB)] == [1_200, 800]
        asked.check_invariants()

    def test_l11_margin_comes_and_goes_with_the_position(self, asked):
        opened(asked, ISA, 10, 100)
        assert asked.funds.margins[ISA, PERPETUAL] == 200
        opened(asked, ISA, -4, 90)  # 40 lost: 160, of which 64 go back
        assert (asked.funds.margins[ISA, PERPETUAL], asked.balance(ISA, QUOTE)[0]) == (96, 864)
        asked.apply(row(JournalKind.MARGIN, account=ISA, market=PERPETUAL, qty=-6))
        assert (asked.funds.margins[ISA, PERPETUAL], asked.balance(ISA, QUOTE)[0]) == (90, 870)
        asked.check_invariants()

    def test_l11_a_leverage_asks_for_its_share_and_without_a_schedule_all_of_it_is_brought(self, asked):
        asked.apply(row(JournalKind.LEVERAGE, account=ISA, market=PERPETUAL, qty=333_334))  # 3
        opened(asked, ISA, 10, 100)
        opened(asked, ISA, -5, 100, COIN_PERPETUAL)
        assert asked.funds.margins == {(ISA, PERPETUAL): 334, (ISA, COIN_PERPETUAL): 500}
        asked.check_invariants()

    def test_l10_the_margin_of_a_flat_position_is_written_off(self, asked):
        opened(asked, ISA, 10, 100)
        opened(asked, ISA, -10, 70)
        assert (asked.funds.margins[ISA, PERPETUAL], asked.balance(ISA, QUOTE)[0]) == (-100, 800)
        covered = {"account": ISA, "market": QUOTE, "number": BAD_DEBT, "side": 1, "price": PERPETUAL, "qty": 100}
        before = asked.digest()
        for wrong in ({"qty": 99}, {"number": ANN}, {"market": COIN}):
            with pytest.raises(InvariantError, match="L-10"):
                asked.apply(row(JournalKind.WRITE_OFF, **{**covered, **wrong}))
            assert asked.digest() == before
        asked.apply(row(JournalKind.WRITE_OFF, **covered))
        assert (asked.funds.margins[ISA, PERPETUAL], asked.balance(BAD_DEBT, QUOTE)[0]) == (0, -100)
        asked.check_invariants()

    def test_c7_a_shortened_order_keeps_its_place(self, asked):
        for number, account in enumerate((ANN, BOB), start=1):
            asked.apply(place(account, Side.BUY, 50, 5, number))
        asked.apply(row(JournalKind.REDUCE, account=ANN, market=PERPETUAL, number=1, qty=3))
        assert [(order.owner, order.leaves_lots) for order in asked.markets[PERPETUAL].book.orders()] == [
            (ANN, 2),
            (BOB, 5),
        ]
        asked.check_invariants()


class TestRefusals:
    BROKEN = [
        ("C-6", row(JournalKind.WITHDRAW, account=ANN, market=QUOTE, qty=1_001)),
        ("C-6", row(JournalKind.WITHDRAW, account=ANN, market=QUOTE, qty=0)),
        ("V-7", row(JournalKind.WITHDRAW, account=BAD_DEBT, market=QUOTE, qty=1)),
        ("L-12", row(JournalKind.BORROW, account=ANN, market=QUOTE, qty=1, number=BOB)),
        ("L-12", row(JournalKind.BORROW, account=UMA, market=QUOTE, qty=1, number=UMA)),
        ("L-12", row(JournalKind.BORROW, account=UMA, market=QUOTE, qty=1_001, number=BOB)),
        ("L-12", row(JournalKind.REPAY, account=UMA, market=QUOTE, qty=1, number=BOB)),
        ("L-11", row(JournalKind.MARGIN, account=ANN, market=PERPETUAL, qty=1)),
        ("L-11", row(JournalKind.MARGIN, account=ISA, market=PERPETUAL, qty=1_001)),
        ("L-11", row(JournalKind.MARGIN, account=ISA, market=PERPETUAL, qty=-1)),
        ("L-11", row(JournalKind.LEVERAGE, account=ANN, market=PERPETUAL, qty=1)),
        ("L-11", row(JournalKind.LEVERAGE, account=ISA, market=PERPETUAL, qty=10**6 + 1)),
        ("C-7", row(JournalKind.REDUCE, account=ANN, market=PERPETUAL, number=1, qty=1)),
        ("C-1", place(CAT, Side.BUY, 50, 1, 1)),
        ("C-1", row(JournalKind.OPEN, account=CAT, number=BOB, market=PERPETUAL, price=10, qty=1)),
    ]

    @pytest.mark.parametrize(("rule", "broken"), BROKEN)
    def test_a_row_that_no_lawful_run_writes(self, asked, rule, broken):
        before = asked.digest()
        with pytest.raises(InvariantError, match=rule):
            asked.apply(broken)
        assert asked.digest() == before

    def test_l12_what_is_owed_sums_to_0(self, asked):
        asked.ledger.balances[ANN][QUOTE].owed = 1
        with pytest.raises(InvariantError, match="L-12"):
            asked.check_invariants()

    def test_l2_margins_count(self, asked):
        asked.funds.margins[ISA, PERPETUAL] += 1
        with pytest.raises(InvariantError, match="L-2"):
            asked.check_invariants()

    def test_j4_owed_margin_and_funding_pool_have_words(self, asked):
        seen = {asked.digest()}
        asked.ledger.balances[ANN][QUOTE].owed = 1
        seen.add(asked.digest())
        asked.funds.margins[ISA, PERPETUAL] = 1
        seen.add(asked.digest())
        asked.markets[PERPETUAL].funding_pool = 1
        seen.add(asked.digest())
        assert len(seen) == 4
