"""The set "lending": published numbers of loops, liquidations, protocols, pools, bots and of a synthetic dollar.

Stands on the modules that it lists. Nothing is drawn: the seed and `--quick` change nothing, and every band is 1e-9 of
the number or one smallest unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.validation.lending_exits import check_backing, check_bots, check_stable_swap
from engine.validation.lending_loops import check_carry, check_emode, check_loop
from engine.validation.lending_protocols import (
    check_aave,
    check_compound,
    check_interest,
    check_loans,
    check_morpho,
)
from engine.validation.lending_spread import check_fixed_spread, check_toxic

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.validation.line import Line
    from engine.validation.plan import Plan

SUMMARY = "loops, fixed-spread liquidation, protocols, StableSwap, bots, backing (validation set V4)"
SEED = 20251010

CHECKS: dict[str, Callable[[Plan], list[Line]]] = {
    "loop": check_loop,
    "e-mode": check_emode,
    "carry": check_carry,
    "fixed-spread": check_fixed_spread,
    "toxic": check_toxic,
    "aave": check_aave,
    "interest": check_interest,
    "morpho": check_morpho,
    "compound": check_compound,
    "loans": check_loans,
    "stableswap": check_stable_swap,
    "bots": check_bots,
    "backing": check_backing,
}
