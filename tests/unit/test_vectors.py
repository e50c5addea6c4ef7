"""The vector runner, and the shared vectors on the reference and on the native engine.

The files are looked for in `$FIRESALE_VECTORS`, else in `../shared/vectors` beside the checkout.
"""

from __future__ import annotations

import copy
import importlib
import json
import os
from pathlib import Path

import pytest

from engine.testing import matching_vectors, vectors

OWN = Path(__file__).parents[1] / "vectors" / "matching_own.json"
FOLDER = Path(os.environ.get("FIRESALE_VECTORS") or Path(__file__).parents[3] / "shared" / "vectors")

PARTIAL_FILL = {
    "id": "t1",
    "kind": "matching",
    "title": "A partial fill, a refused duplicate, an IOC remainder and a cancel",
    "tags": [],
    "commands": [
        {"op": "new", "id": 1, "owner": 1, "side": "sell", "type": "limit", "price": 10, "qty": 4, "tif": "gtc"},
        {"op": "new", "id": 2, "owner": 2, "side": "buy", "type": "limit", "price": 10, "qty": 1, "tif": "ioc"},
        {"op": "new", "id": 1, "owner": 3, "side": "sell", "type": "limit", "price": 11, "qty": 1, "tif": "gtc"},
        {"op": "new", "id": 4, "owner": 3, "side": "buy", "type": "market", "price": None, "qty": 5},
        {"op": "new", "id": 5, "owner": 3, "side": "buy", "type": "limit", "price": 9, "qty": 6, "tif": "gtc"},
        {"op": "cancel", "id": 5},
        {"op": "new", "id": 6, "owner": 3, "side": "buy", "type": "limit", "price": 8, "qty": 2, "tif": "gtc"},
    ],
    "expect": [
        {"status": "accepted", "reason": None, "trades": [], "cancels": [], "bbo": {"bid": None, "ask": [10, 4]}},
        {
            "status": "accepted",
            "reason": None,
            "trades": [{"maker": 1, "taker": 2, "price": 10, "qty": 1}],
            "cancels": [],
            "bbo": {"bid": None, "ask": [10, 3]},
        },
        {
            "status": "rejected",
            "reason": "DUPLICATE_ID",
            "trades": [],
            "cancels": [],
            "bbo": {"bid": None, "ask": [10, 3]},
        },
        {
            "status": "accepted",
            "reason": None,
            "trades": [{"maker": 1, "taker": 4, "price": 10, "qty": 3}],
            "cancels": [{"id": 4, "qty": 2, "why": "unfilled"}],
            "bbo": {"bid": None, "ask": None},
        },
        {"status": "accepted", "reason": None, "trades": [], "cancels": [], "bbo": {"bid": [9, 6], "ask": None}},
        {
            "status": "accepted",
            "reason": None,
            "trades": [],
            "cancels": [{"id": 5, "qty": 6, "why": "user"}],
            "bbo": {"bid": None, "ask": None},
        },
        {"status": "accepted", "reason": None, "trades": [], "cancels": [], "bbo": {"bid": [8, 2], "ask": None}},
    ],
    "book": {"bids": [[8, [[6, 2]]]], "asks": []},
}


def order(order_id, owner, side, price, qty, **more):
    kind = "limit" if price is not None else "market"
    return {"op": "new", "id": order_id, "owner": owner, "side": side, "type": kind, "price": price, "qty": qty, **more}


def seen(bid=None, ask=None, *, trades=(), cancels=()):
    return {
        "status": "accepted",
        "reason": None,
        "trades": [dict(zip(("maker", "taker", "price", "qty"), trade, strict=True)) for trade in trades],
        "cancels": [dict(zip(("id", "qty", "why"), cancel, strict=True)) for cancel in cancels],
        "bbo": {"bid": bid, "ask": ask},
    }


def refused(bid=None, ask=None):
    return {**seen(bid, ask), "status": "rejected", "reason": "WHATEVER"}


def vector(*steps, bids=(), asks=(), **more):
    commands, expected = map(list, zip(*steps, strict=True))
    book = {"bids": list(bids), "asks": list(asks)}
    return {"id": "t", "kind": "matching", "tags": [], "commands": commands, "expect": expected, "book": book, **more}


