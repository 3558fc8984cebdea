# SPDX-License-Identifier: Apache-2.0
"""What is sent, and where what comes back belongs: the plugin's arithmetic against the backend's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from limner_krita.model.geometry import (
    AUTO,
    FULL,
    SELECTION,
    Rect,
    Square,
    choose_region,
    plan_sending,
    square_around,
)

from limner.imaging.frame import FaceFrame

places, sides = st.integers(-5000, 5000), st.integers(1, 9000)
rects = st.builds(Rect, places, places, sides, sides)
canvases = st.builds(Rect, st.just(0), st.just(0), sides, sides)
floats = st.floats(-4000, 4000)


@given(rects, floats, floats, st.floats(1, 9000))
def test_a_frame_comes_back_to_where_it_was(region: Rect, x: float, y: float, size: float) -> None:
    sending = plan_sending(region)
    px, py, psize = sending.to_picture(Square(x, y, size))
    back = sending.to_document({"x": px, "y": py, "size": psize, "angle": 3.0})
    assert (back.x, back.y, back.size, back.angle) == pytest.approx((x, y, size, 3.0), abs=1e-6)


@given(rects)
def test_what_is_sent_fits_the_wire_and_keeps_its_shape(region: Rect) -> None:
    sending = plan_sending(region)
    assert 1 <= min(sending.width, sending.height) <= max(sending.width, sending.height) <= 2048
    assert sending.scale <= 1
    assert sending.height == pytest.approx(region.height * min(1, 2048 / max(region.width, region.height)), abs=1)


def test_a_small_region_is_sent_as_it_is() -> None:
    sending = plan_sending(Rect(-3, 7, 640, 480))
    assert (sending.width, sending.height, sending.scale) == (640, 480, 1)


@given(canvases, rects)
def test_strokes_beyond_the_canvas_count_in_automatic_frames_only(canvas: Rect, content: Rect) -> None:
    assert choose_region(canvas, content, FULL) == canvas == choose_region(canvas, content, SELECTION)
    region = choose_region(canvas, content, AUTO)
    assert region.united(canvas) == region
    near = canvas.grown(canvas.width, canvas.height)
    assert region.united(content.intersected(near)) == region
    assert near.united(region) == near


@given(st.floats(-900, 900), st.floats(-900, 900), st.floats(1, 900), st.floats(-45, 45))
def test_the_bounds_of_a_turned_square_are_those_of_the_backends_frame(
    x: float, y: float, size: float, angle: float
) -> None:
    corners = FaceFrame(x, y, size, angle).corners()
    bounds = Square(x, y, size, angle).bounds()
    low, high = corners.min(0), corners.max(0)
    assert np.allclose((bounds.x, bounds.y), np.floor(low), atol=1.001)
    assert (bounds.x, bounds.y) <= (low[0] + 1e-5, low[1] + 1e-5 if bounds.x == low[0] else bounds.y)
    assert bounds.right >= high[0] - 1e-5
    assert bounds.bottom >= high[1] - 1e-5


def test_a_straight_square_on_whole_pixels_has_exact_bounds() -> None:
    assert Square(-10, 20, 512).bounds() == Rect(-10, 20, 512, 512)


@given(rects)
def test_the_square_around_a_selection_has_it_in_its_middle(rect: Rect) -> None:
    square = square_around(rect)
    assert square.size == max(rect.width, rect.height)
    assert square.x + square.size / 2 == pytest.approx(rect.x + rect.width / 2)
    assert square.y + square.size / 2 == pytest.approx(rect.y + rect.height / 2)


@given(rects, rects)
def test_union_and_intersection(one: Rect, other: Rect) -> None:
    assert one.united(other) == other.united(one)
    common = one.intersected(other)
    assert common.empty or (common.united(one) == one and common.united(other) == other)
    assert one.united(Rect(0, 0, 0, 0)) == one == Rect(0, 0, 0, 0).united(one)
