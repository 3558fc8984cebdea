# SPDX-License-Identifier: Apache-2.0
"""Image synthesis (DeepFaceDrawing, section 3.4): merged feature maps and the drawing to a portrait's latent.

Where the paper trains a GAN, Limner integrates a conditional flow in the codec's latent space: noise gives variety,
every condition can be left out, and without any the network is the prior that PULSE searches.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from limner.models.blocks import conv3
from limner.models.feature_mapping import CHANNELS, FeatureMapping, FeatureMappingConfig
from limner.models.flow_unet import FlowUNet

Velocity = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # of a path (N, 16, 32, 32), at times or angles (N,)

LATENT_SIDE = 32
PATCH = 2
LAST_LOOK = 0.125  # the time of the last step, which jumps from there to the portrait


@dataclass(frozen=True)
class SynthesisConfig:
    """Widths of the flow's U-Net, fine to coarse, and of its conditions; the U-Net sees patches of 2x2 latent cells."""

    latent: int = 16
    widths: tuple[int, ...] = (192, 256)
    time: int = 256
    condition: int = 64
    mapping: FeatureMappingConfig = field(default_factory=FeatureMappingConfig)


@dataclass(frozen=True)
class Conditions:
    """What the portrait shall follow.

    codes: by part, (N, D) each. drawing: (N, 1, 256, 256) in [0, 1], 1 = ink. trust: (N, 1, 64, 64) in [0, 1], how
    literally the drawing is to be taken. color: (N, 4, 32, 32), RGB in [-1, 1] and the mask in [0, 1].
    mapped: (N, 1, 1, 1), 0 where the codes are left out."""

    codes: Mapping[str, torch.Tensor]
    drawing: torch.Tensor
    trust: torch.Tensor
    color: torch.Tensor
    mapped: torch.Tensor


class Synthesis(nn.Module):
    """Feature mapping, the drawing's own features behind their gate, color hints, and the flow.

    `variance` (latent,): of each channel of the latents; training measures it before it starts."""

    variance: torch.Tensor

    def __init__(self, config: SynthesisConfig) -> None:
        super().__init__()
        self.config = config
        width = config.condition
        self.register_buffer("variance", torch.ones(config.latent))
        self.mapping = FeatureMapping(config.mapping)
        self.merged = nn.Sequential(conv3(CHANNELS, width, stride=2), nn.SiLU(), conv3(width, width, stride=2))
        self.literal = nn.Sequential(
            nn.PixelUnshuffle(8),
            conv3(64, width),
            nn.SiLU(),
            conv3(width, width, stride=2),
            nn.SiLU(),
            conv3(width, width),
        )
        self.color = nn.Sequential(nn.PixelUnshuffle(PATCH), conv3(4 * PATCH**2, width // 2))
        inputs = config.latent * PATCH**2 + 2 * width + width // 2 + 2
        self.flow = FlowUNet(inputs, config.latent * PATCH**2, config.widths, config.time, LATENT_SIDE // PATCH)

    def condition(self, given: Conditions) -> torch.Tensor:
        """All conditions as one map (N, C, 16, 16); computed once for all steps."""
        trust = F.avg_pool2d(given.trust, 4)  # (N, 1, 16, 16)
        mapped = given.mapped.expand(-1, 1, *trust.shape[2:])
        masked = torch.cat([given.color[:, :3] * given.color[:, 3:], given.color[:, 3:]], 1)
        maps = self.merged(self.mapping(given.codes)) * given.mapped
        literal = self.literal(given.drawing) * trust
        return torch.cat([maps, literal, self.color(masked), trust, mapped], 1)

    def without_drawing(self, condition: torch.Tensor) -> torch.Tensor:
        """A condition (N, C, 16, 16) with nothing but its color hints left: what guidance steers away from."""
        start = 2 * self.config.condition
        kept = torch.zeros_like(condition)
        color = slice(start, start + self.config.condition // 2)
        kept[:, color] = condition[:, color]
        return kept

    def forward(self, latent: torch.Tensor, time: torch.Tensor, given: Conditions) -> torch.Tensor:
        """Velocity (N, 16, 32, 32) under fresh conditions: what training needs."""
        return self.velocity(latent, time, self.condition(given))

    def velocity(self, latent: torch.Tensor, time: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Velocity (N, 16, 32, 32) at `latent`; times (N,), 0 is noise, 1 the portrait."""
        return self.explained_velocity(latent, time, condition)[0]

    def explained_velocity(
        self, latent: torch.Tensor, time: torch.Tensor, condition: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The velocity and the features (N, W, 16, 16) that it was read from.

        The part of the velocity that is linear in the latent is known from the variance of the data, so the network
        adds what is left, scaled to unit variance at every time (preconditioning: Karras et al. 2022, section 5)."""
        t, variance = time[:, None, None, None], self.variance[:, None, None]
        on_path = path_variance(time, self.variance)  # (N, 16, 1, 1)
        patches = F.pixel_unshuffle(latent / on_path.sqrt(), PATCH)  # (N, 64, 16, 16)
        added, features = self.flow(torch.cat([patches, condition], 1), time)
        rest = F.pixel_shuffle(added, PATCH)
        return (t * variance - (1 - t)) / on_path * latent + (variance / on_path).sqrt() * rest, features


def path_variance(time: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    """Variance on the straight path from unit noise to data of `variance` (C,), (N, C, 1, 1) at times (N,)."""
    t = time[:, None, None, None]
    return t.square() * variance[:, None, None] + (1 - t).square()


def step_times(steps: int) -> torch.Tensor:
    """`steps` + 1 times from 0 to 1: all looks but the first up to `LAST_LOOK`, denser near the noise, then the jump.

    Up to there the network is next to exact; what it would still decide later, the detail decides better."""
    looks = LAST_LOOK * torch.linspace(0, 1, steps) ** 1.5
    return torch.cat([looks, torch.ones(1)])


def sample_euler(
    velocity: Velocity,
    noise: torch.Tensor,
    steps: int,
    callback: Callable[[int, torch.Tensor], None] | None = None,
) -> torch.Tensor:
    """Integrates the flow from `noise` (N, 16, 32, 32) by Euler's method.

    velocity(latent, time): times (N,); callback(done, estimate of the result) after every step can stop by raising."""
    times, x = step_times(steps).tolist(), noise
    for i, (now, then) in enumerate(pairwise(times)):
        v = velocity(x, x.new_full((x.shape[0],), now))
        if callback is not None:
            callback(i, x + (1 - now) * v)
        x = x + (then - now) * v
    return x
