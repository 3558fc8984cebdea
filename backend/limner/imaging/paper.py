# SPDX-License-Identifier: Apache-2.0
"""What is paper and what is ink: polarity, the brightness of the paper, black and white point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.planes import FloatImage, Strip, luma_of
from limner.imaging.tones import LEVELS, deviation, quantiles, tone_counts

_LAYER_COVER = 0.6  # a layer with less than this share of opaque pixels is strokes on transparency
_LEAST_TINT = 0.3  # a primary that the paper has less of is left out
_FAINTEST_PAPER = 0.25  # never brighten paper more than four times
_CELLS = 24  # of the grid in which paper is looked for, each way
_MOST_LIGHT = 0.45  # mean brightness of a drawing in light strokes on dark; hatching and solid blacks leave more light
_LEAST_CONTRAST = 0.2  # never stretch contrast more than five times


@dataclass(frozen=True)
class Recipe:
    """How to turn strips of the picture into gray; found once for the picture."""

    alpha_is_ink: bool
    inverted: bool
    paper: NDArray[np.float64]  # (6,) coefficients of the paper's luma
    paper_range: NDArray[np.float64]  # (2,) lowest and highest luma of paper seen
    tint: NDArray[np.float64]  # (P,) the paper's color: its planes over its luma
    black: float = 0.0
    white: float = 1.0

    def apply(self, strip: Strip) -> FloatImage:
        """(h, w) gray in [0, 1]: flattened, then stretched between the black and the white point."""
        return self.stretch(self.flatten(strip))

    def stretch(self, gray: FloatImage) -> FloatImage:
        """What ``flatten`` gave, stretched in its own memory between the black and the white point: in [0, 1]."""
        gray -= np.float32(self.black)
        gray *= np.float32(1 / (self.white - self.black))
        return np.clip(gray, 0, 1, out=gray)

    def flatten(self, strip: Strip) -> FloatImage:
        """(h, w) gray relative to the paper around it, up to 1; a stroke of a bright color (yellow) is still seen."""
        if self.alpha_is_ink and strip.alpha is not None:
            return 1 - strip.alpha
        surface = self.surface(strip)
        if len(strip.color) == len(self.tint) == 1:
            return self._relative(strip.color[0], surface)
        color = np.broadcast_to(strip.color, (3, *surface.shape))
        planes = np.ones(color.shape, np.float32)
        for source, plane, tint in zip(color, planes, np.broadcast_to(self.tint, 3), strict=True):
            if tint >= _LEAST_TINT:  # paper without this primary: the plane tells nothing
                plane[:] = self._relative(source, surface * np.float32(tint))
        darkest = np.minimum(np.minimum(planes[0], planes[1]), planes[2])
        return np.asarray(0.5 * (luma_of(planes) + darkest), np.float32)

    def surface(self, strip: Strip) -> FloatImage:
        """(h, w): the luma of the paper under a strip."""
        surface = _surface(self.paper, strip.y, strip.x)
        return np.clip(surface, *self.paper_range.astype(np.float32), out=surface)

    def _relative(self, plane: FloatImage, paper: FloatImage) -> FloatImage:
        gray = np.divide(1 - plane if self.inverted else plane, paper)
        return np.clip(gray, -np.inf, 1, out=gray)


def analyse(small: Strip) -> tuple[Recipe, FloatImage]:
    """Find the recipe on a reduced copy of the picture; also what it makes of that copy, (h, w)."""
    rough = find_paper(small)
    flat = rough.flatten(small)
    black, white = _levels(flat)
    recipe = replace(rough, black=black, white=white)
    return recipe, recipe.stretch(flat)


def find_paper(small: Strip) -> Recipe:
    """The recipe without its black and white point: all that ``flatten`` needs."""
    alpha_is_ink = _alpha_is_ink(small)
    inverted = not alpha_is_ink and _is_light_on_dark(small.luma())
    color = 1 - small.color if inverted else small.color
    luma = color[0] if len(color) == 1 else luma_of(color)
    rough = Recipe(alpha_is_ink, inverted, *_fit_paper(luma), np.ones(len(color)))
    return rough if len(color) == 1 else replace(rough, tint=_tint(color, luma, rough.surface(small)))


def _tint(color: FloatImage, luma: FloatImage, surface: FloatImage) -> NDArray[np.float64]:
    """The paper's color, (P,): median of each plane over the luma where the picture is as bright as its paper."""
    luma, surface = luma[::2, ::2], surface[::2, ::2]  # a quarter of the pixels tells it as well
    bare = luma > 0.93 * surface
    if not bare.any():
        return np.ones(len(color))
    return np.array([float(np.median(plane[::2, ::2][bare] / surface[bare])) for plane in color])


