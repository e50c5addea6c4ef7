"""Run one vector of a ``perp_*`` kind: account arithmetic in exact rationals, put on the engine's integers.

Stands on the closed forms of `engine.margin`, on the reference's margin and funding, and on `margin_books`, which keeps
the positions: a native world, or the reference's.

::

    "180000/19" --> whole lots, ticks and atoms (`Grid`) --> positions and balance of an account --> rationals again

What a kind is run on: ``perp_position_accounting`` on a world; ``perp_margin_check`` on a world's positions and
balance with the marks of the vector; ``perp_liq_price`` by both closed forms, and by C-8 on a world's position;
``perp_funding`` on the reference (F-3).

Promises: a grid is chosen so fine that every number of the vector, and every result, is whole on it, and then compared
exactly. Where 2^56 atoms (U-10) or whole ppb do not allow that, it is compared to one atom for each rounding, in the
account's disfavour, and the outcome's note says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.margin import liquidation_price, liquidation_price_from_mark
from engine.reference.funding import PPB, funding_payments, half_away
from engine.reference.liquidation_price import health_at_mark, liquidation_price_ticks
from engine.reference.margin import Health, Holding, health
from engine.testing.margin_books import NativeBooks, ReferenceBooks, native_health

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from engine.testing.margin_books import Books

Vector = dict[str, Any]
Json = Any

EXPOSURE_MAX = 2**56  # U-10: lots, and atoms
TICKS_MAX = 2**31 - 1  # U-1
_SIGNS = {"buy": 1, "sell": -1}


class Outcome(NamedTuple):
    """Hold what differs, a line each, and a note on what was not compared exactly."""

    differences: list[str]
    note: str = ""


@dataclass(frozen=True)
class Rate:
    """Be a requirement of one tier with any rational rate; section S has rates in whole ppm."""

    ratio: Fraction

    def requirement(self, v: int) -> int:
        """Return the margin of a notional, rounded up."""
        return -(-v * self.ratio.numerator // self.ratio.denominator)


@dataclass(frozen=True)
class Grid:
    """Hold how many lots, ticks and atoms one unit has; one lot is worth a whole number of atoms at one tick."""

    lots: int
    ticks: int
    atoms: int

    @property
    def atoms_per_tick_lot(self) -> int:
        """Return the market's w."""
        return self.atoms // (self.lots * self.ticks)

    def lots_of(self, quantity: Fraction) -> int:
        """Return a quantity in lots."""
        return _whole(quantity * self.lots, EXPOSURE_MAX, "lots")

    def ticks_of(self, price: Fraction) -> int:
        """Return a price in ticks."""
        return _whole(price * self.ticks, TICKS_MAX, "ticks")


class Row(NamedTuple):
    """Hold a position as a vector gives it."""

    quantity: Fraction
    entry: Fraction
    mark: Fraction
    ratio: Fraction

    @property
    def required(self) -> Fraction:
        """Return the exact maintenance margin at the mark."""
        return abs(self.quantity) * self.mark * self.ratio


@dataclass
class Compared:
    """Collect what differs between the fields of an expectation and what an engine said."""

    expect: dict[str, Json]
    lines: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    def exactly(self, name: str, was: Any) -> None:
        """Compare a field exactly: as rationals, or as it is."""
        self.within(name, was, Fraction(0))

    def within(self, name: str, was: Any, slack: Fraction, sign: int = -1) -> None:
        """Compare a field of which at most `slack` may be missing (sign -1), or be too much (sign +1)."""
        self.known.add(name)
        if name not in self.expect:
            return
        wanted = self.expect[name]
        if isinstance(was, Fraction) and not isinstance(wanted, bool) and wanted is not None:
            same = 0 <= sign * (was - rational(wanted)) <= slack
        else:
            same = was == wanted
        if not same:
            self.lines.append(f"{name}: expected {wanted}, was {was}")

    def outcome(self, note: str = "") -> Outcome:
        """Return what differs; a field of the expectation that was never compared does too."""
        unknown = sorted(set(self.expect) - self.known)
        return Outcome(
            [*self.lines, *(f"{name}: expected a field of the kind, was an unknown one" for name in unknown)], note
        )


# --- perp_position_accounting ---------------------------------------------------------------------------------------


