"""Pools in a world: swap, add and remove liquidity: rules Z-16, Z-17.

Stands on `pools` (the arithmetic) and `actions`.

::

    account  --atoms in-->  pool's own account  --atoms out-->  account        shares belong to accounts

Promises: a pool's account has exactly its balances. A refusal of the pool comes back as its Z-2 number + 32, and then
nothing has changed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.reference.actions import REFUSED_BY_POOL, ActionKind, Outcome, Refusal, RefusedActionError, refuse_if
from engine.reference.loans import check_amount
from engine.reference.pools import ConcentratedPool
from engine.types import PoolReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.reference.actions import Action
    from engine.reference.lending_world import LendingWorld
    from engine.reference.pools import ConstantProductPool, StableSwapPool
    from engine.reference.pools.base import ShareOutcome, SwapOutcome


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
        outcome = pool.pool.swap(*pool.coins(sold, bought), atoms, amount_out_min=least)
        _check(outcome)
        self.world.spend(account, pool.account, sold, outcome.amount_in)
        self.world.spend(pool.account, account, bought, outcome.amount_out)
        return outcome.amount_out

    # --- actions -----------------------------------------------------------------------------------------------------

    def act(self, action: Action) -> Outcome:
        """Swap, or change liquidity."""
        if action.kind is ActionKind.SWAP:
            return self._swap(action)
        return self._add(action) if action.kind is ActionKind.ADD_LIQUIDITY else self._remove(action)

    def _swap(self, action: Action) -> Outcome:
        self.pools[action.target].coins(action.asset, action.other)
        check_amount(action.atoms)
        self.world.check_giving(action.account, action.asset, action.atoms)
        got = self.sell(action.account, action.target, action.asset, action.other, action.atoms, action.least)
        return Outcome(paid=action.atoms, got=got)

    def _add(self, action: Action) -> Outcome:
        """Add atoms of coin 0 and `least` of coin 1; what is not taken stays with the account."""
        pool = self.pools[action.target]
        if isinstance(pool.pool, ConcentratedPool) or len(pool.assets) != 2:
            raise RefusedActionError(Refusal.CLOSED)
        given = [action.atoms, action.least]
        check_amount(max(given))
        for asset, atoms in zip(pool.assets, given, strict=True):
            if atoms:
                self.world.check_giving(action.account, asset, atoms)
        outcome = pool.pool.add(given)
        _check(outcome)
        for asset, atoms in zip(pool.assets, outcome.amounts, strict=True):
            self.world.spend(action.account, pool.account, asset, atoms)
        pool.shares[action.account] += outcome.shares
        return Outcome(paid=outcome.amounts[0], got=outcome.shares)

    def _remove(self, action: Action) -> Outcome:
        """Burn shares of the account."""
        pool = self.pools[action.target]
        if isinstance(pool.pool, ConcentratedPool):
            raise RefusedActionError(Refusal.CLOSED)
        check_amount(action.atoms)
        refuse_if(action.atoms > pool.shares[action.account], Refusal.SHORT)
        outcome = pool.pool.remove(action.atoms)
        _check(outcome)
        pool.shares[action.account] -= action.atoms
        for asset, atoms in zip(pool.assets, outcome.amounts, strict=True):
            self.world.spend(pool.account, action.account, asset, atoms)
        return Outcome(paid=action.atoms, got=outcome.amounts[0])

    # --- what must hold ----------------------------------------------------------------------------------------------

    def words(self) -> Iterator[int]:
        """Yield what the state digest says of pools."""
        yield from ()

    def broken(self) -> str | None:
        """Return what does not hold of a pool, in words (Z-16)."""
        for number, pool in enumerate(self.pools):
            has = tuple(self.world.ledger.balances[pool.account][asset].atoms for asset in pool.assets)
            if has != pool.pool.balances:
                return f"Z-16: the account of pool {number} has {has}, its balances are {pool.pool.balances}"
        return None


def _check(outcome: SwapOutcome | ShareOutcome) -> None:
    """Leave with a pool's refusal."""
    if outcome.reason is not PoolReason.NONE:
        raise RefusedActionError(REFUSED_BY_POOL + outcome.reason)
