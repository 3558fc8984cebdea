# SPDX-License-Identifier: Apache-2.0
"""The types of a task's parameters: each knows its range, default and label, and checks a value against them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from . import limits
from .errors import ErrorCode, WireError
from .fields import bad, boolean, integer, number, text

_NAME = text(limits.MAX_NAME_LENGTH, empty=False)
_TEXT = text()
_NUMBER = number(-1e300, 1e300)
_INTEGER = integer(-(2**63), 2**63 - 1)


@dataclass(frozen=True)
class Parameter(ABC):
    """What all parameters have: the key in ``Submit.params``, and a label and help for the user."""

    name: str
    label: str = ""
    help: str = ""

    type: ClassVar[str] = ""

    @property
    @abstractmethod
    def default(self) -> Any:
        """The value used when none is given."""

    @property
    @abstractmethod
    def allowed(self) -> str:
        """The allowed values, in words, for error messages and tool tips."""

    @abstractmethod
    def check(self, value: Any) -> Any:
        """The value in its normal form. Raises WireError(bad_parameter) naming parameter and range."""

    def refuse(self, value: Any) -> WireError:
        """The error for a value outside the range."""
        shown = repr(value)
        return WireError(
            ErrorCode.BAD_PARAMETER,
            f"The parameter '{self.name}' cannot be {shown if len(shown) <= 64 else shown[:61] + '...'}.",
            f"Allowed: {self.allowed}.",
        )

    def to_map(self) -> dict[str, Any]:
        """The parameter as a msgpack-able map."""
        return {"type": self.type, **{item.name: getattr(self, item.name) for item in fields(self)}}

    def __post_init__(self) -> None:
        """Check the declaration itself; a wrong one is a WireError(bad_message)."""
        _NAME(self.name, "parameter.name")
        _TEXT(self.label, "parameter.label")
        _TEXT(self.help, "parameter.help")
        self._check_declaration()
        try:
            self.check(self.default)
        except WireError as error:
            raise bad(f"{self.name}.default", self.allowed) from error

    def _check_declaration(self) -> None:  # noqa: B027 - most have nothing to add
        """Check what the subclass adds."""


@dataclass(frozen=True)
class NumberParameter(Parameter):
    """A real number in [minimum, maximum].

    step: what one turn of the control changes. optional: None is allowed too and means "as ``follows`` says",
    where ``follows`` is the name of another parameter (or "").
    """

    default: float | None = 0.0
    minimum: float = 0.0
    maximum: float = 1.0
    step: float = 0.01
    optional: bool = False
    follows: str = ""

    type: ClassVar[str] = "number"

    @property
    def allowed(self) -> str:
        """The range in words."""
        unset = f", or none to follow '{self.follows}'" if self.follows else ", or none"
        return f"a number from {self.minimum:g} to {self.maximum:g}{unset if self.optional else ''}"

    def check(self, value: Any) -> float | None:
        """A float in the range, or None where optional."""
        if value is None and self.optional:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.minimum <= value <= self.maximum:
            raise self.refuse(value)
        return float(value)

    def _check_declaration(self) -> None:
        for item in ("minimum", "maximum", "step"):
            _NUMBER(getattr(self, item), f"{self.name}.{item}")
        boolean(self.optional, f"{self.name}.optional")
        text(limits.MAX_NAME_LENGTH)(self.follows, f"{self.name}.follows")


@dataclass(frozen=True)
class IntegerParameter(Parameter):
    """A whole number in [minimum, maximum]."""

    default: int = 0
    minimum: int = 0
    maximum: int = 100
    step: int = 1

    type: ClassVar[str] = "integer"

    @property
    def allowed(self) -> str:
        """The range in words."""
        return f"a whole number from {self.minimum} to {self.maximum}"

    def check(self, value: Any) -> int:
        """An int in the range; 3.0 counts as 3."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not self.minimum <= value <= self.maximum:
            raise self.refuse(value)
        return value

    def _check_declaration(self) -> None:
        for item in ("minimum", "maximum", "step"):
            _INTEGER(getattr(self, item), f"{self.name}.{item}")


@dataclass(frozen=True)
class BooleanParameter(Parameter):
    """On or off."""

    default: bool = False

    type: ClassVar[str] = "boolean"

    @property
    def allowed(self) -> str:
        """The values in words."""
        return "true or false"

    def check(self, value: Any) -> bool:
        """True or False, nothing else."""
        if not isinstance(value, bool):
            raise self.refuse(value)
        return value


@dataclass(frozen=True)
class ChoiceParameter(Parameter):
    """One of a few named values; ``labels`` are what the user sees, in the same order."""

    choices: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    default: str = ""

    type: ClassVar[str] = "choice"

    @property
    def allowed(self) -> str:
        """The values in words."""
        return "one of " + ", ".join(self.choices)

    def check(self, value: Any) -> str:
        """One of the choices."""
        if not isinstance(value, str) or value not in self.choices:
            raise self.refuse(value)
        return value

    def to_map(self) -> dict[str, Any]:
        """The parameter as a msgpack-able map."""
        return {**super().to_map(), "choices": list(self.choices), "labels": list(self.labels)}

    def _check_declaration(self) -> None:
        for item in ("choices", "labels"):
            values = getattr(self, item)
            if not isinstance(values, (list, tuple)) or not 1 <= len(values) <= limits.MAX_ITEMS:
                raise bad(f"{self.name}.{item}", "a list with at least one entry")
            object.__setattr__(self, item, tuple(_TEXT(value, f"{self.name}.{item}") for value in values))
        if len(self.choices) != len(self.labels):
            raise bad(f"{self.name}.labels", "as many as the choices")


@dataclass(frozen=True)
class FrameParameter(Parameter):
    """The square of the sketch that holds the face: one of ``modes``, or [x, y, size] in pixels of the picture."""

    default: str = "auto"

    type: ClassVar[str] = "frame"
    modes: ClassVar[tuple[str, ...]] = ("auto", "full")

    @property
    def allowed(self) -> str:
        """The values in words."""
        return "'auto', 'full', or [x, y, size] in pixels with a size above 0"

    def check(self, value: Any) -> str | list[float]:
        """A mode, or three floats: left, top and side of the square in pixels; it may lie partly outside."""
        if isinstance(value, str) and value in self.modes:
            return value
        if not isinstance(value, (list, tuple)) or len(value) != 3:
            raise self.refuse(value)
        for item in value:
            if isinstance(item, bool) or not isinstance(item, (int, float)) or not abs(item) <= 1e6:
                raise self.refuse(value)
        x, y, size = (float(item) for item in value)
        if not (size > 0 and math.isfinite(size)):
            raise self.refuse(value)
        return [x, y, size]


PARAMETER_TYPES: dict[str, type[Parameter]] = {
    kind.type: kind for kind in (NumberParameter, IntegerParameter, BooleanParameter, ChoiceParameter, FrameParameter)
}


def parameter_from_map(value: Any) -> Parameter | None:
    """Read a parameter from a map; None for a type this version does not know. Raises WireError(bad_message)."""
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        raise bad("schema.parameters", "a list of maps with a type each")
    kind = PARAMETER_TYPES.get(value["type"])
    if kind is None:
        return None
    known = {item.name: value[item.name] for item in fields(kind) if item.name in value}
    return kind(**{"name": "", **known})
