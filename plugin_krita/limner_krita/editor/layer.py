# SPDX-License-Identifier: Apache-2.0
"""A layer: what it is called, where it lies, its pixels."""

from __future__ import annotations

from typing import Any, Iterator

from ..model.geometry import Rect
from .nodes import Block, EditorError, bounds_of, converted, pixel_format


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

    def ancestors(self) -> Iterator[Layer]:
        """The groups it is in, the nearest first."""
        node = self.node.parentNode()
        while node is not None and node.parentNode() is not None:
            yield Layer(self._document, node)
            node = node.parentNode()

    def siblings(self) -> list[Layer]:
        """What lies beside it in its group, and itself, the lowest first."""
        return Layer(self._document, self.node.parentNode()).children()

    def children(self) -> list[Layer]:
        """What lies in it, the lowest first."""
        return [Layer(self._document, node) for node in self.node.childNodes()]

    def looks(self) -> tuple[float, str]:
        """Opacity 0..1 and blending mode."""
        return int(self.node.opacity()) / 255, str(self.node.blendingMode())

    def set_opacity(self, opacity: float) -> None:
        """0..1; no undo step."""
        self.node.setOpacity(round(255 * opacity))

    def set_visible(self, visible: bool) -> None:
        """Open or close its eye; no undo step."""
        self.node.setVisible(visible)

    def remove(self) -> None:
        """Take it out of the document, with all that is in it; one undo step."""
        self.node.remove()

    def read(self, rect: Rect) -> Block:
        """Its picture in a rectangle, whatever its kind, color model and depth. The document is not changed.

        Raises EditorError when the layer cannot be read.
        """
        if not self.readable:
            raise EditorError(f"'{self.name}' is a mask, which has no picture.", "Click a layer with strokes.")
        kind = pixel_format(self.node)
        plain = str(self.node.type()) == "paintlayer" and not self.node.childNodes()
        read = self.node.pixelData if plain else self.node.projectionPixelData
        if kind is None:
            return converted(self.node, read, rect)
        data = read(rect.x, rect.y, rect.width, rect.height)
        if len(data) != rect.width * rect.height * kind.pixel_bytes:
            raise EditorError(f"Krita gave {len(data)} bytes for {rect.width} x {rect.height} pixels of '{self.name}'.")
        return Block(rect, data, kind)
