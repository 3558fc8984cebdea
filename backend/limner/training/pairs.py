# SPDX-License-Identifier: Apache-2.0
"""Real drawings, warped onto the photos they were drawn from.

A drawing and its photo agree within a few percent only; the landmarks found on both tell by how much, everywhere.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from limner.training.faces import Face, decode

SIDE = 256


def registered_ink(drawing: np.ndarray, drawn: np.ndarray, photographed: np.ndarray) -> np.ndarray:
    """Ink (256, 256) float32 in [0, 1] of `drawing` (256, 256) gray uint8, moved onto the photo.

    drawn, photographed: landmarks (468, 2) in 0..1 on the drawing and on the photo. Away from the face the displacement
    fades into that of the nearest landmarks."""
    grid = np.stack(np.meshgrid(*2 * [(np.arange(32) + 0.5) / 32]), -1).reshape(-1, 2)  # (1024, 2) x, y
    squared = ((grid[:, None] - photographed[None, ::2]) ** 2).sum(-1)  # (1024, 234)
    weights = np.exp(-(squared - squared.min(1, keepdims=True)) / (2 * 0.035**2))
    shift = (weights @ (drawn - photographed)[::2]) / weights.sum(1, keepdims=True)
    field = cv2.resize(shift.reshape(32, 32, 2).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) * SIDE
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    moved = cv2.remap(drawing, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    low, paper = np.percentile(moved, (0.5, 85))
    return (1 - (moved - low) / max(paper - low, 1)).clip(0, 1).astype(np.float32)


def registered_drawings(faces: Sequence[Face], folder: Path, cache: Path) -> dict[str, np.ndarray]:
    """Ink (256, 256) uint8 of every drawing in `faces` by the file of its photo; computed once into `cache`."""
    by_file = {f.file: f for f in faces}
    drawings = [f for f in faces if f.is_sketch and f.pair in by_file]
    if not drawings:
        return {}
    if cache.exists():
        stored = np.load(cache, mmap_mode="r")
    else:
        inks = []
        for f in drawings:
            gray = cv2.cvtColor(decode(folder / f.file, SIDE), cv2.COLOR_RGB2GRAY)
            inks.append((registered_ink(gray, f.landmarks, by_file[f.pair].landmarks) * 255).astype(np.uint8))
        np.save(cache, np.stack(inks))
        stored = np.load(cache, mmap_mode="r")
    return {f.pair: ink for f, ink in zip(drawings, stored, strict=True)}
