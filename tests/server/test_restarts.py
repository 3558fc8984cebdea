# SPDX-License-Identifier: Apache-2.0
"""When a worker that ended is started again."""

from __future__ import annotations

from limner.server.restarts import RestartLimits, RestartPolicy

LIMITS = RestartLimits(delays_s=(1.0, 10.0), failed_starts=3, failure_stands_s=60.0)


def test_the_first_start_is_due_at_once() -> None:
    assert RestartPolicy(LIMITS).is_due(now=0.0)


def test_the_waits_grow_up_to_the_last_one() -> None:
    policy = RestartPolicy(LIMITS)
    policy.ended(100.0, while_starting=False)
    assert not policy.is_due(100.9)
    assert policy.is_due(101.0)
    for _ in range(5):
        policy.ended(200.0, while_starting=False)
        assert not policy.is_due(209.9)
        assert policy.is_due(210.0)


def test_a_finished_job_makes_the_wait_short_again() -> None:
    policy = RestartPolicy(LIMITS)
    policy.ended(0.0, while_starting=False)
    policy.ended(0.0, while_starting=False)
    policy.worked_well()
    policy.ended(100.0, while_starting=False)
    assert policy.is_due(101.0)


def test_it_gives_up_after_three_failed_starts_and_tries_again_when_asked_later() -> None:
    policy = RestartPolicy(LIMITS)
    for _ in range(2):
        policy.ended(0.0, while_starting=True)
        assert not policy.given_up
    policy.ended(100.0, while_starting=True)
    assert policy.given_up
    assert not policy.is_due(1e9)
    policy.ask_again(159.9)
    assert policy.given_up
    policy.ask_again(160.0)
    assert not policy.given_up
    assert policy.is_due(160.0)
    policy.ended(161.0, while_starting=True)
    assert policy.given_up, "one more failure is enough now"


def test_a_start_that_succeeds_forgets_the_failed_ones() -> None:
    policy = RestartPolicy(LIMITS)
    for _ in range(5):
        policy.ended(0.0, while_starting=True)
        policy.ended(0.0, while_starting=True)
        policy.started_well()
    assert not policy.given_up


def test_a_worker_that_told_why_it_cannot_work_is_given_up_at_once() -> None:
    policy = RestartPolicy(LIMITS)
    policy.ended(0.0, while_starting=True, for_good=True)
    assert policy.given_up


def test_crashes_in_jobs_never_give_up() -> None:
    policy = RestartPolicy(LIMITS)
    for time in range(20):
        policy.ended(float(time), while_starting=False)
    assert not policy.given_up
