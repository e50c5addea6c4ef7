"""The liquidation benchmark in tiny sizes, and planted differences: each check names what it finds."""

from __future__ import annotations

import numpy as np
import pytest
from benchkit import load_benchmarks, printed_lines

CLIENT, OTHER, FUND = 5, 9, 1


@pytest.fixture(scope="module")
def benchmark_modules():
    yield from load_benchmarks()


@pytest.fixture(scope="module")
def liquidation(benchmark_modules):
    return benchmark_modules["bench_liquidation"]


@pytest.fixture(scope="module")
def worlds(benchmark_modules):
    return benchmark_modules["liquidation_worlds"]


@pytest.fixture(scope="module")
def book(liquidation):
    return liquidation.make_book(300, 200)


@pytest.fixture(scope="module")
def crash(liquidation):
    return liquidation.make_crash(300, 3, liquidation.SLIDE_ROUNDS, liquidation.CRASH_POLICY)


@pytest.fixture
def tiny(liquidation, monkeypatch):
    for name, value in {
        "QUICK_BOOK_ACCOUNTS": 200,
        "QUICK_BOOK_LEVELS": 100,
        "QUICK_CRASH_ACCOUNTS": 300,
        "QUICK_CRASH_MARKETS": 3,
    }.items():
        monkeypatch.setattr(liquidation, name, value)


def rows_of(worlds, *rows):
    """Make waterfall rows of (time_ms, account, kind, equity, requirement), a lot and an atom each."""
    time_ms, account, kind, equity, requirement = np.array(rows, np.int64).T
    ones = np.ones(len(kind), np.int64)
    return {
        "time_ms": time_ms,
        "account": account.astype(np.int32),
        "kind": kind.astype(np.uint8),
        "equity_atoms": equity,
        "requirement_atoms": requirement,
        "qty_lots": ones,
        "atoms": ones,
    }


class TestLines:
    def test_quick_prints_one_object(self, liquidation, tiny, capsys, monkeypatch):
        monkeypatch.setattr(liquidation, "why_no_lrvx", lambda: "lrvx is not installed")
        assert liquidation.main(["--json", "--quick"]) == 0
        book, peer, crash = printed_lines(capsys)
        assert [line["unit"] for line in (book, peer, crash)] == ["s", "marks/s", "s"]
        assert book["check"] == crash["check"] == "equal"
        assert all(line["bar_met"] is None for line in (book, peer, crash))
        assert (book["bar"], book["goal"]) == ("at most 0.2 s", "0.05 s")
        assert (crash["bar"], crash["goal"]) == ("at most 8 s", "3 s")
        assert peer["value"] is None
        assert peer["check"] == "lrvx is not installed"
        assert book["trades"] > book["liquidations"] > 50  # orders meet several levels
        assert crash["liquidations"] > 150
        assert 0 < crash["filled_ppm"] < 10**6
        assert crash["takeovers"] > 0
        assert crash["adl_lots"] > 0
        assert 0 <= crash["fund_after"] < crash["fund_before"]

    def test_a_third_of_the_positions_is_liquidated(self, liquidation):
        book = liquidation.make_book(3_000, 100)
        assert (book.breaches >= 0).mean() == pytest.approx(1 / 3, abs=0.03)
        assert (book.accounts.lots[book.breaches >= 0] > 0).all()  # only longs lose in a fall

    def test_an_lrvx_with_another_count_fails_its_line_only(self, liquidation, tiny, capsys, monkeypatch):
        class Forgetful:
            def liquidations_count(self):
                return 0

            def on_mark(self, market, price):
                return None

        monkeypatch.setattr(liquidation, "why_no_lrvx", lambda: None)
        monkeypatch.setattr(liquidation, "lrvx_engine", lambda accounts: Forgetful())
        assert liquidation.main(["--json", "--quick", "--only", "book"]) == 1
        ours, beside = printed_lines(capsys)
        assert ours["check"] == "equal"
        assert beside["check"].startswith("lrvx, liquidations: expected ")
        assert beside["check"].endswith("was 0")

    def test_lrvx_is_run_and_compared(self, liquidation, tiny, capsys):
        absent = liquidation.why_no_lrvx()
        if absent:
            pytest.skip(absent)
        assert liquidation.main(["--json", "--quick", "--only", "book"]) == 0
        beside = printed_lines(capsys)[1]
        assert beside["check"] == "equal"
        assert beside["ratio"] > 0

    def test_another_digest_fails(self, liquidation, tiny, capsys, monkeypatch):
        counted = iter(range(10))
        run = liquidation.run_crash

        class Other:
            def digest(self):
                return next(counted)

        def other(crash, *, waterfall=False):
            seconds, world, done = run(crash, waterfall=waterfall)
            return (seconds, world, done) if waterfall else (seconds, Other(), done)

        monkeypatch.setattr(liquidation, "run_crash", other)
        assert liquidation.main(["--json", "--quick", "--runs", "2", "--only", "crash"]) == 1
        check = printed_lines(capsys)[0]["check"]
        assert "digest with the waterfall recorded: another one" in check
        assert "digests: expected one, was 2" in check


