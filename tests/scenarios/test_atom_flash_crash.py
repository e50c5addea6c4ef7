"""The flash crash of ATOM/USDT: the replay against the recorded prints, and the fall that grows from mechanisms.

What the replay must give is read from the data folder, never from the scenario.
"""

from __future__ import annotations

import csv
import functools
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from engine.lineage import LandmarkKind, Lineage
from engine.part import build_part
from engine.scenarios import atom_flash_crash as story
from engine.scenarios import load
from engine.types import Side

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("FIRESALE_DATA", ROOT.parent / "shared" / "data"))
SELL_FILE = DATA / "atom_flash_sell_20251010.csv"

SCENARIO = load("atom-flash-crash")
SEED = SCENARIO.seed
SHOCK_AT_MS = SCENARIO.events["shock ATOM-PERP"].at
MAKERS = SCENARIO.populations["makers"]
USUAL_DEPTH = MAKERS.count * MAKERS.levels * float(MAKERS.size.number)
SEEDS = (SEED, 1, 2)
PRINT_COUNT = 71
PROCEEDS_USDT = Decimal("9170.080188")
SOLD_ATOM = Decimal("9695.33")
JOURNAL_PLACE, JOURNAL_CANCEL = 3, 4
FLOOR_USDT = Decimal("0.001")
DECOYS = 500
BEFORE_SHOCK = slice(30_000, SHOCK_AT_MS)


@pytest.fixture(scope="module")
def prints():
    """Return the recorded prints, (price, quantity) in USDT and ATOM, in order."""
    if not SELL_FILE.exists():
        pytest.skip(f"no {SELL_FILE} (set FIRESALE_DATA to the data folder)")
    with SELL_FILE.open(newline="") as file:
        return [(Decimal(row["price_usdt"]), Decimal(row["quantity_atom"])) for row in csv.DictReader(file)]


def part_of(seed, name):
    return build_part(SCENARIO.but({"seed": seed}), name)


def built(seed, variant):
    return part_of(seed, "exact-limit" if variant == "limit" else "exact")


@functools.cache
def replayed(seed, variant):
    part = built(seed, variant)
    part.simulation.run(until_ms=part.until_ms, check=True)
    return part


@functools.cache
def grown(seed, *, leaves):
    part = part_of(seed, "endogenous" if leaves else "makers-stayed")
    part.simulation.run(until_ms=part.until_ms)
    return part


def fills(part):
    table, market = part.simulation.world.trades(), part.market
    return [
        (market.price.value(price), market.quantity.value(lots))
        for price, lots in zip(table["price_ticks"].tolist(), table["qty_lots"].tolist(), strict=True)
    ]


def account_of(part, name):
    return next(number for number, given in part.simulation.accounts.items() if given == name)


def bids_usdt(part):
    """Return (time_ms, USDT of the bids within 1 %) of a part's market."""
    table, market = part.simulation.world.samples(), part.market
    on_market = table["market"] == market.number
    lots = table["bid_lots_1pct"][on_market].astype(np.float64)
    last = table["last"][on_market].astype(np.float64)
    return table["time_ms"][on_market], lots * last * market.atoms_per_tick_lot * float(market.quote.grid.step)


