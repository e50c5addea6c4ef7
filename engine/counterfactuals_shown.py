"""What people are shown of counterfactuals: changes by switch, shares by link, and the verdict in words.

Stands on rich. A change whose 95 % interval lies on one side of 0 is marked with a star.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.attribution import Share
    from engine.counterfactuals import Counterfactuals
    from engine.intervals import Difference

__all__ = ["tables", "text"]

STAR = "* the paired 95 % interval lies on one side of 0"


def tables(found: Counterfactuals) -> list[Any]:
    """Return tables and lines for rich's console."""
    from rich.table import Table

    shown = [name for name in found.main if name in found.outcomes]
    title = f"{found.scenario}, scale {found.scale}, {len(found.seeds)} paired seeds: change without each link"
    changes = Table(title=title, caption=STAR)
    changes.add_column("without", overflow="fold")
    for name in shown:
        changes.add_column(name, justify="right", overflow="fold")
    for row in _change_rows(found, shown):
        changes.add_row(*row)
    parts: list[Any] = [changes]
    if found.attribution:
        caption = f"{found.orders} orders a seed, antithetic; +- one standard error; in brackets: taken away alone"
        carried = Table(title="what each link carries (Shapley share)", caption=caption)
        carried.add_column("link", overflow="fold")
        for name in shown:
            carried.add_column(name, justify="right", overflow="fold")
        for row in _share_rows(found, shown):
            carried.add_row(*row)
        parts.append(carried)
    return parts + (list(found.verdict.words) if found.verdict is not None else [])


def text(found: Counterfactuals) -> str:
    """Return it as plain text, a line for each switch."""
    shown = [name for name in found.main if name in found.outcomes]
    lines = [f"{found.scenario}, scale {found.scale}, {len(found.seeds)} paired seeds; change without each link"]
    lines += ["  " + " | ".join(row) for row in [("without", *shown), *_change_rows(found, shown)]]
    lines.append(STAR)
    if found.attribution:
        lines.append("what each link carries (Shapley share +- standard error; in brackets: taken away alone)")
        lines += ["  " + " | ".join(row) for row in [("link", *shown), *_share_rows(found, shown)]]
    return "\n".join([*lines, *(found.verdict.words if found.verdict is not None else ())])


def _change_rows(found: Counterfactuals, shown: list[str]) -> list[tuple[str, ...]]:
    if not found.effects:
        return []
    first = next(iter(found.effects.values()))
    rows = [("(nothing: the scenario itself)", *(_number(first[name].base) for name in shown))]
    rows += [(switch, *(_change(effects[name]) for name in shown)) for switch, effects in found.effects.items()]
    return rows


def _share_rows(found: Counterfactuals, shown: list[str]) -> list[tuple[str, ...]]:
    by_outcome = [found.attribution[name] for name in shown]
    if not by_outcome:
        return []
    rows = [
        (share.link, *(_share(each.shares[place], each.alone[share.link]) for each in by_outcome))
        for place, share in enumerate(by_outcome[0].shares)
    ]
    return [*rows, ("all together", *(_number(each.total) for each in by_outcome))]


def _share(share: Share, alone: Difference) -> str:
    error = "" if share.error is None else f" +- {_number(share.error)}"
    return f"{_signed(share.share)}{error} ({_signed(None if alone.mean is None else 0.0 - alone.mean)})"


def _change(found: Difference) -> str:
    half = "" if found.high is None or found.mean is None else f" +- {_number(found.high - found.mean)}"
    return f"{_signed(found.mean)}{half}{'*' if found.is_told else ''}"


def _signed(value: float | None) -> str:
    if value is None:
        return "-"
    return ("+" if value > 0 else "") + _number(value)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.3g}"
