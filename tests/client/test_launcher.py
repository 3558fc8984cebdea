# SPDX-License-Identifier: Apache-2.0
"""Finding, starting and watching a backend; two clients that start at once end with one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from limner.client import Client, Launcher, ensure_backend
from limner.client import launcher as launching
from limner.client import spawn as spawning
from limner.wire.connection import read_connection
from limner.wire.locks import FileLock
from limner.wire.process import is_stale
from tests.client.conftest import started
from tests.client.peers import WAIT, failure, poll_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the fake interpreter is a shell script")

RACER = """
import sys
from limner.client import ensure_backend
sys.stdin.readline()
print(ensure_backend(python=sys.argv[1]).pid)
"""


def test_it_starts_a_backend_and_adopts_it_the_next_time(home, fake_python):
    states = []
    first = ensure_backend(python=fake_python, on_state=states.append)
    assert [state.name for state in states] == ["starting", "ready"]
    assert states[-1].connection == first
    assert states[-1].welcome.server_version == "0.1.0"
    assert first == read_connection()
    assert ensure_backend(python=fake_python) == first
    assert started(home) == [first.pid]
    with Client(first) as client:
        assert client.welcome.pid == first.pid


def test_the_backend_is_detached_and_told_to_serve_in_the_foreground(home, fake_python):
    info = ensure_backend(python=fake_python)
    assert (home / "starts").read_text() == f"{info.pid} -m limner serve --foreground\n"
    assert os.getsid(info.pid) == info.pid != os.getsid(0)


def test_the_backend_outlives_the_client_that_started_it(home, fake_python):
    with subprocess.Popen(
        [sys.executable, "-c", RACER, fake_python], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        output, _ = starter.communicate("go\n", WAIT)
    info = ensure_backend(start=False)
    assert info.pid == int(output)
    assert info.pid != starter.pid


def test_a_launcher_goes_through_loading_to_ready(home, fake_python, monkeypatch):
    monkeypatch.setenv("FAKE_BACKEND", "loading")
    launcher = Launcher(python=fake_python)
    seen, state = poll_until(launcher, "ready")
    assert seen == ["starting", "loading", "ready"]
    assert state.connection == read_connection()
    launcher.close()


def test_ensure_backend_returns_while_it_loads(home, fake_python, monkeypatch):
    monkeypatch.setenv("FAKE_BACKEND", "loading")
    states = []
    info = ensure_backend(python=fake_python, on_state=states.append)
    assert [state.name for state in states] == ["starting", "loading"]
    with Client(info) as client:
        assert client.wait_ready(WAIT).state == "ready"


def test_six_clients_at_once_end_with_one_backend(home, fake_python, monkeypatch):
    monkeypatch.setenv("FAKE_DELAY", "0.3")
    command = [sys.executable, "-c", RACER, fake_python]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    pids = {int(racer.communicate(timeout=60)[0]) for racer in racers}
    assert [racer.returncode for racer in racers] == [0] * 6
    assert started(home) == list(pids)


def test_it_takes_over_when_the_one_that_starts_is_killed(home, fake_python):
    holder = FileLock(home / "start.lock")
    assert holder.acquire()
    launcher = Launcher(python=fake_python)
    for _ in range(5):
        assert launcher.poll().name == "starting"
    assert started(home) == []
    holder.release()
    poll_until(launcher, "ready")
    assert len(started(home)) == 1
    launcher.close()


def test_the_start_lock_is_free_again_afterwards(home, fake_python, monkeypatch):
    monkeypatch.setenv("FAKE_BACKEND", "crash")
    failure(ensure_backend, python=fake_python)
    monkeypatch.setenv("FAKE_BACKEND", "ready")
    ensure_backend(python=fake_python)
    lock = FileLock(home / "start.lock")
    assert lock.acquire()
    lock.release()


@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_a_ready_backend_that_ends_is_lost(home, fake_python, monkeypatch, end):
    monkeypatch.setattr(launching, "_LOOK_INTERVAL", 0.01)
    launcher = Launcher(python=fake_python)
    _, state = poll_until(launcher, "ready")
    if end == "killed":
        os.kill(state.connection.pid, signal.SIGKILL)
    else:
        with Client(state.connection) as client:
            client.shutdown_backend(WAIT)
    _, lost = poll_until(launcher, "lost")
    assert lost.problem.code == "backend_lost"
    launcher.restart()
    _, again = poll_until(launcher, "ready")
    assert again.connection.pid != state.connection.pid
    launcher.close()


def test_a_backend_that_dies_while_it_loads_is_lost(home, fake_python, monkeypatch):
    monkeypatch.setenv("FAKE_BACKEND", "loading")
    monkeypatch.setattr(launching, "_HELLO_INTERVAL", 1000.0)
    launcher = Launcher(python=fake_python)
    _, state = poll_until(launcher, "loading")
    os.kill(state.connection.pid, signal.SIGKILL)
    poll_until(launcher, "lost")
    launcher.close()


def test_the_ended_backend_leaves_no_zombie(home, fake_python):
    info = ensure_backend(python=fake_python)
    os.kill(info.pid, signal.SIGKILL)
    deadline = time.monotonic() + WAIT
    while os.path.exists(f"/proc/{info.pid}") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not os.path.exists(f"/proc/{info.pid}")
    assert is_stale(info)


def test_a_long_log_is_moved_aside(home, fake_python, monkeypatch):
    monkeypatch.setattr(spawning, "_MAX_LOG_BYTES", 10)
    log = home / "logs" / "backend.log"
    log.parent.mkdir()
    log.write_text("a line that is too long\n")
    ensure_backend(python=fake_python)
    assert log.with_name("backend.log.1").read_text() == "a line that is too long\n"
    assert log.read_text() == ""
