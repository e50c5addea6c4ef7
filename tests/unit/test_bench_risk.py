"""The risk benchmark: shares and balances as declared, the full scan against plain counting, and lines that differ."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from benchkit import load_benchmarks, printed_lines

PPM = 1_000_000


@pytest.fixture(scope="module")
def benchmark_modules():
    yield from load_benchmarks()


@pytest.fixture(scope="module")
def workloads(benchmark_modules):
    return benchmark_modules["risk_workloads"]


@pytest.fixture(scope="module")
def risk(benchmark_modules):
    return benchmark_modules["bench_risk"]


@pytest.fixture(scope="module")
def peers(benchmark_modules):
    return benchmark_modules["risk_peers"]


@pytest.fixture(scope="module")
def worlds(benchmark_modules):
    return benchmark_modules["risk_worlds"]


@pytest.fixture(scope="module")
def scans(benchmark_modules):
    return benchmark_modules["risk_scan"]


def exact_requirement(tiers, notional):
    """Add up tier by tier: each pays its rate on what lies in it; rounded up once."""
    due = Fraction(0)
    for (floor, rate), (cap, _) in zip(tiers, [*tiers[1:], (None, 0)], strict=True):
        if notional > floor:
            due += Fraction(rate, PPM) * ((notional if cap is None else min(notional, cap)) - floor)
    return ceil(due)


class Counted:
    """The accounts of a workload in plain Python, each looked at in every round."""

    def __init__(self, accounts):
        self.accounts = accounts
        owner = accounts.owner().tolist()
        self.held = [{} for _ in range(accounts.total)]
        self.cash = accounts.deposit.tolist()
        for account, market, lots in zip(owner, accounts.market.tolist(), accounts.lots.tolist(), strict=True):
            self.move(account, market, lots, int(accounts.marks[market]))

    def move(self, account, market, lots, price):
        self.held[account][market] = self.held[account].get(market, 0) + lots
        self.cash[account] -= lots * price

    def surplus(self, account, marks):
        total = self.cash[account]
        for market, lots in self.held[account].items():
            tiers = self.accounts.schedules[self.accounts.schedule_of[market]]
            total += lots * marks[market] - exact_requirement(tiers, abs(lots) * marks[market])
        return total

    def run(self, rounds, trades=None, per_round=0):
        """Return the round of each account's breach (-1: none) and the rows of the trades made."""
        breach, made = [-1] * self.accounts.total, []
        for at, marks in enumerate(rounds.tolist()):
            self.look(breach, at, marks)
            rows = [] if trades is None else np.flatnonzero(trades.round == at).tolist()
            living = [row for row in rows if breach[trades.buyer[row]] == -1 == breach[trades.seller[row]]]
            for row in living[:per_round]:
                lots, market = int(trades.lots[row]), int(trades.market[row])
                self.move(int(trades.buyer[row]), market, lots, marks[market])
                self.move(int(trades.seller[row]), market, -lots, marks[market])
            made += living[:per_round]
            self.look(breach, at, marks)
        return breach, made

    def look(self, breach, at, marks):
        for account in range(self.accounts.total):
            if breach[account] == -1 and self.surplus(account, marks) < 0:
                breach[account] = at


def tiny(workloads, seed):
    """Accounts with a few lots at prices of 20 to 60 ticks, tier borders every few atoms, surpluses of a few atoms."""
    generator = np.random.default_rng(seed)
    clients, markets, each = 80, 4, 3
    marks = generator.integers(20, 60, markets)
    schedules = (
        tuple((floor, 13_577 + 73_331 * tier) for tier, floor in enumerate(range(0, 400, 40))),
        ((0, 10_000), (7, 500_000), (95, 999_999)),
    )
    accounts = workloads.Accounts(
        schedules,
        np.arange(markets) % 2,
        marks,
        np.arange(clients + 1) * each,
        workloads.distinct_markets(generator, clients, markets, each).ravel(),
        generator.choice([-3, -2, -1, 1, 2, 3], clients * each),
        np.zeros(clients, np.int64),
        clients,
    )
    counted = Counted(accounts)
    needs = [-counted.surplus(account, marks.tolist()) for account in range(clients)]
    deposit = np.array(needs) + generator.integers(0, 12, clients)
    return workloads.with_rests(accounts._replace(deposit=deposit))


