"""A world as a readable program that replays a journal: rules J-1, J-2 with U-2, U-9, U-10, L-2 .. L-10, V-1 .. V-7.

Stands on `book` (one per market), `ledger`, `accruals` and `digest`.

::

    journal row -> known and legal? -> DEPOSIT, OPEN, WRITE_OFF          -> ledger, positions
                                       PLACE -> bounds? covered? within the exposure bound?
                                                   -> book -> ledger, positions, reservations, trades
                                                   -> whose orders are unfunded now? their CANCEL rows must follow
                                       CANCEL      -> book -> reservations
                                       INDEX, MARK, ORACLE -> published prices
                                       FUNDING, INTEREST   -> each payment worked out here -> ledger

What decides *when* a command is sent (agents, oracles, liquidation) is not here: the journal says what reached the
books and in which order, and this file says what must follow from it.

Promises: the journal of a native run leads to the same trades, balances, positions and digest, without sharing a line
with the kernels. A PLACE that the rules refuse has no effect but a count in `rejects`. A row that no lawful run can
have written (a cancel of an order that does not rest, a deposit beyond the supply, anything in the place of a CANCEL
that V-6 demands) raises `InvariantError`.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from engine.errors import InputError, InvariantError
from engine.reference.accruals import charge_interest, settle_funding
from engine.reference.book import OrderBook
from engine.reference.checks import refusal
from engine.reference.commands import Command
from engine.reference.digest import DigestKind, digest_of
from engine.reference.execution import executed
from engine.reference.ledger import Ledger, Position, SystemAccount
from engine.reference.order import Naming, Order
from engine.reference.words import book_words, price_word
from engine.types import CommandKind, OrderType, RejectReason, Side

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.records import Fill

# V-4: an order's number counts per (account, market); the book wants a name that is unique among all its orders.
_NUMBER_BITS = 32
_NUMBER_MASK = 2**_NUMBER_BITS - 1
_DEPTH_ALL = 2**31 - 1
# U-10: lots, and atoms, of one account in one perpetual.
EXPOSURE_MAX = 2**56
# P-5: ticks of a published price.
PRICE_MOST = 2**31 - 1

JOURNAL_COLUMNS = (
    "time_ms",
    "number",
    "qty",
    "price",
    "account",
    "market",
    "kind",
    "side",
    "order_type",
    "time_in_force",
)


class Columns(Protocol):
    """Be anything that gives a column of numbers by its name: a dict of lists or arrays, or a table of the engine."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the column of that name."""
        ...


class JournalKind(IntEnum):
    """Name what a journal row holds (J-1)."""

    DEPOSIT = 1  # account; asset in `market`; atoms in `qty`
    OPEN = 2  # buyer in `account`, seller in `number`
    PLACE = 3
    CANCEL = 4  # by account and number
    INDEX = 5
    MARK = 6
    WRITE_OFF = 7  # account; asset in `market`; atoms in `qty`; payer in `number`
    ORACLE = 8
    INTEREST = 13  # account; asset in `market`; atoms in `qty`; rate in `price`; lender or insurance fund in `number`
    FUNDING = 14  # rate in `number`; both 0: skipped


