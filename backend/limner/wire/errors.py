# SPDX-License-Identifier: Apache-2.0
"""Error codes with a default message and remedy each, and the exceptions that carry them.

Every failure a user can see has three parts: a stable code for programs, one line that says what happened and why, and
one line that says what to do now.
"""

from __future__ import annotations

from dataclasses import dataclass


class ErrorCode:
    """The codes of protocol version 1. A newer peer may send others: treat an unknown code like ``internal``."""

    BAD_TOKEN = "bad_token"
    NOT_ALLOWED = "not_allowed"
    BAD_MESSAGE = "bad_message"
    UNKNOWN_KIND = "unknown_kind"
    INCOMPATIBLE_VERSION = "incompatible_version"
    TOO_LARGE = "too_large"
    BAD_PICTURE = "bad_picture"
    BLANK_SKETCH = "blank_sketch"
    NOT_A_SKETCH = "not_a_sketch"
    TOO_DENSE = "too_dense"
    UNKNOWN_TASK = "unknown_task"
    UNKNOWN_JOB = "unknown_job"
    BAD_PARAMETER = "bad_parameter"
    BUSY = "busy"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    WORKER_DIED = "worker_died"
    SHUTTING_DOWN = "shutting_down"
    WEIGHTS_MISSING = "weights_missing"
    WEIGHTS_DAMAGED = "weights_damaged"
    DEVICE_UNAVAILABLE = "device_unavailable"
    BACKEND_NOT_INSTALLED = "backend_not_installed"
    START_FAILED = "start_failed"
    BACKEND_LOST = "backend_lost"
    INTERNAL = "internal"


