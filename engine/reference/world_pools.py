"""Pools in a world: swap, add and remove liquidity, as actions and at once: rules Z-16 .. Z-18.

Stands on `pools` (the arithmetic) and `actions`.

::

    account  --atoms in-->  pool's own account  --atoms out-->  account        shares belong to accounts

Promises: a pool's account has exactly its balances. A refusal of the pool comes back as its Z-2 number + 32, and then
nothing has changed.
"""

from __future__ import annotations

import copy
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.errors import InvariantError
from engine.reference.actions import ALL, REFUSED_BY_POOL, ActionKind, Outcome, Refusal, RefusedActionError, refuse_if
from engine.reference.loans import check_amount
from engine.reference.pools import ConcentratedPool, ConstantProductPool
from engine.reference.pools.product import SHARES_LOCKED
from engine.types import PoolReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.reference.actions import Action
    from engine.reference.journal import JournalRow
    from engine.reference.lending_world import LendingWorld
    from engine.reference.pools import StableSwapPool
    from engine.reference.pools.base import ShareOutcome, SwapOutcome

COINS_ADDED, RANGE_ADDED, RANGE_REMOVED = 1, 2, 3  # what a journal row POOL holds (Z-17)
BELOW_MINIMUM = REFUSED_BY_POOL + PoolReason.BELOW_MINIMUM
SHARES_SHORT = REFUSED_BY_POOL + PoolReason.SHARES_SHORT


@dataclass
class WorldPool:
    """Hold a pool, the account that has its balances, its coins' assets and whose its shares are."""

    pool: ConstantProductPool | StableSwapPool | ConcentratedPool
    account: int
    assets: tuple[int, ...]
    shares: Counter[int] = field(default_factory=Counter)  # by account

    def coins(self, sold: int, bought: int) -> tuple[int, int]:
        """Return the coins of two assets, or refuse."""
        is_there = sold in self.assets and bought in self.assets and sold != bought
        refuse_if(not is_there, Refusal.NO_SUCH)
        return self.assets.index(sold), self.assets.index(bought)