# Each command, time in force, flag and self-trade mode at least once.
EVERYTHING = vector(
    (order(1, 1, "sell", 10, 5, display=2), seen(None, [10, 2])),
    (order(2, 2, "buy", 10, 6, tif="fok"), refused(None, [10, 2])),
    (order(2, 2, "buy", 10, 3, tif="fok"), seen(None, [10, 1], trades=[(1, 2, 10, 2), (1, 2, 10, 1)])),
    ({"op": "reduce", "id": 1, "by": 1}, seen(None, [10, 1])),  # of 1 shown and 1 hidden the hidden one
    (order(3, 2, "buy", 10, 1, post_only=True), refused(None, [10, 1])),
    ({"op": "replace", "id": 1, "price": 11, "qty": 3}, seen(None, [11, 2])),
    (order(4, 1, "buy", 11, 1, stp="cancel_taker"), seen(None, [11, 2], cancels=[(4, 1, "stp")])),
    (order(5, 1, "buy", 11, 1, stp="decrement"), seen(None, [11, 1], cancels=[(1, 1, "stp"), (5, 1, "stp")])),
    (order(6, 1, "buy", 11, 1, tif="ioc", stp="cancel_maker"), seen(cancels=[(1, 2, "stp"), (6, 1, "unfilled")])),
    (order(7, 3, "buy", 9, 4, post_only=True, stp=None, display=None), seen([9, 4])),
    (order(8, 3, "sell", None, 5, stp="cancel_both"), seen(cancels=[(7, 4, "stp"), (8, 5, "stp")])),
    (order(9, 3, "buy", None, 5, tif="gtc"), seen(cancels=[(9, 5, "unfilled")])),
    (order(9, 3, "buy", 9, 5, display=3), seen([9, 3])),
    (order(10, 3, "buy", None, 5, post_only=True), refused([9, 3])),
    ({"op": "cancel", "id": 9}, seen(cancels=[(9, 5, "user")])),
    (order(9, 3, "buy", 9, 5, display=3), seen([9, 3])),
    bids=[[9, [[9, 3, 2]]]],
)

QUEUE = {
    "id": "t2",
    "kind": "event_queue",
    "title": "Priorities, a cancel, and two refusals",
    "input": {
        "commands": [
            ["at", 5, "a"],
            ["at", 5, "b", -1],
            ["at", 6, "c"],
            ["run", 5],
            ["at", 4, "late"],
            ["cancel", "a"],
            ["cancel", "c"],
            ["at", 9, "d"],
        ]
    },
    "expect": {"fired": [[5, "b"], [5, "a"]], "rejected": [["at", 4, "late"], ["cancel", "a"]], "pending": 1},
}


@pytest.fixture
def engine(engine_name):
    return vectors.engine_of(reference=engine_name == "reference")


def lines_of(engine, *given):
    lines = []
    return vectors.run(engine, given, lines.append), lines


class TestSharedVectors:
    @pytest.mark.parametrize("name", ["matching.json", "ledger_and_events.json"])
    def test_pass(self, engine, name):
        path = FOLDER / name
        if not path.exists():
            pytest.skip(f"no vectors at {path}: set FIRESALE_VECTORS to their folder")
        given = vectors.vectors_of(path)
        tally, lines = lines_of(engine, *given)
        assert tally.failed == 0, "\n".join(lines)
        assert tally.passed > 0
        assert tally.passed + tally.skipped + tally.failed == len(given)


class TestOwnVectors:
    def test_pass(self, engine):
        given = vectors.vectors_of(OWN)
        tally, lines = lines_of(engine, *given)
        assert (tally.passed, tally.failed, tally.skipped) == (len(given), 0, 0), "\n".join(lines)


