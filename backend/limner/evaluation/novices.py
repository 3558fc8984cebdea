# SPDX-License-Identifier: Apache-2.0
"""Section of the report: drawings in a handful of strokes by people who cannot draw, from plausible to literal."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from limner.evaluation.candidates import halved
from limner.evaluation.cases import SIDE
from limner.evaluation.lab import Lab
from limner.evaluation.metrics import mean_of, share_of
from limner.evaluation.sections import Row, Section, Table, side_by_side
from limner.imaging.color import on_white
from limner.imaging.decode import read_picture
from limner.pipelines.base import JobError, Outcome, Request
from limner.pipelines.defaults import REFINE
from limner.pipelines.engine import Engine

SHOWN_AT = (0.0, REFINE, 1.0)
STEPS = tuple(round(0.1 * i, 1) for i in range(11))
MOVED = 3  # drawings that are followed from 0 to 1
ACROSS = 5  # drawings in a line of the picture


def portrait(engine: Engine, picture: np.ndarray, refine: float) -> Outcome:
    """A drawing (H, W, C) as the editors send it, the face to be found. Raises JobError."""
    params = engine.schema()["portrait"].validate({"refine": refine, "shadow": False})
    return engine.run(Request("portrait", {"sketch": picture}, params), lambda stage, fraction, preview=None: None)


def novices_section(lab: Lab) -> Section:
    """Every drawing at three values of refine, and how evenly refine leads from one to the other."""
    section = Section("novices", "Novice drawings")
    files = sorted(lab.settings.novices.glob("*.png")) if lab.settings.novices else []
    if not files:
        section.missing.append("There are no novice drawings here: name a folder of PNG files with --novices.")
        return section
    tiles, made = [], []
    for file in tqdm(files, desc="novice drawings", unit="drawing"):
        tile = _tile(lab.engine, file)
        made.append(tile is not None)
        tiles.append(np.full((4, SIDE, SIDE, 3), 255, np.uint8) if tile is None else tile)
    lines = [np.concatenate(tiles[i : i + ACROSS]) for i in range(0, len(tiles), ACROSS)]
    blank = np.full((4 * ACROSS, SIDE, SIDE, 3), 255, np.uint8)
    section.show(
        "novices",
        side_by_side([np.concatenate([line, blank[len(line) :]]) for line in lines]),
        "In fours: the drawing with the frame that was found, refine 0, 0.3 and 1.",
    )
    section.facts["novices_made"] = share_of(np.array(made))
    section.tables.append(_followed(lab.engine, files[: MOVED * 3 : 3], section))
    return section


def _tile(engine: Engine, file: Path) -> np.ndarray | None:
    """The drawing with its frame and the portraits, (4, 256, 256, 3) uint8; None where it was refused."""
    picture = read_picture(file)
    try:
        outcomes = [portrait(engine, picture, refine) for refine in SHOWN_AT]
    except JobError:
        return None
    sheet = (on_white(picture) * 255).astype(np.uint8)
    corners = outcomes[0].info["frame"]
    x, y, size, angle = (corners[key] for key in ("x", "y", "size", "angle"))
    box = cv2.boxPoints(((x + size / 2, y + size / 2), (size, size), angle))
    thick = max(2, max(sheet.shape) // 150)
    cv2.polylines(sheet, [np.round(box).astype(np.int32)], True, (220, 60, 60), thick, cv2.LINE_AA)
    return np.stack([_fitted(sheet), *(halved(outcome.images["portrait"]) for outcome in outcomes)])


def _fitted(sheet: np.ndarray) -> np.ndarray:
    """A picture of any size inside 256x256 pixels of gray."""
    scale = SIDE / max(sheet.shape[:2])
    small = cv2.resize(sheet, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((SIDE, SIDE, 3), 200, np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small[:SIDE, :SIDE]
    return canvas


def _followed(engine: Engine, files: list[Path], section: Section) -> Table:
    """How much portraits move between neighboring values of refine."""
    moves = []
    for file in tqdm(files, desc="from plausible to literal", unit="drawing"):
        pictures = [portrait(engine, read_picture(file), v).images["portrait"][..., :3].astype(float) for v in STEPS]
        moves.append([float(np.abs(b - a).mean()) for a, b in pairwise(pictures)])
    way = np.array(moves)  # (drawings, steps)
    section.facts["refine_largest_step"] = mean_of(way.max(1) / way.sum(1).clip(1e-9))
    steps = enumerate(pairwise(STEPS))
    rows = [Row(f"{a:g} to {b:g}", {"moved": mean_of(way[:, i])}) for i, (a, b) in steps]
    return Table("refine-steps", "Refine in steps of a tenth", ("moved",), tuple(rows), f"{len(files)} drawings.")
