# SPDX-License-Identifier: Apache-2.0
"""The U-Net of the flow: velocity of the straight path from noise to a portrait's latent (Lipman et al. 2023)."""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from limner.models.blocks import conv3

ATTENTION_SIDE = 16  # attention at this side and below


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalization in groups of at least 8 channels."""
    return nn.GroupNorm(min(32, channels // 8), channels)


class TimeEmbedding(nn.Module):
    """Times (N,) in [0, 1] -> (N, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(self, time: torch.Tensor) -> torch.Tensor:
        frequency = torch.exp(-math.log(1000.0) * torch.arange(32, device=time.device) / 32)
        angle = time[:, None] * 1000 * frequency
        return self.layers(torch.cat([angle.sin(), angle.cos()], 1))


class TimeResidual(nn.Module):
    """Residual block scaled and shifted by the time: (N, I, H, W), (N, T) -> (N, O, H, W)."""

    def __init__(self, inputs: int, outputs: int, time: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = group_norm(inputs), group_norm(outputs)
        self.conv1, self.conv2 = conv3(inputs, outputs), conv3(outputs, outputs)
        self.modulation = nn.Linear(time, 2 * outputs)
        nn.init.zeros_(self.conv2.weight)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        scale, shift = self.modulation(time)[:, :, None, None].chunk(2, 1)
        h = self.norm2(self.conv1(F.silu(self.norm1(x)))) * (1 + scale) + shift
        return self.skip(x) + self.conv2(F.silu(h))


class SelfAttention(nn.Module):
    """Self-attention over all cells: (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = group_norm(channels)
        self.qkv, self.out = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        rows = self.qkv(self.norm(x)).permute(0, 2, 3, 1)  # (N, H, W, 3C), no copy where channels are last
        split = rows.reshape(n, h * w, 3, self.heads, c // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)  # (N, heads, H*W, C/heads)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, h, w, c).permute(0, 3, 1, 2)
        return x + self.out(mixed)


class Stage(nn.Module):
    """Residual blocks at one resolution, with attention behind the last where asked for."""

    def __init__(self, widths: tuple[int, ...], time: int, attention: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([TimeResidual(i, o, time) for i, o in pairwise(widths)])
        self.attention = SelfAttention(widths[-1]) if attention else nn.Identity()

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x, time)
        return self.attention(x)


class FlowUNet(nn.Module):
    """(N, inputs, S, S) with times (N,) -> velocity (N, outputs, S, S), and the features (N, W, S, S) it was read from.

    `widths` from fine to coarse, one for each halving of the side; each level knows where in the face a cell lies."""

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, ...], time: int, side: int) -> None:
        super().__init__()
        self.time = TimeEmbedding(time)
        self.enter = conv3(inputs, widths[0])
        sides = [side >> level for level in range(len(widths))]
        self.places = nn.ParameterList([torch.zeros(1, w, s, s) for w, s in zip(widths, sides, strict=True)])
        self.downs, self.shrinks = nn.ModuleList(), nn.ModuleList()
        self.grows, self.ups = nn.ModuleList(), nn.ModuleList()
        for (fine, coarse), s in zip(pairwise(widths), sides, strict=False):
            self.downs.append(Stage((fine, fine, fine), time, attention=s <= ATTENTION_SIDE))
            self.shrinks.append(conv3(fine, coarse, stride=2))
            self.grows.append(conv3(coarse, fine))
            self.ups.append(Stage((2 * fine, fine, fine), time, attention=s <= ATTENTION_SIDE))
        self.coarsest = Stage((widths[-1],) * 3, time, attention=True)
        self.norm, self.leave = group_norm(widths[0]), conv3(widths[0], outputs)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        t, skips = self.time(time), list[torch.Tensor]()
        h = self.enter(x)  # (N, widths[0], S, S)
        for place, down, shrink in zip(self.places, self.downs, self.shrinks, strict=False):
            skips.append(down(h + place, t))
            h = shrink(skips[-1])
        h = self.coarsest(h + self.places[-1], t)
        for grow, up in zip(reversed(self.grows), reversed(self.ups), strict=True):
            h = F.interpolate(grow(h), scale_factor=2.0)
            h = up(torch.cat([h, skips.pop()], 1), t)
        features = F.silu(self.norm(h))
        return self.leave(features), features
