# World, pools: declare pools of coins, and what is done at them at once (Z-16, Z-17); swaps, shares and their removal are actions.

from engine.native.pool_act cimport *
from engine.native.pool_ranges cimport *
from engine.native.pools cimport *

cdef dict _POOL_FORMS = {"product": PRODUCT_POOL_FORM, "stable": STABLE_POOL_FORM, "ranges": RANGE_POOL_FORM}
cdef dict _POOL_FORM_NAMES = {number: name for name, number in _POOL_FORMS.items()}


# What an empty pool is made of; its form says which.
cdef struct PoolDraft:
    ProductPool product
    StablePool stable
    RangePool ranges


cdef tuple gives_amounts(const atoms_t* amounts, uint32_t count):
    cdef uint32_t coin
    return tuple([amounts[coin] for coin in range(count)])


cdef class _WorldPools(_WorldLending):
    """Declare pools, and add to them at once."""

    cdef list pool_assets(self, object assets, int form):
        """The assets of a pool's coins: two, of a stable pool up to four, all different."""
        cdef list numbers
        cdef int most = POOL_COINS_MAX if form == STABLE_POOL_FORM else 2
        if not isinstance(assets, (list, tuple)) or not 2 <= len(assets) <= most:
            raise bad_input("assets", f"2 to {most} assets" if most > 2 else "2 assets", assets)
        numbers = [self.asset_number(asset, f"assets[{i}]") for i, asset in enumerate(list(assets))]
        if len(set(numbers)) != len(numbers):
            raise bad_input("assets", "assets that differ", assets)
        return numbers

    cdef int pool_room(self, uint32_t form) except -1:
        """Reserve the rows of one pool."""
        cdef Pools* pools = &self.world.state.amm
        cdef Slab* rows = &pools.products if form == PRODUCT_POOL_FORM else &pools.stables if form == STABLE_POOL_FORM else &pools.ranges
        if pools.pools.count >= 65535:
            raise bad_input("form", "at most 65535 pools", "another one")
        if slab_reserve(&pools.pools, 1) or slab_reserve(rows, 1) or (form == RANGE_POOL_FORM and slab_reserve(&pools.ticks, RANGE_TICKS_MAX)):
            raise MemoryError("World.add_pool: no memory")
        return 0

    def add_pool(self, form, assets, *, venue=0, fee_ppm=3000, amplification=None, scales=None, sqrt_price=None, tick_spacing=None):
        """Open an empty pool with an account of its own (rules Z-5 .. Z-16).

        Parameters
        ----------
        form : {"product", "stable", "ranges"}
            Constant product, StableSwap, or liquidity in ranges.
        assets : sequence of int
            What its coins are: 2, of a stable pool 2 to 4.
        venue : int
            Where it stands.
        fee_ppm : int
            Fee of a swap, ppm, 0 .. 100,000.
        amplification : int, optional
            Of a stable pool, 1 .. 1,000,000; 100 by default.
        scales : tuple of int, optional
            Of a stable pool, by coin, 1 .. 10**9: what an atom counts; 1 each by default.
        sqrt_price : int
            Of a pool of ranges, which needs it: square root of the first price times 2**96 (`sqrt_price_at`).
        tick_spacing : int, optional
            Of a pool of ranges, 1 .. 16,384; 60 by default.

        Returns
        -------
        int
            Its number, the `target` of actions.

        Raises
        ------
        InputError
            Names the argument; nothing was opened.

        Notes
        -----
        O(1).

        Examples
        --------
        >>> from engine._core import World
        >>> world = World(1)
        >>> usd, coin = world.add_asset(10**15), world.add_asset(10**15)
        >>> pool = world.add_pool("product", (coin, usd), fee_ppm=3_000)
        >>> account = world.add_accounts()
        >>> world.deposit(account, usd, 10**9); world.deposit(account, coin, 10**9)
        >>> world.act(account, "add_liquidity", pool, 1_000_000, least=2_000_000)
        (0, 1000000, 1413213)
        >>> world.act(account, "swap", pool, 10_000, asset=coin, other=usd)
        (0, 10000, 19743)
        >>> world.pool(pool)["balances"]
        (1010000, 1980257)
        """
        cdef uint32_t form_
        cdef PoolDraft draft
        self.enter()
        form_ = border_choice(form, "form", _POOL_FORMS)
        memset(&draft, 0, sizeof(PoolDraft))
        numbers = self.pool_assets(assets, form_)
        for name, value, of in (("amplification", amplification, STABLE_POOL_FORM), ("scales", scales, STABLE_POOL_FORM),
                                ("sqrt_price", sqrt_price, RANGE_POOL_FORM), ("tick_spacing", tick_spacing, RANGE_POOL_FORM)):
            if value is not None and of != form_:
                raise bad_input(name, f"nothing: it belongs to the form {_POOL_FORM_NAMES[of]}", value)
        if form_ == PRODUCT_POOL_FORM:
            draft.product.fee_ppm = border_int(fee_ppm, "fee_ppm", 0, POOL_FEE_PPM_MAX)
        elif form_ == STABLE_POOL_FORM:
            fill_stable(&draft.stable, 100 if amplification is None else amplification, fee_ppm, (1,) * len(numbers) if scales is None else scales)
            if draft.stable.coin_count != <int>len(numbers):
                raise bad_input("scales", f"{len(numbers)} integers, one for each coin", f"{draft.stable.coin_count} of them")
        else:
            fill_ranges(&draft.ranges, sqrt_price, fee_ppm, 60 if tick_spacing is None else tick_spacing)
        return self.open_pool(form_, numbers, self.venue_number(venue), &draft)

    cdef uint32_t open_pool(self, uint32_t form, list assets, uint32_t venue, PoolDraft* draft) except? 0xFFFFFFFF:
        """Put a checked pool with an account of its own into the world."""
        cdef State* state = &self.world.state
        cdef WorldPool row
        cdef uint32_t number, coin
        self.first_accounts()
        self.pool_room(form)
        memset(&row, 0, sizeof(WorldPool))
        row.form, row.venue, row.coin_count = form, venue, <uint32_t>len(assets)
        for coin in range(row.coin_count):
            row.assets[coin] = <uint16_t>assets[coin]
        row.account = self.new_accounts(1, venue, True, MODE_CASH)
        account_at(&state.accounts, row.account).is_closed = 1
        if form == PRODUCT_POOL_FORM:
            row.row = slab_take(&state.amm.products)
            product_at(&state.amm, &row)[0] = draft.product
        elif form == STABLE_POOL_FORM:
            row.row = slab_take(&state.amm.stables)
            stable_at(&state.amm, &row)[0] = draft.stable
        else:
            row.row = slab_take(&state.amm.ranges)
            range_at(&state.amm, &row)[0] = draft.ranges
            state.amm.ticks.count += RANGE_TICKS_MAX
        number = slab_take(&state.amm.pools)
        world_pool_at(&state.amm, number)[0] = row
        return number

    cdef uint32_t pool_number(self, object pool, str field="pool") except? 0xFFFFFFFF:
        return <uint32_t>border_int(pool, field, 0, <int64_t>self.world.state.amm.pools.count - 1)

    cdef uint32_t pool_guest(self, object account, uint32_t pool) except? 0xFFFFFFFF:
        """An account that may act at a pool: it stands at its venue (B-1)."""
        cdef State* state = &self.world.state
        cdef uint32_t number = self.trader_number(account)
        if account_at(&state.accounts, number).venue != world_pool_at(&state.amm, pool).venue:
            raise bad_input("account", f"an account at the pool's venue {world_pool_at(&state.amm, pool).venue}", account)
        return number

    cdef uint32_t range_pool_number(self, object pool) except? 0xFFFFFFFF:
        cdef uint32_t number = self.pool_number(pool)
        if world_pool_at(&self.world.state.amm, number).form != RANGE_POOL_FORM:
            raise bad_input("pool", "a pool of ranges", pool)
        return number

    cdef uint32_t share_pool_number(self, object pool) except? 0xFFFFFFFF:
        cdef uint32_t number = self.pool_number(pool)
        if world_pool_at(&self.world.state.amm, number).form == RANGE_POOL_FORM:
            raise bad_input("pool", "a pool with shares, not one of ranges", pool)
        return number

    cdef int pool_done(self, int reason) except -1:
        """Tell what is our own fault, or memory's."""
        if reason == REFUSED_NO_MEMORY:
            self.world.state.fault = FAULT_NO_MEMORY
        if self.world.state.fault:
            self.raise_fault()
        return 0

    def add_coins(self, account, pool, amounts):
        """Add several coins at once for shares, as a pool of more than two coins needs it (rules Z-6, Z-10, Z-17).

        Parameters
        ----------
        account, pool : int
            Who adds, at a pool of its venue that has shares.
        amounts : sequence of int
            Atoms by coin, 0 .. 2**61, not all 0.

        Returns
        -------
        tuple
            (reason, shares, amounts taken by coin); reason 0 done, else an `ActionReason`, and then nothing has changed.

        Raises
        ------
        InputError
            Names the argument.

        Notes
        -----
        O(Newton steps + rows of shares).
        """
        cdef State* state = self.enter()
        cdef uint32_t pool_ = self.share_pool_number(pool), account_ = self.pool_guest(account, pool_)
        cdef uint32_t count = world_pool_at(&state.amm, pool_).coin_count
        cdef atoms_t given[POOL_COINS_MAX]
        cdef ShareGives gives
        cdef int reason
        memset(&gives, 0, sizeof(ShareGives))
        pool_amounts(amounts, <int>count, given)
        reason = pool_add_coins(state, account_, pool_, given, &gives)
        self.pool_done(reason)
        return (reason, 0, ()) if reason else (0, gives.shares, gives_amounts(gives.amounts, count))

    def add_range(self, account, pool, lower, upper, liquidity):
        """Add liquidity to an account's range (rules Z-14, Z-17).

        Parameters
        ----------
        account, pool : int
            Whose, at a pool of ranges of its venue.
        lower, upper : int
            Ticks, multiples of the spacing.
        liquidity : int
            1 .. 2**61.

        Returns
        -------
        tuple
            (reason, amounts taken by coin); reason 0 done, else an `ActionReason`, and then nothing has changed.

        Raises
        ------
        InputError
            Names the argument.

        Notes
        -----
        O(ticks + positions).
        """
        cdef State* state = self.enter()
        cdef uint32_t pool_ = self.range_pool_number(pool), account_ = self.pool_guest(account, pool_)
        cdef int64_t low = 0, high = 0, added
        cdef ShareGives gives
        cdef int reason
        memset(&gives, 0, sizeof(ShareGives))
        border_range(lower, upper, range_at(&state.amm, world_pool_at(&state.amm, pool_)).tick_spacing, &low, &high)
        added = border_int(liquidity, "liquidity", 1, POOL_AMOUNT_MAX)
        reason = pool_add_range(state, account_, pool_, low, high, added, &gives)
        self.pool_done(reason)
        return (reason, ()) if reason else (0, gives_amounts(gives.amounts, 2))

    def remove_range(self, account, pool, lower, upper, liquidity):
        """Take liquidity out of an account's range, with all its fees (rules Z-14, Z-17).

        Parameters
        ----------
        account, pool, lower, upper : int
            As for `add_range`.
        liquidity : int
            0 .. 2**61; 0 takes the fees alone.

        Returns
        -------
        tuple
            (reason, amounts paid by coin, fees paid beside them).

        Raises
        ------
        InputError
            Names the argument.

        Notes
        -----
        O(ticks + positions).
        """
        cdef State* state = self.enter()
        cdef uint32_t pool_ = self.range_pool_number(pool), account_ = self.pool_guest(account, pool_)
        cdef int64_t low = 0, high = 0, removed
        cdef ShareGives gives
        cdef int reason
        memset(&gives, 0, sizeof(ShareGives))
        border_range(lower, upper, range_at(&state.amm, world_pool_at(&state.amm, pool_)).tick_spacing, &low, &high)
        removed = border_int(liquidity, "liquidity", 0, POOL_AMOUNT_MAX)
        reason = pool_remove_range(state, account_, pool_, low, high, removed, &gives)
        self.pool_done(reason)
        return (reason, (), ()) if reason else (0, gives_amounts(gives.amounts, 2), gives_amounts(gives.fees, 2))

    # ---- reading ----

    def pool_quote(self, pool, sold, bought, atoms):
        """Return what a swap would give now, fee included; nothing is changed (rule Z-16).

        Parameters
        ----------
        pool : int
            Which.
        sold, bought : int
            Assets.
        atoms : int
            Of the asset sold, 0 .. 2**61.

        Returns
        -------
        tuple of int
            (reason, got): 0 and atoms of the asset bought, else an `ActionReason` and 0. Whether an account has that much is not asked.

        Raises
        ------
        InputError
            Names the argument.

        Notes
        -----
        O(Newton steps), or O(ticks crossed).
        """
        cdef State* state = self.enter()
        cdef uint32_t pool_ = self.pool_number(pool)
        cdef uint32_t sold_ = self.asset_number(sold, "sold"), bought_ = self.asset_number(bought, "bought")
        cdef atoms_t got = 0
        cdef int reason = pool_quote(state, pool_, sold_, bought_, border_int(atoms, "atoms", 0, POOL_AMOUNT_MAX), &got)
        return reason, got

    cdef tuple pool_prices(self, WorldPool* row):
        """By coin: its atoms for an atom of coin 0 at the margin, without fee; None for an empty pool."""
        cdef State* state = &self.world.state
        cdef int coin
        cdef atoms_t* balances = pool_balances(&state.amm, row)
        if row.form == RANGE_POOL_FORM:
            return (1, 1), range_ratio(range_at(&state.amm, row), 0)
        if row.form == STABLE_POOL_FORM:
            if stable_at(&state.amm, row).shares == 0:
                return None
            return ((1, 1), *[stable_ratio(stable_at(&state.amm, row), 0, coin) for coin in range(1, <int>row.coin_count)])
        return ((1, 1), pool_ratio(balances[1], balances[0])) if product_at(&state.amm, row).shares else None

    def pool(self, pool):
        """Return what a pool is now.

        Parameters
        ----------
        pool : int
            Which.

        Returns
        -------
        dict
            ``form, venue, account, assets, balances`` (atoms by coin), ``prices`` (by coin an exact ratio: its atoms for an atom of coin 0 at
            the margin, without fee; None while it is empty), ``fee_ppm, swap_count, cause`` (landmark behind the last action that moved its
            price, 0 none); with shares ``shares``, a stable pool ``amplification, scales``; a pool of ranges ``sqrt_price, liquidity`` (active),
            ``tick_spacing, ticks`` (tick, net, gross).

        Raises
        ------
        InputError
            No such pool.

        Notes
        -----
        O(Newton steps), or O(ticks).
        """
        cdef State* state = self.enter()
        cdef WorldPool* row = world_pool_at(&state.amm, self.pool_number(pool))
        cdef RangePool* ranges
        cdef StablePool* stable
        cdef RangeTick* ticks
        cdef uint32_t i
        told = {"form": _POOL_FORM_NAMES[row.form], "venue": row.venue, "account": row.account,
                "assets": tuple([row.assets[i] for i in range(row.coin_count)]), "balances": gives_amounts(pool_balances(&state.amm, row), row.coin_count),
                "prices": self.pool_prices(row), "swap_count": row.swap_count, "cause": row.cause}
        if row.form == PRODUCT_POOL_FORM:
            return told | {"fee_ppm": product_at(&state.amm, row).fee_ppm, "shares": product_at(&state.amm, row).shares}
        if row.form == STABLE_POOL_FORM:
            stable = stable_at(&state.amm, row)
            return told | {"fee_ppm": stable.fee_ppm, "shares": stable.shares, "amplification": stable.amplification,
                           "scales": gives_amounts(stable.scales, row.coin_count)}
        ranges, ticks = range_at(&state.amm, row), ticks_of(&state.amm, row)
        return told | {"fee_ppm": ranges.fee_ppm, "sqrt_price": pool_integer(wide_joined(ranges.s[0], ranges.s[1])), "liquidity": ranges.liquidity,
                       "tick_spacing": ranges.tick_spacing, "ticks": [(ticks[i].tick, ticks[i].net, ticks[i].gross) for i in range(ranges.tick_count)]}

    def pool_shares(self, account, pool):
        """Return how many shares of a pool an account has; InputError for a pool of ranges. O(log rows)."""
        cdef State* state = self.enter()
        cdef uint32_t pool_ = self.share_pool_number(pool)
        return shares_of(&state.amm, pool_, self.account_number(account))

    def pool_ranges(self, pool):
        """Return the positions of a pool of ranges in their order: (lower, upper, account, liquidity); InputError for one with shares. O(positions)."""
        cdef State* state = self.enter()
        cdef uint32_t pool_ = self.range_pool_number(pool), at
        cdef RangeShare* row
        rows = []
        at = range_share_find(&state.amm, pool_, -RANGE_TICK_MAX, -RANGE_TICK_MAX, 0)
        while at < state.amm.positions.count and range_share_at(&state.amm, at).pool == pool_:
            row = range_share_at(&state.amm, at)
            rows.append((row.lower, row.upper, row.account, row.position.liquidity))
            at += 1
        return rows
