# SPDX-License-Identifier: Apache-2.0
"""What the plugin is doing: the backend's state, the jobs under way, the controls, the last result of each document.

One session serves all windows. It lives in the GUI thread; whoever shows it is called after each change.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any, Iterator, Mapping

from ..backend.jobs import JobEvent, StateEvent
from ..backend.service import READY, STOPPED, BackendService
from ..client import BackendState
from ..editor import Editor, EditorError, Workshop
from ..wire import Cancelled, Error, LimnerError, Preview, Problem, Progress, Queued, Result, TaskSchema
from . import controls
from .frame import FaceFrame
from .geometry import AUTO, FRAME_MODES
from .history import Entry, added, entry_of
from .inserting import Inserter, read_history, read_record, write_history
from .jobs import Finished, Running, Shown, capture, make_job
from .observable import Observable
from .placing import find_sketch
from .record import Record
from .settings import Settings
from .tasks import INVERT, PORTRAIT, UPSAMPLE

__all__ = ["PORTRAIT", "Session"]


class Session(Observable):
    """The state and what can be done with it. Methods that need a document put what is wrong into ``problem``."""

    def __init__(self, editor: Editor, service: BackendService) -> None:
        super().__init__()
        self.editor, self.service = editor, service
        self.settings = Settings(editor)
        self.inserter = Inserter(editor, self.settings)
        self.state = BackendState(STOPPED)
        self.tasks = {name: controls.TaskControls(self.changed) for name in (INVERT, UPSAMPLE)}
        self.tasks[PORTRAIT] = controls.TaskControls(self._portrait_changed)
        self.frame_mode = AUTO
        self.face_frame = FaceFrame(self)
        self.hints = ""  # id of the layer with color hints
        self.live = False
        self.problem: Problem | None = None
        self.running: dict[int, Running] = {}
        self.shown: dict[str, Shown] = {}  # by canvas key: what the preview shows
        self.history: dict[str, tuple[Entry, ...]] = {}  # by canvas key, the latest first
        self._canvas_key = ""
        self._sent: dict[str, str] = {}  # by canvas key: digest of what was drawn live last
        self._live_due = False  # the controls have changed since the last live job
        self._ticking = False

    # What it knows

    @property
    def values(self) -> dict[str, Any]:
        """Of the portrait's controls."""
        return self.tasks[PORTRAIT].values

    @property
    def schema(self) -> TaskSchema | None:
        """Of the portrait; None until the backend was ready once."""
        return self.tasks[PORTRAIT].schema

    def current(self) -> Running | None:
        """The job under way for the document in front, the explicit one before the live one."""
        jobs = [job for job in self.running.values() if job.target.key == self._canvas_key]
        return next((job for job in jobs if not job.target.live), jobs[0] if jobs else None)

    def result(self) -> Shown | None:
        """What the preview shows for the document in front."""
        return self.shown.get(self._canvas_key)

    def results(self) -> tuple[Entry, ...]:
        """The last results of the document in front, the latest first."""
        return self.history.get(self._canvas_key, ())

    def offers(self, task: str) -> bool:
        """False when the backend has said that it does not offer the task."""
        welcome = self.state.welcome
        return self.state.name != READY or welcome is None or task in welcome.schema

    # What can be done

    def generate(self, task: str = PORTRAIT) -> None:
        """Make a portrait (or what the task makes) of the active layer, and insert it when it is done."""
        with self._problems():
            self._enter_document()
            if not self.offers(task):
                raise controls.not_offered(task)
            busy = self.current()
            if busy is not None and not busy.target.live:
                return
            self._submit(task, live=False)

    def update_live(self) -> None:
        """Make a portrait for the preview, when the drawing or the controls have changed. Live only."""
        if not self.live or self.state.name != READY:
            return
        self._live_due = False
        try:
            self._submit(PORTRAIT, live=True)
        except LimnerError as error:  # nothing is drawn yet: no reason to disturb
            self.problem = error.problem
            self.changed()

    def set_live(self, live: bool) -> None:
        """Begin or end to follow the drawing."""
        if live == self.live:
            return
        self.live, self._live_due, self._sent = live, False, {}
        if live:
            self._enter_document()
            self.service.start()
            self.update_live()
        else:
            for key, job in self.running.items():
                if job.target.live:
                    self.service.cancel(key)
        self.changed()

    def apply(self) -> None:
        """Insert what the preview shows: the last result of Live, or one of the history."""
        shown = self.result()
        if shown is not None and shown.finished is not None and not shown.applied:
            with self._problems():
                self._insert(shown.finished)

    def restore(self, entry: Entry) -> None:
        """Go back to a result of the history: its values and its picture."""
        self.tasks[entry.task if entry.task in self.tasks else PORTRAIT].put(entry.params)
        if entry.frame_mode in FRAME_MODES:
            self.frame_mode = entry.frame_mode
        picture = entry.finished.picture if entry.finished is not None else entry.thumbnail
        self.shown[self._canvas_key] = Shown(picture, entry.finished, applied=entry.finished is None)
        self._portrait_changed()

    def cancel(self) -> None:
        """Drop the jobs of the document in front."""
        self.set_live(False)
        for key, job in self.running.items():
            if job.target.key == self._canvas_key:
                self.service.cancel(key)
        self.changed()

    def set_value(self, name: str, value: Any) -> None:
        """Change one control of the portrait."""
        self.tasks[PORTRAIT].set(name, value)

    def _portrait_changed(self) -> None:
        self._live_due = self.live  # with the next tick: a slider changes often
        self.changed()

    def set_frame_mode(self, mode: str) -> None:
        """One of FRAME_MODES."""
        self.frame_mode = mode
        self._portrait_changed()

    def set_hints(self, uid: str) -> None:
        """The layer with color hints, "" for none."""
        self.hints = uid
        self._portrait_changed()

    def set_guide_opacity(self, opacity: float) -> None:
        """For new shadow guides, and for the one of the active sketch."""
        self.settings.guide_opacity = opacity
        canvas = self.editor.active_canvas()
        with contextlib.suppress(EditorError):
            if canvas is not None:
                self.inserter.set_guide_opacity(canvas, opacity)

    def document_changed(self) -> None:
        """The document in front is another one, or none: live ends, and its own values are taken."""
        canvas = self.editor.active_canvas()
        if (canvas.key if canvas else "") != self._canvas_key:
            self.set_live(False)
            self._enter_document()
            self.changed()
        if canvas is None:
            Workshop.close()

    def _enter_document(self) -> None:
        canvas = self.editor.active_canvas()
        if (key := canvas.key if canvas is not None else "") == self._canvas_key:
            return
        self._canvas_key = key
        if key:  # what befell the last document is still told when none is left
            self.problem = None
        record = read_record(canvas) if canvas is not None else Record()
        if canvas is not None and key not in self.history:
            self.history[key] = read_history(canvas)
        self.hints = record.hints
        if record.frame_mode in FRAME_MODES:
            self.frame_mode = record.frame_mode
        if record.values:
            self.tasks[PORTRAIT].put(record.values)

    @contextlib.contextmanager
    def _problems(self) -> Iterator[None]:
        self.problem = None
        try:
            yield
        except LimnerError as error:
            self.problem = error.problem
        self.changed()

    # Jobs

    def _submit(self, task: str, live: bool) -> None:
        canvas = self.editor.active_canvas()
        if canvas is None:
            raise EditorError("No document is open.", "Open or make one, and draw a face.")
        sketch = find_sketch(canvas, read_record(canvas))
        hints = canvas.layer(self.hints) if task == PORTRAIT else None
        target = capture(canvas, sketch, hints, self.frame_mode, task, live)
        values: Mapping[str, Any] = self.tasks[task].values if task in self.tasks else {}
        job = make_job(target, dict(values), self._sent)
        self.running[self.service.submit(job)] = Running(target)

    def tick(self) -> bool:
        """Take in what has happened; True while something is under way."""
        if self._ticking:  # inserting layers lets Krita's timers go on
            return True
        self._ticking = True
        try:
            self._take_events()
        finally:
            self._ticking = False
        starting = self.state.problem is None and self.state.name not in (READY, STOPPED)
        return bool(self.running) or self._live_due or self.inserter.focus.watching or starting

    def _take_events(self) -> None:
        events = self.service.take_events()
        for event in events:
            if isinstance(event, StateEvent):
                self._take_state(event.state)
            elif isinstance(event, JobEvent) and event.key in self.running:
                self._take_job(event)
        if events:
            self.changed()
        if self._live_due:
            self.update_live()
        self.inserter.focus.look()

    def _take_state(self, state: BackendState) -> None:
        self.state = state
        if state.name == READY and state.welcome is not None:
            for name, task in self.tasks.items():
                task.adopt(state.welcome.schema.get(name))
            self.update_live()

    def _take_job(self, event: JobEvent) -> None:
        running, message = self.running[event.key], event.message
        if isinstance(message, Queued):
            running.waiting = message.position
        elif isinstance(message, (Progress, Preview)):
            running.waiting, running.stage, running.fraction = None, message.stage, message.fraction
            if isinstance(message, Preview) and message.images:
                picture = message.images.get("portrait") or next(iter(message.images.values()))
                self.shown[running.target.key] = Shown(picture)
        elif isinstance(message, (Result, Error, Cancelled)):
            try:
                if isinstance(message, Error):
                    self._sent.pop(running.target.key, None)
                    self.problem = message.problem
                elif isinstance(message, Result):
                    self._take_result(event.value)
            finally:  # not before: inserting layers lets Krita take in other events, and the job is still under way
                del self.running[event.key]

    def _take_result(self, finished: Finished) -> None:
        target = finished.target
        self.shown[target.key] = Shown(finished.picture, finished, applied=False)
        self.face_frame.found(target, finished.frame)
        self.problem = None
        if not target.live:
            with self._problems():
                self._insert(finished)

    def _insert(self, finished: Finished) -> None:
        """Put a result into its document, which need not be the one in front."""
        target = finished.target
        welcome = self.state.welcome
        self.inserter.insert(finished, welcome.weights if welcome is not None else {}, self._values_kept(finished))
        self.shown[target.key] = replace(self.shown[target.key], applied=True)
        self.history[target.key] = added(self.history.get(target.key, ()), entry_of(finished))
        write_history(target.canvas, self.history[target.key])

    def _values_kept(self, finished: Finished) -> Mapping[str, Any]:
        """The portrait's values as they made the result."""
        if finished.target.task != PORTRAIT:
            return self.values
        return {name: value for name, value in finished.params.items() if name in self.values} or self.values
