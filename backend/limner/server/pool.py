# SPDX-License-Identifier: Apache-2.0
"""All workers as one: one or more for each device; a job goes to an idle one, where there is a choice to the one that
knows its canvas."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from time import monotonic
from typing import Any

import zmq

from ..wire.errors import Problem
from ..wire.pixels import Pixels
from .supervisor import WorkerEvent, WorkerInfo, WorkerState, WorkerSupervisor
from .workerprocess import WorkerSettings

log = logging.getLogger("limner.server")

_CANVASES = 256  # of which it is kept which worker knows them
_RESTING = (WorkerState.IDLE, WorkerState.FAILED)


@dataclass(frozen=True)
class WorkerReport:
    """One worker in figures: `pid` 0 while it has no process, `device` "" before it was ready for the first time,
    `problem` why it cannot start, if that is so."""

    pid: int
    device: str
    state: str
    restarts: int
    done: int
    problem: str = ""


def settings_for(devices: Sequence[str], each: int, engine: str, home: Path, log_file: Path) -> list[WorkerSettings]:
    """What starts `each` workers for every device; the first one logs to `log_file`, the others to files beside it."""
    every = [device for device in devices for _ in range(each)]
    names = (log_file if number == 1 else log_file.with_stem(f"{log_file.stem}-{number}") for number in count(1))
    return [WorkerSettings(device, engine, home, name, len(every) - 1) for device, name in zip(every, names)]  # noqa: B905


class WorkerPool:
    """Call `events` whenever one of `sockets` is readable, and a few times a second unless `resting`."""

    def __init__(
        self, context: zmq.Context, settings: Sequence[WorkerSettings], clock: Callable[[], float] = monotonic
    ) -> None:
        numbers = count(1)
        self._workers = [WorkerSupervisor(context, one, clock=clock, numbers=numbers) for one in settings]
        self._known: OrderedDict[str, WorkerSupervisor] = OrderedDict()  # canvas -> who drew it last

    @property
    def sockets(self) -> list[zmq.Socket]:
        """For the poller only."""
        return [worker.socket for worker in self._workers]

    @property
    def state(self) -> WorkerState:
        """IDLE when a job can be taken; FAILED only when no worker can start."""
        states = {worker.state for worker in self._workers}
        order = (WorkerState.IDLE, WorkerState.BUSY, WorkerState.STARTING, WorkerState.FAILED)
        return next(state for state in order if state in states)

    @property
    def resting(self) -> bool:
        """True while nothing happens unless a job is given."""
        return all(worker.state in _RESTING for worker in self._workers)

    @property
    def info(self) -> WorkerInfo | None:
        """What the workers can do, with all their devices; None before the first was ready."""
        infos = [worker.info for worker in self._workers if worker.info is not None]
        if not infos:
            return None
        devices = ", ".join(dict.fromkeys(info.device for info in infos))
        return WorkerInfo(devices, infos[0].weights, infos[0].schema)

    @property
    def problem(self) -> Problem | None:
        """Why no worker can start, once `state` is FAILED."""
        return next((worker.problem for worker in self._workers if worker.problem is not None), None)

    def reports(self) -> list[WorkerReport]:
        """Each worker in figures."""
        return [
            WorkerReport(
                worker.pid,
                worker.info.device if worker.info else "",
                worker.state.value,
                max(0, worker.restarts),
                worker.done,
                worker.problem.message if worker.problem else "",
            )
            for worker in self._workers
        ]

    def run(self, task: str, images: Mapping[str, Pixels], params: Mapping[str, Any], canvas: str) -> int:
        """Sends a job to an idle worker; returns the number under which its reports come."""
        worker = self._choose(canvas)
        if canvas:
            self._known[canvas] = worker
            self._known.move_to_end(canvas)
            while len(self._known) > _CANVASES:
                self._known.popitem(last=False)
        return worker.run(task, images, params, canvas)

    def cancel(self, job: int) -> None:
        """Tells the job's worker to stop it before its next step; its end is reported as usual."""
        for worker in self._with(job):
            worker.cancel(job)

    def kill(self, job: int) -> None:
        """Ends the process of the job's worker by force; it is started again like after any other end."""
        for worker in self._with(job):
            worker.kill()

    def wake(self) -> None:
        """Tries to start the workers that were given up, if that was long enough ago."""
        for worker in self._workers:
            worker.wake()

    def events(self) -> Iterator[WorkerEvent]:
        """What happened since the last call. Starts the workers that are due."""
        return chain.from_iterable(worker.events() for worker in self._workers)

    def stop(self) -> None:
        """Ends all workers: after their current steps, or by force a few seconds later."""
        for worker in self._workers:
            worker.ask_to_stop()
        for worker in self._workers:
            worker.stop()

    def _choose(self, canvas: str) -> WorkerSupervisor:
        """The idle worker that has this canvas's codes, else the one with the fewest jobs so far."""
        idle = [worker for worker in self._workers if worker.state is WorkerState.IDLE]
        known = self._known.get(canvas)
        return known if known is not None and known in idle else min(idle, key=lambda worker: worker.done)

    def _with(self, job: int) -> Iterator[WorkerSupervisor]:
        return (worker for worker in self._workers if worker.job == job)
