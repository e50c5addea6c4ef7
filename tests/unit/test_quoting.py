"""Quotes in closed form, and the native maker who quotes them in whole ticks (A-2)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine import InputError, quoting
from engine.testing.village import PERPETUAL, PRICE, Village
from engine.types import Side

STOIKOV = {"risk_aversion": 0.1, "sigma": 2.0, "decay": 1.5, "time_left": 1.0}
GUEANT = {"risk_aversion": 0.01, "sigma": 0.3, "decay": 0.3, "rate": 0.9}
QUOTED = {0: (99.15, 100.85), 5: (97.15, 98.85), -5: (101.15, 102.85)}


class TestStoikov:
    @pytest.mark.parametrize("held", QUOTED)
    def test_the_worked_example(self, held):
        bid, ask = quoting.stoikov_quotes(100, held, **STOIKOV)
        assert (round(bid, 2), round(ask, 2)) == QUOTED[held]
        assert round(ask - bid, 2) == 1.69
        assert ask - bid == pytest.approx(0.4 + 20 * math.log(16 / 15))
        assert (bid + ask) / 2 == pytest.approx(100 - 0.4 * held)

    def test_ten_times_the_volatility_is_a_hundred_times_the_term_of_inventory(self):
        wide, calm = (
            quoting.stoikov_quotes(100, 0, **{**STOIKOV, "sigma": sigma}) for sigma in (20.0, STOIKOV["sigma"])
        )
        still = quoting.stoikov_quotes(100, 0, **{**STOIKOV, "sigma": 0.0})
        width = still.ask - still.bid
        assert (wide.ask - wide.bid - width) / (calm.ask - calm.bid - width) == pytest.approx(100)
        assert wide.ask - wide.bid - width == pytest.approx(40)

    @pytest.mark.parametrize(("risk_aversion", "spread"), [(0.1, 1.49), (0.01, 1.35)])
    def test_the_average_spread_that_was_published(self, risk_aversion, spread):
        """Over a market of 200 steps; Avellaneda and Stoikov (2008), tables 1 and 3."""
        terms = {**STOIKOV, "risk_aversion": risk_aversion}
        quotes = [quoting.stoikov_quotes(0, 0, **{**terms, "time_left": 1 - step / 200}) for step in range(200)]
        assert np.mean([ask - bid for bid, ask in quotes]) == pytest.approx(spread, abs=0.006)


class TestTheNativeMaker:
    """A tick is a hundredth: gamma and k by tick are hundredths of theirs, sigma a hundredfold."""

    @pytest.mark.parametrize("held", QUOTED)
    def test_a2_quotes_the_worked_example(self, held):
        village = Village(levels=0)
        tickets = []

        def touch(at_ms, away):
            for ticket in tickets:
                village.native.send_cancel(ticket, at_ms=at_ms)
            tickets[:] = [
                village.native.send_order(village.outside, PERPETUAL, side, PRICE - away * side, 1, at_ms=at_ms)
                for side in (Side.BUY, Side.SELL)
            ]

        def take(at_ms, side):
            village.native.send_order(village.outside, PERPETUAL, side, None, 2, at_ms=at_ms)

        terms = {"risk_aversion": 0.001, "decay": 0.015, "sigma": 200.0, "horizon_s": 1.0}
        account = village.add("maker", mode=1, wake_every_ms=10, start_ms=1, tolerance=0.0, **terms)
        twin = village.quotes(account, PERPETUAL, qty_lots=1)
        touch(0, 1)
        for trade in range(1, abs(held) + 1):
            # The touch's one lot, then the maker's; the touch is put up again before the maker looks.
            take(100 * trade, Side.SELL if held > 0 else Side.BUY)
            touch(100 * trade, 1)
        # Both of its quotes are taken, and a touch is put up that leaves room for the next two, at the same mid.
        take(600, Side.SELL)
        take(600, Side.BUY)
        touch(600, 200)
        follower, now_ms, prices = village.followed(600), 600, {}
        while not prices and now_ms < 650:
            now_ms += 1
            follower.run(now_ms)
            prices = {order[1]: order[2] for order in village.native.orders(PERPETUAL) if order[4] == account}
        assert twin.quotes[0].known_lots == held
        assert prices == {Side.BUY: round(100 * QUOTED[held][0]), Side.SELL: round(100 * QUOTED[held][1])}
        bid, ask = quoting.stoikov_quotes(100, held, **STOIKOV)
        assert prices == {Side.BUY: math.floor(100 * bid), Side.SELL: math.ceil(100 * ask)}
        # The outside cancels what was taken of its touch in vain.
        assert follower.disagreements(now_ms, other_misses=abs(held) + 2) == []


def ground_state_quotes(held, *, risk_aversion, sigma, decay, rate, inventory_max=60):
    """Return the exact distances of bid and ask: by the ground state of the tridiagonal matrix of the paper.

    ``M v = (k g sigma^2 q^2 / 2) v_q - eta (v_{q-1} + v_{q+1})``, eta = A (1 + g/k)^-(1 + k/g); then
    ``bid(q) = ln(v_q / v_{q+1}) / k + ln(1 + g/k) / g``, and with q - 1 for the ask.
    """
    stock = np.arange(-inventory_max, inventory_max + 1)
    eta = rate * (1 + risk_aversion / decay) ** -(1 + decay / risk_aversion)
    matrix = np.diag(0.5 * decay * risk_aversion * sigma**2 * stock.astype(float) ** 2)
    matrix -= eta * (np.eye(len(stock), k=1) + np.eye(len(stock), k=-1))
    state = np.abs(np.linalg.eigh(matrix)[1][:, 0])
    base, at = math.log1p(risk_aversion / decay) / risk_aversion, inventory_max + held
    return tuple(math.log(state[at] / state[at + side]) / decay + base for side in (1, -1))


class TestGueant:
    def test_the_formula_by_hand(self):
        # g = k = 1: ln 2 and sigma sqrt(2^2 / 2) = 2 sqrt 2 by lot
        bid, ask = quoting.gueant_quotes(0, 0, risk_aversion=1, sigma=2, decay=1, rate=1)
        assert (-bid, ask) == pytest.approx((math.log(2) + math.sqrt(2),) * 2)
        bid, ask = quoting.gueant_quotes(0, 1, risk_aversion=1, sigma=2, decay=1, rate=1)
        assert (-bid, ask) == pytest.approx((math.log(2) + 3 * math.sqrt(2), math.log(2) - math.sqrt(2)))

    @pytest.mark.parametrize("held", [-6, -2, -1, 0, 1, 2, 6])
    def test_it_is_near_the_exact_quotes(self, held):
        bid, ask = quoting.gueant_quotes(0, held, **GUEANT)
        exact = ground_state_quotes(held, **GUEANT)
        assert (-bid, ask) == pytest.approx(exact, rel=0.02)

    def test_a_tilt_of_what_is_held(self):
        flat, long = (quoting.gueant_quotes(100, held, **GUEANT) for held in (0, 3))
        assert long.ask - long.bid == pytest.approx(flat.ask - flat.bid)
        assert long.bid < flat.bid
        assert long.ask < flat.ask
        short = quoting.gueant_quotes(100, -3, **GUEANT)
        assert (200 - short.ask, 200 - short.bid) == pytest.approx(tuple(long))

    def test_without_volatility_inventory_costs_nothing(self):
        assert quoting.gueant_quotes(100, 9, **{**GUEANT, "sigma": 0}) == pytest.approx(
            quoting.gueant_quotes(100, 0, **{**GUEANT, "sigma": 0})
        )


@pytest.mark.parametrize(("function", "terms"), [(quoting.stoikov_quotes, STOIKOV), (quoting.gueant_quotes, GUEANT)])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "1", None, True])
def test_bad_input_is_named(function, terms, value):
    for field in terms:
        with pytest.raises(InputError) as raised:
            function(100, 0, **{**terms, field: value})
        assert str(raised.value).startswith(f"{field}: expected a finite number")


@pytest.mark.parametrize("function", [quoting.stoikov_quotes, quoting.gueant_quotes])
def test_zero_is_no_risk_aversion_and_nan_no_price(function):
    terms = STOIKOV if function is quoting.stoikov_quotes else GUEANT
    with pytest.raises(InputError, match="risk_aversion: expected a finite number above 0"):
        function(100, 0, **{**terms, "risk_aversion": 0})
    with pytest.raises(InputError, match="price"):
        function(math.nan, 0, **terms)
    with pytest.raises(InputError, match="held"):
        function(100, math.inf, **terms)
