"""Distributions, wherever a number may stand: in Python, as an inline table, or as a compact string.

``en.lognormal("5ms", 0.5)``, ``{ law = "lognormal", median = "5ms", sigma = 0.5 }`` and ``"lognormal(5ms, 0.5)"`` are
the same. A law's arguments are in the unit of the field in which it stands: `Drawn` reads them with that field's
quantity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import PrivateAttr, ValidationError
from pydantic_core import core_schema

from engine.scenario.base import Model
from engine.scenario.problems import expected_error, problems_of
from engine.scenario.quantities import POSITIVE, Amount, Quantity, RefusedError
from engine.scenario.words import one_of

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

__all__ = [
    "LAWS",
    "Choice",
    "Drawn",
    "Exponential",
    "Integers",
    "Law",
    "Lognormal",
    "Pareto",
    "Uniform",
    "choice",
    "exponential",
    "integers",
    "lognormal",
    "pareto",
    "uniform",
]

_CALL = re.compile(r"\s*([A-Za-z_]+)\s*\((.*)\)\s*", re.S)
LAW_MARK = "x-firesale-law"  # where the schema's generator puts the definition of a law


class Law(Model):
    """One distribution. Its arguments are as they were written until a field reads them."""

    IN_UNITS: ClassVar[tuple[str, ...]] = ()  # arguments in the unit of the field
    law: str
    _unit: Quantity | None = PrivateAttr(None)

    def in_units(self, unit: Quantity) -> Self:
        """Return the law with its arguments read by a field's quantity; raises the error of the first bad one."""
        if self._unit is unit:
            return self
        read: dict[str, Any] = {}
        for name in self.IN_UNITS:
            value = getattr(self, name)
            if value is None:
                continue
            try:
                read[name] = [unit.read(each) for each in value] if isinstance(value, list) else unit.read(value)
            except RefusedError as refused:
                raise expected_error(refused.expected, value, name) from None
        copy = self.model_copy(update=read)
        copy._unit = unit  # noqa: SLF001  # a copy of itself
        copy.check()
        return copy

    def check(self) -> None:
        """Refuse arguments that do not go together; they have been read."""

    @property
    def arguments(self) -> list[Any]:
        """Its arguments in the unit of the field."""
        given = [getattr(self, name) for name in self.IN_UNITS]
        several = [value if isinstance(value, list) else [value] for value in given if value is not None]
        return [each for values in several for each in values]

    @property
    def amount_unit(self) -> str | None:
        """Unit of what it draws, if that is an amount: the asset, or lots."""
        return next((each.unit for each in self.arguments if isinstance(each, Amount)), None)

    def to_data(self) -> dict[str, Any]:
        """Return the law as an inline table."""
        data: dict[str, Any] = {"law": self.law}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name == "law" or value is None:
                continue
            if self._unit is not None and name in self.IN_UNITS:
                write = self._unit.write
                value = [write(each) for each in value] if isinstance(value, list) else write(value)
            data[name] = value
        return data


class Lognormal(Law):
    """exp of a normal: its median, and the sigma of its logarithm; `max` caps what is drawn."""

    POSITIONAL = ("median", "sigma", "max")
    IN_UNITS = ("median", "max")
    law: Literal["lognormal"] = "lognormal"
    median: Any
    sigma: Annotated[float, POSITIVE] = 0.5
    max: Any = None


class Pareto(Law):
    """Pareto: the least value and the exponent; `max` caps what is drawn."""

    POSITIONAL = ("min", "alpha", "max")
    IN_UNITS = ("min", "max")
    law: Literal["pareto"] = "pareto"
    min: Any
    alpha: Annotated[float, POSITIVE]
    max: Any = None

    def check(self) -> None:
        """Refuse an exponent of zero."""
        if self.alpha <= 0:
            raise expected_error("a positive exponent", self.alpha, "alpha")


class Exponential(Law):
    """Exponential: its mean; `max` caps what is drawn."""

    POSITIONAL = ("mean", "max")
    IN_UNITS = ("mean", "max")
    law: Literal["exponential"] = "exponential"
    mean: Any
    max: Any = None


class _Between(Law):
    POSITIONAL = ("low", "high")
    IN_UNITS = ("low", "high")
    low: Any
    high: Any

    def check(self) -> None:
        """Refuse bounds in the wrong order."""
        low, high = (getattr(bound, "number", bound) for bound in (self.low, self.high))
        if low > high:
            raise expected_error("an upper bound that is not below the lower one", self.to_data()["high"], "high")


class Uniform(_Between):
    """Uniform between two bounds."""

    law: Literal["uniform"] = "uniform"


class Integers(_Between):
    """Whole numbers of the field's unit between two bounds, both included."""

    law: Literal["integers"] = "integers"


