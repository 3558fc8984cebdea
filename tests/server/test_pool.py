# SPDX-License-Identifier: Apache-2.0
"""Several workers as one: who gets a job, what is told of them, and real ones that die or hang beside others."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from limner.cli.lifecycle import parse_devices
from limner.client import Client
from limner.server.pool import WorkerPool, WorkerReport, settings_for
from limner.server.supervisor import WorkerInfo, WorkerState
from limner.wire import Error, ErrorCode, Problem, Progress, Result
from tests.support.backends import ServerProcess, end_of, follow, picture, wait_for, wait_for_message
from tests.support.command import Command

ENDLESS = {"steps": 10_000, "step_ms": 10}


class FakeSupervisor:
    """A worker that takes notes."""

    def __init__(self, context: object, settings: Any, *, clock: object, numbers: Iterator[int]) -> None:
        self.info: WorkerInfo | None = WorkerInfo(settings.device, {}, {})
        self.problem: Problem | None = None
        self.state = WorkerState.IDLE
        self.socket = object()
        self.restarts, self.pid, self.job, self.done = -1, 5, 0, 0
        self.said: list[tuple[str, int]] = []
        self._numbers = numbers

    def run(self, task: str, images: object, params: object, canvas: str) -> int:
        self.state, self.job = WorkerState.BUSY, next(self._numbers)
        return self.job

    def finish(self) -> None:
        self.state, self.job, self.done = WorkerState.IDLE, 0, self.done + 1

    def cancel(self, job: int) -> None:
        self.said.append(("cancel", job))

    def kill(self) -> None:
        self.said.append(("kill", self.job))


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WorkerPool:
    """Two workers on two devices."""
    monkeypatch.setattr("limner.server.pool.WorkerSupervisor", FakeSupervisor)
    return WorkerPool(None, settings_for(["cuda:0", "cuda:1"], 1, "e", tmp_path, tmp_path / "w.log"))  # type: ignore[arg-type]


def workers_of(pool: WorkerPool) -> list[Any]:
    return list(vars(pool)["_workers"])


def test_one_worker_for_each_device_and_each_of_its_number(tmp_path: Path) -> None:
    settings = settings_for(["cuda:0", "cpu"], 2, "a:b", tmp_path, tmp_path / "worker.log")
    assert [one.device for one in settings] == ["cuda:0", "cuda:0", "cpu", "cpu"]
    assert [one.log_file.name for one in settings] == ["worker.log", "worker-2.log", "worker-3.log", "worker-4.log"]
    assert {one.beside for one in settings} == {3}
    assert [one.beside for one in settings_for(["auto"], 1, "a:b", tmp_path, tmp_path / "w.log")] == [0]


def test_a_job_goes_to_an_idle_worker_and_numbers_never_repeat(pool: WorkerPool) -> None:
    first, second = workers_of(pool)
    numbers = [pool.run("echo", {}, {}, "") for _ in range(2)]
    assert len(set(numbers)) == 2
    assert {first.job, second.job} == set(numbers)
    assert pool.state is WorkerState.BUSY
    pool.cancel(first.job)
    pool.kill(second.job)
    assert first.said == [("cancel", first.job)]
    assert second.said == [("kill", second.job)]
    second.finish()
    assert pool.state is WorkerState.IDLE
    assert pool.run("echo", {}, {}, "") == second.job


def test_a_canvas_goes_back_to_the_worker_that_knows_it_unless_that_one_is_busy(pool: WorkerPool) -> None:
    first, second = workers_of(pool)
    pool.run("portrait", {}, {}, "face")
    knows, other = (first, second) if first.job else (second, first)
    knows.finish()
    for _ in range(3):
        assert pool.run("portrait", {}, {}, "face") == knows.job
        knows.finish()
    pool.run("portrait", {}, {}, "hand")
    assert other.job, "the one with fewer jobs so far"
    other.finish()
    pool.run("portrait", {}, {}, "face")
    assert pool.run("portrait", {}, {}, "face") == other.job, "nobody waits for a busy worker while another is idle"
    other.finish()
    knows.finish()
    assert pool.run("portrait", {}, {}, "face") == other.job, "it drew the canvas last"


def test_which_worker_knows_a_canvas_is_not_kept_for_ever(pool: WorkerPool) -> None:
    for number in range(1000):
        pool.run("portrait", {}, {}, str(number))
        for worker in workers_of(pool):
            worker.finish()
    assert len(vars(pool)["_known"]) <= 256


def test_the_pool_fails_only_when_all_workers_do(pool: WorkerPool) -> None:
    first, second = workers_of(pool)
    first.state, first.problem, first.info = WorkerState.FAILED, Problem("start_failed", "no such device", ""), None
    assert pool.state is WorkerState.IDLE
    assert pool.resting
    assert pool.info is not None
    assert pool.info.device == "cuda:1"
    assert pool.reports()[0] == WorkerReport(5, "", "failed", 0, 0, "no such device")
    second.state = WorkerState.STARTING
    assert pool.state is WorkerState.STARTING
    assert not pool.resting
    second.state = WorkerState.FAILED
    assert pool.state is WorkerState.FAILED
    assert pool.problem == first.problem


def test_devices_are_named_once() -> None:
    assert parse_devices("cuda:0,cuda:1") == "cuda:0,cuda:1"
    for wrong in ("cuda:0,cuda:0", "cuda:0,", "gpu", "cpu,gpu"):
        with pytest.raises(typer.BadParameter):
            parse_devices(wrong)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Two workers, which may take two seconds for a step."""
    process = ServerProcess(tmp_path_factory.mktemp("pool") / "home", "--workers", "2", "--hang-s", "2")
    yield process
    process.stop()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(server.wait_until_listening()) as found:
        wait_for(lambda: all(one["state"] == "idle" for one in found.stats(60).extra["workers"]), "both workers")
        yield found


