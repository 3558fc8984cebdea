# SPDX-License-Identifier: Apache-2.0
"""The dialog of a procedure: its values with a preview, then the job itself with its progress; Cancel stops the job.

The backend starts while the user sets the values. All waiting is done by a timer.
"""

from __future__ import annotations

from collections.abc import Hashable

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GLib, Gtk  # noqa: E402 the versions are named first

from ..backend import Answer, Done, Failed, Job, News, Session  # noqa: E402
from ..client import Launcher  # noqa: E402
from ..wire import LimnerError  # noqa: E402
from . import arguments  # noqa: E402
from .controls import SPACE, PreviewBox, arrange  # noqa: E402
from .job_dialog import JobDialog  # noqa: E402
from .work import Call  # noqa: E402


class TaskDialog(JobDialog):
    """Shown once, by `ask`."""

    def __init__(self, procedure: Gimp.Procedure, call: Call, launcher: Launcher) -> None:
        super().__init__(procedure, call, Session(launcher))
        self._made: Done | None = None  # the newest answer
        self._work: GLib.MainLoop | None = None  # runs while the user waits for the layers
        self._preview = PreviewBox(self._ask_preview, call.table.quick)
        self._controls = Gtk.Box(spacing=3 * SPACE)
        self._controls.pack_start(arrange(self._dialog, call.config, call.table), True, True, 0)
        self._controls.pack_end(self._preview.box, False, False, 0)
        self._controls.show()
        self._fill(self._controls)
        self._dialog.connect("response", self._stop_work)
        self._dialog.connect("delete-event", lambda *_event: self._work is not None)

    def ask(self) -> bool:
        """Let the user set the values and see it through; returns False when the user leaves without a result."""
        with self._running():
            while self._dialog.run():
                if self._make():
                    return True
            return False

    def _make(self) -> bool:
        """Make the layers with the values as they are; False when that failed, and the dialog says why."""
        self._status.tell("")
        self._gate.leave(self._glimpse())  # a job that is stopped is not begun again for the preview
        if self._session.state.problem is not None:
            self._session.retry()
        try:
            job = self._call.job()
            answer = self._await(job)
            if answer is not None:
                self._call.insert(job, answer)
        except LimnerError as error:
            self._status.fail(error.problem)
            return False
        return answer is not None

    def _await(self, job: Job) -> Answer | None:
        """The answer, which may be what the preview shows; None when the job failed or was stopped."""
        if self._made is None or self._made.job != job:
            self._made = None
            self._session.ask(job)
            self._controls.set_sensitive(False)
            self._dialog.set_response_sensitive(Gtk.ResponseType.OK, False)
            self._work = GLib.MainLoop()
            self._work.run()
            self._work = None
            self._dialog.set_response_sensitive(Gtk.ResponseType.OK, True)
            self._controls.set_sensitive(True)
        return self._made.answer if self._made is not None and self._made.job == job else None

    def _stop_work(self, _dialog: Gtk.Dialog, response: int) -> None:
        if self._work is not None and response in (Gtk.ResponseType.CANCEL, Gtk.ResponseType.DELETE_EVENT):
            self._session.cancel()
            if not self._session.busy:  # it had not been sent
                self._work.quit()

    def _hear(self, news: News) -> None:
        if isinstance(news, Done):
            self._made = news
            self._status.progress("", 0.0)
            self._preview.show(self._call.pictures(news.answer)[0].pixels)
        elif isinstance(news, Failed):
            self._status.fail(news.problem)
        else:
            self._status.progress(news.text, news.fraction)
            return
        if self._work is not None and not self._session.busy:
            self._work.quit()

    def _look(self) -> None:
        """Ask for a preview when the values have changed and rest."""
        if self._work is not None or not self._preview.follows or self._session.state.problem is not None:
            return
        if self._gate.ripe(self._glimpse()):
            self._ask_preview()

    def _glimpse(self) -> Hashable:
        drawables = arguments.drawables(self._call.config, self._call.table)
        given = arguments.values(self._call.config, self._call.table)
        return tuple(given.items()), tuple(drawable.get_id() for drawable in drawables.values())

    def _interrupt(self, foreseen: bool) -> None:
        if self._work is not None:
            self._work.quit()

    def _ask_preview(self) -> None:
        self._status.tell("")
        try:
            job = self._call.job()
        except LimnerError as error:
            self._status.fail(error.problem)
            return
        if self._made is None or self._made.job != job:
            self._session.ask(job)
