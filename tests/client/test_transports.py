# SPDX-License-Identifier: Apache-2.0
"""Both transports against libzmq's ROUTER, through the one interface."""

from __future__ import annotations

import os
import socket
import sys
import threading

import pytest
import zmq

from limner.client import BackendError
from limner.client.transports import open_transport
from limner.client.transports.base import parse_tcp
from limner.wire import limits
from limner.wire.connection import CurveKeys
from tests.client.peers import WAIT

pytestmark = pytest.mark.parametrize("kind", ["pyzmq", "zmtp"])


@pytest.fixture
def router():
    with zmq.Context() as context, context.socket(zmq.ROUTER) as bound:
        bound.setsockopt(zmq.LINGER, 0)
        bound.setsockopt(zmq.SNDHWM, 0)  # a ROUTER drops what is over it
        bound.setsockopt(zmq.RCVTIMEO, int(WAIT * 1000))
        bound.bind("tcp://127.0.0.1:*")
        yield bound


@pytest.fixture
def transport(kind, router):
    opened = open_transport(router.getsockopt_string(zmq.LAST_ENDPOINT), kind)
    yield opened
    opened.close()


def send(transport, *frames):
    transport.send(frames)
    assert transport.flush(WAIT)


def greet(transport, router):
    """Say hello; returns the client's identity."""
    send(transport, b"hello")
    return router.recv_multipart()[0]


def receive(transport):
    message = transport.receive(WAIT)
    assert message is not None
    return message


def test_it_is_the_one_asked_for(transport, kind):
    assert transport.name == kind


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65535, 65536, 1_000_003])
def test_frames_of_every_length_arrive_both_ways(transport, router, size):
    body = os.urandom(size)
    send(transport, b"header", body, b"", body)
    identity, *frames = router.recv_multipart()
    assert frames == [b"header", body, b"", body]
    router.send_multipart([identity, b"", body, b"end"])
    assert receive(transport) == [b"", body, b"end"]


def test_a_16_mb_picture_arrives_both_ways(transport, router):
    picture = os.urandom(1 << 20) * 16
    received = []
    reader = threading.Thread(target=lambda: received.append(router.recv_multipart()))
    reader.start()
    send(transport, b"header", memoryview(picture))
    reader.join(WAIT)
    assert received[0][1:] == [b"header", picture]
    router.send_multipart([received[0][0], b"header", picture])
    assert receive(transport) == [b"header", picture]


def test_many_messages_keep_their_order(transport, router):
    identity = greet(transport, router)
    for number in range(2000):
        router.send_multipart([identity, b"%d" % number])
    assert [receive(transport) for _ in range(2000)] == [[b"%d" % number] for number in range(2000)]
    for number in range(2000):
        transport.send([b"%d" % number])
    assert transport.flush(WAIT)
    assert [router.recv_multipart()[1] for _ in range(2000)] == [b"%d" % number for number in range(2000)]


def test_buffers_of_any_kind_are_sent_as_they_are_at_that_moment(transport, router):
    changed = bytearray(b"x" * 70_000)
    table = memoryview(bytes(range(24))).cast("B", (2, 3, 4))
    transport.send([b"header", changed, table])
    changed[:] = bytes(70_000)
    assert transport.flush(WAIT)
    assert router.recv_multipart()[1:] == [b"header", b"x" * 70_000, bytes(range(24))]


def test_nothing_there_is_none_at_once(transport, router):
    greet(transport, router)
    assert transport.receive(0.0) is None
    assert transport.receive(0.01) is None


@pytest.mark.parametrize("attempt", range(8))
def test_what_came_before_the_end_is_still_handed_out(transport, router, attempt):
    identity = greet(transport, router)
    router.send_multipart([identity, b"first", bytes(100_000)])
    router.send_multipart([identity, b"last"])
    router.close(linger=1000)
    assert receive(transport) == [b"first", bytes(100_000)]
    assert receive(transport) == [b"last"]
    for _ in range(2):
        with pytest.raises(BackendError) as caught:
            receive(transport)
        assert caught.value.code == "backend_lost"


def test_sending_into_a_closed_connection_fails_in_the_end(transport, router):
    greet(transport, router)
    router.close(linger=0)

    def send_much():
        for _ in range(1000):
            transport.send([bytes(100_000)])
            transport.receive(0.02)

    with pytest.raises(BackendError) as caught:
        send_much()
    assert caught.value.code == "backend_lost"


