# SPDX-License-Identifier: Apache-2.0
"""Runs jobs on the engine: progress and cancel between the steps, every exception as an error with a remedy."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from numpy.typing import NDArray

from ...pipelines.base import Cancelled, Outcome, Request
from ...wire.errors import ErrorCode, LimnerError
from ...wire.fields import free_map
from . import echo, link
from .arrays import array_from_pixels, pixels_from_array
from .channel import ServerChannel
from .failures import describe, is_out_of_memory
from .link import LinkMessage

log = logging.getLogger("limner.worker")

CPU = "cpu"


class Reporter:
    """The `Progress` of one job: tells the server, and raises Cancelled when the job was cancelled."""

    def __init__(self, server: ServerChannel, job: int) -> None:
        self._server = server
        self._job = job

    def __call__(self, stage: str, fraction: float, preview: NDArray | None = None) -> None:
        """Tells the server the stage, the whole job's done part (0..1) and a (H, W, C) preview if there is one.

        Raises:
            Cancelled: the job was cancelled, or the server is shutting down.
        """
        self.pause(0.0)
        values = {"stage": stage, "fraction": min(1.0, max(0.0, float(fraction)))}
        self._server.send(LinkMessage(link.PROGRESS, self._job, values))
        if preview is not None:
            self._server.send(LinkMessage(link.PREVIEW, self._job, images={"preview": pixels_from_array(preview)}))

    def pause(self, seconds: float) -> None:
        """Waits that long; raises Cancelled as soon as the job is cancelled."""
        if self._server.is_cancelled(self._job, seconds):
            raise Cancelled


class JobRunner:
    """Holds the engine, and one on the CPU as well once a job did not fit into the device's memory."""

    def __init__(self, build: Callable[[str], Any], device: str, server: ServerChannel) -> None:
        self._build = build
        self._server = server
        self._engine = build(device)
        self._cpu_engine: Any = None

    @property
    def device(self) -> str:
        device: str = self._engine.device
        return device

    def description(self) -> dict[str, Any]:
        """The values of the `ready` message: device, weights by file, schema by task."""
        tasks = {**self._engine.schema(), echo.TASK: echo.SCHEMA}
        schema = {name: task.to_map() for name, task in tasks.items()}
        return {"device": self.device, "weights": dict(self._engine.weights()), "schema": schema}

    def warm_up(self) -> None:
        """Lets an engine that has a method `warm_up` do once what would make the first job slow. Raises nothing: what
        goes wrong here will go wrong in a job, which tells its client."""
        try:
            getattr(self._engine, "warm_up", lambda: None)()
        except Exception as error:
            log.warning("the engine did not warm up: %s", describe(error).message)

    def run(self, message: LinkMessage) -> LinkMessage:
        """Runs one `job` message to its end: a `result`, `error` or `cancelled` message. Raises nothing."""
        try:
            outcome = self._outcome(message)
            images = {name: pixels_from_array(array) for name, array in outcome.images.items()}
            return LinkMessage(link.RESULT, message.job, {"info": free_map(outcome.info, "info")}, images)
        except Cancelled:
            return LinkMessage(link.CANCELLED, message.job)
        except Exception as error:
            failure = describe(error)
            unforeseen = failure.code == ErrorCode.INTERNAL
            log.warning("job %d failed: %s", message.job, failure.message, exc_info=unforeseen)
            return LinkMessage(link.ERROR, message.job, asdict(failure))

    def _outcome(self, message: LinkMessage) -> Outcome:
        values = message.values
        images = {name: array_from_pixels(pixels) for name, pixels in message.images.items()}
        request = Request(values["task"], images, values["params"], values["canvas"])
        report = Reporter(self._server, message.job)
        report.pause(0.0)
        if request.task == echo.TASK:
            return echo.run(request, report, report.pause)
        try:
            outcome: Outcome = self._engine.run(request, report)
            return outcome
        except Exception as error:
            if self.device == CPU or not is_out_of_memory(error):
                raise
            log.warning("job %d does not fit on %s, one more try on the CPU: %s", message.job, self.device, error)
        return self._run_on_cpu(request, report)  # outside the handler, so that the traceback's tensors are free

    def _run_on_cpu(self, request: Request, report: Reporter) -> Outcome:
        if torch := sys.modules.get("torch"):
            torch.cuda.empty_cache()
        report("loading on the CPU", 0.0)
        if self._cpu_engine is None:
            self._cpu_engine = self._build(CPU)
        try:
            outcome: Outcome = self._cpu_engine.run(request, report)
            return outcome
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            text = f"Neither {self.device} nor the CPU has enough free memory for this job."
            raise LimnerError(ErrorCode.OUT_OF_MEMORY, text, "Close other programs, then try again.") from error
