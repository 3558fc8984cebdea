# SPDX-License-Identifier: Apache-2.0
"""Every message of the protocol as a frozen dataclass. PROTOCOL.md says when each is sent.

``kind`` is the message's name on the wire. ``id`` is the job's id for everything that belongs to a job, and a number
chosen by the client, repeated in the reply, for everything else. ``images`` travel as raw frames behind the header.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from . import limits
from .errors import Problem
from .fields import bad, boolean, choice, free_map, integer, number, text, text_map, wire_field
from .pixels import Pixels
from .schema import TaskSchema

_NAME = text(limits.MAX_NAME_LENGTH)
_NEEDED_NAME = text(limits.MAX_NAME_LENGTH, empty=False)
_ID = text(limits.MAX_ID_LENGTH)
_TEXT = text()
_FRACTION = number(0.0, 1.0)
_COUNT = integer(0, 2**63 - 1)

STATE_LOADING = "loading"  # the worker is starting: no schema yet, jobs wait
STATE_READY = "ready"
STATE_FAILED = "failed"  # the worker cannot start; ``Welcome.problem`` says why
_STATE = choice(STATE_LOADING, STATE_READY, STATE_FAILED)


def _pack_schema(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(item, TaskSchema) for item in value.values()):
        raise bad(key, "a map of TaskSchema")
    return free_map({name: item.to_map() for name, item in value.items()}, key)


def _unpack_schema(value: Any, key: str) -> dict[str, TaskSchema]:
    if not isinstance(value, Mapping):
        raise bad(key, "a map of tasks")
    return {_NEEDED_NAME(name, key): TaskSchema.from_map(item) for name, item in value.items()}


def _pack_problem(value: Any, key: str) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, Problem):
        raise bad(key, "a Problem or None")
    return text_map(asdict(value), key)


def _unpack_problem(value: Any, key: str) -> Problem | None:
    if value is None:
        return None
    found = text_map(value, key)
    if not {"code", "message", "remedy"} <= set(found):
        raise bad(key, "a map of code, message and remedy")
    return Problem(found["code"], found["message"], found["remedy"])


@dataclass(frozen=True)
class Message:
    """Base of all messages."""

    id: str

    kind: ClassVar[str] = ""
    needs_id: ClassVar[bool] = True
    has_images: ClassVar[bool] = False


@dataclass(frozen=True)
class ClientMessage(Message):
    """A message from a client; ``token`` is the backend's secret from the connection file."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class ServerMessage(Message):
    """A message from the backend."""


@dataclass(frozen=True)
class Hello(ClientMessage):
    """Introduces a client; answered at once with Welcome, also while the worker is loading."""

    client: str = wire_field(_NAME, default="")  # "krita", "gimp", "cli", ...
    client_version: str = wire_field(_NAME, default="")

    kind: ClassVar[str] = "hello"


@dataclass(frozen=True)
class Welcome(ServerMessage):
    """Who the backend is and what it can do.

    ``schema`` and ``weights`` are complete when ``state`` is "ready"; ``problem`` says why it is "failed", or why it
    was before it is "loading" again.
    """

    state: str = wire_field(_STATE)
    server_version: str = wire_field(_NAME)
    pid: int = wire_field(_COUNT, default=0)
    device: str = wire_field(_NAME, default="")  # "cpu", "cuda:0", ...; "" while loading
    weights: Mapping[str, str] = wire_field(text_map, factory=dict)  # file name -> sha256, hexadecimal
    schema: Mapping[str, TaskSchema] = wire_field(_pack_schema, _unpack_schema, factory=dict)
    problem: Problem | None = wire_field(_pack_problem, _unpack_problem, default=None)  # noqa: RUF009

    kind: ClassVar[str] = "welcome"


@dataclass(frozen=True)
class Ping(ClientMessage):
    """Asks for a sign of life."""

    kind: ClassVar[str] = "ping"


@dataclass(frozen=True)
class Pong(ServerMessage):
    """The sign of life, with the id of the ping."""

    kind: ClassVar[str] = "pong"


@dataclass(frozen=True)
class Submit(ClientMessage):
    """A job. ``id`` is chosen by the client, unique among its jobs. A live job replaces the waiting live job of the
    same client and canvas."""

    task: str = wire_field(_NEEDED_NAME)
    params: Mapping[str, Any] = wire_field(free_map, factory=dict)
    canvas: str = wire_field(_ID, default="")
    live: bool = wire_field(boolean, default=False)
    images: Mapping[str, Pixels] = field(default_factory=dict)

    kind: ClassVar[str] = "submit"
    has_images: ClassVar[bool] = True


