# SPDX-License-Identifier: Apache-2.0
"""Eyes, nose and mouth drawn anew as the nearest faces have them, as far as the artist's own lines are not trusted.

A code between faces says roughly what a part looks like; its shadow, made lines again, says it where the network looks
for lines. Without them a handful of strokes gave eyes that were hardly there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from limner.models.components import DRAWING, WINDOWS, Window
from limner.pipelines.shadow import FloatImage, soft_mask

LINE, AROUND = 0.8, 4.5  # pixels of deviation: a line's, and of what it has to stand out from
FAINT, FULL = 0.06, 0.15  # how far a shadow stands out where a line begins to be one, and where it is all ink
FIRM = 1.5  # how much sooner a redrawing is whole than the shadow, from a window's border on


def as_lines(shadow: FloatImage) -> FloatImage:
    """A window's shadow (S, S) in [0, 1] as lines, ink in [0, 1]: what stands out from its surroundings."""
    outstanding = cv2.GaussianBlur(shadow, (0, 0), LINE) - cv2.GaussianBlur(shadow, (0, 0), AROUND)
    return np.asarray(((outstanding - FAINT) / (FULL - FAINT)).clip(0, 1), np.float32)


def _laid_out(made: Callable[[Window], FloatImage]) -> FloatImage:
    """What is made for each window but the remainder's, (S, S) in [0, 1], in its place: (256, 256), 0 elsewhere."""
    whole = np.zeros((DRAWING, DRAWING), np.float32)
    for window in WINDOWS[:-1]:
        where = window.slices(DRAWING)
        whole[where] = np.maximum(whole[where], made(window))
    return whole


@lru_cache(maxsize=1)
def redrawn_places() -> FloatImage:
    """(256, 256) in [0, 1]: 1 where eyes, nose and mouth are, 0 where the remainder is, smooth between."""
    return _laid_out(lambda window: (FIRM * soft_mask(window)).clip(max=1))


def redraw(shadows: Mapping[str, FloatImage]) -> FloatImage:
    """Ink (256, 256) in [0, 1] from shadows by part, (S, S) in [0, 1]; none outside of `redrawn_places`."""
    return _laid_out(lambda window: as_lines(shadows[window.name]))


def ink_by_share(share: torch.Tensor) -> torch.Tensor:
    """How strong lines are that have this share of the trust, both in [0, 1]: 2/3 at a half.

    Faint ink on blank paper changes a portrait more than what it loses between strong and half, so that it has to fade
    evenly; by the root of the share all of it would go in the last tenth of refine."""
    return 2 * share / (1 + share)


def with_redrawing(
    drawing: torch.Tensor, trust: torch.Tensor, shadows: Mapping[str, FloatImage]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The artist's lines and the redrawn ones in one drawing (1, 1, 256, 256), and how far it is to be trusted.

    drawing: (1, 1, 256, 256) ink in [0, 1]. trust: (1, 1, 64, 64) in [0, 1], in the artist's lines; what is left of it
    to 1 goes to the redrawn ones, and each kind has ink by its share (see `ink_by_share`). Where all is trusted, and
    outside of `redrawn_places`, both stay as they are."""
    redrawn, places = (torch.from_numpy(x)[None, None].to(drawing) for x in (redraw(shadows), redrawn_places()))
    own = F.interpolate(trust, size=DRAWING)  # (1, 1, 256, 256)
    other = (1 - own) * places
    share = own / (own + other).clamp(min=1e-6)
    share = torch.where(places > 0, share, 1)
    both = torch.maximum(ink_by_share(share) * drawing, ink_by_share(1 - share) * redrawn)
    return both, F.avg_pool2d(own + other, DRAWING // trust.shape[-1])
