# Types of the compiled core; what each name does stands in its docstring (engine/bindings/*.pxi).
#
# An integer argument is an `int` or anything with `__index__` (a NumPy integer, an `IntEnum`), but no bool, no float.
# A column is a one-dimensional contiguous buffer of the dtype that the docstring names. Defaults `...` are 2**61.

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Never, TypeAlias, final, overload

from numpy.typing import NDArray
from typing_extensions import Buffer, SupportsIndex, TypedDict, disjoint_base

from engine.records import Cancel, Fill, RestingOrder, Trigger, WaitingStop
from engine.spill import PastRows, Spill

_Buffer: TypeAlias = Buffer | NDArray[Any]  # NumPy's own stubs call an array a buffer from Python 3.12 on only

_Numbers: TypeAlias = SupportsIndex | list[int] | tuple[int, ...] | range | NDArray[Any]
_Law: TypeAlias = tuple[str, float] | tuple[str, float, float]

# ---- the build ----

__test__: dict[str, str]  # the doctests of the bindings

def source_digest() -> str: ...
def build_flags() -> str: ...
def planted_faults() -> tuple[str, ...]: ...
def plant(name: str | None) -> None: ...
def install(
    input_error: type[Exception],
    invariant_error: type[Exception],
    agent_error: type[Exception],
    fill_record: type[Fill],
    order_record: type[RestingOrder],
    cancel_record: type[Cancel],
    trigger_record: type[Trigger],
    stop_record: type[WaitingStop],
) -> None: ...

# ---- tables ----

@final
class Block:
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...
        def __release_buffer__(self, buffer: memoryview, /) -> None: ...

@disjoint_base
class Column: ...

@final
class SpilledChunk: ...

@final
class ColumnTable:
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...  # raises: tables are made by the engine
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def dtypes(self) -> tuple[str, ...]: ...
    @property
    def nulls(self) -> dict[str, int]: ...
    @property
    def past(self) -> PastRows | None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def __getitem__(self, name: str, /) -> NDArray[Any]: ...
    def keys(self) -> tuple[str, ...]: ...
    def chunks(self, name: str) -> list[NDArray[Any]]: ...
    def resident_chunks(self, name: str) -> list[NDArray[Any]]: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def to_pyarrow(self) -> Any: ...
    def to_pandas(self) -> Any: ...
    def to_polars(self) -> Any: ...
    def to_parquet(self, path: str | PathLike[str]) -> None: ...

# ---- book ----

@final
class OrderResult:
    @property
    def id(self) -> int: ...
    @property
    def filled_lots(self) -> int: ...
    @property
    def leaves_lots(self) -> int: ...
    @property
    def cancelled_lots(self) -> int: ...
    @property
    def reject_reason(self) -> int: ...
    @property
    def accepted(self) -> bool: ...

@final
class ApplyResult:
    @property
    def accepted_count(self) -> int: ...
    @property
    def fills(self) -> ColumnTable: ...
    @property
    def rejects(self) -> ColumnTable: ...
    @property
    def cancels(self) -> ColumnTable: ...
    @property
    def triggers(self) -> ColumnTable: ...

@disjoint_base
class CommandBatch: ...

@final
class OrderBook:
    interrupted_result: ApplyResult | None
    def __new__(
        cls,
        *,
        slots: SupportsIndex = 0,
        owners: SupportsIndex = 0,
        orders: SupportsIndex = 0,
        price_min: SupportsIndex = 1,
        price_max: SupportsIndex = 0x7FFFFFFF,
        qty_max: SupportsIndex = ...,
        notional_max: SupportsIndex = ...,
        stops_per_ms: SupportsIndex = 10000,
    ) -> OrderBook: ...
    def limit(
        self,
        side: SupportsIndex,
        price_ticks: SupportsIndex,
        qty_lots: SupportsIndex,
        *,
        time_in_force: SupportsIndex = 0,
        slot_id: SupportsIndex | None = None,
        order_id: SupportsIndex | None = None,
        owner: SupportsIndex | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
        self_trade_prevention: SupportsIndex = 0,
        display_lots: SupportsIndex = 0,
        expires_ms: SupportsIndex = 0,
    ) -> OrderResult: ...
    def market(
        self,
        side: SupportsIndex,
        qty_lots: SupportsIndex,
        *,
        time_in_force: SupportsIndex = 0,
        slot_id: SupportsIndex | None = None,
        order_id: SupportsIndex | None = None,
        owner: SupportsIndex | None = None,
        reduce_only: bool = False,
        self_trade_prevention: SupportsIndex = 0,
    ) -> OrderResult: ...
    def stop(
        self,
        side: SupportsIndex,
        stop_ticks: SupportsIndex,
        qty_lots: SupportsIndex,
        *,
        price_ticks: SupportsIndex | None = None,
        time_in_force: SupportsIndex = 0,
        on_mark: bool = False,
        slot_id: SupportsIndex | None = None,
        order_id: SupportsIndex | None = None,
        owner: SupportsIndex | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
        self_trade_prevention: SupportsIndex = 0,
        display_lots: SupportsIndex = 0,
        expires_ms: SupportsIndex = 0,
    ) -> OrderResult: ...
    def cancel(
        self,
        handle: SupportsIndex | None = None,
        *,
        slot_id: SupportsIndex | None = None,
        order_id: SupportsIndex | None = None,
    ) -> OrderResult: ...
    def reduce(
        self,
        qty_lots: SupportsIndex,
        handle: SupportsIndex | None = None,
        *,
        slot_id: SupportsIndex | None = None,
        order_id: SupportsIndex | None = None,
    ) -> OrderResult: ...
    def replace(
        self,
        price_ticks: SupportsIndex,
        qty_lots: SupportsIndex,
        handle: SupportsIndex | None = None,
        *,
        slot_id: SupportsIndex | None = None,
        order_id: SupportsIndex | None = None,
    ) -> OrderResult: ...
    def cancel_owner(self, owner: SupportsIndex) -> OrderResult: ...
    def clear(self) -> OrderResult: ...
    def set_mark(self, price_ticks: SupportsIndex) -> OrderResult: ...
    def set_position(self, owner: SupportsIndex, position_lots: SupportsIndex) -> OrderResult: ...
    def advance(self, now_ms: SupportsIndex) -> OrderResult: ...
    def set_state(self, state: SupportsIndex) -> OrderResult: ...
    def apply(self, commands: Mapping[str, Any]) -> ApplyResult: ...
    def last_fills(self) -> list[Fill]: ...
    def last_cancels(self) -> list[Cancel]: ...
    def last_triggers(self) -> list[Trigger]: ...
    @property
    def best_bid(self) -> int | None: ...
    @property
    def best_ask(self) -> int | None: ...
    @property
    def last_price(self) -> int | None: ...
    @property
    def trade_count(self) -> int: ...
    @property
    def traded_lots(self) -> int: ...
    @property
    def mark_price(self) -> int | None: ...
    @property
    def now_ms(self) -> int: ...
    @property
    def state(self) -> int: ...
    @property
    def stop_count(self) -> int: ...
    @property
    def order_count(self) -> int: ...
    def depth(self, levels: SupportsIndex = 10) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]: ...
    def queue(self, price_ticks: SupportsIndex) -> list[tuple[int, int]]: ...
    def orders(self) -> list[RestingOrder]: ...
    def stops(self) -> list[WaitingStop]: ...
    def position(self, owner: SupportsIndex) -> int: ...
    def digest(self) -> int: ...
    def check_invariants(self) -> None: ...

