# SPDX-License-Identifier: Apache-2.0
"""Stroke width: measured before and after, on lines, dots, hatching and shading."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from limner.imaging.frame import FaceFrame
from limner.imaging.sketch import line_image
from limner.imaging.strokes import normalize_stroke_width, shading_share, stroke_width
from tests.imaging.drawings import face_lines, shaded_face


@pytest.mark.parametrize("width", [1, 2, 3, 6, 12, 20])
def test_the_width_of_strokes_is_measured(width: int) -> None:
    assert stroke_width(face_lines(width)) == pytest.approx(width, rel=0.12, abs=0.2)


@pytest.mark.parametrize("width", [1, 2, 3, 6, 12, 20])
def test_every_width_becomes_the_target(width: int) -> None:
    assert stroke_width(normalize_stroke_width(face_lines(width))) == pytest.approx(2.85, abs=0.25)


@pytest.mark.parametrize("target", [2.0, 5.0])
def test_the_target_is_a_choice(target: float) -> None:
    assert stroke_width(normalize_stroke_width(face_lines(4), target)) == pytest.approx(target, rel=0.18)


@pytest.mark.parametrize("width", [1, 4, 10])
def test_the_lines_stay_where_they_are(width: int) -> None:
    lines = normalize_stroke_width(face_lines(width))
    thin = face_lines(1) < 0.5
    near = cv2.dilate(thin.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert ((lines < 0.5) & ~near).sum() < 0.03 * (lines < 0.5).sum()
    found = cv2.dilate((lines < 0.5).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert (thin & found).sum() > 0.95 * thin.sum()


def test_a_second_pass_changes_little() -> None:
    once = normalize_stroke_width(face_lines(6))
    assert np.abs(normalize_stroke_width(once) - once).mean() < 0.01


def test_pupils_stay_solid() -> None:
    eye = np.full((512, 512), 255, np.uint8)
    cv2.ellipse(eye, (256, 256), (120, 60), 0, 0, 360, 0, 3, cv2.LINE_AA)
    cv2.circle(eye, (256, 256), 16, 0, -1, cv2.LINE_AA)
    lines = normalize_stroke_width(eye.astype(np.float32) / 255)
    assert lines[248:265, 248:265].max() < 0.1


def test_paper_stays_between_dense_hatching() -> None:
    hatching = np.ones((512, 512), np.float32)
    hatching[100:400, 100:400:5] = 0
    lines = normalize_stroke_width(hatching)[150:350, 150:350]
    assert lines.max() > 0.6
    assert lines.min() < 0.4


def test_faint_lines_stay_fainter_than_dark_ones() -> None:
    drawing = np.ones((512, 512), np.float32)
    drawing[200:203, 50:450] = 0
    drawing[100:103, 50:450] = 0
    drawing[350:353, 50:450] = 0.7
    lines = normalize_stroke_width(drawing)
    assert lines[201, 250] < 0.1
    assert 0.5 < lines[351, 250] < 0.85


def test_shading_is_told_from_lines_and_keeps_its_tone() -> None:
    shaded = shaded_face()
    assert shading_share(face_lines(3)) < 0.02
    assert shading_share(shaded) > 0.2
    assert np.array_equal(normalize_stroke_width(shaded), shaded)


@pytest.mark.parametrize("gray", [np.ones((512, 512), np.float32), np.ones((40, 30), np.float32)])
def test_a_blank_sheet_stays_blank(gray: np.ndarray) -> None:
    assert np.array_equal(normalize_stroke_width(gray), gray)
    assert stroke_width(gray) == 0


def test_lines_of_one_pixel_on_a_large_canvas_get_their_full_width() -> None:
    canvas = np.ones((3000, 3000), np.float32)
    cv2.circle(canvas, (1500, 1500), 1000, 0.0, 2, cv2.LINE_AA)
    cv2.circle(canvas, (1500, 1500), 600, 0.0, 2, cv2.LINE_AA)
    lines = line_image(canvas, FaceFrame(0, 0, 3000))
    assert lines.min() < 0.15
    assert stroke_width(lines) == pytest.approx(2.85, abs=0.4)
