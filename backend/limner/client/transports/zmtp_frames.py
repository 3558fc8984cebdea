# SPDX-License-Identifier: Apache-2.0
"""ZMTP 3 on bytes alone: greeting, commands, frames (https://rfc.zeromq.org/spec/23/, PING and PONG of spec/37/).

A frame is a flags byte (1 more, 2 long, 4 command), its size (1 byte, or 8 bytes big-endian when long), and its body.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from ...wire import limits
from ...wire.codec import Frame
from ..errors import BackendError
from .base import lost

MORE, LONG, COMMAND = 1, 2, 4
GREETING_SIZE = 64
MAX_COMMAND_BYTES = 4096
_SCRATCH_BYTES = 64 * 1024
_READY_PEERS = (b"ROUTER", b"DEALER", b"REP")  # what a DEALER may talk to


def greeting() -> bytes:
    """This side's greeting: signature, version 3.0, mechanism NULL, client."""
    return b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)


def check_greeting(received: bytes) -> None:
    """Raise BackendError(backend_lost) unless the first bytes of a peer (up to 64) are those of ZMTP 3 with NULL."""
    if received[:1] not in (b"", b"\xff") or (len(received) > 9 and not received[9] & 1):
        raise lost("the peer is no ZeroMQ socket")
    if len(received) > 10 and received[10] < 3:
        raise lost(f"the peer speaks ZMTP version {received[10]}, too old")
    if len(received) >= GREETING_SIZE and received[12:32].rstrip(b"\0") != b"NULL":
        raise lost("the backend demands encryption, which needs pyzmq here")


def command(name: bytes, data: bytes = b"") -> bytes:
    """A command frame."""
    body = bytes([len(name)]) + name + data
    if len(body) > 255:
        return struct.pack(">BQ", COMMAND | LONG, len(body)) + body
    return bytes([COMMAND, len(body)]) + body


def ready() -> bytes:
    """The READY command of a DEALER without an identity."""
    properties = ((b"Socket-Type", b"DEALER"), (b"Identity", b""))
    return command(
        b"READY", b"".join(bytes([len(key)]) + key + struct.pack(">I", len(value)) + value for key, value in properties)
    )


def check_ready(data: bytes) -> None:
    """Raise BackendError(backend_lost) unless the properties of the peer's READY fit a DEALER's peer."""
    position = 0
    while position < len(data):
        key_end = position + 1 + data[position]
        key, size_field = data[position + 1 : key_end], data[key_end : key_end + 4]
        if len(size_field) < 4:
            break
        position = key_end + 4 + int(struct.unpack(">I", size_field)[0])
        if key.lower() == b"socket-type" and data[key_end + 4 : position] in _READY_PEERS:
            return
    raise lost("the peer is no ZeroMQ ROUTER")


def message_chunks(frames: Sequence[Frame]) -> Iterator[bytes]:
    """The bytes of a message in order, in as few pieces as go; large bodies are not copied when they are ``bytes``
    already."""
    pending = b""
    for index, frame in enumerate(frames):
        body = bytes(frame) if isinstance(frame, (bytes, bytearray)) else memoryview(frame).tobytes()
        more = MORE if index < len(frames) - 1 else 0
        pending += struct.pack(">BQ", more | LONG, len(body)) if len(body) > 255 else bytes([more, len(body)])
        if len(body) > _SCRATCH_BYTES:
            yield pending
            yield body
            pending = b""
        else:
            pending += body
    if pending:
        yield pending


class FrameReader:
    """Takes bytes in any pieces and gives frames. Fill ``space()`` and tell how much with ``filled()``.

    Sizes are checked before memory is taken for a body. All errors are BackendError(backend_lost).
    """

    def __init__(self) -> None:
        self._scratch = bytearray(_SCRATCH_BYTES)
        self._head = bytearray()  # the flags and size bytes of the current frame, as far as they came
        self._body: bytearray | None = None
        self._got = 0  # bytes of the body that came
        self._direct = False  # the last space() was the body's own memory
        self._frames: list[tuple[int, Frame]] = []

    def space(self) -> memoryview:
        """Where to put received bytes: the rest of a large body, else a scratch buffer."""
        self._direct = self._body is not None and len(self._body) - self._got >= _SCRATCH_BYTES
        if self._body is not None and self._direct:
            return memoryview(self._body)[self._got :]
        return memoryview(self._scratch)

    def filled(self, count: int) -> list[tuple[int, Frame]]:
        """Say that ``count`` bytes were put into the last space(); returns the frames completed by them as
        (flags, body): the body as ``bytes``, or as a view of the memory that a large one was received into."""
        if self._direct:
            self._got += count
            self._finish()
        else:
            self._parse(memoryview(self._scratch)[:count])
        frames, self._frames = self._frames, []
        return frames

    def _parse(self, data: memoryview) -> None:
        position = 0
        while position < len(data):
            if self._body is None:
                self._head.append(data[position])
                position += 1
                self._begin()
            else:
                part = data[position : position + len(self._body) - self._got]
                self._body[self._got : self._got + len(part)] = part
                self._got += len(part)
                position += len(part)
            self._finish()

    def _begin(self) -> None:
        flags = self._head[0]
        if flags & ~(MORE | LONG | COMMAND) or flags & (MORE | COMMAND) == MORE | COMMAND:
            raise lost("the peer sent a frame with unknown flags")
        if len(self._head) < (9 if flags & LONG else 2):
            return
        size = struct.unpack(">Q", self._head[1:9])[0] if flags & LONG else self._head[1]
        maximum = MAX_COMMAND_BYTES if flags & COMMAND else limits.MAX_FRAME_BYTES
        if size > maximum:
            raise lost(f"the peer sent a frame of {size} bytes, more than the {maximum} allowed")
        self._body, self._got = bytearray(size), 0

    def _finish(self) -> None:
        if self._body is not None and self._got == len(self._body):
            large = self._got >= _SCRATCH_BYTES
            body: Frame = memoryview(self._body).toreadonly() if large else bytes(self._body)
            self._frames.append((self._head[0], body))
            self._body = None
            self._head.clear()


class MessageReader:
    """Puts frames together to messages, and hands commands out."""

    def __init__(self) -> None:
        self._parts: list[Frame] = []
        self._size = 0

    def add(self, flags: int, body: Frame) -> list[Frame] | None:
        """Add a message frame; returns the whole message with the last of its frames, else None."""
        self._parts.append(body)
        self._size += len(body)
        if len(self._parts) > 1 + limits.MAX_FRAMES or self._size > limits.MAX_MESSAGE_BYTES:
            raise lost("the peer sent a message with too many or too large frames")
        if flags & MORE:
            return None
        message, self._parts, self._size = self._parts, [], 0
        return message


def split_command(body: bytes) -> tuple[bytes, bytes]:
    """Name and data of a command. Raises BackendError(backend_lost)."""
    if not body or len(body) < 1 + body[0]:
        raise lost("the peer sent a damaged command")
    return body[1 : 1 + body[0]], body[1 + body[0] :]


def answer_command(body: bytes) -> bytes:
    """The bytes to send back for a command after the handshake (PONG for PING, else none)."""
    name, data = split_command(body)
    if name == b"ERROR":
        raise peer_error(data)
    return command(b"PONG", data[2:18]) if name == b"PING" else b""  # after a 16-bit time to live: the context


def peer_error(data: bytes) -> BackendError:
    """The error for the peer's ERROR command."""
    reason = data[1 : 1 + data[0]].decode("ascii", "replace") if data else ""
    return lost(f"the peer refused it ({reason or 'no reason given'})")
