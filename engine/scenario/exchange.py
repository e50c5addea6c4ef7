"""The exchange as a noun in Python: `sc.exchange("cex").spot("ATOM/USDT", ...)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.scenario.markets import IndexOracle, MarkOracle, Perp, Spot
from engine.units import exact

if TYPE_CHECKING:
    from decimal import Decimal

    from engine.scenario.markets import Venue
    from engine.scenario.scenario import Scenario

__all__ = ["Exchange"]

_QUOTE_DECIMALS = 6
_DECIMALS_MAX = 9


@dataclass(frozen=True)
class Exchange:
    """A venue of a scenario, on which markets are opened."""

    scenario: Scenario
    venue: Venue

    @property
    def name(self) -> str:
        """The venue's name."""
        return self.venue.name

    def spot(self, name: str, **options: Any) -> Spot:
        """Open a spot market; assets that are not declared yet are declared with defaults."""
        market = Spot(venue=self.name, **options).named(name)
        if not market.base_asset or not market.quote_asset:
            raise InputError("name", "a name such as ATOM/USDT, or base and quote", name)
        self._declare(market.quote_asset, _QUOTE_DECIMALS)
        self._declare(market.base_asset, _decimals_of(market.lot))
        self._open(name, market)
        return market.named(name)

    def perp(self, name: str, *, index: Any = None, every: str = "1s", lag: str = "0ms", **options: Any) -> Perp:
        """Open a perpetual; with `index`, a spot market, also its index and its mark.

        Parameters
        ----------
        name : str
            Its name.
        index : Spot or str, optional
            The market whose mid is its index.
        every, lag : str
            Cadence and lag of index and mark.
        **options
            Fields of `Perp`; it settles in the index market's quote asset by default.

        Returns
        -------
        Perp
        """
        source = getattr(index, "name", index)
        if "settle" not in options and source in self.scenario.markets:
            options["settle"] = self.scenario.markets[source].quote_asset
        market = Perp(venue=self.name, **options)
        self._declare(market.settle, _QUOTE_DECIMALS)
        self._open(name, market)
        if source is not None:
            oracles = {
                "index": IndexOracle(market=name, source=source, every=every, lag=lag),
                "mark": MarkOracle(market=name, every=every, lag=lag),
            }
            for word, oracle in oracles.items():
                self.scenario._hold("oracles", f"{word} {name}", oracle)  # noqa: SLF001  # the scenario's own helper
        return market.named(name)

    def _open(self, name: str, market: Any) -> None:
        self.scenario._hold("markets", name, market)  # noqa: SLF001  # the scenario's own helper

    def _declare(self, asset: str, decimals: int) -> None:
        if asset not in self.scenario.assets:
            self.scenario.asset(asset, decimals=decimals)


def _decimals_of(lot: Decimal) -> int:
    """Return the decimals that a base asset needs so that a lot is whole atoms."""
    exponent = exact(lot, "lot").normalize().as_tuple().exponent
    return min(_DECIMALS_MAX, max(0, -int(exponent)))
