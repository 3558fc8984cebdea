# SPDX-License-Identifier: Apache-2.0
"""Color hints for training: a few rough strokes of a photo's colors at the size of the latents, or all of them."""

import cv2
import numpy as np
import torch

from limner.models.pulse import resized
from limner.models.synthesis import LATENT_SIDE

SHARE_WITH_HINTS = 0.5
TINY_SIDES = (12, 16, 16, 24, 32, 32, 64)  # of the tiny pictures that PULSE starts from
TINY_NOISE = 0.08  # the most that they are spoiled by, in [-1, 1]; half of them are not


def random_mask(side: int, rng: np.random.Generator) -> np.ndarray:
    """(side, side) float32 in [0, 1]: nothing (half of the time), blobs as a brush leaves them, or everything."""
    kind = rng.random()
    if kind >= SHARE_WITH_HINTS:
        return np.zeros((side, side), np.float32)
    if kind < 0.1:
        return np.ones((side, side), np.float32)
    nodes = int(rng.integers(4, 9))
    cover = cv2.resize(rng.random((nodes, nodes)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    return (cover > np.quantile(cover, rng.uniform(0.4, 0.98))).astype(np.float32)


def random_hints(colors: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """(N, 3, S, S) small photos in [-1, 1] -> (N, 4, S, S): blurred, slightly wrong colors and their mask."""
    hints = []
    for photo in colors.numpy():
        sigma = rng.uniform(0.5, 3.0)
        rough = np.stack([cv2.GaussianBlur(channel, (0, 0), sigma) for channel in photo])
        rough = (rough * rng.uniform(0.9, 1.1) + rng.normal(0, 0.05, (3, 1, 1))).clip(-1, 1)
        hints.append(np.concatenate([rough, random_mask(photo.shape[1], rng)[None]]).astype(np.float32))
    return torch.from_numpy(np.stack(hints))


def tiny_picture(photo: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """(3, S, S) in [-1, 1] -> (4, 32, 32): the whole photo as a hint, as PULSE gives it what is left of a face."""
    small = resized(photo[None], int(rng.choice(TINY_SIDES)))
    spoiled = rng.uniform(0, TINY_NOISE) * rng.standard_normal(small.shape, np.float32) * (rng.random() < 0.5)
    colors = resized(small + torch.from_numpy(spoiled).to(small), LATENT_SIDE).clamp(-1, 1)[0]
    return torch.cat([colors, torch.ones_like(colors[:1])])
