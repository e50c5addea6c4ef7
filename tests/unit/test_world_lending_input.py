"""What the bindings of lending, blocks, bots and loopers refuse: the field is named, and nothing has changed."""

from __future__ import annotations

import pytest
from lendkit import COIN, DOLLAR, TERMS, Town

from engine import InputError, _core

KEY = 7
RESERVE = {"price": (1, 1)}
BOT = {"market": 0, "protocol": 0, "every_ms": 100}
LOOPER = {"market": 0, "protocol": 0, "every_ms": 100}


def town():
    """A protocol with a loan, a pool of other assets, a perpetual market, and a second venue."""
    made = Town()
    made.borrower(1_000, 500)
    world = made.world
    made.perpetual = world.add_perpetual(made.usd, atoms_per_tick_lot=1, maintenance_ppm=0)
    made.pool = world.add_pool("product", [made.gas, made.usd], fee_ppm=0)
    made.venue = world.add_venue()
    made.stranger = world.add_accounts(venue=made.venue)
    made.idle = world.add_accounts()
    return made


# Field, method, positional arguments, keywords; "idle" and the like stand for what the town has.
CALLS = [
    ("venue", "set_blocks", (9,), {"every_ms": 1, "gas_asset": 0}),
    ("every_ms", "set_blocks", (0,), {"every_ms": 0, "gas_asset": 0}),
    ("every_ms", "set_blocks", (0,), {"every_ms": 2**31 + 1, "gas_asset": 0}),
    ("every_ms", "set_blocks", (0,), {"every_ms": 1.5, "gas_asset": 0}),
    ("gas_asset", "set_blocks", (0,), {"every_ms": 1, "gas_asset": 9}),
    ("gas_most", "set_blocks", (0,), {"every_ms": 1, "gas_asset": 0, "gas_most": 799_999}),
    ("gas_most", "set_blocks", (0,), {"every_ms": 1, "gas_asset": 0, "gas_most": 2**50 + 1}),
    ("base_price", "set_blocks", (0,), {"every_ms": 1, "gas_asset": 0, "base_price": -1}),
    ("base_least", "set_blocks", (0,), {"every_ms": 1, "gas_asset": 0, "base_price": 5, "base_least": 6}),
    ("venue", "blocks", (2,), {}),
    ("form", "add_protocol", ("bank",), {}),
    ("form", "add_protocol", (1,), {}),
    ("venue", "add_protocol", ("aave",), {"venue": 5}),
    ("fee_ppm", "add_protocol", ("aave",), {"fee_ppm": 10**6 + 1}),
    ("close_ppm", "add_protocol", ("aave",), {"close_ppm": 0}),
    ("full_below_ppm", "add_protocol", ("aave",), {"full_below_ppm": -1}),
    ("close_value_min", "add_protocol", ("aave",), {"close_value_min": 2**61 + 1}),
    ("left_value_min", "add_protocol", ("aave",), {"left_value_min": -1}),
    ("call_ppm", "add_protocol", ("loan",), {"call_ppm": 0}),
    ("liquidation_ppm", "add_protocol", ("loan",), {"call_ppm": 800_000, "liquidation_ppm": 799_999}),
    ("store_front_ppm", "add_protocol", ("comet",), {"store_front_ppm": True}),
    ("target_atoms", "add_protocol", ("comet",), {"target_atoms": -1}),
    ("sale_ppm", "add_protocol", ("loan",), {"sale_ppm": 0}),
    ("sale_ms", "add_protocol", ("loan",), {"sale_ms": 0}),
    ("accrue_ms", "add_protocol", ("aave",), {"accrue_ms": -1}),
    ("protocol", "add_reserve", (3, "gas"), RESERVE),
    ("asset", "add_reserve", (0, 17), RESERVE),
    ("asset", "add_reserve", (0, "coin"), RESERVE),  # it has one
    ("price", "add_reserve", (0, "gas"), {"price": (0, 1)}),
    ("price", "add_reserve", (0, "gas"), {"price": (1, 2**52 + 1)}),
    ("price", "add_reserve", (0, "gas"), {"price": 1}),
    ("market", "add_reserve", (0, "gas"), {**RESERVE, "market": 9}),
    ("series", "add_reserve", (0, "gas"), {**RESERVE, "market": 0, "series": "last"}),
    ("stale_ms", "add_reserve", (0, "gas"), {**RESERVE, "stale_ms": -1}),
    ("terms", "add_reserve", (0, "gas"), {**RESERVE, "terms": (900_000, 800_000, 0)}),
    ("terms", "add_reserve", (0, "gas"), {**RESERVE, "terms": (0, 0)}),
    ("mode_terms", "add_reserve", (0, "gas"), {**RESERVE, "mode_terms": (0, 10**6 + 1, 0)}),
    ("mode", "add_reserve", (0, "gas"), {**RESERVE, "mode": 256}),
    ("curve", "add_reserve", (0, "gas"), {**RESERVE, "curve": (0, 0, 0, 0)}),
    ("curve", "add_reserve", (0, "gas"), {**RESERVE, "curve": (4 * 10**6, 1, 4 * 10**6, 10**6 + 1)}),
    ("curve", "add_reserve", (0, "gas"), {**RESERVE, "curve": [0, 1, 0, 0]}),
    ("reserve_ppm", "add_reserve", (0, "gas"), {**RESERVE, "reserve_ppm": 10**6 + 1}),
    ("lent", "add_reserve", (0, "gas"), {**RESERVE, "lent": 1}),
    ("supply_cap", "add_reserve", (0, "gas"), {**RESERVE, "supply_cap": 2**61 + 1}),
    ("borrow_cap", "add_reserve", (0, "gas"), {**RESERVE, "borrow_cap": -1}),
    ("sale_market", "add_reserve", (0, "gas"), {**RESERVE, "sale_market": 0}),  # an Aave sells nothing
    ("market", "add_reserve", (0, "gas"), {**RESERVE, "sale_market": 9}),
    ("account", "act", (99, "supply", 0), {}),
    ("account", "act", (0, "supply", 0), {}),  # the venue's own
    ("kind", "act", ("idle", "steal", 0), {}),
    ("kind", "act", ("idle", 1, 0), {}),
    ("target", "act", ("idle", "supply", 65_535), {}),
    ("target", "act", ("idle", "supply", -1), {}),
    ("atoms", "act", ("idle", "supply", 0, -1), {"asset": 0}),
    ("atoms", "act", ("idle", "supply", 0, 2**61 + 1), {"asset": 0}),
    ("atoms", "act", ("idle", "supply", 0, "1"), {"asset": 0}),
    ("asset", "act", ("idle", "supply", 0, 1), {"asset": 3}),
    ("other", "act", ("idle", "liquidate", 0, 1), {"other": 3}),
    ("party", "act", ("idle", "repay", 0, 1), {"asset": 0, "party": 99}),
    ("least", "act", ("idle", "liquidate", 0, 1), {"least": -1}),
    ("pool", "act", ("idle", "flash_liquidate", 0, 1), {"pool": 65_535}),
    ("accounts", "lend_columns", (0, ["idle"], 0, [1, 2], 1, [0]), {}),
    ("atoms", "lend_columns", (0, ["idle"], 0, [-1], 1, [0]), {}),
    ("protocol", "reserve", (1, 0), {}),
    ("asset", "reserve", (0, "gas"), {}),
    ("protocol", "protocol", (-1,), {}),
    ("protocol", "loan", ("idle", 1), {}),
    ("account", "loan", (99, 0), {}),
    ("protocol", "loans", ("0",), {}),
    ("protocol", "rearm_loans", (1,), {}),
    ("account", "watch_protocol", ("idle", 0), {}),  # it has no agent
    ("accounts", "bots", (["idle"],), {}),
    ("accounts", "loopers", (["idle"],), {}),
    ("market", "add_agents", ("bot", ["idle"], [KEY]), {**BOT, "market": "perpetual"}),
    ("protocol", "add_agents", ("bot", ["idle"], [KEY]), {**BOT, "protocol": 1}),
    ("protocol", "add_agents", ("bot", ["stranger"], [KEY]), BOT),
    ("pool", "add_agents", ("bot", ["idle"], [KEY]), {**BOT, "pool": 3}),
    ("pool", "add_agents", ("bot", ["idle"], [KEY]), {**BOT, "pool": "pool"}),  # of other assets
    ("every_ms", "add_agents", ("bot", ["idle"], [KEY]), {**BOT, "every_ms": 0}),
    ("scan", "add_agents", ("bot", ["idle"], [KEY]), {**BOT, "scan": 0}),
    ("flash", "add_agents", ("bot", ["idle"], [KEY]), {**BOT, "flash": 2}),
    ("margin", "add_agents", ("bot", ["idle"], [KEY]), {**BOT, "margin": 1.5}),
    ("margin", "add_agents", ("bot", ["idle"], [KEY]), {**BOT, "margin": float("nan")}),
    ("tip_ppm", "add_agents", ("bot", ["idle"], [KEY]), {**BOT, "tip_ppm": 10**6 + 1}),
    ("capital", "add_agents", ("bot", ["idle"], [KEY]), {**BOT, "capital": -1}),
    ("protocol", "add_agents", ("looper", ["idle"], [KEY]), {**LOOPER, "protocol": 1}),
    ("loops", "add_agents", ("looper", ["idle"], [KEY]), {**LOOPER, "loops": 65}),
    ("ltv_ppm", "add_agents", ("looper", ["idle"], [KEY]), {**LOOPER, "ltv_ppm": 0}),
    ("keep_ppm", "add_agents", ("looper", ["idle"], [KEY]), {**LOOPER, "keep_ppm": 999_999}),
    ("share_ppm", "add_agents", ("looper", ["idle"], [KEY]), {**LOOPER, "share_ppm": 0}),
    ("flee_rate_ppm", "add_agents", ("looper", ["idle"], [KEY]), {**LOOPER, "flee_rate_ppm": 9_000_001}),
]
NAMED = ("coin", "usd", "gas", "idle", "stranger", "perpetual", "pool")


