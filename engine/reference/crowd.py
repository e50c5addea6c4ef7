"""Holders without an agent: how a crowd is drawn and matched (H-1), and which orders its plans send (H-2, H-3).

Stands on `rng`; the kernel and the builder of scenarios share nothing with it. One member after the other, in plain
numbers.

::

    member 0: market, side, lots, margin | market, side, lots, margin         longs   3 | 4
    member 1: market, side, lots, margin                                      shorts  5 | 1 | rest 1

Promises: every number of a member depends on the seed, the crowd's name and the member only.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, NamedTuple

from engine.reference.rng import bits64, id_key, key_of, stream_of, uniform01

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PURPOSE_POPULATION = 1
POSITIONS, LEVERAGE = 0, 1
OF_POSITION = 16
MARKET, SIDE, NOTIONAL = 0, 1, 2
STOP_LONG, STOP_SHORT, DIP = "stop long", "stop short", "dip"


class Drawn(NamedTuple):
    """One position of a member as it is drawn."""

    market: int
    side: int  # +1 long, -1 short
    lots: int
    margin_atoms: int


@dataclass(frozen=True)
class CrowdTerms:
    """What a crowd declares; laws are functions of the 64 bits of a draw.

    Parameters
    ----------
    weights : sequence of float
        Of the markets.
    lot_atoms : sequence of int
        What a lot costs at each market's opening price, atoms.
    long : float
        Share of the positions that are long.
    positions, leverage, notional_atoms : callable
        Laws.
    initial : sequence of sequences of (int, int)
        Of each market the tiers of its initial margin: where each begins, atoms of cost, and its rate, ppm. A market
        without any gates nothing.
    """

    weights: Sequence[float]
    lot_atoms: Sequence[int]
    long: float
    positions: Callable[[int], float]
    leverage: Callable[[int], float]
    notional_atoms: Callable[[int], float]
    initial: Sequence[Sequence[tuple[int, int]]] = ()


def member(seed: int, name: str, ordinal: int, terms: CrowdTerms) -> list[Drawn]:
    """Return the positions of one member (H-1)."""
    key = key_of(stream_of(seed, id_key(name, ordinal)), PURPOSE_POPULATION)

    def bits(k: int) -> int:
        return bits64(key, 0, k)

    open_markets = {place: weight for place, weight in enumerate(terms.weights) if weight > 0}
    count = max(1, min(floor(terms.positions(bits(POSITIONS))), len(open_markets)))
    leverage_milli = max(1, floor(terms.leverage(bits(LEVERAGE)) * 1000))
    found = []
    for place in range(count):
        k = OF_POSITION * (place + 1)
        market = _picked(open_markets, uniform01(bits(k + MARKET)))
        del open_markets[market]
        side = 1 if uniform01(bits(k + SIDE)) < terms.long else -1
        lots = max(1, floor(terms.notional_atoms(bits(k + NOTIONAL))) // terms.lot_atoms[market])
        cost = lots * terms.lot_atoms[market]
        tiers = terms.initial[market] if terms.initial else ()
        found.append(Drawn(market, side, lots, max(-(-cost * 1000 // leverage_milli), initial_atoms(tiers, cost))))
    return found


def initial_atoms(tiers: Sequence[tuple[int, int]], cost: int) -> int:
    """Return what a position of that cost must have to be opened: what each tier adds, rounded up (H-1).

    Examples
    --------
    >>> [initial_atoms([(0, 100_000), (1_000, 200_000)], cost) for cost in (995, 1_000, 1_001, 2_000)]
    [100, 100, 102, 300]
    """
    needed, below = 0, 0
    for begin, ppm in tiers:
        needed += -(-max(0, cost - begin) * (ppm - below) // 10**6)
        below = ppm
    return needed


def _picked(weights: Mapping[int, float], uniform: float) -> int:
    left = uniform * sum(weights.values())
    for market, weight in weights.items():
        if left < weight:
            return market
        left -= weight
    return max(weights)


def matched(longs: Sequence[tuple[int, int]], shorts: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return the trades (buyer, seller, lots) of two lists of (account, lots) with the same sum, in order (H-1).

    Examples
    --------
    >>> matched([(1, 3), (2, 4)], [(7, 5), (8, 2)])
    [(1, 7, 3), (2, 7, 2), (2, 8, 2)]
    """
    trades, buyers, sellers = [], [list(each) for each in longs], [list(each) for each in shorts]
    while buyers:
        lots = min(buyers[0][1], sellers[0][1])
        trades.append((buyers[0][0], sellers[0][0], lots))
        for side in (buyers, sellers):
            side[0][1] -= lots
            if side[0][1] == 0:
                side.pop(0)
    return trades


# ---- plans -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PlanTerms:
    """One plan: who waits for which price, and what for."""

    account: int
    market: int
    kind: str
    price_ticks: int
    lots: int = 0


def fires(plan: PlanTerms, mark_ticks: int) -> bool:
    """Tell whether a mark fires a plan (H-2, H-3).

    Examples
    --------
    >>> fires(PlanTerms(3, 0, STOP_LONG, 100), 100), fires(PlanTerms(3, 0, STOP_SHORT, 100), 99)
    (True, False)
    """
    return mark_ticks >= plan.price_ticks if plan.kind == STOP_SHORT else mark_ticks <= plan.price_ticks


def order_lots(plan: PlanTerms, position_lots: int) -> int:
    """Return the signed lots of the order that a plan sends with that position; 0 for none (H-2, H-3)."""
    if plan.kind == DIP:
        return plan.lots
    if position_lots == 0 or (position_lots > 0) != (plan.kind == STOP_LONG):
        return 0
    return -position_lots


def orders(
    plans: Sequence[PlanTerms], marks: Sequence[tuple[int, int, int]], position_of: Callable[[int, int], int]
) -> list[tuple[int, int, int, int]]:
    """Return (time_ms, account, market, signed lots) of what plans decide along a path of marks (H-2, H-3).

    Parameters
    ----------
    plans : sequence of PlanTerms
        In the order in which they were declared.
    marks : sequence of (time_ms, market, ticks)
        Publications, in order.
    position_of : callable
        Lots of an account in a market; they do not change on the way.

    Returns
    -------
    list
        At the times of decision; the order arrives a latency later.

    Examples
    --------
    >>> plans = [PlanTerms(3, 0, STOP_LONG, 95), PlanTerms(4, 0, DIP, 98, 7)]
    >>> orders(plans, [(1, 0, 97), (2, 0, 90), (3, 0, 80)], lambda account, market: 10)
    [(1, 4, 0, 7), (2, 3, 0, -10)]
    """
    waiting, sent = dict(enumerate(plans)), []
    for time_ms, market, ticks in marks:
        for place in [place for place, plan in waiting.items() if plan.market == market and fires(plan, ticks)]:
            plan = waiting.pop(place)
            lots = order_lots(plan, position_of(plan.account, market))
            if lots:
                sent.append((time_ms, plan.account, market, lots))
    return sent
