# SPDX-License-Identifier: Apache-2.0
"""Stroke width: how wide the lines of a drawing are, and the same drawing with lines of one width.

The networks see lines of one soft width at 512 x 512, whatever pen was used. Solid areas (a pupil, a beard filled in)
and pencil shading are tone, not line, and keep their tone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.parts import connected_parts
from limner.imaging.thinning import thinned

FloatImage = NDArray[np.float32]
Mask = NDArray[np.uint8]

TARGET_WIDTH = 3.0  # width of the normalized lines at 512 x 512, pixels
_INK = 0.4  # darker than 1 - _INK after the local stretch is ink
_SPECK = 8  # connected ink of fewer pixels is dust
_FAINTEST = 0.08  # local contrast below this is grain of the paper
_LEAST_SHADING = 0.10  # share of a drawing; less is none, and twice as much is all
_SHARE_OF_SPACING = 0.45  # lines closer than their width over this are drawn thinner
_SQUARE = np.ones((3, 3), np.uint8)
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
_DIGITAL_LENGTH = 1.12  # mean length of a step between neighboring skeleton pixels over all directions


def normalize_stroke_width(gray: FloatImage, target_px: float = TARGET_WIDTH) -> FloatImage:
    """Redraw the lines of a drawing with one width: (H, W) float32 in [0, 1], 1 = paper -> the same.

    Meant for 512 x 512 and strokes of 1 to 20 pixels. Each line becomes a soft anti-aliased line of ``target_px``
    pixels along its skeleton; areas much thicker than the drawing's lines keep their tone. A shaded drawing has no
    single line width: the more of it is shading (see ``shading_share``), the more of it is left as it is.
    """
    gray = np.asarray(gray, np.float32)
    lines_only = _share_of_lines(gray)
    if lines_only == 0:
        return gray.copy()
    ink = _find_ink(gray)
    width = _typical_width(ink.depth)
    if width == 0:
        return gray.copy()
    ink = _smoothed(ink, width)
    fill = _solid_areas(ink, width)
    redrawn = _draw_skeleton(thinned(ink.mask), gray, target_px)
    normalized = np.minimum(redrawn, 1 - fill * (1 - gray))
    if lines_only == 1:
        return np.asarray(normalized, np.float32)
    return np.asarray(lines_only * normalized + (1 - lines_only) * gray, np.float32)


def stroke_width(gray: FloatImage) -> float:
    """Typical width of the lines in pixels: ink over length of the skeleton; 0 for a drawing without lines.

    gray: (H, W) float32 in [0, 1], 1 = paper. Solid areas do not count.
    """
    ink = _find_ink(np.asarray(gray, np.float32))
    width = _typical_width(ink.depth)
    if width == 0:
        return 0.0
    fill = np.asarray(cv2.dilate(_solid_areas(ink, width), _disk(2)), np.float32)
    length = float(np.sum((thinned(ink.mask) > 0) & (fill < 0.5))) * _DIGITAL_LENGTH
    area = float(((1 - gray) * (1 - fill)).sum())
    return area / length if length else 0.0


def _share_of_lines(gray: FloatImage) -> float:
    """1 for a drawing in lines, 0 for a shaded one, between them for one that is both."""
    if np.count_nonzero(_mid_tones(gray)) <= _LEAST_SHADING * gray.size:  # the shading is among them
        return 1.0
    return 1 - _smoothstep(_LEAST_SHADING, 2 * _LEAST_SHADING, shading_share(gray))


def _mid_tones(gray: FloatImage) -> NDArray[np.bool_]:
    return (gray > 0.15) & (gray < 0.93)


def shading_share(gray: FloatImage) -> float:
    """Share of the picture that is shading: mid-tones that are not the soft edge of a line. (H, W) -> 0..1.

    At 512 x 512 line drawings have under 0.09, artists' shaded pencil drawings over 0.23.
    """
    radius = _disk(2)
    darkest, brightest = cv2.erode(gray, radius), cv2.dilate(gray, radius)
    mid = _mid_tones(gray)
    edge = (brightest > 0.93) & ((darkest < 0.3) | (brightest - darkest > 0.5))
    return float(np.count_nonzero(mid & ~edge) / gray.size)


@dataclass(frozen=True)
class _Ink:
    """What is drawn.

    mask: (H, W), 0 or 255. depth: how far each pixel of it is from paper, (H, W) in pixels. labels (H, W) and stats
    (N, 5): its connected parts as OpenCV tells them, among them specks that the mask leaves out."""

    mask: Mask
    depth: FloatImage
    labels: NDArray[Any]
    stats: NDArray[Any]

    @classmethod
    def of(cls, mask: Mask) -> _Ink:
        """The mask without connected parts of fewer than ``_SPECK`` pixels."""
        _, labels, stats, _ = connected_parts(mask)
        specks = _pixels_of(labels, stats, stats[:, cv2.CC_STAT_AREA] < _SPECK)
        cleaned = np.where(specks, np.uint8(0), mask) if specks.any() else mask
        return cls(cleaned, np.asarray(cv2.distanceTransform(cleaned, cv2.DIST_L2, 5), np.float32), labels, stats)


def _pixels_of(labels: NDArray[Any], stats: NDArray[Any], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W): where the chosen parts are, by their label; the paper (label 0) is none."""
    where = np.zeros(labels.shape, np.bool_)
    for label in np.flatnonzero(chosen[1:]) + 1:
        left, top, width, height = stats[label, :4]
        box = slice(top, top + height), slice(left, left + width)
        where[box] |= labels[box] == label
    return where


