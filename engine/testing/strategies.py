"""Hypothesis strategies: shapes of books, and flows of commands that cross, collide and overstep bounds.

Stands on Hypothesis and numpy.

Promises: most numbers are small and close together, so that orders meet; a few sit on both sides of every bound, and at
the ends of their column's type. Every value fits its column: what does not is the business of `bad_inputs`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from engine.types import CommandKind, OrderType, Side, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Sequence

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
LOTS_LIMIT = 2**61

NAMINGS = ("slot_id", "order_id", "handle")
_NAME_DTYPES = {"slot_id": np.int32, "order_id": np.int64, "handle": np.int64}


@dataclass(frozen=True)
class BookShape:
    """Hold the arguments that a book is made with."""

    slots: int = 0
    owners: int = 0
    price_min: int = 1
    price_max: int = INT32_MAX
    qty_max: int = LOTS_LIMIT
    notional_max: int = LOTS_LIMIT

    def options(self) -> dict[str, int]:
        """Return them as keyword arguments."""
        return asdict(self)


class Row(NamedTuple):
    """Hold one command; `name` is a slot_id, an order_id or a handle."""

    kind: int
    side: int
    price_ticks: int
    qty_lots: int
    order_type: int
    time_in_force: int
    owner: int
    name: int


# One tick, a few, far from zero on either side, and everything.
_PRICE_RANGES = (
    (1, 1),
    (1, 5),
    (-3, 3),
    (1000, 1300),
    (INT32_MIN, INT32_MIN + 4),
    (1, INT32_MAX),
    (INT32_MIN, INT32_MAX),
)


def book_shapes() -> st.SearchStrategy[BookShape]:
    """Draw a book's shape: narrow and wide price ranges, bounds that bind and bounds that do not."""
    return st.builds(
        lambda prices, **rest: BookShape(price_min=prices[0], price_max=prices[1], **rest),
        prices=st.sampled_from(_PRICE_RANGES),
        slots=st.sampled_from((0, 1, 4)),
        owners=st.sampled_from((0, 3)),
        qty_max=st.sampled_from((LOTS_LIMIT, 1, 10)),
        notional_max=st.sampled_from((LOTS_LIMIT, 5000, 11)),
    )


def _rarely(usual: st.SearchStrategy[int], odd: Sequence[int]) -> st.SearchStrategy[int]:
    """Draw the usual number seven times out of eight, else an odd one."""
    return st.integers(0, 7).flatmap(lambda die: usual if die else st.sampled_from(odd))


def prices(shape: BookShape) -> st.SearchStrategy[int]:
    """Draw a price: near the middle of the range or its lower end, else around the bounds."""
    usual: st.SearchStrategy[int] = st.integers(shape.price_min, min(shape.price_min + 6, shape.price_max))
    if shape.price_max - shape.price_min > 6:
        middle = (shape.price_min + shape.price_max) // 2
        # Two prices 255 ticks and more apart lie in different pages of the native ladder.
        usual |= st.sampled_from((middle - 256, middle - 1, middle, middle + 1, middle + 255)) | usual
    bounds = (shape.price_min - 1, shape.price_min, shape.price_max, shape.price_max + 1, 0, INT32_MIN, INT32_MAX)
    return _rarely(usual, [price for price in bounds if INT32_MIN <= price <= INT32_MAX])


