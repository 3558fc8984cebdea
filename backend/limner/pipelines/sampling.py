# SPDX-License-Identifier: Apache-2.0
"""Both flows one after the other: conditions and noise to the latents of finished portraits."""

from __future__ import annotations

from collections.abc import Callable

import torch

from limner.models.detail import Soft, draw_detail
from limner.models.registry import Networks
from limner.models.synthesis import Conditions, sample_euler, step_times

Told = Callable[[int, torch.Tensor], None]


def sample_portraits(
    networks: Networks,
    given: Conditions,
    condition: torch.Tensor,
    noise: torch.Tensor,
    grit: torch.Tensor,
    steps: int,
    told: Told,
) -> torch.Tensor:
    """Latents (N, L, 32, 32) under the conditions `given`, which the synthesis has mapped to `condition`
    (N, C, 16, 16), from two unit noises (N, L, 32, 32) for the portrait and its detail.

    told(done, estimate) hears of each of the first flow's `steps` and can stop by raising. Where there are no weights
    for it, the detail is left out, and what the drawing leaves open stays soft."""
    synthesis, detail, seen = networks.synthesis, networks.detail, list[torch.Tensor]()

    def velocity(latent: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        found, features = synthesis.explained_velocity(latent, time, condition)
        seen[:] = [features]
        return found

    latent = sample_euler(velocity, noise, steps, told)
    if detail is None:
        return latent
    last = step_times(steps)[-2].clamp(*detail.config.times)  # where the first flow made its estimate
    time = latent.new_full((len(latent),), float(last))
    return draw_detail(detail, Soft.of(given, latent, seen[0], time), grit)
