"""Write plain data as TOML, laid out as people write scenarios: a table for each object, inline tables below it.

The standard library reads TOML only. Promises: `tomllib` reads back equal data.
"""

from __future__ import annotations

import json
import math
import re
from datetime import date, time
from decimal import Decimal
from typing import Any

__all__ = ["write_toml"]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LINE_MAX = 110


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _string(name)


def _string(text: str) -> str:
    # JSON's escapes are TOML's; DEL is a control character in TOML only.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _number(value: float | Decimal) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if value != value else "inf" if value > 0 else "-inf"
    text = f"{value:f}" if isinstance(value, Decimal) else repr(value)
    return text if isinstance(value, int) or any(c in text for c in ".en") else text + ".0"


def _value(value: Any, room: int) -> str:
    """Return a value; a list that does not fit the room gets a line for each element."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, (int, float, Decimal)):
        return _number(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(name)} = {_value(each, _LINE_MAX)}" for name, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, (list, tuple)):
        parts = [_value(each, _LINE_MAX) for each in value]
        line = f"[{', '.join(parts)}]"
        return line if len(line) <= room else "[\n" + "".join(f"    {part},\n" for part in parts) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")


def _pairs(table: dict[str, Any]) -> str:
    return "".join(f"{_key(name)} = {_value(each, _LINE_MAX - len(name))}\n" for name, each in table.items())


def write_toml(data: dict[str, Any], sections: tuple[str, ...]) -> str:
    """Return data as TOML.

    Parameters
    ----------
    data : dict
        Strings, numbers, bools, lists and tables.
    sections : tuple of str
        Keys that hold objects by name: each object gets a header of its own.

    Returns
    -------
    str

    Examples
    --------
    >>> print(write_toml({"name": "a", "assets": {"USDT": {"decimals": 6}}}, ("assets",)))
    name = "a"
    <BLANKLINE>
    [assets.USDT]
    decimals = 6
    <BLANKLINE>
    """
    parts = [_pairs({name: value for name, value in data.items() if not isinstance(value, dict)})]
    for name, table in data.items():
        if not isinstance(table, dict):
            continue
        if name not in sections or not table or not all(isinstance(each, dict) for each in table.values()):
            parts.append(f"\n[{_key(name)}]\n{_pairs(table)}")
            continue
        for each, rows in table.items():
            # What a variant sets is a list of paths: a table of its own reads better than one long line.
            apart = {key: value for key, value in rows.items() if key == "set" and isinstance(value, dict)}
            own = {key: value for key, value in rows.items() if key not in apart}
            parts.append(f"\n[{_key(name)}.{_key(each)}]\n{_pairs(own)}")
            for key, value in apart.items():
                parts.append(f"\n[{_key(name)}.{_key(each)}.{_key(key)}]\n{_pairs(value)}")
    return "".join(parts).lstrip("\n")
