"""What the messages of the tracebook protocol say: configuration and events, checked as they come off the wire.

Stands on the standard library and the engine's names.

Promises: a message that cannot be understood is a `ProtocolError`; numbers are decimals, no float takes part.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.types import SelfTradePrevention, Side, TimeInForce
from engine.units import EXACT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NO_OWNER = -1
INT64_LIMIT = 2**63
DIGITS_LIMIT = 40  # beyond this many digits before or behind the point a number is no price or quantity of ours

ORDER_TYPES = {
    "LIMIT": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "MARKET": TimeInForce.DEFAULT,
}

_POLICIES = {
    "NONE": SelfTradePrevention.NONE,
    "CANCEL_RESTING": SelfTradePrevention.CANCEL_MAKER,
    "CANCEL_INCOMING": SelfTradePrevention.CANCEL_TAKER,
}
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}

Json = Any


# --- numbers --------------------------------------------------------------------------------------------------------


def canonical(number: Decimal) -> str:
    """Return a number as the protocol writes it: no exponent, no zeros at the end.

    Examples
    --------
    >>> canonical(Decimal("100.50")), canonical(Decimal("1E+2")), canonical(Decimal("0.00"))
    ('100.5', '100', '0')
    """
    return format(number.normalize(EXACT), "f") if number else "0"


def rounded(number: Decimal, places: int) -> Decimal:
    """Round half to even at a number of decimal places; the number is within `DIGITS_LIMIT`."""
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, EXACT)


def places_of(number: Decimal) -> int:
    """Return how many decimal places a number needs."""
    exponent = number.normalize(EXACT).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def is_within_digits(number: Decimal) -> bool:
    """Tell whether arithmetic with a number stays exact, and short."""
    digits = number.as_tuple().digits
    return abs(number.adjusted()) < DIGITS_LIMIT and len(digits) < DIGITS_LIMIT


# --- messages -------------------------------------------------------------------------------------------------------


class ProtocolError(ValueError):
    """Say that a message cannot be understood: the conversation ends."""


# --- reading messages -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Config:
    """Hold what ``hello`` asks for."""

    tick: Decimal = Decimal("0.01")
    quantity_places: int = 12
    prevention: SelfTradePrevention = SelfTradePrevention.NONE

    @classmethod
    def read(cls, message: Json) -> Config:
        """Read the ``config`` of ``hello``; what is left out has the protocol's default."""
        if not isinstance(message, dict):
            raise ProtocolError("config: expected an object")
        algorithm = message.get("matching_algorithm", "fifo")
        if not isinstance(algorithm, str) or algorithm.strip().lower() != "fifo":
            raise ProtocolError(f"matching_algorithm: expected fifo, the only one here, was {shown(algorithm)}")
        tick = _number(message.get("tick_size", "0.01"), "tick_size")
        if tick is None or tick <= 0 or not is_within_digits(tick):
            raise ProtocolError("tick_size: expected a positive number of moderate length")
        policy = message.get("self_trade_policy", "NONE")
        if not isinstance(policy, str) or policy not in _POLICIES:
            raise ProtocolError(f"self_trade_policy: expected one of {', '.join(_POLICIES)}, was {shown(policy)}")
        places = _integer(message.get("quantity_decimal_places", 12), "quantity_decimal_places")
        if places is None or not 0 <= places <= 18:
            raise ProtocolError("quantity_decimal_places: expected 0 .. 18")
        return cls(tick, places, _POLICIES[policy])


class Event(NamedTuple):
    """Hold one event of the wire; what its kind has no use for is None."""

    op: str
    symbol: str
    order_id: int
    side: Side | None
    order_type: str
    price: Decimal | None
    quantity: Decimal | None
    owner: int

    @classmethod
    def read(cls, message: Json) -> Event:
        """Read an event, or raise `ProtocolError` if it is not well formed."""
        if not isinstance(message, dict):
            raise ProtocolError("event: expected an object")
        event = cls(
            op=_word(message.get("op"), "op", ("new", "cancel", "reduce", "replace", "clear")),
            symbol=_symbol(message.get("symbol")),
            order_id=_integer(message.get("order_id"), "order_id") or 0,
            side=None if message.get("side") is None else _SIDES[_word(message["side"], "side", _SIDES)],
            order_type=_word(message.get("order_type", "LIMIT"), "order_type", ORDER_TYPES),
            price=_number(message.get("price"), "price"),
            quantity=_number(message.get("quantity"), "quantity"),
            owner=_owner(message.get("owner", NO_OWNER)),
        )
        event.check()
        return event

    def check(self) -> None:
        """Raise if something is missing that this kind of event needs."""
        if self.op != "clear" and self.order_id <= 0:
            raise ProtocolError("order_id: expected a positive integer")
        if self.op == "reduce" and (self.quantity is None or self.quantity <= 0):
            raise ProtocolError("quantity: expected a positive number, for a reduce")
        if self.op == "replace" and self.price is None and self.quantity is None:
            raise ProtocolError("price, quantity: expected at least one of them, for a replace")
        if self.op == "new":
            if self.side is None:
                raise ProtocolError("side: expected BUY or SELL, for a new order")
            if self.quantity is None:
                raise ProtocolError("quantity: expected a number, for a new order")
            if self.price is None and self.order_type != "MARKET":
                raise ProtocolError(f"price: expected a number, for a new {self.order_type}")


def shown(value: Json) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _integer(value: Json, field: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ProtocolError(f"{field}: expected an integer, was {shown(value)}")
    return value


def _number(value: Json, field: str) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise ProtocolError(f"{field}: expected a number, was {shown(value)}")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ProtocolError(f"{field}: expected a number, was {shown(value)}") from None
    if not number.is_finite():
        raise ProtocolError(f"{field}: expected a finite number, was {shown(value)}")
    return number


def _owner(value: Json) -> int:
    owner = _integer(value, "owner")
    if owner is None:
        raise ProtocolError("owner: expected an integer, was null")
    return owner


def _word(value: Json, field: str, words: Sequence[str] | Mapping[str, Any]) -> str:
    for word in words:
        if isinstance(value, str) and value.strip().lower() == word.lower():
            return word
    raise ProtocolError(f"{field}: expected one of {', '.join(words)}, was {shown(value)}")


def _symbol(value: Json) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ProtocolError(f"symbol: expected a text that is not empty, was {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ProtocolError("symbol: expected Unicode text, was half of a surrogate pair") from None
    return value.strip()
