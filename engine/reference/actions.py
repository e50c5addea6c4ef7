"""Actions: commands to what is no book, why they are refused, and what they cost: rules B-1, B-4, B-6, B-9.

Stands on nothing.

::

    journal row ACTION -> Action -> done: Outcome(paid, got)      refused: Outcome(reason), only interest has changed

Promises: the numbers are those of the rules, of the journal and of the actions table.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from engine.reference.journal import JournalRow

ALL = 2**61  # atoms: the whole claim, or all that is owed (Y-18)
REFUSED_BY_POOL = 32  # and what Z-2 says
_WORD = 2**16


class ActionKind(IntEnum):
    """Name what an action does (B-1)."""

    SUPPLY = 1
    WITHDRAW = 2
    BORROW = 3
    REPAY = 4
    MODE = 5
    LIQUIDATE = 6
    FLASH_LIQUIDATE = 7
    ABSORB = 8
    BUY_COLLATERAL = 9
    SWAP = 10
    ADD_LIQUIDITY = 11
    REMOVE_LIQUIDITY = 12
    MINT = 13
    REDEEM = 14
    STAKE = 15
    UNSTAKE = 16
    TRANSFER = 17


class Refusal(IntEnum):
    """Name why an action was refused (B-6, Y-24)."""

    NO_GAS = 1
    LACKING = 2
    FROZEN = 3
    NOTHING = 4
    BELOW_MINIMUM = 5
    BOUND = 6
    NO_SUCH = 7
    CLOSED = 8
    CAP = 9
    NO_CASH = 10
    UNKNOWN_PRICE = 11
    NOT_LISTED = 12
    SHORT = 16
    UNHEALTHY = 17
    HEALTHY = 18
    DUST = 19
    UNPROFITABLE = 20


# B-4: gas by kind.
GAS = {
    **dict.fromkeys((ActionKind.SUPPLY, ActionKind.WITHDRAW, ActionKind.BORROW, ActionKind.REPAY), 200_000),
    ActionKind.MODE: 100_000,
    ActionKind.LIQUIDATE: 500_000,
    ActionKind.FLASH_LIQUIDATE: 800_000,
    ActionKind.ABSORB: 400_000,
    ActionKind.BUY_COLLATERAL: 250_000,
    ActionKind.SWAP: 150_000,
    **dict.fromkeys((ActionKind.ADD_LIQUIDITY, ActionKind.REMOVE_LIQUIDITY), 250_000),
    **dict.fromkeys((ActionKind.MINT, ActionKind.REDEEM, ActionKind.STAKE, ActionKind.UNSTAKE), 150_000),
    ActionKind.TRANSFER: 60_000,
}


class Action(NamedTuple):
    """Hold one action; what its kind does not use is 0."""

    account: int
    kind: ActionKind
    target: int
    atoms: int
    asset: int
    other: int
    party: int
    least: int
    pool: int


class Outcome(NamedTuple):
    """Say what became of an action: `reason` 0 and what it paid and got, atoms, or why it was refused."""

    reason: int = 0
    paid: int = 0
    got: int = 0


class RefusedActionError(Exception):
    """Leave an action with a reason; nothing but interest has been written (B-6)."""

    def __init__(self, reason: int) -> None:
        self.reason = int(reason)
        super().__init__(self.reason)


def refuse_if(is_so: bool, reason: int) -> None:
    """Leave the action if something holds that the rules refuse."""
    if is_so:
        raise RefusedActionError(reason)


def action_of(row: JournalRow) -> Action:
    """Return the action that a journal row holds (B-9).

    Examples
    --------
    >>> from engine.reference.journal import JournalKind, JournalRow
    >>> row = JournalRow(5, 2 + (3 << 16) + (7 << 32), 100, 40, 9, 1, JournalKind.ACTION, 0, ActionKind.LIQUIDATE, 0)
    >>> action_of(row)
    Action(account=9, kind=<ActionKind.LIQUIDATE: 6>, target=1, atoms=100, asset=2, other=3, party=7, least=40, pool=0)
    """
    kind = ActionKind(row.order_type)
    is_flash = kind is ActionKind.FLASH_LIQUIDATE
    return Action(
        account=row.account,
        kind=kind,
        target=row.market,
        atoms=row.qty,
        asset=row.number % _WORD,
        other=row.number // _WORD % _WORD,
        party=row.number >> 32,
        least=0 if is_flash else row.price,
        pool=row.price if is_flash else 0,
    )
