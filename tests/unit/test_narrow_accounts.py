"""Narrow accounts: they keep rows of what they ever had, and nothing else differs (L-1, J-3, J-4, U-7)."""

from __future__ import annotations

import pytest

from engine import InputError, InvariantError, _core
from engine.testing.worlds import TwinWorld, small_world
from engine.types import Side

ASSETS = 500
SUPPLY = 10**15
BYTES_PER_ACCOUNT_MAX = 300  # with two positions
HEADER_BYTES, LENGTH_AT, LAYOUT_AT, CHECKSUM_BYTES = 24, 8, 20, 8  # engine/native/snapshot.pxd
PICKLE_BYTES = 16  # behind it, what Python agents are, if there are any; its length and checksum
WORD = 2**64 - 1


def world_of_assets(count=ASSETS):
    """Open a world with that many assets, the venue's own three accounts, and nothing else."""
    world = _core.World(1)
    for _ in range(count):
        world.add_asset(SUPPLY)
    world.add_accounts(narrow=True)
    return world


def bytes_of(world):
    return sum(rows * row_bytes for rows, row_bytes in world.memory().values())


def rows(world, name):
    return world.memory()[name][0]


def perpetual(world, asset):
    market = world.add_perpetual(asset, atoms_per_tick_lot=1, maintenance_ppm=10_000)
    world.add_mark(market, every_ms=100, lag_ms=1)
    return market


class TestMemory:
    def test_an_account_with_two_positions_takes_at_most_300_bytes(self):
        world, count = world_of_assets(), 10_000
        markets = [perpetual(world, asset) for asset in (7, 7)]
        before = bytes_of(world)
        first = world.add_accounts(count, narrow=True)
        for account in range(first, first + count, 2):
            world.deposit(account, 7, 1_000)
            world.deposit(account + 1, 7, 1_000)
            for market in markets:
                world.open_trade(market, account, account + 1, 1, 100)
        assert all(world.position(first, market) == (1, 100, 0) for market in markets)
        assert rows(world, "holdings") == 2 * count
        assert rows(world, "desks") == 0  # nobody has sent an order
        assert (bytes_of(world) - before) / count <= BYTES_PER_ACCOUNT_MAX
        world.check_invariants()

    def test_a_hundred_thousand_accounts_among_500_assets_stay_small(self):
        world, count = world_of_assets(), 100_000
        before, balances = bytes_of(world), rows(world, "balances")
        first = world.add_accounts(count, narrow=True)
        assert rows(world, "balances") == balances
        assert bytes_of(world) - before <= 40 * count  # its purse, itself and the head of its orders
        for account in range(first, first + count, 10):
            world.deposit(account, account % ASSETS, 5)
        assert rows(world, "balances") == balances + count // 10
        # Wide ones would take a row for each asset: 1.6 GB.
        assert bytes_of(world) < 10**7
        assert world.balance(first, first % ASSETS) == (5, 0)
        assert world.balance(first, (first + 1) % ASSETS) == (0, 0)

    def test_every_slab_is_named_once_and_a_snapshot_is_what_they_say(self):
        native = small_world().native
        native.run(1_000)
        memory, data = native.memory(), native.snapshot()
        assert len(memory) == 97  # kernel.pxd: WORLD_SLABS
        assert {"balances", "purses", "accounts", "holdings", "desks", "markets", "maker", "python"} <= set(memory)
        world_bytes = int.from_bytes(data[LAYOUT_AT : LAYOUT_AT + 4], "little")
        assert len(data) == HEADER_BYTES + world_bytes + bytes_of(native) + CHECKSUM_BYTES + PICKLE_BYTES
        assert (memory["balances"][1], memory["desks"][1]) == (32, 64)
        assert memory["holdings"][1] <= 56


