# SPDX-License-Identifier: Apache-2.0
"""Every test gets a Limner home of its own, and no backend outlives its test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# Numerical libraries read these when they are loaded: one thread each keeps two slow cores free for the other side.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

settings.register_profile("limner", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("limner")


@pytest.fixture(autouse=True)
def limner_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """LIMNER_HOME points to a folder of this test; a backend that is still up in it afterwards is stopped."""
    home = tmp_path / "limner-home"
    monkeypatch.setenv("LIMNER_HOME", str(home))
    for name in ("LIMNER_ENDPOINT", "LIMNER_TOKEN", "LIMNER_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    # subprocesses find the package and the tests' helpers, wherever they run
    path = os.pathsep.join([str(ROOT / "backend"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path.rstrip(os.pathsep))
    yield home
    stop_backend(home)


def stop_backend(home: Path) -> None:
    """End the backend that the connection file in `home` names, if there is one."""
    try:
        pid = int(json.loads((home / "connection.json").read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if pid <= 1 or pid == os.getpid():
        return
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(100):
            if not _runs(pid):
                return
            time.sleep(0.05)
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def _runs(pid: int) -> bool:
    """True while the process runs; a child of this process that has ended is reaped."""
    with contextlib.suppress(OSError):
        if sys.platform != "win32" and os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
