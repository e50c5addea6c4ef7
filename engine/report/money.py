"""Money of a run over time: insurance funds, backstops, bad debt, and the leverage of those who hold positions.

Stands on `engine.report.view` and `series`, and on `engine.bearing.fund_path`. Paths of balances need the table
``movements``, leverage the table ``accounts``; what was not recorded is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.bearing import WaterfallKind, fund_path
from engine.lineage import LandmarkKind
from engine.report.series import Chart, Series, blocks, level, line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from engine.report.view import View
    from engine.simulation import Asset

    Line = tuple[int, str, int, NDArray[Any], NDArray[Any]]  # asset, name, colour, times, atoms

__all__ = ["bad_debt", "funds", "leverage"]

GROUPS_SHOWN = 6
ASSETS_SHOWN = 3
RATIO_DIGITS = 4


def _own(view: View) -> dict[int, tuple[int, int]]:
    """Return (fees, insurance fund) of each venue that has accounts; the fund's debt account follows."""
    return {venue: (first, first + 1) for venue, first in view.simulation.own_accounts.items()}


def _keepers(view: View) -> dict[int, str]:
    """Return the insurance funds and backstops by account, with their names."""
    found = {fund: view.account(fund) for _, fund in _own(view).values() if fund < view.world.account_count}
    for venue, account in view.simulation.backstops.items():
        found[account] = f"backstop of {view.venue(venue)} ({view.account(account)})"
    return found


def funds(view: View) -> list[Chart]:
    """Return the balance of every insurance fund and backstop; a chart for each asset."""
    keepers = _keepers(view)
    ends = _ends(view, keepers)
    held = f"At the end: {'; '.join(ends)}." if ends else "At the end no fund holds anything."
    if view.is_recorded("movements"):
        told = (
            "Balances of the venues' insurance funds and backstops: what they were given, paid and earned (rules X-8 "
            f"to X-10). What they hold in positions is not in a balance. {held}"
        )
        lines, missing = _paths(view, keepers), "no fund was given, paid or earned anything"
        return _per_asset(view, "funds", "Insurance funds", told, lines, missing)
    told = (
        "What insurance funds and backstops took in liquidations (clearance fees, balances of accounts taken over) "
        "less what they paid, summed up (rules X-8 to X-10). What they won or lost by trading out is not in it: "
        f"balances over time need record.movements. {held}"
    )
    lines, missing = _taken_and_paid(view, keepers), f"no path: record.movements is off. {held}"
    return _per_asset(view, "funds", "Insurance funds, taken less paid", told, lines, missing)


def _per_asset(view: View, key: str, title: str, told: str, lines: Iterable[Line], missing: str) -> list[Chart]:
    """Return a chart of the lines in each asset, those with the most rows first; one that says what is missing else."""
    assets = {asset.number: asset for asset in view.simulation.assets.values()}
    found: dict[int, list[Series]] = {}
    for number, name, color, times, atoms in lines:
        step, own = assets[number].grid.step, found.setdefault(number, [])
        own.append(level(name, times, atoms, until_ms=view.end_ms, columns=view.columns, step=step, color=color % 8))
    if not found:
        return [Chart(key, title, "", told, [], missing=missing)]
    ordered = sorted(found, key=lambda number: (-sum(each.rows for each in found[number]), number))
    charts = [
        Chart(f"{key}-{number}", f"{title}, {assets[number].name}", assets[number].name, "", found[number])
        for number in ordered[:ASSETS_SHOWN]
    ]
    left_out = [assets[number].name for number in ordered[ASSETS_SHOWN:]]
    charts[-1].told = told + (f" Not drawn: {', '.join(left_out)}, with fewer changes." if left_out else "")
    return charts


