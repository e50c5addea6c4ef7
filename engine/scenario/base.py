"""The base of every scenario object: a frozen pydantic model that knows its name and refuses unknown keys.

A model made in Python raises `ScenarioError` (an `InputError`) with everything that is wrong in it, never pydantic's
own error, and takes its first arguments by position where that reads better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError

from engine.scenario.problems import ScenarioError, problems_of

__all__ = ["Model", "Named", "Ref"]

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _PydanticMeta
else:
    _PydanticMeta = type(BaseModel)  # it has no public name


class _Meta(_PydanticMeta):
    POSITIONAL: tuple[str, ...]

    """Turn what pydantic says about a constructor's arguments into our error."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        names = self.POSITIONAL
        if len(args) > len(names):
            raise TypeError(f"{self.__name__} takes {len(names)} positional arguments, was given {len(args)}")
        given = dict(zip(names, args, strict=False))
        twice = sorted(given.keys() & kwargs.keys())
        if twice:
            raise TypeError(f"{self.__name__} was given {', '.join(twice)} twice")
        try:
            return super().__call__(**given, **kwargs)
        except ValidationError as error:
            raise ScenarioError(problems_of(error, self)) from None  # type: ignore[arg-type]


class Model(BaseModel, metaclass=_Meta):
    """A frozen part of a scenario."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)
    POSITIONAL: ClassVar[tuple[str, ...]] = ()


class Named(Model):
    """An object of a scenario: it has a name that is unique in its section, and can be switched off."""

    enabled: bool = Field(True, strict=True, description="false switches the object off")
    _name: str = PrivateAttr("")

    @property
    def name(self) -> str:
        """The name under which the scenario holds the object; empty before it does."""
        return self._name

    def named(self, name: str) -> Self:
        """Return the object under a name."""
        copy = self.model_copy()
        copy._name = name  # noqa: SLF001  # a copy of itself
        return copy


def _name_of(value: object) -> object:
    return (value.name or value) if isinstance(value, Named) else value


Ref = Annotated[str, BeforeValidator(_name_of), Field(min_length=1)]
"""The name of another object; in Python the object itself will do."""
