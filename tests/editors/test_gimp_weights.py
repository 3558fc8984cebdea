# SPDX-License-Identifier: Apache-2.0
"""The plug-in in the real GIMP 3 with the real networks: the same portraits as the command line makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from limner import resources
from tests.editors.gimp_real import INVERT, PORTRAIT, REAL_ENGINE, UPSAMPLE, Backends, Gimp, open_gimp
from tests.support.command import Command

SKETCH = resources.examples_dir() / "woman-curls.png"  # with colors in the file: GIMP opens it as an RGB image
INVERTS = (resources.weights_dir() / "inversion.safetensors").is_file()
VALUES = {"seed": 7, "refine": 0.5, "left-eye": 1.0}
OPTIONS = ("--seed", "7", "--refine", "0.5", "--left-eye", "1.0")

pytestmark = [
    pytest.mark.editors,
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(
        not (resources.weights_dir() / "manifest.json").is_file(), reason="no trained weights in this checkout"
    ),
]


@pytest.fixture(scope="module")
def gimp() -> Iterator[Gimp]:
    with open_gimp() as found, Backends(found.home, REAL_ENGINE):
        (found.work / "face.png").write_bytes(SKETCH.read_bytes())
        with Image.open(SKETCH) as sketch:
            on_paper = Image.alpha_composite(Image.new("RGBA", sketch.size, "white"), sketch.convert("RGBA"))
        on_paper.convert("RGB").resize((16, 16), Image.Resampling.BOX).save(found.work / "tiny.png")
        yield found


@pytest.fixture(scope="module")
def answers(gimp: Gimp) -> Mapping[str, Any]:
    """The example sketch, with the frame found and with all of it, inverted, and tiny; GIMP starts the backend."""
    image = {"image": {"file": "face.png"}}
    cases = [
        {**image, "name": frame, "procedure": PORTRAIT, "arguments": {**VALUES, "frame": frame}}
        for frame in ("full", "auto")
    ]
    tiny = {"image": {"file": "tiny.png"}, "name": "upsample", "procedure": UPSAMPLE}
    cases.append({**tiny, "arguments": {"candidates": 1, "seed": 3}})
    if INVERTS:
        cases.append({**image, "name": "invert", "procedure": INVERT, "arguments": {"style": "line", "frame": "full"}})
    found: Mapping[str, Any] = gimp.run(cases)["cases"]
    return found


def small(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(32, 32, 3) in [0, 255]: an RGBA picture on white paper."""
    picture = Image.fromarray(pixels)
    shown = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return np.asarray(shown.resize((32, 32), Image.Resampling.BOX), float)


@pytest.mark.parametrize("frame", ["full", "auto"])
def test_gimp_and_the_command_line_make_the_same_portrait(
    answers: Mapping[str, Any], gimp: Gimp, tmp_path: Path, frame: str
) -> None:
    answer = answers[frame]
    assert (answer["status"], answer["error"], answer["unchanged"]) == ("success", "", True)
    portrait_file, shadow_file = tmp_path / "portrait.png", tmp_path / "shadow.png"
    command = Command(gimp.home, tmp_path, engine="")
    options = (*OPTIONS, "--frame", frame, "--shadow", shadow_file)
    place = command.json("portrait", SKETCH, "-o", portrait_file, *options)["frame"]
    for layer, file in zip(answer["layers"][0]["children"], (portrait_file, shadow_file), strict=True):
        there = (layer["x"], layer["y"], layer["width"], layer["height"])
        size = round(place["size"])
        if not place.get("angle"):
            assert there == pytest.approx((place["x"], place["y"], size, size), abs=1)
        with Image.open(file) as picture:
            assert np.ptp(small(np.asarray(picture.convert("RGBA")))) > 20
            if size == picture.width and not place.get("angle"):  # as it is: the same pixels
                assert np.array_equal(gimp.pixels(layer), np.asarray(picture.convert("RGBA")))
            else:  # scaled or turned by GIMP
                expected = small(np.asarray(picture.convert("RGBA")))
                assert np.abs(small(gimp.pixels(layer)) - expected).mean() < 12


def test_gimp_and_the_command_line_upsample_alike(answers: Mapping[str, Any], gimp: Gimp, tmp_path: Path) -> None:
    answer = answers["upsample"]
    assert (answer["status"], answer["error"], answer["unchanged"]) == ("success", "", True)
    file = tmp_path / "upsampled.png"
    options = ("--candidates", "1", "--seed", "3")
    Command(gimp.home, tmp_path, engine="").succeeds("upsample", gimp.work / "tiny.png", "-o", file, *options)
    (layer,) = answer["layers"][0]["children"]
    with Image.open(file) as picture:
        assert np.array_equal(gimp.pixels(layer), np.asarray(picture.convert("RGBA")))


@pytest.mark.skipif(not INVERTS, reason="no trained inverters in this checkout")
def test_gimp_and_the_command_line_invert_alike(answers: Mapping[str, Any], gimp: Gimp, tmp_path: Path) -> None:
    answer = answers["invert"]
    assert (answer["status"], answer["error"], answer["unchanged"]) == ("success", "", True)
    file = tmp_path / "inverted.png"
    command = Command(gimp.home, tmp_path, engine="")
    command.succeeds("invert", SKETCH, "-o", file, "--style", "line", "--frame", "full")
    (layer,) = answer["layers"][0]["children"]
    with Image.open(file) as picture:
        assert np.array_equal(gimp.pixels(layer), np.asarray(picture.convert("RGBA")))
