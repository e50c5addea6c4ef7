"""What is wrong with a scenario, all of it at once: paths, what was expected, what was found, and where it stands.

Stands on `engine.errors` and pydantic's errors, which are put into our words here and nowhere else.
"""

from __future__ import annotations

import re
import typing
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from engine.errors import InputError
from engine.scenario.located import Path, Spot, line_and_column, nearest
from engine.scenario.paths import format_path
from engine.scenario.words import did_you_mean, one_of

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["Problem", "ScenarioError", "expected_error", "problems_of"]

NOTHING = "nothing"
# pydantic's rules in our words, by the type of its error.
RULES = {
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "greater_than": "more than {gt}",
    "less_than": "less than {lt}",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "too_short": "at least {min_length}",
    "too_long": "at most {max_length}",
    "string_too_short": "a text that is not empty",
}
TAG = "as:"  # begins the tag of a union's choice, which is no part of a path


def one_line(text: str) -> str:
    """Return a text with what would break or hide a line written out."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    path: Path
    expected: str
    was: object
    is_key: bool = False  # the key itself is wrong, not its value

    @property
    def found(self) -> object:
        """What was found, as people write it."""
        return f"{self.was:f}" if isinstance(self.was, Decimal) else self.was

    def __str__(self) -> str:
        return one_line(str(InputError(format_path(self.path) or "scenario", self.expected, self.found)))


class ScenarioError(InputError):
    """Refuse a scenario, with everything that is wrong in it.

    Parameters
    ----------
    problems : list of Problem
        At least one.
    file : str, optional
        Name of the file; with it each line begins with ``FILE:LINE:COL``.
    text, spots
        The file's text and `located.locate` of it.
    """

    def __init__(
        self, problems: list[Problem], file: str = "", text: str = "", spots: dict[Path, Spot] | None = None
    ) -> None:
        self.problems = problems
        self.file = file
        self.places = [_place(problem, text, spots or {}) for problem in problems]
        if file:
            order = sorted(range(len(problems)), key=self.places.__getitem__)
            self.problems = [problems[i] for i in order]
            self.places = [self.places[i] for i in order]
        first = self.problems[0]
        super().__init__(format_path(first.path) or "scenario", first.expected, first.was)

    def lines(self) -> list[str]:
        """Return one line for each problem: ``FILE:LINE:COL path: expected ..., was ...``."""
        if not self.file:
            return [str(problem) for problem in self.problems]
        return [
            f"{self.file}:{line}:{column} {problem}"
            for problem, (line, column) in zip(self.problems, self.places, strict=True)
        ]

    def to_json(self) -> list[dict[str, Any]]:
        """Return the problems as plain data."""
        return [
            {
                "file": self.file,
                "line": line,
                "column": column,
                "path": format_path(problem.path),
                "expected": problem.expected,
                "was": str(InputError("", "", problem.found)).rpartition("was ")[2],
            }
            for problem, (line, column) in zip(self.problems, self.places, strict=True)
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _place(problem: Problem, text: str, spots: dict[Path, Spot]) -> tuple[int, int]:
    found, spot = nearest(spots, problem.path)
    # A missing key is told at its table; of an unknown key the key is shown, of a wrong value the value, and of an
    # argument within a string the string.
    is_string = text[spot.start : spot.start + 1] in ('"', "'") and spot.end > spot.start
    at = spot.start if not problem.is_key and (found == problem.path or is_string) else spot.key
    return line_and_column(text, at)


def expected_error(expected: str, was: object, at: str = "") -> PydanticCustomError:
    """Return the error that a validator of ours raises; `at` is a key below the field."""
    return PydanticCustomError("expected", "expected {expected}", {"expected": expected, "was": was, "at": at})


def problems_of(error: ValidationError, model: type[BaseModel], prefix: Path = ()) -> list[Problem]:
    """Put pydantic's errors about one object into our words."""
    problems = []
    for row in error.errors(include_url=False):
        loc: Path = tuple(part for part in row["loc"] if not str(part).startswith(TAG))
        context = row.get("ctx", {})
        if row["type"] == "expected":
            below = (context["at"],) if context["at"] else ()
            problems.append(Problem((*prefix, *loc, *below), context["expected"], context["was"]))
        elif row["type"] == "missing":
            known = _model_at(model, loc[:-1]).model_fields[str(loc[-1])]
            wanted = known.description or f"a value for {loc[-1]}"
            problems.append(Problem((*prefix, *loc), wanted, NOTHING))
        elif row["type"] == "extra_forbidden":
            names = [name for name in _model_at(model, loc[:-1]).model_fields if name != loc[-1]]
            problems.append(Problem((*prefix, *loc), f"a known key, {one_of(names, loc[-1])}", loc[-1], is_key=True))
        elif row["type"] in ("literal_error", "enum"):
            names = re.findall(r"'([^']*)'", str(context.get("expected", "")))
            hint = did_you_mean(row["input"], names)
            problems.append(Problem((*prefix, *loc), f"one of {', '.join(names)}{hint}", row["input"]))
        elif row["type"] in RULES:
            problems.append(Problem((*prefix, *loc), RULES[row["type"]].format(**context), row["input"]))
        else:
            text = row["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
            problems.append(Problem((*prefix, *loc), text[:1].lower() + text[1:], row["input"]))
    return problems


def _model_at(model: type[BaseModel], loc: Path) -> type[BaseModel]:
    """Return the model that stands at a location below another one."""
    for part in loc:
        field = model.model_fields.get(str(part))
        found = _model_in(field.annotation) if field is not None else None
        model = found or model
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
