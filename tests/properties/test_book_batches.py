"""M-12: a batch gives what its commands give one by one, however a flow is cut; on the reference and on native."""

from __future__ import annotations

from flowkit import NAMINGS, applied_in_pieces, applied_singly, flows, pieces, same_class
from hypothesis import given
from hypothesis import strategies as st

from engine.testing import strategies as flow
from engine.testing.views import apply_view, book_view, tables_view

CUTS = st.lists(st.integers(0, 40), max_size=5)


@same_class
@given(given_flow=flows(), cuts=CUTS)
def test_m12_any_cut_gives_the_same(book_class, given_flow, cuts):
    shape, naming, rows = given_flow
    whole, cut, single = (book_class(**shape.options()) for _ in range(3))
    want = applied_in_pieces(whole, naming, [(0, rows)])
    assert applied_in_pieces(cut, naming, pieces(rows, cuts)) == want
    assert applied_singly(single, naming, rows) == want
    assert book_view(cut) == book_view(single) == book_view(whole)
    whole.check_invariants()


@same_class
@given(data=st.data(), shape=flow.book_shapes(), cuts=CUTS)
def test_m12_any_cut_gives_the_same_where_namings_follow_one_another(book_class, data, shape, cuts):
    whole, cut, single = books = [book_class(**shape.options()) for _ in range(3)]
    for naming in data.draw(st.lists(NAMINGS, min_size=2, max_size=4), label="namings"):
        opened = [order.id for order in (*whole.orders(), *whole.stops())]
        rows = data.draw(flow.row_flows(shape, naming, opened, hostile=True, now_ms=whole.now_ms, max_size=20))
        want = applied_in_pieces(whole, naming, [(0, rows)])
        assert applied_in_pieces(cut, naming, pieces(rows, cuts)) == want
        assert applied_singly(single, naming, rows) == want
    views = [book_view(book) for book in books]
    assert views[0] == views[1] == views[2]


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
@given(data=st.data())
def test_m12_a_drawn_batch_runs(book_class, data):
    # `order_flows` draws what `apply` takes, hostile or not; every row is counted as accepted or as rejected.
    shape = data.draw(flow.book_shapes())
    batch = data.draw(flow.order_flows(shape, data.draw(NAMINGS), hostile=data.draw(st.booleans())))
    result = apply_view(book_class(**shape.options()).apply(batch))
    assert result.accepted_count + len(result.rejects) == len(batch["kind"])
