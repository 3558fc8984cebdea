# SPDX-License-Identifier: Apache-2.0
"""A backend between a worker and clients that only take notes, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limner.server.backend import Backend
from limner.server.pool import WorkerReport
from limner.server.supervisor import WorkerEnded, WorkerInfo, WorkerReady, WorkerState
from limner.server.worker import link
from limner.server.worker.link import LinkMessage
from limner.wire import (
    END_TYPES,
    ClientMessage,
    ErrorCode,
    ImageSlot,
    IntegerParameter,
    Pixels,
    Problem,
    Progress,
    ServerMessage,
    Submit,
    TaskSchema,
    WireError,
    problem,
)

TOKEN = "right"
ANNA, BOB = b"anna", b"bob"
DOT = Pixels(1, 1, 1, "u8", b"\x07")
SCHEMA = {
    "paint": TaskSchema(
        "paint",
        parameters=(IntegerParameter("seed", maximum=9, default=4),),
        images=(ImageSlot("sketch", required=False),),
    )
}
DIED = problem(ErrorCode.WORKER_DIED)


class FakeWorkers:
    """Notes what they are told; `report` and `die` make the events of real ones."""

    def __init__(self, *, ready: bool, size: int) -> None:
        self.info: WorkerInfo | None = None
        self.problem: Problem | None = None
        self.size = size
        self.busy: set[int] = set()
        self.rest = WorkerState.STARTING
        self.runs: list[tuple[str, Mapping[str, Pixels], Mapping[str, Any], str]] = []
        self.cancelled: list[int] = []
        self.killed: list[int] = []
        self.wakes = 0
        if ready:
            self.get_ready()

    def get_ready(self) -> WorkerReady:
        self.info = WorkerInfo("cpu", {"fake.safetensors": "00"}, SCHEMA)
        self.rest = WorkerState.IDLE
        return WorkerReady()

    @property
    def state(self) -> WorkerState:
        return WorkerState.BUSY if len(self.busy) == self.size else self.rest

    def reports(self) -> list[WorkerReport]:
        return [WorkerReport(0, "cpu", self.rest.value, number, 7) for number in range(self.size)]

    def run(self, task: str, images: Mapping[str, Pixels], params: Mapping[str, Any], canvas: str) -> int:
        assert self.state is WorkerState.IDLE
        self.runs.append((task, images, params, canvas))
        self.busy.add(len(self.runs))
        return len(self.runs)

    def cancel(self, job: int) -> None:
        self.cancelled.append(job)

    def kill(self, job: int) -> None:
        self.killed.append(job)

    def wake(self) -> None:
        self.wakes += 1

    def report(
        self, kind: str, *, job: int = 0, images: Mapping[str, Pixels] | None = None, **values: Any
    ) -> LinkMessage:
        """About the newest job unless another one is named."""
        job = job or len(self.runs)
        if kind in link.ENDS_JOB:
            self.busy.discard(job)
        return LinkMessage(kind, job, values, images or {})

    def die(self, job: int = 0) -> WorkerEnded:
        """Takes the newest job along, unless another one is named or none runs."""
        job = job or max(self.busy, default=0)
        self.busy.discard(job)
        self.rest = WorkerState.STARTING if self.size == 1 else self.rest
        return WorkerEnded(job, DIED)

    def fail_to_start(self, reason: Problem) -> WorkerEnded:
        self.rest, self.problem = WorkerState.FAILED, reason
        return WorkerEnded(0, reason)


class FakeClients:
    """Notes what is sent; a client in `unreachable` does not get it."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, ServerMessage]] = []
        self.unreachable: set[bytes] = set()
        self.forgotten: list[bytes] = []
        self.admitted: set[bytes] = set()

    def send(self, client: bytes, message: ServerMessage) -> bool:
        if client in self.unreachable:
            return False
        if isinstance(message, Progress) and message.stage == "unsendable":
            raise WireError(ErrorCode.TOO_LARGE)
        self.sent.append((client, message))
        return True

    def admit(self, client: bytes) -> None:
        self.admitted.add(client)

    def forget(self, client: bytes) -> None:
        self.forgotten.append(client)


class Stage:
    """A backend between its fakes."""

    def __init__(self, *, ready: bool = True, workers: int = 1) -> None:
        self.now = 1000.0
        self.worker = FakeWorkers(ready=ready, size=workers)
        self.clients = FakeClients()
        self.backend = Backend(TOKEN, self.worker, self.clients, clock=lambda: self.now)

    def says(self, client: bytes, message: ClientMessage) -> list[ServerMessage]:
        """Lets the client say it; returns what was sent to anybody because of it."""
        before = len(self.clients.sent)
        self.backend.on_message(client, message)
        return [sent for _, sent in self.clients.sent[before:]]

    def submits(self, client: bytes, job_id: str, **fields: Any) -> list[ServerMessage]:
        return self.says(client, Submit(job_id, TOKEN, fields.pop("task", "paint"), **fields))

    def reports(self, kind: str, **values: Any) -> list[ServerMessage]:
        before = len(self.clients.sent)
        self.backend.on_worker(self.worker.report(kind, **values))
        return [sent for _, sent in self.clients.sent[before:]]

    def waits(self, seconds: float) -> list[ServerMessage]:
        """Lets the time pass; returns who was told meanwhile that a job has begun."""
        before = len(self.clients.sent)
        self.now += seconds
        self.backend.announce()
        return [sent for _, sent in self.clients.sent[before:]]

    def ends(self, client: bytes) -> dict[str, ServerMessage]:
        """How the client's jobs ended, by id."""
        return {
            message.id: message for to, message in self.clients.sent if to == client and isinstance(message, END_TYPES)
        }
