# SPDX-License-Identifier: Apache-2.0
"""Sections of the report: portraits of held-out drawings beside baselines, and of drawings that were spoiled."""

from collections.abc import Sequence

import numpy as np

from limner.evaluation.baselines import NearestPhoto, Pix2PixPortraits, TheDrawing, trained_minutes
from limner.evaluation.candidates import Candidate, Portraits
from limner.evaluation.cases import Case, line_drawings, spoiled
from limner.evaluation.features import descriptors, embeddings
from limner.evaluation.framing import eye_error
from limner.evaluation.lab import Lab, Reference
from limner.evaluation.metrics import (
    Estimate,
    bootstrap,
    edge_f1,
    edges_of,
    kernel_distance,
    mean_of,
    psnrs,
    rank_one,
    ssims,
)
from limner.evaluation.sections import Row, Section, Table, side_by_side

REFINES = (0.0, 1.0)  # beside the default: all plausible, and all literal, which is without manifold projection
SWEEP = (0.0, 0.1, 0.3, 0.5, 0.7, 1.0)
FOLLOWED = 30  # drawings, at most, that are spoiled, and that every value of refine is tried on
SHOWN = 10  # faces in a grid
LEAST_PHOTOS = 8  # that can be halved
COLUMNS = ("kd", "rank1", "distance", "edge_f1", "psnr", "ssim")


def portraits_section(lab: Lab) -> Section:
    """Limner and all baselines on real drawings and on lines of sharp photos."""
    section = Section("portraits", "Portraits of held-out drawings")
    candidates = [*_ours(lab), *_baselines(lab, section)]
    eyes = []
    for case in lab.cases:
        table = _compared(lab, case, candidates, section)
        section.tables.append(table)
        numbers = {row.label: row.numbers for row in table.rows}
        ours = numbers[lab.ours().name]
        section.facts |= {f"{key}_{case.name}": ours[key] for key in COLUMNS}
        pix2pix = [kept for label, kept in numbers.items() if label.startswith(Pix2PixPortraits.label)]
        if pix2pix:
            section.facts[f"kd_{case.name}_over_pix2pix"] = ours["kd"].over(pix2pix[0]["kd"])
        eyes.append(eye_error(lab.networks.frame_finder, case))
        section.facts[f"eye_error_{case.name}"] = mean_of(eyes[-1])
    section.facts["eye_error"] = mean_of(np.concatenate(eyes))
    return section


def _ours(lab: Lab) -> list[Portraits]:
    others = [Portraits.of_weights(folder, name) for name, folder in lab.settings.others]
    return [lab.ours(), *(lab.ours(refine) for refine in REFINES), *others]


def _baselines(lab: Lab, section: Section) -> list[Candidate]:
    found: list[Candidate] = [lab.mean_face, NearestPhoto(lab.networks, lab.settings.data, lab.photos), TheDrawing()]
    folder = lab.settings.baselines
    if folder is not None and trained_minutes(folder / "pix2pix") is not None:
        found.insert(0, Pix2PixPortraits.trained_in(folder / "pix2pix", lab.networks.frame_finder))
    else:
        section.missing.append(
            "The pix2pix baseline is missing: train it with 'limner train pix2pix' and name the training's folder with "
            "--baselines."
        )
    return found


def _compared(lab: Lab, case: Case, candidates: Sequence[Candidate], section: Section) -> Table:
    reference = Reference.of(case)
    rows, shown = [], [np.repeat(case.drawings[:SHOWN, ..., None], 3, 3)]
    if len(case.photos) >= LEAST_PHOTOS:
        rows.append(Row("the photos, one half against the other", {"kd": real_against_real(reference.features)}))
    for candidate in candidates:
        portraits = lab.portraits(candidate, case)
        rows.append(Row(candidate.name, measure(portraits, reference)))
        shown.append(portraits[:SHOWN])
    section.grids[case.name] = side_by_side([*shown, case.photos[:SHOWN]])
    note = (
        f"{len(case.photos)} drawings, each looked for among {len(reference.gallery)} photos. In the picture, from top "
        "to bottom: the drawing, the rows of the table from the second on, the photo."
    )
    return Table(case.name, case.title, COLUMNS, tuple(rows), note, case.name)


def measure(portraits: np.ndarray, reference: Reference) -> dict[str, Estimate]:
    """All metrics of portraits (N, 256, 256, 3) uint8 against the photos and drawings of a case."""
    ours, case = descriptors(portraits), reference.case
    pairs = zip(edges_of(case.drawings), edges_of(portraits), strict=True)
    return {
        "kd": kernel_distance(embeddings(portraits), reference.features),
        "rank1": rank_one(ours, reference.gallery),
        "distance": mean_of(np.linalg.norm(ours - reference.gallery[: len(ours)], axis=1)),
        "edge_f1": mean_of(np.array([edge_f1(drawn, found) for drawn, found in pairs])),
        "psnr": mean_of(psnrs(portraits, case.photos)),
        "ssim": mean_of(ssims(portraits, case.photos)),
    }


def real_against_real(features: np.ndarray) -> Estimate:
    """The kernel distance of two halves of the photos, by features (N, D): nothing gets below it but by chance."""

    def halves(seed: int) -> float:
        order = np.random.default_rng(seed).permutation(len(features))
        middle = len(order) // 2
        return kernel_distance(features[order[:middle]], features[order[middle:]], resamples=1).value

    values = np.array([halves(seed) for seed in range(20)])
    return bootstrap(len(values), lambda rows: float(values[rows].mean()))


def robustness_section(lab: Lab) -> Section:
    """The default at other values of refine, and on drawings with strokes erased and bent."""
    section = Section("robustness", "What becomes of spoiled drawings, and of refine")
    few = min(FOLLOWED, lab.settings.most // 2)
    real = lab.cases[0].some(few)
    reference = Reference.of(real)
    rows = [Row(f"refine {v:g}", measure(lab.portraits(lab.ours(v), real), reference)) for v in SWEEP]
    note = f"{len(real.photos)} drawings. Refine 1 is without manifold projection, 0 all of it."
    section.tables.append(Table("refine", f"Refine: {real.title}", COLUMNS, tuple(rows), note))
    lines = line_drawings(lab.sharp).some(few)
    rows, shown = [], []
    for case in (lines, *spoiled(lines)):
        portraits = lab.portraits(lab.ours(), case)
        rows.append(Row(case.title, measure(portraits, Reference.of(case))))
        shown += [np.repeat(case.drawings[:SHOWN, ..., None], 3, 3), portraits[:SHOWN]]
    section.grids["spoiled"] = side_by_side(shown)
    note = "In the picture, in pairs of rows: the drawing and its portrait, in the order of the table."
    section.tables.append(Table("spoiled", "Strokes erased or bent", COLUMNS, tuple(rows), note, "spoiled"))
    return section
