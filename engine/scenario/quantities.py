"""Quantities as people write them: "5ms", "4bps", "250k USDT", "20%", "1.2bn", "105min", "20:50".

Each kind of quantity is one `Quantity`: how it is read, how it is written back, what it accepts in words and in JSON
schema. A model's field carries one in its annotation: ``every: Annotated[int, DURATION]``. Promises: exact or refused
(U-8); what `write` gives, `read` reads to an equal value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from engine.errors import InputError
from engine.scenario.problems import expected_error
from engine.units import exact

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

__all__ = ["Amount", "Quantity", "RefusedError", "format_duration", "moment_ms"]

_NUMBER = r"[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_SCALES = {
    "": Decimal(1),
    "k": Decimal(10**3),
    "K": Decimal(10**3),
    "M": Decimal(10**6),
    "mn": Decimal(10**6),
    "bn": Decimal(10**9),
    "B": Decimal(10**9),
}
_DURATION_UNITS = {
    "us": Decimal("0.001"),
    "ms": Decimal(1),
    "s": Decimal(1_000),
    "min": Decimal(60_000),
    "h": Decimal(3_600_000),
    "d": Decimal(86_400_000),
}
_SHARE_UNITS = {"": Decimal(1), "%": Decimal("0.01"), "bps": Decimal("0.0001"), "ppm": Decimal("0.000001")}
_RATE_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_SCALED = re.compile(rf"({_NUMBER})\s*(k|K|M|mn|bn|B|)")
_AMOUNT = re.compile(rf"({_NUMBER})\s*(k|K|M|mn|bn|B|)(?:\s+(\S+))?")
_DURATION = re.compile(rf"({_NUMBER})\s*(us|ms|s|min|h|d)\s*")
_SHARE = re.compile(rf"({_NUMBER})\s*(%|bps|ppm|)")
_RATE = re.compile(rf"({_NUMBER})\s*/\s*(ms|s|min|h)")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(\.\d{1,3})?)?")
_DAY_MS = 86_400_000
_TIME_MS_MAX = 2**61


class RefusedError(Exception):
    """Say that a text is no quantity of its kind, and what would be."""

    def __init__(self, expected: str) -> None:
        self.expected = expected
        super().__init__(expected)


@dataclass(frozen=True)
class Quantity:
    """One kind of quantity; stands in a field's annotation.

    Parameters
    ----------
    read : callable
        From what a person wrote to the value; raises `RefusedError`.
    write : callable
        From the value to what a person would write.
    schema : dict
        JSON schema of what `read` accepts.
    """

    read: Callable[[Any], Any]
    write: Callable[[Any], Any]
    schema: dict[str, Any]

    def __hash__(self) -> int:
        return id(self)

    def validate(self, value: object) -> Any:
        """Read a value for pydantic."""
        try:
            return self.read(value)
        except RefusedError as refused:
            raise expected_error(refused.expected, value) from None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Tell pydantic how to read and write the field."""
        return core_schema.no_info_plain_validator_function(
            self.validate, serialization=core_schema.plain_serializer_function_ser_schema(self.write)
        )

    def __get_pydantic_json_schema__(self, _: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON schema of what is accepted."""
        return dict(self.schema)


def plain(number: Decimal) -> str:
    """Return a number without exponent and without needless zeros.

    Examples
    --------
    >>> plain(Decimal("1.50E+3")), plain(Decimal("0.0010"))
    ('1500', '0.001')
    """
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _decimal(value: object, expected: str) -> Decimal:
    """Read a plain number; no bool, no text that is not a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        raise RefusedError(expected)
    try:
        return exact(value.replace("_", "") if isinstance(value, str) else value, "number")
    except InputError:
        raise RefusedError(expected) from None


def _match(pattern: re.Pattern[str], value: object, expected: str) -> re.Match[str]:
    match = pattern.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise RefusedError(expected)
    return match


# ---- durations and moments -------------------------------------------------------------------------------------------


def read_milliseconds(value: object, expected: str) -> Decimal:
    """Return a duration in milliseconds, fractions and all."""
    text = value.strip() if isinstance(value, str) else ""
    total, at = Decimal(0), 0
    while text and at < len(text):
        match = _DURATION.match(text, at)
        if match is None or (at and match.group(1)[0] in "+-"):
            raise RefusedError(expected)
        total += _decimal(match.group(1), expected) * _DURATION_UNITS[match.group(2)]
        at = match.end()
    if not text or not 0 <= total <= _TIME_MS_MAX:
        raise RefusedError(expected)
    return total


def format_duration(milliseconds: float | Decimal) -> str:
    """Return a duration in its largest unit that gives a whole number.

    Examples
    --------
    >>> format_duration(60_000), format_duration(2_500), format_duration(0.25)
    ('1min', '2500ms', '250us')
    """
    number = Decimal(repr(milliseconds)) if isinstance(milliseconds, float) else Decimal(milliseconds)
    if number == 0:
        return "0ms"
    for unit in ("d", "h", "min", "s", "ms", "us"):
        if number % _DURATION_UNITS[unit] == 0:
            return plain(number / _DURATION_UNITS[unit]) + unit
    return plain(number) + "ms"


def _duration(least_ms: int) -> Quantity:
    expected = 'a duration such as "5ms", "30s" or "105min"' + (f", at least {least_ms}ms" if least_ms else "")

    def read(value: object) -> int:
        total = read_milliseconds(value, expected)
        if total != int(total):
            raise RefusedError("a duration of whole milliseconds")
        if total < least_ms:
            raise RefusedError(expected)
        return int(total)

    return Quantity(read, format_duration, {"type": "string", "description": expected})


def _read_latency(value: object) -> float:
    return float(read_milliseconds(value, 'a time on the way such as "12ms" or "250us"'))


def _read_service(value: object) -> int:
    expected = 'whole microseconds such as "5us"'
    total = read_milliseconds(value, expected) * 1000
    if total != int(total):
        raise RefusedError(expected)
    return int(total)


DURATION = _duration(0)
CADENCE = _duration(1)
LATENCY = Quantity(_read_latency, format_duration, {"type": "string", "description": 'a duration, such as "12ms"'})
SERVICE_US = Quantity(
    _read_service, lambda us: format_duration(Decimal(us) / 1000), {"type": "string", "description": 'such as "5us"'}
)

_MOMENT = 'a time since the start such as "60s", or a clock time such as "20:50"'


def _read_moment(value: object) -> int | str:
    if isinstance(value, time):  # TOML has clock times of its own
        value = value.isoformat("milliseconds" if value.microsecond else "seconds")
    if isinstance(value, str) and _CLOCK.fullmatch(value.strip()):
        return value.strip()
    return int(DURATION.read(value)) if isinstance(value, str) else _refuse(_MOMENT)


def _refuse(expected: str) -> Any:
    raise RefusedError(expected)


def moment_ms(moment: int | str, start: datetime) -> int:
    """Return when a moment is, in milliseconds since the start; a clock time is the first one at or after it.

    Parameters
    ----------
    moment : int or str
        Milliseconds, or a clock time (UTC).
    start : datetime
        When the scenario starts.

    Returns
    -------
    int

    Examples
    --------
    >>> moment_ms("20:50", datetime(2025, 10, 10, 20, 45, tzinfo=UTC)), moment_ms(5, datetime(2025, 1, 1, tzinfo=UTC))
    (300000, 5)
    """
    if isinstance(moment, int):
        return moment
    match = _CLOCK.fullmatch(moment)
    if match is None:
        raise InputError("at", _MOMENT, moment)
    hours, minutes, seconds, fraction = match.groups()
    of_day = (int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)) * 1000 + int(Decimal(fraction or 0) * 1000)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    return (of_day - (start - midnight) // timedelta(milliseconds=1)) % _DAY_MS


MOMENT = Quantity(
    _read_moment,
    lambda moment: moment if isinstance(moment, str) else format_duration(moment),
    {"type": "string", "description": _MOMENT},
)

_START = 'a date with a time such as "2025-10-10T20:45Z"'


def _read_start(value: object) -> datetime:
    try:
        start = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise RefusedError(_START) from None
    if not isinstance(value, (str, datetime)):
        raise RefusedError(_START)
    if start.tzinfo is None:
        start = start.replace(tzinfo=UTC)
    start = start.astimezone(UTC)
    if start.microsecond % 1000:
        raise RefusedError("a start on a whole millisecond")
    return start


def _write_start(start: datetime) -> str:
    precision = "milliseconds" if start.microsecond else "seconds" if start.second else "minutes"
    return start.isoformat(timespec=precision).replace("+00:00", "Z")


START = Quantity(_read_start, _write_start, {"type": "string", "description": _START})


# ---- shares, numbers, prices, rates ----------------------------------------------------------------------------------


def share(low: str = "0", high: str = "1", *, above: bool = False) -> Quantity:
    """Return the quantity of a share between two bounds: "20%", "4bps", "150ppm" or 0.2.

    Parameters
    ----------
    low, high : str
        Bounds; the upper one belongs to it.
    above : bool
        The lower bound does not.
    """
    least, most = Decimal(low), Decimal(high)
    between = f"{'above' if above else 'from'} {_write_share(least)} to {_write_share(most)}"
    expected = f'a share such as "20%", "4bps" or 0.2, {between}'

    def read(value: object) -> Decimal:
        if isinstance(value, str):
            match = _match(_SHARE, value, expected)
            number = _decimal(match.group(1), expected) * _SHARE_UNITS[match.group(2)]
        else:
            number = _decimal(value, expected)
        if not least <= number <= most or (above and number == least):
            raise RefusedError(expected)
        return number.normalize()

    return Quantity(read, _write_share, {"type": ["string", "number"], "description": expected})


def _write_share(number: Decimal) -> str:
    if number and abs(number) < Decimal("0.01"):
        return plain(number * 10_000) + "bps"
    return plain(number * 100) + "%"


def scaled(value: object, expected: str) -> Decimal:
    """Read a number that may end in k, M or bn."""
    if not isinstance(value, str):
        return _decimal(value, expected)
    match = _match(_SCALED, value, expected)
    return _decimal(match.group(1), expected) * _SCALES[match.group(2)]


def write_scaled(number: Decimal) -> str:
    """Write a number with k, M or bn where that is shorter.

    Examples
    --------
    >>> write_scaled(Decimal(62_500)), write_scaled(Decimal("1.5")), write_scaled(Decimal(12_000_000_000))
    ('62500', '1.5', '12bn')
    """
    for suffix in ("bn", "M", "k"):
        if number and number % _SCALES[suffix] == 0:
            return plain(number / _SCALES[suffix]) + suffix
    return plain(number)


def number_between(low: float, high: float) -> Quantity:
    """Return the quantity of a plain number between two bounds, such as 0.5 or "2k"."""
    expected = f'a number such as 0.5 or "2k", from {low:g} to {high:g}'

    def read(value: object) -> float:
        number = float(scaled(value, expected))
        if not low <= number <= high:
            raise RefusedError(expected)
        return number

    return Quantity(
        read,
        lambda number: int(number) if number == int(number) and abs(number) < 2**53 else number,
        {"type": ["number", "string"], "description": expected},
    )


def _read_price(value: object) -> Decimal:
    expected = 'a price such as "4.000", not negative'
    number = _decimal(value, expected)
    if number < 0:
        raise RefusedError(expected)
    return number


def _read_size(value: object) -> Decimal:
    expected = 'a size of a step such as "0.001"'
    number = _decimal(value, expected)
    if not 0 < number < 10**12:
        raise RefusedError(expected)
    return number


def _read_ratio(value: object) -> Decimal:
    expected = 'a ratio such as "1.0771", from 0.000001 to 1000000'
    number = _decimal(value, expected)
    if not Decimal("0.000001") <= number <= 10**6:
        raise RefusedError(expected)
    return number


def _read_rate(value: object) -> float:
    expected = 'a rate such as "30/s" or "5/min"'
    match = _match(_RATE, value, expected)
    number = float(_decimal(match.group(1), expected)) / _RATE_UNITS[match.group(2)]
    if not 0 <= number <= 1e9:
        raise RefusedError(expected)
    return number


PRICE = Quantity(_read_price, lambda p: f"{p:f}", {"type": ["string", "number"], "description": 'such as "4.000"'})
STEP = Quantity(_read_size, lambda p: f"{p:f}", {"type": ["string", "number"], "description": 'such as "0.001"'})
RATIO = Quantity(_read_ratio, lambda r: f"{r:f}", {"type": ["string", "number"], "description": 'such as "1.0771"'})
RATE = Quantity(_read_rate, lambda r: f"{r!r}/s", {"type": "string", "description": 'such as "30/s" or "5/min"'})
NUMBER = number_between(-1e15, 1e15)
POSITIVE = number_between(0, 1e15)


# ---- amounts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Amount:
    """A number of something; the unit is an asset's name, ``lots``, or empty where the field says which it is."""

    number: Decimal
    unit: str = ""

    def __str__(self) -> str:
        return f"{write_scaled(self.number)} {self.unit}".rstrip()


def _read_amount(value: object) -> Amount:
    expected = 'a positive amount such as "250k USDT", "2.5 ATOM" or 3'
    if isinstance(value, Amount):
        amount = value
    elif isinstance(value, str):
        number, suffix, unit = _match(_AMOUNT, value, expected).groups()
        amount = Amount(_decimal(number, expected) * _SCALES[suffix], unit or "")
    else:
        amount = Amount(_decimal(value, expected))
    if not 0 < amount.number < 10**18:
        raise RefusedError(expected)
    return amount


def _read_qty(value: object) -> Amount:
    """Read a quantity of an agent: a bare whole number is lots."""
    expected = 'whole lots such as 1000, or an amount such as "2.5 ATOM" or "250k USDT"'
    try:
        amount = _read_amount(value)
    except RefusedError:
        raise RefusedError(expected) from None
    if not amount.unit or amount.unit == "lots":
        if amount.number != int(amount.number):
            raise RefusedError(expected)
        return Amount(amount.number, "lots")
    return amount


def _write_amount(amount: Amount) -> str | int:
    return int(amount.number) if amount.unit == "lots" else str(amount)


def _read_supply(value: object) -> Decimal:
    expected = 'a positive amount such as "10bn"'
    number = scaled(value, expected)
    if not 0 < number < 10**19:
        raise RefusedError(expected)
    return number


_AMOUNT_SCHEMA = {"type": ["string", "number"], "description": 'such as "250k USDT"'}
AMOUNT = Quantity(_read_amount, str, _AMOUNT_SCHEMA)
QTY = Quantity(_read_qty, _write_amount, {"type": ["string", "integer"], "description": 'lots, or such as "2.5 ATOM"'})
SUPPLY = Quantity(_read_supply, write_scaled, {"type": ["string", "number"], "description": 'such as "10bn"'})
