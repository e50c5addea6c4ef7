"""What accrues, settled for everybody at its time: funding and interest as a journal tells of them (F-3 .. F-6, L-13).

Stands on `funding` and `ledger`.

::

    FUNDING row: rate, price   -> every position's payment -> balances, the market's pool
    INTEREST row: rate, payee  -> what the account lacks   -> owed, or atoms to the insurance fund

Promises: a row gives the rate and the price, never an amount that is believed: each payment is worked out here. A row
that no lawful run can have written raises `InvariantError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InvariantError
from engine.reference.funding import PPB, funding_payments
from engine.reference.ledger import ceil_div

if TYPE_CHECKING:
    from engine.reference.funds import Funds
    from engine.reference.ledger import Ledger
    from engine.reference.market import Market
    from engine.reference.world import JournalRow

SETTLED_MOST = 2**61  # F-6: sum of |positions| at a settlement's price
PAID_MOST = 2**60  # F-6: and of all payments of a market
OWED_MOST = 2**61  # L-13


def settle_funding(funds: Funds, market: Market, row: JournalRow) -> list[int]:
    """Let every position of a market pay or receive (F-3, F-5).

    Parameters
    ----------
    funds : Funds
        Whose balances, and margins of isolated positions, change.
    market : Market
        A perpetual.
    row : JournalRow
        Of kind FUNDING; price and rate 0 say that the interval was skipped (F-6).

    Returns
    -------
    list of int
        The accounts that paid, ascending.

    Raises
    ------
    InvariantError
        The row cannot come from a lawful run.
    """
    rate, price = row.number, row.price
    if market.terms.is_spot or abs(rate) > PPB or (price == 0 and rate != 0):
        raise InvariantError("F-5: a settlement that the rules do not allow", repr(row))
    if price == 0:
        return []
    if price not in (market.mark, market.oracle):
        raise InvariantError("F-3: a settlement at a price that is neither mark nor oracle", repr(row))
    held = sorted((account, position.position_lots) for account, position in market.positions.items())
    held = [(account, lots) for account, lots in held if lots]
    worth = sum(market.notional(abs(lots), price) for _, lots in held)
    market.funding_bound += ceil_div(worth * abs(rate), PPB) + len(held)
    if worth > SETTLED_MOST or market.funding_bound > PAID_MOST:
        raise InvariantError("F-6: a settlement beyond the bound", repr(row))
    changes, pool = funding_payments([lots for _, lots in held], price, market.terms.atoms_per_tick_lot, rate)
    if not 0 <= pool <= len(held):
        raise InvariantError("F-3: the pool pays, or keeps more than the rounding", repr(row))
    for (account, _), change in zip(held, changes, strict=True):
        if funds.is_isolated(account):
            funds.margins[account, row.market] += change
        else:
            funds.ledger.balances[account][market.terms.quote_asset].atoms += change
    market.funding_pool += pool
    return [
        account
        for (account, _), change in zip(held, changes, strict=True)
        if change < 0 and not funds.is_isolated(account)
    ]


def charge_interest(ledger: Ledger, row: JournalRow, *, is_lent: bool) -> None:
    """Let an account owe its lender more, or without one pay the insurance fund (L-13).

    Parameters
    ----------
    ledger : Ledger
        Whose balances change.
    row : JournalRow
        Of kind INTEREST.
    is_lent : bool
        Whether the payee is a lender.

    Raises
    ------
    InvariantError
        The amount is not what the rate makes of the liability.
    """
    owner, payee = ledger.balances[row.account][row.market], ledger.balances[row.number][row.market]
    due = ceil_div((max(0, owner.owed) + max(0, -owner.atoms)) * row.price, PPB)
    if is_lent:
        due = min(due, OWED_MOST - owner.owed, OWED_MOST + payee.owed)
    else:
        due = min(due, OWED_MOST + owner.atoms, OWED_MOST - payee.atoms)
    if row.account == row.number or due < 1 or row.qty != due:
        raise InvariantError("L-13: interest that is not the liability times the rate", f"{row!r}, expected {due}")
    if is_lent:
        owner.owed += due
        payee.owed -= due
    else:
        ledger.move(row.account, row.number, row.market, due)
