# SPDX-License-Identifier: Apache-2.0
"""Builds the bank of component codes from clean line drawings of training faces, mirrored ones included."""

import numpy as np
import torch
from tqdm import tqdm

from limner.models.bank import CodeBank
from limner.models.components import PARTS, ComponentEmbedding
from limner.models.manifold import Projection
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


def encode_and_project(
    embedding: ComponentEmbedding, bank: CodeBank, ink: torch.Tensor, own: torch.Tensor
) -> tuple[dict[str, torch.Tensor], dict[str, Projection]]:
    """Codes by part, (N, D) each, of drawings (N, 1, 256, 256) in [0, 1], and their projections onto the faces of
    others than those in the rows `own` (N,). In single precision: neighbors differ by little."""
    codes = {part: code.float() for part, code in embedding.encode(ink).items()}
    with torch.autocast(ink.device.type, enabled=False):
        return codes, bank.project(codes, own=own.to(ink.device))
