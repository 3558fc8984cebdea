# SPDX-License-Identifier: Apache-2.0
"""Tells when the drawing has changed and the hand has come to rest.

Krita's Undo History docker has a model that is reset after each undo step, so after each stroke, undo and redo, in
whatever way it was made. Listening to it costs nothing while the pen moves; no pixel is looked at on a timer.
"""

from __future__ import annotations

from typing import Any, Callable

from ..qt import QAbstractItemModel, QObject, QTimer

SETTLE_MS = 300  # rest after a stroke
_MODEL = "KisUndoModel"


class StrokeWatch(QObject):
    """Calls ``moved`` after each step in the history, and ``settled`` once the drawing has rested for a moment."""

    def __init__(self, moved: Callable[[], None], settled: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._moved = QTimer(self)  # Krita is still in the middle of the step when the model is reset
        self._moved.setSingleShot(True)
        self._moved.setInterval(0)
        self._moved.timeout.connect(moved)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(settled)

    def watch(self, window: Any) -> bool:
        """Listen in a main window; False when it has no Undo History docker."""
        models = [m for m in window.findChildren(QAbstractItemModel) if m.metaObject().className() == _MODEL]
        for model in models:
            model.modelReset.connect(self._moved.start)
            model.modelReset.connect(self._timer.start)
        return bool(models)
