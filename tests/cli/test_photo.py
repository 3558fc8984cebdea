# SPDX-License-Identifier: Apache-2.0
"""`limner sketch`: photos become drawings without the backend."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from limner.cli.photo import Style
from tests.support.command import Command


@pytest.fixture
def limner(limner_home: Path, tmp_path: Path) -> Command:
    return Command(limner_home, tmp_path)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Something with soft shading and edges in color, 320x240."""
    picture = np.full((240, 320, 3), (90, 140, 200), np.uint8)
    cv2.ellipse(picture, (160, 120), (70, 90), 0, 0, 360, (225, 180, 150), -1)
    for x in (130, 190):
        cv2.circle(picture, (x, 100), 10, (40, 30, 20), -1)
    cv2.ellipse(picture, (160, 165), (30, 10), 0, 0, 360, (160, 60, 60), -1)
    path = tmp_path / "photo.jpg"
    Image.fromarray(cv2.GaussianBlur(picture, (0, 0), 2)).save(path, quality=95)
    return path


def drawn(limner: Command, photo: Path, style: str) -> np.ndarray:
    out = photo.with_name(f"{style}.png")
    assert limner.succeeds("sketch", photo, "-o", out, "--style", style) == ""
    with Image.open(out) as picture:
        assert picture.size == (320, 240)
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("style", ["line", "gray", "freehand"])
def test_drawings_without_color_are_mostly_paper(limner: Command, photo: Path, style: str) -> None:
    picture = drawn(limner, photo, style)
    light = picture.min(axis=2)
    assert np.median(light) > 150
    assert light.min() < 120
    assert not limner.json("status")["running"]


def test_only_the_color_style_has_color(limner: Command, photo: Path) -> None:
    spread = {style.value: np.ptp(drawn(limner, photo, style.value).astype(int), axis=2).max() for style in Style}
    assert spread.pop("color") > 20
    assert set(spread.values()) == {0}


def test_the_default_is_the_line_style(limner: Command, photo: Path) -> None:
    line = drawn(limner, photo, "line")
    limner.succeeds("sketch", photo, "-o", photo.with_name("default.png"))
    with Image.open(photo.with_name("default.png")) as picture:
        assert np.array_equal(np.asarray(picture.convert("RGB")), line)


def test_failures_are_one_line(limner: Command, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    for source in (tmp_path / "missing.jpg", tmp_path, tmp_path / "text.jpg"):
        limner.fails("sketch", source, "-o", tmp_path / "out.png")
    limner.fails("sketch", photo, "-o", tmp_path / "nowhere" / "out.png")
    assert limner.run("sketch", photo, "-o", tmp_path / "out.png", "--style", "oil").status == 2
    assert not (tmp_path / "out.png").exists()
