# SPDX-License-Identifier: Apache-2.0
"""`limner portrait` and `limner shadow` against a running backend with the engine without networks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import stop_backend
from tests.support.command import Command

REPORT = {"task", "outputs", "timings_ms", "seed", "device", "weights", "params", "frame"}


@pytest.fixture(scope="module")
def limner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """One backend for all tests here: a failed job must not harm the next one."""
    command = Command(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    yield command
    stop_backend(command.home)


@pytest.fixture
def sketch(tmp_path: Path) -> Path:
    """A drawing of a few strokes, 300x200."""
    picture = np.full((200, 300), 255, np.uint8)
    picture[40:160, 100:104] = 0
    picture[100:104, 60:240] = 20
    path = tmp_path / "sketch.png"
    Image.fromarray(picture).save(path)
    return path


def test_portrait_and_shadow_are_written(limner: Command, sketch: Path, tmp_path: Path) -> None:
    out, guide = tmp_path / "out.png", tmp_path / "guide.png"
    assert limner.succeeds("portrait", sketch, "-o", out, "--shadow", guide) == ""
    for path in (out, guide):
        with Image.open(path) as picture:
            assert (picture.size, picture.mode, picture.format) == ((512, 512), "RGBA", "PNG")
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["guide.png", "out.png", "sketch.png"]
    assert out.stat().st_mode & 0o777 == sketch.stat().st_mode & 0o777  # what the umask gives, not mkstemp's 0600


def test_shadow_alone(limner: Command, sketch: Path, tmp_path: Path) -> None:
    report = limner.json("shadow", sketch, "-o", tmp_path / "guide.png", "--frame", "10,-5.5,200")
    assert report["params"]["frame"] == [10, -5.5, 200]
    assert (tmp_path / "guide.png").is_file()


def test_json_reports_what_was_done(limner: Command, sketch: Path, tmp_path: Path) -> None:
    arguments = ("--seed", "7", "--refine", "1", "--left-eye", "0", "--mouth", "0.5", "--steps", "3", "--frame", "full")
    report = limner.json("portrait", sketch, "-o", tmp_path / "out.png", *arguments)
    assert report.keys() >= REPORT
    assert report["outputs"] == {"portrait": str(tmp_path / "out.png")}
    assert (report["seed"], report["device"]) == (7, "cpu")
    assert report["weights"] == {"fake.safetensors": "0" * 64}
    params = {"seed": 7, "refine": 1, "left_eye": 0, "right_eye": None, "nose": None, "mouth": 0.5, "remainder": None}
    assert report["params"] == params | {"shadow": False, "frame": "full", "steps": 3, "live": False}
    assert all(isinstance(value, float) for value in report["timings_ms"].values())


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(limner: Command, sketch: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.png" for name in "abc"]
    for path, seed in zip(files, ("1", "1", "2"), strict=True):
        limner.succeeds("portrait", sketch, "-o", path, "--seed", seed)
    first, second, other = (path.read_bytes() for path in files)
    assert first == second != other


def test_color_hints_are_sent(limner: Command, sketch: Path, tmp_path: Path) -> None:
    hints = tmp_path / "hints.png"
    Image.new("RGBA", (300, 200), (255, 0, 0, 128)).save(hints)
    limner.succeeds("portrait", sketch, "-o", tmp_path / "out.png", "--color", hints)
    assert "hints" in limner.fails("portrait", sketch, "-o", tmp_path / "out.png", "--color", tmp_path / "no-hints.png")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_any_kind_of_picture_is_taken(limner: Command, sketch: Path, tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    with Image.open(sketch) as picture:
        if mode == "I;16":
            Image.fromarray(np.asarray(picture, np.uint16) * 257).save(path)
        else:
            picture.convert("RGB").convert(mode).save(path)
    limner.succeeds("portrait", path, "-o", tmp_path / "out.png", "--steps", "1")
    assert (tmp_path / "out.png").is_file()


def bad_input(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.png"
    if kind == "folder":
        path.mkdir()
    elif kind == "blank":
        Image.new("L", (400, 300), 255).save(path)
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("This is no picture.\n" * 20)
    elif kind == "corrupt":
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:1500])
    return path


@pytest.mark.parametrize("kind", ["missing", "folder", "blank", "empty", "text", "corrupt"])
@pytest.mark.parametrize("task", ["portrait", "shadow"])
def test_bad_input_is_one_line_and_the_backend_lives(limner: Command, tmp_path: Path, kind: str, task: str) -> None:
    if (task, kind) == ("shadow", "blank"):
        pytest.skip("the engine without networks draws a guide of anything")
    line = limner.fails(task, bad_input(kind, tmp_path), "-o", tmp_path / "out.png")
    assert kind in line or kind == "empty"
    assert not (tmp_path / "out.png").exists()
    if limner.json("status")["running"]:
        assert limner.json("status")["state"] in ("loading", "ready")


def test_the_backend_survives_a_failed_job(limner: Command, sketch: Path, tmp_path: Path) -> None:
    limner.succeeds("portrait", sketch, "-o", tmp_path / "out.png")
    before = limner.json("status")["pid"]
    limner.fails("portrait", bad_input("blank", tmp_path), "-o", tmp_path / "out.png")
    limner.succeeds("portrait", sketch, "-o", tmp_path / "out.png")
    assert limner.json("status")["pid"] == before


def test_bad_output_is_told_before_any_work(limner: Command, sketch: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder.png"
    folder.mkdir()
    fifo = tmp_path / "fifo.png"
    os.mkfifo(fifo)
    before = sketch.read_bytes()
    for out, words in (
        (tmp_path / "nowhere" / "out.png", "there is no folder"),
        (folder, "it is a folder"),
        (fifo, "is no plain file"),
        (sketch, "never overwritten"),
    ):
        assert words in limner.fails("portrait", sketch, "-o", out)
        assert words in limner.fails("portrait", sketch, "-o", tmp_path / "out.png", "--shadow", out)
    line = limner.fails("portrait", sketch, "-o", tmp_path / "out.png", "--shadow", tmp_path / "." / "out.png")
    assert "same file" in line
    assert sketch.read_bytes() == before
    assert not (tmp_path / "out.png").exists()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that nobody can write to")
def test_an_unwritable_folder_is_told(limner: Command, sketch: Path) -> None:
    assert "/out.png cannot be written" in limner.fails("portrait", sketch, "-o", "/proc/self/out.png")


def test_an_output_behind_a_link_is_written_and_the_link_stays(limner: Command, sketch: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "real" / "out.png")
    limner.succeeds("shadow", sketch, "-o", link)
    assert link.is_symlink()
    assert (tmp_path / "real" / "out.png").is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--refine", "1.5"),
        ("--refine", "nan"),
        ("--refine", "much"),
        ("--mouth", "-0.1"),
        ("--seed", "-1"),
        ("--seed", str(2**31)),
        ("--steps", "0"),
        ("--steps", "33"),
        ("--frame", "1,2"),
        ("--frame", "1,2,0"),
        ("--frame", "1,2,inf"),
        ("--frame", "somewhere"),
        ("--shadow", "guide.jpg"),
        ("--no-such-option",),
    ],
    ids=" ".join,
)
def test_bad_usage_has_status_2(limner: Command, sketch: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ran = limner.run("portrait", sketch, "-o", tmp_path / "out.png", *arguments)
    assert ran.status == 2
    assert "Usage: limner portrait" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "out.png").exists()


def test_missing_output_is_bad_usage(limner: Command, sketch: Path) -> None:
    assert limner.run("portrait", sketch).status == 2
    assert limner.run("shadow", sketch, "-o", "out.jpg").status == 2
    assert limner.run("portray").status == 2


def test_a_backend_without_weights_is_one_line(tmp_path: Path, sketch: Path) -> None:
    engine = "tests.support.fake_engine:build_without_weights"
    command = Command(tmp_path / "own-home", tmp_path, engine)
    line = command.fails("portrait", sketch, "-o", tmp_path / "out.png")
    assert "fake.safetensors is missing" in line
    assert "Install Limner again." in line
    state = command.json("status")
    assert (state["running"], state["state"], state["problem"]["code"]) == (True, "failed", "weights_missing")
    stop_backend(command.home)


def test_a_wrong_endpoint_is_one_line(tmp_path: Path, sketch: Path) -> None:
    for endpoint in ("tcp://127.0.0.1:1", "nonsense"):
        command = Command(tmp_path / "own-home", tmp_path, extra=(("LIMNER_ENDPOINT", endpoint),))
        assert "backend" in command.fails("shadow", sketch, "-o", tmp_path / "out.png")
