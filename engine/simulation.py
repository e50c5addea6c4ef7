"""Simulation: a world with names and units.

Stands on `engine._core.World` (numbers only) and `engine.units`. Every asset, market and account has a name; prices,
quantities and amounts are given as people write them and are exact or refused. The native world stays reachable as
`Simulation.world`.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, overload

from engine import _core
from engine.agents import Agent, ArrayAgent
from engine.declared import Asset, Market, Plan
from engine.errors import InputError
from engine.issuance import Issuance, Issuer, Route
from engine.names import AccountNames
from engine.tables import Tables
from engine.venue_policies import policy_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

    from engine._core import World
    from engine.margin import Ladder
    from engine.part import Part
    from engine.policy import Policy
    from engine.pooling import Pool
    from engine.protocols import Lender
    from engine.spill import Spill
    from engine.types import Side
    from engine.units import Amount

__all__ = ["Asset", "Market", "Plan", "Simulation"]


class Simulation(Issuance):
    """One run in the making: declare, then `run`, then read.

    Parameters
    ----------
    seed : int
        Key of every random draw.
    liquidation : Policy or str, optional
        How venue 0 liquidates, as for `venue`.
    ladder : Ladder or str, optional
        Ladder of venue 0, as for `venue`.
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
        liquidation: Policy | str | None = None,
        ladder: Ladder | str | None = None,
        depth_every_ms: int = 0,
    ) -> None:
        rungs, policy = self._ladder(ladder), policy_of(liquidation)
        self.world = _core.World(seed, depth_every_ms=depth_every_ms, **policy.steps)
        self.seed = seed
        self.assets: dict[str, Asset] = {}
        self.markets: dict[str, Market] = {}
        self.accounts = AccountNames({0: "fees", 1: "insurance fund", 2: "bad debt"})
        self.venues: list[str] = [""]
        self.ladders: dict[int, Ladder] = {}
        self.policies: dict[int, Policy] = {}
        self.backstops: dict[int, int] = {}
        self.own_accounts: dict[int, int] = {0: 0}
        self.units_of_account: dict[int, Asset] = {}
        self.settles: dict[int, Asset] = {}
        self.lenders: dict[str, Lender] = {}
        self.gas_assets: dict[int, Asset] = {}
        self.pools: dict[str, Pool] = {}
        self.routes: dict[str, Route] = {}
        self.issuers: dict[str, Issuer] = {}
        self.plan: Plan | None = None
        self._climb(0, rungs)
        self._liquidate(0, policy)

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
            A Python agent, or a policy's own rule of auto-deleveraging, cannot be pickled.
        """
        try:
            names = pickle.dumps((self.seed, self._known()), protocol=5)
        except (pickle.PicklingError, AttributeError, TypeError) as error:  # whichever it is, differs by Python version
            expected = "a rule of auto-deleveraging that can be pickled: a function of a module"
            raise InputError("adl", expected, str(error)) from None
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
        return self._of_parts(self.world.fork(seed=seed), self.seed if seed is None else seed, self._known())

    def _known(self) -> dict[str, Any]:
        """Return what it knows beside the world, each a copy."""
        return {
            "assets": dict(self.assets),
            "markets": dict(self.markets),
            "accounts": self.accounts.copy(),
            "venues": list(self.venues),
            "ladders": dict(self.ladders),
            "policies": dict(self.policies),
            "backstops": dict(self.backstops),
            "own_accounts": dict(self.own_accounts),
            "units_of_account": dict(self.units_of_account),
            "settles": dict(self.settles),
            "lenders": dict(self.lenders),
            "gas_assets": dict(self.gas_assets),
            "pools": dict(self.pools),
            "routes": dict(self.routes),
            "issuers": dict(self.issuers),
            "plan": self.plan,
        }

    @classmethod
    def _of_parts(cls, world: World, seed: int, known: dict[str, Any]) -> Self:
        simulation = cls.__new__(cls)
        simulation.world, simulation.seed = world, seed
        for name, value in known.items():
            setattr(simulation, name, value)
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
