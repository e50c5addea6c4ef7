"""What the venue moves outside the book: positions and money between accounts (L-14, X-8, X-10, X-11, X-14).

Stands on `funds` and `ledger`.

::

    giver     q lots, cost  ---- n lots, worth v ---->  receiver: c lots close what it held, the rest opens
    realises v - ceil(cost * n / |q|)                   realises -floor(v * c / n) - what it releases

Promises: nobody gains or loses an atom by the way a value is split; what is rounded is rounded against the account
(U-6). A value is signed like the position that moves, and may lie on the other side of 0.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING

from engine.reference.ledger import Position, ceil_div

if TYPE_CHECKING:
    from engine.reference.funds import Funds


class TransferReason(IntEnum):
    """Name why the venue moved a position, or money."""

    TAKEOVER = 1  # to the backstop
    ADL = 2  # to a candidate
    REST = 3  # to the backstop: nobody else could take it
    BALANCE = 4  # what an account had or lacked, to or from the backstop
    FUND = 5  # the insurance fund pays
    SHARE = 6  # a part of a loss that is shared
    CLEARANCE = 7  # fee to the insurance fund
    SETTLED = 8  # from a backstop to itself: a gain is realised at mark
    GAS = 9  # of an action (B-4)


POSITIONS_MOVE = {TransferReason.TAKEOVER, TransferReason.ADL, TransferReason.REST, TransferReason.SETTLED}


class Holder(IntFlag):
    """Say whose isolated margin a payment moves, instead of a balance."""

    NOBODYS = 0
    RECEIVERS = 1
    PAYERS = 2


def give(position: Position, lots: int, value: int) -> int:
    """Take lots out of a position at a value; return what is realised (L-14).

    Examples
    --------
    >>> position = Position(3, 100)  # three lots for 100 in all
    >>> give(position, 1, 50)  # a third of the cost is 33.3: 34 is released
    16
    >>> position
    Position(position_lots=2, cost_atoms=66)
    """
    held = abs(position.position_lots)
    sign = 1 if position.position_lots > 0 else -1
    released = ceil_div(position.cost_atoms * lots, held)
    position.position_lots -= sign * lots
    position.cost_atoms -= released
    return value - released


def take(position: Position, sign: int, lots: int, value: int) -> int:
    """Put lots of a sign into a position at a value, closing the other side first; return what that realises.

    Examples
    --------
    A short of two, sold at 100 each, receives three longs that are worth 271 in all: two close it at 180, and one
    lot is held for the other 91.

    >>> position = Position(-2, -200)
    >>> take(position, 1, 3, 271)
    20
    >>> position
    Position(position_lots=1, cost_atoms=91)
    """
    held = max(0, -sign * position.position_lots)
    closed = min(lots, held)
    closing = value * closed // lots
    realised = 0
    if closed:
        released = ceil_div(position.cost_atoms * closed, held)
        realised = -closing - released
        position.cost_atoms -= released
        position.position_lots += sign * closed
    position.position_lots += sign * (lots - closed)
    position.cost_atoms += value - closing
    return realised


def transfer(funds: Funds, number: int, giver: int, receiver: int, sign: int, lots: int, value: int) -> str | None:
    """Move lots of a position from one account to another at a value, without fees (L-14).

    Parameters
    ----------
    funds : Funds
        Whose ledger, markets and margins change.
    number : int
        The market.
    giver, receiver : int
        Accounts.
    sign : int
        +1 if the giver is long, -1 if it is short.
    lots : int
        How many, at most what the giver has.
    value : int
        What they are worth in this transfer, settlement atoms, signed like the position.

    Returns
    -------
    str or None
        The rule that it breaks, and then nothing has changed; None if it is done.
    """
    market = funds.markets[number]
    given = market.positions.get(giver, Position())
    if market.terms.is_spot or sign not in (1, -1) or not 1 <= lots <= sign * given.position_lots:
        return "L-14: a transfer of what the giver does not have"
    taken = market.positions.setdefault(receiver, Position())
    before = taken.position_lots
    if funds.is_isolated(receiver) and lots > -sign * before:
        return "L-14: an isolated position would be opened outside the book"
    _realise(funds, number, giver, give(given, lots, value))
    margin = funds.margins[giver, number]
    if funds.is_isolated(giver) and given.position_lots == 0 and margin > 0:
        funds.bring(giver, number, -margin)
    _realise(funds, number, receiver, take(taken, sign, lots, value))
    margin = funds.margins[receiver, number]
    if funds.is_isolated(receiver) and margin > 0:  # L-11: what is closed releases its share
        funds.bring(receiver, number, -(margin * lots // abs(before)))
    return None


def _realise(funds: Funds, number: int, account: int, atoms: int) -> None:
    market = funds.markets[number]
    market.clearing -= atoms
    if funds.is_isolated(account):
        funds.margins[account, number] += atoms
    else:
        funds.ledger.balances[account][market.terms.quote_asset].atoms += atoms


def pay(funds: Funds, payer: int, receiver: int, asset: int, atoms: int, *, margin_of: int, number: int) -> str | None:
    """Move money that the venue takes or gives.

    Parameters
    ----------
    funds : Funds
        Whose ledger and margins change.
    payer, receiver, asset, atoms : int
        Who pays whom, in what, and how much.
    margin_of : int
        A `Holder`: whose isolated margin in market `number` it is, instead of a balance.
    number : int
        That market.

    Returns
    -------
    str or None
        The rule that it breaks, and then nothing has changed; None if it is done.
    """
    if atoms < 1 or payer == receiver:
        return "X-10: a payment of nothing, or to oneself"
    if margin_of and funds.markets[number].terms.quote_asset != asset:
        return "X-10: a payment in an asset that the margin is not in"
    balances, margins = funds.ledger.balances, funds.margins
    if margin_of & Holder.PAYERS:
        margins[payer, number] -= atoms
    else:
        balances[payer][asset].atoms -= atoms
    if margin_of & Holder.RECEIVERS:
        margins[receiver, number] += atoms
    else:
        balances[receiver][asset].atoms += atoms
    return None
