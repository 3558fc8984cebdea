# SPDX-License-Identifier: Apache-2.0
"""What is kept of a job while a worker has it."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import Submit
from .scheduler import Job


@dataclass
class RunningJob:
    """A job that a worker has, and its number there."""

    job: Job[Submit]
    number: int
    began: float
    heard: float  # when the worker last told of it
    cancelled: float | None = None  # when its client did not want it any more
    hangs: bool = False  # its worker was ended because it made no progress
    announced: bool = False  # its client knows that it runs
    stage: str = "start"
    fraction: float = 0.0
