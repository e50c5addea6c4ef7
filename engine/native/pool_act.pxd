# Pool act: actions at the pools of a world: swap, add liquidity, remove it (Z-16).
#
#   names, amounts -> what the pool would do -> may the account? -> the pool's row, its shares -> atoms
#
# Stands on: spend, pools. Promises: refused, nothing has changed; what the pool's account has is what the pool holds.

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.amm_math cimport *
from engine.native.ledger cimport *
from engine.native.pools cimport *
from engine.native.product_pool cimport *
from engine.native.range_pool cimport *
from engine.native.recorder cimport *
from engine.native.slab cimport *
from engine.native.spend cimport *
from engine.native.stable_pool cimport *
from engine.native.state cimport *

cdef enum PoolCommand:
    POOL_COINS_ADDED = 1         # `order_type` of a POOL row (Z-17)
    POOL_RANGE_ADDED = 2
    POOL_RANGE_REMOVED = 3

# A swap that a pool would carry out.
cdef struct SwapPlan:
    SwapGives gives
    uint32_t pool
    int sold                     # coins
    int bought


cdef inline int pool_refusal(int reason) noexcept nogil:
    """The ActionReason of a PoolReason."""
    return REFUSED_BY_POOL + reason if reason else ACTION_DONE


# ---- swaps ----

# What a swap would do (Z-16). ActionReason; reads only. O(what the pool takes).
cdef inline outlined_int swap_plan(State* state, uint32_t number, uint32_t sold, uint32_t bought, atoms_t atoms, atoms_t least, SwapPlan* plan) noexcept nogil:
    cdef WorldPool* pool
    cdef int reason
    if number >= state.amm.pools.count:
        return REFUSED_NO_SUCH
    pool = world_pool_at(&state.amm, number)
    plan.pool, plan.sold, plan.bought = number, pool_coin(pool, sold), pool_coin(pool, bought)
    if plan.sold < 0 or plan.bought < 0 or plan.sold == plan.bought:
        return REFUSED_NO_SUCH
    if atoms < 1:
        return REFUSED_NOTHING
    if atoms > POOL_AMOUNT_MAX:
        return REFUSED_BOUND
    if pool.form == PRODUCT_POOL_FORM:
        reason = product_quote(product_at(&state.amm, pool), plan.sold, plan.bought, atoms, &plan.gives)
    elif pool.form == STABLE_POOL_FORM:
        reason = stable_quote(stable_at(&state.amm, pool), plan.sold, plan.bought, atoms, &plan.gives)
    else:
        reason = range_quote(range_at(&state.amm, pool), ticks_of(&state.amm, pool), plan.sold, atoms, &plan.gives)
    if reason == POOL_NONE and plan.gives.amount_out < least:
        reason = POOL_BELOW_MINIMUM
    return pool_refusal(reason)


# Carry out a swap that was planned just now. Needs: the account may give and get. Cannot fail.
cdef inline void swap_execute(State* state, uint32_t account, SwapPlan* plan, uint32_t cause) noexcept nogil:
    cdef WorldPool* pool = world_pool_at(&state.amm, plan.pool)
    cdef atoms_t* balances = pool_balances(&state.amm, pool)
    if pool.form == RANGE_POOL_FORM:
        range_execute(range_at(&state.amm, pool), ticks_of(&state.amm, pool), plan.sold, plan.gives.amount_in)
    else:
        balances[plan.sold] += plan.gives.amount_in
        balances[plan.bought] -= plan.gives.amount_out
    pool.swap_count += 1
    pool.cause = cause
    spend(state, MOVEMENT_POOL, account, pool.account, pool.assets[plan.sold], plan.gives.amount_in)
    spend(state, MOVEMENT_POOL, pool.account, account, pool.assets[plan.bought], plan.gives.amount_out)


