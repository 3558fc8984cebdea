# SPDX-License-Identifier: Apache-2.0
"""Novices' drawings: few lines, the face's parts about where the photo has them, hair where it is given."""

from __future__ import annotations

import cv2
import numpy as np

from limner.training.novice import novice_drawing
from limner.training.sketches import SIDE
from limner.training.strokes import JAW, LIDS, LIPS
from tests.support.faces import face_landmarks


def placed_landmarks() -> np.ndarray:
    """Landmarks with eyes, a nose and a mouth where a face has them, (468, 2) in 0..1."""
    points = face_landmarks()
    for side, x in enumerate((0.37, 0.63)):
        for k, bend in enumerate((-0.02, 0.02)):
            along = np.linspace(-1, 1, 9)
            points[list(LIDS[2 * side + k])] = np.stack([x + 0.06 * along, 0.47 + bend * (1 - along**2)], 1)
    for lip, bend in zip(LIPS, (-0.03, 0.03, -0.01, 0.01), strict=True):
        along = np.linspace(-1, 1, len(lip))
        points[list(lip)] = np.stack([0.5 + 0.1 * along, 0.75 + bend * (1 - along**2)], 1)
    return points


def drawings(jitter: float, count: int = 24) -> list[np.ndarray]:
    return [novice_drawing(placed_landmarks(), [], SIDE, jitter, np.random.default_rng(s)) for s in range(count)]


def test_few_lines_never_the_same() -> None:
    inks = drawings(4)
    for i, ink in enumerate(inks):
        assert ink.dtype == np.float32
        assert ink.shape == (SIDE, SIDE)
        assert 0.002 < ink.mean() < 0.12
        assert ink.max() <= 1
        assert not any(np.array_equal(ink, other) for other in inks[:i])
        assert 2 <= cv2.connectedComponents((ink > 0.3).astype(np.uint8))[0] - 1 <= 24
    again = novice_drawing(placed_landmarks(), [], SIDE, 4, np.random.default_rng(3))
    assert np.array_equal(inks[3], again)


def test_eyes_mouth_and_chin_are_about_where_the_photo_has_them() -> None:
    ink = np.mean(drawings(1), 0)
    chin = placed_landmarks()[JAW[len(JAW) // 2]] * SIDE
    for x, y in ((0.37 * SIDE, 0.47 * SIDE), (0.63 * SIDE, 0.47 * SIDE), (0.5 * SIDE, 0.75 * SIDE), chin):
        at = round(float(y)), round(float(x))
        window = ink[at[0] - 10 : at[0] + 11, at[1] - 16 : at[1] + 17]
        assert window.mean() > 4 * ink[:40].mean() + 0.02


def test_the_further_it_may_stray_the_further_it_strays() -> None:
    def blur(jitter: float) -> float:
        mean = np.mean(drawings(jitter, 40), 0)[90:150, 60:200]  # the eyes
        return float(mean.std() / mean.mean())

    assert blur(13) < 0.9 * blur(0)


def test_the_photos_lines_become_hair() -> None:
    along = np.linspace(0, np.pi, 60)
    hair = np.stack([128 + 100 * np.cos(along), 90 - 75 * np.sin(along)], 1)
    bald, haired = (
        np.mean([novice_drawing(placed_landmarks(), lines, SIDE, 1, np.random.default_rng(s)) for s in range(8)], 0)
        for lines in ([], [hair])
    )
    assert bald[70:90, 16:40].sum() == 0  # beside the face
    assert haired[70:90, 16:40].sum() > 5
