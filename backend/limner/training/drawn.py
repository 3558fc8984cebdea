# SPDX-License-Identifier: Apache-2.0
"""Batches of drawn faces: photos and drawings of them in random hands, and the clean line drawings."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch

from limner.training.augment import Look, random_look
from limner.training.codec import to_tensor
from limner.training.faces import Face, cached_pictures, read_index
from limner.training.fitted_glasses import FittedGlasses, fitted_glasses
from limner.training.glasses import wears_glasses
from limner.training.hed import EDGES_FILE, EdgeStore
from limner.training.pairs import registered_drawings
from limner.training.sketches import Slips, clean_lines, draw

T = TypeVar("T")
AS_IT_IS = Look()
SHARP, PAIRED = 16.0, 16.0  # weights of photos that portraits learn from; the soft ones, 1, are there for breadth
REAL = 0.75  # share of the photos with a real drawing that are seen with it
FITTED = 0.12  # share of the varied photos of people without glasses that are given some
GLASSES = 2.0  # times that, where somebody is known to wear some: one in ten does


@dataclass(frozen=True)
class DrawnBatch:
    """rows (N,) of the photos, mirrored (N,) bool, drawing (N, 1, 256, 256) ink in [0, 1].

    photos: (N, 256, 256, 3) uint8 RGB, what the drawings show, moved, relit and mirrored; None where a batch is not
    varied and the photos are those of the data set."""

    rows: np.ndarray
    mirrored: np.ndarray
    drawing: torch.Tensor
    photos: np.ndarray | None = None


@dataclass(frozen=True)
class Sitter:
    """Who is drawn: the photo of a row in a look, (256, 256, 3) uint8, its landmarks there (468, 2) in 0..1, and the
    glasses that were put on in it."""

    row: int
    look: Look
    photo: np.ndarray
    landmarks: np.ndarray
    glasses: FittedGlasses | None


def mirror(pictures: torch.Tensor, mirrored: np.ndarray) -> torch.Tensor:
    """(N, C, H, W) with left and right exchanged in those pictures where `mirrored` (N,) is set."""
    return torch.where(torch.from_numpy(mirrored)[:, None, None, None], pictures.flip(3), pictures)


class DrawnFaces:
    """All photos at 256 pixels with their landmarks and, where they exist, real drawings of them."""

    def __init__(self, data: Path, cache: Path) -> None:
        faces = read_index(data)
        self.faces: list[Face] = [f for f in faces if not f.is_sketch]
        self.photos = cached_pictures(self.faces, data, cache / "photos-256.npy", 256)
        self.drawings = registered_drawings(faces, data, cache / "drawings-256.npy")
        self.edges = EdgeStore(cache / EDGES_FILE, len(self.faces))
        self.train = np.array([i for i, f in enumerate(self.faces) if f.split == "train"])

    def weights(self, sharp: float, paired: float, glasses: float = 1.0) -> np.ndarray:
        """How often each training photo is taken; photos of sharp sets and paired ones by their factor, and those whose
        edges show glasses by theirs."""
        faces = [self.faces[i] for i in self.train]
        weight = np.array([sharp if f.is_sharp else paired if f.file in self.drawings else 1.0 for f in faces])
        weight = weight * [glasses if self._wears_glasses(row) else 1.0 for row in self.train.tolist()]
        return weight / weight.sum()

    def _wears_glasses(self, row: int) -> bool:
        edges = self.edges.get(row)
        return edges is not None and wears_glasses(edges, self.faces[row].landmarks)

    def drawn(
        self, row: int, slips: Slips, rng: np.random.Generator, real: float = REAL, look: Look = AS_IT_IS
    ) -> np.ndarray:
        """Ink (256, 256) of one photo in a look; a share `real` of the photos with a real drawing give that one."""
        return self._drawn(self._sitter(row, look), slips, rng, real)

    def _sitter(self, row: int, look: Look, fitting: np.random.Generator | None = None) -> Sitter:
        """A photo in a look; with `fitting`, some of those who wear no glasses are given some."""
        photo, landmarks = look.apply_to_photo(np.asarray(self.photos[row])), self.faces[row].landmarks
        landmarks, glasses = look.apply_to_landmarks(landmarks), None
        if fitting is not None and fitting.random() < FITTED and not self._wears_glasses(row):
            glasses = fitted_glasses(landmarks, fitting)
            photo = glasses.photographed(photo)
        return Sitter(row, look, photo, landmarks, glasses)

    def _drawn(self, sitter: Sitter, slips: Slips, rng: np.random.Generator, real: float = REAL) -> np.ndarray:
        own, edges, look = self.drawings.get(self.faces[sitter.row].file), self.edges.get(sitter.row), sitter.look
        taken = look.apply_to_ink(own).astype(np.float32) / 255 if own is not None and rng.random() < real else None
        seen = None if edges is None else look.apply_to_ink(edges)
        return draw(sitter.photo, sitter.landmarks, slips, rng, taken, seen, sitter.glasses)

    def held_out(self, count: int, without: str = "") -> np.ndarray:
        """About `count` rows of held-out photos, spread over all sets but the one named `without`."""
        rows = [i for i, f in enumerate(self.faces) if f.split == "val" and f.set != without]
        return np.array(rows[:: max(1, len(rows) // count)][:count])

    def clean(self, rows: np.ndarray, mirrored: np.ndarray) -> torch.Tensor:
        """The clean line drawings of the photos in `rows`, (N, 1, 256, 256) ink in [0, 1]."""
        lines = np.stack([clean_lines(np.asarray(self.photos[row])) for row in rows])
        return mirror(torch.from_numpy(lines)[:, None].float(), mirrored)

    def batch(
        self, rows: np.ndarray, slips: Sequence[Slips], seed: tuple[int, ...], varied: bool = False
    ) -> DrawnBatch:
        """A drawing of each photo in `rows` with its `slips`, half of them mirrored; the same seed, the same batch.

        `varied`: each photo in a look of its own, see `augment`, some with glasses put on, and so its drawing."""
        rng, moods = np.random.default_rng(seed), np.random.default_rng((*seed, 1))
        mirrored = rng.random(len(rows)) < 0.5
        looks = [random_look(moods) if varied else AS_IT_IS for _ in rows]
        fitting = moods if varied else None
        sitters = [self._sitter(row, look, fitting) for row, look in zip(rows.tolist(), looks, strict=True)]
        inks = np.stack([self._drawn(sitter, slip, rng) for sitter, slip in zip(sitters, slips, strict=True)])
        photos = np.stack([sitter.photo for sitter in sitters]) if varied else None
        if photos is not None:
            photos[mirrored] = photos[mirrored, :, ::-1]
        return DrawnBatch(rows, mirrored, mirror(torch.from_numpy(inks)[:, None], mirrored), photos)

    def shown(self, drawn: DrawnBatch) -> torch.Tensor:
        """The photos as the drawings of a batch show them, (N, 3, 256, 256) in [-1, 1]."""
        if drawn.photos is not None:
            return to_tensor(drawn.photos)
        return mirror(to_tensor(np.stack([self.photos[row] for row in drawn.rows])), drawn.mirrored)


def recent(kept: Mapping[int, T], step: int, count: int, make: Callable[[int], T]) -> dict[int, T]:
    """What the last `count` steps up to `step` made: of those that are `kept` their own, the others made, the oldest
    first. Each follows from its step alone, so that a resumed run has what an unbroken one has."""
    return {past: kept[past] if past in kept else make(past) for past in range(step - count + 1, step + 1)}


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
