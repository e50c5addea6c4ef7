"""A synthetic dollar: the agent that hedges its backing, and the one that holds its price at what it is worth.

Stands on `engine.agents`; the issuer itself is the core's (section I). The backing of a dollar is a coin and as much of
it sold as a perpetual, so that it keeps its value whatever the coin's price does, and earns what longs pay in funding::

    value = cash + spot lots * mark + perpetual lots * mark - cost          spot + perpetual = 0: the mark drops out

What auto-deleveraging takes of the short breaks that: with n lots of the coin left naked, a fall by d loses n * d.

Promises: an agent sees its own account, the books and the public counts of its issuer, and acts over its links.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.agents import Agent
from engine.declared import Asset, Market, share_ppm
from engine.errors import InputError
from engine.issuance import Issuer
from engine.schedules import ONE_PPM, whole
from engine.types import Side

if TYPE_CHECKING:
    from engine._core import ActionNotice, AgentNotice, Context
    from engine.units import Amount

__all__ = ["Backing", "MintArbitrageur", "SyntheticDollar"]

HOUR_MS = 3_600_000
BY_ADL = 2  # reason of a transfer (L-14)
PPB = 10**9
_MS_MOST = 2**41
_LOTS_MOST = 2**61


@dataclass(frozen=True)
class Backing:
    """What stands behind a synthetic dollar at one moment, atoms of the backing asset at the perpetual's mark.

    Parameters
    ----------
    cash, coin, unrealised : int
        Balance of the backing asset, value of the coin, unrealised PnL of the perpetual.
    spot_lots, perp_lots : int
        The coin, rounded down, and the position (below 0: short).
    liabilities : int
        What the tokens in being are worth at the issuer's rate.
    """

    cash: int
    coin: int
    unrealised: int
    spot_lots: int
    perp_lots: int
    liabilities: int

    @property
    def value(self) -> int:
        """All of it."""
        return self.cash + self.coin + self.unrealised

    @property
    def surplus(self) -> int:
        """What is there beyond the liabilities; below 0: the dollar is not backed."""
        return self.value - self.liabilities


def base_of(market: object, field: str, quote: Asset | None = None) -> Asset:
    """Return the base asset of a spot market, against a quote asset if one is named; refuse anything else."""
    if not isinstance(market, Market) or market.base is None or quote not in (None, market.quote):
        raise InputError(field, "a spot market" + (f" against {quote.name}" if quote else ""), market)
    return market.base


def _settles_in(perp: object, asset: Asset) -> bool:
    return isinstance(perp, Market) and perp.base is None and perp.quote == asset


def bounded_ticks(touch: int, side: Side, slippage_ppm: int) -> int:
    """Return the worst price that an order may trade at: so far beyond the touch that it meets, 1 at least.

    Examples
    --------
    >>> from engine import Side
    >>> bounded_ticks(1_000, Side.BUY, 5_000), bounded_ticks(1_000, Side.SELL, 5_000)
    (1005, 995)
    """
    away = touch * slippage_ppm // ONE_PPM
    return min(2**31 - 1, max(1, touch + away if side == Side.BUY else touch - away))


class SyntheticDollar(Agent):
    """Hedge the backing of an issuer: put it on the issuer's account.

    It looks every `every_ms`, and when it hears of its orders. Cash beyond `cash_share` of the liabilities buys the
    coin; what lacks is raised by selling it; whatever coin it has is sold short as the perpetual. So a mint becomes
    coin and short, and a redemption, which takes cash, the reverse. Cash within `band` of its share stays as it is.
    Orders are immediate-or-cancel, `slippage` beyond the touch at worst.

    Every `rewards_every_ms` it looks how its surplus has grown: that is funding, less what trading cost. Of a gain
    `rewards_share` is minted into the vault (I-4), the rest joins the `reserve`; a loss is the reserve's.

    Parameters
    ----------
    issuer : Issuer
        Whose account it trades for; in USDT, say.
    spot, perp : Market
        The coin against the backing asset, and its perpetual that settles in it; lots of one size.
    every_ms : int
        From look to look, ms.
    cash_share : number
        Of the liabilities kept as cash, for redemptions and margin.
    band : number
        How far cash may be from that, as a share of the liabilities.
    slippage : number
        As above, a share.
    lots_most : int
        Most lots of one order.
    reopens : bool
        Whether it sells again what auto-deleveraging took of its short. Else the coin stays naked, and what is sold
        for redemptions is naked coin first.
    rewards_every_ms : int
        From reward to reward, ms; 0: none.
    rewards_share : number
        Of a gain, to the vault; an issuer without a vault keeps all.

    Attributes
    ----------
    reserve : int or None
        Surplus after the last reward, atoms; None until it knows a mark.
    rewarded : int
        Tokens minted into the vault so far.
    naked : int
        Lots of coin that it leaves without a short.
    taken : int
        Lots of its short that auto-deleveraging has taken so far.

    Raises
    ------
    InputError
        Names the argument.
    """

    def __init__(
        self,
        issuer: Issuer,
        spot: Market,
        perp: Market,
        *,
        every_ms: int = 1_000,
        cash_share: Amount = 0,
        band: Amount = "0.0001",
        slippage: Amount = "0.005",
        lots_most: int = _LOTS_MOST,
        reopens: bool = True,
        rewards_every_ms: int = 8 * HOUR_MS,
        rewards_share: Amount = 1,
    ) -> None:
        if not isinstance(issuer, Issuer):
            raise InputError("issuer", "an Issuer", issuer)
        coin = base_of(spot, "spot", issuer.backing)
        if not _settles_in(perp, issuer.backing):
            raise InputError("perp", f"a perpetual that settles in {issuer.backing.name}", perp)
        if perp.quantity.step != spot.quantity.step:
            raise InputError("perp", f"lots of {spot.quantity.step}, as the spot market has", perp.quantity.step)
        if not isinstance(reopens, bool):
            raise InputError("reopens", "True or False", reopens)
        self.issuer, self.spot, self.perp, self.reopens = issuer, spot, perp, reopens
        self.coin, self.atoms_per_lot = coin.number, coin.atoms(spot.quantity.step)
        self.every_ms = whole(every_ms, "every_ms", 1, _MS_MOST)
        self.cash_ppm, self.band_ppm = share_ppm(cash_share, "cash_share"), share_ppm(band, "band")
        self.slippage_ppm = share_ppm(slippage, "slippage")
        self.lots_most = whole(lots_most, "lots_most", 1, _LOTS_MOST)
        self.rewards_every_ms = whole(rewards_every_ms, "rewards_every_ms", 0, _MS_MOST)
        self.rewards_ppm = share_ppm(rewards_share, "rewards_share")
        self.reserve: int | None = None
        self.rewarded = self.naked = self.taken = 0
        self._reward_ms = self._minting = 0

    # ---- what it sees ------------------------------------------------------------------------------------------------

    def backing(self, context: Context) -> Backing | None:
        """Return what stands behind the dollar now, None before the perpetual has a mark. O(1)."""
        mark = context.book(self.perp.number)["mark"]
        if mark is None:
            return None
        told = context.issuer(self.issuer.number)
        lots, cost = context.position(self.perp.number)
        coin = context.balance(self.coin)[0]
        worth = mark * self.perp.atoms_per_tick_lot
        return Backing(
            cash=context.balance(self.issuer.backing.number)[0],
            coin=coin * worth // self.atoms_per_lot,
            unrealised=lots * worth - cost,
            spot_lots=coin // self.atoms_per_lot,
            perp_lots=lots,
            liabilities=told["supply"] * told["rate_ppb"] // PPB,
        )

    # ---- what it is told ---------------------------------------------------------------------------------------------

    def on_start(self, context: Context) -> None:
        """Begin to look."""
        self._reward_ms = context.time_ms + self.rewards_every_ms
        self.on_wake(context)

    def on_wake(self, context: Context) -> None:
        """Pay a reward if one is due, and trade."""
        context.wake_in(self.every_ms)
        self._reward(context)
        self._trade(context)

    def on_fill(self, context: Context, fill: AgentNotice) -> None:
        """Hedge what was bought or sold."""
        if fill.market == self.spot.number and fill.side == Side.SELL:
            self.naked = max(0, self.naked - fill.lots)
        self._trade(context)

    def on_transfer(self, context: Context, transfer: AgentNotice) -> None:
        """Reopen what auto-deleveraging took, or leave it."""
        if transfer.market == self.perp.number and transfer.reason == BY_ADL and transfer.side == Side.BUY:
            self.taken += transfer.lots
            if not self.reopens:
                self.naked += transfer.lots
        self._trade(context)

    def on_action(self, context: Context, notice: ActionNotice) -> None:  # noqa: ARG002
        """Book a reward, or take it back into the reserve if it was refused."""
        if notice.kind != "mint":
            return
        if notice.reason and self.reserve is not None:
            self.reserve += self._minting
        self.rewarded += notice.got
        self._minting = 0

    # ---- what it does ------------------------------------------------------------------------------------------------

    def _reward(self, context: Context) -> None:
        """Divide what the surplus has gained since the last time."""
        now = self.backing(context)
        if now is None:
            return
        if self.reserve is None:
            self.reserve = now.surplus
        if not self.rewards_every_ms or context.time_ms < self._reward_ms or self._minting:
            return
        self._reward_ms += self.rewards_every_ms
        gain = now.surplus - self.reserve
        paid = max(0, gain) * self.rewards_ppm // ONE_PPM if self.issuer.vault is not None else 0
        paid = min(paid, max(0, now.cash))
        self.reserve = now.surplus - paid
        if paid:
            self._minting = paid
            context.send_action("mint", self.issuer.number, paid)

    def _trade(self, context: Context) -> None:
        """Close the gap of the hedge, else move cash to what it should be; one order at a time."""
        if context.orders:
            return
        now = self.backing(context)
        if now is None:
            return
        self.naked = min(self.naked, now.spot_lots)
        gap = now.spot_lots - self.naked + now.perp_lots
        if gap:
            self._send(context, self.perp, Side.SELL if gap > 0 else Side.BUY, abs(gap))
            return
        excess = now.cash - now.liabilities * self.cash_ppm // ONE_PPM
        side = Side.BUY if excess > 0 else Side.SELL
        limit = self._limit(context, self.spot, side)
        if limit is None or abs(excess) <= now.liabilities * self.band_ppm // ONE_PPM:
            return
        worth = limit * self.spot.atoms_per_tick_lot
        lots = excess // worth if excess > 0 else min(-(excess // worth), now.spot_lots)  # enough is raised: rounded up
        if lots:
            self._send(context, self.spot, side, lots)

    def _limit(self, context: Context, market: Market, side: Side) -> int | None:
        """Return the worst price for an order now, None with nobody on the other side."""
        bid, ask = context.touch(market.number)
        touch = ask if side == Side.BUY else bid
        return None if touch is None else bounded_ticks(touch, side, self.slippage_ppm)

    def _send(self, context: Context, market: Market, side: Side, lots: int) -> None:
        limit = self._limit(context, market, side)
        if limit is not None:
            context.place(market.number, side, min(lots, self.lots_most), limit, immediate=True)


class MintArbitrageur(Agent):
    """Hold a token at what it is worth: buy it below and redeem, mint and sell it above.

    Its account must be one that the issuer lists, at the issuer's venue, where the token's market is. It watches the
    market's touch; add it with ``watches=[market]``. Its capital is what its account has.

    Parameters
    ----------
    issuer : Issuer
        Where it mints and redeems.
    market : Market
        The token against the backing asset.
    edge : number
        Least gain that it acts on, a share of what the token is worth: fees, and what it wants besides.
    lots_most : int
        Most lots of one trade.
    retry_ms : int
        How long it does nothing after the issuer has refused, ms.

    Attributes
    ----------
    minted, redeemed, refused : int
        Tokens so far, atoms; and how often the issuer has refused.

    Raises
    ------
    InputError
        Names the argument.
    """

    def __init__(
        self,
        issuer: Issuer,
        market: Market,
        *,
        edge: Amount = "0.001",
        lots_most: int = _LOTS_MOST,
        retry_ms: int = 60_000,
    ) -> None:
        if not isinstance(issuer, Issuer):
            raise InputError("issuer", "an Issuer", issuer)
        if base_of(market, "market", issuer.backing) != issuer.token:
            raise InputError("market", f"{issuer.token.name} against {issuer.backing.name}", market)
        self.issuer, self.market = issuer, market
        self.atoms_per_lot = issuer.token.atoms(market.quantity.step)
        self.edge_ppm = share_ppm(edge, "edge")
        self.lots_most = whole(lots_most, "lots_most", 1, _LOTS_MOST)
        self.retry_ms = whole(retry_ms, "retry_ms", 1, _MS_MOST)
        self.minted = self.redeemed = self.refused = 0
        self._is_waiting = False  # for the issuer's answer
        self._idle_until_ms = 0

    # ---- what it is told ---------------------------------------------------------------------------------------------

    def on_start(self, context: Context) -> None:
        """Look at once."""
        self._look(context)

    def on_wake(self, context: Context) -> None:
        """Look again after a refusal."""
        self._look(context)

    def on_book(self, context: Context, market: int) -> None:  # noqa: ARG002  # it watches one
        """Look at the new touch."""
        self._look(context)

    def on_fill(self, context: Context, fill: AgentNotice) -> None:  # noqa: ARG002  # the balance says it
        """Redeem what was bought."""
        self._look(context)

    def on_cancel(self, context: Context, cancel: AgentNotice) -> None:  # noqa: ARG002
        """Look again: something of an order did not trade."""
        self._look(context)

    def on_action(self, context: Context, notice: ActionNotice) -> None:
        """Sell what was minted; wait if it was refused."""
        self._is_waiting = False
        if notice.reason:
            self.refused += 1
            self._idle_until_ms = context.time_ms + self.retry_ms
            context.wake_in(self.retry_ms)
        elif notice.kind == "mint":
            self.minted += notice.got
        elif notice.kind == "redeem":
            self.redeemed += notice.paid
        self._look(context)

    # ---- what it does ------------------------------------------------------------------------------------------------

    def _look(self, context: Context) -> None:
        """Take the next step: part with tokens that it has, else buy some, else mint some."""
        if self._is_waiting or context.orders:
            return
        told = context.issuer(self.issuer.number)
        bid, ask = context.touch(self.market.number)
        fair = self.atoms_per_lot * told["rate_ppb"] // PPB  # backing atoms that a lot is worth
        tick = self.market.atoms_per_tick_lot
        least = -(-fair * (ONE_PPM + self.edge_ppm) // (ONE_PPM * tick))  # ticks at which selling pays
        most = fair * ONE_PPM // ((ONE_PPM + self.edge_ppm) * tick)  # and buying
        held, reserved = context.balance(self.issuer.token.number)
        lots = min(self.lots_most, (held - reserved) // self.atoms_per_lot)
        is_idle = context.time_ms < self._idle_until_ms
        if lots and bid is not None and bid >= least:
            context.place(self.market.number, Side.SELL, lots, least, immediate=True)
        elif lots and not is_idle:
            self._ask(context, "redeem", self._within(lots * self.atoms_per_lot, told["redeem_left"]))
        elif not is_idle and ask is not None and 1 <= ask <= most:
            self._buy(context, most)
        elif not is_idle and bid is not None and bid >= least:
            self._mint(context, fair, bid, told["mint_left"])

    def _within(self, tokens: int, left: int | None) -> int:
        """Cut tokens to what the issuer still takes; where nothing is left, ask and be refused: then it waits."""
        return tokens if not left else min(tokens, left)

    def _buy(self, context: Context, most: int) -> None:
        cash, reserved = context.balance(self.issuer.backing.number)
        lots = min(self.lots_most, (cash - reserved) // (most * self.market.atoms_per_tick_lot))
        if lots > 0:
            context.place(self.market.number, Side.BUY, lots, most, immediate=True)

    def _mint(self, context: Context, fair: int, bid: int, left: int | None) -> None:
        """Mint as much as the best bid takes."""
        cash, reserved = context.balance(self.issuer.backing.number)
        wanted = next((lots for price, lots in context.depth(self.market.number, 1)[0] if price == bid), 0)
        lots = min(self.lots_most, wanted, (cash - reserved) // max(1, fair))
        if left:
            lots = min(lots, left // self.atoms_per_lot)
        if lots > 0:
            self._ask(context, "mint", lots * fair)

    def _ask(self, context: Context, kind: str, atoms: int) -> None:
        self._is_waiting = True
        context.send_action(kind, self.issuer.number, atoms)
