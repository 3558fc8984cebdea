# SPDX-License-Identifier: Apache-2.0
"""One job through the backend, which is found or started first. Blocks: GIMP runs the plug-in as its own process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable

from .client import BackendState, Client, ConnectionInfo, Launcher, Pixels
from .texts import N_, _
from .wire import Result

Report = Callable[[str, float], None]  # (what goes on, done fraction in [0, 1])

_STARTING, _LOADING = N_("Starting the Limner backend"), N_("The Limner backend loads its networks")
_STATES = {"starting": _STARTING, "loading": _LOADING, "ready": N_("The Limner backend is ready")}
_STAGES = {
    "waiting": N_("Waiting for other jobs"),
    "reading": N_("Reading the sketch"),
    "components": N_("Looking at the parts of the face"),
    "shadow": N_("Drawing the shadow guide"),
    "features": N_("Merging the parts"),
    "synthesis": N_("Painting the portrait"),
    "decoding": N_("Finishing the portrait"),
}


@dataclass(frozen=True)
class Job:
    """What is asked of the backend. canvas: id of the picture drawn on; the backend keeps what it computed for it."""

    task: str
    images: Mapping[str, Pixels]
    params: Mapping[str, Any]
    canvas: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back. version: the backend's."""

    result: Result
    version: str


def state_text(state: BackendState) -> str:
    """What is known of the backend, in the user's language; of a problem: cause and remedy."""
    if state.problem is not None:
        return f"{state.problem.message}\n{state.problem.remedy}"
    device = f" ({state.welcome.device})" if state.welcome is not None and state.welcome.device else ""
    return _(_STATES.get(state.name, state.name)) + device


def run_job(job: Job, launcher: Launcher, report: Report) -> Answer:
    """Run the job to its end, in the backend that the launcher finds or starts.

    Raises BackendError with cause and remedy: the backend cannot be started, was lost on the way, or refuses the job.
    After a loss the next call finds or starts another backend.
    """
    with Client(_connection(launcher, report), name="gimp") as client:
        if client.welcome.state == "loading":
            report(_LOADING, 0.0)
        version = client.wait_ready().server_version
        result = client.run(
            job.task,
            job.images,
            job.params,
            canvas=job.canvas,
            on_progress=lambda stage, fraction: report(_STAGES.get(stage, stage), fraction),
        )
    return Answer(result, version)


def _connection(launcher: Launcher, report: Report) -> ConnectionInfo:
    """Wait until the launcher has a backend that answers."""
    report(_STARTING, 0.0)
    return launcher.wait()