class TestMatching:
    def test_passes(self, engine):
        assert vectors.vector_differences(engine, PARTIAL_FILL) == []

    @pytest.mark.parametrize(
        ("index", "part", "wrong"),
        [
            (0, "status", "rejected"),
            (1, "trades", []),
            (1, "trades", [{"maker": 1, "taker": 2, "price": 10, "qty": 2}]),
            (2, "status", "accepted"),
            (3, "cancels", [{"id": 4, "qty": 3, "why": "unfilled"}]),
            (3, "cancels", []),
            (5, "cancels", [{"id": 5, "qty": 6, "why": "unfilled"}]),
            (6, "bbo", {"bid": [8, 1], "ask": None}),
        ],
    )
    def test_a_planted_error_fails(self, engine, index, part, wrong):
        planted = copy.deepcopy(PARTIAL_FILL)
        planted["expect"][index][part] = wrong
        tally, lines = lines_of(engine, planted)
        assert (tally.passed, tally.failed) == (0, 1)
        assert f"command {index}: {part}" in lines[0]

    def test_a_planted_error_in_the_final_book_fails(self, engine):
        planted = {**PARTIAL_FILL, "book": {"bids": [[8, [[6, 1]]]], "asks": []}}
        assert "final book" in vectors.vector_differences(engine, planted)[0]

    def test_too_few_expectations_fail(self, engine):
        assert vectors.vector_differences(engine, {**PARTIAL_FILL, "expect": []}) != []

    def test_nothing_of_the_schema_is_skipped(self, engine):
        tally, lines = lines_of(engine, EVERYTHING)
        assert (tally.passed, tally.failed, tally.skipped) == (1, 0, 0), lines

    @pytest.mark.parametrize(
        "extra",
        [
            {"op": "amend"},
            {"type": "stop"},
            {"tif": "gtd"},
            {"tif": "gtt"},
            {"side": "both"},
            {"price": "10"},
            {"stp": "cancel_nobody"},
            {"display": "2"},
            {"post_only": 1},
        ],
    )
    def test_what_is_unknown_fails(self, engine, extra):
        vector = copy.deepcopy(PARTIAL_FILL)
        vector["commands"][0].update(extra)
        tally, _ = lines_of(engine, vector)
        assert (tally.failed, tally.skipped) == (1, 0)


class TestCancels:
    """Which lists of cancels are taken for equal; the module's docstring says why."""

    RESTS = (order(1, 5, "buy", 10, 5), seen([10, 5]))

    @pytest.mark.parametrize("listed", [[], [(1, 2, "user")]])
    def test_a_reduce_may_list_its_own_lots(self, engine, listed):
        steps = (self.RESTS, ({"op": "reduce", "id": 1, "by": 2}, seen([10, 3], cancels=listed)))
        assert vectors.vector_differences(engine, vector(*steps, bids=[[10, [[1, 3]]]])) == []

    @pytest.mark.parametrize("listed", [[], [(1, 2, "user")], [(1, 5, "user")]])
    def test_so_may_a_replace(self, engine, listed):
        steps = (self.RESTS, ({"op": "replace", "id": 1, "price": 10, "qty": 3}, seen([10, 3], cancels=listed)))
        assert vectors.vector_differences(engine, vector(*steps, bids=[[10, [[1, 3]]]])) == []

    @pytest.mark.parametrize("listed", [[(1, 1, "user")], [(2, 2, "user")], [(1, 2, "stp")], [(1, 2, "user")] * 2])
    @pytest.mark.parametrize("command", [{"op": "reduce", "by": 2}, {"op": "replace", "price": 10, "qty": 3}])
    def test_but_only_the_right_ones(self, engine, listed, command):
        steps = (self.RESTS, ({**command, "id": 1}, seen([10, 3], cancels=listed)))
        assert "cancels" in vectors.vector_differences(engine, vector(*steps, bids=[[10, [[1, 3]]]]))[0]

    def test_a_refused_command_lists_nothing(self, engine):
        listed = {**refused([10, 5]), "cancels": [{"id": 1, "qty": 6, "why": "user"}]}
        steps = (self.RESTS, ({"op": "reduce", "id": 1, "by": 6}, listed))
        assert "cancels" in vectors.vector_differences(engine, vector(*steps, bids=[[10, [[1, 5]]]]))[0]

    @pytest.mark.parametrize(
        ("listed", "equal"),
        [
            ([(1, 1, "stp"), (4, 1, "stp"), (3, 1, "stp"), (4, 1, "stp")], True),
            ([(1, 1, "stp"), (3, 1, "stp"), (4, 2, "stp")], True),
            ([(4, 2, "stp"), (3, 1, "stp"), (1, 1, "stp")], True),
            ([(1, 2, "stp"), (4, 2, "stp")], False),
            ([(1, 1, "stp"), (3, 1, "stp"), (4, 1, "stp")], False),
            ([(1, 1, "stp"), (3, 1, "stp"), (4, 2, "unfilled")], False),
        ],
    )
    def test_decrements_are_added_up(self, engine, listed, equal):
        steps = (
            (order(1, 5, "buy", 10, 1), seen([10, 1])),
            (order(2, 6, "buy", 10, 1), seen([10, 2])),
            (order(3, 5, "buy", 10, 1), seen([10, 3])),
            (order(4, 5, "sell", 10, 3, stp="decrement"), seen(trades=[(2, 4, 10, 1)], cancels=listed)),
        )
        assert (vectors.vector_differences(engine, vector(*steps)) == []) is equal

    def test_the_order_of_other_cancels_counts(self, engine):
        steps = (
            (order(1, 5, "buy", 10, 1), seen([10, 1])),
            (order(2, 5, "sell", 10, 1, stp="cancel_both"), seen(cancels=[(2, 1, "stp"), (1, 1, "stp")])),
        )
        assert "cancels" in vectors.vector_differences(engine, vector(*steps))[0]


