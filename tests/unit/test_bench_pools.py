"""The benchmark of the pools: its report, and a result that differs."""

from __future__ import annotations

import json

import pytest
from benchkit import LINE_FIELDS, load_benchmarks


@pytest.fixture(scope="module")
def bench_pools():
    modules = load_benchmarks()
    yield next(modules)["bench_pools"]
    next(modules, None)


def test_it_prints_one_object_and_every_check_is_equal(bench_pools, capsys):
    assert bench_pools.main(["--json", "--quick", "--swaps", "200"]) == 0
    lines = json.loads(capsys.readouterr().out)["results"]
    in_a_world = [*bench_pools.WORLD_LINES, bench_pools.NATIVE_LINE]
    assert [line["name"] for line in lines] == [*(f"swap, {name}" for name in bench_pools.POOLS), *in_a_world]
    assert all(set(line) >= LINE_FIELDS for line in lines)
    assert {line["check"] for line in lines} == {"equal"}


def test_another_pool_is_a_difference(bench_pools):
    def other(module):
        pool = bench_pools.stable_pool(module)
        if module is bench_pools.reference:
            pool.swap(0, 1, 10**6)
        return pool

    assert len(bench_pools.differences(other, bench_pools.drawn_swaps(50))) == 1


def test_a_worlds_pool_that_gives_something_else_is_a_difference(bench_pools, monkeypatch):
    swaps = bench_pools.drawn_swaps(20)
    assert bench_pools.world_differences(swaps) == []
    monkeypatch.setattr(bench_pools, "stable_pool", lambda module: module.StableSwapPool(200, 100))  # an empty one
    assert bench_pools.world_differences(swaps) == ["quotes", "swaps", "balances"]
