"""The face of a scenario that a module generates: scales, parameters, switches, and what its runs are asked.

Stands on nothing at run time. A shipped scenario has it when its module, beside its TOML file, has `SCALES`; the file
is then the first scale, written. Such a module is scored (`engine.scoring`) and taken apart (`engine.counterfactuals`).
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from engine.part import Part
    from engine.scenario import Scenario
    from engine.scenarios.parameters import Parameter
    from engine.scorecard import Statistic
    from engine.switches import Switch

__all__ = ["Generated", "checked_scale", "name_of", "plain", "reference_of", "story_by"]


class Generated(Protocol):
    """What such a module, or an object that stands for one, must have.

    Beside these it may have `VERDICT` (`engine.verdict.Rule`), the question that its counterfactuals answer in words,
    and `MAIN_OUTCOMES`, names of the outcomes that people are shown first.
    """

    SCALES: Sequence[str]
    PARAMETERS: Mapping[str, Parameter]
    SWITCHES: Mapping[str, Switch]
    LINKS: Sequence[str]
    STATISTICS: Sequence[Statistic]

    def scenario(
        self,
        scale: str = ...,
        *,
        seed: int = ...,
        off: Iterable[str] = ...,
        parameters: Mapping[str, float] | None = ...,
    ) -> Scenario:
        """Return the scenario of a scale, a seed, with switches off and parameters set."""

    def outcomes(self, part: Part) -> Mapping[str, float | None]:
        """Return what counterfactuals compare."""

    def statistics(self, part: Part) -> Mapping[str, float | None]:
        """Return the scorecard's statistics by name; None where the run cannot tell."""


def plain(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return statistics or outcomes as plain numbers; one that is not finite the run could not tell.

    Examples
    --------
    >>> plain({"fall": 2, "low": float("nan"), "peak": None})
    {'fall': 2.0, 'low': None, 'peak': None}
    """
    return {name: None if value is None or not math.isfinite(value) else float(value) for name, value in values.items()}


def reference_of(story: Any) -> Any:
    """Return what a worker process gets of a story: a module's name, or the object itself.

    Parameters
    ----------
    story : str, module or object
        A shipped scenario's name, a module with the face of `Generated`, or an object that can be pickled.

    Raises
    ------
    InputError
        A shipped scenario without that face, or none of that name.
    """
    if isinstance(story, str):
        from engine.scenarios import generator_of

        found = generator_of(story)
        if found is None:
            raise InputError("scenario", "one that a module generates, with statistics and switches", story)
        story = found
    return story.__name__ if isinstance(story, ModuleType) else story


def story_by(reference: Any) -> Generated:
    """Return the story that `reference_of` named."""
    from importlib import import_module

    story: Generated = import_module(reference) if isinstance(reference, str) else reference
    return story


def name_of(reference: Any) -> str:
    """Return what people call the story."""
    last = reference.rsplit(".", 1)[-1] if isinstance(reference, str) else type(reference).__name__
    return str(last).replace("_", "-")


def checked_scale(story: Any, scale: str | None) -> str:
    """Return the scale, or the story's first.

    Raises
    ------
    InputError
        The story has no such scale.
    """
    if scale is None:
        return str(story.SCALES[0])
    if scale not in story.SCALES:
        raise InputError("scale", f"one of {', '.join(story.SCALES)}", scale)
    return scale
