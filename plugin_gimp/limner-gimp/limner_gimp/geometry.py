# SPDX-License-Identifier: Apache-2.0
"""Where things lie: the image's pixels, the layer's own pixels (the layer has offsets), and the picture that is sent,
which is smaller than a layer that is too large for one message."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .wire import ErrorCode, LimnerError, limits

RGBA_BYTES = 4  # of one pixel as it is sent
MAX_PLACED_SIDE = 65536  # pixels; a result is not scaled to more


@dataclass(frozen=True)
class Rectangle:
    """Whole pixels; x, y: left and top edge."""

    x: int
    y: int
    width: int
    height: int

    def moved(self, x: int, y: int) -> Rectangle:
        """The same size, as many pixels further right and down."""
        return Rectangle(self.x + x, self.y + y, self.width, self.height)


@dataclass(frozen=True)
class Square:
    """x, y: left and top edge; continuous pixels."""

    x: float
    y: float
    size: float


@dataclass(frozen=True)
class View:
    """How a layer is sent: the layer's rectangle in the image, and the pixels sent per pixel of the layer (<= 1)."""

    layer: Rectangle
    scale: float = 1.0

    @property
    def width(self) -> int:
        """Of the picture that is sent, in pixels."""
        return max(1, int(self.layer.width * self.scale))

    @property
    def height(self) -> int:
        """Of the picture that is sent, in pixels."""
        return max(1, int(self.layer.height * self.scale))

    def from_image(self, square: Square) -> Square:
        """A square of the image in pixels of the picture that is sent."""
        x, y = square.x - self.layer.x, square.y - self.layer.y
        return Square(x * self.scale, y * self.scale, square.size * self.scale)

    def to_image(self, square: Square) -> Square:
        """The inverse of from_image."""
        x, y = square.x / self.scale, square.y / self.scale
        return Square(x + self.layer.x, y + self.layer.y, square.size / self.scale)


@dataclass(frozen=True)
class Placement:
    """Where a square result goes: left and top edge and side in whole pixels of the image, before it is turned about
    its center by `angle` degrees, clockwise."""

    x: int
    y: int
    side: int
    angle: float = 0.0


def view(layer: Rectangle) -> View:
    """How the layer is sent: as it is, or halved until one message can hold it.

    Raises LimnerError for a layer without pixels."""
    if layer.width < 1 or layer.height < 1:
        raise LimnerError(ErrorCode.BAD_PICTURE, "The layer has no pixels.")
    found = View(layer)
    while (
        max(found.width, found.height) > limits.MAX_SIDE
        or found.width * found.height * RGBA_BYTES > limits.MAX_FRAME_BYTES
    ):
        found = View(layer, found.scale / 2)
    return found


def square_around(rectangle: Rectangle) -> Square:
    """The smallest square with the rectangle in its middle."""
    size = float(max(rectangle.width, rectangle.height))
    x = rectangle.x + (rectangle.width - size) / 2
    y = rectangle.y + (rectangle.height - size) / 2
    return Square(x, y, size)


def at_least(place: Placement, side: int) -> Placement:
    """The place, or one around the same center whose side is `side` pixels."""
    more = max(0, side - place.side)
    return Placement(place.x - more // 2, place.y - more // 2, place.side + more, place.angle)


def placement(frame: Mapping[str, Any], sent: View) -> Placement:
    """Where a result with that frame (a result's `info["frame"]`, in pixels of the picture sent) goes.

    Raises LimnerError when the frame is no square that could be in an image."""
    try:
        square = Square(float(frame["x"]), float(frame["y"]), float(frame["size"]))
        angle = float(frame.get("angle", 0.0))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _no_frame(frame) from None
    square = sent.to_image(square)
    numbers = (square.x, square.y, square.size, angle)
    if not all(math.isfinite(number) and abs(number) <= 1e6 for number in numbers):
        raise _no_frame(frame)
    if not 0 < square.size <= MAX_PLACED_SIDE:
        raise _no_frame(frame)
    return Placement(_nearest(square.x), _nearest(square.y), max(1, _nearest(square.size)), angle)


def _nearest(number: float) -> int:
    return math.floor(number + 0.5)


def _no_frame(frame: Any) -> LimnerError:
    return LimnerError(ErrorCode.BAD_MESSAGE, f"The backend did not say where its picture lies: {frame!r:.200}.")
