"""A small native world in which one account is liquidated, and what its tables say of it.

Stands on nothing; a world class is handed in. One asset, one perpetual, accounts that have more money than anything
costs, and one that has not.

Promises: both sides of every trade are booked; `run` checks every invariant after every event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LiquidationWorld", "Row"]

_SUPPLY_MAX = 2**61  # U-4
RICH = 2**56
ALL_PPM = 10**6
FUND = 1  # the insurance fund of venue 0 (V-7)
BUY, SELL = 1, -1
PLACE = 3  # JournalKind
MOMENTS = 8  # ms that a liquidation without intervals takes at most
# Kinds of the waterfall's rows.
ADL, REST, FUND_PAYS, SHARE, BAD_DEBT = 4, 5, 7, 9, 10


class Row(NamedTuple):
    """Hold a row of the waterfall table."""

    kind: int
    account: int
    counterparty: int
    qty_lots: int
    atoms: int


class LiquidationWorld:
    """Hold the world, its market and the accounts.

    Parameters
    ----------
    world_class : callable
        What makes a native world.
    atoms_per_tick_lot : int
        Of the perpetual.
    maintenance_ppm : int
        Of the perpetual.
    **policy
        Arguments of `World.set_policy`.
    """

    def __init__(
        self, world_class: Callable[..., Any], atoms_per_tick_lot: int, maintenance_ppm: int, **policy: Any
    ) -> None:
        self.world = world_class(1)
        self.asset = self.world.add_asset(_SUPPLY_MAX)
        self.market = self.world.add_perpetual(
            self.asset, atoms_per_tick_lot=atoms_per_tick_lot, maintenance_ppm=maintenance_ppm
        )
        # Where money is lost on purpose: at one tick of one lot an atom.
        self._spare = self.world.add_perpetual(self.asset, atoms_per_tick_lot=1, maintenance_ppm=0)
        self.world.record(waterfall=True)
        self.policy = policy

    def begin(self) -> None:
        """Set the policy: its accounts are there by now."""
        self.world.set_policy(0, interval_ms=1, **self.policy)

    def account(self, atoms: int = 0) -> int:
        """Open an account with a deposit."""
        account: int = self.world.add_accounts()
        if atoms:
            self.world.deposit(account, self.asset, atoms)
        return account

    def lose(self, account: int, other: int, atoms: int) -> None:
        """Move atoms from an account, which need not have them, to another: bought at 2, sold at 1."""
        if atoms:
            self.world.open_trade(self._spare, account, other, atoms, 2)
            self.world.open_trade(self._spare, other, account, atoms, 1)

    def set_balance(self, account: int, other: int, atoms: int) -> None:
        """Bring the balance of an account that has none to a number, which may be below 0."""
        if atoms > 0:
            self.world.deposit(account, self.asset, atoms)
        else:
            self.lose(account, other, -atoms)

    def opened(self, account: int, other: int, lots: int, price_ticks: int) -> None:
        """Give an account signed lots that another takes the other side of."""
        if lots:
            buyer, seller = (account, other) if lots > 0 else (other, account)
            self.world.open_trade(self.market, buyer, seller, abs(lots), price_ticks)

    def rest(self, account: int, lots: int, price_ticks: int) -> None:
        """Let an order rest: signed lots at a price."""
        side = BUY if lots > 0 else SELL
        self.world.send_order(account, self.market, side, price_ticks, abs(lots), at_ms=self.world.now_ms)
        self.world.run(self.world.now_ms + 1, check=True)

    def run(self, mark_ticks: int) -> None:
        """Publish a mark and let what follows happen."""
        self.world.publish(self.market, mark_ticks)
        self.world.run(self.world.now_ms + MOMENTS, check=True)

    # ---- what happened -----------------------------------------------------------------------------------------------

    def rows(self, *kinds: int) -> list[Row]:
        """Return the waterfall's rows of some kinds, in order."""
        table = self.world.table("waterfall")
        columns = (table[name].tolist() for name in Row._fields)
        return [row for row in map(Row._make, zip(*columns, strict=True)) if row.kind in kinds]

    def placed_ticks(self, account: int) -> list[int]:
        """Return the limits of the orders that reached the book for an account."""
        journal = self.world.table("journal")
        is_own = (journal["kind"] == PLACE) & (journal["account"] == account)
        ticks: list[int] = journal["price"][is_own].tolist()
        return ticks

    def balance(self, account: int) -> int:
        """Return an account's atoms."""
        return int(self.world.balance(account, self.asset)[0])

    def position(self, account: int) -> tuple[int, int]:
        """Return an account's lots and cost."""
        lots, cost, _ = self.world.position(account, self.market)
        return int(lots), int(cost)
