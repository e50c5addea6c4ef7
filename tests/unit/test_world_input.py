"""Bad input to a world raises `InputError` that names the field, before anything is written (U-7)."""

from __future__ import annotations

import pytest

from engine import InputError, _core
from engine.testing.worlds import TwinWorld
from engine.types import Side

QUOTE, BASE = 0, 1
SUPPLY = 10_000
NOT_INTEGERS = (True, 1.0, "1", None, 2**70, -(2**70))
SYSTEM = (0, 1, 2)  # V-7: the venue's own accounts


class Stage:
    """Hold a world with one of everything: assets 0, 1; spot 0, perpetual 1; accounts 3, 4; maker 0; one order."""

    def __init__(self):
        self.twin = twin = TwinWorld()
        self.native = twin.native
        twin.asset(SUPPLY), twin.asset(SUPPLY)
        self.spot = twin.spot(BASE, QUOTE)
        self.perpetual = twin.perpetual(QUOTE, price_max=100, qty_max=50, notional_max=2_000)
        self.first, self.second = twin.account(1_000, 100), twin.account(1_000, 100)
        self.maker = self.native.add_agents("maker", self.first, 1, **MAKER)
        self.ticket = self.native.send_order(self.first, self.spot, Side.BUY, 10, 1, at_ms=5)
        self.native.run(10)


MAKER = {"wake_every_ms": 10, "window_ms": 100, "levels": 2, "half_spread": 0.001, "drawdown": 0.01}
QTY = {"qty_min": 1, "qty_max": 2}
# One good population of every behaviour; "add_agents maker" and the like stand for them below.
KINDS = {
    "maker": MAKER,
    "noise": {"market": 0, "mean_gap_ms": 10.0, **QTY},
    "point": {"market": 0, "mu": 0.1, "alpha": 0.0, "beta": 1.0, "side": 1, **QTY},
    "flow": {"market": 0, "market_rate": 0.01, "anchor_ticks": 10, "limit_rates": [0.1], "cancel_rates": [0.1], **QTY},
    "momentum": {
        "market": 0, "wake_every_ms": 5, "lookback_ms": 10, "hold_ms": 10, "threshold": 0.1, "qty_lots": 1,
    },
    "arbitrage": {"market": 0, "other": 1, "wake_every_ms": 5, "threshold": 0.1, "qty_lots": 1, "inventory_max": 5},
    "value": {"market": 0, "wake_every_ms": 5, "threshold": 0.1, "fair_ticks": 10, "qty_lots": 1, "inventory_max": 5},
    "hedge": {"market": 0, "other": 1, "react_ms": 5, "tolerance_lots": 2, "mode": 1, "lots_ratio": 1.0},
    "shock": {"market": 0, "side": 1, "qty_lots": 10, "slices": 2, "every_ms": 1},
}  # fmt: skip
COMMON = {"keys": 1, "start_ms": 20, "latency_ms": 1, "picture_ms": 0}


# Every method with good arguments; each case below spoils one of them.
GOOD = {
    "add_asset": {"supply_max": 5},
    "add_accounts": {"count": 1},
    "add_spot": {
        "base": BASE, "quote": QUOTE, "atoms_per_tick_lot": 1, "base_atoms_per_lot": 1, "price_min": 1, "price_max": 9,
        "qty_max": 9, "notional_max": 9, "maker_fee_ppm": 0, "taker_fee_ppm": 0,
    },
    "add_perpetual": {
        "settle": QUOTE, "atoms_per_tick_lot": 1, "maintenance_ppm": 0, "price_min": 1, "price_max": 9, "qty_max": 9,
        "notional_max": 9, "maker_fee_ppm": 0, "taker_fee_ppm": 0,
    },
    "deposit": {"account": 3, "asset": QUOTE, "atoms": 1},
    "open_trade": {"market": 1, "buyer": 3, "seller": 4, "qty_lots": 1, "price_ticks": 1},
    "add_index": {
        "market": 1, "source": 0, "every_ms": 1, "lag_ms": 0, "sample_every_ms": 1, "outlier_ppm": 0, "clamp_ppm": 0,
        "floor_ticks": 1, "deviation_ppm": 5, "heartbeat_ms": 0,
    },
    "add_oracle": {
        "market": 0, "source": 1, "every_ms": 1, "lag_ms": 0, "sample_every_ms": 1, "outlier_ppm": 0, "clamp_ppm": 0,
        "floor_ticks": 1, "deviation_ppm": 5, "heartbeat_ms": 0,
    },
    "add_mark": {
        "market": 1, "every_ms": 1, "lag_ms": 0, "window": 1, "sample_every_ms": 1, "interval_ms": 0,
        "basis_tau_ms": 1, "touch_tau_ms": 1,
    },
    "publish": {"market": 1, "ticks": 1},
    "set_funding": {"market": 1, "rate_ppb": 0, "next_ms": 20, "every_ms": 1},
    "add_venue": {"stage_ppm": 1, "stage_lots_min": 1, "stage_interval_ms": 1, "service_us": 0},
    "set_gateway": {"venue": 0, "service_us": 5},
    "add_quotes": {"makers": 0, "market": 0, "qty_lots": 1, "inventory_max": 5},
    **{f"add_agents {kind}": {"accounts": 4, **COMMON, **parameters} for kind, parameters in KINDS.items()},
    "send_order": {"account": 3, "market": 0, "side": 1, "price_ticks": 5, "qty_lots": 1, "at_ms": 20},
    "send_cancel": {"ticket": 0, "at_ms": 20},
    "run": {"until_ms": 20},
    "balance": {"account": 3, "asset": 0},
    "net_deposits": {"asset": 0},
    "position": {"account": 3, "market": 0},
    "in_liquidation": {"account": 3},
    "market": {"market": 0},
    "depth": {"market": 0, "levels": 10},
    "orders": {"market": 0},
}  # fmt: skip

