"""The clock of the laws: how long a unit of model time is, and what a millisecond clock costs.

Stands on numpy. One unit of model time is 10^6 ms; a gap is rounded half up to the millisecond. What a coarser clock
costs is in `clock_bias`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MS_PER_UNIT = 10**6
"""Milliseconds in one unit of model time."""

COARSE_MS_PER_UNIT = 10**3
"""A clock that is coarse enough to see what it costs."""


def to_ms(durations: NDArray[np.float64], ms_per_unit: int = MS_PER_UNIT) -> NDArray[np.int64]:
    """Round durations half up to the millisecond.

    Parameters
    ----------
    durations : array of float64, shape (n,)
        In units of model time.
    ms_per_unit : int
        The clock.

    Returns
    -------
    array of int64, shape (n,)
        Milliseconds.

    Examples
    --------
    >>> to_ms(np.array([0.0004, 0.0005, 1.0]), 1000).tolist()
    [0, 1, 1000]
    """
    return np.floor(durations * ms_per_unit + 0.5).astype(np.int64)
