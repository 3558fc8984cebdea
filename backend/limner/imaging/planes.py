# SPDX-License-Identifier: Apache-2.0
"""A picture as planes on white: laid out once, so small that all that is read from it is quick, however large it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.errors import SketchError

FloatImage = NDArray[np.float32]

_LUMA = (0.2126, 0.7152, 0.0722)  # Rec. 709
_STRIP_PIXELS = 1 << 18  # what is worked on at once stays in the processor's cache


@dataclass(frozen=True)
class Strip:
    """A part of a picture in [0, 1]: color on white, (P, h, w) with P = 1 or 3 planes, and alpha (h, w) if it has any.

    y (h,) and x (w,) tell where the middles of its rows and columns lie: from -1 to 1 over the whole picture."""

    color: FloatImage
    alpha: FloatImage | None
    y: FloatImage
    x: FloatImage

    def luma(self) -> FloatImage:
        """(h, w) in [0, 1]."""
        return self.color[0] if len(self.color) == 1 else luma_of(self.color)

    def part(self, rows: slice, columns: slice) -> Strip:
        """Some of it, as a picture of its own."""
        return _alone(self.color[:, rows, columns], None if self.alpha is None else self.alpha[rows, columns])

    def shrunk(self, height: int, width: int) -> Strip:
        """All of it, averaged to a size, as a picture of its own."""
        planes = [*self.color, *([] if self.alpha is None else [self.alpha])]
        small = np.stack([cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in planes])
        return _alone(small[: len(self.color)], None if self.alpha is None else small[-1])


def _alone(color: FloatImage, alpha: FloatImage | None) -> Strip:
    """Planes that are a whole picture."""
    y, x = (_middles(0, 1, side, side) for side in color.shape[1:])
    return Strip(color, alpha, y, x)


@dataclass(frozen=True)
class Sheet:
    """A picture on white, or a part of one, `ratio` times smaller than it came.

    planes: (h, w) each, 1 or 3, uint8 or float32 in [0, 1]. alpha: the same, if the picture has it. whole: height and
    width of the picture as it came. top, left: where the sheet begins in it, in its pixels."""

    planes: tuple[NDArray[Any], ...]
    alpha: NDArray[Any] | None
    ratio: int
    whole: tuple[int, int]
    top: int = 0
    left: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the planes."""
        height, width = self.planes[0].shape
        return height, width

    def part(self, rows: slice, columns: slice, ratio: int = 1) -> Strip:
        """Some rows and columns of the sheet, reduced by a whole ratio; what it does not divide is left out."""
        color = np.stack([_shrunk(plane[rows, columns], ratio) for plane in self.planes])
        alpha = None if self.alpha is None else _shrunk(self.alpha[rows, columns], ratio)
        pixels = ratio * self.ratio  # of the picture in one of the strip
        y = _middles(self.top + rows.start * self.ratio, pixels, color.shape[1], self.whole[0])
        x = _middles(self.left + columns.start * self.ratio, pixels, color.shape[2], self.whole[1])
        return Strip(color, alpha, y, x)

    def reduced(self, ratio: int) -> Strip:
        """All of it, reduced by a whole ratio."""
        return self.part(slice(0, self.size[0]), slice(0, self.size[1]), ratio)


def luma_of(planes: FloatImage) -> FloatImage:
    """(3, h, w) -> (h, w): Rec. 709."""
    return np.asarray(planes[0] * _LUMA[0] + planes[1] * _LUMA[1] + planes[2] * _LUMA[2], np.float32)


def checked(picture: NDArray[Any]) -> NDArray[Any]:
    """The picture as (H, W, C). Raises SketchError ``bad_picture`` for what is none."""
    picture = np.asarray(picture)
    picture = picture[..., None] if picture.ndim == 2 else picture
    kinds = (np.uint8, np.uint16, np.float32)
    if picture.ndim != 3 or picture.shape[2] not in (1, 2, 3, 4) or 0 in picture.shape or picture.dtype not in kinds:
        raise SketchError(
            "bad_picture",
            f"This is not a picture: shape {picture.shape}, {picture.dtype}.",
            "Send gray or RGB pixels, with or without alpha, as uint8, uint16 or float32.",
        )
    if picture.dtype == np.float32 and not np.isfinite(picture).all():
        raise SketchError(
            "bad_picture",
            "The picture holds values that are not numbers (NaN or infinity).",
            "Repaint the broken spot or convert the document to 8 bits, then try again.",
        )
    return picture


