# SPDX-License-Identifier: Apache-2.0
"""A thread that owns the launcher and the connection, so that the GUI thread never waits.

The GUI thread gives jobs and takes events; both only ever touch a queue. Everything slow happens here: starting the
backend, sending and receiving, and each job's own ``prepare`` and ``finish`` (pictures converted, scaled, placed).
"""

from __future__ import annotations

import itertools
import queue
import threading
import traceback
from typing import Any, Callable

from ..client import BackendError, BackendState, Client, Launcher
from ..client.launcher import FAILED, LOADING, LOST, NOT_INSTALLED, READY, STARTING
from ..wire import END_TYPES, Cancelled, Error, ErrorCode, LimnerError, Message, Problem, Result, problem
from ..wire.process import is_stale
from .jobs import Event, Job, JobEvent, OpenJob, StateEvent

__all__ = ["FAILED", "LOADING", "LOST", "NOT_INSTALLED", "READY", "STARTING", "STOPPED", "BackendService"]

STOPPED = "stopped"  # no backend runs, and none was asked for yet

_BUSY_WAIT = 0.02  # seconds between two looks while jobs are open or the backend starts
_IDLE_WAIT = 0.2
_DEAD = (NOT_INSTALLED, FAILED, LOST, STOPPED)


class BackendService:
    """The thread. Its public methods are for the GUI thread and return at once."""

    def __init__(
        self,
        *,
        name: str = "krita",
        version: str = "",
        make_launcher: Callable[..., Launcher] = Launcher,
        make_client: Callable[..., Client] = Client,
    ) -> None:
        """name, version: how the plugin introduces itself. The factories are for tests."""
        self._name, self._version = name, version
        self._make_launcher, self._make_client = make_launcher, make_client
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._keys = itertools.count(1)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._open: dict[int, OpenJob] = {}
        self._launcher: Launcher | None = None
        self._starts = False  # the launcher may start a backend
        self._client: Client | None = None
        self._state = BackendState(STOPPED)

    # For the GUI thread

    def look(self) -> None:
        """Adopt a running backend; start none."""
        self._ask(lambda: self._launch(start=False))

    def start(self) -> None:
        """Adopt a running backend, or start one; also after a failure."""
        self._ask(lambda: self._launch(start=True))

    def submit(self, job: Job) -> int:
        """Give a job, and start the backend where needed; returns the job's key."""
        key = next(self._keys)
        self._ask(lambda: self._begin(OpenJob(key, job)))
        return key

    def cancel(self, key: int) -> None:
        """Drop a job; it ends with Cancelled unless it has ended already."""
        self._ask(lambda: self._cancel(key))

    def take_events(self) -> list[Event]:
        """What has happened since the last call."""
        found = []
        while True:
            try:
                found.append(self._events.get_nowait())
            except queue.Empty:
                return found

    def close(self, timeout: float = 2.0) -> None:
        """Cancel the open jobs and end the thread; the backend goes on."""
        self._closing.set()
        if self._thread is not None:
            self._commands.put(lambda: None)
            self._thread.join(timeout)

    def _ask(self, command: Callable[[], None]) -> None:
        if self._closing.is_set():
            return
        self._commands.put(command)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="limner", daemon=True)
            self._thread.start()

    # In the thread

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._take_commands()
                self._poll_launcher()
                self._send_waiting()
                self._poll_client()
        except Exception:  # a mistake in here must not leave the user waiting without a word
            shown = problem(ErrorCode.INTERNAL, traceback.format_exc(limit=-3).strip().splitlines()[-1])
            self._end_jobs(shown)
            self._set_state(BackendState(FAILED, problem=shown))
            raise
        finally:
            self._drop_client()
            if self._launcher is not None:
                self._launcher.close()

    def _take_commands(self) -> None:
        """Wait for a command, as long as nothing else is to be done."""
        busy = self._open or self._state.name in (STARTING, LOADING)
        connected = self._client is not None and self._open  # then _poll_client waits
        try:
            command = self._commands.get(timeout=0.001 if connected else _BUSY_WAIT if busy else _IDLE_WAIT)
            while True:
                command()
                command = self._commands.get_nowait()
        except queue.Empty:
            return

    def _launch(self, start: bool) -> None:
        if self._state.name not in _DEAD:
            return
        if self._launcher is not None:
            self._launcher.close()
        self._launcher = self._make_launcher(start=start)
        self._starts = start
        self._set_state(BackendState(STARTING))

    def _poll_launcher(self) -> None:
        if self._launcher is None:
            return
        state = self._launcher.poll()
        if state.name in _DEAD:
            self._launcher.close()
            self._launcher = None
            self._drop_client()
            if state.name == FAILED and not self._starts and state.problem is not None:
                state = BackendState(STOPPED) if state.problem.code == ErrorCode.BACKEND_LOST else state
            self._end_jobs(state.problem or problem(ErrorCode.BACKEND_LOST))
        self._set_state(state)

    def _set_state(self, state: BackendState) -> None:
        if state != self._state:
            self._state = state
            self._events.put(StateEvent(state))

    def _begin(self, item: OpenJob) -> None:
        self._open[item.key] = item
        only_looks = self._state.name == STARTING and not self._starts
        connection = self._state.connection
        if only_looks or (self._client is None and connection is not None and is_stale(connection)):
            self._state = BackendState(STOPPED)  # not told: STARTING follows at once
        self._launch(start=True)

    def _cancel(self, key: int) -> None:
        item = self._open.get(key)
        if item is None:
            return
        item.cancelled = True
        if item.sent_id and self._client is not None:
            try:
                self._client.cancel(item.sent_id)
            except BackendError as error:
                self._end(item, Error(str(key), error.code, error.message, error.remedy))
        elif not item.sent_id:
            self._end(item, Cancelled(str(key)))

    def _send_waiting(self) -> None:
        """Send the jobs that were given while the backend was not ready."""
        waiting = [item for item in self._open.values() if not item.sent_id]
        welcome = self._state.welcome
        if not waiting or self._state.name != READY or welcome is None:
            return
        for item in waiting:
            try:
                work = item.job.prepare(welcome)
                if work is None:
                    self._end(item, Cancelled(str(item.key)))
                    continue
                client = self._connected(self._state)
                item.sent_id = client.submit(
                    item.job.task, work.images, work.params, canvas=item.job.canvas, live=item.job.live
                )
            except LimnerError as error:
                self._end(item, Error(str(item.key), error.code, error.message, error.remedy))
                if error.code == ErrorCode.BACKEND_LOST:
                    self._drop_client()
            except Exception as error:
                self._end(item, _internal(item.key, error))

    def _connected(self, state: BackendState) -> Client:
        if self._client is None:
            self._client = self._make_client(state.connection, transport="zmtp", name=self._name, version=self._version)
        return self._client

    def _poll_client(self) -> None:
        if self._client is None:
            return
        try:
            messages = self._client.poll(_BUSY_WAIT if self._open else 0.0)
        except BackendError:  # the open jobs have been told by messages before
            self._drop_client()
            return
        by_id = {item.sent_id: item for item in self._open.values() if item.sent_id}
        for message in messages:
            item = by_id.get(message.id)
            if item is not None:
                self._hand_on(item, message)

    def _hand_on(self, item: OpenJob, message: Message) -> None:
        if not isinstance(message, END_TYPES):
            self._events.put(JobEvent(item.key, message))
            return
        value = None
        if isinstance(message, Result):
            try:
                value = item.job.finish(message)
            except LimnerError as error:
                message = Error(message.id, error.code, error.message, error.remedy)
            except Exception as error:
                message = _internal(item.key, error)
        self._end(item, message, value)

    def _end(self, item: OpenJob, message: Message, value: Any = None) -> None:
        if self._open.pop(item.key, None) is not None:
            self._events.put(JobEvent(item.key, message, value))

    def _end_jobs(self, reason: Problem) -> None:
        for item in list(self._open.values()):
            end: Message = Error(str(item.key), reason.code, reason.message, reason.remedy)
            self._end(item, Cancelled(str(item.key)) if item.cancelled else end)

    def _drop_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
            self._end_jobs_sent()

    def _end_jobs_sent(self) -> None:
        """Jobs that were sent over a connection that is gone end here when nothing else has ended them."""
        lost = problem(ErrorCode.BACKEND_LOST)
        for item in [item for item in self._open.values() if item.sent_id]:
            self._end(item, Error(str(item.key), lost.code, lost.message, lost.remedy))


def _internal(key: int, error: Exception) -> Error:
    shown = problem(ErrorCode.INTERNAL, f"Something went wrong inside the plugin: {type(error).__name__}: {error}")
    return Error(str(key), shown.code, shown.message[:500], shown.remedy)
