# SPDX-License-Identifier: Apache-2.0
"""Faces to work on, and stand-ins for the networks that are downloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from limner.evaluation import features
from limner.evaluation.cases import Case, line_drawings
from tests.support.faces import face_photo, write_face_data


@pytest.fixture(scope="session")
def face_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of a few crude faces."""
    return write_face_data(tmp_path_factory.mktemp("faces"))


@pytest.fixture(autouse=True)
def small_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures are their own features."""

    def seen(pictures: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(pictures, 32).flatten(1) / 255

    monkeypatch.setattr(features, "efficientnet", seen)
    monkeypatch.setattr(features, "descriptor", seen)


def some_lines(count: int = 8) -> Case:
    """Lines of crude faces."""
    return line_drawings(np.stack([face_photo(3 * i) for i in range(count)]))
