"""The command `firesale`.

Stands on click. `--json` puts one object on stdout; everything for people goes to stderr. Exit codes: 0 good, 1 an
invariant or a bar failed, 2 usage or scenario error, 4 an extra is missing (named), 130 interrupted after writing what
there was. numpy and all that stands on it are imported inside the commands only, so `--help` is quick.

Ctrl-C: while libraries load it ends the process at once, while the scenario runs it is a `KeyboardInterrupt`, and while
the rest is written it waits.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from engine._build import VERSION

if TYPE_CHECKING:
    from engine.run import RunResult
    from engine.runfolder import RunFolder

EXIT_FAILED, EXIT_USAGE, EXIT_EXTRA, EXIT_INTERRUPTED = 1, 2, 4, 130


def _say(text: str = "") -> None:
    click.echo(text, err=True)


class _Process(click.Group):
    """The commands; called as a process (not by a test), one that was interrupted ends at once.

    Taking matplotlib, pyarrow and a world down again would take twice the time that Ctrl-C has.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except SystemExit as end:
            if end.code == EXIT_INTERRUPTED:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(EXIT_INTERRUPTED)
            raise


@click.group(cls=_Process)
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
    figures = result.measured()
    cascade = figures["endogenous"]
    _say("timeline (part 'endogenous')")
    for time_s, what in result.timeline:
        _say(f"  {time_s:8.3f} s  {what}")
    low = result.figures["low"]
    _say("lows, USDT")
    prints, proceeds = result.figures["prints_equal"], result.figures["proceeds_usdt"]
    generations = cascade["liquidations_by_generation"]
    lows = [
        ("the real sell into stale bids", low["exact"], f"{prints} of 71 prints equal, {proceeds} USDT"),
        (
            "grown: makers leave, longs fall",
            low["endogenous"],
            f"{cascade['liquidations']} liquidations by generation {generations}",
        ),
        (
            "the same seed, makers who stay",
            low["makers_stayed"],
            f"{figures['makers-stayed']['liquidations']} liquidations",
        ),
    ]
    for what, price, note in lows:
        _say(f"  {what:<32}{price:>10}   ({note})")
    _say(f"  (the real sell, makers' quotes there: {result.figures['low_same_sell_with_makers']})")
    held = [name for name, part in figures.items() if part["invariants"] == "hold"]
    _say(f"invariants hold in {len(held)} of {len(figures)} parts: {', '.join(held)}")
    _say(f"digest {result.digest}")


@main.command()
@click.argument("name")
@click.option("--seed", type=int, default=None, help="Key of every random draw; the scenario's own by default.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Run folder; runs/NAME by default.",
)
@click.option("--no-out", is_flag=True, help="Write no run folder.")
@click.option("--json", "as_json", is_flag=True, help="Print run.json to stdout.")
def run(name: str, seed: int | None, out: Path | None, no_out: bool, as_json: bool) -> None:
    """Run the scenario NAME, print its story, and write a run folder."""
    from engine.errors import InputError
    from engine.scenarios import check_name

    try:
        check_name(name)
    except InputError as error:
        _say(str(error))
        sys.exit(EXIT_USAGE)
    folder_path = None if no_out else out or Path("runs") / name
    before = signal.getsignal(signal.SIGINT)
    try:
        _on_ctrl_c(lambda *_: _interrupted_before(name, seed, folder_path, as_json=as_json))
        sys.exit(_run(name, seed, folder_path, as_json=as_json))
    finally:
        _on_ctrl_c(before)


