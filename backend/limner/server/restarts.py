# SPDX-License-Identifier: Apache-2.0
"""When a worker process that ended is started again. Pure: time comes in as seconds of any monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RestartLimits:
    """Waits between restarts in seconds, how often a start may fail in a row, and how long a failure then stands."""

    delays_s: tuple[float, ...] = (0.1, 1.0, 5.0)
    failed_starts: int = 3
    failure_stands_s: float = 15.0


class RestartPolicy:
    """Counts the worker's ends. After too many failed starts it gives up until somebody asks again, later."""

    def __init__(self, limits: RestartLimits | None = None) -> None:
        self._limits = limits or RestartLimits()
        self._ends_in_a_row = 0
        self._failed_starts = 0
        self._next_start: float | None = 0.0
        self._retry_from = 0.0

    @property
    def given_up(self) -> bool:
        return self._next_start is None

    def is_due(self, now: float) -> bool:
        """True when the worker is to be started now."""
        return self._next_start is not None and now >= self._next_start

    def started_well(self) -> None:
        """The worker has built its engine."""
        self._failed_starts = 0

    def worked_well(self) -> None:
        """The worker has finished a job without ending itself."""
        self._ends_in_a_row = 0

    def ended(self, now: float, *, while_starting: bool, for_good: bool = False) -> None:
        """The worker ended.

        Args:
            now: the time.
            while_starting: it had not built its engine yet.
            for_good: it told why it cannot work, so that another try at once would fail likewise.
        """
        delays = self._limits.delays_s
        self._next_start = now + delays[min(self._ends_in_a_row, len(delays) - 1)]
        self._ends_in_a_row += 1
        self._failed_starts += while_starting
        if for_good or self._failed_starts >= self._limits.failed_starts:
            self._next_start = None
            self._retry_from = now + self._limits.failure_stands_s

    def ask_again(self, now: float) -> None:
        """Somebody wants to work: one more start is due when it was given up long enough ago."""
        if self.given_up and now >= self._retry_from:
            self._next_start = now
