# SPDX-License-Identifier: Apache-2.0
"""The scheduler's order, limits and cancel; a state machine checks that nothing is lost or answered twice."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from limner.server.scheduler import CancelOutcome, DuplicateJobError, Job, QueueFullError, QueueLimits, Scheduler

ANNA, BOB, CARL = b"anna", b"bob", b"carl"


def explicit(client: bytes, name: str, size: int = 0) -> Job[None]:
    return Job(client, name, None, size=size)


def live(client: bytes, name: str, canvas: str = "face") -> Job[None]:
    return Job(client, name, None, live=True, canvas=canvas)


def run_all(scheduler: Scheduler[None], now: float = 0.0) -> list[str]:
    names = []
    while job := scheduler.start_next(now):
        names.append(job.id)
        scheduler.finish(job.key)
    return names


def filled(*jobs: Job[None], limits: QueueLimits | None = None) -> Scheduler[None]:
    scheduler: Scheduler[None] = Scheduler(limits)
    for job in jobs:
        scheduler.submit(job, now=0.0)
    return scheduler


def test_one_client_is_served_first_in_first_out() -> None:
    scheduler = filled(*(explicit(ANNA, name) for name in "abcd"))
    assert run_all(scheduler) == ["a", "b", "c", "d"]
    assert len(scheduler) == 0


def test_clients_take_turns() -> None:
    jobs = [explicit(ANNA, "a1"), explicit(ANNA, "a2"), explicit(ANNA, "a3"), explicit(BOB, "b1"), explicit(CARL, "c1")]
    scheduler = filled(*jobs, explicit(BOB, "b2"))
    expected = ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert [job.id for job in scheduler.order()] == expected
    assert run_all(scheduler) == expected


def test_a_newcomer_does_not_wait_behind_the_whole_batch_of_another() -> None:
    scheduler = filled(*(explicit(ANNA, f"a{number}") for number in range(5)))
    assert scheduler.start_next(0.0) == explicit(ANNA, "a0")
    scheduler.submit(explicit(BOB, "b0"), 0.0)
    assert run_all(scheduler) == ["a1", "b0", "a2", "a3", "a4"]


def test_the_newest_live_job_replaces_the_waiting_one_of_its_canvas_only() -> None:
    scheduler = filled(live(ANNA, "old"), live(ANNA, "other", canvas="hand"), live(BOB, "bob"))
    assert scheduler.submit(live(ANNA, "new"), 1.0) == live(ANNA, "old")
    assert run_all(scheduler) == ["new", "other", "bob"]


def test_a_live_job_never_replaces_the_running_one() -> None:
    scheduler = filled(live(ANNA, "first"))
    running = scheduler.start_next(0.0)
    assert scheduler.submit(live(ANNA, "second"), 0.0) is None
    assert scheduler.running == (running,)
    assert scheduler.submit(live(ANNA, "third"), 0.0) == live(ANNA, "second")


def test_a_live_job_waits_until_the_one_of_its_canvas_that_runs_has_ended() -> None:
    scheduler = filled(live(ANNA, "first"), explicit(BOB, "a"), live(CARL, "theirs"))
    started = [scheduler.start_next(9.0), scheduler.start_next(9.0)]
    assert [job.id for job in started if job] == ["first", "a"]
    scheduler.submit(live(ANNA, "second"), 9.0)
    assert scheduler.start_next(99.0) == live(CARL, "theirs"), "it does not hold up the slots behind it"
    assert scheduler.start_next(99.0) is None
    assert len(scheduler) == 1
    scheduler.finish((ANNA, "first"))
    assert scheduler.start_next(99.0) == live(ANNA, "second")


def test_live_jobs_wait_behind_explicit_ones_but_not_for_ever() -> None:
    limits = QueueLimits(live_patience_s=3.0)
    scheduler = filled(live(ANNA, "live"), *(explicit(BOB, name) for name in "abc"), limits=limits)
    assert [
        job.id for job in (scheduler.start_next(2.9), scheduler.start_next(3.0), scheduler.start_next(9.0)) if job
    ] == [
        "a",
        "live",
        "b",
    ]


def test_live_jobs_do_not_starve_explicit_ones() -> None:
    scheduler = filled(*(explicit(BOB, name) for name in "ab"), *(live(ANNA, f"l{n}", canvas=str(n)) for n in range(3)))
    assert run_all(scheduler, now=100.0) == ["l0", "a", "l1", "b", "l2"]


def test_a_replaced_live_job_keeps_its_place() -> None:
    scheduler = filled(live(ANNA, "one"), explicit(BOB, "a"), explicit(BOB, "b"))
    scheduler.submit(live(ANNA, "two"), 4.9)
    assert run_all(scheduler, now=5.0) == ["two", "a", "b"]


def test_cancel_acts_on_own_jobs_only() -> None:
    scheduler = filled(explicit(ANNA, "x"), explicit(BOB, "x"))
    assert scheduler.cancel(CARL, "x") is CancelOutcome.UNKNOWN
    assert scheduler.cancel(ANNA, "x") is CancelOutcome.REMOVED
    assert scheduler.cancel(ANNA, "x") is CancelOutcome.UNKNOWN
    assert scheduler.start_next(0.0) == explicit(BOB, "x")
    assert scheduler.cancel(BOB, "x") is CancelOutcome.RUNNING
    assert scheduler.finish((BOB, "x")) == explicit(BOB, "x")
    assert scheduler.finish((BOB, "x")) is None


def test_an_id_may_be_used_again_once_its_job_is_over() -> None:
    scheduler = filled(explicit(ANNA, "x"))
    with pytest.raises(DuplicateJobError):
        scheduler.submit(live(ANNA, "x"), 0.0)
    scheduler.start_next(0.0)
    with pytest.raises(DuplicateJobError):
        scheduler.submit(explicit(ANNA, "x"), 0.0)
    scheduler.finish((ANNA, "x"))
    assert scheduler.submit(explicit(ANNA, "x"), 0.0) is None


def test_the_limits_are_each_clients_own() -> None:
    limits = QueueLimits(jobs_per_client=2, bytes_per_client=100)
    scheduler = filled(explicit(ANNA, "a", 60), live(ANNA, "l"), limits=limits)
    with pytest.raises(QueueFullError, match="2 jobs"):
        scheduler.submit(explicit(ANNA, "b"), 0.0)
    assert scheduler.submit(live(ANNA, "newer"), 0.0) == live(ANNA, "l"), "a replacement needs no more room"
    assert scheduler.submit(explicit(BOB, "a", 100), 0.0) is None
    with pytest.raises(QueueFullError, match="MiB"):
        scheduler.submit(explicit(BOB, "b", 1), 0.0)
    assert [job.id for job in scheduler.order()] == ["a", "a", "newer"]


def test_dropping_a_client_leaves_the_others_and_what_runs() -> None:
    scheduler = filled(explicit(ANNA, "run"), explicit(ANNA, "wait"), live(ANNA, "live"), explicit(BOB, "b"))
    running = scheduler.start_next(0.0)
    assert {job.id for job in scheduler.drop_waiting(ANNA)} == {"wait", "live"}
    assert scheduler.running == (running,)
    assert [job.id for job in scheduler.drop_waiting()] == ["b"]
    assert len(scheduler) == 0


class SchedulerMachine(RuleBasedStateMachine):
    """Random submits, starts, ends, cancels and lost clients against a plain record of every job's fate."""

    clients = st.sampled_from([ANNA, BOB, CARL])
    limits = QueueLimits(jobs_per_client=5, live_patience_s=10.0)

    def __init__(self) -> None:
        super().__init__()
        self.scheduler: Scheduler[None] = Scheduler(self.limits)
        self.now = 0.0
        self.count = 0
        self.waiting: list[Job[None]] = []  # in the order of arrival
        self.running: list[Job[None]] = []
        self.over: list[tuple[bytes, str]] = []
        self.served_since: dict[Job[None], list[Job[None]]] = {}  # what started while this job waited
        self.slots: dict[tuple[bytes, str], float] = {}  # since when a live job waits for this client and canvas
        self.last_was_live = False

    def close(self, job: Job[None]) -> None:
        self.over.append(job.key)
        self.served_since.pop(job, None)
        self.leave_slot(job)

    def leave_slot(self, job: Job[None]) -> None:
        if job.live and not any(other.live and other.canvas == job.canvas for other in self.own_waiting(job.client)):
            self.slots.pop((job.client, job.canvas), None)

    def own_waiting(self, client: bytes) -> list[Job[None]]:
        return [job for job in self.waiting if job.client == client]

    @rule(client=clients, is_live=st.booleans(), canvas=st.sampled_from("fh"), wait=st.floats(0, 20))
    def submit(self, client: bytes, is_live: bool, canvas: str, wait: float) -> None:
        self.now += wait
        self.count += 1
        job = Job(client, str(self.count), None, live=is_live, canvas=canvas)
        own = self.own_waiting(client)
        rivals = [other for other in own if is_live and other.live and other.canvas == canvas]
        try:
            replaced = self.scheduler.submit(job, self.now)
        except QueueFullError:
            assert len(own) - len(rivals) >= self.limits.jobs_per_client
            return
        assert ([] if replaced is None else [replaced]) == rivals
        self.waiting.append(job)
        if replaced is not None:
            self.waiting.remove(replaced)
            self.close(replaced)
        elif is_live:
            self.slots[client, canvas] = self.now
        self.served_since[job] = []

    @rule(wait=st.floats(0, 20))
    def start(self, wait: float) -> None:
        self.now += wait
        job = self.scheduler.start_next(self.now)
        if job is None:
            assert all(self.is_drawn(other) for other in self.waiting), "only drawings whose canvas is being drawn wait"
            return
        self.check_turn(job)
        self.waiting.remove(job)
        self.running.append(job)
        self.leave_slot(job)
        seen = self.served_since.pop(job)
        if not job.live:
            earlier = [other for other in self.waiting if other.client == job.client and not other.live]
            assert all(int(other.id) > int(job.id) for other in earlier), "first in, first out within a client"
            between = [other.client for other in seen if other.client != job.client and not other.live]
            own_ahead = [other for other in seen if other.client == job.client and not other.live]
            assert all(between.count(client) <= len(own_ahead) + 1 for client in between), "one round for each client"
        for served in self.served_since.values():
            served.append(job)

    def is_drawn(self, job: Job[None]) -> bool:
        """Whether the job has to wait for a running one of its canvas."""
        return job.live and any(
            other.live and (other.client, other.canvas) == (job.client, job.canvas) for other in self.running
        )

    def check_turn(self, job: Job[None]) -> None:
        drawn = {(other.client, other.canvas) for other in self.running if other.live}
        slots = {slot: since for slot, since in self.slots.items() if slot not in drawn}
        overdue = any(self.now - since >= self.limits.live_patience_s for since in slots.values())
        assert (job.client, job.canvas) not in drawn or not job.live, "two drawings of one canvas at a time"
        if not job.live:
            assert self.last_was_live or not overdue, "an overdue live job goes first, every second time"
        elif any(not other.live for other in self.waiting):
            assert overdue, "a live job waits behind explicit ones"
            assert not self.last_was_live, "two live jobs in a row passed an explicit one"
        self.last_was_live = job.live

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(self.running))
        assert self.scheduler.finish(job.key) == job
        assert self.scheduler.finish(job.key) is None
        self.running.remove(job)
        self.close(job)

    @rule(client=clients, data=st.data())
    def cancel(self, client: bytes, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, max(1, self.count)).map(str))
        outcome = self.scheduler.cancel(client, number)
        waiting = [job for job in self.waiting if job.key == (client, number)]
        if waiting:
            assert outcome is CancelOutcome.REMOVED
            self.waiting.remove(waiting[0])
            self.close(waiting[0])
        else:
            running = any(job.key == (client, number) for job in self.running)
            assert outcome is (CancelOutcome.RUNNING if running else CancelOutcome.UNKNOWN)

    @rule(client=clients)
    def lose_client(self, client: bytes) -> None:
        dropped = self.scheduler.drop_waiting(client)
        mine = self.own_waiting(client)
        assert sorted(job.id for job in dropped) == sorted(job.id for job in mine)
        for job in mine:
            self.waiting.remove(job)
            self.close(job)

    @invariant()
    def nothing_is_lost_or_answered_twice(self) -> None:
        assert len(self.over) == len(set(self.over))
        order = self.scheduler.order()
        assert len(order) == len(self.scheduler) == len(self.waiting)
        assert set(order) == set(self.waiting)
        assert set(self.scheduler.running) == set(self.running)

    @invariant()
    def at_most_one_live_job_waits_for_each_canvas(self) -> None:
        slots = [(job.client, job.canvas) for job in self.scheduler.order() if job.live]
        assert len(slots) == len(set(slots))

    def teardown(self) -> None:
        for job in self.running:
            self.scheduler.finish(job.key)
        remaining = len(self.waiting)
        started = run_all(self.scheduler, self.now)
        assert len(started) == len(set(started)) == remaining


SchedulerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestSchedulerMachine = SchedulerMachine.TestCase
