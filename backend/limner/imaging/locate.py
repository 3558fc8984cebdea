# SPDX-License-Identifier: Apache-2.0
"""Where the face is on a drawing, found from its ink.

A drawing that fills its picture is in the canonical frame already, or close to it. Else a pattern of dark marks (brows,
eyes, nose, mouth where the canonical frame has them) is moved over the drawing at many scales; the frame's top must
lie near the top of the ink, where the hair ends.

On held-out pencil drawings, moved and scaled on larger paper, the eyes are found within 0.7 to 0.9 % of the frame's
side (median), 1.4 to 2.0 % (90th percentile). Of XDoG drawings of photos only 80 to 88 % are placed well. Hats, lines
of the background, tilted heads and strokes far from any face mislead it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.errors import FrameError
from limner.imaging.frame import CANVAS, MAX_RATIO, MIN_SIZE, PAPER, FaceFrame, extract, full_frame

FloatImage = NDArray[np.float32]

_WORK_SIDE = 96  # pixels of the drawing's ink box where it is searched
_MARGIN = 0.25  # of paper kept around the ink box
_SCALES = np.geomspace(0.42, 1.3, 18)  # side of the frame over the longer side of the ink box
_FACE = (0.25, 0.33, 0.75, 0.84)  # left, top, right, bottom of the pattern, in the frame
_FACE_CENTER = (0.5, 0.586)  # middle of eyes and mouth, in the frame
# The canonical positions and sizes of the dark marks on 512 x 512: x, y, spread in x and y, darkness.
_MARKS = (
    (189, 242, 26, 10, 1.0),
    (322, 242, 26, 10, 1.0),
    (189, 201, 34, 7, 0.7),
    (322, 201, 34, 7, 0.7),
    (256, 338, 26, 9, 0.6),
    (256, 386, 42, 8, 0.9),
)
_TOP = -0.02  # where the frame's top lies from the top of the ink, in frames
_TOP_SLACK = 0.05
_TOP_COST = 1.0
_SCALE_COST = 0.06  # of the match for each doubling away from the usual scale
_USUAL_SCALE = 0.95
_ENLARGED = 1.07  # the best match is that much too small, for strokes are finer than the pattern's marks


def frame_from_params(frame: str | Sequence[float], gray: FloatImage) -> FaceFrame:
    """The frame that a request names: "auto" (see ``locate_face``), "full" (the whole picture) or [x, y, size].

    gray: (H, W) float32 from ``normalize_sketch``. Numbers are in picture pixels: left and top edge and side of the
    square. Raises FrameError ``bad_parameter`` for anything else, and for a square that does not touch the picture, is
    smaller than 16 pixels or larger than 16 times the picture.
    """
    height, width = gray.shape
    if isinstance(frame, str):
        if frame not in ("auto", "full"):
            raise FrameError("bad_parameter", f"There is no frame called {frame!r}.", "Use auto, full or X,Y,SIZE.")
        return locate_face(gray) if frame == "auto" else full_frame(height, width)
    try:
        x, y, size = (float(value) for value in frame)
    except (TypeError, ValueError) as error:
        raise FrameError(
            "bad_parameter", f"The frame {frame!r} is not three numbers.", "Use auto, full or X,Y,SIZE."
        ) from error
    square = FaceFrame(x, y, size)
    inside = x < width and y < height and x + size > 0 and y + size > 0
    if not inside or not MIN_SIZE <= size <= MAX_RATIO * max(height, width):
        raise FrameError(
            "bad_parameter",
            f"The face frame {x:g},{y:g},{size:g} does not fit a picture of {width}x{height} pixels.",
            "Give X,Y,SIZE so that the square holds the face, or use auto.",
        )
    return square


def locate_face(gray: FloatImage) -> FaceFrame:
    """The canonical face frame of a normalized drawing. gray: (H, W) float32 in [0, 1], 1 = paper.

    The frame is upright (angle 0). A picture without ink gives the full frame.
    """
    box = _ink_box(gray)
    height, width = gray.shape
    if box is None or _fills_picture(box, height, width):
        return full_frame(height, width)
    left, top, right, bottom = box
    side = max(right - left, bottom - top)
    area = FaceFrame(left - _MARGIN * side, top - _MARGIN * side, side * (1 + 2 * _MARGIN))
    pixels = round(_WORK_SIDE * (1 + 2 * _MARGIN))
    marks = _marks(extract(gray, area, pixels, PAPER))
    scale = area.size / pixels  # picture pixels per pixel of the search
    best = max(_best_place(marks, round(_WORK_SIDE * relative)) for relative in _SCALES)
    _, x, y, size = (value * scale for value in best)
    center_x, center_y = area.x + x + _FACE_CENTER[0] * size, area.y + y + _FACE_CENTER[1] * size
    size *= _ENLARGED
    return FaceFrame(center_x - _FACE_CENTER[0] * size, center_y - _FACE_CENTER[1] * size, size)


def _best_place(marks: FloatImage, side: int) -> tuple[float, float, float, float]:
    """Best match of the pattern for a frame of ``side`` pixels: (match, left, top, side) in the search area."""
    pattern = _pattern(side)
    match = cv2.matchTemplate(marks, pattern, cv2.TM_CCOEFF)
    ones = np.ones_like(pattern)
    energy = cv2.matchTemplate(marks * marks, ones, cv2.TM_CCORR)
    strength = np.sqrt(np.maximum(energy, 0.05 * pattern.size) * float(((pattern - pattern.mean()) ** 2).sum()))
    left, top = round(side * _FACE[0]), round(side * _FACE[1])
    ink_top = _MARGIN * _WORK_SIDE
    offset = (np.arange(match.shape[0]) - top - ink_top) / side
    cost = _TOP_COST * np.maximum(0, np.abs(offset - _TOP) - _TOP_SLACK)
    cost += _SCALE_COST * abs(math.log2(side / _WORK_SIDE / _USUAL_SCALE))
    score = match / strength - cost[:, None]
    row, column = np.unravel_index(int(score.argmax()), score.shape)
    return float(score[row, column]), float(column) - left, float(row) - top, float(side)


@lru_cache(maxsize=64)
def _pattern(side: int) -> FloatImage:
    """The dark marks of a face in a frame of ``side`` pixels, cut to the inner face: (h, w) float32."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) + 0.5
    unit = CANVAS / side
    face = np.zeros((side, side), np.float32)
    for mark_x, mark_y, spread_x, spread_y, darkness in _MARKS:
        face += darkness * np.exp(
            -(((x * unit - mark_x) / spread_x) ** 2 + ((y * unit - mark_y) / spread_y) ** 2) / 2
        ).astype(np.float32)
    left, top, right, bottom = (round(side * part) for part in _FACE)
    return np.ascontiguousarray(face[top:bottom, left:right])


