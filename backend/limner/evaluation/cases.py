# SPDX-License-Identifier: Apache-2.0
"""Held-out drawings with the photos they were drawn from: real pencil drawings, and lines of sharp photos."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from limner.imaging.styles import bare_lines
from limner.training.faces import STUDIO_SET, Face, decode, read_index
from limner.training.sketches import erase, warp

T = TypeVar("T")
SIDE = 256
GALLERY = 100  # photos, at least, among which a drawn one is looked for
REAL = {
    "feret": "FERET, pencil drawings (CUFSF)",
    "cuhk": "CUHK, pencil drawings (CUFS)",
    "ar": "AR, pencil drawings (CUFS)",
}


@dataclass(frozen=True)
class Case:
    """drawings (N, 256, 256) uint8, 255 = paper; photos (N, 256, 256, 3) uint8, in the same frame.

    strangers (M, 256, 256, 3) uint8: photos of others, among whom the drawn ones are looked for too."""

    name: str
    title: str
    drawings: np.ndarray
    photos: np.ndarray
    strangers: np.ndarray

    def changed(self, name: str, title: str, drawings: np.ndarray) -> "Case":
        """The same people in other drawings."""
        return replace(self, name=name, title=title, drawings=drawings)

    def some(self, most: int) -> "Case":
        """At most `most` of it, spread evenly; all photos stay to be looked among."""
        taken = np.array(spread(range(len(self.photos)), most))
        left = np.setdiff1d(np.arange(len(self.photos)), taken)
        strangers = np.concatenate([self.photos[left], self.strangers])
        return Case(f"{self.name}-{most}", self.title, self.drawings[taken], self.photos[taken], strangers)


def _load(data: Path, faces: Sequence[Face], side: int = SIDE) -> np.ndarray:
    return np.array([decode(data / face.file, side) for face in faces], np.uint8).reshape(-1, side, side, 3)


def real_drawings(data: Path, kind: str, most: int) -> Case | None:
    """The held-out drawings of one of `REAL`, at most `most`, spread over all of them; None where the data has none.

    Training photos of the same set are the strangers, as many as make a hundred to choose from."""
    faces = read_index(data)
    by_file = {face.file: face for face in faces}
    pairs = [
        (f, by_file[f.pair]) for f in faces if f.set == f"{kind}_sketch" and f.split == "val" and f.pair in by_file
    ]
    if not pairs:
        return None
    drawn, photographed = zip(*spread(pairs, most), strict=True)
    others = [f for f in faces if f.set == f"{kind}_photo" and f.split == "train"][: max(0, GALLERY - len(drawn))]
    drawings = _load(data, drawn).mean(3).round().astype(np.uint8)
    return Case(kind, REAL[kind], drawings, _load(data, photographed), _load(data, others))


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of `items`, spread evenly over them: neighbors are often of one day and one light."""
    return [items[i] for i in np.linspace(0, len(items) - 1, min(most, len(items))).astype(int)]


def sharp_photos(data: Path, most: int, side: int = SIDE) -> np.ndarray:
    """Held-out sharp photos (N, side, side, 3) uint8, at most `most`, spread over all sets; only those of at least
    that side."""
    faces = [f for f in read_index(data) if f.split == "val" and f.is_sharp and f.set != STUDIO_SET]
    return _load(data, spread([f for f in faces if f.size >= side], most), side)


def held_out_of(data: Path, name: str, most: int) -> np.ndarray:
    """Held-out photos (N, 256, 256, 3) uint8 of one set, at most `most`."""
    return _load(data, spread([f for f in read_index(data) if f.split == "val" and f.set == name], most))


def line_drawings(photos: np.ndarray) -> Case:
    """XDoG line drawings of photos, without hatching."""
    drawings = np.stack([bare_lines(photo) for photo in photos])
    return Case("lines", "Lines of sharp photos", drawings, photos, photos[:0])


def spoiled(case: Case) -> list[Case]:
    """`case` with 25, 50 and 75 % of its strokes erased, and bent by 4, 8 and 12 pixels of the 512 frame."""
    spoils = []
    for share in (0.25, 0.5, 0.75):
        inks = [erase(ink, share, np.random.default_rng((1, i))) for i, ink in enumerate(_inks(case))]
        spoils.append(case.changed(f"erased-{share:.0%}".rstrip("%"), f"{share:.0%} erased", _papers(inks)))
    for jitter in (4, 8, 12):
        inks = [warp(ink, jitter, np.random.default_rng((2, i))) for i, ink in enumerate(_inks(case))]
        spoils.append(case.changed(f"bent-{jitter}", f"bent by {jitter} px", _papers(inks)))
    return spoils


def _inks(case: Case) -> np.ndarray:
    return 1 - case.drawings.astype(np.float32) / 255


def _papers(inks: Sequence[np.ndarray]) -> np.ndarray:
    return ((1 - np.stack(inks)) * 255).round().astype(np.uint8)
