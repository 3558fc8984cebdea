# SPDX-License-Identifier: Apache-2.0
"""Plain folders of photos as training data: each face is aligned by its landmarks and written with an index.

The frame is that of the published sets (FFHQ's alignment, Karras et al. 2019, a little tighter): upright between eyes
and mouth, the square's side 1.9 times the larger of 2 eye distances and 1.8 eye-to-mouth distances, its center a tenth
of the eye-to-mouth vector below the eyes.
"""

import csv
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from limner.training.face_mesh import Detector, load_face_mesh, moved, view_of
from limner.training.faces import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
EYES = ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380))  # the eyes' points of the 68-point scheme
MOUTH = (61, 291)  # its corners
LARGE, SHARP, LEAST = 480, 220, 96  # pixels of a face's square: kept at 512, sharp at 256, used at all
HELD_OUT = 20  # one photo of so many
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 97, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


@dataclass
class Tally:
    """How many pictures of a folder became training faces, and why the others did not."""

    used: int = 0
    unreadable: int = 0
    without_face: int = 0
    too_small: int = 0

    def __str__(self) -> str:
        left = f"{self.unreadable} unreadable, {self.without_face} without a face, {self.too_small} too small"
        return f"{self.used} faces aligned; left out: {left}"


@dataclass(frozen=True)
class Aligned:
    """A face in the frame: `photo` (S, S, 3) uint8 RGB, `landmarks` (468, 2) in 0..1, `source` pixels of its square."""

    photo: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    source: int


def indexed(data: Path, cache: Path, load_detector: Callable[[], Detector] = load_face_mesh) -> Path:
    """A folder with an index: `data` itself where it has one, else its photos, aligned, below `cache`, made once.

    Raises DataError where there is no photo with a face, FetchError where the detector cannot be had."""
    if (data / "index.csv").exists():
        return data
    files = sorted(path for path in data.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(f"{data} has neither an index.csv nor photos ({', '.join(SUFFIXES)})")
    target = cache / f"aligned-{_fingerprint(files)}"
    if (target / "index.csv").exists():
        return target
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        tally = _align_all(files, data, partial, load_detector())
        print(f"{data}: {tally}")
        if not tally.used:
            raise DataError(f"{data} has no photo to train on: of {len(files)} pictures {tally}")
        if not target.exists():  # another process may have been faster
            partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _fingerprint(files: Sequence[Path]) -> str:
    """Ten hex digits that tell these files from others, and from what they were before a change."""
    known = [f"{path.resolve()} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:10]


def _align_all(files: Sequence[Path], data: Path, target: Path, detect: Detector) -> Tally:
    tally, rows, points = Tally(), list[dict[str, Any]](), list[NDArray[np.float32]]()
    for path in tqdm(files, desc="aligning photos", unit="photo"):
        face = _aligned(path, detect, tally)
        if face is None:
            continue
        side, name = len(face.photo), f"{len(rows):06d}.jpg"
        cv2.imwrite(str(target / name), face.photo[:, :, ::-1], QUALITY)
        kind = f"photos_{side}" if face.source >= SHARP else "photos_soft"
        row = {"file": name, "set": kind, "split": "train", "size": side, "source_px": face.source, "pair": ""}
        rows.append(row | {"original": path.relative_to(data).as_posix()})
        points.append(face.landmarks)
    tally.used = len(rows)
    if rows:
        _hold_out(rows)
        np.savez(target / "landmarks.npz", points=np.stack(points))
        with open(target / "index.csv", "w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    return tally


def _hold_out(rows: Sequence[dict[str, Any]]) -> None:
    """Marks about one row of `HELD_OUT` for validation, by a hash of the photo's file name; at least one of several."""
    numbers = [int(hashlib.sha256(Path(row["original"]).name.encode()).hexdigest(), 16) for row in rows]
    chosen = [i for i, number in enumerate(numbers) if number % HELD_OUT == 0]
    if not chosen and len(rows) > 1:
        chosen = [min(range(len(rows)), key=lambda i: numbers[i] % HELD_OUT)]
    for i in chosen:
        rows[i]["split"] = "val"


def _aligned(path: Path, detect: Detector, tally: Tally) -> Aligned | None:
    """The face of one picture; None, and counted, where there is none to use."""
    try:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error:  # larger than OpenCV reads
        picture = None
    if picture is None:
        tally.unreadable += 1
        return None
    photo = np.ascontiguousarray(picture[:, :, ::-1], np.uint8)
    points = detect(photo)
    if points is None:
        tally.without_face += 1
        return None
    face = align(photo, points)
    if face is None:
        tally.too_small += 1
    return face


def frame_of(points: NDArray[Any]) -> tuple[NDArray[np.float64], float]:
    """From pixels to the frame, (2, 3), where it is 0..1, and the side of its square in pixels; `points` (468, 2)."""
    left, right = (points[list(eye)].mean(0) for eye in EYES)
    eyes, mouth = (left + right) / 2, points[list(MOUTH)].mean(0)
    down, across = mouth - eyes, right - left
    side = 1.9 * max(2 * float(np.hypot(*across)), 1.8 * float(np.hypot(*down)))
    right_way = across + np.array([down[1], -down[0]])  # eyes and mouth vote for it
    x, y = right_way / np.hypot(*right_way) / side
    turn = np.array([(x, y), (-y, x)])
    return np.column_stack([turn, 0.5 - turn @ (eyes + 0.1 * down)]), side


def align(photo: NDArray[np.uint8], points: NDArray[Any]) -> Aligned | None:
    """The face of `photo` (H, W, 3) uint8 with landmarks `points` (468, 2) in pixels; None where it is too small."""
    to_frame, side = frame_of(points)
    if side < LEAST:
        return None
    pixels = 512 if side >= LARGE else 256
    aligned = view_of(photo, to_frame * pixels, pixels, cv2.BORDER_REFLECT_101)
    return Aligned(aligned, moved(to_frame, points).astype(np.float32), round(side))
