# SPDX-License-Identifier: Apache-2.0
"""The ROUTER that the clients talk to: frames to messages and back, loopback only, nobody can make it block."""

from __future__ import annotations

import ipaddress
import logging
from collections import deque
from collections.abc import Iterator
from urllib.parse import urlsplit

import zmq

from ..wire import LimnerError, Message, Preview, Progress, Queued, ServerMessage, WireError, decode, encode
from ..wire.errors import ErrorCode
from ..wire.limits import MAX_FRAME_BYTES

log = logging.getLogger("limner.server")

_MESSAGES_A_TURN = 100  # read before the loop looks at anything else
_HIGH_WATER = 1000  # messages to one client that are not yet in the operating system's hands
_BACKLOG = 64  # messages kept for a client that does not read; one more and it counts as gone
_HANDSHAKE_MS = 10_000
_HEARTBEAT_MS = 60_000  # finds connections to peers that are gone without a word; those with jobs are watched closer
_HEARTBEAT_TIMEOUT_MS = 600_000  # an editor answers heartbeats only while it looks after its connection
_DROPPABLE = (Queued, Progress, Preview)  # a newer one follows, or the end of the job does


def loopback_endpoint(endpoint: str) -> str:
    """The endpoint as ZeroMQ binds it, with the host as a number.

    Raises:
        LimnerError: it is no tcp://HOST:PORT, or the host can be reached from other computers.
    """
    remedy = "Use tcp://127.0.0.1:* or a fixed port such as tcp://127.0.0.1:5599."
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", endpoint.rpartition(":")[2]
        if parts.scheme != "tcp" or not (port == "*" or 0 < int(port) < 65536):
            raise ValueError
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        text = f"The backend cannot listen on '{endpoint}': it must be tcp://, a loopback address and a port."
        raise LimnerError(ErrorCode.START_FAILED, text, remedy) from None
    if not address.is_loopback:
        text = (
            f"The backend does not listen on '{endpoint}': other computers could reach it, and this version has no"
            " CURVE keys and no allow-list to keep strangers out."
        )
        raise LimnerError(ErrorCode.START_FAILED, text, remedy)
    return f"tcp://[{address}]:{port}" if address.version == 6 else f"tcp://{address}:{port}"


class ClientSocket:
    """Speaks the wire protocol with all clients; a client is known by its ROUTER identity."""

    def __init__(self, context: zmq.Context, endpoint: str) -> None:
        """Binds. Raises LimnerError when the endpoint is not allowed or not free."""
        address = loopback_endpoint(endpoint)
        self.socket = context.socket(zmq.ROUTER)
        self._backlogs: dict[bytes, deque[ServerMessage]] = {}
        options = {
            zmq.LINGER: 0,
            zmq.IPV6: int("[" in address),
            zmq.MAXMSGSIZE: MAX_FRAME_BYTES,
            zmq.ROUTER_MANDATORY: 1,
            zmq.SNDHWM: _HIGH_WATER,
            zmq.RCVHWM: _HIGH_WATER,
            zmq.TCP_KEEPALIVE: 1,
            zmq.HANDSHAKE_IVL: _HANDSHAKE_MS,
            zmq.HEARTBEAT_IVL: _HEARTBEAT_MS,
            zmq.HEARTBEAT_TIMEOUT: _HEARTBEAT_TIMEOUT_MS,
        }
        for option, value in options.items():
            self.socket.setsockopt(option, value)
        try:
            self.socket.bind(address)
        except zmq.ZMQError as error:
            self.socket.close(linger=0)
            text = f"The backend cannot listen on {endpoint}: {error}."
            raise LimnerError(
                ErrorCode.START_FAILED, text, "Use another port, or tcp://127.0.0.1:* for any."
            ) from error

    @property
    def endpoint(self) -> str:
        """The address with its real port."""
        return self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def messages(self) -> Iterator[tuple[bytes, Message | WireError]]:
        """What has arrived, at most one turn's worth: the client's identity and its message, or why it is none."""
        for _ in range(_MESSAGES_A_TURN):
            try:
                identity, *frames = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            try:
                yield identity.bytes, decode([frame.buffer for frame in frames])
            except WireError as error:
                yield identity.bytes, error

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

    def close(self) -> None:
        """Closes the socket; the last messages get half a second to leave."""
        self.socket.close(linger=500)

    def _send(self, client: bytes, message: ServerMessage) -> None:
        self.socket.send_multipart([client, *encode(message)], zmq.NOBLOCK, copy=False)
