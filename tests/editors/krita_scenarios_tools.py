# SPDX-License-Identifier: Apache-2.0
"""Scenarios: other color models, undo over portraits, the history, Invert and Upsample, things that go wrong."""

from __future__ import annotations

import os
import signal
from typing import Any

from krita import Krita
from krita_steps import (
    OUT,
    SLOW,
    Steps,
    add_sketch,
    choose_layer,
    close,
    digest,
    eventually,
    field,
    generate,
    names,
    new_document,
    picture,
    save,
    session,
    shot,
    shown_at,
    stop_the_backend,
    trigger,
    undo_and_redo,
)


def models() -> Steps:
    """Documents in gray, CMYK and a profile that is not sRGB; the sketch lies in a group of the artist."""
    facts = {}
    for model, depth, profile in (("GRAYA", "U8", ""), ("CMYKA", "U8", ""), ("RGBA", "U16", "WideRGB-elle-V2-g22.icc")):
        document = yield from new_document(512, 512, depth, profile, model)
        folder = document.createGroupLayer("Folder")
        document.rootNode().addChildNode(folder, None)
        node = yield from add_sketch(document, 0, 0, 512, 512, folder)
        sketch = digest(node)
        session().set_frame_mode("full")
        session().set_value("seed", 7)
        found = facts[document.colorModel() + document.colorDepth()] = yield from generate()
        found["shown"] = shown_at(document, 8, 8)
        found.update((yield from undo_and_redo(document)), untouched=digest(node) == sketch)
        found["shown again"] = shown_at(document, 8, 8)
        yield from close(document)
    return facts


def portraits_undone() -> Steps:
    """Three portraits, each in the place of the one before: undo goes back through them, redo brings them back."""
    document = yield from new_document(512, 512)
    yield from add_sketch(document, 0, 0, 512, 512)
    session().set_frame_mode("full")
    seen: list[Any] = []

    def look() -> list[Any]:
        return [
            names(document.rootNode()),
            [picture(node) for node in document.topLevelNodes()],
            shown_at(document, 8, 8),
        ]

    seen.append(look())
    for seed in (1, 2, 3):
        session().set_value("seed", seed)
        yield from generate()
        seen.append(look())
    back, on = [], []
    for before in seen[-2::-1]:
        yield from trigger("edit_undo")
        back.append((yield from eventually(lambda before=before: look() == before)))
    for after in seen[1:]:
        yield from trigger("edit_redo")
        on.append((yield from eventually(lambda after=after: look() == after)))
    yield from close(document)
    return {
        "different": len({str(state) for state in seen}),
        "back": back,
        "on": on,
        "layers": [state[0] for state in seen],
    }


def results_kept() -> Steps:
    """The history: a click goes back to a result, Apply inserts it again, and it is kept with the document."""
    document = yield from new_document(200, 200)
    yield from add_sketch(document, 0, 0, 200, 200)
    session().set_frame_mode("full")
    pictures = []
    for seed in (11, 12):
        session().set_value("seed", seed)
        yield from generate()
        pictures.append(digest(document.nodeByName("Portrait")))
    history = field("history")
    history.itemClicked.emit(history.item(1))
    restored = session().values["seed"]
    session().apply()
    yield lambda: not session().inserter.focus.watching
    again = digest(document.nodeByName("Portrait"))
    save(document, "history.kra")
    yield from close(document)
    yield lambda: not session().results()
    reopened = Krita.instance().openDocument(os.path.join(OUT, "history.kra"))
    Krita.instance().activeWindow().addView(reopened)
    Krita.instance().setActiveDocument(reopened)
    yield lambda: reopened == Krita.instance().activeDocument() and reopened.activeNode() is not None
    yield from eventually(session().results)
    kept = [entry.params["seed"] for entry in session().results()]
    history.itemClicked.emit(history.item(0))
    facts = {
        "restored": restored,
        "again": [digest_ == again for digest_ in pictures],
        "kept": kept,
        "seed": session().values["seed"],
        "icons": [history.count(), not history.item(0).icon().isNull()],
        "preview": isinstance(session().result().picture, bytes),
    }
    yield from close(reopened)
    return facts


