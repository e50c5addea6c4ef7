"""How a venue liquidates, and who bears what is left: the choices of section X.

Stands on nothing.

Promises: a policy is data and says nothing about how it is carried out; left out is the *plain* one: shares of a
position as market orders, no takeover, no ADL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Declare what a venue does with units beyond its last boundary.

    Parameters
    ----------
    stage_ppm : int
        Share of the position that a step closes, ppm; 0: no steps, a breach is only noted (X-4).
    stage_lots_min : int
        A step closes at least so many lots.
    interval_ms : int
        Between two steps.
    stage_atoms_min, stage_atoms_most : int
        A step is worth so much at least and at most, settlement atoms; 0 for no bound.
    large_atoms : int
        A position worth no more is closed whole; 0: all are staged.
    whole_ms : int
        So long after a step that closed only a part, steps are whole; 0 never.
    size : str
        ``"share"`` or ``"tier"`` (X-5).
    tiers_down : int
        For ``"tier"``: by how many tiers.
    order : str
        ``"market"``, ``"band"``, ``"bankruptcy"`` or ``"fillable"`` (X-5).
    is_fok : bool
        Limits are fill-or-kill.
    band_ppm, spread_ppm : int
        Of the band, of the fillable price.
    steps_most : int
        Takeover is due after so many steps; 0 not for that reason (X-6).
    takeover_ppm : int or None
        And with equity below this share of the requirement; None never.
    tier_least : int
        And at once where the largest position is in a lower tier; 0 none.
    takes_over : bool
        Whether a backstop may take positions (X-8).
    backstop : int or None
        Its account; None: the insurance fund.
    fee_ppm : int
        Clearance fee (X-14).
    fund_most : int
        The fund pays at most so much for each liquidation; 0 no bound (X-10).
    adl : str, callable or None
        A rule of X-12; None: no ADL.
    close : str
        ``"bankruptcy"`` or ``"mark"`` (X-11).
    cancels_orders : bool
        Orders of those whom ADL meets go.
    rank_ms : int
        A ranking stands so long; 0: its millisecond.
    shares_losses : bool
        Whether what nobody paid is shared (X-10).
    under_atoms : int
        A backstop worth less is relieved (X-9).
    unwind_ms, unwind_ppm, unwind_band_ppm : int
        How a backstop trades out.
    sells : str
        ``"haircut_liquidity"``, ``"pro_rata"`` or ``"custom"`` (X-13).
    sell_order : tuple of int
        For ``"custom"``: assets, the first to be sold first.

    Examples
    --------
    >>> Policy().order, Policy().adl
    ('market', None)
    """

    stage_ppm: int = 250_000
    stage_lots_min: int = 1
    interval_ms: int = 1_000
    stage_atoms_min: int = 0
    stage_atoms_most: int = 0
    large_atoms: int = 0
    whole_ms: int = 0
    size: str = "share"
    tiers_down: int = 1
    order: str = "market"
    is_fok: bool = False
    band_ppm: int = 0
    spread_ppm: int = 0
    steps_most: int = 0
    takeover_ppm: int | None = None
    tier_least: int = 0
    takes_over: bool = False
    backstop: int | None = None
    fee_ppm: int = 0
    fund_most: int = 0
    adl: str | Callable[[Mapping[str, Any]], Sequence[int]] | None = None
    close: str = "bankruptcy"
    cancels_orders: bool = False
    rank_ms: int = 0
    shares_losses: bool = False
    under_atoms: int = 0
    unwind_ms: int = 1_000
    unwind_ppm: int = 250_000
    unwind_band_ppm: int = 10_000
    sells: str = "haircut_liquidity"
    sell_order: tuple[int, ...] = ()
