# SPDX-License-Identifier: Apache-2.0
"""Strokes as a person draws them: open polylines along the face-mesh contours, of varying width, with a few slips."""

from dataclasses import dataclass
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


def draw_stroke(
    canvas: FloatImage, points: NDArray[Any], width: float, rng: np.random.Generator, whole: bool = False
) -> None:
    """Adds a stroke along `points` (P, 2) in pixels to `canvas` (H, W) float32 ink in [0, 1], in place.

    `whole`: from the first point to the last; else it begins late or ends early now and then."""
    count = max(8, int(np.abs(np.diff(points, axis=0)).sum() / 3))
    path = smooth_path(points, count)
    tremor = cv2.GaussianBlur(rng.normal(0, 1, (count, 2)).astype(np.float32), (1, 25), sigmaX=0.1, sigmaY=4.0)
    path = path + tremor * rng.uniform(0, 2.0) * min(1.0, count / 24)
    if not whole:
        start, stop = sorted(rng.uniform([0, 0.85], [0.12, 1.0]))
        path = path[int(start * count) : max(int(stop * count), 3)]
    ends = np.minimum(np.arange(len(path)), np.arange(len(path))[::-1]) / max(len(path), 1)
    press = 1 + 0.2 * np.sin(rng.uniform(0, 2 * np.pi) + np.linspace(0, rng.uniform(1, 9), len(path)))
    _ink_path(canvas, path, width * press * np.minimum(1.0, 0.5 + 4 * ends), float(rng.uniform(0.65, 1.0)))


def _ink_path(canvas: FloatImage, path: NDArray[Any], widths: NDArray[Any], darkness: float) -> None:
    """Inks `path` (P, 2) with a pen of `widths` (P,) pixels; what lies outside of the canvas is cut off."""
    room = int(widths.max()) + 2
    low = np.maximum(np.floor(path.min(0)).astype(int) - room, 0)
    high = np.minimum(np.ceil(path.max(0)).astype(int) + room + 1, canvas.shape[::-1])
    if (high <= low).any():
        return
    part = canvas[low[1] : high[1], low[0] : high[0]]
    layer = np.zeros(part.shape, np.uint8)
    fixed = np.round((path - low) * 2**_SHIFT).astype(np.int32).tolist()
    for (a, b), thick in zip(pairwise(fixed), np.maximum(np.round(widths), 1).astype(int).tolist(), strict=False):
        cv2.line(layer, a, b, 255, thick, cv2.LINE_AA, _SHIFT)
    np.maximum(part, layer.astype(np.float32) * (darkness / 255), out=part)


def draw_dot(canvas: FloatImage, center: NDArray[Any], radius: float, darkness: float = 1.0) -> None:
    """Adds a filled spot at `center` (x, y) in pixels to `canvas` (H, W) float32 ink in [0, 1], in place."""
    layer = np.zeros(canvas.shape, np.uint8)
    spot = np.round(np.asarray(center) * 2**_SHIFT).astype(int).tolist()
    cv2.circle(layer, spot, max(1, round(radius * 2**_SHIFT)), 255, -1, cv2.LINE_AA, _SHIFT)
    np.maximum(canvas, layer.astype(np.float32) * (darkness / 255), out=canvas)


def ring(center: NDArray[Any], radius: tuple[float, float], rng: np.random.Generator, turns: float = 1.0) -> Any:
    """A hand-drawn ellipse that begins anywhere, (P, 2): `radius` across and down, a little more than closed."""
    angle = np.linspace(0, 2 * np.pi * turns, 14) + rng.uniform(0, 2 * np.pi)
    return center + np.stack([radius[0] * np.cos(angle), radius[1] * np.sin(angle)], 1)


@dataclass(frozen=True)
class Iris:
    """How a hand draws irises, both alike: `radius` and `pupil` as shares of the eye's width, 0 for none of it."""

    radius: float
    pupil: float
    outlined: bool
    covered: bool  # by the lids

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Iris":
        """The habit of one hand."""
        radius, pupil = rng.uniform(0.16, 0.24), rng.uniform(0.35, 0.95) * (rng.random() < 0.65)
        return cls(radius, radius * pupil, bool(pupil == 0 or rng.random() < 0.8), bool(rng.random() < 0.8))


def _eye(
    canvas: FloatImage, points: NDArray[Any], side: int, width: float, iris: Iris, rng: np.random.Generator
) -> None:
    """What is between the lids of the eye on `side` (0 or 1) of the face."""
    corners, opening = points[list(EYE_CORNERS[side])], points[[*LIDS[2 * side], *LIDS[2 * side + 1][::-1]]]
    span = float(np.linalg.norm(corners[1] - corners[0]))
    center = opening.mean(0) + rng.normal(0, 0.03 * span, 2)
    layer, radius = np.zeros_like(canvas), iris.radius * span
    if iris.outlined:
        draw_stroke(layer, ring(center, (radius, 0.95 * radius), rng), min(width, 0.14 * span), rng, whole=True)
    if iris.pupil:
        draw_dot(layer, center, iris.pupil * span)
    if iris.covered:
        open_eye = np.zeros(canvas.shape, np.uint8)
        cv2.fillPoly(open_eye, [np.round(opening).astype(np.int32)], 1)
        layer *= cv2.dilate(open_eye, np.ones((3, 3), np.uint8), iterations=max(1, round(width / 2)))
    np.maximum(canvas, layer, out=canvas)


def followed(points: NDArray[Any], contour: Contour, stray: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Some points (P, 2) of a contour as a hand follows it: off by `stray` pixels as a whole, less in between."""
    stride = 1 if len(contour) < 6 else int(rng.integers(1, 4))
    kept = sorted({*range(0, len(contour), stride), len(contour) - 1})
    path = points[[contour[i] for i in kept]]
    return np.asarray(path + rng.normal(0, stray, 2) + rng.normal(0, 0.4 * stray, path.shape), np.float64)


def landmark_drawing(landmarks: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A face in a few strokes: `landmarks` (468, 2) in 0..1 -> ink (side, side) float32 in [0, 1].

    Drawn at twice the side and reduced, so that thin strokes stay smooth."""
    points, stray = landmarks * (2 * side), rng.uniform(0, 2.5)
    canvas = np.zeros((2 * side, 2 * side), np.float32)
    width = rng.uniform(1.5, 6.0)
    contours = [JAW, *LIDS[::2], NOSE[0]]
    contours += [LIPS[0], LIPS[1], LIPS[2]] if rng.random() < 0.75 else [LIPS[2]]
    contours += [c for c in (LIDS[1], LIDS[3], LIPS[3], *NOSE[1:3]) if rng.random() < 0.6]
    contours += [c for c in NOSE[3:] if rng.random() < 0.25]
    contours += [BROWS[0], BROWS[2]] + [c for c in (BROWS[1], BROWS[3]) if rng.random() < 0.4]
    for contour in contours:
        draw_stroke(canvas, followed(points, contour, stray, rng), width * rng.uniform(0.7, 1.3), rng)
    iris = Iris.random(rng)
    for eye in (0, 1):
        _eye(canvas, points, eye, width, iris, rng)
    return cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)


def oval_mask(landmarks: np.ndarray, side: int, grow: float) -> np.ndarray:
    """(side, side) float32: 1 inside the face oval, scaled by `grow` about its center, with a soft border."""
    points = landmarks[list(OVAL)] * side
    center = points.mean(0)
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.round(center + (points - center) * grow).astype(np.int32)], 1.0)
    return cv2.GaussianBlur(mask, (0, 0), side / 128)
