# SPDX-License-Identifier: Apache-2.0
"""The drawings that the bench sends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limner.imaging.decode import read_picture
from limner.resources import examples_dir
from limner.wire import Pixels

EXAMPLE = "man-short-hair.png"  # 512x512 gray
FULL = [0.0, 0.0, 512.0]  # its face frame, so that another stroke in one eye cannot move it
_SPOT = (slice(196, 204), slice(160, 168))  # rows and columns between brow and eye, in the left eye's window alone


def example_sketch(folder: Path | None = None) -> NDArray[np.uint8]:
    """The example drawing, (512, 512, C) uint8."""
    return read_picture((folder or examples_dir()) / EXAMPLE)


def with_other_eye(sketch: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same drawing with a dot more, which no other window than the left eye's sees."""
    changed = sketch.copy()
    changed[_SPOT] = 255 - changed[_SPOT]
    return changed


def as_pixels(picture: NDArray[np.uint8]) -> Pixels:
    """(H, W, C) uint8 as it travels."""
    height, width, channels = picture.shape
    return Pixels(width, height, channels, "u8", picture.tobytes())
