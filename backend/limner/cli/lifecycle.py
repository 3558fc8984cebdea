# SPDX-License-Identifier: Apache-2.0
"""`limner serve`, `limner status`, `limner stop`: the backend's life."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli.failures import one_line, report
from limner.cli.options import Json
from limner.cli.progress import bar

if TYPE_CHECKING:
    from limner.client import Client
    from limner.wire import ConnectionInfo, Stats, Welcome

ANSWER_S = 5.0  # in which a backend answers, where nothing shows that its process lives
BUSY_S = 30.0  # in which one answers whose process lives, on a computer that is busy
IDLE_MINUTES = 60.0
READY_S = 120.0  # in which a worker that can start has done so
LOOK_S = 0.1  # between two looks at workers that start
NONE_RUNS = "No backend is running; the first drawing starts one."
STATES = {"loading": "is loading", "ready": "is ready", "failed": "runs but cannot draw"}  # as Welcome has them
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
MAX_WORKERS = 16


def find_backend() -> dict[str, Any]:
    """The state of the backend that the connection file, remote.json or LIMNER_ENDPOINT names; starts none.

    Returns a map with "running"; when True also endpoint, pid, state, version, device, weights, problem and jobs.
    Raises LimnerError when a backend is named and alive but does not answer.
    """
    from limner.client import BackendError, Client
    from limner.client.finding import find_running
    from limner.wire.errors import ErrorCode
    from limner.wire.process import is_stale
    from limner.wire.remote import forced_connection

    forced = forced_connection()
    connection = forced or find_running()
    if connection is None or is_stale(connection):
        return {"running": False}
    client = Client(connection, name="cli")
    try:
        patience = BUSY_S if connection.pid else ANSWER_S
        welcome = client.connect(patience)
        return {"running": True, "endpoint": connection.endpoint, **_describe(welcome, client.stats(patience))}
    except BackendError as error:
        if error.code != ErrorCode.BACKEND_LOST or forced:
            raise
        return {"running": False}  # a left-over connection file whose process number is another program's now
    finally:
        client.close()


def _describe(welcome: Welcome, stats: Stats) -> dict[str, Any]:
    return {
        "pid": welcome.pid,
        "state": welcome.state,
        "version": welcome.server_version,
        "device": welcome.device,
        "weights": dict(welcome.weights),
        "problem": asdict(welcome.problem) if welcome.problem else None,
        "tasks": sorted(welcome.schema),
        "uptime_s": round(stats.uptime_s, 1),
        "rss_mb": round(stats.rss_bytes / 2**20, 1),
        "workers": list(stats.extra.get("workers", [])),
        "jobs": {name: getattr(stats, name) for name in ("waiting", "running", "done", "failed", "cancelled")},
    }


def status(as_json: Json = False) -> None:
    """Tell whether a backend runs, where, on which device, and what it does."""
    state = find_backend()
    if as_json:
        print(json.dumps(state))
    elif not state["running"]:
        print(NONE_RUNS)
    else:
        _print_state(state)


def _print_state(state: Mapping[str, Any]) -> None:
    print(f"The backend {STATES[state['state']]} at {state['endpoint']} (process {state['pid']}).")
    if problem := state["problem"]:
        print(f"{problem['message']} {problem['remedy']}")
    print(f"version {state['version']}, device {state['device'] or 'not known yet'}, {state['rss_mb']} MB in use")
    print("jobs: " + ", ".join(f"{number} {name}" for name, number in state["jobs"].items()))
    for number, worker in enumerate(state["workers"], start=1):
        where = f" on {worker['device']}" if worker["device"] else ""
        process = f", process {worker['pid']}" if worker["pid"] else ""
        counts = f"{worker['done']} done, {worker['restarts']} restarts"
        problem = f": {worker['problem']}" if worker.get("problem") else ""
        print(f"worker {number}: {worker['state']}{where}{process}, {counts}{problem}")


def stop() -> None:
    """End the running backend and wait until it is gone. Jobs that have not ended get an error."""
    from limner.client.stopping import stop_backend

    with bar("Waiting for the backend to end") as shown:
        shown.update()
        ended = stop_backend()
    print("The backend has ended." if ended else "No backend is running.")


def parse_device(text: str) -> str:
    """The name of a device as `--device` takes it; raises typer.BadParameter for anything else."""
    if not _DEVICE.fullmatch(text):
        raise typer.BadParameter(f"'{text}' is not auto, cuda, cuda:N, mps or cpu")
    return text


def parse_devices(text: str) -> str:
    """One or more devices with commas between, each once; raises typer.BadParameter for anything else."""
    devices = [parse_device(name) for name in text.split(",")]
    if len(set(devices)) < len(devices):
        raise typer.BadParameter(f"'{text}' names a device twice; use --workers for several on one")
    return text


def serve(
    endpoint: Annotated[
        str, typer.Option(metavar="tcp://127.0.0.1:*", help="Where to listen; * is any free port.")
    ] = "tcp://127.0.0.1:*",
    device: Annotated[
        str,
        typer.Option(
            metavar="auto|cuda|cuda:1|mps|cpu", parser=parse_devices, help="What computes; several: cuda:0,cuda:1."
        ),
    ] = "auto",
    workers: Annotated[int, typer.Option(min=1, max=MAX_WORKERS, help="Jobs at once on each device.")] = 1,
    job_timeout: Annotated[
        float, typer.Option(metavar="SEC", min=1, help="End a job that makes no progress for so long.")
    ] = 120.0,
    idle_timeout: Annotated[
        float | None,
        typer.Option(
            metavar="MIN",
            min=0,
            show_default=f"{IDLE_MINUTES:g}, 0 with --public-key-dir",
            help="End after so many minutes without clients; 0: never.",
        ),
    ] = None,
    public_key_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Let in the computers whose public keys lie here; see 'limner keys'."),
    ] = None,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay in this terminal; Ctrl+C ends it.")] = False,
) -> None:
    """Start the backend, unless one is running already."""
    from limner.server.app import ServeOptions
    from limner.server.app import serve as run_backend
    from limner.server.lifecycle import live_connection

    minutes = (0.0 if public_key_dir else IDLE_MINUTES) if idle_timeout is None else idle_timeout
    folder = str(public_key_dir or "")
    options = ServeOptions(endpoint, device, minutes, foreground, "", folder, workers, job_timeout)
    if foreground:
        run_backend(options)
        return
    found = live_connection()
    with bar("Starting the backend") as shown:
        shown.update()
        run_backend(options)
        connection = live_connection()
        ready_on, failed = _wait_for_workers(connection, ours=connection != found) if connection else (None, [])
    for problem in failed:
        report(one_line(f"A worker cannot start: {problem} The others work."))
    if connection is not None:
        verb = "runs already" if connection == found else f"is ready on {ready_on}" if ready_on else "is loading"
        print(f"The backend {verb} at {connection.endpoint} (process {connection.pid}).")
    if folder:
        print(f"It lets the computers whose keys lie in {folder} in at {endpoint}.")


def _wait_for_workers(connection: ConnectionInfo, *, ours: bool) -> tuple[str | None, list[str]]:
    """The devices of a backend that has got ready, and why some of its workers cannot start; (None, []) for one that
    still loads after a long time.

    Raises BackendError when no worker can start; a backend that was started just now is ended then.
    """
    from limner.client import BackendError, Client, stop_backend
    from limner.wire.errors import ErrorCode

    with Client(connection, name="cli") as client:
        try:
            client.wait_ready(READY_S)
            workers = _settled_workers(client)
        except BackendError as error:
            if error.code == ErrorCode.TIMEOUT:
                return None, []
            if ours:
                stop_backend()
            raise
    devices = ", ".join(dict.fromkeys(worker["device"] for worker in workers if worker["device"]))
    return devices, [worker["problem"] for worker in workers if worker.get("problem")]


def _settled_workers(client: Client) -> list[Mapping[str, Any]]:
    """The workers, once each of them has started or failed to."""
    deadline = time.monotonic() + READY_S
    while True:
        workers = list(client.stats(BUSY_S).extra.get("workers", []))
        if time.monotonic() > deadline or not any(worker["state"] == "starting" for worker in workers):
            return workers
        time.sleep(LOOK_S)
