# SPDX-License-Identifier: Apache-2.0
"""What the search of PULSE (Menon et al. 2020, section 3) is made of, for Limner's own prior.

Down-scaling, the spheres that samples of a Gaussian lie close to, the Gaussian of the component codes, the schedule,
and a linear picture of the codec's decoder that makes each step of the search cheap.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from limner.models.bank import CodeBank
from limner.models.components import PARTS, WINDOWS

THUMBNAIL = 64  # side of the small pictures that the search looks at
BACK_PROJECTIONS = 3


def bicubic(distance: torch.Tensor) -> torch.Tensor:
    """The cubic kernel with a = -0.5 (Keys 1981) at `distance` in samples."""
    x = distance.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def resampling(source: int, target: int) -> torch.Tensor:
    """(target, source) float32: bicubic resampling of one axis, mirrored at the border, rows of sum 1.

    Where it shrinks the kernel is as much wider, as PULSE's down-scaling has it; else it interpolates."""
    wide = max(1.0, source / target)
    center = (torch.arange(target, dtype=torch.float64) + 0.5) * source / target - 0.5
    reach = math.ceil(2 * wide) + 1
    taps = center.floor().long()[:, None] + torch.arange(-reach, reach + 1)  # (target, taps)
    weights = bicubic((taps - center[:, None]) / wide)
    taps = taps % (2 * source)
    taps = torch.where(taps < source, taps, 2 * source - 1 - taps)
    matrix = torch.zeros(target, source, dtype=torch.float64).scatter_add_(1, taps, weights)
    return (matrix / matrix.sum(1, keepdim=True)).float()


def resized(pictures: torch.Tensor, side: int) -> torch.Tensor:
    """(N, C, S, S) -> (N, C, side, side) by `resampling`."""
    matrix = resampling(pictures.shape[-1], side).to(pictures)
    return matrix @ pictures @ matrix.T


def mean_square(difference: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) -> (N,)."""
    return difference.square().mean((1, 2, 3))


def back_projected(pictures: torch.Tensor, wanted: torch.Tensor, eps: float) -> torch.Tensor:
    """Pictures (N, 3, S, S) in [0, 1] whose down-scaled copies differ from `wanted` (1, 3, s, s) by no more than `eps`.

    What a copy misses is enlarged and added, as far as is needed for that and no further (iterative back-projection:
    Irani and Peleg 1991); clipping can leave a little more than `eps`."""
    for _ in range(BACK_PROJECTIONS):
        missed = wanted - resized(pictures, wanted.shape[-1])
        share = 1 - (eps / mean_square(missed).clamp(min=eps)).sqrt()  # (N,), 0 where nothing is to be done
        pictures = (pictures + share[:, None, None, None] * resized(missed, pictures.shape[-1])).clamp(0, 1)
    return pictures


def onto_sphere(x: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """Every sample of (N, ...) rescaled to its `radius` (N,): after each step of the search, as in PULSE."""
    flat = x.flatten(1)
    return (flat * (radius / flat.norm(dim=1))[:, None]).view_as(x)


def one_cycle_drop(share: float) -> float:
    """PULSE's schedule "linear1cycledrop": 0.1 up to 1 and back over nine tenths of the steps, then down to 0.001."""
    if share < 0.9:
        return (9 * (1 - abs(share / 0.9 - 0.5) * 2) + 1) / 10
    return 0.1 + (share - 0.9) / 0.1 * (0.001 - 0.1)


@dataclass(frozen=True)
class CodeGaussian:
    """The component codes of faces as one Gaussian over all parts: `mean` (D,), and `root` (D, D) of the covariance."""

    mean: torch.Tensor
    root: torch.Tensor

    @classmethod
    def fit(cls, bank: CodeBank) -> "CodeGaussian":
        """The Gaussian of the bank's codes; jointly, so that left and right eye go together."""
        codes = torch.cat([bank.codes[part] for part in PARTS], 1).double()  # (M, D)
        mean = codes.mean(0)
        spread = (codes - mean).T @ (codes - mean) / max(len(codes) - 1, 1)
        ridge = 1e-4 * spread.diagonal().mean() * torch.eye(len(spread), dtype=spread.dtype, device=spread.device)
        return cls(mean.float(), torch.linalg.cholesky(spread + ridge).float())

    def codes(self, whitened: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Codes by part, (N, D) each, of `whitened` (N, D) ~ N(0, 1)."""
        joined = self.mean + whitened @ self.root.T
        sizes = {window.name: window.code for window in WINDOWS}
        return dict(zip(PARTS, joined.split([sizes[part] for part in PARTS], 1), strict=True))

    def whitened(self, codes: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The way back: (N, D) of codes by part."""
        joined = torch.cat([codes[part] for part in PARTS], 1) - self.mean
        return torch.linalg.solve_triangular(self.root, joined.T, upper=False).T


@dataclass(frozen=True)
class ThumbnailDecoder:
    """The codec's decoder, then down-scaling to 64x64, as one 3x3 convolution fitted by least squares.

    weight: (12, L, 3, 3), bias: (12,): each cell of a latent gives 2x2 pixels of RGB in [0, 1]."""

    weight: torch.Tensor
    bias: torch.Tensor

    @classmethod
    def fit(cls, latents: torch.Tensor, pictures: torch.Tensor) -> "ThumbnailDecoder":
        """latents: (N, L, 32, 32). pictures: what they decode to, in [0, 1], at any size (N, 3, S, S)."""
        channels = latents.shape[1]
        seen = F.unfold(latents, 3, padding=1).transpose(1, 2).flatten(0, 1).double()  # (N * 1024, L * 9)
        seen = torch.cat([seen, torch.ones_like(seen[:, :1])], 1)
        wanted = F.pixel_unshuffle(resized(pictures, THUMBNAIL), 2).flatten(2).transpose(1, 2).flatten(0, 1).double()
        gram = seen.T @ seen
        gram = gram + 1e-4 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        solution = torch.linalg.solve(gram, seen.T @ wanted).float()  # (L * 9 + 1, 12)
        return cls(solution[:-1].T.reshape(12, channels, 3, 3).contiguous(), solution[-1])

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """(N, L, 32, 32) -> (N, 3, 64, 64) RGB, mostly in [0, 1]."""
        return F.pixel_shuffle(F.conv2d(latents, self.weight, self.bias, padding=1), 2)
