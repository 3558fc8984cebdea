# SPDX-License-Identifier: Apache-2.0
"""What an earlier backend has left, what cannot be started, and forced endpoints."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import pytest

from limner.client import BackendError, ConnectionInfo, Launcher, ensure_backend
from limner.client import launcher as launching
from limner.client import spawn as spawning
from limner.wire.connection import read_connection, write_connection
from limner.wire.process import describe_self
from tests.client.conftest import started
from tests.client.peers import TOKEN, WAIT, RawPeer, RouterPeer, failure, poll_until, until_closed

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the fake interpreter is a shell script")


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
        error = failure(ensure_backend, python=fake_python, timeout=1.0)
    assert error.code == "timeout"
    assert str(os.getpid()) in error.message
    assert "limner stop" in error.remedy
    assert started(home) == []


def test_a_backend_that_lives_may_take_its_time_to_answer(home, fake_python, monkeypatch):
    monkeypatch.setattr(launching, "_ANSWER_TIMEOUT", 0.1)
    with RouterPeer() as peer:
        answers = peer._answers
        peer._answers = lambda message: time.sleep(1.0) or answers(message)
        connection = describe_self(peer.endpoint, TOKEN, "0.1.0")
        write_connection(connection)
        assert ensure_backend(python=fake_python) == connection
    assert started(home) == []


def test_without_a_backend_and_without_starting_one(home):
    error = failure(ensure_backend, start=False)
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
    assert failure(ensure_backend, python=fake_python).code == "weights_missing"


def test_a_python_that_is_not_there(home, tmp_path):
    error = failure(ensure_backend, python=str(tmp_path / "nowhere" / "python"))
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
    error = failure(ensure_backend, python=fake_python)
    assert error.code == "start_failed"
    assert "LIMNER_HOME" in error.remedy


@pytest.mark.parametrize("sandbox", ["snap", "flatpak"])
def test_nothing_is_started_from_inside_a_sandbox(home, fake_python, monkeypatch, sandbox, tmp_path):
    if sandbox == "snap":
        monkeypatch.setenv("SNAP_NAME", "gimp")
    else:
        monkeypatch.setattr(spawning, "_FLATPAK_MARK", str(tmp_path))
    error = failure(ensure_backend, python=fake_python)
    assert error.code == "start_failed"
    assert "limner serve" in error.remedy
    assert started(home) == []


def test_a_forced_endpoint_is_used_with_its_token(home, monkeypatch):
    with RouterPeer() as peer:
        monkeypatch.setenv("LIMNER_ENDPOINT", peer.endpoint)
        monkeypatch.setenv("LIMNER_TOKEN", TOKEN)
        info = ensure_backend()
        assert info == ConnectionInfo(peer.endpoint, token=TOKEN)
        assert peer.received[0].token == TOKEN


def test_a_forced_endpoint_is_never_replaced(home, monkeypatch, closed_endpoint, fake_python):
    monkeypatch.setenv("LIMNER_ENDPOINT", closed_endpoint)
    error = failure(ensure_backend, python=fake_python)
    assert error.code == "backend_lost"
    assert closed_endpoint in error.message
    assert started(home) == []


def test_a_forced_endpoint_with_the_wrong_token(home, monkeypatch, fake_python):
    info = ensure_backend(python=fake_python)
    monkeypatch.setenv("LIMNER_ENDPOINT", info.endpoint)
    monkeypatch.setenv("LIMNER_TOKEN", "guessed")
    error = failure(ensure_backend, python=fake_python)
    assert error.code == "bad_token"
    assert started(home) == [info.pid]


def test_a_forced_endpoint_that_is_no_address(home, monkeypatch):
    monkeypatch.setenv("LIMNER_ENDPOINT", "localhost:5555")
    assert "'localhost:5555'" in failure(ensure_backend).message


def test_a_backend_of_another_protocol_is_not_replaced(home, fake_python):
    with RouterPeer() as peer:
        peer._answers = lambda message: [[b"\x83\xa1v\x02\xa4kind\xa5error\xa2id\xa0"]]
        write_connection(replace(describe_self(peer.endpoint, TOKEN, "9.0"), protocol=2))
        assert failure(ensure_backend, python=fake_python).code == "incompatible_version"
    assert started(home) == []
