"""Run folder: `run.json`, tables as Parquet, and `report.html`, which opens offline.

Stands on `engine.run` and `engine.report`; pyarrow (extra ``data``) and plotly (extra ``report``) are asked for
here only. Promises: each
file is written under a temporary name and renamed, so a killed run leaves the old file or the new one, never half;
nothing is written outside the folder. A part's tables are written when it has run, so that little is left to write
after Ctrl-C.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.frames import parquet_writer
from engine.frames import write_whole as _write_whole
from engine.lineage import MOVER_COLUMNS, LandmarkKind, MoverKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine._core import ColumnTable, World
    from engine.part import Part
    from engine.run import RunResult
    from engine.spill import Spill

__all__ = ["RunFolder", "load_libraries", "missing_extras"]

EVENTS_AFTER_CTRL_C = 50_000  # the tables of a part of that size take some 50 ms, of the 100 ms that Ctrl-C has
TABLES = ("trades", "prices", "samples", "journal")  # always written; the others if they are recorded


def missing_extras() -> list[str]:
    """Return the extras that a run folder needs and this environment lacks."""
    needed = {"data": "pyarrow", "report": "plotly"}
    return [extra for extra, module in needed.items() if importlib.util.find_spec(module) is None]


def load_libraries() -> None:
    """Import what the run folder needs; an import that Ctrl-C cuts short could not be told from a broken library."""
    importlib.import_module("pyarrow.parquet")
    importlib.import_module("pyarrow.compute")  # reads spilled rows back
    importlib.import_module("engine.report.page")
    importlib.import_module("plotly.offline")


def _write_table(path: Path, columns: dict[str, Any]) -> None:
    import pyarrow as pa

    table = pa.table(columns)

    def write(target: Path) -> None:
        with parquet_writer(target, table.schema) as writer:
            writer.write_table(table)

    _write_whole(path, write)


def _columns(table: ColumnTable) -> dict[str, Any]:
    """Return a table's columns; a price that there was not becomes null."""
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name in table.names:
        values = table[name]
        columns[name] = pa.array(values, mask=values == table.nulls[name]) if name in table.nulls else values
    return columns


def _landmark_columns(world: World) -> dict[str, Any]:
    """Return the landmarks as columns; kinds by name, and null where a landmark has no mover."""
    import pyarrow as pa

    table = world.landmarks()
    columns: dict[str, Any] = {name: table[name] for name in table.names}
    columns["kind"] = _names(LandmarkKind, columns["kind"])
    no_mover = columns["mover_kind"] == MoverKind.NONE
    columns["mover_kind"] = _names(MoverKind, columns["mover_kind"])
    for name in MOVER_COLUMNS:
        columns[name] = pa.array(columns[name], mask=no_mover)
    return columns


def _names(kinds: type[LandmarkKind | MoverKind], numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the names of numbers that count from 0."""
    names: np.ndarray[Any, Any] = np.array([kind.name for kind in kinds], dtype=object)[numbers]
    return names


def _cause_columns(world: World) -> dict[str, Any]:
    table = world.causes()
    return {name: table[name] for name in table.names}


class RunFolder:
    """The folder of one run, filled as the run goes.

    Parameters
    ----------
    path : Path
        Made if need be; files of the same names are replaced one by one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: dict[str, list[str]] = {}
        self._spills: dict[str, Spill] = {}
        path.mkdir(parents=True, exist_ok=True)

    def spill_part(self, name: str, part: Part, *, rows_resident: int | None = None) -> None:
        """Let a part that has not run hand its oldest rows to its files as it goes; `write_part` closes them."""
        rows = part.spill_rows if rows_resident is None else rows_resident
        if rows:
            self._spills[name] = part.simulation.spill(self.path / name, rows_resident=rows)

    def write_part(self, name: str, part: Part) -> None:
        """Write those tables of a part that this run has not written; the part does not run on after that."""
        folder, world = self.path / name, part.simulation.world
        folder.mkdir(parents=True, exist_ok=True)
        written = self._close_spill(name, part)
        names = [*TABLES, *(table for table in world.table_names() if table not in TABLES)]
        tables: dict[str, Callable[[], dict[str, Any]]] = {
            **{table: partial(_columns, world.table(table)) for table in names},
            "landmarks": lambda: _landmark_columns(world),
            "causes": lambda: _cause_columns(world),
        }
        for table, columns in tables.items():
            if table not in written:
                _write_table(folder / f"{table}.parquet", columns())
                written.append(table)
        written.sort(key=list(tables).index)

    def _close_spill(self, name: str, part: Part) -> list[str]:
        """Give the files of a part's spill their names; returns the names of all its tables that are written."""
        world = part.simulation.world
        world.close_spill()
        written = self._written.setdefault(name, [])
        written += [table for table in world.spilled_files(self.path / name) if table not in written]
        return written

    def _has_spilled(self, name: str) -> bool:
        return name in self._spills and any(self._spills[name].rows.values())

    def write_report(self, result: RunResult) -> None:
        """Write a finished run's page."""
        result.report(self.path / "report.html")

    def close(self, result: RunResult) -> None:
        """Write the tables that are missing still and, last, `run.json`, which names the tables there are.

        After Ctrl-C what would take too long is left out: `tables` in `run.json` does not name it. A table that has
        been spilled already needs its last rows only.
        """
        for name, part in result.parts.items():
            if not result.interrupted or part.simulation.world.counts()["events"] <= EVENTS_AFTER_CTRL_C:
                self.write_part(name, part)
            elif self._has_spilled(name):
                self._close_spill(name, part)
        result.written = self._written
        if result.source is not None and result.source.is_data:
            said = result.source.to_toml()
            _write_whole(self.path / "scenario.toml", lambda target: _write_text(target, said))
        text = json.dumps(result.to_json(), indent=2) + "\n"
        _write_whole(self.path / "run.json", lambda target: _write_text(target, text))


def _write_text(target: Path, text: str) -> None:
    target.write_text(text, encoding="utf-8")
