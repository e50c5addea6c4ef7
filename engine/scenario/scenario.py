"""A scenario as data: the Python objects and the TOML file map one to one.

`Scenario` holds sections of named objects. It is made from a file (`from_toml`), from plain data (`from_data`) or in
Python (`exchange`, `add`, `at`); `but` returns a changed copy; `simulation` and `run` build it. Promises: a scenario
that was read is whole (every rule of `checks` holds), and `from_toml(sc.to_toml()) == sc`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from engine.agents import Agent, ArrayAgent
from engine.errors import InputError
from engine.scenario.agents import Holders, PopulationBase, PythonAgents
from engine.scenario.base import Model, Named
from engine.scenario.checks import check_whole
from engine.scenario.crowds import POPULATION_KINDS, Crowd, Population
from engine.scenario.events import EVENT_KINDS, Event, Orders, Shock
from engine.scenario.lenders import Lender
from engine.scenario.markets import MARKET_KINDS, ORACLE_KINDS, Asset, Market, Oracle, Venue
from engine.scenario.paths import SECTIONS, format_path, parse_path, set_value
from engine.scenario.pools import Pool
from engine.scenario.problems import NOTHING, Problem, ScenarioError, problems_of
from engine.scenario.quantities import CADENCE, START, moment_ms
from engine.scenario.record import Record
from engine.scenario.words import did_you_mean, one_of
from engine.scenario.written import write_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.run import RunResult
    from engine.scenario.exchange import Exchange
    from engine.scenario.located import Path
    from engine.simulation import Simulation

__all__ = ["BASE", "Record", "Scenario", "Variant"]

STAND_INS = {"name": "?", "start": "1970-01-01T00:00Z", "duration": "1d", "seed": 0}
BASE = "base"  # the scenario itself among its parts


class Variant(Named):
    """A named, paired counterfactual: the same file with some values set."""

    summary: str = ""
    extends: str | None = Field(None, description="variant that is applied first")
    set: dict[str, Any] = Field(default_factory=dict, description="values by path")


_KINDS: dict[str, dict[str, type[Named]]] = {
    "markets": MARKET_KINDS,
    "oracles": ORACLE_KINDS,
    "populations": {**POPULATION_KINDS},
    "events": EVENT_KINDS,
}
_MODELS: dict[str, type[Named]] = {
    "assets": Asset,
    "venues": Venue,
    "lenders": Lender,
    "pools": Pool,
    "variants": Variant,
}


class Scenario(Model):
    """A scenario: assets, venues, markets, oracles, populations, events, what is recorded, and variants.

    Parameters
    ----------
    name : str
        Its name.
    start : str
        Date and time of its first millisecond, UTC.
    duration : str
        How long it runs.
    seed : int
        Key of every random draw.

    Examples
    --------
    >>> sc = Scenario("small", start="2025-10-10T20:45Z", duration="1min", seed=1)
    >>> cex = sc.exchange("cex")
    >>> spot = cex.spot("ATOM/USDT", tick="0.001", lot="0.001", price="4.000")
    >>> Scenario.from_toml(sc.to_toml()) == sc, sc.but({"duration": "2min"}).duration
    (True, 120000)
    """

    model_config = ConfigDict(extra="forbid", frozen=False)
    POSITIONAL: ClassVar[tuple[str, ...]] = ("name",)

    name: str = Field(min_length=1, description="name, a text")
    summary: str = Field("", description="a sentence about it")
    story: str | None = Field(None, description="module of further figures, for shipped scenarios")
    start: Annotated[datetime, START] = Field(description='start, such as "2025-10-10T20:45Z"')
    duration: Annotated[int, CADENCE] = Field(description='duration, such as "105min"')
    seed: int = Field(strict=True, ge=-(2**63), lt=2**64, description="seed, a whole number")
    parts: list[str] = Field(
        default_factory=lambda: [BASE], description="what a run runs: base, and variants", min_length=1
    )
    assets: dict[str, Asset] = Field(default_factory=dict)
    venues: dict[str, Venue] = Field(default_factory=dict)
    markets: dict[str, Market] = Field(default_factory=dict)
    oracles: dict[str, Oracle] = Field(default_factory=dict)
    lenders: dict[str, Lender] = Field(default_factory=dict)
    pools: dict[str, Pool] = Field(default_factory=dict)
    populations: dict[str, Population] = Field(default_factory=dict)
    events: dict[str, Event] = Field(default_factory=dict)
    record: Record = Record()
    variants: dict[str, Variant] = Field(default_factory=dict)
    _folder: FilePath | None = PrivateAttr(None)  # where files that it names are looked for

    @property
    def folder(self) -> FilePath | None:
        """Where the files that it names are looked for before the shipped ones."""
        return self._folder

    def __eq__(self, other: object) -> bool:
        """Tell whether two scenarios say the same; where their files are does not count."""
        if not isinstance(other, Scenario):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in Scenario.model_fields)

    __hash__ = None  # type: ignore[assignment]  # it can be added to

    def __reduce__(self) -> Any:
        """Pickle as plain data: processes of a sweep get a scenario so."""
        return _from_pickle, (type(self), self.to_data(), self._folder)

    def __deepcopy__(self, _: object = None) -> Self:
        return type(self).from_data(self.to_data(), folder=self._folder)

    # ---- from and to data --------------------------------------------------------------------------------------------

    @classmethod
    def from_toml(cls, source: str | FilePath) -> Self:
        """Read a scenario from a TOML file, or from a text.

        Parameters
        ----------
        source : Path or str
            A path, or a text (a string with a line end, or with an equals sign and no ``.toml`` at its end).

        Returns
        -------
        Scenario

        Raises
        ------
        ScenarioError
            With everything that is wrong, each with its line and column.
        InputError
            The file cannot be read.
        """
        from engine.scenario.reading import read_toml

        return read_toml(cls, source)

    @classmethod
    def from_data(cls, data: Mapping[str, Any], *, folder: FilePath | None = None) -> Self:
        """Return the scenario of plain data; raises `ScenarioError` with all that is wrong."""
        scenario, problems = cls.checked(data, folder=folder)
        if problems:
            raise ScenarioError(problems)
        return scenario

    @classmethod
    def checked(cls, data: Mapping[str, Any], *, folder: FilePath | None = None) -> tuple[Self, list[Problem]]:
        """Return what could be read of plain data, and everything that is wrong with it."""
        values: dict[str, Any] = {name: value for name, value in data.items() if name not in SECTIONS}
        problems: list[Problem] = []
        broken: list[tuple[Path, dict[str, Any]]] = []
        for section in SECTIONS:
            values[section], found = _read_section(section, data.get(section, {}), broken)
            problems += found
        try:
            scenario = cls.model_validate(values)
        except ValidationError as error:
            head = problems_of(error, cls)
            problems = head + problems
            scenario = cls._without({str(problem.path[0]) for problem in head}, values)
        scenario._folder = folder  # noqa: SLF001  # one of itself
        names = {section: set(_table(data.get(section))) for section in SECTIONS}
        return scenario, problems + check_whole(scenario, names, broken)

    @classmethod
    def _without(cls, wrong: set[str], values: dict[str, Any]) -> Self:
        """Return a scenario for the rules to look at although its head is wrong; what was wrong they find as None."""
        good = {name: value for name, value in values.items() if name not in wrong}
        scenario = cls.model_validate({**STAND_INS, **good})
        for name in wrong & set(STAND_INS):
            setattr(scenario, name, None)
        return scenario

    def to_data(self) -> dict[str, Any]:
        """Return the scenario as plain data: what was said, not the defaults."""
        data = self.model_dump(exclude_unset=True, exclude_none=True, exclude=set(SECTIONS))
        for section in SECTIONS:
            objects = getattr(self, section)
            data[section] = {name: _dumped(each) for name, each in objects.items()}
        order = [name for name in type(self).model_fields if data.get(name) not in ({}, None)]
        return {name: data[name] for name in order}

    @property
    def is_data(self) -> bool:
        """Whether it can be written: no population has a Python agent that is made already."""
        return not any(
            isinstance(each, PythonAgents) and not isinstance(each.agent, str) for each in self.populations.values()
        )

    def to_toml(self) -> str:
        """Return the scenario as TOML; `from_toml` reads an equal one.

        Raises
        ------
        InputError
            A population has a Python agent that is made already, not a class.
        """
        for name, each in self.populations.items():
            if isinstance(each, PythonAgents) and not isinstance(each.agent, str):
                path = format_path(("populations", name, "agent"))
                raise InputError(
                    path, "a class, since an agent that is made already is no data", type(each.agent).__name__
                )
        return write_toml(self.to_data(), SECTIONS)

    def check(self) -> Self:
        """Return the scenario if it is whole; raises `ScenarioError` with all that is wrong."""
        problems = check_whole(self, {section: set(getattr(self, section)) for section in SECTIONS})
        if problems:
            raise ScenarioError(problems)
        return self

    # ---- changed copies ----------------------------------------------------------------------------------------------

    def but(self, changes: Mapping[str, Any]) -> Self:
        """Return a copy with some values set, in order.

        Parameters
        ----------
        changes : mapping
            Values by path; see `engine.scenario.paths`.

        Returns
        -------
        Scenario

        Raises
        ------
        ScenarioError
            A path leads nowhere, or the changed scenario is wrong.

        Examples
        --------
        >>> sc = Scenario("small", start="2025-10-10T20:45Z", duration="1min", seed=1)
        >>> sc.but({"record.samples_every": "250ms"}).record.samples_every
        250
        """
        data = self.to_data()
        problems = []
        for text, value in changes.items():
            try:
                path = parse_path(text)
                set_value(data, path, _plain(value))
            except InputError as error:
                problems.append(Problem(_path_or_text(error, text), error.expected, error.was))
        if problems:
            raise ScenarioError(problems)
        return type(self).from_data(data, folder=self._folder)

    def variant(self, name: str) -> Self:
        """Return the scenario of one of its variants; `base` is the scenario itself."""
        if name == BASE:
            return self
        changes: dict[str, Any] = {}
        for each in self.line_of(name):
            # A later variant's value comes last, also where an earlier one has set it.
            changes = {**{path: old for path, old in changes.items() if path not in each.set}, **each.set}
        return self.but(changes)

    def line_of(self, name: str) -> list[Variant]:
        """Return a variant and those that it extends, the first one first."""
        line: list[Variant] = []
        following: str | None = name
        while following is not None and following != BASE:
            found = self.variants.get(following)
            if found is None or not found.enabled:
                raise InputError("variant", one_of([BASE, *self.variants], following), following)
            if found in line:
                raise InputError("variant", "variants that do not extend each other in a circle", name)
            line.insert(0, found)
            following = found.extends
        return line

    # ---- in Python ---------------------------------------------------------------------------------------------------

    def asset(self, name: str, *, decimals: int = 6, supply: object = "1bn") -> Asset:
        """Declare an asset."""
        asset: Asset = self._hold("assets", name, Asset(decimals=decimals, supply=supply))
        return asset

    def oracle(self, name: str, oracle: Any) -> Any:
        """Declare an oracle such as ``MarkOracle(perp, every="1s")``."""
        if not isinstance(oracle, tuple(ORACLE_KINDS.values())):
            raise InputError("oracle", "an oracle such as MarkOracle(...)", oracle)
        return self._hold("oracles", name, oracle)

    def lender(self, name: str, lender: Lender) -> Lender:
        """Declare a lender."""
        if not isinstance(lender, Lender):
            raise InputError("lender", "a lender such as Lender(...)", lender)
        held: Lender = self._hold("lenders", name, lender)
        return held

    def pool(self, name: str, pool: Pool) -> Pool:
        """Declare a pool."""
        if not isinstance(pool, Pool):
            raise InputError("pool", "a pool such as Pool(...)", pool)
        held: Pool = self._hold("pools", name, pool)
        return held

    def exchange(self, name: str, **options: Any) -> Exchange:
        """Open a venue; its markets are opened on what this returns."""
        from engine.scenario.exchange import Exchange

        return Exchange(self, self._hold("venues", name, Venue(**options)))

    def add(
        self,
        population: PopulationBase | Agent | ArrayAgent,
        name: str | None = None,
        *,
        rest: PopulationBase | None = None,
        **options: Any,
    ) -> Any:
        """Add a population, and the one that takes the other side of its positions.

        Parameters
        ----------
        population : PopulationBase, Agent or ArrayAgent
            Such as ``12 * MarketMaker(...)``; a Python agent stands for `PythonAgents` of it.
        name : str, optional
            Its kind by default.
        rest : PopulationBase, optional
            For `Holders` and `Crowd`.
        **options
            For a Python agent: fields of `PythonAgents`, such as `on`, `brings`, `link`.

        Returns
        -------
        PopulationBase
            The population under its name.
        """
        if isinstance(population, (Agent, ArrayAgent)):
            population, options = PythonAgents(agent=population, **options), {}
        if options:
            raise InputError("options", "none but for a Python agent", ", ".join(options))
        if not isinstance(population, PopulationBase):
            raise InputError("population", "a population such as MarketMaker(...)", population)
        own = name or self._free_name("populations", population.kind)
        if rest is not None:
            if not isinstance(population, (Holders, Crowd)):
                raise InputError("rest", "nothing but for Holders and Crowd", rest)
            other = rest if rest.name in self.populations else self._hold("populations", f"rest of {own}", rest)
            taker = other.name if isinstance(population, Holders) else [other.name]
            population = population.model_copy(update={"rest": taker})
        return self._hold("populations", own, population)

    def at(self, at: object, event: Any, name: str | None = None) -> Any:
        """Let an event happen at a time since the start (``"60s"``) or a clock time (``"20:50"``)."""
        if not isinstance(event, (Shock, Orders)):
            raise InputError("event", "an event such as Shock(...)", event)
        own = name or self._free_name("events", event.kind)
        moved = type(event)(**{**_dumped(event), "at": at})
        return self._hold("events", own, moved)

    def _free_name(self, section: str, word: str) -> str:
        taken, count = getattr(self, section), 1
        while (f"{word}-{count}" if count > 1 else word) in taken:
            count += 1
        return f"{word}-{count}" if count > 1 else word

    def _hold(self, section: str, name: str, value: Any) -> Any:
        """Put an object into a section under a new name."""
        held = getattr(self, section)
        if not name or name in held:
            raise InputError(f"{section} name", "a new, non-empty name", name)
        held[name] = value.named(name)
        setattr(self, section, held)  # so that it counts as said
        return held[name]

    # ---- run ---------------------------------------------------------------------------------------------------------

    def time_ms(self, moment: int | str) -> int:
        """Return when a moment is, milliseconds since the start."""
        return moment_ms(moment, self.start)

    def simulation(self) -> Simulation:
        """Return the scenario built and not yet run."""
        from engine.scenario.build import build

        return build(self.check())

    def run(self, *, parts: list[str] | None = None) -> RunResult:
        """Run the scenario (the parts that it names, or others) and return the result."""
        from engine.run import carry_out, new_result

        result = new_result(self, parts=parts)
        carry_out(result)
        return result


def _from_pickle(cls: type[Scenario], data: dict[str, Any], folder: FilePath | None) -> Scenario:
    return cls.from_data(data, folder=folder)


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _plain(value: object) -> Any:
    """Return a value as data: models, also within lists, as tables, names or laws."""
    from engine.scenario.laws import Law

    if isinstance(value, Law):
        return value.to_data()
    if isinstance(value, Named) and value.name:
        return value.name
    if isinstance(value, BaseModel):
        return _dumped(value)
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return _plain(value.tolist())  # a sweep's own numbers
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value


def _dumped(value: BaseModel) -> dict[str, Any]:
    """Return a model as plain data, its kind first."""
    if isinstance(value, PythonAgents) and not isinstance(value.agent, str):
        # The agent itself is no data: it is handed on, and pydantic does not look into it.
        return {**_dumped(value.model_copy(update={"agent": ""})), "agent": value.agent}
    data = value.model_dump(exclude_unset=True, exclude_none=True)
    kind = getattr(value, "kind", None)
    return {**({"kind": kind} if kind else {}), **data}


def _path_or_text(error: InputError, text: str) -> tuple[str | int, ...]:
    try:
        return parse_path(error.field)
    except InputError:
        return (text,)


def _read_section(
    section: str, table: object, broken: list[tuple[Path, dict[str, Any]]]
) -> tuple[dict[str, Named], list[Problem]]:
    """Read the objects of one section, each by itself, so that a wrong one hides nothing of the others."""
    if not isinstance(table, dict):
        return {}, [Problem((section,), f"a table of {section} by name", table)]
    objects: dict[str, Named] = {}
    problems: list[Problem] = []
    for name, data in table.items():
        path: Path = (section, name)
        if isinstance(data, Named):
            objects[name] = data.named(name)
            continue
        if not isinstance(data, dict):
            problems.append(Problem(path, f"a table with what the {section[:-1]} is", data))
            continue
        model = _model_of(section, data)
        if isinstance(model, Problem):
            problems.append(Problem((*path, *model.path), model.expected, model.was))
            continue
        try:
            objects[name] = model.model_validate(data).named(name)
        except ValidationError as error:
            problems += problems_of(error, model, path)
            broken.append((path, data))
    return objects, problems


def _model_of(section: str, data: dict[str, Any]) -> type[Named] | Problem:
    if section in _MODELS:
        return _MODELS[section]
    kinds = _KINDS[section]
    kind = data.get("kind", NOTHING)
    found = kinds.get(kind) if isinstance(kind, str) else None
    if found is None:
        return Problem(("kind",), f"one of {', '.join(kinds)}{did_you_mean(kind, kinds)}", kind)
    return found
