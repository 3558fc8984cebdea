# SPDX-License-Identifier: Apache-2.0
"""What the plugin does when buttons are pressed and the backend answers, with a service that only writes jobs down."""

from __future__ import annotations

from typing import Any

import pytest
from limner_krita.backend.jobs import Event, Job, JobEvent, StateEvent, Work
from limner_krita.client import BackendState, Pixels
from limner_krita.editor import Editor
from limner_krita.model.geometry import Square
from limner_krita.model.record import KEY, Record
from limner_krita.model.session import Session
from limner_krita.wire import (
    BooleanParameter,
    Cancelled,
    Error,
    FrameParameter,
    ImageSlot,
    IntegerParameter,
    LimnerError,
    NumberParameter,
    Progress,
    Queued,
    Result,
    TaskSchema,
    Welcome,
)

from tests.krita.fake_krita import FakeApp, FakeDocument, FakeNode, FakeRect, Krita

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


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_portrait_is_asked_for_and_inserted(desk: Desk) -> None:
    desk.session.generate()
    work = desk.work(1)
    assert (work.images["sketch"].width, work.images["sketch"].height) == (64, 48)
    assert bytes(work.images["sketch"].data).count(b"\x03\x02\x01\xff") == 2
    assert work.params == {"seed": 0, "refine": 0.3, "nose": None, "shadow": True, "frame": "auto", "live": False}
    desk.ready()
    desk.answer(1)
    assert desk.document.layer_names()[2:] == ["Limner portrait", "Shadow guide", "Portrait"]
    assert desk.document.root.children[2].children[1].pixels[2, 3] == b"\3\2\1\xff"
    assert (desk.session.problem, desk.session.running, desk.document.steps) == (None, {}, ["add layer"])


def test_what_made_it_is_kept_in_the_document_and_comes_back(desk: Desk) -> None:
    desk.ready()
    desk.session.set_value("seed", 42)
    desk.session.set_frame_mode("full")
    desk.session.generate()
    desk.answer(1)
    made = Record.from_bytes(desk.document.notes[KEY]).made[desk.sketch.uid.text][0]
    assert (made.params["seed"], made.weights, made.device) == (42, {"net.safetensors": "ab" * 32}, "cpu")
    assert made.frame == {"x": 2, "y": 3, "size": 8, "angle": 0}
    desk.app.show(FakeDocument())
    desk.session.document_changed()
    desk.session.set_value("seed", 1)
    desk.session.set_frame_mode("auto")
    desk.app.show(desk.document)
    desk.session.document_changed()
    assert (desk.session.values["seed"], desk.session.frame_mode) == (42, "full")


def test_the_artist_draws_on_at_the_sketch(desk: Desk) -> None:
    desk.ready()
    desk.session.generate()
    desk.answer(1)
    for _ in range(2):
        desk.document.active = desk.document.root.children[2]  # as Krita does, and a moment later again
        desk.session.tick()
        assert desk.document.active is desk.sketch
    desk.document.active = desk.document.root.children[0]  # the artist's own choice stays
    desk.session.tick()
    assert desk.document.active.title == "Background"


def test_events_that_krita_lets_through_while_layers_are_inserted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    set_children = FakeNode.setChildNodes

    def insert(node: FakeNode, nodes: list[FakeNode]) -> None:
        desk.service.events.append(StateEvent(BackendState("lost")))
        seen.extend([desk.session.tick(), desk.session.state.name, list(desk.session.running)])
        desk.session.generate()
        set_children(node, nodes)

    desk.ready()
    desk.session.generate()
    monkeypatch.setattr(FakeNode, "setChildNodes", insert)
    desk.answer(1)
    assert seen == [True, "ready", [1]]
    assert (len(desk.service.jobs), desk.document.steps) == (1, ["add layer"])
    desk.session.tick()
    assert desk.session.state.name == "lost"


def test_an_empty_layer_costs_a_message_only(desk: Desk) -> None:
    desk.document.draw_layer("Empty")
    desk.session.generate()
    assert desk.session.problem is not None
    assert desk.session.problem.code == "blank_sketch"
    assert "'Empty' is empty" in desk.session.problem.message
    assert (desk.service.jobs, desk.document.steps) == ({}, [])


def test_without_a_document_there_is_a_message(desk: Desk) -> None:
    desk.app.front = None
    desk.session.generate()
    assert desk.session.problem is not None
    assert desk.session.problem.message == "No document is open."


