# SPDX-License-Identifier: Apache-2.0
"""An engine of small untrained networks, and drawings for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from limner.models.registry import load_networks
from limner.pipelines.base import Outcome, Request
from limner.pipelines.engine import Engine
from tests.support.tiny import write_weights


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(load_networks(write_weights(tmp_path_factory.mktemp("weights")), torch.device("cpu")))


def face_drawing(mouth: int = 0) -> np.ndarray:
    """A face in a few strokes, (512, 512, 1) uint8 ink on paper; `mouth` lowers one corner of the mouth by pixels."""
    paper = np.full((512, 512), 255, np.uint8)
    cv2.ellipse(paper, (256, 270), (150, 205), 0, 0, 360, 0, 3, cv2.LINE_AA)
    for x in (189, 322):
        cv2.ellipse(paper, (x, 242), (30, 13), 0, 0, 360, 0, 3, cv2.LINE_AA)
        cv2.circle(paper, (x, 242), 9, 0, -1, cv2.LINE_AA)
        cv2.line(paper, (x - 34, 205), (x + 34, 203), 0, 4, cv2.LINE_AA)
    cv2.polylines(paper, [np.int32([(250, 250), (236, 335), (276, 338)])], False, 0, 3, cv2.LINE_AA)
    cv2.line(paper, (205, 400), (256, 406), 0, 3, cv2.LINE_AA)
    cv2.line(paper, (256, 406), (307, 400 + mouth), 0, 3, cv2.LINE_AA)
    return paper[..., None]


def run(
    engine: Engine,
    sketch: np.ndarray,
    task: str = "portrait",
    canvas: str = "",
    images: Mapping[str, np.ndarray] | None = None,
    **params: Any,
) -> Outcome:
    """Runs one job the way the server does: parameters validated against the schema."""
    checked = engine.schema()[task].validate({"frame": "full", **params})
    request = Request(task, {"sketch": sketch, **(images or {})}, checked, canvas)
    return engine.run(request, lambda stage, fraction, preview=None: None)
