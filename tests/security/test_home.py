# SPDX-License-Identifier: Apache-2.0
"""Limner's home is private whatever it was before, and what is lost in it while a backend runs comes back."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from limner.client import Client
from limner.client.finding import find_running
from limner.client.launcher import READY, Launcher
from limner.server.app import ServeOptions, serve
from limner.server.lifecycle import Publication
from limner.wire import ConnectionInfo, Error, LimnerError, Result
from limner.wire.connection import connection_path, read_connection, write_connection
from tests.support.backends import (
    FAKE_ENGINE,
    PATIENCE_S,
    ServerProcess,
    connection_in,
    end_of,
    environment,
    held_lock,
    picture,
    wait_for,
)
from tests.support.command import Command

INFO = ConnectionInfo("tcp://127.0.0.1:5", os.getpid(), 0, "secret")


@pytest.fixture
def server(limner_home: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(limner_home)
    yield process
    process.stop()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_open_to_others_is_closed(limner_home: Path) -> None:
    logs = limner_home / "logs"
    logs.mkdir(parents=True)
    for path, wide in ((limner_home, 0o755), (logs, 0o777)):
        path.chmod(wide)
    for path in (logs / "backend.log", limner_home / "connection.json", limner_home / "install.json"):
        path.write_text("")
        path.chmod(0o666)
    server = ServerProcess(limner_home)
    try:
        wait_for((limner_home / "connection.json").read_text, "the connection file")
        with Client(server.wait_until_listening()) as client:
            client.wait_ready()
        assert {path.name: mode(path) for path in (limner_home, logs)} == {"limner-home": 0o700, "logs": 0o700}
        files = [path for path in limner_home.rglob("*") if path.is_file()]
        assert {path.name: mode(path) for path in files} == {path.name: 0o600 for path in files}
        assert {"connection.json", "backend.log", "worker.log"} <= {path.name for path in files}
    finally:
        server.stop()


def test_the_token_of_each_start_is_a_new_one_of_256_bits(limner_home: Path) -> None:
    tokens = set()
    for _ in range(2):
        server = ServerProcess(limner_home)
        tokens.add(server.wait_until_listening().token)
        server.stop()
    assert len(tokens) == 2
    assert all(len(bytes.fromhex(token)) == 32 for token in tokens)


def test_a_home_of_another_user_is_refused(limner_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limner_home.mkdir()
    owner = limner_home.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(LimnerError, match="another user") as caught:
        serve(ServeOptions())
    assert "LIMNER_HOME" in caught.value.remedy
    assert not list(limner_home.iterdir())


def test_a_home_that_cannot_be_written_is_explained_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_server_process(tmp_path / "file" / "home")
    assert_explained(done, "Not a directory")


def run_server_process(home: Path, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "limner.server", "--foreground", "--engine", FAKE_ENGINE],
        env=environment(home),
        preexec_fn=before,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def assert_explained(done: subprocess.CompletedProcess[str], cause: str) -> None:
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert cause in last
    assert "LIMNER_HOME" in last
    assert "Traceback" not in done.stderr


def no_room(*, for_process: int = 0, room: bool = False) -> None:
    """Lets no file of the process grow any more, as on a full disk, or lets them again."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.prlimit(for_process, resource.RLIMIT_FSIZE, (hard if room else 0, hard))


