"""Counterfactuals: the same seeds without one link each, what that changed, and what each link carries.

Stands on `engine.story_runs`, `engine.pool`, `engine.intervals`, `engine.attribution`, `engine.verdict`. Every run is a
seed and a set of switches that are off; a run that two questions need is run once. Pairs are of one seed, so they draw
from the same streams (common random numbers) and differ by the switch. Promises: the same for any number of workers;
after Ctrl-C whatever seeds are whole are counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.attribution import Coalition, Share, coalitions, sampled_orders, shapley_of_seed, shares
from engine.errors import InputError
from engine.intervals import Difference, paired_difference
from engine.pool import Failure, run_tasks
from engine.scenarios.generated import Generated, name_of
from engine.story_runs import RunTask, StoryRun, asked_story, run_task, seed_list, task_label
from engine.switches import checked_off
from engine.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor

__all__ = ["Attribution", "Counterfactuals", "counterfactuals"]

SEEDS = 32
"""Paired seeds of the table where nobody says another number."""
ORDER_PAIRS = 1
"""Antithetic pairs of orders for each seed: 32 seeds have 64 orders."""
MAIN_COUNT = 6

Off = tuple[str, ...]


@dataclass(frozen=True)
class Attribution:
    """What each link carries of one outcome.

    Parameters
    ----------
    outcome : str
        Its name.
    total : float or None
        Mean over the seeds of the value with all links minus that with none; the shares add up to it.
    seeds : int
        In how many seeds every coalition could tell.
    shares : tuple of Share
        Shapley share of each link.
    alone : dict of str to Difference
        What changed when the link alone was taken away.
    """

    outcome: str
    total: float | None
    seeds: int
    shares: tuple[Share, ...]
    alone: Mapping[str, Difference]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data; ``alone`` is what the link adds as the last one."""
        links = {
            share.link: {
                **share.to_json(),
                "alone": _minus(self.alone[share.link].mean),
                "alone_low": _minus(self.alone[share.link].high),
                "alone_high": _minus(self.alone[share.link].low),
            }
            for share in self.shares
        }
        return {"total": self.total, "seeds": self.seeds, "links": links}


def _minus(value: float | None) -> float | None:
    return None if value is None else 0.0 - value  # and 0 stays 0, without a sign


@dataclass(frozen=True)
class Counterfactuals:
    """The table of a scenario's switches; printed it is what people are shown.

    Parameters
    ----------
    scenario, scale : str
        What was run.
    seeds : tuple of int
        The seeds whose runs have all ended.
    parameters : mapping of str to float
        What was set over the defaults.
    summaries : dict of str to str
        What each switch is.
    effects : dict of str to dict of str to Difference
        By switch and outcome: what changed without it.
    attribution : dict of str to Attribution
        By outcome; empty if it was not asked for.
    orders : int
        Sampled orders for each seed.
    verdict : Verdict or None
        None if the story asks no question.
    main : tuple of str
        Outcomes that people are shown first.
    runs : int
        How many runs have ended.
    failures : tuple of Failure
        Runs that failed; they could not tell anything.
    interrupted : bool
        Whether Ctrl-C came.
    """

    scenario: str
    scale: str
    seeds: tuple[int, ...]
    parameters: Mapping[str, float]
    summaries: dict[str, str]
    effects: dict[str, dict[str, Difference]]
    attribution: dict[str, Attribution]
    orders: int
    verdict: Verdict | None
    main: tuple[str, ...]
    runs: int
    failures: tuple[Failure, ...] = ()
    interrupted: bool = False

    @property
    def outcomes(self) -> list[str]:
        """Names of what is compared."""
        return list(dict.fromkeys(name for effects in self.effects.values() for name in effects))

    def rows(self) -> list[dict[str, Any]]:
        """Return the changes as the rows of a table: a switch and an outcome each."""
        return [
            {
                "switch": switch,
                "outcome": outcome,
                "base": found.base,
                "off": found.changed,
                "difference": found.mean,
                "low": found.low,
                "high": found.high,
                "same_sign": found.same_sign,
            }
            for switch, effects in self.effects.items()
            for outcome, found in effects.items()
        ]

    def to_json(self) -> dict[str, Any]:
        """Return what `counterfactuals.json` holds."""
        return {
            "scenario": self.scenario,
            "scale": self.scale,
            "seeds": list(self.seeds),
            "parameters": dict(self.parameters),
            "switches": {
                name: {
                    "summary": self.summaries[name],
                    "outcomes": {key: each.to_json() for key, each in found.items()},
                }
                for name, found in self.effects.items()
            },
            "attribution": {name: each.to_json() for name, each in self.attribution.items()},
            "orders_per_seed": self.orders,
            "verdict": None if self.verdict is None else self.verdict.to_json(),
            "runs": self.runs,
            "failed": [failure.to_json() for failure in self.failures],
            "interrupted": self.interrupted,
        }

    def __rich__(self) -> Any:
        """Return what people see: changes by switch, shares by link, words."""
        from rich.console import Group

        from engine.counterfactuals_shown import tables

        return Group(*tables(self))

    def __str__(self) -> str:
        from engine.counterfactuals_shown import text

        return text(self)


