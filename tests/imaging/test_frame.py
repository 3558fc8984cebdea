# SPDX-License-Identifier: Apache-2.0
"""The face frame: exact inverse, resampling in and out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.imaging.errors import FrameError
from limner.imaging.frame import CANVAS, FaceFrame, extract, full_frame, place

frames = st.builds(
    FaceFrame,
    x=st.floats(-4000, 8000),
    y=st.floats(-4000, 8000),
    size=st.floats(16, 16000),
    angle=st.floats(-180, 180),
)
coordinates = st.floats(-8192, 16384)


@given(frames, coordinates, coordinates)
def test_a_point_mapped_to_the_canvas_and_back_stays(frame: FaceFrame, x: float, y: float) -> None:
    back = frame.from_canvas(frame.to_canvas((x, y)))
    assert np.hypot(*(back - (x, y))) < 0.01


@given(frames, st.floats(0, CANVAS), st.floats(0, CANVAS))
def test_a_canvas_point_mapped_out_and_back_stays(frame: FaceFrame, x: float, y: float) -> None:
    back = frame.to_canvas(frame.from_canvas((x, y)))
    assert np.hypot(*(back - (x, y))) < 0.01


def test_corners_and_tilt() -> None:
    upright = FaceFrame(100, 50, 200)
    assert np.allclose(upright.corners(), [(100, 50), (300, 50), (300, 250), (100, 250)])
    tilted = FaceFrame(100, 50, 200, angle=90)  # clockwise: the canvas's top points to the right
    assert np.allclose(tilted.from_canvas((256, 0)), (300, 150))
    assert tilted.center == upright.center == (200, 150)


@pytest.mark.parametrize("values", [(0, 0, 0), (0, 0, -5), (float("nan"), 0, 10), (0, float("inf"), 10)])
def test_a_frame_that_is_no_square_is_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(FrameError) as error:
        FaceFrame(*values)
    assert error.value.remedy


def test_full_frame_cuts_nothing_off() -> None:
    frame = full_frame(300, 700)
    assert (frame.size, frame.center) == (700, (350, 150))


def test_shrinking_averages_and_outside_is_paper() -> None:
    fine = np.indices((1024, 1024)).sum(0) % 2
    canvas = extract(fine.astype(np.float32), FaceFrame(-512, 0, 1024), 128)
    assert np.allclose(canvas[:, :60], 1.0)
    assert np.allclose(canvas[4:-4, 70:-4], 0.5, atol=0.02)


def test_an_aligned_frame_is_taken_pixel_by_pixel() -> None:
    picture = np.random.default_rng(0).random((300, 400)).astype(np.float32)
    assert np.allclose(extract(picture, FaceFrame(40, 30, 64), 64), picture[30:94, 40:104], atol=1e-4)


@pytest.mark.parametrize("frame", [FaceFrame(30, 20, 256), FaceFrame(-40.5, 10.25, 300), FaceFrame(60, 40, 200, 25)])
def test_what_is_placed_is_found_again(frame: FaceFrame) -> None:
    y, x = np.mgrid[:256, :256].astype(np.float32) / 256
    square = np.dstack([x, y, 1 - x, np.ones_like(x)]).astype(np.float32)
    layer = place(square, frame, (320, 360))
    assert layer.shape == (320, 360, 4)
    outside = np.ones((320, 360), bool)
    corners = frame.corners()
    x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
    x1, y1 = np.ceil(corners.max(0)).astype(int) + 1
    outside[y0:y1, x0:x1] = False
    assert not layer[outside].any()
    seen = layer[..., 3] > 0.999
    ys, xs = np.nonzero(seen)
    canvas = frame.to_canvas(np.stack([xs + 0.5, ys + 0.5], 1), 256) / 256
    inner = ((canvas > 0.03) & (canvas < 0.97)).all(1)
    assert inner.sum() > 10_000
    assert np.abs(layer[ys, xs, :2][inner] - (canvas[inner] - 0.5 / 256)).max() < 0.02


def test_the_edge_is_soft_and_keeps_its_color() -> None:
    red = np.zeros((64, 64, 4), np.uint8)
    red[...] = (200, 10, 10, 255)
    layer = place(red, FaceFrame(10.5, 10.5, 40), (64, 64))
    edge = layer[30, 10]
    assert 100 < edge[3] < 155
    assert edge[0] > 190
    assert layer[30, 30].tolist() == [200, 10, 10, 255]
