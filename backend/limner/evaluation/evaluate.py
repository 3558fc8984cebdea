# SPDX-License-Identifier: Apache-2.0
"""Measures Limner on held-out drawings, beside baselines: the numbers and picture grids of the report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from limner.evaluation.candidates import Candidate, MeanFace, NearestPhoto, Portraits, TheDrawing
from limner.evaluation.cases import REAL, Case, line_drawings, real_drawings, sharp_photos, spoiled
from limner.evaluation.features import descriptor, efficientnet, in_chunks
from limner.evaluation.framing import eye_error
from limner.evaluation.metrics import (
    Estimate,
    bootstrap,
    edge_f1,
    edges_of,
    kernel_distance,
    mean_of,
    psnr,
    rank_one,
    ssim,
)
from limner.models.codec import Codec, half, to_pixels
from limner.models.registry import load_networks
from limner.pipelines.engine import Engine
from limner.training.codec import to_tensor
from limner.training.faces import decode, read_index

REFINES = (0.3, 0.0, 1.0)  # the default, all plausible, all literal: the last one is "without manifold projection"
SHOWN = 10  # faces in a grid
LEAST_PHOTOS = 8  # that can be halved


@dataclass(frozen=True)
class Row:
    """One candidate on one case."""

    case: str
    candidate: str
    numbers: dict[str, Estimate]


@dataclass
class Report:
    """rows: every candidate on every case; facts: single numbers; grids: pictures (H, W, 3) uint8 by case."""

    rows: list[Row] = field(default_factory=list)
    facts: dict[str, Estimate] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    grids: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        rows = [
            {"case": r.case, "candidate": r.candidate, **{k: v.as_dict() for k, v in r.numbers.items()}}
            for r in self.rows
        ]
        return {"rows": rows, "facts": {k: v.as_dict() for k, v in self.facts.items()}, "weights": self.weights}


def evaluate(data: Path, weights: Path, most: int) -> Report:
    """Measures the networks in `weights` on the held-out pictures of `data`, at most `most` of each case.

    Raises FileNotFoundError without an index, WeightsError without weights, FetchError without the feature networks."""
    networks = load_networks(weights, torch.device("cpu"))
    engine, report = Engine(networks), Report()
    photos = [f for f in read_index(data) if not f.is_sketch]
    sharp = sharp_photos(data, most)
    mean = np.mean([decode(data / f.file, 256) for f in photos if f.split == "train"][::10], axis=0)
    ours = [Portraits(engine, refine) for refine in REFINES]
    baselines: list[Candidate] = [
        MeanFace(mean.round().astype(np.uint8)),
        NearestPhoto(networks, data, photos),
        TheDrawing(),
    ]
    for case in [*(real_drawings(data, kind, most) for kind in REAL), line_drawings(sharp)]:
        if case is not None:
            _compare(report, case, [*ours, *baselines])
            report.facts[f"eye_error_{case.name}"] = eye_error(networks.frame_finder, case)
    for case in spoiled(line_drawings(sharp[:: max(1, len(sharp) // 30)])):
        _compare(report, case, ours[:1], grid=False)
    report.facts["codec_psnr_sharp"] = psnr(reconstructed(networks.codec, sharp), sharp)
    report.weights = engine.weights()
    return report


@dataclass(frozen=True)
class Reference:
    """A case with what all candidates are measured against: descriptors and features of its photos, edges drawn."""

    case: Case
    descriptors: np.ndarray
    features: np.ndarray
    edges: np.ndarray

    @classmethod
    def of(cls, case: Case) -> "Reference":
        """Looks at the photos and drawings of a case."""
        seen = in_chunks(descriptor, case.photos), in_chunks(efficientnet, case.photos)
        return cls(case, *seen, edges_of(case.drawings))


def _compare(report: Report, case: Case, candidates: Sequence[Candidate], grid: bool = True) -> None:
    report.titles[case.name] = case.title
    reference = Reference.of(case)
    if grid and len(case.photos) >= LEAST_PHOTOS:
        report.rows.append(Row(case.name, "other photos of the set", {"kd": _real_against_real(reference.features)}))
    shown = [np.repeat(case.drawings[:SHOWN, ..., None], 3, 3)]
    for candidate in candidates:
        portraits = candidate.portraits(case)
        report.rows.append(Row(case.name, candidate.name, measure(portraits, reference)))
        shown.append(portraits[:SHOWN])
    if grid:
        report.grids[case.name] = np.concatenate(
            [np.concatenate(list(line), 1) for line in [*shown, case.photos[:SHOWN]]]
        )


def measure(portraits: np.ndarray, reference: Reference) -> dict[str, Estimate]:
    """All metrics of portraits (N, 256, 256, 3) uint8 against the photos and drawings of a case."""
    ours, theirs, photos = in_chunks(descriptor, portraits), reference.descriptors, reference.case.photos
    pairs = zip(reference.edges, edges_of(portraits), strict=True)
    return {
        "kd": kernel_distance(in_chunks(efficientnet, portraits), reference.features),
        "rank1": rank_one(ours, theirs),
        "distance": mean_of(np.linalg.norm(ours - theirs, axis=1)),
        "edge_f1": mean_of(np.array([edge_f1(drawn, found) for drawn, found in pairs])),
        "psnr": psnr(portraits, photos),
        "ssim": ssim(portraits, photos),
    }


def _real_against_real(features: np.ndarray) -> Estimate:
    """The kernel distance of two halves of the photos, by features (N, D): nothing gets below it but by chance."""

    def halves(seed: int) -> float:
        order = np.random.default_rng(seed).permutation(len(features))
        middle = len(order) // 2
        return kernel_distance(features[order[:middle]], features[order[middle:]], resamples=1).value

    values = np.array([halves(seed) for seed in range(20)])
    return bootstrap(len(values), lambda rows: float(values[rows].mean()))


@torch.inference_mode()
def reconstructed(codec: Codec, photos: np.ndarray) -> np.ndarray:
    """Photos (N, 256, 256, 3) uint8 through the codec, at their own size."""
    outputs = [to_pixels(half(codec(batch))) for batch in to_tensor(photos).split(8)]
    return np.concatenate(outputs)
