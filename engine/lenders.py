"""Lenders: the part of a simulation that declares blocks and lenders, acts at them, and asks what loans stand there.

With names and units. Stands on `engine.funds` and `engine.protocols`; `engine.pooling`, which opens pools, inherits it.
Everything is checked before the world is told: a lender that is refused leaves nothing behind.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.funds import Funds
from engine.lending import AaveMarket, CometFactors, LoanTerms
from engine.protocols import (
    ACTIONS,
    ALL,
    FORMS,
    Acted,
    Lender,
    LenderState,
    Loan,
    Price,
    ReserveState,
    curve_ppm,
    terms_ppm,
    unknown,
)
from engine.schedules import share_ppm, whole
from engine.types import ActionReason
from engine.units import Amount, Grid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.declared import Asset, Market

__all__ = ["Lenders"]

RESERVES_MAX = 16
GAS_MIN = 800_000  # of a limit: what the dearest action uses (B-4)
# What each kind pays and gets, by the field that names the asset (B-1).
_GOT_IN_OTHER = frozenset({"liquidate", "buy_collateral"})
_SHARES = {"fee": "fee_ppm", "close_factor": "close_ppm", "store_front": "store_front_ppm", "sale": "sale_ppm"}
_VALUES = {"close_value_min": "close_value_min", "left_value_min": "left_value_min"}
_RATIOS = {"call": "call_ppm", "liquidation": "liquidation_ppm", "full_below": "full_below_ppm"}
# Which rules a form knows.
_RULES = {
    "aave": ("fee", "close_factor", "full_below", "close_value_min", "left_value_min"),
    "morpho": (),
    "comet": ("store_front", "target"),
    "loan": ("call", "liquidation", "sale", "sale_every"),
}


class Lenders(Funds):
    """Declare lenders, act at them, read them; for a class that has a world."""

    lenders: dict[str, Lender]
    gas_assets: dict[int, Asset]  # of the venues that have blocks

    # ---- blocks ------------------------------------------------------------------------------------------------------

    def blocks(
        self,
        venue: int,
        *,
        every: str | int = "12s",
        gas_asset: Asset,
        gas_limit: int = 0,
        base_price: Amount = 0,
        base_least: Amount = 0,
    ) -> None:
        """Give a venue blocks: its actions wait for the next one, and pay gas (B-3 .. B-5).

        Parameters
        ----------
        venue : int
            Which.
        every : str or int
            Time between blocks, such as ``"12s"``, or ms.
        gas_asset : Asset
            What gas is paid in.
        gas_limit : int
            Gas of a block, at least 800,000; 0: no limit, and then the base price stands.
        base_price, base_least : number
            What a million units of gas cost now, and at least, in units of the gas asset.

        Raises
        ------
        InputError
            Names the argument; the venue is as it was.

        Examples
        --------
        >>> from engine import Simulation
        >>> sim = Simulation(seed=1)
        >>> eth = sim.asset("ETH", decimals=9, supply="1000000")
        >>> sim.blocks(0, every="12s", gas_asset=eth, gas_limit=30_000_000, base_price="0.02")  # 20 gwei
        >>> sim.world.blocks(0)["base_price"]  # atoms for a unit of gas
        20
        """
        own = self._own_asset(gas_asset, "gas_asset")
        limit = whole(gas_limit, "gas_limit", 0, 2**50)
        if 0 < limit < GAS_MIN:
            raise InputError("gas_limit", f"0, or at least {GAS_MIN}, what the dearest action uses", gas_limit)
        self.world.set_blocks(
            venue,
            every_ms=self._span_ms(every, "every"),
            gas_asset=own.number,
            gas_most=limit,
            base_price=gas_price(own, base_price, "base_price"),
            base_least=gas_price(own, base_least, "base_least"),
        )
        self.gas_assets[venue] = own

    def _span_ms(self, span: object, field: str) -> int:
        """Return a duration such as "12s" in milliseconds; a number is that."""
        if not isinstance(span, str):
            return whole(span, field, 1, 2**42)
        from engine.scenario.quantities import CADENCE, RefusedError

        try:
            return int(CADENCE.read(span))
        except RefusedError as refused:
            raise InputError(field, refused.expected, span) from None

    # ---- declaring ---------------------------------------------------------------------------------------------------

    def lending(
        self,
        name: str,
        form: str = "aave",
        *,
        venue: int = 0,
        collateral: Mapping[str, object],
        borrow: Mapping[str, object],
        oracle: Mapping[str, object] | None = None,
        stale: str | int = 0,
        modes: Mapping[str, Mapping[str, object]] | None = None,
        supply_caps: Mapping[str, Amount] | None = None,
        borrow_caps: Mapping[str, Amount] | None = None,
        kept: Amount = 0,
        accrue_every: str | int = 0,
        sells_on: Mapping[str, Market] | None = None,
        **rules: Any,
    ) -> Lender:
        """Open a lending protocol, or a centralised lender (Y-15).

        Parameters
        ----------
        name : str
            Its name.
        form : {"aave", "morpho", "comet", "loan"}
            How it liquidates (Y-10, Y-12, Y-13, Y-14); ``loan`` is a centralised lender.
        venue : int
            Where; accounts act at their own venue.
        collateral : mapping
            By asset what counts of it: a preset of `engine.lending`, or `engine.protocols.Terms`.
        borrow : mapping
            By asset its rates: a `RateCurve`, (base, kink, slope, steep) as shares, or None. Values are counted in
            money of as many decimals as the first of them.
        oracle : mapping
            By asset its price: a number, a market (its oracle), or (market, ``"oracle"``, ``"index"`` or ``"mark"``).
            Collateral needs one; what is lent only costs 1 if nothing is said.
        stale : str or int
            An older publication is unknown; 0: none is.
        modes : mapping
            By name the assets of an e-mode, each with what counts of it there, or None for what is only borrowed.
        supply_caps, borrow_caps : mapping
            By asset, in units.
        kept : number
            Share of the interest that the lender keeps.
        accrue_every : str or int
            Clock of interest; 0: it accrues when something is done only.
        sells_on : mapping
            Of a ``loan``: by collateral the spot market where it is sold.
        **rules
            Of ``aave`` ``fee``, ``close_factor``, ``full_below``, ``close_value_min``, ``left_value_min``; of ``comet``
            ``store_front``, ``target``; of ``loan`` ``call``, ``liquidation``, ``sale``, ``sale_every``. By default
            those of the presets in `collateral`.

        Returns
        -------
        Lender

        Raises
        ------
        InputError
            Names the argument; nothing was opened.

        Notes
        -----
        O(assets). An asset may be collateral and lent.

        Examples
        --------
        >>> from engine import Simulation, lending
        >>> sim = Simulation(seed=1)
        >>> usde, usdt = (sim.asset(name, decimals=6, supply="1000000000") for name in ("USDe", "USDT"))
        >>> aave = sim.lending(
        ...     "aave",
        ...     collateral={"USDe": lending.aave("USDe")},
        ...     borrow={"USDT": lending.aave_curve("stablecoin")},
        ...     oracle={"USDe": "1"},
        ... )
        >>> bank, looper = sim.account("bank", USDT="1000000"), sim.account("looper", USDe="1000")
        >>> sim.act(bank, "supply", aave, "1000000 USDT").reason.name, sim.act(looper, "supply", aave, "1000 USDe").paid
        ('DONE', Decimal('1000.000000'))
        >>> sim.act(looper, "borrow", aave, "901 USDT").reason.name, sim.act(looper, "borrow", aave, "900 USDT").got
        ('UNHEALTHY', Decimal('900.000000'))
        >>> sim.loan(looper, aave).health
        Decimal('1.022222')
        """
        self._new_name(name, self.lenders)
        if form not in FORMS:
            raise InputError("form", f"one of {', '.join(FORMS)}", form)
        if venue not in self.own_accounts or isinstance(venue, bool):
            raise InputError("venue", f"a venue from 0 to {len(self.venues) - 1}", venue)
        held, lent = self._listed(collateral, "collateral"), self._listed(borrow, "borrow")
        assets = list(dict.fromkeys((*held, *lent)))
        if not lent or len(assets) > RESERVES_MAX:
            raise InputError("borrow", f"an asset that is lent, and {RESERVES_MAX} assets at most", ", ".join(borrow))
        value = lent[0].grid
        numbers, moded = self._modes(modes or {}, assets)
        rows = {asset: self._reserve(asset, value, oracle or {}, moded, is_lent=asset in lent) for asset in assets}
        for asset, said in zip(held, collateral.values(), strict=True):
            rows[asset]["terms"] = terms_ppm(said, f"collateral.{asset.name}")
        for asset, said in zip(lent, borrow.values(), strict=True):
            rows[asset] |= {"curve": curve_ppm(said, f"borrow.{asset.name}"), "lent": True}
        self._caps(rows, supply_caps or {}, "supply_caps")
        self._caps(rows, borrow_caps or {}, "borrow_caps")
        for asset, market in self._sales(form, venue, held, sells_on or {}).items():
            rows[asset]["sale_market"] = market.number
        stale_ms = 0 if stale == 0 else self._span_ms(stale, "stale")
        common: dict[str, Any] = {"reserve_ppm": share_ppm(kept, "kept"), "stale_ms": stale_ms}
        _check_form(form, lent, rows)
        terms = self._rules(form, collateral.values(), lent[0], rules)
        if accrue_every != 0:
            terms["accrue_ms"] = self._span_ms(accrue_every, "accrue_every")
        number = self.world.add_protocol(form, venue=venue, **terms)
        self._name_lenders_accounts(name, number)
        for asset, row in rows.items():
            self.world.add_reserve(number, asset.number, **common, **row)
        self.lenders[name] = Lender(name, number, venue, form, held, lent, numbers, value)
        return self.lenders[name]

    def _listed(self, said: Mapping[str, object], field: str) -> tuple[Asset, ...]:
        if not hasattr(said, "items"):
            raise InputError(field, "a mapping by asset", said)
        unknown(said, self.assets, field, "one of the assets")
        return tuple(self.assets[name] for name in said)

    def _modes(
        self, modes: Mapping[str, Mapping[str, object]], assets: list[Asset]
    ) -> tuple[dict[str, int], dict[str, tuple[int, tuple[int, int, int]]]]:
        """Return the modes' numbers, and by asset its mode and what counts there."""
        moded: dict[str, tuple[int, tuple[int, int, int]]] = {}
        for number, (mode, members) in enumerate(modes.items(), 1):
            unknown(members, [asset.name for asset in assets], f"modes.{mode}", "one of the lender's assets")
            for asset, said in members.items():
                if asset in moded:
                    raise InputError(f"modes.{mode}", "an asset of one mode at most", asset)
                moded[asset] = (number, (0, 0, 0) if said is None else terms_ppm(said, f"modes.{mode}.{asset}"))
        if len(modes) > 255:
            raise InputError("modes", "255 at most", len(modes))
        return {mode: number for number, mode in enumerate(modes, 1)}, moded

    def _reserve(
        self,
        asset: Asset,
        value: Grid,
        oracle: Mapping[str, object],
        moded: Mapping[str, tuple[int, tuple[int, int, int]]],
        *,
        is_lent: bool,
    ) -> dict[str, Any]:
        """Return what a reserve has whether it is lent or not: its price and its mode."""
        field = f"oracle.{asset.name}"
        unknown(oracle, self.assets, "oracle", "one of the assets")
        if asset.name not in oracle and not is_lent:
            raise InputError(field, "a price of the collateral: a number, a market, or (market, series)", None)
        price = Price.of(oracle.get(asset.name, 1), field)
        decimals = -int(value.step.as_tuple().exponent)
        row: dict[str, Any] = {"price": price.ratio(asset, decimals, field)}
        if price.market is not None:
            row |= {"market": self._own_market(price.market).number, "series": price.series}
        if asset.name in moded:
            row["mode"], row["mode_terms"] = moded[asset.name]
        return row

    def _caps(self, rows: dict[Asset, dict[str, Any]], caps: Mapping[str, Amount], field: str) -> None:
        unknown(caps, [asset.name for asset in rows], field, "one of the lender's assets")
        for name, amount in caps.items():
            asset = self.assets[name]
            rows[asset][field.removesuffix("s")] = whole(
                asset.atoms(amount, f"{field}.{name}"), f"{field}.{name}", 0, ALL
            )

    def _sales(
        self, form: str, venue: int, held: tuple[Asset, ...], sells_on: Mapping[str, Market]
    ) -> dict[Asset, Market]:
        """Return where a centralised lender sells each collateral."""
        names = [asset.name for asset in held]
        unknown(sells_on, names if form == "loan" else (), "sells_on", "one of a loan's collaterals")
        found: dict[Asset, Market] = {}
        for asset in held if form == "loan" else ():
            market = sells_on.get(asset.name)
            if market is None or self._own_market(market).base is not asset or market.venue != venue:
                expected = f"a spot market of {asset.name} at the lender's venue"
                raise InputError(f"sells_on.{asset.name}", expected, getattr(market, "name", None))
            found[asset] = market
        return found

    def _rules(self, form: str, presets: Any, base: Asset, rules: Mapping[str, Any]) -> dict[str, Any]:
        """Return a protocol's own numbers: those of the presets, then what is said."""
        unknown(rules, _RULES[form], "rules", f"a rule of {form}")
        found: dict[str, Any] = {}
        for said in presets:
            row = _preset_rules(said, base.decimals)
            for key in found.keys() & row.keys():
                if found[key] != row[key]:
                    raise InputError("collateral", f"presets of one protocol: of the same {key}", row[key])
            found |= row
        for key, said in rules.items():
            if key in _SHARES or (key in _RATIOS and key != "full_below"):
                found[{**_SHARES, **_RATIOS}[key]] = share_ppm(said, key)
            elif key == "full_below":
                found["full_below_ppm"] = Grid("0.000001").count(said, key)
            elif key == "sale_every":
                found["sale_ms"] = self._span_ms(said, key)
            else:
                found[_VALUES.get(key, "target_atoms")] = base.atoms(said, key)
        if found.get("call_ppm", 750_000) > found.get("liquidation_ppm", 830_000):
            raise InputError("liquidation", "at least the LTV of the call", rules.get("liquidation"))
        return found

    def _name_lenders_accounts(self, name: str, number: int) -> None:
        told = self.world.protocol(number)
        for account, what in ((told["account"], name), (told["seller"], f"sales of {name}")):
            if account is not None:
                own = what if not self.accounts.is_taken(what) else f"lender {what}"
                self.accounts.add(account, own)

    # ---- acting ------------------------------------------------------------------------------------------------------

    def act(
        self,
        account: int | str,
        kind: str,
        lender: Lender,
        amount: Amount = 0,
        *,
        asset: Asset | None = None,
        other: Asset | None = None,
        party: int | str | None = None,
        least: Amount = 0,
        mode: str | None = None,
    ) -> Acted:
        """Act at a lender now, without link, block or gas (B-8).

        Parameters
        ----------
        account : int or str
            Whose action: a number, or a name.
        kind : str
            ``supply``, ``withdraw``, ``borrow``, ``repay``, ``mode``, ``liquidate``, ``absorb`` or ``buy_collateral``.
        lender : Lender
            Where.
        amount : number or str
            With its asset, as ``"100 USDe"``, or ``"all USDe"`` of a withdrawal or repayment; or a number of `asset`.
        asset, other : Asset, optional
            What is moved; of a liquidation the debt, and `other` the collateral.
        party : int or str, optional
            Another account, whose loan it is.
        least : number
            What must come out at least.
        mode : str, optional
            Of ``mode``: which; without it none.

        Returns
        -------
        Acted

        Raises
        ------
        InputError
            There is no such thing. What the rules refuse is told in the outcome.

        Notes
        -----
        O(reserves of the loans that it concerns).
        """
        own = self._own_lender(lender)
        if kind not in ACTIONS or kind == "flash_liquidate":
            raise InputError("kind", f"one of {', '.join(each for each in ACTIONS if each != 'flash_liquidate')}", kind)
        if kind == "mode":
            unknown([] if mode is None else [mode], own.modes, "mode", "one of the lender's modes")
            told = self.world.act(self._account(account), kind, own, 0 if mode is None else own.modes[mode])
            return Acted(kind, ActionReason(told[0]), Decimal(0), Decimal(0))
        given, atoms = self._moved_amount(amount, asset)
        got_in = given if other is None or kind not in _GOT_IN_OTHER else self._own_asset(other, "other")
        reason, paid, got = self.world.act(
            self._account(account),
            kind,
            own,
            atoms,
            asset=None if given is None else given.number,
            other=None if other is None else self._own_asset(other, "other").number,
            party=None if party is None else self._account(party, "party"),
            least=0 if got_in is None else got_in.atoms(least, "least"),
        )
        units = (Decimal(0) if each is None else each.grid.value(n) for each, n in ((given, paid), (got_in, got)))
        return Acted(kind, ActionReason(reason), *units)

    def _moved_amount(self, amount: object, asset: Asset | None) -> tuple[Asset | None, int]:
        """Read "100 USDe", "all USDe", or a number of an asset."""
        own = None if asset is None else self._own_asset(asset, "asset")
        text, _, named = amount.strip().rpartition(" ") if isinstance(amount, str) else ("", "", "")
        if text:
            unknown([named], self.assets, "amount", "an amount with one of the assets")
            if own is not None and own.name != named:
                raise InputError("amount", f"an amount of {own.name}", amount)
            own, amount = self.assets[named], text.strip()
        if own is None:
            return None, whole(amount, "amount", 0, 0) if not isinstance(amount, str) else _refuse_amount(amount)
        if amount == "all":
            return own, ALL
        from engine.scenario.quantities import RefusedError, scaled

        try:
            atoms = own.atoms(scaled(amount, 'an amount such as "100k"'))
        except RefusedError as refused:
            raise InputError("amount", refused.expected, amount) from None
        return own, whole(atoms, "amount", 0, ALL - 1)

    def _account(self, account: int | str, field: str = "account") -> int:
        if not isinstance(account, str):
            return account
        found = next((number for number, name in self.accounts.items() if name == account), None)
        if found is None:
            raise InputError(field, "the name of an account", account)
        return found

    def _own_lender(self, lender: object) -> Lender:
        if isinstance(lender, str) and lender in self.lenders:
            return self.lenders[lender]
        if not isinstance(lender, Lender) or self.lenders.get(lender.name) != lender:
            raise InputError("lender", "a lender of this simulation", lender)
        return lender

    # ---- reading -----------------------------------------------------------------------------------------------------

    def loan(self, account: int | str, lender: Lender) -> Loan:
        """Return what an account has at a lender. O(its entries)."""
        own = self._own_lender(lender)
        told = self.world.loan(self._account(account), own)
        return Loan.of(told, own, {asset.number: asset for asset in own.assets})

    def loans(self, lender: Lender) -> dict[int, Loan]:
        """Return every loan at a lender that is not empty, by account. O(loans)."""
        own = self._own_lender(lender)
        assets = {asset.number: asset for asset in own.assets}
        told = {account: self.world.loan(account, own) for account in self.world.loans(own)["account"]}
        return {account: Loan.of(each, own, assets) for account, each in told.items() if each["assets"]}

    def lender(self, name: str) -> LenderState:
        """Return what a lender has and did, at its last accruals. O(reserves)."""
        own = self._own_lender(name)
        told = self.world.protocol(own)
        reserves = {asset.name: ReserveState.of(self.world.reserve(own, asset.number), asset) for asset in own.assets}
        return LenderState(told["work"], told["liquidations"], own.value.value(told["repaid_value"]), reserves)


