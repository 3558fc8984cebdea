# SPDX-License-Identifier: Apache-2.0
"""A worker that never gets ready, and one that the system kills: both are told in words."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from limner.server.supervisor import WorkerEnded, WorkerReady, WorkerState, WorkerSupervisor
from limner.server.workerprocess import WorkerSettings
from limner.wire import ErrorCode
from tests.support.backends import wait_for


@pytest.fixture
def settings(limner_home: Path) -> WorkerSettings:
    limner_home.mkdir(exist_ok=True)
    engine = "tests.support.fake_engine:build_waiting"
    return WorkerSettings("cpu", engine, limner_home, limner_home / "worker.log")


@pytest.fixture
def worker(settings: WorkerSettings) -> Iterator[WorkerSupervisor]:
    """Its engine is built once the home has a file `go`."""
    with zmq.Context() as context:
        supervisor = WorkerSupervisor(context, settings)
        yield supervisor
        supervisor.stop()


def next_event(worker: WorkerSupervisor) -> object:
    return wait_for(lambda: next(iter(worker.events()), None), "the worker")


def test_a_worker_that_does_not_get_ready_is_ended_and_says_so(
    worker: WorkerSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.server.supervisor.START_LIMIT_S", 0.5)
    event = next_event(worker)
    assert isinstance(event, WorkerEnded)
    assert event.problem.code == ErrorCode.START_FAILED
    assert "not ready after" in event.problem.message
    assert worker.state is WorkerState.FAILED, "it would hang again"
    assert worker.problem == event.problem
    assert worker.pid == 0


def test_a_worker_that_loads_for_long_is_left_alone(worker: WorkerSupervisor, settings: WorkerSettings) -> None:
    for _ in range(5):
        assert next(iter(worker.events()), None) is None
    assert worker.state is WorkerState.STARTING
    (settings.home / "go").touch()
    assert next_event(worker) == WorkerReady()


def test_a_killed_worker_is_told_with_what_the_system_does_when_memory_runs_out(
    worker: WorkerSupervisor, settings: WorkerSettings
) -> None:
    (settings.home / "go").touch()
    assert next_event(worker) == WorkerReady()
    job = worker.run("slow", {}, {"steps": 10_000, "step_ms": 10}, "")
    os.kill(worker.pid, signal.SIGKILL)
    event = next_event(worker)
    while not isinstance(event, WorkerEnded):
        event = next_event(worker)
    assert event.job == job
    assert event.problem.code == ErrorCode.WORKER_DIED
    assert "memory runs out" in event.problem.message
    assert worker.done == 1
