"""Liquidation prices and maps: the kernel finds the first price of a scan of every price by the reference (W-1, W-2).

Numbers are tiny on purpose, so that rounding decides often, and rates so high that the surplus does not always fall
with the price.
"""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from engine import _core
from engine.margin import Boundary, Comparator, MarginAction
from engine.reference.liquidation_price import health_at_mark, liquidation_price_ticks
from engine.reference.margin import Holding
from engine.reference.margin_ladder import surplus
from engine.reference.schedule import Schedule
from engine.reference.unified import UnifiedAsset, unified_health

SUPPLY = 2**58
NONE = -1
CROSS, UNIFIED = 2, 3
LIQUIDATE = int(MarginAction.LIQUIDATE)


def boundary_of(ratio_ppm, at_or_below):
    return Boundary(MarginAction.LIQUIDATE, ratio_ppm, Comparator(int(at_or_below)))


def scanned(health_at, now, low, high, boundary):
    """Return the nearest price below and above that is beyond, by looking at every one; the two are None if now is."""
    if surplus(health_at(now), boundary) < 0:
        return None, None

    def first(prices):
        return next((price for price in prices if surplus(health_at(price), boundary) < 0), NONE)

    return first(range(now - 1, low - 1, -1)), first(range(now + 1, high + 1))


def row_of(world, market, account, **options):
    table = world.liquidation_prices(market, **options)
    (place,) = [i for i, each in enumerate(table["account"].tolist()) if each == account]
    return {name: table[name].tolist()[place] for name in table.names}


def schedules(kind):
    """Draw two tiers: rates that rise (a requirement) or fall (a value)."""
    low, high = (0, 10**6)
    rates = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    floors = st.integers(1, 3_000).map(lambda floor: (0, floor))
    return st.tuples(floors, rates.map(tuple if kind == "requirement" else lambda pair: tuple(pair[::-1])))


def lots_of(most=9):
    return st.integers(-most, most)


RATIOS = st.sampled_from([1_000_000, 1_050_000, 600_000, 2_500_000])
POSITIONS = st.tuples(lots_of(), st.integers(1, 120), st.integers(1, 120))  # lots, entry, mark


