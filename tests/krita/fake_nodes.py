# SPDX-License-Identifier: Apache-2.0
"""Nodes of the stand-in for Krita: pixels, tiles, layers in layers, undo steps. See fake_krita."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.krita.fake_krita import FakeDocument

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


class FakeColors:
    """How the pixels of a document or a node are kept."""

    depth: str
    profile: str

    def colorModel(self) -> str:
        return "RGBA"

    def colorDepth(self) -> str:
        return self.depth

    def colorProfile(self) -> str:
        return self.profile


@dataclass(eq=False)
class FakeNode(FakeColors):
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
    tiles: set[tuple[int, int]] = field(default_factory=set)  # that pixels were ever written to, by column and row

    def name(self) -> str:
        return self.title

    def type(self) -> str:
        return self.kind

    def uniqueId(self) -> Uid:
        return self.uid

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
        self.depth, self.profile = depth, profile

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
        self.tiles |= {
            (c, r) for c in range(x // 64, (x + width + 63) // 64) for r in range(y // 64, (y + height + 63) // 64)
        }
        for index in range(width * height):
            place, pixel = (x + index % width, y + index // width), data[4 * index : 4 * index + 4]
            self.pixels.pop(place, None)
            if pixel[3]:
                self.pixels[place] = pixel

    def projectionPixelData(self, x: int, y: int, width: int, height: int) -> bytes:
        return self.pixelData(x, y, width, height)

    def thumbnail(self, width: int, height: int) -> FakeImage:
        columns, rows = ({tile[axis] for tile in self.tiles} for axis in (0, 1))
        whole = 64 * (max(columns) - min(columns) + 1), 64 * (max(rows) - min(rows) + 1)
        assert (width, height) == whole  # else Krita scales all tiles to that size
        return FakeImage(self, 64 * min(columns), 64 * min(rows), width, height)

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
