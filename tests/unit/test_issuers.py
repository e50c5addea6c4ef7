"""Issuers: tokens made, destroyed, staked and unstaked (I-1 .. I-5)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import InputError, Simulation, _core

ARRIVAL, ACTION = 22, 19  # of the journal
(DONE, LACKING, NOTHING, BELOW, BOUND, NO_SUCH, CLOSED, CAP, NO_CASH, NOT_LISTED) = (0, 2, 4, 5, 6, 7, 8, 9, 10, 12)
USD, TOKEN, SHARE = 0, 1, 2
ONE = 10**9  # rate 1
FULL = 10**6


class Mint:
    """An issuer of TOKEN for USD; `user` and `other` have a million USD each, the issuer's account has nothing."""

    def __init__(self, *, supply=2**60, **terms):
        self.world = _core.World(3)
        for most in (2**60, supply, 2**60):
            self.world.add_asset(most)
        self.treasury, self.user, self.other = (self.world.add_accounts() for _ in range(3))
        for account in (self.user, self.other):
            self.world.deposit(account, USD, FULL)
        self.number = self.world.add_issuer(USD, TOKEN, account=self.treasury, **terms)

    def do(self, kind, atoms, *, by=None, **options):
        return self.world.act(self.user if by is None else by, kind, self.number, atoms, **options)

    def told(self):
        return self.world.issuer(self.number)

    def has(self, asset, account=None):
        return self.world.balance(self.user if account is None else account, asset)[0]

    def at(self, time_ms):
        self.world.run(time_ms, check=True)
        return self


def minted(atoms, rate, ppm):
    """I-2, from the rule alone."""
    return atoms * (10**6 - ppm) // 10**6 * ONE // rate


def redeemed(atoms, rate, ppm):
    return atoms * rate // ONE * (10**6 - ppm) // 10**6


