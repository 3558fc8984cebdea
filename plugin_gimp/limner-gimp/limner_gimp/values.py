# SPDX-License-Identifier: Apache-2.0
"""From the values of GIMP's arguments to the parameters of a job.

A part of the face without a value of its own follows `refine`. GIMP's numbers always have a value, so UNSET, below
the range 0..1, stands for that: any number inside the range would be one that the user may want.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .geometry import Square
from .procedures import FRAME_SELECTION, Procedure, argument_name
from .texts import _
from .wire import ErrorCode, LimnerError, NumberParameter, Parameter

UNSET = -1.0


def is_optional(parameter: Parameter) -> bool:
    """True for a number that may be UNSET."""
    return isinstance(parameter, NumberParameter) and parameter.optional


def task_params(procedure: Procedure, values: Mapping[str, Any], selection: Square | None) -> dict[str, Any]:
    """The parameters of the job, checked.

    values: by GIMP's argument names. selection: its square in pixels of the picture that is sent, None without one.
    Raises LimnerError: a value out of range, or the frame is the selection and nothing is selected.
    """
    params: dict[str, Any] = {}
    for parameter in procedure.parameters:
        value = values[argument_name(parameter.name)]
        if is_optional(parameter) and value < 0:
            value = None
        value = parameter.check(value)
        if parameter.name == "frame" and value == FRAME_SELECTION:
            value = _selected(selection)
        params[parameter.name] = value
    return params


def _selected(selection: Square | None) -> list[float]:
    if selection is None:
        raise LimnerError(
            ErrorCode.BAD_PARAMETER,
            _("The face frame is the selection, but nothing is selected."),
            _("Select the face, or choose another face frame."),
        )
    return [selection.x, selection.y, selection.size]
