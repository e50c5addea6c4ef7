"""Routes: what carries an asset between venues: section K, and the windows and caps that issuers have too.

Stands on `actions`, `law` and `rng`.

::

    account --atoms--> fee, route's account   ... on its way ...   ARRIVAL --> party

Promises: a refused transfer changes nothing. When something arrives is an input; it must be when, and what, is decided
here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import InvariantError
from engine.reference import rng
from engine.reference.actions import ALL, Outcome, Refusal, refuse_if

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.reference.actions import Action
    from engine.reference.journal import JournalRow
    from engine.reference.law import Law
    from engine.reference.lending_world import LendingWorld

TRANSFER = 14  # purpose of a draw (K-2)
Windows = tuple[tuple[int, int], ...]


def outage_end(outages: Windows, time_ms: int) -> int:
    """Return a time, or where it lies in a window [from, to) the end of that, window after window (K-2).

    Examples
    --------
    >>> [outage_end(((10, 20), (20, 30)), time_ms) for time_ms in (9, 10, 25, 30)]
    [9, 30, 30, 30]
    """
    for begin, end in outages:
        if begin <= time_ms < end:
            time_ms = end
    return time_ms


@dataclass
class Allotment:
    """Bound how much may pass in each window of so many ms since 0; `most` 0: any (K-3)."""

    most: int = 0
    every_ms: int = 1
    window: int = -1
    used_atoms: int = 0

    def used(self, now_ms: int) -> int:
        """Return what the window of now has used."""
        return self.used_atoms if self.most and now_ms // self.every_ms == self.window else 0

    def check(self, now_ms: int, atoms: int) -> None:
        """Refuse what does not fit."""
        refuse_if(self.most > 0 and self.used(now_ms) + atoms > self.most, Refusal.CAP)

    def use(self, now_ms: int, atoms: int) -> None:
        """Count what passes."""
        if self.most:
            self.window, self.used_atoms = now_ms // self.every_ms, self.used(now_ms) + atoms


class Transit(NamedTuple):
    """Hold atoms on their way to an account."""

    account: int
    atoms: int
    due_ms: int


class Transits:
    """Hold what is on its way, in the order of departure."""

    def __init__(self) -> None:
        self.rows: list[Transit] = []

    @property
    def atoms(self) -> int:
        """Return all of it."""
        return sum(row.atoms for row in self.rows)

    def arrive(self, row: JournalRow) -> None:
        """Take off what arrives: of what is due now the first that left."""
        due = next((each for each in self.rows if each.due_ms == row.time_ms), None)
        if due is None or (due.account, due.atoms) != (row.account, row.qty):
            raise InvariantError("K-2, I-4: another arrival than what is due", f"expected {due}, was {row}")
        self.rows.remove(due)

    def words(self) -> Iterator[int]:
        """Yield what the state digest says of them (K-6)."""
        for row in self.rows:
            yield from (-16, row.account, row.atoms)

    def broken(self, account: int, has: int, now_ms: int) -> str | None:
        """Return what does not hold: the account has what is on its way, and nothing is late (K-2, K-6)."""
        if has != self.atoms:
            return f"K-6: account {account} has {has}, on its way are {self.atoms}"
        if any(row.due_ms < now_ms for row in self.rows):
            return f"K-2: something did not arrive when it was due: {self.rows}"
        return None


class RouteTerms(NamedTuple):
    """Declare a route (K-1)."""

    asset: int
    venue: int
    to_venue: int
    key: str
    least_ms: int
    law: Law | None = None
    fee_atoms: int = 0
    cap_atoms: int = 0
    cap_ms: int = 86_400_000
    outages: Windows = ()


@dataclass
class Route:
    """Hold a route: its terms, the account of what is on its way, and that."""

    terms: RouteTerms
    account: int
    cap: Allotment = field(init=False)
    way: Transits = field(default_factory=Transits)
    transfer_count: int = 0
    drawn_ms: int = -1
    draws: int = 0  # of that millisecond

    def __post_init__(self) -> None:
        """Begin with nothing used of the cap."""
        self.cap = Allotment(self.terms.cap_atoms, self.terms.cap_ms)


class Routes:
    """Hold the routes of a world.

    Parameters
    ----------
    world : LendingWorld
        Whose accounts act.
    seed : int
        Key of the draws of delays.
    """

    def __init__(self, world: LendingWorld, seed: int) -> None:
        self.world = world
        self.seed = seed
        self.routes: list[Route] = []

    def transfer(self, action: Action) -> Outcome:
        """Send atoms to an account at a route's far end (K-1)."""
        route, now_ms = self.routes[action.target], self.world.now_ms
        terms, carried = route.terms, action.atoms - route.terms.fee_atoms
        refuse_if(self.world.venue(action.party) != terms.to_venue, Refusal.NO_SUCH)
        refuse_if(action.atoms < 1 or carried < 1, Refusal.NOTHING)
        refuse_if(action.atoms > ALL, Refusal.BOUND)
        refuse_if(carried < action.least, Refusal.BELOW_MINIMUM)
        refuse_if(outage_end(terms.outages, now_ms) != now_ms, Refusal.CLOSED)
        route.cap.check(now_ms, carried)
        self.world.check_giving(action.account, terms.asset, action.atoms)
        route.cap.use(now_ms, carried)
        self.world.spend(action.account, self.world.fees[terms.venue], terms.asset, terms.fee_atoms)
        self.world.spend(action.account, route.account, terms.asset, carried)
        due_ms = self._due_ms(route, action.account, action.party)
        route.way.rows.append(Transit(action.party, carried, due_ms))
        route.transfer_count += 1
        return Outcome(paid=action.atoms, got=carried)

    def _due_ms(self, route: Route, account: int, party: int) -> int:
        """Return when what leaves now arrives (K-2)."""
        now_ms, terms = self.world.now_ms, route.terms
        drawn_ms = 0
        if terms.law is not None:
            if route.drawn_ms != now_ms:
                route.drawn_ms, route.draws = now_ms, 0
            stream = rng.stream_of(self.seed, rng.mix64(rng.fnv1a64(terms.key.encode())))
            bits = rng.bits64(rng.key_of(stream, TRANSFER), now_ms, route.draws, account)
            drawn_ms = terms.law.ms(bits)
            route.draws += 1
        due_ms = max(now_ms + 1, now_ms + terms.least_ms + drawn_ms)
        before = [row.due_ms for row in route.way.rows if row.account == party]
        if terms.law is not None and before:
            due_ms = max(due_ms, before[-1])
        return outage_end(terms.outages, due_ms)

    def arrive(self, row: JournalRow) -> None:
        """Let what is due arrive (K-4)."""
        route = self.routes[row.market]
        route.way.arrive(row)
        self.world.spend(route.account, row.account, route.terms.asset, row.qty)

    def words(self, now_ms: int) -> Iterator[int]:
        """Yield what the state digest says of routes (K-6)."""
        for route in self.routes:
            yield from (-15, route.transfer_count, route.cap.used(now_ms))
            yield from route.way.words()

    def broken(self) -> str | None:
        """Return what does not hold of a route, in words (K-6)."""
        found: Sequence[str | None] = [
            route.way.broken(route.account, self._has(route), self.world.now_ms) for route in self.routes
        ]
        return next((each for each in found if each is not None), None)

    def _has(self, route: Route) -> int:
        return self.world.ledger.balances[route.account][route.terms.asset].atoms
