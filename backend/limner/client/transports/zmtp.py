# SPDX-License-Identifier: Apache-2.0
"""A ZeroMQ DEALER in pure Python, for interpreters where no pyzmq can be loaded (GIMP on Windows and macOS)."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence

from ...wire.codec import Frame
from ...wire.errors import ErrorCode
from ..errors import BackendError
from .base import lost, parse_tcp
from .zmtp_frames import (
    COMMAND,
    GREETING_SIZE,
    FrameReader,
    MessageReader,
    answer_command,
    check_greeting,
    check_ready,
    greeting,
    message_chunks,
    peer_error,
    ready,
    split_command,
)

MAX_QUEUED_BYTES = 512 * 1024 * 1024
_STEP_BYTES = 8 * 1024 * 1024  # read or written at most before the caller gets a turn: bounds a poll of a GUI thread
_SEND_BYTES = 1024 * 1024
_IN_PROGRESS = (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, getattr(errno, "WSAEWOULDBLOCK", -1))
_CONNECTING, _GREETING, _HANDSHAKE, _ACTIVE = range(4)


class ZmtpTransport:
    """ZMTP 3.0 with the NULL mechanism over a non-blocking TCP socket. See base.Transport for the methods."""

    name = "zmtp"

    def __init__(self, endpoint: str) -> None:
        """Begin to connect; the handshake goes on inside the other methods. Raises BackendError(backend_lost)."""
        self._state = _CONNECTING
        self._failure: BackendError | None = None
        self._endpoint = endpoint
        self._output: deque[memoryview] = deque()
        self._held: deque[memoryview] = deque()  # messages sent before the handshake's end
        self._queued_bytes = 0  # of both
        self._greeting = b""
        self._frames, self._messages = FrameReader(), MessageReader()
        self._inbox: deque[list[Frame]] = deque()
        self._socket = _start_connecting(endpoint)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE)
        self._put(self._output, greeting())

    def send(self, frames: Sequence[Frame]) -> None:
        """Queue a message and write what goes at once."""
        self._check_open()
        if self._queued_bytes > MAX_QUEUED_BYTES:
            raise BackendError(ErrorCode.BUSY, "The backend does not take in what was sent to it already.")
        for chunk in message_chunks(frames):
            self._put(self._output if self._state == _ACTIVE else self._held, chunk)
        self._step(0.0)

    def flush(self, timeout: float) -> bool:
        """Write what is queued for up to ``timeout`` seconds; True when nothing is left."""
        deadline = time.monotonic() + timeout
        while True:
            self._check_open()
            if not self._queued_bytes:
                return True
            remaining = deadline - time.monotonic()
            self._step(max(0.0, remaining))
            if remaining <= 0:
                return not self._queued_bytes

    def receive(self, timeout: float) -> list[Frame] | None:
        """The next whole message or None."""
        deadline = time.monotonic() + timeout
        while not self._inbox:
            self._check_open()
            remaining = deadline - time.monotonic()
            self._step(max(0.0, remaining))
            if remaining <= 0:
                break
        return self._inbox.popleft() if self._inbox else None

    def close(self) -> None:
        """Close at once."""
        self._fail(lost("it was closed here"))

    def _put(self, queue: deque[memoryview], data: bytes) -> None:
        queue.append(memoryview(data))
        self._queued_bytes += len(data)

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: BackendError) -> None:
        if self._failure is None:
            self._failure = error
            self._selector.close()
            self._socket.close()
            self._output.clear()
            self._held.clear()

    def _step(self, timeout: float) -> None:
        """Wait up to ``timeout`` for the socket, then write and read what goes. Failures are kept for later calls, so
        that messages which came before them are still handed out."""
        if self._failure is not None:
            return
        wanted = 0 if self._inbox else selectors.EVENT_READ
        if self._output:
            wanted |= selectors.EVENT_WRITE
        if not wanted:
            return
        try:
            self._selector.modify(self._socket, wanted)
            events = self._selector.select(timeout)
            ready_for = events[0][1] if events else 0
            if self._state == _CONNECTING and ready_for:
                self._finish_connecting()
            if ready_for & selectors.EVENT_WRITE:
                self._write()
            if ready_for & selectors.EVENT_READ:
                self._read()
        except BackendError as error:
            self._fail(error)
        except OSError as error:
            self._fail(self._explain(error))

    def _finish_connecting(self) -> None:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        self._state = _GREETING

    def _write(self) -> None:
        budget = _STEP_BYTES
        while self._output and budget > 0:
            chunk = self._output[0]
            try:
                count = self._socket.send(chunk[:_SEND_BYTES])
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:  # what the peer sent before it closed is still to be read
                self._output.clear()
                return
            budget -= count
            self._queued_bytes -= count
            if count == len(chunk):
                self._output.popleft()
            else:
                self._output[0] = chunk[count:]

    def _read(self) -> None:
        budget = _STEP_BYTES
        while budget > 0 and not self._inbox:
            greeting_left = GREETING_SIZE - len(self._greeting)
            space = memoryview(bytearray(greeting_left)) if greeting_left else self._frames.space()
            try:
                count = self._socket.recv_into(space)
            except (BlockingIOError, InterruptedError):
                return
            if not count:
                raise lost(self._closed())
            budget -= count
            if greeting_left:
                self._take_greeting(space[:count].tobytes())
            else:
                for flags, body in self._frames.filled(count):
                    self._take_frame(flags, body)

    def _take_greeting(self, data: bytes) -> None:
        self._greeting += data
        check_greeting(self._greeting)
        if len(self._greeting) == GREETING_SIZE:
            self._state = _HANDSHAKE
            self._put(self._output, ready())

    def _take_frame(self, flags: int, body: Frame) -> None:
        if self._state == _HANDSHAKE:
            self._take_handshake(flags, body)
        elif flags & COMMAND:
            answer = answer_command(bytes(body))
            if answer and self._queued_bytes < MAX_QUEUED_BYTES:
                self._put(self._output, answer)
        else:
            message = self._messages.add(flags, body)
            if message is not None:
                self._inbox.append(message)

    def _take_handshake(self, flags: int, body: Frame) -> None:
        if not flags & COMMAND:
            raise lost("the peer sent a message before the handshake")
        name, data = split_command(bytes(body))
        if name == b"ERROR":
            raise peer_error(data)
        if name != b"READY":
            raise lost("the peer did not finish the handshake")
        check_ready(data)
        self._state = _ACTIVE
        self._output.extend(self._held)
        self._held.clear()

    def _closed(self) -> str:
        """Why the peer may have closed the connection."""
        greeted = self._state == _ACTIVE
        return "the backend closed it" if greeted else "the peer closed it in the handshake: it may demand encryption"

    def _explain(self, error: OSError) -> BackendError:
        reason = error.strerror or type(error).__name__
        if isinstance(error, ConnectionError) and self._state != _CONNECTING:
            reason = self._closed()
        if self._state == _CONNECTING:
            return BackendError(ErrorCode.BACKEND_LOST, f"No backend answers at {self._endpoint}: {reason}.")
        return lost(reason)


def _start_connecting(endpoint: str) -> socket.socket:
    host, port = parse_tcp(endpoint)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise BackendError(ErrorCode.BACKEND_LOST, f"The backend's host '{host:.100}' is unknown: {error}.") from error
    family, kind, protocol, _, address = min(found, key=lambda item: item[0] != socket.AF_INET)
    connection = socket.socket(family, kind, protocol)
    try:
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = connection.connect_ex(address)
        if code not in (0, *_IN_PROGRESS):
            raise BackendError(ErrorCode.BACKEND_LOST, f"No backend answers at {endpoint}: {os.strerror(code)}.")
    except BaseException:
        connection.close()
        raise
    return connection
