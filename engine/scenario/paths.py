"""The path grammar: one way to name any value of a scenario, for `but`, ``--set``, variants and sweeps.

A path is keys joined by dots; a list's element is ``[2]``; a key that holds a dot, a bracket or a quote is written in
double quotes; ``*`` stands for every object of a section. Stands on nothing of the models: it works on plain data.
"""

from __future__ import annotations

import json
import re
import tomllib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.scenario.words import did_you_mean

if TYPE_CHECKING:
    from engine.scenario.located import Path

__all__ = ["format_path", "parse_path", "parse_setting", "set_value"]

_PART = re.compile(r'"((?:[^"\\]|\\.)*)"|\[(\d+)\]|([^."\[\]]+)')
_NEEDS_QUOTES = re.compile(r'[."\[\]]|^\s|\s$')
EVERY = "*"
# Sections hold objects by name; nobody can mean an unknown one there, unless he brings the whole object.
SECTIONS = ("assets", "venues", "markets", "oracles", "lenders", "pools", "populations", "events", "variants")


def parse_path(text: str) -> Path:
    """Return the keys and indexes of a path.

    Parameters
    ----------
    text : str
        Such as ``populations.makers.on[0]``.

    Returns
    -------
    tuple of str and int

    Raises
    ------
    InputError
        It is no path.

    Examples
    --------
    >>> parse_path('markets."ATOM/USDT".tick')
    ('markets', 'ATOM/USDT', 'tick')
    >>> parse_path("events.open.rows[2].price")
    ('events', 'open', 'rows', 2, 'price')
    """
    if not isinstance(text, str):
        raise InputError("path", "a path such as populations.makers.half_spread", text)
    path: list[str | int] = []
    at = 0
    while True:
        match = _PART.match(text, at)
        if match is None:
            raise InputError("path", "keys joined by dots, such as populations.makers.half_spread", text)
        quoted, index, bare = match.groups()
        path.append(int(index) if index is not None else bare if bare is not None else _unquoted(quoted, text))
        at = match.end()
        if at == len(text):
            return tuple(path)
        if text[at] == ".":
            at += 1
        elif text[at] != "[":
            raise InputError("path", f"a dot or an index at character {at + 1}", text)


def _unquoted(quoted: str, text: str) -> str:
    try:
        return str(json.loads(f'"{quoted}"'))
    except ValueError:
        raise InputError("path", "a quoted key with JSON's escapes", text) from None


def format_path(path: Path) -> str:
    """Return the text of a path; `parse_path` gives the path back.

    Examples
    --------
    >>> format_path(("events", "open.1", "rows", 2))
    'events."open.1".rows[2]'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = json.dumps(part, ensure_ascii=False) if not part or _NEEDS_QUOTES.search(part) else part
            text += f".{shown}" if text else shown
    return text


def parse_setting(text: str) -> tuple[str, Any]:
    """Split ``path=value``; the value is TOML if it can be read as that, else the text itself.

    Raises
    ------
    InputError
        There is no equals sign, or no path before it.

    Examples
    --------
    >>> parse_setting("oracles.mark.every=2s"), parse_setting("populations.makers.count=12")
    (('oracles.mark.every', '2s'), ('populations.makers.count', 12))
    """
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise InputError("set", "path=value", text)
    try:
        return path.strip(), tomllib.loads(f"value = {value.strip()}", parse_float=Decimal)["value"]
    except (tomllib.TOMLDecodeError, ValueError, KeyError):
        return path.strip(), value.strip()


def set_value(data: dict[str, Any], path: Path, value: object) -> None:
    """Set the value at a path of plain data, in place.

    Parameters
    ----------
    data : dict
        A scenario as `tomllib` gives it.
    path : tuple
        From `parse_path`; ``*`` in it stands for every object that there is.
    value : object
        Plain data.

    Raises
    ------
    InputError
        The path leads through something that does not exist; it names what there is.
    """
    _set(data, path, 0, value)


def _set(node: Any, path: Path, depth: int, value: object) -> None:
    part, is_last = path[depth], depth == len(path) - 1
    if part == EVERY and isinstance(node, dict):
        for name in list(node):
            _set(node, (*path[:depth], name, *path[depth + 1 :]), depth, value)
        return
    _check_step(node, path, depth, value)
    if is_last:
        node[part] = value
    else:
        # A table with defaults only need not be there yet: `leaves`, `record`.
        following = node.setdefault(part, {}) if isinstance(node, dict) else node[part]
        _set(following, path, depth + 1, value)


def _check_step(node: Any, path: Path, depth: int, value: object) -> None:
    """Refuse a step that leads nowhere, and say what there is instead."""
    part, text = path[depth], format_path(path)
    if isinstance(node, dict) and isinstance(part, str):
        is_object = depth == 1 and path[0] in SECTIONS
        brings_it_whole = depth == len(path) - 1 and isinstance(value, dict)
        if is_object and part not in node and not brings_it_whole:
            names = ", ".join(node) or "nothing"
            raise InputError(text, f"one of {names}{did_you_mean(part, node)}", part)
    elif isinstance(node, list) and isinstance(part, int):
        if part >= len(node):
            raise InputError(text, f"an index below {len(node)}", part)
    else:
        here = format_path(path[:depth]) or "the scenario"
        raise InputError(text, f"a key or an index that {here} has", type(node).__name__)
