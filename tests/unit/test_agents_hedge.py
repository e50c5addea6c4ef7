"""Hedgers as stories: what breaks a hedge, who trades it again, on both sides of each bound (A-9)."""

from __future__ import annotations

import pytest
from worldkit import BASE, BUY, QUOTE, SELL, agree, opened

from engine import InputError

LEGS = 100  # lots of each leg
PRICE, PERP_ROW = 1_000, 3
RICH = 10**9


class Story:
    """A hedger, long 100 lots of spot and short as many of the perpetual, and deep books."""

    def __init__(self, *, held=LEGS, short=LEGS, depth=500, **terms):
        self.twin = twin = opened()
        self.native = twin.native
        self.spot = twin.spot(BASE, QUOTE, price_max=10_000)
        self.perp = twin.perpetual(QUOTE, price_max=10_000)
        self.outside = twin.account(RICH, RICH)
        self.hedger = twin.account(RICH, held)
        if short:
            self.native.open_trade(self.perp, self.outside, self.hedger, short, PRICE)
        for market in (self.spot, self.perp):
            for side, price in ((BUY, PRICE - 1), (SELL, PRICE + 1)):
                if depth:
                    self.native.send_order(self.outside, market, side, price, depth, at_ms=0)
        terms = {"react_ms": 100, "start_ms": 1, "latency_ms": 3, **terms}
        self.number = self.native.add_agents(
            "hedge", terms.pop("account", self.hedger), 1, market=self.spot, other=self.perp, **terms
        )

    def take(self, market, side, lots, at_ms=10):
        """Trade lots of a leg in the hedger's name, as the venue would: the hedger did not ask for it."""
        self.native.send_order(self.hedger, market, side, None, lots, at_ms=at_ms)

    def legs(self, *, account=None):
        spot = self.native.balance(self.hedger, BASE)[0]
        return spot, self.native.position(self.hedger if account is None else account, self.perp)[0]

    def sent(self, *, after_ms=10):
        """Return (time_ms, market, side, lots) of what the hedger's orders brought to the books after a time."""
        table = self.native.journal()
        names = ("time_ms", "market", "side", "qty", "kind", "account")
        rows = zip(*(table[name].tolist() for name in names), strict=True)
        return [row[:4] for row in rows if row[4:] == (PERP_ROW, self.hedger) and row[0] > after_ms]


class TestHedged:
    def test_a9_whose_legs_are_even_does_nothing(self):
        story = Story()
        story.native.run(2_000)
        assert story.sent(after_ms=0) == []
        assert story.legs() == (LEGS, -LEGS)

    def test_a9_at_the_start_it_hedges_what_it_holds(self):
        story = Story(short=0)
        story.native.run(2_000)
        assert [row[1:] for row in story.sent(after_ms=0)] == [(story.perp, SELL, LEGS)]
        assert story.legs() == (LEGS, -LEGS)

    def test_a9_at_the_start_one_who_unwinds_sells_what_is_not_hedged(self):
        story = Story(short=60, mode=1)
        story.native.run(2_000)
        assert [row[1:] for row in story.sent(after_ms=0)] == [(story.spot, SELL, 40)]
        assert story.legs() == (60, -60)