def _alpha_is_ink(small: Strip) -> bool:
    """Whether the opaque pixels of a layer are the strokes: little is covered, and nothing of it is dark."""
    if small.alpha is None or float(small.alpha.min()) > 0.05 or float(np.mean(small.alpha > 0.5)) > _LAYER_COVER:
        return False
    weight = float(small.alpha.sum())
    # On white, a color of luma l under alpha a has become 1 - (1 - l) * a; dark means l < 0.5.
    dark = float(small.alpha[1 - small.luma() > 0.5 * small.alpha].sum())
    return weight > 0 and dark < 0.05 * weight


def _is_light_on_dark(luma: FloatImage) -> bool:
    """Whether the even areas are mostly dark and the thin marks on them light. luma: (h, w) in [0, 1]."""
    low, high = quantiles(tone_counts(luma), (0.005, 0.995))
    if high - low < 0.02:  # one even area
        return bool(high < 0.5)
    unit = np.clip((luma - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    if float(unit.mean()) > _MOST_LIGHT:
        return False
    square = np.ones((5, 5), np.uint8)
    darkest, dark = cv2.erode(unit, square), unit < 0.35
    if np.count_nonzero(dark) <= np.count_nonzero(darkest > 0.8):  # so bright all around can only be even
        return False
    even = (cv2.dilate(unit, square) - darkest) < 0.2
    if np.count_nonzero(even & dark) <= np.count_nonzero(even & (unit > 0.65)):
        return False
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    light_marks = float(cv2.morphologyEx(unit, cv2.MORPH_TOPHAT, disk).sum())
    return light_marks > float(cv2.morphologyEx(unit, cv2.MORPH_BLACKHAT, disk).sum())


def _surface(coefficients: NDArray[np.float64], y: FloatImage, x: FloatImage) -> FloatImage:
    """A quadratic surface at rows y (h,) and columns x (w,), both from -1 to 1 over the picture: (h, w) float32."""
    one, x1, y1, xy, x2, y2 = coefficients.astype(np.float32)
    surface = np.multiply.outer(x1 + xy * y, x)
    surface += (one + y1 * y + y2 * y * y)[:, None]
    surface += x2 * x * x
    return np.asarray(surface, np.float32)


def _fit_paper(luma: FloatImage) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A smooth surface through the brightest parts of the luma: coefficients (6,) and the range (2,) of paper.

    Asymmetric least squares over the bright level of 24 x 24 cells: cells below the surface (ink, hair) count little,
    and curvature costs, so that the surface is even where no paper is seen.
    """
    terms, products = _terms()
    values = _bright_cells(luma).reshape(-1).astype(np.float64)
    penalty = np.diag([0.0, 0.002, 0.002, 0.005, 0.005, 0.005]) * len(values)
    weights, coefficients = np.ones(len(values)), np.zeros(6)
    for below in np.geomspace(0.3, 0.002, 12):  # what lies below the surface counts less and less
        coefficients = np.linalg.solve((weights @ products).reshape(6, 6) + penalty, (weights * values) @ terms)
        weights = np.where(values >= terms @ coefficients - 0.03, 1.0, below)
    paper = values[weights == 1.0]
    low, high = (paper.min(), paper.max()) if paper.size else (1.0, 1.0)
    limits = np.clip([low, high], _FAINTEST_PAPER, 1.0)
    return coefficients, limits


@lru_cache(maxsize=1)
def _terms() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The six terms of the surface in the middles of the cells, (CELLS ** 2, 6), and the products of each two of them,
    (CELLS ** 2, 36)."""
    middles = ((np.arange(_CELLS) + 0.5) / _CELLS * 2 - 1).astype(np.float32)
    terms = np.stack([_surface(unit, middles, middles).ravel() for unit in np.eye(6)], 1).astype(np.float64)
    return terms, (terms[:, :, None] * terms[:, None, :]).reshape(-1, 36)


def _bright_cells(channel: FloatImage) -> FloatImage:
    """The bright level (90th percentile) of each cell of a grid: (CELLS, CELLS)."""
    even = cv2.resize(channel, (8 * _CELLS, 8 * _CELLS), interpolation=cv2.INTER_AREA)
    cells = even.reshape(_CELLS, 8, _CELLS, 8).transpose(0, 2, 1, 3).reshape(_CELLS, _CELLS, 64)
    return np.partition(cells, 57, axis=2)[..., 57]


def _levels(flat: FloatImage) -> tuple[float, float]:
    """Black and white point of flattened gray: paper grain goes to white, the darker strokes to black."""
    counts = tone_counts(flat)
    bright = int(0.8 * LEVELS) + 1  # the lowest level above 0.8
    if not counts[bright:].any():
        return 0.0, 1.0
    middle = quantiles(counts[bright:], [0.5], bright)[0]
    grain = 1.48 * deviation(counts[bright:], round(middle * LEVELS) - bright)
    white = float(np.clip(middle - 2.5 * grain, 0.8, 1.0))
    ink = counts[: int((white - 0.08) * LEVELS) + 1]
    black = quantiles(ink, [0.03])[0] if ink.sum() > 8 else 0.0
    return min(black, white - _LEAST_CONTRAST), white
