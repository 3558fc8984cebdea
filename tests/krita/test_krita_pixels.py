# SPDX-License-Identifier: Apache-2.0
"""Krita's own bytes of a pixel against NumPy: every depth, curve and channel order."""

from __future__ import annotations

import numpy as np
import pytest
from limner_krita.editor.pixels import BGRA8, PixelFormat, format_of
from numpy.typing import NDArray

DEPTHS = {"U8": np.uint8, "U16": np.uint16, "F16": np.float16, "F32": np.float32}
FORMATS = [PixelFormat("RGBA", depth, linear) for depth in DEPTHS for linear in (False, True)]
GRAYS = [PixelFormat("GRAYA", depth, linear) for depth in DEPTHS for linear in (False, True)]


def ramp(count: int) -> NDArray[np.uint8]:
    """(count, 4) BGRA in which every channel has every level."""
    levels = np.arange(count) % 256
    return np.stack([levels, 255 - levels, (levels * 7) % 256, (levels * 3) % 256], 1).astype(np.uint8)


def light(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def as_krita_has_it(bgra: NDArray[np.uint8], format: PixelFormat) -> bytes:
    """The reference: straight from the definition."""
    values = bgra / 255
    if format.linear:
        values = np.concatenate([light(values[:, :3]), values[:, 3:]], 1)
    if format.depth.startswith("F"):
        values = values[:, [2, 1, 0, 3]]
    else:
        values = np.rint(values * (255 if format.depth == "U8" else 65535))
    return values.astype(DEPTHS[format.depth]).tobytes()


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_encoding_is_what_krita_stores(format: PixelFormat) -> None:
    bgra = ramp(512)
    assert format.encode(bgra.tobytes()) == as_krita_has_it(bgra, format)


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_decoding_finds_the_levels_again(format: PixelFormat) -> None:
    bgra = ramp(40_000)  # several chunks
    found = np.frombuffer(format.decode(as_krita_has_it(bgra, format)), np.uint8).reshape(-1, 4).astype(int)
    tolerance = 255 if format.depth == "U8" and format.linear else 1 if format.depth == "F32" else 0
    assert np.abs(found - bgra).max() <= tolerance
    assert np.array_equal(format.alpha_of(bytes(bgra)), bgra[:, 3].tobytes()) or format != BGRA8


@pytest.mark.parametrize("format", GRAYS, ids=str)
def test_gray_becomes_three_equal_channels(format: PixelFormat) -> None:
    bgra = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, 1)
    rgba = PixelFormat("RGBA", format.depth, format.linear)
    stored = np.frombuffer(as_krita_has_it(bgra, rgba), DEPTHS[format.depth]).reshape(-1, 4)
    found = np.frombuffer(format.decode(stored[:, [0, 3]].tobytes()), np.uint8).reshape(-1, 4).astype(int)
    assert np.array_equal(found[:, 0], found[:, 1])
    assert np.array_equal(found[:, 0], found[:, 2])
    tolerance = 12 if format.depth == "U8" and format.linear else 1
    assert np.abs(found[:, [0, 3]] - bgra[:, [0, 3]]).max() <= tolerance


def test_numbers_beyond_the_range_are_cut_off() -> None:
    wild = np.array([[2.0, -1.0, np.nan, 1.0], [np.inf, -np.inf, 0.5, 0.0]], np.float32)
    found = np.frombuffer(PixelFormat("RGBA", "F32").decode(wild.tobytes()), np.uint8).reshape(2, 4)
    assert found.tolist() == [[0, 0, 255, 255], [128, 0, 255, 0]]


@pytest.mark.parametrize(
    ("model", "depth", "profile", "format"),
    [
        ("RGBA", "U8", "sRGB-elle-V2-srgbtrc.icc", BGRA8),
        ("RGBA", "U8", "sRGB built-in", BGRA8),
        ("RGBA", "F32", "sRGB-elle-V2-g10.icc", PixelFormat("RGBA", "F32", True)),
        ("RGBA", "F16", "scRGB (linear)", PixelFormat("RGBA", "F16", True)),
        ("GRAYA", "U8", "Gray-D50-elle-V2-srgbtrc.icc", PixelFormat("GRAYA", "U8")),
        ("RGBA", "U8", "ClayRGB-elle-V4-srgbtrc.icc", None),  # the curve of sRGB, but other primaries
        ("RGBA", "U16", "Rec2020-elle-V4-g10.icc", None),
        ("CMYKA", "U8", "Chemical proof", None),
        ("GRAYA", "U8", "gray built-in", None),
    ],
)
def test_only_formats_that_are_known_exactly_are_converted_here(
    model: str, depth: str, profile: str, format: PixelFormat | None
) -> None:
    assert format_of(model, depth, profile) == format


def test_layers_are_made_where_no_color_is_lost() -> None:
    lossless = [format for format in (*FORMATS, *GRAYS) if format.lossless]
    assert {(item.model, item.depth, item.linear) for item in lossless} == {
        ("RGBA", depth, linear) for depth in DEPTHS for linear in (False, True)
    } - {("RGBA", "U8", True)}
