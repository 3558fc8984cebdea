# SPDX-License-Identifier: Apache-2.0
"""The backend's decisions under random clients and a random worker."""

from __future__ import annotations

from dataclasses import asdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from limner.server.backend import SILENCE_S
from limner.server.supervisor import WorkerState
from limner.server.worker import link
from limner.wire import (
    END_TYPES,
    Cancel,
    Error,
    ErrorCode,
)
from tests.server.stage import ANNA, BOB, DIED, TOKEN, Stage


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
