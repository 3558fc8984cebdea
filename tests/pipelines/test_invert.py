# SPDX-License-Identifier: Apache-2.0
"""Sketch inversion through the engine."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from limner.imaging.styles import sketch_photo
from limner.models.registry import load_networks
from limner.pipelines.base import JobError, Request
from limner.pipelines.engine import Engine
from tests.pipelines.conftest import face_drawing, run
from tests.support.faces import face_photo
from tests.support.tiny import add_inversion, write_weights

STYLES = ("line", "gray", "color")


@pytest.fixture(scope="module")
def inverting(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An engine with the optional weights."""
    folder = add_inversion(write_weights(tmp_path_factory.mktemp("weights")))
    return Engine(load_networks(folder, torch.device("cpu")))


def sketch(style: str) -> np.ndarray:
    made = sketch_photo(face_photo(), style)
    return made[..., None] if made.ndim == 2 else made


@pytest.mark.parametrize("style", STYLES)
def test_each_style_is_recognized_and_becomes_a_portrait(inverting: Engine, style: str) -> None:
    outcome = run(inverting, sketch(style), "invert")
    assert set(outcome.images) == {"portrait"}
    assert outcome.images["portrait"].shape == (512, 512, 4)
    assert (outcome.images["portrait"][..., 3] == 255).all()
    assert outcome.info["style"] == style
    assert outcome.info["frame"]["size"] == 256
    assert outcome.info["weights"].keys() >= {"inversion.safetensors"}
    assert json.loads(json.dumps(outcome.info)) == outcome.info
    named = run(inverting, sketch(style), "invert", style=style)
    assert np.array_equal(named.images["portrait"], outcome.images["portrait"])


def test_each_style_has_a_network_of_its_own(inverting: Engine) -> None:
    made = [run(inverting, sketch("gray"), "invert", style=style).images["portrait"] for style in STYLES]
    assert not np.array_equal(made[0], made[1])
    assert not np.array_equal(made[1], made[2])


def test_only_the_color_network_sees_color(inverting: Engine) -> None:
    tinted = sketch("color").copy()
    tinted[100:150, 100:150] = tinted[100:150, 100:150, ::-1]
    before, after = (run(inverting, s, "invert", style="color").images["portrait"] for s in (sketch("color"), tinted))
    assert not np.array_equal(before, after)


def test_the_face_frame_is_cut_out(inverting: Engine) -> None:
    alone = run(inverting, face_drawing(), "invert", style="line")
    canvas = np.full((900, 1200, 1), 255, np.uint8)
    canvas[250:762, 500:1012] = face_drawing()
    inside = run(inverting, canvas, "invert", style="line", frame=[500, 250, 512])
    assert inside.info["frame"] == {"x": 500.0, "y": 250.0, "size": 512.0, "angle": 0.0}
    difference = np.abs(inside.images["portrait"].astype(int) - alone.images["portrait"].astype(int))
    assert difference.mean() < 2


@pytest.mark.parametrize("style", ["auto", *STYLES])
def test_a_blank_canvas_is_refused_in_every_style(inverting: Engine, style: str) -> None:
    with pytest.raises(JobError) as error:
        run(inverting, np.full((300, 400, 3), 255, np.uint8), "invert", style=style)
    assert error.value.code == "blank_sketch"


def test_a_gray_photo_is_no_sketch(inverting: Engine) -> None:
    y, x = np.mgrid[:256, :256]
    scene = 120 + 60 * np.sin(x / 31) + 40 * np.cos(y / 23) + np.random.default_rng(0).normal(0, 12, (256, 256))
    with pytest.raises(JobError) as error:
        run(inverting, scene.clip(0, 255).astype(np.uint8)[..., None], "invert")
    assert error.value.code == "not_a_sketch"


def test_the_task_is_offered_only_with_its_weights(engine: Engine, inverting: Engine) -> None:
    assert inverting.schema().keys() - engine.schema().keys() == {"invert"}
    assert "inversion.safetensors" not in engine.weights()
    with pytest.raises(JobError, match="invert"):
        engine.run(Request("invert", {"sketch": face_drawing()}), lambda stage, fraction, preview=None: None)
