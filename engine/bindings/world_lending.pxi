# World, lending: blocks, protocols, reserves, and actions by the caller of the world (sections B and Y).

from engine.native.act cimport *
from engine.native.chain cimport *
from engine.native.loan cimport *
from engine.native.loan_arming cimport *
from engine.native.loans cimport *

cdef dict _FORMS = {"aave": FORM_AAVE, "morpho": FORM_MORPHO, "comet": FORM_COMET, "loan": FORM_LOAN}
cdef dict _SERIES_KINDS = {"index": ORACLE_INDEX, "mark": ORACLE_MARK, "oracle": ORACLE_ORACLE}
cdef dict _ACTION_NAMES = {
    "supply": ACTION_SUPPLY, "withdraw": ACTION_WITHDRAW, "borrow": ACTION_BORROW, "repay": ACTION_REPAY, "mode": ACTION_MODE,
    "liquidate": ACTION_LIQUIDATE_LOAN, "flash_liquidate": ACTION_FLASH_LIQUIDATE, "absorb": ACTION_ABSORB,
    "buy_collateral": ACTION_BUY_COLLATERAL, "swap": ACTION_SWAP, "add_liquidity": ACTION_ADD_LIQUIDITY,
    "remove_liquidity": ACTION_REMOVE_LIQUIDITY, "mint": ACTION_MINT, "redeem": ACTION_REDEEM, "stake": ACTION_STAKE,
    "unstake": ACTION_UNSTAKE, "transfer": ACTION_TRANSFER,
}
cdef tuple LOAN_COLUMNS = ("account", "collateral_value", "debt_value", "health_ppm", "level", "liquidation")


cdef object border_choice(object value, str field, dict choices):
    """One of some names."""
    if not isinstance(value, str) or value not in choices:
        raise bad_input(field, "one of " + ", ".join(choices), value)
    return choices[value]


cdef int fill_terms(ReserveTerms* terms, object value, str field) except -1:
    """(loan-to-value, threshold, bonus), ppm."""
    if not isinstance(value, tuple) or len(value) != 3:
        raise bad_input(field, "(loan-to-value, threshold, bonus) in ppm", value)
    terms.ltv_ppm, terms.threshold_ppm, terms.bonus_ppm = [border_int(part, field, 0, LENDING_MILLION) for part in value]
    if terms.ltv_ppm > terms.threshold_ppm:
        raise bad_input(field, "a loan-to-value of at most the threshold", value)
    return 0


