# SPDX-License-Identifier: Apache-2.0
"""File locks between processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from limner.wire.locks import FileLock

HOLDER = """
import sys
from pathlib import Path
from limner.wire.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.readline()
"""


def test_one_holder_at_a_time(tmp_path):
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.acquire()
    assert first.acquire()
    assert first.held
    assert not second.acquire()
    assert not second.held
    first.release()
    first.release()
    assert second.acquire()
    second.release()


def test_the_lock_of_a_killed_process_is_free_again(tmp_path):
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "True\n"
        lock = FileLock(path)
        assert not lock.acquire()
        holder.kill()
        holder.wait()
        assert lock.acquire()
        lock.release()


def test_a_child_process_does_not_inherit_the_lock(tmp_path):
    lock = FileLock(tmp_path / "lock")
    assert lock.acquire()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False) as child:
        lock.release()
        other = FileLock(tmp_path / "lock")
        assert other.acquire()
        other.release()
        child.communicate(b"\n")


@pytest.mark.parametrize("damage", ["deleted", "exchanged"])
def test_a_lock_whose_file_is_gone_is_taken_anew(tmp_path, damage):
    lock, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert not lock.renew(), "it is not held"
    assert lock.acquire()
    assert lock.renew()
    (tmp_path / "lock").unlink()
    if damage == "exchanged":
        (tmp_path / "lock").touch()
    assert lock.renew()
    assert not other.acquire()
    lock.release()
    assert other.acquire()
    other.release()


def test_a_lock_that_another_took_meanwhile_is_lost(tmp_path):
    lock, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert lock.acquire()
    (tmp_path / "lock").unlink()
    assert other.acquire()
    assert not lock.renew()
    other.release()
    assert lock.renew(), "it is tried again"
    assert not other.acquire()
    lock.release()


def test_a_lock_whose_folder_is_gone_is_kept(tmp_path):
    lock = FileLock(tmp_path / "home" / "lock")
    lock.path.parent.mkdir()
    assert lock.acquire()
    lock.path.unlink()
    lock.path.parent.rmdir()
    with pytest.raises(OSError, match="home"):
        lock.renew()
    assert lock.held
    lock.path.parent.mkdir()
    assert lock.renew()
    lock.release()