@main.command()
@click.option("--only", multiple=True, metavar="NAME", help="Run this benchmark only; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
@click.option("--quick", is_flag=True, help="Small sizes and one run: results are checked, no bar is judged.")
def bench(only: tuple[str, ...], as_json: bool, quick: bool) -> None:
    """Measure speed and memory next to bare C and to peers, and check every result.

    Runs the checkout's benchmarks/bench_NAME.py. Exits with 1 if a check differs or a bar is missed.
    """
    from engine.bench import benchmark_scripts, print_table, run_benchmarks
    from engine.errors import InputError

    try:
        scripts = benchmark_scripts(only)
    except InputError as error:
        _say(str(error))
        sys.exit(EXIT_USAGE)
    result = run_benchmarks(scripts, quick=quick)
    print_table(result)
    if as_json:
        click.echo(json.dumps(result.to_json()))
    if result.interrupted:
        _say("interrupted; what had been measured is above")
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(EXIT_FAILED if result.failed else 0)


@main.command()
@click.argument("what")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
@click.option("--seed", type=int, default=None, help="Key of every random draw; the set's own by default.")
@click.option("--only", multiple=True, metavar="NAME", help="Run this check only; may be given several times.")
@click.option("--quick", is_flag=True, help="Small sizes, wider bands.")
def validate(what: str, as_json: bool, seed: int | None, only: tuple[str, ...], quick: bool) -> None:
    """Check the engine against published laws; WHAT names a set of them: events.

    Exits with 1 if a line lies outside its band.
    """
    from engine.validation.command import validate as run_set

    sys.exit(run_set(what, as_json=as_json, seed=seed, only=only, quick=quick))


def _on_ctrl_c(handler: Any) -> None:
    """Set what Ctrl-C does from now on; a thread may not, and leaves it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)


class _CtrlC:
    """Make Ctrl-C a KeyboardInterrupt that arrives.

    One that is raised in a destructor or in a weak reference's callback goes nowhere (while matplotlib draws, 4 of 40),
    so it is raised again a moment later.
    """

    RETRY_S = 0.002

    def __enter__(self) -> Self:
        self._hook = sys.unraisablehook
        if threading.current_thread() is threading.main_thread():
            self._alarm = signal.signal(signal.SIGALRM, self)
            sys.unraisablehook = self._went_nowhere
            _on_ctrl_c(self)
        return self

    def __exit__(self, *_: object) -> None:
        """From here on Ctrl-C waits: what is left to do is short, and makes the folder whole."""
        _on_ctrl_c(signal.SIG_IGN)
        if threading.current_thread() is threading.main_thread():
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._alarm)
            sys.unraisablehook = self._hook

    def __call__(self, *_: object) -> None:
        raise KeyboardInterrupt

    def _went_nowhere(self, what: Any) -> None:
        if issubclass(what.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, self.RETRY_S)
        else:
            self._hook(what)


def _interrupted_before(name: str, seed: int | None, folder: Path | None, *, as_json: bool) -> None:
    """End at once while libraries are still loading: nothing has run, and an import cannot be cut short cleanly."""
    nothing: dict[str, Any] = {"digest": None, "interrupted": True, "figures": {}, "tables": {}, "timeline": []}
    text = json.dumps({"scenario": name, "seed": seed, **nothing})
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".run.json.{os.getpid()}"
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(folder / "run.json")
    if as_json:
        os.write(1, (text + "\n").encode())
    os.write(2, b"interrupted before the run began\n")
    os._exit(EXIT_INTERRUPTED)


def _run(name: str, seed: int | None, folder_path: Path | None, *, as_json: bool) -> int:
    """Run a scenario and return the exit code."""
    from engine.errors import InputError, InvariantError
    from engine.run import carry_out, new_result
    from engine.runfolder import RunFolder, load_libraries, missing_extras

    folder: RunFolder | None = None
    try:
        result = new_result(name, seed)
        if folder_path is not None:
            if missing_extras():
                extras = ",".join(missing_extras())
                _say(f"the run folder needs what is not installed: pip install 'firesale[{extras}]' (or use --no-out)")
                return EXIT_EXTRA
            load_libraries()
            folder = RunFolder(folder_path)
        try:
            with _CtrlC():
                write = None if folder is None else folder.write_part
                carry_out(result, progress=lambda part: _say(f"running {part}"), finished=write)
                if folder is not None:
                    _say("drawing")
                    folder.write_picture(result)
        except KeyboardInterrupt:
            result.interrupted = True
        return _close(result, folder, as_json=as_json)
    except InputError as error:
        _say(str(error))
        return EXIT_USAGE
    except OSError as error:
        _say(f"out: expected a folder that can be written, was {folder_path}: {error}")
        return EXIT_USAGE
    except InvariantError as error:
        _say(str(error))
        return EXIT_FAILED


def _close(result: RunResult, folder: RunFolder | None, *, as_json: bool) -> int:
    """Write and print what there is, and return the exit code."""
    if folder is not None:
        folder.close(result)
        _say(f"run folder: {folder.path}")
    if as_json:
        click.echo(json.dumps(result.to_json()))
    if result.interrupted:
        _say("interrupted; what had been done is written" if folder else "interrupted")
        return EXIT_INTERRUPTED
    _print_people(result)
    held = all(part["invariants"] == "hold" for part in result.measured().values())
    return 0 if held else EXIT_FAILED


if __name__ == "__main__":
    main()
