# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind gets an error with a code, and the server lives on."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgpack
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limner.client import Client
from limner.wire import (
    Cancel,
    Cancelled,
    ConnectionInfo,
    Error,
    ErrorCode,
    Frame,
    Hello,
    Message,
    Ping,
    Pong,
    Result,
    Shutdown,
    StatsRequest,
    Submit,
    decode,
    encode,
)
from tests.support.backends import ServerProcess, end_of, picture

HEADER: dict[str, Any] = {"v": 1, "kind": "submit", "id": "job", "body": {"task": "echo"}}
FRAME = {"name": "image", "width": 2, "height": 2, "channels": 1, "dtype": "u8", "space": "srgb"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("faults") / "home")
    yield process
    process.stop()


@pytest.fixture(scope="module")
def connection(server: ServerProcess) -> ConnectionInfo:
    found = server.wait_until_listening()
    with Client(found) as client:
        client.wait_ready()
    return found


@dataclass
class RawPeer:
    """Sends whatever frames the test wants."""

    socket: zmq.Socket
    token: str

    def exchange(self, frames: Sequence[Frame]) -> Message:
        self.socket.send_multipart(frames)
        return self.receive()

    def receive(self) -> Message:
        assert self.socket.poll(60_000), "no answer"
        return decode(self.socket.recv_multipart())

    def packed(self, **changes: Any) -> bytes:
        header = {**HEADER, "token": self.token, **changes}
        packed: bytes = msgpack.packb(header)
        return packed


@contextlib.contextmanager
def raw_peer(connection: ConnectionInfo) -> Iterator[RawPeer]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(connection.endpoint)
        yield RawPeer(dealer, connection.token)


@pytest.fixture
def peer(connection: ConnectionInfo) -> Iterator[RawPeer]:
    """A connection of the test's own: what it left unread reaches no other test."""
    with raw_peer(connection) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _the_server_lives_on(server: ServerProcess, connection: ConnectionInfo) -> Iterator[None]:
    """After each test the same process still answers."""
    yield
    assert server.process.poll() is None, server.text()
    with raw_peer(connection) as peer:
        assert peer.exchange(encode(Ping("alive", peer.token))) == Pong("alive")


def with_frame(peer: RawPeer, data: bytes = bytes(4), **changes: Any) -> Sequence[Frame]:
    return [peer.packed(frames=[{**FRAME, **changes}]), data]


