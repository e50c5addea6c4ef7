# Pools: what their commands give back, and the constant product (rules Z-1 .. Z-6). Each pool stands alone; a world has its own.

from math import gcd as _gcd

from libc.string cimport memset

from engine.native.amm_math cimport *
from engine.native.product_pool cimport *


@cython.final
@cython.freelist(64)
cdef class SwapOutcome:
    """What a swap gives, or why it is refused (rule Z-2).

    Attributes
    ----------
    amount_in, amount_out : int
        Atoms taken, fee included, and atoms paid; 0 when refused.
    fee : int
        What the fee took: atoms of the coin sold (`StableSwapPool`: of the coin bought).
    reason : int
        A `PoolReason`; 0 when accepted. A refused command changed nothing.
    """

    cdef readonly int64_t amount_in
    cdef readonly int64_t amount_out
    cdef readonly int64_t fee
    cdef readonly int reason

    @property
    def accepted(self):
        """Whether the swap is, or would be, carried out."""
        return self.reason == POOL_NONE

    def __repr__(self):
        return f"SwapOutcome(amount_in={self.amount_in}, amount_out={self.amount_out}, fee={self.fee}, reason={self.reason})"


@cython.final
cdef class ShareOutcome:
    """What shares were minted or burnt for, or why not (rule Z-2).

    Attributes
    ----------
    shares : int
        Shares (`ConcentratedPool`: liquidity) minted or burnt; 0 when refused.
    amounts : tuple of int
        Atoms taken or paid, by coin; empty when refused.
    fees : tuple of int
        By coin: what an uneven change was charged, within `amounts` (`StableSwapPool`), or what was earned and is paid beside
        them (`ConcentratedPool`).
    reason : int
        A `PoolReason`; 0 when accepted. A refused command changed nothing.
    """

    cdef readonly int64_t shares
    cdef readonly tuple amounts
    cdef readonly tuple fees
    cdef readonly int reason

    @property
    def accepted(self):
        """Whether the command was carried out."""
        return self.reason == POOL_NONE

    def __repr__(self):
        return f"ShareOutcome(shares={self.shares}, amounts={self.amounts}, fees={self.fees}, reason={self.reason})"


cdef inline SwapOutcome swap_outcome(int reason, SwapGives* gives):
    cdef SwapOutcome outcome = SwapOutcome.__new__(SwapOutcome)
    outcome.reason = reason
    if reason == POOL_NONE:
        outcome.amount_in, outcome.amount_out, outcome.fee = gives.amount_in, gives.amount_out, gives.fee
    return outcome


cdef ShareOutcome share_outcome(int reason, ShareGives* gives, int coin_count):
    cdef ShareOutcome outcome = ShareOutcome.__new__(ShareOutcome)
    cdef int coin
    outcome.reason, outcome.amounts, outcome.fees = reason, (), ()
    if reason == POOL_NONE:
        outcome.shares = gives.shares
        outcome.amounts = tuple([gives.amounts[coin] for coin in range(coin_count)])
        outcome.fees = tuple([gives.fees[coin] for coin in range(coin_count)])
    return outcome


# The two coins of a swap or a price, which differ.
cdef int pool_pair(object sold, object bought, int coin_count, int* first, int* second) except -1:
    first[0] = <int>border_int(sold, "sold", 0, coin_count - 1)
    second[0] = <int>border_int(bought, "bought", 0, coin_count - 1)
    if first[0] == second[0]:
        raise bad_input("bought", f"another coin than {first[0]}, the one sold", second[0])
    return 0


# One amount for each coin, at least one of them above 0.
cdef int pool_amounts(object amounts, int coin_count, atoms_t* out) except -1:
    cdef tuple numbers
    cdef int coin
    cdef bint any_given = False
    if not isinstance(amounts, (list, tuple)):
        raise bad_input("amounts", f"a list or tuple of {coin_count} integers", type(amounts).__name__)
    numbers = tuple(amounts)          # a copy: what an entry's __index__ may do to a list does not matter any more
    if len(numbers) != coin_count:
        raise bad_input("amounts", f"{coin_count} integers, one for each coin", f"{len(numbers)} of them")
    for coin in range(coin_count):
        out[coin] = border_int(numbers[coin], f"amounts[{coin}]", 0, POOL_AMOUNT_MAX)
        any_given = any_given or out[coin] > 0
    if not any_given:
        raise bad_input("amounts", "at least one amount above 0", "only zeros")
    return 0


