"""A whale: coins pawned for stablecoins at one lender, and the stablecoins looped in a synthetic dollar at another.

Stands on `engine.agents` and `engine.synthetic`. Two layers of debt on one fortune::

    coins --supply--> lender --stablecoins--> token --supply--> loops --stablecoins--> token --supply--> loops ...

A fall of the coins is a margin call at the lender; what answers it is the loop, so the token is sold although nothing
happened to it: that is how the first layer reaches the second.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, NamedTuple

from engine.agents import Agent
from engine.declared import share_ppm
from engine.errors import InputError
from engine.schedules import ONE_PPM, whole
from engine.synthetic import base_of, bounded_ticks
from engine.types import Side
from engine.units import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import SupportsIndex

    from engine._core import ActionNotice, AgentNotice, Context
    from engine.declared import Market
    from engine.units import Amount

__all__ = ["Whale"]

ALL = 2**61  # atoms of a withdrawal or repayment: all of it (Y-18)
MARGIN_PPM = 1_000  # of its debt that it leaves as room when it withdraws
_MS_MOST = 2**41


class _Seen(NamedTuple):
    """A loan at prices that are all known."""

    assets: dict[int, tuple[int, int]]  # claim and owed, atoms
    collateral: int
    debt: int
    health_ppm: int


def _seen(context: Context, protocol: int) -> _Seen | None:
    """Return what the agent's account has at a protocol, None while a price is unknown."""
    told = context.loan(context.account, protocol)
    collateral, debt, health = told["collateral_value"], told["debt_value"], told["health_ppm"]
    if collateral is None or debt is None or health is None:
        return None
    return _Seen(told["assets"], collateral, debt, health)


