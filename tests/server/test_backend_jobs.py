# SPDX-License-Identifier: Apache-2.0
"""The backend's decisions about jobs: what is taken, in which order, how it is told and cancelled."""

from __future__ import annotations

from typing import Any

import pytest

from limner.server.jobs import ANNOUNCED_S
from limner.server.worker import link
from limner.wire import (
    Cancel,
    Cancelled,
    Error,
    ErrorCode,
    Preview,
    Progress,
    Queued,
    Result,
)
from tests.server.stage import ANNA, BOB, DOT, TOKEN, Stage


def test_a_job_runs_with_its_defaults_filled_in_and_its_reports_reach_its_client() -> None:
    stage = Stage()
    assert stage.submits(ANNA, "a", images={"sketch": DOT}, canvas="c") == []
    assert stage.worker.runs == [("paint", {"sketch": DOT}, {"seed": 4}, "c")]
    assert stage.reports(link.PROGRESS, stage="codes", fraction=0.25) == [Progress("a", "codes", 0.25)]
    assert stage.reports(link.PREVIEW, images={"preview": DOT}) == [Preview("a", "codes", 0.25, {"preview": DOT})]
    assert stage.reports(link.RESULT, info={"n": 1}, images={"p": DOT}) == [Result("a", {"n": 1}, {"p": DOT})]
    assert {client for client, _ in stage.clients.sent} == {ANNA}


def test_a_job_is_announced_once_where_its_worker_is_silent() -> None:
    stage = Stage(workers=3)
    stage.submits(ANNA, "silent")
    stage.submits(ANNA, "cancelled")
    stage.says(ANNA, Cancel("cancelled", TOKEN))
    assert stage.waits(ANNOUNCED_S / 2) == []
    assert stage.backend.announce(), "it has to be asked again"
    assert stage.waits(2 * ANNOUNCED_S) == [Progress("silent", "start", 0.0)]
    assert not stage.backend.announce()
    assert stage.waits(10.0) == []
    stage.submits(BOB, "talks")
    assert stage.reports(link.PROGRESS, stage="codes", fraction=0.25) == [Progress("talks", "codes", 0.25)]
    assert stage.waits(ANNOUNCED_S) == []


def test_a_job_that_ends_at_once_is_not_announced() -> None:
    stage = Stage()
    stage.submits(ANNA, "a")
    assert stage.reports(link.RESULT, info={}) == [Result("a", {}, {})]
    assert stage.waits(ANNOUNCED_S) == []


def test_waiting_clients_are_told_their_new_places_and_nothing_twice() -> None:
    stage = Stage()
    stage.submits(ANNA, "runs")
    assert stage.submits(ANNA, "a1") == [Queued("a1", 0)]
    assert stage.submits(ANNA, "a2") == [Queued("a2", 1)]
    assert stage.submits(BOB, "b") == [Queued("b", 1), Queued("a2", 2)]
    ended, *places = stage.reports(link.RESULT, info={})
    assert ended.id == "runs"
    assert places == [Queued("b", 0), Queued("a2", 1)]
    assert stage.waits(2 * ANNOUNCED_S) == [Progress("a1", "start", 0.0)]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"task": "juggle"}, ErrorCode.UNKNOWN_TASK),
        ({"params": {"seed": 10}}, ErrorCode.BAD_PARAMETER),
        ({"params": {"sede": 1}}, ErrorCode.BAD_PARAMETER),
        ({"images": {"photo": DOT}}, ErrorCode.BAD_PICTURE),
    ],
)
def test_a_job_that_does_not_fit_the_schema_is_refused_at_once(fields: dict[str, Any], code: str) -> None:
    stage = Stage()
    (answer,) = stage.submits(ANNA, "a", **fields)
    assert isinstance(answer, Error)
    assert (answer.id, answer.code) == ("a", code)
    assert not stage.worker.runs


