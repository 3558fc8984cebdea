# SPDX-License-Identifier: Apache-2.0
"""The sketch makers: a photo becomes a line, gray or color sketch, or a freehand drawing.

The first three are the kinds of sketch of Convolutional Sketch Inversion (Guclutuerk et al. 2016): XDoG lines with
hatching, the dodged negative shaded with graphite, and edge-preserving smoothing. All are deterministic.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.color import on_white
from limner.imaging.freehand import freehand_lines
from limner.imaging.parts import connected_parts
from limner.imaging.planes import FloatImage, luma_of

STYLES = ("line", "gray", "color", "freehand")

_BLACK = 0.25  # darker parts are filled in with ink
_MOST_BLACK = 0.2  # of the picture
_HATCHED = (0.6, 0.4)  # darker parts are hatched, and cross-hatched
_SPACING, _STROKE = 8.0, 1.5  # of the hatching, and the width of its strokes: pixels at 512
_GRAPHITE = 0.6  # how dark the pencil shades black
_UNSHADED = 0.8  # brighter parts are left as paper
_GRAIN = 0.15  # deviation of the shading by the tooth of the paper


def sketch_photo(photo: NDArray[Any], style: str, seed: int = 0) -> NDArray[np.uint8]:
    """A photo as a sketch of the same size: (H, W) uint8, for ``color`` (H, W, 3) uint8; 255 = paper.

    photo: (H, W) or (H, W, C) uint8, uint16 or float32, C in 1..4, as ``read_picture`` gives it. style: one of
    ``STYLES``; ``seed`` steers the hand of ``freehand``. Raises ValueError for another style.
    """
    rgb = on_white(photo)
    gray = luma_of(np.moveaxis(rgb, 2, 0))
    if style == "line":
        sketch = ink_sketch(gray)
    elif style == "gray":
        sketch = gray_sketch(gray)
    elif style == "color":
        sketch = color_sketch(rgb)
    elif style == "freehand":
        sketch = freehand_lines(contours(gray), seed)
    else:
        raise ValueError(f"unknown style {style!r}: use one of {', '.join(STYLES)}")
    return (sketch * 255 + 0.5).astype(np.uint8)


def bare_lines(photo: NDArray[Any]) -> NDArray[np.uint8]:
    """The line sketch of a photo, as for ``sketch_photo``, without hatching: (H, W) uint8, 255 = paper."""
    return (line_sketch(luma_of(np.moveaxis(on_white(photo), 2, 0))) * 255 + 0.5).astype(np.uint8)


def xdog(
    gray: NDArray[Any],
    *,
    sigma: float | None = None,
    k: float = 1.6,
    tau: float = 0.98,
    epsilon: float = 0.0,
    phi: float = 60.0,
) -> FloatImage:
    """Extended difference of Gaussians (Winnemoeller et al. 2012): (H, W) in [0, 1] -> (H, W) float32, 1 = paper.

    D = G(sigma) - tau * G(k * sigma); 1 where D > epsilon, else 1 + tanh(phi * (D - epsilon)). ``sigma`` is in pixels;
    None means one pixel at a shorter side of 512. Larger ``tau`` or ``epsilon``: more lines; larger ``phi``: harder.
    """
    image = np.asarray(gray, np.float32)
    if sigma is None:
        sigma = min(image.shape) / 512
    narrow = cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3))
    wide = cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3) * k)
    difference = narrow - tau * wide
    line = np.where(difference > epsilon, 1.0, 1.0 + np.tanh(phi * (difference - epsilon)))
    return np.asarray(line.clip(0, 1), np.float32)


def line_sketch(gray: FloatImage) -> FloatImage:
    """XDoG lines without specks: (H, W) in [0, 1] -> the same, 1 = paper."""
    unit = min(gray.shape) / 512  # one pixel at 512
    even = cv2.GaussianBlur(_local_contrast(gray), (0, 0), max(0.6 * unit, 0.3))
    return _without_specks(xdog(even, sigma=1.1 * unit, tau=0.985, phi=80), 20 * unit**2)


def ink_sketch(gray: FloatImage) -> FloatImage:
    """Pen and ink: XDoG lines, hatching in half-tones, solid blacks. (H, W) in [0, 1] -> the same, 1 = paper.

    Half-tones are hatched, dark ones cross-hatched, and the darkest filled in: the solid black that XDoG's threshold
    gives (Winnemoeller et al. 2012, section 2.3), but on no more than a fifth of the picture, so that a dark picture
    stays a drawing on paper. Hatching is that of a photo of full brightness: it says how dark a part is, not more."""
    unit = min(gray.shape) / 512  # one pixel at 512
    smooth = np.asarray(cv2.GaussianBlur(gray, (0, 0), max(4 * unit, 0.5)), np.float32)
    black = min(_BLACK, float(np.quantile(smooth, _MOST_BLACK)))
    drawn = np.minimum(line_sketch(gray), 1 - _darker(smooth, black))
    y, x = np.mgrid[: gray.shape[0], : gray.shape[1]].astype(np.float32)
    for level, across in zip(_HATCHED, (x + y, x - y), strict=True):
        drawn = np.minimum(drawn, 1 - _darker(smooth, level) * _parallel_strokes(across / np.float32(2**0.5), unit))
    return np.asarray(drawn, np.float32)


def _darker(smooth: FloatImage, level: float) -> FloatImage:
    """Where a picture is darker than `level`, with edges as soft as those of lines: (H, W) in [0, 1]."""
    return np.asarray(cv2.GaussianBlur((smooth < level).astype(np.float32), (0, 0), 0.6), np.float32)


def _parallel_strokes(across: FloatImage, unit: float) -> FloatImage:
    """Ink (H, W) in [0, 1] of strokes side by side; across: the distance across them in pixels."""
    spacing, width = _SPACING * unit, max(_STROKE * unit, 0.7)
    from_stroke = np.abs((across / spacing) % 1 - 0.5) * spacing
    return np.asarray((width / 2 - from_stroke + 0.5).clip(0, min(width, 1)), np.float32)


def contours(gray: FloatImage) -> FloatImage:
    """The broad lines of a picture, unbroken, as a hand would follow them: (H, W) in [0, 1] -> the same, 1 = paper."""
    unit = min(gray.shape) / 512
    even = cv2.GaussianBlur(_local_contrast(gray), (0, 0), max(1.2 * unit, 0.3))
    return _without_specks(xdog(even, sigma=2.0 * unit, tau=0.99, phi=200), 60 * unit**2)


def _without_specks(lines: FloatImage, least: float) -> FloatImage:
    """Whiten connected ink of fewer than ``least`` pixels."""
    ink = (lines < 0.75).astype(np.uint8)
    _, labels, stats, _ = connected_parts(ink)
    keep = stats[:, cv2.CC_STAT_AREA] >= max(least, 2)
    keep[0] = False
    kept = cv2.dilate(keep[labels].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.where(kept, lines, 1).astype(np.float32)


def gray_sketch(gray: FloatImage) -> FloatImage:
    """Pencil: lines by color dodge, shading by graphite on the tooth of the paper. (H, W) -> (H, W) in [0, 1]."""
    smooth = cv2.GaussianBlur(gray, (0, 0), max(3 * min(gray.shape) / 512, 0.5))
    shade = _GRAPHITE * (1 - smooth / _UNSHADED).clip(0, 1)
    return np.asarray((_dodge(gray, gamma=1.0) * (1 - shade * (1 + _tooth(gray.shape)))).clip(0, 1), np.float32)


def color_sketch(rgb: FloatImage) -> FloatImage:
    """Colored pencil: edges kept, surfaces smoothed and lightly quantized, under the dodge layer. (H, W, 3) -> same."""
    smooth = cv2.edgePreservingFilter((rgb * 255).astype(np.uint8), flags=1, sigma_s=40, sigma_r=0.35)
    levels = 12
    tones = smooth.astype(np.float32) / 255 * levels
    quantized = (np.floor(tones) + _soft_step(tones - np.floor(tones))) / levels
    dodge = _dodge(luma_of(np.moveaxis(rgb, 2, 0)), gamma=1.0)
    paper = 0.25  # color lies thin on the paper
    colored = quantized * (1 - paper) + paper
    return np.asarray((colored * dodge[..., None]).clip(0, 1), np.float32)


def _tooth(shape: tuple[int, ...]) -> FloatImage:
    """How much more or less graphite the grain of the paper takes, always the same: (H, W), deviation `_GRAIN`."""
    noise = np.random.default_rng(0).standard_normal(shape, np.float32)
    grain = cv2.GaussianBlur(noise, (0, 0), max(0.8 * min(shape) / 512, 0.35))
    return np.asarray(grain * (_GRAIN / max(float(grain.std()), 1e-6)), np.float32)


def _dodge(gray: FloatImage, gamma: float) -> FloatImage:
    negative = cv2.GaussianBlur(1 - gray, (0, 0), max(0.02 * min(gray.shape), 0.5))
    dodge = np.minimum(gray / np.maximum(1 - negative, 1 / 255), 1)
    return np.asarray(dodge**gamma, np.float32)


def _local_contrast(gray: FloatImage) -> FloatImage:
    """Contrast-limited adaptive equalization, so that dark hair gets lines too."""
    equalizer = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(4, 4))
    return np.asarray(equalizer.apply((gray * 255).astype(np.uint8)) / np.float32(255), np.float32)


def _soft_step(fraction: NDArray[Any]) -> NDArray[Any]:
    """A step at 0.5 with a soft edge, so that quantized surfaces have no jagged borders."""
    return (0.5 + (fraction - 0.5) * 3).clip(0, 1)
