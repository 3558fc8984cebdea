# SPDX-License-Identifier: Apache-2.0
"""Whether a picture is a photo rather than a drawing, however much paper or canvas lies around it.

What is drawn is cut out, its paper flattened, and six measures are weighed by logistic regression. The weights were
fitted on 2860 pictures of the training split of the project's faces, leaning towards taking a photo for a drawing.

On the validation split (77 pencil drawings, 303 line drawings made of photos, 302 photos) it refuses:

    as they are; on a white canvas of twice, of four times the side    0 of 380 drawings   301 of 302 photos (each)
    in uneven light (20 %, 40 %); on cream paper; with noise; light
    on dark; the strokes alone on transparency                         0 of 380 (each)     not measured
    made gray                                                          not measured        291 of 302
    photos cut out on white, softly or sharply                         -                   302 of 302

Of these 14 misses 11 are of the FERET set, which is gray from the start.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.paper import find_paper
from limner.imaging.planes import FloatImage, Strip
from limner.imaging.reading import SketchReading
from limner.imaging.tones import quantiles, tone_counts

_CHECK_SIDE = 384  # the longer side of what is drawn, when it is measured, in pixels
_READ_SIDE = 512  # the longer side at which it is read for that, at most
_NEARLY_ALL = 0.97  # of a side: what is left out shows no other paper
_EVEN = 0.02  # what differs less from the edge's color is even canvas
_LEAST_SIDE = 8  # pixels of the reduced picture; nothing smaller is cut out
_INK = 0.9  # tones below this, relative to the paper, are drawn
_BARE, _MOSTLY = 0.97, 0.8  # tones above this are bare paper; a picture with this share of it is no photo

# Log odds of "photo" per unit of each measure of ``photo_measures``, and their sum where nothing speaks for either.
_WEIGHTS = np.array([42.0, 27.7, 27.7, -5.4, 11.8, -24.2])
_BIAS = -28.0


def is_photo(picture: NDArray[Any] | SketchReading) -> bool:
    """Whether the picture, as for ``normalize_sketch``, or its reading, is a photo or a painting, not a drawing."""
    reading = SketchReading.of(picture)
    return not _is_mostly_paper(reading) and float(photo_measures(reading) @ _WEIGHTS) + _BIAS > 0


def _is_mostly_paper(reading: SketchReading) -> bool:
    """Whether a gray picture is bare paper between a few lines, which no photo is: that is told ten times as fast.

    Of 2672 gray photos (as they are, on a white canvas, cut out on white) none has a share of paper above 0.78;
    drawings in lines have 0.7 to 0.95."""
    if len(reading.small.color) > 1:
        return False
    rows, columns = _box(reading.small_gray < _INK)
    drawn = reading.small_gray[rows, columns]
    return bool(np.count_nonzero(drawn > _BARE) >= _MOSTLY * drawn.size)


def photo_measures(picture: NDArray[Any] | SketchReading) -> NDArray[np.float64]:
    """Six measures that tell photos from drawings, taken on what is drawn: (6,). picture: as for ``is_photo``.

    Paper is one brightness, so in a drawing nearly all bright pixels have it; in a photo bright pixels are of many
    tones (1), mid-tones are smooth where a pencil leaves grain (2, share of the picture), differ in color (3), are of
    little contrast where they are smoothest (4, log of the 10th percentile) and are everywhere (5, share of the
    picture), and the darkest are nearly black (6).
    """
    tone, color = _drawn_part(SketchReading.of(picture))
    darkest = quantiles(tone_counts(tone), [0.005])[0]
    tone = np.clip((tone - np.float32(darkest)) * np.float32(1 / max(1 - darkest, 0.05)), 0, 1)
    histogram = np.convolve(cv2.calcHist([tone], [0], None, [64], [0, 1.0001]).ravel(), (0.25, 0.5, 0.25), "same")
    peak = 32 + int(histogram[32:].argmax())
    paper = (tone > (peak - 1) / 64) & (tone < (peak + 2) / 64)
    tone = np.minimum(1, tone * np.float32(64 / (peak + 0.5)))
    mid = (tone > 0.1) & (tone < 0.9)
    square = np.ones((5, 5), np.uint8)
    contrast = cv2.dilate(tone, square) - cv2.erode(tone, square)
    least_contrast = float(np.quantile(contrast[mid], 0.1)) if mid.any() else 1.0
    soft_bright, smooth = _share((tone > 0.94) & ~paper), _share(mid & (contrast < 0.12))
    chroma, grain = _chroma(color, mid), float(np.log(least_contrast + 0.01))
    return np.array([soft_bright, smooth, chroma, grain, _share(mid), darkest])


def _share(chosen: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(chosen) / chosen.size)


def _chroma(color: FloatImage, mid: NDArray[np.bool_]) -> float:
    """How much the colors of the mid-tones differ, up to 0.25. color: (P, h, w) in [0, 1]; mid: (h, w)."""
    if len(color) < 3 or not mid.any():
        return 0.0
    differences = np.concatenate([(color[0] - color[1])[mid], (color[1] - color[2])[mid]])
    return min(2 * float(differences.std()), 0.25)


def _drawn_part(reading: SketchReading) -> tuple[FloatImage, FloatImage]:
    """The picture without even canvas and without paper around what is drawn, with a longer side of 384 pixels.

    Gray relative to the paper, (h, w), 1 = paper, and the color planes, (P, h, w)."""
    small = reading.small
    rows, columns = (_inside(span) for span in _box(_differs_from_edge(small.color)))
    drawn = small.part(rows, columns)
    flat = find_paper(drawn).flatten(drawn)
    inner = _box(_is_ink(flat))
    if _is_nearly_all(inner, drawn) and max(flat.shape) >= 0.9 * _CHECK_SIDE:
        return _scaled(flat[inner][None])[0], _scaled(drawn.color[:, inner[0], inner[1]])
    part = reading.part(_moved(inner[0], rows.start), _moved(inner[1], columns.start), _READ_SIDE)
    return _scaled(find_paper(part).flatten(part)[None])[0], _scaled(part.color)


def _is_nearly_all(spans: tuple[slice, slice], strip: Strip) -> bool:
    """Whether what lies outside of these rows and columns is too little to change what is paper in the strip."""
    sides = strip.color.shape[1:]
    return all(span.stop - span.start >= _NEARLY_ALL * side for span, side in zip(spans, sides, strict=True))


def _moved(span: slice, by: int) -> slice:
    return slice(span.start + by, span.stop + by)


def _inside(span: slice) -> slice:
    """A span without its outermost pixels, which in a reduced picture are half canvas."""
    return slice(span.start + 1, span.stop - 1) if span.stop - span.start > _LEAST_SIDE else span


def _differs_from_edge(color: FloatImage) -> NDArray[np.bool_]:
    """(h, w): what has not the color that most of the picture's edge has."""
    edge = np.concatenate([color[:, 0], color[:, -1], color[:, :, 0], color[:, :, -1]], axis=1)
    return (np.abs(color - np.median(edge, axis=1)[:, None, None]) > _EVEN).any(axis=0)


def _is_ink(flat: FloatImage) -> NDArray[np.bool_]:
    """(h, w): what is darker than paper, without single pixels."""
    return cv2.morphologyEx((flat < _INK).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) > 0


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns that hold the true pixels; all where there are none, or hardly any."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0 or min(np.ptp(rows), np.ptp(columns)) < _LEAST_SIDE:
        return slice(0, mask.shape[0]), slice(0, mask.shape[1])
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _scaled(planes: FloatImage) -> FloatImage:
    """Planes (P, h, w) with a longer side of 384 pixels."""
    scale = _CHECK_SIDE / max(planes.shape[1:])
    size = max(16, round(planes.shape[2] * scale)), max(16, round(planes.shape[1] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.stack([cv2.resize(np.ascontiguousarray(plane), size, interpolation=way) for plane in planes])
