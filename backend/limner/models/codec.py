# SPDX-License-Identifier: Apache-2.0
"""The codec: portraits to small latents and back.

The flow of the synthesis works on these latents. A picture of 256x256 becomes a 32x32 latent, and the decoder gives the
picture at twice its side, so that the 512-pixel photos teach real detail and every latent yields a 512x512 portrait.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from limner.models.blocks import PlainResidual, ShuffleUp, conv3

BLOCK = 8  # pixels on a side that one latent cell stands for
OUT = 2 * BLOCK  # pixels on a side that one latent cell is decoded to


@dataclass(frozen=True)
class CodecConfig:
    """`latent`: number of latent channels; `decoder`: widths of the decoder, coarse to fine."""

    latent: int = 16
    decoder: tuple[int, int, int] = (192, 96, 48)


class Encoder(nn.Module):
    """(N, 3, 8h, 8w) RGB in [-1, 1] -> (N, latent, h, w), of unit variance on the mean of the channels.

    The principal components of blocks of 8x8 pixels: of all linear codes of that size the one that loses least, known
    in closed form (`limner.training.blocks`). It stays as it is while the decoder learns, so that what was trained on
    the latents goes on fitting."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.components = nn.Conv2d(3, config.latent, BLOCK, stride=BLOCK)

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        return self.components(rgb)


class Decoder(nn.Module):
    """(N, latent, h, w) -> (N, 3, 16h, 16w) RGB around [-1, 1]: twice the side that was encoded.

    The best linear estimate of the pixels from a cell and its eight neighbors, and what the network adds to it."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        coarse, middle, fine = config.decoder
        self.linear = conv3(config.latent, 3 * OUT**2)
        self.layers = nn.Sequential(
            conv3(config.latent, coarse),
            PlainResidual(coarse),
            PlainResidual(coarse),
            PlainResidual(coarse),
            ShuffleUp(coarse, middle),
            PlainResidual(middle),
            PlainResidual(middle),
            ShuffleUp(middle, fine),
            PlainResidual(fine),
            conv3(fine, 48),
            nn.PixelShuffle(4),
        )
        for parameter in self.layers[-2].parameters():
            nn.init.zeros_(parameter)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        return F.pixel_shuffle(self.linear(latent), OUT) + self.layers(latent)


class Codec(nn.Module):
    """Encoder and decoder; `forward` reconstructs at twice the side, through noisy latents, as training needs it."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = Encoder(config), Decoder(config)

    def forward(self, rgb: torch.Tensor, noise: float = 0.0) -> torch.Tensor:
        """(N, 3, 8h, 8w) in [-1, 1] -> (N, 3, 16h, 16w); `noise` is the deviation of noise added to the latents."""
        latent = self.encoder(rgb)  # (N, latent, h, w)
        if noise:
            latent = latent + noise * torch.randn_like(latent)
        return self.decoder(latent)


def half(picture: torch.Tensor) -> torch.Tensor:
    """(N, C, 2H, 2W) -> (N, C, H, W) by area averaging: the decoder's output at the encoded picture's side."""
    return F.avg_pool2d(picture, 2)


def to_pixels(rgb: torch.Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) around [-1, 1], on any device -> (N, H, W, 3) uint8."""
    pixels = rgb.float().cpu().add(1).mul_(127.5).round_().clamp_(0, 255).byte()
    return pixels.permute(0, 2, 3, 1).contiguous().numpy()