@pytest.mark.parametrize("variant", ["market", "limit"])
@pytest.mark.parametrize("seed", SEEDS)
class TestReplay:
    def test_the_fills_are_the_prints(self, prints, seed, variant):
        part = replayed(seed, variant)
        assert len(prints) == PRINT_COUNT
        assert fills(part) == prints
        assert part.simulation.world.market(part.market.number)["last"] == part.market.ticks(FLOOR_USDT)
        assert part.low == FLOOR_USDT

    def test_the_proceeds_are_exact(self, prints, seed, variant):
        part = replayed(seed, variant)
        sim, seller = part.simulation, account_of(part, "seller")
        proceeds = sum(price * quantity for price, quantity in prints)
        assert proceeds == PROCEEDS_USDT
        usdt, atom = sim.assets["USDT"], sim.assets["ATOM"]
        # All of it is sold, nothing is left over or still reserved.
        assert sim.world.balance(seller, usdt.number) == (usdt.atoms(proceeds), 0)
        assert sim.world.balance(seller, atom.number) == (0, 0)
        assert sum(quantity for _, quantity in prints) == SOLD_ATOM

    def test_no_decoy_traded(self, seed, variant):
        part = replayed(seed, variant)
        world, decoys = part.simulation.world, account_of(part, "decoys")
        trades = world.trades()
        assert decoys not in set(trades["maker_account"].tolist()) | set(trades["taker_account"].tolist())
        resting = [order for order in world.orders(part.market.number) if order.owner == decoys]
        cancels = world.counts()["cancels"]
        assert world.position(decoys, part.market.number)[2] == DECOYS == len(resting) + cancels
        assert {order.leaves_lots for order in resting} == {part.market.lots("1")}
        asks = [order for order in resting if order.side == Side.SELL]
        below = [order for order in resting if order.side == Side.BUY and order.price_ticks == 0]
        behind = [order for order in resting if order.price_ticks == part.market.ticks(FLOOR_USDT)]
        kinds = [len(asks), len(below), len(behind), cancels]
        assert min(kinds) >= 1
        assert sum(kinds) == DECOYS

    def test_a_cancelled_decoy_stood_where_it_would_have_traded(self, seed, variant):
        part = replayed(seed, variant)
        decoys = account_of(part, "decoys")
        journal = part.simulation.world.journal()
        rows = zip(*(journal[name].tolist() for name in ("account", "kind", "number", "price", "time_ms")), strict=True)
        placed, cancelled = {}, {}
        for account, kind, number, price, time_ms in rows:
            if account == decoys and kind == JOURNAL_PLACE:
                placed[number] = (price, time_ms)
            elif account == decoys and kind == JOURNAL_CANCEL:
                cancelled[number] = (price, time_ms)
        levels = {part.market.ticks(price) for price, _ in story.prints()}
        sold_at = int(part.simulation.world.trades()["time_ms"][0])
        assert cancelled
        assert {placed[number][0] for number in cancelled} <= levels
        assert max(time_ms for _, time_ms in cancelled.values()) < sold_at

    def test_a_decoy_that_is_earlier_is_noticed(self, prints, seed, variant):
        part = built(seed, variant)
        planted = part.simulation.account("planted", USDT="1000")
        part.simulation.place(planted, part.market, Side.BUY, prints[18][0], "1", at_ms=0)
        part.simulation.run(until_ms=part.until_ms)
        assert planted in part.simulation.world.trades()["maker_account"].tolist()
        assert fills(part) != prints
        assert story.prints_equal(part) < PRINT_COUNT
        assert story.prints_equal(replayed(seed, variant)) == PRINT_COUNT


class TestInput:
    def test_what_is_typed_into_the_scenario_is_the_file(self, prints):
        assert [(Decimal(price), Decimal(quantity)) for price, quantity in story.prints()] == prints
        (market_order,), (limit,) = (SCENARIO.variant(name).events["sell"].rows for name in ("exact", "exact-limit"))
        assert market_order.quantity.number == limit.quantity.number == SOLD_ATOM
        assert (market_order.price, limit.price, limit.immediate) == (None, FLOOR_USDT, True)
        assert len(SCENARIO.variant("exact").events) == len(SCENARIO.events)

    def test_seeds_insert_in_another_order(self):
        orders = set()
        for seed in SEEDS:
            journal = replayed(seed, "market").simulation.world.journal()
            orders.add(tuple(journal["price"].tolist()))
        assert len(orders) == len(SEEDS)

    def test_both_ways_of_sending_end_in_the_same_state(self):
        for seed in SEEDS:
            assert len({replayed(seed, variant).simulation.world.digest() for variant in ("market", "limit")}) == 1


class TestCounterfactual:
    def test_the_same_sell_with_the_makers_there_hardly_moves_the_price(self):
        part = part_of(SEED, "same-sell")
        part.simulation.run(until_ms=part.until_ms, check=True)
        sold = part.simulation.world.trades()
        lots = sold["qty_lots"][sold["taker_account"] == account_of(part, "seller")]
        assert int(lots.sum()) == part.market.lots(SOLD_ATOM)
        assert part.low > SCENARIO.variant("same-sell").markets["ATOM/USDT"].price * Decimal("0.99")


