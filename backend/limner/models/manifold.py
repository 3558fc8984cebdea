# SPDX-License-Identifier: Apache-2.0
"""Manifold projection (DeepFaceDrawing, section 3.2): K nearest neighbors and locally linear embedding.

A code of a rough drawing is replaced by the point that its neighbors among the codes of real faces span, blended with
the code itself: at blend 0 the projection (plausible), at blend 1 the drawing's own code (literal).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

NEIGHBORS = 10


@dataclass(frozen=True)
class Projection:
    """`code` (N, D), the weights (N, K) of the neighbors, which sum to 1, and their rows (N, K) in the bank."""

    code: torch.Tensor
    weights: torch.Tensor
    rows: torch.Tensor


def embedding_weights(
    neighbors: Sequence[torch.Tensor], codes: Sequence[torch.Tensor], ridge: float = 1e-3
) -> list[torch.Tensor]:
    """Weights (N, K) with sum 1, by part, that reproduce `codes` (N, D) best from `neighbors` (N, K, D).

    Solves the regularized Gram systems of locally linear embedding (Roweis and Saul 2000): G w = 1, w / sum(w). The
    ridge is relative to the trace of G; where the code equals a neighbor, that neighbor alone has weight. D may differ
    from part to part: the systems of all parts are solved as one batch."""
    offsets = [(near - code[:, None]).double() for near, code in zip(neighbors, codes, strict=True)]
    gram = torch.cat([part @ part.transpose(1, 2) for part in offsets])  # (P * N, K, K)
    distance = gram.diagonal(dim1=1, dim2=2)
    eye = torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
    system = gram + (ridge * distance.sum(1) + 1e-12)[:, None, None] * eye
    weights = torch.linalg.solve(system, torch.ones_like(distance))
    weights = weights / weights.sum(1, keepdim=True)
    lengths = torch.cat([code.double().square().sum(1) for code in codes])
    exact = distance.min(1).values <= 1e-9 * (1 + lengths)
    alone = torch.nn.functional.one_hot(distance.argmin(1), distance.shape[1]).to(weights)
    weights = torch.where(exact[:, None], alone, weights).to(codes[0])
    return list(weights.split([len(code) for code in codes]))


def nearest(
    code: torch.Tensor, bank: torch.Tensor, k: int, excluded: torch.Tensor | None, squares: torch.Tensor
) -> torch.Tensor:
    """The rows (N, K) of `bank` (M, D) that are nearest to each code (N, D), nearest first.

    excluded: (N, M) bool, rows that a code must not find. squares: (M,) squared lengths of the rows."""
    distance = torch.addmm(squares[None], code, bank.T, alpha=-2)  # (N, M): squared, but for the code's own length
    if excluded is not None:
        distance = distance.masked_fill(excluded, float("inf"))
    return distance.topk(min(k, bank.shape[0]), largest=False).indices


def project(
    codes: Mapping[str, torch.Tensor],
    banks: Mapping[str, torch.Tensor],
    squares: Mapping[str, torch.Tensor],
    k: int = NEIGHBORS,
    excluded: torch.Tensor | None = None,
) -> dict[str, Projection]:
    """Projects the codes of each part, (N, D), onto the manifold that its bank (M, D) spans.

    squares: by part, (M,) squared lengths of the bank's rows. excluded: (N, M) bool, rows that a code must not find
    (its own face, in evaluation and training)."""
    rows = {part: nearest(code, banks[part], k, excluded, squares[part]) for part, code in codes.items()}
    neighbors = {part: banks[part][rows[part]] for part in codes}  # (N, K, D)
    weights = embedding_weights(list(neighbors.values()), list(codes.values()))
    return {
        part: Projection((weight[:, None] @ neighbors[part])[:, 0], weight, rows[part])
        for part, weight in zip(codes, weights, strict=True)
    }


def blend(projected: torch.Tensor, code: torch.Tensor, literal: torch.Tensor | float) -> torch.Tensor:
    """(N, D): the projection at `literal` 0, the code itself at 1, exactly; `literal` is a number or (N, 1)."""
    literal = torch.as_tensor(literal, dtype=code.dtype, device=code.device)
    mixed = projected + literal * (code - projected)
    return torch.where(literal <= 0, projected, torch.where(literal >= 1, code, mixed))
