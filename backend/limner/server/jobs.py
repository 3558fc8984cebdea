# SPDX-License-Identifier: Apache-2.0
"""The jobs from `submit` to their end: checks them, queues them, gives them to the worker and answers the clients.

Every job that was accepted is answered with exactly one Result, Cancelled or Error. No socket and no process here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..wire import (
    Cancelled,
    Error,
    ErrorCode,
    Pixels,
    Preview,
    Problem,
    Progress,
    Queued,
    Result,
    ServerMessage,
    Submit,
    WireError,
    problem,
)
from ..wire.limits import MAX_NAME_LENGTH
from .scheduler import CancelOutcome, Job, JobKey, QueueFullError, Scheduler
from .statistics import JobCounts
from .supervisor import WorkerEnded, WorkerEvent, WorkerInfo, WorkerReady, WorkerState
from .worker import link
from .worker.link import LinkMessage

log = logging.getLogger("limner.server")

Answer = Callable[[bytes, ServerMessage], None]

STUCK_S = 60.0  # a cancelled job that has not come to its next step after this long never will


class Worker(Protocol):
    """What the jobs need of `WorkerSupervisor`."""

    info: WorkerInfo | None
    problem: Problem | None

    @property
    def state(self) -> WorkerState: ...
    def run(self, task: str, images: Mapping[str, Pixels], params: Mapping[str, Any], canvas: str) -> int: ...
    def cancel(self, job: int) -> None: ...
    def kill(self) -> None: ...
    def wake(self) -> None: ...


@dataclass
class _Running:
    """The job that the worker has, and the worker's number for it."""

    job: Job[Submit]
    number: int
    began: float
    cancelled: float | None = None  # when its client did not want it any more
    stage: str = "start"
    fraction: float = 0.0


