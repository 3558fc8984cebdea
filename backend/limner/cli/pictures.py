# SPDX-License-Identifier: Apache-2.0
"""Pictures in and out of the command: files to wire pixels, results to PNG files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from limner.cli.failures import Failure

if TYPE_CHECKING:
    from limner.wire import Pixels

ANOTHER = "Choose another place with -o."


def read_pixels(path: Path) -> Pixels:
    """The picture in a file, as it travels to the backend. Raises PictureError or WireError with a remedy."""
    from limner.imaging.decode import read_picture
    from limner.wire import Pixels

    picture = read_picture(path)  # (H, W, C) uint8 or uint16
    height, width, channels = picture.shape
    kinds = {"uint8": "u8", "uint16": "u16"}
    little_endian = picture.astype(picture.dtype.newbyteorder("<"), copy=False)
    return Pixels(width, height, channels, kinds[picture.dtype.name], little_endian.tobytes())


def check_output(path: Path, inputs: Iterable[Path] = ()) -> Path:
    """Make sure, before any work is done, that `path` can be written; returns it with links resolved.

    Raises Failure or PictureError: a folder that is missing or closed, something that is no plain file, a protected
    file, or one of the inputs.
    """
    from limner.imaging.decode import check_writable

    real = Path(os.path.realpath(path))
    check_writable(real)
    if not real.exists():
        return real
    if not real.is_file():
        raise Failure(f"{path} cannot be written: it is no plain file.", ANOTHER)
    if any(given.exists() and os.path.samefile(real, given) for given in inputs):
        raise Failure(f"{path} is the input itself, and your drawing is never overwritten.", ANOTHER)
    if not os.access(real, os.W_OK):
        raise Failure(f"{path} cannot be written: the file is protected.", ANOTHER)
    return real


def write_png(path: Path, pixels: Pixels) -> None:
    """Write 8-bit pixels as a PNG file, whole or not at all. Raises PictureError."""
    import numpy as np

    from limner.imaging.decode import write_picture

    if pixels.dtype != "u8":
        raise ValueError(f"a result of type {pixels.dtype} where 8-bit pixels were promised")
    picture = np.frombuffer(pixels.data, np.uint8).reshape(pixels.height, pixels.width, pixels.channels)
    write_picture(path, picture)
