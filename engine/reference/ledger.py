"""Balances and positions in whole atoms: rules L-1 .. L-8 and V-1's reserved amounts.

Stands on nothing.

::

    deposit ---> balances[account][asset] <--- move ---> balances[account][asset]      atoms move, they never appear
                     atoms, reserved
    position: lots and signed cost           realised PnL <---> the market's clearing

Promises: a sum over the balances of an asset changes by deposits only; every rounding is a `ceil_div`, against the
account and for the venue (U-6). Plain integers, so nothing overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

PPM = 10**6


class SystemAccount(IntEnum):
    """Name the venue's own accounts (L-1): the first rows of every ledger."""

    FEES = 0
    INSURANCE_FUND = 1
    BAD_DEBT = 2


def ceil_div(dividend: int, divisor: int) -> int:
    """Return the quotient rounded up (U-6)."""
    return -(-dividend // divisor)


def fee_atoms(amount: int, fee_ppm: int) -> int:
    """Return the fee on an amount (L-4, L-8), rounded against the account.

    Examples
    --------
    >>> fee_atoms(1001, 1000)  # 0.1 % of 1001 is 1.001: the venue takes 2
    2
    """
    return ceil_div(amount * fee_ppm, PPM)


@dataclass(slots=True)
class Balance:
    """Hold what an account has of an asset."""

    atoms: int = 0  # owned; below 0 only under water (L-10)
    reserved: int = 0  # of which promised to resting spot orders (V-1)
    owed: int = 0  # borrowed; below 0 what it has lent (L-12)


@dataclass(slots=True)
class Position:
    """Hold what an account has in a perpetual market (L-5)."""

    position_lots: int = 0  # above 0 long, below 0 short
    cost_atoms: int = 0  # signed sum of price x lots x atoms_per_tick_lot of what is open

    def trade(self, sign: int, qty_lots: int, price_atoms: int) -> int:
        """Book one side of a trade: close against the position first, then open the rest (L-5, L-6).

        Parameters
        ----------
        sign : int
            +1 bought, -1 sold.
        qty_lots : int
            Lots, at least 1.
        price_atoms : int
            What one lot is worth at the trade's price, atoms.

        Returns
        -------
        int
            Realised PnL, atoms; the caller moves it between the balance and the market's clearing.

        Examples
        --------
        >>> position = Position(3, 300)  # three lots, bought at 100
        >>> position.trade(-1, 1, 110)  # one of them sold at 110
        10
        >>> position
        Position(position_lots=2, cost_atoms=200)
        """
        held_lots = abs(self.position_lots)
        held_sign = 1 if self.position_lots > 0 else -1
        closed_lots = min(qty_lots, held_lots) if sign != held_sign else 0
        realised = 0
        if closed_lots:
            released = ceil_div(self.cost_atoms * closed_lots, held_lots)
            realised = held_sign * closed_lots * price_atoms - released
            self.cost_atoms -= released
            self.position_lots -= held_sign * closed_lots
        opened_lots = qty_lots - closed_lots
        self.position_lots += sign * opened_lots
        self.cost_atoms += sign * opened_lots * price_atoms
        return realised


class Ledger:
    """Keep who owns how many atoms of what, exactly.

    Parameters
    ----------
    supplies : list of int
        Of each asset, the most atoms that deposits may bring in (U-4).
    account_count : int
        Accounts, the venue's three included.
    """

    def __init__(self, supplies: list[int], account_count: int) -> None:
        self.supplies = list(supplies)
        self.net_deposits = [0] * len(supplies)
        self.balances = [[Balance() for _ in supplies] for _ in range(account_count)]

    def deposit(self, account: int, asset: int, atoms: int) -> bool:
        """Bring atoms in from outside; False, and nothing is written, if the supply would be passed (U-4)."""
        if atoms < 1 or self.net_deposits[asset] + atoms > self.supplies[asset]:
            return False
        self.net_deposits[asset] += atoms
        self.balances[account][asset].atoms += atoms
        return True

    def move(self, payer: int, receiver: int, asset: int, atoms: int) -> None:
        """Move atoms from one account to another."""
        self.balances[payer][asset].atoms -= atoms
        self.balances[receiver][asset].atoms += atoms

    def pay_fee(self, account: int, payee: int, asset: int, amount: int, fee_ppm: int) -> None:
        """Take the fee on an amount to the payee, the fees account of the venue (L-4, L-8)."""
        self.move(account, payee, asset, fee_atoms(amount, fee_ppm))

    def reserve(self, account: int, asset: int, atoms: int) -> None:
        """Promise atoms to a resting order; a negative amount releases them (V-1)."""
        self.balances[account][asset].reserved += atoms

    def free(self, account: int, asset: int) -> int:
        """Return what is owned and not promised (V-1)."""
        balance = self.balances[account][asset]
        return balance.atoms - balance.reserved

    def total(self, asset: int) -> int:
        """Return the sum over all accounts (L-2)."""
        return sum(row[asset].atoms for row in self.balances)
