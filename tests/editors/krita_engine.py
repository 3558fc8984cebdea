# SPDX-License-Identifier: Apache-2.0
"""The engine without networks that the tests in the real Krita use: it has Invert and Upsample as well, and it is slow
as long as a file named ``slow`` lies in the backend's folder, so that something can happen in the middle of a job."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from numpy.typing import NDArray

from limner.pipelines.base import Outcome, Progress, Request
from limner.wire import ChoiceParameter, ImageSlot, IntegerParameter, TaskSchema
from tests.support.fake_engine import SIZE, SKETCH, FakeEngine, _gray, _square

SLOW = Path("slow")  # the worker runs in the backend's folder
STEP_S = 0.05
STYLES = ("auto", "line", "gray", "color")
TOOLS = (
    TaskSchema(
        "invert",
        "Invert",
        "",
        (ChoiceParameter("style", label="Style", choices=STYLES, labels=STYLES, default="auto"),),
        (SKETCH,),
        ("portrait",),
    ),
    TaskSchema(
        "upsample",
        "Upsample",
        "",
        (
            IntegerParameter("candidates", label="Candidates", minimum=1, maximum=8, default=3),
            IntegerParameter("seed", label="Seed", minimum=0, maximum=2**31 - 1, default=0),
            IntegerParameter("steps", label="Steps", minimum=1, maximum=32, default=6),
        ),
        (ImageSlot("photo", label="Photo"),),
        ("candidate",),
    ),
)


class KritaEngine(FakeEngine):
    """What the worker gets."""

    def run(self, request: Request, progress: Progress) -> Outcome:
        """With a square as its frame, the portrait is of that part of the picture only."""
        frame = request.params.get("frame")
        if not isinstance(frame, (list, tuple)):
            return super().run(request, progress)
        x, y, side = (round(value) for value in frame)
        cut = {name: picture[max(y, 0) : y + side, max(x, 0) : x + side] for name, picture in request.images.items()}
        outcome = super().run(replace(request, images=cut), progress)
        return replace(outcome, info={**outcome.info, "frame": {"x": float(x), "y": float(y), "size": float(side)}})

    def schema(self) -> dict[str, TaskSchema]:
        return {**super().schema(), **{task.name: task for task in TOOLS}}

    def _portrait(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        step = 0
        while SLOW.exists():
            step += 1
            progress("synthesis", 1 - 1 / step)
            time.sleep(STEP_S)
        return super()._portrait(request, progress)

    def _invert(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        progress("invert", 1.0)
        portrait = _square(_gray(request.images["sketch"]), SIZE)
        portrait[..., 0] = STYLES.index(request.params["style"])
        return {"portrait": portrait}

    def _upsample(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        progress("upsample", 1.0)
        photo = _square(_gray(request.images["photo"]), SIZE)
        made = {}
        for number in range(1, request.params["candidates"] + 1):
            made[f"candidate-{number}"] = photo.copy()
            made[f"candidate-{number}"][..., 0] = number
        return made


def build_engine(device: str) -> KritaEngine:
    """What the worker calls."""
    return KritaEngine(device)
