# SPDX-License-Identifier: Apache-2.0
"""Task schemas: defaults, ranges, the texts of refusals, and the way over the wire."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.wire import (
    BooleanParameter,
    ChoiceParameter,
    FrameParameter,
    ImageSlot,
    IntegerParameter,
    NumberParameter,
    TaskSchema,
    WireError,
)
from limner.wire.parameters import PARAMETER_TYPES, parameter_from_map
from tests.wire.samples import PORTRAIT

DEFAULTS = {"seed": 0, "refine": 0.3, "nose": None, "shadow": True, "style": "line", "frame": "auto"}


def test_defaults_are_filled_in():
    assert PORTRAIT.validate({}) == DEFAULTS


@pytest.mark.parametrize(
    ("name", "given_value", "expected"),
    [
        ("seed", 2**31 - 1, 2**31 - 1),
        ("seed", 3.0, 3),
        ("refine", 0, 0.0),
        ("refine", 1.0, 1.0),
        ("nose", None, None),
        ("nose", 0.5, 0.5),
        ("shadow", False, False),
        ("style", "gray", "gray"),
        ("frame", "full", "full"),
        ("frame", [-5, 1.5, 300], [-5.0, 1.5, 300.0]),
        ("frame", (0, 0, 1), [0.0, 0.0, 1.0]),
    ],
)
def test_values_in_range_are_taken_in_their_normal_form(name, given_value, expected):
    checked = PORTRAIT.validate({name: given_value})
    assert checked == {**DEFAULTS, name: expected}
    assert type(checked[name]) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("seed", -1, "0 to 2147483647"),
        ("seed", 2**31, "0 to 2147483647"),
        ("seed", 0.5, "whole number"),
        ("seed", True, "whole number"),
        ("seed", None, "whole number"),
        ("seed", math.inf, "whole number"),
        ("refine", 1.001, "0 to 1"),
        ("refine", math.nan, "0 to 1"),
        ("refine", None, "0 to 1"),
        ("refine", True, "0 to 1"),
        ("refine", "0.5", "0 to 1"),
        ("nose", -0.1, "follow 'refine'"),
        ("shadow", 1, "true or false"),
        ("style", "oil", "line, gray"),
        ("style", ["line"], "line, gray"),
        ("frame", "selection", "[x, y, size]"),
        ("frame", [0, 0, 0], "size above 0"),
        ("frame", [0, 0], "[x, y, size]"),
        ("frame", [0, math.nan, 5], "[x, y, size]"),
        ("frame", [0, 0, 1e9], "[x, y, size]"),
        ("frame", [False, 0, 5], "[x, y, size]"),
    ],
)
def test_a_refusal_names_the_parameter_and_what_is_allowed(name, value, allowed):
    with pytest.raises(WireError) as caught:
        PORTRAIT.validate({name: value})
    assert caught.value.code == "bad_parameter"
    assert f"'{name}'" in caught.value.message
    assert allowed in caught.value.remedy


def test_an_unknown_parameter_is_refused_with_the_known_ones():
    with pytest.raises(WireError) as caught:
        PORTRAIT.validate({"sead": 1})
    assert caught.value.code == "bad_parameter"
    assert "'sead'" in caught.value.message
    assert "seed" in caught.value.remedy


def test_a_refusal_never_repeats_a_long_value():
    with pytest.raises(WireError) as caught:
        PORTRAIT.validate({"style": "x" * 100_000})
    assert len(caught.value.message) < 200


def test_pictures_are_checked_against_the_slots():
    PORTRAIT.validate_images({"sketch": 1})
    PORTRAIT.validate_images({"sketch": 1, "color_hints": 1})
    for images, named in (({}, "'sketch'"), ({"color_hints": 1}, "'sketch'"), ({"sketch": 1, "photo": 1}, "'photo'")):
        with pytest.raises(WireError) as caught:
            PORTRAIT.validate_images(images)
        assert caught.value.code == "bad_picture"
        assert named in caught.value.message


def test_a_schema_survives_the_wire():
    assert TaskSchema.from_map(PORTRAIT.to_map()) == PORTRAIT


def test_unknown_keys_and_parameter_types_of_a_newer_backend_are_left_out():
    sent = {**PORTRAIT.to_map(), "icon": "x"}
    sent["parameters"] = [{**item, "color": 1} for item in sent["parameters"]] + [{"type": "curve", "name": "new"}]
    sent["images"] = [{**item, "color": 1} for item in sent["images"]]
    assert TaskSchema.from_map(sent) == PORTRAIT


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {"type": 5},
        {"type": "number"},
        {"type": "number", "name": "a", "default": 2.0},
        {"type": "number", "name": "a", "minimum": 1.0, "maximum": 0.0},
        {"type": "number", "name": "a", "minimum": "0"},
        {"type": "number", "name": "a", "minimum": float("nan")},
        {"type": "number", "name": "a", "default": None},
        {"type": "number", "name": "a", "optional": 1},
        {"type": "integer", "name": "a", "maximum": 0.5},
        {"type": "integer", "name": "a", "default": "1"},
        {"type": "boolean", "name": "a", "default": 1},
        {"type": "boolean", "name": "a", "label": 7},
        {"type": "choice", "name": "a"},
        {"type": "choice", "name": "a", "choices": ["x"], "labels": [], "default": "x"},
        {"type": "choice", "name": "a", "choices": ["x"], "labels": ["X"], "default": "y"},
        {"type": "choice", "name": "a", "choices": [1], "labels": ["X"], "default": 1},
        {"type": "frame", "name": "a", "default": "middle"},
    ],
)
def test_a_wrong_declaration_is_a_bad_message(wrong):
    with pytest.raises(WireError) as caught:
        parameter_from_map(wrong)
    assert caught.value.code == "bad_message"


def test_every_type_has_its_own_name():
    kinds = (NumberParameter, IntegerParameter, BooleanParameter, ChoiceParameter, FrameParameter)
    assert {kind.type: kind for kind in kinds} == PARAMETER_TYPES


def test_a_slot_needs_a_name():
    with pytest.raises(WireError):
        ImageSlot.from_map({"label": "x"})


@given(st.floats() | st.integers() | st.none() | st.booleans() | st.text(max_size=3))
def test_a_number_that_passes_is_a_float_in_range(value):
    parameter = NumberParameter("x", minimum=-2.0, maximum=3.0)
    try:
        checked = parameter.check(value)
    except WireError:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        assert not (is_number and -2.0 <= value <= 3.0)
    else:
        assert isinstance(checked, float)
        assert -2.0 <= checked <= 3.0
        assert checked == value