def _find_ink(gray: FloatImage) -> _Ink:
    """Faint lines count like dark ones: each is compared with the ink around it."""
    ink = 1 - gray
    nearby = cv2.dilate((ink * 255 + 0.5).astype(np.uint8), _disk(8))  # in bytes: three times as fast
    strongest = _blurred(np.multiply(nearby, np.float32(1 / 255), dtype=np.float32), 4)
    return _Ink.of(_as_mask(ink > _INK * np.clip(strongest, _FAINTEST, np.inf)))


def _as_mask(chosen: NDArray[np.bool_]) -> Mask:
    """0 or 255."""
    return chosen.view(np.uint8) * np.uint8(255)


def _typical_width(depth: FloatImage) -> float:
    """Median width over the ridges of the distance transform, in pixels; 0 without ink."""
    ridge = (depth > 0) & (depth >= cv2.dilate(depth, _SQUARE))
    return float(2 * np.median(depth[ridge]) - 0.5) if ridge.any() else 0.0


def _smoothed(ink: _Ink, width: float) -> _Ink:
    """Round off the outline of wide strokes, whose skeleton would grow spurs."""
    sigma = width / 6
    if sigma < 0.7:
        return ink
    return _Ink.of(_as_mask(np.asarray(cv2.GaussianBlur(ink.mask, (0, 0), sigma)) > 127))


def _solid_areas(ink: _Ink, width: float) -> FloatImage:
    """Parts much thicker than the lines: (H, W) float32 in [0, 1]."""
    radius = max(0.9 * width, 0.5 * width + 2.0)
    areas = _dots(ink, width)
    around = _as_mask(ink.depth <= radius)  # 0 in the core of what is solid
    box = _around_zeros(around, math.ceil(radius + 1.5))
    if box is not None:
        solid = (radius + 1.5 - cv2.distanceTransform(around[box], cv2.DIST_L2, 5)).clip(0, 1)
        areas[box] = np.maximum(solid, areas[box])
    return areas


def _around_zeros(mask: Mask, margin: int) -> tuple[slice, slice] | None:
    """The rows and columns that hold every 0 and what is `margin` pixels around them; None where there is no 0."""
    left, top, width, height = cv2.boundingRect(255 - mask)
    if width == 0:
        return None
    return slice(max(0, top - margin), top + height + margin), slice(max(0, left - margin), left + width + margin)


