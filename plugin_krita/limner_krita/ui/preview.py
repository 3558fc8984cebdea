# SPDX-License-Identifier: Apache-2.0
"""The portrait as a picture in the docker."""

from __future__ import annotations

from typing import Any

from .. import pictures
from ..client import Pixels
from ..qt import QColor, QImage, QPainter, QPixmap, QPointF, QRectF, QSizePolicy, Qt, QWidget
from ..texts import tr

_SIDE = 100  # pixels, at least
_KEEP = Qt.AspectRatioMode.KeepAspectRatio

_CENTERED = (Qt.AlignmentFlag.AlignCenter, Qt.TextFlag.TextWordWrap)
_FLAGS = sum(int(getattr(flag, "value", flag)) for flag in _CENTERED)  # Qt 6 adds no flags of two kinds


class PreviewArea(QWidget):
    """A square picture on a plain ground, as large as the docker allows."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._shown: Any = None
        self._scaled = QPixmap()
        self.setMinimumSize(_SIDE, _SIDE)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def heightForWidth(self, width: int) -> int:
        """Qt asks how high a square of that width is."""
        return width

    def show_picture(self, picture: Pixels | bytes | None) -> None:
        """Show pixels or a JPEG file; None shows a word of advice instead."""
        if picture is not self._shown:
            self._shown, self._scaled = picture, QPixmap()  # converted when it is seen
            self.update()

    def _fitted(self, side: int) -> QPixmap:
        """The picture in a square of that side, as fine as the screen is."""
        ratio = self.devicePixelRatioF()
        pixels = round(side * ratio)
        if max(self._scaled.width(), self._scaled.height()) != pixels:
            shown = self._shown
            image = QImage.fromData(shown) if isinstance(shown, bytes) else pictures.to_image(shown)
            smooth = Qt.TransformationMode.SmoothTransformation
            self._scaled = QPixmap.fromImage(image.scaled(pixels, pixels, _KEEP, smooth))
            self._scaled.setDevicePixelRatio(ratio)
        return self._scaled

    def paintEvent(self, event: Any) -> None:
        """Qt asks for the picture."""
        painter = QPainter(self)
        area = QRectF(self.rect())
        painter.fillRect(area, QColor(0, 0, 0, 40))
        if self._shown is None:
            painter.setPen(self.palette().color(self.foregroundRole()))
            painter.drawText(area.adjusted(12, 12, -12, -12), _FLAGS, tr("Draw a face, then press Generate."))
        else:
            side = int(min(area.width(), area.height()))
            place = QPointF((area.width() - side) / 2, (area.height() - side) / 2)
            painter.drawPixmap(place, self._fitted(side))
        painter.end()
