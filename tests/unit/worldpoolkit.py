"""What the stories of pools in a world share: a world with one pool, and the readable pool that must do the same."""

from __future__ import annotations

from engine import _core
from engine.reference import pools as reference

SUPPLY, RICH = 10**17, 10**15
POOL_ROW, ACTION_ROW, POOL_MOVEMENT = 23, 19, 20
# Reasons of B-6; a pool's are those of Z-2 + 32.
LACKING, NOTHING, NO_SUCH, CLOSED = 2, 4, 7, 8
EMPTY, NOTHING_OUT, BELOW_MINIMUM, SHARES_SHORT = 33, 35, 36, 38
FORMS = ("product", "stable", "ranges", "three")


class Story:
    """Open a world of four assets with one pool and two accounts, and the readable pool that must do the same."""

    def __init__(self, form, *, fee_ppm=3_000, **options):
        self.native = _core.World(1, **options)
        self.assets = [self.native.add_asset(SUPPLY) for _ in range(4)]
        count = 3 if form == "three" else 2
        self.coins = self.assets[:count][::-1]  # a coin's number is not its asset's
        if form == "product":
            self.pool = self.native.add_pool("product", self.coins, fee_ppm=fee_ppm)
            self.twin = reference.ConstantProductPool(fee_ppm)
        elif form == "ranges":
            terms = {"fee_ppm": fee_ppm, "tick_spacing": 10}
            self.pool = self.native.add_pool("ranges", self.coins, sqrt_price=reference.sqrt_price_at(7), **terms)
            self.twin = reference.ConcentratedPool(reference.sqrt_price_at(7), **terms)
        else:
            scales = (1, 1, 10)[:count]
            self.pool = self.native.add_pool(
                "stable", self.coins, fee_ppm=fee_ppm, amplification=200, scales=scales if form == "three" else None
            )
            self.twin = reference.StableSwapPool(200, fee_ppm, scales)
        self.form = form
        self.accounts = [self.native.add_accounts() for _ in range(2)]
        for account in self.accounts:
            for asset in self.assets:
                self.native.deposit(account, asset, RICH)

    def balances(self, account):
        return [self.native.balance(account, asset)[0] for asset in self.coins]

    def told(self):
        return self.native.pool(self.pool)

    def act(self, account, kind, atoms=0, **options):
        return self.native.act(account, kind, self.pool, atoms, **options)

    def swap(self, account, sold, bought, atoms, least=0):
        return self.act(account, "swap", atoms, asset=self.coins[sold], other=self.coins[bought], least=least)

    def fill(self):
        """Give the pool its first liquidity, of the first account, in both engines."""
        account = self.accounts[0]
        if self.form == "ranges":
            for lower, upper in ((-1_000, 1_000), (-100, 50), (0, 10)):
                assert self.native.add_range(account, self.pool, lower, upper, 10**12)[0] == 0
                self.twin.add(lower, upper, 10**12, account)
        else:
            amounts = [10**12, 10**12, 10**11][: len(self.coins)]
            assert self.native.add_coins(account, self.pool, amounts)[0] == 0
            self.twin.add(amounts)
        return self

    def agree(self):
        """The pool is its twin, its account has its balances, and what the others have is the rest."""
        self.native.check_invariants()
        told = self.told()
        assert told["balances"] == self.twin.balances == tuple(self.balances(told["account"]))
        for coin in range(1, len(self.coins)):
            price = self.twin.price(0, coin)
            assert (None if told["prices"] is None else told["prices"][coin]) == price
        for coin, asset in enumerate(self.coins):
            held = sum(self.native.balance(account, asset)[0] for account in self.accounts)
            assert held == 2 * RICH - told["balances"][coin]
        if self.form != "ranges":
            assert told["shares"] == self.twin.shares
            locked = 1_000 if self.form == "product" and told["shares"] else 0
            assert sum(self.native.pool_shares(a, self.pool) for a in self.accounts) == told["shares"] - locked


def refusal(outcome):
    return 32 + int(outcome.reason) if outcome.reason else 0


def drawn_step(story, draw):
    """Do one drawn thing to both pools and compare what came of it."""
    account, count = draw.choice(story.accounts), len(story.coins)
    what = draw.random()
    size = draw.choice([1, 7, 10**6, 10**9, 10**11, 10**13])
    if what < 0.6:
        sold, bought = draw.sample(range(count), 2)
        outcome = story.twin.swap(sold, bought, size)
        assert story.swap(account, sold, bought, size) == (refusal(outcome), outcome.amount_in, outcome.amount_out)
    elif story.form == "ranges":
        lower, upper = sorted(draw.sample(range(-60, 60, 10), 2))
        if what < 0.8:
            outcome = story.twin.add(lower, upper, size, account)
            expected = (refusal(outcome), tuple(outcome.amounts))
            assert story.native.add_range(account, story.pool, lower, upper, size) == expected
        else:
            asked = draw.choice([0, size])
            outcome = story.twin.remove(lower, upper, asked, account)
            removed = story.native.remove_range(account, story.pool, lower, upper, asked)
            assert removed == (refusal(outcome), tuple(outcome.amounts), tuple(outcome.fees))
    elif what < 0.8:
        amounts = [draw.choice([0, size, size // 3]) for _ in story.coins]
        if any(amounts):
            outcome = story.twin.add(amounts)
            expected = (refusal(outcome), outcome.shares, tuple(outcome.amounts))
            assert story.native.add_coins(account, story.pool, amounts) == expected
    else:
        shares = min(size, story.native.pool_shares(account, story.pool))
        if shares:
            outcome = story.twin.remove(shares)
            paid, got = (outcome.shares, outcome.amounts[0]) if not outcome.reason else (0, 0)
            assert story.act(account, "remove_liquidity", shares) == (refusal(outcome), paid, got)
