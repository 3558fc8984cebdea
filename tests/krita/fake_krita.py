# SPDX-License-Identifier: Apache-2.0
"""A small stand-in for the krita module: documents, nodes, pixels, undo steps, as the real one behaves.

What matters is kept: setPixelData is no undo step and ignores too few bytes; addChildNode is one; a color space or
blending mode set through a wrapper pushes a step onto the document that the wrapper was made from.
"""

from __future__ import annotations

import types
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

SRGB = "sRGB-elle-V2-srgbtrc.icc"


@dataclass
class FakeRect:
    values: tuple[int, int, int, int]

    def x(self) -> int:
        return self.values[0]

    def y(self) -> int:
        return self.values[1]

    def width(self) -> int:
        return self.values[2]

    def height(self) -> int:
        return self.values[3]


class Uid:
    def __init__(self) -> None:
        self.text = "{" + str(uuid.uuid4()) + "}"

    def toString(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Uid) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


@dataclass
class FakeImage:
    """What a thumbnail is: 8 bits BGRA of a part of a node."""

    node: FakeNode
    x: int
    y: int
    width: int
    height: int

    def copy(self, x: int, y: int, width: int, height: int) -> FakeImage:
        return FakeImage(self.node, self.x + x, self.y + y, width, height)

    def constBits(self) -> FakeImage:
        return self

    def asstring(self, length: int) -> bytes:
        data = FakeNode.pixelData(replace(self.node, depth="U8"), self.x, self.y, self.width, self.height)
        assert len(data) == length
        return data


@dataclass(eq=False)
class FakeNode:
    """A node; pixels by place, 4 bytes BGRA each (2 bytes a channel of the same value for U16)."""

    document: FakeDocument
    title: str
    kind: str = "paintlayer"
    depth: str = "U8"
    pixels: dict[tuple[int, int], bytes] = field(default_factory=dict)
    children: list[FakeNode] = field(default_factory=list)
    parent: FakeNode | None = None
    shown: bool = True
    strength: int = 255
    mode: str = "normal"
    profile: str = SRGB
    uid: Uid = field(default_factory=Uid)

    def name(self) -> str:
        return self.title

    def type(self) -> str:
        return self.kind

    def uniqueId(self) -> Uid:
        return self.uid

    def colorModel(self) -> str:
        return "RGBA"

    def colorDepth(self) -> str:
        return self.depth

    def colorProfile(self) -> str:
        return self.profile

    def opacity(self) -> int:
        return self.strength

    def blendingMode(self) -> str:
        return self.mode

    def visible(self) -> bool:
        return self.shown

    def setVisible(self, visible: bool) -> None:
        self.shown = visible

    def setOpacity(self, opacity: int) -> None:
        self.strength = opacity

    def setBlendingMode(self, mode: str) -> None:
        self.document.steps.append("blending mode")
        self.mode = mode

    def setColorSpace(self, model: str, depth: str, profile: str) -> None:
        self.document.steps.append("color space")
        self.depth = depth

    def childNodes(self) -> list[FakeNode]:
        return list(self.children)

    def parentNode(self) -> FakeNode | None:
        return self.parent

    def duplicate(self) -> FakeNode:
        return FakeNode(self.document, self.title, self.kind, self.depth, dict(self.pixels))

    def bounds(self) -> FakeRect:
        if not self.pixels:
            return FakeRect((0, 0, 0, 0))
        columns, rows = [x for x, _ in self.pixels], [y for _, y in self.pixels]
        return FakeRect((min(columns), min(rows), max(columns) - min(columns) + 1, max(rows) - min(rows) + 1))

    def pixelData(self, x: int, y: int, width: int, height: int) -> bytes:
        wide = 2 if self.depth == "U16" else 1
        places = [(column, row) for row in range(y, y + height) for column in range(x, x + width)]
        return b"".join(bytes(v for v in self.pixels.get(p, bytes(4)) for _ in range(wide)) for p in places)

    def setPixelData(self, data: bytes, x: int, y: int, width: int, height: int) -> None:
        if len(data) < width * height * (8 if self.depth == "U16" else 4):
            return
        data = data[::2] if self.depth == "U16" else data
        for index in range(width * height):
            place, pixel = (x + index % width, y + index // width), data[4 * index : 4 * index + 4]
            self.pixels.pop(place, None)
            if pixel[3]:
                self.pixels[place] = pixel

    def projectionPixelData(self, x: int, y: int, width: int, height: int) -> bytes:
        return self.pixelData(x, y, width, height)

    def thumbnail(self, width: int, height: int) -> FakeImage:
        bounds = self.bounds()
        assert (width, height) == (bounds.width(), bounds.height())
        return FakeImage(self, bounds.x(), bounds.y(), width, height)

    def remove(self) -> None:
        assert self.parent is not None
        self.parent.children.remove(self)
        self.document.steps.append("remove layer")

    def setChildNodes(self, nodes: list[FakeNode]) -> None:
        self.children = list(nodes)
        for node in nodes:
            node.parent = self

    def addChildNode(self, node: FakeNode, above: FakeNode | None) -> bool:
        index = self.children.index(above) + 1 if above is not None else len(self.children)
        self.children.insert(index, node)
        node.parent = self
        for one in node.tree():
            one.document = self.document
        self.document.steps.append("add layer")
        return True

    def tree(self) -> list[FakeNode]:
        return [self] + [node for child in self.children for node in child.tree()]

    def paint(self, *places: tuple[int, int], color: bytes = b"\x01\x02\x03\xff") -> None:
        """The artist draws."""
        self.pixels.update(dict.fromkeys(places, color))


class FakeDocument:
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

    def colorModel(self) -> str:
        return "RGBA"

    def colorDepth(self) -> str:
        return self.depth

    def colorProfile(self) -> str:
        return self.profile

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
