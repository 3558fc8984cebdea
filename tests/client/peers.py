# SPDX-License-Identifier: Apache-2.0
"""Backends for the client's tests: a scripted one on a real ROUTER, and a bare TCP peer that can break ZMTP."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence

import pytest
import zmq

from limner import wire
from limner.client import BackendError
from limner.wire import (
    Cancel,
    Cancelled,
    ConnectionInfo,
    Error,
    Message,
    Pixels,
    Preview,
    Progress,
    Queued,
    Result,
    Submit,
)

TOKEN = "token"
WAIT = 20.0  # seconds: a limit for events that do come, not a measure


class RouterPeer:
    """A backend on a ROUTER in a thread of its own. It answers hello and ping; a test scripts the rest.

    script: called with each other message that arrives; returns the messages to answer with.
    welcomes: the welcome states to answer successive hellos with; the last one stays.
    """

    def __init__(
        self,
        script: Callable[[Message], Sequence[Message | list[bytes]]] = lambda message: [],
        *,
        welcomes: Sequence[str] = ("ready",),
        answers_ping: bool = True,
        heartbeat_ms: int = 0,
    ) -> None:
        self._script = script
        self._welcomes = list(welcomes)
        self._answers_ping = answers_ping
        self._heartbeat_ms = heartbeat_ms
        self._actions: queue.Queue[Callable[[zmq.Socket], None]] = queue.Queue()
        self._stop = threading.Event()
        self._bound = threading.Event()
        self._arrived = threading.Condition()
        self.received: list[Message] = []
        self.identities: list[bytes] = []
        self.endpoint = ""

    @property
    def connection(self) -> ConnectionInfo:
        """How to reach it; no process is named."""
        return ConnectionInfo(self.endpoint, token=TOKEN)

    def __enter__(self) -> RouterPeer:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._bound.wait(WAIT)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the socket; connected clients see the connection end."""
        self._stop.set()
        self._thread.join(WAIT)
        assert not self._thread.is_alive()

    def send(self, *messages: Message | list[bytes], client: int = 0) -> None:
        """Send messages (or raw frames) to the client that was heard first, second, ..."""
        self._actions.put(lambda router: self._send(router, self.identities[client], messages))

    def wait_for(self, kind: type[Message]) -> Message:
        """The first message of that kind, waited for."""

        def found() -> Message | None:
            return next((message for message in self.received if isinstance(message, kind)), None)

        with self._arrived:
            assert self._arrived.wait_for(found, WAIT), f"no {kind.__name__} came"
        message = found()
        assert message is not None
        return message

    def _run(self) -> None:
        with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
            router.setsockopt(zmq.LINGER, 500)
            router.setsockopt(zmq.HEARTBEAT_IVL, self._heartbeat_ms)
            self.endpoint = f"tcp://127.0.0.1:{router.bind_to_random_port('tcp://127.0.0.1')}"
            self._bound.set()
            while not self._stop.is_set():
                with contextlib.suppress(queue.Empty):
                    self._actions.get_nowait()(router)
                if router.poll(5):
                    self._take(router)

    def _take(self, router: zmq.Socket) -> None:
        identity, *frames = router.recv_multipart()
        message = wire.decode(frames)
        if identity not in self.identities:
            self.identities.append(identity)
        with self._arrived:  # before the answer, which lets the client's side of a test go on
            self.received.append(message)
            self._arrived.notify_all()
        self._send(router, identity, self._answers(message))

    def _answers(self, message: Message) -> Sequence[Message | list[bytes]]:
        if isinstance(message, wire.Hello):
            state = self._welcomes.pop(0) if len(self._welcomes) > 1 else self._welcomes[0]
            cause = wire.problem("weights_missing") if state == "failed" else None
            return [wire.Welcome(message.id, state, "0.1.0", problem=cause)]
        if isinstance(message, wire.Ping):
            return [wire.Pong(message.id)] if self._answers_ping else []
        return self._script(message)

    @staticmethod
    def _send(router: zmq.Socket, identity: bytes, messages: Sequence[Message | list[bytes]]) -> None:
        for message in messages:
            frames = message if isinstance(message, list) else wire.encode(message)
            router.send_multipart([identity, *frames])


class RawPeer:
    """A TCP listener that runs ``script(connection)`` in a thread for the first client that connects."""

    def __init__(self, script: Callable[[socket.socket], None]) -> None:
        self._script = script
        self.error: BaseException | None = None

    def __enter__(self) -> RawPeer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(WAIT)
        self.endpoint = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._thread.join(WAIT)
        self._listener.close()
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(WAIT)
                self._script(connection)
        except ConnectionError:
            pass  # the client has closed the connection
        except BaseException as error:
            self.error = error


GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06ROUTER"


def read_exactly(connection: socket.socket, size: int) -> bytes:
    """That many bytes."""
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


def shake_hands(connection: socket.socket) -> None:
    """The ROUTER's side of the handshake."""
    connection.sendall(GREETING)
    read_exactly(connection, 64)
    size = read_exactly(connection, 2)[1]
    assert read_exactly(connection, size).startswith(b"\x05READY")
    connection.sendall(READY)


def until_closed(connection: socket.socket) -> None:
    """Wait until the client closes the connection."""
    with contextlib.suppress(ConnectionError):
        while connection.recv(65536):
            pass


PICTURE = Pixels(2, 2, 1, "u8", b"abcd")


def collect(client, end=(Result, Error, Cancelled)):
    """Poll until a message of the given kinds has come; returns all that came."""
    messages = []
    while not any(isinstance(message, end) for message in messages):
        found = client.poll(WAIT)
        assert found, "nothing came"
        messages += found
    return messages


def failure(call, *arguments, **options):
    """The BackendError that the call raises."""
    with pytest.raises(BackendError) as caught:
        call(*arguments, **options)
    return caught.value


def echo(message):
    """A script: queued, progress, a preview and the pictures sent, for each job."""
    if not isinstance(message, Submit):
        return []
    return [
        Queued(message.id, 1),
        Progress(message.id, "lines", 0.25),
        Preview(message.id, "synthesis", 0.5, message.images),
        Result(message.id, {"seed": message.params.get("seed")}, message.images),
    ]


def cancels(message):
    """A script: Cancelled for each Cancel."""
    return [Cancelled(message.id)] if isinstance(message, Cancel) else []


def poll_until(launcher, *names):
    """Poll until the state has one of the names; returns the names on the way, and the state."""
    seen, deadline = [], time.monotonic() + WAIT
    while time.monotonic() < deadline:
        state = launcher.poll()
        if not seen or seen[-1] != state.name:
            seen.append(state.name)
        if state.name in names:
            return seen, state
        time.sleep(0.01)
    raise AssertionError(f"never {names}: {seen}")
