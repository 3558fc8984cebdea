# SPDX-License-Identifier: Apache-2.0
"""Faces as somebody draws who never learned it: an oval, dots or rings for eyes, a hook for a nose, one line a mouth.

Where things are is the photo's, within what such a hand hits; how they are drawn is the hand's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.training.contours import Stroke, simplified
from limner.training.strokes import BROWS, EYE_CORNERS, JAW, LIDS, LIPS, NOSE, OVAL, FloatImage, draw_dot, draw_stroke
from limner.training.strokes import ring as ring_around

Points = NDArray[Any]
NOSE_TIP, NOSE_ROOT, NOSTRILS = 4, 6, (98, 327)
EARS = (234, 454)  # points of the oval beside which the ears are
NECK = (136, 365)  # points of the jaw from which the neck goes down


@dataclass(frozen=True)
class Hand:
    """One hand at one drawing, on a canvas of twice the drawing's side: `stray` is how far it misses, in pixels."""

    canvas: FloatImage
    width: float
    stray: float
    rng: np.random.Generator

    def stroke(self, points: Points) -> None:
        """One line through `points` (P, 2)."""
        wobble = self.rng.normal(0, 0.25 * self.stray, points.shape)
        draw_stroke(self.canvas, points + wobble, self.width * self.rng.uniform(0.85, 1.15), self.rng, whole=True)

    def misplaced(self, points: Points, grow: float = 1.0) -> Points:
        """`points` (P, 2) a little beside their place and of another size, about `grow` times as large."""
        center, scale = points.mean(0), grow * np.exp(self.rng.normal(0, 0.01 * self.stray, 2))
        return center + (points - center) * scale + self.rng.normal(0, self.stray, 2)

    def often(self, share: float) -> bool:
        return bool(self.rng.random() < share)


