# SPDX-License-Identifier: Apache-2.0
"""Which job runs next. Pure: no input or output, no clock of its own, time comes in as seconds of any monotonic clock.

Explicit jobs run first in, first out for each client, with a round robin over the clients. A live job (made while the
artist draws) takes the slot of its canvas: a newer one replaces the one that waits there and never touches the one that
runs; it waits until that one has ended, so that the newest drawing's result comes last however many workers there are.
Live jobs wait behind explicit ones, but a slot that waited `live_patience_s` is served before the next explicit job, at
most every second time, so that neither kind starves.

The bounds of that fairness, in starts of other jobs while a job waits that is not cancelled:

- An explicit job with d own ones before it starts after at most (d + 1) * C - 1 other explicit jobs, where C counts the
  clients that ever have an explicit job waiting meanwhile; and at most one live job starts before each of these and
  before the job itself.
- A live slot that has waited out its patience starts after at most 2 * s + 1 other jobs, where s counts the slots that
  are older, as long as no job of its own canvas runs.

Every operation but `order` and `drop_waiting` takes the time of one client's own jobs at most, however many wait.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import Generic, TypeVar

Payload = TypeVar("Payload")
JobKey = tuple[bytes, str]


@dataclass(frozen=True)
class Job(Generic[Payload]):
    """One unit of work of one client.

    Attributes:
        client: the client's identity.
        id: the client's name for the job; unique among the jobs it has in the scheduler.
        payload: what the worker needs; the scheduler never looks into it.
        live: made while drawing, so that only the newest of a canvas matters.
        canvas: the drawing a live job belongs to.
        size: bytes of the job's pictures, for the limit of what one client may have waiting.
    """

    client: bytes
    id: str
    payload: Payload
    live: bool = False
    canvas: str = ""
    size: int = 0

    @property
    def key(self) -> JobKey:
        return self.client, self.id


@dataclass(frozen=True)
class QueueLimits:
    """What may wait, of one client and in all, and how long a live job stands behind explicit ones."""

    jobs_per_client: int = 64
    bytes_per_client: int = 512 * 1024 * 1024
    bytes_in_all: int = 2 * 1024**3
    live_patience_s: float = 3.0


class QueueFullError(Exception):
    """The client has as many jobs, or as many bytes of pictures, waiting as it may."""


class DuplicateJobError(Exception):
    """The client already has a job of this id waiting or running."""


class CancelOutcome(Enum):
    """What `Scheduler.cancel` found."""

    REMOVED = "removed"  # it waited and is gone; it will not run
    RUNNING = "running"  # it runs: the worker has to stop it, then `finish` is called as usual
    UNKNOWN = "unknown"  # the client has no such job


@dataclass
class _LiveSlot(Generic[Payload]):
    job: Job[Payload]
    since: float


@dataclass
class _Load:
    """What a client has waiting."""

    jobs: int = 0
    size: int = 0


class Scheduler(Generic[Payload]):
    """Holds every job from `submit` until `finish` (or until it is cancelled, superseded or dropped)."""

    def __init__(self, limits: QueueLimits | None = None) -> None:
        self._limits = limits or QueueLimits()
        self._explicit: OrderedDict[bytes, deque[Job[Payload]]] = OrderedDict()
        self._live: OrderedDict[JobKey, _LiveSlot[Payload]] = OrderedDict()  # by (client, canvas), oldest slot first
        self._waiting: dict[JobKey, Job[Payload]] = {}  # all that is in one of the two above
        self._loads: dict[bytes, _Load] = {}  # by client
        self._running: dict[JobKey, Job[Payload]] = {}
        self._live_may_overtake = True

    def __len__(self) -> int:
        """The number of waiting jobs."""
        return len(self._waiting)

    def __contains__(self, key: object) -> bool:
        """True while the job waits or runs."""
        return key in self._running or key in self._waiting

    @property
    def running(self) -> tuple[Job[Payload], ...]:
        return tuple(self._running.values())

    def submit(self, job: Job[Payload], now: float) -> Job[Payload] | None:
        """Queues the job.

        Returns:
            The live job that it replaced: that one will never run and has to be answered.

        Raises:
            DuplicateJobError: the client already has a job of this id.
            QueueFullError: the client's limit is reached. Nothing changed.
        """
        if job.key in self:
            raise DuplicateJobError(job.id)
        slot = self._live.get((job.client, job.canvas)) if job.live else None
        replaced = None if slot is None else slot.job
        self._check_room(job, replaced)
        if replaced is not None:
            self._forget(replaced)
        self._waiting[job.key] = job
        load = self._loads.setdefault(job.client, _Load())
        load.jobs, load.size = load.jobs + 1, load.size + job.size
        if not job.live:
            self._explicit.setdefault(job.client, deque()).append(job)
        elif slot is None:
            self._live[job.client, job.canvas] = _LiveSlot(job, now)
        else:
            slot.job = job
        return replaced

    def start_next(self, now: float) -> Job[Payload] | None:
        """Moves the next job from waiting to running; None when nothing can start."""
        drawn = {(job.client, job.canvas) for job in self._running.values() if job.live}
        oldest = next((slot for canvas, slot in self._live.items() if canvas not in drawn), None)
        if oldest is not None and (not self._explicit or self._overtakes(oldest, now)):
            job = oldest.job
            del self._live[job.client, job.canvas]
            self._live_may_overtake = False
        elif self._explicit:
            job = self._pop_explicit()
            self._live_may_overtake = True
        else:
            return None
        self._forget(job)
        self._running[job.key] = job
        return job

    def finish(self, key: JobKey) -> Job[Payload] | None:
        """Takes the job out of the running ones; None when it is not (or no longer) there."""
        return self._running.pop(key, None)

    def cancel(self, client: bytes, job_id: str) -> CancelOutcome:
        """Removes a waiting job of this client, or says that it runs."""
        if (client, job_id) in self._running:
            return CancelOutcome.RUNNING
        job = self._waiting.get((client, job_id))
        if job is None:
            return CancelOutcome.UNKNOWN
        self._remove(job)
        return CancelOutcome.REMOVED

    def drop_waiting(self, client: bytes | None = None) -> tuple[Job[Payload], ...]:
        """Removes and returns the waiting jobs of one client, or of all. What runs is not touched."""
        dropped = tuple(job for job in self.order() if client in (None, job.client))
        for job in dropped:
            self._remove(job)
        return dropped

    def discard(self, jobs: Iterable[Job[Payload]]) -> None:
        """Removes the given waiting jobs."""
        for job in jobs:
            self._remove(job)

    def order(self) -> list[Job[Payload]]:
        """The waiting jobs in the order in which they will run, as far as it is known now.

        A live job that has waited long enough may still overtake explicit ones.
        """
        longest = max(map(len, self._explicit.values()), default=0)
        rounds = ([queue[turn] for queue in self._explicit.values() if turn < len(queue)] for turn in range(longest))
        return [*chain.from_iterable(rounds), *(slot.job for slot in self._live.values())]

    def _check_room(self, job: Job[Payload], replaced: Job[Payload] | None) -> None:
        load = self._loads.get(job.client, _Load())
        jobs, size = load.jobs, load.size + job.size
        if replaced is not None:
            jobs, size = jobs - 1, size - replaced.size
        if jobs >= self._limits.jobs_per_client:
            raise QueueFullError(f"{jobs} jobs are waiting, the limit is {self._limits.jobs_per_client}")
        if size > self._limits.bytes_per_client:
            limit = self._limits.bytes_per_client // 2**20
            raise QueueFullError(f"the waiting pictures would take {size // 2**20} MiB, the limit is {limit} MiB")
        if sum(other.size for other in self._loads.values()) + job.size > self._limits.bytes_in_all:
            limit = self._limits.bytes_in_all // 2**20
            raise QueueFullError(f"the waiting pictures of all clients would take more than the {limit} MiB allowed")

    def _overtakes(self, slot: _LiveSlot[Payload], now: float) -> bool:
        return self._live_may_overtake and now - slot.since >= self._limits.live_patience_s

    def _pop_explicit(self) -> Job[Payload]:
        client, queue = self._explicit.popitem(last=False)
        job = queue.popleft()
        if queue:
            self._explicit[client] = queue  # behind the other clients
        return job

    def _forget(self, job: Job[Payload]) -> None:
        """The job does not wait any more; its place in the queue is dealt with elsewhere."""
        del self._waiting[job.key]
        load = self._loads[job.client]
        load.jobs, load.size = load.jobs - 1, load.size - job.size
        if not load.jobs:
            del self._loads[job.client]

    def _remove(self, job: Job[Payload]) -> None:
        self._forget(job)
        if job.live:
            del self._live[job.client, job.canvas]
            return
        queue = self._explicit[job.client]
        queue.remove(job)
        if not queue:
            del self._explicit[job.client]
