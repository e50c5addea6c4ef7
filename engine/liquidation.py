"""Presets of liquidation policies: the free one, and those of venues, each with its source.

Stands on `engine.policy`. What a venue does not publish, or what we could not verify, is a parameter here and
called unverified; `docs/liquidation.md` has the differences in one table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.policy import Policy
from engine.schedules import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.policy import Duration, Rule
    from engine.units import Amount

__all__ = [
    "POLICIES",
    "Policy",
    "binance_futures",
    "binance_portfolio_margin",
    "bybit",
    "dydx",
    "hyperliquid",
    "noted",
    "okx",
    "plain",
    "policy_named",
    "staged",
]


def staged(
    stage: Amount = "0.25",
    stage_lots_min: int = 1,
    every: Duration = "1s",
    *,
    band: Amount | None = None,
    adl: Rule = None,
    takes_over: bool = False,
    takeover: Amount | None = None,
    **more: Any,
) -> Policy:
    """Return the free policy: shares of a position at a cadence, and what you say of the rest.

    Parameters
    ----------
    stage : number
        Share of a position that a step closes.
    stage_lots_min : int
        Least lots of a step.
    every : int or str
        Time between steps.
    band : number, optional
        Orders with a limit so far from the mark, as a share; without it market orders.
    adl : str or callable, optional
        Rule of auto-deleveraging.
    takes_over : bool
        The insurance fund, or a declared backstop, takes positions over.
    takeover : number, optional
        Share of the requirement below which that is due; left out it is 0, equity below 0, if something then happens.
    **more
        Other fields of `Policy`.

    Returns
    -------
    Policy

    Raises
    ------
    InputError
        What `Policy` refuses.

    Notes
    -----
    O(1). Source: X-4 .. X-6.

    Examples
    --------
    A long of 100 lots at the mark of 100: the first step sells ceil(100 * 0.10) = 10 at 99 or better.

    >>> staged("0.10", every="500ms", band="0.01", adl="pnl")
    Policy(stage=0.10, every=500, order='band', band=0.01, takeover=0, adl='pnl')
    """
    due = more.get("steps_most") or more.get("tier_least")
    if takeover is None and (adl is not None or takes_over) and not due:
        takeover = 0
    if band is not None:
        more = {"order": "band", "band": band, **more}
    return Policy(
        stage=stage,
        stage_lots_min=stage_lots_min,
        every=every,
        adl=adl,
        takes_over=takes_over,
        takeover=takeover,
        **more,
    )


def plain() -> Policy:
    """Return the policy of a venue that declares none: a quarter of a position each second, as market orders.

    No takeover, no auto-deleveraging; the insurance fund, if it has money, pays before bad debt.

    Notes
    -----
    O(1). Source: X-4.

    Examples
    --------
    >>> plain() == Policy() == staged()
    True
    """
    return Policy()


def noted() -> Policy:
    """Return the policy that sends nothing: who would be liquidated is noted as a landmark.

    Notes
    -----
    O(1). Source: X-4.

    Examples
    --------
    >>> noted()
    Policy(stage=0)
    """
    return Policy(stage=0)


def binance_futures(*, fee: Amount = "0.005", every: Duration = 1) -> Policy:
    """Return the policy of Binance futures: one order at the bankruptcy price, then the fund, then auto-deleveraging.

    All orders go; one immediate-or-cancel order, sized to reach a lower maintenance tier, pays the clearance fee; what
    is left goes to the insurance fund at the bankruptcy price, and what that cannot bear is auto-deleveraged at it.

    Parameters
    ----------
    fee : number
        Clearance fee. Unverified: a rate for each contract, 0.2 % to 1.25 % where we saw it.
    every : int or str
        Time from the order to the takeover. Unverified.

    Notes
    -----
    O(1). Source: the venue's pages on its liquidation protocol and on auto-deleveraging.

    Examples
    --------
    A long of 10 BTC at 120,000 with 60,000: its order is a sale at 114,000 or better, its bankruptcy price, of as much
    as takes its notional out of the tier; what is left goes to the fund at 114,000.

    >>> from engine.margin import bankruptcy_price
    >>> str(bankruptcy_price(10, 120_000, 60_000))
    '114000'
    >>> policy = binance_futures()
    >>> policy.size, policy.order, policy.steps_most, policy.adl, policy.close
    ('tier', 'bankruptcy', 1, 'binance', 'bankruptcy')
    """
    return Policy(
        every=every,
        size="tier",
        order="bankruptcy",
        steps_most=1,
        takes_over=True,
        fee=fee,
        adl="binance",
        cancels_orders=True,
    )


def binance_portfolio_margin(
    *, fee: Amount = "0.005", every: Duration = 1, sells: Any = "haircut_liquidity", sell_order: Any = ()
) -> Policy:
    """Return the policy of Binance Portfolio Margin: that of its futures, after assets were sold for what is owed.

    Parameters
    ----------
    fee, every
        As for `binance_futures`.
    sells, sell_order
        Which assets go first. Unverified: the venue publishes no order.

    Notes
    -----
    O(1). Source: the venue's rules of Portfolio Margin; X-13.

    Examples
    --------
    >>> binance_portfolio_margin(sells="pro_rata").sells
    'pro_rata'
    """
    return binance_futures(fee=fee, every=every).but(sells=sells, sell_order=tuple(sell_order))


def bybit(*, every: Duration = 1000, takeover: Amount = 0) -> Policy:
    """Return the policy of Bybit: down the ladder of risk limits, a fill-or-kill order each; the lowest is taken over.

    Parameters
    ----------
    every : int or str
        Time between orders. Unverified.
    takeover : number
        Share of the requirement below which the rest is taken over though its tier is higher. Unverified; 0: when
        nothing is left.

    Notes
    -----
    O(1). Source: the venue's help pages on liquidation and on auto-deleveraging. Not modelled: that a risk limit is
    lowered before orders are cancelled, and that a fall of the fund by itself begins auto-deleveraging.

    Examples
    --------
    A position of 2.5 M in tiers that begin at 0, 1 M and 2 M: the first order brings it just below 2 M, the second just
    below 1 M, and what is then in the first tier is taken over.

    >>> policy = bybit()
    >>> policy.size, policy.tiers_down, policy.is_fok, policy.tier_least, policy.adl
    ('tier', 1, True, 2, 'bybit')
    """
    return Policy(
        every=every,
        size="tier",
        order="bankruptcy",
        is_fok=True,
        takeover=takeover,
        tier_least=2,
        takes_over=True,
        adl="bybit",
    )


def okx(*, every: Duration = "1min", takeover: Amount = 0, adl: Rule = "bybit") -> Policy:
    """Return the policy of OKX: two tiers down at a time, looked at again after a minute; tiers 1 and 2 are taken over.

    Parameters
    ----------
    every : int or str
        Time between orders; about a minute.
    takeover : number
        Share of the requirement below which the rest is taken over. Unverified; 0: when nothing is left. The venue
        compares with the requirement of tier 1.
    adl : str or callable
        Rule of auto-deleveraging. Unverified: profit rate times leverage.

    Notes
    -----
    O(1). Source: the venue's help pages on multi-currency margin. Unverified: that orders are at the bankruptcy price.
    Not modelled: that a long and a short are netted first.

    Examples
    --------
    A position in tier 5: to tier 3, a minute later to tier 1, which is then taken over.

    >>> policy = okx()
    >>> policy.every, policy.tiers_down, policy.tier_least
    (60000, 2, 3)
    """
    return Policy(
        every=every,
        size="tier",
        tiers_down=2,
        order="bankruptcy",
        takeover=takeover,
        tier_least=3,
        takes_over=True,
        adl=adl,
    )


def hyperliquid(*, every: Duration = "1s", adl: Rule = "hyperliquid", backstop_least: Amount = 0) -> Policy:
    """Return the policy of Hyperliquid: market orders, takeover below two thirds, auto-deleveraging at mark, no fee.

    Of a position worth more than 100,000 only 20 % go first; for 30 s after that every order is for all of it. Below
    2/3 of the requirement the liquidator vault takes all over; declare it with `Simulation.backstop`, with capital of
    its own, else the insurance fund stands in for it. A vault worth less than `backstop_least` is relieved of all it
    holds.

    Parameters
    ----------
    every : int or str
        Time between orders. Unverified.
    adl : str or callable
        ``"hyperliquid"``: as its documents write it; ``"hyperliquid_adjusted"``: a short's profit ratio the other way
        round, so that it grows with the profit.
    backstop_least : number
        Worth of the vault below which it is relieved, money. Unverified.

    Notes
    -----
    O(1). Source: the venue's documentation of liquidations and auto-deleveraging, its announcement of March 2025 on the
    vault's cap. 2/3 is 0.666667.

    Examples
    --------
    A long of 10 BTC at 120,000, 60,000 in the account, rate 1.25 %: first order below 115,443.04, takeover below
    114,957.98; at most 0.42 % of the price lie between them.

    >>> from engine.margin import liquidation_price
    >>> for rate in ("1/80", "1/120"):
    ...     print(round(float(liquidation_price(10, 120_000, 60_000, rate)), 2))
    115443.04
    114957.98
    """
    return Policy(
        stage="0.20",
        every=every,
        large=100_000,
        whole_for=30_000,
        takeover="0.666667",
        takes_over=True,
        adl=adl,
        close="mark",
        backstop_least=backstop_least,
    )


def dydx(*, every: Duration = "1s", takeover: Amount = 0) -> Policy:
    """Return the policy of dYdX v4: orders at the fillable price, a fund with a limit, unranked deleveraging.

    At most 10 % of a position and 100,000 each block, at least 1,000; the fee of at most 1.5 % goes to the fund, which
    pays at most 1 M for each liquidation; nobody takes over, what the fund cannot pay is deleveraged at bankruptcy.

    Parameters
    ----------
    every : int or str
        Time of a block. Unverified.
    takeover : number
        Share of the requirement below which it is deleveraged; 0: with equity below 0.

    Notes
    -----
    O(1). Source: the chain's subaccounts and clob modules; the numbers are those of its testing genesis file, the
    chain's own may differ. Not modelled: a limit for each block instead of each liquidation.

    Examples
    --------
    At the oracle's 100, a rate of 1.2 % and half of what is required, it sells at 99.10 or better.

    >>> from engine.bankruptcy import fillable_price
    >>> float(fillable_price(1, 100, "0.012", "0.5", spread=dydx().spread))
    99.1
    """
    return Policy(
        stage="0.10",
        every=every,
        step_least=1_000,
        step_most=100_000,
        order="fillable",
        spread="1.5",
        takeover=takeover,
        fee="0.015",
        fund_most=1_000_000,
        adl="unranked",
    )


POLICIES: dict[str, Callable[[], Policy]] = {
    "plain": plain,
    "noted": noted,
    "staged": staged,
    "binance-futures": binance_futures,
    "binance-portfolio-margin": binance_portfolio_margin,
    "bybit": bybit,
    "okx": okx,
    "hyperliquid": hyperliquid,
    "dydx": dydx,
}


def policy_named(name: object, field: str = "liquidation") -> Policy:
    """Return a venue's policy by its name.

    Parameters
    ----------
    name : str
        A name of `POLICIES`.
    field : str
        What it is called in an error.

    Returns
    -------
    Policy

    Raises
    ------
    InputError
        There is none of that name.

    Notes
    -----
    O(1).

    Examples
    --------
    >>> policy_named("okx").tiers_down
    2
    """
    return named(POLICIES, field, name)()
