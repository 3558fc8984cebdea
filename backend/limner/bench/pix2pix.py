# SPDX-License-Identifier: Apache-2.0
"""pix2pix's U-Net (Isola et al., CVPR 2017, arXiv 1611.07004) for 256x256, with random weights: for its cost only."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

SIDE = 256
WIDTHS = (64, 128, 256, 512, 512, 512, 512, 512)  # eight halvings, down to 1x1


class _Level(nn.Module):
    """Half the side, what lies below, twice the side, and the input joined on."""

    def __init__(self, inputs: int, width: int, below: nn.Module | None) -> None:
        super().__init__()
        down: list[nn.Module] = [nn.LeakyReLU(0.2), nn.Conv2d(inputs, width, 4, stride=2, padding=1, bias=False)]
        if below is not None:
            down += [nn.BatchNorm2d(width), below]
        joined = width if below is None else 2 * width
        up = nn.ConvTranspose2d(joined, inputs, 4, stride=2, padding=1, bias=False)
        self.layers = nn.Sequential(*down, nn.ReLU(), up, nn.BatchNorm2d(inputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.layers(x)], 1)


class Pix2PixUNet(nn.Module):
    """(N, 1, 256, 256) in [-1, 1] -> (N, 3, 256, 256) in [-1, 1]; 54 M parameters at the published widths."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        below: nn.Module | None = None
        for inputs, width in reversed(list(pairwise(widths))):
            below = _Level(inputs, width, below)
        self.first = nn.Conv2d(1, widths[0], 4, stride=2, padding=1)
        assert below is not None
        self.below = below
        self.last = nn.ConvTranspose2d(2 * widths[0], 3, 4, stride=2, padding=1)

    def forward(self, drawing: torch.Tensor) -> torch.Tensor:
        return self.last(self.below(self.first(drawing)).relu()).tanh()
