# SPDX-License-Identifier: Apache-2.0
"""Real backends with the fake engine, for tests: started as processes of their own, ended with the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from limner.client import Client
from limner.wire import END_TYPES, ConnectionInfo, Message, Pixels
from limner.wire.locks import FileLock

ROOT = Path(__file__).resolve().parent.parent.parent
FAKE_ENGINE = "tests.support.fake_engine:build_engine"
PATIENCE_S = 90.0  # for anything to happen, on the slowest machine; no test expects it to take long

Found = TypeVar("Found")


def wait_for(look: Callable[[], Found | None], what: str) -> Found:
    """Looks until there is something; fails when nothing came after a long time."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return found


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment for a process that uses this home and finds the package and the tests."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
    clean["PYTHONPATH"] = os.pathsep.join([str(ROOT / "backend"), str(ROOT)])
    return {**clean, "LIMNER_HOME": str(home), **more}


def connection_in(home: Path) -> ConnectionInfo | None:
    """What the home's connection file says; None when there is none."""
    try:
        return ConnectionInfo.from_map(json.loads((home / "connection.json").read_text("utf-8")))
    except OSError:
        return None


def held_lock(home: Path) -> FileLock:
    """The home's lock as a backend holds it."""
    lock = FileLock(home / "backend.lock")
    home.mkdir(mode=0o700, exist_ok=True)
    assert lock.acquire()
    return lock


class ServerProcess:
    """`python -m limner.server --foreground` with the fake engine."""

    def __init__(self, home: Path, *options: str, engine: str = FAKE_ENGINE) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.output = home.with_name(home.name + f"-output-{time.monotonic_ns()}.txt")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "limner.server", "--foreground", "--engine", engine, *options],
                env=environment(home),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def wait_until_listening(self) -> ConnectionInfo:
        """The connection that this very process offers."""

        def look() -> ConnectionInfo | None:
            assert self.process.poll() is None, self.text()
            info = connection_in(self.home)
            return info if info is not None and info.pid == self.process.pid else None

        return wait_for(look, "the server's connection file")

    def wait_until_ended(self) -> int:
        """The exit status."""
        return self.process.wait(PATIENCE_S)

    def text(self) -> str:
        """What the process printed."""
        return self.output.read_text("utf-8", "replace")

    def stop(self) -> None:
        """Ends it, whatever its state."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def picture(seed: int = 1, width: int = 16, height: int = 12, channels: int = 4) -> Pixels:
    """A small picture, different for each seed."""
    data = bytes((seed * 31 + index * 7) % 256 for index in range(width * height * channels))
    return Pixels(width, height, channels, "u8", data)


def next_messages(client: Client) -> list[Message]:
    """What comes next; fails when nothing comes for a long time."""
    return wait_for(lambda: client.poll(1.0), "a message")


def follow(client: Client, job_ids: Iterable[str]) -> dict[str, list[Message]]:
    """Waits until all of the jobs have ended; returns what came for each."""
    heard: dict[str, list[Message]] = {job_id: [] for job_id in job_ids}
    while not all(messages and isinstance(messages[-1], END_TYPES) for messages in heard.values()):
        for message in next_messages(client):
            if message.id in heard:
                heard[message.id].append(message)
    return heard


def wait_for_message(client: Client, kind: type[Found], job_id: str) -> Found:
    """Waits for a message of that kind about the job; what comes before it is skipped."""
    while True:
        for message in next_messages(client):
            if isinstance(message, kind) and getattr(message, "id", None) == job_id:
                return message


def end_of(client: Client, task: str, params: dict[str, Any] | None = None, **images: Pixels) -> Message:
    """How the job ended."""
    job_id = client.submit(task, images, params)
    return follow(client, [job_id])[job_id][-1]
