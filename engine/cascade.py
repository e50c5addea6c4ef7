"""Figures of a cascade: generations, endogenous share, reproduction, amplification, shares by root (rules G-7 .. G-13).

Stands on `engine.forest` and NumPy: functions from arrays to figures, so that they can be asked of any forest, a
hand-made one included; `engine.lineage.Lineage` asks them of a run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InputError
from engine.forest import BACKGROUND, Forest, LandmarkKind, grouped_sum
from engine.units import EXACT

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Amplification",
    "Reproduction",
    "Volume",
    "amplification",
    "duration_ms",
    "endogenous_share",
    "generation_sizes",
    "lag_ms_max",
    "reproduction",
    "shares_by_root",
]

_UNITS_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
_DURATION = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?) *(ms|s|min|h)")
TIME_MS_MAX = 2**62


def duration_ms(value: object, field: str, *, least: int) -> int:
    """Return a duration in whole ms.

    Parameters
    ----------
    value : int or str
        Milliseconds, or a number with one of the units ms, s, min, h.
    field : str
        What to name in the error.
    least : int
        Least that is allowed, ms.

    Raises
    ------
    InputError
        No such duration, or no whole number of ms.

    Examples
    --------
    >>> duration_ms("1.5s", "window", least=1), duration_ms(20, "window", least=1)
    (1500, 20)
    """
    expected = f"whole ms, at least {least}, as an integer or with a unit (ms, s, min, h)"
    if isinstance(value, str):
        parts = _DURATION.fullmatch(value.strip())
        length = EXACT.multiply(Decimal(parts[1]), _UNITS_MS[parts[2]]) if parts else Decimal("NaN")
        if not length.is_finite() or length != length.to_integral_value():
            raise InputError(field, expected, value)
        found = int(length)
    elif isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        found = int(value)
    else:
        raise InputError(field, expected, value)
    if not least <= found <= TIME_MS_MAX:
        raise InputError(field, expected, value)
    return found


def generation_sizes(forest: Forest) -> dict[int, int]:
    """Return how many liquidations each generation has, along heaviest causes (G-7); O(landmarks log depth).

    Examples
    --------
    Two longs fall to a shock; the step of the first pushes a third.

    >>> from engine.forest import Forest, LandmarkKind as K
    >>> kinds = [K.BACKGROUND, K.SHOCK, K.LIQUIDATION, K.LIQUIDATION, K.STEP, K.LIQUIDATION]
    >>> generation_sizes(Forest(kinds, [0, 1, 2, 2, 2, 9], child=[2, 3, 4, 5], parent=[1, 1, 2, 4]))
    {1: 2, 2: 1}
    """
    numbers, counts = np.unique(forest.generation[forest.is_liquidation], return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def endogenous_share(forest: Forest) -> float | None:
    """Return the share of liquidations that another liquidation stands behind, ``1 - roots / N`` (G-9).

    N counts the liquidations, roots those without a liquidation among their ancestors along any cause.

    Returns
    -------
    float or None
        None without liquidations.

    Notes
    -----
    This is **no branching ratio** and no reproduction number: in a finite forest it is below 1 whatever the dynamics,
    since every tree has its root. For that ask `reproduction`. O(landmarks log depth + links).

    Examples
    --------
    >>> from engine.forest import Forest, LandmarkKind as K
    >>> kinds = [K.BACKGROUND, K.SHOCK, K.LIQUIDATION, K.LIQUIDATION, K.STEP, K.LIQUIDATION]
    >>> round(endogenous_share(Forest(kinds, [0, 1, 2, 2, 2, 9], child=[2, 3, 4, 5], parent=[1, 1, 2, 4])), 4)
    0.3333
    """
    count = int(forest.is_liquidation.sum())
    return len(np.unique(forest.links.child)) / count if count else None


def lag_ms_max(forest: Forest) -> int:
    """Return the longest time from a liquidation to one of the next generation, ms; 0 without such a pair."""
    links = forest.links
    lags = forest.time_ms[links.child] - forest.time_ms[links.parent]
    return int(lags.max()) if len(lags) else 0


@dataclass(frozen=True, eq=False)
class Reproduction:
    """Cohort reproduction R(t) by windows (G-10); one row for each window with a liquidation.

    Attributes
    ----------
    window_ms, horizon_ms, end_ms : int
        Width of a window; how long after its parent a child may come; the last ms that has been seen.
    start_ms : numpy.ndarray of int64
        First ms of each window, ascending.
    liquidations : numpy.ndarray of int64
        Liquidations within the window.
    caused : numpy.ndarray of float64
        Liquidations of the next generation that they caused within the horizon, by weight.
    liquidations_left_out, windows_left_out : int
        What is too close to the end: its children may be still to come.
    """

    window_ms: int
    horizon_ms: int
    end_ms: int
    start_ms: NDArray[np.int64]
    liquidations: NDArray[np.int64]
    caused: NDArray[np.float64]
    liquidations_left_out: int
    windows_left_out: int

    def __len__(self) -> int:
        return len(self.start_ms)

    @property
    def ratio(self) -> NDArray[np.float64]:
        """R of each window: caused / liquidations."""
        return np.asarray(self.caused / self.liquidations)

    @property
    def mean(self) -> float | None:
        """R over all windows together, each liquidation counting the same; None without a window."""
        count = int(self.liquidations.sum())
        return float(self.caused.sum()) / count if count else None

    def __str__(self) -> str:
        lines = [
            f"{start / 1000:.3f} s  R = {ratio:.3f} ({caused:.2f} caused by {count})"
            for start, ratio, caused, count in zip(
                self.start_ms.tolist(),
                self.ratio.tolist(),
                self.caused.tolist(),
                self.liquidations.tolist(),
                strict=True,
            )
        ]
        late = f"{self.windows_left_out} windows with {self.liquidations_left_out} liquidations"
        lines.append(
            f"windows of {self.window_ms} ms, children within {self.horizon_ms} ms; "
            f"too close to the end at {self.end_ms} ms and left out: {late}"
        )
        return "\n".join(lines)


def reproduction(forest: Forest, *, window: int | str, end_ms: int, horizon: int | str | None = None) -> Reproduction:
    """Return how many liquidations those of each window caused, per head: the cohort reproduction R(t) (G-10).

    ``R(t) = sum of weights of links (child, parent) with the parent in window t and a lag up to the horizon / N(t)``,
    where the links are those of `Forest.links` and N(t) counts the liquidations of the window.

    Parameters
    ----------
    forest : Forest
        Landmarks and causes.
    window : int or str
        Width, ms or with a unit; windows begin at multiples of it.
    end_ms : int
        Last ms that has been simulated, ms.
    horizon : int or str, optional
        Longest lag of a child that counts. By default the longest lag seen: in a run cut short, too short.

    Returns
    -------
    Reproduction
        Only windows whose last ms + horizon is at most `end_ms`; what is left out is counted.

    Raises
    ------
    InputError
        A width below 1 ms, a horizon or an end that is no time.

    Notes
    -----
    The cohort (case) reproduction number of epidemiology, with known parents. O(links + liquidations log liquidations).

    Examples
    --------
    >>> from engine.forest import Forest, LandmarkKind as K
    >>> kinds = [K.BACKGROUND, K.SHOCK, K.LIQUIDATION, K.LIQUIDATION, K.STEP, K.LIQUIDATION]
    >>> forest = Forest(kinds, [0, 1, 2, 2, 2, 9], child=[2, 3, 4, 5], parent=[1, 1, 2, 4])
    >>> print(reproduction(forest, window=5, end_ms=12))
    0.000 s  R = 0.500 (1.00 caused by 2)
    windows of 5 ms, children within 7 ms; too close to the end at 12 ms and left out: 1 windows with 1 liquidations
    """
    width = duration_ms(window, "window", least=1)
    horizon_ms = lag_ms_max(forest) if horizon is None else duration_ms(horizon, "horizon", least=0)
    end_ms = duration_ms(end_ms, "end_ms", least=0)
    links = forest.links
    windows, counts = np.unique(forest.time_ms[forest.is_liquidation] // width, return_counts=True)
    within = forest.time_ms[links.child] - forest.time_ms[links.parent] <= horizon_ms
    places = np.searchsorted(windows, forest.time_ms[links.parent[within]] // width)
    caused = grouped_sum(places, links.weight[within], len(windows))
    # Written so that no sum passes int64, however far the horizon.
    is_seen = windows * width <= end_ms - horizon_ms - (width - 1)
    return Reproduction(
        window_ms=width,
        horizon_ms=horizon_ms,
        end_ms=end_ms,
        start_ms=windows[is_seen] * width,
        liquidations=counts[is_seen].astype(np.int64),
        caused=caused[is_seen],
        liquidations_left_out=int(counts[~is_seen].sum()),
        windows_left_out=int((~is_seen).sum()),
    )


@dataclass(frozen=True)
class Volume:
    """What was traded by force and from outside, with its ratio."""

    forced: int
    exogenous: int

    @property
    def ratio(self) -> float | None:
        """Forced / exogenous; None without exogenous volume."""
        return self.forced / self.exogenous if self.exogenous else None


@dataclass(frozen=True)
class Amplification:
    """Forced against exogenous volume (G-11, G-12).

    Attributes
    ----------
    lots : dict of int to Volume
        By market number, in lots; markets with neither are left out.
    atoms : dict of int to Volume
        By quote asset, notional in its atoms.
    """

    lots: dict[int, Volume]
    atoms: dict[int, Volume]

    @property
    def ratio(self) -> float | None:
        """Forced / exogenous notional, if all of it is in one asset and some is exogenous, else None."""
        return next(iter(self.atoms.values())).ratio if len(self.atoms) == 1 else None


def exact_sum(values: NDArray[np.int64]) -> int:
    """Return the sum of numbers that are not negative, also where it passes int64."""
    return (int((values >> 31).sum()) << 31) + int((values & (2**31 - 1)).sum())


def amplification(
    *,
    market: NDArray[Any],
    qty_lots: NDArray[Any],
    notional_atoms: NDArray[Any],
    is_forced: NDArray[np.bool_],
    is_exogenous: NDArray[np.bool_],
    quote_asset: dict[int, int],
) -> Amplification:
    """Return forced / exogenous volume by market in lots, and by quote asset in atoms (G-12).

    Parameters
    ----------
    market, qty_lots, notional_atoms : array of int, shape (trades,)
        Of each trade; notional is price x lots x atoms per tick lot.
    is_forced, is_exogenous : array of bool, shape (trades,)
        Rule G-11.
    quote_asset : dict of int to int
        Of each market that has a trade.

    Notes
    -----
    Exact integers; O(trades x markets).

    Examples
    --------
    >>> import numpy as np
    >>> found = amplification(market=np.array([0, 0, 1]), qty_lots=np.array([10, 4, 6]),
    ...     notional_atoms=np.array([100, 44, 70]), is_forced=np.array([False, True, True]),
    ...     is_exogenous=np.array([True, False, False]), quote_asset={0: 0, 1: 0})
    >>> found.lots[0].ratio, found.lots[1].ratio, found.ratio
    (0.4, None, 1.14)
    """
    lots: dict[int, Volume] = {}
    sums: dict[int, tuple[int, int]] = {}
    for number in np.unique(market[is_forced | is_exogenous]).tolist():
        forced, exogenous = (market == number) & is_forced, (market == number) & is_exogenous
        lots[number] = Volume(exact_sum(qty_lots[forced]), exact_sum(qty_lots[exogenous]))
        before = sums.get(quote_asset[number], (0, 0))
        sums[quote_asset[number]] = (
            before[0] + exact_sum(notional_atoms[forced]),
            before[1] + exact_sum(notional_atoms[exogenous]),
        )
    return Amplification(lots, {asset: Volume(*pair) for asset, pair in sums.items()})


def shares_by_root(forest: Forest, amount: NDArray[np.float64]) -> dict[int, float]:
    """Return which share of an amount goes back to which root, the largest first (G-13).

    A root is a landmark without a cause. A PUBLICATION without a cause was moved by a command that answers nothing: its
    share is the background's, number 0.

    Parameters
    ----------
    forest : Forest
        Landmarks and causes.
    amount : array of float64, shape (landmarks,)
        What each landmark has of its own, not negative: of a STEP its forced volume.

    Returns
    -------
    dict of int to float
        Landmark (0 the background) to share; they sum to 1 but for rounding. Empty if there is no amount.

    Notes
    -----
    O(landmarks log depth), and a step of Python for each row of a landmark with several causes.

    Examples
    --------
    Three quarters of a step of 8 lots go back to the shock 1, one quarter to the withdrawal 2.

    >>> import numpy as np
    >>> from engine.forest import Forest, LandmarkKind as K
    >>> kinds = [K.BACKGROUND, K.SHOCK, K.WITHDRAWAL, K.PUBLICATION, K.LIQUIDATION, K.STEP]
    >>> forest = Forest(kinds, [0, 1, 2, 3, 3, 3], child=[3, 3, 4, 5], parent=[1, 2, 3, 4],
    ...     weight_ppm=[750_000, 250_000, 1_000_000, 1_000_000])
    >>> shares_by_root(forest, np.array([0, 0, 0, 0, 0, 8.0]))
    {1: 0.75, 2: 0.25}
    """
    total = float(amount.sum())
    if total <= 0:
        return {}
    held = forest.carried_to_roots(amount)
    unnamed = forest.kind == LandmarkKind.PUBLICATION
    held[BACKGROUND] += held[unnamed].sum()
    held[unnamed] = 0.0
    roots = np.flatnonzero(held > 0)
    roots = roots[np.lexsort((roots, -held[roots]))]
    return dict(zip(roots.tolist(), (held[roots] / total).tolist(), strict=True))
