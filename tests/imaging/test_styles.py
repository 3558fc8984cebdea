# SPDX-License-Identifier: Apache-2.0
"""Photo to sketch, on a face drawn by code."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from limner.imaging.freehand import trace_lines
from limner.imaging.styles import STYLES, bare_lines, gray_sketch, ink_sketch, line_sketch, sketch_photo, xdog


def photo(side: int = 256) -> np.ndarray:
    """(side, side, 3) uint8: a light disk with a dark bar on a middle background, shaded from left to right."""
    picture = np.full((side, side, 3), (90, 110, 130), np.uint8)
    cv2.circle(picture, (side // 2, side // 2), side // 3, (220, 180, 160), -1, cv2.LINE_AA)
    cv2.line(picture, (3 * side // 8, side // 2), (5 * side // 8, side // 2), (60, 30, 30), side // 40, cv2.LINE_AA)
    light = np.linspace(1, 0.7, side)[None, :, None]
    return (picture * light).astype(np.uint8)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_draws_on_paper_and_repeats_itself(style: str) -> None:
    drawing = sketch_photo(photo(), style)
    assert drawing.dtype == np.uint8
    assert drawing.shape == ((256, 256, 3) if style == "color" else (256, 256))
    assert np.array_equal(drawing, sketch_photo(photo(), style))
    if style != "color":
        assert drawing.max() > 240
        assert drawing.min() < 100


def test_lines_lie_on_the_edges_of_the_photo() -> None:
    ink = bare_lines(photo()) < 128
    y, x = np.nonzero(ink)
    from_circle = np.abs(np.hypot(x - 128, y - 128) - 256 / 3)
    from_bar = np.maximum(np.abs(y - 128) - 4, np.abs(x - 128) - 36)
    assert (np.minimum(from_circle, from_bar) < 6).mean() > 0.95


def portrait_photo() -> np.ndarray:
    """(256, 256) in [0, 1]: black hair over a bright face with dark eyes, on a bright wall."""
    picture = np.full((256, 256), 0.9, np.float32)
    cv2.circle(picture, (128, 128), 90, 0.08, -1, cv2.LINE_AA)
    cv2.circle(picture, (128, 150), 70, 0.65, -1, cv2.LINE_AA)
    for x in (100, 156):
        cv2.circle(picture, (x, 140), 6, 0.1, -1, cv2.LINE_AA)
    return picture


def test_the_darkest_parts_of_a_line_sketch_are_filled() -> None:
    lines, ink = line_sketch(portrait_photo()), ink_sketch(portrait_photo())
    assert lines[50:60, 120:136].min() > 0.9  # inside the hair
    assert ink[50:60, 120:136].max() < 0.1
    assert (ink <= lines).all()
    assert ink[170:200, 110:146].min() > 0.9  # the face is paper


def test_half_tones_are_hatched_and_darker_ones_cross_hatched() -> None:
    tones = np.repeat(np.float32([0.9, 0.8, 0.5, 0.35]), 64)[None].repeat(256, 0)
    tones[200:240] = 0.1
    drawn = ink_sketch(tones)
    _, bright, half, dark = np.split(drawn[:190], 4, axis=1)
    covers = [float((1 - part[:, 16:-16]).mean()) for part in (bright, half, dark, drawn[210:230])]
    assert covers[0] < 0.01
    assert 0.08 < covers[1] < 0.35
    assert 1.3 * covers[1] < covers[2] < 0.6
    assert covers[3] > 0.99
    assert half[:, 16:-16].std() > 0.2  # strokes, not a tone


def test_a_dark_picture_is_not_filled_all_over() -> None:
    dark = np.full((256, 256), 0.05, np.float32)
    cv2.circle(dark, (128, 128), 60, 0.2, -1, cv2.LINE_AA)
    assert (ink_sketch(dark) < 0.5).mean() < 0.4
    assert 0.3 < ink_sketch(np.zeros((128, 128), np.float32)).mean() < 0.8  # hatched, not black


def test_a_gray_sketch_keeps_what_is_dark_and_leaves_what_is_bright_as_paper() -> None:
    drawn = gray_sketch(portrait_photo())
    hair, face, wall = drawn[50:60, 120:136], drawn[170:200, 110:146], drawn[:20]
    assert hair.mean() < face.mean() - 0.2
    assert face.mean() < 0.95
    assert wall.min() > 0.98
    assert hair.std() > 3 * face.std() > 0  # the grain of the paper shows where the pencil was pressed


def test_the_color_style_keeps_the_colors() -> None:
    drawing = sketch_photo(photo(), "color").astype(int)
    assert np.abs(drawing[110, 128] - photo()[110, 128]).max() < 30


def test_freehand_depends_on_the_seed_and_stays_sparse() -> None:
    one, two = (sketch_photo(photo(512), "freehand", seed) for seed in (0, 1))
    assert not np.array_equal(one, two)
    assert 0.005 < (one < 128).mean() < 0.05


def test_transparency_becomes_paper_and_depth_does_not_matter() -> None:
    rgba = np.dstack([photo(), np.full((256, 256), 255, np.uint8)])
    deep = photo().astype(np.uint16) * 257
    assert np.array_equal(sketch_photo(rgba, "gray"), sketch_photo(photo(), "gray"))
    assert np.abs(sketch_photo(deep, "gray").astype(int) - sketch_photo(photo(), "gray")).max() <= 1
    assert (sketch_photo(np.zeros((64, 64, 4), np.uint8), "line") == 255).all()


def test_an_unknown_style_is_named() -> None:
    with pytest.raises(ValueError, match="charcoal"):
        sketch_photo(photo(), "charcoal")


def test_xdog_draws_the_dark_side_of_an_edge_only() -> None:
    step = np.ones((64, 64), np.float32)
    step[:, :32] = 0.3
    line = xdog(step, sigma=1.0)
    assert line[:, 26:32].min() < 0.2
    assert line[:, 36:].min() > 0.99


def test_traced_lines_follow_the_strokes() -> None:
    paper = np.ones((120, 120), np.float32)
    cv2.line(paper, (20, 30), (100, 30), 0.0, 3)
    cv2.circle(paper, (60, 80), 20, 0.0, 2)
    paper[100, 5] = 0
    lines = [line for line in trace_lines(paper) if len(line) > 4]
    assert len(lines) == 2
    straight = min(lines, key=len)
    assert np.abs(straight[:, 1] - 30).max() <= 1.5
    assert np.ptp(straight[:, 0]) > 70
