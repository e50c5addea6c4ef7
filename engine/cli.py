"""The command `firesale`.

Stands on click. `--json` puts one object on stdout; everything for people goes to stderr. Exit codes: 0 good, 1 an invariant or a bar failed,
2 usage or scenario error, 4 an extra is missing (named), 130 interrupted after writing what there was. numpy and the core are imported
inside the commands only, so `--help` is quick.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine._build import VERSION

if TYPE_CHECKING:
    from engine.run import RunResult

EXIT_FAILED, EXIT_USAGE, EXIT_EXTRA, EXIT_INTERRUPTED = 1, 2, 4, 130


def _say(text: str = "") -> None:
    click.echo(text, err=True)


@click.group()
@click.version_option(VERSION, prog_name="firesale")
def main() -> None:
    """Order books, liquidations, and why a market fell."""


@main.command()
def scenarios() -> None:
    """List the shipped scenarios."""
    from engine.scenarios import load, names

    for name in names():
        click.echo(f"{name}: {load(name).SUMMARY}")


def _print_people(result: RunResult) -> None:
    """Print timeline, lows, checks and digest for people."""
    figures = result.to_json()["figures"]
    cascade = figures["endogenous"]
    _say("timeline (part 'endogenous')")
    for time_s, what in result.timeline:
        _say(f"  {time_s:8.3f} s  {what}")
    low = result.figures["low"]
    _say("lows, USDT")
    _say(f"  the real sell into stale bids      {low['exact']:>8}   ({result.figures['prints_equal']} of 71 prints equal, {result.figures['proceeds_usdt']} USDT)")
    _say(f"  grown: makers leave, longs fall    {low['endogenous']:>8}   ({cascade['liquidations']} liquidations by generation {cascade['liquidations_by_generation']})")
    _say(f"  the same seed, makers who stay     {low['makers_stayed']:>8}   ({figures['makers-stayed']['liquidations']} liquidations)")
    _say(f"  (the real sell, makers' quotes there: {result.figures['low_same_sell_with_makers']})")
    held = [name for name, part in figures.items() if part["invariants"] == "hold"]
    _say(f"invariants hold in {len(held)} of {len(figures)} parts: {', '.join(held)}")
    _say(f"digest {result.digest}")


@main.command()
@click.argument("name")
@click.option("--seed", type=int, default=None, help="Key of every random draw; the scenario's own by default.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=None, help="Run folder; runs/NAME by default.")
@click.option("--no-out", is_flag=True, help="Write no run folder.")
@click.option("--json", "as_json", is_flag=True, help="Print run.json to stdout.")
def run(name: str, seed: int | None, out: Path | None, no_out: bool, as_json: bool) -> None:
    """Run the scenario NAME, print its story, and write a run folder."""
    from engine.errors import InputError, InvariantError
    from engine.run import run_scenario
    from engine.runfolder import missing_extras, write_run_folder

    if not no_out and missing_extras():
        extras = ",".join(missing_extras())
        _say(f"the run folder needs what is not installed: pip install 'firesale[{extras}]' (or use --no-out)")
        sys.exit(EXIT_EXTRA)
    try:
        result = run_scenario(name, seed=seed, progress=lambda part: _say(f"running {part}"))
    except InputError as error:
        _say(str(error))
        sys.exit(EXIT_USAGE)
    except InvariantError as error:
        _say(str(error))
        sys.exit(EXIT_FAILED)
    if not no_out:
        folder = out or Path("runs") / name
        write_run_folder(result, folder)
        _say(f"run folder: {folder}")
    if as_json:
        click.echo(json.dumps(result.to_json()))
    if result.interrupted:
        _say("interrupted; what had been done is written")
        sys.exit(EXIT_INTERRUPTED)
    _print_people(result)
    if any(part["invariants"] != "hold" for part in result.to_json()["figures"].values()):
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