class TestScan:
    def test_a_requirement_is_exact_at_borders_and_at_great_size(self, workloads, scans):
        requirements = scans.Requirements(workloads.SCHEDULES)
        for schedule, tiers in enumerate(workloads.SCHEDULES):
            floors = [floor for floor, _ in tiers]
            amounts = [0, 1, 199, 200, 201, 2**61 - 1, *(floor + by for floor in floors[1:] for by in (-1, 0, 1))]
            got = requirements.of(np.full(len(amounts), schedule), np.array(amounts))
            assert got.tolist() == [exact_requirement(tiers, amount) for amount in amounts]

    @pytest.mark.parametrize("seed", range(4))
    def test_a_surplus_is_that_of_plain_counting(self, workloads, scans, seed):
        accounts = workloads.make_accounts(seed, 50, 8, (1, 4), near_share=0.2)
        marks = workloads.drift_marks(seed, accounts.marks, 5)
        scan = scans.Scan(accounts, marks)
        counted = Counted(accounts)
        everyone = np.arange(accounts.total)
        for row in marks:
            expected = [counted.surplus(account, row.tolist()) for account in range(accounts.total)]
            assert scan.surplus(everyone, row, row).tolist() == expected

    @pytest.mark.parametrize("seed", range(3))
    def test_a_span_has_no_surplus_below_its_bound(self, workloads, scans, seed):
        accounts = tiny(workloads, seed)
        marks = workloads.drift_marks(seed, accounts.marks, 8, step_ppm=50_000)
        scan = scans.Scan(accounts, marks)
        everyone = np.arange(accounts.total)
        bound = scan.surplus(everyone, marks.min(axis=0), marks.max(axis=0))
        assert all((scan.surplus(everyone, row, row) >= bound).all() for row in marks)

    @pytest.mark.parametrize("seed", range(4))
    def test_the_same_breaches_as_looking_at_everyone_every_round(self, workloads, scans, seed):
        accounts = workloads.make_accounts(seed, 120, 6, (2, 4), near_share=0.3)
        marks = workloads.drift_marks(seed, accounts.marks, 37, step_ppm=2_000, slide_rounds=5)
        trades = workloads.draw_trades(seed, accounts, 37, 400, share=0.5)
        found = scans.Scan(accounts, marks, trades, per_round=4).run()
        breach, made = Counted(accounts).run(marks, trades, per_round=4)
        assert found.round.tolist() == breach
        assert found.trades.tolist() == made
        assert len(set(breach)) > 8
        assert len(made) > 100

    @pytest.mark.parametrize("seed", range(6))
    def test_the_same_breaches_among_tiny_numbers(self, workloads, scans, seed):
        accounts = tiny(workloads, seed)
        marks = workloads.drift_marks(seed, accounts.marks, 23, step_ppm=10_000, slide_rounds=4)
        trades = workloads.draw_trades(seed, accounts, 23, 100, share=2.0)  # may turn a position round
        found = scans.Scan(accounts, marks, trades, per_round=2).run()
        breach, made = Counted(accounts).run(marks, trades, per_round=2)
        assert (found.round.tolist(), found.trades.tolist()) == (breach, made)
        assert sum(at >= 0 for at in breach) > 10

    def test_small_chunks_change_nothing(self, workloads, scans, monkeypatch):
        accounts = workloads.make_accounts(3, 90, 6, (1, 3))
        marks = workloads.slide_marks(accounts.marks, 20)
        whole = scans.Scan(accounts, marks).run().round.tolist()
        monkeypatch.setattr(scans, "CHUNK", 7)
        assert scans.Scan(accounts, marks).run().round.tolist() == whole

    def test_a_breach_at_one_atom_below_and_none_at_zero(self, workloads, scans):
        # One lot bought at 100 with a requirement of 1 % : at 90, equity is deposit - 10 and the requirement 1 atom.
        for deposit, expected in ((11, -1), (10, 1)):
            accounts = workloads.Accounts(
                (((0, 10_000),),),
                np.array([0]),
                np.array([100]),
                np.array([0, 1]),
                np.array([0]),
                np.array([1]),
                np.array([deposit]),
                1,
            )
            marks = np.array([[100], [90], [100]])
            assert scans.Scan(accounts, marks).run().round.tolist() == [expected]


