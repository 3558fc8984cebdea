# SPDX-License-Identifier: Apache-2.0
"""The connection file: where it lies, who may read it, and when it is stale."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from limner.wire import ConnectionInfo, WireError, remote
from limner.wire import connection as files
from limner.wire.process import describe_self, is_alive, is_stale, start_time

posix_only = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
proc_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the platform has no /proc")
INFO = ConnectionInfo("tcp://127.0.0.1:5555", 4711, 99, "secret", 1, "0.1.0")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in ("LIMNER_ENDPOINT", "LIMNER_TOKEN", "SNAP_REAL_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path / "limner"))
    return tmp_path / "limner"


@pytest.fixture
def ended_process():
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_home_is_moved_by_the_environment(home, tmp_path, monkeypatch):
    assert files.home() == home
    monkeypatch.delenv("LIMNER_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert files.home() == tmp_path / ".limner"
    monkeypatch.setenv("XDG_DATA_HOME", "/elsewhere")
    assert files.home() == tmp_path / ".limner"
    monkeypatch.setenv("SNAP_REAL_HOME", str(tmp_path / "real"))
    assert files.home() == tmp_path / "real" / ".limner"


def test_what_is_written_is_read(home):
    assert files.read_connection() is None
    assert files.write_connection(INFO) == home / "connection.json"
    assert files.read_connection() == INFO
    files.write_connection(replace(INFO, token="other"))
    assert files.read_connection().token == "other"
    assert [path.name for path in home.iterdir() if path.is_file()] == ["connection.json"]


@posix_only
def test_only_the_user_can_read_it(home):
    home.mkdir(mode=0o755)
    path = files.write_connection(INFO)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_failed_write_leaves_the_old_file_and_no_other(home, monkeypatch):
    files.write_connection(INFO)

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        files.write_connection(replace(INFO, token="other"))
    assert files.read_connection() == INFO
    assert [path.name for path in home.iterdir() if path.is_file()] == ["connection.json"]


def test_the_token_is_not_shown():
    assert "secret" not in repr(INFO)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"[" * 50_000,
        b'{"endpoint": "tcp://127.0.0.1:1"}',
        json.dumps({"endpoint": "", "pid": 1, "token": "t", "protocol": 1}).encode(),
        json.dumps({"endpoint": "e", "pid": -1, "token": "t", "protocol": 1}).encode(),
        json.dumps({"endpoint": "e", "pid": True, "token": "t", "protocol": 1}).encode(),
        json.dumps({"endpoint": "e", "pid": 1, "token": 5, "protocol": 1}).encode(),
        b" " * 70_000,
    ],
)
def test_a_damaged_file_is_a_wire_error(home, content):
    home.mkdir()
    (home / "connection.json").write_bytes(content)
    with pytest.raises(WireError) as caught:
        files.read_connection()
    assert caught.value.code == "bad_message"


def test_unknown_keys_of_a_newer_backend_are_ignored(home):
    path = files.write_connection(INFO)
    path.write_text(json.dumps({**json.loads(path.read_text()), "curve": "key"}))
    assert files.read_connection() == INFO


@posix_only
def test_a_file_of_another_user_is_refused(monkeypatch):
    files.write_connection(INFO)
    owner = os.getuid() + 1 if os.getuid() else 4242
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    real = os.fstat

    class Stat:
        st_uid = owner

    monkeypatch.setattr(os, "fstat", lambda handle: Stat)
    with pytest.raises(WireError, match="another user"):
        files.read_connection()
    monkeypatch.setattr(os, "fstat", real)


def test_only_the_own_file_is_removed(home):
    files.write_connection(INFO)
    files.remove_connection(replace(INFO, token="other"))
    assert files.read_connection() == INFO
    files.remove_connection(INFO)
    assert files.read_connection() is None
    files.remove_connection(INFO)


def test_the_environment_forces_an_endpoint(monkeypatch):
    assert remote.forced_connection() is None
    monkeypatch.setenv("LIMNER_ENDPOINT", "tcp://127.0.0.1:9")
    assert remote.forced_connection() == ConnectionInfo("tcp://127.0.0.1:9")
    files.write_connection(INFO)
    assert remote.forced_connection() == ConnectionInfo("tcp://127.0.0.1:9", token="secret")
    monkeypatch.setenv("LIMNER_TOKEN", "mine")
    assert remote.forced_connection() == ConnectionInfo("tcp://127.0.0.1:9", token="mine")


def test_tokens():
    assert len(files.new_token()) == 64
    assert files.new_token() != files.new_token()
    assert files.same_token("abc", "abc")
    assert not files.same_token("abc", "abd")
    assert not files.same_token("", "ä\ud800")


def test_a_running_process_is_not_stale():
    info = describe_self("tcp://127.0.0.1:1", "t", "0.1.0")
    assert info.pid == os.getpid()
    assert is_alive(info.pid)
    assert not is_stale(info)
    assert not is_stale(replace(info, start_time=0))


def test_an_ended_process_is_stale(ended_process):
    assert not is_alive(ended_process)
    assert start_time(ended_process) == 0
    assert is_stale(replace(INFO, pid=ended_process))


@proc_only
def test_a_process_number_used_again_is_stale():
    info = describe_self("tcp://127.0.0.1:1", "t", "0.1.0")
    assert info.start_time > 0
    assert is_stale(replace(info, start_time=info.start_time + 1))


@proc_only
def test_a_zombie_is_not_alive():
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    child.stdout.read()  # ends when the child ends
    while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        pass
    assert not is_alive(child.pid)
    child.wait()
    child.stdout.close()


def test_impossible_process_numbers_are_not_alive():
    assert not any(is_alive(pid) for pid in (0, -1, 2**40, 2**63))


def test_an_unknown_process_is_never_called_stale():
    assert not is_stale(ConnectionInfo("tcp://127.0.0.1:9"))
