# Issue: tokens are made and destroyed, staked and unstaked (I-2, I-4).
#
#   mint:    backing -> issuer,  tokens made -> account            redeem:  tokens destroyed,  issuer -> backing
#   stake:   tokens -> vault,    shares made -> account            unstake: shares destroyed,  vault -> tokens -> cooldown -> account
#   reward:  tokens made -> vault, when the issuer's own account mints
#
# Stands on: transit. Promises: refused, nothing has changed; a token's net deposits are what is in being of it, within its bound (I-3).

from engine.native.types cimport *
from engine.native.actions cimport *
from engine.native.arith cimport *
from engine.native.arming cimport *
from engine.native.averages cimport PPB
from engine.native.issuers cimport *
from engine.native.ledger cimport *
from engine.native.recorder cimport *
from engine.native.rows cimport *
from engine.native.slab cimport *
from engine.native.spend cimport *
from engine.native.state cimport *
from engine.native.transit cimport *

cdef enum:
    ISSUE_MILLION = 1000000


# ---- tokens ----

# Make atoms of a token for an account. Needs: its bound has room, may_get was asked. Cannot fail.
cdef inline void token_make(State* state, uint32_t account, uint32_t token, atoms_t atoms) noexcept nogil:
    asset_at(&state.ledger, token).net_deposits += atoms
    balance_at(&state.ledger, account, token).atoms += atoms
    note_movement(state, MOVEMENT_ISSUER, NO_MARKET, OUTSIDE, <int32_t>account, token, atoms)
    balance_wrote(state, account, token)


# Destroy atoms of a token of an account. Needs: may_give said yes. Cannot fail.
cdef inline void token_destroy(State* state, uint32_t account, uint32_t token, atoms_t atoms) noexcept nogil:
    asset_at(&state.ledger, token).net_deposits -= atoms
    balance_at(&state.ledger, account, token).atoms -= atoms
    note_movement(state, MOVEMENT_ISSUER, NO_MARKET, <int32_t>account, OUTSIDE, token, atoms)
    balance_wrote(state, account, token)


cdef inline atoms_t token_room(State* state, uint32_t token) noexcept nogil:
    return asset_at(&state.ledger, token).supply_max - asset_at(&state.ledger, token).net_deposits


# ---- who may, and what comes out ----

cdef inline bint is_listed(Issuers* issuers, Issuer* issuer, uint32_t account) noexcept nogil:
    """Whether the list names an account. O(log listed)."""
    cdef uint32_t* listed = <uint32_t*>issuers.listed.base
    cdef uint32_t low = issuer.listed_first, high = issuer.listed_first + issuer.listed_count, middle
    # invariant: rows of the list below `low` are lower accounts, those from `high` on are not
    while low < high:
        middle = (low + high) >> 1
        if listed[middle] < account:
            low = middle + 1
        else:
            high = middle
    return low < issuer.listed_first + issuer.listed_count and listed[low] == account


cdef inline bint is_own(Issuer* issuer, uint32_t account) noexcept nogil:
    return account == issuer.account or account == issuer.vault or account == issuer.cooling


# Whether an action is a reward (I-4).
cdef inline bint is_reward(Issuer* issuer, Action* action) noexcept nogil:
    return action.kind == ACTION_MINT and action.account == issuer.account and issuer.vault != NIL


# Whether an issuer takes an action at all, in the order of I-2. ActionReason; reads only.
cdef inline int issuer_admits(State* state, Issuer* issuer, Action* action) noexcept nogil:
    cdef bint is_staking = action.kind >= ACTION_STAKE
    if action.atoms < 1:
        return REFUSED_NOTHING
    if action.atoms > ACTION_ALL:
        return REFUSED_BOUND
    if is_own(issuer, action.account):
        if not is_reward(issuer, action):
            return REFUSED_NOT_LISTED
    elif not is_staking and issuer.is_listed and not is_listed(&state.issuers, issuer, action.account):
        return REFUSED_NOT_LISTED
    if is_staking and issuer.vault == NIL:
        return REFUSED_CLOSED
    if outage_end(&state.issuers, issuer.outage_first, issuer.outage_count, state.now_ms) != state.now_ms:
        return REFUSED_CLOSED
    return ACTION_DONE


# What minting, redeeming, staking or unstaking gives for atoms (I-2, I-4). ActionReason; reads only.
cdef inline int issuer_quote(State* state, Issuer* issuer, uint32_t kind, atoms_t atoms, int64_t mint_ppm, atoms_t* got) noexcept nogil:
    cdef int64_t rate = issuer_rate(issuer, state.now_ms), shares, held
    cdef atoms_t part = atoms
    cdef bint is_beyond = 0
    got[0] = 0
    if kind == ACTION_MINT:
        is_beyond = mul_div_floor(atoms, ISSUE_MILLION - mint_ppm, ISSUE_MILLION, &part) or mul_div_floor(part, PPB, rate, got)
    elif kind == ACTION_REDEEM:
        is_beyond = mul_div_floor(atoms, rate, PPB, &part) or mul_div_floor(part, ISSUE_MILLION - issuer.redeem_ppm, ISSUE_MILLION, got)
    else:
        shares = asset_at(&state.ledger, issuer.staked).net_deposits
        held = balance_at(&state.ledger, issuer.vault, issuer.token).atoms
        if kind == ACTION_STAKE and shares == 0:
            got[0] = atoms
        elif kind == ACTION_STAKE:
            is_beyond = mul_div_floor(atoms, shares, held, got)
        elif shares:
            is_beyond = mul_div_floor(atoms, held, shares, got)
    if is_beyond:
        return REFUSED_BOUND
    return REFUSED_NOTHING if got[0] == 0 else ACTION_DONE


