# SPDX-License-Identifier: Apache-2.0
"""The search of PULSE: noise and component codes whose portrait, down-scaled, is the small picture that was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from limner.models.pulse import ThumbnailDecoder, mean_square, one_cycle_drop, onto_sphere, resized

RATE = 0.4  # Adam's, as in PULSE: both latents have unit variance
MARGIN = 0.5  # of eps that the search aims at: the portrait itself is sampled in more steps than the search can afford


@dataclass(frozen=True)
class SearchConfig:
    """At most `steps` steps; fewer where every candidate comes below `eps` (mean square, values in 0..1).

    `spherical`: keep both latents on their spheres, as PULSE does; off it only shows what that is good for."""

    steps: int
    eps: float = 2e-3
    spherical: bool = True


@dataclass(frozen=True)
class Found:
    """The best latents of each candidate: noise (N, L, 32, 32) and codes (N, D) of unit variance, and their residuals
    (N,); `steps` is how many were made."""

    noise: torch.Tensor
    codes: torch.Tensor
    residuals: torch.Tensor
    steps: int


Generate = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # unit noise and whitened codes to latents
Told = Callable[[int, torch.Tensor, torch.Tensor], None]  # steps done, thumbnails (N, 3, 64, 64), residuals (N,)


def search(
    generate: Generate,
    decoder: ThumbnailDecoder,
    wanted: torch.Tensor,
    start: tuple[torch.Tensor, torch.Tensor],
    config: SearchConfig,
    told: Told,
) -> Found:
    """Searches from `start` (unit noise and whitened codes of N candidates) for `wanted` (1, 3, S, S) in [0, 1].

    What is kept of a candidate is the best that it ever was, with its own residual. `told` can stop it by raising."""
    noise, codes = (x.clone().requires_grad_() for x in start)
    radii = [x.flatten(1).norm(dim=1) for x in start]
    adam = torch.optim.Adam([noise, codes], lr=RATE)
    best = Found(start[0].clone(), start[1].clone(), torch.full((len(noise),), torch.inf, device=noise.device), 0)
    for step in range(config.steps):
        for group in adam.param_groups:
            group["lr"] = RATE * one_cycle_drop(step / config.steps)
        with torch.enable_grad():
            thumbnails = decoder(generate(noise, codes))
            losses = mean_square(resized(thumbnails, wanted.shape[-1]) - wanted)
            adam.zero_grad()
            F.relu(losses - MARGIN * config.eps).sum().backward()
        best = _better(best, noise.detach(), codes.detach(), losses.detach(), step + 1)
        told(step + 1, thumbnails.detach(), losses.detach())
        if bool((best.residuals <= MARGIN * config.eps).all()):
            break
        adam.step()
        if config.spherical:
            for x, radius in zip((noise, codes), radii, strict=True):
                x.data = onto_sphere(x.data, radius)
    return best


def _better(best: Found, noise: torch.Tensor, codes: torch.Tensor, losses: torch.Tensor, steps: int) -> Found:
    """The better of the best and the present latents, for each candidate."""
    better = losses < best.residuals
    return Found(
        torch.where(better[:, None, None, None], noise, best.noise),
        torch.where(better[:, None], codes, best.codes),
        torch.where(better, losses, best.residuals),
        steps,
    )
