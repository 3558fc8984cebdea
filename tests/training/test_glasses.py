# SPDX-License-Identifier: Apache-2.0
"""Glasses in the edges of a photo: told by the bridge, and drawn where they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from limner.training import sketches
from limner.training.drawn import DrawnFaces
from limner.training.glasses import BRIDGE, INNER_CORNERS, TEMPLES, draw_glasses, wears_glasses
from limner.training.hed import EDGES_FILE
from limner.training.sketches import SIDE, Slips, draw
from limner.training.strokes import BROWS
from tests.support.faces import face_photo
from tests.training.test_novice_hand import placed_landmarks

EYES = ((95, 121), (161, 121))  # x, y in pixels


def landmarks_with_temples() -> np.ndarray:
    """Landmarks of a face that looks ahead, (468, 2) in 0..1."""
    points = placed_landmarks()
    for (outer, inner), (x, y) in zip(((33, 133), (263, 362)), EYES, strict=True):
        toward = 1 if x < SIDE / 2 else -1
        points[outer], points[inner] = np.array([x - 15 * toward, y]) / SIDE, np.array([x + 15 * toward, y]) / SIDE
    for side in (0, 1):
        for k in (0, 1):
            along = np.linspace(EYES[side][0] - 18, EYES[side][0] + 18, 5)
            points[list(BROWS[2 * side + k])] = np.stack([along, np.full(5, 98.0 + 4 * k)], 1) / SIDE
    points[BRIDGE] = 0.5, 121 / SIDE
    points[TEMPLES[0]], points[TEMPLES[1]] = (52 / SIDE, 0.47), (204 / SIDE, 0.47)
    return points


def edges(glasses: bool) -> np.ndarray:
    """What HED finds of such a face, with round glasses or without: (256, 256) uint8."""
    found = np.ones((SIDE, SIDE), np.uint8)
    for x, y in EYES:
        cv2.ellipse(found, (x, y), (15, 7), 0, 0, 360, 255, 2)
        if glasses:
            cv2.ellipse(found, (x, y), (27, 22), 0, 0, 360, 255, 2)
    if glasses:
        cv2.line(found, (122, 117), (134, 117), 255, 2)
    return cv2.GaussianBlur(found, (0, 0), 0.7)


def test_an_edge_across_the_bridge_tells() -> None:
    points = landmarks_with_temples()
    assert wears_glasses(edges(glasses=True), points)
    assert not wears_glasses(edges(glasses=False), points)
    assert not wears_glasses(np.ones((SIDE, SIDE), np.uint8), points)
    assert 0 < points[INNER_CORNERS[1]][0] - points[INNER_CORNERS[0]][0] < 0.2


def test_a_face_beside_the_picture_wears_none() -> None:
    assert not wears_glasses(edges(glasses=True), landmarks_with_temples() + 2)


def test_they_are_drawn_where_they_are_and_the_eyes_are_not_drawn_again() -> None:
    points, given = landmarks_with_temples(), edges(glasses=True)
    inks = [draw_glasses(given, points, np.random.default_rng(seed)) for seed in range(30)]
    assert not any(np.array_equal(a, b) for a, b in zip(inks[1:], inks, strict=False))
    mean = np.mean(inks, 0)
    assert mean.dtype == np.float32
    assert mean.max() <= 1
    rims = np.zeros((SIDE, SIDE), np.uint8)
    for x, y in EYES:
        cv2.ellipse(rims, (x, y), (27, 22), 0, 0, 360, 1, 11)
        assert mean[y - 4 : y + 5, x - 4 : x + 5].mean() < 0.1 * mean[rims > 0].mean()
    assert mean[rims > 0].sum() > 0.6 * mean.sum()
    assert mean[108:126, 124:132].sum(0).min() > 0.3  # the bridge
    assert mean[200:].max() == 0


def test_without_a_line_nothing_is_drawn() -> None:
    nothing = np.ones((SIDE, SIDE), np.uint8)
    for seed in range(6):
        assert not draw_glasses(nothing, landmarks_with_temples(), np.random.default_rng(seed)).any()


@pytest.mark.parametrize("hand", ["freehand", "novice"])
def test_hands_that_go_by_the_landmarks_see_them(hand: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketches, "HANDS", (hand,))
    monkeypatch.setattr(sketches, "SHARES", (1.0,))
    monkeypatch.setattr(sketches, "EDGES_SHARE", 0.0)
    points, photo = landmarks_with_temples(), face_photo()

    def under_the_eyes(glasses: bool) -> float:
        drawn = [draw(photo, points, Slips(0, 0), np.random.default_rng(s), edges=edges(glasses)) for s in range(16)]
        return float(np.mean([ink[y + 16 : y + 28, x - 9 : x + 10].mean() for ink in drawn for x, y in EYES]))

    assert under_the_eyes(glasses=True) > 1.7 * under_the_eyes(glasses=False) + 0.02


def test_their_wearers_are_taken_more_often(face_data: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    count = len(DrawnFaces(face_data, cache).faces)
    stored = np.lib.format.open_memmap(cache / EDGES_FILE, mode="w+", dtype=np.uint8, shape=(count, SIDE, SIDE))
    stored[:3] = edges(glasses=False)
    stored[1] = edges(glasses=True)
    stored.flush()
    faces = DrawnFaces(face_data, cache)
    faces.faces = [replace(face, landmarks=landmarks_with_temples()) for face in faces.faces]
    plain, more = faces.weights(3, 3), faces.weights(3, 3, glasses=4)
    taken = (more / plain) / (more / plain).min()
    assert taken == pytest.approx(np.where(faces.train == 1, 4, 1))
