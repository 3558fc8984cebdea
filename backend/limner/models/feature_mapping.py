# SPDX-License-Identifier: Apache-2.0
"""Feature mapping (DeepFaceDrawing, section 3.3): component codes to 32-channel maps, merged into one map of the face.

A one-channel drawing could not carry what a code says; 32 channels can. The maps have an eighth of the canvas's side.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from limner.models.blocks import PlainResidual, ShuffleUp, conv3
from limner.models.components import CANVAS, WINDOWS, Window

MAP_SIDE = 64
CHANNELS = 32
ORDER = ("remainder", "mouth", "nose", "left_eye", "right_eye")  # a later part covers an earlier one
SEAM = 2  # cells over which a window's border fades


@dataclass(frozen=True)
class FeatureMappingConfig:
    """Widths of the five decoders, from coarse to fine."""

    widths: tuple[int, int] = (96, 64)
    remainder_widths: tuple[int, int] = (64, 48)


def map_side(window: Window) -> int:
    """Side of a window's feature map."""
    return window.size * MAP_SIDE // CANVAS


def seam_mask(window: Window) -> torch.Tensor:
    """(1, 1, S, S) in (0, 1]: 1 inside the window, falling towards its border; all 1 for the remainder."""
    side = map_side(window)
    if window.name == "remainder":
        return torch.ones(1, 1, side, side)
    cell = torch.arange(side)
    edge = torch.minimum(cell, side - 1 - cell)
    ramp = ((edge + 1) / (SEAM + 1)).clamp(max=1.0)
    return torch.minimum(ramp[:, None], ramp[None, :])[None, None]


def merge_windows(maps: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Merges maps by part, (N, C, S, S) each, into (N, C, 64, 64): remainder, mouth, nose, eyes, with soft seams."""
    merged = maps["remainder"].clone()
    windows = {w.name: w for w in WINDOWS}
    for part in ORDER[1:]:
        window, mask = windows[part], seam_mask(windows[part]).to(merged)
        where = (..., *window.slices(MAP_SIDE))
        merged[where] = merged[where] + mask * (maps[part] - merged[where])
    return merged


def spread_over_windows(values: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """A number by part, (N,) each, as a map (N, 1, 64, 64) merged as the feature maps are."""
    maps = {}
    for window in WINDOWS:
        side = map_side(window)
        maps[window.name] = values[window.name][:, None, None, None].expand(-1, 1, side, side)
    return merge_windows(maps)


class FeatureDecoder(nn.Module):
    """Code (N, D) -> (N, 32, S, S), S an eighth of the window's size."""

    def __init__(self, window: Window, widths: tuple[int, int]) -> None:
        super().__init__()
        coarse, fine = widths
        side = map_side(window)
        steps = 3 if window.name == "remainder" else 2
        start = side // 2**steps
        self.layers = nn.Sequential(
            nn.Linear(window.code, coarse * start**2),
            nn.Unflatten(1, (coarse, start, start)),
            PlainResidual(coarse),
            *([ShuffleUp(coarse, coarse), PlainResidual(coarse)] if steps == 3 else []),
            ShuffleUp(coarse, fine),
            PlainResidual(fine),
            ShuffleUp(fine, CHANNELS),
            nn.SiLU(),
            conv3(CHANNELS, CHANNELS),
        )

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        return self.layers(code)


class FeatureMapping(nn.Module):
    """Codes by part, (N, D) each -> the merged map (N, 32, 64, 64)."""

    def __init__(self, config: FeatureMappingConfig) -> None:
        super().__init__()
        self.config = config
        self.decoders = nn.ModuleDict(
            {
                w.name: FeatureDecoder(w, config.remainder_widths if w.name == "remainder" else config.widths)
                for w in WINDOWS
            }
        )

    def forward(self, codes: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return merge_windows({part: decoder(codes[part]) for part, decoder in self.decoders.items()})
