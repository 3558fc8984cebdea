# SPDX-License-Identifier: Apache-2.0
"""The server process's one loop: a poll over the clients' socket, the worker's socket and the signals."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import zmq

from .. import __version__
from ..wire.connection import new_token
from ..wire.process import describe_self
from .backend import Backend
from .clientsocket import ClientSocket
from .endsignal import EndSignal
from .lifecycle import published
from .supervisor import WorkerState, WorkerSupervisor
from .workerprocess import WorkerSettings

log = logging.getLogger("limner.server")

_IDLE_POLL_MS = 1000
_WATCHFUL_POLL_MS = 100  # while the worker works or starts: how soon its death is seen
_TICK_S = 1.0


@dataclass(frozen=True)
class ServerSettings:
    """endpoint: where to listen, loopback only. idle_s: end after so many idle seconds, 0 never. worker: see there."""

    endpoint: str
    idle_s: float
    worker: WorkerSettings


def run_server(settings: ServerSettings) -> None:
    """Serves until a client or a signal ends it, or nobody has used it for `idle_s`.

    Raises:
        LimnerError: the endpoint is not allowed or not free.
    """
    context = zmq.Context()
    try:
        _serve(context, settings)
    finally:
        context.destroy(linger=0)  # closes what is still open, if the start failed half way


def _serve(context: zmq.Context, settings: ServerSettings) -> None:
    clients = ClientSocket(context, settings.endpoint)
    worker = WorkerSupervisor(context, settings.worker)
    token = new_token()
    backend = Backend(token, worker, clients)
    reason = "signal"
    try:
        with EndSignal() as signals, published(describe_self(clients.endpoint, token, __version__)):
            reason = _loop(settings, clients, worker, backend, signals)
    finally:  # the connection file is gone: nobody new comes
        log.info("ending (%s)", reason)
        backend.close(reason)
        worker.stop()
        clients.close()


def _loop(
    settings: ServerSettings, clients: ClientSocket, worker: WorkerSupervisor, backend: Backend, signals: EndSignal
) -> str:
    """Returns why it ended: "request", "idle" or "signal"."""
    poller = zmq.Poller()
    for socket in (clients.socket, worker.socket, signals.socket):
        poller.register(socket, zmq.POLLIN)
    next_tick = time.monotonic()
    while True:
        for client, message in clients.messages():
            backend.on_message(client, message)
        for event in worker.events():
            backend.on_worker(event)
        if time.monotonic() >= next_tick:
            backend.tick()
            clients.send_backlogs()
            next_tick = time.monotonic() + _TICK_S
        if backend.stop_reason:
            return backend.stop_reason
        if signals.received:
            log.info("%s received", signals.received)
            return "signal"
        if 0 < settings.idle_s < backend.idle_s():
            return "idle"
        resting = worker.state in (WorkerState.IDLE, WorkerState.FAILED)
        poller.poll(_IDLE_POLL_MS if resting else _WATCHFUL_POLL_MS)
