"""One liquidation, told from the shock that set it off: the chain of its heaviest causes in words.

Stands on `engine.lineage` for the chain (G-6) and on the tables trades and prices for what each link did. Promises:
the links are those of `Lineage.chain`, in turned order, none left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.forest import WEIGHT_ONE_PPM
from engine.lineage import LandmarkKind, MoverKind
from engine.report.series import blocks
from engine.report.tables import percent, plural
from engine.tables import NO_PRICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from engine.lineage import Landmark
    from engine.protocols import Lender
    from engine.report.view import View
    from engine.simulation import Asset, Market

__all__ = ["Chain", "Link", "chosen_liquidation"]

PRICE_KINDS = {2: "mark", 3: "oracle", 1: "index"}
SIDES = {1: "buy", -1: "sell"}
TRADING = (LandmarkKind.SHOCK, LandmarkKind.STEP)


@dataclass(frozen=True)
class Link:
    """One landmark of the chain in words.

    Parameters
    ----------
    id : int
        The landmark.
    time_ms : int
        When.
    clock, kind, text : str
        The same for people, what it is, and what happened.
    causes : list of str
        All of its causes with their weights, where it has several.
    """

    id: int
    time_ms: int
    clock: str
    kind: str
    text: str
    causes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return what the page holds."""
        return {"id": self.id, "time_ms": self.time_ms, "clock": self.clock, "kind": self.kind, "text": self.text}


@dataclass
class _Fills:
    """What the trades of one order, or of several, came to."""

    lots: int = 0
    count: int = 0
    first: int = 0
    worst: int = 0
    side: int = 0

    def add(self, price: int, lots: int, side: int) -> None:
        if not self.count:
            self.first = self.worst = price
        self.lots, self.count, self.side = self.lots + lots, self.count + 1, side
        self.worst = max(self.worst, price) if side > 0 else min(self.worst, price)


def chosen_liquidation(view: View) -> tuple[int | None, str]:
    """Return the liquidation to tell, and why it: of the deepest generation the one that lost most; None without any.

    Lost is the bad debt that it left; where none of them left any, what was traded by force counts.
    """
    forest = view.lineage.forest
    rows = np.flatnonzero(forest.is_liquidation)
    if not len(rows):
        return None, ""
    deepest = rows[forest.generation[rows] == forest.generation[rows].max()]
    generation = f"of the deepest generation, {forest.generation[deepest[0]]}, the liquidation"
    measures = ((_written_off, "that left the most bad debt"), (_forced, "whose orders traded the most"))
    for measure, what in measures:
        lost = measure(view)[deepest]
        if lost.any():
            return int(deepest[np.argmax(lost)]), f"{generation} {what}"
    return int(deepest[0]), f"{generation} that came first"


def _liquidation_of(view: View, rows: NDArray[Any]) -> NDArray[Any]:
    """Return the liquidation that each landmark stands under, along heaviest causes; 0 where there is none."""
    forest = view.lineage.forest
    above = forest.heaviest[rows]
    while (climbing := (above > 0) & ~forest.is_liquidation[above]).any():
        above = np.where(climbing, forest.heaviest[above], above)
    return np.asarray(above)


def _written_off(view: View) -> NDArray[np.float64]:
    """Return the bad debt of each liquidation, in units of its market's quote asset."""
    landmarks, forest = view.lineage.landmarks, view.lineage.forest
    step = np.ones(max(view.by_number, default=0) + 1)
    for number, market in view.by_number.items():
        step[number] = float(market.quote.grid.step)
    rows = view.rows_of(LandmarkKind.BAD_DEBT)
    worth = landmarks["value"][rows] * step[landmarks["market"][rows]]
    return np.bincount(_liquidation_of(view, rows), worth, len(forest)).astype(np.float64)