def position_outcome(vector: Vector, books_class: Callable[[], Books]) -> Outcome:
    """Trade every fill against a counterparty and compare what is held, at which price, and what was realised."""
    fills = [(_SIGNS[side], rational(qty), rational(price)) for side, qty, price in vector["input"]["fills"]]
    grid, is_exact = _position_grid(fills)
    books = books_class()
    market = books.market(grid.atoms_per_tick_lot)
    for sign, quantity, price in fills:
        books.trade(market, sign, grid.lots_of(quantity), grid.ticks_of(price))
    lots, cost = books.position(market)
    books.check()
    slack = Fraction(0 if is_exact else len(fills), grid.atoms)
    held = Fraction(lots, grid.lots)
    compared = Compared(vector["expect"])
    compared.exactly("position", held)
    # What rounding takes from the cash it takes from the cost too (L-6): a long's entry is then low, a short's high.
    entry = Fraction(cost, grid.atoms) / held if held else Fraction(0)
    compared.within("entry", entry, slack / (abs(held) or 1), sign=-1 if held > 0 else 1)
    compared.within("realized", Fraction(books.balance(), grid.atoms), slack)
    return compared.outcome("" if is_exact else _note(grid, f"{len(fills)} fills"))


def _position_grid(fills: list[tuple[int, Fraction, Fraction]]) -> tuple[Grid, bool]:
    """Return a grid on which every cost that is ever held is whole, if U-10 allows it, and whether it does."""
    lots, ticks = denominator(qty for _, qty, _ in fills), denominator(price for _, _, price in fills)
    held = cost = most = Fraction(0)
    costs = []
    for sign, quantity, price in fills:
        most = max(most, abs(cost) + quantity * price)  # U-10 counts a trade on top of the cost, whatever its side
        closed = min(quantity, abs(held)) if sign * held < 0 else Fraction(0)
        if closed:
            cost -= cost * closed / abs(held)
        cost += sign * (quantity - closed) * price
        held += sign * quantity
        costs.append(cost)
    return _finest(lots, ticks, lots * ticks * denominator(each * lots * ticks for each in costs), most)


# --- perp_margin_check ----------------------------------------------------------------------------------------------


def check_outcome(vector: Vector, books_class: Callable[[], Books]) -> Outcome:
    """Open every position of the account and compare its equity, its requirement and whether it breaches (C-2, C-4)."""
    given = vector["input"]
    cash, ratios = rational(given["account"]["cash"]), given["maintenance_ratio"]
    rows = [
        Row(*map(rational, (quantity, entry, given["marks"][name], ratios[name])))
        for name, (quantity, entry) in given["account"]["pos"].items()
    ]
    grids, is_exact = _check_grids(cash, rows)
    books = books_class()
    atoms = grids[0].atoms
    holdings = [_opened(books, grid, row) for row, grid in zip(rows, grids[1:], strict=True)]
    books.set_balance(_whole(cash * atoms, EXPOSURE_MAX, "atoms"))
    books.check()
    was = native_health(books, holdings) or health(books.balance(), holdings)
    assert was is not None  # every holding has a mark
    slack = Fraction(0 if is_exact else len(rows), atoms)
    compared = Compared(vector["expect"])
    compared.exactly("equity", Fraction(was.equity_atoms, atoms))
    compared.within("maintenance", Fraction(was.requirement_atoms, atoms), slack, sign=1)
    compared.exactly("liquidatable", was.equity_atoms < was.requirement_atoms)
    return compared.outcome("" if is_exact else _note(grids[0], f"{len(rows)} requirements"))


def _check_grids(cash: Fraction, rows: list[Row]) -> tuple[list[Grid], bool]:
    """Return the grid of the money, then that of each market, all with the same atoms, and whether all is whole."""
    steps = [(row.quantity.denominator, denominator([row.entry, row.mark])) for row in rows]
    coarse = lcm(cash.denominator, *(lots * ticks for lots, ticks in steps))
    fine = lcm(coarse, denominator(row.required for row in rows))
    # Money below 0 is lost at twice its notional (`NativeBooks.set_balance`).
    most = 2 * abs(cash) + sum((abs(row.quantity) * max(row.entry, row.mark) for row in rows), Fraction(0))
    is_exact = most * fine <= EXPOSURE_MAX
    atoms = fine if is_exact else multiple_that_fits(coarse, most)
    return [Grid(1, 1, atoms), *(Grid(lots, ticks, atoms) for lots, ticks in steps)], is_exact


def _opened(books: Books, grid: Grid, row: Row) -> Holding:
    """Open a position in a market of its own and return it as the books tell it."""
    market = books.market(grid.atoms_per_tick_lot, row.ratio)
    if row.quantity:
        sign = 1 if row.quantity > 0 else -1
        books.trade(market, sign, grid.lots_of(abs(row.quantity)), grid.ticks_of(row.entry))
    lots, cost = books.position(market)
    return Holding(
        position_lots=lots,
        cost_atoms=cost,
        mark_ticks=grid.ticks_of(row.mark),
        atoms_per_tick_lot=grid.atoms_per_tick_lot,
        maintenance=Rate(row.ratio),
    )


