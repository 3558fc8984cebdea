# SPDX-License-Identifier: Apache-2.0
"""All clients behind one interface: those of this computer, and those that come in from others with a key.

A client's identity here is the number of the socket that it talks to, one byte, and its ROUTER identity there.
"""

from __future__ import annotations

from collections.abc import Iterator

import zmq

from ..wire import Message, ServerMessage, WireError
from .clientsocket import ClientSocket
from .gate import Gate


class Clients:
    """The sockets that clients talk to: the first one is the loopback's, for this home's own."""

    def __init__(self, *sockets: ClientSocket, gate: Gate | None = None) -> None:
        self._sockets = sockets
        self._gate = gate

    @property
    def pollable(self) -> list[zmq.Socket]:
        """What a poller has to watch."""
        own = [socket for client in self._sockets for socket in (client.socket, client.connections.socket)]
        return own if self._gate is None else [*own, self._gate.socket]

    @property
    def endpoint(self) -> str:
        """The loopback's address with its real port."""
        return self._sockets[0].endpoint

    def messages(self) -> Iterator[tuple[bytes, str, Message | WireError]]:
        """What has arrived, with its client and the key that it proved: see `ClientSocket.messages`."""
        if self._gate is not None:
            self._gate.answer()
        for number, socket in enumerate(self._sockets):
            for identity, key, message in socket.messages():
                yield bytes([number]) + identity, key, message

    def gone(self) -> Iterator[bytes]:
        """The clients whose connections have ended since the last call."""
        for number, socket in enumerate(self._sockets):
            for identity in socket.connections.look():
                yield bytes([number]) + identity

    def send(self, client: bytes, message: ServerMessage) -> bool:
        """Sends without waiting; False when the client is gone. Raises WireError: see `ClientSocket.send`."""
        return self._sockets[client[0]].send(client[1:], message)

    def admit(self, client: bytes) -> None:
        """The message at hand has the right token."""
        self._sockets[client[0]].admit(client[1:])

    def forget(self, client: bytes) -> None:
        """Drops what is kept for a client that is gone."""
        self._sockets[client[0]].forget(client[1:])

    def tick(self) -> None:
        """To be called about once a second."""
        for socket in self._sockets:
            socket.tick()

    def close(self) -> None:
        """Closes all; the last messages get half a second to leave."""
        for socket in self._sockets:
            socket.close()
        if self._gate is not None:
            self._gate.close()
