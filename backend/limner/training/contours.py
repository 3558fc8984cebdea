# SPDX-License-Identifier: Apache-2.0
"""Lines of a photo as strokes: ridges of an edge map, thinned, followed and drawn again by a hand.

Edge maps are (S, S) float32 in [0, 1]; strokes are open polylines (P, 2), x and y in pixels.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.freehand import trace_lines
from limner.training.strokes import FloatImage, draw_stroke

Stroke = NDArray[np.float64]
FLAT = 1e-3  # curvature of an edge map below which there is no ridge
MARGIN = 3  # pixels at the border where networks see an edge that is none


def unit(gray: NDArray[Any]) -> FloatImage:
    """uint8 -> float32 in [0, 1]."""
    return np.asarray(gray, np.float32) / np.float32(255)


def ridges(strength: FloatImage) -> FloatImage:
    """`strength` on its ridges, zero beside them: non-maximum suppression across the direction of most curvature."""
    smooth = cv2.GaussianBlur(strength, (0, 0), 1.0)
    wide = cv2.GaussianBlur(strength, (0, 0), 1.8)
    xx, yy, xy = (cv2.Sobel(wide, cv2.CV_32F, *order, ksize=3) for order in ((2, 0), (0, 2), (1, 1)))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.float32(np.pi / 2)  # across the ridge
    across, down = np.cos(angle), np.sin(angle)
    y, x = np.mgrid[: strength.shape[0], : strength.shape[1]].astype(np.float32)
    beside = [cv2.remap(smooth, x + s * across, y + s * down, cv2.INTER_LINEAR) for s in (1, -1)]
    curvature = (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)  # the most negative one
    kept = (smooth >= beside[0]) & (smooth >= beside[1]) & (curvature < -FLAT)
    kept[:MARGIN], kept[-MARGIN:], kept[:, :MARGIN], kept[:, -MARGIN:] = False, False, False, False
    return np.where(kept, strength, 0).astype(np.float32)


def thin_lines(strength: FloatImage, low: float, high: float) -> NDArray[np.uint8]:
    """Lines one pixel wide, 0 or 255: ridges above `low` that hang together with one above `high`."""
    thin = ridges(strength)
    count, labels = cv2.connectedComponents((thin > low).astype(np.uint8), connectivity=8)
    strong = np.zeros(count, bool)
    strong[labels[thin > high]] = True
    strong[0] = False
    closed = cv2.morphologyEx(strong[labels].astype(np.uint8) * 255, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.ximgproc.thinning(closed), np.uint8)


def strokes_of(lines: NDArray[np.uint8], least: float) -> list[Stroke]:
    """Thin lines, 0 or 255, as strokes of at least `least` pixels, the longest first."""
    strokes = [path for path in trace_lines(unit(255 - lines)) if len(path) >= least]
    return sorted(strokes, key=len, reverse=True)


def simplified(stroke: Stroke, tolerance: float) -> Stroke:
    """The stroke's corners only: no point of it is further than `tolerance` pixels from the line through them."""
    return np.asarray(cv2.approxPolyDP(stroke.astype(np.float32)[:, None], tolerance, False)[:, 0], np.float64)


def draw_again(strokes: Sequence[Stroke], side: int, rng: np.random.Generator) -> FloatImage:
    """Strokes in pixels of `side` drawn by a hand with one pen of 1 to 6 pixels of 512: (side, side) ink in [0, 1]."""
    canvas = np.zeros((2 * side, 2 * side), np.float32)
    width, tolerance = rng.uniform(1.0, 6.0), rng.uniform(0.4, 1.6)
    for stroke in strokes:
        path = simplified(stroke, tolerance) * 2 + rng.normal(0, 0.8, 2)
        draw_stroke(canvas, path, width * rng.uniform(0.8, 1.2), rng, whole=bool(rng.random() < 0.5))
    return np.asarray(cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def edge_drawing(edges: NDArray[Any], rng: np.random.Generator) -> FloatImage:
    """A drawing of thinned edges: `edges` (S, S) uint8, how likely each pixel is on one -> ink (S, S) in [0, 1].

    Half of them are drawn again stroke by stroke, the others are the lines themselves, wider or softer."""
    strength, high = unit(edges), rng.uniform(0.25, 0.6)
    lines = without_short(thin_lines(strength, high * rng.uniform(0.35, 0.7), high), int(rng.integers(8, 30)))
    if rng.random() < 0.5:
        return draw_again(strokes_of(lines, rng.uniform(4, 16)), len(lines), rng)
    width = rng.uniform(0.5, 3.0)  # pixels here, 1 to 6 at 512
    away = cv2.distanceTransform(255 - lines, cv2.DIST_L2, 5)
    ink = (width / 2 + 0.5 - away).clip(0, 1) * max(width, 0.8)
    return np.asarray(cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.3, 0.8)) * rng.uniform(1.0, 1.4), np.float32)


def long_strokes(photo_gray: FloatImage, where: FloatImage, edges: NDArray[Any] | None, sigma: float) -> list[Stroke]:
    """The long lines of a photo where `where` (S, S) is above a half: of its edges, else of its blurred brightness.

    photo_gray: (S, S) in [0, 1]. Strokes are in pixels of S, the longest first."""
    if edges is not None:
        lines = thin_lines(unit(edges), 0.2, 0.5)
    else:
        blurred = cv2.GaussianBlur(photo_gray, (0, 0), sigma)
        lines = np.asarray(cv2.Canny((blurred * 255).clip(0, 255).astype(np.uint8), 14, 34), np.uint8)
    lines = without_short(np.where(where > 0.5, lines, 0).astype(np.uint8), 24)
    return strokes_of(lines, 20)


def without_short(lines: NDArray[np.uint8], least: int) -> NDArray[np.uint8]:
    """Thin lines, 0 or 255, without those that have fewer than `least` pixels in all."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= least
    keep[0] = False
    return np.where(keep[labels], 255, 0).astype(np.uint8)
