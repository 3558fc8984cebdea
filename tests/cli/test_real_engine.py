# SPDX-License-Identifier: Apache-2.0
"""The command with the real networks and the example sketches; left out where there are no trained weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner import resources
from tests.conftest import stop_backend
from tests.support.command import Command

SKETCHES = sorted(resources.examples_dir().glob("*.png"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (resources.weights_dir() / "manifest.json").is_file(), reason="no trained weights in this checkout"
    ),
]


@pytest.fixture(scope="module")
def limner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    command = Command(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"), engine="")
    yield command
    stop_backend(command.home)


def pixels(path: Path) -> np.ndarray:
    """The RGB part of a picture, float."""
    with Image.open(path) as picture:
        assert picture.size == (512, 512)
        return np.asarray(picture.convert("RGB"), np.float32)


def test_different_sketches_give_different_faces_and_the_seed_the_coloring(limner: Command, tmp_path: Path) -> None:
    first, again, other, reseeded = (tmp_path / f"{name}.png" for name in ("first", "again", "other", "reseeded"))
    report = limner.json("portrait", SKETCHES[0], "-o", first, "--shadow", tmp_path / "guide.png")
    manifest = json.loads((resources.weights_dir() / "manifest.json").read_text())
    sums = {name: entry["sha256"] for name, entry in manifest["files"].items()}
    assert report["weights"].items() <= sums.items()
    assert report["weights"]
    assert sum(report["timings_ms"].values()) > 0
    limner.succeeds("portrait", SKETCHES[0], "-o", again)
    limner.succeeds("portrait", SKETCHES[-1], "-o", other)
    limner.succeeds("portrait", SKETCHES[0], "-o", reseeded, "--seed", "1")
    assert first.read_bytes() == again.read_bytes()
    assert np.abs(pixels(first) - pixels(other)).mean() > 5  # of 255
    assert np.abs(pixels(first) - pixels(reseeded)).mean() > 1
    with Image.open(tmp_path / "guide.png") as guide:
        assert (guide.size, guide.mode) == ((512, 512), "RGBA")
        alpha = np.asarray(guide)[..., 3]
    assert alpha.max() > alpha.min()


def test_a_photo_and_a_blank_canvas_are_one_line_each(limner: Command, tmp_path: Path) -> None:
    photo, blank = tmp_path / "photo.png", tmp_path / "blank.png"
    limner.succeeds("portrait", SKETCHES[0], "-o", photo)
    Image.new("RGBA", (800, 600)).save(blank)
    before = limner.json("status")["pid"]
    for task in ("portrait", "shadow"):
        assert "looks like a photo" in limner.fails(task, photo, "-o", tmp_path / "out.png")
        assert "There is no drawing" in limner.fails(task, blank, "-o", tmp_path / "out.png")
    assert limner.json("status")["pid"] == before


def test_every_example_is_drawn(limner: Command, tmp_path: Path) -> None:
    for sketch in SKETCHES:
        out = tmp_path / sketch.name
        limner.succeeds("portrait", sketch, "-o", out)
        assert pixels(out).std() > 10
