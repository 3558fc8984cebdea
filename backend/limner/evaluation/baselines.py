# SPDX-License-Identifier: Apache-2.0
"""What Limner's portraits are compared with: the mean face, retrieval, the drawing itself, and a trained pix2pix."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from limner.evaluation.cases import SIDE, Case
from limner.models.codec import to_pixels
from limner.models.components import PARTS
from limner.models.frame_finder import FrameFinder
from limner.models.pix2pix import Pix2Pix, Pix2PixConfig
from limner.models.registry import Networks, WeightsError
from limner.pipelines.drawing import read_drawing
from limner.training.faces import Face, decode
from limner.training.run import Network, trained


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


def trained_minutes(folder: Path) -> float | None:
    """How long the network in a folder of `limner train` was trained; None where there is none."""
    path = folder / "checkpoint.pt"
    return float(torch.load(path, weights_only=True, mmap=True)["minutes"]) if path.is_file() else None


def read_baseline(network: Network, folder: Path) -> Network:
    """`network` with the averaged weights of a folder of `limner train`, frozen. Raises WeightsError."""
    try:
        return trained(network, folder)
    except RuntimeError as error:
        text = f"The checkpoint in {folder} is of another network than is trained now."
        raise WeightsError("weights_damaged", text, f"Move it away and run 'limner train {folder.name}'.") from error


class Pix2PixPortraits:
    """pix2pix (Isola et al. 2017), trained on the same drawings and photos."""

    label = "pix2pix"

    def __init__(self, network: Pix2Pix, minutes: float, finder: FrameFinder) -> None:
        self.network, self.finder = network, finder
        self.name = f"{self.label} U-Net, {minutes:.0f} min"

    @classmethod
    def trained_in(cls, folder: Path, finder: FrameFinder) -> "Pix2PixPortraits":
        """The averaged weights of a checkpoint. Raises WeightsError where it is of another network."""
        return cls(read_baseline(Pix2Pix(Pix2PixConfig()), folder), trained_minutes(folder) or 0.0, finder)

    @torch.inference_mode()
    def portraits(self, case: Case) -> np.ndarray:
        inks = torch.cat([read_drawing(drawing[..., None], "full", self.finder).ink for drawing in case.drawings])
        return np.concatenate([to_pixels(self.network(part)) for part in inks.split(8)])
