"""Policy: how a venue liquidates, and who bears what is left (section X).

Presets stand in `engine.liquidation`. Stands on `engine.adl`, `engine.schedules` and `engine.units`; the compiled core
is not imported here. A policy says amounts as people write them; a simulation turns them into atoms of the venue's
money.

::

    orders into the book --> takeover --> insurance fund --> auto-deleveraging --> shared loss --> bad debt

Promises: a policy that exists is legal in itself, and everything in it can come to pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from engine.adl import checked_rule
from engine.errors import InputError
from engine.schedules import money, share_ppm, whole
from engine.units import Amount, Grid, exact

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Policy", "milliseconds"]

Size = Literal["share", "tier"]
Order = Literal["market", "band", "bankruptcy", "fillable"]
Close = Literal["bankruptcy", "mark"]
Sells = Literal["haircut_liquidity", "pro_rata", "custom"]
Rule = str | Callable[[dict[str, Any]], Any] | None
Duration = int | str
"""A time in ms, or as people write it: ``"30s"``."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "size": ("share", "tier"),
    "order": ("market", "band", "bankruptcy", "fillable"),
    "close": ("bankruptcy", "mark"),
    "sells": ("haircut_liquidity", "pro_rata", "custom"),
}
_SWITCHES = ("is_fok", "takes_over", "cancels_orders", "shares_losses")
_AMOUNTS = ("step_least", "step_most", "large", "fund_most", "backstop_least")
# Field, least time: a cadence of 0 would never end its millisecond.
_TIMES = {"every": 1, "whole_for": 0, "rank_for": 0, "unwind_every": 1}
_SHARES = ("stage", "band", "fee", "unwind", "unwind_band")
_COUNTS = {"stage_lots_min": (1, 2**61), "steps_most": (0, 65_535), "tiers_down": (1, 64), "tier_least": (0, 64)}
_TIME_MAX_MS = 2**41  # an interval of the core
_RATIO_MAX = 1000
_PPM = Grid("0.000001")


