# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.fuzz.campaign --inputs 1000000`: damaged inputs by the million, reported as JSON; status 1 if one
did harm. The same seed sends the same inputs to the decoders."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.fuzz.decoding import fuzz_decoders
from tests.fuzz.live import Holdings, check_alive, fuzz_server
from tests.support.backends import ServerProcess
from tests.support.campaign import Steps, conclude

_WARM_UP = 400  # inputs after which a process has loaded what it ever will
# What a process may hold more at the end than after the warm-up, during which its worker may still be starting.
GROWTH_MB, GROWTH_FILES, GROWTH_THREADS = 48.0, 16, 8


@contextmanager
def live_server(folder: Path) -> Iterator[ServerProcess]:
    """A server with the light engine."""
    server = ServerProcess(folder / "home")
    try:
        yield server
    finally:
        server.stop()


def run_live(server: ServerProcess, inputs: int, seed: int, on_step: Callable[[int], None]) -> dict[str, Any]:
    """Inputs against the server; what it held before and after. Raises AssertionError when it was harmed."""
    connection = server.wait_until_listening()
    check_alive(connection)
    fuzz_server(connection, min(_WARM_UP, inputs), seed + 1)
    check_alive(connection)
    before = Holdings.of(server.process.pid)
    answered = fuzz_server(connection, inputs, seed, on_step)
    check_alive(connection)
    after = Holdings.of(server.process.pid)
    assert server.process.poll() is None, server.text()
    assert after.resident_mb - before.resident_mb < GROWTH_MB, (before, after)
    assert after.files - before.files < GROWTH_FILES, (before, after)
    assert after.threads - before.threads < GROWTH_THREADS, (before, after)
    return {"inputs": inputs, "answered": answered, "before": vars(before), "after": vars(after)}


def run_decoders(inputs: int, seed: int, on_step: Callable[[int], None]) -> dict[str, Any]:
    """Inputs against the decoders in this process. Raises what they should not have raised."""
    fuzz_decoders(min(_WARM_UP, inputs), seed + 1)
    before = psutil.Process().memory_info().rss
    verdicts = fuzz_decoders(inputs, seed, on_step)
    growth = (psutil.Process().memory_info().rss - before) / 2**20
    assert growth < GROWTH_MB, f"the decoders keep {growth:.0f} MB"
    return {"inputs": inputs, "read": verdicts.read, "refused": verdicts.refused, "growth_mb": round(growth, 1)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.campaign", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in all (default: %(default)s)")
    parser.add_argument("--live", type=float, default=0.05, help="share that goes to a live server")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: a new one each time")
    options = parser.parse_args()
    live = int(options.inputs * options.live)
    decoded = options.inputs - live
    report: dict[str, Any] = {"seed": options.seed}
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            report["decoders"] = run_decoders(decoded, options.seed, Steps("decoders", decoded))
            with live_server(Path(folder)) as server:
                report["live"] = run_live(server, live, options.seed, Steps("live server", live))
        except Exception as error:
            traceback.print_exc()
            faults.append(f"{type(error).__name__}: {error}")
    return conclude(f"{options.inputs} damaged inputs", report, faults)


if __name__ == "__main__":
    sys.exit(main())
