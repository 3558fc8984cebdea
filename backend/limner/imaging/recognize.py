# SPDX-License-Identifier: Apache-2.0
"""Which style of sketch a picture is: lines, gray tones, or color.

Color counts only where it is not that of one ink on one paper: a drawing in sepia on cream is none. Tones are pixels
between ink and paper that have only such pixels around them; the soft edges of lines are too narrow for that.

On 85 photos of the training split (both thresholds were set on them) made into sketches by `limner sketch`, every line,
gray and freehand sketch is recognized, and every color sketch of a photo in color; 28 pencil drawings are all gray. A
photo cannot be told from a sketch in color here, and counts as one.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.paper import analyse
from limner.imaging.planes import Strip
from limner.imaging.reading import SketchReading

SIDE = 256  # pixels, the longer side at which a picture is measured
_MOST_INK_COLOR = 0.02  # spread of the colors that ink and paper do not explain, up to which there is no color
_MOST_TONE = 0.17  # share of what is drawn that may be tone in a line sketch
_INK, _PAPER = 0.12, 0.90  # tones lie between


def recognize_style(picture: NDArray[Any] | SketchReading) -> str:
    """ "line", "gray" or "color". picture: as for ``normalize_sketch``, which tells the errors, or its reading."""
    small = _scaled(SketchReading.of(picture).small)
    if color_spread(small) > _MOST_INK_COLOR:
        return "color"
    return "gray" if tone_share(small) > _MOST_TONE else "line"


def color_spread(small: Strip) -> float:
    """How much the colors spread that one ink on one paper does not explain, 0 to about 0.3.

    Two differences of primaries, each fitted by a constant and the darkness: what the fit leaves is color."""
    if len(small.color) < 3:
        return 0.0
    red, green, blue = small.color
    darkness = 1 - small.luma().ravel()
    terms = np.stack([np.ones_like(darkness), darkness], 1)  # (h * w, 2)
    chroma = np.stack([(red - green).ravel(), ((red + green) / 2 - blue).ravel()], 1)  # (h * w, 2)
    fit = np.linalg.lstsq(terms, chroma, rcond=None)[0]
    return float(np.sqrt(np.mean((chroma - terms @ fit) ** 2)))


def tone_share(small: Strip) -> float:
    """The share of what is drawn (all that is not paper) that is even tone."""
    _, gray = analyse(small)
    between = ((gray > _INK) & (gray < _PAPER)).astype(np.uint8)
    tone = cv2.erode(between, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    drawn = int((gray < _PAPER).sum())
    return float(tone.sum()) / max(drawn, 1)


def _scaled(small: Strip) -> Strip:
    """The picture with a longer side of `SIDE` pixels, if it is larger."""
    height, width = small.color.shape[1:]
    scale = SIDE / max(height, width)
    return small if scale >= 1 else small.shrunk(max(1, round(height * scale)), max(1, round(width * scale)))
