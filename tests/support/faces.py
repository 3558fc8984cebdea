# SPDX-License-Identifier: Apache-2.0
"""Crude faces, drawn by code, and a data set of them in the format of the index."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from limner.training.strokes import OVAL

SIDE = 256


def face_photo(shade: int = 0) -> np.ndarray:
    """A crude face with light, so that every sketch maker finds edges: (256, 256, 3) uint8."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    photo = np.full((SIDE, SIDE, 3), (70, 90 + shade, 120 - shade), np.uint8)
    cv2.ellipse(photo, (128, 140), (75 - shade, 100), 0, 0, 360, (215, 170, 145), -1, cv2.LINE_AA)
    for center in (95, 161):
        cv2.ellipse(photo, (center, 121), (15, 8), 0, 0, 360, (245, 245, 245), -1, cv2.LINE_AA)
        cv2.circle(photo, (center, 121), 6, (60, 40, 30), -1, cv2.LINE_AA)
    cv2.ellipse(photo, (128, 193), (26, 9), 0, 0, 360, (170, 70, 70), -1, cv2.LINE_AA)
    light = 1 - 0.3 * ((x - 90) ** 2 + (y - 90) ** 2) / 256**2
    return (photo * light[..., None]).clip(0, 255).astype(np.uint8)


def face_landmarks() -> np.ndarray:
    """468 points on an oval and inside it, the same every time, (468, 2) in 0..1."""
    points = 0.5 + 0.15 * np.random.default_rng(0).standard_normal((468, 2))
    angle = np.linspace(-np.pi / 2, 1.5 * np.pi, len(OVAL), endpoint=False)
    points[list(OVAL)] = np.stack([0.5 + 0.3 * np.cos(angle), 0.55 + 0.38 * np.sin(angle)], 1)
    return points.clip(0.05, 0.95).astype(np.float32)


def write_face_data(folder: Path) -> Path:
    """A folder as `limner train --data` takes it: eight photos, a drawing of one, two of the photos held out."""
    rows = []
    for i in range(8):
        kind = "ffhq_512" if i % 2 else "stylegan_256"
        rows.append((f"{i}.png", kind, "val" if i >= 6 else "train", 512 if i % 2 else 256, ""))
        picture = cv2.resize(face_photo(3 * i), (rows[-1][3],) * 2)
        cv2.imwrite(str(folder / rows[-1][0]), picture[:, :, ::-1])
    rows.append(("drawn.png", "feret_sketch", "train", 256, "0.png"))
    cv2.imwrite(str(folder / "drawn.png"), 255 - cv2.Canny(face_photo(), 50, 120))
    with open(folder / "index.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "set", "split", "size", "source_px", "pair"))
        writer.writerows((file, kind, split, size, size, pair) for file, kind, split, size, pair in rows)
    np.savez(folder / "landmarks.npz", points=np.stack([face_landmarks()] * len(rows)))
    return folder
