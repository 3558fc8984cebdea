# SPDX-License-Identifier: Apache-2.0
"""The clients' socket against peers that do not read, that are gone, or that were never there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zmq

from limner.server.clientsocket import ClientSocket
from limner.wire import (
    ErrorCode,
    LimnerError,
    Pixels,
    Pong,
    Preview,
    Progress,
    Result,
    WireError,
    decode,
    encode,
    messages,
)
from tests.support.backends import wait_for

PICTURE = Pixels(256, 256, 1, "u8", bytes(65536))


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    with zmq.Context() as context:
        yield context
        context.destroy(linger=0)


@pytest.fixture
def clients(context: zmq.Context) -> ClientSocket:
    return ClientSocket(context, "tcp://127.0.0.1:*")


def connect(context: zmq.Context, clients: ClientSocket, identity: bytes) -> zmq.Socket:
    """A client that has said something and takes one message before it is read."""
    peer = context.socket(zmq.DEALER)
    peer.setsockopt(zmq.IDENTITY, identity)
    peer.setsockopt(zmq.RCVHWM, 1)
    peer.connect(clients.endpoint)
    peer.send_multipart(encode(messages.Ping("p", "t")))
    assert wait_for(lambda: list(clients.messages()), "the ping") == [(identity, "", messages.Ping("p", "t"))]
    return peer


def received(peer: zmq.Socket) -> messages.Message:
    assert peer.poll(60_000)
    return decode(peer.recv_multipart())


def test_a_client_that_stops_reading_loses_progress_but_no_result(context: zmq.Context, clients: ClientSocket) -> None:
    peer = connect(context, clients, b"lazy")
    sent = 0
    while not clients._backlogs:  # fill every buffer on the way
        assert clients.send(b"lazy", Result(str(sent), {}, {"image": PICTURE}))
        sent += 1
    assert clients.send(b"lazy", Progress("dropped", "stage", 0.5))
    assert clients.send(b"lazy", Pong("last"))
    heard: list[str] = []
    while not heard or heard[-1] != "last":
        heard.append(received(peer).id)
        clients.send_backlogs()
    assert heard == [*(str(number) for number in range(sent)), "last"]
    assert clients.send(b"lazy", Progress("again", "stage", 0.5))
    assert received(peer).id == "again"


def test_progress_is_never_kept_for_a_client_that_does_not_read(context: zmq.Context, clients: ClientSocket) -> None:
    peer = connect(context, clients, b"lazy")
    sent = 3000
    for number in range(sent):
        assert clients.send(b"lazy", Preview(str(number), "stage", 0.5, {"preview": PICTURE}))
    assert not clients._backlogs
    assert clients.send(b"lazy", Pong("last"))
    heard: list[str] = []
    while not heard or heard[-1] != "last":
        heard.append(received(peer).id)
        clients.send_backlogs()
    assert heard[:-1] == [str(number) for number in range(len(heard) - 1)]
    assert 10 < len(heard) < sent


def test_a_client_that_never_reads_counts_as_gone_in_the_end(context: zmq.Context, clients: ClientSocket) -> None:
    lazy, other = connect(context, clients, b"lazy"), connect(context, clients, b"other")
    for _ in range(100_000):
        if not clients.send(b"lazy", Result("r", {}, {"image": PICTURE})):
            break
    else:
        raise AssertionError("it never counted as gone")
    assert not lazy.closed
    clients.forget(b"lazy")
    assert not clients._backlogs
    assert clients.send(b"other", Pong("still served"))
    assert received(other) == Pong("still served")


def test_a_client_that_closed_its_connection_is_gone(context: zmq.Context, clients: ClientSocket) -> None:
    peer = connect(context, clients, b"short")
    assert not clients.send(b"stranger", Pong("x"))
    peer.close(linger=0)
    assert wait_for(lambda: not clients.send(b"short", Pong("x")), "the end of the connection")


def test_a_message_that_breaks_the_protocol_is_not_sent(context: zmq.Context, clients: ClientSocket) -> None:
    peer = connect(context, clients, b"a")
    with pytest.raises(WireError):
        clients.send(b"a", Progress("j", "x" * 1000, 0.5))
    assert clients.send(b"a", Pong("next"))
    assert received(peer) == Pong("next")


def test_a_port_in_use_is_explained(context: zmq.Context, clients: ClientSocket) -> None:
    with pytest.raises(LimnerError, match="in use") as caught:
        ClientSocket(context, clients.endpoint)
    assert caught.value.code == ErrorCode.START_FAILED