class TestPolicies:
    """A vector whose policy the engine does not follow is compared with its alternative."""

    RESTS = (order(1, 5, "buy", 10, 5), seen([10, 5]))
    ALTERNATIVE = {
        "policy": "fok_fills_what_it_can",
        "trades": {"1": [{"maker": 1, "taker": 2, "price": 10, "qty": 5}]},
        "book": "b 9:3x1,4x2/7 | a ",
    }

    def given(self, qty, **more):
        steps = (self.RESTS, (order(2, 6, "sell", 10, qty, tif="fok"), refused([10, 5])))
        return vector(*steps, bids=[[10, [[1, 5]]]], alternative=self.ALTERNATIVE, **more)

    def test_ours_is_the_default(self, book_class):
        assert matching_vectors.MatchingRun(book_class, self.given(6)).differences() == []

    def test_the_alternative_says_trades_and_book_only(self, book_class):
        policies = frozenset({"fok_fills_what_it_can"})
        lines = matching_vectors.MatchingRun(book_class, self.given(5), policies=policies).differences()
        assert lines == [
            "final book: expected {'bids': [[9, [[3, 1], [4, 2, 7]]]], 'asks': []}, was {'bids': [], 'asks': []}"
        ]
        lines = matching_vectors.MatchingRun(book_class, self.given(6), policies=policies).differences()
        assert lines[0].startswith("command 1: trades")


class TestEventQueue:
    def test_passes(self, engine):
        assert vectors.vector_differences(engine, QUEUE) == []

    @pytest.mark.parametrize(
        ("part", "wrong"), [("fired", [[5, "a"], [5, "b"]]), ("rejected", []), ("pending", 0), ("pending", 2)]
    )
    def test_a_planted_error_fails(self, engine, part, wrong):
        planted = {**QUEUE, "expect": {**QUEUE["expect"], part: wrong}}
        assert vectors.vector_differences(engine, planted)[0].startswith(part)

    def test_an_unknown_command_fails(self, engine):
        assert vectors.vector_differences(engine, {**QUEUE, "input": {"commands": [["fork"]]}}) != []


