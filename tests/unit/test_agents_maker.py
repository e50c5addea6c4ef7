"""A market maker as stories: what makes it leave, how it leaves, how it comes back, what it believes (A-2, N-4).

That every price and quantity is the twin's is proved in tests/properties/test_agents_follow.py; here stand the bounds.
"""

from __future__ import annotations

import math

import pytest
from worldkit import RETURN, WITHDRAWAL, landmarks

from engine.testing.village import BASE, PERPETUAL, PRICE, PRICE_MAX, SPOT, Village
from engine.testing.worlds import landmark_rows
from engine.types import RejectReason, Side

PLACE, CANCEL = 3, 4
FAR = 0.4  # a half spread so wide that its quotes are nobody's best price


class Tape(Village):
    """A village whose touch is written by hand: a bid and an ask one tick from a price, on each market."""

    def __init__(self, **options):
        super().__init__(levels=0, **options)
        self.tickets = {}

    def touch(self, at_ms, price, *markets, lots=1_000):
        """Move the touch of markets (both by default) at a time."""
        for market in markets or (PERPETUAL, SPOT):
            for ticket in self.tickets.get(market, ()):
                self.native.send_cancel(ticket, at_ms=at_ms)
            self.tickets[market] = [
                self.native.send_order(self.outside, market, side, price - side, lots, at_ms=at_ms)
                for side in (Side.BUY, Side.SELL)
            ]

    def maker(self, *markets, qty_lots=30, inventory_max=400, **terms):
        terms = {"wake_every_ms": 10, "window_ms": 100, "half_spread": FAR, "start_ms": 1, **terms}
        account = self.add("maker", **terms)
        self.quotes(account, *(markets or (PERPETUAL,)), qty_lots=qty_lots, inventory_max=inventory_max)
        return account

    def sell(self, at_ms, lots, market=PERPETUAL, price=None):
        """Sell from outside, to whoever bids most."""
        self.native.send_order(self.outside, market, Side.SELL, price, lots, at_ms=at_ms, immediate=price is not None)

    def withdrawals(self):
        return landmarks(self.world, WITHDRAWAL)

    def rows(self, account, kind):
        """Return (time_ms, market, side, price, qty) of what reached the books from an account."""
        table = self.native.journal()
        names = ("time_ms", "market", "side", "price", "qty")
        rows = zip(
            *(table[name].tolist() for name in ("kind", "account")),
            *(table[name].tolist() for name in names),
            strict=True,
        )
        return [row[2:] for row in rows if row[:2] == (kind, account)]


