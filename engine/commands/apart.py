"""`firesale run --counterfactuals`: the table of a generated scenario's switches, shown, and written beside the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.commands.generated import Counter, Shape, ctrl_c_stops_runs
from engine.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from engine.counterfactuals import Counterfactuals
    from engine.run import RunResult

__all__ = ["Apart", "take_apart", "tell_counterfactuals"]


@dataclass(frozen=True)
class Apart:
    """How a scenario is taken apart.

    Parameters
    ----------
    seeds : int, optional
        Paired seeds; `engine.counterfactuals.SEEDS` by default.
    first_seed : int, optional
        The first of them.
    workers : int, optional
        Processes; one for each processor by default.
    """

    seeds: int | None = None
    first_seed: int | None = None
    workers: int | None = None

    def check(self, source: str) -> None:
        """Raise InputError unless the scenario has switches; before anything runs."""
        from engine.scenarios import generator_of, names

        if source not in names() or generator_of(source) is None:
            raise InputError("counterfactuals", "a scenario that a module generates, with switches", source)


def take_apart(
    source: str, apart: Apart, shape: Shape, changes: dict[str, Any], folder: Path | None
) -> Counterfactuals:
    """Run the table, show it, and write ``counterfactuals.json`` into the run folder if there is one."""
    from engine.commands.score import show, write_json
    from engine.counterfactuals import SEEDS, counterfactuals

    with Counter("counterfactuals") as counter, ctrl_c_stops_runs():
        table = counterfactuals(
            source,
            shape.scale,
            SEEDS if apart.seeds is None else apart.seeds,
            first_seed=apart.first_seed,
            parameters=shape.values,
            changes=changes,
            workers=apart.workers,
            finished=counter.ended,
        )
    show(table)
    if folder is not None:
        write_json(folder / "counterfactuals.json", table.to_json())
    return table


def tell_counterfactuals(result: RunResult, table: Counterfactuals) -> None:
    """Give a run's result the table's rows, for its report."""
    result.counterfactuals = table.rows()
    result.attribution = [
        {"outcome": outcome, "link": link, **told}
        for outcome, each in table.attribution.items()
        for link, told in each.to_json()["links"].items()
    ]
    result.verdict = [] if table.verdict is None else list(table.verdict.words)
