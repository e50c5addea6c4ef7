"""Attribution: how much each link of a chain carries, alone and as its Shapley share by sampled permutations.

Stands on exact fractions. The value of a coalition of links is an outcome of the run in which those links are on and
the others off. A link's *marginal* is what it adds when it comes on after those before it in an order; its Shapley
share is the mean over all orders. Orders are sampled in antithetic pairs, an order and its reverse, so that a link that
comes early in one comes late in the other. Promises: the shares of a seed add up to the value of all links minus that
of none, exactly; what is sampled depends on seed and names alone.

Source: Castro, Gomez and Tejada 2009 (sampled orders); Mitchell, Cooper, Frank and Holmes 2022 (antithetic ones).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from engine.errors import InputError, InvariantError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Share", "coalitions", "sampled_orders", "shapley_of_seed", "shares"]

Coalition = frozenset[str]


def sampled_orders(links: Sequence[str], seed: int, pairs: int) -> list[tuple[str, ...]]:
    """Return `pairs` orders of the links, each followed by its reverse.

    Parameters
    ----------
    links : sequence of str
        At least one, each once.
    seed : int
        With the pair's number it decides the order.
    pairs : int
        At least 1.

    Returns
    -------
    list of tuple of str
        2 x `pairs` orders.

    Raises
    ------
    InputError
        No link, one given twice, or no pair.

    Notes
    -----
    Links are sorted by a hash of seed, pair and name: uniform over the orders, and the same in every version.

    Examples
    --------
    >>> sampled_orders(["a", "b", "c"], 1, 1)
    [('b', 'a', 'c'), ('c', 'a', 'b')]
    """
    if not links or len(set(links)) < len(links):
        raise InputError("links", "at least one link, each once", list(links))
    if pairs < 1:
        raise InputError("pairs", "at least 1", pairs)
    orders = []
    for pair in range(pairs):
        keys = {link: hashlib.blake2b(f"{seed}/{pair}/{link}".encode(), digest_size=16).digest() for link in links}
        order = tuple(sorted(links, key=keys.__getitem__))
        orders += [order, order[::-1]]
    return orders


def coalitions(orders: Iterable[Sequence[str]]) -> list[Coalition]:
    """Return every coalition that the orders walk through, from none to all, each once."""
    walked: dict[Coalition, None] = {}
    for order in orders:
        for count in range(len(order) + 1):
            walked[frozenset(order[:count])] = None
    return list(walked)


def shapley_of_seed(orders: Sequence[Sequence[str]], value: Mapping[Coalition, float]) -> dict[str, Fraction]:
    """Return each link's mean marginal over the orders, exactly.

    Parameters
    ----------
    orders : sequence of sequence of str
        From `sampled_orders`.
    value : mapping of frozenset to float
        The outcome of every coalition in `coalitions`.

    Returns
    -------
    dict of str to Fraction

    Raises
    ------
    InvariantError
        The shares do not add up to the whole: never, short of an inner fault.
    """
    worth = {coalition: Fraction(each) for coalition, each in value.items()}
    sums = dict.fromkeys(orders[0], Fraction(0))
    for order in orders:
        for place, link in enumerate(order):
            sums[link] += worth[frozenset(order[: place + 1])] - worth[frozenset(order[:place])]
    found = {link: total / len(orders) for link, total in sums.items()}
    if sum(found.values()) != worth[frozenset(orders[0])] - worth[frozenset()]:
        raise InvariantError("the shares of an attribution add up to the whole", str(found))
    return found


@dataclass(frozen=True)
class Share:
    """What a link carries of an outcome.

    Parameters
    ----------
    link : str
        Its switch.
    share : float or None
        Mean over the seeds of its Shapley share, in the outcome's unit; None if no seed could tell.
    error : float or None
        Standard error of that mean over seeds and their orders; None with fewer than two seeds.
    """

    link: str
    share: float | None
    error: float | None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"share": self.share, "error": self.error}


def shares(links: Sequence[str], by_seed: Sequence[Mapping[str, Fraction]]) -> list[Share]:
    """Return each link's share over the seeds.

    Each seed has orders of its own, so the spread of its shares over the seeds holds both what the orders and what the
    seeds differ by; seeds are independent, orders of one seed are not.

    Parameters
    ----------
    links : sequence of str
        In the order that is wanted.
    by_seed : sequence of mapping of str to Fraction
        From `shapley_of_seed`.

    Returns
    -------
    list of Share
    """
    found = []
    for link in links:
        values = [each[link] for each in by_seed]
        if not values:
            found.append(Share(link, None, None))
            continue
        mean, error = sum(values, Fraction(0)) / len(values), None
        if len(values) > 1:
            spread = sum(((value - mean) ** 2 for value in values), Fraction(0)) / (len(values) - 1)
            error = math.sqrt(spread / len(values))
        found.append(Share(link, float(mean), error))
    return found
