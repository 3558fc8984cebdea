# SPDX-License-Identifier: Apache-2.0
"""Pictures between Krita's bytes, the wire's pixels and Qt. May be called in any thread.

Qt keeps the interpreter to itself while it works on a picture, so large pictures are worked on in strips: another
thread's Python code, the editor's own as well, goes on in between.
"""

from __future__ import annotations

from typing import Iterator

from .client import Pixels
from .editor import PIXEL_BYTES, Block
from .model.geometry import Rect, Sending, Square
from .qt import QBuffer, QByteArray, QColor, QImage, QPainter, QPointF, Qt, QTransform

_ROUND = 1e-6  # differences below this are rounding errors
_STRIP = 64  # rows
_THUMBNAIL_QUALITY = 85  # of 100, JPEG


def to_wire(block: Block, sending: Sending) -> Pixels:
    """What was read of a layer as RGBA pixels of the size at which it is sent."""
    width, height = sending.width, sending.height
    rect, data = block.rect, block.bgra()
    parts = []
    for top, bottom in _strips(height):
        first, last = round(top * rect.height / height), max(1, round(bottom * rect.height / height))
        first = min(first, last - 1)
        rows = data[first * rect.width * PIXEL_BYTES : last * rect.width * PIXEL_BYTES]
        image = QImage(rows, rect.width, last - first, rect.width * PIXEL_BYTES, QImage.Format.Format_ARGB32)
        if (width, bottom - top) != (rect.width, last - first):
            image = _scaled(image, width, bottom - top)
        parts.append(_bytes_of(image.convertToFormat(QImage.Format.Format_RGBA8888)))
    return Pixels(width, height, PIXEL_BYTES, "u8", b"".join(parts))


def to_image(pixels: Pixels) -> QImage:
    """8-bit pixels of the wire with 1, 3 or 4 channels as a QImage of its own."""
    formats = {1: QImage.Format.Format_Grayscale8, 3: QImage.Format.Format_RGB888, 4: QImage.Format.Format_RGBA8888}
    if pixels.dtype != "u8" or pixels.channels not in formats:
        raise ValueError(f"cannot show pixels with {pixels.channels} channels of type {pixels.dtype}")
    row = pixels.width * pixels.channels
    return QImage(bytes(pixels.data), pixels.width, pixels.height, row, formats[pixels.channels]).copy()


def thumbnail(pixels: Pixels, side: int) -> bytes:
    """A small copy, at most ``side`` pixels wide and high, as a JPEG file; what is transparent becomes white."""
    image = to_image(pixels)
    scale = min(1.0, side / max(pixels.width, pixels.height))
    small = _scaled(image, max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale)))
    paper = QImage(small.size(), QImage.Format.Format_RGB32)
    paper.fill(QColor(255, 255, 255))
    painter = QPainter(paper)
    painter.drawImage(QPointF(0, 0), small)
    painter.end()
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    paper.save(buffer, "JPG", _THUMBNAIL_QUALITY)
    buffer.close()
    return bytes(data)


def place(pixels: Pixels, square: Square) -> Block:
    """A square picture as the pixels of the layer on which it fills the square.

    Where the square is as large as the picture, straight and on whole pixels, they are the very same pixels.
    """
    image, rect = to_image(pixels), square.bounds()
    if _fits(square, pixels.width):
        return Block(rect, _bytes_of(image.convertToFormat(QImage.Format.Format_ARGB32)))
    if square.size < pixels.width / 2:  # the painter's filter looks at four pixels only
        side = max(1, round(square.size))
        image = _scaled(image, side, side)
    strips = (Rect(rect.x, rect.y + top, rect.width, bottom - top) for top, bottom in _strips(rect.height))
    return Block(rect, b"".join(_paint(image, square, strip) for strip in strips))


def _paint(image: QImage, square: Square, rect: Rect) -> bytes:
    """Those rows of the layer, as BGRA."""
    canvas = QImage(rect.width, rect.height, QImage.Format.Format_ARGB32_Premultiplied)
    canvas.fill(QColor(0, 0, 0, 0))
    painter = QPainter(canvas)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setTransform(_transform(square, rect, image.width()))
    painter.drawImage(QPointF(0, 0), image)
    painter.end()
    return _bytes_of(canvas.convertToFormat(QImage.Format.Format_ARGB32))


def _strips(height: int) -> Iterator[tuple[int, int]]:
    return ((top, min(top + _STRIP, height)) for top in range(0, height, _STRIP))


def _scaled(image: QImage, width: int, height: int) -> QImage:
    premultiplied = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
    smooth = Qt.TransformationMode.SmoothTransformation
    return premultiplied.scaled(width, height, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)


def _fits(square: Square, side: int) -> bool:
    whole = all(abs(value - round(value)) < _ROUND for value in (square.x, square.y))
    return whole and abs(square.size - side) < _ROUND and abs(square.angle) < _ROUND


def _transform(square: Square, rect: Rect, side: int) -> QTransform:
    """From the picture's pixels to those of the rectangle."""
    half = square.size / 2
    transform = QTransform()
    transform.translate(square.x + half - rect.x, square.y + half - rect.y)
    transform.rotate(square.angle)
    transform.scale(square.size / side, square.size / side)
    transform.translate(-side / 2, -side / 2)
    return transform


def _bytes_of(image: QImage) -> bytes:
    """The rows of an image with four bytes a pixel, which Qt never pads."""
    return bytes(image.constBits().asstring(image.width() * image.height() * PIXEL_BYTES))
