# SPDX-License-Identifier: Apache-2.0
"""Jobs for the backend, which is found or started first: without waiting (`Session`), or waiting (`run_job`)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Union

from .client import BackendError, BackendState, Client, Launcher, Pixels
from .client.launcher import LOST, READY
from .texts import N_, _, translated
from .wire import (
    Cancelled,
    Error,
    ErrorCode,
    LimnerError,
    Message,
    Preview,
    Problem,
    Queued,
    Result,
    Welcome,
)
from .wire import Progress as ProgressMessage
from .wire.errors import DEFAULTS

_INTERVAL = 0.02  # seconds between two looks of run_job
_STATES = {
    "starting": N_("Starting the Limner backend"),
    "loading": N_("The Limner backend loads its networks"),
    "ready": N_("The Limner backend is ready"),
}
_WAITING = N_("Waiting for other jobs")
_STAGES = {
    "waiting": _WAITING,
    "start": N_("Beginning the job"),
    "reading": N_("Reading the sketch"),
    "components": N_("Looking at the parts of the face"),
    "shadow": N_("Drawing the shadow guide"),
    "synthesis": N_("Painting the portrait"),
    "decoding": N_("Finishing the portrait"),
    "inversion": N_("Turning the sketch into a photo"),
    "search": N_("Looking for faces that match"),
}


@dataclass(frozen=True)
class Job:
    """What is asked of the backend. title: what the user calls it. canvas: id of the picture drawn on; the backend
    keeps what it computed for it. origin: what the asker needs again with the answer."""

    task: str
    images: Mapping[str, Pixels]
    params: Mapping[str, Any]
    canvas: str = ""
    title: str = ""
    origin: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Answer:
    """What came back. version: the backend's."""

    result: Result
    version: str


@dataclass(frozen=True)
class Progress:
    """What goes on, in the user's language, and the done fraction in [0, 1]."""

    text: str
    fraction: float


@dataclass(frozen=True)
class Done:
    """The answer to a job."""

    job: Job
    answer: Answer


@dataclass(frozen=True)
class Failed:
    """The job ended without an answer; problem: cause and remedy, its code is "cancelled" after a cancel."""

    problem: Problem


News = Union[Progress, Done, Failed]


def state_text(state: BackendState) -> str:
    """What is known of the backend, in the user's language; of a problem: cause and remedy."""
    if state.problem is not None:
        return problem_text(state.problem)
    device = f" ({state.welcome.device})" if state.welcome is not None and state.welcome.device else ""
    return _(_STATES.get(state.name, state.name)) + device


def problem_text(problem: Problem) -> str:
    """Cause and remedy, each on its line, in the user's language.

    A text that only English is known of follows, in brackets, what is generally the case with the problem's code."""
    general = DEFAULTS.get(problem.code, ("", ""))
    told = [_in_short(text, usual) for text, usual in zip((problem.message, problem.remedy), general)]
    return "\n".join(told).strip()


def _in_short(text: str, usual: str) -> str:
    if translated(text) is None and translated(usual) is not None:
        return f"{_(usual)} ({text})"
    return _(text)