class WorldPools:
    """Hold the pools of a world.

    Parameters
    ----------
    world : LendingWorld
        Whose accounts trade.
    """

    def __init__(self, world: LendingWorld) -> None:
        self.world = world
        self.pools: list[WorldPool] = []
        self.given: list[int] = []  # atoms by coin of an addition whose rows are not all there

    def check(self, number: int) -> None:
        """Refuse a pool that is not there."""
        refuse_if(number >= len(self.pools), Refusal.NO_SUCH)

    def quote(self, number: int, sold: int, bought: int, atoms: int) -> int:
        """Return what a pool would pay, or refuse."""
        pool = self.pools[number]
        outcome = pool.pool.quote(*pool.coins(sold, bought), atoms)
        _check(outcome)
        return outcome.amount_out

    def sell(self, account: int, number: int, sold: int, bought: int, atoms: int, least: int = 0) -> int:
        """Swap for an account that has the atoms; return what it got."""
        pool = self.pools[number]
        before = pool.pool.invariant()
        outcome = pool.pool.swap(*pool.coins(sold, bought), atoms, amount_out_min=least)
        _check(outcome)
        slack = 0 if isinstance(pool.pool, ConstantProductPool) else 1  # of Newton's D (Z-7)
        if not isinstance(pool.pool, ConcentratedPool) and pool.pool.invariant() < before - slack:
            raise InvariantError("Z-5, Z-8: the invariant of a pool falls by a swap", repr(pool))
        self.world.spend(account, pool.account, sold, outcome.amount_in)
        self.world.spend(pool.account, account, bought, outcome.amount_out)
        return outcome.amount_out

    # --- actions -----------------------------------------------------------------------------------------------------

    def act(self, action: Action) -> Outcome:
        """Swap, or change liquidity."""
        if action.kind is ActionKind.SWAP:
            return self._swap(action)
        if action.kind is ActionKind.REMOVE_LIQUIDITY:
            return self._remove(action)
        refuse_if(len(self.pools[action.target].assets) != 2, Refusal.CLOSED)
        taken, shares = self._add(action.account, action.target, [action.atoms, action.least])
        return Outcome(paid=taken[0], got=shares)

    def _swap(self, action: Action) -> Outcome:
        pool = self.pools[action.target]
        coins = pool.coins(action.asset, action.other)
        check_amount(action.atoms)
        outcome = pool.pool.quote(*coins, action.atoms)
        _check(outcome)
        refuse_if(outcome.amount_out < action.least, BELOW_MINIMUM)
        self.world.check_giving(action.account, action.asset, action.atoms)
        got = self.sell(action.account, action.target, action.asset, action.other, action.atoms, action.least)
        return Outcome(paid=action.atoms, got=got)

    def _add(self, account: int, number: int, given: list[int]) -> tuple[tuple[int, ...], int]:
        """Add coins for shares; what is not taken stays with the account. Return what was taken, and the shares."""
        pool = self.pools[number]
        draft = copy.deepcopy(pool.pool)
        if isinstance(draft, ConcentratedPool):
            raise RefusedActionError(Refusal.CLOSED)
        refuse_if(max(given) > ALL, Refusal.BOUND)
        refuse_if(max(given) < 1, Refusal.NOTHING)
        outcome = draft.add(given)
        _check(outcome)
        self._check_giving_coins(account, pool, outcome.amounts)
        pool.pool = draft
        pool.shares[account] += outcome.shares
        self._pay(account, pool.account, pool, outcome.amounts)
        return outcome.amounts, outcome.shares

    def _remove(self, action: Action) -> Outcome:
        """Burn shares of the account for their part of every coin."""
        pool = self.pools[action.target]
        draft = copy.deepcopy(pool.pool)
        if isinstance(draft, ConcentratedPool):
            raise RefusedActionError(Refusal.CLOSED)
        check_amount(action.atoms)
        refuse_if(action.atoms > pool.shares[action.account], SHARES_SHORT)
        outcome = draft.remove(action.atoms)
        _check(outcome)
        refuse_if(outcome.amounts[0] < action.least, BELOW_MINIMUM)
        pool.pool = draft
        pool.shares[action.account] -= action.atoms
        self._pay(pool.account, action.account, pool, outcome.amounts)
        return Outcome(paid=action.atoms, got=outcome.amounts[0])

    def _check_giving_coins(self, account: int, pool: WorldPool, amounts: tuple[int, ...]) -> None:
        """Refuse if an account may not give every coin, each with those before it gone (B-7)."""
        balances, gone = self.world.ledger.balances[account], 0
        try:
            for asset, atoms in zip(pool.assets, amounts, strict=True):
                self.world.check_giving(account, asset, atoms)
                balances[asset].atoms -= atoms
                gone += 1
        finally:
            for asset, atoms in zip(pool.assets[:gone], amounts[:gone], strict=True):
                balances[asset].atoms += atoms

    def _pay(self, payer: int, receiver: int, pool: WorldPool, amounts: tuple[int, ...]) -> None:
        for asset, atoms in zip(pool.assets, amounts, strict=True):
            self.world.spend(payer, receiver, asset, atoms)

    # --- at once (Z-17) ----------------------------------------------------------------------------------------------

    def at_once(self, row: JournalRow) -> None:
        """Add coins or change a range from outside; refused, nothing changes."""
        with suppress(RefusedActionError):
            if row.order_type == COINS_ADDED:
                self._add_coin(row)
            elif row.order_type == RANGE_ADDED:
                self._add_range(row.account, row.market, row.price, row.number, row.qty)
            else:
                self._remove_range(row.account, row.market, row.price, row.number, row.qty)

    def _add_coin(self, row: JournalRow) -> None:
        """Note the atoms of a coin; the last coin's row carries the addition out."""
        self.given = [*self.given[: row.number], row.qty]
        if len(self.given) == len(self.pools[row.market].assets):
            given, self.given = self.given, []
            self._add(row.account, row.market, given)

    def _add_range(self, account: int, number: int, lower: int, upper: int, liquidity: int) -> None:
        pool = self.pools[number]
        assert isinstance(pool.pool, ConcentratedPool)
        self._check_giving_coins(account, pool, pool.pool.amounts(lower, upper, liquidity, up=True))
        outcome = pool.pool.add(lower, upper, liquidity, account)
        _check(outcome)
        self._pay(account, pool.account, pool, outcome.amounts)

    def _remove_range(self, account: int, number: int, lower: int, upper: int, liquidity: int) -> None:
        pool = self.pools[number]
        assert isinstance(pool.pool, ConcentratedPool)
        outcome = pool.pool.remove(lower, upper, liquidity, account)
        _check(outcome)
        self._pay(pool.account, account, pool, outcome.amounts)
        self._pay(pool.account, account, pool, outcome.fees)

    # --- what must hold ----------------------------------------------------------------------------------------------

    def words(self) -> Iterator[int]:
        """Yield what the state digest says of pools (Z-18)."""
        for pool in self.pools:
            yield from (-14, pool.pool.digest())
            for account, shares in sorted(pool.shares.items()):
                if shares:
                    yield from (-15, account, shares)

    def broken(self) -> str | None:
        """Return what does not hold of a pool, in words (Z-18)."""
        for number, pool in enumerate(self.pools):
            has = [balance.atoms for balance in self.world.ledger.balances[pool.account]]
            wanted = [0] * len(has)
            for asset, atoms in zip(pool.assets, pool.pool.balances, strict=True):
                wanted[asset] = atoms
            if has != wanted:
                return f"Z-18: the account of pool {number} has {has}, its balances are {wanted}"
            if not isinstance(pool.pool, ConcentratedPool) and not _is_shared_out(pool):
                return f"Z-18: the shares of pool {number} are not those of its accounts and the locked ones"
        return None


def _is_shared_out(pool: WorldPool) -> bool:
    """Tell whether all shares of a pool are somebody's, or locked."""
    assert not isinstance(pool.pool, ConcentratedPool)
    locked = SHARES_LOCKED if isinstance(pool.pool, ConstantProductPool) and pool.pool.shares else 0
    return pool.shares.total() + locked == pool.pool.shares


def _check(outcome: SwapOutcome | ShareOutcome) -> None:
    """Leave with a pool's refusal."""
    refuse_if(outcome.reason is not PoolReason.NONE, REFUSED_BY_POOL + outcome.reason)
