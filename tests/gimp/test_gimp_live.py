# SPDX-License-Identifier: Apache-2.0
"""What a live portrait does to the image, on a GIMP in memory, and when the drawing is looked at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gimp import fake_gimp as gimp
from tests.gimp.test_gimp_host import LIVE, VALUES

SIDE = 8


@pytest.fixture
def image() -> gimp.Image:
    """A canvas of 60 x 40 with the sketch at (10, 4)."""
    found = gimp.Image(width=60, height=40)
    found.layers = [gimp.Layer("sketch", 30, 20)]
    found.layers[0].offsets = (10, 4)
    return found


@pytest.fixture
def call(plugin: SimpleNamespace, image: gimp.Image) -> Any:
    table = plugin.procedures.PROCEDURES[LIVE]
    return plugin.host_work.Call(table, image, image.layers[0], gimp.Config(**VALUES))


def answer(plugin: SimpleNamespace, x: float, y: float, size: float = SIDE, **colors: int) -> Any:
    """Pictures of one value each, for a frame in the sketch's own pixels."""
    pictures = {
        name: plugin.wire.Pixels(SIDE, SIDE, 4, "u8", bytes([value]) * (SIDE * SIDE * 4))
        for name, value in colors.items()
    }
    info = {"frame": {"x": x, "y": y, "size": size}, "seed": x}
    return plugin.backend.Answer(plugin.wire.Result("1", info, pictures), "0.1.0")


