# SPDX-License-Identifier: Apache-2.0
"""Reads the layers' own pixels out of a .kra file (a zip; 64 x 64 tiles, planar, LibLZF), without Krita."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_NAMESPACE = "{http://www.calligra.org/DTD/krita}"


@dataclass(frozen=True)
class KraLayer:
    """name, kind ("paintlayer", "grouplayer"), opacity 0..255; the names of the groups it is in, the outermost first.

    pixels: (H, W, 4) uint8 RGBA of the canvas (float channels times 255, linear as they are), None for a group; for
    other color models the bytes (H, W, B).
    """

    name: str
    kind: str
    opacity: int
    groups: tuple[str, ...]
    pixels: NDArray[np.uint8] | None


def read_layers(path: Path) -> list[KraLayer]:
    """All layers, the topmost first, the layers of a group after it."""
    with zipfile.ZipFile(path) as archive:
        image = ElementTree.fromstring(archive.read("maindoc.xml")).find(_NAMESPACE + "IMAGE")
        assert image is not None
        shape = int(image.get("height", "0")), int(image.get("width", "0"))
        found: list[KraLayer] = []

        def walk(parent: ElementTree.Element, groups: tuple[str, ...]) -> None:
            layers = parent.find(_NAMESPACE + "layers")
            for element in layers if layers is not None else ():
                name, kind = element.get("name", ""), element.get("nodetype", "")
                pixels = None
                if kind == "paintlayer":
                    data = archive.read(f"{image.get('name')}/layers/{element.get('filename')}")
                    pixels = _read_tiles(data, shape)
                found.append(KraLayer(name, kind, int(element.get("opacity", "255")), groups, pixels))
                walk(element, (*groups, name))

        walk(image, ())
    return found


def annotation(path: Path, key: str) -> bytes:
    """Data that a plugin keeps inside the document."""
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith(f"/annotations/{key}"))
        return archive.read(name)


def _read_tiles(data: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
    file, head = io.BytesIO(data), {}
    while "DATA" not in head:
        key, value = file.readline().decode().split()
        head[key] = int(value)
    tile_w, tile_h, size = head["TILEWIDTH"], head["TILEHEIGHT"], head["PIXELSIZE"]
    out = np.zeros((*shape, size), np.uint8)
    for _ in range(head["DATA"]):
        x, y, _, length = file.readline().decode().strip().split(",")
        blob = file.read(int(length))
        if blob[0]:  # compressed tiles are planar
            raw = np.frombuffer(_lzf(blob[1:], tile_w * tile_h * size), np.uint8)
            tile = raw.reshape(size, tile_h, tile_w).transpose(1, 2, 0)
        else:
            tile = np.frombuffer(blob[1:], np.uint8).reshape(tile_h, tile_w, size)
        _paste(out, tile, int(x), int(y))
    return _eight_bits(out)


def _eight_bits(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bytes (H, W, B) of 8 bit or 16 bit BGRA or of 32 bit float RGBA as (H, W, 4) RGBA."""
    if pixels.shape[2] == 8:
        pixels = (pixels.view("<u2") // 257).astype(np.uint8)
    elif pixels.shape[2] == 16:
        return (pixels.view("<f4").clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return pixels[..., [2, 1, 0, 3]] if pixels.shape[2] == 4 else pixels


def _paste(out: NDArray[np.uint8], tile: NDArray[np.uint8], x: int, y: int) -> None:
    """The part of the tile that lies on the canvas."""
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + tile.shape[1], out.shape[1]), min(y + tile.shape[0], out.shape[0])
    if right > left and bottom > top:
        out[top:bottom, left:right] = tile[top - y : bottom - y, left - x : right - x]


def _lzf(source: bytes, length: int) -> bytes:
    out, i = bytearray(), 0
    while i < len(source):
        control = source[i]
        i += 1
        if control < 32:
            out += source[i : i + control + 1]
            i += control + 1
            continue
        count = control >> 5
        if count == 7:
            count += source[i]
            i += 1
        start = len(out) - ((control & 31) << 8) - source[i] - 1
        i += 1
        for place in range(start, start + count + 2):
            out.append(out[place])
    assert len(out) == length
    return bytes(out)
