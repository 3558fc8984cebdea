# SPDX-License-Identifier: Apache-2.0
"""The plug-in's work on the image, on a GIMP in memory: what it inserts, what it never touches, how it fails."""

import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from tests.gimp import fake_gimp as gimp

PORTRAIT, SHADOW = "plug-in-limner-portrait", "plug-in-limner-shadow"
LIVE, UPSAMPLE = "plug-in-limner-live", "plug-in-limner-upsample"
STATUS, MODE = gimp.PDBStatusType, gimp.RunMode
VALUES = {"seed": 0, "refine": 0.3, "shadow": True, "frame": "auto", "color_hints": None} | dict.fromkeys(
    ("left_eye", "right_eye", "nose", "mouth", "remainder"), -1.0
)


@pytest.fixture
def image() -> gimp.Image:
    """Three layers; the sketch is the one in the middle, at (30, -10)."""
    found = gimp.Image()
    found.layers = [gimp.Layer("above", 9, 9), gimp.Layer("sketch", 100, 80), gimp.Layer("paper", 200, 200)]
    sketch = found.layers[1]
    sketch.offsets = (30, -10)
    sketch.buffer.data[:] = bytes(index % 251 for index in range(100 * 80 * 4))
    return found


class FakeBackend:
    """Stands for backend.run_job: notes the job, gives pictures of 8 x 8, or fails."""

    def __init__(self, plugin: SimpleNamespace, **frame: float) -> None:
        self.plugin, self.jobs, self.error = plugin, [], None
        self.frame: Mapping[str, float] = frame or {"x": 5.0, "y": 6.0, "size": 8.0}
        self.names = ("portrait", "shadow")

    def __call__(self, job: Any, _launcher: Any, report: Any) -> Any:
        self.jobs.append(job)
        report("Painting the portrait", 0.5)
        if self.error is not None:
            raise self.error
        pictures = {
            name: self.plugin.wire.Pixels(8, 8, 4, "u8", bytes([n + 1] * 256)) for n, name in enumerate(self.names)
        }
        result = self.plugin.wire.Result("1", {"frame": self.frame, "seed": 0, "device": "cpu"}, pictures)
        return self.plugin.backend.Answer(result, "0.1.0")


