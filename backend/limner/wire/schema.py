# SPDX-License-Identifier: Apache-2.0
"""What a task takes: its parameters with ranges, defaults, labels and help, and its picture slots.

The backend sends these in its welcome; both editor plugins build their controls from them, and the server validates
every job against them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from . import limits
from .errors import ErrorCode, WireError
from .fields import bad, boolean, text
from .parameters import Parameter, parameter_from_map

_NAME = text(limits.MAX_NAME_LENGTH, empty=False)
_TEXT = text()


@dataclass(frozen=True)
class ImageSlot:
    """A picture that a task takes: the key of ``Submit.images``, a label and help for the user, needed or not."""

    name: str
    label: str = ""
    help: str = ""
    required: bool = True

    def to_map(self) -> dict[str, Any]:
        """The slot as a msgpack-able map."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_map(cls, value: Any) -> ImageSlot:
        """Read the slot from a map; unknown keys are ignored. Raises WireError(bad_message)."""
        if not isinstance(value, Mapping):
            raise bad("schema.images", "a list of maps")
        return cls(
            _NAME(value.get("name"), "schema.images.name"),
            _TEXT(value.get("label", ""), "schema.images.label"),
            _TEXT(value.get("help", ""), "schema.images.help"),
            boolean(value.get("required", True), "schema.images.required"),
        )


@dataclass(frozen=True)
class TaskSchema:
    """One task: name, label and help for the user, parameters and pictures taken, names of the pictures returned."""

    name: str
    label: str = ""
    help: str = ""
    parameters: tuple[Parameter, ...] = ()
    images: tuple[ImageSlot, ...] = ()
    outputs: tuple[str, ...] = ()

    MAX_ENTRIES: ClassVar[int] = 64  # parameters, picture slots or outputs of one task

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name, or None."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)

    def validate(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Check the values, fill in defaults; returns one value for each parameter of the task.

        Raises WireError(bad_parameter) that names the parameter and its allowed range.
        """
        known = [parameter.name for parameter in self.parameters]
        for name in params:
            if name not in known:
                raise WireError(
                    ErrorCode.BAD_PARAMETER,
                    f"The task '{self.name}' has no parameter '{name!s:.64}'.",
                    "Use one of: {}.".format(", ".join(known) or "(it has none)"),
                )
        return {item.name: item.check(params.get(item.name, item.default)) for item in self.parameters}

    def validate_images(self, names: Mapping[str, Any]) -> None:
        """Check that the needed pictures are there and no others. Raises WireError(bad_picture)."""
        known = [slot.name for slot in self.images]
        for slot in self.images:
            if slot.required and slot.name not in names:
                raise WireError(
                    ErrorCode.BAD_PICTURE,
                    f"The task '{self.name}' needs a picture named '{slot.name}'.",
                    "Send it with the job.",
                )
        for name in names:
            if name not in known:
                raise WireError(
                    ErrorCode.BAD_PICTURE,
                    f"The task '{self.name}' takes no picture named '{name!s:.64}'.",
                    "Use one of: {}.".format(", ".join(known) or "(it takes none)"),
                )

    def to_map(self) -> dict[str, Any]:
        """The schema as a msgpack-able map."""
        return {
            "name": self.name,
            "label": self.label,
            "help": self.help,
            "parameters": [parameter.to_map() for parameter in self.parameters],
            "images": [slot.to_map() for slot in self.images],
            "outputs": list(self.outputs),
        }

    @classmethod
    def from_map(cls, value: Any) -> TaskSchema:
        """Read a schema from a map. Unknown keys and parameters of unknown types (a newer backend's) are left out.

        Raises WireError(bad_message).
        """
        if not isinstance(value, Mapping):
            raise bad("schema", "a map of tasks")
        parameters = (parameter_from_map(item) for item in _entries(value, "parameters"))
        return cls(
            _NAME(value.get("name"), "schema.name"),
            _TEXT(value.get("label", ""), "schema.label"),
            _TEXT(value.get("help", ""), "schema.help"),
            tuple(parameter for parameter in parameters if parameter is not None),
            tuple(ImageSlot.from_map(item) for item in _entries(value, "images")),
            tuple(_NAME(item, "schema.outputs") for item in _entries(value, "outputs")),
        )


def _entries(value: Mapping[str, Any], key: str) -> list[Any]:
    entries = value.get(key, [])
    if not isinstance(entries, list) or len(entries) > TaskSchema.MAX_ENTRIES:
        raise bad("schema." + key, f"a list of at most {TaskSchema.MAX_ENTRIES} entries")
    return entries
