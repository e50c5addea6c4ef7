"""A native world with a waterfall beside the reference that decides for itself (section X).

Stands on `worlds` and `engine.reference.waterfall`.

::

    native: run, check=True -> journal, landmarks, digest
    inputs of that journal  -> reference: decides, demands the other rows -> landmarks, digest        compared

Promises: both sides are compared after every run, and the reference looks at its invariants after every row and every
event. A difference comes back in words, with the millisecond.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InvariantError
from engine.margin import AccountMode, Ladder
from engine.reference.journal import JournalKind, JournalRow
from engine.reference.transfers import TransferReason
from engine.reference.units import Collateral
from engine.reference.waterfall import Landmark, WaterfallWorld
from engine.reference.world import JOURNAL_COLUMNS
from engine.reference.world_invariants import first_broken
from engine.testing.worlds import TwinWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.reference.policy import Policy

# Landmarks that are compared, by their native numbers (G-1); publications and what agents do are not decided here.
TOLD = {
    5: "LIQUIDATION",
    6: "STEP",
    7: "BAD_DEBT",
    8: "MARGIN_STATE",
    9: "TAKEOVER",
    10: "ADL",
    11: "SHARED_LOSS",
    14: "HALT",
}


class WatchedWorld(WaterfallWorld):
    """Be the deciding reference, and look at its invariants after every row."""

    def apply(self, row: JournalRow) -> None:
        """Apply a row; nothing that must always hold may be broken by it."""
        before = self.position(row.account, row.market)[0] if row.kind == JournalKind.PLACE else 0
        super().apply(row)
        if self.owed:
            return
        broken = first_broken(self)
        is_paid = row.kind == JournalKind.PAYMENT and row.order_type == TransferReason.FUND
        if is_paid and self.ledger.balances[row.account][row.market].atoms < 0:
            broken = "X-10: the fund pays what it does not have"
        after = self.position(row.account, row.market)[0] if row.kind == JournalKind.PLACE else 0
        if broken is None and before * after < 0 and self.is_frozen(row.account, row.market):
            broken = "X-5: a step has flipped a position"
        if broken is not None:
            raise InvariantError(broken, repr(row))

    def after_event(self) -> None:
        """Look at what may be broken between the rows of an event, but not after it.

        The fund may stand below 0 where it is the backstop and has positions: until it is looked at (X-9).
        """
        for asset, balance in enumerate(self.ledger.balances[self.fund]):
            if balance.atoms < 0 and self.units.is_flat_in(self.fund, asset):
                raise InvariantError("X-10: the insurance fund is below 0", f"{self.now_ms} ms, phase {self.phase}")


class WaterfallTwin(TwinWorld):
    """Be a world at one venue with a policy, and its deciding reference beside it.

    Parameters
    ----------
    seed : int
        Key of every draw.
    policy : Policy
        The venue's.
    ladder : Ladder, optional
        The venue's.
    """

    def __init__(self, seed: int, policy: Policy, ladder: Ladder | None = None) -> None:
        super().__init__(seed)
        self.seed = seed
        self.policy = policy
        self.ladder = ladder or Ladder()
        self.collateral: dict[int, Collateral] = {}
        self.reference: WaterfallWorld | None = None
        self.rows_done = 0
        self.has_run = False  # the native side is ahead of the reference
        self.landmarks_done = 1  # the background
        self.reached: Counter[str] = Counter()  # what has happened, by name
        rows = [(int(b.action), b.ratio_ppm, bool(b.comparator)) for b in self.ladder.boundaries]
        self.native.set_ladder(0, rows)

    def perpetual(self, settle: int, **options: Any) -> int:
        """Open a perpetual with schedules by their numbers."""
        market = super().perpetual(settle, **options)
        self.terms[market] = self.terms[market]._replace(
            maintenance=self.schedules[options["maintenance"]], stale_ms=options.get("price_stale_ms", 0)
        )
        return market

    def count(
        self, asset: int, market: int | None, value: int | None, loan_ppm: int, lender: int | None, loan_rate_ppb: int
    ) -> None:
        """Let an asset count in unified accounts (C-3)."""
        rate = {"loan_rate_ppb": loan_rate_ppb, "loan_every_ms": 25}
        self.native.add_collateral(0, asset, market=market, value=value, loan_ppm=loan_ppm, lender=lender, **rate)
        schedule = None if value is None else self.schedules[value]
        self.collateral[asset] = Collateral(market, schedule, loan_ppm, lender)

    def begin(self) -> None:
        """End the declarations: the policy is told, and the reference is made."""
        self.native.set_policy(0, **asdict(self.policy))
        self.reference = WatchedWorld(
            self.supplies,
            self.native.account_count,
            self.terms,
            self.modes,
            policy=self.policy,
            ladder=self.ladder,
            collateral=self.collateral,
            seed=self.seed,
        )
        self.outside()

    # --- following ---------------------------------------------------------------------------------------------------

    def _new_rows(self) -> Iterator[JournalRow]:
        journal = self.native.journal()
        columns = [journal[name][self.rows_done :].tolist() for name in JOURNAL_COLUMNS]
        self.rows_done = len(journal)
        return (JournalRow(*map(int, words)) for words in zip(*columns, strict=True))

    def outside(self) -> None:
        """Let the reference hear what was done from outside since the last run."""
        assert self.reference is not None
        self.reference.outside(self._new_rows())

    def mark_round(self, ticks: dict[int, int]) -> None:
        """Publish marks in phase 2 of the next millisecond; it is run to its end, and `run` must follow."""
        if callable(self.policy.adl):  # `mark_rounds` asks no Python function: they come in the present millisecond
            for market, price in ticks.items():
                self.native.publish(market, price)
            return
        self.outside()
        self.has_run = True
        times = np.full(len(ticks), self.native.now_ms + 1, "int64")
        self.native.mark_rounds(times, np.array(list(ticks), "uint16"), np.array(list(ticks.values()), "int64"))

    def run(self, until_ms: int) -> list[str]:
        """Run both sides; return the differences, in words."""
        reference = self.reference
        assert reference is not None
        if not self.has_run:
            self.outside()
        self.has_run = False
        self.native.run(until_ms, check=True)
        told = self._landmarks()
        reference.named.extend(
            (mark.account, mark.kind, mark.market) for mark in told if mark.kind in ("LIQUIDATION", "MARGIN_STATE")
        )
        before = len(reference.landmarks)
        rows = list(self._new_rows())
        self._note_reached(rows, told)
        try:
            reference.run(until_ms, rows)
            out_of_order(reference, rows)
        except InvariantError as error:
            return [f"{reference.now_ms} ms: {error}"]
        found = []
        if reference.landmarks[before:] != told:
            pairs = [pair for pair in zip(told, reference.landmarks[before:], strict=False) if pair[0] != pair[1]]
            counts = f"{len(told)} and {len(reference.landmarks) - before}"
            found.append(f"{until_ms} ms: landmarks, {counts}; (native, reference): {pairs[:1]}")
        if self.native.digest() != reference.digest(self.native.now_ms):
            found += [f"{until_ms} ms: digest", *self._state_differences()]
        if self.trades() != reference.trades:
            found.append(f"{until_ms} ms: trades")
        return found

    def _note_reached(self, rows: list[JournalRow], told: list[Landmark]) -> None:
        """Count what happened, and to accounts of which mode."""

        def mode(account: int) -> str:
            return "BACKSTOP" if account in (1, self.policy.backstop) else AccountMode(self.modes.get(account, 2)).name

        for row in rows:
            if row.kind in (JournalKind.TRANSFER, JournalKind.PAYMENT):
                whose = row.account if row.kind == JournalKind.TRANSFER else row.number
                whose = row.account if row.order_type == TransferReason.CLEARANCE else whose
                self.reached[f"{TransferReason(row.order_type).name} {mode(whose)}"] += 1
            elif row.kind in (JournalKind.WRITE_OFF, JournalKind.REPAY):
                self.reached[f"{JournalKind(row.kind).name} {mode(row.account)}"] += 1
        for mark in told:
            kind = "SALE" if mark.kind == "STEP" and self.terms[mark.market].is_spot else mark.kind
            self.reached[f"{kind} {mode(mark.account)}"] += 1

    def _landmarks(self) -> list[Landmark]:
        table = self.native.landmarks()
        names = ("time_ms", "kind", "market", "account", "value")
        columns = [table[name][self.landmarks_done :].tolist() for name in names]
        self.landmarks_done = len(table)
        rows = zip(*columns, strict=True)
        return [Landmark(time, TOLD[kind], *rest) for time, kind, *rest in rows if kind in TOLD]

    def _state_differences(self) -> list[str]:
        found, reference = [], self.reference
        assert reference is not None
        for account in range(self.native.account_count):
            for asset in range(len(self.supplies)):
                pair = self.native.balance(account, asset), reference.balance(account, asset)
                if pair[0] != pair[1]:
                    found.append(f"balance {account}/{asset}: native {pair[0]}, reference {pair[1]}")
            for market in range(len(self.terms)):
                held = tuple(self.native.position(account, market)[:2]), reference.position(account, market)
                if held[0] != held[1]:
                    found.append(f"position {account}/{market}: native {held[0]}, reference {held[1]}")
        return found


def out_of_order(world: WaterfallWorld, rows: list[JournalRow]) -> None:
    """Demand that a loss goes to the fund first, then to ADL, then to those who share it, then to bad debt (X-10).

    Raises
    ------
    InvariantError
        An account that is not unified has a row of it that comes too late in its millisecond.
    """
    rank = {TransferReason.FUND: 1, TransferReason.ADL: 2, TransferReason.REST: 2, TransferReason.SHARE: 3}
    reached: dict[tuple[int, int], int] = {}
    for row in rows:
        if row.kind == JournalKind.WRITE_OFF:
            account, place = row.account, 4
        elif row.kind in (JournalKind.TRANSFER, JournalKind.PAYMENT) and row.order_type in rank:
            place = rank[TransferReason(row.order_type)]
            account = row.account if row.kind == JournalKind.TRANSFER else row.number
        else:
            continue
        key = (row.time_ms, account)
        is_cross = world.funds.mode(account) is AccountMode.CROSS and account != world.backstop
        if is_cross and place < reached.get(key, 0):
            raise InvariantError("X-10: the fund, ADL, sharing and bad debt are out of order", repr(row))
        reached[key] = place
