# SPDX-License-Identifier: Apache-2.0
"""The parts of the dialogs: a row for each part of the face, the preview, what goes on, and the backend's state."""

from __future__ import annotations

from typing import Any, Callable

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GdkPixbuf, Gimp, GimpUi, GLib, Gtk, Pango  # noqa: E402 the versions are named first

from ..backend import Session, problem_text, state_text  # noqa: E402
from ..client import Pixels  # noqa: E402
from ..procedures import Procedure, argument_name  # noqa: E402
from ..texts import _  # noqa: E402
from ..values import UNSET, is_optional  # noqa: E402
from ..wire import NumberParameter, Problem  # noqa: E402

SPACE = 6  # pixels between two controls
_TEXT_WIDTH = 50  # characters
_PREVIEW_SIDE = 256  # pixels


def arrange(dialog: GimpUi.ProcedureDialog, config: Gimp.ProcedureConfig, table: Procedure) -> Gtk.Box:
    """Put GIMP's own controls for the arguments, and the rows for the parts, into the dialog; returns their box."""
    parts = [item for item in table.parameters if isinstance(item, NumberParameter) and is_optional(item)]
    for item in table.parameters:
        if isinstance(item, NumberParameter) and item not in parts:
            dialog.get_scale_entry(argument_name(item.name), 1.0)  # a slider, where GIMP would show a number alone
    others = [item.name for item in table.parameters if item not in parts] + [slot.name for slot in table.slots]
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACE)
    arguments = dialog.fill_box("limner-arguments", [argument_name(name) for name in others])
    arguments.show_all()
    box.pack_start(arguments, False, False, 0)
    if parts:
        box.pack_start(_part_rows(config, parts), False, False, 0)
    box.show()
    return box


def _part_rows(config: Gimp.ProcedureConfig, parts: list[NumberParameter]) -> Gtk.Widget:
    grid = Gtk.Grid(row_spacing=SPACE, column_spacing=2 * SPACE)
    heading = Gtk.Label(label=_("Parts with a value of their own (the others follow Refine):"), xalign=0.0, wrap=True)
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


class PreviewBox:
    """What the backend would make, shown without touching the image; when asked for, or after each change."""

    def __init__(self, ask: Callable[[], None], follows: bool) -> None:
        """ask: called when the user presses the button. follows: whether it follows the values at first."""
        self._image = Gtk.Image(width_request=_PREVIEW_SIDE, height_request=_PREVIEW_SIDE)
        frame = Gtk.Frame(shadow_type=Gtk.ShadowType.IN, halign=Gtk.Align.CENTER)
        frame.add(self._image)
        self._button = Gtk.Button(label=_("Pre_view"), use_underline=True)
        self._button.connect("clicked", lambda _button: ask())
        self._follow = Gtk.CheckButton(label=_("_Update by itself"), use_underline=True, active=follows)
        row = Gtk.Box(spacing=SPACE)
        row.pack_start(self._follow, True, True, 0)
        row.pack_end(self._button, False, False, 0)
        self.box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACE)
        self.box.pack_start(frame, False, False, 0)
        self.box.pack_start(row, False, False, 0)
        self.box.show_all()

    @property
    def follows(self) -> bool:
        """The preview is to follow each change."""
        return bool(self._follow.get_active())

    def show(self, pixels: Pixels) -> None:
        """Show a picture, RGBA with 8 bits."""
        data = GLib.Bytes.new(bytes(pixels.data))
        size = pixels.width, pixels.height
        found = GdkPixbuf.Pixbuf.new_from_bytes(data, GdkPixbuf.Colorspace.RGB, True, 8, *size, pixels.width * 4)
        small = found.scale_simple(_PREVIEW_SIDE, _PREVIEW_SIDE, GdkPixbuf.InterpType.BILINEAR)
        self._image.set_from_pixbuf(small)


class StatusBox:
    """The progress of the job, what went wrong with it and what to do, and the state of the backend."""

    def __init__(self, session: Session, begin_again: Callable[[], None]) -> None:
        """begin_again: called when the user wants the backend to be looked for or started again."""
        self._session = session
        self._bar = Gtk.ProgressBar(show_text=True, text="", ellipsize=Pango.EllipsizeMode.END)
        self._problem = _label()
        icon = Gtk.Image.new_from_icon_name("dialog-warning", Gtk.IconSize.LARGE_TOOLBAR)
        self._warning = Gtk.Box(spacing=SPACE)
        self._warning.pack_start(icon, False, False, 0)
        self._warning.pack_start(self._problem, True, True, 0)
        self._state = _label()
        self._again = Gtk.Button(label=_("Try the _backend again"), use_underline=True, valign=Gtk.Align.CENTER)
        self._again.connect("clicked", lambda _button: begin_again())
        row = Gtk.Box(spacing=SPACE)
        row.pack_start(self._state, True, True, 0)
        row.pack_end(self._again, False, False, 0)
        self.box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACE)
        for widget in (self._bar, self._warning, row):
            self.box.pack_start(widget, False, False, 0)
        self.box.show_all()
        self.tell("")
        self.look()

    def look(self) -> None:
        """Show the backend's state as it is now."""
        state = self._session.state
        text = state_text(state)
        if self._state.get_text() != text:
            self._state.set_text(text)
        self._again.set_visible(state.problem is not None)

    def progress(self, text: str, fraction: float) -> None:
        """Show what goes on."""
        self._bar.set_text(text)
        self._bar.set_fraction(fraction)

    def tell(self, text: str) -> None:
        """Show what the user should know; "" for nothing."""
        self._problem.set_text(text)
        self._warning.set_visible(bool(text))

    def fail(self, problem: Problem) -> None:
        """Show what went wrong and what to do; of the backend itself, its state tells already."""
        self.progress("", 0.0)
        if problem == self._session.state.problem:
            return
        self.tell(problem_text(problem))


def _label() -> Gtk.Label:
    return Gtk.Label(xalign=0.0, wrap=True, max_width_chars=_TEXT_WIDTH, selectable=True, can_focus=False)
