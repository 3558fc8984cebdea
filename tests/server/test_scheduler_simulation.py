# SPDX-License-Identifier: Apache-2.0
"""The scheduler in simulated time: thousands of clients draw, submit, cancel and leave, and every job meets its fate
once, within the bounds that `limner.server.scheduler` states."""

from __future__ import annotations

import heapq
import random
import sys
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from limner.server.scheduler import CancelOutcome, Job, QueueFullError, QueueLimits, Scheduler

LIMITS = QueueLimits(jobs_per_client=8)


@dataclass
class Fate:
    """What the simulation knows of one job: how many of its own were before it, and what started while it waits."""

    ahead: int
    arrived: float
    rivals: set[bytes] = field(default_factory=set)  # clients with explicit jobs waiting meanwhile
    explicit: int = 0
    live: int = 0
    overdue_starts: int = 0
    older_slots: int = 0


class Simulation:
    """Events in the order of time, on `workers` workers; checks every start against the bounds."""

    def __init__(self, seed: int, clients: int, workers: int) -> None:
        self.random = random.Random(seed)
        self.clients = [b"client-%d" % number for number in range(clients)]
        self.free = workers
        self.scheduler: Scheduler[None] = Scheduler(LIMITS)
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.now, self.count = 0.0, 0
        self.ends: Counter[tuple[bytes, str]] = Counter()
        self.accepted: set[tuple[bytes, str]] = set()
        self.outcomes: Counter[str] = Counter()
        self.waiting: dict[tuple[bytes, str], tuple[Job[None], Fate]] = {}
        self.explicit_of: Counter[bytes] = Counter()
        self.slots: dict[tuple[bytes, str], float] = {}  # since when, oldest first
        self.results: dict[tuple[bytes, str], list[int]] = defaultdict(list)  # live results by canvas
        self.longest: Counter[str] = Counter()

    def at(self, delay: float, what: Callable[[], None]) -> None:
        self.count += 1
        heapq.heappush(self.events, (self.now + delay, self.count, what))

    def run(self, until: float) -> None:
        """Lets time pass, then lets everything that waits run to its end."""
        while self.events:
            self.now, _, what = heapq.heappop(self.events)
            if self.now > until and what.__name__ == "acts":
                continue
            what()
            self.start_jobs()

    def enter(self, client: bytes, mean_s: float) -> None:
        """From now on this client does something every so often."""

        def acts() -> None:
            self.act(client)
            self.at(self.random.expovariate(1 / mean_s), acts)

        self.at(self.random.expovariate(1 / mean_s), acts)

    def act(self, client: bytes) -> None:
        dice = self.random.random()
        if dice < 0.45:
            self.submit(client, is_live=False)
        elif dice < 0.85:
            self.submit(client, is_live=True)
        elif dice < 0.97:
            own = [job for job, _ in self.waiting.values() if job.client == client] or [None]
            self.cancel(client, self.random.choice(own))
        else:
            for job in self.scheduler.drop_waiting(client):
                self.end(job, "dropped")

    def submit(self, client: bytes, is_live: bool) -> None:
        self.count += 1
        job = Job(client, str(self.count), None, live=is_live, canvas=self.random.choice("ab"), size=1000)
        slot = (client, job.canvas)
        try:
            replaced = self.scheduler.submit(job, self.now)
        except QueueFullError:
            self.outcomes["refused"] += 1
            return
        self.accepted.add(job.key)
        if replaced is not None:
            assert replaced.live
            assert (replaced.client, replaced.canvas) == slot
            self.end(replaced, "replaced", keeps_slot=True)
        fate = Fate(self.explicit_of[client], self.now)
        if is_live:
            self.slots.setdefault(slot, self.now)
        else:
            self.explicit_of[client] += 1
            fate.rivals.update(self.explicit_of)
            if self.explicit_of[client] == 1:
                for other, known in self.waiting.values():
                    if not other.live:
                        known.rivals.add(client)
        self.waiting[job.key] = job, fate

    def cancel(self, client: bytes, job: Job[None] | None) -> None:
        if job is None:
            assert self.scheduler.cancel(client, "never") is CancelOutcome.UNKNOWN
            return
        assert self.scheduler.cancel(b"stranger", job.id) is CancelOutcome.UNKNOWN
        assert self.scheduler.cancel(client, job.id) is CancelOutcome.REMOVED
        self.end(job, "cancelled")

    def start_jobs(self) -> None:
        while self.free and (job := self.scheduler.start_next(self.now)) is not None:
            self.free -= 1
            self.check_start(job)
            self.leave(job)
            self.at(self.random.uniform(0.2, 1.0), lambda job=job: self.finish(job))  # type: ignore[misc]

    def check_start(self, job: Job[None]) -> None:
        fate = self.waiting[job.key][1]
        if not job.live:
            bound = (fate.ahead + 1) * max(1, len(fate.rivals)) - 1
            assert fate.explicit <= bound
            assert fate.live <= fate.explicit + 1
            self.longest["explicit"] = max(self.longest["explicit"], fate.explicit)
        else:
            assert fate.overdue_starts <= 2 * fate.older_slots + 1
            self.longest["live"] = max(self.longest["live"], fate.overdue_starts)
        self.note_start(job)

    def note_start(self, started: Job[None]) -> None:
        """What waits has been passed by one more job."""
        drawn = {(job.client, job.canvas) for job in self.scheduler.running if job.live and job is not started}
        patient = self.now - LIMITS.live_patience_s
        older = 0
        position = {slot: number for number, slot in enumerate(self.slots)}
        for job, fate in self.waiting.values():
            if job is started:
                continue
            slot = (job.client, job.canvas)
            if not job.live:
                fate.explicit += not started.live
                fate.live += started.live
            elif self.slots[slot] <= patient:
                if slot in drawn:  # held up by its own canvas: the count begins anew
                    fate.overdue_starts = 0
                    continue
                if fate.overdue_starts == 0:
                    older = position[slot]
                    fate.older_slots = older
                fate.overdue_starts += 1

    def finish(self, job: Job[None]) -> None:
        assert self.scheduler.finish(job.key) == job
        self.free += 1
        self.ends[job.key] += 1
        self.outcomes["done"] += 1
        if job.live:
            self.results[job.client, job.canvas].append(int(job.id))

    def end(self, job: Job[None], how: str, *, keeps_slot: bool = False) -> None:
        self.ends[job.key] += 1
        self.outcomes[how] += 1
        self.leave(job, keeps_slot=keeps_slot)

    def leave(self, job: Job[None], *, keeps_slot: bool = False) -> None:
        del self.waiting[job.key]
        if not job.live:
            self.explicit_of[job.client] -= 1
            if not self.explicit_of[job.client]:
                del self.explicit_of[job.client]
        elif not keeps_slot:
            del self.slots[job.client, job.canvas]

    def check_all_ended(self) -> None:
        assert set(self.ends) == self.accepted, "every accepted job ends"
        assert set(self.ends.values()) <= {1}, "and only once"
        assert not self.waiting
        assert len(self.scheduler) == 0
        assert self.scheduler.running == ()
        for numbers in self.results.values():
            assert numbers == sorted(numbers), "the newest drawing of a canvas comes back last"


