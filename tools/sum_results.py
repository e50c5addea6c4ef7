"""Sum up what the stages of .ci/run left behind, print `N passed, N failed`, and exit 1 if anything failed.

Usage: sum_results.py FOLDER, which holds NAME.status (exit status) for every stage and NAME.xml (JUnit) for those that
ran pytest. A stage that exited with an error although no test of it failed (a build, a type error, a crash) counts as
one failure.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def counts(report: Path) -> tuple[int, int, int]:
    """Count the passed, failed and skipped tests of one JUnit report; none for a missing or broken one."""
    try:
        suites = list(ET.parse(report).getroot().iter("testsuite"))
    except (OSError, ET.ParseError):
        return 0, 0, 0
    tests, failures, errors, skipped = (
        sum(int(suite.get(key, "0")) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
    )
    return max(tests - failures - errors - skipped, 0), failures + errors, skipped


def main(folder: Path) -> int:
    total_passed = total_failed = total_skipped = 0
    for status_file in sorted(folder.glob("*.status")):
        passed, failed, skipped = counts(status_file.with_suffix(".xml"))
        if int(status_file.read_text()) != 0 and failed == 0:
            failed = 1
        print(f"{status_file.stem:>10}: {passed} passed, {failed} failed, {skipped} skipped")
        total_passed += passed
        total_failed += failed
        total_skipped += skipped
    if total_skipped:
        print(f"{total_skipped} skipped in all")
    print(f"{total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not total_passed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
