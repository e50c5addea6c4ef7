"""The shipped scenarios, by name: one TOML file each, beside this one.

A scenario with a `story` has a module of that name here: further figures, what people are told of them, and which parts
the picture shows. A module with `SCALES` generates its scenario (`engine.scenarios.generated`); the file beside it is
its first scale, written. Nothing is loaded before it is asked for; the list alone needs no pydantic.
"""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from engine.scenario import Scenario

__all__ = ["check_name", "generator_of", "load", "names", "path_of", "refuse_shape", "story_of", "summary_of"]

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


def load(
    name: str,
    scale: str | None = None,
    *,
    seed: int | None = None,
    off: Iterable[str] = (),
    parameters: Mapping[str, float] | None = None,
) -> Scenario:
    """Return a shipped scenario.

    Parameters
    ----------
    name : str
        One of `names`.
    scale : str, optional
        Of a generated scenario one of its scales; the first, which its file holds, by default.
    seed : int, optional
        Else the scenario's own.
    off : iterable of str
        Of a generated scenario: switches that are off.
    parameters : mapping of str to float, optional
        Of a generated scenario: values over the defaults, in the parameters' units.

    Returns
    -------
    Scenario

    Raises
    ------
    InputError
        There is no scenario of that name, it has no such scale, switch or parameter, or none at all.

    Examples
    --------
    >>> load("atom-flash-crash").seed
    20251010
    """
    from engine.scenario import Scenario

    gone, given = list(off), dict(parameters or {})
    module = generator_of(name)
    if module is None:
        refuse_shape(name, scale, gone, given)
        scenario = Scenario.from_toml(path_of(name))
        return scenario if seed is None else scenario.but({"seed": seed})
    if scale is None and seed is None and not gone and not given:
        return Scenario.from_toml(path_of(name))
    from engine.scenarios.generated import checked_scale

    # A seed goes to the module, not over its file: the module may draw markets and sizes with it.
    keyed = {} if seed is None else {"seed": seed}
    generated: Scenario = module.scenario(checked_scale(module, scale), off=gone, parameters=given or None, **keyed)
    return generated


def refuse_shape(name: str, scale: str | None, off: object, parameters: object) -> None:
    """Raise InputError if a scenario that is not generated is asked for a scale, a switch or a parameter."""
    for field, said in (("scale", scale), ("off", off), ("parameters", parameters)):
        if said:
            raise InputError(field, f"nothing: {name} is a file, not generated", said)


def generator_of(name: str) -> ModuleType | None:
    """Return the module that generates a shipped scenario; None if its file is all there is."""
    check_name(name)
    if not (_FOLDER / f"{name.replace('-', '_')}.py").is_file():
        return None
    module = story_of(name)
    return module if hasattr(module, "SCALES") else None


def story_of(name: str | None) -> ModuleType | None:
    """Return the module of a scenario's story; None if it has none."""
    if name is None:
        return None
    if name not in names() or not (_FOLDER / f"{name.replace('-', '_')}.py").is_file():
        raise InputError("story", "a story that is shipped with a scenario", name)
    return import_module(f"engine.scenarios.{name.replace('-', '_')}")
