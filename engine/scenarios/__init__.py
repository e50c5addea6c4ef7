"""The shipped scenarios, by name: one TOML file each, beside this one.

A scenario with a `story` has a module of that name here: further figures, what people are told of them, and which parts
the picture shows. Nothing is loaded before it is asked for; the list alone needs no pydantic.
"""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

    from engine.scenario import Scenario

__all__ = ["check_name", "load", "names", "path_of", "story_of", "summary_of"]

_FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """Return the names of the shipped scenarios."""
    return sorted(path.stem.replace("_", "-") for path in _FOLDER.glob("*.toml"))


def check_name(name: str) -> None:
    """Raise InputError unless there is a scenario of that name; loads no scenario."""
    if name not in names():
        raise InputError("scenario", "one of " + ", ".join(names()), name)


def path_of(name: str) -> Path:
    """Return a shipped scenario's file."""
    check_name(name)
    return _FOLDER / f"{name.replace('-', '_')}.toml"


def head_of(name: str) -> dict[str, Any]:
    """Return a shipped scenario's data without checking it."""
    return tomllib.loads(path_of(name).read_text(encoding="utf-8"))


def summary_of(name: str) -> str:
    """Return the sentence about a shipped scenario."""
    return str(head_of(name).get("summary", ""))


def load(name: str) -> Scenario:
    """Return a shipped scenario.

    Raises
    ------
    InputError
        There is no scenario of that name.

    Examples
    --------
    >>> load("atom-flash-crash").seed
    20251010
    """
    from engine.scenario import Scenario

    return Scenario.from_toml(path_of(name))


def story_of(name: str | None) -> ModuleType | None:
    """Return the module of a scenario's story; None if it has none."""
    if name is None:
        return None
    if name not in names() or not (_FOLDER / f"{name.replace('-', '_')}.py").is_file():
        raise InputError("story", "a story that is shipped with a scenario", name)
    return import_module(f"engine.scenarios.{name.replace('-', '_')}")