class TestRows:
    def test_l1_rows_come_with_deposits_in_any_order_of_assets(self):
        world = world_of_assets(6)
        account, other = world.add_accounts(2, narrow=True), world.add_accounts()
        for place, asset in enumerate((3, 5, 0, 4)):
            world.deposit(account, asset, 10 + asset)
            world.deposit(other, asset, 20 + asset)
            world.check_invariants()
            assert rows(world, "balances") >= place
        assert [world.balance(account, asset)[0] for asset in range(6)] == [10, 0, 0, 13, 14, 15]
        assert [world.balance(account + 1, asset)[0] for asset in range(6)] == [0] * 6
        assert [world.balance(other, asset)[0] for asset in range(6)] == [20, 0, 0, 23, 24, 25]

    def test_l1_a_second_deposit_takes_no_row(self):
        world = world_of_assets(3)
        account = world.add_accounts(narrow=True)
        world.deposit(account, 1, 5)
        before = rows(world, "balances")
        world.deposit(account, 1, 6)
        assert rows(world, "balances") == before
        assert world.balance(account, 1) == (11, 0)

    def test_u4_a_deposit_beyond_the_supply_leaves_no_row(self):
        world = world_of_assets(3)
        account = world.add_accounts(narrow=True)
        before, digest = rows(world, "balances"), world.digest()
        with pytest.raises(InputError, match="atoms: expected at most"):
            world.deposit(account, 1, SUPPLY + 1)
        assert (rows(world, "balances"), world.digest()) == (before, digest)

    def test_j4_opening_narrow_accounts_is_opening_accounts(self):
        digests = []
        for narrow in (False, True):
            world = world_of_assets(4)
            account = world.add_accounts(3, narrow=narrow)
            world.deposit(account + 1, 2, 9)
            digests.append(world.digest())
        assert digests[0] == digests[1]

    def test_l3_a_spot_trade_brings_what_the_buyer_never_had(self):
        twin = TwinWorld(narrow=True)
        quote, _, base = (twin.asset() for _ in range(3))
        market = twin.spot(base, quote, taker_fee_ppm=1_000, maker_fee_ppm=1_000)
        buyer, seller = twin.account(10**6), twin.account(0, 0, 10**4)
        for account, side in ((buyer, Side.BUY), (seller, Side.SELL)):
            twin.native.send_order(account, market, side, 10, 2_000, at_ms=1 + (side == Side.SELL))
        twin.native.run(5, check=True)
        fee = 2  # a thousandth of 2,000 lots
        assert twin.native.balance(buyer, base) == (2_000 - fee, 0)
        assert twin.native.balance(seller, quote) == (20_000 - 10 * fee, 0)
        assert twin.disagreements() == []

    def test_v2_an_order_of_who_has_nothing_is_refused_as_that_of_a_wide_account(self):
        digests = []
        for narrow in (False, True):
            twin = TwinWorld(narrow=narrow)
            quote, base = twin.asset(), twin.asset()
            market, pauper = twin.spot(base, quote), twin.account()
            for side in (Side.BUY, Side.SELL):
                twin.native.send_order(pauper, market, side, 10, 1, at_ms=1)
            twin.native.run(2, check=True)
            assert sum(twin.native.counts()["rejects"].values()) == 2
            assert twin.disagreements() == []
            digests.append(twin.native.digest())
        assert digests[0] == digests[1]

    def test_l5_a_loss_reaches_an_account_that_never_deposited(self):
        # Opened without collateral at 100, closed at 90: the row of the settlement asset is there to go below zero.
        twin = TwinWorld(narrow=True)
        twin.asset()
        settle = twin.asset()
        market = twin.perpetual(settle)
        long, short = twin.account(), twin.account(0, 10**6)
        twin.native.open_trade(market, long, short, 3, 100)
        assert twin.native.balance(long, settle) == (0, 0)
        twin.native.send_order(short, market, Side.BUY, 90, 3, at_ms=1)
        twin.native.send_order(long, market, Side.SELL, None, 3, at_ms=2)
        twin.native.run(2)
        assert twin.native.position(long, market) == (0, 0, 1)
        twin.native.run(10, check=True)
        assert twin.native.balance(long, settle) == (0, 0)  # L-10: 30 atoms of bad debt
        assert twin.native.balance(2, settle) == (-30, 0)
        assert twin.disagreements() == []

    @pytest.mark.parametrize("wrong", [0, 1, None, "yes", 1.0])
    def test_u7_narrow_is_a_flag(self, wrong):
        world = world_of_assets(1)
        before = world.account_count
        with pytest.raises(InputError, match="narrow: expected True or False") as caught:
            world.add_accounts(narrow=wrong)
        assert caught.value.field == "narrow"
        assert world.account_count == before


