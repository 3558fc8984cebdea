# SPDX-License-Identifier: Apache-2.0
"""Which style of sketch a picture is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from limner.imaging.errors import SketchError
from limner.imaging.recognize import recognize_style
from limner.imaging.styles import sketch_photo
from tests.support.faces import face_photo

STYLES = ("line", "gray", "color")


def sketch(style: str) -> np.ndarray:
    """A sketch of the crude face, (256, 256, 3) uint8."""
    made = sketch_photo(face_photo(), style)
    return np.repeat(made[..., None], 3, 2) if made.ndim == 2 else made


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [(256, 256), (1100, 900), (150, 150)])
def test_the_sketch_makers_styles_are_recognized_at_any_size(style: str, size: tuple[int, int]) -> None:
    assert recognize_style(cv2.resize(sketch(style), size, interpolation=cv2.INTER_AREA)) == style


def test_freehand_lines_are_lines() -> None:
    assert recognize_style(sketch_photo(face_photo(), "freehand")[..., None]) == "line"


@pytest.mark.parametrize("style", ["line", "gray"])
def test_one_colored_ink_on_tinted_paper_is_no_color(style: str) -> None:
    ink = 1 - sketch(style)[..., :1].astype(np.float32) / 255
    paper, sepia = np.float32([250, 240, 215]), np.float32([90, 50, 20])
    assert recognize_style((paper + ink * (sepia - paper)).astype(np.uint8)) == style


def test_a_colored_patch_makes_it_a_color_sketch() -> None:
    drawn = sketch("line")
    drawn[180:210, 95:165] = (230, 120, 120)
    drawn[60:80, 60:200] = (120, 140, 230)
    assert recognize_style(drawn) == "color"


def test_strokes_on_transparency_are_lines() -> None:
    layer = np.zeros((256, 256, 4), np.uint8)
    layer[..., 3] = 255 - sketch("line")[..., 0]
    assert recognize_style(layer) == "line"


def test_no_picture_is_refused() -> None:
    with pytest.raises(SketchError):
        recognize_style(np.full((8, 8, 3), np.nan, np.float32))
