# SPDX-License-Identifier: Apache-2.0
"""The values of the controls, checked against the parameters that the backend says it has."""

from __future__ import annotations

import random
from typing import Any, Mapping

from ..wire import ErrorCode, IntegerParameter, LimnerError, Parameter, TaskSchema, Welcome, WireError

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
        raise LimnerError(ErrorCode.UNKNOWN_TASK, f"The backend {welcome.server_version} has no task '{task}'.")
    return schema


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
