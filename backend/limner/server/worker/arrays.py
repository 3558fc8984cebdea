# SPDX-License-Identifier: Apache-2.0
"""Pictures of the wire as numpy arrays and back. Not for the server process, which never loads numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...wire.pixels import Pixels

_DTYPES: dict[str, np.dtype[Any]] = {"u8": np.dtype("u1"), "u16": np.dtype("<u2"), "f32": np.dtype("<f4")}


def array_from_pixels(pixels: Pixels) -> NDArray:
    """The picture as a read-only (H, W, C) array of uint8, uint16 or float32 that shares the picture's memory."""
    flat = np.frombuffer(pixels.data, _DTYPES[pixels.dtype])
    array = flat.reshape(pixels.height, pixels.width, pixels.channels)  # (H, W, C)
    array.flags.writeable = False
    return array


def pixels_from_array(array: NDArray) -> Pixels:
    """A (H, W, C) or (H, W) array of uint8, uint16 or float32 as a picture; copies only what is not contiguous.

    Raises:
        TypeError: another dtype or number of dimensions.
        WireError: the sides, channels or values are outside the protocol's limits.
    """
    names = [name for name, dtype in _DTYPES.items() if dtype == array.dtype]
    if not names or array.ndim not in (2, 3):
        raise TypeError(f"a picture must be (H, W, C) uint8, uint16 or float32, not {array.shape} {array.dtype}")
    height, width, channels = array.shape if array.ndim == 3 else (*array.shape, 1)
    contiguous = np.ascontiguousarray(array, _DTYPES[names[0]])
    return Pixels(width, height, channels, names[0], contiguous.data.cast("B"))
