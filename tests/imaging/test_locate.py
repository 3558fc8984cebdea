# SPDX-License-Identifier: Apache-2.0
"""The frame a request names, and where the ink is."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from limner.imaging.errors import FrameError
from limner.imaging.frame import FaceFrame
from limner.imaging.locate import frame_from_params, ink_box
from tests.imaging.drawings import face_lines

BLANK = np.ones((300, 500), np.float32)


def sheet(x: int, y: int, size: int, shape: tuple[int, int] = (900, 1200)) -> np.ndarray:
    """A white sheet with the face drawn in the frame (x, y, size)."""
    paper = np.ones(shape, np.float32)
    paper[y : y + size, x : x + size] = face_lines(3, size)
    return paper


def test_full_is_the_whole_picture_on_paper() -> None:
    assert frame_from_params("full", BLANK) == FaceFrame(0, -100, 500)


@pytest.mark.parametrize("numbers", [[10, 20, 100], (10.5, -30.0, 200.0), ["1", "2", "64"]])
def test_three_numbers_are_taken_as_they_are(numbers: Any) -> None:
    x, y, size = (float(n) for n in numbers)
    assert frame_from_params(numbers, BLANK) == FaceFrame(x, y, size)


@pytest.mark.parametrize(
    "named",
    [
        "middle",
        [1, 2],
        [1, 2, 3, 4],
        ["a", 2, 100],
        [0, 0, 8],
        [0, 0, 1e9],
        [600, 0, 100],
        [0, -200, 100],
        [float("nan"), 0, 100],
        None,
    ],
)
def test_frames_that_make_no_sense_are_refused(named: Any) -> None:
    with pytest.raises(FrameError) as caught:
        frame_from_params(named, BLANK)
    assert caught.value.code == "bad_parameter"
    assert caught.value.remedy


def test_the_ink_box_holds_the_drawing_and_no_dust() -> None:
    paper = sheet(600, 300, 450)
    left, top, right, bottom = ink_box(paper) or (0, 0, 0, 0)
    ys, xs = np.nonzero(paper < 0.5)
    assert np.abs(np.array([left - xs.min(), top - ys.min(), right - xs.max(), bottom - ys.max()])).max() < 8
    for spot in np.random.default_rng(0).integers(0, 880, (60, 2)):
        cv2.circle(paper, (int(spot[1]), int(spot[0])), 2, 0.0, -1)
    assert np.abs(np.array(ink_box(paper)) - (left, top, right, bottom)).max() < 8
    assert ink_box(BLANK) is None
