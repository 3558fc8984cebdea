# SPDX-License-Identifier: Apache-2.0
"""From whatever is on the sketch layer to what the networks see, with a word for the artist when it is no drawing."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.color import on_white
from limner.imaging.errors import SketchError
from limner.imaging.frame import CANVAS, PAPER, FaceFrame, extract
from limner.imaging.parts import connected_parts
from limner.imaging.photo_check import is_photo
from limner.imaging.planes import FloatImage, luma_of
from limner.imaging.reading import SketchReading
from limner.imaging.strokes import normalize_stroke_width

_FAINTEST_LINE = 0.03  # ink below this is grain of the paper
_FULL_INK = 0.9  # as dark as lines are brought back to
_MOST_GAIN = 8.0  # never darken faint lines more than eight times
_LEAST_EXTENT = 0.03  # a mark shorter than this share of the longer side is a speck
_DENSE = 0.12  # mean ink of a drawing with hatching
_BRIGHTEST = 0.98  # share of a shaded drawing that is darker than its paper, at most
_MOST_COVER = 0.94  # share of ink above which no lines can be told apart


def normalize_sketch(picture: NDArray[Any] | SketchReading) -> FloatImage:
    """Any picture of a drawing -> (H, W) float32 in [0, 1]: 1 is paper, 0 is ink.

    picture: (H, W) or (H, W, C) with C in 1..4 (gray, gray + alpha, RGB, RGBA), uint8, uint16 or float32 (in [0, 1],
    values outside are clipped), sRGB, straight alpha. Strokes on transparency or on paper, dark on light or light on
    dark. On a mostly transparent layer without dark strokes the opaque pixels are the ink, whatever their color.
    Paper is flattened (divided by a smooth surface fitted to its brightness) and contrast stretched robustly.
    Raises SketchError ``bad_picture`` for another shape or kind of array and for NaN or infinite values.
    """
    return SketchReading.of(picture).whole()


def line_image(drawing: FloatImage | SketchReading, frame: FaceFrame) -> FloatImage:
    """What the networks see: the frame of a normalized drawing, with lines of one width.

    drawing: (H, W) float32 from ``normalize_sketch``, or the picture's reading, which saves large pictures from being
    normalized as a whole. Returns (512, 512) float32 in [0, 1], 1 = paper. Lines that became faint because the frame
    was shrunk are brought back to full ink first.
    """
    return _with_even_lines(_framed(drawing, frame))


def pen_image(drawing: FloatImage | SketchReading, frame: FaceFrame) -> FloatImage:
    """The frame of a normalized line drawing, (512, 512) float32 in [0, 1], 1 = paper: as by ``line_image`` where it is
    sparse; dense drawings stay as they are, for hatching brought to another width would be of another tone."""
    canvas = _framed(drawing, frame)
    return canvas if float(canvas.mean()) < 1 - _DENSE else _with_even_lines(canvas)


def _framed(drawing: FloatImage | SketchReading, frame: FaceFrame) -> FloatImage:
    return drawing.framed(frame) if isinstance(drawing, SketchReading) else extract(drawing, frame, CANVAS, PAPER)


def _with_even_lines(canvas: FloatImage) -> FloatImage:
    """(512, 512), full ink where the lines are faint, and of one width."""
    ink = 1 - canvas
    drawn = ink > _FAINTEST_LINE
    # Where more than the darkest twentieth is full ink, which is quick to see, nothing has to be brought back.
    if 20 * np.count_nonzero(ink > _FULL_INK) <= np.count_nonzero(drawn) + 20 and drawn.any():
        gain = min(max(1.0, _FULL_INK / float(np.percentile(ink[drawn], 95))), _MOST_GAIN)
        canvas = canvas if gain == 1 else (1 - np.float32(gain) * ink).clip(0, 1)
    return normalize_stroke_width(canvas)


def tone_image(picture: NDArray[Any], reading: SketchReading, frame: FaceFrame, side: int) -> FloatImage:
    """The frame of a shaded drawing with its tones as they are, but for the brightest, which becomes paper.

    picture: as for ``normalize_sketch``, and its reading. Returns (side, side) float32 in [0, 1], 1 = paper. The paper
    is not flattened, for broad shading would go with it; light strokes on dark, or strokes that are the opacity of
    their layer, are normalized."""
    if reading.recipe.inverted or reading.recipe.alpha_is_ink:
        return reading.framed(frame, side)
    return brightened(luma_of(np.moveaxis(extract(on_white(picture), frame, side, PAPER), 2, 0)))


def brightened(gray: FloatImage) -> FloatImage:
    """Tones (H, W) in [0, 1] over their brightest, up to twice as bright."""
    brightest = max(float(np.quantile(gray, _BRIGHTEST)), 0.5)
    return np.minimum(gray / np.float32(brightest), 1)


def check_drawing(picture: NDArray[Any] | SketchReading) -> None:
    """Raise SketchError when the picture is no drawing to work from; else do nothing.

    picture: the picture as it came, as for ``normalize_sketch``, or its reading (what ``normalize_sketch`` gives is
    accepted too, but with contrast stretched and color gone photos are told apart less surely). Codes:
    ``blank_sketch``  nothing but paper and specks;
    ``not_a_sketch``  a photo (see ``photo_check``);
    ``too_dense``     ink nearly everywhere.
    """
    reading = SketchReading.of(picture)
    gray = reading.small_gray
    if _is_blank(gray):
        raise SketchError(
            "blank_sketch",
            "There is no drawing: the picture is empty but for specks.",
            "Draw a face on the layer, or choose the layer that holds it.",
        )
    if is_photo(reading):
        raise SketchError(
            "not_a_sketch",
            "This looks like a photo or a painting, not like a drawing in lines or pencil.",
            "Choose the layer with the sketch, or make one of the photo with: limner sketch PHOTO -o OUT.png",
        )
    if np.count_nonzero(gray < 0.9) / gray.size > _MOST_COVER:
        raise SketchError(
            "too_dense",
            "The drawing is too dense: nearly all of it is covered with ink.",
            "Leave the paper white between the lines, or lower the opacity of shading.",
        )


def _is_blank(gray: FloatImage) -> bool:
    """Whether no connected mark of a reduced, normalized drawing is longer than a speck. gray: (h, w) in [0, 1]."""
    marks = (gray < 0.85).view(np.uint8)
    least, third = max(3.0, _LEAST_EXTENT * max(gray.shape)), len(gray) // 3
    return _longest(marks[third : 2 * third + 1]) < least and _longest(marks) < least  # mostly the middle suffices


def _longest(marks: NDArray[np.uint8]) -> int:
    """The most rows or columns that a connected mark takes up."""
    _, _, stats, _ = connected_parts(marks)
    return int(stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(initial=0))
