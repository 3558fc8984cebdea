# SPDX-License-Identifier: Apache-2.0
"""GIMP's arguments of a procedure, declared from the table, read from and written to a call's configuration."""

from __future__ import annotations

from typing import Any

from gi.repository import Gimp, GObject

from ..procedures import PROCEDURES, Procedure, argument_name
from ..record import Record
from ..texts import _
from ..values import UNSET, is_optional
from ..wire import BooleanParameter, ChoiceParameter, ImageSlot, IntegerParameter, NumberParameter, Parameter, WireError

_FLAGS = GObject.ParamFlags.READWRITE


def declare(procedure: Gimp.Procedure, table: Procedure) -> None:
    """Give the procedure its typed arguments."""
    for parameter in table.parameters:
        _declare_parameter(procedure, parameter)
    for slot in table.slots:
        _declare_slot(procedure, slot)


def _declare_parameter(procedure: Gimp.Procedure, item: Parameter) -> None:
    texts = argument_name(item.name), _(item.label), _(item.help)
    if isinstance(item, NumberParameter):
        low, default = (UNSET, UNSET) if is_optional(item) else (item.minimum, item.default)
        procedure.add_double_argument(*texts, low, item.maximum, default, _FLAGS)
    elif isinstance(item, IntegerParameter):
        procedure.add_int_argument(*texts, item.minimum, item.maximum, item.default, _FLAGS)
    elif isinstance(item, BooleanParameter):
        procedure.add_boolean_argument(*texts, item.default, _FLAGS)
    elif isinstance(item, ChoiceParameter):
        choice = Gimp.Choice.new()
        for number, (nick, label) in enumerate(zip(item.choices, item.labels)):
            choice.add(nick, number, _(label), "")
        procedure.add_choice_argument(*texts, choice, item.default, _FLAGS)
    else:
        raise TypeError(f"no argument of GIMP for the parameter {item!r}")


def _declare_slot(procedure: Gimp.Procedure, slot: ImageSlot) -> None:
    texts = argument_name(slot.name), _(slot.label), _(slot.help)
    procedure.add_drawable_argument(*texts, not slot.required, _FLAGS)


def values(config: Gimp.ProcedureConfig, table: Procedure) -> dict[str, Any]:
    """The values of the call by argument names, drawables left out."""
    names = [argument_name(parameter.name) for parameter in table.parameters]
    return {name: config.get_property(name) for name in names}


def drawables(config: Gimp.ProcedureConfig, table: Procedure) -> dict[str, Gimp.Drawable]:
    """The drawables of the call by the backend's picture names; those that are not given are left out."""
    found = {slot.name: config.get_property(argument_name(slot.name)) for slot in table.slots}
    return {name: drawable for name, drawable in found.items() if drawable is not None}


def restore(config: Gimp.ProcedureConfig, table: Procedure, record: Record) -> None:
    """Take over the values that a result of the same task was made with; what does not fit stays as it is."""
    made_by = PROCEDURES.get(record.procedure)
    if made_by is None or made_by.task != table.task:
        return
    for parameter in table.parameters:
        name = argument_name(parameter.name)
        if name not in record.arguments:
            continue
        value = record.arguments[name]
        unset = is_optional(parameter) and value == UNSET
        try:
            config.set_property(name, UNSET if unset else parameter.check(value))
        except WireError:
            continue
