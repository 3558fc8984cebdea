# SPDX-License-Identifier: Apache-2.0
"""The face frame that a request names, and where the ink of a drawing is."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.errors import FrameError
from limner.imaging.frame import MAX_RATIO, MIN_SIZE, FaceFrame, full_frame
from limner.imaging.parts import connected_parts
from limner.imaging.reading import SketchReading

FloatImage = NDArray[np.float32]


def frame_from_params(frame: str | Sequence[float], drawing: FloatImage | SketchReading) -> FaceFrame:
    """The frame that a request names: "full" (the whole picture) or [x, y, size].

    drawing: (H, W) float32 from ``normalize_sketch``, or the picture's reading. "auto" is the frame finder's
    (``pipelines.framing``). Numbers are in picture pixels: left and top edge and side of the square. Raises FrameError
    ``bad_parameter`` for anything else, and for a square that does not touch the picture, is smaller than 16 pixels or
    larger than 16 times the picture.
    """
    height, width = drawing.shape
    if isinstance(frame, str):
        if frame != "full":
            raise FrameError("bad_parameter", f"There is no frame called {frame!r}.", "Use auto, full or X,Y,SIZE.")
        return full_frame(height, width)
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


def ink_box(gray: FloatImage) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom of the ink in picture pixels, without specks and the outermost 0.5 %."""
    ratio = max(1.0, max(gray.shape) / 512)
    size = (max(1, round(gray.shape[1] / ratio)), max(1, round(gray.shape[0] / ratio)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    marks = (small < 0.8).astype(np.uint8)
    _, labels, stats, _ = connected_parts(marks)
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
