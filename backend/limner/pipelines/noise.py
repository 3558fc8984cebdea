# SPDX-License-Identifier: Apache-2.0
"""The noise that portraits grow from: in the face the same in both halves, mirrored.

Only what it has learned tells a flow that one eye is like the other, and a small one has learned too little: where the
noise differs, one is open and the other squints. Where one half of it mirrors the other, each number still has unit
variance, as the flows expect, and both halves come out alike. Around the face, where hair and background have no
mirror image, the noise is free."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch

from limner.models.codec import Codec
from limner.models.components import CANVAS
from limner.models.synthesis import LATENT_SIDE

CENTER, RADII = (256, 272), (136, 160)  # x and y on the 512-pixel frame: the middle of the face, and an ellipse around
WITHIN, BEYOND = 0.6, 1.6  # of these radii: up to where all is mirrored, and from where nothing is


@dataclass(frozen=True)
class FaceNoise:
    """Draws unit noise for latents. `signs` (L, 1, 1), 1 or -1: what the mirror makes of each of their channels."""

    signs: torch.Tensor

    @classmethod
    def of(cls, codec: Codec) -> FaceNoise:
        """For the latents of a codec: blocks that are their own mirror image, or its negative, are known by that."""
        blocks = codec.encoder.components.weight.detach().cpu()  # (L, 3, 8, 8)
        alike = (blocks * blocks.flip(3)).sum((1, 2, 3))
        return cls(torch.where(alike < 0, -1.0, 1.0)[:, None, None])

    def draw(self, generator: torch.Generator, most: float = 1.0) -> torch.Tensor:
        """(L, 32, 32), on the CPU: the same on every device. most: the share mirrored in the middle, in [0, 1]."""
        free = torch.randn(len(self.signs), LATENT_SIDE, LATENT_SIDE, generator=generator)
        mirrored = (free + self.signs * free.flip(2)) / 2**0.5
        share, correlation = most * _mirrored_share(), 0.5**0.5
        variance = share.square() + (1 - share).square() + 2 * correlation * share * (1 - share)
        return (share * mirrored + (1 - share) * free) / variance.sqrt()


@lru_cache(maxsize=1)
def _mirrored_share() -> torch.Tensor:
    """(32, 32) in [0, 1]: 1 in the middle of the face, 0 around it."""
    places = (torch.arange(LATENT_SIDE) + 0.5) * CANVAS / LATENT_SIDE
    x, y = ((places - middle) / radius for middle, radius in zip(CENTER, RADII, strict=True))
    distance = (x.square() + y.square()[:, None]).sqrt()
    return ((BEYOND - distance) / (BEYOND - WITHIN)).clamp(0, 1)
