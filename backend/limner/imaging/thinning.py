# SPDX-License-Identifier: Apache-2.0
"""Thinning of lines to a width of one pixel (Zhang and Suen 1984), exactly as `cv2.ximgproc.thinning` does it.

OpenCV visits every pixel of the picture in every pass, which takes a quarter of the time that a drawing is read in. A
pixel's turn depends on its neighbors alone, so from the second pass on only those are visited that lie beside a pixel
which one of the two last passes took away.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]


def thinned(mask: Mask) -> Mask:
    """The skeleton of what is not 0 in (H, W) uint8: the same shape, 0 or 255. The outermost pixels are kept."""
    height, width = mask.shape
    ink = (mask > 0).view(np.uint8).ravel()
    inside = np.zeros((height, width), np.uint8)
    inside[1:-1, 1:-1] = mask[1:-1, 1:-1] > 0
    inner = inside.ravel()
    around = np.array([-width, -width + 1, 1, width + 1, width, width - 1, -1, -width - 1])  # clockwise from the north
    stamp = np.empty(ink.size, np.int32)
    removable, gone, turn = _removable(), [np.flatnonzero(inner)], 0
    while turn < 2 or any(pixels.size for pixels in gone):
        near = np.flatnonzero(inner) if turn < 2 else _distinct(_beside(gone, around, inner), stamp)
        codes = np.zeros(near.size, np.uint8)
        for bit, step in enumerate(around):
            codes |= ink[near + step] << bit
        taken = near[removable[turn % 2][codes]]
        ink[taken] = inner[taken] = 0
        gone, turn = [*gone[-1:], taken], turn + 1
    return (ink * np.uint8(255)).reshape(height, width)


def _beside(gone: list[NDArray[np.intp]], around: NDArray[np.intp], inner: Mask) -> NDArray[np.intp]:
    """The ink beside the pixels that were taken away, some of it several times."""
    near = (np.concatenate(gone)[:, None] + around).ravel()
    return near[inner[near] > 0]


def _distinct(places: NDArray[np.intp], stamp: NDArray[np.int32]) -> NDArray[np.intp]:
    """Each place once; `stamp` is scratch space with a number for every place."""
    order = np.arange(places.size, dtype=np.int32)
    stamp[places] = order
    return places[stamp[places] == order]


@lru_cache(maxsize=1)
def _removable() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether a pixel goes, by its eight neighbors as bits clockwise from the north: (256,) for odd and even passes."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1  # (256, 8)
    count, rises = bits.sum(1), ((bits == 0) & (np.roll(bits, -1, 1) == 1)).sum(1)
    north, east, south, west = bits[:, 0], bits[:, 2], bits[:, 4], bits[:, 6]
    edge = (count >= 2) & (count <= 6) & (rises == 1)
    first = edge & (north * east * south == 0) & (east * south * west == 0)
    return first, edge & (north * east * west == 0) & (north * south * west == 0)
