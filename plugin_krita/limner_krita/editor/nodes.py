# SPDX-License-Identifier: Apache-2.0
"""Nodes of Krita and their bytes, and the workshop: the document in which nodes of 8 bits sRGB can be made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from krita import Krita

from ..model.geometry import Rect
from ..wire import LimnerError
from .pixels import BGRA8, PixelFormat, format_of

PROFILE = "sRGB-elle-V2-srgbtrc.icc"
NORMAL = "normal"
EDITOR_CODE = "editor"
MAX_NAME = 60  # longer generated names have damaged files


class EditorError(LimnerError):
    """Krita has nothing to work on, or did not do what it was asked for."""

    def __init__(
        self, message: str, remedy: str = "Try again; if it happens again, save the document and restart."
    ) -> None:
        super().__init__(EDITOR_CODE, message, remedy)


@dataclass(frozen=True)
class Block:
    """Pixels of one rectangle, rows top to bottom.

    data: bytes, or the QByteArray as Krita gave it, which is not copied before somebody needs it.
    """

    rect: Rect
    data: Any
    format: PixelFormat = field(default=BGRA8)

    def bgra(self) -> bytes:
        """As 8 bits BGRA, straight alpha, sRGB. Takes time: not for the GUI thread."""
        return self.format.decode(bytes(self.data))

    def encoded(self, format: PixelFormat) -> Block:
        """The same of 8 bits BGRA in another format. Takes time: not for the GUI thread."""
        return Block(self.rect, format.encode(self.bgra()), format)


@dataclass(frozen=True)
class NewLayer:
    """A layer to be made, or a group when it has no pixels. opacity: 0..1. mode: Krita's name of a blending mode."""

    name: str
    block: Block | None = None
    opacity: float = 1.0
    mode: str = NORMAL
    visible: bool = True


def bounds_of(node: Any) -> Rect:
    """The rectangle that holds every pixel of a node that is not transparent."""
    rect = node.bounds()
    return Rect(int(rect.x()), int(rect.y()), int(rect.width()), int(rect.height()))


def pixel_format(thing: Any) -> PixelFormat | None:
    """The format of a document's or node's pixels; None when only Krita can convert them."""
    return format_of(str(thing.colorModel()), str(thing.colorDepth()), str(thing.colorProfile()))


class Workshop:
    """A document without a view, for nodes of 8 bits sRGB that go into documents of other color models.

    Making one takes Krita long, so it is kept as long as there is such a document.
    """

    _document: Any = None

    @classmethod
    def document(cls) -> Any:
        """The document, made when there is none. Raises EditorError."""
        if cls._document is None or cls._document not in Krita.instance().documents():
            cls._document = Krita.instance().createDocument(16, 16, "Limner", "RGBA", "U8", PROFILE, 72.0)
        if cls._document is None:
            raise EditorError("Krita could not make a scratch document.")
        return cls._document

    @classmethod
    def close(cls) -> None:
        """Close it, if there is one."""
        document, cls._document = cls._document, None
        if document is not None and document in Krita.instance().documents():
            document.setModified(False)
            document.close()


def make_node(document: Any, layer: NewLayer) -> Any:
    """A node with its pixels, or a group, not yet part of the document's stack. Raises EditorError.

    A blending mode other than the normal one leaves an undo step in the document.
    """
    name = layer.name[:MAX_NAME]
    if layer.block is None:
        node = document.createGroupLayer(name)
    else:
        node = document.createNode(name, "paintlayer")
        write(node, layer.block)
    node.setOpacity(round(255 * layer.opacity))
    if not layer.visible:
        node.setVisible(False)
    if layer.mode != NORMAL:
        node.setBlendingMode(layer.mode)
    return node


def write(node: Any, block: Block) -> None:
    """Write and read back: Krita says nothing when the bytes do not fit the node."""
    rect, size = block.rect, block.format.pixel_bytes
    if pixel_format(node) != block.format:
        raise EditorError("The document's color model was changed meanwhile.", "Make the portrait anew.")
    node.setPixelData(block.data, rect.x, rect.y, rect.width, rect.height)
    row = rect.height // 2
    written = bytes(node.pixelData(rect.x, rect.y + row, rect.width, 1))
    meant = bytes(block.data[row * rect.width * size :][: rect.width * size])
    if block.format.alpha_of(written) != block.format.alpha_of(meant):  # colors of nothing are nobody's business
        raise EditorError(f"Krita did not take the pixels of '{node.name()}'.")
