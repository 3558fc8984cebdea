# SPDX-License-Identifier: Apache-2.0
"""Finds the running backend, or starts one: without blocking (``Launcher``), or waiting (``ensure_backend``).

Two clients that start at once end with one backend: the one that holds start.lock starts it, the other waits and
adopts it.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Callable

from ..wire.connection import ConnectionInfo, home, make_home, read_connection
from ..wire.errors import ErrorCode, LimnerError, Problem, WireError
from ..wire.limits import PROTOCOL_VERSION
from ..wire.locks import FileLock, is_locked
from ..wire.messages import STATE_FAILED, STATE_READY, Welcome
from ..wire.process import is_stale
from ..wire.remote import forced_connection
from .client import Client
from .errors import BackendError
from .interpreter import InstallRecord, find_python, read_install_record, write_install_record
from .spawn import BackendProcess, log_tail

__all__ = [
    "FAILED",
    "LOADING",
    "LOST",
    "NOT_INSTALLED",
    "READY",
    "STARTING",
    "BackendState",
    "InstallRecord",
    "Launcher",
    "ensure_backend",
    "read_install_record",
    "write_install_record",
]

STARTING = "starting"  # looking for a backend, or waiting for the one that starts
LOADING = "loading"  # it answers; its worker loads the weights
READY = "ready"
NOT_INSTALLED = "not_installed"
FAILED = "failed"  # it cannot be started or reached
LOST = "lost"  # it was ready and has ended

_ANSWER_TIMEOUT = 5.0  # seconds in which a backend answers a hello, where nothing shows that its process lives
_LOOK_INTERVAL = 1.0  # seconds between two looks at a ready backend's process
_POLL_INTERVAL = 0.02  # seconds between two polls of wait
_HELLO_INTERVAL = 0.25  # seconds between two hellos while it loads
_MISSING_LOOKS = 5  # looks at which the file of a live backend may be gone or damaged: the backend writes it again


@dataclass(frozen=True)
class BackendState:
    """What is known of the backend.

    name: one of STARTING, LOADING, READY, NOT_INSTALLED, FAILED, LOST. connection and welcome: from LOADING on.
    problem: cause and remedy of the last three. log_tail: the last lines of the backend's log, where they explain it.
    """

    name: str
    connection: ConnectionInfo | None = None
    welcome: Welcome | None = None
    problem: Problem | None = None
    log_tail: tuple[str, ...] = ()


class Launcher:
    """Brings the backend up step by step; each ``poll`` does what can be done without waiting.

    A GUI calls ``poll`` from a timer (every 50 to 250 ms) and shows the state. After READY it goes on to watch the
    backend's process. NOT_INSTALLED, FAILED and LOST stay until ``restart``.
    """

    def __init__(self, *, start: bool = True, timeout: float = 60.0, python: str | None = None) -> None:
        """start: False only looks for a running backend. timeout: seconds from the first poll to the first welcome.
        python: the interpreter to start it with, instead of the one that interpreter.find_python finds."""
        self._may_start, self._timeout, self._python = start, timeout, python
        self._lock: FileLock | None = None
        self._client: Client | None = None
        self._process: BackendProcess | None = None
        self.restart()

    def restart(self) -> None:
        """Forget what is known and begin again with the next poll."""
        self.close()
        self._state = BackendState(STARTING)
        self._deadline: float | None = None
        self._rejected: ConnectionInfo | None = None  # what the file said, found to be stale
        self._process = None
        self._missing_looks = 0
        self._step: Callable[[], None] = self._look

    def close(self) -> None:
        """Stop here; a backend that has been started goes on."""
        self._drop_client()
        if self._lock is not None:
            self._lock.release()

    def poll(self) -> BackendState:
        """Go on as far as possible without waiting; returns the present state."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self._timeout
        try:
            self._step()
            if self._state.name == STARTING and time.monotonic() > self._deadline:
                raise BackendError(ErrorCode.TIMEOUT, f"The backend did not start within {self._timeout:g} s.")
        except LimnerError as error:
            self._give_up(error)
        return self._state

    # Steps: each may replace itself by the next

    def wait(self, on_state: Callable[[BackendState], None] | None = None) -> ConnectionInfo:
        """Poll until a backend has welcomed the client, then close; blocks. Raises BackendError when none comes."""
        shown: BackendState | None = None
        try:
            while True:
                state = self.poll()
                if on_state is not None and state != shown:
                    on_state(state)
                    shown = state
                if state.problem is not None:
                    raise BackendError.of(state.problem)
                if state.connection is not None:
                    return state.connection
                time.sleep(_POLL_INTERVAL)
        finally:
            self.close()

    def _look(self) -> None:
        """Read the connection file, and try what it names."""
        found = _find_connection()
        if found is not None and found != self._rejected:
            self._try(found)
        elif not self._may_start:
            raise BackendError(
                ErrorCode.BACKEND_LOST, "No backend is running.", "Start one with 'limner serve', or use any command."
            )
        elif self._process is not None:
            self._check_start(self._process)
        elif self._lock_start() and _find_connection() in (None, self._rejected):  # nobody was faster
            self._process = BackendProcess(self._python or find_python())

    def _lock_start(self) -> bool:
        """True when this is the one that may start a backend."""
        try:
            self._lock = self._lock or FileLock(make_home() / "start.lock")
            return self._lock.acquire()
        except OSError as error:
            raise BackendError(
                ErrorCode.START_FAILED,
                f"Limner's folder {home()} cannot be used: {error}.",
                "Make it writable, or set LIMNER_HOME to another folder.",
            ) from error

    def _check_start(self, process: BackendProcess) -> None:
        """See whether the backend that was started here still comes up."""
        status = process.exit_status
        if status is None or is_locked(
            home() / "backend.lock"
        ):  # in the second case another one, started by hand, comes up
            return
        tail = process.log_tail()
        cause = f": {tail[-1]:.300}" if tail else "."
        raise BackendError(ErrorCode.START_FAILED, f"The backend ended at once with exit status {status}{cause}")

    def _try(self, connection: ConnectionInfo) -> None:
        self._client = Client(connection, transport="auto" if connection.curve else "zmtp", name="launcher")
        self._answer_deadline = time.monotonic() + _ANSWER_TIMEOUT
        self._step = self._await_welcome
        self._await_welcome()

    def _await_welcome(self) -> None:
        assert self._client is not None
        try:
            welcome = next((item for item in self._client.poll() if isinstance(item, Welcome)), None)
        except BackendError as error:
            self._reject(error)
            return
        if welcome is not None:
            self._adopt(welcome)
        elif time.monotonic() > self._answer_deadline and not self._may_be_busy(self._client.connection):
            self._reject(BackendError(ErrorCode.TIMEOUT))

    def _may_be_busy(self, connection: ConnectionInfo) -> bool:
        """Its process lives, and there is time left: on a computer that is busy it may answer yet."""
        in_time = self._deadline is None or time.monotonic() < self._deadline
        return in_time and connection.pid != 0 and not is_stale(connection)

    def _reject(self, error: BackendError) -> None:
        """The backend in the file does not welcome us: it is stale, unless it is one that we must not replace."""
        assert self._client is not None
        connection = self._client.connection
        self._drop_client()
        if forced_connection() is not None or error.code == ErrorCode.INCOMPATIBLE_VERSION:
            raise error
        if connection.protocol != PROTOCOL_VERSION and not is_stale(connection):
            raise BackendError(ErrorCode.INCOMPATIBLE_VERSION)
        if error.code == ErrorCode.TIMEOUT and not is_stale(connection):
            raise BackendError(
                ErrorCode.TIMEOUT,
                f"A backend runs (process {connection.pid}), but it does not answer.",
                "Run 'limner stop' in a terminal and try again.",
            )
        self._rejected = connection
        self._step = self._look

    def _adopt(self, welcome: Welcome) -> None:
        assert self._client is not None
        if self._lock is not None:
            self._lock.release()
        connection = self._client.connection
        if welcome.state == STATE_FAILED:
            raise BackendError.of(welcome.problem) if welcome.problem else BackendError(ErrorCode.START_FAILED)
        ready = welcome.state == STATE_READY
        self._state = BackendState(READY if ready else LOADING, connection, welcome)
        self._visible = not is_stale(connection)  # a sandbox hides the processes outside
        self._next_time = time.monotonic() + (_LOOK_INTERVAL if ready else _HELLO_INTERVAL)
        self._step = self._watch if ready else self._await_ready
        if ready:
            self._drop_client()

    def _await_ready(self) -> None:
        assert self._client is not None
        for message in self._client.poll():
            if isinstance(message, Welcome):
                self._adopt(message)
                return
        if time.monotonic() >= self._next_time:
            self._next_time = time.monotonic() + _HELLO_INTERVAL
            self._client.ask_welcome()

    def _watch(self) -> None:
        """See whether the ready backend is still there, by its process and its connection file."""
        connection = self._state.connection
        if connection is None or time.monotonic() < self._next_time:
            return
        self._next_time = time.monotonic() + _LOOK_INTERVAL
        if not connection.pid:
            return
        found = _find_connection()
        self._missing_looks = 0 if found is not None else self._missing_looks + 1
        replaced = found is not None and found != connection
        if replaced or self._missing_looks > _MISSING_LOOKS or (self._visible and is_stale(connection)):
            raise BackendError(ErrorCode.BACKEND_LOST, "The backend has ended.")

    # The end

    def _finished(self) -> None:
        """Nothing to do until restart."""

    def _give_up(self, error: LimnerError) -> None:
        name = FAILED
        if error.code == ErrorCode.BACKEND_NOT_INSTALLED:
            name = NOT_INSTALLED
        elif error.code == ErrorCode.BACKEND_LOST and self._state.name != STARTING:
            name = LOST
        tail = self._process.log_tail() if self._process is not None else ()
        if self._process is not None and self._state.name == STARTING:
            self._process.terminate()
        self._state = BackendState(name, problem=error.problem, log_tail=tail or (log_tail() if name == LOST else ()))
        self._step = self._finished
        self.close()

    def _drop_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def ensure_backend(
    start: bool = True,
    timeout: float = 60.0,
    python: str | None = None,
    on_state: Callable[[BackendState], None] | None = None,
) -> ConnectionInfo:
    """Find the running backend, or start one; returns when it has welcomed a client (it may still be loading then).

    start: False only looks for a running one. timeout: seconds until the welcome. python: the interpreter to start it
    with. on_state: called with each new state. Raises BackendError: backend_not_installed, start_failed, timeout, ...
    """
    launcher = Launcher(start=start, timeout=timeout, python=python)
    return launcher.wait(on_state)


def _find_connection() -> ConnectionInfo | None:
    """LIMNER_ENDPOINT or remote.json, else the connection file; when that one is damaged, it counts as none."""
    forced = forced_connection()
    if forced is None:
        with contextlib.suppress(WireError):
            return read_connection()
    return forced
