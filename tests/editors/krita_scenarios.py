# SPDX-License-Identifier: Apache-2.0
"""What the tests do inside the real Krita, in its own Python. See the driver for what scenarios yield and return."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from typing import Any

from krita import Krita, Selection
from limner_krita.backend.jobs import Job, Work
from limner_krita.ui.docker import LimnerDocker
from PyQt5.QtCore import QAbstractItemModel

OUT = os.environ["LIMNER_OUT"]
SRGB, LINEAR = "sRGB-elle-V2-srgbtrc.icc", "sRGB-elle-V2-g10.icc"
SIDE = 512

Steps = Generator[Any, Any, Any]


# Helpers


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


def new_document(width: int, height: int, depth: str = "U8", profile: str = SRGB) -> Steps:
    document = Krita.instance().createDocument(width, height, "sketch", "RGBA", depth, profile, 72.0)
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


def add_sketch(document: Any, x: int, y: int, width: int, height: int, name: str = "Sketch") -> Steps:
    """A paint layer with the drawing at (x, y), in the document's own color model and depth."""
    scratch = Krita.instance().createDocument(16, 16, "ink", "RGBA", "U8", SRGB, 72.0)
    node = scratch.createNode(name, "paintlayer")
    node.setPixelData(ink(width, height), x, y, width, height)
    if document.colorDepth() != "U8":
        node.setColorSpace("RGBA", document.colorDepth(), document.colorProfile())
    document.rootNode().addChildNode(node, None)
    scratch.setModified(False)
    scratch.close()
    document.waitForDone()
    yield 200  # Krita's layer box must know the layer before it can be the active one
    document.setActiveNode(node)
    yield lambda: document.activeNode().name() == name
    return node


def generate(action: str = "limner_generate") -> Steps:
    """Press the action, wait for its end; what is seen of it."""
    states: list[str] = []

    def look() -> None:
        if session().state.name not in states:
            states.append(session().state.name)

    session().listen(look)
    steps = undo_steps()
    Krita.instance().action(action).trigger()
    yield lambda: not session().running and not session().focus.watching
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


def block_the_backend() -> int:
    """Give the backend a job that lasts until it is cancelled, so that the next one waits; returns its key."""
    work = Work({}, {"steps": 10_000, "step_ms": 20})
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


# Scenarios


def first_portrait() -> Steps:
    """512 x 512, 8 bits: the backend is not running yet."""
    document = yield from new_document(SIDE, SIDE)
    before = session().state.name
    node = yield from add_sketch(document, 0, 0, SIDE, SIDE)
    sketch = digest(node)
    session().set_value("seed", 7)
    session().set_frame_mode("full")
    facts = yield from generate()
    facts.update((yield from undo_and_redo(document)))
    facts["shown"] = shown_at(document, 8, 8)
    facts.update(before=before, untouched=digest(node) == sketch, applied=session().result().applied)
    save(document, "first.kra")
    yield from close(document)
    return facts


def depths() -> Steps:
    """16 bits and floating point; strokes that begin to the left of the canvas; a canvas that is not square."""
    facts = {}
    for depth, profile in (("U16", SRGB), ("F32", LINEAR)):
        document = yield from new_document(400, 300, depth, profile)
        node = yield from add_sketch(document, -60, 40, 200, 160)
        sketch = digest(node)
        session().set_frame_mode("full")
        facts[depth] = yield from generate()
        facts[depth].update((yield from undo_and_redo(document)), untouched=digest(node) == sketch)
        save(document, depth + ".kra")
        yield from close(document)
    return facts


def selection_frame() -> Steps:
    """A face frame around the selection; a canvas that is not square; then another seed refreshes the group."""
    document = yield from new_document(640, 480)
    node = yield from add_sketch(document, 0, 0, 640, 480)
    session().set_frame_mode("selection")
    nothing = yield from generate()
    selection = Selection()
    selection.select(200, 100, 100, 60, 255)
    document.setSelection(selection)
    first = yield from generate()
    target = session().result().finished.target
    session().set_value("seed", 8)
    again = yield from generate()
    document.setActiveNode(document.nodeByName("Portrait"))
    yield lambda: document.activeNode().name() == "Portrait"
    from_portrait = yield from generate()
    save(document, "selection.kra")
    frame = target.frame
    sketch = digest(node)
    yield from close(document)
    reopened = Krita.instance().openDocument(os.path.join(OUT, "selection.kra"))
    session().set_value("seed", 99)
    Krita.instance().activeWindow().addView(reopened)
    Krita.instance().setActiveDocument(reopened)
    yield lambda: reopened == Krita.instance().activeDocument() and reopened.activeNode() is not None
    yield 500
    restored = [session().values["seed"], session().frame_mode]
    untouched = digest(reopened.nodeByName("Sketch")) == sketch
    yield from close(reopened)
    return {
        "nothing": nothing,
        "first": first,
        "again": again,
        "from_portrait": from_portrait,
        "frame": frame,
        "restored": restored,
        "untouched": untouched,
    }


