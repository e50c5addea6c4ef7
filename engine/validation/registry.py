"""The sets of validation checks, by name.

Stands on nothing until a set is loaded. A set is a module with `SUMMARY`, `SEED` (the default) and `CHECKS`, a dict
from a check's name to a function of a `Plan` that returns lines. A new set is a new row of `SETS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.validation.line import Line
    from engine.validation.plan import Plan

SETS = {"events": "engine.validation.events", "lending": "engine.validation.lending"}


@dataclass(frozen=True)
class ValidationSet:
    """One set: its name, what it is about, the default seed, and its checks."""

    name: str
    summary: str
    seed: int
    checks: dict[str, Callable[[Plan], list[Line]]]

    def chosen(self, only: tuple[str, ...]) -> dict[str, Callable[[Plan], list[Line]]]:
        """Return the checks of some names, all without a name.

        Raises
        ------
        InputError
            There is no check of that name.
        """
        for name in only:
            if name not in self.checks:
                raise InputError("only", "one of " + ", ".join(self.checks), name)
        return {name: check for name, check in self.checks.items() if not only or name in only}


def check_name(name: str) -> None:
    """Raise unless there is a set of that name; loads nothing.

    Raises
    ------
    InputError
        Names the sets that there are.
    """
    if name not in SETS:
        raise InputError("what", "one of " + ", ".join(SETS), name)


def load(name: str) -> ValidationSet:
    """Load a set.

    Parameters
    ----------
    name : str
        One of `SETS`.

    Returns
    -------
    ValidationSet

    Raises
    ------
    InputError
        There is no set of that name.
    """
    check_name(name)
    module = import_module(SETS[name])
    return ValidationSet(name, module.SUMMARY, module.SEED, module.CHECKS)
