# SPDX-License-Identifier: Apache-2.0
"""The plugin in the real Krita: other color models, undo, history, tools, mishaps, mouse and keyboard."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.editors.krita_session import Facts, KritaHome

pytestmark = [pytest.mark.editors, pytest.mark.slow, pytest.mark.timeout(1500)]

GROUP = ["Limner portrait", ["Shadow guide", "Portrait"]]
ALONE = ["Background", "Sketch"]
SLOT_MS, PIXELS_MS = 10, 50  # the most that one call may keep the GUI thread busy


@pytest.mark.parametrize("model", ["GRAYAU8", "CMYKAU8", "RGBAU16"])
def test_other_color_models_and_a_sketch_in_a_group(facts: Facts, model: str) -> None:
    found = facts.of("models")[model]
    assert found["problem"] is None
    assert (found["steps"], found["untouched"]) == (1, True)
    folder = ["Background", ["Folder", ["Sketch"]]]
    assert found["undone"] == folder
    assert found["layers"] == found["redone"] == ["Background", ["Folder", ["Sketch", GROUP]]]
    assert found["shown"] == found["shown again"]
    tint = facts.of("first_portrait")["shown"]  # the same seed, in a document of 8 bits sRGB
    if model == "GRAYAU8":
        assert max(found["shown"]) - min(found["shown"]) <= 2
    elif model == "CMYKAU8":  # bright colors get duller there, but keep their hue
        assert np.argsort(found["shown"]).tolist() == np.argsort(tint).tolist()
        assert max(found["shown"]) - min(found["shown"]) > 40
    else:
        assert np.abs(np.array(found["shown"]) - tint).max() <= 3


def test_undo_and_redo_go_through_portraits_one_by_one(facts: Facts) -> None:
    found = facts.of("portraits_undone")
    assert found["layers"] == [ALONE, [*ALONE, GROUP], [*ALONE, GROUP], [*ALONE, GROUP]]
    assert found["different"] == 4
    assert (found["back"], found["on"]) == ([True] * 3, [True] * 3)


def test_the_history_goes_back_to_a_result_and_is_kept_with_the_document(facts: Facts) -> None:
    found = facts.of("results_kept")
    assert found["restored"] == 11
    assert found["again"] == [True, False]
    assert found["kept"] == [12, 11]
    assert found["icons"] == [2, True]
    assert (found["seed"], found["preview"]) == (12, True)


def test_invert_and_upsample(facts: Facts) -> None:
    found = facts.of("tools")
    assert found["invert"]["problem"] is None
    assert found["invert"]["layers"] == [*ALONE, ["Limner inverted", ["Portrait"]]]
    assert found["style"] == 2
    upsampled = ["Limner upsampled", ["Candidate 2", "Candidate 1"]]
    assert found["upsample"]["layers"] == [*ALONE, upsampled, ["Limner inverted", ["Portrait"]]]
    assert (found["invert"]["steps"], found["upsample"]["steps"]) == (1, 1)


def test_a_tool_that_the_backend_does_not_offer(facts: Facts) -> None:
    found = facts.of("tools")
    assert found["refused"]["problem"][1] == "This backend does not offer 'Invert'."
    assert (found["refused"]["steps"], found["enabled"]) == (0, [False, True])


def test_the_backend_killed_while_it_draws(facts: Facts) -> None:
    found = facts.of("killed_in_the_middle")
    state, trouble, offered, label = found["told"]
    assert (state, offered, label) == ("lost", True, "Start again")
    assert len(trouble.splitlines()) == 2
    assert found["nothing"] == ALONE
    assert (found["another"], found["problem"]) == (True, None)
    assert found["layers"] == [*ALONE, GROUP]


def test_a_backend_that_is_not_installed(facts: Facts) -> None:
    found = facts.of("not_installed")
    state, trouble, offered, label = found["told"]
    assert (state, offered, label) == ("Backend: Not installed", True, "Look again")
    assert trouble.splitlines()[0] == "The Limner backend is not installed on this computer."
    assert "pip install limner" in trouble.splitlines()[1]
    assert found["after"] == ["Backend: Ready (cpu)", "Log"]


def test_a_portrait_that_nobody_waits_for_any_more(facts: Facts) -> None:
    found = facts.of("ended_in_the_middle")
    assert found["cancelled"] == [None, ALONE]
    assert found["deleted"][0].startswith("The sketch layer was removed")
    assert found["deleted"][1] == ["Background"]
    assert found["closed"].startswith("The document was closed")
    assert found["after"]["problem"] is None
    assert found["after"]["layers"] == [*ALONE, GROUP]


def test_live_never_keeps_the_gui_thread_busy(facts: Facts) -> None:
    found = facts.of("fifty_strokes")
    assert (found["strokes"], found["changed"]) == (50, True)
    assert found["layers"] == [*ALONE, GROUP]
    assert set(found["kinds"]) == {"insert_group", "read", "refresh"}
    assert found["calls"] > 50
    assert found["slots"][-1][0] < SLOT_MS, found["slots"]
    assert found["pixels"][-1][0] < PIXELS_MS, found["pixels"]


@pytest.mark.parametrize(("run", "scale"), [("facts", 1), ("fine_facts", 2)])
def test_the_face_frame_is_drawn_where_it_is(request: pytest.FixtureRequest, run: str, scale: int) -> None:
    found = request.getfixturevalue(run).of("frame_shown")
    assert (found["let_through"], found["ratio"]) == (True, scale)
    for corner, orange in found["looks"]:
        assert corner == [0, 0, 255]  # the place on the screen is computed rightly
        assert orange > 0.4  # of the dashed line


def test_menu_and_docker_by_mouse_and_keyboard(krita: KritaHome, facts: Facts) -> None:
    found = facts.of("clicks")
    assert [entry for entry in found["entries"] if entry.startswith("Limner: ")] == [
        f"Limner: {what}"
        for what in (
            "Generate Portrait",
            "Live Portrait",
            "Cancel",
            "Shadow Guide Only",
            "Invert",
            "Upsample",
            "Show Docker",
        )
    ]
    assert found["by_menu"] == [*ALONE, GROUP]
    assert (found["other_seed"], found["typed"], found["folded"]) == (True, 0.75, True)
    assert found["dragged"] is not None
    for name in ("docker_before", "menu", "docker_after", "no_document"):
        picture = cv2.imread(str(krita.out / f"{name}.png"))
        assert picture.std() > 10, name  # something is on it
