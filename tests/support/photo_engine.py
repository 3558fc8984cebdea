# SPDX-License-Identifier: Apache-2.0
"""The engine without networks, with the tasks `invert` and `upsample`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from numpy.typing import NDArray

from limner.pipelines.base import Outcome, Progress, Request
from limner.wire import ChoiceParameter, FrameParameter, ImageSlot, IntegerParameter, NumberParameter, TaskSchema
from tests.support.fake_engine import SIZE, SKETCH, FakeEngine, _gray, _square

STYLES = ("auto", "line", "gray", "color")
FRAME = FrameParameter("frame", label="Frame")
INVERT = TaskSchema(
    "invert",
    "Invert",
    parameters=(ChoiceParameter("style", choices=STYLES, labels=STYLES, default="auto"), FRAME),
    images=(SKETCH,),
    outputs=("portrait",),
)
UPSAMPLE = TaskSchema(
    "upsample",
    "Upsample",
    parameters=(
        IntegerParameter("candidates", minimum=1, maximum=8, default=4),
        IntegerParameter("seed", maximum=2**31 - 1),
        IntegerParameter("steps", minimum=1, maximum=400, default=60),
        NumberParameter("eps", minimum=1e-4, maximum=0.1, default=2e-3),
        IntegerParameter("size", maximum=64),
        FRAME,
    ),
    images=(ImageSlot("photo"),),
    outputs=("candidate-1",),
)


class PhotoEngine(FakeEngine):
    """`upsample` finds nothing within less than 0.01."""

    def schema(self) -> dict[str, TaskSchema]:
        return {**super().schema(), "invert": INVERT, "upsample": UPSAMPLE}

    def run(self, request: Request, progress: Progress) -> Outcome:
        outcome = super().run(request, progress)
        if request.task != "upsample":
            return outcome
        found = [{"name": name, "residual": 0.01} for name in outcome.images]
        return replace(outcome, info={**outcome.info, "candidates": found, "reached": request.params["eps"] >= 0.01})

    def _invert(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        portrait = _square(_gray(request.images["sketch"]), SIZE)
        portrait[..., 0] = STYLES.index(request.params["style"])
        return {"portrait": portrait}

    def _upsample(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        candidates = {}
        for place in range(1, request.params["candidates"] + 1):
            candidates[f"candidate-{place}"] = _square(_gray(request.images["photo"]), SIZE)
            candidates[f"candidate-{place}"][..., 0] = place
        return candidates


def build_engine(device: str) -> PhotoEngine:
    return PhotoEngine(device)