# What is just beyond the bounds of each argument, by name; a method may have its own.
BEYOND = {
    "account": (-1, 5), "asset": (-1, 2), "market": (-1, 2), "makers": (-1, 1), "base": (-1, 2), "quote": (-1, 2, BASE),
    "settle": (-1, 2), "source": (-1, 2), "atoms": (0, -1, SUPPLY - 2_000 + 1, 2**61 + 1), "supply_max": (0, 2**61 + 1),
    "count": (0, -1, 2**30 + 1), "atoms_per_tick_lot": (0, 2**40 + 1), "base_atoms_per_lot": (0, 2**40 + 1),
    "price_min": (-(2**31) - 1, -1, 2**31), "price_max": (0, 2**31), "qty_max": (0, 2**61 + 1),
    "notional_max": (0, 2**61 + 1), "maker_fee_ppm": (-1, 10**6 + 1), "taker_fee_ppm": (-1, 10**6 + 1),
    "maintenance_ppm": (-1, 10**6 + 1), "buyer": (-1, 5, *SYSTEM), "seller": (-1, 5, 3, *SYSTEM),
    "qty_lots": (0, -1, 2**61 + 1),
    "price_ticks": (0, 101), "every_ms": (0, -1, 2**60), "lag_ms": (-1, 2**60), "sample_every_ms": (0, 2**60),
    "outlier_ppm": (-1, 10**6 + 1), "clamp_ppm": (-1, 10**6 + 1), "deviation_ppm": (-1, 10**6 + 1),
    "floor_ticks": (0, 2**31),
    "heartbeat_ms": (-1, 2**60), "window": (0, 100_001), "interval_ms": (-1, 2**60), "basis_tau_ms": (0, 86_400_001),
    "touch_tau_ms": (0, 86_400_001), "ticks": (0, -1, 2**31), "rate_ppb": (-(10**9) - 1, 10**9 + 1),
    "next_ms": (9, 2**62),
    "inventory_max": (0, 2**61 + 1), "side": (0, 2, -2), "at_ms": (9, -1, 2**62),
    "accounts": (-1, 5, *SYSTEM), "latency_ms": (-1, 2**60), "picture_ms": (-1, 2**60), "other": (-1, 0, 2),
    "stage_ppm": (-1, 10**6 + 1), "stage_lots_min": (0, -1), "stage_interval_ms": (0, 2**60),
    "service_us": (-1, 10**9 + 1),
    "venue": (-1, 1), "ticket": (-1, 2**31), "until_ms": (9, -1, 2**62),
}  # fmt: skip
BEYOND_OF = {
    ("send_order", "qty_lots"): (2**63, -(2**63) - 1),  # what fits int64 is judged on arrival
    ("send_order", "price_ticks"): (-(2**31) - 1, 2**31),
    ("open_trade", "qty_lots"): (0, 51),
    ("depth", "levels"): (-1,),
    ("open_trade", "market"): (-1, 2, 0),  # 0 is a spot market
    ("add_mark", "market"): (-1, 2, 0),
    ("publish", "market"): (-1, 2, 0),
    ("set_funding", "market"): (-1, 2, 0),
    ("add_perpetual", "price_min"): (-(2**31), -1, 0, 2**31),  # U-9: spot prices may be 0, a perpetual's not
    ("send_order", "account"): (-1, 5, *SYSTEM),
    ("add_agents maker", "window_ms"): (0, 161, 2**60),  # it remembers 16 looks' time
    ("add_agents shock", "slices"): (0, 11),  # a slice is a lot at least
    ("add_agents point", "side"): (-2, 2),  # 0 is a random side
    ("add_agents flow", "limit_rates"): ([], [-1.0], [float("nan")], [0.1] * 65),
    ("add_agents flow", "cancel_rates"): ([], [0.1, 0.1], [-1.0]),
}
NOT_NUMBERS = (True, "0.1", None, float("nan"), float("inf"), [])
# None is a market order, and now; a key is any integer, taken mod 2^64.
SAMPLED = {(method, "sample_every_ms") for method in ("add_index", "add_oracle", "add_mark")}
TAKES_NONE = SAMPLED | {("send_order", "price_ticks"), *((f"add_agents {kind}", "start_ms") for kind in KINDS)}
UNBOUNDED = {"keys"}


