# The pool of coins that should be worth the same (rules Z-7 .. Z-10).

from engine.native.stable_pool cimport *


cdef object stable_ratio(StablePool* pool, int first, int second):
    """Atoms of the second coin for one of the first at the margin, as an exact ratio (Z-4, Z-8); None for an empty pool."""
    cdef int64_t d = 0
    cdef int64_t rising[POOL_COINS_MAX]
    cdef StableCoins coins
    cdef u128_t term = 0
    cdef int k
    if pool.shares == 0:
        return None
    stable_coins(pool, &coins)
    for k in range(coins.count):
        rising[k] = coins.x[k]
    stable_sort(rising, coins.count)
    if stable_invariant(&coins, &d) or stable_term(rising, coins.count, d, &term):
        raise _invariant_error("Z-7: D does not converge")
    # Slopes of the curve, ann + term / x, each over the common denominator x * y.
    x, y, ann, more = <object>coins.x[first], <object>coins.x[second], <object>coins.ann, pool_integer(term)
    return pool_ratio(y * (ann * x + more) * pool.scales[first], x * (ann * y + more) * pool.scales[second])


cdef int fill_stable(StablePool* pool, object amplification, object fee_ppm, object scales) except -1:
    """Check what an empty pool is made of, and write it."""
    cdef tuple numbers
    cdef int coin
    pool.amplification = border_int(amplification, "amplification", 1, 1_000_000)
    pool.fee_ppm = border_int(fee_ppm, "fee_ppm", 0, POOL_FEE_PPM_MAX)
    if not isinstance(scales, (list, tuple)):
        raise bad_input("scales", "a list or tuple of 2 to 4 integers", type(scales).__name__)
    numbers = tuple(scales)
    if not 2 <= len(numbers) <= POOL_COINS_MAX:
        raise bad_input("scales", "2 to 4 integers, one for each coin", f"{len(numbers)} of them")
    pool.coin_count = len(numbers)
    for coin in range(pool.coin_count):
        pool.scales[coin] = border_int(numbers[coin], f"scales[{coin}]", 1, 1_000_000_000)
    return 0