cdef class _WorldLending(_WorldWaterfall):
    """Declare blocks and lending protocols, and act."""

    def set_blocks(self, venue, *, every_ms, gas_asset, gas_most=0, base_price=0, base_least=0):
        """Give a venue blocks: its actions wait for the next one (rules B-3 .. B-5).

        Parameters
        ----------
        venue : int
            Which.
        every_ms : int
            Time between blocks, ms, 1 .. 2**31.
        gas_asset : int
            What gas is paid in.
        gas_most : int
            Gas of a block; 0: no limit, and then the base price stands.
        base_price, base_least : int
            Atoms for a unit of gas now, and at least.
        """
        cdef State* state = self.enter()
        cdef uint32_t venue_ = self.venue_number(venue)
        cdef Chain chain = chain_at(state, venue_)[0]
        if chain.first != NIL:
            raise bad_input("venue", "a venue where no action waits", venue)
        chain.every_ms = border_int(every_ms, "every_ms", 1, 1 << 31)
        chain.gas_asset = self.asset_number(gas_asset, "gas_asset")
        chain.gas_most = border_int(gas_most, "gas_most", 0, <int64_t>1 << 50)
        chain.base_price = border_int(base_price, "base_price", 0, <int64_t>1 << 40)
        chain.base_least = border_int(base_least, "base_least", 0, chain.base_price)
        if 0 < chain.gas_most < 800000:
            raise bad_input("gas_most", "0, or at least 800000, what the dearest action uses", gas_most)
        chain.block_ms = floor_div(state.now_ms, chain.every_ms) * chain.every_ms
        chain_at(state, venue_)[0] = chain

    def blocks(self, venue):
        """Return what a venue's blocks did: block_count, gas_used, base_price, waiting."""
        cdef State* state = self.enter()
        cdef Chain* chain = chain_at(state, self.venue_number(venue))
        cdef slot_t slot = chain.first
        cdef int64_t waiting = 0
        while slot != NIL:
            waiting += 1
            slot = action_at(state, slot).next
        return {"every_ms": chain.every_ms, "block_count": chain.block_count, "gas_used": chain.gas_used,
                "base_price": chain.base_price, "waiting": waiting}

    def add_protocol(self, form, *, venue=0, fee_ppm=100000, close_ppm=500000, full_below_ppm=950000, close_value_min=0,
                     left_value_min=0, call_ppm=750000, liquidation_ppm=830000, store_front_ppm=600000, target_atoms=0,
                     sale_ppm=1000000, sale_ms=1, accrue_ms=0):
        """Open a lending protocol (rule Y-15); its reserves are added next, before another protocol.

        Parameters
        ----------
        form : {"aave", "morpho", "comet", "loan"}
            How it liquidates; ``loan`` is a centralised lender.
        venue : int
            Where it stands.
        fee_ppm, close_ppm, full_below_ppm, close_value_min, left_value_min : int
            Aave (Y-10): its part of the bonus, close factor, health below which all may be repaid, and values, value atoms.
        call_ppm, liquidation_ppm : int
            Centralised loan (Y-14): LTV of the margin call and of the liquidation.
        store_front_ppm, target_atoms : int
            Comet (Y-13).
        sale_ppm, sale_ms : int
            Centralised loan (Y-23): part of a collateral that a step sells, pause between steps.
        accrue_ms : int
            Clock of interest, ms; 0: interest accrues when something is done only.

        Returns
        -------
        int
            Its number.
        """
        cdef State* state = self.enter()
        cdef Protocol row
        memset(&row, 0, sizeof(Protocol))
        row.form = border_choice(form, "form", _FORMS)
        row.venue = self.venue_number(venue)
        row.terms.fee_ppm = border_int(fee_ppm, "fee_ppm", 0, LENDING_MILLION)
        row.terms.close_ppm = border_int(close_ppm, "close_ppm", 1, LENDING_MILLION)
        row.terms.full_below_ppm = border_int(full_below_ppm, "full_below_ppm", 0, 1000000000)
        row.terms.close_value_min = border_int(close_value_min, "close_value_min", 0, LENDING_AMOUNT_MAX)
        row.terms.left_value_min = border_int(left_value_min, "left_value_min", 0, LENDING_AMOUNT_MAX)
        row.call_ppm = border_int(call_ppm, "call_ppm", 1, LENDING_MILLION)
        row.liquidation_ppm = border_int(liquidation_ppm, "liquidation_ppm", row.call_ppm, LENDING_MILLION)
        row.store_front_ppm = border_int(store_front_ppm, "store_front_ppm", 0, LENDING_MILLION)
        row.target = border_int(target_atoms, "target_atoms", 0, LENDING_AMOUNT_MAX)
        row.sale_ppm = border_int(sale_ppm, "sale_ppm", 1, LENDING_MILLION)
        row.sale_ms = border_int(sale_ms, "sale_ms", 1, 1 << 31)
        row.accrue_ms = border_int(accrue_ms, "accrue_ms", 0, 1 << 31)
        row.work_first = row.work_last = row.watchers = row.sold = row.seller = NIL
        row.reserve_first = state.lending.reserves.count
        self.first_accounts()
        if state.lending.protocols.count >= 65535 or slab_reserve(&state.lending.protocols, 1):
            raise MemoryError("World.add_protocol: no memory")
        row.account = self.new_accounts(1, row.venue, True, MODE_CASH)
        if row.form == FORM_LOAN:
            row.seller = self.new_accounts(1, row.venue, True, MODE_CASH)
        cdef uint32_t number = slab_take(&state.lending.protocols)
        protocol_at(&state.lending, number)[0] = row
        if row.accrue_ms:
            venue_schedule(state, (floor_div(state.now_ms, row.accrue_ms) + 1) * row.accrue_ms, PHASE_FUNDING, EVENT_ACCRUE, number, 0, 0)
        return number

    cdef uint32_t protocol_number(self, object protocol) except? 0xFFFFFFFF:
        return <uint32_t>border_int(protocol, "protocol", 0, <int64_t>self.world.state.lending.protocols.count - 1)

    cdef int fill_price(self, Reserve* row, object price, object market, object series) except -1:
        """A fixed price, or a market's series with what a tick is worth."""
        if not isinstance(price, tuple) or len(price) != 2:
            raise bad_input("price", "(value atoms, atoms of the asset); of a tick where a market says the ticks", price)
        row.price = border_int(price[0], "price", 1, LENDING_PRICE_MAX)
        row.unit = border_int(price[1], "price", 1, LENDING_PRICE_MAX)
        row.market = NIL
        row.price_kind = PRICE_FIXED
        if market is not None:
            row.market = self.market_number(market)
            row.price_kind = border_choice(series, "series", _SERIES_KINDS)
        return 0

    def add_reserve(self, protocol, asset, *, price, market=None, series="oracle", stale_ms=0, terms=(0, 0, 0), mode=0, mode_terms=(0, 0, 0),
                    curve=(0, 1000000, 0, 0), reserve_ppm=0, lent=False, supply_cap=1 << 61, borrow_cap=1 << 61, sale_market=None):
        """Add a reserve to the protocol that was opened last (rules Y-15, Y-16).

        Parameters
        ----------
        protocol, asset : int
            Where, and which asset; one reserve an asset.
        price : tuple of int
            (p, u): p value atoms for u atoms of the asset, 1 .. 2**52; with a market, of each tick of its series.
        market : int, optional
            Whose series prices it.
        series : {"oracle", "index", "mark"}
            Which series.
        stale_ms : int
            An older price is unknown; 0: none is.
        terms : tuple of int
            (loan-to-value, threshold, bonus), ppm; threshold 0: no collateral. Comet's bonus is 10**6 - liquidation factor.
        mode, mode_terms : int, tuple of int
            A mode of which it is part, 1 .. 255, 0 none, and what counts there.
        curve : tuple of int
            (base, kink, slope, steep) in ppm (Y-2).
        reserve_ppm : int
            Part of the interest that the protocol keeps.
        lent : bool
            Whether it may be borrowed.
        supply_cap, borrow_cap : int
            Atoms.
        sale_market : int, optional
            Spot market where a centralised lender sells it.

        Returns
        -------
        int
            Its number over all protocols.
        """
        cdef State* state = self.enter()
        cdef uint32_t protocol_ = self.protocol_number(protocol), asset_ = self.asset_number(asset, "asset"), number, at
        cdef Protocol* owner = protocol_at(&state.lending, protocol_)
        cdef Reserve row
        memset(&row, 0, sizeof(Reserve))
        if protocol_ != state.lending.protocols.count - 1:
            raise bad_input("protocol", "the one that was opened last", protocol)
        if owner.reserve_count == RESERVES_MOST or reserve_find(&state.lending, owner, asset_) != NIL:
            raise bad_input("asset", f"an asset without a reserve here, {RESERVES_MOST} at most", asset)
        self.fill_price(&row, price, market, series)
        row.stale_ms = border_int(stale_ms, "stale_ms", 0, TIME_MAX >> 20)
        fill_terms(&row.own, terms, "terms")
        fill_terms(&row.moded, mode_terms, "mode_terms")
        row.mode = <uint32_t>border_int(mode, "mode", 0, 255)
        row.curve.base_ppm, row.curve.kink_ppm, row.curve.slope_ppm, row.curve.steep_ppm = self.curve_of(curve)
        row.reserve_ppm = border_int(reserve_ppm, "reserve_ppm", 0, LENDING_MILLION)
        row.is_lent = border_bool(lent, "lent")
        row.supply_cap = border_int(supply_cap, "supply_cap", 0, LENDING_AMOUNT_MAX)
        row.borrow_cap = border_int(borrow_cap, "borrow_cap", 0, LENDING_AMOUNT_MAX)
        row.sale_market = NIL if sale_market is None else self.market_number(sale_market)
        self.check_reserve(&row, owner)
        row.asset, row.protocol = asset_, protocol_
        row.pool.supply_index = row.pool.borrow_index = wide_of(LENDING_ONE)
        row.accrued_ms = state.now_ms
        row.rate = row.curve.base_ppm * LENDING_PER_PPM
        row.next_priced = NIL
        at = 0 if row.market == NIL else 3 * row.market + row.price_kind
        if slab_reserve(&state.lending.reserves, 1) or triggers_add_series(&state.lending.triggers, 3) \
                or (at > state.lending.series_first.count and slab_reserve(&state.lending.series_first, at - state.lending.series_first.count)):
            raise MemoryError("World.add_reserve: no memory")
        number = slab_take(&state.lending.reserves)
        while state.lending.series_first.count < at:
            (<uint32_t*>(state.lending.series_first.base))[slab_take(&state.lending.series_first)] = NIL
        if at:
            row.next_priced = (<uint32_t*>(state.lending.series_first.base))[at - 1]
            (<uint32_t*>(state.lending.series_first.base))[at - 1] = number
        reserve_at(&state.lending, number)[0] = row
        protocol_at(&state.lending, protocol_).reserve_count += 1
        return number

    cdef tuple curve_of(self, object curve):
        if not isinstance(curve, tuple) or len(curve) != 4:
            raise bad_input("curve", "(base, kink, slope, steep) in ppm", curve)
        values = tuple(border_int(part, "curve", 0, 9 * LENDING_MILLION) for part in curve)
        if not 1 <= values[1] <= LENDING_MILLION or values[0] + values[2] + values[3] > 9 * LENDING_MILLION:
            raise bad_input("curve", "a kink of 1 .. 10**6 and rates of at most 9 * 10**6 ppm together", curve)
        return values

    cdef int check_reserve(self, Reserve* row, Protocol* owner) except -1:
        """What concerns a reserve and its protocol together."""
        cdef State* state = &self.world.state
        if owner.form == FORM_MORPHO and row.is_lent and (row.price_kind != PRICE_FIXED or row.price != row.unit):
            raise bad_input("price", "(1, 1) fixed: values at Morpho are in atoms of the loan", (row.price, row.unit))
        if owner.form == FORM_MORPHO and row.is_lent and (row.own.threshold_ppm or row.moded.threshold_ppm):
            raise bad_input("terms", "no collateral: at Morpho what is lent bears losses", row.own.threshold_ppm)
        if owner.form == FORM_COMET and row.is_lent and comet_base(state, owner) != NIL:
            raise bad_input("lent", "one lent reserve, a Comet's base", True)
        if owner.form == FORM_LOAN and (row.own.threshold_ppm or row.moded.threshold_ppm) and row.sale_market == NIL:
            raise bad_input("sale_market", "a spot market: a centralised lender sells the collateral there", None)
        if row.sale_market != NIL:
            if owner.form != FORM_LOAN:
                raise bad_input("sale_market", "none: only a centralised lender sells", row.sale_market)
            if market_at(state, row.sale_market).kind != MARKET_SPOT or market_at(state, row.sale_market).venue != owner.venue:
                raise bad_input("sale_market", "a spot market of the asset at the protocol's venue", row.sale_market)
        return 0

    cdef int fill_action(self, Action* action, object account, object kind, object target, object atoms, object asset, object other, object party,
                         object least, object pool, object tip) except -1:
        """Check what names an action, and fill it in."""
        memset(action, 0, sizeof(Action))
        action.agent = action.next = NIL
        action.account = self.trader_number(account)
        action.kind = border_choice(kind, "kind", _ACTION_NAMES)
        action.target = <uint32_t>border_int(target, "target", 0, 65534)
        action.atoms = border_int(atoms, "atoms", 0, ACTION_ALL)
        action.asset = <uint16_t>(0 if asset is None else self.asset_number(asset, "asset"))
        action.other = <uint16_t>(0 if other is None else self.asset_number(other, "other"))
        action.party = action.account if party is None else self.trader_number(party, "party")
        action.least = border_int(least, "least", 0, ACTION_ALL)
        action.pool = <uint16_t>border_int(pool, "pool", 0, 65534)
        action.tip = border_int(tip, "tip", 0, <int64_t>1 << 40)
        return 0

    def act(self, account, kind, target, atoms=0, *, asset=None, other=None, party=None, least=0, pool=0):
        """Execute an action now, without link, block or gas (rule B-8).

        Parameters
        ----------
        account : int
            Whose action.
        kind : str
            ``supply``, ``withdraw``, ``borrow``, ``repay``, ``mode``, ``liquidate``, ``flash_liquidate``, ``absorb``, ``buy_collateral``,
            ``swap``, ``add_liquidity``, ``remove_liquidity``, ``mint``, ``redeem``, ``stake``, ``unstake``, ``transfer`` (rule B-1).
        target : int
            Protocol, pool, issuer or route.
        atoms : int
            How much; 2**61: all of it, of a withdrawal or repayment. Shares, where liquidity is removed or something unstaked.
        asset, other : int, optional
            Assets that it concerns.
        party : int, optional
            Another account: whose loan, or who receives.
        least : int
            What must come out at least; atoms of coin 1 where liquidity is added.
        pool : int
            Of a flash liquidation.

        Returns
        -------
        tuple of int
            (reason, paid, got): 0 done, else an `ActionReason`, and then nothing but accrued interest has changed.
        """
        cdef State* state = self.enter()
        cdef Action action
        cdef ActionResult result
        self.fill_action(&action, account, kind, target, atoms, asset, other, party, least, pool, 0)
        act(state, &action, &result)
        note_action(state, &action, &result, 0)
        if state.fault:
            self.raise_fault()
        return result.reason, result.paid, result.got

    def lend_columns(self, protocol, accounts, supply_asset, supplied, debt_asset, borrowed):
        """Supply and borrow for many accounts at once, for declaring crowds of borrowers.

        Parameters
        ----------
        protocol, supply_asset, debt_asset : int
            Where, what is supplied, what is borrowed.
        accounts, supplied, borrowed : sequence of int
            Whose, and atoms of each; 0 skips.

        Returns
        -------
        int
            How many of the actions were refused.
        """
        cdef State* state = self.enter()
        cdef list accounts_ = border_list(accounts), supplied_ = border_list(supplied), borrowed_ = border_list(borrowed)
        cdef Action supply, borrow
        cdef ActionResult result
        cdef int64_t refused = 0
        if not len(accounts_) == len(supplied_) == len(borrowed_):
            raise bad_input("accounts", "columns of one length", (len(accounts_), len(supplied_), len(borrowed_)))
        for account, more, debt in zip(accounts_, supplied_, borrowed_):
            self.fill_action(&supply, account, "supply", protocol, more, supply_asset, None, None, 0, 0, 0)
            self.fill_action(&borrow, account, "borrow", protocol, debt, debt_asset, None, None, 0, 0, 0)
            if supply.atoms:
                act(state, &supply, &result)
                refused += result.reason != 0
            if borrow.atoms:
                act(state, &borrow, &result)
                refused += result.reason != 0
        if state.fault:
            self.raise_fault()
        return refused

    # ---- reading ----

    def reserve(self, protocol, asset):
        """Return what a reserve is now, atoms, indexes and rate in 10**-18, at its last accrual."""
        self.enter()
        return self.reserve_told(protocol, asset)

    cdef dict reserve_told(self, object protocol, object asset):
        # Also while the world is busy: a context reads through it.
        cdef State* state = &self.world.state
        cdef uint32_t number = reserve_find(&state.lending, protocol_at(&state.lending, self.protocol_number(protocol)), self.asset_number(asset, "asset"))
        cdef Reserve* row
        cdef atoms_t claims = 0, debt = 0, cash
        if number == NIL:
            raise bad_input("asset", "an asset with a reserve at the protocol", asset)
        row = reserve_at(&state.lending, number)
        scaled_atoms(row.pool.scaled_supply, row.pool.supply_index, False, &claims)
        scaled_atoms(row.pool.scaled_debt, row.pool.borrow_index, True, &debt)
        cash = reserve_cash(state, row)
        return {"number": number, "supply_index": wide_int(row.pool.supply_index), "borrow_index": wide_int(row.pool.borrow_index),
                "scaled_supply": row.pool.scaled_supply, "scaled_debt": row.pool.scaled_debt, "claims": claims, "debt": debt,
                "cash": cash, "kept": row.kept, "deficit": row.deficit, "rate": row.rate, "utilisation": lending_utilisation_of(cash, debt)}

    def protocol(self, protocol):
        """Return a protocol's accounts and counts."""
        cdef State* state = self.enter()
        cdef Protocol* row = protocol_at(&state.lending, self.protocol_number(protocol))
        return {"account": row.account, "seller": None if row.seller == NIL else row.seller, "venue": row.venue, "work": row.work_count,
                "liquidations": row.liquidation_count, "repaid_value": row.repaid_value}

    def loan(self, account, protocol):
        """Return what an account has at a protocol: by asset (claim, owed), collateral and debt value, health in ppm, level; values None while a price is unknown."""
        self.enter()
        return self.loan_told(account, protocol)

    cdef dict loan_told(self, object account, object protocol):
        # Also while the world is busy: a context reads through it.
        cdef State* state = &self.world.state
        cdef slot_t slot = loan_find(state, self.account_number(account), self.protocol_number(protocol)), at
        cdef LendingHealth health
        cdef Loan* loan
        if slot == NIL:
            return {"assets": {}, "collateral_value": 0, "debt_value": 0, "health_ppm": LENDING_HELD_AT, "level": 0, "mode": 0, "room": 0}
        loan = loan_at(&state.lending, slot)
        assets = {}
        at = loan.first
        while at != NIL:
            amounts = entry_claim(state, entry_at(&state.lending, at)), entry_owed(state, entry_at(&state.lending, at))
            if amounts != (0, 0):        # what a sale has out just now
                assets[reserve_at(&state.lending, entry_at(&state.lending, at).reserve).asset] = amounts
            at = entry_at(&state.lending, at).next
        told = {"assets": assets, "level": loan.level, "mode": loan.mode}
        if loan_health(state, loan, 1, &health):
            return told | {"collateral_value": None, "debt_value": None, "health_ppm": None, "room": None}
        told["room"] = health_room(&health)
        loan_health(state, loan, 0, &health)
        return told | {"collateral_value": health.collateral_value, "debt_value": health.debt_value, "health_ppm": health_ppm(&health)}

    def loans(self, protocol):
        """Return every loan of a protocol as columns: account, collateral and debt value, health in ppm, level, landmark of its liquidation.

        Values are -1 while a price is unknown. O(loans).
        """
        self.enter()
        return self.loans_told(protocol)

    cdef dict loans_told(self, object protocol):
        # Also while the world is busy: a context reads through it.
        cdef State* state = &self.world.state
        cdef uint32_t number = self.protocol_number(protocol), i
        cdef LendingHealth health
        cdef Loan* loan
        rows = []
        for i in range(state.lending.loans.count):
            loan = loan_at(&state.lending, i)
            if loan.protocol != number:
                continue
            if loan_health(state, loan, 0, &health):
                rows.append((loan.account, -1, -1, -1, loan.level, loan.liquidation))
            else:
                rows.append((loan.account, health.collateral_value, health.debt_value, health_ppm(&health), loan.level, loan.liquidation))
        columns = zip(*rows) if rows else ((),) * len(LOAN_COLUMNS)
        return {name: list(column) for name, column in zip(LOAN_COLUMNS, columns)}

    def lending_counts(self):
        """Return how often loans were checked and armed, and triggers popped."""
        cdef State* state = self.enter()
        return {"loans": state.lending.loans.count, "checks": state.lending.check_count, "arms": state.lending.arm_count,
                "pops": state.lending.triggers.pop_count}

    def rearm_loans(self, protocol):
        """Evaluate and arm every loan of a protocol that waits, as any write does: for measuring. Changes nothing that can be seen. O(loans)."""
        cdef State* state = self.enter()
        cdef uint32_t number = self.protocol_number(protocol), i
        cdef int64_t count = 0
        for i in range(state.lending.loans.count):
            if loan_at(&state.lending, i).protocol == number and not loan_at(&state.lending, i).is_working:
                loan_wrote(state, i)
                count += 1
        return count
