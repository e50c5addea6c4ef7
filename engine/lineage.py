"""Lineage of a run: its landmarks, their causes, the figures of its cascade, and the answer to "why" (G-1 .. G-14).

Stands on the tables that `engine._core.World` hands over, on `engine.forest` for their shape and on `engine.cascade`
for the figures. Reads only. Rows become `Landmark` objects only when they are asked for; figures work on columns.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engine import _core, cascade
from engine.errors import InputError
from engine.forest import BACKGROUND, WEIGHT_ONE_PPM, Forest, LandmarkKind, grouped_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine._core import World
    from engine.cascade import Amplification, Reproduction
    from engine.protocols import Lender
    from engine.simulation import Market, Simulation

__all__ = ["Landmark", "LandmarkKind", "Lineage", "Mover", "MoverKind"]

LANDMARK_COLUMNS = ("id", "time_ms", "kind", "market", "number", "account", "parent", "generation", "value")
MOVER_COLUMNS = ("mover_time_ms", "mover_kind", "mover_account", "mover_number", "mover_cause")


class MoverKind(IntEnum):
    """What moved a price (G-3)."""

    NONE = 0
    PLACE = 1
    CANCEL = 2
    TRADE = 3


# Calling an enumeration costs more than all the rest of a row.
_KINDS = {int(kind): kind for kind in LandmarkKind}
_MOVER_KINDS = {int(kind): kind for kind in MoverKind}


class Mover(NamedTuple):
    """The command behind a publication."""

    time_ms: int
    kind: MoverKind
    account: int
    number: int
    cause: int


class Landmark(NamedTuple):
    """One landmark; `id` is its row, 0 the background."""

    id: int
    time_ms: int
    kind: LandmarkKind
    market: int
    number: int
    account: int
    parent: int
    generation: int
    value: int
    mover: Mover | None


class Lineage:
    """The causes of a run up to now.

    Parameters
    ----------
    run : World or Simulation
        The run; rows are copied, later ones do not appear. With a `Simulation` the lines of `why` have names and units.

    Attributes
    ----------
    landmarks : ColumnTable
        ``id, time_ms, kind, market, number, account, parent, generation, value`` and the mover of a publication; row
        0 is the background (G-1, G-4).
    causes : ColumnTable
        ``child, parent, weight_ppm`` (G-6).
    end_ms : int
        The clock of the run when it was read, ms.

    Examples
    --------
    >>> from engine.testing.worlds import small_world
    >>> world = small_world().native
    >>> events = world.run(6_000)
    >>> lineage = Lineage(world)
    >>> sum(lineage.generations().values()) == len(lineage.of_kind(LandmarkKind.LIQUIDATION))
    True
    """

    def __init__(self, run: World | Simulation) -> None:
        self._named: Simulation | None = None if isinstance(run, _core.World) else run
        self._world = run if isinstance(run, _core.World) else run.world
        self.landmarks = self._world.landmarks()
        self.causes = self._world.causes()
        self.end_ms = self._world.now_ms
        self._trades = self._world.trades()

    @cached_property
    def forest(self) -> Forest:
        """The landmarks and causes as a `Forest`, which knows ancestors, roots and links."""
        return Forest(
            self.landmarks["kind"],
            self.landmarks["time_ms"],
            child=self.causes["child"],
            parent=self.causes["parent"],
            weight_ppm=self.causes["weight_ppm"],
        )

    # ---- rows ----

    def _check_id(self, landmark_id: object) -> int:
        return self.forest.check_id(landmark_id)

    def _rows(self, ids: Sequence[int] | NDArray[Any]) -> list[Landmark]:
        """Return some rows as landmarks, in the order of their ids given."""
        columns = [self.landmarks[name][ids].tolist() for name in LANDMARK_COLUMNS + MOVER_COLUMNS]
        rows = []
        for id_, time_ms, kind, *row in zip(*columns, strict=True):
            moved_ms, mover_kind, *order = row[-len(MOVER_COLUMNS) :]
            mover = Mover(moved_ms, _MOVER_KINDS[mover_kind], *order) if mover_kind else None
            market, number, account, parent, generation, value = row[: -len(MOVER_COLUMNS)]
            rows.append(Landmark(id_, time_ms, _KINDS[kind], market, number, account, parent, generation, value, mover))
        return rows

    def landmark(self, landmark_id: int) -> Landmark:
        """Return one landmark.

        Raises
        ------
        InputError
            There is no such landmark.
        """
        return self._rows([self._check_id(landmark_id)])[0]

    def of_kind(self, kind: LandmarkKind) -> list[Landmark]:
        """Return the landmarks of one kind, in order; the background is none."""
        return self._rows(np.flatnonzero(self.landmarks["kind"][1:] == int(kind)) + 1)

    def children(self, landmark_id: int) -> list[Landmark]:
        """Return the landmarks that have this one among their causes, in order."""
        return self._rows(self.forest.children(self._check_id(landmark_id)))

    def parents(self, landmark_id: int) -> list[tuple[int, int]]:
        """Return a landmark's causes as (landmark, weight_ppm), the heaviest first; none for a root (G-6)."""
        return self.forest.causes_of(self._check_id(landmark_id))

    def chain(self, landmark_id: int) -> list[Landmark]:
        """Return a landmark and its ancestors by heaviest cause, the root last.

        Raises
        ------
        InputError
            There is no such landmark.
        """
        ids = [self._check_id(landmark_id)]
        parents = self.landmarks["parent"]
        while parent := int(parents[ids[-1]]):
            ids.append(parent)
        return self._rows(ids)

    def ancestors(self, landmark_id: int) -> dict[int, float]:
        """Return every ancestor of a landmark, along all causes, with its weight; the newest first (G-8)."""
        return self.forest.ancestors(self._check_id(landmark_id))

    def tree(self) -> dict[str, NDArray[Any]]:
        """Return the tree along heaviest causes as columns, a row for each landmark.

        Returns
        -------
        dict of str to numpy.ndarray
            ``id``, ``parent`` (0 above a root), ``root`` (of a root itself), ``depth`` (landmarks above it),
            ``generation`` (G-7).
        """
        forest = self.forest
        return {
            "id": np.arange(len(forest)),
            "parent": forest.heaviest,
            "root": forest.root,
            "depth": forest.depth,
            "generation": forest.generation,
        }

    # ---- figures ----

    def generations(self) -> dict[int, int]:
        """Return how many liquidations each generation has (G-7); see `engine.cascade.generation_sizes`."""
        return cascade.generation_sizes(self.forest)

    def endogenous_share(self) -> float | None:
        """Return the share of liquidations with a liquidation behind them (G-9); no branching ratio.

        See `engine.cascade.endogenous_share`. None without liquidations.
        """
        return cascade.endogenous_share(self.forest)

    def reproduction(self, window: int | str = "1s", *, horizon: int | str | None = None) -> Reproduction:
        """Return the cohort reproduction R(t) by windows (G-10).

        Parameters
        ----------
        window : int or str
            Width of a window, ms or with a unit (``"250ms"``, ``"1s"``).
        horizon : int or str, optional
            Longest lag of a child that counts; by default the longest lag seen in this run.

        Returns
        -------
        Reproduction
            Of windows whose children can have been seen; the others are counted. See `engine.cascade.reproduction`.
        """
        return cascade.reproduction(self.forest, window=window, end_ms=self.end_ms, horizon=horizon)

    @cached_property
    def _quote_assets(self) -> dict[int, int]:
        return {
            number: self._world.market(number)["quote_asset"] for number in np.unique(self._trades["market"]).tolist()
        }

    @cached_property
    def _volumes(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the trades that count, forced and exogenous ones (G-11)."""
        trades = {name: self._trades[name] for name in ("market", "cause", "taker_account", "price_ticks", "qty_lots")}
        kind, account = self.landmarks["kind"][trades["cause"]], self.landmarks["account"][trades["cause"]]
        is_own = account == trades["taker_account"]
        is_forced, is_exogenous = is_own & (kind == LandmarkKind.STEP), is_own & (kind == LandmarkKind.SHOCK)
        counts = is_forced | is_exogenous
        kept = {name: column[counts] for name, column in trades.items()}
        worth = np.zeros(max(self._quote_assets, default=0) + 1, np.int64)
        for number in self._quote_assets:
            worth[number] = self._world.market(number)["atoms_per_tick_lot"]
        kept["notional_atoms"] = kept["price_ticks"].astype(np.int64) * kept["qty_lots"] * worth[kept["market"]]
        return {**kept, "is_forced": is_forced[counts], "is_exogenous": is_exogenous[counts]}

    def amplification(self) -> Amplification:
        """Return forced / exogenous volume: by market in lots, by quote asset in atoms, and as one ratio (G-11, G-12).

        Returns
        -------
        Amplification
            `ratio` is None where nothing came from outside or where markets settle in several assets.

        Notes
        -----
        Counts the trades in the table of trades: none where they are not recorded, and those since a fork.
        """
        volumes = self._volumes
        names = ("market", "qty_lots", "notional_atoms", "is_forced", "is_exogenous")
        return cascade.amplification(**{name: volumes[name] for name in names}, quote_asset=self._quote_assets)

    def root_shares(self, market: Market | int | None = None) -> dict[int, float]:
        """Return which share of the forced volume goes back to which root, the largest first (G-13).

        Parameters
        ----------
        market : Market or int, optional
            Count the lots of one market. By default the notional of all, which must settle in one asset.

        Returns
        -------
        dict of int to float
            Landmark, or 0 for the background, to share; they sum to 1 but for rounding. Empty without forced volume.

        Raises
        ------
        InputError
            `market` is no market number, or is needed and was left out.
        """
        volumes = self._volumes
        counts = volumes["is_forced"]
        if market is None:
            assets = {self._quote_assets[number] for number in np.unique(volumes["market"][counts]).tolist()}
            if len(assets) > 1:
                raise InputError("market", "a market, since forced volume is in several assets", market)
            amounts = volumes["notional_atoms"]
        else:
            number = market if isinstance(market, (int, np.integer)) else market.number
            if number not in self._quote_assets:
                self._world.market(number)  # refuses what is no market; one without a trade has no share
            counts = counts & (volumes["market"] == number)
            amounts = volumes["qty_lots"]
        amount = grouped_sum(volumes["cause"][counts], amounts[counts], len(self.landmarks))
        return cascade.shares_by_root(self.forest, amount)

    # ---- why ----

    def _account(self, number: int) -> str:
        return f"account {number}" if self._named is None else self._named.accounts[number]

    def _where(self, row: Landmark) -> str:
        """Return a landmark's market and value, with units where the run has names."""
        if self._named is None:
            return f"market {row.market}, value {row.value}"
        market = next(market for market in self._named.markets.values() if market.number == row.market)
        if row.kind in (LandmarkKind.PUBLICATION, LandmarkKind.WITHDRAWAL, LandmarkKind.HALT):
            return f"{market.name} at {market.price.value(row.value)}"
        lender = self._lender_of(row)
        if lender is not None:
            return f"{lender.name}, {self._loan_meaning(row, lender, market)}"
        if row.kind in (LandmarkKind.SHOCK, LandmarkKind.STEP, LandmarkKind.ADL):
            return f"{market.name}, {market.quantity.value(row.value)} to trade"
        if row.kind in _MONEY_MEANINGS:
            meaning = _MONEY_MEANINGS[row.kind]
            return f"{market.name}, {meaning} {market.quote.grid.value(row.value)} {market.quote.name}"
        return market.name

    @cached_property
    def _borrowers(self) -> dict[int, Lender]:
        """Return at which lender an account has, or had, a loan; the first one of several."""
        assert self._named is not None
        found: dict[int, Lender] = {}
        for lender in self._named.lenders.values():
            for account in self._world.loans(lender.number)["account"]:
                found.setdefault(account, lender)
        return found

    def _lender_of(self, row: Landmark) -> Lender | None:
        """Return the lender that a landmark is of: its account borrows there (Y-21, Y-25)."""
        of_loans = (*_LOAN_MEANINGS, LandmarkKind.STEP, LandmarkKind.BAD_DEBT)
        return self._borrowers.get(row.account) if row.kind in of_loans else None

    def _loan_meaning(self, row: Landmark, lender: Lender, market: Market) -> str:
        """Return what the value of a loan's landmark is; of a debt in units where the lender lends one asset only."""
        if row.kind in (LandmarkKind.LIQUIDATION, LandmarkKind.MARGIN_CALL):
            return f"{_LOAN_MEANINGS[row.kind]} {lender.value.value(row.value)}"
        if row.kind == LandmarkKind.UNWIND:
            return f"{_LOAN_MEANINGS[row.kind]} {market.quote.grid.value(row.value)} {market.quote.name}"
        if row.kind == LandmarkKind.STEP and lender.form == "loan":
            return f"{row.value} lots to sell"
        what = "repaid" if row.kind == LandmarkKind.STEP else "not repaid"
        (asset, *others) = lender.lent
        return f"{what} {row.value} atoms" if others else f"{what} {asset.grid.value(row.value)} {asset.name}"

    def _short(self, landmark_id: int) -> str:
        """Return a landmark as one cause among several."""
        if landmark_id == BACKGROUND:
            return "the background"
        row = self.landmark(landmark_id)
        return f"the {row.kind.name}{self._whom(row)} at {row.time_ms / 1000:.3f} s"

    def _whom(self, row: Landmark) -> str:
        return f" of {self._account(row.account)}" if row.account >= 0 else ""

    def _moved(self, mover: Mover) -> str:
        """Return which command moved a published price, and whether it was a withdrawal."""
        whose, when = self._account(mover.account), f"{mover.time_ms / 1000:.3f} s"
        by_withdrawal = mover.cause and self.landmark(mover.cause).kind == LandmarkKind.WITHDRAWAL
        if mover.kind == MoverKind.CANCEL and by_withdrawal:
            return f"withdrawal of {whose} moved the mark without a trade: CANCEL of its order {mover.number} at {when}"
        return f"moved by the {mover.kind.name} of {whose}'s order {mover.number} at {when}"

    def why(self, landmark_id: int) -> list[str]:
        """Return a landmark's causes as readable lines, itself first.

        The lines follow the heaviest cause. Where a landmark has several, its line names them all with their weights;
        where a price was published, it says which command had moved it (G-14).
        """
        lines = []
        for row in self.chain(landmark_id):
            line = f"{row.time_ms / 1000:.3f} s  {row.kind.name}{self._whom(row)} ({self._where(row)})"
            if row.mover is not None:
                line += f", {self._moved(row.mover)}"
            causes = self.parents(row.id)
            if len(causes) > 1:
                shares = (f"{weight * 100 / WEIGHT_ONE_PPM:g} % {self._short(parent)}" for parent, weight in causes)
                line += "; caused by " + ", ".join(shares)
            lines.append(line)
        return lines


# What the value of a landmark in atoms is.
_MONEY_MEANINGS = {
    LandmarkKind.LIQUIDATION: "equity",
    LandmarkKind.TAKEOVER: "worth",
    LandmarkKind.SHARED_LOSS: "shared",
    LandmarkKind.BAD_DEBT: "written off",
}
# Of a loan's.
_LOAN_MEANINGS = {
    LandmarkKind.LIQUIDATION: "equity",
    LandmarkKind.MARGIN_CALL: "equity",
    LandmarkKind.UNWIND: "owes",
}
