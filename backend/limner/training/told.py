# SPDX-License-Identifier: Apache-2.0
"""Photos with all that a portrait's network is told of them: drawings, how far to trust them, and color hints."""

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from limner.models.bank import CodeBank
from limner.models.codec import Codec
from limner.models.components import PARTS, ComponentEmbedding
from limner.models.synthesis import LATENT_SIDE, Conditions
from limner.training.bank import frozen_conditions
from limner.training.color_hints import random_hints, tiny_picture
from limner.training.drawn import DrawnBatch, DrawnFaces
from limner.training.faces import STUDIO_SET
from limner.training.processes import ALONE, Processes
from limner.training.sketches import Slips

TINY = 0.15  # share that is given as PULSE gives a tiny picture: all of its colors, component codes, no lines


@dataclass(frozen=True)
class ToldBatch:
    """A drawn batch, its photos, how literally each part of each drawing is to be taken, and the color hints."""

    drawn: DrawnBatch
    photos: torch.Tensor  # (N, 3, 256, 256) in [-1, 1]
    literal: dict[str, torch.Tensor]  # by part, (N,) in [0, 1]
    mapped: torch.Tensor  # (N, 1, 1, 1), 0 where the codes are left out
    color: torch.Tensor  # (N, 4, 32, 32)

    def to(self, device: torch.device) -> "ToldBatch":
        """The same batch, its tensors on `device`."""
        drawn = replace(self.drawn, drawing=self.drawn.drawing.to(device))
        literal = {part: value.to(device) for part, value in self.literal.items()}
        return ToldBatch(drawn, self.photos.to(device), literal, self.mapped.to(device), self.color.to(device))


def random_literal(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 5) in [0, 1]: how literally each part is taken; often the same for all parts, often an extreme."""

    def draw(shape: tuple[int, int]) -> np.ndarray:
        kind = rng.random(shape)
        return np.where(kind < 0.2, 0.0, np.where(kind < 0.55, 1.0, rng.random(shape)))

    together = rng.random((count, 1)) < 0.6
    return np.where(together, np.repeat(draw((count, 1)), len(PARTS), 1), draw((count, len(PARTS)))).astype(np.float32)


def slips_of(literal: float, rng: np.random.Generator) -> Slips:
    """The less a drawing is to be trusted, the further it strays in training: this makes the gate mean trust."""
    doubt = 1 - literal
    return Slips(1.5 + 12 * doubt * rng.uniform(0.2, 1), 0.55 * doubt * rng.random())


@dataclass(frozen=True)
class ToldFaces:
    """Makes batches of the faces, and encodes them by trained, frozen networks."""

    faces: DrawnFaces
    codec: Codec
    embedding: ComponentEmbedding
    bank: CodeBank
    processes: Processes = ALONE

    def batch_of(self, rows: np.ndarray, step: int, varied: bool = False) -> ToldBatch:
        """The photos in `rows`, drawn and hinted at, as `step` decides; `varied` as in `DrawnFaces.batch`."""
        rng = np.random.default_rng((4, step % 2**32, self.processes.rank))
        literal = random_literal(len(rows), rng)
        mapped = torch.from_numpy(rng.random(len(rows)) > 0.15).float()
        unguided = rng.random(len(rows)) < 0.08
        literal[unguided], mapped[torch.from_numpy(unguided)] = 0, 0
        tiny = rng.random(len(rows)) < TINY
        literal[tiny], mapped[torch.from_numpy(tiny)] = 0, 1
        slips = [slips_of(float(v.mean()), rng) for v in literal]
        drawn = self.faces.batch(rows, slips, seed=(5, step % 2**32, self.processes.rank), varied=varied)
        photos = self.faces.shown(drawn)
        hints = random_hints(F.avg_pool2d(photos, 256 // LATENT_SIDE), rng)  # (N, 4, 32, 32)
        for i in np.flatnonzero(tiny):
            hints[i] = tiny_picture(photos[i], rng)
        by_part = {part: torch.from_numpy(literal[:, i]) for i, part in enumerate(PARTS)}
        return ToldBatch(drawn, photos, by_part, mapped[:, None, None, None], hints).to(self.processes.device)

    def held_out(self) -> ToldBatch:
        """What the flows are validated on."""
        return self.batch_of(self.faces.held_out(48, without=STUDIO_SET), -1)

    @torch.no_grad()
    def latents(self, batch: ToldBatch) -> torch.Tensor:
        """Of the photos, (N, 16, 32, 32), in single precision."""
        with torch.autocast(self.processes.device.type, enabled=False):
            latent: torch.Tensor = self.codec.encoder(batch.photos)
        return latent

    @torch.no_grad()
    def conditions(self, batch: ToldBatch) -> Conditions:
        """Encodes the drawings, projects their codes (never onto their own face) and blends."""
        ink, own = batch.drawn.drawing, torch.from_numpy(batch.drawn.rows)
        return frozen_conditions(self.embedding, self.bank, ink, own, batch.literal, batch.color, batch.mapped)
