# SPDX-License-Identifier: Apache-2.0
"""The jobs from `submit` to their end: checks them, queues them, gives them to the worker and answers the clients.

Every job that was accepted is answered with exactly one Result, Cancelled or Error. No socket and no process here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
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
from .running import RunningJob
from .scheduler import CancelOutcome, Job, JobKey, QueueFullError, Scheduler
from .statistics import JobCounts
from .supervisor import WorkerEnded, WorkerEvent, WorkerInfo, WorkerReady, WorkerState
from .worker import link
from .worker.link import LinkMessage

log = logging.getLogger("limner.server")

Answer = Callable[[bytes, ServerMessage], None]

ANNOUNCED_S = 0.01  # a job that runs so long without a word of its worker is announced to its client
STUCK_S = 60.0  # a cancelled job that has not come to its next step after this long never will
_NEAR = 64  # a job with fewer before it has each new place told
HANG_S = 120.0  # no job takes this long from one report to the next


class Workers(Protocol):
    """What the jobs need of `WorkerPool`."""

    @property
    def info(self) -> WorkerInfo | None: ...
    @property
    def problem(self) -> Problem | None: ...
    @property
    def state(self) -> WorkerState: ...
    def run(self, task: str, images: Mapping[str, Pixels], params: Mapping[str, Any], canvas: str) -> int: ...
    def cancel(self, job: int) -> None: ...
    def kill(self, job: int) -> None: ...
    def wake(self) -> None: ...


class Jobs:
    """The queue and the jobs that run, one in each worker at most."""

    def __init__(
        self,
        workers: Workers,
        answer: Answer,
        clock: Callable[[], float] = time.monotonic,
        hang_s: float = HANG_S,
    ) -> None:
        self.counts = JobCounts()
        self.last_end = clock()
        self._workers = workers
        self._answer = answer
        self._clock = clock
        self._hang_s = hang_s
        self._scheduler: Scheduler[Submit] = Scheduler()
        self._running: dict[int, RunningJob] = {}  # by the workers' number
        self._positions: dict[JobKey, int] = {}

    @property
    def waiting(self) -> int:
        return len(self._scheduler)

    @property
    def running(self) -> int:
        return len(self._running)

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
        self._workers.wake()
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
            self._cancel_running(client, job_id)
        else:
            self._end(Job(client, job_id, None), Cancelled(job_id))
            self.pump()

    def drop_client(self, client: bytes) -> None:
        """Cancels all jobs of a client that is gone."""
        dropped = self._scheduler.drop_waiting(client)
        for job in dropped:
            self._end(job, Cancelled(job.id))
        self._cancel_running(client)
        if dropped:
            self.pump()

    def tick(self) -> None:
        """Ends the workers that do not come to the next step of a job: of one that was cancelled a while ago, or of
        any other when that takes longer than a step ever should. To be called about once a second."""
        now = self._clock()
        for running in self._running.values():
            if running.cancelled is not None:
                if now - running.cancelled <= STUCK_S:
                    continue
                log.error("job %d was cancelled and does not stop: its worker is ended", running.number)
            elif now - running.heard > self._hang_s:
                log.error("job %d made no progress for %.0f s: its worker is ended", running.number, self._hang_s)
                running.hangs = True
            else:
                continue
            self._workers.kill(running.number)

    def announce(self) -> bool:
        """Tells clients that their jobs have begun, unless the worker's first word or the end comes so soon that this
        would only hold it up. True while there is a job whose client does not know; then to be called again soon."""
        now = self._clock()
        for running in self._running.values():
            if not running.announced and now - running.began >= ANNOUNCED_S:
                running.announced = True
                if running.cancelled is None:
                    self._answer(running.job.client, Progress(running.job.id, running.stage, running.fraction))
        return not all(running.announced for running in self._running.values())

    def end_all(self, reason: Problem) -> None:
        """Answers every job, waiting or running, with the error. The workers are not told."""
        for job in (*self._scheduler.running, *self._scheduler.drop_waiting()):
            self._scheduler.finish(job.key)
            self._end(job, _error(job.id, reason))
        self._running.clear()

    def on_worker(self, event: WorkerEvent) -> None:
        """Follows what a worker reports."""
        if isinstance(event, WorkerReady):
            self._check_waiting()
        elif isinstance(event, WorkerEnded):
            if (running := self._running.get(event.job)) is not None:
                self._finish(running, _error(running.job.id, self._hang() if running.hangs else event.problem))
            if self._workers.state is WorkerState.FAILED:
                self.end_all(self._workers.problem or event.problem)
        elif (running := self._running.get(event.job)) is not None:
            self._on_report(running, event)
        self.pump()

    def pump(self) -> None:
        """Gives the idle workers their next jobs and tells the clients the places of those that wait."""
        while self._workers.state is WorkerState.IDLE:
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
        number = self._workers.run(submit.task, submit.images, params, submit.canvas)
        self._running[number] = RunningJob(job, number, self._clock(), self._clock())

    def _check(self, submit: Submit) -> Mapping[str, Any]:
        """The parameters with defaults filled in; as they came while no worker has told its schema yet.

        Raises:
            WireError: the worker cannot start, the task is unknown, a picture or a parameter is wrong.
        """
        if self._workers.state is WorkerState.FAILED and self._workers.problem is not None:
            failure = self._workers.problem
            raise WireError(failure.code, failure.message, failure.remedy)
        if self._workers.info is None:
            return submit.params
        schema = self._workers.info.schema.get(submit.task)
        if schema is None:
            known = ", ".join(sorted(self._workers.info.schema))
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

    def _on_report(self, running: RunningJob, report: LinkMessage) -> None:
        job, values = running.job, report.values
        running.heard = self._clock()
        running.announced = True
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

    def _cancel_running(self, client: bytes, job_id: str | None = None) -> None:
        """Tells the worker to stop this job of the client, or all jobs that it has running."""
        for running in self._running.values():
            wanted = running.job.client == client and job_id in (None, running.job.id)
            if wanted and running.cancelled is None:
                running.cancelled = self._clock()
                self._workers.cancel(running.number)

    def _hang(self) -> Problem:
        text = f"The job made no progress for {self._hang_s:.0f} s, so it was ended together with its worker."
        return problem(
            ErrorCode.TIMEOUT, text, "Try again: the worker is started anew. If it happens again, report it."
        )

    def _finish(self, running: RunningJob, end: ServerMessage) -> None:
        """A worker is done with the job. One that was cancelled stays cancelled, even if it got done just then."""
        seconds = self._clock() - running.began
        del self._running[running.number]
        self._scheduler.finish(running.job.key)
        self._end(running.job, end if running.cancelled is None else Cancelled(end.id))
        who = f"{running.job.payload.task} of client {running.job.client.hex()}"
        log.info("job %d, %s: %s after %.2f s", running.number, who, end.kind, seconds)

    def _end(self, job: Job[Any], end: ServerMessage) -> None:
        self._positions.pop(job.key, None)
        self.counts.count(end)
        self.last_end = self._clock()
        self._answer(job.client, end)

    def _refuse(self, client: bytes, message_id: str, reason: Problem) -> None:
        self._answer(client, _error(message_id, reason))

    def _tell_positions(self) -> None:
        """Tells each waiting job's client how many are before it, when that is new; far behind, only every so often,
        or each end of a job would send as many messages as there are jobs waiting."""
        told, self._positions = self._positions, {}
        if not self.waiting:
            return
        for position, job in enumerate(self._scheduler.order()):
            before = told.get(job.key)
            news = before is None or (position != before and (position < _NEAR or abs(position - before) * 8 >= before))
            if news:
                self._answer(job.client, Queued(job.id, position))
            self._positions[job.key] = position if news or before is None else before


def _error(message_id: str, reason: Problem) -> Error:
    return Error(message_id, reason.code, reason.message, reason.remedy)