def held_objects(scheduler: Scheduler[None]) -> int:
    """How much the scheduler keeps: the entries of all that it is made of."""
    return sum(len(value) for value in vars(scheduler).values() if isinstance(value, dict | deque | set | list))


@pytest.mark.parametrize(
    ("clients", "workers", "mean_s", "until"),
    [(3, 1, 1.0, 400.0), (40, 2, 8.0, 200.0), (2000, 3, 300.0, 400.0)],
    ids=["few", "busy", "thousands"],
)
def test_every_job_meets_its_fate_once_and_within_the_bounds(
    clients: int, workers: int, mean_s: float, until: float
) -> None:
    simulation = Simulation(1, clients, workers)
    for client in simulation.clients:
        simulation.enter(client, mean_s)
    simulation.run(until)
    simulation.check_all_ended()
    assert held_objects(simulation.scheduler) == 0, "nothing is kept of jobs that have ended"
    for how in ("done", "replaced", "cancelled", "dropped"):
        assert simulation.outcomes[how] > 0, f"the simulation never saw a job {how}"
    assert simulation.longest["explicit"] > 0
    assert simulation.longest["live"] > 0


def test_with_workers_to_spare_the_newest_drawing_still_comes_back_last() -> None:
    simulation = Simulation(1, clients=2, workers=4)
    for client in simulation.clients:
        simulation.enter(client, 0.4)
    simulation.run(300.0)
    simulation.check_all_ended()
    assert sum(map(len, simulation.results.values())) > 100


def test_what_the_scheduler_keeps_does_not_grow_with_the_jobs_it_has_seen() -> None:
    scheduler: Scheduler[None] = Scheduler()
    most = 0
    for number in range(20_000):
        client = b"client-%d" % (number % 500)
        scheduler.submit(Job(client, str(number), None, live=number % 3 == 0, canvas="face"), float(number))
        if len(scheduler) > 100 and (job := scheduler.start_next(float(number))) is not None:
            scheduler.finish(job.key)
        if number > 10_000:
            most = max(most, held_objects(scheduler))
    assert most <= 4 * 102, "jobs that wait, and nothing else"
    assert sys.getsizeof(vars(scheduler)["_waiting"]) < 64 * 1024


def test_a_flood_of_one_client_delays_the_next_by_one_job_only() -> None:
    scheduler: Scheduler[None] = Scheduler()
    for number in range(64):
        scheduler.submit(Job(b"flood", str(number), None), 0.0)
    for number in range(2000):
        scheduler.submit(Job(b"artist-%d" % number, "one", None), 0.0)
    order = scheduler.order()
    assert [job.client for job in order[:2001]] == [b"flood", *(b"artist-%d" % number for number in range(2000))]
    assert {job.client for job in order[2001:]} == {b"flood"}
