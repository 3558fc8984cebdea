# SPDX-License-Identifier: Apache-2.0
"""Sketch synthesis on a drawn-by-code face: never the same twice, repeatable by seed, in range."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from limner.training.color_hints import TINY_NOISE, random_hints, random_mask, tiny_picture
from limner.training.pairs import registered_ink
from limner.training.sketches import SIDE, Slips, brought_out, clean_lines, draw, erase, warp, without_specks
from limner.training.strokes import JAW, LIPS, OVAL, draw_stroke, landmark_drawing, oval_mask, smooth_path
from tests.support.faces import face_landmarks, face_photo


def test_many_hands_repeatable_and_never_the_same() -> None:
    photo, landmarks = face_photo(), face_landmarks()
    drawings = [draw(photo, landmarks, Slips(2, 0.1), np.random.default_rng(seed)) for seed in range(12)]
    again = draw(photo, landmarks, Slips(2, 0.1), np.random.default_rng(5))
    assert np.array_equal(drawings[5], again)
    for i, drawing in enumerate(drawings):
        assert drawing.shape == (SIDE, SIDE)
        assert drawing.dtype == np.float32
        assert drawing.min() >= 0
        assert drawing.max() <= 1
        assert drawing.mean() > 0.001
        assert not any(np.array_equal(drawing, other) for other in drawings[:i])


def test_clean_lines_are_mostly_paper_and_found_on_soft_photos_too() -> None:
    sharp = clean_lines(face_photo())
    soft = clean_lines(cv2.GaussianBlur(face_photo(), (0, 0), 1.5))
    for ink in (sharp, soft):
        assert 0.005 < ink.mean() < 0.25
    assert ((soft > 0.3) & (cv2.dilate(sharp, np.ones((7, 7))) > 0.3)).sum() > 0.6 * (soft > 0.3).sum()


def test_a_flat_photo_has_no_lines() -> None:
    assert not clean_lines(np.full((SIDE, SIDE, 3), 90, np.uint8)).any()


def test_warp_moves_about_as_far_as_told() -> None:
    ramp = np.tile(np.arange(SIDE, dtype=np.float32), (SIDE, 1))
    moved = [np.abs(warp(ramp, 8, np.random.default_rng(s)) - ramp)[40:-40, 40:-40].max() for s in range(10)]
    assert 1 < np.mean(moved) < 12  # 8 pixels of the 512 frame are 4 here, at one deviation of 2
    assert warp(ramp, 0, np.random.default_rng(0)) is ramp


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_erase_takes_about_its_share(share: float) -> None:
    ink = np.ones((SIDE, SIDE), np.float32)
    kept = [erase(ink, share, np.random.default_rng(seed)).mean() for seed in range(8)]
    assert np.mean(kept) == pytest.approx(1 - share, abs=0.12)


def test_specks_go_and_strokes_stay() -> None:
    ink = np.zeros((SIDE, SIDE), np.float32)
    ink[100, 50:150], ink[30, 30] = 1, 1
    cleaned = without_specks(ink, 10)
    assert cleaned[100, 50:150].all()
    assert cleaned[30, 30] == 0


def test_faint_lines_are_brought_out_as_far_as_is_sensible() -> None:
    ink = np.zeros((SIDE, SIDE), np.float32)
    assert not brought_out(ink).any()
    ink[100, 50:150], ink[120, 50:150] = 0.2, 0.1
    dark = brought_out(ink)
    assert dark[100, 60] == pytest.approx(0.9)
    assert dark[120, 60] == pytest.approx(0.45)
    assert brought_out(0.25 * ink)[100, 60] == pytest.approx(0.4)  # eight times, no more
    assert np.array_equal(brought_out(dark), dark)


def test_landmark_strokes_follow_the_contours() -> None:
    landmarks = face_landmarks()
    ink = np.mean([landmark_drawing(landmarks, SIDE, np.random.default_rng(s)) for s in range(6)], 0)
    chin = landmarks[JAW[len(JAW) // 2]] * SIDE
    x, y = np.round(chin).astype(int)
    assert ink[y - 4 : y + 5, x - 4 : x + 5].max() > 0.4
    assert ink[:12, :12].max() == 0
    assert all(0 <= i < 468 for contour in (JAW, OVAL, *LIPS) for i in contour)


def test_oval_mask_covers_the_face() -> None:
    mask = oval_mask(face_landmarks(), SIDE, 1.0)
    assert mask[140, 128] == pytest.approx(1, abs=0.01)
    assert mask[5, 5] == 0


def test_a_drawing_is_moved_onto_its_photo() -> None:
    gray = np.full((SIDE, SIDE), 250, np.uint8)
    cv2.line(gray, (60, 128), (200, 128), 20, 3)
    landmarks = face_landmarks()
    shifted = landmarks + np.float32([0, 10 / SIDE])  # on the photo the face lies 10 pixels lower
    ink = registered_ink(gray, landmarks, shifted)
    assert ink[138, 128] > 0.8
    assert ink[128, 128] < 0.1


def test_hints_are_often_left_out_and_follow_the_photo() -> None:
    rng = np.random.default_rng(1)
    empty = sum(not random_mask(32, rng).any() for _ in range(200))
    assert 70 < empty < 130
    red = torch.tensor([0.8, -0.5, -0.5])[None, :, None, None].expand(20, 3, 32, 32)
    hints = random_hints(red, rng)
    assert hints.shape == (20, 4, 32, 32)
    assert (hints[:, 0] - hints[:, 1]).min() > 0.5


def test_a_tiny_picture_tells_all_its_colors_and_nothing_finer() -> None:
    rng, down = np.random.default_rng(2), torch.linspace(-0.8, 0.8, 256)[:, None].expand(256, 256)
    stripes = 0.2 * torch.tensor([1.0, -1.0]).repeat(128).expand(256, 256)  # of one pixel
    photo = torch.stack([down, -down, stripes])
    for _ in range(20):
        hint = tiny_picture(photo, rng)
        assert hint.shape == (4, 32, 32)
        assert bool((hint[3] == 1).all())
        away = hint[:3] - torch.nn.functional.avg_pool2d(photo, 8)
        assert float(away.square().mean().sqrt()) < TINY_NOISE


def test_a_stroke_passes_its_points_and_stays_in_range() -> None:
    points = np.array([(10.0, 10.0), (50.0, 30.0), (90.0, 20.0)])
    assert np.abs(smooth_path(points, 21)[10] - points[1]).max() < 1
    canvas = np.zeros((64, 100), np.float32)
    draw_stroke(canvas, points, 3.0, np.random.default_rng(0))
    assert canvas.min() >= 0
    assert 0.6 < canvas.max() <= 1
    assert canvas[25:35, 45:55].max() > 0.5
    assert canvas[55:].max() == 0
