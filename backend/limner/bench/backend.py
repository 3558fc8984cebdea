# SPDX-License-Identifier: Apache-2.0
"""What an editor would meet: a backend in a process of its own, measured from outside through the client."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from limner.bench.drawings import FULL, as_pixels, example_sketch, with_other_eye
from limner.bench.machine import peak_resident_bytes
from limner.bench.timing import Times, time_runs
from limner.client import Client
from limner.client.stopping import stop_backend
from limner.wire import ConnectionInfo, ErrorCode, LimnerError, Pixels, Result, Stats, Welcome
from limner.wire.messages import STATE_FAILED, STATE_READY

CLIENT_COUNTS = (1, 2, 4, 8)
# The stages of `timings_ms` that are networks' work; reading the drawing, finding neighbors, making pixels is not.
NETWORK_STAGES = ("components", "shadow", "features", "synthesis", "decoding")
WIRE_SIDE = 512  # the echo job's picture, RGBA
_READY_TIMEOUT_S = 180.0
_POLL_S = 0.02  # how exactly the end of the start is seen; to look more often would hold the start up
_ANSWER_S = 1.0  # at most, until a Welcome comes
_ORPHANED_MIN = 15  # minutes after which a backend ends whose bench was killed; it may wait for slow networks
_CANVAS = "bench"

OnStep = Callable[[str, float], None]  # what is being measured, the done share in [0, 1]
Between = Callable[[str], None]  # measures something else on a device


@dataclass
class BackendFigures:
    """What was measured: times in milliseconds unless the name says seconds, memory in bytes.

    stages: the backend's own time in each stage of a full pass, median. outside: what one full pass takes besides its
    networks; medians of stages would not add up to that. throughput: portraits a second by the number of clients that
    draw at once.
    """

    device: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)
    starts_s: list[float] = field(default_factory=list)
    full_pass: Times | None = None
    stages: dict[str, float] = field(default_factory=dict)
    outside: Times | None = None
    window_update: Times | None = None
    wire: Times | None = None
    wire_pure: Times | None = None
    throughput: dict[int, float] = field(default_factory=dict)
    rest_bytes: int = 0
    peak_bytes: int = 0


@contextlib.contextmanager
def private_home() -> Iterator[Path]:
    """A LIMNER_HOME of the bench's own, so that the user's backend is neither used nor replaced."""
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as folder:
        home = Path(folder) / "home"
        with patch.dict(os.environ, {"LIMNER_HOME": str(home)}):
            for name in ("LIMNER_ENDPOINT", "LIMNER_TOKEN"):
                os.environ.pop(name, None)
            yield home


@contextlib.contextmanager
def running_backend(device: str) -> Iterator[tuple[ConnectionInfo, Welcome, float]]:
    """A backend of this home: its connection, its Welcome, and the seconds from `limner serve` until it was ready.

    Raises LimnerError when it does not get ready.
    """
    from limner.server.lifecycle import live_connection

    command = [sys.executable, "-m", "limner", "serve", "--foreground", "--device", device]
    command += ["--idle-timeout", str(_ORPHANED_MIN)]
    started = time.perf_counter()
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent)
    try:
        while (connection := live_connection()) is None:
            _check_start(process, started)
            time.sleep(_POLL_S)
        with Client(connection, name="bench") as client:
            welcome = client.welcome
            while welcome.state != STATE_READY:
                _check_start(process, started, welcome)
                time.sleep(_POLL_S)
                client.ask_welcome()
                client.poll(_ANSWER_S)
                welcome = client.welcome
        yield connection, welcome, time.perf_counter() - started
    finally:
        with contextlib.suppress(LimnerError):
            stop_backend()
        process.kill()
        process.wait()


def _check_start(process: subprocess.Popen[bytes], started: float, welcome: Welcome | None = None) -> None:
    if welcome is not None and welcome.state == STATE_FAILED and welcome.problem is not None:
        raise LimnerError(welcome.problem.code, welcome.problem.message, welcome.problem.remedy)
    if process.poll() is not None or time.perf_counter() - started > _READY_TIMEOUT_S:
        raise LimnerError(ErrorCode.START_FAILED, "The backend to be measured did not start.")


class BackendBench:
    """Takes all measurements of one backend, one after another.

    between: called after half of the full passes, so that what it measures meets the machine at the same speed."""

    def __init__(self, runs: int, on_step: OnStep, between: Between = lambda device: None) -> None:
        self.runs = runs
        self.figures = BackendFigures()
        self._on_step, self._between = on_step, between
        sketch = example_sketch()  # (512, 512, 1) uint8
        self._sketch, self._changed = as_pixels(sketch), as_pixels(with_other_eye(sketch))

    def measure(self, device: str, starts: int) -> BackendFigures:
        """Starts the backend `starts` times, and measures the last one. Raises LimnerError when a job fails."""
        for number in range(starts):
            self._on_step(f"start {number + 1} of {starts}", number / starts)
            with private_home(), running_backend(device) as (connection, welcome, seconds):
                self.figures.starts_s.append(round(seconds, 3))
                if number == starts - 1:
                    self.figures.device, self.figures.weights = welcome.device, dict(welcome.weights)
                    self._measure_warm(connection)
        return self.figures

    def _measure_warm(self, connection: ConnectionInfo) -> None:
        with Client(connection, name="bench") as client:
            self.figures.wire = self._time_wire(client, "wire")  # its first run waits until the worker has warmed up
            self.figures.rest_bytes = client.stats().rss_bytes
            with Client(connection, name="bench", transport="zmtp") as pure:
                self.figures.wire_pure = self._time_wire(pure, "wire, in pure Python")
            self._time_full_pass(client)
            self.figures.window_update = self._time_window_update(client)
            pids = _pids(client.stats())
        for count in CLIENT_COUNTS:
            self.figures.throughput[count] = self._throughput(connection, count)
        self.figures.peak_bytes = peak_resident_bytes(pids)

    def _time_wire(self, client: Client, name: str) -> Times:
        picture = Pixels(WIRE_SIDE, WIRE_SIDE, 4, "u8", os.urandom(WIRE_SIDE * WIRE_SIDE * 4))
        return self._time(name, lambda: client.run("echo", {"image": picture}))

    def _time_full_pass(self, client: Client) -> None:
        """Without a canvas nothing is kept from one pass to the next."""
        timed = self._full_passes(client, -(-self.runs // 2))
        self._between(self.figures.device)
        timed += self._full_passes(client, self.runs // 2)
        self.figures.full_pass = Times.of([seconds for seconds, _ in timed])
        self.figures.stages = {name: Times.of([one[name] / 1000 for _, one in timed]).p50 for name in timed[0][1]}
        networks = [sum(one.get(stage, 0.0) for stage in NETWORK_STAGES) / 1000 for _, one in timed]
        outside = [max(0.0, seconds - own) for (seconds, _), own in zip(timed, networks, strict=True)]
        self.figures.outside = Times.of(outside)

    def _full_passes(self, client: Client, runs: int) -> list[tuple[float, Mapping[str, float]]]:
        """The seconds of each pass, and its milliseconds by stage."""
        told: list[Mapping[str, float]] = []

        def run() -> None:
            told.append(self._draw(client, self._sketch).info["timings_ms"])

        seconds = self._seconds("full pass", run, runs)
        return list(zip(seconds, told[len(told) - len(seconds) :], strict=True))

    def _time_window_update(self, client: Client) -> Times:
        """A canvas whose drawing changes in the left eye's window each time."""
        pictures = [self._sketch, self._changed]
        self._draw(client, pictures[1], _CANVAS)

        def run() -> None:
            pictures.reverse()
            self._draw(client, pictures[1], _CANVAS)

        return self._time("one window", run)

    def _throughput(self, connection: ConnectionInfo, count: int) -> float:
        """Portraits a second while so many clients each draw one after another."""
        each = max(2, self.runs // (4 * count))
        errors: list[BaseException] = []
        self._on_step(f"{count} clients", 0.0)

        def draw(client: Client) -> None:
            try:
                for _ in range(each):
                    self._draw(client, self._sketch)
            except BaseException as error:
                errors.append(error)

        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(connection, name="bench")) for _ in range(count)]
            threads = [threading.Thread(target=draw, args=(client,), daemon=True) for client in clients]
            started = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            seconds = time.perf_counter() - started
        if errors:
            raise errors[0]
        return round(count * each / seconds, 3)

    def _draw(self, client: Client, sketch: Pixels, canvas: str = "") -> Result:
        params: dict[str, Any] = {"frame": FULL, "shadow": True}
        return client.run("portrait", {"sketch": sketch}, params, canvas=canvas)

    def _time(self, name: str, run: Callable[[], object]) -> Times:
        return Times.of(self._seconds(name, run, self.runs))

    def _seconds(self, name: str, run: Callable[[], object], runs: int) -> list[float]:
        self._on_step(name, 0.0)
        return time_runs(run, runs, 2, lambda done: self._on_step(name, done / runs))


def _pids(stats: Stats) -> list[int]:
    return [stats.pid, *(worker["pid"] for worker in stats.extra["workers"])]
