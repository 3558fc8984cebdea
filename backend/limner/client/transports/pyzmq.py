# SPDX-License-Identifier: Apache-2.0
"""The DEALER of libzmq. Importing this module raises ImportError where pyzmq cannot be loaded."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence

import zmq

from ...wire import limits
from ...wire.codec import Frame
from ...wire.connection import CurveKeys
from ...wire.errors import ErrorCode
from ..errors import BackendError
from .base import lost, parse_tcp

_LARGE_BYTES = 64 * 1024  # a frame of this size is handed out as libzmq's own memory, not copied
_READABLE = int(zmq.POLLIN)
_NEVER_MS = 24 * 3600 * 1000
_LAST_WORDS = 0.2  # seconds: libzmq tells of the end before it hands out the last messages
_ENDED: dict[int, str] = {
    zmq.EVENT_DISCONNECTED: "the backend closed it",
    zmq.EVENT_CLOSED: "connecting failed",  # sent when a refused connection attempt is given up
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: "the peer closed it in the handshake: it may demand encryption",
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: "the peer is no ZeroMQ socket",
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: "the backend refused this computer",
}
_MECHANISM_MISMATCH = 0x11000002  # ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: one side encrypts, the other does not
_REFUSED_KEY = 400  # the status with which a backend's allow-list (ZAP) refuses a key


def _is_readable(socket: zmq.Socket[bytes]) -> bool:
    """Whether a message has arrived: quicker than the exception of an attempt to receive."""
    return bool(int(socket.get(zmq.EVENTS)) & _READABLE)


class PyzmqTransport:
    """A DEALER in its own context, without reconnecting. See base.Transport for the methods."""

    name = "pyzmq"

    def __init__(self, endpoint: str, curve: CurveKeys | None = None) -> None:
        """Begin to connect, encrypted where keys are given. Raises BackendError(backend_lost)."""
        parse_tcp(endpoint)
        self._failure: BackendError | None = None
        self._cause: BackendError | None = None  # why the connection has ended
        self._encrypts, self._greeted = curve is not None, False
        self._ends_at = 0.0  # when that is told, after the messages that came before
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, limits.MAX_FRAME_BYTES)
        # Never reconnect in practice. The value for that, -1, makes libzmq drop what has arrived when a peer closes.
        self._socket.setsockopt(zmq.RECONNECT_IVL, _NEVER_MS)
        self._socket.setsockopt(zmq.SNDHWM, 0)  # what waits is bounded by the jobs, not by a count of messages
        self._socket.setsockopt(zmq.IPV6, int("[" in endpoint))
        if curve is not None:
            self._socket.curve_serverkey = curve.server.encode()
            self._socket.curve_publickey = curve.public.encode()
            self._socket.curve_secretkey = curve.secret.encode()
        events = sum(_ENDED) | zmq.EVENT_HANDSHAKE_SUCCEEDED
        self._monitor: zmq.Socket[bytes] = self._socket.get_monitor_socket(events)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise BackendError(ErrorCode.BACKEND_LOST, f"No backend answers at {endpoint}: {error}.") from error

    @property
    def pollable(self) -> list[zmq.Socket[bytes]]:
        """What a poller of somebody who has many transports has to watch."""
        return [self._socket, self._monitor]

    def send(self, frames: Sequence[Frame]) -> None:
        """Hand a message to libzmq, whose own thread writes it."""
        self._check_open()
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            raise self._fail(lost("the backend closed it")) from None
        except zmq.ZMQError as error:
            raise self._fail(lost(str(error))) from error

    def flush(self, timeout: float) -> bool:
        """True at once: libzmq has taken over what was sent."""
        self._check_open()
        return True

    def receive(self, timeout: float) -> list[Frame] | None:
        """The next whole message or None."""
        self._check_open()
        deadline = time.monotonic() + timeout
        while True:
            message = self._take()
            if message is not None:
                return message
            self._look_for_end()
            now = time.monotonic()
            if self._cause is not None and now >= self._ends_at:
                raise self._fail(self._cause)
            if now >= deadline:
                return None
            until = deadline if self._cause is None else min(deadline, self._ends_at)
            self._poller.poll(max(1, int((until - now) * 1000)))

    def close(self) -> None:
        """Close at once."""
        self._fail(lost("it was closed here"))

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: BackendError) -> BackendError:
        if self._failure is None:
            self._failure = error
            self._socket.disable_monitor()
            self._context.destroy(linger=0)
        return self._failure

    def _take(self) -> list[Frame] | None:
        try:
            if not _is_readable(self._socket):
                return None
            return [
                frame.buffer if len(frame) >= _LARGE_BYTES else frame.bytes
                for frame in self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            ]
        except zmq.Again:
            return None
        except zmq.ZMQError as error:
            raise self._fail(lost(str(error))) from error

    def _look_for_end(self) -> None:
        """Ask libzmq's monitor whether the connection has ended."""
        while self._cause is None:
            try:
                if not _is_readable(self._monitor):
                    return
                event = self._monitor.recv_multipart(zmq.NOBLOCK)[0]
            except zmq.ZMQError:
                return
            number, value = struct.unpack("=hi", event)
            if number == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._greeted = True
                continue
            self._cause = self._explain(number, value)
            last_words = number == zmq.EVENT_DISCONNECTED and self._greeted
            self._ends_at = time.monotonic() + (_LAST_WORDS if last_words else 0.0)
            self._poller.unregister(self._monitor)

    def _explain(self, number: int, value: int) -> BackendError:
        """What the end means, told by an event of the monitor and its value."""
        if number == zmq.EVENT_HANDSHAKE_FAILED_AUTH and value == _REFUSED_KEY:
            return BackendError(ErrorCode.NOT_ALLOWED, "The backend does not allow this computer's key.")
        if value == _MECHANISM_MISMATCH:
            return lost("the backend does not encrypt" if self._encrypts else "the backend demands encryption")
        if self._encrypts and not self._greeted and number != zmq.EVENT_CLOSED:
            text = "The backend closed the connection unencrypted: it is not the one whose key was given out."
            remedy = "Ask whoever runs the backend for a new invitation, then run 'limner keys connect FILE'."
            return BackendError(ErrorCode.NOT_ALLOWED, text, remedy)
        return lost(_ENDED[number])
