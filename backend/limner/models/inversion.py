# SPDX-License-Identifier: Apache-2.0
"""Convolutional Sketch Inversion (Guclutuerk et al. 2016, section 3.1): a sketch to a photo in one pass, 11 layers.

One network for each style of sketch. Where the paper's first and last layer see pixels of 96x96 pictures, these see
blocks of 4x4 pixels of 128x128 ones: more detail at a fraction of the cost; the codec makes 512x512 of it. The
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
BLOCK = 4  # side of the blocks of pixels that the first and the last layer see
BLOCK_UNET = 2  # the same in the baseline


@dataclass(frozen=True)
class InversionConfig:
    """`kind`: "residual", the paper's network with `widths` fine to coarse, kernels of `kernel` at both ends and a
    residual block for each of `views`, or "unet", the baseline of the same number of weights with `unet` widths.

    views: how many cells of 16x16 pixels, on a side, a block sees as one."""

    kind: str = "residual"
    widths: tuple[int, int, int] = (48, 64, 128)
    kernel: int = 5
    views: tuple[int, ...] = (1, 2, 4, 2, 1)
    unet: tuple[int, ...] = (48, 96, 192, 216)


def layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalization and ReLU: the paper's layer, (N, I, H, W) -> (N, O, H / stride, W / stride)."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=(kernel - 1) // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


def enlarging(inputs: int, outputs: int) -> nn.Sequential:
    """Layers 9 and 10: deconvolution, batch normalization and ReLU, (N, I, H, W) -> (N, O, 2H, 2W)."""
    conv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class NormedResidual(nn.Module):
    """Layers 4 to 8: two 3x3 convolutions with batch normalization beside the identity, (N, C, H, W) -> the same.

    The convolutions see means of `view` x `view` cells. The block starts as the identity (Goyal et al. 2017, section
    5.1)."""

    def __init__(self, channels: int, view: int) -> None:
        super().__init__()
        self.view = view
        norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(norm.weight)
        outer = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.layers = nn.Sequential(layer(channels, channels, 3), outer, norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = self.layers(F.avg_pool2d(x, self.view))
        return x + F.interpolate(seen, scale_factor=float(self.view))


class ResidualInverter(nn.Module):
    """The 11 layers: (N, C, H, W) sketches in [-1, 1], 1 = paper -> (N, 3, H, W) RGB in [-1, 1].

    Three ways lead around the coarse middle: what layers 1 and 2 make is added to what layers 10 and 9 make, with a
    learned gain for every channel, and the sketch itself to the portrait, by a 1x1 convolution. All start closed, so
    that the tones are learned first, but the sketch's own colors start open. `light` makes the whole portrait brighter
    or darker, by the means of the coarse channels; it starts at nothing."""

    def __init__(self, channels: int, config: InversionConfig) -> None:
        super().__init__()
        fine, middle, coarse = config.widths
        self.fine = layer(channels * BLOCK**2, fine, config.kernel)
        self.middle = layer(fine, middle, 3, stride=2)
        blocks = (NormedResidual(coarse, view) for view in config.views)
        self.coarse = nn.Sequential(layer(middle, coarse, 3, stride=2), *blocks)
        self.up_middle, self.up_fine = enlarging(coarse, middle), enlarging(middle, fine)
        self.leave = nn.Conv2d(fine, 3 * BLOCK**2, config.kernel, padding=config.kernel // 2)
        self.around_fine = nn.Parameter(torch.zeros(1, fine, 1, 1))
        self.around_middle = nn.Parameter(torch.zeros(1, middle, 1, 1))
        self.around = nn.Conv2d(channels * BLOCK**2, 3 * BLOCK**2, 1, bias=False)
        nn.init.zeros_(self.around.weight)
        if channels == 3:
            nn.init.dirac_(self.around.weight)
        self.light = nn.Linear(coarse, 1)
        nn.init.zeros_(self.light.weight)
        nn.init.zeros_(self.light.bias)

    def forward(self, sketch: torch.Tensor) -> torch.Tensor:
        blocks = F.pixel_unshuffle(sketch, BLOCK)
        fine = self.fine(blocks)  # (N, 48, H / 4, W / 4)
        middle = self.middle(fine)  # (N, 64, H / 8, W / 8)
        coarse = self.coarse(middle)  # (N, 128, H / 16, W / 16)
        middle = self.around_middle * middle + self.up_middle(coarse)
        fine = self.around_fine * fine + self.up_fine(middle)
        light = self.light(coarse.mean((2, 3)))[..., None, None]  # (N, 1, 1, 1)
        return (F.pixel_shuffle(self.leave(fine) + self.around(blocks), BLOCK) + light).tanh()


class UNetInverter(nn.Module):
    """The baseline: an encoder-decoder with skips (Isola et al. 2017, section 3.2.1), shapes as of ResidualInverter."""

    def __init__(self, channels: int, config: InversionConfig) -> None:
        super().__init__()
        widths = (channels * BLOCK_UNET**2, *config.unet)
        levels = range(1, len(widths))
        self.downs = nn.ModuleList([layer(widths[i - 1], widths[i], 4, stride=2) for i in levels])
        inputs = [2 * width for width in config.unet]
        inputs[-1] = config.unet[-1]  # the coarsest has nothing to skip to
        self.ups = nn.ModuleList([layer(inputs[i], config.unet[i - 1], 3) for i in range(len(inputs) - 1, 0, -1)])
        self.leave = nn.Conv2d(inputs[0], 3 * BLOCK_UNET**2, 3, padding=1)

    def forward(self, sketch: torch.Tensor) -> torch.Tensor:
        x, skips = F.pixel_unshuffle(sketch, BLOCK_UNET), list[torch.Tensor]()
        for down in self.downs:
            x = down(x)
            skips.append(x)
        x = skips.pop()
        for up in self.ups:
            x = torch.cat([up(F.interpolate(x, scale_factor=2.0)), skips.pop()], 1)
        return F.pixel_shuffle(self.leave(F.interpolate(x, scale_factor=2.0)), BLOCK_UNET).tanh()


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
