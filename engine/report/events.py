"""What the run did over time: quotes that left, liquidations, takeovers, ADL, forced volume, lending, by windows.

Stands on `engine.report.view` and `series`. Counts are of landmarks (G-1), which every run has; volumes are of trades
(G-11) and of the table ``waterfall`` (X-15).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.bearing import WaterfallKind
from engine.lineage import LandmarkKind
from engine.report.series import Chart, Series, blocks, counted, level, summed
from engine.tables import NO_NUMBER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.report.view import View

    Pieces = list[tuple[NDArray[Any], ...]]

__all__ = ["adl", "forced_volume", "lending", "liquidations", "withdrawals"]

GENERATIONS_SHOWN = 6  # those beyond are one colour
ASSETS_SHOWN = 3
WAYS = ("in the book", "to the backstop", "by ADL")
PATTERNS = ("", "/", "x")


def withdrawals(view: View) -> Chart:
    """Return when makers left and came back, and how many were away."""
    left, back = view.times_of(LandmarkKind.WITHDRAWAL), view.times_of(LandmarkKind.RETURN)
    gone, returned = (
        counted("withdrawals", left, view.width_ms, color=0),
        counted("returns", back, view.width_ms, color=2),
    )
    returned.counts = [-count for count in returned.counts]
    moments = np.concatenate([left, back]).astype(np.int64)
    steps = np.concatenate([np.ones(len(left), np.int64), -np.ones(len(back), np.int64)])
    order = np.argsort(moments, kind="stable")
    count = np.cumsum(steps[order])
    away = level(
        "makers away", moments[order], count, until_ms=view.end_ms, columns=view.columns, color=1, is_line=True
    )
    told = (
        f"Makers that cancelled their quotes on all their markets, and came back, per {view.window} (returns "
        "downwards); the line counts those that are away (rule A-2, landmarks WITHDRAWAL and RETURN)."
    )
    missing = "" if len(left) else "no maker left its quotes in this run"
    series, options = [gone, returned, away], {"width_ms": view.width_ms}
    return Chart("withdrawals", "Quotes withdrawn and returned", "makers", told, series, "bars", missing, options)


def liquidations(view: View) -> Chart:
    """Return how many liquidations began, by generation."""
    rows = view.rows_of(LandmarkKind.LIQUIDATION)
    times = view.lineage.landmarks["time_ms"][rows]
    generation = np.minimum(view.lineage.forest.generation[rows], GENERATIONS_SHOWN + 1)
    series = []
    for number in np.unique(generation).tolist():
        name = f"generation {number}" + (" and later" if number > GENERATIONS_SHOWN else "")
        series.append(counted(name, times[generation == number], view.width_ms, heat=number))
    told = (
        f"Accounts whose liquidation began, and loans that passed their limit, per {view.window}. Generation 1 fell to "
        "what came from outside; generation n has n - 1 liquidations among its causes, along the heaviest (rules X-4, "
        "Y-21, G-7)."
    )
    missing = "" if len(rows) else "nobody was liquidated in this run"
    options = {"width_ms": view.width_ms}
    return Chart("liquidations", "Liquidations", "liquidations", told, series, "bars", missing, options)


def adl(view: View) -> Chart:
    """Return how often a backstop took over, ADL closed a position, and losses were shared."""
    kinds = (
        ("takeovers", LandmarkKind.TAKEOVER, 1),
        ("ADL", LandmarkKind.ADL, 0),
        ("shared losses", LandmarkKind.SHARED_LOSS, 4),
        ("ended under water", LandmarkKind.BAD_DEBT, 5),
    )
    series = [counted(name, view.times_of(kind), view.width_ms, color=color) for name, kind, color in kinds]
    told = (
        f"Per {view.window}: accounts that a backstop or fund took over (X-8), positions of others closed by "
        "auto-deleveraging (X-11), shared losses (X-10) and accounts that left bad debt (L-10)."
    )
    missing = "" if any(series) else "no takeover, no ADL, no shared loss and no bad debt in this run"
    return Chart(
        "adl", "Takeovers, ADL, bad debt", "events", told, series, "bars", missing, {"width_ms": view.width_ms}
    )


# ---- forced volume ---------------------------------------------------------------------------------------------------


def forced_volume(view: View) -> list[Chart]:
    """Return the forced volume by window, venue and way; a chart for each asset that it is counted in."""
    cells, atoms = _forced(view)
    told = (
        f"Notional of forced trades per {view.window}, by venue: orders of liquidations into the book (rule G-11)"
        + (", what backstops took over, and what ADL closed (X-15)." if view.is_recorded("waterfall") else ".")
    )
    lacking = _forced_lacking(view)
    if not len(cells):
        missing = lacking or "no order of a liquidation traded"
        return [Chart("forced", "Forced volume", "", told, [], "bars", missing)]
    assets = {asset.number: asset for asset in view.simulation.assets.values()}
    numbers, counts = np.unique(cells[:, 1], return_counts=True)
    largest = numbers[np.argsort(-counts, kind="stable")].tolist()
    charts = []
    for number in largest[:ASSETS_SHOWN]:
        series = list(_forced_series(view, cells, atoms, number, assets[number].grid.step))
        title = f"Forced volume, {assets[number].name}"
        more = f" {lacking}" if lacking else ""
        options = {"width_ms": view.width_ms}
        charts.append(Chart(f"forced-{number}", title, assets[number].name, told + more, series, "bars", "", options))
    for number in largest[ASSETS_SHOWN:]:
        charts[-1].told += f" Not drawn: {assets[number].name}, in which little was forced."
    return charts


def _forced_lacking(view: View) -> str:
    """Return what part of the forced volume was not recorded."""
    lacks = [] if view.is_recorded("trades") else ["orders into the book (record.trades is off)"]
    # Where nothing was taken over and nobody was deleveraged, nothing is lacking.
    took = len(view.rows_of(LandmarkKind.TAKEOVER)) + len(view.rows_of(LandmarkKind.ADL))
    if took and not view.is_recorded("waterfall"):
        lacks.append("takeovers and ADL (record.waterfall is off)")
    return f"Not recorded: {', '.join(lacks)}." if lacks else ""


def _forced(view: View) -> tuple[NDArray[np.int64], list[int]]:
    """Return cells (venue, asset, way, window) and the atoms of each, exact."""
    pieces = [*_in_the_book(view), *_off_the_book(view)]
    if not pieces:
        return np.empty((0, 4), np.int64), []
    market, asset, way, times, atoms = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    venue_of = np.zeros(NO_NUMBER + 1, np.int64)
    for number, each in view.by_number.items():
        venue_of[number] = each.venue
    keys = np.stack([venue_of[market], asset.astype(np.int64), way, times.astype(np.int64) // view.width_ms], axis=1)
    cells, place = np.unique(keys, axis=0, return_inverse=True)
    return cells, summed(place.reshape(-1), atoms, len(cells))


def _in_the_book(view: View) -> Pieces:
    """Return the forced trades (G-11) as (market, asset, way, time, atoms)."""
    if not view.is_recorded("trades"):
        return []
    landmarks = view.lineage.landmarks
    is_step, account = landmarks["kind"] == int(LandmarkKind.STEP), landmarks["account"]
    size = max(view.by_number, default=0) + 1
    worth, asset = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for number, each in view.by_number.items():
        worth[number], asset[number] = each.atoms_per_tick_lot, each.quote.number
    pieces: Pieces = []
    names = ("cause", "taker_account", "market", "time_ms", "price_ticks", "qty_lots")
    for cause, taker, market, times, price, qty in blocks(view.world.table("trades"), *names):
        rows = np.flatnonzero(is_step[cause])
        rows = rows[account[cause[rows]] == taker[rows]]
        if len(rows):
            own = market[rows]
            atoms = price[rows].astype(np.int64) * qty[rows] * worth[own]
            pieces.append((own, asset[own], np.zeros(len(rows), np.int64), times[rows], np.abs(atoms)))
    return pieces


def _off_the_book(view: View) -> Pieces:
    """Return what backstops and counterparties took, from the table waterfall."""
    if not view.is_recorded("waterfall"):
        return []
    way_of = np.full(max(WaterfallKind) + 1, -1)
    way_of[[WaterfallKind.TAKEOVER, WaterfallKind.REST]], way_of[WaterfallKind.ADL] = 1, 2
    pieces: Pieces = []
    names = ("kind", "market", "asset", "time_ms", "atoms")
    for kind, market, asset, times, atoms in blocks(view.world.table("waterfall"), *names):
        rows = np.flatnonzero((way_of[kind] >= 0) & (market != NO_NUMBER))
        if len(rows):
            way = way_of[kind[rows]].astype(np.int64)
            pieces.append((market[rows], asset[rows].astype(np.int64), way, times[rows], np.abs(atoms[rows])))
    return pieces


def _forced_series(view: View, cells: NDArray[np.int64], atoms: list[int], asset: int, step: Any) -> list[Series]:
    series = []
    venues = np.unique(cells[:, 0]).tolist()
    for place, venue in enumerate(venues):
        for way, name in enumerate(WAYS):
            rows = np.flatnonzero((cells[:, 0] == venue) & (cells[:, 1] == asset) & (cells[:, 2] == way))
            if len(rows):
                label = name if len(venues) == 1 else f"{view.venue(venue)}, {name}"
                style = {"color": place % 8, "pattern": PATTERNS[way]}
                times = (cells[rows, 3] * view.width_ms).tolist()
                series.append(Series(label, times, [atoms[row] for row in rows.tolist()], step, style=style))
    return series


# ---- lending ---------------------------------------------------------------------------------------------------------


def lending(view: View) -> Chart:
    """Return what befell the loans of each lender, by window."""
    told = (
        f"Loans, per {view.window}, by lender: those that passed their limit, liquidations and forced sales that were "
        "done, margin calls of centralised lenders, loopers that left (rules Y-21, Y-25, A-12)."
    )
    kinds = (
        ("past their limit", LandmarkKind.LIQUIDATION, ""),
        ("liquidated", LandmarkKind.STEP, "."),
        ("margin calls", LandmarkKind.MARGIN_CALL, "/"),
        ("unwinds", LandmarkKind.UNWIND, "x"),
    )
    series = []
    accounts, times = view.lineage.landmarks["account"], view.lineage.landmarks["time_ms"]
    for place, (name, lender) in enumerate(view.simulation.lenders.items()):
        borrowers = view.world.loans(lender.number)["account"]
        for what, kind, pattern in kinds:
            rows = view.rows_of(kind)
            rows = rows[np.isin(accounts[rows], borrowers)]
            label = f"{name}, {what}"
            series.append(counted(label, times[rows], view.width_ms, color=place % 8, pattern=pattern))
    missing = ""
    if not view.simulation.lenders:
        missing = "there is no lender in this world"
    elif not any(series):
        missing = "no loan was liquidated, called or unwound in this run"
    return Chart("lending", "Loans", "loans", told, series, "bars", missing, {"width_ms": view.width_ms})
