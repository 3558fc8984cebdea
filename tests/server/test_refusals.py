# SPDX-License-Identifier: Apache-2.0
"""Starts that are refused, and what a server process never loads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from limner.server.app import ServeOptions, serve
from limner.wire import (
    LimnerError,
)
from tests.support.backends import (
    FAKE_ENGINE,
    PATIENCE_S,
    ServerProcess,
    connection_in,
    environment,
)

Start = Callable[..., ServerProcess]


def test_other_addresses_than_the_loopback_are_refused(start: Start, limner_home: Path) -> None:
    server = start("--endpoint", "tcp://0.0.0.0:*")
    assert server.wait_until_ended() == 1
    assert "CURVE" in server.text()
    assert len(server.text().splitlines()) == 1
    assert connection_in(limner_home) is None


def test_a_port_in_use_is_told_from_the_background_too(start: Start, tmp_path: Path) -> None:
    taken = start().wait_until_listening().endpoint
    elsewhere = tmp_path / "second-home"
    done = subprocess.run(
        [sys.executable, "-m", "limner.server", "--endpoint", taken, "--engine", FAKE_ENGINE],
        env=environment(elsewhere),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert connection_in(elsewhere) is None


def test_an_endpoint_that_is_refused_starts_nothing(limner_home: Path) -> None:
    with pytest.raises(LimnerError, match="CURVE"):
        serve(ServeOptions(endpoint="tcp://192.168.0.1:5555"))
    assert not limner_home.exists()


def test_the_server_process_loads_nothing_heavy() -> None:
    program = "import sys, limner.server.app; print(*sorted({'torch', 'numpy', 'cv2', 'psutil'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
