# SPDX-License-Identifier: Apache-2.0
"""Scenarios with mouse and keyboard: fifty strokes with Live on, the menu, the docker, the face frame on the canvas."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Any

from krita import Krita
from krita_steps import (
    Steps,
    add_sketch,
    center,
    click,
    close,
    eventually,
    field,
    hand,
    names,
    new_document,
    session,
    shot,
    undo_steps,
)
from limner_krita.editor import Canvas, Layer
from limner_krita.editor.view import CanvasView
from limner_krita.ui.docker import LimnerDocker
from limner_krita.ui.overlay import FrameOverlay
from limner_krita.ui.preview import PreviewArea
from PyQt5.QtCore import QPointF, QTimer
from PyQt5.QtWidgets import QAbstractSpinBox, QSlider

STROKES = 50
PIXELS = ((Layer, "read"), (Layer, "remove"), (Canvas, "insert_group"), (Canvas, "refresh"))


class Blocks:
    """How long the plugin's own code keeps the GUI thread busy, each time that Qt calls it, in milliseconds of the
    thread's processor time, which other work on the machine lengthens less than that of the clock. What reads and
    inserts pixels is counted by itself; there Krita makes the thread wait for its drawing threads, which is no part.
    """

    def __init__(self) -> None:
        live, frame = session(), LimnerDocker.frame
        self._entries = [(live, name) for name in ("tick", "update_live", "apply")]
        self._entries += [(frame, "sync"), (PreviewArea, "paintEvent"), (FrameOverlay, "paintEvent")]
        self._entries += [(LimnerDocker, "canvasChanged")]
        self.slots: list[tuple[float, str]] = []
        self.pixels: list[tuple[float, str]] = []
        self._depth, self._apart = 0, 0.0

    @contextmanager
    def measured(self) -> Any:
        saved = [(owner, name, getattr(owner, name)) for owner, name in (*self._entries, *PIXELS)]
        for owner, name, function in saved:
            timed = self._timed_pixels if (owner, name) in PIXELS else self._timed_slot
            setattr(owner, name, timed(name, function))
        try:
            yield self
        finally:
            for owner, name, function in saved:
                setattr(owner, name, function)

    def _timed_slot(self, name: str, function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            if self._depth:
                return function(*arguments)
            self._depth, self._apart, begun = 1, 0.0, time.thread_time()
            try:
                return function(*arguments)
            finally:
                self._depth = 0
                self.slots.append((1000 * (time.thread_time() - begun - self._apart), name))

        return call

    def _timed_pixels(self, name: str, function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            begun = time.thread_time()
            try:
                return function(*arguments)
            finally:
                took = time.thread_time() - begun
                self._apart += took
                self.pixels.append((1000 * took, name))

        return call


class Gaps:
    """How late a timer of 5 ms comes, in milliseconds of the clock: all that is in the GUI thread, Krita's own too."""

    def __init__(self) -> None:
        self.found: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(5)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.found.append(1000 * (now - self._last))
        self._last = now

    def stop(self) -> list[float]:
        self._timer.stop()
        return sorted(self.found)[-5:]


def fifty_strokes() -> Steps:
    """Fifty strokes by mouse with Live on; then Apply."""
    document = yield from new_document(1024, 1024)
    yield from add_sketch(document, 0, 0, 1024, 1024)
    session().set_frame_mode("full")
    Krita.instance().action("limner_live").trigger()
    yield lambda: session().result() is not None and session().result().finished is not None and not session().running
    first, steps = session().result().finished, undo_steps()
    gaps, blocks = Gaps(), Blocks()
    with blocks.measured():
        for stroke in range(STROKES):
            x, y = _on_screen(60 + 18 * stroke, 150)
            words = ["mousemove", x, y, "mousedown", 1]
            for step in range(1, 6):
                words += ["mousemove", x + step, y + 12 * step, "sleep", 0.01]
            yield from hand(*words, "mouseup", 1)
            if stroke % 10 == 9:  # the hand rests
                yield 500
        yield from eventually(lambda: undo_steps() - steps == STROKES)  # Krita may be behind
        drawn = undo_steps() - steps
        yield 500  # the hand rests: the last portrait is of all strokes
        yield lambda: session().result().finished not in (None, first) and not session().running
        second = session().result().finished
        field("apply_button").click()
        yield from eventually(lambda: len(names(document.rootNode())) == 3)
    Krita.instance().action("limner_live").trigger()
    facts = {
        "strokes": drawn,
        "slots": sorted(blocks.slots)[-5:],
        "calls": len(blocks.slots),
        "pixels": sorted(blocks.pixels)[-5:],
        "kinds": sorted({name for _, name in blocks.pixels}),
        "gaps": gaps.stop(),
        "changed": bytes(first.picture.data) != bytes(second.picture.data),
        "layers": names(document.rootNode()),
    }
    yield from close(document)
    return facts


def _on_screen(x: float, y: float) -> tuple[int, int]:
    """Where a pixel of the document in front is on the screen."""
    view = CanvasView.in_front()
    point = view.widget.mapToGlobal(view.transform().map(QPointF(x, y)).toPoint())
    return point.x(), point.y()


