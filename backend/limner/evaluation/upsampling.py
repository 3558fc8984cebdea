# SPDX-License-Identifier: Apache-2.0
"""Section of the report: PULSE on held-out faces made small, also noisy and damaged ones.

A search takes seconds; every one that is done is kept on disk, so that an interrupted report goes on where it stopped.
"""

import hashlib
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from limner.evaluation.candidates import halved
from limner.evaluation.cases import SIDE
from limner.evaluation.features import descriptors, embeddings
from limner.evaluation.lab import Lab
from limner.evaluation.metrics import Estimate, apart, kernel_distance, mean_of, psnrs, share_of
from limner.evaluation.sections import Row, Section, Table, side_by_side
from limner.models.pulse import resized
from limner.models.registry import OPTIONAL
from limner.pipelines.base import Request
from limner.pipelines.defaults import CANDIDATES as CANDIDATES_BY_DEFAULT
from limner.pipelines.defaults import EPS
from limner.pipelines.engine import Engine

CANDIDATES = 2  # of each face
TIMED = 2  # faces that time is taken on, with as many candidates as the command gives
DAMAGED = 10  # noisy and JPEG-damaged faces
NOISE = 10  # gray levels
QUALITY = 30  # of JPEG
SEED_DIGITS = 7  # of a small picture's checksum that make its seed
SHOWN = 10
COLUMNS = ("reached", "residual", "kd", "differ_effl", "differ_dlib", "psnr")


def small_copies(photos: np.ndarray, side: int) -> np.ndarray:
    """(N, 256, 256, 3) uint8 -> (N, side, side, 3) uint8 by the bicubic down-scaling of the search."""
    planes = torch.from_numpy(photos.astype(np.float32) / 255).permute(0, 3, 1, 2)
    small = resized(planes, side).clamp(0, 1).mul(255).round().byte()
    return small.permute(0, 2, 3, 1).contiguous().numpy()


def noisy(small: np.ndarray) -> np.ndarray:
    """Small pictures (N, S, S, 3) uint8 with Gaussian noise."""
    grain = np.random.default_rng(0).normal(0, NOISE, small.shape)
    return (small + grain).round().clip(0, 255).astype(np.uint8)


def through_jpeg(small: np.ndarray) -> np.ndarray:
    """Small pictures (N, S, S, 3) uint8 written as JPEG and read again."""
    return np.stack([_through_jpeg(picture) for picture in small])


def _through_jpeg(picture: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=QUALITY)
    return np.asarray(Image.open(stream))