@cython.final
cdef class StableSwapPool:
    """Two to four coins that should be worth the same (rules Z-7 .. Z-10; Curve's StableSwap).

    Parameters
    ----------
    amplification : int
        A, 1 .. 1,000,000: how flat the price is around balance.
    fee_ppm : int
        Fee of a swap, ppm of the coin bought, 0 .. 100,000.
    scales : tuple of int
        By coin, 1 .. 10**9: what an atom counts, so that coins of different decimals are in one unit.

    Examples
    --------
    Fifty million of each; thirty million are sold (coins of six decimals):

    >>> from engine._core import StableSwapPool
    >>> pool = StableSwapPool(200, fee_ppm=0)
    >>> pool.add([50_000_000 * 10**6, 50_000_000 * 10**6]).shares
    100000000000000
    >>> pool.swap(0, 1, 30_000_000 * 10**6).amount_out
    29862050862445
    >>> numerator, denominator = pool.price(0, 1)
    >>> round(numerator / denominator, 4)
    0.9859
    """

    cdef StablePool pool

    def __cinit__(self, amplification, fee_ppm=400, scales=(1, 1)):
        fill_stable(&self.pool, amplification, fee_ppm, scales)

    @property
    def amplification(self):
        """A."""
        return self.pool.amplification

    @property
    def fee_ppm(self):
        """Fee of a swap, ppm."""
        return self.pool.fee_ppm

    @property
    def scales(self):
        """What an atom counts, by coin."""
        return tuple([self.pool.scales[coin] for coin in range(self.pool.coin_count)])

    @property
    def balances(self):
        """Atoms held, by coin."""
        return tuple([self.pool.balances[coin] for coin in range(self.pool.coin_count)])

    @property
    def shares(self):
        """All shares; 0 for an empty pool."""
        return self.pool.shares

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
        O(Newton steps).
        """
        cdef int first = 0, second = 0, reason
        cdef SwapGives gives
        memset(&gives, 0, sizeof(gives))
        pool_pair(sold, bought, self.pool.coin_count, &first, &second)
        reason = stable_quote(&self.pool, first, second, border_int(amount_in, "amount_in", 1, POOL_AMOUNT_MAX), &gives)
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
        O(Newton steps).
        """
        cdef int first = 0, second = 0, reason
        cdef int64_t amount, minimum = border_int(amount_out_min, "amount_out_min", 0, POOL_AMOUNT_MAX)
        cdef SwapGives gives
        memset(&gives, 0, sizeof(gives))
        pool_pair(sold, bought, self.pool.coin_count, &first, &second)
        amount = border_int(amount_in, "amount_in", 1, POOL_AMOUNT_MAX)
        reason = stable_swap(&self.pool, first, second, amount, minimum, &gives)
        return swap_outcome(reason, &gives)

    def add(self, amounts):
        """Add exactly the given amounts, with a fee on what changes the proportion (rule Z-10).

        Parameters
        ----------
        amounts : list of int
            Atoms by coin, 0 .. 2**61, not all 0; the first deposit brings every coin.

        Returns
        -------
        ShareOutcome
            The shares minted, and the fees charged within the amounts.

        Raises
        ------
        InputError
            An argument that no state of the pool could accept.

        Notes
        -----
        O(Newton steps).
        """
        cdef atoms_t given[POOL_COINS_MAX]
        cdef ShareGives gives
        memset(&gives, 0, sizeof(gives))
        pool_amounts(amounts, self.pool.coin_count, given)
        return share_outcome(stable_add(&self.pool, given, &gives), &gives, self.pool.coin_count)

    def remove(self, shares):
        """Burn shares for their part of every balance, rounded down (rule Z-10).

        Parameters
        ----------
        shares : int
            1 .. 2**61.

        Returns
        -------
        ShareOutcome
            The amounts paid.

        Raises
        ------
        InputError
            An argument that no state of the pool could accept.

        Notes
        -----
        O(coins).
        """
        cdef ShareGives gives
        memset(&gives, 0, sizeof(gives))
        return share_outcome(stable_remove(&self.pool, border_int(shares, "shares", 1, POOL_AMOUNT_MAX), &gives), &gives,
                             self.pool.coin_count)

    def remove_one(self, shares, coin):
        """Burn shares for one coin alone, with a fee on what changes the proportion (rule Z-10).

        Parameters
        ----------
        shares : int
            1 .. 2**61; all of them are refused.
        coin : int
            The coin that is paid.

        Returns
        -------
        ShareOutcome
            The amount paid, 0 for the other coins.

        Raises
        ------
        InputError
            An argument that no state of the pool could accept.

        Notes
        -----
        O(Newton steps).
        """
        cdef ShareGives gives
        cdef int64_t burnt = border_int(shares, "shares", 1, POOL_AMOUNT_MAX)
        cdef int number = <int>border_int(coin, "coin", 0, self.pool.coin_count - 1)
        memset(&gives, 0, sizeof(gives))
        return share_outcome(stable_remove_one(&self.pool, burnt, number, &gives), &gives, self.pool.coin_count)

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
        O(Newton steps).
        """
        cdef int first = 0, second = 0
        pool_pair(sold, bought, self.pool.coin_count, &first, &second)
        return stable_ratio(&self.pool, first, second)

    def invariant(self):
        """D in scaled units, by Newton (rule Z-7); 0 for an empty pool. The exact D never falls by a swap."""
        cdef StableCoins coins
        cdef int64_t d = 0
        if self.pool.shares == 0:
            return 0
        stable_coins(&self.pool, &coins)
        if stable_invariant(&coins, &d):
            raise _invariant_error("Z-7: D does not converge", repr(self.balances))
        return d

    def digest(self):
        """64 bits of the pool's state (rule Z-15)."""
        return stable_digest(&self.pool)
