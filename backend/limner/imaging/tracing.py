# SPDX-License-Identifier: Apache-2.0
"""From a line drawing to polylines: the centerlines of its strokes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
_NEIGHBORS = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))


def trace_lines(gray: NDArray[np.float32], shortest: float, tolerance: float) -> list[Points]:
    """Polylines (P, 2), x and y in pixels, along the strokes of `gray` (H, W) in [0, 1], 1 = paper.

    shortest: strokes of fewer pixels are dropped. tolerance: how far a polyline may leave its stroke, in pixels."""
    mask = (gray < 0.5).astype(np.uint8) * 255
    skeleton = cv2.ximgproc.thinning(mask)
    left = {(int(y), int(x)) for y, x in np.argwhere(skeleton)}
    ends = sorted(p for p in left if _degree(p, left) == 1)
    lines = []
    for start in [*ends, *sorted(left)]:
        if start not in left:
            continue
        path = _walk(start, left)
        if len(path) >= shortest:
            lines.append(_simplified(path, tolerance))
    return lines


def _degree(point: tuple[int, int], cells: set[tuple[int, int]]) -> int:
    return sum((point[0] + dy, point[1] + dx) in cells for dy, dx in _NEIGHBORS)


def _walk(start: tuple[int, int], left: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Follows a stroke from `start`, straight on where it forks, and takes its cells out of `left`."""
    left.discard(start)
    path, heading = [start], (0.0, 0.0)
    while True:
        y, x = path[-1]
        ahead = [(dy, dx) for dy, dx in _NEIGHBORS if (y + dy, x + dx) in left]
        if not ahead:
            return path
        dy, dx = max(ahead, key=lambda step: (step[0] * heading[0] + step[1] * heading[1]) / np.hypot(*step))
        path.append((y + dy, x + dx))
        left.discard(path[-1])
        heading = (0.7 * heading[0] + 0.3 * dy, 0.7 * heading[1] + 0.3 * dx)


def _simplified(path: list[tuple[int, int]], tolerance: float) -> Points:
    points: NDArray[Any] = np.asarray(path, np.float32)[:, ::-1].copy()  # x, y
    return np.asarray(cv2.approxPolyDP(points, tolerance, False)[:, 0], np.float64)
