# SPDX-License-Identifier: Apache-2.0
"""How well the face is found: held-out drawings moved, scaled and tilted on larger paper."""

import numpy as np

from limner.evaluation.cases import SIDE, Case
from limner.imaging.frame import CANVAS, extract
from limner.imaging.sketch import normalize_sketch
from limner.models.frame_finder import POINTS, FrameFinder
from limner.pipelines.framing import find_face
from limner.training.frame_finder import random_search

VIEWS = 3  # of each drawing
SHEET = 512  # side of the paper in pixels


def eye_error(finder: FrameFinder, case: Case) -> np.ndarray:
    """Distance of the found eyes from where the frame has them, as a share of the face frame's side: (N,), the mean of
    the views of each drawing.

    The similarities are those of training: the frame fills a third to all of the paper, tilted by up to 45 degrees."""
    errors = []
    for i, drawing in enumerate(case.drawings):
        rng = np.random.default_rng((11, i))
        for _ in range(VIEWS):
            square = random_search(SIDE, rng)
            sheet = normalize_sketch(extract(drawing, square, SHEET, 255)[..., None])
            eyes = square.to_canvas(POINTS[:2] * SIDE, SHEET)
            found = find_face(sheet, finder).from_canvas(POINTS[:2] * CANVAS)
            errors.append(np.linalg.norm(found - eyes, axis=1).mean() / (SHEET * SIDE / square.size))
    return np.array(errors).reshape(len(case.drawings), VIEWS).mean(1)
