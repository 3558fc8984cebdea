# SPDX-License-Identifier: Apache-2.0
"""The engine that a worker process runs: the networks on one device, and a pipeline for every task."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from limner.models.registry import Networks, WeightsError, load_networks
from limner.pipelines.base import JobError, Outcome, Progress, Request
from limner.pipelines.inversion import InversionPipeline
from limner.pipelines.portrait import PortraitPipeline, ShadowPipeline
from limner.pipelines.schema import task_schemas
from limner.pipelines.upsample import UpsamplePipeline
from limner.resources import weights_dir
from limner.wire import TaskSchema

log = logging.getLogger(__name__)


def choose_device(name: str) -> torch.device:
    """ "auto" takes the first of CUDA, MPS and the CPU that runs a trial; any other name is taken as it is.

    Raises JobError where the named device does not work."""
    for candidate in _usual_devices() if name == "auto" else (name,):
        try:
            device = torch.device(candidate)
            torch.ones(8, device=device).sum().item()
            return device
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            log.info("device %s: %s", candidate, str(error).splitlines()[0])
    raise JobError(
        "start_failed",
        f"The device '{name}' does not work here.",
        "Run 'limner stop', then 'limner serve --device auto' or '--device cpu'.",
    )


def _usual_devices() -> list[str]:
    """The devices that "auto" tries, best first: those that this build of PyTorch and this machine have."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [device for device, is_there in there.items() if is_there]


class Engine:
    """Runs one job at a time; the same request on the same device gives the same bytes."""

    def __init__(self, networks: Networks) -> None:
        self.device = str(networks.device)
        self._sums = dict(networks.sums)
        self.portrait = PortraitPipeline(networks)
        self._run: dict[str, Callable[[Request, Progress], Outcome]] = {
            "portrait": self.portrait.run,
            "shadow": ShadowPipeline(networks, self.portrait.cache).run,
            "upsample": UpsamplePipeline(networks).run,
        }
        if networks.inversion is not None:
            inversion = InversionPipeline(networks.inversion, networks.codec, networks.frame_finder)
            self._run["invert"] = inversion.run

    def schema(self) -> dict[str, TaskSchema]:
        """The schema of every task that `run` takes."""
        return task_schemas(inversion="invert" in self._run)

    def weights(self) -> dict[str, str]:
        """sha256 of every file of weights in use, by its name."""
        return dict(self._sums)

    def run(self, request: Request, progress: Progress) -> Outcome:
        """Runs one job. Raises JobError with a remedy, or Cancelled out of `progress`."""
        if request.task not in self._run:
            raise JobError(
                "unknown_task", f"There is no task '{request.task}'.", f"Use one of: {', '.join(self._run)}."
            )
        outcome = self._run[request.task](request, progress)
        shared = {"device": self.device, "weights": self.weights(), "params": dict(request.params)}
        return replace(outcome, info={**outcome.info, **shared})

    def warm_up(self) -> None:
        """Runs one small job, so that the first one of a user is as fast as the later ones."""
        sketch = np.full((512, 512, 1), 255, np.uint8)
        sketch[120:400, 250:254] = sketch[300:304, 150:360] = sketch[200:204, 170:340] = 0
        params = task_schemas()["portrait"].validate({"frame": "full", "steps": 1})
        self.run(Request("portrait", {"sketch": sketch}, params), lambda stage, fraction, preview=None: None)


def build_engine(device: str) -> Engine:
    """Loads the weights onto `device` ("auto", "cpu", "cuda", "cuda:1", "mps"); `warm_up` is the caller's to call.

    Raises JobError (weights_missing, weights_damaged, start_failed)."""
    try:
        return Engine(load_networks(weights_dir(), choose_device(device)))
    except WeightsError as error:
        raise JobError(error.code, error.message, error.remedy) from error
