# SPDX-License-Identifier: Apache-2.0
"""Latents of the photos, encoded when first asked for and kept on disk."""

from pathlib import Path

import numpy as np
import torch

from limner.models.codec import Codec
from limner.training.codec import to_tensor

CHUNK = 16


class LatentStore:
    """Latents (16, 32, 32) of photos (M, 256, 256, 3) and of their mirror images; `file` is for this codec alone."""

    def __init__(self, codec: Codec, photos: np.ndarray, file: Path) -> None:
        self.codec, self.photos = codec.eval(), photos
        shape = (len(photos), 2, codec.config.latent, 32, 32)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape)
        self.stored = np.lib.format.open_memmap(file, mode="r+")  # all zero where not yet encoded
        self.known = np.asarray(self.stored[:, :, 0, 0, :2].any(-1))

    @torch.no_grad()
    def take(self, rows: np.ndarray, mirrored: np.ndarray) -> torch.Tensor:
        """(N, 16, 32, 32) for photo `rows` (N,), of the mirror image where `mirrored` (N,) is set."""
        sides, device = mirrored.astype(int), next(self.codec.parameters()).device
        new = np.flatnonzero(~self.known[rows, sides])
        for chunk in np.array_split(new, -(-len(new) // CHUNK)) if len(new) else ():
            photos = np.stack([self.photos[rows[i]][:, :: -1 if mirrored[i] else 1] for i in chunk])
            latents = self.codec.encoder(to_tensor(photos).to(device))
            self.stored[rows[chunk], sides[chunk]] = latents.half().cpu().numpy()
            self.known[rows[chunk], sides[chunk]] = True
        return torch.from_numpy(self.stored[rows, sides]).float()
