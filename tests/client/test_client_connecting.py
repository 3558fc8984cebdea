# SPDX-License-Identifier: Apache-2.0
"""Connecting to a scripted backend on a real ROUTER, and small requests, with both transports."""

from __future__ import annotations

from limner.client import Client
from limner.client import heartbeat as heartbeat_module
from limner.wire import (
    ConnectionInfo,
    Error,
    Hello,
    Shutdown,
    Stats,
    StatsRequest,
    Stopping,
    Welcome,
)
from tests.client.peers import (
    TOKEN,
    WAIT,
    RawPeer,
    RouterPeer,
    collect,
    failure,
    until_closed,
)


def test_it_introduces_itself_and_knows_the_backend(connect):
    with RouterPeer() as peer:
        client = connect(peer)
        assert client.welcome == Welcome("request-1", "ready", "0.1.0")
        assert client.connected
        assert peer.received == [Hello("request-1", TOKEN, "test", "1.2")]
        assert client.poll() == []


def test_as_a_context_manager_it_connects_and_closes(transport):
    with RouterPeer() as peer:
        with Client(peer.connection, transport=transport) as client:
            assert client.connected
        assert not client.connected
        assert failure(client.poll).code == "backend_lost"


def test_connecting_without_waiting_brings_the_welcome_by_polling(transport):
    with RouterPeer() as peer:
        client = Client(peer.connection, transport=transport)
        client.begin_connect()
        assert [type(message) for message in collect(client, Welcome)] == [Welcome]
        assert client.connected
        client.ask_welcome()
        assert [type(message) for message in collect(client, Welcome)] == [Welcome]
        client.close()


def test_it_waits_until_the_backend_has_loaded(connect):
    with RouterPeer(welcomes=["loading", "loading", "loading", "ready"]) as peer:
        client = connect(peer)
        assert client.welcome.state == "loading"
        assert client.wait_ready(WAIT).state == "ready"
        assert client.welcome.state == "ready"


def test_a_backend_that_cannot_load_tells_why(connect):
    with RouterPeer(welcomes=["loading", "failed"]) as peer:
        client = connect(peer)
        assert failure(client.wait_ready, WAIT).code == "weights_missing"


def test_a_backend_that_never_loads_is_a_timeout(connect):
    with RouterPeer(welcomes=["loading"]) as peer:
        client = connect(peer)
        assert failure(client.wait_ready, 0.3).code == "timeout"
        assert failure(client.run, "echo", {}, timeout=0.3).code == "timeout"


def test_a_refused_token_is_reported(transport):
    with RouterPeer() as peer:
        peer._answers = lambda message: [Error(message.id, "bad_token", "no", "why")]
        client = Client(peer.connection, transport=transport)
        assert failure(client.connect, WAIT).code == "bad_token"
        assert failure(client.submit, "echo", {}).code == "bad_token"


def test_a_backend_of_another_protocol_is_reported(transport):
    with RouterPeer() as peer:
        peer._answers = lambda message: [[b"\x83\xa1v\x02\xa4kind\xa5error\xa2id\xa0"]]
        error = failure(Client(peer.connection, transport=transport).connect, WAIT)
        assert error.code == "incompatible_version"
        assert "version 2" in error.message


def test_nobody_there_is_a_lost_backend(transport):
    with RouterPeer() as peer:
        connection = peer.connection
    client = Client(connection, transport=transport)
    assert failure(client.connect, WAIT).code == "backend_lost"
    assert failure(client.run, "echo", {}).code == "backend_lost"


def test_a_silent_peer_is_a_timeout(transport):
    with RawPeer(until_closed) as peer:
        client = Client(ConnectionInfo(peer.endpoint), transport=transport)
        assert failure(client.connect, 0.2).code == "timeout"
        client.close()


def test_a_peer_that_is_no_backend_is_lost(transport, monkeypatch):
    monkeypatch.setattr(heartbeat_module, "SILENCE_LIMIT", 0.3)  # libzmq takes the text for its own oldest protocol

    def script(connection):
        connection.sendall(b"220 mail.example.org ESMTP\r\n" * 10)
        until_closed(connection)

    with RawPeer(script) as peer:
        client = Client(ConnectionInfo(peer.endpoint), transport=transport)
        assert failure(client.connect, WAIT).code == "backend_lost"


def test_ping_stats_and_shutdown(connect):
    def script(message):
        return [Stats(message.id, "ready", done=3) if isinstance(message, StatsRequest) else Stopping(message.id)]

    with RouterPeer(script) as peer:
        client = connect(peer)
        assert client.ping(WAIT) >= 0
        assert client.stats(WAIT).done == 3
        client.shutdown_backend(WAIT)
        assert peer.wait_for(Shutdown).token == TOKEN


def test_a_request_without_an_answer_is_a_timeout(connect):
    with RouterPeer() as peer:
        client = connect(peer)
        assert failure(client.stats, 0.1).code == "timeout"
        assert client.connected


def test_a_request_refused_by_the_backend_raises_its_error(connect):
    with RouterPeer(lambda message: [Error(message.id, "busy", "m", "r")]) as peer:
        assert failure(connect(peer).stats, WAIT).code == "busy"
