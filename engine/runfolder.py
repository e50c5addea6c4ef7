"""Run folder: `run.json`, tables as Parquet, and a picture that opens offline.

Stands on `engine.run`; pyarrow (extra ``data``) and matplotlib (extra ``plot``) are imported here only. Promises: each file is written under a
temporary name and renamed, so a killed run leaves the old file or the new one, never half; nothing is written outside the folder.
"""

from __future__ import annotations

import importlib.util
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.lineage import LandmarkKind, Lineage
from engine.run import NO_PRICE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine._core import ColumnTable
    from engine.run import RunResult
    from engine.scenarios.atom_flash_crash import Part

__all__ = ["missing_extras", "write_run_folder"]

PRICE_COLUMNS = ("best_bid", "best_ask", "last", "index", "mark")


def missing_extras() -> list[str]:
    """Return the extras that a run folder needs and this environment lacks."""
    needed = {"data": "pyarrow", "plot": "matplotlib"}
    return [extra for extra, module in needed.items() if importlib.util.find_spec(module) is None]


def _write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file under a temporary name beside it and rename it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_table(path: Path, columns: dict[str, Any]) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table(columns)
    _write_whole(path, lambda target: pyarrow.parquet.write_table(table, target, compression="zstd"))


def _columns(table: ColumnTable) -> dict[str, Any]:
    """Return a table's columns; a price that there was not becomes null."""
    import pyarrow

    columns: dict[str, Any] = {}
    for name in table.names:
        values = table[name]
        columns[name] = pyarrow.array(values, mask=values == NO_PRICE) if name in PRICE_COLUMNS else values
    return columns


def _lineage_columns(lineage: Lineage) -> tuple[dict[str, Any], dict[str, Any]]:
    rows = lineage.landmarks
    landmarks: dict[str, Any] = {
        name: [getattr(row, name) for row in rows]
        for name in ("id", "time_ms", "market", "number", "account", "parent", "generation", "value")
    }
    landmarks["kind"] = [row.kind.name for row in rows]
    for name in ("time_ms", "account", "number", "cause"):
        landmarks[f"mover_{name}"] = [None if row.mover is None else getattr(row.mover, name) for row in rows]
    landmarks["mover_kind"] = [None if row.mover is None else row.mover.kind.name for row in rows]
    causes = np.array(lineage.causes, dtype=np.int64).reshape(-1, 3)
    return landmarks, {"child": causes[:, 0], "parent": causes[:, 1], "weight_ppm": causes[:, 2]}


def _write_part(folder: Path, part: Part) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    world = part.simulation.world
    landmarks, causes = _lineage_columns(Lineage(world))
    _write_table(folder / "trades.parquet", _columns(world.trades()))
    _write_table(folder / "prices.parquet", _columns(world.prices()))
    _write_table(folder / "depth.parquet", _columns(world.depth_samples()))
    _write_table(folder / "journal.parquet", _columns(world.journal()))
    _write_table(folder / "landmarks.parquet", landmarks)
    _write_table(folder / "causes.parquet", causes)


def _series(part: Part) -> dict[str, np.ndarray[Any, Any]]:
    """Return the depth table of a part's market as floats in units, missing prices as NaN."""
    table = part.simulation.world.depth_samples()
    on_market = table["market"] == part.market.number
    tick, lot = float(part.market.price.step), float(part.market.quantity.step)
    series = {"time_s": table["time_ms"][on_market] / 1000}
    for name in PRICE_COLUMNS:
        values = table[name][on_market]
        series[name] = np.where(values == NO_PRICE, np.nan, values * tick)
    for name in ("bid_lots_1pct", "ask_lots_1pct"):
        series[name] = table[name][on_market] * lot
    return series


def _draw(target: Path, part: Part, stayed: Part, exact_low: float, title: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "firesale"  # the same picture has the same bytes
    import matplotlib.pyplot as plt

    seen, calm = _series(part), _series(stayed)
    figure, (price, depth, forced) = plt.subplots(3, 1, figsize=(10, 9), sharex=True, height_ratios=(3, 2, 2))
    price.plot(calm["time_s"], calm["last"], color="#4c9f70", lw=1.2, label="last, makers stay")
    price.plot(seen["time_s"], seen["mark"], color="#d98c21", lw=1.0, label="mark, makers leave")
    price.plot(seen["time_s"], seen["last"], color="#b3261e", lw=1.2, label="last, makers leave")
    price.axhline(exact_low, color="#555555", ls=":", lw=1.0, label=f"low of the real sell, {exact_low}")
    price.set_ylabel("price, USDT")
    price.set_ylim(bottom=0)
    price.legend(loc="lower right", fontsize=8)
    price.set_title(title, loc="left", fontsize=10)
    depth.plot(seen["time_s"], seen["bid_lots_1pct"] * seen["last"] + 1, color="#1f5fa8", lw=1.2, label="bids, makers leave")
    depth.plot(calm["time_s"], calm["bid_lots_1pct"] * calm["last"] + 1, color="#9bbce0", lw=1.0, label="bids, makers stay")
    depth.set_yscale("log")
    depth.set_ylabel("bids within 1 %, USDT + 1")
    depth.legend(loc="lower right", fontsize=8)
    rows = Lineage(part.simulation.world).of_kind(LandmarkKind.LIQUIDATION)
    edges = np.arange(0.0, part.until_ms / 1000 + 1.0, 1.0)
    generations = sorted({row.generation for row in rows})
    counts = [[row.time_ms / 1000 for row in rows if row.generation == generation] for generation in generations]
    if rows:
        forced.hist(counts, bins=edges, stacked=True, label=[f"generation {g}" for g in generations])
        forced.legend(loc="upper right", fontsize=8)
    forced.set_ylabel("liquidations per second")
    forced.set_xlabel("seconds since the start")
    figure.tight_layout()
    figure.savefig(target, format="svg", metadata={"Date": None})
    plt.close(figure)


def write_run_folder(result: RunResult, folder: Path) -> None:
    """Write a run's folder.

    Parameters
    ----------
    result : RunResult
        A finished or interrupted run.
    folder : Path
        Made if need be; files of the same names are replaced one by one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in result.parts.items():
        _write_part(folder / name, part)
    if not result.interrupted and {"endogenous", "makers-stayed"} <= set(result.parts):
        title = f"{result.scenario}, seed {result.seed}, digest {result.digest}"
        low = result.figures["low"]["exact"]
        part, stayed = result.parts["endogenous"], result.parts["makers-stayed"]
        _write_whole(folder / "picture.svg", lambda target: _draw(target, part, stayed, low, title))
    text = json.dumps(result.to_json(), indent=2) + "\n"
    _write_whole(folder / "run.json", lambda target: _write_text(target, text))


def _write_text(target: Path, text: str) -> None:
    target.write_text(text, encoding="utf-8")
