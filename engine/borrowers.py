"""Borrowers: the part of a simulation that adds loopers and liquidation bots, and watches how they would get out.

With names and units. Stands on `engine.pooling`, `engine.exits` and the behaviours of the core (A-11, A-12).
`Simulation` inherits it. A parameter of a population is one value, a sequence with one for each member, or a law.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from engine import _core
from engine.errors import InputError
from engine.exits import ExitSample, exit_sample
from engine.loops import loop_multiple
from engine.pooling import Pooling
from engine.schedules import ONE_PPM, share_ppm, whole
from engine.units import Amount, Grid, exact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from decimal import Decimal

    from engine.declared import Market
    from engine.pooling import Pool
    from engine.protocols import Lender

__all__ = ["BOT_FIELDS", "LOOPER_FIELDS", "Borrowers", "BotState", "LooperState", "bot_columns", "looper_columns"]

HEALTH_MAX_PPM = 10**9
RATE_MAX_PPM = 9 * 10**6
_PPM = Grid("0.000001")


@dataclass(frozen=True)
class BotState:
    """What a liquidation bot did, in units.

    Parameters
    ----------
    sent, won : int
        Actions, and those that were done.
    repaid, earned : Decimal
        Debt repaid, and what flash liquidations left, of the debt's asset.
    seized, unsold : Decimal
        Collateral got, and what of it is left to sell.
    """

    sent: int
    won: int
    repaid: Decimal
    seized: Decimal
    earned: Decimal
    unsold: Decimal


@dataclass(frozen=True)
class LooperState:
    """Where a looper stands: ``"builds"``, ``"holds"``, ``"leaves"`` or ``"out"``, and the steps that it has built."""

    stage: str
    steps: int


# ---- parameters ------------------------------------------------------------------------------------------------------

Members = Mapping[str, Sequence[Any]]
"""Values by parameter, one for each member."""


def _ppm(high: int) -> Callable[[Any, str], int]:
    return lambda value, field: whole(_PPM.floor_count(value, field), field, 0, high)


def _columns(members: Members, makers: Mapping[str, tuple[str, Callable[[Any, str], Any]]]) -> dict[str, list[Any]]:
    """Return the native columns of what is given, by the native names."""
    found = {}
    for name, values in members.items():
        native, make = makers[name]
        found[native] = [make(value, name) for value in values]
    return found


def bot_columns(market: Market, gas_asset: Any, members: Members) -> dict[str, list[Any]]:
    """Return the columns of `World.add_agents` for bots; amounts that were drawn are rounded down.

    Parameters
    ----------
    market : Market
        Collateral against debt.
    gas_asset : Asset or None
        Of their venue's blocks.
    members : mapping
        Of `BOT_FIELDS` those that are said, one value for each member.
    """
    quote = market.quote

    def gas_value(price: Any, field: str) -> int:
        if gas_asset is None:
            raise InputError(field, "a venue with blocks", price)
        # Debt atoms for a million atoms of the gas asset.
        return int(quote.grid.floor_count(price * 10**6, field) // 10**gas_asset.decimals)

    def amount(value: Any, field: str) -> int:
        return quote.grid.floor_count(value, field)

    makers: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
        "every": ("every_ms", _span),
        "scan": ("scan", _whole),
        "flash": ("flash", _whole),
        "least_gain": ("margin", lambda value, _: float(value)),
        "least_profit": ("least_profit", amount),
        "tip": ("tip_ppm", _ppm(ONE_PPM)),
        "gas_asset_price": ("gas_value", gas_value),
        "capital": ("capital", amount),
    }
    return _columns(members, makers)


def looper_columns(market: Market, members: Members) -> dict[str, list[Any]]:
    """Return the columns of `World.add_agents` for loopers; what was drawn is rounded down.

    Parameters
    ----------
    market : Market
        Token against what is borrowed.
    members : mapping
        Of `LOOPER_FIELDS` those that are said, one value for each member.
    """
    makers: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
        "every": ("every_ms", _span),
        "loops": ("loops", _whole),
        "ltv": ("ltv_ppm", _ppm(ONE_PPM)),
        "slippage": ("slippage_ppm", _ppm(ONE_PPM)),
        "flee_health": ("flee_health_ppm", _ppm(HEALTH_MAX_PPM)),
        "flee_price": ("flee_ticks", market.price.floor_count),
        "flee_rate": ("flee_rate_ppm", _ppm(RATE_MAX_PPM)),
        "keep_health": ("keep_ppm", _ppm(HEALTH_MAX_PPM)),
        "share": ("share_ppm", _ppm(ONE_PPM)),
    }
    return _columns(members, makers)


def _span(value: Any, _: str) -> int:
    return max(1, int(value))


def _whole(value: Any, _: str) -> int:
    return int(value)


BOT_FIELDS = ("every", "least_gain", "least_profit", "tip", "gas_asset_price", "capital", "scan", "flash")
LOOPER_FIELDS = (
    "every", "loops", "ltv", "slippage", "flee_health", "flee_price", "flee_rate", "keep_health", "share",
)  # fmt: skip


class Borrowers(Pooling):
    """Add loopers and liquidation bots; for a class that has a world."""

    seed: int

    def bots(
        self,
        name: str,
        count: int,
        lender: Lender,
        market: Market,
        *,
        every: object = "100ms",
        pool: Pool | None = None,
        brings: Mapping[str, object] | None = None,
        options: Mapping[str, Any] | None = None,
        **parameters: object,
    ) -> list[int]:
        """Add liquidation bots (A-11); returns their accounts.

        Parameters
        ----------
        name : str
            Of the population: key of its draws, and its accounts are NAME 0, NAME 1, ...
        count : int
            Members.
        lender : Lender
            Whose loans they liquidate.
        market : Market
            Spot market of the collateral against the debt, where they sell.
        every : duration
            Pause between two looks while there is work.
        pool : Pool, optional
            Where they sell instead; flash liquidations need one.
        brings : mapping
            Deposits of each by asset: the money that they repay with, and gas.
        options : mapping
            `start_ms`, `latency_ms`, `latency_law`, `picture_ms`, `picture_law` of `World.add_agents`.
        **parameters
            ``scan``, loans that a look goes through; ``flash``; ``least_gain`` on the last unit, a share;
            ``least_profit`` and ``capital``, amounts of the debt; ``tip``, share of the profit; ``gas_asset_price``,
            what a unit of the gas asset is worth in the debt.

        Raises
        ------
        InputError
            Names the argument; nothing was added.

        Examples
        --------
        >>> from engine import Simulation, lending, uniform
        >>> sim = Simulation(seed=1)
        >>> usde, usdt = (sim.asset(name, decimals=6, supply="1000000000") for name in ("USDe", "USDT"))
        >>> spot = sim.spot("USDe/USDT", usde, usdt, tick="0.0001", lot="1")
        >>> terms = {"USDe": lending.aave("USDe")}
        >>> aave = sim.lending("aave", collateral=terms, borrow={"USDT": None}, oracle={"USDe": 1})
        >>> accounts = sim.bots("bots", 3, aave, spot, every=uniform("50ms", "200ms"), brings={"USDT": "1000000"})
        >>> sim.bot_states(accounts)[accounts[0]].sent
        0
        """
        unknown_parameters(parameters, BOT_FIELDS)
        own, where = self._own_lender(lender), self._own_market(market)
        members = self._members(name, count, BOT_FIELDS, {"every": every, **parameters})
        gas_asset = self.gas_assets.get(own.venue)
        columns = bot_columns(where, gas_asset, members)
        columns |= {"pool": [self._pool_number(pool)] * count}
        return self._add_borrowers("bot", name, count, own, where, brings or {}, options or {}, columns)

    def loopers(
        self,
        name: str,
        count: int,
        lender: Lender,
        market: Market,
        *,
        every: object = "1s",
        built: bool = False,
        built_at: Amount = 1,
        pool: Pool | None = None,
        brings: Mapping[str, object],
        options: Mapping[str, Any] | None = None,
        **parameters: object,
    ) -> list[int]:
        """Add loopers (A-12); returns their accounts.

        Parameters
        ----------
        name, count, lender, pool, options
            As for `bots`.
        market : Market
            Spot market of the token against what they borrow, where they buy and sell.
        every : duration
            Pause between two looks while they hold.
        built : bool
            Their loops stand at the start, bought elsewhere: the coins come from outside and what was borrowed goes
            there. Else each builds its own in the market, step by step.
        built_at : number
            At which price.
        brings : mapping
            Deposits of each by asset: the token to begin with, and gas.
        **parameters
            ``loops``, steps; ``ltv``, what a step borrows of what the last one supplied; ``slippage``, above the ask;
            ``flee_health``, ``flee_price``, ``flee_rate``, when they leave (never by default); ``keep_health``, what a
            withdrawal leaves; ``share`` of what may go that a step of leaving takes.

        Raises
        ------
        InputError
            Names the argument; of loops that are built also a lender that refuses them (then accounts were opened).

        Examples
        --------
        >>> from engine import Simulation, lending
        >>> sim = Simulation(seed=1)
        >>> usde, usdt = (sim.asset(name, decimals=6, supply="1000000000") for name in ("USDe", "USDT"))
        >>> spot = sim.spot("USDe/USDT", usde, usdt, tick="0.0001", lot="1")
        >>> terms = {"USDe": lending.aave("USDe")}
        >>> aave = sim.lending("aave", collateral=terms, borrow={"USDT": None}, oracle={"USDe": 1})
        >>> sim.act(sim.account("bank", USDT="1000000"), "supply", aave, "1000000 USDT").is_done
        True
        >>> accounts = sim.loopers("loopers", 2, aave, spot, built=True, brings={"USDe": "1000"}, loops=5, ltv="0.8")
        >>> sim.loan(accounts[0], aave).leverage, sim.looper_states(accounts)[accounts[0]]
        (Decimal('3.689280'), LooperState(stage='builds', steps=0))
        """
        unknown_parameters(parameters, LOOPER_FIELDS)
        own, where = self._own_lender(lender), self._own_market(market)
        members = self._members(name, count, LOOPER_FIELDS, {"every": every, **parameters})
        columns = looper_columns(where, members)
        columns |= {"built": [int(built)] * count, "pool": [self._pool_number(pool)] * count}
        if not built:
            return self._add_borrowers("looper", name, count, own, where, brings, options or {}, columns)
        if where.base is None or where.base.name not in brings:
            raise InputError("brings", f"the token, {where.base.name if where.base else 'of a spot market'}", brings)
        loops, ltvs = columns.get("loops", [5] * count), columns.get("ltv_ppm", [800_000] * count)
        multiples = [
            loop_multiple(Fraction(ltv, ONE_PPM), whole(each, "loops", 0, 64))
            for ltv, each in zip(ltvs, loops, strict=True)
        ]
        accounts = self._add_borrowers("looper", name, count, own, where, brings, options or {}, columns)
        self.declare_loops(own, where, accounts, multiples, price=built_at)
        return accounts

    def _pool_number(self, pool: Pool | None) -> int:
        return -1 if pool is None else self._own_pool(pool).number

    def _add_borrowers(
        self,
        kind: str,
        name: str,
        count: int,
        lender: Lender,
        market: Market,
        brings: Mapping[str, object],
        options: Mapping[str, Any],
        columns: dict[str, list[Any]],
    ) -> list[int]:
        """Open accounts at the lender's venue and add the agents."""
        for ordinal in range(count):
            self._new_account_name(name if count == 1 else f"{name} {ordinal}")
        deposits = self._members(f"{name} brings", count, tuple(brings), brings)
        if market.venue != lender.venue:
            raise InputError("market", "a market at the lender's venue", market.name)
        worth = {asset: [self._whole_atoms(asset, value) for value in values] for asset, values in deposits.items()}
        accounts = []
        for ordinal in range(count):
            brought: dict[str, Any] = {asset: values[ordinal] for asset, values in worth.items()}
            accounts.append(self.account(name if count == 1 else f"{name} {ordinal}", lender.venue, **brought))
        keys = [_core.member_key(name, ordinal) for ordinal in range(count)]
        told: dict[str, Any] = {**options, **columns, "market": market.number, "protocol": lender.number}
        self.world.add_agents(kind, accounts, keys, **told)
        return accounts

    def _whole_atoms(self, asset: str, value: Any) -> Decimal:
        if asset not in self.assets:
            raise InputError("brings", f"one of the assets {', '.join(self.assets)}", asset)
        grid = self.assets[asset].grid
        return grid.value(grid.floor_count(value, f"brings.{asset}"))

    def declare_loops(
        self, lender: Lender, market: Market, accounts: list[int], multiples: list[Fraction], *, price: Amount = 1
    ) -> None:
        """Let loops stand that were built elsewhere, each of a multiple of what its account has of the token.

        Parameters
        ----------
        lender, market
            As for `loopers`.
        accounts : list of int
            Whose.
        multiples : list of Fraction
            Collateral / equity of each, 1 and more.
        price : number
            Of a coin when it was bought, in what is borrowed.

        Raises
        ------
        InputError
            The lender refuses some; the others stand.

        Notes
        -----
        O(accounts).
        """
        base, quote = market.base, market.quote
        if base is None:
            raise InputError("market", "the spot market of the token", market.name)
        worth = Fraction(exact(price, "built_at")) * 10**quote.decimals / 10**base.decimals
        supplied, borrowed = [], []
        for account, multiple in zip(accounts, multiples, strict=True):
            own = self.world.balance(account, base.number)[0]
            more = int(own * (multiple - 1))
            if more:
                self.world.deposit(account, base.number, more)
            supplied.append(own + more)
            borrowed.append(int(more * worth))
        refused = self.world.lend_columns(lender.number, accounts, base.number, supplied, quote.number, borrowed)
        if refused:
            raise InputError("built", "loops that the lender takes: cash, caps and loan-to-value", f"{refused} refused")
        for account, debt in zip(accounts, borrowed, strict=True):
            if debt:
                self.world.withdraw(account, quote.number, debt)

    def _members(
        self, name: str, count: int, fields: Sequence[str], given: Mapping[str, object]
    ) -> dict[str, Sequence[Any]]:
        """Return one value for each member of every field that is said; a law is drawn by the field's place (R-5)."""
        whole(count, "count", 1, 2**30)
        return {
            field: self._drawn(name, count, place, field, given[field])
            for place, field in enumerate(fields)
            if field in given
        }

    def _drawn(self, name: str, count: int, k: int, field: str, value: object) -> Sequence[Any]:
        from engine.scenario.draws import draw
        from engine.scenario.laws import Law
        from engine.scenario.quantities import CADENCE, NUMBER, RefusedError, scaled

        def read(each: object) -> object:
            try:
                if field != "every":
                    return scaled(each, "a number, or a share as a decimal")
                return CADENCE.read(each) if isinstance(each, str) else whole(each, field, 1, 2**42)
            except RefusedError as refused:
                raise InputError(field, refused.expected, each) from None

        if isinstance(value, Law):
            return draw(value.in_units(CADENCE if field == "every" else NUMBER), self.seed, name, count, k)
        if isinstance(value, (list, tuple)):
            if len(value) != count:
                raise InputError(field, f"one value, or one for each of the {count} members", f"{len(value)} values")
            return [read(each) for each in value]
        return [int(value) if isinstance(value, bool) else read(value)] * count

    # ---- reading -----------------------------------------------------------------------------------------------------

    def bot_states(self, accounts: Sequence[int], market: Market | None = None) -> dict[int, BotState]:
        """Return what bots did, by account.

        Parameters
        ----------
        accounts : sequence of int
            Of bots.
        market : Market, optional
            Where they sell: its assets' units; by default those of the only market.
        """
        where = self._own_market(next(iter(self.markets.values())) if market is None else market)
        if where.base is None:
            raise InputError("market", "the spot market where they sell", where.name)
        debt, held = where.quote.grid, where.base.grid
        return {
            account: BotState(
                row["sent"],
                row["won"],
                debt.value(row["repaid"]),
                held.value(row["seized"]),
                debt.value(row["earned"]),
                held.value(row["unsold"]),
            )
            for account, row in self.world.bots(list(accounts)).items()
        }

    def looper_states(self, accounts: Sequence[int]) -> dict[int, LooperState]:
        """Return where loopers stand, by account."""
        rows = self.world.loopers(list(accounts))
        return {account: LooperState(row["stage"], row["steps"]) for account, row in rows.items()}

    def exits(
        self,
        lender: Lender,
        market: Market,
        *,
        every_ms: int,
        until_ms: int,
        within: Amount = "0.02",
    ) -> Iterator[ExitSample]:
        """Run, and yield at each step of a cadence what is looped and what the book would take, from now on.

        Parameters
        ----------
        lender : Lender
            Whose loans.
        market : Market
            Spot market where they would sell.
        every_ms, until_ms : int
            Cadence and last time, ms.
        within : number
            How far from the best bid an exit may push the price, a share.

        Notes
        -----
        O(loans + levels) for each.
        """
        step_ms, near_ppm = whole(every_ms, "every_ms", 1, 2**50), share_ppm(within, "within")
        own, where = self._own_lender(lender), self._own_market(market)
        while True:
            yield exit_sample(self.world, own, where, near_ppm)
            if self.world.now_ms >= until_ms:
                return
            self.world.run(min(self.world.now_ms + step_ms, until_ms))


def unknown_parameters(given: Mapping[str, object], known: Sequence[str]) -> None:
    """Refuse a parameter that the population has not."""
    for field, value in given.items():
        if field not in known:
            raise InputError(field, f"a parameter of the population: {', '.join(known)}", value)
