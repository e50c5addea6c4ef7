"""View: a part that has run, as the page looks at it: names, clock, windows, and which markets are shown.

Stands on `engine.part` and `engine.lineage`. Reads only; each table is passed over piece by piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InputError
from engine.lineage import LandmarkKind, Lineage
from engine.report.series import blocks
from engine.scenarios import story_of
from engine.tables import NO_PRICE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from engine._core import ColumnTable
    from engine.part import Part
    from engine.simulation import Market, Simulation

__all__ = ["Fall", "View"]

MARKETS_SHOWN = 8
MARKETS_SHOWN_MAX = 24
POINTS = 5_000  # columns of pixels of all markets together; with four rows each, and seven lines, some 2 MB
COLUMNS = 900  # of one chart
WINDOWS_MS = {
    100: "100 ms",
    1_000: "second",
    10_000: "10 s",
    60_000: "minute",
    600_000: "10 min",
    3_600_000: "hour",
    86_400_000: "day",
}
WINDOWS_MIN = 60  # in a run: one of ten minutes is told by 10 s, one of an hour or more by the minute


@dataclass(frozen=True)
class Fall:
    """How far a market fell, ticks: its first price, its lowest with the time, its last."""

    market: Market
    first: int
    low: int
    low_ms: int
    last: int

    @property
    def share(self) -> float:
        """1 - lowest / first; 0 where the first price is not positive."""
        return 1 - self.low / self.first if self.first > 0 else 0.0


class View:
    """What the page knows of a part.

    Parameters
    ----------
    part : Part
        It has run, and does not run on.
    story : str or None
        Of a shipped scenario: its module may name further markets, ``REPORT_MARKETS``.
    markets : sequence of str, optional
        Which markets to show; else the story's and those that fell furthest.
    venues : sequence of str
        Names of the scenario's venues: its first is venue 0, which has no name in the world.

    Raises
    ------
    InputError
        There is no such market, or too many are asked for.
    """

    def __init__(
        self,
        part: Part,
        story: str | None = None,
        markets: Sequence[str] | None = None,
        venues: Sequence[str] = (),
    ) -> None:
        self.part = part
        self._said_venues = venues
        self.simulation: Simulation = part.simulation
        self.world = part.simulation.world
        self.story = story_of(story)
        self.end_ms = max(self.world.now_ms, 1)
        plan = self.simulation.plan
        self.start: datetime | None = None if plan is None else plan.start
        self.by_number = {market.number: market for market in self.simulation.markets.values()}
        self.markets = self._asked(markets) if markets is not None else self._chosen()
        self.columns = max(50, min(COLUMNS, POINTS // max(1, len(self.markets))))

    def _asked(self, names: Sequence[str]) -> list[Market]:
        known = self.simulation.markets
        for name in names:
            if name not in known:
                raise InputError("markets", f"some of {', '.join(list(known)[:20])}", name)
        if not 0 < len(dict.fromkeys(names)) <= MARKETS_SHOWN_MAX:
            raise InputError("markets", f"1 to {MARKETS_SHOWN_MAX} markets", len(dict.fromkeys(names)))
        return [known[name] for name in dict.fromkeys(names)]

    def _chosen(self) -> list[Market]:
        """Return the story's markets, then those that fell furthest."""
        known = self.simulation.markets
        told = [name for name in getattr(self.story, "REPORT_MARKETS", ()) if name in known][:MARKETS_SHOWN_MAX]
        first = [known[name] for name in told] or [self.part.market]
        furthest = sorted(self.falls, key=lambda fall: (-fall.share, fall.market.number))
        rest = [*(fall.market for fall in furthest), *known.values()]
        chosen = list({market.number: market for market in (*first, *rest)}.values())
        return chosen[: max(MARKETS_SHOWN, len(first))]

    # ---- names and times ----

    @property
    def start_ms(self) -> int | None:
        """The start as ms since 1970 UTC; None of a simulation without a clock."""
        return None if self.start is None else round(self.start.timestamp() * 1000)

    def clock(self, time_ms: int) -> str:
        """Return a time of the run for people: by the clock in UTC, else since the start.

        Without a clock ``61.250 s``, with one ``21:19:01.250``.
        """
        if self.start is None:
            return f"{time_ms / 1000:.3f} s"
        moment = self.start + timedelta(milliseconds=time_ms)
        return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"

    def account(self, number: int) -> str:
        """Return an account's name; of venue 0's own ones with the venue's, where there are several."""
        name = self.simulation.accounts.get(number, f"account {number}")
        return f"{name} of {self.venue(0)}" if number <= 2 and len(self.simulation.venues) > 1 else name

    def venue(self, number: int) -> str:
        """Return a venue's name."""
        known = self.simulation.venues
        if known[number]:
            return known[number]
        unnamed = [name for name in self._said_venues if name not in known]
        return unnamed[0] if len(unnamed) == 1 else "the first venue" if len(known) > 1 else "the venue"

    def is_recorded(self, table: str) -> bool:
        """Tell whether a table is recorded, or has rows."""
        return table in self.simulation.tables.names

    # ---- windows ----

    @cached_property
    def width_ms(self) -> int:
        """Width of the windows of bars, ms: the widest of which a run has at least `WINDOWS_MIN`."""
        return max((width for width in WINDOWS_MS if width * WINDOWS_MIN <= self.end_ms), default=min(WINDOWS_MS))

    @property
    def window(self) -> str:
        """The same for people."""
        return WINDOWS_MS[self.width_ms]

    # ---- what happened ----

    @cached_property
    def lineage(self) -> Lineage:
        """Landmarks and causes."""
        return Lineage(self.simulation)

    @cached_property
    def _kinds(self) -> NDArray[Any]:
        kinds: NDArray[Any] = self.lineage.landmarks["kind"]
        return kinds

    def rows_of(self, kind: LandmarkKind) -> NDArray[np.int64]:
        """Return the landmarks of a kind."""
        return np.flatnonzero(self._kinds == int(kind))

    def times_of(self, kind: LandmarkKind) -> NDArray[Any]:
        """Return when the landmarks of a kind came to be, ms."""
        times: NDArray[Any] = self.lineage.landmarks["time_ms"][self.rows_of(kind)]
        return times

    @cached_property
    def falls(self) -> list[Fall]:
        """How far each market fell, by number; those without a price are left out. O(rows)."""
        return _falls(self, *self._last_prices())

    def _last_prices(self) -> tuple[str, str]:
        """Return the table and the column that tell last prices; none of them may be recorded."""
        if self.is_recorded("trades"):
            return "trades", "price_ticks"
        return ("samples", "last") if self.is_recorded("samples") else ("prices", "price_ticks")

    @property
    def falls_by(self) -> str:
        """What the falls are read from, for people."""
        names = {"trades": "its trades", "samples": "the last price at each sample", "prices": "its published prices"}
        return names[self._last_prices()[0]]


