# SPDX-License-Identifier: Apache-2.0
"""Runs test scenarios inside Krita: the functions named in LIMNER_RUN of the folder LIMNER_SCENARIOS, then quits Krita.

A scenario is a generator. It yields what it waits for, a callable or a number of milliseconds, and is sent what the
callable returned at last; so Krita's own event loop goes on in between (in a nested one Krita puts events off). The
milliseconds are those in which Krita takes in events: they are counted in ticks, of which a busy Krita has fewer.
What it returns, or the traceback of what it raised, is written as JSON to LIMNER_FACTS.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import Any

from krita import Krita
from PyQt5.QtCore import QTimer

PATIENCE_S = float(os.environ.get("LIMNER_PATIENCE", "180"))  # seconds, for anything to happen, on the slowest machine
_TICK_MS = 20


class Driver:
    """Steps through the scenarios from a timer."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.facts: dict[str, Any] = {}
        self.scenarios: dict[str, Any] = {}
        self.current: Generator[Any, Any, Any] | None = None
        self.name = ""
        self.awaited: Any = None
        self.deadline = 0.0
        self.ticks_left = 0.0
        self.timer = QTimer()
        self.timer.setInterval(_TICK_MS)
        self.timer.timeout.connect(self.step)
        self.timer.start()

    def step(self) -> None:
        window = Krita.instance().activeWindow()
        if not self.scenarios and (window is None or not window.qwindow().isVisible()):
            return
        try:
            self.scenarios = self.scenarios or load(os.environ["LIMNER_SCENARIOS"])
            self.advance()
        except Exception:
            self.facts[self.name or "driver"] = {"error": traceback.format_exc()}
            print(traceback.format_exc(), flush=True)
            self.current = None

    def advance(self) -> None:
        if self.current is None:
            self.begin_next()
            return
        self.ticks_left -= 1
        found = self.awaited() if callable(self.awaited) else self.ticks_left <= 0
        if not found:
            if callable(self.awaited) and time.monotonic() > self.deadline:
                self.awaited = None
                self.current.throw(AssertionError("waited in vain"))
            return
        try:
            self.await_what(self.current.send(found))
        except StopIteration as end:
            self.facts[self.name] = end.value
            self.current = None
            self.write()

    def begin_next(self) -> None:
        if not self.names:
            self.end()
            return
        self.name = self.names.pop(0)
        print("SCENARIO", self.name, flush=True)
        self.current = self.scenarios[self.name]()
        self.await_what(next(self.current))

    def await_what(self, awaited: Any) -> None:
        self.awaited = awaited
        self.deadline = time.monotonic() + PATIENCE_S
        self.ticks_left = 0 if callable(awaited) else awaited / _TICK_MS

    def write(self) -> None:
        with open(os.environ["LIMNER_FACTS"], "w", encoding="utf-8") as file:
            json.dump(self.facts, file, indent=1)

    def end(self) -> None:
        self.timer.stop()
        self.write()
        for document in Krita.instance().documents():
            document.setBatchmode(True)
            document.setModified(False)
        QTimer.singleShot(200, lambda: Krita.instance().action("file_quit").trigger())


def load(folder: str) -> dict[str, Any]:
    """The scenarios of all modules krita_scenarios* in a folder, by name."""
    sys.path.insert(0, folder)
    found: dict[str, Any] = {}
    for path in sorted(Path(folder).glob("krita_scenarios*.py")):
        found.update(vars(importlib.import_module(path.stem)))
    return found


driver = Driver(os.environ["LIMNER_RUN"].split(",")) if os.environ.get("LIMNER_RUN") else None
