"""Forest: landmarks and their causes as arrays, and what can be asked of their shape (rules G-6 .. G-8, G-13).

    0 background   1 SHOCK <- 2 PUBLICATION <- 3 LIQUIDATION <- 4 STEP <- 5 PUBLICATION <- 6 LIQUIDATION

A cause is always older than what it causes, so every parent has the lower number: one pass from the last row to the
first meets each landmark after all that it caused. A landmark with several causes is a *fork*; runs of landmarks with
one cause each are jumped over by doubling, so that only forks are walked one by one.

Stands on NumPy only. Promises: arrays are read, never written; no answer depends on the order of equal rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["BACKGROUND", "WEIGHT_ONE_PPM", "Forest", "LandmarkKind", "Links", "grouped_sum"]

WEIGHT_ONE_PPM = 1_000_000
BACKGROUND = 0


class LandmarkKind(IntEnum):
    """What a landmark is (G-1)."""

    BACKGROUND = 0
    SHOCK = 1
    WITHDRAWAL = 2
    RETURN = 3
    PUBLICATION = 4
    LIQUIDATION = 5
    STEP = 6
    BAD_DEBT = 7
    MARGIN_STATE = 8
    TAKEOVER = 9
    ADL = 10
    SHARED_LOSS = 11
    MARGIN_CALL = 12
    UNWIND = 13
    HALT = 14


@dataclass(frozen=True, eq=False)
class Links:
    """Rows "this liquidation is caused by that one", next generation only (G-8).

    Attributes
    ----------
    child, parent : numpy.ndarray
        Landmarks of kind LIQUIDATION, int64.
    weight : numpy.ndarray
        Share of the child's causes that goes through the parent, float64, above 0 and at most 1.
    """

    child: NDArray[np.int64]
    parent: NDArray[np.int64]
    weight: NDArray[np.float64]


def _column(values: ArrayLike, field: str, length: int | None = None) -> NDArray[np.int64]:
    """Return a copy of a column of integers as int64, or refuse it."""
    array = np.asarray(values)
    if array.size == 0 and array.ndim == 1:
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InputError(field, "a one-dimensional array of integers", f"{array.dtype} of shape {array.shape}")
    if length is not None and len(array) != length:
        raise InputError(field, f"{length} values", len(array))
    if array.dtype == np.uint64 and len(array) and array.max() > np.iinfo(np.int64).max:
        raise InputError(field, "numbers below 2^63", int(array.max()))
    result = array.astype(np.int64)
    result.flags.writeable = False
    return result


class Forest:
    """Landmarks with their causes.

    Parameters
    ----------
    kind : array of int, shape (landmarks,)
        A `LandmarkKind` each; row 0 is the background.
    time_ms : array of int, shape (landmarks,)
        When each came to be, ms; never before its causes.
    child, parent : array of int, shape (causes,)
        Landmark and cause; ``parent < child``. A landmark without a row is a root (G-6).
    weight_ppm : array of int, shape (causes,), optional
        Share of each cause, at least 1, summing to 10^6 for each child. By default each child has one cause.

    Raises
    ------
    InputError
        A column that does not fit the above.

    Notes
    -----
    Building is O(causes log causes) when the rows are not in the order of the children, else O(causes).

    Examples
    --------
    >>> from engine.forest import Forest, LandmarkKind as K
    >>> kinds = [K.BACKGROUND, K.SHOCK, K.PUBLICATION, K.LIQUIDATION, K.STEP, K.PUBLICATION, K.LIQUIDATION]
    >>> forest = Forest(kinds, [0, 1, 2, 2, 2, 9, 9], child=[2, 3, 4, 5, 6], parent=[1, 2, 3, 4, 5])
    >>> forest.heaviest.tolist(), forest.generation.tolist(), forest.root.tolist()
    ([0, 0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 1, 2], [0, 1, 1, 1, 1, 1, 1])
    """

    def __init__(
        self,
        kind: ArrayLike,
        time_ms: ArrayLike,
        *,
        child: ArrayLike,
        parent: ArrayLike,
        weight_ppm: ArrayLike | None = None,
    ) -> None:
        self.kind = _column(kind, "kind")
        if len(self.kind) == 0 or self.kind[0] != LandmarkKind.BACKGROUND:
            raise InputError("kind", "the background in row 0", self.kind[:1].tolist())
        if self.kind.min() < 0 or self.kind.max() > max(LandmarkKind):
            raise InputError("kind", f"landmark kinds, 0 .. {int(max(LandmarkKind))}", "another number")
        self.time_ms = _column(time_ms, "time_ms", len(self.kind))
        self.child = _column(child, "child")
        self.parent = _column(parent, "parent", len(self.child))
        whole = np.full(len(self.child), WEIGHT_ONE_PPM) if weight_ppm is None else weight_ppm
        self.weight_ppm = _column(whole, "weight_ppm", len(self.child))
        self._sort_rows()
        self._check_rows()

    def _sort_rows(self) -> None:
        if len(self.child) and (np.diff(self.child) < 0).any():
            order = np.argsort(self.child, kind="stable")
            self.child, self.parent = self.child[order], self.parent[order]
            self.weight_ppm = self.weight_ppm[order]

    def _check_rows(self) -> None:
        if len(self.child) == 0:
            return
        if self.child[0] < 1 or self.child[-1] >= len(self.kind):
            raise InputError("child", f"landmarks between 1 and {len(self.kind) - 1}", "another number")
        if (self.parent < 0).any() or (self.parent >= self.child).any():
            raise InputError("parent", "landmarks older than their children, or 0", "another number")
        if (self.time_ms[self.parent] > self.time_ms[self.child]).any():
            raise InputError("time_ms", "no landmark before its cause", "one that is")
        if (self.weight_ppm < 1).any() or (self.weight_ppm > WEIGHT_ONE_PPM).any():
            raise InputError("weight_ppm", f"1 .. {WEIGHT_ONE_PPM}", "another number")
        sums = np.add.reduceat(self.weight_ppm, self._first_of_child)
        if (sums != WEIGHT_ONE_PPM).any():
            wrong = int(np.flatnonzero(sums != WEIGHT_ONE_PPM)[0])
            child = int(self.child[self._first_of_child[wrong]])
            raise InputError("weight_ppm", f"{WEIGHT_ONE_PPM} in all for landmark {child} (G-6)", int(sums[wrong]))

    def __len__(self) -> int:
        return len(self.kind)

    # ---- rows ----

    @cached_property
    def _first_of_child(self) -> NDArray[np.int64]:
        """Where the rows of each child that has some begin."""
        return np.flatnonzero(np.diff(self.child, prepend=-1)).astype(np.int64)

    @cached_property
    def _rows_from(self) -> NDArray[np.int64]:
        """Rows of landmark i are those from ``[i]`` to ``[i + 1]``; shape (landmarks + 1,)."""
        return np.searchsorted(self.child, np.arange(len(self) + 1)).astype(np.int64)

    def check_id(self, landmark_id: object) -> int:
        """Return a landmark's number, or raise InputError if there is no such landmark."""
        last = len(self) - 1
        if (
            not isinstance(landmark_id, (int, np.integer))
            or isinstance(landmark_id, bool)
            or not 0 < landmark_id <= last
        ):
            raise InputError("landmark_id", f"a landmark between 1 and {last}", landmark_id)
        return int(landmark_id)

    def causes_of(self, landmark_id: int) -> list[tuple[int, int]]:
        """Return a landmark's causes as (parent, weight_ppm), the heaviest first (ties: the lower number)."""
        first, end = self._rows_from[landmark_id], self._rows_from[landmark_id + 1]
        rows = zip(self.parent[first:end].tolist(), self.weight_ppm[first:end].tolist(), strict=True)
        return sorted(rows, key=lambda row: (-row[1], row[0]))

    @cached_property
    def _by_parent(self) -> NDArray[np.int64]:
        return np.argsort(self.parent, kind="stable")

    def children(self, landmark_id: int) -> NDArray[np.int64]:
        """Return the landmarks that have this one among their causes, ascending; O(log causes) after the first call."""
        parents = self.parent[self._by_parent]
        first, end = np.searchsorted(parents, [landmark_id, landmark_id + 1])
        return np.unique(self.child[self._by_parent[first:end]])

    # ---- along the heaviest cause ----

    @cached_property
    def heaviest(self) -> NDArray[np.int64]:
        """Heaviest cause of each landmark, 0 for a root; ties go to the lower number (G-6)."""
        result = np.zeros(len(self), np.int64)
        order = np.lexsort((-self.parent, self.weight_ppm, self.child))
        result[self.child[order]] = self.parent[order]  # of equal children the last, heaviest, stays
        return result

    @cached_property
    def is_liquidation(self) -> NDArray[np.bool_]:
        return np.asarray(self.kind == LandmarkKind.LIQUIDATION)

    @cached_property
    def generation(self) -> NDArray[np.int64]:
        """Liquidations from each landmark up to its root along heaviest causes, itself included (G-7)."""
        return self._summed_up(self.is_liquidation)

    @cached_property
    def depth(self) -> NDArray[np.int64]:
        """Landmarks above each one along heaviest causes, the background not counted."""
        return self._summed_up(np.arange(len(self)) > 0) - (np.arange(len(self)) > 0)

    def _summed_up(self, amount: NDArray[Any]) -> NDArray[np.int64]:
        """Sum an amount over each landmark and its heaviest ancestors, by doubling: O(landmarks log depth)."""
        total, above = amount.astype(np.int64), self.heaviest.copy()
        total[0] = 0
        while above.any():
            total = total + total[above]
            above = above[above]
        return total

    @cached_property
    def root(self) -> NDArray[np.int64]:
        """Last landmark of each heaviest chain; of a root itself."""
        return _chased(np.where(self.heaviest == 0, np.arange(len(self)), self.heaviest))

    # ---- along every cause, by weight ----

    @cached_property
    def is_root(self) -> NDArray[np.bool_]:
        return np.asarray(np.diff(self._rows_from) == 0)

    @cached_property
    def is_fork(self) -> NDArray[np.bool_]:
        """Whether a landmark has more than one row of causes."""
        return np.asarray(np.diff(self._rows_from) > 1)

    def _only_parent(self, stops: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Where a walk that begins at each landmark stands when it first comes to a root, a fork or a stop."""
        ends = self.is_root | self.is_fork | stops
        hop = np.arange(len(self))
        hop[~ends] = self.parent[self._rows_from[:-1][~ends]]
        return _chased(hop)

    @cached_property
    def _to_root_or_fork(self) -> NDArray[np.int64]:
        return self._only_parent(np.zeros(len(self), np.bool_))

    def carried_to_roots(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        """Hand every landmark's amount to its causes, by weight, until all of it lies on roots (G-13).

        Parameters
        ----------
        amount : numpy.ndarray of float64, shape (landmarks,)
            What each landmark has of its own.

        Returns
        -------
        numpy.ndarray of float64, shape (landmarks,)
            The same sum, on roots and the background only.

        Notes
        -----
        O(landmarks log depth), and a step of Python for each row of a fork.
        """
        stop = self._to_root_or_fork
        held = grouped_sum(stop, amount, len(self))
        forks = np.flatnonzero(self.is_fork)[::-1]
        if len(forks):
            carried = held.tolist()
            for fork in forks.tolist():
                first, end = self._rows_from[fork], self._rows_from[fork + 1]
                for above, weight_ppm in zip(stop[self.parent[first:end]], self.weight_ppm[first:end], strict=True):
                    carried[above] += carried[fork] * float(weight_ppm) / WEIGHT_ONE_PPM
                carried[fork] = 0.0
            held = np.array(carried)
        return held

    def ancestors(self, landmark_id: int) -> dict[int, float]:
        """Return every ancestor of a landmark with its weight, the newest first.

        The weight of an ancestor is the sum over all ways to it of the product of the weights on the way: the share of
        the landmark that goes back through it. Along a chain it is 1 throughout.

        Parameters
        ----------
        landmark_id : int
            A landmark.

        Returns
        -------
        dict of int to float
            Landmark to weight; 0 stands for the background, where a row of causes names it.
        """
        waiting = {self.check_id(landmark_id): 1.0}
        found: dict[int, float] = {}
        while waiting:
            newest = max(waiting)  # all that it causes is behind us: its weight is complete
            weight = found[newest] = waiting.pop(newest)
            for above, weight_ppm in self.causes_of(newest):
                waiting[above] = waiting.get(above, 0.0) + weight * weight_ppm / WEIGHT_ONE_PPM
        del found[landmark_id]
        return found

    @cached_property
    def links(self) -> Links:
        """Which liquidation caused which, next generation only (G-8).

        From each liquidation the walk goes up along every cause, with weights multiplied, and ends at the first
        liquidation that it meets, or at a root, which leaves no row.
        """
        stop = self._only_parent(self.is_liquidation)
        child = np.flatnonzero(self.is_liquidation).astype(np.int64)
        node, weight = child, np.ones(len(child))
        done: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
        while len(child):
            child, above, weight = self._one_step_up(child, node, weight)
            child, node, weight = _merged(child, stop[above], weight, len(self))
            met = self.is_liquidation[node]
            done.append((child[met], node[met], weight[met]))
            on = self.is_fork[node] & ~met
            child, node, weight = child[on], node[on], weight[on]
        if not done:
            empty = np.empty(0, np.int64)
            return Links(empty, empty, np.empty(0))
        child, node, weight = (np.concatenate(part) for part in zip(*done, strict=True))
        return Links(*_merged(child, node, weight, len(self)))

    def _one_step_up(
        self, child: NDArray[np.int64], node: NDArray[np.int64], weight: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Replace each (child, node) by a row for every cause of the node."""
        counts = np.diff(self._rows_from)[node]
        rows = np.repeat(self._rows_from[node], counts) + _counted_up(counts)
        shares = np.repeat(weight, counts) * self.weight_ppm[rows] / WEIGHT_ONE_PPM
        return np.repeat(child, counts), self.parent[rows], shares


def grouped_sum(places: NDArray[Any], amounts: NDArray[Any], size: int) -> NDArray[np.float64]:
    """Return the sums of the amounts that fall on each of `size` places, float64."""
    sums = np.bincount(places, weights=amounts, minlength=size)
    return sums.astype(np.float64, copy=False)


def _chased(hop: NDArray[np.int64]) -> NDArray[np.int64]:
    """Follow pointers to their ends (an end points to itself) by doubling: O(n log depth)."""
    while True:
        further = hop[hop]
        if (further == hop).all():
            return hop
        hop = further


def _counted_up(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, .. counts[0] - 1, 0, 1, .. counts[1] - 1, and so on."""
    ends = np.cumsum(counts)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - counts, counts)


def _merged(
    child: NDArray[np.int64], node: NDArray[np.int64], weight: NDArray[np.float64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Add up the weights of equal (child, node), in the order of both; so ways that meet again stay one."""
    keys, place = np.unique(child * size + node, return_inverse=True)
    return keys // size, keys % size, grouped_sum(place, weight, len(keys))