# --- perp_liq_price -------------------------------------------------------------------------------------------------


def price_outcome(vector: Vector, books_class: Callable[[], Books]) -> Outcome:
    """Compare the closed forms exactly, and the first tick that breaches (C-8) with the true price."""
    given, wanted = vector["input"], vector["expect"]["liq_price"]
    cash = rational(given["cash"])
    row = Row(*(rational(given[name]) for name in ("position", "entry", "mark", "maintenance_ratio")))
    # What is not above 0 is no price: a closed form says None.
    true = None if wanted is None or rational(wanted) <= 0 else rational(wanted)
    lines = []
    if row.quantity:
        available = cash + row.quantity * (row.mark - row.entry) - row.required
        forms = {
            "from the mark": liquidation_price_from_mark(row.quantity, row.mark, available, row.ratio),
            "from the entry": liquidation_price(row.quantity, row.entry, cash, row.ratio),
        }
        lines = [f"liq_price {name}: expected {true}, was {form}" for name, form in forms.items() if form != true]
        lines += _tick_lines(books_class(), cash, row, true, is_breached=available < 0)
    elif true is not None:
        lines = [f"liq_price: expected {wanted}, was None: there is no position"]
    unknown = sorted(set(vector["expect"]) - {"liq_price"})
    return Outcome([*lines, *(f"{name}: expected a field of the kind, was an unknown one" for name in unknown)])


def _tick_lines(books: Books, cash: Fraction, row: Row, true: Fraction | None, *, is_breached: bool) -> list[str]:
    """Compare C-8's price of a position that was opened in the books with the first tick past the true one."""
    lots, ticks = row.quantity.denominator, denominator([row.entry, row.mark])
    grid = Grid(lots, ticks, lcm(cash.denominator, lots * ticks))
    holding = _opened(books, grid, row)
    books.set_balance(_whole(cash * grid.atoms, EXPOSURE_MAX, "atoms"))
    books.check()
    side, mark_ticks = (1 if row.quantity > 0 else -1), grid.ticks_of(row.mark)
    health_at = health_at_mark(books.balance(), [holding], 0)
    was = liquidation_price_ticks(health_at, mark_ticks, 1 if side > 0 else TICKS_MAX)
    expected = mark_ticks if is_breached else _first_past(true, side, ticks)
    lines = [] if was == expected else [f"first tick that breaches (of 1/{ticks}): expected {expected}, was {was}"]
    return lines + _native_price_lines(books, holding, was, side, health_at)


