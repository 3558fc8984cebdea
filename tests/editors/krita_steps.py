# SPDX-License-Identifier: Apache-2.0
"""What the scenarios are made of: documents, sketches, actions and what is seen of them, inside the real Krita."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from krita import Krita
from limner_krita.backend.jobs import Job, Work
from limner_krita.ui.docker import LimnerDocker
from PyQt5.QtCore import QAbstractItemModel, QPoint
from PyQt5.QtWidgets import QWidget

OUT = os.environ["LIMNER_OUT"]
SLOW = Path(os.environ["HOME"]) / ".limner" / "slow"  # as long as it is there, portraits do not end
SRGB, LINEAR = "sRGB-elle-V2-srgbtrc.icc", "sRGB-elle-V2-g10.icc"

PATIENCE_S = 60  # for what must come, so that a test can say what came instead

Steps = Generator[Any, Any, Any]


def eventually(look: Callable[[], Any]) -> Steps:
    """What `look` gives as soon as it is true, or after a long time, whatever it is then."""
    end = time.monotonic() + PATIENCE_S

    def seen() -> tuple[Any, ...]:
        found = look()
        return (found,) if found or time.monotonic() > end else ()

    (found,) = yield seen
    return found


def session() -> Any:
    return LimnerDocker.session


def undo_steps() -> int:
    """How many steps the undo history of the document in front has."""
    window = Krita.instance().activeWindow().qwindow()
    models = [m for m in window.findChildren(QAbstractItemModel) if m.metaObject().className() == "KisUndoModel"]
    return models[0].rowCount()


def trigger(action: str) -> Steps:
    Krita.instance().action(action).trigger()
    yield 300
    Krita.instance().activeDocument().waitForDone()
    yield 100


def names(node: Any) -> list[Any]:
    """The tree of layers, the lowest first; a selection is a mask among them in Krita."""
    layers = [child for child in node.childNodes() if not child.type().endswith("mask")]
    return [[c.name(), names(c)] if c.childNodes() else c.name() for c in layers]


def new_document(width: int, height: int, depth: str = "U8", profile: str = SRGB, model: str = "RGBA") -> Steps:
    document = Krita.instance().createDocument(width, height, "sketch", model, depth, profile, 72.0)
    Krita.instance().activeWindow().addView(document)
    Krita.instance().setActiveDocument(document)
    yield lambda: document == Krita.instance().activeDocument() and document.activeNode() is not None
    yield 300
    return document


def ink(width: int, height: int) -> bytes:
    """A drawing as 8 bit BGRA: strokes of several colors on transparency, different in every quarter."""
    data = bytearray(width * height * 4)
    for y in range(0, height, 16):
        for x in range(0, width):
            if (x // 32 + y // 16) % 3:
                place = (y * width + x) * 4
                data[place : place + 4] = bytes((x * 255 // width, y * 255 // height, (x + y) % 200, 255))
    return bytes(data)


def add_sketch(document: Any, x: int, y: int, width: int, height: int, parent: Any = None) -> Steps:
    """A paint layer "Sketch" with the drawing at (x, y), in the document's own color model and depth."""
    scratch = Krita.instance().createDocument(16, 16, "ink", "RGBA", "U8", SRGB, 72.0)
    node = scratch.createNode("Sketch", "paintlayer")
    node.setPixelData(ink(width, height), x, y, width, height)
    if (document.colorModel(), document.colorDepth(), document.colorProfile()) != ("RGBA", "U8", SRGB):
        node.setColorSpace(document.colorModel(), document.colorDepth(), document.colorProfile())
    (parent or document.rootNode()).addChildNode(node, None)
    scratch.setModified(False)
    scratch.close()
    document.waitForDone()
    yield 200
    yield from choose_layer(document, node)
    return node


def choose_layer(document: Any, node: Any) -> Steps:
    """Make it the active layer, which it can be once Krita's layer box knows it."""

    def chosen() -> bool:
        active = document.activeNode()
        if active is not None and active.name() == node.name():
            return True
        document.setActiveNode(node)
        return False

    yield chosen


def generate(action: str = "limner_generate") -> Steps:
    """Press the action, wait for its end; what is seen of it."""
    states: list[str] = []

    def look() -> None:
        if session().state.name not in states:
            states.append(session().state.name)

    session().listen(look)
    steps = undo_steps()
    Krita.instance().action(action).trigger()
    yield lambda: not session().running and not session().inserter.focus.watching
    Krita.instance().activeDocument().waitForDone()
    yield 300
    session().unlisten(look)
    problem = session().problem
    return {
        "steps": undo_steps() - steps,
        "states": states,
        "problem": [problem.code, problem.message, problem.remedy] if problem is not None else None,
        "layers": names(Krita.instance().activeDocument().rootNode()),
        "active": Krita.instance().activeDocument().activeNode().name(),
    }


def stop_the_backend() -> Steps:
    """Kill it, if it runs."""
    welcome = session().state.welcome
    if session().state.name == "ready":
        os.kill(welcome.pid, signal.SIGKILL)
    yield lambda: session().state.name not in ("ready", "loading", "starting")


def block_the_backend() -> int:
    """Give the backend a job that lasts until it is cancelled, so that the next one waits; returns its key."""
    work = Work({}, {"steps": 10_000, "step_ms": 100})
    return int(session().service.submit(Job("slow", lambda welcome: work)))


def digest(node: Any) -> int:
    bounds = node.bounds()
    data = bytes(node.pixelData(bounds.x(), bounds.y(), bounds.width(), bounds.height()))
    return hash((bounds.x(), bounds.y(), bounds.width(), bounds.height(), data))


def shown_at(document: Any, x: int, y: int) -> list[int]:
    """The color that the artist sees there."""
    color = document.projection(x, y, 1, 1).pixelColor(0, 0)
    return [color.red(), color.green(), color.blue()]


def save(document: Any, name: str) -> None:
    document.setBatchmode(True)
    if not document.saveAs(os.path.join(OUT, name)):
        raise AssertionError("Krita could not save " + name)
    document.waitForDone()


def close(document: Any) -> Steps:
    document.setModified(False)
    document.close()
    yield 300


def undo_and_redo(document: Any) -> Steps:
    """The layers after one undo and after one redo."""
    yield from trigger("edit_undo")
    undone = names(document.rootNode())
    yield from trigger("edit_redo")
    return {"undone": undone, "redone": names(document.rootNode())}


def picture(node: Any) -> list[Any]:
    """What a layer or group shows: the bounds and a digest of its pixels, with those of the layers in it."""
    return [digest(node), [picture(child) for child in node.childNodes()]]


def field(name: str) -> Any:
    """The widget of the plugin with that name in the window in front."""
    found = Krita.instance().activeWindow().qwindow().findChild(QWidget, f"limner_{name}")
    assert found is not None, name
    return found


def center(widget: Any) -> tuple[int, int]:
    """Where to click it, on the screen."""
    point = widget.mapToGlobal(QPoint(widget.width() // 2, widget.height() // 2))
    return point.x(), point.y()


def hand(*words: Any) -> Steps:
    """What a person does with mouse and keyboard: xdotool with those arguments."""
    doing = subprocess.Popen(["xdotool", *map(str, words)])
    yield lambda: doing.poll() is not None
    assert doing.returncode == 0, words
    yield 100


def click(widget: Any) -> Steps:
    x, y = center(widget)
    yield from hand("mousemove", x, y, "sleep", 0.05, "click", 1)


def shot(name: str) -> None:
    """A picture of the whole screen."""
    window = Krita.instance().activeWindow().qwindow()
    window.screen().grabWindow(0).save(os.path.join(OUT, name + ".png"))
