# SPDX-License-Identifier: Apache-2.0
"""Pictures drawn by code for the imaging tests."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]


def face_lines(width: float, side: int = 512) -> FloatImage:
    """A face in the canonical frame drawn with one pen: (side, side) in [0, 1], 1 = paper; width in pixels at 512."""
    factor = 4
    unit = side * factor / 512
    ink = np.zeros((side * factor, side * factor), np.uint8)
    pen = max(1, round(width * unit))

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * unit), round(y * unit)

    cv2.ellipse(ink, at(256, 290), at(150, 192), 0, 0, 360, 255, pen, cv2.LINE_AA)
    for x in (189, 322):
        cv2.ellipse(ink, at(x, 242), at(38, 17), 0, 0, 360, 255, pen, cv2.LINE_AA)
        cv2.ellipse(ink, at(x, 216), at(45, 18), 0, 200, 340, 255, pen, cv2.LINE_AA)
        cv2.circle(ink, at(x, 242), round(6 * unit), 255, -1, cv2.LINE_AA)
    nose = [at(250, 240), at(234, 320), at(256, 337), at(280, 322)]
    cv2.polylines(ink, [np.array(nose, np.int32)], False, 255, pen, cv2.LINE_AA)
    cv2.line(ink, at(200, 386), at(312, 386), 255, pen, cv2.LINE_AA)
    cv2.ellipse(ink, at(256, 388), at(56, 26), 0, 0, 180, 255, pen, cv2.LINE_AA)
    for x in range(110, 420, 38):
        cv2.line(ink, at(x, 30), at(x - 8, 130), 255, pen, cv2.LINE_AA)
    small = cv2.resize(ink, (side, side), interpolation=cv2.INTER_AREA)
    return (1 - small.astype(np.float32) / 255).astype(np.float32)


def shaded_face(seed: int = 0, side: int = 512) -> FloatImage:
    """The face with pencil shading: grain under soft tones. (side, side) in [0, 1], 1 = paper."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    tone = 0.75 * np.exp(-(((x - 0.5) / 0.33) ** 4) - ((y - 0.5) / 0.42) ** 4) * (0.45 + 0.55 * np.abs(x - 0.5) / 0.33)
    hair = ((y < 0.2) & (np.abs(x - 0.5) < 0.36)).astype(np.float32) * 0.8
    grain = cv2.GaussianBlur(noise.normal(0, 1, (side, side)).astype(np.float32), (0, 0), 0.9)
    pencil = np.maximum(tone, hair) * (1 + 1.1 * grain)
    return np.minimum(face_lines(2.5, side), 1 - pencil.clip(0, 1)).astype(np.float32)


def photo_like(seed: int = 0, side: int = 256) -> NDArray[np.uint8]:
    """A smooth colored portrait before a colored backdrop, as a camera sees it: (side, side, 3) uint8."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side

    def blob(cx: float, cy: float, rx: float, ry: float, soft: float = 0.04) -> FloatImage:
        distance = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)
        return (1 / (1 + np.exp(((distance - 1) / soft).clip(-50, 50)))).astype(np.float32)

    picture = np.empty((side, side, 3), np.float32)
    picture[:] = np.array([0.30, 0.42, 0.55], np.float32) * (0.7 + 0.5 * x[..., None])
    layers = [
        (blob(0.5, 0.42, 0.36, 0.42), (0.16, 0.10, 0.07)),
        (blob(0.5, 0.56, 0.29, 0.38), (0.82, 0.62, 0.52)),
        (blob(0.37, 0.47, 0.06, 0.025), (0.12, 0.10, 0.10)),
        (blob(0.63, 0.47, 0.06, 0.025), (0.12, 0.10, 0.10)),
        (blob(0.5, 0.755, 0.11, 0.03), (0.62, 0.30, 0.30)),
        (blob(0.5, 1.1, 0.5, 0.18), (0.25, 0.12, 0.20)),
    ]
    for mask, color in layers:
        picture += mask[..., None] * (np.array(color, np.float32) - picture)
    picture *= (1.12 - 0.5 * np.abs(x - 0.42))[..., None]
    picture = cv2.GaussianBlur(picture, (0, 0), 1.0) + noise.normal(0, 0.006, picture.shape).astype(np.float32)
    return (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def on_paper(gray: FloatImage, ink: tuple[float, float, float], paper: tuple[float, float, float]) -> FloatImage:
    """A drawing in an ink color on a paper color: (H, W) -> (H, W, 3) float32."""
    tones = gray[..., None]
    return (np.array(paper, np.float32) * tones + np.array(ink, np.float32) * (1 - tones)).astype(np.float32)


def on_transparency(gray: FloatImage, ink: tuple[float, float, float]) -> FloatImage:
    """A drawing's strokes alone: (H, W) -> (H, W, 4) float32, straight alpha."""
    color = np.broadcast_to(np.array(ink, np.float32), (*gray.shape, 3))
    return np.concatenate([color, 1 - gray[..., None]], axis=2).astype(np.float32)