class TestKinds:
    @pytest.mark.parametrize("kind", sorted(vectors.OPTIONAL_KINDS))
    def test_optional_kinds_are_skipped(self, engine, kind):
        tally, lines = lines_of(engine, {"id": "x", "kind": kind})
        assert (tally.failed, tally.skipped) == (0, 1)
        assert lines[0].startswith("skipped x: ")

    @pytest.mark.parametrize("kind", sorted(vectors.WATERFALL_KINDS))
    def test_a_vector_of_the_waterfall_without_input_fails(self, engine, kind):
        tally, lines = lines_of(engine, {"id": "x", "kind": kind})
        assert (tally.failed, tally.skipped) == (1, 0)
        assert lines[0].startswith("FAILED x (untitled): KeyError")

    def test_globs_choose_kinds(self, tmp_path, capsys):
        path = tmp_path / "some.json"
        funding = {"positions": {"a": "1"}, "oracle": "10", "rate": "1/10"}
        margin = {"kind": "perp_funding", "input": funding, "expect": {"payments": {"a": "-1"}}}
        given = [QUEUE, PARTIAL_FILL, margin, {"kind": "nobody's"}]
        path.write_text(json.dumps({"schema": 1, "vectors": given}))
        assert vectors.main(["--kind", "perp_*", "--kind", "event_queue", str(path)]) == 0
        assert capsys.readouterr().out == "2 passed, 0 failed, 0 skipped\n"
        assert vectors.main([str(path)]) == 1
        assert "3 passed, 1 failed, 0 skipped" in capsys.readouterr().out

    @pytest.mark.parametrize("kind", ["matchin", "", None, 3, ["matching"]])
    def test_unknown_kinds_fail(self, engine, kind):
        tally, lines = lines_of(engine, {"id": "x", "kind": kind})
        assert (tally.failed, tally.skipped) == (1, 0)
        assert "kind" in lines[0]

    def test_a_broken_vector_fails_and_the_next_one_runs(self, engine):
        tally, _ = lines_of(engine, {"id": "x", "kind": "matching"}, PARTIAL_FILL)
        assert (tally.passed, tally.failed) == (1, 1)


class TestCommandLine:
    @pytest.fixture
    def arguments(self, engine_name):
        return ["--reference"] if engine_name == "reference" else []

    def write(self, tmp_path, *given):
        path = tmp_path / "vectors.json"
        path.write_text(json.dumps({"schema": 1, "vectors": given}), encoding="utf-8")
        return str(path)

    def test_last_line_and_exit_codes(self, tmp_path, capsys, arguments):
        path = self.write(tmp_path, PARTIAL_FILL, QUEUE, {"id": "x", "kind": "pro_rata"})
        assert vectors.main([*arguments, path]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "skipped x: kind pro_rata is optional",
            "2 passed, 0 failed, 1 skipped",
        ]
        path = self.write(tmp_path, {**QUEUE, "expect": {**QUEUE["expect"], "pending": 5}})
        assert vectors.main([*arguments, path]) == 1
        assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"

    def test_kind_globs(self, tmp_path, capsys, arguments):
        path = self.write(tmp_path, PARTIAL_FILL, QUEUE, {"id": "x", "kind": "nonsense"})
        assert vectors.main([*arguments, "--kind", "match*", "--kind", "event_queue", path]) == 0
        assert capsys.readouterr().out == "2 passed, 0 failed, 0 skipped\n"

    @pytest.mark.parametrize(
        "content",
        ["", "{", "[]", "{}", '{"schema": 2, "vectors": []}', '{"schema": 1}', '{"schema": 1, "vectors": [3]}'],
    )
    def test_unusable_files(self, tmp_path, capsys, arguments, content):
        path = tmp_path / "bad.json"
        path.write_text(content, encoding="utf-8")
        assert vectors.main([*arguments, str(path)]) == 2
        assert "bad.json" in capsys.readouterr().err

    def test_a_missing_file(self, tmp_path, capsys, arguments):
        assert vectors.main([*arguments, str(tmp_path / "none.json")]) == 2
        assert "none.json" in capsys.readouterr().err

    def test_an_engine_that_cannot_be_imported(self, tmp_path, capsys, monkeypatch):
        def missing(name):
            raise ImportError(f"no {name} here")

        monkeypatch.setattr(importlib, "import_module", missing)
        assert vectors.main([self.write(tmp_path, QUEUE)]) == 2
        assert "no engine here" in capsys.readouterr().err
