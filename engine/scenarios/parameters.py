"""Parameter: a named number of a generated scenario, with its unit, its source and how well the source is known.

Stands on nothing but `engine.errors`. `read_parameters` reads a table of them from TOML; `settled` lays given values
over the defaults. Promises: a value outside its declared range, and a name that is not declared, are refused by name.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MARKS", "Parameter", "read_parameters", "settled"]

MARKS = {
    "V": "verified at its source",
    "I": "inferred from verified data",
    "U": "unverified: one weak source, or sources that differ",
    "chosen": "no source: chosen by us",
}
"""How well a figure is known (RULEBOOK section 0)."""

_KEYS = ("value", "unit", "mark", "source", "fitted", "range", "log", "whole")


@dataclass(frozen=True)
class Parameter:
    """A named number of a scenario.

    Parameters
    ----------
    name : str
        What it is set by.
    value : float
        Its default, in `unit`; an integer stays one.
    unit : str
        Such as ``%``, ``ms``, ``USDT``; empty for a plain number.
    mark : str
        One of `MARKS`.
    source : str
        Where the value comes from; of a chosen one why it was chosen.
    fitted : bool, default False
        Whether the calibration may move it; needs a range.
    low, high : float, optional
        Declared range, both ends allowed; None: no bound.
    log : bool, default False
        Whether the calibration searches on a logarithmic scale; needs ``low > 0``.
    whole : bool, default False
        Whether only whole numbers make sense.

    Raises
    ------
    InputError
        A field is missing, or the fields contradict each other.
    """

    name: str
    value: float
    unit: str
    mark: str
    source: str
    fitted: bool = False
    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("parameter", "a name", self.name)
        if self.mark not in MARKS:
            raise InputError(f"{self.name}.mark", f"one of {', '.join(MARKS)}", self.mark)
        if not self.source:
            raise InputError(f"{self.name}.source", "where the value comes from", self.source)
        for field in ("low", "high"):
            bound = getattr(self, field)
            if bound is not None and not _is_number(bound):
                raise InputError(f"{self.name}.{field}", "a finite number", bound)
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InputError(f"{self.name}.range", "a low end not above the high end", [self.low, self.high])
        if self.fitted and (self.low is None or self.high is None or self.low == self.high):
            raise InputError(f"{self.name}.range", "a range, since it is fitted", [self.low, self.high])
        if self.log and (self.low is None or self.low <= 0):
            raise InputError(f"{self.name}.low", "more than 0, since the scale is logarithmic", self.low)
        self.checked(self.value)

    def checked(self, value: float) -> float:
        """Return a value that it may have.

        Parameters
        ----------
        value : float
            In the parameter's unit.

        Returns
        -------
        float
            The same value.

        Raises
        ------
        InputError
            No finite number, none that is whole, or one outside the declared range.
        """
        if not _is_number(value):
            raise InputError(self.name, f"a finite number{self._in_unit}", value)
        if self.whole and value != int(value):
            raise InputError(self.name, f"a whole number{self._in_unit}", value)
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            low, high = ("-" if bound is None else f"{bound:g}" for bound in (self.low, self.high))
            raise InputError(self.name, f"a number in {low} .. {high}{self._in_unit}", value)
        return value

    @property
    def _in_unit(self) -> str:
        return f", {self.unit}" if self.unit else ""

    def to_json(self) -> dict[str, Any]:
        """Return its fields as plain data; the range as ``[low, high]``."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "mark": self.mark,
            "source": self.source,
            "fitted": self.fitted,
            "range": [self.low, self.high],
        }


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def read_parameters(source: str | Path) -> dict[str, Parameter]:
    """Read a table of parameters from TOML: one table each, with value, unit, mark, source.

    Parameters
    ----------
    source : Path or str
        A file, or the text itself.

    Returns
    -------
    dict of str to Parameter
        In the order of the file.

    Raises
    ------
    InputError
        A file that cannot be read, a key that is unknown or missing, a value that is none.

    Notes
    -----
    Keys: value, unit, mark, source; and fitted, range (two numbers), log, whole.

    Examples
    --------
    >>> read_parameters('''
    ... [maker_threshold]
    ... value = 0.8
    ... unit = "%"
    ... mark = "U"
    ... source = "RULEBOOK 8: thresholds are not published"
    ... fitted = true
    ... range = [0.2, 3.0]
    ... ''')["maker_threshold"].high
    3.0
    """
    try:
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        table = tomllib.loads(text)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError("parameters", "a table of parameters in TOML", f"{source}: {error}") from None
    return {name: _read(name, entry) for name, entry in table.items()}


def _read(name: str, entry: object) -> Parameter:
    if not isinstance(entry, dict):
        raise InputError(name, "a table with value, unit, mark and source", entry)
    for key in entry:
        if key not in _KEYS:
            raise InputError(f"{name}.{key}", f"one of {', '.join(_KEYS)}", key)
    for key in ("value", "unit", "mark", "source"):
        if key not in entry:
            raise InputError(f"{name}.{key}", "to be said", "nothing")
    for key in ("unit", "mark", "source"):
        if not isinstance(entry[key], str):
            raise InputError(f"{name}.{key}", "a text", entry[key])
    for key in ("fitted", "log", "whole"):
        if not isinstance(entry.get(key, False), bool):
            raise InputError(f"{name}.{key}", "true or false", entry[key])
    ends = entry.get("range", [None, None])
    if not isinstance(ends, list) or len(ends) != 2:
        raise InputError(f"{name}.range", "two numbers: the low end and the high end", ends)
    said = {key: value for key, value in entry.items() if key != "range"}
    return Parameter(name, **said, low=ends[0], high=ends[1])


def settled(parameters: Mapping[str, Parameter], given: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return every parameter's value: what is given, over the defaults.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        What is declared.
    given : mapping of str to float, optional
        Values by name, in the parameters' units.

    Returns
    -------
    dict of str to float
        In the order of the declaration.

    Raises
    ------
    InputError
        A name that is not declared, or a value outside its range.

    Examples
    --------
    >>> known = {"depth": Parameter("depth", 2.0, "M USDT", "chosen", "an example", low=1.0, high=4.0)}
    >>> settled(known), settled(known, {"depth": 3.0})
    ({'depth': 2.0}, {'depth': 3.0})
    """
    wanted = dict(given or {})
    for name, value in wanted.items():
        if name not in parameters:
            close = difflib.get_close_matches(str(name), list(parameters), n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise InputError("parameters", f"one of {', '.join(parameters) or 'no parameter at all'}{hint}", name)
        parameters[name].checked(value)
    return {name: wanted.get(name, parameter.value) for name, parameter in parameters.items()}
