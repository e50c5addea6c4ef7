"""Money that leaves, is lent, or belongs to one position: rules C-6's cover, L-2, L-11 and L-12.

Stands on `ledger` and `market`.

::

    lender.balance ---> borrower.balance,  owed: borrower +x, lender -x       they sum to 0 (L-12)
    balance ---> margin of an isolated position ---> balance                  as it opens, as it closes (L-11)

Promises: a method that a journal row asks for returns the rule that it breaks, in words, and then nothing has
changed; None means that it is done. Whether a venue *may* refuse (C-6) is not asked: a journal holds what passed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from engine.margin import AccountMode
from engine.reference.ledger import PPM, ceil_div

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.reference.ledger import Ledger
    from engine.reference.market import Market


class Funds:
    """Move money that is no trade's, and keep the margins of isolated positions.

    Parameters
    ----------
    ledger : Ledger
        Where the balances stand.
    markets : sequence of Market
        The world's.
    modes : mapping of int to int
        `AccountMode` by account; who is not in it is CROSS.
    """

    def __init__(self, ledger: Ledger, markets: Sequence[Market], modes: Mapping[int, int]) -> None:
        self.ledger = ledger
        self.markets = markets
        self.modes = modes
        self.margins: Counter[tuple[int, int]] = Counter()  # by (account, market), atoms
        self.leverages_ppm: dict[tuple[int, int], int] = {}  # 10^6 / leverage, where one was chosen

    def mode(self, account: int) -> AccountMode:
        """Return the mode of an account (C-1)."""
        return AccountMode(self.modes.get(account, AccountMode.CROSS))

    # --- L-2, L-12 ----------------------------------------------------------------------------------------------------

    def withdraw(self, account: int, asset: int, atoms: int) -> str | None:
        """Take atoms out of the world."""
        if not 1 <= atoms <= self.ledger.free(account, asset):
            return "C-6: a withdrawal of more than is free"
        self.ledger.net_deposits[asset] -= atoms
        self.ledger.balances[account][asset].atoms -= atoms
        return None

    def borrow(self, account: int, asset: int, atoms: int, lender: int) -> str | None:
        """Lend atoms; what is owed of an asset sums to 0 over all accounts."""
        if self.mode(account) is not AccountMode.UNIFIED or account == lender:
            return "L-12: a loan to an account that may not borrow"
        if not 1 <= atoms <= self.ledger.free(lender, asset):
            return "L-12: a loan of more than its lender has free"
        self._lend(account, asset, atoms, lender)
        return None

    def repay(self, account: int, asset: int, atoms: int, lender: int) -> str | None:
        """Pay back what is owed."""
        if not 1 <= atoms <= self.ledger.balances[account][asset].owed:
            return "L-12: a repayment of more than is owed"
        if atoms > self.ledger.free(account, asset):
            return "L-12: a repayment of more than is free"
        self._lend(account, asset, -atoms, lender)
        return None

    def _lend(self, account: int, asset: int, atoms: int, lender: int) -> None:
        self.ledger.move(lender, account, asset, atoms)
        self.ledger.balances[account][asset].owed += atoms
        self.ledger.balances[lender][asset].owed -= atoms

    # --- L-11 ---------------------------------------------------------------------------------------------------------

    def is_isolated(self, account: int) -> bool:
        """Tell whether each position of an account has money of its own."""
        return self.mode(account) is AccountMode.ISOLATED

    def move_margin(self, account: int, number: int, atoms: int) -> str | None:
        """Move atoms from the balance to the margin in a market, below 0 back."""
        asset = self.markets[number].terms.quote_asset
        if not self.is_isolated(account):
            return "L-11: margin of an account that is not isolated"
        if atoms > 0 and atoms > self.ledger.free(account, asset):
            return "L-11: more margin than the balance has free"
        if atoms < 0 and self.margins[account, number] < -atoms:
            return "L-11: more margin taken out than there is"
        self.bring(account, number, atoms)
        return None

    def choose_leverage(self, account: int, number: int, share_ppm: int) -> str | None:
        """Note 10^6 / leverage of an isolated position, 0 for none."""
        if not self.is_isolated(account) or not 0 <= share_ppm <= PPM:
            return "L-11: a leverage of a position that is not isolated"
        self.leverages_ppm[account, number] = share_ppm
        return None

    def cover_margin(self, payer: int, account: int, number: int, atoms: int) -> str | None:
        """Bring the margin of a flat position to exactly 0 from a bad-debt account (L-10)."""
        market = self.markets[number]
        if self.margins[account, number] != -atoms or atoms < 1:
            return "L-10: a write-off does not lead to exactly 0"
        if account in market.positions and market.positions[account].position_lots:
            return "L-10: a write-off for a position that is not flat"
        self.ledger.balances[payer][market.terms.quote_asset].atoms -= atoms
        self.margins[account, number] += atoms
        return None

    def margin_needed(self, account: int, number: int, qty_lots: int, price_ticks: int) -> int:
        """Return what a position of so many lots brings at a price: with neither schedule nor leverage all of it."""
        market = self.markets[number]
        worth = market.notional(qty_lots, price_ticks)
        share_ppm = self.leverages_ppm.get((account, number), 0)
        schedule = market.terms.initial
        if schedule is None and not share_ppm:
            return worth
        needed = 0 if schedule is None else schedule.requirement(worth)
        return max(needed, ceil_div(worth * share_ppm, PPM))

    def settle_isolated(self, account: int, number: int, realised: int, before_lots: int, price_ticks: int) -> None:
        """Book the PnL of a trade to the margin; closed lots release their share, opened ones bring theirs.

        The share released is `floor(margin * closed / held)`, after the PnL; what is opened brings the growth of
        `margin_needed`, as far as the balance has it free.
        """
        asset = self.markets[number].terms.quote_asset
        now_lots = self.markets[number].positions[account].position_lots
        self.margins[account, number] += realised
        held = abs(before_lots)
        kept = min(held, abs(now_lots)) if before_lots * now_lots > 0 else 0
        margin = self.margins[account, number]
        if held > kept and margin > 0:
            self.bring(account, number, -(margin * (held - kept) // held))
        if abs(now_lots) > kept:
            growth = self.margin_needed(account, number, abs(now_lots), price_ticks)
            growth -= self.margin_needed(account, number, kept, price_ticks)
            self.bring(account, number, max(0, min(growth, self.ledger.free(account, asset))))

    def bring(self, account: int, number: int, atoms: int) -> None:
        """Move atoms from the balance to the margin in a market without asking whether they are there."""
        self.margins[account, number] += atoms
        self.ledger.balances[account][self.markets[number].terms.quote_asset].atoms -= atoms
