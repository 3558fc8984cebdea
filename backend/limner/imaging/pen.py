# SPDX-License-Identifier: Apache-2.0
"""A pen in a human hand: smooth strokes with tapering ends, a slight tremor, and varying darkness."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
_SHIFT = 4  # fractional bits of OpenCV's drawing coordinates


def smooth_path(points: NDArray[Any], count: int) -> NDArray[np.float64]:
    """(P, 2) corners -> (count, 2) points of the Catmull-Rom curve through them."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, len(points) - 1 - 1e-6, count)
    i, f = t.astype(int), (t % 1)[:, None]
    a, b, c, d = padded[i], padded[i + 1], padded[i + 2], padded[i + 3]
    curve = 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)
    return np.asarray(curve, np.float64)


def draw_stroke(canvas: FloatImage, points: NDArray[Any], width: float, rng: np.random.Generator) -> None:
    """Adds a stroke along `points` (P, 2) in pixels to `canvas` (H, W) float32 ink in [0, 1], in place."""
    count = max(8, int(np.abs(np.diff(points, axis=0)).sum() / 3))
    path = smooth_path(points, count)
    tremor = cv2.GaussianBlur(rng.normal(0, 1, (count, 2)).astype(np.float32), (1, 25), sigmaX=0.1, sigmaY=4.0)
    path = path + tremor * rng.uniform(0, 2.0)
    start, stop = sorted(rng.uniform([0, 0.85], [0.12, 1.0]))
    path = path[int(start * count) : max(int(stop * count), 3)]
    darkness = float(rng.uniform(0.65, 1.0))
    fixed = np.round(path * 2**_SHIFT).astype(np.int32)
    layer = np.zeros(canvas.shape, np.uint8)
    ends = np.minimum(np.arange(len(path)), np.arange(len(path))[::-1]) / max(len(path), 1)
    for (a, b), end in zip(pairwise(fixed), ends[:-1], strict=True):
        thick = max(1, round(width * min(1.0, 0.5 + 4 * end)))
        cv2.line(layer, a.tolist(), b.tolist(), 255, thick, cv2.LINE_AA, _SHIFT)
    np.maximum(canvas, layer.astype(np.float32) * (darkness / 255), out=canvas)
