# SPDX-License-Identifier: Apache-2.0
"""Building blocks shared by Limner's networks."""

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def in_channels_last(network: Network) -> Network:
    """`network` itself, its kernels stored channels last: CPUs are a tenth to a quarter quicker so."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def conv3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps (stride 1) or halves (stride 2) the side."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)


class PlainResidual(nn.Module):
    """Norm-free residual block: (N, C, H, W) -> (N, C, H, W); fast on CPUs, stable through its small learned gain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner, self.outer = conv3(channels, channels), conv3(channels, channels)
        self.gain = nn.Parameter(torch.full((1,), 0.3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.gain * self.outer(F.silu(self.inner(F.silu(x))))


class ShuffleUp(nn.Module):
    """Doubles the side by a 1x1 convolution and a pixel shuffle: (N, I, H, W) -> (N, O, 2H, 2W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 4 * outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.pixel_shuffle(self.conv(x), 2)