class Choice(Law):
    """One of several values, by weights if there are any."""

    POSITIONAL = ("values", "weights")
    IN_UNITS = ("values",)
    law: Literal["choice"] = "choice"
    values: list[Any]
    weights: list[Annotated[float, POSITIVE]] | None = None

    def check(self) -> None:
        """Refuse no values, or weights that do not fit them."""
        if not self.values:
            raise expected_error("at least one value", self.values, "values")
        if self.weights is not None and (len(self.weights) != len(self.values) or sum(self.weights) <= 0):
            raise expected_error(f"{len(self.values)} weights, not all 0", self.weights, "weights")


LAWS: dict[str, type[Law]] = {
    "lognormal": Lognormal,
    "pareto": Pareto,
    "exponential": Exponential,
    "uniform": Uniform,
    "integers": Integers,
    "choice": Choice,
}


def lognormal(median: Any, sigma: float = 0.5, max: Any = None) -> Lognormal:  # noqa: A002  # the law's own word
    """Return a lognormal law; its median is in the unit of the field in which it will stand.

    Examples
    --------
    >>> lognormal("5ms", 0.5).to_data()
    {'law': 'lognormal', 'median': '5ms', 'sigma': 0.5}
    """
    return Lognormal(median=median, sigma=sigma, max=max)


def pareto(min: Any, alpha: float, max: Any = None) -> Pareto:  # noqa: A002  # the law's own words
    """Return a Pareto law: the least value and the exponent."""
    return Pareto(min=min, alpha=alpha, max=max)


def exponential(mean: Any, max: Any = None) -> Exponential:  # noqa: A002  # the law's own word
    """Return an exponential law."""
    return Exponential(mean=mean, max=max)


def uniform(low: Any, high: Any) -> Uniform:
    """Return a uniform law."""
    return Uniform(low=low, high=high)


def integers(low: Any, high: Any) -> Integers:
    """Return a law of whole numbers, both bounds included."""
    return Integers(low=low, high=high)


def choice(values: list[Any], weights: list[float] | None = None) -> Choice:
    """Return a law of one of several values."""
    return Choice(values=values, weights=weights)


def parse_call(text: str) -> dict[str, Any] | None:
    """Return a compact string as the inline table that it stands for; None if it is no call.

    Examples
    --------
    >>> parse_call("pareto(2k, alpha=1.3)")
    {'law': 'pareto', 'min': '2k', 'alpha': '1.3'}
    >>> parse_call("12ms")
    """
    match = _CALL.fullmatch(text)
    if match is None:
        return None
    name, inside = match.groups()
    found = LAWS.get(name)
    if found is None:
        raise RefusedError(f"a law, {one_of(LAWS, name)}")
    arguments = [each.strip() for each in inside.split(",")] if inside.strip() else []
    data: dict[str, Any] = {"law": name}
    if name == "choice":
        return {**data, "values": arguments}
    for place, argument in enumerate(arguments):
        key, equals, value = argument.partition("=")
        if not equals:
            if place >= len(found.POSITIONAL):
                raise RefusedError(f"at most {len(found.POSITIONAL)} arguments: {', '.join(found.POSITIONAL)}")
            key, value = found.POSITIONAL[place], argument
        data[key.strip()] = value.strip()
    return data


@dataclass(frozen=True)
class Drawn:
    """A quantity or a law of it; stands in a field's annotation."""

    unit: Quantity

    def __hash__(self) -> int:
        return hash(self.unit)

    def validate(self, value: object) -> Any:
        """Read a value or a law for pydantic."""
        if isinstance(value, Law):
            return value.in_units(self.unit)
        data = value
        if isinstance(value, str):
            try:
                data = parse_call(value)
            except RefusedError as refused:
                raise expected_error(refused.expected, value) from None
        if not isinstance(data, dict):
            return self.unit.validate(value)
        return self.law_of(data).in_units(self.unit)

    def law_of(self, data: dict[str, Any]) -> Law:
        """Return the law of an inline table, its arguments not read yet."""
        found = LAWS.get(data["law"]) if isinstance(data.get("law"), str) else None
        if found is None:
            raise expected_error(one_of(LAWS, data.get("law", "")), data.get("law", "nothing"), "law")
        try:
            return found.model_validate(data)
        except ValidationError as error:
            first = problems_of(error, found)[0]
            raise expected_error(first.expected, first.was, str(first.path[0]) if first.path else "law") from None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Tell pydantic how to read and write the field."""
        return core_schema.no_info_plain_validator_function(
            self.validate, serialization=core_schema.plain_serializer_function_ser_schema(self.write)
        )

    def write(self, value: object) -> Any:
        """Write a value or a law as plain data."""
        return value.to_data() if isinstance(value, Law) else self.unit.write(value)

    def __get_pydantic_json_schema__(self, _: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON schema: the quantity's own, or a law."""
        return {"anyOf": [dict(self.unit.schema), {LAW_MARK: True}]}
