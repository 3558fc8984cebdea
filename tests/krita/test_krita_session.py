# SPDX-License-Identifier: Apache-2.0
"""What the plugin does when Generate is pressed and the backend answers, with a service that only writes jobs down."""

from __future__ import annotations

from typing import Any

import pytest
from limner_krita.backend.jobs import StateEvent
from limner_krita.client import BackendState
from limner_krita.model.record import KEY, Record
from limner_krita.wire import Cancelled, Error, Progress, Queued

from tests.krita.desk import Desk
from tests.krita.fake_krita import FakeDocument, FakeNode, FakeRect


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
