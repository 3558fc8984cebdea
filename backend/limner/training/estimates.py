# SPDX-License-Identifier: Apache-2.0
"""Soft estimates of known photos' latents by the frozen first flow: what the detail's networks learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from limner.models.codec import half
from limner.models.detail import Soft
from limner.models.synthesis import Synthesis
from limner.training.codec import in_rows
from limner.training.drawn import Ahead, recent
from limner.training.told import ToldBatch, ToldFaces

DRAWN = 4  # photos that each step draws anew
TIMES = 2  # estimates of each, at times of their own
KEPT = 512  # steps whose estimates a batch is taken from
SHOWN = 10  # portraits on a sample sheet


@dataclass(frozen=True)
class Estimates:
    """Soft estimates of N photos' latents, and those latents (N, 16, 32, 32)."""

    soft: Soft
    true: torch.Tensor

    def __getitem__(self, which: slice | list[int]) -> Estimates:
        """Some of them."""
        return Estimates(Soft(**{k: v[which] for k, v in vars(self.soft).items()}), self.true[which])


def joined(parts: list[Estimates]) -> Estimates:
    """All of them as one batch in single precision."""
    soft = {k: torch.cat([vars(part.soft)[k].float() for part in parts]) for k in vars(parts[0].soft)}
    return Estimates(Soft(**soft), torch.cat([part.true.float() for part in parts]))


class SoftEstimates:
    """Draws crisp photos in the background, has the first flow estimate them, and keeps what the last steps made.

    times: between which the estimates are made, each under a drawing as the first flow learned from."""

    def __init__(self, told: ToldFaces, synthesis: Synthesis, times: tuple[float, float]) -> None:
        self.told, self.synthesis, self.times, self.processes = told, synthesis, times, told.processes
        faces, drawings = told.faces.faces, told.faces.drawings
        self.crisp = np.array([r for r in told.faces.train if faces[r].is_sharp or faces[r].file in drawings])
        self.batches = Ahead(self._drawn_at)
        self.kept: dict[int, Estimates] = {}  # by the step that made them, in half precision
        self.held_out = joined([self._estimates(told.held_out(), torch.Generator().manual_seed(2))])

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
        soonest, latest = self.times
        time = soonest + (latest - soonest) * torch.rand(len(true), generator=generator)
        noise = torch.randn(true.shape, generator=generator).to(true)
        time = time.to(true)
        t = time[:, None, None, None]
        path = (1 - t) * noise + t * true
        condition = repeat(self.synthesis.condition(given))
        velocity, hidden = self.synthesis.explained_velocity(path, time, condition)
        soft = Soft.of(repeated, path + (1 - t) * velocity, hidden, time)
        return Estimates(Soft(**{k: v.half() for k, v in vars(soft).items()}), true.half())

    def made_at(self, step: int) -> Estimates:
        """What one step makes, in half precision; steps from -`KEPT` on."""
        generator = torch.Generator().manual_seed((KEPT + step) * 64 + self.processes.rank)
        return self._estimates(self.batches.take(step), generator)

    def first(self, steps: int) -> Estimates:
        """All that the first `steps` make, to measure what estimates are like."""
        return joined([self.made_at(step - KEPT) for step in range(steps)])

    def batch_at(self, step: int, batch: int) -> Estimates:
        """This process's share of a batch, from what the last `KEPT` steps made: the same when resumed."""
        self.kept = recent(self.kept, step, KEPT, self.made_at)
        rng, count = np.random.default_rng((32, step, self.processes.rank)), self.processes.part_of(batch)
        made = [self.kept[step - int(rng.integers(KEPT))] for _ in range(count)]
        return joined([each[[int(rng.integers(len(each.true)))]] for each in made])

    def sheet(self, shown: Estimates, *drawn: torch.Tensor) -> np.ndarray:
        """A sample sheet: rows of drawings, soft estimates, each of the latents `drawn`, and the photos' own."""
        decoded = [half(self.told.codec.decoder(x)) for x in (shown.soft.latent, *drawn, shown.true)]
        return in_rows([(1 - shown.soft.drawing).expand(-1, 3, -1, -1) * 2 - 1, *decoded])
