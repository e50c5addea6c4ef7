"""M-12, M-13 and the book's symmetries, on random flows; each runs on the reference and on the native engine."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.testing import strategies as flow
from engine.testing.views import apply_view, book_view, result_view, rows_view
from engine.types import CommandKind, RejectReason

# The fixtures hand out classes, which no example can change.
same_class = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

NAMINGS = st.sampled_from(flow.NAMINGS)


@st.composite
def flows(draw, *, hostile=True, shapes=None):
    """A shape, a naming, and commands that fit them."""
    shape = draw(shapes if shapes is not None else flow.book_shapes())
    naming = draw(NAMINGS)
    return shape, naming, draw(st.lists(flow.rows(shape, naming, hostile=hostile), max_size=40))


def pieces(rows, cuts):
    """Cut a flow at the given places."""
    ends = [*sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    start = 0
    for end in ends:
        yield start, rows[start:end]
        start = end


def applied_in_pieces(book, naming, parts):
    """What a cut flow gives, with the indexes of the whole."""
    accepted, fills, rejects = 0, [], []
    for start, part in parts:
        part_accepted, part_fills, part_rejects = apply_view(book.apply(flow.columns(part, naming)))
        accepted += part_accepted
        fills += [(start + row[0], *row[1:]) for row in part_fills]
        rejects += [(start + row[0], *row[1:]) for row in part_rejects]
    return accepted, fills, rejects


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
    accepted, fills, rejects = 0, [], []
    for i, row in enumerate(rows):
        result = flow.sent(scalar, row, naming)
        accepted += bool(result.accepted)
        fills += [(i, *fill) for fill in rows_view(scalar.last_fills())]
        if not result.accepted:
            rejects.append((i, int(result.reject_reason)))
    assert apply_view(batch.apply(flow.columns(rows, naming))) == (accepted, fills, rejects)
    assert book_view(batch) == book_view(scalar)


@same_class
@given(given_flow=flows())
def test_m13_lots_are_conserved(book_class, given_flow):
    shape, naming, rows = given_flow
    book = book_class(**shape.options())
    accepted_lots = cancelled_lots = taken_lots = 0
    for row in filter(flow.is_scalar, rows):
        before = book.digest()
        result = flow.sent(book, row, naming)
        _, filled, leaves, cancelled, reason = result_view(result)
        if reason != RejectReason.NONE:
            assert (filled, leaves, cancelled) == (0, 0, 0)
            assert book.digest() == before
            continue
        if row.kind == CommandKind.PLACE:
            assert filled + leaves + cancelled == row.qty_lots
            assert filled == sum(fill[3] for fill in rows_view(book.last_fills()))
            accepted_lots += row.qty_lots
        taken_lots += filled
        cancelled_lots += cancelled
    resting_lots = sum(order[3] for order in rows_view(book.orders()))
    assert book.traded_lots % 2**64 == taken_lots % 2**64
    assert accepted_lots == 2 * taken_lots + cancelled_lots + resting_lots


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


def in_mirror(row):
    # -2^31 and -128 have no mirror image in their type; both are out of bounds, as 2^31 - 1 and 127 are.
    return flow.mirrored(row._replace(price_ticks=max(row.price_ticks, 1 - 2**31), side=max(row.side, -127)))


@same_class
@given(given_flow=flows(shapes=MIRROR_SHAPES))
def test_a_mirrored_flow_gives_the_mirrored_book(book_class, given_flow):
    shape, naming, rows = given_flow
    rows = [flow.mirrored(in_mirror(row)) for row in rows]
    book, mirror = book_class(**shape.options()), book_class(**shape.options())
    accepted, fills, rejects = apply_view(book.apply(flow.columns(rows, naming)))
    mirrored = apply_view(mirror.apply(flow.columns([in_mirror(row) for row in rows], naming)))
    assert mirrored == (accepted, [(*fill[:3], -fill[3], *fill[4:]) for fill in fills], rejects)
    bids, asks = map(rows_view, book.depth(100))
    mirror_bids, mirror_asks = map(rows_view, mirror.depth(100))
    assert mirror_asks == [(-price, qty) for price, qty in bids]
    assert mirror_bids == [(-price, qty) for price, qty in asks]


@same_class
@given(given_flow=flows(shapes=SHIFT_SHAPES), shift=st.sampled_from((1, 255, 256, -1000, 2**30, -(2**30))))
def test_a_shifted_flow_gives_the_shifted_book(book_class, given_flow, shift):
    shape, naming, rows = given_flow
    # Prices at the ends of int32 cannot be shifted; a little outside the bounds they are refused all the same.
    rows = [
        row._replace(price_ticks=min(max(row.price_ticks, shape.price_min - 1), shape.price_max + 1)) for row in rows
    ]
    shifted_shape = flow.narrowed(shape, price_min=shape.price_min + shift, price_max=shape.price_max + shift)
    shifted_rows = [row._replace(price_ticks=row.price_ticks + shift) for row in rows]
    book, shifted = book_class(**shape.options()), book_class(**shifted_shape.options())
    accepted, fills, rejects = apply_view(book.apply(flow.columns(rows, naming)))
    got = apply_view(shifted.apply(flow.columns(shifted_rows, naming)))
    assert got == (accepted, [(*fill[:3], fill[3] + shift, *fill[4:]) for fill in fills], rejects)
    orders = [(*order[:2], order[2] + shift, *order[3:]) for order in rows_view(book.orders())]
    assert rows_view(shifted.orders()) == orders
