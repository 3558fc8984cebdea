# SPDX-License-Identifier: Apache-2.0
"""A ROUTER that clients talk to: frames to messages and back, and nobody can make it block."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator

import zmq

from ..wire import LimnerError, Message, Preview, Progress, Queued, ServerMessage, WireError, decode, encode
from ..wire.errors import ErrorCode
from ..wire.limits import MAX_FRAME_BYTES
from .connections import Connections
from .endpoint import bind_address
from .frames import is_readable, outgoing
from .gate import Gate
from .limits import ClientLimits

log = logging.getLogger("limner.server")

_MESSAGES_A_TURN = 100  # read before the loop looks at anything else
_HIGH_WATER = 1000  # messages to one client that are not yet in the operating system's hands
_BACKLOG = 64  # messages kept for a client that does not read; one more and it counts as gone
_HEARTBEAT_MS = 60_000  # finds connections to peers that are gone without a word; those with jobs are watched closer
_HEARTBEAT_TIMEOUT_MS = 600_000  # an editor answers heartbeats only while it looks after its connection
_DROPPABLE = (Queued, Progress, Preview)  # a newer one follows, or the end of the job does


class ClientSocket:
    """Speaks the wire protocol with all clients of one address; a client is known by its ROUTER identity.

    Attributes:
        connections: the clients' TCP connections.
    """

    def __init__(
        self, context: zmq.Context, endpoint: str, gate: Gate | None = None, limits: ClientLimits | None = None
    ) -> None:
        """Binds. With a gate, only clients with an allowed key come in, and everything is encrypted.

        Raises:
            LimnerError: the endpoint is not allowed or not free.
        """
        address = bind_address(endpoint, encrypted=gate is not None)
        limits = limits or ClientLimits()
        self.socket = context.socket(zmq.ROUTER)
        self._gate = gate
        self._descriptor = -1  # of the connection that the message at hand came from
        self._expelled: set[int] = set()
        self._backlogs: dict[bytes, deque[ServerMessage]] = {}
        options = {
            zmq.LINGER: 0,
            zmq.IPV6: int("[" in address),
            zmq.MAXMSGSIZE: MAX_FRAME_BYTES,
            zmq.ROUTER_MANDATORY: 1,
            zmq.SNDHWM: _HIGH_WATER,
            zmq.RCVHWM: _HIGH_WATER,
            zmq.TCP_KEEPALIVE: 1,
            zmq.HANDSHAKE_IVL: int(limits.handshake_s * 1000),
            zmq.HEARTBEAT_IVL: _HEARTBEAT_MS,
            zmq.HEARTBEAT_TIMEOUT: _HEARTBEAT_TIMEOUT_MS,
        }
        for option, value in options.items():
            self.socket.setsockopt(option, value)
        if gate is not None:
            gate.guard(self.socket)
        self.connections = Connections(self.socket, limits)
        try:
            self.socket.bind(address)
        except zmq.ZMQError as error:
            self.connections.stop()
            self.socket.close(linger=0)
            text = f"The backend cannot listen on {endpoint}: {error}."
            raise LimnerError(
                ErrorCode.START_FAILED, text, "Use another port, or tcp://127.0.0.1:* for any."
            ) from error

    @property
    def endpoint(self) -> str:
        """The address with its real port."""
        return self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def messages(self) -> Iterator[tuple[bytes, str, Message | WireError]]:
        """What has arrived, at most one turn's worth: the client's identity, the key that it proved ("" on the
        loopback, where none is asked for), and its message, or why it is none."""
        for _ in range(_MESSAGES_A_TURN):
            if not is_readable(self.socket):
                return
            identity, *frames = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
            self._descriptor = int(_property(identity, "__fd") or -1)
            key = _property(identity, "User-Id") if self._gate is not None else ""
            try:
                yield identity.bytes, key, self._read(key, frames)
            except WireError as error:
                yield identity.bytes, key, error

    def admit(self, client: bytes) -> None:
        """The message at hand, of this client, has the right token: its connection may stay."""
        self.connections.belongs_to(self._descriptor, client)

    def expel(self, client: bytes) -> None:
        """Ends the client's connection at the next tick, when the last message to it has had the time to leave."""
        self._expelled.update(self.connections.of(client))

    def send(self, client: bytes, message: ServerMessage) -> bool:
        """Sends without ever waiting; False when the client is gone, or counts as gone because it has long not read.

        While a client does not read, its progress reports are dropped and the rest is kept for `send_backlogs`.

        Raises:
            WireError: the message breaks the protocol; nothing was sent.
        """
        backlog = self._backlogs.get(client)
        if backlog:
            if isinstance(message, _DROPPABLE):
                return True
            backlog.append(message)
            return len(backlog) <= _BACKLOG
        try:
            self._send(client, message)
        except zmq.Again:
            if not isinstance(message, _DROPPABLE):
                self._backlogs[client] = deque([message])
        except zmq.ZMQError:  # it has closed its connection
            return False
        return True

    def send_backlogs(self) -> None:
        """Tries again what clients could not take before."""
        for client, backlog in list(self._backlogs.items()):
            try:
                while backlog:
                    self._send(client, backlog[0])
                    backlog.popleft()
            except zmq.Again:
                continue
            except zmq.ZMQError:
                backlog.clear()
            del self._backlogs[client]

    def forget(self, client: bytes) -> None:
        """Drops what is kept for a client that is gone."""
        self._backlogs.pop(client, None)

    def tick(self) -> None:
        """Tries again what clients could not take, and ends connections. To be called about once a second."""
        self.send_backlogs()
        if self._gate is not None:
            self._gate.allowed.refresh()
        for descriptor in self._expelled:
            self.connections.close(descriptor)
        self._expelled.clear()
        self.connections.tick()

    def close(self) -> None:
        """Closes the socket; the last messages get half a second to leave."""
        self.connections.stop()
        self.socket.close(linger=500)

    def _read(self, key: str, frames: list[zmq.Frame]) -> Message:
        """The message of a client that is still allowed. Raises WireError."""
        if self._gate is not None and key not in self._gate.allowed:
            self._expelled.add(self._descriptor)
            raise WireError(ErrorCode.NOT_ALLOWED, "This computer's key has been taken off the backend's list.")
        return decode([frame.buffer for frame in frames])

    def _send(self, client: bytes, message: ServerMessage) -> None:
        self.socket.send_multipart([client, *outgoing(encode(message))], zmq.NOBLOCK, copy=False)


def _property(frame: zmq.Frame, name: str) -> str:
    """A property of a message's connection; "" where there is none, such as in ZMTP before version 3."""
    try:
        return str(frame.get(name))
    except zmq.ZMQError:
        return ""
