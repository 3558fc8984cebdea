# SPDX-License-Identifier: Apache-2.0
"""The docker "Limner": state of the backend, buttons, preview, controls."""

from __future__ import annotations

from typing import Any

from krita import DockWidget

from ..backend.service import READY
from ..model.session import Session
from ..qt import QFrame, QGridLayout, QProgressBar, QPushButton, QScrollArea, Qt, QVBoxLayout, QWidget
from ..texts import tr
from .history import HistoryList
from .overlay import FrameOnCanvas
from .panel import ControlsPanel
from .preview import PreviewArea
from .section import Section
from .status import StatusArea
from .tools import ToolsPanel


class LimnerDocker(DockWidget):
    """One for each window; all show the same session."""

    session: Session  # both are set by the extension before Krita makes the first docker
    frame: FrameOnCanvas

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Limner")
        session, settings = self.session, self.session.settings
        content = QWidget()
        self._status = StatusArea(session, content)
        self._preview = PreviewArea(content)
        self._progress = QProgressBar(content)
        self._progress.setRange(0, 100)
        self._controls = ControlsPanel(session, content)
        self._history = HistoryList(session)
        self._tools = ToolsPanel(session)
        layout = QVBoxLayout(content)
        layout.addWidget(self._status)
        layout.addLayout(self._make_buttons(content))
        layout.addWidget(self._progress)
        layout.addWidget(Section(tr("Preview"), "preview", self._preview, settings))
        layout.addWidget(Section(tr("Controls"), "controls", self._controls, settings))
        layout.addWidget(Section(tr("History"), "history", self._history, settings))
        layout.addWidget(Section(tr("Tools"), "tools", self._tools, settings))
        layout.addStretch(1)
        self._area = QScrollArea()
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(content)
        self.setWidget(self._area)
        self._refresh = self.refresh  # one bound method, so that it can be taken off again
        session.listen(self._refresh)
        self.destroyed.connect(_unlistener(session, self._refresh))
        self.frame.follow(self)
        self.visibilityChanged.connect(self._visibility_changed)
        self.refresh()

    def _make_buttons(self, parent: QWidget) -> QGridLayout:
        self._generate = QPushButton(tr("Generate"), parent)
        self._generate.setToolTip(tr("Make a portrait of the active layer."))
        self._generate.clicked.connect(lambda checked=False: self.session.generate())
        self._live = QPushButton(tr("Live"), parent)
        self._live.setCheckable(True)
        self._live.setToolTip(tr("Follow the drawing in the preview, until you press it again."))
        self._live.clicked.connect(lambda checked=False: self.session.set_live(self._live.isChecked()))
        self._apply = QPushButton(tr("Apply"), parent)
        self._apply.setToolTip(tr("Insert what the preview shows as layers."))
        self._apply.clicked.connect(lambda checked=False: self.session.apply())
        self._cancel = QPushButton(tr("Cancel"), parent)
        self._cancel.clicked.connect(lambda checked=False: self.session.cancel())
        self._cancel.setToolTip(tr("Drop the portrait that is being made."))
        for name, button in (("generate", self._generate), ("live", self._live), ("apply", self._apply)):
            button.setObjectName(f"limner_{name}_button")
        self._cancel.setObjectName("limner_cancel_button")
        grid = QGridLayout()
        grid.addWidget(self._generate, 0, 0, 1, 3)
        for column, button in enumerate((self._live, self._apply, self._cancel)):
            button.setMinimumWidth(0)
            grid.addWidget(button, 1, column)
        return grid

    def canvasChanged(self, canvas: Any) -> None:
        """Krita tells that another document, or none, is in front."""
        self.session.document_changed()
        self._controls.refresh_layers()
        self.refresh()

    def _visibility_changed(self, visible: bool) -> None:
        self.frame.sync()
        if not visible:
            self.session.set_live(False)
        elif self.session.state.name != READY:
            self.session.service.look()

    def refresh(self) -> None:
        """Show the session as it is now."""
        session = self.session
        running, shown = session.current(), session.result()
        explicit = running is not None and not running.target.live
        self._status.refresh()
        self._generate.setEnabled(not explicit)
        self._live.setChecked(session.live)
        can_apply = shown is not None and shown.finished is not None and not shown.applied
        self._apply.setEnabled(can_apply)
        self._cancel.setEnabled(running is not None)
        self._progress.setEnabled(running is not None)
        self._progress.setValue(round(100 * running.fraction) if running is not None else 0)
        self._progress.setFormat(_stage(running) if running is not None else "")
        self._preview.show_picture(shown.picture if shown is not None else None)
        self._controls.refresh()
        self._history.refresh()
        self._tools.refresh()
        self._keep_wide_enough()

    def _keep_wide_enough(self) -> None:
        """Krita may not make the docker narrower than its content, which is not scrolled sidewards."""
        width = self._area.widget().minimumSizeHint().width() + self._area.verticalScrollBar().sizeHint().width()
        if width != self._area.minimumWidth():
            self._area.setMinimumWidth(width)


def _stage(running: Any) -> str:
    if running.waiting:
        return tr("waiting for {count} other jobs").format(count=running.waiting)
    return f"{tr(running.stage)} %p%" if running.stage else tr("waiting")


def _unlistener(session: Session, call: Any) -> Any:
    return lambda *gone: session.unlisten(call)
