"""What random worlds with lending declare: assets, spot markets, protocols of the four forms, accounts.

Stands on `lending_twin`.

Promises: everything follows from the draws of one generator. Loan-to-value ratios lie below thresholds, and what is
worth a tick of a coin is what a lot of it is worth in its market.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.margin import AccountMode
from engine.reference.blocks import BlockTerms
from engine.reference.issuers import IssuerTerms
from engine.reference.law import Law
from engine.reference.lending import AMOUNT_MAX, MILLION
from engine.reference.pools.ranges import sqrt_price_at
from engine.reference.protocols import AAVE, COMET, LOAN, MORPHO, Counts, ReserveTerms
from engine.reference.routes import RouteTerms

if TYPE_CHECKING:
    import random

    from engine.reference.routes import Windows
    from engine.testing.lending_twin import LendingTwin

USD = 0
PERPETUAL_TICKS = 100
SIZES = (12, 300, 300, 10_000, 10**9)  # what an account has, about, in lots


@dataclass
class Place:
    """Hold what a walk knows of a protocol."""

    form: int
    assets: list[int]


@dataclass
class Basin:
    """Hold what a walk knows of a pool."""

    form: str
    assets: tuple[int, ...]
    spacing: int = 0
    tick: int = 0  # where its price begins


@dataclass
class Plan:
    """Hold what a walk knows of its world."""

    size: int
    house: int
    hunter: int
    spots: list[int]
    ticks: dict[int, int]
    first_ticks: dict[int, int]
    protocols: list[Place]
    pools: list[Basin]
    accounts: list[int]
    lender: int  # the richest of them
    is_slow: bool  # long pauses: clocks and sales are slow
    worths: list[float]  # dollars for an atom of each asset, at the first prices
    away: list[int]  # accounts at another venue
    perpetual: int | None  # where traders have positions
    traders: list[int]  # cross and unified accounts, which may give no more than their margin leaves

    def worth(self, asset: int) -> float:
        """Return about what an atom is worth, dollars."""
        return self.worths[asset]


def declared(rng: random.Random, world: LendingTwin) -> Plan:
    """Declare a random world; prices are not published yet."""
    coins = rng.randint(1, 4)
    for _ in range(1 + coins):
        world.asset()
    token, staked = world.asset(rng.choice((2**61, 2**61, 10**7))), world.asset()
    size = rng.choice(SIZES)
    house = world.account(*[2**50] * (1 + coins), 10**6)
    spots = [
        world.spot(
            coin,
            USD,
            worth=rng.choice((1, 1, 2, 5)),
            base_atoms_per_lot=rng.choice((1, 1, 3, 10)),
            taker_fee_ppm=rng.choice((0, 700)),
            qty_max=rng.choice((2**61, size // 2 + 1)),
        )
        for coin in range(1, 1 + coins)
    ]
    ticks = {market: rng.randint(3, 300) for market in spots}
    forms = [rng.choice((AAVE, AAVE, MORPHO, COMET, LOAN, LOAN)) for _ in range(rng.randint(1, 3))]
    is_slow = rng.random() < 0.5
    protocols = [_protocol(rng, world, form, spots, is_slow=is_slow) for form in forms]
    worths = [1.0, *(ticks[m] * world.terms[m].atoms_per_tick_lot / world.terms[m].base_atoms_per_lot for m in spots)]
    pools = [_pool(rng, world, spots, ticks) for _ in range(rng.choice((0, 1, 2, 2, 3)))]
    modes = (AccountMode.CASH, AccountMode.CASH, AccountMode.CROSS)
    wealth = size * max(ticks.values()) * 5
    accounts = []
    for _ in range(rng.randint(3, 7)):
        deposits = [rng.randint(0, 2 * size) * 10 for _ in range(coins)]
        accounts.append(world.account(rng.randint(0, wealth), *deposits, mode=rng.choice(modes)))
    accounts.append(world.account(20 * wealth, *[20 * size] * coins, mode=AccountMode.CASH))  # who lends
    hunter = world.account(8 * wealth, *[size] * coins, mode=AccountMode.CASH)
    perpetual = _perpetual(rng, world, house, spots[0]) if not is_slow and rng.random() < 0.6 else None
    traders = [] if perpetual is None else [_trader(rng, world, size, house, perpetual) for _ in range(3)]
    far = world.venue()
    away = [world.account(wealth, *[size] * coins, venue=far, mode=AccountMode.CASH) for _ in range(2)]
    world.lenders = {*accounts, hunter, *away}
    for ordinal in range(rng.choice((0, 1, 2, 3))):
        world.route(_route(rng, size, 1 + coins, f"route {ordinal}"))
    if rng.random() < 0.5:
        world.set_blocks(_blocks(rng, size))
    for _ in range(rng.choice((0, 1, 1, 1))):
        world.issuer(_issuer(rng, world, [*accounts, hunter], token, staked, size))
    return Plan(
        size=size,
        house=house,
        hunter=hunter,
        spots=spots,
        ticks=ticks,
        first_ticks=dict(ticks),
        protocols=protocols,
        pools=pools,
        accounts=accounts,
        lender=accounts[-1],
        is_slow=is_slow,
        worths=worths,
        away=away,
        perpetual=perpetual,
        traders=traders,
    )


def _protocol(rng: random.Random, world: LendingTwin, form: int, spots: list[int], *, is_slow: bool) -> Place:
    """Declare a protocol: the dollar first, which is lent, then some of the coins."""
    chosen = sorted(rng.sample(spots, rng.randint(1, len(spots))))
    reserves = [_dollar(rng, form)]
    reserves += [_coin(rng, world, form, market) for market in chosen]
    number = world.protocol(form, reserves, **_options(rng, form, is_slow=is_slow))
    assert number == len(world.protocols) - 1
    return Place(form, [each.asset for each in reserves])


def _pool(rng: random.Random, world: LendingTwin, spots: list[int], ticks: dict[int, int]) -> Basin:
    """Declare a pool of a form: a coin and the dollar, or of a stable pool up to four assets."""
    form = rng.choice(("product", "product", "stable", "ranges"))
    market = rng.choice(spots)
    terms = world.terms[market]
    assert terms.base_asset is not None
    assets: tuple[int, ...] = rng.choice(((terms.base_asset, USD), (USD, terms.base_asset)))
    fee_ppm = rng.choice((0, 3_000, 3_000, 100_000))
    if form == "stable":
        assets = tuple(rng.sample(range(len(spots) + 1), rng.randint(2, min(4, len(spots) + 1))))
        scales = tuple(rng.choice((1, 1, 10, ticks[spots[asset - 1]] if asset else 1)) for asset in assets)
        world.pool(form, assets, fee_ppm=fee_ppm, amplification=rng.choice((1, 100, 5_000)), scales=scales)
        return Basin(form, assets)
    if form == "product":
        world.pool(form, assets, fee_ppm=fee_ppm)
        return Basin(form, assets)
    worth = ticks[market] * terms.atoms_per_tick_lot / terms.base_atoms_per_lot  # dollars for a coin
    tick = int(math.log(worth if assets[1] == USD else 1 / worth, 1.0001))
    spacing = rng.choice((1, 60))
    world.pool(form, assets, fee_ppm=fee_ppm, sqrt_price=sqrt_price_at(tick), tick_spacing=spacing)
    return Basin(form, assets, spacing, tick)


def _perpetual(rng: random.Random, world: LendingTwin, house: int, spot: int) -> int:
    """Open a perpetual for traders, and let dollars and a coin count in unified accounts."""
    world.count(USD, None, None, 50_000, house, 0)
    world.count(1, spot, world.schedule([0], [900_000], kind="value"), 50_000, house, 0)
    initial = rng.choice((None, world.schedule([0], [100_000])))
    stale_ms = rng.choice((0, 0, 40))
    maintenance = world.schedule([0], [50_000])
    return world.perpetual(USD, maintenance=maintenance, initial=initial, price_stale_ms=stale_ms)


def _trader(rng: random.Random, world: LendingTwin, size: int, house: int, perpetual: int) -> int:
    """Open an account with a position at 100, and money that brings it near its requirement, or not."""
    mode = rng.choice((AccountMode.CROSS, AccountMode.CROSS, AccountMode.UNIFIED))
    lots = rng.randint(1, size)
    account = world.account(int(lots * 100 * rng.choice((0.08, 0.2, 0.5, 2))) + 1, size, mode=mode)
    pair = (account, house) if rng.random() < 0.5 else (house, account)
    world.native.publish(perpetual, PERPETUAL_TICKS)
    world.native.open_trade(perpetual, *pair, lots, PERPETUAL_TICKS)
    return account


def _windows(rng: random.Random) -> Windows:
    """Draw windows of outage that a walk may meet."""
    begin = rng.choice((5, 100, 500))
    return rng.choice(((), (), ((begin, begin + 30), (begin + 30, begin + 90))))


def _blocks(rng: random.Random, size: int) -> BlockTerms:
    """Draw blocks whose gas is free, or costs what an account has, or what it hardly feels."""
    most = rng.choice((0, 800_000, 1_500_000, 10**7))
    price = rng.choice((0, 0, 1, 9)) * (size > 1_000)
    return BlockTerms(rng.choice((1, 2, 7)), USD, most, price, rng.choice((0, price // 2, price)))


def _route(rng: random.Random, size: int, assets: int, key: str) -> RouteTerms:
    law = rng.choice((None, None, Law("exponential", 20.0), Law("uniform", 0.0, 50.0)))
    ends = rng.choice(((0, 1), (0, 1), (1, 0), (0, 0)))
    cap_atoms, least_ms = rng.choice((0, 0, 3 * size)), rng.choice((0, 1, 3, 50))
    fee_atoms, cap_ms = rng.choice((0, 0, 2)), rng.choice((50, 1_000))
    return RouteTerms(rng.randrange(assets), *ends, key, least_ms, law, fee_atoms, cap_atoms, cap_ms, _windows(rng))


def _issuer(
    rng: random.Random, world: LendingTwin, accounts: list[int], token: int, staked: int, size: int
) -> IssuerTerms:
    """Declare an issuer of a token for dollars, with some backing of its own."""
    account = world.account(rng.choice((0, 50 * size)), mode=AccountMode.CASH)
    return IssuerTerms(
        USD,
        token,
        account,
        rate_ppb=rng.choice((10**9, 10**9, 3 * 10**9, 333_333_333)),
        growth_ppb=rng.choice((0, 10**6)),
        growth_ms=10,
        mint_ppm=rng.choice((0, 1_000)),
        redeem_ppm=rng.choice((0, 5_000)),
        mint_cap_atoms=rng.choice((0, 0, 10 * size)),
        mint_cap_ms=rng.choice((50, 1_000)),
        redeem_cap_atoms=rng.choice((0, 0, 10 * size)),
        redeem_cap_ms=rng.choice((50, 1_000)),
        listed=rng.choice((None, None, tuple(sorted(accounts[::2])))),
        staked=rng.choice((staked, staked, None)),
        cooldown_ms=rng.choice((0, 1, 10, 40)),
        outages=_windows(rng),
    )


def _options(rng: random.Random, form: int, *, is_slow: bool) -> dict[str, int]:
    """Draw what belongs to a form."""
    options = {"accrue_ms": rng.choice((0, 0, 36_000_000 if is_slow else 7))}
    if form == AAVE:
        options["fee_ppm"] = rng.choice((0, 100_000, 333_333))
        options["close_ppm"] = rng.choice((500_000, 250_000, MILLION))
        options["full_below_ppm"] = rng.choice((950_000, 0, 10**6))
        options["close_value_min"] = rng.choice((0, 0, 50))
        options["left_value_min"] = rng.choice((0, 0, 20))
    elif form == COMET:
        options["store_front_ppm"] = rng.choice((600_000, 0, MILLION))
        options["target_atoms"] = rng.choice((0, 100, 2**61, 2**61))
    elif form == LOAN:
        options["call_ppm"] = rng.choice((600_000, 750_000, 900_000))
        options["liquidation_ppm"] = rng.choice((900_000, 950_000, MILLION))
        options["sale_ppm"] = rng.choice((MILLION, MILLION, 250_000, 1))
        options["sale_ms"] = rng.choice((3_600_000, 50_000_000) if is_slow else (1, 1, 2, 5, 30))
    return options


def _shared(rng: random.Random) -> dict[str, Any]:
    """Draw what any reserve has."""
    return {
        "curve": rng.choice(
            ((0, MILLION, 0, 0), (20_000, 800_000, 100_000, 3_000_000), (0, 500_000, 8_000_000, 10**6))
        ),
        "reserve_ppm": rng.choice((0, 100_000, 250_000, MILLION)),
        "supply_cap": rng.choice((AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX, 1_000)),
        "borrow_cap": rng.choice((AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX, 500)),
    }


def _counts(rng: random.Random) -> Counts:
    """Draw a loan-to-value ratio, a threshold above it and a bonus."""
    threshold = rng.choice((500_000, 800_000, 900_000, 950_000))
    ltv = threshold - rng.choice((0, 10_000, 200_000))
    return Counts(ltv, threshold, rng.choice((0, 20_000, 50_000, 150_000)))


def _dollar(rng: random.Random, form: int) -> ReserveTerms:
    mode = rng.choice((0, 0, 1)) if form == AAVE else 0
    own = _counts(rng) if form == AAVE and rng.random() < 0.3 else Counts()
    return ReserveTerms(USD, (1, 1), is_lent=True, own=own, mode=mode, moded=_counts(rng), **_shared(rng))._replace(
        moded=_counts(rng) if mode and rng.random() < 0.5 else Counts()
    )


def _coin(rng: random.Random, world: LendingTwin, form: int, market: int) -> ReserveTerms:
    terms = world.terms[market]
    assert terms.base_asset is not None
    mode = rng.choice((0, 1, 2)) if form == AAVE else 0
    return ReserveTerms(
        terms.base_asset,
        (terms.atoms_per_tick_lot, terms.base_atoms_per_lot),
        market=market,
        series=rng.choice(("index", "oracle")),
        stale_ms=rng.choice((0, 0, 30)),
        own=_counts(rng) if form == LOAN or rng.random() < 0.9 else Counts(),
        mode=mode,
        moded=_counts(rng) if mode else Counts(),
        is_lent=form in (AAVE, LOAN) and rng.random() < 0.3,
        sale_market=market if form == LOAN else None,
        **_shared(rng),
    )
