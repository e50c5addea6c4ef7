"""What a world's journal holds, row by row, and what a trade is: rule J-1.

Stands on nothing.

Promises: the numbers of the kinds are those of the native journal.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple, Protocol

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
    WRITE_OFF = 7  # account; asset in `market`; atoms in `qty`; payer in `number`; isolated: side 1, market in `price`
    ORACLE = 8
    WITHDRAW = 9  # account; asset in `market`; atoms in `qty`
    BORROW = 10  # as WITHDRAW; lender in `number`
    REPAY = 11
    MARGIN = 12  # account; market; atoms in `qty` from its balance to its margin there
    INTEREST = 13  # account; asset in `market`; atoms in `qty`; rate in `price`; lender or insurance fund in `number`
    FUNDING = 14  # rate in `number`; both 0: skipped
    REDUCE = 15  # as CANCEL, of `qty` lots
    LEVERAGE = 16  # of an isolated position: account; market; 10^6 / leverage in `qty`
    TRANSFER = (
        17  # giver; receiver in `number`; market; lots in `qty`; value in `price`; sign in `side`; why in `order_type`
    )
    PAYMENT = 18  # payer; receiver in `number`; asset in `market`; atoms in `qty`; why; isolated: `Holder` in `side`
    ACTION = 19  # account; target in `market`; kind in `order_type`; atoms in `qty`; least or pool in `price` (B-9)
    ACCRUE = 20  # protocol in `market` (Y-17)
    SALE = 21  # borrower in `account`; protocol in `market`; side 1: a step begins, -1: it is settled (Y-23)
    ARRIVAL = 22  # party; route, or with side 1 issuer, in `market`; atoms in `qty` (K-4, I-4)
    POOL = 23  # account; pool in `market`; what in `order_type` (Z-17)


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