class Session:
    """One job at a time and at most one that waits: a newer one takes its place. No method waits longer than 0.05 s.

    Call `poll` from a timer, every 50 ms or so. A backend that is lost is started again with the next job.
    """

    def __init__(self, launcher: Launcher, *, live: bool = False, make_client: Callable[..., Client] = Client) -> None:
        """live: the jobs stand back behind those that somebody waits for. make_client: for tests."""
        self._launcher, self._live, self._make_client = launcher, live, make_client
        self._client: Client | None = None
        self._next: Job | None = None
        self._running: tuple[str, Job] | None = None  # (the client's id of the job, the job)
        self._told: Progress | None = None
        self.state = launcher.poll()

    @property
    def busy(self) -> bool:
        """A job waits or runs."""
        return self._next is not None or self._running is not None

    def ask(self, job: Job) -> None:
        """Give a job; one that still waits is forgotten, and the one that runs goes on. `poll` brings one Done or
        Failed for each that was sent."""
        if self.state.name == LOST:
            self._launcher.restart()
        if self._running is not None and self._running[1] == job:  # it is on its way
            self._next = None
        else:
            self._next = job

    def retry(self) -> None:
        """Begin again with finding or starting the backend."""
        self._drop()
        self._running = self._told = None
        self._launcher.restart()
        self.state = self._launcher.poll()

    def cancel(self) -> None:
        """Forget the job that waits and drop the one that runs, which then ends with Failed."""
        self._next = None
        if self._running is not None and self._client is not None:
            try:
                self._client.cancel(self._running[0])
            except BackendError:
                return  # the connection is lost; poll tells

    def close(self) -> None:
        """Cancel what is open and leave; the backend goes on."""
        self._drop()
        self._launcher.close()

    def poll(self) -> list[News]:
        """Go on as far as possible without waiting; returns what has happened since the last call."""
        self.state = self._launcher.poll()
        news: list[News] = []
        if self.state.problem is not None:
            news += self._fail(self.state.problem) if self.busy else []
        elif self._next is not None and self._running is None:
            news += self._send(self._next) if self.state.name == READY else self._progress(state_text(self.state), 0.0)
        if self._client is not None:
            news += self._receive(self._client)
        return news

    def _send(self, job: Job) -> list[News]:
        self._next = None
        try:
            check_offered(job, self.state.welcome)
            if self._client is None:
                self._client = self._make_client(self.state.connection, name="gimp")
            job_id = self._client.submit(job.task, job.images, job.params, canvas=job.canvas, live=self._live)
        except LimnerError as error:
            return self._fail(error.problem)
        self._running = job_id, job
        return []

    def _receive(self, client: Client) -> list[News]:
        news: list[News] = []
        try:
            messages = client.poll()
        except BackendError as error:  # its open jobs have been told before
            self._drop()
            return self._fail(error.problem) if self._running is not None else []
        for message in messages:
            if self._running is not None and message.id == self._running[0]:
                news += self._hear(message, self._running[1])
        return news

    def _hear(self, message: Message, job: Job) -> list[News]:
        if isinstance(message, Result):
            self._running = self._told = None
            version = self.state.welcome.server_version if self.state.welcome is not None else ""
            return [Done(job, Answer(message, version))]
        if isinstance(message, Error):
            return self._fail(message.problem)
        if isinstance(message, Cancelled):
            return self._fail(BackendError(ErrorCode.CANCELLED).problem)
        if isinstance(message, Queued):
            return self._progress(_(_WAITING), 0.0)
        if isinstance(message, (ProgressMessage, Preview)):
            return self._progress(_(_STAGES.get(message.stage, message.stage)), message.fraction)
        return []

    def _progress(self, text: str, fraction: float) -> list[News]:
        told = Progress(text, fraction)
        if told == self._told:
            return []
        self._told = told
        return [told]

    def _fail(self, problem: Problem) -> list[News]:
        self._running = self._told = None
        if self.state.problem is not None:  # nothing will come of the one that waits either
            self._next = None
        if problem.code == ErrorCode.BACKEND_LOST:
            self._drop()
            self._launcher.restart()
        return [Failed(problem)]

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def check_offered(job: Job, welcome: Welcome | None) -> None:
    """Raise LimnerError when the backend has no such task."""
    if welcome is not None and job.task in welcome.schema:
        return
    version = welcome.server_version if welcome is not None else ""
    raise LimnerError(
        ErrorCode.UNKNOWN_TASK,
        _("The backend (version {version}) does not offer '{title}'.").format(
            version=version, title=job.title or job.task
        ),
        _("Update Limner's backend, run 'limner stop' in a terminal, and try again."),
    )


def unforeseen(error: Exception) -> LimnerError:
    """A mistake in the plug-in itself, told like all other errors."""
    return LimnerError(
        ErrorCode.INTERNAL,
        _("Something went wrong inside Limner's plug-in ({error}).").format(error=f"{type(error).__name__}: {error}"),
        _("Try again; if it happens again, start GIMP in a terminal and report what it prints."),
    )


def run_job(job: Job, launcher: Launcher, report: Callable[[str, float], None]) -> Answer:
    """Run the job to its end, waiting, in the backend that the launcher finds or starts.

    report: called with what goes on and the done fraction. Raises BackendError with cause and remedy: the backend
    cannot be started, was lost on the way, or refuses the job. After a loss the next call finds or starts another one.
    """
    session = Session(launcher)
    session.ask(job)
    try:
        while True:
            for news in session.poll():
                if isinstance(news, Done):
                    return news.answer
                if isinstance(news, Failed):
                    raise BackendError.of(news.problem)
                report(news.text, news.fraction)
            time.sleep(_INTERVAL)
    finally:
        session.close()
