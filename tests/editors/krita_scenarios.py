# SPDX-License-Identifier: Apache-2.0
"""What the tests do inside the real Krita, in its own Python. See the driver for what scenarios yield and return."""

from __future__ import annotations

import os
import signal

from krita import Krita, Selection
from krita_steps import (
    LINEAR,
    OUT,
    SRGB,
    Steps,
    add_sketch,
    block_the_backend,
    choose_layer,
    close,
    digest,
    eventually,
    generate,
    names,
    new_document,
    save,
    session,
    shown_at,
    undo_and_redo,
)

SIDE = 512


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


def refused() -> Steps:
    """A portrait that the backend does not get."""
    document = yield from new_document(SIDE, SIDE)
    yield from add_sketch(document, 0, 0, SIDE, SIDE)
    facts = yield from generate()
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
        session().set_value("seed", 7)
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
    yield from choose_layer(document, document.nodeByName("Portrait"))
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
    yield from eventually(lambda: session().values["seed"] == 8)
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
    yield from choose_layer(document, node)
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
    yield lambda: not session().running and not session().inserter.focus.watching
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
    Krita.instance().action("select_all").trigger()  # a step in the history, as a stroke is
    yield lambda: session().result().finished not in (None, first) and not session().running
    second = session().result().finished
    inserted = len(session().editor.active_canvas().layers()) - count
    session().apply()
    yield from eventually(lambda: len(names(document.rootNode())) > count)
    layers = names(document.rootNode())
    docker = next(item for item in Krita.instance().dockers() if item.objectName() == "limner_docker_widget")
    docker.setVisible(False)
    hidden = not (yield from eventually(lambda: not session().live))
    Krita.instance().action("limner_live").trigger()
    yield from eventually(docker.isVisible)
    shown = [session().live, docker.isVisible()]
    other = yield from new_document(100, 100)
    ended = yield from eventually(lambda: not session().live)
    yield from close(other)
    yield from close(document)
    differs = bytes(first.picture.data) != bytes(second.picture.data)
    facts = {"unchanged": unchanged, "differs": differs, "inserted": inserted, "layers": layers, "ended": ended}
    return {**facts, "hidden": hidden, "shown": shown}
