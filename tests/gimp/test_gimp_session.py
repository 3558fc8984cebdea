# SPDX-License-Identifier: Apache-2.0
"""The plug-in's jobs against a real backend with the engine without networks."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.backends import ServerProcess, picture, wait_for

SLOW = {"steps": 3000, "step_ms": 20}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LIMNER_ENDPOINT", raising=False)
    return tmp_path / "home"


@pytest.fixture
def server(home: Path) -> Iterator[ServerProcess]:
    found = ServerProcess(home)
    found.wait_until_listening()
    yield found
    found.stop()


@pytest.fixture
def session(plugin: SimpleNamespace, server: ServerProcess) -> Iterator[Any]:
    found = plugin.backend.Session(plugin.client.Launcher(start=False))
    yield found
    found.close()


def portrait(plugin: SimpleNamespace, seed: int = 0) -> Any:
    pixels = picture(1)
    sketch = plugin.wire.Pixels(pixels.width, pixels.height, 4, "u8", pixels.data)
    return plugin.backend.Job("portrait", {"sketch": sketch}, {"seed": seed}, title="Sketch to Portrait")


def slow(plugin: SimpleNamespace) -> Any:
    return plugin.backend.Job("slow", {}, SLOW)


def ends(plugin: SimpleNamespace, session: Any, count: int = 1) -> list[Any]:
    """What became of the next jobs."""
    found: list[Any] = []

    def look() -> bool:
        found.extend(news for news in session.poll() if not isinstance(news, plugin.backend.Progress))
        return len(found) >= count

    wait_for(look, "the end of a job")
    return found


def wait_until_running(plugin: SimpleNamespace, session: Any) -> None:
    wait_for(lambda: any(getattr(news, "text", "") == "slow" for news in session.poll()), "the slow job")


def test_a_job_with_its_progress(plugin: SimpleNamespace, server: ServerProcess) -> None:
    told: list[tuple[str, float]] = []
    answer = plugin.backend.run_job(portrait(plugin), plugin.client.Launcher(), lambda *what: told.append(what))
    assert set(answer.result.images) == {"portrait", "shadow"}
    assert answer.version
    assert told[-1] == ("Painting the portrait", 1.0)
    assert len(told) == len(set(told))


def test_the_newest_job_wins_and_the_one_that_runs_is_seen_through(plugin: SimpleNamespace, session: Any) -> None:
    session.ask(plugin.backend.Job("slow", {}, {"steps": 30, "step_ms": 20}))
    wait_until_running(plugin, session)
    for seed in (1, 2, 3):
        session.ask(portrait(plugin, seed))
    first, second = ends(plugin, session, 2)
    assert (first.job.task, second.job.params) == ("slow", {"seed": 3})
    assert not session.busy
    assert session.poll() == []


def test_the_job_that_runs_is_not_asked_twice(plugin: SimpleNamespace, session: Any) -> None:
    session.ask(slow(plugin))
    wait_until_running(plugin, session)
    session.ask(portrait(plugin))
    session.ask(slow(plugin))  # back to what runs already
    session.cancel()
    (only,) = ends(plugin, session)
    assert only.problem.code == "cancelled"
    assert not session.busy


def test_cancel_drops_the_job_that_runs_and_the_one_that_waits(plugin: SimpleNamespace, session: Any) -> None:
    session.ask(slow(plugin))
    wait_until_running(plugin, session)
    session.ask(portrait(plugin, 1))
    session.cancel()
    (end,) = ends(plugin, session)
    assert end.problem.code == "cancelled"
    session.ask(portrait(plugin, 2))
    (end,) = ends(plugin, session)
    assert end.job.params == {"seed": 2}


def test_a_killed_backend_is_told_and_the_next_job_finds_another(
    plugin: SimpleNamespace, session: Any, server: ServerProcess, home: Path
) -> None:
    session.ask(slow(plugin))
    wait_until_running(plugin, session)
    os.kill(server.process.pid, signal.SIGKILL)
    (end,) = ends(plugin, session)
    assert end.problem.code == "backend_lost"
    assert end.problem.message
    assert end.problem.remedy
    server.wait_until_ended()
    other = ServerProcess(home)
    try:
        other.wait_until_listening()
        session.retry()
        session.ask(portrait(plugin))
        (end,) = ends(plugin, session)
        assert set(end.answer.result.images) == {"portrait", "shadow"}
    finally:
        other.stop()


def test_without_a_backend_the_cause_and_the_remedy_are_told(plugin: SimpleNamespace, home: Path) -> None:
    launcher = plugin.client.Launcher(start=False)
    with pytest.raises(plugin.client.BackendError, match=r"No backend is running\. Start one"):
        plugin.backend.run_job(portrait(plugin), launcher, lambda *_what: None)


def test_a_task_that_the_backend_does_not_offer(plugin: SimpleNamespace, server: ServerProcess) -> None:
    sketch = portrait(plugin).images
    job = plugin.backend.Job("invert", sketch, {"style": "auto"}, title="Invert Sketch")
    with pytest.raises(plugin.client.BackendError, match=r"does not offer 'Invert Sketch'\. Update Limner's backend"):
        plugin.backend.run_job(job, plugin.client.Launcher(), lambda *_what: None)


def test_a_refused_job_is_told_and_the_session_goes_on(plugin: SimpleNamespace, session: Any) -> None:
    session.ask(plugin.backend.Job("raise", {}, {}))
    session_end = ends(plugin, session)[0]
    assert "no such face" in session_end.problem.message
    session.ask(portrait(plugin))
    assert isinstance(ends(plugin, session)[0], plugin.backend.Done)