def _taken_and_paid(view: View, keepers: dict[int, str]) -> Iterator[Line]:
    """Yield what each fund took less what it paid in liquidations, from the table waterfall."""
    sign_of = np.zeros(max(WaterfallKind) + 1, np.int64)
    sign_of[[WaterfallKind.CLEARANCE, WaterfallKind.BALANCE]], sign_of[WaterfallKind.FUND] = 1, -1
    names = ("kind", "counterparty", "asset", "time_ms", "atoms")
    accounts, pieces = np.array(sorted(keepers)), []
    for piece in blocks(view.world.table("waterfall"), *names):
        rows = np.flatnonzero((sign_of[piece[0]] != 0) & np.isin(piece[1], accounts))
        pieces.append(tuple(column[rows] for column in piece))
    kind, keeper, asset, times, atoms = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    for place, (account, name) in enumerate(keepers.items()):
        for number in np.unique(asset[keeper == account]).tolist():
            own = np.flatnonzero((keeper == account) & (asset == number))
            total = np.cumsum(sign_of[kind[own]] * atoms[own])
            yield number, name, place, times[own], total


def _ends(view: View, keepers: dict[int, str]) -> list[str]:
    """Return what each fund holds at the end, for people."""
    found = []
    for account, name in keepers.items():
        for asset in view.simulation.assets.values():
            atoms = view.world.balance(account, asset.number)[0]
            if atoms:
                found.append(f"{name} {asset.grid.value(atoms):,} {asset.name}")
    return found


def _paths(view: View, keepers: dict[int, str]) -> Iterator[Line]:
    names = ("time_ms", "payer", "receiver", "asset", "atoms")
    pieces = []
    accounts = np.array(sorted(keepers))
    for piece in blocks(view.world.table("movements"), *names):
        columns = dict(zip(names, piece, strict=True))
        rows = np.isin(columns["payer"], accounts) | np.isin(columns["receiver"], accounts)
        if rows.any():
            pieces.append({name: column[rows] for name, column in columns.items()})
    if not pieces:
        return
    moved = {name: np.concatenate([piece[name] for piece in pieces]) for name in names}
    for place, (account, name) in enumerate(keepers.items()):
        is_own = (moved["payer"] == account) | (moved["receiver"] == account)
        for number in np.unique(moved["asset"][is_own]).tolist():
            path = fund_path(moved, account, number)
            if len(path):
                yield number, name, place, path.time_ms, path.atoms


def bad_debt(view: View) -> list[Chart]:
    """Return the bad debt that was written off up to each moment; a chart for each asset."""
    told = (
        "Debt of accounts that ended under water, which no fund and no counterparty bore, summed up (rule L-10, "
        "landmarks BAD_DEBT); what lenders lost stands with the loans."
    )
    return _per_asset(view, "bad-debt", "Bad debt", told, _written_off(view), "no account ended under water")


def _written_off(view: View) -> Iterator[Line]:
    landmarks = view.lineage.landmarks
    rows = view.rows_of(LandmarkKind.BAD_DEBT)
    rows = rows[~np.isin(landmarks["account"][rows], _borrowers(view))]
    venue, asset = (np.zeros(max(view.by_number, default=0) + 1, np.int64) for _ in range(2))
    for number, market in view.by_number.items():
        venue[number], asset[number] = market.venue, market.quote.number
    cells = np.stack([asset[landmarks["market"][rows]], venue[landmarks["market"][rows]]], axis=1)
    for number, place in np.unique(cells, axis=0).tolist():
        own = rows[(cells[:, 0] == number) & (cells[:, 1] == place)]
        yield number, view.venue(place), place, landmarks["time_ms"][own], np.cumsum(landmarks["value"][own])


def _borrowers(view: View) -> NDArray[Any]:
    accounts = [view.world.loans(lender.number)["account"] for lender in view.simulation.lenders.values()]
    return np.unique(np.concatenate(accounts)) if accounts else np.empty(0, np.int64)


# ---- leverage --------------------------------------------------------------------------------------------------------