class TestBroken:
    @pytest.mark.parametrize(
        ("mode", "market", "legs"),
        [(0, "perp", (LEGS, -LEGS)), (1, "spot", (LEGS - 40, -(LEGS - 40)))],
        ids=["rehedge", "unwind"],
    )
    def test_a9_the_perpetual_is_taken(self, mode, market, legs):
        story = Story(mode=mode)
        story.take(story.perp, BUY, 40)  # closes 40 lots of its short
        story.native.run(2_000)
        assert [row[1:] for row in story.sent()] == [(getattr(story, market), SELL, 40)]
        assert story.legs() == legs
        agree(story.twin)

    @pytest.mark.parametrize(
        ("mode", "market", "legs"),
        [(0, "spot", (LEGS, -LEGS)), (1, "perp", (LEGS - 40, -(LEGS - 40)))],
        ids=["rehedge", "unwind"],
    )
    def test_a9_the_spot_leg_is_taken(self, mode, market, legs):
        story = Story(mode=mode)
        story.take(story.spot, SELL, 40)
        story.native.run(2_000)
        assert [row[1:] for row in story.sent()] == [(getattr(story, market), BUY, 40)]
        assert story.legs() == legs

    @pytest.mark.parametrize(("lots", "acts"), [(39, False), (40, True)])
    def test_a9_it_acts_on_the_tolerance_and_not_below(self, lots, acts):
        story = Story(tolerance_lots=40)
        story.take(story.perp, BUY, lots)
        story.native.run(2_000)
        assert bool(story.sent()) is acts

    def test_a9_it_waits_around_its_reaction_after_it_has_heard(self):
        story = Story()
        story.take(story.perp, BUY, 40)
        story.native.run(2_000)
        ((at_ms, _, _, _),) = story.sent()
        # Taken at 10, heard of 3 ms later; it waits between 50 and 150 ms; 3 ms on the way.
        assert 10 + 3 + 50 + 3 <= at_ms <= 10 + 3 + 150 + 3

    def test_a9_what_it_hears_while_it_waits_is_traded_with_it(self):
        story = Story()
        story.take(story.perp, BUY, 40, at_ms=10)
        story.take(story.perp, BUY, 25, at_ms=30)
        story.native.run(2_000)
        assert [row[1:] for row in story.sent(after_ms=30)] == [(story.perp, SELL, 65)]

    def test_a9_what_heals_while_it_waits_is_not_traded(self):
        story = Story()
        story.take(story.perp, BUY, 40, at_ms=10)
        story.take(story.perp, SELL, 40, at_ms=20)
        story.native.run(2_000)
        assert story.sent(after_ms=20) == []

    def test_a9_one_order_at_a_time_and_the_rest_after_another_wait(self):
        story = Story(depth=30)  # bids for 30 of the 40 lots
        story.take(story.perp, BUY, 30, at_ms=10)
        story.native.send_order(story.outside, story.perp, SELL, PRICE + 1, 10, at_ms=11)
        story.take(story.perp, BUY, 10, at_ms=12)
        story.native.run(170)
        assert [row[1:] for row in story.sent(after_ms=12)] == [(story.perp, SELL, 40)]
        assert story.legs() == (LEGS, -(LEGS - 10))
        story.native.send_order(story.outside, story.perp, BUY, PRICE - 1, 500, at_ms=171)
        story.native.run(2_000)
        # Nothing to trade with at first, then the ten lots: each try asks for what is lacking, no more.
        assert {row[3] for row in story.sent(after_ms=171)} == {10}
        assert story.legs() == (LEGS, -LEGS)

    def test_a9_lots_of_markets_of_different_size_are_converted(self):
        story = Story(held=50, short=100, lots_ratio=2.0, mode=1)
        story.take(story.perp, BUY, 31)
        story.native.run(2_000)
        # 31 lots there are 15.5 lots here; 16 would offset 32, so it sells 15 and bears the last one.
        assert [row[1:] for row in story.sent()] == [(story.spot, SELL, 15)]
        assert story.legs() == (35, -69)

    def test_n4_a_trade_up_to_its_first_look_is_not_counted_twice(self):
        story = Story(start_ms=12, latency_ms=50)
        story.take(story.perp, BUY, 40, at_ms=12)  # it looks at the end of that millisecond, and is told at 62
        story.native.run(2_000)
        assert [row[1:] for row in story.sent(after_ms=12)] == [(story.perp, SELL, 40)]
        assert story.legs() == (LEGS, -LEGS)


class TestTwoAccounts:
    def test_a9_the_second_leg_may_be_another_account_s(self):
        story = Story(short=0)
        other = story.twin.account(RICH, 0)
        with pytest.raises(InputError, match="accounts: expected accounts without an agent"):
            story.native.add_agents("hedge", story.hedger, 2, market=story.spot, other=story.perp, react_ms=1)
        holder = story.twin.account(RICH, 70)
        story.native.add_agents(
            "hedge", holder, 2, market=story.spot, other=story.perp, other_account=other, react_ms=10
        )
        assert story.native.accounts_of("hedge") == [story.hedger, holder, other]
        story.native.run(2_000)
        assert story.native.position(other, story.perp)[0] == -70
        story.native.send_order(other, story.perp, BUY, None, 20, at_ms=2_001)
        story.native.run(4_000)
        assert story.native.position(other, story.perp)[0] == -70

    def test_two_hedgers_share_no_account(self):
        story = Story()
        fresh = [story.twin.account(RICH, 0) for _ in range(3)]
        terms = {"market": story.spot, "other": story.perp, "react_ms": 1}
        for others in ([fresh[2]] * 2, [fresh[1], fresh[2]], [story.hedger, fresh[2]]):
            with pytest.raises(InputError, match="other_account: expected an account without an agent"):
                story.native.add_agents("hedge", fresh[:2], [2, 3], other_account=others, **terms)

    def test_the_hedge_is_another_market_and_a_perpetual(self):
        story = Story()
        account = story.twin.account(RICH, 0)
        for market, other, said in ((1, 1, "another market"), (1, 0, "a perpetual")):
            with pytest.raises(InputError, match=f"other: expected {said}"):
                story.native.add_agents("hedge", account, 2, market=market, other=other, react_ms=1)
        assert story.native.accounts_of("hedge") == [story.hedger]
        with pytest.raises(InputError, match="kind: expected one of"):
            story.native.accounts_of("hedgehog")


def test_a_hedger_is_the_same_after_a_snapshot():
    runs = []
    for cut in (False, True):
        story = Story(depth=30)
        story.take(story.perp, BUY, 40)
        if cut:
            story.native.run(20)
            story.native = story.native.fork()
        story.native.run(2_000)
        runs.append((story.native.digest(), story.sent()))
    assert runs[0] == runs[1]
    assert runs[0][1]
