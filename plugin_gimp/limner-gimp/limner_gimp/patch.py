# SPDX-License-Identifier: Apache-2.0
"""Rectangles of pixels that are written into a layer in place."""

from __future__ import annotations

from dataclasses import dataclass, field

from .geometry import Rectangle

_BYTES = 4  # of a pixel, RGBA with 8 bits


@dataclass(frozen=True)
class Patch:
    """data: RGBA with 8 bits, row by row, of the rectangle `place`."""

    place: Rectangle
    data: bytes = field(repr=False)

    @classmethod
    def empty(cls, place: Rectangle) -> Patch:
        """Transparent pixels."""
        return cls(place, bytes(place.width * place.height * _BYTES))

    def within(self, area: Rectangle) -> Patch | None:
        """The part of it inside the area; None when there is none."""
        both = intersection(self.place, area)
        return None if both is None else Patch(both, self._rows(both))

    def on_nothing(self, area: Rectangle) -> Patch:
        """The patch on a transparent area that holds it."""
        out = bytearray(area.width * area.height * _BYTES)
        left = (self.place.x - area.x) * _BYTES
        stride, length = area.width * _BYTES, self.place.width * _BYTES
        for row in range(self.place.height):
            start = (self.place.y - area.y + row) * stride + left
            out[start : start + length] = self.data[row * length : (row + 1) * length]
        return Patch(area, bytes(out))

    def _rows(self, part: Rectangle) -> bytes:
        stride, length = self.place.width * _BYTES, part.width * _BYTES
        first = (part.y - self.place.y) * stride + (part.x - self.place.x) * _BYTES
        return b"".join(self.data[at : at + length] for at in range(first, first + part.height * stride, stride))


def intersection(one: Rectangle, other: Rectangle) -> Rectangle | None:
    """What both have in common; None when they do not meet."""
    left, top = max(one.x, other.x), max(one.y, other.y)
    right = min(one.x + one.width, other.x + other.width)
    bottom = min(one.y + one.height, other.y + other.height)
    return Rectangle(left, top, right - left, bottom - top) if left < right and top < bottom else None


def union(one: Rectangle, other: Rectangle) -> Rectangle:
    """The smallest rectangle that holds both."""
    left, top = min(one.x, other.x), min(one.y, other.y)
    right = max(one.x + one.width, other.x + other.width)
    bottom = max(one.y + one.height, other.y + other.height)
    return Rectangle(left, top, right - left, bottom - top)
