"""M-12, M-13 and the book's symmetries, on random flows; each runs on the reference and on the native engine."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.testing import strategies as flow
from engine.testing.views import apply_view, book_view, result_view, rows_view, tables_view
from engine.types import CommandKind, RejectReason

# The fixtures hand out classes, which no example can change.
same_class = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

NAMINGS = st.sampled_from(flow.NAMINGS)


@st.composite
def flows(draw, *, hostile=True, shapes=None, features=flow.FEATURES):
    """A shape, a naming, and commands that fit them."""
    shape = draw(shapes if shapes is not None else flow.book_shapes())
    naming = draw(NAMINGS)
    return shape, naming, draw(flow.row_flows(shape, naming, features=features, hostile=hostile))


def pieces(rows, cuts):
    """Cut a flow at the given places."""
    ends = [*sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    start = 0
    for end in ends:
        yield start, rows[start:end]
        start = end


def applied_in_pieces(book, naming, parts):
    """What a cut flow gives, with the indexes of the whole."""
    accepted, tables = 0, ([], [], [], [])
    for start, part in parts:
        part_accepted, *part_tables = apply_view(book.apply(flow.columns(part, naming)))
        accepted += part_accepted
        for table, part_table in zip(tables, part_tables, strict=True):
            table += [(start + row[0], *row[1:]) for row in part_table]
    return (accepted, *tables)


@same_class
@given(given_flow=flows(), cuts=st.lists(st.integers(0, 40), max_size=5))
def test_m12_any_cut_gives_the_same(book_class, given_flow, cuts):
    shape, naming, rows = given_flow
    whole, cut, single = (book_class(**shape.options()) for _ in range(3))
    want = applied_in_pieces(whole, naming, [(0, rows)])
    assert applied_in_pieces(cut, naming, pieces(rows, cuts)) == want
    assert applied_in_pieces(single, naming, ((i, [row]) for i, row in enumerate(rows))) == want
    assert book_view(cut) == book_view(single) == book_view(whole)
    whole.check_invariants()


@same_class
@given(given_flow=flows())
def test_m12_scalar_calls_give_the_same(book_class, given_flow):
    shape, naming, rows = given_flow
    rows = [row for row in rows if flow.is_scalar(row)]
    batch, scalar = book_class(**shape.options()), book_class(**shape.options())
    accepted, fills, rejects, cancels, triggers = 0, [], [], [], []
    for i, row in enumerate(rows):
        result = flow.sent(scalar, row, naming)
        accepted += bool(result.accepted)
        for table, records in zip((fills, cancels, triggers), tables_view(scalar), strict=True):
            table += [(i, *record) for record in records]
        if not result.accepted:
            rejects.append((i, int(result.reject_reason)))
    assert apply_view(batch.apply(flow.columns(rows, naming))) == (accepted, fills, rejects, cancels, triggers)
    assert book_view(batch) == book_view(scalar)


@same_class
@given(given_flow=flows())
def test_m13_lots_are_conserved(book_class, given_flow):
    shape, naming, rows = given_flow
    book = book_class(**shape.options())
    accepted_lots = traded_lots = cancelled_lots = 0
    for row in filter(flow.is_scalar, rows):
        before = book.digest()
        open_before = open_lots(book)
        _, filled, leaves, cancelled, reason = result_view(flow.sent(book, row, naming))
        if reason != RejectReason.NONE:
            assert (filled, leaves, cancelled) == (0, 0, 0)
            assert book.digest() == before
            continue
        fills, cancels, _ = tables_view(book)
        if row.kind in (CommandKind.PLACE, CommandKind.REPLACE):
            assert filled + leaves + cancelled == row.qty_lots
        if row.kind == CommandKind.PLACE:
            accepted_lots += row.qty_lots
        traded_lots += sum(fill[3] for fill in fills)
        cancelled_lots += sum(cancel[2] for cancel in cancels)
        # M-33: what the row itself names is no row of `cancels`; that of a REPLACE shows in what is open.
        if row.kind in (CommandKind.CANCEL, CommandKind.REDUCE):
            cancelled_lots += cancelled
        if row.kind == CommandKind.REPLACE:
            gone = 2 * sum(fill[3] for fill in fills) + sum(cancel[2] for cancel in cancels)
            accepted_lots += open_lots(book) + gone - open_before
    assert book.traded_lots % 2**64 == traded_lots % 2**64
    assert accepted_lots == 2 * traded_lots + cancelled_lots + open_lots(book)


def open_lots(book):
    """The lots that rest, shown and hidden, and those of the stops."""
    resting = sum(order[3] + order[5] for order in rows_view(book.orders()))
    return resting + sum(stop[5] for stop in rows_view(book.stops()))


# Symmetric around 0, or so placed that a shift stays in bounds; no bound on the notional, which a shift would change.
MIRROR_SHAPES = st.builds(
    lambda reach, slots, notional_max: flow.BookShape(
        slots=slots, owners=3, price_min=-reach, price_max=reach, qty_max=10, notional_max=notional_max
    ),
    reach=st.sampled_from((0, 3, 300, 2**31 - 1)),
    slots=st.sampled_from((1, 4)),
    notional_max=st.sampled_from((12, 2**61)),
)
SHIFT_SHAPES = st.builds(
    lambda low, width: flow.BookShape(slots=4, owners=3, price_min=low, price_max=low + width, qty_max=10),
    low=st.sampled_from((-500, 1)),
    width=st.sampled_from((0, 5, 700)),
)


# What has no mirror image: an opening book or a new mark fires the buys first (M-25), `clear` takes the bids first.
MIRROR_FEATURES = flow.FEATURES - {"states", "marks", "mass_cancels"}


def in_mirror(row):
    # -2^31 and -128 have no mirror image in their type; both are out of bounds, as 2^31 - 1 and 127 are.
    row = row._replace(
        price_ticks=max(row.price_ticks, 1 - 2**31), stop_ticks=max(row.stop_ticks, 1 - 2**31), side=max(row.side, -127)
    )
    if row.kind == CommandKind.POSITION:
        row = row._replace(qty_lots=max(row.qty_lots, 1 - 2**63))
    return flow.mirrored(row)


@same_class
@given(given_flow=flows(shapes=MIRROR_SHAPES, features=MIRROR_FEATURES))
def test_a_mirrored_flow_gives_the_mirrored_book(book_class, given_flow):
    shape, naming, rows = given_flow
    rows = [flow.mirrored(in_mirror(row)) for row in rows]
    book, mirror = book_class(**shape.options()), book_class(**shape.options())
    want = apply_view(book.apply(flow.columns(rows, naming)))
    mirrored = apply_view(mirror.apply(flow.columns([in_mirror(row) for row in rows], naming)))
    assert mirrored == want._replace(
        fills=[(*fill[:3], -fill[3], *fill[4:]) for fill in want.fills],
        triggers=[(*trigger[:3], -trigger[3], trigger[4]) for trigger in want.triggers],
    )
    bids, asks = map(rows_view, book.depth(100))
    mirror_bids, mirror_asks = map(rows_view, mirror.depth(100))
    assert mirror_asks == [(-price, qty) for price, qty in bids]
    assert mirror_bids == [(-price, qty) for price, qty in asks]


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
    book, shifted = book_class(**shape.options()), book_class(**shifted_shape.options())
    want = apply_view(book.apply(flow.columns(rows, naming)))
    assert apply_view(shifted.apply(flow.columns(shifted_rows, naming))) == want._replace(
        fills=[(*fill[:3], fill[3] + shift, *fill[4:]) for fill in want.fills],
        triggers=[(*trigger[:3], trigger[3] + shift, trigger[4]) for trigger in want.triggers],
    )
    orders = [(*order[:2], order[2] + shift, *order[3:]) for order in rows_view(book.orders())]
    assert rows_view(shifted.orders()) == orders


@same_class
@given(data=st.data())
def test_m12_a_drawn_batch_runs(book_class, data):
    # `order_flows` draws what `apply` takes, hostile or not; every row is counted as accepted or as rejected.
    shape = data.draw(flow.book_shapes())
    batch = data.draw(flow.order_flows(shape, data.draw(NAMINGS), hostile=data.draw(st.booleans())))
    result = apply_view(book_class(**shape.options()).apply(batch))
    assert result.accepted_count + len(result.rejects) == len(batch["kind"])
