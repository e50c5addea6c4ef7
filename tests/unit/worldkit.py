"""What the stories of a world share: short ways to open one, to place and cancel, and to ask both twins."""

from __future__ import annotations

from engine.testing.worlds import TwinWorld, landmark_rows
from engine.types import Side

BUY, SELL = Side.BUY, Side.SELL
FEES, BAD_DEBT = 0, 2  # L-1: the venue's accounts
SHOCK, WITHDRAWAL, RETURN, PUBLICATION, LIQUIDATION, STEP, BAD_DEBT_LANDMARK = range(1, 8)
PLACE_ROW, CANCEL_ROW = 3, 4
QUOTE, BASE = 0, 1
PERCENT = 10_000  # ppm


def opened(**options) -> TwinWorld:
    """Open a world with a quote and a base asset."""
    twin = TwinWorld(**options)
    assert (twin.asset(10**15), twin.asset(10**15)) == (QUOTE, BASE)
    return twin


def place(twin, account, market, side, price, qty, **options):
    """Send an order and let it arrive in the next millisecond."""
    at_ms = twin.native.now_ms + 1
    ticket = twin.native.send_order(account, market, side, price, qty, at_ms=at_ms, **options)
    twin.native.run(at_ms, check=True)
    return ticket


def cancel(twin, ticket):
    at_ms = twin.native.now_ms + 1
    twin.native.send_cancel(ticket, at_ms=at_ms)
    twin.native.run(at_ms, check=True)


def rejects(twin):
    return twin.native.counts()["rejects"]


def landmarks(twin, *kinds):
    """Return (time_ms, account, value) of the landmarks of some kinds, in order."""
    return [(row[0], row[4], row[7]) for row in landmark_rows(twin.native) if row[1] in kinds]


def journal(twin, *kinds):
    table = twin.native.journal()
    names = ("time_ms", "account", "number", "side", "price", "qty")
    rows = zip(table["kind"].tolist(), *(table[name].tolist() for name in names), strict=True)
    return [row[1:] for row in rows if row[0] in kinds]


def agree(twin):
    """Check the world and its reference (L-2, L-7, V-1; J-2)."""
    twin.native.check_invariants()
    assert twin.disagreements() == []
