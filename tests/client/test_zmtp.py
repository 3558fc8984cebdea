# SPDX-License-Identifier: Apache-2.0
"""The pure-Python transport against peers that break the rules, hang, or trickle."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from limner.client import BackendError
from limner.client.transports import zmtp
from limner.wire import limits
from tests.client.peers import GREETING, READY, WAIT, RawPeer, read_exactly, shake_hands, until_closed

MESSAGE = b"\x01\x05hello\x00\x05world"


def outcome(script):
    """What the transport says to a peer with that script: a message, or why the connection ended."""
    with RawPeer(script) as peer:
        transport = zmtp.ZmtpTransport(peer.endpoint)
        try:
            return transport.receive(WAIT)
        except BackendError as error:
            return f"{error.code}: {error.message}"
        finally:
            transport.close()


def sends(*parts):
    def script(connection):
        for part in parts:
            connection.sendall(part)
        until_closed(connection)

    return script


def after_handshake(*parts):
    def script(connection):
        shake_hands(connection)
        sends(*parts)(connection)

    return script


def test_a_well_behaved_peer_is_understood():
    assert outcome(after_handshake(MESSAGE)) == [b"hello", b"world"]


def test_a_peer_that_trickles_single_bytes_is_understood():
    def script(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in GREETING + READY + MESSAGE:
            connection.send(bytes([byte]))
        until_closed(connection)

    assert outcome(script) == [b"hello", b"world"]


@pytest.mark.parametrize(
    ("parts", "cause"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "no ZeroMQ socket"),
        ([b"\xff" + bytes(9)], "no ZeroMQ socket"),
        ([bytes(100)], "no ZeroMQ socket"),
        ([GREETING[:10] + b"\x01" + GREETING[11:]], "version 1"),
        ([GREETING[:12] + b"CURVE".ljust(20, b"\0") + GREETING[32:]], "pyzmq"),
        ([GREETING, MESSAGE], "before the handshake"),
        ([GREETING, b"\x04\x06\x05HELLO"], "did not finish the handshake"),
        ([GREETING, b"\x04\x06\x05READY"], "no ZeroMQ ROUTER"),
        ([GREETING, READY.replace(b"ROUTER", b"PUB\0\0\0")], "no ZeroMQ ROUTER"),
        ([GREETING, READY[:-3].replace(b"\x1c", b"\x19")], "no ZeroMQ ROUTER"),
        ([GREETING, b"\x04\x00"], "damaged command"),
        ([GREETING, b"\x04\x02\x09R"], "damaged command"),
        ([GREETING, b"\x04\x0b\x05ERROR\x04nope"], "refused it (nope)"),
        ([GREETING, b"\x06" + struct.pack(">Q", 2**63)], "more than"),
    ],
)
def test_a_wrong_handshake_is_named(parts, cause):
    ended = outcome(sends(*parts))
    assert ended.startswith("backend_lost: ")
    assert cause in ended


@pytest.mark.parametrize(
    ("parts", "cause"),
    [
        ([b"\x08\x00"], "unknown flags"),
        ([b"\x80\x00"], "unknown flags"),
        ([b"\x05\x00"], "unknown flags"),
        ([b"\x02" + struct.pack(">Q", limits.MAX_FRAME_BYTES + 1)], f"{limits.MAX_FRAME_BYTES + 1} bytes"),
        ([b"\x02" + struct.pack(">Q", 2**64 - 1)], "more than"),
        ([b"\x06" + struct.pack(">Q", 5000)], "more than"),
        ([b"\x01\x00" * 18], "too many"),
        ([b"\x04\x0b\x05ERROR\x04gone"], "refused it (gone)"),
    ],
)
def test_garbage_after_the_handshake_ends_the_connection(parts, cause):
    ended = outcome(after_handshake(*parts))
    assert ended.startswith("backend_lost: ")
    assert cause in ended


def test_an_unknown_command_is_ignored():
    assert outcome(after_handshake(b"\x04\x04\x03NEW", MESSAGE)) == [b"hello", b"world"]


def test_a_ping_is_answered_with_its_context():
    answers = []

    def script(connection):
        shake_hands(connection)
        connection.sendall(b"\x04\x0b\x04PING\x00\x64abcd")
        answers.append(read_exactly(connection, 11))
        connection.sendall(MESSAGE)
        until_closed(connection)

    assert outcome(script) == [b"hello", b"world"]
    assert answers == [b"\x04\x09\x04PONGabcd"]


@pytest.mark.parametrize("received", [b"", GREETING[:30], GREETING, GREETING + READY, GREETING + READY + MESSAGE[:-2]])
def test_a_peer_that_closes_early_is_lost(received):
    def script(connection):
        connection.sendall(received)
        connection.shutdown(socket.SHUT_WR)  # half-closed: it could still receive
        until_closed(connection)

    assert "closed it" in outcome(script)


def test_a_peer_that_resets_the_connection_is_lost():
    def script(connection):
        shake_hands(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert "closed it" in outcome(script)


def test_a_silent_peer_is_no_failure_yet():
    with RawPeer(until_closed) as peer:
        transport = zmtp.ZmtpTransport(peer.endpoint)
        transport.send([b"x"])
        assert transport.receive(0.05) is None
        assert not transport.flush(0.05)
        transport.close()


def test_a_slow_reader_gets_everything_in_the_end():
    """Sending waits only as long as it is allowed to, and goes on later."""
    picture = bytes(range(256)) * (16 << 12)  # 16 MiB
    may_read, received = threading.Event(), []

    def script(connection):
        shake_hands(connection)
        assert may_read.wait(WAIT)
        header = read_exactly(connection, 9)
        received.append((header, read_exactly(connection, len(picture))))
        connection.sendall(MESSAGE)
        until_closed(connection)

    with RawPeer(script) as peer:
        transport = zmtp.ZmtpTransport(peer.endpoint)
        transport.send([picture])
        assert not transport.flush(0.05)
        assert transport.receive(0.0) is None
        may_read.set()
        assert transport.receive(WAIT) == [b"hello", b"world"]
        assert transport.flush(WAIT)
        transport.close()
    assert received == [(b"\x02" + struct.pack(">Q", len(picture)), picture)]


def test_a_peer_that_never_reads_is_busy_at_some_point(monkeypatch):
    done = threading.Event()
    monkeypatch.setattr(zmtp, "MAX_QUEUED_BYTES", 1_000_000)
    with RawPeer(lambda connection: (shake_hands(connection), done.wait(WAIT))) as peer:
        transport = zmtp.ZmtpTransport(peer.endpoint)
        with pytest.raises(BackendError) as caught:
            send_much(transport)
        assert caught.value.code == "busy"
        transport.close()
        done.set()


def send_much(transport):
    for _ in range(100):
        transport.send([bytes(1_000_000)])
        transport.flush(0.0)


def test_a_host_that_is_not_known_is_named():
    with pytest.raises(BackendError, match=r"nowhere\.invalid"):
        zmtp.ZmtpTransport("tcp://nowhere.invalid:5555")
