# SPDX-License-Identifier: Apache-2.0
"""A home has one backend, also when the file of its lock is deleted."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from limner.server.lifecycle import Publication, take_lock
from limner.wire import ConnectionInfo
from limner.wire.connection import write_connection
from limner.wire.locks import FileLock
from tests.support.backends import ServerProcess, held_lock

HERE = ConnectionInfo("tcp://127.0.0.1:5", os.getpid(), 0, "secret")


@pytest.fixture
def server(limner_home: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(limner_home)
    yield process
    process.stop()


def test_a_backends_lock_comes_back_when_it_was_deleted(limner_home: Path) -> None:
    lock = held_lock(limner_home)
    with Publication(HERE, lock) as publication:
        lock.path.unlink()
        publication.tick()
        assert not FileLock(lock.path).acquire()
    lock.release()


def test_a_second_backend_gives_way_although_the_lock_was_deleted(server: ServerProcess, limner_home: Path) -> None:
    info = server.wait_until_listening()
    os.kill(info.pid, signal.SIGSTOP)  # so that it does not take its lock anew before the second one has it
    try:
        (limner_home / "backend.lock").unlink()
        lock = FileLock(limner_home / "backend.lock")
        second = threading.Timer(0.5, lambda: os.kill(info.pid, signal.SIGCONT))
        second.start()
        assert take_lock(lock) == info
    finally:
        second.join()
    assert not lock.held


def test_a_process_that_only_has_the_number_of_a_backend_is_in_nobodys_way(limner_home: Path) -> None:
    limner_home.mkdir(mode=0o700)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        write_connection(ConnectionInfo(f"tcp://127.0.0.1:{nobody.getsockname()[1]}", os.getpid(), 0, "secret"))
    lock = FileLock(limner_home / "backend.lock")
    assert take_lock(lock) is None
    assert lock.held
    lock.release()
