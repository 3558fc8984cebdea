# SPDX-License-Identifier: Apache-2.0
"""The engine without networks that the tests in the real GIMP use: it keeps to the face frame, so that a result's place
can be checked, paints the color hints into the portrait, offers to invert and to upsample, and can be slow or go wrong
on purpose."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.pipelines.base import Outcome, Progress, Request
from limner.wire import ChoiceParameter, FrameParameter, ImageSlot, IntegerParameter, TaskSchema
from tests.support.fake_engine import SIZE, SKETCH, FakeEngine

KILL_BACKEND = 666  # a seed: the whole backend dies in the middle of the job
SLOW = 777  # a seed: the job goes on until it is cancelled, at most SLOW_STEPS * SLOW_STEP_S
SLOW_FILE = "slow"  # in the home: all jobs are slow
SLOW_STEPS, SLOW_STEP_S = 6000, 0.1
JOBS_LOG, BEGUN = "slow-jobs.log", "begun"  # a file in the home: BEGUN, and then how the slow job ended
TURNED = 90  # a seed: the frame that comes back is turned by as many degrees
PATCH = 64  # side of the red square at the top of a turned portrait


class FramingEngine(FakeEngine):
    """Cuts the frame out of the sketch first, white outside, nearest pixel."""

    def schema(self) -> dict[str, TaskSchema]:
        styles = ("auto", "line", "gray", "color")
        style = ChoiceParameter("style", choices=styles, labels=styles, default=styles[0])
        candidates = IntegerParameter("candidates", minimum=1, maximum=8, default=4)
        seed = IntegerParameter("seed", maximum=2**31 - 1, default=0)
        frame = FrameParameter("frame")
        invert = TaskSchema("invert", "Invert", "", (style, frame), (SKETCH,), ("portrait",))
        photo = ImageSlot("photo", label="Photo")
        upsample = TaskSchema("upsample", "Upsample", "", (candidates, seed, frame), (photo,), ("candidate-1",))
        return {**super().schema(), "invert": invert, "upsample": upsample}

    def _invert(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        """The negative, tinted by the style."""
        progress("inversion", 0.5)
        picture = _opaque(request.images["sketch"])
        tint = ("auto", "line", "gray", "color").index(request.params["style"])
        picture[..., :3] = 255 - picture[..., :3]
        picture[..., 2] = 50 * tint
        return {"portrait": picture}

    def _upsample(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        """The photo, each candidate with its number and the seed in the blue channel."""
        progress("search", 0.5)
        found = {}
        for number in range(1, request.params["candidates"] + 1):
            picture = _opaque(request.images["photo"])
            picture[..., 2] = 10 * number + request.params["seed"]
            found[f"candidate-{number}"] = picture
        return found

    def run(self, request: Request, progress: Progress) -> Outcome:
        height, width = next(iter(request.images.values())).shape[:2]
        frame = request.params["frame"]
        longest = max(width, height)
        x, y, size = frame if isinstance(frame, list) else [(width - longest) / 2, (height - longest) / 2, longest]
        images = {name: _cut(picture, x, y, size) for name, picture in request.images.items()}
        seed = request.params.get("seed", 0)
        if seed == KILL_BACKEND:
            progress("synthesis", 0.5)
            os.kill(os.getppid(), signal.SIGKILL)
            os._exit(1)
        if seed == SLOW or Path(SLOW_FILE).exists():
            _work_slowly(progress)
        outcome = super().run(Request(request.task, images, request.params, request.canvas), progress)
        info: dict[str, Any] = {**outcome.info, "frame": {"x": float(x), "y": float(y), "size": float(size)}}
        if seed == TURNED:
            info["frame"]["angle"] = float(TURNED)
            top = slice((SIZE - PATCH) // 2, (SIZE + PATCH) // 2)
            outcome.images["portrait"][:PATCH, top] = (255, 0, 0, 255)
        return Outcome(_with_hints(outcome.images, images.get("color_hints")), info)


def _cut(picture: NDArray, x: float, y: float, size: float) -> NDArray:
    """(H, W, C) -> (SIZE, SIZE, C): the square, nearest pixels; outside white where opaque, else nothing."""
    at = (np.arange(SIZE) + 0.5) * size / SIZE
    rows, columns = np.floor(at + y).astype(int), np.floor(at + x).astype(int)
    height, width, channels = picture.shape
    out = np.full((SIZE, SIZE, channels), 255 if channels < 4 or picture[..., 3].min() == 255 else 0, picture.dtype)
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
    found = picture[np.clip(rows, 0, height - 1)][:, np.clip(columns, 0, width - 1)]
    out[inside] = found[inside]
    return out


def _opaque(picture: NDArray) -> NDArray:
    """(H, W, C) -> (H, W, 4): the first channel as an opaque gray picture."""
    return np.dstack([picture[..., [0, 0, 0]], np.full_like(picture[..., :1], 255)])


def _work_slowly(progress: Progress) -> None:
    Path(JOBS_LOG).write_text(BEGUN, encoding="utf-8")
    try:
        for step in range(SLOW_STEPS):
            progress("synthesis", step / SLOW_STEPS)
            time.sleep(SLOW_STEP_S)
    except BaseException as error:
        Path(JOBS_LOG).write_text(type(error).__name__, encoding="utf-8")
        raise
    Path(JOBS_LOG).write_text("done", encoding="utf-8")


def _with_hints(images: Mapping[str, NDArray], hints: NDArray | None) -> Mapping[str, NDArray]:
    if hints is None:
        return images
    painted = np.where(hints[..., 3:] > 0, hints, images["portrait"])
    return {**images, "portrait": painted}


def portrait_of(sketch: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """(512, 512, 4): what the engine makes of a square (H, W, 4) sketch."""
    params = {"seed": seed, "steps": 1, "shadow": False, "frame": "full"}
    request = Request("portrait", {"sketch": sketch}, params)
    return FramingEngine("cpu").run(request, lambda stage, fraction, preview=None: None).images["portrait"]


def build_engine(device: str) -> FramingEngine:
    """What the worker calls."""
    return FramingEngine(device)