def test_the_selection_is_the_frame(desk: Desk) -> None:
    desk.session.set_frame_mode("selection")
    desk.session.generate()
    assert desk.session.problem is not None
    assert desk.session.problem.message == "Nothing is selected."
    desk.document.selected = FakeRect((10, 20, 30, 10))
    desk.session.generate()
    assert desk.work(1).params["frame"] == [10, 10, 30]


def test_strokes_beyond_the_canvas_are_sent_and_the_portrait_lands_where_it_belongs(desk: Desk) -> None:
    desk.sketch.paint((-10, -4))
    desk.session.generate()
    sketch = desk.work(1).images["sketch"]
    assert (sketch.width, sketch.height) == (74, 52)
    assert bytes(sketch.data)[:4] == b"\x03\x02\x01\xff"
    desk.answer(1)
    assert (-8, -1) in desk.document.root.children[2].children[1].pixels


def test_the_result_goes_to_its_own_document(desk: Desk) -> None:
    desk.session.generate()
    other = desk.app.show(FakeDocument())
    other.draw_layer("Other", (1, 1))
    desk.session.document_changed()
    desk.session.generate()
    desk.answer(1)
    assert (len(desk.document.root.children), len(other.root.children)) == (3, 2)
    assert desk.session.result() is None  # the preview is of the document in front
    desk.answer(2)
    assert len(other.root.children) == 3


def test_a_document_that_was_closed_meanwhile(desk: Desk) -> None:
    desk.session.generate()
    desk.document.close()
    desk.answer(1)
    assert desk.session.problem is not None
    assert desk.session.problem.message.startswith("The document was closed")
    assert desk.document.steps == []


def test_one_portrait_at_a_time_for_a_document(desk: Desk) -> None:
    desk.session.generate()
    desk.session.generate()
    assert len(desk.service.jobs) == 1


def test_progress_cancel_and_errors(desk: Desk) -> None:
    desk.session.generate()
    desk.tell(1, Queued("1", 2))
    running = desk.session.current()
    assert running is not None
    assert running.waiting == 2
    desk.tell(1, Progress("1", "synthesis", 0.5))
    assert (running.waiting, running.stage, running.fraction) == (None, "synthesis", 0.5)
    desk.session.cancel()
    assert desk.service.cancelled == [1]
    desk.tell(1, Cancelled("1"))
    assert (desk.session.current(), desk.session.problem, desk.document.steps) == (None, None, [])
    desk.session.generate()
    desk.tell(2, Error("2", "worker_died", "It ended.", "Try again."))
    assert desk.session.problem is not None
    assert desk.session.problem.remedy == "Try again."


def test_the_guide_alone(desk: Desk) -> None:
    desk.session.generate("shadow")
    assert desk.work(1).params == {"frame": "auto"}
    desk.answer(1)
    assert desk.document.layer_names() == ["Background", "Shadow guide", "Sketch"]


def test_color_hints_are_sent(desk: Desk) -> None:
    hints = desk.document.draw_layer("Colors", (7, 7))
    desk.document.active = desk.sketch
    desk.session.generate()
    assert set(desk.work(1).images) == {"sketch"}
    desk.answer(1)
    desk.session.set_hints(hints.uid.text)
    desk.session.generate()
    assert bytes(desk.work(2).images["color_hints"].data).count(b"\x03\x02\x01\xff") == 1


def test_live_draws_only_what_has_changed_and_inserts_nothing(desk: Desk) -> None:
    desk.ready()
    desk.session.set_live(True)
    assert desk.service.jobs[1].live
    assert desk.work(1).params["live"] is True
    desk.answer(1)
    assert desk.document.steps == []
    desk.session.update_live()
    assert desk.service.jobs[2].prepare(WELCOME) is None  # nothing has changed: nothing is sent
    desk.tell(2, Cancelled("2"))
    desk.sketch.paint((40, 40))
    desk.session.update_live()
    desk.work(3)
    desk.answer(3)
    desk.session.apply()
    desk.session.apply()
    assert desk.document.steps == ["add layer"]
    assert desk.document.root.children[2].children[1].pixels[2, 3] == b"\3\2\3\xff"


def test_live_ends_with_the_document(desk: Desk) -> None:
    desk.ready()
    desk.session.set_live(True)
    desk.app.show(FakeDocument())
    desk.session.document_changed()
    assert (desk.session.live, desk.service.cancelled) == (False, [1])


