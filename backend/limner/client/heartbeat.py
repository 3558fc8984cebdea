# SPDX-License-Identifier: Apache-2.0
"""When to ask the backend for a sign of life, and when to give it up."""

from __future__ import annotations

import time
from typing import Callable

from ..wire.connection import ConnectionInfo
from ..wire.process import is_alive, is_stale

PING_INTERVAL = 2.0  # seconds of silence before a ping
WORD_INTERVAL = 10.0  # seconds after which a ping is sent to a backend that talks all the time: it drops silent clients
SILENCE_LIMIT = 8.0  # seconds a ping may stay without any message from the backend
UPLOAD_RATE = 4 * 1024 * 1024  # bytes a second that a slow connection moves at least


class Heartbeat:
    """Watches one connection. A dead backend is mostly seen by its closed connection; this finds the others: one that
    hangs, one whose connection was inherited by a child process, a host that went away."""

    def __init__(self, connection: ConnectionInfo, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock
        self._visible = is_alive(connection.pid) and not is_stale(connection)  # not inside an editor's sandbox
        self._heard = self._looked = self._said = clock()
        self._asked: float | None = None  # when the ping was sent that has no answer yet
        self._allowance = 0.0  # further seconds for what is being uploaded

    def heard(self) -> None:
        """A message came from the backend."""
        self._heard, self._asked, self._allowance = self._clock(), None, 0.0

    def asked(self) -> None:
        """A message was sent that the backend answers at once."""
        self._said = self._clock()
        if self._asked is None:
            self._asked = self._said

    def uploading(self, size: int) -> None:
        """So many bytes were sent, which a ping has to wait for."""
        self._allowance += size / UPLOAD_RATE

    @property
    def ping_due(self) -> bool:
        """True when a ping should be sent now."""
        now = self._clock()
        quiet = now - self._heard >= PING_INTERVAL or now - self._said >= WORD_INTERVAL
        return self._asked is None and quiet

    def death(self) -> str:
        """Why the backend must be given up, "" while it need not. Ask only after all that came has been read."""
        now = self._clock()
        if self._visible and now - self._looked >= PING_INTERVAL:
            self._looked = now
            if is_stale(self._connection):
                return f"its process {self._connection.pid} has ended"
        if self._asked is not None and now - self._asked >= SILENCE_LIMIT + self._allowance:
            return f"it has not answered for {now - self._asked:.0f} s"
        return ""
