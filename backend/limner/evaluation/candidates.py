# SPDX-License-Identifier: Apache-2.0
"""What is compared: Limner at several values of refine, and baselines that need no training of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from limner.evaluation.cases import SIDE, Case
from limner.models.components import PARTS
from limner.models.registry import Networks
from limner.pipelines.base import JobError, Request
from limner.pipelines.drawing import read_drawing
from limner.pipelines.engine import Engine
from limner.training.faces import Face, decode


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

    @property
    def name(self) -> str:
        return f"Limner, refine {self.refine:g}"

    def portraits(self, case: Case) -> np.ndarray:
        return np.stack([self._one(d) for d in tqdm(case.drawings, desc=f"{case.name}: {self.name}", unit="portrait")])

    def _one(self, drawing: np.ndarray) -> np.ndarray:
        given = {"refine": self.refine, "frame": "full", "shadow": False}
        params = self.engine.schema()["portrait"].validate(given)
        try:
            outcome = self.engine.run(Request("portrait", {"sketch": drawing[..., None]}, params), _no_progress)
        except JobError:  # nothing is left of the drawing: a gray picture counts against us
            return np.full((SIDE, SIDE, 3), 128, np.uint8)
        picture = np.asarray(outcome.images["portrait"])[..., :3]
        return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def _no_progress(stage: str, fraction: float, preview: NDArray[Any] | None = None) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class MeanFace:
    """The mean of the training photos, whatever was drawn."""

    mean: np.ndarray
    name: str = "mean face"

    def portraits(self, case: Case) -> np.ndarray:
        return np.repeat(self.mean[None], len(case.drawings), 0)


@dataclass(frozen=True)
class TheDrawing:
    """The drawing itself, taken for a portrait: what identity and edges reach without any synthesis."""

    name: str = "the drawing itself"

    def portraits(self, case: Case) -> np.ndarray:
        return np.repeat(case.drawings[..., None], 3, 3)


class NearestPhoto:
    """The training photo whose component codes are nearest to the drawing's: retrieval in place of synthesis."""

    name = "nearest training photo"

    def __init__(self, networks: Networks, data: Path, photos: list[Face]) -> None:
        self.embedding, self.bank, self.finder = networks.components, networks.bank, networks.frame_finder
        self.data, self.photos = data, photos
        self.codes = self._joined(self.bank.codes)
        self.mirrored = np.ones(len(self.bank.faces), bool)  # every face is there twice, first as it is
        self.mirrored[np.unique(self.bank.faces.numpy(), return_index=True)[1]] = False

    @staticmethod
    def _joined(codes: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """All parts as one code, each part with the same weight: (N, sum of D)."""
        return torch.cat([codes[part] / codes[part].shape[1] ** 0.5 for part in PARTS], 1)

    @torch.inference_mode()
    def portraits(self, case: Case) -> np.ndarray:
        pictures = []
        for drawing in case.drawings:
            ink = read_drawing(drawing[..., None], "full", self.finder).ink
            distance = torch.cdist(self._joined(self.embedding.encode(ink)), self.codes)[0]
            nearest = int(distance.argmin())
            photo = decode(self.data / self.photos[int(self.bank.faces[nearest])].file, SIDE)
            pictures.append(photo[:, ::-1] if self.mirrored[nearest] else photo)
        return np.stack(pictures)
