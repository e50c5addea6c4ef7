"""First in, first out within a price level, through partial fills and through orders that are made smaller.

Stands on `OrderBook`, `draws`, `line`, `plan`. Orders of several lots arrive at one price; market orders of random size
eat from the front; orders anywhere in the queue are reduced, or replaced by smaller ones at the same price, and some
are cancelled. None of these may let an order pass another (M-1, M-15, M-16): makers are filled in the order of their
arrival, each to its end before the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import OrderBook, Side
from engine.validation.draws import Stream
from engine.validation.line import Line

if TYPE_CHECKING:
    from engine.validation.plan import Plan

COMMANDS, COMMANDS_QUICK = 200_000, 10_000
PRICE_TICKS = 100
QTY_MAX = 20
QUEUE_TARGET = 200
"""Around this many orders rest; fewer make arrivals likelier, more make market orders likelier."""


@dataclass(frozen=True)
class FifoPath:
    """What a run left: (maker, lots) of each fill in order; the lots that each maker should have sold; counts."""

    fills: list[tuple[int, int]]
    lots: list[int]
    partial_fills: int
    made_smaller: int


def simulate_fifo(seed: int, commands: int, *, grow: bool = False) -> FifoPath:
    """Send a random flow to one level of a real book.

    Parameters
    ----------
    seed : int
        Key of the draws.
    commands : int
        How many.
    grow : bool
        Replace by larger orders too, which lose their place: what the judgement must see.

    Returns
    -------
    FifoPath
    """
    book = OrderBook()
    draw = Stream(seed, "validation/fifo").endless_uniforms()
    resting: list[int] = []
    leaves: list[int] = []
    lots: list[int] = []
    fills: list[tuple[int, int]] = []
    partial = smaller = 0
    for _ in range(commands):
        what, share, which = next(draw), next(draw), next(draw)
        qty = 1 + int(share * QTY_MAX)
        target = resting[int(which * len(resting))] if resting else -1
        if what < 0.45 or target < 0:
            if len(resting) < 2 * QUEUE_TARGET:
                order = len(lots)
                book.limit(Side.SELL, PRICE_TICKS, qty, order_id=order)
                resting.append(order)
                leaves.append(qty)
                lots.append(qty)
        elif what < 0.75:
            book.market(Side.BUY, qty if len(resting) < QUEUE_TARGET else 3 * qty)
            for fill in book.last_fills():
                fills.append((fill.maker_id, fill.qty_lots))
                leaves[fill.maker_id] -= fill.qty_lots
                partial += leaves[fill.maker_id] > 0
            resting = [order for order in resting if leaves[order]]
        elif what < 0.95:
            left = leaves[target] + (QTY_MAX if grow and what > 0.94 else -qty)
            if left < 1:
                continue
            if what < 0.85:
                book.reduce(leaves[target] - left, order_id=target)
            else:
                book.replace(PRICE_TICKS, left, order_id=target)
            lots[target] += left - leaves[target]
            leaves[target] = left
            smaller += 1
        else:
            book.cancel(order_id=target)
            lots[target] -= leaves[target]
            leaves[target] = 0
            resting.remove(target)
    return FifoPath(fills, [lots[i] - leaves[i] for i in range(len(lots))], partial, smaller)


def fifo_lines(path: FifoPath) -> list[Line]:
    """Count the fills that passed an older order, and the makers whose lots do not add up.

    Parameters
    ----------
    path : FifoPath
        Makers numbered in the order of their arrival.

    Returns
    -------
    list of Line
    """
    passed = sum(later[0] < earlier[0] for earlier, later in zip(path.fills, path.fills[1:], strict=False))
    filled = [0] * len(path.lots)
    for maker, qty in path.fills:
        filled[maker] += qty
    wrong = sum(got != due for got, due in zip(filled, path.lots, strict=True))
    is_empty = not (path.partial_fills and path.made_smaller)
    note = f"{path.partial_fills} partial fills, {path.made_smaller} orders made smaller"
    count = len(path.fills)
    return [
        Line(
            "fifo/fills that passed an older order", float("nan") if is_empty else passed, 0.0, 0.0, "none", count, note
        ),
        Line("fifo/makers whose lots do not add up", float(wrong), 0.0, 0.0, "none", len(path.lots)),
    ]


def check_fifo(plan: Plan) -> list[Line]:
    """Send the flow and judge it."""
    return fifo_lines(simulate_fifo(plan.seed, plan.size(COMMANDS, COMMANDS_QUICK)))
