"""The shipped scenarios, by name.

A scenario is a module with `SUMMARY`, `DEFAULT_SEED`, `START`, `parts(seed)` (name and builder of each simulation) and
`figures(done)` (what `run.json` holds of it). Modules are imported when they are asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from engine.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

_MODULES = {"atom-flash-crash": "engine.scenarios.atom_flash_crash"}


def names() -> list[str]:
    """Return the names of the shipped scenarios."""
    return sorted(_MODULES)


def check_name(name: str) -> None:
    """Raise InputError unless there is a scenario of that name; loads no scenario."""
    if name not in _MODULES:
        raise InputError("scenario", "one of " + ", ".join(names()), name)


def load(name: str) -> ModuleType:
    """Return a scenario's module.

    Raises
    ------
    InputError
        There is no scenario of that name.

    Examples
    --------
    >>> load("atom-flash-crash").DEFAULT_SEED
    20251010
    """
    check_name(name)
    return import_module(_MODULES[name])
