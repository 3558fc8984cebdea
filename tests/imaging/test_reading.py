# SPDX-License-Identifier: Apache-2.0
"""A picture is looked at once, whatever is asked of it, and large ones give what small ones give."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from typing import Any

import cv2
import numpy as np
import pytest

from limner.imaging import reading as reading_module
from limner.imaging.frame import FaceFrame, extract
from limner.imaging.photo_check import photo_measures
from limner.imaging.reading import SketchReading
from limner.imaging.recognize import recognize_style
from limner.imaging.sketch import check_drawing, line_image, normalize_sketch
from tests.imaging.drawings import face_lines, on_paper, on_transparency, photo_like, shaded_face

LARGE = [(3001, 2115), (2048, 2048), (2500, 4100)]


def enlarged(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return cv2.resize(picture, shape[::-1], interpolation=cv2.INTER_LINEAR)


def as_bytes(picture: np.ndarray) -> np.ndarray:
    return (picture * 255 + 0.5).astype(np.uint8)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often pictures are laid out and analyzed."""
    counted: Counter[str] = Counter()

    def count(name: str) -> None:
        inner = getattr(reading_module, name)

        def counting(*args: Any) -> Any:
            counted[name] += 1
            return inner(*args)

        monkeypatch.setattr(reading_module, name, counting)

    count("lay_out")
    count("analyse")
    return counted


@pytest.mark.parametrize("shape", [(512, 512), *LARGE])
def test_a_picture_is_looked_at_once(looks: Counter[str], shape: tuple[int, int]) -> None:
    reading = SketchReading(as_bytes(enlarged(on_transparency(face_lines(3), (0.2, 0.1, 0.1)), shape)))
    check_drawing(reading)
    recognize_style(reading)
    reading.searched()
    line_image(reading, FaceFrame(0, 0, float(min(shape))))
    assert looks == {"lay_out": 1, "analyse": 1}


@pytest.mark.parametrize(
    "picture", [face_lines(3), shaded_face(), on_paper(face_lines(2), (0.5, 0.3, 0.1), (1, 0.95, 0.8))]
)
@pytest.mark.parametrize("frame", [FaceFrame(0, 0, 512), FaceFrame(40, -30, 430, 12), FaceFrame(150, 150, 90)])
def test_a_frame_is_that_of_the_whole_normalized_picture(picture: np.ndarray, frame: FaceFrame) -> None:
    found = SketchReading(picture).framed(frame)
    assert np.abs(found - extract(normalize_sketch(picture), frame)).max() < 0.02


@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("size", [300, 700, 2600])
def test_a_frame_of_a_large_picture_is_as_fine_as_the_picture(shape: tuple[int, int], size: int) -> None:
    picture = np.full(shape, 255, np.uint8)
    face = as_bytes(face_lines(3, size))[: shape[0] - 100, : shape[1] - 60]
    picture[100 : 100 + face.shape[0], 60 : 60 + face.shape[1]] = face
    found = SketchReading(picture).framed(FaceFrame(60, 100, size))
    assert np.abs(found - extract(normalize_sketch(picture), FaceFrame(60, 100, size))).mean() < 0.012


def test_a_frame_beside_the_picture_is_paper() -> None:
    assert (SketchReading(face_lines(3)).framed(FaceFrame(4000, 4000, 200)) == 1).all()


@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("kind", ["paper", "strokes", "color"])
def test_depth_and_size_do_not_matter(shape: tuple[int, int], kind: str) -> None:
    lines = face_lines(4)
    drawing = {
        "paper": np.repeat(lines[..., None], 3, 2),
        "strokes": on_transparency(lines, (0.1, 0.1, 0.1)),
        "color": on_paper(lines, (0.6, 0.2, 0.1), (1.0, 0.97, 0.9)),
    }[kind]
    small, large = SketchReading(drawing), enlarged(drawing, shape)
    expected = cv2.resize(small.small_gray, (128, 128), interpolation=cv2.INTER_AREA)
    for picture in (as_bytes(large), (large * 65535 + 0.5).astype(np.uint16), large):
        picture.flags.writeable = False
        found = SketchReading(picture)
        assert max(found.small_gray.shape) <= 512
        assert np.abs(cv2.resize(found.small_gray, (128, 128), interpolation=cv2.INTER_AREA) - expected).mean() < 0.02
        assert found.searched().gray.shape[0] * found.searched().ratio == pytest.approx(shape[0], abs=4)


def test_a_large_picture_needs_little_memory() -> None:
    picture = as_bytes(enlarged(on_transparency(face_lines(3), (0, 0, 0)), (3000, 4000)))
    tracemalloc.start()
    try:
        reading = SketchReading(picture)
        check_drawing(reading)
        line_image(reading, FaceFrame(500, 0, 3000))
        assert tracemalloc.get_traced_memory()[1] < 0.75 * picture.nbytes
    finally:
        tracemalloc.stop()


def test_the_photo_check_on_a_reading_is_that_on_the_picture() -> None:
    for picture in (photo_like(0, 600), as_bytes(face_lines(3))):
        assert np.array_equal(photo_measures(picture), photo_measures(SketchReading(picture)))
