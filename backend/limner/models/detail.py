# SPDX-License-Identifier: Apache-2.0
"""The detail of a portrait: a second, small flow at the latents' own resolution, behind the first.

The first flow's last step jumps from early on its path to the end, so what it gives is the mean of all portraits that
would fit: soft wherever they differ. The second draws one of them, as cascades do (Ho et al. 2022, "Cascaded diffusion
models"), but in the same latent space, and it sees what the first one knew of the face.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from limner.models.blocks import conv3
from limner.models.flow_unet import SelfAttention
from limner.models.synthesis import LATENT_SIDE, Conditions, Velocity

CELL = 8  # pixels of the drawing on a side that one latent cell stands for
DENSER = 1.2  # exponent of even shares of the arc
WAVES = 8  # frequencies that an angle is embedded with, half as many for a time


@dataclass(frozen=True)
class DetailConfig:
    """Widths of the detail flow. `hidden`: channels of the first flow's features, at half the side of the latents.

    `steps` is how often the network looks; `times`: between which it learned what estimates lack."""

    latent: int = 16
    width: int = 128
    blocks: int = 3
    hidden: int = 192
    times: tuple[float, float] = (0.1, 0.15)
    steps: int = 2


@dataclass(frozen=True)
class Soft:
    """What the first flow estimates at some time of its path, and from what.

    latent: (N, 16, 32, 32). hidden: (N, 192, 16, 16), its features. drawing: (N, 1, 256, 256) in [0, 1], 1 = ink.
    trust: (N, 1, 32, 32) in [0, 1]. time: (N,) in [0, 1), where the estimate was made."""

    latent: torch.Tensor
    hidden: torch.Tensor
    drawing: torch.Tensor
    trust: torch.Tensor
    time: torch.Tensor

    @classmethod
    def of(cls, given: Conditions, latent: torch.Tensor, hidden: torch.Tensor, time: torch.Tensor) -> "Soft":
        """An estimate made under the conditions `given`."""
        cells = given.trust.shape[-1] // latent.shape[-1]
        return cls(latent, hidden, given.drawing, F.avg_pool2d(given.trust, cells), time)


class Block(nn.Module):
    """Residual block scaled and shifted by an embedding, without norm: (N, C, H, W), (N, E) -> (N, C, H, W)."""

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.inner, self.outer = conv3(channels, channels), conv3(channels, channels)
        self.modulation = nn.Linear(embedding, 2 * channels)
        for parameter in (*self.outer.parameters(), *self.modulation.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, 1)
        return x + self.outer(F.silu(self.inner(F.silu(x)) * (1 + scale) + shift))


class Overview(nn.Module):
    """What far cells tell one another, at half the side: (N, C, 32, 32), (N, E), (N, H, 16, 16) -> (N, C, 32, 32).

    Attention at a side of 16 sees the whole face at once, so that one eye knows how the other is drawn."""

    def __init__(self, channels: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self.shrink = conv3(channels, hidden, stride=2)
        self.places = nn.Parameter(torch.zeros(1, hidden, LATENT_SIDE // 2, LATENT_SIDE // 2))
        self.before, self.after = Block(hidden, embedding), Block(hidden, embedding)
        self.attention = SelfAttention(hidden)
        self.grow = nn.Conv2d(hidden, channels, 1)
        for parameter in self.grow.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: torch.Tensor, embedding: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        h = self.shrink(F.silu(x))  # (N, H, 16, 16)
        h = h + (known + self.places).to(h.dtype)
        h = self.after(self.attention(self.before(h, embedding)), embedding)
        return x + F.interpolate(self.grow(F.silu(h)), scale_factor=2.0)


class Body(nn.Module):
    """Blocks at the latents' resolution, the overview behind the first; inputs and output are the overview's."""

    def __init__(self, config: DetailConfig) -> None:
        super().__init__()
        width = config.width
        self.overview = Overview(width, config.hidden, width)
        self.blocks = nn.ModuleList([Block(width, width) for _ in range(config.blocks)])

    def forward(self, x: torch.Tensor, embedding: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        x = self.overview(self.blocks[0](x, embedding), embedding, known)
        for block in self.blocks[1:]:
            x = block(x, embedding)
        return x


class Detail(nn.Module):
    """Noise of unit variance -> what latents have beyond a soft estimate, each channel divided by its `deviation`.

    The path is an arc: sin(a) detail + cos(a) noise for angles a in [0, pi / 2], whose velocity the network gives
    ("v-prediction": Salimans and Ho 2022, section 4). `deviation` (latent,), and `mean` and `scale` (latent,) of the
    soft latents, are measured before training starts."""

    deviation: torch.Tensor
    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, config: DetailConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.register_buffer("deviation", torch.ones(config.latent))
        self.register_buffer("mean", torch.zeros(config.latent))
        self.register_buffer("scale", torch.ones(config.latent))
        self.embed = nn.Sequential(nn.Linear(3 * WAVES, width), nn.SiLU())
        self.known = nn.Conv2d(config.hidden, width, 1)
        self.given = conv3(config.latent + CELL**2 + 1, width)
        self.enter = conv3(config.latent, width)
        self.body = Body(config)
        self.leave = conv3(width, config.latent)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def condition(self, soft: Soft) -> torch.Tensor:
        """All that the network is given, as one map (N, width, 32, 32); computed once for all steps."""
        latent = (soft.latent - self.mean[:, None, None]) / self.scale[:, None, None]
        ink = F.pixel_unshuffle(soft.drawing, CELL) * soft.trust  # (N, 64, 32, 32)
        known = F.interpolate(self.known(soft.hidden), scale_factor=2.0)
        return self.given(torch.cat([latent, ink, soft.trust], 1)) + known

    def forward(self, path: torch.Tensor, angle: torch.Tensor, soft: Soft, condition: torch.Tensor) -> torch.Tensor:
        """Velocity (N, 16, 32, 32) at `path`, for angles (N,) on the arc; `condition` is that of `soft`."""
        waves = torch.arange(1, WAVES + 1, device=path.device)
        angles, times = angle[:, None] * waves, math.pi * soft.time[:, None] * waves[: WAVES // 2]
        embedding = self.embed(torch.cat([angles.sin(), angles.cos(), times.sin(), times.cos()], 1))
        velocity: torch.Tensor = self.leave(F.silu(self.body(self.enter(path) + condition, embedding, soft.hidden)))
        return velocity

    def added(self, soft: Soft, detail: torch.Tensor) -> torch.Tensor:
        """Latents (N, 16, 32, 32): those of `soft` and, at its true size, the end of a path (N, 16, 32, 32)."""
        return soft.latent + detail * self.deviation[:, None, None]


def arc(steps: int) -> list[float]:
    """`steps` + 1 angles from 0, all noise, to pi / 2, all detail, denser near the noise."""
    return (math.pi / 2 * torch.linspace(0, 1, steps + 1) ** DENSER).tolist()


def turned(path: torch.Tensor, velocity: torch.Tensor, angle: float) -> torch.Tensor:
    """Where a point of the arc comes when it follows its velocity over an angle (DDIM: Song et al. 2021)."""
    return math.cos(angle) * path + math.sin(angle) * velocity


def follow_arc(velocity: Velocity, path: torch.Tensor, angles: Sequence[float]) -> torch.Tensor:
    """From `path` (N, 16, 32, 32) at the first of `angles` to the last; velocity(path, angle (N,)) at all but that."""
    for now, then in pairwise(angles):
        path = turned(path, velocity(path, path.new_full((len(path),), now)), then - now)
    return path


def draw_detail(network: Detail, soft: Soft, noise: torch.Tensor) -> torch.Tensor:
    """Soft latents -> latents with detail, both (N, 16, 32, 32), from unit noise (N, 16, 32, 32)."""
    velocity = partial(network, soft=soft, condition=network.condition(soft))
    return network.added(soft, follow_arc(velocity, noise, arc(network.config.steps)))
