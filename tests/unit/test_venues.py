"""Several venues as stories: whose fees, whose losses, whose gateway, whose steps (V-7, V-8, N-3, X-4, L-10)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from worldkit import BAD_DEBT, BUY, FEES, QUOTE, SELL, STEP, agree, journal, landmarks, opened, place

from engine import InputError
from engine.testing.village import BASE

WRITE_OFF = 7
FEE = {"maker_fee_ppm": 100, "taker_fee_ppm": 500}


def two_venues(**options):
    """A world with a perpetual and a spot market at each of two venues; and the other venue, its first account."""
    twin = opened()
    other = twin.venue(**options)
    own = twin.venue_accounts[other]
    for venue in (0, other):
        twin.perpetual(QUOTE, venue=venue, **FEE)
        twin.spot(BASE, QUOTE, venue=venue, **FEE)
    return twin, other, own


def held(twin, account):
    return twin.native.balance(account, QUOTE)[0], twin.native.balance(account, BASE)[0]


class TestFees:
    def test_v8_the_first_venue_s_accounts_are_the_first_three_another_s_are_opened_with_it(self):
        twin, _, own = two_venues()
        assert own == 3
        assert twin.native.account_count == 6
        assert twin.account() == 6

    @pytest.mark.parametrize("venue", [0, 1])
    def test_v8_fees_of_a_perpetual_go_to_its_venue(self, venue):
        twin, _, own = two_venues()
        market = 2 * venue
        maker, taker = (twin.account(10**9, venue=venue) for _ in range(2))
        place(twin, maker, market, SELL, 1_000, 10)
        place(twin, taker, market, BUY, 1_000, 10)
        fees = [held(twin, account) for account in (FEES, own + FEES)]
        assert fees[venue] == (1 + 5, 0)  # 100 and 500 ppm of 10,000
        assert fees[1 - venue] == (0, 0)
        agree(twin)

    @pytest.mark.parametrize("venue", [0, 1])
    def test_v8_fees_of_a_spot_market_go_to_its_venue_in_both_assets(self, venue):
        twin, _, own = two_venues()
        market = 2 * venue + 1
        maker, taker = (twin.account(10**9, 10**9, venue=venue) for _ in range(2))
        place(twin, maker, market, SELL, 100, 10_000)
        place(twin, taker, market, BUY, 100, 10_000)
        fees = [held(twin, account) for account in (FEES, own + FEES)]
        assert fees[venue] == (100, 5)  # the seller gets 10^6 quote, the buyer 10^4 base
        assert fees[1 - venue] == (0, 0)
        agree(twin)


class TestWhereOneTrades:
    def test_v8_an_account_trades_at_its_own_venue_only(self):
        twin, other, _ = two_venues()
        here, there = twin.account(10**9), twin.account(10**9, venue=other)
        for account, markets in ((here, (2, 3)), (there, (0, 1))):
            for market in markets:
                with pytest.raises(InputError, match="market"):
                    twin.native.send_order(account, market, BUY, 100, 1, at_ms=5)
                with pytest.raises(InputError, match="market"):
                    twin.native.add_agents("noise", account, 1, market=market, mean_gap_ms=5.0, qty_min=1, qty_max=1)
        with pytest.raises(InputError, match="market"):
            twin.native.open_trade(2, here, there, 1, 100)
        maker = twin.native.add_agents("maker", here, 1, wake_every_ms=100)
        with pytest.raises(InputError, match="market"):
            twin.native.add_quotes(maker, 2, 1)
        with pytest.raises(InputError, match="market"):
            twin.native.add_agents(
                "arbitrage", twin.account(), 1, market=0, other=2, wake_every_ms=9, threshold=0.1, qty_lots=1
            )

    def test_v7_the_other_venue_s_own_accounts_send_no_orders(self):
        twin, other, own = two_venues()
        for account in range(own, own + 3):
            with pytest.raises(InputError, match="account"):
                twin.native.send_order(account, 2, BUY, 100, 1, at_ms=5)
        trader = twin.account(10**6, venue=other)
        assert trader == own + 3
        twin.native.send_order(trader, 2, BUY, 100, 1, at_ms=5)
        twin.native.run(5)
        assert len(twin.native.orders(2)) == 1

    def test_v8_an_arbitrageur_needs_an_account_at_each_venue(self):
        twin, other, _ = two_venues()
        here, there = twin.account(10**9), twin.account(10**9, venue=other)
        dear, cheap = twin.account(10**9), twin.account(10**9, venue=other)
        twin.native.send_order(dear, 0, BUY, 1_100, 5, at_ms=0)
        twin.native.send_order(cheap, 2, SELL, 1_000, 5, at_ms=0)
        terms = {"wake_every_ms": 10, "threshold": 0.05, "qty_lots": 3}
        twin.native.add_agents("arbitrage", here, 1, market=0, other=2, other_account=there, **terms)
        twin.native.run(5)
        assert twin.native.position(here, 0)[0] == -3
        assert twin.native.position(there, 2)[0] == 3
        agree(twin)


def ruined(venue):
    """Let a long of a venue be liquidated into a hole: a loss that its collateral does not cover."""
    twin, _, own = two_venues(stage_ppm=500_000, stage_interval_ms=70)
    perpetual, spot = 2 * venue, 2 * venue + 1
    rich = twin.account(10**9, 10**9, venue=venue)
    long = twin.account(1_000, venue=venue)
    twin.native.open_trade(perpetual, long, rich, 10, 1_000)
    twin.native.add_index(perpetual, spot, every_ms=10, lag_ms=0)
    twin.native.add_mark(perpetual, every_ms=10, lag_ms=0)
    for market in (spot, perpetual):
        twin.native.send_order(rich, market, BUY, 700, 100, at_ms=1)
        twin.native.send_order(rich, market, SELL, 702, 100, at_ms=1)
    twin.native.run(8_000, check=True)
    return twin, own, long


class TestLosses:
    @pytest.mark.parametrize("venue", [0, 1])
    def test_v8_a_write_off_is_paid_by_the_venue_whose_market_caused_it(self, venue):
        twin, own, long = ruined(venue)
        ((_, account, payer, _, _, atoms),) = journal(twin, WRITE_OFF)
        assert account == long
        assert payer == (BAD_DEBT, own + BAD_DEBT)[venue]
        assert atoms > 0
        assert held(twin, payer)[0] == -atoms
        assert held(twin, (own + BAD_DEBT, BAD_DEBT)[venue]) == (0, 0)
        assert twin.native.balance(long, QUOTE) == (0, 0)
        agree(twin)

    @pytest.mark.parametrize(("venue", "lots", "gap_ms"), [(0, [3, 2, 2, 1, 1, 1], 1_000), (1, [5, 3, 1, 1], 70)])
    def test_x4_each_venue_has_liquidation_steps_of_its_own(self, venue, lots, gap_ms):
        twin, _, _ = ruined(venue)
        steps = landmarks(twin, STEP)
        assert [row[2] for row in steps] == lots
        gaps = {later[0] - earlier[0] for earlier, later in pairwise(steps)}
        assert gaps == {gap_ms}


class TestGateways:
    def test_n3_the_queue_of_one_venue_delays_nobody_at_another(self):
        def arrivals(venue, service_us):
            twin, other, _ = two_venues()
            if service_us:
                twin.native.set_gateway(other, service_us)
            for at in (0, other):
                account = twin.account(10**9, venue=at)
                terms = {"mu": 1.0, "qty_min": 1, "qty_max": 1}
                twin.native.add_agents("point", account, at, market=2 * at, **terms)
            twin.native.run(100)
            return [row[0] for row in journal(twin, 3) if row[1] == 6 + venue]

        assert arrivals(0, 5_000) == arrivals(0, 0)
        assert arrivals(1, 5_000) != arrivals(1, 0)

    def test_n3_a_gateway_opened_with_its_venue_is_the_same_as_one_set_later(self):
        twins = [two_venues(service_us=3_000), two_venues()]
        twins[1][0].native.set_gateway(1, 3_000)
        for twin, other, _ in twins:
            account = twin.account(10**9, venue=other)
            twin.native.add_agents("point", account, 5, market=2, mu=1.0, qty_min=1, qty_max=1)
            twin.native.run(100)
        assert journal(twins[0][0], 3) == journal(twins[1][0], 3) != []
