# SPDX-License-Identifier: Apache-2.0
"""What is paper and what is ink: polarity, the brightness of the paper, black and white point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.planes import FloatImage, Strip, luma_of

_LAYER_COVER = 0.6  # a layer with less than this share of opaque pixels is strokes on transparency
_LEAST_TINT = 0.3  # a primary that the paper has less of is left out
_FAINTEST_PAPER = 0.25  # never brighten paper more than four times
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

    def apply(self, strip: Strip, rows: slice, height: int) -> FloatImage:
        """(h, W) gray in [0, 1]: flattened, then stretched between the black and the white point."""
        gray = self.flatten(strip, rows, height)
        gray -= self.black
        gray /= self.white - self.black
        return np.clip(gray, 0, 1, out=gray)

    def flatten(self, strip: Strip, rows: slice, height: int) -> FloatImage:
        """(h, W) gray relative to the paper around it, up to 1; a stroke of a bright color (yellow) is still seen."""
        if self.alpha_is_ink and strip.alpha is not None:
            return 1 - strip.alpha
        color = strip.color
        surface = _surface(self.paper, rows, height, color.shape[2]).clip(*self.paper_range)
        planes = np.ones_like(color)
        for source, plane, tint in zip(color, planes, self.tint, strict=True):
            if len(color) == 3 and tint < _LEAST_TINT:  # paper without this primary: the plane tells nothing
                continue
            np.subtract(1, source, out=plane) if self.inverted else np.copyto(plane, source)
            plane /= surface * np.float32(tint)
            np.minimum(plane, 1, out=plane)
        if len(planes) == 1:
            return np.asarray(planes[0])
        darkest = np.minimum(np.minimum(planes[0], planes[1]), planes[2])
        return np.asarray(0.5 * (luma_of(planes) + darkest), np.float32)


def analyse(small: Strip) -> Recipe:
    """Find the recipe on a reduced copy of the picture."""
    alpha_is_ink = _alpha_is_ink(small)
    inverted = not alpha_is_ink and _is_light_on_dark(small.luma())
    color = 1 - small.color if inverted else small.color
    luma = color[0] if len(color) == 1 else luma_of(color)
    paper, limits = _fit_paper(luma)
    rows, height = slice(0, luma.shape[0]), luma.shape[0]
    surface = _surface(paper, rows, height, luma.shape[1]).clip(*limits)
    rough = Recipe(alpha_is_ink, inverted, paper, limits, _tint(color, luma, surface))
    black, white = _levels(rough.apply(small, rows, height))
    return replace(rough, black=black, white=white)


def _tint(color: FloatImage, luma: FloatImage, surface: FloatImage) -> NDArray[np.float64]:
    """The paper's color, (P,): median of each plane over the luma where the picture is as bright as its paper."""
    bare = luma > 0.93 * surface
    if len(color) == 1 or not bare.any():
        return np.ones(len(color))
    return np.array([float(np.median(plane[bare] / surface[bare])) for plane in color])


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
    low, high = np.percentile(luma, (0.5, 99.5))
    if high - low < 0.02:  # one even area
        return bool(high < 0.5)
    unit = ((luma - low) / (high - low)).clip(0, 1).astype(np.float32)
    even = (cv2.dilate(unit, np.ones((5, 5))) - cv2.erode(unit, np.ones((5, 5)))) < 0.2
    dark, light = float(np.mean(even & (unit < 0.35))), float(np.mean(even & (unit > 0.65)))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    light_marks = float(cv2.morphologyEx(unit, cv2.MORPH_TOPHAT, disk).sum())
    dark_marks = float(cv2.morphologyEx(unit, cv2.MORPH_BLACKHAT, disk).sum())
    return dark > light and light_marks > dark_marks


def _surface(coefficients: NDArray[np.float64], rows: slice, height: int, width: int) -> FloatImage:
    """A quadratic surface over a picture of ``height`` rows, both axes from -1 to 1: (rows, width) float32."""
    one, x1, y1, xy, x2, y2 = coefficients.astype(np.float32)
    y = ((np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / height * 2 - 1)[:, None]
    x = ((np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1)[None, :]
    return np.asarray((one + y1 * y + y2 * y * y) + (x1 + xy * y) * x + x2 * x * x, np.float32)


def _fit_paper(luma: FloatImage) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A smooth surface through the brightest parts of the luma: coefficients (6,) and the range (2,) of paper.

    Asymmetric least squares over the bright level of 24 x 24 cells: cells below the surface (ink, hair) count little,
    and curvature costs, so that the surface is even where no paper is seen.
    """
    cells = _bright_cells(luma)
    rows = slice(0, len(cells))
    terms = np.stack([_surface(unit, rows, len(cells), len(cells)).ravel() for unit in np.eye(6)], 1).astype(np.float64)
    values = cells.reshape(-1).astype(np.float64)
    penalty = np.diag([0.0, 0.002, 0.002, 0.005, 0.005, 0.005]) * len(values)
    weights, coefficients = np.ones(len(values)), np.zeros(6)
    for below in np.geomspace(0.3, 0.002, 12):  # what lies below the surface counts less and less
        weighted = terms * weights[:, None]
        coefficients = np.linalg.solve(weighted.T @ terms + penalty, weighted.T @ values)
        weights = np.where(values >= terms @ coefficients - 0.03, 1.0, below)
    paper = values[weights == 1.0]
    low, high = (paper.min(), paper.max()) if paper.size else (1.0, 1.0)
    limits = np.clip([low, high], _FAINTEST_PAPER, 1.0)
    return coefficients, limits


def _bright_cells(channel: FloatImage) -> FloatImage:
    """The bright level (90th percentile) of each cell of a 24 x 24 grid: (24, 24)."""
    even = cv2.resize(channel, (192, 192), interpolation=cv2.INTER_AREA)
    cells = even.reshape(24, 8, 24, 8).transpose(0, 2, 1, 3).reshape(24, 24, 64)
    return np.partition(cells, 57, axis=2)[..., 57]


def _levels(flat: FloatImage) -> tuple[float, float]:
    """Black and white point of flattened gray: paper grain goes to white, the darker strokes to black."""
    bright = flat[flat > 0.8]
    if bright.size == 0:
        return 0.0, 1.0
    middle = float(np.median(bright))
    grain = 1.48 * float(np.median(np.abs(bright - middle)))
    white = float(np.clip(middle - 2.5 * grain, 0.8, 1.0))
    ink = flat[flat < white - 0.08]
    black = float(np.percentile(ink, 3)) if ink.size > 8 else 0.0
    return min(black, white - _LEAST_CONTRAST), white
