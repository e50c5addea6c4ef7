"""Answer the protocol of ``tracebook-conformance`` 0.6, so that its ``qualify`` can compare the engine with its own.

usage: python -m engine.testing.tracebook [--reference]

    tracebook-conformance qualify --output-dir OUT --profile fifo-full-v1 \
        --candidate-cmd 'python -m engine.testing.tracebook'

Stands on the public face of a book and on the standard library; the package ``tracebook`` is not needed here. A line of
JSON in, a line of JSON out: ``hello`` is answered by ``ready``, ``event`` by ``observation``, ``snapshot`` by
``snapshot``, ``finish`` by ``complete`` and exit code 0. What cannot be understood is answered by one ``error`` line
and exit code 2.

Promises: no float takes part. Prices and quantities are decimals as they stand on the wire; they become whole ticks and
whole lots and go back as canonical decimal strings. Both are rounded onto their grid half to even, which the protocol
asks for. How the peer's words are said in ours:

========================= ============================================================================================
symbol                    a book of its own, opened by the symbol's first ``new`` or ``clear``, refused or not
IOC, FOK                  a LIMIT with that time in force; a FOK that cannot be filled is *applied*, without trades
replace                   always to the back (M-16 keeps the place of a smaller quantity at the same price): the lots
                          that go are reduced first, then the order is replaced by its equal
owner                     any int64; -1 is none. Books know owners only where self-trade prevention asks for them
CANCEL_RESTING, _INCOMING CANCEL_MAKER, CANCEL_TAKER (M-23)
reason                    ORDER_NOT_ACTIVE, DUPLICATE_ORDER_ID, INVALID_REPLACEMENT or INVALID_ORDER
========================= ============================================================================================
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import io
import json
import os
import sys
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine._build import VERSION
from engine.errors import InputError
from engine.testing.tracebook_market import Book, Market, RefusedError, Trade
from engine.testing.tracebook_messages import Config, Event, ProtocolError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TextIO

PROTOCOL = "tracebook.conformance"
PROTOCOL_VERSION = 1

Json = Any


# --- the conversation -----------------------------------------------------------------------------------------------


class Session:
    """All symbols of one trace."""

    def __init__(self, book_class: Callable[..., Book], config: Config) -> None:
        self.book_class = book_class
        self.config = config
        self.markets: dict[str, Market] = {}
        self.queues: dict[str, dict[str, list[Json]]] = {}  # as `Market.queues` said last

    def observation(self, index: int, event: Event) -> Json:
        """Apply an event and return what is to be told about it."""
        outcome: dict[str, str | None] = {"status": "applied", "reason": None, "message": None}
        trades: list[Trade] = []
        try:
            market = self._market(event)
            try:
                trades = market.apply(event)
            finally:
                self.queues[event.symbol] = market.queues()
        except RefusedError as refused:
            outcome = {"status": "rejected", "reason": refused.reason, "message": str(refused)}
        state = self.state()
        text = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return {
            "type": "observation",
            "index": index,
            "outcome": outcome,
            "trades": [{"symbol": event.symbol, **trade._asdict()} for trade in trades],
            "state_hash": hashlib.sha256(text.encode()).hexdigest(),
            "resting_order_count": sum(len(book["bids"]) + len(book["asks"]) for book in state["books"]),
        }

    def state(self) -> Json:
        """Return every resting order, the symbols in order."""
        return {"books": [{"symbol": symbol, **self.queues[symbol]} for symbol in sorted(self.queues)]}

    def _market(self, event: Event) -> Market:
        market = self.markets.get(event.symbol)
        if market is None:
            if event.op not in ("new", "clear"):
                raise RefusedError("ORDER_NOT_ACTIVE", f"order {event.order_id} is not active")
            market = self.markets[event.symbol] = Market(self.book_class, self.config)
        return market


def _messages(source: TextIO) -> Iterator[dict[str, Json]]:
    """Read messages; numbers with a point or an exponent become decimals, digit by digit."""
    for line in source:
        if not line.strip():
            continue
        message = json.loads(line, parse_float=Decimal)
        if not isinstance(message, dict):
            raise ProtocolError(f"message: expected an object, was {shown(message)}")
        yield message


def _expect_index(message: Mapping[str, Json], field: str, expected: int) -> None:
    was = message.get(field)
    if isinstance(was, bool) or not isinstance(was, int) or was != expected:
        raise ProtocolError(f"{field}: expected {expected}, was {shown(was)}")


def _conversation(book_class: Callable[..., Book], language: str, source: TextIO) -> Iterator[Json]:
    """Answer messages one by one until ``finish``; raise `ProtocolError` at the first that cannot be understood."""
    messages = _messages(source)
    hello = next(messages, None)
    if hello is None or hello.get("type") != "hello":
        raise ProtocolError("message: expected hello first")
    if hello.get("protocol") != PROTOCOL:
        raise ProtocolError(f"protocol: expected {PROTOCOL}, was {shown(hello.get('protocol'))}")
    _expect_index(hello, "protocol_version", PROTOCOL_VERSION)
    session = Session(book_class, Config.read(hello.get("config", {})))
    about = {"name": "firesale", "version": VERSION, "language": language}
    yield {"type": "ready", "protocol": PROTOCOL, "protocol_version": PROTOCOL_VERSION, "engine": about}
    index = 0
    for message in messages:
        match message.get("type"):
            case "event":
                _expect_index(message, "index", index + 1)
                observation = session.observation(index + 1, Event.read(message.get("event")))
                index += 1
                yield observation
            case "snapshot":
                _expect_index(message, "index", index)
                yield {"type": "snapshot", "index": index, "state": session.state()}
            case "finish":
                _expect_index(message, "event_count", index)
                yield {"type": "complete", "event_count": index}
                return
            case other:
                raise ProtocolError(f"type: expected event, snapshot or finish, was {shown(other)}")
    raise ProtocolError("message: expected finish before the end of the input")


def serve(book_class: Callable[..., Book], source: TextIO, sink: TextIO, *, language: str = "Python") -> int:
    """Hold one conversation and return the exit code: 0 after ``finish``, 2 after an error or a lost reader.

    Parameters
    ----------
    book_class : callable
        What makes a book: `engine.OrderBook`, `engine.reference.OrderBook`.
    source, sink : text streams
        Where the lines come from, and go to; each line is flushed.
    language : str
        What the engine is written in, for the peer's report.
    """

    def tell(message: Json) -> None:
        sink.write(json.dumps(message, separators=(",", ":")) + "\n")
        sink.flush()

    try:
        for answer in _conversation(book_class, language, source):
            tell(answer)
        return 0
    except BrokenPipeError:
        return 2
    except Exception as error:  # noqa: BLE001  # the peer hears of every failure in one line, and never of a traceback
        # JSON and UTF-8 that cannot be read are ValueErrors; an InputError would be ours, for the numbers were checked.
        is_theirs = isinstance(error, (ValueError, RecursionError)) and not isinstance(error, InputError)
        code = "PROTOCOL_ERROR" if is_theirs else "ADAPTER_ERROR"
        with suppress(BrokenPipeError):
            tell({"type": "error", "code": code, "message": str(error) or type(error).__name__})
        return 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(
        "python -m engine.testing.tracebook", description="Answer tracebook-conformance on stdin and stdout."
    )
    parser.add_argument("--reference", action="store_true", help="answer for the Python reference, not for the engine")
    options = parser.parse_args(arguments)
    module, language = ("engine.reference", "Python") if options.reference else ("engine", "Cython")
    source = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8")
    code = serve(importlib.import_module(module).OrderBook, source, sys.stdout, language=language)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Else the interpreter would try again at its end, and complain on stderr.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


if __name__ == "__main__":
    sys.exit(main())
