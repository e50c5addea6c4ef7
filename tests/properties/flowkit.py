"""What the properties of a book share: drawn flows, and how a cut flow is applied."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from engine.testing import strategies as flow
from engine.testing.views import apply_view

# The fixtures hand out classes, which no example can change.
same_class = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

NAMINGS = st.sampled_from(flow.NAMINGS)


@st.composite
def flows(draw, *, hostile=True, shapes=None, features=flow.FEATURES, namings=NAMINGS, max_size=40):
    """A shape, a naming, and commands that fit them: half of the flows are long, for lists are mostly short."""
    shape = draw(shapes if shapes is not None else flow.book_shapes())
    naming = draw(namings)
    min_size = draw(st.sampled_from((0, max_size // 2)))
    drawn = flow.row_flows(shape, naming, features=features, hostile=hostile, min_size=min_size, max_size=max_size)
    return shape, naming, draw(drawn)


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


def applied_singly(book, naming, rows):
    """What the commands give one by one."""
    return applied_in_pieces(book, naming, ((i, [row]) for i, row in enumerate(rows)))