def _first_past(true: Fraction | None, side: int, ticks: int) -> int | None:
    """Return the first tick strictly past a price, on its adverse side; None if the market has none."""
    if true is None:
        return None
    exact = true * ticks
    past = -(-exact.numerator // exact.denominator) - 1 if side > 0 else exact.numerator // exact.denominator + 1
    return past if 1 <= past <= TICKS_MAX else None


def _native_price_lines(
    books: Books, holding: Holding, first_ticks: int | None, side: int, health_at: Callable[[int], Health]
) -> list[str]:
    """Compare the world's own health with the reference's at the first tick that breaches and at the last safe one."""
    lines = []
    for price in () if first_ticks is None else (first_ticks, min(first_ticks + side, TICKS_MAX) or 1):
        told = native_health(books, [replace(holding, mark_ticks=price)])
        if told is not None and told != health_at(price):
            lines.append(f"health at {price} ticks: expected {health_at(price)}, was {told}")
    return lines


# --- perp_funding ---------------------------------------------------------------------------------------------------


def funding_outcome(vector: Vector) -> Outcome:
    """Settle one funding (F-3) and compare every payment, and their sum."""
    given = vector["input"]
    price, rate = rational(given["oracle"]), rational(given["rate"])
    positions = {name: rational(quantity) for name, quantity in given["positions"].items()}
    rate_ppb = half_away((rate * PPB).numerator, (rate * PPB).denominator)
    grid, below, above, note = _funding_slack(list(positions.values()), price, rate, rate_ppb)
    lots = [grid.lots_of(quantity) for quantity in positions.values()]
    changes, pool = funding_payments(lots, grid.ticks_of(price), grid.atoms_per_tick_lot, rate_ppb)
    was = {name: Fraction(atoms, grid.atoms) for name, atoms in zip(positions, changes, strict=True)}
    wanted = {name: rational(payment) for name, payment in vector["expect"].get("payments", {}).items()}
    lines = [] if set(wanted) == set(was) else [f"payments: expected those of {sorted(wanted)}, was {sorted(was)}"]
    for name in sorted(set(wanted) & set(was)):
        if not -below <= was[name] - wanted[name] <= above:
            lines.append(f"payments[{name}]: expected {wanted[name]}, was {was[name]}")
    if sum(changes) + pool != 0:
        lines.append(f"payments and pool: expected a sum of 0, was {sum(changes) + pool} atoms")
    compared = Compared({name: value for name, value in vector["expect"].items() if name != "payments"}, lines)
    compared.within("sum", sum(was.values(), Fraction(0)), len(was) * below)
    return compared.outcome(note)


def _funding_slack(
    quantities: list[Fraction], price: Fraction, rate: Fraction, rate_ppb: int
) -> tuple[Grid, Fraction, Fraction, str]:
    """Return a grid, by how much a payment may come out below and above the true one, and the note that says so."""
    lots, ticks = denominator(quantities), price.denominator
    most = max((abs(quantity) * price for quantity in quantities), default=Fraction(0))
    if rate_ppb == rate * PPB:
        whole = lcm(lots * ticks, denominator(quantity * price * rate for quantity in quantities))
        grid, is_exact = _finest(lots, ticks, whole, most)
        if is_exact:
            return grid, Fraction(0), Fraction(0), ""
        return grid, Fraction(1, grid.atoms), Fraction(0), _note(grid, "each payment")
    # The error of the rate, at most half a ppb of the notional, has no side of its own.
    grid = Grid(lots, ticks, multiple_that_fits(lots * ticks, most))
    error = most / (2 * PPB)
    note = f"compared to {error} either way, for the rate is no whole ppb, and one atom of 1/{grid.atoms}"
    return grid, error + Fraction(1, grid.atoms), error, note


# --- grids ----------------------------------------------------------------------------------------------------------


def rational(value: Json) -> Fraction:
    """Return a number of a vector; one that JSON has made a float is taken by its shortest decimal form."""
    return Fraction(str(value))


def denominator(values: Iterable[Fraction]) -> int:
    """Return the smallest number of steps in one on which all values are whole."""
    return lcm(*(value.denominator for value in values))


def _whole(value: Fraction, bound: int, unit: str) -> int:
    """Return a count, or raise saying that the engine has not so many."""
    if value.denominator != 1:
        raise ValueError(f"{value} is no whole number of {unit}")
    if abs(value.numerator) > bound:
        raise ValueError(f"a number needs {value.numerator} {unit}, and the engine has {bound}")
    return value.numerator


def multiple_that_fits(step: int, most: Fraction) -> int:
    """Return the step, or it times a power of ten, such that the largest amount has at most 2^56 atoms."""
    atoms = step
    while most * atoms * 10 <= EXPOSURE_MAX and most:
        atoms *= 10
    return atoms


def _finest(lots: int, ticks: int, atoms: int, most: Fraction) -> tuple[Grid, bool]:
    """Return the grid with that many atoms if they fit, else with as many as do, and whether they fit."""
    if most * atoms <= EXPOSURE_MAX:
        return Grid(lots, ticks, atoms), True
    return Grid(lots, ticks, multiple_that_fits(lots * ticks, most)), False


def _note(grid: Grid, rounded: str) -> str:
    return f"compared to one atom of 1/{grid.atoms} for {rounded}, in the account's disfavour"


# --- the kinds ------------------------------------------------------------------------------------------------------

_ON_BOOKS: dict[str, Callable[[Vector, Callable[[], Books]], Outcome]] = {
    "perp_liq_price": price_outcome,
    "perp_margin_check": check_outcome,
    "perp_position_accounting": position_outcome,
}
MARGIN_KINDS = frozenset(_ON_BOOKS) | {"perp_funding"}


def margin_outcome(vector: Vector, world: Callable[..., Any] | None) -> Outcome:
    """Run one vector of a kind in `MARGIN_KINDS`.

    Parameters
    ----------
    vector : dict
        The vector.
    world : callable or None
        What makes a native world; None: positions are kept by the reference.

    Returns
    -------
    Outcome
        No differences when the vector passes.
    """
    if vector["kind"] == "perp_funding":
        return funding_outcome(vector)

    def books_class() -> Books:
        return ReferenceBooks() if world is None else NativeBooks(world)

    return _ON_BOOKS[vector["kind"]](vector, books_class)
