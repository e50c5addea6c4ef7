"""Funding as venues declare it: when longs and shorts pay one another, on which price, and how much (F-1 .. F-6).

Stands on `engine.errors` and `engine.units`; the compiled core is not imported here.

::

    binance(cap="0.02")          every 8 h, on the mark, premium against the index
    hyperliquid()                every hour an eighth of the 8 h rate, on the oracle, at most 4 %
            | .core(impact_atoms)
            v
    World.add_funding(market, ...)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from engine.errors import InputError
from engine.units import Amount, Grid

__all__ = ["FundingRule", "binance", "hyperliquid"]

HOUR_MS = 3_600_000
_PPB = Grid("0.000000001")


def _ppb(share: Amount, field: str, *, least: int = 0) -> int:
    """Return a share in 10^-9; it lies between `least` and one."""
    ppb = _PPB.count(share, field)
    if not least <= ppb <= 10**9:
        raise InputError(field, "a share between -1 and 1" if least < 0 else "a share between 0 and 1", share)
    return ppb


@dataclass(frozen=True, kw_only=True)
class FundingRule:
    """Say how a perpetual settles funding.

    Parameters
    ----------
    every_ms : int
        From one settlement to the next, ms.
    sample_ms : int
        Cadence of the premium samples, ms.
    interest, clamp : Amount
        Interest per 8 h, and how far it may pull the rate from the premium, shares of the notional.
    cap : Amount
        Largest rate of one settlement, either way, share of the notional.
    on : {"mark", "oracle"}
        Price of the payments; on the oracle the premium is measured against it too.

    Raises
    ------
    InputError
        Names the field.

    Examples
    --------
    >>> FundingRule(every_ms=4 * 3_600_000, cap="0.01").core(25_000)["cap_ppb"]
    10000000
    """

    every_ms: int
    sample_ms: int = 5_000
    interest: Amount = "0.0001"
    clamp: Amount = "0.0005"
    cap: Amount = 1
    on: Literal["mark", "oracle"] = "mark"

    def __post_init__(self) -> None:
        for name, value in (("every_ms", self.every_ms), ("sample_ms", self.sample_ms)):
            if type(value) is not int or value < 1:
                raise InputError(name, "whole milliseconds, at least 1", value)
        if self.on not in ("mark", "oracle"):
            raise InputError("on", "mark or oracle", self.on)
        self.core(1)

    def core(self, impact_atoms: int) -> dict[str, Any]:
        """Return the options of `World.add_funding`; the impact is the market's, in its quote atoms."""
        return {
            "every_ms": self.every_ms,
            "sample_ms": self.sample_ms,
            "impact_atoms": impact_atoms,
            "interest_ppb": _ppb(self.interest, "interest", least=-(10**9)),
            "clamp_ppb": _ppb(self.clamp, "clamp"),
            "cap_ppb": _ppb(self.cap, "cap"),
            "on": self.on,
        }


def binance(*, cap: Amount, every_ms: int = 8 * HOUR_MS, interest: Amount = "0.0001") -> FundingRule:
    """Return funding as of Binance USD-M: on the mark, clamped to 0.05 % around the interest.

    Parameters
    ----------
    cap : Amount
        The contract's cap on the rate of one settlement, a share: its table says it contract by contract.
    every_ms : int
        8 h; 4 h and 1 h for some contracts. The rate is for the interval: (P + clamp) / (8 / N).
    interest : Amount
        Per 8 h; 0 for some contracts.

    Notes
    -----
    Formula of the notice in force since 18 September 2025.

    Examples
    --------
    >>> binance(cap="0.02").core(25_000)["clamp_ppb"]
    500000
    """
    return FundingRule(every_ms=every_ms, interest=interest, cap=cap)


def hyperliquid() -> FundingRule:
    """Return funding as of Hyperliquid: an eighth of the 8 h rate every hour, on the oracle, at most 4 % an hour.

    Examples
    --------
    >>> rule = hyperliquid()
    >>> rule.every_ms, rule.core(20_000)["cap_ppb"], rule.on
    (3600000, 40000000, 'oracle')
    """
    return FundingRule(every_ms=HOUR_MS, cap="0.04", on="oracle")
