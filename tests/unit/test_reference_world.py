"""The reference judges a journal by itself (J-2): refusals have no effect, unlawful rows are named."""

from __future__ import annotations

import pytest

from engine import InputError, InvariantError
from engine.reference.ledger import Position, ceil_div, fee_atoms
from engine.reference.market import EXPOSURE_MAX, MarketTerms
from engine.reference.world import JOURNAL_COLUMNS, JournalKind, JournalRow, World
from engine.types import OrderType, RejectReason, Side, TimeInForce

QUOTE, BASE = 0, 1
SPOT, PERPETUAL = 0, 1
ANN, BOB, POOR = 3, 4, 5
FEES = 0


def world() -> World:
    """Open a spot market (a lot: 5 base atoms, 2 quote atoms a tick) and a perpetual; Ann and Bob own 1,000, 100."""
    terms = [
        MarketTerms(QUOTE, 2, BASE, 5, price_max=50, qty_max=20, notional_max=600),
        MarketTerms(QUOTE, 2, price_max=50, qty_max=20, notional_max=600),
    ]
    opened = World([5_000, 500], 6, terms)
    for account in (ANN, BOB):
        opened.apply(row(JournalKind.DEPOSIT, account=account, market=QUOTE, qty=1_000))
        opened.apply(row(JournalKind.DEPOSIT, account=account, market=BASE, qty=100))
    return opened


def row(kind, **fields) -> JournalRow:
    return JournalRow(**{**dict.fromkeys(JOURNAL_COLUMNS, 0), "kind": kind, **fields})


def place(account, market, side, price, qty, number=1, **fields) -> JournalRow:
    kinds = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC}
    if price is None:
        price, kinds = 0, {"order_type": OrderType.MARKET, "time_in_force": TimeInForce.IOC}
    words = {"account": account, "market": market, "side": side, "price": price, "qty": qty, "number": number}
    return row(JournalKind.PLACE, **{**kinds, **words, **fields})


class TestArithmetic:
    def test_u6_ceil_div_rounds_up_on_both_sides_of_zero(self):
        assert [ceil_div(n, 5) for n in (-6, -5, -4, 0, 4, 5, 6)] == [-1, -1, 0, 0, 1, 1, 2]

    def test_l4_a_fee_of_nothing_is_nothing(self):
        assert (fee_atoms(10**6, 0), fee_atoms(0, 10**6), fee_atoms(1, 1)) == (0, 0, 1)

    def test_l6_a_position_that_closes_in_parts_ends_at_zero(self):
        position = Position()
        position.trade(1, 7, 101)
        position.trade(1, 4, 97)
        realised = sum(position.trade(-1, lots, 100) for lots in (3, 1, 5, 2))
        assert position == Position(0, 0)
        assert realised == 11 * 100 - 7 * 101 - 4 * 97  # whatever the parts were rounded to


