# SPDX-License-Identifier: Apache-2.0
"""The client whose backend ends, hangs or vanishes, with both transports."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

from limner.client import Client
from limner.client import heartbeat as heartbeat_module
from limner.wire import (
    Cancel,
    Cancelled,
    ConnectionInfo,
    Error,
    Result,
    Stopping,
    Submit,
)
from limner.wire.process import start_time
from tests.client.peers import (
    TOKEN,
    WAIT,
    RawPeer,
    RouterPeer,
    collect,
    failure,
    shake_hands,
    until_closed,
)


def test_every_open_job_ends_when_the_backend_is_lost(connect):
    with RouterPeer() as peer:
        client = connect(peer)
        jobs = [client.submit("portrait", {}) for _ in range(3)]
        client.cancel(jobs[1])
        peer.wait_for(Cancel)
    messages = collect(client)
    assert [(type(message), message.id) for message in messages] == [
        (Error, jobs[0]),
        (Cancelled, jobs[1]),
        (Error, jobs[2]),
    ]
    assert messages[0].code == "backend_lost"
    assert not client.connected
    assert client.open_jobs == []
    for call in (client.poll, client.ping, lambda: client.submit("portrait", {})):
        assert failure(call).code == "backend_lost"


def test_a_blocking_run_ends_when_the_backend_is_lost(connect):
    with RouterPeer(lambda message: [[b""]]) as peer:
        client = connect(peer)
        peer._script = lambda message: peer._stop.set() or []
        assert failure(client.run, "portrait", {}).code == "backend_lost"


def test_what_the_backend_said_before_its_end_still_counts(connect):
    with RouterPeer() as peer:
        client = connect(peer)
        job = client.submit("portrait", {})
        peer.wait_for(Submit)
        peer.send(Error(job, "shutting_down", "m", "r"), Stopping("", "signal"))
        messages = collect(client, Stopping)
    assert messages == [Error(job, "shutting_down", "m", "r"), Stopping("", "signal")]
    assert failure(client.poll, WAIT).code == "backend_lost"


def test_a_backend_that_hangs_is_given_up(connect, monkeypatch):
    monkeypatch.setattr(heartbeat_module, "PING_INTERVAL", 0.05)
    monkeypatch.setattr(heartbeat_module, "SILENCE_LIMIT", 0.3)
    with RouterPeer(answers_ping=False) as peer:
        client = connect(peer)
        error = failure(client.run, "portrait", {})
        assert error.code == "backend_lost"
        assert "not answered" in error.message


def test_a_backend_that_answers_pings_may_take_its_time(connect, monkeypatch):
    monkeypatch.setattr(heartbeat_module, "PING_INTERVAL", 0.01)
    monkeypatch.setattr(heartbeat_module, "SILENCE_LIMIT", 0.2)
    with RouterPeer() as peer:
        client = connect(peer)
        job = client.submit("portrait", {})
        peer.wait_for(Submit)
        assert client.poll(0.5) == []
        peer.send(Result(job))
        assert collect(client) == [Result(job)]


def test_a_backend_whose_process_has_ended_is_given_up(transport, monkeypatch):
    """Also when its connection stays open, as it does when a child process has inherited it."""
    monkeypatch.setattr(heartbeat_module, "PING_INTERVAL", 0.05)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process, RouterPeer() as peer:
        connection = ConnectionInfo(peer.endpoint, process.pid, start_time(process.pid), TOKEN)
        with Client(connection, transport=transport) as client:
            job = client.submit("portrait", {})
            assert client.poll(0.2) == []
            process.kill()
            process.wait()
            (end,) = collect(client)
            assert (end.id, end.code) == (job, "backend_lost")
            assert str(process.pid) in end.message


def test_a_process_that_a_sandbox_hides_is_not_taken_for_dead(transport, monkeypatch):
    monkeypatch.setattr(heartbeat_module, "PING_INTERVAL", 0.02)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with (
        RouterPeer() as peer,
        Client(ConnectionInfo(peer.endpoint, process.pid, 1, TOKEN), transport=transport) as client,
    ):
        job = client.submit("portrait", {})
        assert client.poll(0.2) == []
        peer.send(Result(job))
        assert collect(client) == [Result(job)]


def test_a_half_closed_connection_is_lost():
    submitted = threading.Event()

    def script(connection):
        shake_hands(connection)
        assert submitted.wait(WAIT)
        connection.shutdown(socket.SHUT_WR)
        until_closed(connection)

    with RawPeer(script) as peer:
        client = Client(ConnectionInfo(peer.endpoint), transport="zmtp")
        job = client.submit("portrait", {})
        submitted.set()
        (end,) = collect(client)
        assert (end.id, end.code) == (job, "backend_lost")