def bicubic(small: np.ndarray) -> np.ndarray:
    """Small pictures (N, S, S, 3) uint8 enlarged to 256 pixels."""
    return np.stack([cv2.resize(p, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for p in small])


@dataclass(frozen=True)
class Searched:
    """What was found for N small pictures: candidates (N, C, 256, 256, 3) uint8, the best first, and their residuals
    (N, C); seconds (N,)."""

    candidates: np.ndarray
    residuals: np.ndarray
    seconds: np.ndarray


@dataclass(frozen=True)
class Searcher:
    """Runs `limner upsample`'s pipeline; what was found before in `folder` is not searched for again."""

    engine: Engine
    folder: Path

    def search(self, name: str, small: np.ndarray, candidates: int, size: int = 0) -> Searched:
        """name: of this kind of input, for the files and the progress bar; size: the side it is matched at.

        Each face has a seed of its own: with one for all, the noise that they share would count as a distance from the
        photos, which share none."""
        found = []
        for picture in tqdm(small, desc=f"upsample {name}", unit="face"):
            digest = hashlib.sha256(picture.tobytes()).hexdigest()
            kept = self.folder / f"{name}-{candidates}" / f"{digest[:16]}.npz"
            if not kept.exists():
                given = {"candidates": candidates, "size": size, "seed": int(digest[:SEED_DIGITS], 16)}
                self._search_one(picture, given, kept)
            with np.load(kept) as stored:
                found.append((stored["candidates"], stored["residuals"], stored["seconds"]))
        return Searched(*(np.stack(parts) for parts in zip(*found, strict=True)))

    def _search_one(self, picture: np.ndarray, given: Mapping[str, int], kept: Path) -> None:
        params = self.engine.schema()["upsample"].validate({**given, "frame": "full", "eps": EPS})
        started = time.perf_counter()
        outcome = self.engine.run(Request("upsample", {"photo": picture}, params), _no_progress)
        seconds = time.perf_counter() - started
        pictures = [halved(outcome.images[f"candidate-{place}"]) for place in range(1, given["candidates"] + 1)]
        residuals = [candidate["residual"] for candidate in outcome.info["candidates"]]
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial.npz")
        np.savez(partial, candidates=np.stack(pictures), residuals=np.array(residuals), seconds=np.array(seconds))
        partial.replace(kept)


def _no_progress(stage: str, fraction: float, preview: np.ndarray | None = None) -> None:
    """The bar counts faces."""


def upsampling_section(lab: Lab) -> Section:
    """Faces of 16x16 and 32x32 pixels, as they are and damaged."""
    section = Section("upsampling", "PULSE: small faces to portraits")
    faces = np.linspace(0, len(lab.sharp) - 1, min(lab.settings.faces, len(lab.sharp))).astype(int)
    photos = lab.sharp[faces]
    searcher = Searcher(lab.engine, lab.settings.out / "upsampling" / _name_of(lab.engine.weights()))
    seen, who = embeddings(photos), descriptors(photos)
    apart_from = {"differ_effl": mean_of(apart(seen)), "differ_dlib": mean_of(apart(who))}
    people = Row("the photos, of different people", apart_from)
    for side in (16, 32):
        small = small_copies(photos, side)
        found = searcher.search(f"{side}px", small, CANDIDATES)
        rows = [_ours(f"{side}x{side}", found, photos, seen), _bicubic(side, small, photos, seen), people]
        grid = f"upsampling-{side}"
        shown = [bicubic(small[:SHOWN]), *(found.candidates[:SHOWN, c] for c in range(CANDIDATES)), photos[:SHOWN]]
        section.grids[grid] = side_by_side(shown)
        note = (
            f"{len(photos)} faces, {CANDIDATES} candidates each. Reached: the best one's mean square is below {EPS:g}. "
            "In the picture: the input enlarged, the candidates, the photo, which the search never saw."
        )
        section.tables.append(Table(grid, f"From {side}x{side} pixels", COLUMNS, tuple(rows), note, grid))
        _facts(section, side, rows)
    section.tables.append(_damaged(searcher, photos[:DAMAGED], section))
    timed = searcher.search("timed", small_copies(photos[:TIMED], 16), CANDIDATES_BY_DEFAULT)
    section.facts["upsampling_seconds"] = mean_of(timed.seconds)
    return section


def _name_of(weights: Mapping[str, str]) -> str:
    """A folder's name for what was searched with these weights (sha256 by file)."""
    used = sorted(sum_ for file, sum_ in weights.items() if Path(file).stem not in OPTIONAL)
    return hashlib.sha256("".join(used).encode()).hexdigest()[:10]


def _ours(label: str, found: Searched, photos: np.ndarray, seen: np.ndarray) -> Row:
    best = found.candidates[:, 0]
    numbers = {
        "reached": share_of(found.residuals.min(1) <= EPS),
        "residual": mean_of(found.residuals.min(1)),
        "kd": kernel_distance(embeddings(best), seen),
        "psnr": mean_of(psnrs(best, photos)),
    }
    return Row(f"Limner, {label}", {**numbers, **_spread_of(found.candidates)})


def _bicubic(side: int, small: np.ndarray, photos: np.ndarray, seen: np.ndarray) -> Row:
    enlarged = bicubic(small)
    kd, near = kernel_distance(embeddings(enlarged), seen), mean_of(psnrs(enlarged, photos))
    return Row(f"bicubic enlargement of {side}x{side}", {"kd": kd, "psnr": near})


def _spread_of(candidates: np.ndarray) -> dict[str, Estimate]:
    """How much the candidates (N, C, 256, 256, 3) of one face differ, by look and by descriptor."""
    measures: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {"effl": embeddings, "dlib": descriptors}
    return {
        f"differ_{name}": mean_of(np.array([apart(look(each)).mean() for each in candidates]))
        for name, look in measures.items()
    }


def _facts(section: Section, side: int, rows: Sequence[Row]) -> None:
    ours, plain, people = (row.numbers for row in rows)
    section.facts[f"upsampling_reached_{side}"] = ours["reached"]
    section.facts[f"upsampling_kd_gain_{side}"] = plain["kd"].over(ours["kd"])
    section.facts[f"upsampling_differ_{side}"] = ours["differ_dlib"].over(people["differ_dlib"])


def _damaged(searcher: Searcher, photos: np.ndarray, section: Section) -> Table:
    small, larger = small_copies(photos, 32), small_copies(photos, 64)
    inputs = {"noisy": (noisy(small), 16), "jpeg": (through_jpeg(larger), 16)}
    titles = {"noisy": f"32x32, noise of {NOISE} gray levels", "jpeg": f"64x64, JPEG of quality {QUALITY}"}
    rows, shown = [], []
    seen = embeddings(photos)
    for name, (given, size) in inputs.items():
        found = searcher.search(name, given, 1, size)
        best = found.candidates[:, 0]
        numbers = {"reached": share_of(found.residuals[:, 0] <= EPS), "residual": mean_of(found.residuals[:, 0])}
        near = {"psnr": mean_of(psnrs(best, photos)), "kd": kernel_distance(embeddings(best), seen)}
        rows.append(Row(f"{titles[name]}, matched at {size}", {**numbers, **near}))
        shown += [bicubic(given[:SHOWN]), best[:SHOWN]]
    section.grids["upsampling-damaged"] = side_by_side([*shown, photos[:SHOWN]])
    note = "In the picture: each input enlarged and its portrait; at the bottom the photos."
    columns = ("reached", "residual", "kd", "psnr")
    return Table("upsampling-damaged", "Damaged inputs", columns, tuple(rows), note, "upsampling-damaged")