class JournalRow(NamedTuple):
    """Hold one row of a journal; what a kind does not use is 0."""

    time_ms: int
    number: int
    qty: int
    price: int
    account: int
    market: int
    kind: int
    side: int
    order_type: int
    time_in_force: int


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

    @property
    def is_spot(self) -> bool:
        """Tell whether base and quote change hands, instead of a position."""
        return self.base_asset is not None

    @property
    def notional_max_tick_lots(self) -> int:
        """Return the notional bound in the book's unit; at least one tick lot is always legal."""
        return max(1, self.notional_max // self.atoms_per_tick_lot)


class Trade(NamedTuple):
    """Hold one trade; `number` counts per market from 1, orders go by their number per (account, market)."""

    number: int
    maker_order: int
    taker_order: int
    price_ticks: int
    qty_lots: int
    maker_account: int
    taker_account: int
    time_ms: int
    market: int
    aggressor_side: int


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
        return book_words(self._state, id_mask=_NUMBER_MASK)


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
        self.clearing = 0  # L-6
        self.funding_pool = 0  # F-3
        self.funding_bound = 0  # F-6: no more can ever have been paid
        self.index: int | None = None
        self.mark: int | None = None
        self.oracle: int | None = None
        self.positions: dict[int, Position] = {}  # by account; L-5
        self.working_lots: Counter[int] = Counter()  # by account: lots at rest, both sides; U-10
        self.working_atoms: Counter[int] = Counter()  # their notional, each order at its own price

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


class World:
    """Replay a journal and hold the state that it leads to (J-2).

    Parameters
    ----------
    supplies : sequence of int
        Of each asset, the most atoms that may be deposited (U-4).
    account_count : int
        Accounts, the venue's three included.
    markets : sequence of MarketTerms
        The markets, in order.

    Examples
    --------
    >>> world = World([1000], 5, [MarketTerms(quote_asset=0, atoms_per_tick_lot=1)])
    >>> world.apply(JournalRow(0, 0, 500, 0, 3, 0, JournalKind.DEPOSIT, 0, 0, 0))
    >>> world.apply(JournalRow(0, 4, 2, 100, 3, 0, JournalKind.OPEN, 0, 0, 0))  # account 3 buys 2 at 100 of account 4
    >>> world.markets[0].positions[4]
    Position(position_lots=-2, cost_atoms=-200)
    """

    def __init__(self, supplies: Sequence[int], account_count: int, markets: Sequence[MarketTerms]) -> None:
        self.ledger = Ledger(list(supplies), account_count)
        self.markets = [Market(terms, account_count) for terms in markets]
        self.trades: list[Trade] = []
        self.rejects: Counter[RejectReason] = Counter()
        self.now_ms = 0
        # Orders whose CANCEL rows must come next (V-6), as (account, market, number).
        self.owed: set[tuple[int, int, int]] = set()

    # --- the journal -----------------------------------------------------------------------------------------------

    def replay(self, journal: Columns) -> None:
        """Apply every row of a journal, in order.

        Parameters
        ----------
        journal : Columns, each of shape (n,)
            Those of `JOURNAL_COLUMNS`; they are read, not kept.

        Raises
        ------
        InvariantError
            If a row cannot come from a lawful run.
        """
        columns = [[int(word) for word in journal[name]] for name in JOURNAL_COLUMNS]
        for words in zip(*columns, strict=True):
            self.apply(JournalRow(*words))

    def apply(self, row: JournalRow) -> None:
        """Apply one row of a journal."""
        if row.time_ms < self.now_ms:
            raise InvariantError("T-5: a journal row goes back in time", repr(row))
        if self.owed and (row.kind != JournalKind.CANCEL or _order_of(row) not in self.owed):
            raise InvariantError("V-6: an unfunded account's orders are not cancelled right after", repr(row))
        self.now_ms = row.time_ms
        handler = {
            JournalKind.DEPOSIT: self._deposit,
            JournalKind.OPEN: self._open,
            JournalKind.PLACE: self._place,
            JournalKind.CANCEL: self._cancel,
            JournalKind.INDEX: self._publish,
            JournalKind.MARK: self._publish,
            JournalKind.ORACLE: self._publish,
            JournalKind.WRITE_OFF: self._write_off,
            JournalKind.INTEREST: self._interest,
            JournalKind.FUNDING: self._funding,
        }[JournalKind(row.kind)]
        handler(row)

    def _deposit(self, row: JournalRow) -> None:
        if not self.ledger.deposit(row.account, row.market, row.qty):
            raise InvariantError("U-4: a deposit passes the asset's supply", repr(row))

    def _open(self, row: JournalRow) -> None:
        """Open both sides at one price, outside the book and without fees (L-9)."""
        market, terms = self.markets[row.market], self.markets[row.market].terms
        is_legal = (
            not terms.is_spot
            and row.account != row.number
            and terms.price_min <= row.price <= terms.price_max
            and 1 <= row.qty <= terms.qty_max
            and abs(row.price) * row.qty <= terms.notional_max_tick_lots
        )
        if not is_legal:
            raise InvariantError("L-9: an opening trade that the rules do not allow", repr(row))
        for account in (row.account, row.number):
            self._check_trader(account, row)
            lots, atoms = market.exposure(account)
            if lots + row.qty > EXPOSURE_MAX or atoms + market.notional(row.qty, row.price) > EXPOSURE_MAX:
                raise InvariantError("U-10: an opening trade beyond the exposure bound", repr(row))
        self._settle_side(market, row.account, Side.BUY, row.qty, row.price, fee_ppm=0)
        self._settle_side(market, row.number, Side.SELL, row.qty, row.price, fee_ppm=0)
        self._owe_cancels(market, (row.account, row.number))

    def _publish(self, row: JournalRow) -> None:
        """Set the published index, mark or oracle; there are five clocks, so nothing else moves (P-1, P-5)."""
        if not 1 <= row.price <= PRICE_MOST:
            raise InvariantError("P-5: a published price out of bounds", repr(row))
        market = self.markets[row.market]
        if row.kind == JournalKind.INDEX:
            market.index = row.price
        elif row.kind == JournalKind.ORACLE:
            market.oracle = row.price
        else:
            market.mark = row.price

    def _write_off(self, row: JournalRow) -> None:
        """Bring a flat account under water to exactly 0 from the bad-debt account (L-10)."""
        if self.ledger.balances[row.account][row.market].atoms != -row.qty or row.qty < 1:
            raise InvariantError("L-10: a write-off does not lead to exactly 0", repr(row))
        settling = [number for number, market in enumerate(self.markets) if market.terms.quote_asset == row.market]
        if any(self.position(row.account, number)[0] for number in settling):
            raise InvariantError("L-10: a write-off for an account that is not flat", repr(row))
        if row.number not in {market.terms.venue_accounts + SystemAccount.BAD_DEBT for market in self.markets}:
            raise InvariantError("L-10: a write-off that no bad-debt account pays", repr(row))
        self.ledger.move(row.number, row.account, row.market, row.qty)

    def _funding(self, row: JournalRow) -> None:
        """Settle a market's funding; payers left with less than they have promised lose their orders (F-5, V-6)."""
        market = self.markets[row.market]
        self._owe_cancels(market, settle_funding(self.ledger, market, row))

    def _interest(self, row: JournalRow) -> None:
        """Charge one account interest on what it lacks of an asset (L-13)."""
        funds = {market.terms.venue_accounts + SystemAccount.INSURANCE_FUND for market in self.markets}
        charge_interest(self.ledger, row, is_lent=row.number not in funds)

    # --- orders ----------------------------------------------------------------------------------------------------

    def _place(self, row: JournalRow) -> None:
        """Check, match, settle, note what rests. On a reject nothing changes but the counts."""
        self._check_trader(row.account, row)
        market = self.markets[row.market]
        command = Command(
            kind=CommandKind.PLACE,
            naming=Naming.ORDER_ID,
            name=_order_id(row),
            side=row.side,
            order_type=row.order_type,
            time_in_force=row.time_in_force,
            price_ticks=row.price,
            qty_lots=row.qty,
            owner=row.account,
        )
        reason = (
            market.book.refusal(command)
            or self._cover_refusal(market, command)
            or self._exposure_refusal(market, command)
        )
        if reason is not RejectReason.NONE:
            self.rejects[reason] += 1
            return
        number = market.book.trade_count
        leaves_lots, fills = market.book.executed(command)
        for fill in fills:
            number += 1
            trade = Trade(
                number=number,
                maker_order=fill.maker_id & _NUMBER_MASK,
                taker_order=row.number,
                price_ticks=fill.price_ticks,
                qty_lots=fill.qty_lots,
                maker_account=fill.maker_owner,
                taker_account=row.account,
                time_ms=row.time_ms,
                market=row.market,
                aggressor_side=row.side,
            )
            self.trades.append(trade)
            self._settle(market, trade)
        if leaves_lots and market.terms.is_spot:
            self.ledger.reserve(row.account, *market.reservation(row.side, leaves_lots, row.price))
        elif leaves_lots:
            market.work(row.account, leaves_lots, row.price)
        if fills and not market.terms.is_spot:
            self._owe_cancels(market, (*(fill.maker_owner for fill in fills), row.account))

    def _check_trader(self, account: int, row: JournalRow) -> None:
        if any(0 <= account - market.terms.venue_accounts < len(SystemAccount) for market in self.markets):
            raise InvariantError("V-7: an account of the venue's own trades", repr(row))

    def _owe_cancels(self, market: Market, accounts: Sequence[int]) -> None:
        """Note the orders, on all markets, of those whom a loss left less than they have promised (V-6)."""
        asset = market.terms.quote_asset
        unfunded = {account for account in accounts if self.ledger.free(account, asset) < 0}
        for number, other in enumerate(self.markets if unfunded else ()):
            self.owed |= {
                (order.owner, number, order.id & _NUMBER_MASK)
                for order in other.book.orders()
                if order.owner in unfunded
            }

    def _cover_refusal(self, market: Market, command: Command) -> RejectReason:
        """Check that a spot order has free what it may need (V-2); a perpetual order needs nothing."""
        if not market.terms.is_spot:
            return RejectReason.NONE
        asset, need = market.reservation(command.side, command.qty_lots, command.price_ticks)
        if command.side == Side.BUY and command.order_type == OrderType.MARKET:
            need = market.cost_to_take(command.qty_lots)
        covered = need <= self.ledger.free(command.owner, asset)
        return RejectReason.NONE if covered else RejectReason.INSUFFICIENT_FUNDS

    def _exposure_refusal(self, market: Market, command: Command) -> RejectReason:
        """Check that held, resting and ordered lots and atoms of a perpetual stay within the bound (U-10)."""
        if market.terms.is_spot or market.only_reduces(command):
            return RejectReason.NONE
        lots, atoms = market.exposure(command.owner)
        is_within = lots + command.qty_lots <= EXPOSURE_MAX and atoms + market.worth(command) <= EXPOSURE_MAX
        return RejectReason.NONE if is_within else RejectReason.NOTIONAL_OUT_OF_BOUNDS

    def _cancel(self, row: JournalRow) -> None:
        """Take a resting order off and release what it reserved (V-1)."""
        market = self.markets[row.market]
        command = Command(kind=CommandKind.CANCEL, naming=Naming.ORDER_ID, name=_order_id(row))
        if market.book.refusal(command) is not RejectReason.NONE:
            raise InvariantError("V-5: the journal cancels an order that does not rest", repr(row))
        order = market.book.resting(command)
        if market.terms.is_spot:
            asset, atoms = market.reservation(order.side, order.shown_lots, order.price_ticks)
            self.ledger.reserve(row.account, asset, -atoms)
        else:
            market.work(row.account, -order.shown_lots, order.price_ticks)
        market.book.executed(command)
        self.owed.discard(_order_of(row))

    # --- settlement ------------------------------------------------------------------------------------------------

    def _settle(self, market: Market, trade: Trade) -> None:
        """Settle one trade: base against quote, or two positions."""
        if market.terms.is_spot:
            self._settle_spot(market, trade)
            return
        terms, side, lots, price = market.terms, trade.aggressor_side, trade.qty_lots, trade.price_ticks
        market.work(trade.maker_account, -lots, price)
        self._settle_side(market, trade.maker_account, -side, lots, price, fee_ppm=terms.maker_fee_ppm)
        self._settle_side(market, trade.taker_account, side, lots, price, fee_ppm=terms.taker_fee_ppm)

    def _settle_spot(self, market: Market, trade: Trade) -> None:
        """Move base and quote, release the maker's reservation, take both fees (L-3, L-4, V-1)."""
        terms = market.terms
        taker_buys = trade.aggressor_side == Side.BUY
        buyer, seller = trade.taker_account, trade.maker_account
        buyer_fee_ppm, seller_fee_ppm = terms.taker_fee_ppm, terms.maker_fee_ppm
        if not taker_buys:
            buyer, seller = seller, buyer
            buyer_fee_ppm, seller_fee_ppm = seller_fee_ppm, buyer_fee_ppm
        # V-1: the maker promised just this; the taker's part was never reserved.
        asset, atoms = market.reservation(-trade.aggressor_side, trade.qty_lots, trade.price_ticks)
        self.ledger.reserve(trade.maker_account, asset, -atoms)
        base_asset, base_atoms = market.reservation(Side.SELL, trade.qty_lots, trade.price_ticks)
        quote_asset, quote_atoms = market.reservation(Side.BUY, trade.qty_lots, trade.price_ticks)
        self.ledger.move(seller, buyer, base_asset, base_atoms)
        self.ledger.move(buyer, seller, quote_asset, quote_atoms)
        self.ledger.pay_fee(buyer, terms.venue_accounts, base_asset, base_atoms, buyer_fee_ppm)
        self.ledger.pay_fee(seller, terms.venue_accounts, quote_asset, quote_atoms, seller_fee_ppm)

    def _settle_side(
        self, market: Market, account: int, sign: int, qty_lots: int, price_ticks: int, *, fee_ppm: int
    ) -> None:
        """Book one side of a perpetual trade: position, realised PnL against clearing, fee (L-5 .. L-8)."""
        asset = market.terms.quote_asset
        position = market.positions.setdefault(account, Position())
        realised = position.trade(sign, qty_lots, market.notional(1, price_ticks))
        self.ledger.balances[account][asset].atoms += realised
        market.clearing -= realised
        self.ledger.pay_fee(
            account, market.terms.venue_accounts, asset, market.notional(qty_lots, price_ticks), fee_ppm
        )

    # --- views -----------------------------------------------------------------------------------------------------

    def balance(self, account: int, asset: int) -> tuple[int, int]:
        """Return (atoms, reserved)."""
        balance = self.ledger.balances[account][asset]
        return balance.atoms, balance.reserved

    def position(self, account: int, market: int) -> tuple[int, int]:
        """Return (position_lots, cost_atoms)."""
        position = self.markets[market].positions.get(account, Position())
        return position.position_lots, position.cost_atoms

    def digest(self, now_ms: int | None = None) -> int:
        """Return the digest of the state (J-4). O(state).

        Parameters
        ----------
        now_ms : int, optional
            Until when the run went; left out, the time of the last row.
        """
        return digest_of(DigestKind.WORLD, self._words(self.now_ms if now_ms is None else now_ms))

    def _words(self, now_ms: int) -> Iterator[int]:
        yield now_ms
        yield from self.ledger.net_deposits
        for row in self.ledger.balances:
            for balance in row:
                yield from (balance.atoms, balance.reserved)
                if balance.owed:
                    yield from (-8, balance.owed)
        for market in self.markets:
            yield market.clearing
            yield from map(price_word, (market.book.last_price, market.index, market.mark))
            yield from (market.book.trade_count, market.book.digest())
            if market.oracle is not None:
                yield from (-7, market.oracle)
            if market.funding_pool:
                yield from (-9, market.funding_pool)
        held = {
            (account, number)
            for number, market in enumerate(self.markets)
            for account, position in market.positions.items()
            if position != Position()
        }
        for account, number in sorted(held):
            yield from (account, number, *self.position(account, number))

    # --- invariants ------------------------------------------------------------------------------------------------

    def check_invariants(self) -> None:
        """Walk everything and raise `InvariantError` naming the first invariant that does not hold. O(state)."""
        for market in self.markets:
            market.book.check_invariants()
        broken = (
            self._positions_broken() or self._balances_broken() or self._reserved_broken() or self._exposure_broken()
        )
        if broken is not None:
            raise InvariantError(broken)

    def _positions_broken(self) -> str | None:
        for number, market in enumerate(self.markets):
            if sum(position.position_lots for position in market.positions.values()) != 0:
                return f"L-7: the positions of market {number} do not sum to 0"
            if market.clearing + sum(position.cost_atoms for position in market.positions.values()) != 0:
                return f"L-7: clearing and costs of market {number} do not sum to 0"
        return None

    def _balances_broken(self) -> str | None:
        for asset, deposits in enumerate(self.ledger.net_deposits):
            settling = [market for market in self.markets if market.terms.quote_asset == asset]
            clearing = sum(market.clearing + market.funding_pool for market in settling)
            if self.ledger.total(asset) + clearing != deposits:
                return (
                    f"L-2: the balances of asset {asset}, clearing and funding pools in it do not sum to its deposits"
                )
            if sum(row[asset].owed for row in self.ledger.balances) != 0:
                return f"L-13: what is owed of asset {asset} is not what is lent"
        return None

    def _exposure_broken(self) -> str | None:
        if self.owed:
            return f"V-6: orders of unfunded accounts still rest: {sorted(self.owed)}"
        for number, market in enumerate(self.markets):
            lots: Counter[int] = Counter()
            atoms: Counter[int] = Counter()
            for order in () if market.terms.is_spot else market.book.orders():
                lots[order.owner] += order.leaves_lots
                atoms[order.owner] += market.notional(order.leaves_lots, order.price_ticks)
            if lots != market.working_lots or atoms != market.working_atoms:
                return f"U-10: the working lots or atoms of market {number} are not those of its orders"
            for account in lots.keys() | market.positions.keys():
                if max(market.exposure(account)) > EXPOSURE_MAX:
                    return f"U-10: account {account} is beyond the exposure bound of market {number}"
        return None

    def _reserved_broken(self) -> str | None:
        reserved: Counter[tuple[int, int]] = Counter()
        for market in self.markets:
            for order in market.book.orders() if market.terms.is_spot else ():
                asset, atoms = market.reservation(order.side, order.leaves_lots, order.price_ticks)
                reserved[order.owner, asset] += atoms
        for account, row in enumerate(self.ledger.balances):
            for asset, balance in enumerate(row):
                if balance.reserved != reserved[account, asset]:
                    promised = reserved[account, asset]
                    return f"V-1: account {account}, asset {asset}: {balance.reserved} reserved, orders hold {promised}"
        return None


def _order_of(row: JournalRow) -> tuple[int, int, int]:
    return row.account, row.market, row.number


def _order_id(row: JournalRow) -> int:
    return row.account << _NUMBER_BITS | row.number
