# SPDX-License-Identifier: Apache-2.0
"""The values of the controls, checked against the parameters that the backend says it has."""

from __future__ import annotations

import random
from typing import Any, Callable, Mapping

from ..wire import ErrorCode, IntegerParameter, LimnerError, Parameter, TaskSchema, Welcome, WireError
from .tasks import TASKS

FRAME = "frame"  # the plugin finds its value itself
LIVE = "live"
SEED = "seed"
SHADOW = "shadow"
HINTS = "color_hints"


def own_parameters(schema: TaskSchema) -> list[Parameter]:
    """The parameters that the artist sets; the others follow from what is done."""
    return [parameter for parameter in schema.parameters if parameter.name not in (FRAME, LIVE)]


def task_of(welcome: Welcome, task: str) -> TaskSchema:
    """The schema of a task. Raises LimnerError(unknown_task)."""
    schema = welcome.schema.get(task)
    if schema is None:
        raise not_offered(task)
    return schema


def not_offered(task: str) -> LimnerError:
    """The backend is of a version without that task."""
    title = TASKS[task].title if task in TASKS else task
    return LimnerError(
        ErrorCode.UNKNOWN_TASK,
        f"This backend does not offer '{title}'.",
        "Update it in a terminal: pip install --upgrade limner",
    )


def usable(schema: TaskSchema, values: Mapping[str, Any]) -> dict[str, Any]:
    """One value for each of the artist's parameters: the given one where it is allowed, else the default.

    Values of older or newer versions of Limner, kept in documents, may not be allowed any more.
    """
    found = {}
    for parameter in own_parameters(schema):
        try:
            found[parameter.name] = parameter.check(values.get(parameter.name, parameter.default))
        except WireError:
            found[parameter.name] = parameter.default
    return found


def params_for(schema: TaskSchema, values: Mapping[str, Any], frame: Any, live: bool) -> dict[str, Any]:
    """What is sent with a job of the task."""
    params = usable(schema, values)
    if schema.parameter(FRAME) is not None:
        params[FRAME] = frame
    if schema.parameter(LIVE) is not None:
        params[LIVE] = live
    return params


def new_seed(schema: TaskSchema) -> int:
    """Another seed, so another color of hair, eyes and skin."""
    parameter = schema.parameter(SEED)
    if not isinstance(parameter, IntegerParameter):
        raise LimnerError(ErrorCode.BAD_PARAMETER, "This backend has no seed.")
    return random.SystemRandom().randint(parameter.minimum, parameter.maximum)


class TaskControls:
    """The values of one task's controls. They may be set, from a document, before the backend has sent the schema.

    schema: None until then, or when the backend does not offer the task.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        """changed: called after the artist has changed a value."""
        self.schema: TaskSchema | None = None
        self.values: dict[str, Any] = {}
        self._changed = changed

    def adopt(self, schema: TaskSchema | None) -> None:
        """The backend has said what the task takes."""
        self.schema = schema
        self.put(self.values)

    def put(self, values: Mapping[str, Any]) -> None:
        """Take all values over, as far as they are allowed; nobody is told."""
        self.values = usable(self.schema, values) if self.schema is not None else dict(values)

    def set(self, name: str, value: Any) -> None:
        """The artist has changed one."""
        if self.values.get(name, self) != value:
            self.values[name] = value
            self._changed()

    def new_color(self) -> None:
        """Take another seed, if there is one."""
        if self.schema is not None and self.schema.parameter(SEED) is not None:
            self.set(SEED, new_seed(self.schema))
