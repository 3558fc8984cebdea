# SPDX-License-Identifier: Apache-2.0
"""The detail flow in few steps: a student learns to do in one what its teacher does in several (progressive
distillation: Salimans and Ho 2022), from where its own former steps have led.

The teacher is guided away from what a weaker one of its kind would do (Karras et al. 2024, "Guiding a diffusion model
with a bad version of itself"), which costs the student nothing."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from limner.models.blocks import in_channels_last
from limner.models.detail import Detail, Soft, arc, draw_detail, follow_arc, turned
from limner.models.synthesis import Velocity
from limner.training.estimates import SHOWN, TIMES, SoftEstimates

BATCH = 16  # estimates, each followed through all of the student's steps
FINER = 5  # steps of the teacher for each of the student's
GUIDANCE = 2.0  # how far beyond the teacher, away from the weaker one: 1 is as far again as it is from that


@dataclass(frozen=True)
class Teacher:
    """Two frozen networks of one kind, trained for long and for a short time, both on the same estimates.

    Raises ValueError where their scales differ: what one adds would be something else in the other's numbers."""

    strong: Detail
    weak: Detail

    def __post_init__(self) -> None:
        if not torch.allclose(self.strong.deviation, self.weak.deviation, rtol=0.1):
            raise ValueError("detail and detail_weak were trained behind different first flows: train both anew")

    def velocity(self, soft: Soft) -> Velocity:
        """The guided velocity under `soft`."""
        strong, weak = (partial(each, soft=soft, condition=each.condition(soft)) for each in (self.strong, self.weak))

        def guided(path: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = strong(path, angle)
            return found + GUIDANCE * (found - weak(path, angle))

        return guided

    def draw(self, soft: Soft, noise: torch.Tensor) -> torch.Tensor:
        """Latents with detail (N, 16, 32, 32), in as many steps as the student is taught by."""
        return self.strong.added(soft, follow_arc(self.velocity(soft), noise, arc(FINER * self.strong.config.steps)))


class DistilledTask:
    """The velocity that leads, in one step, to where the teacher comes in `FINER`; the student begins as it."""

    batch = BATCH

    def __init__(self, estimates: SoftEstimates, teacher: Teacher) -> None:
        self.estimates, self.teacher = estimates, teacher
        self.model: nn.Module = in_channels_last(copy.deepcopy(teacher.strong).requires_grad_(True))

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        batch = self.estimates.batch_at(step, self.batch)
        return {"total": self._loss(model, batch.soft, torch.randn(batch.true.shape).to(batch.true))}

    def _loss(self, model: nn.Module, soft: Soft, noise: torch.Tensor) -> torch.Tensor:
        """Mean squared error of the student's velocities, one for each of its steps, on its own path from `noise`."""
        assert isinstance(model, Detail)
        steps, path, errors = model.config.steps, noise, list[torch.Tensor]()
        condition, fine = model.condition(soft), arc(FINER * steps)
        with torch.no_grad():
            taught = self.teacher.velocity(soft)
        for i, (now, then) in enumerate(pairwise(arc(steps))):
            with torch.no_grad():
                wanted = follow_arc(taught, path, fine[FINER * i : FINER * (i + 1) + 1])
            velocity = model(path, path.new_full((len(path),), now), soft, condition)
            ends = turned(path, velocity, then - now)
            errors.append((ends - wanted).square().mean() / math.sin(then - now) ** 2)
            path = ends.detach()
        return torch.stack(errors).mean()

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        assert isinstance(model, Detail)
        batch, generator = self.estimates.held_out[::TIMES], torch.Generator().manual_seed(1)
        noise = torch.randn(batch.true.shape, generator=generator).to(batch.true)
        loss = self._loss(model, batch.soft, noise)
        few, noise = batch[:SHOWN], noise[:SHOWN]
        drawn, taught = draw_detail(model, few.soft, noise), self.teacher.draw(few.soft, noise)
        return {"val_distilled": float(loss)}, self.estimates.sheet(few, drawn, taught)
