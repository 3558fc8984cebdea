# SPDX-License-Identifier: Apache-2.0
"""Normalization keeps to one result however the drawing comes, by property and on hard paper."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.imaging import planes
from limner.imaging.errors import SketchError
from limner.imaging.sketch import check_drawing, normalize_sketch
from tests.imaging.drawings import face_lines, on_paper, on_transparency, photo_like, shaded_face

LINES = face_lines(3, 256)
unit = st.floats(0, 1, width=32)
colors = st.tuples(unit, unit, unit)


def luma(color: tuple[float, float, float]) -> float:
    return 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2]


@settings(max_examples=40)
@given(colors, colors)
def test_any_ink_on_any_paper_that_differs_enough(ink: tuple[float, ...], paper: tuple[float, ...]) -> None:
    if abs(luma(ink) - luma(paper)) < 0.35:
        return
    found = normalize_sketch(on_paper(LINES, ink, paper))
    assert np.abs(found - LINES).mean() < 0.02
    assert found[LINES > 0.99].mean() > 0.98
    assert found[LINES < 0.01].mean() < 0.1


def test_hatching_around_solid_blacks_is_ink_on_paper() -> None:
    y, x = np.mgrid[:256, :256]
    drawn = np.where((x + y) % 6 < 2, 0, 1).astype(np.float32)  # light marks between dark strokes
    drawn[40:160, 40:200] = 0
    drawn[160:240, 90:130] = 1
    assert normalize_sketch(drawn)[200, 110] > 0.95
    assert normalize_sketch(drawn)[100, 100] < 0.05


@settings(max_examples=25)
@given(colors)
def test_strokes_on_transparency_are_ink_whatever_their_color(ink: tuple[float, ...]) -> None:
    found = normalize_sketch(on_transparency(LINES, ink))
    assert np.abs(found - LINES).mean() < 0.03
    assert found[LINES < 0.01].mean() < 0.15


def test_white_paint_over_dark_strokes_is_an_eraser() -> None:
    layer = on_transparency(LINES, (0.1, 0.1, 0.1))
    layer[:90] = (1, 1, 1, 1)
    found = normalize_sketch(layer)
    assert found[:80].min() > 0.95
    assert np.abs(found[100:] - LINES[100:]).mean() < 0.02


def test_yellow_ink_is_seen_on_white() -> None:
    found = normalize_sketch(on_paper(LINES, (1.0, 0.9, 0.1), (1.0, 1.0, 1.0)))
    assert found[LINES < 0.01].mean() < 0.15


@pytest.mark.parametrize("picture", [LINES, shaded_face(side=256)])
def test_depth_does_not_matter(picture: np.ndarray) -> None:
    exact = normalize_sketch(picture)
    for kind, top, tolerance in ((np.uint8, 255, 0.02), (np.uint16, 65535, 0.001)):
        found = normalize_sketch((picture * top + 0.5).astype(kind))
        assert np.abs(found - exact).max() < tolerance


def test_gray_and_three_equal_planes_are_the_same() -> None:
    gray = (LINES * 255).astype(np.uint8)
    assert np.array_equal(normalize_sketch(gray), normalize_sketch(np.dstack([gray] * 3)))


def test_faint_pencil_becomes_ink_and_grain_becomes_paper() -> None:
    grain = np.random.default_rng(0).normal(0, 0.008, LINES.shape)
    faint = (0.9 - 0.3 * (1 - LINES) + grain).astype(np.float32)
    found = normalize_sketch(faint)
    assert found[LINES > 0.99].mean() > 0.99
    assert found[LINES < 0.01].mean() < 0.15


@pytest.mark.parametrize("darkest", [0.8, 0.6])
def test_a_drawing_photographed_under_uneven_light_comes_out_flat(darkest: float) -> None:
    y, x = np.mgrid[0:256, 0:256] / 256
    light = 1 - (1 - darkest) * (0.7 * x + 0.3 * y)
    picture = (LINES * light * 0.95).astype(np.float32)
    found = normalize_sketch(picture)
    assert found[LINES > 0.99].mean() > 0.98
    assert np.abs(found - LINES).mean() < 0.02
    check_drawing(picture)


def test_shading_keeps_its_order_of_tones() -> None:
    shaded = shaded_face()
    found = normalize_sketch(shaded)
    blurred = [np.asarray(a).reshape(64, 8, 64, 8).mean((1, 3)).ravel() for a in (shaded, found)]
    assert np.corrcoef(*blurred)[0, 1] > 0.97


def test_strips_and_the_whole_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = (face_lines(3, 600) * 255).astype(np.uint8)
    whole = normalize_sketch(picture)
    monkeypatch.setattr(planes, "_STRIP_PIXELS", 600 * 7)
    assert np.allclose(normalize_sketch(picture), whole, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (900, 2, 3), (5, 5, 2)])
def test_odd_sizes_do_not_fail(shape: tuple[int, ...]) -> None:
    found = normalize_sketch(np.full(shape, 200, np.uint8))
    assert found.shape == shape[:2]
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((4, 4), np.int32),
        np.full((4, 4), np.nan, np.float32),
        np.full((4, 4, 4), np.inf, np.float32),
    ],
)
def test_what_is_no_picture_is_refused(picture: np.ndarray) -> None:
    for function in (normalize_sketch, check_drawing):
        with pytest.raises(SketchError) as caught:
            function(picture)
        assert caught.value.code == "bad_picture"


@pytest.mark.parametrize("width", [1, 3, 6, 12])
@pytest.mark.parametrize("side", [256, 700])
def test_line_drawings_are_accepted(width: int, side: int) -> None:
    check_drawing(face_lines(width, side))
    check_drawing(on_transparency(face_lines(width, side), (1, 1, 1)))


def test_shaded_pencil_is_accepted() -> None:
    check_drawing(shaded_face())


def test_the_first_strokes_are_accepted() -> None:
    sheet = np.full((800, 800), 255, np.uint8)
    sheet[300:303, 350:420] = 30
    check_drawing(sheet)


@pytest.mark.parametrize("seed", range(3))
def test_photos_are_refused_in_color_and_in_gray(seed: int) -> None:
    photo = photo_like(seed)
    for picture in (photo, photo.mean(axis=2).astype(np.uint8), photo[::-1].astype(np.uint16) * 257):
        with pytest.raises(SketchError) as caught:
            check_drawing(picture)
        assert caught.value.code == "not_a_sketch"


def _sheets() -> dict[str, np.ndarray]:
    noise = np.random.default_rng(3)
    dust = np.full((600, 600), 255, np.uint8)
    for y, x in noise.integers(0, 590, (50, 2)):
        dust[y : y + 3, x : x + 3] = 60
    return {
        "white": np.full((200, 300, 3), 255, np.uint8),
        "black": np.zeros((200, 300), np.uint8),
        "gray": np.full((200, 300), 128, np.uint8),
        "transparent": np.zeros((200, 300, 4), np.uint8),
        "one pixel": np.zeros((1, 1), np.uint8),
        "grain": noise.normal(235, 4, (300, 300)).clip(0, 255).astype(np.uint8),
        "shadow": np.tile(np.linspace(160, 250, 400), (300, 1)).astype(np.uint8),
        "dust": dust,
    }


@pytest.mark.parametrize("name", list(_sheets()))
def test_empty_sheets_are_blank(name: str) -> None:
    with pytest.raises(SketchError) as caught:
        check_drawing(_sheets()[name])
    assert caught.value.code == "blank_sketch"


def test_scribbles_all_over_are_too_dense() -> None:
    noise = np.random.default_rng(4)
    sheet = np.full((512, 512), 255, np.uint8)
    for _ in range(900):
        ends = noise.integers(0, 512, (2, 2)).tolist()
        cv2.line(sheet, ends[0], ends[1], int(noise.integers(0, 140)), int(noise.integers(3, 9)), cv2.LINE_AA)
    with pytest.raises(SketchError) as caught:
        check_drawing(sheet)
    assert caught.value.code == "too_dense"