def _dots(ink: _Ink, width: float) -> FloatImage:
    """Ink that is as long as it is wide (a pupil drawn with a thick pen), which has no skeleton: (H, W), 0 or 1."""
    short = ink.stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(1) < 2.6 * width
    large = ink.stats[:, cv2.CC_STAT_AREA] >= _SPECK
    return _pixels_of(ink.labels, ink.stats, short & large).astype(np.float32)


def _draw_skeleton(skeleton: Mask, gray: FloatImage, width: float) -> FloatImage:
    """Soft lines of ``width`` pixels along the skeleton: (H, W) float32, 1 = paper.

    Where hatching is dense the lines are thinner, so that paper stays between them. The drawing's darker lines become
    black and faint lines stay as much fainter as they are.
    """
    line = skeleton > 0
    if not line.any():
        return np.ones(gray.shape, np.float32)
    drawn = line.astype(np.float32)
    half = _halved(drawn)
    widths = _blurred_half(half, 6, gray.shape)  # so far length of line per area: one over the spacing
    np.divide(_SHARE_OF_SPACING, np.clip(widths, 1e-3, np.inf, out=widths), out=widths)
    ink = np.multiply(np.clip(widths, 0, width, out=widths), np.float32(0.5), out=widths)
    ink -= _distance(skeleton, width / 2 + 0.5)
    ink += np.float32(0.5)
    strongest = np.asarray(cv2.dilate(1 - gray, _SQUARE), np.float32)
    strongest *= drawn
    full = max(float(np.percentile(strongest[line], 60)), _FAINTEST)
    strength = _blurred(strongest, 3)
    strength /= np.clip(_blurred_half(half, 3, gray.shape), 1e-6, np.inf)
    strength /= full
    np.clip(strength, 0, 1, out=strength)
    strength *= cv2.GaussianBlur(np.clip(ink, 0, 1, out=ink), (0, 0), 0.8)
    return np.subtract(1, strength, out=strength)


def _distance(skeleton: Mask, most: float) -> FloatImage:
    """How far each pixel is from the skeleton, (H, W), as `cv2.distanceTransform` tells it; at least 2 where it is more
    than 2 and nobody asks for more than `most`."""
    if most > 2:
        return np.asarray(cv2.distanceTransform(255 - skeleton, cv2.DIST_L2, 5), np.float32)
    one = skeleton & np.uint8(1)
    touched = one + cv2.dilate(one, _CROSS) + cv2.dilate(one, _SQUARE)
    return np.asarray(cv2.LUT(touched, _steps()), np.float32)


@lru_cache(maxsize=1)
def _steps() -> FloatImage:
    """(256,): the distance to a line by how it is touched: not at all (which counts as 2), with a corner, with a side,
    or lying on it."""
    around = cv2.distanceTransform(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8), cv2.DIST_L2, 5)
    steps = np.zeros(256, np.float32)
    steps[:3] = 2, around[0, 0], around[0, 1]
    return steps


def _blurred(image: FloatImage, sigma: float) -> FloatImage:
    """A wide Gaussian blur, (H, W), computed at half the size, which shows no more in it."""
    return _blurred_half(_halved(image), sigma, image.shape)


def _halved(image: FloatImage) -> FloatImage:
    """(H, W) at half the size."""
    height, width = image.shape
    return np.asarray(cv2.resize(image, (-(-width // 2), -(-height // 2)), interpolation=cv2.INTER_AREA), np.float32)


def _blurred_half(half: FloatImage, sigma: float, shape: tuple[int, ...]) -> FloatImage:
    """A picture of a shape (H, W), of which this is half the size, blurred."""
    blurred = cv2.GaussianBlur(half, (0, 0), sigma / 2)
    return np.asarray(cv2.resize(blurred, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def _disk(radius: int) -> Mask:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def _smoothstep(low: float, high: float, value: float) -> float:
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)
