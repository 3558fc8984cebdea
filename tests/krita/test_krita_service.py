# SPDX-License-Identifier: Apache-2.0
"""The plugin's thread against a real backend with the fake engine, as it is installed: pure-Python transport."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from limner_krita.backend.jobs import Event, Job, JobEvent, StateEvent, Work
from limner_krita.backend.service import BackendService
from limner_krita.client import Pixels
from limner_krita.wire import Cancelled, Error, Progress, Result, Welcome

from tests.support.backends import FAKE_ENGINE, ServerProcess, wait_for

SKETCH = Pixels(4, 4, 4, "u8", bytes(range(64)))


class Watched:
    """The service, and what it has told."""

    def __init__(self) -> None:
        self.service = BackendService()
        self.heard: list[Event] = []

    def until(self, look: Callable[[list[Event]], Any], what: str) -> Any:
        def once() -> Any:
            self.heard += self.service.take_events()
            return look(self.heard)

        return wait_for(once, what)

    def states(self) -> list[str]:
        return [event.state.name for event in self.heard if isinstance(event, StateEvent)]

    def until_state(self, name: str) -> StateEvent:
        return self.until(
            lambda heard: next((e for e in heard if isinstance(e, StateEvent) and e.state.name == name), None), name
        )

    def end_of(self, key: int) -> JobEvent:
        kinds = (Result, Cancelled, Error)
        return self.until(
            lambda heard: next(
                (e for e in heard if isinstance(e, JobEvent) and e.key == key and isinstance(e.message, kinds)), None
            ),
            f"the end of job {key}",
        )


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.service.close()


@pytest.fixture
def backend(limner_home: Path) -> Iterator[ServerProcess]:
    backend = ServerProcess(limner_home)
    backend.wait_until_listening()
    yield backend
    backend.stop()


def job(task: str = "portrait", **params: Any) -> Job:
    images = {"sketch": SKETCH} if task == "portrait" else {}
    return Job(task, lambda welcome: Work(images, params), lambda result: sorted(result.images))


def test_a_job_comes_back_finished(backend: ServerProcess, watched: Watched) -> None:
    end = watched.end_of(watched.service.submit(job(seed=3)))
    assert isinstance(end.message, Result)
    assert end.message.info["seed"] == 3
    assert end.value == ["portrait", "shadow"]
    assert watched.states()[-1] == "ready"


def test_looking_starts_nothing(limner_home: Path, watched: Watched) -> None:
    watched.service.look()
    watched.until_state("stopped")
    assert not (limner_home / "connection.json").exists()


def test_a_running_backend_is_adopted_and_outlives_the_plugin(backend: ServerProcess, watched: Watched) -> None:
    watched.service.look()
    assert watched.until_state("ready").state.welcome.pid == backend.process.pid
    watched.service.close()
    assert backend.process.poll() is None


def test_the_first_job_starts_the_backend(limner_home: Path, watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    limner_home.mkdir()
    (limner_home / "install.json").write_text(json.dumps({"python": sys.executable}), "utf-8")
    monkeypatch.setenv("LIMNER_ENGINE", FAKE_ENGINE)
    # the editor's own Python settings are not handed on: the backend finds the tests through its working folder
    for name in ("tests", "limner"):
        (limner_home / name).symlink_to(Path(sys.modules[name].__path__[0]).resolve())
    end = watched.end_of(watched.service.submit(job()))
    assert isinstance(end.message, Result)
    assert watched.states()[0] == "starting"


def test_without_an_installation_the_job_says_what_to_do(
    limner_home: Path, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner_krita.client.interpreter.importlib.util.find_spec", lambda name: None)
    end = watched.end_of(watched.service.submit(job()))
    assert isinstance(end.message, Error)
    assert end.message.code == "backend_not_installed"
    assert "pip install limner" in end.message.remedy
    assert watched.states()[-1] == "not_installed"


def test_cancel_in_the_middle(backend: ServerProcess, watched: Watched) -> None:
    key = watched.service.submit(job("slow", steps=10_000, step_ms=20))
    watched.until(lambda heard: any(isinstance(e, JobEvent) and isinstance(e.message, Progress) for e in heard), "it")
    watched.service.cancel(key)
    assert isinstance(watched.end_of(key).message, Cancelled)
    assert isinstance(watched.end_of(watched.service.submit(job())).message, Result)


def test_a_killed_backend_ends_the_job_and_the_state_says_so(backend: ServerProcess, watched: Watched) -> None:
    key = watched.service.submit(job("slow", steps=10_000, step_ms=20))
    watched.until(lambda heard: any(isinstance(e, JobEvent) and isinstance(e.message, Progress) for e in heard), "it")
    os.kill(backend.process.pid, signal.SIGKILL)
    end = watched.end_of(key)
    assert isinstance(end.message, Error)
    assert end.message.code == "backend_lost"
    backend.process.wait()
    problem = watched.until_state("lost").state.problem
    assert problem is not None
    assert problem.remedy


def test_what_goes_wrong_while_preparing_is_told(backend: ServerProcess, watched: Watched) -> None:
    def prepare(welcome: Welcome) -> Work:
        raise ZeroDivisionError("by nothing")

    end = watched.end_of(watched.service.submit(Job("portrait", prepare)))
    assert isinstance(end.message, Error)
    assert "ZeroDivisionError: by nothing" in end.message.message
    nothing = watched.end_of(watched.service.submit(Job("portrait", lambda welcome: None)))
    assert isinstance(nothing.message, Cancelled)


def test_what_goes_wrong_while_finishing_is_told(backend: ServerProcess, watched: Watched) -> None:
    def finish(result: Result) -> None:
        raise ValueError("no such place")

    good = job()
    end = watched.end_of(watched.service.submit(Job(good.task, good.prepare, finish)))
    assert isinstance(end.message, Error)
    assert "no such place" in end.message.message
