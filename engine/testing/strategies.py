"""Hypothesis strategies: shapes of books, and flows of commands that cross, collide and overstep bounds.

Stands on Hypothesis and numpy.

`commands` draws one command, `order_flows` whole batches of columns; with ``hostile=True`` both also draw what a book
must refuse. `features` says what is drawn beside plain limit and market orders (GTC, IOC) and cancels, so that a book
which knows only some of it can be tested too.

Promises: most numbers are small and close together, so that orders meet; with `hostile` a few sit on both sides of
every bound, and at the ends of their column's type. Every value fits its column: what does not is the business of
`bad_inputs`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from engine.types import CommandKind, MarketState, OrderFlag, OrderType, SelfTradePrevention, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
LOTS_LIMIT = 2**61
TIME_MAX_MS = 2**62
STOPS_PER_MS = 10_000

NAMINGS = ("slot_id", "order_id", "handle")
_NAME_DTYPES = {"slot_id": np.int32, "order_id": np.int64, "handle": np.int64}

# What may be drawn beside plain limit and market orders and cancels.
FEATURES = frozenset(
    {
        "fok",  # M-19
        "gtt",  # GTT and CLOCK, M-21
        "post_only",  # M-20
        "icebergs",  # M-22
        "self_trade_prevention",  # M-23
        "stops",  # STOP and STOP_LIMIT on the last price, CLOCK, M-24, M-25
        "marks",  # MARK, and stops on the mark
        "reduce_only",  # reduce-only orders and POSITION, M-26, M-27
        "changes",  # REDUCE and REPLACE, M-15, M-16
        "mass_cancels",  # CANCEL_OWNER and CLEAR, M-17, M-18
        "states",  # STATE, M-30, M-31
        "digest",  # the digest of the state is compared, D-2
        "hostile",  # what a book must refuse with a reason, M-10
        "bad_input",  # what it must refuse with an exception, U-7
        "bounds",  # bounds of all kinds, U-2; without it prices are a few small ones
        "slot_ids",  # orders named by slot_id, M-6
        "handles",  # orders named by the engine's handle, M-7
        "batches",  # apply, M-12
    }
)
# Ways to be asked, not things that an order can do: with no more than these a book knows plain orders only.
ACCESS = frozenset({"bad_input", "hostile", "bounds", "slot_ids", "handles", "batches"})


@dataclass(frozen=True)
class BookShape:
    """Hold the arguments that a book is made with."""

    slots: int = 0
    owners: int = 0
    price_min: int = 1
    price_max: int = INT32_MAX
    qty_max: int = LOTS_LIMIT
    notional_max: int = LOTS_LIMIT
    stops_per_ms: int = STOPS_PER_MS

    def options(self) -> dict[str, int]:
        """Return them as keyword arguments; `stops_per_ms` only where it is not the default."""
        options = asdict(self)
        if self.stops_per_ms == STOPS_PER_MS:
            del options["stops_per_ms"]
        return options


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
    flags: int = 0
    self_trade_prevention: int = 0
    display_lots: int = 0
    stop_ticks: int = 0
    time_ms: int = 0

    def __repr__(self) -> str:
        """Return the fields that say something: what a falsifying example shows."""
        usual = {
            **self._field_defaults,
            "order_type": OrderType.LIMIT,
            "time_in_force": TimeInForce.DEFAULT,
            "owner": -1,
        }
        parts = [f"{field}={value!r}" for field, value in self._asdict().items() if usual.get(field) != value]
        return f"Row({', '.join(parts)})"


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


def book_shapes(features: frozenset[str] = FEATURES) -> st.SearchStrategy[BookShape]:
    """Draw a book's shape: narrow and wide price ranges, bounds that bind and bounds that do not."""
    if "bounds" not in features:
        slots = 4 if "slot_ids" in features else 0
        return st.builds(
            BookShape, slots=st.just(slots), owners=st.sampled_from((2, 3, 0)), price_max=st.sampled_from((3, 8))
        )
    return st.builds(
        lambda prices, **rest: BookShape(price_min=prices[0], price_max=prices[1], **rest),
        prices=st.sampled_from(((1, 8),) * 6 + _PRICE_RANGES),
        slots=st.sampled_from((4, 4, 4, 1, 0)),
        owners=st.sampled_from((2, 3, 3, 0)),
        qty_max=st.sampled_from((LOTS_LIMIT, LOTS_LIMIT, 10, 1)),
        notional_max=st.sampled_from((LOTS_LIMIT, LOTS_LIMIT, LOTS_LIMIT, 5000, 11)),
        stops_per_ms=st.sampled_from((STOPS_PER_MS, 1, 2) if "stops" in features else (STOPS_PER_MS,)),
    )


