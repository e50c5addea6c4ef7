"""A scenario in the making: its sections as plain data, its parameters, and what the switches take away.

The modules beside fill the sections in the file's order; `Scenario.from_data` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.scenarios.october.assets import Coin

__all__ = ["SIZES", "Draft", "Size", "money"]

ACCOUNTS_OF_THE_DAY = 1_600_000  # RULEBOOK 9 row 18


@dataclass(frozen=True)
class Size:
    """How much of the day a scale has.

    Parameters
    ----------
    coins, perpetuals, dex, bybit : int
        Assets, and how many of them have a perpetual at each venue, the largest first.
    accounts : int
        Leveraged accounts; each stands for ``1.6 M / accounts`` real ones, and so do its margin tiers.
    pace : float
        Looks of a maker a second in the largest market; the others follow the law of `Draft.pace_ms`.
    least : float
        And at least so many in every market.
    makers : int
        Makers of a group of markets.
    group : int
        Altcoins that a group of makers quotes.
    stale : int
        Stale orders a side and market.
    tolerance : str
        How far a quote may stand from where it should: at the full size every move renews it, as real makers do.
    noise : float
        Pauses of a maker between two orders of a market's noise: what moves a quiet book, and so renews its quotes.
    token_noise_ms : float
        The same pause in a token's book, ms.
    """

    coins: int
    perpetuals: int
    dex: int
    bybit: int
    accounts: int
    pace: float
    least: float
    makers: int
    group: int
    stale: int
    tolerance: str = "50%"
    noise: float = 2.5
    token_noise_ms: float = 5000.0


SIZES = {
    "small": Size(8, 7, 4, 3, 3_000, 1.0, 0.12, 3, 3, 40),
    "medium": Size(46, 32, 12, 8, 100_000, 4.0, 0.12, 4, 8, 60),
    "full": Size(470, 380, 170, 110, ACCOUNTS_OF_THE_DAY, 24.0, 0.45, 4, 12, 80, "0%", noise=1.1, token_noise_ms=800.0),
}


@dataclass
class Draft:
    """A scenario's sections, filled by the modules of this package."""

    size: Size
    coins: list[Coin]
    parameters: Mapping[str, float]
    off: frozenset[str]
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, section: str, name: str, **said: Any) -> None:
        """Add an object; what is None is left out."""
        self.sections.setdefault(section, {})[name] = {key: each for key, each in said.items() if each is not None}

    def has(self, link: str) -> bool:
        """Tell whether a link of the chain is there."""
        return link not in self.off

    @property
    def grain(self) -> float:
        """Real accounts that one of these stands for."""
        return ACCOUNTS_OF_THE_DAY / self.size.accounts

    def __getitem__(self, name: str) -> float:
        return self.parameters[name]

    def coin(self, name: str) -> Coin:
        """Return an asset by its name."""
        return next(coin for coin in self.coins if coin.name == name)

    def pace_ms(self, rank: int) -> int:
        """Return the mean pause of a maker's looks: longer in smaller markets, so that messages fall by Zipf's law."""
        pace: float = self.size.pace * rank ** -self["pace_tail"]
        return round(1000 / max(pace, self.size.least))

    def listed(self, venue: str) -> list[Coin]:
        """Return the assets that have a perpetual at a venue."""
        return self.coins[: self._listed(venue)]

    def lists(self, venue: str, coin: Coin) -> bool:
        """Tell whether an asset has a perpetual at a venue."""
        return coin.rank <= self._listed(venue)

    def _listed(self, venue: str) -> int:
        return {"binance": self.size.perpetuals, "dex": self.size.dex, "bybit": self.size.bybit}[venue]

    @property
    def backing(self) -> float:
        """How many times as large as they were funds and vault are."""
        return 1.0 if self.has("ring-fenced") else 10.0

    def share(self, venue: str) -> float:
        """Open interest at a venue, as a share of that at the first one."""
        return {"binance": 1.0, "dex": self["dex_share"], "bybit": self["bybit_share"]}[venue]


def money(amount: float, unit: str = "USDT") -> str:
    """Write an amount in whole units."""
    return f"{round(amount)} {unit}" if unit else f"{round(amount)}"
