# SPDX-License-Identifier: Apache-2.0
"""The dialog before a procedure runs: GIMP's own for the arguments, a row for each part of the face, and the backend's
state. The backend starts while the user sets the values."""

from __future__ import annotations

from typing import Any

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, GLib, Gtk  # noqa: E402 the versions are named first

from ..backend import state_text  # noqa: E402
from ..client import Launcher  # noqa: E402
from ..procedures import Procedure, argument_name  # noqa: E402
from ..texts import _  # noqa: E402
from ..values import UNSET, is_optional  # noqa: E402
from ..wire import NumberParameter  # noqa: E402

_SPACE = 6  # pixels between two controls
_LOOK_INTERVAL = 100  # milliseconds between two looks at the backend
_STATE_WIDTH = 50  # characters


def ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, table: Procedure, launcher: Launcher) -> bool:
    """Show the dialog, which changes `config`. Returns False when the user cancels."""
    GimpUi.init("limner-gimp")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _(table.title))
    parts = [item for item in table.parameters if isinstance(item, NumberParameter) and is_optional(item)]
    for item in table.parameters:
        if isinstance(item, NumberParameter) and item not in parts:
            dialog.get_scale_entry(argument_name(item.name), 1.0)  # a slider, where GIMP would show a number alone
    others = [item.name for item in table.parameters if item not in parts] + [slot.name for slot in table.slots]
    dialog.fill([argument_name(name) for name in others])
    if parts:
        dialog.get_content_area().pack_start(_part_rows(config, parts), False, False, 0)
    state = _BackendRow(launcher)
    dialog.get_content_area().pack_end(state.box, False, False, 0)
    answer = bool(dialog.run())
    state.end()
    dialog.destroy()
    return answer


def _part_rows(config: Gimp.ProcedureConfig, parts: list[NumberParameter]) -> Gtk.Widget:
    grid = Gtk.Grid(row_spacing=_SPACE, column_spacing=2 * _SPACE, margin=2 * _SPACE)
    heading = Gtk.Label(label=_("Parts with a value of their own (the others follow Refine):"), xalign=0.0)
    grid.attach(heading, 0, 0, 2, 1)
    for row, parameter in enumerate(parts, start=1):
        part = _PartRow(config, parameter)
        grid.attach(part.switch, 0, row, 1, 1)
        grid.attach(part.slider, 1, row, 1, 1)
    grid.show_all()
    return grid


class _PartRow:
    """A check box that gives the part a value of its own, and the slider for it."""

    def __init__(self, config: Gimp.ProcedureConfig, parameter: NumberParameter) -> None:
        self._config, self._name = config, argument_name(parameter.name)
        self._follows = argument_name(parameter.follows)
        self.switch = Gtk.CheckButton(label=_(parameter.label), use_underline=True)
        self.slider = Gtk.Scale.new_with_range(
            Gtk.Orientation.HORIZONTAL, parameter.minimum, parameter.maximum, parameter.step
        )
        self.slider.set_hexpand(True)
        self.slider.set_value_pos(Gtk.PositionType.RIGHT)
        self._show()
        self.switch.connect("toggled", self._store)
        self.slider.connect("value-changed", self._store)
        config.connect(f"notify::{self._name}", self._show)
        config.connect(f"notify::{self._follows}", self._show)

    def _show(self, *_event: Any) -> None:
        """What the arguments say, also after GIMP's buttons for stored and factory settings."""
        value = self._config.get_property(self._name)
        own = value >= 0
        self.switch.set_active(own)
        self.slider.set_sensitive(own)
        self.slider.set_value(value if own else self._config.get_property(self._follows))

    def _store(self, *_event: Any) -> None:
        value = self.slider.get_value() if self.switch.get_active() else UNSET
        if value != self._config.get_property(self._name):
            self._config.set_property(self._name, value)


class _BackendRow:
    """What the backend does, or why there is none and what to do; a button that tries again."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._label = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=_STATE_WIDTH, selectable=True)
        self._again = Gtk.Button(label=_("Try again"), valign=Gtk.Align.CENTER, no_show_all=True)
        self._again.connect("clicked", self._restart)
        self.box = Gtk.Box(spacing=_SPACE, margin=2 * _SPACE)
        self.box.pack_start(self._label, True, True, 0)
        self.box.pack_end(self._again, False, False, 0)
        self.box.show_all()
        self._look()
        self._timer = GLib.timeout_add(_LOOK_INTERVAL, self._look)

    def end(self) -> None:
        """Stop looking."""
        GLib.source_remove(self._timer)

    def _look(self) -> bool:
        state = self._launcher.poll()
        text = state_text(state)
        if self._label.get_text() != text:
            self._label.set_text(text)
            self._again.set_visible(state.problem is not None)
        return GLib.SOURCE_CONTINUE

    def _restart(self, _button: Gtk.Button) -> None:
        self._launcher.restart()
        self._look()
