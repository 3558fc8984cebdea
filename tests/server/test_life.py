# SPDX-License-Identifier: Apache-2.0
"""The backend's life: one for each home, started once, replaced when killed, ended in good order."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from limner.client import BackendError, Client
from limner.client.launcher import ensure_backend
from limner.server.app import ServeOptions, serve
from limner.wire import (
    ConnectionInfo,
    Error,
    ErrorCode,
    Message,
    Progress,
    Queued,
    Result,
    Stopping,
)
from limner.wire.connection import write_connection
from limner.wire.process import is_alive
from tests.support.backends import (
    FAKE_ENGINE,
    PATIENCE_S,
    ServerProcess,
    connection_in,
    end_of,
    follow,
    next_messages,
    picture,
    wait_for,
    wait_for_message,
)

Start = Callable[..., ServerProcess]
ENDLESS = {"steps": 10_000, "step_ms": 10}


@pytest.fixture
def fake_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `limner serve` starts uses the fake engine."""
    monkeypatch.setenv("LIMNER_ENGINE", FAKE_ENGINE)


def wait_until_gone(pid: int) -> None:
    wait_for(lambda: not is_alive(pid), f"the end of process {pid}")


def start_endless_job(client: Client) -> str:
    job_id = client.submit("slow", {}, ENDLESS)
    wait_for_message(client, Progress, job_id)
    return job_id


def test_it_answers_and_takes_jobs_while_the_worker_still_loads(start: Start, limner_home: Path) -> None:
    server = start(engine="tests.support.fake_engine:build_waiting")
    with Client(server.wait_until_listening()) as client:
        assert client.welcome.state == "loading"
        assert client.welcome.schema == {}
        good, bad = client.submit("shadow", {"sketch": picture()}), client.submit("juggle", {})
        assert wait_for_message(client, Queued, bad).position == 1
        (limner_home / "go").touch()
        ends = {job_id: messages[-1] for job_id, messages in follow(client, [good, bad]).items()}
        assert isinstance(ends[good], Result)
        refusal = ends[bad]
        assert isinstance(refusal, Error)
        assert refusal.code == ErrorCode.UNKNOWN_TASK
        assert client.wait_ready().device == "cpu"


@pytest.mark.parametrize(
    ("engine", "code", "parts"),
    [
        ("tests.support.fake_engine:build_without_weights", ErrorCode.WEIGHTS_MISSING, ["fake.safetensors is missing"]),
        ("tests.support.fake_engine:build_crashing", ErrorCode.START_FAILED, ["exit status 7", "the end is near"]),
        ("tests.support.no_such_engine:build", ErrorCode.START_FAILED, ["no_such_engine"]),
    ],
)
def test_a_worker_that_cannot_start_is_explained_and_the_server_stays(
    start: Start, engine: str, code: str, parts: list[str]
) -> None:
    server = start(engine=engine)
    with Client(server.wait_until_listening()) as client:
        with pytest.raises(BackendError) as caught:
            client.wait_ready()
        error = end_of(client, "echo", image=picture())
        assert isinstance(error, Error)
        for problem in (caught.value.problem, error.problem):
            assert problem.code == code
            assert all(part in problem.message for part in parts), problem.message
            assert problem.remedy
        assert client.ping() < PATIENCE_S
        assert client.stats().state == "failed"
    assert server.process.poll() is None


