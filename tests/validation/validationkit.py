"""What the tests of the validation share."""

from __future__ import annotations

from functools import cache

from engine.validation import events
from engine.validation.plan import Plan


@cache
def quick_lines(name):
    """Return the quick lines of a check at the set's own seed; each check runs once a process."""
    return tuple(events.CHECKS[name](Plan(events.SEED, quick=True)))
