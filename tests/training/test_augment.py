# SPDX-License-Identifier: Apache-2.0
"""Looks: mild, repeatable, and the same for a photo, its landmarks and its drawings."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from limner.training import sketches
from limner.training.augment import Look, random_look
from limner.training.drawn import DrawnFaces
from limner.training.sketches import Slips
from tests.support.faces import SIDE, face_photo

TURNED = Look(degrees=5, scale=1.05, shift=(0.05, -0.03))


def spot(at: np.ndarray) -> np.ndarray:
    """A soft spot of ink at `at`, in 0..1: (256, 256) float32."""
    y, x = (np.mgrid[:SIDE, :SIDE].astype(np.float32) + 0.5) / SIDE
    return np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 0.015**2)).astype(np.float32)


def center_of(ink: np.ndarray) -> np.ndarray:
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    return np.array([(x * ink).sum(), (y * ink).sum()]) / ink.sum()


def test_nothing_is_changed_without_a_change() -> None:
    photo, ink = face_photo(), spot(np.array([0.4, 0.4]))
    assert Look().apply_to_photo(photo) is photo
    assert Look().apply_to_ink(ink) is ink
    assert not Look().moves
    assert np.allclose(Look().apply_to_landmarks(np.array([[0.2, 0.9]])), [[0.2, 0.9]])


@pytest.mark.parametrize("place", [(0.3, 0.35), (0.6, 0.7)])
def test_photo_landmarks_and_ink_move_alike(place: tuple[float, float]) -> None:
    point = np.array([place])
    there = TURNED.apply_to_landmarks(point)[0]
    assert np.hypot(*(there - point[0])) > 0.02
    assert np.abs(center_of(TURNED.apply_to_ink(spot(point[0]))) - there).max() < 0.001
    photo = np.repeat((spot(point[0]) * 255).astype(np.uint8)[..., None], 3, 2)
    assert np.abs(center_of(TURNED.apply_to_photo(photo)[..., 0].astype(float)) - there).max() < 0.001


def test_edges_stay_bytes_and_what_comes_in_is_paper() -> None:
    edges = np.full((SIDE, SIDE), 200, np.uint8)
    seen = Look(shift=(0.05, 0.0)).apply_to_ink(edges)
    assert seen.dtype == np.uint8
    assert not seen[:, :10].any()
    assert (seen[:, 20:] == 200).all()


def test_light_changes_as_told() -> None:
    photo = np.full((8, 12, 3), (120, 100, 80), np.uint8)
    assert Look(brightness=0.1).relit(photo)[0, 0].tolist() == pytest.approx([146, 126, 106], abs=1)
    assert Look(contrast=1.1).relit(photo)[0, 0].tolist() == pytest.approx([119, 97, 75], abs=1)
    assert np.ptp(Look(saturation=0.0).relit(photo)) == 0
    assert Look(balance=(1.1, 1.0, 0.9)).relit(photo)[0, 0].tolist() == pytest.approx([132, 100, 72], abs=1)
    white = Look(brightness=0.2).relit(np.full((2, 2, 3), 250, np.uint8))
    assert white.min() == 255


def test_looks_are_mild_many_and_repeatable() -> None:
    looks = [random_look(np.random.default_rng(seed)) for seed in range(200)]
    assert looks[7] == random_look(np.random.default_rng(7))
    assert len(set(looks)) > 150
    assert 0.4 < np.mean([look.moves for look in looks]) < 0.8
    corners = np.array([(0.0, 0.0), (1.0, 1.0), (0.5, 0.5)])
    photo = face_photo().astype(int)
    for look in looks:
        assert abs(look.degrees) <= 5
        assert 0.95 <= look.scale <= 1.05
        assert np.abs(look.apply_to_landmarks(corners) - corners).max() < 0.13
        assert np.abs(look.relit(face_photo()).astype(int) - photo).mean() < 30


@pytest.fixture
def faces(face_data: Path, tmp_path: Path) -> DrawnFaces:
    return DrawnFaces(face_data, tmp_path / "cache")


def test_varied_batches_show_the_photos_that_were_drawn(faces: DrawnFaces) -> None:
    rows, slips = np.array([1, 2, 3, 4, 5, 1]), [Slips(0, 0)] * 6
    batch = faces.batch(rows, slips, (3, 14), varied=True)
    again, later = (faces.batch(rows, slips, (3, step), varied=True) for step in (14, 15))
    assert batch.photos is not None
    assert again.photos is not None
    assert later.photos is not None
    assert batch.photos.shape == (6, SIDE, SIDE, 3)
    assert np.array_equal(batch.photos, again.photos)
    assert (batch.drawing == again.drawing).all()
    assert not np.array_equal(batch.photos, later.photos)
    for row, mirrored, photo in zip(rows, batch.mirrored, batch.photos, strict=True):
        same, other = (faces.photos[row][:, :: -1 if m else 1].astype(int) for m in (mirrored, not mirrored))
        assert np.abs(photo - same).mean() < 30
        assert np.abs(photo - same).mean() < np.abs(photo - other).mean() + 5


def test_drawings_move_with_their_photos(faces: DrawnFaces) -> None:
    slips, look = Slips(0, 0), Look(shift=(0.05, 0.05))
    faces.drawings.clear()
    moved = [faces.drawn(1, slips, np.random.default_rng(s), look=look) for s in range(16)]
    still = [faces.drawn(1, slips, np.random.default_rng(s)) for s in range(16)]
    shift, _ = cv2.phaseCorrelate(*(np.mean(inks, 0).astype(np.float64) for inks in (still, moved)))
    assert shift == pytest.approx((0.05 * SIDE, 0.05 * SIDE), abs=2.5)


def test_real_drawings_move_too(faces: DrawnFaces) -> None:
    look = Look(shift=(0.05, 0.0))
    still, moved = (faces.drawn(0, Slips(0, 0), np.random.default_rng(1), 1.0, seen) for seen in (Look(), look))
    shift, _ = cv2.phaseCorrelate(still.astype(np.float64), moved.astype(np.float64))
    assert shift == pytest.approx((0.05 * SIDE, 0), abs=1)


def test_known_edges_move_too(faces: DrawnFaces, monkeypatch: pytest.MonkeyPatch) -> None:
    edges = (cv2.GaussianBlur(cv2.Canny(face_photo(), 80, 200), (0, 0), 1.5).astype(float) * 3).clip(0, 255)
    monkeypatch.setattr(sketches, "EDGES_SHARE", 1.0)
    monkeypatch.setattr(faces.edges, "get", lambda row: edges.astype(np.uint8))
    looks = (Look(), Look(shift=(0.05, 0.0)))
    still, moved = (faces.drawn(1, Slips(0, 0), np.random.default_rng(4), look=look) for look in looks)
    shift, _ = cv2.phaseCorrelate(still.astype(np.float64), moved.astype(np.float64))
    assert shift == pytest.approx((0.05 * SIDE, 0), abs=1.5)


def test_batches_are_as_ever_where_no_variety_is_asked_for(faces: DrawnFaces) -> None:
    rows = np.array([1, 2])
    batch = faces.batch(rows, [Slips(2, 0.1)] * 2, (1, 2))
    assert batch.photos is None
    rng = np.random.default_rng((1, 2))
    mirrored = rng.random(2) < 0.5
    assert np.array_equal(batch.mirrored, mirrored)
    ink = faces.drawn(1, Slips(2, 0.1), rng)
    assert np.array_equal(batch.drawing[0, 0].numpy(), ink[:, ::-1] if mirrored[0] else ink)
