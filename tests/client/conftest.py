# SPDX-License-Identifier: Apache-2.0
"""A home of its own for each test, an interpreter that starts the fake backend, connected clients."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from limner.client import Client
from tests.client.peers import WAIT


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
        command = Path(f"/proc/{pid}/cmdline")
        if command.parent.parent.exists() and not (command.exists() and b"fake_backend" in command.read_bytes()):
            continue  # it has ended, and its number may be another process's now
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


@pytest.fixture(params=["pyzmq", "zmtp"])
def transport(request):
    """Each of the two transports."""
    return request.param


@pytest.fixture
def connect(transport):
    """A function that gives a connected client."""
    clients = []

    def make(peer, **options):
        clients.append(Client(peer.connection, transport=transport, name="test", version="1.2", **options))
        clients[-1].connect(WAIT)
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def closed_endpoint():
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        endpoint = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
    return endpoint


@pytest.fixture
def ended_process():
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid
