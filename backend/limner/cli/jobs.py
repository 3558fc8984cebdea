# SPDX-License-Identifier: Apache-2.0
"""One job through the running backend, started when none runs, with progress on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import limner
from limner.cli.progress import Bar, bar

if TYPE_CHECKING:
    from limner.client import Client
    from limner.client.launcher import BackendState
    from limner.wire import Pixels, Result

REPORTED = ("timings_ms", "seed", "device", "weights", "params", "frame")


@contextmanager
def open_client() -> Iterator[tuple[Client, Bar]]:
    """A client of the running backend, which is started when none runs and has loaded its weights; and a bar.

    Raises LimnerError with a remedy when it cannot be started.
    """
    from limner.client import Client
    from limner.client.launcher import ensure_backend

    with bar("Starting the backend") as shown:

        def on_state(state: BackendState) -> None:
            shown.update(f"The backend is {state.name}")

        connection = ensure_backend(on_state=on_state)
        with Client(connection, name="cli", version=limner.__version__) as client:
            shown.update("Loading the weights")
            client.wait_ready()
            yield client, shown


def run_job(task: str, images: Mapping[str, Pixels], params: Mapping[str, Any]) -> Result:
    """Run one job to its end; its info says the weights too. Raises LimnerError with a remedy when it fails."""
    with open_client() as (client, shown):
        result = client.run(task, images, params, on_progress=shown.update)
        return replace(result, info={"weights": dict(client.welcome.weights), **result.info})


def summary(task: str, result: Result, outputs: Mapping[str, Path]) -> dict[str, Any]:
    """What `--json` prints: the result's own report, and the files that were written."""
    info = dict(result.info)
    report: dict[str, Any] = {"task": task, "outputs": {name: str(path) for name, path in outputs.items()}}
    report.update((key, info.pop(key, None)) for key in REPORTED)
    report.update(info)
    return report
