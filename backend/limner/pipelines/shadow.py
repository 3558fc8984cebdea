# SPDX-License-Identifier: Apache-2.0
"""The shadow guide (DeepFaceDrawing, section 4.1): what the nearest faces would draw, softly, under the strokes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from limner.models.bank import CodeBank
from limner.models.components import CANVAS, DRAWING, WINDOWS, ComponentEmbedding, Window
from limner.models.manifold import Projection

HEAVIEST = 0.5  # no neighbor alone makes more than half of the shadow
DAMPING = 0.2  # of the remainder's shadow inside the parts' windows
FADE = 0.18  # share of a window over which its shadow fades at the border
TINT = (38, 34, 52)  # sRGB of the guide


def _fade(window: Window, side: int) -> torch.Tensor:
    """(side, side) in [0, 1]: 1 in the middle of a window, 0 at its border."""
    edge = torch.arange(side) + 0.5
    ramp = (torch.minimum(edge, side - edge) / (FADE * side)).clamp(max=1.0)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return ramp[:, None] * ramp[None, :]


@torch.inference_mode()
def window_shadow(embedding: ComponentEmbedding, bank: CodeBank, part: str, projection: Projection) -> torch.Tensor:
    """(S, S) in [0, 1]: the neighbors' decoded drawings, weighted; negative weights draw nothing."""
    weights = projection.weights[0].clamp(0, HEAVIEST)
    drawn = weights > 1e-3
    if not bool(drawn.any()):
        drawn = weights == weights.max()
    neighbors = bank.codes[part][projection.rows[0][drawn]]
    ink = embedding.decoders[part](neighbors).sigmoid()[:, 0]  # (k, S, S)
    share = weights[drawn] / weights[drawn].sum().clamp(min=1e-6)
    return (ink * share[:, None, None]).sum(0)


@torch.inference_mode()
def draw_shadow(
    embedding: ComponentEmbedding, bank: CodeBank, projections: Mapping[str, Projection]
) -> NDArray[np.uint8]:
    """The guide as a layer (512, 512, 4) uint8: one dark tint, its strength in the alpha."""
    whole = torch.zeros(DRAWING, DRAWING)
    for window in reversed(WINDOWS):  # the remainder first
        shadow = window_shadow(embedding, bank, window.name, projections[window.name]).float().cpu()
        if window.name == "remainder":
            whole = F.interpolate(shadow[None, None], size=DRAWING, mode="bilinear", align_corners=False)[0, 0]
            for part in WINDOWS[:-1]:
                rows, columns = part.slices(DRAWING)
                whole[rows, columns] *= 1 - (1 - DAMPING) * _fade(part, part.side)
        else:
            where = window.slices(DRAWING)
            whole[where] = torch.maximum(whole[where], shadow * _fade(window, window.side))
    alpha = F.interpolate(whole[None, None], size=CANVAS, mode="bicubic", align_corners=False)[0, 0].clamp(0, 1)
    layer = np.empty((CANVAS, CANVAS, 4), np.uint8)
    layer[..., :3] = TINT
    layer[..., 3] = (alpha * 255).round().byte().numpy()
    return layer
