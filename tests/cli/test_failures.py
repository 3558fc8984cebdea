# SPDX-License-Identifier: Apache-2.0
"""Failures nobody foresaw, and what the command must not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from limner.cli import app, editors, failures, lifecycle
from limner.cli.options import Frame, parse_frame
from limner.client import BackendError
from limner.installer.errors import InstallError

HEAVY = "torch cv2 numpy zmq PIL limner.server limner.client limner.imaging rich.progress"


def test_an_unforeseen_error_is_one_line_and_its_traceback_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], limner_home: Path
) -> None:
    def broken() -> dict[str, object]:
        raise LookupError("no such\nthing")

    monkeypatch.setattr(lifecycle, "find_backend", broken)
    assert app.run(["status"]) == 1
    captured = capsys.readouterr()
    log = limner_home / "logs" / "cli.log"
    assert captured.out == ""
    assert captured.err == (
        f"limner: Something unexpected went wrong: LookupError: no such thing. "
        f"Please report it; the details are in {log}.\n"
    )
    assert "Traceback" in log.read_text()
    assert "in broken" in log.read_text()


def test_a_log_that_can_not_be_written_is_no_second_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path / "file"))
    assert "its log could not be written either" in failures.describe(ValueError("x"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BackendError("blank_sketch"), "The sketch is blank"),
        (InstallError("It is so.", "Do that."), "It is so. Do that."),
        (failures.Failure("Two\nlines.", "Do\tthat."), "Two lines. Do that."),
        (OSError(28, "No space left on device", "/x/y"), "/x/y: No space left on device. Check"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_known_errors_say_what_to_do(error: Exception, words: str) -> None:
    line = failures.describe(error)
    assert words in line
    assert "\n" not in line


def test_the_command_starts_without_heavy_modules() -> None:
    code = f"import limner.cli.app, sys; print([name for name in {HEAVY.split()!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_serve_has_the_servers_own_defaults() -> None:
    from limner.server.app import ServeOptions

    assert ServeOptions().idle_timeout == lifecycle.IDLE_MINUTES


@pytest.mark.parametrize(
    ("text", "value"),
    [("auto", "auto"), ("full", "full"), ("1,2,3", [1, 2, 3]), ("-10.5, 0 ,1e3", [-10.5, 0, 1000])],
)
def test_frames_are_read(text: str, value: object) -> None:
    assert parse_frame(text) == Frame(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "1,2,3,4", "1;2;3", "nan,0,1", "AUTO", "1,2,-3"])
def test_other_frames_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_frame(text)


def test_every_editor_has_a_plugin() -> None:
    from limner.resources import EDITORS

    assert tuple(editor.value for editor in editors.Editor) == EDITORS
