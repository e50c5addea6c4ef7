"""Fixtures and Hypothesis settings of the whole suite.

Every test that takes `book_class` or `queue_class` runs twice, on the reference and on the native engine. If the native
engine cannot be imported its half fails; it never skips, for a suite that is green without the engine proves nothing.
"""

from __future__ import annotations

import importlib
import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    deadline=None,
    derandomize=False,
    print_blob=True,
    # `make test-long` draws more.
    max_examples=int(os.environ.get("FIRESALE_EXAMPLES") or 60),
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")

TOLD = "told at the end"
MODULES = {"reference": "engine.reference", "native": "engine"}


@pytest.fixture(params=list(MODULES))
def engine_name(request):
    return request.param


@pytest.fixture
def book_class(engine_name):
    return importlib.import_module(MODULES[engine_name]).OrderBook


@pytest.fixture
def queue_class(engine_name):
    return importlib.import_module(MODULES[engine_name]).EventQueue


@pytest.fixture
def told_at_the_end(request):
    """A function that has lines printed after the run, whether the test passes or not."""

    def tell(*lines):
        # Properties travel with the report, from another process too.
        request.node.user_properties += [(TOLD, line) for line in lines]

    return tell


def pytest_terminal_summary(terminalreporter):
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    for report in reports:
        lines = [value for name, value in getattr(report, "user_properties", ()) if name == TOLD]
        if lines and report.when == "call":
            terminalreporter.section(report.nodeid, sep="-")
            terminalreporter.write_line("\n".join(lines))
