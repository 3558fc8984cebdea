# SPDX-License-Identifier: Apache-2.0
"""The plug-in in the real GIMP 3: images made and procedures called inside it, the saved .xcf looked at afterwards.

The backend runs here with an engine without networks (gimp_engine), GIMP in its own folder; they share a Limner home.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from limner.client import Client
from limner.wire import Pixels
from tests.editors.gimp_engine import KILL_BACKEND, PATCH, TURNED
from tests.editors.gimp_real import INVERT, LIVE, PORTRAIT, SHADOW, UPSAMPLE, Backends, Gimp, open_gimp

pytestmark = [pytest.mark.editors, pytest.mark.timeout(2400)]

SIDE = 512
FORMATS = {"u8": ("R'G'B'A u8", np.uint8), "u16": ("R'G'B'A u16", "<u2"), "float": ("RGBA float", "<f4")}
SELECTION = (130, 90, 300, 200)
MADE_IN_GIMP = ("eight-bit", "sixteen-bit", "float", "gray")


def sketch(width: int = SIDE, height: int = SIDE) -> NDArray[np.uint8]:
    """(H, W, 4): gray levels that tell each place from every other, opaque."""
    rows, columns = np.mgrid[0:height, 0:width]
    gray = ((rows // 8 * 37 + columns // 8 * 101) % 200 + 28).astype(np.uint8)
    return np.dstack([gray, gray, gray, np.full_like(gray, 255)])


def stored_as(picture: NDArray[np.uint8], precision: str) -> bytes:
    """The picture's values in the format that FORMATS names."""
    if precision == "u8":
        return picture.tobytes()
    if precision == "u16":
        return (picture.astype("<u2") * 257).tobytes()
    unit = picture / 255  # "RGBA float" is linear light
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    linear[..., 3] = unit[..., 3]
    return linear.astype("<f4").tobytes()


