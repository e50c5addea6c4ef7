"""Simulation: a world with names and units.

Stands on `engine._core.World` (numbers only) and `engine.units`. Every asset, market and account has a name; prices,
quantities and amounts are given as people write them and are exact or refused. The native world stays reachable as
`Simulation.world`.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, overload

from engine import _core
from engine.agents import Agent, ArrayAgent
from engine.errors import InputError
from engine.pricing import Pricing
from engine.tables import Tables
from engine.units import EXACT, Amount, Grid, exact, whole_steps

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from datetime import datetime
    from os import PathLike

    from engine._core import World
    from engine.part import Part
    from engine.spill import Spill
    from engine.types import Side

__all__ = ["Asset", "Market", "Plan", "Simulation"]

ATOMS_MAX = 2**61


def _ppm(share: Amount, field: str, *, least: int = 0) -> int:
    """Return a share of 0 to 1 in parts per million."""
    ppm = Grid("0.000001").count(share, field)
    if not least <= ppm <= 10**6:
        raise InputError(field, f"a share between {least} ppm and 1", share)
    return ppm


@dataclass(frozen=True)
class Asset:
    """An asset: its number in the world, the size of its atom and the most atoms that there may be."""

    name: str
    number: int
    grid: Grid
    supply_atoms: int

    def atoms(self, amount: Amount, field: str = "amount") -> int:
        """Return an amount in atoms."""
        return self.grid.count(amount, field)


@dataclass(frozen=True)
class Market:
    """A market: its number in the world and its grids."""

    name: str
    number: int
    price: Grid
    quantity: Grid
    atoms_per_tick_lot: int
    quote: Asset
    base: Asset | None
    venue: int = 0

    def __index__(self) -> int:
        """Stand for the market's number wherever the core wants one."""
        return self.number

    def ticks(self, price: Amount, field: str = "price") -> int:
        """Return a price in ticks."""
        return self.price.count(price, field)

    def lots(self, quantity: Amount, field: str = "quantity") -> int:
        """Return a quantity in lots."""
        return self.quantity.count(quantity, field)

    def lots_worth(self, amount: Amount, price_ticks: int) -> int:
        """Return the whole lots that an amount of the quote asset buys at a positive price, at least 1."""
        if price_ticks < 1:
            raise InputError("price_ticks", "a positive price", price_ticks)
        return max(1, self.quote.grid.floor_count(amount, "amount") // (price_ticks * self.atoms_per_tick_lot))


@dataclass(frozen=True)
class Plan:
    """What a scenario's simulation knows of the scenario: its name, its clock and its end."""

    name: str
    start: datetime
    end_ms: int


class Simulation(Pricing):
    """One run in the making: declare, then `run`, then read.

    Parameters
    ----------
    seed : int
        Key of every random draw.
    stage : Amount
        Share of a position that a liquidation step closes (rule X-4).
    stage_lots_min : int
        Least lots of a step, so that small rests end.
    stage_interval_ms : int
        Time between the steps, ms.
    depth_every_ms : int
        Cadence of the samples table, ms; 0 switches it off.

    Examples
    --------
    >>> from engine import Side
    >>> sim = Simulation(seed=1)
    >>> usdt = sim.asset("USDT", decimals=6, supply="1000000000")
    >>> atom = sim.asset("ATOM", decimals=3, supply="1000000000")
    >>> spot = sim.spot("ATOM/USDT", atom, usdt, tick="0.001", lot="0.001")
    >>> maker, taker = sim.account("maker", USDT="100"), sim.account("taker", ATOM="5")
    >>> ticket = sim.place(maker, spot, Side.BUY, "4.000", "5", at_ms=0)
    >>> ticket = sim.place(taker, spot, Side.SELL, None, "2", at_ms=1)
    >>> events = sim.run(until_ms=10)
    >>> sim.world.trades()["price_ticks"].tolist(), sim.world.balance(taker, usdt.number)
    ([4000], (8000000, 0))
    """

    def __init__(
        self,
        *,
        seed: int,
        stage: Amount = "0.25",
        stage_lots_min: int = 1,
        stage_interval_ms: int = 1000,
        depth_every_ms: int = 0,
    ) -> None:
        self.world = _core.World(
            seed,
            stage_ppm=_ppm(stage, "stage", least=1),
            stage_lots_min=stage_lots_min,
            stage_interval_ms=stage_interval_ms,
            depth_every_ms=depth_every_ms,
        )
        self.seed = seed
        self.assets: dict[str, Asset] = {}
        self.markets: dict[str, Market] = {}
        self.accounts: dict[int, str] = {0: "fees", 1: "insurance fund", 2: "bad debt"}
        self._account_names = set(self.accounts.values())
        self.venues: list[str] = [""]
        self.plan: Plan | None = None

    def _new_name(self, name: object, names: Container[str]) -> None:
        if not isinstance(name, str) or not name or name in names:
            raise InputError("name", "a new, non-empty name", name)

    def _own_asset(self, asset: object, field: str) -> Asset:
        if not isinstance(asset, Asset) or self.assets.get(asset.name) is not asset:
            raise InputError(field, "an asset of this simulation", asset)
        return asset

    def _own_market(self, market: object) -> Market:
        if not isinstance(market, Market) or self.markets.get(market.name) is not market:
            raise InputError("market", "a market of this simulation", market)
        return market

    def asset(self, name: str, *, decimals: int, supply: Amount) -> Asset:
        """Declare an asset (U-4)."""
        self._new_name(name, self.assets)
        if decimals not in range(10) or isinstance(decimals, (bool, float)):
            raise InputError("decimals", "an integer between 0 and 9", decimals)
        grid = Grid(f"1E-{decimals}")
        atoms = grid.count(supply, "supply")
        if not 1 <= atoms <= ATOMS_MAX:
            raise InputError("supply", f"1 to 2^61 atoms of {grid.step_text}", supply)
        self.assets[name] = Asset(name, self.world.add_asset(atoms), grid, atoms)
        return self.assets[name]

    def _grids(self, quote: Asset, tick: str, lot: str) -> tuple[Grid, Grid, int]:
        """Check that a tick of a lot is a whole number of quote atoms (U-5)."""
        sizes = exact(tick, "tick"), exact(lot, "lot")
        for field, size in zip(("tick", "lot"), sizes, strict=True):
            if size <= 0:
                raise InputError(field, "a positive size", size)
        worth, is_whole = whole_steps(EXACT.multiply(*sizes), quote.grid.step, "tick")
        if not is_whole:
            expected = f"tick x lot to be whole atoms of {quote.name} ({quote.grid.step_text})"
            raise InputError("tick", expected, f"{tick} x {lot}")
        return Grid(str(sizes[0])), Grid(str(sizes[1])), worth

    def venue(
        self,
        name: str,
        *,
        stage: Amount = "0.25",
        stage_lots_min: int = 1,
        stage_interval_ms: int = 1000,
        service_us: int = 0,
    ) -> int:
        """Open another venue, once there is an asset; venue 0, without a name, is there from the start (V-8)."""
        self._new_name(name, self.venues)
        number = self.world.add_venue(
            stage_ppm=_ppm(stage, "stage", least=1),
            stage_lots_min=stage_lots_min,
            stage_interval_ms=stage_interval_ms,
            service_us=service_us,
        )
        self.venues.append(name)
        for offset, what in enumerate(("fees", "insurance fund", "bad debt")):
            own = f"{what} of {name}"
            self._new_name(own, self._account_names)
            self.accounts[self.world.account_count - 3 + offset] = own
            self._account_names.add(own)
        return number

    def spot(
        self,
        name: str,
        base: Asset,
        quote: Asset,
        *,
        tick: str,
        lot: str,
        price_min: int = 1,
        taker_fee: Amount = 0,
        maker_fee: Amount = 0,
        venue: int = 0,
    ) -> Market:
        """Open a spot market; fees are shares of what a side receives (L-4)."""
        self._new_name(name, self.markets)
        self._own_asset(base, "base")
        price, quantity, worth = self._grids(self._own_asset(quote, "quote"), tick, lot)
        number = self.world.add_spot(
            base.number,
            quote.number,
            atoms_per_tick_lot=worth,
            base_atoms_per_lot=base.grid.count(lot, "lot"),
            price_min=price_min,
            taker_fee_ppm=_ppm(taker_fee, "taker_fee"),
            maker_fee_ppm=_ppm(maker_fee, "maker_fee"),
            venue=venue,
        )
        self.markets[name] = Market(name, number, price, quantity, worth, quote, base, venue)
        return self.markets[name]

    def perpetual(
        self,
        name: str,
        settle: Asset,
        *,
        tick: str,
        lot: str,
        maintenance: Amount,
        taker_fee: Amount = 0,
        maker_fee: Amount = 0,
        venue: int = 0,
    ) -> Market:
        """Open a linear perpetual; rates are shares (``"0.02"`` is 2 %)."""
        self._new_name(name, self.markets)
        price, quantity, worth = self._grids(self._own_asset(settle, "settle"), tick, lot)
        number = self.world.add_perpetual(
            settle.number,
            atoms_per_tick_lot=worth,
            maintenance_ppm=_ppm(maintenance, "maintenance"),
            taker_fee_ppm=_ppm(taker_fee, "taker_fee"),
            maker_fee_ppm=_ppm(maker_fee, "maker_fee"),
            venue=venue,
        )
        self.markets[name] = Market(name, number, price, quantity, worth, settle, None, venue)
        return self.markets[name]

    def account(self, name: str, venue: int = 0, /, **deposits: Amount) -> int:
        """Open an account at a venue with deposits by asset name; returns its number."""
        self._new_name(name, self._account_names)
        brought: list[tuple[Asset, int]] = []
        for asset_name, amount in deposits.items():
            if asset_name not in self.assets:
                raise InputError(asset_name, "one of the assets " + ", ".join(self.assets), amount)
            asset = self.assets[asset_name]
            atoms = asset.atoms(amount, asset_name)
            if not 1 <= atoms <= asset.supply_atoms - self.world.net_deposits(asset.number):
                raise InputError(asset_name, "a positive amount that the asset's supply has left", amount)
            brought.append((asset, atoms))
        number = self.world.add_accounts(1, venue=venue)
        self.accounts[number] = name
        self._account_names.add(name)
        for asset, atoms in brought:
            self.world.deposit(number, asset.number, atoms)
        return number

    def place(
        self,
        account: int,
        market: Market,
        side: Side,
        price: Amount | None,
        quantity: Amount,
        *,
        at_ms: int,
        immediate: bool = False,
    ) -> int:
        """Send an order from outside; price None is a market order. Returns a ticket for `cancel`."""
        self._own_market(market)
        ticks = None if price is None else market.ticks(price)
        return self.world.send_order(
            account, market.number, side, ticks, market.lots(quantity), at_ms=at_ms, immediate=immediate
        )

    def cancel(self, ticket: int, *, at_ms: int) -> None:
        """Send a cancel from outside."""
        self.world.send_cancel(ticket, at_ms=at_ms)

    def add(
        self, agent: Agent | ArrayAgent, account: int | Sequence[int], *, name: str | None = None, **options: Any
    ) -> int:
        """Add a Python agent, or a population that is stepped together; returns its number.

        Parameters
        ----------
        agent : Agent or ArrayAgent
            What is called.
        account : int or sequence of int
            Its account; for an `ArrayAgent` one for each member.
        name : str, optional
            Key of its random draws and what stands in errors; by default the (first) account's name.
        **options
            `watches`, `start_ms`, `latency_ms`, `latency_law`, `picture_ms`, `picture_law`: see `World.add_python`.

        Raises
        ------
        InputError
            Names the argument; nothing was added.
        """
        if not isinstance(agent, Agent | ArrayAgent):
            raise InputError("agent", "an Agent or an ArrayAgent", agent)
        as_array = isinstance(agent, ArrayAgent)
        accounts = list(account) if isinstance(account, Iterable) else [account]
        called = name if name is not None else self.accounts.get(accounts[0], "") if accounts else ""
        keys = [_core.member_key(called, ordinal) for ordinal in range(len(accounts))]
        watches = [
            self._own_market(market).number if isinstance(market, Market) else market
            for market in options.pop("watches", ())
        ]
        return self.world.add_python(agent, accounts, keys, name=called, as_array=as_array, watches=watches, **options)

    @overload
    def run(self, *, until_ms: int, check: bool = False) -> int: ...

    @overload
    def run(self, *, until: str, check: bool = False) -> int: ...

    @overload
    def run(self, *, check: bool = False) -> Part: ...

    def run(self, *, until: str | None = None, until_ms: int | None = None, check: bool = False) -> int | Part:
        """Run to a time, or a scenario's simulation to its end.

        Parameters
        ----------
        until : str
            A time since the start such as ``"60s"``; of a scenario's simulation also a clock time such as ``"20:50"``.
        until_ms : int
            The same, ms.
        check : bool
            Walk and check the whole world after every event.

        Returns
        -------
        int or Part
            Events that ran. Without a time the part that has ended, with its tables, lineage and figures; Python
            agents have been told of the end.

        Raises
        ------
        InputError
            Both times, no time and no end, or a time before now.
        """
        if until is not None and until_ms is not None:
            raise InputError("until", "one of until and until_ms", "both")
        if until is not None:
            return self.world.run(self._moment_ms(until), check=check)
        if until_ms is not None:
            return self.world.run(until_ms, check=check)
        if self.plan is None:
            raise InputError("until_ms", "a time: only a scenario's simulation has an end", "nothing")
        from engine.part import Part

        self.world.run(self.plan.end_ms, check=check)
        self.world.finish()
        return Part(self.plan.name, self, self.plan.end_ms)

    def _moment_ms(self, until: str) -> int:
        from engine.scenario.quantities import MOMENT, RefusedError, moment_ms

        try:
            moment = MOMENT.read(until)
        except RefusedError as refused:
            raise InputError("until", refused.expected, until) from None
        if isinstance(moment, int):
            return moment
        if self.plan is None:
            raise InputError("until", "a time since the start: only a scenario's simulation has a clock", until)
        return moment_ms(moment, self.plan.start)

    def finish(self) -> None:
        """Tell every Python agent that the run has ended (`on_end`), once; they may look, and send nothing any more."""
        self.world.finish()

    def snapshot(self) -> bytes:
        """Return the whole state, names and Python agents included, as bytes (J-3); output tables are not part of it.

        Raises
        ------
        InputError
            A Python agent cannot be pickled.
        """
        known = (self.seed, self.assets, self.markets, self.accounts, self.venues, self.plan)
        names = pickle.dumps(known, protocol=5)
        return (
            len(names).to_bytes(8, "little") + zlib.crc32(names).to_bytes(4, "little") + names + self.world.snapshot()
        )

    @classmethod
    def restore(cls, data: bytes) -> Self:
        """Make a simulation from `snapshot`; it runs on as the original does.

        It is unpickled: only from a source that you trust.

        Raises
        ------
        InputError
            Says why the bytes are no snapshot of this build.
        """
        if not isinstance(data, bytes):
            raise InputError("data", "bytes from Simulation.snapshot", type(data).__name__)
        length, sum_of_names = int.from_bytes(data[:8], "little"), int.from_bytes(data[8:12], "little")
        names = data[12 : 12 + length]
        if not 0 < length < len(data) - 12:
            raise InputError("data", "a snapshot of this build", "bytes of another kind")
        if zlib.crc32(names) != sum_of_names:
            raise InputError("data", "a snapshot of this build", "its checksum does not agree with its names")
        world = _core.World.restore(data[12 + length :])  # checked too: nothing is unpickled before both sums hold
        return cls._of_parts(world, *pickle.loads(names))  # noqa: S301  # said in the docstring

    def fork(self, *, seed: int | None = None) -> Self:
        """Copy the simulation; copy and original go on independently. A new seed changes every draw from now on."""
        return self._of_parts(
            self.world.fork(seed=seed),
            self.seed if seed is None else seed,
            self.assets,
            self.markets,
            self.accounts,
            self.venues,
            self.plan,
        )

    @classmethod
    def _of_parts(
        cls,
        world: World,
        seed: int,
        assets: dict[str, Asset],
        markets: dict[str, Market],
        accounts: dict[int, str],
        venues: list[str],
        plan: Plan | None,
    ) -> Self:
        simulation = cls.__new__(cls)
        simulation.world, simulation.seed, simulation.venues, simulation.plan = world, seed, list(venues), plan
        simulation.assets, simulation.markets, simulation.accounts = dict(assets), dict(markets), dict(accounts)
        simulation._account_names = set(accounts.values())  # noqa: SLF001  # its own class
        return simulation

    @property
    def tables(self) -> Tables:
        """The recorded tables by name, with values in units."""
        return Tables(self.world, self.markets.values(), self.assets.values())

    def record(self, **switches: Any) -> None:
        """Say which tables are written from now on; the switches are those of `engine._core.World.record`."""
        self.world.record(**switches)

    def spill(self, folder: str | PathLike[str], *, rows_resident: int = 2**17) -> Spill:
        """Keep memory flat: tables hand their oldest rows to Parquet files in a folder (`engine._core.World.spill`)."""
        return self.world.spill(folder, rows_resident=rows_resident)

    def draw(self, law: str, first: float, second: float, population: str, count: int, k: int) -> Iterator[float]:
        """Draw one parameter for each member of a population (R-5)."""
        return iter(_core.draw_law(law, first, second, self.seed, population, count, k))
