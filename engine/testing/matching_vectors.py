"""Run one vector of kind ``matching``, complete: every command, time in force, flag and self-trade mode of schema 1.

Stands on the public face of a book. `vectors` has the command line and the other kinds.

Promises: nothing of a vector is left out but ``reason``, which the schema calls advisory. How ``cancels`` are compared:

- as a list, in order of happening: makers when they are met, what is left of the taker last (M-33);
- under decrement the rows of one id and reason are added up and their order is not looked at: one encounter may be
  written as a row for each side or as part of a sum;
- lots that a ``reduce`` or ``replace`` itself took off may be listed as ``user`` or left out, for the schema's own
  vectors leave them out; if listed, id and quantity must be right. Those of a ``cancel`` must be listed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.types import CancelReason, SelfTradePrevention, Side, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Callable

Vector = dict[str, Any]
Json = Any
Command = dict[str, Json]
Rows = list[dict[str, Json]]

# Policies in which the engine differs from what the vectors assume (their README): none. A vector with an "alternative"
# for a policy named here is compared with that one.
POLICIES: frozenset[str] = frozenset()

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_TIMES_IN_FORCE = {"gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC, "fok": TimeInForce.FOK}
# A market order never rests (M-4): "gtc" says no more than leaving it out.
_TIMES_IN_FORCE_OF_MARKET = {**_TIMES_IN_FORCE, "gtc": TimeInForce.DEFAULT}
_PREVENTIONS = {
    "none": SelfTradePrevention.NONE,
    "cancel_taker": SelfTradePrevention.CANCEL_TAKER,
    "cancel_maker": SelfTradePrevention.CANCEL_MAKER,
    "cancel_both": SelfTradePrevention.CANCEL_BOTH,
    "decrement": SelfTradePrevention.DECREMENT,
}
_WHY = {CancelReason.UNFILLED: "unfilled", CancelReason.SELF_TRADE: "stp"}


class MatchingRun:
    """Run one matching vector: order ids become `order_id`, owners become indexes.

    Parameters
    ----------
    book_class : callable
        What makes a book.
    vector : dict
        The vector.
    policies : frozenset of str
        The policies in which the book differs from what vectors assume.
    """

    def __init__(self, book_class: Callable[..., Any], vector: Vector, *, policies: frozenset[str] = POLICIES) -> None:
        self.vector = vector
        owners = [command.get("owner") for command in vector["commands"] if command.get("owner") is not None]
        self.owners = {owner: index for index, owner in enumerate(dict.fromkeys(owners))}
        self.book = book_class(owners=len(self.owners))
        self.preventions: dict[Json, SelfTradePrevention] = {}  # by id, as placed last; a replace keeps it (M-16)
        alternative = vector.get("alternative")
        self.alternative = alternative if alternative and alternative["policy"] in policies else None

    def differences(self) -> list[str]:
        """Return what differs from the expectation, a line each; none when the vector passes."""
        commands, expected = self.vector["commands"], self.vector["expect"]
        if len(commands) != len(expected):
            return [f"{len(commands)} commands but {len(expected)} expectations"]
        lines = []
        for index, (command, want) in enumerate(zip(commands, expected, strict=True)):
            if self.alternative is None:
                parts = {part: want[part] for part in ("status", "trades", "cancels", "bbo")}
            else:
                parts = {"trades": self.alternative["trades"].get(str(index), [])}  # of the rest it says nothing
            lines += [f"command {index}: {line}" for line in self._command_differences(command, parts)]
        book = self._final_book()
        wanted = self.vector["book"] if self.alternative is None else book_of_text(self.alternative["book"])
        if book != wanted:
            lines.append(f"final book: expected {wanted}, was {book}")
        return lines

    def _command_differences(self, command: Command, want: dict[str, Json]) -> list[str]:
        open_lots = self._open_lots(command["id"]) if command["op"] == "replace" else 0
        got: dict[str, Json] = {"status": "rejected", "trades": [], "cancels": []}
        try:
            result = self._sent(command)
        except InputError:
            pass  # a command that is not even well formed is refused; a vector knows only "rejected"
        else:
            if result.accepted:
                got = {"status": "accepted", "trades": self._trades(), "cancels": self._cancels(command, result)}
                if "cancels" in want:
                    want = {**want, "cancels": self._without_own_lots(want["cancels"], command, open_lots)}
        got["bbo"] = self._best()
        if "cancels" in want and self._prevention(command) == SelfTradePrevention.DECREMENT:
            got["cancels"], want["cancels"] = added_up(got["cancels"]), added_up(want["cancels"])
        return [f"{part}: expected {want[part]}, was {got[part]}" for part in want if got[part] != want[part]]

    def _sent(self, command: Command) -> Any:
        match command["op"]:
            case "new":
                return self._placed(command)
            case "cancel":
                return self.book.cancel(order_id=command["id"])
            case "reduce":
                return self.book.reduce(command["by"], order_id=command["id"])
            case "replace":
                return self.book.replace(command["price"], command["qty"], order_id=command["id"])
            case other:
                raise ValueError(f"op: expected new, cancel, reduce or replace, was {other!r}")

    def _placed(self, command: Command) -> Any:
        side, tif, kind = _SIDES[command["side"]], command.get("tif") or "gtc", command["type"]
        prevention = self._prevention(command)
        named = {
            "order_id": command["id"],
            "owner": self.owners.get(command.get("owner")),
            "self_trade_prevention": prevention,
        }
        # A key that is null says what a missing one says.
        post_only = False if command.get("post_only") is None else command["post_only"]
        display = command.get("display")
        if kind == "market":
            if post_only or display is not None:
                raise InputError("post_only, display", "neither, with a market order", command)  # M-5
            result = self.book.market(side, command["qty"], time_in_force=_TIMES_IN_FORCE_OF_MARKET[tif], **named)
        elif kind == "limit":
            result = self.book.limit(
                side,
                command["price"],
                command["qty"],
                time_in_force=_TIMES_IN_FORCE[tif],
                post_only=post_only,
                display_lots=0 if display is None else display,
                **named,
            )
        else:
            raise ValueError(f"type: expected limit or market, was {kind!r}")
        if result.accepted:
            self.preventions[command["id"]] = prevention
        return result

    def _prevention(self, command: Command) -> SelfTradePrevention:
        if command["op"] == "new":
            return _PREVENTIONS[command.get("stp") or "none"]
        return self.preventions.get(command["id"], SelfTradePrevention.NONE)

    def _trades(self) -> Rows:
        return [
            {
                "maker": int(fill.maker_id),
                "taker": int(fill.taker_id),
                "price": int(fill.price_ticks),
                "qty": int(fill.qty_lots),
            }
            for fill in self.book.last_fills()
        ]

    def _cancels(self, command: Command, result: Any) -> Rows:
        rows: Rows = []
        if command["op"] == "cancel":
            rows.append({"id": command["id"], "qty": int(result.cancelled_lots), "why": "user"})
        for cancel in self.book.last_cancels():
            reason = CancelReason(cancel.reason)
            rows.append({"id": int(cancel.id), "qty": int(cancel.qty_lots), "why": _WHY.get(reason, reason.name)})
        return rows

    @staticmethod
    def _without_own_lots(rows: Rows, command: Command, open_lots: int) -> Rows:
        """Drop the row of the lots that a reduce or replace was told to take off, if there is a right one."""
        if command["op"] == "reduce":
            quantities = [command["by"]]
        elif command["op"] == "replace":
            # The lots that became fewer, or the whole old order.
            quantities = [open_lots - command["qty"], open_lots]
        else:
            return rows
        own = [{"id": command["id"], "qty": quantity, "why": "user"} for quantity in quantities if quantity > 0]
        return rows[1:] if rows and rows[0] in own else rows

    def _open_lots(self, order_id: Json) -> int:
        return sum(order.leaves_lots + order.hidden_lots for order in self.book.orders() if order.id == order_id)

    def _best(self) -> dict[str, Json]:
        bids, asks = self.book.depth(1)
        return {
            "bid": [int(number) for number in bids[0]] if bids else None,
            "ask": [int(number) for number in asks[0]] if asks else None,
        }

    def _final_book(self) -> dict[str, list[Json]]:
        book: dict[str, list[Json]] = {"bids": [], "asks": []}
        for order in self.book.orders():
            levels = book["bids" if order.side == Side.BUY else "asks"]
            if not levels or levels[-1][0] != int(order.price_ticks):
                levels.append([int(order.price_ticks), []])
            hidden = [int(order.hidden_lots)] if order.hidden_lots else []
            levels[-1][1].append([int(order.id), int(order.leaves_lots), *hidden])
        return book


def added_up(rows: Rows) -> Rows:
    """Add up the rows of one id and reason, in an order of their own.

    Examples
    --------
    >>> added_up([{"id": 2, "qty": 1, "why": "stp"}, {"id": 2, "qty": 3, "why": "stp"}])
    [{'id': 2, 'qty': 4, 'why': 'stp'}]
    """
    sums: Counter[tuple[Json, str]] = Counter()
    for row in rows:
        sums[row["id"], row["why"]] += row["qty"]
    return [{"id": order_id, "qty": qty, "why": why} for (order_id, why), qty in sorted(sums.items())]


def book_of_text(text: str) -> dict[str, list[Json]]:
    """Read the short form in which an alternative writes its final book: ``b PRICE:IDxSHOWN/HIDDEN,...;... | a ...``.

    Examples
    --------
    >>> book_of_text("b 10:1x2,3x4/5;9:2x1 | a ")
    {'bids': [[10, [[1, 2], [3, 4, 5]]], [9, [[2, 1]]]], 'asks': []}
    """
    book: dict[str, list[Json]] = {"bids": [], "asks": []}
    for part in text.split("|"):
        side, _, levels = part.strip().partition(" ")
        for level in filter(None, levels.split(";")):
            price, _, orders = level.partition(":")
            queue = [[int(number) for number in order.replace("/", "x").split("x")] for order in orders.split(",")]
            book[{"b": "bids", "a": "asks"}[side]].append([int(price), queue])
    return book


def matching_differences(book_class: Callable[..., Any], vector: Vector) -> list[str]:
    """Run a vector of kind ``matching`` and return what differs, a line each."""
    return MatchingRun(book_class, vector).differences()
