# SPDX-License-Identifier: Apache-2.0
"""DeepFaceDrawing at its published size, with random weights: for measuring what one pass costs, nothing else.

Layers, widths and windows as in the authors' released networks (Chen et al., SIGGRAPH 2020, arXiv 2006.01047): five
encoders, five feature decoders, and pix2pixHD's generator for the synthesis; 425 M parameters, 281 G multiply-adds.
The manifold projection between encoders and decoders is left out, so that the time measured is a lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

SIDE = 512
MAPS = 32  # channels between feature mapping and synthesis


@dataclass(frozen=True)
class PublishedWindow:
    """A square part of the 512x512 drawing."""

    name: str
    x: int
    y: int
    size: int


WINDOWS = (  # in the order in which they are merged: a later one covers an earlier one
    PublishedWindow("remainder", 0, 0, 512),
    PublishedWindow("mouth", 169, 301, 192),
    PublishedWindow("nose", 182, 232, 160),
    PublishedWindow("left_eye", 108, 156, 128),
    PublishedWindow("right_eye", 255, 156, 128),
)


@dataclass(frozen=True)
class PublishedSize:
    """Widths of the published networks: of the encoders, the feature decoders, and the generator (the finest)."""

    code: int = 512
    encoder: tuple[int, ...] = (32, 64, 128, 256, 512)
    mapping: tuple[int, ...] = (512, 256, 256, 128, 64, 64)
    generator: int = 56
    residuals: int = 9


def _conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.ReflectionPad2d(kernel // 2), nn.Conv2d(inputs, outputs, kernel))


class Residual(nn.Module):
    """(N, C, H, W) -> (N, C, H, W): two reflection-padded convolutions with a norm each, and the input added."""

    def __init__(self, channels: int, norm: type[nn.Module]) -> None:
        super().__init__()
        first, second = _conv(channels, channels), _conv(channels, channels)
        self.layers = nn.Sequential(first, norm(channels), nn.ReLU(), second, norm(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


def _encoder(window: PublishedWindow, size: PublishedSize) -> nn.Sequential:
    """(N, 1, S, S) -> (N, 512): five halvings with a residual block after each."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((1, *size.encoder)):
        layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
        layers.append(Residual(outputs, nn.BatchNorm2d))
    features = size.encoder[-1] * (window.size // 32) ** 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, size.code))


def _mapping(window: PublishedWindow, size: PublishedSize) -> nn.Sequential:
    """(N, 512) -> (N, 32, S, S): five doublings with a residual block after each."""
    coarse, start = size.mapping[0], window.size // 32
    layers: list[nn.Module] = [
        nn.Linear(size.code, coarse * start**2),
        nn.Unflatten(1, (coarse, start, start)),
        Residual(coarse, nn.BatchNorm2d),
    ]
    for inputs, outputs in pairwise(size.mapping):
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), nn.BatchNorm2d(outputs)]
        layers += [nn.LeakyReLU(0.2), Residual(outputs, nn.BatchNorm2d)]
    return nn.Sequential(*layers, _conv(size.mapping[-1], MAPS, 5))


def _generator(size: PublishedSize) -> nn.Sequential:
    """(N, 32, 512, 512) -> (N, 3, 512, 512): pix2pixHD's global generator with four halvings."""
    widths = [size.generator * 2**level for level in range(5)]
    layers: list[nn.Module] = [_conv(MAPS, widths[0], 7), nn.InstanceNorm2d(widths[0]), nn.ReLU()]
    for inputs, outputs in pairwise(widths):
        layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.InstanceNorm2d(outputs), nn.ReLU()]
    layers += [Residual(widths[-1], nn.InstanceNorm2d) for _ in range(size.residuals)]
    for inputs, outputs in pairwise(reversed(widths)):
        up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        layers += [up, nn.InstanceNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, _conv(widths[0], 3, 7), nn.Tanh())


class DeepFaceDrawing(nn.Module):
    """The whole pass from a drawing to a picture."""

    def __init__(self, size: PublishedSize | None = None) -> None:
        super().__init__()
        size = size or PublishedSize()
        self.encoders = nn.ModuleDict({window.name: _encoder(window, size) for window in WINDOWS})
        self.mappings = nn.ModuleDict({window.name: _mapping(window, size) for window in WINDOWS})
        self.generator = _generator(size)

    def forward(self, drawing: torch.Tensor) -> torch.Tensor:
        """(N, 1, 512, 512) in [-1, 1], 1 = paper -> (N, 3, 512, 512) in [-1, 1]."""
        rest = drawing.clone()
        for window in WINDOWS[1:]:
            rest[:, :, window.y : window.y + window.size, window.x : window.x + window.size] = 1.0
        merged: torch.Tensor | None = None
        for window in WINDOWS:
            where = (..., slice(window.y, window.y + window.size), slice(window.x, window.x + window.size))
            cut = rest if window.name == "remainder" else drawing[where]
            maps = self.mappings[window.name](self.encoders[window.name](cut))  # (N, 32, S, S)
            if merged is None:
                merged = maps
            else:
                merged[where] = maps
        return self.generator(merged)
