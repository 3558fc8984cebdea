# SPDX-License-Identifier: Apache-2.0
"""The Live dialog: stays open beside the canvas, watches the layer, and has its own layers painted anew."""

from __future__ import annotations

import time
from collections.abc import Hashable

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gimp, GLib, Gtk  # noqa: E402 the versions are named first

from ..backend import Done, Failed, News, Session  # noqa: E402
from ..client import Launcher  # noqa: E402
from ..texts import N_, _  # noqa: E402
from ..wire import ErrorCode  # noqa: E402
from . import arguments, canvas  # noqa: E402
from .controls import arrange  # noqa: E402
from .job_dialog import JobDialog  # noqa: E402
from .live_layers import LiveLayers  # noqa: E402
from .work import Call  # noqa: E402

_LOOK_S = 0.25  # between two looks at the layer
_RETRY_S = 5.0  # after a backend that runs did not answer
_RESPONSE_RESET = 1  # of GIMP's own dialogs
_REMOVED = N_("The Live layers are no longer in the image. Press Pause again to insert new ones.")
_CLOSED = N_("The image or its layer is gone. Close this dialog.")


class LiveDialog(JobDialog):
    """Shown once, by `follow`."""

    def __init__(self, procedure: Gimp.Procedure, call: Call, launcher: Launcher) -> None:
        super().__init__(procedure, call, Session(launcher, live=True))
        self._layers = LiveLayers(call)
        self._next_look = self._next_try = 0.0
        self._made: Done | None = None  # the newest answer, while it is not shown yet
        self._loop = GLib.MainLoop()
        self._keeps = True
        self._pause = Gtk.ToggleButton(label=_("_Pause"), use_underline=True)
        self._pause.connect("toggled", self._toggle)
        self._pause.show()
        self._dialog.set_ok_label(_("_Keep"))
        self._dialog.get_widget_for_response(Gtk.ResponseType.CANCEL).set_label(_("Discard"))
        reset = self._dialog.get_widget_for_response(_RESPONSE_RESET)  # it works in a dialog that blocks only
        if reset is not None:
            reset.hide()
        self._dialog.get_action_area().pack_start(self._pause, False, False, 0)
        self._fill(arrange(self._dialog, call.config, call.table))
        self._dialog.connect("response", self._answer)

    def follow(self) -> bool:
        """Follow the drawing until the user closes the dialog; returns whether the layers were kept."""
        self._dialog.show()
        with self._running():
            self._loop.run()
        if self._keeps:
            self._layers.keep()
        elif self._call.image.is_valid():
            self._layers.discard()
        return self._keeps

    def _answer(self, _dialog: Gtk.Dialog, response: int) -> None:
        if response in (Gtk.ResponseType.OK, Gtk.ResponseType.CANCEL, Gtk.ResponseType.DELETE_EVENT):
            self._keeps = response != Gtk.ResponseType.CANCEL
            self._loop.quit()

    def _toggle(self, pause: Gtk.ToggleButton) -> None:
        if pause.get_active():
            self._session.cancel()
            return
        if self._layers.removed:
            self._layers.forget()
        self._gate.forget()
        self._status.tell("")

    def _hear(self, news: News) -> None:
        if isinstance(news, Failed):
            if news.problem.code == ErrorCode.CANCELLED:
                self._status.progress("", 0.0)
            else:
                self._status.fail(news.problem)
        elif isinstance(news, Done):
            self._status.progress("", 0.0)
            self._made = news
        else:
            self._status.progress(news.text, news.fraction)

    def _look(self) -> None:
        """Show what has come, and have a portrait made when the drawing or the values have changed and rest."""
        if self._pause.get_active():
            self._made = None
            return
        if self._made is not None and not self._draws():
            self._show(self._made)
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_S
        if not self._call.image.is_valid() or not self._call.sketch.is_valid():
            self._halt(_(_CLOSED))
        elif self._layers.removed:
            self._halt(_(_REMOVED))
        elif self._draws():
            self._gate.stir()
        elif self._gate.ripe(self._glimpse()):
            self._ask()
        else:
            self._try_again()

    def _draws(self) -> bool:
        """The user is in the middle of a stroke. Moving the dialog's own controls is none."""
        return _button_is_down() and not self._dialog.is_active()

    def _show(self, made: Done) -> None:
        self._made = None
        self._status.tell("")
        self._layers.show(made.job, made.answer)

    def _ask(self) -> None:
        job = self._call.job()
        if self._gate.new(job.images, job.params):
            if self._session.state.problem is not None:  # a new stroke is worth a new try
                self._session.retry()
            self._session.ask(job)

    def _try_again(self) -> None:
        """A backend on a computer that is busy may take long to answer."""
        problem, now = self._session.state.problem, time.monotonic()
        if problem is None or problem.code != ErrorCode.TIMEOUT:
            self._next_try = now + _RETRY_S
        elif now >= self._next_try:
            self._begin_again()

    def _interrupt(self, foreseen: bool) -> None:
        if not foreseen:  # it would happen again and again
            self._pause.set_active(True)

    def _halt(self, text: str) -> None:
        self._pause.set_active(True)
        self._status.tell(text)

    def _glimpse(self) -> Hashable:
        call = self._call
        drawables = [call.sketch, *arguments.drawables(call.config, call.table).values()]
        values = tuple(arguments.values(call.config, call.table).items())
        return values, canvas.selection_square(call.image), tuple(canvas.glimpse(item) for item in drawables)


def _button_is_down() -> bool:
    """The first mouse button or the pen's tip is down, wherever the pointer is. GIMP does not tell who draws, but shows
    a stroke before it has ended; Wayland and Windows tell of a program's own windows only: there, False in others."""
    pointer = Gdk.Display.get_default().get_default_seat().get_pointer()
    return bool(Gdk.get_default_root_window().get_device_position(pointer).mask & Gdk.ModifierType.BUTTON1_MASK)
