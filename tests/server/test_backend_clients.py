# SPDX-License-Identifier: Apache-2.0
"""The backend's decisions about its clients: who is answered, who is gone, what all are told."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from limner.server.backend import SILENCE_S
from limner.server.pool import WorkerReport
from limner.server.supervisor import WorkerState
from limner.server.worker import link
from limner.wire import (
    Cancel,
    Cancelled,
    Error,
    ErrorCode,
    Hello,
    Ping,
    Pong,
    Queued,
    Result,
    Shutdown,
    Stats,
    StatsRequest,
    Stopping,
    Submit,
    Welcome,
    WireError,
    problem,
)
from tests.server.stage import ANNA, BOB, DIED, SCHEMA, TOKEN, Stage


def test_hello_while_loading_and_when_ready() -> None:
    stage = Stage(ready=False)
    (loading,) = stage.says(ANNA, Hello("1", TOKEN, "krita", "5.2"))
    assert isinstance(loading, Welcome)
    assert (loading.state, loading.schema, loading.device) == ("loading", {}, "")
    stage.backend.on_worker(stage.worker.get_ready())
    (ready,) = stage.says(ANNA, Hello("2", TOKEN))
    assert isinstance(ready, Welcome)
    assert (ready.id, ready.state, ready.schema, ready.device) == ("2", "ready", SCHEMA, "cpu")
    assert ready.weights == {"fake.safetensors": "00"}


def test_hello_tells_why_a_worker_failed_also_while_it_starts_again() -> None:
    stage = Stage(ready=False)
    missing = problem(ErrorCode.WEIGHTS_MISSING, "nose.safetensors is missing.")
    stage.backend.on_worker(stage.worker.fail_to_start(missing))
    stage.worker.rest = WorkerState.STARTING
    (welcome,) = stage.says(ANNA, Hello("1", TOKEN))
    assert isinstance(welcome, Welcome)
    assert (welcome.state, welcome.problem) == ("loading", missing)
    stage.backend.on_worker(stage.worker.get_ready())
    (welcome,) = stage.says(ANNA, Hello("2", TOKEN))
    assert isinstance(welcome, Welcome)
    assert (welcome.state, welcome.problem) == ("ready", None)


def test_a_client_that_is_gone_has_all_its_running_jobs_cancelled() -> None:
    stage = Stage(workers=3)
    for client, name in ((ANNA, "a1"), (BOB, "b"), (ANNA, "a2")):
        stage.submits(client, name)
    stage.clients.unreachable.add(ANNA)
    stage.backend.on_worker(stage.worker.report(link.PROGRESS, job=1, stage="codes", fraction=0.5))
    assert stage.worker.cancelled == [1, 3]


def test_ping_and_stats() -> None:
    stage = Stage()
    assert stage.says(ANNA, Ping("p", TOKEN)) == [Pong("p")]
    stage.submits(ANNA, "a")
    stage.submits(BOB, "b")
    stage.now += 5.0
    (stats,) = stage.says(ANNA, StatsRequest("s", TOKEN))
    assert isinstance(stats, Stats)
    assert (stats.state, stats.uptime_s, stats.clients, stats.waiting, stats.running) == ("ready", 5.0, 2, 1, 1)
    assert stats.rss_bytes > 1_000_000
    assert stats.extra["workers"] == [asdict(WorkerReport(0, "cpu", "idle", 0, 7))]
    stage.reports(link.RESULT, info={})
    stage.reports(link.ERROR, **asdict(DIED))
    (stats,) = stage.says(ANNA, StatsRequest("s", TOKEN))
    assert isinstance(stats, Stats)
    assert (stats.done, stats.failed, stats.cancelled, stats.waiting, stats.running) == (1, 1, 0, 0, 0)


@pytest.mark.parametrize("token", ["", "wrong", "rightt", "r\udcffght"])
def test_every_message_needs_the_right_token(token: str) -> None:
    stage = Stage()
    messages = [Hello("1", token), Ping("1", token), Submit("1", token, "paint"), Cancel("1", token)]
    for message in [*messages, StatsRequest("1", token), Shutdown("1", token)]:
        (answer,) = stage.says(ANNA, message)
        assert isinstance(answer, Error)
        assert (answer.id, answer.code) == ("1", ErrorCode.BAD_TOKEN)
    assert not stage.worker.runs
    assert not stage.backend.stop_reason


def test_a_message_that_cannot_be_read_is_answered_with_its_own_code() -> None:
    stage = Stage()
    error = WireError(ErrorCode.BAD_PICTURE, "It is empty.")
    error.message_id = "a"
    stage.backend.on_message(ANNA, error)
    stage.backend.on_message(ANNA, Pong("p"))
    codes = [(message.id, message.code) for _, message in stage.clients.sent if isinstance(message, Error)]
    assert codes == [("a", ErrorCode.BAD_PICTURE), ("p", ErrorCode.UNKNOWN_KIND)]


def test_a_client_that_falls_silent_loses_its_jobs_and_no_other_does() -> None:
    stage = Stage()
    stage.submits(ANNA, "runs")
    stage.submits(ANNA, "waits")
    stage.submits(BOB, "b")
    stage.now += SILENCE_S - 1
    stage.says(BOB, Ping("p", TOKEN))
    stage.backend.tick()
    assert stage.worker.cancelled == []
    stage.now += 2
    stage.backend.tick()
    assert stage.worker.cancelled == [1]
    assert set(stage.ends(ANNA)) == {"waits"}
    stage.reports(link.CANCELLED)
    assert len(stage.worker.runs) == 2
    stage.reports(link.RESULT, info={})
    assert stage.ends(BOB) == {"b": Result("b", {}, {})}


def test_a_client_that_cannot_be_reached_loses_its_jobs_at_once() -> None:
    stage = Stage()
    stage.submits(ANNA, "runs")
    stage.submits(ANNA, "waits")
    stage.clients.unreachable.add(ANNA)
    assert stage.reports(link.PROGRESS, stage="s", fraction=0.1) == []
    assert stage.worker.cancelled == [1]
    stage.reports(link.CANCELLED)
    assert stage.worker.state is WorkerState.IDLE
    assert len(stage.worker.runs) == 1
    assert ANNA in stage.clients.forgotten


def test_the_places_behind_a_client_that_is_gone_are_told_anew() -> None:
    stage = Stage()
    stage.submits(BOB, "runs")
    stage.submits(ANNA, "a")
    stage.submits(BOB, "b")
    stage.now += SILENCE_S - 1
    stage.says(BOB, Ping("p", TOKEN))
    stage.now += 2
    before = len(stage.clients.sent)
    stage.backend.tick()
    assert stage.clients.sent[before:] == [(ANNA, Cancelled("a")), (BOB, Queued("b", 0))]


def test_it_is_idle_only_without_jobs_and_traffic() -> None:
    stage = Stage()
    stage.now += 10
    assert stage.backend.idle_s() == 10
    stage.submits(ANNA, "a")
    stage.now += 10
    assert stage.backend.idle_s() == 0
    stage.reports(link.RESULT, info={})
    stage.now += 3
    assert stage.backend.idle_s() == 3
    stage.says(ANNA, Ping("p", TOKEN))
    assert stage.backend.idle_s() == 0


def test_closing_ends_every_job_and_tells_every_client() -> None:
    stage = Stage()
    stage.submits(ANNA, "runs")
    stage.submits(ANNA, "waits")
    stage.says(BOB, Shutdown("bye", TOKEN))
    assert stage.backend.stop_reason == "request"
    stage.backend.close("request")
    assert {job_id: end.code for job_id, end in stage.ends(ANNA).items() if isinstance(end, Error)} == {
        "runs": ErrorCode.SHUTTING_DOWN,
        "waits": ErrorCode.SHUTTING_DOWN,
    }
    farewells = {client: message for client, message in stage.clients.sent if isinstance(message, Stopping)}
    assert farewells == {ANNA: Stopping("", "request"), BOB: Stopping("bye", "request")}