def meant(value, made, *, in_list=False):
    """Replace the names that stand for what a town has."""
    if isinstance(value, list):
        return [meant(part, made, in_list=True) for part in value]
    return getattr(made, value) if isinstance(value, str) and value in NAMED else value


@pytest.mark.parametrize(("field", "method", "arguments", "options"), CALLS)
def test_a_bad_argument_is_named_and_changes_nothing(field, method, arguments, options):
    made = town()
    before = (made.world.snapshot(), made.world.digest())
    arguments = [meant(value, made) for value in arguments]
    options = {name: meant(value, made) for name, value in options.items()}
    with pytest.raises(InputError) as caught:
        getattr(made.world, method)(*arguments, **options)
    assert caught.value.field == field
    assert (made.world.snapshot(), made.world.digest()) == before
    made.passes(1)


def test_a_flash_bot_needs_a_pool():
    made = town()
    with pytest.raises(InputError) as caught:
        made.world.add_agents("bot", [made.idle], [KEY], **BOT, flash=1)
    assert caught.value.field == "flash"


class TestForms:
    @pytest.mark.parametrize(
        ("form", "field", "reserve"),
        [
            ("morpho", "price", {"price": (2, 1), "lent": True}),
            ("morpho", "price", {"price": (1, 1), "market": 0, "lent": True}),
            ("morpho", "terms", {"price": (1, 1), "lent": True, "terms": TERMS}),
            ("loan", "sale_market", {"price": (1, 1), "terms": TERMS}),
            ("comet", "lent", {"price": (1, 1), "lent": True}),
        ],
    )
    def test_what_a_form_does_not_have(self, form, field, reserve):
        made = Town(form, terms=(900_000, 920_000, 0))
        before = made.world.snapshot()
        with pytest.raises(InputError) as caught:
            made.world.add_reserve(made.protocol, made.gas, **reserve)
        assert caught.value.field == field
        assert made.world.snapshot() == before

    def test_reserves_go_to_the_protocol_that_was_opened_last(self):
        made = Town()
        made.world.add_protocol("aave")
        with pytest.raises(InputError) as caught:
            made.world.add_reserve(made.protocol, made.gas, price=(1, 1))
        assert caught.value.field == "protocol"

    def test_sixteen_reserves_at_most(self):
        world = _core.World(1)
        assets = [world.add_asset(10**6) for _ in range(17)]
        protocol = world.add_protocol("aave")
        for asset in assets[:16]:
            world.add_reserve(protocol, asset, price=(1, 1))
        with pytest.raises(InputError) as caught:
            world.add_reserve(protocol, assets[16], price=(1, 1))
        assert caught.value.field == "asset"
        world.check_invariants()


