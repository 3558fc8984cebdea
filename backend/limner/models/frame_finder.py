# SPDX-License-Identifier: Apache-2.0
"""The frame finder: where the face is in a drawing, how large, and how far it is tilted.

It answers with three points of the canonical frame (two eyes, mouth) as they lie in the picture; the similarity that
carries the canonical points there is the face frame.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from limner.models.blocks import PlainResidual, conv3

SIDE = 96  # pixels of the square that is searched
POINTS = np.array([(189.0, 242.0), (322.0, 242.0), (256.0, 386.0)]) / 512  # left eye, right eye, mouth, in the frame


@dataclass(frozen=True)
class FrameFinderConfig:
    """Widths from fine to coarse."""

    widths: tuple[int, int, int] = (16, 40, 96)


class FrameFinder(nn.Module):
    """(N, 1, 96, 96) ink in [0, 1] -> (N, 3, 2) points x, y in [0, 1] of the square: the eyes and the mouth."""

    def __init__(self, config: FrameFinderConfig) -> None:
        super().__init__()
        self.config = config
        fine, middle, coarse = config.widths
        self.enter = nn.Sequential(
            nn.PixelUnshuffle(2), conv3(4, fine), PlainResidual(fine), conv3(fine, middle, stride=2)
        )
        self.near = nn.Sequential(PlainResidual(middle), PlainResidual(middle))
        self.far = nn.Sequential(
            conv3(middle, coarse, stride=2),
            PlainResidual(coarse),
            conv3(coarse, coarse, stride=2),
            PlainResidual(coarse),
            PlainResidual(coarse),
            nn.Upsample(scale_factor=4.0, mode="bilinear"),
            nn.Conv2d(coarse, middle, 1),
        )
        self.leave = nn.Sequential(PlainResidual(middle), nn.SiLU(), nn.Conv2d(middle, len(POINTS), 1))

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    def forward(self, ink: torch.Tensor) -> torch.Tensor:
        fine = self.near(self.enter(ink))  # (N, middle, 24, 24)
        likely = self.leave(fine + self.far(fine)).flatten(2).softmax(2)  # (N, 3, 576)
        side = ink.shape[-1] // 4
        cell = (torch.arange(side, device=ink.device) + 0.5) / side
        rows, columns = torch.meshgrid(cell, cell, indexing="ij")
        return likely @ torch.stack([columns.flatten(), rows.flatten()], 1)


def as_seen(gray: NDArray[np.float32]) -> torch.Tensor:
    """A picture (96, 96) in [0, 1], 1 = paper, as the network sees it: (1, 1, 96, 96) ink, faint lines made firm."""
    ink = torch.from_numpy(1 - np.ascontiguousarray(gray, np.float32))[None, None]
    return (ink / ink.flatten().quantile(0.98).clamp(min=0.05)).clamp(0, 1)


def similarity(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """The square whose canonical points lie closest to `points` (3, 2): center x and y, side, angle in degrees.

    Least squares over similarities without reflection; the angle is clockwise as seen on the screen (y down)."""
    wanted, found = (POINTS @ (1, 1j)), (points @ (1, 1j))
    middle_wanted, middle_found = wanted.mean(), found.mean()
    wanted, found = wanted - middle_wanted, found - middle_found
    turn = (found * wanted.conj()).sum() / (np.abs(wanted) ** 2).sum()
    center = middle_found + turn * (0.5 + 0.5j - middle_wanted)
    return float(center.real), float(center.imag), float(abs(turn)), math.degrees(np.angle(turn))


def point_error(found: torch.Tensor, wanted: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """Mean distance of points (N, 3, 2) as a share of the face's size (N,), both in sides of the square: (N,)."""
    return F.pairwise_distance(found, wanted, eps=1e-6).mean(1) / size