def declared_bounds(method, field):
    """Return values just beyond the bounds that a behaviour's parameter is declared with, and whether it is a float."""
    least, most, _ = _core.World.agent_parameters(method.split()[1])[field]
    if least is None:
        return BEYOND[field], False
    if isinstance(least, float):
        return (least - 0.1 if least > -1e12 else -1e300, most * 1.1 + 1.0), True
    return (least - 1, most + 1), False


def call(native, method, arguments):
    """Call a method of the table; `add_agents KIND` takes its kind first."""
    name, *kind = method.split()
    return getattr(native, name)(*kind, **arguments)


def cases():
    for method, arguments in GOOD.items():
        for field in arguments:
            kind = KINDS.get(method.removeprefix("add_agents "), {})
            if field == "start_ms":
                bad = (9, 2**62, *NOT_INTEGERS)
            elif field.endswith("_rates"):
                bad = BEYOND_OF[method, field]
            elif field in kind and (method, field) not in BEYOND_OF:
                bad, is_float = declared_bounds(method, field)
                bad = (*bad, *(NOT_NUMBERS if is_float else NOT_INTEGERS))
            else:
                bad = (*BEYOND_OF.get((method, field), BEYOND.get(field, ())), *NOT_INTEGERS)
                # Numbers of 70 bits are refused unless any integer goes.
                bad = tuple(value for value in bad if not (field in UNBOUNDED and type(value) is int))
            for value in bad:
                if value is None and (method, field) in TAKES_NONE:
                    continue
                if method == "add_asset" and field == "supply_max":
                    continue  # assets come before accounts: see below
                yield pytest.param(method, field, value, id=f"{method}-{field}-{value!r:.20}")


@pytest.mark.parametrize(("method", "field", "value"), list(cases()))
def test_u7_bad_input_names_the_field_and_writes_nothing(stage, method, field, value):
    before, counts = stage.native.digest(), stage.native.counts()
    with pytest.raises(InputError) as caught:
        call(stage.native, method, {**GOOD[method], field: value})
    assert caught.value.field == field
    assert stage.native.digest() == before
    assert stage.native.counts() == counts
    assert stage.native.account_count == 5


@pytest.fixture(scope="module")
def stage():
    """Share one world: a call that is refused leaves it as it was, and that is what every test asserts."""
    return Stage()


@pytest.mark.parametrize("method", [name for name in GOOD if name != "add_asset"])
def test_the_good_arguments_are_good(method):
    call(Stage().native, method, GOOD[method])


class TestSeedAndOptions:
    @pytest.mark.parametrize("seed", [None, True, 1.0, "1"])
    def test_u7_seed(self, seed):
        with pytest.raises(InputError) as caught:
            _core.World(seed)
        assert caught.value.field == "seed"

    @pytest.mark.parametrize(
        ("field", "bad"),
        [
            ("stage_ppm", (-1, 10**6 + 1)),
            ("stage_lots_min", (0, 2**63)),
            ("stage_interval_ms", (0, 2**60)),
            ("depth_every_ms", (-1, 2**60)),
        ],
    )
    def test_u7_options(self, field, bad):
        for value in (*bad, *NOT_INTEGERS):
            with pytest.raises(InputError) as caught:
                _core.World(1, **{field: value})
            assert caught.value.field == field

    def test_the_seed_is_never_defaulted(self):
        with pytest.raises(TypeError):
            _core.World()


