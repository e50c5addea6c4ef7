"""Tables of tiers and haircuts in units of money: presets, published rows, refusals (S-1, S-3, S-4, S-6, S-7)."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest

from engine import InputError, haircuts, tiers
from engine._core import Schedule
from engine.tiers import TierTable, from_caps

EVERY_TIER_TABLE = [
    *(tiers.binance(symbol) for symbol in ("BTCUSDT", "SOLUSDT", "ATOMUSDT", "ENAUSDT")),
    *(tiers.hyperliquid(coin) for coin in ("BTC", "ETH", "SOL", "XRP", "DOGE", "FARTCOIN", "OP", "DOT")),
    *(tiers.dydx(tier) for tier in ("large-cap", "mid-cap", "small-cap", "long-tail", "safety")),
    tiers.hyperliquid_flat(3),
    tiers.flat("0.02", initial="0.05"),
]
OKX_TIERS = (1_000, 1_800, 2_800, 1_000)  # coins: three ends, then the size of each further tier
EVERY_COLLATERAL_TABLE = [
    haircuts.binance_pm_pro("PENGU"),
    haircuts.binance_pm_pro("1000SATS"),
    haircuts.okx("AGLD", "0.5"),
    *(haircuts.okx(asset, "20.25", OKX_TIERS) for asset in ("AVAX", "1INCH", "ARB", "ARB-before")),
    *(haircuts.portfolio_margin(asset) for asset in ("TRX", "SUI", "WBTC", "WLFI", "BONK", "ICP", "WLD", "USDe")),
    haircuts.flat("0.9"),
]


class TestPresets:
    @pytest.mark.parametrize("table", EVERY_TIER_TABLE, ids=lambda table: table.name)
    def test_the_core_takes_every_tier_table(self, table):
        maintenance = Schedule(table.atoms(6), table.maintenance_ppm)
        initial = Schedule(table.atoms(6), table.initial_ppm)
        for notional in (10**6, 10**11, 10**15):
            assert maintenance.requirement(notional) <= initial.requirement(notional)
        assert table.source

    @pytest.mark.parametrize("table", EVERY_COLLATERAL_TABLE, ids=lambda table: table.name)
    def test_the_core_takes_every_collateral_table(self, table):
        value = Schedule(table.atoms(6), table.value_ppm, kind="value")
        assert value.value(10**6) == table.value_ppm[0]
        assert table.source

    @pytest.mark.parametrize(
        ("coin", "border", "maintenance", "initial"),
        [
            ("BTC", 150_000_000, (12_500, 25_000), (25_000, 50_000)),
            ("ETH", 100_000_000, (20_000, 33_334), (40_000, 66_667)),  # 1/30 and 1/15, rounded up
            ("SOL", 70_000_000, (25_000, 50_000), (50_000, 100_000)),
            ("XRP", 40_000_000, (25_000, 50_000), (50_000, 100_000)),
            ("HYPE", 20_000_000, (50_000, 100_000), (100_000, 200_000)),
            ("ARB", 3_000_000, (50_000, 100_000), (100_000, 200_000)),
        ],
    )
    def test_s7_hyperliquid(self, coin, border, maintenance, initial):
        table = tiers.hyperliquid(coin)
        assert table.floors == (0, border)
        assert (table.maintenance_ppm, table.initial_ppm) == (maintenance, initial)

    def test_s7_hyperliquid_one_tier(self):
        assert tiers.hyperliquid_flat(3).maintenance_ppm == (166_667,)
        assert tiers.hyperliquid_flat(10).initial_ppm == (100_000,)

    @pytest.mark.parametrize(
        ("tier", "initial", "maintenance"),
        [
            ("large-cap", 20_000, 12_000),
            ("mid-cap", 50_000, 30_000),
            ("small-cap", 100_000, 50_000),
            ("long-tail", 200_000, 100_000),
            ("safety", 1_000_000, 200_000),
        ],
    )
    def test_dydx(self, tier, initial, maintenance):
        table = tiers.dydx(tier)
        assert (table.initial_ppm, table.maintenance_ppm) == ((initial,), (maintenance,))

    def test_flat(self):
        assert tiers.flat("0.05").initial_ppm == (50_000,)
        assert tiers.flat("0.05", initial="0.1").initial_ppm == (100_000,)
        assert haircuts.flat(1).value_ppm == (1_000_000,)

    def test_pm_pro(self):
        table = haircuts.binance_pm_pro("1000SATS")
        assert table.floors == (0, 800_000, 1_200_000, 4_000_000)
        assert table.value_ppm == (1_000_000, 950_000, 750_000, 500_000)

    @pytest.mark.parametrize(
        ("asset", "ppm", "is_verified"),
        [
            ("TRX", 850_000, True),
            ("SUI", 700_000, True),
            ("WBTC", 700_000, True),
            ("WLFI", 350_000, True),
            ("BONK", 700_000, True),
            ("ICP", 450_000, True),
            ("WLD", 600_000, True),
            ("USDe", 980_000, False),
            ("WBETH", 950_000, False),
            ("BNSOL", 950_000, False),
        ],
    )
    def test_portfolio_margin_says_what_no_source_says(self, asset, ppm, is_verified):
        table = haircuts.portfolio_margin(asset)
        assert (table.value_ppm, table.is_verified) == ((ppm,), is_verified)

    def test_s6_okx_tiers_are_coins_at_a_declared_price(self):
        table = haircuts.okx("AGLD", "0.5")
        assert table.floors == (0, 500, 900, 1_400)  # 1,000, 1,800 and 2,800 coins
        assert table.value_ppm == (900_000, 880_000, 870_000, 0)
        assert not table.is_verified

    def test_okx_rates_step_down_until_nothing_counts(self):
        table = haircuts.okx("1INCH", 1, OKX_TIERS)
        assert table.value_ppm == (700_000, 500_000, 400_000, 300_000, 200_000, 100_000, 0)
        assert table.floors == (0, 1_000, 1_800, 2_800, 3_800, 4_800, 5_800)
        avax = haircuts.okx("AVAX", 20, OKX_TIERS)
        assert avax.value_ppm[:5] == (900_000, 890_000, 880_000, 860_000, 840_000)
        assert avax.value_ppm[-2:] == (20_000, 0)
        assert haircuts.okx("ARB-before", 1, OKX_TIERS).value_ppm[-2:] == (10_000, 0)

    @pytest.mark.parametrize(
        ("make", "name", "field"),
        [
            (tiers.binance, "BTC", "symbol"),
            (tiers.hyperliquid, "btc", "coin"),
            (tiers.dydx, "Large-Cap", "tier"),
            (haircuts.binance_pm_pro, "BTC", "asset"),
            (haircuts.portfolio_margin, "USDE", "asset"),
            (lambda name: haircuts.okx(name, 1), ["AGLD"], "asset"),
        ],
    )
    def test_unknown_names(self, make, name, field):
        with pytest.raises(InputError, match=f"^{field}: expected one of "):
            make(name)

    @pytest.mark.parametrize("leverage", [0, -3, 1001, 2.5, True, "3"])
    def test_bad_leverage(self, leverage):
        with pytest.raises(InputError, match=r"^max_leverage: expected an integer between 1 and 1000"):
            tiers.hyperliquid_flat(leverage)

    @pytest.mark.parametrize(
        ("price", "coins", "field"),
        [
            (0, OKX_TIERS, "price"),
            (-1, OKX_TIERS, "price"),
            ("nan", OKX_TIERS, "price"),
            (1, None, "tier_coins"),
            (1, OKX_TIERS[:3], "tier_coins"),
            (1, (1, 2, 3, 4, 5), "tier_coins"),
            (1, (1, 2, 3, 0), "tier_coins[3]"),
            (1, (1, 2, 2, 1), "tier_coins[2]"),
            (1, (0, 2, 3, 1), "tier_coins[0]"),
            (1, (1, 2, -3, 1), "tier_coins[2]"),
            ("0.0000000001", OKX_TIERS, "price"),  # finer than an asset divides
            ("0.000000001", ("0.1", 1, 2, 1), "floors[1]"),  # and so is the border in money
        ],
    )
    def test_bad_coin_tiers(self, price, coins, field):
        with pytest.raises(InputError) as error:
            haircuts.okx("AVAX", price, coins)
        assert error.value.field == field


class TestTables:
    def test_numbers_as_people_write_them(self):
        table = TierTable("mine", (0, "1000.50", 2_000.5), (1, 2, 3), (4, 5, 6), "made up")
        assert table.floors == (Decimal(0), Decimal("1000.5"), Decimal("2000.5"))
        assert table.atoms(2) == (0, 100_050, 200_050)

    def test_a_table_is_frozen(self):
        with pytest.raises(FrozenInstanceError):
            tiers.flat("0.05").name = "other"

    @pytest.mark.parametrize("decimals", [-1, 10, 1.0, True])
    def test_bad_decimals(self, decimals):
        with pytest.raises(InputError, match=r"^asset_decimals: "):
            tiers.flat("0.05").atoms(decimals)

    def test_a_floor_between_two_atoms_is_refused(self):
        table = TierTable("mine", (0, "0.001"), (1, 2), (1, 2), "made up")
        assert table.atoms(3) == (0, 1)
        with pytest.raises(InputError, match=r"^floors\[1\]: expected a multiple of 0.01"):
            table.atoms(2)

    def test_a_floor_above_the_bound_is_refused(self):
        table = TierTable("mine", (0, 2**61), (1, 2), (1, 2), "made up")
        assert table.atoms(0) == (0, 2**61)
        with pytest.raises(InputError, match=r"^floors\[1\]: expected at most 2\^61 atoms"):
            table.atoms(1)

    @pytest.mark.parametrize(
        ("floors", "maintenance", "initial", "field"),
        [
            ((), (), (), "floors"),
            ((1,), (1,), (1,), "floors[0]"),
            ((0, 5, 5), (1, 2, 3), (1, 2, 3), "floors[2]"),
            ((0, "x"), (1, 2), (1, 2), "floors[1]"),
            ((0, 2**61 + 1), (1, 2), (1, 2), "floors[1]"),
            ((0, "1E+999999"), (1, 2), (1, 2), "floors[1]"),
            ((0, "1E-10"), (1, 2), (1, 2), "floors[1]"),
            ((0, 5), (1,), (1, 2), "maintenance_ppm"),
            ((0, 5), (2, 1), (1, 2), "maintenance_ppm[1]"),
            ((0, 5), (1, 2), (2, 1), "initial_ppm[1]"),
            ((0,), (10**6 + 1,), (1,), "maintenance_ppm[0]"),
            ((0,), (0.5,), (1,), "maintenance_ppm[0]"),
            (tuple(range(65)), (1,) * 65, (1,) * 65, "floors"),
        ],
    )
    def test_s1_s3_bad_tier_tables(self, floors, maintenance, initial, field):
        with pytest.raises(InputError) as error:
            TierTable("mine", floors, maintenance, initial, "made up")
        assert error.value.field == field

    def test_s3_a_rising_haircut_is_refused(self):
        with pytest.raises(InputError, match=r"^value_ppm\[1\]: expected at most 5"):
            haircuts.CollateralTable("mine", (0, 1), (5, 6), "made up")

    @pytest.mark.parametrize("rate", ["1.1", "-0.1", "0.0000001", "x", True])
    def test_bad_flat_rates(self, rate):
        for make in (tiers.flat, haircuts.flat):
            with pytest.raises(InputError, match=r"^rate: "):
                make(rate)


class TestPublishedRows:
    ROWS = ((50_000, 100, "0.004", 0), (600_000, 50, "0.005", 50), (3_000_000, 20, "0.0065", 950))

    def changed(self, row, column, value):
        rows = [list(entry) for entry in self.ROWS]
        rows[row][column] = value
        return rows

    def test_s4_rows_make_a_table(self):
        table = from_caps("mine", self.ROWS, "made up")
        assert table.floors == (0, 50_000, 600_000)
        assert table.maintenance_ppm == (4_000, 5_000, 6_500)
        assert table.initial_ppm == (10_000, 20_000, 50_000)

    def test_s4_sixty_four_rows(self):
        rows = [(cap, 1, "0.5", 0) for cap in range(1, 65)]
        assert len(from_caps("mine", rows, "made up").floors) == 64
        with pytest.raises(InputError, match=r"^rows: expected 1 to 64 tiers, was 65"):
            from_caps("mine", [*rows, (65, 1, "0.5", 0)], "made up")

    @pytest.mark.parametrize(
        ("row", "column", "value", "field", "expected"),
        [
            (0, 3, 1, "cum[0]", "0, so that"),
            (1, 3, "5E+1000000", "cum[1]", "50, so that"),
            (1, 3, "49.999999", "cum[1]", "50, so that"),
            (2, 3, 951, "cum[2]", "950, so that"),
            (1, 0, 50_000, "caps[1]", "more than 50000"),
            (2, 0, 600_000, "caps[2]", "more than 600000"),
            (0, 0, 0, "caps[0]", "more than 0"),
            (1, 1, 0, "leverage[1]", "an integer between 1 and 1000"),
            (1, 2, "0.0000001", "rate[1]", "a multiple of 0.000001"),
            (1, 2, "0.003", "maintenance_ppm[1]", "at least 4000"),
            (1, 1, 101, "initial_ppm[1]", "at least 10000"),
        ],
    )
    def test_s4_the_bad_row_is_named(self, row, column, value, field, expected):
        with pytest.raises(InputError) as error:
            from_caps("mine", self.changed(row, column, value), "made up")
        assert error.value.field == field
        assert error.value.expected.startswith(expected)

    def test_s4_a_cum_far_from_round_is_exact(self):
        rows = [(Decimal("0.000001"), 2, "0.1", 0), (1, 2, "0.100001", Decimal("1E-12"))]
        assert from_caps("mine", rows, "made up").maintenance_ppm == (100_000, 100_001)