def test_two_jobs_run_at_once_and_one_death_costs_one_job(client: Client) -> None:
    before = client.stats(60).extra["workers"]
    jobs = [client.submit("slow", {}, ENDLESS) for _ in range(2)]
    for job in jobs:
        wait_for_message(client, Progress, job)
    wait_for(lambda: all(one["state"] == "busy" for one in client.stats(60).extra["workers"]), "two busy workers")
    os.kill(before[0]["pid"], signal.SIGKILL)
    ended = wait_for(lambda: [item for item in client.poll(1.0) if isinstance(item, Error)], "the error")
    assert ended[0].code == ErrorCode.WORKER_DIED
    (other,) = set(jobs) - {ended[0].id}
    assert isinstance(end_of(client, "echo", image=picture()), Result), "the worker is started again"
    assert client.open_jobs == [other]
    client.cancel(other)
    follow(client, [other])
    wait_for(lambda: len([one for one in client.stats(60).extra["workers"] if one["pid"]]) == 2, "both workers")
    after = client.stats(60)
    assert after.worker_restarts >= 1
    assert {one["pid"] for one in after.extra["workers"]} & {one["pid"] for one in before} == {before[1]["pid"]}


def test_a_job_that_hangs_costs_itself_only(client: Client) -> None:
    hangs = client.submit("slow", {}, {"steps": 1, "step_ms": 60_000})
    works = client.submit("slow", {}, {"steps": 10_000, "step_ms": 10})
    end = follow(client, [hangs])[hangs][-1]
    assert isinstance(end, Error)
    assert end.code == ErrorCode.TIMEOUT
    assert "no progress for 2 s" in end.message
    assert client.open_jobs == [works], "a long job that gets on is left alone"
    client.cancel(works)
    follow(client, [works])
    assert isinstance(end_of(client, "echo", image=picture()), Result)


def test_each_device_has_a_worker_and_jobs_go_to_the_idle_one(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "home", "--device", "fake:0,fake:1,fake:2")
    try:
        with Client(server.wait_until_listening()) as client:
            wait_for(lambda: all(one["state"] == "idle" for one in client.stats(60).extra["workers"]), "all workers")
            assert [one["device"] for one in client.stats(60).extra["workers"]] == ["fake:0", "fake:1", "fake:2"]
            client.ask_welcome()
            wait_for(lambda: client.poll(1.0) and client.welcome.device == "fake:0, fake:1, fake:2", "all devices")
            jobs = []
            for _ in range(3):  # each is given to a worker before the next one is sent
                jobs.append(client.submit("slow", {}, ENDLESS))
                wait_for_message(client, Progress, jobs[-1])
            assert {one["state"] for one in client.stats(60).extra["workers"]} == {"busy"}
            client.cancel(jobs[1])
            follow(client, [jobs[1]])
            result = end_of(client, "portrait", sketch=picture())
            assert isinstance(result, Result)
            assert result.info["device"] == "fake:1", "the only one that is idle"
            for job in (jobs[0], jobs[2]):
                client.cancel(job)
            follow(client, [jobs[0], jobs[2]])
    finally:
        server.stop()


def test_the_command_starts_as_many_workers_as_it_is_told(limner_home: Path, tmp_path: Path) -> None:
    command = Command(limner_home, tmp_path)
    command.succeeds("serve", "--workers", "2", "--device", "cpu", "--job-timeout", "30")
    assert len(command.json("status")["workers"]) == 2
    for wrong in (["--workers", "0"], ["--device", "cpu,cpu"], ["--job-timeout", "0"]):
        assert command.run("serve", *wrong).status == 2
