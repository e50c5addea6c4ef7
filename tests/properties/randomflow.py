"""Random flows of commands by the million: columns drawn with numpy from a seed, without Hypothesis.

Stands on numpy and `engine.testing.strategies` (shapes of books, the columns of a batch).

Promises: the same seed gives the same flow. Every feature of section M is drawn, and what a book must refuse with
every reason that a stand-alone book knows; enough is legal and close together that orders meet.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.testing import strategies as flow
from engine.types import CommandKind, MarketState, OrderFlag, OrderType, SelfTradePrevention, TimeInForce

LOTS_LIMIT = flow.LOTS_LIMIT
OWNERS_MAX = 5

# How often each kind is drawn, of a thousand.
_KINDS = {
    CommandKind.PLACE: 653,
    CommandKind.CANCEL: 110,
    CommandKind.REDUCE: 55,
    CommandKind.REPLACE: 90,
    CommandKind.CANCEL_OWNER: 3,
    CommandKind.CLEAR: 1,
    CommandKind.MARK: 25,
    CommandKind.POSITION: 30,
    CommandKind.CLOCK: 27,
    CommandKind.STATE: 6,
}
_TYPES = {OrderType.LIMIT: 70, OrderType.MARKET: 8, OrderType.STOP: 9, OrderType.STOP_LIMIT: 13}
_TIMES_IN_FORCE = {
    TimeInForce.DEFAULT: 50,
    TimeInForce.GTC: 15,
    TimeInForce.IOC: 10,
    TimeInForce.FOK: 9,
    TimeInForce.GTT: 16,
}
# 4 and 255 are none.
_STATES = {
    MarketState.OPEN: 70,
    MarketState.AUCTION: 15,
    MarketState.CANCEL_ONLY: 8,
    MarketState.HALTED: 7,
    4: 1,
    255: 1,
}

# One row of 24 has one of its fields replaced by one of these: bytes that mean nothing, and both sides of every bound.
_SPOILED_SHARE = 1 / 24
_SPOILS: dict[str, tuple[int, ...]] = {
    "kind": (0, 11, 255),
    "side": (0, 2, -128, 127),
    "order_type": (0, 5, 255),
    "time_in_force": (1, 2, 3, 4, 5, 255),
    "flags": (1, 4, 5, 8, 128, 255),
    "self_trade_prevention": (5, 255),
    "display_lots": (-1, 1, 2**40, -(2**63), 2**63 - 1),
    "price_ticks": (-(2**31), 2**31 - 1, 0, -1),
    "stop_ticks": (-(2**31), 2**31 - 1, 0, -1),
    "qty_lots": (0, -1, 1, 4, 10_000, 10_001, LOTS_LIMIT, LOTS_LIMIT + 1, -(2**63), 2**63 - 1),
    "owner": (-2, -1, OWNERS_MAX, -(2**31), 2**31 - 1),
    "time_ms": (-1, 0, 2**62 + 1, -(2**63), 2**63 - 1),
    "name": (-1, -(2**31), 2**31 - 1, 0, 1),
}

_IDS_COUNT = 400  # order ids that are drawn in one flow


def book_shape(rng: np.random.Generator) -> flow.BookShape:
    """Draw the shape of a book: a common one, tight bounds, all of int32, or one tick whose sides can be filled up."""
    stops_per_ms = int(rng.choice([flow.STOPS_PER_MS, 1, 2, 7], p=[0.7, 0.1, 0.1, 0.1]))
    shape = flow.BookShape(slots=150, owners=OWNERS_MAX, stops_per_ms=stops_per_ms)
    changes: tuple[dict[str, int], ...] = (
        {"price_max": 60},
        {"price_min": -500, "price_max": 500},
        {"price_max": 9, "qty_max": 10, "notional_max": 50, "slots": 4},
        {"price_min": -(2**31), "price_max": 2**31 - 1},
        {"price_max": 1},
    )
    return flow.narrowed(shape, **changes[rng.choice(len(changes), p=[0.4, 0.2, 0.15, 0.1, 0.15])])


def _weighted(rng: np.random.Generator, weights: dict, count: int) -> np.ndarray:
    shares = np.array(list(weights.values()), dtype=float)
    return rng.choice(np.array([int(key) for key in weights]), size=count, p=shares / shares.sum())


def rows_of(columns: dict[str, np.ndarray], naming: str) -> list[flow.Row]:
    """Return the commands of a batch one by one."""
    fields = (naming if name == "name" else name for name in flow.Row._fields)
    return [flow.Row(*row) for row in zip(*(columns[name].tolist() for name in fields), strict=True)]


class RandomFlow:
    """Draw batches of commands for one book.

    Parameters
    ----------
    rng : numpy.random.Generator
        The source of all draws.
    shape : BookShape
        The book that they are for.
    naming : str, optional
        How orders are named; left out, one of the three, and sometimes another.
    """

    def __init__(self, rng: np.random.Generator, shape: flow.BookShape, naming: str | None = None) -> None:
        self.rng = rng
        self.shape = shape
        self.keeps_naming = naming is not None
        self.naming = naming or str(rng.choice(flow.NAMINGS))
        # Orders meet around a middle that wanders, as far as the bounds let it.
        self.middle = int(rng.integers(shape.price_min, shape.price_max, endpoint=True))
        # Buys stand mostly below it, sells above, else nothing would come to rest; far below makes a deep book.
        self.reach = int(rng.choice([9, 9, 40]))
        # Small ids look like slots and like first handles: the three spaces of names must not meet (M-6).
        self.has_small_ids = rng.random() < 0.4
        self.ids = rng.integers(-(2**63), 2**63, size=_IDS_COUNT)
        if self.has_small_ids:
            self.ids = np.arange(_IDS_COUNT)

    def batch(self, count: int, known: list[int], now_ms: int, *, reopen: bool) -> tuple[str, dict[str, np.ndarray]]:
        """Draw a batch and the way in which it names orders.

        Parameters
        ----------
        count : int
            How many commands.
        known : list of int
            Names of orders that are open: most cancels and changes are of these.
        now_ms : int
            The book's clock.
        reopen : bool
            Whether the batch begins with CLEAR and the state OPEN.
        """
        rng = self.rng
        if not self.keeps_naming and rng.random() < 0.15:
            self.naming = str(rng.choice(flow.NAMINGS))
        self.middle += int(rng.integers(-1, 2))
        self.middle = min(max(self.middle, self.shape.price_min), self.shape.price_max)
        kind = _weighted(rng, _KINDS, count)
        side = rng.choice([1, -1], size=count)
        rows = {
            "kind": kind,
            "side": side,
            "price_ticks": self._prices(side * rng.integers(-self.reach, 3, size=count)),
            "qty_lots": self._quantities(count),
            "order_type": _weighted(rng, _TYPES, count),
            "owner": rng.integers(-1, OWNERS_MAX, size=count),
            "name": self._names(kind, known),
            "stop_ticks": self._prices(side * rng.integers(-2, 10, size=count)),
        }
        self._draw_terms(rows)
        self._draw_times(rows, now_ms)
        rows["qty_lots"] = np.where(kind == CommandKind.POSITION, rng.integers(-25, 26, size=count), rows["qty_lots"])
        rows["qty_lots"] = np.where(kind == CommandKind.STATE, _weighted(rng, _STATES, count), rows["qty_lots"])
        self._spoil(rows)
        if reopen and count >= 2:
            rows["kind"][:2] = (CommandKind.CLEAR, CommandKind.STATE)
            rows["qty_lots"][1] = MarketState.OPEN
        return self.naming, self._columns(rows)

    def _prices(self, offsets: np.ndarray) -> np.ndarray:
        count = len(offsets)
        # A page of the native ladder is 256 ticks.
        far = self.rng.choice([-1024, -256, 255, 256], size=count) * (self.rng.random(count) < 0.02)
        return np.clip(self.middle + offsets + far, self.shape.price_min, self.shape.price_max)

    def _quantities(self, count: int) -> np.ndarray:
        small = self.rng.integers(1, 10, size=count)
        large = self.rng.integers(10, 200, size=count)
        if self.shape.price_max == 1:
            large = self.rng.choice([LOTS_LIMIT // 2, LOTS_LIMIT // 4, LOTS_LIMIT - 9], size=count)
        return np.minimum(np.where(self.rng.random(count) < 0.08, large, small), self.shape.qty_max)

    def _names(self, kind: np.ndarray, known: list[int]) -> np.ndarray:
        """Draw any names for what is placed; for the rest mostly open ones that may have been given in this naming."""
        rng, count = self.rng, len(kind)
        slots = np.arange(self.shape.slots)
        names = rng.choice(slots if self.naming == "slot_id" else self.ids, size=count)
        open_names = np.array(known, dtype=np.int64)
        given = {"slot_id": slots, "order_id": self.ids}.get(self.naming)
        if given is not None:
            open_names = open_names[np.isin(open_names, given)]
        elif not self.has_small_ids:
            open_names = open_names[~np.isin(open_names, self.ids)]
        if len(open_names):
            is_open = (kind != CommandKind.PLACE) & (rng.random(count) < 0.85)
            names = np.where(is_open, rng.choice(open_names, size=count), names)
        return names

    def _draw_terms(self, rows: dict[str, np.ndarray]) -> None:
        """Draw what the types allow (M-5): a time in force that is not legal becomes the default."""
        rng, order_type = self.rng, rows["order_type"]
        count = len(order_type)
        has_limit = (order_type == OrderType.LIMIT) | (order_type == OrderType.STOP_LIMIT)
        is_stop = (order_type == OrderType.STOP) | (order_type == OrderType.STOP_LIMIT)
        tif = _weighted(rng, _TIMES_IN_FORCE, count)
        is_illegal = ~has_limit & (tif == TimeInForce.GTC) | (order_type == OrderType.MARKET) & (tif == TimeInForce.GTT)
        tif = np.where(is_illegal, int(TimeInForce.DEFAULT), tif)
        may_rest = has_limit & (tif != TimeInForce.IOC) & (tif != TimeInForce.FOK)
        flags = np.where(may_rest & (rng.random(count) < 0.08), int(OrderFlag.POST_ONLY), 0)
        flags |= np.where(rng.random(count) < 0.2, int(OrderFlag.REDUCE_ONLY), 0)
        flags |= np.where(is_stop & (rng.random(count) < 0.4), int(OrderFlag.TRIGGER_ON_MARK), 0)
        display = np.where(may_rest & (rng.random(count) < 0.25), rng.integers(1, 4, size=count), 0)
        if self.shape.price_max == 1:  # else few of the large ones have few enough slices
            display = np.maximum(display, (display > 0) * (rows["qty_lots"] // 9_000))
        prevention = rng.integers(0, len(SelfTradePrevention), size=count) * (rng.random(count) < 0.6)
        rows |= {"time_in_force": tif, "flags": flags, "self_trade_prevention": prevention}
        rows["display_lots"] = np.minimum(display, rows["qty_lots"])

    def _draw_times(self, rows: dict[str, np.ndarray], now_ms: int) -> None:
        count = len(rows["kind"])
        steps = self.rng.integers(0, 5, size=count) * (rows["kind"] == CommandKind.CLOCK)
        clock = now_ms + np.cumsum(steps)
        ahead = self.rng.integers(1, 25, size=count)
        rows["time_ms"] = np.where(rows["kind"] == CommandKind.CLOCK, clock, clock + ahead)

    def _spoil(self, rows: dict[str, np.ndarray]) -> None:
        shape = self.shape
        bounds = {
            "price_ticks": (shape.price_min - 1, shape.price_max + 1),
            "stop_ticks": (shape.price_min - 1, shape.price_max + 1),
            "qty_lots": (shape.qty_max, shape.qty_max + 1),
            "owner": (shape.owners,),
            "name": (shape.slots,),
        }
        for row in np.flatnonzero(self.rng.random(len(rows["kind"])) < _SPOILED_SHARE):
            field = self.rng.choice(list(_SPOILS))
            odd = _SPOILS[field] + bounds.get(field, ())
            rows[field][row] = odd[self.rng.integers(len(odd))]

    def _columns(self, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        columns = {}
        for column, empty in flow.columns([], self.naming, full=True).items():
            limits = np.iinfo(empty.dtype)
            numbers = rows["name" if column == self.naming else column].astype(np.int64)
            columns[column] = np.clip(numbers, limits.min, limits.max).astype(empty.dtype)
        return columns


def random_rows(seed: int, naming: str, book: Any, shape: flow.BookShape, batches: int = 40) -> list[flow.Row]:
    """Return a flow of `batches` times twenty commands; the book, a fresh one of that shape, runs it on the way."""
    rng = np.random.default_rng((seed, flow.NAMINGS.index(naming)))
    drawn, rows = RandomFlow(rng, shape, naming=naming), []
    for _ in range(batches):
        known = [order.id for order in (*book.orders(), *book.stops())]
        reopen = book.state != MarketState.OPEN and rng.random() < 0.5
        _, columns = drawn.batch(20, known, book.now_ms, reopen=reopen)
        book.apply(columns)
        rows += rows_of(columns, naming)
    return rows
