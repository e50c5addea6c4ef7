"""Tables of the page: what stands there as text, readable without its script.

Stands on the standard library. Promises: every name and value is escaped here, once; a number column is aligned right.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "attribution_table",
    "counterfactual_table",
    "fields",
    "flat",
    "percent",
    "plural",
    "scorecard_table",
    "shown",
    "table",
]

SCORE_COLUMNS = ("name", "unit", "measured", "simulated", "low", "high", "band", "inside", "fitted")
COUNTERFACTUAL_COLUMNS = ("switch", "outcome", "base", "off", "difference", "low", "high")
# In words what the columns of a score are.
HEADS = {
    "name": "statistic",
    "simulated": "simulated (median)",
    "low": "5 %",
    "high": "95 %",
    "off": "switched off",
}
COUNTERFACTUAL_HEADS = {
    "low": "low, 95 %",
    "high": "high, 95 %",
    "off": "switched off",
    "switch": "what is switched off",
}
ATTRIBUTION_COLUMNS = ("outcome", "link", "share", "error", "alone", "alone_low", "alone_high")
ATTRIBUTION_HEADS = {
    "share": "Shapley share",
    "error": "standard error",
    "alone": "alone, taken away last",
    "alone_low": "low, 95 %",
    "alone_high": "high, 95 %",
}


def shown(value: Any) -> str:
    """Return a value for people: numbers with separators and no more digits than they have meaning, None as a dash.

    Examples
    --------
    >>> shown(1234567), shown(0.123456789), shown(1234.5678), shown(None), shown([0.1, 2.0]), shown(True)
    ('1,234,567', '0.1235', '1,234.6', '-', '0.1 to 2', 'yes')
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return str(value)
        if value == int(value) and abs(value) < 1e15:
            return f"{int(value):,}"
        size = abs(value)
        if size >= 10_000:
            return f"{value:,.0f}"
        return f"{value:,.1f}" if size >= 1_000 else f"{value:,.2f}" if size >= 100 else f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return " to ".join(map(shown, value)) if len(value) == 2 else ", ".join(map(shown, value))
    return str(value)


def percent(share: float) -> str:
    """Return a share for people.

    Examples
    --------
    >>> percent(0.735)
    '73.5 %'
    """
    return f"{share * 100:.1f} %"


def plural(count: int, what: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> plural(1, "generation"), plural(1200, "takeover")
    ('1 generation', '1,200 takeovers')
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[Any]],
    caption: str,
    *,
    numbers: Sequence[int] = (),
    quiet: bool = False,
) -> str:
    """Return a table that the keyboard can scroll; a cell is escaped unless it is a `Markup`.

    A `quiet` caption, one that says what the heading above says, is read aloud only.
    """
    lines = [
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>',
        f"<caption{' class=quiet' if quiet else ''}>{escape(caption)}</caption><thead><tr>",
    ]
    lines += [_cell("th", head, place in numbers, ' scope="col"') for place, head in enumerate(heads)]
    lines.append("</tr></thead><tbody>")
    for row in rows:
        cells = (_cell("td", value, place in numbers) for place, value in enumerate(row))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    lines.append("</tbody></table></div>")
    return "".join(lines)


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def _cell(tag: str, value: Any, is_number: bool, more: str = "") -> str:
    text = value if isinstance(value, Markup) else escape(shown(value))
    return f"<{tag}{more}{' class=n' if is_number else ''}>{text}</{tag}>"


def fields(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return names with their values as a list of terms."""
    rows = (f"<dt>{escape(name)}</dt><dd>{_dd(value)}</dd>" for name, value in pairs)
    return f"<dl>{''.join(rows)}</dl>"


def _dd(value: Any) -> str:
    return value if isinstance(value, Markup) else escape(shown(value))


def code(text: str) -> Markup:
    """Return text in a fixed width."""
    return Markup(f"<code>{escape(text)}</code>")


def scorecard_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the scorecard: what was measured, what came out, whether it is inside the band; and the count above it."""
    free = [row for row in rows if not row.get("fitted")]
    hits = sum(bool(row.get("inside")) for row in free)
    verdict = f"<p><strong>{hits} of {len(free)}</strong> free statistics lie inside their bands"
    verdict += f"; {len(rows) - len(free)} were fitted and count for nothing.</p>" if len(free) < len(rows) else ".</p>"
    names = _columns(rows, SCORE_COLUMNS)
    if all(row.get("low") == row.get("simulated") == row.get("high") for row in rows):  # of one run: no spread
        names = [name for name in names if name not in ("low", "high")]
    cells = [[_verdict(row.get(name)) if name == "inside" else row.get(name) for name in names] for row in rows]
    numbers = [place for place, name in enumerate(names) if name in ("measured", "simulated", "low", "high")]
    heads = [HEADS.get(name, name) for name in names]
    return verdict + table(heads, cells, "Scorecard", numbers=numbers, quiet=True)


def _verdict(value: Any) -> Any:
    if value is None:
        return Markup('<span class="unknown">not told</span>')
    return Markup('<span class="good">✓ inside</span>' if value else '<span class="bad">✗ outside</span>')


def counterfactual_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the counterfactuals: each outcome with and without a switch, and their difference with its interval."""
    return _grouped(rows, COUNTERFACTUAL_COLUMNS, COUNTERFACTUAL_HEADS, "Counterfactuals")


def attribution_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what each link carries of each outcome."""
    return _grouped(rows, ATTRIBUTION_COLUMNS, ATTRIBUTION_HEADS, "What each link carries")


def _grouped(rows: Sequence[Mapping[str, Any]], known: Sequence[str], heads: Mapping[str, str], caption: str) -> str:
    """Return a table whose first column is said where it changes only."""
    names = _columns(rows, known)
    cells, before = [], None
    for row in rows:
        group = row.get(names[0])
        cells.append(["" if place == 0 and group == before else row.get(name) for place, name in enumerate(names)])
        before = group
    numbers = range(2, len(names))
    return table([heads.get(name, name.replace("_", " ")) for name in names], cells, caption, numbers=numbers)


def _columns(rows: Sequence[Mapping[str, Any]], known: Sequence[str]) -> list[str]:
    """Return the known columns that some row has, then further ones in the order in which they come."""
    there = dict.fromkeys(name for row in rows for name in row)
    return [name for name in known if name in there] + [name for name in there if name not in known]


def flat(data: Any, path: str = "") -> dict[str, Any]:
    """Return nested tables as one, by dotted paths.

    Examples
    --------
    >>> flat({"seed": 1, "markets": {"A": {"tick": "0.1"}}})
    {'seed': 1, 'markets.A.tick': '0.1'}
    """
    if not isinstance(data, dict):
        return {path: data}
    found: dict[str, Any] = {}
    for name, value in data.items():
        found.update(flat(value, f"{path}.{name}" if path else str(name)))
    return found
