"""Positions of a TOML text: every path that tomllib reads is located, and what stands there is its value.

Documents are generated as text, in every style that TOML has: headers, dotted keys, inline tables, arrays of tables,
arrays over several lines, four kinds of strings, comments and blanks in between.
"""

from __future__ import annotations

import json
import tomllib

from hypothesis import example, given
from hypothesis import strategies as st

from engine.scenario.located import line_and_column, locate, nearest

BARE = st.text("abcXYZ019_-", min_size=1, max_size=6)
QUOTED = st.text(st.characters(exclude_categories=["Cs"]), max_size=6).map(
    lambda text: json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
)
LITERAL = st.text('ab #.=[]{},"', max_size=6).map(lambda text: f"'{text}'")
BLANKS = st.sampled_from(["", " ", "\t ", "  "])
GAPS = st.sampled_from(["", " ", "\n", '\n  # a comment, with ] and "\n', "\t"])
ENDS = st.sampled_from(["\n", "\n\n", "  # [not.a.header] = 1\n", "\n# 'x\n"])
MULTI = st.sampled_from(
    [
        '"""a\n"quoted" and ]"""',
        "'''\nit's, raw \\'''",
        '"""x \\\n  y"""',
        '""""two""""',
        "''''one'''",
        '"""#"""',
        '"""\\""""',
    ]
)
SCALARS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.sampled_from(
        ["true", "false", "1.5", "1e3", "inf", "0x1F", "1979-05-27", "1979-05-27 07:32:00", "07:32:00", "1_000", "-0.0"]
    ),
    QUOTED,
    LITERAL,
    MULTI,
)


@st.composite
def dotted(draw, keys):
    return ".".join(draw(BLANKS) + key + draw(BLANKS) for key in keys).strip(" \t")


@st.composite
def values(draw, depth=0):
    """Draw a value as text."""
    kind = draw(st.sampled_from(["scalar"] * 3 + (["array", "table"] if depth < 2 else [])))
    if kind == "scalar":
        return draw(SCALARS)
    if kind == "array":
        parts = draw(st.lists(values(depth + 1), max_size=3))
        inside = ",".join(draw(GAPS) + part + draw(GAPS) for part in parts)
        comma = "," if parts and draw(st.booleans()) else ""
        return f"[{inside}{comma}{draw(GAPS)}]"
    keys = draw(st.lists(st.lists(BARE, min_size=1, max_size=2), max_size=3, unique_by=lambda each: each[0]))
    pairs = [draw(dotted(each)) + draw(BLANKS) + "=" + draw(BLANKS) + draw(values(depth + 1)) for each in keys]
    return "{" + ",".join(draw(BLANKS) + pair + draw(BLANKS) for pair in pairs) + "}"


@st.composite
def documents(draw):
    """Draw a document; most of them can be read, and those that cannot are left out by the test."""
    text = draw(st.sampled_from(["", "\n", "# first\n"]))
    for number in range(draw(st.integers(0, 4))):
        text += draw(pairs(number))
    for _ in range(draw(st.integers(0, 4))):
        brackets = draw(st.sampled_from([("[", "]"), ("[[", "]]")]))
        name = draw(st.lists(st.sampled_from(["a", "b", "'c.d'", '"e"']), min_size=1, max_size=3).flatmap(dotted))
        text += f"{brackets[0]}{draw(BLANKS)}{name}{draw(BLANKS)}{brackets[1]}{draw(ENDS)}"
        for number in range(draw(st.integers(0, 3))):
            text += draw(pairs(number))
    return text


@st.composite
def pairs(draw, number):
    """Draw a pair; its number keeps its key apart from those before it."""
    first = draw(st.sampled_from([f"k{number}", f"'k {number}.#='", f'"k\\"{number}]"', f"{number}"]))
    rest = draw(st.lists(BARE | QUOTED | LITERAL, max_size=1))
    name = draw(dotted([first, *rest]))
    return draw(BLANKS) + name + draw(BLANKS) + "=" + draw(BLANKS) + draw(values()) + draw(ENDS)


def walked(value, path=()):
    """List the path and the value of everything below a value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key), child
        yield from walked(child, (*path, key))


def same(one, other):
    return one == other or repr(one) == repr(other)  # nan is not itself


@given(documents())
@example("[[a]]\nb = 1\n[a.c]\nd = 2\n[[a]]\n[[a.e]]\nf = 3\n")
@example('a."b.c" . d = [\n  1, # one\n  { x.y = "}" },\n]\n')
@example("[a.b.c]\nx = 1\n[a]\ny = 2\n")
def test_every_value_is_where_it_is_said_to_be(text):
    text = text.replace("\r", "")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # a key twice; what cannot be read is never located
    spots = locate(text)
    paths = [path for path, _ in walked(data)]
    assert set(paths) == set(spots)
    for path, value in walked(data):
        spot = spots[path]
        if spot.end > spot.start:
            assert same(tomllib.loads(f"value = {text[spot.start : spot.end]}")["value"], value)
        else:
            assert isinstance(value, (dict, list))  # a table of headers or of dotted keys
        if isinstance(path[-1], str):
            assert tomllib.loads(f"{key_text(text, spot.key)} = 1") == {path[-1]: 1}


def key_text(text, at):
    """Return the one part of a key that begins at a place."""
    if text[at] in "\"'":
        return text[at : text.index(text[at], at + 1) + 1] if text[at] == "'" else json_key(text, at)
    end = at
    while end < len(text) and (text[end].isalnum() or text[end] in "_-"):
        end += 1
    return text[at:end]


def json_key(text, at):
    _, end = json.JSONDecoder().raw_decode(text, at)
    return text[at:end]


def test_most_documents_can_be_read():
    """The property above must not be empty: see how many of a sample are read."""
    counts = {True: 0, False: 0}

    @given(documents())
    def sample(text):
        try:
            counts[bool(tomllib.loads(text.replace("\r", "")))] += 1
        except tomllib.TOMLDecodeError:
            counts[False] += 1

    sample()
    assert counts[True] > 0.3 * sum(counts.values())


def test_lines_and_columns_count_from_one():
    assert line_and_column("ab\ncd", 0) == (1, 1)
    assert line_and_column("ab\ncd", 4) == (2, 2)


def test_the_nearest_place_is_the_deepest_part_of_a_path_that_is_there():
    spots = locate("[a.b]\nc = 1\n")
    assert nearest(spots, ("a", "b", "d", "e"))[0] == ("a", "b")
    assert nearest(spots, ("z",))[0] == ()
