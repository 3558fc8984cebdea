# SPDX-License-Identifier: Apache-2.0
"""Component embedding (DeepFaceDrawing, section 3.2): one auto-encoder for each part of the face.

The windows were computed for the frame that all portraits share (512x512); their corners are multiples of 8, so that
the feature maps of an eighth of that side fit exactly, and they are mirror images of each other.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from limner.models.blocks import PlainResidual, ShuffleUp, conv3

CANVAS = 512  # side of the frame in which windows are given
DRAWING = 256  # side of the line image that the networks see


@dataclass(frozen=True)
class Window:
    """A square part of the 512x512 frame; `shrink` is how much smaller than the frame its network sees it."""

    name: str
    x: int
    y: int
    size: int
    code: int
    shrink: int = 2

    @property
    def side(self) -> int:
        """Side of the network's input in pixels."""
        return self.size // self.shrink

    def slices(self, side: int) -> tuple[slice, slice]:
        """Rows and columns of this window in a square picture of `side` pixels."""
        scale = side / CANVAS
        top, left, size = (round(v * scale) for v in (self.y, self.x, self.size))
        return slice(top, top + size), slice(left, left + size)


WINDOWS = (
    Window("left_eye", 120, 160, 128, code=96),
    Window("right_eye", 264, 160, 128, code=96),
    Window("nose", 176, 224, 160, code=96),
    Window("mouth", 160, 312, 192, code=128),
    Window("remainder", 0, 0, 512, code=256, shrink=4),
)
PARTS = tuple(window.name for window in WINDOWS)


def cut_windows(drawing: torch.Tensor) -> dict[str, torch.Tensor]:
    """The five inputs of the encoders.

    drawing: (N, 1, 256, 256) in [0, 1], 1 = ink. The remainder has the four other windows emptied (methods 1.1.1)."""
    cuts = {w.name: drawing[:, :, w.slices(DRAWING)[0], w.slices(DRAWING)[1]] for w in WINDOWS[:-1]}
    rest = drawing.clone()
    for window in WINDOWS[:-1]:
        rows, columns = window.slices(DRAWING)
        rest[:, :, rows, columns] = 0
    cuts["remainder"] = F.avg_pool2d(rest, 2)  # (N, 1, 128, 128)
    return cuts


@dataclass(frozen=True)
class ComponentConfig:
    """Widths of all five auto-encoders, from fine to coarse; the remainder's coarsest maps are narrower."""

    widths: tuple[int, int, int, int] = (16, 48, 96, 128)
    remainder_widths: tuple[int, int, int, int] = (16, 48, 96, 96)

    def widths_of(self, part: str) -> tuple[int, int, int, int]:
        """The widths of one part's network."""
        return self.remainder_widths if part == "remainder" else self.widths


class ComponentEncoder(nn.Module):
    """(N, 1, S, S) in [0, 1], 1 = ink -> code (N, D), unit variance per dimension over the training drawings."""

    def __init__(self, window: Window, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        a, b, c, d = widths
        self.layers = nn.Sequential(
            conv3(1, a, stride=2),
            nn.SiLU(),
            conv3(a, b, stride=2),
            PlainResidual(b),
            conv3(b, c, stride=2),
            PlainResidual(c),
            conv3(c, d, stride=2),
            PlainResidual(d),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(d * (window.side // 16) ** 2, window.code),
        )
        self.norm = nn.BatchNorm1d(window.code, affine=False, momentum=0.02)

    def forward(self, ink: torch.Tensor) -> torch.Tensor:
        return self.norm(self.layers(ink))


class ComponentDecoder(nn.Module):
    """Code (N, D) -> the clean drawing of the window as logits of ink (N, 1, S, S); draws the shadow guide."""

    def __init__(self, window: Window, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        a, b, c, d = widths
        coarse = window.side // 16
        self.layers = nn.Sequential(
            nn.Linear(window.code, d * coarse**2),
            nn.Unflatten(1, (d, coarse, coarse)),
            PlainResidual(d),
            ShuffleUp(d, c),
            PlainResidual(c),
            ShuffleUp(c, b),
            PlainResidual(b),
            ShuffleUp(b, a),
            nn.SiLU(),
            conv3(a, 4),
            nn.PixelShuffle(2),
        )

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        return self.layers(code)


class ComponentEmbedding(nn.Module):
    """The five auto-encoders."""

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__()
        self.config = config
        self.encoders = nn.ModuleDict({w.name: ComponentEncoder(w, config.widths_of(w.name)) for w in WINDOWS})
        self.decoders = nn.ModuleDict({w.name: ComponentDecoder(w, config.widths_of(w.name)) for w in WINDOWS})

    def encode(self, drawing: torch.Tensor) -> dict[str, torch.Tensor]:
        """(N, 1, 256, 256) in [0, 1], 1 = ink -> codes by part, (N, D) each."""
        return {part: self.encoders[part](cut) for part, cut in cut_windows(drawing).items()}

    def forward(self, drawing: torch.Tensor, noise: float = 0.0) -> dict[str, torch.Tensor]:
        """Logits of the clean drawing's ink by part, (N, 1, S, S) each, through codes with added noise."""
        codes = self.encode(drawing)
        return {part: self.decoders[part](code + noise * torch.randn_like(code)) for part, code in codes.items()}
