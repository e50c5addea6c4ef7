"""Figures of the liquidation waterfall: who bore what of the losses, and how the venue got there (rule X-15).

Stands on `engine.cascade` for exact sums and on NumPy: functions from columns of the table ``waterfall`` to figures, so
that they can be asked of a hand-made table too; `engine.waterfall.Waterfall` asks them of a run.

::

    STEP -> FILLED        an order of a liquidation into the book: equity, requirement, notional before and after
    TAKEOVER, ADL, REST   lots that leave the account at a value: to the backstop, to a candidate, to the backstop
    BALANCE, FUND, CLEARANCE, SHARE, BAD_DEBT   money

Promises: sums are exact integers, in atoms of the asset that a row names; a table that is empty has figures too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.cascade import duration_ms
from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from engine._core import ColumnTable

    Columns = Mapping[str, NDArray[Any]] | ColumnTable

__all__ = [
    "BrokenHedges",
    "ForcedVolume",
    "Haircuts",
    "Path",
    "ToxicSteps",
    "WaterfallKind",
    "budget_atoms",
    "first_adl_after_ms",
    "forced_volume",
    "fund_path",
    "haircuts",
    "hedges_broken",
    "overshoot",
    "toxic_steps",
]


class WaterfallKind(IntEnum):
    """What a row of the table is."""

    STEP = 1
    FILLED = 2
    TAKEOVER = 3
    ADL = 4
    REST = 5
    BALANCE = 6
    FUND = 7
    CLEARANCE = 8
    SHARE = 9
    BAD_DEBT = 10


def _sums(keys: NDArray[Any], values: list[int]) -> list[int]:
    """Return the exact sum of the values of each key 0, 1, ..., also where one passes int64."""
    sums = [0] * (int(keys.max()) + 1 if len(keys) else 0)
    for key, value in zip(keys.tolist(), values, strict=True):
        sums[key] += value
    return sums


def chosen(columns: Columns, kinds: Collection[WaterfallKind], *names: str) -> list[NDArray[Any]]:
    """Return some columns of the rows of some kinds."""
    rows = np.isin(columns["kind"], [int(kind) for kind in kinds])
    return [columns[name][rows] for name in names]


# ---- who bore it -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Haircuts:
    """What ADL and loss sharing cost each counterparty; one row for each account and asset, the largest loss first.

    Attributes
    ----------
    account, asset : numpy.ndarray of int64
        Who, and in which atoms.
    lots : numpy.ndarray of int64
        Lots that ADL took, of all markets.
    adl_atoms : numpy.ndarray of int64
        What these were worth at the mark less what was paid for them; below 0 where ADL paid more than the mark.
    shared_atoms : numpy.ndarray of int64
        What was paid of shared losses.
    profit_atoms : numpy.ndarray of int64 or None
        Profit of what was closed, at the mark, with the shared losses; None where nobody said what was realised.
    """

    account: NDArray[np.int64]
    asset: NDArray[np.int64]
    lots: NDArray[np.int64]
    adl_atoms: NDArray[np.int64]
    shared_atoms: NDArray[np.int64]
    profit_atoms: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.account)

    @property
    def atoms(self) -> NDArray[np.int64]:
        """The whole haircut of each."""
        return self.adl_atoms + self.shared_atoms

    @property
    def share(self) -> NDArray[np.float64]:
        """Haircut / profit; NaN where there was no profit, or where it is not known."""
        if self.profit_atoms is None:
            return np.full(len(self), np.nan)
        profit = np.where(self.profit_atoms > 0, self.profit_atoms.astype(np.float64), np.nan)
        return np.asarray(self.atoms / profit)

    @property
    def largest_atoms(self) -> int:
        """The largest haircut of one account in one asset; 0 if nobody lost."""
        return max(0, int(self.atoms.max())) if len(self) else 0

    @property
    def total_atoms(self) -> dict[int, int]:
        """Sum of the haircuts above 0, by asset."""
        totals: dict[int, int] = {}
        for asset, atoms in zip(self.asset.tolist(), self.atoms.tolist(), strict=True):
            totals[asset] = totals.get(asset, 0) + max(0, atoms)
        return totals


def haircuts(
    columns: Columns,
    worth_atoms: Mapping[int, int],
    *,
    marks_ticks: Mapping[int, int] | None = None,
    realised_atoms: Mapping[tuple[int, int], int] | None = None,
) -> Haircuts:
    """Return what ADL and loss sharing cost each counterparty (X-10, X-11).

    Who takes n lots of a position at a value v, worth N at the mark (both signed like the position), loses v - N
    against the mark: of a long that is closed above it he pays too much, of a short he gets too little.

    Parameters
    ----------
    columns : mapping of str to array, or ColumnTable
        The table ``waterfall``.
    worth_atoms : mapping of int to int
        By market: atoms of a lot at a price of one tick.
    marks_ticks : mapping of int to int, optional
        By market, the price to measure against. By default the mark of each row; a later one tells what the
        counterparties would have earned (or lost) until then: the profit that was taken from them.
    realised_atoms : mapping of (int, int) to int, optional
        PnL that the transfers realised, by account and asset (kind 13 of the table ``movements``); with it the haircut
        is also a share of the profit.

    Returns
    -------
    Haircuts

    Raises
    ------
    InputError
        A market of a row is in neither mapping.

    Notes
    -----
    O(rows).

    Examples
    --------
    Account 7 takes 10 lots of a long that is closed at 95 atoms a lot, 5 above the mark; account 8 pays 20 of a loss.

    >>> import numpy as np
    >>> table = {"kind": [4, 9], "counterparty": [7, 8], "market": [0, 65535], "asset": [0, 0], "qty_lots": [10, 0],
    ...     "atoms": [950, 20], "mark_ticks": [90, 2**40]}
    >>> found = haircuts({name: np.array(column) for name, column in table.items()}, {0: 1})
    >>> found.account.tolist(), found.atoms.tolist(), found.largest_atoms
    ([7, 8], [50, 20], 50)
    """
    names = ("counterparty", "asset", "market", "qty_lots", "atoms", "mark_ticks")
    rows = [column.tolist() for column in chosen(columns, [WaterfallKind.ADL], *names)]
    lots: dict[tuple[int, int], int] = {}
    cut: dict[tuple[int, int], int] = {}
    shared: dict[tuple[int, int], int] = {}
    for account, asset, market, qty_lots, atoms, mark_ticks in zip(*rows, strict=True):
        if market not in worth_atoms or (marks_ticks is not None and market not in marks_ticks):
            raise InputError("worth_atoms", "a value for every market with ADL", market)
        mark = mark_ticks if marks_ticks is None else marks_ticks[market]
        key = (account, asset)
        lots[key] = lots.get(key, 0) + abs(qty_lots)
        cut[key] = cut.get(key, 0) + atoms - qty_lots * mark * worth_atoms[market]
    paid = [column.tolist() for column in chosen(columns, [WaterfallKind.SHARE], "counterparty", "asset", "atoms")]
    for account, asset, atoms in zip(*paid, strict=True):
        shared[account, asset] = shared.get((account, asset), 0) + atoms
    keys = sorted(cut.keys() | shared.keys(), key=lambda key: (-cut.get(key, 0) - shared.get(key, 0), key))
    profit = None
    if realised_atoms is not None:
        profit = [realised_atoms.get(key, 0) + cut.get(key, 0) for key in keys]
    return Haircuts(
        account=np.array([account for account, _ in keys], np.int64),
        asset=np.array([asset for _, asset in keys], np.int64),
        lots=np.array([lots.get(key, 0) for key in keys], np.int64),
        adl_atoms=np.array([cut.get(key, 0) for key in keys], np.int64),
        shared_atoms=np.array([shared.get(key, 0) for key in keys], np.int64),
        profit_atoms=None if profit is None else np.array(profit, np.int64),
    )


def budget_atoms(columns: Columns) -> dict[int, int]:
    """Return what the counterparties had to bear, by asset: the deficits that were left for ADL and loss sharing.

    For each account, asset and ms with ADL or loss sharing: what its equity was below 0 before the first of them; at
    least the loss that was shared or remained as bad debt then.

    Parameters
    ----------
    columns : mapping of str to array, or ColumnTable
        The table ``waterfall``.

    Examples
    --------
    >>> import numpy as np
    >>> table = {"kind": [4, 4, 5], "time_ms": [9, 9, 9], "account": [1, 1, 1], "asset": [0, 0, 0],
    ...     "equity_atoms": [-50, -20, 0], "atoms": [700, 300, 100]}
    >>> budget_atoms({name: np.array(column) for name, column in table.items()})
    {0: 50}
    """
    kinds = (WaterfallKind.ADL, WaterfallKind.REST, WaterfallKind.SHARE, WaterfallKind.BAD_DEBT)
    names = ("kind", "time_ms", "account", "asset", "equity_atoms", "atoms")
    lacking: dict[tuple[int, int, int], int] = {}
    left: dict[tuple[int, int, int], int] = {}
    for kind, time_ms, account, asset, equity, atoms in zip(
        *(column.tolist() for column in chosen(columns, kinds, *names)), strict=True
    ):
        key = (time_ms, account, asset)
        if kind in (WaterfallKind.ADL, WaterfallKind.REST):
            lacking.setdefault(key, max(0, -equity))
        else:
            left[key] = left.get(key, 0) + atoms
    found: dict[int, int] = {}
    for key in lacking.keys() | left.keys():
        found[key[2]] = found.get(key[2], 0) + max(lacking.get(key, 0), left.get(key, 0))
    return dict(sorted(found.items()))


def overshoot(haircut_atoms: Mapping[int, int], budget: Mapping[int, int]) -> float | None:
    """Return total haircut / budget needed, of one asset; None without a budget, or with several assets.

    1 is what had to be: at the bankruptcy value ADL takes exactly what was missing. Above it the counterparties bore
    more than the loss, below it somebody else did (or ADL closed at the mark and the loss was shared, or stayed).

    Examples
    --------
    >>> overshoot({0: 150}, {0: 100})
    1.5
    """
    needed = {asset: atoms for asset, atoms in budget.items() if atoms}
    if len(needed) != 1:
        return None
    ((asset, atoms),) = needed.items()
    return haircut_atoms.get(asset, 0) / atoms


@dataclass(frozen=True)
class BrokenHedges:
    """Hedgers whose leg ADL closed: lots by account and market."""

    lots: dict[tuple[int, int], int]

    @property
    def accounts(self) -> list[int]:
        """Who lost a leg, ascending."""
        return sorted({account for account, _ in self.lots})

    def __len__(self) -> int:
        return len(self.accounts)

    def __str__(self) -> str:
        return f"{len(self)} hedges broken, {sum(self.lots.values())} lots"


def hedges_broken(columns: Columns, hedgers: Collection[int]) -> BrokenHedges:
    """Return which of some accounts lost lots of a leg to ADL, and how many.

    Examples
    --------
    >>> import numpy as np
    >>> table = {"kind": [4, 4, 4], "counterparty": [7, 7, 8], "market": [0, 0, 0], "qty_lots": [10, 5, 3]}
    >>> print(hedges_broken({name: np.array(column) for name, column in table.items()}, hedgers=[7, 9]))
    1 hedges broken, 15 lots
    """
    wanted = set(hedgers)
    found: dict[tuple[int, int], int] = {}
    taken = chosen(columns, [WaterfallKind.ADL], "counterparty", "market", "qty_lots")
    for account, market, lots in zip(*(column.tolist() for column in taken), strict=True):
        if account in wanted:
            found[account, market] = found.get((account, market), 0) + abs(lots)
    return BrokenHedges(dict(sorted(found.items())))


# ---- how it got there ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ToxicSteps:
    """Steps after which the unit stood worse than before (X-15)."""

    steps: int
    toxic: int
    landmarks: tuple[int, ...]

    @property
    def share(self) -> float | None:
        """Toxic / all steps that arrived; None without one."""
        return self.toxic / self.steps if self.steps else None


def toxic_steps(columns: Columns) -> ToxicSteps:
    """Return how many steps lowered the margin ratio of their unit at the same marks (X-15).

    The k-th order of a landmark in a market is compared with what is recorded of its arrival; one that has not arrived
    counts as no step. Ratios are compared as equity / max(1, notional), exactly; a step that leaves no notional by its
    equity alone, since a ratio of nothing says nothing.

    Examples
    --------
    Half of a position of 1000 is sold: at the mark the ratio doubles, 30 below it falls.

    >>> import numpy as np
    >>> table = {"kind": [1, 2, 1, 2], "landmark": [5, 5, 6, 6], "market": [0] * 4,
    ...     "equity_atoms": [40, 40, 40, 10], "notional_atoms": [1000, 500, 1000, 500]}
    >>> toxic_steps({name: np.array(column) for name, column in table.items()})
    ToxicSteps(steps=2, toxic=1, landmarks=(6,))
    """
    names = ("landmark", "market", "equity_atoms", "notional_atoms")
    before: dict[tuple[int, int], list[tuple[int, int]]] = {}
    sent, filled = (
        zip(*(column.tolist() for column in chosen(columns, [kind], *names)), strict=True)
        for kind in (WaterfallKind.STEP, WaterfallKind.FILLED)
    )
    for landmark, market, equity, notional in sent:
        before.setdefault((landmark, market), []).append((equity, notional))
    steps, found = 0, []
    for landmark, market, equity, notional in filled:
        rows = before.get((landmark, market))
        if not rows:
            continue
        equity_before, notional_before = rows.pop(0)
        steps += 1
        is_lower = equity * max(1, notional_before) < equity_before * max(1, notional)
        if equity < equity_before if notional <= 0 else is_lower:
            found.append(landmark)
    return ToxicSteps(steps, len(found), tuple(sorted(set(found))))


@dataclass(frozen=True, eq=False)
class Path:
    """A balance over time: `atoms[i]` from `time_ms[i]` on."""

    time_ms: NDArray[np.int64]
    atoms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.time_ms)

    @property
    def low_atoms(self) -> int | None:
        """The lowest balance; None of an empty path."""
        return int(self.atoms.min()) if len(self) else None

    @property
    def end_atoms(self) -> int | None:
        """The last balance; None of an empty path."""
        return int(self.atoms[-1]) if len(self) else None


def fund_path(movements: Columns, account: int, asset: int, *, opening_atoms: int = 0) -> Path:
    """Return the balance of an insurance fund (of any account) at the end of each ms in which it changed.

    Parameters
    ----------
    movements : mapping of str to array, or ColumnTable
        The table ``movements``; every way in and out of the fund is in it: payments, fees, trades of a backstop.
    account, asset : int
        Whose balance, of what.
    opening_atoms : int
        Balance before the first row, atoms.

    Examples
    --------
    >>> import numpy as np
    >>> table = {"time_ms": [1, 1, 4], "payer": [-1, 9, 2], "receiver": [2, 2, 5], "asset": [0, 0, 0],
    ...     "atoms": [100, 5, 30]}
    >>> path = fund_path({name: np.array(column) for name, column in table.items()}, 2, 0)
    >>> path.time_ms.tolist(), path.atoms.tolist()
    ([1, 4], [105, 75])
    """
    is_own = movements["asset"] == asset
    change = np.where(movements["receiver"] == account, movements["atoms"], 0)
    change = np.where(is_own, change - np.where(movements["payer"] == account, movements["atoms"], 0), 0)
    rows = np.flatnonzero(change)
    times, balance = movements["time_ms"][rows].astype(np.int64), opening_atoms + np.cumsum(change[rows])
    is_last = np.append(times[1:] != times[:-1], True)[: len(times)]
    return Path(times[is_last], balance[is_last].astype(np.int64))


def first_adl_after_ms(columns: Columns) -> int | None:
    """Return the time from the first takeover to the first ADL, ms; None unless both happened.

    Examples
    --------
    >>> import numpy as np
    >>> first_adl_after_ms({"kind": np.array([3, 1, 4, 4]), "time_ms": np.array([100, 120, 170, 200])})
    70
    """
    firsts = [chosen(columns, [kind], "time_ms")[0] for kind in (WaterfallKind.TAKEOVER, WaterfallKind.ADL)]
    if not all(len(times) for times in firsts):
        return None
    return int(firsts[1].min()) - int(firsts[0].min())


@dataclass(frozen=True, eq=False)
class ForcedVolume:
    """Forced volume by windows; one row for each window and asset with any, in time order.

    Attributes
    ----------
    start_ms, asset : numpy.ndarray of int64
        First ms of the window; what the atoms are.
    book_atoms, takeover_atoms, adl_atoms : list of int
        Notional that liquidations traded in the book, that a backstop took, that counterparties took; exact.
    """

    start_ms: NDArray[np.int64]
    asset: NDArray[np.int64]
    book_atoms: list[int]
    takeover_atoms: list[int]
    adl_atoms: list[int]

    def __len__(self) -> int:
        return len(self.start_ms)


def forced_volume(columns: Columns, *, window: int | str = "1s") -> ForcedVolume:
    """Return the forced volume by windows: in the book, to the backstop, by ADL.

    Parameters
    ----------
    columns : mapping of str to array, or ColumnTable
        The table ``waterfall``.
    window : int or str
        Width, ms or with a unit; windows begin at multiples of it.

    Examples
    --------
    >>> import numpy as np
    >>> found = forced_volume({"kind": np.array([2, 2, 4]), "time_ms": np.array([10, 900, 1500]),
    ...     "asset": np.array([0, 0, 0]), "atoms": np.array([300, -200, -50])})
    >>> found.start_ms.tolist(), found.book_atoms, found.adl_atoms
    ([0, 1000], [500, 0], [0, 50])
    """
    width = duration_ms(window, "window", least=1)
    groups = (
        (WaterfallKind.FILLED,),
        (WaterfallKind.TAKEOVER, WaterfallKind.REST),
        (WaterfallKind.ADL,),
    )
    times, assets, kinds, atoms = chosen(
        columns, [kind for group in groups for kind in group], "time_ms", "asset", "kind", "atoms"
    )
    cells, place = np.unique(np.stack([times // width, assets.astype(np.int64)], 1), axis=0, return_inverse=True)
    place = place.reshape(-1)
    found = []
    for group in groups:
        counts = np.isin(kinds, [int(kind) for kind in group])
        sums = _sums(place[counts], [abs(value) for value in atoms[counts].tolist()])
        found.append(sums + [0] * (len(cells) - len(sums)))
    return ForcedVolume(cells[:, 0] * width, cells[:, 1], *found)
