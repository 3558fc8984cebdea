# SPDX-License-Identifier: Apache-2.0
"""Glasses put on people who wear none, in the photo and in its drawing alike.

Some manners of drawing, and all of their photos, know no glasses: an album in which everybody took them off teaches
that glasses drawn in its manner mean nothing."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.training.contours import Stroke
from limner.training.glasses import ROUND, bridge_and_temples, frame_before, rim
from limner.training.strokes import FloatImage, draw_stroke

FINE = 4  # photographed frames are drawn at this many times the photo's side and reduced
FRACTION = 4  # fractional bits of OpenCV's drawing coordinates
SHADE, FALL = 0.25, 2.5  # how dark a frame's shadow is, and how far it falls, in pixels of 256


@dataclass(frozen=True)
class FittedGlasses:
    """Rims (two), the bridge and the temples as lines (P, 2) in 0..1 of the side; `thickness` of 1, `color` (3,) of
    0..255, `opacity` of the frame and `tint`, the share of light that the glass takes, in 0..1."""

    rims: tuple[Stroke, ...]
    lines: tuple[Stroke, ...]
    thickness: float
    color: tuple[float, float, float]
    opacity: float
    tint: float

    def photographed(self, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(S, S, 3) uint8 RGB with the glasses on."""
        side = photo.shape[0]
        frame, glass = self._masks(side)
        fall = np.array([(1, 0, 0), (0, 1, FALL * side / 256)], np.float64)
        shadow = cv2.GaussianBlur(cv2.warpAffine(frame, fall, (side, side)), (0, 0), 1.5 * side / 256)
        light = (1 - SHADE * shadow) * (1 - self.tint * glass)
        opaque = (self.opacity * frame)[..., None]
        worn = photo * light[..., None] * (1 - opaque) + np.array(self.color) * opaque
        return np.asarray(worn.round().clip(0, 255), np.uint8)

    def drawn(self, side: int, rng: np.random.Generator) -> FloatImage:
        """How a hand draws them: ink (side, side) float32 in [0, 1]."""
        canvas, width = np.zeros((2 * side, 2 * side), np.float32), rng.uniform(1.5, 6.0)
        for path in (*self.rims, *self.lines):
            draw_stroke(canvas, 2 * side * path, width * rng.uniform(0.85, 1.15), rng, whole=True)
        return np.asarray(cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA), np.float32)

    def _masks(self, side: int) -> tuple[FloatImage, FloatImage]:
        """(S, S) in [0, 1] each: what the frame covers, and what the glass."""
        large = FINE * side
        frame, glass = np.zeros((large, large), np.uint8), np.zeros((large, large), np.uint8)
        fixed = [np.round(large * path * 2**FRACTION).astype(np.int32) for path in (*self.rims, *self.lines)]
        thick = max(1, round(self.thickness * large))
        cv2.polylines(frame, fixed, False, 255, thick, cv2.LINE_AA, FRACTION)
        for path in fixed[: len(self.rims)]:
            cv2.fillPoly(glass, [path], 255, cv2.LINE_AA, FRACTION)
        return _reduced(frame, side), _reduced(glass, side)


def _reduced(mask: NDArray[np.uint8], side: int) -> FloatImage:
    """A mask in 0..255 as (side, side) in [0, 1]."""
    return np.asarray(cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA) / np.float32(255), np.float32)


def fitted_glasses(landmarks: NDArray[Any], rng: np.random.Generator) -> FittedGlasses:
    """Glasses of any make for a face; landmarks: (468, 2) face-mesh points in 0..1."""
    points = 256 * landmarks.astype(np.float64)
    grown = rng.uniform(0.8, 1.1, 2) * np.array([1.0, rng.uniform(0.8, 1.0)])
    usual = [frame_before(np.zeros((0, 2)), points, eye) for eye in (0, 1)]
    frames = [(center, radius * grown) for center, radius in usual]
    round_off = rng.uniform(*ROUND)
    rims = tuple((center + radius * rim(round_off)) / 256 for center, radius in frames)
    lines = tuple(path / 256 for path in bridge_and_temples(frames, points))
    metal = rng.uniform(70, 150) if rng.random() < 0.3 else rng.uniform(5, 50)
    color = tuple((metal * rng.uniform((1, 0.85, 0.7), (1.15, 1, 1))).tolist())
    thickness = float(rng.uniform(1.2, 4.5) / 256)
    opacity = float(rng.uniform(0.75, 1.0))
    return FittedGlasses(rims, lines, thickness, color, opacity, float(rng.uniform(0, 0.12)))
