"""Positions that nobody takes over are closed against those who hold the other side: rules X-11 and X-12.

Stands on `adl` (scores and shares) and `units`.

::

    h lots worth V -> candidates by rule: n_k lots at floor(V * n_k / h) -> the rest: to the backstop, at mark

Promises: no candidate's equity falls below 0 by it; the giver ends with exactly what its values leave.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from engine.margin import AccountMode
from engine.reference.adl import PRO_RATA, PURPOSE_ADL, UNRANKED_MOST, Candidate, Share, ranked, unranked, water_fill
from engine.reference.backstop import give_to_backstop, move_balance, settle_gains
from engine.reference.rng import bits64, id_key, integer_below, key_of, stream_of
from engine.reference.shortfall import cover_money, fund_pays, share_loss, write_off
from engine.reference.transfers import TransferReason
from engine.reference.units import bankruptcy_values

if TYPE_CHECKING:
    from engine.reference.units import Held, Run, Unit
    from engine.reference.waterfall import WaterfallWorld

BACKSTOP, ADL = 6, 7  # phases (T-2)


@dataclass
class Closing:
    """Hold what is still to be closed of a position; `value` is what that is to fetch, signed."""

    giver: int
    market: int
    sign: int
    left: int
    value: int
    is_told: bool = False


@dataclass
class Ranking:
    """Hold the accounts of one side of a market, best first."""

    made_ms: int
    accounts: list[int]


@dataclass
class Rankings:
    """Keep the rankings of a world, and make them anew when they are too old (X-12)."""

    world: WaterfallWorld
    made: dict[tuple[int, int], Ranking] = field(default_factory=dict)  # by (market, side of the candidates)

    def first(self, market: int, side: int) -> int | None:
        """Return the best one who has not been met yet, None if all have."""
        ranking, now_ms = self.made.get((market, side)), self.world.now_ms
        is_old = ranking is None or now_ms - ranking.made_ms > self.world.policy.rank_ms
        if ranking is None or is_old or (not ranking.accounts and ranking.made_ms < now_ms):
            ranking = self.made[market, side] = Ranking(now_ms, self._order(market, side))
        return ranking.accounts[0] if ranking.accounts else None

    def leave(self, market: int, side: int) -> None:
        """Take the first one out for good."""
        self.made[market, side].accounts.pop(0)

    def _order(self, market: int, side: int) -> list[int]:
        rule, world = self.world.policy.adl, self.world
        found = candidates(world, market, side)
        if callable(rule):
            return [found[index].account for index in rule(columns(world, market, found))]
        assert rule is not None
        if rule == "unranked":
            key = key_of(stream_of(world.seed, id_key("adl", 0)), PURPOSE_ADL)
            bits = bits64(key, world.now_ms, 0 if side > 0 else 1, market)
            return unranked(found, integer_below(bits, len(world.ledger.balances)))
        return ranked(rule, found)


def columns(world: WaterfallWorld, market: int, found: list[Candidate]) -> dict[str, object]:
    """Return candidates as a Python rule sees them."""
    return {
        "account": [who.account for who in found],
        "position_lots": [who.lots for who in found],
        "cost_atoms": [who.cost for who in found],
        "pnl_atoms": [who.pnl for who in found],
        "notional_atoms": [who.value for who in found],
        "equity_atoms": [who.equity for who in found],
        "requirement_atoms": [who.requirement for who in found],
        "market": market,
        "mark_ticks": world.markets[market].mark,
    }


# --- candidates -----------------------------------------------------------------------------------------------------


def candidates(world: WaterfallWorld, market: int, side: int) -> list[Candidate]:
    """Return those who hold a side and can be met, by account."""
    found = (candidate(world, account, market, side) for account in sorted(world.markets[market].positions))
    return [who for who in found if who is not None]


def candidate(world: WaterfallWorld, account: int, market: int, side: int) -> Candidate | None:
    """Return a holder as a candidate: on that side, in a unit that is known, not in liquidation, not under water."""
    position, unit = world.held(account, market), world.units.find(account, market)
    if position.position_lots * side <= 0 or unit is None or unit.run is not None:
        return None
    health, mark = world.units.standing(unit).health, world.markets[market].mark
    if health is None or mark is None or health.equity_atoms < 0:
        return None
    value = world.markets[market].notional(position.position_lots, mark)
    pnl = value - position.cost_atoms
    is_unified = unit.mode is AccountMode.UNIFIED
    wallet = health.equity_atoms - pnl if is_unified else world.units.money(unit)
    return Candidate(account, position.position_lots, position.cost_atoms, pnl, abs(value), *health, wallet)


def _loss(world: WaterfallWorld, closing: Closing) -> int:
    """Return what the other side would lose against the mark by all that is left."""
    mark = world.markets[closing.market].mark
    assert mark is not None
    return closing.value - world.markets[closing.market].notional(closing.sign * closing.left, mark)


def _room(world: WaterfallWorld, closing: Closing, who: Candidate) -> int:
    """Return the lots that a candidate can take without its equity falling below 0 (X-11)."""
    most, loss = min(closing.left, abs(who.lots)), _loss(world, closing)
    if loss <= 0:
        return most
    unit = world.units.find(who.account, closing.market)
    assert unit is not None
    return min(most, who.equity * closing.left // world.units.converted(unit, closing.market, loss))


# --- closing --------------------------------------------------------------------------------------------------------


def close(world: WaterfallWorld, giver: int, held: Held, value: int) -> None:
    """Close one position by ADL; what nobody takes moves to the backstop at mark, unless it is the backstop's own."""
    closing = Closing(giver, held.market, 1 if held.lots > 0 else -1, abs(held.lots), value)
    if world.policy.adl is not None:
        (_close_pro_rata if world.policy.adl in PRO_RATA else _close_in_turn)(world, closing)
    if closing.left and giver != world.backstop:
        mark = world.markets[held.market].mark
        assert mark is not None
        at_mark = world.markets[held.market].notional(closing.sign * closing.left, mark)
        give_to_backstop(world, giver, held.market, closing.left, at_mark, TransferReason.REST)
        backstop_took(world, held.market)