def novice_drawing(
    landmarks: np.ndarray, around: Sequence[Stroke], side: int, jitter: float, rng: np.random.Generator
) -> FloatImage:
    """A novice's drawing, ink (side, side) float32 in [0, 1].

    landmarks: (468, 2) in 0..1. around: lines of the photo in pixels of `side`, the longest first, for hair and collar.
    jitter: how far the drawing may stray, in pixels of the 512 frame."""
    points = landmarks.astype(np.float64) * (2 * side)
    canvas = np.zeros((2 * side, 2 * side), np.float32)
    hand = Hand(canvas, rng.uniform(1.5, 6.0), 1.0 + 0.4 * jitter * rng.uniform(0.3, 1.0), rng)
    _outline(hand, points)
    _eyes(hand, points)
    _nose(hand, points)
    _mouth(hand, points)
    if hand.often(0.25):
        _ears(hand, points)
    if hand.often(0.35):
        _neck(hand, points)
    tolerance = rng.uniform(1.0, 4.0)
    for stroke in around[: int(rng.integers(0, 9))]:
        hand.stroke(simplified(stroke, tolerance) * 2)
    return np.asarray(cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _outline(hand: Hand, points: Points) -> None:
    oval, kind = points[list(OVAL)], hand.rng.random()
    if kind < 0.35:  # a ring as wide and as high as the face, skull included
        low, high = oval.min(0), oval.max(0)
        low[1] -= hand.rng.uniform(0, 0.25) * (high - low)[1]
        radius = (high - low) / 2 * (1 + hand.rng.normal(0, 0.02, 2))
        hand.stroke(ring_around((low + high) / 2, (radius[0], radius[1]), hand.rng, hand.rng.uniform(0.97, 1.06)))
    elif kind < 0.6:  # the oval itself, closed
        begin = int(hand.rng.integers(0, len(oval)))
        corners = np.roll(oval, begin, 0)[:: int(hand.rng.integers(2, 5))]
        hand.stroke(np.concatenate([corners, corners[: int(hand.rng.integers(1, 3))]]))
    elif kind < 0.92:  # from ear to ear
        hand.stroke(points[list(JAW)][:: int(hand.rng.integers(1, 5))])
    else:  # straight lines
        path = simplified(points[list(JAW)], hand.rng.uniform(4, 14))
        for a, b in pairwise(path):
            hand.stroke(np.stack([a, (a + b) / 2, b]))


def _eyes(hand: Hand, points: Points) -> None:
    kind, grow, rng = hand.rng.random(), float(np.exp(hand.rng.normal(0.1, 0.15))), hand.rng
    pupil, pen = rng.uniform(0.08, 0.2), hand.width / 2
    brows, high = hand.often(0.75), hand.often(0.3)
    for side in (0, 1):
        corners = points[list(EYE_CORNERS[side])]
        span = float(np.linalg.norm(corners[1] - corners[0])) * grow
        center = points[[*LIDS[2 * side], *LIDS[2 * side + 1]]].mean(0) + rng.normal(0, hand.stray, 2)
        upper, lower = (hand.misplaced(points[list(LIDS[2 * side + k])][::2], grow) for k in (0, 1))
        if kind < 0.25:
            draw_dot(hand.canvas, center, max(pupil * span * 0.7, pen))
        elif kind < 0.45:
            across = span * rng.uniform(0.3, 0.5)
            hand.stroke(ring_around(center, (across, across * rng.uniform(0.5, 1.0)), rng, 1.03))
            draw_dot(hand.canvas, center + rng.normal(0, 0.05 * span, 2), max(pupil * span, pen))
        elif kind < 0.6:
            hand.stroke(upper)
            draw_dot(hand.canvas, center, max(pupil * span, pen))
        elif kind < 0.68:
            hand.stroke(upper if hand.often(0.5) else corners)
        else:
            hand.stroke(upper)
            hand.stroke(lower)
            draw_dot(hand.canvas, center, max(pupil * span, pen))
        if brows:
            brow = hand.misplaced(points[list(BROWS[2 * side + high])])
            hand.stroke(brow[:: int(rng.integers(1, 5))])


def _nose(hand: Hand, points: Points) -> None:
    kind, tip, root = hand.rng.random(), points[NOSE_TIP], points[NOSE_ROOT]
    base = hand.misplaced(points[list(NOSE[0])])
    wing = base[0] if hand.often(0.5) else base[-1]
    if kind < 0.3:  # a hook
        bridge = root + (tip - root) * hand.rng.uniform(0.1, 0.6)
        hand.stroke(np.stack([bridge, (bridge + wing) / 2, wing, (wing + base[len(base) // 2]) / 2, base[3]]))
    elif kind < 0.6:  # its base alone
        hand.stroke(base[:: int(hand.rng.integers(1, 4))])
    elif kind < 0.75:  # two nostrils
        for nostril in NOSTRILS:
            draw_dot(hand.canvas, points[nostril] + hand.rng.normal(0, hand.stray, 2), hand.width / 2 + 1)
    elif kind < 0.85:  # one side
        hand.stroke(np.stack([root, (root + wing) / 2, wing]))
    elif kind < 0.95:  # a wedge
        top = root + (tip - root) * hand.rng.uniform(0, 0.5)
        for a, b in ((top, base[0]), (base[0], base[-1]), (base[-1], top)):
            hand.stroke(np.stack([a, (a + b) / 2, b]))


def _mouth(hand: Hand, points: Points) -> None:
    kind, between = hand.rng.random(), (points[list(LIPS[2])] + points[list(LIPS[3])]) / 2
    line = hand.misplaced(between[:: int(hand.rng.integers(1, 6))])
    if kind < 0.35:
        hand.stroke(line)
    elif kind < 0.55:  # and the lower lip below it
        hand.stroke(line)
        hand.stroke(points[list(LIPS[1])][3:8])
    elif kind < 0.8:
        lips = [hand.misplaced(points[list(lip)][::2]) for lip in LIPS[:2]]
        hand.stroke(np.concatenate([lips[0], lips[1][::-1]]))
        if hand.often(0.5):
            hand.stroke(between)
    else:
        hand.stroke(points[list(LIPS[2])][::2])
        hand.stroke(points[list(LIPS[3])][::2])


def _ears(hand: Hand, points: Points) -> None:
    high = 0.09 * float(np.ptp(points[list(OVAL)][:, 1]))
    for at, outward in zip(EARS, (-1, 1), strict=True):
        angle = np.linspace(-0.5, 0.5, 7) * np.pi
        ear = np.stack([outward * 0.6 * high * np.cos(angle), high * np.sin(angle)], 1)
        hand.stroke(hand.misplaced(points[at] + ear + np.array([0, 0.3 * high])))


def _neck(hand: Hand, points: Points) -> None:
    side = hand.canvas.shape[0]
    for at, outward in zip(NECK, (-1, 1), strict=True):
        top = points[at] + hand.rng.normal(0, hand.stray, 2)
        foot = np.array([top[0], min(top[1] + hand.rng.uniform(0.1, 0.2) * side, side - 1.0)])
        hand.stroke(np.stack([top, (top + foot) / 2, foot]))
        if hand.often(0.5):
            end = foot + np.array([outward * hand.rng.uniform(0.08, 0.25), hand.rng.uniform(0.0, 0.08)]) * side
            hand.stroke(np.stack([foot, (foot + end) / 2 - np.array([0, 4.0]), end]))
