"""One market of a world: terms, book, published prices and who has what in it (U-2, U-5, U-9, U-10, V-1, V-2).

Stands on `book` and `ledger`.

Promises: amounts are exact; the book's order ids are the world's, and its digest shows an order's number (V-4).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import InputError
from engine.reference.book import OrderBook
from engine.reference.breaker import Breaker
from engine.reference.checks import refusal
from engine.reference.execution import executed
from engine.reference.ledger import Position
from engine.reference.words import book_words
from engine.types import OrderType, RejectReason, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.records import Fill
    from engine.reference.breaker import BreakerTerms
    from engine.reference.commands import Command
    from engine.reference.margin import Requirement
    from engine.reference.order import Order
    from engine.reference.schedule import Schedule

# V-4: an order's number counts per (account, market); the book wants a name that is unique among all its orders.
NUMBER_BITS = 32
NUMBER_MASK = 2**NUMBER_BITS - 1
# U-10: lots, and atoms, of one account in one perpetual.
EXPOSURE_MAX = 2**56
_DEPTH_ALL = 2**31 - 1


class MarketTerms(NamedTuple):
    """Declare a market (U-2, U-5); `base_asset` None makes it a perpetual that settles in `quote_asset`.

    Unlike a lone book's, `notional_max` is in quote atoms: price x lots x atoms_per_tick_lot.
    """

    quote_asset: int
    atoms_per_tick_lot: int
    base_asset: int | None = None
    base_atoms_per_lot: int = 1
    price_min: int = 1
    price_max: int = 2**31 - 1
    qty_max: int = 2**61
    notional_max: int = 2**61
    maker_fee_ppm: int = 0
    taker_fee_ppm: int = 0
    venue_accounts: int = 0  # first of its venue's own: fees, insurance fund, bad debt (V-7)
    initial: Requirement | None = None  # schedule of the initial requirement (C-6, L-11)
    maintenance: Schedule | None = None  # schedule of the maintenance requirement (C-2), where margin is tested
    stale_ms: int = 0  # a mark older than this is stale (C-5); 0 never
    breaker: BreakerTerms | None = None  # V-9

    @property
    def is_spot(self) -> bool:
        """Tell whether base and quote change hands, instead of a position."""
        return self.base_asset is not None

    @property
    def notional_max_tick_lots(self) -> int:
        """Return the notional bound in the book's unit; at least one tick lot is always legal."""
        return max(1, self.notional_max // self.atoms_per_tick_lot)


class MarketBook(OrderBook):
    """Be the book of a world's market: an order's id word in the digest is its number (V-4), its owner the account."""

    def refusal(self, command: Command) -> RejectReason:
        """Return the first reason of M-10 to refuse a command, changing nothing."""
        return refusal(self._state, command)

    def executed(self, command: Command) -> tuple[int, list[Fill]]:
        """Run a command that `refusal` has passed; return the lots that rest now, and the fills."""
        result = executed(self._state, command)
        return result.leaves_lots, self.last_fills()

    def resting(self, command: Command) -> Order:
        """Return the order that a cancel which `refusal` has passed will take off."""
        return self._state.names.order(command.naming, command.name)

    def _words(self) -> Iterator[int]:
        return book_words(self._state, id_mask=NUMBER_MASK)


class Market:
    """Hold one market: its terms, book, published prices and, if it is a perpetual, clearing and positions.

    Parameters
    ----------
    terms : MarketTerms
        Its declaration.
    account_count : int
        Accounts of the world.
    """

    def __init__(self, terms: MarketTerms, account_count: int) -> None:
        price_least = 0 if terms.is_spot else 1
        if terms.price_min < price_least:
            raise InputError("price_min", f"at least {price_least} (U-9)", terms.price_min)
        self.terms = terms
        self.book = MarketBook(
            owners=account_count,
            price_min=terms.price_min,
            price_max=terms.price_max,
            qty_max=terms.qty_max,
            notional_max=terms.notional_max_tick_lots,
        )
        self.breaker = None if terms.breaker is None else Breaker(terms.breaker)
        self.clearing = 0  # L-6
        self.funding_pool = 0  # F-3
        self.funding_bound = 0  # F-6: no more can ever have been paid
        self.index: int | None = None
        self.mark: int | None = None
        self.oracle: int | None = None
        self.positions: dict[int, Position] = {}  # by account; L-5
        self.working_lots: Counter[int] = Counter()  # by account: lots at rest, both sides; U-10
        self.working_atoms: Counter[int] = Counter()  # their notional, each order at its own price

    def is_halted(self, now_ms: int) -> bool:
        """Tell whether the breaker refuses orders (V-9)."""
        return self.breaker is not None and self.breaker.is_halted(now_ms)

    def notional(self, qty_lots: int, price_ticks: int) -> int:
        """Return what lots are worth at a price, quote atoms (U-5)."""
        return qty_lots * price_ticks * self.terms.atoms_per_tick_lot

    def work(self, account: int, qty_lots: int, price_ticks: int) -> None:
        """Count lots that come to rest, or below 0 that stop resting (U-10)."""
        self.working_lots[account] += qty_lots
        self.working_atoms[account] += self.notional(qty_lots, price_ticks)

    def exposure(self, account: int) -> tuple[int, int]:
        """Return (lots, atoms) of an account, held and at rest: |position| and |cost| count (U-10)."""
        position = self.positions.get(account, Position())
        return (
            abs(position.position_lots) + self.working_lots[account],
            abs(position.cost_atoms) + self.working_atoms[account],
        )

    def worth(self, command: Command) -> int:
        """Return the most atoms that an order can add to a cost (U-10).

        A buy counts at its limit, a market buy for its exact cost, a sell at the higher of its limit and the best bid.
        """
        is_market = command.order_type == OrderType.MARKET
        if is_market and command.side == Side.BUY:
            return self.cost_to_take(command.qty_lots)
        limit = 0 if is_market else command.price_ticks
        if command.side == Side.SELL:
            limit = max(limit, self.book.best_bid or 0)
        return self.notional(command.qty_lots, limit)

    def only_reduces(self, command: Command) -> bool:
        """Tell whether an order is a market order that only makes the position smaller (U-10)."""
        held = self.positions.get(command.owner, Position()).position_lots
        is_market = command.order_type == OrderType.MARKET
        return is_market and held * command.side < 0 and command.qty_lots <= abs(held)

    def reservation(self, side: int, qty_lots: int, price_ticks: int) -> tuple[int, int]:
        """Return (asset, atoms) that a spot order of this size reserves while it rests (V-1)."""
        base_asset = self.terms.base_asset
        assert base_asset is not None
        if side == Side.BUY:
            return self.terms.quote_asset, self.notional(qty_lots, price_ticks)
        return base_asset, qty_lots * self.terms.base_atoms_per_lot

    def cost_to_take(self, qty_lots: int) -> int:
        """Return the exact cost of the lots that a market buy would take from the book as it stands (V-2)."""
        cost = 0
        for price_ticks, level_lots in self.book.depth(_DEPTH_ALL)[1]:
            taken_lots = min(qty_lots, level_lots)
            cost += self.notional(taken_lots, price_ticks)
            qty_lots -= taken_lots
        return cost