class Whale(Agent):
    """Borrow against coins, loop what was borrowed, answer margin calls.

    It *builds* first: supplies its coins at the lender, borrows `lender_ltv` of their value, buys the token with it and
    supplies that at the other protocol, borrows `loop_ltv` there, buys more, and so on, `loops` times. Then it *holds*.

    It *defends* itself when the lender calls (`on_loan`) or its health at the loop is below `flee_health`: it repays
    the lender with the stablecoins that it kept, until the loan is at `safe_ltv`; where they are not enough it unwinds
    the loop: it withdraws what the loop's health lets it, sells that, repays the loop, and so on, and with what is left
    the lender. With nothing left it is *spent*: what happens then is the lender's affair.

    Both protocols, the markets and its account stand at one venue; values at the lender are atoms of the stablecoin.

    Parameters
    ----------
    lender, loops_at : int
        Protocols of the first and of the second layer.
    coins : sequence of Market
        Spot markets of what it pawns, all against one stablecoin.
    token : Market
        The token against the stablecoin.
    lender_ltv, loop_ltv, safe_ltv : number
        As above, shares.
    loops : int
        How often it borrows at the loop.
    keep : number
        Share of the first loan that it keeps as stablecoins.
    flee_health : number
        As above; health is 1 at the liquidation.
    slippage : number
        How far beyond the touch it trades at worst, a share.
    every_ms : int
        How often it looks without being told of anything, ms.

    Attributes
    ----------
    phase : str
        ``"build"``, ``"hold"``, ``"defend"``, ``"spent"``.
    calls, sold_lots, refused : int
        Margin calls that it heard of, lots of the token that it sold, actions that were refused.

    Raises
    ------
    InputError
        Names the argument.
    """

    def __init__(
        self,
        lender: SupportsIndex,
        loops_at: SupportsIndex,
        *,
        coins: Sequence[Market],
        token: Market,
        lender_ltv: Amount = "0.6",
        loop_ltv: Amount = "0.8",
        safe_ltv: Amount = "0.65",
        loops: int = 5,
        keep: Amount = 0,
        flee_health: Amount = "1.02",
        slippage: Amount = "0.02",
        every_ms: int = 1_000,
    ) -> None:
        self.tokens = base_of(token, "token")
        self.pawned = [base_of(each, "coins").number for each in coins]
        if not self.pawned:
            raise InputError("coins", "spot markets, at least one", coins)
        if any(each.quote != token.quote for each in coins):
            raise InputError("coins", f"markets against {token.quote.name}", [each.name for each in coins])
        self.lender, self.loops_at = operator.index(lender), operator.index(loops_at)
        self.token, self.stable = token, token.quote.number
        self.lender_ppm, self.loop_ppm = share_ppm(lender_ltv, "lender_ltv"), share_ppm(loop_ltv, "loop_ltv")
        self.safe_ppm, self.keep_ppm = share_ppm(safe_ltv, "safe_ltv"), share_ppm(keep, "keep")
        self.flee_ppm = whole(Grid("0.000001").count(flee_health, "flee_health"), "flee_health", 0, 10**9)
        self.slippage_ppm = share_ppm(slippage, "slippage")
        self.loops = whole(loops, "loops", 0, 1_000)
        self.every_ms = whole(every_ms, "every_ms", 1, _MS_MOST)
        self.phase = "build"
        self.calls = self.sold_lots = self.refused = 0
        self._kept = 0
        self._supplied: list[int] = []
        self._has_borrowed = self._is_waiting = self._unwinds = self._flees = False

    # ---- what it is told ---------------------------------------------------------------------------------------------

    def on_start(self, context: Context) -> None:
        """Begin to build."""
        self.on_wake(context)

    def on_wake(self, context: Context) -> None:
        """Look after its loop, and go on."""
        context.wake_in(self.every_ms)
        if self.phase == "hold":
            loop = _seen(context, self.loops_at)
            if loop is not None and loop.health_ppm < self.flee_ppm:
                self.phase, self._flees, self._unwinds = "defend", True, True
        self._next(context)

    def on_fill(self, context: Context, fill: AgentNotice) -> None:
        """Go on with what was traded."""
        if fill.side == Side.SELL:
            self.sold_lots += fill.lots
        self._next(context)

    def on_cancel(self, context: Context, cancel: AgentNotice) -> None:  # noqa: ARG002  # it looks at what it has
        """Go on: the rest did not trade."""
        self._next(context)

    def on_action(self, context: Context, notice: ActionNotice) -> None:
        """Go on with the next step; after a refusal at the next look."""
        self._is_waiting = False
        if notice.reason:
            self.refused += 1
        else:
            self._next(context)

    def on_loan(self, context: Context, protocol: int, level: int) -> None:
        """Answer a margin call."""
        if level == 0:
            return
        self.calls += protocol == self.lender
        self.phase = "defend"
        self._flees = self._flees or protocol == self.loops_at
        self._next(context)

    # ---- what it does ------------------------------------------------------------------------------------------------

    def _next(self, context: Context) -> None:
        """Take one step, if none is on its way."""
        if self._is_waiting or context.orders:
            return
        if self.phase == "build":
            self._build(context)
        elif self.phase == "defend":
            self._defend(context)

    def _build(self, context: Context) -> None:
        """Supply, borrow, buy: the first of them that there is something for."""
        for coin in self.pawned:
            if coin not in self._supplied and self._free(context, coin):
                self._supplied.append(coin)
                self._ask(context, "supply", self.lender, self._free(context, coin), coin)
                return
        if not self._has_borrowed:
            self._borrow_first(context)
        elif self._free_lots(context):
            self._ask(context, "supply", self.loops_at, self._free(context, self.tokens.number), self.tokens.number)
        elif not self._buy(context):
            self._borrow_more(context)

    def _borrow_first(self, context: Context) -> None:
        loan = _seen(context, self.lender)
        if loan is None:
            return  # a price is unknown: it looks again
        self._has_borrowed = True
        wanted = loan.collateral * self.lender_ppm // ONE_PPM - loan.debt
        self._kept = max(0, wanted) * self.keep_ppm // ONE_PPM
        if wanted > 0:
            self._ask(context, "borrow", self.lender, wanted, self.stable)

    def _buy(self, context: Context) -> bool:
        """Buy the token with what is not kept; whether there was enough for a lot, or nobody sells."""
        _, ask = context.touch(self.token.number)
        if ask is None:
            return True
        limit = bounded_ticks(ask, Side.BUY, self.slippage_ppm)
        lots = (self._free(context, self.stable) - self._kept) // (limit * self.token.atoms_per_tick_lot)
        if lots < 1:
            return False
        context.place(self.token.number, Side.BUY, lots, limit, immediate=True)
        return True

    def _borrow_more(self, context: Context) -> None:
        """Borrow at the loop once more, or hold."""
        loan = _seen(context, self.loops_at)
        if loan is None:
            return
        wanted = loan.collateral * self.loop_ppm // ONE_PPM - loan.debt
        if self.loops == 0 or wanted <= 0:
            self.phase = "hold"
            return
        self.loops -= 1
        self._ask(context, "borrow", self.loops_at, wanted, self.stable)

    def _defend(self, context: Context) -> None:
        """Repay with what it has; without enough, unwind the loop a step further."""
        first, loop = _seen(context, self.lender), _seen(context, self.loops_at)
        if first is None or loop is None:
            return
        need = first.debt - first.collateral * self.safe_ppm // ONE_PPM
        owed, cash = loop.debt, self._free(context, self.stable)
        self._flees = self._flees and owed > 0
        if self._unwinds and owed and cash:
            self._ask(context, "repay", self.loops_at, min(cash, owed), self.stable)
        elif need > 0 and cash:
            self._ask(context, "repay", self.lender, min(cash, need), self.stable)
        elif need <= 0 and not self._flees:
            self.phase, self._unwinds = "hold", False
        else:
            self._unwinds = True
            self._unwind(context, loop)

    def _unwind(self, context: Context, loop: _Seen) -> None:
        """Sell the token that it has, else withdraw some."""
        lots = self._free_lots(context)
        bid, _ = context.touch(self.token.number)
        if lots:
            if bid is not None:
                limit = bounded_ticks(bid, Side.SELL, self.slippage_ppm)
                context.place(self.token.number, Side.SELL, lots, limit, immediate=True)
            return
        claim = loop.assets.get(self.tokens.number, (0, 0))[0]
        if not claim:
            self.phase = "spent"
            return
        if not loop.debt:
            self._ask(context, "withdraw", self.loops_at, ALL, self.tokens.number)
            return
        # W = health * D is the collateral as it counts; what of it is beyond D, with a margin, can be taken out.
        counted = loop.health_ppm * loop.debt // ONE_PPM
        beyond = counted - loop.debt * (ONE_PPM + MARGIN_PPM) // ONE_PPM
        if beyond > 0 and claim * beyond // counted:
            self._ask(context, "withdraw", self.loops_at, claim * beyond // counted, self.tokens.number)

    # ---- small things ------------------------------------------------------------------------------------------------

    def _free(self, context: Context, asset: int) -> int:
        atoms, reserved = context.balance(asset)
        return max(0, atoms - reserved)

    def _free_lots(self, context: Context) -> int:
        return self._free(context, self.tokens.number) // self.tokens.atoms(self.token.quantity.step)

    def _ask(self, context: Context, kind: str, target: int, atoms: int, asset: int) -> None:
        self._is_waiting = True
        context.send_action(kind, target, atoms, asset=asset)