def _forced(view: View) -> NDArray[np.float64]:
    """Return the notional that each liquidation's orders traded, in units."""
    forest = view.lineage.forest
    is_step = forest.kind == LandmarkKind.STEP
    worth = np.ones(max(view.by_number, default=0) + 1)
    for number, each in view.by_number.items():
        worth[number] = each.atoms_per_tick_lot * float(each.quote.grid.step)
    steps = np.flatnonzero(is_step)
    owner = np.zeros(len(forest), np.int64)
    owner[steps] = _liquidation_of(view, steps)
    found = np.zeros(len(forest))
    for cause, market, price, qty in blocks(view.world.table("trades"), "cause", "market", "price_ticks", "qty_lots"):
        rows = np.flatnonzero(is_step[cause])
        traded = price[rows].astype(np.float64) * qty[rows] * worth[market[rows]]
        np.add.at(found, owner[cause[rows]], traded)
    return found


class Chain:
    """The chain of one liquidation.

    Parameters
    ----------
    view : View
        Of its run.
    landmark : int
        A landmark.
    reason : str
        Why it was chosen.

    Raises
    ------
    InputError
        There is no such landmark.
    """

    def __init__(self, view: View, landmark: int, reason: str) -> None:
        self.view = view
        self.reason = reason
        self.lineage = view.lineage
        self.rows: list[Landmark] = self.lineage.chain(landmark)[::-1]
        self.last = self.rows[-1]
        self._has_venues = len(view.simulation.venues) > 1
        self._own = [row for row in self.lineage.children(self.last.id) if row.account == self.last.account]
        self._fills = self._traded([*self.rows, *self._own])
        self._published = self._kinds_published()

    @property
    def links(self) -> list[Link]:
        """The links, the root first."""
        return [self._link(row) for row in self.rows]

    @property
    def why(self) -> list[str]:
        """The same as `Lineage.why` prints it, the liquidation first."""
        return self.lineage.why(self.last.id)

    @property
    def end(self) -> str:
        """What became of the liquidation: what its orders traded, and what debt it left."""
        fills = _Fills()
        for row in self._own:
            own = self._fills.get(row.id)
            if own is not None and row.market == self.last.market:
                fills.lots, fills.count, fills.side = fills.lots + own.lots, fills.count + own.count, own.side
        steps = sum(row.kind == LandmarkKind.STEP for row in self._own)
        debts = [row for row in self._own if row.kind == LandmarkKind.BAD_DEBT]
        told = []
        if steps:
            traded = "of which nothing traded"
            if fills.lots:
                quantity = self._quantity(self._market(self.last), fills.lots)
                traded = f"which traded {quantity} in {plural(fills.count, 'trade')}"
            told.append(f"{plural(steps, 'forced order')} followed, {traded}")
        for row in self._own:
            if row.kind == LandmarkKind.TAKEOVER:
                clock, worth = self.view.clock(row.time_ms), self._sum(row)
                told.append(f"at {clock} the backstop took its positions over; they and its money were worth {worth}")
        for row in debts:
            told.append(f"at {self.view.clock(row.time_ms)} {self._sum(row)} of bad debt was left")
        return "; ".join(told) + "." if told else ""

    # ---- facts ----

    def _traded(self, rows: list[Landmark]) -> dict[int, _Fills]:
        """Return what the orders of shocks and steps traded (G-11), from one pass over the trades."""
        wanted = {row.id: row.account for row in rows if row.kind in TRADING}
        is_wanted = np.zeros(len(self.lineage.forest), bool)
        is_wanted[list(wanted)] = True
        found: dict[int, _Fills] = {}
        names = ("cause", "taker_account", "price_ticks", "qty_lots", "aggressor_side")
        for columns in blocks(self.view.world.table("trades"), *names):
            own = np.flatnonzero(is_wanted[columns[0]])
            for cause, taker, *fill in zip(*(column[own].tolist() for column in columns), strict=True):
                if taker == wanted[cause]:
                    found.setdefault(cause, _Fills()).add(*fill)
        return found

    def _kinds_published(self) -> dict[tuple[int, int, int], str]:
        """Return what was published, by (market, time, price): mark, oracle, index."""
        wanted = {(row.market, row.time_ms, row.value) for row in self.rows if row.kind == LandmarkKind.PUBLICATION}
        times = np.array(sorted({time_ms for _, time_ms, _ in wanted}), np.int64)
        found: dict[tuple[int, int, int], str] = {}
        names = ("time_ms", "market", "price_ticks", "kind")
        for columns in blocks(self.view.world.table("prices"), *names):
            own = np.flatnonzero(np.isin(columns[0], times) & np.isin(columns[3], list(PRICE_KINDS)))
            for time_ms, market, price, kind in zip(*(column[own].tolist() for column in columns), strict=True):
                key = (market, time_ms, price)
                if key in wanted:
                    kinds = {*found.get(key, "").split(" and "), PRICE_KINDS[kind]} - {""}
                    found[key] = " and ".join(name for name in PRICE_KINDS.values() if name in kinds)
        return found

    @cached_property
    def _lenders(self) -> dict[int, Lender]:
        """Return at which lender an account borrows; of several the first."""
        found: dict[int, Lender] = {}
        accounts = {row.account for row in self.rows}
        for lender in self.view.simulation.lenders.values():
            borrowers = accounts.intersection(self.view.world.loans(lender.number)["account"])
            found.update({account: lender for account in borrowers if account not in found})
        return found

    # ---- words ----

    def _link(self, row: Landmark) -> Link:
        say: Callable[[Landmark], str] = getattr(self, f"_say_{row.kind.name.lower()}")
        parents = self.lineage.parents(row.id)
        causes = (
            [f"{percent(weight / WEIGHT_ONE_PPM)} {self._short(parent)}" for parent, weight in parents]
            if len(parents) > 1
            else []
        )
        return Link(row.id, row.time_ms, self.view.clock(row.time_ms), row.kind.name, say(row), causes)

    def _short(self, landmark: int) -> str:
        if landmark == 0:
            return "the background"
        row = self.lineage.landmark(landmark)
        whose = f" of {self._who(row)}" if row.account >= 0 else f" of {self._market(row).name}"
        return f"{row.kind.name.lower().replace('_', ' ')}{whose} at {self.view.clock(row.time_ms)}"

    def _who(self, row: Landmark) -> str:
        return self.view.account(row.account)

    def _market(self, row: Landmark) -> Market:
        return self.view.by_number[row.market]

    def _where(self, market: Market) -> str:
        return f"{market.name} at {self.view.venue(market.venue)}" if self._has_venues else market.name

    def _quantity(self, market: Market, lots: int) -> str:
        unit = market.base.name if market.base is not None else "contracts"
        return f"{market.quantity.value(lots):,} {unit}"

    def _price(self, market: Market, ticks: int) -> str:
        return "no price" if ticks == NO_PRICE else f"{market.price.value(ticks):,}"

    def _sum(self, row: Landmark) -> str:
        quote: Asset = self._market(row).quote
        lender = self._lenders.get(row.account)
        if lender is not None and row.kind in (LandmarkKind.BAD_DEBT, LandmarkKind.STEP):
            if len(lender.lent) != 1:
                return f"{row.value:,} atoms"
            quote = lender.lent[0]
        return f"{quote.grid.value(row.value):,} {quote.name}"

    def _trading(self, row: Landmark) -> str:
        """Say what an order traded."""
        market, fills = self._market(row), self._fills.get(row.id)
        if not self.view.is_recorded("trades"):
            return ""
        if fills is None:
            return " Nothing of it trades."
        prices = self._price(market, fills.first)
        if fills.worst != fills.first:
            prices += f" to {self._price(market, fills.worst)}"
        return f" {self._quantity(market, fills.lots)} trade at {prices} {market.quote.name}."

    def _verb(self, row: Landmark) -> str:
        fills = self._fills.get(row.id)
        return "trade" if fills is None else SIDES[fills.side]

    def _say_shock(self, row: Landmark) -> str:
        market = self._market(row)
        asked = self._quantity(market, row.value)
        return (
            f"From outside, {self._who(row)} begins to {self._verb(row)} {asked} on {self._where(market)}."
            f"{self._trading(row)}"
        )

    def _say_withdrawal(self, row: Landmark) -> str:
        market = self._market(row)
        seen = self._price(market, row.value)
        return (
            f"{self._who(row)}, a maker, sees {self._where(market)} at {seen} {market.quote.name}: its rule fires, "
            "and it cancels its quotes on all its markets."
        )

    def _say_return(self, row: Landmark) -> str:
        return f"{self._who(row)}, a maker, comes back with quotes on {self._where(self._market(row))}."

    def _say_publication(self, row: Landmark) -> str:
        market = self._market(row)
        what = self._published.get((row.market, row.time_ms, row.value), "published price")
        comes = "come" if " and " in what else "comes"
        told = (
            f"The {what} of {self._where(market)} {comes} out at {self._price(market, row.value)} {market.quote.name}"
        )
        mover = row.mover
        if mover is None:
            return f"{told}, and finds accounts below their requirement."
        whose = f"{self.view.account(mover.account)}'s order {mover.number}, at {self.view.clock(mover.time_ms)}"
        did = {
            MoverKind.PLACE: f"the new quote of {whose}",
            MoverKind.CANCEL: f"a cancel, of {whose}",
            MoverKind.TRADE: f"the trade of {whose}",
        }[mover.kind]
        withdrew = mover.cause and self.lineage.landmark(mover.cause).kind == LandmarkKind.WITHDRAWAL
        if withdrew and mover.kind == MoverKind.CANCEL:
            did += ": a withdrawal, which moved the price without a trade"
        return f"{told}. What moved it most: {did}."

    def _say_liquidation(self, row: Landmark) -> str:
        market, lender = self._market(row), self._lenders.get(row.account)
        if lender is not None:
            return (
                f"The loan of {self._who(row)} at {lender.name} passes its limit: collateral less debt is "
                f"{lender.value.value(row.value):,}."
            )
        return (
            f"{self._who(row)} is below what {self._where(market)} requires and is liquidated; its equity is "
            f"{self._sum(row)}."
        )

    def _say_step(self, row: Landmark) -> str:
        market, lender = self._market(row), self._lenders.get(row.account)
        if lender is not None and lender.form != "loan":
            return f"A liquidator repays {self._sum(row)} of {self._who(row)}'s loan at {lender.name}."
        asked = f"{self._verb(row)} {self._quantity(market, row.value)} on {self._where(market)}"
        return f"The engine sends a forced order of {self._who(row)}: {asked}.{self._trading(row)}"

    def _say_margin_state(self, row: Landmark) -> str:
        return f"{self._who(row)} passes a rung of its venue's ladder on {self._where(self._market(row))}."

    def _say_takeover(self, row: Landmark) -> str:
        return f"The backstop takes {self._who(row)}'s positions over; they and its money are worth {self._sum(row)}."

    def _say_adl(self, row: Landmark) -> str:
        market = self._market(row)
        closed = f"{self._quantity(market, row.value)} of {self._who(row)}"
        return f"Auto-deleveraging on {self._where(market)}: {closed} are closed against those on the other side."

    def _say_shared_loss(self, row: Landmark) -> str:
        where = self._where(self._market(row))
        return f"{self._sum(row)} that {self._who(row)} lacks are shared among winners on {where}."

    def _say_bad_debt(self, row: Landmark) -> str:
        return f"{self._who(row)} ends under water: {self._sum(row)} are written off."

    def _say_margin_call(self, row: Landmark) -> str:
        lender = self._lenders.get(row.account)
        where = "its lender" if lender is None else lender.name
        return f"{self._who(row)} is called by {where} to bring more collateral."

    def _say_unwind(self, row: Landmark) -> str:
        return f"{self._who(row)}, a looper, begins to leave; it owes {self._sum(row)}."

    def _say_halt(self, row: Landmark) -> str:
        market = self._market(row)
        price = f"{self._price(market, row.value)} {market.quote.name}"
        return f"A trade at {price} halts {self._where(market)}: its breaker refuses orders for a while."
