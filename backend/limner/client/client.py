# SPDX-License-Identifier: Apache-2.0
"""Jobs for the backend: blocking with ``run``, or without blocking with ``submit`` and ``poll``."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Callable

from ..wire.connection import ConnectionInfo
from ..wire.errors import ErrorCode
from ..wire.messages import (
    STATE_FAILED,
    STATE_LOADING,
    Cancel,
    Cancelled,
    Error,
    Message,
    Ping,
    Preview,
    Progress,
    Queued,
    Result,
    Shutdown,
    Stats,
    StatsRequest,
    Submit,
    Welcome,
)
from ..wire.pixels import Pixels
from .errors import BackendError
from .link import Link
from .transports.base import lost

_READY_INTERVAL = 0.25  # seconds between two hellos while the backend loads
_READY_TIMEOUT = 120.0  # seconds that loading the weights may take
_SUBMIT_FLUSH = 0.05  # seconds that submit() may take for writing a large picture; the rest goes out in poll()
_FAREWELL = 0.25  # seconds that the backend has to answer a cancel when nobody waits for it any more


class Client:
    """A connection to one backend. Use it in one thread only; a second thread makes its own.

    A context manager: entering connects, leaving closes. Poll an open client at least every 10 s: with the pure-Python
    transport nothing is answered in between, and the backend drops who is silent for 30 s.

    Once the connection is lost every open job ends with an Error message and further calls raise
    BackendError(backend_lost): make a new client then.
    """

    def __init__(
        self, connection: ConnectionInfo, *, transport: str = "auto", name: str = "python", version: str = ""
    ) -> None:
        """Nothing is sent yet.

        transport: see transports.open_transport. name, version: how the client introduces itself.
        """
        self.connection = connection
        self._link = Link(connection, transport, name, version)

    # Connecting

    def begin_connect(self) -> None:
        """Start to connect and say hello, without waiting: ``poll`` will bring the Welcome."""
        self._link.begin()

    def ask_welcome(self) -> None:
        """Say hello again, without waiting: ``poll`` will bring a new Welcome, with the present state and schema."""
        self._link.begin()
        self._link.send(self._link.hello())

    def connect(self, timeout: float = 10.0) -> Welcome:
        """Connect and wait for the Welcome. Raises BackendError: backend_lost, timeout, bad_token, ..."""
        link = self._link
        if link.welcome is None:
            link.begin()
            if not link.wait(lambda: link.welcome is not None, timeout):
                raise BackendError(ErrorCode.TIMEOUT, f"The backend did not answer within {timeout:g} s.")
            link.remove_from_inbox(lambda message: isinstance(message, Welcome))
        assert link.welcome is not None
        return link.welcome

    @property
    def welcome(self) -> Welcome:
        """The newest Welcome, waited for when none has come yet."""
        return self.connect()

    @property
    def connected(self) -> bool:
        """True from the first Welcome until the connection is lost or closed."""
        return self._link.welcome is not None and self._link.failure is None

    def wait_ready(self, timeout: float = _READY_TIMEOUT) -> Welcome:
        """Wait until the backend's worker is loaded, so that the schema is complete.

        Raises BackendError with the worker's problem when it cannot start, BackendError(timeout).
        """
        deadline = time.monotonic() + timeout
        welcome: Message = self.connect(timeout)
        while isinstance(welcome, Welcome) and welcome.state == STATE_LOADING:
            if time.monotonic() >= deadline:
                raise BackendError(ErrorCode.TIMEOUT, f"The backend was still loading after {timeout:.0f} s.")
            self._link.pump(_READY_INTERVAL)
            welcome = self._link.request(self._link.hello(), max(1.0, deadline - time.monotonic()))
        if not isinstance(welcome, Welcome):
            raise BackendError(ErrorCode.BAD_MESSAGE)
        if welcome.state == STATE_FAILED:
            raise BackendError.of(welcome.problem) if welcome.problem else BackendError(ErrorCode.START_FAILED)
        return welcome

    # Jobs

    def submit(
        self,
        task: str,
        images: Mapping[str, Pixels],
        params: Mapping[str, Any] | None = None,
        *,
        canvas: str = "",
        live: bool = False,
    ) -> str:
        """Send a job and return its id within 0.05 s; ``poll`` sends what is left of a large picture,
        and brings what becomes of the job.

        canvas: id of the picture drawn on; a live job replaces the waiting live job of the same canvas.
        Raises BackendError: too_large or bad_message for what the protocol does not allow, backend_lost.
        """
        self._link.begin()
        job_id = _new_id()
        job = Submit(job_id, self.connection.token, task, params or {}, canvas, live, images)
        self._link.send(job, flush=_SUBMIT_FLUSH)
        self._link.jobs.begin(job_id)
        return job_id

    def poll(self, timeout: float = 0.0) -> list[Message]:
        """What has arrived, waiting up to ``timeout`` seconds for the first message; with 0 it never blocks.

        Gives Queued, Progress, Preview and exactly one of Result, Cancelled, Error for each job; Welcome after
        begin_connect; Stopping when the backend ends. Raises BackendError(backend_lost) when the connection is lost
        and all jobs have been told.
        """
        link = self._link
        if not link.inbox:
            link.begin()
            link.wait(lambda: bool(link.inbox), timeout)
        return link.remove_from_inbox(lambda message: True)

    def run(
        self,
        task: str,
        images: Mapping[str, Pixels],
        params: Mapping[str, Any] | None = None,
        *,
        canvas: str = "",
        on_progress: Callable[[str, float], None] | None = None,
        timeout: float | None = None,
    ) -> Result:
        """Run a job and wait for its result.

        on_progress: called with the stage's name and the done fraction in [0, 1]; ("waiting", 0.0) in the queue.
        timeout: seconds, None for no limit; a job that takes longer, or whose wait is interrupted, is cancelled.
        Raises BackendError: the job's own error, cancelled, timeout, backend_lost.
        """
        begin = time.monotonic()
        limit = float("inf") if timeout is None else timeout
        self.wait_ready(min(limit, _READY_TIMEOUT))
        job_id = self.submit(task, images, params, canvas=canvas)
        try:
            while self._link.wait(lambda: self._link.has_for(job_id), limit + begin - time.monotonic()):
                for message in self._link.remove_from_inbox(lambda message: message.id == job_id):
                    if isinstance(message, Result):
                        return message
                    _report(message, on_progress)
            raise BackendError(ErrorCode.TIMEOUT, f"The job '{task}' took longer than the {limit:g} s allowed.")
        except BaseException:
            self._abandon(job_id)
            raise

    def cancel(self, job_id: str) -> None:
        """Ask the backend to drop a job; ``poll`` then brings one Cancelled and nothing else of it. A job that has
        ended is left alone."""
        if self._link.jobs.cancel(job_id):
            self._link.send(Cancel(job_id, self.connection.token))

    @property
    def open_jobs(self) -> list[str]:
        """The jobs that have not ended, oldest first."""
        return self._link.jobs.ids()

    # Other requests

    def ping(self, timeout: float = 5.0) -> float:
        """Seconds until the backend answered. Raises BackendError(timeout | backend_lost)."""
        begin = time.monotonic()
        self._link.request(Ping(self._link.next_id(), self.connection.token), timeout)
        return time.monotonic() - begin

    def stats(self, timeout: float = 5.0) -> Stats:
        """The backend's state in figures. Raises BackendError(timeout | backend_lost)."""
        reply = self._link.request(StatsRequest(self._link.next_id(), self.connection.token), timeout)
        if not isinstance(reply, Stats):
            raise BackendError(ErrorCode.BAD_MESSAGE)
        return reply

    def shutdown_backend(self, timeout: float = 10.0) -> None:
        """Ask the backend to end, and wait for its answer. launcher.stop_backend also waits for its process."""
        self._link.request(Shutdown(self._link.next_id(), self.connection.token), timeout)

    # Closing

    def close(self) -> None:
        """Cancel the open jobs and close the connection. May be called again."""
        self._abandon(*self.open_jobs)
        self._link.end(lost("it was closed here"))
        self._link.inbox.clear()

    def _abandon(self, *job_ids: str) -> None:
        """Cancel jobs that nobody waits for any more, and give the backend a moment to hear of it."""
        link = self._link
        with contextlib.suppress(BackendError):
            for job_id in job_ids:
                self.cancel(job_id)
            link.wait(lambda: not any(job_id in link.jobs for job_id in job_ids), _FAREWELL)
        link.remove_from_inbox(lambda message: message.id in job_ids)

    def __enter__(self) -> Client:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _new_id() -> str:
    """An id for a job."""
    return uuid.uuid4().hex


def _report(message: Message, on_progress: Callable[[str, float], None] | None) -> None:
    """Tell of a job's progress; raise BackendError for an end without a result."""
    if isinstance(message, Error):
        raise BackendError.of(message.problem)
    if isinstance(message, Cancelled):
        raise BackendError(ErrorCode.CANCELLED)
    if on_progress is not None and isinstance(message, (Progress, Preview)):
        on_progress(message.stage, message.fraction)
    elif on_progress is not None and isinstance(message, Queued):
        on_progress("waiting", 0.0)
