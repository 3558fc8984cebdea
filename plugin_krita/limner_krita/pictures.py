# SPDX-License-Identifier: Apache-2.0
"""Pictures between Krita's bytes, the wire's pixels and Qt. May be called in any thread."""

from __future__ import annotations

from .client import Pixels
from .editor import PIXEL_BYTES, Block
from .model.geometry import Rect, Sending, Square
from .qt import QColor, QImage, QPainter, QPointF, Qt, QTransform

_ROUND = 1e-6  # differences below this are rounding errors


def to_wire(block: Block, sending: Sending) -> Pixels:
    """What was read of a layer as RGBA pixels of the size at which it is sent."""
    image = _from_bgra(block)
    if (sending.width, sending.height) != (block.rect.width, block.rect.height):
        smooth = Qt.TransformationMode.SmoothTransformation
        image = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        image = image.scaled(sending.width, sending.height, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    return Pixels(sending.width, sending.height, PIXEL_BYTES, "u8", _bytes_of(image))


def to_image(pixels: Pixels) -> QImage:
    """8-bit pixels of the wire with 1, 3 or 4 channels as a QImage of its own."""
    formats = {1: QImage.Format.Format_Grayscale8, 3: QImage.Format.Format_RGB888, 4: QImage.Format.Format_RGBA8888}
    if pixels.dtype != "u8" or pixels.channels not in formats:
        raise ValueError(f"cannot show pixels with {pixels.channels} channels of type {pixels.dtype}")
    row = pixels.width * pixels.channels
    return QImage(bytes(pixels.data), pixels.width, pixels.height, row, formats[pixels.channels]).copy()


def place(pixels: Pixels, square: Square) -> Block:
    """A square picture as the pixels of the layer on which it fills the square.

    Where the square is as large as the picture, straight and on whole pixels, they are the very same pixels.
    """
    image, rect = to_image(pixels), square.bounds()
    if _fits(square, pixels.width):
        return Block(rect, _bytes_of(image.convertToFormat(QImage.Format.Format_ARGB32)))
    if square.size < pixels.width / 2:  # the painter's filter looks at four pixels only
        side = max(1, round(square.size))
        smooth = Qt.TransformationMode.SmoothTransformation
        premultiplied = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        image = premultiplied.scaled(side, side, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
    canvas = QImage(rect.width, rect.height, QImage.Format.Format_ARGB32_Premultiplied)
    canvas.fill(QColor(0, 0, 0, 0))
    painter = QPainter(canvas)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setTransform(_transform(square, rect, image.width()))
    painter.drawImage(QPointF(0, 0), image)
    painter.end()
    return Block(rect, _bytes_of(canvas.convertToFormat(QImage.Format.Format_ARGB32)))


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


def _from_bgra(block: Block) -> QImage:
    rect = block.rect
    return QImage(block.data, rect.width, rect.height, rect.width * PIXEL_BYTES, QImage.Format.Format_ARGB32)


def _bytes_of(image: QImage) -> bytes:
    """The rows of an image with four bytes a pixel, which Qt never pads."""
    return bytes(image.constBits().asstring(image.width() * image.height() * PIXEL_BYTES))
