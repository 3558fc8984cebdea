# SPDX-License-Identifier: Apache-2.0
"""From whatever is on the sketch layer to a gray drawing, dark on white.

All decisions (which side is paper, how bright it is where, how dark the ink is) are taken on a reduced copy; the
picture itself is then converted in strips of rows, so that the largest picture needs no more than its own gray copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.errors import SketchError
from limner.imaging.frame import CANVAS, PAPER, FaceFrame, extract
from limner.imaging.strokes import normalize_stroke_width

FloatImage = NDArray[np.float32]

_LUMA = (0.2126, 0.7152, 0.0722)  # Rec. 709
_ANALYSIS_SIDE = 512  # longer side of the reduced copy, pixels
_STRIP_PIXELS = 1 << 20
_LAYER_COVER = 0.6  # a layer with less than this share of opaque pixels is strokes on transparency
_FAINTEST_LINE = 0.03  # ink below this is grain of the paper
_MOST_GAIN = 8.0  # never darken faint lines more than eight times
_FAINTEST_PAPER = 0.25  # never brighten paper more than four times
_LEAST_CONTRAST = 0.2  # never stretch contrast more than five times


def normalize_sketch(picture: NDArray[Any]) -> FloatImage:
    """Any picture of a drawing -> (H, W) float32 in [0, 1]: 1 is paper, 0 is ink.

    picture: (H, W) or (H, W, C) with C in 1..4 (gray, gray + alpha, RGB, RGBA), uint8, uint16 or float32 (in [0, 1],
    values outside are clipped), sRGB, straight alpha. Strokes on transparency or on paper, dark on light or light on
    dark. On a mostly transparent layer without dark strokes the opaque pixels are the ink, whatever their color.
    Paper is flattened (divided by a smooth surface fitted to its brightness) and contrast stretched robustly.
    Raises SketchError ``bad_picture`` for another shape or kind of array and for NaN or infinite values.
    """
    picture = _without_color(_checked(picture))
    recipe = _analyse(_reduced(picture))
    height, width = picture.shape[:2]
    gray = np.empty((height, width), np.float32)
    for rows, strip in _strips(picture):
        gray[rows] = recipe.apply(strip, rows, height)
    return gray


def line_image(gray: FloatImage, frame: FaceFrame) -> FloatImage:
    """What the networks see: the frame of a normalized drawing, with lines of one width.

    gray: (H, W) float32 from ``normalize_sketch``. Returns (512, 512) float32 in [0, 1], 1 = paper. Lines that became
    faint because the frame was shrunk are brought back to full ink first.
    """
    canvas = extract(gray, frame, CANVAS, PAPER)
    ink = 1 - canvas
    drawn = ink[ink > _FAINTEST_LINE]
    if drawn.size:
        gain = min(max(1.0, 0.9 / float(np.percentile(drawn, 95))), _MOST_GAIN)
        canvas = (1 - gain * ink).clip(0, 1).astype(np.float32)
    return normalize_stroke_width(canvas)


@dataclass(frozen=True)
class _Strip:
    """Rows of a picture in [0, 1]: color on white, (P, h, W) with P = 1 or 3 planes, and alpha (h, W) if it has any."""

    color: FloatImage
    alpha: FloatImage | None

    def luma(self) -> FloatImage:
        return self.color[0] if len(self.color) == 1 else _weighted(self.color)


@dataclass(frozen=True)
class _Recipe:
    """How to turn strips of the picture into gray; found once for the picture."""

    alpha_is_ink: bool
    inverted: bool
    paper: NDArray[np.float64]  # (P, 6) coefficients of the paper's brightness per plane
    paper_range: NDArray[np.float64]  # (P, 2) lowest and highest brightness of paper seen
    black: float = 0.0
    white: float = 1.0

    def apply(self, strip: _Strip, rows: slice, height: int) -> FloatImage:
        """(h, W) gray in [0, 1]: flattened, then stretched between the black and the white point."""
        if self.alpha_is_ink and strip.alpha is not None:
            gray = 1 - strip.alpha
        else:
            gray = self._flattened(strip.color, rows, height)
        gray -= self.black
        gray /= self.white - self.black
        return np.clip(gray, 0, 1, out=gray)

    def _flattened(self, color: FloatImage, rows: slice, height: int) -> FloatImage:
        """Gray relative to the paper around it; a stroke of a bright color (yellow) is still seen."""
        planes = np.empty_like(color)
        for source, plane, coefficients, limits in zip(color, planes, self.paper, self.paper_range, strict=True):
            np.subtract(1, source, out=plane) if self.inverted else np.copyto(plane, source)
            plane /= _surface(coefficients, rows, height, color.shape[2]).clip(*limits)
            np.minimum(plane, 1, out=plane)
        if len(planes) == 1:
            return np.asarray(planes[0])
        darkest = np.minimum(np.minimum(planes[0], planes[1]), planes[2])
        return np.asarray(0.5 * (_weighted(planes) + darkest), np.float32)


def _weighted(planes: FloatImage) -> FloatImage:
    return np.asarray(planes[0] * _LUMA[0] + planes[1] * _LUMA[1] + planes[2] * _LUMA[2], np.float32)


def _checked(picture: NDArray[Any]) -> NDArray[Any]:
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


def _without_color(picture: NDArray[Any]) -> NDArray[Any]:
    """Drop the planes that say the same as the first (most drawings are gray): a third of the work."""
    red, others = picture[..., 0], range(1, min(3, picture.shape[2]))
    if picture.shape[2] >= 3 and all(np.array_equal(red, picture[..., plane]) for plane in others):
        return picture[..., [0, 3]] if picture.shape[2] == 4 else picture[..., :1]
    return picture


def _strips(picture: NDArray[Any], multiple: int = 1) -> Iterator[tuple[slice, _Strip]]:
    """The picture in strips of rows; each but the last has a number of rows that ``multiple`` divides."""
    height, width = picture.shape[:2]
    step = max(1, _STRIP_PIXELS // width // multiple) * multiple
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        yield rows, _on_white(picture[rows])


def _on_white(picture: NDArray[Any]) -> _Strip:
    """(h, W, C) of any kind -> planes in [0, 1], composited on white."""
    scale = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(picture.dtype, 1.0)
    unit = np.multiply(np.moveaxis(picture, 2, 0), np.float32(1 / scale), dtype=np.float32, order="C")
    np.clip(unit, 0, 1, out=unit)
    channels = len(unit)
    color = unit[:3] if channels >= 3 else unit[:1]
    if channels in (1, 3):
        return _Strip(color, None)
    alpha = unit[-1]
    return _Strip(1 - (1 - color) * alpha, alpha)


def _reduced(picture: NDArray[Any]) -> _Strip:
    """A copy of at most ``_ANALYSIS_SIDE`` pixels, averaged."""
    ratio = -(-max(picture.shape[:2]) // _ANALYSIS_SIDE)
    color, alpha = [], []
    for _, strip in _strips(picture, ratio):
        size = (max(1, picture.shape[1] // ratio), max(1, strip.color.shape[1] // ratio))
        color.append(np.stack([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in strip.color]))
        if strip.alpha is not None:
            alpha.append(cv2.resize(strip.alpha, size, interpolation=cv2.INTER_AREA))
    return _Strip(np.concatenate(color, axis=1), np.concatenate(alpha) if alpha else None)


def _analyse(small: _Strip) -> _Recipe:
    alpha_is_ink = _alpha_is_ink(small)
    inverted = not alpha_is_ink and _is_light_on_dark(small.luma())
    fits = [_fit_paper(1 - plane if inverted else plane) for plane in small.color]
    paper, limits = np.stack([f[0] for f in fits]), np.stack([f[1] for f in fits])
    rough = _Recipe(alpha_is_ink, inverted, paper, limits)
    height = small.color.shape[1]
    black, white = _levels(rough.apply(small, slice(0, height), height))
    return replace(rough, black=black, white=white)


def _alpha_is_ink(small: _Strip) -> bool:
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


def _fit_paper(channel: FloatImage) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A smooth surface through the brightest parts of a channel: coefficients (6,) and the range (2,) of paper.

    Asymmetric least squares over the bright level of 24 x 24 cells: cells below the surface (ink, hair) count little,
    and curvature costs, so that the surface is even where no paper is seen.
    """
    cells = _bright_cells(channel)
    rows = slice(0, len(cells))
    terms = np.stack([_surface(unit, rows, len(cells), len(cells)).ravel() for unit in np.eye(6)], 1).astype(np.float64)
    values = cells.reshape(-1).astype(np.float64)
    penalty = np.diag([0.0, 0.02, 0.02, 0.05, 0.05, 0.05]) * len(values)
    weights = np.where(values >= np.median(values), 1.0, 0.01)
    coefficients = np.zeros(6)
    for _ in range(12):
        weighted = terms * weights[:, None]
        coefficients = np.linalg.solve(weighted.T @ terms + penalty + np.eye(6) * 1e-9, weighted.T @ values)
        weights = np.where(values >= terms @ coefficients - 0.03, 1.0, 0.002)
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
