# SPDX-License-Identifier: Apache-2.0
"""What the plugin is doing: the backend's state, the jobs under way, the controls, the last result of each document.

One session serves all windows. It lives in the GUI thread; whoever shows it is called after each change.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any, Callable, Iterator

from ..backend.jobs import JobEvent, StateEvent
from ..backend.service import READY, STOPPED, BackendService
from ..client import BackendState
from ..editor import Canvas, Editor, EditorError
from ..wire import Cancelled, Error, LimnerError, Preview, Problem, Progress, Queued, Result, TaskSchema
from . import controls
from .focus import SketchFocus
from .geometry import AUTO, FRAME_MODES
from .jobs import Finished, Running, Shown, capture, make_job
from .placing import PLACEMENTS, REFRESH, find_sketch, place_guide, place_result
from .record import DESCRIPTION, KEY, Made, Record

PORTRAIT, SHADOW = "portrait", "shadow"


class Session:
    """The state and what can be done with it. Methods that need a document put what is wrong into ``problem``."""

    def __init__(self, editor: Editor, service: BackendService) -> None:
        self.editor, self.service = editor, service
        self.state = BackendState(STOPPED)
        self.schema: TaskSchema | None = None  # of the task "portrait"; None until the backend was ready once
        self.values: dict[str, Any] = {}
        self.frame_mode = AUTO
        self.hints = ""  # id of the layer with color hints
        self.live = False
        self.problem: Problem | None = None
        self.running: dict[int, Running] = {}
        self.shown: dict[str, Shown] = {}  # by canvas key: what the preview shows
        self._canvas_key = ""
        self.focus = SketchFocus()
        self._sent: dict[str, str] = {}  # by canvas key: digest of what was drawn live last
        self._listeners: list[Callable[[], None]] = []
        self._ticking = False

    # Who shows it

    def listen(self, call: Callable[[], None]) -> None:
        """Call it after each change."""
        self._listeners.append(call)

    def unlisten(self, call: Callable[[], None]) -> None:
        """Call it no more."""
        if call in self._listeners:
            self._listeners.remove(call)

    def changed(self) -> None:
        """Tell everybody."""
        for call in list(self._listeners):
            call()

    # Settings of the plugin

    @property
    def placement(self) -> str:
        """What a further portrait of the same sketch does: one of PLACEMENTS."""
        value = self.editor.setting("placement", REFRESH)
        return value if value in PLACEMENTS else REFRESH

    @placement.setter
    def placement(self, value: str) -> None:
        self.editor.save_setting("placement", value)

    @property
    def guide_opacity(self) -> float:
        """Of new shadow guides, 0..1."""
        with contextlib.suppress(ValueError):
            return min(1.0, max(0.0, float(self.editor.setting("guide_opacity", "0.4"))))
        return 0.4

    def set_guide_opacity(self, opacity: float) -> None:
        """For new shadow guides, and for the one of the active sketch."""
        self.editor.save_setting("guide_opacity", f"{opacity:.2f}")
        canvas = self.editor.active_canvas()
        if canvas is None:
            return
        record = self._record(canvas)
        with contextlib.suppress(EditorError):
            made = record.made.get(find_sketch(canvas, record).uid)
            guide = canvas.layer(made.layers["shadow"].uid) if made is not None and "shadow" in made.layers else None
            if guide is not None:
                guide.set_opacity(opacity)
                canvas.refresh()

    # What can be done

    def current(self) -> Running | None:
        """The job under way for the document in front, the explicit one before the live one."""
        jobs = [job for job in self.running.values() if job.target.key == self._canvas_key]
        return next((job for job in jobs if not job.target.live), jobs[0] if jobs else None)

    def result(self) -> Shown | None:
        """What the preview shows for the document in front."""
        return self.shown.get(self._canvas_key)

    def generate(self, task: str = PORTRAIT) -> None:
        """Make a portrait (or only the guide) of the active layer, and insert it when it is done."""
        with self._problems():
            self._enter_document()
            busy = self.current()
            if busy is not None and not busy.target.live:
                return
            self._submit(task, live=False)

    def update_live(self) -> None:
        """Make a portrait for the preview, when the drawing or the controls have changed. Live only."""
        if not self.live or self.state.name != READY:
            return
        try:
            self._submit(PORTRAIT, live=True)
        except LimnerError as error:  # nothing is drawn yet: no reason to disturb
            self.problem = error.problem
            self.changed()

    def set_live(self, live: bool) -> None:
        """Begin or end to follow the drawing."""
        if live == self.live:
            return
        self.live, self._sent = live, {}
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
        """Insert the last result of the live preview."""
        shown = self.result()
        if shown is not None and shown.finished is not None and not shown.applied:
            with self._problems():
                self._insert(shown.finished)

    def cancel(self) -> None:
        """Drop the jobs of the document in front."""
        self.set_live(False)
        for key, job in self.running.items():
            if job.target.key == self._canvas_key:
                self.service.cancel(key)
        self.changed()

    def new_color(self) -> None:
        """Take another seed."""
        if self.schema is not None:
            self.set_value(controls.SEED, controls.new_seed(self.schema))

    def set_value(self, name: str, value: Any) -> None:
        """Change one control."""
        if self.values.get(name, self) != value:
            self.values[name] = value
            self.changed()
            self.update_live()

    def set_frame_mode(self, mode: str) -> None:
        """One of FRAME_MODES."""
        self.frame_mode = mode
        self.update_live()

    def set_hints(self, uid: str) -> None:
        """The layer with color hints, "" for none."""
        self.hints = uid
        self.update_live()

    def document_changed(self) -> None:
        """The document in front is another one, or none: live ends, and its own values are taken."""
        canvas = self.editor.active_canvas()
        if (canvas.key if canvas else "") != self._canvas_key:
            self.set_live(False)
            self._enter_document()
            self.changed()

    def _enter_document(self) -> None:
        canvas = self.editor.active_canvas()
        if (key := canvas.key if canvas is not None else "") == self._canvas_key:
            return
        self._canvas_key, self.problem = key, None
        record = self._record(canvas) if canvas is not None else Record()
        self.hints = record.hints
        if record.frame_mode in FRAME_MODES:
            self.frame_mode = record.frame_mode
        if record.values:
            self.values = controls.usable(self.schema, record.values) if self.schema else dict(record.values)

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
        sketch = find_sketch(canvas, self._record(canvas))
        hints = canvas.layer(self.hints) if task == PORTRAIT else None
        target = capture(canvas, sketch, hints, self.frame_mode, task, live)
        job = make_job(target, dict(self.values), self._sent)
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
        return bool(self.running) or self.focus.watching or starting

    def _take_events(self) -> None:
        events = self.service.take_events()
        for event in events:
            if isinstance(event, StateEvent):
                self._take_state(event.state)
            elif isinstance(event, JobEvent) and event.key in self.running:
                self._take_job(event)
        if events:
            self.changed()
        self.focus.look()

    def _take_state(self, state: BackendState) -> None:
        self.state = state
        if state.name == READY and state.welcome is not None and PORTRAIT in state.welcome.schema:
            self.schema = state.welcome.schema[PORTRAIT]
            self.values = controls.usable(self.schema, self.values)
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
        self.shown[finished.target.key] = Shown(finished.picture, finished, applied=False)
        self.problem = None
        if not finished.target.live:
            with self._problems():
                self._insert(finished)

    def _insert(self, finished: Finished) -> None:
        """Put a result into its document, which need not be the one in front."""
        target = finished.target
        if not target.canvas.is_open:
            raise EditorError("The document was closed before its portrait was done.", "Open it and try again.")
        sketch = target.canvas.layer(target.sketch.uid)
        if sketch is None:
            raise EditorError("The sketch layer was removed before its portrait was done.", "Undo, and try again.")
        record = self._record(target.canvas)
        if target.task == SHADOW:
            added = place_guide(target.canvas, sketch, finished.blocks["shadow"], self.guide_opacity).uid
        else:
            placed = place_result(target.canvas, sketch, finished.blocks, record, self.placement, self.guide_opacity)
            weights = self.state.welcome.weights if self.state.welcome is not None else {}
            made = Made(placed.group, placed.layers, finished.params, weights, finished.device, finished.frame)
            record, added = record.with_made(sketch.uid, made), placed.group
        self.focus.keep(target.canvas, sketch.uid, added)
        values = {name: value for name, value in finished.params.items() if name in self.values} or self.values
        record = replace(record, values=dict(values), frame_mode=target.frame_mode, hints=target.hints_uid)
        target.canvas.write_note(KEY, DESCRIPTION, record.to_bytes())
        self.shown[target.key] = replace(self.shown[target.key], applied=True)

    def _record(self, canvas: Canvas) -> Record:
        return Record.from_bytes(canvas.read_note(KEY))
