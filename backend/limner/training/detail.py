# SPDX-License-Identifier: Apache-2.0
"""Training of the detail flow: what photos' latents have beyond the first flow's estimates of them."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from limner.models.blocks import in_channels_last
from limner.models.detail import Detail, DetailConfig, draw_detail
from limner.training.estimates import SHOWN, TIMES, Estimates, SoftEstimates

BATCH = 64  # estimates
ESTIMATED = (0.1, 0.4)  # times of the estimates: wider than at work, which makes a better teacher
MEASURED = 16  # steps whose estimates the deviations are measured on


class DetailTask:
    """Flow matching on an arc, conditioned on estimates of the frozen first flow."""

    batch = BATCH

    def __init__(self, estimates: SoftEstimates, config: DetailConfig) -> None:
        self.estimates = estimates
        self.model: nn.Module = in_channels_last(Detail(config))
        self._measure()

    def _measure(self) -> None:
        """The scales of the estimates and of what they lack, the same in every process."""
        some = self.estimates.first(MEASURED)
        lacking = some.true - some.soft.latent
        for name, value in (
            ("deviation", lacking.square().mean((0, 2, 3)).sqrt()),
            ("mean", some.soft.latent.mean((0, 2, 3))),
            ("scale", some.soft.latent.std((0, 2, 3))),
        ):
            self.estimates.processes.average([value])
            self.model.get_buffer(name).copy_(value)

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        batch = self.estimates.batch_at(step, self.batch)
        angle = torch.rand(len(batch.true)) * math.pi / 2
        return {"total": self._loss(model, batch, torch.randn(batch.true.shape), angle)}

    def _loss(self, model: nn.Module, batch: Estimates, noise: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
        assert isinstance(model, Detail)
        noise, angle = noise.to(batch.true), angle.to(batch.true)
        lacking = (batch.true - batch.soft.latent) / model.deviation[:, None, None]
        sine, cosine = angle.sin()[:, None, None, None], angle.cos()[:, None, None, None]
        velocity = model(sine * lacking + cosine * noise, angle, batch.soft, model.condition(batch.soft))
        return (velocity - (cosine * lacking - sine * noise)).square().mean()

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        assert isinstance(model, Detail)
        batch, generator = self.estimates.held_out, torch.Generator().manual_seed(1)
        noise = torch.randn(batch.true.shape, generator=generator)
        angle = (torch.arange(len(noise)) + 0.5) / len(noise) * math.pi / 2
        loss = self._loss(model, batch, noise, angle)
        shown = slice(0, TIMES * SHOWN, TIMES)
        few = batch[shown]
        drawn = draw_detail(model, few.soft, noise[shown].to(few.true))
        return {"val_detail": float(loss)}, self.estimates.sheet(few, drawn)