# ---- queue ----

@final
class QueuedEvent:
    @property
    def time_ms(self) -> int: ...
    @property
    def priority(self) -> int: ...
    @property
    def data(self) -> int: ...
    @property
    def handle(self) -> int: ...
    def __iter__(self) -> Iterator[int]: ...

@final
class TriggerIndex:
    def __new__(cls, series_count: SupportsIndex) -> TriggerIndex: ...
    def set(self, unit: SupportsIndex, series: SupportsIndex, side: str, at: SupportsIndex) -> None: ...
    def drop(self, unit: SupportsIndex, series: SupportsIndex, side: str) -> None: ...
    def move(self, series: SupportsIndex, value: SupportsIndex) -> list[int]: ...
    @property
    def counts(self) -> tuple[int, int, int]: ...

@final
class EventQueue:
    def __new__(cls, start_ms: SupportsIndex = 0) -> EventQueue: ...
    def schedule(self, time_ms: SupportsIndex, data: SupportsIndex = 0, *, priority: SupportsIndex = 0) -> int: ...
    def schedule_batch(
        self, times_ms: _Buffer, data: _Buffer | None = None, priority: _Buffer | None = None
    ) -> int: ...
    def cancel(self, handle: SupportsIndex) -> bool: ...
    def peek(self) -> QueuedEvent | None: ...
    def pop(self) -> QueuedEvent | None: ...
    def pop_batch(self, until_ms: SupportsIndex, limit: SupportsIndex | None = None) -> ColumnTable: ...
    def run(self, until_ms: SupportsIndex, handler: Callable[[QueuedEvent], object] | None = None) -> int: ...
    def hold(self, delays_ms: _Buffer) -> int: ...
    @property
    def now_ms(self) -> int: ...
    @property
    def scheduled_count(self) -> int: ...
    def __len__(self) -> int: ...
    def digest(self) -> int: ...
    def check_invariants(self) -> None: ...

# ---- pools ----

def sqrt_price_at(tick: SupportsIndex) -> int: ...

@final
class SwapOutcome:
    @property
    def amount_in(self) -> int: ...
    @property
    def amount_out(self) -> int: ...
    @property
    def fee(self) -> int: ...
    @property
    def reason(self) -> int: ...
    @property
    def accepted(self) -> bool: ...

@final
class ShareOutcome:
    @property
    def shares(self) -> int: ...
    @property
    def amounts(self) -> tuple[int, ...]: ...
    @property
    def fees(self) -> tuple[int, ...]: ...
    @property
    def reason(self) -> int: ...
    @property
    def accepted(self) -> bool: ...

@final
class ConstantProductPool:
    def __new__(cls, fee_ppm: SupportsIndex = 3_000) -> ConstantProductPool: ...
    @property
    def fee_ppm(self) -> int: ...
    @property
    def balances(self) -> tuple[int, int]: ...
    @property
    def shares(self) -> int: ...
    def quote(self, sold: SupportsIndex, bought: SupportsIndex, amount_in: SupportsIndex) -> SwapOutcome: ...
    def swap(
        self,
        sold: SupportsIndex,
        bought: SupportsIndex,
        amount_in: SupportsIndex,
        *,
        amount_out_min: SupportsIndex = 0,
    ) -> SwapOutcome: ...
    def add(self, amounts: list[int] | tuple[int, ...]) -> ShareOutcome: ...
    def remove(self, shares: SupportsIndex) -> ShareOutcome: ...
    def price(self, sold: SupportsIndex, bought: SupportsIndex) -> tuple[int, int] | None: ...
    def invariant(self) -> int: ...
    def digest(self) -> int: ...

@final
class StableSwapPool:
    def __new__(
        cls,
        amplification: SupportsIndex,
        fee_ppm: SupportsIndex = 400,
        scales: list[int] | tuple[int, ...] = (1, 1),
    ) -> StableSwapPool: ...
    @property
    def amplification(self) -> int: ...
    @property
    def fee_ppm(self) -> int: ...
    @property
    def scales(self) -> tuple[int, ...]: ...
    @property
    def balances(self) -> tuple[int, ...]: ...
    @property
    def shares(self) -> int: ...
    def quote(self, sold: SupportsIndex, bought: SupportsIndex, amount_in: SupportsIndex) -> SwapOutcome: ...
    def swap(
        self,
        sold: SupportsIndex,
        bought: SupportsIndex,
        amount_in: SupportsIndex,
        *,
        amount_out_min: SupportsIndex = 0,
    ) -> SwapOutcome: ...
    def add(self, amounts: list[int] | tuple[int, ...]) -> ShareOutcome: ...
    def remove(self, shares: SupportsIndex) -> ShareOutcome: ...
    def remove_one(self, shares: SupportsIndex, coin: SupportsIndex) -> ShareOutcome: ...
    def price(self, sold: SupportsIndex, bought: SupportsIndex) -> tuple[int, int] | None: ...
    def invariant(self) -> int: ...
    def digest(self) -> int: ...