class TestWhatMakesItLeave:
    """Each rule fires just at its bound, and not below."""

    @pytest.mark.parametrize(("low", "leaves"), [(9_900, True), (9_901, False)])
    def test_a2_a_fall_of_the_drawdown_within_the_window(self, low, leaves):
        tape = Tape()
        tape.touch(0, PRICE)
        tape.touch(50, low)
        tape.maker(drawdown=0.01)
        tape.native.run(100)
        assert bool(tape.withdrawals()) is leaves

    @pytest.mark.parametrize(("window_ms", "leaves"), [(40, False), (160, True)])
    def test_a2_a_fall_counts_from_the_highest_price_of_the_window_only(self, window_ms, leaves):
        tape = Tape()
        for at_ms, price in ((0, PRICE), (40, 9_940), (120, 9_880)):  # 0.6 % and 0.6 %, 1.2 % in all
            tape.touch(at_ms, price)
        tape.maker(drawdown=0.01, window_ms=window_ms)
        tape.native.run(145)
        assert bool(tape.withdrawals()) is leaves

    def test_a2_a_rise_is_no_drawdown(self):
        tape = Tape()
        tape.touch(0, PRICE)
        tape.touch(50, 2 * PRICE)
        tape.maker(drawdown=0.01)
        tape.native.run(100)
        assert tape.withdrawals() == []

    @pytest.mark.parametrize(("high", "leaves"), [(12_500, True), (12_499, False)])
    def test_a2_one_return_of_the_volatility(self, high, leaves):
        tape = Tape()
        tape.touch(0, PRICE)
        tape.touch(50, high)  # a return of a quarter
        tape.maker(volatility=0.25)
        tape.native.run(100)
        assert bool(tape.withdrawals()) is leaves

    @pytest.mark.parametrize(("bound", "leaves"), [(0.04999, True), (0.05001, False)])
    def test_a2_the_volatility_is_the_root_of_the_summed_squares(self, bound, leaves):
        tape = Tape()
        tape.touch(0, PRICE)
        tape.touch(30, 10_300)  # 3 %
        tape.touch(60, 9_888)  # 4 % down: the root of 9 + 16 is 5 %
        tape.maker(volatility=bound)
        tape.native.run(90)
        assert bool(tape.withdrawals()) is leaves

    @pytest.mark.parametrize(("lots", "leaves"), [(20, True), (19, False)])
    @pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
    def test_a2_lots_of_half_its_limit_bought_or_sold(self, side, lots, leaves):
        tape = Tape()
        tape.touch(0, PRICE, lots=1)
        account = tape.maker(
            half_spread=0.0001, inventory=0.5, inventory_max=40
        )  # a tick away, behind the tape's one lot
        tape.native.send_order(tape.outside, PERPETUAL, -side, PRICE - side, 1 + lots, at_ms=50)
        tape.native.run(100)
        assert tape.native.position(account, PERPETUAL)[0] == side * lots
        assert bool(tape.withdrawals()) is leaves

    @pytest.mark.parametrize(("collateral", "leaves"), [(99_999, True), (100_000, False)])
    def test_a2_an_equity_below_a_share_of_the_notional(self, collateral, leaves):
        tape = Tape()
        tape.touch(0, PRICE)
        account = tape.world.account(collateral)
        tape.native.add_index(PERPETUAL, SPOT, every_ms=5, lag_ms=0)
        tape.native.add_mark(PERPETUAL, every_ms=5, lag_ms=0)
        tape.native.open_trade(PERPETUAL, account, tape.outside, 100, PRICE)  # worth 10^6
        tape.maker(account=account, margin_ratio=0.1)
        tape.native.run(60)
        assert tape.native.market(PERPETUAL)["mark"] == PRICE
        assert bool(tape.withdrawals()) is leaves

    @pytest.mark.parametrize(("slow_ms", "leaves"), [(19, True), (20, False)])
    def test_a2_an_acceptance_that_took_longer_than_the_bound(self, slow_ms, leaves):
        tape = Tape()
        tape.touch(0, PRICE)
        tape.maker(slow_ms=slow_ms, latency_ms=10)  # ten there, ten back
        tape.native.run(100)
        assert bool(tape.withdrawals()) is leaves

    def test_a2_rules_that_are_off_never_fire(self):
        tape = Tape()
        tape.touch(0, PRICE)
        tape.touch(50, PRICE // 4)
        tape.maker(latency_ms=40)
        tape.native.run(200)
        assert tape.withdrawals() == []

    def test_a2_what_it_sees_is_remembered_whichever_rule_fires(self):
        # Found by the twin: while the inventory rule fired, prices were not remembered for the other two.
        tape = Tape()
        tape.touch(0, PRICE)
        account = tape.maker(half_spread=0.0, inventory=0.0001, volatility=0.25, return_after_ms=1, inventory_max=400)
        tape.touch(20, PRICE, lots=1)
        tape.sell(50, 31, price=PRICE - 5)
        tape.touch(80, 12_500)
        tape.touch(110, PRICE)
        follower = tape.followed(300)
        assert len(tape.twins[account].withdrawals) > 3
        assert follower.disagreements(300, other_misses=1) == []  # the tape's bid of one lot had been taken


class TestHowItLeaves:
    @staticmethod
    def crash(**terms):
        tape = Tape()
        tape.touch(0, PRICE)
        tape.touch(100, 9_800, PERPETUAL)
        law = {"latency_ms": 0, "latency_law": ("uniform", 5.0, 60.0)}
        account = tape.maker(
            *(SPOT, PERPETUAL),
            **{
                "half_spread": 0.01,
                "spacing": 0.01,
                "levels": 3,
                "drawdown": 0.01,
                "return_after_ms": 10**6,
                **law,
                **terms,
            },
        )
        tape.native.run(300)
        return tape, account

    def test_a2_one_rule_on_one_market_cancels_on_all_of_them(self):
        tape, account = self.crash()
        ((left_ms, _, _),) = tape.withdrawals()
        (landmark,) = [row for row in landmark_rows(tape.native) if row[1] == WITHDRAWAL]
        assert landmark[2] == PERPETUAL  # where the rule fired, though the spot market stands first on its list
        late = [row for row in tape.rows(account, CANCEL) if row[0] > left_ms]
        assert {row[1:3] for row in late} == {(SPOT, Side.BUY), (PERPETUAL, Side.BUY)} | {
            row[1:3] for row in late if row[2] == Side.SELL
        }
        bids = [order for market in (SPOT, PERPETUAL) for order in tape.native.orders(market) if order[4] == account]
        assert {order[1] for order in bids} == {Side.SELL}  # no bid is left, the asks are

    def test_a2_with_leaves_both_the_asks_go_too(self):
        tape, account = self.crash(leaves_both=1)
        assert len(tape.withdrawals()) == 1
        assert [
            order for market in (SPOT, PERPETUAL) for order in tape.native.orders(market) if order[4] == account
        ] == []

    def test_a2_each_cancel_has_a_latency_of_its_own(self):
        tape, account = self.crash(leaves_both=1, levels=8, half_spread=0.05)
        ((left_ms, _, _),) = tape.withdrawals()
        gone = [row[0] - left_ms for row in tape.rows(account, CANCEL) if row[0] > left_ms]
        assert len(gone) == 2 * 2 * 8
        assert 5 <= min(gone)
        assert max(gone) <= 60
        by_market = [
            [row[0] for row in tape.rows(account, CANCEL) if row[0] > left_ms and row[1] == market]
            for market in (SPOT, PERPETUAL)
        ]
        # On a link they wait for one another; the two links have draws of their own.
        assert by_market[0] != by_market[1]
        assert max(len(set(times)) for times in by_market) > 1

    def test_a2_while_it_is_away_it_does_not_leave_again(self):
        tape = Tape()
        tape.touch(0, PRICE)
        for step in range(1, 9):
            tape.touch(20 * step, PRICE - 200 * step)
        tape.maker(drawdown=0.01, return_after_ms=10**6)
        tape.native.run(300)
        assert len(tape.withdrawals()) == 1


class TestHowItReturns:
    @staticmethod
    def crash(**terms):
        tape = Tape()
        tape.touch(0, PRICE)
        tape.touch(100, 9_500)
        terms = {
            "half_spread": 0.01,
            "tolerance": 0.0,
            "drawdown": 0.01,
            "return_after_ms": 250,
            "qty_lots": 31,
            **terms,
        }
        account = tape.maker(**terms)
        tape.native.run(600)
        ((left_ms, _, _),) = tape.withdrawals()
        (back_ms,) = [row[0] for row in landmarks(tape.world, RETURN)]
        return tape, account, left_ms, back_ms

    def test_a2_it_comes_back_at_its_first_look_after_the_delay(self):
        tape, account, left_ms, back_ms = self.crash()
        assert left_ms + 250 <= back_ms <= left_ms + 250 + 15
        bids = [row for row in tape.rows(account, PLACE) if row[2] == Side.BUY and row[0] > left_ms + 1]
        assert bids[0][0] == back_ms + 1

    @pytest.mark.parametrize(("share", "lots"), [(1.0, 31), (0.5, 16), (0.01, 1), (0.0, 1)])
    def test_a2_it_comes_back_with_a_share_of_its_quantity_rounded_half_up_and_one_lot_at_least(self, share, lots):
        tape, account, _, back_ms = self.crash(return_size=share)
        assert {row[4] for row in tape.rows(account, PLACE) if row[0] > back_ms + 1 and row[2] == Side.BUY} <= {lots}
        assert {row[4] for row in tape.rows(account, PLACE) if row[0] == back_ms + 1} == {lots}
        assert {row[4] for row in tape.rows(account, PLACE) if row[0] <= back_ms} == {31}

    def test_a2_its_size_grows_back(self):
        terms = {"return_size": 0.25, "size_tau_ms": 400.0, "qty_lots": 400, "inventory_max": 10**6}
        tape, account, _, back_ms = self.crash(**terms)
        for step in range(150):  # the touch moves to and fro, so it quotes anew
            tape.touch(601 + 3 * step, 9_500 + 10 * (step % 2))
        tape.native.run(1_050)
        bids = {row[0] - 1: row[4] for row in tape.rows(account, PLACE) if row[2] == Side.BUY and row[0] > back_ms}
        # 400 lots * (1 - 0.75 * e^(-t / 400 ms)), rounded half up.
        assert bids[back_ms] == 100
        grown = {at_ms: lots for at_ms, lots in bids.items() if at_ms > back_ms}
        assert len(grown) > 10
        for at_ms, lots in grown.items():
            assert lots == math.floor(400 * (1 - 0.75 * math.exp(-(at_ms - back_ms) / 400)) + 0.5)

    def test_a2_without_a_memory_its_size_stays_small(self):
        tape, account, _, back_ms = self.crash(return_size=0.25, qty_lots=400, inventory_max=10**6)
        tape.touch(601, 9_600)
        tape.native.run(5_000)
        assert {row[4] for row in tape.rows(account, PLACE) if row[0] > back_ms} == {100}

    def test_a2_its_spread_is_wide_at_first_and_decays(self):
        tape, account, _, back_ms = self.crash(return_spread=3.0, spread_tau_ms=50.0)
        asks = [(row[0] - 1, row[3]) for row in tape.rows(account, PLACE) if row[0] > back_ms and row[2] == Side.SELL]
        assert asks[0] == (back_ms, 9_500 + 3 * 95)  # 1 % of 9,500 three times
        away = [price - 9_500 for _, price in asks]
        assert away == sorted(away, reverse=True)
        assert away[-1] in (97, 98)  # e^(-4.7) of the 190 is left, and an ask is rounded up

    def test_a2_makers_alone_let_no_price_creep(self):
        # A mid that was rounded down let makers who centre on it walk from 100,000 to 13,371 ticks in 2,000 s.
        tape = Tape()
        for side, price in ((Side.BUY, 9_995), (Side.SELL, 10_006)):  # a mid of 10,000.5
            tape.native.send_order(tape.outside, PERPETUAL, side, price, 1, at_ms=0)
        accounts = [tape.maker(half_spread=0.0002, tolerance=0.0, start_ms=1) for _ in range(3)]
        tape.native.run(60_000)
        placed = [row[3] for account in accounts for row in tape.rows(account, PLACE)]
        assert min(placed) == 9_998
        assert max(placed) == 10_003

    def test_a2_without_a_memory_the_spread_stays_wide(self):
        tape, account, _, back_ms = self.crash(return_spread=3.0)
        assert {row[3] for row in tape.rows(account, PLACE) if row[0] > back_ms} == {9_500 + 285, 9_500 - 285}


class TestWhatItBelieves:
    """N-4: it knows of its own orders and lots what notices have told it."""

    @staticmethod
    def taken(moves_ms):
        """Its bid of 30 is taken at 60 ms, of which it hears at 80 ms; then the price moves."""
        tape = Tape()
        tape.touch(0, PRICE, PERPETUAL, lots=1)
        account = tape.maker(
            half_spread=0.0001, tolerance=0.0, wake_every_ms=2, latency_ms=20
        )  # a tick away, beside the tape's
        tape.sell(60, 31, price=PRICE - 1)
        tape.native.send_order(tape.outside, PERPETUAL, Side.BUY, PRICE - 1, 1, at_ms=60)  # the touch stays what it was
        tape.native.send_order(tape.outside, PERPETUAL, Side.SELL, PRICE, 1, at_ms=moves_ms)
        tape.native.run(59)
        assert [order[0] for order in tape.native.orders(PERPETUAL) if order[4] == account] == [1, 2]
        tape.native.run(60)
        assert tape.native.position(account, PERPETUAL)[0] == 30
        return tape

    def test_n4_a_fill_not_heard_of_yet_leads_to_a_cancel_that_misses(self):
        tape = self.taken(moves_ms=70)
        tape.native.run(110)
        assert tape.native.counts()["cancel_misses"] == 1

    def test_n4_it_cancels_nothing_that_it_has_been_told_is_gone(self):
        tape = self.taken(moves_ms=104)  # its new bid is there since 102 ms at the latest
        tape.native.run(160)
        assert tape.native.counts()["cancel_misses"] == 0

    def test_n4_a_refused_order_is_quoted_anew_once_it_has_heard(self):
        tape = Tape()
        tape.touch(0, PRICE)
        account = tape.world.account(10**12)  # no base to offer
        tape.maker(SPOT, account=account, latency_ms=20, half_spread=0.01)
        tape.native.run(200)
        refused = tape.native.counts()["rejects"]
        assert set(refused) == {RejectReason.INSUFFICIENT_FUNDS}
        # there and back takes 40 ms, a look comes every ten or so: three or four times in 200 ms, not twenty
        assert 3 <= refused[RejectReason.INSUFFICIENT_FUNDS] <= 5
        tape.native.deposit(account, BASE, 10**9)
        tape.native.run(300)
        assert {order[1] for order in tape.native.orders(SPOT) if order[4] == account} == {Side.BUY, Side.SELL}

    def test_a2_a_side_that_adds_to_a_full_inventory_is_not_quoted_anew(self):
        tape = Tape()
        tape.touch(0, PRICE)
        account = tape.maker(inventory_max=30, half_spread=FAR)
        tape.sell(60, 3_000)  # takes its bid of 30
        tape.touch(61, PRICE)
        tape.native.run(300)
        assert tape.native.position(account, PERPETUAL)[0] == 30
        assert {order[1] for order in tape.native.orders(PERPETUAL) if order[4] == account} == {Side.SELL}

    def test_a2_one_lot_of_room_is_enough_to_quote(self):
        tape = Tape()
        tape.touch(0, PRICE)
        account = tape.maker(inventory_max=31, half_spread=FAR)
        tape.sell(60, 3_000)
        tape.touch(61, PRICE)
        tape.native.run(300)
        assert {order[1] for order in tape.native.orders(PERPETUAL) if order[4] == account} == {Side.BUY, Side.SELL}


class TestWhereItQuotes:
    def test_a2_it_believes_the_last_price_when_the_spread_is_over_five_percent(self):
        for ask, seen in ((10_000, 9_750), (10_001, 9_600)):  # five percent of the ask, and one tick more
            tape = Tape()
            tape.native.send_order(tape.outside, PERPETUAL, Side.BUY, 9_600, 10, at_ms=0)
            tape.sell(1, 1, price=9_600)  # last is 9,600
            tape.native.send_order(tape.outside, PERPETUAL, Side.BUY, 9_500, 100, at_ms=2)
            tape.sell(3, 9, price=9_600)
            tape.native.send_order(tape.outside, PERPETUAL, Side.SELL, ask, 10, at_ms=3)
            account = tape.maker(half_spread=0.01, start_ms=10)
            tape.native.run(12)
            away = seen * 0.01
            assert sorted(row[3] for row in tape.rows(account, PLACE)) == [
                math.floor(seen - away),
                math.ceil(seen + away),
            ]

    def test_a2_it_never_crosses_what_it_sees_and_stays_within_the_bounds(self):
        tape = Tape()
        tape.touch(0, PRICE)
        account = tape.maker(half_spread=0.001, anchor=1.0, fair_tau_ms=1e9, tolerance=0.0)
        tape.touch(50, PRICE - 300)  # its fair value stays at 10,000: without the bound it would bid 9,990 again
        tape.native.run(100)
        bids = [row[3] for row in tape.rows(account, PLACE) if row[0] > 50 and row[2] == Side.BUY]
        assert set(bids) == {PRICE - 300}  # one below the ask of 9,701
        assert account not in tape.native.trades()["taker_account"].tolist()
        edge = Tape()
        edge.touch(0, PRICE_MAX - 2)
        account = edge.maker(half_spread=0.01)
        edge.native.run(20)
        assert max(row[3] for row in edge.rows(account, PLACE)) == PRICE_MAX

    def test_a2_without_a_price_it_waits(self):
        tape = Tape()
        account = tape.maker()
        tape.native.run(50)
        assert tape.rows(account, PLACE) == []
        tape.touch(60, PRICE)
        tape.native.run(90)
        assert tape.rows(account, PLACE) != []

    def test_g5_the_first_quotes_after_a_return_carry_it_and_a_withdrawal_s_cancels_carry_that(self):
        tape, _, left_ms, back_ms = TestHowItReturns.crash()
        rows = landmark_rows(tape.native)
        withdrawal = next(place for place, row in enumerate(rows) if row[1] == WITHDRAWAL)
        back = next(place for place, row in enumerate(rows) if row[1] == RETURN)
        assert rows[withdrawal][0] == left_ms
        assert rows[back][0] == back_ms
        assert rows[back][5] == withdrawal  # its parent
