# SPDX-License-Identifier: Apache-2.0
"""A critic of patches on VGG's activations, as in projected GANs (Sauer et al. 2021, section 3)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from limner.models.blocks import conv3

WIDTH = 32  # channels of the critic's own layers


def _head(channels: int) -> nn.Sequential:
    inner = nn.Conv2d(channels, WIDTH, 1), nn.LeakyReLU(0.2), conv3(WIDTH, WIDTH), nn.LeakyReLU(0.2)
    return nn.Sequential(*inner, conv3(WIDTH, 1))


class Critic(nn.Module):
    """Activations, one map (N, C, H, W) a block -> how much of a photo each place looks, (N, 1, H, W) a block."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.heads = nn.ModuleList([_head(count) for count in channels])

    def forward(self, maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [head(x / (x.detach().mean() + 1e-3)) for head, x in zip(self.heads, maps, strict=True)]


def contest(
    critic: Critic, shown: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the critic is to minimize (hinge loss) and what the maker of `shown` is to, (scalar, scalar).

    The first has a gradient for the critic alone, the second for the maker alone: one optimizer serves both."""
    photos, made = critic(wanted), critic([x.detach() for x in shown])
    judging = [F.relu(1 - real).mean() + F.relu(1 + fake).mean() for real, fake in zip(photos, made, strict=True)]
    fixed = {name: p.detach() for name, p in critic.named_parameters()}
    fooling = [-verdict.mean() for verdict in functional_call(critic, fixed, (shown,))]
    return torch.stack(judging).mean(), torch.stack(fooling).mean()