cdef object pool_integer(u128_t number):
    return (<object>wide_high(number) << 64) | wide_low(number)


cdef tuple pool_ratio(object numerator, object denominator):
    """A ratio in lowest terms (Z-4)."""
    common = _gcd(numerator, denominator)
    return numerator // common, denominator // common


@cython.final
cdef class ConstantProductPool:
    """Two coins whose balances' product a swap does not change, but for the fee that stays (rules Z-5, Z-6; Uniswap v2).

    Parameters
    ----------
    fee_ppm : int
        Fee of a swap, ppm of the amount sold, 0 .. 100,000.

    Examples
    --------
    >>> from engine._core import ConstantProductPool
    >>> pool = ConstantProductPool(fee_ppm=3_000)
    >>> pool.add([1_000_000, 2_000_000]).shares
    1413213
    >>> pool.swap(0, 1, 10_000)
    SwapOutcome(amount_in=10000, amount_out=19743, fee=30, reason=0)
    >>> pool.price(0, 1), pool.balances
    ((1980257, 1010000), (1010000, 1980257))
    """

    cdef ProductPool pool

    def __cinit__(self, fee_ppm=3_000):
        self.pool.fee_ppm = border_int(fee_ppm, "fee_ppm", 0, POOL_FEE_PPM_MAX)

    @property
    def fee_ppm(self):
        """Fee of a swap, ppm."""
        return self.pool.fee_ppm

    @property
    def balances(self):
        """Atoms held, by coin."""
        return (self.pool.balances[0], self.pool.balances[1])

    @property
    def shares(self):
        """All shares, the 1,000 locked ones included; 0 for an empty pool."""
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
        O(1).
        """
        cdef int first = 0, second = 0, reason
        cdef SwapGives gives
        memset(&gives, 0, sizeof(gives))
        pool_pair(sold, bought, 2, &first, &second)
        reason = product_quote(&self.pool, first, second, border_int(amount_in, "amount_in", 1, POOL_AMOUNT_MAX), &gives)
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
        O(1).
        """
        cdef int first = 0, second = 0, reason
        cdef int64_t amount, minimum = border_int(amount_out_min, "amount_out_min", 0, POOL_AMOUNT_MAX)
        cdef SwapGives gives
        memset(&gives, 0, sizeof(gives))
        pool_pair(sold, bought, 2, &first, &second)
        amount = border_int(amount_in, "amount_in", 1, POOL_AMOUNT_MAX)
        reason = product_swap(&self.pool, first, second, amount, minimum, &gives)
        return swap_outcome(reason, &gives)

    def add(self, amounts):
        """Add at most the given amounts, in the proportion of the pool; the first deposit sets it (rule Z-6).

        Parameters
        ----------
        amounts : list of int
            Atoms by coin, 0 .. 2**61, not all 0.

        Returns
        -------
        ShareOutcome
            The shares minted, and the amounts taken for them.

        Raises
        ------
        InputError
            An argument that no state of the pool could accept.

        Notes
        -----
        O(1).
        """
        cdef atoms_t given[POOL_COINS_MAX]
        cdef ShareGives gives
        memset(&gives, 0, sizeof(gives))
        pool_amounts(amounts, 2, given)
        return share_outcome(product_add(&self.pool, given, &gives), &gives, 2)

    def remove(self, shares):
        """Burn shares for their part of both balances, rounded down (rule Z-6).

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
        O(1).
        """
        cdef ShareGives gives
        memset(&gives, 0, sizeof(gives))
        return share_outcome(product_remove(&self.pool, border_int(shares, "shares", 1, POOL_AMOUNT_MAX), &gives), &gives, 2)

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
        return pool_ratio(self.pool.balances[second], self.pool.balances[first]) if self.pool.shares else None

    def invariant(self):
        """The product of the balances, atoms squared. It never falls by a swap."""
        return <object>self.pool.balances[0] * <object>self.pool.balances[1]

    def digest(self):
        """64 bits of the pool's state (rule Z-15)."""
        return product_digest(&self.pool)