def test_a_full_disk_at_the_start_is_explained(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert_explained(run_server_process(home, before=no_room), "File too large")
    assert connection_in(home) is None
    assert not list(home.glob("*.tmp"))


def test_a_disk_that_gets_full_stops_no_job_and_no_backend(server: ServerProcess, limner_home: Path) -> None:
    with Client(server.wait_until_listening()) as client:
        client.wait_ready()
        for pid in (client.stats().worker_pid, server.process.pid):
            no_room(for_process=pid)
        connection_path().unlink()
        before = limner_home.stat().st_mtime_ns
        wait_for(lambda: limner_home.stat().st_mtime_ns != before, "an attempt to write the connection file")
        for _ in range(3):
            assert isinstance(end_of(client, "shadow", sketch=picture()), Result)
        size = (limner_home / "logs" / "backend.log").stat().st_size
        assert isinstance(end_of(client, "raise"), Error)
        assert (limner_home / "logs" / "backend.log").stat().st_size == size, "the disk was not full"
        assert connection_in(limner_home) is None
        no_room(for_process=server.process.pid, room=True)
        assert wait_for(lambda: connection_in(limner_home), "the connection file") == client.connection
        assert isinstance(end_of(client, "echo", image=picture()), Result)
    assert not list(limner_home.glob("*.tmp"))
    assert "Traceback" not in server.text()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_text(""),
    "cut short": lambda path: path.write_text(path.read_text()[:40]),
    "no text": lambda path: path.write_bytes(b"\xff\x00" * 50),
    "huge": lambda path: path.write_bytes(bytes(10**6)),
    "another's": lambda path: path.write_text(
        '{"endpoint": "tcp://127.0.0.1:9", "pid": 0, "token": "", "protocol": 1}'
    ),
    "open to others": lambda path: path.chmod(0o644),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_the_connection_file_is_written_again(name: str, limner_home: Path) -> None:
    with Publication(INFO, held_lock(limner_home)) as publication:
        publication.tick()
        before = connection_path().stat().st_ino
        publication.tick()
        assert connection_path().stat().st_ino == before, "a sound file is left alone"
        DAMAGES[name](connection_path())
        publication.tick()
        assert read_connection() == INFO
        assert mode(connection_path()) == 0o600
    assert read_connection() is None


def test_the_file_of_another_live_backend_is_left_alone(limner_home: Path) -> None:
    with Publication(ConnectionInfo("tcp://127.0.0.1:5", 1, 0, "secret"), held_lock(limner_home)) as publication:
        write_connection(INFO)
        publication.tick()
        assert read_connection() == INFO
    assert read_connection() == INFO


def test_a_file_that_cannot_be_written_again_is_tried_later(
    limner_home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Publication(INFO, held_lock(limner_home)) as publication:
        connection_path().unlink()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            for _ in range(5):
                publication.tick()
        assert read_connection() is None
        assert [record.levelname for record in caplog.records].count("ERROR") == 1, "told once"
        publication.tick()
        assert read_connection() == INFO


def test_what_a_killed_backend_left_half_written_is_removed(limner_home: Path) -> None:
    lock = held_lock(limner_home)
    half, other = limner_home / "connection.json.ab12cd.tmp", limner_home / "install.json.ab12cd.tmp"
    for path in (half, other):
        path.write_text('{"token": "')
    with Publication(INFO, lock):
        assert not half.exists()
        assert other.exists(), "somebody may be writing it"
    lock.release()


def test_a_running_backend_is_found_although_its_file_was_deleted(server: ServerProcess, limner_home: Path) -> None:
    info = server.wait_until_listening()
    command = Command(limner_home, limner_home)
    for damage in (DAMAGES["deleted"], DAMAGES["cut short"]):
        damage(connection_path())
        assert command.json("status")["pid"] == info.pid
    connection_path().unlink()
    assert command.succeeds("stop") == "The backend has ended.\n"
    assert server.wait_until_ended() == 0
    assert command.json("status") == {"running": False}


def test_a_look_for_the_backend_waits_for_its_file_while_the_home_is_locked(
    limner_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = held_lock(limner_home)
    monkeypatch.setattr("limner.client.finding.time.sleep", lambda seconds: write_connection(INFO))
    assert find_running() == INFO
    lock.release()
    connection_path().unlink()
    assert find_running() is None, "nobody will write it"


def test_an_editor_does_not_lose_a_backend_whose_file_is_gone_for_a_moment(
    server: ServerProcess, limner_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.client.launcher._LOOK_INTERVAL", 0.0)
    info = server.wait_until_listening()
    launcher = Launcher(start=False)
    wait_for(lambda: launcher.poll().name == READY, "the backend")
    text = connection_path().read_text()
    connection_path().unlink()
    for _ in range(3):
        assert launcher.poll().name == READY
    if not connection_path().exists():
        connection_path().write_text(text)
    assert launcher.poll().connection == info
    launcher.close()


def test_the_whole_home_may_be_deleted(server: ServerProcess, limner_home: Path) -> None:
    with Client(server.wait_until_listening()) as client:
        client.wait_ready()
        for path in sorted(limner_home.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        limner_home.rmdir()
        assert wait_for(lambda: connection_in(limner_home), "the connection file") == client.connection
        assert isinstance(end_of(client, "echo", image=picture()), Result)
