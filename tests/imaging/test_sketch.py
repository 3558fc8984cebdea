# SPDX-License-Identifier: Apache-2.0
"""Normalization: the same drawing on paper, on transparency, light on dark, at any depth; what is no drawing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from limner.imaging.color import hints_field
from limner.imaging.errors import SketchError
from limner.imaging.frame import FaceFrame, full_frame
from limner.imaging.reading import SketchReading
from limner.imaging.sketch import check_drawing, line_image, normalize_sketch, pen_image, tone_image
from limner.imaging.strokes import normalize_stroke_width, stroke_width


def drawing(width: int = 3, side: int = 400) -> np.ndarray:
    """Ink (side, side) float32 in [0, 1] of a face in a few strokes."""
    paper = np.zeros((side, side), np.uint8)
    unit = side / 512
    for center, axes in (((256, 270), (150, 205)), ((189, 242), (30, 13)), ((322, 242), (30, 13))):
        scaled = [tuple(round(v * unit) for v in pair) for pair in (center, axes)]
        cv2.ellipse(paper, *scaled, 0, 0, 360, 255, width, cv2.LINE_AA)
    for points in ([(250, 250), (236, 335), (276, 338)], [(205, 386), (256, 394), (307, 386)]):
        cv2.polylines(paper, [np.int32(np.array(points) * unit)], False, 255, width, cv2.LINE_AA)
    for x in (189, 322):
        cv2.line(
            paper, (round((x - 34) * unit), round(202 * unit)), (round((x + 34) * unit), round(200 * unit)), 255, width
        )
    return paper.astype(np.float32) / 255


def variants() -> dict[str, np.ndarray]:
    ink = drawing()
    gray = 1 - ink
    rgba = np.zeros((*ink.shape, 4), np.float32)
    rgba[..., 3] = ink
    white = rgba.copy()
    white[..., :3] = 1
    shade = np.linspace(1, 0.75, ink.shape[1], dtype=np.float32)[None]
    return {
        "8 bit": (gray[..., None] * 255).round().astype(np.uint8),
        "16 bit": (gray[..., None] * 65535).round().astype(np.uint16),
        "three channels": np.repeat(gray[..., None], 3, 2),
        "on transparency": rgba,
        "white strokes on transparency": white,
        "light on dark": ink[..., None],
        "uneven gray paper": (gray * shade * 0.9)[..., None],
    }


@pytest.mark.parametrize("name", list(variants()))
def test_the_same_drawing_however_it_comes(name: str) -> None:
    expected = 1 - drawing()
    found = normalize_sketch(variants()[name])
    assert (found.shape, found.dtype) == (expected.shape, np.float32)
    assert 0 <= found.min() <= found.max() <= 1
    assert np.abs(found - expected).mean() < 0.02
    assert (np.abs(found - expected) > 0.35).mean() < 0.002


@pytest.mark.parametrize("name", list(variants()))
def test_a_drawing_is_accepted(name: str) -> None:
    check_drawing(variants()[name])


def shaded(paper: float) -> np.ndarray:
    """(300, 300, 1) uint8: a broad soft shading with a darker spot, on paper of that brightness."""
    x = np.linspace(0, 1, 300, dtype=np.float32)[None].repeat(300, 0)
    tone = 1 - 0.5 * np.exp(-(((x - 0.5) / 0.2) ** 2))
    tone[100:140, 100:140] = 0.2
    return (tone * paper * 255).astype(np.uint8)[..., None]


@pytest.mark.parametrize("paper", [1.0, 0.7])
def test_broad_shading_keeps_its_tones(paper: float) -> None:
    picture = shaded(paper)
    seen = tone_image(picture, SketchReading(picture), full_frame(300, 300), 300)
    assert seen.shape == (300, 300)
    assert np.abs(seen - shaded(1.0)[..., 0] / 255).max() < 0.03


def test_light_strokes_on_dark_are_seen_as_tones_on_paper() -> None:
    picture = 255 - shaded(1.0)
    picture[picture < 60] = 20
    ink = drawing(side=300)[..., None]
    picture = np.maximum(picture // 8, (ink * 255).astype(np.uint8))
    seen = tone_image(picture, SketchReading(picture), full_frame(300, 300), 300)
    assert np.median(seen) > 0.9
    assert seen[ink[..., 0] > 0.9].mean() < 0.2


def test_sparse_lines_get_one_width_and_hatching_stays() -> None:
    thick = 1 - drawing(width=9, side=512)
    assert np.array_equal(pen_image(thick, full_frame(512, 512)), line_image(thick, full_frame(512, 512)))
    y, x = np.mgrid[:512, :512]
    hatched = np.minimum(thick, np.where((x + y) % 11 < 2, 0, 1)).astype(np.float32)
    np.testing.assert_allclose(pen_image(hatched, full_frame(512, 512)), hatched, atol=1e-5)


def code_of(picture: np.ndarray) -> str:
    with pytest.raises(SketchError) as error:
        check_drawing(picture)
    assert error.value.message
    assert error.value.remedy
    return error.value.code


def test_what_is_no_drawing_is_told_apart() -> None:
    assert code_of(np.full((300, 300, 3), 255, np.uint8)) == "blank_sketch"
    assert code_of(np.zeros((300, 300, 4), np.uint8)) == "blank_sketch"
    specks = np.full((300, 300, 1), 255, np.uint8)
    specks[::97, ::89] = 0
    assert code_of(specks) == "blank_sketch"
    y, x = np.mgrid[:256, :256]
    scene = 120 + 60 * np.sin(x / 31) + 40 * np.cos(y / 23)
    scene = scene + cv2.GaussianBlur(np.random.default_rng(0).normal(0, 40, scene.shape), (0, 0), 1.5)
    assert code_of(np.dstack([scene, scene * 0.8, scene * 0.6]).clip(0, 255).astype(np.uint8)) == "not_a_sketch"


@pytest.mark.parametrize("width", [1, 2, 4, 7, 11, 16])
def test_strokes_of_any_width_come_out_alike(width: int) -> None:
    normalized = normalize_stroke_width(1 - drawing(width, 512))
    reference = normalize_stroke_width(1 - drawing(3, 512))
    assert stroke_width(normalized) == pytest.approx(3.0, abs=0.9)
    assert normalized.mean() == pytest.approx(reference.mean(), abs=0.02)


def test_shading_is_left_alone() -> None:
    rng = np.random.default_rng(1)
    shaded = 1 - cv2.GaussianBlur(rng.random((512, 512)).astype(np.float32), (0, 0), 25).clip(0.4, 0.7)
    shaded = ((shaded - shaded.min()) / np.ptp(shaded)).astype(np.float32)
    assert np.abs(normalize_stroke_width(shaded) - shaded).mean() < 0.05


def test_the_line_image_is_the_frame_at_512() -> None:
    gray = np.ones((1000, 1400), np.float32)
    gray[200:800, 500:1100] = 1 - drawing(3, 600)
    lines = line_image(gray, FaceFrame(500, 200, 600))
    reference = line_image(1 - drawing(3, 512), FaceFrame(0, 0, 512))
    assert lines.shape == (512, 512)
    near = cv2.erode(reference, np.ones((7, 7), np.uint8)) < 0.5
    assert (lines[~near] > 0.5).mean() > 0.995


def test_color_hints_are_means_of_what_is_painted() -> None:
    hints = np.zeros((512, 512, 4), np.uint8)
    hints[:, :256] = (255, 0, 127, 255)
    hints[:16, 256:272] = (0, 255, 0, 128)
    field = hints_field(hints, FaceFrame(0, 0, 512))
    assert (field.shape, field.dtype) == ((4, 32, 32), np.float32)
    assert field[:, 16, 4] == pytest.approx([1, -1, 0, 1], abs=0.02)
    assert field[:3, 0, 16] == pytest.approx([-1, 1, -1], abs=0.1)
    assert field[3, 0, 16] == pytest.approx(0.5, abs=0.05)
    assert not field[:, 20, 25].any()
