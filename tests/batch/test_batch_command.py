# SPDX-License-Identifier: Apache-2.0
"""`limner batch` through a running backend with the light engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limner.batch.items import Item, Work, find_pictures, plan
from limner.batch.local import run_on_backend
from limner.client import BackendError
from limner.wire import Cancelled, Error, ErrorCode, Message, Pixels, Result, TaskSchema, Welcome
from limner.wire.schema import ImageSlot
from tests.conftest import stop_backend
from tests.support.command import Command

GRAY = Pixels(1, 1, 1, "u8", b"\x07")


@pytest.fixture(scope="module")
def limner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    command = Command(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    yield command
    stop_backend(command.home)


def draw(path: Path, place: int = 40) -> None:
    """A drawing of one stroke, 60x80."""
    picture = np.full((80, 60), 255, np.uint8)
    picture[10:70, place : place + 3] = 0
    Image.fromarray(picture).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three drawings, and what is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, name in enumerate(("a.png", "b.png", "c.jpg")):
        draw(folder / name, 10 + 10 * number)
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "more.png").mkdir()
    return folder


def test_every_picture_is_drawn_and_what_is_done_is_not_done_again(limner: Command, folder: Path) -> None:
    out = folder.with_name("out")
    report = limner.json("batch", folder, "-o", out)
    assert [Path(name).name for name in report["done"]] == ["a.png", "b.png", "c.jpg"]
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.png", "c.png"]
    with Image.open(out / "b.png") as picture:
        assert (picture.size, picture.mode) == ((512, 512), "RGBA")
    before = (out / "a.png").stat().st_mtime_ns
    (out / "b.png").unlink()
    again = limner.json("batch", folder, "-o", out)
    assert [Path(name).name for name in again["done"]] == ["b.png"]
    assert len(again["skipped"]) == 2
    assert (out / "a.png").stat().st_mtime_ns == before
    assert limner.succeeds("batch", folder, "-o", out, "--overwrite", "--jobs", "2") == "3 done, 0 skipped, 0 failed\n"
    assert (out / "a.png").stat().st_mtime_ns != before


def test_each_failure_is_a_line_and_the_others_are_drawn(limner: Command, folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    Image.fromarray(np.full((50, 50), 255, np.uint8)).save(folder / "blank.png")
    ran = limner.run("batch", folder, "-o", folder.with_name("out"), "--json")
    assert ran.status == 1
    report = json.loads(ran.stdout)
    assert len(report["done"]) == 3
    codes = {Path(item["input"]).name: item["code"] for item in report["failed"]}
    assert codes["blank.png"] == "blank_sketch"
    assert "broken.png" in codes
    lines = ran.stderr.splitlines()
    assert sorted(line.split(":")[1].strip() for line in lines) == ["blank.png", "broken.png"]
    assert all(line.startswith("limner: ") for line in lines)


def test_parameters_reach_the_task_and_further_results_lie_beside_the_first(limner: Command, folder: Path) -> None:
    out = folder.with_name("out")
    limner.succeeds("batch", folder, "-o", out, "--param", "seed=5", "--param", "shadow=true", "--param", "frame=full")
    assert {"a.png", "a-shadow.png"} <= {path.name for path in out.iterdir()}
    first = (out / "a.png").read_bytes()
    limner.succeeds("batch", folder, "-o", out, "--param", "seed=6", "--overwrite")
    assert (out / "a.png").read_bytes() != first
    assert limner.run("batch", folder, "-o", out, "--param", "seed").status == 2


def test_a_task_that_does_not_exist_is_one_line(limner: Command, folder: Path) -> None:
    line = limner.fails("batch", folder, "-o", folder.with_name("out"), "--task", "juggle")
    assert "juggle" in line
    assert "portrait" in line


def test_the_results_never_lie_among_the_pictures(limner: Command, folder: Path) -> None:
    assert "cannot lie among" in limner.fails("batch", folder, "-o", folder)
    assert limner.run("batch", folder / "none", "-o", folder.with_name("out")).status == 2


def test_an_empty_folder_needs_no_backend(tmp_path: Path) -> None:
    command = Command(tmp_path / "home", tmp_path)
    (tmp_path / "in").mkdir()
    assert command.succeeds("batch", tmp_path / "in", "-o", tmp_path / "out") == "0 done, 0 skipped, 0 failed\n"
    assert not (tmp_path / "home" / "connection.json").exists()


def test_pictures_that_differ_in_their_ending_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "b.png"):
        draw(tmp_path / name)
    items, _ = plan(find_pictures(tmp_path), tmp_path / "out", overwrite=False)
    assert [item.target.name for item in items] == ["a.jpg.png", "a.png.png", "b.png"]


class FakeClient:
    """Answers each job with the next of the given ends; an exception ends the connection."""

    def __init__(self, ends: list[Any]) -> None:
        self.ends = ends
        self.welcome = Welcome("w", "ready", "1", schema={"echo": TaskSchema("echo", images=(ImageSlot("image"),))})
        self.open: list[str] = []
        self.most = 0

    def stats(self) -> Any:
        return type("Stats", (), {"extra": {"workers": [{}, {}]}})

    def submit(self, task: str, images: Any, params: Any) -> str:
        self.open.append(f"job-{id(self)}-{len(self.ends)}-{len(self.open)}")
        self.most = max(self.most, len(self.open))
        return self.open[-1]

    def poll(self, timeout: float) -> list[Message]:
        end = self.ends.pop(0)
        if isinstance(end, BackendError):
            raise end
        return [end(self.open.pop(0))]


def work_through(tmp_path: Path, count: int, *clients: FakeClient) -> dict[str, str]:
    """How each of `count` pictures ended: "" or the code of its problem."""
    left = list(clients)

    @contextmanager
    def connect() -> Iterator[Any]:
        yield left.pop(0)

    items = [Item(tmp_path / f"{number}.png", tmp_path / f"out-{number}.png") for number in range(count)]
    outcomes = list(run_on_backend(items, Work("echo", {}), connect, lambda item: GRAY, 0, lambda count: None))
    assert sorted(outcome.item.source for outcome in outcomes) == [item.source for item in items], "each once"
    return {outcome.item.source.stem: outcome.problem.code if outcome.problem else "" for outcome in outcomes}


def done(job: str) -> Result:
    return Result(job, {}, {"image": GRAY})


def died(job: str) -> Error:
    return Error(job, ErrorCode.WORKER_DIED, "It died.", "Try again.")


def test_a_picture_whose_worker_died_is_tried_once_more(tmp_path: Path) -> None:
    client = FakeClient([died, done, done, done])
    assert work_through(tmp_path, 3, client) == {"0": "", "1": "", "2": ""}
    assert client.most == 2, "as many at a time as there are workers"
    assert work_through(tmp_path, 1, FakeClient([died, died])) == {"0": ErrorCode.WORKER_DIED}


def test_a_backend_that_goes_away_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    lost = BackendError(ErrorCode.BACKEND_LOST)
    ends = work_through(tmp_path, 4, FakeClient([done, lost]), FakeClient([done, Cancelled, done]))
    assert sorted(ends.values()) == ["", "", "", ErrorCode.CANCELLED]
    with pytest.raises(BackendError):
        work_through(tmp_path, 2, FakeClient([lost]), FakeClient([lost]))
