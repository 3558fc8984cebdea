# SPDX-License-Identifier: Apache-2.0
"""The decoder's second training: from soft latents too, with texture and against a critic, so that portraits come out
crisp.

What a latent leaves open is not to be averaged but drawn: two pictures under different grain are compared with the
photo and with each other by the energy score of VGG's activations, which is least where they are spread about as photos
are (Gneiting and Raftery 2007, "Strictly proper scoring rules", section 4.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from limner.models.codec import BLOCK, OUT, Codec, Decoder, grain_of, half, to_pixels
from limner.models.synthesis import LATENT_SIDE
from limner.training.codec import LATENT_NOISE, to_tensor
from limner.training.critic import Critic, contest
from limner.training.drawn import DrawnFaces
from limner.training.faces import cached_pictures, large_photos
from limner.training.perceptual import VggFeatures, energy_score, find_hed_weights
from limner.training.processes import ALONE, Processes
from limner.training.soft_latents import SoftLatents

BATCH = 8  # crops, the first half of true latents, the others of soft ones
JUDGED = slice(1, None)  # VGG's blocks that the critic sees
TEXTURE = 48  # fields of noise that texture is mixed from
KEPT = 320  # soft latents of each kind that crops are taken from, the oldest replaced first
FRESH = 1  # of them made anew each step
ADVERSARIAL_FROM = 0.1  # share of the run in which the critic only learns
ADVERSARIAL = 0.15
ENERGY = 0.5
SHOWN = 8  # pictures on a sample sheet


@dataclass(frozen=True)
class Kind:
    """Photos of one side, and how a step sees them. cells: latent cells on the side of a crop. window: pixels on the
    side of what the features see, at least `margin` pixels from the crop's border. weights: how often each is taken."""

    pictures: np.ndarray  # (P, S, S, 3) uint8
    rows: np.ndarray  # (P,) of the faces
    train: np.ndarray
    weights: np.ndarray
    cells: int
    window: int
    margin: int

    @property
    def scale(self) -> int:
        """Pixels on a side of one cell: OUT where the photos are as large as what is decoded, or half of it."""
        return self.pictures.shape[1] // LATENT_SIDE

    def choose(self, rng: np.random.Generator) -> int:
        """The index of a training photo."""
        return int(rng.choice(self.train, p=self.weights))


def kinds_of(faces: DrawnFaces, data: Path, cache: Path) -> tuple[Kind, Kind]:
    """The photos of 512 pixels, decoded at their full detail, and all photos at 256, decoded and halved."""
    large, row_of = large_photos(faces.faces), {face.file: row for row, face in enumerate(faces.faces)}
    rows = np.array([row_of[face.file] for face in large])
    pictures = cached_pictures(large, data, cache / "photos-512.npy", 512)
    train = np.array([i for i, face in enumerate(large) if face.split == "train"])
    weights = np.array([3.0 if large[i].is_sharp else 1.0 for i in train])
    fine = Kind(pictures, rows, train, weights / weights.sum(), cells=10, window=80, margin=32)
    every = np.arange(len(faces.faces))
    often = faces.weights(sharp=3, paired=4)
    return fine, Kind(faces.photos, every, faces.train, often, cells=12, window=64, margin=16)


def textured(codec: Codec) -> Decoder:
    """The decoder of `codec` with texture that is still to be learned, all of it free to change."""
    decoder = Decoder(replace(codec.config, texture=TEXTURE))
    decoder.load_state_dict(codec.decoder.state_dict(), strict=False)
    return decoder


class Contest(nn.Module):
    """The decoder and its critic, trained side by side."""

    def __init__(self, decoder: Decoder, critic: Critic) -> None:
        super().__init__()
        self.decoder, self.critic = decoder, critic


