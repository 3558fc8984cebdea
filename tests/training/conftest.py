# SPDX-License-Identifier: Apache-2.0
"""A data set of a few crude faces in the format of the index, drawn by code."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.faces import face_landmarks, face_photo


@pytest.fixture(scope="session")
def face_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `limner train --data` takes it: eight photos, a drawing of one, two of the photos held out."""
    folder = tmp_path_factory.mktemp("faces")
    rows = []
    for i in range(8):
        kind = "ffhq_512" if i % 2 else "stylegan_256"
        rows.append((f"{i}.png", kind, "val" if i >= 6 else "train", 512 if i % 2 else 256, ""))
        picture = cv2.resize(face_photo(3 * i), (rows[-1][3],) * 2)
        cv2.imwrite(str(folder / rows[-1][0]), picture[:, :, ::-1])
    rows.append(("drawn.png", "feret_sketch", "train", 256, "0.png"))
    cv2.imwrite(str(folder / "drawn.png"), 255 - cv2.Canny(face_photo(), 50, 120))
    with open(folder / "index.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "set", "split", "size", "source_px", "pair"))
        writer.writerows((file, kind, split, size, size, pair) for file, kind, split, size, pair in rows)
    np.savez(folder / "landmarks.npz", points=np.stack([face_landmarks()] * len(rows)))
    return folder
