"""Fixtures and Hypothesis settings of the whole suite.

Every test that takes `book_class` or `queue_class` runs twice, on the reference and on the native engine. If the native
engine cannot be imported its half fails; it never skips, for a suite that is green without the engine proves nothing.
"""

from __future__ import annotations

import importlib

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    deadline=None,
    derandomize=False,
    print_blob=True,
    max_examples=60,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")

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
