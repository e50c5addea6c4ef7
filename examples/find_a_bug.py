"""Find a bug in an order book of your own: `engine.testing` walks it beside the reference and shrinks what differs.

`MyBook` is a small matcher as one writes it in an afternoon. It forgets that a maker which was filled in part keeps its
place in the queue (M-1). `BookMachine` needs to know the class and which features it has; here there are none beyond
limit and market orders and cancels. It prints the shortest story that shows the difference.

Needs the extra `test` (Hypothesis).
"""

from __future__ import annotations

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from engine import Fill, RejectReason, Side, TimeInForce
from engine.records import OrderResult
from engine.testing.machines import BookMachine


class MyBook:
    """A matcher of one's own: two dicts of queues by price; an order is [id, lots, owner]."""

    def __init__(self, **_options):
        self.sides = {Side.BUY: {}, Side.SELL: {}}
        self.fills = []
        self.last_price = None
        self.trade_count = self.traded_lots = 0

    def limit(self, side, price_ticks, qty_lots, *, order_id, time_in_force=TimeInForce.GTC, owner=-1):
        return self._place(side, price_ticks, qty_lots, order_id, owner, rests=time_in_force != TimeInForce.IOC)

    def market(self, side, qty_lots, *, order_id, owner=-1, **_options):
        return self._place(side, None, qty_lots, order_id, owner, rests=False)

    def cancel(self, *, order_id):
        self.fills = []
        for levels in self.sides.values():
            for price, queue in levels.items():
                for order in queue:
                    if order[0] == order_id:
                        queue.remove(order)
                        if not queue:
                            del levels[price]
                        return OrderResult(order_id, 0, 0, order[1], RejectReason.NONE)
        return OrderResult(order_id, 0, 0, 0, RejectReason.UNKNOWN_ORDER)

    def _place(self, side, limit, qty_lots, order_id, owner, *, rests):
        self.fills = []
        if any(order_id == order[0] for order in self.orders()):
            return OrderResult(order_id, 0, 0, 0, RejectReason.DUPLICATE_ORDER_ID)
        levels, left = self.sides[Side(-side)], qty_lots
        while left and levels:
            price = min(levels, key=lambda price: price * side)
            if limit is not None and price * side > limit * side:
                break
            left = self._trade(levels, price, left, order_id, owner)
        leaves = left if rests else 0
        if leaves:
            self.sides[Side(side)].setdefault(limit, []).append([order_id, leaves, owner])
        return OrderResult(order_id, qty_lots - left, leaves, left - leaves, RejectReason.NONE)

    def _trade(self, levels, price, left, order_id, owner):
        maker = levels[price].pop(0)
        lots = min(left, maker[1])
        maker[1] -= lots
        if maker[1]:
            levels[price].append(maker)  # the bug: `insert(0, maker)` would keep its place
        if not levels[price]:
            del levels[price]
        self.fills.append(Fill(maker[0], order_id, price, lots, maker[2], owner))
        self.last_price = price
        self.trade_count += 1
        self.traded_lots += lots
        return left - lots

    # What the machine looks at after each step.

    def last_fills(self):
        return self.fills

    def orders(self):
        return [
            (order[0], side, price, order[1], order[2])
            for side, levels in self.sides.items()
            for price in sorted(levels, reverse=side == Side.BUY)
            for order in levels[price]
        ]

    def depth(self, levels):
        def shown(side):
            prices = sorted(self.sides[side], reverse=side == Side.BUY)[:levels]
            return [(price, sum(order[1] for order in self.sides[side][price])) for price in prices]

        return shown(Side.BUY), shown(Side.SELL)

    def queue(self, price_ticks):
        levels = self.sides[Side.BUY if price_ticks in self.sides[Side.BUY] else Side.SELL]
        return [(order[0], order[1]) for order in levels.get(price_ticks, [])]

    @property
    def best_bid(self):
        return max(self.sides[Side.BUY], default=None)

    @property
    def best_ask(self):
        return min(self.sides[Side.SELL], default=None)

    @property
    def order_count(self):
        return len(self.orders())


class MyMachine(BookMachine):
    candidate = staticmethod(MyBook)
    features = frozenset()
    commands_per_step = 1


# The same draws on each run; without `derandomize` each run looks somewhere else.
FIXED = settings(
    max_examples=2000,
    stateful_step_count=20,
    phases=(Phase.generate, Phase.shrink),
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=False,
)

try:
    run_state_machine_as_test(MyMachine, settings=FIXED)
except AssertionError as difference:
    story = "\n".join(getattr(difference, "__notes__", []))
    print("MyBook differs from the reference. The shortest story:")
    print(story)
else:
    print("no difference found")