def luminance(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(H, W) in [0, 255], sRGB curve: the relative luminance of an sRGB picture, as Gegl has it (adapted to D50)."""
    unit = picture[..., :3] / 255
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4) @ (0.2225, 0.7169, 0.0606)
    return 255 * np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


class Cases:
    """Describes cases to the driver, and keeps their pictures."""

    def __init__(self, gimp: Gimp) -> None:
        self.gimp, self.described = gimp, []
        self.pictures: dict[str, NDArray[np.uint8]] = {}

    def layer(self, name: str, picture: NDArray[np.uint8], x: int = 0, y: int = 0, precision: str = "u8") -> Any:
        file = f"in-{len(list(self.gimp.work.glob('in-*')))}.raw"
        (self.gimp.work / file).write_bytes(stored_as(picture, precision))
        height, width = picture.shape[:2]
        place = {"x": x, "y": y, "width": width, "height": height}
        return {"name": name, **place, "pixels": file, "format": FORMATS[precision][0]}

    def add(self, name: str, layers: list[Any], size: tuple[int, int] = (SIDE, SIDE), **more: Any) -> None:
        image = {"width": size[0], "height": size[1], "base": more.pop("base", "rgb")}
        image["precision"] = more.pop("precision", "u8")
        case = {"name": name, "image": image, "layers": layers, "procedure": PORTRAIT, "drawables": ["sketch"]}
        self.described.append({**case, **more})


def describe(cases: Cases) -> None:
    """All cases of the module; one GIMP runs them."""
    gimp, layer, add = cases.gimp, cases.layer, cases.add
    whole = sketch()
    Image.fromarray(whole[..., :3]).save(gimp.work / "photo.png")
    file_case = {"name": "file", "image": {"file": "photo.png"}, "procedure": PORTRAIT, "arguments": {"seed": 3}}
    cases.described.append({**file_case, "again": {"procedure": SHADOW, "drawables": ["Background"]}})
    arguments = {"seed": 5, "frame": "full", "left-eye": 1.0}
    for name, precision in (("eight-bit", "u8"), ("sixteen-bit", "u16"), ("float", "float")):
        add(name, [layer("sketch", whole, precision=precision)], precision=precision, arguments=arguments)
    add("gray", [layer("sketch", whole)], base="gray", arguments={**arguments, "shadow": False})
    add("indexed", [layer("sketch", whole)], base="indexed")
    offset = [
        layer("paper", sketch(300, 300)),
        layer("sketch", sketch(600, 400), -40, 25),
        layer("above", sketch(8, 8)),
    ]
    add("offset", offset, (700, 500), arguments={"frame": "selection"}, selection=SELECTION)
    add("no-selection", [layer("sketch", whole)], arguments={"frame": "selection"})
    hints = np.zeros((20, 30, 4), np.uint8)
    hints[..., 0] = hints[..., 3] = 255
    add("hints", [layer("sketch", sketch(), 50, 60), layer("hints", hints, 150, 260)], (700, 700), hints="hints")
    turned = {"arguments": {"seed": TURNED, "frame": "selection", "shadow": False}, "selection": SELECTION}
    add("turned", [layer("sketch", whole)], **turned)
    add("blank", [layer("sketch", np.full_like(whole, 255))])
    add("two", [layer("sketch", whole), layer("other", whole)], drawables=["sketch", "other"])
    add("mask", [layer("sketch", whole)], mask=True)
    add("last-values", [layer("sketch", whole)], mode="last")
    wide = [layer("sketch", np.repeat(sketch(4100, 40), 2, axis=1), -100, 0)]
    add("large", wide, (8000, 60), arguments={"frame": "selection"}, selection=(6000, 4, 32, 32))
    add("invert", [layer("sketch", whole)], procedure=INVERT, arguments={"style": "gray", "frame": "full"})
    tiny = {"arguments": {"candidates": 3, "seed": 5}, "procedure": UPSAMPLE}
    add("upsample", [layer("sketch", sketch(16, 16), 100, 90)], **tiny)
    add("live", [layer("sketch", whole)], procedure=LIVE)
    again = {"procedure": PORTRAIT, "drawables": ["sketch"], "arguments": {"seed": 8}}
    add("killed", [layer("sketch", whole)], arguments={"seed": KILL_BACKEND}, again=again)


@pytest.fixture(scope="module")
def gimp() -> Iterator[Gimp]:
    with open_gimp() as found:
        yield found


@pytest.fixture(scope="module")
def backends(gimp: Gimp) -> Iterator[Backends]:
    with Backends(gimp.home) as found:
        yield found


@pytest.fixture(scope="module")
def answers(gimp: Gimp, backends: Backends) -> dict[str, Any]:
    """What one GIMP said of all cases. No backend runs at first: the plug-in has to start one."""
    cases = Cases(gimp)
    describe(cases)
    return gimp.run(cases.described)


def made(answers: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The answer of a case that went well; its layers are left as they were."""
    answer: Mapping[str, Any] = answers["cases"][name]
    assert (answer["status"], answer["error"]) == ("success", "")
    assert answer["saved"]
    assert answer["unchanged"], "the artist's layers have changed"
    return answer


def failed(answers: Mapping[str, Any], name: str, status: str) -> str:
    """The error of a case that went wrong; nothing was inserted."""
    answer = answers["cases"][name]
    assert answer["status"] == status
    assert answer["unchanged"]
    assert not [layer for layer in answer["layers"] if layer["group"] or layer["parasite"]]
    return str(answer["error"])


def group_in(
    answer: Mapping[str, Any], sketch_name: str = "sketch", group: str = "Limner portrait"
) -> Mapping[str, Any]:
    """The group of that name directly above the sketch."""
    names = [layer["name"] for layer in answer["layers"]]
    found = answer["layers"][names.index(sketch_name) - 1]
    assert (found["name"], found["group"]) == (group, True), names
    return found


def from_client(backends: Backends, picture: NDArray[np.uint8], **params: Any) -> dict[str, NDArray[np.uint8]]:
    """What the backend gives to another client for the same picture and values."""
    height, width, channels = picture.shape
    connection = backends.started[-1].wait_until_listening()
    with Client(connection) as client:
        pixels = Pixels(width, height, channels, "u8", picture.tobytes())
        result = client.run("portrait", {"sketch": pixels}, params)
    images = result.images.items()
    return {name: np.frombuffer(p.data, np.uint8).reshape(p.height, p.width, 4) for name, p in images}


def test_the_plugin_starts_a_backend_when_none_runs(answers: Mapping[str, Any], backends: Backends) -> None:
    made(answers, "file")
    assert len(backends.started) == 2  # the second one after the first was killed; all other calls adopted them


def test_group_and_layers_of_a_picture_file(answers: Mapping[str, Any], gimp: Gimp, backends: Backends) -> None:
    answer = made(answers, "file")
    tops = [(layer["name"], layer["group"]) for layer in answer["layers"]]
    # the portrait first, then the shadow guide alone, each directly above the sketch
    assert tops == [("Limner portrait", True), ("Shadow guide #1", False), ("Background", False)]
    children = answer["layers"][0]["children"]
    assert [layer["name"] for layer in children] == ["Portrait", "Shadow guide"]
    assert [(layer["x"], layer["y"], layer["width"]) for layer in children] == [(0, 0, SIDE)] * 2
    expected = from_client(backends, sketch()[..., :3], seed=3)
    assert np.array_equal(gimp.pixels(children[0]), expected["portrait"])
    assert np.array_equal(gimp.pixels(children[1]), expected["shadow"])
    assert np.array_equal(gimp.pixels(answer["layers"][1]), expected["shadow"])
    assert np.array_equal(gimp.pixels(answer["layers"][2]), sketch())


@pytest.mark.parametrize("name", MADE_IN_GIMP)
def test_each_precision(answers: Mapping[str, Any], gimp: Gimp, backends: Backends, name: str) -> None:
    answer = made(answers, name)
    children = group_in(answer)["children"]
    expected = from_client(backends, sketch(), seed=5, frame="full", left_eye=1.0)
    assert [layer["name"] for layer in children] == ["Portrait", "Shadow guide"][: 1 if name == "gray" else 2]
    portrait = gimp.pixels(children[0]).astype(int)
    if name == "gray":  # such an image holds no color: the portrait's luminance
        assert np.abs(portrait[..., 0] - luminance(expected["portrait"])).max() <= 2
        assert np.ptp(portrait[..., :3], axis=2).max() == 0
    else:
        assert np.abs(portrait - expected["portrait"]).max() <= 1  # rounding in another precision
        assert np.abs(gimp.pixels(children[1]).astype(int) - expected["shadow"]).max() <= 1


def test_the_image_keeps_its_precision(answers: Mapping[str, Any]) -> None:
    found = {name: answers["cases"][name]["precision"] for name in MADE_IN_GIMP}
    assert found["eight-bit"] == "u8-non-linear"
    assert found["sixteen-bit"] == "u16-non-linear"
    assert found["float"] == "float-linear"


def test_the_selection_of_an_offset_layer(answers: Mapping[str, Any], gimp: Gimp) -> None:
    answer = made(answers, "offset")
    assert [layer["name"] for layer in answer["layers"]] == ["above", "Limner portrait", "sketch", "paper"]
    assert answer["selected"] == ["sketch"]
    assert answer["selection"] == [130, 90, 430, 290]
    for layer in group_in(answer)["children"]:  # the square around the selection, scaled from 512 to 300
        assert (layer["x"], layer["y"], layer["width"], layer["height"]) == (130, 40, 300, 300)
    guide = gimp.pixels(group_in(answer)["children"][1])[..., 0].astype(float)
    # the engine's guide is the sketch itself, cut at the frame: it lies where the strokes are
    drawn = sketch(600, 400)[..., 0].astype(float)
    under = drawn[40 - 25 : 340 - 25, 130 + 40 : 430 + 40]
    away = drawn[40 - 25 : 340 - 25, 130 + 30 : 430 + 30]
    assert np.abs(guide - under).mean() < 0.5 * np.abs(guide - away).mean()


def test_parameters_are_kept_with_the_group(answers: Mapping[str, Any]) -> None:
    group = group_in(made(answers, "eight-bit"))
    record = json.loads(group["parasite"])
    expected = {"seed": 5, "refine": 0.3, "left-eye": 1.0, "nose": -1.0, "shadow": True, "frame": "full"}
    assert record["procedure"] == PORTRAIT
    assert {name: record["arguments"][name] for name in expected} == expected
    params = record["made"]["params"]
    assert (params["left_eye"], params["nose"], params["refine"]) == (1.0, None, 0.3)
    assert record["made"]["frame"] == {"x": 0.0, "y": 0.0, "size": 512.0}
    assert record["made"]["device"] == "cpu"


def test_color_hints_are_read_at_the_place_of_the_sketch(answers: Mapping[str, Any], gimp: Gimp) -> None:
    group = group_in(made(answers, "hints"))
    portrait = gimp.pixels(group["children"][0])
    red = (portrait == (255, 0, 0, 255)).all(axis=2)
    rows, columns = np.nonzero(red)
    # the hints lie at (150, 260) of the image, the sketch at (50, 60)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (100, 129, 200, 219)


def test_a_turned_frame_turns_the_layer_and_keeps_the_selection(answers: Mapping[str, Any], gimp: Gimp) -> None:
    answer = made(answers, "turned")
    assert answer["selection"] == [130, 90, 430, 290]
    portrait = group_in(answer)["children"][0]
    assert (portrait["x"], portrait["y"]) == pytest.approx((130, 40), abs=2)
    assert (portrait["width"], portrait["height"]) == pytest.approx((300, 300), abs=3)
    pixels = gimp.pixels(portrait).astype(int)
    rows, columns = np.nonzero((pixels[..., 0] > 250) & (pixels[..., 1] < 5) & (pixels[..., 2] < 5))
    side = PATCH * 300 / SIDE
    assert (columns.mean(), rows.mean()) == pytest.approx((300 - side / 2, 150), abs=3)  # it was at the top


def test_an_inverted_sketch(answers: Mapping[str, Any], gimp: Gimp) -> None:
    group = group_in(made(answers, "invert"), group="Limner inverted")
    (portrait,) = group["children"]
    assert (portrait["name"], portrait["x"], portrait["y"], portrait["width"]) == ("Portrait", 0, 0, SIDE)
    pixels = gimp.pixels(portrait)
    assert np.array_equal(pixels[..., 0], 255 - sketch()[..., 0])
    assert (pixels[..., 2] == 100).all()  # the style went along
    assert json.loads(group["parasite"])["arguments"] == {"style": "gray", "frame": "full"}


def test_upsampled_candidates_keep_their_size_around_the_tiny_layer(answers: Mapping[str, Any], gimp: Gimp) -> None:
    group = group_in(made(answers, "upsample"), group="Limner upsampled")
    found = [(layer["name"], layer["x"], layer["y"], layer["width"]) for layer in group["children"]]
    place = (100 + 8 - SIDE // 2, 90 + 8 - SIDE // 2, SIDE)
    assert found == [(f"Candidate {number}", *place) for number in (1, 2, 3)]
    for number, layer in enumerate(group["children"], start=1):
        pixels = gimp.pixels(layer)
        assert (pixels[..., 2] == 10 * number + 5).all()
        assert np.array_equal(pixels[16::32, 16::32, 0], sketch(16, 16)[..., 0])


def test_last_values_work(answers: Mapping[str, Any]) -> None:
    answer = made(answers, "last-values")
    assert len(group_in(answer)["children"]) == 2


def test_a_layer_too_large_for_one_message(answers: Mapping[str, Any], gimp: Gimp) -> None:
    """It is sent in half its size; the result lies where it belongs all the same."""
    layer = group_in(made(answers, "large"))["children"][1]
    assert (layer["x"], layer["y"], layer["width"], layer["height"]) == (6000, 4, 32, 32)
    guide = gimp.pixels(layer)[..., 0].astype(float)
    drawn = np.repeat(sketch(4100, 40), 2, axis=1)[..., 0].astype(float)
    under, away = drawn[4:36, 6100:6132], drawn[4:36, 6116:6148]
    assert np.abs(guide - under).mean() < 0.5 * np.abs(guide - away).mean()


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("indexed", "calling-error", "The image has indexed colors, which cannot hold a portrait. Choose Image > Mode"),
        ("no-selection", "execution-error", "but nothing is selected. Select the face, or choose another face frame."),
        ("blank", "execution-error", "The sketch is blank: no strokes were found. Draw a face on the layer"),
        ("two", "calling-error", "Limner reads one layer, but 2 are selected. Select the layer that has the sketch."),
        ("live", "calling-error", "A live portrait needs somebody who draws. Call plug-in-limner-portrait instead."),
        ("mask", "calling-error", "is a mask or a channel, not a layer. Select the layer that has the sketch."),
    ],
)
def test_errors_say_what_to_do(answers: Mapping[str, Any], name: str, status: str, text: str) -> None:
    assert text in failed(answers, name, status)


