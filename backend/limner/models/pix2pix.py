# SPDX-License-Identifier: Apache-2.0
"""pix2pix (Isola et al., CVPR 2017, arXiv 1611.07004): the baseline that Limner's portraits are compared with.

A U-Net of eight levels and a discriminator of 70x70 patches. Half the published widths, so that an hour on two cores
shows it four times as many drawings.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

SIDE = 256


@dataclass(frozen=True)
class Pix2PixConfig:
    """`width` of the first level of both networks: 64 as published (54 M weights), 32 is 13.6 M."""

    width: int = 32
    dropout: float = 0.5  # of the coarsest levels of the way up

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the eight halvings, down to 1x1."""
        return tuple(self.width * factor for factor in (1, 2, 4, 8, 8, 8, 8, 8))


PUBLISHED = Pix2PixConfig(width=64)


class _Level(nn.Module):
    """Half the side, what lies below, twice the side, and the input joined on."""

    def __init__(self, inputs: int, width: int, below: nn.Module | None, dropout: float) -> None:
        super().__init__()
        down: list[nn.Module] = [nn.LeakyReLU(0.2), nn.Conv2d(inputs, width, 4, stride=2, padding=1, bias=False)]
        if below is not None:
            down += [nn.BatchNorm2d(width), below]
        joined = width if below is None else 2 * width
        up = nn.ConvTranspose2d(joined, inputs, 4, stride=2, padding=1, bias=False)
        self.layers = nn.Sequential(*down, nn.ReLU(), up, nn.BatchNorm2d(inputs), nn.Dropout(dropout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.layers(x)], 1)


class Generator(nn.Module):
    """Ink (N, 1, 256, 256) in [0, 1] -> portraits (N, 3, 256, 256) in [-1, 1]."""

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        widths, below = config.widths, None
        for level, (inputs, width) in enumerate(reversed(list(pairwise(widths)))):
            below = _Level(inputs, width, below, config.dropout if 1 <= level <= 3 else 0.0)
        assert below is not None
        self.below: nn.Module = below
        self.first = nn.Conv2d(1, widths[0], 4, stride=2, padding=1)
        self.last = nn.ConvTranspose2d(2 * widths[0], 3, 4, stride=2, padding=1)

    def forward(self, ink: torch.Tensor) -> torch.Tensor:
        return self.last(self.below(self.first(1 - 2 * ink)).relu()).tanh()


class Discriminator(nn.Module):
    """Ink (N, 1, 256, 256) and pictures (N, 3, 256, 256) -> a score of each patch, (N, 1, 30, 30): large = a photo."""

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        width = config.width
        layers: list[nn.Module] = [nn.Conv2d(4, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for inputs, outputs, stride in ((width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 8 * width, 1)):
            conv = nn.Conv2d(inputs, outputs, 4, stride=stride, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, padding=1))

    def forward(self, ink: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
        return self.layers(torch.cat([1 - 2 * ink, pictures], 1))


class Pix2Pix(nn.Module):
    """Both networks; `forward` is the generator's."""

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        self.config = config
        self.generator, self.discriminator = Generator(config), Discriminator(config)
        self.apply(_initialize)

    def forward(self, ink: torch.Tensor) -> torch.Tensor:
        """Ink (N, 1, 256, 256) in [0, 1] -> portraits (N, 3, 256, 256) in [-1, 1]."""
        return self.generator(ink)


def _initialize(module: nn.Module) -> None:
    """The paper's: weights of deviation 0.02."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
