# SPDX-License-Identifier: Apache-2.0
"""Convolutional Sketch Inversion (Guclutuerk et al. 2016, section 3.1): a sketch to a photo in one pass, 11 layers.

One network for each style of sketch. Where the paper's first and last layer see pixels of 96x96 pictures, these see
blocks of 2x2 pixels of 128x128 ones: nearly the paper's size at less of its cost; the codec makes 512x512 of it. The
deconvolutions have kernels of 4x4 instead of 3x3, which the stride divides: they leave no checkerboard (Odena et al.
2016).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

STYLES = ("line", "gray", "color")
CHANNELS = {"line": 1, "gray": 1, "color": 3}  # of a sketch in each style
SIDE = 128  # pixels of sketches and portraits
BLOCK = 2  # side of the blocks of pixels that the first and the last layer see


@dataclass(frozen=True)
class InversionConfig:
    """`kind`: "residual", the paper's network with `widths` fine to coarse and `blocks` residual blocks, or "unet", the
    baseline of the same number of weights with `unet` widths."""

    kind: str = "residual"
    widths: tuple[int, int, int] = (32, 64, 128)
    blocks: int = 5
    unet: tuple[int, ...] = (48, 96, 192, 208)


def layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalization and ReLU: the paper's layer, (N, I, H, W) -> (N, O, H / stride, W / stride)."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=(kernel - 1) // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


def enlarging(inputs: int, outputs: int) -> nn.Sequential:
    """Layers 9 and 10: deconvolution, batch normalization and ReLU, (N, I, H, W) -> (N, O, 2H, 2W)."""
    conv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class NormedResidual(nn.Module):
    """Layers 4 to 8: two 3x3 convolutions with batch normalization beside the identity, (N, C, H, W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        outer = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.layers = nn.Sequential(layer(channels, channels, 3), outer, nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


class ResidualInverter(nn.Module):
    """The 11 layers: (N, C, H, W) sketches in [-1, 1], 1 = paper -> (N, 3, H, W) RGB in [-1, 1].

    What layers 1 and 2 make is added to what layers 10 and 9 make, as identities in residual blocks are: so that a
    sketch's own lines do not have to pass the coarse middle."""

    def __init__(self, channels: int, config: InversionConfig) -> None:
        super().__init__()
        fine, middle, coarse = config.widths
        self.fine = layer(channels * BLOCK**2, fine, 9)
        self.middle = layer(fine, middle, 3, stride=2)
        blocks = (NormedResidual(coarse) for _ in range(config.blocks))
        self.coarse = nn.Sequential(layer(middle, coarse, 3, stride=2), *blocks, enlarging(coarse, middle))
        self.enlarged = enlarging(middle, fine)
        self.leave = nn.Conv2d(fine, 3 * BLOCK**2, 9, padding=4)

    def forward(self, sketch: torch.Tensor) -> torch.Tensor:
        fine = self.fine(F.pixel_unshuffle(sketch, BLOCK))  # (N, 32, H / 2, W / 2)
        middle = self.middle(fine)  # (N, 64, H / 4, W / 4)
        middle = middle + self.coarse(middle)
        fine = fine + self.enlarged(middle)
        return F.pixel_shuffle(self.leave(fine), BLOCK).tanh()


class UNetInverter(nn.Module):
    """The baseline: an encoder-decoder with skips (Isola et al. 2017, section 3.2.1), shapes as of ResidualInverter."""

    def __init__(self, channels: int, config: InversionConfig) -> None:
        super().__init__()
        widths = (channels * BLOCK**2, *config.unet)
        levels = range(1, len(widths))
        self.downs = nn.ModuleList([layer(widths[i - 1], widths[i], 4, stride=2) for i in levels])
        inputs = [2 * width for width in config.unet]
        inputs[-1] = config.unet[-1]  # the coarsest has nothing to skip to
        self.ups = nn.ModuleList([layer(inputs[i], config.unet[i - 1], 3) for i in range(len(inputs) - 1, 0, -1)])
        self.leave = nn.Conv2d(inputs[0], 3 * BLOCK**2, 3, padding=1)

    def forward(self, sketch: torch.Tensor) -> torch.Tensor:
        x, skips = F.pixel_unshuffle(sketch, BLOCK), list[torch.Tensor]()
        for down in self.downs:
            x = down(x)
            skips.append(x)
        x = skips.pop()
        for up in self.ups:
            x = torch.cat([up(F.interpolate(x, scale_factor=2.0)), skips.pop()], 1)
        return F.pixel_shuffle(self.leave(F.interpolate(x, scale_factor=2.0)), BLOCK).tanh()


class Inversion(nn.Module):
    """One network for each style of sketch."""

    def __init__(self, config: InversionConfig) -> None:
        super().__init__()
        self.config = config
        kinds = {"residual": ResidualInverter, "unet": UNetInverter}
        self.inverters = nn.ModuleDict({style: kinds[config.kind](CHANNELS[style], config) for style in STYLES})

    def forward(self, sketch: torch.Tensor, style: str) -> torch.Tensor:
        """(N, 1 or 3, 128, 128) in [-1, 1], 1 = paper, in one of STYLES -> portraits (N, 3, 128, 128) in [-1, 1]."""
        return self.inverters[style](sketch)
