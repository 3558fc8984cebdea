# SPDX-License-Identifier: Apache-2.0
"""The connected parts of what is drawn."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def connected_parts(mask: NDArray[np.uint8]) -> tuple[int, NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The parts of (H, W) whose pixels touch, also at a corner: what `cv2.connectedComponentsWithStats` tells of them.

    By Grana's algorithm, because with the one that OpenCV takes by itself the figures take three times as long."""
    return cv2.connectedComponentsWithStatsWithAlgorithm(mask, 8, cv2.CV_32S, cv2.CCL_GRANA)