DEFAULTS: dict[str, tuple[str, str]] = {  # code -> (message, remedy)
    ErrorCode.BAD_TOKEN: (
        "The backend refused the access token.",
        "Run 'limner stop' and try again; with LIMNER_ENDPOINT set, set LIMNER_TOKEN to that backend's token.",
    ),
    ErrorCode.NOT_ALLOWED: (
        "The backend's computer does not allow this.",
        "Ask whoever runs the backend to allow this computer's public key: 'limner keys make' shows it.",
    ),
    ErrorCode.BAD_MESSAGE: (
        "A message could not be read.",
        "Update Limner so that the editor's plugin and the backend have the same version.",
    ),
    ErrorCode.UNKNOWN_KIND: (
        "A message of an unknown kind arrived.",
        "Update Limner so that the editor's plugin and the backend have the same version.",
    ),
    ErrorCode.INCOMPATIBLE_VERSION: (
        "The plugin and the backend speak different protocol versions.",
        "Install the plugin of the same version with 'limner install', then run 'limner stop' and try again.",
    ),
    ErrorCode.TOO_LARGE: (
        "A message is larger than the protocol allows.",
        "Send a smaller picture: at most 8192 pixels a side and 64 MiB.",
    ),
    ErrorCode.BAD_PICTURE: (
        "The picture cannot be used.",
        "Check that the file or layer is a whole picture with at least one pixel.",
    ),
    ErrorCode.BLANK_SKETCH: (
        "The sketch is blank: no strokes were found.",
        "Draw a face on the layer, or select the layer that has the sketch.",
    ),
    ErrorCode.NOT_A_SKETCH: (
        "The picture does not look like a line drawing.",
        "Use a line drawing on transparency or paper; make one of a photo with 'limner sketch PHOTO -o OUT.png'.",
    ),
    ErrorCode.TOO_DENSE: (
        "The drawing is too dense: nearly all of it is covered with ink.",
        "Leave the paper white between the lines, or lower the opacity of shading.",
    ),
    ErrorCode.UNKNOWN_TASK: (
        "The backend does not know this task.",
        "Update the backend, or choose one of the tasks it lists.",
    ),
    ErrorCode.UNKNOWN_JOB: (
        "The backend knows no such job of this client.",
        "Nothing to do: the job has ended already.",
    ),
    ErrorCode.BAD_PARAMETER: (
        "A parameter is out of its range.",
        "Choose a value inside the range.",
    ),
    ErrorCode.BUSY: (
        "The backend has too many waiting jobs.",
        "Wait for the running jobs, or cancel some of them.",
    ),
    ErrorCode.CANCELLED: (
        "The job was cancelled.",
        "Start it again when you want its result.",
    ),
    ErrorCode.TIMEOUT: (
        "The backend took longer than the time allowed.",
        "Try again; 'limner status' tells what the backend is doing.",
    ),
    ErrorCode.OUT_OF_MEMORY: (
        "The device has too little free memory for this job.",
        "Close other programs, or start the backend on the CPU: 'limner stop', then 'limner serve --device cpu'.",
    ),
    ErrorCode.WORKER_DIED: (
        "The backend's worker process ended in the middle of the job.",
        "Try again: the worker has been started anew. If it happens again, look at the backend's log.",
    ),
    ErrorCode.SHUTTING_DOWN: (
        "The backend is shutting down.",
        "Try again: a new backend is started when needed.",
    ),
    ErrorCode.WEIGHTS_MISSING: (
        "The network weights are missing.",
        "Install Limner again, or run 'limner doctor' to see which file is missing.",
    ),
    ErrorCode.WEIGHTS_DAMAGED: (
        "The network weights are damaged.",
        "Install Limner again, or run 'limner doctor' to see which file is damaged.",
    ),
    ErrorCode.DEVICE_UNAVAILABLE: (
        "The chosen device is not available.",
        "Choose another one: 'limner stop', then 'limner serve --device auto'.",
    ),
    ErrorCode.BACKEND_NOT_INSTALLED: (
        "The Limner backend is not installed on this computer.",
        "Install it with 'pip install limner', then run 'limner install krita' or 'limner install gimp'.",
    ),
    ErrorCode.START_FAILED: (
        "The backend could not be started.",
        "Run 'limner doctor' in a terminal; the backend's log tells more.",
    ),
    ErrorCode.BACKEND_LOST: (
        "The connection to the backend was lost.",
        "Try again: a new backend is started when needed. The backend's log tells why it stopped.",
    ),
    ErrorCode.INTERNAL: (
        "Something went wrong inside Limner.",
        "Try again; if it happens again, report it together with the backend's log.",
    ),
}


@dataclass(frozen=True)
class Problem:
    """What happened and why (``message``), what to do now (``remedy``), and a code for programs."""

    code: str
    message: str
    remedy: str


def problem(code: str, message: str = "", remedy: str = "") -> Problem:
    """Build a Problem; an empty message or remedy is filled in with the default of the code."""
    default_message, default_remedy = DEFAULTS.get(code, DEFAULTS[ErrorCode.INTERNAL])
    return Problem(code, message or default_message, remedy or default_remedy)


class LimnerError(Exception):
    """Base of all errors that are shown to the user: ``code``, ``message`` and ``remedy``, one line each."""

    def __init__(self, code: str, message: str = "", remedy: str = "") -> None:
        self.problem = problem(code, message, remedy)
        super().__init__(self.problem.message)

    @property
    def code(self) -> str:
        """One of ErrorCode."""
        return self.problem.code

    @property
    def message(self) -> str:
        """What happened and why."""
        return self.problem.message

    @property
    def remedy(self) -> str:
        """What to do now."""
        return self.problem.remedy

    def __str__(self) -> str:
        return f"{self.problem.message} {self.problem.remedy}"

    def __reduce__(self) -> tuple[type[LimnerError], tuple[str, str, str]]:
        return type(self), (self.problem.code, self.problem.message, self.problem.remedy)


class WireError(LimnerError):
    """A message, picture or parameter breaks the protocol.

    ``message_id`` is the id of the offending message where its header could be read that far, else "".
    """

    message_id: str = ""
