# SPDX-License-Identifier: Apache-2.0
"""The linear part of the codec in closed form: principal components of blocks, and the best linear way back."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import nn

from limner.models.codec import BLOCK, OUT, Codec, half

RIDGE = 1e-4  # of the mean variance: keeps the normal equations solvable where pictures are few


@torch.no_grad()
def fit_encoder(codec: Codec, pictures: Iterable[torch.Tensor]) -> None:
    """Sets the encoder to the principal components of the blocks of `pictures`, each (N, 3, 8h, 8w) in [-1, 1].

    A channel's deviation is the root of its component's, the mean variance 1: half way between the pixels' own measure,
    in which nearly all is brightness, and a measure in which the finest detail counts as much as brightness."""
    size = 3 * BLOCK**2
    count, total, products = 0, torch.zeros(size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64)
    for picture in pictures:
        blocks = F.pixel_unshuffle(picture, BLOCK).permute(0, 2, 3, 1).reshape(-1, size).double()
        count, total, products = count + len(blocks), total + blocks.sum(0), products + blocks.T @ blocks
    mean = total / count
    variances, vectors = torch.linalg.eigh(products / count - mean[:, None] * mean)  # ascending
    kept = slice(-codec.config.latent, None)
    deviations = variances[kept].clamp(min=1e-8).sqrt()
    wanted = (deviations / deviations.mean()).sqrt()
    scaled = (vectors[:, kept] * wanted / deviations).flip(1).T  # (latent, 192), largest first
    _set(codec.encoder.components, scaled, -scaled @ mean)
    codec.encoder.requires_grad_(False)


@torch.no_grad()
def fit_decoder(codec: Codec, pictures: Iterable[torch.Tensor], noise: float) -> None:
    """Sets the decoder's linear part to the least-squares estimate of `pictures`, each (N, 3, 16h, 16w) in [-1, 1],
    from their latents with noise of the deviation `noise` on them."""
    inputs = 9 * codec.config.latent + 1
    products = torch.zeros(inputs, inputs, dtype=torch.float64)
    targets = torch.zeros(inputs, 3 * OUT**2, dtype=torch.float64)
    for picture in pictures:
        latent = codec.encoder(half(picture))
        near = F.unfold(latent + noise * torch.randn_like(latent), 3, padding=1)  # (N, 9 * latent, cells)
        rows = F.pad(near.transpose(1, 2).flatten(0, 1), (0, 1), value=1.0).double()
        products += rows.T @ rows
        targets += rows.T @ F.pixel_unshuffle(picture, OUT).flatten(2).transpose(1, 2).flatten(0, 1).double()
    solved = torch.linalg.solve(products + RIDGE * products.diagonal().mean() * torch.eye(inputs), targets)
    _set(codec.decoder.linear, solved[:-1].T, solved[-1])


def _set(layer: nn.Conv2d, weight: torch.Tensor, bias: torch.Tensor) -> None:
    layer.load_state_dict({"weight": weight.reshape(layer.weight.shape), "bias": bias})