class TestWorkloads:
    def test_longs_are_shorts_in_every_market(self, workloads):
        accounts = workloads.make_accounts(1, 500, 20, (2, 5), near_share=0.05)
        sums = np.zeros(20, np.int64)
        np.add.at(sums, accounts.market, accounts.lots)
        assert sums.tolist() == [0] * 20
        assert accounts.total == 500 + 20

    def test_the_opening_trades_make_the_positions(self, workloads):
        accounts = workloads.make_accounts(1, 300, 7, (1, 3))
        trades = workloads.opening_trades(accounts)
        held = np.zeros((accounts.total, 7), np.int64)
        np.add.at(held, (trades.buyer, trades.market), trades.lots)
        np.subtract.at(held, (trades.seller, trades.market), trades.lots)
        expected = np.zeros((accounts.total, 7), np.int64)
        np.add.at(expected, (accounts.owner(), accounts.market), accounts.lots)
        assert (held == expected).all()
        assert trades.lots.min() >= 1
        assert (trades.buyer != trades.seller).all()

    def test_positions_are_in_different_markets_and_as_many_as_declared(self, workloads):
        accounts = workloads.make_accounts(2, 2_000, 20, (2, 5), near_share=0.05)
        counts = np.diff(accounts.first)[: accounts.clients]
        assert set(counts.tolist()) == {2, 3, 4, 5}
        pairs = accounts.owner() * 20 + accounts.market
        assert len(np.unique(pairs)) == len(pairs)
        longs = (accounts.lots[: accounts.first[accounts.clients]] > 0).mean()
        assert longs == pytest.approx(workloads.LONG_SHARE, abs=0.02)

    def test_five_per_cent_are_within_one_per_cent_and_leverage_has_its_median(self, workloads, scans):
        accounts = workloads.make_accounts(3, 4_000, 20, (2, 5), near_share=0.05)
        scan = scans.Scan(accounts, accounts.marks[None])
        clients = np.arange(accounts.clients)
        surplus = scan.surplus(clients, accounts.marks, accounts.marks)
        size = np.abs(accounts.lots) * accounts.marks[accounts.market]
        notional = np.add.reduceat(size, accounts.first[:-1])[clients]
        near = surplus * PPM <= notional * workloads.NEAR_PPM
        assert near.sum() == 200
        assert surplus.min() >= 0
        leverage = (notional / accounts.deposit[clients])[~near]
        assert np.median(leverage) == pytest.approx(workloads.DRIFT_LEVERAGE_MEDIAN, rel=0.05)
        quartiles = np.log(np.quantile(leverage, [0.25, 0.75]) / np.median(leverage))
        assert quartiles == pytest.approx([-0.674 * 0.6, 0.674 * 0.6], abs=0.06)  # of a lognormal with sigma 0.6

    def test_steps_are_correlated_and_of_their_size(self, workloads):
        start = np.full(20, 10**9)
        marks = workloads.drift_marks(4, start, 10_000)
        steps = np.diff(np.log(marks), axis=0)
        calm = np.concatenate([steps[:4_900], steps[5_100:]])
        assert calm.std() == pytest.approx(300e-6, rel=0.03)
        correlation = np.corrcoef(calm.T)[np.triu_indices(20, 1)]
        assert correlation.mean() == pytest.approx(workloads.CORRELATION, abs=0.03)
        fall = np.log(marks[5_100] / marks[4_900])
        assert np.expm1(fall.mean()) == pytest.approx(-0.15, abs=0.03)

    def test_a_slide_falls_in_equal_steps_to_the_last(self, workloads):
        marks = workloads.slide_marks(np.array([1_000, 50_000]), 4)
        assert marks.tolist() == [[950, 47_500], [900, 45_000], [850, 42_500], [800, 40_000]]
        quiet = workloads.quiet_marks(np.array([1_000, 50_000]), 3)
        assert quiet.tolist() == [[1_003, 50_003], [997, 49_997], [1_003, 50_003]]

    def test_trades_join_two_clients_that_hold_the_market(self, workloads):
        accounts = workloads.make_accounts(5, 400, 10, (2, 4), near_share=0.05)
        trades = workloads.draw_trades(6, accounts, 100, 1_000)
        held = set((accounts.owner() * 10 + accounts.market).tolist())
        for party in (trades.buyer, trades.seller):
            assert party.max() < accounts.clients
            assert set((party * 10 + trades.market).tolist()) <= held
        assert (trades.buyer != trades.seller).all()
        assert trades.lots.min() >= 1
        assert (np.bincount(trades.round, minlength=100) == 10).all()
        assert (np.diff(trades.round) >= 0).all()

    def test_one_seed_is_one_workload(self, workloads):
        first, again, other = (workloads.make_accounts(seed, 50, 5, (1, 3)) for seed in (7, 7, 8))
        assert all((a == b).all() for a, b in zip(first[2:7], again[2:7], strict=True))
        assert first.lots.tolist() != other.lots.tolist()


