"""Walks of transfers and issuers over two venues with margin: all of it holds, and a copy goes the same way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine import _core

USD, TOKEN, SHARE = 0, 1, 2
KINDS = ("mint", "redeem", "stake", "unstake", "transfer")

actions = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from([0, 1, 1, 2, 2, 2, 3]),  # who acts
    st.integers(0, 3),  # who receives
    st.integers(0, 3),  # issuer or route
    st.one_of(st.integers(1, 3_000), st.integers(1, 3_000), st.integers(0, 2**61)),
    st.integers(0, 400),  # ms until the next
)
windows = st.lists(st.integers(0, 4_000), max_size=6, unique=True).map(
    lambda ends: list(zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False))
)


class Country:
    """Two venues, four routes, two issuers, five accounts, of which one is unified and short, one isolated."""

    def __init__(self, seed, outages, cap, law, rate):
        self.world = world = _core.World(seed)
        for most in (2**60, 20_000, 2**61):
            world.add_asset(most)
        far = world.add_venue()
        world.add_collateral(0, USD)
        perp = world.add_perpetual(USD, atoms_per_tick_lot=1, maintenance_ppm=50_000)
        places = ((0, 3), (0, 1), (0, 0), (far, 2), (far, 2))  # venue and mode; the first and last are issuers'
        self.accounts = [world.add_accounts(1, venue=venue, mode=mode) for venue, mode in places]
        for account in self.accounts:
            world.deposit(account, USD, 10_000)
        world.publish(perp, 100)
        world.open_trade(perp, self.accounts[1], self.accounts[0], 50, 100)
        self.perp = perp
        for asset, begins, ends in ((USD, 0, far), (USD, far, 0), (TOKEN, 0, far), (SHARE, 0, 0)):
            limits = {"least_ms": 50, "fee_atoms": asset, "cap_atoms": cap, "cap_ms": 500, "outages": outages}
            world.add_route(asset, begins, ends, key=f"{asset} {begins}", law=law, **limits)
        terms = {"rate_ppb": rate, "growth_ppb": 10**6, "growth_ms": 100, "mint_ppm": 200, "redeem_ppm": 1_000}
        world.add_issuer(USD, TOKEN, account=self.accounts[0], staked=SHARE, cooldown_ms=300, outages=outages, **terms)
        world.add_issuer(USD, TOKEN, account=self.accounts[4], venue=0, mint_cap_atoms=cap, mint_cap_ms=700, **terms)

    def act(self, row):
        kind, who, whom, target, atoms, pause_ms = row
        target = target if kind == "transfer" else target % 2
        told = self.world.act(self.accounts[who], kind, target, atoms, party=self.accounts[whom])
        before = self.world.now_ms
        self.world.publish(self.perp, 100 + (atoms + before) % 41 - 20)
        self.world.run(before + pause_ms, check=True)
        return told


def supply(country):
    """Tokens in being by I-3: nobody deposits or withdraws any here."""
    told = [country.world.issuer(n) for n in range(2)]
    return sum(each["minted"] - each["redeemed"] for each in told)


LAWS = [None, ("exponential", 100.0), ("uniform", 0.0, 300.0)]
RATES = [10**9, 700_000_000, 3 * 10**9]


@given(
    st.lists(actions, min_size=8, max_size=40),
    windows,
    st.one_of(st.just(0), st.integers(0, 9_000)),
    st.sampled_from(LAWS),
    st.sampled_from(RATES),
    st.integers(0, 2**64 - 1),
)
def test_walks(rows, outages, cap, law, rate, seed):
    country = Country(seed, outages, cap, law, rate)
    middle = len(rows) // 2
    for row in rows[:middle]:
        country.act(row)
    copy = Country.__new__(Country)
    copy.__dict__.update(country.__dict__, world=_core.World.restore(country.world.snapshot()))
    for row in rows[middle:]:
        reason, paid, got = country.act(row)
        assert copy.act(row) == (reason, paid, got)
        assert (reason == 0) == (got > 0)
        assert supply(country) == country.world.net_deposits(TOKEN)
        assert country.world.net_deposits(TOKEN) <= 20_000
    assert copy.world.digest() == country.world.digest()
    country.world.run(country.world.now_ms + 100_000, check=True)
    assert all(country.world.route(n)["on_way"] == 0 for n in range(4))
    assert country.world.net_deposits(USD) == 50_000
