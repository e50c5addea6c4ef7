"""What the risk benchmark is held against: the C prototype of the trigger index, and the margin scan of lrvx.

The prototype is a program in the folder of the bare C reference, built and run as one; lrvx is a package of the extra
`peers` that looks at every position on every mark.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from common import GCC_LINE, ReferenceMissingError, bench_folder

if TYPE_CHECKING:
    from risk_workloads import Accounts

PROGRAM_FLAGS = [flag for flag in GCC_LINE if flag not in ("-shared", "-fPIC")]
NUMBER = r"([0-9.]+)"
PRINTED = {
    "rearm_ns": rf"rearm random account {NUMBER} ns/acct",
    "quiet_ns": rf"quiet mark {NUMBER} ns",
    "slide_s": rf"FALL: cpu {NUMBER} s",
    "liquidations": rf"liq {NUMBER} of",
    "evaluations_each": rf"reevals [0-9]+ = {NUMBER}/liq",
    "missed": rf"missed {NUMBER} ",
}
MAINTENANCE_PPM = 5_000  # one tier, so that lrvx and the engine mean the same


class Prototype(NamedTuple):
    """One run of the C prototype: accounts with 1 to `positions` positions, all prices fall by 20 % in 200 marks."""

    rearm_ns: float
    quiet_ns: float
    slide_s: float
    liquidations: int
    evaluations_each: float
    differences: list[str]


class PrototypeProgram:
    """The C prototype, built for the time of a `with`; ReferenceMissingError where it or gcc is absent."""

    def __enter__(self) -> Self:
        source = bench_folder() / "prototypes" / "triggers.c"
        if not source.is_file():
            raise ReferenceMissingError(f"no C prototype of the triggers: expected {source}")
        self._folder = tempfile.TemporaryDirectory()
        self._program = Path(self._folder.name) / "triggers"
        subprocess.run([*PROGRAM_FLAGS, "-o", str(self._program), str(source), "-lm"], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def run(self, accounts: int, markets: int, positions: int) -> Prototype:
        """Run it once; it times itself."""
        command = [str(self._program), "1", str(accounts), str(markets), str(positions)]
        return prototype_of(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def prototype_of(text: str) -> Prototype:
    """Read what the prototype prints."""
    found = {}
    for name, pattern in PRINTED.items():
        match = re.search(pattern, text)
        if match is None:
            raise ReferenceMissingError(f"the C prototype printed no {name}")
        found[name] = float(match[1])
    missed = int(found.pop("missed"))
    liquidations = int(found.pop("liquidations"))
    differences = [f"C prototype, missed: expected 0, was {missed}"] if missed else []
    return Prototype(**found, liquidations=liquidations, differences=differences)


# ---- lrvx ------------------------------------------------------------------------------------------------------------


def why_no_lrvx() -> str | None:
    """Say why lrvx cannot be driven here; None if it can."""
    if importlib.util.find_spec("lrvx") is None:
        return "lrvx is not installed (pip install 'firesale[peers]')"
    try:
        module = importlib.import_module("lrvx")
    except (ImportError, OSError) as error:
        return f"lrvx cannot be loaded: {error}"
    return None if hasattr(module, "LiquidationEngine") else "lrvx has no LiquidationEngine in this version"


def lrvx_engine(accounts: Accounts) -> Any:
    """Open each client's one position in lrvx, a tick as its price and a lot as its quantity."""
    engine = importlib.import_module("lrvx").LiquidationEngine()
    engine.add_tier(0, MAINTENANCE_PPM / 1_000_000)
    engine.set_insurance_fund_capital(1e15)
    engine.set_adl_enabled(False)
    price = float(accounts.marks[0])
    columns = (accounts.lots[: accounts.clients].tolist(), accounts.deposit[: accounts.clients].tolist())
    for account, (lots, deposit) in enumerate(zip(*columns, strict=True)):
        engine.open_position(account, 0, float(lots), price, float(deposit))
    return engine


def lrvx_seconds(engine: Any, marks: list[int]) -> float:
    """Send marks to lrvx; return CPU seconds."""
    prices = [float(mark) for mark in marks]
    on_mark = engine.on_mark
    begin = time.process_time_ns()
    for price in prices:
        on_mark(0, price)
    return (time.process_time_ns() - begin) / 1e9
