# SPDX-License-Identifier: Apache-2.0
"""What one client, and all of them together, may take of the backend. Pure: time comes in as monotonic seconds.

The size of a picture, a header and a message is limited by `wire.limits`; how many jobs and bytes may wait by
`scheduler.QueueLimits`. Here is the rest. Drawing live sends a job at each pause of the pen, ten a second at most, and
never comes near any of these.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import ErrorCode, Problem, problem


@dataclass(frozen=True)
class ClientLimits:
    """The limits of one backend.

    Attributes:
        connections: open at the same time; one more is closed at once.
        handshake_s: seconds in which a connection has to speak ZeroMQ and, where that is demanded, prove its key.
        hello_s: seconds in which it has to send a first message with the right token.
        clients: known at the same time; one more gets the error `busy`.
        clients_of_key: the same for the clients that prove themselves by one and the same key.
        jobs_a_minute: of one client, or of all clients of one key; one more gets the error `busy`.
        jobs_at_once: of these, how many may come in one go after a pause.
    """

    connections: int = 512
    handshake_s: float = 10.0
    hello_s: float = 30.0
    clients: int = 256
    clients_of_key: int = 16
    jobs_a_minute: int = 12_000
    jobs_at_once: int = 4_000


class JobRate:
    """Token buckets (https://en.wikipedia.org/wiki/Token_bucket), one for each client or key that sends jobs."""

    def __init__(self, limits: ClientLimits) -> None:
        self._limits = limits
        self._buckets: dict[object, tuple[float, float]] = {}  # who -> (jobs left, at that time)

    def take(self, who: object, now: float) -> bool:
        """Counts one more job; False when it is one too many."""
        left, then = self._buckets.get(who, (float(self._limits.jobs_at_once), now))
        left = min(self._limits.jobs_at_once, left + (now - then) * self._limits.jobs_a_minute / 60)
        allowed = left >= 1
        self._buckets[who] = (left - 1 if allowed else left, now)
        return allowed

    def forget(self, who: object) -> None:
        """Drops the count of a client that is gone."""
        self._buckets.pop(who, None)

    @property
    def problem(self) -> Problem:
        """What to tell a client whose job was one too many."""
        text = f"More than {self._limits.jobs_a_minute} jobs a minute were sent; this one was not taken."
        return problem(ErrorCode.BUSY, text, "Wait a few seconds, then send fewer jobs at a time.")
