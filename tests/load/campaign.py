# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.load.campaign --minutes 5`: 64 clients at once, live, explicit and cancelling; reported as JSON.
Status 1 when a job was lost or answered twice, a client got nothing done, or the server's memory grew."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from limner.client import Client
from tests.fuzz.live import Holdings, check_alive
from tests.load.clients import run_artists, summary
from tests.support.backends import PATIENCE_S, ServerProcess, wait_for
from tests.support.campaign import Steps, conclude

GROWTH_MB, GROWTH_FILES = 48.0, 8  # what server and workers may hold more at the end than after the warm-up


def run_load(folder: Path, clients: int, jobs: int, minutes: float, workers: int) -> dict[str, Any]:
    """One server under load; the report, with the faults that were found in `faults`."""
    server = ServerProcess(folder / "home", "--workers", str(workers))
    try:
        connection = server.wait_until_listening()
        check_alive(connection)
        run_artists(connection, clients, 4)  # warm-up: everything is loaded, every buffer has its size
        before = _holdings(server)
        deadline = time.monotonic() + minutes * 60
        tell = Steps("minutes", minutes)

        def go_on() -> bool:
            tell(min(minutes, round(minutes - (deadline - time.monotonic()) / 60, 1)))
            return time.monotonic() < deadline

        artists = run_artists(connection, clients, jobs, go_on if minutes else lambda: True)
        check_alive(connection)
        after = _holdings(server)
        report = {"workers": workers, **summary(artists), "before": before, "after": after}
        return {**report, "faults": _faults(report)}
    finally:
        server.stop()


def _holdings(server: ServerProcess) -> dict[str, dict[str, float]]:
    """What the server and its workers hold, once all clients of before are gone."""
    with Client(server.wait_until_listening()) as client:
        wait_for(lambda: client.stats(PATIENCE_S).running == 0, "the end of all jobs")
        pids = [worker["pid"] for worker in client.stats(PATIENCE_S).extra["workers"]]
    names = {"server": server.process.pid, **{f"worker {number}": pid for number, pid in enumerate(pids, 1)}}
    return {name: vars(Holdings.of(pid)) for name, pid in names.items()}


def _faults(report: dict[str, Any]) -> list[str]:
    faults = [
        f"{report[name]} jobs {name.replace('_', ' ')}"
        for name in ("lost", "answered_twice", "out_of_order")
        if report[name]
    ]
    faults += [f"{report['disconnected']} clients lost their connection"] if report["disconnected"] else []
    faults += [f"a client ({habit}) got nothing done" for habit, least in report["least_done"].items() if not least]
    faults += [f"jobs failed: {report['errors']}"] if report["failed"] else []
    for name, before in report["before"].items():
        after = report["after"][name]
        if after["resident_mb"] - before["resident_mb"] >= GROWTH_MB:
            faults.append(f"the {name} grew from {before['resident_mb']:.0f} to {after['resident_mb']:.0f} MB")
        if after["files"] - before["files"] >= GROWTH_FILES:
            faults.append(f"the {name} held {before['files']:.0f} files, and {after['files']:.0f} at the end")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load.campaign", description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=5.0, help="0: no limit of time")
    parser.add_argument("--jobs", type=int, default=10**9, help="at most, for each client")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run_load(Path(folder), options.clients, options.jobs, options.minutes, options.workers)
    name = f"{options.clients} clients for {options.minutes:g} minutes, {report['submitted']} jobs"
    return conclude(name, report, report["faults"])


if __name__ == "__main__":
    sys.exit(main())
