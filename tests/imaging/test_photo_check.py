# SPDX-License-Identifier: Apache-2.0
"""Drawings are taken and photos refused, in whatever light they lie and on however large a canvas."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from limner import resources
from limner.imaging.decode import read_picture
from limner.imaging.errors import SketchError
from limner.imaging.photo_check import is_photo, photo_measures
from limner.imaging.planes import checked
from limner.imaging.sketch import check_drawing, normalize_sketch
from tests.imaging.drawings import face_lines, photo_like, shaded_face

Picture = NDArray[np.uint8]


def in_color(gray: NDArray[np.float32]) -> Picture:
    """(H, W) in [0, 1] -> (H, W, 3) uint8."""
    return np.repeat((gray[..., None] * 255 + 0.5).astype(np.uint8), 3, 2)


def lit(amount: float) -> Callable[[Picture], Picture]:
    """Under a light that falls off by ``amount`` towards one corner."""

    def change(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        light = 1 - amount * (0.6 * x / width + 0.4 * y / height)
        return (picture * light[..., None]).astype(np.uint8)

    return change


def laid(times: float, x: float, y: float, alpha: bool = False) -> Callable[[Picture], Picture]:
    """On a white or transparent canvas ``times`` as large; x, y in [0, 1] say where."""

    def change(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        canvas = np.full((round(height * times), round(width * times), 4), 255, np.uint8)
        canvas[..., 3] = 0
        top, left = round(y * (canvas.shape[0] - height)), round(x * (canvas.shape[1] - width))
        canvas[top : top + height, left : left + width, :3] = picture
        canvas[top : top + height, left : left + width, 3] = 255
        return canvas if alpha else canvas[..., :3]

    return change


def noisy(picture: Picture) -> Picture:
    noise = np.random.default_rng(0).normal(0, 4, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8)


def strokes_alone(picture: Picture) -> Picture:
    return np.dstack([np.zeros_like(picture), 255 - picture[..., :1]])


def before_white(picture: Picture) -> Picture:
    """A studio portrait: the backdrop is white."""
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.float32)
    cv2.ellipse(mask, (width // 2, height // 2), (round(0.38 * width), round(0.46 * height)), 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 2)[..., None]
    return (picture * mask + 255 * (1 - mask)).astype(np.uint8)


PLACES: dict[str, Callable[[Picture], Picture]] = {
    "as it is": lambda picture: picture,
    "gray": lambda picture: cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY),
    "20 % uneven light": lit(0.2),
    "40 % uneven light": lit(0.4),
    "canvas of twice the size": laid(2, 0.2, 0.9),
    "canvas of four times the size": laid(4, 0.7, 0.1),
    "noisy canvas": lambda picture: noisy(laid(3, 0.9, 0.6)(picture)),
    "transparent canvas": laid(2, 0.1, 0.3, alpha=True),
}
PAPERS: dict[str, Callable[[Picture], Picture]] = {
    "gray paper": lambda picture: (picture * 0.75).astype(np.uint8),
    "cream paper": lambda picture: (picture * np.array([0.98, 0.93, 0.8])).astype(np.uint8),
    "scanned paper on a canvas": lambda picture: laid(2, 0.5, 0.2)((picture * 0.92).astype(np.uint8)),
    "noise": noisy,
    "light on dark": lambda picture: 255 - picture,
    "strokes on transparency": strokes_alone,
}
EXAMPLES = sorted(path.stem for path in resources.examples_dir().glob("*.png"))


def example(name: str) -> NDArray:
    """An example sketch as it ships, on paper or on transparency."""
    return read_picture(resources.examples_dir() / f"{name}.png")


def drawing(name: str) -> Picture:
    made = {"pen": lambda: face_lines(2), "marker": lambda: face_lines(12), "pencil": lambda: shaded_face(1)}
    return in_color(made[name]() if name in made else normalize_sketch(example(name)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_taken(name: str) -> None:
    check_drawing(example(name))


@pytest.mark.parametrize("name", ["pen", "marker", "pencil", *EXAMPLES])
def test_drawings_are_taken(name: str) -> None:
    picture = drawing(name)
    for place, change in {**PLACES, **PAPERS}.items():
        try:
            check_drawing(change(picture))
        except SketchError as error:
            pytest.fail(f"{place}: {error}")


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("place", [*PLACES, "white backdrop", "white backdrop on a canvas"])
def test_photos_are_refused(seed: int, place: str) -> None:
    backdrops = {
        "white backdrop": before_white,
        "white backdrop on a canvas": lambda picture: laid(2, 0.3, 0.3)(before_white(picture)),
    }
    with pytest.raises(SketchError) as error:
        check_drawing({**PLACES, **backdrops}[place](photo_like(seed, 400)))
    assert error.value.code == "not_a_sketch"


def test_lines_on_bare_paper_are_told_from_photos_without_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(_: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr("limner.imaging.photo_check.photo_measures", measured)
    check_drawing(drawing("pen"))
    for picture in (drawing("pencil"), photo_like(0), in_color(cv2.cvtColor(photo_like(0), cv2.COLOR_RGB2GRAY) / 255)):
        with pytest.raises(AssertionError, match="measured"):
            check_drawing(picture)


def test_the_canvas_around_does_not_count() -> None:
    for picture in (drawing("pencil"), photo_like(2)):
        alone, laid_out = (photo_measures(checked(p)) for p in (picture, laid(3, 0.4, 0.8)(picture)))
        assert laid_out == pytest.approx(alone, abs=0.12)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 700, 3), (700, 1, 4), (2, 3, 2), (40, 9, 1)])
def test_the_smallest_pictures_have_an_answer(shape: tuple[int, int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert np.isfinite(photo_measures(picture)).all()
    assert is_photo(picture) in (True, False)
