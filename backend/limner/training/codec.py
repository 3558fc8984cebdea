# SPDX-License-Identifier: Apache-2.0
"""Training of the codec: its linear part in closed form, the decoder's network on random crops.

L1 on pixels at both sizes, later with perceptual features too."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from limner.models.codec import Codec, CodecConfig, half, to_pixels
from limner.training.augment import random_look
from limner.training.blocks import fit_decoder, fit_encoder
from limner.training.faces import STUDIO_SET, cached_pictures, large_photos, read_index
from limner.training.perceptual import VggFeatures, find_hed_weights, perceptual_loss
from limner.training.processes import ALONE, Processes

CROP, BATCH = 96, 8  # pixels of the encoded crop, crops a step
PERCEPTUAL_FROM = 0.15  # share of the run trained on L1 alone
LATENT_NOISE = 0.1
FITTED = 400  # pictures that the linear part is fitted to


def in_rows(lines: Iterable[torch.Tensor]) -> np.ndarray:
    """A sample sheet (H, W, 3) uint8: a row for each batch of pictures (N, 3, H, W) in [-1, 1]."""
    return np.concatenate([np.concatenate(list(to_pixels(line)), 1) for line in lines], 0)


def to_tensor(pictures: np.ndarray) -> torch.Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


class CodecTask:
    """Crops of sharp photos at 512 (decoded at their full detail) and of all photos at 256."""

    batch = BATCH

    def __init__(self, data: Path, cache: Path, config: CodecConfig, processes: Processes = ALONE) -> None:
        self.processes = processes
        self.features = VggFeatures(find_hed_weights()).to(processes.device)
        photos = [f for f in read_index(data) if not f.is_sketch]
        large = large_photos(photos)
        self.small_pictures = cached_pictures(photos, data, cache / "photos-256.npy", 256)
        self.large_pictures = cached_pictures(large, data, cache / "photos-512.npy", 512)
        self.small = np.array([i for i, f in enumerate(photos) if f.split == "train"])
        weights = np.array([6.0 if photos[i].is_sharp else 1.0 for i in self.small])
        self.small_weights = weights / weights.sum()
        self.large = np.array([i for i, f in enumerate(large) if f.split == "train"])
        weights = np.array([3.0 if large[i].is_sharp else 1.0 for i in self.large])
        self.large_weights = weights / weights.sum()
        held_out = [f.split == "val" and f.is_sharp and f.set != STUDIO_SET for f in photos]
        self.held_out = np.flatnonzero(held_out)
        self.model: nn.Module = self._fitted(Codec(config))

    def _fitted(self, codec: Codec) -> Codec:
        """`codec` with its linear part set."""
        rng = np.random.default_rng(7)
        small = rng.choice(self.small, FITTED, p=self.small_weights)
        large = rng.choice(self.large, FITTED, p=self.large_weights)
        fit_encoder(codec, (to_tensor(self.small_pictures[[row]]) for row in small))
        fit_decoder(codec, (to_tensor(self.large_pictures[[row]]) for row in large), LATENT_NOISE)
        return codec

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        rng = np.random.default_rng((step, self.processes.rank))
        count, device = self.processes.part_of(BATCH // 2), self.processes.device
        fine = _crops(self.large_pictures, rng.choice(self.large, count, p=self.large_weights), 2 * CROP, rng)
        coarse = _crops(self.small_pictures, rng.choice(self.small, count, p=self.small_weights), CROP, rng)
        fine, coarse = fine.to(device), coarse.to(device)
        output = model(torch.cat([half(fine), coarse]), noise=LATENT_NOISE)  # (8, 3, 192, 192)
        output_half = half(output)
        pixel = F.l1_loss(output_half, torch.cat([half(fine), coarse]))
        detail = F.l1_loss(output[:count], fine)
        losses = {"pixel": pixel, "detail": detail}
        total = 2 * pixel + detail
        if progress >= PERCEPTUAL_FROM:
            y, x = rng.integers(0, CROP + 1, 2)
            window = (..., slice(y, y + CROP), slice(x, x + CROP))
            shown, wanted = torch.cat([output[:count][window], output_half[count:]]), torch.cat([fine[window], coarse])
            losses["perceptual"] = perceptual_loss(self.features, shown, wanted)
            total = total + 0.25 * losses["perceptual"]
        return {**losses, "total": total}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        photos = to_tensor(self.small_pictures[self.held_out[::2]]).to(self.processes.device)
        outputs = torch.cat([half(model(batch)).clamp(-1, 1) for batch in photos.split(8)])
        error = (outputs - photos).square().mean((1, 2, 3)) / 4  # values in 0..1
        shown = slice(None, None, max(1, len(photos) // 6))
        sheet = in_rows((photos[shown], outputs[shown]))
        return {"psnr_sharp": float((-10 * error.log10()).mean())}, sheet


def _crops(pictures: np.ndarray, rows: np.ndarray, side: int, rng: np.random.Generator) -> torch.Tensor:
    """Random windows of the chosen pictures in varied light, half of them mirrored: (N, 3, side, side) in [-1, 1]."""
    crops = []
    for row in rows:
        y, x = rng.integers(0, pictures.shape[1] - side + 1, 2)
        crop = pictures[row, y : y + side, x : x + side]
        crop = random_look(rng).relit(crop)
        crops.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
    return to_tensor(np.stack(crops))
