"""Margin units of a world and what they are worth: C-2, C-3 and the bankruptcy values of X-7.

Stands on `margin`, `unified`, `margin_ladder` and a world's ledger, markets and funds.

::

    unit      money     positions                   N_i at mark, M_i required
    equity E  = money + sum (N_i - cost_i)          s_i = its share of E, by M_i
    V_i       = N_i - s_i                           closing every position at V_i leaves exactly 0

Promises: reads the world and changes nothing but the list of units; every unit is found by its account and market.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from engine.margin import AccountMode
from engine.reference.ledger import Position, ceil_div
from engine.reference.margin import Health, Holding, maintenance_requirement, notional, unrealised
from engine.reference.margin import health as own_health
from engine.reference.margin_ladder import state as ladder_state
from engine.reference.margin_ladder import surplus
from engine.reference.unified import UnifiedAsset, unified_health

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.margin import Ladder
    from engine.reference.margin import Value
    from engine.reference.world import World


class Collateral(NamedTuple):
    """Declare an asset that counts in unified accounts (C-3)."""

    market: int | None = None  # spot market whose index prices it; None: it is the unit of account
    value: Value | None = None
    loan_ppm: int = 0
    lender: int | None = None


@dataclass(slots=True)
class Run:
    """Hold a liquidation that is running."""

    market: int  # of its landmark
    is_begun: bool = False  # the unit's orders have been taken off
    steps: int = 0
    whole_until_ms: int = 0
    fund_paid: int = 0


@dataclass(slots=True)
class Unit:
    """Hold what is tested together (C-2); `number` is the order in which units came to be."""

    account: int
    mode: AccountMode
    asset: int  # settlement asset; UNIFIED: the unit of account
    market: int | None  # ISOLATED
    number: int
    state: int = 0
    run: Run | None = None


class Held(NamedTuple):
    """Hold a position that has a mark: its worth and requirement in settlement atoms, and its worth to the unit."""

    market: int
    lots: int  # signed
    value: int  # N, signed
    requirement: int  # M
    worth: int  # |N| in the unit's own atoms


class Standing(NamedTuple):
    """Hold what a unit is worth at published values; `health` None: it is unknown (C-5)."""

    health: Health | None
    held: list[Held]
    has_liability: bool

    @property
    def is_flat(self) -> bool:
        """Tell whether there is neither position nor liability."""
        return not self.held and not self.has_liability

    @property
    def notional(self) -> int:
        """Return the sum of |positions| at mark, the unit's own atoms."""
        return sum(held.worth for held in self.held)

    @property
    def largest(self) -> Held:
        """Return the position that is worth most; ties: the lower market (X-5)."""
        return max(self.held, key=lambda held: (held.worth, -held.market))


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """Split an amount by weights: each rounded up, the last takes what is left (X-7).

    Examples
    --------
    >>> shares(-100, [1, 1, 1])  # rounded up is against the one who is owed
    [-33, -33, -34]
    >>> shares(10, [2, 1])
    [7, 3]
    """
    whole = sum(weights)
    parts = [ceil_div(total * weight, whole) for weight in weights[:-1]]
    return [*parts, total - sum(parts)]


def bankruptcy_values(held: Sequence[Held], equity: int) -> list[int]:
    """Return V_i of positions that settle in one asset and have to bear `equity` (X-7).

    Examples
    --------
    A long worth 300 and a short worth 100 with 20 of equity, three quarters of the requirement being the long's:

    >>> bankruptcy_values([Held(0, 3, 300, 15, 300), Held(1, -1, -100, 5, 100)], 20)
    [285, -105]
    """
    if not held:
        return []
    weights = [each.requirement for each in held]
    if not any(weights):
        weights = [abs(each.value) for each in held]
    return [each.value - part for each, part in zip(held, shares(equity, weights), strict=True)]


