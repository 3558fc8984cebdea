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
from limner.training.processes import ALONE, Processes
from limner.training.sketches import Slips

BATCH = 12
CODE_NOISE = 0.3
INK_WEIGHT = 4.0  # ink covers a tenth of a drawing


class ComponentTask:
    """Denoising auto-encoders for the five windows, trained together."""

    batch = BATCH

    def __init__(self, faces: DrawnFaces, config: ComponentConfig, processes: Processes = ALONE) -> None:
        self.model: nn.Module = ComponentEmbedding(config)
        self.processes = processes
        self.faces, self.weights = faces, faces.weights(sharp=3, paired=3)
        self.batches = Ahead(self._batch)
        rows = faces.held_out(48)
        self.held_out = self._with_clean(faces.batch(rows, [Slips(2, 0)] * len(rows), seed=(7, 7)))

    def _with_clean(self, drawn: DrawnBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """What the networks see and what they shall draw, (N, 1, 256, 256) ink each."""
        device = self.processes.device
        return drawn.drawing.to(device), self.faces.clean(drawn.rows, drawn.mirrored).to(device)

    def _batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng((1, step, self.processes.rank))
        rows = rng.choice(self.faces.train, self.processes.part_of(BATCH), p=self.weights)
        slips = [Slips(rng.uniform(0, 5), rng.uniform(0, 0.25)) for _ in rows]
        return self._with_clean(self.faces.batch(rows, slips, seed=(2, step, self.processes.rank)))

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        drawing, clean = self.batches.take(step)
        losses = component_losses(model(drawing, noise=CODE_NOISE), clean)
        return {**losses, "total": torch.stack(list(losses.values())).sum()}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        drawing, clean = self.held_out
        logits = model(drawing)
        losses = component_losses(logits, clean)
        wanted, drawn = cut_windows(clean), cut_windows(drawing)
        columns = []
        for i in range(min(8, len(drawing))):
            for kind in (drawn, {k: v.sigmoid() for k, v in logits.items()}, wanted):
                parts = [F.interpolate(kind[w.name][i : i + 1], 96)[0, 0] for w in WINDOWS]
                columns.append(torch.cat(parts))
        sheet = 255 - (torch.cat(columns, 1).cpu().clamp(0, 1) * 255).byte().numpy()
        return {f"val_{k}": float(v) for k, v in losses.items()}, np.repeat(sheet[..., None], 3, 2)


def component_losses(logits: Mapping[str, torch.Tensor], clean: torch.Tensor) -> dict[str, torch.Tensor]:
    """Binary cross-entropy by part, ink weighted up: `logits` as from the model, `clean` (N, 1, 256, 256)."""
    weight = torch.tensor(INK_WEIGHT, device=clean.device)
    wanted = cut_windows(clean)
    return {p: F.binary_cross_entropy_with_logits(v, wanted[p], pos_weight=weight) for p, v in logits.items()}
