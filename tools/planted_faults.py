"""Plant the faults of engine/native/planted.pxd one by one, run the tests against each, and say which test killed it.

Usage: planted_faults.py [NAME...], on a core that was built with FIRESALE_FAULTS=1 (`make faults` does both). For each
fault the tests named for its rule run first, then all tests of the book (of another part, for a fault of that part's
rules: `tests_of`), then the random walks; the first that fails has killed it. Without
names all faults are planted and, if none survives, docs/planted-faults.md is written. Exit status 1 if a fault
survived, or if the tests fail without one.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "engine" / "native" / "planted.pxd"
PAGE = ROOT / "docs" / "planted-faults.md"
SYMBOL = b"engine_planted"  # the variable that says which fault is planted: in a checked core only
SECONDS_MAX = 120  # for one run of one stage; a test that hangs has noticed the fault as well

UNIT = [*sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "unit").glob("test_book*.py"))]
UNIT.append("tests/unit/test_digest.py")
WALKS = ["tests/properties/test_book_batches.py", "tests/properties/test_book_machine.py"]
# Faults of the triggers (section E) are for these; tests that plant faults themselves would take the planted one away.
MARGIN_UNIT = ["tests/unit/test_margin_world.py", "tests/unit/test_margin_funds.py", "tests/unit/test_margin_bands.py"]
MARGIN_WALKS = ["tests/properties/test_margin_walks.py"]
WATERFALL_UNIT = ["tests/unit/test_waterfall_borders.py", "tests/unit/test_policy_stories.py"]
WATERFALL_WALKS = ["tests/properties/test_waterfall_worlds.py"]
LENDING_UNIT = [
    f"tests/unit/test_{name}.py" for name in ("world_lending", "lending_forms", "blocks", "lending_world_examples")
]
LENDING_WALKS = ["tests/properties/test_lending_worlds.py"]
BREAKER_UNIT = ["tests/unit/test_breaker.py"]
BREAKER_WALKS = [*WATERFALL_WALKS, "tests/properties/test_world_replay.py"]
SUMS_UNIT = ["tests/unit/test_margin_sums.py"]
SUMS_WALKS = ["tests/properties/test_margin_sum_walks.py"]
STAGES = [(UNIT, WALKS), (MARGIN_UNIT, MARGIN_WALKS), (WATERFALL_UNIT, WATERFALL_WALKS), (LENDING_UNIT, LENDING_WALKS)]
STAGES += [(BREAKER_UNIT, BREAKER_WALKS), (SUMS_UNIT, SUMS_WALKS)]
WITHOUT = "not reference and not slow and not found_out"
# The reference has no faults; a fixed seed gives the same walks each time; this file is a plugin, too.
PYTEST = ["-m", "pytest", "-x", "-v", "--tb=no", "-p", "no:cacheprovider", "-p", "planted_faults"]
PYTEST.append("--hypothesis-seed=0")
PLUGIN = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tools")]), "PYTHONUNBUFFERED": "1"}

HEAD = """\
# Planted faults

A green suite says something only if it would be red with a wrong engine. So one build of the core carries
{count} slips that
somebody could make, each beside the line where it would be made (`engine/native/planted.pxd`), and plants at
most one of them
at run time. Every one is killed: some test of the ordinary suite fails with it. In every other build the hooks are the
constant 0, and no name of them is left in the core (`tests/unit/test_planted_faults.py`; reasons: decision 17).

- `make faults` builds that core, runs the tests without a fault and then against each, writes this page, and
  puts the release
  build back. It fails if a fault survives. `make faults ARGS="STOP_LATE YOUNGEST_FIRST"` plants only these
  and writes nothing.
- `FIRESALE_FAULT=STOP_LATE python ...` plants one for a whole process; `engine._core.plant("STOP_LATE")` from within.

"Killed by" is the first test that failed: the tests named for the rule run first, then all tests of the book
in the order of
their files (of margin units, for a fault of the triggers; of the waterfall, for one of X or L-14; of lending, of
breakers, of margin sums for theirs), then the random walks.
A fault that ends or hangs the process is killed by the test that ran then.

Last run that changed this table: {date}.

| fault | rule | the slip | killed by |
|---|---|---|---|
"""


class Fault(NamedTuple):
    name: str
    rule: str
    slip: str


class Verdict(NamedTuple):
    killer: str | None  # id of the test; None if all passed
    how: str  # "" for a failed test
    seconds: float


def pytest_collection() -> None:
    """Let the walks stop at what they find: making the example smaller takes minutes and nobody reads it here."""
    from hypothesis import Phase, settings

    phases = [Phase.explicit, Phase.generate]
    settings.register_profile("planted", parent=settings.default, phases=phases, database=None)
    settings.load_profile("planted")


def listed_faults() -> list[Fault]:
    """Read the list in the kernel's source."""
    found = re.findall(r'X\(([A-Z0-9_]+), "([A-Z]-[0-9]+)", "([^"]+)"\)', SOURCE.read_text(encoding="utf-8"))
    return [Fault(*fields) for fields in found]


def environment(fault: str, storage: str) -> dict[str, str]:
    """Give a run its fault, and a place for examples that is thrown away; a caller's pytest options do not count."""
    kept = {key: value for key, value in os.environ.items() if key not in ("FIRESALE_FAULT", "PYTEST_ADDOPTS")}
    return {**kept, "FIRESALE_FAULT": fault, "HYPOTHESIS_STORAGE_DIRECTORY": storage, **PLUGIN}


