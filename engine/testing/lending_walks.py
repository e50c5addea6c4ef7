"""Random small worlds with lending, from a seed: what the property test of section Y's "in a world" runs.

Stands on `lending_twin` and `lending_worlds` (what is declared).

::

    seed -> assets, spot markets, protocols of four forms, borrowers -> actions, prices, orders, time -> differences

Promises: a world is its seed. An action carries one mistake at most, and amounts lie at the edges of what is allowed.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING

from engine._core import member_key
from engine.agents import Agent
from engine.errors import InputError
from engine.margin import AccountMode
from engine.reference.actions import ALL, ActionKind
from engine.reference.protocols import AAVE, COMET, LOAN, MORPHO
from engine.testing.lending_twin import LendingTwin, reason_name
from engine.testing.lending_worlds import PERPETUAL_TICKS, USD, declared
from engine.testing.waterfall_walks import lived_in
from engine.types import Side

if TYPE_CHECKING:
    from collections import Counter

    from engine._core import Context, World

HOUR_MS = 3_600_000
_LIQUIDATIONS = {
    AAVE: (ActionKind.LIQUIDATE, ActionKind.FLASH_LIQUIDATE),
    MORPHO: (ActionKind.LIQUIDATE, ActionKind.FLASH_LIQUIDATE),
    COMET: (ActionKind.ABSORB, ActionKind.ABSORB, ActionKind.BUY_COLLATERAL),
    LOAN: (ActionKind.LIQUIDATE,),
}


# What an account may do at any protocol; what that form does not do is refused.
_ACTS = (
    *(ActionKind.SUPPLY,) * 12,
    *(ActionKind.WITHDRAW,) * 12,
    *(ActionKind.BORROW,) * 16,
    *(ActionKind.REPAY,) * 8,
    *(ActionKind.MODE,) * 3,
    ActionKind.LIQUIDATE,
    ActionKind.ABSORB,
    ActionKind.BUY_COLLATERAL,
)


class Sender(Agent):
    """Send over its link what it was told to, as soon as it hears of anything."""

    def __init__(self) -> None:
        self.todo: list[tuple[str, int, int, dict[str, int], int]] = []

    def on_book(self, context: Context, market: int) -> None:
        """Send all that is to be sent."""
        del market
        todo, self.todo = self.todo, []
        for kind, target, atoms, named, tip in todo:
            context.send_action(kind, target, atoms, tip=tip, **named)


class LendingTown:
    """Hold a random world with lending and let it live.

    Parameters
    ----------
    seed : int
        Of everything that is drawn.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.world = LendingTwin(seed)
        self.plan = declared(self.rng, self.world)
        for market in self.plan.spots:
            self.publish(market)
        self.senders = {account: Sender() for account in (*self.plan.accounts, self.plan.hunter)}
        for ordinal, (account, sender) in enumerate(self.senders.items()):
            key, latency_ms = member_key("senders", ordinal), self.rng.choice((0, 1, 3))
            self.native.add_python(sender, account, key, watches=self.plan.spots, latency_ms=latency_ms)
        self.world.begin()
        for target in range(len(self.plan.protocols)):
            self._fund(target)
            for account in self.plan.accounts:
                self._lever(account, target)
        for number in range(len(self.plan.pools)):
            self._deepen(self.plan.house, number)
        for number in range(len(self.world.issuers)):
            for kind in (ActionKind.MINT, ActionKind.STAKE):
                self.world.act(self.plan.hunter, kind, number, 10 * self.plan.size)
        for _ in range(2):
            self.quote()

    @property
    def native(self) -> World:
        """The native world."""
        return self.world.native

    # --- how it begins -----------------------------------------------------------------------------------------------

    def _fund(self, target: int) -> None:
        """Let the one who lends supply some of everything."""
        for asset in self.plan.protocols[target].assets:
            atoms = self.native.balance(self.plan.lender, asset)[0] // 3
            if atoms:
                self.world.act(self.plan.lender, ActionKind.SUPPLY, target, atoms, asset=asset)

    def _lever(self, account: int, target: int) -> None:
        """Let an account supply coins and borrow nearly all, or just all, that they let it."""
        rng, place = self.rng, self.plan.protocols[target]
        if rng.random() < 0.2:
            return
        if rng.random() < 0.3 and place.form == AAVE:
            self.world.act(account, ActionKind.MODE, target, rng.choice((1, 2)))
        for asset in place.assets[1:]:
            atoms = self.native.balance(account, asset)[0] * rng.choice((1, 2, 5)) // 5
            if atoms:
                self.world.act(account, ActionKind.SUPPLY, target, atoms, asset=asset)
        for asset in rng.sample(place.assets, min(2, len(place.assets))) if rng.random() < 0.4 else (USD,):
            room = self._room(account, target, asset)
            atoms = rng.choice((room, room, room - 1, room * 9 // 10, room // 2))
            self.world.act(account, ActionKind.BORROW, target, max(0, atoms), asset=asset)

    def _room(self, account: int, target: int, asset: int) -> int:
        """Return about how many atoms an account may borrow."""
        room: int = self.native.loan(account, target)["room"] or 0
        if not 1 <= asset <= len(self.plan.spots):
            return room
        market = self.plan.spots[asset - 1]
        terms = self.world.terms[market]
        return room * terms.base_atoms_per_lot // (self.plan.ticks[market] * terms.atoms_per_tick_lot)

    # --- prices and orders -------------------------------------------------------------------------------------------

    def publish(self, market: int) -> None:
        """Publish a market's index and oracle from outside, as they are or one behind the other."""
        ticks = self.plan.ticks[market]
        for series in ("index", "oracle"):
            if self.rng.random() < 0.9:
                self.native.publish(market, ticks, series)

    def move(self) -> None:
        """Move prices: a tick, a few per cent of all, or a crash of one."""
        rng, plan = self.rng, self.plan
        kind = rng.choice(("tick", "joint", "joint", "jump", "back"))
        factor = rng.uniform(0.9, 1.1) if kind == "joint" else rng.uniform(0.3, 1.6)
        moved = list(plan.ticks) if kind in ("joint", "back") else [rng.choice(list(plan.ticks))]
        for market in moved:
            ticks = plan.ticks[market]
            if kind == "tick":
                ticks += rng.choice((-1, 1))
            elif kind == "back":
                ticks = plan.first_ticks[market]
            else:
                ticks = int(ticks * factor)
            plan.ticks[market] = min(max(1, ticks), 20 * plan.first_ticks[market])
            self.publish(market)
        if plan.perpetual is not None and rng.random() < 0.5:
            self.native.publish(plan.perpetual, max(1, int(PERPETUAL_TICKS * rng.uniform(0.85, 1.15))))

    def quote(self) -> None:
        """Let the house rest a few orders, thin or deep."""
        rng, plan = self.rng, self.plan
        for _ in range(rng.randint(1, 6)):
            market = rng.choice(plan.spots if plan.perpetual is None else [*plan.spots, plan.perpetual])
            side = rng.choice((Side.BUY, Side.BUY, Side.SELL))
            price = max(1, int(plan.ticks.get(market, PERPETUAL_TICKS) * (1 - side * rng.uniform(-0.01, 0.2))))
            lots = rng.randint(1, 2 * plan.size) if rng.random() < 0.7 else rng.randint(1, 3)
            self.native.send_order(plan.house, market, side, price, lots, at_ms=self.native.now_ms + rng.randint(1, 2))

    def do(self, account: int, kind: ActionKind, target: int, atoms: int = 0, **named: int) -> None:
        """Let an account act at once, or send the action when it hears of the market next."""
        if account in self.senders and self.rng.random() < 0.5:
            self.senders[account].todo.append((kind.name.lower(), target, atoms, named, self.rng.choice((0, 0, 1, 2))))
        else:
            self.world.act(account, kind, target, atoms, **named)

    # --- actions -----------------------------------------------------------------------------------------------------

    def act(self) -> None:
        """Let somebody do something at a protocol."""
        rng, plan = self.rng, self.plan
        target = rng.randrange(len(plan.protocols))
        account = rng.choice(plan.accounts)
        kind = rng.choice(_ACTS)
        if kind is ActionKind.MODE:
            self.do(account, kind, target, rng.choice((0, 1, 1, 2, 255, 256)))
        elif kind in (ActionKind.SUPPLY, ActionKind.WITHDRAW, ActionKind.BORROW, ActionKind.REPAY):
            self._lend(account, kind, target)
        else:
            self._liquidate(account, target, rng.choice(plan.accounts), kind)

    def _lend(self, account: int, kind: ActionKind, target: int) -> None:
        rng, asset = self.rng, self.rng.choice(self.plan.protocols[target].assets)
        if rng.random() < 0.02:
            asset = rng.randrange(len(self.world.supplies))  # which may have no reserve
        party = account
        if kind is ActionKind.REPAY and rng.random() < 0.3:
            party = rng.choice(self.plan.accounts)
        atoms = self._amount(party, kind, target, asset)
        self.do(account, kind, target, atoms, asset=asset, party=party)

    def _amount(self, account: int, kind: ActionKind, target: int, asset: int) -> int:
        """Return an amount at an edge, or any."""
        rng, told = self.rng, self.native.loan(account, target)
        claim, owed = told["assets"].get(asset, (0, 0))
        has = self.native.balance(account, asset)[0]
        room = self._room(account, target, asset)
        edges = {
            ActionKind.SUPPLY: (has, has // 2, has // 3, has + 1, 1),
            ActionKind.WITHDRAW: (claim, claim // 2, claim // 4, claim + 1, ALL, 1),
            ActionKind.BORROW: (room, room // 2, room * 9 // 10, room + 1, 1),
            ActionKind.REPAY: (owed, owed // 2, owed - 1, owed + 1, ALL),
        }[kind]
        drawn = rng.randint(0, 2 * self.plan.size)
        return min(max(0, rng.choice((*edges, *edges, drawn))), ALL)

    def hunt(self) -> None:
        """Look for a loan that can be liquidated, or for seized collateral, and try."""
        rng, places = self.rng, self.plan.protocols
        weak = {target: self._weak(target) for target in range(len(places))}
        target = rng.choice([each for each in weak if weak[each]] or list(weak))
        if rng.random() < 0.2:
            target = rng.randrange(len(places))
        party = rng.choice(weak[target] or self.plan.accounts)
        kind = rng.choice(_LIQUIDATIONS[places[target].form])
        if rng.random() < 0.3 and COMET in [place.form for place in places]:
            target, kind = [place.form for place in places].index(COMET), ActionKind.BUY_COLLATERAL
        self._liquidate(rng.choice((self.plan.hunter, rng.choice(self.plan.accounts))), target, party, kind)

    def _weak(self, target: int) -> list[int]:
        """Return whose loans at a protocol stand at a level."""
        loans = self.native.loans(target)
        return [who for who, level in zip(loans["account"], loans["level"], strict=True) if level]

    def _liquidate(self, account: int, target: int, party: int, kind: ActionKind) -> None:
        rng, assets = self.rng, self.plan.protocols[target].assets
        told = self.native.loan(party, target)["assets"]
        owed = [asset for asset, (_, debt) in told.items() if debt]
        held = [asset for asset, (claim, _) in told.items() if claim]
        asset = rng.choice(owed) if owed and rng.random() < 0.95 else rng.choice(assets)
        other = rng.choice(held) if held and rng.random() < 0.95 else rng.choice(assets)
        debt = told.get(asset, (0, 0))[1]
        if kind is ActionKind.BUY_COLLATERAL:
            asset, other = USD, rng.choice(assets[1:] or assets)
            debt = int(self.native.reserve(target, other)["kept"] * self.plan.worth(other))
        atoms = rng.choice((ALL, debt, debt // 2, debt // 7, rng.randint(0, self.plan.size), rng.randint(1, 5)))
        named = {"asset": asset, "other": other, "party": party}
        if rng.random() < 0.2:
            named["least"] = rng.randint(1, self.plan.size)
        if kind is ActionKind.FLASH_LIQUIDATE:
            fitting = [number for number, pool in enumerate(self.plan.pools) if {asset, other} <= set(pool.assets)]
            named["pool"] = rng.choice(fitting) if fitting and rng.random() < 0.95 else rng.randrange(4)
        self.do(account, kind, target, min(max(0, atoms), ALL), **named)

    # --- pools -------------------------------------------------------------------------------------------------------

    def trade(self) -> None:
        """Swap in a pool, or change its liquidity."""
        rng, plan = self.rng, self.plan
        if not plan.pools:
            return
        number, account = rng.randrange(len(plan.pools)), rng.choice((*plan.accounts, plan.hunter))
        pool = plan.pools[number]
        kind = rng.random()
        if kind < 0.65:
            sold, bought = rng.sample(pool.assets, 2)
            if rng.random() < 0.02:
                bought = rng.randrange(len(self.world.supplies))
            has = self.native.balance(account, sold)[0]
            atoms = rng.choice((has, has // 7, has + 1, 1, 0, rng.randint(1, plan.size), ALL))
            least = rng.choice((0, 0, 0, 1, rng.randint(1, plan.size)))
            named = {"asset": sold, "other": bought, "least": least}
            self.do(account, ActionKind.SWAP, number, min(atoms, ALL), **named)
        elif kind < 0.8:
            self._deepen(account, number)
        else:
            self._shallow(account, number)

    def _deepen(self, account: int, number: int) -> None:
        """Add liquidity, of a pool in its proportion or not."""
        rng, pool = self.rng, self.plan.pools[number]
        if pool.form == "ranges":
            self._range(account, number)
            return
        balances = self.native.pool(number)["balances"]
        share = rng.choice((0.001, 0.1, 0.5))
        worths = [self.plan.worth(asset) for asset in pool.assets]
        money = rng.randint(1, 20 * self.plan.size) * max(worths)
        amounts = [int(money / worth) + 1 for worth in worths]
        if balances[0] and rng.random() < 0.5:
            amounts = [int(atoms * share) + rng.randint(0, 2) for atoms in balances]
        if account != self.plan.house and rng.random() < 0.3:
            amounts[rng.randrange(len(amounts))] = rng.choice((0, self.native.balance(account, pool.assets[0])[0] + 1))
        amounts = [min(atoms, ALL) for atoms in amounts]
        if len(amounts) == 2 and rng.random() < 0.8:
            self.do(account, ActionKind.ADD_LIQUIDITY, number, amounts[0], least=amounts[1])
        elif any(amounts):
            result = self.native.add_coins(account, number, amounts)
            self.world.reached[f"COINS {reason_name(result[0])}"] += 1

    def _range(self, account: int, number: int) -> None:
        """Add liquidity in a range about the price, or take some or all of one away."""
        rng, pool = self.rng, self.plan.pools[number]
        rows = self.native.pool_ranges(number)
        if rows and rng.random() < 0.5:
            lower, upper, account, liquidity = rng.choice(rows)
            part = rng.choice((0, liquidity, liquidity // 2))
            reason = self.native.remove_range(account, number, lower, upper, part)[0]
            self.world.reached[f"RANGE_REMOVED {reason_name(reason)}"] += 1
            return
        lower = pool.tick // pool.spacing - rng.choice((1, 20, 200, -3))
        upper = lower + rng.choice((1, 30, 400))
        liquidity = rng.randint(1, 500 * self.plan.size)
        result = self.native.add_range(account, number, lower * pool.spacing, upper * pool.spacing, liquidity)
        self.world.reached[f"RANGE_ADDED {reason_name(result[0])}"] += 1

    def _shallow(self, account: int, number: int) -> None:
        """Remove liquidity: shares, more than there are, or of a range."""
        rng = self.rng
        if self.plan.pools[number].form == "ranges":
            self._range(account, number)
            return
        account = rng.choice((account, self.plan.house))
        shares = self.native.pool_shares(account, number)
        atoms = rng.choice((shares, shares // 3, shares + 1, 0, 1))
        self.do(account, ActionKind.REMOVE_LIQUIDITY, number, atoms, least=rng.choice((0, 0, self.plan.size)))

    # --- issuers and routes ------------------------------------------------------------------------------------------

    def issue(self) -> None:
        """Mint, redeem, stake or unstake, or reward those who have staked."""
        rng, plan, issuers = self.rng, self.plan, self.world.issuers
        if not issuers:
            return
        number = rng.randrange(len(issuers))
        terms = issuers[number].terms
        account = rng.choice((*plan.accounts, *plan.accounts, plan.hunter, plan.house, terms.account, *plan.away))
        kind = rng.choice((ActionKind.MINT, ActionKind.MINT, ActionKind.REDEEM, ActionKind.STAKE, ActionKind.UNSTAKE))
        gives = {ActionKind.MINT: terms.backing, ActionKind.UNSTAKE: terms.staked}.get(kind, terms.token)
        if gives is not None and rng.random() < 0.8:
            rich = [who for who in (*plan.accounts, plan.hunter) if self.native.balance(who, gives)[0]]
            account = rng.choice(rich or [account])
        has = 0 if gives is None else self.native.balance(account, gives)[0]
        atoms = rng.choice((has // 50, has // 3, has, has + 1, 0, 1, rng.randint(1, 5 * plan.size)))
        least = rng.choice((0, 0, 0, atoms // 2, atoms + 1))
        self.do(account, kind, number, min(atoms, ALL), least=min(least, ALL))

    def carry(self) -> None:
        """Send something over a route."""
        rng, plan, routes = self.rng, self.plan, self.world.routes
        if not routes:
            return
        number = rng.randrange(len(routes))
        terms = routes[number].terms
        here, there = (plan.away if venue else plan.accounts for venue in (terms.venue, terms.to_venue))
        account = rng.choice(here)
        party = rng.choice(there) if rng.random() < 0.95 else account
        has = self.native.balance(account, terms.asset)[0]
        atoms = rng.choice((has // 10, has // 10, has // 3, has + 1, terms.fee_atoms, 1, rng.randint(0, plan.size)))
        least = rng.choice((0, 0, 0, atoms))
        self.do(account, ActionKind.TRANSFER, number, atoms, party=party, least=least)

    def give(self) -> None:
        """Let a trader give away what its margin leaves, or more: to a protocol, a pool or a party."""
        rng, plan = self.rng, self.plan
        if not plan.traders:
            return
        account = rng.choice(plan.traders)
        asset = rng.choice((USD, USD, 1))
        has = self.native.balance(account, asset)[0]
        atoms = max(0, rng.choice((has, has // 2, has // 10, has - plan.size * 10, self._spare(account))))
        target = rng.randrange(len(plan.protocols))
        kind = rng.choice((ActionKind.SUPPLY, ActionKind.SUPPLY, ActionKind.WITHDRAW, ActionKind.SWAP))
        if kind is ActionKind.SWAP:
            pools = [number for number, pool in enumerate(plan.pools) if {USD, 1} <= set(pool.assets)]
            if pools:
                self.world.act(account, kind, rng.choice(pools), atoms, asset=asset, other=1 - asset)
        else:
            self.world.act(account, kind, target, atoms if kind is ActionKind.SUPPLY else ALL, asset=asset)

    def _spare(self, account: int) -> int:
        """Return what an account's equity is above its initial requirement, or an atom more."""
        unified = self.world.modes.get(account) == AccountMode.UNIFIED
        with suppress(InputError):
            health = self.native.margin(account) if unified else self.native.margin(account, asset=USD)
            return int(health.equity - health.initial) + self.rng.randint(0, 1)
        return 1

    # --- from outside ------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Change what somebody has, from outside, if the rules let it."""
        rng, plan = self.rng, self.plan
        account, asset = rng.choice(plan.accounts), rng.randrange(len(self.world.supplies))
        with suppress(InputError):
            if rng.random() < 0.6:
                self.native.deposit(account, asset, rng.randint(1, plan.size))
            else:
                self.native.withdraw(account, asset, rng.randint(1, plan.size))

    # --- living ------------------------------------------------------------------------------------------------------

    def live(self, steps: int) -> list[str]:
        """Let the world live for some steps; return the first differences that one shows."""
        rng = self.rng
        ways = (
            *(self.act,) * 5,
            *(self.hunt,) * 4,
            *(self.trade,) * 3,
            *(self.issue,) * 3,
            self.carry,
            self.carry,
            self.give,
            self.give,
            self.write,
        )
        for _ in range(steps):
            for _ in range(rng.choice((0, 1, 2, 4))):
                rng.choice(ways)()
            if rng.random() < 0.3:
                self.quote()
            if rng.random() < 0.6:
                self.move()
            if rng.random() < 0.3:
                self.act()
            long_ms = rng.choice(((), (HOUR_MS, 240 * HOUR_MS))) if self.plan.is_slow else ()
            pause_ms = rng.choice((0, 1, 1, 2, 3, 20, 50, *long_ms))
            found = self.world.run(self.native.now_ms + pause_ms)
            if found:
                return found
        self.native.check_invariants()
        return []


def lived(seed: int, steps: int = 40) -> tuple[list[str], Counter[str]]:
    """Build a world and let it live.

    Parameters
    ----------
    seed : int
        Of the world.
    steps : int
        How long.

    Returns
    -------
    tuple of (list of str, Counter)
        How native and reference differ, in words, empty is right; and what has happened, by name.
    """
    return lived_in(LendingTown(seed), seed, steps)