def test_two_clients_that_start_at_once_end_with_one_backend(fake_engine: None, limner_home: Path) -> None:
    found: list[ConnectionInfo] = []
    threads = [threading.Thread(target=lambda: found.append(ensure_backend(timeout=PATIENCE_S))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(found) == 3
    assert len(set(found)) == 1
    with Client(found[0]) as client:
        assert isinstance(end_of(client, "shadow", sketch=picture()), Result)
    assert ensure_backend() == found[0], "a live backend is adopted"


def test_two_servers_started_at_once_end_with_one(start: Start, limner_home: Path) -> None:
    servers = [start(), start()]
    first_to_end = wait_for(lambda: next((s for s in servers if s.process.poll() is not None), None), "one to give way")
    assert first_to_end.wait_until_ended() == 0
    assert "runs already" in first_to_end.text()
    (survivor,) = (server for server in servers if server is not first_to_end)
    with Client(survivor.wait_until_listening()) as client:
        assert isinstance(end_of(client, "echo", image=picture()), Result)


def test_serve_in_the_background_returns_when_the_backend_listens(fake_engine: None, limner_home: Path) -> None:
    assert serve(ServeOptions()) == 0
    first = connection_in(limner_home)
    assert first is not None
    with Client(first) as client:
        client.wait_ready()
        assert serve(ServeOptions()) == 0
        assert connection_in(limner_home) == first
        client.shutdown_backend()
    wait_until_gone(first.pid)
    assert connection_in(limner_home) is None


def test_the_home_is_private_and_the_logs_hold_no_token(start: Start, limner_home: Path) -> None:
    server = start()
    info = server.wait_until_listening()
    assert info.endpoint.startswith("tcp://127.0.0.1:")
    assert stat.S_IMODE((limner_home / "connection.json").stat().st_mode) == 0o600
    with Client(info) as client:
        client.run("portrait", {"sketch": picture()})
    with pytest.raises(BackendError), Client(ConnectionInfo(info.endpoint, token="guess")):
        raise AssertionError("a wrong token was welcome")
    server.stop()
    logs = sorted((limner_home / "logs").iterdir())
    assert [log.name for log in logs] == ["backend.log", "worker.log"]
    for log in logs:
        text = log.read_text("utf-8")
        assert text
        assert info.token not in text
    assert stat.S_IMODE(limner_home.stat().st_mode) == 0o700
    for path in limner_home.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or path.is_dir(), path
    record = json.loads((limner_home / "install.json").read_text("utf-8"))
    assert record["python"] == sys.executable


@pytest.mark.parametrize("left_behind", ["of a dead process", "damaged", "of another process"])
def test_a_stale_connection_file_is_replaced(start: Start, limner_home: Path, left_behind: str) -> None:
    stale = ConnectionInfo("tcp://127.0.0.1:9", _dead_pid(), 1, "old")
    if left_behind == "of another process":  # the number was given to another process since
        stale = ConnectionInfo("tcp://127.0.0.1:9", os.getpid(), 1, "old")
    path = write_connection(stale)
    if left_behind == "damaged":
        path.write_text("{", "utf-8")
    server = start()
    info = wait_for(lambda: _fresh_connection(limner_home, stale), "a new connection file")
    assert info.pid == server.process.pid
    with Client(info) as client:
        assert isinstance(end_of(client, "echo", image=picture()), Result)


def _dead_pid() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def _fresh_connection(home: Path, stale: ConnectionInfo) -> ConnectionInfo | None:
    try:
        info = connection_in(home)
    except ValueError:
        return None
    return info if info is not None and info.token != stale.token else None


def test_a_killed_server_ends_its_worker_and_is_replaced(fake_engine: None, limner_home: Path) -> None:
    first = ensure_backend(timeout=PATIENCE_S)
    with Client(first) as client:
        client.wait_ready()
        worker = client.stats().worker_pid
        job_id = start_endless_job(client)
        os.kill(first.pid, signal.SIGKILL)
        error = follow(client, [job_id])[job_id][-1]
        assert isinstance(error, Error)
        assert error.code == ErrorCode.BACKEND_LOST
    try:
        wait_until_gone(worker)
    finally:
        if is_alive(worker):
            os.kill(worker, signal.SIGKILL)
    assert connection_in(limner_home) == first, "a killed server cannot clean up"
    second = ensure_backend(timeout=PATIENCE_S)
    assert second.pid != first.pid
    with Client(second) as client:
        assert isinstance(end_of(client, "shadow", sketch=picture()), Result)


@pytest.mark.parametrize("how", [signal.SIGTERM, "request"])
def test_an_end_in_the_middle_of_a_job(start: Start, limner_home: Path, how: signal.Signals | str) -> None:
    server = start()
    with Client(server.wait_until_listening()) as client:
        client.wait_ready()
        worker = client.stats().worker_pid
        running = start_endless_job(client)
        waiting = client.submit("slow", {}, ENDLESS)
        wait_for_message(client, Queued, waiting)
        if isinstance(how, signal.Signals):
            server.process.send_signal(how)
        else:
            with Client(client.connection, transport="zmtp") as other:
                other.shutdown_backend()
        heard = hear_until_stopping(client)
    ends = {message.id: message.code for message in heard if isinstance(message, Error)}
    assert ends == {running: ErrorCode.SHUTTING_DOWN, waiting: ErrorCode.SHUTTING_DOWN}
    assert heard[-1] == Stopping("", "signal" if isinstance(how, signal.Signals) else "request")
    assert server.wait_until_ended() == 0
    assert connection_in(limner_home) is None
    wait_until_gone(worker)


def hear_until_stopping(client: Client) -> list[Message]:
    heard: list[Message] = []
    while not any(isinstance(message, Stopping) for message in heard):
        heard += next_messages(client)
    return heard


def test_an_idle_server_ends_by_itself(start: Start, limner_home: Path) -> None:
    server = start("--idle-timeout", "0.02")
    assert server.wait_until_ended() == 0
    assert connection_in(limner_home) is None
    assert "listening on" in server.text()
    assert "ending (idle)" in server.text()


def test_only_its_own_connection_file_is_removed(start: Start, limner_home: Path) -> None:
    server = start()
    server.wait_until_listening()
    other = ConnectionInfo("tcp://127.0.0.1:9", os.getpid(), 0, "another")
    write_connection(other)
    server.stop()
    assert connection_in(limner_home) == other