@pytest.fixture
def backend(plugin: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    found = FakeBackend(plugin)
    monkeypatch.setattr(plugin.host_plugin, "run_job", found)
    return found


def call(
    plugin: SimpleNamespace, image: gimp.Image, drawables: list[Any], name: str = PORTRAIT, **values: Any
) -> tuple[Any, str]:
    config = gimp.Config(**{**VALUES, **values})
    outcome: tuple[Any, str] = plugin.host_plugin._run(
        gimp.Procedure(name), MODE.NONINTERACTIVE, image, drawables, config, None
    )
    return outcome


def test_the_group_lies_directly_above_the_sketch(
    plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend
) -> None:
    sketch = image.layers[1]
    before = bytes(sketch.buffer.data)
    assert call(plugin, image, [sketch]) == (STATUS.SUCCESS, "")
    assert [layer.name for layer in image.layers] == ["above", "Limner portrait", "sketch", "paper"]
    group = image.layers[1]
    assert [(layer.name, layer.offsets, layer.size) for layer in group.children] == [
        ("Portrait", (35, -4), (8, 8)),
        ("Shadow guide", (35, -4), (8, 8)),
    ]
    assert [layer.buffer.data[0] for layer in group.children] == [1, 2]
    assert {layer.kind for layer in group.children} == {gimp.ImageType.RGBA_IMAGE}
    assert (image.outside, image.open_groups, image.steps) == ([], 0, 1)
    assert image.selected == [sketch]
    assert (bytes(sketch.buffer.data), sketch.offsets, sketch.size) == (before, (30, -10), (100, 80))
    record = plugin.record.unpack(group.get_parasite("limner").get_data())
    assert record.arguments == {name.replace("_", "-"): v for name, v in VALUES.items() if name != "color_hints"}
    assert record.made["backend"] == "0.1.0"
    assert plugin.host_canvas.record_above(image, sketch) == record


def test_what_is_sent(plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend) -> None:
    sketch = image.layers[1]
    image.bounds = (40, 0, 60, 30)
    call(plugin, image, [sketch], frame="selection", nose=0.5, color_hints=image.layers[2])
    (job,) = backend.jobs
    assert bytes(job.images["sketch"].data) == bytes(sketch.buffer.data)
    assert (job.images["sketch"].width, job.images["sketch"].height) == (100, 80)
    assert job.params["frame"] == [5.0, 10.0, 30.0]  # the square around the selection, in the layer's own pixels
    assert (job.params["nose"], job.params["mouth"]) == (0.5, None)
    rectangle, scale, _form = image.layers[-1].buffer.reads[-1]  # the hints at the place of the sketch
    assert (rectangle.x, rectangle.y, rectangle.width, rectangle.height, scale) == (30, -10, 100, 80, 1.0)
    assert job.images["color_hints"].width == 100


def test_a_sketch_inside_a_group_gets_its_portrait_there(
    plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend
) -> None:
    folder, sketch = gimp.GroupLayer("folder", 0, 0), image.layers[1]
    image.layers = [folder]
    folder.children, sketch.parent = [sketch], folder
    assert call(plugin, image, [sketch], shadow=True)[0] is STATUS.SUCCESS
    assert [layer.name for layer in folder.children] == ["Limner portrait", "sketch"]


def test_the_shadow_guide_alone_is_one_layer(plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend) -> None:
    backend.names = ("shadow",)
    assert call(plugin, image, [image.layers[1]], SHADOW)[0] is STATUS.SUCCESS
    assert [layer.name for layer in image.layers] == ["above", "Shadow guide", "sketch", "paper"]
    assert backend.jobs[0].params == {"frame": "auto"}
    assert image.layers[1].get_parasite("limner") is not None


def test_the_result_is_scaled_and_turned(plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend) -> None:
    backend.frame = {"x": 0.0, "y": 0.0, "size": 64.0, "angle": 90.0}
    call(plugin, image, [image.layers[1]])
    portrait = image.layers[1].children[0]
    assert (portrait.offsets, portrait.size) == ((30, -10), (64, 64))
    assert portrait.rotations == [(pytest.approx(math.pi / 2), 62.0, 22.0)]


def test_a_gray_image_gets_gray_layers(plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend) -> None:
    image.base = gimp.ImageBaseType.GRAY
    call(plugin, image, [image.layers[1]])
    assert {layer.kind for layer in image.layers[1].children} == {gimp.ImageType.GRAYA_IMAGE}


@pytest.mark.parametrize(
    ("count", "base", "text"),
    [
        (0, gimp.ImageBaseType.RGB, "Limner reads one layer, but 0 are selected. Select the layer"),
        (2, gimp.ImageBaseType.RGB, "Limner reads one layer, but 2 are selected. Select the layer"),
        (1, gimp.ImageBaseType.INDEXED, "The image has indexed colors, which cannot hold a portrait. Choose Image"),
    ],
)
def test_what_cannot_be_read_is_said_before_any_work(
    plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend, count: int, base: Any, text: str
) -> None:
    image.base = base
    status, message = call(plugin, image, image.layers[:count])
    assert status is STATUS.CALLING_ERROR
    assert text in message
    assert not backend.jobs
    assert len(image.layers) == 3


def test_a_mask_is_no_sketch(plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend) -> None:
    status, message = call(plugin, image, [gimp.Channel("sketch mask", 10, 10)])
    assert (status, "'sketch mask' is a mask or a channel" in message) == (STATUS.CALLING_ERROR, True)


def test_a_lost_backend_is_told_with_its_remedy_and_the_next_call_works(
    plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend
) -> None:
    backend.error = plugin.client.BackendError("backend_lost")
    status, message = call(plugin, image, [image.layers[1]])
    assert status is STATUS.EXECUTION_ERROR
    assert message.startswith("The connection to the backend was lost. Try again")
    assert (len(image.layers), image.steps) == (3, 0)
    backend.error = None
    assert call(plugin, image, [image.layers[1]])[0] is STATUS.SUCCESS


def test_what_nobody_foresaw_is_told_too(
    plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.error = ZeroDivisionError("by zero")
    status, message = call(plugin, image, [image.layers[1]])
    assert status is STATUS.EXECUTION_ERROR
    assert "ZeroDivisionError: by zero" in message
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Limner portrait", "Portrait", "Shadow guide"])
def test_a_failed_insertion_leaves_nothing_behind(
    plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend, name: str
) -> None:
    image.fail_at = name
    assert call(plugin, image, [image.layers[1]])[0] is STATUS.EXECUTION_ERROR
    assert [layer.name for layer in image.layers] == ["above", "sketch", "paper"]
    assert image.open_groups == 0


def test_an_image_closed_meanwhile_is_left_alone(
    plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend
) -> None:
    image.layers[1].valid = False
    status, message = call(plugin, image, [image.layers[1]])
    assert (status, "removed" in message) == (STATUS.EXECUTION_ERROR, True)
    assert (len(image.layers), image.steps) == (3, 0)


def test_a_result_without_a_portrait_is_an_error(
    plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend
) -> None:
    backend.names = ("shadow",)
    status, message = call(plugin, image, [image.layers[1]])
    assert status is STATUS.EXECUTION_ERROR
    assert "returned no picture named 'portrait'" in message
    assert len(image.layers) == 3


def test_sharp_candidates_keep_their_size_around_the_place_of_the_photo(
    plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend
) -> None:
    backend.names = ("candidate-1", "candidate-2")
    backend.frame = {"x": 10.0, "y": 20.0, "size": 4.0}
    config = {"candidates": 2, "seed": 0, "frame": "auto"}
    assert call(plugin, image, [image.layers[1]], UPSAMPLE, **config) == (STATUS.SUCCESS, "")
    assert (backend.jobs[0].task, set(backend.jobs[0].images)) == ("upsample", {"photo"})
    group = image.layers[1]
    assert group.name == "Limner upsampled"
    found = [(layer.name, layer.offsets, layer.size) for layer in group.children]
    assert found == [("Candidate 1", (38, 8), (8, 8)), ("Candidate 2", (38, 8), (8, 8))]


def test_live_needs_a_person(plugin: SimpleNamespace, image: gimp.Image, backend: FakeBackend) -> None:
    status, message = call(plugin, image, [image.layers[1]], LIVE)
    assert (status, message) == (
        STATUS.CALLING_ERROR,
        "A live portrait needs somebody who draws. Call plug-in-limner-portrait instead.",
    )
    assert not backend.jobs


def test_the_next_dialog_begins_with_the_values_of_the_result(plugin: SimpleNamespace) -> None:
    table = plugin.procedures.PROCEDURES[PORTRAIT]
    config = gimp.Config(**VALUES)
    kept = {"seed": 99, "refine": 7.0, "nose": 0.25, "mouth": -1.0, "frame": "full", "unknown": 3}
    plugin.host_arguments.restore(config, table, plugin.record.Record(PORTRAIT, kept))
    taken = {"seed": 99, "nose": 0.25, "mouth": -1.0, "frame": "full", "refine": 0.3, "shadow": True}
    assert {name: config.values[name] for name in taken} == taken
    plugin.host_arguments.restore(config, table, plugin.record.Record(SHADOW, {"frame": "auto"}))
    assert config.values["frame"] == "full"


def test_the_arguments_that_gimp_is_told(plugin: SimpleNamespace) -> None:
    names = plugin.host_plugin.LimnerPlugIn().do_query_procedures()
    made = {name: plugin.host_plugin.LimnerPlugIn().do_create_procedure(name) for name in names}
    found = {name: (kind, *rest[2:-1]) for name, (kind, *rest) in made[PORTRAIT].arguments.items()}
    assert made[LIVE].arguments.keys() == made[PORTRAIT].arguments.keys()
    choice, default = found.pop("frame")[1:]
    assert (choice.nicks, default) == (["auto", "selection", "full"], "auto")
    parts = ("left-eye", "right-eye", "nose", "mouth", "remainder")
    assert found == {
        "seed": ("int", 0, 2**31 - 1, 0),
        "refine": ("double", 0.0, 1.0, 0.3),
        **dict.fromkeys(parts, ("double", -1.0, 1.0, -1.0)),
        "shadow": ("boolean", True),
        "color-hints": ("drawable", True),
    }
    for procedure in made.values():
        assert procedure.told["add_menu_path"] == ("<Image>/Filters/Limner",)
    labels = [procedure.told["set_menu_label"][0].replace("_", "") for procedure in made.values()]
    assert labels == [
        "Sketch to Portrait...",
        "Live Portrait...",
        "Shadow Guide",
        "Invert Sketch...",
        "Upsample Face...",
    ]