def lay_out(picture: NDArray[Any], rows: slice, columns: slice, ratio: int) -> Sheet:
    """A part of a checked picture (H, W, C) on white, `ratio` times smaller, a power of two.

    Planes that say the same as the first (most drawings are gray) are left out: a third of the work."""
    whole, picture = picture.shape[:2], picture[rows, columns]
    strips = [_on_white(_halved(_premultiplied(picture[strip]), ratio)) for strip in rows_of(picture, ratio)]
    channels = [np.concatenate(parts) if len(parts) > 1 else parts[0] for parts in zip(*strips, strict=True)]
    alpha = channels.pop() if len(channels) in (2, 4) else None
    if len(channels) == 3 and _are_equal(channels):
        channels = channels[:1]
    return Sheet(tuple(channels), alpha, ratio, (whole[0], whole[1]), rows.start, columns.start)


def rows_of(picture: NDArray[Any], multiple: int = 1) -> Iterator[slice]:
    """The rows of a picture in strips; each but the last has a number of rows that ``multiple`` divides."""
    height, width = picture.shape[:2]
    step = max(1, _STRIP_PIXELS // width // multiple) * multiple
    return (slice(start, min(start + step, height)) for start in range(0, height, step))


def _premultiplied(picture: NDArray[Any]) -> NDArray[Any]:
    """(h, W, C) of any kind -> the same, uint8 or float32 in [0, 1], its color times its alpha."""
    picture = np.ascontiguousarray(picture)
    if picture.dtype != np.uint8:
        scale = 1 / 65535 if picture.dtype == np.uint16 else 1.0
        picture = np.multiply(picture, np.float32(scale), dtype=np.float32).clip(0, 1)
        if picture.shape[2] in (2, 4):
            picture[..., :-1] *= picture[..., -1:]
        return picture
    if picture.shape[2] == 4:
        return cv2.cvtColor(picture, cv2.COLOR_RGBA2mRGBA)
    if picture.shape[2] == 2:
        color, alpha = cv2.split(picture)
        return cv2.merge([cv2.multiply(color, alpha, scale=1 / 255), alpha])
    return picture


def _on_white(picture: NDArray[Any]) -> list[NDArray[Any]]:
    """The planes (h, w) of (h, w, C) whose color is premultiplied: the colors on white, and alpha if there is any."""
    channels = [picture[..., 0]] if picture.shape[2] == 1 else [np.asarray(plane) for plane in cv2.split(picture)]
    if len(channels) in (1, 3):
        return channels
    *colors, alpha = channels
    white = (np.uint8(255) if alpha.dtype == np.uint8 else np.float32(1)) - alpha  # what the paper adds
    return [*(color + white for color in colors), alpha]


def _halved(picture: NDArray[Any], ratio: int) -> NDArray[Any]:
    """(h, W, C) averaged to 1 / ratio of its sides, a power of two; the last pixels go on past the edge."""
    height, width, channels = picture.shape
    if height % ratio or width % ratio:
        picture = cv2.copyMakeBorder(picture, 0, -height % ratio, 0, -width % ratio, cv2.BORDER_REPLICATE)
    for _ in range(ratio.bit_length() - 1):
        half = picture.shape[1] // 2, picture.shape[0] // 2
        picture = cv2.resize(picture, half, interpolation=cv2.INTER_AREA)
    return picture.reshape(*picture.shape[:2], channels)


def _are_equal(channels: list[NDArray[Any]]) -> bool:
    first = channels[0]
    spots = first[::16, ::16]
    if not all(np.array_equal(spots, other[::16, ::16]) for other in channels[1:]):
        return False
    return all(cv2.norm(first, other, cv2.NORM_INF) == 0 for other in channels[1:])


def _shrunk(plane: NDArray[Any], ratio: int) -> FloatImage:
    """(h, w) uint8 or float32 -> (h // ratio, w // ratio) float32 in [0, 1], at least one pixel, averaged."""
    scale = np.float32(1 / 255 if plane.dtype == np.uint8 else 1)
    if ratio == 1:
        return np.multiply(plane, scale, dtype=np.float32)
    height, width = plane.shape
    if min(height, width) >= ratio:
        plane = plane[: height // ratio * ratio, : width // ratio * ratio]
    strips = []
    for rows in rows_of(plane, ratio):
        strip = np.multiply(plane[rows], scale, dtype=np.float32)
        size = max(1, strip.shape[1] // ratio), max(1, strip.shape[0] // ratio)
        strips.append(cv2.resize(strip, size, interpolation=cv2.INTER_AREA))
    return np.concatenate(strips)


def _middles(start: int, step: int, count: int, whole: int) -> FloatImage:
    """Where the middles of `count` cells of `step` pixels lie that begin at `start`: -1..1 over a side of `whole`."""
    places = (np.arange(count, dtype=np.float32) + np.float32(0.5)) * np.float32(step) + np.float32(start)
    return np.asarray(places / np.float32(whole) * 2 - 1, np.float32)
