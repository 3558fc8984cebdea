# SPDX-License-Identifier: Apache-2.0
"""Nodes of Krita: their bytes, and the scratch document in which they are converted."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Iterator

from krita import Krita

from ..model.geometry import Rect
from ..wire import LimnerError

PROFILE = "sRGB-elle-V2-srgbtrc.icc"
_SRGB_PROFILES = ("srgbtrc", "srgb built-in", "srgb iec61966")
EDITOR_CODE = "editor"
PIXEL_BYTES = 4  # BGRA, 8 bits a channel
MAX_NAME = 60  # longer generated names have damaged files


class EditorError(LimnerError):
    """Krita has nothing to work on, or did not do what it was asked for."""

    def __init__(
        self, message: str, remedy: str = "Try again; if it happens again, save the document and restart."
    ) -> None:
        super().__init__(EDITOR_CODE, message, remedy)


@dataclass(frozen=True)
class Block:
    """Pixels of one rectangle: BGRA, 8 bits a channel, straight alpha, sRGB, rows top to bottom."""

    rect: Rect
    data: bytes


@dataclass(frozen=True)
class NewLayer:
    """A layer to be made. opacity: 0..1."""

    name: str
    block: Block
    opacity: float = 1.0


def bounds_of(node: Any) -> Rect:
    """The rectangle that holds every pixel of a node that is not transparent."""
    rect = node.bounds()
    return Rect(int(rect.x()), int(rect.y()), int(rect.width()), int(rect.height()))


def is_native(thing: Any) -> bool:
    """True when a document's or node's pixels are 8 bit BGRA with the sRGB curve."""
    profile = str(thing.colorProfile()).lower()
    return (thing.colorModel(), thing.colorDepth()) == ("RGBA", "U8") and any(p in profile for p in _SRGB_PROFILES)


@contextlib.contextmanager
def scratch(width: int, height: int) -> Iterator[Any]:
    """A document without a view, gone again afterwards."""
    document = Krita.instance().createDocument(width, height, "Limner", "RGBA", "U8", PROFILE, 72.0)
    if document is None:
        raise EditorError("Krita could not make a scratch document.")
    try:
        yield document
    finally:
        document.setModified(False)
        document.close()


def make_node(document: Any, layer: NewLayer) -> Any:
    """A node with its pixels, not yet part of the document's stack. Raises EditorError."""
    node = document.createNode(layer.name[:MAX_NAME], "paintlayer")
    write(node, layer.block)
    node.setOpacity(round(255 * layer.opacity))
    return node


def write(node: Any, block: Block) -> None:
    """Write and read back: Krita says nothing when the bytes do not fit the node."""
    rect = block.rect
    node.setPixelData(block.data, rect.x, rect.y, rect.width, rect.height)
    row = rect.height // 2
    width = rect.width * PIXEL_BYTES
    if _drawn(bytes(node.pixelData(rect.x, rect.y + row, rect.width, 1))) != _drawn(block.data[row * width :][:width]):
        raise EditorError(f"Krita did not take the pixels of '{node.name()}'.")


def _drawn(row: bytes) -> bytes:
    """The alpha channel: colors below full transparency are nobody's business."""
    return row[3::PIXEL_BYTES]
