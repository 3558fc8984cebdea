# SPDX-License-Identifier: Apache-2.0
"""The face frame: exact inverse, area-correct cutting out, placing back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.imaging.errors import FrameError
from limner.imaging.frame import CANVAS, FaceFrame, extract, full_frame, place

coordinates = st.floats(-8192, 16384, allow_nan=False)
frames = st.builds(
    FaceFrame, x=coordinates, y=coordinates, size=st.floats(16, 16384), angle=st.floats(-360, 360, allow_nan=False)
)


@given(frames, coordinates, coordinates)
def test_a_point_to_the_canvas_and_back_stays(frame: FaceFrame, x: float, y: float) -> None:
    back = frame.from_canvas(frame.to_canvas((x, y)))
    assert np.hypot(*(back - (x, y))) < 0.01


@given(frames, st.floats(-1000, 1500), st.floats(-1000, 1500), st.sampled_from([32, 256, 512]))
def test_a_canvas_point_to_the_picture_and_back_stays(frame: FaceFrame, u: float, v: float, side: int) -> None:
    back = frame.to_canvas(frame.from_canvas((u, v), side), side)
    assert np.hypot(*(back - (u, v))) < 0.01


@given(frames)
def test_the_matrices_are_inverse(frame: FaceFrame) -> None:
    product = frame.to_canvas_matrix() @ frame.from_canvas_matrix()
    assert np.allclose(product, np.eye(3), atol=1e-6)


@given(frames)
def test_corners_are_a_square_around_the_center(frame: FaceFrame) -> None:
    corners = frame.corners()
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    assert np.allclose(sides, frame.size)
    assert np.allclose(corners.mean(axis=0), frame.center, atol=1e-6)


def test_upright_corners_and_points() -> None:
    frame = FaceFrame(100, 50, 1024)
    assert np.allclose(frame.corners(), [(100, 50), (1124, 50), (1124, 1074), (100, 1074)])
    assert np.allclose(frame.to_canvas([(100, 50), (612, 562)]), [(0, 0), (256, 256)])


def test_a_head_tilted_clockwise_comes_out_upright() -> None:
    # The top of a head tilted clockwise by 90 degrees points to the right of the picture.
    frame = FaceFrame(0, 0, 512, angle=90)
    assert np.allclose(frame.to_canvas((512, 256)), (256, 0))


@pytest.mark.parametrize("values", [(0, 0, 0), (0, 0, -5), (float("nan"), 0, 10), (0, float("inf"), 10)])
def test_impossible_frames_are_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(FrameError) as caught:
        FaceFrame(*values)
    assert caught.value.code == "bad_parameter"


@given(st.integers(1, 9000), st.integers(1, 9000))
def test_the_full_frame_holds_the_whole_picture(height: int, width: int) -> None:
    frame = full_frame(height, width)
    corners = frame.to_canvas([(0, 0), (width, height)])
    assert corners.min() > -1e-9
    assert corners.max() < CANVAS + 1e-9
    assert frame.size == max(height, width)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_a_frame_of_the_same_size_copies_the_pixels(dtype: type, channels: int | None) -> None:
    noise = np.random.default_rng(1)
    shape = (700, 600) if channels is None else (700, 600, channels)
    top = 1 if dtype is np.float32 else np.iinfo(dtype).max
    image = (noise.random(shape) * top).astype(dtype)
    cut = extract(image, FaceFrame(30, 60, 512))
    assert cut.dtype == dtype
    assert np.array_equal(cut, image[60:572, 30:542])


@pytest.mark.parametrize("factor", [2, 3, 8, 11])
def test_shrinking_averages_areas(factor: int) -> None:
    image = np.random.default_rng(2).random((64 * factor, 64 * factor)).astype(np.float32)
    mean = image.reshape(64, factor, 64, factor).mean((1, 3))
    cut = extract(image, FaceFrame(0, 0, 64 * factor), 64)
    # Above eight samples an axis the picture is first shrunk by whole pixels, so single cells may be off.
    assert np.abs(cut - mean).mean() < (1e-5 if factor <= 8 else 0.02)


def test_thin_lines_of_a_large_picture_do_not_vanish() -> None:
    image = np.ones((4000, 4000), np.float32)
    image[:, 1003::97] = 0
    cut = extract(image, FaceFrame(0, 0, 4000))
    assert abs(float(1 - cut.mean()) - float(1 - image.mean())) < 1e-3
    assert (1 - cut).max() < 0.2  # one pixel of almost eight


def test_outside_the_picture_is_fill() -> None:
    cut = extract(np.zeros((100, 100), np.float32), FaceFrame(-100, -100, 300), 300, fill=1.0)
    assert np.array_equal(cut[100:200, 100:200], np.zeros((100, 100)))
    cut[100:200, 100:200] = 1
    assert cut.min() == 1


@settings(max_examples=25)
@given(st.floats(-300, 300), st.floats(-300, 300), st.floats(200, 900), st.floats(-40, 40))
def test_what_is_drawn_at_a_point_lands_where_the_frame_says(x: float, y: float, size: float, angle: float) -> None:
    frame = FaceFrame(x, y, size, angle)
    spot = frame.from_canvas((300.0, 200.0))
    ys, xs = np.mgrid[0:900, 0:900] + 0.5
    if not (40 < spot[0] < 860 and 40 < spot[1] < 860):
        return
    image = np.exp(-((xs - spot[0]) ** 2 + (ys - spot[1]) ** 2) / 2 / 12**2).astype(np.float32)
    cut = extract(image, frame, fill=0.0)
    v, u = np.mgrid[0:CANVAS, 0:CANVAS] + 0.5
    found = np.array([(cut * u).sum(), (cut * v).sum()]) / cut.sum()
    assert np.hypot(*(found - (300, 200))) < 0.25


@pytest.mark.parametrize(("size", "angle"), [(300.5, 0.0), (512.0, 0.0), (900.25, 0.0), (640.0, 17.0), (150.0, -30.0)])
def test_placing_back_is_the_inverse_of_cutting_out(size: float, angle: float) -> None:
    noise = np.random.default_rng(3).random((1200, 1150, 3)).astype(np.float32)
    picture = cv2.GaussianBlur(noise, (0, 0), 12)
    picture = (picture - picture.min()) / (picture.max() - picture.min())
    frame = FaceFrame(210.3, 190.8, size, angle)
    layer = place(extract(picture, frame), frame, (1200, 1150))
    inside = layer[..., 3] > 0.999
    assert inside.sum() > 0.97 * size * size
    assert np.abs(layer[inside][:, :3] - picture[inside]).max() < 0.02


def test_the_layer_covers_the_frame_and_nothing_else() -> None:
    frame = FaceFrame(-50.5, 20.25, 300.5)
    layer = place(np.full((512, 512, 3), 200, np.uint8), frame, (400, 400))
    assert layer.shape == (400, 400, 4)
    assert layer.dtype == np.uint8
    area = 250.0 * 300.5  # 50.5 columns lie outside the picture
    assert abs(layer[..., 3].sum() / 255 - area) < 5
    assert np.all(layer[layer[..., 3] > 0][:, :3] == 200)  # no dark fringe where alpha is low
    assert not layer[:, 251:].any()


def test_alpha_of_the_portrait_is_kept_without_fringes() -> None:
    portrait = np.zeros((512, 512, 4), np.uint8)
    portrait[100:400, 100:400] = (250, 120, 30, 255)
    layer = place(portrait, FaceFrame(3.7, 9.2, 233.3), (256, 256))
    seen = layer[..., 3] > 8
    assert np.abs(layer[seen][:, :3].astype(int) - (250, 120, 30)).max() <= 2
    assert 0.98 < layer[..., 3].sum() / 255 / (300 * 233.3 / 512) ** 2 < 1.02


def test_a_frame_beside_the_picture_gives_an_empty_layer() -> None:
    assert not place(np.full((64, 64), 255, np.uint8), FaceFrame(500, 0, 100), (200, 300)).any()


def test_placing_needs_a_square_picture() -> None:
    with pytest.raises(ValueError, match="square"):
        place(np.zeros((10, 20, 3), np.uint8), FaceFrame(0, 0, 10), (20, 20))
