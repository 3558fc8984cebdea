# SPDX-License-Identifier: Apache-2.0
"""Glasses put on: in the photo and in the drawing at the same place, of many makes, and on some of a batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from limner.training import drawn
from limner.training.drawn import DrawnFaces
from limner.training.fitted_glasses import FittedGlasses, fitted_glasses
from limner.training.sketches import SIDE, Slips, draw
from tests.support.faces import face_photo
from tests.training.test_glasses import EYES, landmarks_with_temples

SEEDS = range(12)


def pair(seed: int) -> FittedGlasses:
    return fitted_glasses(landmarks_with_temples(), np.random.default_rng(seed))


def darkened(glasses: FittedGlasses, photo: np.ndarray) -> np.ndarray:
    """How much darker each pixel became, (S, S)."""
    return (photo.astype(float) - glasses.photographed(photo)).mean(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_frames_are_dark_in_the_photo_where_the_hand_draws_them(seed: int) -> None:
    skin = np.full((SIDE, SIDE, 3), (215, 170, 145), np.uint8)
    glasses = pair(seed)
    ink = glasses.drawn(SIDE, np.random.default_rng(seed))
    darker = darkened(glasses, skin)
    frame = darker > 40
    assert 100 < np.count_nonzero(frame) < 6000
    near = np.argwhere(ink > 0.2)
    far = [np.abs(near - at).max(1).min() for at in np.argwhere(frame)[::17]]
    assert max(far) <= 6
    assert ink.dtype == np.float32
    assert ink.max() <= 1
    assert skin.min() == 145  # the photo given is not changed


def test_eyes_are_seen_through_them() -> None:
    photo = face_photo()
    for seed in SEEDS:
        darker = darkened(pair(seed), photo)
        for x, y in EYES:
            assert darker[y - 3 : y + 4, x - 3 : x + 4].max() < 0.16 * 245
        assert darker[:70].max() < 1  # the forehead
        assert darker[190:].max() < 1  # the mouth


def test_large_photos_wear_the_same() -> None:
    photo = np.full((SIDE, SIDE, 3), 180, np.uint8)
    glasses = pair(3)
    large = glasses.photographed(np.full((2 * SIDE, 2 * SIDE, 3), 180, np.uint8)).astype(float)
    small = large.reshape(SIDE, 2, SIDE, 2, 3).mean((1, 3))
    assert np.abs(small - glasses.photographed(photo)).mean() < 1


def test_makes_are_many_and_repeatable() -> None:
    makes = [pair(seed) for seed in SEEDS]
    assert len({(make.thickness, make.color, make.opacity, make.tint) for make in makes}) == len(makes)
    again = pair(0)
    assert all(np.array_equal(a, b) for a, b in zip(makes[0].rims, again.rims, strict=True))
    widths = {round(float(np.ptp(make.rims[0][:, 0])), 4) for make in makes}
    assert len(widths) == len(makes)


def test_a_real_drawing_is_given_what_was_put_on() -> None:
    photo, points, glasses = face_photo(), landmarks_with_temples(), pair(5)
    rims = np.zeros((SIDE, SIDE), bool)
    at = np.round(SIDE * np.concatenate(glasses.rims)).astype(int)
    rims[at[:, 1], at[:, 0]] = True
    real = np.zeros((SIDE, SIDE), np.float32)
    for seed in range(6):
        plain, worn = (
            draw(photo, points, Slips(0, 0), np.random.default_rng(seed), real, glasses=given)
            for given in (None, glasses)
        )
        assert plain.max() == 0
        assert worn[rims].mean() > 0.2


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_some_of_a_varied_batch_wear_them(
    share: float, face_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn, "FITTED", share)
    faces = DrawnFaces(face_data, tmp_path / "cache")
    faces.faces = [replace(face, landmarks=landmarks_with_temples()) for face in faces.faces]
    rows, slips = np.array([0, 1, 2]), [Slips(1, 0)] * 3
    worn = faces.batch(rows, slips, (4, 4), varied=True)
    monkeypatch.setattr(drawn, "FITTED", 0.0)
    bare = faces.batch(rows, slips, (4, 4), varied=True)
    assert worn.photos is not None
    assert bare.photos is not None
    changed = [not np.array_equal(a, b) for a, b in zip(worn.photos, bare.photos, strict=True)]
    assert changed == [share == 1.0] * 3
    as_they_are = faces.batch(rows, slips, (4, 4))
    assert as_they_are.photos is None
