"""The full scan that the risk benchmark is held against: who breaches first in which round, by plain NumPy.

Shares nothing with the engine or its reference. Everything is int64 and exact: a requirement is split at a million, so
no product passes 2^63 while notionals stay below 2^61.

Not every account is looked at in every round. An account's surplus does not rise when the price of a long falls or that
of a short rises (no rate is above 100 %, and rounding keeps the order), so at the worst price of each position within a
span of rounds it is a lower bound for the whole span: at 0 or above, the account cannot breach in it. The others are
looked at in both halves of the span, down to single rounds, where the bound is the surplus itself. Accounts that trade
within a span have no bound there and always go on to the halves.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from risk_workloads import PPM, Accounts, Trades

Array = np.ndarray[Any, Any]

CHUNK = 200_000  # accounts whose positions are unfolded at a time
NEVER = -1


class Found(NamedTuple):
    """What a scan has found."""

    round: Array  # by account: that of its breach, or NEVER
    trades: (
        Array  # rows of the trades that were made: of those offered after a round, the first between living accounts
    )


class Requirements:
    """Maintenance margin of positions by schedule: exact, rounded up."""

    def __init__(self, schedules: tuple[tuple[tuple[int, int], ...], ...]) -> None:
        tiers = max(len(table) for table in schedules)
        self.floor = np.full((len(schedules), tiers), np.iinfo(np.int64).max)
        self.rate, self.whole, self.part = (np.zeros((len(schedules), tiers), np.int64) for _ in range(3))
        for row, table in enumerate(schedules):
            due = 0  # at the floor, in millionths of an atom
            for tier, (floor, rate) in enumerate(table):
                if tier:
                    due += (floor - table[tier - 1][0]) * table[tier - 1][1]
                self.floor[row, tier], self.rate[row, tier] = floor, rate
                self.whole[row, tier], self.part[row, tier] = divmod(due, PPM)

    def of(self, schedule: Array, notional: Array) -> Array:
        """Return the requirement of each notional (atoms, below 2^61) by its schedule."""
        tier = np.zeros(len(notional), np.int64)
        rows = np.arange(len(notional))
        for above in range(1, self.floor.shape[1]):  # few are in the upper tiers
            rows = rows[notional[rows] >= self.floor[schedule[rows], above]]
            tier[rows] = above
        rate = self.rate[schedule, tier]
        millions, rest = np.divmod(notional - self.floor[schedule, tier], PPM)
        part = self.part[schedule, tier] + rest * rate
        return np.asarray(self.whole[schedule, tier] + millions * rate - (-part // PPM))


class Scan:
    """The accounts as they stand, and the rounds of marks they live through."""

    def __init__(self, accounts: Accounts, marks: Array, trades: Trades | None = None, *, per_round: int = 0) -> None:
        self.first, self.market, self.lots = accounts.first, accounts.market, accounts.lots.copy()
        self.schedule = accounts.schedule_of[accounts.market]
        self.requirements = Requirements(accounts.schedules)
        paid = np.add.reduceat(accounts.lots * accounts.marks[accounts.market], accounts.first[:-1])
        self.cash = accounts.deposit - paid  # deposit less what the positions cost
        self.marks = marks
        self.trades = trades
        self.per_round = per_round
        self.made: list[Array] = []
        self.round = np.full(accounts.total, NEVER)
        self.touched = np.zeros(accounts.total, bool)

    def run(self) -> Found:
        """Live through all rounds."""
        self._span(np.arange(len(self.cash)), 0, len(self.marks))
        return Found(self.round, np.concatenate([np.zeros(0, np.int64), *self.made]))

    def surplus(self, accounts: Array, low: Array, high: Array) -> Array:
        """Return the surplus of accounts with each long at the low and each short at the high price of its market."""
        parts = [self._surplus(accounts[at : at + CHUNK], low, high) for at in range(0, len(accounts), CHUNK)]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def _surplus(self, accounts: Array, low: Array, high: Array) -> Array:
        count = self.first[accounts + 1] - self.first[accounts]
        begin = np.cumsum(count) - count
        rows = np.arange(count.sum()) + np.repeat(self.first[accounts] - begin, count)
        lots, market = self.lots[rows], self.market[rows]
        value = lots * np.where(lots > 0, low[market], high[market])
        value -= self.requirements.of(self.schedule[rows], np.abs(value))
        return np.asarray(np.add.reduceat(value, begin) + self.cash[accounts])

    def _span(self, accounts: Array, begin: int, end: int) -> None:
        """Find the breaches of living accounts in rounds begin <= r < end.

        Invariant: all breaches and trades of earlier rounds are known, of whatever account, since spans are taken in
        order of time and none leaves out an account that can breach or trade.
        """
        marks = self.marks[begin:end]
        trades = self._offered(begin, end)
        if end - begin == 1:
            self._breach(accounts, begin)
            self._trade(trades, begin)
            return
        stays = self._trading(accounts, trades)
        rows = np.flatnonzero(~stays)
        stays[rows] = self.surplus(accounts[rows], marks.min(axis=0), marks.max(axis=0)) < 0
        accounts = accounts[stays]
        if len(accounts) == 0:
            return
        middle = (begin + end) // 2
        self._span(accounts, begin, middle)
        self._span(accounts[self.round[accounts] == NEVER], middle, end)

    def _breach(self, accounts: Array, at: int) -> None:
        """Note who is below 0 at the marks of a round."""
        self.round[accounts[self.surplus(accounts, self.marks[at], self.marks[at]) < 0]] = at

    # ---- trades ----

    def _offered(self, begin: int, end: int) -> slice:
        """Find the trades that are offered after rounds begin <= r < end."""
        if self.trades is None:
            return slice(0, 0)
        return slice(*(int(at) for at in np.searchsorted(self.trades.round, (begin, end))))

    def _trading(self, accounts: Array, trades: slice) -> Array:
        """Tell which accounts may trade."""
        if self.trades is None:
            return np.zeros(len(accounts), bool)
        parties = (self.trades.buyer[trades], self.trades.seller[trades])
        for party in parties:
            self.touched[party] = True
        found = self.touched[accounts]
        for party in parties:
            self.touched[party] = False
        return found

    def _trade(self, offered: slice, at: int) -> None:
        """Make the first `per_round` trades between living accounts, at the marks; who then breaches, breaches now."""
        if self.trades is None:
            return
        buyer, seller = self.trades.buyer[offered], self.trades.seller[offered]
        living = (self.round[buyer] == NEVER) & (self.round[seller] == NEVER)
        rows = np.flatnonzero(living)[: self.per_round] + offered.start
        self.made.append(rows)
        for row in rows.tolist():
            lots, market = int(self.trades.lots[row]), int(self.trades.market[row])
            self._book(int(self.trades.buyer[row]), market, lots, at)
            self._book(int(self.trades.seller[row]), market, -lots, at)
        parties = np.unique(np.concatenate([self.trades.buyer[rows], self.trades.seller[rows]]))
        self._breach(parties, at)

    def _book(self, account: int, market: int, lots: int, at: int) -> None:
        """Add lots to the position that an account has in a market."""
        begin, end = self.first[account], self.first[account + 1]
        row = begin + int(np.flatnonzero(self.market[begin:end] == market)[0])
        self.lots[row] += lots
        self.cash[account] -= lots * self.marks[at, market]
