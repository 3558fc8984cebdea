# SPDX-License-Identifier: Apache-2.0
"""The shadow guide (DeepFaceDrawing, section 4.1): what the nearest faces would draw, softly, under the strokes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from limner.models.bank import CodeBank
from limner.models.components import CANVAS, DRAWING, WINDOWS, ComponentEmbedding, Window
from limner.models.feature_mapping import ORDER
from limner.models.manifold import Projection

FloatImage = NDArray[np.float32]

HEAVIEST = 0.5  # no neighbor alone makes more than half of the shadow
DRAWING_ALONG = 4  # neighbors, those of most weight: four fifths of it; the others only blur the lines
DAMPING = 0.2  # of what lies under a window, in its middle
FADE = 0.3  # share of a window over which its shadow fades at the border
TINT = (38, 34, 52)  # sRGB of the guide
_FRAYED = 3  # pixels of the drawing around the windows where the remainder knows of their emptiness
_REACH = 20.0  # pixels of the drawing over which the remainder goes on into them
_SMOOTH = 5  # pixels over which it is smoothed there


@torch.inference_mode()
def window_shadow(embedding: ComponentEmbedding, bank: CodeBank, part: str, projection: Projection) -> FloatImage:
    """(S, S) in [0, 1]: the nearest neighbors' decoded drawings, weighted; negative weights draw nothing."""
    weights, places = projection.weights[0].clamp(0, HEAVIEST).topk(min(DRAWING_ALONG, projection.weights.shape[1]))
    neighbors = bank.codes[part][projection.rows[0][places]]
    ink = embedding.decoders[part](neighbors).sigmoid()[:, 0]  # (k, S, S), all neighbors in one batch
    share = weights / weights.sum()  # the weights of a projection sum to one, so some are positive
    return np.asarray((ink * share[:, None, None]).sum(0).float().cpu().numpy(), np.float32)


def merge_shadows(shadows: Mapping[str, FloatImage]) -> NDArray[np.uint8]:
    """Shadows by part, (S, S) in [0, 1], as the guide's layer (512, 512, 4) uint8: a tint, its strength in the alpha.

    Each window fades towards its border and damps what lies under it to the same degree, so that no border shows."""
    whole = _without_holes(cv2.resize(shadows["remainder"], (DRAWING, DRAWING), interpolation=cv2.INTER_LINEAR))
    windows = {window.name: window for window in WINDOWS}
    for part in ORDER[1:]:
        where, soft = windows[part].slices(DRAWING), soft_mask(windows[part])
        whole[where] = whole[where] * (1 - (1 - DAMPING) * soft) + shadows[part] * soft
    strength = cv2.resize(whole, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    planes = [np.full((CANVAS, CANVAS), tone, np.uint8) for tone in TINT]
    return np.asarray(cv2.merge([*planes, cv2.convertScaleAbs(strength, alpha=255)]), np.uint8)


@lru_cache(maxsize=len(WINDOWS))
def soft_mask(window: Window) -> FloatImage:
    """(S, S) in [0, 1]: 1 in the middle of a window, 0 at its border, smooth between."""
    edge = np.arange(window.side) + 0.5
    ramp = (np.minimum(edge, window.side - edge) / (FADE * window.side)).clip(max=1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return np.asarray(np.outer(ramp, ramp), np.float32)


def _without_holes(remainder: NDArray[Any]) -> FloatImage:
    """The remainder's shadow (256, 256), which knows nothing of the windows, going on into them and fading there."""
    nearest, strength = _beyond()
    gone_on = cv2.blur(remainder.ravel()[nearest], (_SMOOTH, _SMOOTH)) * strength
    return np.asarray(np.where(strength < 1, gone_on, remainder), np.float32)


@lru_cache(maxsize=1)
def _beyond() -> tuple[NDArray[np.intp], FloatImage]:
    """For each pixel the nearest one that the remainder knows, and how much of it is seen there: (256, 256) each."""
    holes = np.zeros((DRAWING, DRAWING), np.uint8)
    for window in WINDOWS[:-1]:
        holes[window.slices(DRAWING)] = 1
    holes = np.asarray(cv2.dilate(holes, np.ones((2 * _FRAYED + 1, 2 * _FRAYED + 1), np.uint8)), np.uint8)
    distance, labels = cv2.distanceTransformWithLabels(holes, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    places = np.zeros(int(labels.max()) + 1, np.intp)
    known = np.flatnonzero(holes == 0)
    places[labels.ravel()[known]] = known
    ramp = (1 - distance / _REACH).clip(0, 1)
    return places[labels], np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)
