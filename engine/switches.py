"""Switch: one link of a scenario's causal chain that can be taken away by name.

Stands on nothing. A generated scenario (`engine.scenarios.generated`) declares its switches; a name in `off` takes that
link away and changes nothing else, so that a run with it and one without it, of one seed, are a pair.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Switch", "checked_off"]


@dataclass(frozen=True)
class Switch:
    """A link that can be taken away.

    Parameters
    ----------
    name : str
        What is given in `off`, such as ``makers-withdraw``.
    summary : str
        What the link is, and what is there in its place when it is off.
    removes : str
        What a run without it does not show, such as ``no withdrawal of a maker``.

    Raises
    ------
    InputError
        A text is empty.
    """

    name: str
    summary: str
    removes: str

    def __post_init__(self) -> None:
        for field in ("name", "summary", "removes"):
            if not getattr(self, field):
                raise InputError(f"switch {self.name}: {field}", "a text", getattr(self, field))


def checked_off(switches: Mapping[str, Switch], off: Iterable[str]) -> tuple[str, ...]:
    """Return the names in `off`, each once and in the order of the declaration.

    Parameters
    ----------
    switches : mapping of str to Switch
        What is declared.
    off : iterable of str
        What is to be taken away, in any order.

    Returns
    -------
    tuple of str
        The same for the same set of names.

    Raises
    ------
    InputError
        A name is not declared.

    Examples
    --------
    >>> known = {name: Switch(name, "a link", "its events") for name in ("loops", "bots")}
    >>> checked_off(known, ["bots", "loops", "bots"])
    ('loops', 'bots')
    """
    if isinstance(off, str):
        raise InputError("off", "a list of switches", off)
    wanted = list(off)
    for name in wanted:
        if name not in switches:
            close = difflib.get_close_matches(str(name), list(switches), n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise InputError("off", f"one of {', '.join(switches) or 'no switch at all'}{hint}", name)
    return tuple(name for name in switches if name in wanted)
