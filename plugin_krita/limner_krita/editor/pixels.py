# SPDX-License-Identifier: Apache-2.0
"""Krita's own bytes of a pixel, and how 8 bits sRGB become them and back. No Krita in here: for any thread.

Converting in Krita itself would need a scratch document, which blocks the editor for a tenth of a second and more.
Only the standard library is used: bytes are looked up in tables, a channel of a few thousand pixels at a time, so
that the editor's own Python code never waits long for the interpreter.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import Callable

PIXEL_BYTES = 4  # BGRA, 8 bits a channel
_WIDTHS = {"U8": 1, "U16": 2, "F16": 2, "F32": 4}  # bytes of a channel
_CHANNELS = {"RGBA": 4, "GRAYA": 2}
_CHUNK = 16384  # pixels
_ALPHA = 3  # place in BGRA


@dataclass(frozen=True)
class PixelFormat:
    """Straight alpha; the primaries are those of sRGB.

    model: "RGBA" or "GRAYA". depth: "U8", "U16", "F16" or "F32". linear: light is stored, not its sRGB curve.
    """

    model: str = "RGBA"
    depth: str = "U8"
    linear: bool = False

    @property
    def pixel_bytes(self) -> int:
        """Bytes of one pixel."""
        return _CHANNELS[self.model] * _WIDTHS[self.depth]

    @property
    def lossless(self) -> bool:
        """True when every color of 8 bits sRGB survives in it."""
        return self.model == "RGBA" and (self.depth != "U8" or not self.linear)

    def alpha_of(self, data: bytes) -> bytes:
        """The bytes of the alpha channel, in some order."""
        size, width = self.pixel_bytes, _WIDTHS[self.depth]
        return b"".join(data[size - width + place :: size] for place in range(width))

    def encode(self, bgra: bytes) -> bytes:
        """8 bits BGRA sRGB in this format, which must be ``lossless``."""
        if self == BGRA8:
            return bgra
        width, order = _WIDTHS[self.depth], self._order()
        out = bytearray(len(bgra) // PIXEL_BYTES * self.pixel_bytes)
        for place, channel in enumerate(order):
            plane = bgra[channel::PIXEL_BYTES]
            for index, table in enumerate(_encoding(self.depth, self.linear and channel != _ALPHA)):
                out[place * width + index :: self.pixel_bytes] = plane.translate(table)
        return bytes(out)

    def decode(self, data: bytes) -> bytes:
        """The pixels as 8 bits BGRA sRGB; within one of 255 for floating point."""
        if self == BGRA8:
            return data
        step = _CHUNK * self.pixel_bytes
        return b"".join(self._decode_chunk(data[start : start + step]) for start in range(0, len(data), step))

    def _decode_chunk(self, data: bytes) -> bytes:
        count = len(data) // self.pixel_bytes
        if data.count(0) == len(data):
            return bytes(count * PIXEL_BYTES)
        units = _units(data, self.depth)
        order = self._order() if self.model == "RGBA" else (0, _ALPHA)
        out = bytearray(count * PIXEL_BYTES)
        for place, channel in enumerate(order):
            table = _decoding(self.depth, self.linear and channel != _ALPHA)
            out[channel::PIXEL_BYTES] = bytes(map(table.__getitem__, units[place :: len(order)]))
        if self.model == "GRAYA":
            out[1::PIXEL_BYTES] = out[2::PIXEL_BYTES] = out[0::PIXEL_BYTES]
        return bytes(out)

    def _order(self) -> tuple[int, int, int, int]:
        """For each channel, as Krita stores them, its place in BGRA: integers are BGRA, floats RGBA."""
        return (0, 1, 2, 3) if self.depth.startswith("U") else (2, 1, 0, 3)


BGRA8 = PixelFormat()


def format_of(model: str, depth: str, profile: str) -> PixelFormat | None:
    """The format of a layer by what Krita says of it; None when only Krita can convert it."""
    name = profile.lower()
    if model not in _CHANNELS or depth not in _WIDTHS:
        return None
    if model == "GRAYA":
        curved, linear = name.startswith("gray-d50-elle") and "srgbtrc" in name, name.startswith("gray-d50-elle-v2-g10")
    else:
        linear = name.startswith(("srgb-elle-v2-g10", "scrgb (linear)")) or "lcms srgb built-in with linear" in name
        curved = name.startswith("srgb") and any(word in name for word in ("srgbtrc", "built-in", "iec61966"))
    return PixelFormat(model, depth, linear) if linear or curved else None


def _units(data: bytes, depth: str) -> bytes | array[int]:
    """What decoding tables are indexed by, one for each channel: the number, or the upper half of a 32-bit float."""
    if depth == "U8":
        return data
    units = array("H", data)
    return units[1::2] if depth == "F32" else units


def _numbers(depth: str) -> Callable[[int], float]:
    """From a unit to the number that it stands for."""
    if depth == "F16":
        return lambda unit: float(struct.unpack("<e", struct.pack("<H", unit))[0])
    if depth == "F32":
        return _middle
    most = 255 if depth == "U8" else 65535
    return lambda unit: unit / most


def _middle(upper: int) -> float:
    """The middle of all 32-bit floats with that upper half."""
    lower = 0x8000 if upper & 0x7F80 != 0x7F80 else 0  # infinity is only itself
    return float(struct.unpack("<f", struct.pack("<I", upper << 16 | lower))[0])


@lru_cache(maxsize=16)
def _decoding(depth: str, linear: bool) -> bytes:
    number = _numbers(depth)
    return bytes(_to_byte(number(unit), linear) for unit in range(256 if depth == "U8" else 65536))


def _to_byte(value: float, linear: bool) -> int:
    if not value > 0:  # negative, or no number
        return 0
    if value >= 1:
        return 255
    return round(255 * (_curved(value) if linear else value))


@lru_cache(maxsize=16)
def _encoding(depth: str, linear: bool) -> tuple[bytes, ...]:
    """For each byte of a channel, in the order in memory, its value for each of the 256 levels."""
    values = [_light(level / 255) if linear else level / 255 for level in range(256)]
    if depth.startswith("F"):
        packed = [struct.pack("<e" if depth == "F16" else "<f", value) for value in values]
    else:
        most = 65535 if depth == "U16" else 255
        packed = [round(most * value).to_bytes(_WIDTHS[depth], "little") for value in values]
    return tuple(bytes(number[place] for number in packed) for place in range(_WIDTHS[depth]))


def _light(value: float) -> float:
    """sRGB's curve undone (IEC 61966-2-1)."""
    return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)


def _curved(light: float) -> float:
    return float(light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)
