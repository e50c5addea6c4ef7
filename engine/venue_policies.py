"""How venues of a simulation liquidate: their policies, insurance funds and backstops.

With names and units. Stands on `engine.pricing`, `engine.policy` and the presets of `engine.liquidation`. `Venues`
inherits it. A policy's amounts become atoms as soon as the venue's money is known: its unit of account, or what its
first perpetual settles in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.declared import Asset
from engine.errors import InputError
from engine.liquidation import policy_named
from engine.policy import Policy
from engine.pricing import Pricing

if TYPE_CHECKING:
    from decimal import Decimal

    from engine.names import AccountNames
    from engine.units import Amount

__all__ = ["VenuePolicies", "policy_of"]


def policy_of(said: object, field: str = "liquidation") -> Policy:
    """Return what a venue's liquidation says: a policy, the name of one, or nothing for the plain one.

    Examples
    --------
    >>> policy_of("noted"), policy_of(None)
    (Policy(stage=0), Policy())
    """
    if said is None:
        return Policy()
    if isinstance(said, Policy):
        return said
    if isinstance(said, str):
        return policy_named(said, field)
    raise InputError(field, "a Policy, or the name of one", said)


class VenuePolicies(Pricing):
    """Give venues policies, money and backstops; for a class that has a world."""

    assets: dict[str, Asset]
    accounts: AccountNames
    venues: list[str]
    policies: dict[int, Policy]
    backstops: dict[int, int]
    own_accounts: dict[int, int]  # first of each venue's three: fees, insurance fund, bad debt
    settles: dict[int, Asset]  # in which the first perpetual of each venue settles
    units_of_account: dict[int, Asset]

    def _own_asset(self, asset: object, field: str) -> Asset:
        if not isinstance(asset, Asset) or self.assets.get(asset.name) is not asset:
            raise InputError(field, "an asset of this simulation", asset)
        return asset

    def _liquidate(self, venue: int, policy: Policy) -> None:
        """Give a venue a policy, as far as its money is known by now: an amount before that has nothing to bound."""
        self.policies[venue] = policy
        backstop = self.backstops.get(venue)
        if policy.has_steps_only and backstop is None:
            return  # the world has had it when the venue was opened
        unit = self.units_of_account.get(venue) or self.settles.get(venue)
        if unit is None:
            policy = policy.without_amounts()
        numbers = {asset.name: asset.number for asset in self.assets.values()}
        self.world.set_policy(venue, backstop=backstop, **policy.arguments(unit.decimals if unit else 0, numbers))

    def _money_known(self, venue: int, asset: Asset) -> None:
        """Take an asset in as a venue's money, if it is the first; its policy's amounts become atoms.

        Raises
        ------
        InputError
            They are no whole atoms, or the venue's money has other decimals.
        """
        policy = self.policies.get(venue)
        unit = self.units_of_account.get(venue) or self.settles.get(venue)
        if policy is not None and unit is None and (policy.has_amounts or policy.sell_order):
            numbers = {each.name: each.number for each in self.assets.values()}
            told = policy.arguments(asset.decimals, numbers)
            self.world.set_policy(venue, backstop=self.backstops.get(venue), **told)
        elif policy is not None and unit is not None and policy.has_amounts and unit.decimals != asset.decimals:
            expected = f"an asset of {unit.decimals} decimals like {unit.name}, in which the policy's amounts are"
            raise InputError("asset", expected, f"{asset.name}, of {asset.decimals}")

    def fund(self, venue: int, asset: Asset, amount: Amount) -> None:
        """Bring an amount into the insurance fund of a venue (X-10), once there is an account.

        Parameters
        ----------
        venue : int
            Whose.
        asset : Asset
            Of what.
        amount : number
            How much.

        Raises
        ------
        InputError
            No such venue, or an amount that the asset has not; nothing has moved.

        Notes
        -----
        O(1).

        Examples
        --------
        >>> from engine import Simulation
        >>> sim = Simulation(seed=1)
        >>> usdt = sim.asset("USDT", decimals=6, supply="10000000000")
        >>> trader = sim.account("trader", USDT="100")
        >>> sim.fund(0, usdt, 1_230_000_000)
        >>> print(sim.insurance_fund(0, usdt))
        1230000000.000000
        """
        own = self._own_asset(asset, "asset")
        atoms = own.atoms(amount)
        if not 1 <= atoms <= own.supply_atoms - self.world.net_deposits(own.number):
            raise InputError("amount", "a positive amount that the asset's supply has left", amount)
        self.world.deposit(self._fund_account(venue), own.number, atoms)

    def insurance_fund(self, venue: int, asset: Asset) -> Decimal:
        """Return what the insurance fund of a venue has of an asset, in units."""
        own = self._own_asset(asset, "asset")
        return own.grid.value(self.world.balance(self._fund_account(venue), own.number)[0])

    def backstop(self, venue: int, account: int) -> None:
        """Declare the account that takes positions over at a venue, with capital of its own; else the fund does (X-8).

        Parameters
        ----------
        venue : int
            Where.
        account : int
            Which; it stands at that venue and trades by nothing else.

        Raises
        ------
        InputError
            The venue's policy takes nothing over, or the account cannot be one.

        Notes
        -----
        O(1).
        """
        own = self._fund_account(venue) - 1
        if not self.policies[venue].takes_over:
            raise InputError("venue", "a venue whose policy takes over", self.venues[venue] or venue)
        if isinstance(account, bool) or account not in self.accounts or account in range(own, own + 3):
            raise InputError("account", "an account of this simulation, not one of the venue's own", account)
        before = self.backstops.get(venue)
        self.backstops[venue] = account
        try:
            self._liquidate(venue, self.policies[venue])
        except InputError:
            self.backstops.pop(venue) if before is None else self.backstops.update({venue: before})
            raise

    def _fund_account(self, venue: int) -> int:
        if isinstance(venue, bool) or venue not in self.own_accounts:
            raise InputError("venue", f"a venue from 0 to {len(self.venues) - 1}", venue)
        if not self.world.account_count:
            raise InputError("venue", "a venue with accounts: its own are opened with the first", venue)
        return self.own_accounts[venue] + 1