def test_jobs_wait_while_the_worker_loads_and_are_checked_once_it_told_its_schema() -> None:
    stage = Stage(ready=False)
    jobs: dict[str, dict[str, Any]] = {"good": {}, "task": {"task": "juggle"}, "seed": {"params": {"seed": -1}}}
    for job_id, fields in jobs.items():
        assert isinstance(stage.submits(ANNA, job_id, **fields)[0], Queued)
    stage.backend.on_worker(stage.worker.get_ready())
    ends = stage.ends(ANNA)
    assert {job_id: end.code for job_id, end in ends.items() if isinstance(end, Error)} == {
        "task": ErrorCode.UNKNOWN_TASK,
        "seed": ErrorCode.BAD_PARAMETER,
    }
    assert [task for task, *_ in stage.worker.runs] == ["paint"]


def test_a_second_job_with_an_open_id_is_refused_without_ending_the_first() -> None:
    stage = Stage()
    stage.submits(ANNA, "a")
    for task in ("paint", "juggle"):
        (answer,) = stage.submits(ANNA, "a", task=task)
        assert isinstance(answer, Error)
        assert (answer.id, answer.code) == ("", ErrorCode.BAD_MESSAGE)
    assert stage.reports(link.RESULT, info={}) == [Result("a", {}, {})]


def test_too_many_waiting_jobs_are_refused_as_busy() -> None:
    stage = Stage(ready=False)
    answers = [stage.submits(ANNA, str(number))[0] for number in range(65)]
    assert all(isinstance(answer, Queued) for answer in answers[:64])
    assert isinstance(answers[64], Error)
    assert answers[64].code == ErrorCode.BUSY


def test_a_newer_live_job_replaces_the_waiting_one_and_the_running_one_goes_on() -> None:
    stage = Stage()
    stage.submits(ANNA, "runs", live=True, canvas="c")
    stage.submits(ANNA, "waits", live=True, canvas="c")
    assert stage.submits(ANNA, "newest", live=True, canvas="c") == [Cancelled("waits", "replaced"), Queued("newest", 0)]
    assert stage.worker.cancelled == []
    assert stage.reports(link.RESULT, info={}) == [Result("runs", {}, {})]
    assert stage.waits(2 * ANNOUNCED_S) == [Progress("newest", "start", 0.0)]


def test_cancel_of_a_waiting_job() -> None:
    stage = Stage()
    stage.submits(ANNA, "runs")
    stage.submits(ANNA, "a")
    stage.submits(ANNA, "b")
    assert stage.says(ANNA, Cancel("a", TOKEN)) == [Cancelled("a"), Queued("b", 0)]


def test_cancel_of_the_running_job_is_confirmed_when_the_worker_stopped() -> None:
    stage = Stage()
    stage.submits(ANNA, "a")
    assert stage.says(ANNA, Cancel("a", TOKEN)) == []
    assert stage.says(ANNA, Cancel("a", TOKEN)) == []
    assert stage.worker.cancelled == [1]
    assert stage.reports(link.PROGRESS, stage="late", fraction=0.5) == []
    assert stage.reports(link.CANCELLED) == [Cancelled("a")]


def test_cancel_reaches_only_own_jobs() -> None:
    stage = Stage()
    stage.submits(ANNA, "runs")
    stage.submits(ANNA, "waits")
    for job_id in ("runs", "waits", "none"):
        (answer,) = stage.says(BOB, Cancel(job_id, TOKEN))
        assert isinstance(answer, Error)
        assert answer.code == ErrorCode.UNKNOWN_JOB
    assert stage.worker.cancelled == []
    assert stage.ends(ANNA) == {}


def test_places_far_behind_are_told_every_so_often_only() -> None:
    stage = Stage()
    clients = [b"client-%d" % number for number in range(20)]
    for client in clients:
        for number in range(20):
            stage.submits(client, str(number))
    last = (clients[-1], "19")
    while len(stage.worker.runs) < 400:
        stage.reports(link.RESULT, info={})
    places = [m.position for to, m in stage.clients.sent if isinstance(m, Queued) and (to, m.id) == last]
    assert places[-64:] == list(range(63, -1, -1)), "each place near the front"
    assert len(places) < 64 + 40, "a few of the 336 places before"


def test_an_answer_that_cannot_be_sent_becomes_an_error() -> None:
    stage = Stage()
    stage.submits(ANNA, "a")
    (answer,) = stage.reports(link.PROGRESS, stage="unsendable", fraction=0.1)
    assert isinstance(answer, Error)
    assert answer.code == ErrorCode.INTERNAL