def test_a_refused_connection_is_lost(kind):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        endpoint = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(BackendError) as caught:
        open_transport(endpoint, kind).receive(WAIT)
    assert caught.value.code == "backend_lost"


def test_a_frame_over_the_limit_ends_the_connection(transport, router):
    identity = greet(transport, router)
    router.send_multipart([identity, bytes(limits.MAX_FRAME_BYTES + 1)])
    with pytest.raises(BackendError) as caught:
        receive(transport)
    assert caught.value.code == "backend_lost"


def test_the_heartbeats_of_libzmq_are_answered(kind, router):
    for option, value in ((zmq.HEARTBEAT_IVL, 20), (zmq.HEARTBEAT_TIMEOUT, 1000), (zmq.HEARTBEAT_TTL, 1000)):
        router.setsockopt(option, value)
    endpoint = f"tcp://127.0.0.1:{router.bind_to_random_port('tcp://127.0.0.1')}"
    transport = open_transport(endpoint, kind)
    identity = greet(transport, router)
    for _ in range(75):  # longer than the time-out: a PING that is not answered would end the connection
        assert transport.receive(0.02) is None
    router.send_multipart([identity, b"still there"])
    assert receive(transport) == [b"still there"]
    transport.close()


def test_closing_twice_is_fine_and_nothing_works_after_it(transport, router):
    greet(transport, router)
    transport.close()
    transport.close()
    for call in (lambda: transport.send([b"x"]), lambda: transport.receive(0.0), lambda: transport.flush(0.0)):
        with pytest.raises(BackendError):
            call()


@pytest.mark.parametrize(
    "endpoint",
    [
        *("", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:*", "tcp://127.0.0.1:0", "tcp://127.0.0.1:70000"),
        *("ipc:///tmp/x", "udp://127.0.0.1:5", "127.0.0.1:5", "tcp://127.0.0.1:5/path", "tcp://[::1:5"),
    ],
)
def test_a_wrong_address_is_named(endpoint, kind):
    with pytest.raises(BackendError) as caught:
        open_transport(endpoint, kind)
    assert caught.value.code == "backend_lost"
    assert f"'{endpoint}'" in caught.value.message
    assert "LIMNER_ENDPOINT" in caught.value.remedy


def test_addresses_are_split(kind):
    assert parse_tcp("tcp://127.0.0.1:5555") == ("127.0.0.1", 5555)
    assert parse_tcp("tcp://[::1]:5555") == ("::1", 5555)
    assert parse_tcp("tcp://localhost:1") == ("localhost", 1)


def test_auto_takes_pyzmq_where_it_can_be_imported(kind, router, monkeypatch):
    endpoint = router.getsockopt_string(zmq.LAST_ENDPOINT)
    if kind == "zmtp":
        monkeypatch.setitem(sys.modules, "zmq", None)
        monkeypatch.delitem(sys.modules, "limner.client.transports.pyzmq", raising=False)
        with pytest.raises(BackendError, match="cannot be imported"):
            open_transport(endpoint, "pyzmq")
    transport = open_transport(endpoint, "auto")
    assert transport.name == kind
    transport.close()


def test_an_unknown_transport_is_a_mistake_of_the_caller(kind):
    with pytest.raises(ValueError, match="auto, pyzmq, zmtp"):
        open_transport("tcp://127.0.0.1:5", kind + "2")


CURVE = CurveKeys(*("x" * 40 for _ in range(3)))


@pytest.mark.parametrize("endpoint", ["tcp://192.0.2.1:5599", "tcp://studio.example:5599", "tcp://[2001:db8::1]:5599"])
def test_another_computer_is_never_reached_without_keys(endpoint, kind):
    with pytest.raises(BackendError, match="another computer") as caught:
        open_transport(endpoint, kind)
    assert caught.value.code == "not_allowed"
    assert "limner keys connect" in caught.value.remedy


def test_the_pure_python_transport_says_that_it_cannot_encrypt(kind):
    with pytest.raises(BackendError, match="cannot encrypt") as caught:
        open_transport("tcp://127.0.0.1:5", "zmtp", CURVE)
    assert "pyzmq" in caught.value.remedy


def test_without_pyzmq_an_encrypted_backend_cannot_be_reached_and_this_is_said(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "zmq", None)
    monkeypatch.delitem(sys.modules, "limner.client.transports.pyzmq", raising=False)
    with pytest.raises(BackendError, match="only be reached with pyzmq") as caught:
        open_transport("tcp://192.0.2.1:5599", "auto", CURVE)
    assert "pip install pyzmq" in caught.value.remedy
