# SPDX-License-Identifier: Apache-2.0
"""Section of the report: whether portraits of people never seen are copies of training faces."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from limner.evaluation.cases import SIDE, Case, spread
from limner.evaluation.features import descriptors, embeddings
from limner.evaluation.lab import Lab
from limner.evaluation.metrics import distances, mean_of, share_of
from limner.evaluation.sections import Row, Section, Table, side_by_side
from limner.pipelines.defaults import REFINE
from limner.training.faces import Face, decode

CHUNK = 64
PER_PICTURE = (
    50  # training photos that are looked at, at most, for each picture of a case: all of them in large reports
)
SHOWN = 10
RARE = 0.05  # share of the held-out photos that lie nearer to a training face than what is called near
COLUMNS = ("nearest_effl", "nearest_dlib", "near_effl", "near_dlib")


@dataclass(frozen=True)
class TrainingFaces:
    """Training photos as two networks see them: `seen` (M, 1280) and `who` (M, 128)."""

    files: list[Path]
    seen: np.ndarray
    who: np.ndarray

    def nearest(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The distances (N,) of pictures (N, 256, 256, 3) uint8 from the nearest by both networks, and its rows."""
        by_look, by_face = distances(embeddings(pictures), self.seen), distances(descriptors(pictures), self.who)
        return by_look.min(1), by_face.min(1), by_look.argmin(1), by_face.argmin(1)


def training_faces(data: Path, photos: list[Face], cache: Path) -> TrainingFaces:
    """Looks at training photos once and keeps what was seen in `cache`; a thousand take about a minute."""
    files = [data / face.file for face in photos]
    sum_of_names = hashlib.sha256("\n".join(file.name for file in files).encode()).hexdigest()[:10]
    kept = cache / f"training-faces-{sum_of_names}.npz"
    if not kept.exists():
        seen, who = [], []
        for start in tqdm(range(0, len(files), CHUNK), desc="looking at the training photos", unit="chunk"):
            chunk = np.stack([decode(file, SIDE) for file in files[start : start + CHUNK]])
            seen.append(embeddings(chunk).astype(np.float16))
            who.append(descriptors(chunk))
        cache.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial.npz")
        np.savez(partial, seen=np.concatenate(seen), who=np.concatenate(who))
        partial.replace(kept)
    stored = np.load(kept)
    return TrainingFaces(files, stored["seen"].astype(np.float32), stored["who"])


def memory_section(lab: Lab) -> Section:
    """The nearest training faces of portraits, against those of the held-out photos that were drawn."""
    section = Section("memory", "Memorization: the nearest training faces")
    train = spread([face for face in lab.photos if face.split == "train"], PER_PICTURE * lab.settings.most)
    known = training_faces(lab.settings.data, train, lab.settings.out / "cache")
    for case in (lab.cases[0], lab.cases[-1]) if len(lab.cases) > 1 else lab.cases:
        section.tables.append(_table(lab, case, known, section))
    section.notes.append(
        f"Distances from the nearest of {len(known.files)} training photos, by EfficientNet-lite0's features and by "
        f"dlib's descriptor. Near: nearer than {1 - RARE:.0%} of the held-out photos are to theirs; portraits that "
        f"are copies of training faces would be near far more often than {RARE:.0%}."
    )
    return section


def _table(lab: Lab, case: Case, known: TrainingFaces, section: Section) -> Table:
    held_out = known.nearest(case.photos)
    limits = [float(np.quantile(values, RARE)) for values in held_out[:2]]
    rows, shown = [], []
    refines: tuple[float, ...] = (0.0, REFINE)
    makers: list[tuple[str, Callable[[], np.ndarray]]] = [("the held-out photos", lambda: case.photos)]
    makers += [(lab.ours(v).name, lambda v=v: lab.portraits(lab.ours(v), case)) for v in refines]  # type: ignore[misc]
    for label, make in makers:
        pictures = make()
        by_look, by_face, looks, faces = known.nearest(pictures)
        near = (share_of(by_look < limits[0]), share_of(by_face < limits[1]))
        rows.append(Row(label, dict(zip(COLUMNS, (mean_of(by_look), mean_of(by_face), *near), strict=True))))
        files = [[known.files[row] for row in found[:SHOWN]] for found in (looks, faces)]
        shown += [pictures[:SHOWN], *(np.stack([decode(file, SIDE) for file in line]) for line in files)]
    section.facts |= {f"{key}_{case.name}": rows[-1].numbers[key] for key in COLUMNS}
    name = f"memory-{case.name}"
    section.grids[name] = side_by_side(shown)
    note = "In the picture, in threes: the pictures of the row, the training photo nearest by look, and by face."
    return Table(name, case.title, COLUMNS, tuple(rows), note, name)