@final
class ConcentratedPool:
    def __new__(
        cls, sqrt_price: SupportsIndex, fee_ppm: SupportsIndex = 3_000, tick_spacing: SupportsIndex = 60
    ) -> ConcentratedPool: ...
    @property
    def fee_ppm(self) -> int: ...
    @property
    def tick_spacing(self) -> int: ...
    @property
    def sqrt_price(self) -> int: ...
    @property
    def balances(self) -> tuple[int, int]: ...
    @property
    def liquidity(self) -> int: ...
    def quote(self, sold: SupportsIndex, bought: SupportsIndex, amount_in: SupportsIndex) -> SwapOutcome: ...
    def swap(
        self,
        sold: SupportsIndex,
        bought: SupportsIndex,
        amount_in: SupportsIndex,
        *,
        amount_out_min: SupportsIndex = 0,
    ) -> SwapOutcome: ...
    def add(
        self, lower: SupportsIndex, upper: SupportsIndex, liquidity: SupportsIndex, owner: SupportsIndex = 0
    ) -> ShareOutcome: ...
    def remove(
        self, lower: SupportsIndex, upper: SupportsIndex, liquidity: SupportsIndex, owner: SupportsIndex = 0
    ) -> ShareOutcome: ...
    def price(self, sold: SupportsIndex, bought: SupportsIndex) -> tuple[int, int]: ...
    def invariant(self) -> int: ...
    def digest(self) -> int: ...

# ---- draws ----

def exp(x: float) -> float: ...
def log(x: float) -> float: ...
def quantile(p: float) -> float: ...
def member_key(population: str, ordinal: SupportsIndex) -> int: ...
def draw(
    seed: SupportsIndex, key: SupportsIndex, purpose: SupportsIndex, time_ms: SupportsIndex, k: SupportsIndex
) -> int: ...
def draw_law(
    law: str,
    first: float,
    second: float,
    seed: SupportsIndex,
    population: str,
    count: SupportsIndex,
    k: SupportsIndex,
) -> list[float]: ...
def draw_column(
    law: str,
    first: float,
    second: float,
    seed: SupportsIndex,
    population: str,
    start: SupportsIndex,
    count: SupportsIndex,
    k: SupportsIndex,
) -> ColumnTable: ...

# ---- schedules ----

@final
class Schedule:
    def __new__(
        cls,
        floors: list[int] | tuple[int, ...] | range | _Buffer,
        rates: list[int] | tuple[int, ...] | range | _Buffer,
        *,
        kind: Literal["requirement", "value"] = "requirement",
    ) -> Schedule: ...
    @overload
    def requirement(self, v: SupportsIndex) -> int: ...  # type: ignore[overload-overlap]  # an array may have __index__
    @overload
    def requirement(self, v: _Buffer) -> NDArray[Any]: ...
    @overload
    def value(self, v: SupportsIndex) -> int: ...  # type: ignore[overload-overlap]  # an array may have __index__
    @overload
    def value(self, v: _Buffer) -> NDArray[Any]: ...
    @overload
    def rate(self, v: SupportsIndex) -> int: ...  # type: ignore[overload-overlap]  # an array may have __index__
    @overload
    def rate(self, v: _Buffer) -> NDArray[Any]: ...
    @property
    def lowest_ppm(self) -> int: ...
    @property
    def highest_ppm(self) -> int: ...

# ---- lending ----

# Atoms, price, unit; what `lending_health` returns; reason, repaid, seized and what else the docstring names.
_Amount: TypeAlias = tuple[SupportsIndex, SupportsIndex, SupportsIndex]
_Health: TypeAlias = tuple[SupportsIndex, SupportsIndex, SupportsIndex]
_Held: TypeAlias = tuple[SupportsIndex, SupportsIndex, SupportsIndex, SupportsIndex]
_Absorbed: TypeAlias = tuple[SupportsIndex, SupportsIndex, SupportsIndex, SupportsIndex, SupportsIndex]