class TestBookChecks:
    def test_a_breach_that_the_scan_does_not_know_fails(self, liquidation, book):
        assert liquidation.run_book(book)[1] == []
        breaches = book.breaches.copy()
        first = int(np.flatnonzero(breaches >= 0)[0])
        breaches[first] += 1
        late = liquidation.run_book(book._replace(breaches=breaches))[1]
        assert late == [
            f"round of the breach, account {first} of 1: expected round {breaches[first]}, was {breaches[first] - 1}"
        ]
        breaches[first] = -1
        unknown = liquidation.run_book(book._replace(breaches=breaches))[1]
        assert len(unknown) == 3
        assert unknown[2].startswith(f"forced lots, account {first} of 1: expected 0, was -")

    def test_a_book_that_is_too_shallow_fails(self, liquidation, monkeypatch):
        monkeypatch.setattr(liquidation, "BOOK_SPARE", 0.5)
        found = liquidation.run_book(liquidation.make_book(300, 200))[1]
        assert [text.split(":")[0].split(",")[0] for text in found] == ["positions after liquidation", "forced lots"]

    def test_a_maker_that_is_liquidated_fails(self, liquidation, worlds, book, monkeypatch):
        monkeypatch.setattr(worlds, "MAKER_DEPOSIT", 10**9)
        poor = liquidation.make_book(300, 200)
        assert liquidation.run_book(poor)[1][0].startswith("liquidations of others than clients: expected 0, was ")

    def test_a_forced_trade_of_somebody_else_fails(self, liquidation, worlds, book):
        nobody = np.full(book.accounts.total, -1)
        trade = {"cause": [7], "taker_account": [3 + book.accounts.total], "qty_lots": [2], "aggressor_side": [-1]}
        trades = {name: np.array(column) for name, column in trade.items()}
        assert worlds.forced_differences(trades, book.accounts, nobody) == [
            "forced trades of others than clients: expected 0, was 1"
        ]
        trades["cause"][:] = 0  # not forced
        assert worlds.forced_differences(trades, book.accounts, nobody) == []


