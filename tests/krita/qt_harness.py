# SPDX-License-Identifier: Apache-2.0
"""Runs the plugin's widgets and pictures in a Qt without Krita: `qt_harness.py PLUGIN_FOLDER CHECKOUT PyQt5|PyQt6`.

A process of its own, since a process can have only one Qt. Prints facts as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"


def load_krita(qt: str) -> Any:
    """The stand-in for Krita, with the classes that the docker is derived from."""
    fake = importlib.import_module("tests.krita.fake_krita")
    module = fake.as_module()
    module.DockWidget = importlib.import_module(qt + ".QtWidgets").QDockWidget
    return fake, module


def pictures() -> dict[str, Any]:
    """A picture scaled and turned onto a layer, sent again, and as a thumbnail."""
    from limner_krita import pictures
    from limner_krita.client import Pixels
    from limner_krita.editor.nodes import Block
    from limner_krita.model.geometry import Rect, Square, plan_sending

    pixels = Pixels(512, 512, 4, "u8", bytes([200, 100, 50, 255]) * 512 * 512)
    exact, turned = pictures.place(pixels, Square(3, 4, 512)), pictures.place(pixels, Square(0, 0, 300, 30))
    middle = (turned.rect.height // 2 * turned.rect.width + turned.rect.width // 2) * 4
    sending = plan_sending(Rect(0, 0, 300, 200), 100)
    sent = pictures.to_wire(Block(Rect(0, 0, 300, 200), bytes([1, 2, 3, 255]) * 60_000), sending)
    return {
        "exact": [exact.rect.x, exact.rect.width, list(exact.data[:4]), len(exact.data)],
        "turned": [turned.rect.width, list(turned.data[:4]), list(turned.data[middle : middle + 4])],
        "sent": [sent.width, sent.height, list(bytes(sent.data)[:4]), len(sent.data)],
        "thumbnail": pictures.thumbnail(pixels, 96)[:2].hex(),
    }


def docker(fake: Any, application: Any) -> dict[str, Any]:
    """The docker with a backend that is ready, its controls used, a result shown, and the frame's outline."""
    from limner_krita.client import BackendState
    from limner_krita.editor import Editor
    from limner_krita.model.history import Entry
    from limner_krita.model.session import Session
    from limner_krita.qt import QAbstractScrollArea, QObject, QPointF, QPolygonF, QWidget
    from limner_krita.ui.docker import LimnerDocker
    from limner_krita.ui.overlay import FrameOnCanvas, FrameOverlay
    from limner_krita.wire import (
        BooleanParameter,
        ChoiceParameter,
        ImageSlot,
        IntegerParameter,
        NumberParameter,
        TaskSchema,
        Welcome,
    )

    class Service:
        def look(self) -> None: ...
        def take_events(self) -> list[Any]:
            return []

    fake.Krita.app.activeWindow = lambda: None
    fake.Krita.app.show(fake.FakeDocument()).draw_layer("Sketch", (5, 5))
    parameters = (
        IntegerParameter("seed", maximum=100),
        NumberParameter("refine", label="Refine", default=0.3),
        NumberParameter("nose", label="Nose", default=None, optional=True, follows="refine"),
        NumberParameter("eps", minimum=1e-4, maximum=0.1, default=2e-3, step=1e-3),
        ChoiceParameter("style", choices=("a", "b"), labels=("A", "B"), default="b"),
        BooleanParameter("shadow", label="Shadow guide", default=True),
    )
    slots = (ImageSlot("sketch"), ImageSlot("color_hints", required=False))
    schema = {"portrait": TaskSchema("portrait", "", "", parameters, slots, ("portrait",))}
    session = Session(Editor(), Service())
    LimnerDocker.session, LimnerDocker.frame = session, FrameOnCanvas(session, QObject())
    widget = LimnerDocker()
    widget.resize(300, 900)
    widget.show()
    before = session.schema is None and not widget.grab().isNull()
    session._take_state(BackendState("ready", welcome=Welcome("1", "ready", "0.1", 1, "cpu", {}, schema)))
    session.document_changed()
    session.changed()
    find = lambda name: widget.findChild(QWidget, "limner_" + name)  # noqa: E731
    spins = {name: find("field_" + name).children()[-1] for name in ("refine", "nose", "eps")}
    spins["nose"].setValue(0.8)
    spins["refine"].setValue(0.6)
    find("new_color").click()
    opened = opened_by(find("help_button"))
    thumbnail = pictures_module().thumbnail(white(), 96)
    session.history[session.editor.active_canvas().key] = (Entry("portrait", {"refine": 0.1}, "full", thumbnail),)
    session.changed()
    find("history").itemClicked.emit(find("history").item(0))
    find("section_controls").click()
    canvas = QWidget()
    overlay = FrameOverlay(canvas, lambda: None)
    overlay.show_line(QPolygonF([QPointF(1, 1), QPointF(50, 1), QPointF(50, 40)]))
    picture = widget.grab().toImage()
    application.processEvents()
    return {
        "before": before,
        "help": [find("backend_state").text(), find("help_button").text(), *opened],
        "values": {name: session.values[name] for name in ("refine", "nose", "eps", "style", "shadow")},
        "decimals": spins["eps"].decimals(),
        "tools": [find("invert_button").isEnabled(), find("generate_button").isEnabled()],
        "folded": not session.settings.is_on("controls_open"),
        "frame_mode": session.frame_mode,
        "size": [picture.width(), picture.height()],
        "masked": not overlay.mask().isEmpty(),
        "scrolls": widget.findChild(QAbstractScrollArea) is not None,
    }


def opened_by(button: Any) -> list[str]:
    """The files that a click of the button opens in other programs."""
    from limner_krita.ui import status

    opened: list[str] = []
    status.QDesktopServices = type("Opened", (), {"openUrl": staticmethod(lambda url: opened.append(url.fileName()))})
    button.click()
    return opened


def pictures_module() -> Any:
    from limner_krita import pictures

    return pictures


def white() -> Any:
    from limner_krita.client import Pixels

    return Pixels(64, 64, 4, "u8", b"\xff" * 64 * 64 * 4)


def main() -> None:
    folder, checkout, qt = sys.argv[1:4]
    sys.path[:0] = [folder, checkout]
    application = importlib.import_module(qt + ".QtWidgets").QApplication([])
    import limner_krita  # noqa: F401 - before there is a krita module, so that it registers nothing

    fake, module = load_krita(qt)
    sys.modules["krita"] = module
    print(json.dumps({"pictures": pictures(), "docker": docker(fake, application)}))


main()