def _rarely(usual: st.SearchStrategy[int], odd: Sequence[int], *, hostile: bool = True) -> st.SearchStrategy[int]:
    """Draw the usual number; with `hostile` once out of 16 times an odd one."""
    if not hostile:
        return usual
    return st.integers(0, 15).flatmap(lambda die: usual if die else st.sampled_from(odd))


def prices(shape: BookShape, *, hostile: bool = True) -> st.SearchStrategy[int]:
    """Draw a price: near the middle of the range or its lower end, else around the bounds."""
    usual: st.SearchStrategy[int] = st.integers(shape.price_min, min(shape.price_min + 6, shape.price_max))
    if shape.price_max - shape.price_min > 7:
        middle = (shape.price_min + shape.price_max) // 2
        # Two prices 255 ticks and more apart lie in different pages of the native ladder.
        usual |= st.sampled_from((middle - 256, middle - 1, middle, middle + 1, middle + 255)) | usual
    usual = usual.map(lambda price: min(max(price, shape.price_min), shape.price_max))
    bounds = (shape.price_min - 1, shape.price_min, shape.price_max, shape.price_max + 1, 0, INT32_MIN, INT32_MAX)
    return _rarely(usual, [price for price in bounds if INT32_MIN <= price <= INT32_MAX], hostile=hostile)


