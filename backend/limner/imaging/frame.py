# SPDX-License-Identifier: Apache-2.0
"""The face frame: the square of a picture that is mapped to the 512 x 512 canvas of the networks, and its inverse.

Coordinates are continuous: pixel (i, j) covers [i, i + 1) x [j, j + 1), so its center lies at (i + 0.5, j + 0.5), and
the picture spans [0, W] x [0, H]. In the canonical frame (the one of the training pictures) the eyes lie at (189, 242)
and (322, 242), the mouth at (256, 386) and the chin at y = 482 of 512.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.imaging.errors import FrameError

CANVAS = 512  # side of the canvas of the networks, in pixels
PAPER = 1.0
MIN_SIZE = 16.0  # a frame below this many pixels holds no face
MAX_RATIO = 16.0  # a frame may be this many times larger than the picture's longer side
_OVERSAMPLING = 8  # at most this many samples per output pixel and axis; larger steps shrink the picture first

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FaceFrame:
    """A square in picture pixels, which may lie partly outside the picture.

    ``x``, ``y``: left and top edge of the square before it is turned; ``size``: its side; all in pixels of the
    picture, continuous. ``angle``: degrees by which the square is turned about its center, clockwise as seen on the
    screen (y points down), in the picture: a head tilted clockwise by 10 degrees has ``angle=10``.
    """

    x: float
    y: float
    size: float
    angle: float = 0.0

    def __post_init__(self) -> None:
        values = (self.x, self.y, self.size, self.angle)
        if not all(math.isfinite(v) for v in values) or self.size <= 0:
            raise FrameError(
                "bad_parameter",
                f"The face frame {values} is not a square: four finite numbers, size above 0, are needed.",
                "Give the frame as X,Y,SIZE in pixels, or use auto.",
            )

    @property
    def center(self) -> tuple[float, float]:
        """Center of the square, in picture pixels."""
        return self.x + self.size / 2, self.y + self.size / 2

    def from_canvas_matrix(self, side: int = CANVAS) -> FloatArray:
        """(3, 3) float64: homogeneous canvas point (pixels of a ``side`` x ``side`` canvas) -> picture point."""
        scale, (cx, cy) = self.size / side, self.center
        a, b = scale * math.cos(math.radians(self.angle)), scale * math.sin(math.radians(self.angle))
        half = side / 2
        return np.array([[a, -b, cx - a * half + b * half], [b, a, cy - b * half - a * half], [0.0, 0.0, 1.0]])

    def to_canvas_matrix(self, side: int = CANVAS) -> FloatArray:
        """(3, 3) float64: the exact inverse of ``from_canvas_matrix``."""
        scale, (cx, cy) = side / self.size, self.center
        a, b = scale * math.cos(math.radians(self.angle)), scale * math.sin(math.radians(self.angle))
        half = side / 2
        return np.array([[a, b, half - a * cx - b * cy], [-b, a, half + b * cx - a * cy], [0.0, 0.0, 1.0]])

    def to_canvas(self, points: Any, side: int = CANVAS) -> FloatArray:
        """Points (..., 2) in picture pixels -> (..., 2) float64 in canvas pixels."""
        return _transform(self.to_canvas_matrix(side), points)

    def from_canvas(self, points: Any, side: int = CANVAS) -> FloatArray:
        """Points (..., 2) in canvas pixels -> (..., 2) float64 in picture pixels."""
        return _transform(self.from_canvas_matrix(side), points)

    def corners(self) -> FloatArray:
        """(4, 2) float64: the corners in picture pixels, from top left clockwise."""
        return self.from_canvas([(0, 0), (CANVAS, 0), (CANVAS, CANVAS), (0, CANVAS)])

    def as_dict(self) -> dict[str, float]:
        """JSON-able: {"x", "y", "size", "angle"} in picture pixels and degrees."""
        return {"x": self.x, "y": self.y, "size": self.size, "angle": self.angle}


def full_frame(height: int, width: int) -> FaceFrame:
    """The smallest centered square that holds the whole picture, so nothing is cut off (paper fills the rest)."""
    side = float(max(height, width))
    return FaceFrame((width - side) / 2, (height - side) / 2, side)


def extract(
    image: NDArray[Any], frame: FaceFrame, size: int = CANVAS, fill: float | Sequence[float] = PAPER
) -> NDArray[Any]:
    """Cut the frame out of a picture and bring it to ``size`` x ``size``.

    image: (H, W) or (H, W, C) uint8, uint16 or float32. Returns the same kind of array, (size, size[, C]).
    ``fill`` is the value outside the picture in the picture's own units (one number or one per channel).
    Shrinking averages over the area each output pixel covers; enlarging is bicubic, clipped to the input's range.
    Color with alpha must be premultiplied by the caller (see ``place``), for each channel is resampled by itself.
    """
    matrix = frame.from_canvas_matrix(size)
    return _resample(np.asarray(image), matrix, (size, size), frame.size / size, fill)


def place(image: NDArray[Any], frame: FaceFrame, out_shape: tuple[int, int]) -> NDArray[Any]:
    """Put a square picture back where its frame lies: the inverse of ``extract``.

    image: (S, S) or (S, S, C) uint8 or float32 (in [0, 1]), C in 1..4, straight alpha. Returns (*out_shape, 4) RGBA of
    the same dtype with straight alpha: 0 outside the frame, with anti-aliased edges, and no color bleeding in from
    outside. Only the frame's bounding box is computed.
    """
    height, width = out_shape
    rgba = _rgba(image)  # (S, S, 4) float32 in [0, 1]
    side = rgba.shape[0]
    scale = frame.size / side
    out = np.zeros((height, width, 4), image.dtype)
    corners = frame.corners()
    x0, y0 = np.clip(np.floor(corners.min(0)) - 1, 0, (width, height)).astype(int)
    x1, y1 = np.clip(np.ceil(corners.max(0)) + 1, 0, (width, height)).astype(int)
    if x1 <= x0 or y1 <= y0:
        return out
    shift = np.array([[1.0, 0.0, x0], [0.0, 1.0, y0], [0.0, 0.0, 1.0]])
    matrix = frame.to_canvas_matrix(side) @ shift
    premultiplied = np.concatenate([rgba[..., :3] * rgba[..., 3:], rgba[..., 3:]], axis=2)
    # The edge pixels go on outside, so that color does not fade at the border; coverage alone makes the edge.
    tile = _resample(premultiplied, matrix, (y1 - y0, x1 - x0), 1 / scale, None)
    coverage = _coverage(frame, (y0, y1, x0, x1))[..., None]
    alpha = tile[..., 3:]
    color = np.divide(tile[..., :3], alpha, out=np.zeros_like(tile[..., :3]), where=alpha > 1e-6)
    layer = np.concatenate([color.clip(0, 1), alpha * coverage], axis=2)
    out[y0:y1, x0:x1] = (layer * 255 + 0.5).astype(np.uint8) if image.dtype == np.uint8 else layer
    return out


def _transform(matrix: FloatArray, points: Any) -> FloatArray:
    return np.asarray(np.asarray(points, np.float64) @ matrix[:2, :2].T + matrix[:2, 2], np.float64)


def _resample(
    image: NDArray[Any],
    matrix: FloatArray,
    shape: tuple[int, int],
    step: float,
    fill: float | Sequence[float] | None,
) -> NDArray[Any]:
    """Sample ``image`` at ``matrix`` @ output point; ``step`` = source pixels per output pixel; no fill: repeat edge.

    For a step above 1 each output pixel is the mean of k x k bilinear samples that lie at most one source pixel
    apart, which is what an area average is, at any angle.
    """
    factor = max(1, math.ceil(step - 1e-9))
    if factor > _OVERSAMPLING:
        ratio = math.ceil(factor / _OVERSAMPLING)
        small = _block_mean(image, ratio)
        return _resample(small, np.diag([1 / ratio, 1 / ratio, 1.0]) @ matrix, shape, step / ratio, fill)
    height, width = shape
    inverse_map = matrix.copy()
    inverse_map[:2, :2] /= factor
    # From pixel indices to pixel indices: centers lie half a pixel inside, on both sides.
    inverse_map[:2, 2] += inverse_map[:2, :2] @ (0.5, 0.5) - 0.5
    border = cv2.BORDER_REPLICATE if fill is None else cv2.BORDER_CONSTANT
    value = 0.0 if fill is None else fill
    channels = 1 if image.ndim == 2 else image.shape[2]
    warped = cv2.warpAffine(
        np.ascontiguousarray(image),
        inverse_map[:2],
        (width * factor, height * factor),
        flags=(cv2.INTER_CUBIC if step < 1 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP,
        borderMode=border,
        borderValue=tuple(np.broadcast_to(np.asarray(value, np.float64), (channels,)).tolist()),
    )
    if factor > 1:
        warped = cv2.resize(warped, (width, height), interpolation=cv2.INTER_AREA)
    if step < 1 and image.size and image.dtype.kind == "f":
        warped = np.clip(warped, min(image.min(), np.min(value)), max(image.max(), np.max(value)))
    return warped if image.ndim == 2 else warped.reshape(height, width, channels)


def _block_mean(image: NDArray[Any], ratio: int) -> NDArray[Any]:
    pad = [(0, -image.shape[0] % ratio), (0, -image.shape[1] % ratio)] + [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image, pad, mode="edge")
    return cv2.resize(padded, (padded.shape[1] // ratio, padded.shape[0] // ratio), interpolation=cv2.INTER_AREA)


def _coverage(frame: FaceFrame, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """How much of each pixel of ``box`` (y0, y1, x0, x1) the square covers: (h, w) float32 in [0, 1]."""
    y0, y1, x0, x1 = box
    (cx, cy), half = frame.center, frame.size / 2
    cos, sin = math.cos(math.radians(frame.angle)), math.sin(math.radians(frame.angle))
    ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32) + 0.5
    along, across = (xs - cx) * cos + (ys - cy) * sin, (ys - cy) * cos - (xs - cx) * sin
    covered = [np.clip(half - np.abs(d) + 0.5, 0, 1) for d in (along, across)]
    return np.asarray(covered[0] * covered[1], np.float32)


def _rgba(image: NDArray[Any]) -> NDArray[np.float32]:
    """(S, S[, C]) uint8 or float32, C in 1..4 -> (S, S, 4) float32 in [0, 1], straight alpha."""
    unit = np.asarray(image, np.float32) / (255 if image.dtype == np.uint8 else 1)
    unit = unit[..., None] if unit.ndim == 2 else unit
    if unit.shape[0] != unit.shape[1] or unit.shape[2] not in (1, 2, 3, 4):
        raise ValueError(f"expected a square picture with 1 to 4 channels, got shape {image.shape}")
    gray, has_alpha = unit.shape[2] < 3, unit.shape[2] in (2, 4)
    color = np.repeat(unit[..., :1], 3, axis=2) if gray else unit[..., :3]
    alpha = unit[..., -1:] if has_alpha else np.ones_like(unit[..., :1])
    return np.asarray(np.concatenate([color, alpha], axis=2), np.float32)
