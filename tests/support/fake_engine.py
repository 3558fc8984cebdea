# SPDX-License-Identifier: Apache-2.0
"""A light engine without networks, for tests of the server, the client, the command line and the editors' plugins.

Deterministic: the same pictures and parameters give the same bytes. Besides `portrait` and `shadow` it has tasks that
go wrong on purpose. `LIMNER_ENGINE=tests.support.fake_engine:build_engine` makes `limner serve` use it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.pipelines.base import JobError, Outcome, Progress, Request
from limner.wire import (
    BooleanParameter,
    FrameParameter,
    ImageSlot,
    IntegerParameter,
    NumberParameter,
    Parameter,
    TaskSchema,
)

SIZE = 512
SKETCH = ImageSlot("sketch", label="Sketch")
HINTS = ImageSlot("color_hints", label="Color hints", required=False)
DEADLY = 13  # the gray of a picture that ends a mortal engine
BLENDS = ("left_eye", "right_eye", "nose", "mouth", "remainder")


def _schemas() -> tuple[TaskSchema, ...]:
    frame = FrameParameter("frame", label="Frame")
    blends: tuple[Parameter, ...] = tuple(
        NumberParameter(name, label=name, default=None, optional=True, follows="refine") for name in BLENDS
    )
    portrait = (
        IntegerParameter("seed", label="Seed", minimum=0, maximum=2**31 - 1, default=0),
        NumberParameter("refine", label="Refine", default=0.3),
        *blends,
        BooleanParameter("shadow", label="Shadow guide", default=True),
        frame,
        IntegerParameter("steps", label="Steps", minimum=1, maximum=32, default=6),
        BooleanParameter("live", label="Live", default=False),
    )
    wait = (
        IntegerParameter("steps", label="Steps", minimum=1, maximum=10_000, default=10),
        IntegerParameter("step_ms", label="Milliseconds a step", minimum=0, maximum=60_000, default=10),
    )
    return (
        TaskSchema("portrait", "Portrait", "", portrait, (SKETCH, HINTS), ("portrait", "shadow")),
        TaskSchema("shadow", "Shadow guide", "", (frame,), (SKETCH,), ("shadow",)),
        TaskSchema("slow", "Slow", "Sleeps in steps.", wait),
        TaskSchema("crash", "Crash", "Kills its own process.", (IntegerParameter("signal", default=9, maximum=64),)),
        TaskSchema("oom", "Out of memory", "Fits on the CPU only, or nowhere.", (BooleanParameter("everywhere"),)),
        TaskSchema("raise", "Raise", "Raises an exception that nobody foresaw."),
    )


class FakeEngine:
    """The interface of `limner.pipelines.engine.Engine`."""

    def __init__(self, device: str) -> None:
        self.device = "cpu" if device == "auto" else device

    def schema(self) -> dict[str, TaskSchema]:
        return {schema.name: schema for schema in _schemas()}

    def weights(self) -> dict[str, str]:
        return {"fake.safetensors": "0" * 64}

    def run(self, request: Request, progress: Progress) -> Outcome:
        images = getattr(self, f"_{request.task}")(request, progress)
        info: dict[str, Any] = {"device": self.device, "params": dict(request.params), "timings_ms": {"fake": 0.0}}
        if "seed" in request.params:
            info["seed"] = request.params["seed"]
        if "sketch" in request.images:
            height, width = request.images["sketch"].shape[:2]
            info["frame"] = {"x": 0.0, "y": 0.0, "size": float(max(width, height))}
        return Outcome(images, info)

    def _portrait(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        sketch = _gray(request.images["sketch"])
        if sketch.min() == sketch.max():
            raise JobError("blank_sketch", "", "")
        steps = request.params["steps"]
        for step in range(1, steps + 1):
            progress("synthesis", step / steps, preview=_square(sketch, 64) if step == steps // 2 else None)
        tint = np.random.default_rng(request.params["seed"]).integers(0, 256, 3, np.uint8)
        portrait = _square(sketch, SIZE)
        portrait[..., :3] ^= tint
        images = {"portrait": portrait}
        return images | ({"shadow": _square(sketch, SIZE)} if request.params["shadow"] else {})

    def _shadow(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        progress("shadow", 1.0)
        return {"shadow": _square(_gray(request.images["sketch"]), SIZE)}

    def _slow(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        for step in range(request.params["steps"]):
            progress("slow", step / request.params["steps"])
            time.sleep(request.params["step_ms"] / 1000)
        return {}

    def _crash(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        progress("crash", 0.5)
        os.kill(os.getpid(), request.params["signal"] or signal.SIGKILL)
        time.sleep(60)
        raise AssertionError("the signal did not end the process")

    def _oom(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        progress("oom", 0.5)
        if self.device != "cpu" or request.params["everywhere"]:
            raise MemoryError("a picture of the size of the moon")
        return {"image": np.zeros((8, 8, 1), np.uint8)}

    def _raise(self, request: Request, progress: Progress) -> Mapping[str, NDArray]:
        raise LookupError("no such face\nwith a second line")


def build_engine(device: str) -> FakeEngine:
    return FakeEngine(device)


def build_without_weights(device: str) -> FakeEngine:
    """An engine whose weights are not there."""
    raise JobError("weights_missing", "The file fake.safetensors is missing.", "Install Limner again.")


def build_without_cuda(device: str) -> FakeEngine:
    """An engine on a computer without a GPU."""
    if device.startswith("cuda"):
        raise JobError("start_failed", f"The device '{device}' does not work here.", "Use another one.")
    return FakeEngine(device)


def build_crashing(device: str) -> FakeEngine:
    """An engine that takes its process with it."""
    print("the end is near", flush=True)
    os._exit(7)


def build_waiting(device: str) -> FakeEngine:
    """An engine that is built as soon as the file `go` is in the worker's working folder (the home)."""
    while not os.path.exists("go"):
        time.sleep(0.02)
    return FakeEngine(device)


class _WarmingEngine(FakeEngine):
    """Is warm once the file `go` is in the worker's working folder, and then leaves the file `warm` there."""

    def warm_up(self) -> None:
        while not os.path.exists("go"):
            time.sleep(0.02)
        with open("warm", "w", encoding="ascii"):
            pass


def build_warming(device: str) -> FakeEngine:
    """An engine that takes its time to warm up."""
    return _WarmingEngine(device)


class _MortalEngine(FakeEngine):
    """Ends with its process where it is given a picture that is `DEADLY` in its first pixel."""

    def run(self, request: Request, progress: Progress) -> Outcome:
        if request.images["sketch"][0, 0, 0] == DEADLY:
            os._exit(7)
        return super().run(request, progress)


def build_mortal(device: str) -> FakeEngine:
    """An engine that some pictures take with them."""
    return _MortalEngine(device)


def _gray(picture: NDArray) -> NDArray:
    """The first channel of a (H, W, C) picture as (H, W) uint8."""
    scale = {"uint8": 1.0, "uint16": 1 / 257, "float32": 255.0}[picture.dtype.name]
    return np.rint(picture[..., 0] * scale).astype(np.uint8)


def _square(gray: NDArray, size: int) -> NDArray:
    """The (H, W) picture sampled to (size, size, 4), gray and opaque."""
    rows = np.arange(size) * gray.shape[0] // size
    columns = np.arange(size) * gray.shape[1] // size
    sampled = gray[rows][:, columns]
    return np.dstack([sampled, sampled, sampled, np.full_like(sampled, 255)])
