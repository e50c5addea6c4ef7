"""Replay a synthetic flow of 200,000 commands through one order book, in one call."""

from __future__ import annotations

import numpy as np

from engine import CommandKind, OrderBook, RejectReason

N = 200_000

# Orders around 10,000 ticks, named by their row; every third command cancels one of the orders before it.
draw = np.random.default_rng(20251010)
row = np.arange(N)
is_cancel = row % 3 == 2
earlier = (draw.random(N) * row).astype(np.int64)
name = np.where(is_cancel, earlier - (earlier % 3 == 2), row)
side = np.where(draw.random(N) < 0.5, 1, -1)
flow = {
    "kind": np.where(is_cancel, CommandKind.CANCEL, CommandKind.PLACE).astype(np.uint8),
    "side": side.astype(np.int8),  # +1 buys, -1 sells
    "price_ticks": (10_000 - side * draw.integers(-3, 40, N)).astype(np.int32),
    "qty_lots": draw.integers(1, 100, N),
    "order_id": name,
}

book = OrderBook()
result = book.apply(flow)
fills, reasons = result.fills, result.rejects["reason"]

print(f"{N:,} commands: {result.accepted_count:,} accepted, {len(fills):,} fills of {fills['qty_lots'].sum():,} lots")
for reason, count in zip(*np.unique(reasons, return_counts=True), strict=True):
    print(f"rejected, {RejectReason(reason).name}: {count:,} (the order had traded or was cancelled before)")
print("the first fills: command, maker, taker, price, lots")
for at in range(3):
    print("  ", *(int(fills[column][at]) for column in ("command", "maker_id", "taker_id", "price_ticks", "qty_lots")))
print(f"left: {book.order_count:,} orders, best bid {book.best_bid}, best ask {book.best_ask}")
book.check_invariants()
print(f"invariants hold, digest {book.digest():016x}")
