# SPDX-License-Identifier: Apache-2.0
"""Glasses: whether a photo shows some, and how a hand that goes by the face mesh, which knows of none, draws them.

Edges are those of HED, (S, S) uint8; landmarks (468, 2) face-mesh points in 0..1 of the side."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.training.contours import Stroke, draw_again, long_strokes, unit
from limner.training.strokes import BROWS, EYE_CORNERS, LIDS, FloatImage, draw_stroke

BRIDGE = 168  # the point between the eyes, which skin leaves without an edge and glasses cross
INNER_CORNERS = (EYE_CORNERS[0][1], EYE_CORNERS[1][0])
TEMPLES = (127, 356)
CROSSED = 0.77  # mean strength of the strongest edge in the columns between the eyes, from which on it is glasses
ROUND = (0.45, 1.1)  # exponents of the frames' outlines: 1 is an ellipse, less a rounded rectangle


def wears_glasses(edges: NDArray[Any], landmarks: NDArray[Any]) -> bool:
    """Whether an edge goes across the bridge of the nose."""
    points = landmarks * edges.shape[0]
    x, y = points[BRIDGE]
    apart = float(np.linalg.norm(points[INNER_CORNERS[0]] - points[INNER_CORNERS[1]]))
    rows = slice(max(int(y - 0.35 * apart), 0), int(y + 0.45 * apart) + 1)
    columns = slice(max(int(x - 0.22 * apart), 0), int(x + 0.22 * apart) + 1)
    box = unit(edges[rows, columns])
    return bool(box.size and box.max(0).mean() > CROSSED)


def draw_glasses(edges: NDArray[Any], landmarks: NDArray[Any], rng: np.random.Generator) -> FloatImage:
    """The glasses that a photo shows, ink (S, S) float32 in [0, 1]: half of the time its lines, else plain frames where
    they are."""
    side = edges.shape[0]
    points = landmarks.astype(np.float64) * side
    strokes = long_strokes(np.zeros((side, side), np.float32), _around_eyes(points, side), edges, 1.0)
    found = np.concatenate(strokes) if strokes else np.zeros((0, 2))
    if rng.random() < 0.5 or not len(found):
        return draw_again(strokes, side, rng)
    canvas, width = np.zeros((2 * side, 2 * side), np.float32), rng.uniform(1.5, 7.0)
    round_off, temples = rng.uniform(*ROUND), rng.random() < 0.6
    frames = [frame_before(found, points, eye) for eye in (0, 1)]
    for center, radius in frames:
        path = center + radius * rim(round_off) * (1 + rng.normal(0, 0.03, 2))
        draw_stroke(canvas, 2 * path, width, rng, whole=True)
    for line in bridge_and_temples(frames, points)[: None if temples else 1]:
        draw_stroke(canvas, 2 * line, width * rng.uniform(0.7, 1.1), rng, whole=True)
    return np.asarray(cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _around_eyes(points: Stroke, side: int) -> FloatImage:
    """(S, S): 1 where glasses are, but for the lids and brows."""
    eyes = [points[list(corners)].mean(0) for corners in EYE_CORNERS]
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    low, high = np.min(eyes, 0)[1] - 0.4 * apart, np.max(eyes, 0)[1] + 0.55 * apart
    mask = np.zeros((side, side), np.float32)
    left, right = (int(points[at, 0].clip(0, side - 1)) for at in TEMPLES)
    mask[max(int(low), 0) : max(int(high), 0), left : right + 1] = 1
    for contour in (*LIDS, *BROWS):
        cv2.polylines(mask, [np.round(points[list(contour)]).astype(np.int32)], False, 0.0, max(2, int(0.12 * apart)))
    return mask


def frame_before(found: Stroke, points: Stroke, eye: int) -> tuple[Stroke, Stroke]:
    """Center and radii (2,) of the glass before an eye, from the lines (P, 2) found around both, within reason."""
    corners = points[list(EYE_CORNERS[eye])]
    center, span = corners.mean(0), float(np.linalg.norm(corners[1] - corners[0]))
    near = found[np.abs(found[:, 0] - center[0]) < 1.1 * span]
    low, high = center - np.array([0.95, 0.6]) * span, center + np.array([0.95, 0.9]) * span
    if len(near) > 8:
        found_low, high = np.quantile(near, (0.06, 0.94), 0)
        low = np.array([found_low[0], min(found_low[1], low[1])])  # the upper rim may be hidden by the brow
    middle = ((low + high) / 2).clip(center - 0.25 * span, center + 0.3 * span)
    return middle, ((high - low) / 2).clip((0.7 * span, 0.4 * span), (1.05 * span, 0.95 * span))


def rim(round_off: float) -> Stroke:
    """A closed superellipse of radius 1, (P, 2)."""
    angle = np.linspace(0, 2 * np.pi, 29)
    both = np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.asarray(np.sign(both) * np.abs(both) ** round_off, np.float64)


def bridge_and_temples(frames: list[tuple[Stroke, Stroke]], points: Stroke) -> list[Stroke]:
    """The bridge, then the temples, as lines (3, 2)."""
    (left, left_radius), (right, right_radius) = frames
    inner = np.stack([left + left_radius * (1, -0.3), right - right_radius * (1, 0.3)])
    outer = (left - left_radius * (1, 0.4), right + right_radius * (1, -0.4))
    ends = [points[at] * (1, 0) + side * (0, 1) for at, side in zip(TEMPLES, outer, strict=True)]
    pairs = [(inner[0], inner[1]), *zip(outer, ends, strict=True)]
    return [np.stack([a, (a + b) / 2 - (0, 1.0), b]) for a, b in pairs]
