"""Words in error messages: the nearest known name. Stands on nothing."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["did_you_mean", "one_of"]

_NAMES_SHOWN_MAX = 24


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return `` (did you mean NAME?)`` for the nearest known name, or nothing.

    Examples
    --------
    >>> did_you_mean("half_spred", ["levels", "half_spread"])
    ' (did you mean half_spread?)'
    """
    candidates = {each.lower(): each for each in known}
    found = difflib.get_close_matches(str(name).lower(), candidates, n=1, cutoff=0.6)
    return f" (did you mean {candidates[found[0]]}?)" if found else ""


def one_of(known: Iterable[str], name: object = "") -> str:
    """Return what would have been accepted in place of a name."""
    names = list(known)
    shown = ", ".join(names[:_NAMES_SHOWN_MAX]) + (", ..." if len(names) > _NAMES_SHOWN_MAX else "")
    return f"one of {shown or 'nothing (there is none)'}{did_you_mean(name, names)}"
