"""The seed and the size of a validation run.

Stands on nothing. A quick run has fewer observations; a band that was stated for the full number widens with the
standard error, as the square root of full over quick.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Choose the seed and whether sizes are the full ones.

    Parameters
    ----------
    seed : int
        Key of every draw.
    quick : bool
        Small sizes, wider bands.
    """

    seed: int
    quick: bool = False

    def size(self, full: int, quick: int) -> int:
        """Return the number of observations to make."""
        return quick if self.quick else full

    def widening(self, full: int, quick: int) -> float:
        """Return the factor on a band that is stated for `full` observations.

        Examples
        --------
        >>> Plan(1).widening(100, 25), Plan(1, quick=True).widening(100, 25)
        (1.0, 2.0)
        """
        return math.sqrt(full / self.size(full, quick))
