# Actions: commands to what is no book (protocols, pools, issuers, routes): their records, the blocks of a venue (B-1 .. B-9).
#
#   Action -- link --> Chain.waiting (a list by arrival) --block--> act (act.pxd) --> ActionResult
#
# Stands on: slab. Records only; who executes stands in act.pxd, when in chain.pxd.

from libc.string cimport memset

from engine.native.types cimport *
from engine.native.slab cimport *

cdef extern from *:
    """
    #include <stdint.h>
    static const int64_t ENGINE_ACTION_ALL = (int64_t)1 << 61;
    static const int64_t ENGINE_ACTION_GAS[18] = { 0, 200000, 200000, 200000, 200000, 100000, 500000, 800000, 400000, 250000, 150000, 250000, 250000,
                                                  150000, 150000, 150000, 150000, 60000 };
    """
    const int64_t ACTION_ALL "ENGINE_ACTION_ALL"        # atoms: all of it (Y-18)
    const int64_t ACTION_GAS "ENGINE_ACTION_GAS"[18]    # by kind (B-4)

cdef enum ActionKind:
    ACTION_SUPPLY = 1
    ACTION_WITHDRAW = 2
    ACTION_BORROW = 3
    ACTION_REPAY = 4
    ACTION_MODE = 5
    ACTION_LIQUIDATE_LOAN = 6
    ACTION_FLASH_LIQUIDATE = 7
    ACTION_ABSORB = 8
    ACTION_BUY_COLLATERAL = 9
    ACTION_SWAP = 10
    ACTION_ADD_LIQUIDITY = 11
    ACTION_REMOVE_LIQUIDITY = 12
    ACTION_MINT = 13
    ACTION_REDEEM = 14
    ACTION_STAKE = 15
    ACTION_UNSTAKE = 16
    ACTION_TRANSFER = 17
    ACTION_KINDS = 18

# Why an action was refused (B-6, Y-24); a pool's reasons are those of Z-2 + REFUSED_BY_POOL.
cdef enum ActionReason:
    ACTION_DONE = 0
    REFUSED_NO_GAS = 1
    REFUSED_LACKING = 2
    REFUSED_FROZEN = 3
    REFUSED_NOTHING = 4
    REFUSED_BELOW_MINIMUM = 5
    REFUSED_BOUND = 6
    REFUSED_NO_SUCH = 7
    REFUSED_CLOSED = 8
    REFUSED_CAP = 9
    REFUSED_NO_CASH = 10
    REFUSED_UNKNOWN_PRICE = 11
    REFUSED_NOT_LISTED = 12
    REFUSED_SHORT = 16
    REFUSED_UNHEALTHY = 17
    REFUSED_HEALTHY = 18
    REFUSED_DUST = 19
    REFUSED_UNPROFITABLE = 20
    REFUSED_BY_POOL = 32
    REFUSED_NO_MEMORY = 255      # latched as a fault besides

cdef struct Action:
    atoms_t atoms
    atoms_t least
    int64_t tip                  # atoms of the gas asset for a unit of gas
    int64_t number               # per account from 1
    time_ms_t arrived_ms         # at its venue
    uint32_t account
    uint32_t target              # protocol, pool, issuer or route
    uint32_t party
    uint32_t agent               # who is told, NIL nobody
    slot_t next                  # of the waiting; free-list link while unused
    uint32_t cause
    uint16_t asset
    uint16_t other
    uint16_t pool                # of a flash liquidation
    uint8_t kind
    uint8_t pad

# What became of an action.
cdef struct ActionResult:
    atoms_t paid
    atoms_t got
    uint32_t reason              # ActionReason
    uint32_t landmark            # what its consequences descend from, 0 none

# The blocks of a venue; every_ms 0: it has none (B-3 .. B-5).
cdef struct Chain:
    time_ms_t every_ms
    time_ms_t block_ms           # its last block
    int64_t gas_most             # of a block, 0 = any
    int64_t base_price           # atoms of the gas asset for a unit of gas
    int64_t base_least
    int64_t block_count
    int64_t gas_used             # in all
    slot_t first                 # waiting, by arrival; NIL none
    slot_t last
    uint32_t gas_asset
    uint32_t is_queued           # its next block stands in the queue


cdef inline Action action_of(uint8_t kind, uint32_t target, uint32_t asset, uint32_t other, atoms_t atoms, uint32_t cause) noexcept nogil:
    """An action of a kind, the rest of it 0."""
    cdef Action action
    memset(&action, 0, sizeof(Action))
    action.kind = kind
    action.target = target
    action.asset, action.other = <uint16_t>asset, <uint16_t>other
    action.atoms = atoms
    action.cause = cause
    return action


cdef inline bint action_of_lending(uint32_t kind) noexcept nogil:
    return kind <= ACTION_BUY_COLLATERAL


cdef inline bint action_of_pool(uint32_t kind) noexcept nogil:
    return ACTION_SWAP <= kind <= ACTION_REMOVE_LIQUIDITY


cdef inline bint action_of_issuer(uint32_t kind) noexcept nogil:
    return ACTION_MINT <= kind <= ACTION_UNSTAKE