def _refuse_amount(amount: str) -> int:
    raise InputError("amount", 'an amount with its asset such as "100 USDe", or an asset beside it', amount)


def gas_price(asset: Asset, price: Amount, field: str) -> int:
    """Return a price of a million units of gas in atoms for one of them."""
    atoms = asset.atoms(price, field)
    if atoms < 0 or atoms % 10**6:
        raise InputError(field, f"a multiple of {asset.grid.value(10**6)} {asset.name} for a million of gas", price)
    return atoms // 10**6


def _preset_rules(said: object, decimals: int) -> dict[str, int]:
    """Return the numbers of a protocol that a preset of a collateral brings."""
    if isinstance(said, AaveMarket):
        _, fee, close, full_below, close_value, left_value = said.terms(decimals)
        names = ("fee_ppm", "close_ppm", "full_below_ppm", "close_value_min", "left_value_min")
        return dict(zip(names, (fee, close, full_below, close_value, left_value), strict=True))
    if isinstance(said, LoanTerms):
        return {"call_ppm": said.call_ppm, "liquidation_ppm": said.liquidation_ppm}
    return {"store_front_ppm": said.store_front_ppm} if isinstance(said, CometFactors) else {}


def _check_form(form: str, lent: tuple[Asset, ...], rows: Mapping[Asset, Mapping[str, Any]]) -> None:
    """Refuse what a form does not do, before the world is told."""
    if form == "morpho":
        for asset in lent:
            if rows[asset]["price"] != (1, 1) or "market" in rows[asset]:
                raise InputError(f"oracle.{asset.name}", "1: values at Morpho are in the loan's atoms", rows[asset])
            if any(rows[asset].get(key, (0, 0, 0))[1] for key in ("terms", "mode_terms")):
                raise InputError(f"collateral.{asset.name}", "another asset: at Morpho what is lent bears losses", form)
    if form == "comet" and len(lent) != 1:
        raise InputError("borrow", "one asset, a Comet's base", len(lent))
