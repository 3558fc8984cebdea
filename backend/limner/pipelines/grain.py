# SPDX-License-Identifier: Apache-2.0
"""Film grain: what a camera adds to every photo, and a decoder trained to expect pixels leaves out."""

import torch
import torch.nn.functional as F

GRAIN = 2.0  # gray levels of 255: the deviation of brightness in a portrait at half its side


def with_grain(rgb: torch.Tensor, seed: int) -> torch.Tensor:
    """Portraits (N, 3, 2H, 2W) around [-1, 1] -> the same under grain of brightness as large as two pixels.

    The grain follows from the seed alone: it is the same on every device and for every drawing of that seed."""
    height, width = (side // 2 for side in rgb.shape[2:])
    noise = torch.randn(1, 1, height, width, generator=torch.Generator().manual_seed(seed))
    grain = F.interpolate(noise, scale_factor=2.0)  # (1, 1, 2H, 2W)
    return rgb + (GRAIN / 127.5) * grain.to(rgb)