class TestCross:
    @given(
        money=st.integers(1, 2_000),
        positions=st.lists(POSITIONS, min_size=1, max_size=3),
        tiers=schedules("requirement"),
        w=st.integers(1, 3),
        ratio=RATIOS,
        at_or_below=st.booleans(),
    )
    @example(100, [(5, 100, 100)], ((0, 1), (0, 1_000_000)), 1, 2_500_000, True)  # the surplus falls as the price rises
    def test_the_first_price_of_a_scan(self, money, positions, tiers, w, ratio, at_or_below):
        world = _core.World(1, stage_ppm=0)
        usd = world.add_asset(SUPPLY)
        world.set_ladder(0, [(LIQUIDATE, ratio, at_or_below)])
        schedule = world.add_schedule(*tiers)
        markets = [world.add_perpetual(usd, atoms_per_tick_lot=w, maintenance=schedule) for _ in positions]
        account, other = world.add_accounts(), world.add_accounts()
        world.deposit(account, usd, money)
        world.deposit(other, usd, SUPPLY // 2)
        for market, (lots, entry, mark) in zip(markets, positions, strict=True):
            if lots:
                pair = (account, other) if lots > 0 else (other, account)
                world.open_trade(market, *pair, abs(lots), entry)
            world.publish(market, mark, "mark")
        before = world.digest()
        requirement = Schedule(*tiers)
        holdings = [
            Holding(
                position_lots=lots,
                cost_atoms=lots * entry * w,
                mark_ticks=mark,
                atoms_per_tick_lot=w,
                maintenance=requirement,
            )
            for lots, entry, mark in positions
        ]
        boundary = boundary_of(ratio, at_or_below)
        for place, (lots, _, mark) in enumerate(positions):
            if lots == 0:
                continue
            health_at = health_at_mark(money, holdings, place)
            found = row_of(world, markets[place], account)
            below, above = scanned(health_at, mark, 1, 2 * mark, boundary)
            assert found["is_now"] == (below is None)
            if below is None:
                continue
            assert (found["below_ticks"], found["above_ticks"]) == (below, above)
            for side, price in (("below", below), ("above", above)):
                assert found[f"{side}_atoms"] == (0 if price == NONE else abs(lots) * price * w)
            if ratio == 1_000_000:  # C-8's own walk, which asks that equity falls on the way
                last = 1 if lots > 0 else 2 * mark
                adverse = below if lots > 0 else above
                assert liquidation_price_ticks(health_at, mark, last, boundary) == (
                    None if adverse == NONE else adverse
                )
        assert world.digest() == before
        assert [world.market(market)["mark"] for market in markets] == [mark for _, _, mark in positions]

    def test_far_prices_are_as_exact(self):
        # 10 lots at 10^6 with 10^6 and 2 %: 10 p - 10^7 + 10^6 < ceil(0.2 p) first at 918,367 (183,670 < 183,674).
        world = _core.World(1, stage_ppm=0)
        usd = world.add_asset(SUPPLY)
        market = world.add_perpetual(usd, atoms_per_tick_lot=1, maintenance_ppm=20_000)
        account, other = world.add_accounts(), world.add_accounts()
        world.deposit(account, usd, 10**6)
        world.deposit(other, usd, 10**6)
        world.open_trade(market, account, other, 10, 10**6)
        world.publish(market, 10**6, "mark")
        assert row_of(world, market, account)["below_ticks"] == 918_367
        # The short: 10^7 + 10^6 - 10 p < ceil(0.2 p) first at 1,078,432 (215,680 < 215,687).
        assert row_of(world, market, other)["above_ticks"] == 1_078_432
        assert row_of(world, market, account, low_ppm=81_632)["below_ticks"] == NONE  # down to 918,368 only
        assert row_of(world, market, account, low_ppm=81_633)["below_ticks"] == 918_367


class TestUnified:
    @given(
        dollars=st.integers(0, 800),
        coins=st.integers(0, 60),
        borrowed=st.integers(0, 300),
        index=st.integers(1, 60),
        value=schedules("value"),
        unit_value=schedules("value"),
        tiers=schedules("requirement"),
        in_dollars=POSITIONS,
        in_coins=POSITIONS,
        ratio=RATIOS,
    )
    @example(
        500,
        40,
        100,
        20,
        ((0, 300), (900_000, 0)),
        ((0, 1), (10**6, 10**6)),
        ((0, 1), (20_000, 20_000)),
        (3, 50, 50),
        (-2, 9, 9),
        10**6,
    )
    def test_every_series_of_a_unit(
        self, dollars, coins, borrowed, index, value, unit_value, tiers, in_dollars, in_coins, ratio
    ):
        world = _core.World(1, stage_ppm=0)
        usd, coin = world.add_asset(SUPPLY), world.add_asset(SUPPLY)
        world.set_ladder(0, [(LIQUIDATE, ratio, False)])
        spot = world.add_spot(coin, usd, atoms_per_tick_lot=1, base_atoms_per_lot=2)
        schedule = world.add_schedule(*tiers)
        perps = [world.add_perpetual(asset, atoms_per_tick_lot=1, maintenance=schedule) for asset in (usd, coin)]
        lender, other = world.add_accounts(), world.add_accounts()
        for asset in (usd, coin):
            world.deposit(lender, asset, 10**6)
            world.deposit(other, asset, SUPPLY // 2)
        world.add_collateral(
            0, usd, value=world.add_schedule(*unit_value, kind="value"), loan_ppm=50_000, lender=lender
        )
        world.add_collateral(0, coin, market=spot, value=world.add_schedule(*value, kind="value"), loan_ppm=100_000)
        account = world.add_accounts(mode=UNIFIED)
        for asset, atoms in ((usd, dollars), (coin, coins)):
            if atoms:
                world.deposit(account, asset, atoms)
        world.publish(spot, index, "index")
        owed = 0
        if borrowed and account_can(world, account, usd, borrowed):
            owed = borrowed
        for perp, (lots, entry, mark) in zip(perps, (in_dollars, in_coins), strict=True):
            if lots:
                pair = (account, other) if lots > 0 else (other, account)
                world.open_trade(perp, *pair, abs(lots), entry)
            world.publish(perp, mark, "mark")
        now = {perps[0]: in_dollars[2], perps[1]: in_coins[2], spot: index}
        before = world.digest()

        def health_with(moved, price):
            prices = {**now, moved: price}

            def held(perp, position):
                lots, entry, _ = position
                return Holding(
                    position_lots=lots,
                    cost_atoms=lots * entry,
                    mark_ticks=prices[perp],
                    atoms_per_tick_lot=1,
                    maintenance=Schedule(*tiers),
                )

            return unified_health(
                [
                    UnifiedAsset(
                        balance_atoms=dollars + owed,
                        owed_atoms=owed,
                        holdings=(held(perps[0], in_dollars),),
                        is_unit=True,
                        haircut=Schedule(*unit_value, kind="value"),
                        loan_ppm=50_000,
                    ),
                    UnifiedAsset(
                        balance_atoms=coins,
                        holdings=(held(perps[1], in_coins),),
                        index_ticks=prices[spot],
                        atoms_per_tick_lot=1,
                        base_atoms_per_lot=2,
                        haircut=Schedule(*value, kind="value"),
                        loan_ppm=100_000,
                    ),
                ]
            )

        is_flat = not in_dollars[0] and not in_coins[0] and not owed
        for market, price in now.items():
            rows = [i for i, each in enumerate(world.liquidation_prices(market)["account"].tolist()) if each == account]
            if not rows:
                continue  # it has nothing there
            found = row_of(world, market, account)
            if is_flat:
                assert (found["below_ticks"], found["above_ticks"], found["is_now"]) == (NONE, NONE, 0)
                continue
            below, above = scanned(
                lambda ticks, market=market: health_with(market, ticks), price, 1, 2 * price, boundary_of(ratio, False)
            )
            assert found["is_now"] == (below is None)
            if below is not None:
                assert (found["below_ticks"], found["above_ticks"]) == (below, above)
        assert world.digest() == before


def account_can(world, account, asset, atoms):
    """Borrow, if the venue lends so much."""
    try:
        world.borrow(account, asset, atoms)
    except ValueError:
        return False
    return True


class TestMap:
    @given(
        leverages=st.lists(st.integers(1_100, 30_000), min_size=1, max_size=12),
        longs=st.integers(0, 2**12),
        steps=st.integers(1, 9),
        low=st.integers(0, 10**6),
        high=st.integers(0, 2 * 10**6),
    )
    def test_w2_every_price_is_counted_in_the_step_that_holds_it(self, leverages, longs, steps, low, high):
        world, market, _ = crowd(leverages, longs)
        prices = world.liquidation_prices(market, low_ppm=low, high_ppm=high)
        table = world.liquidation_map(market, low_ppm=low, high_ppm=high, steps=steps)
        edges, sides = table["price_ticks"].tolist(), table["side"].tolist()
        assert sides == [-1] * steps + [0] + [1] * steps
        assert edges == sorted(edges)
        assert edges[steps] == 1_000
        assert (edges[0], edges[-1]) == (max(1, 1_000 - low // 1_000), 1_000 + high // 1_000)
        expected = [(0, 0)] * (2 * steps + 1)

        def count(row, atoms):
            accounts, notional = expected[row]
            expected[row] = (accounts + 1, notional + atoms)

        for i in range(len(prices)):
            for side in ("below", "above"):
                price, atoms = int(prices[f"{side}_ticks"][i]), int(prices[f"{side}_atoms"][i])
                if price == NONE:
                    continue
                if side == "below":
                    count(max(row for row in range(steps) if edges[row] <= price), atoms)
                else:
                    count(min(row for row in range(steps + 1, 2 * steps + 1) if edges[row] >= price), atoms)
            if prices["is_now"][i]:
                count(steps, abs(int(prices["lots"][i])) * 1_000)
        assert list(zip(table["accounts"].tolist(), table["notional_atoms"].tolist(), strict=True)) == expected

    def test_what_the_map_says_is_what_happens(self):
        """Move the mark to each step's end in a copy: as many are liquidated as the map has counted so far."""
        world, market, _ = crowd([1_500, 2_000, 3_000, 5_000, 8_000, 13_000, 21_000], 0b1111111)
        table = world.liquidation_map(market, low_ppm=900_000, high_ppm=0, steps=6)
        rows = [row for row in zip(*(table[name].tolist() for name in table.names), strict=True) if row[1] < 0]
        total = 0
        for price, _, accounts, _ in reversed(rows):
            total += accounts
            copy = world.fork()
            copy.publish(market, price, "mark")
            copy.run(1)
            kinds = copy.landmarks()["kind"].tolist()
            assert kinds.count(5) == total  # LIQUIDATION
        assert total == 7


def crowd(leverages, longs):
    """Open a position of 10 lots at 1,000 for each leverage in thousandths; the bit of `longs` says which are long."""
    world = _core.World(1, stage_ppm=0)
    usd = world.add_asset(SUPPLY)
    market = world.add_perpetual(usd, atoms_per_tick_lot=1, maintenance_ppm=20_000)
    other = world.add_accounts()
    world.deposit(other, usd, SUPPLY // 2)
    first = world.add_accounts(len(leverages), narrow=True)
    for place, leverage in enumerate(leverages):
        world.deposit(first + place, usd, 10_000 * 1_000 // leverage)
        pair = (first + place, other) if longs >> place & 1 else (other, first + place)
        world.open_trade(market, *pair, 10, 1_000)
    world.publish(market, 1_000, "mark")
    world.run(0)
    return world, market, first