def nothing_to_draw() -> Steps:
    """An empty layer; and the guide alone, under the strokes."""
    session().set_frame_mode("full")
    document = yield from new_document(300, 300)
    node = document.createNode("Empty", "paintlayer")
    document.rootNode().addChildNode(node, None)
    yield 300
    document.setActiveNode(node)
    yield lambda: document.activeNode().name() == "Empty"
    empty = yield from generate()
    yield from add_sketch(document, 0, 0, 300, 300)
    guide = yield from generate("limner_shadow")
    guide.update((yield from undo_and_redo(document)))
    yield from close(document)
    return {"empty": empty, "guide": guide}


def two_documents() -> Steps:
    """The portrait goes into the document that it was asked for in, though another one is in front by then."""
    one = yield from new_document(200, 200)
    yield from add_sketch(one, 0, 0, 200, 200)
    blocker = block_the_backend()
    Krita.instance().action("limner_generate").trigger()
    other = yield from new_document(200, 200)
    yield from add_sketch(other, 0, 0, 200, 200)
    session().service.cancel(blocker)
    yield lambda: not session().running and not session().focus.watching
    facts = {"one": names(one.rootNode()), "other": names(other.rootNode())}
    blocker = block_the_backend()
    Krita.instance().action("limner_generate").trigger()
    yield from close(other)
    session().service.cancel(blocker)
    yield lambda: not session().running
    facts["closed"] = [session().problem.message, names(one.rootNode())]
    yield from close(one)
    return facts


def cancel_in_the_middle() -> Steps:
    """Cancel: nothing is inserted, and the next portrait works."""
    document = yield from new_document(200, 200)
    yield from add_sketch(document, 0, 0, 200, 200)
    blocker = block_the_backend()
    Krita.instance().action("limner_generate").trigger()
    yield lambda: session().current() is not None and session().current().waiting is not None
    Krita.instance().action("limner_cancel").trigger()
    yield lambda: not session().running
    cancelled = names(document.rootNode())
    session().service.cancel(blocker)
    facts = yield from generate()
    facts["cancelled"] = cancelled
    yield from close(document)
    return facts


def backend_killed() -> Steps:
    """The backend is killed: the docker says so, and the next portrait starts another one."""
    document = yield from new_document(200, 200)
    yield from add_sketch(document, 0, 0, 200, 200)
    session().service.start()
    yield lambda: session().state.name == "ready"
    first = session().state.welcome.pid
    os.kill(first, signal.SIGKILL)
    yield lambda: session().state.name != "ready"
    lost = [session().state.name, session().state.problem.message, session().state.problem.remedy]
    facts = yield from generate()
    welcome = session().state.welcome
    facts.update(lost=lost, another=welcome is not None and welcome.pid != first, state=session().state.name)
    yield from close(document)
    return facts


def live_preview() -> Steps:
    """Live: the preview follows what is drawn and the controls, nothing is inserted before Apply."""
    document = yield from new_document(200, 200)
    node = yield from add_sketch(document, 0, 0, 200, 200)
    count = len(session().editor.active_canvas().layers())
    Krita.instance().action("limner_live").trigger()
    yield lambda: session().result() is not None and session().result().finished is not None
    yield lambda: not session().running
    first = session().result().finished
    session().update_live()  # nothing has changed
    yield lambda: not session().running
    unchanged = session().result().finished is first
    node.setPixelData(bytes([0, 0, 255, 255]) * 400, 90, 90, 20, 20)
    extra = document.createNode("A step in the history", "paintlayer")  # as a stroke does
    document.rootNode().addChildNode(extra, None)
    yield 100
    document.setActiveNode(node)
    yield lambda: session().result().finished not in (None, first) and not session().running
    second = session().result().finished
    inserted = len(session().editor.active_canvas().layers()) - count - 1
    session().apply()
    yield 500
    layers = names(document.rootNode())
    other = yield from new_document(100, 100)
    ended = not session().live
    yield from close(other)
    yield from close(document)
    differs = bytes(first.images["portrait"].data) != bytes(second.images["portrait"].data)
    return {"unchanged": unchanged, "differs": differs, "inserted": inserted, "layers": layers, "ended": ended}
