# SPDX-License-Identifier: Apache-2.0
"""Face pictures for training: an index (`index.csv`, `landmarks.npz`) over aligned photos and drawings.

The pictures are decoded once into memory-mapped arrays, so that a set larger than memory streams from disk.
"""

import csv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

STUDIO_SET = "canada_512"  # free to be shown, so it is kept out of what is measured and of the sample sheets
SHARP_SETS = ("ffhq_512", "ffhq_256", "stylegan_512", "stylegan_256", "sd3_512", "photos_512", "photos_256", STUDIO_SET)
SKETCH_SETS = ("feret_sketch", "cuhk_sketch", "ar_sketch")


@dataclass(frozen=True)
class Face:
    """One picture of the index: `landmarks` (468, 2) are face-mesh points in 0..1 of the side."""

    file: str
    set: str
    split: str
    size: int
    source_px: int
    pair: str
    landmarks: np.ndarray

    @property
    def is_sketch(self) -> bool:
        return self.set in SKETCH_SETS

    @property
    def is_sharp(self) -> bool:
        return self.set in SHARP_SETS


def read_index(folder: Path) -> list[Face]:
    """All faces of `folder`, in the order of its index.csv.

    Raises FileNotFoundError where the folder has no index."""
    points = np.load(folder / "landmarks.npz")["points"].astype(np.float32)  # (rows, 468, 2) in 0..1
    with open(folder / "index.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [
        Face(r["file"], r["set"], r["split"], int(r["size"]), int(r["source_px"]), r["pair"], p)
        for r, p in zip(rows, points, strict=True)
    ]


class DataError(OSError):
    """The pictures do not suffice for what is to be trained; the message says what is missing."""


def large_photos(faces: Sequence[Face]) -> list[Face]:
    """The photos of at least 512 pixels, which detail is learned from. Raises DataError without one to train on."""
    large = [face for face in faces if not face.is_sketch and face.size >= 512]
    if not any(face.split == "train" for face in large):
        raise DataError("None of the training photos shows a face on 512 pixels or more: add larger photos")
    return large


def decode(path: Path, side: int) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise OSError(f"{path} is not a picture that OpenCV reads; fetch the data set again")
    if picture.shape[0] != side:
        shrink = picture.shape[0] > side
        picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC)
    return np.ascontiguousarray(picture[:, :, ::-1])


def cached_pictures(faces: Sequence[Face], folder: Path, cache: Path, side: int) -> np.ndarray:
    """Memory-mapped pictures (len(faces), side, side, 3) uint8 RGB; decoded once into `cache`."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    shape = (len(faces), side, side, 3)
    if cache.exists():
        pictures = np.load(cache, mmap_mode="r")
        if pictures.shape == shape:
            return pictures
    partial = cache.with_suffix(".partial.npy")
    out = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
    with ThreadPoolExecutor(2) as pool:
        decoded = pool.map(lambda face: decode(folder / face.file, side), faces)
        for i, picture in enumerate(tqdm(decoded, total=len(faces), desc=f"decoding {side} px", unit="picture")):
            out[i] = picture
    out.flush()
    partial.replace(cache)
    return np.load(cache, mmap_mode="r")
