# SPDX-License-Identifier: Apache-2.0
"""The whole report on a few crude faces, with small untrained networks and stand-ins for the downloaded ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from limner.evaluation import evaluate as module
from limner.evaluation.candidates import NearestPhoto, TheDrawing
from limner.evaluation.cases import Case, line_drawings, spoiled
from limner.evaluation.evaluate import Reference, evaluate, measure
from limner.evaluation.features import _read_quantized
from limner.evaluation.report import write_report
from limner.models.bank import CodeBank
from limner.models.components import ComponentEmbedding
from limner.models.registry import load_networks, save_bank
from limner.training.bank import build_bank
from limner.training.drawn import DrawnFaces
from tests.support.faces import face_photo
from tests.support.tiny import COMPONENTS, random_codes, write_weights


@pytest.fixture(autouse=True)
def small_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures are their own features."""

    def features(pictures: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(pictures, 32).flatten(1) / 255

    monkeypatch.setattr(module, "efficientnet", features)
    monkeypatch.setattr(module, "descriptor", features)


def some_lines(count: int = 8) -> Case:
    return line_drawings(np.stack([face_photo(3 * i) for i in range(count)]))


def test_the_report_of_untrained_networks_is_complete(face_data: Path, tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "weights")
    save_bank(CodeBank(random_codes(16), torch.arange(16) % 8), weights, "untrained")  # faces that the data has
    report = evaluate(face_data, weights, most=8)
    page = write_report(report, tmp_path / "report")
    rows = json.loads((tmp_path / "report" / "report.json").read_text())["rows"]
    ours = [row for row in rows if row["case"] == "lines" and row["candidate"].startswith("Limner")]
    assert [row["candidate"] for row in ours] == ["Limner, refine 0.3", "Limner, refine 0", "Limner, refine 1"]
    assert {row["case"] for row in rows} >= {"lines", "erased-25", "erased-75", "bent-12"}
    assert all(row["psnr"]["n"] == 2 for row in ours)
    assert {"mean face", "nearest training photo", "the drawing itself"} <= {row["candidate"] for row in rows}
    assert report.facts["eye_error_lines"].count == 2 * 3
    assert "lines.png" in page.read_text()
    grid = cv2.imread(str(tmp_path / "report" / "lines.png"))
    assert grid.shape == ((1 + 6 + 1) * 256, 2 * 256, 3)


def test_a_photo_measured_against_itself_is_perfect() -> None:
    case = some_lines()
    reference = Reference.of(case)
    perfect, drawing = measure(case.photos ^ 1, reference), measure(TheDrawing().portraits(case), reference)
    assert perfect["rank1"].value == 1
    assert perfect["distance"].value < 0.1
    assert perfect["ssim"].value > 0.99
    assert perfect["psnr"].value == pytest.approx(20 * np.log10(255))
    assert drawing["edge_f1"].value == pytest.approx(1)
    assert drawing["kd"].value > perfect["kd"].value
    assert drawing["psnr"].value < 20


def test_spoiled_drawings_keep_less_or_move() -> None:
    case = some_lines(2)
    ink = {spoil.name: 255 - spoil.drawings.astype(float) for spoil in spoiled(case)}
    whole = 255 - case.drawings.astype(float)
    assert ink["erased-75"].sum() < ink["erased-50"].sum() < ink["erased-25"].sum() < whole.sum()
    moved = [np.abs(ink[f"bent-{jitter}"] - whole).mean() for jitter in (4, 8, 12)]
    assert 0 < moved[0] < moved[1]
    assert ink["bent-12"].sum() > 0.7 * whole.sum()


def test_the_nearest_photo_of_a_clean_drawing_is_the_photo_and_its_mirror_image(
    face_data: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    faces = DrawnFaces(face_data, tmp_path)
    embedding = ComponentEmbedding(COMPONENTS).eval()
    for encoder in embedding.encoders.values():
        assert isinstance(encoder.norm, torch.nn.BatchNorm1d)
        encoder.norm.running_var.fill_(1e-6)  # untrained codes hardly differ
    networks = load_networks(write_weights(tmp_path / "weights"), torch.device("cpu"))
    networks = replace(networks, components=embedding, bank=build_bank(faces, embedding))
    nearest = NearestPhoto(networks, face_data, faces.faces)
    photo = np.asarray(faces.photos[int(faces.train[0])])
    clean = faces.clean(faces.train[:1], np.zeros(1, bool))[0, 0].numpy()
    for flip in (False, True):
        drawing = ((1 - clean) * 255).astype(np.uint8)
        wanted = photo[:, ::-1] if flip else photo
        case = Case("one", "one", np.ascontiguousarray(drawing[:, ::-1] if flip else drawing)[None], wanted[None])
        assert np.abs(nearest.portraits(case)[0].astype(int) - wanted).mean() < 3


def test_quantized_weights_are_scaled_back() -> None:
    entries = [
        {"name": "a", "shape": [2, 2], "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0}},
        {"name": "b", "shape": [1]},
    ]
    raw = bytes([0, 2, 4, 255]) + np.float32(3.25).tobytes()
    tensors = _read_quantized(entries, raw)
    assert tensors["a"].tolist() == [[-1, 0], [1, 126.5]]
    assert tensors["b"].tolist() == [3.25]