def test_a_killed_backend_is_told_and_the_next_call_works(answers: Mapping[str, Any], backends: Backends) -> None:
    answer = answers["cases"]["killed"]
    assert answer["status"] == "execution-error"
    assert "The connection to the backend was lost" in answer["error"]
    assert "Try again" in answer["error"]
    assert (answer["again"]["status"], answer["again"]["error"]) == ("success", "")
    assert answer["unchanged"]
    assert [layer["name"] for layer in answer["layers"]] == ["Limner portrait", "sketch"]
    assert backends.started[0].process.poll() is not None
    assert backends.started[1].process.poll() is None


def test_the_procedures_as_gimp_has_them(answers: Mapping[str, Any]) -> None:
    procedures = answers["procedures"]
    assert {name: found["label"].replace("_", "") for name, found in procedures.items()} == {
        PORTRAIT: "Sketch to Portrait...",
        SHADOW: "Shadow Guide",
        LIVE: "Live Portrait...",
        INVERT: "Invert Sketch...",
        UPSAMPLE: "Upsample Face...",
    }
    for found in procedures.values():
        assert found["menus"] == ["<Image>/Filters/Limner"]
        assert found["blurb"]
    own = {name: set(found["arguments"]) - {"run-mode", "image", "drawables"} for name, found in procedures.items()}
    assert own[INVERT] == {"style", "frame"}
    assert own[UPSAMPLE] == {"candidates", "seed", "frame"}
    assert own[LIVE] == own[PORTRAIT]
    types = {name: spec["type"] for name, spec in procedures[PORTRAIT]["arguments"].items()}
    parts = ("left-eye", "right-eye", "nose", "mouth", "remainder")
    expected = {"seed": "gint", "refine": "gdouble", "shadow": "gboolean", "frame": "gchararray"}
    expected.update(dict.fromkeys(parts, "gdouble"), **{"color-hints": "GimpDrawable"})
    assert {name: types[name] for name in expected} == expected


def test_without_pyzmq_and_without_picture_files(answers: Mapping[str, Any], gimp: Gimp, backends: Backends) -> None:
    """The pure-Python transport, as on Windows and macOS; the backend of the other cases is adopted."""
    gimp.hide_pyzmq()
    written = gimp.watch_files()
    cases = Cases(gimp)
    cases.add("pure", [cases.layer("sketch", sketch())], arguments={"seed": 11})
    answer = made(gimp.run(cases.described), "pure")
    expected = from_client(backends, sketch(), seed=11)["portrait"]
    assert np.array_equal(gimp.pixels(group_in(answer)["children"][0]), expected)
    assert len(backends.started) == 2
    files = written.read_text("utf-8").splitlines()
    assert {path for path in files if "/__pycache__/" not in path} == {"watched"}