def run_tests(fault: str, tests: list[str], selection: str) -> Verdict | None:
    """Run tests until the first that fails; None if the selection is empty."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as storage:
        process = subprocess.Popen(
            [sys.executable, *PYTEST, "-k", selection, *tests],
            cwd=ROOT,
            env=environment(fault, storage),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        how = ""
        try:
            output, _ = process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            how = "hangs"
    seconds = time.monotonic() - started
    if process.returncode == 5:
        return None
    if process.returncode == 0:
        return Verdict(None, "", seconds)
    if not how and process.returncode < 0:
        how = signal.Signals(-process.returncode).name
    return Verdict(first_failed(output), how, seconds)


def first_failed(output: str) -> str:
    """Find the test that failed, or that ran when the process ended."""
    ran = re.findall(r"^(tests/\S+::.*?)(?: (PASSED|FAILED|ERROR|SKIPPED)\b.*)?$", output.partition("\n====")[0], re.M)
    ran += re.findall(r"^(?:FAILED|ERROR) (tests/\S+)( )", output, re.M) if not ran else []
    for test, result in ran:
        if result in ("FAILED", "ERROR"):
            return test
    if ran:
        return ran[-1][0].strip()
    sys.exit(f"pytest found no test that failed:\n{output[-3000:]}")


def tests_of(rule: str) -> tuple[list[str], list[str]]:
    """Name the unit tests and the walks that a fault against a rule is for."""
    if rule.startswith("E-"):
        return MARGIN_UNIT, MARGIN_WALKS
    if rule.startswith("X-") or rule == "L-14":
        return WATERFALL_UNIT, WATERFALL_WALKS
    if rule[0] in "BY":
        return LENDING_UNIT, LENDING_WALKS
    if rule == "V-9":
        return BREAKER_UNIT, BREAKER_WALKS
    if rule == "C-9":
        return SUMS_UNIT, SUMS_WALKS
    return UNIT, WALKS


def judge(fault: Fault) -> Verdict:
    """Run the stages until one kills the fault."""
    named = f"_{fault.rule.lower().replace('-', '')}_"
    seconds = 0.0
    unit, walks = tests_of(fault.rule)
    for tests, selection in ((unit, f"{named} and {WITHOUT}"), (unit, WITHOUT), (walks, WITHOUT)):
        verdict = run_tests(fault.name, tests, selection)
        if verdict is None:
            continue
        seconds += verdict.seconds
        if verdict.killer:
            return verdict._replace(seconds=seconds)
    return Verdict(None, "", seconds)


def row(fault: Fault, verdict: Verdict) -> str:
    """Write one row of the table."""
    killer = "**survived**"
    if verdict.killer:
        test = verdict.killer.removeprefix("tests/").replace("|", "\\|")
        killer = f"`{test}`" + (f" ({verdict.how})" if verdict.how else "")
    return f"| `{fault.name}` | {fault.rule} | {fault.slip} | {killer} |\n"


def write_page(rows: list[str]) -> None:
    """Write the table, unless it would be the same but for the date."""
    text = HEAD.format(count=len(rows), date=dt.datetime.now(tz=dt.UTC).date()) + "".join(rows)
    undated = re.compile(r"^Last run .*$", re.M)
    if not PAGE.exists() or undated.sub("", PAGE.read_text(encoding="utf-8")) != undated.sub("", text):
        PAGE.write_text(text, encoding="utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}")


def check_core(faults: list[Fault]) -> None:
    """Refuse a core that cannot be asked."""
    sys.path.insert(0, str(ROOT))
    from engine import _core

    if not _core.planted_faults():
        sys.exit("expected a core built with FIRESALE_FAULTS=1: make faults")
    if list(_core.planted_faults()) != [fault.name for fault in faults]:
        sys.exit(f"the core's faults are not those of {SOURCE.relative_to(ROOT)}")
    if SYMBOL not in Path(_core.__file__).read_bytes():
        sys.exit(f"no {SYMBOL.decode()} in {_core.__file__}: the search for it in the release core proves nothing")


def main(names: list[str]) -> int:
    faults = listed_faults()
    check_core(faults)
    unknown = set(names) - {fault.name for fault in faults}
    if unknown:
        sys.exit(f"expected names of faults, was {' '.join(sorted(unknown))}")
    started = time.monotonic()
    for tests in (part for stage in STAGES for part in stage):
        verdict = run_tests("", tests, WITHOUT)
        if verdict is None or verdict.killer:
            sys.exit(f"without a fault: failed {verdict and verdict.killer}")
        print(f"without a fault: {tests[0]} ... passed, {verdict.seconds:.1f} s", flush=True)
    rows, survivors = [], []
    for fault in faults:
        if names and fault.name not in names:
            continue
        verdict = judge(fault)
        rows.append(row(fault, verdict))
        if not verdict.killer:
            survivors.append(fault.name)
        killer = f"{verdict.killer} {verdict.how}" if verdict.killer else "SURVIVED"
        print(f"{fault.name:28} {fault.rule:5} {verdict.seconds:5.1f} s  {killer}", flush=True)
    if not names and not survivors:
        write_page(rows)
    survived = f": {' '.join(survivors)}" if survivors else ""
    killed, seconds = len(rows) - len(survivors), time.monotonic() - started
    print(f"{killed} killed, {len(survivors)} survived{survived}; {seconds:.0f} s")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
