# SPDX-License-Identifier: Apache-2.0
"""The TCP connections of a listening socket: how many there are, which are silent, and which have ended.

ZeroMQ accepts whoever connects and tells a ROUTER nothing of those that say nothing or leave. Its monitor does, by the
number of the operating system's socket, which each message names as well.
"""

from __future__ import annotations

import contextlib
import logging
import socket as sockets
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

import zmq

from .frames import is_readable
from .limits import ClientLimits

log = logging.getLogger("limner.server")

_EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED


@dataclass
class _Connection:
    since: float
    client: bytes = b""  # who it turned out to be, by a message with the right token


class Connections:
    """Watches one socket, closing what breaks the limits. Call `look` often and `tick` about once a second.

    Attributes:
        socket: for the poller only.
    """

    def __init__(
        self, listening: zmq.Socket, limits: ClientLimits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """To be called before the socket is bound."""
        address = f"inproc://limner-connections-{id(self)}"
        listening.monitor(address, _EVENTS)
        self._listening = listening
        self._limits = limits
        self._clock = clock
        self._open: dict[int, _Connection] = {}
        self._gone: list[bytes] = []
        self.socket: zmq.Socket = listening.context.socket(zmq.PAIR)
        self.socket.setsockopt(zmq.RCVHWM, 0)  # a full queue would hold up libzmq's own thread
        self.socket.connect(address)

    def __len__(self) -> int:
        return len(self._open)

    def look(self) -> list[bytes]:
        """Follows what happened; returns the clients whose connections have ended since the last call."""
        self._follow()
        gone, self._gone = self._gone, []
        return gone

    def belongs_to(self, descriptor: int, client: bytes) -> None:
        """Notes that the connection is that of a client that knows the token."""
        self._follow()  # the number may have been that of a connection that ended before this one began
        if descriptor in self._open:
            self._open[descriptor].client = client

    def of(self, client: bytes) -> list[int]:
        """The numbers of the client's connections."""
        return [descriptor for descriptor, item in self._open.items() if item.client == client]

    def tick(self) -> None:
        """Closes the connections that have not said a proper first word in time."""
        now = self._clock()
        silent = [d for d, item in self._open.items() if not item.client and now - item.since > self._limits.hello_s]
        for descriptor in silent:
            log.warning("a connection was closed: it did not say hello within %g s", self._limits.hello_s)
            self.close(descriptor)

    def close(self, descriptor: int) -> None:
        """Ends the connection as if its peer had done so; ZeroMQ has no other way to end just one."""
        port = int(self._listening.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])
        with contextlib.suppress(OSError), sockets.fromfd(descriptor, sockets.AF_INET, sockets.SOCK_STREAM) as copy:
            if copy.getsockname()[1] == port:  # the number has not become something else's in the meantime
                copy.shutdown(sockets.SHUT_RDWR)

    def _follow(self) -> None:
        """Takes in the events up to now."""
        while is_readable(self.socket):
            number, descriptor = struct.unpack("=hi", self.socket.recv_multipart()[0])
            ended = self._open.pop(descriptor, None)
            if ended is not None and ended.client:
                self._gone.append(ended.client)
            if number == zmq.EVENT_ACCEPTED:
                self._open[descriptor] = _Connection(self._clock())
                if len(self._open) > self._limits.connections:
                    log.warning("a connection too many was closed: %d are open", len(self._open) - 1)
                    self.close(descriptor)

    def stop(self) -> None:
        """Ends the watch. To be called before the listening socket is closed."""
        self._listening.disable_monitor()
        self.socket.close(linger=0)
