# SPDX-License-Identifier: Apache-2.0
"""A picture of a drawing as it is read: looked at once, and turned into gray only where and as finely as it is needed.

All decisions (which side is paper, how bright it is where, how dark the ink is) are taken on a reduced copy, and all
who ask about the picture share them: the checks, the search for the face, and the frame that the networks see.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.imaging.frame import CANVAS, PAPER, FaceFrame, extract
from limner.imaging.paper import Recipe, analyse
from limner.imaging.planes import FloatImage, Strip, checked, lay_out, rows_of

SHEET_SIDE = 2048  # longer side of the copy that all else is taken from, pixels
ANALYSIS_SIDE = 512  # longer side of the reduced copy, pixels
SEARCH_SIDE = 1024  # longer side of the copy in which the face is looked for
_MARGIN = 3  # pixels around a frame that resampling looks at


@dataclass(frozen=True)
class Reduced:
    """A normalized part of a picture: (h, w) in [0, 1], 1 = paper.

    It begins at the picture's pixel (top, left), and its pixels are `ratio` of the picture's wide and high."""

    gray: FloatImage
    ratio: int
    top: int = 0
    left: int = 0

    def extract(self, frame: FaceFrame, side: int) -> FloatImage:
        """Cuts a frame, given in the picture's pixels, out of it: (side, side), paper around the picture."""
        x, y = (frame.x - self.left) / self.ratio, (frame.y - self.top) / self.ratio
        return extract(self.gray, FaceFrame(x, y, frame.size / self.ratio, frame.angle), side, PAPER)


class SketchReading:
    """What is known of one picture, given as for ``normalize_sketch``. Raises SketchError as that does.

    shape: height and width of the picture. small: its reduced copy, whose pixels are `ratio` of the picture's wide and
    high. recipe: how it becomes gray."""

    def __init__(self, picture: NDArray[Any]) -> None:
        self._picture = checked(picture)
        height, width = self._picture.shape[:2]
        self.shape = height, width
        ratio = 1
        while max(self.shape) > SHEET_SIDE * ratio:
            ratio *= 2
        self._sheet = lay_out(self._picture, slice(0, height), slice(0, width), ratio)
        shrink = -(-max(self._sheet.size) // ANALYSIS_SIDE)
        self.ratio = ratio * shrink
        self.small: Strip = self._sheet.reduced(shrink)
        self.recipe: Recipe
        self.recipe, gray = analyse(self.small)
        self._wholes = {self.ratio: Reduced(gray, self.ratio)}

    @classmethod
    def of(cls, picture: NDArray[Any] | SketchReading) -> SketchReading:
        """The picture's reading, which may be had already."""
        return picture if isinstance(picture, SketchReading) else cls(picture)

    @property
    def small_gray(self) -> FloatImage:
        """The reduced copy, normalized: (h, w) in [0, 1], 1 = paper; the longer side has at most 512 pixels."""
        return self._wholes[self.ratio].gray

    def searched(self) -> Reduced:
        """All of the picture, normalized, with a longer side of at most 1024 pixels."""
        ratio = -(-max(self._sheet.size) // SEARCH_SIDE) * self._sheet.ratio
        if ratio not in self._wholes:
            strip = self._sheet.reduced(ratio // self._sheet.ratio)
            self._wholes[ratio] = Reduced(self.recipe.apply(strip), ratio)
        return self._wholes[ratio]

    def whole(self) -> FloatImage:
        """All of the picture, normalized at its full size: (H, W) float32 in [0, 1], 1 = paper."""
        gray, columns = np.empty(self.shape, np.float32), slice(0, self.shape[1])
        for rows in rows_of(self._picture):
            gray[rows] = self.recipe.apply(self._strip(rows, columns, 1.0)[0])
        return gray

    def framed(self, frame: FaceFrame, side: int = CANVAS) -> FloatImage:
        """A frame, in the picture's pixels, cut out of the normalized picture: (side, side) float32, 1 = paper.

        Only that part of the picture is normalized, and no finer than the result needs."""
        pixels = frame.size / side  # of the picture in one of the result
        fine_enough = [ratio for ratio in self._wholes if ratio <= max(1.0, pixels)]
        if fine_enough:
            return self._wholes[max(fine_enough)].extract(frame, side)
        (left, top), (right, bottom) = frame.corners().min(0), frame.corners().max(0)
        margin = _MARGIN * max(1.0, pixels)
        rows, columns = (
            slice(max(0, math.floor(low - margin)), min(most, math.ceil(high + margin)))
            for low, high, most in ((top, bottom, self.shape[0]), (left, right, self.shape[1]))
        )
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return np.full((side, side), PAPER, np.float32)
        strip, ratio, corner = self._strip(rows, columns, pixels)
        return Reduced(self.recipe.apply(strip), ratio, *corner).extract(frame, side)

    def part(self, rows: slice, columns: slice, side: int) -> Strip:
        """Some rows and columns of ``small``, taken anew from the picture with a longer side of about `side` pixels.

        As a picture of its own."""
        rows, columns = (
            slice(span.start * self.ratio, min(span.stop * self.ratio, most))
            for span, most in zip((rows, columns), self.shape, strict=True)
        )
        longer = max(rows.stop - rows.start, columns.stop - columns.start)
        return self._strip(rows, columns, -(-longer // side))[0].part(slice(None), slice(None))

    def _strip(self, rows: slice, columns: slice, pixels: float) -> tuple[Strip, int, tuple[int, int]]:
        """Some rows and columns of the picture, reduced by the largest whole ratio up to `pixels`.

        Also the ratio, and the picture's row and column at which the strip begins: it may begin a little earlier."""
        sheet = self._sheet
        if sheet.ratio > max(1.0, pixels):
            sheet = lay_out(self._picture, rows, columns, 1 << max(0, math.floor(math.log2(pixels))))
        ratio = max(1, math.floor(pixels / sheet.ratio))
        step = sheet.ratio * ratio
        top, left = ((rows.start - sheet.top) // step, (columns.start - sheet.left) // step)
        bottom, right = (-(-(rows.stop - sheet.top) // step), -(-(columns.stop - sheet.left) // step))
        strip = sheet.part(slice(top * ratio, bottom * ratio), slice(left * ratio, right * ratio), ratio)
        return strip, step, (sheet.top + top * step, sheet.left + left * step)
