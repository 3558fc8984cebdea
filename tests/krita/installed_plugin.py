# SPDX-License-Identifier: Apache-2.0
"""Makes the plugin importable as it is installed, with its nested wire and client, beside the fake krita.

The conftest of this folder imports it first. The pictures module, which needs Qt, is replaced by a plain one.
"""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

from limner.installer.plugin import plugin_files
from tests.krita import fake_krita


def _install() -> None:
    folder = Path(tempfile.mkdtemp(prefix="limner-krita-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for file in plugin_files("krita"):
        target = folder / file.target
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read())
    sys.path.insert(0, str(folder))
    import limner_krita  # registers nothing: there is no krita module yet

    sys.modules["krita"] = fake_krita.as_module()
    pictures = _plain_pictures()
    sys.modules["limner_krita.pictures"] = pictures
    limner_krita.pictures = pictures


def _plain_pictures() -> types.ModuleType:
    """Without scaling: BGRA bytes become RGBA bytes, and a square picture is put down at the square's corner."""
    from limner_krita.client import Pixels
    from limner_krita.editor import Block
    from limner_krita.model.geometry import Rect

    def swapped(data: Any) -> bytes:
        out = bytearray(data)
        out[0::4], out[2::4] = out[2::4], out[0::4]
        return bytes(out)

    def to_wire(block: Any, sending: Any) -> Any:
        assert (sending.width, sending.height) == (block.rect.width, block.rect.height)
        return Pixels(sending.width, sending.height, 4, "u8", swapped(block.bgra()))

    def place(pixels: Any, square: Any) -> Any:
        return Block(Rect(round(square.x), round(square.y), pixels.width, pixels.height), swapped(pixels.data))

    def thumbnail(pixels: Any, side: int) -> bytes:
        return bytes(pixels.data)[:4]

    module = types.ModuleType("limner_krita.pictures")
    module.__dict__.update(to_wire=to_wire, place=place, thumbnail=thumbnail)
    return module


if "limner_krita" not in sys.modules:
    _install()