@dataclass(frozen=True)
class Queued(ServerMessage):
    """The job waits; ``position`` jobs are before it (0: it is the next to run). Sent again when that changes, and not
    at all for a job that begins at once."""

    position: int = wire_field(_COUNT)

    kind: ClassVar[str] = "queued"


@dataclass(frozen=True)
class Progress(ServerMessage):
    """The job runs: name of the stage, and the done fraction of the whole job in [0, 1]."""

    stage: str = wire_field(_NAME)
    fraction: float = wire_field(_FRACTION)

    kind: ClassVar[str] = "progress"


@dataclass(frozen=True)
class Preview(ServerMessage):
    """Like Progress, with an unfinished picture."""

    stage: str = wire_field(_NAME)
    fraction: float = wire_field(_FRACTION)
    images: Mapping[str, Pixels] = field(default_factory=dict)

    kind: ClassVar[str] = "preview"
    has_images: ClassVar[bool] = True


@dataclass(frozen=True)
class Result(ServerMessage):
    """The job is done: its pictures, and a map of timings, seed, device, parameters used, frame, ..."""

    info: Mapping[str, Any] = wire_field(free_map, factory=dict)
    images: Mapping[str, Pixels] = field(default_factory=dict)

    kind: ClassVar[str] = "result"
    has_images: ClassVar[bool] = True


@dataclass(frozen=True)
class Cancel(ClientMessage):
    """Ends the client's own job ``id``; answered with Cancelled, or Error(unknown_job) when it has ended already."""

    kind: ClassVar[str] = "cancel"


@dataclass(frozen=True)
class Cancelled(ServerMessage):
    """The job ended without a result: "request" (by Cancel) or "replaced" (by a newer live job of its canvas)."""

    reason: str = wire_field(choice("request", "replaced"), default="request")

    kind: ClassVar[str] = "cancelled"


@dataclass(frozen=True)
class Error(ServerMessage):
    """The job or request ``id`` failed; ``id`` is "" when the message that caused it had none that could be read."""

    code: str = wire_field(_NEEDED_NAME)
    message: str = wire_field(_TEXT)
    remedy: str = wire_field(_TEXT)

    kind: ClassVar[str] = "error"
    needs_id: ClassVar[bool] = False

    @property
    def problem(self) -> Problem:
        """The three parts as a Problem."""
        return Problem(self.code, self.message, self.remedy)


@dataclass(frozen=True)
class StatsRequest(ClientMessage):
    """Asks for Stats."""

    kind: ClassVar[str] = "stats"


@dataclass(frozen=True)
class Stats(ServerMessage):
    """The backend's state in figures. Job counts are since its start."""

    state: str = wire_field(_STATE)
    device: str = wire_field(_NAME, default="")
    uptime_s: float = wire_field(number(0.0, 1e12), default=0.0)
    idle_s: float = wire_field(number(0.0, 1e12), default=0.0)  # since the last job ended
    pid: int = wire_field(_COUNT, default=0)
    worker_pid: int = wire_field(_COUNT, default=0)
    worker_restarts: int = wire_field(_COUNT, default=0)
    rss_bytes: int = wire_field(_COUNT, default=0)  # resident memory of server and worker together
    clients: int = wire_field(_COUNT, default=0)
    waiting: int = wire_field(_COUNT, default=0)
    running: int = wire_field(_COUNT, default=0)
    done: int = wire_field(_COUNT, default=0)
    failed: int = wire_field(_COUNT, default=0)
    cancelled: int = wire_field(_COUNT, default=0)
    extra: Mapping[str, Any] = wire_field(free_map, factory=dict)

    kind: ClassVar[str] = "stats_reply"


@dataclass(frozen=True)
class Shutdown(ClientMessage):
    """Asks the backend to end; answered with Stopping."""

    kind: ClassVar[str] = "shutdown"


@dataclass(frozen=True)
class Stopping(ServerMessage):
    """The backend ends now. Jobs that had not ended get an Error(shutting_down) first. Sent to the client that asked
    (with its id) and to all other known clients (with the id "")."""

    reason: str = wire_field(choice("request", "idle", "signal"), default="request")

    kind: ClassVar[str] = "stopping"
    needs_id: ClassVar[bool] = False


MESSAGE_TYPES: tuple[type[Message], ...] = (
    *(Hello, Welcome, Ping, Pong, Submit, Queued, Progress, Preview, Result),
    *(Cancel, Cancelled, Error, StatsRequest, Stats, Shutdown, Stopping),
)
END_TYPES = (Result, Cancelled, Error)  # each job ends with exactly one of these
