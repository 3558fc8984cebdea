# SPDX-License-Identifier: Apache-2.0
"""Which part of a document is sent, how it is scaled, and where what comes back belongs.

Coordinates are continuous: pixel (i, j) covers [i, i + 1) x [j, j + 1). A document's canvas begins at (0, 0); layers
may reach beyond it, so coordinates may be negative.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Mapping

MAX_SENT_SIDE = 2048  # a longer picture is scaled down: the face frame has 512 pixels in the end
MAX_REACH = 1.0  # strokes beyond the canvas count up to this many canvas sides away from it

AUTO, SELECTION, FULL = "auto", "selection", "full"
FRAME_MODES = (AUTO, SELECTION, FULL)


@dataclass(frozen=True)
class Rect:
    """A rectangle of whole pixels in document coordinates; width and height at least 0."""

    x: int
    y: int
    width: int
    height: int

    @property
    def empty(self) -> bool:
        """True when it holds no pixel."""
        return self.width <= 0 or self.height <= 0

    @property
    def right(self) -> int:
        """The first column behind it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.y + self.height

    def united(self, other: Rect) -> Rect:
        """The smallest rectangle that holds both; an empty one counts for nothing."""
        if self.empty or other.empty:
            return other if self.empty else self
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Rect(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def intersected(self, other: Rect) -> Rect:
        """What both have in common; empty when they do not touch."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Rect(x, y, max(0, right - x), max(0, bottom - y))

    def grown(self, columns: int, rows: int) -> Rect:
        """With so many columns more at the left and right, and rows at the top and bottom."""
        return Rect(self.x - columns, self.y - rows, self.width + 2 * columns, self.height + 2 * rows)


@dataclass(frozen=True)
class Square:
    """A square in document coordinates: left and top edge and side in pixels, turned by ``angle`` degrees about its
    center, clockwise on the screen."""

    x: float
    y: float
    size: float
    angle: float = 0.0

    def at_least(self, size: float) -> Square:
        """The same, or one of that side about the same center where it is smaller."""
        more = max(0.0, size - self.size)
        return Square(self.x - more / 2, self.y - more / 2, self.size + more, self.angle)

    def bounds(self) -> Rect:
        """The whole pixels that the turned square touches."""
        half = self.size / 2
        cos, sin = abs(math.cos(math.radians(self.angle))), abs(math.sin(math.radians(self.angle)))
        reach = half * (cos + sin)
        left, top = math.floor(self.x + half - reach + 1e-6), math.floor(self.y + half - reach + 1e-6)
        right, bottom = math.ceil(self.x + half + reach - 1e-6), math.ceil(self.y + half + reach - 1e-6)
        return Rect(left, top, right - left, bottom - top)


@dataclass(frozen=True)
class Sending:
    """The part of the document that is sent, as a picture of ``width`` x ``height`` pixels."""

    region: Rect
    width: int
    height: int

    @property
    def scale(self) -> float:
        """Pixels of the sent picture for one pixel of the document, at most 1."""
        return self.width / self.region.width

    def to_picture(self, square: Square) -> list[float]:
        """The square as the parameter ``frame``: [x, y, size] in pixels of the sent picture."""
        scale = self.scale
        return [(square.x - self.region.x) * scale, (square.y - self.region.y) * scale, square.size * scale]

    def to_document(self, frame: Mapping[str, Any]) -> Square:
        """Where the frame that the backend reports ({"x", "y", "size", "angle"} of the picture) lies."""
        scale = self.scale
        x, y, size = (float(frame[key]) / scale for key in ("x", "y", "size"))
        return Square(x + self.region.x, y + self.region.y, size, float(frame.get("angle", 0.0)))


def choose_region(canvas: Rect, content: Rect, mode: str, alone: bool = False) -> Rect:
    """What to send of a layer whose strokes lie in ``content``.

    The whole canvas, so that the answer is the same as for the exported picture; in the mode "auto" strokes beyond
    the canvas as well, unless they are very far away. alone: in that mode nothing but the layer.
    """
    if mode != AUTO:
        return canvas
    reach = canvas.grown(int(canvas.width * MAX_REACH), int(canvas.height * MAX_REACH))
    near = content.intersected(reach)
    return near if alone and not near.empty else canvas.united(near)


def plan_sending(region: Rect, limit: int = MAX_SENT_SIDE) -> Sending:
    """The size at which the region is sent: as it is, or scaled down to at most ``limit`` pixels a side."""
    scale = min(1.0, limit / max(region.width, region.height))
    return Sending(region, max(1, round(region.width * scale)), max(1, round(region.height * scale)))


def square_around(rect: Rect) -> Square:
    """The smallest square with the rectangle in its middle."""
    size = float(max(rect.width, rect.height))
    return Square(rect.x + (rect.width - size) / 2, rect.y + (rect.height - size) / 2, size)