def _close_in_turn(world: WaterfallWorld, closing: Closing) -> None:
    met, market, side = 0, closing.market, -closing.sign
    while closing.left and not (world.policy.adl == "unranked" and met >= UNRANKED_MOST):
        account = world.rankings.first(market, side)
        if account is None:
            return
        met += 1
        who = candidate(world, account, market, side)
        _fill(world, closing, account, _room(world, closing, who) if who is not None else 0)
        if closing.left or not world.position(account, market)[0]:
            world.rankings.leave(market, side)


def _close_pro_rata(world: WaterfallWorld, closing: Closing) -> None:
    by_profit, loss, shares = world.policy.adl == "pnl", _loss(world, closing), []
    for who in candidates(world, closing.market, -closing.sign):
        weight, cap = abs(who.lots), _room(world, closing, who)
        if by_profit:
            weight = max(0, who.pnl)
            if loss > 0:
                cap = min(cap, weight * closing.left // loss)
        if weight and cap > 0:
            shares.append(Share(who.account, weight, cap))
    for account, lots in sorted(water_fill(shares, closing.left).items()):
        again = candidate(world, account, closing.market, -closing.sign)
        if lots and again is not None:
            _fill(world, closing, account, min(lots, _room(world, closing, again)))


def _fill(world: WaterfallWorld, closing: Closing, account: int, lots: int) -> None:
    if lots <= 0:
        return
    if not closing.is_told:
        closing.is_told = True
        world.mark("ADL", closing.market, closing.giver, closing.left)
    value = closing.value * lots // closing.left
    world.transfer(closing.market, closing.giver, account, lots, value, TransferReason.ADL)
    closing.value -= value
    closing.left -= lots
    if world.policy.cancels_orders:
        world.cancel_orders(account, closing.market)


# --- an account -----------------------------------------------------------------------------------------------------


def deleverage(world: WaterfallWorld, unit: Unit, run: Run) -> None:
    """Close a unit's positions by ADL, then see to what it still lacks, in phase 7 (X-11)."""
    if unit.run is not run:
        return
    held, worth = world.units.standing(unit).held, world.units.worth(unit)
    for asset in sorted({world.markets[each.market].terms.quote_asset for each in held}):
        together = [each for each in held if world.markets[each.market].terms.quote_asset == asset]
        at_mark = world.policy.close == "mark" or worth >= 0 or asset != unit.asset
        values = [each.value for each in together] if at_mark else bankruptcy_values(together, worth)
        for each, value in zip(together, values, strict=True):
            close(world, unit.account, each, value)
    if unit.mode is AccountMode.UNIFIED and held:
        world.step_again(unit, run)
        return
    if unit.mode is AccountMode.UNIFIED:
        _cover_unified(world, unit, run)
    else:
        cover_money(
            world, unit.account, unit, unit.asset, run.market if unit.market is None else unit.market, from_fund=False
        )
    world.ends(unit)


def _cover_unified(world: WaterfallWorld, unit: Unit, run: Run) -> None:
    """Bring every asset of a unified account without positions to exactly 0 (X-10, X-11)."""
    account = unit.account
    for asset in range(len(world.ledger.supplies)):
        balance = world.ledger.balances[account][asset]
        lacking = balance.owed - balance.atoms
        if lacking > 0:
            lacking -= fund_pays(world, account, unit, asset, lacking)
            if lacking and world.policy.shares_losses and world.markets[run.market].terms.quote_asset == asset:
                lacking -= share_loss(world, account, unit, run.market, lacking)
            write_off(world, account, None, asset, run.market, lacking)
        move_balance(world, account, asset)


def relieve(world: WaterfallWorld, asset: int) -> None:
    """Close all positions of a backstop that is worth too little and settle in an asset (X-9)."""
    account = world.backstop
    worth, is_known = world.units.net(account, asset)
    if not is_known or worth >= world.policy.under_atoms or world.units.is_flat_in(account, asset):
        return
    held = [each for number in world.units.settling(asset) if (each := world.units.held(account, number)) is not None]
    at_mark = world.policy.close == "mark" or worth >= 0
    values = [each.value for each in held] if at_mark else bankruptcy_values(held, worth)
    for each, value in zip(held, values, strict=True):
        close(world, account, each, value)
    settle_gains(world, asset)
    if world.ledger.balances[account][asset].atoms < 0:
        cover_money(world, account, None, asset, world.taken_market, from_fund=account != world.fund)


def backstop_took(world: WaterfallWorld, market: int) -> None:
    """Note what a backstop took last; gains pay for what it lacks, and what they do not is looked at (X-9)."""
    world.taken_market = market
    for asset in range(len(world.ledger.supplies)):
        settle_gains(world, asset)
        if world.ledger.balances[world.backstop][asset].atoms >= 0:
            continue
        if world.units.is_flat_in(world.backstop, asset):
            cover_money(world, world.backstop, None, asset, market, from_fund=world.backstop != world.fund)
        else:
            backstop_is_looked_at(world)


def backstop_is_looked_at(world: WaterfallWorld) -> None:
    """Queue one look at the backstop, in phase 6 (X-9)."""
    if not world.looks_at_backstop:
        world.looks_at_backstop = True
        world.schedule(world.now_ms, BACKSTOP, lambda: _look_at_backstop(world))


def _look_at_backstop(world: WaterfallWorld) -> None:
    world.looks_at_backstop = False
    for asset in range(len(world.ledger.supplies)):
        if world.units.is_flat_in(world.backstop, asset):
            market, by_fund = world.taken_market, world.backstop != world.fund
            cover_money(world, world.backstop, None, asset, market, from_fund=by_fund)
            continue
        settle_gains(world, asset)
        worth, is_known = world.units.net(world.backstop, asset)
        if is_known and worth < world.policy.under_atoms:
            world.schedule(world.now_ms, ADL, partial(relieve, world, asset))
