# SPDX-License-Identifier: Apache-2.0
"""Thinning of lines to a width of one pixel (Zhang and Suen 1984), exactly as `cv2.ximgproc.thinning` does it.

OpenCV visits every pixel of the picture in every pass, which takes as long as all else that a drawing is read with.
Here only ink is visited. A pixel's turn depends on its neighbors alone, so once few pixels go, only those are visited
that lie beside one which one of the two last passes took away.
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
    inside = np.zeros((height, width), np.bool_)
    inside[1:-1, 1:-1] = mask[1:-1, 1:-1] > 0
    inner = inside.ravel()
    around = np.array([-width, -width + 1, 1, width + 1, width, width - 1, -1, -width - 1])  # clockwise from the north
    stamp = np.empty(ink.size, np.int32)
    left = np.flatnonzero(inner)  # holds all inner ink, and some that has gone
    removable, gone, turn = _removable(), [left], 0
    while turn < 2 or any(pixels.size for pixels in gone):
        if turn < 2 or left.size < around.size * sum(pixels.size for pixels in gone):
            near = left = left[inner[left]]
        else:
            near = _distinct(_beside(gone, around, inner), stamp)
        codes = np.zeros(near.size, np.uint8)
        for bit, step in enumerate(around):
            codes |= ink[near + step] << bit
        taken = near[removable[turn % 2][codes]]
        ink[taken] = inner[taken] = 0
        gone, turn = [*gone[-1:], taken], turn + 1
    return (ink * np.uint8(255)).reshape(height, width)


def _beside(gone: list[NDArray[np.intp]], around: NDArray[np.intp], inner: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The ink beside the pixels that were taken away, some of it several times."""
    near = (np.concatenate(gone)[:, None] + around).ravel()
    return near[inner[near]]


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
