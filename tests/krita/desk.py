# SPDX-License-Identifier: Apache-2.0
"""An artist's desk for tests: Krita's stand-in with a sketch, and a service that only writes jobs down."""

from __future__ import annotations

from typing import Any

from limner_krita.backend.jobs import Event, Job, JobEvent, StateEvent, Work
from limner_krita.client import BackendState, Pixels
from limner_krita.editor import Editor
from limner_krita.model.session import Session
from limner_krita.wire import (
    BooleanParameter,
    FrameParameter,
    ImageSlot,
    IntegerParameter,
    NumberParameter,
    Result,
    TaskSchema,
    Welcome,
)

from tests.krita.fake_krita import FakeApp, FakeDocument, Krita

PARAMETERS = (
    IntegerParameter("seed", maximum=100),
    NumberParameter("refine", default=0.3),
    NumberParameter("nose", default=None, optional=True, follows="refine"),
    BooleanParameter("shadow", default=True),
    FrameParameter("frame"),
    BooleanParameter("live"),
)
SLOTS = (ImageSlot("sketch"), ImageSlot("color_hints", required=False))
SCHEMA = {
    "portrait": TaskSchema("portrait", "", "", PARAMETERS, SLOTS, ("portrait", "shadow")),
    "upsample": TaskSchema(
        "upsample", "", "", (IntegerParameter("candidates", maximum=8),), (ImageSlot("photo"),), ("candidate",)
    ),
    "shadow": TaskSchema("shadow", "", "", (FrameParameter("frame"),), SLOTS[:1], ("shadow",)),
}
WELCOME = Welcome("1", "ready", "0.1", 1, "cpu", {"net.safetensors": "ab" * 32}, SCHEMA)


class WrittenDown:
    """In place of the BackendService."""

    def __init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        self.cancelled: list[int] = []
        self.started = 0
        self.events: list[Event] = []

    def submit(self, job: Job) -> int:
        self.jobs[len(self.jobs) + 1] = job
        return len(self.jobs)

    def cancel(self, key: int) -> None:
        self.cancelled.append(key)

    def start(self) -> None:
        self.started += 1

    def take_events(self) -> list[Event]:
        events, self.events = self.events, []
        return events


class Desk:
    """An artist's Krita with one document and a sketch, and a backend that does what the test says."""

    def __init__(self) -> None:
        self.app = Krita.app = FakeApp()
        self.service = WrittenDown()
        self.session = Session(Editor(), self.service)
        self.document = self.app.show(FakeDocument(64, 48))
        self.sketch = self.document.draw_layer("Sketch", (5, 5), (20, 30))

    def ready(self) -> None:
        self.service.events.append(StateEvent(BackendState("ready", welcome=WELCOME)))
        self.session.tick()

    def work(self, key: int) -> Work:
        work = self.service.jobs[key].prepare(WELCOME)
        assert work is not None
        return work

    def answer(self, key: int, **info: Any) -> None:
        """The result of the job: two squares of 8 x 8."""
        work = self.work(key) if not self.service.jobs[key].live else None
        frame = {"frame": {"x": 2.0, "y": 3.0, "size": 8.0, "angle": 0.0}}
        made = {"params": dict(work.params) if work else {"seed": 0}, "device": "cpu", **frame, **info}
        pixels = Pixels(8, 8, 4, "u8", bytes([key, 2, 3, 255]) * 64)
        names = ("shadow",) if self.service.jobs[key].task == "shadow" else ("portrait", "shadow")
        result = Result(str(key), made, dict.fromkeys(names, pixels))
        self.tell(key, result, self.service.jobs[key].finish(result))

    def tell(self, key: int, message: Any, value: Any = None) -> None:
        self.service.events.append(JobEvent(key, message, value))
        self.session.tick()
