# SPDX-License-Identifier: Apache-2.0
"""Film grain: what a camera adds to every photo, and a decoder trained to expect pixels leaves out."""

from functools import lru_cache

import torch
import torch.nn.functional as F

GRAIN = 1.2  # gray levels of 255: the deviation of brightness in a portrait at half its side


def with_grain(rgb: torch.Tensor, seed: int) -> torch.Tensor:
    """Portraits (N, 3, 2H, 2W) around [-1, 1] -> the same under grain of brightness as large as two pixels.

    The grain follows from the seed alone: it is the same on every device and for every drawing of that seed."""
    return rgb + _grain(rgb.shape[2] // 2, rgb.shape[3] // 2, seed).to(rgb)


@lru_cache(maxsize=2)
def _grain(height: int, width: int, seed: int) -> torch.Tensor:
    """What is added, (1, 3, 2H, 2W) as decoders lay out their output: an artist draws many portraits of one seed."""
    noise = torch.randn(1, 1, height, width, generator=torch.Generator().manual_seed(seed))
    grain = (GRAIN / 127.5) * F.interpolate(noise, scale_factor=2.0)
    return grain.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
