# SPDX-License-Identifier: Apache-2.0
"""The plug-in's plain modules: the table against the backend's schema, values, geometry, records."""

import ast
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.pipelines.schema import task_schemas
from limner.wire import FrameParameter

PORTRAIT, SHADOW = "plug-in-limner-portrait", "plug-in-limner-shadow"
LIVE, INVERT, UPSAMPLE = "plug-in-limner-live", "plug-in-limner-invert", "plug-in-limner-upsample"
DEFAULTS = {
    **{"seed": 0, "refine": 0.3, "left-eye": -1.0, "right-eye": -1.0, "nose": -1.0, "mouth": -1.0},
    **{"remainder": -1.0, "shadow": True, "frame": "auto"},
}


# The table


def test_the_names_of_the_procedures_and_their_arguments(plugin: SimpleNamespace) -> None:
    name = plugin.procedures.argument_name
    found = {
        key: [name(item.name) for item in (*table.parameters, *table.slots)]
        for key, table in plugin.procedures.PROCEDURES.items()
    }
    assert found == {
        PORTRAIT: [*DEFAULTS, "color-hints"],
        LIVE: [*DEFAULTS, "color-hints"],
        SHADOW: ["frame"],
        INVERT: ["style", "frame"],
        UPSAMPLE: ["candidates", "seed", "frame"],
    }


@pytest.mark.parametrize("procedure", [PORTRAIT, LIVE, SHADOW, INVERT, UPSAMPLE])
def test_ranges_and_defaults_are_those_of_the_backend(plugin: SimpleNamespace, procedure: str) -> None:
    table = plugin.procedures.PROCEDURES[procedure]
    schema = task_schemas(inversion=True)[table.task]
    for parameter in table.parameters:
        theirs = schema.parameter(parameter.name)
        assert theirs is not None, parameter
        if isinstance(theirs, FrameParameter):
            assert set(theirs.modes) | {"selection"} == set(parameter.choices)
            assert parameter.default == theirs.default
            continue
        mine, other = parameter.to_map(), theirs.to_map()
        for text in ("label", "help", "labels"):
            mine.pop(text, "")
            other.pop(text, "")
        assert mine == other
    slots = {slot.name: slot.required for slot in schema.images}
    assert slots.pop(table.slot)
    assert {slot.name: slot.required for slot in table.slots} == slots
    assert set(schema.outputs) <= set(table.outputs)


# Files: what GIMP needs to show a menu entry


def test_the_entry_is_executable_and_named_like_its_folder(installed: Path) -> None:
    script = installed / f"{installed.name}.py"
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env python3\n")


def test_only_the_standard_library_gi_and_the_plugin_itself_are_imported(installed: Path) -> None:
    allowed = {*sys.stdlib_module_names, "gi", "limner_gimp"}
    own = [path for path in installed.rglob("*.py") if not {"wire", "client", "_vendor"} & set(path.parts)]
    assert len(own) > 8
    for path in own:
        for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 9))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert {name.split(".")[0] for name in names} <= allowed, path


def test_gimp_is_touched_in_one_folder_only(installed: Path) -> None:
    users = {
        path.parent.name for path in (installed / "limner_gimp").rglob("*.py") if "gi.repository" in path.read_text()
    }
    assert users == {"host"}


# Values


def test_the_defaults_are_the_backends_own(plugin: SimpleNamespace) -> None:
    params = plugin.values.task_params(plugin.procedures.PROCEDURES[PORTRAIT], DEFAULTS, None)
    theirs = task_schemas()["portrait"].validate({})
    assert params == {name: theirs[name] for name in params}
    assert task_schemas()["portrait"].validate(params) == theirs


def test_a_part_with_a_value_keeps_it_and_one_without_follows_refine(plugin: SimpleNamespace) -> None:
    given_values = {**DEFAULTS, "refine": 0.8, "left-eye": 0.0, "nose": 0.3, "mouth": 1.0}
    params = plugin.values.task_params(plugin.procedures.PROCEDURES[PORTRAIT], given_values, None)
    parts = {name: params[name] for name in ("left_eye", "right_eye", "nose", "mouth", "remainder")}
    assert parts == {"left_eye": 0.0, "right_eye": None, "nose": 0.3, "mouth": 1.0, "remainder": None}


def test_the_selection_becomes_the_frame(plugin: SimpleNamespace) -> None:
    table = plugin.procedures.PROCEDURES[PORTRAIT]
    square = plugin.geometry.Square(-3.0, 4.5, 200.0)
    selected = plugin.values.task_params(table, {**DEFAULTS, "frame": "selection"}, square)
    assert selected["frame"] == [-3.0, 4.5, 200.0]
    assert plugin.values.task_params(table, {**DEFAULTS, "frame": "full"}, square)["frame"] == "full"
    with pytest.raises(plugin.wire.LimnerError, match=r"nothing is selected\. Select the face"):
        plugin.values.task_params(table, {**DEFAULTS, "frame": "selection"}, None)


