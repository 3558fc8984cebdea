# SPDX-License-Identifier: Apache-2.0
"""What all sections of the report share: the networks, the held-out cases, and portraits made once."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from limner.evaluation.baselines import MeanFace
from limner.evaluation.candidates import Candidate, Portraits
from limner.evaluation.cases import REAL, SIDE, Case, line_drawings, real_drawings, sharp_photos
from limner.evaluation.features import descriptors, embeddings
from limner.models.registry import Networks, load_networks
from limner.pipelines.defaults import REFINE
from limner.pipelines.engine import Engine
from limner.training.faces import Face, decode, read_index


class OtherWeights(NamedTuple):
    """Weights of Limner to be compared with the ones that are measured, and what the report calls them."""

    name: str
    folder: Path


@dataclass(frozen=True)
class Settings:
    """What is measured on what. most: pictures of a case; faces: small pictures that PULSE is tried on, of each size;
    baselines: the folder of a training that holds pix2pix and inversion_baseline; novices: drawings without a photo;
    bench: what `limner bench --json` printed."""

    data: Path
    weights: Path
    out: Path
    most: int = 32
    faces: int = 4
    baselines: Path | None = None
    others: tuple[OtherWeights, ...] = ()
    novices: Path | None = None
    bench: Path | None = None


@dataclass
class Lab:
    """Loads what sections ask for when they first do."""

    settings: Settings
    _made: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    @cached_property
    def networks(self) -> Networks:
        """The networks that are measured. Raises WeightsError."""
        return load_networks(self.settings.weights, torch.device("cpu"))

    @cached_property
    def engine(self) -> Engine:
        """The engine that serves the editors, on these networks."""
        return Engine(self.networks)

    @cached_property
    def photos(self) -> list[Face]:
        """All photos of the index, in its order."""
        return [face for face in read_index(self.settings.data) if not face.is_sketch]

    @cached_property
    def sharp(self) -> np.ndarray:
        """Held-out sharp photos, (N, 256, 256, 3) uint8."""
        return sharp_photos(self.settings.data, self.settings.most)

    @cached_property
    def cases(self) -> list[Case]:
        """Real pencil drawings, then lines of sharp photos."""
        real = [real_drawings(self.settings.data, kind, self.settings.most) for kind in REAL]
        return [*(case for case in real if case is not None), line_drawings(self.sharp)]

    @cached_property
    def mean_face(self) -> MeanFace:
        """The mean of every tenth training photo."""
        train = [face for face in self.photos if face.split == "train"][::10]
        total = np.zeros((SIDE, SIDE, 3))
        for face in train:
            total += decode(self.settings.data / face.file, SIDE)
        return MeanFace((total / len(train)).round().astype(np.uint8))

    def ours(self, refine: float = REFINE) -> Portraits:
        """Limner at one value of refine."""
        return Portraits(self.engine, refine)

    def portraits(self, candidate: Candidate, case: Case) -> np.ndarray:
        """A candidate's portraits of a case, (N, 256, 256, 3) uint8, made when first asked for."""
        key = candidate.name, case.name
        if key not in self._made:
            self._made[key] = candidate.portraits(case)
        return self._made[key]


@dataclass(frozen=True)
class Reference:
    """A case with what all candidates are measured against: descriptors of its photos and of the strangers behind them
    (N or more, 128), and features of its photos (N, 1280)."""

    case: Case
    gallery: np.ndarray
    features: np.ndarray

    @classmethod
    def of(cls, case: Case) -> "Reference":
        """Looks at the photos of a case."""
        everybody = np.concatenate([case.photos, case.strangers])
        return cls(case, descriptors(everybody), embeddings(case.photos))