BAD_INPUT: dict[str, tuple[Callable[[RawPeer], Sequence[Frame]], str]] = {
    "nothing": (lambda peer: [b""], ErrorCode.BAD_MESSAGE),
    "noise": (lambda peer: [secrets.token_bytes(500)], ErrorCode.BAD_MESSAGE),
    "noise and frames": (lambda peer: [b"\xc1", b"", b"\x00" * 99], ErrorCode.BAD_MESSAGE),
    "text": (lambda peer: [b"GET / HTTP/1.1\r\n\r\n"], ErrorCode.BAD_MESSAGE),
    "pickle": (lambda peer: [b"\x80\x04\x8c\x05posix\x8c\x06system\x93."], ErrorCode.BAD_MESSAGE),
    "a list": (lambda peer: [msgpack.packb([1, 2])], ErrorCode.BAD_MESSAGE),
    "endless nesting": (lambda peer: [b"\x91" * 60_000], ErrorCode.BAD_MESSAGE),
    "a map of four billion entries": (lambda peer: [b"\xdf\xff\xff\xff\xff"], ErrorCode.BAD_MESSAGE),
    "many frames": (lambda peer: [peer.packed(), *[b"x"] * 200], ErrorCode.BAD_MESSAGE),
    "a header of 1 MB": (lambda peer: [peer.packed(body={"task": "x" * 2**20})], ErrorCode.TOO_LARGE),
    "another version": (lambda peer: [peer.packed(v=2)], ErrorCode.INCOMPATIBLE_VERSION),
    "no version": (lambda peer: [peer.packed(v=None)], ErrorCode.BAD_MESSAGE),
    "an unknown kind": (lambda peer: [peer.packed(kind="sing")], ErrorCode.UNKNOWN_KIND),
    "a message of the server": (lambda peer: [peer.packed(kind="pong", body={})], ErrorCode.UNKNOWN_KIND),
    "no kind": (lambda peer: [peer.packed(kind=None)], ErrorCode.BAD_MESSAGE),
    "no task": (lambda peer: [peer.packed(body={})], ErrorCode.BAD_MESSAGE),
    "an unknown task": (lambda peer: [peer.packed(body={"task": "juggle"})], ErrorCode.UNKNOWN_TASK),
    "NaN": (lambda peer: [peer.packed(body={"task": "echo", "params": {"delay_ms": float("nan")}})], "bad_message"),
    "an object": (lambda peer: [peer.packed(body={"task": "echo", "params": {"x": msgpack.ExtType(1, b"")}})], "*"),
    "undescribed frame": (lambda peer: [peer.packed(), b"1234"], ErrorCode.BAD_MESSAGE),
    "a frame that is not there": (lambda peer: with_frame(peer)[:1], ErrorCode.BAD_MESSAGE),
    "0x0": (lambda peer: with_frame(peer, b"", width=0, height=0), ErrorCode.BAD_PICTURE),
    "100000x100000": (lambda peer: with_frame(peer, width=100_000, height=100_000), ErrorCode.TOO_LARGE),
    "8192x8192x4": (lambda peer: with_frame(peer, width=8192, height=8192, channels=4), ErrorCode.TOO_LARGE),
    "a negative side": (lambda peer: with_frame(peer, width=-2), ErrorCode.BAD_PICTURE),
    "a side in words": (lambda peer: with_frame(peer, width="2"), ErrorCode.BAD_MESSAGE),
    "too few bytes": (lambda peer: with_frame(peer, bytes(3)), ErrorCode.BAD_PICTURE),
    "NaN pixels": (lambda peer: with_frame(peer, b"\x00\x00\xc0\x7f" * 4, dtype="f32"), ErrorCode.BAD_PICTURE),
    "unknown pixels": (lambda peer: with_frame(peer, dtype="f64"), ErrorCode.BAD_MESSAGE),
    "no job of mine": (lambda peer: encode(Cancel("job", peer.token)), ErrorCode.UNKNOWN_JOB),
    "no token": (lambda peer: [peer.packed(token=None)], "*"),
    "a token of another type": (lambda peer: [peer.packed(token={"a": 1})], ErrorCode.BAD_MESSAGE),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_gets_an_error_with_a_code(peer: RawPeer, name: str) -> None:
    make, code = BAD_INPUT[name]
    answer = peer.exchange(make(peer))
    assert isinstance(answer, Error)
    assert code in (answer.code, "*")
    assert answer.message
    assert answer.remedy


@pytest.mark.parametrize("token", ["", "0" * 64, "wrong"])
def test_nothing_is_done_without_the_token(peer: RawPeer, connection: ConnectionInfo, token: str) -> None:
    messages = [Hello("1", token), Ping("1", token), StatsRequest("1", token), Cancel("1", token)]
    for message in [*messages, Submit("1", token, "echo", images={"image": picture()}), Shutdown("1", token)]:
        answer = peer.exchange(encode(message))
        assert isinstance(answer, Error)
        assert (answer.id, answer.code) == ("1", ErrorCode.BAD_TOKEN)
        assert connection.token not in answer.message + answer.remedy


def test_the_same_job_twice_is_refused_and_the_first_goes_on(peer: RawPeer) -> None:
    submit = Submit("twice", peer.token, "echo", {"delay_ms": 60_000}, images={"image": picture()})
    heard = [peer.exchange(encode(message)) for message in (submit, submit, Cancel("twice", peer.token))]
    while not isinstance(heard[-1], Cancelled):
        heard.append(peer.receive())
    errors = [message for message in heard if isinstance(message, Error)]
    assert [(error.id, error.code) for error in errors] == [("", ErrorCode.BAD_MESSAGE)]
    assert heard[-1] == Cancelled("twice", "request")


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_damaged_message_never_harms(peer: RawPeer, data: st.DataObject) -> None:
    """Bytes of good messages are changed, cut and doubled; each gets some answer."""
    frames = [bytearray(frame) for frame in encode(Submit("f", peer.token, "echo", images={"image": picture()}))]
    for _ in range(data.draw(st.integers(1, 4))):
        frame = data.draw(st.sampled_from(frames))
        if frame:
            place = data.draw(st.integers(0, len(frame) - 1))
            frame[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    peer.socket.send_multipart(frames)
    peer.socket.send_multipart(encode(Ping("after", peer.token)))
    while peer.receive() != Pong("after"):
        pass


def connect_raw(connection: ConnectionInfo) -> socket.socket:
    address = urlsplit(connection.endpoint)
    assert address.hostname
    assert address.port
    return socket.create_connection((address.hostname, address.port), timeout=60)


ZMTP_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + bytes(32)
ZMTP_READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b"x" * 100,
        secrets.token_bytes(4096),
        b"\xff" * 1000,
        ZMTP_GREETING + b"\x06" + (2**60).to_bytes(8, "big"),
    ],
    ids=["http", "noise", "ones", "an endless command"],
)
def test_a_peer_that_speaks_no_zeromq(connection: ConnectionInfo, sent: bytes) -> None:
    with connect_raw(connection) as raw:
        raw.sendall(sent)


@pytest.mark.parametrize("size", [2**30, 2**63], ids=["1 GB", "no end"])
def test_a_peer_that_announces_too_large_a_frame_is_cut_off(connection: ConnectionInfo, size: int) -> None:
    with connect_raw(connection) as raw:
        raw.sendall(ZMTP_GREETING + ZMTP_READY + b"\x02" + size.to_bytes(8, "big") + b"the first bytes of it")
        with contextlib.suppress(ConnectionResetError):
            while raw.recv(4096):
                pass


def test_many_connections_that_say_nothing(connection: ConnectionInfo, peer: RawPeer) -> None:
    sockets = [connect_raw(connection) for _ in range(200)]
    assert peer.exchange(encode(Ping("meanwhile", peer.token))) == Pong("meanwhile")
    for raw in sockets:
        raw.close()


def test_a_client_that_never_reads_does_not_hold_up_the_others(connection: ConnectionInfo) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as lazy, Client(connection) as busy:
        lazy.setsockopt(zmq.LINGER, 0)
        lazy.setsockopt(zmq.RCVHWM, 1)
        lazy.connect(connection.endpoint)
        big = picture(width=1024, height=1024)
        for number in range(12):
            lazy.send_multipart(
                encode(Submit(str(number), connection.token, "echo", {"steps": 100}, images={"image": big}))
            )
        assert isinstance(end_of(busy, "echo", image=picture()), Result)