# What a pool would pay, *got. ActionReason; reads only.
cdef inline int pool_quote(State* state, uint32_t pool, uint32_t sold, uint32_t bought, atoms_t atoms, atoms_t* got) noexcept nogil:
    cdef SwapPlan plan
    cdef int reason = swap_plan(state, pool, sold, bought, atoms, 0, &plan)
    got[0] = 0 if reason else plan.gives.amount_out
    return reason


cdef inline int swap_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    cdef SwapPlan plan
    cdef int reason = swap_plan(state, action.target, action.asset, action.other, action.atoms, action.least, &plan)
    if reason == ACTION_DONE:
        reason = may_give(state, action.account, action.asset, action.atoms)
    if reason == ACTION_DONE:
        reason = may_get(state, action.account, action.other)
    if reason:
        return reason
    swap_execute(state, action.account, &plan, action.cause)
    out.paid, out.got = plan.gives.amount_in, plan.gives.amount_out
    return ACTION_DONE


# ---- liquidity ----

# Whether an account may give atoms of several coins at once: each with those before it gone, since one unit may stand on all of them.
# ActionReason. O(coins x markets of the account).
cdef inline int may_give_coins(State* state, uint32_t account, const WorldPool* pool, const atoms_t* atoms) noexcept nogil:
    cdef int reason = ACTION_DONE
    cdef uint32_t coin = 0, taken
    # invariant: the coins before `coin` are taken out of the balances
    while coin < pool.coin_count:
        reason = may_give(state, account, pool.assets[coin], atoms[coin])
        if reason:
            break
        if atoms[coin]:
            balance_at(&state.ledger, account, pool.assets[coin]).atoms -= atoms[coin]
        coin += 1
    for taken in range(coin):
        if atoms[taken]:
            balance_at(&state.ledger, account, pool.assets[taken]).atoms += atoms[taken]
    return reason


cdef inline int may_get_coins(State* state, uint32_t account, const WorldPool* pool) noexcept nogil:
    cdef uint32_t coin
    for coin in range(pool.coin_count):
        if may_get(state, account, pool.assets[coin]):
            return REFUSED_NO_MEMORY
    return ACTION_DONE


cdef inline void spend_coins(State* state, uint32_t payer, uint32_t receiver, const WorldPool* pool, const atoms_t* atoms) noexcept nogil:
    cdef uint32_t coin
    for coin in range(pool.coin_count):
        spend(state, MOVEMENT_POOL, payer, receiver, pool.assets[coin], atoms[coin])


# Amounts by coin that no pool could take: none at all, or beyond the bound. ActionReason.
cdef inline int given_fault(const WorldPool* pool, const atoms_t* given) noexcept nogil:
    cdef bint any_given = 0
    cdef uint32_t coin
    for coin in range(pool.coin_count):
        if given[coin] < 0 or given[coin] > POOL_AMOUNT_MAX:
            return REFUSED_BOUND
        any_given = any_given or given[coin] > 0
    return ACTION_DONE if any_given else REFUSED_NOTHING


# Shares for amounts by coin (Z-6, Z-10, Z-16). ActionReason; unchanged unless done. O(Newton steps + rows of shares).
cdef inline outlined_int pool_add(State* state, uint32_t account, uint32_t number, const atoms_t* given, uint32_t cause, ShareGives* gives) noexcept nogil:
    cdef WorldPool* pool = world_pool_at(&state.amm, number)
    cdef ProductPool product
    cdef StablePool stable
    cdef int reason
    if pool.form == RANGE_POOL_FORM:
        return REFUSED_CLOSED
    reason = given_fault(pool, given)
    if reason:
        return reason
    if pool.form == PRODUCT_POOL_FORM:
        product = product_at(&state.amm, pool)[0]
        reason = pool_refusal(product_add(&product, given, gives))
    else:
        stable = stable_at(&state.amm, pool)[0]
        reason = pool_refusal(stable_add(&stable, given, gives))
    if reason == ACTION_DONE:
        reason = may_give_coins(state, account, pool, gives.amounts)
    if reason:
        return reason
    if slab_reserve(&state.amm.shares, 1):
        return REFUSED_NO_MEMORY
    if pool.form == PRODUCT_POOL_FORM:
        product_at(&state.amm, pool)[0] = product
    else:
        stable_at(&state.amm, pool)[0] = stable
        pool.cause = cause               # what is not in proportion moves its price; x * y is always added to in proportion
    shares_change(&state.amm, number, account, gives.shares)
    spend_coins(state, account, pool.account, pool, gives.amounts)
    return ACTION_DONE


