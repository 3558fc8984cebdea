# SPDX-License-Identifier: Apache-2.0
"""Live, the controls, the tools, the history and the face frame, with a service that only writes jobs down."""

from __future__ import annotations

import pytest
from limner_krita.client import BackendState, Pixels
from limner_krita.editor import Editor
from limner_krita.model.geometry import Square
from limner_krita.model.session import Session
from limner_krita.wire import Cancelled, LimnerError, Result

from tests.krita.desk import WELCOME, Desk
from tests.krita.fake_krita import FakeDocument, FakeRect


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


def test_a_small_photo_is_sent_alone_and_what_comes_of_it_stays_large(desk: Desk) -> None:
    desk.ready()
    photo = desk.document.draw_layer("Photo", (30, 20), (31, 21))
    desk.session.generate("upsample")
    sent = desk.work(1).images["photo"]
    assert (sent.width, sent.height) == (2, 2)
    pixels = Pixels(8, 8, 4, "u8", bytes([1, 2, 3, 255]) * 64)
    result = Result("1", {"frame": {"x": 0, "y": 0, "size": 2}}, {"candidate-1": pixels})
    desk.tell(1, result, desk.service.jobs[1].finish(result))
    (made,) = desk.document.root.children[3].children
    assert (made.title, made.bounds().values) == ("Candidate 1", (27, 17, 8, 8))
    assert photo.bounds().values == (30, 20, 2, 2)


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