# ---- actions ----

cdef inline int issuer_mint(State* state, Issuer* issuer, Action* action, atoms_t tokens) noexcept nogil:
    cdef int reason
    if tokens > token_room(state, issuer.token):
        return REFUSED_BOUND
    if not allotment_fits(&issuer.mint_cap, state.now_ms, tokens):
        return REFUSED_CAP
    reason = may_give(state, action.account, issuer.backing, action.atoms)
    if reason:
        return reason
    if may_get(state, issuer.account, issuer.backing) or may_get(state, action.account, issuer.token):
        return REFUSED_NO_MEMORY
    spend(state, MOVEMENT_ISSUER, action.account, issuer.account, issuer.backing, action.atoms)
    token_make(state, action.account, issuer.token, tokens)
    allotment_use(&issuer.mint_cap, state.now_ms, tokens)
    issuer.minted += tokens
    return ACTION_DONE


# The issuer's own account mints: what it has stays where it is, the tokens are the vault's.
cdef inline int issuer_reward(State* state, Issuer* issuer, Action* action, atoms_t tokens) noexcept nogil:
    cdef int reason
    if tokens > token_room(state, issuer.token):
        return REFUSED_BOUND
    reason = may_give(state, action.account, issuer.backing, action.atoms)
    if reason == ACTION_DONE:
        token_make(state, issuer.vault, issuer.token, tokens)
        issuer.minted += tokens
    return reason


cdef inline int issuer_redeem(State* state, Issuer* issuer, Action* action, atoms_t backing) noexcept nogil:
    cdef int reason
    if not allotment_fits(&issuer.redeem_cap, state.now_ms, action.atoms):
        return REFUSED_CAP
    reason = may_give(state, action.account, issuer.token, action.atoms)
    if reason:
        return reason
    if may_give(state, issuer.account, issuer.backing, backing):
        return REFUSED_NO_CASH
    if may_get(state, action.account, issuer.backing):
        return REFUSED_NO_MEMORY
    token_destroy(state, action.account, issuer.token, action.atoms)
    spend(state, MOVEMENT_ISSUER, issuer.account, action.account, issuer.backing, backing)
    allotment_use(&issuer.redeem_cap, state.now_ms, action.atoms)
    issuer.redeemed += action.atoms
    return ACTION_DONE


cdef inline int issuer_stake(State* state, Issuer* issuer, Action* action, atoms_t shares) noexcept nogil:
    cdef int reason
    if shares > token_room(state, issuer.staked):
        return REFUSED_BOUND
    reason = may_give(state, action.account, issuer.token, action.atoms)
    if reason:
        return reason
    if may_get(state, action.account, issuer.staked):
        return REFUSED_NO_MEMORY
    spend(state, MOVEMENT_ISSUER, action.account, issuer.vault, issuer.token, action.atoms)
    token_make(state, action.account, issuer.staked, shares)
    return ACTION_DONE


# Without a cooldown the tokens are the account's at once.
cdef inline int issuer_unstake(State* state, Issuer* issuer, Action* action, atoms_t tokens) noexcept nogil:
    cdef int reason = may_give(state, action.account, issuer.staked, action.atoms)
    cdef time_ms_t due_ms = outage_end(&state.issuers, issuer.outage_first, issuer.outage_count, state.now_ms + issuer.cooldown_ms)
    if reason:
        return reason
    if may_give(state, issuer.vault, issuer.token, tokens):
        return REFUSED_NO_CASH
    if may_get(state, action.account, issuer.token) or slab_reserve(&state.issuers.transits, 1):
        return REFUSED_NO_MEMORY
    token_destroy(state, action.account, issuer.staked, action.atoms)
    spend(state, MOVEMENT_ISSUER, issuer.vault, issuer.cooling if issuer.cooldown_ms else action.account, issuer.token, tokens)
    if issuer.cooldown_ms:
        transit_leaves(state, &issuer.way, action.target, True, action.account, tokens, due_ms, action.cause)
    return ACTION_DONE


# Mint, redeem, stake or unstake. ActionReason; unchanged unless done. O(markets of the accounts + windows).
cdef inline outlined_int issuer_act(State* state, Action* action, ActionResult* out) noexcept nogil:
    cdef Issuer* issuer = issuer_at(&state.issuers, action.target)
    cdef atoms_t got = 0
    cdef bint rewards = is_reward(issuer, action)
    cdef int reason = issuer_admits(state, issuer, action)
    if reason == ACTION_DONE:
        reason = issuer_quote(state, issuer, action.kind, action.atoms, 0 if rewards else issuer.mint_ppm, &got)
    if reason == ACTION_DONE and got < action.least:
        reason = REFUSED_BELOW_MINIMUM
    if reason:
        return reason
    if rewards:
        reason = issuer_reward(state, issuer, action, got)
    elif action.kind == ACTION_MINT:
        reason = issuer_mint(state, issuer, action, got)
    elif action.kind == ACTION_REDEEM:
        reason = issuer_redeem(state, issuer, action, got)
    elif action.kind == ACTION_STAKE:
        reason = issuer_stake(state, issuer, action, got)
    else:
        reason = issuer_unstake(state, issuer, action, got)
    out.paid = action.atoms
    out.got = got
    return reason
