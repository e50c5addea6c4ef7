"""Flows that differ in what should not matter: sides, prices, quantities, names, queries, refused rows, units.

Each property runs two books through a flow and its image, and compares what they give, image for image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from flowkit import applied_in_pieces, applied_singly, flows, same_class
from hypothesis import assume, given
from hypothesis import strategies as st
from randomflow import book_shape, random_rows

import engine
from engine.testing import strategies as flow
from engine.testing.views import ApplyView, apply_view, book_view, positions_view, result_view, rows_view, tables_view
from engine.types import CommandKind, MarketState, OrderType, RejectReason, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Callable

BUY, SELL = 1, -1

SEEDS = [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 60))]  # of random flows


def ran(book, naming, rows):
    return apply_view(book.apply(flow.columns(rows, naming)))


def same(number):
    return number


class Image(NamedTuple):
    """What becomes of a price, of lots, of a name, of an owner, and of a side."""

    price: Callable = same
    lots: Callable = same
    name: Callable = same
    owner: Callable = same
    side: int = 1

    def tables(self, view):
        """The tables of a batch."""
        fills = [
            (command, self.name(maker), self.name(taker), self.price(at), self.lots(qty), *map(self.owner, owners))
            for command, maker, taker, at, qty, *owners in view.fills
        ]
        cancels = [
            (command, self.name(of), self.owner(whose), self.lots(qty), reason)
            for command, of, whose, qty, reason in view.cancels
        ]
        triggers = [
            (command, self.name(of), self.owner(whose), self.price(at), reason)
            for command, of, whose, at, reason in view.triggers
        ]
        return ApplyView(view.accepted_count, fills, view.rejects, cancels, triggers)

    def order(self, order):
        of, side, at, shown, whose, hidden = order
        return (
            self.name(of),
            self.side * side,
            self.price(at),
            self.lots(shown),
            self.owner(whose),
            self.lots(hidden),
        )

    def stop(self, stop):
        of, side, at, order_type, limit, qty, whose, *flags = stop
        limit = self.price(limit) if order_type == OrderType.STOP_LIMIT else limit
        side *= self.side
        return (self.name(of), side, self.price(at), order_type, limit, self.lots(qty), self.owner(whose), *flags)

    def check(self, book, image):
        """Compare the orders, stops and prices of a book with those of its image."""
        # Bids stand before asks; buys on last, sells on last, buys on mark, sells on mark before the fired (D-2).
        assert rows_view(image.orders()) == sorted(map(self.order, rows_view(book.orders())), key=lambda row: -row[1])
        assert rows_view(image.stops()) == sorted(
            map(self.stop, rows_view(book.stops())), key=lambda row: (1, 0, 0) if row[8] else (0, row[7], -row[1])
        )
        for got, want in ((image.last_price, book.last_price), (image.mark_price, book.mark_price)):
            assert got == (None if want is None else self.price(want))


# ---- the mirror -----------------------------------------------------------------------------------------------------

# Bounds so placed that their mirror image has room in int32; the notional is bounded only around 0, where a price and
# its image have the same.
MIRRORS = st.sampled_from(((0, 0), (3, 0), (300, 0), (2**31 - 1, 0), (3, 7), (300, -1001), (7, 2**20)))


def mirror_shapes(reach, notional_max, stops_per_ms):
    return flow.BookShape(
        slots=4,
        owners=3,
        price_min=-reach,
        price_max=reach,
        qty_max=10,
        notional_max=notional_max,
        stops_per_ms=stops_per_ms,
    )


def in_mirror(row, around):
    """Swap the sides and turn a price p into `around` - p; a number without an image in its type comes closer first."""
    row = row._replace(
        price_ticks=max(row.price_ticks, 1 - 2**31), stop_ticks=max(row.stop_ticks, 1 - 2**31), side=max(row.side, -127)
    )
    if row.kind == CommandKind.POSITION:
        row = row._replace(qty_lots=max(row.qty_lots, 1 - 2**63))
    row = flow.mirrored(row)
    return row._replace(price_ticks=row.price_ticks + around, stop_ticks=row.stop_ticks + around)


def has_image(row):
    """Without one: `clear` takes the bids first (M-18), and what the end of an auction reaches fires buys first."""
    return row.kind != CommandKind.CLEAR and (row.kind, row.qty_lots) != (CommandKind.STATE, MarketState.AUCTION)


def check_mirrored(book_class, shape, naming, rows, around):
    """Run a flow and its image; the bounds of the shape lie around 0."""
    reach = shape.price_max
    if around:  # prices at the ends of int32 would leave it
        rows = [
            row._replace(
                price_ticks=min(max(row.price_ticks, -reach - 1), reach + 1),
                stop_ticks=min(max(row.stop_ticks, -reach - 1), reach + 1),
            )
            for row in rows
        ]
    # A first mark would fire buys before sells, so it comes before any stop; a later one moves one way and fires those.
    first = flow.Row(CommandKind.MARK, BUY, 0, 0, OrderType.LIMIT, TimeInForce.DEFAULT, -1, 0)
    rows = [first, *(in_mirror(in_mirror(row, 0), 0) for row in rows if has_image(row))]
    other = flow.narrowed(shape, price_min=around - reach, price_max=around + reach)
    book, image = book_class(**shape.options()), book_class(**other.options())
    want = ran(book, naming, rows)
    got = ran(image, naming, [in_mirror(row, around) for row in rows])
    mirrored = Image(price=lambda price_ticks: around - price_ticks, side=-1)
    assert got == mirrored.tables(want)
    mirrored.check(book, image)
    assert positions_view(image, shape.owners) == [-lots for lots in positions_view(book, shape.owners)]


@same_class
@given(data=st.data(), mirror=MIRRORS, stops_per_ms=st.sampled_from((1, 10_000)), is_bound=st.booleans())
def test_a_mirrored_flow_gives_the_mirrored_book(book_class, data, mirror, stops_per_ms, is_bound):
    reach, around = mirror
    shape = mirror_shapes(reach, 12 if is_bound and not around else 2**61, stops_per_ms)
    _, naming, rows = data.draw(flows(shapes=st.just(shape)))
    check_mirrored(book_class, shape, naming, rows, around)


@pytest.mark.parametrize("naming", flow.NAMINGS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_mirrored_random_flow_gives_the_mirrored_book(seed, naming):
    shape = flow.narrowed(mirror_shapes(30, 2**61, 1 + seed % 3 * 5000), owners=5, slots=100, qty_max=2**40)
    rows = random_rows(seed, naming, engine.OrderBook(**shape.options()), shape)
    check_mirrored(engine.OrderBook, shape, naming, rows, around=7)


# ---- shifted, scaled, renamed ---------------------------------------------------------------------------------------

# So placed that a shift stays in int32; no bound on the notional, which a shift would change.
SHIFT_SHAPES = st.builds(
    lambda low, width: flow.BookShape(slots=4, owners=3, price_min=low, price_max=low + width, qty_max=10),
    low=st.sampled_from((-500, 1)),
    width=st.sampled_from((0, 5, 700)),
)


@same_class
@given(given_flow=flows(shapes=SHIFT_SHAPES), shift=st.sampled_from((1, 255, 256, -1000, 2**30, -(2**30))))
def test_a_shifted_flow_gives_the_shifted_book(book_class, given_flow, shift):
    shape, naming, rows = given_flow
    # Prices at the ends of int32 cannot be shifted; a little outside the bounds they are refused all the same.
    low, high = shape.price_min - 1, shape.price_max + 1
    rows = [
        row._replace(price_ticks=min(max(row.price_ticks, low), high), stop_ticks=min(max(row.stop_ticks, low), high))
        for row in rows
    ]
    shifted_shape = flow.narrowed(shape, price_min=shape.price_min + shift, price_max=shape.price_max + shift)
    shifted_rows = [
        row._replace(price_ticks=row.price_ticks + shift, stop_ticks=row.stop_ticks + shift) for row in rows
    ]
    book, image = book_class(**shape.options()), book_class(**shifted_shape.options())
    moved = Image(price=lambda price_ticks: price_ticks + shift)
    assert ran(image, naming, shifted_rows) == moved.tables(ran(book, naming, rows))
    moved.check(book, image)


@same_class
@given(given_flow=flows(shapes=SHIFT_SHAPES), factor=st.sampled_from((2, 7, 10_000, 2**40)))
def test_a_scaled_flow_gives_the_scaled_book(book_class, given_flow, factor):
    shape, naming, rows = given_flow
    # What is far out of bounds cannot be scaled; a little outside it is refused all the same.
    rows = [
        row
        if row.kind == CommandKind.STATE
        else row._replace(qty_lots=min(max(row.qty_lots, -11), 11), display_lots=min(max(row.display_lots, -1), 12))
        for row in rows
    ]
    scaled_rows = [
        row
        if row.kind == CommandKind.STATE
        else row._replace(qty_lots=row.qty_lots * factor, display_lots=row.display_lots * factor)
        for row in rows
    ]
    book = book_class(**shape.options())
    image = book_class(**flow.narrowed(shape, qty_max=shape.qty_max * factor).options())
    scaled = Image(lots=lambda qty_lots: qty_lots * factor)
    assert ran(image, naming, scaled_rows) == scaled.tables(ran(book, naming, rows))
    scaled.check(book, image)
    assert positions_view(image, 3) == [lots * factor for lots in positions_view(book, 3)]


def odd_multiple(name):
    """Another int64 for every int64."""
    return (name * 0x9E3779B97F4A7C15 + 2**63 + 12345) % 2**64 - 2**63


@same_class
@given(given_flow=flows(namings=st.sampled_from(("order_id", "slot_id"))))
def test_other_names_and_owners_give_the_same_under_other_names(book_class, given_flow):
    shape, naming, rows = given_flow

    def name(of):
        if naming == "order_id":
            return odd_multiple(of)
        return shape.slots - 1 - of if 0 <= of < shape.slots else of

    def owner(of):
        return shape.owners - 1 - of if 0 <= of < shape.owners else of

    book, image = book_class(**shape.options()), book_class(**shape.options())
    want = ran(book, naming, rows)
    got = ran(image, naming, [row._replace(name=name(row.name), owner=owner(row.owner)) for row in rows])
    renamed = Image(name=name, owner=owner)
    assert got == renamed.tables(want)
    renamed.check(book, image)


@same_class
@given(given_flow=flows(namings=st.just("order_id"), shapes=st.just(flow.BookShape(slots=8, owners=3, price_max=8))))
def test_m06_three_namings_give_the_same_up_to_names(book_class, given_flow):
    """An order has a number; one book knows it as an order id, one as a slot, one by the handle that it gave."""
    shape, _, rows = given_flow
    books = {naming: book_class(**shape.options()) for naming in flow.NAMINGS}
    handles = {}  # by number: of the last order that bore it
    numbers = {}  # by handle
    for row in rows:
        number = row.name % shape.slots
        opened = {order.id for order in (*books["order_id"].orders(), *books["order_id"].stops())}
        if not flow.is_scalar(row) or (row.kind == CommandKind.PLACE and number in opened):
            continue  # a name in use is refused, and a handle never is
        seen = {}
        for naming, book in books.items():
            name = handles.get(number, -1) if naming == "handle" else number
            result = flow.sent(book, row._replace(name=name), naming)
            if naming == "handle" and row.kind == CommandKind.PLACE and result.accepted:
                handles[number], numbers[result.id] = result.id, number
            fills, cancels, triggers = tables_view(book)
            known = numbers if naming == "handle" else range(shape.slots)
            seen[naming] = (
                result_view(result)[1:],
                [(known[fill[0]], known[fill[1]], *fill[2:]) for fill in fills],
                [(known[cancel[0]], *cancel[1:]) for cancel in cancels],
                [(known[trigger[0]], *trigger[1:]) for trigger in triggers],
                [(known[order[0]], *order[1:]) for order in rows_view(book.orders())],
                [(known[stop[0]], *stop[1:]) for stop in rows_view(book.stops())],
            )
        assert seen["slot_id"] == seen["order_id"]
        assert seen["handle"] == seen["order_id"]


# ---- what changes nothing -------------------------------------------------------------------------------------------


def asked(book, shape):
    """Ask a book for everything that it shows, and for what it refuses to show."""
    book_view(book)
    positions_view(book, shape.owners)
    tables_view(book)
    for levels in (0, 1, 10, 2**31 - 1):
        book.depth(levels)
    for price in (shape.price_min, shape.price_max, -(2**31), 2**31 - 1):
        book.queue(price)
    for wrong in (lambda: book.depth(-1), lambda: book.queue(2**31), lambda: book.position(shape.owners)):
        with pytest.raises(engine.InputError):
            wrong()
    book.check_invariants()


@same_class
@given(given_flow=flows())
def test_queries_change_nothing(book_class, given_flow):
    shape, naming, rows = given_flow
    quiet, queried = book_class(**shape.options()), book_class(**shape.options())
    for row in rows:
        before = queried.digest()
        asked(queried, shape)
        assert queried.digest() == before
        assert ran(queried, naming, [row]) == ran(quiet, naming, [row])
    asked(queried, shape)
    assert book_view(queried) == book_view(quiet)


def check_refused_rows_leave_no_trace(book_class, shape, naming, rows):
    book, without = book_class(**shape.options()), book_class(**shape.options())
    _, fills, rejects, cancels, triggers = applied_singly(book, naming, rows)
    refused = {command for command, _ in rejects}
    kept = [command for command in range(len(rows)) if command not in refused]
    got = ran(without, naming, [rows[command] for command in kept])
    assert (got.accepted_count, got.rejects) == (len(kept), [])
    for table, want in ((got.fills, fills), (got.cancels, cancels), (got.triggers, triggers)):
        assert [(kept[row[0]], *row[1:]) for row in table] == want
    assert book_view(without) == book_view(book)


@same_class
@given(given_flow=flows())
def test_u07_refused_rows_leave_no_trace(book_class, given_flow):
    """Without them the rest gives the same, handles included: a reject takes no slot, no place and no time."""
    check_refused_rows_leave_no_trace(book_class, *given_flow)


@pytest.mark.parametrize("naming", flow.NAMINGS)
@pytest.mark.parametrize("seed", SEEDS)
def test_u07_refused_rows_of_a_random_flow_leave_no_trace(seed, naming):
    shape = book_shape(np.random.default_rng(seed))
    rows = random_rows(seed, naming, engine.OrderBook(**shape.options()), shape)
    check_refused_rows_leave_no_trace(engine.OrderBook, shape, naming, rows)


# ---- units ----------------------------------------------------------------------------------------------------------

# Stops and reduce-only orders are looked at after each command (M-25, M-27), so there n commands are not one.
UNIT_FEATURES = flow.FEATURES - {"stops", "marks", "reduce_only"}
TAKERS = st.sampled_from(
    (
        (OrderType.LIMIT, TimeInForce.GTC),
        (OrderType.LIMIT, TimeInForce.IOC),
        (OrderType.MARKET, TimeInForce.IOC),
    )
)


@same_class
@given(
    given_flow=flows(features=UNIT_FEATURES, hostile=False, namings=st.just("order_id")),
    side=st.sampled_from((BUY, SELL)),
    taker=TAKERS,
    price=st.integers(0, 8),
    qty=st.integers(1, 30),
)
def test_a_taker_cut_into_units_meets_the_same_makers(book_class, given_flow, side, taker, price, qty):
    shape, naming, rows = given_flow
    shape = flow.narrowed(shape, qty_max=2**61, notional_max=2**61)
    order_type, time_in_force = taker
    price = min(shape.price_min + price, shape.price_max)
    opened = flow.Row(CommandKind.STATE, BUY, 0, MarketState.OPEN, OrderType.LIMIT, TimeInForce.DEFAULT, -1, 0)
    place = flow.Row(CommandKind.PLACE, side, price, qty, order_type, time_in_force, -1, 1000)
    whole, cut = book_class(**shape.options()), book_class(**shape.options())
    for book in (whole, cut):
        result = ran(book, naming, [*rows, opened])
        assume((len(rows), RejectReason.BOOK_CROSSED) not in result.rejects)
        assume(book.state == MarketState.OPEN)
    ran_whole = ran(whole, naming, [place])
    ran_cut = applied_in_pieces(
        cut, naming, [(0, [place._replace(qty_lots=1, name=1000 + unit) for unit in range(qty)])]
    )
    makers = [(fill[1], fill[3]) for fill in ran_whole.fills for _ in range(fill[4])]
    assert [(fill[1], fill[3]) for fill in ran_cut[1]] == makers
    assert cut.traded_lots == whole.traded_lots
    assert list(map(rows_view, cut.depth(100))) == list(map(rows_view, whole.depth(100)))
    assert [order for order in rows_view(cut.orders()) if order[0] < 1000] == [
        order for order in rows_view(whole.orders()) if order[0] < 1000
    ]