class TestRefusals:
    @pytest.mark.parametrize(
        ("order", "reason"),
        [
            (place(ANN, SPOT, Side.BUY, 51, 1), RejectReason.PRICE_OUT_OF_BOUNDS),
            (place(ANN, SPOT, Side.BUY, 50, 21), RejectReason.QTY_OUT_OF_BOUNDS),
            (place(ANN, SPOT, Side.BUY, 50, 0), RejectReason.QTY_NOT_POSITIVE),
            (place(ANN, PERPETUAL, Side.BUY, 50, 7), RejectReason.NOTIONAL_OUT_OF_BOUNDS),  # 7 x 50 x 2 = 700
            (place(ANN, PERPETUAL, 0, 50, 1), RejectReason.BAD_SIDE),
            (place(ANN, PERPETUAL, 1, 50, 1, order_type=5), RejectReason.BAD_ORDER_TYPE),
            (place(ANN, PERPETUAL, 1, 50, 1, time_in_force=5), RejectReason.BAD_TIME_IN_FORCE),
            (place(6, PERPETUAL, 1, 50, 1), RejectReason.OWNER_OUT_OF_RANGE),
            (place(POOR, SPOT, Side.BUY, 1, 1), RejectReason.INSUFFICIENT_FUNDS),
            (place(POOR, SPOT, Side.SELL, None, 1), RejectReason.INSUFFICIENT_FUNDS),
        ],
    )
    def test_u7_a_refused_order_has_no_effect(self, order, reason):
        asked = world()
        before = asked.digest()
        asked.apply(order)
        assert asked.rejects == {reason: 1}
        assert asked.digest() == before
        asked.check_invariants()

    @pytest.mark.parametrize(
        ("broken", "rule"),
        [
            (row(JournalKind.DEPOSIT, account=ANN, market=BASE, qty=301), "U-4"),  # 200 of 500 are in
            (row(JournalKind.DEPOSIT, account=ANN, market=BASE, qty=0), "U-4"),
            (row(JournalKind.OPEN, account=ANN, number=BOB, market=SPOT, price=1, qty=1), "L-9"),
            (row(JournalKind.OPEN, account=ANN, number=ANN, market=PERPETUAL, price=1, qty=1), "L-9"),
            (row(JournalKind.OPEN, account=ANN, number=BOB, market=PERPETUAL, price=51, qty=1), "L-9"),
            (row(JournalKind.CANCEL, account=ANN, number=1, market=SPOT), "V-5"),
            (row(JournalKind.WRITE_OFF, account=ANN, market=QUOTE, qty=1), "L-10"),
            (row(JournalKind.OPEN, account=ANN, number=FEES, market=PERPETUAL, price=1, qty=1), "V-7"),
            (place(FEES, PERPETUAL, Side.BUY, 1, 1), "V-7"),
        ],
    )
    def test_j1_a_row_that_no_lawful_run_writes_is_named(self, broken, rule):
        asked = world()
        before = asked.digest()
        with pytest.raises(InvariantError, match=rule):
            asked.apply(broken)
        assert asked.digest() == before

    def test_t5_a_journal_does_not_go_back_in_time(self):
        asked = world()
        asked.apply(row(JournalKind.MARK, time_ms=5, market=PERPETUAL, price=10))
        with pytest.raises(InvariantError, match="T-5"):
            asked.apply(row(JournalKind.MARK, time_ms=4, market=PERPETUAL, price=10))

    def test_u9_prices_are_not_negative(self):
        World([1], 3, [MarketTerms(0, 1, 0, price_min=0)])
        for terms in (MarketTerms(0, 1, 0, price_min=-1), MarketTerms(0, 1, price_min=0)):
            with pytest.raises(InputError) as caught:
                World([1], 3, [terms])
            assert caught.value.field == "price_min"

    def test_u10_an_opening_trade_beyond_the_exposure_bound(self):
        asked = World([1], 5, [MarketTerms(0, 1)])
        asked.apply(row(JournalKind.OPEN, account=ANN, number=BOB, price=1, qty=EXPOSURE_MAX - 1))
        asked.apply(place(ANN, 0, Side.BUY, 1, 1))
        with pytest.raises(InvariantError, match="U-10"):
            asked.apply(row(JournalKind.OPEN, account=BOB, number=ANN, price=1, qty=1))
        asked.check_invariants()

    @pytest.mark.parametrize("ann_takes", [True, False])
    def test_v6_the_cancels_of_an_unfunded_account_come_next_in_any_order(self, ann_takes):
        asked = world()
        asked.apply(row(JournalKind.OPEN, account=ANN, number=BOB, market=PERPETUAL, price=40, qty=6))
        asked.apply(place(ANN, SPOT, Side.BUY, 50, 6, number=1))  # 600 of 1,000
        asked.apply(place(ANN, SPOT, Side.BUY, 20, 5, number=2))  # 800
        # She loses 6 x 30 x 2 = 360, as the taker or as the maker.
        orders = [place(BOB, PERPETUAL, Side.BUY, 10, 6), place(ANN, PERPETUAL, Side.SELL, 10, 6)]
        for order in orders if ann_takes else reversed(orders):
            asked.apply(order)
        assert asked.balance(ANN, QUOTE) == (640, 800)
        with pytest.raises(InvariantError, match="V-6"):
            asked.check_invariants()
        for other in (
            place(BOB, SPOT, Side.BUY, 1, 1),
            row(JournalKind.MARK, market=PERPETUAL, price=10),
            row(JournalKind.CANCEL, account=BOB, number=1, market=SPOT),
        ):
            with pytest.raises(InvariantError, match="V-6"):
                asked.apply(other)
        for number in (2, 1):
            asked.apply(row(JournalKind.CANCEL, account=ANN, number=number, market=SPOT))
        asked.check_invariants()
        asked.apply(row(JournalKind.MARK, market=PERPETUAL, price=10))

    def test_l10_a_write_off_is_for_the_flat_only(self):
        asked = world()
        asked.apply(row(JournalKind.OPEN, account=ANN, number=BOB, market=PERPETUAL, price=20, qty=15))
        asked.ledger.move(ANN, BOB, QUOTE, 1_001)
        with pytest.raises(InvariantError, match="not flat"):
            asked.apply(row(JournalKind.WRITE_OFF, account=ANN, market=QUOTE, qty=1))


