# SPDX-License-Identifier: Apache-2.0
"""Ends the running backend, also one that does not answer any more."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from ..wire.connection import ConnectionInfo, remove_connection
from ..wire.errors import ErrorCode, LimnerError
from ..wire.process import is_stale, start_time
from ..wire.remote import forced_connection
from .client import Client
from .errors import BackendError
from .finding import find_running

_ANSWER_TIMEOUT = 3.0  # seconds for the backend to say hello
_KILL_AFTER = 3.0  # seconds between SIGTERM and SIGKILL
_LOOK_INTERVAL = 0.05


def stop_backend(timeout: float = 15.0) -> bool:
    """End the running backend and wait until its process is gone; False when none was running.

    One that does not answer is ended by its process id, where its start time proves that it still is the backend.
    Raises BackendError: timeout when it is still there after ``timeout`` seconds, bad_token, ...
    """
    try:
        connection = forced_connection() or find_running()
    except LimnerError as error:
        raise BackendError.of(error) from error
    if connection is None:
        return False
    deadline = time.monotonic() + timeout
    client = Client(connection, transport="auto" if connection.curve else "zmtp", name="stop")
    try:
        client.connect(_ANSWER_TIMEOUT)
        client.shutdown_backend(_ANSWER_TIMEOUT)
        gone = _wait_closed(client, connection, deadline)
    except BackendError as error:
        if error.code not in (ErrorCode.BACKEND_LOST, ErrorCode.TIMEOUT):
            raise
        if connection.pid == 0 or is_stale(connection):
            remove_connection(connection)
            return False
        gone = _kill(connection, deadline)
    finally:
        client.close()
    if not gone:
        raise BackendError(ErrorCode.TIMEOUT, f"The backend (process {connection.pid}) did not end in {timeout:g} s.")
    remove_connection(connection)
    return True


def _wait_closed(client: Client, connection: ConnectionInfo, deadline: float) -> bool:
    """Wait for the end of a backend that has promised to stop: first of its connection, then of its process."""
    with contextlib.suppress(BackendError):
        while time.monotonic() < deadline:
            client.poll(_LOOK_INTERVAL)
        return False
    return connection.pid == 0 or _wait_gone(connection, deadline)


def _wait_gone(connection: ConnectionInfo, deadline: float) -> bool:
    while not is_stale(connection):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_INTERVAL)
    return True


def _kill(connection: ConnectionInfo, deadline: float) -> bool:
    """End the process by its id: politely, then by force."""
    pid = connection.pid
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        if connection.start_time == 0 or start_time(pid) != connection.start_time:
            break
        with contextlib.suppress(OSError):
            os.kill(pid, number)
        if _wait_gone(connection, min(deadline, time.monotonic() + _KILL_AFTER)):
            return True
    return is_stale(connection)
