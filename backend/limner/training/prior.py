# SPDX-License-Identifier: Apache-2.0
"""Training of the synthesis: feature mapping and conditional flow, the encoders and the codec frozen."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from torch import nn

from limner.models.blocks import in_channels_last
from limner.models.codec import half
from limner.models.components import PARTS
from limner.models.synthesis import (
    LAST_LOOK,
    LATENT_SIDE,
    Synthesis,
    SynthesisConfig,
    path_variance,
    sample_euler,
)
from limner.pipelines.defaults import STEPS
from limner.training.codec import in_rows, to_tensor
from limner.training.drawn import GLASSES, PAIRED, SHARP, Ahead
from limner.training.sketches import Slips
from limner.training.told import ToldBatch, ToldFaces

BATCH = 16  # drawings
NOISES = 2  # noises, each at a time of its own, for each drawing: drawing it costs a third of a step
GUIDED_FROM = 0.5  # share of the run after which the drawing's guidance is trained in
GUIDANCE = 0.4  # of the difference that the drawing makes; 0.4 ends as a guidance weight of 1.7
EARLY, EARLY_GUIDANCE = 0.05, 0.25  # up to this time, this share of it: all of it exaggerates how bright a face is
BLIND = 0.45  # share of the times at the first look, which sees nothing but noise
LOOKED_AT = 0.35  # share of those around the last look
DETAIL = 0.3  # exponent of a channel's variance in its weight: at 1, half of the loss is the brightness of cells
MEASURED = 400  # photos that the variance of the latents is measured on
SHOWN = 10  # portraits on a sample sheet


class PriorTask:
    """Flow matching on latents of photos, conditioned on drawings that stray as far as they are not to be trusted."""

    batch = BATCH

    def __init__(self, told: ToldFaces, config: SynthesisConfig) -> None:
        self.model: nn.Module = in_channels_last(Synthesis(config))
        self.told, self.processes, faces = told, told.processes, told.faces
        self.weights = faces.weights(SHARP, PAIRED, GLASSES)
        self.batches = Ahead(lambda step: told.batch_of(self._rows(step), step, varied=True))
        self.held_out = told.held_out()
        self._measure_variance(np.random.default_rng(8).choice(faces.train, MEASURED, p=self.weights))

    @torch.no_grad()
    def _measure_variance(self, rows: np.ndarray) -> None:
        device = self.processes.device
        parts = [self.told.codec.encoder(to_tensor(self.told.faces.photos[[row]]).to(device)) for row in rows]
        self.model.get_buffer("variance").copy_(torch.cat(parts).var((0, 2, 3)))

    def _rows(self, step: int) -> np.ndarray:
        rng, count = np.random.default_rng((3, step, self.processes.rank)), self.processes.part_of(BATCH)
        return rng.choice(self.told.faces.train, count, p=self.weights)

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        batch = self.batches.take(step)
        guidance = GUIDANCE if progress >= GUIDED_FROM else 0.0
        count = NOISES * len(batch.photos)
        noise = torch.randn(count, self.told.codec.config.latent, LATENT_SIDE, LATENT_SIDE)
        return {"total": self._flow_loss(model, batch, noise, self._times(count), guidance)}

    @staticmethod
    def _times(count: int) -> torch.Tensor:
        """(N,) in [0, 1): where a few steps look, and some of all times, so that any steps can be taken."""
        kind, even = torch.rand(2, count)
        around = LAST_LOOK * (0.6 + even)
        anywhere = (1.5 * torch.randn(count) - 1.2).sigmoid()
        return torch.where(kind < BLIND, 0.01 * even, torch.where(kind < BLIND + LOOKED_AT, around, anywhere))

    def _flow_loss(
        self,
        model: nn.Module,
        batch: ToldBatch,
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
        latent = for_each(self.told.latents(batch))  # (K * N, 16, 32, 32)
        path, wanted = (1 - t) * noise + t * latent, latent - noise
        given = self.told.conditions(batch)
        condition = for_each(model.condition(given))
        velocity = model.velocity(path, time, condition)
        if guidance:
            with torch.no_grad():
                plain = model.velocity(path, time, model.without_drawing(condition))
                drawn = (given.mapped + given.trust.amax((1, 2, 3), keepdim=True)).clamp(max=1)  # 0: no drawing
                strength = guidance * torch.where(t > EARLY, 1.0, EARLY_GUIDANCE)
                wanted = wanted + strength * for_each(drawn) * (velocity.detach() - plain)
        weight = path_variance(time, model.variance) * model.variance[:, None, None] ** (DETAIL - 1)
        return ((velocity - wanted).square() * weight).mean()

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        assert isinstance(model, Synthesis)
        generator, count = torch.Generator().manual_seed(1), len(self.held_out.photos)
        noise = torch.randn(count, self.told.codec.config.latent, LATENT_SIDE, LATENT_SIDE, generator=generator)
        loss = self._flow_loss(model, self.held_out, noise, (torch.arange(count) + 0.5) / count)
        return {"val_flow": float(loss)}, self._sheet(model, noise[:SHOWN])

    def _sheet(self, model: Synthesis, noise: torch.Tensor) -> np.ndarray:
        rows = self.held_out.drawn.rows[:: max(1, len(self.held_out.drawn.rows) // SHOWN)][:SHOWN]
        drawn = self.told.faces.batch(rows, [Slips(1, 0)] * len(rows), seed=(6, 6))
        photos = self.told.faces.shown(drawn)
        lines = [(1 - drawn.drawing).expand(-1, 3, -1, -1) * 2 - 1]
        for value in (1.0, 0.3, 0.0):
            literal = {part: torch.full((len(rows),), value) for part in PARTS}
            nothing = torch.zeros(len(rows), 4, LATENT_SIDE, LATENT_SIDE)
            batch = ToldBatch(drawn, photos, literal, torch.ones(len(rows), 1, 1, 1), nothing).to(self.processes.device)
            given = self.told.conditions(batch)
            velocity = partial(model.velocity, condition=model.condition(given))
            lines.append(half(self.told.codec.decoder(sample_euler(velocity, noise.to(self.processes.device), STEPS))))
        lines.append(photos)
        return in_rows(lines)
