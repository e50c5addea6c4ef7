"""Where everything of a TOML text stands: key path to line and column.

`tomllib` gives values without positions, so this walks the text once more. It needs a text that `tomllib` has accepted
and therefore checks nothing: it only keeps count of where keys and values begin.
Promises: every path of the parsed document is located (a property test compares the two on generated documents).
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

__all__ = ["Path", "Spot", "locate", "nearest"]

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of the document down."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]*")
_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_STRINGS = (
    ('"""', re.compile(r'"""(?:\\.|[^\\])*?"{3,5}(?!")', re.S)),
    ("'''", re.compile(r"'''.*?'{3,5}(?!')", re.S)),
    ('"', re.compile(r'"(?:\\.|[^"\\\n])*"')),
    ("'", re.compile(r"'[^'\n]*'")),
)


@dataclass(frozen=True)
class Spot:
    """Where one key and its value stand, in characters from the start of the text."""

    key: int  # of an element of an array: where the element begins
    start: int  # of the value; of a table: where its header's key begins
    end: int  # one behind the value


def line_and_column(text: str, at: int) -> tuple[int, int]:
    """Return the line and the column, both from 1, of a place in a text."""
    return text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1


def locate(text: str) -> dict[Path, Spot]:
    r"""Map every key path of a TOML text to where it stands.

    Parameters
    ----------
    text : str
        A document that `tomllib` accepts, with line ends ``\n``.

    Returns
    -------
    dict
        Path to `Spot`. O(characters).

    Examples
    --------
    >>> spots = locate('[a.b]\nc = [1, {d = "x"}]')
    >>> spots["a", "b", "c", 1, "d"]
    Spot(key=15, start=19, end=22)
    """
    return _Walk(text).document()


def nearest(spots: dict[Path, Spot], path: Path) -> tuple[Path, Spot]:
    """Return the deepest part of a path that the text has, and where it stands; the whole text if it has none."""
    for length in range(len(path), 0, -1):
        if path[:length] in spots:
            return path[:length], spots[path[:length]]
    return (), Spot(0, 0, 0)


class _Walk:
    """One pass over a text; `at` is the next character to look at."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.spots: dict[Path, Spot] = {}
        self.lengths: dict[Path, int] = {}  # of the arrays of tables

    def document(self) -> dict[Path, Spot]:
        table: Path = ()
        self.blank()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.blank()
        return self.spots

    def blank(self) -> None:
        """Skip blanks, line ends and comments."""
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def header(self) -> Path:
        """Read ``[a.b]`` or ``[[a.b]]`` and return the path of the table that it opens."""
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        parts = self.key()
        self.at += 2 if is_array else 1
        path: Path = ()
        for index, (part, at) in enumerate(parts):
            path = (*path, part)
            self.spots.setdefault(path, Spot(at, at, at))
            if is_array and index == len(parts) - 1:
                self.lengths[path] = self.lengths.get(path, 0) + 1
            if path in self.lengths:
                path = (*path, self.lengths[path] - 1)
                self.spots.setdefault(path, Spot(at, at, at))
        self.spots[path] = Spot(parts[-1][1], parts[-1][1], parts[-1][1])
        return path

    def key(self) -> list[tuple[str, int]]:
        """Read a dotted key; return its parts and where each begins."""
        parts = []
        while True:
            self.blank()
            at = self.at
            if self.text[at] in "\"'":
                raw = self.string()
                parts.append((tomllib.loads(f"key = {raw}")["key"], at))
            else:
                match = _BARE_KEY.match(self.text, at)
                self.at = match.end() if match else at + 1
                parts.append((self.text[at : self.at], at))
            self.blank()
            if self.at >= len(self.text) or self.text[self.at] != ".":
                return parts
            self.at += 1

    def pair(self, table: Path) -> None:
        """Read ``key = value`` below a table."""
        parts = self.key()
        self.at += 1  # the equals sign
        self.blank()
        path, start = table, self.at
        for part, at in parts:
            path = (*path, part)
            self.spots.setdefault(path, Spot(at, start, start))
        self.value(path)
        self.spots[path] = Spot(parts[-1][1], start, self.at)

    def value(self, path: Path) -> None:
        """Read one value, whatever it is."""
        first = self.text[self.at]
        if first in "\"'":
            self.string()
        elif first == "[":
            self.array(path)
        elif first == "{":
            self.inline_table(path)
        else:
            match = _BARE_VALUE.match(self.text, self.at)
            self.at += len(match.group().rstrip()) if match else 1

    def string(self) -> str:
        for quote, pattern in _STRINGS:
            if self.text.startswith(quote, self.at):
                match = pattern.match(self.text, self.at)
                if match:
                    self.at = match.end()
                    return match.group()
        raise ValueError(f"no string at {self.at}")  # tomllib has accepted the text, so there is one

    def array(self, path: Path) -> None:
        self.at += 1
        index = 0
        self.blank()
        while self.text[self.at] != "]":
            start = self.at
            self.value((*path, index))
            self.spots[(*path, index)] = Spot(start, start, self.at)
            index += 1
            self.comma()
        self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        self.blank()
        while self.text[self.at] != "}":
            self.pair(path)
            self.comma()
        self.at += 1

    def comma(self) -> None:
        self.blank()
        if self.text[self.at] == ",":
            self.at += 1
            self.blank()
