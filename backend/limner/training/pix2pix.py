# SPDX-License-Identifier: Apache-2.0
"""Training of the pix2pix baseline on the drawings that the synthesis is trained on.

The losses are the paper's (section 3.1): a patch discriminator's, and 100 times the L1 distance to the photo. Both
networks are trained in one step; what each loss says of the other network is cut off.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from limner.models.pix2pix import Pix2Pix, Pix2PixConfig
from limner.training.codec import in_rows
from limner.training.drawn import PAIRED, SHARP, Ahead, DrawnFaces
from limner.training.faces import STUDIO_SET
from limner.training.inversion import psnr
from limner.training.processes import ALONE, Processes
from limner.training.told import random_literal, slips_of

BATCH = 4
L1_WEIGHT = 100.0  # against the discriminator's opinion of the generator
SHOWN = 8  # photos on a sample sheet


@dataclass(frozen=True)
class Pix2PixBatch:
    """ink (N, 1, 256, 256) in [0, 1] and photos (N, 3, 256, 256) in [-1, 1]."""

    ink: torch.Tensor
    photos: torch.Tensor


class Pix2PixTask:
    """Generator and discriminator, on drawings in every hand, as far off their photos as the synthesis sees them."""

    batch = BATCH

    def __init__(self, faces: DrawnFaces, config: Pix2PixConfig, processes: Processes = ALONE) -> None:
        self.model: nn.Module = Pix2Pix(config)
        self.faces, self.processes = faces, processes
        self.weights = faces.weights(sharp=SHARP, paired=PAIRED)
        self.batches = Ahead(lambda step: self._batch(self._rows(step), step))
        self.held_out = self._batch(faces.held_out(48, without=STUDIO_SET), -1)

    def _rows(self, step: int) -> np.ndarray:
        rng, count = np.random.default_rng((13, step, self.processes.rank)), self.processes.part_of(BATCH)
        return rng.choice(self.faces.train, count, p=self.weights)

    def _batch(self, rows: np.ndarray, step: int) -> Pix2PixBatch:
        rng = np.random.default_rng((14, step % 2**32, self.processes.rank))
        slips = [slips_of(float(literal.mean()), rng) for literal in random_literal(len(rows), rng)]
        drawn = self.faces.batch(rows, slips, seed=(15, step % 2**32, self.processes.rank))
        device = self.processes.device
        return Pix2PixBatch(drawn.drawing.to(device), self.faces.shown(drawn).to(device))

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        assert isinstance(model, Pix2Pix)
        batch = self.batches.take(step)
        made = model(batch.ink)
        judged = model.discriminator
        frozen = {name: value.detach() for name, value in judged.state_dict(keep_vars=True).items()}
        fooled = _says(functional_call(judged, frozen, (batch.ink, made)), photo=True)
        told = [
            _says(judged(batch.ink, batch.photos), photo=True),
            _says(judged(batch.ink, made.detach()), photo=False),
        ]
        losses = {"l1": F.l1_loss(made, batch.photos), "fooled": fooled, "told": torch.stack(told).mean()}
        losses["total"] = losses["l1"] + (fooled + losses["told"]) / L1_WEIGHT
        return losses

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        held = self.held_out
        outputs = torch.cat([model(part) for part in held.ink.split(8)])
        shown = slice(None, None, max(1, len(outputs) // SHOWN))
        lines = [
            1 - 2 * held.ink[shown][:SHOWN].expand(-1, 3, -1, -1),
            outputs[shown][:SHOWN],
            held.photos[shown][:SHOWN],
        ]
        sheet = in_rows(lines)
        return {"psnr": float(psnr(outputs, held.photos).mean())}, sheet


def _says(scores: torch.Tensor, photo: bool) -> torch.Tensor:
    """The loss of scores that should say "a photo", or should not."""
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, float(photo)))
