# SPDX-License-Identifier: Apache-2.0
"""Pictures in and out of the command: files to wire pixels, results to PNG files."""

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from limner.cli.failures import Failure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from limner.wire.pixels import Pixels

_ANOTHER = "Choose another place with -o."


def read_pixels(path: Path) -> Pixels:
    """The picture in a file, as it travels to the backend. Raises PictureError or WireError with a remedy."""
    from limner.imaging.decode import read_picture
    from limner.wire.pixels import Pixels

    picture = read_picture(path)
    if picture.ndim == 2:
        picture = picture[..., None]
    height, width, channels = picture.shape
    kinds = {"uint8": "u8", "uint16": "u16", "float32": "f32"}
    little_endian = picture.astype(picture.dtype.newbyteorder("<"), copy=False)
    return Pixels(width, height, channels, kinds[picture.dtype.name], little_endian.tobytes())


def check_output(path: Path, inputs: Iterable[Path] = ()) -> Path:
    """Make sure, before any work is done, that `path` can be written; returns it with links resolved.

    Raises Failure: a folder that is missing or closed, something that is no plain file, or one of the inputs.
    """
    real = Path(os.path.realpath(path))
    if real.is_dir():
        raise Failure(f"{path} is a folder, so no picture can be written there.", "Name a file: -o OUT.png")
    if real.exists() and not real.is_file():
        raise Failure(f"{path} is no plain file, so no picture can be written there.", _ANOTHER)
    for given in inputs:
        if real.exists() and given.exists() and os.path.samefile(real, given):
            raise Failure(f"{path} is the input itself, and your drawing is never overwritten.", _ANOTHER)
    if not real.parent.is_dir():
        raise Failure(f"{path} can not be written: there is no folder {real.parent}.", "Make the folder first.")
    if real.exists() and not os.access(real, os.W_OK):
        raise Failure(f"{path} can not be written: it is protected.", "Remove the protection, or choose another place.")
    try:
        handle, name = tempfile.mkstemp(dir=real.parent, prefix=".limner-", suffix=".tmp")
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        raise _unwritable(path, error) from error
    return real


def _unwritable(path: Path, error: OSError) -> Failure:
    remedy = "Make room on the disk." if error.errno in (errno.ENOSPC, errno.EDQUOT) else _ANOTHER
    return Failure(f"{path} can not be written: {error.strerror or error}.", remedy)


def write_png(path: Path, pixels: Pixels) -> None:
    """Write 8-bit pixels as a PNG file. Raises Failure when the file can not be written."""
    from PIL import Image

    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[pixels.channels]
    if pixels.dtype != "u8":
        raise ValueError(f"a result of type {pixels.dtype} where 8-bit pixels were promised")
    buffer = io.BytesIO()
    Image.frombytes(mode, (pixels.width, pixels.height), bytes(pixels.data)).save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())


def write_array(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write (H, W) gray or (H, W, C) 8-bit pixels as a PNG file. Raises Failure."""
    from limner.wire.pixels import Pixels

    height, width = picture.shape[:2]
    channels = picture.shape[2] if picture.ndim == 3 else 1
    write_png(path, Pixels(width, height, channels, "u8", picture.tobytes()))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step: a reader sees the old file or the whole new one. Raises Failure."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".limner-", suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, _usual_mode(path))
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise _unwritable(path, error) from error


def _usual_mode(path: Path) -> int:
    """The mode of the file that is replaced, else what the umask gives a new file."""
    if path.exists():
        return path.stat().st_mode & 0o777
    if sys.platform == "win32":
        return 0o666
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
