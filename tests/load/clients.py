# SPDX-License-Identifier: Apache-2.0
"""Many clients of one backend, each with habits of its own, and a ledger of what became of every job."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from limner.client import BackendError, Client
from limner.wire import END_TYPES, Cancelled, ConnectionInfo, Error, Message, Result
from tests.support.backends import picture

HABITS = ("explicit", "live", "cancelling", "mixed")
_MOST_OPEN = 8  # jobs that a client has open at a time
_PATIENCE_S = 300.0  # for the ends of the last jobs
_TASKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("echo", {"steps": 2}),
    ("echo", {"delay_ms": 8, "steps": 4}),
    ("portrait", {"steps": 2, "shadow": False}),
    ("slow", {"steps": 3, "step_ms": 2}),
)


@dataclass
class Ledger:
    """What became of the jobs of one client.

    Attributes:
        submitted: the jobs' ids, with whether each was live.
        ends: how often each job has ended, and in which ways jobs did.
        out_of_order: live results of a canvas that came after a newer one.
    """

    submitted: dict[str, bool] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    out_of_order: int = 0

    @property
    def lost(self) -> int:
        """Jobs that never ended."""
        return sum(job not in self.ends for job in self.submitted)

    @property
    def twice(self) -> int:
        """Jobs that ended more than once."""
        return sum(count > 1 for count in self.ends.values())


class Artist(threading.Thread):
    """One client in a thread of its own: submits `jobs` jobs, cancels some, and waits for all ends."""

    def __init__(self, connection: ConnectionInfo, number: int, jobs: int, go_on: Callable[[], bool]) -> None:
        super().__init__(name=f"artist-{number}", daemon=True)
        self.ledger = Ledger()
        self.failure: BaseException | None = None
        self.habit = HABITS[number % len(HABITS)]
        self._connection, self._jobs, self._go_on = connection, jobs, go_on
        self._random = random.Random(number)
        self._newest: dict[str, int] = {}  # by canvas: which of the live jobs came back last
        self._order: dict[str, tuple[str, int]] = {}  # live job -> its canvas and number

    def run(self) -> None:
        try:
            with Client(self._connection, transport=self._random.choice(("pyzmq", "zmtp")), name=self.name) as client:
                try:
                    self._work(client)
                except BackendError as error:  # the server is gone: what it left open has been ended by the client
                    self.failure = error
                    with contextlib.suppress(BackendError):
                        self._take(client.poll())
        except BaseException as error:
            self.failure = error

    def _work(self, client: Client) -> None:
        while len(self.ledger.submitted) < self._jobs and self._go_on():
            self._submit(client)
            is_last = len(self.ledger.submitted) == self._jobs  # never cancelled, so that something gets done
            if self._cancels() and client.open_jobs and not is_last:
                client.cancel(self._random.choice(client.open_jobs))
            self._take(client.poll(self._random.choice((0.0, 0.0, 0.01))))
            while len(client.open_jobs) >= _MOST_OPEN:
                self._take(client.poll(0.1))
        deadline = time.monotonic() + _PATIENCE_S
        while client.open_jobs and time.monotonic() < deadline:
            self._take(client.poll(0.1))

    def _cancels(self) -> bool:
        return self.habit in ("cancelling", "mixed") and self._random.random() < 0.4

    def _submit(self, client: Client) -> None:
        is_live = self.habit == "live" or (self.habit == "mixed" and self._random.random() < 0.5)
        task, params = self._random.choice(_TASKS)
        names = {"echo": "image", "portrait": "sketch"}
        images = {names[task]: picture(self._random.randrange(99))} if task in names else {}
        canvas = f"{self.name}-{self._random.choice('ab')}" if is_live else ""
        job = client.submit(task, images, params, canvas=canvas, live=is_live)
        self.ledger.submitted[job] = is_live
        if is_live:
            self._order[job] = canvas, len(self.ledger.submitted)

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            if isinstance(message, END_TYPES):
                self.ledger.ends[message.id] += 1
                self.ledger.ways[type(message).__name__] += 1
                if isinstance(message, Error):
                    self.ledger.codes[message.code] += 1
                self._check_order(message)

    def _check_order(self, message: Message) -> None:
        canvas, number = self._order.pop(message.id, ("", 0))
        if canvas and isinstance(message, Result):
            self.ledger.out_of_order += number < self._newest.get(canvas, 0)
            self._newest[canvas] = max(number, self._newest.get(canvas, 0))


def run_artists(
    connection: ConnectionInfo, count: int, jobs: int, go_on: Callable[[], bool] = lambda: True
) -> list[Artist]:
    """Lets so many clients work at the same time, until all have ended. Raises what one of them ran into."""
    artists = [Artist(connection, number, jobs, go_on) for number in range(count)]
    for artist in artists:
        artist.start()
    for artist in artists:
        artist.join()
    for artist in artists:
        if artist.failure is not None and not isinstance(artist.failure, BackendError):
            raise artist.failure
    return artists


def summary(artists: list[Artist]) -> dict[str, Any]:
    """All ledgers together, and the least that one client of each habit got done."""
    ways: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for artist in artists:
        ways += artist.ledger.ways
        codes += artist.ledger.codes
    ends = {Result.__name__: "done", Cancelled.__name__: "cancelled", Error.__name__: "failed"}
    done = Counter({artist.name: artist.ledger.ways[Result.__name__] for artist in artists})
    return {
        "clients": len(artists),
        "submitted": sum(len(artist.ledger.submitted) for artist in artists),
        **{name: ways[way] for way, name in ends.items()},
        "errors": dict(codes),
        "lost": sum(artist.ledger.lost for artist in artists),
        "answered_twice": sum(artist.ledger.twice for artist in artists),
        "out_of_order": sum(artist.ledger.out_of_order for artist in artists),
        "disconnected": sum(artist.failure is not None for artist in artists),
        "least_done": {
            habit: min((done[artist.name] for artist in artists if artist.habit == habit), default=0)
            for habit in HABITS
        },
    }
