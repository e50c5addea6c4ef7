"""Random small worlds with lending, pools, issuers and routes: the reference decides what the native engine did."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from engine.testing.lending_walks import lived

QUICK, CHUNK = 100, 50

# What the quick worlds must have seen, or they are no test of it.
KINDS = ("SUPPLY", "WITHDRAW", "BORROW", "REPAY", "MODE", "LIQUIDATE", "ABSORB", "BUY_COLLATERAL", "SWAP")
KINDS += ("ADD_LIQUIDITY", "REMOVE_LIQUIDITY", "MINT", "REDEEM", "STAKE", "UNSTAKE", "TRANSFER")
REACHED = {f"{kind} DONE" for kind in (*KINDS, "FLASH_LIQUIDATE", "COINS", "RANGE_ADDED", "RANGE_REMOVED")}
REACHED |= {f"SENT {kind}" for kind in KINDS}
REACHED |= {f"{kind} LOAN" for kind in ("LIQUIDATION", "MARGIN_CALL", "STEP", "BAD_DEBT")}
REACHED |= {"ACCRUE 0", "SALE 1", "SALE -1", "ARRIVAL 0", "ARRIVAL 1", "GAS"}
# Every reason of B-6 and Y-24 but those that need positions, and a few pairs that only some forms have.
REACHED |= {
    "ABSORB HEALTHY",
    "BORROW CAP",
    "BORROW NO_CASH",
    "BORROW UNHEALTHY",
    "BORROW UNKNOWN_PRICE",
    "FLASH_LIQUIDATE UNPROFITABLE",
    "LIQUIDATE BELOW_MINIMUM",
    "LIQUIDATE CLOSED",
    "LIQUIDATE HEALTHY",
    "LIQUIDATE NO_SUCH",
    "MINT BOUND",
    "MINT NOT_LISTED",
    "MODE CLOSED",
    "SUPPLY LACKING",
    "SUPPLY NOTHING",
    "SWAP POOL",
    "TRANSFER CLOSED",
    "WITHDRAW SHORT",
    "WITHDRAW UNHEALTHY",
}


@cache
def life(seed):
    return lived(seed)


@pytest.mark.parametrize("first", range(0, QUICK, 10))
def test_native_does_what_the_rules_decide(first):
    assert [line for seed in range(first, first + 10) for line in life(seed)[0]] == []


def test_the_worlds_see_every_action_and_reason():
    reached = sum((life(seed)[1] for seed in range(QUICK)), Counter())
    assert sorted(REACHED - reached.keys()) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(QUICK, 1_000, CHUNK))
def test_many_worlds(first):
    assert [line for seed in range(first, first + CHUNK) for line in lived(seed)[0]] == []
