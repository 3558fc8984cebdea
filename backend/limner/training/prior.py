# SPDX-License-Identifier: Apache-2.0
"""Training of the synthesis: feature mapping and conditional flow, the encoders and the codec frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from limner.models.bank import CodeBank, refine_codes
from limner.models.blocks import in_channels_last
from limner.models.codec import Codec, half
from limner.models.components import PARTS, ComponentEmbedding
from limner.models.feature_mapping import spread_over_windows
from limner.models.synthesis import (
    LATENT_SIDE,
    Conditions,
    Synthesis,
    SynthesisConfig,
    path_variance,
    sample_euler,
    tempered,
)
from limner.pipelines.defaults import STEPS
from limner.training.bank import encode_and_project
from limner.training.codec import in_rows, to_tensor
from limner.training.color_hints import random_hints, tiny_picture
from limner.training.drawn import GLASSES, PAIRED, SHARP, Ahead, DrawnBatch, DrawnFaces
from limner.training.faces import STUDIO_SET
from limner.training.processes import ALONE, Processes
from limner.training.sketches import Slips

BATCH = 16  # drawings
NOISES = 2  # noises, each at a time of its own, for each drawing: drawing it costs a third of a step
GUIDED_FROM = 0.5  # share of the run after which the drawing's guidance is trained in
GUIDANCE = 0.4  # of the difference that the drawing makes; 0.4 ends as a guidance weight of 1.7
DETAIL = 0.3  # exponent of a channel's variance in its weight: at 1, half of the loss is the brightness of cells
TINY = 0.15  # share that is given as PULSE gives a tiny picture: all of its colors, component codes, no lines
MEASURED = 400  # photos that the variance of the latents is measured on
SHOWN = 10  # portraits on a sample sheet


@dataclass(frozen=True)
class PriorBatch:
    """A drawn batch, its photos, how literally each part of each drawing is to be taken, and the color hints."""

    drawn: DrawnBatch
    photos: torch.Tensor  # (N, 3, 256, 256) in [-1, 1]
    literal: dict[str, torch.Tensor]  # by part, (N,) in [0, 1]
    mapped: torch.Tensor  # (N, 1, 1, 1), 0 where the codes are left out
    color: torch.Tensor  # (N, 4, 32, 32)

    def to(self, device: torch.device) -> "PriorBatch":
        """The same batch, its tensors on `device`."""
        drawn = replace(self.drawn, drawing=self.drawn.drawing.to(device))
        literal = {part: value.to(device) for part, value in self.literal.items()}
        return PriorBatch(drawn, self.photos.to(device), literal, self.mapped.to(device), self.color.to(device))


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


class PriorTask:
    """Flow matching on latents of photos, conditioned on drawings that stray as far as they are not to be trusted."""

    batch = BATCH

    def __init__(
        self,
        faces: DrawnFaces,
        codec: Codec,
        embedding: ComponentEmbedding,
        bank: CodeBank,
        config: SynthesisConfig,
        processes: Processes = ALONE,
    ) -> None:
        self.model: nn.Module = in_channels_last(Synthesis(config))
        self.processes = processes
        self.faces, self.codec, self.embedding, self.bank = faces, codec, embedding, bank
        self.weights = faces.weights(SHARP, PAIRED, GLASSES)
        self.batches = Ahead(lambda step: self.batch_of(self._rows(step), step, varied=True))
        self.held_out = self.batch_of(faces.held_out(48, without=STUDIO_SET), -1)
        self._measure_variance(np.random.default_rng(8).choice(faces.train, MEASURED, p=self.weights))

    @torch.no_grad()
    def _measure_variance(self, rows: np.ndarray) -> None:
        device = self.processes.device
        parts = [self.codec.encoder(to_tensor(self.faces.photos[[row]]).to(device)) for row in rows]
        self.model.get_buffer("variance").copy_(torch.cat(parts).var((0, 2, 3)))

    def _rows(self, step: int) -> np.ndarray:
        rng, count = np.random.default_rng((3, step, self.processes.rank)), self.processes.part_of(BATCH)
        return rng.choice(self.faces.train, count, p=self.weights)

    def batch_of(self, rows: np.ndarray, step: int, varied: bool = False) -> PriorBatch:
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
        return PriorBatch(drawn, photos, by_part, mapped[:, None, None, None], hints).to(self.processes.device)

    @torch.no_grad()
    def latents(self, batch: PriorBatch) -> torch.Tensor:
        """Of the photos, (N, 16, 32, 32), in single precision."""
        with torch.autocast(self.processes.device.type, enabled=False):
            latent: torch.Tensor = self.codec.encoder(batch.photos)
        return latent

    @torch.no_grad()
    def conditions(self, batch: PriorBatch) -> Conditions:
        """Encodes the drawings, projects their codes (never onto their own face) and blends."""
        own = torch.from_numpy(batch.drawn.rows)
        codes, projections = encode_and_project(self.embedding, self.bank, batch.drawn.drawing, own)
        mixed = refine_codes(codes, projections, batch.literal)
        trust = spread_over_windows(batch.literal)
        return Conditions(mixed, batch.drawn.drawing, trust, batch.color, batch.mapped)

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        batch = self.batches.take(step)
        guidance = GUIDANCE if progress >= GUIDED_FROM else 0.0
        count = NOISES * len(batch.photos)
        noise = torch.randn(count, self.codec.config.latent, LATENT_SIDE, LATENT_SIDE)
        return {"total": self._flow_loss(model, batch, noise, self._times(count), guidance)}

    @staticmethod
    def _times(count: int) -> torch.Tensor:
        """(N,) logit-normal in (0, 1), wide, half of them below a quarter: a few steps look at nothing later."""
        return (1.5 * torch.randn(count) - 1.2).sigmoid()

    def _flow_loss(
        self,
        model: nn.Module,
        batch: PriorBatch,
        noise: torch.Tensor,
        time: torch.Tensor,
        guidance: float = 0.0,
    ) -> torch.Tensor:
        """Squared error of what the network adds, each channel weighted by its variance to the power of `DETAIL`; with
        `guidance` the target exaggerates what the drawing changes in it.

        noise: (K * N, 16, 32, 32) for the N drawings of the batch, the K of each side by side; time: (K * N,).

        The network then gives in one pass what classifier-free guidance of weight 1 / (1 - guidance) gives in two
        (Tang et al. 2025, "Diffusion models without classifier-free guidance", section 3)."""
        assert isinstance(model, Synthesis)
        noise, time = noise.to(self.processes.device), time.to(self.processes.device)
        t = time[:, None, None, None]
        for_each = partial(torch.repeat_interleave, repeats=len(noise) // len(batch.photos), dim=0)  # N -> K * N
        latent = for_each(self.latents(batch))  # (K * N, 16, 32, 32)
        path, wanted = (1 - t) * noise + t * latent, latent - noise
        given = self.conditions(batch)
        condition = for_each(model.condition(given))
        velocity = model.velocity(path, time, condition)
        if guidance:
            with torch.no_grad():
                plain = model.velocity(path, time, model.without_drawing(condition))
                drawn = (given.mapped + given.trust.amax((1, 2, 3), keepdim=True)).clamp(max=1)  # 0: no drawing
                wanted = wanted + guidance * for_each(drawn) * (velocity.detach() - plain)
        weight = path_variance(time, model.variance) * model.variance[:, None, None] ** (DETAIL - 1)
        return ((velocity - wanted).square() * weight).mean()

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        assert isinstance(model, Synthesis)
        generator, count = torch.Generator().manual_seed(1), len(self.held_out.photos)
        noise = torch.randn(count, self.codec.config.latent, LATENT_SIDE, LATENT_SIDE, generator=generator)
        loss = self._flow_loss(model, self.held_out, noise, (torch.arange(count) + 0.5) / count)
        return {"val_flow": float(loss)}, self._sheet(model, tempered(noise[:SHOWN], model.config))

    def _sheet(self, model: Synthesis, noise: torch.Tensor) -> np.ndarray:
        rows = self.held_out.drawn.rows[:: max(1, len(self.held_out.drawn.rows) // SHOWN)][:SHOWN]
        drawn = self.faces.batch(rows, [Slips(1, 0)] * len(rows), seed=(6, 6))
        photos = self.faces.shown(drawn)
        lines = [(1 - drawn.drawing).expand(-1, 3, -1, -1) * 2 - 1]
        for value in (1.0, 0.3, 0.0):
            literal = {part: torch.full((len(rows),), value) for part in PARTS}
            nothing = torch.zeros(len(rows), 4, LATENT_SIDE, LATENT_SIDE)
            batch = PriorBatch(drawn, photos, literal, torch.ones(len(rows), 1, 1, 1), nothing).to(
                self.processes.device
            )
            given = self.conditions(batch)
            velocity = partial(model.velocity, condition=model.condition(given))
            lines.append(half(self.codec.decoder(sample_euler(velocity, noise.to(self.processes.device), STEPS))))
        lines.append(photos)
        return in_rows(lines)