def quantities(shape: BookShape, *, hostile: bool = True) -> st.SearchStrategy[int]:
    """Draw a quantity: a few lots, else around the bounds; where a side can be filled up (U-3), often so much."""
    usual: st.SearchStrategy[int] = st.integers(1, min(shape.qty_max, 9))
    if shape.price_min == shape.price_max == 1 and shape.qty_max == shape.notional_max == LOTS_LIMIT:
        usual |= st.sampled_from((LOTS_LIMIT // 2, LOTS_LIMIT - 9))
    # 10,000 slices of one lot are just not too many (M-22).
    odd = (0, -1, shape.qty_max, shape.qty_max + 1, 10_000, 10_001, INT64_MIN, INT64_MAX)
    return _rarely(usual, odd, hostile=hostile)


def names(shape: BookShape, naming: str, known: Sequence[int] = (), *, hostile: bool = True) -> st.SearchStrategy[int]:
    """Draw a name: few enough that they collide; `known` ones, living or dead, where there are any."""
    if naming == "slot_id":
        odd: tuple[int, ...] = (-1, shape.slots, INT32_MIN, INT32_MAX)
        return _rarely(st.integers(0, max(shape.slots - 1, 0)), odd, hostile=hostile)
    if naming == "order_id":
        odd = (-1, INT64_MIN, INT64_MAX, 2**32, 2**32 + 1)
        return _rarely(st.integers(0, 7), odd, hostile=hostile)
    usual = st.sampled_from(known) if known else st.integers(0, 5)
    odd = (0, 1, 2**32, 2**32 + 1, -1, INT64_MIN, INT64_MAX, 2**31, 2**63 - 2**32)
    return _rarely(usual, odd, hostile=hostile)


# How often each kind is drawn, and which features bring it.
_KIND_WEIGHTS: tuple[tuple[CommandKind, int, frozenset[str]], ...] = (
    (CommandKind.PLACE, 28, frozenset()),
    (CommandKind.CANCEL, 5, frozenset()),
    (CommandKind.REDUCE, 2, frozenset({"changes"})),
    (CommandKind.REPLACE, 4, frozenset({"changes"})),
    (CommandKind.CANCEL_OWNER, 1, frozenset({"mass_cancels"})),
    (CommandKind.CLEAR, 1, frozenset({"mass_cancels"})),
    (CommandKind.MARK, 2, frozenset({"marks"})),
    (CommandKind.POSITION, 3, frozenset({"reduce_only"})),
    (CommandKind.CLOCK, 2, frozenset({"gtt", "stops"})),
    (CommandKind.STATE, 1, frozenset({"states"})),
)
_STATES = (MarketState.OPEN,) * 4 + (MarketState.AUCTION,) * 2 + (MarketState.CANCEL_ONLY, MarketState.HALTED)
_TIMES_AHEAD_MS = (0, 1, 1, 2, 3, 5)
_TIMES_ODD_MS = (-1, 0, TIME_MAX_MS, TIME_MAX_MS + 1, INT64_MIN, INT64_MAX)
# Times below this are drawn relative to the clock of the flow.
_TIME_RELATIVE_MAX_MS = 2**40


def _kinds(features: frozenset[str]) -> tuple[int, ...]:
    return tuple(
        int(kind) for kind, weight, needed in _KIND_WEIGHTS if not needed or needed & features for _ in range(weight)
    )


@st.composite
def commands(
    draw: Callable[[st.SearchStrategy[Any]], Any],
    shape: BookShape,
    naming: str = "order_id",
    known: Sequence[int] = (),
    *,
    features: frozenset[str] = FEATURES,
    hostile: bool = False,
    now_ms: int = 0,
) -> Row:
    """Draw one command.

    Parameters
    ----------
    shape : BookShape
        The book that it is for.
    naming : str
        One of `NAMINGS`.
    known : sequence of int
        Names that stand or stood in the book; handles are drawn from them.
    features : frozenset of str
        What is drawn beside plain orders and cancels: any of `FEATURES`.
    hostile : bool
        Whether to draw also what a book must refuse: bytes that mean nothing, combinations that are not legal, numbers
        around every bound.
    now_ms : int
        The book's clock: times are drawn around it.
    """
    kind = draw(st.sampled_from(_kinds(features)))
    row = Row(
        kind=kind,
        side=draw(st.sampled_from((1, -1))),
        price_ticks=draw(prices(shape, hostile=hostile)),
        qty_lots=draw(quantities(shape, hostile=hostile)),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.DEFAULT,
        owner=draw(_owners(shape, kind, hostile=hostile)),
        name=draw(names(shape, naming, known, hostile=hostile)),
    )
    if kind == CommandKind.PLACE:
        row = draw(_placing(row, shape, features, hostile=hostile))
    elif kind == CommandKind.POSITION:
        odd = (LOTS_LIMIT, LOTS_LIMIT + 1, -LOTS_LIMIT, -LOTS_LIMIT - 1, INT64_MIN, INT64_MAX)
        row = row._replace(qty_lots=draw(_rarely(st.integers(-9, 9), odd, hostile=hostile)))
    elif kind == CommandKind.STATE:
        state = st.sampled_from(_STATES).map(int)
        row = row._replace(qty_lots=draw(_rarely(state, (4, -1, 255, 256, INT64_MAX), hostile=hostile)))
    if kind == CommandKind.CLOCK or row.time_in_force == TimeInForce.GTT:
        row = row._replace(time_ms=draw(_rarely(st.sampled_from(_TIMES_AHEAD_MS), _TIMES_ODD_MS, hostile=hostile)))
    if hostile and draw(st.integers(0, 15)) == 0:
        row = draw(_spoiled(row))
    return _at(row, now_ms)


def _owners(shape: BookShape, kind: int, *, hostile: bool) -> st.SearchStrategy[int]:
    names_somebody = kind in (CommandKind.CANCEL_OWNER, CommandKind.POSITION) and shape.owners > 0
    usual = st.integers(0 if names_somebody else -1, shape.owners - 1)
    return _rarely(usual, (-2, -1, shape.owners, INT32_MIN, INT32_MAX), hostile=hostile)


@st.composite
def _placing(
    draw: Callable[[st.SearchStrategy[Any]], Any],
    row: Row,
    shape: BookShape,
    features: frozenset[str],
    *,
    hostile: bool,
) -> Row:
    """Draw the terms of an order: a legal combination (M-5), for the spoilt ones come later."""
    types = [OrderType.LIMIT] * 6 + [OrderType.MARKET]
    if features & {"stops", "marks"}:
        types += [OrderType.STOP, OrderType.STOP_LIMIT]
    order_type = draw(st.sampled_from(types))
    has_limit = order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    is_stop = order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
    lasting = [TimeInForce.DEFAULT, TimeInForce.DEFAULT, TimeInForce.GTC] if has_limit else [TimeInForce.DEFAULT]
    passing = [TimeInForce.IOC] + [TimeInForce.FOK] * ("fok" in features)
    timed = [TimeInForce.GTT] * ("gtt" in features and order_type != OrderType.MARKET)
    time_in_force = draw(st.sampled_from(lasting * 2 + passing + timed))
    may_rest = has_limit and time_in_force not in (TimeInForce.IOC, TimeInForce.FOK)
    flags = OrderFlag.NONE
    if "post_only" in features and may_rest and draw(st.integers(0, 7)) == 0:
        flags |= OrderFlag.POST_ONLY
    if "reduce_only" in features and draw(st.integers(0, 3)) == 0:
        flags |= OrderFlag.REDUCE_ONLY
    if is_stop and ("stops" not in features or ("marks" in features and draw(st.booleans()))):
        flags |= OrderFlag.TRIGGER_ON_MARK
    display_lots, mode = 0, SelfTradePrevention.NONE
    if "icebergs" in features and may_rest and draw(st.integers(0, 2)) == 0:
        usual = st.integers(1, 3).map(lambda display: max(min(display, row.qty_lots), 1))
        display_lots = draw(_rarely(usual, _displays_odd(row.qty_lots), hostile=hostile))
    if "self_trade_prevention" in features:
        mode = draw(st.sampled_from(SelfTradePrevention))
    return row._replace(
        order_type=order_type,
        time_in_force=time_in_force,
        flags=int(flags),
        self_trade_prevention=int(mode),
        display_lots=display_lots,
        stop_ticks=draw(prices(shape, hostile=hostile)) if is_stop else 0,
    )


def _displays_odd(qty_lots: int) -> list[int]:
    around = (-1, 0, qty_lots, qty_lots + 1, qty_lots // 10_000, INT64_MIN, INT64_MAX)
    return [display for display in around if INT64_MIN <= display <= INT64_MAX]


def _spoiled(row: Row) -> st.SearchStrategy[Row]:
    """Draw a row with one field that may mean nothing, or not go with the others."""
    odd = {
        "kind": (0, 11, 255),
        "side": (0, 2, -128, 127),
        "order_type": (0, 1, 2, 3, 4, 5, 255),
        "time_in_force": (0, 1, 2, 3, 4, 5, 255),
        "flags": (1, 2, 3, 4, 5, 6, 7, 8, 128, 255),
        "self_trade_prevention": (0, 4, 5, 255),
        "display_lots": (1, 2, -1),
    }
    fields = st.sampled_from(sorted(odd))
    return fields.flatmap(lambda field: st.sampled_from(odd[field]).map(lambda value: row._replace(**{field: value})))


def _at(row: Row, now_ms: int) -> Row:
    """Return a row whose small times count from the clock; a sum that no book accepts stays below the bound."""
    is_relative = abs(row.time_ms) < _TIME_RELATIVE_MAX_MS and (
        row.kind == CommandKind.CLOCK or row.time_in_force == TimeInForce.GTT
    )
    return row._replace(time_ms=min(row.time_ms + now_ms, TIME_MAX_MS)) if is_relative else row


def _clocked(rows: Sequence[Row], now_ms: int = 0) -> list[Row]:
    """Return rows whose small times count from the clock as the rows before have moved it."""
    clocked = []
    for row in rows:
        row = _at(row, now_ms)
        clocked.append(row)
        if row.kind == CommandKind.CLOCK and now_ms <= row.time_ms <= TIME_MAX_MS:
            now_ms = row.time_ms
    return clocked


def row_flows(
    shape: BookShape,
    naming: str = "order_id",
    known: Sequence[int] = (),
    *,
    features: frozenset[str] = FEATURES,
    hostile: bool = False,
    now_ms: int = 0,
    min_size: int = 0,
    max_size: int = 40,
) -> st.SearchStrategy[list[Row]]:
    """Draw a list of `min_size` to `max_size` commands, for `columns` or `sent`. Other parameters: see `commands`.

    Without a `min_size` most lists have a handful of commands.
    """
    single = commands(shape, naming, known, features=features, hostile=hostile)
    return _row_flows(st.lists(single, min_size=min_size, max_size=max_size), now_ms)


@st.composite
def _row_flows(
    draw: Callable[[st.SearchStrategy[Any]], Any], flows: st.SearchStrategy[list[Row]], now_ms: int
) -> list[Row]:
    # Composed, not mapped: so Hypothesis prints the rows and not how they came about.
    return _clocked(draw(flows), now_ms)


def order_flows(
    shape: BookShape,
    naming: str = "order_id",
    *,
    features: frozenset[str] = FEATURES,
    hostile: bool = False,
    max_size: int = 40,
) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a batch for `OrderBook.apply`: a dict of numpy columns. The parameters are those of `commands`."""
    flows = row_flows(shape, naming, features=features, hostile=hostile, max_size=max_size)
    return st.builds(lambda rows, full: columns(rows, naming, full=full), flows, st.booleans())


_LATER_DTYPES = {
    "flags": np.uint8,
    "self_trade_prevention": np.uint8,
    "display_lots": np.int64,
    "stop_ticks": np.int32,
    "time_ms": np.int64,
}


def columns(flow: Sequence[Row], naming: str, *, full: bool = False) -> dict[str, Any]:
    """Return commands as the columns that `OrderBook.apply` takes.

    A column in which every row says 0 is left out where that is the default, unless the columns are to be `full`.
    """
    batch = {
        "kind": np.array([row.kind for row in flow], dtype=np.uint8),
        "side": np.array([row.side for row in flow], dtype=np.int8),
        "price_ticks": np.array([row.price_ticks for row in flow], dtype=np.int32),
        "qty_lots": np.array([row.qty_lots for row in flow], dtype=np.int64),
        "order_type": np.array([row.order_type for row in flow], dtype=np.uint8),
        "time_in_force": np.array([row.time_in_force for row in flow], dtype=np.uint8),
        "owner": np.array([row.owner for row in flow], dtype=np.int32),
        naming: np.array([row.name for row in flow], dtype=_NAME_DTYPES[naming]),
    }
    for field, dtype in _LATER_DTYPES.items():
        values = [getattr(row, field) for row in flow]
        if full or any(values):
            batch[field] = np.array(values, dtype=dtype)
    return batch


_SCALAR_FLAGS = {
    OrderType.LIMIT: OrderFlag.POST_ONLY | OrderFlag.REDUCE_ONLY,
    OrderType.MARKET: OrderFlag.REDUCE_ONLY,
    OrderType.STOP: OrderFlag.POST_ONLY | OrderFlag.REDUCE_ONLY | OrderFlag.TRIGGER_ON_MARK,
    OrderType.STOP_LIMIT: OrderFlag.POST_ONLY | OrderFlag.REDUCE_ONLY | OrderFlag.TRIGGER_ON_MARK,
}


def is_scalar(row: Row) -> bool:
    """Tell whether a row can be said with the scalar methods."""
    if row.kind == CommandKind.STATE:
        return 0 <= row.qty_lots <= 255  # `set_state` takes a uint8
    if row.kind != CommandKind.PLACE:
        return row.kind in tuple(CommandKind)
    flags = _SCALAR_FLAGS.get(row.order_type)  # type: ignore[call-overload]  # an int finds its IntEnum
    # As ints, for the complement of an IntFlag holds known bits only.
    if flags is None or row.flags & ~int(flags):
        return False
    return row.order_type != OrderType.MARKET or row.display_lots == 0


def sent(book: Any, row: Row, naming: str) -> Any:
    """Send one command through the scalar methods. Needs: `is_scalar`.

    What says the default is left out, so that a book without the later features can be asked for the plain ones.
    """
    name = {naming: row.name}
    calls: dict[int, Callable[[], Any]] = {
        CommandKind.PLACE: lambda: _sent_place(book, row, naming),
        CommandKind.CANCEL: lambda: book.cancel(**name),
        CommandKind.REDUCE: lambda: book.reduce(row.qty_lots, **name),
        CommandKind.REPLACE: lambda: book.replace(row.price_ticks, row.qty_lots, **name),
        CommandKind.CANCEL_OWNER: lambda: book.cancel_owner(row.owner),
        CommandKind.CLEAR: lambda: book.clear(),  # noqa: PLW0108  # a book may not have it
        CommandKind.MARK: lambda: book.set_mark(row.price_ticks),
        CommandKind.POSITION: lambda: book.set_position(row.owner, row.qty_lots),
        CommandKind.CLOCK: lambda: book.advance(row.time_ms),
        CommandKind.STATE: lambda: book.set_state(row.qty_lots),
    }
    return calls[row.kind]()


def _sent_place(book: Any, row: Row, naming: str) -> Any:
    keywords = {
        "time_in_force": row.time_in_force,
        "post_only": bool(row.flags & OrderFlag.POST_ONLY),
        "reduce_only": bool(row.flags & OrderFlag.REDUCE_ONLY),
        "on_mark": bool(row.flags & OrderFlag.TRIGGER_ON_MARK),
        "self_trade_prevention": row.self_trade_prevention,
        "display_lots": row.display_lots,
    }
    given: dict[str, Any] = {field: value for field, value in keywords.items() if value}
    given["owner"] = row.owner
    if naming != "handle":
        given[naming] = row.name
    if row.order_type == OrderType.MARKET:
        return book.market(row.side, row.qty_lots, **given)
    if row.time_ms:
        given["expires_ms"] = row.time_ms
    if row.order_type == OrderType.LIMIT:
        return book.limit(row.side, row.price_ticks, row.qty_lots, **given)
    if row.order_type == OrderType.STOP_LIMIT:
        given["price_ticks"] = row.price_ticks
    return book.stop(row.side, row.stop_ticks, row.qty_lots, **given)


def namings(features: frozenset[str] = FEATURES) -> tuple[str, ...]:
    """Return the ways of naming an order that a book with these features knows."""
    extra = {"slot_id": "slot_ids", "handle": "handles"}
    return tuple(naming for naming in NAMINGS if naming not in extra or extra[naming] in features)


def mirrored(row: Row) -> Row:
    """Return the same command seen in the mirror: buyers are sellers, longs shorts, and prices change sign."""
    seen = row._replace(side=-row.side, price_ticks=-row.price_ticks, stop_ticks=-row.stop_ticks)
    return seen._replace(qty_lots=-row.qty_lots) if row.kind == CommandKind.POSITION else seen


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
NOT_FLAGS = (0, 1, 1.0, "True", None, np.bool_(True), np.bool_(False), [True])
_TOO_WIDE = {
    "side": (128, -129, 2**200),
    "price_ticks": (2**31, -(2**31) - 1),
    "stop_ticks": (2**31, -(2**31) - 1),
    "qty_lots": (2**63, -(2**63) - 1, -(2**200)),
    "position_lots": (2**63, -(2**63) - 1),
    "display_lots": (2**63, -(2**63) - 1),
    "time_in_force": (-1, 256),
    "self_trade_prevention": (-1, 256),
    "expires_ms": (2**63, -(2**63) - 1),
    "now_ms": (2**63, -(2**63) - 1),
    "state": (-1, 256),
    "slot_id": (2**31, -(2**31) - 1),
    "order_id": (2**63, -(2**63) - 1),
    "handle": (2**63, -(2**63) - 1),
    "owner": (2**31, -(2**31) - 1),
}
_FLAG_ARGUMENTS = ("post_only", "reduce_only", "on_mark")

# Of each method: arguments that are good, and those that are spoiled one by one.
_NAME_ARGUMENTS = ("slot_id", "order_id")
_TERMS = ("time_in_force", *_NAME_ARGUMENTS, "owner", "reduce_only", "self_trade_prevention")
_RESTING_TERMS = (*_TERMS, "post_only", "display_lots", "expires_ms")
_METHODS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "limit": ({"side": 1, "price_ticks": 2, "qty_lots": 3}, ("side", "price_ticks", "qty_lots", *_RESTING_TERMS)),
    "market": ({"side": 1, "qty_lots": 3}, ("side", "qty_lots", *_TERMS)),
    "stop": (
        {"side": 1, "stop_ticks": 2, "qty_lots": 3},
        ("side", "stop_ticks", "qty_lots", "price_ticks", "on_mark", *_RESTING_TERMS),
    ),
    "cancel": ({}, ("handle", *_NAME_ARGUMENTS)),
    "reduce": ({"qty_lots": 1}, ("handle", *_NAME_ARGUMENTS)),
    "replace": ({"price_ticks": 2, "qty_lots": 3}, ("handle", *_NAME_ARGUMENTS)),
    "cancel_owner": ({"owner": 0}, ("owner",)),
    "set_mark": ({"price_ticks": 2}, ("price_ticks",)),
    "set_position": ({"owner": 0, "position_lots": 1}, ("owner", "position_lots")),
    "advance": ({"now_ms": 1}, ("now_ms",)),
    "set_state": ({"state": 0}, ("state",)),
}


def bad_values(field: str, *, is_optional: bool = False) -> tuple[Any, ...]:
    """Return values that an argument must refuse: no integer (no bool), or too wide for its column."""
    if field in _FLAG_ARGUMENTS:
        return NOT_FLAGS
    wrong = tuple(value for value in NOT_INTEGERS if not (value is None and is_optional))
    return wrong + _TOO_WIDE[field]


def bad_calls() -> list[BadCall]:
    """List calls of a book that must raise, one for each bad value of each argument."""
    calls = []
    for method, (good, fields) in _METHODS.items():
        for field in fields:
            # None says of these that they are left out.
            may_be_none = field in ("slot_id", "order_id", "handle") or (field not in good and field == "owner")
            is_optional = may_be_none or (method, field) == ("stop", "price_ticks")
            calls += [
                BadCall(method, (), {**good, field: value}, field)
                for value in bad_values(field, is_optional=is_optional)
            ]
    for method in ("reduce", "replace"):
        good = _METHODS[method][0]
        calls += [
            BadCall(method, (), {**good, "handle": 0, field: value}, field)
            for field in good
            for value in bad_values(field)
        ]
    return calls


def bad_inputs() -> st.SearchStrategy[BadCall]:
    """Draw a call of a book that must raise."""
    return st.sampled_from(bad_calls())
