"""A world as a readable program that replays a journal: rules J-1, J-2 with U-2, U-9, U-10, L-2 .. L-12, V-1 .. V-9.

Stands on `market` (one each), `ledger`, `accruals`, `funds` and `digest`.

::

    journal row -> known and legal? -> DEPOSIT, OPEN, WRITE_OFF          -> ledger, positions
                                       PLACE -> halted? bounds? covered? within the exposure bound?
                                                   -> book -> ledger, positions, reservations, trades
                                                   -> whose orders are unfunded now? their CANCEL rows must follow
                                       CANCEL, REDUCE -> book -> reservations
                                       WITHDRAW, BORROW, REPAY, MARGIN, LEVERAGE -> funds
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
from typing import TYPE_CHECKING

from engine.errors import InvariantError
from engine.margin import AccountMode
from engine.reference.accruals import charge_interest, settle_funding
from engine.reference.commands import Command
from engine.reference.digest import DigestKind, digest_of
from engine.reference.funds import Funds
from engine.reference.journal import JOURNAL_COLUMNS, JournalKind, JournalRow, Trade
from engine.reference.ledger import Ledger, Position, SystemAccount
from engine.reference.market import EXPOSURE_MAX, NUMBER_BITS, NUMBER_MASK, Market
from engine.reference.order import Naming
from engine.reference.transfers import POSITIONS_MOVE, Holder, TransferReason, pay, transfer
from engine.reference.words import price_word
from engine.reference.world_invariants import first_broken
from engine.types import CommandKind, OrderType, RejectReason, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from engine.reference.journal import Columns
    from engine.reference.market import MarketTerms

__all__ = ["JOURNAL_COLUMNS", "JournalKind", "JournalRow", "Trade", "World"]

# P-5: ticks of a published price.
PRICE_MOST = 2**31 - 1


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
    modes : mapping of int to int, optional
        `AccountMode` by account; CROSS for who is not in it.

    Examples
    --------
    >>> from engine.reference.market import MarketTerms
    >>> world = World([1000], 5, [MarketTerms(quote_asset=0, atoms_per_tick_lot=1)])
    >>> world.apply(JournalRow(0, 0, 500, 0, 3, 0, JournalKind.DEPOSIT, 0, 0, 0))
    >>> world.apply(JournalRow(0, 4, 2, 100, 3, 0, JournalKind.OPEN, 0, 0, 0))  # account 3 buys 2 at 100 of account 4
    >>> world.markets[0].positions[4]
    Position(position_lots=-2, cost_atoms=-200)
    """

    def __init__(
        self,
        supplies: Sequence[int],
        account_count: int,
        markets: Sequence[MarketTerms],
        modes: Mapping[int, int] | None = None,
    ) -> None:
        self.ledger = Ledger(list(supplies), account_count)
        self.markets = [Market(terms, account_count) for terms in markets]
        self.funds = Funds(self.ledger, self.markets, modes or {})
        self.trades: list[Trade] = []
        self.rejects: Counter[RejectReason] = Counter()
        self.now_ms = 0
        self.backstops: set[int] = set()  # accounts that have taken positions over
        self.payers: list[int] = []  # of the last settlement of funding
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
        if (
            self.owed
            and not _follows_trades(row)
            and (row.kind != JournalKind.CANCEL or _order_of(row) not in self.owed)
        ):
            raise InvariantError("V-6: an unfunded account's orders are not cancelled right after", repr(row))
        self.now_ms = row.time_ms
        self._handler(JournalKind(row.kind))(row)

    def _handler(self, kind: JournalKind) -> Callable[[JournalRow], None]:
        """Return what applies a row of a kind."""
        return {
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
            JournalKind.REDUCE: self._reduce,
            JournalKind.TRANSFER: self._transfer,
            JournalKind.PAYMENT: self._pay,
        }.get(kind, self._move_funds)

    def _deposit(self, row: JournalRow) -> None:
        if not self.ledger.deposit(row.account, row.market, row.qty):
            raise InvariantError("U-4: a deposit passes the asset's supply", repr(row))

    def _move_funds(self, row: JournalRow) -> None:
        """Let money leave, be lent or change between a balance and a position's margin (C-6, L-11, L-12)."""
        funds, account, place, atoms, lender = self.funds, row.account, row.market, row.qty, row.number
        self._check_trader(account, row)
        if row.kind == JournalKind.WITHDRAW:
            broken = funds.withdraw(account, place, atoms)
        elif row.kind == JournalKind.BORROW:
            broken = funds.borrow(account, place, atoms, lender)
        elif row.kind == JournalKind.REPAY:
            broken = funds.repay(account, place, atoms, lender)
        elif row.kind == JournalKind.MARGIN:
            broken = funds.move_margin(account, place, atoms)
        else:
            broken = funds.choose_leverage(account, place, atoms)
        if broken is not None:
            raise InvariantError(broken, repr(row))

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
            self._check_holder(account, row)
            lots, atoms = market.exposure(account)
            if lots + row.qty > EXPOSURE_MAX or atoms + market.notional(row.qty, row.price) > EXPOSURE_MAX:
                raise InvariantError("U-10: an opening trade beyond the exposure bound", repr(row))
        self._settle_side(market, row.account, Side.BUY, row.qty, row.price, fee_ppm=0)
        self._settle_side(market, row.number, Side.SELL, row.qty, row.price, fee_ppm=0)
        self._owe_cancels(market.terms.quote_asset, (row.account, row.number))

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
        """Bring a flat account under water, or the margin of a flat position, to exactly 0 (L-10)."""
        is_paid = row.number in {market.terms.venue_accounts + SystemAccount.BAD_DEBT for market in self.markets}
        if row.side:
            if not is_paid or self.markets[row.price].terms.quote_asset != row.market:
                raise InvariantError("L-10: a write-off that no bad-debt account pays", repr(row))
            broken = self.funds.cover_margin(row.number, row.account, row.price, row.qty)
            if broken is not None:
                raise InvariantError(broken, repr(row))
            return
        balance = self.ledger.balances[row.account][row.market]
        if row.qty < 1 or balance.atoms + row.qty != max(0, balance.owed):
            raise InvariantError("L-10: a write-off does not lead to exactly 0, or to what is owed", repr(row))
        settling = [number for number, market in enumerate(self.markets) if market.terms.quote_asset == row.market]
        is_flat = not any(self.position(row.account, number)[0] for number in settling)
        if not is_flat and row.account not in self.backstops:
            raise InvariantError("L-10: a write-off for an account that is not flat", repr(row))
        if not is_paid:
            raise InvariantError("L-10: a write-off that no bad-debt account pays", repr(row))
        self.ledger.move(row.number, row.account, row.market, row.qty)

    def _transfer(self, row: JournalRow) -> None:
        """Move a position outside the book (L-14)."""
        broken = None if row.order_type in POSITIONS_MOVE else "L-14: a transfer without a reason"
        if (row.account == row.number) != (row.order_type == TransferReason.SETTLED):
            broken = "L-14: a transfer to oneself that is no settlement, or one that is"
        broken = broken or transfer(self.funds, row.market, row.account, row.number, row.side, row.qty, row.price)
        if broken is not None:
            raise InvariantError(broken, repr(row))
        if row.order_type != TransferReason.ADL:
            self.backstops.add(row.number)
        self._owe_cancels(self.markets[row.market].terms.quote_asset, (row.number,))

    def _pay(self, row: JournalRow) -> None:
        """Move money that the venue takes or gives (X-8, X-10, X-14)."""
        broken = pay(self.funds, row.account, row.number, row.market, row.qty, margin_of=row.side, number=row.price)
        if broken is not None or row.order_type not in set(TransferReason) - POSITIONS_MOVE:
            raise InvariantError(broken or "X-10: a payment without a reason", repr(row))
        if row.order_type == TransferReason.SHARE and not row.side & Holder.PAYERS:
            self._owe_cancels(row.market, (row.account,))

    def _funding(self, row: JournalRow) -> None:
        """Settle a market's funding; payers left with less than they have promised lose their orders (F-5, V-6)."""
        market = self.markets[row.market]
        self.payers = settle_funding(self.funds, market, row)
        self._owe_cancels(market.terms.quote_asset, self.payers)

    def _interest(self, row: JournalRow) -> None:
        """Charge one account interest on what it lacks of an asset (L-13)."""
        funds = {market.terms.venue_accounts + SystemAccount.INSURANCE_FUND for market in self.markets}
        charge_interest(self.ledger, row, is_lent=row.number not in funds)

    # --- orders ----------------------------------------------------------------------------------------------------

    def _place(self, row: JournalRow) -> None:
        """Check, match, settle, note what rests. On a reject nothing changes but the counts."""
        market = self.markets[row.market]
        if market.is_halted(row.time_ms):
            self.rejects[RejectReason.MARKET_HALTED] += 1
            return
        if market.terms.is_spot or row.account != market.terms.venue_accounts + SystemAccount.INSURANCE_FUND:
            # the insurance fund trades out of what it has taken over.
            (self._check_trader if market.terms.is_spot else self._check_holder)(row.account, row)
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
                maker_order=fill.maker_id & NUMBER_MASK,
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
        if fills and market.breaker is not None:
            halting = market.breaker.traded(row.time_ms, [fill.price_ticks for fill in fills])
            if halting is not None:
                self.halts(row.market, halting)
        if leaves_lots and market.terms.is_spot:
            self.ledger.reserve(row.account, *market.reservation(row.side, leaves_lots, row.price))
        elif leaves_lots:
            market.work(row.account, leaves_lots, row.price)
        if fills and not market.terms.is_spot:
            self._owe_cancels(market.terms.quote_asset, (*(fill.maker_owner for fill in fills), row.account))

    def halts(self, market: int, price_ticks: int) -> None:
        """Hear that a market's breaker halts it at a price (V-9): for those who keep landmarks."""

    def _check_trader(self, account: int, row: JournalRow) -> None:
        if any(0 <= account - market.terms.venue_accounts < len(SystemAccount) for market in self.markets):
            raise InvariantError("V-7: an account of the venue's own trades", repr(row))

    def _check_holder(self, account: int, row: JournalRow) -> None:
        self._check_trader(account, row)
        if self.funds.mode(account) is AccountMode.CASH:
            raise InvariantError("C-1: a cash account in a perpetual", repr(row))

    def _owe_cancels(self, asset: int, accounts: Sequence[int]) -> None:
        """Note the orders, on all markets, of those whom a loss left less than they have promised (V-6)."""
        unfunded = {account for account in accounts if self.ledger.free(account, asset) < 0}
        for number, other in enumerate(self.markets if unfunded else ()):
            self.owed |= {
                (order.owner, number, order.id & NUMBER_MASK)
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

    def _reduce(self, row: JournalRow) -> None:
        """Take lots off a resting order of a perpetual, which keeps its place (C-7, M-15)."""
        market = self.markets[row.market]
        command = Command(kind=CommandKind.REDUCE, naming=Naming.ORDER_ID, name=_order_id(row), qty_lots=row.qty)
        if market.terms.is_spot or market.book.refusal(command) is not RejectReason.NONE:
            raise InvariantError("C-7: the journal shortens an order that has not so much open", repr(row))
        market.work(row.account, -row.qty, market.book.resting(command).price_ticks)
        market.book.executed(command)

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
        """Book one side of a perpetual trade: position, realised PnL against clearing, fee (L-5 .. L-8, L-11)."""
        asset = market.terms.quote_asset
        position = market.positions.setdefault(account, Position())
        before_lots = position.position_lots
        realised = position.trade(sign, qty_lots, market.notional(1, price_ticks))
        market.clearing -= realised
        if self.funds.is_isolated(account):
            number = self.markets.index(market)
            self.funds.settle_isolated(account, number, realised, before_lots, price_ticks)
        else:
            self.ledger.balances[account][asset].atoms += realised
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
            if market.breaker is not None:
                yield from market.breaker.words(now_ms)
        held = {
            (account, number)
            for number, market in enumerate(self.markets)
            for account, position in market.positions.items()
            if position != Position()
        } | {place for place, atoms in self.funds.margins.items() if atoms}
        for account, number in sorted(held):
            yield from (account, number, *self.position(account, number))
            if self.funds.margins[account, number]:
                yield from (-10, self.funds.margins[account, number])

    # --- invariants ------------------------------------------------------------------------------------------------

    def check_invariants(self) -> None:
        """Walk everything and raise `InvariantError` naming the first invariant that does not hold. O(state)."""
        for market in self.markets:
            market.book.check_invariants()
        broken = first_broken(self)
        if broken is not None:
            raise InvariantError(broken)


def _order_of(row: JournalRow) -> tuple[int, int, int]:
    return row.account, row.market, row.number


def _follows_trades(row: JournalRow) -> bool:
    """Tell whether a row is part of what an order's trades do at once, before orders go (X-14)."""
    return row.kind == JournalKind.PAYMENT and row.order_type == TransferReason.CLEARANCE


def _order_id(row: JournalRow) -> int:
    return row.account << NUMBER_BITS | row.number