def _marks(gray: FloatImage) -> FloatImage:
    """Ink relative to the ink around it, so that shading and hair weigh no more than thin lines: (h, w) float32."""
    ink = 1 - gray
    local = ink - cv2.GaussianBlur(ink, (0, 0), 7)
    spread = np.sqrt(cv2.GaussianBlur(local * local, (0, 0), 7))
    return np.asarray(cv2.GaussianBlur(local / (spread + 0.05), (0, 0), 1.0), np.float32)


def _ink_box(gray: FloatImage) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom of the ink in picture pixels, without specks and the outermost 0.5 %."""
    ratio = max(1.0, max(gray.shape) / 512)
    size = (max(1, round(gray.shape[1] / ratio)), max(1, round(gray.shape[0] / ratio)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    marks = (small < 0.8).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(marks, connectivity=8)
    extent = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    keep = extent >= 0.02 * max(size)
    keep[0] = False
    rows, columns = np.nonzero(keep[labels])
    if rows.size == 0:
        return None
    left, right = np.percentile(columns, (0.5, 99.5))
    top, bottom = np.percentile(rows, (0.5, 99.5))
    to_x, to_y = gray.shape[1] / size[0], gray.shape[0] / size[1]
    return float(left * to_x), float(top * to_y), float((right + 1) * to_x), float((bottom + 1) * to_y)


def _fills_picture(box: tuple[float, float, float, float], height: int, width: int) -> bool:
    """Whether the picture is about square and its ink reaches from near its top to near its bottom."""
    return max(height, width) <= 1.15 * min(height, width) and box[1] < 0.12 * height and box[3] > 0.9 * height
