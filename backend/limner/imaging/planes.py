# SPDX-License-Identifier: Apache-2.0
"""A picture as float planes on white, in strips of rows or reduced, so that large pictures need little memory."""

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
_ANALYSIS_SIDE = 512  # longer side of the reduced copy, pixels
_STRIP_PIXELS = 1 << 20


@dataclass(frozen=True)
class Strip:
    """Rows of a picture in [0, 1]: color on white, (P, h, W) with P = 1 or 3 planes, and alpha (h, W) if it has any."""

    color: FloatImage
    alpha: FloatImage | None

    def luma(self) -> FloatImage:
        return self.color[0] if len(self.color) == 1 else luma_of(self.color)


def luma_of(planes: FloatImage) -> FloatImage:
    return np.asarray(planes[0] * _LUMA[0] + planes[1] * _LUMA[1] + planes[2] * _LUMA[2], np.float32)


def checked(picture: NDArray[Any]) -> NDArray[Any]:
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


def without_color(picture: NDArray[Any]) -> NDArray[Any]:
    """Drop the planes that say the same as the first (most drawings are gray): a third of the work."""
    red, others = picture[..., 0], range(1, min(3, picture.shape[2]))
    if picture.shape[2] >= 3 and all(np.array_equal(red, picture[..., plane]) for plane in others):
        return picture[..., [0, 3]] if picture.shape[2] == 4 else picture[..., :1]
    return picture


def strips(picture: NDArray[Any], multiple: int = 1) -> Iterator[tuple[slice, Strip]]:
    """The picture in strips of rows; each but the last has a number of rows that ``multiple`` divides."""
    height, width = picture.shape[:2]
    step = max(1, _STRIP_PIXELS // width // multiple) * multiple
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        yield rows, _on_white(picture[rows])


def _on_white(picture: NDArray[Any]) -> Strip:
    """(h, W, C) of any kind -> planes in [0, 1], composited on white."""
    scale = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(picture.dtype, 1.0)
    unit = np.multiply(np.moveaxis(picture, 2, 0), np.float32(1 / scale), dtype=np.float32, order="C")
    np.clip(unit, 0, 1, out=unit)
    channels = len(unit)
    color = unit[:3] if channels >= 3 else unit[:1]
    if channels in (1, 3):
        return Strip(color, None)
    alpha = unit[-1]
    return Strip(1 - (1 - color) * alpha, alpha)


def reduced(picture: NDArray[Any]) -> Strip:
    """A copy of at most ``_ANALYSIS_SIDE`` pixels, averaged."""
    ratio = -(-max(picture.shape[:2]) // _ANALYSIS_SIDE)
    color, alpha = [], []
    for _, strip in strips(picture, ratio):
        size = (max(1, picture.shape[1] // ratio), max(1, strip.color.shape[1] // ratio))
        color.append(np.stack([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in strip.color]))
        if strip.alpha is not None:
            alpha.append(cv2.resize(strip.alpha, size, interpolation=cv2.INTER_AREA))
    return Strip(np.concatenate(color, axis=1), np.concatenate(alpha) if alpha else None)
