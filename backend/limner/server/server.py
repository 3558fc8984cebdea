# SPDX-License-Identifier: Apache-2.0
"""The server process's one loop: a poll over the clients' socket, the workers' sockets and the signals."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import zmq

from .. import __version__
from ..wire.connection import new_token
from ..wire.locks import FileLock
from ..wire.process import describe_self
from .allowlist import AllowList
from .backend import Backend
from .clients import Clients
from .clientsocket import ClientSocket
from .endpoint import LOOPBACK
from .endsignal import EndSignal
from .gate import Gate
from .jobs import HANG_S
from .keys import server_keys
from .lifecycle import Publication, trim_worker_logs
from .pool import WorkerPool
from .workerprocess import WorkerSettings

log = logging.getLogger("limner.server")

_IDLE_POLL_MS = 1000
_WATCHFUL_POLL_MS = 100  # while a worker works or starts: how soon its death is seen
_HURRIED_POLL_MS = 10  # while a job has begun and its client does not know: `jobs.ANNOUNCED_S`
_TICK_S = 1.0


@dataclass(frozen=True)
class ServerSettings:
    """endpoint: where to listen. idle_s: end after so many idle seconds, 0 never. workers: how to start each.
    public_key_dir: the keys of the clients that may come in at the endpoint, encrypted; None only for the loopback.
    hang_s: see `Backend`."""

    endpoint: str
    idle_s: float
    workers: Sequence[WorkerSettings]
    public_key_dir: Path | None = None
    hang_s: float = HANG_S


def run_server(settings: ServerSettings, lock: FileLock) -> None:
    """Serves until a client or a signal ends it, or nobody has used it for `idle_s`. `lock` is the home's, and held.

    Raises:
        LimnerError: the endpoint is not allowed or not free, or the keys cannot be used.
    """
    context = zmq.Context()
    try:
        _serve(context, settings, lock)
    finally:
        context.destroy(linger=0)  # closes what is still open, if the start failed half way


def _serve(context: zmq.Context, settings: ServerSettings, lock: FileLock) -> None:
    clients, token = _open_clients(context, settings)
    workers = WorkerPool(context, settings.workers)
    backend = Backend(token, workers, clients, hang_s=settings.hang_s)
    reason = "signal"
    try:
        here = describe_self(clients.endpoint, token, __version__)
        with EndSignal() as signals, Publication(here, lock) as publication:
            reason = _loop(settings, clients, workers, backend, signals, publication)
    finally:  # the connection file is gone: nobody new comes
        backend.close(reason)
        workers.stop()
        clients.close()


def _open_clients(context: zmq.Context, settings: ServerSettings) -> tuple[Clients, str]:
    """The sockets for the clients, and the token that these have to know."""
    if settings.public_key_dir is None:
        return Clients(ClientSocket(context, settings.endpoint)), new_token()
    keys, allowed = server_keys(), AllowList(settings.public_key_dir)
    gate = Gate(context, keys, allowed)
    remote = ClientSocket(context, settings.endpoint, gate)
    names = ", ".join(sorted(allowed.names.values()))
    log.info("listening on %s with the public key %s for %s", remote.endpoint, keys.public, names)
    return Clients(ClientSocket(context, LOOPBACK), remote, gate=gate), keys.token


def _loop(
    settings: ServerSettings,
    clients: Clients,
    workers: WorkerPool,
    backend: Backend,
    signals: EndSignal,
    publication: Publication,
) -> str:
    """Returns why it ended: "request", "idle" or "signal"."""
    poller = zmq.Poller()
    for socket in (*clients.pollable, *workers.sockets, signals.socket):
        poller.register(socket, zmq.POLLIN)
    gc.freeze()  # what has been loaded is no garbage: a search through it would hold a job up
    next_tick = time.monotonic()
    while True:
        for client, key, message in clients.messages():
            backend.on_message(client, message, key)
        for client in clients.gone():
            backend.on_gone(client)
        for event in workers.events():
            backend.on_worker(event)
        if time.monotonic() >= next_tick:
            backend.tick()
            clients.tick()
            publication.tick()
            trim_worker_logs()
            next_tick = time.monotonic() + _TICK_S
        if backend.stop_reason:
            return backend.stop_reason
        if signals.received:
            log.info("%s received", signals.received)
            return "signal"
        if 0 < settings.idle_s < backend.idle_s():
            return "idle"
        pause = _IDLE_POLL_MS if workers.resting else _WATCHFUL_POLL_MS
        poller.poll(_HURRIED_POLL_MS if backend.announce() else pause)