class DecoderTask:
    """Crops of photos, decoded from latents of the photos and from the flow's latents of them.

    Large photos and small ones take turns: the first teach detail at 512 pixels, the second are many more."""

    batch = BATCH

    def __init__(
        self, data: Path, cache: Path, faces: DrawnFaces, soft: SoftLatents, processes: Processes = ALONE
    ) -> None:
        self.faces, self.soft, self.processes = faces, soft, processes
        self.features = VggFeatures(find_hed_weights()).to(processes.device)
        self.kinds = kinds_of(faces, data, cache)
        fine = self.kinds[0]
        held_out = [
            i for i, row in enumerate(fine.rows) if faces.faces[row].split == "val" and faces.faces[row].is_sharp
        ]
        self.held_out = held_out[:: max(1, len(held_out) // SHOWN)][:SHOWN]
        maps = self.features(torch.zeros(1, 3, 32, 32, device=processes.device))
        decoder = textured(soft.codec).to(processes.device)
        self.model: nn.Module = Contest(decoder, Critic([m.shape[1] for m in maps[JUDGED]]))
        self.kept: tuple[list[tuple[int, torch.Tensor]], ...] = tuple([] for _ in self.kinds)
        self.shown = [(i, self._soften(fine, i, np.random.default_rng((9, i)))) for i in self.held_out]

    def _picture(self, kind: Kind, index: int) -> torch.Tensor:
        """(1, 3, S, S) in [-1, 1]."""
        return to_tensor(kind.pictures[[index]]).to(self.processes.device)

    def _coded(self, picture: torch.Tensor) -> torch.Tensor:
        """`picture` at the side that the codec takes."""
        return picture if picture.shape[-1] == BLOCK * LATENT_SIDE else half(picture)

    def _soften(self, kind: Kind, index: int, rng: np.random.Generator) -> torch.Tensor:
        return self.soft.make(self.faces, int(kind.rows[index]), self._coded(self._picture(kind, index)), rng)

    def _refresh(self, number: int, rng: np.random.Generator) -> None:
        """Replaces the oldest soft latents of a kind; the first time a quarter of them is made at once."""
        kind, kept = self.kinds[number], self.kept[number]
        for _ in range(FRESH if kept else KEPT // 4):
            index = kind.choose(rng)
            kept.append((index, self._soften(kind, index, rng)))
        del kept[:-KEPT]

    def _crops(self, number: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents (N, 16, cells, cells), true ones first, and the photos that they stand for."""
        latents, photos, count = [], [], self.processes.part_of(BATCH)
        kind, kept = self.kinds[number], self.kept[number]
        for place in range(count):
            y, x = rng.integers(0, LATENT_SIDE - kind.cells + 1, 2)
            if place < count // 2:
                picture = self._picture(kind, kind.choose(rng))
                latent = self.soft.codec.encoder(self._coded(picture))
                latent = latent + LATENT_NOISE * torch.randn_like(latent)
            else:
                index, latent = kept[rng.integers(len(kept))]
                picture = self._picture(kind, index)
            latents.append(latent[..., y : y + kind.cells, x : x + kind.cells])
            top, left, side = y * kind.scale, x * kind.scale, kind.cells * kind.scale
            photos.append(picture[..., top : top + side, left : left + side])
        return torch.cat(latents), torch.cat(photos)

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        assert isinstance(model, Contest)
        rng, number = np.random.default_rng((13, step, self.processes.rank)), step % len(self.kinds)
        with torch.no_grad():
            self._refresh(number, rng)
            latents, photos = self._crops(number, rng)
        kind = self.kinds[number]
        mean, details = model.decoder.mean(latents)
        true, coded = slice(0, len(mean) // 2), photos if kind.scale == BLOCK else half(photos)
        losses = {
            "pixel": F.l1_loss(half(mean[true]), coded[true]),
            "soft": F.l1_loss(half(mean), coded),
        }
        total = 2 * losses["pixel"] + losses["soft"]
        if kind.scale == OUT:
            losses["detail"] = F.l1_loss(mean[true], photos[true])
            total = total + losses["detail"]
        y, x = rng.integers(kind.margin, photos.shape[-1] - kind.margin - kind.window + 1, 2)
        window = (..., slice(y, y + kind.window), slice(x, x + kind.window))
        with torch.no_grad():
            wanted = self.features(photos[window])
        one, other = (self.features(self._textured(model, kind, mean, details)[window]) for _ in range(2))
        losses["energy"] = energy_score(one, other, wanted)
        losses["judging"], losses["fooling"] = contest(model.critic, one[JUDGED], wanted[JUDGED])
        weight = ADVERSARIAL if progress >= ADVERSARIAL_FROM else 0.0
        total = total + ENERGY * losses["energy"] + losses["judging"] + weight * losses["fooling"]
        return {**losses, "total": total}

    @staticmethod
    def _textured(model: Contest, kind: Kind, mean: torch.Tensor, details: torch.Tensor) -> torch.Tensor:
        """The picture under fresh grain, at the side of the photos."""
        assert model.decoder.texture is not None
        picture = mean + model.decoder.texture(details, torch.randn_like(mean[:, :1]))
        return picture if kind.scale == OUT else half(picture)

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        assert isinstance(model, Contest)
        lines: list[list[np.ndarray]] = [[], [], []]
        errors = []
        for index, soft in self.shown:
            picture = half(self._picture(self.kinds[0], index))
            true = half(model.decoder(self.soft.codec.encoder(picture))).clamp(-1, 1)
            errors.append((true - picture).square().mean() / 4)
            portrait = model.decoder(soft, grain_of(index, soft))
            for line, made in zip(lines, (picture, true, half(portrait)), strict=True):
                line.append(to_pixels(made)[0])
        sheet = np.concatenate([np.concatenate(line, 1) for line in lines], 0)
        return {"psnr_shown": float((-10 * torch.stack(errors).log10()).mean())}, sheet
