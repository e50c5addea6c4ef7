"""Whatever a file says, it is read or refused with places: no other exception, and nothing that hangs.

The small scenario is broken at random: lines dropped, doubled, swapped, cut; and values replaced by hostile ones.
"""

from __future__ import annotations

import copy
import re
import tomllib
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from scenariokit import SMALL

from engine import InputError
from engine.scenario import Scenario

LINES = SMALL.splitlines()
DATA = tomllib.loads(SMALL, parse_float=Decimal)
PLACE = re.compile(r"<text>:\d+:\d+ ")
HOSTILE = st.one_of(
    st.none().map(lambda _: {}),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.decimals(),
    st.text(max_size=6),
    st.sampled_from(
        [
            "5ms",
            "1e400",
            "nan",
            "-1%",
            "lognormal(",
            "choice()",
            "9" * 400,
            "2M EUR",
            "lognormal(5ms,,)",
            "uniform(1%, 5ms)",
        ]
    ),
    st.lists(st.integers(0, 3) | st.text(max_size=3), max_size=3),
    st.dictionaries(st.sampled_from(["law", "kind", "median", "x"]), st.integers() | st.text(max_size=9), max_size=3),
)


def leaves(value, path=()):
    """List the paths of everything in some data."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from leaves(child, (*path, key))


PATHS = sorted(leaves(DATA), key=repr)


@st.composite
def broken_texts(draw):
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(["drop", "double", "swap", "cut", "junk"]))
        if how == "drop":
            del lines[at]
        elif how == "double":
            lines.insert(at, lines[at])
        elif how == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif how == "cut":
            lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
        else:
            lines[at] += draw(st.text(max_size=4))
    return "\n".join(lines) + "\n"


def refused(act):
    """Return what an act gives, and the lines of the refusal if it refuses."""
    try:
        return act(), []
    except InputError as error:
        return None, str(error).splitlines()


@given(broken_texts())
def test_a_broken_text_is_read_or_refused_with_places(text):
    scenario, lines = refused(lambda: Scenario.from_toml(text))
    if scenario is None:
        assert lines
        assert [line for line in lines if not PLACE.match(line)] == []
    else:
        assert Scenario.from_toml(scenario.to_toml()) == scenario


def put(data, path, value):
    """Put a value at a path of some data, if an earlier change has left it there."""
    node = data
    for part in path[:-1]:
        if not isinstance(node, (dict, list)) or part not in (node if isinstance(node, dict) else range(len(node))):
            return
        node = node[part]
    if path[-1] in (node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()):
        node[path[-1]] = value


@given(st.lists(st.tuples(st.sampled_from(PATHS), HOSTILE), min_size=1, max_size=4))
def test_hostile_values_are_read_or_refused(changes):
    data = copy.deepcopy(DATA)
    for path, value in changes:
        put(data, path, value)
    scenario, lines = refused(lambda: Scenario.from_data(data))
    assert (scenario is None) == bool(lines)
    if scenario is not None:
        built, lines = refused(scenario.simulation)
        assert (built is None) == bool(lines)
