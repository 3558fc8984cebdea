# SPDX-License-Identifier: Apache-2.0
"""Strokes as a person draws them: open polylines along the face-mesh contours, of varying width, with a few slips."""

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Contour = tuple[int, ...]

OVAL: Contour = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
JAW: Contour = OVAL[6:31]  # from ear to ear over the chin
LIDS: tuple[Contour, ...] = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (263, 466, 388, 387, 386, 385, 384, 398, 362),
    (263, 249, 390, 373, 374, 380, 381, 382, 362),
)
BROWS: tuple[Contour, ...] = (
    (70, 63, 105, 66, 107),
    (46, 53, 52, 65, 55),
    (300, 293, 334, 296, 336),
    (276, 283, 282, 295, 285),
)
NOSE: tuple[Contour, ...] = (
    (64, 98, 97, 2, 326, 327, 294),
    (48, 64, 98),
    (278, 294, 327),
    (193, 122, 196, 3, 51),
    (168, 6, 197, 195, 5),
)
LIPS: tuple[Contour, ...] = (
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)
EYE_CORNERS = ((33, 133), (362, 263))


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


def _iris(canvas: np.ndarray, corners: np.ndarray, width: float, rng: np.random.Generator) -> None:
    center, span = corners.mean(0), float(np.linalg.norm(corners[1] - corners[0]))
    center = center + rng.normal(0, 0.04 * span, 2)
    radius = span * rng.uniform(0.16, 0.24)
    angle = np.linspace(0, 2 * np.pi, 14) + rng.uniform(0, 6)
    draw_stroke(canvas, center + radius * np.stack([np.cos(angle), 0.95 * np.sin(angle)], 1), width, rng)
    if rng.random() < 0.6:
        spot = np.round(center * 16).astype(int).tolist()
        layer = np.zeros(canvas.shape, np.uint8)
        cv2.circle(layer, spot, round(radius * rng.uniform(0.4, 0.8) * 16), 255, -1, cv2.LINE_AA, 4)
        np.maximum(canvas, layer.astype(np.float32) / 255, out=canvas)


def landmark_drawing(landmarks: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A face in a few strokes: `landmarks` (468, 2) in 0..1 -> ink (side, side) float32 in [0, 1].

    Drawn at twice the side and reduced, so that thin strokes stay smooth."""
    points = landmarks * (2 * side)
    points = points + rng.normal(0, rng.uniform(0, 2.5), points.shape)
    canvas = np.zeros((2 * side, 2 * side), np.float32)
    width = rng.uniform(1.5, 6.0)
    contours = [JAW, *LIDS[::2], *LIPS[:3], NOSE[0]]
    contours += [c for c in (LIDS[1], LIDS[3], LIPS[3], *NOSE[1:3]) if rng.random() < 0.7]
    contours += [c for c in NOSE[3:] if rng.random() < 0.25]
    contours += [BROWS[0], BROWS[2]] + [c for c in (BROWS[1], BROWS[3]) if rng.random() < 0.5]
    for contour in contours:
        draw_stroke(canvas, points[list(contour)], width * rng.uniform(0.7, 1.3), rng)
    for corners in EYE_CORNERS:
        _iris(canvas, points[list(corners)], width, rng)
    return cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)


def oval_mask(landmarks: np.ndarray, side: int, grow: float) -> np.ndarray:
    """(side, side) float32: 1 inside the face oval, scaled by `grow` about its center, with a soft border."""
    points = landmarks[list(OVAL)] * side
    center = points.mean(0)
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.round(center + (points - center) * grow).astype(np.int32)], 1.0)
    return cv2.GaussianBlur(mask, (0, 0), side / 128)
