# SPDX-License-Identifier: Apache-2.0
"""The bank of component codes: clean line drawings of real faces, and what the projection onto them gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch

from limner.models.components import PARTS
from limner.models.manifold import NEIGHBORS, Projection, blend, project

KEPT = 0.995  # share of the codes' variance that is stored; training adds fifteen times the rest as noise


@dataclass(frozen=True)
class CodeBank:
    """codes: by part, (M, D) each. faces: (M,) which face a row shows, so that none needs to find itself."""

    codes: Mapping[str, torch.Tensor]
    faces: torch.Tensor

    @cached_property
    def squares(self) -> dict[str, torch.Tensor]:
        """By part, (M,): the squared lengths of the codes."""
        return {part: codes.square().sum(1) for part, codes in self.codes.items()}

    def project(
        self, codes: Mapping[str, torch.Tensor], own: torch.Tensor | None = None, k: int = NEIGHBORS
    ) -> dict[str, Projection]:
        """Projects codes by part, (N, D) each; `own` (N,) names the faces that the queries must not find."""
        excluded = None if own is None else own[:, None] == self.faces[None]
        return project(codes, self.codes, self.squares, k, excluded)


@dataclass(frozen=True)
class Compact:
    """Codes as their principal components, the fewest that keep `KEPT` of the variance: half of the numbers.

    places: (M, R) along the rows of `axes` (R, D), from `mean` (D,)."""

    places: torch.Tensor
    axes: torch.Tensor
    mean: torch.Tensor

    @classmethod
    def of(cls, codes: torch.Tensor) -> "Compact":
        """The components of codes (M, D)."""
        mean = codes.mean(0)
        _, lengths, axes = torch.linalg.svd(codes - mean, full_matrices=False)
        share = lengths.square().cumsum(0) / lengths.square().sum().clamp(min=1e-12)
        axes = axes[: int((share < KEPT).sum()) + 1]
        return cls((codes - mean) @ axes.T, axes, mean)

    def codes(self) -> torch.Tensor:
        """(M, D)."""
        return self.places @ self.axes + self.mean


def refine_codes(
    codes: Mapping[str, torch.Tensor], projections: Mapping[str, Projection], literal: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Blends every part: its projection at `literal` 0, its own code at 1; `literal` by part, (N,) each in [0, 1]."""
    return {part: blend(projections[part].code, codes[part], literal[part][:, None]) for part in PARTS}
