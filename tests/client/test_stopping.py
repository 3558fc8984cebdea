# SPDX-License-Identifier: Apache-2.0
"""Ending the backend, also one that hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from limner.client import BackendError, ConnectionInfo, ensure_backend, stop_backend, stopping
from limner.wire import Error, Stopping
from limner.wire.connection import read_connection, write_connection
from limner.wire.process import describe_self, is_stale
from tests.client.peers import TOKEN, RawPeer, RouterPeer, until_closed

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the fake interpreter is a shell script")


def test_a_running_backend_ends(home, fake_python):
    info = ensure_backend(python=fake_python)
    assert stop_backend()
    assert is_stale(info)
    assert read_connection() is None
    assert not stop_backend()


def test_a_hanging_backend_is_ended_by_its_process(home, fake_python, monkeypatch):
    monkeypatch.setattr(stopping, "_ANSWER_TIMEOUT", 0.2)
    monkeypatch.setattr(stopping, "_KILL_AFTER", 0.2)
    info = ensure_backend(python=fake_python)
    os.kill(info.pid, signal.SIGSTOP)
    assert stop_backend()
    assert is_stale(info)
    assert read_connection() is None


def test_what_a_killed_backend_left_is_removed(home):
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    write_connection(ConnectionInfo("tcp://127.0.0.1:1", child.pid, 1, "t"))
    assert not stop_backend()
    assert read_connection() is None


def test_a_process_that_may_be_another_one_is_left_alone(home, monkeypatch):
    monkeypatch.setattr(stopping, "_ANSWER_TIMEOUT", 0.1)
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child,
        RawPeer(until_closed) as peer,
    ):
        write_connection(ConnectionInfo(peer.endpoint, child.pid, 0, "t"))
        with pytest.raises(BackendError) as caught:
            stop_backend()
        assert caught.value.code == "timeout"
        assert child.poll() is None
        child.communicate(b"\n")
    assert child.returncode == 0


def test_a_backend_that_promises_and_stays_is_a_timeout(home):
    with RouterPeer() as peer:
        write_connection(describe_self(peer.endpoint, TOKEN, "0.1.0"))
        peer._script = lambda message: [Stopping(message.id)]
        with pytest.raises(BackendError) as caught:
            stop_backend(timeout=0.5)
        assert caught.value.code == "timeout"
        assert str(os.getpid()) in caught.value.message


def test_a_refused_token_is_told(home):
    with RouterPeer() as peer:
        peer._answers = lambda message: [Error(message.id, "bad_token", "no", "why")]
        write_connection(describe_self(peer.endpoint, "wrong", "0.1.0"))
        with pytest.raises(BackendError) as caught:
            stop_backend()
        assert caught.value.code == "bad_token"