def tools() -> Steps:
    """Invert and Upsample, with the parameters that the backend says they have."""
    document = yield from new_document(200, 100)
    yield from add_sketch(document, 0, 0, 200, 100)
    session().set_frame_mode("auto")
    session().tasks["invert"].set("style", "gray")
    invert = yield from generate("limner_invert")
    red = document.nodeByName("Portrait").pixelData(50, 50, 1, 1)[2]
    yield from choose_layer(document, document.nodeByName("Sketch"))
    session().tasks["upsample"].set("candidates", 2)
    upsample = yield from generate("limner_upsample")
    welcome = session().state.welcome
    fewer = {name: task for name, task in welcome.schema.items() if name != "invert"}
    state = session().state
    session().state = type(state)(state.name, connection=state.connection, welcome=_with_schema(welcome, fewer))
    session().changed()
    refused = yield from generate("limner_invert")
    enabled = [field("invert_button").isEnabled(), field("upsample_button").isEnabled()]
    session().state = state
    yield from close(document)
    return {"invert": invert, "style": red[0], "upsample": upsample, "refused": refused, "enabled": enabled}


def _with_schema(welcome: Any, schema: Any) -> Any:
    from dataclasses import replace

    return replace(welcome, schema=schema)


def killed_in_the_middle() -> Steps:
    """The backend is killed while it draws: the docker says so, its button starts another one, and that one draws."""
    document = yield from new_document(200, 200)
    yield from add_sketch(document, 0, 0, 200, 200)
    yield from _begin_slowly()
    first = session().state.welcome.pid
    os.kill(first, signal.SIGKILL)
    yield lambda: not session().running and session().state.name != "ready"
    button = field("help_button")
    told = [session().state.name, field("trouble").text(), button.isVisible(), button.text()]
    layers = names(document.rootNode())
    SLOW.unlink(missing_ok=True)
    button.click()
    yield lambda: session().state.name == "ready"
    facts = yield from generate()
    facts.update(told=told, nothing=layers, another=session().state.welcome.pid != first)
    yield from close(document)
    return facts


def not_installed() -> Steps:
    """No backend and no record of one: the docker says so; after the installation its button finds it."""
    yield from stop_the_backend()
    record, aside = SLOW.with_name("install.json"), SLOW.with_name("aside")
    record.rename(aside)
    session().service.start()
    yield lambda: session().state.name == "not_installed"
    button = field("help_button")
    told = [field("backend_state").text(), field("trouble").text(), button.isVisible(), button.text()]
    shot("not_installed")
    aside.rename(record)
    button.click()
    yield lambda: session().state.name == "ready"
    return {"told": told, "after": [field("backend_state").text(), field("help_button").text()]}


def ended_in_the_middle() -> Steps:
    """While the backend draws: Cancel; the sketch is deleted; the document is closed."""
    facts = {}
    document = yield from new_document(200, 200)
    yield from add_sketch(document, 0, 0, 200, 200)
    yield from _begin_slowly()
    field("cancel_button").click()
    yield lambda: not session().running
    facts["cancelled"] = [session().problem, names(document.rootNode())]
    yield from _begin_slowly()
    document.nodeByName("Sketch").remove()
    SLOW.unlink(missing_ok=True)
    yield lambda: not session().running
    facts["deleted"] = [session().problem.message, names(document.rootNode())]
    yield from trigger("edit_undo")
    yield 300
    yield from choose_layer(document, document.nodeByName("Sketch"))
    yield from _begin_slowly()
    yield from close(document)
    SLOW.unlink(missing_ok=True)
    yield lambda: not session().running
    facts["closed"] = session().problem.message
    other = yield from new_document(200, 200)
    yield from add_sketch(other, 0, 0, 200, 200)
    facts["after"] = yield from generate()
    yield from close(other)
    return facts


def _begin_slowly() -> Steps:
    """Begin a portrait that ends when SLOW is gone, and wait until the backend is at it."""
    SLOW.touch()
    Krita.instance().action("limner_generate").trigger()
    yield lambda: session().current() is not None and session().current().fraction > 0
