# SPDX-License-Identifier: Apache-2.0
"""A small stand-in for the krita module: documents, nodes, pixels, undo steps, as the real one behaves.

What matters is kept: setPixelData is no undo step and ignores too few bytes; addChildNode is one; a color space or
blending mode set through a wrapper pushes a step onto the document that the wrapper was made from.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any

from tests.krita.fake_nodes import SRGB, FakeColors, FakeNode, FakeRect

__all__ = ["SRGB", "FakeApp", "FakeDocument", "FakeNode", "FakeRect", "Krita", "as_module"]


class FakeDocument(FakeColors):
    def __init__(self, width: int = 64, height: int = 48, depth: str = "U8", profile: str = SRGB) -> None:
        self.size, self.depth, self.profile = (width, height), depth, profile
        self.steps: list[str] = []
        self.notes: dict[str, bytes] = {}
        self.selected: FakeRect | None = None
        self.root = FakeNode(self, "root", "grouplayer")
        self.active: FakeNode | None = None
        self.refreshed = 0
        background = self.createNode("Background", "paintlayer")
        self.root.setChildNodes([background])

    def draw_layer(self, name: str = "Sketch", *places: tuple[int, int]) -> FakeNode:
        """The artist makes a layer and draws on it."""
        node = self.createNode(name, "paintlayer")
        self.root.addChildNode(node, None)
        self.steps.clear()
        node.paint(*places)
        self.active = node
        return node

    def layer_names(self) -> list[str]:
        return [node.title for node in self.root.tree()[1:]]

    def width(self) -> int:
        return self.size[0]

    def height(self) -> int:
        return self.size[1]

    def rootNode(self) -> FakeNode:
        return self.root

    def topLevelNodes(self) -> list[FakeNode]:
        return self.root.childNodes()

    def activeNode(self) -> FakeNode | None:
        return self.active

    def setActiveNode(self, node: FakeNode) -> None:
        self.active = node

    def selection(self) -> FakeRect | None:
        return self.selected

    def createNode(self, name: str, kind: str) -> FakeNode:
        return FakeNode(self, name, kind, self.depth, profile=self.profile)

    def createGroupLayer(self, name: str) -> FakeNode:
        return FakeNode(self, name, "grouplayer", self.depth)

    def refreshProjection(self) -> None:
        self.refreshed += 1

    def waitForDone(self) -> None:
        """Nothing is ever under way here."""

    def annotation(self, key: str) -> bytes:
        return self.notes.get(key, b"")

    def setAnnotation(self, key: str, description: str, data: bytes) -> None:
        self.notes[key] = data

    def setModified(self, modified: bool) -> None:
        """Scratch documents are closed without a question."""

    def close(self) -> None:
        Krita.app.open.remove(self)


@dataclass
class FakeAction:
    """One of Krita's own actions, which only writes down that it was pressed."""

    app: FakeApp
    name: str

    def trigger(self) -> None:
        self.app.pressed.append(self.name)


class FakeApp:
    def __init__(self) -> None:
        self.open: list[FakeDocument] = []
        self.front: FakeDocument | None = None
        self.settings: dict[tuple[str, str], str] = {}
        self.scratches = 0
        self.pressed: list[str] = []

    def show(self, document: FakeDocument) -> FakeDocument:
        """The artist opens a document, or brings it to the front."""
        if document not in self.open:
            self.open.append(document)
        self.front = document
        return document

    def documents(self) -> list[FakeDocument]:
        return list(self.open)

    def activeDocument(self) -> FakeDocument | None:
        return self.front

    def createDocument(self, width: int, height: int, *rest: Any) -> FakeDocument:
        self.scratches += 1
        document = FakeDocument(width, height, rest[2], rest[3])
        self.open.append(document)
        return document

    def action(self, name: str) -> FakeAction:
        return FakeAction(self, name)

    def readSetting(self, group: str, name: str, default: str) -> str:
        return self.settings.get((group, name), default)

    def writeSetting(self, group: str, name: str, value: str) -> None:
        self.settings[group, name] = value


class Krita:
    app = FakeApp()

    @staticmethod
    def instance() -> FakeApp:
        return Krita.app


def as_module() -> types.ModuleType:
    """The module `krita`."""
    module = types.ModuleType("krita")
    module.__dict__["Krita"] = Krita
    return module
