# SPDX-License-Identifier: Apache-2.0
"""Section of the report: sketch inversion in every style beside a U-Net of its size, and by the paper's protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
from tqdm import tqdm

from limner.evaluation.baselines import read_baseline, trained_minutes
from limner.evaluation.candidates import halved
from limner.evaluation.cases import SIDE, Case, held_out_of
from limner.evaluation.features import descriptors
from limner.evaluation.lab import Lab, Reference
from limner.evaluation.metrics import Estimate, likeness, mean_of, pearsons, psnrs, rank_one
from limner.evaluation.sections import Row, Section, Table, side_by_side
from limner.imaging.styles import sketch_photo
from limner.models.codec import to_pixels
from limner.models.frame_finder import FrameFinder
from limner.models.inversion import STYLES, Inversion, InversionConfig
from limner.pipelines.base import JobError, Request
from limner.pipelines.engine import Engine
from limner.pipelines.inversion import read_sketch

SHOWN = 10
PAPER_SIDE = 96
LFW = "lfw_256"
BLOCK = 8  # pixels over which colors are averaged before they are compared
COLUMNS = ("psnr", "ssim", "pearson")

Invert = Callable[[np.ndarray, str], np.ndarray]  # sketches (N, 256, 256[, 3]) uint8 and their style -> portraits


@dataclass(frozen=True)
class Inverter:
    """Something that turns sketches into portraits, and what the report calls it."""

    name: str
    invert: Invert


def by_engine(engine: Engine, sketches: np.ndarray, style: str) -> np.ndarray:
    """`limner invert`: through the codec to 512 pixels, halved; (N, 256, 256, 3) uint8."""
    made: list[np.ndarray] = []
    for sketch in tqdm(sketches, desc=f"invert {style}", unit="sketch"):
        params = engine.schema()["invert"].validate({"style": style, "frame": "full"})
        request = Request("invert", {"sketch": np.atleast_3d(sketch)}, params)
        try:
            outcome = engine.run(request, lambda stage, fraction, preview=None: None)
        except JobError:  # taken for no sketch: a gray picture counts against us
            made.append(np.full((SIDE, SIDE, 3), 128, np.uint8))
            continue
        made.append(halved(outcome.images["portrait"]))
    return np.stack(made)


@torch.inference_mode()
def by_network(network: Inversion, finder: FrameFinder, sketches: np.ndarray, style: str) -> np.ndarray:
    """The network alone, enlarged from its own size; (N, 256, 256, 3) uint8."""
    made = []
    for sketch in sketches:
        try:
            read = read_sketch(np.atleast_3d(sketch), style, "full", finder)
            own = to_pixels(network(read.sketch, style))[0]  # (128, 128, 3)
            made.append(cv2.resize(own, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
        except JobError:
            made.append(np.full((SIDE, SIDE, 3), 128, np.uint8))
    return np.stack(made)


def opponent_colors(pictures: np.ndarray) -> np.ndarray:
    """Red against green and yellow against blue, in blocks of 8x8 pixels: (N, H, W, 3) uint8 -> (N, 2, H/8, W/8)."""
    blocks = np.stack([cv2.resize(p, None, fx=1 / BLOCK, fy=1 / BLOCK, interpolation=cv2.INTER_AREA) for p in pictures])
    red, green, blue = np.moveaxis(blocks.astype(np.float32), 3, 0)
    return np.stack([red - green, (red + green) / 2 - blue], 1)


def kept_colors(pictures: np.ndarray, sketches: np.ndarray) -> dict[str, Estimate]:
    """How far the colors of pictures are those of their colored sketches, (N, 256, 256, 3) uint8 each: the mean error
    in opponent colors, in 0..255, and their correlation."""
    ours, theirs = opponent_colors(pictures), opponent_colors(sketches)
    return {"color_error": mean_of(np.abs(ours - theirs).mean((1, 2, 3))), "color_r": mean_of(pearsons(ours, theirs))}


def inversion_section(lab: Lab) -> Section:
    """All styles on sharp photos, the real drawings, and the paper's protocol."""
    section = Section("inversion", "Convolutional Sketch Inversion")
    if lab.networks.inversion is None:
        section.missing.append("These weights have no inversion.safetensors: train it with 'limner train inversion'.")
        return section
    inverters = _inverters(lab, section)
    for style in STYLES:
        section.tables.append(_style_table(lab, inverters, style, section))
    real = [case for case in lab.cases if case.name != "lines"]
    if real:
        section.tables.append(_real_drawings(inverters[0], real, section))
    lfw = held_out_of(lab.settings.data, LFW, lab.settings.most)
    if len(lfw):
        section.tables.append(_paper_protocol(inverters[0], lfw))
    return section