def counterfactuals(
    story: Any,
    scale: str | None = None,
    seeds: int | Sequence[int] = SEEDS,
    *,
    first_seed: int | None = None,
    switches: Iterable[str] | None = None,
    order_pairs: int = ORDER_PAIRS,
    parameters: Mapping[str, float] | None = None,
    changes: Mapping[str, Any] | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    finished: Callable[[int, int, StoryRun | Failure], None] | None = None,
) -> Counterfactuals:
    """Take a generated scenario apart, over paired seeds.

    Parameters
    ----------
    story : str, module or object
        A shipped scenario's name, or what has the face of `engine.scenarios.generated.Generated`.
    scale : str, optional
        One of its scales; the first by default.
    seeds : int or sequence of int, default 32
        How many from `first_seed` on, or which.
    first_seed : int, optional
        `engine.story_runs.FIRST_SEED` by default.
    switches : iterable of str, optional
        Which switches are taken away, one at a time; all by default.
    order_pairs : int, default 1
        Antithetic pairs of orders of the links for each seed; 0: no attribution.
    parameters : mapping of str to float, optional
        Over the defaults, in the parameters' units.
    changes : mapping of str to Any, optional
        Values by path over the generated scenario.
    workers, executor : optional
        As `engine.pool.run_tasks` takes them.
    finished : callable, optional
        Called with a run's place, the number of runs, and the run or its failure, as it ends.

    Returns
    -------
    Counterfactuals

    Raises
    ------
    InputError
        No such scale, switch or parameter; before anything runs.
    """
    reference, face, size, given = asked_story(story, scale, parameters)
    plan = _Plan(face, seed_list(seeds, first_seed), switches, order_pairs)
    tasks = [RunTask(reference, size, seed, off, given, dict(changes or {})) for seed, off in plan.runs]

    def told(index: int, entry: StoryRun | Failure) -> None:
        if finished is not None:
            finished(index, len(tasks), entry)

    ran = run_tasks(run_task, tasks, workers=workers, executor=executor, label=task_label, finished=told)
    table = _Table(plan, dict(zip(plan.runs, ran.entries, strict=True)))
    return Counterfactuals(
        scenario=name_of(reference),
        scale=size,
        seeds=tuple(table.seeds),
        parameters=given,
        summaries={name: face.SWITCHES[name].summary for name in plan.switches},
        effects={name: table.effects((name,)) for name in plan.switches},
        attribution=table.attributions(),
        orders=2 * order_pairs,
        verdict=_verdict(face, table),
        main=tuple(getattr(face, "MAIN_OUTCOMES", ())) or tuple(table.outcomes[:MAIN_COUNT]),
        runs=sum(entry is not None for entry in ran.entries),
        failures=tuple(ran.failures),
        interrupted=ran.interrupted,
    )