class TestDigest:
    def test_j4_every_part_of_the_state_counts(self):
        changes = [
            lambda asked: asked.ledger.move(ANN, BOB, QUOTE, 1),
            lambda asked: asked.ledger.reserve(ANN, QUOTE, 1),
            lambda asked: asked.apply(row(JournalKind.INDEX, market=PERPETUAL, price=7)),
            lambda asked: asked.apply(row(JournalKind.MARK, market=PERPETUAL, price=7)),
            lambda asked: asked.apply(row(JournalKind.OPEN, account=ANN, number=BOB, market=1, price=1, qty=1)),
            lambda asked: asked.apply(place(ANN, PERPETUAL, Side.BUY, 10, 1)),
            lambda asked: asked.apply(place(ANN, PERPETUAL, Side.BUY, 10, 1, number=2)),
        ]
        digests = {world().digest(), world().digest(now_ms=1)}
        for change in changes:
            asked = world()
            change(asked)
            digests.add(asked.digest())
        assert len(digests) == 2 + len(changes)

    def test_j4_only_holdings_with_a_position_or_a_cost_are_listed(self):
        asked = world()
        before = asked.digest()
        asked.apply(place(ANN, PERPETUAL, Side.BUY, None, 1))  # accepted and cancelled whole
        assert asked.digest() == before
        ticket = place(ANN, PERPETUAL, Side.BUY, 10, 3, number=2)
        asked.apply(ticket)
        asked.apply(row(JournalKind.CANCEL, account=ANN, number=2, market=PERPETUAL))
        assert asked.digest() == before
        asked.apply(row(JournalKind.OPEN, account=ANN, number=BOB, market=PERPETUAL, price=7, qty=1))
        asked.apply(row(JournalKind.OPEN, account=BOB, number=ANN, market=PERPETUAL, price=7, qty=1))
        assert asked.markets[PERPETUAL].positions == {ANN: Position(), BOB: Position()}
        assert asked.digest() == before

    def test_m8_a_number_names_an_order_per_account(self):
        asked = world()
        asked.apply(place(ANN, PERPETUAL, Side.BUY, 10, 3))
        asked.apply(place(BOB, PERPETUAL, Side.BUY, 10, 4))
        asked.apply(row(JournalKind.CANCEL, account=BOB, number=1, market=PERPETUAL))
        assert asked.markets[PERPETUAL].book.depth() == ([(10, 3)], [])
