"""Read a scenario from TOML, and say of every mistake where in the file it stands."""

from __future__ import annotations

import copy
import re
import tomllib
from decimal import Decimal
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, TypeVar

from engine.errors import InputError
from engine.scenario.located import locate
from engine.scenario.paths import EVERY, format_path, parse_path, set_value
from engine.scenario.problems import Problem, ScenarioError

if TYPE_CHECKING:
    from engine.scenario.located import Path
    from engine.scenario.scenario import Scenario, Variant

__all__ = ["read_toml", "shown_name"]

AnyScenario = TypeVar("AnyScenario", bound="Scenario")
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TWICE = re.compile(r"Cannot declare (\(.*\)) twice")
TEXT_NAME = "<text>"


class _SyntaxError(ScenarioError):
    """TOML that cannot be read: one problem, with its place."""

    def __init__(self, problem: Problem, file: str, line: int, column: int) -> None:
        super().__init__([problem], file)
        self.places = [(line, column)]


def is_text(source: object) -> bool:
    """Tell a TOML text from the name of a file."""
    return isinstance(source, str) and ("\n" in source or ("=" in source and not source.endswith(".toml")))


def shown_name(source: str | FilePath) -> str:
    """Return the name of a source in messages."""
    return TEXT_NAME if is_text(source) else str(source)


def text_of(source: str | FilePath) -> tuple[str, FilePath | None]:
    r"""Return the text of a source with line ends ``\n``, and the folder that it is in."""
    if is_text(source):
        return str(source).replace("\r\n", "\n"), None
    path = FilePath(source)
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"), path.resolve().parent
    except OSError as error:
        raise InputError("scenario", "a file that can be read", f"{source}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError("scenario", "a file in UTF-8", f"{source}: byte {error.start}") from None


def parse(text: str, file: str) -> dict[str, Any]:
    """Return the data of a TOML text; a syntax error is told with its place."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        where = _WHERE.search(message)
        lines = text.split("\n")
        at_end = (len(lines), len(lines[-1]) + 1)
        line, column = (int(where[1]), int(where[2])) if where and where[1] else at_end
        twice = _TWICE.search(message)
        if twice or "Cannot overwrite a value" in message:
            problem = Problem(("TOML",), "a name that is used once", lines[line - 1].strip())
        else:
            said = message[: where.start()] if where else message
            problem = Problem(("TOML",), f"TOML that can be read ({said})", lines[line - 1].strip() or "an end")
        raise _SyntaxError(problem, file, line, column) from None
    except RecursionError:
        raise InputError("TOML", "tables that are not nested without end", file) from None


def read_toml(cls: type[AnyScenario], source: str | FilePath) -> AnyScenario:
    """Read and check a scenario; raises `ScenarioError` with every problem located."""
    file = shown_name(source)
    text, folder = text_of(source)
    data = parse(text, file)
    scenario, problems = cls.checked(data, folder=folder)
    problems += _variant_problems(scenario, data, problems)
    if problems:
        raise ScenarioError(problems, file, text, locate(text))
    return scenario


def _variant_problems(scenario: Scenario, data: dict[str, Any], known: list[Problem]) -> list[Problem]:
    """Return what is wrong with the variants once they are applied, each at the value that the variant sets."""
    problems: list[Problem] = []
    seen = {str(problem) for problem in known}
    for name, variant in scenario.variants.items():
        if not variant.enabled:
            continue
        try:
            line = scenario.line_of(name)
        except InputError as error:
            problems.append(Problem(("variants", name, "extends"), error.expected, error.was))
            continue
        changed, found = _applied(data, name, line)
        if not found:  # a path that leads nowhere is told alone: what would follow from it is no news
            found = [
                _in_variant(name, problem, variant.set)
                for problem in type(scenario).checked(changed, folder=scenario.folder)[1]
                if str(problem) not in seen
            ]
        problems += found
    return problems


def _applied(data: dict[str, Any], name: str, line: list[Variant]) -> tuple[dict[str, Any], list[Problem]]:
    """Return a copy of the data with a line of variants applied, and the paths of the last one that lead nowhere."""
    changed, problems = copy.deepcopy(data), []
    for variant in line:
        for text, value in variant.set.items():
            try:
                set_value(changed, parse_path(text), copy.deepcopy(value))
            except InputError as error:
                if variant is line[-1]:
                    problems.append(Problem(("variants", name, "set", text), error.expected, error.was, is_key=True))
    return changed, problems


def _in_variant(name: str, problem: Problem, set_here: dict[str, Any]) -> Problem:
    """Put a problem of a changed scenario at the value that a variant sets."""
    text = format_path(problem.path)
    fitting = [path for path in set_here if _leads_to(path, problem.path)]
    place = ("variants", name, "set", max(fitting, key=len)) if fitting else ("variants", name)
    return Problem(place, f"{text}: {problem.expected}", problem.found, problem.is_key)


def _leads_to(text: str, path: Path) -> bool:
    try:
        prefix = parse_path(text)
    except InputError:
        return False
    return len(prefix) <= len(path) and all(a in (b, EVERY) for a, b in zip(prefix, path, strict=False))