class _Plan:
    """Which runs a table needs: seed by seed, each once."""

    def __init__(self, face: Generated, seeds: list[int], switches: Iterable[str] | None, order_pairs: int) -> None:
        self.declared = face.SWITCHES
        self.switches = checked_off(face.SWITCHES, face.SWITCHES if switches is None else switches)
        self.links = tuple(checked_off(face.SWITCHES, face.LINKS)) if order_pairs else ()
        self.seeds = seeds
        if order_pairs < 0:
            raise InputError("order_pairs", "0 or more", order_pairs)
        self.orders = {seed: sampled_orders(self.links, seed, order_pairs) if self.links else [] for seed in seeds}
        self.runs: list[tuple[int, Off]] = [(seed, off) for seed in seeds for off in self.offs(seed)]

    def offs(self, seed: int) -> list[Off]:
        """Return what is off in the runs of a seed, each once, the base first."""
        needed: list[Off] = [(), *((name,) for name in self.switches)]
        needed += [self.off_of(coalition) for coalition in coalitions(self.orders[seed])]
        needed += [(link,) for link in self.links]
        return list(dict.fromkeys(needed))

    def off_of(self, coalition: Coalition) -> Off:
        """Return what is off where only these links are on."""
        return checked_off(self.declared, [link for link in self.links if link not in coalition])


@dataclass
class _Table:
    """The runs by seed and what was off; seeds of which a run is missing (Ctrl-C) are left out."""

    plan: _Plan
    entries: Mapping[tuple[int, Off], StoryRun | Failure | None]
    seeds: list[int] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        missing = {seed for (seed, _), entry in self.entries.items() if entry is None}
        self.seeds = [seed for seed in self.plan.seeds if seed not in missing]
        found = [entry.outcomes for entry in self.entries.values() if isinstance(entry, StoryRun)]
        self.outcomes = list(dict.fromkeys(name for each in found for name in each))

    def outcomes_of(self, off: Off) -> list[dict[str, float | None]]:
        """Return every seed's outcomes; of a run that failed none."""
        entries = [self.entries[seed, off] for seed in self.seeds]
        return [entry.outcomes if isinstance(entry, StoryRun) else {} for entry in entries]

    def effects(self, off: Off) -> dict[str, Difference]:
        """Return what changed by outcome."""
        base, changed = self.outcomes_of(()), self.outcomes_of(off)
        return {
            name: paired_difference([run.get(name) for run in base], [run.get(name) for run in changed])
            for name in self.outcomes
        }

    def attributions(self) -> dict[str, Attribution]:
        """Return what the links carry, by outcome."""
        if not self.plan.links:
            return {}
        alone = {link: self.effects((link,)) for link in self.plan.links}
        return {
            name: self._attribution(name, {link: effects[name] for link, effects in alone.items()})
            for name in self.outcomes
        }

    def _attribution(self, outcome: str, alone: Mapping[str, Difference]) -> Attribution:
        by_seed, totals = [], []
        for seed in self.seeds:
            orders = self.plan.orders[seed]
            value = {each: self._value(seed, each, outcome) for each in coalitions(orders)}
            known = {each: number for each, number in value.items() if number is not None}
            if len(known) == len(value):
                by_seed.append(shapley_of_seed(orders, known))
                totals.append(known[frozenset(self.plan.links)] - known[frozenset()])
        mean = sum(totals) / len(totals) if totals else None
        return Attribution(outcome, mean, len(by_seed), tuple(shares(self.plan.links, by_seed)), alone)

    def _value(self, seed: int, coalition: Coalition, outcome: str) -> float | None:
        entry = self.entries[seed, self.plan.off_of(coalition)]
        return entry.outcomes.get(outcome) if isinstance(entry, StoryRun) else None


def _verdict(face: Generated, table: _Table) -> Verdict | None:
    rule = getattr(face, "VERDICT", None)
    if rule is None:
        return None
    without = {name: table.outcomes_of((name,)) for name in rule.switches if name in table.plan.switches}
    return judge(rule, table.outcomes_of(()), without)
