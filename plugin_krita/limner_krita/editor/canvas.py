# SPDX-License-Identifier: Apache-2.0
"""An open document: its layers, new layers in it, and what is kept with it."""

from __future__ import annotations

from typing import Any, Sequence

from krita import Krita

from ..model.geometry import Rect
from .layer import Layer
from .nodes import EditorError, NewLayer, make_node, pixel_format
from .pixels import BGRA8, PixelFormat


class Canvas:
    """An open document."""

    def __init__(self, document: Any) -> None:
        self._document = document

    @property
    def key(self) -> str:
        """An id of the document, which stays the same when it is saved and opened again."""
        return str(self._document.rootNode().uniqueId().toString())

    @property
    def rect(self) -> Rect:
        """The canvas."""
        return Rect(0, 0, int(self._document.width()), int(self._document.height()))

    @property
    def is_open(self) -> bool:
        """False when the artist has closed it."""
        return self._document in Krita.instance().documents()

    def active_layer(self) -> Layer | None:
        """The layer the artist works on; None in the moments when Krita has none."""
        node = self._document.activeNode()
        return None if node is None else Layer(self._document, node)

    def activate(self, layer: Layer) -> None:
        """Make it the layer the artist works on."""
        self._document.setActiveNode(layer.node)

    def layers(self) -> list[Layer]:
        """All layers with a picture, at any depth, the topmost first."""
        found: list[Layer] = []

        def walk(node: Any) -> None:
            for child in reversed(node.childNodes()):
                layer = Layer(self._document, child)
                if layer.readable:
                    found.append(layer)
                    walk(child)

        walk(self._document.rootNode())
        return found

    def layer(self, uid: str) -> Layer | None:
        """The layer with that id, or None."""
        return next((layer for layer in self.layers() if layer.uid == uid), None) if uid else None

    def selection(self) -> Rect | None:
        """The rectangle around the selection; None without one."""
        selection = self._document.selection()
        if selection is None:
            return None
        rect = Rect(int(selection.x()), int(selection.y()), int(selection.width()), int(selection.height()))
        return None if rect.empty else rect

    @property
    def format(self) -> PixelFormat:
        """In which format new layers are made: the document's own where that keeps every color, else 8 bits sRGB."""
        own = pixel_format(self._document)
        return own if own is not None and own.lossless else BGRA8

    def insert_group(
        self, group: NewLayer, layers: Sequence[NewLayer], beside: Layer, below: bool = False
    ) -> list[Layer]:
        """Put a new group with the layers (the lowest first) directly above a layer, as one undo step.

        below: directly below it instead, where something lies there. It is seen after ``refresh``. A moment later Krita
        makes it the active layer. Returns the group and its layers. Raises EditorError.
        """
        nodes = [make_node(self._document, layer) for layer in layers]
        made = make_node(self._document, group)
        made.setChildNodes(nodes)
        self._add(made, beside, below)
        return [Layer(self._document, node) for node in (made, *nodes)]

    def insert_layer(self, layer: NewLayer, beside: Layer, below: bool = False) -> Layer:
        """Put one new layer directly above another, or directly below it where something lies there; one undo step."""
        node = make_node(self._document, layer)
        self._add(node, beside, below)
        return Layer(self._document, node)

    def _add(self, node: Any, beside: Layer, below: bool) -> None:
        parent, lower = beside.node.parentNode(), beside.node
        if below:
            siblings = parent.childNodes()
            place = [sibling.uniqueId() for sibling in siblings].index(lower.uniqueId())
            lower = siblings[place - 1] if place else lower
        if not parent.addChildNode(node, lower):
            raise EditorError("Krita refused the new layer.", "Unlock the group that the sketch is in, and try again.")

    def refresh(self) -> None:
        """Draw the picture anew: Krita does not by itself for the children of a new group, or an opacity."""
        self._document.refreshProjection()

    def read_note(self, key: str) -> bytes:
        """Data that is kept inside the document; empty when there is none."""
        return bytes(self._document.annotation(key))

    def write_note(self, key: str, description: str, data: bytes) -> None:
        """Keep data inside the document, under a key of our own."""
        self._document.setAnnotation(key, description, data)
