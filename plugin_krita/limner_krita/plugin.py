# SPDX-License-Identifier: Apache-2.0
"""Registers Limner with Krita: the docker, the actions, and the timer that takes in what the backend says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from krita import DockWidgetFactory, DockWidgetFactoryBase, Extension, Krita

from .backend.service import BackendService
from .editor import Editor, Workshop
from .model.session import Session
from .model.tasks import INVERT, PORTRAIT, SHADOW, UPSAMPLE
from .qt import QLocale, QTimer
from .texts import choose_language, tr
from .ui.docker import LimnerDocker
from .ui.overlay import FrameOnCanvas
from .ui.strokes import StrokeWatch

DOCKER_ID = "limner_docker_widget"
_MENU = "tools/scripts"
_BUSY_MS, _IDLE_MS = 30, 250


@dataclass(frozen=True)
class ActionEntry:
    """One action: its id (a contract), its text, and what it does. checkable: it stays pressed."""

    id: str
    text: str
    call: Callable[[LimnerExtension, bool], None]
    checkable: bool = False


# A task of the backend that makes layers of the active one needs one line here, and an entry in the .action file.
ACTIONS = (
    ActionEntry("limner_generate", "Limner: Generate Portrait", lambda self, on: self.session.generate(PORTRAIT)),
    ActionEntry("limner_live", "Limner: Live Portrait", lambda self, on: self.set_live(on), checkable=True),
    ActionEntry("limner_cancel", "Limner: Cancel", lambda self, on: self.session.cancel()),
    ActionEntry("limner_shadow", "Limner: Shadow Guide Only", lambda self, on: self.session.generate(SHADOW)),
    ActionEntry("limner_invert", "Limner: Invert", lambda self, on: self.session.generate(INVERT)),
    ActionEntry("limner_upsample", "Limner: Upsample", lambda self, on: self.session.generate(UPSAMPLE)),
    ActionEntry("limner_docker", "Limner: Show Docker", lambda self, on: self.show_docker()),
)


class LimnerExtension(Extension):
    """Lives as long as Krita."""

    session: Session

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self.editor = Editor()
        self.session = Session(self.editor, BackendService(name="krita"))
        self.frame = FrameOnCanvas(self.session, self)
        LimnerDocker.session, LimnerDocker.frame = self.session, self.frame
        self._live_actions: list[Any] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_IDLE_MS)
        self._timer.timeout.connect(self._tick)
        self._strokes = StrokeWatch(self.session.inserter.swaps.look, self._settled, self)

    def setup(self) -> None:
        """Krita calls this once, before the first window."""
        self.session.listen(self._refresh)
        self.editor.when_closing(self._close)
        self._timer.start()

    def createActions(self, window: Any) -> None:
        """Krita calls this for each window."""
        for entry in ACTIONS:
            action = window.createAction(entry.id, tr(entry.text), _MENU)
            action.setCheckable(entry.checkable)
            action.triggered.connect(_caller(entry, self))
            if entry.checkable:
                self._live_actions.append(action)
        main_window = window.qwindow()  # Krita deletes the wrapper `window` right after this call
        QTimer.singleShot(0, lambda: self._strokes.watch(main_window))

    def set_live(self, on: bool) -> None:
        """Begin or end to follow the drawing; the docker shows what comes of it, and Live ends when it is hidden."""
        if on:
            self.show_docker()
        self.session.set_live(on)

    def show_docker(self) -> None:
        """Bring the docker to the front."""
        for docker in Krita.instance().dockers():
            if docker.objectName() == DOCKER_ID:
                docker.setVisible(True)
                docker.raise_()

    def _tick(self) -> None:
        busy = self.session.tick()
        if not busy:
            self.session.document_changed()  # Krita says nothing when the last one is closed
        self._timer.setInterval(_BUSY_MS if busy else _IDLE_MS)

    def _settled(self) -> None:
        self.session.inserter.swaps.look()  # Krita may have been behind
        self.session.update_live()

    def _refresh(self) -> None:
        if self.session.running or self.session.live:
            self._timer.setInterval(_BUSY_MS)
        for action in self._live_actions:
            action.setChecked(self.session.live)

    def _close(self) -> None:
        self._timer.stop()
        Workshop.close()
        self.session.service.close()


def _caller(entry: ActionEntry, extension: LimnerExtension) -> Callable[..., None]:
    return lambda checked=False: entry.call(extension, bool(checked))


def register() -> None:
    """Make the extension and the docker known to Krita."""
    choose_language(QLocale().uiLanguages())  # the one chosen in Krita, else the system's
    app = Krita.instance()
    app.addExtension(LimnerExtension(app))
    app.addDockWidgetFactory(DockWidgetFactory(DOCKER_ID, DockWidgetFactoryBase.DockRight, LimnerDocker))
