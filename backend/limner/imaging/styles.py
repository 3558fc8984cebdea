# SPDX-License-Identifier: Apache-2.0
"""Photo to sketch: lines, gray pencil, colored pencil, or freehand strokes.

The line, gray and color makers stand in for the filters of Convolutional Sketch Inversion (Gucluturk et al. 2016,
section 3.1), whose code was never published: XDoG lines, pencil dodge, and an edge-preserving filter times the dodge.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.color import to_unit_rgba
from limner.imaging.pen import draw_stroke
from limner.imaging.tracing import trace_lines

FloatImage = NDArray[np.float32]
STYLES = ("line", "gray", "color", "freehand")
_SPECK = 40  # pixels at a shorter side of 512
_COLOR_LEVELS = 24


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


def local_contrast(gray: FloatImage) -> FloatImage:
    """(H, W) in [0, 1] with the contrast around each pixel made alike, so that soft photos give firm lines too."""
    side = 2 * round(min(gray.shape) / 11) + 1
    mean = cv2.blur(gray, (side, side))
    deviation = np.sqrt(cv2.blur((gray - mean) ** 2, (side, side)).clip(0))
    return np.asarray(0.5 + 0.17 * (gray - mean) / (deviation + 0.05), np.float32)


def sketch_photo(picture: NDArray[Any], style: str, seed: int = 0) -> NDArray[np.uint8]:
    """Turn a photo into a drawing of one of STYLES; "freehand" depends on `seed`.

    picture: (H, W, C) uint8, uint16 or float32, C in 1..4; transparency becomes white. Returns (H, W) uint8, or
    (H, W, 3) sRGB for "color"; 255 = paper. Raises ValueError for an unknown style.
    """
    rgba = to_unit_rgba(picture)
    rgb = rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]
    gray: FloatImage = np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb, np.float32), cv2.COLOR_RGB2GRAY), np.float32)
    if style == "line":
        drawing = _lines(gray)
    elif style == "gray":
        drawing = _dodge(gray)
    elif style == "color":
        drawing = _colored(np.asarray(rgb, np.float32), _dodge(gray))
    elif style == "freehand":
        drawing = _freehand(gray, np.random.default_rng(seed))
    else:
        raise ValueError(f"no sketch style {style!r}: known are {', '.join(STYLES)}")
    return np.asarray((drawing.clip(0, 1) * 255).round(), np.uint8)


def _lines(gray: FloatImage, sigma: float = 1.6) -> FloatImage:
    unit = min(gray.shape) / 512
    soft = cv2.GaussianBlur(local_contrast(gray), (0, 0), max(1.2 * unit, 0.3))
    line = xdog(soft, sigma=sigma * unit, tau=0.988, phi=80)
    marks = (line < 0.75).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(marks, connectivity=8)
    specks = stats[:, cv2.CC_STAT_AREA] < _SPECK * unit**2
    specks[0] = True  # faint shading outside of all marks goes too
    return np.asarray(
        np.where(cv2.dilate((~specks[labels]).astype(np.uint8), np.ones((3, 3))) > 0, line, 1), np.float32
    )


def _dodge(gray: FloatImage) -> FloatImage:
    blurred = cv2.GaussianBlur(1 - gray, (0, 0), 0.02 * min(gray.shape))
    return np.asarray(np.minimum(1, gray / (257 / 256 - blurred)) ** 1.3, np.float32)


def _colored(rgb: FloatImage, dodge: FloatImage) -> FloatImage:
    flat = cv2.edgePreservingFilter((rgb * 255).round().astype(np.uint8), flags=1, sigma_s=40, sigma_r=0.35)
    levels = np.round(flat.astype(np.float32) / 255 * _COLOR_LEVELS) / _COLOR_LEVELS
    return np.asarray(levels * dodge[..., None], np.float32)


def _freehand(gray: FloatImage, rng: np.random.Generator) -> FloatImage:
    unit = min(gray.shape) / 512
    lines = trace_lines(_lines(gray, sigma=2.4), shortest=26 * unit, tolerance=1.6 * unit)
    ink = np.zeros(gray.shape, np.float32)
    for points in lines:
        shift = rng.normal(0, 0.8 * unit, 2)
        if len(points) > 1:
            draw_stroke(ink, points + shift, rng.uniform(1.5, 3.2) * unit, rng)
    return 1 - ink