def test_lend_columns_does_what_single_actions_do_and_counts_the_refused():
    made, other = Town(), Town()
    for each in (made, other):
        each.accounts = [each.trader(coin=10) for _ in range(3)]
    supplied, borrowed = [10 * COIN, 0, 11 * COIN], [9 * DOLLAR, 5 * DOLLAR, 0]
    assert made.world.lend_columns(made.protocol, made.accounts, made.coin, supplied, made.usd, borrowed) == 2
    assert other.act(other.accounts[0], "supply", 10 * COIN, asset=other.coin)[0] == 0
    assert other.act(other.accounts[0], "borrow", 9 * DOLLAR, asset=other.usd)[0] == 0
    assert other.act(other.accounts[1], "borrow", 5 * DOLLAR, asset=other.usd)[0] != 0
    assert other.act(other.accounts[2], "supply", 11 * COIN, asset=other.coin)[0] != 0
    assert made.world.digest() == other.world.digest()


def test_blocks_cannot_change_while_an_action_waits():
    made = town()
    made.world.set_blocks(0, every_ms=1_000, gas_asset=made.gas)
    bot = made.trader(usd=1_000)
    made.world.add_agents("bot", [bot], [KEY], **BOT)
    made.falls(5_000)
    made.bids([(5_100, 1_000)])
    made.passes(200)
    assert made.world.blocks(0)["waiting"] == 1
    before = made.world.snapshot()
    with pytest.raises(InputError) as caught:
        made.world.set_blocks(0, every_ms=1, gas_asset=made.gas)
    assert caught.value.field == "venue"
    assert made.world.snapshot() == before