PRINTED = (
    "initial arm 142 ns/exposure (9) | rearm random account 377 ns/acct 188 ns/exposure | quiet mark 3.9 ns (pops 0) | "
    "FALL: cpu 1.173 s, liq 615794 of 1000000, reevals 1662644 = 2.70/liq, pops 9, missed {missed} | rss 171 MB"
)


class TestRiskBenchmark:
    @pytest.fixture
    def small(self, risk, monkeypatch):
        for name, value in {
            "INDEX_MARKETS": 30,
            "QUICK_REARMS": 400,
            "QUICK_DRIFT_ROUNDS": 60,
            "QUICK_TABLE_ACCOUNTS": (100, 200),
            "TABLE_QUIET_MARKS": 200,
            "OUR_QUIET_MARKS": 200,
        }.items():
            monkeypatch.setattr(risk, name, value)
        return ("--json", "--quick", "--accounts", "300", "--only")

    def test_index_and_drift_print_one_object(self, risk, small, monkeypatch, capsys, tmp_path):
        monkeypatch.setenv("FIRESALE_BENCH", str(tmp_path))
        assert risk.main([*small, "index", "drift"]) == 0
        lines = printed_lines(capsys)
        assert [line["unit"] for line in lines] == ["ns", "us", "ns", "ns", "s", "each", "s", "each"]
        assert all(line["check"] == "equal" and line["bar_met"] is None for line in lines)
        assert all(line["ratio"] is None for line in lines)  # no folder of the reference, no prototype
        assert sum(line["bar"] is not None for line in lines) == 8
        slide, drift = lines[4], lines[6]
        assert slide["liquidations"] > 100
        assert slide["evaluations"] >= slide["liquidations"]
        assert lines[2]["arms"] + lines[2]["spares"] >= 1
        assert drift["trades"] == 600
        assert drift["liquidations"] > 0
        assert drift["pops"] >= 0 < drift["arms"]

    def test_the_table_and_memory_print_one_object(self, risk, small, capsys):
        assert risk.main([*small, "table", "memory"]) == 0
        printed = capsys.readouterr()
        assert "| accounts | quiet mark, ns |" in printed.err
        assert printed.err.count("| 100 | ") == 1
        capsys.readouterr()
        print(printed.out, end="")
        *rows, memory = printed_lines(capsys)
        assert [row["accounts"] for row in rows] == [100, 100, 200, 200]
        assert all(line["check"] == "equal" for line in [*rows, memory])
        assert memory["unit"] == "B"
        assert memory["value"] > 0

    def test_one_breach_a_round_late_or_lost_fails(self, worlds):
        expected = np.array([-1, 4, 7, -1])
        assert worlds.breach_differences(expected.copy(), expected, 2) == []
        assert worlds.breach_differences(np.array([-1, 4, 8, -1]), expected, 2) == [
            "round of the breach, account 2 of 1: expected round 7, was 8"
        ]
        assert worlds.breach_differences(np.array([-1, -1, 7, -1]), expected, 1) == [
            "liquidations: expected 2, was 1",
            "round of the breach, account 1 of 1: expected round 4, was -1",
        ]
        assert worlds.breach_differences(expected.copy(), expected, 3) == ["liquidations: expected 2, was 3"]

    def test_an_account_that_the_scan_knows_otherwise_fails(self, risk, workloads, worlds, scans):
        accounts = workloads.make_accounts(3, 200, 300, (1, 3))  # some markets are nobody's
        assert (accounts.lots == 0).any()
        world = worlds.build_world(accounts)
        scan = scans.Scan(accounts, accounts.marks[None])
        surplus = scan.surplus(np.arange(accounts.total), accounts.marks, accounts.marks)
        assert worlds.surplus_differences(world, accounts, surplus) == []
        surplus[17] += 1
        assert len(worlds.surplus_differences(world, accounts, surplus)) == 1
        # One account has more in the engine than in the scan: it breaches later, if at all.
        marks = workloads.slide_marks(accounts.marks, 50)
        expected = scans.Scan(accounts, marks).run().round
        richer = int(np.flatnonzero(expected > 5)[0])
        accounts.deposit[richer] *= 2
        world = worlds.build_world(accounts)
        rounds = worlds.rounds_after(world, marks)
        worlds.rounds_seconds(world, rounds)
        found = worlds.breach_rounds(world, rounds, accounts.total)
        text = worlds.breach_differences(found, expected, worlds.liquidation_count(world))[-1]
        assert text.startswith(f"round of the breach, account {richer} of 1: expected round {expected[richer]}, was ")

    def test_the_prototype_is_read(self, peers, benchmark_modules):
        run = peers.prototype_of(PRINTED.format(missed=0))
        assert run == peers.Prototype(377.0, 3.9, 1.173, 615_794, 2.7, [])
        assert peers.prototype_of(PRINTED.format(missed=4)).differences == ["C prototype, missed: expected 0, was 4"]
        with pytest.raises(benchmark_modules["common"].ReferenceMissingError, match="printed no quiet_ns"):
            peers.prototype_of("rearm random account 377 ns/acct")

    def test_the_prototype_is_built_and_run(self, peers, benchmark_modules):
        try:
            with peers.PrototypeProgram() as program:
                run = program.run(2_000, 50, 3)
        except benchmark_modules["common"].ReferenceMissingError as reason:
            pytest.skip(str(reason))
        assert run.differences == []
        assert run.liquidations > 500
        assert run.evaluations_each >= 1

    def test_without_lrvx_its_lines_say_so(self, risk, small, peers, monkeypatch, capsys):
        monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: None)
        assert risk.main([*small, "lrvx"]) == 0
        lines = printed_lines(capsys)
        assert [line["against"] for line in lines] == ["lrvx", "lrvx"]
        assert all(line["value"] is None and "lrvx is not installed" in line["check"] for line in lines)

    def test_an_lrvx_with_another_count_fails(self, risk, small, monkeypatch, capsys):
        """A stand-in that forgets everything: it must be named, and the engine's own check must stay."""

        class Forgetful:
            def liquidations_count(self):
                return 0

            def on_mark(self, market, price):
                return None

        monkeypatch.setattr(risk, "why_no_lrvx", lambda: None)
        monkeypatch.setattr(risk, "lrvx_engine", lambda accounts: Forgetful())
        assert risk.main([*small, "lrvx"]) == 1
        for line in printed_lines(capsys):
            assert line["value"] > 0
            assert line["check"].startswith("lrvx, liquidations: expected ")
            assert line["check"].count(";") == 0

    def test_lrvx_is_run_and_compared(self, risk, small, peers, capsys):
        absent = peers.why_no_lrvx()
        if absent:
            pytest.skip(absent)
        assert risk.main([*small, "lrvx"]) == 0
        lines = printed_lines(capsys)
        assert all(line["check"] == "equal" and line["ratio"] > 0 for line in lines)
        assert lines[0]["liquidations"] > 100