def _falls(view: View, table: str, column: str) -> list[Fall]:
    """Pass over the rows with one place for each market: once for the prices, once for the time of the lowest."""
    size = max(view.by_number, default=0) + 1
    first, low, last = np.full(size, NO_PRICE), np.full(size, NO_PRICE), np.full(size, NO_PRICE)
    rows = view.world.table(table)
    for market, price in _priced(rows, "market", column):
        new = np.flatnonzero(first[market] == NO_PRICE)[::-1]
        first[market[new]] = price[new]  # of equal places the last written stays: the earliest row
        last[market] = price
        np.minimum.at(low, market, price)
    low_ms = np.full(size, -1)
    for market, price, time_ms in _priced(rows, "market", column, "time_ms"):
        hits = np.flatnonzero(price == low[market])
        hits = hits[low_ms[market[hits]] < 0][::-1]
        low_ms[market[hits]] = time_ms[hits]
    found = []
    for number, each in view.by_number.items():
        if first[number] != NO_PRICE:
            numbers = (int(column[number]) for column in (first, low, low_ms, last))
            found.append(Fall(each, *numbers))
    return found


def _priced(rows: ColumnTable, *names: str) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield the rows that have a price, the second of the columns, piece by piece."""
    for columns in blocks(rows, *names):
        known = columns[1] != NO_PRICE
        wide = (columns[0], columns[1].astype(np.int64), *columns[2:])
        yield wide if known.all() else tuple(each[known] for each in wide)
