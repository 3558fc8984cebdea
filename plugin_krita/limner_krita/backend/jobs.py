# SPDX-License-Identifier: Apache-2.0
"""What the GUI thread gives to the service, and what it hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping

from ..client import BackendState, Pixels
from ..wire import Message, Result, Welcome

Images = Mapping[str, Pixels]


@dataclass(frozen=True)
class Work:
    """What is sent for a job."""

    images: Images
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A job for the backend.

    prepare: called in the service's thread with the backend's Welcome; returns what to send, or None when there is
    nothing to do after all (the job then ends with Cancelled). finish: called there with the Result; what it returns
    goes with the event. Both may raise LimnerError.
    """

    task: str
    prepare: Callable[[Welcome], Work | None]
    finish: Callable[[Result], Any] = lambda result: None
    canvas: str = ""
    live: bool = False


class Event:
    """Something that the GUI thread should know."""


@dataclass(frozen=True)
class StateEvent(Event):
    """The backend's state has changed; its name may also be STOPPED."""

    state: BackendState


@dataclass(frozen=True)
class JobEvent(Event):
    """A message about the job ``key``. Each job ends with exactly one Result, Cancelled or Error.

    value: with a Result, what the job's ``finish`` returned.
    """

    key: int
    message: Message
    value: Any = None


@dataclass
class OpenJob:
    """A job that has not ended, inside the service."""

    key: int
    job: Job
    sent_id: str = ""  # the client's id of the job; "" until it is sent
    cancelled: bool = False
