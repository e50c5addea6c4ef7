"""What a looped collateral looks like from outside, and what is left of it when everybody leaves.

Stands on `engine.margin` for exact numbers. *Gross* collateral is counted at every loop, *net* equity once; a *ladder*
is the bids of a declared depth, best first, prices in money for a coin, quantities in coins.

::

    collateral_illusion   gross / net: the leverage that a sum of deposits hides
    depth_within          what bids near a price take, and what they pay
    exit_cover            money to be had near the price, for each coin that must be sold
    run_payoffs           positions leave in an order, each sells into what the ones before it have left

Promises: exact fractions; arrays (NumPy too) and sequences are read, never changed. Coins are divisible.

Examples
--------
Three equal positions, 369 coins against 269 each, and a book that falls by a percent with each 100 coins:

>>> from engine import illusion
>>> illusion.collateral_illusion([369] * 3, [100] * 3)
Fraction(369, 100)
>>> prices, qtys = [f"{1 - step / 100:.2f}" for step in range(12)], [100] * 12
>>> left = illusion.run_payoffs([369] * 3, [269] * 3, prices, qtys)
>>> [round(float(payoff), 2) for payoff in left.payoff]
[94.93, 81.41, 67.89]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from engine.errors import InputError
from engine.margin import fraction
from engine.schedules import ONE_PPM, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.margin import Number

    Numbers = Iterable[Number] | NDArray[Any]

__all__ = ["Depth", "RunPayoffs", "collateral_illusion", "depth_within", "exit_cover", "run_payoffs"]

WITHIN_PPM = 20_000
"""Two percent: how far from the price an exit may push it."""


# ---- illusion and cover ----------------------------------------------------------------------------------------------


def collateral_illusion(gross: Numbers, net: Numbers) -> Fraction:
    """Return gross collateral / net equity of all positions.

    Parameters
    ----------
    gross : array_like
        Collateral of each position as it is deposited, money, 0 and more.
    net : array_like
        Equity of each, money; one may be below 0, the sum may not.

    Returns
    -------
    Fraction
        1 where nobody has borrowed; for one position, or for equal ones, their leverage.

    Raises
    ------
    InputError
        The lengths differ, something is no number, or there is no net equity in sum.

    Notes
    -----
    O(positions).

    Examples
    --------
    >>> collateral_illusion([368_928, 100_000], [100_000, 100_000])
    Fraction(7327, 3125)
    """
    deposited, own = _amounts(gross, "gross"), _numbers(net, "net")
    _check_length(own, "net", len(deposited))
    equity = sum(own, Fraction(0))
    if equity <= 0:
        raise InputError("net", "equities above 0 in sum", equity)
    return sum(deposited, Fraction(0)) / equity


class Depth(NamedTuple):
    """What some bids take, and what they pay for it: `coins` and `money`."""

    coins: Fraction
    money: Fraction


def depth_within(
    bids_price: Numbers, bids_qty: Numbers, *, reference: Number | None = None, within_ppm: int = WITHIN_PPM
) -> Depth:
    """Return the depth of the bids near a price.

    Parameters
    ----------
    bids_price, bids_qty : array_like
        The ladder, best first.
    reference : number, optional
        The price that is left; the best bid by default.
    within_ppm : int
        How far below it a bid may lie, ppm of it, the bound included.

    Returns
    -------
    Depth
        All of 0 where no bid lies so near.

    Raises
    ------
    InputError
        The ladder is none, or something is out of its bounds; it is named.

    Notes
    -----
    O(levels).

    Examples
    --------
    >>> depth_within(["1.00", "0.98", "0.97"], [10, 50, 900])
    Depth(coins=Fraction(60, 1), money=Fraction(59, 1))
    """
    ladder = _ladder(bids_price, bids_qty)
    near = ONE_PPM - whole(within_ppm, "within_ppm", 0, ONE_PPM)
    if reference is None:
        start = ladder[0].price if ladder else Fraction(0)
    else:
        start = fraction(reference, "reference")
        if start <= 0:
            raise InputError("reference", "a price above 0", reference)
    taken = [bid for bid in ladder if bid.price * ONE_PPM >= start * near]
    coins = sum((bid.left for bid in taken), Fraction(0))
    return Depth(coins, sum((bid.price * bid.left for bid in taken), Fraction(0)))


def exit_cover(
    bids_price: Numbers,
    bids_qty: Numbers,
    to_sell: Number,
    *,
    reference: Number | None = None,
    within_ppm: int = WITHIN_PPM,
) -> Fraction | None:
    """Return the money to be had near the price / the coins that must be sold.

    Parameters
    ----------
    bids_price, bids_qty : array_like
        The ladder, best first. Of a depth that is known as a sum: one row, its average price and its coins.
    to_sell : number
        Coins that must be sold to repay all loops, 0 and more.
    reference, within_ppm
        As for `depth_within`.

    Returns
    -------
    Fraction or None
        Below 1 not everybody gets out near the price; None where nobody has to sell.

    Raises
    ------
    InputError
        The ladder is none, or something is out of its bounds; it is named.

    Notes
    -----
    O(levels).

    Examples
    --------
    55 million within 2 %, 6.6 billion looped:

    >>> float(exit_cover([1], [55_000_000], 6_600_000_000)) * 120
    1.0
    """
    money = depth_within(bids_price, bids_qty, reference=reference, within_ppm=within_ppm).money
    coins = fraction(to_sell, "to_sell")
    if coins < 0:
        raise InputError("to_sell", "coins, 0 and more", to_sell)
    return money / coins if coins else None


# ---- a run -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunPayoffs:
    """What each position of a run came away with, by its place in the queue.

    Attributes
    ----------
    position : tuple of int
        Who stood at this place.
    sold, proceeds : tuple of Fraction
        Coins sold, and the money that the bids paid.
    kept : tuple of Fraction
        Coins that were not sold: no need to, or no bid left.
    payoff : tuple of Fraction
        Money left when the debt is repaid and what was kept is counted at the kept price; 0 at least.
    shortfall : tuple of Fraction
        Debt that is not repaid, money: what the lenders lose.
    """

    position: tuple[int, ...]
    sold: tuple[Fraction, ...]
    proceeds: tuple[Fraction, ...]
    kept: tuple[Fraction, ...]
    payoff: tuple[Fraction, ...]
    shortfall: tuple[Fraction, ...]

    def __len__(self) -> int:
        return len(self.position)


def run_payoffs(
    collateral: Numbers,
    debt: Numbers,
    bids_price: Numbers,
    bids_qty: Numbers,
    *,
    order: Iterable[int] | None = None,
    sells: Literal["all", "debt"] = "all",
    kept_price: Number = 0,
) -> RunPayoffs:
    """Return the payoffs of a run: first come, first served, until the bids are gone.

    Parameters
    ----------
    collateral, debt : array_like
        Coins and money of each position, 0 and more.
    bids_price, bids_qty : array_like
        The ladder, best first. Nobody adds to it while the run lasts.
    order : iterable of int, optional
        Positions in the order in which they leave, each once; as they are numbered by default.
    sells : {"all", "debt"}
        What each must sell: all of its coins, or as many as repay its debt.
    kept_price : number
        What a coin that was not sold counts, money, 0 and more.

    Returns
    -------
    RunPayoffs
        Of equal positions none does better than the one before it, as long as the kept price is not above the last
        bid, or each sells for its debt only and the bids last.

    Raises
    ------
    InputError
        The ladder is none, or something is out of its bounds; it is named.

    Notes
    -----
    O(positions + levels). Lenders have no claim beyond a position's own coins and money.

    Examples
    --------
    Two have 10 coins each; 10 find a bid at 1, 5 at a half, the last 5 none:

    >>> run = run_payoffs([10, 10], [2, 4], ["1", "0.5"], [10, 5])
    >>> run.payoff, run.shortfall, run.kept
    ((Fraction(8, 1), Fraction(0, 1)), (Fraction(0, 1), Fraction(3, 2)), (Fraction(0, 1), Fraction(5, 1)))
    """
    coins, owed = _amounts(collateral, "collateral"), _amounts(debt, "debt")
    _check_length(owed, "debt", len(coins))
    if sells not in ("all", "debt"):
        raise InputError("sells", "one of all, debt", sells)
    ladder, counts = _ladder(bids_price, bids_qty), _amounts([kept_price], "kept_price")[0]
    places = _order(order, len(coins))
    rows = []
    at = 0
    for place in places:
        wanted = owed[place] if sells == "debt" else None
        at, sold, proceeds = _sell(ladder, at, coins[place], wanted)
        kept = coins[place] - sold
        left = proceeds + kept * counts - owed[place]
        rows.append((sold, proceeds, kept, max(left, Fraction(0)), max(-left, Fraction(0))))
    columns = zip(*rows, strict=True) if rows else [()] * 5
    return RunPayoffs(tuple(places), *map(tuple, columns))


@dataclass
class _Bid:
    """One level of a ladder, and what is left of it."""

    price: Fraction
    left: Fraction


def _sell(ladder: list[_Bid], at: int, coins: Fraction, wanted: Fraction | None) -> tuple[int, Fraction, Fraction]:
    """Sell down a ladder from a level on, until there are no coins, no bids, or the money is there.

    Returns the level where the next one begins, coins sold, and money.
    """
    sold = proceeds = Fraction(0)
    # Every level before `at` is empty; sold <= coins, and proceeds <= wanted.
    while at < len(ladder):
        bid = ladder[at]
        part = min(bid.left, coins - sold)
        if wanted is not None:
            part = min(part, (wanted - proceeds) / bid.price)
        sold, proceeds, bid.left = sold + part, proceeds + part * bid.price, bid.left - part
        if bid.left:
            break
        at += 1
    return at, sold, proceeds


# ---- reading ---------------------------------------------------------------------------------------------------------


def _numbers(values: Numbers, name: str) -> list[Fraction]:
    """Read an array or a sequence of numbers; `tolist` makes Python's numbers of NumPy's."""
    rows = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(rows, str) or not isinstance(rows, Iterable):
        raise InputError(name, "a sequence of numbers", values)
    return [fraction(value, f"{name}[{row}]") for row, value in enumerate(rows)]


def _amounts(values: Numbers, name: str) -> list[Fraction]:
    numbers = _numbers(values, name)
    for row, number in enumerate(numbers):
        if number < 0:
            raise InputError(name if name == "kept_price" else f"{name}[{row}]", "0 and more", number)
    return numbers


def _check_length(numbers: list[Fraction], name: str, count: int) -> None:
    if len(numbers) != count:
        raise InputError(name, f"{count} numbers, one for each position", len(numbers))


def _ladder(bids_price: Numbers, bids_qty: Numbers) -> list[_Bid]:
    prices, qtys = _numbers(bids_price, "bids_price"), _amounts(bids_qty, "bids_qty")
    if len(qtys) != len(prices):
        raise InputError("bids_qty", f"{len(prices)} quantities, one for each price", len(qtys))
    for row, price in enumerate(prices):
        if price <= 0:
            raise InputError(f"bids_price[{row}]", "a price above 0", price)
    for row, (before, price) in enumerate(pairwise(prices), 1):
        if price > before:
            raise InputError(f"bids_price[{row}]", f"at most {before}, the bid before it", price)
    return [_Bid(price, qty) for price, qty in zip(prices, qtys, strict=True)]


def _order(order: Iterable[int] | None, count: int) -> list[int]:
    if order is None:
        return list(range(count))
    places = [whole(place, f"order[{row}]", 0, count - 1) for row, place in enumerate(order)]
    if len(places) != count or len(set(places)) != count:
        raise InputError("order", f"each of the {count} positions once", places)
    return places
