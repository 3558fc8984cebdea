# SPDX-License-Identifier: Apache-2.0
"""Thinning gives what OpenCV's gives, on any mask."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from limner.imaging.thinning import thinned
from tests.imaging.drawings import face_lines


@pytest.mark.parametrize("seed", range(40))
def test_blots_of_any_size_are_thinned_as_by_opencv(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.random(rng.integers(1, 150, 2)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 0.3 + 4 * rng.random())
    mask = (smooth > np.quantile(smooth, rng.random())).astype(np.uint8) * 255
    assert np.array_equal(thinned(mask), cv2.ximgproc.thinning(mask))


@pytest.mark.parametrize("width", [1, 3, 11])
def test_lines_are_thinned_as_by_opencv(width: int) -> None:
    mask = (face_lines(width) < 0.5).astype(np.uint8) * 255
    skeleton = thinned(mask)
    assert np.array_equal(skeleton, cv2.ximgproc.thinning(mask))
    assert 0 < np.count_nonzero(skeleton) < max(np.count_nonzero(mask), 2) / max(1, width - 1.5)


def test_the_mask_itself_is_left_alone() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[5:30, 5:30] = 255
    mask.flags.writeable = False
    assert thinned(mask).sum() < mask.sum()