# Burn an account's shares for their part of every coin (Z-6, Z-10, Z-16). ActionReason; unchanged unless done. O(coins + rows of shares).
cdef inline outlined_int pool_remove(State* state, uint32_t account, uint32_t number, int64_t shares, atoms_t least, ShareGives* gives) noexcept nogil:
    cdef WorldPool* pool = world_pool_at(&state.amm, number)
    cdef ProductPool product
    cdef StablePool stable
    cdef int reason
    if pool.form == RANGE_POOL_FORM:
        return REFUSED_CLOSED
    if shares < 1:
        return REFUSED_NOTHING
    if shares > POOL_AMOUNT_MAX:
        return REFUSED_BOUND
    if shares > shares_of(&state.amm, number, account):
        return pool_refusal(POOL_SHARES_SHORT)
    if pool.form == PRODUCT_POOL_FORM:
        product = product_at(&state.amm, pool)[0]
        reason = product_remove(&product, shares, gives)
    else:
        stable = stable_at(&state.amm, pool)[0]
        reason = stable_remove(&stable, shares, gives)
    if reason == POOL_NONE and gives.amounts[0] < least:
        reason = POOL_BELOW_MINIMUM
    if reason:
        return pool_refusal(reason)
    if may_get_coins(state, account, pool):
        return REFUSED_NO_MEMORY
    if pool.form == PRODUCT_POOL_FORM:
        product_at(&state.amm, pool)[0] = product
    else:
        stable_at(&state.amm, pool)[0] = stable
    shares_change(&state.amm, number, account, -shares)
    spend_coins(state, pool.account, account, pool, gives.amounts)
    return ACTION_DONE


cdef inline int add_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    cdef ShareGives gives
    cdef atoms_t given[POOL_COINS_MAX]
    cdef int reason
    if world_pool_at(&state.amm, action.target).coin_count != 2:
        return REFUSED_CLOSED
    given[0], given[1] = action.atoms, action.least
    reason = pool_add(state, action.account, action.target, given, action.cause, &gives)
    if reason == ACTION_DONE:
        out.paid, out.got = gives.amounts[0], gives.shares
    return reason


cdef inline int remove_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    cdef ShareGives gives
    cdef int reason = pool_remove(state, action.account, action.target, action.atoms, action.least, &gives)
    if reason == ACTION_DONE:
        out.paid, out.got = gives.shares, gives.amounts[0]
    return reason


# Swap, add or remove liquidity (Z-16). ActionReason; unchanged unless done. Needs: the pool is there, at the account's venue.
cdef inline outlined_int pool_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    if action.kind == ACTION_SWAP:
        return swap_act(state, action, out)
    return add_act(state, action, out) if action.kind == ACTION_ADD_LIQUIDITY else remove_act(state, action, out)


# Add all coins at once, for pools of more than two (Z-17); in the journal a row a coin. As pool_add.
cdef inline outlined_int pool_add_coins(State* state, uint32_t account, uint32_t number, const atoms_t* given, ShareGives* gives) noexcept nogil:
    cdef uint32_t coin
    for coin in range(world_pool_at(&state.amm, number).coin_count):
        venue_journal(state, JOURNAL_POOL, number, <int32_t>account, coin, 0, POOL_COINS_ADDED, 0, 0, given[coin])
    return pool_add(state, account, number, given, 0, gives)