class TestDesks:
    def test_v4_a_desk_comes_with_the_first_order_and_counts_from_one(self):
        twin = small_world()
        native = twin.native
        account = twin.account(10**9, 10**6)
        before = rows(native, "desks")
        assert native.position(account, 1) == (0, 0, 0)
        for number in (1, 2):
            native.send_order(account, 1, Side.BUY, 990, 1, at_ms=5)
            assert rows(native, "desks") == before + 1
            assert native.position(account, 1) == (0, 0, number)
        native.send_order(account, 0, Side.BUY, 990, 1, at_ms=5)  # another market, another desk
        assert rows(native, "desks") == before + 2
        native.run(10, check=True)

    def test_n4_whoever_only_holds_a_position_may_be_told_of_his_liquidation(self):
        twin, heard = TwinWorld(), []
        quote, base = twin.asset(), twin.asset()
        spot, market = twin.spot(base, quote), twin.perpetual(quote, maintenance_ppm=50_000)
        long, short = twin.account(10), twin.account(10**6, 10**6)

        class Watching:
            def on_liquidation(self, context, notice):
                heard.append(notice)

        twin.native.add_python(Watching(), long, 1)
        twin.native.open_trade(market, long, short, 10, 100)
        twin.native.add_index(market, spot, every_ms=10, lag_ms=1)
        twin.native.add_mark(market, every_ms=10, lag_ms=1)
        for side in (Side.BUY, Side.SELL):
            twin.native.send_order(short, spot, side, 50 - side, 1, at_ms=1)
        assert rows(twin.native, "desks") == 1  # that of the short on the spot market
        twin.native.run(40, check=True)
        assert len(heard) == 1
        assert twin.native.in_liquidation(long)
        assert rows(twin.native, "desks") == 2


# ---- what the walk finds ----


def checksum(data):
    """Write engine_checksum of snapshot.pxd again: four lanes of 64 bits."""
    seed = 0xCBF29CE484222325 ^ len(data)
    lanes = [seed, seed, ~seed & WORD, seed + 1 & WORD]

    def mix(lane, word):
        lane = (lane ^ word) * 0x9E3779B97F4A7C15 & WORD
        return lane ^ lane >> 32

    whole = len(data) // 32 * 32
    padded = data + bytes(whole + 32 - len(data))  # a last block, empty if nothing is left
    for at in range(0, len(padded), 32):
        block = padded[at : at + 32]
        lanes = [mix(lane, int.from_bytes(block[8 * i : 8 * i + 8], "little")) for i, lane in enumerate(lanes)]
    first, *others = lanes
    for lane in others:
        first = mix(first, lane)
    return first.to_bytes(8, "little")


def restored_with(world, slab, row, offset, value):
    """Restore a world one number of which was overwritten: in a row of a slab, at an offset, 8 bytes."""
    data = bytearray(world.snapshot())
    at = HEADER_BYTES + int.from_bytes(data[LAYOUT_AT : LAYOUT_AT + 4], "little")
    for name, (count, row_bytes) in world.memory().items():
        if name == slab:
            assert row < count
            at += row * row_bytes + offset
            break
        at += count * row_bytes
    data[at : at + 8] = value.to_bytes(8, "little", signed=True)
    end = int.from_bytes(data[LENGTH_AT : LENGTH_AT + 8], "little")
    data[end - CHECKSUM_BYTES : end] = checksum(bytes(data[: end - CHECKSUM_BYTES]))
    return _core.World.restore(bytes(data))


class TestWalk:
    @staticmethod
    def world():
        """Build a world in which account 3 is narrow, with rows of assets 0 and 2 and a resting bid."""
        world = world_of_assets(3)
        market = world.add_perpetual(2, atoms_per_tick_lot=1, maintenance_ppm=0)
        for asset in (2, 0):
            world.deposit(3, asset, 100)
        world.send_order(3, market, Side.BUY, 5, 7, at_ms=1)
        world.run(2, check=True)
        return world

    def test_an_untouched_copy_is_sound(self):
        world = self.world()
        restored = restored_with(world, "balances", 0, 0, 0)
        restored.check_invariants()
        assert restored.digest() == world.digest()

    @pytest.mark.parametrize("offset", [0, 8, 16])
    def test_l1_nothing_is_nothing(self, offset):
        with pytest.raises(InvariantError, match="rows of balances"):
            restored_with(self.world(), "balances", 0, offset, 1).check_invariants()

    def test_l1_rows_of_a_narrow_account_ascend(self):
        world = self.world()
        last = rows(world, "balances") - 1  # asset 0, opened last and linked before asset 2
        next_row = last - 1
        for asset, following in ((2, next_row), (1, last), (3, next_row)):  # twice the same, a circle, no such asset
            broken = restored_with(world, "balances", last, 24, asset | following << 32)
            with pytest.raises(InvariantError, match="rows of balances"):
                broken.check_invariants()

    def test_l1_who_holds_has_a_row_to_settle_in(self):
        last = rows(self.world(), "balances") - 1
        with pytest.raises(InvariantError, match="rows of balances"):
            restored_with(self.world(), "balances", last, 24, 0 | -1 << 32).check_invariants()  # the list ends early

    @pytest.mark.parametrize("offset", [8, 16, 24])
    def test_u10_a_desk_says_what_rests(self, offset):
        with pytest.raises(InvariantError, match=r"resting lots or atoms"):
            restored_with(self.world(), "desks", 0, offset, 6).check_invariants()
