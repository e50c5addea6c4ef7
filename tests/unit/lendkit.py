"""What the stories of lending share: a coin in a spot book, a lender of dollars against it, and who acts there.

A coin has 10^6 atoms and is a lot; a dollar has 10^6 atoms, a tick is 0.0001 dollars. The oracle of the spot market
prices the coin, a dollar is worth a dollar.
"""

from __future__ import annotations

from engine import _core
from engine.reference.actions import Refusal

COIN = DOLLAR = 10**6  # atoms
ONE = 10**18
YEAR_MS = 365 * 86_400_000
TICKS = 10_000  # to a dollar
ALL = 2**61
BUY, SELL = 1, -1
TERMS = (900_000, 920_000, 40_000)  # Ethena's mode at Aave: RULEBOOK 4.1

__all__ = ["ALL", "BUY", "COIN", "DOLLAR", "ONE", "SELL", "TERMS", "TICKS", "YEAR_MS", "Refusal", "Town"]


class Town:
    """One protocol that lends dollars against the coin, a bank that has supplied a million of them, and a market."""

    def __init__(self, form="aave", *, terms=TERMS, coin=None, dollar=None, bank=10**6, price=TICKS, seed=1, **options):
        self.world = world = _core.World(seed)
        self.coin, self.usd, self.gas = (world.add_asset(2**61) for _ in range(3))
        self.market = world.add_spot(self.coin, self.usd, atoms_per_tick_lot=100, base_atoms_per_lot=COIN)
        self.protocol = world.add_protocol(form, **options)
        held = {"price": (1, TICKS), "market": self.market, "terms": terms}
        if form == "loan":
            held["sale_market"] = self.market
        world.add_reserve(self.protocol, self.coin, **(held | (coin or {})))
        world.add_reserve(self.protocol, self.usd, **({"price": (1, 1), "lent": True} | (dollar or {})))
        if price is not None:
            self.publish(price)
        self.bank = self.trader(usd=bank)
        if bank:
            assert self.act(self.bank, "supply", bank * DOLLAR, asset=self.usd) == (0, bank * DOLLAR, 0)

    def trader(self, *, usd=0, coin=0, gas=0):
        """Open an account with whole dollars and coins."""
        account = self.world.add_accounts()
        for asset, atoms in ((self.usd, usd * DOLLAR), (self.coin, coin * COIN), (self.gas, gas)):
            if atoms:
                self.world.deposit(account, asset, int(atoms))
        return account

    def borrower(self, coin, debt):
        """Open an account that has supplied coins and borrowed dollars."""
        account = self.trader(coin=coin)
        assert self.act(account, "supply", coin * COIN, asset=self.coin)[0] == 0
        if debt:
            assert self.act(account, "borrow", debt * DOLLAR, asset=self.usd)[0] == 0
        return account

    def act(self, account, kind, atoms=0, **options):
        """Act at the protocol."""
        return self.world.act(account, kind, self.protocol, int(atoms), **options)

    def liquidate(self, account, party, atoms, **options):
        return self.act(account, "liquidate", atoms, asset=self.usd, other=self.coin, party=party, **options)

    def publish(self, ticks):
        self.world.publish(self.market, ticks, "oracle")

    def falls(self, ticks):
        """Publish a price and let a millisecond pass, so that loans are looked at."""
        self.publish(ticks)
        self.passes(1)

    def passes(self, ms):
        """Let time pass; every invariant is walked."""
        self.world.run(self.world.now_ms + ms, check=True)

    def bids(self, levels):
        """Rest bids (ticks, coins) of an account that can pay them."""
        account = self.trader(usd=sum(-(-ticks * coins // TICKS) for ticks, coins in levels) + 1)
        for ticks, coins in levels:
            self.world.send_order(account, self.market, BUY, ticks, coins, at_ms=self.world.now_ms)
        self.passes(1)
        return account

    def loan(self, account):
        return self.world.loan(account, self.protocol)

    def reserve(self, asset):
        return self.world.reserve(self.protocol, asset)

    def told(self):
        return self.world.protocol(self.protocol)

    def has(self, account, asset):
        """Atoms of an account."""
        return self.world.balance(account, asset)[0]

    def landmarks(self, kind):
        """Return (account, value, landmark, parent) of one kind."""
        rows = self.world.landmarks()
        found = [at for at, value in enumerate(rows["kind"].tolist()) if value == kind]
        return [tuple(int(rows[name][at]) for name in ("account", "value", "id", "parent")) for at in found]

    def refused(self, reason, call, *arguments, **options):
        """An action is refused with this reason and changes nothing but interest that had accrued."""
        found = call(*arguments, **options)
        assert found == (reason, 0, 0), (reason, found)
        self.world.check_invariants()
