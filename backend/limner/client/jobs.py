# SPDX-License-Identifier: Apache-2.0
"""Which jobs of a client have not ended, and what of the backend's messages about them is still of interest."""

from __future__ import annotations

from ..wire.errors import Problem
from ..wire.messages import END_TYPES, Cancelled, Error, Message, Preview, Progress, Queued

JOB_TYPES = (Queued, Progress, Preview, *END_TYPES)  # what a backend says about a job


class JobBook:
    """The open jobs. Each job that was begun ends with exactly one Result, Cancelled or Error."""

    def __init__(self) -> None:
        self._cancelled: dict[str, bool] = {}  # job id -> cancel was asked for

    def __len__(self) -> int:
        return len(self._cancelled)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._cancelled

    def ids(self) -> list[str]:
        """The open jobs, oldest first."""
        return list(self._cancelled)

    def begin(self, job_id: str) -> None:
        """Note a submitted job."""
        self._cancelled[job_id] = False

    def cancel(self, job_id: str) -> bool:
        """Note that cancel is asked for; False when the job has ended or that was done before."""
        if self._cancelled.get(job_id, True):
            return False
        self._cancelled[job_id] = True
        return True

    def accept(self, message: Message) -> Message | None:
        """What to hand on for a message about a job: itself, Cancelled in place of any late end of a cancelled job,
        or None for other messages, those of ended jobs, and late progress of cancelled ones."""
        if message.id not in self._cancelled or not isinstance(message, JOB_TYPES):
            return None
        ended = isinstance(message, END_TYPES)
        cancelled = self._cancelled.pop(message.id) if ended else self._cancelled[message.id]
        if not cancelled:
            return message
        if not ended:
            return None
        return message if isinstance(message, Cancelled) else Cancelled(message.id)

    def end_all(self, problem: Problem) -> list[Message]:
        """End every open job: with an Error, or with Cancelled where that was asked for."""
        ends: list[Message] = [
            Cancelled(job_id) if cancelled else Error(job_id, problem.code, problem.message, problem.remedy)
            for job_id, cancelled in self._cancelled.items()
        ]
        self._cancelled.clear()
        return ends
