# SPDX-License-Identifier: Apache-2.0
"""`limner invert` and `limner upsample` against a running backend with an engine without networks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import stop_backend
from tests.support.command import Command


@pytest.fixture(scope="module")
def limner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work")
    command = Command(home, folder, engine="tests.support.photo_engine:build_engine")
    yield command
    stop_backend(command.home)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A few pixels, 24x16."""
    path = tmp_path / "small.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)).save(path)
    return path


def red(path: Path) -> int:
    """The red value of a result's first pixel, which says what the engine was asked for."""
    with Image.open(path) as result:
        assert (result.size, result.mode, result.format) == ((512, 512), "RGBA", "PNG")
        return int(np.asarray(result)[0, 0, 0])


@pytest.mark.parametrize(("options", "style"), [((), 0), (("--style", "line"), 1), (("--style", "color"), 3)])
def test_invert_sends_the_style(limner: Command, picture: Path, options: tuple[str, ...], style: int) -> None:
    out = picture.with_name("out.png")
    assert limner.succeeds("invert", picture, "-o", out, *options) == ""
    assert red(out) == style


def test_invert_reports(limner: Command, picture: Path) -> None:
    out = picture.with_name("out.png")
    report = limner.json("invert", picture, "-o", out, "--frame", "1,2,12")
    assert (report["task"], report["outputs"]) == ("invert", {"portrait": str(out)})
    assert report["params"] == {"style": "auto", "frame": [1, 2, 12]}


def test_upsample_writes_every_candidate_the_best_under_the_given_name(limner: Command, picture: Path) -> None:
    out = picture.with_name("out.png")
    options = ("--candidates", "3", "--seed", "5", "--steps", "20", "--eps", "0.02", "--size", "16")
    report = limner.json("upsample", picture, "-o", out, *options)
    files = [out, *(out.with_name(f"out-candidate-{place}.png") for place in (2, 3))]
    assert report["outputs"] == {f"candidate-{place}": str(path) for place, path in enumerate(files, 1)}
    assert [red(path) for path in files] == [1, 2, 3]
    wanted = {"candidates": 3, "seed": 5, "steps": 20, "eps": 0.02, "size": 16, "frame": "auto"}
    assert report["params"] == wanted
    assert [candidate["residual"] for candidate in report["candidates"]] == [0.01] * 3


def test_upsample_says_where_candidates_do_not_fit(limner: Command, picture: Path) -> None:
    out = picture.with_name("out.png")
    assert limner.succeeds("upsample", picture, "-o", out, "--eps", "0.02") == ""
    told = limner.succeeds("upsample", picture, "-o", out)
    assert "0.002" in told
    assert "0.01" in told
    assert len(list(picture.parent.glob("out*.png"))) == 4


def test_nothing_is_overwritten_that_was_given(limner: Command, picture: Path) -> None:
    photo = picture.rename(picture.with_name("out-candidate-2.png"))
    before = photo.read_bytes()
    assert "never overwritten" in limner.fails("upsample", photo, "-o", photo.with_name("out.png"))
    assert photo.read_bytes() == before
    assert not photo.with_name("out.png").exists()


@pytest.mark.parametrize(
    "arguments", [("invert", "--style", "oil"), ("upsample", "--candidates", "9"), ("upsample", "--size", "65")]
)
def test_bad_usage(limner: Command, picture: Path, arguments: tuple[str, ...]) -> None:
    task, *options = arguments
    assert limner.run(task, picture, "-o", picture.with_name("out.png"), *options).status == 2


def test_without_weights_invert_says_what_is_missing(limner_home: Path, picture: Path) -> None:
    line = Command(limner_home, picture.parent).fails("invert", picture, "-o", picture.with_name("out.png"))
    assert "inversion.safetensors" in line
    assert "limner train inversion" in line
