# SPDX-License-Identifier: Apache-2.0
"""The plugin in the real Krita, under Xvfb: installed by `limner install krita`, the backend started by the plugin."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.editors.krita_kra import KraLayer, annotation, read_layers
from tests.editors.krita_session import Facts, KritaHome

pytestmark = [pytest.mark.editors, pytest.mark.slow, pytest.mark.timeout(1500)]

GROUP = ["Limner portrait", ["Shadow guide", "Portrait"]]


def layer(layers: list[KraLayer], name: str) -> KraLayer:
    return next(item for item in layers if item.name == name)


def pixels(layers: list[KraLayer], name: str) -> NDArray[np.uint8]:
    found = layer(layers, name).pixels
    assert found is not None
    return found


def test_the_first_portrait_starts_the_backend(facts: Facts) -> None:
    found = facts.of("first_portrait")
    assert found["before"] == "stopped"
    assert found["problem"] is None
    assert found["states"][-1] == "ready"
    assert "starting" in found["states"]
    assert found["layers"] == ["Background", "Sketch", GROUP]
    assert found["active"] == "Sketch"


def test_one_undo_takes_it_away_and_one_redo_brings_it_back(facts: Facts) -> None:
    found = facts.of("first_portrait")
    assert found["steps"] == 1
    assert (found["undone"], found["redone"]) == (["Background", "Sketch"], ["Background", "Sketch", GROUP])
    assert found["untouched"]


def test_the_saved_document_has_what_the_command_line_makes(krita: KritaHome, facts: Facts, tmp_path: Path) -> None:
    layers = read_layers(krita.out / "first.kra")
    assert [item.name for item in layers] == ["Limner portrait", "Portrait", "Shadow guide", "Sketch", "Background"]
    assert [item.groups for item in layers[1:3]] == [("Limner portrait",)] * 2
    assert layer(layers, "Shadow guide").opacity == 102
    sketch, out, guide = tmp_path / "sketch.png", tmp_path / "out.png", tmp_path / "guide.png"
    cv2.imwrite(str(sketch), cv2.cvtColor(pixels(layers, "Sketch"), cv2.COLOR_RGBA2BGRA))
    krita.command().succeeds("portrait", sketch, "-o", out, "--shadow", guide, "--seed", "7", "--frame", "full")
    for name, path in (("Portrait", out), ("Shadow guide", guide)):
        made = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        made = cv2.cvtColor(made, cv2.COLOR_BGRA2RGBA if made.shape[2] == 4 else cv2.COLOR_BGR2RGBA)
        assert np.array_equal(pixels(layers, name), made), name
    assert facts.of("first_portrait")["shown"] == pixels(layers, "Portrait")[8, 8, :3].tolist()


def test_parameters_seed_and_weights_are_kept_in_the_document(krita: KritaHome, facts: Facts) -> None:
    facts.of("first_portrait")
    note = json.loads(annotation(krita.out / "first.kra", "limner"))
    ((made,),) = note["made"].values()
    assert (made["params"]["seed"], made["weights"]) == (7, {"fake.safetensors": "0" * 64})
    assert made["frame"] == {"x": 0.0, "y": 0.0, "size": 512.0, "angle": 0.0}


@pytest.mark.parametrize(
    ("document", "seed", "frame", "square"),
    [
        ("U16", "7", "full", (0, 0, 400)),  # as the fake engine says
        ("F32", "7", "full", (0, 0, 400)),
        ("selection", "8", "200,80,100", (200, 80, 100)),
    ],
)
def test_what_the_command_line_makes_lies_in_the_frame(
    krita: KritaHome, facts: Facts, tmp_path: Path, document: str, seed: str, frame: str, square: tuple[int, int, int]
) -> None:
    facts.of("depths")
    facts.of("selection_frame")
    layers = read_layers(krita.out / f"{document}.kra")
    strokes, made = (as_seen(pixels(layers, name), document) for name in ("Sketch", "Portrait"))
    cv2.imwrite(str(tmp_path / "sketch.png"), cv2.cvtColor(strokes, cv2.COLOR_RGBA2BGRA))
    out = tmp_path / "out.png"
    krita.command().succeeds("portrait", tmp_path / "sketch.png", "-o", out, "--seed", seed, "--frame", frame)
    x, y, side = square
    expected = np.zeros_like(made)
    picture = cv2.resize(cv2.imread(str(out), cv2.IMREAD_UNCHANGED), (side, side), interpolation=cv2.INTER_AREA)
    top, bottom = max(y, 0), min(y + side, made.shape[0])
    expected[top:bottom, x : x + side] = cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA)[top - y : bottom - y]
    assert np.array_equal(made[..., 3] > 0, expected[..., 3] > 0)
    assert np.abs(made.astype(int) - expected).mean() < 1


def as_seen(found: NDArray[np.uint8], document: str) -> NDArray[np.uint8]:
    """Pixels of a document; those in floating point are linear."""
    if document != "F32":
        return found
    light = found[..., :3] / 255
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.dstack([(255 * curved + 0.5).astype(np.uint8), found[..., 3]])


@pytest.mark.parametrize("depth", ["U16", "F32"])
def test_other_depths_and_a_layer_that_begins_off_the_canvas(krita: KritaHome, facts: Facts, depth: str) -> None:
    found = facts.of("depths")[depth]
    assert found["problem"] is None
    assert (found["steps"], found["undone"]) == (1, ["Background", "Sketch"])
    assert found["redone"] == ["Background", "Sketch", GROUP]
    assert (found["untouched"], found["active"]) == (True, "Sketch")
    # The fake engine's guide is the picture stretched to a square, which lies on the canvas at (0, 0) with a side of
    # 400: so the strokes' rows 40 to 184 of 300 are drawn at 53 to 246, and their columns, up to 139, where they were.
    guide = pixels(read_layers(krita.out / f"{depth}.kra"), "Shadow guide")
    assert guide.shape == (300, 400, 4)
    assert guide[..., 3].min() == 255
    inked = guide[..., 0] > 0
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    assert 51 <= rows[0] <= 55
    assert 244 <= rows[-1] <= 248
    assert columns[0] <= 1
    assert 137 <= columns[-1] <= 141


def test_the_selection_is_the_frame_and_another_portrait_takes_the_groups_place(facts: Facts) -> None:
    found = facts.of("selection_frame")
    assert found["nothing"]["problem"][1] == "Nothing is selected."
    assert found["nothing"]["steps"] == 0
    assert found["frame"] == [200, 80, 100]
    assert found["first"]["steps"] == 1
    for step in ("first", "again", "from_portrait"):
        assert found[step]["layers"] == ["Background", "Sketch", GROUP], step
    assert found["from_portrait"]["problem"] is None


def test_the_controls_come_back_with_the_document(facts: Facts) -> None:
    found = facts.of("selection_frame")
    assert found["restored"] == [8, "selection"]
    assert found["untouched"]


def test_an_empty_layer_adds_nothing(facts: Facts) -> None:
    found = facts.of("nothing_to_draw")["empty"]
    assert found["problem"][0] == "blank_sketch"
    assert (found["steps"], found["layers"]) == (0, ["Background", "Empty"])


def test_the_guide_alone_lies_under_the_strokes(facts: Facts) -> None:
    found = facts.of("nothing_to_draw")["guide"]
    assert (found["steps"], found["problem"]) == (1, None)
    assert found["layers"] == ["Background", "Empty", "Shadow guide", "Sketch"]
    assert found["undone"] == ["Background", "Empty", "Sketch"]
    assert found["active"] == "Sketch"


def test_two_documents_do_not_mix(facts: Facts) -> None:
    found = facts.of("two_documents")
    assert found["one"] == ["Background", "Sketch", GROUP]
    assert found["other"] == ["Background", "Sketch"]
    message, layers = found["closed"]
    assert message.startswith("The document was closed")
    assert layers == found["one"]


def test_cancel_in_the_middle(facts: Facts) -> None:
    found = facts.of("cancel_in_the_middle")
    assert found["cancelled"] == ["Background", "Sketch"]
    assert found["layers"] == ["Background", "Sketch", GROUP]


def test_live_follows_the_drawing_and_inserts_nothing_before_apply(facts: Facts) -> None:
    found = facts.of("live_preview")
    assert found["unchanged"]
    assert found["differs"]
    assert found["inserted"] == 0
    assert GROUP in found["layers"]
    assert found["ended"]
    assert (found["hidden"], found["shown"]) == (False, [True, True])  # Live ends with the docker, and opens it


def test_the_backend_goes_on_when_krita_has_ended(krita: KritaHome, facts: Facts) -> None:
    facts.of("first_portrait")
    assert krita.command().json("status")["state"] == "ready"


def test_a_killed_backend_is_told_and_replaced(facts: Facts) -> None:
    found = facts.of("backend_killed")
    name, message, remedy = found["lost"]
    assert (name, bool(message), bool(remedy)) == ("lost", True, True)
    assert found["problem"] is None
    assert (found["state"], found["another"]) == ("ready", True)
    assert found["layers"] == ["Background", "Sketch", GROUP]
