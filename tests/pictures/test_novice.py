# SPDX-License-Identifier: Apache-2.0
"""Twenty faces in a handful of strokes: each is taken for a drawing, framed, and made into a portrait."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from limner.imaging.decode import read_picture
from limner.imaging.frame import CANVAS, FaceFrame
from limner.imaging.sketch import check_drawing
from limner.models.registry import load_network, load_networks
from limner.pipelines.base import Request
from limner.pipelines.engine import Engine
from limner.resources import weights_dir
from tests.pictures.novice.draw import DRAWINGS, FOLDER, GRAY, draw, placed
from tests.support.tiny import write_weights

EYES = np.array([(189.0, 242.0), (322.0, 242.0)])  # where the networks' frame has them
FAR = 90  # pixels of the frame: novices put eyes where they like


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Small untrained networks behind the frame finder that ships."""
    networks = load_networks(write_weights(tmp_path_factory.mktemp("weights")), torch.device("cpu"))
    finder = load_network("frame_finder", weights_dir(), torch.device("cpu"))
    return Engine(replace(networks, frame_finder=finder))  # type: ignore[arg-type]


def test_there_are_twenty_small_pictures() -> None:
    files = sorted(FOLDER.glob("*.png"))
    assert [file.stem for file in files] == sorted(DRAWINGS)
    assert len(files) == 20
    assert max(file.stat().st_size for file in files) < 10_000


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_picture_is_what_its_strokes_give(name: str) -> None:
    picture = read_picture(FOLDER / f"{name}.png")[..., 0].astype(int)
    drawn = draw(DRAWINGS[name], zlib.crc32(name.encode()))
    assert picture.shape == drawn.shape
    assert np.mean(np.abs(picture - drawn) > GRAY) < 0.002  # another version of OpenCV may round elsewhere


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_novice_gets_a_portrait_where_the_face_is(name: str, engine: Engine) -> None:
    drawing, picture = DRAWINGS[name], read_picture(FOLDER / f"{name}.png")
    check_drawing(picture)
    params = engine.schema()["portrait"].validate({"steps": 1})
    outcome = engine.run(Request("portrait", {"sketch": picture}, params), lambda *told, preview=None: None)
    frame = FaceFrame(**outcome.info["frame"])
    eyes = frame.to_canvas(placed(drawing, np.array([(205, drawing.eyes), (308, drawing.eyes)])))
    assert np.linalg.norm(eyes - EYES, axis=1).max() < FAR
    assert abs(frame.angle - drawing.angle) < 15
    assert 0.5 < frame.size / (drawing.scale * CANVAS) < 1.1
    assert outcome.images["portrait"].shape == (512, 512, 4)
    assert outcome.images["shadow"].shape == (512, 512, 4)
