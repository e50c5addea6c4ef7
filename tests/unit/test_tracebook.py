"""The adapter for tracebook-conformance: transcripts written by hand, on both engines. They need no peer."""

from __future__ import annotations

import hashlib
import io
import json
from decimal import Decimal

import pytest

from engine.testing import tracebook, tracebook_market

HELLO = {"type": "hello", "protocol": "tracebook.conformance", "protocol_version": 1}


def hello(**config):
    return {**HELLO, "config": config}


def new(order_id, side, price, quantity, *, order_type="LIMIT", symbol="T", owner=-1):
    return {
        "op": "new",
        "symbol": symbol,
        "order_id": order_id,
        "side": side,
        "order_type": order_type,
        "price": price,
        "quantity": quantity,
        "owner": owner,
    }


def said(op, order_id=None, *, symbol="T", **numbers):
    return {"op": op, "symbol": symbol, "order_id": order_id, **numbers}


def talk(book_class, lines):
    """Send lines, texts or messages, and return the exit code and the answers."""
    source = io.StringIO("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    sink = io.StringIO()
    code = tracebook.serve(book_class, source, sink)
    return code, [json.loads(line) for line in sink.getvalue().splitlines()]


def replay(book_class, *events, **config):
    """Hold a whole conversation and return the observations and the final books."""
    lines = [hello(**config)]
    lines += [{"type": "event", "index": index, "event": event} for index, event in enumerate(events, 1)]
    lines += [{"type": "snapshot", "index": len(events)}, {"type": "finish", "event_count": len(events)}]
    code, answers = talk(book_class, lines)
    assert code == 0, answers[-1]
    assert [answer["type"] for answer in answers] == [
        "ready",
        *["observation"] * len(events),
        "snapshot",
        "complete",
    ]
    return answers[1:-2], answers[-2]["state"]["books"]


def reasons(observations):
    return [seen["outcome"]["reason"] for seen in observations]


def trades(observation):
    return [
        (trade["buy_order_id"], trade["sell_order_id"], trade["price"], trade["quantity"])
        for trade in observation["trades"]
    ]


def queue(orders):
    return [(order["order_id"], order["price"], order["remaining_quantity"]) for order in orders]


class TestTranscript:
    def test_a_whole_conversation(self, book_class):
        code, answers = talk(
            book_class,
            [
                hello(tick_size="0.01", quantity_decimal_places=12),
                {"type": "event", "index": 1, "event": new(7, "SELL", 100.5, 2.5, owner=3)},
                {"type": "event", "index": 2, "event": new(8, "BUY", 101, 1, owner=4)},
                {"type": "snapshot", "index": 2},
                {"type": "finish", "event_count": 2},
            ],
        )
        ready, first, second, snapshot, complete = answers
        assert code == 0
        assert ready["type"] == "ready"
        assert (ready["protocol"], ready["protocol_version"]) == ("tracebook.conformance", 1)
        assert ready["engine"]["name"] == "firesale"
        applied = {"status": "applied", "reason": None, "message": None}
        # The hash is that of the state's text: keys sorted, no spaces.
        text = (
            '{"books":[{"asks":[{"order_id":7,"order_type":"LIMIT","owner":3,"price":"100.5",'
            '"remaining_quantity":"2.5"}],"bids":[],"symbol":"T"}]}'
        )
        assert first == {
            "type": "observation",
            "index": 1,
            "outcome": applied,
            "trades": [],
            "state_hash": hashlib.sha256(text.encode()).hexdigest(),
            "resting_order_count": 1,
        }
        assert second["trades"] == [
            {"symbol": "T", "buy_order_id": 8, "sell_order_id": 7, "price": "100.5", "quantity": "1"}
        ]
        rest = {"order_id": 7, "price": "100.5", "remaining_quantity": "1.5", "owner": 3, "order_type": "LIMIT"}
        assert snapshot == {
            "type": "snapshot",
            "index": 2,
            "state": {"books": [{"symbol": "T", "bids": [], "asks": [rest]}]},
        }
        assert complete == {"type": "complete", "event_count": 2}

    def test_nothing_at_all_is_a_trace_too(self, book_class):
        seen, books = replay(book_class)
        assert (seen, books) == ([], [])

    def test_a_partly_filled_maker_keeps_its_place_and_so_does_a_reduced_one(self, book_class):
        seen, books = replay(
            book_class,
            new(1, "SELL", 100, 5),
            new(2, "SELL", 100, 5),
            new(3, "BUY", 100, 1),
            said("reduce", 1, quantity=3),
            new(4, "BUY", 100, 2),
        )
        assert trades(seen[2]) == [(3, 1, "100", "1")]
        assert trades(seen[4]) == [(4, 1, "100", "1"), (4, 2, "100", "1")]  # 5 - 1 - 3 = 1 of order 1
        assert queue(books[0]["asks"]) == [(2, "100", "4")]

    @pytest.mark.parametrize(
        ("numbers", "asks"),
        [
            ({"price": 100, "quantity": 3}, [(2, "100", "5"), (1, "100", "3")]),  # M-16 alone would keep its place
            ({"quantity": 5}, [(2, "100", "5"), (1, "100", "5")]),
            ({"quantity": 7.5}, [(2, "100", "5"), (1, "100", "7.5")]),
            ({"price": 99.5}, [(1, "99.5", "5"), (2, "100", "5")]),
            ({"price": 101, "quantity": 1}, [(2, "100", "5"), (1, "101", "1")]),
        ],
    )
    def test_a_replace_always_goes_to_the_back(self, book_class, numbers, asks):
        seen, books = replay(book_class, new(1, "SELL", 100, 5), new(2, "SELL", 100, 5), said("replace", 1, **numbers))
        assert reasons(seen) == [None, None, None]
        assert queue(books[0]["asks"]) == asks

    def test_a_replace_may_trade(self, book_class):
        seen, books = replay(book_class, new(1, "BUY", 99, 5), new(2, "SELL", 100, 2), said("replace", 1, price=100))
        assert trades(seen[2]) == [(1, 2, "100", "2")]
        assert queue(books[0]["bids"]) == [(1, "100", "3")]

    def test_instructions(self, book_class):
        seen, books = replay(
            book_class,
            new(1, "SELL", 100, 2),
            new(2, "BUY", 100, 3, order_type="FOK"),  # 2 of 3: killed, and that is "applied"
            new(3, "BUY", 100, 3, order_type="IOC"),
            new(4, "BUY", None, 1, order_type="MARKET"),
            new(5, "SELL", 100, 1),
            new(6, "BUY", None, 2, order_type="MARKET"),
        )
        assert reasons(seen) == [None] * 6
        assert [trades(one) for one in seen] == [[], [], [(3, 1, "100", "2")], [], [], [(6, 5, "100", "1")]]
        assert books == [{"symbol": "T", "bids": [], "asks": []}]

    def test_refusals_have_the_reasons_of_the_protocol(self, book_class):
        seen, books = replay(
            book_class,
            said("cancel", 1),  # of a symbol without a book
            new(1, "BUY", 100, 1),
            new(1, "BUY", -3, 1),  # the id is looked at first
            new(2, "BUY", -3, 1),
            new(2, "BUY", 100, 0),
            new(2, "BUY", 0.004, 1),  # nearest tick: 0
            said("reduce", 1, quantity=2),
            said("replace", 1, price=0),
            said("replace", 1, quantity=-1),
            said("replace", 2, quantity=1),
            said("cancel", 1),
            said("cancel", 1),
        )
        assert reasons(seen) == [
            "ORDER_NOT_ACTIVE",
            None,
            "DUPLICATE_ORDER_ID",
            *["INVALID_ORDER"] * 4,
            *["INVALID_REPLACEMENT"] * 2,
            "ORDER_NOT_ACTIVE",
            None,
            "ORDER_NOT_ACTIVE",
        ]
        hashes = [one["state_hash"] for one in seen]
        assert len(set(hashes[1:10])) == 1  # what is refused changes nothing
        assert books == [{"symbol": "T", "bids": [], "asks": []}]

    def test_symbols_are_books_of_their_own(self, book_class):
        seen, books = replay(
            book_class,
            new(1, "BUY", 100, 1, symbol="Z"),
            new(1, "SELL", 100, 1, symbol=" A "),
            said("clear", symbol="Z"),
            said("reduce", 1, symbol="M", quantity=1),
            said("clear", symbol="M"),
            new(9, "BUY", -1, 1, symbol="N"),  # refused, but it opens the book
        )
        assert [one["resting_order_count"] for one in seen] == [1, 2, 1, 1, 1, 1]
        assert [book["symbol"] for book in books] == ["A", "M", "N", "Z"]

    def test_clear_frees_the_ids(self, book_class):
        seen, books = replay(book_class, new(1, "BUY", 100, 1), said("clear"), new(1, "SELL", 99, 2))
        assert reasons(seen) == [None] * 3
        assert (books[0]["bids"], queue(books[0]["asks"])) == ([], [(1, "99", "2")])


class TestNumbers:
    def test_prices_go_to_the_nearest_tick_and_halves_to_the_even_one(self, book_class):
        prices = (100.004, 100.006, 100.015, 100.025)
        events = [new(index, "BUY", price, 1) for index, price in enumerate(prices, 1)]
        _, books = replay(book_class, *events)
        assert queue(books[0]["bids"]) == [(3, "100.02", "1"), (4, "100.02", "1"), (2, "100.01", "1"), (1, "100", "1")]

    def test_quantities_stay_exact_where_floats_do_not(self, book_class):
        # 0.1 + 0.2 is 0.30000000000000004 in floats.
        seen, books = replay(
            book_class, new(1, "BUY", 1, 0.1), new(2, "BUY", 1, 0.2), new(3, "SELL", 1, 0.3), tick_size="1"
        )
        assert trades(seen[2]) == [(1, 3, "1", "0.1"), (2, 3, "1", "0.2")]
        assert books[0]["bids"] == books[0]["asks"] == []

    def test_finer_quantities_rebuild_the_book_in_order(self, book_class):
        seen, books = replay(
            book_class,
            new(1, "BUY", 50_000, 100_000),  # at 10^-12 units a lot this alone would pass the bound of a book
            new(2, "BUY", 50_000, 2),
            new(3, "BUY", 50_000, "0.000001"),
            new(4, "SELL", 50_000, 100_000.5),
        )
        assert reasons(seen) == [None] * 4
        assert trades(seen[3]) == [(1, 4, "50000", "100000"), (2, 4, "50000", "0.5")]
        assert queue(books[0]["bids"]) == [(2, "50000", "1.5"), (3, "50000", "0.000001")]

    def test_what_does_not_fit_is_refused_and_changes_nothing(self, book_class):
        seen, books = replay(
            book_class,
            new(1, "BUY", 100, 1_000_000),
            new(2, "BUY", 100, "0.000000000001"),  # 10^6 units of 10^12 lots at 10^4 ticks: 10^22
            new(2, "BUY", 1e9, 1),
            new(2, "BUY", 100, 1e30),
            new(2, "BUY", 100, "1e999999999"),
            new(2, "BUY", "1e-999999999", 1),
            new(2**63, "BUY", 100, 1),
            new(2, "BUY", 100, 1, owner=2**63),
            said("replace", 1, price=1e9),
            said("replace", 1, quantity=1e30),
            said("cancel", 2**70),
        )
        assert reasons(seen) == [None, *["INVALID_ORDER"] * 7, *["INVALID_REPLACEMENT"] * 2, "ORDER_NOT_ACTIVE"]
        assert queue(books[0]["bids"]) == [(1, "100", "1000000")]

    def test_quantities_are_rounded_to_the_places_asked_for(self, book_class):
        _, books = replay(book_class, new(1, "BUY", 1, 1.25), new(2, "BUY", 1, 1.35), quantity_decimal_places=1)
        assert queue(books[0]["bids"]) == [(1, "1", "1.2"), (2, "1", "1.4")]

    @pytest.mark.parametrize(
        ("number", "text"),
        [
            ("0", "0"),
            ("-0.0", "0"),
            ("1E+3", "1000"),
            ("1.50", "1.5"),
            ("0.000000000000000001", "0.000000000000000001"),
        ],
    )
    def test_canonical(self, number, text):
        assert tracebook_market.canonical(Decimal(number)) == text


class TestSelfTrades:
    def test_none_lets_an_owner_trade_with_itself(self, book_class):
        seen, _ = replay(book_class, new(1, "SELL", 100, 1, owner=5), new(2, "BUY", 100, 1, owner=5))
        assert trades(seen[1]) == [(2, 1, "100", "1")]

    def test_cancel_resting_goes_on(self, book_class):
        seen, books = replay(
            book_class,
            new(1, "SELL", 100, 1, owner=-9),
            new(2, "SELL", 100, 1, owner=2**62),
            new(3, "BUY", 100, 2, owner=-9),
            self_trade_policy="CANCEL_RESTING",
        )
        assert trades(seen[2]) == [(3, 2, "100", "1")]
        assert (queue(books[0]["bids"]), books[0]["asks"]) == ([(3, "100", "1")], [])
        assert books[0]["bids"][0]["owner"] == -9

    def test_cancel_incoming_stops(self, book_class):
        seen, books = replay(
            book_class,
            new(1, "SELL", 100, 1, owner=0),
            new(2, "BUY", 100, 2, owner=0),
            new(3, "BUY", 100, 1, owner=0, order_type="FOK"),
            self_trade_policy="CANCEL_INCOMING",
        )
        assert [one["trades"] for one in seen] == [[], [], []]
        assert (books[0]["bids"], queue(books[0]["asks"])) == ([], [(1, "100", "1")])

    def test_orders_without_owner_trade(self, book_class):
        seen, _ = replay(book_class, new(1, "SELL", 100, 1), new(2, "BUY", 100, 1), self_trade_policy="CANCEL_INCOMING")
        assert trades(seen[1]) == [(2, 1, "100", "1")]

    def test_a_replaced_order_keeps_its_owner(self, book_class):
        seen, books = replay(
            book_class,
            new(1, "BUY", 99, 2, owner=7),
            new(2, "SELL", 100, 1, owner=7),
            said("replace", 1, price=100),
            self_trade_policy="CANCEL_RESTING",
        )
        assert seen[2]["trades"] == []
        assert (queue(books[0]["bids"]), books[0]["asks"]) == ([(1, "100", "2")], [])
        assert books[0]["bids"][0]["owner"] == 7


EVENT = {"type": "event", "index": 1, "event": new(1, "BUY", 100, 1)}


def event(**parts):
    return {**EVENT, "event": {**EVENT["event"], **parts}}


class TestErrors:
    @pytest.mark.parametrize(
        "lines",
        [
            [],
            ["{"],
            ["[]"],
            ["3"],
            [EVENT],
            [{**HELLO, "protocol": "other"}],
            [{**HELLO, "protocol_version": 2}],
            [{**HELLO, "protocol_version": True}],
            [{**HELLO, "config": []}],
            [hello(matching_algorithm="pro_rata")],
            [hello(matching_algorithm=None)],
            [hello(self_trade_policy="CANCEL_BOTH")],
            [hello(tick_size="0")],
            [hello(tick_size="NaN")],
            [hello(tick_size="1e-99999")],
            [hello(tick_size=None)],
            [hello(quantity_decimal_places=19)],
            [hello(quantity_decimal_places=1.5)],
            [HELLO],
            [HELLO, "{"],
            [HELLO, "[" * 100_000],
            [HELLO, '{"type": "event", "index": ' + "9" * 5_000 + "}"],
            [HELLO, {"type": "bye"}],
            [HELLO, {"type": ["event"]}],
            [HELLO, {**EVENT, "index": 2}],
            [HELLO, {**EVENT, "index": True}],
            [HELLO, {**EVENT, "event": None}],
            [HELLO, {"type": "snapshot", "index": 1}],
            [HELLO, {"type": "finish", "event_count": 1}],
            [HELLO, {"type": "finish"}],
            [HELLO, event(op="amend")],
            [HELLO, event(op=None)],
            [HELLO, event(symbol=" ")],
            [HELLO, event(symbol=7)],
            [HELLO, event(symbol="\ud800")],
            [HELLO, event(order_id=0)],
            [HELLO, event(order_id=None)],
            [HELLO, event(order_id="one")],
            [HELLO, event(order_id=True)],
            [HELLO, event(side=None)],
            [HELLO, event(side="LONG")],
            [HELLO, event(order_type="STOP")],
            [HELLO, event(price=None)],
            [HELLO, event(price=float("nan"))],
            [HELLO, event(price="ten")],
            [HELLO, event(price=True)],
            [HELLO, event(price=[1])],
            [HELLO, event(quantity=None)],
            [HELLO, event(quantity=float("inf"))],
            [HELLO, event(owner=None)],
            [HELLO, event(owner=1.5)],
            [HELLO, event(op="reduce", quantity=None)],
            [HELLO, event(op="reduce", quantity=0)],
            [HELLO, event(op="replace", price=None, quantity=None)],
        ],
    )
    def test_what_cannot_be_understood_ends_the_conversation(self, book_class, lines):
        code, answers = talk(book_class, lines)
        assert code == 2
        assert [answer["type"] for answer in answers[:-1]] == ["ready"] * (len(answers) - 1)
        assert (answers[-1]["type"], answers[-1]["code"]) == ("error", "PROTOCOL_ERROR")
        assert answers[-1]["message"]

    def test_pro_rata_is_refused_by_name(self, book_class):
        _, answers = talk(book_class, [hello(matching_algorithm="pro_rata")])
        assert answers[-1]["message"] == 'matching_algorithm: expected fifo, the only one here, was "pro_rata"'

    def test_our_own_faults_are_told_too(self):
        class Broken:
            def __init__(self, **options):
                raise RuntimeError("out of order")

        code, answers = talk(Broken, [HELLO, EVENT])
        assert code == 2
        assert answers[-1] == {"type": "error", "code": "ADAPTER_ERROR", "message": "out of order"}

    def test_a_reader_who_has_gone(self, book_class):
        class Gone(io.StringIO):
            def write(self, text):
                raise BrokenPipeError

        assert tracebook.serve(book_class, io.StringIO(json.dumps(HELLO) + "\n"), Gone()) == 2
