"""Scenarios as data: pydantic models, units and distributions, one path grammar, errors with file, line and column.

Only this package imports pydantic; `import engine` does not import it.
"""

from engine.scenario.scenario import Record, Scenario, Variant

__all__ = ["Record", "Scenario", "Variant"]
