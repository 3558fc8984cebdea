# SPDX-License-Identifier: Apache-2.0
"""The pictures one after another, or several at a time, through the running backend."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from limner.batch.items import Item, OnReady, Outcome, Outcomes, Work, input_slot, problem_of, write_results
from limner.client import BackendError, Client
from limner.server.worker.arrays import array_from_pixels
from limner.wire import Cancelled, Error, ErrorCode, Message, Pixels, Result, problem

_ATTEMPTS = 2  # for a job that was lost together with its worker or its backend
_TRANSIENT = (ErrorCode.WORKER_DIED, ErrorCode.BACKEND_LOST, ErrorCode.SHUTTING_DOWN)
_POLL_S = 0.25

Connect = Callable[[], AbstractContextManager[Client]]  # a client of a backend that is ready, started when none runs
Read = Callable[[Item], Pixels]


def run_on_backend(
    items: Iterable[Item], work: Work, connect: Connect, read: Read, jobs: int, on_ready: OnReady
) -> Outcomes:
    """Works on all items, `jobs` at a time (0: as many as the backend has workers); yields each when it is done.

    Raises LimnerError when there is no backend, or it does not know the task. One that goes away is replaced, once.
    """
    batch = _Batch(deque(items), work, read)
    for attempt in range(_ATTEMPTS):
        with connect() as client:
            slot = input_slot(work, client.welcome.schema)
            batch.at_once = jobs or max(1, len(client.stats().extra.get("workers", [])))
            on_ready(batch.at_once)
            try:
                yield from batch.run(client, slot)
                return
            except BackendError as error:
                if error.code != ErrorCode.BACKEND_LOST or attempt == _ATTEMPTS - 1:
                    raise
                batch.take_back()


class _Batch:
    """The pictures that wait, and those that the backend has."""

    def __init__(self, waiting: deque[Item], work: Work, read: Read) -> None:
        self.at_once = 1
        self._waiting = waiting
        self._work = work
        self._read = read
        self._open: dict[str, Item] = {}
        self._attempts: dict[Item, int] = {}

    def run(self, client: Client, slot: str) -> Outcomes:
        """Until all are done. Raises BackendError(backend_lost) when the connection ends."""
        while self._waiting or self._open:
            while self._waiting and len(self._open) < self.at_once:
                item = self._waiting.popleft()
                try:
                    pixels = self._read(item)
                except Exception as error:
                    yield Outcome(item, problem_of(error))
                    continue
                self._waiting.appendleft(item)  # not lost, should the connection end here
                job = client.submit(self._work.task, {slot: pixels}, self._work.params)
                self._open[job] = self._waiting.popleft()
            for message in client.poll(_POLL_S):
                yield from self._take(message)

    def take_back(self) -> None:
        """What the lost backend had waits again, before the others."""
        self._waiting.extendleft(reversed(self._open.values()))
        self._open.clear()

    def _take(self, message: Message) -> Outcomes:
        if message.id not in self._open or not isinstance(message, Result | Error | Cancelled):
            return
        if isinstance(message, Error) and message.code == ErrorCode.BACKEND_LOST:
            return  # `take_back` follows
        item = self._open.pop(message.id)
        attempts = self._attempts[item] = self._attempts.get(item, 0) + 1
        if isinstance(message, Error) and message.code in _TRANSIENT and attempts < _ATTEMPTS:
            self._waiting.appendleft(item)
        elif isinstance(message, Error):
            yield Outcome(item, message.problem)
        elif isinstance(message, Cancelled):
            yield Outcome(item, problem(ErrorCode.CANCELLED))
        else:
            yield _written(item, message)


def _written(item: Item, result: Result) -> Outcome:
    try:
        write_results(item, {name: array_from_pixels(pixels) for name, pixels in result.images.items()})
    except Exception as error:
        return Outcome(item, problem_of(error))
    return Outcome(item)
