# SPDX-License-Identifier: Apache-2.0
"""Section of the report: what the codec keeps of a photo, and what its 512 pixels are worth."""

from functools import partial

import cv2
import numpy as np
import torch

from limner.evaluation.cases import sharp_photos
from limner.evaluation.features import embeddings
from limner.evaluation.lab import Lab
from limner.evaluation.metrics import Estimate, bootstrap, kernel_distance, likeness, mean_of, psnrs, ssims
from limner.evaluation.sections import Row, Section, Table
from limner.models.codec import Codec, half, to_pixels
from limner.training.codec import to_tensor

MOST = 60  # photos of 512 pixels
SHOWN = 6
CROP = slice(176, 336)  # of a 512-pixel portrait: the eyes and the nose
MIDDLE = slice(128, 384)  # what the kernel distance looks at, so that every one of the 512 pixels counts
CELLS = (4, 16)  # pixels at 512 that the last shuffle makes at once, and that one cell of a latent becomes
COLUMNS = ("kd", "psnr", "ssim", "detail", *(f"grid{cell}" for cell in CELLS))


@torch.inference_mode()
def reconstructed(codec: Codec, photos: np.ndarray) -> np.ndarray:
    """Photos (N, 256, 256, 3) uint8 through the codec, (N, 512, 512, 3) uint8."""
    return np.concatenate([to_pixels(codec(part)) for part in to_tensor(photos).split(8)])


def halved(pictures: np.ndarray) -> np.ndarray:
    """(N, 2S, 2S, 3) uint8 -> (N, S, S, 3) uint8 by area averaging."""
    return to_pixels(half(to_tensor(pictures)))


def enlarged(pictures: np.ndarray, side: int) -> np.ndarray:
    """Bicubic enlargement, (N, S, S, 3) uint8 -> (N, side, side, 3) uint8."""
    return np.stack([cv2.resize(p, (side, side), interpolation=cv2.INTER_CUBIC) for p in pictures])


def detail(pictures: np.ndarray) -> np.ndarray:
    """Root mean square, in gray levels, of what pictures (N, 2S, 2S, 3) uint8 have beyond half their side, (N,)."""
    lost = pictures.astype(np.float32) - enlarged(halved(pictures), pictures.shape[1])
    return np.sqrt((lost**2).mean((1, 2, 3)))


def steps_by_line(pictures: np.ndarray, cell: int) -> np.ndarray:
    """The mean absolute step from line to line of pictures (N, H, W, 3) uint8, rows and columns alike, by the line's
    place in cells of `cell` pixels: (N, cell)."""
    gray = pictures.astype(np.float32).mean(3)
    steps = [np.abs(np.diff(gray, axis=axis)).mean(3 - axis) for axis in (1, 2)]  # (N, W - 1) each
    whole = steps[0].shape[1] // cell * cell
    return np.mean([step[:, :whole].reshape(len(step), -1, cell).mean(1) for step in steps], 0)


def _steepest(by_line: np.ndarray, rows: np.ndarray) -> float:
    lines = by_line[rows].mean(0)
    return float(lines.max() / max(lines.mean(), 1e-9) - 1)


def grid_strength(pictures: np.ndarray, cell: int) -> Estimate:
    """How much steeper the steepest line of cells is than the mean one: 0 without a grid, but for chance."""
    return bootstrap(len(pictures), partial(_steepest, steps_by_line(pictures, cell)))


def grid_beyond(pictures: np.ndarray, photos: np.ndarray) -> Estimate:
    """By how much `grid_strength` is above that of the photos of the same faces, for the worse of both cells."""
    lines = [(steps_by_line(pictures, cell), steps_by_line(photos, cell)) for cell in CELLS]
    return bootstrap(len(photos), lambda rows: max(_steepest(a, rows) - _steepest(b, rows) for a, b in lines))


def reconstruction_section(lab: Lab) -> Section:
    """Reconstructions of all sharp photos at 256, and of those of 512 pixels against bicubic enlargement."""
    section = Section("reconstruction", "The codec: photos there and back")
    every = sharp_photos(lab.settings.data, max(lab.settings.most, 120))
    numbers = likeness(halved(reconstructed(lab.networks.codec, every)), every)
    section.tables.append(
        Table("codec-256", "At 256 pixels", tuple(numbers), (Row("sharp photos", numbers),), f"{len(every)} photos.")
    )
    section.facts["codec_psnr"] = numbers["psnr"]
    photos = sharp_photos(lab.settings.data, MOST, side=512)
    if len(photos) > 1:
        section.tables.append(_at_512(lab.networks.codec, photos, section))
    return section


def _at_512(codec: Codec, photos: np.ndarray, section: Section) -> Table:
    decoded = reconstructed(codec, halved(photos))
    ways = {"the codec": decoded, "its 256 pixels, bicubic": enlarged(halved(decoded), 512), "the photos": photos}
    seen = embeddings(photos[:, MIDDLE, MIDDLE])
    rows = [Row(label, _looked_at(pictures, photos, seen)) for label, pictures in ways.items()]
    section.facts["sharper_than_bicubic"] = rows[1].numbers["kd"].over(rows[0].numbers["kd"])
    section.facts["grid"] = grid_beyond(decoded, photos)
    crops = [np.concatenate(list(pictures[:SHOWN, CROP, CROP]), 1) for pictures in ways.values()]
    section.grids["codec-512"] = np.concatenate(crops).repeat(2, 0).repeat(2, 1)
    note = f"{len(photos)} photos, encoded at 256; KD of the middle 256 pixels. In the picture, enlarged: the rows."
    return Table("codec-512", "At 512 pixels", COLUMNS, tuple(rows), note, "codec-512")


def _looked_at(pictures: np.ndarray, photos: np.ndarray, seen: np.ndarray) -> dict[str, Estimate]:
    near: dict[str, Estimate] = {}
    if pictures is not photos:
        kd = kernel_distance(embeddings(pictures[:, MIDDLE, MIDDLE]), seen)
        near = {"kd": kd, "psnr": mean_of(psnrs(pictures, photos)), "ssim": mean_of(ssims(pictures, photos))}
    grids = {f"grid{cell}": grid_strength(pictures, cell) for cell in CELLS}
    return {**near, "detail": mean_of(detail(pictures)), **grids}