class TestOrderOfDeclaring:
    def test_u4_supply(self):
        world = _core.World(1)
        for supply_max in (0, -1, 2**61 + 1, *NOT_INTEGERS):
            with pytest.raises(InputError) as caught:
                world.add_asset(supply_max)
            assert caught.value.field == "supply_max"
        assert world.add_asset(2**61) == 0  # nothing of the refused ones was kept

    def test_assets_come_before_accounts(self, stage):
        with pytest.raises(InputError, match="before the first account"):
            stage.native.add_asset(5)
        with pytest.raises(InputError) as caught:
            _core.World(1).add_accounts()
        assert caught.value.field == "assets"

    def test_numbers_of_nothing_are_refused(self):
        world = _core.World(1)
        for call, field in (
            (lambda: world.deposit(0, 0, 1), "account"),
            (lambda: world.balance(0, 0), "account"),
            (lambda: world.market(0), "market"),
            (lambda: world.add_perpetual(0, atoms_per_tick_lot=1, maintenance_ppm=0), "settle"),
            (lambda: world.send_cancel(0, at_ms=0), "ticket"),
        ):
            with pytest.raises(InputError) as caught:
                call()
            assert caught.value.field == field


class TestBoundaries:
    def test_u4_deposits_fill_the_supply_exactly(self):
        native = Stage().native
        native.deposit(3, QUOTE, SUPPLY - 2_000)
        assert native.net_deposits(QUOTE) == SUPPLY
        with pytest.raises(InputError, match="at most the 0 atoms"):
            native.deposit(3, QUOTE, 1)

    def test_u2_an_opening_trade_at_the_notional_bound(self):
        native = Stage().native
        native.open_trade(1, 3, 4, 20, 100)  # 2,000
        with pytest.raises(InputError) as caught:
            native.open_trade(1, 3, 4, 21, 100)
        assert caught.value.field == "qty_lots"
        assert native.position(3, 1)[0] == 20

    def test_u10_opening_trades_fill_the_exposure_bound_exactly(self):
        twin = TwinWorld()
        twin.asset()
        first, second = twin.perpetual(QUOTE), twin.perpetual(QUOTE, worth=2)
        long, short, other = twin.account(1), twin.account(1), twin.account(1)
        for market, worth in ((first, 1), (second, 2)):  # in the second the atoms bind before the lots
            for _ in range(4):
                twin.native.open_trade(market, long, short, 2**54 // worth, 1)
            for buyer, seller in ((long, other), (other, short)):
                with pytest.raises(InputError) as caught:
                    twin.native.open_trade(market, buyer, seller, 1, 1)
                assert caught.value.field == "qty_lots"
            assert twin.native.position(long, market) == (2**56 // worth, 2**56, 0)
        assert twin.disagreements() == []

    def test_u10_it_is_the_bound_not_int64_that_refuses(self):
        # Four of these once overflowed a position.
        twin = TwinWorld()
        twin.asset()
        market, long, short = twin.perpetual(QUOTE), twin.account(1), twin.account(1)
        with pytest.raises(InputError, match="U-10"):
            twin.native.open_trade(market, long, short, 2**61, 1)
        assert twin.disagreements() == []

    def test_v7_the_venues_accounts_hold_balances(self):
        native = Stage().native
        for account in SYSTEM:
            native.deposit(account, QUOTE, 1)
            assert native.balance(account, QUOTE) == (1, 0)

    def test_left_out_a_start_is_now(self):
        plain = {name: value for name, value in GOOD["add_agents noise"].items() if name != "start_ms"}
        sent = []
        for start_ms in ({}, {"start_ms": None}, {"start_ms": 10}):
            native = Stage().native
            native.add_agents("noise", **{**plain, "mean_gap_ms": 1.0, **start_ms})
            native.run(200)
            sent.append(native.journal()["time_ms"].tolist())
        assert sent[0] == sent[1] == sent[2]
        assert len(sent[0]) > 10

    def test_t5_nothing_is_sent_into_the_past(self):
        native = Stage().native
        assert native.now_ms == 10
        native.send_order(3, 0, Side.BUY, 5, 1, at_ms=10)
        with pytest.raises(InputError, match="at_ms"):
            native.send_order(3, 0, Side.BUY, 5, 1, at_ms=9)
