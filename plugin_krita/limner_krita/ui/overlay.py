# SPDX-License-Identifier: Apache-2.0
"""The face frame on the canvas: an outline that lets the pen through and is in no picture."""

from __future__ import annotations

from typing import Any, Callable

from ..editor.view import CanvasView
from ..model.geometry import Square
from ..model.session import Session
from ..qt import (
    QColor,
    QObject,
    QPainter,
    QPainterPath,
    QPainterPathStroker,
    QPen,
    QPointF,
    QPolygonF,
    QRegion,
    Qt,
    QTimer,
    QTransform,
    QWidget,
)

_WIDTH = 3  # pixels
_LOOK_MS = 250
_DARK, _LIGHT = QColor(20, 20, 20), QColor(255, 170, 40)


class FrameOverlay(QWidget):
    """A closed line over a widget. It covers only its own pixels, so that the canvas is drawn as fast as ever."""

    def __init__(self, parent: QWidget, moved: Callable[[], None]) -> None:
        """moved: called when the canvas was scrolled, zoomed or turned, as long as the overlay is there."""
        super().__init__(parent)
        self._moved = moved
        self.setObjectName("limner_face_frame")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._line = QPolygonF()

    def moved(self, *values: int) -> None:
        """A scroll bar of the canvas says so. Qt ends the connection with the overlay, which the canvas takes along
        when its view is closed: Python would not know that the scroll bar is gone."""
        self._moved()

    def show_line(self, line: QPolygonF) -> None:
        """Draw it, in pixels of the parent."""
        if line == self._line and self.size() == self.parentWidget().size() and self.isVisible():
            return
        self._line = line
        self.setGeometry(self.parentWidget().rect())
        path, stroker = QPainterPath(), QPainterPathStroker()
        path.addPolygon(line)
        path.closeSubpath()
        stroker.setWidth(_WIDTH + 2)
        around = stroker.createStroke(path).simplified().toFillPolygons()
        region = QRegion()
        for polygon in around:
            region = region.xored(QRegion(polygon.toPolygon()))
        self.setMask(region)
        self.show()
        self.raise_()
        self.update()

    def paintEvent(self, event: Any) -> None:
        """Qt asks for the line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for color, style in ((_DARK, Qt.PenStyle.SolidLine), (_LIGHT, Qt.PenStyle.DashLine)):
            painter.setPen(QPen(color, _WIDTH, style))
            painter.drawPolygon(self._line)
        painter.end()


class FrameOnCanvas(QObject):
    """Keeps the outline where the session's face frame is, as the canvas is moved, zoomed and turned."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._overlay: FrameOverlay | None = None
        self._parent: Any = None  # what it lies over
        self._dockers: list[Any] = []
        self._timer = QTimer(self)  # selections and views change without a word
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self.sync)
        self._timer.start()

    def follow(self, docker: Any) -> None:
        """Show the outline as long as this docker, or another one, is visible."""
        self._dockers.append(docker)
        docker.destroyed.connect(lambda *gone: self._dockers.remove(docker))

    def sync(self) -> None:
        """Look where the frame is now."""
        shown = self._session.settings.show_frame and any(docker.isVisible() for docker in self._dockers)
        square = self._session.face_frame.square() if shown else None
        view = CanvasView.in_front() if square is not None else None
        try:
            if square is None or view is None:
                self._hide()
            else:
                self._over(view).show_line(view.transform().map(_outline(square)))
        except RuntimeError:  # Qt's object is gone with a closed view
            self._overlay = self._parent = None

    def _over(self, view: CanvasView) -> FrameOverlay:
        """The overlay of that view; there is one at a time."""
        if self._overlay is None or self._parent is not view.widget:
            self._hide()
            self._parent = view.widget
            self._overlay = FrameOverlay(self._parent, self.sync)
            for bar in view.scroll_bars:
                bar.valueChanged.connect(self._overlay.moved)
                bar.rangeChanged.connect(self._overlay.moved)
        return self._overlay

    def _hide(self) -> None:
        overlay, self._overlay, self._parent = self._overlay, None, None
        if overlay is not None:
            overlay.hide()
            overlay.deleteLater()


def _outline(square: Square) -> QPolygonF:
    half = square.size / 2
    turned = QTransform()
    turned.translate(square.x + half, square.y + half)
    turned.rotate(square.angle)
    return turned.map(
        QPolygonF([QPointF(-half, -half), QPointF(half, -half), QPointF(half, half), QPointF(-half, half)])
    )
