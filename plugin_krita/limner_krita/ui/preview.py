# SPDX-License-Identifier: Apache-2.0
"""The portrait as a picture in the docker."""

from __future__ import annotations

from typing import Any

from .. import pictures
from ..client import Pixels
from ..qt import QColor, QPainter, QPixmap, QRectF, QSizePolicy, Qt, QWidget
from ..texts import tr

_SIDE = 200  # pixels, at least


class PreviewArea(QWidget):
    """A square picture on a plain ground, as large as the docker allows."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._shown: Any = None
        self._picture: QPixmap | None = None
        self.setMinimumSize(_SIDE // 2, _SIDE // 2)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def heightForWidth(self, width: int) -> int:
        """Qt asks how high a square of that width is."""
        return width

    def show_picture(self, pixels: Pixels | None) -> None:
        """Show it; None shows a word of advice instead."""
        if pixels is self._shown:
            return
        self._shown = pixels
        self._picture = None if pixels is None else QPixmap.fromImage(pictures.to_image(pixels))
        self.update()

    def paintEvent(self, event: Any) -> None:
        """Qt asks for the picture."""
        painter = QPainter(self)
        area = QRectF(self.rect())
        painter.fillRect(area, QColor(0, 0, 0, 40))
        if self._picture is None:
            painter.setPen(self.palette().color(self.foregroundRole()))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(area.adjusted(12, 12, -12, -12), int(flags), tr("Draw a face, then press Generate."))
        else:
            side = min(area.width(), area.height())
            place = QRectF((area.width() - side) / 2, (area.height() - side) / 2, side, side)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(place, self._picture, QRectF(self._picture.rect()))
        painter.end()
