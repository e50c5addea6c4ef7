"""Run a native world beside the twins of its agents: what they should have sent, and what reached the books.

Stands on the native core and `engine.reference.agents`. Needs a world that refuses nothing to the agents followed:
whether an order rests is read from the journal.

::

    next wake of a twin -> native runs until then -> journal and trades so far -> notices -> twin wakes -> messages

Promises: a twin sees a book as the native agent sees it, at the end of phase 8 of its wake's millisecond, and hears
what N-4 says, when N-4 says.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from engine.reference.agents import Agent, Flow, Maker, Message, Told, ToldKind, Touch
from engine.reference.world import JournalKind
from engine.types import OrderType, TimeInForce

if TYPE_CHECKING:
    from engine._core import World


TRANSFER, BY_ADL = 17, 2  # journal kind and reason of a position that the venue moved (J-1, L-14)


class Arrival(NamedTuple):
    """Hold one message as it reaches a book."""

    time_ms: int
    is_cancel: bool
    number: int
    side: int
    price: int
    qty: int
    order_type: int
    time_in_force: int


def arrival_of(message: Message) -> Arrival:
    """Return what the journal should say of a message; of a cancel its time and number only."""
    if message.is_cancel:
        return Arrival(message.due_ms, True, message.number, 0, 0, 0, 0, 0)
    order_type = OrderType.MARKET if message.price is None else OrderType.LIMIT
    tif = TimeInForce.IOC if message.immediate else TimeInForce.GTC
    price = message.price or 0
    return Arrival(message.due_ms, False, message.number, message.side, price, message.qty, order_type, tif)


def touch_of(native: World, market: int) -> Touch:
    """Return what an agent sees of a market now."""
    state = native.market(market)
    bids, asks = native.depth(market, 1)
    lots = [side[0][1] if side else 0 for side in (bids, asks)]
    return Touch(state["best_bid"], state["best_ask"], state["last"], *lots)


class Follower:
    """Let twins follow a native world.

    Parameters
    ----------
    native : World
        Built, not run yet, with journal and trades recorded.
    twins : dict of int to Agent
        By account; no account has two agents.
    market_count : int
        Markets of the world.
    """

    def __init__(self, native: World, twins: dict[int, Agent], market_count: int) -> None:
        self.native, self.twins = native, twins
        self.markets = range(market_count)
        self.sent: dict[int, list[Message]] = {account: [] for account in twins}
        self.sent_ms: dict[int, list[int]] = {account: [] for account in twins}  # when each of them was sent
        self._heard: dict[int, list[tuple[int, int, Told]]] = {account: [] for account in twins}
        self._scheduled = dict.fromkeys(twins, 0)  # when each one's wake was scheduled, by _seq
        self._rows = self._trades = self._seq = 0

    def run(self, until_ms: int) -> None:
        """Run both until a time."""
        while True:
            now_ms = min(twin.wake_ms for twin in self.twins.values())
            if now_ms > until_ms:
                break
            self.native.run(now_ms)
            self._tell()
            seen = {market: touch_of(self.native, market) for market in self.markets}
            for account, twin in self.twins.items():
                if twin.wake_ms == now_ms:
                    self._listen(account, now_ms)
                    if isinstance(twin, Flow):
                        twin.resting = {order[0] for order in self.native.orders(twin.market) if order[4] == account}
                    self._seq += 1
                    self._scheduled[account] = self._seq
                    self.sent[account] += twin.wake(now_ms, seen)
                    self.sent_ms[account] += [now_ms] * len(twin.sent)
        self.native.run(until_ms)

    # --- notices ---------------------------------------------------------------------------------------------------

    def _listen(self, account: int, now_ms: int) -> None:
        """Hand an agent that wakes the notices that come before its wake: by time, then by who was scheduled first."""
        heard = self._heard[account]
        while heard and heard[0][:2] < (now_ms, self._scheduled[account]):
            due_ms, _, told = heappop(heard)
            self.twins[account].hear(due_ms, told)

    def _tell(self) -> None:
        """Read the new rows of journal and trades, and send the notices of what happened (N-4)."""
        journal, trades = self.native.journal(), self.native.trades()
        names = ("time_ms", "kind", "account", "market", "number", "side", "qty", "order_type", "time_in_force")
        new = [journal[name][self._rows :].tolist() for name in names]
        self._rows += len(new[0])
        told = ("maker_account", "maker_order", "taker_account", "taker_order", "qty_lots", "market", "time_ms")
        fills = list(zip(*(trades[name][self._trades :].tolist() for name in told), strict=True))
        self._trades += len(fills)
        fills.reverse()
        for time_ms, kind, account, market, number, side, qty, order_type, tif in zip(*new, strict=True):
            if kind == JournalKind.CANCEL:
                self._notice(account, time_ms, Told(ToldKind.END, market, number, side, qty), hears_acks=True)
            if kind == TRANSFER:
                for holder, own in ((account, -side), (number, side)):
                    self._notice(holder, time_ms, Told(ToldKind.TRANSFER, market, 0, own, qty, order_type == BY_ADL))
            if kind != JournalKind.PLACE:
                continue
            left = qty
            while fills and fills[-1][2:4] == (account, number) and fills[-1][5:] == (market, time_ms):
                maker, maker_order, _, _, lots, _, _ = fills.pop()
                left -= lots
                self._notice(maker, time_ms, Told(ToldKind.FILL, market, maker_order, -side, lots))
                self._notice(account, time_ms, Told(ToldKind.FILL, market, number, side, lots))
            if left and order_type == OrderType.LIMIT and tif == TimeInForce.GTC:
                self._notice(account, time_ms, Told(ToldKind.ACK, market, number, side, left), hears_acks=True)

    def _notice(self, account: int, time_ms: int, told: Told, *, hears_acks: bool = False) -> None:
        twin = self.twins.get(account)
        if twin is None or (hears_acks and not (isinstance(twin, Maker) and twin.terms.slow_ms)):
            return
        self._seq += 1
        heappush(self._heard[account], (twin.link(told.market).heard(time_ms), self._seq, told))

    # --- verdict ---------------------------------------------------------------------------------------------------

    def disagreements(self, until_ms: int, *, other_misses: int = 0) -> list[str]:
        """Return what did not reach the books as the twins say it should have; empty is right.

        Parameters
        ----------
        until_ms : int
            How far the world has run.
        other_misses : int
            Cancels from outside that missed (V-5).
        """
        found = []
        misses = self.native.counts()["cancel_misses"] - other_misses
        for account in self.twins:
            for market in self.markets:
                wanted = sorted(
                    (arrival_of(sent) for sent in self.sent[account] if sent.market == market),
                    key=lambda arrival: arrival.time_ms,
                )
                wanted = [arrival for arrival in wanted if arrival.time_ms <= until_ms]
                got = self.arrivals(account, market)
                cancels = [arrival for arrival in got if arrival.is_cancel]
                misses -= sum(arrival.is_cancel for arrival in wanted) - len(cancels)
                found += [
                    f"account {account}, market {market}: a cancel that the twin did not send: {arrival}"
                    for arrival in cancels
                    if arrival not in wanted
                ]
                wanted, got = ([row for row in rows if not row.is_cancel] for rows in (wanted, got))
                pairs = zip(wanted, got, strict=False)
                differ = next((i for i, (want, have) in enumerate(pairs) if want != have), min(len(wanted), len(got)))
                if wanted != got:
                    found.append(
                        f"account {account}, market {market}, order {differ}: "
                        f"twin {wanted[differ : differ + 1]}, native {got[differ : differ + 1]}"
                    )
        if misses:
            found.append(f"{misses} cancel misses that no twin's cancel explains")
        return found

    def arrivals(self, account: int, market: int) -> list[Arrival]:
        """Return what reached a book from an account, in order; of a cancel time and number only."""
        journal = self.native.journal()
        names = (
            "time_ms",
            "number",
            "side",
            "price",
            "qty",
            "order_type",
            "time_in_force",
            "kind",
            "account",
            "market",
        )
        found = []
        for row in zip(*(journal[name].tolist() for name in names), strict=True):
            if row[8:] == (account, market) and row[7] in (JournalKind.PLACE, JournalKind.CANCEL):
                is_cancel = row[7] == JournalKind.CANCEL
                rest = (0,) * 5 if is_cancel else row[2:7]
                found.append(Arrival(row[0], is_cancel, row[1], *rest))
        return found


def health_of(native: World, account: int, asset: int, markets: range) -> tuple[int, int] | None:
    """Return (equity, notional) of an account by X-1; None while a mark is missing (X-2)."""
    equity, notional = native.balance(account, asset)[0], 0
    for market in markets:
        lots, cost, _ = native.position(account, market)
        state = native.market(market)
        if not lots:
            continue
        if state["mark"] is None:
            return None
        worth = state["mark"] * state["atoms_per_tick_lot"]
        equity += lots * worth - cost
        notional += abs(lots) * worth
    return equity, notional