class Jobs:
    """The queue and the job that runs."""

    def __init__(self, worker: Worker, answer: Answer, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts = JobCounts()
        self.last_end = clock()
        self._worker = worker
        self._answer = answer
        self._clock = clock
        self._scheduler: Scheduler[Submit] = Scheduler()
        self._running: _Running | None = None
        self._positions: dict[JobKey, int] = {}

    @property
    def waiting(self) -> int:
        return len(self._scheduler)

    @property
    def running(self) -> int:
        return int(self._running is not None)

    def clients(self) -> set[bytes]:
        """The clients that have a job waiting or running."""
        jobs = [*self._scheduler.order(), *self._scheduler.running]
        return {job.client for job in jobs}

    def submit(self, client: bytes, submit: Submit) -> None:
        """Queues the job, or answers why not."""
        size = sum(pixels.nbytes for pixels in submit.images.values())
        job = Job(client, submit.id, submit, submit.live, submit.canvas, size)
        if job.key in self._scheduler:  # an error with its id would end the first job
            text = f"The job '{submit.id}' has not ended yet; another one cannot have its id."
            self._refuse(client, "", problem(ErrorCode.BAD_MESSAGE, text))
            return
        self._worker.wake()
        try:
            self._check(submit)
            replaced = self._scheduler.submit(job, self._clock())
        except WireError as error:
            self._refuse(client, submit.id, error.problem)
        except QueueFullError as error:
            self._refuse(client, submit.id, problem(ErrorCode.BUSY, f"The backend has no room for the job: {error}."))
        else:
            if replaced is not None:
                self._end(replaced, Cancelled(replaced.id, reason="replaced"))
            self.pump()

    def cancel(self, client: bytes, job_id: str) -> None:
        """Cancels a job of this client: at once when it waits, before the worker's next step when it runs."""
        outcome = self._scheduler.cancel(client, job_id)
        if outcome is CancelOutcome.UNKNOWN:
            self._refuse(client, job_id, problem(ErrorCode.UNKNOWN_JOB))
        elif outcome is CancelOutcome.RUNNING:
            self._cancel_running()
        else:
            self._end(Job(client, job_id, None), Cancelled(job_id))
            self.pump()

    def drop_client(self, client: bytes) -> None:
        """Cancels all jobs of a client that is gone."""
        dropped = self._scheduler.drop_waiting(client)
        for job in dropped:
            self._end(job, Cancelled(job.id))
        if self._running is not None and self._running.job.client == client:
            self._cancel_running()
        if dropped:
            self.pump()

    def tick(self) -> None:
        """Ends the worker when it does not come to the next step of a job that was cancelled long ago."""
        running = self._running
        if running is not None and running.cancelled is not None and self._clock() - running.cancelled > STUCK_S:
            log.error("job %d was cancelled and does not stop: the worker is ended", running.number)
            self._worker.kill()

    def end_all(self, reason: Problem) -> None:
        """Answers every job, waiting or running, with the error. The worker is not told."""
        for job in (*self._scheduler.running, *self._scheduler.drop_waiting()):
            self._scheduler.finish(job.key)
            self._end(job, _error(job.id, reason))
        self._running = None

    def on_worker(self, event: WorkerEvent) -> None:
        """Follows what the worker reports."""
        if isinstance(event, WorkerReady):
            self._check_waiting()
        elif isinstance(event, WorkerEnded):
            if self._running is not None and self._running.number == event.job:
                self._finish(self._running, _error(self._running.job.id, event.problem))
            if self._worker.state is WorkerState.FAILED:
                self.end_all(self._worker.problem or event.problem)
        elif self._running is not None and self._running.number == event.job:
            self._on_report(self._running, event)
        self.pump()

    def pump(self) -> None:
        """Gives the idle worker its next job and tells the clients their jobs' places."""
        self._tell_positions()
        while self._worker.state is WorkerState.IDLE:
            job = self._scheduler.start_next(self._clock())
            if job is None:
                break
            self._start(job)
        self._tell_positions()

    def _start(self, job: Job[Submit]) -> None:
        submit = job.payload
        try:
            params = self._check(submit)
        except WireError as error:
            self._scheduler.finish(job.key)
            self._end(job, _error(job.id, error.problem))
            return
        number = self._worker.run(submit.task, submit.images, params, submit.canvas)
        self._running = running = _Running(job, number, self._clock())
        self._answer(job.client, Progress(job.id, running.stage, running.fraction))

    def _check(self, submit: Submit) -> Mapping[str, Any]:
        """The parameters with defaults filled in; as they came while no worker has told its schema yet.

        Raises:
            WireError: the worker cannot start, the task is unknown, a picture or a parameter is wrong.
        """
        if self._worker.state is WorkerState.FAILED and self._worker.problem is not None:
            failure = self._worker.problem
            raise WireError(failure.code, failure.message, failure.remedy)
        if self._worker.info is None:
            return submit.params
        schema = self._worker.info.schema.get(submit.task)
        if schema is None:
            known = ", ".join(sorted(self._worker.info.schema))
            text = f"The backend does not know the task '{submit.task}'."
            raise WireError(ErrorCode.UNKNOWN_TASK, text, f"Update the backend, or choose one of: {known}.")
        schema.validate_images(submit.images)
        return schema.validate(submit.params)

    def _check_waiting(self) -> None:
        """Checks what was accepted before the worker told its schema."""
        for job in self._scheduler.order():
            try:
                self._check(job.payload)
            except WireError as error:
                self._scheduler.discard([job])
                self._end(job, _error(job.id, error.problem))

    def _on_report(self, running: _Running, report: LinkMessage) -> None:
        job, values = running.job, report.values
        if report.kind == link.PROGRESS:
            running.stage, running.fraction = values["stage"][:MAX_NAME_LENGTH], values["fraction"]
            if running.cancelled is None:
                self._answer(job.client, Progress(job.id, running.stage, running.fraction))
        elif report.kind == link.PREVIEW:
            if running.cancelled is None:
                self._answer(job.client, Preview(job.id, running.stage, running.fraction, report.images))
        elif report.kind == link.RESULT:
            self._finish(running, Result(job.id, values["info"], report.images))
        elif report.kind == link.ERROR:
            self._finish(running, _error(job.id, Problem(values["code"], values["message"], values["remedy"])))
        else:
            self._finish(running, Cancelled(job.id))

    def _cancel_running(self) -> None:
        if self._running is not None and self._running.cancelled is None:
            self._running.cancelled = self._clock()
            self._worker.cancel(self._running.number)

    def _finish(self, running: _Running, end: ServerMessage) -> None:
        """The worker is done with the job. One that was cancelled stays cancelled, even if it got done just then."""
        seconds = self._clock() - running.began
        who = f"{running.job.payload.task} of client {running.job.client.hex()}"
        log.info("job %d, %s: %s after %.2f s", running.number, who, end.kind, seconds)
        self._running = None
        self._scheduler.finish(running.job.key)
        self._end(running.job, end if running.cancelled is None else Cancelled(end.id))

    def _end(self, job: Job[Any], end: ServerMessage) -> None:
        self._positions.pop(job.key, None)
        self.counts.count(end)
        self.last_end = self._clock()
        self._answer(job.client, end)

    def _refuse(self, client: bytes, message_id: str, reason: Problem) -> None:
        self._answer(client, _error(message_id, reason))

    def _tell_positions(self) -> None:
        """Tells each waiting job's client how many are before it, when that is new."""
        order = {job.key: position for position, job in enumerate(self._scheduler.order())}
        for (client, job_id), position in order.items():
            if self._positions.get((client, job_id)) != position:
                self._answer(client, Queued(job_id, position))
        self._positions = order


def _error(message_id: str, reason: Problem) -> Error:
    return Error(message_id, reason.code, reason.message, reason.remedy)
