"""How large an order of a liquidation step is, and at what price: rule X-5.

Stands on `units` and `policy`.

Promises: pure functions of plain integers; 1 <= lots <= what is held, and a limit lies within the market's bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engine.reference.ledger import PPM, ceil_div

if TYPE_CHECKING:
    from engine.reference.margin import Health
    from engine.reference.market import MarketTerms
    from engine.reference.policy import Policy
    from engine.reference.units import Held


class Place(NamedTuple):
    """Hold what an order's size and price depend on beside its policy."""

    terms: MarketTerms
    mark_ticks: int
    held: Held

    @property
    def lots(self) -> int:
        """Return h, without its sign."""
        return abs(self.held.lots)

    @property
    def lot_worth(self) -> int:
        """Return what a lot is worth at mark, settlement atoms."""
        return self.mark_ticks * self.terms.atoms_per_tick_lot


def tier_of(place: Place) -> int:
    """Return the maintenance tier that a position is in, from 1 (S-5)."""
    assert place.terms.maintenance is not None
    worth = abs(place.held.value)
    return sum(floor <= worth for floor in place.terms.maintenance.floors)


def stage_lots(policy: Policy, place: Place, *, is_whole: bool) -> int:
    """Return n of a step (X-5); `is_whole`: a step of this liquidation has just closed a part."""
    lots = _share_lots(policy, place, is_whole=is_whole) if policy.size == "share" else _tier_lots(policy, place)
    lots = max(lots, ceil_div(policy.stage_atoms_min, place.lot_worth))
    if policy.stage_atoms_most:
        lots = min(lots, max(1, policy.stage_atoms_most // place.lot_worth))
    return max(1, min(lots, place.lots, place.terms.qty_max))


def _share_lots(policy: Policy, place: Place, *, is_whole: bool) -> int:
    if is_whole or (policy.large_atoms and abs(place.held.value) <= policy.large_atoms):
        return place.lots
    return max(ceil_div(place.lots * policy.stage_ppm, PPM), policy.stage_lots_min)


def _tier_lots(policy: Policy, place: Place) -> int:
    """Return the lots above the most that the lower tier still holds."""
    target = tier_of(place) - policy.tiers_down
    if target < 1:
        return place.lots
    assert place.terms.maintenance is not None
    above = place.terms.maintenance.floors[target]  # floors count from 0, tiers from 1: of the tier above
    return place.lots - (above - 1) // place.lot_worth


def stage_limit(policy: Policy, place: Place, health: Health, bankruptcy: int) -> int | None:
    """Return the limit of a step's order, None for a market order (X-5); `bankruptcy` is V of X-7."""
    if policy.order == "market":
        return None
    if policy.order == "band":
        return band_limit(place, policy.band_ppm)
    if policy.order == "bankruptcy":
        return value_limit(place, bankruptcy)
    equity, required = health
    ratio_ppm = equity * PPM // required if required else 0
    gap_ppm = min(max(PPM - ratio_ppm, 0), PPM)
    discount = place.held.requirement * gap_ppm * policy.spread_ppm // PPM**2
    return value_limit(place, place.held.value - discount)  # of a short the value is negative: it costs more


def band_limit(place: Place, band_ppm: int) -> int:
    """Return the limit so far beyond the mark."""
    width = place.mark_ticks * band_ppm // PPM
    return _within(place, place.mark_ticks - width if place.held.lots > 0 else place.mark_ticks + width)


def value_limit(place: Place, value: int) -> int:
    """Return the limit at which a whole position, signed like it, fetches a value or more.

    A value on the other side of 0 asks for a price below 0: that is the lower bound, for a long any price will do and
    for a short none does.
    """
    units = place.lots * place.terms.atoms_per_tick_lot
    return _within(place, ceil_div(value, units) if place.held.lots > 0 else -value // units)


def _within(place: Place, ticks: int) -> int:
    return min(max(ticks, place.terms.price_min), place.terms.price_max)


def affordable_lots(place: Place, cost_atoms: int, limit_ticks: int, balance: int) -> int | None:
    """Return the lots whose loss and fee at the limit a balance can pay (X-9); None: as many as there are."""
    lot = limit_ticks * place.terms.atoms_per_tick_lot
    loss = ceil_div(cost_atoms, place.lots) - lot if place.held.lots > 0 else lot - (-cost_atoms // place.lots)
    loss += ceil_div(lot * place.terms.taker_fee_ppm, PPM)
    return max(0, balance) // loss if loss > 0 else None
