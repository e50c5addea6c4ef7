"""Books that keep the positions and the money of one account against a counterparty: a native world's, or the twin's.

Stands on nothing but the reference's positions; a world is handed in.

Promises: both sides of every trade are booked, so `check` finds what does not sum up (L-2, L-7).
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from engine.reference.ledger import PPM, Position
from engine.reference.margin import Health

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.reference.margin import Holding

_SUPPLY_MAX = 2**61  # U-4
_RICH = 2**59
_NO_MARGIN = Fraction(0)


class Books(Protocol):
    """Keep an account's positions and its money in one settlement asset."""

    def market(self, atoms_per_tick_lot: int, ratio: Fraction = _NO_MARGIN) -> int:
        """Open a perpetual market with a maintenance rate and return its number."""
        ...

    def trade(self, market: int, sign: int, qty_lots: int, price_ticks: int) -> None:
        """Trade with the counterparty, without a fee."""
        ...

    def set_balance(self, atoms: int) -> None:
        """Bring the balance, which may be below 0, to a number; only once, after all trades."""
        ...

    def balance(self) -> int:
        """Return the balance, atoms."""
        ...

    def position(self, market: int) -> tuple[int, int]:
        """Return lots and cost."""
        ...

    def check(self) -> None:
        """Raise if the books do not sum up."""
        ...


class NativeBooks:
    """Keep them in a native world.

    Parameters
    ----------
    world_class : callable
        What makes a world.
    """

    def __init__(self, world_class: Callable[..., Any]) -> None:
        self.world = world_class(1)
        self.asset = self.world.add_asset(_SUPPLY_MAX)
        self.account = self.world.add_accounts()
        self.counterparty = self.world.add_accounts()
        self.world.deposit(self.counterparty, self.asset, _RICH)
        self.has_whole_rates = True  # every maintenance rate is a whole ppm, so the world's own requirement is exact
        self._spare = self.market(1)  # where money is lost on purpose

    def market(self, atoms_per_tick_lot: int, ratio: Fraction = _NO_MARGIN) -> int:
        """Open a perpetual market with a maintenance rate and return its number."""
        rate_ppm = ratio * PPM
        self.has_whole_rates &= rate_ppm.denominator == 1
        market = self.world.add_perpetual(
            self.asset, atoms_per_tick_lot=atoms_per_tick_lot, maintenance_ppm=int(rate_ppm)
        )
        return int(market)

    def trade(self, market: int, sign: int, qty_lots: int, price_ticks: int) -> None:
        """Trade with the counterparty, without a fee."""
        pair = (self.account, self.counterparty) if sign > 0 else (self.counterparty, self.account)
        self.world.open_trade(market, *pair, qty_lots, price_ticks)

    def set_balance(self, atoms: int) -> None:
        """Deposit what is missing; what is too much is lost to the counterparty, tick by tick."""
        missing = atoms - self.balance()
        if missing > 0:
            self.world.deposit(self.account, self.asset, missing)
        elif missing < 0:
            self.trade(self._spare, 1, -missing, 2)
            self.trade(self._spare, -1, -missing, 1)

    def balance(self) -> int:
        """Return the balance, atoms."""
        return int(self.world.balance(self.account, self.asset)[0])

    def position(self, market: int) -> tuple[int, int]:
        """Return lots and cost."""
        lots, cost, _ = self.world.position(self.account, market)
        return int(lots), int(cost)

    def check(self) -> None:
        """Raise if an invariant of the world does not hold."""
        self.world.check_invariants()


class ReferenceBooks:
    """Keep them with the reference's positions."""

    def __init__(self) -> None:
        self._atoms_per_tick_lot: list[int] = []
        self._positions: list[tuple[Position, Position]] = []  # the account's, the counterparty's
        self._balance = 0
        self._counterparty = 0
        self._clearing = 0

    def market(self, atoms_per_tick_lot: int, ratio: Fraction = _NO_MARGIN) -> int:
        """Open a perpetual market with a maintenance rate and return its number."""
        del ratio  # the caller's holdings carry it
        self._atoms_per_tick_lot.append(atoms_per_tick_lot)
        self._positions.append((Position(), Position()))
        return len(self._positions) - 1

    def trade(self, market: int, sign: int, qty_lots: int, price_ticks: int) -> None:
        """Trade with the counterparty, without a fee."""
        price_atoms = price_ticks * self._atoms_per_tick_lot[market]
        own, other = self._positions[market]
        realised = own.trade(sign, qty_lots, price_atoms), other.trade(-sign, qty_lots, price_atoms)
        self._balance += realised[0]
        self._counterparty += realised[1]
        self._clearing -= sum(realised)

    def set_balance(self, atoms: int) -> None:
        """Bring the balance to a number."""
        self._counterparty -= atoms - self._balance
        self._balance = atoms

    def balance(self) -> int:
        """Return the balance, atoms."""
        return self._balance

    def position(self, market: int) -> tuple[int, int]:
        """Return lots and cost."""
        own, _ = self._positions[market]
        return own.position_lots, own.cost_atoms

    def check(self) -> None:
        """Raise if lots, costs or money do not sum up (L-2, L-7)."""
        held = [position for pair in self._positions for position in pair]
        lots, cost = sum(each.position_lots for each in held), sum(each.cost_atoms for each in held)
        if lots or cost + self._clearing or self._balance + self._counterparty + self._clearing:
            raise AssertionError(f"L-2, L-7: lots {lots}, cost {cost}, clearing {self._clearing}")


def native_health(books: Books, holdings: Sequence[Holding]) -> Health | None:
    """Return what a native world itself says of the account's cross unit at the holdings' marks (C-2).

    None where it has no say: other books, a maintenance rate that is no whole ppm, no position, a mark that no market
    publishes.
    """
    marks = [holding.mark_ticks for holding in holdings]
    if not isinstance(books, NativeBooks) or not books.has_whole_rates or not marks:
        return None
    if any(mark is None or mark < 1 for mark in marks):
        return None
    # The holdings stand in the order in which the books opened their markets, the spare one before them.
    for market, mark in enumerate(marks, start=1):
        books.world.publish(market, mark)
    told = books.world.margin(books.account, asset=books.asset)
    return Health(told.equity, told.requirement)
