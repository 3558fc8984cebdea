# SPDX-License-Identifier: Apache-2.0
"""Training of the component auto-encoders: from a drawing in any hand to the clean line drawing of the same face.

Codes get noise in training, so that points between faces decode to plausible drawings too; their distance is about
shape, not about the hand that drew.
"""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from limner.models.components import WINDOWS, ComponentConfig, ComponentEmbedding, cut_windows
from limner.training.drawn import Ahead, DrawnBatch, DrawnFaces
from limner.training.sketches import Slips

BATCH = 12
CODE_NOISE = 0.3
INK_WEIGHT = 4.0  # ink covers a tenth of a drawing


class ComponentTask:
    """Denoising auto-encoders for the five windows, trained together."""

    def __init__(self, faces: DrawnFaces, config: ComponentConfig) -> None:
        self.model: nn.Module = ComponentEmbedding(config)
        self.faces, self.weights = faces, faces.weights(sharp=3, paired=3)
        self.batches = Ahead(self._batch)
        val = [i for i, f in enumerate(faces.faces) if f.split == "val"]
        rows = np.array(val[:: max(1, len(val) // 48)][:48])
        self.held_out = faces.batch(rows, [Slips(2, 0)] * len(rows), seed=(7, 7))

    def _batch(self, step: int) -> DrawnBatch:
        rng = np.random.default_rng((1, step))
        rows = rng.choice(self.faces.train, BATCH, p=self.weights)
        slips = [Slips(rng.uniform(0, 5), rng.uniform(0, 0.25)) for _ in rows]
        return self.faces.batch(rows, slips, seed=(2, step))

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        batch = self.batches.take(step)
        losses = component_losses(model(batch.drawing, noise=CODE_NOISE), batch.clean)
        return {**losses, "total": torch.stack(list(losses.values())).sum()}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        logits = model(self.held_out.drawing)
        losses = component_losses(logits, self.held_out.clean)
        wanted = cut_windows(self.held_out.clean)
        drawn = cut_windows(self.held_out.drawing)
        columns = []
        for i in range(8):
            for kind in (drawn, {k: v.sigmoid() for k, v in logits.items()}, wanted):
                parts = [F.interpolate(kind[w.name][i : i + 1], 96)[0, 0] for w in WINDOWS]
                columns.append(torch.cat(parts))
        sheet = 255 - (torch.cat(columns, 1).clamp(0, 1) * 255).byte().numpy()
        return {f"val_{k}": float(v) for k, v in losses.items()}, np.repeat(sheet[..., None], 3, 2)


def component_losses(logits: Mapping[str, torch.Tensor], clean: torch.Tensor) -> dict[str, torch.Tensor]:
    """Binary cross-entropy by part, ink weighted up: `logits` as from the model, `clean` (N, 1, 256, 256)."""
    weight = torch.tensor(INK_WEIGHT)
    wanted = cut_windows(clean)
    return {p: F.binary_cross_entropy_with_logits(v, wanted[p], pos_weight=weight) for p, v in logits.items()}
