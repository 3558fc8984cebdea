# SPDX-License-Identifier: Apache-2.0
"""Latents of known photos as the flow gives them: part noise, part photo, integrated to the end under a drawing.

A portrait's latents are softer than any photo's; a decoder that has only seen photos' latents shows that as blur."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch

from limner.models.bank import CodeBank
from limner.models.codec import Codec
from limner.models.components import PARTS, ComponentEmbedding
from limner.models.synthesis import LATENT_SIDE, Synthesis
from limner.training.bank import frozen_conditions
from limner.training.drawn import DrawnFaces
from limner.training.sketches import Slips

STEPS = 3
KNOWN = (0.15, 0.6)  # times that the path is entered at: how much of the photo is given


@dataclass(frozen=True)
class SoftLatents:
    """Makes soft latents with trained, frozen networks."""

    codec: Codec
    embedding: ComponentEmbedding
    bank: CodeBank
    synthesis: Synthesis

    @torch.no_grad()
    def make(self, faces: DrawnFaces, row: int, photo: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """(1, 16, 32, 32) of `photo` (1, 3, 256, 256) in [-1, 1], the picture of the face in `row`, not mirrored."""
        ink = torch.from_numpy(faces.drawn(row, Slips(1, 0), rng))[None, None].to(photo.device)
        literal = {part: ink.new_full((1,), float(rng.random() > 0.3)) for part in PARTS}
        color, mapped = ink.new_zeros(1, 4, LATENT_SIDE, LATENT_SIDE), ink.new_ones(1, 1, 1, 1)
        own = torch.tensor([row])
        given = frozen_conditions(self.embedding, self.bank, ink, own, literal, color, mapped)
        velocity = partial(self.synthesis.velocity, condition=self.synthesis.condition(given))
        start, latent = rng.uniform(*KNOWN), self.codec.encoder(photo).float()
        noise = torch.from_numpy(rng.standard_normal(tuple(latent.shape), np.float32)).to(latent) * rng.uniform(
            0.15, 0.7
        )
        x = (1 - start) * noise + start * latent
        for now, then in pairwise(np.linspace(start, 1, STEPS + 1)):
            x = x + (then - now) * velocity(x, x.new_full((1,), now))
        return x
