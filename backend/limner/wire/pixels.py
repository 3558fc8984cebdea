# SPDX-License-Identifier: Apache-2.0
"""Pictures on the wire: raw, row by row, interleaved channels, little-endian, sRGB, straight alpha."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import limits
from .errors import ErrorCode, WireError
from .fields import bad, choice, integer, text

ITEM_SIZES = {"u8": 1, "u16": 2, "f32": 4}  # bytes of one channel of one pixel
COLOR_SPACE = "srgb"

_CHANNELS = integer(1, limits.MAX_CHANNELS)
_DTYPE = choice(*ITEM_SIZES)
_SPACE = choice(COLOR_SPACE)
_NAME = text(limits.MAX_NAME_LENGTH, empty=False)


@dataclass(frozen=True)
class Pixels:
    """One picture.

    width, height: 1..8192 pixels. channels: 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA (straight alpha).
    dtype: "u8" (0..255), "u16" (0..65535) or "f32" (0..1, finite). data: bytes-like, C-contiguous,
    height x width x channels items, little-endian, sRGB transfer curve.
    Raises WireError(too_large | bad_picture | bad_message) when built with anything else.
    """

    width: int
    height: int
    channels: int
    dtype: str
    data: bytes | bytearray | memoryview = field(repr=False)

    def __post_init__(self) -> None:
        """Check sides, channels, type, byte count and, for "f32", that every value is finite."""
        _check_sides(self.width, self.height)
        _CHANNELS(self.channels, "channels")
        _DTYPE(self.dtype, "dtype")
        self._check_size()
        if self.dtype == "f32" and not _all_finite(self.data):
            raise WireError(ErrorCode.BAD_PICTURE, "The picture holds values that are not finite (NaN or infinity).")

    def _check_size(self) -> None:
        expected = self.nbytes
        if expected > limits.MAX_FRAME_BYTES:
            raise WireError(
                ErrorCode.TOO_LARGE,
                f"A picture of {self.width} x {self.height} with {self.channels} channels takes {expected >> 20} MiB;"
                f" at most {limits.MAX_FRAME_BYTES >> 20} are allowed.",
            )
        try:
            view = memoryview(self.data)
        except TypeError:
            raise bad("data", "bytes-like") from None
        if not view.c_contiguous or view.nbytes != expected:
            raise WireError(
                ErrorCode.BAD_PICTURE,
                f"The picture's {view.nbytes} bytes do not fit {self.width} x {self.height} pixels with"
                f" {self.channels} channels of type {self.dtype} ({expected} bytes).",
            )

    @property
    def nbytes(self) -> int:
        """Size of the raw picture in bytes."""
        return self.width * self.height * self.channels * ITEM_SIZES[self.dtype]


def _check_sides(width: Any, height: Any) -> None:
    for side in (width, height):
        if isinstance(side, bool) or not isinstance(side, int):
            raise bad("width and height", "whole numbers")
    if max(width, height) > limits.MAX_SIDE:
        raise WireError(
            ErrorCode.TOO_LARGE,
            f"A picture of {width} x {height} pixels is too large: at most {limits.MAX_SIDE} a side.",
        )
    if min(width, height) < 1:
        raise WireError(ErrorCode.BAD_PICTURE, f"A picture of {width} x {height} pixels is empty.")


def _all_finite(data: bytes | bytearray | memoryview) -> bool:
    raw = bytes(memoryview(data).cast("B"))
    top = raw[3::4]  # sign and upper exponent bits; only 0x7f and 0xff can belong to a value that is not finite
    if b"\x7f" not in top and b"\xff" not in top:
        return True
    values = array("f")
    values.frombytes(raw)
    if _BIG_ENDIAN:
        values.byteswap()
    return math.isfinite(sum(values))  # doubles: 2**24 finite single-precision values cannot overflow


_BIG_ENDIAN = array("H", [1]).tobytes() == b"\x00\x01"


def pack_descriptor(name: str, pixels: Pixels) -> dict[str, Any]:
    """The header's entry that describes one pixel frame."""
    return {
        "name": _NAME(name, "frames.name"),
        "width": pixels.width,
        "height": pixels.height,
        "channels": pixels.channels,
        "dtype": pixels.dtype,
        "space": COLOR_SPACE,
    }


def unpack_descriptor(descriptor: Any, data: bytes | bytearray | memoryview) -> tuple[str, Pixels]:
    """Name and picture of one pixel frame; raises WireError when the frame does not fit its description."""
    if not isinstance(descriptor, Mapping):
        raise bad("frames", "a list of maps")
    missing = [key for key in ("name", "width", "height", "channels", "dtype", "space") if key not in descriptor]
    if missing:
        raise bad("frames", "described completely; missing: {}".format(", ".join(missing)))
    _SPACE(descriptor["space"], "frames.space")
    width, height, channels = descriptor["width"], descriptor["height"], descriptor["channels"]
    pixels = Pixels(width, height, channels, descriptor["dtype"], data)
    return _NAME(descriptor["name"], "frames.name"), pixels