def test_values_that_the_backend_does_not_allow_are_not_sent(desk: Desk) -> None:
    desk.session.tasks["portrait"].values = {"seed": 7, "refine": 5.0, "nose": "long", "unknown": 1}
    desk.session.generate()
    assert {name: desk.work(1).params[name] for name in ("seed", "refine", "nose")} == {
        "seed": 7,
        "refine": 0.3,
        "nose": None,
    }
    assert "unknown" not in desk.work(1).params


def test_a_new_color_is_another_seed(desk: Desk) -> None:
    desk.session.tasks["portrait"].new_color()
    assert "seed" not in desk.session.values  # not before the backend has said what a seed is
    desk.ready()
    seeds = set()
    for _ in range(20):
        desk.session.tasks["portrait"].new_color()
        seeds.add(desk.session.values["seed"])
    assert len(seeds) > 1
    assert all(0 <= seed <= 100 for seed in seeds)


def test_the_tools_insert_what_comes_back_with_their_own_values(desk: Desk) -> None:
    desk.ready()
    desk.session.tasks["upsample"].set("candidates", 2)
    desk.session.generate("upsample")
    work = desk.work(1)
    assert (set(work.images), work.params) == ({"photo"}, {"candidates": 2})
    pixels = Pixels(8, 8, 4, "u8", bytes([1, 2, 3, 255]) * 64)
    result = Result("1", {"params": dict(work.params)}, {"candidate-1": pixels, "candidate-2": pixels})
    desk.tell(1, result, desk.service.jobs[1].finish(result))
    assert desk.document.layer_names()[2:] == ["Limner upsampled", "Candidate 2", "Candidate 1"]
    assert (desk.session.problem, desk.document.steps) == (None, ["add layer"])


def test_a_task_that_the_backend_does_not_offer_is_refused(desk: Desk) -> None:
    desk.ready()
    desk.session.generate("invert")
    assert desk.session.problem is not None
    assert desk.session.problem.message == "This backend does not offer 'Invert'."
    assert "pip install" in desk.session.problem.remedy
    assert desk.service.jobs == {}
    desk.session.state = BackendState("stopped")  # nothing is known yet: the job finds out
    desk.session.generate("invert")
    with pytest.raises(LimnerError, match="does not offer 'Invert'"):
        desk.service.jobs[1].prepare(WELCOME)


def test_a_result_of_the_history_comes_back_and_can_be_inserted_again(desk: Desk) -> None:
    desk.ready()
    for key, seed in ((1, 41), (2, 42)):
        desk.session.set_value("seed", seed)
        desk.session.generate()
        desk.answer(key)
    assert [entry.params["seed"] for entry in desk.session.results()] == [42, 41]
    desk.session.set_frame_mode("full")
    desk.session.restore(desk.session.results()[1])
    assert (desk.session.values["seed"], desk.session.frame_mode) == (41, "auto")
    desk.session.apply()
    assert desk.document.root.children[2].children[1].pixels[2, 3] == b"\3\2\1\xff"
    assert len(desk.session.results()) == 2
    again = Session(Editor(), desk.service)  # Krita was started anew
    again.document_changed()
    assert [entry.params["seed"] for entry in again.results()] == [42, 41]
    again.restore(again.results()[0])
    again.apply()  # the picture is gone: nothing to insert
    assert len(desk.document.root.children) == 3


def test_where_the_face_frame_is_shown(desk: Desk) -> None:
    frame = desk.session.face_frame
    assert frame.square() is None  # nothing was found yet
    desk.session.generate()
    desk.answer(1)
    assert frame.square() == Square(2, 3, 8)
    desk.session.set_frame_mode("full")
    assert frame.square() == Square(0, -8, 64)
    desk.session.set_frame_mode("selection")
    assert frame.square() is None
    desk.document.selected = FakeRect((10, 20, 30, 10))
    assert frame.square() == Square(10, 10, 30)
    desk.app.front = None
    assert frame.square() is None


def test_a_control_moved_often_is_drawn_once_with_the_next_tick(desk: Desk) -> None:
    desk.ready()
    desk.session.set_live(True)
    desk.answer(1)
    for step in range(10):
        desk.session.set_value("refine", step / 10)
    assert len(desk.service.jobs) == 1
    desk.session.tick()
    assert len(desk.service.jobs) == 2
    assert desk.work(2).params["refine"] == 0.9
