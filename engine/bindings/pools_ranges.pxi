# The pool whose liquidity lies in ranges of prices (rules Z-11 .. Z-14).

from libc.stdlib cimport calloc, free

from engine.native.range_pool cimport *


def sqrt_price_at(tick):
    """The square root of the price at a tick, times 2**96, rounded up (rule Z-11).

    Parameters
    ----------
    tick : int
        -400,000 .. 400,000; the price is 1.0001**tick atoms of coin 1 per atom of coin 0.

    Returns
    -------
    int
        Below 2**125.

    Raises
    ------
    InputError
        No tick.

    Notes
    -----
    O(1). The numbers are those of Uniswap v3 (TickMath.sol).

    Examples
    --------
    >>> from engine._core import sqrt_price_at
    >>> sqrt_price_at(0) == 2**96, sqrt_price_at(50)
    (True, 79426470787362580746886972461)
    """
    return pool_integer(range_sqrt(border_int(tick, "tick", -RANGE_TICK_MAX, RANGE_TICK_MAX)))


cdef int fill_ranges(RangePool* pool, object sqrt_price, object fee_ppm, object tick_spacing) except -1:
    """Check what an empty pool is made of, and write it."""
    cdef object low = pool_integer(range_sqrt(-RANGE_TICK_MAX)), high = pool_integer(range_sqrt(RANGE_TICK_MAX))
    try:
        number = -1 if isinstance(sqrt_price, bool) else sqrt_price.__index__()
    except (AttributeError, TypeError):      # an array of one float has __index__, and it raises
        number = -1
    if not low <= number <= high:
        raise bad_input("sqrt_price", f"an integer between {low} and {high}", sqrt_price)
    pool.s[0], pool.s[1] = number & 0xFFFFFFFFFFFFFFFF, number >> 64
    pool.fee_ppm = border_int(fee_ppm, "fee_ppm", 0, POOL_FEE_PPM_MAX)
    pool.tick_spacing = border_int(tick_spacing, "tick_spacing", 1, RANGE_SPACING_MAX)
    return 0


cdef int border_range(object lower, object upper, int64_t spacing, int64_t* low, int64_t* high) except -1:
    """The two ticks of a range (Z-14)."""
    low[0] = border_int(lower, "lower", -RANGE_TICK_MAX, RANGE_TICK_MAX)
    high[0] = border_int(upper, "upper", -RANGE_TICK_MAX, RANGE_TICK_MAX)
    if floor_div(low[0], spacing) * spacing != low[0]:
        raise bad_input("lower", f"a multiple of {spacing}, the tick spacing", low[0])
    if floor_div(high[0], spacing) * spacing != high[0]:
        raise bad_input("upper", f"a multiple of {spacing}, the tick spacing", high[0])
    if low[0] >= high[0]:
        raise bad_input("upper", f"more than {low[0]}, the lower tick", high[0])
    return 0


cdef tuple range_ratio(RangePool* pool, int sold):
    """The marginal price of Z-4 at the square root that the pool keeps."""
    square = pool_integer(wide_joined(pool.s[0], pool.s[1])) ** 2
    return pool_ratio(1 << 192, square) if sold else pool_ratio(square, 1 << 192)


