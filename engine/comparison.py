"""Two or more runs side by side: the figures of each, and what changed.

Stands on `engine.run` and `engine.part`. Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.part import Part
from engine.run import RunResult

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Comparison", "compare"]

COUNTED = ("trades", "orders", "cancels", "cancel_misses", "mass_quotes", "notices", "events")
FIGURES = ("withdrawals", "returns", "liquidations", "liquidation_steps")


@dataclass(frozen=True)
class Comparison:
    """Figures by name, one value for each run; printed it is a table.

    Parameters
    ----------
    names : tuple of str
        What the runs are called.
    rows : dict of str to tuple
        The values of a figure, in the order of `names`; None where a run has none.
    """

    names: tuple[str, ...]
    rows: dict[str, tuple[Any, ...]]

    def __getitem__(self, figure: str) -> tuple[Any, ...]:
        if figure not in self.rows:
            raise InputError("figure", "one of " + ", ".join(self.rows), figure)
        return self.rows[figure]

    @property
    def changed(self) -> dict[str, tuple[Any, ...]]:
        """The figures that are not the same in all runs."""
        return {figure: values for figure, values in self.rows.items() if len(set(values)) > 1}

    def to_json(self) -> dict[str, Any]:
        """Return ``{"runs": [...], "figures": {figure: [...]}}``."""
        return {"runs": list(self.names), "figures": {figure: list(values) for figure, values in self.rows.items()}}

    def __str__(self) -> str:
        lines = [("", *self.names), *((figure, *map(_shown, values)) for figure, values in self.rows.items())]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.names) + 1)]
        texts = []
        for figure, *values in lines:
            cells = [
                figure.ljust(widths[0]),
                *(each.rjust(width) for each, width in zip(values, widths[1:], strict=True)),
            ]
            texts.append("  ".join(cells).rstrip())
        return "\n".join(texts)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def compare(*runs: RunResult | Part, names: Sequence[str] | None = None) -> Comparison:
    """Put runs side by side: lows, counts, liquidations, withdrawals, bad debt, digests.

    Parameters
    ----------
    *runs : RunResult or Part
        At least two parts in all; of a result every part.
    names : sequence of str, optional
        What they are called, one for each part; else ``run 1``, ``run 2`` with the part's name if a run has several.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        Fewer than two parts, or another number of names.

    Examples
    --------
    >>> from engine.run import run_scenario
    >>> both = compare(run_scenario("atom-flash-crash", parts=["exact", "same-sell"]))
    >>> both.names, both["low ATOM/USDT"]
    (('exact', 'same-sell'), (0.001, 1.698))
    """
    parts: list[tuple[str, Part, dict[str, Any]]] = []
    for place, run in enumerate(runs, start=1):
        if isinstance(run, Part):
            parts.append((f"run {place}", run, run.figures))
        elif isinstance(run, RunResult):
            several, measured = len(run.parts) > 1, run.measured()
            alone = len(runs) == 1
            for name, part in run.parts.items():
                own = name if alone else f"run {place} {name}" if several else f"run {place}"
                parts.append((own, part, measured[name]))
        else:
            raise InputError("runs", "results of a run, or parts", run)
    if len(parts) < 2:
        raise InputError("runs", "at least two to put side by side", len(parts))
    own_names = tuple(name for name, _, _ in parts) if names is None else tuple(names)
    if len(own_names) != len(parts):
        raise InputError("names", f"one for each of the {len(parts)} parts", names)
    return Comparison(own_names, _rows([figures for _, _, figures in parts]))


def _rows(measured: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    markets = dict.fromkeys(market for figures in measured for market in figures["lows"])
    assets = dict.fromkeys(asset for figures in measured for asset in figures["bad_debts"])
    rows = {f"low {market}": tuple(figures["lows"].get(market) for figures in measured) for market in markets}
    rows |= {name: tuple(figures["counts"][name] for figures in measured) for name in COUNTED}
    rows |= {name.replace("_", " "): tuple(figures[name] for figures in measured) for name in FIGURES}
    rows |= {f"bad debt {asset}": tuple(figures["bad_debts"].get(asset, 0) for figures in measured) for asset in assets}
    rows["digest"] = tuple(figures["digest"] for figures in measured)
    return rows
