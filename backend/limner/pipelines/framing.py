# SPDX-License-Identifier: Apache-2.0
"""The face frame of a job: named by the artist, or found in the drawing by the frame finder."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from limner.imaging.frame import FaceFrame, extract, full_frame
from limner.imaging.locate import frame_from_params, ink_box
from limner.imaging.reading import SketchReading
from limner.models.frame_finder import SIDE, FrameFinder, as_seen, similarity

_MARGIN = 0.15  # of the ink's longer side, kept around it where the search begins
_AROUND = 1.2  # of the frame that was found: the square that is searched next
_LOOKS = 3
_LEAST_ANGLE = 3.0  # degrees; a head tilted less is taken as upright, for turning blurs
_NEARLY_FULL = 0.06  # of the picture's side
_ROUGHLY_FULL = 0.2  # the same where the drawing reaches from the top of its square picture to the bottom
_TILTED = 8.0  # degrees beyond which a face does not fill its picture


def choose_frame(frame: Any, drawing: NDArray[np.float32] | SketchReading, finder: FrameFinder) -> FaceFrame:
    """The frame for "auto" (found in the drawing), "full" (all of the picture) or [x, y, size] in its pixels.

    drawing: (H, W) in [0, 1], 1 = paper, or the picture's reading, in which a smaller copy is searched. Raises
    FrameError where a square is far too small or misses the picture."""
    if frame != "auto":
        return frame_from_params(frame, drawing)
    if not isinstance(drawing, SketchReading):
        return find_face(drawing, finder)
    copy = drawing.searched()
    found = find_face(copy.gray, finder)
    if found == full_frame(*copy.gray.shape):
        return full_frame(*drawing.shape)
    return FaceFrame(found.x * copy.ratio, found.y * copy.ratio, found.size * copy.ratio, found.angle)


@torch.inference_mode()
def find_face(gray: NDArray[np.float32], finder: FrameFinder) -> FaceFrame:
    """The face in a drawing; the full frame for a blank picture and for a face that fills its square picture.

    The first look takes in all ink, each later one is around what was found before, and turned with it."""
    height, width = gray.shape
    box = ink_box(gray)
    if box is None:
        return full_frame(height, width)
    square = _around(box)
    for _ in range(_LOOKS):
        frame = _look(gray, square, finder)
        side = frame.size * _AROUND
        (x, y), angle = frame.center, frame.angle
        square = FaceFrame(x - side / 2, y - side / 2, side, angle)
    if _fills(frame, box, height, width):
        return full_frame(height, width)
    return FaceFrame(frame.x, frame.y, frame.size) if abs(frame.angle) < _LEAST_ANGLE else frame


def _around(box: tuple[float, float, float, float]) -> FaceFrame:
    left, top, right, bottom = box
    side = max(right - left, bottom - top) * (1 + 2 * _MARGIN)
    return FaceFrame((left + right - side) / 2, (top + bottom - side) / 2, side)


def _look(gray: NDArray[np.float32], square: FaceFrame, finder: FrameFinder) -> FaceFrame:
    """The face's frame as it is seen in one square."""
    points = (
        finder(as_seen(extract(gray, square, SIDE)).to(finder.device))[0].double().cpu().numpy()
    )  # (3, 2) in [0, 1]
    x, y, side, angle = similarity(square.from_canvas(points, side=1))
    return FaceFrame(x - side / 2, y - side / 2, side, angle)


def _fills(frame: FaceFrame, box: tuple[float, float, float, float], height: int, width: int) -> bool:
    """Whether a face was drawn to fill its square picture, as far as the looks and the ink tell."""
    full = full_frame(height, width)
    far = max(abs(frame.x - full.x), abs(frame.y - full.y), abs(frame.size - full.size)) / full.size
    reaches = box[1] < 0.12 * height and box[3] > 0.9 * height
    square = max(height, width) <= 1.15 * min(height, width)
    return square and abs(frame.angle) < _TILTED and far < (_ROUGHLY_FULL if reaches else _NEARLY_FULL)
