"""The command `firesale`.

Stands on click; the bodies are in `engine.commands`. `--json` puts one object on stdout; everything for people goes to
stderr. Exit codes: 0 good, 1 an invariant or a bar failed, 2 usage or scenario error, 3 some runs of several failed,
4 an extra is missing (named), 130 interrupted after writing what there was. numpy, pydantic and all that stands on them
are imported inside the commands only, so `--help` is quick.

Ctrl-C: while libraries load it ends the process at once, while the scenario runs it is a `KeyboardInterrupt`, and while
the rest is written it waits.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from engine._build import VERSION
from engine.commands import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from engine.commands import say as _say

if TYPE_CHECKING:
    from collections.abc import Callable


class _Process(click.Group):
    """The commands; called as a process (not by a test), one that was interrupted ends at once.

    Taking pyarrow and a world down again would take twice the time that Ctrl-C has.
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


class _Source(click.ParamType[str]):
    """A shipped scenario's name, or a TOML file; the shell completes both."""

    name = "scenario"

    def shell_complete(self, _: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from engine.scenarios import names

        found = [CompletionItem(name) for name in names() if name.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="file")]


class _VariantName(click.ParamType[str]):
    """A variant of the scenario that the command line names before it."""

    name = "variant"

    def shell_complete(self, ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        import tomllib

        from engine.commands.scenario import source_path

        # While the option has no value yet, click leaves the name among the arguments that it has not read.
        source = ctx.params.get("source") or next(iter(ctx.args), "")
        try:
            data = tomllib.loads(source_path(source).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        variants = data.get("variants", {})
        known = ["base", *variants] if isinstance(variants, dict) else ["base"]
        return [CompletionItem(name) for name in known if name.startswith(incomplete)]


_SHAPE = (
    click.option("--scale", default=None, metavar="SCALE", help="Size of a generated scenario; its first by default."),
    click.option("--off", multiple=True, metavar="SWITCH", help="Take this link away; repeatable."),
    click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Set a parameter; repeatable."),
)
_workers_option = click.option(
    "--workers", type=click.IntRange(min=1), default=None, help="Processes; one for each processor by default."
)


def _shape_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a generated scenario."""
    for option in reversed(_SHAPE):
        command = option(command)
    return command


@click.group(cls=_Process)
@click.version_option(VERSION, prog_name="firesale")
def main() -> None:
    """Order books, liquidations, and why a market fell."""


@main.command()
@click.argument("source", type=_Source(), required=False, metavar="[NAME]")
def scenarios(source: str | None) -> None:
    """List the shipped scenarios, or print the TOML of the scenario NAME."""
    from engine.commands.scenario import list_scenarios

    sys.exit(list_scenarios(source))


@main.command()
@click.argument("source", type=_Source(), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
def check(source: str, as_json: bool) -> None:
    """Check a scenario file: every error with its line and column, or what it holds."""
    from engine.commands.scenario import check as check_scenario

    sys.exit(check_scenario(source, as_json=as_json))


@main.command()
@click.argument("source", type=_Source(), metavar="NAME|FILE.toml")
@click.option("--seed", type=int, default=None, help="Key of every random draw; the scenario's own by default.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Set a value of the scenario; repeatable.")
@click.option(
    "--variant",
    "variants",
    multiple=True,
    type=_VariantName(),
    metavar="NAME",
    help="Run this variant only (base: the scenario itself); repeatable.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Run folder; runs/NAME by default.",
)
@click.option("--no-out", is_flag=True, help="Write no run folder.")
@_shape_options
@click.option(
    "--counterfactuals",
    "apart",
    is_flag=True,
    help="Then run it over paired seeds without each link: what changes, and which link carries what.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=None, help="Paired seeds of the counterfactuals; 32.")
@_workers_option
@click.option("--json", "as_json", is_flag=True, help="Print run.json to stdout.")
def run(
    source: str,
    seed: int | None,
    settings: tuple[str, ...],
    variants: tuple[str, ...],
    out: Path | None,
    no_out: bool,
    scale: str | None,
    off: tuple[str, ...],
    parameters: tuple[str, ...],
    apart: bool,
    seeds: int | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Run a scenario, print its story, and write a run folder."""
    from engine.commands.apart import Apart
    from engine.commands.generated import Shape
    from engine.commands.run import Wish
    from engine.commands.run import run as run_wish
    from engine.commands.scenario import folder_name

    if not apart and (seeds is not None or workers is not None):
        raise click.UsageError("--seeds and --workers go with --counterfactuals")
    if apart and off:
        raise click.UsageError("--counterfactuals takes each link away itself; --off is for a run without it")
    wish = Wish(
        source,
        seed=seed,
        settings=settings,
        variants=variants,
        folder=None if no_out else out or Path("runs") / folder_name(source),
        as_json=as_json,
        shape=Shape(scale, off, parameters),
        apart=Apart(seeds, seed, workers) if apart else None,
    )
    sys.exit(run_wish(wish))


@main.command()
@click.argument("source", type=_Source(), metavar="NAME|FILE.toml|RUNFOLDER")
@_shape_options
@click.option("--seed", type=int, default=None, help="Key of every random draw; the scenario's own by default.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Set a value of the scenario; repeatable.")
@click.option("--part", type=_VariantName(), default=None, metavar="NAME", help="Part to tell; the story's by default.")
@click.option("--market", "markets", multiple=True, metavar="NAME", help="Show this market; repeatable.")
@click.option("--landmark", type=int, default=None, metavar="N", help="Tell the chain that leads to this landmark.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), default=None, help="The file; NAME.html by default."
)
def report(
    source: str,
    scale: str | None,
    off: tuple[str, ...],
    parameters: tuple[str, ...],
    seed: int | None,
    settings: tuple[str, ...],
    part: str | None,
    markets: tuple[str, ...],
    landmark: int | None,
    out: Path | None,
) -> None:
    """Run a scenario, or a run folder's again, and write its page only: one HTML file that opens offline.

    A run folder's run must come out with the digest in its run.json; else the exit code is 1.
    """
    from engine.commands.generated import Shape
    from engine.commands.report import Wish
    from engine.commands.report import report as report_source

    shape = Shape(scale, off, parameters)
    sys.exit(report_source(Wish(source, seed, settings, shape, part, markets, landmark, out)))


@main.command()
@click.argument("source", type=_Source(), metavar="NAME")
@_shape_options
@click.option("--seeds", type=click.IntRange(min=1), default=8, show_default=True, help="How many seeds are run.")
@click.option("--seed", type=int, default=None, help="The first of them; the others follow it.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Set a value of the scenario; repeatable.")
@_workers_option
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=None, help="Write score.json there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
def score(
    source: str,
    scale: str | None,
    off: tuple[str, ...],
    parameters: tuple[str, ...],
    seeds: int,
    seed: int | None,
    settings: tuple[str, ...],
    workers: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Hold a generated scenario against what was measured, over seeds.

    Exits with 0 however many statistics are inside their bands, with 3 if a run failed.
    """
    from engine.commands.generated import Shape
    from engine.commands.score import score as score_source

    code = score_source(
        source,
        Shape(scale, off, parameters),
        seeds=seeds,
        first_seed=seed,
        settings=settings,
        workers=workers,
        folder=out,
        as_json=as_json,
    )
    sys.exit(code)


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
    """Check the engine against published laws; WHAT names a set of them: events, lending.

    Exits with 1 if a line lies outside its band.
    """
    from engine.validation.command import validate as run_set

    sys.exit(run_set(what, as_json=as_json, seed=seed, only=only, quick=quick))


if __name__ == "__main__":
    main()
