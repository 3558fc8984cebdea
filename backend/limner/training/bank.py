# SPDX-License-Identifier: Apache-2.0
"""The bank of component codes, of clean line drawings of training faces and their mirror images, and what it says of
drawings in training."""

from collections.abc import Mapping

import numpy as np
import torch
from tqdm import tqdm

from limner.models.bank import CodeBank, refine_codes
from limner.models.components import PARTS, ComponentEmbedding
from limner.models.feature_mapping import spread_over_windows
from limner.models.synthesis import Conditions
from limner.training.drawn import DrawnFaces

CHUNK = 32
SOFT_SET, SOFT_STRIDE = "lfw_256", 4  # of the soft photos every fourth is taken


def bank_rows(faces: DrawnFaces) -> np.ndarray:
    """The photos whose drawings make the bank."""
    soft = [i for i in faces.train if faces.faces[i].set == SOFT_SET]
    rest = [i for i in faces.train if faces.faces[i].set != SOFT_SET]
    return np.array(sorted(rest + soft[::SOFT_STRIDE]))


@torch.no_grad()
def build_bank(faces: DrawnFaces, embedding: ComponentEmbedding) -> CodeBank:
    """Encodes every chosen face and its mirror image; `faces` of the bank are rows of `faces.faces`."""
    rows, codes = bank_rows(faces), {part: list[torch.Tensor]() for part in PARTS}
    owners = []
    for chunk in tqdm(np.array_split(rows, -(-len(rows) // CHUNK)), desc="building the bank", unit="batch"):
        ink = faces.clean(chunk, np.zeros(len(chunk), bool))
        for drawing in (ink, ink.flip(3)):  # (N, 1, 256, 256) in [0, 1], 1 = ink
            for part, code in embedding.encode(drawing).items():
                codes[part].append(code)
            owners.append(torch.from_numpy(chunk))
    return CodeBank({part: torch.cat(c) for part, c in codes.items()}, torch.cat(owners))


def frozen_conditions(
    embedding: ComponentEmbedding,
    bank: CodeBank,
    ink: torch.Tensor,
    own: torch.Tensor,
    literal: Mapping[str, torch.Tensor],
    color: torch.Tensor,
    mapped: torch.Tensor,
) -> Conditions:
    """Encodes drawings (N, 1, 256, 256) in [0, 1], projects their codes onto the faces of others than those in the rows
    `own` (N,), and blends them by `literal`, by part, (N,) each in [0, 1], which is the trust in the lines, too.

    The projection is in single precision: neighbors differ by little. color, mapped: as in `Conditions`."""
    codes = {part: code.float() for part, code in embedding.encode(ink).items()}
    with torch.autocast(ink.device.type, enabled=False):
        projections = bank.project(codes, own=own.to(ink.device))
    return Conditions(refine_codes(codes, projections, literal), ink, spread_over_windows(literal), color, mapped)