def frame_shown() -> Steps:
    """The outline of the face frame on a canvas that is zoomed, turned and mirrored: its color is where it belongs."""
    document = yield from new_document(400, 300)
    node = document.createNode("Corner", "paintlayer")
    node.setPixelData(bytes([255, 0, 0, 255]) * 40 * 40, 0, 0, 40, 40)  # a blue square shows where the corner is
    document.rootNode().addChildNode(node, None)
    session().set_frame_mode("full")
    Krita.instance().action("limner_docker").trigger()  # the outline is there as long as the docker is
    canvas = Krita.instance().activeWindow().activeView().canvas()
    facts = []
    for zoom, angle, mirror in ((0.7, 0, False), (0.5, 30, False), (0.5, -40, True)):
        canvas.setMirror(mirror)
        canvas.setRotation(angle)
        canvas.setZoomLevel(zoom)
        yield 900
        for _look in range(30):  # the screen shows it a while later
            corner, *line = _colors([(20, 20), *((x, y) for x in range(0, 400, 5) for y in (-50, 350))])
            orange = sum(red > 180 and 100 < green < 200 and blue < 110 for red, green, blue in line) / len(line)
            if corner == (0, 0, 255) and orange > 0.4:
                break
            yield 500
        facts.append([corner, orange])
    overlay = field("face_frame")
    let_through = overlay.testAttribute(51)  # WA_TransparentForMouseEvents
    canvas.resetRotation()
    canvas.setMirror(False)
    yield from close(document)
    ratio = field("generate_button").devicePixelRatioF()
    return {"looks": facts, "let_through": let_through, "ratio": ratio}


def _colors(places: list[tuple[float, float]]) -> list[list[int]]:
    """What the screen shows at pixels of the document in front."""
    screen = Krita.instance().activeWindow().qwindow().screen().grabWindow(0).toImage()
    scale = int(screen.devicePixelRatio())
    points = [[scale * value + scale // 2 for value in _on_screen(*place)] for place in places]
    return [screen.pixelColor(*point).getRgb()[:3] for point in points]


def clicks() -> Steps:
    """The menu and the docker as a person uses them, with pictures of the screen."""
    document = yield from new_document(300, 300)
    yield from add_sketch(document, 0, 0, 300, 300)
    session().set_frame_mode("full")
    docker = next(item for item in Krita.instance().dockers() if item.objectName() == "limner_docker_widget")
    docker.setFloating(True)
    docker.move(700, 20)
    docker.resize(360, 900)
    docker.raise_()
    yield 500
    shot("docker_before")
    facts = {"entries": (yield from _generate_by_menu()), "by_menu": names(document.rootNode())}
    facts.update((yield from _set_controls()))
    shot("docker_set")
    yield from click(field("generate_button"))
    yield lambda: len(session().results()) == 2 and not session().inserter.focus.watching
    shot("docker_after")
    yield from click(field("section_preview"))
    facts["folded"] = yield from eventually(lambda: not session().settings.is_on("preview_open"))
    yield from click(field("section_preview"))
    docker.setFloating(False)
    yield from close(document)
    yield 300
    shot("no_document")
    return facts


def _generate_by_menu() -> Steps:
    """Tools > Scripts > Limner: Generate Portrait; returns what the menu offers."""
    bar = Krita.instance().activeWindow().qwindow().menuBar()
    menu = next(action.menu() for action in bar.actions() if action.text().replace("&", "") == "Tools")
    yield from hand("mousemove", *_at(bar, bar.actionGeometry(menu.menuAction())), "click", 1)
    yield menu.isVisible
    scripts = next(action for action in menu.actions() if action.text().replace("&", "") == "Scripts")
    yield from hand("mousemove", *_at(menu, menu.actionGeometry(scripts)), "click", 1)
    yield scripts.menu().isVisible
    yield 400
    shot("menu")
    entries = scripts.menu().actions()
    entry = next(action for action in entries if "Generate Portrait" in action.text())
    yield from hand("mousemove", *_at(scripts.menu(), scripts.menu().actionGeometry(entry)), "click", 1)
    yield lambda: session().result() is not None and not session().running and not session().inserter.focus.watching
    return [action.text().replace("&", "") for action in entries]


def _set_controls() -> Steps:
    """New color, a number typed, a slider dragged; returns the values."""
    seed = session().values["seed"]
    yield from click(field("new_color"))
    other_seed = yield from eventually(lambda: session().values["seed"] != seed)
    spin = field("field_refine").findChild(QAbstractSpinBox)
    yield from hand("mousemove", *center(spin), "click", "--repeat", 3, 1, "key", "ctrl+a", "type", "0.75")
    yield from hand("key", "Return")
    yield from eventually(lambda: session().values["refine"] == 0.75)
    slider = field("field_nose").findChild(QSlider)
    x, y = center(slider)
    yield from hand("mousemove", x - 20, y, "mousedown", 1, "mousemove", x, y, "mousemove", x + 20, y, "mouseup", 1)
    dragged = yield from eventually(lambda: session().values["nose"])
    return {"other_seed": other_seed, "typed": session().values["refine"], "dragged": dragged}


def _at(widget: Any, place: Any) -> tuple[int, int]:
    point = widget.mapToGlobal(place.center())
    return point.x(), point.y()
