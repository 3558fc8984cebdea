# SPDX-License-Identifier: Apache-2.0
"""Finding, starting and replacing a backend; two clients that start at once end with one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from limner.client import BackendError, Client, ConnectionInfo, Launcher, ensure_backend
from limner.client import launcher as launching
from limner.client import spawn as spawning
from limner.wire.connection import read_connection, write_connection
from limner.wire.locks import FileLock
from limner.wire.process import describe_self, is_stale
from tests.client.conftest import started
from tests.client.peers import TOKEN, WAIT, RawPeer, RouterPeer, until_closed

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the fake interpreter is a shell script")

RACER = """
import sys
from limner.client import ensure_backend
sys.stdin.readline()
print(ensure_backend(python=sys.argv[1]).pid)
"""


@pytest.fixture
def closed_endpoint():
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        endpoint = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
    return endpoint


@pytest.fixture
def ended_process():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


def failure(**options):
    with pytest.raises(BackendError) as caught:
        ensure_backend(**options)
    return caught.value


def poll_until(launcher, *names):
    """Poll until the state has one of the names; returns the names on the way, and the state."""
    seen, deadline = [], time.monotonic() + WAIT
    while time.monotonic() < deadline:
        state = launcher.poll()
        if not seen or seen[-1] != state.name:
            seen.append(state.name)
        if state.name in names:
            return seen, state
        time.sleep(0.01)
    raise AssertionError(f"never {names}: {seen}")


# Starting and adopting


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
    failure(python=fake_python)
    monkeypatch.setenv("FAKE_BACKEND", "ready")
    ensure_backend(python=fake_python)
    lock = FileLock(home / "start.lock")
    assert lock.acquire()
    lock.release()


# What an earlier backend has left


def test_a_file_whose_process_is_gone_is_replaced(home, fake_python, closed_endpoint, ended_process):
    write_connection(ConnectionInfo(closed_endpoint, ended_process, 1, "old"))
    info = ensure_backend(python=fake_python)
    assert info.pid == started(home)[0]
    assert read_connection() == info


def test_a_file_whose_process_number_is_used_again_is_replaced(home, fake_python, closed_endpoint):
    write_connection(replace(describe_self(closed_endpoint, "old", "0.1.0"), start_time=1))
    assert ensure_backend(python=fake_python).pid == started(home)[0]


def test_a_file_whose_port_is_used_by_something_else_is_replaced(home, fake_python, ended_process, monkeypatch):
    monkeypatch.setattr(launching, "_ANSWER_TIMEOUT", 0.2)
    with RawPeer(until_closed) as peer:
        write_connection(ConnectionInfo(peer.endpoint, ended_process, 1, "old"))
        assert ensure_backend(python=fake_python).pid == started(home)[0]


@pytest.mark.parametrize("content", ["", "{", '{"endpoint": 5}', "null"])
def test_a_damaged_file_is_replaced(home, fake_python, content):
    (home / "connection.json").write_text(content)
    assert ensure_backend(python=fake_python) == read_connection()


def test_a_killed_backend_is_replaced(home, fake_python):
    first = ensure_backend(python=fake_python)
    os.kill(first.pid, signal.SIGKILL)
    second = ensure_backend(python=fake_python)
    assert second.pid != first.pid
    assert started(home) == [first.pid, second.pid]


def test_a_backend_that_lives_but_does_not_answer_is_not_replaced(home, fake_python, monkeypatch):
    monkeypatch.setattr(launching, "_ANSWER_TIMEOUT", 0.2)
    with RawPeer(until_closed) as peer:
        write_connection(describe_self(peer.endpoint, "t", "0.1.0"))
        error = failure(python=fake_python)
    assert error.code == "timeout"
    assert str(os.getpid()) in error.message
    assert "limner stop" in error.remedy
    assert started(home) == []


# Failures


def test_without_a_backend_and_without_starting_one(home):
    error = failure(start=False)
    assert error.code == "backend_lost"
    assert "limner serve" in error.remedy
    assert list(home.iterdir()) == []


def test_a_backend_that_crashes_tells_its_last_line(home, fake_python, monkeypatch):
    monkeypatch.setenv("FAKE_BACKEND", "crash")
    (home / "logs").mkdir()
    (home / "logs" / "backend.log").write_text("an earlier line\n")
    launcher = Launcher(python=fake_python)
    _, state = poll_until(launcher, "failed")
    assert state.problem.code == "start_failed"
    assert "exit status 1" in state.problem.message
    assert "no engine here" in state.problem.message
    assert "Traceback" in state.log_tail[0]
    assert "an earlier line" in (home / "logs" / "backend.log").read_text()
    assert launcher.poll() == state  # it stays so
    monkeypatch.setenv("FAKE_BACKEND", "ready")
    launcher.restart()
    poll_until(launcher, "ready")
    launcher.close()


def test_a_backend_that_never_listens_is_a_timeout_and_ended(home, fake_python, monkeypatch):
    monkeypatch.setenv("FAKE_BACKEND", "silent")
    launcher = Launcher(python=fake_python, timeout=0.5)
    _, state = poll_until(launcher, "failed")
    assert state.problem.code == "timeout"
    process = launcher._process
    assert process._process.wait(WAIT) != 0
    launcher.close()


def test_a_worker_that_cannot_load_is_reported(home, fake_python, monkeypatch):
    monkeypatch.setenv("FAKE_BACKEND", "failed")
    assert failure(python=fake_python).code == "weights_missing"


def test_a_python_that_is_not_there(home, tmp_path):
    error = failure(python=str(tmp_path / "nowhere" / "python"))
    assert error.code == "start_failed"
    assert "nowhere" in error.message


def test_without_an_installed_backend(home, monkeypatch):
    monkeypatch.setattr(launching, "find_python", lambda: (_ for _ in ()).throw(BackendError("backend_not_installed")))
    launcher = Launcher()
    _, state = poll_until(launcher, "not_installed")
    assert "pip install limner" in state.problem.remedy
    launcher.close()


def test_a_home_that_cannot_be_made(tmp_path, monkeypatch, fake_python):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path / "file" / "home"))
    error = failure(python=fake_python)
    assert error.code == "start_failed"
    assert "LIMNER_HOME" in error.remedy


@pytest.mark.parametrize("sandbox", ["snap", "flatpak"])
def test_nothing_is_started_from_inside_a_sandbox(home, fake_python, monkeypatch, sandbox, tmp_path):
    if sandbox == "snap":
        monkeypatch.setenv("SNAP_NAME", "gimp")
    else:
        monkeypatch.setattr(spawning, "_FLATPAK_MARK", str(tmp_path))
    error = failure(python=fake_python)
    assert error.code == "start_failed"
    assert "limner serve" in error.remedy
    assert started(home) == []


# A forced endpoint


def test_a_forced_endpoint_is_used_with_its_token(home, monkeypatch):
    with RouterPeer() as peer:
        monkeypatch.setenv("LIMNER_ENDPOINT", peer.endpoint)
        monkeypatch.setenv("LIMNER_TOKEN", TOKEN)
        info = ensure_backend()
        assert info == ConnectionInfo(peer.endpoint, token=TOKEN)
        assert peer.received[0].token == TOKEN


def test_a_forced_endpoint_is_never_replaced(home, monkeypatch, closed_endpoint, fake_python):
    monkeypatch.setenv("LIMNER_ENDPOINT", closed_endpoint)
    error = failure(python=fake_python)
    assert error.code == "backend_lost"
    assert closed_endpoint in error.message
    assert started(home) == []


def test_a_forced_endpoint_with_the_wrong_token(home, monkeypatch, fake_python):
    info = ensure_backend(python=fake_python)
    monkeypatch.setenv("LIMNER_ENDPOINT", info.endpoint)
    monkeypatch.setenv("LIMNER_TOKEN", "guessed")
    error = failure(python=fake_python)
    assert error.code == "bad_token"
    assert started(home) == [info.pid]


def test_a_forced_endpoint_that_is_no_address(home, monkeypatch):
    monkeypatch.setenv("LIMNER_ENDPOINT", "localhost:5555")
    assert "'localhost:5555'" in failure().message


def test_a_backend_of_another_protocol_is_not_replaced(home, fake_python):
    with RouterPeer() as peer:
        peer._answers = lambda message: [[b"\x83\xa1v\x02\xa4kind\xa5error\xa2id\xa0"]]
        write_connection(replace(describe_self(peer.endpoint, TOKEN, "9.0"), protocol=2))
        assert failure(python=fake_python).code == "incompatible_version"
    assert started(home) == []


# Watching


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
