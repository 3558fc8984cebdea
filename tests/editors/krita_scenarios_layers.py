# SPDX-License-Identifier: Apache-2.0
"""Scenarios: layers that the artist has scaled, moved, turned, masked or put into groups; where results are put."""

from __future__ import annotations

import os
import re
import zipfile
from typing import Any

from krita import Krita
from krita_steps import (
    OUT,
    SRGB,
    Steps,
    add_sketch,
    center,
    choose_layer,
    close,
    field,
    generate,
    hand,
    names,
    new_document,
    save,
    session,
    shown_at,
    undo_and_redo,
)
from limner_krita.editor import Layer
from limner_krita.model.geometry import Rect
from PyQt5.QtCore import QPointF

WIDE = "WideRGB-elle-V2-g22.icc"
MATRIX = {"m11": 0.5, "m12": 0, "m13": 0, "m21": 0, "m22": 0.5, "m23": 0, "m31": 60, "m32": 30, "m33": 1}


def changed_layers() -> Steps:
    """A sketch scaled, turned, moved off the canvas, in groups within groups: it is read as Krita shows it."""
    facts = {}
    for model, depth, profile in (("RGBA", "U8", SRGB), ("RGBA", "U16", WIDE), ("CMYKA", "U8", "")):
        document = yield from new_document(300, 200, depth, profile, model)
        yield from add_sketch(document, 10, 20, 120, 100)
        node = document.nodeByName("Sketch")  # a wrapper of this document: the other one's is gone
        looks = {"drawn": _difference(document, node)}
        node.scaleNode(QPointF(0, 0), 200, 150, "Bicubic")
        yield 500
        looks["scaled"] = _difference(document, node)
        node.rotateNode(0.4)
        yield 500
        node.move(-70, -40)
        yield 300
        looks["turned, moved"] = _difference(document, node)
        outer, inner = document.createGroupLayer("Outer"), document.createGroupLayer("Inner")
        document.rootNode().addChildNode(outer, None)
        yield 300
        outer.addChildNode(inner, None)
        yield 300
        nested = node.duplicate()
        inner.addChildNode(nested, None)
        yield 300
        looks["in groups"] = _difference(document, inner.childNodes()[0])
        looks["a group"] = _difference(document, document.nodeByName("Outer"))
        facts[document.colorModel() + depth] = looks
        yield 1000  # Krita's layer box must be done with what was hidden and shown
        yield from close(document)
    return facts


def transform_mask() -> Steps:
    """A transform mask on the sketch, which moves it by (60, 30) and makes it half as large."""
    document = yield from new_document(300, 200)
    yield from add_sketch(document, 0, 0, 120, 100)
    node = document.nodeByName("Sketch")
    node.addChildNode(document.createTransformMask("Mask"), None)
    yield 1000
    before = _difference(document, node)
    save(document, "plain_mask.kra")
    yield 1000
    yield from close(document)
    _set_transform(os.path.join(OUT, "plain_mask.kra"), os.path.join(OUT, "mask.kra"))
    document = Krita.instance().openDocument(os.path.join(OUT, "mask.kra"))
    Krita.instance().activeWindow().addView(document)
    Krita.instance().setActiveDocument(document)
    yield lambda: document == Krita.instance().activeDocument() and document.activeNode() is not None
    node = document.nodeByName("Sketch")
    yield from choose_layer(document, node)
    for _look in range(30):
        yield 1000  # Krita draws what a transform mask makes a while later
        after = _difference(document, node)
        if after[0] < 0.9 * before[0]:
            break
    portrait = yield from generate()
    yield 1000
    yield from close(document)
    return {"before": before, "after": after, "portrait": portrait}


def _set_transform(source: str, target: str) -> None:
    """A copy of a document in which the transform mask has the matrix."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename.endswith(".transformconfig"):
                print("TRANSFORM", data.decode(), flush=True)
                for name, value in MATRIX.items():
                    data = re.sub(rf'\b{name}="[^"]*"'.encode(), f'{name}="{value}"'.encode(), data)
            new.writestr(item, data)


def _difference(document: Any, node: Any) -> list[int]:
    """How many pixels that Krita shows of a layer alone are inked, and how many of them are read otherwise; how far
    the layer reaches."""
    width, height = document.width(), document.height()
    hidden = _hide_others(document.rootNode(), node)
    document.refreshProjection()
    document.waitForDone()
    image = document.projection(0, 0, width, height)
    shown = bytes(image.constBits().asstring(width * height * 4))
    for other in hidden:
        other.setVisible(True)
    document.refreshProjection()
    document.waitForDone()
    read = Layer(document, node).read(Rect(0, 0, width, height)).bgra()
    alpha = zip(shown[3::4], read[3::4], strict=True)
    differs = sum(abs(one - other) > 2 for one, other in alpha)
    solid = [place for place in range(0, len(read), 4) if min(read[place + 3], shown[place + 3]) == 255]
    differs += sum(max(abs(read[p + c] - shown[p + c]) for c in range(3)) > 3 for p in solid)
    return [sum(value > 0 for value in shown[3::4]), differs, node.bounds().width(), node.bounds().height()]


def _hide_others(parent: Any, node: Any) -> list[Any]:
    kept, hidden = node, []
    path = []
    while kept is not None:
        path.append(kept.uniqueId())
        kept = kept.parentNode()
    for child in parent.childNodes():
        if child.type().endswith("mask"):
            continue
        if child.uniqueId() not in path:
            child.setVisible(False)
            hidden.append(child)
        elif child.uniqueId() != node.uniqueId():
            hidden += _hide_others(child, node)
    return hidden


def blending_kept() -> Steps:
    """16 bits: the artist gives portrait and group another blending mode; the next portrait has them as well."""
    document = yield from new_document(512, 512, "U16")
    yield from add_sketch(document, 0, 0, 512, 512)
    session().set_frame_mode("full")
    session().set_value("seed", 7)
    yield from generate()
    for name in ("Portrait", "Limner portrait"):
        document.nodeByName(name).setBlendingMode("multiply")
    document.refreshProjection()
    yield 500
    before = shown_at(document, 8, 8)
    session().set_value("seed", 8)
    again = yield from generate()
    session().set_value("seed", 7)
    facts = {"again": again, "back": (yield from generate()), "before": before, "after": shown_at(document, 8, 8)}
    facts["modes"] = [document.nodeByName(name).blendingMode() for name in ("Portrait", "Limner portrait")]
    facts["depths"] = [document.nodeByName(name).colorDepth() for name in ("Portrait", "Shadow guide")]
    facts["background"] = shown_at(document, 511, 511)
    yield from close(document)
    return facts


def under_the_strokes() -> Steps:
    """The box in the docker: the group lies below the sketch. Then by the keyboard's shortcut, above it again."""
    document = yield from new_document(200, 200)
    yield from add_sketch(document, 0, 0, 200, 200)
    Krita.instance().action("limner_docker").trigger()
    yield 300
    box = field("under_strokes")
    box.setChecked(True)
    under = yield from generate()
    under.update((yield from undo_and_redo(document)))
    box.setChecked(False)
    count = len(session().results())
    view = Krita.instance().activeWindow().qwindow().centralWidget()
    x, y = center(view)
    yield from hand("mousemove", x, y)
    yield from hand("key", "ctrl+alt+p")
    yield lambda: len(session().results()) == count + 1 and not session().inserter.focus.watching
    above = names(document.rootNode())
    guides = []
    for _ in range(2):
        guides.append((yield from generate("limner_shadow"))["layers"])
    yield from close(document)
    return {"under": under, "above": above, "guides": guides}
