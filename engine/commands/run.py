"""Body of `firesale run`: the parts of a scenario, what people are told, the run folder, Ctrl-C."""

from __future__ import annotations

import json
import shlex
import signal
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from engine.commands import (
    EXIT_EXTRA,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_RUNS_FAILED,
    EXIT_USAGE,
    say,
    say_error,
)
from engine.commands.apart import Apart, take_apart, tell_counterfactuals
from engine.commands.interrupt import CtrlC, interrupted_before, on_ctrl_c
from engine.commands.scenario import WHOLE, changes_of, folder_name, open_scenario, source_path
from engine.errors import AgentError, InputError, InvariantError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from engine.commands.generated import Shape
    from engine.run import RunResult
    from engine.runfolder import RunFolder

__all__ = ["Wish", "run"]


class Wish:
    """What the command line asks of a run."""

    def __init__(
        self,
        source: str,
        *,
        seed: int | None = None,
        settings: tuple[str, ...] = (),
        variants: tuple[str, ...] = (),
        folder: Path | None = None,
        as_json: bool = False,
        shape: Shape = WHOLE,
        apart: Apart | None = None,
    ) -> None:
        self.source = source
        self.seed = seed
        self.settings = settings
        self.variants = variants
        self.folder = folder
        self.as_json = as_json
        self.shape = shape
        self.apart = apart

    @property
    def command(self) -> str:
        """The command that makes the same run."""
        words = ["firesale", "run", self.source]
        single = {"--scale": self.shape.scale, "--seed": self.seed}
        words += [str(word) for option, value in single.items() if value is not None for word in (option, value)]
        lists = {
            "--off": self.shape.off,
            "--parameter": self.shape.parameters,
            "--set": self.settings,
            "--variant": self.variants,
        }
        words += [word for option, values in lists.items() for value in values for word in (option, value)]
        return shlex.join(words)


def run(wish: Wish) -> int:
    """Run as wished, with Ctrl-C as it should be at each stage; returns the exit code."""
    try:
        source_path(wish.source)
    except InputError as error:
        say_error(error)
        return EXIT_USAGE
    before = signal.getsignal(signal.SIGINT)
    name = folder_name(wish.source)
    try:
        on_ctrl_c(lambda *_: interrupted_before(name, wish.seed, wish.folder, as_json=wish.as_json))
        return carry_out_wish(wish)
    finally:
        on_ctrl_c(before)


def carry_out_wish(wish: Wish) -> int:
    """Read, run and write; returns the exit code."""
    from engine.run import carry_out, new_result
    from engine.runfolder import RunFolder, load_libraries, missing_extras

    folder: RunFolder | None = None
    try:
        scenario = open_scenario(wish.source, wish.settings, wish.seed, wish.shape)
        result = new_result(scenario, parts=wish.variants or None)
        result.command = wish.command
        if wish.apart is not None:
            wish.apart.check(wish.source)
        if wish.folder is not None:
            if missing_extras():
                extras = ",".join(missing_extras())
                say(f"the run folder needs what is not installed: pip install 'firesale[{extras}]' (or use --no-out)")
                return EXIT_EXTRA
            load_libraries()
            folder = RunFolder(wish.folder)
        with _ticker(result) as ticker:
            try:
                with CtrlC():
                    write, spill = (None, None) if folder is None else (folder.write_part, folder.spill_part)
                    carry_out(result, progress=ticker.begin, built=spill, finished=write, watch=ticker.watch)
                    if folder is not None:
                        ticker.say("writing the report")
                        folder.write_report(result)
            except KeyboardInterrupt:
                result.interrupted = True
        return _close(result, folder, wish)
    except InputError as error:
        say_error(error)
        return EXIT_USAGE
    except OSError as error:
        say(f"out: expected a folder that can be written, was {wish.folder}: {error}")
        return EXIT_USAGE
    except AgentError as error:
        say(str(error))  # a mistake in an agent of the scenario's own
        return EXIT_USAGE
    except InvariantError as error:
        say(str(error))
        return EXIT_FAILED
    except KeyboardInterrupt:  # between two pools of runs
        return EXIT_INTERRUPTED


class _Lines:
    """What is said where stderr is no terminal: a line for each part."""

    watch = None

    def begin(self, part: str) -> None:
        self.say(f"running {part}")

    def say(self, text: str) -> None:
        say(text)


def _ticker(result: RunResult) -> AbstractContextManager[Any]:
    """Return what shows how a run goes: a live display on a terminal, else plain lines."""
    if not sys.stderr.isatty():
        return nullcontext(_Lines())
    from engine.commands.ticker import Ticker

    return Ticker(list(result.variants))


def _close(result: RunResult, folder: RunFolder | None, wish: Wish) -> int:
    """Write and print what there is, take the scenario apart if that is wished, and return the exit code."""
    if folder is not None:
        folder.close(result)
        say(f"run folder: {folder.path}")
    data = result.to_json() if wish.as_json else {}
    if result.interrupted:
        if wish.as_json:
            click.echo(json.dumps(data))
        say("interrupted; what had been done is written" if folder else "interrupted")
        return EXIT_INTERRUPTED
    for line in told(result):
        say(line)
    held = all(part["invariants"] == "hold" for part in result.measured().values())
    code = 0 if held else EXIT_FAILED
    if wish.apart is not None:
        table = take_apart(wish.source, wish.apart, wish.shape, changes_of(wish.settings), wish.folder)
        data |= {"counterfactuals": table.to_json()}
        if folder is not None:
            tell_counterfactuals(result, table)
            folder.write_report(result)
        if table.interrupted:
            say(f"interrupted; {len(table.seeds)} seeds were whole")
        code = EXIT_INTERRUPTED if table.interrupted else code or (EXIT_RUNS_FAILED if table.failures else 0)
    if wish.as_json:
        click.echo(json.dumps(data))
    return code


def told(result: RunResult) -> list[str]:
    """Return what people are told of a run: timeline, lows, checks, digest."""
    from engine.scenarios import story_of

    figures = result.measured()
    lines = [f"timeline (part '{result.timeline_part}')"]
    lines += [f"  {time_s:8.3f} s  {what}" for time_s, what in result.timeline]
    story = None if result.source is None else story_of(result.source.story)
    lines += _lows(figures) if story is None else story.people(result)
    held = [name for name, part in figures.items() if part["invariants"] == "hold"]
    lines.append(f"invariants hold in {len(held)} of {len(figures)} parts: {', '.join(held)}")
    for name, part in figures.items():
        if part["invariants"] != "hold":
            lines.append(f"  {name}: {part['invariants']}")
    lines.append(f"digest {result.digest}")
    return lines


def _lows(figures: dict[str, dict[str, Any]]) -> list[str]:
    """Return each part's figures in a line or two, whatever markets it has."""
    lines = ["parts"]
    for name, part in figures.items():
        lows = ", ".join(f"{market} {'no trade' if low is None else low}" for market, low in part["lows"].items())
        lines.append(f"  {name}: lows {lows}")
        generations = part["liquidations_by_generation"]
        by = f" by generation {generations}" if generations else ""
        lines.append(
            f"    {part['counts']['trades']} trades, {part['withdrawals']} withdrawals, "
            f"{part['liquidations']} liquidations{by}, bad debt {part['bad_debts'] or 0}"
        )
    return lines
