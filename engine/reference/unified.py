"""One account, all its collateral: rule C-3, and C-6 for unified units.

Stands on `margin`.

::

    asset a:  e_a = balance - owed + unrealised PnL      --floor-->  v_a  --haircut if above 0, floor-->  counted
              MM_a = sum of ceil'ed requirements in a    --ceil--->  unit of account
              liability_a = owed + max(0, -balance)      --ceil--->  unit of account, times loan_ppm

Promises: pure functions of plain integers. All that counts for the account is rounded down (towards minus infinity),
all that counts against it up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.reference.ledger import PPM, ceil_div
from engine.reference.margin import (
    Health,
    Holding,
    NewOrder,
    Value,
    initial_requirement,
    is_known,
    only_reduces,
    open_loss,
    requirement,
    unrealised,
    with_order,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class UnifiedAsset:
    """Hold what a unified account has of one asset, and what the venue makes of it.

    Parameters
    ----------
    balance_atoms : int
        The balance; may be below 0.
    owed_atoms : int
        What is borrowed, at least 0.
    holdings : tuple of Holding
        The positions that settle in the asset.
    is_unit : bool
        Whether this is the unit of account: price 1, and the index is not looked at.
    index_ticks : int or None
        The published index; None if it is unknown or stale.
    atoms_per_tick_lot, base_atoms_per_lot : int
        Terms of the market that gives the index (U-5).
    haircut : Value or None
        What counts of a value above 0; None: all of it.
    loan_ppm : int
        Requirement of a liability, ppm.
    """

    balance_atoms: int = 0
    owed_atoms: int = 0
    holdings: tuple[Holding, ...] = ()
    is_unit: bool = False
    index_ticks: int | None = None
    atoms_per_tick_lot: int = 1
    base_atoms_per_lot: int = 1
    haircut: Value | None = None
    loan_ppm: int = 0

    @property
    def price(self) -> tuple[int, int]:
        """Return price_a as (numerator, denominator): atoms of the unit of account for one atom."""
        if self.is_unit:
            return 1, 1
        if self.index_ticks is None:
            raise InputError("index_ticks", "an index (C-5)", None)
        return self.index_ticks * self.atoms_per_tick_lot, self.base_atoms_per_lot

    @property
    def liability_atoms(self) -> int:
        """Return liability_a (C-3)."""
        return self.owed_atoms + max(0, -self.balance_atoms)

    @property
    def is_used(self) -> bool:
        """Tell whether the account has, owes or has a position in the asset."""
        return bool(self.balance_atoms or self.owed_atoms or any(holding.position_lots for holding in self.holdings))


def unified_is_known(assets: Sequence[UnifiedAsset]) -> bool:
    """Tell whether every position has its mark and every asset that is used its index (C-5)."""
    return all(
        is_known(asset.holdings) and (asset.is_unit or asset.index_ticks is not None)
        for asset in assets
        if asset.is_used
    )


# --- C-3 ------------------------------------------------------------------------------------------------------------


def net_atoms(asset: UnifiedAsset) -> int:
    """Return e_a, atoms of the asset: exact."""
    return asset.balance_atoms - asset.owed_atoms + sum(unrealised(holding) for holding in asset.holdings)


def counted_atoms(asset: UnifiedAsset) -> int:
    """Return what counts of an asset, atoms of the unit of account; what is negative is not haircut."""
    if not asset.is_used:
        return 0
    numerator, denominator = asset.price
    worth = net_atoms(asset) * numerator // denominator  # floor towards minus infinity: against the account
    if worth <= 0 or asset.haircut is None:
        return worth
    return asset.haircut.value(worth)


def unified_requirement(assets: Sequence[UnifiedAsset], required: Callable[[UnifiedAsset], int]) -> int:
    """Return the requirement of positions and loans, atoms of the unit of account, each part rounded up by itself.

    `required` gives an asset's sum of rounded requirements, atoms of the asset.
    """
    total = 0
    for asset in assets:
        atoms, liability = required(asset), asset.liability_atoms
        if not atoms and not liability:
            continue
        numerator, denominator = asset.price
        total += ceil_div(atoms * numerator, denominator)
        total += ceil_div(liability * numerator * asset.loan_ppm, denominator * PPM)
    return total


def _maintenance(asset: UnifiedAsset) -> int:
    return requirement(asset.holdings)


def _initial(asset: UnifiedAsset) -> int:
    return sum(initial_requirement(holding) for holding in asset.holdings)


def unified_health(assets: Sequence[UnifiedAsset]) -> Health | None:
    """Return equity and requirement of a unified account (C-3), or None if it is unknown (C-5).

    Parameters
    ----------
    assets : sequence of UnifiedAsset
        All that the account has, owes or has positions in.

    Returns
    -------
    Health or None
        Atoms of the unit of account.

    Examples
    --------
    Ten thousand at 3,000 of which 95 % count, against a loan of 20 million at 5 %:

    >>> class Rate:
    ...     def value(self, v):
    ...         return v * 95 // 100
    >>> staked = UnifiedAsset(balance_atoms=10_000, index_ticks=3_000, haircut=Rate())
    >>> unified_health([staked, UnifiedAsset(is_unit=True, owed_atoms=20_000_000, loan_ppm=50_000)])
    Health(equity_atoms=8500000, requirement_atoms=1000000)
    """
    if not unified_is_known(assets):
        return None
    return Health(sum(counted_atoms(asset) for asset in assets), unified_requirement(assets, _maintenance))


# --- C-6 ------------------------------------------------------------------------------------------------------------


def unified_order_is_affordable(assets: Sequence[UnifiedAsset], asset: int, holding: int, order: NewOrder) -> bool:
    """Tell whether a unified account may place an order in a market (C-6).

    Parameters
    ----------
    assets : sequence of UnifiedAsset
        All of the account's, known.
    asset, holding : int
        The settlement asset of the order's market, and the market's place among its holdings.
    order : NewOrder
        The order.

    Returns
    -------
    bool
        True at exactly 0 left, and for any order that only reduces.
    """
    settle = assets[asset]
    held = settle.holdings[holding]
    if only_reduces(held, order):
        return True
    holdings = list(settle.holdings)
    holdings[holding] = with_order(held, order)
    after = list(assets)
    after[asset] = replace(settle, holdings=tuple(holdings))
    numerator, denominator = settle.price
    loss = ceil_div(open_loss(held, order) * numerator, denominator)
    worth = sum(counted_atoms(each) for each in assets)
    return worth - unified_requirement(after, _initial) - loss >= 0


def unified_withdrawal_is_affordable(assets: Sequence[UnifiedAsset], asset: int, atoms: int) -> bool:
    """Tell whether a unified account may give atoms of an asset away: equity and loans as they are afterwards (C-6)."""
    after = list(assets)
    after[asset] = replace(assets[asset], balance_atoms=assets[asset].balance_atoms - atoms)
    return sum(counted_atoms(each) for each in after) - unified_requirement(after, _initial) >= 0