@pytest.mark.parametrize(("name", "value"), [("refine", 1.5), ("nose", 2.0), ("seed", -1), ("frame", "left")])
def test_a_value_out_of_range_is_refused(plugin: SimpleNamespace, name: str, value: object) -> None:
    with pytest.raises(plugin.wire.LimnerError, match=name):
        plugin.values.task_params(plugin.procedures.PROCEDURES[PORTRAIT], {**DEFAULTS, name: value}, None)


# Geometry


@pytest.mark.parametrize(
    ("size", "scale", "sent"),
    [
        ((512, 512), 1.0, (512, 512)),
        ((4096, 4096), 1.0, (4096, 4096)),
        ((4097, 4096), 0.5, (2048, 2048)),
        ((8192, 1), 1.0, (8192, 1)),
        ((8193, 1), 0.5, (4096, 1)),
        ((40000, 30), 0.125, (5000, 3)),
    ],
)
def test_a_layer_too_large_for_one_message_is_halved(
    plugin: SimpleNamespace, size: tuple[int, int], scale: float, sent: tuple[int, int]
) -> None:
    found = plugin.geometry.view(plugin.geometry.Rectangle(5, -6, *size))
    assert (found.scale, (found.width, found.height)) == (scale, sent)
    plugin.wire.Pixels(found.width, found.height, 4, "u8", bytes(found.width * found.height * 4))


def test_an_empty_layer_is_refused(plugin: SimpleNamespace) -> None:
    with pytest.raises(plugin.wire.LimnerError, match="no pixels"):
        plugin.geometry.view(plugin.geometry.Rectangle(0, 0, 0, 5))


def test_a_result_goes_where_its_frame_lies(plugin: SimpleNamespace) -> None:
    sent = plugin.geometry.View(plugin.geometry.Rectangle(40, -25, 9000, 9000), 0.25)
    frame = {"x": 10.0, "y": -2.0, "size": 100.3}
    assert plugin.geometry.placement(frame, sent) == plugin.geometry.Placement(80, -33, 401)
    turned = plugin.geometry.placement({**frame, "angle": 12.5}, sent)
    assert turned == plugin.geometry.Placement(80, -33, 401, 12.5)


@pytest.mark.parametrize(
    "frame",
    [
        None,
        {},
        {"x": 0, "y": 0},
        {"x": 0, "y": 0, "size": 0},
        {"x": float("nan"), "y": 0, "size": 5},
        {"x": 0, "y": 0, "size": 1e9},
        {"x": "left", "y": 0, "size": 5},
    ],
)
def test_a_result_without_a_sensible_frame_is_refused(plugin: SimpleNamespace, frame: object) -> None:
    sent = plugin.geometry.View(plugin.geometry.Rectangle(0, 0, 100, 100))
    with pytest.raises(plugin.wire.LimnerError, match="did not say where"):
        plugin.geometry.placement(frame, sent)


_numbers = st.integers(-5000, 5000)


@given(x=_numbers, y=_numbers, size=st.integers(1, 5000), left=_numbers, top=_numbers, halvings=st.integers(0, 3))
def test_to_the_sent_picture_and_back(
    plugin: SimpleNamespace, x: int, y: int, size: int, left: int, top: int, halvings: int
) -> None:
    geometry = plugin.geometry
    sent = geometry.View(geometry.Rectangle(left, top, 100, 100), 0.5**halvings)
    there = sent.from_image(geometry.Square(x, y, size))
    assert sent.to_image(there) == geometry.Square(x, y, size)
    frame = {"x": there.x, "y": there.y, "size": there.size}
    assert geometry.placement(frame, sent) == geometry.Placement(x, y, size)


@given(x=_numbers, y=_numbers, width=st.integers(1, 999), height=st.integers(1, 999))
def test_the_square_around_a_rectangle_holds_it_in_its_middle(
    plugin: SimpleNamespace, x: int, y: int, width: int, height: int
) -> None:
    square = plugin.geometry.square_around(plugin.geometry.Rectangle(x, y, width, height))
    assert square.size == max(width, height)
    assert (square.x + square.size / 2, square.y + square.size / 2) == (x + width / 2, y + height / 2)


# Records


def test_a_record_survives_the_parasite(plugin: SimpleNamespace) -> None:
    info = {"seed": 7, "device": "cpu", "weights": {"a": "00"}, "frame": {"x": 1.5}, "timings_ms": {"all": 9}}
    record = plugin.record.Record.of_result(PORTRAIT, {"seed": 7, "frame": "auto"}, info, "0.1.0")
    assert plugin.record.unpack(record.pack()) == record
    assert plugin.record.unpack(record.pack() + b"\0") == record
    content = json.loads(record.pack())
    assert content["version"] == 1
    assert content["made"] == {
        "seed": 7,
        "device": "cpu",
        "weights": {"a": "00"},
        "frame": {"x": 1.5},
        "backend": "0.1.0",
    }


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"{}", b'{"version": 2}', b'{"version": 1, "procedure": 4}'])
def test_a_damaged_record_counts_as_none(plugin: SimpleNamespace, data: bytes) -> None:
    assert plugin.record.unpack(data) is None


@given(st.binary(max_size=200))
def test_no_record_is_read_from_noise(plugin: SimpleNamespace, data: bytes) -> None:
    assert plugin.record.unpack(data) is None