@dataclass
class Units:
    """Keep the units of a world.

    Parameters
    ----------
    world : World
        Whose ledger, markets and funds are read.
    ladder : Ladder
        Of its venue.
    collateral : mapping of int to Collateral
        By asset.
    outsiders : frozenset of int
        Accounts that are no margin units: the venue's own and its backstop (X-9).
    """

    world: World
    ladder: Ladder
    collateral: Mapping[int, Collateral]
    outsiders: frozenset[int]
    marked_ms: dict[int, int] = field(default_factory=dict)  # by market, when its mark was published
    all: list[Unit] = field(default_factory=list)

    def __iter__(self) -> Iterator[Unit]:
        """Walk the units in the order in which they came to be."""
        return iter(self.all)

    # --- who is a unit -----------------------------------------------------------------------------------------------

    @property
    def unit_asset(self) -> int:
        """Return what unified accounts are counted in."""
        return next(asset for asset, terms in self.collateral.items() if terms.market is None)

    def find(self, account: int, market: int) -> Unit | None:
        """Return the unit that tests an account's position in a market, None without one."""
        asset, mode = self.world.markets[market].terms.quote_asset, self.world.funds.mode(account)
        for unit in self.all:
            if unit.account != account:
                continue
            if mode is AccountMode.UNIFIED or unit.market == market or (unit.market is None and unit.asset == asset):
                return unit
        return None

    def open(self, account: int, market: int) -> None:
        """Let an account that may come to hold a position have its unit (C-1)."""
        mode, asset = self.world.funds.mode(account), self.world.markets[market].terms.quote_asset
        is_settled = mode is not AccountMode.UNIFIED or asset in self.collateral
        if account in self.outsiders or mode is AccountMode.CASH or not is_settled or self.find(account, market):
            return
        unit_asset = self.unit_asset if mode is AccountMode.UNIFIED else asset
        isolated = market if mode is AccountMode.ISOLATED else None
        self.all.append(Unit(account, mode, unit_asset, isolated, len(self.all)))

    def open_unified(self, account: int) -> None:
        """Let a unified account that has come to have something have its unit."""
        is_there = any(unit.account == account for unit in self.all)
        if not is_there and self.world.funds.mode(account) is AccountMode.UNIFIED and account not in self.outsiders:
            self.all.append(Unit(account, AccountMode.UNIFIED, self.unit_asset, None, len(self.all)))

    # --- what it is worth --------------------------------------------------------------------------------------------

    def mark(self, market: int) -> int | None:
        """Return the mark; None where it is unknown or stale (C-5)."""
        terms = self.world.markets[market].terms
        is_stale = terms.stale_ms and self.world.now_ms - self.marked_ms.get(market, 0) > terms.stale_ms
        return None if is_stale else self.world.markets[market].mark

    def money(self, unit: Unit) -> int:
        """Return the money behind a CROSS or ISOLATED unit."""
        if unit.market is not None:
            return self.world.funds.margins[unit.account, unit.market]
        return self.world.ledger.balances[unit.account][unit.asset].atoms

    def markets_of(self, unit: Unit) -> list[int]:
        """Return the markets whose positions a unit tests."""
        if unit.market is not None:
            return [unit.market]
        assets = set(self.collateral) if unit.mode is AccountMode.UNIFIED else {unit.asset}
        return sorted(number for asset in assets for number in self.settling(asset))

    def holding(self, account: int, market: int) -> Holding:
        """Return an account's position in a market as margin rules see it."""
        position, terms = (
            self.world.markets[market].positions.get(account, Position()),
            self.world.markets[market].terms,
        )
        assert terms.maintenance is not None
        return Holding(
            position_lots=position.position_lots,
            cost_atoms=position.cost_atoms,
            mark_ticks=self.mark(market),
            atoms_per_tick_lot=terms.atoms_per_tick_lot,
            maintenance=terms.maintenance,
        )

    def assets(self, account: int) -> dict[int, UnifiedAsset]:
        """Return what a unified account has of each asset that counts (C-3); it lends nothing itself."""
        found = {}
        for asset, terms in sorted(self.collateral.items()):
            balance = self.world.ledger.balances[account][asset]
            spot = None if terms.market is None else self.world.markets[terms.market]
            found[asset] = UnifiedAsset(
                balance_atoms=balance.atoms,
                owed_atoms=max(0, balance.owed),
                holdings=tuple(self.holding(account, number) for number in self.settling(asset)),
                is_unit=spot is None,
                index_ticks=None if spot is None else spot.index,
                atoms_per_tick_lot=1 if spot is None else spot.terms.atoms_per_tick_lot,
                base_atoms_per_lot=1 if spot is None else spot.terms.base_atoms_per_lot,
                haircut=terms.value,
                loan_ppm=terms.loan_ppm,
            )
        return found

    def standing(self, unit: Unit) -> Standing:
        """Evaluate a unit at published values (C-2, C-3)."""
        held = [each for market in self.markets_of(unit) if (each := self._held(unit, market)) is not None]
        if unit.mode is not AccountMode.UNIFIED:
            holdings = [self.holding(unit.account, market) for market in self.markets_of(unit)]
            return Standing(own_health(self.money(unit), holdings), held, has_liability=False)
        assets = list(self.assets(unit.account).values())
        return Standing(unified_health(assets), held, any(asset.liability_atoms for asset in assets))

    def _held(self, unit: Unit, market: int) -> Held | None:
        held = self.held(unit.account, market)
        return None if held is None else held._replace(worth=self.converted(unit, market, held.worth))

    def held(self, account: int, market: int) -> Held | None:
        """Return a position as it stands at mark, worth what it is in settlement atoms; without a mark 0."""
        holding = self.holding(account, market)
        if not holding.position_lots:
            return None
        if holding.mark_ticks is None:
            return Held(market, holding.position_lots, 0, 0, 0)
        value = notional(holding, holding.position_lots)
        return Held(market, holding.position_lots, value, maintenance_requirement(holding), abs(value))

    def converted(self, unit: Unit, market: int, atoms: int) -> int:
        """Return settlement atoms of a market in a unit's own atoms, rounded up."""
        if unit.mode is not AccountMode.UNIFIED:
            return atoms
        terms = self.collateral[self.world.markets[market].terms.quote_asset]
        if terms.market is None:
            return atoms
        spot = self.world.markets[terms.market]
        index = spot.index or 0
        return ceil_div(atoms * index * spot.terms.atoms_per_tick_lot, spot.terms.base_atoms_per_lot)

    def converted_back(self, unit: Unit, market: int, atoms: int) -> int:
        """Return a unit's own atoms in settlement atoms of a market, rounded down."""
        if unit.mode is not AccountMode.UNIFIED:
            return atoms
        terms = self.collateral[self.world.markets[market].terms.quote_asset]
        if terms.market is None:
            return atoms
        spot = self.world.markets[terms.market]
        return atoms * spot.terms.base_atoms_per_lot // ((spot.index or 1) * spot.terms.atoms_per_tick_lot)

    def net(self, account: int, asset: int) -> tuple[int, bool]:
        """Return balance - owed + unrealised PnL of what settles in an asset, and whether all of it has a mark."""
        balance = self.world.ledger.balances[account][asset]
        total, is_known = balance.atoms - balance.owed, True
        for number in self.settling(asset):
            holding = self.holding(account, number)
            if holding.position_lots and holding.mark_ticks is None:
                is_known = False
            else:
                total += unrealised(holding)
        return total, is_known

    def settling(self, asset: int) -> list[int]:
        """Return the perpetuals that settle in an asset."""
        return [
            number
            for number, market in enumerate(self.world.markets)
            if not market.terms.is_spot and market.terms.quote_asset == asset
        ]

    def is_flat_in(self, account: int, asset: int) -> bool:
        """Tell whether an account has no position that settles in an asset."""
        return not any(self.world.position(account, number)[0] for number in self.settling(asset))

    def worth_at_index(self, account: int) -> int:
        """Return what an account is worth in the unit of account, without haircut; what has no price counts 0."""
        total = 0
        for asset, terms in self.collateral.items():
            net, _ = self.net(account, asset)
            spot = None if terms.market is None else self.world.markets[terms.market]
            if spot is None:
                total += net
            elif spot.index is not None:
                total += net * spot.index * spot.terms.atoms_per_tick_lot // spot.terms.base_atoms_per_lot
        return total

    def worth(self, unit: Unit) -> int:
        """Return what a known unit is worth without haircut, its own atoms (X-8)."""
        if unit.mode is not AccountMode.UNIFIED:
            health = self.standing(unit).health
            assert health is not None
            return health.equity_atoms
        return self.worth_at_index(unit.account)

    def is_beyond(self, standing: Standing) -> bool:
        """Tell whether a known unit that is not flat is beyond the last boundary (C-4)."""
        if standing.health is None or standing.is_flat:
            return False
        return surplus(standing.health, self.ladder.boundaries[-1]) < 0

    def state(self, standing: Standing) -> int:
        """Return where on the ladder a known unit stands; a flat one is free."""
        if standing.is_flat or standing.health is None:
            return 0
        return ladder_state(standing.health, self.ladder)
