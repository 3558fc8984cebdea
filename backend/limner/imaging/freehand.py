# SPDX-License-Identifier: Apache-2.0
"""Lines drawn again by a loose hand: traced into open polylines, simplified, jittered and redrawn.

The inner face keeps its place (eyes and mouth carry the likeness); long strokes sway more than short ones.
"""

from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.planes import FloatImage

Polyline = NDArray[np.float64]  # (N, 2) x, y in pixels

_NEIGHBORS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
_SUBPIXEL = 4  # bits of fraction in OpenCV's drawing
_OVERSAMPLING = 2


def freehand_lines(lines: FloatImage, seed: int = 0) -> FloatImage:
    """A sparse, slightly wobbly drawing of the given lines: (H, W) in [0, 1], 1 = paper -> the same.

    Short lines are left out, the others become strokes whose width swells and tapers. The same seed gives the same
    drawing.
    """
    unit = min(lines.shape) / 512  # one pixel at 512
    hand = np.random.default_rng(seed)
    strokes = [path for path in trace_lines(lines) if _length(path) >= 16 * unit]
    canvas = np.zeros((lines.shape[0] * _OVERSAMPLING, lines.shape[1] * _OVERSAMPLING), np.uint8)
    for path in strokes:
        stroke = _redrawn(path, unit, hand)
        widths = _widths(len(stroke), _length(path) / unit, hand) * unit
        _draw(canvas, stroke * _OVERSAMPLING, widths * _OVERSAMPLING)
    ink = cv2.resize(canvas, lines.shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(1 - ink.astype(np.float32) / 255, np.float32)


def trace_lines(lines: FloatImage) -> list[Polyline]:
    """The skeleton of dark lines as open polylines, cut where lines meet: list of (N, 2) x, y pixel centers."""
    skeleton = cv2.ximgproc.thinning(np.where(lines < 0.6, 255, 0).astype(np.uint8)) > 0
    pixels = {(int(y), int(x)) for y, x in np.argwhere(skeleton)}
    around = {pixel: [n for n in _neighbors(pixel) if n in pixels] for pixel in pixels}
    order = sorted(pixels, key=lambda pixel: (len(around[pixel]) != 1, pixel))  # line ends first
    seen: set[tuple[int, int]] = set()
    paths = []
    for start in order:
        if start in seen:
            continue
        path = _walk(start, around, seen)
        if len(path) > 1:
            paths.append(np.array(path, np.float64)[:, ::-1] + 0.5)
    return paths


def _neighbors(pixel: tuple[int, int]) -> list[tuple[int, int]]:
    return [(pixel[0] + dy, pixel[1] + dx) for dy, dx in _NEIGHBORS]


def _walk(
    start: tuple[int, int],
    around: dict[tuple[int, int], list[tuple[int, int]]],
    seen: set[tuple[int, int]],
) -> list[tuple[int, int]]:
    """Follow the line from ``start``, straight on where lines cross, until no unseen pixel is left."""
    path = [start]
    seen.add(start)
    while True:
        here = path[-1]
        back = path[max(0, len(path) - 5)]
        heading = (here[0] - back[0], here[1] - back[1])
        ways = [n for n in around[here] if n not in seen]
        if not ways:
            return path

        straight, best = max((_straightness(here, way, heading), way) for way in ways)
        if len(path) > 4 and straight < 0:  # a sharp turn begins another stroke
            return path
        seen.add(best)
        path.append(best)


def _straightness(here: tuple[int, int], way: tuple[int, int], heading: tuple[int, int]) -> float:
    """How well the step from ``here`` to its neighbor ``way`` keeps the heading; below 0 it turns back."""
    step = (way[0] - here[0], way[1] - here[1])
    return (step[0] * heading[0] + step[1] * heading[1]) / math.hypot(*step)


def _redrawn(path: Polyline, unit: float, hand: np.random.Generator) -> Polyline:
    """The path as a hand would repeat it: simplified, smoothed, and off by a slow sway of a pixel or two at 512."""
    simple = cv2.approxPolyDP(path.astype(np.float32)[:, None], 1.6 * unit, False)[:, 0].astype(np.float64)
    count = max(8, int(_length(simple) / (3 * unit)))
    smooth = _resampled(_chaikin(_chaikin(simple)), count)
    sway = min(0.6 + _length(path) / (150 * unit), 2.2) * unit
    knots = max(2, count // 14 + 2)
    position = np.linspace(0, knots - 1, count)
    offsets = hand.normal(0, sway / 2, (knots, 2))
    moved = np.stack([np.interp(position, np.arange(knots), _eased(offsets[:, axis])) for axis in (0, 1)], axis=1)
    return smooth + _chaikin_fixed(moved, count)


def _eased(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weaken the first and last value: strokes begin and end where they should."""
    return values * np.where((np.arange(len(values)) == 0) | (np.arange(len(values)) == len(values) - 1), 0.5, 1.0)


def _chaikin(path: Polyline) -> Polyline:
    """One round of corner cutting; the ends stay."""
    if len(path) < 3:
        return path
    a, b = path[:-1], path[1:]
    cut = np.empty((2 * len(a), 2))
    cut[0::2], cut[1::2] = 0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b
    return np.concatenate([path[:1], cut[1:-1], path[-1:]])


def _chaikin_fixed(path: Polyline, count: int) -> Polyline:
    """Smooth a path of evenly spaced values and bring it back to ``count`` points."""
    smooth = _chaikin(_chaikin(path[:: max(1, len(path) // 24)]))
    at = np.linspace(0, len(smooth) - 1, count)
    return np.stack([np.interp(at, np.arange(len(smooth)), smooth[:, axis]) for axis in (0, 1)], axis=1)


def _length(path: Polyline) -> float:
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


def _resampled(path: Polyline, count: int) -> Polyline:
    """``count`` points at equal distances along the path."""
    along = np.concatenate([[0.0], np.hypot(*np.diff(path, axis=0).T).cumsum()])
    at = np.linspace(0, along[-1], count)
    return np.stack([np.interp(at, along, path[:, axis]) for axis in (0, 1)], axis=1)


def _widths(count: int, length: float, hand: np.random.Generator) -> NDArray[np.float64]:
    """Width along a stroke in pixels at 512: tapered at the ends, long strokes a little heavier."""
    position = np.linspace(0, 1, count)
    body = hand.uniform(1.6, 2.4) + min(length / 250, 0.8)
    press = 1 + 0.2 * np.sin(2 * np.pi * (position * hand.uniform(0.5, 1.5) + hand.uniform()))
    taper = 0.45 + 0.55 * np.minimum(1, 6 * np.minimum(position, 1 - position))
    return np.asarray(body * press * taper)


def _draw(canvas: NDArray[np.uint8], path: Polyline, widths: NDArray[np.float64]) -> None:
    """Draw a stroke of varying width as a chain of anti-aliased quadrilaterals and round joints."""
    factor = 1 << _SUBPIXEL
    for (start, end), width in zip(pairwise(path), widths[:-1], strict=True):
        along = end - start
        side = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9) * width / 2
        quad = np.array([start + side, end + side, end - side, start - side]) - 0.5
        cv2.fillConvexPoly(canvas, np.round(quad * factor).astype(np.int32), 255, cv2.LINE_AA, _SUBPIXEL)
        middle = np.round((end - 0.5) * factor).astype(int)
        radius = max(1, round(width / 2 * factor))
        cv2.circle(canvas, (int(middle[0]), int(middle[1])), radius, 255, -1, cv2.LINE_AA, _SUBPIXEL)
