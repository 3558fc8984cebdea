# SPDX-License-Identifier: Apache-2.0
"""sRGB, and the coarse color field that hint strokes give to the networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.imaging.frame import FaceFrame, extract

FloatImage = NDArray[np.float32]

HINTS_SIDE = 32


def srgb_to_linear(values: NDArray[Any]) -> FloatImage:
    """sRGB in [0, 1] -> linear light in [0, 1], any shape (IEC 61966-2-1)."""
    values = np.asarray(values, np.float32)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear_to_srgb(values: NDArray[Any]) -> FloatImage:
    """Linear light in [0, 1] -> sRGB in [0, 1], any shape (IEC 61966-2-1)."""
    values = np.asarray(values, np.float32).clip(0, 1)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055).astype(np.float32)


def to_unit_rgba(picture: NDArray[Any]) -> FloatImage:
    """(H, W[, C]) uint8, uint16 or float32, C = gray, gray + alpha, RGB, RGBA -> (H, W, 4) float32 in [0, 1]."""
    picture = np.asarray(picture)
    picture = picture[..., None] if picture.ndim == 2 else picture
    scale = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(picture.dtype, 1.0)
    unit = (picture.astype(np.float32) / np.float32(scale)).clip(0, 1)
    channels = unit.shape[2]
    if picture.ndim != 3 or channels not in (1, 2, 3, 4):
        raise ValueError(f"expected a picture with 1 to 4 channels, got shape {picture.shape}")
    rgba = np.ones((*unit.shape[:2], 4), np.float32)
    rgba[..., :3] = unit[..., :3] if channels >= 3 else unit[..., :1]
    if channels in (2, 4):
        rgba[..., 3] = unit[..., -1]
    return rgba


def on_white(picture: NDArray[Any]) -> FloatImage:
    """A picture as ``to_unit_rgba`` takes it, on white: (H, W, 3) float32 in [0, 1]."""
    rgba = to_unit_rgba(picture)
    return np.asarray(rgba[..., :3] * rgba[..., 3:] + (1 - rgba[..., 3:]), np.float32)


def hints_field(picture: NDArray[Any], frame: FaceFrame, side: int = HINTS_SIDE) -> FloatImage:
    """The color hints inside a frame: (4, side, side) float32, RGB in [-1, 1] and a mask in [0, 1].

    picture: the hint layer, (H, W, C) as for ``to_unit_rgba``, on the sketch's canvas. Each cell's color is the mean
    of its pixels weighted by alpha, in sRGB values as the networks use them; where nothing is painted the color is 0
    (middle gray) and the mask 0. The mask is the share of the cell that is painted. Outside the picture is unpainted.
    """
    rgba = to_unit_rgba(picture)
    rgba[..., :3] *= rgba[..., 3:]
    cells = extract(rgba, frame, side, fill=0.0)
    mask = cells[..., 3].clip(0, 1)
    painted = mask > 1 / 512
    color = np.where(painted[..., None], cells[..., :3] / np.maximum(mask, 1e-6)[..., None] * 2 - 1, 0).clip(-1, 1)
    field = np.concatenate([color, np.where(painted, mask, 0)[..., None]], axis=2)
    return np.ascontiguousarray(np.moveaxis(field, 2, 0), np.float32)
