# SPDX-License-Identifier: Apache-2.0
"""What `make demo` runs, with the engine without networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limner import resources
from limner.cli import demo
from limner.client import Client
from tests.support.command import FAKE_ENGINE


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sketches of a stroke each, as the examples; and the engine that the backend takes."""
    folder = tmp_path / "examples"
    folder.mkdir()
    for name, row in (("one", 20), ("two", 60)):
        picture = np.full((100, 100), 255, np.uint8)
        picture[row : row + 4] = 0
        Image.fromarray(picture).save(folder / f"{name}.png")
    monkeypatch.setattr(resources, "examples_dir", lambda: folder)
    monkeypatch.setenv("LIMNER_ENGINE", FAKE_ENGINE)
    return folder


def run(monkeypatch: pytest.MonkeyPatch, folder: Path) -> int:
    monkeypatch.setattr("sys.argv", ["demo", str(folder)])
    try:
        demo.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_every_example_becomes_two_pictures(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(monkeypatch, out) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("backend: ready on cpu after ")
    assert printed[1:3] == ["one: fake 0 ms", "two: fake 0 ms"]
    assert f"2 portraits and their shadow guides are in {out} (" in printed[3]
    names = sorted(path.name for path in out.iterdir())
    assert names == ["one-portrait.png", "one-shadow.png", "two-portrait.png", "two-shadow.png"]
    assert (out / "one-portrait.png").read_bytes() != (out / "two-portrait.png").read_bytes()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert run(monkeypatch, out) == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_every_example_is_sent_before_the_first_result_is_awaited(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def counted(name: str) -> Any:
        called = getattr(Client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            calls.append(name)
            return called(*arguments, **named)

        return call

    for name in ("submit", "poll"):
        monkeypatch.setattr(Client, name, counted(name))
    assert run(monkeypatch, tmp_path / "out") == 0
    begin = calls.index("submit")  # before it, the backend's start is awaited
    assert calls[begin : begin + 3] == ["submit", "submit", "poll"]


def test_a_failure_is_one_line(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (100, 100), 255).save(examples / "one.png")
    assert run(monkeypatch, tmp_path / "out") == 1
    assert capsys.readouterr().err.startswith("limner: The sketch is blank")
    for path in examples.iterdir():
        path.unlink()
    assert run(monkeypatch, tmp_path / "out") == 1
    assert "no example sketches" in capsys.readouterr().err


def test_the_examples_that_ship_are_there() -> None:
    assert len(list(resources.examples_dir().glob("*.png"))) >= 4
