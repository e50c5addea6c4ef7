"""Exits: what is looped at a lender at a time, and what a book would take of it, near its price.

Stands on `engine.illusion`. Reads only; `Simulation.exits` samples at a cadence.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from engine.illusion import collateral_illusion, exit_cover

if TYPE_CHECKING:
    from decimal import Decimal

    from engine._core import World
    from engine.declared import Market
    from engine.protocols import Lender

__all__ = ["ExitSample", "exit_sample"]

LEVELS_MOST = 2**31 - 1


@dataclass(frozen=True)
class ExitSample:
    """What stands at a lender, and what the book would take.

    Parameters
    ----------
    time_ms : int
        When.
    bid : Decimal or None
        Best bid of the market; None without one.
    loans, work : int
        Loans with a debt, and those of them at the last level.
    gross, debt : Decimal
        Collateral and debt of them at the lender's prices, money.
    illusion : Fraction or None
        Gross / net collateral; None where there is no net equity, no loan, or a price is unknown.
    cover : Fraction or None
        What bids near the best one pay / the coins that must be sold to repay all debts; None where nobody must.
    """

    time_ms: int
    bid: Decimal | None
    loans: int
    work: int
    gross: Decimal
    debt: Decimal
    illusion: Fraction | None
    cover: Fraction | None


def exit_sample(world: World, lender: Lender, market: Market, within_ppm: int) -> ExitSample:
    """Return a sample of now. O(loans + levels)."""
    told = world.loans(lender.number)
    rows = zip(told["collateral_value"], told["debt_value"], told["level"], strict=True)
    owing = [(held, owed, level) for held, owed, level in rows if owed]
    known = [(held, owed) for held, owed, _ in owing if held >= 0]
    gross, debt = (sum(column) for column in zip(*known, strict=True)) if known else (0, 0)
    last = 2 if lender.form == "loan" else 1
    has_figure = gross > debt and len(known) == len(owing)
    bids = world.depth(market.number, LEVELS_MOST)[0]
    best = market.price.value(bids[0][0]) if bids else None
    return ExitSample(
        world.now_ms,
        best,
        len(owing),
        sum(level == last for _, _, level in owing),
        lender.value.value(gross),
        lender.value.value(debt),
        collateral_illusion([gross], [gross - debt]) if has_figure else None,
        _cover(market, bids, lender.value.value(debt), within_ppm) if has_figure else None,
    )


def _cover(market: Market, bids: list[tuple[int, int]], debt: Decimal, within_ppm: int) -> Fraction | None:
    """Money near the best bid / the coins that bring the debt at it."""
    if not bids:
        return Fraction(0)
    prices = [market.price.value(ticks) for ticks, _ in bids]
    coins = Fraction(debt) / Fraction(prices[0])
    return exit_cover(prices, [market.quantity.value(lots) for _, lots in bids], coins, within_ppm=within_ppm)
