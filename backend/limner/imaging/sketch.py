# SPDX-License-Identifier: Apache-2.0
"""From whatever is on the sketch layer to what the networks see, with a word for the artist when it is no drawing.

All decisions (which side is paper, how bright it is where, how dark the ink is) are taken on a reduced copy; the
picture itself is then converted in strips of rows, so that the largest picture needs no more than its own gray copy.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.errors import SketchError
from limner.imaging.frame import CANVAS, PAPER, FaceFrame, extract
from limner.imaging.paper import analyse, is_light_on_dark
from limner.imaging.planes import FloatImage, Strip, checked, reduced, strips, without_color
from limner.imaging.strokes import normalize_stroke_width

_FAINTEST_LINE = 0.03  # ink below this is grain of the paper
_MOST_GAIN = 8.0  # never darken faint lines more than eight times
_LEAST_EXTENT = 0.03  # a mark shorter than this share of the longer side is a speck
_LEAST_PAPER = 0.8  # a picture with more paper is a drawing, whatever it measures; photos reach 0.75
_MOST_COVER = 0.94  # share of ink above which no lines can be told apart
_CHECK_SIDE = 384  # the longer side of what is drawn, when it is measured, in pixels

# Log odds of "photo" per unit of each measure of ``_photo_measures``, fitted by logistic regression.
_PHOTO_WEIGHTS = np.array([45.1, 25.9, -8.4, 20.4, 2.5, -2.1])
_PHOTO_BIAS = -7.4


def normalize_sketch(picture: NDArray[Any]) -> FloatImage:
    """Any picture of a drawing -> (H, W) float32 in [0, 1]: 1 is paper, 0 is ink.

    picture: (H, W) or (H, W, C) with C in 1..4 (gray, gray + alpha, RGB, RGBA), uint8, uint16 or float32 (in [0, 1],
    values outside are clipped), sRGB, straight alpha. Strokes on transparency or on paper, dark on light or light on
    dark. On a mostly transparent layer without dark strokes the opaque pixels are the ink, whatever their color.
    Paper is flattened (divided by a smooth surface fitted to its brightness) and contrast stretched robustly.
    Raises SketchError ``bad_picture`` for another shape or kind of array and for NaN or infinite values.
    """
    picture = without_color(checked(picture))
    recipe = analyse(reduced(picture))
    height, width = picture.shape[:2]
    gray = np.empty((height, width), np.float32)
    for rows, strip in strips(picture):
        gray[rows] = recipe.apply(strip, rows, height)
    return gray


def line_image(gray: FloatImage, frame: FaceFrame) -> FloatImage:
    """What the networks see: the frame of a normalized drawing, with lines of one width.

    gray: (H, W) float32 from ``normalize_sketch``. Returns (512, 512) float32 in [0, 1], 1 = paper. Lines that became
    faint because the frame was shrunk are brought back to full ink first.
    """
    canvas = extract(gray, frame, CANVAS, PAPER)
    ink = 1 - canvas
    drawn = ink[ink > _FAINTEST_LINE]
    if drawn.size:
        gain = min(max(1.0, 0.9 / float(np.percentile(drawn, 95))), _MOST_GAIN)
        canvas = (1 - gain * ink).clip(0, 1).astype(np.float32)
    return normalize_stroke_width(canvas)


def check_drawing(picture: NDArray[Any]) -> None:
    """Raise SketchError when the picture is no drawing to work from; else do nothing.

    picture: the picture as it came, as for ``normalize_sketch`` (its output is accepted too, but with contrast
    stretched and color gone photos are told apart less surely). Codes:
    ``blank_sketch``  nothing but paper and specks;
    ``not_a_sketch``  a photo (see ``_photo_measures``);
    ``too_dense``     ink nearly everywhere.

    Of 190 photos 187 were refused, of 100 real pencil drawings 1 (samples of all sets of the training data).
    """
    small = reduced(checked(picture))
    height = small.color.shape[1]
    gray = analyse(small).apply(small, slice(0, height), height)
    if _is_blank(gray):
        raise SketchError(
            "blank_sketch",
            "There is no drawing: the picture is empty but for specks.",
            "Draw a face on the layer, or choose the layer that holds it.",
        )
    paper = float(np.mean(gray > 0.9))  # of the flattened picture: unevenly lit paper counts as paper
    if paper < _LEAST_PAPER and float(_photo_measures(small) @ _PHOTO_WEIGHTS) + _PHOTO_BIAS > 0:
        raise SketchError(
            "not_a_sketch",
            "This looks like a photo or a painting, not like a drawing in lines or pencil.",
            "Choose the layer with the sketch, or make one of the photo with: limner sketch PHOTO -o OUT.png",
        )
    if float(np.mean(gray < 0.9)) > _MOST_COVER:
        raise SketchError(
            "too_dense",
            "The drawing is too dense: nearly all of it is covered with ink.",
            "Leave the paper white between the lines, or lower the opacity of shading.",
        )


def _is_blank(gray: FloatImage) -> bool:
    """Whether no connected mark of a reduced, normalized drawing is longer than a speck. gray: (h, w) in [0, 1]."""
    marks = (gray < 0.85).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(marks, connectivity=8)
    extents = stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    return extents.size == 0 or int(extents.max()) < max(3.0, _LEAST_EXTENT * max(gray.shape))


def _photo_measures(small: Strip) -> NDArray[np.float64]:
    """Six measures that tell photos from drawings, taken on what is drawn (paper around it cut off).

    Paper is one brightness, so in a drawing nearly all bright pixels have it; in a photo bright pixels are of many
    tones (1), mid-tones are smooth where a pencil leaves grain (2), dark marks are broad (3, share of ink in thin
    marks), mid-tones differ in color (4), the tones are balanced (5, skewness), and little is paper (6).
    """
    tone, color = _content(small)
    histogram = np.histogram(tone, 64, (0, 1))[0]
    smooth_histogram = np.convolve(histogram, (0.25, 0.5, 0.25), "same")
    peak = 32 + int(smooth_histogram[32:].argmax())
    paper = (tone > (peak - 1) / 64) & (tone < (peak + 2) / 64)
    tone = np.minimum(1, tone * 64 / (peak + 0.5))
    square = np.ones((5, 5), np.uint8)
    contrast = cv2.dilate(tone, square) - cv2.erode(tone, square)
    mid = (tone > 0.1) & (tone < 0.9)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
    thin = float(cv2.morphologyEx(tone, cv2.MORPH_BLACKHAT, disk).sum()) / max(float((1 - tone).sum()), 1e-6)
    chroma = 0.0
    if len(color) == 3 and mid.any():
        chroma = min(2 * float(np.concatenate([(color[0] - color[1])[mid], (color[1] - color[2])[mid]]).std()), 0.25)
    centered = tone - tone.mean()
    skewness = float(np.mean(centered**3)) / (float(tone.std()) ** 3 + 1e-6)
    soft_bright, smooth = float(np.mean((tone > 0.94) & ~paper)), float(np.mean(mid & (contrast < 0.12)))
    return np.array([soft_bright, smooth, thin, chroma, min(max(skewness, -3.0), 1.0), float(paper.mean())])


def _content(small: Strip) -> tuple[FloatImage, FloatImage]:
    """The drawn part: tones stretched to [0, 1], dark on light, (h, w), and color (P, h, w), longer side 384."""
    luma, color = small.luma(), small.color
    if is_light_on_dark(luma):
        luma, color = 1 - luma, 1 - color
    low, high = np.percentile(luma, (0.5, 99.5))
    tone = ((luma - low) / max(float(high - low), 0.05)).clip(0, 1).astype(np.float32)
    rows, columns = np.nonzero(cv2.morphologyEx((tone < 0.9).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2))))
    if rows.size > 20:
        box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        tone, color = tone[box], color[:, box[0], box[1]]
    scale = _CHECK_SIDE / max(tone.shape)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR

    def scaled(plane: FloatImage) -> FloatImage:
        return np.asarray(cv2.resize(np.ascontiguousarray(plane), None, fx=scale, fy=scale, interpolation=way))

    return scaled(tone), np.stack([scaled(plane) for plane in color])
