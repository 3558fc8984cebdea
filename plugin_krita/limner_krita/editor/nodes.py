# SPDX-License-Identifier: Apache-2.0
"""Nodes of Krita and their bytes, and the workshop: the document in which nodes of 8 bits sRGB can be made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from krita import Krita

from ..model.geometry import Rect
from ..wire import LimnerError
from .pixels import BGRA8, PIXEL_BYTES, PixelFormat, format_of

PROFILE = "sRGB-elle-V2-srgbtrc.icc"
NORMAL = "normal"
EDITOR_CODE = "editor"
_TILE = 64  # pixels: Krita keeps a layer in squares of that side
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
    return format_of(*_color_of(thing))


def _color_of(thing: Any) -> tuple[str, str, str]:
    """Color model, depth and profile of a document or node, by Krita's names."""
    return str(thing.colorModel()), str(thing.colorDepth()), str(thing.colorProfile())


def converted(node: Any, read: Callable[[int, int, int, int], Any], rect: Rect) -> Block:
    """Pixels of a color model that only Krita can convert, in a rectangle, as it converts them for its thumbnails.

    node: whose color model it is. read: gives the bytes of a rectangle in it. A thumbnail shows all tiles of a layer,
    scaled to the size that is asked for; so whole tiles are filled, and exactly their size is asked for.
    """
    width, height = (-(-side // _TILE) * _TILE for side in (rect.width, rect.height))
    layer = Workshop.make_layer("Pixels", node)
    layer.setPixelData(read(rect.x, rect.y, width, height), 0, 0, width, height)
    image = layer.thumbnail(width, height).copy(0, 0, rect.width, rect.height)
    return Block(rect, bytes(image.constBits().asstring(rect.width * rect.height * PIXEL_BYTES)))


class Workshop:
    """A document without a view, for nodes whose color model or blending mode has to be set: the undo step of that is
    the workshop's.

    Making one takes Krita long, so it is kept until the last document is closed.
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
    def make_layer(cls, name: str, like: Any = None) -> Any:
        """An empty paint layer of 8 bits sRGB, or of the color model of a document or node. Raises EditorError."""
        node = cls.document().createNode(name, "paintlayer")
        wanted = _color_of(like) if like is not None else _color_of(node)
        if wanted != _color_of(node):
            node.setColorSpace(*wanted)
        return node

    @classmethod
    def close(cls) -> None:
        """Close it, if there is one."""
        document, cls._document = cls._document, None
        if document is not None and document in Krita.instance().documents():
            document.setModified(False)
            document.close()


def make_node(document: Any, layer: NewLayer) -> Any:
    """A node for the document, with its pixels, or a group, not yet part of its stack. No undo step is left in it.

    Raises EditorError.
    """
    name, plain = layer.name[:MAX_NAME], layer.mode == NORMAL
    if layer.block is None:
        node = (document if plain else Workshop.document()).createGroupLayer(name)
    else:
        fits = layer.block.format == pixel_format(document)
        own = fits and plain
        node = document.createNode(name, "paintlayer") if own else Workshop.make_layer(name, document if fits else None)
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
