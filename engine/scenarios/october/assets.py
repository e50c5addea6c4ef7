"""What is traded on the day: prices, usual depth, open interest, and which venue lists it, by size.

The named assets have figures with a source; every further altcoin is a rank in a law (`ALTS`). A scale takes the first
so many, so that an asset is the same at every scale. Figures marked U in `parameters.toml` are the law's parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BETAS", "NAMED", "Coin", "coins"]


GOLDEN = 0.6180339887498949  # its multiples spread evenly over 0 .. 1
FOLLOWING_SIGMA = 0.8  # of altcoins' buyers: unverified


@dataclass(frozen=True)
class Coin:
    """An asset of the day.

    Parameters
    ----------
    name : str
    high : float
        Highest price of the day, USD.
    price : float
        Price at 20:45, USD.
    depth : float
        Usual resting value within 1 % of the mid, a side, at the first venue's perpetual, USD.
    interest : float
        Open interest at the first venue, USD.
    kind : str
        ``major``, ``large`` or ``alt``.
    rank : int
        Place by open interest, from 1.
    """

    name: str
    high: float
    price: float
    depth: float
    interest: float
    kind: str
    rank: int

    @property
    def following(self) -> float:
        """How many buyers of its dips an altcoin has, by the usual: lognormal over ranks, the same for every seed."""
        if self.kind == "major":
            return 1.0
        return math.exp(FOLLOWING_SIGMA * NormalDist().inv_cdf((self.rank * GOLDEN) % 1.0))

    @property
    def tick(self) -> Decimal:
        """Price step: 1 to 10 bps of an altcoin's price, a tenth of that of a major's."""
        return Decimal(10) ** (Decimal(repr(self.price)).adjusted() - (4 if self.kind == "major" else 3))

    @property
    def lot(self) -> Decimal:
        """Quantity step: worth some dollars."""
        return Decimal(10) ** -Decimal(repr(self.price)).adjusted()

    @property
    def opening(self) -> Decimal:
        """Price at 20:45 on the grid of ticks."""
        return (Decimal(repr(self.price)) / self.tick).to_integral_value() * self.tick


BETAS = {"BTC": 1.0, "ETH": 1.25, "SOL": 1.5}
"""How much more than BTC the majors move with the risk factor: unverified."""

# name, high of the day, usual depth within 1 % (M USD), open interest at the first venue (M USD), kind. Highs follow
# from the lows and falls of RULEBOOK 9 rows 4 to 7; depth of five of them from section 8. The other depths, and all
# open interests but that of BTC (row 29), are unverified.
NAMED: tuple[tuple[str, float, float, float, str], ...] = (
    ("BTC", 122_550.0, 244.0, 16_000.0, "major"),
    ("ETH", 4_393.63, 116.9, 9_000.0, "major"),
    ("SOL", 224.45, 40.0, 2_600.0, "major"),
    ("XRP", 2.8378, 23.9, 1_500.0, "large"),
    ("DOGE", 0.2540, 15.9, 1_000.0, "large"),
    ("BNB", 1_278.0, 14.0, 900.0, "large"),
    ("SUI", 3.476, 8.0, 600.0, "alt"),
    ("ENA", 0.5709, 5.0, 450.0, "alt"),
    ("LINK", 22.77, 5.5, 420.0, "alt"),
    ("AVAX", 28.59, 5.0, 380.0, "alt"),
    ("AAVE", 279.96, 3.5, 260.0, "alt"),
    ("ARB", 0.4317, 2.5, 180.0, "alt"),
    ("ATOM", 4.20, 2.5, 150.0, "alt"),
)


def coins(count: int, parameters: Mapping[str, float]) -> list[Coin]:
    """Return the first `count` assets: the named ones, then ranks of the law.

    Parameters
    ----------
    count : int
        How many.
    parameters : mapping of str to float
        ``open_majors``, ``open_alts`` (price at 20:45 as a share of the day's high), ``alt_interest`` (M USD at rank
        14), ``alt_tail`` (exponent) and ``alt_depth`` (share of the open interest).
    """
    found = []
    for rank in range(1, count + 1):
        if rank <= len(NAMED):
            name, high, depth, interest, kind = NAMED[rank - 1]
        else:
            interest = parameters["alt_interest"] * (rank / (len(NAMED) + 1)) ** -parameters["alt_tail"]
            name, high, depth, kind = f"ALT{rank:04d}", 1.0, parameters["alt_depth"] * interest, "alt"
        share = {"BTC": parameters["open_btc"]}.get(name, parameters["open_majors" if kind == "major" else "open_alts"])
        found.append(Coin(name, high, _rounded(high * share), depth * 1e6, interest * 1e6, kind, rank))
    return found


def _rounded(price: float) -> float:
    return float(f"{price:.6g}")