@dataclass(frozen=True, slots=True)
class Policy:
    """Declare how a venue liquidates (X-1 .. X-15). Everything left out is the plain policy's.

    Parameters
    ----------
    stage : number
        Share of a position that a step closes; 0: no steps, who would be liquidated is only noted.
    stage_lots_min : int
        Least lots of a step, so that small rests end.
    every : int or str
        Time between steps, ms or such as ``"1s"``.
    step_least, step_most : number
        What a step is worth at least, and at most, money of the venue; 0: any.
    large : number
        Positions worth no more go whole, money; 0: all are staged.
    whole_for : int or str
        How long after a partial step steps are whole; 0: never.
    size : str
        ``"share"``, or ``"tier"``: down to a lower maintenance tier.
    tiers_down : int
        How many tiers at a time.
    order : str
        ``"market"``; or with a limit ``"band"``: so far from the mark, ``"bankruptcy"``: at the bankruptcy price,
        ``"fillable"``: between mark and bankruptcy by health.
    is_fok : bool
        Whole or nothing; else immediate-or-cancel.
    band : number
        Of the order ``"band"``: distance from the mark, as a share.
    spread : number
        Of the order ``"fillable"``: distance at no health, in maintenance ratios.
    steps_most : int
        After so many steps takeover is due; 0: not for that reason.
    takeover : number, optional
        It is due below this share of the requirement; 0: with equity below 0; none: not for that reason.
    tier_least : int
        Positions in lower tiers are taken over at once; 0: none.
    takes_over : bool
        A backstop (the insurance fund, or what the venue declares) may take positions.
    fee : number
        Clearance fee, share of what a step trades, to the fund.
    fund_most : number
        Most that the fund pays for one liquidation, money; 0: all that it has.
    adl : str or callable, optional
        Rule of auto-deleveraging: a name of `engine.adl.ADL_RULES`, or a function that is given the candidates' columns
        and returns their indices, best first. None: there is none.
    close : str
        Auto-deleveraging of what is worth less than nothing closes at the ``"bankruptcy"`` value, or at ``"mark"`` as
        everything else does.
    cancels_orders : bool
        It also takes off the orders of those whom it meets.
    rank_for : int or str
        How long a ranking stands; 0: its millisecond.
    shares_losses : bool
        What lacks after all that is shared by those with a profit in the market.
    backstop_least : number
        A backstop worth less is relieved of its positions by auto-deleveraging, money; 0: when it is worth less than
        nothing.
    unwind_every, unwind, unwind_band
        A backstop trades out: cadence, share of a position, distance from the mark.
    sells : str
        Which asset a unified account with a liability sells: ``"haircut_liquidity"``, ``"pro_rata"``, ``"custom"``.
    sell_order : sequence of str
        Of ``"custom"``: names of assets, first to go first.

    Raises
    ------
    InputError
        A value is none of these, or could never come to pass; it is named.

    Examples
    --------
    >>> Policy(stage="0.10", every="2s").every
    2000
    >>> Policy(adl="binance")
    Traceback (most recent call last):
    engine.errors.InputError: adl: expected none, or a takeover that can be due (takeover, steps_most or tier_least), \
was binance
    """

    stage: Amount = "0.25"
    stage_lots_min: int = 1
    every: Duration = 1000
    step_least: Amount = 0
    step_most: Amount = 0
    large: Amount = 0
    whole_for: Duration = 0
    size: Size = "share"
    tiers_down: int = 1
    order: Order = "market"
    is_fok: bool = False
    band: Amount = 0
    spread: Amount = 0
    steps_most: int = 0
    takeover: Amount | None = None
    tier_least: int = 0
    takes_over: bool = False
    fee: Amount = 0
    fund_most: Amount = 0
    adl: Rule = None
    close: Close = "bankruptcy"
    cancels_orders: bool = False
    rank_for: Duration = 0
    shares_losses: bool = False
    backstop_least: Amount = 0
    unwind_every: Duration = 1000
    unwind: Amount = "0.25"
    unwind_band: Amount = "0.01"
    sells: Sells = "haircut_liquidity"
    sell_order: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no policy; times become ms, numbers exact ones."""
        for field, least_ms in _TIMES.items():
            self._keep(field, milliseconds(getattr(self, field), field, least_ms))
        for field in _AMOUNTS:
            self._keep(field, money(getattr(self, field), field))
        for field in _SHARES:
            share_ppm(getattr(self, field), field)
            self._keep(field, exact(getattr(self, field), field))
        for field, (low, high) in _COUNTS.items():
            self._keep(field, whole(getattr(self, field), field, low, high))
        for field, choices in _CHOICES.items():
            if getattr(self, field) not in choices:
                raise InputError(field, f"one of {', '.join(choices)}", getattr(self, field))
        for field in _SWITCHES:
            if not isinstance(getattr(self, field), bool):
                raise InputError(field, "True or False", getattr(self, field))
        _ratio_ppm(self.spread, "spread")
        self._keep("spread", exact(self.spread, "spread"))
        if self.takeover is not None:
            share_ppm(self.takeover, "takeover")
            self._keep("takeover", exact(self.takeover, "takeover"))
        checked_rule(self.adl)
        self._keep("sell_order", _names(self.sell_order))
        self._check_sense()

    def _keep(self, field: str, value: object) -> None:
        object.__setattr__(self, field, value)  # frozen: the only way to keep what was checked

    def _check_sense(self) -> None:
        """Refuse what contradicts itself, or what nothing would ever use."""
        if self.step_most and exact(self.step_most, "step_most") < exact(self.step_least, "step_least"):
            raise InputError("step_most", f"at least step_least, {self.step_least}", self.step_most)
        if self.is_fok and self.order == "market":
            raise InputError("is_fok", "an order with a limit", "a market order")
        if (self.order == "fillable") != bool(_ratio_ppm(self.spread, "spread")):
            raise InputError("spread", 'a spread with order "fillable", and only there', self.spread)
        if share_ppm(self.band, "band") and self.order != "band":
            raise InputError("band", 'nothing but with order "band"', self.band)
        if self.adl is not None and not self.is_takeover_due:
            raise InputError(
                "adl", "none, or a takeover that can be due (takeover, steps_most or tier_least)", self.adl
            )
        if self.is_takeover_due and self.adl is None and not self.takes_over:
            raise InputError("takes_over", "a backstop or a rule of ADL, since a takeover can be due", self.takes_over)
        if not share_ppm(self.unwind, "unwind"):
            raise InputError("unwind", "a share above 0", self.unwind)
        if bool(self.sell_order) != (self.sells == "custom"):
            raise InputError("sell_order", 'names of assets with sells "custom", and only there', self.sell_order)

    @property
    def is_takeover_due(self) -> bool:
        """Whether takeover can be due at all (X-6)."""
        return bool(self.takeover is not None or self.steps_most or self.tier_least)

    def but(self, **changes: Any) -> Self:
        """Return the policy with other values for some fields.

        Parameters
        ----------
        **changes
            Fields.

        Raises
        ------
        InputError
            No such field, or what `Policy` refuses.

        Notes
        -----
        O(1).

        Examples
        --------
        >>> Policy(stage=1).but(every="5s")
        Policy(stage=1, every=5000)
        """
        for name, value in changes.items():
            if name not in self.__dataclass_fields__:
                raise InputError(name, f"a field of Policy: {', '.join(self.__dataclass_fields__)}", value)
        return dataclasses.replace(self, **changes)

    def __repr__(self) -> str:
        """Return the call that makes it: what is not the plain policy's."""
        said = [f"{name}={x if isinstance(x, Decimal) else repr(x)}" for name, x in self.said().items()]
        return f"Policy({', '.join(said)})"

    def said(self) -> dict[str, Any]:
        """Return the fields that are not the plain policy's, with their values."""
        return {name: getattr(self, name) for name in self._changed()}

    def _changed(self) -> list[str]:
        """Return the fields that are not the plain policy's."""
        found = []
        for field in dataclasses.fields(self):
            value, plain = getattr(self, field.name), field.default
            if isinstance(value, Decimal) and plain is not None:
                plain = exact(plain, field.name)  # type: ignore[arg-type]  # a number, as the value is one
            if value != plain:
                found.append(field.name)
        return found

    @property
    def steps(self) -> dict[str, Any]:
        """Size and cadence of the steps, as `engine._core.World` takes them when a venue is opened."""
        return {
            "stage_ppm": share_ppm(self.stage, "stage"),
            "stage_lots_min": self.stage_lots_min,
            "stage_interval_ms": milliseconds(self.every, "every", 1),
        }

    @property
    def has_steps_only(self) -> bool:
        """Whether only size and cadence of the steps differ from the plain policy."""
        return {"stage", "stage_lots_min", "every"}.issuperset(self._changed())

    @property
    def has_amounts(self) -> bool:
        """Whether some field is an amount of money."""
        return any(getattr(self, field) for field in _AMOUNTS)

    def without_amounts(self) -> Self:
        """Return the policy with every bound of money open: what holds until the venue's money is known."""
        amounts: dict[str, Any] = dict.fromkeys(_AMOUNTS, 0)
        return dataclasses.replace(self, sells="haircut_liquidity", sell_order=(), **amounts)

    def arguments(self, decimals: int, assets: Mapping[str, int]) -> dict[str, Any]:
        """Return the policy as `engine._core.World.set_policy` takes it, but for the backstop.

        Parameters
        ----------
        decimals : int
            Of the venue's money: its unit of account, else what its first perpetual settles in.
        assets : mapping of str to int
            Numbers of the assets by name.

        Returns
        -------
        dict

        Raises
        ------
        InputError
            An amount is no whole number of atoms or above 2^61 of them, or an asset is not there.

        Notes
        -----
        O(fields).

        Examples
        --------
        >>> Policy(large=100_000).arguments(6, {})["large_atoms"]
        100000000000
        """
        grid = Grid(f"1E-{whole(decimals, 'decimals', 0, 9)}")
        for place, name in enumerate(self.sell_order):
            if name not in assets:
                raise InputError(f"sell_order[{place}]", f"one of the assets {', '.join(assets) or '(none yet)'}", name)
        return {
            "stage_ppm": share_ppm(self.stage, "stage"),
            "stage_lots_min": self.stage_lots_min,
            "interval_ms": self.every,
            "stage_atoms_min": _atoms(grid, self.step_least, "step_least"),
            "stage_atoms_most": _atoms(grid, self.step_most, "step_most"),
            "large_atoms": _atoms(grid, self.large, "large"),
            "whole_ms": self.whole_for,
            "size": self.size,
            "tiers_down": self.tiers_down,
            "order": self.order,
            "is_fok": self.is_fok,
            "band_ppm": share_ppm(self.band, "band"),
            "spread_ppm": _ratio_ppm(self.spread, "spread"),
            "steps_most": self.steps_most,
            "takeover_ppm": None if self.takeover is None else share_ppm(self.takeover, "takeover"),
            "tier_least": self.tier_least,
            "takes_over": self.takes_over,
            "fee_ppm": share_ppm(self.fee, "fee"),
            "fund_most": _atoms(grid, self.fund_most, "fund_most"),
            "adl": self.adl,
            "close": self.close,
            "cancels_orders": self.cancels_orders,
            "rank_ms": self.rank_for,
            "shares_losses": self.shares_losses,
            "under_atoms": _atoms(grid, self.backstop_least, "backstop_least"),
            "unwind_ms": self.unwind_every,
            "unwind_ppm": share_ppm(self.unwind, "unwind"),
            "unwind_band_ppm": share_ppm(self.unwind_band, "unwind_band"),
            "sells": self.sells,
            "sell_order": tuple(assets[name] for name in self.sell_order),
        }


