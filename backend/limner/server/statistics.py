# SPDX-License-Identifier: Apache-2.0
"""Counts of ended jobs, and the memory that processes take."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from ..wire import Cancelled, Error, Result, ServerMessage


@dataclass
class JobCounts:
    """How many jobs ended in which way since the start."""

    done: int = 0
    failed: int = 0
    cancelled: int = 0

    def count(self, end: ServerMessage) -> None:
        """Counts the message that ended a job."""
        self.done += isinstance(end, Result)
        self.failed += isinstance(end, Error)
        self.cancelled += isinstance(end, Cancelled)


def resident_bytes(pids: Iterable[int]) -> int:
    """Resident memory of the processes together, in bytes; processes that are gone count 0."""
    import psutil  # only here, so that the start does not wait for it

    total = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss
    return total
