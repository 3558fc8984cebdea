# SPDX-License-Identifier: Apache-2.0
"""Training of the frame finder: drawings moved, scaled and tilted on larger paper, strokes missing, others added."""

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from torch import nn

from limner.imaging.frame import FaceFrame, extract
from limner.models.frame_finder import POINTS, SIDE, FrameFinder, FrameFinderConfig, as_seen, point_error
from limner.training.drawn import Ahead, DrawnFaces
from limner.training.processes import ALONE, Processes
from limner.training.sketches import Slips

BATCH = 24
VIEWS = 6  # squares cut from each drawing
Views = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def random_search(side: int, rng: np.random.Generator) -> FaceFrame:
    """A square to search in a drawing of `side` pixels: up to three times as large, the face inside it, tilted."""
    size = side * float(np.exp(rng.uniform(np.log(0.95), np.log(3.0))))
    tilt = float(rng.normal(0, 8) if rng.random() < 0.6 else rng.uniform(-45, 45))
    room = max(0.0, size - side) / 2 + 0.06 * side
    x, y = rng.uniform(-room, room, 2) + (side - size) / 2
    return FaceFrame(float(x), float(y), size, tilt)


def scribble(ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`ink` (S, S) with a few strokes that belong to no face."""
    ink, side = ink.copy(), ink.shape[0]
    for _ in range(int(rng.integers(1, 5))):
        points = (rng.uniform(0, side, 2) + np.cumsum(rng.normal(0, side / 8, (5, 2)), 0)).round().astype(np.int32)
        cv2.polylines(ink, [points], False, float(rng.uniform(0.4, 1)), int(rng.integers(1, 4)), cv2.LINE_AA)
    return ink


class FrameFinderTask:
    """Three points in squares of which the face fills a random part."""

    batch = BATCH

    def __init__(self, faces: DrawnFaces, config: FrameFinderConfig, processes: Processes = ALONE) -> None:
        self.model: nn.Module = FrameFinder(config)
        self.faces, self.processes = faces, processes
        self.weights = faces.weights(sharp=2, paired=3)
        self.batches = Ahead(self._batch)
        self.held_out = self._views(faces.held_out(60), (8, 8), spoil=0.3)

    def _batch(self, step: int) -> Views:
        seed, count = (9, step, self.processes.rank), self.processes.part_of(BATCH) // VIEWS
        rows = np.random.default_rng(seed).choice(self.faces.train, max(1, count), p=self.weights)
        return self._views(rows, seed, spoil=0.6)

    def _views(self, rows: np.ndarray, seed: tuple[int, ...], spoil: float) -> Views:
        """Squares (N, 1, 96, 96), points (N, 3, 2) and the face's size (N,) in them, `VIEWS` for each row."""
        rng = np.random.default_rng((*seed, 1))
        slips = [Slips(rng.uniform(0, 6), rng.uniform(0, spoil)) for _ in rows]
        drawings = self.faces.batch(rows, slips, seed).drawing[:, 0].numpy()
        seen, points, sizes = [], [], []
        for ink in drawings:
            side = ink.shape[0]
            for _ in range(VIEWS):
                square = random_search(side, rng)
                drawn = scribble(ink, rng) if rng.random() < 0.25 else ink
                seen.append(as_seen(extract(1 - drawn, square, SIDE))[0])
                points.append(square.to_canvas(POINTS * side, SIDE) / SIDE)
                sizes.append(side / square.size)
        device = self.processes.device
        wanted, size = torch.from_numpy(np.stack(points)).float(), torch.tensor(sizes)
        return torch.stack(seen).to(device), wanted.to(device), size.to(device)

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        seen, wanted, size = self.batches.take(step)
        return {"total": point_error(model(seen), wanted, size).mean()}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        seen, wanted, size = self.held_out
        found = model(seen)
        error = point_error(found, wanted, size)
        numbers = {"val_error": float(error.mean()), "val_error_p90": float(error.quantile(0.9))}
        sheet = [_marked(ink, points) for ink, points in zip(seen[::6][:16], found[::6][:16], strict=True)]
        return numbers, np.concatenate(sheet, 1)


def _marked(ink: torch.Tensor, points: torch.Tensor) -> np.ndarray:
    """One square (1, 96, 96) with the found points on it: (192, 192, 3) uint8."""
    gray = ((1 - ink[0].float().cpu().numpy()) * 255).astype(np.uint8)
    picture = cv2.cvtColor(cv2.resize(gray, None, fx=2, fy=2), cv2.COLOR_GRAY2RGB)
    for x, y in points.float().cpu().numpy() * 2 * SIDE:
        cv2.circle(picture, (round(float(x)), round(float(y))), 4, (255, 0, 0), -1, cv2.LINE_AA)
    return picture
