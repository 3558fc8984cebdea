# SPDX-License-Identifier: Apache-2.0
"""The backend's decisions: what a client's message or the passing of time leads to. No socket and no process here."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Protocol

from .. import __version__
from ..wire import (
    STATE_FAILED,
    STATE_LOADING,
    STATE_READY,
    Cancel,
    ClientMessage,
    Error,
    ErrorCode,
    Hello,
    Message,
    Ping,
    Pong,
    ServerMessage,
    Shutdown,
    Stats,
    StatsRequest,
    Stopping,
    Submit,
    Welcome,
    WireError,
    problem,
)
from ..wire.connection import same_token
from . import jobs
from .jobs import Jobs
from .limits import ClientLimits, JobRate
from .pool import WorkerReport
from .statistics import resident_bytes
from .supervisor import WorkerEvent, WorkerState

log = logging.getLogger("limner.server")

SILENCE_S = 30.0  # a client with open jobs says something at least every 2 s; after this long it is gone
_FORGET_S = 3600.0  # a client without jobs is no longer told that the backend ends


class Workers(jobs.Workers, Protocol):
    """What the backend needs of `WorkerPool`."""

    def reports(self) -> list[WorkerReport]: ...


class Clients(Protocol):
    """What the backend needs of `clients.Clients`."""

    def send(self, client: bytes, message: ServerMessage) -> bool: ...
    def admit(self, client: bytes) -> None: ...
    def forget(self, client: bytes) -> None: ...


class Backend:
    """Answers the clients. `stop_reason` is set once a client asked it to end; then `close` has to be called.

    Attributes:
        stop_reason: "request" after a Shutdown, else "".
    """

    def __init__(
        self,
        token: str,
        workers: Workers,
        clients: Clients,
        clock: Callable[[], float] = time.monotonic,
        limits: ClientLimits | None = None,
        hang_s: float = jobs.HANG_S,
    ) -> None:
        """hang_s: seconds without progress after which a job counts as hung and its worker is ended."""
        self.stop_reason = ""
        self._token = token
        self._workers = workers
        self._clients = clients
        self._clock = clock
        self._jobs = Jobs(workers, self._answer, clock, hang_s)
        self._started = self._last_heard = clock()
        self._limits = limits or ClientLimits()
        self._rate = JobRate(self._limits)
        self._heard: dict[bytes, float] = {}
        self._keys: dict[bytes, str] = {}  # of the clients in `_heard`; "" for those of this computer
        self._gone: set[bytes] = set()
        self._stopper: tuple[bytes, str] = b"", ""

    def on_message(self, client: bytes, message: Message | WireError, key: str = "") -> None:
        """Answers one message, whatever it is; `key` is the one that a client on another computer proved."""
        if isinstance(message, WireError):
            fault = message.problem
            self._answer(client, Error(message.message_id, fault.code, fault.message, fault.remedy))
        elif not isinstance(message, ClientMessage):
            self._fail(client, message.id, ErrorCode.UNKNOWN_KIND, f"The backend takes no message '{message.kind}'.")
        elif not same_token(message.token, self._token):
            log.warning("a message '%s' with a wrong token was refused", message.kind)
            self._fail(client, message.id, ErrorCode.BAD_TOKEN)
        elif client not in self._heard and (full := self._no_room(key)):
            self._fail(client, message.id, ErrorCode.BUSY, full)
        else:
            if client not in self._heard and isinstance(message, Hello):
                log.info("client %s is %r %r", client.hex(), message.client, message.client_version)
            self._last_heard = self._heard[client] = self._clock()
            self._keys[client] = key
            self._clients.admit(client)
            try:
                self._dispatch(client, message)
            except Exception:
                log.exception("a message '%s' could not be dealt with", message.kind)
                self._fail(client, message.id, ErrorCode.INTERNAL)
        self._drop_gone()

    def on_gone(self, client: bytes) -> None:
        """The client's connection has ended."""
        if client in self._heard:
            self._gone.add(client)
        self._drop_gone()

    def on_worker(self, event: WorkerEvent) -> None:
        """Follows what a worker reports."""
        self._jobs.on_worker(event)
        self._drop_gone()

    def tick(self) -> None:
        """Drops the clients that fell silent, and workers that are stuck. To be called about once a second."""
        now = self._clock()
        with_jobs = self._jobs.clients()
        for client, heard in self._heard.items():
            if now - heard > (SILENCE_S if client in with_jobs else _FORGET_S):
                self._gone.add(client)
        self._drop_gone()
        self._jobs.tick()

    def announce(self) -> bool:
        """Tells clients that their jobs have begun; True when it has to be called again soon (`Jobs.announce`)."""
        hurried = self._jobs.announce()
        self._drop_gone()
        return hurried

    def idle_s(self) -> float:
        """Seconds since a client was last heard or a job last ended; 0 while there is a job."""
        if self._jobs.waiting or self._jobs.running:
            return 0.0
        return self._clock() - max(self._last_heard, self._jobs.last_end)

    def close(self, reason: str) -> None:
        """Ends every job with an error and tells all clients that the backend ends ("request", "idle", "signal").

        Jobs are cancelled, not drained: an end by the system leaves no time for them, and a client can send them again.
        """
        running, waiting = self._jobs.running, self._jobs.waiting
        log.info("ending (%s): %d running and %d waiting jobs are cancelled", reason, running, waiting)
        self._jobs.end_all(problem(ErrorCode.SHUTTING_DOWN, "The backend is shutting down and has cancelled the job."))
        stopper, message_id = self._stopper
        for client in self._heard:
            self._answer(client, Stopping(message_id if client == stopper else "", reason=reason))

    def _dispatch(self, client: bytes, message: ClientMessage) -> None:
        if isinstance(message, Hello):
            self._answer(client, self._welcome(message))
        elif isinstance(message, Ping):
            self._answer(client, Pong(message.id))
        elif isinstance(message, Submit):
            self._submit(client, message)
        elif isinstance(message, Cancel):
            self._jobs.cancel(client, message.id)
        elif isinstance(message, StatsRequest):
            self._answer(client, self._stats(message))
        elif isinstance(message, Shutdown) and self._keys[client]:
            self._fail(client, message.id, ErrorCode.NOT_ALLOWED, "Only its own computer can end this backend.")
        elif isinstance(message, Shutdown):
            self._stopper = client, message.id
            self.stop_reason = "request"
        else:
            self._fail(client, message.id, ErrorCode.UNKNOWN_KIND)

    def _submit(self, client: bytes, message: Submit) -> None:
        """Hands the job on, unless its client or key has sent too many."""
        if not self._rate.take(self._keys[client] or client, self._clock()):
            fault = self._rate.problem
            self._answer(client, Error(message.id, fault.code, fault.message, fault.remedy))
        else:
            self._jobs.submit(client, message)

    def _no_room(self, key: str) -> str:
        """Why one more client, with this key, cannot be served; "" when it can."""
        if len(self._heard) >= self._limits.clients:
            return f"The backend serves {len(self._heard)} clients already, as many as it may."
        of_key = sum(other == key for other in self._keys.values()) if key else 0
        if of_key >= self._limits.clients_of_key:
            return f"The backend serves {of_key} clients with this key already, as many as it may."
        return ""

    def _state(self) -> str:
        special = {WorkerState.STARTING: STATE_LOADING, WorkerState.FAILED: STATE_FAILED}
        return special.get(self._workers.state, STATE_READY)

    def _welcome(self, hello: Hello) -> Welcome:
        self._workers.wake()
        state, info = self._state(), self._workers.info
        if state == STATE_READY and info is not None:
            return Welcome(hello.id, state, __version__, os.getpid(), info.device, info.weights, info.schema)
        return Welcome(hello.id, state, __version__, os.getpid(), problem=self._workers.problem)

    def _stats(self, request: StatsRequest) -> Stats:
        now, counts, workers = self._clock(), self._jobs.counts, self._workers.reports()
        return Stats(
            request.id,
            self._state(),
            device=self._workers.info.device if self._workers.info else "",
            uptime_s=now - self._started,
            idle_s=0.0 if self._jobs.running else now - self._jobs.last_end,
            pid=os.getpid(),
            worker_pid=workers[0].pid,
            worker_restarts=sum(worker.restarts for worker in workers),
            rss_bytes=resident_bytes([os.getpid(), *(worker.pid for worker in workers)]),
            clients=sum(now - heard <= SILENCE_S for heard in self._heard.values()),
            waiting=self._jobs.waiting,
            running=self._jobs.running,
            done=counts.done,
            failed=counts.failed,
            cancelled=counts.cancelled,
            extra={"workers": [asdict(worker) for worker in workers]},
        )

    def _fail(self, client: bytes, message_id: str, code: str, text: str = "") -> None:
        fault = problem(code, text)
        self._answer(client, Error(message_id, fault.code, fault.message, fault.remedy))

    def _answer(self, client: bytes, message: ServerMessage) -> None:
        """Sends; a client that cannot be reached is dropped soon after (not here, in the middle of something)."""
        try:
            reached = self._clients.send(client, message)
        except WireError as error:
            log.exception("an answer '%s' cannot be sent", message.kind)
            text = f"The answer '{message.kind}' cannot be sent: {error.message}"
            fault = problem(ErrorCode.INTERNAL, text)
            reached = self._clients.send(client, Error(message.id, fault.code, fault.message, fault.remedy))
        if not reached and client in self._heard:
            self._gone.add(client)

    def _drop_gone(self) -> None:
        while self._gone:
            client = self._gone.pop()
            self._heard.pop(client, None)
            self._keys.pop(client, None)
            self._rate.forget(client)
            self._clients.forget(client)
            self._jobs.drop_client(client)
            log.info("client %s is gone", client.hex())
