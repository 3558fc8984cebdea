# SPDX-License-Identifier: Apache-2.0
"""The U-Net of the flow: velocity of the straight path from noise to a portrait's latent (Lipman et al. 2023)."""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from limner.models.blocks import conv3


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
        split = self.qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, h * w)
        q, k, v = split.transpose(-1, -2).unbind(1)  # (N, heads, H*W, C/heads)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2).reshape(n, c, h, w)
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
    """(N, inputs, 32, 32) with times (N,) -> velocity (N, outputs, 32, 32)."""

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, int, int], time: int) -> None:
        super().__init__()
        a, b, c = widths
        self.time = TimeEmbedding(time)
        self.enter = conv3(inputs, a)
        self.fine_down = Stage((a, a), time, attention=False)
        self.down1 = conv3(a, b, stride=2)
        self.middle_down = Stage((b, b, b), time, attention=True)
        self.down2 = conv3(b, c, stride=2)
        self.coarse = Stage((c, c, c), time, attention=True)
        self.up2 = conv3(c, b)
        self.middle_up = Stage((2 * b, b, b), time, attention=True)
        self.up1 = conv3(b, a)
        self.fine_up = Stage((2 * a, a, a), time, attention=False)
        self.norm, self.leave = group_norm(a), conv3(a, outputs)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        t = self.time(time)
        fine = self.fine_down(self.enter(x), t)  # (N, a, 32, 32)
        middle = self.middle_down(self.down1(fine), t)  # (N, b, 16, 16)
        coarse = self.coarse(self.down2(middle), t)  # (N, c, 8, 8)
        h = self.up2(F.interpolate(coarse, scale_factor=2.0))
        h = self.middle_up(torch.cat([h, middle], 1), t)
        h = self.up1(F.interpolate(h, scale_factor=2.0))
        return self.leave(F.silu(self.norm(self.fine_up(torch.cat([h, fine], 1), t))))
