# SPDX-License-Identifier: Apache-2.0
"""Starts the worker process, watches it, restarts it when it dies, and carries jobs to it and reports back.

The two talk over a loopback socket. The worker gets its address and a fresh secret through a pipe; messages without the
secret are dropped, so that no other program can pose as the worker. The same pipe tells the worker that the server
ended.
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import Any

import zmq

from ..wire.errors import DEFAULTS, ErrorCode, Problem, problem
from ..wire.limits import MAX_FRAME_BYTES
from ..wire.pixels import Pixels
from ..wire.schema import TaskSchema
from .frames import is_readable, outgoing
from .restarts import RestartPolicy
from .worker import link
from .worker.boot import WorkerBoot
from .worker.link import LinkMessage
from .workerprocess import WorkerProcess, WorkerSettings

log = logging.getLogger("limner.server")

START_LIMIT_S = 300.0  # a worker that is not ready after so many seconds hangs
_LAST_WORDS_S = 0.2  # seconds in which messages of a process that ended may still arrive
_STOP_GRACE_S = 3.0  # seconds that a worker has for the step it is in before it is killed
_KILL_GRACE_S = 5.0  # seconds that the system has to end a process that was killed
_MAX_CAUSE = 1000  # characters of the worker's log in a message to the user


class WorkerState(Enum):
    """What the worker is doing. FAILED: it could not start; `WorkerSupervisor.problem` tells why."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    FAILED = "failed"


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker that is ready can do: its device, sha256 by weights file, schema by task."""

    device: str
    weights: Mapping[str, str]
    schema: Mapping[str, TaskSchema]


@dataclass(frozen=True)
class WorkerReady:
    """The worker can take jobs; `WorkerSupervisor.info` is new."""


@dataclass(frozen=True)
class WorkerEnded:
    """The worker process ended. `job` is the number of the job that it took with it, 0 for none."""

    job: int
    problem: Problem


WorkerEvent = WorkerReady | WorkerEnded | LinkMessage


class WorkerSupervisor:
    """One worker process. Call `events` whenever `socket` is readable, and a few times a second unless it is idle.

    Attributes:
        socket: for the poller only.
        info: what the latest worker that got ready can do; None before the first.
        problem: why the worker cannot start, once `state` is FAILED.
        restarts: how often it was started again.
        job: the number of the job that it has, 0 for none.
        done: how many jobs it has ended, in whatever way.
    """

    def __init__(
        self,
        context: zmq.Context,
        settings: WorkerSettings,
        policy: RestartPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
        numbers: Iterator[int] | None = None,
    ) -> None:
        """numbers: where the numbers of jobs come from, so that those of several workers differ."""
        self.socket = _bound_router(context)
        self.info: WorkerInfo | None = None
        self.problem: Problem | None = None
        self.restarts = -1  # the first start is none
        self.job = self.done = 0
        self._settings = settings
        self._policy = policy or RestartPolicy()
        self._clock = clock
        self._process: WorkerProcess | None = None
        self._ended_at: float | None = None
        self._failure: Problem | None = None
        self._secret = b""
        self._peer = b""
        self._numbers = numbers or count(1)
        self._started_at = 0.0

    @property
    def state(self) -> WorkerState:
        if self.job:
            return WorkerState.BUSY
        if self._peer:
            return WorkerState.IDLE
        return WorkerState.FAILED if self._policy.given_up else WorkerState.STARTING

    @property
    def pid(self) -> int:
        """The worker's process id; 0 when there is no process at the moment."""
        return self._process.pid if self._process else 0

    def run(self, task: str, images: Mapping[str, Pixels], params: Mapping[str, Any], canvas: str) -> int:
        """Sends a job to the idle worker; returns the number under which its reports come."""
        self.job = next(self._numbers)
        values = {"task": task, "params": dict(params), "canvas": canvas}
        self._send(LinkMessage(link.JOB, self.job, values, images))
        return self.job

    def cancel(self, job: int) -> None:
        """Tells the worker to stop the job before its next step; its end is reported as usual."""
        self._send(LinkMessage(link.CANCEL, job))

    def kill(self) -> None:
        """Ends the worker process by force; it is started again like after any other end."""
        if self._process is not None:
            self._process.kill()

    def wake(self) -> None:
        """Tries to start a worker that was given up, if that was long enough ago."""
        self._policy.ask_again(self._clock())

    def events(self) -> Iterator[WorkerEvent]:
        """What happened since the last call. Starts the worker when it is due."""
        if self._process is None and self._policy.is_due(self._clock()):
            self._start()
        while (message := self._receive()) is not None:
            yield from self._on_message(message)
        if self._process is not None and self._has_ended(self._process):
            yield self._on_end(self._process)
        elif self._process is not None and not self._peer:
            self._watch_start()

    def ask_to_stop(self) -> None:
        """Tells the worker to end after its current step. `stop` has to follow."""
        if self._peer:
            self._send(LinkMessage(link.STOP))

    def stop(self) -> None:
        """Waits for the end of a worker that was asked, by force after a few seconds. Closes the socket."""
        if self._process is not None:
            if self._peer:
                self._process.wait(_STOP_GRACE_S)
            self._process.kill()
            self._process.wait(_KILL_GRACE_S)
            self._process.close()
        self.socket.close(linger=0)

    def _start(self) -> None:
        self._secret = secrets.token_bytes(32)
        endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        settings, secret = self._settings, self._secret.hex()
        boot = WorkerBoot(endpoint, secret, settings.device, settings.engine, os.getpid(), settings.beside)
        self._started_at = self._clock()
        self._ended_at = self._failure = None
        self.restarts += 1
        try:
            self._process = WorkerProcess(self._settings, boot)
        except OSError as error:
            self.problem = problem(ErrorCode.START_FAILED, f"The backend's worker could not be started: {error}.")
            self._policy.ended(self._clock(), while_starting=True)
            log.error("the worker could not be started: %s", error)
            return
        log.info("worker %d started", self._process.pid)

    def _watch_start(self) -> None:
        """Ends a worker that does not get ready: what it waits for may never come."""
        if self._failure is None and self._clock() - self._started_at > START_LIMIT_S:
            text = f"The backend's worker was not ready after {START_LIMIT_S:.0f} s and was ended."
            self._failure = problem(ErrorCode.START_FAILED, text)
            self.kill()

    def _receive(self) -> LinkMessage | None:
        """The next message of the current worker; a stranger's is dropped, a broken one is the worker's end."""
        while is_readable(self.socket):
            frames = [frame.buffer for frame in self.socket.recv_multipart(copy=False)]
            if len(frames) < 3 or not hmac.compare_digest(frames[1][:64], self._secret):
                continue
            try:
                message = link.decode(frames[2:], self._received)
                if message.kind == link.READY:
                    self.info = _read_info(message.values)
                    self._peer = bytes(frames[0])
                return message
            except Exception:
                log.exception("the worker sent what cannot be read; it is ended")
                self.kill()
        return None

    def _received(self, place: int, size: int) -> memoryview:
        """A picture out of the shared memory, into which the worker will put others; now in memory of libzmq's own."""
        if self._process is None or self._process.memory is None:
            raise ValueError("the worker has no shared memory")
        return zmq.Frame(self._process.memory.get(place, size), copy=True).buffer

    def _on_message(self, message: LinkMessage) -> Iterator[WorkerEvent]:
        if message.kind == link.READY:
            self.problem = None
            self._policy.started_well()
            yield WorkerReady()
        elif message.kind == link.FAILED:
            values = message.values
            self._failure = Problem(values["code"], values["message"], values["remedy"])
            self.kill()  # it ends anyway, but unloading what it has loaded takes it a while
        elif message.job == self.job:
            if message.kind in link.ENDS_JOB:
                self.job = 0
                self.done += 1
                self._policy.worked_well()
            yield message

    def _has_ended(self, process: WorkerProcess) -> bool:
        """True once the process is gone and its last messages have had the time to arrive."""
        if process.is_running():
            return False
        now = self._clock()
        if self._ended_at is None:
            self._ended_at = now
        return self._failure is not None or now - self._ended_at >= _LAST_WORDS_S

    def _on_end(self, process: WorkerProcess) -> WorkerEnded:
        process.close()
        job, starting = self.job, not self._peer
        cause = self._failure or _describe_end(process, starting=starting)
        log.error("the worker %d ended: %s %s", process.pid, cause.code, cause.message)
        if starting:
            self.problem = cause
        self._policy.ended(self._clock(), while_starting=starting, for_good=self._failure is not None)
        self.done += bool(job)
        self._process, self._peer, self.job = None, b"", 0
        return WorkerEnded(job, cause)

    def _send(self, message: LinkMessage) -> None:
        memory = self._process.memory if self._process is not None else None
        try:
            self.socket.send_multipart([self._peer, *outgoing(link.encode(message, memory))], copy=False)
        except zmq.ZMQError as error:  # the worker is gone: `events` will tell
            log.warning("the worker did not get a message of the kind %s: %s", message.kind, error)


def _bound_router(context: zmq.Context) -> zmq.Socket:
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # a message to a worker that is gone is an error, not lost in silence
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
    socket.bind("tcp://127.0.0.1:*")
    return socket


def _read_info(values: Mapping[str, Any]) -> WorkerInfo:
    schema = {name: TaskSchema.from_map(task) for name, task in values["schema"].items()}
    return WorkerInfo(values["device"], values["weights"], schema)


def _describe_end(process: WorkerProcess, *, starting: bool) -> Problem:
    if not starting:
        default = DEFAULTS[ErrorCode.WORKER_DIED][0].rstrip(".")
        return problem(ErrorCode.WORKER_DIED, f"{default} ({process.describe_end()}).")
    lines = process.last_log_lines()[-_MAX_CAUSE:]
    text = f"The backend's worker ended while starting ({process.describe_end()})."
    return problem(ErrorCode.START_FAILED, f"{text} Its log ends with: {lines}" if lines else text)
