# SPDX-License-Identifier: Apache-2.0
"""Training of the detail flow: what photos' latents have beyond the first flow's estimates of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import nn

from limner.models.blocks import in_channels_last
from limner.models.codec import half
from limner.models.detail import Detail, DetailConfig, Soft, draw_detail
from limner.models.synthesis import Synthesis, tempered
from limner.training.codec import in_rows
from limner.training.drawn import Ahead, recent
from limner.training.told import ToldBatch, ToldFaces

BATCH = 64  # estimates
DRAWN = 4  # photos that each step draws anew
TIMES = 2  # estimates of each, at times of their own
KEPT = 512  # steps whose estimates a batch is taken from
MEASURED = 16  # steps whose estimates the deviations are measured on
SHOWN = 10  # portraits on a sample sheet


@dataclass(frozen=True)
class Estimates:
    """Soft estimates of N photos' latents, and those latents (N, 16, 32, 32)."""

    soft: Soft
    true: torch.Tensor

    def at(self, index: int) -> "Estimates":
        """One of them alone."""
        return Estimates(Soft(**{k: v[[index]] for k, v in vars(self.soft).items()}), self.true[[index]])


def joined(parts: list[Estimates]) -> Estimates:
    """All of them as one batch in single precision."""
    soft = {k: torch.cat([vars(part.soft)[k].float() for part in parts]) for k in vars(parts[0].soft)}
    return Estimates(Soft(**soft), torch.cat([part.true.float() for part in parts]))


class DetailTask:
    """Flow matching on an arc, conditioned on estimates of the frozen first flow, from drawings as it learned from."""

    batch = BATCH

    def __init__(self, told: ToldFaces, synthesis: Synthesis, config: DetailConfig) -> None:
        self.told, self.synthesis, self.config = told, synthesis, config
        self.processes = told.processes
        self.model: nn.Module = in_channels_last(Detail(config))
        faces, drawings = told.faces.faces, told.faces.drawings
        self.crisp = np.array([r for r in told.faces.train if faces[r].is_sharp or faces[r].file in drawings])
        self.batches = Ahead(self._drawn_at)
        self.kept: dict[int, Estimates] = {}  # by the step that made them, in half precision
        self.held_out = self._estimates(told.held_out(), torch.Generator().manual_seed(2))
        self._measure()

    def _drawn_at(self, step: int) -> ToldBatch:
        rng = np.random.default_rng((31, KEPT + step, self.processes.rank))
        rows = rng.choice(self.crisp, self.processes.part_of(DRAWN))
        return self.told.batch_of(rows, 10**8 + KEPT + step, varied=True)

    @torch.no_grad()
    def _estimates(self, batch: ToldBatch, generator: torch.Generator) -> Estimates:
        """`TIMES` estimates of each photo: what the first flow jumps to from points of the straight path."""
        repeat = partial(torch.repeat_interleave, repeats=TIMES, dim=0)
        true = repeat(self.told.latents(batch))  # (TIMES * N, 16, 32, 32)
        given = self.told.conditions(batch)
        repeated = replace(given, drawing=repeat(given.drawing), trust=repeat(given.trust))
        soonest, latest = self.config.times
        time = soonest + (latest - soonest) * torch.rand(len(true), generator=generator)
        noise = tempered(torch.randn(true.shape, generator=generator), self.synthesis.config).to(true)
        time = time.to(true)
        t = time[:, None, None, None]
        path = (1 - t) * noise + t * true
        condition = repeat(self.synthesis.condition(given))
        velocity, hidden = self.synthesis.explained_velocity(path, time, condition)
        soft = Soft.of(repeated, path + (1 - t) * velocity, hidden, time)
        return Estimates(Soft(**{k: v.half() for k, v in vars(soft).items()}), true.half())

    def _made_at(self, step: int) -> Estimates:
        generator = torch.Generator().manual_seed((KEPT + step) * 64 + self.processes.rank)
        return self._estimates(self.batches.take(step), generator)

    def _measure(self) -> None:
        """The scales of the estimates and of what they lack, the same in every process."""
        some = joined([self._made_at(step) for step in range(-KEPT, MEASURED - KEPT)])
        lacking = some.true - some.soft.latent
        for name, value in (
            ("deviation", lacking.square().mean((0, 2, 3)).sqrt()),
            ("mean", some.soft.latent.mean((0, 2, 3))),
            ("scale", some.soft.latent.std((0, 2, 3))),
        ):
            self.processes.average([value])
            self.model.get_buffer(name).copy_(value)

    def batch_at(self, step: int) -> Estimates:
        """This process's share of the batch of `step`, from what the last `KEPT` steps drew: the same when resumed."""
        self.kept = recent(self.kept, step, KEPT, self._made_at)
        rng, count = np.random.default_rng((32, step, self.processes.rank)), self.processes.part_of(BATCH)
        made = [self.kept[step - int(rng.integers(KEPT))] for _ in range(count)]
        return joined([each.at(int(rng.integers(len(each.true)))) for each in made])

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        batch = self.batch_at(step)
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
        batch, generator = joined([self.held_out]), torch.Generator().manual_seed(1)
        noise = torch.randn(batch.true.shape, generator=generator)
        angle = (torch.arange(len(noise)) + 0.5) / len(noise) * math.pi / 2
        loss = self._loss(model, batch, noise, angle)
        shown = slice(0, TIMES * SHOWN, TIMES)
        soft = Soft(**{k: v[shown] for k, v in vars(batch.soft).items()})
        drawn = draw_detail(model, soft, noise[shown].to(batch.true))
        decoded = [half(self.told.codec.decoder(x)) for x in (soft.latent, drawn, batch.true[shown])]
        lines = [(1 - soft.drawing).expand(-1, 3, -1, -1) * 2 - 1, *decoded]
        return {"val_detail": float(loss)}, in_rows(lines)
