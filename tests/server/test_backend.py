# SPDX-License-Identifier: Apache-2.0
"""The backend's decisions, with a worker and clients that only take notes, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from limner.server.backend import SILENCE_S, Backend
from limner.server.jobs import HANG_S, STUCK_S
from limner.server.pool import WorkerReport
from limner.server.supervisor import WorkerEnded, WorkerInfo, WorkerReady, WorkerState
from limner.server.worker import link
from limner.server.worker.link import LinkMessage
from limner.wire import (
    END_TYPES,
    Cancel,
    Cancelled,
    ClientMessage,
    Error,
    ErrorCode,
    Hello,
    ImageSlot,
    IntegerParameter,
    Ping,
    Pixels,
    Pong,
    Preview,
    Problem,
    Progress,
    Queued,
    Result,
    ServerMessage,
    Shutdown,
    Stats,
    StatsRequest,
    Stopping,
    Submit,
    TaskSchema,
    Welcome,
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

    def ends(self, client: bytes) -> dict[str, ServerMessage]:
        """How the client's jobs ended, by id."""
        return {
            message.id: message for to, message in self.clients.sent if to == client and isinstance(message, END_TYPES)
        }


def test_a_job_runs_with_its_defaults_filled_in_and_its_reports_reach_its_client() -> None:
    stage = Stage()
    assert stage.submits(ANNA, "a", images={"sketch": DOT}, canvas="c") == [Queued("a", 0), Progress("a", "start", 0.0)]
    assert stage.worker.runs == [("paint", {"sketch": DOT}, {"seed": 4}, "c")]
    assert stage.reports(link.PROGRESS, stage="codes", fraction=0.25) == [Progress("a", "codes", 0.25)]
    assert stage.reports(link.PREVIEW, images={"preview": DOT}) == [Preview("a", "codes", 0.25, {"preview": DOT})]
    assert stage.reports(link.RESULT, info={"n": 1}, images={"p": DOT}) == [Result("a", {"n": 1}, {"p": DOT})]
    assert {client for client, _ in stage.clients.sent} == {ANNA}


def test_waiting_clients_are_told_their_new_places_and_nothing_twice() -> None:
    stage = Stage()
    stage.submits(ANNA, "runs")
    assert stage.submits(ANNA, "a1") == [Queued("a1", 0)]
    assert stage.submits(ANNA, "a2") == [Queued("a2", 1)]
    assert stage.submits(BOB, "b") == [Queued("b", 1), Queued("a2", 2)]
    ended, started, *places = stage.reports(link.RESULT, info={})
    assert (ended.id, started) == ("runs", Progress("a1", "start", 0.0))
    assert places == [Queued("b", 0), Queued("a2", 1)]


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
    assert stage.reports(link.RESULT, info={}) == [Result("runs", {}, {}), Progress("newest", "start", 0.0)]


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


def test_a_client_that_is_gone_has_all_its_running_jobs_cancelled() -> None:
    stage = Stage(workers=3)
    for client, name in ((ANNA, "a1"), (BOB, "b"), (ANNA, "a2")):
        stage.submits(client, name)
    stage.clients.unreachable.add(ANNA)
    stage.backend.on_worker(stage.worker.report(link.PROGRESS, job=1, stage="codes", fraction=0.5))
    assert stage.worker.cancelled == [1, 3]


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
    assert stats.extra["workers"] == [{"pid": 0, "device": "cpu", "state": "idle", "restarts": 0, "done": 7}]
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


def test_an_answer_that_cannot_be_sent_becomes_an_error() -> None:
    stage = Stage()
    stage.submits(ANNA, "a")
    (answer,) = stage.reports(link.PROGRESS, stage="unsendable", fraction=0.1)
    assert isinstance(answer, Error)
    assert answer.code == ErrorCode.INTERNAL


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


class BackendMachine(RuleBasedStateMachine):
    """Random clients against a random worker: every accepted job ends exactly once, with its own client."""

    clients = st.sampled_from([ANNA, BOB])

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(ready=False)
        self.submitted: set[tuple[bytes, str]] = set()

    @rule(client=clients, live=st.booleans(), canvas=st.sampled_from("cd"), seed=st.integers(-1, 1))
    def submit(self, client: bytes, live: bool, canvas: str, seed: int) -> None:
        job_id = str(len(self.submitted))
        self.submitted.add((client, job_id))
        self.stage.submits(client, job_id, live=live, canvas=canvas, params={"seed": seed})

    @rule(client=clients, number=st.integers(0, 20))
    def cancel(self, client: bytes, number: int) -> None:
        ended = self.stage.ends(client).get(str(number))
        answers = self.stage.says(client, Cancel(str(number), TOKEN))
        if ended is not None or (client, str(number)) not in self.submitted:
            assert [answer.code for answer in answers if isinstance(answer, Error)] == [ErrorCode.UNKNOWN_JOB]
            self.stage.clients.sent = [sent for sent in self.stage.clients.sent if sent[1] not in answers]

    @rule()
    def worker_gets_ready(self) -> None:
        if self.stage.worker.state is WorkerState.STARTING:
            self.stage.backend.on_worker(self.stage.worker.get_ready())

    @rule(end=st.sampled_from([link.RESULT, link.ERROR, link.CANCELLED]))
    def worker_ends_its_job(self, end: str) -> None:
        if self.stage.worker.state is WorkerState.BUSY:
            self.stage.reports(end, info={}, **asdict(DIED))

    @rule()
    def worker_dies(self) -> None:
        self.stage.backend.on_worker(self.stage.worker.die())

    @rule(seconds=st.sampled_from([1.0, SILENCE_S * 2]))
    def time_passes(self, seconds: float) -> None:
        self.stage.now += seconds
        self.stage.backend.tick()

    @invariant()
    def no_job_ends_twice_or_with_another_client(self) -> None:
        ends = [(client, message.id) for client, message in self.stage.clients.sent if isinstance(message, END_TYPES)]
        assert len(ends) == len(set(ends))
        assert set(ends) <= self.submitted

    @invariant()
    def the_worker_never_rests_while_a_job_waits(self) -> None:
        if self.stage.worker.state is WorkerState.IDLE:
            assert self.open_jobs() == set()

    def open_jobs(self) -> set[tuple[bytes, str]]:
        return self.submitted - {(client, job_id) for client in (ANNA, BOB) for job_id in self.stage.ends(client)}

    def teardown(self) -> None:
        self.stage.backend.close("signal")
        assert self.open_jobs() == set()
        self.no_job_ends_twice_or_with_another_client()


BackendMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestBackendMachine = BackendMachine.TestCase