# --- checks ---------------------------------------------------------------------------------------------------------


def milliseconds(value: object, field: str, least: int) -> int:
    """Return a time in ms: a whole number of them, or a text such as ``"30s"``.

    Parameters
    ----------
    value : int or str
        What was given.
    field : str
        What it is called in an error.
    least : int
        Shortest, ms.

    Returns
    -------
    int

    Raises
    ------
    InputError
        It is no such time.

    Notes
    -----
    O(digits).

    Examples
    --------
    >>> milliseconds("1min", "every", 1), milliseconds(250, "every", 1)
    (60000, 250)
    """
    if not isinstance(value, str):
        return whole(value, field, least, _TIME_MAX_MS)
    from engine.scenario.quantities import RefusedError, read_milliseconds  # it loads what only scenarios need

    try:
        exact_ms = read_milliseconds(value, 'a time such as "30s", or ms')
    except RefusedError as refused:
        raise InputError(field, refused.expected, value) from None
    if exact_ms != int(exact_ms) or not least <= exact_ms <= _TIME_MAX_MS:
        raise InputError(field, f"whole milliseconds between {least} and {_TIME_MAX_MS}", value)
    return int(exact_ms)


def _atoms(grid: Grid, amount: Amount, field: str) -> int:
    atoms = grid.count(amount, field)
    if atoms > 2**61:
        raise InputError(field, "at most 2^61 atoms", amount)
    return atoms


def _ratio_ppm(value: Amount, field: str) -> int:
    ppm = _PPM.count(value, field)
    if not 0 <= ppm <= _RATIO_MAX * 10**6:
        raise InputError(field, f"a ratio between 0 and {_RATIO_MAX}", value)
    return ppm


def _names(names: object) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, (list, tuple)):
        raise InputError("sell_order", "names of assets", names)
    for place, name in enumerate(names):
        if not isinstance(name, str) or not name or names.index(name) < place:
            raise InputError(f"sell_order[{place}]", "the name of an asset, each once", name)
    return tuple(names)
