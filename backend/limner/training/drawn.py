# SPDX-License-Identifier: Apache-2.0
"""Batches of drawn faces: a photo, a drawing of it in a random hand, and the clean line drawing."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch

from limner.training.faces import Face, cached_pictures, read_index
from limner.training.pairs import registered_drawings
from limner.training.sketches import Slips, clean_lines, draw

T = TypeVar("T")


@dataclass(frozen=True)
class DrawnBatch:
    """rows (N,) of the photos, mirrored (N,) bool, drawing and clean (N, 1, 256, 256) ink in [0, 1]."""

    rows: np.ndarray
    mirrored: np.ndarray
    drawing: torch.Tensor
    clean: torch.Tensor


class DrawnFaces:
    """All photos at 256 pixels with their landmarks and, where they exist, real drawings of them."""

    def __init__(self, data: Path, cache: Path) -> None:
        faces = read_index(data)
        self.faces: list[Face] = [f for f in faces if not f.is_sketch]
        self.photos = cached_pictures(self.faces, data, cache / "photos-256.npy", 256)
        self.drawings = registered_drawings(faces, data, cache / "drawings-256.npy")
        self.train = np.array([i for i, f in enumerate(self.faces) if f.split == "train"])

    def weights(self, sharp: float, paired: float) -> np.ndarray:
        """How often each training photo is taken; photos of sharp sets and paired ones by their factor."""
        faces = [self.faces[i] for i in self.train]
        weight = np.array([sharp if f.is_sharp else paired if f.file in self.drawings else 1.0 for f in faces])
        return weight / weight.sum()

    def drawn(self, row: int, slips: Slips, rng: np.random.Generator, real: float = 0.6) -> np.ndarray:
        """Ink (256, 256) of one photo; a share `real` of the photos with a real drawing give that one."""
        face = self.faces[row]
        own = self.drawings.get(face.file)
        if own is not None and rng.random() < real:
            return draw(self.photos[row], face.landmarks, slips, rng, own=own.astype(np.float32) / 255)
        return draw(np.asarray(self.photos[row]), face.landmarks, slips, rng)

    def batch(self, rows: np.ndarray, slips: Sequence[Slips], seed: tuple[int, ...]) -> DrawnBatch:
        """A drawing of each photo in `rows` with its `slips`, half of them mirrored; the same seed, the same batch."""
        rng = np.random.default_rng(seed)
        mirrored = rng.random(len(rows)) < 0.5
        inks, cleans = [], []
        for row, flip, slip in zip(rows, mirrored, slips, strict=True):
            ink, clean = self.drawn(int(row), slip, rng), clean_lines(np.asarray(self.photos[row]))
            inks.append(ink[:, ::-1] if flip else ink)
            cleans.append(clean[:, ::-1] if flip else clean)
        as_tensor = [torch.from_numpy(np.stack(a)[:, None].astype(np.float32)) for a in (inks, cleans)]
        return DrawnBatch(rows, mirrored, *as_tensor)


class Ahead(Generic[T]):
    """Makes the batches of the next steps in the background: `make(step)` for consecutive steps."""

    def __init__(self, make: Callable[[int], T], ahead: int = 3) -> None:
        self.make, self.ahead = make, ahead
        self.pool = ThreadPoolExecutor(1)
        self.waiting: dict[int, Future[T]] = {}

    def take(self, step: int) -> T:
        """The batch of `step`; the following ones are under way when it returns."""
        for later in range(step, step + self.ahead):
            if later not in self.waiting:
                self.waiting[later] = self.pool.submit(self.make, later)
        return self.waiting.pop(step).result()