def _inverters(lab: Lab, section: Section) -> list[Inverter]:
    network, finder, folder = lab.networks.inversion, lab.networks.frame_finder, lab.settings.baselines
    assert network is not None
    found = [
        Inverter("limner invert, by the codec", partial(by_engine, lab.engine)),
        Inverter("the network alone", partial(by_network, network, finder)),
    ]
    minutes = None if folder is None else trained_minutes(folder / "inversion_baseline")
    if folder is None or minutes is None:
        section.missing.append(
            "The U-Net of the same size is missing: train it with 'limner train inversion_baseline' and name the "
            "training's folder with --baselines."
        )
    else:
        unet = read_baseline(Inversion(InversionConfig("unet")), folder / "inversion_baseline")
        found.append(Inverter(f"U-Net of the same size, {minutes:.0f} min", partial(by_network, unet, finder)))
    return found


def _style_table(lab: Lab, inverters: list[Inverter], style: str, section: Section) -> Table:
    photos = lab.sharp
    sketches = np.stack([sketch_photo(photo, style) for photo in photos])
    shown = [sketches[:SHOWN] if sketches.ndim == 4 else np.repeat(sketches[:SHOWN, ..., None], 3, 3)]
    rows, made = [], {}
    for inverter in inverters:
        made[inverter.name] = inverter.invert(sketches, style)
    made["mean face"] = np.repeat(lab.mean_face.mean[None], len(photos), 0)
    for name, pictures in made.items():
        kept = kept_colors(pictures, sketches) if style == "color" else {}
        rows.append(Row(name, {**likeness(pictures, photos), **kept}))
        shown.append(pictures[:SHOWN])
    section.facts |= {f"inversion_{key}_{style}": value for key, value in rows[0].numbers.items()}
    if len(inverters) > 2:
        ours, theirs = (psnrs(made[inverter.name], photos) for inverter in inverters[1:])
        section.facts[f"inversion_gain_{style}"] = mean_of(ours - theirs)
    if style == "color":
        rows.append(Row("the photos", kept_colors(photos, sketches)))
    grid = f"inversion-{style}"
    section.grids[grid] = side_by_side([*shown, photos[:SHOWN]])
    columns = (*COLUMNS, "color_error", "color_r") if style == "color" else COLUMNS
    note = f"{len(photos)} sharp photos. In the picture: the sketch, the first rows of the table, the photo."
    return Table(grid, f"Sketches of style '{style}'", columns, tuple(rows), note, grid)


def _real_drawings(inverter: Inverter, cases: list[Case], section: Section) -> Table:
    rows, shown = [], []
    for case in cases:
        reference = Reference.of(case)
        shown.append(np.repeat(case.drawings[:SHOWN, ..., None], 3, 3)[:SHOWN])
        for style in ("gray", "line"):
            pictures = inverter.invert(case.drawings, style)
            who = descriptors(pictures)
            distance = mean_of(np.linalg.norm(who - reference.gallery[: len(who)], axis=1))
            numbers = {"rank1": rank_one(who, reference.gallery), "distance": distance}
            rows.append(Row(f"{case.title}, as {style}", {**numbers, **likeness(pictures, case.photos)}))
            section.facts[f"inversion_rank1_{case.name}_{style}"] = numbers["rank1"]
            shown.append(pictures[:SHOWN])
        shown.append(case.photos[:SHOWN])
    widest = max(len(line) for line in shown)
    blank = np.full((widest, SIDE, SIDE, 3), 255, np.uint8)
    section.grids["inversion-real"] = side_by_side([np.concatenate([line, blank[len(line) :]]) for line in shown])
    note = "In the picture, in fours: the drawing, inverted as a gray sketch, as a line sketch, the photo."
    columns = ("rank1", "distance", *COLUMNS)
    return Table("inversion-real", "Real pencil drawings", columns, tuple(rows), note, "inversion-real")


def _paper_protocol(inverter: Inverter, photos: np.ndarray) -> Table:
    """LFW, as the paper has it, at 256 and, as the paper does, at 96 pixels."""

    def small(pictures: np.ndarray) -> np.ndarray:
        return np.stack([cv2.resize(p, (PAPER_SIDE, PAPER_SIDE), interpolation=cv2.INTER_AREA) for p in pictures])

    rows = []
    for style in STYLES:
        pictures = inverter.invert(np.stack([sketch_photo(photo, style) for photo in photos]), style)
        rows.append(Row(f"{style}, 256 pixels", likeness(pictures, photos)))
        rows.append(Row(f"{style}, reduced to {PAPER_SIDE}", likeness(small(pictures), small(photos))))
    note = (
        f"{len(photos)} held-out photos of LFW. The paper trains on CelebA, tests on all 13,233 photos of LFW in crops "
        "of 96x96 pixels, and identifies its inversions of CUFS's 188 drawings. Its numbers could not be recovered, "
        "and its crops are tighter than these: the rows stand beside its protocol, not against its numbers. "
        "Identification on CUFS (CUHK, AR) is in the table above."
    )
    return Table("inversion-lfw", "The paper's protocol: LFW", COLUMNS, tuple(rows), note)
