"""Lending protocols in a world: reserves, loans, prices, interest, health and levels: rules Y-15 .. Y-17, Y-20, Y-21.

Stands on `lending` (the arithmetic) and `actions`.

::

    Lending -> protocols -> reserves [ 0 | 1 | 2 ]       loans[account, protocol] -> entries {reserve: supply, debt}
                               price, interest, cash        health -> level -> the protocol's work list

Promises: nothing here moves atoms of the ledger. A loan is its entries that are not empty; sums of a reserve change
with them, in `put`, and nowhere else.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import InputError
from engine.reference.lending import (
    AMOUNT_MAX,
    MILLION,
    ONE,
    PRICE_MAX,
    ceil_div,
    lending_accrued,
    lending_grown,
    lending_health,
    lending_is_below,
    lending_rate,
    lending_utilisation,
)
from engine.reference.lending_liquidation import loan_level

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.reference.lending import Health
    from engine.reference.world import World

INDEX_MOST = 2_000 * ONE  # of an index in a world (Y-17)
AAVE, MORPHO, COMET, LOAN = range(1, 5)  # forms (Y-15)


class Counts(NamedTuple):
    """Say how an asset counts for a loan, ppm; threshold 0: it is no collateral."""

    ltv_ppm: int = 0
    threshold_ppm: int = 0
    bonus_ppm: int = 0  # Comet: 10^6 - liquidation factor


class ReserveTerms(NamedTuple):
    """Declare a reserve (Y-15, Y-16); `market` None: the price is fixed."""

    asset: int
    price: tuple[int, int]  # value atoms for so many atoms of the asset; with a market: of a tick
    market: int | None = None
    series: str = "oracle"
    stale_ms: int = 0
    own: Counts = Counts()
    mode: int = 0
    moded: Counts = Counts()
    curve: tuple[int, int, int, int] = (0, MILLION, 0, 0)  # base, kink, slope, steep, ppm
    reserve_ppm: int = 0
    is_lent: bool = False
    supply_cap: int = AMOUNT_MAX
    borrow_cap: int = AMOUNT_MAX
    sale_market: int | None = None


class ProtocolTerms(NamedTuple):
    """Declare a protocol (Y-15)."""

    form: int
    account: int  # P: its cash
    seller: int | None = None  # of a centralised loan (Y-23)
    fee_ppm: int = 100_000
    close_ppm: int = 500_000
    full_below_ppm: int = 950_000
    close_value_min: int = 0
    left_value_min: int = 0
    call_ppm: int = 750_000
    liquidation_ppm: int = 830_000
    store_front_ppm: int = 600_000
    target_atoms: int = 0
    sale_ppm: int = MILLION
    sale_ms: int = 1
    accrue_ms: int = 0


class Entry(NamedTuple):
    """Hold what a loan has in a reserve, scaled (Y-5)."""

    supply: int = 0
    debt: int = 0


@dataclass
class Reserve:
    """Hold one asset of a protocol."""

    terms: ReserveTerms
    protocol: int
    rate: int  # of a year, 10^-18, since the last accrual
    accrued_ms: int
    supply_index: int = ONE
    borrow_index: int = ONE
    scaled_supply: int = 0
    scaled_debt: int = 0
    kept: int = 0
    deficit: int = 0

    @property
    def claims(self) -> int:
        """Return what all suppliers together may claim, atoms."""
        return self.claim(self.scaled_supply)

    @property
    def debts(self) -> int:
        """Return what all borrowers together owe, atoms."""
        return self.owed(self.scaled_debt)

    def claim(self, scaled: int) -> int:
        """Return what a scaled supply may claim; held at 2^61, and 0 once suppliers have lost all (Y-5, Y-12)."""
        return min(scaled * self.supply_index // ONE, AMOUNT_MAX)

    def owed(self, scaled: int) -> int:
        """Return what a scaled debt owes; held at 2^61."""
        return min(ceil_div(scaled * self.borrow_index, ONE), AMOUNT_MAX)


@dataclass(eq=False)
class Loan:
    """Hold what an account has at a protocol."""

    account: int
    protocol: int
    entries: dict[int, Entry] = field(default_factory=dict)  # by reserve; none is empty
    mode: int = 0
    level: int = 0

    @property
    def is_there(self) -> bool:
        """Tell whether it has anything."""
        return bool(self.entries)

    @property
    def owes(self) -> bool:
        """Tell whether it has debt."""
        return any(entry.debt for entry in self.entries.values())

    def entry(self, reserve: int) -> Entry:
        """Return what it has in a reserve."""
        return self.entries.get(reserve, Entry())


@dataclass
class Protocol:
    """Hold a protocol's terms, its reserves by number, and who is to be liquidated."""

    terms: ProtocolTerms
    reserves: list[int] = field(default_factory=list)
    work: list[Loan] = field(default_factory=list)  # loans at the last level, by arrival
    sold: tuple[Loan, int] | None = None  # the loan that is being sold, and of which reserve
    sale_is_queued: bool = False

    @property
    def last_level(self) -> int:
        """Return the level at which a loan is liquidated (Y-21)."""
        return 2 if self.terms.form == LOAN else 1