class TestBids:
    def test_even_bids_lie_below_the_mark(self, worlds):
        bids = worlds.even_bids(1_000, 101, 5, 0.25)
        assert bids.price_ticks.tolist() == [999, 936, 874, 812, 750]
        assert bids.lots.tolist() == [21] * 5  # ceil(101 / 5)

    def test_following_bids_are_a_share_of_what_breaches(self, worlds, liquidation, benchmark_modules):
        workloads, scans = benchmark_modules["risk_workloads"], benchmark_modules["risk_scan"]
        accounts = workloads.make_accounts(3, 100, 2, (1, 2))
        slide = workloads.slide_marks(accounts.marks, 20)
        breaches = scans.Scan(accounts, slide).run().round
        bids = worlds.following_bids(accounts, slide, breaches, 0.5, 10)
        for market in range(2):
            for level, mark in enumerate((slide[9, market], slide[19, market])):
                wanted = sum(
                    int(accounts.lots[row])
                    for account in np.flatnonzero((breaches >= 0) & (breaches // 10 == level))
                    for row in range(accounts.first[account], accounts.first[account + 1])
                    if accounts.market[row] == market and accounts.lots[row] > 0
                )
                offered = bids.lots[(bids.market == market) & (bids.price_ticks == mark)].sum()
                assert offered == wanted // 2


class TestWaterfallChecks:
    def test_the_real_table_has_no_difference(self, liquidation, worlds, crash):
        least = {"liquidations": 151, "takeovers": 1, "adl_lots": 1}
        differences, counts = liquidation.waterfall_check(crash, None, least)
        assert differences == []
        assert counts["orders"] >= counts["liquidations"] > 150

    def test_a_first_liquidation_that_the_scan_does_not_know_fails(self, liquidation, worlds, crash):
        _, world, _ = liquidation.run_crash(crash, waterfall=True)
        rows = world.table("waterfall")
        met = set((rows["counterparty"][rows["kind"] == worlds.ADL] - worlds.FIRST).tolist())
        alone = next(number for number in np.flatnonzero(crash.breaches > 0).tolist() if number not in met)
        breaches = crash.breaches.copy()
        breaches[alone] -= 1
        differences, _ = liquidation.waterfall_check(crash._replace(breaches=breaches), None, {})
        text = f"expected round {breaches[alone]}, was {breaches[alone] + 1}"
        assert differences == [f"round of the breach, account {alone} of 1: {text}"]

    def test_too_little_of_something_fails(self, worlds):
        assert worlds.least_differences({"adl_lots": 1}, {"adl_lots": 1}) == []
        assert worlds.least_differences({"adl_lots": 0}, {"adl_lots": 1}) == ["adl_lots: expected 1 or more, was 0"]

    def test_a_step_of_a_healthy_account_fails(self, worlds):
        below, at = (1, CLIENT, worlds.STEP, 99, 100), (1, OTHER, worlds.STEP, 100, 100)
        unwinding = (1, FUND, worlds.STEP, 0, 0)
        assert worlds.step_differences(rows_of(worlds, below, unwinding)) == []
        assert worlds.step_differences(rows_of(worlds, below, at)) == [
            "steps of the healthy: expected 0, was 1, first row 1"
        ]
        assert worlds.step_differences(rows_of(worlds, unwinding)) == ["steps: expected some, was 0"]

    def test_a_waterfall_out_of_order_fails(self, worlds):
        kinds = (worlds.PAID, worlds.ADL, worlds.ADL, worlds.REST, worlds.SHARED, worlds.BAD_DEBT)
        right = [(1, CLIENT, kind, 0, 0) for kind in kinds]
        assert worlds.order_differences(rows_of(worlds, *right)) == []
        for at in range(len(kinds) - 1):
            if kinds[at] != kinds[at + 1]:
                wrong = right.copy()
                wrong[at], wrong[at + 1] = right[at + 1], right[at]
                assert len(worlds.order_differences(rows_of(worlds, *wrong))) == 1
        later = [(1, CLIENT, worlds.ADL, 0, 0), (2, CLIENT, worlds.PAID, 0, 0), (1, OTHER, worlds.PAID, 0, 0)]
        assert worlds.order_differences(rows_of(worlds, *later)) == []  # another liquidation

    def test_one_beyond_the_boundary_and_left_alone_fails(self, worlds):
        units = {
            "account": np.array([5, 6, 7, 8]),
            "equity_atoms": np.array([100, 99, 99, 99]),
            "requirement_atoms": np.full(4, 100),
            "is_known": np.array([1, 1, 0, 1], np.uint8),
            "liquidation": np.array([0, 3, 0, 4]),
        }
        assert worlds.beyond_differences(units) == []
        units["liquidation"][3] = 0
        assert worlds.beyond_differences(units) == [
            "beyond the boundary and not in liquidation: expected 0, was 1, first 8"
        ]

    def test_a_policy_without_adl_lacks_its_lots(self, liquidation):
        policy = {**liquidation.CRASH_POLICY, "adl": None, "under_atoms": -(2**61)}
        crash = liquidation.make_crash(300, 3, liquidation.SLIDE_ROUNDS, policy)
        differences, _ = liquidation.waterfall_check(crash, None, {"adl_lots": 1})
        assert differences[-1] == "adl_lots: expected 1 or more, was 0"

    def test_gaps_pay_from_the_fund_and_share_losses(self, liquidation, monkeypatch):
        assert liquidation.gap_differences(300, 3) == []
        monkeypatch.setattr(liquidation, "GAP_ROUNDS", 200)  # no gaps: whoever is closed is worth more than nothing
        found = liquidation.gap_differences(300, 3)
        assert "in gaps, fund_payments: expected 1 or more, was 0" in found
