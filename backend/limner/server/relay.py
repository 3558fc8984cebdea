# SPDX-License-Identifier: Apache-2.0
"""A door on the loopback to a backend on another computer, for programs that cannot encrypt.

An editor without pyzmq speaks to the relay in the clear, on this computer only and with a token of this home; the relay
has a connection of its own to the backend for each of them, encrypted, with the backend's token. It reads every message
and passes on what the protocol allows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import zmq

from .. import __version__
from ..client import BackendError
from ..client.transports.pyzmq import PyzmqTransport
from ..wire import ClientMessage, ConnectionInfo, Error, ErrorCode, Message, ServerMessage, WireError, decode, encode
from ..wire.connection import new_token, same_token
from ..wire.errors import Problem, problem
from ..wire.process import describe_self
from ..wire.remote import remove_relay, write_relay
from .clientsocket import ClientSocket
from .endpoint import LOOPBACK
from .endsignal import EndSignal

log = logging.getLogger("limner.server")

MOST_CLIENTS = 16  # as many as a backend takes of one key
_LOOK_MS, _TICK_S = 250, 1.0
_MESSAGES_A_TURN = 50  # of one client's backend, before the next client's turn


@dataclass
class _Through:
    """One client's way to the backend."""

    transport: PyzmqTransport
    seen: list[zmq.Socket] = field(default_factory=list)  # what the poller watches of it


class Relay:
    """Passes messages between the clients of this computer and the backend that `remote` names. Call `turn` for ever.

    Attributes:
        door: where the clients come in.
        token: what they have to know.
    """

    def __init__(self, context: zmq.Context, remote: ConnectionInfo) -> None:
        self.door = ClientSocket(context, LOOPBACK)
        self.token = new_token()
        self._remote = remote
        self._ways: dict[bytes, _Through] = {}
        self._leaving: dict[bytes, float] = {}  # clients that have lost their way, and when their connections end
        self._next_tick = 0.0
        self._poller = zmq.Poller()
        for socket in (self.door.socket, self.door.connections.socket):
            self._poller.register(socket, zmq.POLLIN)

    @property
    def clients(self) -> int:
        """How many have a way to the backend now."""
        return len(self._ways)

    def watch(self, descriptor: int) -> None:
        """Lets `turn` return as soon as the operating system's socket of that number is readable."""
        self._poller.register(descriptor, zmq.POLLIN)

    def turn(self) -> None:
        """Waits a while for messages, and passes on what has come."""
        self._poller.poll(_LOOK_MS)
        for client, _, message in self.door.messages():
            self._inward(client, message)
        for client in list(self._ways):
            self._outward(client)
        for client in self.door.connections.look():
            self._drop(client)
            self._leaving.pop(client, None)
        if time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + _TICK_S
            self._tick()

    def close(self) -> None:
        """Ends all connections."""
        for client in list(self._ways):
            self._drop(client)
        self.door.close()

    def _tick(self) -> None:
        for client, when in self._leaving.items():
            if time.monotonic() >= when:
                self.door.expel(client)
        self.door.tick()

    def _inward(self, client: bytes, message: Message | WireError) -> None:
        if client in self._leaving:
            return
        if isinstance(message, WireError):
            self._refuse(client, message.message_id, message.problem)
        elif not isinstance(message, ClientMessage):
            self._refuse(client, message.id, problem(ErrorCode.UNKNOWN_KIND))
        elif not same_token(message.token, self.token):
            self._refuse(client, message.id, problem(ErrorCode.BAD_TOKEN))
        elif client not in self._ways and len(self._ways) >= MOST_CLIENTS:
            text = f"The relay serves {len(self._ways)} clients already, as many as it may."
            self._refuse(client, message.id, problem(ErrorCode.BUSY, text))
        else:
            self.door.admit(client)
            try:
                self._way(client).transport.send(encode(replace(message, token=self._remote.token)))
            except (BackendError, WireError) as error:
                self._lose(client, error.problem)

    def _outward(self, client: bytes) -> None:
        try:
            for message in self._answers(self._ways[client].transport):
                if not self.door.send(client, message):
                    self._drop(client)
                    return
        except BackendError as error:
            self._lose(client, error.problem)

    def _answers(self, transport: PyzmqTransport) -> Iterator[ServerMessage]:
        """What the backend has sent, at most one turn's worth; what cannot be read is left out."""
        for _ in range(_MESSAGES_A_TURN):
            frames = transport.receive(0.0)
            if frames is None:
                return
            try:
                message = decode(frames)
            except WireError as error:
                log.warning("the backend sent what cannot be read: %s", error.message)
                continue
            if isinstance(message, ServerMessage):
                yield message

    def _way(self, client: bytes) -> _Through:
        if client not in self._ways:
            transport = PyzmqTransport(self._remote.endpoint, self._remote.curve)
            way = self._ways[client] = _Through(transport, transport.pollable)
            for socket in way.seen:
                self._poller.register(socket, zmq.POLLIN)
        return self._ways[client]

    def _lose(self, client: bytes, reason: Problem) -> None:
        """The way to the backend has ended: the client is told why, and then its connection ends as well."""
        self._refuse(client, "", reason)
        self._leaving[client] = time.monotonic() + _TICK_S  # in which the word about it leaves
        self._drop(client)

    def _drop(self, client: bytes) -> None:
        way = self._ways.pop(client, None)
        if way is not None:
            for socket in way.seen:
                self._poller.unregister(socket)
            way.transport.close()
        self.door.forget(client)

    def _refuse(self, client: bytes, message_id: str, reason: Problem) -> None:
        self.door.send(client, Error(message_id, reason.code, reason.message, reason.remedy))


def run_relay(remote: ConnectionInfo) -> None:
    """Relays to that backend, and tells this home's clients so, until a signal ends it.

    Raises:
        LimnerError: there is no free port.
        OSError: the home's file cannot be written.
    """
    assert remote.curve is not None
    context = zmq.Context()
    relay = Relay(context, remote)
    try:
        with EndSignal() as signals:
            relay.watch(signals.socket.fileno())
            here = describe_self(relay.door.endpoint, relay.token, __version__)
            write_relay(here, remote.curve.server)
            try:
                while not signals.received:
                    relay.turn()
            finally:
                remove_relay(here)
    finally:
        relay.close()
        context.destroy(linger=500)