def painted(layer: gimp.Layer) -> dict[tuple[int, int, int, int], int]:
    """(left, top, right, bottom) in the image and the value of what is not transparent; it must be one rectangle."""
    x, y = layer.offsets
    width = layer.buffer.width
    points = [
        (i % width + x, i // width + y, layer.buffer.data[i * 4])
        for i in range(width * layer.buffer.height)
        if layer.buffer.data[i * 4 + 3]
    ]
    if not points:
        return {}
    xs, ys, values = zip(*points, strict=True)
    box = (min(xs), min(ys), max(xs) + 1, max(ys) + 1)
    assert len(points) == (box[2] - box[0]) * (box[3] - box[1])
    assert len(set(values)) == 1
    return {box: values[0]}


def test_the_layers_are_inserted_once_and_painted_in_place(
    plugin: SimpleNamespace, image: gimp.Image, call: Any
) -> None:
    layers, sketch = plugin.host_live_layers.LiveLayers(call), image.layers[0]
    layers.show(call.job(), answer(plugin, 1, 2, portrait=50, shadow=60))
    group = image.layers[0]
    assert [layer.name for layer in image.layers] == ["Limner portrait", "sketch"]
    assert [layer.name for layer in group.children] == ["Portrait", "Shadow guide"]
    assert {layer.size for layer in group.children} == {(60, 40)}
    assert [painted(layer) for layer in group.children] == [{(11, 6, 19, 14): 50}, {(11, 6, 19, 14): 60}]
    assert (image.steps, image.outside, image.selected) == (1, [], [sketch])
    layers.show(call.job(), answer(plugin, 20, 1, portrait=70, shadow=80))
    assert [painted(layer) for layer in group.children] == [{(30, 5, 38, 13): 70}, {(30, 5, 38, 13): 80}]
    assert (image.steps, image.outside, len(image.layers)) == (1, [], 2)


def test_a_frame_outside_the_canvas_is_cut(plugin: SimpleNamespace, image: gimp.Image, call: Any) -> None:
    layers = plugin.host_live_layers.LiveLayers(call)
    layers.show(call.job(), answer(plugin, -14, -9, portrait=50))
    portrait = image.layers[0].children[0]
    assert painted(portrait) == {(0, 0, 4, 3): 50}
    layers.show(call.job(), answer(plugin, 900, 900, portrait=50))
    assert painted(portrait) == {}
    layers.show(call.job(), answer(plugin, 44, 30, portrait=90))
    assert painted(portrait) == {(54, 34, 60, 40): 90}


def test_a_layer_that_the_user_moved_is_painted_at_the_same_place_of_the_image(
    plugin: SimpleNamespace, image: gimp.Image, call: Any
) -> None:
    layers = plugin.host_live_layers.LiveLayers(call)
    layers.show(call.job(), answer(plugin, 1, 2, portrait=50))
    portrait = image.layers[0].children[0]
    portrait.offsets = (5, 3)
    assert painted(portrait) == {(16, 9, 24, 17): 50}
    layers.show(call.job(), answer(plugin, 1, 2, portrait=51))
    assert painted(portrait) == {(11, 6, 19, 14): 51}


def test_the_guide_comes_when_it_is_asked_for_and_goes_empty(
    plugin: SimpleNamespace, image: gimp.Image, call: Any
) -> None:
    layers = plugin.host_live_layers.LiveLayers(call)
    layers.show(call.job(), answer(plugin, 0, 0, portrait=50))
    group = image.layers[0]
    assert [layer.name for layer in group.children] == ["Portrait"]
    layers.show(call.job(), answer(plugin, 0, 0, portrait=50, shadow=60))
    assert [layer.name for layer in group.children] == ["Portrait", "Shadow guide"]
    assert (image.steps, image.outside) == (2, [])
    layers.show(call.job(), answer(plugin, 0, 0, portrait=50))
    assert painted(group.children[1]) == {}


def test_layers_that_were_undone_are_told_and_made_again_when_asked(
    plugin: SimpleNamespace, image: gimp.Image, call: Any
) -> None:
    layers = plugin.host_live_layers.LiveLayers(call)
    assert not layers.removed
    layers.show(call.job(), answer(plugin, 0, 0, portrait=50))
    assert not layers.removed
    image.remove_layer(image.layers[0])
    assert layers.removed
    layers.forget()
    assert not layers.removed
    layers.show(call.job(), answer(plugin, 0, 0, portrait=50))
    assert [layer.name for layer in image.layers] == ["Limner portrait", "sketch"]


def test_kept_layers_say_how_the_last_picture_was_made(plugin: SimpleNamespace, image: gimp.Image, call: Any) -> None:
    layers = plugin.host_live_layers.LiveLayers(call)
    for x in (1, 2):
        layers.show(call.job(), answer(plugin, x, 0, portrait=50))
    layers.keep()
    record = plugin.record.unpack(image.layers[0].get_parasite("limner").get_data())
    assert (record.procedure, record.made["seed"]) == (LIVE, 2)
    assert (image.steps, image.frozen) == (1, 0)


@pytest.mark.parametrize(("chosen", "kept"), [(50.0, 100.0), (30.0, 30.0)])
def test_the_drawing_shines_through_until_the_layers_are_kept(
    plugin: SimpleNamespace, image: gimp.Image, call: Any, chosen: float, kept: float
) -> None:
    layers = plugin.host_live_layers.LiveLayers(call)
    layers.show(call.job(), answer(plugin, 1, 0, portrait=50))
    assert image.layers[0].opacity == 50.0
    image.layers[0].set_opacity(chosen)
    layers.keep()
    assert image.layers[0].opacity == kept


@pytest.mark.parametrize("unsaved", [0, -1, -2, 4])  # below 0: after as many undos of what was saved
def test_a_refreshed_portrait_is_an_unsaved_change_without_a_step(
    plugin: SimpleNamespace, image: gimp.Image, call: Any, unsaved: int
) -> None:
    layers = plugin.host_live_layers.LiveLayers(call)
    layers.show(call.job(), answer(plugin, 1, 0, portrait=50))
    assert image.steps == 1
    image.unsaved = unsaved
    layers.show(call.job(), answer(plugin, 1, 0, portrait=51))
    assert image.is_dirty()
    assert unsaved in (0, image.unsaved)  # of a changed image, nothing is touched
    call.config.values["seed"] = 9
    layers.show(call.job(), answer(plugin, 1, 0, portrait=52))
    assert plugin.record.unpack(image.layers[0].get_parasite("limner").get_data()).arguments["seed"] == 9
    assert image.is_dirty()
    layers.keep()
    assert image.is_dirty()
    assert (image.steps, image.frozen) == (1, 0)
    if unsaved == 0:  # an undo or two do not make it count as saved
        assert image.unsaved > 2


def test_discarded_layers_leave_the_image_as_it_was(plugin: SimpleNamespace, image: gimp.Image, call: Any) -> None:
    layers, before = plugin.host_live_layers.LiveLayers(call), list(image.layers)
    layers.discard()
    layers.show(call.job(), answer(plugin, 1, 0, portrait=50))
    layers.discard()
    layers.discard()
    layers.keep()
    assert image.layers == before


def test_a_closed_image_is_left_alone(plugin: SimpleNamespace, image: gimp.Image, call: Any) -> None:
    layers, job = plugin.host_live_layers.LiveLayers(call), call.job()
    image.valid = False
    with pytest.raises(plugin.wire.LimnerError, match="removed, or its image closed"):
        layers.show(job, answer(plugin, 1, 0, portrait=50))
    assert (image.steps, len(image.layers)) == (0, 1)


# When to look


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_drawing_is_looked_at_once_when_the_hand_rests(plugin: SimpleNamespace) -> None:
    clock = Clock()
    gate = plugin.gate.Gate(clock, settle=0.3)
    seen = []
    for moment, glimpse in [(0.0, "a"), (0.2, "b"), (0.4, "c"), (0.65, "c"), (0.75, "c"), (0.9, "c"), (9, "c")]:
        clock.now = 100 + moment
        seen.append(gate.ripe(glimpse))
    assert seen == [False, False, False, False, True, False, False]
    clock.now += 1
    assert not gate.ripe("d")
    clock.now += 1
    assert gate.ripe("d")
    gate.forget()
    assert not gate.ripe("d")
    clock.now += 1
    assert gate.ripe("d")


def test_a_stroke_that_stands_still_is_not_looked_at_before_it_ends(plugin: SimpleNamespace) -> None:
    clock = Clock()
    gate = plugin.gate.Gate(clock, settle=0.3)
    assert not gate.ripe("a")
    for _look in range(8):  # the pen is down
        clock.now += 0.25
        gate.stir()
    clock.now += 0.25
    assert not gate.ripe("a")
    clock.now += 0.25
    assert gate.ripe("a")
    gate.stir()
    clock.now += 1
    assert not gate.ripe("a")  # nothing was drawn since


def test_what_is_seen_to_in_another_way_is_not_looked_at_again(plugin: SimpleNamespace) -> None:
    clock = Clock()
    gate = plugin.gate.Gate(clock)
    gate.leave("a")
    clock.now += 1
    assert not gate.ripe("a")
    assert not gate.ripe("b")
    clock.now += 1
    assert gate.ripe("b")


def test_the_same_drawing_is_not_sent_twice(plugin: SimpleNamespace) -> None:
    gate = plugin.gate.Gate(Clock())

    def picture(value: int, width: int = 2) -> Any:
        return {"sketch": plugin.wire.Pixels(width, 4 // width, 4, "u8", bytes([value] * 16))}

    params = {"seed": 0, "frame": "auto"}
    changes = [picture(1), picture(2), picture(2, width=1), {"color_hints": picture(2)["sketch"]}]
    assert [gate.new(images, params) for images in changes] == [True] * 4
    assert not gate.new(changes[-1], dict(params))
    assert gate.new(changes[-1], {**params, "seed": 1})
    gate.forget()
    assert gate.new(changes[-1], {**params, "seed": 1})


def test_a_glimpse_changes_with_pixels_and_place(plugin: SimpleNamespace, image: gimp.Image) -> None:
    sketch, glimpse = image.layers[0], plugin.host_canvas.glimpse
    first = glimpse(sketch)
    assert glimpse(sketch) == first
    sketch.buffer.data[17] = 3
    second = glimpse(sketch)
    sketch.offsets = (11, 4)
    assert len({first, second, glimpse(sketch)}) == 3


# Patches

_boxes = st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 7), st.integers(1, 7))


@given(one=_boxes, other=_boxes)
def test_patches_are_cut_and_laid_on_nothing(
    plugin: SimpleNamespace, one: tuple[int, int, int, int], other: tuple[int, int, int, int]
) -> None:
    rectangle, patches = plugin.geometry.Rectangle, plugin.patch

    def points(box: Any) -> set[tuple[int, int]]:
        return {(x, y) for x in range(box.x, box.x + box.width) for y in range(box.y, box.y + box.height)}

    def values(patch: Any) -> dict[tuple[int, int], bytes]:
        ordered = sorted(points(patch.place), key=lambda point: point[::-1])
        return {point: patch.data[i * 4 : i * 4 + 4] for i, point in enumerate(ordered)}

    a, b = rectangle(*one), rectangle(*other)
    patch = patches.Patch(a, bytes((i * 7 + 1) % 256 for i in range(a.width * a.height * 4)))
    cut = patch.within(b)
    expected = {point: value for point, value in values(patch).items() if point in points(b)}
    assert (values(cut) if cut is not None else {}) == expected
    laid = values(patch.on_nothing(patches.union(a, b)))
    assert points(a) | points(b) <= set(laid)
    assert {point: value for point, value in laid.items() if value != bytes(4)} == {
        point: value for point, value in values(patch).items() if value != bytes(4)
    }
