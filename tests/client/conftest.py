# SPDX-License-Identifier: Apache-2.0
"""A home of its own for each test, and an interpreter that starts the fake backend."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Limner's home, empty. Backends that were started in it are ended afterwards."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    for name in ("LIMNER_ENDPOINT", "LIMNER_TOKEN", "FAKE_BACKEND", "FAKE_DELAY", "SNAP_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIMNER_HOME", str(folder))
    yield folder
    for pid in started(folder):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def fake_python(tmp_path):
    """A "Python" that runs the fake backend, whatever it is told to run."""
    path = tmp_path / "python-fake"
    script = Path(__file__).with_name("fake_backend.py")
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def started(folder: Path) -> list[int]:
    """The process numbers of the backends that were started in that home."""
    with contextlib.suppress(FileNotFoundError):
        return [int(line.split()[0]) for line in (folder / "starts").read_text(encoding="utf-8").splitlines()]
    return []
