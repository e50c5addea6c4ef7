"""What the stories of lenders in a world share: a token, dollars, a book between them, and who sends actions when."""

from __future__ import annotations

from engine import Agent, _core
from engine.forest import LandmarkKind
from engine.testing.worlds import landmark_rows, rows_of
from engine.types import ActionReason, Side

BUY, SELL = Side.BUY, Side.SELL
UNIT = 10**6  # atoms of a token, of a dollar, of a lot
ONE = 10_000  # ticks of the price 1
TICK = 100  # dollar atoms of a lot at one tick
ALL = 2**61
FEES = 0  # the venue's fee account (L-1)
NO_INTEREST = (0, 1_000_000, 0, 0)


class Sender(Agent):
    """Send one action as soon as it is started; keep what it hears. Pickles."""

    def __init__(self, kind, target, atoms=0, **named):
        self.action = (kind, target, atoms, named)
        self.heard = []
        self.loans = []

    def on_start(self, context):
        kind, target, atoms, named = self.action
        if kind:
            context.send_action(kind, target, atoms, **named)

    def on_action(self, context, notice):
        self.heard.append((context.time_ms, notice.time_ms, notice.kind, int(notice.reason), notice.paid, notice.got))

    def on_loan(self, context, protocol, level):
        self.loans.append((context.time_ms, protocol, level))


class Town:
    """Open a world of a token and dollars, a spot book at ticks of 0.0001 with lots of one token, and rich people."""

    def __init__(self, seed=1):
        self.native = native = _core.World(seed)
        self.token, self.dollar = native.add_asset(2**61), native.add_asset(2**61)
        self.market = native.add_spot(self.token, self.dollar, atoms_per_tick_lot=TICK, base_atoms_per_lot=UNIT)
        native.record(actions=True)

    def account(self, tokens=0, dollars=0, **options):
        """Open an account with whole tokens and dollars."""
        account = self.native.add_accounts(**options)
        for asset, units in ((self.token, tokens), (self.dollar, dollars)):
            if units:
                self.native.deposit(account, asset, units * UNIT)
        return account

    def lender(self, form="aave", *, terms=(900_000, 920_000, 40_000), lent=10**8, curve=NO_INTEREST, **options):
        """Open a lender of `lent` dollars that takes tokens at the book's series "oracle"; without interest."""
        native = self.native
        self.lent = lent
        self.protocol = native.add_protocol(form, **options)
        sale = {"sale_market": self.market} if form == "loan" else {}
        price = {"price": (TICK, UNIT), "market": self.market}  # a tick of a lot is 100 dollar atoms
        native.add_reserve(self.protocol, self.token, terms=terms, **price, **sale)
        native.add_reserve(self.protocol, self.dollar, price=(1, 1), curve=curve, lent=True)
        self.bank = self.account(0, lent)
        assert self.act(self.bank, "supply", lent * UNIT, self.dollar) == (0, lent * UNIT, 0)
        return self

    def act(self, account, kind, atoms, asset, **named):
        return self.native.act(account, kind, self.protocol, atoms, asset=asset, **named)

    def publish(self, ticks):
        self.native.publish(self.market, ticks, "oracle")

    def borrower(self, tokens, dollars, *, others=0):
        """Open an account with a loan; the dollars that it borrowed leave the world's play."""
        account = self.account(tokens + others)
        assert self.act(account, "supply", tokens * UNIT, self.token)[0] == 0
        assert self.act(account, "borrow", dollars * UNIT, self.dollar)[0] == 0
        return account

    def quote(self, account, side, price, lots, *, at_ms=None):
        """Send an order that arrives now, or later."""
        at_ms = self.native.now_ms if at_ms is None else at_ms
        return self.native.send_order(account, self.market, side, price, lots, at_ms=at_ms)

    def run(self, until_ms):
        return self.native.run(until_ms, check=True)

    def balance(self, account, asset):
        return self.native.balance(account, asset)[0]

    def held(self, account):
        """Tokens and dollars, atoms."""
        return self.balance(account, self.token), self.balance(account, self.dollar)

    def loan(self, account):
        """Claim on tokens and debt of dollars, atoms."""
        assets = self.native.loan(account, self.protocol)["assets"]
        return assets.get(self.token, (0, 0))[0], assets.get(self.dollar, (0, 0))[1]

    def level(self, account):
        return self.native.loan(account, self.protocol)["level"]

    def totals(self):
        """All tokens and all dollars of the world, atoms."""
        accounts = range(self.native.account_count)
        return tuple(sum(self.balance(account, asset) for account in accounts) for asset in (self.token, self.dollar))

    def actions(self, *names):
        """Return the columns asked for of all recorded actions, in order."""
        table = self.native.table("actions")
        return list(zip(*(table[name].tolist() for name in names), strict=True))

    def landmarks(self, *kinds):
        """Return (number, row of `landmark_rows`) of the landmarks of some kinds; landmark 0 is the background."""
        return [(number, row) for number, row in enumerate(landmark_rows(self.native)) if row[1] in kinds]


__all__ = [
    "ALL",
    "BUY",
    "FEES",
    "NO_INTEREST",
    "ONE",
    "SELL",
    "TICK",
    "UNIT",
    "ActionReason",
    "LandmarkKind",
    "Sender",
    "Town",
    "rows_of",
]
