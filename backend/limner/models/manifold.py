# SPDX-License-Identifier: Apache-2.0
"""Manifold projection (DeepFaceDrawing, section 3.2): K nearest neighbors and locally linear embedding.

A code of a rough drawing is replaced by the point that its neighbors among the codes of real faces span, blended with
the code itself: at blend 0 the projection (plausible), at blend 1 the drawing's own code (literal).
"""

from dataclasses import dataclass

import torch

NEIGHBORS = 10


@dataclass(frozen=True)
class Projection:
    """`code` (N, D), the weights (N, K) of the neighbors, which sum to 1, and their rows (N, K) in the bank."""

    code: torch.Tensor
    weights: torch.Tensor
    rows: torch.Tensor


def embedding_weights(neighbors: torch.Tensor, code: torch.Tensor, ridge: float = 1e-3) -> torch.Tensor:
    """Weights (N, K) with sum 1 that reproduce `code` (N, D) best from `neighbors` (N, K, D).

    Solves the regularized Gram system of locally linear embedding (Roweis and Saul 2000): G w = 1, w / sum(w). The
    ridge is relative to the trace of G; where the code equals a neighbor, that neighbor alone has weight."""
    offsets = (neighbors - code[:, None]).double()  # (N, K, D)
    gram = offsets @ offsets.transpose(1, 2)  # (N, K, K)
    trace = gram.diagonal(dim1=1, dim2=2).sum(1)
    distance = gram.diagonal(dim1=1, dim2=2)
    eye = torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
    system = gram + (ridge * trace + 1e-12)[:, None, None] * eye
    weights = torch.linalg.solve(system, torch.ones_like(distance))
    weights = weights / weights.sum(1, keepdim=True)
    exact = distance.min(1).values <= 1e-9 * (1 + code.double().square().sum(1))
    alone = torch.nn.functional.one_hot(distance.argmin(1), distance.shape[1]).to(weights)
    return torch.where(exact[:, None], alone, weights).to(code)


def project(
    code: torch.Tensor,
    bank: torch.Tensor,
    k: int = NEIGHBORS,
    excluded: torch.Tensor | None = None,
    squares: torch.Tensor | None = None,
) -> Projection:
    """Projects codes (N, D) onto the manifold spanned by `bank` (M, D).

    excluded: (N, M) bool, bank rows that a code must not find (its own face, in evaluation and training). squares: (M,)
    squared lengths of the bank's rows, where they are known: most of the search's time otherwise."""
    lengths = bank.square().sum(1) if squares is None else squares
    distance = torch.addmm(lengths[None], code, bank.T, alpha=-2)  # (N, M): squared, but for the code's own length
    if excluded is not None:
        distance = distance.masked_fill(excluded, float("inf"))
    rows = distance.topk(min(k, bank.shape[0]), largest=False).indices  # (N, K)
    neighbors = bank[rows]  # (N, K, D)
    weights = embedding_weights(neighbors, code)
    return Projection((weights[:, None] @ neighbors)[:, 0], weights, rows)


def blend(projected: torch.Tensor, code: torch.Tensor, literal: torch.Tensor | float) -> torch.Tensor:
    """(N, D): the projection at `literal` 0, the code itself at 1, exactly; `literal` is a number or (N, 1)."""
    literal = torch.as_tensor(literal, dtype=code.dtype, device=code.device)
    mixed = projected + literal * (code - projected)
    return torch.where(literal <= 0, projected, torch.where(literal >= 1, code, mixed))