class TestMintAndRedeem:
    """I-2: what comes out, and what is refused."""

    @settings(max_examples=150)
    @given(
        st.integers(1, FULL),
        st.one_of(st.integers(1, 2**52), st.integers(ONE // 2, 2 * ONE)),
        st.sampled_from([0, 1, 500, 999_999, 10**6]),
    )
    def test_i2_both_round_against_the_account(self, atoms, rate, ppm):
        mint = Mint(rate_ppb=rate, mint_ppm=ppm, redeem_ppm=ppm)
        tokens = minted(atoms, rate, ppm)
        if tokens == 0:
            assert mint.do("mint", atoms) == (NOTHING, 0, 0)
            return
        assert mint.do("mint", atoms) == (DONE, atoms, tokens)
        assert (mint.has(TOKEN), mint.has(USD), mint.has(USD, mint.treasury)) == (tokens, FULL - atoms, atoms)
        back = redeemed(tokens, rate, ppm)
        assert back <= atoms
        assert mint.do("redeem", tokens) == ((DONE, tokens, back) if back else (NOTHING, 0, 0))
        mint.at(1)
        left = 0 if back else tokens
        assert (mint.told()["minted"], mint.told()["redeemed"]) == (tokens, tokens - left)
        assert mint.told()["supply"] == mint.world.net_deposits(TOKEN) == mint.has(TOKEN) == left

    def test_i2_worked(self):
        mint = Mint(rate_ppb=1_050_000_000, mint_ppm=1_000, redeem_ppm=2_000)
        # 100,000 less 0.1 % is 99,900; at 1.05 that is 95,142.86 tokens.
        assert mint.do("mint", 100_000) == (DONE, 100_000, 95_142)
        # 95,142 x 1.05 = 99,899.1; less 0.2 % 99,699.2.
        assert mint.do("redeem", 95_142) == (DONE, 95_142, 99_699)
        assert mint.has(USD, mint.treasury) == 301  # fees and roundings stay with the backing

    def test_i2_the_order_of_refusals(self):
        mint = Mint(listed=[5], mint_cap_atoms=1_000, redeem_cap_atoms=600, outages=[(50, 60)], supply=5_000)
        assert (mint.user, mint.other) == (4, 5)
        mint.at(50)
        assert mint.do("mint", 0)[0] == NOTHING
        assert mint.do("mint", FULL + 1)[0] == NOT_LISTED
        assert mint.do("mint", FULL + 1, by=mint.treasury)[0] == NOT_LISTED
        assert mint.do("stake", 5, by=mint.other)[0] == CLOSED
        assert mint.do("mint", FULL + 1, by=mint.other)[0] == CLOSED
        mint.at(60)
        assert mint.do("mint", FULL + 1, by=mint.other, least=FULL + 2)[0] == BELOW
        assert mint.do("mint", FULL + 1, by=mint.other)[0] == BOUND
        assert mint.do("mint", 5_000, by=mint.other)[0] == CAP
        assert mint.do("mint", 1_000, by=mint.other) == (DONE, 1_000, 1_000)
        assert mint.do("mint", 1, by=mint.other)[0] == CAP
        assert mint.do("redeem", 1_001, by=mint.other, least=2_000)[0] == BELOW
        assert mint.do("redeem", 1_001, by=mint.other)[0] == CAP
        assert mint.do("redeem", 600, by=mint.other) == (DONE, 600, 600)
        assert (mint.told()["mint_left"], mint.told()["redeem_left"]) == (0, 0)

    def test_i2_who_lacks_and_an_issuer_without_cash(self):
        mint = Mint()
        assert mint.do("mint", FULL + 1)[0] == LACKING
        assert mint.do("redeem", 1)[0] == LACKING
        mint.do("mint", 1_000)
        mint.world.withdraw(mint.treasury, USD, 1)
        assert mint.do("redeem", 1_000) == (NO_CASH, 0, 0)
        assert mint.do("redeem", 999) == (DONE, 999, 999)

    def test_i2_what_the_issuers_position_needs_is_no_cash(self):
        mint = Mint()
        perp = mint.world.add_perpetual(
            USD, atoms_per_tick_lot=1, maintenance_ppm=50_000, initial=mint.world.add_schedule((0,), (100_000,))
        )
        mint.do("mint", 10_000)
        mint.world.publish(perp, 1_000)
        mint.world.open_trade(perp, mint.other, mint.treasury, 50, 1_000)  # it needs 5,000
        assert mint.do("redeem", 5_001)[0] == NO_CASH
        assert mint.do("redeem", 5_000)[0] == DONE
        mint.world.publish(perp, 1_090)
        mint.at(1)
        assert mint.world.in_liquidation(mint.treasury)
        assert mint.do("redeem", 1)[0] == NO_CASH

    def test_i2_refused_leaves_the_digest(self):
        mint = Mint(mint_cap_atoms=10, staked=SHARE)
        before = mint.world.digest()
        for kind, atoms in (("mint", 11), ("mint", FULL + 1), ("redeem", 1), ("stake", 1), ("unstake", 1)):
            assert mint.do(kind, atoms)[0] != DONE
            assert mint.world.digest() == before

    def test_i2_caps_are_of_windows(self):
        mint = Mint(mint_cap_atoms=100, mint_cap_ms=12_000, redeem_cap_atoms=50, redeem_cap_ms=12_000)
        assert mint.do("mint", 100)[0] == DONE
        assert mint.at(11_999).do("mint", 1)[0] == CAP
        assert mint.at(12_000).do("mint", 100)[0] == DONE
        assert mint.do("redeem", 51)[0] == CAP
        assert mint.do("redeem", 50)[0] == DONE

    def test_i2_other_venues_and_no_issuer(self):
        mint = Mint()
        far = mint.world.add_venue()
        stranger = mint.world.add_accounts(1, venue=far)
        assert mint.do("mint", 1, by=stranger)[0] == NO_SUCH
        assert mint.world.act(mint.user, "mint", 1, 5)[0] == NO_SUCH

    def test_i1_the_backing_may_stand_at_another_venue(self):
        mint = Mint()
        far = mint.world.add_venue()
        desk = mint.world.add_accounts(1, venue=far)
        number = mint.world.add_issuer(USD, TOKEN, account=desk)
        assert mint.world.act(mint.user, "mint", number, 70) == (DONE, 70, 70)
        assert mint.has(USD, desk) == 70


class TestRate:
    """I-1: linear growth in whole intervals."""

    def test_i1_grows_in_steps_of_its_first_value(self):
        mint = Mint(rate_ppb=2 * ONE, growth_ppb=50_000_000, growth_ms=1_000)  # 5 % of 2 each second
        rates = [mint.at(time_ms).told()["rate_ppb"] for time_ms in (999, 1_000, 2_999, 10_000)]
        assert rates == [2 * ONE, 2_100_000_000, 2_200_000_000, 3 * ONE]
        assert mint.do("mint", 300) == (DONE, 300, 100)

    def test_i1_growth_ends_at_seven_times_more(self):
        mint = Mint(growth_ppb=ONE, growth_ms=1)
        assert mint.at(7).told()["rate_ppb"] == 8 * ONE
        assert mint.at(10**12).told()["rate_ppb"] == 8 * ONE

    def test_i1_intervals_count_from_its_opening(self):
        mint = Mint()
        mint.at(700)
        late = mint.world.add_issuer(USD, TOKEN, account=mint.treasury, growth_ppb=10**8, growth_ms=1_000)
        assert mint.world.issuer(late)["rate_ppb"] == ONE
        mint.at(1_699)
        assert mint.world.issuer(late)["rate_ppb"] == ONE
        mint.at(1_700)
        assert mint.world.issuer(late)["rate_ppb"] == 1_100_000_000


class TestStaking:
    """I-4: shares, rewards, the cooldown."""

    def opened(self, **terms):
        mint = Mint(staked=SHARE, **{"cooldown_ms": 1_000, **terms})
        mint.do("mint", 100_000)
        mint.do("mint", 100_000, by=mint.other)
        return mint

    def test_i4_a_share_is_a_token_at_first_and_more_after_a_reward(self):
        mint = self.opened()
        assert mint.do("stake", 60_000) == (DONE, 60_000, 60_000)
        assert mint.do("mint", 6_000, by=mint.treasury) == (DONE, 6_000, 6_000)  # a reward
        told = mint.told()
        assert (told["vault_atoms"], told["shares"], told["supply"], told["minted"]) == (
            66_000,
            60_000,
            206_000,
            206_000,
        )
        assert mint.has(USD, mint.treasury) == 200_000
        assert mint.do("stake", 11_000, by=mint.other) == (DONE, 11_000, 10_000)
        assert mint.do("unstake", 10_000) == (DONE, 10_000, 11_000)
        assert mint.told()["cooling_atoms"] == 11_000
        assert mint.at(999).has(TOKEN) == 40_000
        assert mint.at(1_000).has(TOKEN) == 51_000
        table = mint.world.journal()
        names = ("kind", "market", "account", "qty", "side")
        rows = zip(*(table[name].tolist() for name in names), strict=True)
        assert [row for row in rows if row[0] == ARRIVAL] == [(ARRIVAL, mint.number, mint.user, 11_000, 1)]

    def test_i4_rewards_take_no_fee_and_no_cap_and_need_free_backing(self):
        mint = self.opened(mint_ppm=10_000, mint_cap_atoms=200_000)
        free = mint.has(USD, mint.treasury)
        assert mint.do("mint", free + 1, by=mint.treasury)[0] == LACKING
        assert mint.do("mint", free, by=mint.treasury) == (DONE, free, free)
        assert mint.told()["vault_atoms"] == free == 200_000
        for kind in ("mint", "stake"):
            assert mint.do(kind, 1, by=mint.told()["vault"])[0] == NOT_LISTED
        with pytest.raises(InputError):
            mint.do("mint", 1, by=mint.told()["cooling"])
        for kind in ("redeem", "stake", "unstake"):
            assert mint.do(kind, 1, by=mint.treasury)[0] == NOT_LISTED

    def test_i4_without_a_vault_the_issuers_account_makes_nothing(self):
        mint = Mint()
        mint.do("mint", 100)
        assert mint.do("mint", 100, by=mint.treasury)[0] == NOT_LISTED

    def test_i4_several_cool_down_in_the_order_of_unstaking(self):
        mint = self.opened(outages=[(1_100, 1_500)])
        mint.do("stake", 100_000)
        for time_ms, shares in ((0, 1), (150, 2), (300, 4), (499, 8), (501, 16)):
            assert mint.at(time_ms).do("unstake", shares)[0] == DONE
        assert mint.at(1_099).has(TOKEN) == 1
        assert mint.at(1_499).has(TOKEN) == 1
        assert mint.do("unstake", 1)[0] == CLOSED
        assert mint.at(1_500).has(TOKEN) == 1 + 2 + 4 + 8
        assert mint.at(1_501).has(TOKEN) == 31
        assert mint.told()["cooling_count"] == 0

    def test_i4_without_a_cooldown_at_once(self):
        mint = self.opened(cooldown_ms=0)
        mint.do("stake", 500)
        assert mint.do("unstake", 200) == (DONE, 200, 200)
        assert (mint.has(TOKEN), mint.told()["cooling_count"]) == (99_700, 0)

    def test_i4_refusals(self):
        mint = self.opened()
        assert mint.do("unstake", 1)[0] == NOTHING  # nobody has staked
        assert mint.do("stake", 100_001)[0] == LACKING
        mint.do("stake", 100_000)
        assert mint.do("unstake", 100_001)[0] == LACKING
        assert mint.do("unstake", 1, by=mint.other)[0] == LACKING
        assert mint.do("stake", 10, by=mint.other, least=11)[0] == BELOW
        mint.world.withdraw(mint.told()["vault"], TOKEN, 100_000)  # emptied from outside
        assert mint.do("stake", 10, by=mint.other)[0] == BOUND
        assert mint.do("unstake", 10)[0] == NOTHING

    @settings(max_examples=60)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["stake", "unstake", "mint", "redeem", "reward"]), st.integers(1, 60_000), st.booleans()
            ),
            max_size=25,
        )
    )
    def test_i3_supply_and_shares_against_a_model(self, steps):
        mint = self.opened()
        tokens = {mint.user: 100_000, mint.other: 100_000}
        shares = {mint.user: 0, mint.other: 0}
        vault = reward = 0
        for kind, atoms, is_other in steps:
            who = mint.other if is_other else mint.user
            reason, _, got = mint.do(
                "mint" if kind == "reward" else kind, atoms, by=mint.treasury if kind == "reward" else who
            )
            total = sum(shares.values())
            if reason:
                assert got == 0
                continue
            if kind == "stake":
                assert got == (atoms * total // vault if total else atoms)
                tokens[who], vault, shares[who] = tokens[who] - atoms, vault + atoms, shares[who] + got
            elif kind == "unstake":
                assert got == atoms * vault // total
                vault, shares[who] = vault - got, shares[who] - atoms
            elif kind == "reward":
                vault, reward = vault + atoms, reward + atoms
            else:
                tokens[who] += got if kind == "mint" else -atoms
            told = mint.told()
            assert (told["vault_atoms"], told["shares"]) == (vault, sum(shares.values()))
            assert told["supply"] == told["minted"] - told["redeemed"]
            assert told["supply"] == sum(tokens.values()) + vault + told["cooling_atoms"]
        assert [mint.has(SHARE, who) for who in shares] == list(shares.values())
        mint.at(2_000)
        assert mint.told()["cooling_count"] == 0


class TestState:
    def test_snapshot_fork_and_digest(self):
        mint = Mint(staked=SHARE, cooldown_ms=1_000, mint_cap_atoms=5_000, growth_ppb=10**7, growth_ms=100)
        mint.do("mint", 4_000)
        mint.do("stake", 3_000)
        mint.do("unstake", 1_000)
        mint.at(500)
        copy = mint.world.fork()
        assert copy.digest() == mint.world.digest()
        assert copy.issuer(0) == mint.told()
        for world in (copy, mint.world):
            world.act(mint.user, "unstake", 0, 500)
            world.run(5_000, check=True)
        assert copy.digest() == mint.world.digest()
        changed = mint.world.fork()
        changed.act(mint.user, "mint", 0, 10)
        assert changed.digest() != mint.world.digest()

    def test_movements_make_and_destroy(self):
        mint = Mint()
        mint.world.record(movements=True)
        mint.do("mint", 10)
        mint.do("redeem", 4)
        table = mint.world.table("movements")
        names = ("payer", "receiver", "asset", "atoms", "kind")
        outside = -2
        rows = list(zip(*(table[name].tolist() for name in names), strict=True))
        assert rows == [
            (mint.user, mint.treasury, USD, 10, 22),
            (rows[1][0], mint.user, TOKEN, 10, 22),
            (mint.user, rows[2][1], TOKEN, 4, 22),
            (mint.treasury, mint.user, USD, 4, 22),
        ]
        assert rows[1][0] == rows[2][1] < 0, outside


BAD_ISSUERS = [
    ({"backing": 5}, "backing"),
    ({"token": USD}, "token"),
    ({"staked": TOKEN}, "staked"),
    ({"account": 0}, "account"),
    ({"venue": 1}, "venue"),
    ({"rate_ppb": 0}, "rate_ppb"),
    ({"rate_ppb": 2**52 + 1}, "rate_ppb"),
    ({"growth_ppb": ONE + 1}, "growth_ppb"),
    ({"growth_ppb": 1}, "growth_ms"),
    ({"mint_ppm": 10**6 + 1}, "mint_ppm"),
    ({"redeem_ppm": -1}, "redeem_ppm"),
    ({"mint_cap_atoms": -1}, "mint_cap_atoms"),
    ({"redeem_cap_ms": 0}, "redeem_cap_ms"),
    ({"listed": [4, 0]}, "listed[1]"),
    ({"cooldown_ms": -1}, "cooldown_ms"),
    ({"outages": [(3, 1)]}, "outages[0].to_ms"),
]


class TestInput:
    @pytest.mark.parametrize(("wrong", "field"), BAD_ISSUERS)
    def test_bad_input_names_the_field_and_opens_nothing(self, wrong, field):
        mint = Mint()
        before = mint.world.account_count
        terms = {"backing": USD, "token": TOKEN, "account": mint.treasury, "staked": SHARE, **wrong}
        with pytest.raises(InputError) as caught:
            mint.world.add_issuer(terms.pop("backing"), terms.pop("token"), **terms)
        assert caught.value.field == field
        assert mint.world.account_count == before
        with pytest.raises(InputError):
            mint.world.issuer(1)

    def test_a_list_may_name_an_account_twice_and_nobody(self):
        mint = Mint(listed=[5, 4, 5])
        assert mint.do("mint", 1)[0] == DONE
        closed = Mint(listed=[])
        assert closed.do("mint", 1)[0] == NOT_LISTED

    def test_simulation_speaks_in_units(self):
        sim = Simulation(seed=1)
        usdt = sim.asset("USDT", decimals=6, supply="1000000")
        token = sim.asset("USDe", decimals=9, supply="1000000")
        share = sim.asset("sUSDe", decimals=9, supply="1000000")
        desk = sim.account("desk")
        dollar = sim.issuer(
            "dollar",
            usdt,
            token,
            account=desk,
            rate="1.05",
            staked=share,
            mint_fee="0.001",
            mint_cap="5",
            growth="0.01",
            growth_ms=1000,
        )
        told = sim.world.issuer(dollar)
        assert told["rate_ppb"] == 1_050_000  # 1.05 * 10^6 / 10^9
        assert told["mint_left"] == 5 * 10**9
        assert sim.accounts[dollar.vault] == "vault of dollar"
        assert sim.fork().issuers == {"dollar": dollar}
        for wrong, field in (
            ({"rate": "0.0000001"}, "rate"),
            ({"rate": 0}, "rate"),
            ({"growth": 2}, "growth"),
            ({"mint_fee": "1.1"}, "mint_fee"),
            ({"name": "dollar"}, "name"),
        ):
            terms = {"name": "other", "account": desk, **wrong}
            with pytest.raises(InputError) as caught:
                sim.issuer(terms.pop("name"), usdt, token, **terms)
            assert caught.value.field == field