def leverage(view: View) -> Chart:
    """Return notional / equity by population and time, of the asset in which most positions settle."""
    told = (
        "Notional of all positions of a population / its equity, over accounts whose equity is above 0, at the cadence "
        "of the table accounts. Equity is what settles in the same asset (X-1): other collateral of a unified account "
        "is not in it."
    )
    missing = "no leverage: record.accounts_every is 0"
    if view.is_recorded("accounts"):
        asset, columns = _positions(view)
        if asset is not None:
            series = _ratios(view, columns)
            title = f"Leverage of accounts, {asset.name}"
            return Chart("leverage", title, "notional / equity", told, series)
        missing = "no account held a position at a cadence"
    return Chart("leverage", "Leverage of accounts", "notional / equity", told, [], missing=missing)


def _positions(view: View) -> tuple[Asset | None, tuple[NDArray[Any], ...]]:
    """Return the asset with the most rows of positions, and their times, accounts, notionals and equities."""
    names = ("time_ms", "account", "notional_atoms", "equity_atoms")
    pieces: dict[int, list[tuple[NDArray[Any], ...]]] = {}
    for number_of, *columns in blocks(view.world.table("accounts"), "asset", *names):
        notional, equity = columns[2], columns[3]
        rows = np.flatnonzero((notional > 0) & (equity > 0))
        for number in np.unique(number_of[rows]).tolist():
            own = rows[number_of[rows] == number]
            pieces.setdefault(number, []).append(tuple(column[own] for column in columns))
    if not pieces:
        return None, ()
    most = max(pieces, key=lambda number: (sum(len(piece[0]) for piece in pieces[number]), -number))
    asset = next(each for each in view.simulation.assets.values() if each.number == most)
    return asset, tuple(np.concatenate(parts) for parts in zip(*pieces[most], strict=True))


def _ratios(view: View, columns: tuple[NDArray[Any], ...]) -> list[Series]:
    times, accounts, notional, equity = columns
    known, place = np.unique(accounts, return_inverse=True)
    names = [_population(view.account(number)) for number in known.tolist()]
    groups = {name: index for index, name in enumerate(dict.fromkeys(names))}
    group = np.array([groups[name] for name in names], np.int64)[place]
    moments, at = np.unique(times, return_inverse=True)
    cell = at * len(groups) + group
    size = len(moments) * len(groups)
    # Ratios are for the eye: floats, which also carry sums beyond int64.
    held, owned = (
        np.bincount(cell, each.astype(np.float64), size).reshape(-1, len(groups)) for each in (notional, equity)
    )
    whole = Series("all", *_ratio(moments, held.sum(axis=1), owned.sum(axis=1)), style={"color": 7, "dash": "dash"})
    series = [whole] if len(groups) > 1 else []
    largest = np.argsort(-held.max(axis=0), kind="stable")[:GROUPS_SHOWN].tolist()
    for color, index in enumerate(largest):
        made = Series(list(groups)[index], *_ratio(moments, held[:, index], owned[:, index]), style={"color": color})
        series.append(made)
    return [_thin(each, view.columns) for each in series]


def _ratio(moments: NDArray[Any], held: NDArray[Any], owned: NDArray[Any]) -> tuple[list[int], list[float]]:
    rows = np.flatnonzero(owned > 0)
    return moments[rows].tolist(), np.round(held[rows] / owned[rows], RATIO_DIGITS).tolist()


def _thin(series: Series, columns: int) -> Series:
    return line(
        series.name,
        np.array(series.time_ms, np.int64),
        np.array(series.counts),
        columns=columns,
        none=None,
        **series.style,
    )


def _population(name: str) -> str:
    """Return the population of a member's name: ``longs`` of ``longs 12``.

    Examples
    --------
    >>> _population("longs 12"), _population("whale")
    ('longs', 'whale')
    """
    own, _, place = name.rpartition(" ")
    return own if own and place.isdecimal() else name
