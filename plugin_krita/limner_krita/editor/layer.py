# SPDX-License-Identifier: Apache-2.0
"""A layer: what it is called, where it lies, its pixels."""

from __future__ import annotations

from typing import Any, Iterator

from ..model.geometry import Rect
from .nodes import PIXEL_BYTES, PROFILE, Block, EditorError, bounds_of, is_native, scratch, write


class Layer:
    """A layer of a document."""

    def __init__(self, document: Any, node: Any) -> None:
        self._document, self.node = document, node

    @property
    def uid(self) -> str:
        """Its id, which stays the same when the document is saved and opened again."""
        return str(self.node.uniqueId().toString())

    @property
    def name(self) -> str:
        """The name that the artist sees."""
        return str(self.node.name())

    @property
    def readable(self) -> bool:
        """False for masks, which have no picture of their own."""
        return not str(self.node.type()).endswith("mask")

    @property
    def bounds(self) -> Rect:
        """The rectangle that holds every pixel that is not transparent; it may reach beyond the canvas."""
        return bounds_of(self.node)

    @property
    def visible(self) -> bool:
        """True when its eye is open."""
        return bool(self.node.visible())

    @property
    def native(self) -> bool:
        """True when its own bytes are what Block holds."""
        return str(self.node.type()) == "paintlayer" and is_native(self.node)

    def ancestors(self) -> Iterator[Layer]:
        """The groups it is in, the nearest first."""
        node = self.node.parentNode()
        while node is not None and node.parentNode() is not None:
            yield Layer(self._document, node)
            node = node.parentNode()

    def children(self) -> list[Layer]:
        """What lies in it, the lowest first."""
        return [Layer(self._document, node) for node in self.node.childNodes()]

    def set_opacity(self, opacity: float) -> None:
        """0..1; no undo step."""
        self.node.setOpacity(round(255 * opacity))

    def set_visible(self, visible: bool) -> None:
        """Open or close its eye; no undo step."""
        self.node.setVisible(visible)

    def read(self, rect: Rect) -> Block:
        """Its picture in a rectangle, whatever its kind, color model and depth. The document is not changed.

        Raises EditorError when the layer cannot be read.
        """
        if not self.readable:
            raise EditorError(f"'{self.name}' is a mask, which has no picture.", "Click a layer with strokes.")
        if self.native and not self.node.childNodes():
            data = bytes(self.node.pixelData(rect.x, rect.y, rect.width, rect.height))
        else:
            data = self._read_converted(rect)
        if len(data) != rect.width * rect.height * PIXEL_BYTES:
            raise EditorError(f"Krita gave {len(data)} bytes for {rect.width} x {rect.height} pixels of '{self.name}'.")
        return Block(rect, data)

    def _read_converted(self, rect: Rect) -> bytes:
        """Through a duplicate in a scratch document, where the conversion leaves no undo step behind."""
        with scratch(max(1, rect.right), max(1, rect.bottom)) as document:
            for node in document.topLevelNodes():
                node.setVisible(False)
            document.rootNode().addChildNode(self.node.duplicate(), None)
            node = document.topLevelNodes()[-1]  # a wrapper of the scratch document
            node.setOpacity(255)
            node.setVisible(True)
            if str(node.type()) == "paintlayer" and not node.childNodes():
                node.setColorSpace("RGBA", "U8", PROFILE)
                document.waitForDone()
                return bytes(node.pixelData(rect.x, rect.y, rect.width, rect.height))
            node.setBlendingMode("normal")
            document.refreshProjection()
            document.waitForDone()
            return bytes(document.pixelData(rect.x, rect.y, rect.width, rect.height))

    def rewrite(self, block: Block) -> None:
        """Replace all its pixels. This is no undo step: for layers that Limner made and nobody has changed."""
        if not self.native:
            raise EditorError(f"'{self.name}' has another color model or depth now.")
        old = self.bounds
        if not old.empty:
            write(self.node, Block(old, bytes(old.width * old.height * PIXEL_BYTES)))
        write(self.node, block)
