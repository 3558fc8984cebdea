# SPDX-License-Identifier: Apache-2.0
"""The backend's decisions about its workers: deaths, hangs, failed starts, several at once."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from limner.server.jobs import HANG_S, STUCK_S
from limner.server.worker import link
from limner.wire import (
    Cancel,
    Cancelled,
    Error,
    ErrorCode,
    Hello,
    Ping,
    Progress,
    Result,
    Welcome,
    problem,
)
from tests.server.stage import ANNA, BOB, DIED, TOKEN, Stage


def test_a_worker_that_does_not_heed_a_cancel_is_ended_after_a_while() -> None:
    stage = Stage()
    stage.submits(ANNA, "a")
    stage.now += HANG_S
    stage.says(ANNA, Cancel("a", TOKEN))
    stage.now += STUCK_S
    stage.says(ANNA, Ping("p", TOKEN))
    stage.backend.tick()
    assert stage.worker.killed == [], "a cancelled job gets a while"
    stage.now += 1
    stage.backend.tick()
    assert stage.worker.killed == [1]
    stage.backend.on_worker(stage.worker.die())
    assert stage.ends(ANNA) == {"a": Cancelled("a")}


@pytest.mark.parametrize("end", [link.RESULT, link.ERROR, "death"])
def test_a_cancelled_job_stays_cancelled_however_it_ends(end: str) -> None:
    stage = Stage()
    stage.submits(ANNA, "a")
    stage.says(ANNA, Cancel("a", TOKEN))
    if end == "death":
        stage.backend.on_worker(stage.worker.die())
    else:
        stage.reports(end, info={}, **asdict(DIED))
    assert stage.ends(ANNA) == {"a": Cancelled("a")}


def test_a_worker_that_dies_costs_only_its_own_job() -> None:
    stage = Stage()
    stage.submits(ANNA, "a")
    stage.submits(BOB, "b")
    stage.backend.on_worker(stage.worker.die())
    assert stage.ends(ANNA) == {"a": Error("a", DIED.code, DIED.message, DIED.remedy)}
    assert stage.ends(BOB) == {}
    stage.backend.on_worker(stage.worker.get_ready())
    stage.reports(link.RESULT, info={})
    assert stage.ends(BOB) == {"b": Result("b", {}, {})}


def test_a_worker_that_cannot_start_is_explained_to_everybody() -> None:
    stage = Stage(ready=False)
    stage.submits(ANNA, "early")
    missing = problem(ErrorCode.WEIGHTS_MISSING, "nose.safetensors is missing.")
    stage.backend.on_worker(stage.worker.fail_to_start(missing))
    expected = (missing.code, missing.message, missing.remedy)
    assert stage.ends(ANNA) == {"early": Error("early", *expected)}
    assert stage.submits(BOB, "late") == [Error("late", *expected)]
    (welcome,) = stage.says(BOB, Hello("h", TOKEN))
    assert isinstance(welcome, Welcome)
    assert (welcome.state, welcome.problem) == ("failed", missing)
    assert stage.worker.wakes == 3, "each wish to work may start it again"


def test_a_job_that_hangs_is_ended_with_its_worker_and_an_error_that_says_so() -> None:
    stage = Stage(workers=2)
    stage.submits(ANNA, "hangs")
    stage.submits(ANNA, "works")
    for _ in range(3):
        stage.now += HANG_S / 2
        stage.backend.on_worker(stage.worker.report(link.PROGRESS, job=2, stage="codes", fraction=0.1))
        stage.says(ANNA, Ping("p", TOKEN))
        stage.backend.tick()
    assert stage.worker.killed == [1], "a job may take as long as it likes while it gets on"
    stage.backend.on_worker(stage.worker.die(job=1))
    end = stage.ends(ANNA)["hangs"]
    assert isinstance(end, Error)
    assert end.code == ErrorCode.TIMEOUT
    assert f"no progress for {HANG_S:.0f} s" in end.message
    assert stage.ends(ANNA).keys() == {"hangs"}


def test_several_workers_run_as_many_jobs_at_once() -> None:
    stage = Stage(workers=2)
    for name in "abc":
        stage.submits(ANNA, name)
    assert len(stage.worker.runs) == 2
    stage.says(ANNA, Cancel("b", TOKEN))
    assert stage.worker.cancelled == [2]
    stage.backend.on_worker(stage.worker.report(link.PROGRESS, job=1, stage="codes", fraction=0.5))
    assert stage.clients.sent[-1] == (ANNA, Progress("a", "codes", 0.5))
    stage.backend.on_worker(stage.worker.report(link.RESULT, job=1, info={"n": 1}))
    stage.backend.on_worker(stage.worker.report(link.CANCELLED, job=2))
    assert stage.ends(ANNA) == {"a": Result("a", {"n": 1}, {}), "b": Cancelled("b")}
    assert len(stage.worker.runs) == 3


def test_a_worker_that_dies_takes_its_own_job_only() -> None:
    stage = Stage(workers=2)
    for name in "abc":
        stage.submits(ANNA, name)
    stage.backend.on_worker(stage.worker.die(job=1))
    assert stage.ends(ANNA) == {"a": Error("a", DIED.code, DIED.message, DIED.remedy)}
    stage.backend.on_worker(stage.worker.report(link.RESULT, job=2, info={}))
    stage.backend.on_worker(stage.worker.report(link.RESULT, job=3, info={}))
    assert stage.ends(ANNA).keys() == {"a", "b", "c"}


def test_the_newest_drawing_of_a_canvas_is_the_last_to_come_back_from_several_workers() -> None:
    stage = Stage(workers=2)
    for name in ("old", "mid", "new"):
        stage.submits(ANNA, name, live=True, canvas="face")
    assert len(stage.worker.runs) == 1, "one drawing of a canvas at a time"
    stage.submits(ANNA, "other", live=True, canvas="hand")
    assert len(stage.worker.runs) == 2
    stage.backend.on_worker(stage.worker.report(link.RESULT, job=1, info={}))
    stage.backend.on_worker(stage.worker.report(link.RESULT, job=3, info={}))
    assert [end for end in stage.ends(ANNA) if end != "other"] == ["mid", "old", "new"]