def quantities(shape: BookShape) -> st.SearchStrategy[int]:
    """Draw a quantity: a few lots, else around the bounds; where a side can be filled up (U-3), often so much."""
    usual: st.SearchStrategy[int] = st.integers(1, min(shape.qty_max, 9))
    if shape.price_min == shape.price_max == 1 and shape.qty_max == shape.notional_max == LOTS_LIMIT:
        usual |= st.sampled_from((LOTS_LIMIT // 2, LOTS_LIMIT - 9))
    return _rarely(usual, (0, -1, shape.qty_max, shape.qty_max + 1, INT64_MIN, INT64_MAX))


def names(shape: BookShape, naming: str, known: Sequence[int] = ()) -> st.SearchStrategy[int]:
    """Draw a name: few enough that they collide; `known` ones, living or dead, where there are any."""
    if naming == "slot_id":
        return _rarely(st.integers(0, max(shape.slots - 1, 0)), (-1, shape.slots, INT32_MIN, INT32_MAX))
    if naming == "order_id":
        return _rarely(st.integers(0, 5), (-1, INT64_MIN, INT64_MAX, 2**32, 2**32 + 1))
    usual = st.sampled_from(known) if known else st.integers(0, 5)
    return _rarely(usual, (0, 1, 2**32, 2**32 + 1, -1, INT64_MIN, INT64_MAX, 2**31, 2**63 - 2**32))


def rows(shape: BookShape, naming: str, known: Sequence[int] = (), *, hostile: bool = True) -> st.SearchStrategy[Row]:
    """Draw one command; with `hostile` also kinds, sides and types that do not exist."""
    odd_bytes = (0, 3, 255) if hostile else ()
    kind = st.sampled_from((CommandKind.PLACE,) * 3 + (CommandKind.CANCEL,))
    side = st.sampled_from((Side.BUY, Side.SELL))
    order_type = st.sampled_from((OrderType.LIMIT,) * 4 + (OrderType.MARKET,))
    time_in_force = st.sampled_from((TimeInForce.DEFAULT, TimeInForce.GTC, TimeInForce.IOC))
    return st.builds(
        Row,
        kind=_seldom(kind, odd_bytes),
        side=_seldom(side, (0, 2, -128, 127) if hostile else ()),
        price_ticks=prices(shape),
        qty_lots=quantities(shape),
        order_type=_seldom(order_type, odd_bytes),
        time_in_force=_seldom(time_in_force, odd_bytes[1:]),
        owner=_rarely(st.integers(-1, shape.owners - 1), (-2, shape.owners, INT32_MIN, INT32_MAX)),
        name=names(shape, naming, known),
    )


def _seldom(usual: st.SearchStrategy[Any], odd: Sequence[int]) -> st.SearchStrategy[int]:
    """Draw the usual number 24 times out of 25, else an odd one."""
    if not odd:
        return usual.map(int)
    return st.integers(0, 24).flatmap(lambda die: usual.map(int) if die else st.sampled_from(odd))


def columns(flow: Sequence[Row], naming: str) -> dict[str, Any]:
    """Return commands as the columns that `OrderBook.apply` takes."""
    return {
        "kind": np.array([row.kind for row in flow], dtype=np.uint8),
        "side": np.array([row.side for row in flow], dtype=np.int8),
        "price_ticks": np.array([row.price_ticks for row in flow], dtype=np.int32),
        "qty_lots": np.array([row.qty_lots for row in flow], dtype=np.int64),
        "order_type": np.array([row.order_type for row in flow], dtype=np.uint8),
        "time_in_force": np.array([row.time_in_force for row in flow], dtype=np.uint8),
        "owner": np.array([row.owner for row in flow], dtype=np.int32),
        naming: np.array([row.name for row in flow], dtype=_NAME_DTYPES[naming]),
    }


def is_scalar(row: Row) -> bool:
    """Tell whether a row can be said with `limit`, `market` and `cancel`."""
    if row.kind == CommandKind.CANCEL:
        return True
    is_market = row.order_type == OrderType.MARKET and row.time_in_force == TimeInForce.DEFAULT
    return row.kind == CommandKind.PLACE and (row.order_type == OrderType.LIMIT or is_market)


def sent(book: Any, row: Row, naming: str) -> Any:
    """Send one command through the scalar methods. Needs: `is_scalar`."""
    name = {naming: row.name}
    if row.kind == CommandKind.CANCEL:
        return book.cancel(**name)
    named = {} if naming == "handle" else name
    if row.order_type == OrderType.MARKET:
        return book.market(row.side, row.qty_lots, owner=row.owner, **named)
    return book.limit(
        row.side, row.price_ticks, row.qty_lots, time_in_force=row.time_in_force, owner=row.owner, **named
    )


def mirrored(row: Row) -> Row:
    """Return the same command seen in the mirror: buyers are sellers and prices change sign."""
    return row._replace(side=-row.side, price_ticks=-row.price_ticks)


def narrowed(shape: BookShape, **changes: int) -> BookShape:
    """Return a shape with some arguments changed."""
    return replace(shape, **changes)


class BadCall(NamedTuple):
    """Hold a call that must raise `InputError` naming `field`, whatever the state."""

    method: str
    positional: tuple[Any, ...]
    keywords: dict[str, Any]
    field: str


NOT_INTEGERS = (1.0, math.nan, "1", None, True, np.bool_(True), np.float64(1.0), b"1", [1], 1j, np.array(1.5))
_LIMIT_DEFAULTS: dict[str, Any] = {"side": 1, "price_ticks": 2, "qty_lots": 3}
_TOO_WIDE = {
    "side": (128, -129, 2**200),
    "price_ticks": (2**31, -(2**31) - 1),
    "qty_lots": (2**63, -(2**63) - 1, -(2**200)),
    "time_in_force": (-1, 256),
    "slot_id": (2**31, -(2**31) - 1),
    "order_id": (2**63, -(2**63) - 1),
    "handle": (2**63, -(2**63) - 1),
    "owner": (2**31, -(2**31) - 1),
}


def bad_values(field: str) -> tuple[Any, ...]:
    """Return values that an argument must refuse: no integer, or too wide for its column."""
    optional = ("slot_id", "order_id", "handle", "owner")
    wrong = tuple(value for value in NOT_INTEGERS if not (value is None and field in optional))
    return wrong + _TOO_WIDE[field]


def bad_calls() -> list[BadCall]:
    """List calls of a book that must raise, one for each bad value of each argument."""
    calls = []
    for field in ("side", "price_ticks", "qty_lots", "time_in_force", "slot_id", "order_id", "owner"):
        calls += [BadCall("limit", (), {**_LIMIT_DEFAULTS, field: value}, field) for value in bad_values(field)]
    for field in ("side", "qty_lots", "slot_id", "order_id", "owner"):
        calls += [BadCall("market", (), {"side": 1, "qty_lots": 3, field: value}, field) for value in bad_values(field)]
    for field in ("handle", "slot_id", "order_id"):
        calls += [BadCall("cancel", (), {field: value}, field) for value in bad_values(field)]
    return calls


def bad_inputs() -> st.SearchStrategy[BadCall]:
    """Draw a call of a book that must raise."""
    return st.sampled_from(bad_calls())
