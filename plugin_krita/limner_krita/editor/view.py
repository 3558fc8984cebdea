# SPDX-License-Identifier: Apache-2.0
"""The view in front: the widget that shows the canvas, and where a pixel of the document is on it."""

from __future__ import annotations

from typing import Any

from krita import Krita

from ..qt import QAbstractScrollArea, QMdiArea, QRectF, QTransform
from .canvas import Canvas

_CONTROLLER = "KisCanvasController"
_POINTS = 72.0  # to the inch


class CanvasView:
    """A view. It may only be used until the artist closes it, so ask for it anew each time."""

    def __init__(self, view: Any, area: Any) -> None:
        self._view, self._area = view, area

    @classmethod
    def in_front(cls) -> CanvasView | None:
        """The view the artist looks at, or None."""
        window = Krita.instance().activeWindow()
        view = window.activeView() if window is not None else None
        if view is None or view.document() is None:
            return None
        tabs = window.qwindow().findChild(QMdiArea)
        tab = tabs.currentSubWindow() if tabs is not None else None
        areas = tab.findChildren(QAbstractScrollArea) if tab is not None else []
        found = [area for area in areas if area.metaObject().className() == _CONTROLLER]
        return cls(view, found[0]) if found else None

    @property
    def canvas(self) -> Canvas:
        """The document that it shows."""
        return Canvas(self._view.document())

    @property
    def widget(self) -> Any:
        """The widget that the canvas fills."""
        return self._area.viewport()

    @property
    def scroll_bars(self) -> tuple[Any, Any]:
        """They move or change their range whenever the canvas is moved, zoomed or turned."""
        return self._area.horizontalScrollBar(), self._area.verticalScrollBar()

    def transform(self) -> QTransform:
        """From pixels of the document to those of the widget."""
        if hasattr(self._view, "flakeToCanvasTransform"):  # Krita tells it itself
            return self._view.flakeToImageTransform().inverted()[0] * self._view.flakeToCanvasTransform()
        document, canvas = self._view.document(), self._view.canvas()
        scale = canvas.zoomLevel() * _POINTS / document.resolution()  # in the widget's pixels, not the screen's
        turned = QTransform()
        turned.rotate(canvas.rotation())
        turned.scale(-scale if canvas.mirror() else scale, scale)
        # The scroll bars' values are where the corner of the view is in the rectangle around the turned document.
        around = turned.mapRect(QRectF(0, 0, document.width(), document.height()))
        across, down = self.scroll_bars
        return turned * QTransform.fromTranslate(-around.x() - across.value(), -around.y() - down.value())