def lending_utilisation(cash: SupportsIndex, debt: SupportsIndex) -> int: ...
def lending_rate(
    utilisation: SupportsIndex,
    base_ppm: SupportsIndex,
    kink_ppm: SupportsIndex,
    slope_ppm: SupportsIndex,
    steep_ppm: SupportsIndex,
) -> int: ...
def lending_grown(index: SupportsIndex, rate: SupportsIndex, dt_ms: SupportsIndex, up: bool) -> int: ...
def lending_accrued(
    supply_index: SupportsIndex,
    borrow_index: SupportsIndex,
    scaled_supply: SupportsIndex,
    scaled_debt: SupportsIndex,
    rate: SupportsIndex,
    dt_ms: SupportsIndex,
    reserve_ppm: SupportsIndex,
) -> tuple[int, int, int]: ...
def lending_after_loss(scaled: SupportsIndex, index: SupportsIndex, loss: SupportsIndex) -> int: ...
def lending_claim(scaled: SupportsIndex, index: SupportsIndex) -> int: ...
def lending_owed(scaled: SupportsIndex, index: SupportsIndex) -> int: ...
def lending_deposit(scaled: SupportsIndex, index: SupportsIndex, atoms: SupportsIndex) -> int: ...
def lending_borrow(scaled: SupportsIndex, index: SupportsIndex, atoms: SupportsIndex) -> int: ...
def lending_withdraw(scaled: SupportsIndex, index: SupportsIndex, atoms: SupportsIndex) -> int: ...
def lending_repay(scaled: SupportsIndex, index: SupportsIndex, atoms: SupportsIndex) -> tuple[int, int]: ...
def lending_health(collateral: Sequence[_Held], debts: Sequence[_Amount]) -> tuple[int, int, int]: ...
def lending_health_ppm(health: _Health) -> int: ...
def lending_ltv_ppm(health: _Health) -> int: ...
def lending_is_below(health: _Health, ppm: SupportsIndex) -> bool: ...
def lending_room(health: _Health) -> int: ...
def lending_price(
    atoms: SupportsIndex,
    unit: SupportsIndex,
    debt_value: SupportsIndex,
    threshold_ppm: SupportsIndex,
    at_or_below: bool,
) -> int: ...
def aave_liquidation(
    collateral: _Amount,
    debt: _Amount,
    cover: SupportsIndex,
    health: _Health,
    terms: tuple[SupportsIndex, SupportsIndex, SupportsIndex, SupportsIndex, SupportsIndex, SupportsIndex],
) -> tuple[str | None, int, int, int, int, bool]: ...
def morpho_factor(lltv_ppm: SupportsIndex) -> int: ...
def morpho_liquidation(
    collateral: _Amount, owed: SupportsIndex, cover: SupportsIndex, lltv_ppm: SupportsIndex
) -> tuple[str | None, int, int, int]: ...
def comet_absorb(collateral: Sequence[_Absorbed], debt: _Amount) -> tuple[str | None, int, int, int]: ...
def comet_quote(
    paid: _Amount,
    held: _Amount,
    reserves: SupportsIndex,
    target: SupportsIndex,
    store_front_ppm: SupportsIndex,
    factor_ppm: SupportsIndex,
) -> tuple[str | None, int]: ...
def loan_level(health: _Health, call_ppm: SupportsIndex, liquidation_ppm: SupportsIndex) -> int: ...

# ---- world ----

# What `World.counts` and `World.market` return; names of this stub only, so they begin with an underscore.
class _Counts(TypedDict):
    events: int
    orders: int
    cancels: int
    cancel_misses: int
    mass_quotes: int
    notices: int
    trades: int
    forced: int
    pending: int
    rejects: dict[int, int]

class _MarketState(TypedDict):
    best_bid: int | None
    best_ask: int | None
    last: int | None
    index: int | None
    mark: int | None
    oracle: int | None
    index_ms: int | None
    mark_ms: int | None
    oracle_ms: int | None
    clearing: int
    trades: int
    traded_lots: int
    orders: int
    arrived: int
    cancelled: int
    quote_asset: int
    atoms_per_tick_lot: int

# ---- Python agents ----

class _ProtocolState(TypedDict):
    account: int
    seller: int | None
    venue: int
    work: int
    liquidations: int
    repaid_value: int

@final
class SentOrder:
    @property
    def number(self) -> int: ...
    @property
    def qty_lots(self) -> int: ...
    @property
    def leaves_lots(self) -> int: ...
    @property
    def price_ticks(self) -> int: ...
    @property
    def market(self) -> int: ...
    @property
    def side(self) -> int: ...
    @property
    def is_open(self) -> bool: ...

@final
class AgentNotice:
    @property
    def time_ms(self) -> int: ...
    @property
    def lots(self) -> int: ...
    @property
    def price_ticks(self) -> int: ...
    @property
    def order(self) -> SentOrder | None: ...
    @property
    def kind(self) -> int: ...
    @property
    def market(self) -> int: ...
    @property
    def side(self) -> int: ...
    @property
    def reason(self) -> int: ...
    @property
    def cause(self) -> int: ...

