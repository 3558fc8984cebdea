# SPDX-License-Identifier: Apache-2.0
"""What the dialogs have in common: GIMP's own dialog, a session with the backend that a timer looks after, and the
status that says what goes on."""

from __future__ import annotations

import abc
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, GLib, Gtk  # noqa: E402 the versions are named first

from ..backend import News, Session, unforeseen  # noqa: E402
from ..gate import Gate  # noqa: E402
from ..texts import _  # noqa: E402
from ..wire import LimnerError  # noqa: E402
from .controls import SPACE, StatusBox  # noqa: E402
from .work import Call  # noqa: E402

_TICK_MS = 50


class JobDialog(abc.ABC):
    """A dialog for the call's values. All waiting is done by a timer, while `running`."""

    def __init__(self, procedure: Gimp.Procedure, call: Call, session: Session) -> None:
        GimpUi.init("limner-gimp")
        self._call, self._session = call, session
        self._gate = Gate(time.monotonic)
        self._dialog = GimpUi.ProcedureDialog.new(procedure, call.config, _(call.table.title))
        self._status = StatusBox(session, self._begin_again)

    @contextmanager
    def _running(self) -> Iterator[None]:
        """The timer goes inside; the dialog and the session are closed afterwards."""
        timer = GLib.timeout_add(_TICK_MS, self._tick)
        try:
            yield
        finally:
            GLib.source_remove(timer)
            self._session.close()
            self._dialog.destroy()

    def _fill(self, controls: Gtk.Widget) -> None:
        """The controls above the status."""
        area = self._dialog.get_content_area()
        for widget in (controls, self._status.box):
            widget.set_property("margin", 2 * SPACE)
        area.pack_start(controls, True, True, 0)
        area.pack_end(self._status.box, False, False, 0)

    def _begin_again(self) -> None:
        """Look for a backend or start one, and give it what the last one could not do."""
        self._status.tell("")
        self._session.retry()
        self._gate.forget()

    def _tick(self) -> bool:
        try:
            for news in self._session.poll():
                self._hear(news)
            self._status.look()
            self._look()
        except LimnerError as error:
            self._status.fail(error.problem)
            self._interrupt(foreseen=True)
        except Exception as error:
            traceback.print_exc()
            self._status.fail(unforeseen(error).problem)
            self._interrupt(foreseen=False)
        return GLib.SOURCE_CONTINUE

    @abc.abstractmethod
    def _hear(self, news: News) -> None:
        """Take in what has happened to the jobs."""

    @abc.abstractmethod
    def _look(self) -> None:
        """Give a new job when there is reason to."""

    @abc.abstractmethod
    def _interrupt(self, foreseen: bool) -> None:
        """Stop what `_hear` or `_look` was at: it has failed. foreseen: not by a mistake in the plug-in."""
