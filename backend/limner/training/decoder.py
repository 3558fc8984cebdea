# SPDX-License-Identifier: Apache-2.0
"""The decoder's second training: from soft latents too, and against a critic, so that portraits come out crisp."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from limner.models.codec import OUT, Decoder, half, to_pixels
from limner.training.codec import LATENT_NOISE, to_tensor
from limner.training.critic import Critic, contest
from limner.training.drawn import DrawnFaces, recent
from limner.training.faces import cached_pictures, large_photos
from limner.training.perceptual import VggFeatures, feature_distance, find_hed_weights
from limner.training.processes import ALONE, Processes
from limner.training.soft_latents import SoftLatents

BATCH = 8  # crops, the first half of true latents, the others of soft ones
PLAIN = 2  # crops beside them that show a soft gradient: what a cell's grid shows on first
CELLS = 10  # latent cells on the side of a crop
MARGIN, WINDOW = 2 * OUT, 80  # pixels at a crop's border that only the pixel losses see; side of what the features see
JUDGED = slice(1, None)  # VGG's blocks that the critic sees: the first shows edges, which L1 takes care of
KEPT = 160  # soft latents that crops are taken from; each step replaces the oldest
ADVERSARIAL_FROM = 0.1  # share of the run in which the critic only learns
ADVERSARIAL = 0.1
SHOWN = 8  # pictures on a sample sheet


class Contest(nn.Module):
    """The decoder and its critic, trained side by side."""

    def __init__(self, decoder: Decoder, critic: Critic) -> None:
        super().__init__()
        self.decoder, self.critic = decoder, critic


def random_gradients(count: int, side: int, rng: np.random.Generator) -> torch.Tensor:
    """Pictures (count, 3, side, side) in [-1, 1] of any color that changes a little from corner to corner."""
    corners = rng.uniform(-1, 1, (count, 3, 1, 1)) + rng.normal(0, 0.15, (count, 3, 2, 2))
    return F.interpolate(torch.from_numpy(corners).float(), size=side, mode="bilinear").clamp(-1, 1)


class DecoderTask:
    """Crops of the 512-pixel photos, decoded from latents of the photos and from the flow's latents of them."""

    batch = BATCH

    def __init__(
        self, data: Path, cache: Path, faces: DrawnFaces, soft: SoftLatents, processes: Processes = ALONE
    ) -> None:
        self.faces, self.soft, self.processes = faces, soft, processes
        self.features = VggFeatures(find_hed_weights()).to(processes.device)
        large = large_photos(faces.faces)
        self.pictures = cached_pictures(large, data, cache / "photos-512.npy", 512)
        row_of = {f.file: row for row, f in enumerate(faces.faces)}
        self.rows = [row_of[f.file] for f in large]
        self.train = np.array([i for i, f in enumerate(large) if f.split == "train"])
        weights = np.array([3.0 if large[i].is_sharp else 1.0 for i in self.train])
        self.weights = weights / weights.sum()
        held_out = [i for i, f in enumerate(large) if f.split == "val" and f.is_sharp]
        self.held_out = held_out[:: max(1, len(held_out) // SHOWN)][:SHOWN]
        maps = self.features(torch.zeros(1, 3, 32, 32, device=processes.device))
        codec_decoder = soft.codec.decoder.requires_grad_(True)
        self.model: nn.Module = Contest(codec_decoder, Critic([m.shape[1] for m in maps[JUDGED]]))
        self.kept: dict[int, tuple[int, torch.Tensor]] = {}  # by the step that made it: photo and soft latents
        self.shown = [(i, self._soften(i, np.random.default_rng((9, i)))) for i in self.held_out]

    def _picture(self, index: int) -> torch.Tensor:
        """(1, 3, 512, 512) in [-1, 1]."""
        return to_tensor(self.pictures[[index]]).to(self.processes.device)

    def _soften(self, index: int, rng: np.random.Generator) -> torch.Tensor:
        return self.soft.make(self.faces, self.rows[index], half(self._picture(index)), rng)

    def _refresh(self, step: int) -> None:
        self.kept = recent(self.kept, step, KEPT, self._made_at)

    def _made_at(self, step: int) -> tuple[int, torch.Tensor]:
        rng = np.random.default_rng((14, KEPT + step, self.processes.rank))
        index = int(rng.choice(self.train, p=self.weights))
        return index, self._soften(index, rng)

    def _crops(self, step: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents (N, 16, 10, 10), true ones first, and the photos (N, 3, 160, 160) that they stand for."""
        self._refresh(step)
        latents, photos, count = [], [], self.processes.part_of(BATCH)
        for number in range(count):
            y, x = rng.integers(0, 512 // OUT - CELLS + 1, 2)
            if number < count // 2:
                picture = self._picture(int(rng.choice(self.train, p=self.weights)))
                latent = self.soft.codec.encoder(half(picture))
                latent = latent + LATENT_NOISE * torch.randn_like(latent)
            else:
                index, latent = self.kept[step - int(rng.integers(KEPT))]
                picture = self._picture(index)
            latents.append(latent[..., y : y + CELLS, x : x + CELLS])
            photos.append(picture[..., y * OUT : (y + CELLS) * OUT, x * OUT : (x + CELLS) * OUT])
        return torch.cat(latents), torch.cat(photos)

    def _plain_loss(self, decoder: nn.Module, rng: np.random.Generator) -> torch.Tensor:
        wanted = random_gradients(PLAIN, CELLS * OUT, rng).to(self.processes.device)
        return F.l1_loss(decoder(self.soft.codec.encoder(half(wanted))), wanted)

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        assert isinstance(model, Contest)
        rng = np.random.default_rng((13, step, self.processes.rank))
        with torch.no_grad():
            latents, photos = self._crops(step, rng)
        output = model.decoder(latents)
        y, x = rng.integers(MARGIN, photos.shape[-1] - MARGIN - WINDOW + 1, 2)
        window = (..., slice(y, y + WINDOW), slice(x, x + WINDOW))
        with torch.no_grad():
            wanted = self.features(photos[window])
        true = slice(0, len(output) // 2)
        losses = {
            "pixel": F.l1_loss(half(output[true]), half(photos[true])),
            "detail": F.l1_loss(output[true], photos[true]),
            "soft": F.l1_loss(half(output), half(photos)),
            "plain": self._plain_loss(model.decoder, rng),
        }
        shown = self.features(output[window])
        losses["perceptual"] = feature_distance(shown, wanted)
        losses["judging"], losses["fooling"] = contest(model.critic, shown[JUDGED], wanted[JUDGED])
        weight = ADVERSARIAL if progress >= ADVERSARIAL_FROM else 0.0
        total = 2 * losses["pixel"] + losses["detail"] + losses["soft"] + losses["plain"] + 0.4 * losses["perceptual"]
        return {**losses, "total": total + losses["judging"] + weight * losses["fooling"]}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        assert isinstance(model, Contest)
        lines: list[list[np.ndarray]] = [[], [], []]
        errors = []
        for index, soft in self.shown:
            picture = half(self._picture(index))
            true = half(model.decoder(self.soft.codec.encoder(picture))).clamp(-1, 1)
            errors.append((true - picture).square().mean() / 4)
            for line, made in zip(lines, (picture, true, half(model.decoder(soft))), strict=True):
                line.append(to_pixels(made)[0])
        sheet = np.concatenate([np.concatenate(line, 1) for line in lines], 0)
        return {"psnr_shown": float((-10 * torch.stack(errors).log10()).mean())}, sheet