class Lending:
    """Hold all protocols of a world.

    Parameters
    ----------
    world : World
        Whose ledger, markets and clock are read.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.protocols: list[Protocol] = []
        self.reserves: list[Reserve] = []
        self.loans: dict[tuple[int, int], Loan] = {}  # by (account, protocol)
        self.published_ms: dict[tuple[int, str], int] = {}  # of a market's series

    def add(self, terms: ProtocolTerms, reserves: Iterable[ReserveTerms], now_ms: int) -> None:
        """Open a protocol with its reserves."""
        protocol = Protocol(terms)
        for each in reserves:
            protocol.reserves.append(len(self.reserves))
            rate = lending_rate(0, *each.curve)
            self.reserves.append(Reserve(each, len(self.protocols), rate, now_ms))
        self.protocols.append(protocol)

    def find(self, protocol: Protocol, asset: int) -> int | None:
        """Return the number of an asset's reserve."""
        return next((each for each in protocol.reserves if self.reserves[each].terms.asset == asset), None)

    def base(self, protocol: Protocol) -> int | None:
        """Return the reserve that a Comet lends."""
        return next((each for each in protocol.reserves if self.reserves[each].terms.is_lent), None)

    def loan(self, account: int, protocol: int) -> Loan:
        """Return an account's loan, which may be empty."""
        return self.loans.get((account, protocol)) or Loan(account, protocol)

    def opened(self, account: int, protocol: int) -> Loan:
        """Return an account's loan, noted if it was not."""
        return self.loans.setdefault((account, protocol), Loan(account, protocol))

    def put(self, loan: Loan, number: int, entry: Entry) -> None:
        """Let a loan have something else in a reserve, whose sums follow."""
        before, reserve = loan.entry(number), self.reserves[number]
        reserve.scaled_supply += entry.supply - before.supply
        reserve.scaled_debt += entry.debt - before.debt
        loan.entries[number] = entry
        if entry == Entry():
            del loan.entries[number]

    # --- a reserve ---------------------------------------------------------------------------------------------------

    def price(self, reserve: Reserve) -> tuple[int, int] | None:
        """Return (p, u) of an asset now, None if it is unknown (Y-16)."""
        terms = reserve.terms
        price, unit = terms.price
        if terms.market is None:
            return price, unit
        ticks = getattr(self.world.markets[terms.market], terms.series)
        if ticks is None or ticks * price > PRICE_MAX:
            return None
        age_ms = self.world.now_ms - self.published_ms[terms.market, terms.series]
        return None if terms.stale_ms and age_ms > terms.stale_ms else (ticks * price, unit)

    def atoms(self, reserve: Reserve) -> int:
        """Return what a protocol has of a reserve's asset."""
        account = self.protocols[reserve.protocol].terms.account
        return self.world.ledger.balances[account][reserve.terms.asset].atoms

    def cash(self, reserve: Reserve) -> int:
        """Return what may be paid out: what it has less what is kept (Y-17)."""
        return max(0, self.atoms(reserve) - reserve.kept)

    def accrue(self, reserve: Reserve) -> None:
        """Let interest grow until now at the rate that stood; a step beyond a bound changes no index (Y-4, Y-17)."""
        dt_ms = self.world.now_ms - reserve.accrued_ms
        reserve.accrued_ms = self.world.now_ms
        indexes = (reserve.supply_index, reserve.borrow_index)
        scaled = (reserve.scaled_supply, reserve.scaled_debt)
        try:
            if reserve.supply_index:
                supply, borrow, kept = lending_accrued(
                    *indexes, *scaled, reserve.rate, dt_ms, reserve.terms.reserve_ppm
                )
            else:  # suppliers have lost all, so nobody has a claim: the reserve keeps what is owed (Y-4, Y-12)
                supply, borrow = 0, lending_grown(reserve.borrow_index, reserve.rate, dt_ms, up=True)
                kept = reserve.scaled_debt * (borrow - reserve.borrow_index) // ONE
        except InputError:
            return
        if max(supply, borrow) <= INDEX_MOST:
            reserve.supply_index, reserve.borrow_index = supply, borrow
            reserve.kept += kept

    def rerate(self, reserve: Reserve) -> None:
        """Set the rate from now on, by utilisation (Y-2, Y-17)."""
        reserve.rate = lending_rate(lending_utilisation(self.cash(reserve), reserve.debts), *reserve.terms.curve)

    @contextmanager
    def interest(self, numbers: Iterable[int]) -> Iterator[None]:
        """Accrue reserves before what is done in between, and set their rates after it, refused or not (Y-17)."""
        touched = [self.reserves[number] for number in sorted(set(numbers))]
        for reserve in touched:
            self.accrue(reserve)
        try:
            yield
        finally:
            for reserve in touched:
                self.rerate(reserve)

    # --- a loan ------------------------------------------------------------------------------------------------------

    def counts(self, loan: Loan, number: int) -> Counts:
        """Return how an asset counts for a loan: as in its mode, or by itself (Y-8)."""
        terms = self.reserves[number].terms
        return terms.moded if loan.mode and terms.mode == loan.mode else terms.own

    def collateral(self, loan: Loan) -> list[int]:
        """Return the reserves in which a loan has collateral."""
        return [number for number, entry in sorted(loan.entries.items()) if entry.supply and self.is_held(loan, number)]

    def is_held(self, loan: Loan, number: int) -> bool:
        """Tell whether what a loan supplies there counts as collateral."""
        return self.counts(loan, number).threshold_ppm > 0

    def health(self, loan: Loan, *, by_ltv: bool = False) -> Health | None:
        """Return what a loan is worth at stored indexes and prices of now (Y-7); None if a price is unknown.

        Thresholds count, or with `by_ltv` loan-to-value ratios (Y-8). Values beyond Y-6 count as unknown.
        """
        held, owed = [], []
        for number, entry in sorted(loan.entries.items()):
            reserve, counts = self.reserves[number], self.counts(loan, number)
            price = self.price(reserve)
            if price is None:
                if entry.debt or (entry.supply and counts.threshold_ppm):
                    return None
                continue
            if entry.supply and counts.threshold_ppm:
                share_ppm = counts.ltv_ppm if by_ltv else counts.threshold_ppm
                held.append((reserve.claim(entry.supply), *price, share_ppm))
            if entry.debt:
                owed.append((reserve.owed(entry.debt), *price))
        try:
            return lending_health(held, owed)
        except InputError:
            return None

    def level(self, loan: Loan, health: Health) -> int:
        """Return the level of a health (Y-14, Y-21)."""
        terms = self.protocols[loan.protocol].terms
        if terms.form == LOAN:
            return loan_level(health, terms.call_ppm, terms.liquidation_ppm)
        return int(lending_is_below(health, MILLION))

    def is_working(self, loan: Loan) -> bool:
        """Tell whether a loan is on its protocol's work list."""
        return any(each is loan for each in self.protocols[loan.protocol].work)

    def stands(self, loan: Loan) -> tuple[int, Health] | None:
        """Return level and health of a loan now; None: it has debt and a price is unknown (Y-21)."""
        if not loan.owes:
            return 0, (0, 0, 0)
        health = self.health(loan)
        return None if health is None else (self.level(loan, health), health)

    def look(self, loan: Loan) -> None:
        """Let a loan have its level of now, unless that is worse: then the next check says why (Y-21)."""
        now = self.stands(loan)
        if now is None or now[0] > loan.level:
            return
        if now[0] < self.protocols[loan.protocol].last_level and self.is_working(loan):
            self.leave(loan)
        loan.level = now[0]

    def leave(self, loan: Loan) -> None:
        """Take a loan off its protocol's work list."""
        work = self.protocols[loan.protocol].work
        work[:] = [each for each in work if each is not loan]

    # --- digest ------------------------------------------------------------------------------------------------------

    def words(self) -> Iterator[int]:
        """Yield what the state digest says of lending (Y-26)."""
        for reserve in self.reserves:
            yield -11
            for index in (reserve.supply_index, reserve.borrow_index):
                yield from (index % 2**64, index >> 64)
            yield from (reserve.scaled_supply, reserve.scaled_debt, reserve.kept, reserve.deficit)
            yield from (reserve.rate, reserve.accrued_ms)
        for (account, _), loan in sorted(self.loans.items()):
            for number, entry in sorted(loan.entries.items()):
                yield from (-12, account, number, *entry)
            if loan.level or loan.mode:
                yield from (-13, loan.level, loan.mode)
