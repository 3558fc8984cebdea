# SPDX-License-Identifier: Apache-2.0
"""What is measured: anything that turns drawings into portraits, and Limner at a value of refine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from limner.evaluation.cases import SIDE, Case
from limner.models.registry import load_networks
from limner.pipelines.base import JobError, Request
from limner.pipelines.defaults import REFINE
from limner.pipelines.engine import Engine


class Candidate(Protocol):
    """Something that turns the drawings of a case into pictures of faces."""

    @property
    def name(self) -> str: ...

    def portraits(self, case: Case) -> np.ndarray:
        """(N, 256, 256, 3) uint8, one for each drawing, in the drawings' frame."""


@dataclass(frozen=True)
class Portraits:
    """Limner's whole path, from the picture of the drawing on, by way of the engine that serves the editors."""

    engine: Engine
    refine: float
    label: str = "Limner"

    @classmethod
    def of_weights(cls, folder: Path, label: str, refine: float = REFINE) -> "Portraits":
        """The engine on another folder of weights. Raises WeightsError."""
        return cls(Engine(load_networks(folder, torch.device("cpu"))), refine, label)

    @property
    def name(self) -> str:
        return f"{self.label}, refine {self.refine:g}"

    def portraits(self, case: Case) -> np.ndarray:
        drawings = tqdm(case.drawings, desc=f"{case.name}: {self.name}", unit="portrait")
        return np.stack([self._one(drawing, seed) for seed, drawing in enumerate(drawings)])

    def _one(self, drawing: np.ndarray, seed: int) -> np.ndarray:
        given = {"refine": self.refine, "seed": seed, "frame": "full", "shadow": False}
        params = self.engine.schema()["portrait"].validate(given)
        try:
            outcome = self.engine.run(Request("portrait", {"sketch": drawing[..., None]}, params), _no_progress)
        except JobError:  # nothing is left of the drawing: a gray picture counts against us
            return np.full((SIDE, SIDE, 3), 128, np.uint8)
        return halved(outcome.images["portrait"])


def halved(layer: NDArray[Any]) -> np.ndarray:
    """A result of the engine, (512, 512, 4) uint8, as (256, 256, 3) uint8."""
    return np.asarray(cv2.resize(layer[..., :3], (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def _no_progress(stage: str, fraction: float, preview: NDArray[Any] | None = None) -> None:
    """Nobody watches."""