class TestCascade:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_lows_are_in_order(self, seed):
        left, stayed = grown(seed, leaves=True).low, grown(seed, leaves=False).low
        assert FLOOR_USDT < left < stayed
        assert left <= Decimal("0.7") * stayed

    @pytest.mark.parametrize("seed", SEEDS)
    def test_makers_leave_before_the_first_liquidation(self, seed):
        lineage = Lineage(grown(seed, leaves=True).simulation.world)
        gone = {}
        for row in lineage.of_kind(LandmarkKind.WITHDRAWAL):
            gone.setdefault(row.account, row.time_ms)
        first_liquidation = lineage.of_kind(LandmarkKind.LIQUIDATION)[0].time_ms
        assert len(gone) == MAKERS.count
        assert SHOCK_AT_MS < min(gone.values())
        assert max(gone.values()) < first_liquidation

    def test_liquidations_reach_the_third_generation(self):
        generations = Lineage(grown(SEED, leaves=True).simulation.world).generations()
        assert sum(generations.values()) >= 20
        assert generations[1] >= 1
        assert generations[2] >= 1
        assert generations[3] >= 1

    @pytest.mark.parametrize("seed", SEEDS)
    def test_every_liquidation_knows_what_moved_the_mark(self, seed):
        lineage = Lineage(grown(seed, leaves=True).simulation.world)
        liquidations = lineage.of_kind(LandmarkKind.LIQUIDATION)
        assert liquidations
        for row in liquidations:
            publication = lineage.landmark(row.parent)
            assert publication.kind == LandmarkKind.PUBLICATION
            assert publication.mover is not None
            assert publication.mover.time_ms <= publication.time_ms <= row.time_ms

    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_first_liquidation_goes_back_to_the_shock(self, seed):
        lineage = Lineage(grown(seed, leaves=True).simulation.world)
        kinds = [row.kind for row in lineage.chain(lineage.of_kind(LandmarkKind.LIQUIDATION)[0].id)]
        assert kinds[:2] == [LandmarkKind.LIQUIDATION, LandmarkKind.PUBLICATION]
        assert kinds[-1] == LandmarkKind.SHOCK
        assert set(kinds[2:-1]) <= {LandmarkKind.WITHDRAWAL}

    @pytest.mark.parametrize("seed", SEEDS)
    def test_makers_who_stay_never_withdraw(self, seed):
        lineage = Lineage(grown(seed, leaves=False).simulation.world)
        assert lineage.of_kind(LandmarkKind.WITHDRAWAL) == []
        assert lineage.of_kind(LandmarkKind.SHOCK)

    def test_depth_is_usual_before_the_shock_and_collapses_after_it(self):
        time_ms, usdt = bids_usdt(grown(SEED, leaves=True))
        before = usdt[(time_ms >= BEFORE_SHOCK.start) & (time_ms < BEFORE_SHOCK.stop)]
        after = usdt[time_ms >= BEFORE_SHOCK.stop]
        assert np.abs(before / USUAL_DEPTH - 1).max() < 0.05
        assert after.min() * 100 < before.min()
        _, stayed = bids_usdt(grown(SEED, leaves=False))
        assert stayed[time_ms >= BEFORE_SHOCK.stop].min() * 100 > before.min()

    @pytest.mark.parametrize("leaves", [True, False])
    def test_the_invariants_hold(self, leaves):
        for seed in SEEDS:
            grown(seed, leaves=leaves).simulation.world.check_invariants()

    def test_the_invariants_hold_after_every_event_of_the_first_liquidations(self):
        part = part_of(SEED, "endogenous")
        part.simulation.run(until_ms=SHOCK_AT_MS - 1)
        part.simulation.run(until_ms=SHOCK_AT_MS + 2_300, check=True)  # the first mark that liquidates: + 2,150
        assert Lineage(part.simulation.world).of_kind(LandmarkKind.LIQUIDATION)
        part.simulation.run(until_ms=part.until_ms)
        assert part.simulation.world.digest() == grown(SEED, leaves=True).simulation.world.digest()


class TestSameSeed:
    def test_two_processes_under_two_hash_seeds_agree_with_this_one(self):
        command = [sys.executable, "-m", "engine.cli", "run", "atom-flash-crash", "--no-out", "--json"]
        processes = [
            subprocess.Popen(
                command,
                env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for hash_seed in ("0", "4294967295")
        ]
        answers = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
        assert [process.returncode for process in processes] == [0, 0]
        for size in (each for answer in answers for each in answer["sizes"].values()):
            assert {size.pop(measured) >= 0 for measured in ("build_s", "run_s", "peak_mb")} == {True}
        assert answers[0] == answers[1]
        assert answers[0]["prints_equal"] == PRINT_COUNT
        digests = {name: figures["digest"] for name, figures in answers[0]["figures"].items()}
        here = {
            "exact": replayed(SEED, "market"),
            "exact-limit": replayed(SEED, "limit"),
            "endogenous": grown(SEED, leaves=True),
            "makers-stayed": grown(SEED, leaves=False),
        }
        for name, part in here.items():
            assert digests[name] == f"{part.simulation.world.digest():016x}"

    def test_twice_in_one_process(self):
        again = part_of(SEED, "endogenous")
        again.simulation.run(until_ms=again.until_ms)
        assert again.simulation.world.digest() == grown(SEED, leaves=True).simulation.world.digest()
        assert grown(1, leaves=True).simulation.world.digest() != again.simulation.world.digest()
