# SPDX-License-Identifier: Apache-2.0
"""What every pipeline takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Request:
    """One job for the engine.

    images: name -> (H, W, C) uint8, uint16 or float32, sRGB with straight alpha, C in 1..4 (gray, gray and alpha, RGB,
    RGBA). params: validated against the task's schema, defaults filled in. canvas: id under which the codes of
    unchanged windows are kept."""

    task: str
    images: Mapping[str, NDArray[Any]]
    params: Mapping[str, Any] = field(default_factory=dict)
    canvas: str = ""


@dataclass(frozen=True)
class Outcome:
    """Pictures by name, (H, W, C) uint8, and a JSON-able record of how they were made."""

    images: Mapping[str, NDArray[Any]]
    info: Mapping[str, Any]


def opaque(rgb: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 -> (H, W, 4) with full alpha."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA), np.uint8)


class Progress(Protocol):
    """Called between steps with the stage's name and the job's share done in 0..1; raises Cancelled to stop the job."""

    def __call__(self, stage: str, fraction: float, preview: NDArray[Any] | None = None) -> None: ...


class Cancelled(Exception):
    """The job was cancelled between two steps."""


class JobError(Exception):
    """A failure that the user can do something about: a code of limner.wire.errors, what happened, what to do now."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.code, self.message, self.remedy = code, message, remedy