@final
class ActionNotice:
    @property
    def number(self) -> int: ...
    @property
    def time_ms(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def target(self) -> int: ...
    @property
    def party(self) -> int: ...
    @property
    def asset(self) -> int: ...
    @property
    def other(self) -> int: ...
    @property
    def paid(self) -> int: ...
    @property
    def got(self) -> int: ...
    @property
    def reason(self) -> int: ...
    @property
    def cause(self) -> int: ...

@disjoint_base
class _ContextBase:
    @property
    def time_ms(self) -> int: ...
    def touch(self, market: SupportsIndex) -> tuple[int | None, int | None]: ...
    def book(self, market: SupportsIndex) -> _MarketState: ...
    def depth(
        self, market: SupportsIndex, levels: SupportsIndex = 10
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]: ...
    def wake_in(self, ms: SupportsIndex) -> None: ...
    def wake_at(self, time_ms: SupportsIndex) -> None: ...
    def loan(self, account: SupportsIndex, protocol: SupportsIndex) -> dict[str, Any]: ...
    def loans(self, protocol: SupportsIndex) -> dict[str, list[int]]: ...
    def reserve(self, protocol: SupportsIndex, asset: SupportsIndex) -> dict[str, int]: ...
    def route(self, route: SupportsIndex) -> dict[str, Any]: ...
    def issuer(self, issuer: SupportsIndex) -> dict[str, Any]: ...

@final
class Context(_ContextBase):
    @property
    def account(self) -> int: ...
    @property
    def orders(self) -> list[SentOrder]: ...
    def position(self, market: SupportsIndex) -> tuple[int, int]: ...
    def balance(self, asset: SupportsIndex) -> tuple[int, int]: ...
    def uniform(self) -> float: ...
    def place(
        self,
        market: SupportsIndex,
        side: SupportsIndex,
        qty_lots: SupportsIndex,
        price_ticks: SupportsIndex | None = None,
        *,
        immediate: bool = False,
    ) -> SentOrder: ...
    def cancel(self, order: SentOrder) -> None: ...
    def cancel_all(self, market: SupportsIndex | None = None) -> None: ...
    def send_action(
        self,
        kind: str,
        target: SupportsIndex,
        atoms: SupportsIndex = 0,
        *,
        asset: SupportsIndex | None = None,
        other: SupportsIndex | None = None,
        party: SupportsIndex | None = None,
        least: SupportsIndex = 0,
        pool: SupportsIndex = 0,
        tip: SupportsIndex = 0,
    ) -> int: ...

@final
class ArrayContext(_ContextBase):
    @property
    def count(self) -> int: ...
    @property
    def accounts(self) -> NDArray[Any]: ...
    def positions(self, market: SupportsIndex) -> NDArray[Any]: ...
    def balances(self, asset: SupportsIndex) -> NDArray[Any]: ...
    def uniform(self) -> NDArray[Any]: ...
    def place(
        self,
        market: SupportsIndex,
        members: _Buffer,
        sides: _Buffer,
        qty_lots: _Buffer,
        price_ticks: _Buffer | None = None,
        *,
        immediate: bool = False,
    ) -> NDArray[Any]: ...
    def cancel(self, market: SupportsIndex, members: _Buffer, tickets: _Buffer) -> None: ...

@final
class MarginHealth:
    @property
    def equity(self) -> int: ...
    @property
    def requirement(self) -> int: ...
    @property
    def initial(self) -> int: ...
    @property
    def notional(self) -> int: ...
    @property
    def asset(self) -> int: ...
    @property
    def state(self) -> int: ...
    @property
    def action(self) -> int: ...
    @property
    def is_known(self) -> bool: ...

@final
class World:
    @overload
    def __init__(
        self,
        seed: SupportsIndex,
        *,
        stage_ppm: SupportsIndex = 250000,
        stage_lots_min: SupportsIndex = 1,
        stage_interval_ms: SupportsIndex = 1000,
        depth_every_ms: SupportsIndex = 0,
        record_trades: bool = True,
        record_journal: bool = True,
    ) -> None: ...

    # The compiled `__init__` shows no parameters at run time, and the stub test wants that said. Nothing can call this.
    @overload
    def __init__(self, seed: Never, /, *args: Never, **kwargs: Never) -> None: ...

    # declaring
    def add_asset(self, supply_max: SupportsIndex) -> int: ...
    def add_accounts(
        self, count: SupportsIndex = 1, *, venue: SupportsIndex = 0, narrow: bool = False, mode: SupportsIndex = 2
    ) -> int: ...
    def add_schedule(
        self,
        floors: Sequence[SupportsIndex] | _Buffer,
        rates_ppm: Sequence[SupportsIndex] | _Buffer,
        *,
        kind: str = "requirement",
    ) -> int: ...
    def add_venue(
        self,
        *,
        stage_ppm: SupportsIndex = 250000,
        stage_lots_min: SupportsIndex = 1,
        stage_interval_ms: SupportsIndex = 1000,
        service_us: SupportsIndex = 0,
    ) -> int: ...
    def set_gateway(self, venue: SupportsIndex, service_us: SupportsIndex) -> None: ...
    def add_spot(
        self,
        base: SupportsIndex,
        quote: SupportsIndex,
        *,
        atoms_per_tick_lot: SupportsIndex,
        base_atoms_per_lot: SupportsIndex,
        price_min: SupportsIndex = 1,
        price_max: SupportsIndex = 0x7FFFFFFF,
        qty_max: SupportsIndex = ...,
        notional_max: SupportsIndex = ...,
        maker_fee_ppm: SupportsIndex = 0,
        taker_fee_ppm: SupportsIndex = 0,
        venue: SupportsIndex = 0,
    ) -> int: ...
    def add_perpetual(
        self,
        settle: SupportsIndex,
        *,
        atoms_per_tick_lot: SupportsIndex,
        maintenance_ppm: SupportsIndex | None = None,
        maintenance: SupportsIndex | None = None,
        initial: SupportsIndex | None = None,
        price_stale_ms: SupportsIndex = 0,
        price_min: SupportsIndex = 1,
        price_max: SupportsIndex = 0x7FFFFFFF,
        qty_max: SupportsIndex = ...,
        notional_max: SupportsIndex = ...,
        maker_fee_ppm: SupportsIndex = 0,
        taker_fee_ppm: SupportsIndex = 0,
        venue: SupportsIndex = 0,
    ) -> int: ...
    def deposit(self, account: SupportsIndex, asset: SupportsIndex, atoms: SupportsIndex) -> None: ...
    def open_trade(
        self,
        market: SupportsIndex,
        buyer: SupportsIndex,
        seller: SupportsIndex,
        qty_lots: SupportsIndex,
        price_ticks: SupportsIndex,
    ) -> None: ...
    # margin
    def set_ladder(self, venue: SupportsIndex, boundaries: Iterable[Iterable[Any]]) -> None: ...
    def set_policy(
        self,
        venue: SupportsIndex,
        *,
        stage_ppm: SupportsIndex = 250000,
        stage_lots_min: SupportsIndex = 1,
        interval_ms: SupportsIndex = 1000,
        stage_atoms_min: SupportsIndex = 0,
        stage_atoms_most: SupportsIndex = 0,
        large_atoms: SupportsIndex = 0,
        whole_ms: SupportsIndex = 0,
        size: str = "share",
        tiers_down: SupportsIndex = 1,
        order: str = "market",
        is_fok: bool = False,
        band_ppm: SupportsIndex = 0,
        spread_ppm: SupportsIndex = 0,
        steps_most: SupportsIndex = 0,
        takeover_ppm: SupportsIndex | None = None,
        tier_least: SupportsIndex = 0,
        takes_over: bool = False,
        backstop: SupportsIndex | None = None,
        fee_ppm: SupportsIndex = 0,
        fund_most: SupportsIndex = 0,
        adl: str | Callable[[dict[str, Any]], Iterable[SupportsIndex]] | None = None,
        close: str = "bankruptcy",
        cancels_orders: bool = False,
        rank_ms: SupportsIndex = 0,
        shares_losses: bool = False,
        under_atoms: SupportsIndex = 0,
        unwind_ms: SupportsIndex = 1000,
        unwind_ppm: SupportsIndex = 250000,
        unwind_band_ppm: SupportsIndex = 10000,
        sells: str = "haircut_liquidity",
        sell_order: Iterable[SupportsIndex] = (),
    ) -> None: ...
    def backstop(self, venue: SupportsIndex = 0) -> tuple[int, dict[int, int]]: ...
    def add_collateral(
        self,
        venue: SupportsIndex,
        asset: SupportsIndex,
        *,
        market: SupportsIndex | None = None,
        value: SupportsIndex | None = None,
        loan_ppm: SupportsIndex = 0,
        lender: SupportsIndex | None = None,
        loan_rate_ppb: SupportsIndex = 0,
        loan_every_ms: SupportsIndex = 3600000,
    ) -> None: ...
    def set_leverage(
        self, account: SupportsIndex, leverage: SupportsIndex, *, market: SupportsIndex | None = None
    ) -> None: ...
    def withdraw(self, account: SupportsIndex, asset: SupportsIndex, atoms: SupportsIndex) -> None: ...
    def borrow(self, account: SupportsIndex, asset: SupportsIndex, atoms: SupportsIndex) -> None: ...
    def repay(self, account: SupportsIndex, asset: SupportsIndex, atoms: SupportsIndex) -> None: ...
    def add_margin(self, account: SupportsIndex, market: SupportsIndex, atoms: SupportsIndex) -> None: ...
    def owed(self, account: SupportsIndex, asset: SupportsIndex) -> int: ...
    def deposits(self, accounts: _Buffer, asset: SupportsIndex, atoms: _Buffer) -> None: ...
    def open_trades(
        self, markets: _Buffer, buyers: _Buffer, sellers: _Buffer, qty_lots: _Buffer, price_ticks: _Buffer
    ) -> None: ...
    def add_funding(
        self,
        market: SupportsIndex,
        *,
        every_ms: SupportsIndex,
        impact_atoms: SupportsIndex,
        sample_ms: SupportsIndex = 5000,
        interest_ppb: SupportsIndex = 100000,
        clamp_ppb: SupportsIndex = 500000,
        cap_ppb: SupportsIndex = 1000000000,
        on: str = "mark",
        first_ms: SupportsIndex | None = None,
    ) -> None: ...
    def funding(self, market: SupportsIndex) -> tuple[int, int | None, int]: ...
    def add_breaker(
        self,
        market: SupportsIndex,
        *,
        fall_ppm: SupportsIndex,
        within_ms: SupportsIndex,
        halt_ms: SupportsIndex,
    ) -> None: ...
    def breaker(self, market: SupportsIndex) -> tuple[int | None, int | None]: ...
    def mark_rounds(self, times_ms: _Buffer, markets: _Buffer, price_ticks: _Buffer) -> int: ...
    def margin(
        self, account: SupportsIndex, *, asset: SupportsIndex | None = None, market: SupportsIndex | None = None
    ) -> MarginHealth: ...
    def margin_units(self) -> ColumnTable: ...
    def bands(self, account: SupportsIndex) -> list[tuple[int, str, int | None, int | None]]: ...
    def risk_counts(self) -> dict[str, int]: ...
    # pools
    def add_pool(
        self,
        form: str,
        assets: Sequence[SupportsIndex],
        *,
        venue: SupportsIndex = 0,
        fee_ppm: SupportsIndex = 3000,
        amplification: SupportsIndex | None = None,
        scales: Sequence[SupportsIndex] | None = None,
        sqrt_price: SupportsIndex | None = None,
        tick_spacing: SupportsIndex | None = None,
    ) -> int: ...
    def add_coins(
        self, account: SupportsIndex, pool: SupportsIndex, amounts: Sequence[SupportsIndex]
    ) -> tuple[int, int, tuple[int, ...]]: ...
    def add_range(
        self,
        account: SupportsIndex,
        pool: SupportsIndex,
        lower: SupportsIndex,
        upper: SupportsIndex,
        liquidity: SupportsIndex,
    ) -> tuple[int, tuple[int, ...]]: ...
    def remove_range(
        self,
        account: SupportsIndex,
        pool: SupportsIndex,
        lower: SupportsIndex,
        upper: SupportsIndex,
        liquidity: SupportsIndex,
    ) -> tuple[int, tuple[int, ...], tuple[int, ...]]: ...
    def pool_quote(
        self, pool: SupportsIndex, sold: SupportsIndex, bought: SupportsIndex, atoms: SupportsIndex
    ) -> tuple[int, int]: ...
    def pool(self, pool: SupportsIndex) -> dict[str, Any]: ...
    def pool_shares(self, account: SupportsIndex, pool: SupportsIndex) -> int: ...
    def pool_ranges(self, pool: SupportsIndex) -> list[tuple[int, int, int, int]]: ...
    # what if
    def liquidation_prices(
        self, market: SupportsIndex, *, low_ppm: SupportsIndex = 1000000, high_ppm: SupportsIndex = 1000000
    ) -> ColumnTable: ...
    def liquidation_map(
        self,
        market: SupportsIndex,
        *,
        low_ppm: SupportsIndex = 500000,
        high_ppm: SupportsIndex = 500000,
        steps: SupportsIndex = 50,
    ) -> ColumnTable: ...
    # holders
    def add_route(
        self,
        asset: SupportsIndex,
        venue: SupportsIndex,
        to_venue: SupportsIndex,
        *,
        key: str,
        least_ms: SupportsIndex,
        law: _Law | None = None,
        fee_atoms: SupportsIndex = 0,
        cap_atoms: SupportsIndex = 0,
        cap_ms: SupportsIndex = 86400000,
        outages: Sequence[tuple[SupportsIndex, SupportsIndex]] = (),
    ) -> int: ...
    def add_issuer(
        self,
        backing: SupportsIndex,
        token: SupportsIndex,
        *,
        account: SupportsIndex,
        venue: SupportsIndex = 0,
        rate_ppb: SupportsIndex = 1000000000,
        growth_ppb: SupportsIndex = 0,
        growth_ms: SupportsIndex = 0,
        mint_ppm: SupportsIndex = 0,
        redeem_ppm: SupportsIndex = 0,
        mint_cap_atoms: SupportsIndex = 0,
        mint_cap_ms: SupportsIndex = 86400000,
        redeem_cap_atoms: SupportsIndex = 0,
        redeem_cap_ms: SupportsIndex = 86400000,
        listed: Sequence[SupportsIndex] | None = None,
        staked: SupportsIndex | None = None,
        cooldown_ms: SupportsIndex = 0,
        outages: Sequence[tuple[SupportsIndex, SupportsIndex]] = (),
    ) -> int: ...
    def route(self, route: SupportsIndex) -> dict[str, Any]: ...
    def issuer(self, issuer: SupportsIndex) -> dict[str, Any]: ...
    def add_crowd(
        self,
        name: str,
        first: SupportsIndex,
        count: SupportsIndex,
        *,
        latency_ms: SupportsIndex = 1,
        latency_law: _Law | None = None,
        top_up_state: SupportsIndex = 1,
        top_up_after_ms: SupportsIndex = 0,
        reserve: SupportsIndex | None = None,
        route: SupportsIndex | None = None,
    ) -> int: ...
    def add_plans(
        self,
        crowd: SupportsIndex,
        kind: str,
        accounts: _Buffer,
        markets: _Buffer,
        price_ticks: _Buffer,
        qty_lots: _Buffer | None = None,
    ) -> None: ...
    def add_top_ups(self, crowd: SupportsIndex, accounts: _Buffer, atoms: _Buffer, times: SupportsIndex) -> None: ...
    def crowd_counts(self) -> dict[str, int]: ...
    # prices
    def add_index(
        self,
        market: SupportsIndex,
        source: SupportsIndex | Sequence[Mapping[str, Any]],
        *,
        every_ms: SupportsIndex,
        lag_ms: SupportsIndex,
        combine: str = "mean",
        sample_every_ms: SupportsIndex | None = None,
        outlier_ppm: SupportsIndex = 0,
        clamp_ppm: SupportsIndex = 0,
        floor_ticks: SupportsIndex = 1,
        deviation_ppm: SupportsIndex = 0,
        heartbeat_ms: SupportsIndex = 0,
        latency_law: _Law | None = None,
        outages: Sequence[tuple[SupportsIndex, SupportsIndex]] = (),
    ) -> None: ...
    def add_oracle(
        self,
        market: SupportsIndex,
        source: SupportsIndex | Sequence[Mapping[str, Any]],
        *,
        every_ms: SupportsIndex,
        lag_ms: SupportsIndex = 0,
        combine: str = "mean",
        sample_every_ms: SupportsIndex | None = None,
        outlier_ppm: SupportsIndex = 0,
        clamp_ppm: SupportsIndex = 0,
        floor_ticks: SupportsIndex = 1,
        deviation_ppm: SupportsIndex = 0,
        heartbeat_ms: SupportsIndex = 0,
        latency_law: _Law | None = None,
        outages: Sequence[tuple[SupportsIndex, SupportsIndex]] = (),
    ) -> None: ...
    def add_mark(
        self,
        market: SupportsIndex,
        *,
        every_ms: SupportsIndex,
        lag_ms: SupportsIndex,
        rule: str = "median",
        window: SupportsIndex = 30,
        sample_every_ms: SupportsIndex | None = None,
        interval_ms: SupportsIndex = 0,
        basis_tau_ms: SupportsIndex = 150000,
        touch_tau_ms: SupportsIndex = 30000,
        source: Sequence[Mapping[str, Any]] = (),
        latency_law: _Law | None = None,
        outages: Sequence[tuple[SupportsIndex, SupportsIndex]] = (),
    ) -> None: ...
    def publish(self, market: SupportsIndex, ticks: SupportsIndex, kind: str = "mark") -> None: ...
    def set_funding(
        self, market: SupportsIndex, rate_ppb: SupportsIndex, *, next_ms: SupportsIndex, every_ms: SupportsIndex
    ) -> None: ...

    # blocks, lending
    def set_blocks(
        self,
        venue: SupportsIndex,
        *,
        every_ms: SupportsIndex,
        gas_asset: SupportsIndex,
        gas_most: SupportsIndex = 0,
        base_price: SupportsIndex = 0,
        base_least: SupportsIndex = 0,
    ) -> None: ...
    def blocks(self, venue: SupportsIndex) -> dict[str, int]: ...
    def add_protocol(
        self,
        form: str,
        *,
        venue: SupportsIndex = 0,
        fee_ppm: SupportsIndex = 100000,
        close_ppm: SupportsIndex = 500000,
        full_below_ppm: SupportsIndex = 950000,
        close_value_min: SupportsIndex = 0,
        left_value_min: SupportsIndex = 0,
        call_ppm: SupportsIndex = 750000,
        liquidation_ppm: SupportsIndex = 830000,
        store_front_ppm: SupportsIndex = 600000,
        target_atoms: SupportsIndex = 0,
        sale_ppm: SupportsIndex = 1000000,
        sale_ms: SupportsIndex = 1,
        accrue_ms: SupportsIndex = 0,
    ) -> int: ...
    def add_reserve(
        self,
        protocol: SupportsIndex,
        asset: SupportsIndex,
        *,
        price: tuple[int, int],
        market: SupportsIndex | None = None,
        series: str = "oracle",
        stale_ms: SupportsIndex = 0,
        terms: tuple[int, int, int] = ...,
        mode: SupportsIndex = 0,
        mode_terms: tuple[int, int, int] = ...,
        curve: tuple[int, int, int, int] = ...,
        reserve_ppm: SupportsIndex = 0,
        lent: bool = False,
        supply_cap: SupportsIndex = ...,
        borrow_cap: SupportsIndex = ...,
        sale_market: SupportsIndex | None = None,
    ) -> int: ...
    def act(
        self,
        account: SupportsIndex,
        kind: str,
        target: SupportsIndex,
        atoms: SupportsIndex = 0,
        *,
        asset: SupportsIndex | None = None,
        other: SupportsIndex | None = None,
        party: SupportsIndex | None = None,
        least: SupportsIndex = 0,
        pool: SupportsIndex = 0,
    ) -> tuple[int, int, int]: ...
    def lend_columns(
        self,
        protocol: SupportsIndex,
        accounts: _Numbers,
        supply_asset: SupportsIndex,
        supplied: _Numbers,
        debt_asset: SupportsIndex,
        borrowed: _Numbers,
    ) -> int: ...
    def reserve(self, protocol: SupportsIndex, asset: SupportsIndex) -> dict[str, int]: ...
    def protocol(self, protocol: SupportsIndex) -> _ProtocolState: ...
    def loan(self, account: SupportsIndex, protocol: SupportsIndex) -> dict[str, Any]: ...
    def loans(self, protocol: SupportsIndex) -> dict[str, list[int]]: ...
    def lending_counts(self) -> dict[str, int]: ...
    def rearm_loans(self, protocol: SupportsIndex) -> int: ...
    def watch_protocol(self, account: SupportsIndex, protocol: SupportsIndex) -> None: ...
    def bots(self, accounts: _Numbers) -> dict[int, dict[str, int]]: ...
    def loopers(self, accounts: _Numbers) -> dict[int, dict[str, Any]]: ...

    # tables
    def record(
        self,
        *,
        trades: bool | None = None,
        journal: bool | None = None,
        orders: bool | None = None,
        quotes: bool | None = None,
        quote_sizes: bool | None = None,
        last: bool | None = None,
        mid_every_ms: SupportsIndex | None = None,
        depth_every_ms: SupportsIndex | None = None,
        depth_levels: SupportsIndex | None = None,
        samples_every_ms: SupportsIndex | None = None,
        accounts_every_ms: SupportsIndex | None = None,
        accounts: str | None = None,
        movements: bool | None = None,
        waterfall: bool | None = None,
        actions: bool | None = None,
    ) -> None: ...
    def recording(self) -> dict[str, Any]: ...
    def spill(self, folder: str | PathLike[str], *, rows_resident: SupportsIndex = ...) -> Spill: ...
    def close_spill(self) -> None: ...
    def spilled_files(self, folder: str | PathLike[str]) -> list[str]: ...

    # agents
    def add_agents(
        self,
        kind: str,
        accounts: _Numbers,
        keys: _Numbers,
        *,
        start_ms: SupportsIndex | None = None,
        latency_ms: SupportsIndex = 1,
        latency_law: _Law | None = None,
        picture_ms: SupportsIndex = 0,
        picture_law: _Law | None = None,
        **parameters: Any,
    ) -> int: ...
    def add_quotes(
        self, makers: _Numbers, market: SupportsIndex, qty_lots: _Numbers, *, inventory_max: _Numbers = ...
    ) -> None: ...
    def add_python(
        self,
        agent: object,
        accounts: _Numbers,
        keys: _Numbers,
        *,
        name: str = "",
        as_array: bool = False,
        watches: Sequence[SupportsIndex] = (),
        start_ms: SupportsIndex | None = None,
        latency_ms: SupportsIndex = 1,
        latency_law: _Law | None = None,
        picture_ms: SupportsIndex = 0,
        picture_law: _Law | None = None,
    ) -> int: ...
    def add_replay(self, columns: Mapping[str, _Buffer]) -> int: ...
    def finish(self) -> None: ...
    def accounts_of(self, kind: str) -> list[int]: ...
    @staticmethod
    def agent_parameters(kind: str) -> dict[str, tuple[Any, Any, Any]]: ...
    def send_order(
        self,
        account: SupportsIndex,
        market: SupportsIndex,
        side: SupportsIndex,
        price_ticks: SupportsIndex | None,
        qty_lots: SupportsIndex,
        *,
        at_ms: SupportsIndex,
        immediate: bool = False,
        reduce_only: bool = False,
    ) -> int: ...
    def send_cancel(self, ticket: SupportsIndex, *, at_ms: SupportsIndex) -> None: ...

    # running
    def run(self, until_ms: SupportsIndex, *, check: bool = False, events: SupportsIndex | None = None) -> int: ...

    # reading
    @property
    def now_ms(self) -> int: ...
    @property
    def account_count(self) -> int: ...
    def counts(self) -> _Counts: ...
    def balance(self, account: SupportsIndex, asset: SupportsIndex) -> tuple[int, int]: ...
    def net_deposits(self, asset: SupportsIndex) -> int: ...
    def position(self, account: SupportsIndex, market: SupportsIndex) -> tuple[int, int, int]: ...
    def in_liquidation(self, account: SupportsIndex) -> bool: ...
    def market(self, market: SupportsIndex) -> _MarketState: ...
    def depth(
        self, market: SupportsIndex, levels: SupportsIndex = 10
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]: ...
    def orders(self, market: SupportsIndex) -> list[RestingOrder]: ...
    def trades(self) -> ColumnTable: ...
    def journal(self) -> ColumnTable: ...
    def prices(self) -> ColumnTable: ...
    def samples(self) -> ColumnTable: ...
    def table(self, name: str) -> ColumnTable: ...
    def table_names(self) -> list[str]: ...
    def table_memory(self) -> dict[str, tuple[int, int, int]]: ...
    def landmarks(self) -> ColumnTable: ...
    def causes(self) -> ColumnTable: ...
    def memory(self) -> dict[str, tuple[int, int]]: ...
    def digest(self) -> int: ...
    def check_invariants(self) -> None: ...

    # snapshot and fork
    @overload
    def snapshot(self, *, into: None = None) -> bytes: ...
    @overload
    def snapshot(self, *, into: bytearray) -> bytearray: ...
    @staticmethod
    def restore(data: bytes | bytearray) -> World: ...
    def fork(self, *, seed: SupportsIndex | None = None) -> World: ...