@cython.final
cdef class ConcentratedPool:
    """Two coins, the liquidity of each owner in ranges of prices (rules Z-11 .. Z-14; Uniswap v3).

    Parameters
    ----------
    sqrt_price : int
        Square root of the first price times 2**96, within those of the outermost ticks (`sqrt_price_at`).
    fee_ppm : int
        Fee of a swap, ppm of the amount sold, 0 .. 100,000.
    tick_spacing : int
        Ranges begin and end at multiples of it, 1 .. 16,384.

    Examples
    --------
    >>> from engine._core import ConcentratedPool, sqrt_price_at
    >>> pool = ConcentratedPool(sqrt_price_at(0), fee_ppm=500, tick_spacing=10)
    >>> pool.add(-100, 100, 1_000_000_000)
    ShareOutcome(shares=1000000000, amounts=(4987273, 4987273), fees=(0, 0), reason=0)
    >>> pool.swap(0, 1, 1_000_000)
    SwapOutcome(amount_in=1000000, amount_out=998501, fee=500, reason=0)
    >>> pool.swap(0, 1, 10_000_000).reason      # PoolReason.BEYOND_POOL
    2
    >>> pool.remove(-100, 100, 1_000_000_000)
    ShareOutcome(shares=1000000000, amounts=(5986772, 3988770), fees=(499, 0), reason=0)
    """

    cdef RangePool pool
    cdef RangeTick* ticks
    cdef Slab held                 # RangePosition
    cdef dict slots                # (lower, upper, owner) -> slot of `held`

    def __cinit__(self, sqrt_price, fee_ppm=3_000, tick_spacing=60):
        slab_init(&self.held, sizeof(RangePosition), 0)
        self.slots = {}
        fill_ranges(&self.pool, sqrt_price, fee_ppm, tick_spacing)
        self.ticks = <RangeTick*>calloc(RANGE_TICKS_MAX, sizeof(RangeTick))
        if self.ticks == NULL:
            raise MemoryError("ConcentratedPool: no memory")

    def __dealloc__(self):
        free(self.ticks)
        slab_release(&self.held)

    @property
    def fee_ppm(self):
        """Fee of a swap, ppm."""
        return self.pool.fee_ppm

    @property
    def tick_spacing(self):
        """What ranges begin and end at multiples of."""
        return self.pool.tick_spacing

    @property
    def sqrt_price(self):
        """Square root of the price now, times 2**96."""
        return pool_integer(wide_joined(self.pool.s[0], self.pool.s[1]))

    @property
    def balances(self):
        """Atoms held, by coin, unpaid fees included."""
        return (self.pool.balances[0], self.pool.balances[1])

    @property
    def liquidity(self):
        """Liquidity of the ranges that hold the price."""
        return self.pool.liquidity

    cdef int range_of(self, object lower, object upper, object owner, int64_t* low, int64_t* high, int64_t* whose) except -1:
        border_range(lower, upper, self.pool.tick_spacing, low, high)
        whose[0] = border_int(owner, "owner", 0, 0x7FFFFFFF)
        return 0

    def quote(self, sold, bought, amount_in):
        """What `swap` would give now. Nothing is changed.

        Parameters
        ----------
        sold, bought : int
            The two coins, by number.
        amount_in : int
            Atoms of the coin sold, fee included, 1 .. 2**61.

        Returns
        -------
        SwapOutcome
            With the reason where the swap would be refused.

        Raises
        ------
        InputError
            An argument that no state of the pool could accept.

        Notes
        -----
        O(ticks crossed).
        """
        cdef int first = 0, second = 0, reason
        cdef SwapGives gives
        memset(&gives, 0, sizeof(gives))
        pool_pair(sold, bought, 2, &first, &second)
        reason = range_quote(&self.pool, self.ticks, first, border_int(amount_in, "amount_in", 1, POOL_AMOUNT_MAX), &gives)
        return swap_outcome(reason, &gives)

    def swap(self, sold, bought, amount_in, *, amount_out_min=0):
        """Sell an amount of one coin for another.

        Parameters
        ----------
        sold, bought : int
            The two coins, by number.
        amount_in : int
            Atoms of the coin sold, fee included, 1 .. 2**61.
        amount_out_min : int
            Atoms of the coin bought; a swap that gives fewer is refused.

        Returns
        -------
        SwapOutcome
            What was taken and paid, or the reason why nothing was.

        Raises
        ------
        InputError
            An argument that no state of the pool could accept.

        Notes
        -----
        O(ticks crossed).
        """
        cdef int first = 0, second = 0, reason
        cdef int64_t amount, minimum = border_int(amount_out_min, "amount_out_min", 0, POOL_AMOUNT_MAX)
        cdef SwapGives gives
        memset(&gives, 0, sizeof(gives))
        pool_pair(sold, bought, 2, &first, &second)
        amount = border_int(amount_in, "amount_in", 1, POOL_AMOUNT_MAX)
        reason = range_swap(&self.pool, self.ticks, first, amount, minimum, &gives)
        return swap_outcome(reason, &gives)

    def add(self, lower, upper, liquidity, owner=0):
        """Add liquidity to an owner's range (rule Z-14).

        Parameters
        ----------
        lower, upper : int
            Ticks, multiples of the spacing; active where the price is at or above the one and below the other.
        liquidity : int
            1 .. 2**61.
        owner : int
            Whose, 0 .. 2**31 - 1.

        Returns
        -------
        ShareOutcome
            The amounts taken, rounded up.

        Raises
        ------
        InputError
            An argument that no state of the pool could accept.

        Notes
        -----
        O(ticks).
        """
        cdef int64_t low = 0, high = 0, whose = 0, added
        cdef ShareGives gives
        cdef slot_t slot
        cdef int reason
        self.range_of(lower, upper, owner, &low, &high, &whose)
        added = border_int(liquidity, "liquidity", 1, POOL_AMOUNT_MAX)
        key = (low, high, whose)
        slot = self.slots.get(key, NIL)
        memset(&gives, 0, sizeof(gives))
        if slot == NIL:
            if slab_reserve(&self.held, 1):
                raise MemoryError("ConcentratedPool.add: no memory")
            slot = slab_take(&self.held)
            memset(slab_at(&self.held, slot), 0, sizeof(RangePosition))
        reason = range_add(&self.pool, self.ticks, low, high, added, <RangePosition*>slab_at(&self.held, slot), &gives)
        if reason == POOL_NONE:
            self.slots[key] = slot
        elif key not in self.slots:
            slab_give(&self.held, slot)
        return share_outcome(reason, &gives, 2)

    def remove(self, lower, upper, liquidity, owner=0):
        """Take liquidity out of an owner's range, with all its fees (rule Z-14).

        Parameters
        ----------
        lower, upper, owner : int
            As for `add`.
        liquidity : int
            0 .. 2**61; 0 takes the fees alone.

        Returns
        -------
        ShareOutcome
            The amounts paid, rounded down, and the fees paid beside them.

        Raises
        ------
        InputError
            An argument that no state of the pool could accept.

        Notes
        -----
        O(ticks).
        """
        cdef int64_t low = 0, high = 0, whose = 0, removed
        cdef ShareGives gives
        cdef RangePosition* position
        cdef slot_t slot
        cdef int reason = POOL_SHARES_SHORT
        self.range_of(lower, upper, owner, &low, &high, &whose)
        removed = border_int(liquidity, "liquidity", 0, POOL_AMOUNT_MAX)
        key = (low, high, whose)
        slot = self.slots.get(key, NIL)
        memset(&gives, 0, sizeof(gives))
        if slot != NIL:
            position = <RangePosition*>slab_at(&self.held, slot)
            reason = range_remove(&self.pool, self.ticks, low, high, removed, position, &gives)
            if position.liquidity == 0:
                del self.slots[key]
                slab_give(&self.held, slot)
        return share_outcome(reason, &gives, 2)

    def price(self, sold, bought):
        """The marginal price without fee, as an exact ratio (rule Z-4).

        Parameters
        ----------
        sold, bought : int
            The two coins, by number.

        Returns
        -------
        tuple of int, or None
            Atoms bought per atom sold: numerator and denominator, in lowest terms; None for a pool without a price.

        Raises
        ------
        InputError
            No such coins.

        Notes
        -----
        O(1).
        """
        cdef int first = 0, second = 0
        pool_pair(sold, bought, 2, &first, &second)
        return range_ratio(&self.pool, first)

    def invariant(self):
        """The liquidity of the ranges that hold the price. A swap within its ticks does not change it."""
        return self.pool.liquidity

    def digest(self):
        """64 bits of the pool's state (rule Z-15)."""
        cdef uint64_t h = range_digest_pool(&self.pool, self.ticks)
        for key in sorted(self.slots):
            h = range_digest_position(h, key[0], key[1], key[2], <RangePosition*>slab_at(&self.held, self.slots[key]))
        return digest_word(h, RANGE_DIGEST_END)
