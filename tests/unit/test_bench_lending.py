"""The lending benchmark in tiny sizes, and planted differences: each check names what it finds."""

from __future__ import annotations

import numpy as np
import pytest
from benchkit import load_benchmarks, printed_lines

ATOMS_OFF = 7


@pytest.fixture(scope="module")
def benchmark_modules():
    yield from load_benchmarks()


@pytest.fixture(scope="module")
def lending(benchmark_modules):
    return benchmark_modules["bench_lending"]


@pytest.fixture(scope="module")
def depeg(lending):
    after = lending.Depeg(300)
    after.run()
    return after


def test_a_quick_run_checks_every_part(lending, capsys):
    assert lending.main(["--quick", "--json", "--loans", "300"]) == 0
    lines = printed_lines(capsys)
    assert [line["check"] for line in lines] == ["equal"] * len(lending.PARTS)
    assert lines[-1]["liquidations"] > 0
    assert lines[-1]["left"] > 0


def test_a_level_that_no_scan_finds_is_named(lending):
    few = lending.Lending(50)
    assert few.differences(lending.TICKS) == []
    few.owed = np.full_like(few.owed, few.supplied.max() * 2)
    assert few.differences(lending.TICKS) == ["levels: 50 differ from a scan"]


def test_an_index_that_grew_otherwise_is_named(lending, monkeypatch, capsys):
    monkeypatch.setattr(lending, "ACCRUALS", 100)
    grown = lending.grown_index
    assert grown(2) == 10**18 + 2 * -(-(10**18) * 5 // (100 * 365 * 86_400)) + 2  # and interest on interest
    monkeypatch.setattr(lending, "grown_index", lambda steps: grown(steps) + 1)
    assert lending.main(["--quick", "--json", "--loans", "50", "--only", "accrue"]) == 1
    (line,) = printed_lines(capsys)
    assert line["check"].startswith("index of debt: expected")


def test_a_refused_declaration_is_named(lending):
    few = lending.Lending(50)
    few.refused = 2
    assert few.differences(lending.TICKS) == ["declaring: 2 actions refused"]


def test_debt_that_nobody_knows_of_is_named(lending, depeg, monkeypatch):
    assert depeg.differences() == []
    world = depeg.lending.world
    told = world.reserve(depeg.lending.protocol, depeg.lending.dollar)

    class Elsewhere:
        def __getattr__(self, name):
            return getattr(world, name)

        def reserve(self, *_):
            return told | {"deficit": told["deficit"] + ATOMS_OFF}

    monkeypatch.setattr(depeg.lending, "world", Elsewhere())
    (found,) = depeg.differences()
    assert found.startswith("debt and deficit: expected")


def test_rows_that_say_something_else_are_named(lending, monkeypatch):
    assert lending.table_differences(300) == []
    bots_of = lending.World.bots

    def more(self, accounts):
        rows = bots_of(self, accounts)
        rows[accounts[0]] |= {"repaid": rows[accounts[0]]["repaid"] + ATOMS_OFF}
        return rows

    class Watched(lending.Depeg):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            world = self.lending.world

            class Elsewhere:
                def __getattr__(self, name):
                    return getattr(world, name)

                def bots(self, accounts):
                    return more(world, accounts)

            self.lending.world = Elsewhere()

    monkeypatch.setattr(lending, "Depeg", Watched)
    (found,) = lending.table_differences(300)
    assert found.startswith("repaid: expected")
