# SPDX-License-Identifier: Apache-2.0
"""Photo to sketch."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]


def xdog(
    gray: NDArray[Any],
    *,
    sigma: float | None = None,
    k: float = 1.6,
    tau: float = 0.98,
    epsilon: float = 0.0,
    phi: float = 60.0,
) -> FloatImage:
    """Extended difference of Gaussians (Winnemoeller et al. 2012): (H, W) in [0, 1] -> (H, W) float32, 1 = paper.

    D = G(sigma) - tau * G(k * sigma); 1 where D > epsilon, else 1 + tanh(phi * (D - epsilon)). ``sigma`` is in pixels;
    None means one pixel at a shorter side of 512. Larger ``tau`` or ``epsilon``: more lines; larger ``phi``: harder.
    """
    image = np.asarray(gray, np.float32)
    if sigma is None:
        sigma = min(image.shape) / 512
    narrow = cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3))
    wide = cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3) * k)
    difference = narrow - tau * wide
    line = np.where(difference > epsilon, 1.0, 1.0 + np.tanh(phi * (difference - epsilon)))
    return np.asarray(line.clip(0, 1), np.float32)
