"""Bodies of `firesale scenarios` and `firesale check`, and how a name or a file becomes a scenario."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.commands import EXIT_USAGE, say, say_error
from engine.commands.generated import Shape
from engine.errors import InputError
from engine.scenarios import generator_of, load, names, path_of, refuse_shape, summary_of

if TYPE_CHECKING:
    from engine.scenario import Scenario

__all__ = ["changes_of", "check", "folder_name", "list_scenarios", "open_scenario", "source_path"]

WHOLE = Shape()  # a scenario as it is


def source_path(source: str) -> Path:
    """Return the file of a shipped scenario's name or of a path.

    Raises
    ------
    InputError
        It is neither.
    """
    if source in names():
        return path_of(source)
    path = Path(source)
    if path.suffix != ".toml" and not path.is_file():
        raise InputError("scenario", f"one of {', '.join(names())}, or a file such as mine.toml", source)
    return path


def folder_name(source: str) -> str:
    """Return the name of a run's folder: the scenario's name or the file's, without its ending."""
    return source if source in names() else Path(source).stem


def open_scenario(
    source: str, settings: tuple[str, ...] = (), seed: int | None = None, shape: Shape = WHOLE
) -> Scenario:
    """Read or generate a scenario and set what the command line sets, in order.

    Raises
    ------
    InputError
        With everything that is wrong.
    """
    path = source_path(source)
    changes = changes_of(settings)
    if source in names() and generator_of(source) is not None:
        scenario = load(source, shape.scale, seed=seed, off=shape.off, parameters=shape.values)
    else:
        from engine.scenario import Scenario

        refuse_shape(source, shape.scale, shape.off, shape.parameters)
        scenario = Scenario.from_toml(path)
        if seed is not None:
            changes["seed"] = seed
    return scenario.but(changes) if changes else scenario


def changes_of(settings: tuple[str, ...]) -> dict[str, Any]:
    """Return what ``PATH=VALUE`` sets, by path, in order; the last value of a path counts, and comes last.

    Raises
    ------
    InputError
        One is not of that form.
    """
    from engine.scenario.paths import parse_setting

    changes: dict[str, Any] = {}
    for setting in settings:
        key, value = parse_setting(setting)
        changes.pop(key, None)
        changes[key] = value
    return changes


def list_scenarios(name: str | None) -> int:
    """List the shipped scenarios, or print one's TOML; returns the exit code."""
    if name is None:
        for each in names():
            click.echo(f"{each}: {summary_of(each)}")
        return 0
    try:
        click.echo(path_of(name).read_text(encoding="utf-8"), nl=False)
    except InputError as error:
        say_error(error)
        return EXIT_USAGE
    return 0


def check(source: str, *, as_json: bool) -> int:
    """Say everything that is wrong with a scenario, or what it holds; returns the exit code."""
    try:
        scenario = open_scenario(source)
        problems = _building_problems(scenario, str(source_path(source)))
    except InputError as error:
        return _told(source, error, as_json=as_json)
    if problems is not None:
        return _told(source, problems, as_json=as_json)
    holds = contents(scenario)
    if as_json:
        click.echo(json.dumps({"file": source, "ok": True, "problems": [], "holds": holds}))
    say(f"{source}: '{scenario.name}' is whole")
    for section, each in holds.items():
        say(f"  {section:<12}{', '.join(each)}")
    return 0


def _told(source: str, error: InputError, *, as_json: bool) -> int:
    from engine.scenario.problems import ScenarioError

    if as_json:
        plain = {"file": source, "path": error.field, "expected": error.expected, "was": str(error.was)}
        problems = error.to_json() if isinstance(error, ScenarioError) else [plain]
        click.echo(json.dumps({"file": source, "ok": False, "problems": problems, "holds": {}}))
    say_error(error)
    return EXIT_USAGE


def contents(scenario: Scenario) -> dict[str, list[str]]:
    """Return what a scenario holds: names by section, what is switched off in brackets."""
    from engine.scenario.paths import SECTIONS

    held = {}
    for section in SECTIONS:
        objects = getattr(scenario, section)
        if objects:
            held[section] = [_shown(name, each) for name, each in objects.items()]
    held["parts"] = list(scenario.parts)
    return held


def _shown(name: str, each: Any) -> str:
    count = getattr(each, "count", 1)
    text = f"{name} x {count}" if count > 1 else name
    return text if each.enabled else f"({text})"


def _building_problems(scenario: Scenario, file: str) -> InputError | None:
    """Build the scenario and every variant, as a run would; return what the world refuses, at its place in the file."""
    from engine.scenario.located import locate
    from engine.scenario.paths import parse_path
    from engine.scenario.problems import Problem, ScenarioError
    from engine.scenario.reading import text_of

    problems: list[Problem] = []
    others = [name for name, variant in scenario.variants.items() if variant.enabled]
    for part in dict.fromkeys(["base", *scenario.parts, *others]):
        try:
            scenario.variant(part).simulation()
        except InputError as error:
            try:
                path = parse_path(error.field)
            except InputError:
                path = ()
            problem = Problem(path, error.expected, error.was)
            problems += [problem] if problem not in problems else []
    if not problems:
        return None
    text, _ = text_of(Path(file))
    return ScenarioError(problems, file, text, locate(text))
